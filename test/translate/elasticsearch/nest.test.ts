import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { intValue } from '../../../src/otlp/attributes.ts'
import { createKey } from '../../../src/otlp/keys.ts'
import { type KeyValue, ValueType } from '../../../src/otlp/model.ts'
import { deepestNesting, longestPath, nestAttributes, nestPaths, nestRows } from '../../../src/translate/elasticsearch/nest.ts'
import { createDocumentReader, plainAttributes } from '../../support/documents.ts'

const number = (i: number): KeyValue => intValue(createKey(''), i)
const nest = (...paths: string[]) => plainAttributes(nestPaths({ paths, values: paths.map((_, i) => number(i)) }, ''))

/** Paths of all values that are no maps, dots put back, and how deep the deepest is. */
function flatten(list: readonly KeyValue[], prefix = ''): Map<string, bigint> {
  const result = new Map<string, bigint>()
  for (const one of list) {
    const path = prefix + one.key.text
    if (one.type === ValueType.KvList)
      for (const [name, value] of flatten(one.ref as readonly KeyValue[], `${path}.`)) result.set(name, value)
    else result.set(path, BigInt(one.b))
  }
  return result
}

const depth = (list: readonly KeyValue[]): number =>
  1 + Math.max(0, ...list.map((one) => (one.type === ValueType.KvList ? depth(one.ref as readonly KeyValue[]) : 0)))

describe('nestPaths', () => {
  it('nests what dots separate', () => {
    expect(nest('a.b', 'c', 'a.d.e')).toEqual({ a: { b: 0n, d: { e: 2n } }, c: 1n })
  })

  it('keeps a value whose name is the beginning of another one, whichever comes first', () => {
    expect(nest('host', 'host.name', 'host.os.name')).toEqual({ host: 0n, 'host.name': 1n, 'host.os.name': 2n })
    expect(nest('x.host.name', 'x.host')).toEqual({ x: { host: 1n, 'host.name': 0n } })
  })

  it('keeps labels in one piece', () => {
    expect(nest('labels.a.b', 'kubernetes.labels.app.kubernetes.io/name')).toEqual({
      labels: { 'a.b': 0n },
      kubernetes: { labels: { 'app.kubernetes.io/name': 1n } },
    })
  })

  it('takes dots that separate nothing as part of the name', () => {
    expect(nest('a..b', '.c', 'd.', '.', 'e.f..g')).toEqual({ 'a..b': 0n, '.c': 1n, 'd.': 2n, '.': 3n, e: { 'f..g': 4n } })
  })

  it('goes down so far and no further', () => {
    const path = `${'a.'.repeat(100)}z`
    const list = nestPaths({ paths: [path], values: [number(1)] }, '')
    expect(depth(list)).toBe(deepestNesting)
    expect([...flatten(list).keys()]).toEqual([path])
  })

  it('keeps long paths in one piece', () => {
    const longer = `${'a.'.repeat(longestPath / 2)}z`
    expect(nest(longer, 'a.b')).toEqual({ [longer]: 0n, a: { b: 1n } })
  })

  it('takes names of members of every object as names', () => {
    expect(nest('__proto__.a', 'constructor')).toEqual({ ['__proto__']: { a: 0n }, constructor: 1n })
  })

  it('loses nothing, whatever the paths', () => {
    const path = fc.array(fc.constantFrom('a', 'b', 'labels', '', 'c'), { minLength: 1, maxLength: 6 }).map((parts) => parts.join('.'))
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 40 }), (paths) => {
        const list = nestPaths({ paths, values: paths.map((_, i) => number(i)) }, '')
        expect([...flatten(list)].sort()).toEqual(paths.map((one, i) => [one, BigInt(i)] as const).sort())
      }),
    )
  })
})

describe('nestRows', () => {
  it('gives an object back as it was, without what all rows are below', () => {
    const message = { text: 'hello', user: { id: 1, tags: ['a', 2.5, { b: true }] } }
    const { leaves, source } = createDocumentReader().read({ message })
    const rows = [...Array(leaves.count).keys()]
    expect(plainAttributes(nestRows(leaves, source, rows, 'message'))).toEqual({
      ...message,
      user: { id: 1n, tags: ['a', 2.5, { b: true }] },
    })
    expect(plainAttributes(nestRows(leaves, source, rows, ''))).toEqual({
      message: { ...message, user: { id: 1n, tags: ['a', 2.5, { b: true }] } },
    })
  })
})

describe('nestAttributes', () => {
  it('nests below the first names', () => {
    const list = ['http.request.method', 'http.version', 'x'].map((name, i) => intValue(createKey(name), i))
    expect(plainAttributes(nestAttributes(list))).toEqual({ http: { request: { method: 0n }, version: 1n }, x: 2n })
  })
})
