import { describe, expect, it } from 'vitest'
import { createFieldTable } from '../../../src/translate/elasticsearch/fields.ts'

const create = (options: { cap?: number; stamps?: number; onForget?: () => void } = {}) =>
  createFieldTable({ plan: (path, loose) => `${path}${loose ? '?' : ''}`, ...options })

describe('createFieldTable', () => {
  it('has one field for a path, whatever its spelling', () => {
    const { root, find } = create()
    const { field } = find(find(root, 'a', false), 'b', false)
    expect(find(root, 'a.b', false).field).toBe(field)
    expect(find(root, 'a.b', true).field).toBe(field)
    expect([field.path, field.plan]).toEqual(['a.b', 'a.b'])
  })

  it('keeps no more fields than its cap, and forgets those beyond it before the next document', () => {
    let forgotten = 0
    const table = create({ cap: 2, onForget: () => forgotten++ })
    table.begin()
    const [first, , third] = ['a', 'b', 'c'].map((name) => table.find(table.root, name, false))
    expect(third?.field).toMatchObject({ loose: true, plan: 'c?' })
    // Within the document it is one field, but nothing points to it behind that.
    expect(table.find(table.root, 'c', false).field).toBe(third?.field)
    expect(third?.length).toBe(0)
    expect([table.size, forgotten]).toEqual([2, 0])
    table.begin()
    expect(forgotten).toBe(1)
    expect(table.find(table.root, 'c', false).field).not.toBe(third?.field)
    expect(table.find(table.root, 'a', false)).toBe(first)
  })

  it('keeps no long paths: they would be gigabytes', () => {
    const table = create()
    table.begin()
    for (let i = 0; i < 100; i++) {
      const long = `${'x'.repeat(600)}${i}`
      const entry = table.find(table.root, long, false)
      expect(entry.field.loose).toBe(true)
      expect(table.find(table.root, long, false).field).toBe(entry.field)
      expect(table.find(entry, 'below', false).field).toMatchObject({ path: `${long}.below`, loose: true })
    }
    expect(table.size).toBe(0)
    expect(table.root.below).toBeUndefined()
  })

  it('begins anew when it is full', () => {
    const table = create({ cap: 2 })
    const { root } = table
    for (const name of ['a', 'b', 'c']) table.find(root, name, false)
    table.renew()
    expect(table.size).toBe(0)
    expect(table.root).not.toBe(root)
    table.find(table.root, 'a', false)
    const kept = table.root
    table.renew()
    expect(table.root).toBe(kept)
  })

  it('numbers documents by no number that a field has, although they begin again', () => {
    const table = create({ stamps: 3 })
    const fields = ['a', 'b'].map((name) => table.find(table.root, name, false).field)
    for (let i = 0; i < 14; i++) {
      const stamp = table.begin()
      expect(stamp).toBeGreaterThan(0)
      for (const field of fields) expect(field.stamp).not.toBe(stamp)
      const field = fields[i % 2]
      if (field !== undefined) field.stamp = stamp
    }
  })
})
