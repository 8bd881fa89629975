/** History in real stores: what a back-fill reads out of Elasticsearch is what the query API of the program that wrote it says. */

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TranslatedPage } from '../../src/backfill/model.ts'
import type { Source } from '../../src/backfill/source.ts'
import type { SourceKind } from '../../src/backfill/source-kind.ts'
import { elasticsearch } from '../../src/backfill/sources/elasticsearch.ts'
import { jaegerEs } from '../../src/backfill/sources/jaeger-es.ts'
import { zipkinEs } from '../../src/backfill/sources/zipkin-es.ts'
import { createFileTranslator, type FileFormat, translateConfig } from '../../src/ingest/index.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToJson } from '../../src/otlp/encode/json.ts'
import { HitColumn } from '../../src/read/elasticsearch-hits.ts'
import { createDocumentReaders } from '../../src/read/elasticsearch-pages.ts'
import { createElasticsearchStore } from '../../src/read/elasticsearch-store.ts'
import { otlpSpans } from '../../src/read/otlp-json.ts'
import { createPatientClient } from '../../src/read/patient-client.ts'
import { allPages, never, pagesOf, sourceDeps, totals } from '../backfill/support/source-deps.ts'
import { recordsOf } from '../support/log-records.ts'
import { normalizeOtlp } from '../support/normalize.ts'
import { hasElasticsearch, type Major, startElasticsearch } from './elasticsearch-lab.ts'
import { type Peer, present, startScript, twice } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'

const hourMs = 3_600_000
const services = ['shop', 'pay', 'mail'] as const
const perService = 60
/** A day ago and an hour ago: two indices, and none that is to come. */
const bases = [Date.now() - 26 * hourMs, Date.now() - hourMs]

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** All spans as `{trace/span/kind: span with its resource}`. */
function spansOf(requests: readonly Uint8Array[]): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const data of requests) {
    for (const { resource, span } of otlpSpans(JSON.parse(tracesToJson(decodeTraces(data))))) {
      found.set(`${span['traceId']}/${span['spanId']}/${span['kind']}`, normalizeOtlp({ resource, span }))
    }
  }
  return found
}

const ofPages = (pages: readonly TranslatedPage[]): Map<string, unknown> =>
  spansOf(pages.flatMap(({ requests }) => requests.map(({ data }) => data)))

async function ofAnswer(format: FileFormat, body: Uint8Array): Promise<Uint8Array> {
  const translator = await createFileTranslator(format, translateConfig.parse({}))
  return translator(body, 0).data
}

async function get(url: string): Promise<Uint8Array> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`cannot get ${url}: ${response.status} ${await response.text()}`)
  return new Uint8Array(await response.arrayBuffer())
}

async function send(url: string, body: unknown, type = 'application/json'): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': type },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`cannot send to ${url}: ${response.status} ${await response.text()}`)
}

const open = (kind: SourceKind, options: Record<string, unknown>, changes: Parameters<typeof sourceDeps>[0] = {}): Promise<Source> =>
  kind.open(kind.options.parse(options), [], sourceDeps(changes))

/** Waits until a search sees so many documents. */
async function visible(url: string, index: string, count: number): Promise<void> {
  for (let left = 120; ; left--) {
    await fetch(`${url}/${index}/_refresh`, { method: 'POST' })
    const answer = (await (await fetch(`${url}/${index}/_count`)).json()) as { count?: number }
    if (answer.count === count) return
    if (left === 0) throw new Error(`cannot see ${count} documents in ${index}: ${JSON.stringify(answer)}`)
    await sleep(500)
  }
}

/** Each slice counts what was read of it, and deep the same ones. */
async function countsAgain(source: Source): Promise<void> {
  for (const slice of (await source.plan(never)).slices) {
    const { read, sum } = totals(await pagesOf(source.open(slice, undefined)))
    expect((await source.count(slice, false, never))?.items).toBe(read)
    expect(await source.count(slice, true, never)).toEqual({ items: read, sum })
  }
}

