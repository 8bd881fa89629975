/**
 * The messages of remote-read.
 *
 *     ReadRequest         queries 1  accepted_response_types 2 (packed: SAMPLES 0, STREAMED_XOR_CHUNKS 1)
 *     Query               start_timestamp_ms 1  end_timestamp_ms 2 (both in it)  matchers 3 { type 1  name 2  value 3 }
 *     ReadResponse        results 1 { timeseries 1 as in remote-write }
 *     ChunkedReadResponse chunked_series 1 { labels 1 { name 1  value 2 }  chunks 2 { min 1  max 2  type 3  data 4 } }  query_index 2
 *
 * A stream of the last has frames: a length as varint, CRC-32C of the message in four bytes (big-endian), the message. It has no end of its own.
 * @see prometheus/prompb/remote.proto, storage/remote/chunked.go
 */

import type { WriteLimits } from '../ingest/prometheus/decode-limits.ts'
import { decodeWriteV1 } from '../ingest/prometheus/decode-v1.ts'
import { ProtoReader } from '../otlp/decode/reader.ts'
import type { Words } from '../otlp/time.ts'
import { WriteRequest } from '../translate/prometheus/model.ts'
import { type SeriesGather, TornAnswer } from './prometheus-gather.ts'
import { crc32c } from './prometheus-tsdb/crc32c.ts'
import { decodeChunk } from './prometheus-tsdb/decode-chunk.ts'
import { Samples } from './prometheus-tsdb/samples.ts'

/** `=`, `!=`, `=~`, `!~` */
export const MatchType = { Equal: 0, NotEqual: 1, Matches: 2, MatchesNot: 3 } as const

export interface Matcher {
  readonly type: number
  readonly name: string
  readonly value: string
}

/** What answers are taken, the best first. */
export const AnswerType = { Samples: 0, Chunks: 1 } as const

/** Of one frame; Prometheus makes them about 1 MiB. */
export const maxFrameBytes = 64 * 1024 * 1024

const varint = (value: number): number[] => {
  const out: number[] = []
  let left = value
  for (; left >= 0x80; left = Math.floor(left / 128)) out.push((left % 128) | 0x80)
  out.push(left)
  return out
}

const field = (tag: number, content: Uint8Array): Buffer => Buffer.concat([Uint8Array.from([tag, ...varint(content.length)]), content])

/** An int64; times before 1970 take ten bytes. */
const int64 = (tag: number, value: number): Buffer => {
  const out = [tag]
  let left = BigInt.asUintN(64, BigInt(value))
  for (; left >= 0x80n; left >>= 7n) out.push(Number(left & 0x7fn) | 0x80)
  return Buffer.from([...out, Number(left)])
}

/** A `ReadRequest` of one query. @param toMs the last millisecond, in it */
export function encodeReadRequest(matchers: readonly Matcher[], fromMs: number, toMs: number, accepted: readonly number[]): Buffer {
  const query = Buffer.concat([
    int64(0x08, fromMs),
    int64(0x10, toMs),
    ...matchers.map(({ type, name, value }) =>
      field(0x1a, Buffer.concat([Buffer.from([0x08, type]), field(0x12, Buffer.from(name)), field(0x1a, Buffer.from(value))])),
    ),
  ])
  return Buffer.concat([field(0x0a, query), field(0x12, Uint8Array.from(accepted))])
}

/** A block of snappy that compresses nothing: requests are small. */
export function snappyLiteral(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [Uint8Array.from(varint(bytes.length))]
  for (let at = 0; at < bytes.length; at += 65_536) {
    const part = bytes.subarray(at, at + 65_536)
    parts.push(Uint8Array.from([61 << 2, (part.length - 1) & 0xff, (part.length - 1) >>> 8]), part)
  }
  return Buffer.concat(parts)
}

const words: Words = { hi: 0, lo: 0 }
const chunk = new Samples()

const millis = (reader: ProtoReader): number => {
  reader.varint64(words)
  return words.hi * 4_294_967_296 + (words.lo >>> 0)
}

/** The bytes of a field: where they begin; the reader stands behind them. */
const content = (reader: ProtoReader): Uint8Array => {
  const length = reader.varint32()
  if (length > reader.end - reader.at) reader.fail('cut off')
  const bytes = reader.bytes.subarray(reader.at, reader.at + length)
  reader.at += length
  return bytes
}

function readLabel(bytes: Uint8Array, into: string[]): void {
  const reader = new ProtoReader(bytes)
  let name = ''
  let value = ''
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag === 0x0a) name = Buffer.from(content(reader)).toString()
    else if (tag === 0x12) value = Buffer.from(content(reader)).toString()
    else reader.skip(tag)
  }
  into.push(name, value)
}

function readChunk(bytes: Uint8Array, into: SeriesGather): void {
  const reader = new ProtoReader(bytes)
  let minMs = 0
  let maxMs = 0
  let type = 0
  let data: Uint8Array = new Uint8Array(0)
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag === 0x08) minMs = millis(reader)
    else if (tag === 0x10) maxMs = millis(reader)
    else if (tag === 0x18) type = reader.varint32()
    else if (tag === 0x22) data = content(reader)
    else reader.skip(tag)
  }
  decodeChunk(type, data, minMs, maxMs, chunk)
  into.add(chunk)
}

