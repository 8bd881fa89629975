/**
 * Traces → protobuf `ExportTraceServiceRequest`, in one pass (see writer.ts). Two results concatenated are one request.
 *
 *     ExportTraceServiceRequest  resource_spans 1
 *     ResourceSpans   resource 1  scope_spans 2  schema_url 3      Resource  attributes 1  dropped_attributes_count 2
 *     ScopeSpans      scope 1  spans 2  schema_url 3               InstrumentationScope  name 1  version 2
 *     Span            trace_id 1  span_id 2  trace_state 3  parent_span_id 4  name 5  kind 6  start fixed64 7  end fixed64 8
 *                     attributes 9  dropped 10  events 11  dropped 12  links 13  dropped 14  status 15  flags fixed32 16
 *     Event           time fixed64 1  name 2  attributes 3  dropped 4
 *     Link            trace_id 1  span_id 2  trace_state 3  attributes 4  dropped 5  flags fixed32 6
 *     Status          message 2  code 3
 *     KeyValue        key 1  value 2
 *     AnyValue        string 1  bool 2  int 3  double 4  array 5  kvlist 6  bytes 7
 */

import {
  type AnyValue,
  type Event,
  type KeyValue,
  type Link,
  type ResourceSpans,
  type ScopeSpans,
  type Span,
  type Text,
  type Traces,
  ValueType,
} from '../model.ts'
import type { ReverseWriter } from './writer.ts'

/** Encodes into `writer` and returns the request's bytes. @param expectedBytes see ReverseWriter.begin */
export function encodeTraces(traces: Traces, writer: ReverseWriter, expectedBytes: number): Uint8Array {
  writer.begin(expectedBytes)
  const { resourceSpans } = traces
  for (let i = resourceSpans.length - 1; i >= 0; i--) writeResourceSpans(writer, resourceSpans[i] as ResourceSpans)
  return writer.finish()
}

function writeResourceSpans(writer: ReverseWriter, resourceSpans: ResourceSpans): void {
  const before = writer.written()
  const { scopeSpans } = resourceSpans
  for (let i = scopeSpans.length - 1; i >= 0; i--) writeScopeSpans(writer, scopeSpans[i] as ScopeSpans)
  const beforeResource = writer.written()
  writeAttributes(writer, resourceSpans.attributes, 0x0a)
  writer.field(0x0a, beforeResource)
  writer.field(0x0a, before)
}

function writeScopeSpans(writer: ReverseWriter, scopeSpans: ScopeSpans): void {
  const before = writer.written()
  const { spans } = scopeSpans
  for (let i = spans.length - 1; i >= 0; i--) writeSpan(writer, spans[i] as Span)
  const beforeScope = writer.written()
  writeName(writer, scopeSpans.scopeVersion, 0x12)
  writeName(writer, scopeSpans.scopeName, 0x0a)
  writer.field(0x0a, beforeScope)
  writer.field(0x12, before)
}

function writeSpan(writer: ReverseWriter, span: Span): void {
  const before = writer.written()
  writer.ensure(24)
  if (span.flags !== 0) {
    writer.fixed32(span.flags)
    writer.byte(0x01)
    writer.byte(0x85)
  }
  if (span.statusCode !== 0 || span.statusMessage !== '') writeStatus(writer, span)
  if (span.droppedLinksCount !== 0) writeUint32(writer, span.droppedLinksCount, 0x70)
  const { links } = span
  for (let i = links.length - 1; i >= 0; i--) writeLink(writer, links[i] as Link)
  if (span.droppedEventsCount !== 0) writeUint32(writer, span.droppedEventsCount, 0x60)
  const { events } = span
  for (let i = events.length - 1; i >= 0; i--) writeEvent(writer, events[i] as Event)
  if (span.droppedAttributesCount !== 0) writeUint32(writer, span.droppedAttributesCount, 0x50)
  writeAttributes(writer, span.attributes, 0x4a)
  writer.ensure(20)
  writer.fixed64(span.endHi, span.endLo)
  writer.byte(0x41)
  writer.fixed64(span.startHi, span.startLo)
  writer.byte(0x39)
  if (span.kind !== 0) {
    writer.byte(span.kind)
    writer.byte(0x30)
  }
  writeName(writer, span.name, 0x2a)
  writer.ensure(10)
  if ((span.parent0 | span.parent1) !== 0) {
    writer.idWord(span.parent1)
    writer.idWord(span.parent0)
    writer.byte(8)
    writer.byte(0x22)
  }
  writeName(writer, span.traceState, 0x1a)
  writer.ensure(40)
  writer.idWord(span.span1)
  writer.idWord(span.span0)
  writer.byte(8)
  writer.byte(0x12)
  writer.idWord(span.trace3)
  writer.idWord(span.trace2)
  writer.idWord(span.trace1)
  writer.idWord(span.trace0)
  writer.byte(16)
  writer.byte(0x0a)
  writer.field(0x12, before)
}

