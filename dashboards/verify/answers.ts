/** Answers of Prometheus and of Loki to a query, as series. */

/** A number, or a native histogram as JSON with its keys in order. */
export type Point = number | string

export interface Series {
  readonly labels: ReadonlyMap<string, string>
  /** By seconds since 1970. */
  readonly points: ReadonlyMap<number, Point>
}

export type Answer = { readonly series: readonly Series[] } | { readonly error: string }

const mostSeries = 20_000

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const numberOf = (text: unknown): number => {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  if (text === '-Inf') return Number.NEGATIVE_INFINITY
  return typeof text === 'string' ? (text === 'NaN' ? Number.NaN : Number(text)) : Number.NaN
}

function addPoints(points: Map<number, Point>, pairs: unknown, isHistogram: boolean): void {
  for (const pair of Array.isArray(pairs) ? pairs : []) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'number') continue
    points.set(pair[0], isHistogram ? JSON.stringify(pair[1]) : numberOf(pair[1]))
  }
}

function seriesOf(one: unknown): Series {
  const labels = new Map<string, string>()
  const points = new Map<number, Point>()
  if (!isObject(one)) return { labels, points }
  for (const [name, value] of Object.entries(isObject(one['metric']) ? one['metric'] : {})) labels.set(name, String(value))
  addPoints(points, one['values'], false)
  addPoints(points, one['histograms'], true)
  if (one['value'] !== undefined) addPoints(points, [one['value']], false)
  if (one['histogram'] !== undefined) addPoints(points, [one['histogram']], true)
  return { labels, points }
}

/** Reads an answer of `/api/v1/query`, `/api/v1/query_range` or those of Loki. Never throws. */
export function readAnswer(text: string): Answer {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    return { error: 'the answer is no JSON' }
  }
  if (!isObject(answer)) return { error: 'the answer is no object' }
  if (answer['status'] !== 'success')
    return { error: String(answer['error'] ?? answer['message'] ?? 'it answered without success').slice(0, 300) }
  const data = isObject(answer['data']) ? answer['data'] : {}
  const result = data['result']
  switch (data['resultType']) {
    case 'matrix':
    case 'vector': {
      const list = Array.isArray(result) ? result : []
      if (list.length > mostSeries) return { error: `it has more than ${mostSeries} series` }
      return { series: list.map(seriesOf) }
    }
    case 'scalar': {
      const points = new Map<number, Point>()
      addPoints(points, [result], false)
      return { series: [{ labels: new Map(), points }] }
    }
    default:
      return { error: `it answered with ${String(data['resultType']).slice(0, 32)}, not with numbers` }
  }
}
