/**
 * Jaeger api_v2 protobuf → the Jaeger model. Reads within the limits; text stays slices of the body.
 *
 *     PostSpansRequest  batch 1
 *     Batch      spans 1  process 2
 *     Span       trace_id bytes 1  span_id bytes 2  operation_name 3  references 4  flags uint32 5  start_time 6  duration 7
 *                tags 8  logs 9  process 10  process_id 11  warnings 12
 *     SpanRef    trace_id bytes 1  span_id bytes 2  ref_type enum 3
 *     KeyValue   key 1  v_type enum 2  v_str 3  v_bool 4  v_int64 5  v_float64 double 6  v_binary 7 (decode-proto-tags.ts)
 *     Log        timestamp 1  fields 2
 *     Process    service_name 1  tags 2
 *     Timestamp, Duration  seconds int64 1  nanos int32 2
 *
 * Unknown fields, and known ones of another wire type, are skipped. A message that occurs twice is merged, as protobuf
 * wants it. Ids of a wrong width reject their span alone.
 * @see model.proto and collector.proto in jaegertracing/jaeger-idl
 */

import { ProtoReader } from '../../otlp/decode/reader.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { noAttributes, type Text } from '../../otlp/model.ts'
import { secondsToNanos, type Words } from '../../otlp/time.ts'
import {
  type JaegerBatch,
  type JaegerLog,
  type JaegerProcess,
  type JaegerReference,
  type JaegerSpan,
  ReferenceType,
} from '../../translate/jaeger/model.ts'
import type { DecodeLimits } from '../limits.ts'
import { createProtoParts, Place } from './decode-proto-tags.ts'

/** Processes of one batch that are recognised when they come again. */
const rememberedProcesses = 16

const noReferences: readonly JaegerReference[] = []
const noLogs: readonly JaegerLog[] = []
const noWarnings: readonly Text[] = []
const noProcess: JaegerProcess = { serviceName: '', tags: noAttributes }

/** A Timestamp or Duration while its message is read. */
interface Moment {
  seconds: number
  nanos: number
}

/** Decoders of the two messages that travel; both throw OB_DECODE_PROTO and OB_LIMIT_*. */
export interface JaegerProtoDecoder {
  /** A PostSpansRequest. An empty body is a batch without spans. */
  postSpans(body: Uint8Array): JaegerBatch
  /** One Span with its process, as a batch of its own. */
  span(body: Uint8Array): JaegerBatch
}

