import { describe, expect, it } from 'vitest'
import { createTargets, targetKey } from '../../../src/translate/prometheus/targets.ts'

const targets = (options: Partial<Parameters<typeof createTargets>[0]> = {}) => {
  const changed: string[] = []
  const store = createTargets({ max: 10, ttlMs: 1000, onChange: (key) => void changed.push(key), ...options })
  return { store, changed: () => changed.splice(0) }
}

describe('createTargets', () => {
  it('replaces all attributes, and says when they are other ones', () => {
    const { store, changed } = targets()
    store.set('k', [['a', '1']], 5)
    expect([store.has('k'), store.attributes('k'), changed()]).toEqual([true, [['a', '1']], ['k']])
    const { revision } = store
    store.set('k', [['a', '1']], 6)
    expect([changed(), store.revision > revision]).toEqual([[], true])
    store.set('k', [['b', '2']], 7)
    expect([store.attributes('k'), changed()]).toEqual([[['b', '2']], ['k']])
    expect([store.has('x'), store.attributes('x')]).toEqual([false, []])
  })

  it('knows one whose key is long', () => {
    const { store } = targets()
    const key = targetKey('', 'j'.repeat(10_000), 'i')
    store.set(key, [['a', '1']], 5)
    expect([store.has(key), store.attributes(key)]).toEqual([true, [['a', '1']]])
    store.forget(key, [['a', '1']])
    expect([store.has(key), store.size]).toEqual([false, 0])
  })

  it('forgets one that ends, but not by the end of one before it', () => {
    const { store, changed } = targets()
    store.set('k', [['a', '2']], 5)
    changed()
    store.forget('k', [['a', '1']])
    store.forget('x', [])
    expect([store.size, changed()]).toEqual([1, []])
    store.forget('k', [['a', '2']])
    expect([store.size, store.attributes('k'), changed()]).toEqual([0, [], ['k']])
  })

  it('lets go of the one seen longest ago when there are too many', () => {
    const { store, changed } = targets({ max: 2 })
    store.set('a', [], 1)
    store.set('b', [], 2)
    store.set('a', [], 3)
    store.set('c', [], 4)
    expect([store.rows().map(({ key }) => key), changed()]).toEqual([
      ['a', 'c'],
      ['a', 'b', 'c', 'b'],
    ])
  })

  it('has a bound in bytes, and keeps the newest whatever it takes', () => {
    const { store } = targets({ maxLength: 20 })
    store.set('a', [['x', '1'.repeat(8)]], 1)
    store.set('b', [['x', '1'.repeat(8)]], 2)
    expect(store.size).toBe(2)
    store.set('c', [['x', '1'.repeat(9)]], 3)
    expect(store.rows().map(({ key }) => key)).toEqual(['c'])
    store.set('d', [['x', '1'.repeat(99)]], 4)
    expect(store.rows().map(({ key }) => key)).toEqual(['d'])
    store.set('d', [], 5)
    store.set('e', [['x', '1'.repeat(8)]], 6)
    expect(store.size).toBe(2)
  })

  it('forgets those that were not seen for too long', () => {
    const { store } = targets()
    store.set('a', [], 0)
    store.set('b', [], 500)
    store.expire(1000)
    expect(store.size).toBe(2)
    store.expire(1001)
    expect(store.rows()).toEqual([{ key: 'b', attributes: [], seenMs: 500 }])
  })

  it('takes what was stored, the newest where it is too much, and nothing over what it knows', () => {
    const { store, changed } = targets({ max: 2 })
    store.set('b', [['own', '1']], 9)
    changed()
    store.restore(['a', 'b', 'c'].map((key, seenMs) => ({ key, attributes: [['was', key]] as const, seenMs })))
    expect(store.size).toBe(2)
    expect(store.attributes('c')).toEqual([['was', 'c']])
    expect(changed()).toContain('c')
  })
})

describe('targetKey', () => {
  it('keeps tenant, job and instance apart', () => {
    expect(new Set([targetKey('a', 'b', 'c'), targetKey('ab', '', 'c'), targetKey('', 'ab', 'c'), targetKey('', '', 'abc')]).size).toBe(4)
  })
})
