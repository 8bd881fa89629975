/** `backfill jaeger-cassandra` and `zipkin-cassandra` from a real Cassandra that a real Jaeger and a real Zipkin wrote into. */

import { readdirSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'cassandra-driver'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jaegerCassandra } from '../../src/backfill/sources/jaeger-cassandra.ts'
import { zipkinCassandra } from '../../src/backfill/sources/zipkin-cassandra.ts'
import { allPages, never, pagesOf, sourceDeps, spanIds, totals } from '../backfill/support/source-deps.ts'
import { backfillCommand, runKilled } from './backfill-killed.ts'
import { type Cassandra, hasCassandra, startCassandra } from './cassandra-peer.ts'
import { comparablePages, createIds, liveSpans, sendZipkin, zipkinHistory } from './history-spans.ts'
import { type OwnProcess, ownFolder, startProcess } from './own-process.ts'
import { binaries, present } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'
import { until } from './wait.ts'
import { startZipkinOn, type ZipkinOn } from './zipkin-on.ts'

const startMicros = Date.now() * 1000 - 3_600_000_000
const history = zipkinHistory(300, startMicros)

interface Jaeger extends OwnProcess {
  readonly otlp: string
}

/** A Jaeger v2 that stores in it, and makes its schema. */
async function startJaegerOn(port: number): Promise<Jaeger> {
  const folder = await ownFolder('jaeger')
  const { otlp, query, grpc, admin } = await freePorts(['otlp', 'query', 'grpc', 'admin'], freeTcpPort)
  const at = (one: number): string => `{endpoint: "127.0.0.1:${one}"}`
  const connection = `{servers: ["127.0.0.1"], port: ${port}, local_dc: datacenter1, tls: {insecure: true}, auth: {basic: {username: cassandra, password: cassandra}}}`
  const schema =
    '{keyspace: jaeger_v1_dc1, create: true, datacenter: datacenter1, trace_ttl: 48h, dependencies_ttl: 48h, replication_factor: 1}'
  const config = join(folder, 'config.yaml')
  await writeFile(
    config,
    `extensions:
  healthcheckv2: {use_v2: true, http: ${at(admin)}}
  jaeger_storage: {backends: {store: {cassandra: {schema: ${schema}, connection: ${connection}}}}}
  jaeger_query: {storage: {traces: store}, http: ${at(query)}, grpc: ${at(grpc)}}
receivers: {otlp: {protocols: {http: ${at(otlp)}}}}
exporters: {jaeger_storage_exporter: {trace_storage: store}}
service:
  extensions: [healthcheckv2, jaeger_storage, jaeger_query]
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}}
`,
  )
  const binary = readdirSync(binaries).find((name) => name.startsWith('jaeger-v')) ?? ''
  const ready = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${query}/api/services`).catch(() => undefined))?.ok === true
  const server = await startProcess(join(binaries, binary), ['--config', config], {}, folder, ready)
  return { otlp: `http://127.0.0.1:${otlp}/v1/traces`, stop: server.stop }
}

const attribute = (key: string, value: object) => ({ key, value })

/** Spans of one trace each, or of one trace all. */
const otlpOf = (ids: readonly (readonly [string, string])[]) => ({
  resourceSpans: [
    {
      resource: { attributes: [attribute('service.name', { stringValue: 'shop' })] },
      scopeSpans: [
        {
          spans: ids.map(([traceId, spanId], n) => ({
            traceId,
            spanId,
            name: `op ${n % 5}`,
            kind: 2,
            startTimeUnixNano: `${startMicros + n}000`,
            endTimeUnixNano: `${startMicros + n + 10}000`,
            attributes: [
              attribute('int', { intValue: n % 2 === 0 ? '-9223372036854775808' : '9223372036854775807' }),
              attribute('double', { doubleValue: n + 0.1 }),
              attribute('bool', { boolValue: n % 2 === 0 }),
              attribute('bytes', { bytesValue: 'AAH//g==' }),
              attribute('text', { stringValue: `ü ${n}` }),
            ],
          })),
        },
      ],
    },
  ],
})

