/**
 * Zipkin v1 Thrift, binary or compact → the Zipkin model. Reads within the limits; text stays slices of the body.
 *
 *     Span              trace_id i64 1  name 3  id i64 4  parent_id i64 5  annotations list 6  binary_annotations list 8
 *                       debug bool 9  timestamp i64 10  duration i64 11  trace_id_high i64 12
 *     Annotation        timestamp i64 1  value 2  host 3
 *     BinaryAnnotation  key 1  value binary 2  annotation_type i32 3  host 4
 *     Endpoint          ipv4 i32 1  port i16 2  service_name 3  ipv6 binary 4
 *
 * Unknown fields, and known ones of another type, are skipped, as generated code does.
 * @see zipkinCore.thrift in openzipkin/zipkin-api
 */

import { BridgeError } from '../../errors.ts'
import { keyValue, slice } from '../../otlp/attributes.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { type Key, type KeyValue, noAttributes, type Text, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import {
  noAnnotations,
  noEndpoint,
  noEndpoints,
  noName,
  type RejectedSpan,
  type ZipkinAnnotation,
  type ZipkinEndpoint,
  type ZipkinSpans,
  type ZipkinV1Span,
} from '../../translate/zipkin/model.ts'
import type { DecodeLimits } from '../limits.ts'
import { BinaryReader, type ThriftReader, ThriftType } from '../thrift.ts'
import { KeyFinder } from './decode-keys.ts'

/** Decodes a list of spans at the reader's place. Throws OB_DECODE_THRIFT and OB_LIMIT_*. */
export type ZipkinThriftDecoder = (reader: ThriftReader) => ZipkinSpans

/** AnnotationType of a BinaryAnnotation. */
const AnnotationType = { Bool: 0, Bytes: 1, I16: 2, I32: 3, I64: 4, Double: 5, String: 6 } as const

const words: Words = { hi: 0, lo: 0 }

/** What one list's reading carries from span to span. */
interface Reading {
  readonly reader: ThriftReader
  readonly isBinary: boolean
  readonly keys: KeyFinder
  readonly names: KeyTable
  readonly limits: DecodeLimits
  /** The last endpoint and the bytes it was read from: v1 repeats it in every annotation. */
  last: ZipkinEndpoint
  lastStart: number
  lastEnd: number
  /** Set by `readBinaryAnnotations`. */
  tags: KeyValue[]
  tagEndpoints: ZipkinEndpoint[]
  clientAddress: ZipkinEndpoint | undefined
  serverAddress: ZipkinEndpoint | undefined
  messageAddress: ZipkinEndpoint | undefined
}

/** @param keys made with `createZipkinRoles` @param names for the names of services */
export function createZipkinThriftDecoder(keys: KeyTable, names: KeyTable, limits: DecodeLimits): ZipkinThriftDecoder {
  const finder = new KeyFinder(keys)
  return (reader) => {
    names.renew()
    finder.open(reader.bytes, reader.view)
    const reading: Reading = {
      reader,
      isBinary: reader instanceof BinaryReader,
      keys: finder,
      names,
      limits,
      last: noEndpoint,
      lastStart: 0,
      lastEnd: 0,
      tags: [],
      tagEndpoints: [],
      clientAddress: undefined,
      serverAddress: undefined,
      messageAddress: undefined,
    }
    try {
      return readList(reading)
    } finally {
      finder.close()
    }
  }
}

function readList(reading: Reading): ZipkinSpans {
  const { reader, keys, limits } = reading
  reader.list()
  const { count } = reader
  if (count > 0 && reader.elementType !== ThriftType.Struct) reader.fail(`a list of type ${reader.elementType}, not of spans`)
  if (count > limits.maxItems) {
    throw new BridgeError('OB_LIMIT_ITEMS', `cannot read spans: ${count} in one request, the limit is ${limits.maxItems}`, {
      place: `byte ${reader.at}`,
    })
  }
  const spans: ZipkinV1Span[] = []
  const rejected: RejectedSpan[] = []
  for (let index = 0; index < count; index++) {
    readSpan(reading, index, spans, rejected)
    keys.check(reader.at)
  }
  return { spans, rejected, notes: { otherVersion: 0, unreadableFields: 0 } }
}

