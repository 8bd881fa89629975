/** Reads the body of a request into one buffer, without believing what the request declares about it. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { BridgeError } from '../errors.ts'

export interface BodyReaderOptions {
  /** Bytes on the wire; more is OB_LIMIT_BODY. */
  readonly maxBytes: number
  /** Key of the configuration that holds the limit, for messages: `ingest.zipkin.limits.compressedBody`. */
  readonly limitKey: string
}

/** Ends reading. `body` is valid until `release` was called; after an error the rest of the body is not read. */
export interface BodyTaken {
  done(body: Uint8Array): void
  failed(error: BridgeError, readBytes: number): void
}

export interface BodyReader {
  /** The declared length; -1 without one (chunked), NaN never: node refuses a length that is not a number. */
  declared(request: IncomingMessage): number
  /** OB_LIMIT_BODY when the declared length is over the limit already. */
  tooLarge(request: IncomingMessage): BridgeError | undefined
  /** Reads to the end. Fails with OB_LIMIT_BODY, or OB_CUT_OFF when the sender or a time-out closed the connection. */
  read(request: IncomingMessage, response: ServerResponse, taken: BodyTaken): void
  /** Gives a body back for reuse; nothing may hold on to it. */
  release(body: Uint8Array): void
}

/** What is allocated on the word of a Content-Length, at most: the rest must have come before more is. */
const trustedBytes = 256 * 1024

const smallestBuffer = 128 * 1024

/** Buffers kept for reuse, by size; 128 KiB to 1 MiB, so a few MiB in all. */
const keptPerSize = 4
const largestKept = 1024 * 1024

const expecting = new WeakSet<IncomingMessage>()

/** Marks a request that waits for `100 Continue`: it is sent when, and if, its body is read. */
export function waitsForContinue(request: IncomingMessage): void {
  expecting.add(request)
}

/** True when the sender still waits for `100 Continue`: it has sent no body, and need not. */
export function isWaiting(request: IncomingMessage): boolean {
  return expecting.has(request)
}

/** Asks for the body of a request that waits for that. Called by whoever begins to read one. */
export function beginBody(request: IncomingMessage, response: ServerResponse): void {
  if (expecting.delete(request)) response.writeContinue()
}

/** Creates a {@link BodyReader}; one per listener. */
export function createBodyReader(options: BodyReaderOptions): BodyReader {
  const { maxBytes } = options
  const kept = new Map<number, ArrayBuffer[]>()

  const acquire = (bytes: number): Buffer => {
    let size = smallestBuffer
    while (size < bytes) size *= 2
    const found = kept.get(size)?.pop()
    return found === undefined ? Buffer.allocUnsafeSlow(size) : Buffer.from(found)
  }

  const release = (body: Uint8Array): void => {
    const memory = body.buffer
    const size = memory.byteLength
    if (!(memory instanceof ArrayBuffer) || size < smallestBuffer || size > largestKept || (size & (size - 1)) !== 0) return
    let list = kept.get(size)
    if (list === undefined) kept.set(size, (list = []))
    if (list.length < keptPerSize) list.push(memory)
  }

  const overLimit = (): BridgeError =>
    new BridgeError('OB_LIMIT_BODY', `cannot take body: it is larger than ${maxBytes} bytes (${options.limitKey})`)

  const declared = (request: IncomingMessage): number => {
    const header = request.headers['content-length']
    return header === undefined ? -1 : Number(header)
  }

  return {
    declared,
    release,
    tooLarge: (request) => (declared(request) > maxBytes ? overLimit() : undefined),
    read(request, response, taken) {
      const length = declared(request)
      // The first piece is kept as it is: most bodies are one piece, and then nothing is copied.
      let first: Uint8Array | undefined
      let whole: Buffer | undefined
      let filled = 0
      let over = false

      const grow = (needed: number): Buffer => {
        const bigger = acquire(Math.min(maxBytes, Math.max(needed, filled * 2, Math.min(length, trustedBytes))))
        if (whole !== undefined) {
          whole.copy(bigger, 0, 0, filled)
          release(whole)
        } else if (first !== undefined) {
          bigger.set(first, 0)
        }
        return bigger
      }

      const fail = (error: BridgeError): void => {
        over = true
        request.removeListener('data', onData)
        if (whole !== undefined) release(whole)
        taken.failed(error, filled)
      }

      const onData = (piece: Buffer): void => {
        const total = filled + piece.length
        if (total > maxBytes) {
          fail(overLimit())
          return
        }
        if (filled === 0) {
          first = piece
        } else {
          if (whole === undefined || whole.length < total) whole = grow(total)
          whole.set(piece, filled)
        }
        filled = total
      }
      request.on('data', onData)
      request.on('end', () => {
        if (over) return
        over = true
        taken.done(whole === undefined ? (first ?? empty) : whole.subarray(0, filled))
      })
      request.on('close', () => {
        if (!over) fail(new BridgeError('OB_CUT_OFF', 'cannot read body: the connection was closed before its end'))
      })
      beginBody(request, response)
    },
  }
}

const empty = new Uint8Array(0)
