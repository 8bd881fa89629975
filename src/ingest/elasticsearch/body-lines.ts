/**
 * Bodies of lines, a piece at a time: what is small comes whole, what is large in pieces of 1 MiB, so that a body of 100 MiB costs no more memory
 * than that. While a piece is worked on, the rest waits in the socket.
 *
 *     socket ─► (inflate) ─► buffer ─ next() ─► piece ─ keep(from) ─► what is left moves to the front, and more is read
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { BridgeError } from '../../errors.ts'
import { freeWhole } from '../../otlp/encode/chunks.ts'
import { beginBody } from '../body.ts'
import { createDecompressor, type Decompressor, type Encoding } from '../decompress.ts'
import { createInflating, type Inflating } from './inflating.ts'
import { createPieceBuffers, type PieceBuffers, pieceBytes } from './piece-buffers.ts'
import { createTurns, type Turn, type Turns } from './turns.ts'
import type { WireTap } from './wire-tap.ts'

export interface LinesOptions {
  /** Bytes of a body, after decompression and on the wire; more is OB_LIMIT_BODY. */
  readonly maxBytes: number
  readonly maxCompressedBytes: number
  /** Decompressed ÷ compressed; more is OB_LIMIT_RATIO, of bodies over 1 MiB. */
  readonly maxRatio: number
  /** Bytes of the longest line that is kept whole. */
  readonly maxLine: number
  /** Section of the configuration that holds the limits, for messages: `ingest.elasticsearch.limits`. */
  readonly section: string
}

/** A body on its way in. */
export interface BodyLines {
  /** After `next`: the piece is `bytes` from `start` to `end`; it need not end where a line does. */
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  /** The body ends with this piece. */
  readonly last: boolean
  /** The piece is as long as one may get: a line that does not end in it is too long. */
  readonly full: boolean
  /** Bytes on the wire so far. */
  readonly wireBytes: number
  /** True once the body has turned out to be more than one piece. */
  readonly large: boolean
  /**
   * The whole body as it came, where its first piece is all of it and its bytes did not go to the tap; else undefined. Valid until `close`.
   */
  readonly whole: Uint8Array | undefined
  /** Waits for the next piece. Rejects with OB_LIMIT_BODY, OB_LIMIT_RATIO, OB_DECODE_ENCODING or OB_CUT_OFF. */
  next(): Promise<void>
  /** The piece is done with up to `from`; what stands behind it begins the next one. @param skip the line at `from` is not wanted: it is thrown away up to its end */
  keep(from: number, skip?: boolean): void
  /** Lets go of memory; what still comes of the body is not read. */
  close(): void
}

/** For requests that are mirrored. */
export interface Mirrored {
  /** Gets the bytes of a body on the wire, but for bodies that are held as they came anyway ({@link BodyLines.whole}). */
  readonly tap: WireTap
  /** A body should be one piece up to so many bytes, where it can be; 0: as usual. */
  readonly wholeBytes: number
}

export interface LineReader {
  /** Begins to read. @param encoding of the body; @param length its bytes on the wire, −1 when they are not known */
  read(request: IncomingMessage, response: ServerResponse, encoding: Encoding, length: number, mirrored?: Mirrored): BodyLines
  /** OB_LIMIT_BODY for a body that says that it is too large. */
  tooLarge(encoding: Encoding, length: number): BridgeError | undefined
}

/** Bodies up to here are one piece, when they say that they are. */
const wholeBytes = 4 * pieceBytes
/** Compressed bodies up to here are inflated at once, to no more than `inflatedBytes`; others as they come. */
const compressedBytes = pieceBytes
const inflatedBytes = 2 * wholeBytes
/** What an action line adds to that of its document. */
const actionRoom = 64 * 1024
/** Memory given on the word of a Content-Length: this, or eight times what has come. */
const trustedBytes = 256 * 1024
/** Large bodies that hold pieces at once, and those of which a line is longer than `wholeBytes`. */
const largeAtOnce = 16
const longAtOnce = 2

interface Shared {
  readonly options: LinesOptions
  readonly buffers: PieceBuffers
  readonly whole: Decompressor
  readonly large: Turns
  readonly long: Turns
}