/** A list header of structs; the number of elements. Lists of anything else are skipped and empty. */
function openList(reading: Reading, what: string, limit: number): number {
  const { reader, limits } = reading
  const start = reader.at
  reader.list()
  const { count } = reader
  if (count > limit) {
    throw new BridgeError('OB_LIMIT_LENGTH', `cannot read a span: ${count} ${what}, the limit is ${limit}`, { place: `byte ${start}` })
  }
  if (count > 0 && reader.elementType !== ThriftType.Struct) {
    reader.at = start
    reader.skip(ThriftType.List, limits.maxDepth)
    return 0
  }
  return count
}

/** Bytes of a string or binary field are at `sliceStart` to `sliceEnd`. */
function readBinary({ reader, limits }: Reading): void {
  reader.binary()
  const length = reader.sliceEnd - reader.sliceStart
  if (length > limits.maxStringBytes) {
    throw new BridgeError('OB_LIMIT_LENGTH', `cannot read thrift: a value of ${length} bytes, the limit is ${limits.maxStringBytes}`, {
      place: `byte ${reader.sliceStart}`,
    })
  }
}

function readText(reading: Reading): Text {
  const { reader } = reading
  readBinary(reading)
  return reader.sliceStart === reader.sliceEnd ? '' : slice(reader.bytes, reader.sliceStart, reader.sliceEnd)
}

function readSpan(reading: Reading, index: number, spans: ZipkinV1Span[], rejected: RejectedSpan[]): void {
  const { reader, limits } = reading
  let trace0 = 0
  let trace1 = 0
  let trace2 = 0
  let trace3 = 0
  let span0 = 0
  let span1 = 0
  let parent0 = 0
  let parent1 = 0
  let name: Text = ''
  let timestampHi = 0
  let timestampLo = 0
  let durationHi = 0
  let durationLo = 0
  let annotations: readonly ZipkinAnnotation[] = noAnnotations
  let debug = false
  let binary = false
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
        case 4:
          span0 = hi
          span1 = lo
          break
        case 5:
          parent0 = hi
          parent1 = lo
          break
        case 10:
          // Negative is absent (Z-T4).
          timestampHi = Math.max(hi, 0)
          timestampLo = hi < 0 ? 0 : lo
          break
        case 11:
          durationHi = Math.max(hi, 0)
          durationLo = hi < 0 ? 0 : lo
          break
        case 12:
          trace0 = hi
          trace1 = lo
          break
      }
    } else if (id === 8 && type === ThriftType.List) {
      binary = true
      readBinaryAnnotations(reading)
    } else if (id === 6 && type === ThriftType.List) annotations = readAnnotations(reading)
    else if (id === 3 && type === ThriftType.String) name = readText(reading)
    else if (id === 9 && type === ThriftType.Bool) debug = reader.bool()
    else reader.skip(type, limits.maxDepth)
  }
  if ((trace0 | trace1 | trace2 | trace3) === 0) {
    rejected.push({ index, reason: 'trace_id', text: 'traceId is all zeros' })
    return
  }
  if ((span0 | span1) === 0) {
    rejected.push({ index, reason: 'span_id', text: 'id is all zeros' })
    return
  }
  spans.push({
    version: 1,
    trace0,
    trace1,
    trace2,
    trace3,
    span0,
    span1,
    parent0,
    parent1,
    name,
    timestampHi,
    timestampLo,
    durationHi,
    durationLo,
    annotations,
    tags: binary ? reading.tags : noAttributes,
    debug,
    tagEndpoints: binary ? reading.tagEndpoints : noEndpoints,
    clientAddress: binary ? reading.clientAddress : undefined,
    serverAddress: binary ? reading.serverAddress : undefined,
    messageAddress: binary ? reading.messageAddress : undefined,
  })
}

