/**
 * The frames of a Lumberjack stream, versions 1 and 2, out of bytes in any cuts. All integers are unsigned, 32 bits, big endian:
 *
 *     W  version 'W' count                                                a window of so many events begins
 *     J  version 'J' sequence length JSON                                 an event of version 2
 *     D  version 'D' sequence pairs (length key length value)…            an event of version 1
 *     C  version 'C' length zlib                                          frames J and D, compressed
 *
 * No length is believed: memory grows with the bytes that came. An event that lies whole in the bytes given is not copied.
 * @see mapping of Beats, 1, 5 and 7
 */

import { BridgeError, type ErrorCode } from '../../errors.ts'
import { freeWhole } from '../../otlp/encode/chunks.ts'

/** What {@link FrameDecoder.next} found. */
export const FrameKind = {
  /** All bytes given are read. */
  More: 0,
  Window: 1,
  /** A whole J. */
  Json: 2,
  /** A whole D. */
  Pairs: 3,
  /** A C begins. Its bytes come next, then its end. */
  Compressed: 4,
  CompressedBytes: 5,
  CompressedEnd: 6,
} as const

export interface FrameLimits {
  /** Events a window. */
  readonly maxWindow: number
  /** Bytes of J and D, without their heads. */
  readonly maxFrameBytes: number
  /** Bytes of C. */
  readonly maxCompressedBytes: number
  /** Pairs of D. */
  readonly maxPairs: number
}

/** What cannot be a stream of frames: the connection ends with it. `reason` is a word of a small, fixed set. */
export class FrameFault extends BridgeError {
  readonly reason: string

  constructor(reason: string, message: string, code: ErrorCode = 'OB_DECODE_BEATS', cause?: unknown) {
    super(code, message, cause === undefined ? {} : { cause })
    this.name = 'FrameFault'
    this.reason = reason
  }
}

const one = 0x31
const two = 0x32
const letter = { A: 0x41, C: 0x43, D: 0x44, J: 0x4a, W: 0x57 } as const

/** First letters of methods of HTTP. */
const httpLetters = [...'GPHODCT'].map((one) => one.charCodeAt(0))

/** A buffer for frames in pieces that is kept for the next one, at most. */
const keptBytes = 16 * 1024

const tooLong = (what: string, bytes: number, limit: number): FrameFault =>
  new FrameFault('frame_limit', `cannot read frame: ${what} of ${bytes} bytes is longer than ${limit} (maxFrame)`, 'OB_LIMIT_LENGTH')

const uint32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0

/** Reads one direction of one connection, or (`inside`) what one C holds. */
export class FrameDecoder {
  /** 1 or 2: of the frame that was found. */
  version = 0
  /** Of J and D. */
  sequence = 0
  /** Events of W, pairs of D, bytes of C. */
  count = 0
  /** Payload of J, pairs of D, or some bytes of C: `start` to `end` of `bytes`. Valid until the next call. */
  bytes: Uint8Array
  start = 0
  end = 0
  /** To be set by the caller: the version of the window that is open and wants events, or 0. What does not fit is refused at its head. */
  windowVersion = 0

  private readonly limits: FrameLimits
  private readonly inside: boolean
  private chunk: Uint8Array
  private at = 0
  private readonly head = new Uint8Array(10)
  private headLength = 0
  private headNeed = 2
  private virgin = true
  /** The frame whose body is being read; 0 while a head is. */
  private body = 0
  /** Of a frame that came in pieces. */
  private held: Uint8Array
  private heldLength = 0
  /** Of D: fields not seen yet, and bytes of those that were. */
  private fieldsLeft = 0
  private scanned = 0
  /** Of C: bytes still to come. */
  private left = 0

  constructor(limits: FrameLimits, inside = false) {
    this.limits = limits
    this.inside = inside
    this.bytes = this.chunk = this.held = noBytes
  }

  /** Hands over further bytes, once all those before are read. They must stay as they are until the next call of `give`. */
  give(bytes: Uint8Array): void {
    this.chunk = bytes
    this.at = 0
  }

