/**
 * Zipkin JSON, v1 and v2 → the Zipkin model. One scan over the bytes; text stays slices of the body.
 *
 *     v2 span  traceId id parentId name kind timestamp duration debug shared localEndpoint remoteEndpoint
 *              annotations [{timestamp value}]  tags {key: value}
 *     v1 span  traceId id parentId name timestamp duration debug
 *              annotations [{timestamp value endpoint}]  binaryAnnotations [{key value endpoint}]
 *     endpoint serviceName ipv4 ipv6 port
 *
 * Other keys are skipped; of a key that stands twice the last value counts. A body that is no JSON list is an error; an
 * element with ids that cannot be used is rejected alone; a field of an unusable type is taken as absent and counted.
 * @see zipkin2-api.yaml and zipkin-api.yaml in openzipkin/zipkin-api
 */

import { BridgeError } from '../../errors.ts'
import { keyValue, slice, sliceToString } from '../../otlp/attributes.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { type Key, type KeyValue, noAttributes, SpanKind, type Text, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import {
  type DecodeNotes,
  noAnnotations,
  noEndpoint,
  noEndpoints,
  noName,
  type RejectedSpan,
  type ZipkinAnnotation,
  type ZipkinEndpoint,
  type ZipkinRejection,
  type ZipkinSpan,
  type ZipkinSpans,
  type ZipkinV1Span,
} from '../../translate/zipkin/model.ts'
import type { DecodeLimits } from '../limits.ts'
import { createEndpointReader, type EndpointReader } from './json-endpoint.ts'
import { Field, fieldOf } from './json-fields.ts'
import { JsonScanner } from './json-scan.ts'
import { readHex, readMicros, readTypedValue } from './json-values.ts'

/** What the sender claims, and whether to believe it. */
export interface JsonVersion {
  /** The version of the path; that of spans that bear marks of neither version, or of both. */
  readonly version: 1 | 2
  /** Whether a span's own marks (rule Z-H8) win over the path's version. */
  readonly detect: boolean
}

/** Decodes a list of spans. Throws OB_DECODE_JSON and OB_LIMIT_*. An empty body is an empty list. */
export type ZipkinJsonDecoder = (body: Uint8Array, version: JsonVersion) => ZipkinSpans

const words: Words = { hi: 0, lo: 0 }
const traceWords = new Int32Array(4)
const spanWords = new Int32Array(2)

/** What one body's reading carries from span to span. */
interface Reading {
  readonly scanner: JsonScanner
  readonly keys: KeyTable
  readonly limits: DecodeLimits
  readonly endpoints: EndpointReader
  readonly version: JsonVersion
  readonly spans: (ZipkinSpan | ZipkinV1Span)[]
  readonly rejected: RejectedSpan[]
  otherVersion: number
  unreadable: number
  /** Set by `readAnnotations`: one of them had an endpoint. */
  hosted: boolean
  /** Set by `readBinaryAnnotations`. */
  tags: KeyValue[]
  tagEndpoints: ZipkinEndpoint[]
  clientAddress: ZipkinEndpoint | undefined
  serverAddress: ZipkinEndpoint | undefined
  messageAddress: ZipkinEndpoint | undefined
}

/** @param keys made with `zipkinRoleOf` @param names for the names of services */
export function createZipkinJsonDecoder(keys: KeyTable, names: KeyTable, limits: DecodeLimits): ZipkinJsonDecoder {
  return (body, version) => {
    const scanner = new JsonScanner(body, limits.maxStringBytes)
    const reading: Reading = {
      scanner,
      keys,
      limits,
      endpoints: createEndpointReader(scanner, names, limits.maxDepth),
      version,
      spans: [],
      rejected: [],
      otherVersion: 0,
      unreadable: 0,
      hosted: false,
      tags: [],
      tagEndpoints: [],
      clientAddress: undefined,
      serverAddress: undefined,
      messageAddress: undefined,
    }
    if (!scanner.atEnd()) readList(reading)
    const notes: DecodeNotes = { otherVersion: reading.otherVersion, unreadableFields: reading.unreadable + reading.endpoints.unreadable }
    return { spans: reading.spans, rejected: reading.rejected, notes }
  }
}