function readAnnotations(reading: Reading): readonly ZipkinAnnotation[] {
  const { reader, limits } = reading
  const count = openList(reading, 'annotations', limits.maxEvents)
  if (count === 0) return noAnnotations
  const annotations: ZipkinAnnotation[] = []
  for (let i = 0; i < count; i++) {
    let timeHi = 0
    let timeLo = 0
    let value: Text = ''
    let endpoint = noEndpoint
    if (reading.isBinary && reader.at + 11 <= reader.end && reader.view.getInt32(reader.at) >>> 8 === 0x0a0001) {
      const { view, at } = reader
      const valueEnd = usualText(reading, at + 11, 0x0b0002)
      if (valueEnd >= 0) {
        timeHi = view.getInt32(at + 3)
        timeLo = timeHi < 0 ? 0 : view.getInt32(at + 7)
        timeHi = Math.max(timeHi, 0)
        value = valueEnd === at + 18 ? '' : slice(reader.bytes, at + 18, valueEnd)
        reader.at = valueEnd
      }
    }
    for (let id = 0; reader.field(id); ) {
      id = reader.fieldId
      const type = reader.fieldType
      if (id === 1 && type === ThriftType.I64) {
        reader.i64(words)
        timeHi = Math.max(words.hi, 0)
        timeLo = words.hi < 0 ? 0 : words.lo
      } else if (id === 2 && type === ThriftType.String) value = readText(reading)
      else if (id === 3 && type === ThriftType.Struct) endpoint = readEndpoint(reading)
      else reader.skip(type, limits.maxDepth)
    }
    // Without text and host it carries nothing.
    if (value !== '' || endpoint !== noEndpoint) annotations.push({ timeHi, timeLo, value, endpoint })
  }
  return annotations
}

function readBinaryAnnotations(reading: Reading): void {
  const { reader, keys, limits } = reading
  const count = openList(reading, 'binary annotations', limits.maxAttributes)
  keys.begin()
  const tags: KeyValue[] = []
  const tagEndpoints: ZipkinEndpoint[] = []
  reading.tags = tags
  reading.tagEndpoints = tagEndpoints
  reading.clientAddress = undefined
  reading.serverAddress = undefined
  reading.messageAddress = undefined
  for (let i = 0; i < count; i++) {
    let key = noName
    let start = 0
    let end = 0
    let annotationType: number = AnnotationType.Bool
    let endpoint = noEndpoint
    if (reading.isBinary) {
      // Key, value and type in this order, as generated code writes them; the loop reads on from wherever this ends.
      const { view, at } = reader
      const keyEnd = usualText(reading, at, 0x0b0001)
      const valueEnd = keyEnd < 0 ? -1 : usualText(reading, keyEnd, 0x0b0002)
      if (valueEnd >= 0 && valueEnd + 8 <= reader.end && view.getInt32(valueEnd) >>> 8 === 0x080003) {
        key = keys.find(at + 7, keyEnd)
        start = keyEnd + 7
        end = valueEnd
        annotationType = view.getInt32(valueEnd + 3)
        reader.at = valueEnd + 7
      }
    }
    for (let id = 0; reader.field(id); ) {
      id = reader.fieldId
      const type = reader.fieldType
      if (id === 1 && type === ThriftType.String) {
        readBinary(reading)
        key = keys.find(reader.sliceStart, reader.sliceEnd)
      } else if (id === 2 && type === ThriftType.String) {
        readBinary(reading)
        start = reader.sliceStart
        end = reader.sliceEnd
      } else if (id === 3 && type === ThriftType.I32) annotationType = reader.i32()
      else if (id === 4 && type === ThriftType.Struct) endpoint = readEndpoint(reading)
      else reader.skip(type, limits.maxDepth)
    }
    if (key === noName && start === end) continue
    if (key.text.length === 2 && isAddress(reading, key, annotationType, start, end, endpoint)) continue
    tags.push(
      annotationType === AnnotationType.String
        ? keyValue(key, ValueType.Text, start, end, reader.bytes)
        : typedValue(reader, key, annotationType, start, end),
    )
    tagEndpoints.push(endpoint)
  }
}

/** End of a text of the binary protocol whose field header is at `at`; −1 when another field is there, or the text is not within bounds. */
function usualText({ reader, limits }: Reading, at: number, header: number): number {
  const { view, end } = reader
  if (at + 7 > end || view.getInt32(at) >>> 8 !== header) return -1
  const length = view.getInt32(at + 3)
  return length < 0 || length > end - at - 7 || length > limits.maxStringBytes ? -1 : at + 7 + length
}

/** True for `ca`, `sa` and `ma`, which are addresses when they are booleans or the text `true`. */
function isAddress(reading: Reading, key: Key, type: number, start: number, end: number, endpoint: ZipkinEndpoint): boolean {
  const { text } = key
  if (text !== 'ca' && text !== 'sa' && text !== 'ma') return false
  if (type !== AnnotationType.Bool && !(type === AnnotationType.String && isTrueText(reading.reader.view, start, end))) return false
  if (endpoint === noEndpoint) return true
  if (text === 'ca') reading.clientAddress = endpoint
  else if (text === 'sa') reading.serverAddress = endpoint
  else reading.messageAddress = endpoint
  return true
}