  /** True when nothing of a frame has come yet. */
  get between(): boolean {
    return this.headLength === 0 && this.body === 0
  }

  /** Bytes of memory that wait for the rest of their frame. */
  get heldBytes(): number {
    return this.held.length
  }

  /** The next {@link FrameKind}. Throws {@link FrameFault}; nothing can be read after that. */
  next(): number {
    if (this.heldLength > 0 && this.body === 0) this.letGo()
    if (this.body === 0) {
      if (!this.readHead()) return FrameKind.More
      const found = this.begin()
      if (found !== FrameKind.More) return found
    }
    if (this.body === letter.C) return this.compressed()
    return this.body === letter.J ? this.json() : this.pairs()
  }

  private readHead(): boolean {
    const { head, chunk } = this
    while (this.headLength < this.headNeed) {
      if (this.at === chunk.length) return false
      const byte = chunk[this.at++] as number
      head[this.headLength++] = byte
      if (this.headLength === 1) this.checkVersion(byte)
      else if (this.headLength === 2) this.headNeed = this.headBytes(byte)
    }
    this.headLength = 0
    this.headNeed = 2
    this.virgin = false
    return true
  }

  private checkVersion(byte: number): void {
    if (byte === one || byte === two) return
    if (this.virgin && !this.inside) {
      if (byte === 0x16) throw new FrameFault('tls_on_plain_port', 'cannot read frame: a TLS client on a plain port')
      if (httpLetters.includes(byte)) throw new FrameFault('http', 'cannot read frame: an HTTP client on a port of Beats')
    }
    throw new FrameFault('version', `cannot read frame: version byte ${byte} is neither '1' nor '2'`)
  }

  /** Bytes of the head of a frame of this type. */
  private headBytes(type: number): number {
    if (type === letter.J || type === letter.D) return 10
    if (type === letter.W || type === letter.C) {
      if (this.inside) throw new FrameFault('nested', `cannot read frame: ${String.fromCharCode(type)} in a compressed frame`)
      return 6
    }
    if (type === letter.A) throw new FrameFault('ack_from_client', 'cannot read frame: a client has nothing to acknowledge')
    throw new FrameFault('type', `cannot read frame: type byte ${type} is not one of W, J, D, C`)
  }

  /** Looks at a whole head. */
  private begin(): number {
    const { head, limits } = this
    const type = head[1] as number
    this.version = (head[0] as number) - 0x30
    this.checkPlace(type)
    if (type === letter.W) {
      this.count = uint32(head, 2)
      if (this.count > limits.maxWindow) {
        throw new FrameFault(
          'window_limit',
          `cannot take window: ${this.count} events are more than ${limits.maxWindow} (maxWindow)`,
          'OB_LIMIT_ITEMS',
        )
      }
      return FrameKind.Window
    }
    if (type === letter.C) return this.beginCompressed(uint32(head, 2))
    this.sequence = uint32(head, 2)
    this.count = uint32(head, 6)
    this.body = type
    if (type === letter.J) {
      if (this.count === 0) throw new FrameFault('empty_event', 'cannot read frame: an event of 0 bytes')
      if (this.count > limits.maxFrameBytes) throw tooLong('an event', this.count, limits.maxFrameBytes)
    } else {
      if (this.count === 0) throw new FrameFault('empty_event', 'cannot read frame: an event of 0 pairs')
      if (this.count > limits.maxPairs) {
        throw new FrameFault(
          'pairs_limit',
          `cannot read frame: ${this.count} pairs are more than ${limits.maxPairs} (limits.pairs)`,
          'OB_LIMIT_LENGTH',
        )
      }
      this.fieldsLeft = this.count * 2
      this.scanned = 0
    }
    return FrameKind.More
  }

