import { describe, expect, it } from 'vitest'
import { createMysqlSource } from '../../../src/backfill/sources/zipkin-mysql.ts'
import { createMysqlReader } from '../../../src/backfill/sources/zipkin-mysql-reader.ts'
import { type MysqlStore, publicMysqlUrl, type SqlRow, sqlFault, tooMuch } from '../../../src/backfill/sources/zipkin-mysql-store.ts'
import { never, pagesOf, sourceDeps, totals } from '../support/source-deps.ts'

const hex = (value: number): string => value.toString(16).toUpperCase()
const hourMicros = 3_600_000_000
const base = 489_583 * hourMicros

/** A server that answers the questions of the source; span `n` has `weightOf(n)` annotations that are more than an answer may hold together. */
function serve(rows: number, weightOf: (row: number) => number = () => 1) {
  const asked: string[] = []
  const spans = (from: number, limit: number): SqlRow[] =>
    Array.from({ length: Math.max(0, Math.min(limit, rows - from)) }, (_, at) => {
      const n = from + at
      return ['0', hex(n + 1), hex(n + 1), null, 'get', null, hex(base + n), hex(10)]
    })
  const ask = async (sql: string): Promise<readonly SqlRow[]> => {
    asked.push(sql)
    if (sql.includes('information_schema.columns'))
      return ['trace_id_high', 'trace_id', 'id', 'start_ts']
        .map((column) => ['zipkin_spans', column])
        .concat(['trace_id_high', 'span_id', 'endpoint_ipv6'].map((column) => ['zipkin_annotations', column]))
    if (sql.includes('information_schema.statistics')) return [['start_ts']]
    if (sql.includes('DIV')) return [[String(base / hourMicros), rows]]
    if (sql.includes('COUNT(*)')) return [[0]]
    if (sql.includes('information_schema.tables')) return [[1000]]
    if (sql.includes('FROM zipkin_spans FORCE')) {
      const after = /start_ts = (\d+)/.exec(sql)
      return spans(after === null ? 0 : Number(after[1]) - base + 1, Number(/LIMIT (\d+)/.exec(sql)?.[1]))
    }
    const keys = [...sql.matchAll(/SELECT (\d+)(?: n)?, 0(?: h)?, (\d+)/g)].map(([, n, t]) => [Number(n), Number(t) - 1] as const)
    if (keys.reduce((all, [, row]) => all + weightOf(row), 0) > 100) throw tooMuch
    return keys.map(([n, row]) => [n, 'sr', null, -1, hex(base + row), 1, null, 80, 'shop'])
  }
  const store: MysqlStore = {
    name: 'mysql://db:3306/zipkin',
    database: 'zipkin',
    read: (_place, _slow, _abort, work) => work(ask),
    close: async () => undefined,
  }
  return { store, asked }
}

describe('createMysqlSource', () => {
  it('asks for less where rows have more annotations than an answer may hold, and leaves out what is too large alone', async () => {
    const { store } = serve(700, (row) => (row === 333 ? 500 : row % 50 === 0 ? 60 : 1))
    const source = await createMysqlSource(store, sourceDeps({ page: { items: 150, bytes: 4 * 2 ** 20 } }))
    const [slice] = (await source.plan(never)).slices
    if (slice === undefined) throw new Error('no slice')
    const whole = await pagesOf(source.open(slice, undefined))
    expect(totals(whole)).toMatchObject({ read: 700, translated: 699, skipped: { too_large: 1 } })
    expect(whole.flatMap(({ faults }) => faults)).toMatchObject([{ where: '000000000000014e/000000000000014e' }])
    for (const [at, page] of whole.entries())
      if (!page.last) expect(await pagesOf(source.open(slice, page.cursor))).toEqual(whole.slice(at + 1))
  })

  it('goes on after a rest behind its last page', async () => {
    const { store } = serve(90)
    const source = await createMysqlSource(store, sourceDeps({ page: { items: 25, bytes: 4 * 2 ** 20 } }))
    const [slice] = (await source.plan(never)).slices
    if (slice === undefined) throw new Error('no slice')
    const reader = source.open(slice, undefined)
    const read: number[] = []
    for (let page = await reader.next(never); page !== undefined; page = page.last ? undefined : await reader.next(never)) {
      read.push(page.translate().read)
      await reader.rest()
    }
    expect(read).toEqual([25, 25, 25, 15])
  })

  it('says that tables are none of Zipkin’s', async () => {
    const store: MysqlStore = { ...serve(0).store, read: (_place, _slow, _abort, work) => work(async () => []) }
    await expect(createMysqlSource(store, sourceDeps())).rejects.toThrow(
      'source_error: cannot read mysql://db:3306/zipkin: these are no tables of Zipkin',
    )
  })
})

describe('createMysqlReader', () => {
  it('takes no cursor into a query that is not all digits', () => {
    const means = { schema: { hasHigh: true, hasIpv6: true, index: '' }, filter: sourceDeps().filter, out: undefined as never }
    for (const start of ['1 OR 1=1', '', 5])
      expect(() =>
        createMysqlReader(
          serve(0).store,
          undefined,
          { start, high: '0', trace: '1', id: '1' },
          sourceDeps().page,
          means,
          undefined as never,
        ),
      ).toThrow('source_error: cannot go on')
  })
})

describe('sqlFault', () => {
  it.each([
    ['ER_ACCESS_DENIED_ERROR', 'unauthorised'],
    ['ER_NO_SUCH_TABLE', 'vanished'],
    ['ER_CON_COUNT_ERROR', 'wait'],
    ['ER_LOCK_DEADLOCK', 'wait'],
    ['ECONNREFUSED', 'wait'],
    ['PROTOCOL_CONNECTION_LOST', 'wait'],
    ['PROTOCOL_SEQUENCE_TIMEOUT', 'wait'],
    ['ER_PARSE_ERROR', 'fatal'],
  ])('%s: %s', (code, kind) => expect(sqlFault(Object.assign(new Error('x'), { code })).kind).toBe(kind))

  it('does not wait for a fault of ours', () => expect(sqlFault(new TypeError('x')).kind).toBe('fatal'))
})

describe('publicMysqlUrl', () => {
  it('has no user and no password', () => {
    expect(publicMysqlUrl('mysql://me:secret@db/zipkin?x=1')).toBe('mysql://db:3306/zipkin')
    expect(publicMysqlUrl('mysql://db:3307/zipkin')).toBe('mysql://db:3307/zipkin')
  })
})
