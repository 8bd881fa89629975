/** `backfill jaeger-query` and `backfill zipkin-api` from real servers, with limits that traces over several services and windows run into. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jaegerQuery } from '../../src/backfill/sources/jaeger-query.ts'
import { zipkinApi } from '../../src/backfill/sources/zipkin-api.ts'
import { manyTraces, type StoredSpan } from '../backfill/support/query-servers.ts'
import { allPages, sourceDeps, spanIds, totals } from '../backfill/support/source-deps.ts'
import { type JaegerPorts, type Peer, present, startJaeger, startScript, startZipkin } from './peers.ts'
import { freePorts, freeTcpPort, freeUdpPort } from './ports.ts'
import { until } from './wait.ts'

const toMs = Math.floor(Date.now() / 60_000) * 60_000
const fromMs = toMs - 2 * 3_600_000
// None too near to the ends: what lies outside is not asked for.
const spans = manyTraces(400, (fromMs + 60_000) * 1000, 3_600_000_000)
const inside = spans.filter(({ start }) => start < toMs * 1000)
const ids = inside.map(({ trace, span }) => `${trace}/${span}`).sort()
const deps = sourceDeps({ filter: { sinceMs: fromMs, untilMs: toMs, services: [], query: undefined }, nowMs: Date.now })

const otlp = (list: readonly StoredSpan[]) => ({
  resourceSpans: list.map(({ trace, span, service, operation, start, duration }) => ({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
    scopeSpans: [
      {
        spans: [
          {
            traceId: trace,
            spanId: span,
            name: operation,
            kind: 2,
            startTimeUnixNano: `${start}000`,
            endTimeUnixNano: `${start + duration}000`,
          },
        ],
      },
    ],
  })),
})

async function send(url: string, body: unknown): Promise<void> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`)
}

async function sendAll(url: string): Promise<void> {
  for (let at = 0; at < spans.length; at += 200) await send(url, otlp(spans.slice(at, at + 200)))
}

async function readBy(url: string, api: 'v1' | 'v3' | 'auto') {
  const source = await jaegerQuery.open({ url, api, limit: 5 }, [], deps)
  try {
    const pages = await allPages(source)
    return { ids: spanIds(pages), approximate: source.approximate, ...totals(pages) }
  } finally {
    await source.close()
  }
}

describe.skipIf(!present('jaeger-v2'))('backfill jaeger-query, at Jaeger v2', () => {
  let peer: Peer<JaegerPorts>
  let url = ''
  beforeAll(async () => {
    peer = await startJaeger()
    url = `http://127.0.0.1:${peer.ports.query}`
    await sendAll(`http://127.0.0.1:${peer.ports.otlpHttp}/v1/traces`)
    await until(
      'the spans stored',
      async () => ((await (await fetch(`${url}/api/services`)).json()) as { data: unknown[] }).data.length >= 3,
    )
  })
  afterAll(() => peer?.stop())

  for (const api of ['v1', 'v3', 'auto'] as const) {
    it(`takes every span once by ${api}`, async () => {
      const found = await readBy(url, api)
      expect(found.ids).toEqual(ids)
      expect(found).toMatchObject({ read: ids.length, translated: ids.length, skipped: {} })
      expect(found.approximate === undefined).toBe(api !== 'v1')
    }, 60_000)
  }
})

describe.skipIf(!present('jaeger-v1'))('backfill jaeger-query, at Jaeger v1', () => {
  let peer: Peer<{ readonly query: number; readonly otlp: number }>
  let url = ''
  beforeAll(async () => {
    const tcp = await freePorts(['query', 'http', 'grpc', 'otlpGrpc', 'otlpHttp', 'zipkin', 'admin', 'sampling'], freeTcpPort)
    const udp = await freePorts(['compact', 'binary'], freeUdpPort)
    peer = await startScript(
      'jaeger-v1',
      {
        JAEGER_QUERY_PORT: String(tcp.query),
        JAEGER_HTTP_PORT: String(tcp.http),
        JAEGER_GRPC_PORT: String(tcp.grpc),
        JAEGER_ZIPKIN_PORT: String(tcp.zipkin),
        JAEGER_OTLP_GRPC_PORT: String(tcp.otlpGrpc),
        JAEGER_OTLP_HTTP_PORT: String(tcp.otlpHttp),
        JAEGER_ADMIN_PORT: String(tcp.admin),
        JAEGER_SAMPLING_PORT: String(tcp.sampling),
        JAEGER_COMPACT_PORT: String(udp.compact),
        JAEGER_BINARY_PORT: String(udp.binary),
      },
      { query: tcp.query, otlp: tcp.otlpHttp },
    )
    url = `http://127.0.0.1:${peer.ports.query}`
    await sendAll(`http://127.0.0.1:${peer.ports.otlp}/v1/traces`)
    await until(
      'the spans stored',
      async () => ((await (await fetch(`${url}/api/services`)).json()) as { data: unknown[] }).data.length >= 3,
    )
  })
  afterAll(() => peer?.stop())

  for (const api of ['v1', 'auto'] as const) {
    it(`takes every span once by ${api}`, async () => {
      const found = await readBy(url, api)
      expect(found.ids).toEqual(ids)
    }, 60_000)
  }
})

describe.skipIf(!present('zipkin'))('backfill zipkin-api, at Zipkin', () => {
  let peer: Peer<{ readonly http: number }>
  let url = ''
  beforeAll(async () => {
    peer = await startZipkin()
    url = `http://127.0.0.1:${peer.ports.http}`
    const body = spans.map(({ trace, span, service, operation, start, duration }) => ({
      traceId: trace,
      id: span,
      name: operation,
      timestamp: start,
      duration: Math.max(1, duration),
      localEndpoint: { serviceName: service },
    }))
    await send(`${url}/api/v2/spans`, body)
    await until('the spans stored', async () => ((await (await fetch(`${url}/api/v2/services`)).json()) as unknown[]).length >= 3)
  })
  afterAll(() => peer?.stop())

  it('takes every span once, of a store in memory that finds traces by their own time', async () => {
    const source = await zipkinApi.open({ url, limit: 5 }, [], deps)
    const pages = await allPages(source)
    await source.close()
    const begins = new Map<string, number>()
    for (const { trace, start } of spans) begins.set(trace, Math.min(start, begins.get(trace) ?? start))
    const wanted = spans.filter(({ trace }) => (begins.get(trace) ?? 0) < toMs * 1000).map(({ trace, span }) => `${trace}/${span}`)
    expect(spanIds(pages)).toEqual(wanted.sort())
  }, 60_000)
})
