/**
 * A bounded cursor over JSON bytes that makes no strings: text stays where it is in the body, and what holds escapes is
 * unescaped in place, since it only gets shorter. RFC 8259, but for control characters inside strings: Zipkin's own reader
 * takes line feeds and others as they are, Elasticsearch's refuses them (`strict`).
 */

import { isUtf8 } from 'node:buffer'
import { BridgeError } from '../errors.ts'

/** Places of JSON objects in a body. */
export interface PlacedItems {
  readonly count: number
  /** Four numbers an item: where it begins and ends, and where its id does, a JSON text with its quotation marks; 0 and 0 without one. */
  readonly places: Int32Array
  /** The index that they are of; empty: not known. */
  readonly index: string
}

const Quote = 0x22
const Backslash = 0x5c

/** Bytes that may stand between tokens. */
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** Four ASCII characters as the little-endian word that `view.getInt32(at, true)` gives. */
export function wordOf(text: string): number {
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8) | (text.charCodeAt(2) << 16) | (text.charCodeAt(3) << 24)
}

const TRUE = wordOf('true')
const ALSE = wordOf('alse')
const NULL = wordOf('null')

/**
 * The bytes to scan: UTF-8 throughout, without a byte order mark, and safe to unescape in place.
 * A copy when the body holds a backslash or is not UTF-8 (what is invalid becomes U+FFFD), else the body itself.
 */
