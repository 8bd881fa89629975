/** Chunks of histograms: encodings 2 and 3 (integers, floats), 5 and 6 (the same with start timestamps). */

import { type NativeHistogram, ResetHint, staleHi, staleLo } from '../../translate/prometheus/model.ts'
import { type Bits, XorValue } from './bits.ts'
import { doubleOf, type Layout, readLayout } from './layout.ts'
import type { Samples } from './samples.ts'
import { StartTimes } from './start-times.ts'

const two32 = 0x1_0000_0000
const none: readonly number[] = []
const starts = new StartTimes()
const sum = new XorValue()
/** By the top two bits of the header. That there was none holds against the chunk before, which may be missing: as little as not known. */
const hints = [ResetHint.Unknown, ResetHint.Unknown, ResetHint.Yes, ResetHint.Gauge] as const

interface Header {
  readonly samples: number
  /** About the first sample against the chunk before it; gauges are so throughout. */
  readonly hint: number
  readonly layout: Layout
}

function readHeader(bits: Bits, withStarts: boolean): Header {
  const word = bits.word(16)
  const byte = bits.word(8)
  const samples = withStarts ? word & 0x3fff : word
  if (samples === 0) bits.fail('no samples')
  starts.begin(withStarts ? byte : 0)
  return { samples, hint: hints[withStarts ? word >>> 14 : byte >>> 6] as number, layout: readLayout(bits, samples) }
}

/** Later samples of a chunk are no reset, as one begins a chunk of its own; of gauges there are none. */
const hintOf = (hint: number, index: number): number => (index === 0 || hint === ResetHint.Gauge ? hint : ResetHint.No)

/** Counts are running numbers, their change and the change of that, as buckets are. */
class Running {
  private readonly value: number[] = []
  private readonly change: number[] = []

  /** Sets all to zero. */
  begin(count: number): void {
    this.value.length = this.change.length = count
    this.value.fill(0)
    this.change.fill(0)
  }

  /** The next values. @param isFirst they are said as they are */
  next(bits: Bits, isFirst: boolean): readonly number[] {
    const { value, change } = this
    const count = value.length
    for (let at = 0; at < count; at++) {
      const word = bits.int()
      if (bits.at > bits.end) bits.fail('cut off')
      if (isFirst) value[at] = word
      else {
        const step = (change[at] as number) + word
        change[at] = step
        const now = (value[at] as number) + step
        if (!Number.isSafeInteger(now)) bits.fail('a count beyond 2^53')
        value[at] = now
      }
    }
    return count === 0 ? none : value.slice()
  }
}

const positiveRunning = new Running()
const negativeRunning = new Running()

const stale = (timeMs: number, startMs: number, hasFloats: boolean, layout: Layout, resetHint: number): NativeHistogram => ({
  timeMs,
  startMs,
  hasFloats,
  hasInts: !hasFloats,
  countHi: 0,
  countLo: 0,
  countFloat: 0,
  sumHi: staleHi,
  sumLo: staleLo,
  schema: layout.schema,
  zeroThreshold: layout.zeroThreshold,
  zeroCountHi: 0,
  zeroCountLo: 0,
  zeroCountFloat: 0,
  resetHint,
  negativeSpans: none,
  positiveSpans: none,
  negativeDeltas: none,
  positiveDeltas: none,
  negativeCounts: none,
  positiveCounts: none,
  customValues: layout.customValues,
})

