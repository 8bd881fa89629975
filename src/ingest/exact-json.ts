/**
 * JSON over bytes with every number by its own digits: 9223372036854775807 stays that. For files, topics and back-fill,
 * where a page is read once; the Zipkin endpoint has a scanner of its own.
 *
 * What is large (envelopes, lists of spans) is walked with `object` and `array`, what is small (one span) is taken whole
 * with `value`, so that memory follows the largest item and not the file. Strict RFC 8259, but a byte order mark is skipped.
 */

import { BridgeError } from '../errors.ts'

/** A number as it was written. */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Objects are maps: a key `__proto__` is a key like any other, and of a key that stands twice the last one counts. */
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject
export type JsonObject = ReadonlyMap<string, JsonValue>

export interface JsonLimits {
  /** Nesting of objects and lists; more is OB_LIMIT_DEPTH. */
  readonly maxDepth: number
  /** Bytes of one string or number as written; more is OB_LIMIT_LENGTH. */
  readonly maxStringBytes: number
  /** Values in one call of `value`; more is OB_LIMIT_LENGTH. */
  readonly maxValues: number
}

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'word' | 'end'

const Char = { Tab: 0x09, Newline: 0x0a, Return: 0x0d, Space: 0x20, Quote: 0x22, Comma: 0x2c, Minus: 0x2d, Colon: 0x3a } as const
const Bracket = { Open: 0x5b, Close: 0x5d, OpenBrace: 0x7b, CloseBrace: 0x7d } as const
const Backslash = 0x5c

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

const numberSyntax = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

export const isJsonObject = (value: JsonValue | undefined): value is JsonObject => value instanceof Map

export const isJsonList = (value: JsonValue | undefined): value is readonly JsonValue[] => Array.isArray(value)

/** A cursor over JSON. Throws OB_DECODE_JSON with the byte for what is not JSON, OB_LIMIT_* for what is too much of it. */
export class JsonReader {
  /** Where the next byte is read. */
  at: number
  readonly end: number
  readonly #bytes: Buffer
  readonly #limits: JsonLimits
  #depth = 0
  #valuesLeft = 0

  constructor(bytes: Uint8Array, limits: JsonLimits, start = 0, end = bytes.length) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#limits = limits
    this.at = start
    this.end = end
    if (start === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.at = 3
  }

  fail(what: string, at = this.at): never {
    throw new BridgeError('OB_DECODE_JSON', `cannot read JSON: ${what} at byte ${at}`, { place: `byte ${at}` })
  }

  /** What stands next, behind white space. */
  kind(): JsonKind {
    this.#space()
    if (this.at >= this.end) return 'end'
    const byte = this.#bytes[this.at] as number
    if (byte === Bracket.OpenBrace) return 'object'
    if (byte === Bracket.Open) return 'array'
    if (byte === Char.Quote) return 'string'
    return byte === Char.Minus || isDigit(byte) ? 'number' : 'word'
  }

  /** The next value whole. */
  value(): JsonValue {
    this.#valuesLeft = this.#limits.maxValues
    return this.#value()
  }