export function plainJson(body: Uint8Array): Uint8Array {
  let bytes = body
  if (!isUtf8(bytes)) bytes = new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
  else if (bytes.includes(Backslash)) bytes = new Uint8Array(bytes)
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

export class JsonScanner {
  bytes: Uint8Array
  view: DataView
  /** Nothing is read from here on. */
  end: number
  /** The next byte to read. */
  at = 0
  /** Set by `string`: where the text is, without quotes and escapes. */
  start = 0
  stop = 0
  /** Set by `string`: true when the text held escapes, so that its bytes in the body are not those received any more. */
  escaped = false
  private readonly maxStringBytes: number
  /** The top bit of each byte when control characters are refused, else 0. */
  private readonly controls: number
  private last: number

  /** @param bytes as {@link plainJson} makes them @param strict refuse control characters inside strings */
  constructor(bytes: Uint8Array, maxStringBytes: number, strict = false) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.end = bytes.length
    this.last = this.end - 4
    this.maxStringBytes = maxStringBytes
    this.controls = strict ? 0x80808080 | 0 : 0
  }

  /** Goes on with other bytes. */
  reopen(bytes: Uint8Array): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.within(0, bytes.length)
  }

  /** Goes on with a part of the bytes: one document of several. */
  within(start: number, end: number): void {
    this.at = start
    this.end = end
    this.last = end - 4
  }

  /** The body is not JSON. */
  fail(cause: string): never {
    if (this.at >= this.end) this.cutOff()
    throw new BridgeError('OB_DECODE_JSON', `cannot read JSON: ${cause} at byte ${this.at}`, { place: `byte ${this.at}` })
  }

  cutOff(): never {
    throw new BridgeError('OB_DECODE_JSON', `cannot read JSON: unexpected end of input at byte ${this.end}`, { place: `byte ${this.end}` })
  }

  /** Skips white space and gives the next byte without taking it. */
  peek(): number {
    const { bytes, end } = this
    let { at } = this
    while (at < end) {
      const byte = bytes[at] as number
      if (byte > 0x20 || !isSpace(byte)) {
        this.at = at
        return byte
      }
      at++
    }
    this.at = at
    return this.cutOff()
  }

  /** Skips white space; true at the end of the body. */
  atEnd(): boolean {
    while (this.at < this.end && isSpace(this.bytes[this.at] as number)) this.at++
    return this.at === this.end
  }

  /** The first byte of the value that comes next, without taking it. */
  value(): number {
    const byte = this.at < this.end ? (this.bytes[this.at] as number) : 0
    return byte > 0x20 ? byte : this.peek()
  }

  /** Takes the colon after a key and gives the first byte of the value without taking it. */
  colon(): number {
    const { at } = this
    // Nobody puts a space before the colon, and few one after it.
    if (at + 1 < this.end && this.bytes[at] === 0x3a) {
      const byte = this.bytes[at + 1] as number
      this.at = at + 1
      return byte > 0x20 ? byte : this.peek()
    }
    if (this.peek() !== 0x3a) this.fail('expected a colon')
    this.at++
    return this.peek()
  }

  /**
   * After a member or an element: takes the comma and gives the first byte of the next one without taking it;
   * takes the closing bracket and gives 0.
   */
  next(closing: number): number {
    const { at, end, bytes } = this
    let byte = at < end ? (bytes[at] as number) : 0
    if (byte <= 0x20) byte = this.peek()
    this.at++
    if (byte === 0x2c) {
      byte = this.at < end ? (bytes[this.at] as number) : 0
      return byte > 0x20 ? byte : this.peek()
    }
    if (byte === closing) return 0
    this.at--
    return this.fail('expected a comma or a closing bracket')
  }

  /** Takes the opening bracket and gives the first byte of what stands inside; takes the closing one too and gives 0 when nothing does. */
  open(closing: number): number {
    this.at++
    const { at, end } = this
    let byte = at < end ? (this.bytes[at] as number) : 0
    if (byte <= 0x20) byte = this.peek()
    if (byte !== closing) return byte
    this.at++
    return 0
  }

  /** Takes a string: `at` is at its opening quote. Sets `start`, `stop` and `escaped`. */
  string(): void {
    const { view, last, controls } = this
    const start = this.at + 1
    let at = start
    this.start = start
    this.escaped = false
    while (at <= last) {
      const word = view.getInt32(at, true)
      // Marks the bytes that are a quote or a backslash: x − 1 borrows into the top bit of bytes that are zero.
      const quote = word ^ 0x22222222
      const slash = word ^ 0x5c5c5c5c
      const marked = ((quote - 0x01010101) & ~quote) | ((slash - 0x01010101) & ~slash)
      const found = (marked & 0x80808080) | ((word - 0x20202020) & ~word & controls)
      if (found !== 0) {
        at += (31 - Math.clz32(found & -found)) >> 3
        if (this.bytes[at] === Quote) {
          this.stop = at
          this.at = at + 1
          if (at - start > this.maxStringBytes) this.tooLong(at - start)
        } else if (this.bytes[at] === Backslash) this.unescape(at)
        else this.control(at)
        return
      }
      at += 4
    }
    this.tail(at)
  }

  /** Where the text that begins at `start`, behind its opening quote, ends, if nothing in it is escaped and the end is not close; else −1. Nothing is taken or changed. */
  plainEnd(start: number): number {
    const { view, last, controls, bytes } = this
    for (let at = start; at <= last; at += 4) {
      const word = view.getInt32(at, true)
      const quote = word ^ 0x22222222
      const slash = word ^ 0x5c5c5c5c
      const marked = ((quote - 0x01010101) & ~quote) | ((slash - 0x01010101) & ~slash)
      const found = (marked & 0x80808080) | ((word - 0x20202020) & ~word & controls)
      if (found === 0) continue
      const stop = at + ((31 - Math.clz32(found & -found)) >> 3)
      return bytes[stop] === Quote && stop - start <= this.maxStringBytes ? stop : -1
    }
    return -1
  }

  /** The rest of `string` within the last three bytes of the body. */
  private tail(from: number): void {
    let at = from
    for (; at < this.end; at++) {
      const byte = this.bytes[at]
      if (byte === Quote) {
        this.stop = at
        this.at = at + 1
        return
      }
      if (byte === Backslash) {
        this.unescape(at)
        return
      }
      if ((byte as number) < 0x20 && this.controls !== 0) this.control(at)
    }
    this.cutOff()
  }

  private control(at: number): never {
    this.at = at
    return this.fail('a control character in a string')
  }

  private tooLong(length: number): never {
    throw new BridgeError('OB_LIMIT_LENGTH', `cannot read JSON: a string of ${length} bytes, the limit is ${this.maxStringBytes}`, {
      place: `byte ${this.start}`,
    })
  }

  /** Goes on behind the first backslash of a string, moving the rest of the text to the left. */
  private unescape(first: number): void {
    const { bytes, end } = this
    let from = first
    let to = first
    this.escaped = true
    while (from < end) {
      const byte = bytes[from++] as number
      if (byte === Quote) {
        this.stop = to
        this.at = from
        if (to - this.start > this.maxStringBytes) this.tooLong(to - this.start)
        return
      }
      if (byte !== Backslash) {
        if (byte < 0x20 && this.controls !== 0) this.control(from - 1)
        bytes[to++] = byte
        continue
      }
      const letter = from < end ? (bytes[from++] as number) : this.cutOff()
      if (letter !== 0x75) {
        bytes[to++] = this.simpleEscape(letter, from)
        continue
      }
      let code = this.unit(from)
      from += 4
      if (code >= 0xd800 && code < 0xe000) {
        // Half a surrogate pair means nothing alone: U+FFFD takes its place.
        const low = code < 0xdc00 && from + 1 < end && bytes[from] === Backslash && bytes[from + 1] === 0x75 ? this.unit(from + 2) : 0
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
          from += 6
        } else code = 0xfffd
      }
      if (code < 0x80) bytes[to++] = code
      else if (code < 0x800) {
        bytes[to++] = 0xc0 | (code >> 6)
        bytes[to++] = 0x80 | (code & 0x3f)
      } else if (code < 0x10000) {
        bytes[to++] = 0xe0 | (code >> 12)
        bytes[to++] = 0x80 | ((code >> 6) & 0x3f)
        bytes[to++] = 0x80 | (code & 0x3f)
      } else {
        bytes[to++] = 0xf0 | (code >> 18)
        bytes[to++] = 0x80 | ((code >> 12) & 0x3f)
        bytes[to++] = 0x80 | ((code >> 6) & 0x3f)
        bytes[to++] = 0x80 | (code & 0x3f)
      }
    }
    this.cutOff()
  }

  private simpleEscape(letter: number, from: number): number {
    switch (letter) {
      case 0x22:
      case 0x5c:
      case 0x2f:
        return letter
      case 0x6e:
        return 0x0a
      case 0x74:
        return 0x09
      case 0x72:
        return 0x0d
      case 0x62:
        return 0x08
      case 0x66:
        return 0x0c
      default:
        this.at = from - 1
        return this.fail('unknown escape')
    }
  }

  /** Four hex digits. */
  private unit(from: number): number {
    if (from + 4 > this.end) this.cutOff()
    let value = 0
    for (let at = from; at < from + 4; at++) {
      const byte = this.bytes[at] as number
      const lower = byte | 0x20
      const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
      if (digit < 0) {
        this.at = at
        this.fail('expected a hex digit')
      }
      value = (value << 4) | digit
    }
    return value
  }

  /** Takes `true`, `false` or `null` by its first byte: 1, 0 or −1. */
  literal(first: number): number {
    const { at } = this
    if (at <= this.last) {
      const word = this.view.getInt32(at, true)
      if (word === TRUE || word === NULL) {
        this.at = at + 4
        return word === TRUE ? 1 : -1
      }
      if (first === 0x66 && at < this.last && this.view.getInt32(at + 1, true) === ALSE) {
        this.at = at + 5
        return 0
      }
    } else if (first === 0x74 || first === 0x66 || first === 0x6e) this.cutOff()
    return this.fail('expected a value')
  }

  /** Takes a number and checks its form. Sets `start` and `stop`; true when it is a plain integer. */
  number(): boolean {
    const { bytes, end } = this
    let { at } = this
    this.start = at
    if (bytes[at] === 0x2d) at++
    const whole = at
    while (at < end && isDigit(bytes[at] as number)) at++
    if (at === whole || (bytes[whole] === 0x30 && at > whole + 1)) {
      this.at = at
      this.fail('expected a value')
    }
    let plain = true
    if (bytes[at] === 0x2e) {
      plain = false
      const fraction = ++at
      while (at < end && isDigit(bytes[at] as number)) at++
      if (at === fraction) this.digitMissing(at)
    }
    if (at < end && ((bytes[at] as number) | 0x20) === 0x65) {
      plain = false
      at++
      if (bytes[at] === 0x2b || bytes[at] === 0x2d) at++
      const exponent = at
      while (at < end && isDigit(bytes[at] as number)) at++
      if (at === exponent) this.digitMissing(at)
    }
    if (at >= end) this.cutOff()
    this.at = at
    this.stop = at
    return plain
  }

  private digitMissing(at: number): never {
    this.at = at
    return this.fail('expected a digit')
  }

  /** Skips a string and leaves its bytes as they are. */
  private skipString(): void {
    const { bytes, end } = this
    for (let at = this.at + 1; at < end; at++) {
      const byte = bytes[at]
      if (byte === Quote) {
        this.at = at + 1
        return
      }
      if (byte === Backslash) {
        at++
        if (at < end && bytes[at] !== 0x75) this.simpleEscape(bytes[at] as number, at + 1)
      } else if ((byte as number) < 0x20 && this.controls !== 0) this.control(at)
    }
    this.cutOff()
  }

  /** Skips a value of any kind, nested at most `depth` deep; changes no byte. @param first its first byte, at `at` */
  skip(first: number, depth: number): void {
    switch (first) {
      case Quote:
        this.skipString()
        return
      case 0x7b:
      case 0x5b: {
        if (depth <= 0)
          throw new BridgeError('OB_LIMIT_DEPTH', `cannot read JSON: nested too deep at byte ${this.at}`, { place: `byte ${this.at}` })
        const closing = first + 2
        for (let byte = this.open(closing); byte !== 0; byte = this.next(closing)) {
          if (first === 0x7b) {
            if (byte !== Quote) this.fail('expected a key')
            this.skipString()
            this.skip(this.colon(), depth - 1)
          } else this.skip(byte, depth - 1)
        }
        return
      }
      case 0x74:
      case 0x66:
      case 0x6e:
        this.literal(first)
        return
      default:
        this.number()
    }
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}
