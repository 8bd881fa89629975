/** Turns merged batches into a body: protobuf as it is or JSON, plain, gzip or zstd. Done once, however often it is sent. */

import { promisify } from 'node:util'
import { constants, gzip, zstdCompress } from 'node:zlib'
import type { Signal } from '../otlp/intake.ts'
import type { Compression } from './destinations.ts'
import { isSendError, type OutgoingRequest, type SendError, type Sender } from './sender.ts'
import type { WireRequest } from './transport/wire.ts'

export interface EncodeOptions {
  readonly json: boolean
  readonly compression: Compression
  readonly level: number
  /** Protobuf request → OTLP JSON. */
  readonly toJson: (signal: Signal, data: Uint8Array) => string | Uint8Array
  /** The endpoint does not know the compression it was sent; from now on it gets the other. */
  readonly onFallback?: (from: Compression, to: Compression, error: SendError) => void
}

const gzipAsync = promisify(gzip)
const zstdAsync = promisify(zstdCompress)

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

/** What an endpoint is sent that does not know a compression. Servers of gRPC know gzip, most of them nothing else. */
const fallback: Readonly<Record<Compression, Compression | undefined>> = { zstd: 'gzip', gzip: 'none', none: undefined }

/** True when it is the compression that the endpoint does not know, as far as it says. */
function aboutCompression({ reason, message }: SendError): boolean {
  return reason === 'http_415' || (reason === 'grpc_unimplemented' && /compress|encoding/i.test(message))
}

const join = (parts: readonly Uint8Array[]): Uint8Array => (parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts))

function compressed(body: readonly Uint8Array[], compression: 'gzip' | 'zstd', level: number): Promise<Buffer> {
  if (compression === 'gzip') return gzipAsync(join(body), { level: Math.min(level, 9) })
  return zstdAsync(join(body), { params: { [constants.ZSTD_c_compressionLevel]: level } })
}

/**
 * A sender of merged batches on top of one of wire requests. When the endpoint says that it does not know the compression, the request is
 * sent with the next simpler one; if that helps, all that follow are too.
 */
export function withEncoding(send: Sender<WireRequest>, options: EncodeOptions): Sender<OutgoingRequest> {
  let inForce = options.compression

  const attempt = async (request: OutgoingRequest, plain: readonly Uint8Array[], compression: Compression, abort: AbortSignal) => {
    const body = compression === 'none' ? plain : [await compressed(plain, compression, options.level)]
    let bytes = 0
    for (const part of body) bytes += part.byteLength
    await send(
      {
        signal: request.signal,
        items: request.items,
        body,
        bytes,
        contentType: options.json ? 'application/json' : 'application/x-protobuf',
        contentEncoding: compression === 'none' ? undefined : compression,
        onRepeat: (mayHaveArrived) => request.onRepeat(mayHaveArrived),
        onPartialSuccess: (partial) => request.onPartialSuccess(partial),
      },
      abort,
    )
  }

  return async (request, abort) => {
    let body: readonly Uint8Array[]
    if (options.json) {
      const json = options.toJson(request.signal, join(request.parts))
      body = [typeof json === 'string' ? Buffer.from(json) : json]
    } else body = joinSmallParts(request.parts)
    const first = inForce
    let refused: SendError | undefined
    for (let compression: Compression | undefined = first; compression !== undefined; compression = fallback[compression]) {
      try {
        await attempt(request, body, compression, abort)
      } catch (error) {
        if (!isSendError(error) || !aboutCompression(error) || fallback[compression] === undefined) throw error
        // A connection that ends may still hold the memory.
        request.onRepeat()
        refused = error
        continue
      }
      if (refused !== undefined && inForce === first) {
        inForce = compression
        options.onFallback?.(first, compression, refused)
      }
      return
    }
  }
}
