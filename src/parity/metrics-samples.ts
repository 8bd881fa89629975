/** Samples of one series on both sides, timestamp by timestamp: cutover 3.5. Pure. */

import type { StoredHistogram, StoredSeries } from '../read/prometheus-api.ts'

/** How far apart two numbers may be. */
export interface FloatTolerance {
  readonly abs: number
  readonly rel: number
}

export const defaultTolerance: FloatTolerance = { abs: 1e-9, rel: 1e-6 }

/** How alike two values are. */
export type Likeness = 'equal' | 'close' | 'different'

/** NaN is NaN, infinities are exact, zeros have a sign in `equal` only. */
function likeness(old: number, other: number, { abs, rel }: FloatTolerance): Likeness {
  if (Object.is(old, other) || (Number.isNaN(old) && Number.isNaN(other))) return 'equal'
  if (!Number.isFinite(old) || !Number.isFinite(other)) return 'different'
  const apart = Math.abs(old - other)
  return apart <= abs || apart <= rel * Math.max(Math.abs(old), Math.abs(other)) ? 'close' : 'different'
}

const isClose = (old: number, other: number, tolerance: FloatTolerance): boolean => likeness(old, other, tolerance) !== 'different'

/** Two native histograms: counts exact, sums and bounds as numbers. */
function histogramLikeness(old: StoredHistogram, other: StoredHistogram, tolerance: FloatTolerance): Likeness {
  const same =
    old.count === other.count &&
    old.buckets.length === other.buckets.length &&
    old.buckets.every(([, lower, upper, count], at) => {
      const [, otherLower = Number.NaN, otherUpper = Number.NaN, otherCount = Number.NaN] = other.buckets[at] ?? []
      return count === otherCount && isClose(lower, otherLower, tolerance) && isClose(upper, otherUpper, tolerance)
    })
  return same ? likeness(old.sum, other.sum, tolerance) : 'different'
}

/** What is told of each time that one of both has. */
export interface SampleVisitor {
  both(timeMs: number, old: string, other: string, likeness: Likeness): void
  oldOnly(timeMs: number, value: string): void
  newOnly(timeMs: number, value: string): void
}

/** A number as PromQL writes it. */
export const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : Object.is(value, -0) ? '-0' : String(value)

const histogramText = ({ count, sum, buckets }: StoredHistogram): string =>
  `count ${numberText(count)}, sum ${numberText(sum)}, ${buckets.length} buckets`

type Sample = number | StoredHistogram

const textOf = (sample: Sample): string => (typeof sample === 'number' ? numberText(sample) : histogramText(sample))

/** Samples of a series by time. */
export function samplesByTime({ times, values, histograms }: StoredSeries): Map<number, Sample> {
  const all = new Map<number, Sample>()
  for (const [at, timeMs] of times.entries()) all.set(timeMs, values[at] ?? Number.NaN)
  for (const one of histograms) all.set(one.timeMs, one)
  return all
}

const scaled = (sample: Sample, factor: number): Sample => (typeof sample === 'number' && factor !== 1 ? sample * factor : sample)

function sampleLikeness(old: Sample, other: Sample, tolerance: FloatTolerance): Likeness {
  if (typeof old === 'number') return typeof other === 'number' ? likeness(old, other, tolerance) : 'different'
  return typeof other === 'number' ? 'different' : histogramLikeness(old, other, tolerance)
}

/** Compares two series. @param factor what the old side's values are multiplied by */
export function compareSamples(
  old: StoredSeries,
  other: StoredSeries,
  factor: number,
  tolerance: FloatTolerance,
  visitor: SampleVisitor,
): void {
  const [here, there] = [samplesByTime(old), samplesByTime(other)]
  for (const [timeMs, plain] of here) {
    const sample = scaled(plain, factor)
    const found = there.get(timeMs)
    if (found === undefined) visitor.oldOnly(timeMs, textOf(sample))
    else visitor.both(timeMs, textOf(sample), textOf(found), sampleLikeness(sample, found, tolerance))
  }
  for (const [timeMs, sample] of there) if (!here.has(timeMs)) visitor.newOnly(timeMs, textOf(sample))
}

/** One scrape of a classic histogram. */
export interface ClassicPoint {
  /** Upper bounds, ascending, and what is at or below each. */
  readonly buckets: readonly (readonly [bound: number, cumulative: number])[]
  readonly count: number | undefined
  readonly sum: number | undefined
}

/** At or below a bound by a native histogram; undefined where the bound lies within a bucket. */
function cumulativeAt({ buckets }: StoredHistogram, bound: number): number | undefined {
  let sum = 0
  for (const [, lower, upper, count] of buckets) {
    if (upper <= bound || isClose(upper, bound, defaultTolerance)) sum += count
    else if (lower < bound && !isClose(lower, bound, defaultTolerance)) return undefined
  }
  return sum
}

/** What of a classic histogram is not so in the native one that it became: `count`, `sum`, `le="0.5"`; empty: nothing. */
export function classicAgainstNative(classic: ClassicPoint, native: StoredHistogram, tolerance: FloatTolerance): string[] {
  const wrong: string[] = []
  if (classic.count !== undefined && classic.count !== native.count) wrong.push('count')
  if (classic.sum !== undefined && !isClose(classic.sum, native.sum, tolerance)) wrong.push('sum')
  let previous = 0
  for (const [bound, cumulative] of classic.buckets) {
    const there = cumulativeAt(native, bound)
    // Within a bucket of the native one it can only be between its neighbours: then the quantiles are within one bucket's width, too.
    if (there !== undefined ? there !== cumulative : cumulative < previous) wrong.push(`le="${numberText(bound)}"`)
    previous = cumulative
  }
  return wrong
}

/** The usual distance of two samples, ms; undefined for fewer than two. */
export function intervalOf(times: readonly number[]): number | undefined {
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? time))
  return gaps.sort((a, b) => a - b)[gaps.length >> 1]
}

/** Puts the pieces of a series together, in time. */
export function joinedSeries(pieces: readonly StoredSeries[]): StoredSeries {
  const [first] = pieces
  if (pieces.length === 1 && first !== undefined) return first
  return {
    labels: first?.labels ?? {},
    times: pieces.flatMap(({ times }) => times),
    values: pieces.flatMap(({ values }) => values),
    histograms: pieces.flatMap(({ histograms }) => histograms),
  }
}