/** One `ChunkedReadResponse`. Throws OB_DECODE_PROTO, OB_SOURCE for a chunk, TooMuch. */
export function readChunkedMessage(message: Uint8Array, into: SeriesGather): void {
  const reader = new ProtoReader(message)
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag !== 0x0a) {
      reader.skip(tag)
      continue
    }
    const series = new ProtoReader(content(reader))
    const labels: string[] = []
    const chunks: Uint8Array[] = []
    while (series.at < series.end) {
      const inner = series.varint32()
      if (inner === 0x0a) readLabel(content(series), labels)
      else if (inner === 0x12) chunks.push(content(series))
      else series.skip(inner)
    }
    into.begin(labels)
    for (const one of chunks) readChunk(one, into)
  }
}

/** Frames of a stream, one after the other. Throws {@link TornAnswer} for what is none, or when it ends within one. */
export async function* frames(body: AsyncIterable<Uint8Array>, seen: (bytes: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
  let held: Buffer = Buffer.alloc(0)
  const pieces: Uint8Array[] = []
  let pending = 0
  /** Bytes that have to be there before it is worth looking. */
  let wanted = 1
  for await (const piece of body) {
    seen(piece.length)
    pieces.push(piece)
    pending += piece.length
    if (held.length + pending < wanted) continue
    held = Buffer.concat([held, ...pieces.splice(0)])
    pending = 0
    for (;;) {
      const found = frameOf(held)
      if (typeof found === 'number') {
        wanted = found
        break
      }
      yield found.message
      held = held.subarray(found.end)
    }
  }
  if (held.length + pending > 0) throw new TornAnswer(`${held.length + pending} bytes behind the last whole frame`)
}

/** The first frame; or how many bytes have to be there to see more of it. */
function frameOf(bytes: Buffer): { readonly message: Uint8Array; readonly end: number } | number {
  let size = 0
  for (let at = 0; ; at++) {
    const byte = bytes[at]
    if (byte === undefined) return at + 1
    if (at === 5) throw new TornAnswer('a frame of more than 32 bits')
    size += (byte & 0x7f) * 2 ** (7 * at)
    if (byte >= 0x80) continue
    if (size > maxFrameBytes) throw new TornAnswer(`a frame of ${size} bytes`)
    const from = at + 5
    const end = from + size
    if (bytes.length < end) return end
    if (crc32c(bytes, from, end) !== bytes.readUInt32BE(at + 1)) throw new TornAnswer('a frame with a wrong checksum')
    return { message: bytes.subarray(from, end), end }
  }
}

const request = new WriteRequest()

const limits: WriteLimits = {
  maxSeries: 500_000,
  maxSamples: 2_000_000,
  maxHistograms: 200_000,
  maxLabels: 1000,
  maxRequestLabels: 10_000_000,
  maxSymbols: 20_000_000,
  maxBuckets: 16_384,
  maxRequestBuckets: 20_000_000,
  maxUnknownFields: 1_000_000,
}

/** A plain `ReadResponse`. Its series are those of remote-write 1.0. Throws OB_DECODE_PROTO, OB_LIMIT_ITEMS, TooMuch. */
export function readSamplesMessage(message: Uint8Array, into: SeriesGather): void {
  const reader = new ProtoReader(message)
  const own = new Samples()
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag !== 0x0a) {
      reader.skip(tag)
      continue
    }
    const result = content(reader)
    if (result.length === 0) continue
    decodeWriteV1(result, limits, request)
    const text = (symbol: number): string => Buffer.from(result.subarray(request.symbolStart[symbol], request.symbolEnd[symbol])).toString()
    for (let series = 0; series < request.seriesCount; series++) {
      if (request.seriesFault[series] !== 0) throw new TornAnswer('a series with more labels or buckets than can be')
      const labels: string[] = []
      for (let at = request.seriesLabels[series] as number; at < (request.seriesLabels[series + 1] as number); at++) {
        labels.push(text(request.labelName[at] as number), text(request.labelValue[at] as number))
      }
      into.begin(labels)
      own.clear()
      mergeKinds(series, own)
      into.add(own)
    }
  }
  request.clear(1, new Uint8Array(0))
}

/** Floats and histograms of a series stand in two lists: one list in order of time is made of them. */
function mergeKinds(series: number, out: Samples): void {
  const { sampleMs, sampleHi, sampleLo, histograms } = request
  let float = request.seriesSamples[series] as number
  let native = request.seriesHistograms[series] as number
  const floats = request.seriesSamples[series + 1] as number
  const natives = request.seriesHistograms[series + 1] as number
  while (float < floats || native < natives) {
    const one = native < natives ? histograms[native] : undefined
    if (one === undefined || (float < floats && (sampleMs[float] as number) <= one.timeMs)) {
      out.push(sampleMs[float] as number, sampleHi[float] as number, sampleLo[float] as number, 0, undefined)
      float++
    } else {
      out.push(one.timeMs, one.sumHi, one.sumLo, one.startMs, one)
      native++
    }
  }
}
