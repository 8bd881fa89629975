/**
 * The query API of Prometheus and of what speaks it (Mimir, Thanos, VictoriaMetrics), as far as samples are read back: cutover 3.5.
 *
 * Raw mode asks for a range selector, so that samples come as stored, with times of their own. Prometheus 2 takes a range as closed at both
 * ends, Prometheus 3 as open at its start; here it is `[start, end)` in whole milliseconds with either.
 */

import { BridgeError } from '../errors.ts'
import type { HttpClient, HttpResponse } from './http-client.ts'

/** All labels of a series, `__name__` among them. */
export type SeriesLabels = Readonly<Record<string, string>>

/** `[startMs, endMs)` */
export interface TimeRange {
  readonly startMs: number
  readonly endMs: number
}

/** A native histogram as the API tells it. */
export interface StoredHistogram {
  readonly timeMs: number
  readonly count: number
  readonly sum: number
  /** Those that are not empty, ascending: which ends are closed (0 the upper, 1 the lower, 2 none, 3 both), lower end, upper end, count. */
  readonly buckets: readonly (readonly [closed: number, lower: number, upper: number, count: number])[]
}

/** Samples of a series, ascending in time. Markers of an end are not among them: the API does not show them. */
export interface StoredSeries {
  readonly labels: SeriesLabels
  readonly times: readonly number[]
  /** Bits as stored, but that every NaN is one. */
  readonly values: readonly number[]
  readonly histograms: readonly StoredHistogram[]
}

/** What a series list says. */
export interface SeriesList {
  readonly series: readonly SeriesLabels[]
  /** The list was cut at the limit: narrow it, never judge by it. */
  readonly truncated: boolean
}

export interface FamilyMetadata {
  /** As the API says it: `counter`, `gauge`, `histogram`, `summary`, `unknown`, … */
  readonly type: string
  readonly help: string
  readonly unit: string
}

export interface PrometheusApi {
  /** For messages. */
  readonly name: string
  /** Series that match one of the selectors and have a sample in the range. A server that does not know `limit` gives all of them. */
  series(selectors: readonly string[], range: TimeRange, limit: number): Promise<SeriesList>
  /** Values of a label. @throws OB_BACKEND when the server warns that they are not all */
  labelValues(label: string, selectors: readonly string[], range: TimeRange): Promise<readonly string[]>
  /** By name of the family. Empty where the server keeps none: Prometheus knows those of its own targets only. */
  metadata(): Promise<ReadonlyMap<string, FamilyMetadata>>
  /** `global.external_labels` of its configuration, which remote-write adds and its own storage has not. Empty where it does not tell. */
  externalLabels(): Promise<SeriesLabels>
  /** How many series of each name have samples in the range. */
  seriesCounts(selector: string, range: TimeRange): Promise<ReadonlyMap<string, number>>
  /**
   * Samples that the longest of some series has in the range; 0 where there is none. With Prometheus 2 those of the millisecond before it, too: it
   * is for planning.
   * @param selector of one name: over several Prometheus refuses it, since what loses its name would be the same twice
   */
  mostSamples(selector: string, range: TimeRange): Promise<number>
  /**
   * Samples as stored, piece by piece: in time, ascending, never more than an hour in one answer, and less where the server says that it is too
   * much. A series may come in every piece.
   */
  stored(selector: string, range: TimeRange, sliceMs?: number): AsyncGenerator<readonly StoredSeries[], void, undefined>
  /** What an instant query shows: a series that ended is not there, one that only stopped is for five minutes more. */
  instant(promql: string, timeMs: number): Promise<readonly StoredSeries[]>
  /** `start` and `end` are drawn to multiples of the step, as caches want it. @throws OB_PARITY for more than 11,000 steps */
  queryRange(promql: string, range: TimeRange, stepMs: number): Promise<readonly StoredSeries[]>
}

/** Steps of a range query that Prometheus takes at most. */
export const maxSteps = 11_000

/** Longest range of one raw answer. */
const longestSliceMs = 3_600_000

/** Shortest range that is tried when a server says that it is too much. */
const shortestSliceMs = 1000

/** Statuses that carry the API's own words. */
const told = [400, 404, 405, 422, 500]

const floatOf = (text: unknown): number => {
  const word = String(text)
  if (word === '+Inf' || word === 'Inf') return Number.POSITIVE_INFINITY
  if (word === '-Inf') return Number.NEGATIVE_INFINITY
  return Number(word)
}

/** Seconds with three digits behind the point, as the API writes times and reads them. */
const secondsText = (ms: number): string => (ms / 1000).toFixed(3)

const millisOf = (seconds: unknown): number => Math.round(Number(seconds) * 1000)