  private checkPlace(type: number): void {
    const { windowVersion } = this
    if (type === letter.W) {
      if (windowVersion === 0) return
      throw new FrameFault('window_in_window', 'cannot read frame: a window begins before all events of the one before it came')
    }
    if (windowVersion === 0) throw new FrameFault('outside_window', 'cannot read frame: an event that belongs to no window')
    if (this.version !== windowVersion) {
      throw new FrameFault('version_mixed', `cannot read frame: version ${this.version} in a window of version ${windowVersion}`)
    }
  }

  private beginCompressed(length: number): number {
    const limit = this.limits.maxCompressedBytes
    if (length > limit) {
      throw new FrameFault(
        'compressed_limit',
        `cannot read frame: ${length} compressed bytes are more than ${limit} (limits.compressed)`,
        'OB_LIMIT_LENGTH',
      )
    }
    this.body = letter.C
    this.count = this.left = length
    return FrameKind.Compressed
  }

  private compressed(): number {
    if (this.left === 0) {
      this.body = 0
      return FrameKind.CompressedEnd
    }
    const { chunk, at } = this
    if (at === chunk.length) return FrameKind.More
    const bytes = Math.min(this.left, chunk.length - at)
    this.left -= bytes
    this.at = at + bytes
    return this.found(FrameKind.CompressedBytes, chunk, at, at + bytes)
  }

  private json(): number {
    const { chunk, at, count, heldLength } = this
    const available = chunk.length - at
    if (heldLength === 0 && available >= count) {
      this.body = 0
      this.at = at + count
      return this.found(FrameKind.Json, chunk, at, at + count)
    }
    this.hold(Math.min(available, count - heldLength), count)
    if (this.heldLength < count) return FrameKind.More
    this.body = 0
    return this.found(FrameKind.Json, this.held, 0, count)
  }

  private pairs(): number {
    const { chunk, at, heldLength, limits } = this
    if (heldLength === 0) {
      if (this.scan(chunk, at, chunk.length)) {
        this.body = 0
        this.at = at + this.scanned
        return this.found(FrameKind.Pairs, chunk, at, at + this.scanned)
      }
      this.hold(chunk.length - at, limits.maxFrameBytes)
      return FrameKind.More
    }
    this.hold(chunk.length - at, Number.POSITIVE_INFINITY)
    if (!this.scan(this.held, 0, this.heldLength)) return FrameKind.More
    // What was held beyond the frame is the beginning of the next.
    this.at = chunk.length - (this.heldLength - this.scanned)
    this.body = 0
    return this.found(FrameKind.Pairs, this.held, 0, this.scanned)
  }

  /** Goes over the fields of D that are whole. True when all are. */
  private scan(bytes: Uint8Array, from: number, end: number): boolean {
    const limit = this.limits.maxFrameBytes
    while (this.fieldsLeft > 0) {
      // Each field that is not here yet has four bytes at least.
      const least = this.scanned + 4 * this.fieldsLeft
      if (least > limit) throw tooLong('an event', least, limit)
      const at = from + this.scanned
      if (end - at < 4) return false
      const length = uint32(bytes, at)
      if (least + length > limit) throw tooLong('an event', least + length, limit)
      if (end - at - 4 < length) return false
      this.scanned += 4 + length
      this.fieldsLeft--
    }
    return true
  }

  /** Keeps bytes of the chunk until the rest of their frame comes. @param most of all that can ever be kept for this frame */
  private hold(bytes: number, most: number): void {
    const length = this.heldLength + bytes
    if (this.held.length < length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, Math.min(most, Math.max(1024, 2 * this.held.length))))
      grown.set(this.held.subarray(0, this.heldLength))
      freeWhole(this.held)
      this.held = grown
    }
    this.held.set(this.chunk.subarray(this.at, this.at + bytes), this.heldLength)
    this.heldLength = length
    this.at += bytes
  }

  private letGo(): void {
    this.heldLength = 0
    if (this.held.length <= keptBytes) return
    freeWhole(this.held)
    this.held = noBytes
  }

  private found(kind: number, bytes: Uint8Array, start: number, end: number): number {
    this.bytes = bytes
    this.start = start
    this.end = end
    return kind
  }
}

const noBytes = new Uint8Array(0)
