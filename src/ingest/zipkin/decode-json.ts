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
import { slice, sliceToString } from '../../otlp/attributes.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { type KeyValue, noAttributes, SpanKind, type Text } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import {
  type DecodeNotes,
  noAnnotations,
  noEndpoint,
  noEndpoints,
  type ZipkinRejection,
  type ZipkinSpans,
} from '../../translate/zipkin/model.ts'
import { JsonScanner, plainJson } from '../json-scan.ts'
import type { DecodeLimits } from '../limits.ts'
import { KeyFinder } from './decode-keys.ts'
import { createEndpointReader } from './json-endpoint.ts'
import { Field, readField } from './json-fields.ts'
import { readAnnotations, readBinaryAnnotations, readTags } from './json-lists.ts'
import { type JsonReading, type JsonVersion, readText } from './json-reading.ts'
import { readHex, readMicros } from './json-values.ts'

/** Decodes a list of spans. Throws OB_DECODE_JSON and OB_LIMIT_*. An empty body is an empty list. */
export type ZipkinJsonDecoder = (body: Uint8Array, version: JsonVersion) => ZipkinSpans

const words: Words = { hi: 0, lo: 0 }
const traceWords = new Int32Array(4)
const spanWords = new Int32Array(2)

/** @param keys made with `createZipkinRoles` @param names for the names of services */
export function createZipkinJsonDecoder(keys: KeyTable, names: KeyTable, limits: DecodeLimits): ZipkinJsonDecoder {
  const finder = new KeyFinder(keys)
  return (body, version) => {
    names.renew()
    const scanner = new JsonScanner(plainJson(body), limits.maxStringBytes)
    finder.open(scanner.bytes, scanner.view)
    const reading: JsonReading = {
      scanner,
      keys: finder,
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
    try {
      if (!scanner.atEnd()) readList(reading)
    } finally {
      finder.close()
    }
    const notes: DecodeNotes = {
      otherVersion: reading.otherVersion,
      unreadableFields: reading.unreadable + reading.endpoints.unreadable,
    }
    return { spans: reading.spans, rejected: reading.rejected, notes }
  }
}

function readList(reading: JsonReading): void {
  const { scanner, limits } = reading
  if (scanner.peek() !== 0x5b) scanner.fail('expected a list of spans')
  let index = 0
  for (let byte = scanner.open(0x5d); byte !== 0; byte = scanner.next(0x5d)) {
    if (index >= limits.maxItems) {
      throw new BridgeError('OB_LIMIT_ITEMS', `cannot read spans: more than ${limits.maxItems} in one request`, {
        place: `byte ${scanner.at}`,
      })
    }
    if (byte === 0x7b) {
      readSpan(reading, index)
      reading.keys.check(scanner.at)
    } else {
      scanner.skip(byte, limits.maxDepth)
      reading.rejected.push({ index, reason: 'not_a_span', text: 'Malformed' })
    }
    index++
  }
  // Zipkin never looks behind the list; here it is refused, because more spans may stand there and a 202 would lose them.
  if (!scanner.atEnd()) scanner.fail('expected nothing after the list')
}

const noText: Text = ''

/** One span object; goes to `spans` or `rejected`. */
function readSpan(reading: JsonReading, index: number): void {
  const { scanner, limits, endpoints } = reading
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
    const field = readField(scanner)
    const first = scanner.value()
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

function reject(
  reading: JsonReading,
  index: number,
  reason: ZipkinRejection,
  field: string,
  state: number,
  value: Text,
  is1: boolean,
): void {
  let text = is1 ? `${field} == 0` : `Missing : ${field}`
  if (state === 0) text = `${field} is all zeros`
  if (state === -1) {
    // Ids are at most 32 digits: what is longer need not be repeated whole.
    const shown = typeof value === 'string' ? value : sliceToString(value.source, value.start, Math.min(value.end, value.start + 64))
    if (is1) text = `${shown} should be a 1 to 32 character lower-hex string with no prefix`
    else text = malformedId(field, shown)
  }
  reading.rejected.push({ index, reason, text })
}

/** What Zipkin says of an id of a v2 span. */
function malformedId(field: string, shown: string): string {
  const longest = field === 'traceId' ? 32 : 16
  if (shown === '') return `${field} is empty`
  if (shown.length > longest) return `${field}.length > ${longest}`
  return `${shown} should be lower-hex encoded with no prefix`
}

/** 1: fine, words in `out`. 0: all zero. −1: no id, its text is where the scanner says. −2: null. */
function readId(reading: JsonReading, first: number, out: Int32Array): number {
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
function readFlag(reading: JsonReading, first: number): boolean {
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
function readKind(reading: JsonReading, first: number): number {
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
