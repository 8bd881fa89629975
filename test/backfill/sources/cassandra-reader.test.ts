import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TranslatedPage } from '../../../src/backfill/model.ts'
import { createRowSource, createTokenReader, type KeyForm, sizeOf, type TableForm } from '../../../src/backfill/sources/cassandra-reader.ts'
import type { CassandraStore, CqlRow } from '../../../src/backfill/sources/cassandra-store.ts'
import type { RowItem } from '../../../src/backfill/sources/row-page.ts'
import { never, pagesOf } from '../support/source-deps.ts'

/** A row of a table: partition p with token t, clustering a (may stand in descending order) and b. */
interface Row extends CqlRow {
  readonly p: string
  readonly a: number
  readonly b: number
  readonly bytes: number
}

const number: KeyForm = { text: String, bound: Number }
const plain: KeyForm = { text: String, bound: (text) => text }
const form: TableForm = {
  keyspace: 'k',
  table: 't',
  partition: 'p',
  clustering: ['a', 'b'],
  keys: [plain, number, number],
  columns: ['p', 'a', 'b', 'bytes'],
}

/** Two partitions in three have a token of their own. */
const tokenOf = (p: string): number => Math.floor(Number(p.slice(1)) / 1.5)

/** What a server does with the questions of the reader; page states are places, and are lost now and then. */
function serve(rows: readonly Row[], isDescending: boolean, losesState: () => boolean = () => false) {
  const direction = isDescending ? -1 : 1
  const table = [...rows].sort(
    (x, y) => tokenOf(x.p) - tokenOf(y.p) || (x.p < y.p ? -1 : x.p > y.p ? 1 : 0) || direction * (x.a - y.a) || x.b - y.b,
  )
  const questions: string[] = []
  const ask: CassandraStore['ask'] = async ({ query, values }, state, size) => {
    questions.push(query)
    if (state !== undefined && losesState()) return undefined
    const [first, second, third] = values
    const isOf = (row: Row): boolean => {
      if (query.includes('token(p) = token(?)')) return tokenOf(row.p) === tokenOf(String(first))
      if (query.includes('p = ? AND a = ?')) return row.p === first && row.a === second && row.b > Number(third)
      if (query.includes('p = ? AND a')) return row.p === first && (query.includes('a <') ? row.a < Number(second) : row.a > Number(second))
      if (query.endsWith('p = ?')) return row.p === first
      const from = query.includes('token(p) > token(?)') ? tokenOf(String(first)) : Number(first)
      return tokenOf(row.p) > from && tokenOf(row.p) <= Number(second)
    }
    let found: readonly CqlRow[] = table.filter(isOf)
    if (query.includes('DISTINCT')) found = [...new Set(found.map(({ p }) => p))].map((p) => ({ p }))
    const at = state === undefined ? 0 : Number(state)
    const end = at + size.rows
    return { rows: found.slice(at, end), state: end < found.length ? String(end) : undefined }
  }
  // Numbers are 64 bits enough here.
  const store = { ask, long: (digits: string) => Number(digits) } as unknown as CassandraStore
  return { store, table, questions, descending: new Set(isDescending ? ['a'] : []) }
}

const itemOf = (row: CqlRow): RowItem => ({
  payload: new Uint8Array(Number(row['bytes'])),
  skip: '',
  message: '',
  where: `${row['p']}/${row['a']}/${row['b']}`,
  ms: 0,
  receivedMs: 0,
  identity: new Uint8Array(0),
})

/** The places of rows, as the notes of a page. */
const translate = (items: readonly RowItem[]): TranslatedPage => ({
  read: items.length,
  bytes: 0,
  skipped: {},
  faults: items.map(({ where }) => ({ reason: '', where, message: '' })),
  translated: items.length,
  requests: [],
  sum: 0n,
  minMs: undefined,
  maxMs: undefined,
})

const arbitraryTable = fc
  .uniqueArray(fc.record({ p: fc.nat(12).map((n) => `p${String(n).padStart(2, '0')}`), a: fc.nat(3), b: fc.nat(3), bytes: fc.nat(40) }), {
    selector: ({ p, a, b }) => `${p}/${a}/${b}`,
    maxLength: 60,
  })
  .chain((rows) => fc.record({ rows: fc.constant(rows), isDescending: fc.boolean(), items: fc.integer({ min: 1, max: 9 }) }))

