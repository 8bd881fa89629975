/** Turns merged batches into a body: protobuf as it is or JSON, plain or gzip. Done once, however often it is sent. */

import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Signal } from '../otlp/intake.ts'
import type { OutgoingRequest, Sender } from './sender.ts'
import type { WireRequest } from './transport/http.ts'

export interface EncodeOptions {
  readonly json: boolean
  readonly gzipLevel: number | undefined
  /** Protobuf request → OTLP JSON. */
  readonly toJson: (signal: Signal, data: Uint8Array) => string | Uint8Array
}

const gzipAsync = promisify(gzip)

/** Parts below this are joined: a system call each would cost more than the copy. */
const joinBelowBytes = 32 * 1024

/** Joins neighbouring small parts; large ones stay as they are, uncopied. Empty parts vanish. */
export function joinSmallParts(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  if (parts.length === 1) return parts
  const joined: Uint8Array[] = []
  let small: Uint8Array[] = []
  const flush = (): void => {
    if (small.length > 0) joined.push(small.length === 1 ? (small[0] as Uint8Array) : Buffer.concat(small))
    small = []
  }
  for (const part of parts) {
    if (part.byteLength === 0) continue
    if (part.byteLength < joinBelowBytes) {
      small.push(part)
      continue
    }
    flush()
    joined.push(part)
  }
  flush()
  return joined
}

/** A sender of merged batches on top of one of wire requests. */
export function withEncoding(send: Sender<WireRequest>, options: EncodeOptions): Sender<OutgoingRequest> {
  return async (request, abort) => {
    let body: readonly Uint8Array[]
    if (options.json) {
      const json = options.toJson(
        request.signal,
        request.parts.length === 1 ? (request.parts[0] as Uint8Array) : Buffer.concat(request.parts),
      )
      body = [typeof json === 'string' ? Buffer.from(json) : json]
    } else body = joinSmallParts(request.parts)
    if (options.gzipLevel !== undefined) body = [await gzipAsync(Buffer.concat(body), { level: options.gzipLevel })]
    let bytes = 0
    for (const part of body) bytes += part.byteLength
    await send(
      {
        signal: request.signal,
        items: request.items,
        body,
        bytes,
        contentType: options.json ? 'application/json' : 'application/x-protobuf',
        contentEncoding: options.gzipLevel === undefined ? undefined : 'gzip',
        onRepeat: () => request.onRepeat(),
        onPartialSuccess: (partial) => request.onPartialSuccess(partial),
      },
      abort,
    )
  }
}
