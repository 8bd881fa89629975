/**
 * Native histograms for tests: any of them, and what the two definitions say they count, read literally and with exact arithmetic.
 * A bound 2^(i·2^−s) is the whole number i·2^(52−s), so that bounds of all schemas from −9 to 52 compare as they are.
 */

import fc from 'fast-check'
import type { ExponentialBody } from '../../src/otlp/metrics.ts'
import { fromBigInt, fromDouble, type Words } from '../../src/otlp/time.ts'
import type { NativeHistogram } from '../../src/translate/prometheus/model.ts'

const words: Words = { hi: 0, lo: 0 }

export interface Parts {
  readonly schema?: number
  readonly count?: bigint | number
  readonly sum?: number
  readonly zeroCount?: bigint | number
  readonly zeroThreshold?: number
  readonly resetHint?: number
  /** `[offset, length]` */
  readonly positiveSpans?: readonly (readonly [number, number])[]
  readonly negativeSpans?: readonly (readonly [number, number])[]
  readonly positiveDeltas?: readonly number[] | readonly bigint[]
  readonly negativeDeltas?: readonly number[] | readonly bigint[]
  readonly positiveCounts?: readonly number[]
  readonly negativeCounts?: readonly number[]
  readonly customValues?: readonly number[]
  /** Counts are floats. */
  readonly floats?: boolean
}

/** A histogram as the decoder gives it. */
export function nativeOf(parts: Parts): NativeHistogram {
  const floats = parts.floats ?? false
  const int = (value: bigint | number = 0): Words => {
    fromBigInt(floats ? 0n : BigInt(value), words)
    return { ...words }
  }
  const count = int(parts.count)
  const zero = int(parts.zeroCount)
  fromDouble(parts.sum ?? 0, words)
  return {
    timeMs: 1_767_225_600_000,
    startMs: 0,
    hasFloats: floats,
    hasInts: !floats,
    countHi: count.hi,
    countLo: count.lo,
    countFloat: floats ? Number(parts.count ?? 0) : 0,
    sumHi: words.hi,
    sumLo: words.lo,
    schema: parts.schema ?? 0,
    zeroThreshold: parts.zeroThreshold ?? 0,
    zeroCountHi: zero.hi,
    zeroCountLo: zero.lo,
    zeroCountFloat: floats ? Number(parts.zeroCount ?? 0) : 0,
    resetHint: parts.resetHint ?? 0,
    positiveSpans: (parts.positiveSpans ?? []).flat(),
    negativeSpans: (parts.negativeSpans ?? []).flat(),
    positiveDeltas: parts.positiveDeltas ?? [],
    negativeDeltas: parts.negativeDeltas ?? [],
    positiveCounts: parts.positiveCounts ?? [],
    negativeCounts: parts.negativeCounts ?? [],
    customValues: parts.customValues ?? [],
  }
}

/** A range of absolute values above `lower`, up to and with `upper`, both as exponents times 2^52, and what was counted in it. */
export interface Range {
  readonly lower: bigint
  readonly upper: bigint
  readonly count: bigint
}

const range = (schema: number, upperIndex: bigint, count: bigint): Range => ({
  lower: (upperIndex - 1n) << BigInt(52 - schema),
  upper: upperIndex << BigInt(52 - schema),
  count,
})

/** Prometheus: bucket `i` has the upper bound base^i. A span begins `offset` after the one before it, the first at `offset`. */
export function readPrometheus(schema: number, spans: readonly (readonly [number, number])[], counts: readonly bigint[]): Range[] {
  const ranges: Range[] = []
  let next = 0n
  for (const [offset, length] of spans) {
    next += BigInt(offset)
    for (let i = 0; i < length; i++) ranges.push(range(schema, next++, counts[ranges.length] as bigint))
  }
  return ranges
}

/** OTLP: bucket `i` of a list has the lower bound base^(offset + i). */
export function readOtlp(body: ExponentialBody, side: 'positive' | 'negative'): Range[] {
  const offset = side === 'positive' ? body.positiveOffset : body.negativeOffset
  const counts = side === 'positive' ? body.positiveCounts : body.negativeCounts
  return Array.from<number | bigint, Range>(counts, (count, i) => range(body.scale, BigInt(offset + i) + 1n, BigInt(count)))
}

