/**
 * Jaeger Thrift, binary or compact → the Jaeger model. Reads within the limits; text stays slices of the body.
 *
 *     Batch      process 1  spans 2  seqNo 3  stats 4
 *     Process    serviceName 1  tags 2
 *     Span       traceIdLow 1  traceIdHigh 2  spanId 3  parentSpanId 4  operationName 5  references 6  flags 7
 *                startTime 8  duration 9  tags 10  logs 11
 *     SpanRef    refType 1  traceIdLow 2  traceIdHigh 3  spanId 4
 *     Log        timestamp 1  fields 2
 *     Tag        key 1  vType 2  vStr 3  vDouble 4  vBool 5  vLong 6  vBinary 7
 *     ClientStats  fullQueueDroppedSpans 1  tooLargeDroppedSpans 2  failedToEmitSpans 3
 *
 * A field of another type than the IDL's is skipped, as generated code does. Missing ids are zero and the translator
 * rejects that span alone.
 */

import { BridgeError } from '../../errors.ts'
import { createKey, type KeyTable } from '../../otlp/keys.ts'
import { type Key, type KeyValue, noAttributes, type Text, ValueType } from '../../otlp/model.ts'
import { toSignedBigInt, type Words } from '../../otlp/time.ts'
import type { JaegerBatch, JaegerClientStats, JaegerLog, JaegerProcess, JaegerReference, JaegerSpan } from '../../translate/jaeger/model.ts'
import type { DecodeLimits } from '../limits.ts'
import { BinaryReader, type ThriftReader, ThriftType } from '../thrift.ts'

/** Thrift's TagType. */
const TagType = { String: 0, Double: 1, Bool: 2, Long: 3, Binary: 4 } as const

/**
 * Fewest bytes of a tag, log or reference that has the fields its IDL requires. We read elements without them, down to a
 * single byte, but not more of them in all than could have come whole: 20 MB of empty logs would take 3 GB.
 */
const smallestElement = { binary: 15, compact: 5 } as const

/** Elements that any batch may have, however small. */
const freeElements = 10_000

/** Different keys of one batch beyond those in the key table: no honest batch has them, and each costs much more than its bytes. */
const maxLooseKeys = 100_000

const noReferences: readonly JaegerReference[] = []
const noLogs: readonly JaegerLog[] = []
const noWarnings: readonly Text[] = []
const emptyKey = createKey('')

/** Reads a `Batch` struct at the reader's place; leaves the reader behind it. Throws OB_DECODE_THRIFT and OB_LIMIT_*. */
export type ThriftBatchDecoder = (reader: ThriftReader) => JaegerBatch

