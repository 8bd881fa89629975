/**
 * Native histograms of remote-write, the same message in 1.0 and 2.0.
 *
 *     Histogram   count_int uint64 1 | count_float double 2   sum double 3   schema sint32 4   zero_threshold double 5
 *                 zero_count_int uint64 6 | zero_count_float double 7
 *                 negative_spans 8   negative_deltas sint64 9   negative_counts double 10
 *                 positive_spans 11  positive_deltas sint64 12  positive_counts double 13
 *                 reset_hint enum 14  timestamp int64 15  custom_values double 16  start_timestamp int64 17 (rc.4 of 2.0)
 *     BucketSpan  offset sint32 1  length uint32 2
 *
 * Lists of numbers may be packed or not. Of the two fields of a `|` both are kept: a message that has both is refused later.
 * @see prometheus/prompb/types.proto
 */

import type { ProtoReader } from '../../otlp/decode/reader.ts'
import { toSignedBigInt, type Words } from '../../otlp/time.ts'
import { type NativeHistogram, SeriesFault, type WriteRequest } from '../../translate/prometheus/model.ts'
import { tooMany } from './decode-limits.ts'
import { countItem, readMillis, skipUnknown, type Tally } from './decode-wire.ts'

type Draft = { -readonly [Name in keyof NativeHistogram]: NativeHistogram[Name] }
type Deltas = number[] | bigint[]

const words: Words = { hi: 0, lo: 0 }
const known = 0x3fffe
const knownOfSpan = 0b110

/** Appends the histogram that begins at the reader. Returns a {@link SeriesFault}: one with too many entries holds the first of them only. */
export function readHistogram(reader: ProtoReader, tally: Tally, into: WriteRequest): number {
  const { limits } = tally
  countItem(reader, tally, into)
  if (into.histograms.length >= limits.maxHistograms) tooMany('native histograms', limits.maxHistograms, reader.at)
  const outer = reader.end
  const end = reader.length()
  reader.end = end
  tally.room = limits.maxBuckets
  const draft: Draft = emptyHistogram()
  let negativeSpans: number[] | undefined
  let positiveSpans: number[] | undefined
  let negativeCounts: number[] | undefined
  let positiveCounts: number[] | undefined
  let customValues: number[] | undefined
  let negativeDeltas: Deltas | undefined
  let positiveDeltas: Deltas | undefined
  while (reader.at < end) {
    const tag = reader.varint32()
    switch (tag) {
      case 0x08:
        reader.varint64(words)
        draft.countHi = words.hi
        draft.countLo = words.lo
        draft.hasInts = true
        break
      case 0x11:
        draft.countFloat = readDouble(reader)
        draft.hasFloats = true
        break
      case 0x19:
        reader.fixed64(words)
        draft.sumHi = words.hi
        draft.sumLo = words.lo
        break
      case 0x20:
        draft.schema = zigzag(reader.varint32())
        break
      case 0x29:
        draft.zeroThreshold = readDouble(reader)
        break
      case 0x30:
        reader.varint64(words)
        draft.zeroCountHi = words.hi
        draft.zeroCountLo = words.lo
        draft.hasInts = true
        break
      case 0x39:
        draft.zeroCountFloat = readDouble(reader)
        draft.hasFloats = true
        break
      case 0x42:
        readSpan(reader, tally, (negativeSpans ??= []))
        break
      case 0x48:
        negativeDeltas = readDelta(reader, tally, negativeDeltas ?? [])
        break
      case 0x4a:
        negativeDeltas = readPackedDeltas(reader, tally, negativeDeltas ?? [])
        break
      case 0x51:
        readCount(reader, tally, (negativeCounts ??= []))
        break
      case 0x52:
        readPackedCounts(reader, tally, (negativeCounts ??= []))
        break
      case 0x5a:
        readSpan(reader, tally, (positiveSpans ??= []))
        break
      case 0x60:
        positiveDeltas = readDelta(reader, tally, positiveDeltas ?? [])
        break
      case 0x62:
        positiveDeltas = readPackedDeltas(reader, tally, positiveDeltas ?? [])
        break
      case 0x69:
        readCount(reader, tally, (positiveCounts ??= []))
        break
      case 0x6a:
        readPackedCounts(reader, tally, (positiveCounts ??= []))
        break
      case 0x70:
        draft.resetHint = reader.varint32() | 0
        break
      case 0x78:
        draft.timeMs = readMillis(reader)
        break
      case 0x81:
        readCount(reader, tally, (customValues ??= []))
        break
      case 0x82:
        readPackedCounts(reader, tally, (customValues ??= []))
        break
      case 0x88:
        draft.startMs = readMillis(reader)
        break
      default:
        skipUnknown(reader, tag, known, tally)
    }
  }
  reader.end = outer
  tally.buckets += limits.maxBuckets - Math.max(0, tally.room)
  if (tally.buckets > limits.maxRequestBuckets) {
    tooMany('spans, buckets and bounds of native histograms', limits.maxRequestBuckets, reader.at)
  }
  if (negativeSpans !== undefined) draft.negativeSpans = negativeSpans
  if (positiveSpans !== undefined) draft.positiveSpans = positiveSpans
  if (negativeDeltas !== undefined) draft.negativeDeltas = negativeDeltas
  if (positiveDeltas !== undefined) draft.positiveDeltas = positiveDeltas
  if (negativeCounts !== undefined) draft.negativeCounts = negativeCounts
  if (positiveCounts !== undefined) draft.positiveCounts = positiveCounts
  if (customValues !== undefined) draft.customValues = customValues
  if (draft.negativeDeltas.length + draft.positiveDeltas.length > 0) draft.hasInts = true
  if (draft.negativeCounts.length + draft.positiveCounts.length > 0) draft.hasFloats = true
  into.histograms.push(draft)
  return tally.room < 0 ? SeriesFault.TooManyBuckets : SeriesFault.None
}

