/**
 * Remote-write 1.0 → columns. Every name and value is a symbol of its own: equal texts are many symbols.
 *
 *     WriteRequest    timeseries 1  metadata 3 (2 reserved)
 *     TimeSeries      labels 1  samples 2  exemplars 3  histograms 4
 *     Label           name string 1  value string 2
 *     Exemplar        labels 1  double value 2  int64 timestamp 3
 *     MetricMetadata  type enum 1  metric_family_name string 2  help string 4  unit string 5
 *
 * @see prometheus/prompb/types.proto, remote.proto
 */

import { ProtoReader } from '../../otlp/decode/reader.ts'
import { SeriesFault, type WriteRequest } from '../../translate/prometheus/model.ts'
import { readHistogram } from './decode-histogram.ts'
import { tooMany, type WriteLimits } from './decode-limits.ts'
import {
  checkLabels,
  checkMessage,
  countItem,
  endSeries,
  leaveOut,
  noteExemplar,
  readExemplars,
  readSample,
  skipUnknown,
  Tally,
} from './decode-wire.ts'

const knownOfRequest = 0b1010
const knownOfSeries = 0b11110
const knownOfLabel = 0b110
const knownOfMetadata = 0b110110

/**
 * Decodes an uncompressed request. Unknown fields are skipped.
 * @param into emptied first; `body` is its own from now on, and nothing in it holds after a throw
 * @throws OB_DECODE_PROTO with a byte offset; OB_LIMIT_ITEMS
 */
export function decodeWriteV1(body: Uint8Array, limits: WriteLimits, into: WriteRequest): void {
  into.clear(1, body)
  const reader = new ProtoReader(body)
  const tally = new Tally(limits)
  into.symbolStart[0] = into.symbolEnd[0] = 0
  into.symbolCount = 1
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag === 0x0a) readSeries(reader, tally, into)
    else if (tag === 0x1a) readMetadata(reader, tally, into)
    else skipUnknown(reader, tag, knownOfRequest, tally)
  }
  checkMessage(tally, into.seriesCount + into.metadata.length > 0, '1.0')
  if (into.exemplarCount > 0) readExemplars(reader, readExemplarLabel, tally, into)
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
  while (reader.at < end) {
    const tag = reader.varint32()
    switch (tag) {
      case 0x0a:
        readLabel(reader, mostLabels, tally, into)
        break
      case 0x12:
        readSample(reader, false, tally, into)
        break
      case 0x1a:
        noteExemplar(reader, tally, into)
        break
      case 0x22:
        fault = readHistogram(reader, tally, into) || fault
        break
      default:
        skipUnknown(reader, tag, knownOfSeries, tally)
    }
  }
  reader.end = outer
  if (tally.leftOut > leftOut) fault = SeriesFault.TooManyLabels
  checkLabels(reader, tally, into)
  into.seriesFault[series] = fault
  into.seriesType[series] = 0
  into.seriesHelp[series] = 0
  into.seriesUnit[series] = 0
  into.seriesCreatedMs[series] = 0
  endSeries(series, into)
}

/** Appends a label; one too many is passed over unread. */
function readLabel(reader: ProtoReader, mostLabels: number, tally: Tally, into: WriteRequest): void {
  const end = reader.length()
  if (into.labelCount >= mostLabels) {
    leaveOut(reader, tally)
    reader.at = end
  } else if (!readUsualLabel(reader, end, into)) readAnyLabel(reader, end, tally, into)
}

/** A label as every serializer writes it: name, then value, neither empty, of less than 128 bytes. False, and nothing read, for others. */
function readUsualLabel(reader: ProtoReader, end: number, into: WriteRequest): boolean {
  const { bytes, at } = reader
  if (end - at < 6 || bytes[at] !== 0x0a) return false
  const nameStart = at + 2
  const nameEnd = nameStart + (bytes[at + 1] as number)
  const valueStart = nameEnd + 2
  if (nameEnd === nameStart || valueStart >= end || bytes[nameEnd] !== 0x12) return false
  const valueBytes = bytes[nameEnd + 1] as number
  if ((bytes[at + 1] as number) > 0x7f || valueBytes > 0x7f || valueStart + valueBytes !== end) return false
  const name = symbolRoom(into, 2)
  const { symbolStart, symbolEnd } = into
  symbolStart[name] = nameStart
  symbolEnd[name] = nameEnd
  symbolStart[name + 1] = valueStart
  symbolEnd[name + 1] = end
  into.symbolCount = name + 2
  appendLabel(into, name, name + 1)
  reader.at = end
  return true
}

function readAnyLabel(reader: ProtoReader, end: number, tally: Tally, into: WriteRequest): void {
  const outer = reader.end
  reader.end = end
  let name = 0
  let value = 0
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag === 0x0a) name = readSymbol(reader, name, into)
    else if (tag === 0x12) value = readSymbol(reader, value, into)
    else skipUnknown(reader, tag, knownOfLabel, tally)
  }
  reader.end = outer
  appendLabel(into, name, value)
}

function appendLabel(into: WriteRequest, name: number, value: number): void {
  const label = into.labelCount
  if (label === into.labelName.length) into.ensureLabels(label + 1)
  into.labelName[label] = name
  into.labelValue[label] = value
  into.labelCount = label + 1
}

/** The next symbol, with room for `count` of them. */
function symbolRoom(into: WriteRequest, count: number): number {
  const symbol = into.symbolCount
  if (symbol + count > into.symbolStart.length) into.ensureSymbols(symbol + count)
  return symbol
}

/** The symbol of a string field: 0 when it is empty, and that of `before`, when the field has occurred before. */
function readSymbol(reader: ProtoReader, before: number, into: WriteRequest): number {
  const end = reader.length()
  const { at } = reader
  reader.at = end
  if (end === at) return 0
  const symbol = before > 0 ? before : symbolRoom(into, 1)
  into.symbolStart[symbol] = at
  into.symbolEnd[symbol] = end
  if (before === 0) into.symbolCount = symbol + 1
  return symbol
}

function readExemplarLabel(reader: ProtoReader, tag: number, most: number, tally: Tally, into: WriteRequest): boolean {
  if (tag !== 0x0a) return false
  readLabel(reader, most, tally, into)
  return true
}

function readMetadata(reader: ProtoReader, tally: Tally, into: WriteRequest): void {
  countItem(reader, tally, into)
  const outer = reader.end
  const end = reader.length()
  reader.end = end
  let type = 0
  let family = 0
  let help = 0
  let unit = 0
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag === 0x08) type = reader.varint32() | 0
    else if (tag === 0x12) family = readSymbol(reader, family, into)
    else if (tag === 0x22) help = readSymbol(reader, help, into)
    else if (tag === 0x2a) unit = readSymbol(reader, unit, into)
    else skipUnknown(reader, tag, knownOfMetadata, tally)
  }
  reader.end = outer
  into.metadata.push({ type, family, help, unit })
}