function isTrueText(view: DataView, start: number, end: number): boolean {
  return end - start === 4 && view.getInt32(start) === 0x74727565
}

/** Values are big-endian; one whose width is not its type's, or whose type is unknown, is kept as bytes. */
function typedValue(reader: ThriftReader, key: Key, type: number, start: number, end: number): KeyValue {
  const { view, bytes } = reader
  switch (end - start) {
    case 1:
      if (type === AnnotationType.Bool) return keyValue(key, ValueType.Bool, bytes[start] === 1 ? 1 : 0, 0, null)
      break
    case 2:
      if (type === AnnotationType.I16) return intOfWord(key, view.getInt16(start))
      break
    case 4:
      if (type === AnnotationType.I32) return intOfWord(key, view.getInt32(start))
      break
    case 8:
      if (type === AnnotationType.I64) return keyValue(key, ValueType.Int, view.getInt32(start), view.getInt32(start + 4), null)
      if (type === AnnotationType.Double) return keyValue(key, ValueType.Double, view.getInt32(start), view.getInt32(start + 4), null)
      break
  }
  return keyValue(key, ValueType.Bytes, start, end, bytes)
}

function intOfWord(key: Key, value: number): KeyValue {
  return keyValue(key, ValueType.Int, value >> 31, value, null)
}

function readEndpoint(reading: Reading): ZipkinEndpoint {
  const { reader, limits, names } = reading
  if (isLast(reading)) {
    reader.at += reading.lastEnd - reading.lastStart
    return reading.last
  }
  const structStart = reader.at
  let serviceName = noName
  let ipv4Word = 0
  let ipv6: Text = ''
  let ipv6Bytes: ZipkinEndpoint['ipv6Bytes']
  let port = 0
  for (let id = 0; reader.field(id); ) {
    id = reader.fieldId
    const type = reader.fieldType
    if (id === 1 && type === ThriftType.I32) ipv4Word = reader.i32()
    else if (id === 2 && type === ThriftType.I16) port = reader.i16() & 0xffff
    else if (id === 3 && type === ThriftType.String) {
      readBinary(reading)
      serviceName =
        reader.sliceStart === reader.sliceEnd ? noName : names.find(reader.bytes, reader.view, reader.sliceStart, reader.sliceEnd)
    } else if (id === 4 && type === ThriftType.String) {
      ipv6 = readText(reading)
      ipv6Bytes = undefined
      if (typeof ipv6 !== 'string') {
        const length = ipv6.end - ipv6.start
        if (length === 16 && !isText(reader, ipv6.start, ipv6.end)) {
          ipv6Bytes = ipv6
          ipv6 = ''
        } else if (length === 4 && ipv4Word === 0) {
          ipv4Word = reader.view.getInt32(ipv6.start)
          ipv6 = ''
        }
      }
    } else reader.skip(type, limits.maxDepth)
  }
  const endpoint: ZipkinEndpoint = { serviceName, ipv4: '', ipv6, ipv4Word, ipv6Bytes, port }
  reading.last = endpoint
  reading.lastStart = structStart
  reading.lastEnd = reader.at
  return endpoint
}

/** 16 bytes may be the text of an address too (`2001:db8::c001:10`): then they hold nothing but hex digits and colons. */
function isText(reader: ThriftReader, start: number, end: number): boolean {
  let colons = 0
  for (let at = start; at < end; at++) {
    const byte = reader.bytes[at] as number
    const lower = byte | 0x20
    if (byte === 0x3a) colons++
    else if (byte !== 0x2e && !(byte >= 0x30 && byte <= 0x39) && !(lower >= 0x61 && lower <= 0x66)) return false
  }
  return colons >= 2
}

/** True when the struct at the reader's place has the bytes of the last endpoint. */
function isLast({ reader, lastStart, lastEnd }: Reading): boolean {
  const length = lastEnd - lastStart
  const { view, bytes, at } = reader
  if (length === 0 || at + length > reader.end) return false
  let i = length - 4
  for (; i >= 0; i -= 4) if (view.getInt32(lastStart + i, true) !== view.getInt32(at + i, true)) return false
  for (i += 3; i >= 0; i--) if (bytes[lastStart + i] !== bytes[at + i]) return false
  return true
}
