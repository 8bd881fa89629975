/**
 * Zipkin proto3 `ListOfSpans` → the Zipkin model. Text stays slices of the body.
 *
 *     ListOfSpans  spans 1
 *     Span         trace_id bytes 1  parent_id bytes 2  id bytes 3  kind enum 4  name 5  timestamp fixed64 6  duration uint64 7
 *                  local_endpoint 8  remote_endpoint 9  annotations 10  tags map 11  debug 12  shared 13
 *     Endpoint     service_name 1  ipv4 bytes 2  ipv6 bytes 3  port int32 4
 *     Annotation   timestamp fixed64 1  value 2
 *     TagsEntry    key 1  value 2
 *
 * Unknown fields, and known ones of another wire type, are skipped. A message that occurs twice counts by its last.
 * @see zipkin.proto in openzipkin/zipkin-api
 */

import { BridgeError } from '../../errors.ts'
import { keyValue, slice } from '../../otlp/attributes.ts'
import { ProtoReader } from '../../otlp/decode/reader.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { type KeyValue, noAttributes, SpanKind, type Text, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import {
  noAnnotations,
  noEndpoint,
  noName,
  type RejectedSpan,
  type ZipkinAnnotation,
  type ZipkinEndpoint,
  type ZipkinSpan,
  type ZipkinSpans,
} from '../../translate/zipkin/model.ts'
import type { DecodeLimits } from '../limits.ts'
import { KeyFinder } from './decode-keys.ts'

/** Decodes a list of spans. Throws OB_DECODE_PROTO and OB_LIMIT_*. An empty body is an empty list. */
export type ZipkinProtoDecoder = (body: Uint8Array) => ZipkinSpans

const words: Words = { hi: 0, lo: 0 }
const traceWords = new Int32Array(4)
const spanWords = new Int32Array(2)

/** Span.Kind: 1 client, 2 server, 3 producer, 4 consumer. */
const kinds = [SpanKind.Unspecified, SpanKind.Client, SpanKind.Server, SpanKind.Producer, SpanKind.Consumer] as const

/** @param keys made with `createZipkinRoles` @param names for the names of services */
export function createZipkinProtoDecoder(keys: KeyTable, names: KeyTable, limits: DecodeLimits): ZipkinProtoDecoder {
  const finder = new KeyFinder(keys)
  return (body) => {
    names.renew()
    const reader = new ProtoReader(body)
    finder.open(reader.bytes, reader.view)
    try {
      return readList(reader, finder, names, limits)
    } finally {
      finder.close()
    }
  }
}

function readList(reader: ProtoReader, keys: KeyFinder, names: KeyTable, limits: DecodeLimits): ZipkinSpans {
  const spans: ZipkinSpan[] = []
  const rejected: RejectedSpan[] = []
  let index = 0
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if (tag !== 0x0a) {
      if (tag >>> 3 === 0) reader.fail('field number 0')
      reader.skip(tag)
      continue
    }
    if (index >= limits.maxItems) {
      throw new BridgeError('OB_LIMIT_ITEMS', `cannot read spans: more than ${limits.maxItems} in one request`, {
        place: `byte ${reader.at}`,
      })
    }
    readSpan(reader, reader.length(), index++, keys, names, limits, spans, rejected)
    keys.check(reader.at)
  }
  return { spans, rejected, notes: { otherVersion: 0, unreadableFields: 0 } }
}

function tooMany(reader: ProtoReader, what: string, limit: number): never {
  throw new BridgeError('OB_LIMIT_LENGTH', `cannot read a span: more than ${limit} ${what}`, { place: `byte ${reader.at}` })
}

/** End of a string or bytes field. */
function textEnd(reader: ProtoReader, limits: DecodeLimits): number {
  const end = reader.length()
  if (end - reader.at > limits.maxStringBytes) {
    throw new BridgeError(
      'OB_LIMIT_LENGTH',
      `cannot read protobuf: a value of ${end - reader.at} bytes, the limit is ${limits.maxStringBytes}`,
      {
        place: `byte ${reader.at}`,
      },
    )
  }
  return end
}

function readText(reader: ProtoReader, limits: DecodeLimits): Text {
  const end = textEnd(reader, limits)
  const start = reader.at
  reader.at = end
  return start === end ? '' : slice(reader.bytes, start, end)
}