/** A label's value in a selector. */
export const quoted = (value: string): string => JSON.stringify(value)

const metaCharacter = /[\\^$.|?*+()[\]{}]/g

/** A value as a regular expression that matches it alone. */
export const escaped = (value: string): string => value.replace(metaCharacter, '\\$&')

interface Point {
  readonly metric?: SeriesLabels
  readonly value?: readonly [unknown, unknown]
  readonly values?: readonly (readonly [unknown, unknown])[]
  readonly histogram?: readonly [unknown, Histogram]
  readonly histograms?: readonly (readonly [unknown, Histogram])[]
}

interface Histogram {
  readonly count: unknown
  readonly sum: unknown
  readonly buckets?: readonly (readonly [unknown, unknown, unknown, unknown])[]
}

interface Answer {
  readonly status?: unknown
  readonly data?: unknown
  readonly error?: unknown
  readonly errorType?: unknown
  readonly warnings?: unknown
}

const histogramOf = ([time, { count, sum, buckets = [] }]: readonly [unknown, Histogram]): StoredHistogram => ({
  timeMs: millisOf(time),
  count: floatOf(count),
  sum: floatOf(sum),
  buckets: buckets.map(([closed, lower, upper, many]) => [Number(closed), floatOf(lower), floatOf(upper), floatOf(many)] as const),
})

function seriesOf(point: Point, keeps: (timeMs: number) => boolean): StoredSeries {
  const times: number[] = []
  const values: number[] = []
  for (const [time, value] of point.values ?? (point.value === undefined ? [] : [point.value])) {
    const ms = millisOf(time)
    if (!keeps(ms)) continue
    times.push(ms)
    values.push(floatOf(value))
  }
  const histograms = (point.histograms ?? (point.histogram === undefined ? [] : [point.histogram]))
    .map(histogramOf)
    .filter(({ timeMs }) => keeps(timeMs))
  return { labels: point.metric ?? {}, times, values, histograms }
}

const isEmpty = ({ times, histograms }: StoredSeries): boolean => times.length === 0 && histograms.length === 0

const isTooMuch = (error: unknown): boolean => error instanceof TooMuch

/** The server would have had to load more than it allows: a shorter range may do. */
class TooMuch extends Error {}

