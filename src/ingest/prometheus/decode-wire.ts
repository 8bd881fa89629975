/** What the messages of both versions of remote-write have in common on the wire. */

import { BridgeError } from '../../errors.ts'
import { type ProtoReader, WireType } from '../../otlp/decode/reader.ts'
import type { Words } from '../../otlp/time.ts'
import { SeriesFault, type WriteRequest } from '../../translate/prometheus/model.ts'
import { tooMany, type WriteLimits } from './decode-limits.ts'

const words: Words = { hi: 0, lo: 0 }

/** What is counted over a whole request, and what passes between the parts of a decoder. One a request. */
export class Tally {
  readonly limits: WriteLimits
  /** Labels that were in the body and are not stored, their series having too many. */
  leftOut = 0
  unknownFields = 0
  /** Entries of the lists of all native histograms. */
  buckets = 0
  /** Entries the native histogram at hand may yet have; below 0 when it had more. */
  room = 0
  /** 2.0: the highest reference to a symbol; −1: none. */
  highest = -1
  /** 2.0: reference to the name of a label whose value is still to come; −1: none. */
  name = -1

  constructor(limits: WriteLimits) {
    this.limits = limits
  }
}

/**
 * Skips a field that the message does not have. One that it has, of another wire type, is refused as Prometheus does: skipping it would lose
 * data without a word. So are groups, which no version of these messages can have.
 * @param known bit `n` set: the message has a field `n`
 */
export function skipUnknown(reader: ProtoReader, tag: number, known: number, tally: Tally): void {
  const field = tag >>> 3
  const wireType = tag & 7
  if (field === 0) reader.fail('field number 0')
  if (field < 32 && (known & (1 << field)) !== 0) reader.fail(`wire type ${wireType} for field ${field}`)
  if (wireType === WireType.StartGroup || wireType === WireType.EndGroup) reader.fail('a group')
  const { maxUnknownFields } = tally.limits
  if (++tally.unknownFields > maxUnknownFields) tooMany('unknown fields', maxUnknownFields, reader.at)
  if (wireType === WireType.Varint) reader.varint64(words)
  else reader.skip(tag)
}

/** An int64 of milliseconds: exact below 2^53, and ±(2^53 − 1) from there on, so that it is refused for being out of range. */
export function readMillis(reader: ProtoReader): number {
  const { bytes, end, at: start } = reader
  let at = start
  let low = 0
  for (let shift = 0; shift < 28; shift += 7) {
    if (at >= end) reader.fail('cut off')
    const byte = bytes[at++] as number
    low |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      reader.at = at
      return low
    }
  }
  let high = 0
  for (let shift = 0; shift < 21; shift += 7) {
    if (at >= end) reader.fail('cut off')
    const byte = bytes[at++] as number
    high |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      reader.at = at
      return high * 0x1000_0000 + low
    }
  }
  reader.varint64(words)
  const value = words.hi * 0x1_0000_0000 + (words.lo >>> 0)
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value))
}

/** References and table of a request of 2.0 do not fit: nothing of it can be believed. */
export const badSymbols = (cause: string): BridgeError =>
  new BridgeError('OB_DECODE_SYMBOLS', `cannot read a remote-write request: ${cause}`)

/**
 * Refuses a body that has fields, and none of those that the message has: it is the message of another version, and nobody would hear that all
 * of it was skipped. @param has whether anything was read
 */
export function checkMessage(tally: Tally, has: boolean, version: string): void {
  if (has || tally.unknownFields === 0) return
  const cause = `its Content-Type means ${version}, and it has none of the fields of that`
  throw new BridgeError('OB_DECODE_PROTO', `cannot read a remote-write request: ${cause}`)
}

/** Room for one thing more that counts as a sample. */
export function countItem(reader: ProtoReader, tally: Tally, into: WriteRequest): void {
  const count = into.sampleCount + into.exemplarCount + into.histograms.length + into.metadata.length
  if (count >= tally.limits.maxSamples) tooMany('samples', tally.limits.maxSamples, reader.at)
}

/** Value 1, timestamp 2; `start_timestamp` 3 in rc.4 of 2.0. */
const sampleFields = 0b0110
const sampleFieldsWithStart = 0b1110

/**
 * Appends the sample that begins at the reader.
 *
 *     Sample  double value 1  int64 timestamp 2  int64 start_timestamp 3 (rc.4 of 2.0)
 */
