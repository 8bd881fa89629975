/**
 * A bounded cursor over JSON bytes for the transcoder: it makes no strings and no objects, so what a body costs in
 * memory is what comes out of it. RFC 8259, but control characters inside strings are taken as they are.
 */

import { isUtf8 } from 'node:buffer'
import { BridgeError } from '../../errors.ts'

const Quote = 0x22
const Backslash = 0x5c

/** What stands behind a backslash, as a byte; 0 for what may not. */
const unescaped: Uint8Array = (() => {
  const table = new Uint8Array(256)
  for (const [letter, byte] of ['b\b', 't\t', 'n\n', 'f\f', 'r\r', '""', '\\\\', '//'].map((pair) => [
    pair.charCodeAt(0),
    pair.charCodeAt(1),
  ])) {
    table[letter as number] = byte as number
  }
  return table
})()

const hexOf = (byte: number): number =>
  byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : byte >= 0x41 && byte <= 0x46 ? byte - 0x37 : -1

/** UTF-8 throughout and without a byte order mark; what is invalid becomes U+FFFD. */
function prepare(body: Uint8Array): Uint8Array {
  const bytes = isUtf8(body) ? body : new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(body))
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

export class JsonCursor {
  readonly bytes: Uint8Array
  readonly end: number
  /** The next byte to read. */
  at = 0
  /** Set by `string` and `number`: where the text is, without quotes and escapes. */
  source: Uint8Array
  start = 0
  stop = 0
  /** For `number`: whether it has a fraction or an exponent. */
  whole = true
  private scratch: Uint8Array = new Uint8Array(0)

  constructor(body: Uint8Array) {
    this.bytes = prepare(body)
    this.source = this.bytes
    this.end = this.bytes.length
  }

  fail(cause: string): never {
    const why = this.at >= this.end ? 'unexpected end of input' : cause
    const place = `byte ${Math.min(this.at, this.end)}`
    throw new BridgeError('OB_DECODE_JSON', `cannot read JSON: ${why} at ${place}`, { place })
  }

