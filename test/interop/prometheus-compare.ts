/** Answers of two Prometheus servers to the same question, side by side. */

import type { HistogramValue, Labels, Series } from './prometheus-api.ts'

/** One difference: which series, when (seconds), and what either side has. */
export interface Unequal {
  readonly series: string
  readonly metric: Labels
  readonly seconds: number
  readonly sender: string | undefined
  readonly receiver: string | undefined
}

export interface Comparison {
  /** Points that were on both sides. */
  readonly points: number
  readonly series: number
  readonly unequal: readonly Unequal[]
  /** Greatest relative difference of two values that count as equal. */
  readonly apart: number
}

export interface CompareOptions {
  /** External labels, which the receiver has and a sender has not. */
  readonly without: readonly string[]
  /** Relative difference that is still equal: sums in another order of series differ in the last digits. 0 for samples as stored. */
  readonly tolerance: number
}

/** `le` and `quantile` are numbers: Prometheus 2 writes `1`, Prometheus 3 and the receiver `1.0`. */
const labelValue = (name: string, value: string): string =>
  name === 'le' || name === 'quantile' ? String(Number(value.replace('+Inf', 'Infinity'))) : value

/** A series as text: its labels, sorted, without some. */
export function seriesKey(metric: Labels, without: readonly string[]): string {
  const labels = Object.entries(metric).filter(([name]) => name !== '__name__' && !without.includes(name))
  const sorted = labels.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${JSON.stringify(labelValue(name, value))}`)
  return `${metric['__name__'] ?? ''}{${sorted.join(', ')}}`
}

const plain = ({ count, sum, buckets }: HistogramValue): string => JSON.stringify({ count, sum, buckets: buckets ?? [] })

interface Points {
  readonly metric: Labels
  readonly at: Map<number, string>
}

/** Points of an answer by series and time. A histogram is one text. @throws where two series become one without some labels */
function pointsOf(answer: readonly Series[], without: readonly string[]): Map<string, Points> {
  const found = new Map<string, Points>()
  for (const { metric, values, histograms } of answer) {
    const key = seriesKey(metric, without)
    if (found.has(key)) throw new Error(`cannot compare: two series ${key}`)
    const points = new Map<number, string>()
    for (const [seconds, value] of values ?? []) points.set(seconds, value)
    for (const [seconds, value] of histograms ?? []) points.set(seconds, plain(value))
    found.set(key, { metric, at: points })
  }
  return found
}

const number = (text: string): number => Number(text.replace('Inf', 'Infinity'))

function distance(a: string, b: string): number {
  const [x, y] = [number(a), number(b)]
  const difference = Math.abs(x - y)
  return difference === 0 ? 0 : difference / Math.max(Math.abs(x), Math.abs(y))
}

/** How far apart two values are: 0 when they are the same text, infinite when they are of different kinds. */
function apartOf(a: string, b: string): number {
  if (a === b) return 0
  const [left, right] = [a.startsWith('{'), b.startsWith('{')]
  if (left !== right) return Number.POSITIVE_INFINITY
  if (!left) return Number.isNaN(distance(a, b)) ? Number.POSITIVE_INFINITY : distance(a, b)
  const [x, y] = [JSON.parse(a) as Required<HistogramValue>, JSON.parse(b) as Required<HistogramValue>]
  if (x.buckets.length !== y.buckets.length) return Number.POSITIVE_INFINITY
  const pairs = x.buckets.flatMap((bucket, index) =>
    bucket.map((value, part) => [String(value), String(y.buckets[index]?.[part])] as const),
  )
  return Math.max(0, ...[[x.count, y.count] as const, [x.sum, y.sum] as const, ...pairs].map(([p, q]) => (p === q ? 0 : distance(p, q))))
}

/** Compares every series and every point of both. */
export function compareAnswers(sender: readonly Series[], receiver: readonly Series[], { without, tolerance }: CompareOptions): Comparison {
  const [here, there] = [pointsOf(sender, without), pointsOf(receiver, without)]
  const unequal: Unequal[] = []
  let points = 0
  let apart = 0
  for (const series of new Set([...here.keys(), ...there.keys()])) {
    const [left, right] = [here.get(series), there.get(series)]
    const metric = left?.metric ?? right?.metric ?? {}
    for (const seconds of new Set([...(left?.at.keys() ?? []), ...(right?.at.keys() ?? [])])) {
      const [a, b] = [left?.at.get(seconds), right?.at.get(seconds)]
      const far = a === undefined || b === undefined ? Number.POSITIVE_INFINITY : apartOf(a, b)
      if (far <= tolerance) {
        points += 1
        apart = Math.max(apart, far)
      } else unequal.push({ series, metric, seconds, sender: a, receiver: b })
    }
  }
  return { points, series: here.size, unequal, apart }
}

/** One of each series, the first of them: for the message of a failed test. */
export const shown = (unequal: readonly Unequal[], most = 12): string =>
  [
    `${unequal.length} differences`,
    ...[...new Map(unequal.map((one) => [one.series, one])).values()]
      .slice(0, most)
      .map(({ series, seconds, sender, receiver }) => `  ${series} @${seconds}: ${sender ?? 'nothing'} | ${receiver ?? 'nothing'}`),
  ].join('\n')
