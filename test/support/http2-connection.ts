/** A connection without a socket: what it was told, and what it wrote. */

import { Http2Connection } from '../../src/net/http2.ts'
import { FrameType } from '../../src/net/http2-frames.ts'
import type { Http2Handler, Http2Limits, Http2Stream } from '../../src/net/http2-stream.ts'
import { type Frame, framesIn, hello } from './http2-frames.ts'

/** Small, so that tests reach them. */
export const limits: Http2Limits = { streams: 3, headerBytes: 1024, streamWindow: 40_000, connectionWindow: 80_000 }

export interface Seen {
  readonly connection: Http2Connection<string>
  readonly events: string[]
  readonly streams: Http2Stream<string>[]
  feed(...frames: Uint8Array[]): void
  /** Frames written since the last call. */
  written(): Frame[]
  /** Code of the GOAWAY that ended it; undefined while it lives. */
  ended(): number | undefined
}

/** @param own limits other than those of the tests. @param greet false: the preface is still to be sent */
export function connect(own: Partial<Http2Limits> = {}, greet = true): Seen {
  const events: string[] = []
  const streams: Http2Stream<string>[] = []
  const handler: Http2Handler<string> = {
    open(stream) {
      streams.push(stream)
      events.push(`open ${stream.id} ${stream.field(':path')}${stream.tooLarge ? ' too large' : ''}`)
    },
    data: (stream, bytes, start, end) => void events.push(`data ${stream.id} ${bytes.toString('latin1', start, end)}`),
    end: (stream) => void events.push(`end ${stream.id}`),
    aborted: (stream) => void events.push(`aborted ${stream.id}`),
    foreign: (bytes) => void events.push(`foreign ${bytes.toString('latin1')}`),
    pending() {},
    over: (reason) => void events.push(`over ${reason}`),
  }
  const connection = new Http2Connection<string>({ ...limits, ...own }, handler)
  const written = (): Frame[] => framesIn(connection.take())
  const seen: Seen = {
    connection,
    events,
    streams,
    feed(...frames) {
      const bytes = Buffer.concat(frames)
      connection.feed(bytes, bytes.length)
    },
    written,
    ended: () =>
      written()
        .find((one) => one.type === FrameType.GoAway)
        ?.payload.readUInt32BE(4),
  }
  if (greet) {
    seen.feed(hello())
    written()
  }
  return seen
}
