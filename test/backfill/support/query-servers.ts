/** Query APIs as Jaeger and Zipkin serve them, over spans in memory: small enough to count on, with every limit in reach. */

import { createServer, type Server } from 'node:http'
import { listenLocally } from '../../support/local-server.ts'

/** A span of either. */
export interface StoredSpan {
  readonly trace: string
  readonly span: string
  readonly service: string
  readonly operation: string
  /** µs; 0: none */
  readonly start: number
  readonly duration: number
}

export interface QueryServer {
  readonly url: string
  readonly server: Server
  /** Paths with queries, in order. */
  readonly asked: URL[]
}

type Answer = (url: URL) => { readonly status?: number; readonly body: unknown }

async function serve(answer: Answer): Promise<QueryServer> {
  const asked: URL[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://server')
    asked.push(url)
    const { status = 200, body } = answer(url)
    response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  const port = await listenLocally(server)
  return { url: `http://127.0.0.1:${port}`, server, asked }
}

const byTrace = (spans: readonly StoredSpan[]): Map<string, StoredSpan[]> => Map.groupBy(spans, ({ trace }) => trace)

const micros = (text: string | null): number | undefined => (text === null ? undefined : Number(text.replace('us', '')))

const uiTrace = (trace: string, spans: readonly StoredSpan[]) => {
  const services = [...new Set(spans.map(({ service }) => service))]
  return {
    traceID: trace,
    spans: spans.map(({ span, service, operation, start, duration }) => ({
      traceID: trace,
      spanID: span,
      operationName: operation,
      references: [],
      startTime: start,
      duration,
      tags: [{ key: 'big', type: 'int64', value: 7 }],
      logs: [],
      processID: `p${services.indexOf(service) + 1}`,
      warnings: null,
    })),
    processes: Object.fromEntries(services.map((serviceName, at) => [`p${at + 1}`, { serviceName, tags: [] }])),
    warnings: null,
  }
}

/** The query service of Jaeger, first version: newest traces first, `limit` of them. @param answered may change an answer */
export function serveJaeger(
  spans: readonly StoredSpan[],
  answered: (url: URL) => ReturnType<Answer> | undefined = () => undefined,
): Promise<QueryServer> {
  return serve((url) => {
    const changed = answered(url)
    if (changed !== undefined) return changed
    if (url.pathname === '/api/services') return { body: { data: [...new Set(spans.map(({ service }) => service))], total: 0 } }
    const query = url.searchParams
    const service = query.get('service')
    if (url.pathname === '/api/operations') {
      const names = new Set(spans.filter((one) => one.service === service).map(({ operation }) => operation))
      return { body: { data: [...names].map((name) => ({ name, spanKind: '' })) } }
    }
    if (url.pathname !== '/api/traces') return { status: 404, body: 'no' }
    const [from, to] = [Number(query.get('start')), Number(query.get('end'))]
    const [least, most] = [micros(query.get('minDuration')) ?? 0, micros(query.get('maxDuration')) ?? Number.POSITIVE_INFINITY]
    const operation = query.get('operation')
    const matches = (one: StoredSpan): boolean =>
      one.service === service &&
      one.start >= from &&
      one.start <= to &&
      one.duration >= least &&
      one.duration <= most &&
      (operation === null || operation === one.operation)
    const found = [...byTrace(spans)].filter(([, list]) => list.some(matches))
    const latest = (list: readonly StoredSpan[]): number => Math.max(...list.filter(matches).map(({ start }) => start))
    found.sort(([, a], [, b]) => latest(b) - latest(a))
    return {
      body: { data: found.slice(0, Number(query.get('limit'))).map(([trace, list]) => uiTrace(trace, list)), total: 0, errors: null },
    }
  })
}

/** Zipkin. @param findsBy how its storage finds traces: by any span, as Elasticsearch, or by the trace's own time, as memory does */
export function serveZipkin(spans: readonly StoredSpan[], findsBy: 'span' | 'trace', isSearching = true): Promise<QueryServer> {
  return serve((url) => {
    if (url.pathname === '/config.json') return { body: { searchEnabled: isSearching } }
    if (url.pathname === '/api/v2/services') return { body: isSearching ? [...new Set(spans.map(({ service }) => service))] : [] }
    if (url.pathname !== '/api/v2/traces') return { status: 404, body: '' }
    const query = url.searchParams
    const end = Number(query.get('endTs')) * 1000
    const begin = end - Number(query.get('lookback')) * 1000
    const service = query.get('serviceName')
    const isIn = (start: number): boolean => start >= begin && start <= end
    const found = [...byTrace(spans).values()].filter((list) => {
      const times = list.map(({ start }) => start).filter((start) => start > 0)
      const isFound = findsBy === 'span' ? times.some(isIn) : times.length > 0 && isIn(Math.min(...times))
      return isFound && (service === null || list.some((one) => one.service === service))
    })
    const traces = found.map((list) =>
      list.map(({ trace, span, service: serviceName, operation, start, duration }, at) => ({
        traceId: trace,
        id: span,
        name: operation,
        ...(at === 0 ? {} : { parentId: list[0]?.span }),
        ...(start === 0 ? {} : { timestamp: start, duration }),
        localEndpoint: { serviceName },
        tags: {},
      })),
    )
    return { body: traces.slice(-Number(query.get('limit') ?? 10)) }
  })
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** Traces of several services whose spans go over windows and hours. @param from µs */
export function manyTraces(count: number, from: number, overMicros: number): StoredSpan[] {
  const spans: StoredSpan[] = []
  let seed = 7
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  for (let trace = 1; trace <= count; trace++) {
    const start = from + random(overMicros)
    const size = 1 + random(4)
    for (let at = 0; at < size; at++) {
      // Some begin much later than their trace.
      const later = at === 0 ? 0 : random(10) === 0 ? random(overMicros / 3) : random(5_000_000)
      spans.push({
        trace: hex(trace + 0x1000, 32),
        span: hex(trace * 16 + at + 1, 16),
        service: `service-${random(3)}`,
        operation: `operation-${random(3)}`,
        start: start + later,
        duration: random(1_000_000),
      })
    }
  }
  return spans
}
