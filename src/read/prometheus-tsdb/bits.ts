/** A stream of bits, most significant first, as chunks are written. Numbers are exact or refused. */

import { tsdbError } from './faults.ts'

const two32 = 0x1_0000_0000
/** Zeros behind the data: one number may be read past its end before that is noticed. */
const padding = 64

/** Widths of a varbit integer, by the ones before it. */
const widths = new Uint8Array([0, 3, 6, 9, 12, 18, 25, 56, 64])

/** Bits of one chunk, which are copied into memory of its own. */
export class Bits {
  bytes = new Uint8Array(4096)
  view = new DataView(this.bytes.buffer)
  /** In bits. */
  at = 0
  end = 0
  /** Result of {@link words64}. */
  hi = 0
  lo = 0

  load(data: Uint8Array): void {
    if (data.length + padding > this.bytes.length) {
      this.bytes = new Uint8Array(2 * data.length + padding)
      this.view = new DataView(this.bytes.buffer)
    }
    this.bytes.set(data)
    this.bytes.fill(0, data.length, data.length + padding)
    this.at = 0
    this.end = data.length * 8
  }

  fail(why: string): never {
    throw tsdbError('corrupt', `cannot decode the chunk at bit ${this.at}: ${why}`)
  }

  /** To be called at least once for every 40 bytes that are read. */
  check(): void {
    if (this.at > this.end) this.fail('cut off')
  }

  bit(): number {
    const { at } = this
    this.at = at + 1
    return ((this.bytes[at >>> 3] as number) >>> (7 - (at & 7))) & 1
  }

  /** 1 to 32 bits, unsigned. */
  word(width: number): number {
    const { at } = this
    const byte = at >>> 3
    const shift = at & 7
    this.at = at + width
    let word = this.view.getInt32(byte) << shift
    if (width + shift > 32) word |= (this.bytes[byte + 4] as number) >>> (8 - shift)
    return word >>> (32 - width)
  }

  /** Into `hi` and `lo`. */
  words64(): void {
    this.hi = this.word(32) | 0
    this.lo = this.word(32) | 0
  }

  /** As many ones as there are, at most `most` ≤ 8; the zero behind them is read, too. */
  ones(most: number): number {
    const { at } = this
    const byte = ((this.view.getInt16(at >>> 3) << (at & 7)) >>> 8) & 0xff
    const count = Math.min(most, Math.clz32(~(byte << 24)))
    this.at = at + count + (count < most ? 1 : 0)
    return count
  }

  /** LEB128 at the current bit. */
  uvarint(): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      const byte = this.word(8)
      value += (byte & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER) this.fail('a number above 2^53')
      if (byte < 0x80) return value
      factor *= 128
    }
    return this.fail('a number of more than ten bytes')
  }

  varint(): number {
    const value = this.uvarint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** So many bits whose upper half is negative but for its lowest value: 3 bits hold −3 to 4. */
  signed(width: number): number {
    const value = this.word(width)
    const half = 2 ** (width - 1)
    return value > half ? value - 2 * half : value
  }

  /** Plain two's complement. */
  complement(width: number): number {
    const shift = 32 - width
    return (this.word(width) << shift) >> shift
  }

  int64(): number {
    const hi = this.word(32) | 0
    const value = hi * two32 + this.word(32)
    if (!Number.isSafeInteger(value)) this.fail('a number beyond 2^53')
    return value
  }

  /** varbit int */
  int(): number {
    const ones = this.ones(8)
    if (ones === 0) return 0
    if (ones < 7) return this.signed(widths[ones] as number)
    if (ones === 8) return this.int64()
    const hi = this.word(24)
    const lo = this.word(32)
    const exact = (hi >= 0x80_0000 ? hi - 0x100_0000 : hi) * two32 + lo
    if (!Number.isSafeInteger(exact)) this.fail('a number beyond 2^53')
    return exact
  }

  /** varbit uint */
  uint(): number {
    const ones = this.ones(8)
    if (ones === 0) return 0
    if (ones < 7) return this.word(widths[ones] as number)
    const value = this.word(ones === 7 ? 24 : 32) * two32 + this.word(32)
    if (!Number.isSafeInteger(value)) this.fail('a number above 2^53')
    return value
  }
}

/** The last of a sequence of doubles, each told as the difference of its bits from the one before. */
export class XorValue {
  hi = 0
  lo = 0
  private leading = 0
  private width = 0
  private trailing = 0

  /** The first one: 64 bits as they are. */
  first(bits: Bits): void {
    bits.words64()
    this.hi = bits.hi
    this.lo = bits.lo
    this.leading = this.width = this.trailing = 0
  }

  reset(): void {
    this.hi = this.lo = this.leading = this.width = this.trailing = 0
  }

  /** `0` the same, `10` in the window of the one before, `11` in a new one. */
  next(bits: Bits): void {
    if (bits.bit() === 0) return
    if (bits.bit() === 1) this.window(bits)
    this.difference(bits)
  }

  /** A new window: how many zeros stand before the bits that differ, and how many do. */
  window(bits: Bits): void {
    this.leading = bits.word(5)
    this.width = bits.word(6) || 64
    this.trailing = 64 - this.leading - this.width
    if (this.trailing < 0) bits.fail(`a difference of ${this.leading} + ${this.width} bits`)
  }

  /** The difference, in the window. */
  difference(bits: Bits): void {
    const { width, trailing } = this
    if (width === 0) bits.fail('a difference without a window')
    const high = width > 32 ? bits.word(width - 32) : 0
    const low = bits.word(Math.min(width, 32))
    if (trailing >= 32) this.hi ^= low << (trailing - 32)
    else if (trailing === 0) {
      this.hi ^= high
      this.lo ^= low
    } else {
      this.hi ^= (high << trailing) | (low >>> (32 - trailing))
      this.lo ^= low << trailing
    }
  }
}
