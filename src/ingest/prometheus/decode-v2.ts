/**
 * Remote-write 2.0 → columns. Both layouts of start times are read: `created_timestamp` a series (rc.0 to rc.3) and `start_timestamp` a
 * sample (rc.4).
 *
 *     Request     symbols string 4  timeseries 5 (1 to 3 reserved: the fields of 1.0)
 *     TimeSeries  labels_refs uint32 1  samples 2  histograms 3  exemplars 4  metadata 5  created_timestamp int64 6
 *     Metadata    type enum 1  help_ref uint32 3  unit_ref uint32 4
 *     Exemplar    labels_refs uint32 1  double value 2  int64 timestamp 3
 *
 * Fields may come in any order: references are compared with the table when all of it is known.
 * @see io/prometheus/write/v2/types.proto
 */

import { ProtoReader } from '../../otlp/decode/reader.ts'
import { SeriesFault, type WriteRequest } from '../../translate/prometheus/model.ts'
import { readHistogram } from './decode-histogram.ts'
import { tooMany, type WriteLimits } from './decode-limits.ts'
import {
  badSymbols,
  checkLabels,
  checkMessage,
  endSeries,
  leaveOut,
  noteExemplar,
  readExemplars,
  readMillis,
  readSample,
  skipUnknown,
  Tally,
} from './decode-wire.ts'

const knownOfRequest = 0b110000
const knownOfSeries = 0b1111110
const knownOfMetadata = 0b11010

/**
 * Decodes an uncompressed request. Unknown fields are skipped.
 * @param into emptied first; `body` is its own from now on, and nothing in it holds after a throw
 * @throws OB_DECODE_PROTO with a byte offset; OB_DECODE_SYMBOLS when the table does not begin with the empty text, or labels refer to what it
 * does not hold or have a name without a value; OB_LIMIT_ITEMS
 */
export function decodeWriteV2(body: Uint8Array, limits: WriteLimits, into: WriteRequest): void {
  into.clear(2, body)
  const reader = new ProtoReader(body)
  const tally = new Tally(limits)
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag === 0x2a) readSeries(reader, tally, into)
    else if (tag === 0x22) {
      const end = reader.length()
      const symbol = into.symbolCount
      if (symbol >= limits.maxSymbols) tooMany('symbols', limits.maxSymbols, reader.at)
      if (symbol === into.symbolStart.length) into.ensureSymbols(symbol + 1)
      into.symbolStart[symbol] = reader.at
      into.symbolEnd[symbol] = end
      into.symbolCount = symbol + 1
      reader.at = end
    } else skipUnknown(reader, tag, knownOfRequest, tally)
  }
  checkMessage(tally, into.seriesCount + into.symbolCount > 0, '2.0')
  if (into.exemplarCount > 0) readExemplars(reader, readExemplarLabels, tally, into)
  checkSymbols(tally, into)
}

function readSeries(reader: ProtoReader, tally: Tally, into: WriteRequest): void {
  const { limits } = tally
  const series = into.seriesCount
  if (series >= limits.maxSeries) tooMany('series', limits.maxSeries, reader.at)
  const outer = reader.end
  const end = reader.length()
  reader.end = end
  into.ensureSeries(series + 1)
  const mostLabels = into.labelCount + limits.maxLabels
  const leftOut = tally.leftOut
  let fault: number = SeriesFault.None
  let createdMs = 0
  into.seriesType[series] = 0
  into.seriesHelp[series] = 0
  into.seriesUnit[series] = 0
  while (reader.at < end) {
    const tag = reader.varint32()
    switch (tag) {
      case 0x0a:
        readReferences(reader, reader.length(), mostLabels, tally, into)
        break
      case 0x08:
        addReference(reader, mostLabels, tally, into)
        break
      case 0x12:
        readSample(reader, true, tally, into)
        break
      case 0x1a:
        fault = readHistogram(reader, tally, into) || fault
        break
      case 0x22:
        noteExemplar(reader, tally, into)
        break
      case 0x2a:
        readMetadata(reader, series, tally, into)
        break
      case 0x30:
        createdMs = readMillis(reader)
        break
      default:
        skipUnknown(reader, tag, knownOfSeries, tally)
    }
  }
  reader.end = outer
  if (tally.name >= 0) throw badSymbols(`series ${series} has a label without a value`)
  if (tally.leftOut > leftOut) fault = SeriesFault.TooManyLabels
  checkLabels(reader, tally, into)
  into.seriesFault[series] = fault
  into.seriesCreatedMs[series] = createdMs
  endSeries(series, into)
}

