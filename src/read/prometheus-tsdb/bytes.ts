/** Integers of block files: big-endian, LEB128. Never beyond `end`, never beyond what a number says exactly. */

import { tsdbError } from './faults.ts'

const two32 = 0x1_0000_0000

/** A place in bytes. What throws is OB_SOURCE with reason `corrupt`. */
export class ByteCursor {
  bytes: Uint8Array
  at: number
  end: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  fail(why: string): never {
    throw tsdbError('corrupt', `cannot read the bytes at ${this.at}: ${why}`)
  }

  byte(): number {
    if (this.at >= this.end) this.fail('cut off')
    return this.bytes[this.at++] as number
  }

  u32(): number {
    const { at, bytes } = this
    if (this.end - at < 4) this.fail('cut off')
    this.at = at + 4
    return readU32(bytes, at)
  }

  /** uint64 as a number; one above 2^53 − 1 is refused. */
  u64(): number {
    const hi = this.u32()
    const lo = this.u32()
    if (hi > 0x1fffff) this.fail('a number above 2^53')
    return hi * two32 + lo
  }

  /** LEB128 of at most ten bytes, below 2^53. */
  uvarint(): number {
    const { bytes, end } = this
    let { at } = this
    let value = 0
    let factor = 1
    for (let count = 0; count < 10; count++) {
      if (at >= end) this.fail('cut off')
      const byte = bytes[at++] as number
      value += (byte & 0x7f) * factor
      if (value > Number.MAX_SAFE_INTEGER) this.fail('a number above 2^53')
      if (byte < 0x80) {
        this.at = at
        return value
      }
      factor *= 128
    }
    return this.fail('a number of more than ten bytes')
  }

  /** Zig-zag of {@link uvarint}. */
  varint(): number {
    const value = this.uvarint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** As many bytes as stand before them. A view. */
  block(): Uint8Array {
    const length = this.uvarint()
    if (length > this.end - this.at) this.fail(`${length} bytes of which ${this.end - this.at} are there`)
    const from = this.at
    this.at = from + length
    return this.bytes.subarray(from, this.at)
  }
}

/** Big-endian, unsigned. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
  )
}