/** 1: fine, words in `out`, left-padded. 0: all zero. −1: empty or too long. */
function readId(reader: ProtoReader, out: Int32Array): number {
  const end = reader.length()
  const { at: start, bytes } = reader
  reader.at = end
  const count = out.length
  if (end === start || end - start > count * 4) return -1
  let any = 0
  if (end - start === count * 4) {
    for (let i = 0; i < count; i++) any |= out[i] = reader.view.getInt32(start + i * 4)
    return any === 0 ? 0 : 1
  }
  let at = end
  for (let word = count - 1; word >= 0; word--) {
    let value = 0
    for (let shift = 0; shift < 32 && at > start; shift += 8) value |= (bytes[--at] as number) << shift
    out[word] = value
    any |= value
  }
  return any === 0 ? 0 : 1
}

/** Takes the length of an empty field; state 0: no id. */
function skipEmpty(reader: ProtoReader): number {
  reader.at = reader.length()
  return 0
}

function rejection(index: number, trace: number, id: number, parent: number): RejectedSpan {
  const text = (field: string, state: number): string =>
    state === -2 ? `Missing : ${field}` : state === 0 ? `${field} is all zeros` : `Invalid length of ${field}`
  if (trace !== 1) return { index, reason: 'trace_id', text: text('traceId', trace) }
  if (id !== 1) return { index, reason: 'span_id', text: text('id', id) }
  return { index, reason: 'parent_id', text: text('parentId', parent) }
}

function readSpan(
  reader: ProtoReader,
  end: number,
  index: number,
  keys: KeyFinder,
  names: KeyTable,
  limits: DecodeLimits,
  spans: ZipkinSpan[],
  rejected: RejectedSpan[],
): void {
  const outer = reader.end
  reader.end = end
  keys.begin()
  let trace = -2
  let trace0 = 0
  let trace1 = 0
  let trace2 = 0
  let trace3 = 0
  let id = -2
  let span0 = 0
  let span1 = 0
  let parent = 0
  let parent0 = 0
  let parent1 = 0
  let name: Text = ''
  let kind: number = SpanKind.Unspecified
  let kindWord: Text = ''
  let timestampHi = 0
  let timestampLo = 0
  let durationHi = 0
  let durationLo = 0
  let localEndpoint = noEndpoint
  let remoteEndpoint = noEndpoint
  let annotations: ZipkinAnnotation[] | undefined
  let tags: KeyValue[] | undefined
  let debug = false
  let shared = false
  while (reader.at < end) {
    const tag = reader.varint32()
    switch (tag) {
      case 0x5a:
        tags ??= []
        if (tags.length >= limits.maxAttributes) tooMany(reader, 'tags', limits.maxAttributes)
        if (!readUsualTag(reader, keys, limits, tags)) readTag(reader, keys, limits, tags)
        break
      case 0x0a:
        trace = readId(reader, traceWords)
        trace0 = traceWords[0] as number
        trace1 = traceWords[1] as number
        trace2 = traceWords[2] as number
        trace3 = traceWords[3] as number
        break
      case 0x12:
        // Empty is absent, as with every proto3 field.
        parent = reader.bytes[reader.at] === 0 ? skipEmpty(reader) : readId(reader, spanWords)
        parent0 = parent === 1 ? (spanWords[0] as number) : 0
        parent1 = parent === 1 ? (spanWords[1] as number) : 0
        break
      case 0x1a:
        id = readId(reader, spanWords)
        span0 = spanWords[0] as number
        span1 = spanWords[1] as number
        break
      case 0x20: {
        const number = reader.varint32()
        const known = kinds[number]
        kind = known ?? SpanKind.Unspecified
        kindWord = known === undefined ? String(number | 0) : ''
        break
      }
      case 0x2a:
        name = readText(reader, limits)
        break
      case 0x31:
        reader.fixed64(words)
        timestampHi = words.hi
        timestampLo = words.lo
        break
      case 0x38:
        reader.varint64(words)
        durationHi = words.hi
        durationLo = words.lo
        break
      case 0x42:
        localEndpoint = readEndpoint(reader, names, limits)
        break
      case 0x4a:
        remoteEndpoint = readEndpoint(reader, names, limits)
        break
      case 0x52:
        annotations ??= []
        if (annotations.length >= limits.maxEvents) tooMany(reader, 'annotations', limits.maxEvents)
        readAnnotation(reader, limits, annotations)
        break
      case 0x60:
        debug = reader.varint32() !== 0
        break
      case 0x68:
        shared = reader.varint32() !== 0
        break
      default:
        if (tag >>> 3 === 0) reader.fail('field number 0')
        reader.skip(tag)
    }
  }
  reader.end = outer
  if (trace !== 1 || id !== 1 || parent === -1) {
    rejected.push(rejection(index, trace, id, parent))
    return
  }
  spans.push({
    version: 2,
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
    annotations: annotations ?? noAnnotations,
    tags: tags ?? noAttributes,
    debug,
    kind,
    kindWord,
    localEndpoint,
    remoteEndpoint,
    shared,
  })
}

