/** Option `sharedSpans: split` (rule Z-F3): an id of its own for the server half of an RPC. */

import { createHash } from 'node:crypto'
import type { Words } from '../../otlp/time.ts'
import type { ZipkinSpan } from './model.ts'

const input = new DataView(new ArrayBuffer(24))

/** First 8 bytes of SHA-256(traceId ‖ id ‖ "server"): the same for every sender and every run. */
export function serverSpanId(span: ZipkinSpan, out: Words): void {
  input.setInt32(0, span.trace0)
  input.setInt32(4, span.trace1)
  input.setInt32(8, span.trace2)
  input.setInt32(12, span.trace3)
  input.setInt32(16, span.span0)
  input.setInt32(20, span.span1)
  const digest = createHash('sha256').update(input).update('server').digest()
  out.hi = digest.readInt32BE(0)
  out.lo = digest.readInt32BE(4)
}
