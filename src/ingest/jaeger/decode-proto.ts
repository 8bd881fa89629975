/**
 * Jaeger api_v2 protobuf → the Jaeger model. Reads within the limits; text stays slices of the body.
 *
 *     PostSpansRequest  batch 1
 *     Batch      spans 1  process 2
 *     Span       trace_id bytes 1  span_id bytes 2  operation_name 3  references 4  flags uint32 5  start_time 6  duration 7
 *                tags 8  logs 9  process 10  process_id 11  warnings 12
 *     SpanRef    trace_id bytes 1  span_id bytes 2  ref_type enum 3
 *     KeyValue   key 1  v_type enum 2  v_str 3  v_bool 4  v_int64 5  v_float64 double 6  v_binary 7
 *     Log        timestamp 1  fields 2
 *     Process    service_name 1  tags 2
 *     Timestamp, Duration  seconds int64 1  nanos int32 2
 *
 * Unknown fields, and known ones of another wire type, are skipped. A message that occurs twice is merged, as protobuf
 * wants it. Ids of a wrong width reject their span alone.
 * @see model.proto and collector.proto in jaegertracing/jaeger-idl
 */

import { BridgeError } from '../../errors.ts'
import { keyValue, slice } from '../../otlp/attributes.ts'
import { ProtoReader } from '../../otlp/decode/reader.ts'
import { createKey, type KeyTable } from '../../otlp/keys.ts'
import { type KeyValue, noAttributes, type Text, ValueType } from '../../otlp/model.ts'
import { secondsToNanos, type Words } from '../../otlp/time.ts'
import type { JaegerBatch, JaegerLog, JaegerProcess, JaegerReference, JaegerSpan } from '../../translate/jaeger/model.ts'
import type { DecodeLimits } from '../limits.ts'

/** model.proto's ValueType; not the order of Thrift's. */
const VType = { String: 0, Bool: 1, Int64: 2, Float64: 3, Binary: 4 } as const

/**
 * Fewest bytes of a tag, log or reference that says anything. We read empty ones too, but not more of them in all than
 * could have come with content: 4 MB of empty logs would take 200 MB.
 */
const smallestElement = 5

/** Elements that any batch may have, however small. */
const freeElements = 10_000

/** Different keys of one batch beyond those in the key table: no honest batch has them, and each costs much more than its bytes. */
const maxLooseKeys = 100_000

/** Processes of one batch that are recognised when they come again. */
const rememberedProcesses = 16

