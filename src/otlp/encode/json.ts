/**
 * Traces → OTLP/JSON: protobuf-JSON with hex ids, enum numbers, lowerCamelCase and 64-bit integers as strings.
 * Fields with default values are left out. Names that are not UTF-8 get U+FFFD, such attribute values become bytes.
 * @see opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */

import { isUtf8 } from 'node:buffer'
import { textToString } from '../attributes.ts'
import { spanIdToHex, traceIdToHex } from '../ids.ts'
import { type AnyValue, type Event, type KeyValue, type Link, type Span, type Text, type Traces, ValueType } from '../model.ts'
import { toBigInt, toDouble, toSignedBigInt } from '../time.ts'

type Json = Record<string, unknown>

/** The JSON text of an `ExportTraceServiceRequest`. @param indent spaces, 0 for one line */
export function tracesToJson(traces: Traces, indent = 0): string {
  return JSON.stringify(tracesToPlain(traces), undefined, indent)
}

/** The same as plain objects, for tests and comparisons. */
export function tracesToPlain(traces: Traces): Json {
  return {
    resourceSpans: traces.resourceSpans.map(({ attributes, scopeSpans }) => ({
      resource: attributes.length > 0 ? { attributes: attributes.map(keyValueToPlain) } : {},
      scopeSpans: scopeSpans.map(({ scopeName, scopeVersion, spans }) => {
        const scope: Json = {}
        setText(scope, 'name', scopeName)
        setText(scope, 'version', scopeVersion)
        return { scope, spans: spans.map(spanToPlain) }
      }),
    })),
  }
}

function spanToPlain(span: Span): Json {
  const plain: Json = {
    traceId: traceIdToHex(span.trace0, span.trace1, span.trace2, span.trace3),
    spanId: spanIdToHex(span.span0, span.span1),
  }
  setText(plain, 'traceState', span.traceState)
  if ((span.parent0 | span.parent1) !== 0) plain['parentSpanId'] = spanIdToHex(span.parent0, span.parent1)
  if (span.flags !== 0) plain['flags'] = span.flags >>> 0
  setText(plain, 'name', span.name)
  if (span.kind !== 0) plain['kind'] = span.kind
  plain['startTimeUnixNano'] = toBigInt(span.startHi, span.startLo).toString()
  plain['endTimeUnixNano'] = toBigInt(span.endHi, span.endLo).toString()
  setList(plain, 'attributes', span.attributes, keyValueToPlain)
  setCount(plain, 'droppedAttributesCount', span.droppedAttributesCount)
  setList(plain, 'events', span.events, eventToPlain)
  setCount(plain, 'droppedEventsCount', span.droppedEventsCount)
  setList(plain, 'links', span.links, linkToPlain)
  setCount(plain, 'droppedLinksCount', span.droppedLinksCount)
  const status: Json = {}
  setText(status, 'message', span.statusMessage)
  if (span.statusCode !== 0) status['code'] = span.statusCode
  plain['status'] = status
  return plain
}

function eventToPlain(event: Event): Json {
  const plain: Json = { timeUnixNano: toBigInt(event.timeHi, event.timeLo).toString() }
  setText(plain, 'name', event.name)
  setList(plain, 'attributes', event.attributes, keyValueToPlain)
  setCount(plain, 'droppedAttributesCount', event.droppedAttributesCount)
  return plain
}

function linkToPlain(link: Link): Json {
  const plain: Json = {
    traceId: traceIdToHex(link.trace0, link.trace1, link.trace2, link.trace3),
    spanId: spanIdToHex(link.span0, link.span1),
  }
  setText(plain, 'traceState', link.traceState)
  setList(plain, 'attributes', link.attributes, keyValueToPlain)
  setCount(plain, 'droppedAttributesCount', link.droppedAttributesCount)
  if (link.flags !== 0) plain['flags'] = link.flags >>> 0
  return plain
}

function keyValueToPlain(attribute: KeyValue): Json {
  return { key: attribute.key.text, value: valueToPlain(attribute) }
}

function valueToPlain(value: AnyValue): Json {
  switch (value.type) {
    case ValueType.String:
      return { stringValue: (value.ref as string).toWellFormed() }
    case ValueType.Text: {
      const bytes = (value.ref as Uint8Array).subarray(value.a, value.b)
      return isUtf8(bytes) ? { stringValue: textToString({ source: bytes, start: 0, end: bytes.length }) } : { bytesValue: base64(bytes) }
    }
    case ValueType.Bool:
      return { boolValue: value.a === 1 }
    case ValueType.Int:
      return { intValue: toSignedBigInt(value.a, value.b).toString() }
    case ValueType.Double: {
      const double = toDouble(value.a, value.b)
      return { doubleValue: Number.isFinite(double) ? double : String(double) }
    }
    case ValueType.Bytes:
      return { bytesValue: base64((value.ref as Uint8Array).subarray(value.a, value.b)) }
    case ValueType.Array:
      return { arrayValue: { values: (value.ref as readonly AnyValue[]).map(valueToPlain) } }
    case ValueType.KvList:
      return { kvlistValue: { values: (value.ref as readonly KeyValue[]).map(keyValueToPlain) } }
    default:
      return {}
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function setText(plain: Json, name: string, text: Text): void {
  const string = textToString(text)
  if (string !== '') plain[name] = string.toWellFormed()
}

function setCount(plain: Json, name: string, count: number): void {
  if (count !== 0) plain[name] = count
}

function setList<T>(plain: Json, name: string, list: readonly T[], toPlain: (one: T) => Json): void {
  if (list.length > 0) plain[name] = list.map(toPlain)
}