/** @param http below which `/api/v1` lies */
export function createPrometheusApi(http: HttpClient): PrometheusApi {
  const fault = (path: string, cause: string): BridgeError => new BridgeError('OB_BACKEND', `cannot ask ${http.name}${path}: ${cause}`)

  const read = (path: string, { status, body }: HttpResponse): Answer => {
    let answer: Answer
    try {
      answer = JSON.parse(Buffer.from(body).toString()) as Answer
    } catch {
      throw fault(path, `status ${status}, and the answer is not JSON`)
    }
    if (answer?.status === 'success') return answer
    const words = `${String(answer?.errorType ?? 'error')}: ${String(answer?.error ?? `status ${status}`).slice(0, 300)}`
    if (/too many samples|exceed(s|ed) (the )?(limit|maximum)|max-samples|too much data/i.test(words)) throw new TooMuch(words)
    throw fault(path, words)
  }

  /** Whether the server, or what stands before it, takes forms. Long selectors do not fit into a URL. */
  let posts = true

  const ask = async (path: string, form: readonly (readonly [string, string])[], canPost = true): Promise<Answer> => {
    if (posts && canPost) {
      const body = new URLSearchParams(form.map(([key, value]): [string, string] => [key, value])).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const answer = await http.send({ method: 'POST', path, body, headers, accept: told })
      if (answer.status !== 405) return read(path, answer)
      posts = false
    }
    return read(path, await http.send({ path, query: form, accept: told }))
  }

  const query = async (promql: string, timeMs: number, keeps: (timeMs: number) => boolean): Promise<readonly StoredSeries[]> => {
    const { data } = await ask('/api/v1/query', [
      ['query', promql],
      ['time', secondsText(timeMs)],
    ])
    const { resultType, result } = (data ?? {}) as { resultType?: string; result?: unknown }
    if (resultType === 'scalar') return [seriesOf({ value: result as [unknown, unknown] }, keeps)]
    return ((result ?? []) as readonly Point[]).map((point) => seriesOf(point, keeps))
  }

  const always = (): boolean => true

  const matching = (selectors: readonly string[], { startMs, endMs }: TimeRange): [string, string][] => [
    ...selectors.map((selector): [string, string] => ['match[]', selector]),
    ['start', secondsText(startMs)],
    // Both ends are closed here.
    ['end', secondsText(endMs - 1)],
  ]

  const slice = async (selector: string, startMs: number, endMs: number): Promise<readonly StoredSeries[]> => {
    // From the millisecond before the start, which Prometheus 2 takes in and 3 does not: it is left out below.
    const found = await query(`${selector}[${endMs - startMs}ms]`, endMs - 1, (timeMs) => timeMs >= startMs && timeMs < endMs)
    return found.filter((one) => !isEmpty(one))
  }

  return {
    name: http.name,
    async series(selectors, range, limit) {
      const { data, warnings } = await ask('/api/v1/series', [...matching(selectors, range), ['limit', String(limit)]])
      const series = (data ?? []) as readonly SeriesLabels[]
      const warned = Array.isArray(warnings) && warnings.some((one) => /truncated|limit/i.test(String(one)))
      return { series, truncated: warned }
    },
    async labelValues(label, selectors, range) {
      const path = `/api/v1/label/${encodeURIComponent(label)}/values`
      const { data, warnings } = await ask(path, matching(selectors, range), false)
      // A value that is not told would never be looked for.
      if (Array.isArray(warnings) && warnings.length > 0) throw fault(path, `only a part answered: ${String(warnings[0]).slice(0, 300)}`)
      return (data ?? []) as readonly string[]
    },
    async metadata() {
      const { status, body } = await http.send({ path: '/api/v1/metadata', accept: [400, 404, 405, 501] })
      const found = new Map<string, FamilyMetadata>()
      if (status !== 200) return found
      const { data } = read('/api/v1/metadata', { status, body, headers: new Headers() })
      for (const [family, rows] of Object.entries((data ?? {}) as Record<string, readonly Partial<FamilyMetadata>[]>)) {
        // Of targets that differ the first one that says a type counts.
        const row = rows.find(({ type }) => type !== undefined && type !== 'unknown') ?? rows[0]
        if (row !== undefined) found.set(family, { type: row.type ?? 'unknown', help: row.help ?? '', unit: row.unit ?? '' })
      }
      return found
    },
    async externalLabels() {
      const path = '/api/v1/status/config'
      const response = await http.send({ path, accept: [400, 401, 403, 404, 405, 501] })
      if (response.status !== 200) return {}
      const { yaml } = (read(path, response).data ?? {}) as { yaml?: unknown }
      if (typeof yaml !== 'string') return {}
      const { parse } = await import('yaml')
      const config = parse(yaml) as { global?: { external_labels?: Record<string, unknown> | null } | null } | null
      return Object.fromEntries(Object.entries(config?.global?.external_labels ?? {}).map(([name, value]) => [name, String(value)]))
    },
    async seriesCounts(selector, { startMs, endMs }) {
      // Of the functions over a range this one alone keeps names.
      const found = await query(`count by (__name__) (last_over_time(${selector}[${endMs - startMs}ms]))`, endMs - 1, always)
      return new Map(found.map(({ labels, values }) => [labels['__name__'] ?? '', values[0] ?? 0]))
    },
    async mostSamples(selector, { startMs, endMs }) {
      const [most] = await query(`max(count_over_time(${selector}[${endMs - startMs}ms]))`, endMs - 1, always)
      return most?.values[0] ?? 0
    },
    async *stored(selector, { startMs, endMs }, sliceMs = longestSliceMs) {
      let size = Math.min(Math.max(sliceMs, shortestSliceMs), longestSliceMs)
      for (let at = startMs; at < endMs; ) {
        const next = Math.min(at + size, endMs)
        try {
          yield await slice(selector, at, next)
          at = next
        } catch (error) {
          if (!isTooMuch(error)) throw error
          if (size <= shortestSliceMs) throw fault('/api/v1/query', (error as Error).message)
          size = Math.max(Math.ceil((next - at) / 2), shortestSliceMs)
        }
      }
    },
    instant: (promql, timeMs) => query(promql, timeMs, always),
    async queryRange(promql, { startMs, endMs }, stepMs) {
      const start = Math.ceil(startMs / stepMs) * stepMs
      const end = Math.floor(endMs / stepMs) * stepMs
      if ((end - start) / stepMs + 1 > maxSteps) {
        throw new BridgeError('OB_PARITY', `cannot ask for ${(end - start) / stepMs + 1} steps: at most ${maxSteps} in one query`)
      }
      if (end < start) return []
      const { data } = await ask('/api/v1/query_range', [
        ['query', promql],
        ['start', secondsText(start)],
        ['end', secondsText(end)],
        ['step', secondsText(stepMs)],
      ])
      return (((data ?? {}) as { result?: readonly Point[] }).result ?? []).map((point) => seriesOf(point, always))
    },
  }
}
