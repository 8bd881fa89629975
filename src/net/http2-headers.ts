/** Header blocks of a connection: joined out of HEADERS and CONTINUATION, decoded, and checked. @see RFC 9113, 4.3, 6.2, 8.2, 8.3 */

import { HpackDecoder } from './hpack.ts'
import { Flag, frameBytes, Http2Code, largestWindow } from './http2-frames.ts'
import { ConnectionFault, type Http2Stream, protocolFault } from './http2-stream.ts'

/** CONTINUATION frames of one block; an honest block of 16 KiB needs one. */
const mostContinuations = 64

const requestFields = new Set([':method', ':scheme', ':authority', ':path', ':protocol'])
const connectionFields = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])

/** Priorities say nothing to us, but must be well-formed. @see RFC 9113, 6.3 */
export function checkPriority(id: number, bytes: Buffer, start: number, end: number): void {
  if (end - start !== 5) throw new ConnectionFault(Http2Code.FrameSizeError, 'priority')
  if (id === 0 || (bytes.readUInt32BE(start) & largestWindow) === id) protocolFault('priority')
}

/** Reads the blocks of one connection, all of them and in order: its table must stay in step with the client's. */
export class HeaderBlocks {
  /** The stream whose block is not whole yet; 0 when there is none. */
  openId = 0
  private readonly hpack = new HpackDecoder()
  private readonly headerBytes: number
  private readonly done: (id: number, ends: boolean, bytes: Buffer, start: number, end: number) => void
  private ends = false
  private pieces: Buffer[] = []
  private pieceBytes = 0
  private continuations = 0

  /** @param done told of each whole block; it must have it decoded. @param headerBytes limit of a list */
  constructor(headerBytes: number, done: HeaderBlocks['done']) {
    this.headerBytes = headerBytes
    this.done = done
  }

  /** A HEADERS frame. */
  begin(id: number, flags: number, bytes: Buffer, from: number, to: number): void {
    if (id % 2 === 0) protocolFault('stream_id')
    let start = from
    let end = to
    if ((flags & Flag.Padded) !== 0) end -= start < end ? (bytes[start++] as number) : 1
    if ((flags & Flag.Priority) !== 0) {
      start += 5
      if (start <= end) checkPriority(id, bytes, start - 5, start)
    }
    if (start > end) protocolFault('padding')
    const ends = (flags & Flag.EndStream) !== 0
    if ((flags & Flag.EndHeaders) !== 0) {
      this.done(id, ends, bytes, start, end)
      return
    }
    this.openId = id
    this.ends = ends
    this.continuations = 0
    this.pieceBytes = 0
    this.add(bytes, start, end)
  }

  /** A CONTINUATION frame. */
  add(bytes: Buffer, start: number, end: number, flags = 0): void {
    if (this.openId === 0) protocolFault('continuation')
    this.pieceBytes += end - start
    // A block may be larger than the list it stands for, but not by much.
    if (this.continuations++ > mostContinuations || this.pieceBytes > this.headerBytes * 2 + frameBytes) {
      throw new ConnectionFault(Http2Code.EnhanceYourCalm, 'header_flood')
    }
    this.pieces.push(Buffer.from(bytes.subarray(start, end)))
    if ((flags & Flag.EndHeaders) === 0) return
    const whole = Buffer.concat(this.pieces, this.pieceBytes)
    const id = this.openId
    this.pieces = []
    this.openId = 0
    this.done(id, this.ends, whole, 0, whole.length)
  }

  /** Decodes trailers, or a block that nobody wants to know. False when they hold what only a head may. Throws HpackError. */
  readTrailers(bytes: Buffer, start: number, end: number): boolean {
    let good = true
    this.hpack.decode(bytes, start, end, (name) => {
      good &&= name.charCodeAt(0) !== 0x3a
    })
    return good
  }

  /** Decodes the block of a request into its stream. False when the request is malformed. Throws HpackError. */
  read(stream: Http2Stream<unknown>, bytes: Buffer, start: number, end: number): boolean {
    const { names, values } = stream
    let listBytes = 0
    let good = true
    let regular = false
    this.hpack.decode(bytes, start, end, (name, value) => {
      listBytes += name.length + value.length + 32
      if (listBytes > this.headerBytes) {
        stream.tooLarge = true
        return
      }
      if (name.charCodeAt(0) === 0x3a) good &&= !regular && requestFields.has(name) && !names.includes(name)
      else {
        regular = true
        good &&= isName(name) && !connectionFields.has(name) && (name !== 'te' || value === 'trailers')
      }
      good &&= isValue(value)
      names.push(name)
      values.push(value)
    })
    return good && (stream.tooLarge || isComplete(stream))
  }
}

/** Every request says what it wants, of whom, over what. @see RFC 9113, 8.3.1 */
function isComplete(stream: Http2Stream<unknown>): boolean {
  const method = stream.field(':method')
  if (method === undefined) return false
  return method === 'CONNECT' || (stream.field(':scheme') !== undefined && (stream.field(':path') ?? '') !== '')
}

/** No capitals, no blanks, no colon, ASCII alone. @see RFC 9113, 8.2.1 */
function isName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f || code === 0x3a || (code >= 0x41 && code <= 0x5a)) return false
  }
  return name !== ''
}

/** What would end a line, or a text, wherever it is written next. @see RFC 9113, 8.2.1 */
function isValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code <= 0x0d && (code === 0x0d || code === 0x0a || code === 0)) return false
  }
  return true
}
