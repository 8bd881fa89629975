/**
 * Zipkin's query API, version 2, read-only (cutover 3.3).
 *
 *     GET /api/v2/services                                             names, lower-case
 *     GET /api/v2/traces?serviceName=S&endTs=MS&lookback=MS&limit=L    lists of spans, each trace whole
 *     GET /api/v2/traceMany?traceIds=a,b                               at least two ids; one alone is 400
 *     GET /api/v2/trace/{id}                                           404 for one that is not there
 *
 * With Elasticsearch storage a limit above 10,000 is silently cut to 10,000, and bounds are whole milliseconds at both ends: we ask for less than
 * that, and a millisecond wider than wanted. A trace is chosen by its own time, the first of its spans or its root's: spans of a trace that began
 * earlier come with it alone.
 */

import { BridgeError } from '../errors.ts'
import type { HttpClient } from './http-client.ts'
import { chunksOf, slices } from './slices.ts'

/** A span as Zipkin stores it; the fields that we look at ourselves. */
export interface ZipkinJsonSpan {
  readonly traceId: string
  readonly id: string
  readonly timestamp?: number
  readonly [field: string]: unknown
}

/** The spans of one trace, of all its services. */
export type ZipkinJsonTrace = readonly ZipkinJsonSpan[]

export interface ZipkinApi {
  services(): Promise<readonly string[]>
  /** Traces of a window, slice by slice, oldest first; one may come twice, at the seam of two slices. @param service undefined: of all services */
  traces(window: { readonly fromMs: number; readonly toMs: number }, service?: string): AsyncIterable<readonly ZipkinJsonTrace[]>
  /** Those of the ids that are there, in any order. Ids of 16 or 32 hex digits. */
  byIds(ids: readonly string[]): Promise<readonly ZipkinJsonTrace[]>
}

export interface ZipkinApiOptions {
  /** Traces in an answer; a full one is asked again in halves. */
  readonly limit?: number
}

/** Elasticsearch gives 10,000 at most, and a full page cannot be told from a cut one. */
const highestLimit = 9999

/** Ids in one request. */
const idsAtOnce = 50

const isTrace = (value: unknown): value is ZipkinJsonTrace =>
  Array.isArray(value) &&
  value.every((one) => typeof one === 'object' && one !== null && typeof one.traceId === 'string' && typeof one.id === 'string')

export function createZipkinApi(http: HttpClient, { limit = 2000 }: ZipkinApiOptions = {}): ZipkinApi {
  const most = Math.min(limit, highestLimit)
  const tracesIn = (answer: unknown, path: string): readonly ZipkinJsonTrace[] => {
    if (!Array.isArray(answer) || !answer.every(isTrace)) {
      throw new BridgeError('OB_BACKEND', `cannot read ${http.name}${path}: the answer is no list of Zipkin traces`)
    }
    return answer
  }
  return {
    async services() {
      const answer = await http.json({ path: '/api/v2/services' })
      if (!Array.isArray(answer))
        throw new BridgeError('OB_BACKEND', `cannot read ${http.name}/api/v2/services: the answer is no list of names`)
      return answer.filter((one) => typeof one === 'string')
    },
    traces: (window, service) =>
      slices(window, async ({ fromMicros, toMicros }) => {
        const endTs = Math.ceil(toMicros / 1000) + 1
        const lookback = endTs - Math.floor(fromMicros / 1000) + 1
        const path = '/api/v2/traces'
        const query = [
          ['serviceName', service],
          ['endTs', endTs],
          ['lookback', lookback],
          ['limit', most],
        ] as const
        const page = tracesIn(await http.json({ path, query }), path)
        return { page, full: page.length >= most, sparse: page.length < most / 4 }
      }),
    async byIds(ids) {
      const found: ZipkinJsonTrace[] = []
      for (const some of chunksOf([...new Set(ids)], idsAtOnce)) {
        const [first] = some
        if (some.length === 1 && first !== undefined) {
          const path = `/api/v2/trace/${encodeURIComponent(first)}`
          const answer = await http.json({ path, accept: [404] })
          if (answer !== undefined) found.push(...tracesIn([answer], path))
          continue
        }
        const path = '/api/v2/traceMany'
        found.push(...tracesIn(await http.json({ path, query: [['traceIds', some.join(',')]] }), path))
      }
      return found
    },
  }
}