/** Creates the decoder; `keys` is made with `jaegerRoleOf` and kept between batches, of which only one is in use at a time. */
export function createJaegerProtoDecoder(keys: KeyTable, limits: DecodeLimits): JaegerProtoDecoder {
  const { maxEvents, maxItems } = limits
  const { limit, spend, room, text, unknown, open, tags, begin: beginParts } = createProtoParts(keys, limits)
  const words: Words = { hi: 0, lo: 0 }
  const traceWords = new Int32Array(4)
  const spanWords = new Int32Array(2)
  const refTraceWords = new Int32Array(4)
  const refSpanWords = new Int32Array(2)
  const startTime: Moment = { seconds: 0, nanos: 0 }
  const duration: Moment = { seconds: 0, nanos: 0 }
  const logTime: Moment = { seconds: 0, nanos: 0 }
  let processes: { readonly start: number; readonly end: number; readonly process: JaegerProcess }[] = []

  /** True when the id has a width it may have, or none; then its words are in `out`, left-padded. */
  const id = (reader: ProtoReader, out: Int32Array, fewest: number): boolean => {
    const end = reader.length()
    const { at: start, view } = reader
    const count = out.length
    const width = end - start
    reader.at = end
    if (width === count * 4) {
      for (let i = 0; i < count; i++) out[i] = view.getInt32(start + i * 4)
      return true
    }
    out.fill(0)
    if (width === 0) return true
    if (width < fewest || width > count * 4) return false
    for (let at = end - 1, shift = 0; at >= start; at--, shift += 8) {
      const word = count - 1 - (shift >>> 5)
      out[word] = (out[word] as number) | ((reader.bytes[at] as number) << (shift & 31))
    }
    return true
  }

  /** A Timestamp or Duration; `before` holds what an earlier message of the same field said. Its nanoseconds are in `words` then. */
  const time = (reader: ProtoReader, before: Moment): void => {
    if (!usualTime(reader, before)) {
      const outer = open(reader)
      const { end } = reader
      while (reader.at < end) {
        const tag = reader.varint32()
        if (tag === 0x08) {
          reader.varint64(words)
          before.seconds = words.hi * 4294967296 + (words.lo >>> 0)
        } else if (tag === 0x10) before.nanos = reader.varint32() | 0
        else unknown(reader, tag)
      }
      reader.end = outer
    }
    secondsToNanos(before.seconds, before.nanos, words)
  }

  /** A process; one that is given before is merged with it. */
  const process = (reader: ProtoReader, before: JaegerProcess | undefined): JaegerProcess => {
    const outer = open(reader)
    const { at: start, end } = reader
    if (before === undefined) {
      for (let i = 0; i < processes.length; i++) {
        const one = processes[i] as (typeof processes)[0]
        if (!sameBytes(reader.bytes, one.start, one.end, start, end)) continue
        reader.at = end
        reader.end = outer
        return one.process
      }
    }
    let { serviceName, tags: list } = before ?? noProcess
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag === 0x0a) serviceName = text(reader)
      else if (tag === 0x12) list = tags(reader, tag, list, Place.Process, 'process tags')
      else unknown(reader, tag)
    }
    reader.end = outer
    const found: JaegerProcess = { serviceName, tags: list }
    if (before === undefined && processes.length < rememberedProcesses) processes.push({ start, end, process: found })
    return found
  }

  const reference = (reader: ProtoReader): JaegerReference => {
    const outer = open(reader)
    const { end } = reader
    let refType = 0
    let traceFits = true
    let spanFits = true
    refTraceWords.fill(0)
    refSpanWords.fill(0)
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag === 0x0a) traceFits = id(reader, refTraceWords, 8)
      else if (tag === 0x12) spanFits = id(reader, refSpanWords, 1)
      else if (tag === 0x18) refType = reader.varint32() | 0
      else unknown(reader, tag)
    }
    reader.end = outer
    // An id that is none is treated as absent: the reference is left out then, and counted.
    if (!traceFits || !spanFits) refTraceWords.fill(0)
    return {
      refType,
      trace0: refTraceWords[0] as number,
      trace1: refTraceWords[1] as number,
      trace2: refTraceWords[2] as number,
      trace3: refTraceWords[3] as number,
      span0: refSpanWords[0] as number,
      span1: refSpanWords[1] as number,
    }
  }

  const log = (reader: ProtoReader): JaegerLog => {
    const outer = open(reader)
    const { end } = reader
    let timeHi = 0
    let timeLo = 0
    let fields = noAttributes
    logTime.seconds = 0
    logTime.nanos = 0
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag === 0x0a) {
        time(reader, logTime)
        timeHi = words.hi
        timeLo = words.lo
      } else if (tag === 0x12) fields = tags(reader, tag, fields, Place.Log, 'log fields')
      else unknown(reader, tag)
    }
    reader.end = outer
    return { timeHi, timeLo, fields }
  }

  const logs = (reader: ProtoReader, had: readonly JaegerLog[]): readonly JaegerLog[] => {
    const list = room(reader, 0x4a, had, maxEvents, 'logs')
    const last = list.length - 1
    for (let i = had.length; i <= last; i++) {
      list[i] = log(reader)
      if (i < last) reader.at++
    }
    return list
  }

  /** The fields of a span up to `end`. */
  const span = (reader: ProtoReader, end: number): JaegerSpan => {
    const outer = reader.end
    reader.end = end
    let trace0 = 0
    let trace1 = 0
    let trace2 = 0
    let trace3 = 0
    let span0 = 0
    let span1 = 0
    let traceFits = true
    let spanFits = true
    let parent0 = 0
    let parent1 = 0
    let operationName: Text = ''
    let references = noReferences
    let flags = 0
    let startHi = 0
    let startLo = 0
    let durationHi = 0
    let durationLo = 0
    let tagList = noAttributes
    let logList = noLogs
    let ownProcess: JaegerProcess | undefined
    let warnings = noWarnings
    startTime.seconds = 0
    startTime.nanos = 0
    duration.seconds = 0
    duration.nanos = 0
    const { at: first, view } = reader
    // Both ids first, of their usual widths: as every serializer begins.
    if (end - first >= 28 && view.getInt16(first) === 0x0a10 && view.getInt16(first + 18) === 0x1208) {
      trace0 = view.getInt32(first + 2)
      trace1 = view.getInt32(first + 6)
      trace2 = view.getInt32(first + 10)
      trace3 = view.getInt32(first + 14)
      span0 = view.getInt32(first + 20)
      span1 = view.getInt32(first + 24)
      reader.at = first + 28
    }
    while (reader.at < end) {
      const tag = reader.varint32()
      switch (tag) {
        case 0x0a:
        case 0x12:
          if ((parent0 | parent1) !== 0) {
            references = [parentReference(trace0, trace1, trace2, trace3, parent0, parent1)]
            parent0 = 0
            parent1 = 0
          }
          if (tag === 0x12) {
            spanFits = id(reader, spanWords, 1)
            span0 = spanWords[0] as number
            span1 = spanWords[1] as number
            break
          }
          traceFits = id(reader, traceWords, 8)
          trace0 = traceWords[0] as number
          trace1 = traceWords[1] as number
          trace2 = traceWords[2] as number
          trace3 = traceWords[3] as number
          break
        case 0x1a:
          operationName = text(reader)
          break
        case 0x22: {
          if (references.length >= maxEvents) limit(reader, 'OB_LIMIT_LENGTH', `references > limit ${maxEvents}`)
          spend(reader, 1)
          const { at } = reader
          if (
            references === noReferences &&
            (parent0 | parent1) === 0 &&
            isUsualParent(view, at, end, trace0, trace1, trace2, trace3, span0, span1)
          ) {
            parent0 = view.getInt32(at + 21)
            parent1 = view.getInt32(at + 25)
            reader.at = at + 29
            break
          }
          const one = reference(reader)
          if (references !== noReferences) (references as JaegerReference[]).push(one)
          else if ((parent0 | parent1) === 0) references = [one]
          else {
            references = [parentReference(trace0, trace1, trace2, trace3, parent0, parent1), one]
            parent0 = 0
            parent1 = 0
          }
          break
        }
        case 0x28:
          flags = reader.varint32() | 0
          break
        case 0x32:
          time(reader, startTime)
          startHi = words.hi
          startLo = words.lo
          break
        case 0x3a:
          time(reader, duration)
          durationHi = words.hi
          durationLo = words.lo
          break
        case 0x42:
          tagList = tags(reader, tag, tagList, Place.Span, 'tags')
          break
        case 0x4a:
          logList = logs(reader, logList)
          break
        case 0x52:
          ownProcess = process(reader, ownProcess)
          break
        case 0x62: {
          if (warnings.length >= maxEvents) limit(reader, 'OB_LIMIT_LENGTH', `warnings > limit ${maxEvents}`)
          spend(reader, 1)
          const one = text(reader)
          if (warnings === noWarnings) warnings = [one]
          else (warnings as Text[]).push(one)
          break
        }
        default:
          unknown(reader, tag)
      }
    }
    reader.end = outer
    return {
      trace0,
      trace1,
      trace2,
      trace3,
      span0,
      span1,
      parent0,
      parent1,
      operationName,
      references,
      flags,
      startHi,
      startLo,
      durationHi,
      durationLo,
      tags: tagList,
      logs: logList,
      process: ownProcess,
      warnings,
      invalid: traceFits ? (spanFits ? undefined : 'span_id_width') : 'trace_id_width',
    }
  }

  const begin = (body: Uint8Array): ProtoReader => {
    beginParts(body.length)
    processes = []
    return new ProtoReader(body)
  }

  const batchOf = (batchProcess: JaegerProcess | undefined, spans: readonly JaegerSpan[]): JaegerBatch => ({
    nanosPerTick: 1,
    process: batchProcess,
    spans,
    seqNo: undefined,
    stats: undefined,
  })

  return {
    postSpans(body) {
      const reader = begin(body)
      const spans: JaegerSpan[] = []
      let batchProcess: JaegerProcess | undefined
      while (reader.at < reader.end) {
        const field = reader.varint32()
        if (field !== 0x0a) {
          unknown(reader, field)
          continue
        }
        const outer = open(reader)
        const { end } = reader
        while (reader.at < end) {
          const tag = reader.varint32()
          if (tag === 0x0a) {
            if (spans.length >= maxItems) limit(reader, 'OB_LIMIT_ITEMS', `more than ${maxItems} spans`)
            spans.push(span(reader, reader.length()))
          } else if (tag === 0x12) batchProcess = process(reader, batchProcess)
          else unknown(reader, tag)
        }
        reader.end = outer
      }
      return batchOf(batchProcess, spans)
    },
    span(body) {
      const reader = begin(body)
      return batchOf(undefined, [span(reader, reader.end)])
    },
  }
}

