/** JSON text as bytes, written forward into memory that grows. */

import { isUtf8 } from 'node:buffer'
import { longestDecimal, writeSigned, writeUnsigned } from './decimal.ts'

const hexDigits = Buffer.from('0123456789abcdef')
const replacement = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

/** What stands for a byte inside of a string: 0 the byte itself, 1 `\u00xx`, else a backslash and this. */
const escapes: Uint8Array = (() => {
  const table = new Uint8Array(256)
  table.fill(1, 0, 0x20)
  for (const [byte, letter] of ['\bb', '\tt', '\nn', '\ff', '\rr', '""', '\\\\'].map((pair) => [pair.charCodeAt(0), pair.charCodeAt(1)])) {
    table[byte as number] = letter as number
  }
  return table
})()

/** Above this, what a string needs is counted instead of taken for the worst. */
const longText = 4096

function escapedLength(source: Uint8Array, start: number, end: number): number {
  let length = end - start + 2
  for (let i = start; i < end; i++) {
    const shown = escapes[source[i] as number] as number
    if (shown !== 0) length += shown === 1 ? 5 : 1
  }
  return length
}

/** Forward writer of one JSON text. */
export class JsonOutput {
  bytes: Buffer
  at = 0

  /** @param expectedBytes a guess; one too small costs a copy */
  constructor(expectedBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(1024, expectedBytes))
  }

  /** What was written, uncopied. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }

  ensure(count: number): void {
    if (this.bytes.length - this.at >= count) return
    const bigger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + count))
    bigger.set(this.bytes.subarray(0, this.at))
    this.bytes = bigger
  }

  byte(value: number): void {
    if (this.at === this.bytes.length) this.ensure(1)
    this.bytes[this.at++] = value
  }

  /** Bytes that need no escaping: `"traceId":`. */
  ascii(text: Uint8Array): void {
    const { length } = text
    this.ensure(length)
    const { bytes, at } = this
    for (let i = 0; i < length; i++) bytes[at + i] = text[i] as number
    this.at = at + length
  }

  /** A quoted string. False when the bytes are not UTF-8: then nothing was written. */
  string(source: Uint8Array, start: number, end: number): boolean {
    this.ensure(end - start > longText ? escapedLength(source, start, end) : (end - start) * 6 + 2)
    const { bytes } = this
    let { at } = this
    let seen = 0
    bytes[at++] = 0x22
    for (let i = start; i < end; i++) {
      const byte = source[i] as number
      seen |= byte
      const shown = escapes[byte] as number
      if (shown === 0) {
        bytes[at++] = byte
        continue
      }
      bytes[at++] = 0x5c
      if (shown !== 1) {
        bytes[at++] = shown
        continue
      }
      bytes[at] = 0x75
      bytes[at + 1] = 0x30
      bytes[at + 2] = 0x30
      bytes[at + 3] = 0x30 + (byte >> 4)
      bytes[at + 4] = hexDigits[byte & 15] as number
      at += 5
    }
    if (seen > 0x7f && !isUtf8(source.subarray(start, end))) return false
    bytes[at++] = 0x22
    this.at = at
    return true
  }

  /** A quoted string; what is not UTF-8 becomes U+FFFD. */
  stringRepaired(source: Uint8Array, start: number, end: number): void {
    if (this.string(source, start, end)) return
    const repaired = encoder.encode(replacement.decode(source.subarray(start, end)))
    this.string(repaired, 0, repaired.length)
  }

  hex(source: Uint8Array, start: number, end: number): void {
    this.ensure((end - start) * 2 + 2)
    const { bytes } = this
    let { at } = this
    bytes[at++] = 0x22
    for (let i = start; i < end; i++) {
      const byte = source[i] as number
      bytes[at++] = hexDigits[byte >> 4] as number
      bytes[at++] = hexDigits[byte & 15] as number
    }
    bytes[at++] = 0x22
    this.at = at
  }

  base64(source: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(source.buffer, source.byteOffset + start, end - start).toString('base64')
    this.ensure(text.length + 2)
    this.bytes[this.at++] = 0x22
    this.at += this.bytes.write(text, this.at, 'latin1')
    this.bytes[this.at++] = 0x22
  }

  /** A 64-bit integer, in quotes as protobuf's JSON has it. */
  integer(hi: number, lo: number, signed: boolean): void {
    this.ensure(longestDecimal * 2 + 2)
    const { bytes } = this
    const end = this.at + longestDecimal * 2 + 2
    const start = signed ? writeSigned(hi, lo, bytes, end) : writeUnsigned(hi, lo, bytes, end)
    bytes[this.at++] = 0x22
    bytes.copyWithin(this.at, start, end)
    this.at += end - start
    bytes[this.at++] = 0x22
  }

  /** A number up to 32 bits, or any double. What JSON has no number for is put in quotes: `"NaN"`, `"-Infinity"`. */
  number(value: number): void {
    if (value >= 0 && value < 10 && Number.isInteger(value) && !Object.is(value, -0)) {
      this.byte(0x30 + value)
      return
    }
    const text = Object.is(value, -0) ? '-0' : Number.isFinite(value) ? String(value) : `"${value}"`
    this.ensure(text.length)
    for (let i = 0; i < text.length; i++) this.bytes[this.at + i] = text.charCodeAt(i)
    this.at += text.length
  }
}
