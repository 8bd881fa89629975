/**
 * Tempo's query API, read-only, as documented (cutover 3.3); not tried against a real one.
 *
 *     GET /api/v2/search/tag/resource.service.name/values?start=s&end=s     {"tagValues": [{"type", "value"}]}
 *     GET /api/search?q={resource.service.name="S"}&start=s&end=s&limit=L&spss=N
 *     GET /api/v2/traces/{id}?start=s&end=s                                 {"trace": {"resourceSpans": […]}, "status"?, "message"?}
 *
 * Its metrics are no counts (they are sampled and windowed): what is found is what is counted. Search prints ids without leading zeros.
 */

import { BridgeError } from '../errors.ts'
import type { HttpClient } from './http-client.ts'
import { isJson, listOf, type OtlpJsonSpan, otlpSpans } from './otlp-json.ts'
import { slices } from './slices.ts'

export interface TempoApi {
  services(window: { readonly fromMs: number; readonly toMs: number }): Promise<readonly string[]>
  /** Ids, 32 hex digits, of traces in which the service has spans that began in the window. */
  traceIds(window: { readonly fromMs: number; readonly toMs: number }, service: string): AsyncIterable<readonly string[]>
  /** The spans of a trace; none when it is not there. Rejects with OB_BACKEND when only a part of it came. */
  byId(id: string, window?: { readonly fromMs: number; readonly toMs: number }): Promise<readonly OtlpJsonSpan[]>
}

/** A search looks through an hour at most. */
const widestMs = 3_600_000

const seconds = (micros: number): number => Math.floor(micros / 1e6)

export function createTempoApi(http: HttpClient, { limit = 1000 }: { readonly limit?: number } = {}): TempoApi {
  return {
    async services({ fromMs, toMs }) {
      const path = '/api/v2/search/tag/resource.service.name/values'
      const query = [
        ['start', Math.floor(fromMs / 1000)],
        ['end', Math.ceil(toMs / 1000)],
      ] as const
      const answer = await http.json({ path, query })
      return listOf(isJson(answer) ? answer['tagValues'] : undefined).flatMap(({ value }) => (typeof value === 'string' ? [value] : []))
    },
    traceIds: (window, service) =>
      slices({ ...window, widestMs, narrowestMicros: 1e6 }, async ({ fromMicros, toMicros }) => {
        const path = '/api/search'
        const query = [
          ['q', `{ resource.service.name = ${JSON.stringify(service)} }`],
          ['start', seconds(fromMicros)],
          ['end', seconds(toMicros + 999_999)],
          ['limit', limit],
          ['spss', 1],
        ] as const
        const answer = await http.json({ path, query })
        if (!isJson(answer)) throw new BridgeError('OB_BACKEND', `cannot read ${http.name}${path}: the answer is none of Tempo’s`)
        const page = listOf(answer['traces']).flatMap(({ traceID }) => (typeof traceID === 'string' ? [traceID.padStart(32, '0')] : []))
        return { page, full: page.length >= limit, sparse: page.length < limit / 4 }
      }),
    async byId(id, window) {
      const path = `/api/v2/traces/${encodeURIComponent(id)}`
      const query =
        window === undefined
          ? []
          : ([
              ['start', Math.floor(window.fromMs / 1000)],
              ['end', Math.ceil(window.toMs / 1000)],
            ] as const)
      const answer = await http.json({ path, query, accept: [404] })
      if (!isJson(answer)) return []
      if (/partial/i.test(String(answer['status'] ?? ''))) {
        throw new BridgeError(
          'OB_BACKEND',
          `cannot read ${http.name}${path}: only a part of the trace came: ${String(answer['message'] ?? '').slice(0, 160)}`,
        )
      }
      return [...otlpSpans(answer['trace'] ?? answer)]
    },
  }
}
