import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRegistry } from '../../../src/translate/prometheus/registry.ts'

describe('createRegistry', () => {
  it('makes a thing once, and forgets it with its last user', () => {
    const gone: string[] = []
    const registry = createRegistry<string>((value) => void gone.push(value))
    const first = registry.acquire('a', () => 'A')
    expect(registry.acquire('a', () => 'never')).toBe(first)
    const second = registry.acquire('b', () => 'B')
    expect([registry.get(first), registry.get(second), registry.size, registry.keyLength]).toEqual(['A', 'B', 2, 2])
    registry.release(first)
    expect([gone, registry.get(first)]).toEqual([[], 'A'])
    registry.release(first)
    expect([gone, registry.size, [...registry.values()]]).toEqual([['A'], 1, ['B']])
    expect(() => registry.get(first)).toThrow(/BUG/)
    expect(() => registry.release(first)).toThrow(/BUG/)
    expect(registry.acquire('c', () => 'C')).toBe(first)
  })

  it('is a map with counts, whatever is done', () => {
    const key = fc.constantFrom('a', 'bb', 'ccc', 'dddd')
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), key), { maxLength: 60 }), (steps) => {
        const gone: string[] = []
        const registry = createRegistry<string>((value) => void gone.push(value))
        const users = new Map<string, number[]>()
        for (const [acquires, one] of steps) {
          const ids = users.get(one) ?? []
          users.set(one, ids)
          if (acquires) ids.push(registry.acquire(one, () => one))
          else {
            const id = ids.pop()
            if (id !== undefined) registry.release(id)
          }
          const live = [...users].filter(([, held]) => held.length > 0)
          for (const [name, held] of live) for (const id of held) expect(registry.get(id)).toBe(name)
          expect(registry.size).toBe(live.length)
          expect(registry.keyLength).toBe(live.reduce((sum, [name]) => sum + name.length, 0))
        }
      }),
    )
  })
})