function readList(reading: Reading): void {
  const { scanner, limits } = reading
  if (scanner.peek() !== 0x5b) scanner.fail('expected a list of spans')
  let index = 0
  for (let byte = scanner.open(0x5d); byte !== 0; byte = scanner.next(0x5d)) {
    if (index >= limits.maxItems) {
      throw new BridgeError('OB_LIMIT_ITEMS', `cannot read spans: more than ${limits.maxItems} in one request`, {
        place: `byte ${scanner.at}`,
      })
    }
    if (byte === 0x7b) readSpan(reading, index)
    else {
      scanner.skip(byte, limits.maxDepth)
      reading.rejected.push({ index, reason: 'not_a_span', text: 'Expected BEGIN_OBJECT but was something else' })
    }
    index++
  }
  if (!scanner.atEnd()) scanner.fail('expected nothing after the list')
}

/** A string, or whatever stands in its place as text; '' for null. */
function readText(reading: Reading, first: number): Text {
  const { scanner } = reading
  if (first === 0x22) {
    scanner.string()
    return scanner.start === scanner.stop ? '' : slice(scanner.bytes, scanner.start, scanner.stop)
  }
  const value = readTypedValue(scanner, noName, first, reading.limits.maxDepth - 1)
  if (value === undefined) return ''
  if (value.type === ValueType.Bool) return value.a === 1 ? 'true' : 'false'
  if (value.type === ValueType.String) return value.ref as string
  return value.type === ValueType.Text ? slice(scanner.bytes, value.a, value.b) : slice(scanner.bytes, scanner.start, scanner.stop)
}

const noText: Text = ''

