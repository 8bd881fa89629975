/**
 * Native histograms as the query API tells them → as they are stored, as far as that can be told: the API shows the bounds of buckets that are not
 * empty, and no schema. Where all bounds are powers of one base they are exponential, else they have bounds of their own. `approximate`.
 */

import { customBucketsSchema, type NativeHistogram } from '../translate/prometheus/model.ts'

/** Which ends are closed: 0 the upper, 1 the lower, 2 none, 3 both; lower end, upper end, count. */
export type ToldBucket = readonly [closed: number, lower: number, upper: number, count: number]

export interface ToldHistogram {
  readonly timeMs: number
  readonly count: number
  readonly sum: number
  readonly buckets: readonly ToldBucket[]
}

const finest = 8
const coarsest = -4
/** What Prometheus takes for 0 unless it is told otherwise. */
const usualThreshold = 2 ** -128

const bits = new DataView(new ArrayBuffer(8))

/** The schema whose base all of the bounds are powers of; undefined: there is none. */
function schemaOf(buckets: readonly ToldBucket[]): number | undefined {
  let found: number | undefined
  for (const [, lower, upper] of buckets) {
    const [small, large] = lower < 0 ? [-upper, -lower] : [lower, upper]
    if (!(small > 0) || !Number.isFinite(large)) return undefined
    const schema = Math.round(-Math.log2(Math.log2(large / small)))
    if (!(schema >= coarsest && schema <= finest) || (found !== undefined && found !== schema)) return undefined
    const index = Math.log2(large) * 2 ** schema
    if (Math.abs(index - Math.round(index)) > 1e-6 * Math.max(1, Math.abs(index))) return undefined
    found = schema
  }
  return found
}

interface Side {
  readonly spans: readonly number[]
  readonly counts: readonly number[]
}

/** @param indexes ascending, with their counts */
function sideOf(indexes: readonly (readonly [number, number])[]): Side {
  const spans: number[] = []
  const counts: number[] = []
  let next = 0
  for (const [index, count] of indexes) {
    if (spans.length > 0 && index === next) spans[spans.length - 1] = (spans.at(-1) as number) + 1
    else spans.push(spans.length === 0 ? index : index - next, 1)
    counts.push(count)
    next = index + 1
  }
  return { spans, counts }
}

const deltasOf = (counts: readonly number[]): number[] => counts.map((count, at) => count - (at === 0 ? 0 : (counts[at - 1] as number)))

function build(
  told: ToldHistogram,
  schema: number,
  zero: ToldBucket | undefined,
  positive: Side,
  negative: Side,
  custom: readonly number[],
): NativeHistogram {
  const zeroCount = zero?.[3] ?? 0
  const isWhole = [told.count, zeroCount, ...positive.counts, ...negative.counts].every((one) => Number.isSafeInteger(one) && one >= 0)
  bits.setFloat64(0, told.sum)
  const high = (count: number): number => (isWhole ? Math.floor(count / 4_294_967_296) | 0 : 0)
  const low = (count: number): number => (isWhole ? count | 0 : 0)
  const isCustom = schema === customBucketsSchema
  return {
    timeMs: told.timeMs,
    startMs: 0,
    hasFloats: !isWhole,
    hasInts: isWhole,
    countHi: high(told.count),
    countLo: wholeLow(told.count, isWhole),
    countFloat: isWhole ? 0 : told.count,
    sumHi: bits.getInt32(0),
    sumLo: bits.getInt32(4),
    schema,
    zeroThreshold: isCustom ? 0 : (zero?.[2] ?? usualThreshold),
    zeroCountHi: high(zeroCount),
    zeroCountLo: low(zeroCount),
    zeroCountFloat: isWhole ? 0 : zeroCount,
    resetHint: 0,
    negativeSpans: negative.spans,
    positiveSpans: positive.spans,
    negativeDeltas: isWhole ? deltasOf(negative.counts) : [],
    positiveDeltas: isWhole ? deltasOf(positive.counts) : [],
    negativeCounts: isWhole ? [] : negative.counts,
    positiveCounts: isWhole ? [] : positive.counts,
    customValues: custom,
  }
}

const wholeLow = (count: number, isWhole: boolean): number => (isWhole ? count | 0 : 0)

function exponential(told: ToldHistogram, schema: number): NativeHistogram {
  const zero = told.buckets.find(([closed]) => closed === 3)
  const positive: [number, number][] = []
  const negative: [number, number][] = []
  for (const [closed, lower, upper, count] of told.buckets) {
    if (closed === 3) continue
    const large = lower < 0 ? -lower : upper
    const index = Math.round(Math.log2(large) * 2 ** schema)
    if (lower < 0) negative.unshift([index, count])
    else positive.push([index, count])
  }
  return build(told, schema, zero, sideOf(positive), sideOf(negative), [])
}

/** Bounds are those that are told; what lies between two of them and is not told was empty. */
function explicit(told: ToldHistogram): NativeHistogram {
  const bounds = [...new Set(told.buckets.flatMap(([, lower, upper]) => [lower, upper]))].filter(Number.isFinite).sort((a, b) => a - b)
  const counts = new Array<number>(bounds.length + 1).fill(0)
  for (const [, , upper, count] of told.buckets) {
    const at = upper === Number.POSITIVE_INFINITY ? bounds.length : bounds.indexOf(upper)
    counts[at] = (counts[at] as number) + count
  }
  const positive: Side = { spans: [0, counts.length], counts }
  return build(told, customBucketsSchema, undefined, positive, { spans: [], counts: [] }, bounds)
}

/** Never throws. */
export function toldToNative(told: ToldHistogram): NativeHistogram {
  const others = told.buckets.filter(([closed]) => closed !== 3)
  if (others.length === 0) return build(told, 0, told.buckets[0], { spans: [], counts: [] }, { spans: [], counts: [] }, [])
  const schema = schemaOf(others)
  return schema === undefined ? explicit(told) : exponential(told, schema)
}
