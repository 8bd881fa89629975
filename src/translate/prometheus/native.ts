/** Native histograms → exponential histograms, or histograms with explicit bounds: section 6 of the mapping. */

import type { Counts, ExplicitBody, ExponentialBody } from '../../otlp/metrics.ts'
import { toBigInt, toDouble } from '../../otlp/time.ts'
import { customBucketsSchema, type NativeHistogram, ResetHint, staleHi, staleLo } from './model.ts'
import {
  countsOfDeltas,
  createSide,
  finestSchema,
  maxBuckets,
  measure,
  type Side,
  type SpanFault,
  Spread,
  spread,
  spreadWide,
} from './native-buckets.ts'

export interface NativeOptions {
  /** `float_histograms`. `exact`: those whose counts are whole and below 2^53; `round`: all, to the nearest; `drop`: none. */
  readonly floatHistograms: 'exact' | 'round' | 'drop'
  /** `gaugehistogram`. `gauges`, the default, refuses native ones: OTLP has nothing they could be; `drop` drops them silently. */
  readonly gaugeHistogram?: 'gauges' | 'drop'
}

/** Labels of `otlp_bridge_prometheus_histogram_refused_total{reason}`. */
export type NativeRefusalReason =
  | SpanFault
  | 'gauge'
  | 'float'
  | 'fraction'
  | 'mixed_counts'
  | 'schema'
  | 'negative_count'
  | 'not_a_number'
  | 'count_too_large'
  | 'count_mismatch'
  | 'zero_threshold'
  | 'custom_values'
  | 'custom_buckets'

export interface NativeRefusal {
  readonly body: undefined
  readonly refused: NativeRefusalReason
  /** Half a sentence, to stand after "cannot take histogram: ". Numbers are all it holds of the payload. */
  readonly why: string
  /** An option says so: the sender is not told, and the sample counts as dropped. */
  readonly dropped: boolean
}

export interface NativeConverted {
  readonly body: ExponentialBody | ExplicitBody
  /** The series has ended: the point has no value, and `body` is empty. Prometheus sends such a marker with schema 0, whatever the series was. */
  readonly stale: boolean
}

export type NativeResult = NativeConverted | NativeRefusal

/** The body of a stale point of an exponential histogram. Shared: not to be changed. */
export const staleExponential: ExponentialBody = exponential(0, false, 0, 0, 0, 0, 0, 0, [], 0, [])

/** The body of a stale point of a histogram with custom buckets. */
export const staleExplicit: ExplicitBody = explicit(0, false, 0, 0, [], [])

const isStale: NativeConverted = { body: staleExponential, stale: true }
const isStaleCustom: NativeConverted = { body: staleExplicit, stale: true }

const positive = createSide()
const negative = createSide()
const noCounts: readonly number[] = []

/**
 * One native histogram of any schema. Times and reset hints but `gauge` are the caller's.
 *
 * - Schemas −9 to 8 keep their resolution, 9 to 52 are merged into 8, −53 has bounds of its own.
 * - `offset` is the index of the first bucket less one: Prometheus counts by upper bounds, OTLP by lower ones.
 * - `count` is the sum of what is in buckets: observations of NaN, and of ±Inf in the overflow bucket, have none. `sum` keeps its bits.
 * - Refused is what contradicts itself, with Prometheus' own checks (`Histogram.Validate`) where those are stricter than the mapping: custom
 *   values beside an exponential schema, a zero threshold beside custom buckets. Prometheus does not compare the count of floats with their
 *   buckets; here whole ones must agree, and rounded ones within a millionth. It takes −Inf as a first bound; here bounds are finite.
 *   A zero threshold must not be negative or NaN. Each list holds at most 16,384 buckets.
 *
 * Counts are exact up to 2^64 − 1. Never throws, keeps no list but `customValues`.
 * @see https://github.com/prometheus/prometheus/blob/v3.15.0/model/histogram/histogram.go Validate
 */
export function nativeToBody(histogram: NativeHistogram, options: NativeOptions): NativeResult {
  const { schema } = histogram
  const custom = schema === customBucketsSchema
  if (histogram.sumHi === staleHi && histogram.sumLo === staleLo) return custom ? isStaleCustom : isStale
  if (histogram.resetHint === ResetHint.Gauge)
    return refusal('gauge', 'it is a gauge histogram, for which OTLP has no type', options.gaugeHistogram === 'drop')
  if (histogram.hasFloats) {
    if (histogram.hasInts) return refusal('mixed_counts', 'it has counts as integers and as floats')
    if (options.floatHistograms === 'drop') return refusal('float', 'its counts are floats', true)
  }
  if (custom) return layOutCustom(histogram) ?? convert(histogram, options)
  if (!(schema >= -9 && schema <= 52)) return refusal('schema', `schema ${schema} is not known`)
  return layOut(histogram) ?? convert(histogram, options)
}

const refusal = (refused: NativeRefusalReason, why: string, dropped = false): NativeRefusal => ({ body: undefined, refused, why, dropped })