export function readSample(reader: ProtoReader, withStart: boolean, tally: Tally, into: WriteRequest): void {
  countItem(reader, tally, into)
  const outer = reader.end
  const end = reader.length()
  reader.end = end
  let hi = 0
  let lo = 0
  let timeMs = 0
  let startMs = 0
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag === 0x09) {
      const { at, view } = reader
      if (end - at < 8) reader.fail('cut off')
      lo = view.getInt32(at, true)
      hi = view.getInt32(at + 4, true)
      reader.at = at + 8
    } else if (tag === 0x10) timeMs = readMillis(reader)
    else if (tag === 0x18 && withStart) startMs = readMillis(reader)
    else skipUnknown(reader, tag, withStart ? sampleFieldsWithStart : sampleFields, tally)
  }
  reader.end = outer
  const sample = into.sampleCount
  into.ensureSamples(sample + 1)
  into.sampleHi[sample] = hi
  into.sampleLo[sample] = lo
  into.sampleMs[sample] = timeMs
  into.sampleStartMs[sample] = startMs
  into.sampleCount = sample + 1
}

/** Counts a label that is not stored. */
export function leaveOut(reader: ProtoReader, tally: Tally): void {
  const { maxRequestLabels } = tally.limits
  if (++tally.leftOut > maxRequestLabels) tooMany('labels', maxRequestLabels, reader.at)
}

/** Looks at the labels of a request after those of a series or an exemplar, which are no more than `maxLabels`. */
export function checkLabels(reader: ProtoReader, tally: Tally, into: WriteRequest): void {
  const { maxRequestLabels } = tally.limits
  if (into.labelCount + tally.leftOut > maxRequestLabels) tooMany('labels', maxRequestLabels, reader.at)
}

/**
 * Notes where an exemplar stands. {@link readExemplars} reads it when all series are known: its labels go behind those of the series, which
 * have to stand one after another.
 */
export function noteExemplar(reader: ProtoReader, tally: Tally, into: WriteRequest): void {
  countItem(reader, tally, into)
  const end = reader.length()
  const exemplar = into.exemplarCount
  into.ensureExemplars(exemplar + 1)
  into.exemplarLabels[exemplar] = reader.at
  into.exemplarLabelsEnd[exemplar] = end
  into.exemplarCount = exemplar + 1
  reader.at = end
}

/** Appends labels if `tag` is that of labels of an exemplar, up to `limit` of them in the list of labels, and counts those left out. */
export type LabelsReader = (reader: ProtoReader, tag: number, limit: number, tally: Tally, into: WriteRequest) => boolean

const exemplarFields = 0b1110

/**
 * Reads what {@link noteExemplar} noted. An exemplar with too many labels is a fault of its series.
 *
 *     Exemplar  labels 1  double value 2  int64 timestamp 3
 */
export function readExemplars(reader: ProtoReader, readLabels: LabelsReader, tally: Tally, into: WriteRequest): void {
  const bodyEnd = reader.end
  let series = 0
  for (let exemplar = 0; exemplar < into.exemplarCount; exemplar++) {
    while ((into.seriesExemplars[series + 1] as number) <= exemplar) series++
    reader.at = into.exemplarLabels[exemplar] as number
    reader.end = into.exemplarLabelsEnd[exemplar] as number
    const first = into.labelCount
    const before = tally.leftOut
    let hi = 0
    let lo = 0
    let timeMs = 0
    while (reader.at < reader.end) {
      const tag = reader.varint32()
      if (tag === 0x11) {
        reader.fixed64(words)
        hi = words.hi
        lo = words.lo
      } else if (tag === 0x18) timeMs = readMillis(reader)
      else if (!readLabels(reader, tag, first + tally.limits.maxLabels, tally, into)) skipUnknown(reader, tag, exemplarFields, tally)
    }
    if (tally.name >= 0) throw badSymbols(`an exemplar of series ${series} has a label without a value`)
    if (tally.leftOut > before) into.seriesFault[series] = SeriesFault.TooManyLabels
    checkLabels(reader, tally, into)
    into.exemplarLabels[exemplar] = first
    into.exemplarLabelsEnd[exemplar] = into.labelCount
    into.exemplarHi[exemplar] = hi
    into.exemplarLo[exemplar] = lo
    into.exemplarMs[exemplar] = timeMs
  }
  reader.end = bodyEnd
}

/** What was read up to here belongs to this series, the last one. */
export function endSeries(series: number, into: WriteRequest): void {
  const next = series + 1
  into.seriesLabels[next] = into.labelCount
  into.seriesSamples[next] = into.sampleCount
  into.seriesHistograms[next] = into.histograms.length
  into.seriesExemplars[next] = into.exemplarCount
  into.seriesCount = next
}