  /** Skips white space; the next byte, not taken, or −1 at the end. */
  peek(): number {
    const { bytes, end } = this
    for (let { at } = this; at < end; at++) {
      const byte = bytes[at] as number
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.at = at
        return byte
      }
    }
    this.at = end
    return -1
  }

  /** Takes the next byte, which must be this one. */
  expect(byte: number): void {
    if (this.peek() !== byte) this.fail(`expected ${String.fromCharCode(byte)}`)
    this.at++
  }

  /** After a member or an element: true when another one follows, false when the closing byte was taken. */
  more(closing: number): boolean {
    const byte = this.peek()
    if (byte !== 0x2c && byte !== closing) this.fail(`expected , or ${String.fromCharCode(closing)}`)
    this.at++
    return byte === 0x2c
  }

  /** Takes `{` or `[` and says whether anything is in it; the closing byte of an empty one is taken too. */
  open(opening: number, closing: number): boolean {
    this.expect(opening)
    if (this.peek() !== closing) return true
    this.at++
    return false
  }

  /** Takes a word when it is the next thing: `null`, `true`. */
  word(text: Uint8Array): boolean {
    const { bytes, at } = this
    for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
    this.at = at + text.length
    return true
  }

  /** Takes a string; its text is `source` from `start` to `stop`, until the next call. */
  string(): void {
    if (this.peek() !== Quote) this.fail('expected a string')
    const { bytes, end } = this
    const start = this.at + 1
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === Quote) {
        this.source = bytes
        this.start = start
        this.stop = at
        this.at = at + 1
        return
      }
      if (byte === Backslash) {
        this.escapedString(start, at)
        return
      }
    }
    this.at = end
    this.fail('')
  }

  /** The rest of a string with escapes, the first of them at `from`; its text goes to memory of our own. */
  private escapedString(start: number, from: number): void {
    const { bytes, end } = this
    const close = this.closingQuote(from)
    if (this.scratch.length < close - start) this.scratch = new Uint8Array(Math.max(256, (close - start) * 2))
    const { scratch } = this
    let to = from - start
    scratch.set(bytes.subarray(start, from), 0)
    for (let at = from; at < close; ) {
      const byte = bytes[at] as number
      if (byte !== Backslash) {
        scratch[to++] = byte
        at++
        continue
      }
      const letter = bytes[at + 1] as number
      if (letter !== 0x75) {
        const plain = unescaped[letter] as number
        this.at = at
        if (plain === 0) this.fail('unknown escape')
        scratch[to++] = plain
        at += 2
        continue
      }
      let unit = this.unit(at)
      at += 6
      if (unit >= 0xd800 && unit < 0xe000) {
        const low = unit < 0xdc00 && at + 6 <= end && bytes[at] === Backslash && bytes[at + 1] === 0x75 ? this.unit(at) : 0
        if (low >= 0xdc00 && low < 0xe000) {
          unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
          at += 6
        } else unit = 0xfffd // half of a pair is no character
      }
      to = writeUtf8(scratch, to, unit)
    }
    this.source = scratch
    this.start = 0
    this.stop = to
    this.at = close + 1
  }

  private closingQuote(from: number): number {
    const { bytes, end } = this
    for (let at = from; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === Quote) return at
      if (byte === Backslash) at++
    }
    this.at = end
    return this.fail('')
  }

  /** The UTF-16 unit of a `\uXXXX` at `at`. */
  private unit(at: number): number {
    const { bytes, end } = this
    let unit = 0
    this.at = at
    if (at + 6 > end) this.fail('cut off')
    for (let i = at + 2; i < at + 6; i++) {
      const digit = hexOf(bytes[i] as number)
      if (digit < 0) this.fail('bad \\u escape')
      unit = (unit << 4) | digit
    }
    return unit
  }

  /** Takes a number; its text is `source` from `start` to `stop`. */
  number(): void {
    const { bytes, end } = this
    this.peek()
    const start = this.at
    let at = start
    if (bytes[at] === 0x2d) at++
    const first = at
    while (at < end && isDigit(bytes[at] as number)) at++
    let valid = at > first && (bytes[first] !== 0x30 || at === first + 1)
    let whole = true
    if (bytes[at] === 0x2e) {
      const from = ++at
      while (at < end && isDigit(bytes[at] as number)) at++
      valid &&= at > from
      whole = false
    }
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++
      const from = at
      while (at < end && isDigit(bytes[at] as number)) at++
      valid &&= at > from
      whole = false
    }
    if (!valid) this.fail('expected a value')
    this.source = bytes
    this.start = start
    this.stop = at
    this.whole = whole
    this.at = at
  }

  /** Takes a value of any kind. @param depth how many lists and objects it may have inside of each other */
  skip(depth: number): void {
    const byte = this.peek()
    if (byte === Quote) this.string()
    else if (byte === 0x7b || byte === 0x5b) this.skipNested(byte, depth)
    else if (!(this.word(words.null) || this.word(words.true) || this.word(words.false))) this.number()
  }

  private skipNested(opening: number, depth: number): void {
    if (depth === 0)
      throw new BridgeError('OB_LIMIT_DEPTH', `cannot read JSON: nested too deep at byte ${this.at}`, { place: `byte ${this.at}` })
    const closing = opening + 2
    if (!this.open(opening, closing)) return
    do {
      if (opening === 0x7b) {
        this.string()
        this.expect(0x3a)
      }
      this.skip(depth - 1)
    } while (this.more(closing))
  }

  /** The text that `string` or `number` found, as a JavaScript string. */
  text(): string {
    return Buffer.from(this.source.buffer, this.source.byteOffset + this.start, this.stop - this.start).toString('utf8')
  }
}

/** The words of JSON. */
export const words = { null: Buffer.from('null'), true: Buffer.from('true'), false: Buffer.from('false') } as const

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

function writeUtf8(to: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    to[at] = code
    return at + 1
  }
  if (code < 0x800) {
    to[at] = 0xc0 | (code >> 6)
    to[at + 1] = 0x80 | (code & 63)
    return at + 2
  }
  if (code < 0x10000) {
    to[at] = 0xe0 | (code >> 12)
    to[at + 1] = 0x80 | ((code >> 6) & 63)
    to[at + 2] = 0x80 | (code & 63)
    return at + 3
  }
  to[at] = 0xf0 | (code >> 18)
  to[at + 1] = 0x80 | ((code >> 12) & 63)
  to[at + 2] = 0x80 | ((code >> 6) & 63)
  to[at + 3] = 0x80 | (code & 63)
  return at + 4
}