/**
 * The message at `at` is a CHILD_OF to another span of the same trace, laid out as every serializer does: what nearly all
 * spans have. While it is the only reference, the span says so by its parent id, as in Thrift, and nothing is made for it.
 */
function isUsualParent(
  view: DataView,
  at: number,
  end: number,
  trace0: number,
  trace1: number,
  trace2: number,
  trace3: number,
  span0: number,
  span1: number,
): boolean {
  if (end - at < 29 || view.getInt32(at) >>> 8 !== 0x1c0a10 || view.getInt16(at + 19) !== 0x1208) return false
  const parent0 = view.getInt32(at + 21)
  const parent1 = view.getInt32(at + 25)
  return (
    view.getInt32(at + 15) === trace3 &&
    view.getInt32(at + 11) === trace2 &&
    view.getInt32(at + 7) === trace1 &&
    view.getInt32(at + 3) === trace0 &&
    (trace0 | trace1 | trace2 | trace3) !== 0 &&
    (parent0 | parent1) !== 0 &&
    (span0 | span1) !== 0 &&
    (parent0 !== span0 || parent1 !== span1)
  )
}

const parentReference = (
  trace0: number,
  trace1: number,
  trace2: number,
  trace3: number,
  span0: number,
  span1: number,
): JaegerReference => ({
  refType: ReferenceType.ChildOf,
  trace0,
  trace1,
  trace2,
  trace3,
  span0,
  span1,
})

