/**
 * A protobuf writer that goes backwards: the body of a message is written before its length, so that every length is
 * known when it is needed and nothing is measured or copied twice. Fields therefore come in reverse order.
 *
 * A message of 16 KiB or more gets a chunk of its own, as large as was guessed, so that its receiver may transfer it to
 * another thread; smaller ones share a chunk, which is freed when all its messages are.
 */

import { isUtf8 } from 'node:buffer'
import { type ChunkPool, createChunkPool, ownsChunk } from './chunks.ts'

const sharedChunkBytes = 64 * 1024
const ownChunkFrom = 16 * 1024
/** Up to here a copy word by word is faster than one by a view, which has to be made first. */
const copiedByWords = 320
const replacement = new TextDecoder('utf-8', { ignoreBOM: true })

export class ReverseWriter {
  /** The chunk; `at` is the lowest byte written. */
  bytes: Uint8Array
  view: DataView
  at: number
  private end: number
  private buffer: Buffer
  private source: Uint8Array
  private sourceView: DataView

  private readonly pool: ChunkPool

  /** @param pool where chunks come from; one of its own unless given */
  constructor(pool: ChunkPool = createChunkPool(0)) {
    this.pool = pool
    this.bytes = new Uint8Array(0)
    this.view = new DataView(this.bytes.buffer)
    this.buffer = Buffer.from(this.bytes.buffer)
    this.at = 0
    this.end = 0
    this.source = this.bytes
    this.sourceView = this.view
  }

  /** Begins a message. @param expectedBytes a guess; a good one saves a copy */
  begin(expectedBytes: number): void {
    if (expectedBytes >= ownChunkFrom) this.fresh(expectedBytes)
    else if (this.at < expectedBytes) this.fresh(sharedChunkBytes)
    this.end = this.at
  }

  /** Ends a message and returns its bytes, a view that nobody else writes to. */
  finish(): Uint8Array {
    const result = this.bytes.subarray(this.at, this.end)
    this.source = noBytes // do not keep the body alive
    if (ownsChunk(result)) {
      // A message that outgrew its guess beside earlier ones must not look as if the chunk were its own.
      if (this.end !== this.bytes.length) return result.slice()
      // The receiver may give the chunk away: nothing more is written to it.
      this.bytes = noBytes
      this.at = 0
      this.end = 0
    }
    return result
  }

  /** Bytes of the message so far; stays right when the chunk changes. */
  written(): number {
    return this.end - this.at
  }

  /** Turns what was written since `before` (see `written`) into a field: its length, then its tag. */
  field(tag: number, before: number): void {
    this.ensure(6)
    this.varint(this.end - this.at - before)
    this.bytes[--this.at] = tag
  }

  /** Makes room for `count` bytes below `at`. */
  ensure(count: number): void {
    if (this.at < count) this.grow(count)
  }

  private fresh(size: number): void {
    const memory = this.pool.take(size)
    this.bytes = new Uint8Array(memory)
    this.buffer = Buffer.from(memory)
    this.view = new DataView(memory)
    this.at = memory.byteLength
    this.end = memory.byteLength
  }

  private grow(count: number): void {
    const { bytes, at, end } = this
    const written = end - at
    this.fresh(Math.max(sharedChunkBytes, written + count + (written >>> 1)))
    this.bytes.set(bytes.subarray(at, end), this.at - written)
    this.at -= written
  }

  /** One byte. Room must have been ensured. */
  byte(value: number): void {
    this.bytes[--this.at] = value
  }

  /** An unsigned varint below 2^32. Room for 5 bytes must have been ensured. */
  varint(value: number): void {
    if (value < 0x80) {
      this.bytes[--this.at] = value
    } else {
      this.longVarint(value)
    }
  }

  private longVarint(value: number): void {
    const length = value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
    let at = this.at - length
    this.at = at
    let rest = value
    for (let i = 1; i < length; i++) {
      this.bytes[at++] = (rest & 0x7f) | 0x80
      rest = rest >>> 7
    }
    this.bytes[at] = rest
  }

