/**
 * The server's side of one HTTP/2 connection: streams, windows, and the limits that keep a client from spending our memory
 * or time. It knows no socket and no gRPC: bytes come in by `feed` and go out by `take`.
 *
 * Written because node:http2 costs 150 µs for a unary call of 63 kB and this a fifth of it (RATIONALE.md). Left out: push,
 * priorities, header compression of answers. @see RFC 9113
 */

import { HpackError } from './hpack.ts'
import { Credit, honestPiece, price } from './http2-credit.ts'
import {
  Flag,
  FrameType,
  firstWindow,
  frame,
  frameBytes,
  frameHeadBytes,
  goAwayFrame,
  Http2Code,
  largestWindow,
  numberFrame,
  putFrameHead,
  Setting,
  settingsFrame,
} from './http2-frames.ts'
import { checkPriority, HeaderBlocks } from './http2-headers.ts'
import { EarlyEnds } from './http2-late.ts'
import { FrameReader, type FrameSink } from './http2-reader.ts'
import { ConnectionFault, type Http2Handler, type Http2Limits, Http2Stream, protocolFault } from './http2-stream.ts'

const noBytes: Buffer = Buffer.alloc(0)

/** Dynamic table size update to 0. @see RFC 7541, 6.3 */
const tableOfNothing = Buffer.from([0x20])

export class Http2Connection<C> implements FrameSink {
  readonly streams = new Map<number, Http2Stream<C>>()
  /** The preface and the first SETTINGS have come. */
  established = false
  /** We have said GOAWAY and mean it: further streams are refused, and the connection ends with its last stream. */
  closing = false
  over = false
  /** Pings of ours that are not answered yet. */
  pingsOut = 0
  /** Called back when our next ping is answered. */
  onPong: (() => void) | undefined = undefined
  /** Bytes that wait to be taken. */
  outBytes = 0

  private readonly limits: Http2Limits
  private readonly handler: Http2Handler<C>
  private readonly reader: FrameReader
  private readonly blocks: HeaderBlocks
  private readonly credit = new Credit()
  /** Highest stream id seen. */
  private lastId = 0
  private readonly early = new EarlyEnds()
  private dataStream: Http2Stream<C> | undefined = undefined
  /** Nothing but padding has come of the DATA frame at hand. */
  private hollow = false
  private greeted = false

  private receiveWindow: number
  private unacknowledged = 0
  private sendWindow: number = firstWindow
  private peerWindow: number = firstWindow
  private peerFrame: number = frameBytes
  /** The peer made its header table smaller: our next block must say that we know. */
  private tableUpdateDue = false
  /** Streams with bytes that wait for a window. */
  private waiting = 0
  private out: Uint8Array[] = []

  /** Queues our SETTINGS at once. */
  constructor(limits: Http2Limits, handler: Http2Handler<C>) {
    this.limits = limits
    this.handler = handler
    this.receiveWindow = limits.connectionWindow
    this.reader = new FrameReader(this)
    this.blocks = new HeaderBlocks(limits.headerBytes, (id, ends, bytes, start, end) => this.onBlock(id, ends, bytes, start, end))
    this.send(
      settingsFrame([
        [Setting.MaxConcurrentStreams, limits.streams],
        [Setting.InitialWindowSize, limits.streamWindow],
        [Setting.MaxHeaderListSize, limits.headerBytes],
      ]),
    )
    if (limits.connectionWindow > firstWindow) {
      this.send(numberFrame(FrameType.WindowUpdate, 0, limits.connectionWindow - firstWindow))
    }
  }

  /** The client owes us the rest of a header block. */
  get inHeaders(): boolean {
    return this.blocks.openId !== 0
  }

  /** Everything to be written now, in one piece; empty when there is nothing. */
  take(): Uint8Array {
    const { out } = this
    if (out.length === 0) return noBytes
    const all = out.length === 1 ? (out[0] as Uint8Array) : Buffer.concat(out, this.outBytes)
    this.out = []
    this.outBytes = 0
    return all
  }

  /** Takes what the client sent: bytes 0 to `length`, of which nothing is kept. */
  feed(bytes: Buffer, length: number): void {
    if (this.over) return
    try {
      this.reader.read(bytes, length)
      this.greet()
    } catch (error) {
      if (error instanceof ConnectionFault) this.end(error.code, error.reason)
      else if (error instanceof HpackError) this.end(Http2Code.CompressionError, 'bad_headers')
      else throw error
    }
  }

  /** Our own SETTINGS wait for the preface: who speaks something else is not to find them before the answer. */
  private greet(): void {
    if (this.greeted || !this.reader.greeted || this.over) return
    this.greeted = true
    this.handler.pending()
  }