/** One span object; goes to `spans` or `rejected`. */
function readSpan(reading: Reading, index: number): void {
  const { scanner, limits, endpoints } = reading
  const { view } = scanner
  const maxDepth = limits.maxDepth - 1
  // Ids: 1 fine, 0 all zero, −1 malformed, −2 missing.
  let trace = -2
  let trace0 = 0
  let trace1 = 0
  let trace2 = 0
  let trace3 = 0
  let traceText = noText
  let id = -2
  let span0 = 0
  let span1 = 0
  let idText = noText
  let parent = 0
  let parent0 = 0
  let parent1 = 0
  let parentText = noText
  let name: Text = ''
  let kind: number = SpanKind.Unspecified
  let kindWord: Text = ''
  let timestampHi = 0
  let timestampLo = 0
  let durationHi = 0
  let durationLo = 0
  let localEndpoint = noEndpoint
  let remoteEndpoint = noEndpoint
  let annotations = noAnnotations
  let tags: readonly KeyValue[] = noAttributes
  let debug = false
  let shared = false
  let marks1 = false
  let marks2 = false
  let binary = false

  for (let byte = scanner.open(0x7d); byte !== 0; byte = scanner.next(0x7d)) {
    if (byte !== 0x22) scanner.fail('expected a key')
    scanner.string()
    const field = fieldOf(view, scanner.start, scanner.stop)
    const first = scanner.colon()
    switch (field) {
      case Field.TraceId:
        trace = readId(reading, first, traceWords)
        trace0 = traceWords[0] as number
        trace1 = traceWords[1] as number
        trace2 = traceWords[2] as number
        trace3 = traceWords[3] as number
        if (trace === -1) traceText = slice(scanner.bytes, scanner.start, scanner.stop)
        break
      case Field.Id:
        id = readId(reading, first, spanWords)
        span0 = spanWords[0] as number
        span1 = spanWords[1] as number
        if (id === -1) idText = slice(scanner.bytes, scanner.start, scanner.stop)
        break
      case Field.ParentId:
        parent = readId(reading, first, spanWords)
        parent0 = parent === 1 ? (spanWords[0] as number) : 0
        parent1 = parent === 1 ? (spanWords[1] as number) : 0
        if (parent === -1) parentText = slice(scanner.bytes, scanner.start, scanner.stop)
        break
      case Field.Name:
        name = readText(reading, first)
        break
      case Field.Kind:
        marks2 = true
        kindWord = ''
        kind = readKind(reading, first)
        if (kind < 0) {
          kind = SpanKind.Unspecified
          kindWord = slice(scanner.bytes, scanner.start, scanner.stop)
        }
        break
      case Field.Timestamp:
        if (!readMicros(scanner, first, maxDepth, words)) reading.unreadable++
        timestampHi = words.hi
        timestampLo = words.lo
        break
      case Field.Duration:
        if (!readMicros(scanner, first, maxDepth, words)) reading.unreadable++
        durationHi = words.hi
        durationLo = words.lo
        break
      case Field.LocalEndpoint:
        marks2 = true
        localEndpoint = endpoints.read(first)
        break
      case Field.RemoteEndpoint:
        marks2 = true
        remoteEndpoint = endpoints.read(first)
        break
      case Field.Annotations:
        annotations = readAnnotations(reading, first)
        if (reading.hosted) marks1 = true
        break
      case Field.Tags:
        marks2 = true
        tags = readTags(reading, first)
        break
      case Field.BinaryAnnotations:
        marks1 = true
        binary = true
        readBinaryAnnotations(reading, first)
        break
      case Field.Debug:
        debug = readFlag(reading, first)
        break
      case Field.Shared:
        marks2 = true
        shared = readFlag(reading, first)
        break
      default:
        scanner.skip(first, maxDepth)
    }
  }

  const { version } = reading
  let is1 = version.version === 1
  if (version.detect && marks1 !== marks2 && marks1 !== is1) {
    is1 = marks1
    reading.otherVersion++
  }
  if (trace !== 1 || id !== 1 || parent === -1) {
    if (trace !== 1) reject(reading, index, 'trace_id', 'traceId', trace, traceText, is1)
    else if (id !== 1) reject(reading, index, 'span_id', 'id', id, idText, is1)
    else reject(reading, index, 'parent_id', 'parentId', parent, parentText, is1)
    return
  }
  if (is1) {
    reading.spans.push({
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
    return
  }
  reading.spans.push({
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
    annotations,
    tags,
    debug,
    kind,
    kindWord,
    localEndpoint,
    remoteEndpoint,
    shared,
  })
}

function reject(reading: Reading, index: number, reason: ZipkinRejection, field: string, state: number, value: Text, is1: boolean): void {
  let text = `Missing : ${field}`
  if (state === 0) text = `${field} is all zeros`
  if (state === -1) {
    // Ids are at most 32 digits: what is longer need not be repeated whole.
    const shown = typeof value === 'string' ? value : sliceToString(value.source, value.start, Math.min(value.end, value.start + 64))
    text = is1
      ? `${shown} should be a 1 to 32 character lower-hex string with no prefix`
      : `${shown} should be lower-hex encoded with no prefix`
  }
  reading.rejected.push({ index, reason, text })
}

/** 1: fine, words in `out`. 0: all zero. −1: no id, its text is where the scanner says. −2: null. */
function readId(reading: Reading, first: number, out: Int32Array): number {
  const { scanner } = reading
  if (first === 0x22) {
    scanner.string()
    return readHex(scanner, out)
  }
  if (first === 0x6e) {
    scanner.literal(first)
    return -2
  }
  const start = scanner.at
  scanner.skip(first, reading.limits.maxDepth - 1)
  // A number is taken by its digits, as Zipkin does.
  scanner.start = start
  scanner.stop = scanner.at
  return readHex(scanner, out)
}

/** True for `true`; anything but true, false and null is counted as unreadable. */
function readFlag(reading: Reading, first: number): boolean {
  if (first === 0x74 || first === 0x66 || first === 0x6e) return reading.scanner.literal(first) === 1
  reading.scanner.skip(first, reading.limits.maxDepth - 1)
  reading.unreadable++
  return false
}

const kindWords: ReadonlyMap<string, number> = new Map([
  ['client', SpanKind.Client],
  ['server', SpanKind.Server],
  ['producer', SpanKind.Producer],
  ['consumer', SpanKind.Consumer],
])

/** A kind, in any case; −1 when the word is none of them and stands where the scanner says. */
function readKind(reading: Reading, first: number): number {
  const { scanner } = reading
  if (first === 0x22) scanner.string()
  else if (first === 0x6e) {
    scanner.literal(first)
    return SpanKind.Unspecified
  } else {
    const start = scanner.at
    scanner.skip(first, reading.limits.maxDepth - 1)
    scanner.start = start
    scanner.stop = scanner.at
  }
  const { bytes, start, stop } = scanner
  if (start === stop) return SpanKind.Unspecified
  if (stop - start > 8) return -1
  return kindWords.get(sliceToString(bytes, start, stop).toLowerCase()) ?? -1
}

function tooMany(reading: Reading, what: string, limit: number): never {
  throw new BridgeError('OB_LIMIT_LENGTH', `cannot read a span: more than ${limit} ${what}`, { place: `byte ${reading.scanner.at}` })
}

/** Opens a list or object; 0 when it is empty, null or something else, which is skipped and counted. */
function openOrSkip(reading: Reading, first: number, opening: number): number {
  const { scanner } = reading
  if (first === opening) return scanner.open(opening + 2)
  if (first === 0x6e) scanner.literal(first)
  else {
    scanner.skip(first, reading.limits.maxDepth - 1)
    reading.unreadable++
  }
  return 0
}

function readTags(reading: Reading, first: number): readonly KeyValue[] {
  const { scanner, keys } = reading
  const { bytes, view } = scanner
  const { maxAttributes, maxDepth } = reading.limits
  let byte = openOrSkip(reading, first, 0x7b)
  if (byte === 0) return noAttributes
  const tags: KeyValue[] = []
  for (; byte !== 0; byte = scanner.next(0x7d)) {
    if (byte !== 0x22) scanner.fail('expected a key')
    if (tags.length >= maxAttributes) tooMany(reading, 'tags', maxAttributes)
    scanner.string()
    const key = keys.find(bytes, view, scanner.start, scanner.stop)
    const value = scanner.colon()
    if (value === 0x22) {
      scanner.string()
      tags.push(keyValue(key, ValueType.Text, scanner.start, scanner.stop, bytes))
    } else {
      const tag = readTypedValue(scanner, key, value, maxDepth - 2)
      if (tag !== undefined) tags.push(tag)
    }
  }
  return tags
}

function readAnnotations(reading: Reading, first: number): readonly ZipkinAnnotation[] {
  const { scanner, endpoints } = reading
  const { view } = scanner
  const { maxEvents, maxDepth } = reading.limits
  reading.hosted = false
  let byte = openOrSkip(reading, first, 0x5b)
  if (byte === 0) return noAnnotations
  const annotations: ZipkinAnnotation[] = []
  for (; byte !== 0; byte = scanner.next(0x5d)) {
    if (byte !== 0x7b) {
      scanner.skip(byte, maxDepth - 2)
      reading.unreadable++
      continue
    }
    if (annotations.length >= maxEvents) tooMany(reading, 'annotations', maxEvents)
    let timeHi = 0
    let timeLo = 0
    let value: Text = ''
    let endpoint = noEndpoint
    for (let inner = scanner.open(0x7d); inner !== 0; inner = scanner.next(0x7d)) {
      if (inner !== 0x22) scanner.fail('expected a key')
      scanner.string()
      const field = fieldOf(view, scanner.start, scanner.stop)
      const valueFirst = scanner.colon()
      if (field === Field.Timestamp) {
        if (!readMicros(scanner, valueFirst, maxDepth - 3, words)) reading.unreadable++
        timeHi = words.hi
        timeLo = words.lo
      } else if (field === Field.Value) value = readText(reading, valueFirst)
      else if (field === Field.Endpoint) {
        reading.hosted = true
        endpoint = endpoints.read(valueFirst)
      } else scanner.skip(valueFirst, maxDepth - 3)
    }
    annotations.push({ timeHi, timeLo, value, endpoint })
  }
  return annotations
}

/** Which address annotation a key is; 0: none. */
const Address = { None: 0, Client: 1, Server: 2, Message: 3 } as const

function addressOf(key: Key): number {
  if (key.utf8.length !== 2) return Address.None
  switch (key.text) {
    case 'ca':
      return Address.Client
    case 'sa':
      return Address.Server
    case 'ma':
      return Address.Message
    default:
      return Address.None
  }
}

function readBinaryAnnotations(reading: Reading, first: number): void {
  const { scanner, keys, endpoints } = reading
  const { bytes, view } = scanner
  const { maxAttributes, maxDepth } = reading.limits
  const tags: KeyValue[] = []
  const tagEndpoints: ZipkinEndpoint[] = []
  reading.tags = tags
  reading.tagEndpoints = tagEndpoints
  reading.clientAddress = undefined
  reading.serverAddress = undefined
  reading.messageAddress = undefined
  for (let byte = openOrSkip(reading, first, 0x5b); byte !== 0; byte = scanner.next(0x5d)) {
    if (byte !== 0x7b) {
      scanner.skip(byte, maxDepth - 2)
      reading.unreadable++
      continue
    }
    if (tags.length >= maxAttributes) tooMany(reading, 'binary annotations', maxAttributes)
    let key = noName
    let start = -1
    let stop = 0
    let odd: KeyValue | undefined
    let endpoint = noEndpoint
    for (let inner = scanner.open(0x7d); inner !== 0; inner = scanner.next(0x7d)) {
      if (inner !== 0x22) scanner.fail('expected a key')
      scanner.string()
      const field = fieldOf(view, scanner.start, scanner.stop)
      const valueFirst = scanner.colon()
      if (field === Field.Key && valueFirst === 0x22) {
        scanner.string()
        key = keys.find(bytes, view, scanner.start, scanner.stop)
      } else if (field === Field.Value) {
        if (valueFirst === 0x22) {
          scanner.string()
          start = scanner.start
          stop = scanner.stop
          odd = undefined
        } else {
          odd = readTypedValue(scanner, noName, valueFirst, maxDepth - 3)
          start = -1
        }
      } else if (field === Field.Endpoint) endpoint = endpoints.read(valueFirst)
      else scanner.skip(valueFirst, maxDepth - 3)
    }
    const address = addressOf(key)
    if (address !== Address.None && isTrue(bytes, start, stop, odd)) {
      if (endpoint === noEndpoint) continue
      if (address === Address.Client) reading.clientAddress = endpoint
      else if (address === Address.Server) reading.serverAddress = endpoint
      else reading.messageAddress = endpoint
      continue
    }
    if (key === noName) {
      reading.unreadable++
      continue
    }
    if (start >= 0) tags.push(keyValue(key, ValueType.Text, start, stop, bytes))
    else if (odd !== undefined) tags.push(keyValue(key, odd.type, odd.a, odd.b, odd.ref))
    else continue
    tagEndpoints.push(endpoint)
  }
}

/** The value of an address annotation: true, or the text of it. */
function isTrue(bytes: Uint8Array, start: number, stop: number, odd: KeyValue | undefined): boolean {
  if (odd !== undefined) return odd.type === ValueType.Bool && odd.a === 1
  return start >= 0 && stop - start === 4 && sliceToString(bytes, start, stop) === 'true'
}
