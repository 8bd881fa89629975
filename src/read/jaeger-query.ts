/**
 * Jaeger's query API, read-only (cutover 3.3): what the UI uses, and the third version with stored spans as OTLP/JSON.
 *
 *     GET /api/services                                                            {"data": [name]}
 *     GET /api/traces?service=S&start=µs&end=µs&limit=L&raw=true                   {"data": [Trace]}; a service is required
 *     GET /api/traces?traceID=a&traceID=b&raw=true                                 those that are there
 *     GET /api/v3/traces?query.service_name=S&query.start_time_min=…&query.num_traces=L&query.raw_traces=true
 *     GET /api/v3/traces/{32 hex}?raw_traces=true                                  {"result": {"resourceSpans": […]}}, in pieces, one a line
 *
 * `raw` asks for spans as stored: without it identical spans are merged, halves of shared spans get new ids, and times may be moved.
 */

import { BridgeError } from '../errors.ts'
import type { HttpClient } from './http-client.ts'
import { hexId, isJson, type Json, listOf, type OtlpJsonSpan, otlpSpans } from './otlp-json.ts'
import { chunksOf, slices } from './slices.ts'

export interface JaegerApi {
  services(): Promise<readonly string[]>
  /** Traces of a service in UI JSON. */
  traces(window: { readonly fromMs: number; readonly toMs: number }, service: string): AsyncIterable<readonly Json[]>
  /** Those of the ids that are there, in UI JSON. */
  byIds(ids: readonly string[]): Promise<readonly Json[]>
  /** Whether the third version answers. Asks once. */
  hasV3(): Promise<boolean>
  /** The spans of the traces of a service, by the third version. */
  tracesV3(window: { readonly fromMs: number; readonly toMs: number }, service: string): AsyncIterable<readonly OtlpJsonSpan[]>
  /** The spans of one trace, by the third version; none when it is not there. */
  byIdV3(id: string): Promise<readonly OtlpJsonSpan[]>
}

export interface JaegerApiOptions {
  /** Traces in an answer; a full one is asked again in halves. */
  readonly limit?: number
}

const idsAtOnce = 50

/** Of several ids those that are not there are errors beside those that are: v1 gives them a code, v2 the id alone. */
const isAbsent = ({ code, msg, traceID }: Json): boolean =>
  code === 404 || (code === undefined && typeof traceID === 'string' && msg === 'trace not found')

const rfc3339 = (micros: number): string => {
  const ms = Math.floor(micros / 1000)
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros - ms * 1000).padStart(3, '0')}Z`
}

export function createJaegerApi(http: HttpClient, { limit = 1500 }: JaegerApiOptions = {}): JaegerApi {
  let v3: Promise<boolean> | undefined
  const unexpected = (path: string, what: string): BridgeError => new BridgeError('OB_BACKEND', `cannot read ${http.name}${path}: ${what}`)

  const dataOf = (answer: unknown, path: string): readonly unknown[] => {
    if (answer === undefined) return []
    if (!isJson(answer) || !(Array.isArray(answer['data']) || answer['data'] === null))
      throw unexpected(path, 'the answer is none of Jaeger’s')
    const errors = listOf(answer['errors'])
    const fault = errors.find((one) => !isAbsent(one))
    if (fault !== undefined) throw unexpected(path, String(fault['msg']).slice(0, 160))
    return (answer['data'] as readonly unknown[] | null) ?? []
  }

  const spansIn = (body: Uint8Array, path: string): readonly OtlpJsonSpan[] => {
    const spans: OtlpJsonSpan[] = []
    for (const piece of Buffer.from(body).toString().split('\n')) {
      if (piece.trim() === '') continue
      let parsed: unknown
      try {
        parsed = JSON.parse(piece)
      } catch (error) {
        throw new BridgeError('OB_BACKEND', `cannot read ${http.name}${path}: the answer is not JSON`, { cause: error })
      }
      if (isJson(parsed) && isJson(parsed['error'])) throw unexpected(path, String(parsed['error']['message']).slice(0, 160))
      for (const span of otlpSpans(isJson(parsed) ? parsed['result'] : undefined)) spans.push(span)
    }
    return spans
  }

  const countTraces = (spans: readonly OtlpJsonSpan[]): number => new Set(spans.map(({ span }) => hexId(span['traceId'], 32))).size

  return {
    async services() {
      const path = '/api/services'
      return dataOf(await http.json({ path }), path).filter((one) => typeof one === 'string')
    },
    traces: (window, service) =>
      slices({ ...window, narrowestMicros: 1 }, async ({ fromMicros, toMicros }) => {
        const path = '/api/traces'
        const query = [
          ['service', service],
          ['start', fromMicros],
          ['end', toMicros],
          ['limit', limit],
          ['raw', 'true'],
        ] as const
        const page = listOf(dataOf(await http.json({ path, query, accept: [404] }), path))
        return { page, full: page.length >= limit, sparse: page.length < limit / 4 }
      }),
    async byIds(ids) {
      const found: Json[] = []
      for (const some of chunksOf([...new Set(ids)], idsAtOnce)) {
        const path = '/api/traces'
        const query = [...some.map((id) => ['traceID', id] as const), ['raw', 'true'] as const]
        found.push(...listOf(dataOf(await http.json({ path, query, accept: [404] }), path)))
      }
      return found
    },
    hasV3() {
      v3 ??= http.send({ path: '/api/v3/services', accept: [400, 404, 405, 501] }).then(
        // A page is what older ones answer unknown paths with.
        ({ status, body }) => status === 200 && Buffer.from(body).toString().trimStart().startsWith('{'),
      )
      return v3
    },
    tracesV3: (window, service) =>
      slices({ ...window, narrowestMicros: 1 }, async ({ fromMicros, toMicros }) => {
        const path = '/api/v3/traces'
        const query = [
          ['query.service_name', service],
          ['query.start_time_min', rfc3339(fromMicros)],
          ['query.start_time_max', rfc3339(toMicros)],
          ['query.num_traces', limit],
          ['query.raw_traces', 'true'],
        ] as const
        const { status, body } = await http.send({ path, query, accept: [404] })
        const page = status === 404 ? [] : spansIn(body, path)
        const count = countTraces(page)
        return { page, full: count >= limit, sparse: count < limit / 4 }
      }),
    async byIdV3(id) {
      const path = `/api/v3/traces/${encodeURIComponent(id.padStart(32, '0'))}`
      const { status, body } = await http.send({ path, query: [['raw_traces', 'true']], accept: [404] })
      return status === 404 ? [] : spansIn(body, path)
    },
  }
}