/** The same documents by point in time, by one for each shard, and by scroll; with and without interruptions. */
async function everyWay(url: string, index: string, count: number): Promise<void> {
  const options = { url, headers: {}, timeoutMs: 10_000, maxBytes: 2 ** 26, compress: true, connections: 4 }
  const client = createPatientClient(options, { nowMs: Date.now, distress() {}, sleep: (ms) => sleep(ms) })
  const store = createElasticsearchStore(client, (ms) => sleep(ms))
  const order = { name: '@timestamp', kind: 'date', perMs: 1 } as const
  const query = { index, filters: [{ exists: { field: '@timestamp' } }], order, source: true, wanted: [] }
  const found = new Set<string>()
  for (const mode of [undefined, { context: 'pit', hasShardDoc: false }, { context: 'scroll', hasShardDoc: false }] as const) {
    const readers = createDocumentReaders(store, mode)
    if (mode === undefined) expect(await readers.mode(index, never)).toEqual({ context: 'pit', hasShardDoc: true })
    for (const isInterrupted of [false, true]) {
      let reader = readers.open(query, 2, undefined, false)
      const ids: string[] = []
      for (;;) {
        const page = await reader.next(37, 2 ** 20, never)
        if (page === undefined) break
        for (let i = 0; i < page.count; i++) ids.push(page.table(i).text(page.row(i), HitColumn.Id))
        if (page.last) break
        if (!isInterrupted) continue
        await reader.rest()
        reader = readers.open(query, 2, page.position, false)
      }
      await reader.rest()
      expect(ids.length).toBe(count)
      found.add(ids.sort().join())
    }
  }
  expect(found.size).toBe(1)
  await client.close()
}

/** Nothing of us stays open. */
async function nothingOpen(url: string): Promise<void> {
  const answer = (await (await fetch(`${url}/_nodes/stats/indices/search`)).json()) as {
    nodes: Record<string, { indices: { search: { open_contexts: number } } }>
  }
  expect(Object.values(answer.nodes).map(({ indices }) => indices.search.open_contexts)).toEqual([0])
}

const jaegerSpans = (service: string, which: number) => ({
  resourceSpans: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: service } },
          { key: 'host.name', value: { stringValue: `${service}-1` } },
        ],
      },
      scopeSpans: [
        {
          scope: { name: 'tests', version: '1' },
          spans: bases.flatMap((base, day) =>
            Array.from({ length: perService }, (_, i) => {
              const start = BigInt(base) * 1_000_000n + BigInt(i * 1_000_000 + which * 1000)
              const id = which * 1000 + day * 500 + i
              return {
                traceId: hex((id - (i % 3)) * 7919 + 1, 32),
                spanId: hex(id + 1, 16),
                ...(i % 3 === 0 ? {} : { parentSpanId: hex(id - (i % 3) + 1, 16) }),
                name: `call ${i}`,
                kind: (i % 5) + 1,
                startTimeUnixNano: String(start),
                endTimeUnixNano: String(start + 5_000_000n),
                attributes: [
                  { key: 'text', value: { stringValue: 'a "quoted" é\n line' } },
                  { key: 'big', value: { intValue: '9223372036854775807' } },
                  { key: 'ratio', value: { doubleValue: 0.1 } },
                  { key: 'is', value: { boolValue: true } },
                ],
                events: [
                  {
                    timeUnixNano: String(start + 1_000_000n),
                    name: 'cache miss',
                    attributes: [{ key: 'attempt', value: { intValue: '3' } }],
                  },
                ],
                status: i % 7 === 0 ? { code: 2, message: 'it broke' } : {},
              }
            }),
          ),
        },
      ],
    },
  ],
})

interface JaegerPorts {
  readonly query: number
  readonly otlpHttp: number
}

