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
 */

import type { Event, KeyValue, Link, ResourceSpans, ScopeSpans, Span, Text, Traces } from '../model.ts'
import { writeAttributes, writeName, writeUint32 } from './values.ts'
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
  endResourceSpans(writer, resourceSpans.attributes, before)
}

/** What stands before the scopes of a resource. @param before see ReverseWriter.written: before the last scope was written */
export function endResourceSpans(writer: ReverseWriter, attributes: readonly KeyValue[], before: number): void {
  const beforeResource = writer.written()
  writeAttributes(writer, attributes, 0x0a)
  writer.field(0x0a, beforeResource)
  writer.field(0x0a, before)
}

function writeScopeSpans(writer: ReverseWriter, scopeSpans: ScopeSpans): void {
  const before = writer.written()
  const { spans } = scopeSpans
  for (let i = spans.length - 1; i >= 0; i--) writeSpan(writer, spans[i] as Span)
  endScopeSpans(writer, scopeSpans.scopeName, scopeSpans.scopeVersion, before)
}

/** What stands before the spans of a scope. @param before see ReverseWriter.written: before the last span was written */
export function endScopeSpans(writer: ReverseWriter, name: Text, version: Text, before: number): void {
  const beforeScope = writer.written()
  writeName(writer, version, 0x12)
  writeName(writer, name, 0x0a)
  writer.field(0x0a, beforeScope)
  writer.field(0x12, before)
}

/** A span with its tag and length, as it stands in a ScopeSpans. */
export function writeSpan(writer: ReverseWriter, span: Span): void {
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