describe.skipIf(!hasCassandra() || !present('zipkin', 'jaeger-v2'))('backfill from a real Cassandra', () => {
  let server: Cassandra
  let client: Client
  let jaeger: Jaeger
  let zipkin: ZipkinOn
  const id = createIds()
  const single = Array.from({ length: 1500 }, () => [id() + id(), id()] as const)
  const wide = id() + id()
  const large = Array.from({ length: 4000 }, () => [wide, id()] as const)

  const options = (slices: number) => ({
    contactPoints: server.address,
    consistency: 'local_quorum',
    slices,
    timeout: 30_000,
    tls: false,
  })
  const openJaeger = (slices: number, items = 2000, filter = sourceDeps().filter) =>
    jaegerCassandra.open(options(slices), [], sourceDeps({ page: { items, bytes: 4 * 2 ** 20 }, filter }))

  beforeAll(async () => {
    server = await startCassandra()
    client = new Client({ contactPoints: [server.address], localDataCenter: 'datacenter1' })
    await client.connect()
    jaeger = await startJaegerOn(server.port)
    for (let at = 0; at < single.length + large.length; at += 500) {
      const body = JSON.stringify(otlpOf([...single, ...large].slice(at, at + 500)))
      const answer = await fetch(jaeger.otlp, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      if (!answer.ok) throw new Error(`cannot send spans: ${answer.status}`)
    }
    zipkin = await startZipkinOn({
      STORAGE_TYPE: 'cassandra3',
      CASSANDRA_CONTACT_POINTS: server.address,
      CASSANDRA_LOCAL_DC: 'datacenter1',
    })
    await sendZipkin(zipkin.url, history)
    const rows = async (table: string): Promise<number> =>
      Number((await client.execute(`SELECT COUNT(*) AS n FROM ${table}`)).rows[0]?.['n'])
    await until('the spans of Jaeger', async () => (await rows('jaeger_v1_dc1.traces')) === 5500 || undefined, 60_000)
    await until('the spans of Zipkin', async () => (await rows('zipkin2.span')) === history.length || undefined, 60_000)
  }, 240_000)

  afterAll(async () => {
    await client?.shutdown()
    await zipkin?.stop()
    await jaeger?.stop()
    await server?.stop()
  })

  it('takes every span of Jaeger once over 1,024 ranges of tokens, with all types of tags', async () => {
    const source = await openJaeger(1024)
    expect((await source.plan(never)).slices).toHaveLength(1024)
    const pages = await allPages(source)
    expect(totals(pages)).toMatchObject({ read: 5500, translated: 5500, items: 5500, skipped: {} })
    expect(spanIds(pages)).toEqual([...single, ...large].map(([trace, span]) => `${trace}/${span}`).sort())
    const one = JSON.parse(comparablePages(pages).find((text) => text.includes(single[1]?.[1] ?? '?')) ?? '{}')
    expect(one).toMatchObject({
      kind: 2,
      startTimeUnixNano: `${startMicros + 1}000`,
      endTimeUnixNano: `${startMicros + 11}000`,
      attributes: [
        attribute('bool', { boolValue: false }),
        attribute('bytes', { bytesValue: 'AAH//g==' }),
        attribute('double', { doubleValue: 1.1 }),
        attribute('int', { intValue: '9223372036854775807' }),
        attribute('text', { stringValue: 'ü 1' }),
      ],
    })
    await source.close()
  }, 120_000)

  it('goes on at every page as if it had not stopped, in the middle of a wide partition, too', async () => {
    const source = await openJaeger(3, 170)
    for (const slice of (await source.plan(never)).slices) {
      const whole = await pagesOf(source.open(slice, undefined))
      for (let at = 0; at < whole.length - 1; at += 4)
        expect(await pagesOf(source.open(slice, whole[at]?.cursor))).toEqual(whole.slice(at + 1))
      expect(await source.count(slice, false, never)).toEqual({ items: totals(whole).read, sum: undefined })
    }
    await source.close()
  }, 120_000)

  it('gives what the live endpoint makes of the same Zipkin spans, field by field', async () => {
    for (const items of [2000, 37]) {
      const source = await zipkinCassandra.open(
        { ...options(16), keyspace: 'zipkin2' },
        [],
        sourceDeps({ page: { items, bytes: 4 * 2 ** 20 } }),
      )
      const pages = []
      for (const slice of (await source.plan(never)).slices) {
        const whole = await pagesOf(source.open(slice, undefined))
        pages.push(...whole)
        const middle = whole[whole.length >> 1]
        if (middle !== undefined && !middle.last)
          expect(await pagesOf(source.open(slice, middle.cursor))).toEqual(whole.slice((whole.length >> 1) + 1))
      }
      expect(totals(pages)).toMatchObject({ read: 1500, translated: 1500, skipped: {} })
      expect(comparablePages(pages)).toEqual(await liveSpans(history))
      await source.close()
    }
  }, 120_000)

  it('has every span once after it was killed again and again; what dies meanwhile shrank the source', async () => {
    const source = ['jaeger-cassandra', '--contact-points', server.address, '--slices', '64', '--rate', '1500/s']
    const run = await runKilled(source, 4)
    expect(run.code, run.output).toBe(0)
    expect(run.kills).toBeGreaterThan(0)
    expect(run.spans).toEqual([...single, ...large].map(([trace, span]) => `${trace}/${span}`).sort())
    const ledger = ['--ledger', `${run.folder}/ledger`]
    const verified = await backfillCommand(['verify', '--deep', ...ledger])
    expect(verified.code, verified.output).toBe(0)
    // As a TTL does.
    await client.execute('DELETE FROM jaeger_v1_dc1.traces WHERE trace_id = ?', [Buffer.from(single[0]?.[0] ?? '', 'hex')], {
      prepare: true,
    })
    const shrunk = await backfillCommand(['verify', ...ledger])
    expect(shrunk.output).toContain('shrank')
    expect(shrunk.code, shrunk.output).toBe(0)
    console.info(`Cassandra: 5,500 spans through ${run.kills} kills, each once`)
    await rm(run.folder, { recursive: true })
  }, 180_000)

  it('reads tables that lack columns, and says so', async () => {
    await client.execute('ALTER TABLE jaeger_v1_dc1.traces DROP refs')
    await client.execute('ALTER TABLE jaeger_v1_dc1.traces DROP flags')
    const source = await openJaeger(1)
    expect((await source.plan(never)).notes.join(' ')).toContain('flags, refs')
    expect(totals(await allPages(source))).toMatchObject({ read: 5499, translated: 5499 })
    await source.close()
  }, 60_000)

  it('says which keyspaces there are, and what is not there', async () => {
    await expect(zipkinCassandra.open({ ...options(1), keyspace: 'nothing' }, [], sourceDeps())).rejects.toThrow(
      'cannot find table nothing.span',
    )
    await client.execute("CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    await client.execute('CREATE TABLE other.traces (a int PRIMARY KEY)')
    await expect(openJaeger(1)).rejects.toThrow('--keyspace names one: jaeger_v1_dc1, other')
    await expect(jaegerCassandra.open({ ...options(1), keyspace: 'other' }, [], sourceDeps())).rejects.toThrow('it has no column trace_id')
  }, 60_000)
})