  /** Walks an object; `member` must read, or skip, the value of each key. */
  object(member: (key: string) => void): void {
    if (this.kind() !== 'object') this.fail('an object is expected')
    this.#enter()
    if (this.#closes(Bracket.CloseBrace)) return
    for (;;) {
      this.#space()
      if (this.#bytes[this.at] !== Char.Quote || this.at >= this.end) this.fail(this.#unexpected('a key'))
      const key = this.#string()
      this.#space()
      if (this.at >= this.end || this.#bytes[this.at] !== Char.Colon) this.fail(this.#unexpected('a colon'))
      this.at++
      member(key)
      if (this.#closes(Bracket.CloseBrace)) return
      this.#comma('}')
    }
  }

  /** Walks a list; `element` must read, or skip, each element. */
  array(element: () => void): void {
    if (this.kind() !== 'array') this.fail('a list is expected')
    this.#enter()
    if (this.#closes(Bracket.Close)) return
    for (;;) {
      element()
      if (this.#closes(Bracket.Close)) return
      this.#comma(']')
    }
  }

  /** Passes over the next value; its syntax is checked, nothing is kept. */
  skip(): void {
    switch (this.kind()) {
      case 'object':
        this.object(() => this.skip())
        return
      case 'array':
        this.array(() => this.skip())
        return
      case 'string':
        this.#string()
        return
      default:
        this.#scalar()
    }
  }

  /** True when the object that stands next has one of the keys. The reader does not move. */
  has(...keys: readonly string[]): boolean {
    const { at } = this
    let found = false
    this.object((key) => {
      found ||= keys.includes(key)
      this.skip()
    })
    this.at = at
    return found
  }

  /** Nothing but white space may stand behind the last value. */
  finish(): void {
    if (this.kind() !== 'end') this.fail('more follows the end of the document')
  }

  #value(): JsonValue {
    if (--this.#valuesLeft < 0) this.#limit(`more than ${this.#limits.maxValues} values in one item`)
    switch (this.kind()) {
      case 'object': {
        const members = new Map<string, JsonValue>()
        this.object((key) => members.set(key, this.#value()))
        return members
      }
      case 'array': {
        const elements: JsonValue[] = []
        this.array(() => elements.push(this.#value()))
        return elements
      }
      case 'string':
        return this.#string()
      default:
        return this.#scalar()
    }
  }

  #scalar(): null | boolean | JsonNumber {
    this.#space()
    const start = this.at
    let at = start
    for (; at < this.end; at++) {
      const byte = this.#bytes[at] as number
      if (byte <= Char.Space || byte === Char.Comma || byte === Bracket.Close || byte === Bracket.CloseBrace) break
    }
    if (at - start > this.#limits.maxStringBytes) this.#limit('a number is longer than the limit')
    const text = this.#bytes.toString('latin1', start, Math.min(at, start + 1024))
    if (text === 'null' || text === 'true' || text === 'false') {
      this.at = at
      return text === 'null' ? null : text === 'true'
    }
    const whole = at - start > 1024 ? this.#bytes.toString('latin1', start, at) : text
    if (!numberSyntax.test(whole)) this.fail(this.#unexpected('a value'))
    this.at = at
    return new JsonNumber(whole)
  }

  /** The string that begins here. */
  #string(): string {
    const bytes = this.#bytes
    const start = this.at
    let escaped = false
    let at = start + 1
    for (; ; at++) {
      if (at >= this.end) this.fail('the document ends within a string', this.end)
      const byte = bytes[at] as number
      if (byte === Char.Quote) break
      if (byte === Backslash) {
        escaped = true
        at++
      } else if (byte < Char.Space) this.fail('a control character within a string', at)
    }
    if (at - start > this.#limits.maxStringBytes) this.#limit(`a string is longer than ${this.#limits.maxStringBytes} bytes`)
    this.at = at + 1
    if (!escaped) return bytes.toString('utf8', start + 1, at)
    try {
      return JSON.parse(bytes.toString('utf8', start, at + 1)) as string
    } catch {
      // Its own message counts characters, not bytes.
      return this.fail('an escape that JSON does not know', start)
    }
  }

  #enter(): void {
    this.at++
    if (++this.#depth > this.#limits.maxDepth) {
      throw new BridgeError('OB_LIMIT_DEPTH', `cannot read JSON: nested deeper than ${this.#limits.maxDepth}`, { place: `byte ${this.at}` })
    }
  }

  #closes(bracket: number): boolean {
    this.#space()
    if (this.at >= this.end || this.#bytes[this.at] !== bracket) return false
    this.at++
    this.#depth--
    return true
  }

  #comma(closing: string): void {
    if (this.at >= this.end || this.#bytes[this.at] !== Char.Comma) this.fail(this.#unexpected(`a comma or ${closing}`))
    this.at++
  }

  #unexpected(wanted: string): string {
    return this.at >= this.end ? `the document ends where ${wanted} is expected` : `${wanted} is expected`
  }

  #limit(what: string): never {
    throw new BridgeError('OB_LIMIT_LENGTH', `cannot read JSON: ${what}`, { place: `byte ${this.at}` })
  }

  #space(): void {
    for (; this.at < this.end; this.at++) {
      const byte = this.#bytes[this.at]
      if (byte !== Char.Space && byte !== Char.Newline && byte !== Char.Return && byte !== Char.Tab) return
    }
  }
}

/** Compact JSON of a value, numbers by their own digits. */
export function jsonText(value: JsonValue): string {
  if (value instanceof JsonNumber) return value.text
  if (isJsonList(value)) return `[${value.map(jsonText).join(',')}]`
  if (isJsonObject(value)) return `{${[...value].map(([key, one]) => `${JSON.stringify(key)}:${jsonText(one)}`).join(',')}}`
  return JSON.stringify(value)
}
