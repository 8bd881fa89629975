/** Protobuf written forward, for input that comes in order: a message's length is put in front of it when it is known. */

const lengthBytes = (length: number): number =>
  length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x200000 ? 3 : length < 0x10000000 ? 4 : 5

export class ProtoOutput {
  bytes: Uint8Array
  at = 0
  private view: DataView

  constructor(expectedBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(1024, expectedBytes))
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength)
  }

  /** Makes room for `count` bytes. */
  ensure(count: number): void {
    if (this.bytes.length - this.at >= count) return
    const bigger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + count))
    bigger.set(this.bytes.subarray(0, this.at))
    this.bytes = bigger
    this.view = new DataView(bigger.buffer, bigger.byteOffset, bigger.byteLength)
  }

  /** A tag below 2^14. Room for 2 bytes must have been ensured. */
  tag(tag: number): void {
    if (tag < 0x80) this.bytes[this.at++] = tag
    else {
      this.bytes[this.at] = (tag & 0x7f) | 0x80
      this.bytes[this.at + 1] = tag >>> 7
      this.at += 2
    }
  }

  byte(value: number): void {
    this.bytes[this.at++] = value
  }

  /** An unsigned varint below 2^32. Room for 5 bytes must have been ensured. */
  varint(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.bytes[this.at++] = rest
  }

  /** A 64-bit varint. Room for 10 bytes must have been ensured. */
  varint64(hi: number, lo: number): void {
    let high = hi >>> 0
    let low = lo >>> 0
    while (high !== 0) {
      this.bytes[this.at++] = (low & 0x7f) | 0x80
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    this.varint(low)
  }

  /** Room for 8 bytes must have been ensured. */
  fixed64(hi: number, lo: number): void {
    this.view.setInt32(this.at, lo, true)
    this.view.setInt32(this.at + 4, hi, true)
    this.at += 8
  }

  /** Room for 4 bytes must have been ensured. */
  fixed32(value: number): void {
    this.view.setInt32(this.at, value, true)
    this.at += 4
  }

  /** Bytes with their length in front. Ensures its own room. */
  delimited(source: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.ensure(length + 5)
    this.varint(length)
    const { bytes, at } = this
    if (length > 48) bytes.set(source.subarray(start, end), at)
    else for (let i = 0; i < length; i++) bytes[at + i] = source[start + i] as number
    this.at = at + length
  }

  /** Leaves room for a length of `width` bytes and returns where what it is the length of begins. Ensures its own room. */
  begin(width: number): number {
    this.ensure(width)
    this.at += width
    return this.at
  }

  /** Writes the length of what was written since `from`, moving it when the room left was wrong. Returns the bytes it took. */
  end(from: number, width: number): number {
    const length = this.at - from
    const needed = lengthBytes(length)
    if (needed !== width) {
      this.ensure(needed)
      this.bytes.copyWithin(from - width + needed, from, this.at)
    }
    const end = from - width + needed + length
    this.at = from - width
    this.varint(length)
    this.at = end
    return needed
  }
}