/** Checks and measures both sides of an exponential histogram. */
function layOut(histogram: NativeHistogram): NativeRefusal | undefined {
  const { schema, hasFloats, zeroThreshold } = histogram
  if (histogram.customValues.length > 0) return refusal('custom_values', `schema ${schema} has no bounds of its own`)
  if (!(zeroThreshold >= 0)) return refusal('zero_threshold', `the zero threshold is ${zeroThreshold}`)
  const positives = (hasFloats ? histogram.positiveCounts : histogram.positiveDeltas).length
  const fault = measure(histogram.positiveSpans, positives, schema, positive)
  if (fault !== undefined) return refusal(fault, `positive side: ${positive.why}`)
  const negatives = (hasFloats ? histogram.negativeCounts : histogram.negativeDeltas).length
  const negativeFault = measure(histogram.negativeSpans, negatives, schema, negative)
  if (negativeFault !== undefined) return refusal(negativeFault, `negative side: ${negative.why}`)
  return undefined
}

/** The same for custom buckets: a list of bounds, and of one count more; the first offset is a place in it. */
function layOutCustom(histogram: NativeHistogram): NativeRefusal | undefined {
  const { customValues, positiveSpans, hasFloats } = histogram
  if (
    histogram.negativeSpans.length > 0 ||
    (hasFloats ? histogram.negativeCounts : histogram.negativeDeltas).length > 0 ||
    histogram.zeroCountHi !== 0 ||
    histogram.zeroCountLo !== 0 ||
    histogram.zeroCountFloat !== 0 ||
    histogram.zeroThreshold !== 0
  )
    return refusal('custom_buckets', 'custom buckets have neither a zero bucket nor a negative side')
  const size = customValues.length + 1
  if (size > maxBuckets) return refusal('too_many_buckets', `${size} custom buckets are more than ${maxBuckets}`)
  let previous = Number.NEGATIVE_INFINITY
  for (const value of customValues) {
    if (!(value > previous && value < Number.POSITIVE_INFINITY))
      return refusal('custom_values', 'custom bounds are not finite, or do not ascend')
    previous = value
  }
  const listed = (hasFloats ? histogram.positiveCounts : histogram.positiveDeltas).length
  let seen = 0
  let end = 0
  for (let at = 0; at + 1 < positiveSpans.length; at += 2) {
    const offset = positiveSpans[at] as number
    const length = positiveSpans[at + 1] as number
    if (offset < 0) return refusal('span_offset', `span ${at / 2 + 1} goes back by ${-offset}`)
    end += offset + length
    seen += length
    if (end > size) return refusal('custom_buckets', `spans reach beyond the ${size} custom buckets`)
  }
  if (seen !== listed) return refusal('spans', `spans have ${seen} buckets, and ${listed} were sent`)
  positive.first = 0
  positive.size = size
  positive.merge = 1
  negative.first = 0
  negative.size = 0
  return undefined
}

/** Counts of a histogram whose sides are measured. */
function convert(histogram: NativeHistogram, { floatHistograms }: NativeOptions): NativeResult {
  const { hasFloats, positiveDeltas, negativeDeltas } = histogram
  if (hasFloats) return convertFloats(histogram, floatHistograms === 'round')
  if (typeof positiveDeltas[0] === 'bigint' || typeof negativeDeltas[0] === 'bigint') return convertWide(histogram)
  const up = spread(histogram.positiveSpans, positiveDeltas as readonly number[], true, positive)
  if (up === Spread.Negative) return refusal('negative_count', 'positive side: a bucket has less than no observations')
  const down = spread(histogram.negativeSpans, negativeDeltas as readonly number[], true, negative)
  if (down === Spread.Negative) return refusal('negative_count', 'negative side: a bucket has less than no observations')
  if (up === Spread.Wide || down === Spread.Wide) return convertWide(histogram)
  const zero = (histogram.zeroCountHi >>> 0) * two32 + (histogram.zeroCountLo >>> 0)
  const total = zero + positive.total + negative.total
  if (total > Number.MAX_SAFE_INTEGER) return convertWide(histogram)
  // A count from 2^53 may lose digits here, and is larger than the total even then.
  const count = (histogram.countHi >>> 0) * two32 + (histogram.countLo >>> 0)
  if (count !== total && !(count > total && isNaNSum(histogram))) return mismatch(total, count)
  return bodyOf(histogram, zero, zero + positive.kept + negative.kept)
}

/** The same with counts that may reach 2^53. */
function convertWide(histogram: NativeHistogram): NativeResult {
  const positives = countsOfDeltas(histogram.positiveDeltas)
  const negatives = countsOfDeltas(histogram.negativeDeltas)
  if (positives === undefined || negatives === undefined) return refusal('negative_count', 'a bucket has less than no observations')
  spreadWide(histogram.positiveSpans, positives, positive)
  spreadWide(histogram.negativeSpans, negatives, negative)
  const zero = toBigInt(histogram.zeroCountHi, histogram.zeroCountLo)
  const total = zero + positive.wideTotal + negative.wideTotal
  const count = toBigInt(histogram.countHi, histogram.countLo)
  if (count !== total && !(count > total && isNaNSum(histogram))) return mismatch(total, count)
  return bodyOf(histogram, narrow(zero), narrow(zero + positive.wideKept + negative.wideKept))
}

