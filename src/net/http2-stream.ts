/** One HTTP/2 request and its answer, and what a connection asks of its owner. */

import { Http2Code } from './http2-frames.ts'

export interface Http2Limits {
  /** Streams open at once; further ones are refused. */
  readonly streams: number
  /** Bytes of a header list as RFC 9113, 6.5.2 counts them. */
  readonly headerBytes: number
  /** How much a client may send ahead, over one stream and over the connection. */
  readonly streamWindow: number
  readonly connectionWindow: number
}

/** What happens on a connection. `C` is what its owner keeps of a stream. */
export interface Http2Handler<C> {
  /** The header list is there; `stream.tooLarge` says that it was over the limit and is not complete. */
  open(stream: Http2Stream<C>): void
  /** A piece of the body, valid until the call returns. */
  data(stream: Http2Stream<C>, bytes: Buffer, start: number, end: number): void
  /** The client has said all. */
  end(stream: Http2Stream<C>): void
  /** The stream is gone before it was answered: reset by the client, or its connection was closed. */
  aborted(stream: Http2Stream<C>): void
  /** The first bytes are not HTTP/2. Nothing more is to be fed. */
  foreign(bytes: Buffer): void
  /** There is something to write: `take` it soon. */
  pending(): void
  /** The connection is over: write what is left, then close. `reason` is set when a limit or a fault of the client ended it. */
  over(reason: string | undefined): void
}

/** State of one stream. Its connection changes it, nobody else. */
export class Http2Stream<C> {
  readonly id: number
  readonly names: string[] = []
  readonly values: string[] = []
  tooLarge = false
  /** The client has sent its last byte. */
  ended = false
  /** Answered, reset, or gone. */
  closed = false
  /** The owner's. */
  context: C | undefined = undefined
  sendWindow: number
  receiveWindow: number
  /** Bytes received since the last WINDOW_UPDATE. */
  unacknowledged = 0
  /** What waits for the client's window, and the trailers behind it. */
  waiting: Uint8Array | undefined = undefined
  trailers: Uint8Array | undefined = undefined

  constructor(id: number, sendWindow: number, receiveWindow: number) {
    this.id = id
    this.sendWindow = sendWindow
    this.receiveWindow = receiveWindow
  }

  /** The value of a field by its lower-case name; of several the first. */
  field(name: string): string | undefined {
    const { names } = this
    for (let i = 0; i < names.length; i++) if (names[i] === name) return this.values[i]
    return undefined
  }
}

/** Ends the connection. */
export class ConnectionFault extends Error {
  /** One of {@link Http2Code}. */
  readonly code: number
  /** A word for the counter. */
  readonly reason: string

  constructor(code: number, reason: string) {
    super(reason)
    this.code = code
    this.reason = reason
  }
}

/** Ends the connection of a client that does not keep to the protocol. */
export function protocolFault(reason: string): never {
  throw new ConnectionFault(Http2Code.ProtocolError, reason)
}