  /** A 64-bit varint of two words. Room for 10 bytes must have been ensured. */
  varint64(hi: number, lo: number): void {
    if (hi === 0) {
      this.varint(lo >>> 0)
      return
    }
    let length = 5
    for (let rest = hi >>> 3; rest !== 0; rest >>>= 7) length++
    let at = this.at - length
    this.at = at
    const { bytes } = this
    bytes[at++] = (lo & 0x7f) | 0x80
    bytes[at++] = ((lo >>> 7) & 0x7f) | 0x80
    bytes[at++] = ((lo >>> 14) & 0x7f) | 0x80
    bytes[at++] = ((lo >>> 21) & 0x7f) | 0x80
    let rest = hi >>> 3
    bytes[at++] = (lo >>> 28) | ((hi & 7) << 4) | (length > 5 ? 0x80 : 0)
    while (length > 5) {
      bytes[at++] = (rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)
      rest >>>= 7
      length--
    }
  }

  /** 8 bytes, little-endian. Room must have been ensured. */
  fixed64(hi: number, lo: number): void {
    const at = this.at - 8
    this.at = at
    this.view.setInt32(at, lo, true)
    this.view.setInt32(at + 4, hi, true)
  }

  /** The 8 bytes of a double, little-endian. Room must have been ensured. */
  double(value: number): void {
    this.at -= 8
    this.view.setFloat64(this.at, value, true)
  }

  /** 4 bytes, little-endian. Room must have been ensured. */
  fixed32(value: number): void {
    this.at -= 4
    this.view.setInt32(this.at, value, true)
  }

  /** 4 bytes, big-endian: a word of an id. Room must have been ensured. */
  idWord(value: number): void {
    this.at -= 4
    this.view.setInt32(this.at, value)
  }

  /** Whole little-endian words with garbage in front (see Key.words): `count` bytes of them count. Room: count + 3. */
  words(words: Int32Array, count: number): void {
    const { view } = this
    let at = this.at
    for (let i = words.length - 1; i >= 0; i--) {
      at -= 4
      view.setInt32(at, words[i] as number, true)
    }
    this.at -= count
  }

  /**
   * Copies bytes `start` to `end` of `source`. Returns true when they are valid UTF-8.
   * Up to 3 garbage bytes below the result are overwritten. Room for end − start + 3 must have been ensured.
   */
  slice(source: Uint8Array, start: number, end: number): boolean {
    const length = end - start
    let at = this.at
    this.at = at - length
    if (length > 160 || start < 3) {
      const part = source.subarray(start, end)
      this.bytes.set(part, this.at)
      return isUtf8(part)
    }
    if (source !== this.source) this.setSource(source)
    const from = this.sourceView
    const to = this.view
    let seen = 0
    let i = end
    for (const whole = start + 3; i > whole; ) {
      i -= 4
      at -= 4
      const word = from.getInt32(i, true)
      seen |= word
      to.setInt32(at, word, true)
    }
    if (i > start) {
      // The last one to three bytes come with bytes that stand before the slice: those are overwritten later.
      const word = from.getInt32(i - 4, true)
      to.setInt32(at - 4, word, true)
      seen |= word & (-1 << ((4 - (i - start)) * 8))
    }
    return (seen & 0x80808080) === 0 || isUtf8(source.subarray(start, end))
  }

  /**
   * An attribute whose value is text of the source, if all of it is below 128 bytes long, as nearly all are: then true. It ensures its own room.
   * @param words, nameBytes the name as a field, see {@link words} @param isText it is known to be UTF-8; otherwise only ASCII is taken
   */
  shortText(source: Uint8Array, start: number, end: number, words: Int32Array, nameBytes: number, tag: number, isText: boolean): boolean {
    const length = end - start
    // Behind the name: tag and length of the value, and the same of the text in it.
    const whole = length + nameBytes + 4
    if (whole > 0x7f || start < 3) return false
    if (this.at < whole + 8) this.grow(whole + 8)
    if (source !== this.source) this.setSource(source)
    const { view, sourceView } = this
    let at = this.at
    const text = at - length
    let seen = 0
    // The first word may begin before the text: what it brings along is written over.
    for (let i = end; i > start; ) {
      i -= 4
      at -= 4
      const word = sourceView.getInt32(i, true)
      seen |= word
      view.setInt32(at, word, true)
    }
    if (!isText && (seen & 0x80808080) !== 0) return false
    at = text - 4
    view.setInt32(at, 0x12 | ((length + 2) << 8) | (0x0a << 16) | (length << 24), true)
    const name = at - nameBytes
    for (let i = words.length - 1; i >= 0; i--) {
      at -= 4
      view.setInt32(at, words[i] as number, true)
    }
    at = name - 2
    view.setInt16(at, tag | (whole << 8), true)
    this.at = at
    return true
  }

