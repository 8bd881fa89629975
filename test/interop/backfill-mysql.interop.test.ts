/** `backfill zipkin-mysql` from a real MariaDB that a real Zipkin wrote into: every field of every span, old schemas, kill and resume. */

import { rm } from 'node:fs/promises'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { zipkinMysql } from '../../src/backfill/sources/zipkin-mysql.ts'
import { allPages, never, pagesOf, sourceDeps, spanIds, totals } from '../backfill/support/source-deps.ts'
import { backfillCommand, runKilled } from './backfill-killed.ts'
import { comparablePages, createIds, liveSpans, sendZipkin, zipkinHistory } from './history-spans.ts'
import { hasMariadb, type Mariadb, startMariadb } from './mariadb-peer.ts'
import { zipkinTables } from './mysql-tables.ts'
import { present } from './peers.ts'
import { until } from './wait.ts'
import { startZipkinOn, type ZipkinOn } from './zipkin-on.ts'

const start = Date.UTC(2026, 10, 7, 8) * 1000
const history = zipkinHistory(300, start)

const signed = (hex: string): string => String(BigInt.asIntN(64, BigInt(`0x${hex}`)))

describe.skipIf(!hasMariadb() || !present('zipkin'))('backfill zipkin-mysql, at a real MariaDB', () => {
  let server: Mariadb
  let zipkin: ZipkinOn

  const sql = async (database: string, statements: readonly string[]): Promise<unknown> => {
    const connection = await createConnection({ host: '127.0.0.1', port: server.port, user: 'root', database, multipleStatements: false })
    let found: unknown
    for (const statement of statements) [found] = await connection.query(statement)
    await connection.end()
    return found
  }
  const url = (database: string): string => `mysql://root@127.0.0.1:${server.port}/${database}`
  const open = (database: string, items = 2000, filter = sourceDeps().filter) =>
    zipkinMysql.open({ url: url(database), tls: false, timeout: 60_000 }, [], sourceDeps({ page: { items, bytes: 4 * 2 ** 20 }, filter }))

  beforeAll(async () => {
    server = await startMariadb()
    await sql('mysql', ['CREATE DATABASE zipkin', 'CREATE DATABASE old', 'CREATE DATABASE large'])
    await sql('mysql', ["CREATE USER 'zipkin'@'%' IDENTIFIED BY 'zipkin'", "GRANT ALL ON zipkin.* TO 'zipkin'@'%'"])
    await sql('zipkin', zipkinTables(false))
    const storage = { STORAGE_TYPE: 'mysql', MYSQL_HOST: '127.0.0.1', MYSQL_TCP_PORT: String(server.port), MYSQL_DB: 'zipkin' }
    zipkin = await startZipkinOn({ ...storage, MYSQL_USER: 'zipkin', MYSQL_PASS: 'zipkin' })
    await sendZipkin(zipkin.url, history)
    await until(
      'the spans stored',
      async () => {
        const [row] = (await sql('zipkin', ["SELECT COUNT(*) n FROM zipkin_annotations WHERE a_key = 'side'"])) as [{ n: number }]
        return row.n === 300 || undefined
      },
      60_000,
    )
  }, 180_000)

  afterAll(async () => {
    await zipkin?.stop()
    await server?.stop()
  })

  it('gives what the live endpoint makes of the same spans, field by field', async () => {
    const source = await open('zipkin')
    const pages = await allPages(source)
    expect(totals(pages)).toMatchObject({ read: 1200, translated: 1200, items: 1500, skipped: {} })
    expect(comparablePages(pages)).toEqual(await liveSpans(history))
    await source.close()
  })

  it('goes on at every page as if it had not stopped, and counts again', async () => {
    const source = await open('zipkin', 70)
    for (const slice of (await source.plan(never)).slices) {
      const whole = await pagesOf(source.open(slice, undefined))
      for (let at = 0; at < whole.length - 1; at += 3)
        expect(await pagesOf(source.open(slice, whole[at]?.cursor))).toEqual(whole.slice(at + 1))
      expect(await source.count(slice, false, never)).toMatchObject({ items: totals(whole).read })
    }
    await source.close()
  })

  it('keeps to times and services', async () => {
    const untilMs = start / 1000 + 700_000
    const source = await open('zipkin', 2000, { sinceMs: start / 1000 + 350_000, untilMs, services: ['Shop-2'], query: undefined })
    const found = totals(await allPages(source))
    expect(found).toMatchObject({ translated: 50, skipped: { other_service: 150 } })
    await source.close()
  })

  it('takes spans without start_ts once, with the time of their annotations or of their trace', async () => {
    const ids = ['fffffffffffffff1', 'fffffffffffffff2', 'fffffffffffffff3']
    const [a = '', b = '', c = ''] = ids.map(signed)
    await sql('zipkin', [
      `INSERT INTO zipkin_spans (trace_id, id, name) VALUES (${a}, ${a}, 'annotated'), (${b}, ${b}, 'nobody knows'), (${c}, ${c}, 'by its trace')`,
      `INSERT INTO zipkin_spans (trace_id, id, name, start_ts) VALUES (${c}, 5, 'its trace', ${start})`,
      `INSERT INTO zipkin_annotations (trace_id, span_id, a_key, a_type, a_timestamp, endpoint_service_name) VALUES (${a}, ${a}, 'sr', -1, ${start + 7}, 'shop')`,
    ])
    const source = await open('zipkin')
    const [untimed] = (await source.plan(never)).slices
    if (untimed === undefined) throw new Error('no slice')
    const pages = await pagesOf(source.open(untimed, undefined))
    expect(totals(pages)).toMatchObject({ read: 3, translated: 2, skipped: { no_time: 1 } })
    const spans = comparablePages(pages).map((text) => JSON.parse(text))
    expect(spans.map(({ name, startTimeUnixNano }) => [name, startTimeUnixNano]).sort()).toEqual([
      ['annotated', `${start + 7}000`],
      ['by its trace', `${start}000`],
    ])
    await source.close()
  })

  it('reads an old schema, without long trace ids', async () => {
    await sql('old', zipkinTables(true))
    await sql('old', [
      `INSERT INTO zipkin_spans VALUES (-1, -2, 'get', NULL, b'1', ${start}, 1000), (3, 4, 'get', 9, b'0', ${start + 1}, 10)`,
      `INSERT INTO zipkin_annotations VALUES (-1, -2, 'sr', NULL, -1, ${start}, 1, 80, 'shop'), (3, 4, 'k', 'v', 6, ${start}, 1, NULL, 'shop')`,
    ])
    const source = await open('old')
    const pages = await allPages(source)
    expect(spanIds(pages)).toEqual([
      '00000000000000000000000000000003/0000000000000004',
      '0000000000000000ffffffffffffffff/fffffffffffffffe',
    ])
    expect((await source.plan(never)).notes.join(' ')).toContain('without trace_id_high')
    await source.close()
  })

  it('says who may not read, and what is no Zipkin', async () => {
    const deps = sourceDeps()
    const denied = zipkinMysql.open({ url: `mysql://nobody:x@127.0.0.1:${server.port}/zipkin`, tls: false, timeout: 1000 }, [], deps)
    await expect(denied).rejects.toThrow(/^unauthorised: /)
    await expect(open('mysql')).rejects.toThrow('no tables of Zipkin')
  })

  it('has every span once after it was killed again and again, and verifies', async () => {
    const id = createIds()
    const count = 60_000
    const keys = Array.from({ length: count }, () => [id(), id(), id()] as const)
    await sql('large', zipkinTables(false))
    for (let at = 0; at < count; at += 2000) {
      const part = keys.slice(at, at + 2000)
      const spans = part.map(([h, t, i], n) => `(${signed(h)}, ${signed(t)}, ${signed(i)}, 'op', ${start + (at + n) * 60_000}, 10)`)
      const notes = part.map(([h, t, i], n) => `(${signed(h)}, ${signed(t)}, ${signed(i)}, 'sr', -1, ${start + (at + n) * 60_000}, 'shop')`)
      await sql('large', [
        `INSERT INTO zipkin_spans (trace_id_high, trace_id, id, name, start_ts, duration) VALUES ${spans.join(',')}`,
        `INSERT INTO zipkin_annotations (trace_id_high, trace_id, span_id, a_key, a_type, a_timestamp, endpoint_service_name) VALUES ${notes.join(',')}`,
      ])
    }
    const args = ['zipkin-mysql', '--url', url('large')]
    const run = await runKilled(args, 4)
    expect(run.code, run.output).toBe(0)
    expect(run.kills).toBeGreaterThan(0)
    expect(run.spans).toEqual(keys.map(([h, t, i]) => `${h}${t}/${i}`).sort())
    const verified = await backfillCommand(['verify', '--deep', '--ledger', `${run.folder}/ledger`, '--url', url('large')])
    expect(verified.code, verified.output).toBe(0)
    console.info(`MySQL: ${count} spans through ${run.kills} kills, each once`)
    await rm(run.folder, { recursive: true })
  }, 180_000)
})