const startJaeger = (version: 'jaeger-v1' | 'jaeger-v2', store: string): Promise<Peer<JaegerPorts>> =>
  twice(async () => {
    const names = ['query', 'http', 'grpc', 'zipkin', 'otlpGrpc', 'otlpHttp', 'admin', 'compact', 'binary'] as const
    const ports = await freePorts(names, freeTcpPort)
    const environment = {
      JAEGER_ES: store,
      JAEGER_QUERY_PORT: String(ports.query),
      JAEGER_HTTP_PORT: String(ports.http),
      JAEGER_GRPC_PORT: String(ports.grpc),
      JAEGER_ZIPKIN_PORT: String(ports.zipkin),
      JAEGER_OTLP_GRPC_PORT: String(ports.otlpGrpc),
      JAEGER_OTLP_HTTP_PORT: String(ports.otlpHttp),
      JAEGER_ADMIN_PORT: String(ports.admin),
      JAEGER_COMPACT_PORT: String(ports.compact),
      JAEGER_BINARY_PORT: String(ports.binary),
    }
    return startScript(version, environment, ports)
  })

const zipkinSpans = bases.flatMap((base, day) =>
  services.flatMap((service, which) =>
    Array.from({ length: perService }, (_, i) => ({
      traceId: hex((day * 1000 + which * 100 + i + 1) * 7919, 32),
      id: hex(day * 1000 + which * 100 + i + 1, 16),
      name: `get ${i}`,
      kind: i % 2 === 0 ? 'SERVER' : 'CLIENT',
      timestamp: base * 1000 + i * 1000 + 7,
      duration: 5000 + i,
      localEndpoint: { serviceName: service, ipv4: '10.0.0.1', port: 80 },
      remoteEndpoint: { serviceName: 'db', ipv4: '10.0.0.2' },
      annotations: [{ timestamp: base * 1000 + i * 1000 + 9, value: 'seen' }],
      tags: { 'http.method': 'GET', note: 'a "quoted" é' },
    })),
  ),
)

/** Without any time: they lie in the index of the day on which they came. */
const undated = Array.from({ length: 7 }, (_, i) => ({
  traceId: hex(0xabc000 + i, 32),
  id: hex(0xabc000 + i, 16),
  name: 'when',
  localEndpoint: { serviceName: 'shop' },
}))

