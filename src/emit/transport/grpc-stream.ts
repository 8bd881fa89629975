/** How the stream of one unary call ends, whoever makes the call. */

import { type ClientHttp2Stream, constants } from 'node:http2'
import type { Connection } from './grpc-connection.ts'

/** What is known of a stream that is over. */
export interface EndedStream {
  readonly body: Buffer
  /** What broke the stream; undefined when it ended well. */
  readonly fault: unknown
  /** The other side did not begin to work on it. */
  readonly refused: boolean
  /** All of the request has left. */
  readonly whole: boolean
}

/**
 * Reads a stream to its end, and tells its connection of every sign of life. Resolves however it ends; to be called before the request is written.
 * @param maxBytes of an answer; a longer one is a fault
 */
export function endOfStream(connection: Connection, stream: ClientHttp2Stream, maxBytes: number): Promise<EndedStream> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    let fault: unknown
    stream.on('response', () => connection.heard())
    stream.on('data', (chunk: Buffer) => {
      connection.heard()
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else {
        fault ??= new Error(`its answer is longer than ${maxBytes} bytes`)
        stream.close(constants.NGHTTP2_CANCEL)
      }
    })
    stream.on('error', (error) => void (fault ??= error))
    stream.on('close', () => {
      // A GOAWAY that broke the stream is told a moment after it.
      setImmediate(() => {
        const { lastStreamId } = connection
        const unseen = lastStreamId !== undefined && stream.id !== undefined && stream.id > lastStreamId
        resolve({
          body: Buffer.concat(chunks),
          fault: fault ?? (stream.rstCode === 0 ? undefined : new Error(`stream closed with code ${stream.rstCode}`)),
          whole: stream.writableFinished,
          refused: unseen || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || stream.id === undefined,
        })
      })
    })
  })
}

/** The text of `grpc-message`; as it came where it is not percent-encoded as it should be, empty without one. */
export function grpcMessage(header: string | undefined): string {
  const text = header ?? ''
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