  /** Called once in a while. @param seconds since the last call */
  refill(seconds: number): void {
    this.credit.refill(seconds)
  }

  // What the reader tells

  foreign(bytes: Buffer): void {
    this.over = true
    this.handler.foreign(bytes)
  }

  mayBegin(type: number, id: number): void {
    if (!this.established && type !== FrameType.Settings) protocolFault('no_settings')
    const { openId } = this.blocks
    if (openId !== 0 && (type !== FrameType.Continuation || id !== openId)) protocolFault('cut_headers')
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FrameType.Headers:
        this.blocks.begin(id, flags, bytes, start, end)
        return
      case FrameType.Continuation:
        this.blocks.add(bytes, start, end, flags)
        return
      case FrameType.RstStream:
        this.credit.spend(price.reset)
        this.onReset(id, end - start)
        return
      case FrameType.PushPromise:
        protocolFault('push_promise')
    }
    this.credit.spend(price.frame)
    if (type === FrameType.WindowUpdate) this.onWindowUpdate(id, bytes, start, end)
    else if (type === FrameType.Ping) this.onPing(flags, id, bytes, start, end)
    else if (type === FrameType.Settings) this.onSettings(flags, id, bytes, start, end)
    else if (type === FrameType.Priority) checkPriority(id, bytes, start, end)
    // GOAWAY: its streams are served to their end, then the client closes. Unknown types must be ignored.
    else if (type === FrameType.GoAway && id !== 0) protocolFault('go_away')
  }

  dataBegins(id: number, flags: number, length: number): void {
    if (id === 0 || id > this.lastId) protocolFault('data_without_stream')
    this.receiveWindow -= length
    if (this.receiveWindow < 0) throw new ConnectionFault(Http2Code.FlowControlError, 'window')
    this.unacknowledged += length
    const stream = this.streams.get(id)
    this.dataStream = stream
    this.hollow = stream !== undefined
    if (stream === undefined) {
      this.early.frame(id, (flags & Flag.EndStream) !== 0, 'data_after_end')
      // Small pieces of what is thrown away are no honest client's.
      if (length < honestPiece) this.credit.spend(price.frame)
      return
    }
    if (stream.ended) throw new ConnectionFault(Http2Code.StreamClosed, 'data_after_end')
    stream.receiveWindow -= length
    stream.unacknowledged += length
    if (stream.receiveWindow < 0) throw new ConnectionFault(Http2Code.FlowControlError, 'window')
  }

  data(bytes: Buffer, start: number, end: number): void {
    const stream = this.dataStream
    this.hollow = false
    if (stream !== undefined && !stream.closed) this.handler.data(stream, bytes, start, end)
  }

  dataEnds(flags: number): void {
    const stream = this.dataStream
    this.dataStream = undefined
    if (this.hollow) this.credit.spend(price.frame)
    if (this.unacknowledged * 2 >= this.limits.connectionWindow) {
      this.send(numberFrame(FrameType.WindowUpdate, 0, this.unacknowledged))
      this.receiveWindow += this.unacknowledged
      this.unacknowledged = 0
    }
    if (stream === undefined || stream.closed) return
    if ((flags & Flag.EndStream) !== 0) this.endStream(stream)
    else if (stream.unacknowledged * 2 >= this.limits.streamWindow) {
      this.send(numberFrame(FrameType.WindowUpdate, stream.id, stream.unacknowledged))
      stream.receiveWindow += stream.unacknowledged
      stream.unacknowledged = 0
    }
  }

  private endStream(stream: Http2Stream<C>): void {
    stream.ended = true
    this.handler.end(stream)
  }

  private onBlock(id: number, ends: boolean, bytes: Buffer, start: number, end: number): void {
    if (id <= this.lastId) {
      // Trailers, or headers of a stream that is over.
      const good = this.blocks.readTrailers(bytes, start, end)
      const known = this.streams.get(id)
      if (known === undefined) {
        this.early.frame(id, ends, 'headers_after_end')
        this.credit.spend(price.frame)
      } else if (known.ended || !ends || !good) protocolFault('headers_twice')
      else this.endStream(known)
      return
    }
    this.lastId = id
    const stream = new Http2Stream<C>(id, this.peerWindow, this.limits.streamWindow)
    const good = this.blocks.read(stream, bytes, start, end)
    const room = !this.closing && this.streams.size < this.limits.streams
    if (!good || !room) {
      this.credit.spend(price.reset)
      if (!ends) this.early.add(id)
      this.send(numberFrame(FrameType.RstStream, id, good ? Http2Code.RefusedStream : Http2Code.ProtocolError))
      return
    }
    this.streams.set(id, stream)
    // Known before it is opened: what is answered at its head has no rest that would have to be reset.
    stream.ended = ends
    this.handler.open(stream)
    if (ends && !stream.closed) this.handler.end(stream)
  }

  // The other frames

  private onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) protocolFault('ping')
    if (end - start !== 8) throw new ConnectionFault(Http2Code.FrameSizeError, 'ping')
    if ((flags & Flag.Ack) === 0) {
      this.send(frame(FrameType.Ping, Flag.Ack, 0, bytes.subarray(start, end)))
      return
    }
    this.pingsOut = 0
    const { onPong } = this
    this.onPong = undefined
    onPong?.()
  }

  /** Asks the client whether it is there. */
  ping(): void {
    this.pingsOut++
    this.send(frame(FrameType.Ping, 0, 0, Buffer.alloc(8)))
  }

  private onReset(id: number, length: number): void {
    if (length !== 4) throw new ConnectionFault(Http2Code.FrameSizeError, 'reset')
    if (id === 0 || id > this.lastId) protocolFault('reset')
    const stream = this.streams.get(id)
    this.early.delete(id)
    if (stream === undefined) return
    this.remove(stream)
    this.handler.aborted(stream)
  }

  private onWindowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionFault(Http2Code.FrameSizeError, 'window_update')
    const more = bytes.readUInt32BE(start) & largestWindow
    if (more === 0) protocolFault('window_update')
    if (id === 0) {
      this.sendWindow += more
      if (this.sendWindow > largestWindow) throw new ConnectionFault(Http2Code.FlowControlError, 'window_update')
      if (this.waiting > 0) for (const stream of this.streams.values()) this.pump(stream)
      return
    }
    const stream = this.streams.get(id)
    if (stream === undefined) {
      if (id > this.lastId) protocolFault('window_update')
      return
    }
    stream.sendWindow += more
    if (stream.sendWindow <= largestWindow) {
      this.pump(stream)
      return
    }
    // Its neighbours have no part in it.
    this.credit.spend(price.reset)
    this.reset(stream, Http2Code.FlowControlError)
    this.handler.aborted(stream)
  }

  private onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) protocolFault('settings')
    if ((flags & Flag.Ack) !== 0) {
      if (end !== start) throw new ConnectionFault(Http2Code.FrameSizeError, 'settings')
      return
    }
    if ((end - start) % 6 !== 0) throw new ConnectionFault(Http2Code.FrameSizeError, 'settings')
    // One frame may hold thousands, each of which may go through all streams.
    this.credit.spend(((end - start) / 6) * price.frame)
    for (let at = start; at < end; at += 6) this.onSetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2))
    this.established = true
    this.send(frame(FrameType.Settings, Flag.Ack, 0, noBytes))
  }

  private onSetting(setting: number, value: number): void {
    switch (setting) {
      case Setting.HeaderTableSize:
        // We use none of it, but a client that made it smaller waits for a word about it.
        if (value < 4096) this.tableUpdateDue = true
        return
      case Setting.EnablePush:
        if (value > 1) protocolFault('settings')
        return
      case Setting.InitialWindowSize: {
        if (value > largestWindow) throw new ConnectionFault(Http2Code.FlowControlError, 'settings')
        const more = value - this.peerWindow
        this.peerWindow = value
        for (const stream of this.streams.values()) {
          stream.sendWindow += more
          if (stream.sendWindow > largestWindow) throw new ConnectionFault(Http2Code.FlowControlError, 'settings')
          this.pump(stream)
        }
        return
      }
      case Setting.MaxFrameSize:
        if (value < frameBytes || value > 0xffffff) protocolFault('settings')
        this.peerFrame = value
    }
  }

  // Answers

  /** A whole answer: header block, body, block of trailers. The stream is over once the client's windows let it through. */
  respond(stream: Http2Stream<C>, head: Uint8Array, body: Uint8Array, trailers: Uint8Array): void {
    if (stream.closed || this.over) return
    if (this.tableUpdateDue || body.length > this.sendWindow || body.length > stream.sendWindow || body.length > this.peerFrame) {
      this.begin(stream, head)
      this.write(stream, body)
      this.finish(stream, trailers)
      return
    }
    this.sendWindow -= body.length
    const out = Buffer.allocUnsafe(3 * frameHeadBytes + head.length + body.length + trailers.length)
    let at = putFrameHead(out, 0, head.length, FrameType.Headers, Flag.EndHeaders, stream.id)
    out.set(head, at)
    at = putFrameHead(out, at + head.length, body.length, FrameType.Data, 0, stream.id)
    out.set(body, at)
    at = putFrameHead(out, at + body.length, trailers.length, FrameType.Headers, Flag.EndHeaders | Flag.EndStream, stream.id)
    out.set(trailers, at)
    this.send(out)
    this.finished(stream)
  }

  /** An answer that is nothing but one block. */
  respondOnly(stream: Http2Stream<C>, block: Uint8Array): void {
    if (stream.closed || this.over) return
    this.sendBlock(stream, block, Flag.EndHeaders | Flag.EndStream)
    this.finished(stream)
  }

  /** The head of an answer whose body comes by `write`. */
  begin(stream: Http2Stream<C>, head: Uint8Array): void {
    if (!stream.closed && !this.over) this.sendBlock(stream, head, Flag.EndHeaders)
  }

  /** A piece of the body; waits where the client's windows are too small. */
  write(stream: Http2Stream<C>, body: Uint8Array): void {
    if (stream.closed || this.over) return
    if (stream.waiting === undefined) this.waiting++
    stream.waiting = stream.waiting === undefined ? body : Buffer.concat([stream.waiting, body])
    this.pump(stream)
  }

  /** Trailers, behind what still waits. */
  finish(stream: Http2Stream<C>, trailers: Uint8Array): void {
    if (stream.closed || this.over) return
    stream.trailers = trailers
    this.pump(stream)
  }

  private pump(stream: Http2Stream<C>): void {
    while (stream.waiting !== undefined) {
      const { waiting } = stream
      // A window that was made smaller may be below 0.
      const piece = Math.max(0, Math.min(waiting.length, this.sendWindow, stream.sendWindow, this.peerFrame))
      if (piece === 0 && waiting.length > 0) return
      this.sendWindow -= piece
      stream.sendWindow -= piece
      this.send(frame(FrameType.Data, 0, stream.id, waiting.subarray(0, piece)))
      if (piece < waiting.length) stream.waiting = waiting.subarray(piece)
      else {
        stream.waiting = undefined
        this.waiting--
      }
    }
    if (stream.trailers === undefined) return
    this.sendBlock(stream, stream.trailers, Flag.EndHeaders | Flag.EndStream)
    this.finished(stream)
  }

  private sendBlock(stream: Http2Stream<C>, block: Uint8Array, flags: number): void {
    if (this.tableUpdateDue) {
      this.tableUpdateDue = false
      this.send(frame(FrameType.Headers, flags, stream.id, Buffer.concat([tableOfNothing, block])))
    } else this.send(frame(FrameType.Headers, flags, stream.id, block))
  }

  private finished(stream: Http2Stream<C>): void {
    // Answered before all was said: the client need not send the rest.
    if (!stream.ended) {
      this.early.add(stream.id)
      this.send(numberFrame(FrameType.RstStream, stream.id, Http2Code.NoError))
    }
    this.credit.earn()
    this.remove(stream)
  }

  /** Ends a stream without an answer. */
  reset(stream: Http2Stream<C>, code: number): void {
    if (stream.closed || this.over) return
    if (!stream.ended) this.early.add(stream.id)
    this.send(numberFrame(FrameType.RstStream, stream.id, code))
    this.remove(stream)
  }

  private remove(stream: Http2Stream<C>): void {
    stream.closed = true
    if (stream.waiting !== undefined) this.waiting--
    stream.waiting = undefined
    this.streams.delete(stream.id)
    if (this.closing && this.streams.size === 0) this.finishConnection(undefined)
  }

  private send(bytes: Uint8Array): void {
    if (this.over) return
    this.out.push(bytes)
    this.outBytes += bytes.length
    if (this.out.length === 1 && this.greeted) this.handler.pending()
  }

  // The end

  /** Tells the client to open no further streams here; those that it opens until it has read this are served. */
  warn(): void {
    this.send(goAwayFrame(largestWindow, Http2Code.NoError, ''))
  }

  /** Serves the streams there are, then ends. */
  close(): void {
    if (this.closing || this.over) return
    this.closing = true
    this.send(goAwayFrame(this.lastId, Http2Code.NoError, ''))
    if (this.streams.size === 0) this.finishConnection(undefined)
  }

  /** Ends the connection now, with the reason that the client reads and that is counted. */
  end(code: number, reason: string): void {
    if (this.over) return
    this.send(goAwayFrame(this.lastId, code, reason))
    this.finishConnection(reason)
  }

  /** The socket is gone. */
  lost(): void {
    this.over = true
    this.reader.stopped = true
    const open = [...this.streams.values()]
    this.streams.clear()
    for (const stream of open) {
      stream.closed = true
      this.handler.aborted(stream)
    }
  }

  private finishConnection(reason: string | undefined): void {
    this.lost()
    this.handler.over(reason)
  }
}
