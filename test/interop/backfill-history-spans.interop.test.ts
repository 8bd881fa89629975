/**
 * Spans that a real Jaeger, and a real Zipkin, wrote into a real Elasticsearch: back-filled by a process that is killed five times.
 *
 * `OTLP_BRIDGE_BACKFILL_ITEMS` (20,000): how many are written. `OTLP_BRIDGE_BACKFILL_ES`: URL of an Elasticsearch that has been filled already, with
 * `OTLP_BRIDGE_BACKFILL_JAEGER` and `OTLP_BRIDGE_BACKFILL_ZIPKIN`, URLs of the query APIs of those who filled it; it is only read.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { historyTimeout, sampleSize, showHistory, wantedItems } from './backfill-history.ts'
import { ItemKey, isSampled } from './backfill-keys.ts'
import { fillJaeger, fillZipkin } from './backfill-load.ts'
import { keyText, spanKey, spanKeys, startRecorder } from './backfill-recorder.ts'
import { countDocuments, scanDocuments, seeDocuments } from './backfill-scan.ts'
import { compareSpanSample, jaegerSpan, type SampledSpan, zipkinSpan } from './backfill-span-sample.ts'
import { hasElasticsearch, startElasticsearch } from './elasticsearch-lab.ts'
import { present, startScript, twice } from './peers.ts'
import { freePorts, freeTcpPort } from './ports.ts'

const filled = process.env['OTLP_BRIDGE_BACKFILL_ES']

/** How a store's documents say who they are. */
interface Store {
  readonly index: string
  readonly fields: readonly string[]
  spanOf(source: Readonly<Record<string, unknown>>): SampledSpan
}

const stores: Readonly<Record<'jaeger' | 'zipkin', Store>> = {
  jaeger: {
    index: 'jaeger-span-*',
    fields: ['traceID', 'spanID', 'startTime', 'process.serviceName'],
    spanOf: ({ traceID, spanID, startTime, process: of }) => ({
      traceId: String(traceID).padStart(32, '0'),
      spanId: String(spanID).padStart(16, '0'),
      startUs: Number(startTime),
      service: (of as { serviceName: string }).serviceName,
    }),
  },
  zipkin: {
    index: 'zipkin-span-*',
    fields: ['traceId', 'id', 'timestamp', 'localEndpoint.serviceName'],
    spanOf: ({ traceId, id, timestamp, localEndpoint }) => ({
      traceId: String(traceId).padStart(32, '0'),
      spanId: String(id).padStart(16, '0'),
      startUs: Number(timestamp),
      service: (localEndpoint as { serviceName: string }).serviceName,
    }),
  },
}

async function startJaegerOn(store: string): Promise<{ readonly query: string; readonly otlp: string; stop(): Promise<void> }> {
  const names = ['query', 'http', 'grpc', 'zipkin', 'otlpGrpc', 'otlpHttp', 'admin', 'compact', 'binary'] as const
  const peer = await twice(async () => {
    const ports = await freePorts(names, freeTcpPort)
    const settings = {
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
    return startScript('jaeger-v2', settings, ports)
  })
  return { query: `http://127.0.0.1:${peer.ports.query}`, otlp: `http://127.0.0.1:${peer.ports.otlpHttp}`, stop: () => peer.stop() }
}

async function startZipkinOn(store: string): Promise<{ readonly query: string; stop(): Promise<void> }> {
  const ports = { http: await freeTcpPort() }
  const peer = await startScript('zipkin', { ZIPKIN_PORT: String(ports.http), ZIPKIN_ES: store, ZIPKIN_HEAP: '512m' }, ports)
  return { query: `http://127.0.0.1:${ports.http}`, stop: () => peer.stop() }
}

describe.skipIf(filled === undefined && !hasElasticsearch(7))('history of spans in Elasticsearch', () => {
  const stops: (() => Promise<void>)[] = []
  let url = filled ?? ''

  beforeAll(async () => {
    if (filled !== undefined) return
    const node = await startElasticsearch(7)
    stops.push(() => node.stop())
    url = `http://127.0.0.1:${node.ports.http}`
  }, 180_000)

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop()
  }, 60_000)

  async function show(format: 'jaeger' | 'zipkin', query: string): Promise<void> {
    const { index, fields, spanOf } = stores[format]
    const items = await countDocuments(url, index)
    const recorder = await startRecorder({ signal: 'traces', keysOf: spanKeys, sample: { wanted: sampleSize, items } })
    try {
      const { report } = await showHistory({ name: `${format}-es`, words: [`${format}-es`, '--url', url], recorder, items })
      expect(report).toMatchObject({ read: items, translated: items, acknowledged: items, skipped: [] })

      // By another way: every document, whether it came.
      const key = new ItemKey()
      const sampled = new Map<string, SampledSpan>()
      const lost: string[] = []
      let documents = 0
      for await (const { id, source } of scanDocuments(url, index, fields)) {
        const span = spanOf(source)
        documents++
        spanKey(key, span.traceId, span.spanId, BigInt(span.startUs) * 1000n)
        if (recorder.counts.count(key) === 0 && lost.length < 20) lost.push(`${id} ${span.traceId}/${span.spanId}`)
        if (isSampled(key, sampleSize, items)) sampled.set(keyText(key), span)
      }
      expect(lost).toEqual([])
      expect(documents).toBe(items)
      expect(recorder.counts.unique).toBe(items)

      const find = format === 'jaeger' ? jaegerSpan : zipkinSpan
      const { compared, atoms, differences } = await compareSpanSample(format, sampled, recorder.sample, (span) => find(query, span))
      console.info(
        `  ${items} documents, ${recorder.counts.unique} different spans came; ${compared} compared, ${atoms} scalars of them, ${differences.length} differences`,
      )
      expect(differences).toEqual([])
      expect(compared).toBe(recorder.sample.size)
      expect(compared).toBeGreaterThanOrEqual(Math.min(1000, items / 2))
    } finally {
      await recorder.close()
    }
  }

  it.runIf(filled === undefined ? present('jaeger-v2') : process.env['OTLP_BRIDGE_BACKFILL_JAEGER'])(
    'jaeger-es: what a Jaeger wrote comes whole, though the run is killed five times',
    async () => {
      const given = process.env['OTLP_BRIDGE_BACKFILL_JAEGER']
      if (filled !== undefined) return show('jaeger', given ?? '')
      const jaeger = await startJaegerOn(url)
      stops.push(jaeger.stop)
      await fillJaeger(jaeger.otlp, wantedItems)
      await seeDocuments(url, stores.jaeger.index, wantedItems)
      await show('jaeger', jaeger.query)
    },
    historyTimeout,
  )

  it.runIf(filled === undefined ? present('zipkin') : process.env['OTLP_BRIDGE_BACKFILL_ZIPKIN'])(
    'zipkin-es: what a Zipkin wrote comes whole, though the run is killed five times',
    async () => {
      const given = process.env['OTLP_BRIDGE_BACKFILL_ZIPKIN']
      if (filled !== undefined) return show('zipkin', given ?? '')
      const zipkin = await startZipkinOn(url)
      stops.push(zipkin.stop)
      await fillZipkin(zipkin.query, wantedItems)
      await seeDocuments(url, stores.zipkin.index, wantedItems)
      await show('zipkin', zipkin.query)
    },
    historyTimeout,
  )
})