function convertFloats(histogram: NativeHistogram, round: boolean): NativeResult {
  const { countFloat, zeroCountFloat, positiveCounts, negativeCounts } = histogram
  const fault =
    floatFault(countFloat, round) ??
    floatFault(zeroCountFloat, round) ??
    floatsFault(positiveCounts, round) ??
    floatsFault(negativeCounts, round)
  if (fault !== undefined) return fault
  const total = zeroCountFloat + sumOf(positiveCounts) + sumOf(negativeCounts)
  const slack = round ? Math.max(countFloat, total) * 1e-6 : 0
  if (countFloat < total - slack || (countFloat > total + slack && !isNaNSum(histogram))) return mismatch(total, countFloat)
  if (total > mostRounded) return refusal('count_too_large', `${total} observations cannot be rounded to an integer of 64 bits`)
  if (total > Number.MAX_SAFE_INTEGER - positiveCounts.length - negativeCounts.length - 1) {
    spreadWide(histogram.positiveSpans, positiveCounts.map(rounded), positive)
    spreadWide(histogram.negativeSpans, negativeCounts.map(rounded), negative)
    const zero = rounded(zeroCountFloat)
    return bodyOf(histogram, narrow(zero), narrow(zero + positive.wideKept + negative.wideKept))
  }
  spread(histogram.positiveSpans, round ? positiveCounts.map(Math.round) : positiveCounts, false, positive)
  spread(histogram.negativeSpans, round ? negativeCounts.map(Math.round) : negativeCounts, false, negative)
  const zero = Math.round(zeroCountFloat) + 0
  return bodyOf(histogram, zero, zero + positive.kept + negative.kept)
}

const two32 = 4294967296

/** Rounding may add one half a bucket; this leaves room for it below 2^64. */
const mostRounded = 2 ** 64 - 2 ** 32

const rounded = (count: number): bigint => BigInt(Math.round(count))

const narrow = (count: bigint): number | bigint => (count <= Number.MAX_SAFE_INTEGER ? Number(count) : count)

/** A float that cannot be a count. */
function floatFault(count: number, round: boolean): NativeRefusal | undefined {
  if (count < 0) return refusal('negative_count', `a count is ${count}`)
  if (!(count < Number.POSITIVE_INFINITY)) return refusal('not_a_number', `a count is ${count}`)
  if (round || Number.isSafeInteger(count)) return undefined
  return count > Number.MAX_SAFE_INTEGER
    ? refusal('count_too_large', `a count of ${count} as a float is not exact`)
    : refusal('fraction', `a count is ${count}, which is not whole`)
}

function floatsFault(counts: readonly number[], round: boolean): NativeRefusal | undefined {
  for (const count of counts) {
    const fault = floatFault(count, round)
    if (fault !== undefined) return fault
  }
  return undefined
}

function sumOf(counts: readonly number[]): number {
  let sum = 0
  for (const count of counts) sum += count
  return sum
}

const isNaNSum = ({ sumHi, sumLo }: NativeHistogram): boolean => Number.isNaN(toDouble(sumHi, sumLo))

const mismatch = (total: number | bigint, count: number | bigint): NativeRefusal =>
  refusal('count_mismatch', `buckets have ${total} observations, and the count is ${count}`)

/** The body of a histogram whose sides hold its counts. */
function bodyOf(histogram: NativeHistogram, zero: number | bigint, count: number | bigint): NativeConverted {
  const { schema, sumHi, sumLo } = histogram
  const body =
    schema === customBucketsSchema
      ? explicit(count, true, sumHi, sumLo, histogram.customValues, positive.counts)
      : exponential(
          count,
          true,
          sumHi,
          sumLo,
          Math.min(schema, finestSchema),
          zero,
          histogram.zeroThreshold,
          offsetOf(positive),
          positive.counts,
          offsetOf(negative),
          negative.counts,
        )
  positive.counts = noCounts
  negative.counts = noCounts
  return { body, stale: false }
}

const offsetOf = ({ size, first }: Side): number => (size === 0 ? 0 : first - 1)

function exponential(
  count: number | bigint,
  hasSum: boolean,
  sumHi: number,
  sumLo: number,
  scale: number,
  zeroCount: number | bigint,
  zeroThreshold: number,
  positiveOffset: number,
  positiveCounts: Counts,
  negativeOffset: number,
  negativeCounts: Counts,
): ExponentialBody {
  return {
    kind: 'exponential',
    count,
    hasSum,
    sumHi,
    sumLo,
    scale,
    zeroCount,
    zeroThreshold,
    positiveOffset,
    positiveCounts,
    negativeOffset,
    negativeCounts,
  }
}

function explicit(
  count: number | bigint,
  hasSum: boolean,
  sumHi: number,
  sumLo: number,
  bounds: ArrayLike<number>,
  counts: Counts,
): ExplicitBody {
  return { kind: 'explicit', count, hasSum, sumHi, sumLo, bounds, counts }
}