/** Encodings 2 and 5. Appends its samples; throws OB_SOURCE for what cannot be one, and for counts beyond 2^53. */
export function decodeHistograms(bits: Bits, withStarts: boolean, into: Samples): void {
  const { samples, hint, layout } = readHeader(bits, withStarts)
  positiveRunning.begin(layout.positive)
  negativeRunning.begin(layout.negative)
  let ms = 0
  let count = 0
  let zeroCount = 0
  let msChange = 0
  let countChange = 0
  let zeroChange = 0
  for (let index = 0; index < samples; index++) {
    const before = ms
    if (index === 0) {
      ms = bits.int()
      count = bits.uint()
      zeroCount = bits.uint()
      sum.first(bits)
    } else {
      ms += msChange += bits.int()
      count += countChange += bits.int()
      zeroCount += zeroChange += bits.int()
      sum.next(bits)
    }
    bits.check()
    const isStale = sum.hi === staleHi && sum.lo === staleLo
    if (!isStale && (count < 0 || zeroCount < 0 || !Number.isSafeInteger(count) || !Number.isSafeInteger(zeroCount))) {
      bits.fail(`a count of ${count}, ${zeroCount} of them zero`)
    }
    const positiveDeltas = isStale ? none : positiveRunning.next(bits, index === 0)
    const negativeDeltas = isStale ? none : negativeRunning.next(bits, index === 0)
    if (index === 0) starts.first(bits, ms)
    else starts.next(bits, index, before)
    bits.check()
    const resetHint = hintOf(hint, index)
    const native: NativeHistogram = isStale
      ? stale(ms, starts.startMs, false, layout, resetHint)
      : {
          timeMs: ms,
          startMs: starts.startMs,
          hasFloats: false,
          hasInts: true,
          countHi: (count / two32) | 0,
          countLo: count | 0,
          countFloat: 0,
          sumHi: sum.hi,
          sumLo: sum.lo,
          schema: layout.schema,
          zeroThreshold: layout.zeroThreshold,
          zeroCountHi: (zeroCount / two32) | 0,
          zeroCountLo: zeroCount | 0,
          zeroCountFloat: 0,
          resetHint,
          negativeSpans: layout.negativeSpans,
          positiveSpans: layout.positiveSpans,
          negativeDeltas,
          positiveDeltas,
          negativeCounts: none,
          positiveCounts: none,
          customValues: layout.customValues,
        }
    into.push(ms, sum.hi, sum.lo, starts.startMs, native)
  }
}

const valuesFor = (count: number): XorValue[] => Array.from({ length: count }, () => new XorValue())

function readCounts(bits: Bits, values: readonly XorValue[], isFirst: boolean): readonly number[] {
  if (values.length === 0) return none
  const counts: number[] = []
  for (const value of values) {
    if (isFirst) value.first(bits)
    else value.next(bits)
    if (bits.at > bits.end) bits.fail('cut off')
    counts.push(doubleOf(value.hi, value.lo))
  }
  return counts
}

/** Encodings 3 and 6, as {@link decodeHistograms}. */
export function decodeFloatHistograms(bits: Bits, withStarts: boolean, into: Samples): void {
  const { samples, hint, layout } = readHeader(bits, withStarts)
  const positive = valuesFor(layout.positive)
  const negative = valuesFor(layout.negative)
  const count = new XorValue()
  const zeroCount = new XorValue()
  let ms = 0
  let msChange = 0
  for (let index = 0; index < samples; index++) {
    const before = ms
    const isFirst = index === 0
    if (isFirst) {
      ms = bits.int()
      count.first(bits)
      zeroCount.first(bits)
      sum.first(bits)
    } else {
      ms += msChange += bits.int()
      count.next(bits)
      zeroCount.next(bits)
      sum.next(bits)
    }
    bits.check()
    const isStale = sum.hi === staleHi && sum.lo === staleLo
    const positiveCounts = isStale ? none : readCounts(bits, positive, isFirst)
    const negativeCounts = isStale ? none : readCounts(bits, negative, isFirst)
    if (isFirst) starts.first(bits, ms)
    else starts.next(bits, index, before)
    bits.check()
    const resetHint = hintOf(hint, index)
    const native: NativeHistogram = isStale
      ? stale(ms, starts.startMs, true, layout, resetHint)
      : {
          timeMs: ms,
          startMs: starts.startMs,
          hasFloats: true,
          hasInts: false,
          countHi: 0,
          countLo: 0,
          countFloat: doubleOf(count.hi, count.lo),
          sumHi: sum.hi,
          sumLo: sum.lo,
          schema: layout.schema,
          zeroThreshold: layout.zeroThreshold,
          zeroCountHi: 0,
          zeroCountLo: 0,
          zeroCountFloat: doubleOf(zeroCount.hi, zeroCount.lo),
          resetHint,
          negativeSpans: layout.negativeSpans,
          positiveSpans: layout.positiveSpans,
          negativeDeltas: none,
          positiveDeltas: none,
          negativeCounts,
          positiveCounts,
          customValues: layout.customValues,
        }
    into.push(ms, sum.hi, sum.lo, starts.startMs, native)
  }
}