/** Creates the reader of one listener. */
export function createLineReader(options: LinesOptions): LineReader {
  const { maxBytes, maxCompressedBytes, maxRatio, section } = options
  const shared: Shared = {
    options,
    buffers: createPieceBuffers(),
    whole: createDecompressor({ maxBytes: Math.min(inflatedBytes, maxBytes), maxRatio, section }),
    large: createTurns(largeAtOnce),
    long: createTurns(longAtOnce),
  }
  return {
    read: (request, response, encoding, length, mirrored) => new Lines(shared, request, response, encoding, length, mirrored),
    tooLarge(encoding, length) {
      if (encoding !== 'identity' && length > maxCompressedBytes) return tooLarge(maxCompressedBytes, `${section}.compressedBody`)
      return encoding === 'identity' && length > maxBytes ? tooLarge(maxBytes, `${section}.body`) : undefined
    },
  }
}

const tooLarge = (bytes: number, key: string): BridgeError =>
  new BridgeError('OB_LIMIT_BODY', `cannot take body: it is larger than ${bytes} bytes (${key})`)

const nothing = Buffer.alloc(0)
const lineFeed = 0x0a

class Lines implements BodyLines {
  bytes: Buffer = nothing
  start = 0
  end = 0
  last = false
  full = false
  large = false
  wireBytes = 0
  readonly #shared: Shared
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #encoding: Encoding
  readonly #length: number
  readonly #tap: WireTap | undefined
  /** All of it is one piece. */
  readonly #isWhole: boolean
  /** Bytes of the piece that a body without a length begins with. */
  readonly #firstBytes: number
  /** Bytes of the body that were inflated, or came plain. */
  #plainBytes = 0
  /** Where the buffer is full, and a piece is handed out. */
  #capacity: number
  /** What did not fit into the buffer any more. */
  #left: Buffer = nothing
  /** A line that is too long is thrown away until it ends. */
  #skipping = false
  #ended = false
  #closed = false
  /** True while a piece is out, or memory is waited for: nothing is read meanwhile. */
  #paused = false
  #fault: BridgeError | undefined
  #inflating: Inflating | undefined
  /** Compressed bytes, as long as it may be that all of them are inflated at once. */
  #compressed: Buffer | undefined
  #waiter: { resolve(): void; reject(error: Error): void } | undefined
  #largeTurn: Turn | undefined
  #longTurn: Turn | undefined

