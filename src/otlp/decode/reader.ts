/** A bounded cursor over protobuf bytes, for every protobuf decoder of the project. */

import { BridgeError } from '../../errors.ts'
import type { Words } from '../time.ts'

/** Wire types of a tag's low three bits. */
export const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, StartGroup: 3, EndGroup: 4, Fixed32: 5 } as const

/**
 * Reads within `at` to `end` of `bytes`. Every read checks the end; failures are OB_DECODE_PROTO with the byte offset.
 * @see protobuf.dev/programming-guides/encoding
 */
export class ProtoReader {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
  end: number

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = 0
    this.end = bytes.length
  }

  fail(cause: string): never {
    throw new BridgeError('OB_DECODE_PROTO', `cannot read protobuf: ${cause} at byte ${this.at}`, { place: `byte ${this.at}` })
  }

  /** A varint below 2^32: tags, lengths, enums. Higher bits of a 64-bit varint are dropped, as protobuf does for int32. */
  varint32(): number {
    const first = this.at < this.end ? (this.bytes[this.at] as number) : this.fail('cut off')
    if (first < 0x80) {
      this.at++
      return first
    }
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.end) this.fail('cut off')
      const byte = this.bytes[this.at++] as number
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    return this.fail('varint longer than 10 bytes')
  }

  /** A 64-bit varint into two words. */
  varint64(out: Words): void {
    let lo = 0
    let hi = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.end) this.fail('cut off')
      const byte = this.bytes[this.at++] as number
      const bits = byte & 0x7f
      if (shift < 28) lo |= bits << shift
      else if (shift === 28) {
        lo |= bits << 28
        hi |= bits >>> 4
      } else if (shift < 63) hi |= bits << (shift - 32)
      else hi |= (bits & 1) << 31
      if (byte < 0x80) {
        out.lo = lo
        out.hi = hi
        return
      }
    }
    this.fail('varint longer than 10 bytes')
  }

  fixed64(out: Words): void {
    if (this.end - this.at < 8) this.fail('cut off')
    out.lo = this.view.getInt32(this.at, true)
    out.hi = this.view.getInt32(this.at + 4, true)
    this.at += 8
  }

  fixed32(): number {
    if (this.end - this.at < 4) this.fail('cut off')
    const value = this.view.getInt32(this.at, true)
    this.at += 4
    return value
  }

  /** The end of a length-delimited field that begins at `at` after this call; checked against the bytes left. */
  length(): number {
    const length = this.varint32()
    if (length > this.end - this.at) this.fail(`length ${length} > bytes available ${this.end - this.at}`)
    return this.at + length
  }

  /** Reads fields up to `end`; `take` reads the value of a tag it knows, everything else is skipped. A closure a message: not where it is hot. */
  fields(end: number, take: (tag: number) => boolean): void {
    const outer = this.end
    this.end = end
    while (this.at < end) {
      const tag = this.varint32()
      if (!take(tag)) this.skip(tag)
    }
    this.end = outer
  }

  /** Skips a field's value. Groups nest at most `depth` deep. */
  skip(tag: number, depth = 32): void {
    switch (tag & 7) {
      case WireType.Varint:
        while (true) {
          if (this.at >= this.end) this.fail('cut off')
          if ((this.bytes[this.at++] as number) < 0x80) return
        }
      case WireType.Fixed64:
        if (this.end - this.at < 8) this.fail('cut off')
        this.at += 8
        return
      case WireType.Bytes:
        this.at = this.length()
        return
      case WireType.StartGroup:
        if (depth === 0) this.fail('groups nested too deep')
        for (let inner = this.varint32(); (inner & 7) !== WireType.EndGroup; inner = this.varint32()) this.skip(inner, depth - 1)
        return
      case WireType.Fixed32:
        if (this.end - this.at < 4) this.fail('cut off')
        this.at += 4
        return
      default:
        this.fail(`wire type ${tag & 7}`)
    }
  }
}

/** The text of a field of a message: the last one, as protobuf has it; '' when there is none. Throws OB_DECODE_PROTO. */
export function textField(message: Uint8Array, field: number): string {
  const reader = new ProtoReader(message)
  let text = ''
  reader.fields(reader.end, (tag) => {
    if (tag !== ((field << 3) | WireType.Bytes)) return false
    const end = reader.length()
    text = Buffer.from(message.subarray(reader.at, end)).toString()
    reader.at = end
    return true
  })
  return text
}