function writeStatus(writer: ReverseWriter, span: Span): void {
  const before = writer.written()
  if (span.statusCode !== 0) {
    writer.ensure(2)
    writer.byte(span.statusCode)
    writer.byte(0x18)
  }
  writeName(writer, span.statusMessage, 0x12)
  writer.field(0x7a, before)
}

function writeEvent(writer: ReverseWriter, event: Event): void {
  const before = writer.written()
  if (event.droppedAttributesCount !== 0) writeUint32(writer, event.droppedAttributesCount, 0x20)
  writeAttributes(writer, event.attributes, 0x1a)
  writeName(writer, event.name, 0x12)
  writer.ensure(16)
  writer.fixed64(event.timeHi, event.timeLo)
  writer.byte(0x09)
  writer.field(0x5a, before)
}

function writeLink(writer: ReverseWriter, link: Link): void {
  const before = writer.written()
  writer.ensure(8)
  if (link.flags !== 0) {
    writer.fixed32(link.flags)
    writer.byte(0x35)
  }
  if (link.droppedAttributesCount !== 0) writeUint32(writer, link.droppedAttributesCount, 0x28)
  writeAttributes(writer, link.attributes, 0x22)
  writeName(writer, link.traceState, 0x1a)
  writer.ensure(40)
  writer.idWord(link.span1)
  writer.idWord(link.span0)
  writer.byte(8)
  writer.byte(0x12)
  writer.idWord(link.trace3)
  writer.idWord(link.trace2)
  writer.idWord(link.trace1)
  writer.idWord(link.trace0)
  writer.byte(16)
  writer.byte(0x0a)
  writer.field(0x6a, before)
}

function writeUint32(writer: ReverseWriter, value: number, tag: number): void {
  writer.ensure(6)
  writer.varint(value)
  writer.byte(tag)
}

/** A text field that proto3 leaves out when empty; what is not UTF-8 is repaired. */
function writeName(writer: ReverseWriter, text: Text, tag: number): void {
  let length: number
  if (typeof text === 'string') {
    if (text === '') return
    length = writer.string(text)
  } else {
    if (text.start === text.end) return
    length = writer.sliceRepaired(text.source, text.start, text.end)
  }
  writer.ensure(6)
  writer.varint(length)
  writer.byte(tag)
}

function writeAttributes(writer: ReverseWriter, attributes: readonly KeyValue[], tag: number): void {
  for (let i = attributes.length - 1; i >= 0; i--) writeKeyValue(writer, attributes[i] as KeyValue, tag)
}

function writeKeyValue(writer: ReverseWriter, attribute: KeyValue, tag: number): void {
  const { key } = attribute
  const before = writer.written()
  writeAnyValue(writer, attribute)
  writer.ensure(key.fieldBytes + 16)
  writer.varint(writer.written() - before)
  writer.byte(0x12)
  writer.words(key.words, key.fieldBytes)
  writer.varint(writer.written() - before)
  writer.byte(tag)
}

function writeAnyValue(writer: ReverseWriter, value: AnyValue): void {
  switch (value.type) {
    case ValueType.Text: {
      const length = value.b - value.a
      writer.ensure(length + 24)
      const isText = writer.slice(value.ref as Uint8Array, value.a, value.b)
      writer.varint(length)
      writer.byte(isText ? 0x0a : 0x3a)
      return
    }
    case ValueType.Int:
      writer.ensure(24)
      writer.varint64(value.a, value.b)
      writer.byte(0x18)
      return
    case ValueType.String: {
      const length = writer.string(value.ref as string)
      writer.ensure(24)
      writer.varint(length)
      writer.byte(0x0a)
      return
    }
    case ValueType.Bool:
      writer.ensure(24)
      writer.byte(value.a)
      writer.byte(0x10)
      return
    case ValueType.Double:
      writer.ensure(24)
      writer.fixed64(value.a, value.b)
      writer.byte(0x21)
      return
    case ValueType.Bytes:
      writer.raw(value.ref as Uint8Array, value.a, value.b)
      writer.ensure(24)
      writer.varint(value.b - value.a)
      writer.byte(0x3a)
      return
    case ValueType.Array: {
      const before = writer.written()
      const values = value.ref as readonly AnyValue[]
      for (let i = values.length - 1; i >= 0; i--) {
        const beforeOne = writer.written()
        writeAnyValue(writer, values[i] as AnyValue)
        writer.field(0x0a, beforeOne)
      }
      writer.field(0x2a, before)
      return
    }
    case ValueType.KvList: {
      const before = writer.written()
      writeAttributes(writer, value.ref as readonly KeyValue[], 0x0a)
      writer.field(0x32, before)
      return
    }
  }
}