/** Creates the decoder; `keys` is made with `jaegerRoleOf` and kept between batches, of which only one is in use at a time. */
export function createThriftBatchDecoder(keys: KeyTable, limits: DecodeLimits): ThriftBatchDecoder {
  const words: Words = { hi: 0, lo: 0 }
  const { maxAttributes, maxDepth, maxEvents, maxItems, maxStringBytes } = limits
  /** Elements of lists that may still come; see {@link smallestElement}. */
  let elementsLeft = 0
  /** Longest key or text that `usualCompactTag` takes: its length is one byte. */
  const shortText = Math.min(0x7f, maxStringBytes)

  const count = (reader: ThriftReader, limit: number, what: string): number => {
    reader.list()
    if (reader.count > 0 && reader.elementType !== ThriftType.Struct) reader.fail(`${what} of type ${reader.elementType}`)
    if (reader.count > limit) {
      const code = what === 'spans' ? 'OB_LIMIT_ITEMS' : 'OB_LIMIT_LENGTH'
      throw new BridgeError(code, `cannot read batch: ${reader.count} ${what} > limit ${limit}`, { place: `byte ${reader.at}` })
    }
    elementsLeft -= reader.count
    if (elementsLeft < 0) {
      throw new BridgeError('OB_LIMIT_LENGTH', 'cannot read batch: more tags, logs and references than fit into its bytes', {
        place: `byte ${reader.at}`,
      })
    }
    return reader.count
  }

  const binary = (reader: ThriftReader): void => {
    reader.binary()
    if (reader.sliceEnd - reader.sliceStart > maxStringBytes) {
      throw new BridgeError(
        'OB_LIMIT_LENGTH',
        `cannot read batch: string of ${reader.sliceEnd - reader.sliceStart} bytes > limit ${maxStringBytes}`,
        {
          place: `byte ${reader.sliceStart}`,
        },
      )
    }
  }

  const text = (reader: ThriftReader): Text => {
    binary(reader)
    return { source: reader.bytes, start: reader.sliceStart, end: reader.sliceEnd }
  }

  const tag = (reader: ThriftReader): KeyValue => {
    let key: Key = emptyKey
    let vType = -1
    // Only the value that vType names counts; the others, should a client send them, are read and forgotten.
    let textStart = 0
    let textEnd = 0
    let binaryStart = 0
    let binaryEnd = 0
    let boolean = 0
    let doubleHi = 0
    let doubleLo = 0
    let longHi = 0
    let longLo = 0
    let seen = -1
    for (let id = 0; reader.field(id); ) {
      id = reader.fieldId
      const type = reader.fieldType
      if (id === 1 && type === ThriftType.String) {
        binary(reader)
        key = keys.find(reader.bytes, reader.view, reader.sliceStart, reader.sliceEnd)
      } else if (id === 2 && type === ThriftType.I32) {
        vType = reader.i32()
      } else if (id === 3 && type === ThriftType.String) {
        binary(reader)
        textStart = reader.sliceStart
        textEnd = reader.sliceEnd
        seen = TagType.String
      } else if (id === 6 && type === ThriftType.I64) {
        reader.i64(words)
        longHi = words.hi
        longLo = words.lo
        seen = TagType.Long
      } else if (id === 5 && type === ThriftType.Bool) {
        boolean = reader.bool() ? 1 : 0
        seen = TagType.Bool
      } else if (id === 4 && type === ThriftType.Double) {
        reader.double(words)
        doubleHi = words.hi
        doubleLo = words.lo
        seen = TagType.Double
      } else if (id === 7 && type === ThriftType.String) {
        binary(reader)
        binaryStart = reader.sliceStart
        binaryEnd = reader.sliceEnd
        seen = TagType.Binary
      } else {
        reader.skip(type, maxDepth)
      }
    }
    if (vType < 0 || vType > TagType.Binary) vType = seen
    switch (vType) {
      case TagType.String:
        return { key, type: ValueType.Text, a: textStart, b: textEnd, ref: reader.bytes }
      case TagType.Long:
        return { key, type: ValueType.Int, a: longHi, b: longLo, ref: null }
      case TagType.Bool:
        return { key, type: ValueType.Bool, a: boolean, b: 0, ref: null }
      case TagType.Double:
        return { key, type: ValueType.Double, a: doubleHi, b: doubleLo, ref: null }
      case TagType.Binary:
        return { key, type: ValueType.Bytes, a: binaryStart, b: binaryEnd, ref: reader.bytes }
      default:
        return { key, type: ValueType.Empty, a: 0, b: 0, ref: null }
    }
  }

  /**
   * A tag as every generated binary writer lays it out: key, vType, the one value, stop. Anything else: undefined, and
   * the reader has not moved. Half of a batch's bytes are tags, and this reads one with four loads instead of twelve.
   */
  const usualBinaryTag = (reader: BinaryReader): KeyValue | undefined => {
    const { bytes, view, end } = reader
    const start = reader.at
    // Ids and types of two fields and the stop: 7 + key + 7 + 3 + value + 1, of which the smallest value has 1 byte.
    if (end - start < 19 || view.getInt32(start) >>> 8 !== 0x0b0001) return undefined
    const keyLength = view.getInt32(start + 3)
    if (keyLength < 0 || keyLength > maxStringBytes || keyLength > end - start - 19) return undefined
    const keyEnd = start + 7 + keyLength
    if (view.getInt32(keyEnd) >>> 8 !== 0x080002) return undefined
    const vType = view.getInt32(keyEnd + 3)
    const header = view.getInt32(keyEnd + 7) >>> 8
    const at = keyEnd + 10
    switch (vType) {
      case TagType.String:
      case TagType.Binary: {
        if (header !== (vType === TagType.String ? 0x0b0003 : 0x0b0007) || end - at < 5) return undefined
        const length = view.getInt32(at)
        if (length < 0 || length > maxStringBytes || length > end - at - 5) return undefined
        const valueEnd = at + 4 + length
        if (bytes[valueEnd] !== ThriftType.Stop) return undefined
        reader.at = valueEnd + 1
        const key = keys.find(bytes, view, start + 7, keyEnd)
        return { key, type: vType === TagType.String ? ValueType.Text : ValueType.Bytes, a: at + 4, b: valueEnd, ref: bytes }
      }
      case TagType.Long:
      case TagType.Double: {
        if (header !== (vType === TagType.Long ? 0x0a0006 : 0x040004) || end - at < 9 || bytes[at + 8] !== ThriftType.Stop) return undefined
        reader.at = at + 9
        const key = keys.find(bytes, view, start + 7, keyEnd)
        const type = vType === TagType.Long ? ValueType.Int : ValueType.Double
        return { key, type, a: view.getInt32(at), b: view.getInt32(at + 4), ref: null }
      }
      case TagType.Bool: {
        if (header !== 0x020005 || end - at < 2 || bytes[at + 1] !== ThriftType.Stop) return undefined
        reader.at = at + 2
        const key = keys.find(bytes, view, start + 7, keyEnd)
        return { key, type: ValueType.Bool, a: bytes[at] === 0 ? 0 : 1, b: 0, ref: null }
      }
      default:
        return undefined
    }
  }

  /** The same for the compact protocol, where key and text are below 128 bytes; longer ones take the other way. */
  const usualCompactTag = (reader: ThriftReader): KeyValue | undefined => {
    const { bytes, view, end } = reader
    const start = reader.at
    const keyLength = bytes[start + 1] as number
    const keyEnd = start + 2 + keyLength
    if (keyEnd + 4 >= end || bytes[start] !== 0x18 || keyLength > shortText || bytes[keyEnd] !== 0x15) return undefined
    const header = bytes[keyEnd + 2] as number
    const at = keyEnd + 3
    // vType is zig-zag: twice the number; the value's header holds the distance of its id from vType's
    switch (bytes[keyEnd + 1]) {
      case TagType.String * 2: {
        const length = bytes[at] as number
        const valueEnd = at + 1 + length
        if (header !== 0x18 || length > shortText || valueEnd >= end || bytes[valueEnd] !== ThriftType.Stop) return undefined
        reader.at = valueEnd + 1
        return { key: keys.find(bytes, view, start + 2, keyEnd), type: ValueType.Text, a: at + 1, b: valueEnd, ref: bytes }
      }
      case TagType.Bool * 2: {
        if ((header !== 0x31 && header !== 0x32) || bytes[at] !== ThriftType.Stop) return undefined
        reader.at = at + 1
        return { key: keys.find(bytes, view, start + 2, keyEnd), type: ValueType.Bool, a: header === 0x31 ? 1 : 0, b: 0, ref: null }
      }
      case TagType.Long * 2: {
        if (header !== 0x46) return undefined
        reader.at = at
        reader.i64(words)
        if (reader.at >= end || bytes[reader.at] !== ThriftType.Stop) {
          reader.at = start
          return undefined
        }
        reader.at++
        return { key: keys.find(bytes, view, start + 2, keyEnd), type: ValueType.Int, a: words.hi, b: words.lo, ref: null }
      }
      default:
        return undefined
    }
  }

  const tags = (reader: ThriftReader, what: string): readonly KeyValue[] => {
    const length = count(reader, maxAttributes, what)
    if (length === 0) return noAttributes
    const list = new Array<KeyValue>(length)
    if (reader instanceof BinaryReader) {
      for (let i = 0; i < length; i++) list[i] = usualBinaryTag(reader) ?? tag(reader)
    } else {
      for (let i = 0; i < length; i++) list[i] = usualCompactTag(reader) ?? tag(reader)
    }
    if (keys.loose > maxLooseKeys) {
      throw new BridgeError('OB_LIMIT_LENGTH', `cannot read batch: more than ${maxLooseKeys} different keys`, {
        place: `byte ${reader.at}`,
      })
    }
    return list
  }

  const process = (reader: ThriftReader): JaegerProcess => {
    let serviceName: Text = ''
    let list = noAttributes
    for (let id = 0; reader.field(id); ) {
      id = reader.fieldId
      if (id === 1 && reader.fieldType === ThriftType.String) serviceName = text(reader)
      else if (id === 2 && reader.fieldType === ThriftType.List) list = tags(reader, 'process tags')
      else reader.skip(reader.fieldType, maxDepth)
    }
    return { serviceName, tags: list }
  }

  const reference = (reader: ThriftReader): JaegerReference => {
    let refType = 0
    let trace0 = 0
    let trace1 = 0
    let trace2 = 0
    let trace3 = 0
    let span0 = 0
    let span1 = 0
    for (let id = 0; reader.field(id); ) {
      id = reader.fieldId
      if (id === 1 && reader.fieldType === ThriftType.I32) refType = reader.i32()
      else if (id >= 2 && id <= 4 && reader.fieldType === ThriftType.I64) {
        reader.i64(words)
        if (id === 2) {
          trace2 = words.hi
          trace3 = words.lo
        } else if (id === 3) {
          trace0 = words.hi
          trace1 = words.lo
        } else {
          span0 = words.hi
          span1 = words.lo
        }
      } else reader.skip(reader.fieldType, maxDepth)
    }
    return { refType, trace0, trace1, trace2, trace3, span0, span1 }
  }

  const log = (reader: ThriftReader): JaegerLog => {
    let timeHi = 0
    let timeLo = 0
    let fields = noAttributes
    for (let id = 0; reader.field(id); ) {
      id = reader.fieldId
      if (id === 1 && reader.fieldType === ThriftType.I64) {
        reader.i64(words)
        timeHi = words.hi
        timeLo = words.lo
      } else if (id === 2 && reader.fieldType === ThriftType.List) fields = tags(reader, 'log fields')
      else reader.skip(reader.fieldType, maxDepth)
    }
    return { timeHi, timeLo, fields }
  }

  const references = (reader: ThriftReader): readonly JaegerReference[] => {
    const length = count(reader, maxEvents, 'references')
    const list = new Array<JaegerReference>(length)
    for (let i = 0; i < length; i++) list[i] = reference(reader)
    return list
  }

  const logs = (reader: ThriftReader): readonly JaegerLog[] => {
    const length = count(reader, maxEvents, 'logs')
    const list = new Array<JaegerLog>(length)
    for (let i = 0; i < length; i++) list[i] = log(reader)
    return list
  }

  const span = (reader: ThriftReader): JaegerSpan => {
    let trace0 = 0
    let trace1 = 0
    let trace2 = 0
    let trace3 = 0
    let span0 = 0
    let span1 = 0
    let parent0 = 0
    let parent1 = 0
    let operationName: Text = ''
    let refs = noReferences
    let flags = 0
    let startHi = 0
    let startLo = 0
    let durationHi = 0
    let durationLo = 0
    let tagList = noAttributes
    let logList = noLogs
    for (let id = 0; reader.field(id); ) {
      id = reader.fieldId
      const type = reader.fieldType
      if (type === ThriftType.I64) {
        reader.i64(words)
        const { hi, lo } = words
        switch (id) {
          case 1:
            trace2 = hi
            trace3 = lo
            break
          case 2:
            trace0 = hi
            trace1 = lo
            break
          case 3:
            span0 = hi
            span1 = lo
            break
          case 4:
            parent0 = hi
            parent1 = lo
            break
          case 8:
            startHi = hi
            startLo = lo
            break
          case 9:
            durationHi = hi
            durationLo = lo
            break
        }
      } else if (id === 5 && type === ThriftType.String) operationName = text(reader)
      else if (id === 7 && type === ThriftType.I32) flags = reader.i32()
      else if (id === 10 && type === ThriftType.List) tagList = tags(reader, 'tags')
      else if (id === 11 && type === ThriftType.List) logList = logs(reader)
      else if (id === 6 && type === ThriftType.List) refs = references(reader)
      else reader.skip(type, maxDepth)
    }
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
      references: refs,
      flags,
      startHi,
      startLo,
      durationHi,
      durationLo,
      tags: tagList,
      logs: logList,
      process: undefined,
      warnings: noWarnings,
      invalid: undefined,
    }
  }

  const stats = (reader: ThriftReader): JaegerClientStats => {
    let fullQueueDroppedSpans = 0n
    let tooLargeDroppedSpans = 0n
    let failedToEmitSpans = 0n
    for (let id = 0; reader.field(id); ) {
      id = reader.fieldId
      if (id >= 1 && id <= 3 && reader.fieldType === ThriftType.I64) {
        reader.i64(words)
        const value = toSignedBigInt(words.hi, words.lo)
        if (id === 1) fullQueueDroppedSpans = value
        else if (id === 2) tooLargeDroppedSpans = value
        else failedToEmitSpans = value
      } else reader.skip(reader.fieldType, maxDepth)
    }
    return { fullQueueDroppedSpans, tooLargeDroppedSpans, failedToEmitSpans }
  }

  return (reader) => {
    keys.renew()
    const smallest = reader instanceof BinaryReader ? smallestElement.binary : smallestElement.compact
    elementsLeft = maxItems + Math.max(freeElements, Math.floor(reader.end / smallest))
    let batchProcess: JaegerProcess | undefined
    let spans: readonly JaegerSpan[] | undefined
    let seqNo: bigint | undefined
    let clientStats: JaegerClientStats | undefined
    for (let id = 0; reader.field(id); ) {
      id = reader.fieldId
      if (id === 1 && reader.fieldType === ThriftType.Struct) batchProcess = process(reader)
      else if (id === 2 && reader.fieldType === ThriftType.List) {
        const length = count(reader, maxItems, 'spans')
        const list = new Array<JaegerSpan>(length)
        for (let i = 0; i < length; i++) list[i] = span(reader)
        spans = list
      } else if (id === 3 && reader.fieldType === ThriftType.I64) {
        reader.i64(words)
        seqNo = toSignedBigInt(words.hi, words.lo)
      } else if (id === 4 && reader.fieldType === ThriftType.Struct) clientStats = stats(reader)
      else reader.skip(reader.fieldType, maxDepth)
    }
    // What is no Batch at all (a bare list, a compact body) mostly reads as a struct without this field.
    if (spans === undefined) return reader.fail('required field Spans is not set')
    return { nanosPerTick: 1000, process: batchProcess, spans, seqNo, stats: clientStats }
  }
}