/**
 * A tag as every serializer writes it: key, then value, lengths of at most two bytes. False, and nothing read, when it is
 * laid out otherwise.
 */
function readUsualTag(reader: ProtoReader, keys: KeyFinder, limits: DecodeLimits, tags: KeyValue[]): boolean {
  const { bytes } = reader
  let at = reader.at
  // Beyond the end of the body bytes are undefined, and every comparison with them is false.
  let length = bytes[at++] as number
  if (length > 0x7f) length = (length & 0x7f) | ((bytes[at++] as number) << 7)
  const end = at + length
  const keyStart = at + 2
  const keyEnd = keyStart + (bytes[at + 1] as number)
  if (!(end <= reader.end) || length > 0x3fff || bytes[at] !== 0x0a || !(keyEnd - keyStart < 0x80) || bytes[keyEnd] !== 0x12) return false
  at = keyEnd + 1
  let valueBytes = bytes[at++] as number
  if (valueBytes > 0x7f) valueBytes = (valueBytes & 0x7f) | ((bytes[at++] as number) << 7)
  if (at + valueBytes !== end || valueBytes > limits.maxStringBytes || keyEnd - keyStart > limits.maxStringBytes) return false
  tags.push(keyValue(keys.find(keyStart, keyEnd), ValueType.Text, at, end, bytes))
  reader.at = end
  return true
}

/** Appends a tag; an entry without key and value is none. */
function readTag(reader: ProtoReader, keys: KeyFinder, limits: DecodeLimits, tags: KeyValue[]): void {
  const { bytes } = reader
  const outer = reader.end
  const end = reader.length()
  reader.end = end
  let key = noName
  let start = 0
  let stop = 0
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag === 0x0a) {
      const keyEnd = textEnd(reader, limits)
      key = keys.find(reader.at, keyEnd)
      reader.at = keyEnd
    } else if (tag === 0x12) {
      stop = textEnd(reader, limits)
      start = reader.at
      reader.at = stop
    } else {
      if (tag >>> 3 === 0) reader.fail('field number 0')
      reader.skip(tag)
    }
  }
  reader.end = outer
  if (key !== noName || start !== stop) tags.push(keyValue(key, ValueType.Text, start, stop, bytes))
}

/** Appends an annotation; one without text carries nothing. */
function readAnnotation(reader: ProtoReader, limits: DecodeLimits, annotations: ZipkinAnnotation[]): void {
  const outer = reader.end
  const end = reader.length()
  reader.end = end
  let timeHi = 0
  let timeLo = 0
  let value: Text = ''
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag === 0x09) {
      reader.fixed64(words)
      timeHi = words.hi
      timeLo = words.lo
    } else if (tag === 0x12) value = readText(reader, limits)
    else {
      if (tag >>> 3 === 0) reader.fail('field number 0')
      reader.skip(tag)
    }
  }
  reader.end = outer
  if (value !== '') annotations.push({ timeHi, timeLo, value, endpoint: noEndpoint })
}

function readEndpoint(reader: ProtoReader, names: KeyTable, limits: DecodeLimits): ZipkinEndpoint {
  const { bytes, view } = reader
  const outer = reader.end
  const end = reader.length()
  reader.end = end
  let serviceName = noName
  let ipv4: Text = ''
  let ipv6: Text = ''
  let ipv4Word = 0
  let ipv6Bytes: ZipkinEndpoint['ipv6Bytes']
  let port = 0
  while (reader.at < end) {
    const tag = reader.varint32()
    switch (tag) {
      case 0x0a: {
        const nameEnd = textEnd(reader, limits)
        serviceName = nameEnd === reader.at ? noName : names.find(bytes, view, reader.at, nameEnd)
        reader.at = nameEnd
        break
      }
      case 0x12: {
        // An address of another width is kept as it is, as the bytes of a text that is no address.
        ipv4 = readText(reader, limits)
        ipv4Word = 0
        if (typeof ipv4 !== 'string' && ipv4.end - ipv4.start === 4) {
          ipv4Word = view.getInt32(ipv4.start)
          ipv4 = ''
        }
        break
      }
      case 0x1a: {
        ipv6 = readText(reader, limits)
        ipv6Bytes = undefined
        if (typeof ipv6 !== 'string' && ipv6.end - ipv6.start === 16) {
          ipv6Bytes = ipv6
          ipv6 = ''
        }
        break
      }
      case 0x20:
        port = reader.varint32() | 0
        break
      default:
        if (tag >>> 3 === 0) reader.fail('field number 0')
        reader.skip(tag)
    }
  }
  reader.end = outer
  return { serviceName, ipv4, ipv6, ipv4Word, ipv6Bytes, port }
}