/** Type, help and unit. What comes twice is merged field by field, as protobuf has it. Types beyond 255 are 255: as unknown as they were. */
function readMetadata(reader: ProtoReader, series: number, tally: Tally, into: WriteRequest): void {
  const outer = reader.end
  const end = reader.length()
  reader.end = end
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag === 0x08) into.seriesType[series] = Math.min(255, reader.varint32())
    else if (tag === 0x18) into.seriesHelp[series] = readReference(reader, tally)
    else if (tag === 0x20) into.seriesUnit[series] = readReference(reader, tally)
    else skipUnknown(reader, tag, knownOfMetadata, tally)
  }
  reader.end = outer
}

/** 0 is what is not set, with an empty table too. */
function readReference(reader: ProtoReader, tally: Tally): number {
  const reference = reader.varint32()
  if (reference > 0 && reference > tally.highest) tally.highest = reference
  return reference
}

/** One reference: of a name, or of the value to the name before it. References of 2^31 and above are stored negative, and never in range. */
function addReference(reader: ProtoReader, mostLabels: number, tally: Tally, into: WriteRequest): void {
  const reference = reader.varint32()
  if (reference > tally.highest) tally.highest = reference
  if (tally.name < 0) {
    tally.name = reference
    return
  }
  const label = into.labelCount
  if (label < mostLabels) {
    into.ensureLabels(label + 1)
    into.labelName[label] = tally.name
    into.labelValue[label] = reference
    into.labelCount = label + 1
  } else leaveOut(reader, tally)
  tally.name = -1
}

/** A packed list of references up to `end`. A pair may be spread over two lists. */
function readReferences(reader: ProtoReader, end: number, mostLabels: number, tally: Tally, into: WriteRequest): void {
  const { bytes, end: outer } = reader
  let { at } = reader
  reader.end = end
  let label = into.labelCount
  // A pair takes two bytes at least.
  into.ensureLabels(Math.min(mostLabels, label + ((end - at) >>> 1) + 1))
  const { labelName, labelValue } = into
  let { highest, name } = tally
  while (at < end) {
    let reference = bytes[at] as number
    const second = at + 1 < end ? (bytes[at + 1] as number) : 0x80
    if (reference < 0x80) at++
    else if (second < 0x80) {
      reference = (reference & 0x7f) | (second << 7)
      at += 2
    } else {
      reader.at = at
      reference = reader.varint32()
      at = reader.at
    }
    if (reference > highest) highest = reference
    if (name < 0) name = reference
    else {
      if (label < mostLabels) {
        labelName[label] = name
        labelValue[label++] = reference
      } else leaveOut(reader, tally)
      name = -1
    }
  }
  tally.highest = highest
  tally.name = name
  into.labelCount = label
  reader.at = end
  reader.end = outer
}

function readExemplarLabels(reader: ProtoReader, tag: number, most: number, tally: Tally, into: WriteRequest): boolean {
  if (tag === 0x0a) readReferences(reader, reader.length(), most, tally, into)
  else if (tag === 0x08) addReference(reader, most, tally, into)
  else return false
  return true
}

/** Refuses a request whose table and references do not fit. An empty table is one of the empty text alone, to which no label refers. */
function checkSymbols(tally: Tally, into: WriteRequest): void {
  const count = into.symbolCount
  if (count > 0 && into.symbolEnd[0] !== into.symbolStart[0]) throw badSymbols('symbol 0 is not the empty text')
  if (tally.highest >= count) throw badSymbols(`${firstOutOfRange(into)} refers to a symbol beyond the ${count} there are`)
  into.symbolStart[0] = into.symbolEnd[0] = 0
  into.symbolCount = Math.max(1, count)
}

function firstOutOfRange(into: WriteRequest): string {
  const count = into.symbolCount
  const beyond = (column: Int32Array, from: number, to: number): boolean =>
    column.subarray(from, to).some((reference) => reference >>> 0 >= count)
  const labelsBeyond = (from: number, to: number): boolean => beyond(into.labelName, from, to) || beyond(into.labelValue, from, to)
  for (let series = 0; series < into.seriesCount; series++) {
    const own = labelsBeyond(into.seriesLabels[series] as number, into.seriesLabels[series + 1] as number)
    const meta = [into.seriesHelp, into.seriesUnit].some((column) => (column[series] as number) >>> 0 >= Math.max(1, count))
    let ofExemplar = false
    for (let at = into.seriesExemplars[series] as number; at < (into.seriesExemplars[series + 1] as number); at++) {
      ofExemplar ||= labelsBeyond(into.exemplarLabels[at] as number, into.exemplarLabelsEnd[at] as number)
    }
    if (own || meta || ofExemplar) return `series ${series}`
  }
  return 'a label beyond the limit of its series'
}