  private setSource(source: Uint8Array): void {
    this.source = source
    this.sourceView = new DataView(source.buffer, source.byteOffset, source.byteLength)
  }

  /** Raw bytes. */
  raw(source: Uint8Array, start: number, end: number): void {
    this.ensure(end - start)
    this.at -= end - start
    this.bytes.set(source.subarray(start, end), this.at)
  }

  /** All bytes of an array that is mostly short. Ensures its own room. */
  block(source: Uint8Array): void {
    this.ensure(source.length)
    this.at -= source.length
    this.bytes.set(source, this.at)
  }

  /** Copies bytes `start` to `end` of what `source` views. Room must have been ensured. */
  copy(source: DataView, start: number, end: number): void {
    const { view } = this
    let at = this.at
    this.at = at - (end - start)
    if (end - start > copiedByWords) {
      this.bytes.set(new Uint8Array(source.buffer, source.byteOffset + start, end - start), this.at)
      return
    }
    let from = end
    for (const whole = start + 15; from > whole; ) {
      from -= 16
      at -= 16
      view.setInt32(at, source.getInt32(from, true), true)
      view.setInt32(at + 4, source.getInt32(from + 4, true), true)
      view.setInt32(at + 8, source.getInt32(from + 8, true), true)
      view.setInt32(at + 12, source.getInt32(from + 12, true), true)
    }
    for (const whole = start + 3; from > whole; ) {
      from -= 4
      at -= 4
      view.setInt32(at, source.getInt32(from, true), true)
    }
    while (from > start) view.setUint8(--at, source.getUint8(--from))
  }

  /** UTF-8 of a string (lone surrogates become U+FFFD). Ensures its own room; returns the bytes written. */
  string(text: string): number {
    const short = text.length
    if (short < 24) {
      this.ensure(short)
      const at = this.at - short
      let i = 0
      for (; i < short; i++) {
        const code = text.charCodeAt(i)
        if (code > 0x7f) break
        this.bytes[at + i] = code
      }
      if (i === short) {
        this.at = at
        return short
      }
    }
    const length = Buffer.byteLength(text)
    this.ensure(length)
    this.at -= length
    this.buffer.write(text, this.at, length, 'utf8')
    return length
  }

  /** A name: bytes of a slice, repaired with U+FFFD where they are not UTF-8. Ensures its own room; returns the bytes written. */
  sliceRepaired(source: Uint8Array, start: number, end: number): number {
    this.ensure(end - start + 4)
    const before = this.at
    if (this.slice(source, start, end)) return end - start
    this.at = before
    return this.string(replacement.decode(source.subarray(start, end)))
  }
}

const noBytes = new Uint8Array(0)

/** Guesses how large a message becomes from the size of what it is made of. */
export interface SizeGuess {
  expected(sourceBytes: number): number
  learn(sourceBytes: number, messageBytes: number): void
}

/** Follows the ratio of late messages; a guess is meant to be a little too large, as one too small costs a copy. */
export function createSizeGuess(): SizeGuess {
  let ratio = 1.4
  return {
    expected: (sourceBytes) => Math.ceil(sourceBytes * ratio) + 64,
    learn(sourceBytes, messageBytes) {
      if (sourceBytes === 0) return
      const seen = (messageBytes / sourceBytes) * 1.04
      // Up at once, down slowly; between 1/8 and 8, so that one odd message spoils nothing.
      ratio = Math.min(8, Math.max(0.125, seen > ratio ? seen : ratio * 0.9 + seen * 0.1))
    },
  }
}