const none: readonly number[] = []

/** All fields, so that every histogram has one shape. */
const emptyHistogram = (): Draft => ({
  timeMs: 0,
  startMs: 0,
  hasFloats: false,
  hasInts: false,
  countHi: 0,
  countLo: 0,
  countFloat: 0,
  sumHi: 0,
  sumLo: 0,
  schema: 0,
  zeroThreshold: 0,
  zeroCountHi: 0,
  zeroCountLo: 0,
  zeroCountFloat: 0,
  resetHint: 0,
  negativeSpans: none,
  positiveSpans: none,
  negativeDeltas: none,
  positiveDeltas: none,
  negativeCounts: none,
  positiveCounts: none,
  customValues: none,
})

const zigzag = (value: number): number => (value >>> 1) ^ -(value & 1)

function readDouble(reader: ProtoReader): number {
  const { at } = reader
  if (reader.end - at < 8) reader.fail('cut off')
  reader.at = at + 8
  return reader.view.getFloat64(at, true)
}

function readSpan(reader: ProtoReader, tally: Tally, spans: number[]): void {
  const outer = reader.end
  const end = reader.length()
  reader.end = end
  let offset = 0
  let length = 0
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag === 0x08) offset = zigzag(reader.varint32())
    else if (tag === 0x10) length = reader.varint32()
    else skipUnknown(reader, tag, knownOfSpan, tally)
  }
  reader.end = outer
  if (--tally.room >= 0) spans.push(offset, length)
}

function readCount(reader: ProtoReader, tally: Tally, list: number[]): void {
  const value = readDouble(reader)
  if (--tally.room >= 0) list.push(value)
}

/** Appends a packed list of doubles. Beyond the room there is, it goes to the end and appends nothing. */
function readPackedCounts(reader: ProtoReader, tally: Tally, list: number[]): void {
  const { view } = reader
  const end = reader.length()
  let { at } = reader
  if ((end - at) % 8 !== 0) reader.fail(`packed doubles of ${end - at} bytes`)
  for (; at < end && --tally.room >= 0; at += 8) list.push(view.getFloat64(at, true))
  reader.at = end
}

const isWide = (list: Deltas): list is bigint[] => typeof list[0] === 'bigint'

/** Appends one sint64. Returns the list, or one of bigints when this is the first that is not exact as a number. */
function appendDelta(reader: ProtoReader, list: Deltas): Deltas {
  reader.varint64(words)
  const sign = -(words.lo & 1)
  const lo = ((words.lo >>> 1) | (words.hi << 31)) ^ sign
  const hi = (words.hi >>> 1) ^ sign
  if (isWide(list)) {
    list.push(toSignedBigInt(hi, lo))
    return list
  }
  const value = hi * 0x1_0000_0000 + (lo >>> 0)
  if (!Number.isSafeInteger(value)) return [...list.map((one) => BigInt(one)), toSignedBigInt(hi, lo)]
  list.push(value)
  return list
}

function readDelta(reader: ProtoReader, tally: Tally, list: Deltas): Deltas {
  if (--tally.room >= 0) return appendDelta(reader, list)
  reader.varint64(words)
  return list
}

/** Appends a packed list. Beyond the room there is, it goes to the end and appends nothing. */
function readPackedDeltas(reader: ProtoReader, tally: Tally, list: Deltas): Deltas {
  const { bytes, end: outer } = reader
  const end = reader.length()
  reader.end = end
  let deltas = list
  while (reader.at < end) {
    if (--tally.room < 0) {
      reader.at = end
      break
    }
    const byte = bytes[reader.at] as number
    if (byte < 0x80 && !isWide(deltas)) {
      reader.at++
      deltas.push(zigzag(byte))
    } else deltas = appendDelta(reader, deltas)
  }
  reader.end = outer
  return deltas
}
