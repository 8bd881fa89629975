/** Zipkin and Jaeger as their query APIs show them, out of memory: what parity reads when no real ones are there. */

import { defaultDecodeLimits } from '../../src/ingest/limits.ts'
import { createZipkinTranslators } from '../../src/ingest/zipkin/translators.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../src/otlp/encode/json.ts'
import type { Json, OtlpJsonSpan } from '../../src/read/otlp-json.ts'
import { otlpSpans } from '../../src/read/otlp-json.ts'
import { zipkinTranslateConfig } from '../../src/translate/zipkin/config.ts'

export const oldUrl = 'http://old.test:9411'
export const newUrl = 'http://new.test:16686'

/** Start of the first minute of all data, ms. */
export const firstMs = Date.parse('2026-11-22T11:00:00Z')

export interface LegacyJson {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly name: string
  readonly kind?: string
  readonly timestamp?: number
  readonly duration?: number
  readonly localEndpoint?: Json
  readonly remoteEndpoint?: Json
  readonly annotations?: readonly { readonly timestamp: number; readonly value: string }[]
  readonly tags?: Readonly<Record<string, unknown>>
  readonly shared?: boolean
  readonly debug?: boolean
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** A number from 0 to 1 that only depends on its arguments. */
const chance = (seed: number, salt: number): number => {
  const mixed = Math.imul(seed ^ (salt * 0x9e3779b1), 0x85ebca6b) >>> 0
  return (Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) >>> 0) / 2 ** 32
}

/** Traces of three spans each, web → cart → pay, spread evenly over `minutes`; the same for the same seed. */
export function shopTraces(count: number, minutes = 10, seed = 1): readonly LegacyJson[] {
  const stepMicros = Math.floor((minutes * 60_000_000) / count)
  return Array.from({ length: count }, (_, i): readonly LegacyJson[] => {
    const traceId = hex(seed, 8) + hex(i + 1, 8) + hex(i * 7 + 3, 16)
    const id = (n: number): string => hex(seed * 16 + n, 4) + hex(i + 1, 12)
    const start = firstMs * 1000 + i * stepMicros + Math.floor(chance(i, seed) * 1000)
    const route = `/items/${i % 7}`
    const endpoint = (serviceName: string, last: number): Json => ({ serviceName, ipv4: `10.0.0.${last}`, port: 8080 })
    const failed = chance(i, seed + 1) < 0.1
    return [
      {
        traceId,
        id: id(1),
        name: `GET ${route}`,
        kind: 'SERVER',
        timestamp: start,
        duration: 20_000 + (i % 100),
        localEndpoint: endpoint('web', 1),
        tags: { 'http.route': route, 'http.method': 'GET', 'http.status_code': failed ? '500' : '200', build: `b${i % 3}` },
      },
      {
        traceId,
        parentId: id(1),
        id: id(2),
        name: 'add to cart',
        kind: 'CLIENT',
        timestamp: start + 1000,
        duration: 15_000,
        localEndpoint: endpoint('cart', 2),
        remoteEndpoint: endpoint('pay', 3),
        annotations: [
          { timestamp: start + 1500, value: 'queue.wait' },
          { timestamp: start + 2500, value: 'queue.done' },
        ],
        tags: { 'http.route': `${route}/add`, user: `u${i}` },
      },
      {
        traceId,
        parentId: id(2),
        id: id(3),
        name: 'charge',
        timestamp: start + 3000,
        duration: 9000,
        localEndpoint: endpoint('pay', 3),
        tags: { amount: String(i % 50), ...(failed ? { error: 'card declined' } : {}) },
      },
    ]
  }).flat()
}

/** What a bridge makes of spans; the translator that a bridge has. */
export function translated(spans: readonly LegacyJson[]): readonly OtlpJsonSpan[] {
  const { v2Json } = createZipkinTranslators({ limits: defaultDecodeLimits, translate: zipkinTranslateConfig.parse({}) })
  return [...otlpSpans(tracesToPlain(decodeTraces(v2Json(Buffer.from(JSON.stringify(spans)), firstMs).data)))]
}

/** As Zipkin stores a span: names in lower case, annotations by time. */
const stored = (span: LegacyJson): LegacyJson => ({
  ...span,
  name: span.name.toLowerCase(),
  ...(span.annotations === undefined ? {} : { annotations: [...span.annotations].sort((a, b) => a.timestamp - b.timestamp) }),
})

const json = (value: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(value), { status, headers: { 'content-type': 'application/json', ...headers } })

