/** The query API of Prometheus, as far as tests ask it. */

export type Labels = Readonly<Record<string, string>>

/** `[seconds, value]`; values are text as in JSON: `NaN`, `+Inf`, `1.5`. */
export type FloatPoint = readonly [seconds: number, value: string]

export interface HistogramValue {
  readonly count: string
  readonly sum: string
  /** Which ends are closed, lower end, upper end, count. */
  readonly buckets?: readonly (readonly [closed: number, lower: string, upper: string, count: string])[]
}

export type HistogramPoint = readonly [seconds: number, value: HistogramValue]

/** One series of an answer. Instant queries are given as series of one point. */
export interface Series {
  readonly metric: Labels
  readonly values?: readonly FloatPoint[]
  readonly histograms?: readonly HistogramPoint[]
}

export interface ExemplarSeries {
  readonly seriesLabels: Labels
  readonly exemplars: readonly { readonly labels: Labels; readonly value: string; readonly timestamp: number }[]
}

/** `start`, `end` and `step` in seconds. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly step: number
}

export interface PrometheusApi {
  readonly url: string
  /** `seconds`: when; a range selector gives the samples as stored. */
  query(promql: string, seconds: number): Promise<readonly Series[]>
  queryRange(promql: string, span: Span): Promise<readonly Series[]>
  exemplars(selector: string, start: number, end: number): Promise<readonly ExemplarSeries[]>
  /** What it says of itself: values of `/metrics` by name, summed over series. */
  own(): Promise<ReadonlyMap<string, number>>
}

/** What went wrong with samples, native histograms, exemplars and metadata at a sender, in its own words; those that are 0 left out. */
export const losses = (own: ReadonlyMap<string, number>, kinds = 'failed|dropped|retried'): Record<string, number> => {
  const wanted = new RegExp(`^prometheus_remote_storage_\\w+_(?:${kinds})_total$`)
  return Object.fromEntries([...own].filter(([name, value]) => value !== 0 && wanted.test(name)))
}

interface Vector {
  readonly metric: Labels
  readonly value?: FloatPoint
  readonly histogram?: HistogramPoint
}

interface Answer {
  readonly status: string
  readonly error?: string
  readonly data: unknown
}

const numberOf = (text: string): number =>
  text === '+Inf' ? Number.POSITIVE_INFINITY : text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text)

/** Values of an exposition in text by name, all series of a name added up. */
export function sumsOf(text: string): ReadonlyMap<string, number> {
  const sums = new Map<string, number>()
  for (const line of text.split('\n')) {
    const match = /^(\w+)(?:\{.*\})? (\S+)/.exec(line)
    if (match?.[1] !== undefined && match[2] !== undefined) sums.set(match[1], (sums.get(match[1]) ?? 0) + numberOf(match[2]))
  }
  return sums
}

export function prometheusApi(url: string): PrometheusApi {
  const ask = async (path: string, form: Record<string, string>): Promise<unknown> => {
    const reply = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(form) })
    const answer = (await reply.json()) as Answer
    if (answer.status !== 'success') throw new Error(`cannot ask ${path} ${JSON.stringify(form)}: ${answer.error ?? reply.status}`)
    return answer.data
  }
  return {
    url,
    async query(query, seconds) {
      const { resultType, result } = (await ask('query', { query, time: String(seconds) })) as { resultType: string; result: unknown }
      if (resultType === 'matrix') return result as readonly Series[]
      if (resultType === 'scalar') return [{ metric: {}, values: [result as FloatPoint] }]
      return (result as readonly Vector[]).map(({ metric, value, histogram }) => ({
        metric,
        ...(value === undefined ? {} : { values: [value] }),
        ...(histogram === undefined ? {} : { histograms: [histogram] }),
      }))
    },
    async queryRange(query, { start, end, step }) {
      const { result } = (await ask('query_range', { query, start: String(start), end: String(end), step: String(step) })) as {
        result: readonly Series[]
      }
      return result
    },
    async exemplars(query, start, end) {
      return (await ask('query_exemplars', { query, start: String(start), end: String(end) })) as readonly ExemplarSeries[]
    },
    async own() {
      return sumsOf(await (await fetch(`${url}/metrics`)).text())
    },
  }
}