  constructor(
    shared: Shared,
    request: IncomingMessage,
    response: ServerResponse,
    encoding: Encoding,
    length: number,
    mirrored: Mirrored | undefined,
  ) {
    this.#shared = shared
    this.#request = request
    this.#response = response
    this.#encoding = encoding
    this.#length = length
    this.#tap = mirrored?.tap
    this.#firstBytes = Math.max(pieceBytes, mirrored?.wholeBytes ?? 0)
    this.#isWhole = encoding === 'identity' && length >= 0 && length <= Math.max(wholeBytes, this.#firstBytes)
    this.#capacity = this.#isWhole ? Math.max(1, length) : encoding === 'identity' ? this.#firstBytes : pieceBytes
    if (this.#isWhole || length <= compressedBytes) this.#begin()
    else void this.#becomeLarge().then(() => this.#begin())
  }

  get whole(): Uint8Array | undefined {
    if (this.large || !this.last || this.#closed) return undefined
    if (this.#isWhole) return this.bytes.subarray(0, this.end)
    return this.#encoding !== 'identity' && this.#inflating === undefined ? this.#compressed?.subarray(0, this.wireBytes) : undefined
  }

  next(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
      this.#tell()
    })
  }

  keep(from: number, skip = false): void {
    const rest = this.end - from
    this.#skipping = skip
    if (skip) this.end = 0
    else if (rest === 0) this.end = 0
    else if (from > this.start) {
      this.bytes.copyWithin(0, from, this.end)
      this.end = rest
    } else {
      if (this.start > 0) this.bytes.copyWithin(0, from, this.end)
      this.end = rest
      // A line longer than a piece: twice as much is waited for, so that it is not looked through again for every few bytes.
      this.#capacity = Math.min(this.#most(), this.#capacity * 2)
    }
    this.start = 0
    // What a long line has taken is kept for the next one: where there was one there are more.
    if (this.end < pieceBytes / 2 && this.#capacity > pieceBytes) this.#capacity = pieceBytes
    this.large = true
    void this.#goOn()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#request.removeListener('data', this.#onData)
    this.#inflating?.close()
    this.#shared.buffers.give(this.bytes)
    this.bytes = nothing
    // While it is being inflated it is another thread's.
    if (this.#ended && this.#compressed !== undefined) this.#shared.buffers.give(this.#compressed)
    this.#compressed = undefined
    this.#left = nothing
    this.#largeTurn?.end()
    this.#longTurn?.end()
  }

  /** The longest line, and its action. */
  #most(): number {
    return this.#shared.options.maxLine + actionRoom
  }

  async #becomeLarge(): Promise<void> {
    if (this.#largeTurn !== undefined || this.#closed) return
    this.#largeTurn = this.#shared.large.begin()
    await this.#largeTurn.ready
  }

  #begin(): void {
    const request = this.#request
    if (this.#closed) return
    if (request.destroyed && !request.complete) {
      this.#fail(cutOff())
      return
    }
    request.on('data', this.#onData)
    request.on('end', this.#onEnd)
    request.on('close', this.#onClose)
    beginBody(request, this.#response)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.wireBytes += chunk.length
    const { maxCompressedBytes, maxBytes, section } = this.#shared.options
    if (this.#encoding === 'identity') {
      if (this.wireBytes > maxBytes) this.#fail(tooLarge(maxBytes, `${section}.body`))
      else {
        if (!this.#isWhole) this.#tap?.data(chunk)
        this.#plain(chunk)
      }
      return
    }
    if (this.wireBytes > maxCompressedBytes) this.#fail(tooLarge(maxCompressedBytes, `${section}.compressedBody`))
    else if (this.#inflating !== undefined) this.#inflate(chunk)
    else this.#gather(chunk)
  }

  readonly #onEnd = (): void => {
    if (this.#closed) return
    if (this.#inflating !== undefined) this.#inflating.end()
    else if (this.#encoding !== 'identity') void this.#inflateWhole()
    else this.#finish()
  }

  readonly #onClose = (): void => {
    if (!this.#request.complete) this.#fail(cutOff())
  }

  #finish(): void {
    this.#ended = true
    this.#tell()
  }

  #fail(error: BridgeError): void {
    if (this.#closed || this.#fault !== undefined) return
    this.#fault = error
    this.#request.removeListener('data', this.#onData)
    this.#inflating?.close()
    this.#tell()
  }

  /** Hands out what is there, when it is a piece and somebody waits. */
  #tell(): void {
    const waiter = this.#waiter
    if (waiter === undefined) return
    if (this.#fault !== undefined) {
      this.#waiter = undefined
      waiter.reject(this.#fault)
      return
    }
    const isFull = this.#left.length > 0 || (this.end >= this.#capacity && !this.#isComplete())
    if (this.#paused || !(this.#ended || isFull)) return
    this.#waiter = undefined
    this.last = this.#ended && this.#left.length === 0
    this.full = this.#capacity >= this.#most()
    this.#pause()
    waiter.resolve()
  }

  /** A body of known length is handed out at its end, not when its buffer is full: the end may still turn out to be none. */
  #isComplete(): boolean {
    return this.#encoding === 'identity' && this.#plainBytes === this.#length
  }

  #pause(): void {
    this.#paused = true
    if (this.#inflating !== undefined) this.#inflating.pause()
    else this.#request.pause()
  }

  /** After a piece was worked on: what did not fit comes first. */
  async #goOn(): Promise<void> {
    try {
      if (!this.#ended || this.#left.length > 0) await this.#becomeLarge()
      if (!this.#closed && this.#capacity > wholeBytes && this.#longTurn === undefined) {
        this.#longTurn = this.#shared.long.begin()
        await this.#longTurn.ready
      }
    } finally {
      this.#paused = false
    }
    if (this.#closed) return
    const left = this.#left
    this.#left = nothing
    if (left.length > 0) this.#put(left)
    if (this.#left.length === 0) {
      if (this.#inflating !== undefined) this.#inflating.resume()
      else this.#request.resume()
    }
    this.#tell()
  }

  /** Plain bytes, within the limits. */
  #plain(chunk: Buffer): void {
    this.#plainBytes += chunk.length
    this.#put(chunk)
    if (this.#left.length > 0) {
      this.#pauseReading()
      this.#tell()
    } else if (this.end >= this.#capacity) this.#tell()
  }

  #pauseReading(): void {
    if (this.#inflating !== undefined) this.#inflating.pause()
    else this.#request.pause()
  }

  #put(chunk: Buffer): void {
    let from = 0
    if (this.#skipping) {
      const at = chunk.indexOf(lineFeed)
      if (at < 0) return
      this.#skipping = false
      from = at + 1
    }
    const wanted = chunk.length - from
    // Most bodies are one read of the socket: nothing is copied then.
    if (this.end === 0 && wanted === this.#length && from === 0 && this.#encoding === 'identity' && this.bytes.length === 0) {
      this.bytes = chunk
      this.end = wanted
      return
    }
    const fits = Math.min(wanted, this.#capacity - this.end)
    if (this.end + fits > this.bytes.length) this.#grow(this.end + fits)
    chunk.copy(this.bytes, this.end, from, from + fits)
    this.end += fits
    if (fits < wanted) this.#left = chunk.subarray(from + fits)
    else freeWhole(chunk)
  }

  #grow(needed: number): void {
    const { buffers } = this.#shared
    const bigger = buffers.take(this.#roomFor(needed))
    this.bytes.copy(bigger, 0, 0, this.end)
    buffers.give(this.bytes)
    this.bytes = bigger
  }

  #roomFor(needed: number): number {
    const capacity = this.#capacity
    if (capacity <= this.#firstBytes || this.#isWhole) {
      return Math.min(capacity, Math.max(needed, this.bytes.length * 2, trustedBytes, needed * 8))
    }
    // All that it may come to, at once: memory that nobody has written to costs nothing, and copies would.
    return capacity <= wholeBytes ? wholeBytes : this.#most()
  }

  /** Compressed bytes, until there are too many to inflate them at once. */
  #gather(chunk: Buffer): void {
    const before = this.#compressed
    const at = this.wireBytes - chunk.length
    if (this.wireBytes > compressedBytes) {
      this.#compressed = undefined
      this.#request.pause()
      void this.#stream(before === undefined ? [chunk] : [before.subarray(0, at), chunk], false)
      return
    }
    if (before === undefined) {
      this.#compressed = chunk
      return
    }
    let buffer = before
    if (buffer.length < this.wireBytes) {
      buffer = this.#shared.buffers.take(Math.max(this.wireBytes, at * 2))
      before.copy(buffer, 0, 0, at)
      this.#shared.buffers.give(before)
    }
    chunk.copy(buffer, at)
    this.#compressed = buffer
  }

  async #inflateWhole(): Promise<void> {
    const body = this.#compressed?.subarray(0, this.wireBytes) ?? nothing
    try {
      const result = this.#shared.whole.decompress(this.#encoding, body)
      const plain = result instanceof Promise ? await result : result
      if (this.#closed) return
      this.#plainBytes = plain.length
      this.bytes = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength)
      this.end = plain.length
      this.#capacity = Math.max(1, plain.length)
    } catch (error) {
      const known = error as BridgeError
      if (known.code !== 'OB_LIMIT_BODY' || this.#shared.options.maxBytes <= inflatedBytes) this.#fail(known)
      else {
        // Read by another thread from now on: not to be used again.
        this.#compressed = undefined
        await this.#stream([body], true)
        return
      }
    }
    // Whoever mirrors the body reads it once more.
    if (this.#tap === undefined) {
      if (this.#compressed !== undefined) this.#shared.buffers.give(this.#compressed)
      this.#compressed = undefined
    }
    this.#finish()
  }

  /** Inflates as it comes, from the first bytes on. */
  async #stream(first: readonly Buffer[], ended: boolean): Promise<void> {
    await this.#becomeLarge()
    if (this.#closed || this.#fault !== undefined) return
    const inflating = createInflating(this.#encoding, first[0]?.subarray(0, 2) ?? nothing, {
      data: this.#onPlain,
      end: () => this.#finish(),
      failed: (error) => this.#fail(error),
    })
    this.#inflating = inflating
    let mayGoOn = true
    for (const chunk of first) {
      this.#tap?.data(chunk)
      mayGoOn = inflating.write(chunk, this.#resume)
    }
    if (ended) inflating.end()
    else if (mayGoOn) this.#request.resume()
  }

  #inflate(chunk: Buffer): void {
    this.#tap?.data(chunk)
    if (this.#inflating?.write(chunk, this.#resume) === false) this.#request.pause()
  }

  readonly #resume = (): void => {
    if (!this.#closed) this.#request.resume()
  }

  readonly #onPlain = (chunk: Buffer): void => {
    if (this.#closed || this.#fault !== undefined) return
    const { maxBytes, maxRatio, section } = this.#shared.options
    const total = this.#plainBytes + chunk.length
    if (total > maxBytes) this.#fail(tooLarge(maxBytes, `${section}.body`))
    else if (total > Math.max(pieceBytes, maxRatio * this.wireBytes)) {
      this.#fail(new BridgeError('OB_LIMIT_RATIO', `cannot take body: it expands more than ${maxRatio} times (${section}.ratio)`))
    } else this.#plain(chunk)
  }
}

const cutOff = (): BridgeError => new BridgeError('OB_CUT_OFF', 'cannot read body: the connection was closed before its end')