const grouped = <T>(list: readonly T[], keyOf: (one: T) => string): readonly T[][] => {
  const groups = new Map<string, T[]>()
  for (const one of list) {
    const key = keyOf(one)
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  return [...groups.values()]
}

export type Answer = (url: URL) => Response | Promise<Response>

/** Zipkin's API. Traces are chosen by the time of their root, as its memory storage does. */
export function scriptedZipkin(spans: readonly LegacyJson[]): Answer {
  const traces = grouped(spans.map(stored), ({ traceId }) => traceId)
  const byId = new Map(traces.map((trace) => [trace[0]?.traceId ?? '', trace]))
  const rootMs = (trace: readonly LegacyJson[]): number =>
    (trace.find(({ parentId }) => parentId === undefined) ?? trace[0])?.timestamp ?? 0
  return ({ pathname, searchParams }) => {
    const [, id] = /^\/api\/v2\/trace\/(.*)$/.exec(pathname) ?? []
    if (id !== undefined) return byId.has(id) ? json(byId.get(id)) : json('not found', 404)
    if (pathname === '/api/v2/services') return json([...new Set(spans.map((one) => String(one.localEndpoint?.['serviceName'])))])
    if (pathname === '/api/v2/traceMany') {
      const ids = (searchParams.get('traceIds') ?? '').split(',')
      if (ids.length < 2) return json('at least two', 400)
      return json(ids.flatMap((one) => (byId.has(one) ? [byId.get(one)] : [])))
    }
    if (pathname !== '/api/v2/traces') return json('no such path', 404)
    const end = Number(searchParams.get('endTs')) * 1000
    const start = end - Number(searchParams.get('lookback')) * 1000
    const service = searchParams.get('serviceName')
    const found = traces.filter(
      (trace) =>
        rootMs(trace) >= start &&
        rootMs(trace) <= end &&
        (service === null || trace.some((one) => one.localEndpoint?.['serviceName'] === service)),
    )
    return json(found.slice(0, Number(searchParams.get('limit'))))
  }
}

const serviceOf = ({ resource }: OtlpJsonSpan): string => {
  const list = (resource['attributes'] ?? []) as readonly { key: string; value: { stringValue?: string } }[]
  return list.find(({ key }) => key === 'service.name')?.value.stringValue ?? ''
}

const requestOf = (spans: readonly OtlpJsonSpan[]): Json => ({
  result: { resourceSpans: spans.map(({ resource, scope, span }) => ({ resource, scopeSpans: [{ scope, spans: [span] }] })) },
})

/** Jaeger's api_v3, and of the older API what says which ids are there. Traces are chosen by any span of the service. */
export function scriptedJaeger(spans: readonly OtlpJsonSpan[]): Answer {
  const traces = grouped(spans, ({ span }) => String(span['traceId']))
  const byId = new Map(traces.map((trace) => [String(trace[0]?.span['traceId']), trace]))
  return ({ pathname, searchParams }) => {
    const [, id] = /^\/api\/v3\/traces\/(.*)$/.exec(pathname) ?? []
    if (id !== undefined) return byId.has(id) ? json(requestOf(byId.get(id) ?? [])) : json({ error: { httpCode: 404 } }, 404)
    if (pathname === '/api/services') return json({ data: [...new Set(spans.map(serviceOf))] })
    if (pathname === '/api/v3/services') return json({ services: [] })
    if (pathname === '/api/traces') {
      const there = searchParams.getAll('traceID').filter((one) => byId.has(one))
      return there.length === 0
        ? json({ data: null, errors: [{ code: 404, msg: 'trace not found' }] }, 404)
        : json({ data: there.map((traceID) => ({ traceID, spans: [] })) })
    }
    if (pathname !== '/api/v3/traces') return json('no such path', 404)
    const service = searchParams.get('query.service_name')
    const from = BigInt(Date.parse(searchParams.get('query.start_time_min') ?? '')) * 1_000_000n
    const to = BigInt(Date.parse(searchParams.get('query.start_time_max') ?? '')) * 1_000_000n
    const found = traces.filter((trace) =>
      trace.some((one) => {
        const start = BigInt(String(one.span['startTimeUnixNano']))
        return serviceOf(one) === service && start >= from && start <= to
      }),
    )
    if (found.length === 0) return json({ error: { httpCode: 404, message: 'No traces found' } }, 404)
    return json(requestOf(found.slice(0, Number(searchParams.get('query.num_traces'))).flat()))
  }
}

/** A `fetch` that asks the two. */
export function scriptedFetch(old: Answer, young: Answer): typeof fetch {
  return async (input) => {
    const url = new URL(String(input))
    if (url.origin === oldUrl) return old(url)
    if (url.origin === newUrl) return young(url)
    throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
  }
}