const noReferences: readonly JaegerReference[] = []
const noLogs: readonly JaegerLog[] = []
const noWarnings: readonly Text[] = []
const noProcess: JaegerProcess = { serviceName: '', tags: noAttributes }
const emptyKey = createKey('')

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
  const { maxAttributes, maxEvents, maxItems, maxStringBytes } = limits
  const words: Words = { hi: 0, lo: 0 }
  const traceWords = new Int32Array(4)
  const spanWords = new Int32Array(2)
  const startTime: Moment = { seconds: 0, nanos: 0 }
  const duration: Moment = { seconds: 0, nanos: 0 }
  const logTime: Moment = { seconds: 0, nanos: 0 }
  /** Elements of lists that may still come; see {@link smallestElement}. */
  let elementsLeft = 0
  /** Longest key that `usualTag` takes: its length is one byte. */
  const shortKey = Math.min(0x7f, maxStringBytes)
  let processes: { readonly start: number; readonly end: number; readonly process: JaegerProcess }[] = []

  const limit = (reader: ProtoReader, code: 'OB_LIMIT_ITEMS' | 'OB_LIMIT_LENGTH', cause: string): never => {
    throw new BridgeError(code, `cannot read batch: ${cause}`, { place: `byte ${reader.at}` })
  }

  /** Counts fields of one number that stand side by side, the first of whose tags has been read; they are not read. */
  const run = (reader: ProtoReader, tag: number): number => {
    const { bytes, end } = reader
    let { at } = reader
    let count = 1
    while (true) {
      let length = bytes[at++] as number
      if (length > 0x7f) {
        length = (length & 0x7f) | ((bytes[at++] as number) << 7)
        if (length > 0x3fff) length = (length & 0x3fff) | ((bytes[at++] as number) << 14)
        // Longer ones come one by one.
        if (length > 0x1fffff) return count
      }
      at += length
      // Beyond the end bytes are undefined, and every comparison with them is false.
      if (!(at < end) || bytes[at] !== tag) return count
      at++
      count++
    }
  }

  /** Takes `count` elements out of what the batch may have. */
  const spend = (reader: ProtoReader, count: number): void => {
    elementsLeft -= count
    if (elementsLeft < 0) limit(reader, 'OB_LIMIT_LENGTH', 'more tags, logs and references than fit into its bytes')
  }

  /** A list for the fields that begin here, of the right size from the start, or the one there was. @param had fields of the list so far */
  const room = <T>(reader: ProtoReader, tag: number, had: readonly T[], most: number, what: string): T[] => {
    const more = run(reader, tag)
    if (had.length + more > most) limit(reader, 'OB_LIMIT_LENGTH', `${had.length + more} ${what} > limit ${most}`)
    spend(reader, more)
    if (had.length === 0) return new Array<T>(more)
    const list = had.slice() as T[]
    list.length = had.length + more
    return list
  }

  /** End of a string or bytes field. */
  const textEnd = (reader: ProtoReader): number => {
    const end = reader.length()
    if (end - reader.at > maxStringBytes) {
      limit(reader, 'OB_LIMIT_LENGTH', `string of ${end - reader.at} bytes > limit ${maxStringBytes}`)
    }
    return end
  }

  const text = (reader: ProtoReader): Text => {
    const end = textEnd(reader)
    const start = reader.at
    reader.at = end
    return start === end ? '' : slice(reader.bytes, start, end)
  }

  const unknown = (reader: ProtoReader, tag: number): void => {
    if (tag >>> 3 === 0) reader.fail('field number 0')
    reader.skip(tag)
  }

  /** Bounds the reader to the message that begins here; gives back the bound to set again behind it. */
  const open = (reader: ProtoReader): number => {
    const outer = reader.end
    reader.end = reader.length()
    return outer
  }

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

  const tagValue = (
    key: KeyValue['key'],
    vType: number,
    bytes: Uint8Array,
    textStart: number,
    textStop: number,
    boolean: number,
    hi: number,
    lo: number,
  ): KeyValue => {
    switch (vType) {
      case VType.String:
        return keyValue(key, ValueType.Text, textStart, textStop, bytes)
      case VType.Bool:
        return keyValue(key, ValueType.Bool, boolean, 0, null)
      case VType.Int64:
        return keyValue(key, ValueType.Int, hi, lo, null)
      case VType.Float64:
        return keyValue(key, ValueType.Double, hi, lo, null)
      case VType.Binary:
        return keyValue(key, ValueType.Bytes, textStart, textStop, bytes)
      default:
        return keyValue(key, ValueType.Empty, 0, 0, null)
    }
  }

  /** A tag in any layout. Only the value that v_type names counts; with an unknown v_type the last one set. */
  const anyTag = (reader: ProtoReader): KeyValue => {
    const { bytes, view } = reader
    const outer = open(reader)
    const { end } = reader
    let key = emptyKey
    let vType = 0
    let seen = -1
    let textStart = 0
    let textStop = 0
    let binaryStart = 0
    let binaryStop = 0
    let boolean = 0
    let intHi = 0
    let intLo = 0
    let doubleHi = 0
    let doubleLo = 0
    while (reader.at < end) {
      const tag = reader.varint32()
      switch (tag) {
        case 0x0a: {
          const stop = textEnd(reader)
          key = stop === reader.at ? emptyKey : keys.find(bytes, view, reader.at, stop)
          reader.at = stop
          break
        }
        case 0x10:
          vType = reader.varint32() | 0
          break
        case 0x1a:
          textStop = textEnd(reader)
          textStart = reader.at
          reader.at = textStop
          seen = VType.String
          break
        case 0x20:
          reader.varint64(words)
          boolean = (words.hi | words.lo) === 0 ? 0 : 1
          seen = VType.Bool
          break
        case 0x28:
          reader.varint64(words)
          intHi = words.hi
          intLo = words.lo
          seen = VType.Int64
          break
        case 0x31:
          reader.fixed64(words)
          doubleHi = words.hi
          doubleLo = words.lo
          seen = VType.Float64
          break
        case 0x3a:
          binaryStop = textEnd(reader)
          binaryStart = reader.at
          reader.at = binaryStop
          seen = VType.Binary
          break
        default:
          unknown(reader, tag)
      }
    }
    reader.end = outer
    if (vType < 0 || vType > VType.Binary) vType = seen
    if (vType === VType.Binary) return tagValue(key, vType, bytes, binaryStart, binaryStop, 0, 0, 0)
    if (vType === VType.Float64) return tagValue(key, vType, bytes, 0, 0, 0, doubleHi, doubleLo)
    return tagValue(key, vType, bytes, textStart, textStop, boolean, intHi, intLo)
  }

  /**
   * A tag as every serializer lays it out: key, v_type, the one value, defaults left out, and shorter than 16 KiB.
   * Anything else: undefined, and the reader has not moved. Half of a batch's bytes are tags.
   */
  const usualTag = (reader: ProtoReader): KeyValue | undefined => {
    const { bytes, view } = reader
    let at = reader.at
    // Beyond the end of the body bytes are undefined, and every comparison with them is false.
    let length = bytes[at++] as number
    if (length > 0x7f) length = (length & 0x7f) | ((bytes[at++] as number) << 7)
    const end = at + length
    const keyLength = bytes[at + 1] as number
    const keyStart = at + 2
    const keyEnd = keyStart + keyLength
    if (length > 0x3fff || !(end <= reader.end) || bytes[at] !== 0x0a || keyLength === 0 || keyLength > shortKey || !(keyEnd < end)) {
      return undefined
    }
    at = keyEnd + 1
    let vType: number = VType.String
    let header = bytes[keyEnd] as number
    if (header === 0x10) {
      vType = bytes[at] as number
      header = bytes[at + 1] as number
      at += 2
      // What is left out has the zero of its type; the other way reads that.
      if (at >= end) return undefined
    }
    switch (vType) {
      case VType.String:
      case VType.Binary: {
        if (header !== (vType === VType.String ? 0x1a : 0x3a)) return undefined
        let valueBytes = bytes[at++] as number
        if (valueBytes > 0x7f) valueBytes = (valueBytes & 0x7f) | ((bytes[at++] as number) << 7)
        if (at + valueBytes !== end || valueBytes > maxStringBytes) return undefined
        reader.at = end
        const key = keys.find(bytes, view, keyStart, keyEnd)
        return { key, type: vType === VType.String ? ValueType.Text : ValueType.Bytes, a: at, b: end, ref: bytes }
      }
      case VType.Int64: {
        if (header !== 0x28) return undefined
        let a = 0
        let b = bytes[at++] as number
        if (b > 0x7f) {
          b = (b & 0x7f) | ((bytes[at++] as number) << 7)
          if (b > 0x3fff) {
            b = (b & 0x3fff) | ((bytes[at++] as number) << 14)
            if (b > 0x1fffff) {
              const { at: start } = reader
              reader.at = at - 3
              reader.varint64(words)
              at = reader.at
              reader.at = start
              a = words.hi
              b = words.lo
            }
          }
        }
        if (at !== end) return undefined
        reader.at = end
        return { key: keys.find(bytes, view, keyStart, keyEnd), type: ValueType.Int, a, b, ref: null }
      }
      case VType.Bool: {
        if (header !== 0x20 || at + 1 !== end || (bytes[at] as number) > 1) return undefined
        reader.at = end
        return { key: keys.find(bytes, view, keyStart, keyEnd), type: ValueType.Bool, a: bytes[at] as number, b: 0, ref: null }
      }
      case VType.Float64: {
        if (header !== 0x31 || at + 8 !== end) return undefined
        reader.at = end
        const key = keys.find(bytes, view, keyStart, keyEnd)
        return { key, type: ValueType.Double, a: view.getInt32(at + 4, true), b: view.getInt32(at, true), ref: null }
      }
      default:
        return undefined
    }
  }

  /** Tags that stand side by side, after those there are already; the first one's field tag has been read. */
  const tags = (reader: ProtoReader, tag: number, had: readonly KeyValue[], what: string): readonly KeyValue[] => {
    const list = room(reader, tag, had, maxAttributes, what)
    const last = list.length - 1
    for (let i = had.length; i <= last; i++) {
      list[i] = usualTag(reader) ?? anyTag(reader)
      if (i < last) reader.at++
    }
    if (keys.loose > maxLooseKeys) limit(reader, 'OB_LIMIT_LENGTH', `more than ${maxLooseKeys} different keys`)
    return list
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
      else if (tag === 0x12) list = tags(reader, tag, list, 'process tags')
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
    traceWords.fill(0)
    spanWords.fill(0)
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag === 0x0a) traceFits = id(reader, traceWords, 8)
      else if (tag === 0x12) spanFits = id(reader, spanWords, 1)
      else if (tag === 0x18) refType = reader.varint32() | 0
      else unknown(reader, tag)
    }
    reader.end = outer
    // An id that is none is treated as absent: the reference is left out then, and counted.
    if (!traceFits || !spanFits) traceWords.fill(0)
    return {
      refType,
      trace0: traceWords[0] as number,
      trace1: traceWords[1] as number,
      trace2: traceWords[2] as number,
      trace3: traceWords[3] as number,
      span0: spanWords[0] as number,
      span1: spanWords[1] as number,
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
      } else if (tag === 0x12) fields = tags(reader, tag, fields, 'log fields')
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
    while (reader.at < end) {
      const tag = reader.varint32()
      switch (tag) {
        case 0x0a:
          traceFits = id(reader, traceWords, 8)
          trace0 = traceWords[0] as number
          trace1 = traceWords[1] as number
          trace2 = traceWords[2] as number
          trace3 = traceWords[3] as number
          break
        case 0x12:
          spanFits = id(reader, spanWords, 1)
          span0 = spanWords[0] as number
          span1 = spanWords[1] as number
          break
        case 0x1a:
          operationName = text(reader)
          break
        case 0x22: {
          if (references.length >= maxEvents) limit(reader, 'OB_LIMIT_LENGTH', `references > limit ${maxEvents}`)
          spend(reader, 1)
          const one = reference(reader)
          // Nearly always there is one, the parent.
          if (references === noReferences) references = [one]
          else (references as JaegerReference[]).push(one)
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
          tagList = tags(reader, tag, tagList, 'tags')
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
      parent0: 0,
      parent1: 0,
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
    keys.renew()
    processes = []
    elementsLeft = maxItems + Math.max(freeElements, Math.floor(body.length / smallestElement))
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
 * Seconds and nanoseconds as every serializer lays them out: both there, seconds of at most 35 bits. False, and nothing
 * read, when the message is laid out otherwise.
 */
function usualTime(reader: ProtoReader, moment: Moment): boolean {
  const { bytes } = reader
  let at = reader.at
  const length = bytes[at++] as number
  const end = at + length
  // Beyond the end of the body bytes are undefined, and every comparison with them is false.
  if (length < 4 || length > 12 || !(end <= reader.end) || bytes[at++] !== 0x08) return false
  let seconds = bytes[at++] as number
  if (seconds > 0x7f) {
    seconds = (seconds & 0x7f) | ((bytes[at++] as number) << 7)
    if (seconds > 0x3fff) seconds = (seconds & 0x3fff) | ((bytes[at++] as number) << 14)
    if (seconds > 0x1fffff) seconds = (seconds & 0x1fffff) | ((bytes[at++] as number) << 21)
    if (seconds > 0xfffffff) {
      const fifth = bytes[at++] as number
      if (fifth > 0x7f) return false
      seconds = (seconds & 0xfffffff) + fifth * 0x10000000
    }
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