/** Nothing finite is above 2^1024. */
export const isOverflow = ({ lower }: Range): boolean => lower >= 1024n << 52n

/** One side of a histogram: spans with gaps and empty ones, and a count for each bucket. */
export interface AnySide {
  readonly spans: readonly (readonly [number, number])[]
  readonly counts: readonly bigint[]
}

const smallCount = fc.bigInt({ min: 0n, max: 1000n })
const anyCount = fc.oneof(
  { weight: 6, arbitrary: smallCount },
  { weight: 1, arbitrary: fc.constantFrom(2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 60n) },
)

/** @param first indexes that a side may begin at @param large counts of 2^53 and more, too */
function anySide(first: fc.Arbitrary<number>, large: boolean): fc.Arbitrary<AnySide> {
  const span = fc.tuple(fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 300 })), fc.integer({ min: 0, max: 6 }))
  return fc.tuple(first, fc.array(span, { maxLength: 6 })).chain(([start, spans]) => {
    const placed = spans.map(([offset, length], i): readonly [number, number] => [i === 0 ? start : offset, length])
    const length = placed.reduce((sum, [, one]) => sum + one, 0)
    return fc
      .array(large ? anyCount : smallCount, { minLength: length, maxLength: length })
      .map((counts): AnySide => ({ spans: placed, counts }))
  })
}

export interface AnyNative {
  readonly schema: number
  readonly positive: AnySide
  readonly negative: AnySide
  readonly zeroCount: bigint
  readonly zeroThreshold: number
  readonly sum: number
  /** Observations of NaN: counted, and in no bucket. */
  readonly nan: bigint
}

/** A consistent histogram of a schema from −9 to 52; indexes are near 0, near the overflow bucket, or anywhere. */
export function anyNative(schemas: fc.Arbitrary<number>, large: boolean): fc.Arbitrary<AnyNative> {
  return schemas.chain((schema) => {
    const last = Math.min(2 ** (10 + schema), 2 ** 31 - 3000)
    const first = fc.oneof(
      fc.integer({ min: -400, max: 400 }),
      fc.integer({ min: last - 400, max: last + 3 }),
      fc.integer({ min: -last, max: last }),
      fc.integer({ min: -(2 ** 31) + 1, max: -(2 ** 31) + 2000 }),
    )
    const side = anySide(first, large)
    return fc.record({
      schema: fc.constant(schema),
      positive: side,
      negative: fc.oneof(side, fc.constant({ spans: [], counts: [] })),
      zeroCount: large ? anyCount : smallCount,
      zeroThreshold: fc.constantFrom(0, 1e-128, 0.001),
      sum: fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity)),
      nan: smallCount,
    })
  })
}

export const sumOf = (counts: readonly bigint[]): bigint => counts.reduce((sum, one) => sum + one, 0n)

export const deltasOf = (counts: readonly bigint[]): number[] | bigint[] => {
  const deltas = counts.map((count, i) => count - (counts[i - 1] ?? 0n))
  return deltas.every((one) => one <= Number.MAX_SAFE_INTEGER && one >= Number.MIN_SAFE_INTEGER) ? deltas.map(Number) : deltas
}

/** `received` is what a sender has to say is the count. */
export const receivedCount = ({ positive, negative, zeroCount, sum, nan }: AnyNative): bigint =>
  sumOf(positive.counts) + sumOf(negative.counts) + zeroCount + (Number.isNaN(sum) ? nan : 0n)

/** As a message with integers. */
export const asIntegers = (any: AnyNative): NativeHistogram =>
  nativeOf({
    ...any,
    count: receivedCount(any),
    positiveSpans: any.positive.spans,
    negativeSpans: any.negative.spans,
    positiveDeltas: deltasOf(any.positive.counts),
    negativeDeltas: deltasOf(any.negative.counts),
  })

/** As a message with floats. */
export const asFloats = (any: AnyNative): NativeHistogram =>
  nativeOf({
    ...any,
    floats: true,
    count: receivedCount(any),
    positiveSpans: any.positive.spans,
    negativeSpans: any.negative.spans,
    positiveCounts: any.positive.counts.map(Number),
    negativeCounts: any.negative.counts.map(Number),
  })