describe.each([7, 8] as const)('Elasticsearch %i', (major: Major) => {
  const runs = hasElasticsearch(major)
  const stops: (() => Promise<void>)[] = []
  let url = ''

  beforeAll(async () => {
    if (!runs) return
    const node = await startElasticsearch(major)
    stops.push(() => node.stop())
    url = `http://127.0.0.1:${node.ports.http}`
  }, 180_000)

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  }, 60_000)

  const jaeger = major === 7 ? 'jaeger-v1' : 'jaeger-v2'

  it.runIf(runs && present(jaeger))(
    `reads of ${jaeger} what its query API says`,
    async () => {
      const peer = await startJaeger(jaeger, url)
      try {
        for (const [which, service] of services.entries()) {
          await send(`http://127.0.0.1:${peer.ports.otlpHttp}/v1/traces`, jaegerSpans(service, which))
        }
        const total = services.length * perService * bases.length
        await visible(url, '*jaeger-span-*', total)
        const source = await open(jaegerEs, { url }, { page: { items: 37, bytes: 2 ** 20 } })
        const pages = await allPages(source)
        expect(totals(pages)).toMatchObject({ read: total, translated: total, items: total, skipped: {} })
        const said: Uint8Array[] = []
        for (const service of services) {
          const query = `service=${service}&limit=1000&start=${((bases[0] ?? 0) - hourMs) * 1000}&end=${Date.now() * 1000}&raw=true`
          said.push(await ofAnswer('jaeger-json', await get(`http://127.0.0.1:${peer.ports.query}/api/traces?${query}`)))
        }
        const read = ofPages(pages)
        expect(read.size).toBe(total)
        expect(read).toEqual(spansOf(said))
        await countsAgain(source)
        const one = await open(jaegerEs, { url }, sourceFilter({ services: ['pay'], sinceMs: Date.now() - 2 * hourMs }))
        expect(totals(await allPages(one))).toMatchObject({ read: perService, items: perService })
        await one.close()
        await source.close()
        await nothingOpen(url)
      } finally {
        await peer.stop()
      }
    },
    180_000,
  )

  it.runIf(runs && present('zipkin'))(
    'reads of Zipkin what its query API says, and spans without a time that it does not find',
    async () => {
      const ports = { http: await freeTcpPort() }
      const peer = await startScript('zipkin', { ZIPKIN_PORT: String(ports.http), ZIPKIN_ES: url }, ports)
      const api = `http://127.0.0.1:${ports.http}/api/v2`
      try {
        await send(`${api}/spans`, zipkinSpans)
        await send(`${api}/spans`, undated)
        await visible(url, 'zipkin-span-*', zipkinSpans.length + undated.length)
        const source = await open(zipkinEs, { url }, { page: { items: 41, bytes: 2 ** 20 } })
        const pages = await allPages(source)
        const total = zipkinSpans.length + undated.length
        expect(totals(pages)).toMatchObject({ read: total, translated: total, items: total, skipped: {} })
        const answer = await get(`${api}/traces?endTs=${Date.now()}&lookback=${48 * hourMs}&limit=5000`)
        const traces = JSON.parse(Buffer.from(answer).toString()) as readonly (readonly object[])[]
        const said = spansOf([await ofAnswer('zipkin-json', Buffer.from(JSON.stringify(traces.flat())))])
        const read = ofPages(pages)
        const day = new Date().toISOString().slice(0, 10)
        for (const { traceId } of undated) {
          const key = [...read.keys()].find((one) => one.startsWith(traceId)) ?? ''
          const { span } = read.get(key) as { span: { endTimeUnixNano: string } }
          expect(new Date(Number(BigInt(span.endTimeUnixNano) / 1_000_000n)).toISOString().slice(0, 10)).toBe(day)
          read.delete(key)
          said.delete(key)
        }
        expect(read.size).toBe(zipkinSpans.length)
        expect(read).toEqual(said)
        await countsAgain(source)
        await source.close()
        await nothingOpen(url)
      } finally {
        await peer.stop()
      }
    },
    180_000,
  )

  it.runIf(runs)(
    'reads logs with every digit, by a time in ms, in ns, as text, and of doc values',
    async () => {
      const put = (index: string, mappings: object, shards = 2): Promise<Response> =>
        fetch(`${url}/${index}`, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ mappings, settings: { number_of_shards: shards } }),
        })
      const field = (type: string) => ({ properties: { '@timestamp': { type } } })
      await put('logs-ms', field('date'))
      await put('logs-ns', field('date_nanos'))
      await put('logs-keyword', field('keyword'))
      await put('logs-text', field('text'))
      await put('logs-off', {
        _source: { enabled: false },
        properties: { '@timestamp': { type: 'date_nanos' }, level: { type: 'keyword' }, n: { type: 'long' }, message: { type: 'text' } },
      })
      const names = ['logs-ms', 'logs-ns', 'logs-keyword', 'logs-text', 'logs-off']
      const count = 500
      for (const name of names) {
        const lines = Array.from({ length: count }, (_, i) => {
          const time = `2026-11-07T00:00:${String(i % 60).padStart(2, '0')}.${String(i * 1001).padStart(9, '0')}Z`
          const at = name !== 'logs-off' && i % 50 === 0 ? '' : `"@timestamp":"${time}",`
          return `{"index":{"_index":"${name}","_id":"d${i}"}}\n{${at}"message":"line ${i}","level":"info","n":${9007199254740993n + BigInt(i)}}\n`
        })
        await send(`${url}/_bulk?refresh=true`, lines.join(''), 'application/x-ndjson')
      }
      const small = { page: { items: 64, bytes: 2 ** 20 } }
      const source = await open(elasticsearch, { url, index: 'logs-*,-logs-off' }, small)
      const pages = await allPages(source)
      expect(totals(pages)).toMatchObject({ read: 4 * count, translated: 4 * count, items: 4 * count, skipped: {} })
      const numbers = pages.flatMap(({ requests }) =>
        requests.flatMap(({ data }) => recordsOf(data).map(({ attributes }) => attributes['n'])),
      )
      expect(numbers.length).toBe(4 * count)
      expect(new Set(numbers)).toEqual(new Set(Array.from({ length: count }, (_, i) => 9007199254740993n + BigInt(i))))
      await countsAgain(source)
      await source.close()
      // What is not kept fails, and is not left out.
      const off = await open(elasticsearch, { url, index: 'logs-off' }, small)
      await expect(allPages(off)).rejects.toThrow(/source_error: cannot read index logs-off: .*--fields docvalue/)
      await off.close()
      const made = await open(elasticsearch, { url, index: 'logs-off', fields: 'docvalue', uid: true }, small)
      const plan = await made.plan(never)
      expect(plan.groups[0]?.note).toContain('lost, since nothing is kept of them: message')
      expect(totals(await allPages(made))).toMatchObject({ read: count, items: count })
      const { requests } = (await allPages(made))[0] as TranslatedPage
      const text = Buffer.from(requests[0]?.data ?? []).toString('latin1')
      expect(text).toContain('log.record.uid')
      await made.close()
      await everyWay(url, 'logs-ms', count - 10)
      await nothingOpen(url)
    },
    120_000,
  )

  it.runIf(runs && major === 8)(
    'reads a data stream by its name or a pattern, over all its backing indices, each document once',
    async () => {
      const ask = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
        const response = await fetch(`${url}/${path}`, {
          method,
          ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
        })
        if (!response.ok) throw new Error(`cannot ${method} ${path}: ${await response.text()}`)
        return (await response.json()) as Record<string, unknown>
      }
      const stream = 'events-shop-default'
      const count = 1200
      const startMs = Date.UTC(2026, 10, 7)
      await ask('PUT', '_index_template/events', { index_patterns: ['events-*'], data_stream: {}, priority: 500 })
      for (let part = 0; part < 3; part++) {
        if (part > 0) expect(await ask('POST', `${stream}/_rollover`)).toMatchObject({ rolled_over: true })
        const lines = Array.from({ length: count / 3 }, (_, at) => {
          const number = part * (count / 3) + at
          return `{"create":{}}\n{"@timestamp":"${new Date(startMs + number * 1000).toISOString()}","message":"event ${number}"}\n`
        })
        await send(`${url}/${stream}/_bulk?refresh=true`, lines.join(''), 'application/x-ndjson')
      }
      for (const index of [stream, 'events-*']) {
        const source = await open(elasticsearch, { url, index }, { page: { items: 100, bytes: 2 ** 20 } })
        const { groups } = await source.plan(never)
        expect(groups.map(({ name, items }) => [name.startsWith(`.ds-${stream}-`), items])).toEqual(
          Array.from({ length: 3 }, () => [true, count / 3]),
        )
        const pages = await allPages(source)
        expect(totals(pages)).toMatchObject({ read: count, translated: count, items: count, skipped: {} })
        const texts = pages.flatMap(({ requests }) => requests.flatMap(({ data }) => recordsOf(data).map(({ body }) => String(body))))
        expect(new Set(texts)).toEqual(new Set(Array.from({ length: count }, (_, number) => `event ${number}`)))
        await countsAgain(source)
        await source.close()
      }
      await nothingOpen(url)
    },
    60_000,
  )
})

const sourceFilter = (filter: { readonly services?: readonly string[]; readonly sinceMs?: number }) => ({
  filter: { sinceMs: undefined, untilMs: undefined, services: [], query: undefined, ...filter },
})