const range = { from: '-1', to: '100' }
const placeOf = ({ p, a, b }: Row): string => `${p}/${a}/${b}`

describe('createTokenReader', () => {
  it('reads every row once, in the order of the table, and the same pages from any cursor on', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTable, async ({ rows, isDescending, items }) => {
        const { store, table, descending } = serve(rows, isDescending)
        const open = (cursor: Parameters<typeof createRowSource>[4]) =>
          createTokenReader(createRowSource(store, form, { descending }, range, cursor), { items, bytes: 60 }, itemOf, translate)
        const whole = await pagesOf(open(undefined))
        expect(whole.flatMap(({ faults }) => faults.map(({ where }) => where))).toEqual(table.map(placeOf))
        for (const [at, page] of whole.entries()) if (!page.last) expect(await pagesOf(open(page.cursor))).toEqual(whole.slice(at + 1))
      }),
      { numRuns: 150 },
    )
  })

  it('goes on behind the last row when its page state was lost, and after each rest', async () => {
    const rows = Array.from({ length: 900 }, (_, n) => ({ p: `p${String(n % 7).padStart(2, '0')}`, a: n, b: 0, bytes: 1 }))
    let asked = 0
    const { store, table, descending } = serve(rows, true, () => ++asked % 2 === 0)
    const reader = createTokenReader(
      createRowSource(store, form, { descending }, range, undefined),
      { items: 50, bytes: 1000 },
      itemOf,
      translate,
    )
    const seen: string[] = []
    for (;;) {
      const page = await reader.next(never)
      if (page === undefined) break
      seen.push(...page.translate().faults.map(({ where }) => where))
      await reader.rest()
      if (page.last) break
    }
    expect(seen).toEqual(table.map(placeOf))
  })

  it('keeps to its range of tokens', async () => {
    const rows = Array.from({ length: 13 }, (_, n) => ({ p: `p${String(n).padStart(2, '0')}`, a: 0, b: 0, bytes: 1 }))
    const { store, table, descending } = serve(rows, false)
    const seen: string[] = []
    for (const [from, to] of [
      ['-1', '2'],
      ['2', '6'],
      ['6', '100'],
    ] as const) {
      const source = createRowSource(store, form, { descending }, { from, to }, undefined)
      for (;;) {
        const row = (await source.next(never)) as Row | undefined
        if (row === undefined) break
        seen.push(placeOf(row))
      }
    }
    expect(seen).toEqual(table.map(placeOf))
  })

  it('goes on where the partition of its cursor is gone by now', async () => {
    const row = (p: string, a: number): Row => ({ p, a, b: 0, bytes: 1 })
    const { store, descending } = serve([row('p04', 0), row('p09', 0)], false)
    const source = createRowSource(store, form, { descending }, range, { key: 'p03', at: ['5', '0'] })
    expect(placeOf((await source.next(never)) as Row)).toBe('p04/0/0')
  })

  it('refuses a cursor of another source', () => {
    const { store, descending } = serve([], false)
    for (const cursor of [5, { key: 'p' }, { key: 'p', at: ['1'] }, [1]])
      expect(() => createRowSource(store, form, { descending }, range, cursor)).toThrow('source_error: cannot go on with k.t')
  })

  it('has no page at all where nothing is left', async () => {
    const { store, descending } = serve([], false)
    const reader = createTokenReader(
      createRowSource(store, form, { descending }, range, undefined),
      { items: 5, bytes: 9 },
      itemOf,
      translate,
    )
    expect(await reader.next(never)).toBeUndefined()
  })
})

describe('sizeOf', () => {
  it('counts what lists, maps and user types hold', () => {
    expect(sizeOf('x'.repeat(100))).toBe(100)
    expect(sizeOf({ a: Buffer.alloc(50), b: [new Map([['k', 'v'.repeat(30)]])] })).toBeGreaterThan(80)
  })
})
