/** An OTLP/HTTP endpoint that decodes what it gets with protobufjs and keeps it flat, one entry a span. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import { gunzipSync } from 'node:zlib'
import protobuf from 'protobufjs'

/** `{ stringValue }`, `{ intValue: '200' }`, `{ boolValue }`, `{ doubleValue }`, … as in OTLP/JSON. */
export type AnyValue = Readonly<Record<string, unknown>>
export type Attributes = Readonly<Record<string, AnyValue>>

/** A span with the resource it came under. Ids are hex, times decimal strings of ns, absent fields their defaults. */
export interface SunkSpan {
  readonly resource: Attributes
  readonly scope: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly kind: number
  readonly start: string
  readonly end: string
  readonly flags: number
  readonly attributes: Attributes
  readonly events: readonly { readonly time: string; readonly name: string; readonly attributes: Attributes }[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[]
  readonly status: number
  readonly statusMessage: string
}

// The fields of opentelemetry/proto/{collector/trace,trace,resource,common}/v1 that traces use, by their public numbers.
const schema = `
  syntax = "proto3";
  message Request { repeated ResourceSpans resourceSpans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; string schemaUrl = 3; }
  message Resource { repeated KeyValue attributes = 1; uint32 droppedAttributesCount = 2; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schemaUrl = 3; }
  message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 droppedAttributesCount = 4; }
  message Span {
    bytes traceId = 1; bytes spanId = 2; string traceState = 3; bytes parentSpanId = 4; string name = 5; uint32 kind = 6;
    fixed64 start = 7; fixed64 end = 8; repeated KeyValue attributes = 9; uint32 droppedAttributesCount = 10;
    repeated Event events = 11; uint32 droppedEventsCount = 12; repeated Link links = 13; uint32 droppedLinksCount = 14;
    Status status = 15; fixed32 flags = 16;
  }
  message Event { fixed64 time = 1; string name = 2; repeated KeyValue attributes = 3; uint32 droppedAttributesCount = 4; }
  message Link { bytes traceId = 1; bytes spanId = 2; string traceState = 3; repeated KeyValue attributes = 4; uint32 droppedAttributesCount = 5; fixed32 flags = 6; }
  message Status { string message = 2; uint32 code = 3; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value {
    string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4;
    ArrayValue arrayValue = 5; KeyValueList kvlistValue = 6; bytes bytesValue = 7;
  } }
  message ArrayValue { repeated AnyValue values = 1; }
  message KeyValueList { repeated KeyValue values = 1; }
`
const requestType = protobuf.parse(schema).root.lookupType('Request')

interface WireKeyValue {
  readonly key: string
  readonly value: AnyValue | null
}
interface WireSpan {
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly parentSpanId: Uint8Array
  readonly name: string
  readonly kind: number
  readonly start: string
  readonly end: string
  readonly flags: number
  readonly attributes: readonly WireKeyValue[]
  readonly events: readonly { readonly time: string; readonly name: string; readonly attributes: readonly WireKeyValue[] }[]
  readonly links: readonly { readonly traceId: Uint8Array; readonly spanId: Uint8Array; readonly attributes: readonly WireKeyValue[] }[]
  readonly status: { readonly code: number; readonly message: string } | null
}
interface WireRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireKeyValue[] } | null
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version: string } | null
      readonly spans: readonly WireSpan[]
    }[]
  }[]
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const toAttributes = (list: readonly WireKeyValue[]): Attributes => {
  const found: Record<string, AnyValue> = {}
  for (const { key, value } of list) {
    if (key in found) throw new Error(`cannot take attributes: key ${key} comes twice`)
    found[key] = value ?? {}
  }
  return found
}

const flatten = (body: Buffer): SunkSpan[] => {
  const request = requestType.toObject(requestType.decode(body), { longs: String, defaults: true, arrays: true }) as WireRequest
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        resource: toAttributes(resource?.attributes ?? []),
        scope: scope === null ? '' : `${scope.name}${scope.version}`,
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        name: span.name,
        kind: span.kind,
        start: span.start,
        end: span.end,
        flags: span.flags,
        attributes: toAttributes(span.attributes),
        events: span.events.map((event) => ({ time: event.time, name: event.name, attributes: toAttributes(event.attributes) })),
        links: span.links.map((link) => ({
          traceId: hex(link.traceId),
          spanId: hex(link.spanId),
          attributes: toAttributes(link.attributes),
        })),
        status: span.status?.code ?? 0,
        statusMessage: span.status?.message ?? '',
      })),
    ),
  )
}

export interface Sink {
  /** For `emit.endpoint`: without `/v1/traces`. */
  readonly url: string
  /** Every span received so far. */
  readonly spans: SunkSpan[]
  /** Requests that were not a POST of protobuf to `/v1/traces`, or could not be decoded. */
  readonly faults: string[]
  close(): Promise<void>
}

/** Starts a sink on a free port; it confirms everything. */
export async function startSink(): Promise<Sink> {
  const spans: SunkSpan[] = []
  const faults: string[] = []
  const server = createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const type = request.headers['content-type']
      try {
        if (request.method !== 'POST' || request.url !== '/v1/traces') throw new Error(`${request.method} ${request.url}`)
        if (type !== 'application/x-protobuf') throw new Error(`content type ${type}`)
        const body = Buffer.concat(chunks)
        spans.push(...flatten(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body))
        reply.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
      } catch (error) {
        faults.push(String(error))
        reply.writeHead(400, { 'content-length': 0 }).end()
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  const { port } = server.address() as { port: number }
  return { url: `http://127.0.0.1:${port}`, spans, faults, close }
}
