import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFilter, filterOf, parseFilter } from '../../../src/ingest/elasticsearch/filter-path.ts'

const conflict = { type: 'version_conflict_engine_exception', reason: '[1]: version conflict', index_uuid: 'u', shard: '0', index: 'f' }
const taken = { _index: 'f', _id: '1', _shards: { total: 1, successful: 1, failed: 0 }, status: 201 }
const answer = { took: 3, errors: true, items: [{ index: taken }, { create: { _index: 'f', _id: '1', status: 409, error: conflict } }] }

describe('createFilter', () => {
  // What Elasticsearch 7.17 and 8.19 answered.
  it.each<[string, unknown]>([
    ['', answer],
    ['*', answer],
    ['**', answer],
    ['***', answer],
    ['took,errors', { took: 3, errors: true }],
    [' errors , took ', { took: 3, errors: true }],
    ['errors,', { errors: true }],
    ['err*', { errors: true }],
    ['Errors', undefined],
    ['nothing', undefined],
    ['items', { items: answer.items }],
    ['i*s', { items: answer.items }],
    ['i**s', { items: answer.items }],
    ['items.**', { items: answer.items }],
    ['items.*', { items: answer.items }],
    ['items.index', { items: [{ index: taken }] }],
    ['items.*.status', { items: [{ index: { status: 201 } }, { create: { status: 409 } }] }],
    ['items.*.error', { items: [{ create: { error: conflict } }] }],
    ['items.*.error.*', { items: [{ create: { error: conflict } }] }],
    ['items.*.error.caused_by.**', undefined],
    ['items.***.status', { items: [{ index: { status: 201 } }, { create: { status: 409 } }] }],
    ['items.*.s?atus', undefined],
    ['items.0.status', undefined],
    ['items.*.-status', undefined],
    ['items..*', undefined],
    ['.items', undefined],
    ['items.', undefined],
    ['items\\.index,took', { took: 3 }],
    ['*.*._index', { items: [{ index: { _index: 'f' } }, { create: { _index: 'f' } }] }],
    ['**._index', { items: [{ index: { _index: 'f' } }, { create: { _index: 'f' } }] }],
    ['**.create', { items: [answer.items[1]] }],
    ['items.**.create', undefined],
    ['items.**.type', { items: [{ create: { error: { type: conflict.type } } }] }],
    ['**.e*', { items: [{ create: { error: conflict } }] }],
    ['**.*', { items: answer.items }],
    ['items.*.*.*', { items: [{ index: { _shards: taken._shards } }, { create: { error: conflict } }] }],
    ['-', answer],
    ['-,took', { took: 3 }],
    ['-items', { took: 3, errors: true }],
    ['-items.*', { took: 3, errors: true }],
    ['-items.*.*', { took: 3, errors: true }],
    ['-errors,-took,-items', undefined],
    ['took,-took', undefined],
    ['items.*.status,-items.index', { items: [{ create: { status: 409 } }] }],
    ['items.*.error.type,-items.*.error.type', undefined],
    [
      'items.*.error,-items.*.error.shard,-**.index,-**.index_uuid',
      { items: [{ create: { error: { type: conflict.type, reason: conflict.reason } } }] },
    ],
    ['items.*._shards.to*,-items.*._shards.total', undefined],
  ])('%j', (text, expected) => {
    expect(createFilter(text)(answer)).toEqual(expected)
  })

  it('keeps what it is given as it was', () => {
    const before = JSON.stringify(answer)
    createFilter('items.*.status,-took')(answer)
    expect(JSON.stringify(answer)).toBe(before)
  })

  it('keeps names that mean something to JavaScript', () => {
    const value: unknown = JSON.parse('{"__proto__":{"a":1},"constructor":{"a":2}}')
    expect(JSON.stringify(createFilter('*.a')(value))).toBe('{"__proto__":{"a":1},"constructor":{"a":2}}')
  })

  it('looks through lists, and finds dots in names', () => {
    expect(createFilter('a\\.b')([{ 'a.b': 1, a: { b: 2 } }, { c: 3 }])).toEqual([{ 'a.b': 1 }])
  })

  it('answers everything to a list that is too long to be meant', () => {
    expect(createFilter('x,'.repeat(5000))(answer)).toBe(answer)
  })

  it('takes patterns that are made to take long, and deep values', () => {
    const filter = parseFilter(`${'*a'.repeat(2000)},${'**.'.repeat(500)}x`)
    expect(filter?.apply({ [`${'a'.repeat(5000)}b`]: 1 })).toBeUndefined()
    let deep: unknown = 1
    for (let i = 0; i < 10_000; i++) deep = { a: deep }
    expect(filter?.apply(deep)).toBeDefined()
  })
})

describe('filterOf', () => {
  it('says of each simple value whether it stays, as applying it does', () => {
    const name = fc.constantFrom('a', 'b', 'ab', 'a.b', 'c')
    const value = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom(1, 'x', true, null),
        fc.dictionary(name, tie('node'), { minKeys: 1, maxKeys: 3 }),
        fc.array(tie('node'), { minLength: 1, maxLength: 3 }),
      ),
    })).node
    const segment = fc.constantFrom('a', 'b', 'a*', '*', '**', '*b', 'a\\.b', 'c')
    const path = fc
      .tuple(fc.constantFrom('', '', '-'), fc.array(segment, { minLength: 1, maxLength: 4 }))
      .map(([sign, names]) => sign + names.join('.'))
    const leaves = (one: unknown, at: readonly string[]): string[] => {
      if (Array.isArray(one)) return one.flatMap((inner, i) => leaves(inner, [...at, `#${i}`]))
      if (typeof one === 'object' && one !== null) return Object.entries(one).flatMap(([key, inner]) => leaves(inner, [...at, key]))
      return [at.join('/')]
    }
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1 }), fc.array(path, { minLength: 1, maxLength: 3 }), (root, paths) => {
        const filter = filterOf(paths.join(','))
        const names = leaves(root, []).map((leaf) => leaf.split('/').filter((one) => !one.startsWith('#')))
        const staying = names.filter((one) => filter?.keeps(one))
        const left = leaves(filter?.apply(root) ?? [], []).map((leaf) => leaf.split('/').filter((one) => !one.startsWith('#')))
        expect(left.map(String)).toEqual(staying.map(String))
      }),
      { numRuns: 2000 },
    )
  })
})
