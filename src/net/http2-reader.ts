/** Bytes of a client's side of an HTTP/2 connection → frames: the preface, frame heads, payloads, padding of DATA. */

import { Flag, FrameType, frameBytes, frameHeadBytes, Http2Code, preface } from './http2-frames.ts'
import { ConnectionFault, protocolFault } from './http2-stream.ts'

/** Told of what was read, in order. Bytes are valid until the call returns. */
export interface FrameSink {
  /** Any frame but DATA, whole. */
  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void
  /** The head of a DATA frame: `length` counts for windows, padding included. */
  dataBegins(id: number, flags: number, length: number): void
  /** Some of its bytes. */
  data(bytes: Buffer, start: number, end: number): void
  dataEnds(flags: number): void
  /** A frame begins; throws when none of its kind may. */
  mayBegin(type: number, id: number): void
  /** What came is not HTTP/2. */
  foreign(bytes: Buffer): void
}

const noBytes: Buffer = Buffer.alloc(0)

/** Reads one connection. Keeps nothing of what it is fed but the pieces of a frame that is not whole yet, at most 16 KiB. */
export class FrameReader {
  private readonly sink: FrameSink
  private prefaceSeen = 0
  private readonly head: Buffer = Buffer.allocUnsafe(frameHeadBytes)
  private headFilled = 0
  private type = 0
  private flags = 0
  private id = 0
  /** Bytes of the frame's payload that are still to come. */
  private left = 0
  /** Of DATA: whether the pad length is still to come, and how much of what is left is padding. */
  private padLengthDue = false
  private padding = 0
  private payload: Buffer = noBytes
  private payloadFilled = 0
  /** Set by the owner when the rest is of no interest. */
  stopped = false

  constructor(sink: FrameSink) {
    this.sink = sink
  }

  /** The whole preface has come. */
  get greeted(): boolean {
    return this.prefaceSeen === preface.length
  }

  /** Takes bytes 0 to `length`. Throws {@link ConnectionFault}, and what the sink throws. */
  read(bytes: Buffer, length: number): void {
    let at = 0
    while (this.prefaceSeen < preface.length && at < length) {
      if (bytes[at] !== preface[this.prefaceSeen]) {
        this.stopped = true
        this.sink.foreign(Buffer.concat([preface.subarray(0, this.prefaceSeen), bytes.subarray(at, length)]))
        return
      }
      at++
      this.prefaceSeen++
    }
    while (at < length && !this.stopped) {
      if (this.headFilled < frameHeadBytes) {
        at = this.readHead(bytes, at, length)
        if (this.headFilled < frameHeadBytes) return
        this.begin()
      }
      // A frame without payload is done with its head.
      if (this.left > 0 && at < length)
        at = this.type === FrameType.Data ? this.readData(bytes, at, length) : this.readPayload(bytes, at, length)
    }
  }

  private readHead(bytes: Buffer, from: number, length: number): number {
    let at = from
    const { head } = this
    while (this.headFilled < frameHeadBytes && at < length) head[this.headFilled++] = bytes[at++] as number
    if (this.headFilled === frameHeadBytes) {
      this.left = ((head[0] as number) << 16) | ((head[1] as number) << 8) | (head[2] as number)
      this.type = head[3] as number
      this.flags = head[4] as number
      this.id = (((head[5] as number) & 0x7f) << 24) | ((head[6] as number) << 16) | ((head[7] as number) << 8) | (head[8] as number)
    }
    return at
  }

  private begin(): void {
    const { sink, type, flags, id, left } = this
    if (left > frameBytes) throw new ConnectionFault(Http2Code.FrameSizeError, 'frame_size')
    sink.mayBegin(type, id)
    if (type === FrameType.Data) {
      sink.dataBegins(id, flags, left)
      this.padding = 0
      this.padLengthDue = (flags & Flag.Padded) !== 0
      if (left > 0) return
      if (this.padLengthDue) throw new ConnectionFault(Http2Code.FrameSizeError, 'padding')
      this.headFilled = 0
      sink.dataEnds(flags)
    } else if (left === 0) {
      this.headFilled = 0
      sink.frame(type, flags, id, noBytes, 0, 0)
    }
  }

  private readData(bytes: Buffer, from: number, length: number): number {
    let at = from
    if (this.padLengthDue) {
      this.padLengthDue = false
      this.padding = bytes[at++] as number
      this.left--
      if (this.padding > this.left) protocolFault('padding')
    }
    const piece = Math.min(this.left, length - at)
    const useful = Math.min(piece, this.left - this.padding)
    if (useful > 0) this.sink.data(bytes, at, at + useful)
    this.left -= piece
    if (this.left === 0) {
      this.headFilled = 0
      this.sink.dataEnds(this.flags)
    }
    return at + piece
  }

  /** A frame that is not DATA, where possible in the bytes it came in. */
  private readPayload(bytes: Buffer, at: number, length: number): number {
    const { left } = this
    if (this.payloadFilled === 0 && length - at >= left) {
      this.finish(bytes, at, at + left)
      return at + left
    }
    if (this.payloadFilled === 0) this.payload = Buffer.allocUnsafe(left)
    const piece = Math.min(left, length - at)
    bytes.copy(this.payload, this.payloadFilled, at, at + piece)
    this.payloadFilled += piece
    this.left -= piece
    if (this.left === 0) {
      const { payload, payloadFilled } = this
      this.payload = noBytes
      this.payloadFilled = 0
      this.finish(payload, 0, payloadFilled)
    }
    return at + piece
  }

  private finish(bytes: Buffer, start: number, end: number): void {
    this.left = 0
    this.headFilled = 0
    this.sink.frame(this.type, this.flags, this.id, bytes, start, end)
  }
}