/**
 * Seconds and nanoseconds as every serializer lays them out, or nanoseconds alone, of a duration below a second. False, and
 * nothing read, when the message is laid out otherwise.
 */
function usualTime(reader: ProtoReader, moment: Moment): boolean {
  const { bytes, view } = reader
  let at = reader.at
  const length = bytes[at++] as number
  const end = at + length
  // Seconds of five bytes, as from 1978 to 3058, have 08 in front and 10 behind them. A byte beyond the end is undefined, and no comparison with it is true.
  if (!(end <= reader.end) || length > 12) return false
  // Absent, they stay what an earlier message said.
  let { seconds } = moment
  if (length > 7 && bytes[at] === 0x08) {
    const word = view.getInt32(at + 1, true)
    const fifth = bytes[at + 5] as number
    if ((word & 0x80808080) !== (0x80808080 | 0) || fifth > 0x7f) return false
    const low = (word & 0x7f) | ((word >>> 1) & 0x3f80) | ((word >>> 2) & 0x1fc000) | ((word >>> 3) & 0xfe00000)
    seconds = low + fifth * 0x10000000
    at += 6
  }
  if (bytes[at++] !== 0x10) return false
  let nanos = bytes[at++] as number
  if (nanos > 0x7f) {
    nanos = (nanos & 0x7f) | ((bytes[at++] as number) << 7)
    if (nanos > 0x3fff) nanos = (nanos & 0x3fff) | ((bytes[at++] as number) << 14)
    if (nanos > 0x1fffff) nanos = (nanos & 0x1fffff) | ((bytes[at++] as number) << 21)
    if (nanos > 0xfffffff) {
      const fifth = bytes[at++] as number
      if (fifth > 3) return false
      nanos = (nanos & 0xfffffff) | (fifth << 28)
    }
  }
  if (at !== end) return false
  moment.seconds = seconds
  moment.nanos = nanos
  reader.at = end
  return true
}

function sameBytes(bytes: Uint8Array, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  if (end - start !== otherEnd - otherStart) return false
  for (let at = start, other = otherStart; at < end; at++, other++) if (bytes[at] !== bytes[other]) return false
  return true
}
