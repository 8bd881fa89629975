/** OTLP/JSON spans as the bytes of a request. */

import { jsonToRequest } from '../../src/otlp/json/to-proto.ts'
import type { OtlpJsonSpan } from '../../src/read/otlp-json.ts'

/** Protobuf of an `ExportTraceServiceRequest`. */
export function requestToProto(spans: readonly OtlpJsonSpan[]): Uint8Array {
  const resourceSpans = spans.map(({ resource, scope, span }) => ({ resource, scopeSpans: [{ scope, spans: [span] }] }))
  return jsonToRequest('traces', Buffer.from(JSON.stringify({ resourceSpans })), 64)
}
