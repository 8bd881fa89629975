/**
 * A pull parser for one short line of JSON, its faults worded as Jackson's, which is Elasticsearch's parser: people search for those texts. Tokens
 * come one by one, so that a line is refused for what stands first in it, as there. Nothing is thrown; nothing is kept but names of open objects.
 */

import { isUtf8 } from 'node:buffer'

export const Token = {
  /** The line has ended where it may. */
  End: 0,
  StartObject: 1,
  EndObject: 2,
  StartArray: 3,
  EndArray: 4,
  FieldName: 5,
  String: 6,
  Number: 7,
  Boolean: 8,
  Null: 9,
  /** What comes is no JSON: `message`, `column`, `cutOff`. */
  Fault: 10,
} as const

/** Tokens as Elasticsearch's messages name them. */
export const tokenNames: readonly string[] = [
  'null',
  'START_OBJECT',
  'END_OBJECT',
  'START_ARRAY',
  'END_ARRAY',
  'FIELD_NAME',
  'VALUE_STRING',
  'VALUE_NUMBER',
  'VALUE_BOOLEAN',
  'VALUE_NULL',
  'fault',
]

/** Objects and lists within each other: more is a fault, as in Elasticsearch. */
const maxDepth = 1000
/** Names of one object that are looked at for doubles; what has more is refused. */
const maxNames = 1000

const validValue = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** An open object or list. */
interface Level {
  readonly isObject: boolean
  /** Where it opened. */
  readonly at: number
  /** Of an object. */
  readonly names: Set<string>
  /** Members or values so far. */
  count: number
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isWord = (byte: number): boolean =>
  (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a) || byte === 0x24 || byte === 0x5f || byte >= 0x80 || isDigit(byte)

export class JsonTokens {
  /** After a string or a number: where its text is, without quotes. */
  start = 0
  stop = 0
  /** After a string: its text holds escapes. */
  escaped = false
  /** After a fault: what is wrong, where (from 1), and whether the line ended too early. */
  message = ''
  column = 0
  cutOff = false
  /** Where the next token is looked for. */
  at = 0
  private bytes: Uint8Array = new Uint8Array(0)
  private from = 0
  private end = 0
  private readonly levels: Level[] = []
  private afterName = false
  private done = false
  private faulty = false
  private readonly oldColumns: boolean

  /** @param oldColumns columns and places as version 7 counts and words them */
  constructor(oldColumns: boolean) {
    this.oldColumns = oldColumns
  }

  /** Begins with the line at `start` to `end`. */
  line(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes
    this.from = start
    this.at = start
    this.end = end
    this.levels.length = 0
    this.afterName = false
    this.done = false
    this.faulty = false
  }

  /** Text of the string, number or boolean at hand. */
  text(): string {
    const raw = decoder.decode(this.bytes.subarray(this.start, this.stop))
    return this.escaped ? (JSON.parse(`"${raw}"`) as string) : raw
  }

  /** Column behind the token at hand, from 1. */
  get nextColumn(): number {
    return this.at - this.from + 1
  }

  /** Words of a place, as they end Jackson's messages. Bytes of the line are left out of it. */
  place(column: number): string {
    return this.oldColumns
      ? `[Source: (ByteArrayInputStream); line: 1, column: ${column}]`
      : `[Source: REDACTED (\`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION\` disabled); line: 1, column: ${column}]`
  }

  /** Takes the next token. After a fault there are only faults. */
  next(): number {
    if (this.faulty) return Token.Fault
    const level = this.levels[this.levels.length - 1]
    let byte = this.space()
    if (level === undefined) return byte < 0 ? Token.End : this.rootValue(byte)
    if (this.afterName) {
      if (byte !== 0x3a) return this.unexpected(byte, 'was expecting a colon to separate field name and value', level)
      this.at++
      byte = this.space()
      this.afterName = false
      return byte < 0 ? this.within(level) : this.value(byte)
    }
    const closing = level.isObject ? 0x7d : 0x5d
    if (byte < 0) return this.unclosed(level)
    if (byte === closing) return this.close(level)
    if (byte === 0x7d || byte === 0x5d) return this.wrongClose(byte, level)
    if (level.count++ > 0) {
      if (byte !== 0x2c)
        return this.unexpected(byte, `was expecting comma to separate ${level.isObject ? 'Object' : 'Array'} entries`, level)
      this.at++
      byte = this.space()
      if (byte < 0) return this.fault(`Unexpected end-of-input within/between ${level.isObject ? 'Object' : 'Array'} entries`, this.here())
    }
    return level.isObject ? this.name(byte, level) : this.value(byte)
  }

  /** After a start of an object or list: goes behind its end; with any other token does nothing. False after a fault. */
  skip(token: number): boolean {
    if (token !== Token.StartObject && token !== Token.StartArray) return token !== Token.Fault
    const depth = this.levels.length - 1
    while (this.levels.length > depth) if (this.next() === Token.Fault) return false
    return true
  }

  private rootValue(byte: number): number {
    if (this.done && this.oldColumns) return Token.End
    this.done = true
    return byte === 0x7d || byte === 0x5d ? this.wrongClose(byte, undefined) : this.value(byte)
  }

  private close(level: Level): number {
    this.at++
    this.levels.pop()
    return level.isObject ? Token.EndObject : Token.EndArray
  }

  private name(byte: number, level: Level): number {
    if (byte !== 0x22) return this.unexpected(byte, 'was expecting double-quote to start field name', level)
    if (this.string('in field name') === Token.Fault) return Token.Fault
    if (level.names.size >= maxNames) return this.fault(`Too many fields in an object, the limit is ${maxNames}`, this.here())
    const name = this.text()
    if (level.names.has(name)) return this.fault(`Duplicate field '${name}'`, this.here())
    level.names.add(name)
    this.afterName = true
    return Token.FieldName
  }

  private value(byte: number): number {
    switch (byte) {
      case 0x22:
        return this.string('in VALUE_STRING')
      case 0x7b:
      case 0x5b:
        if (this.levels.length >= maxDepth)
          return this.fault(`Document nesting depth (${maxDepth + 1}) exceeds the maximum allowed (${maxDepth})`, this.here() + 1)
        this.levels.push({ isObject: byte === 0x7b, at: this.at, names: new Set(), count: 0 })
        this.at++
        return byte === 0x7b ? Token.StartObject : Token.StartArray
      case 0x2d:
        return this.number()
      case 0x2b:
        this.at++
        return this.unexpected(
          0x2b,
          'in numeric value: JSON spec does not allow numbers to have plus signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow',
          undefined,
          ' ',
        )
      default:
        if (isDigit(byte)) return this.number()
        if (isWord(byte)) return this.literal()
        return this.unexpected(
          byte,
          byte === 0x7d || byte === 0x2c ? 'expected a value' : `expected a valid value ${validValue}`,
          undefined,
        )
    }
  }

  /** White space and comments; gives the next byte without taking it, −1 at the end. */
  private space(): number {
    const { bytes, end } = this
    while (this.at < end) {
      const byte = bytes[this.at] as number
      if (byte === 0x2f) {
        const behind = this.commentEnd()
        if (behind < 0) return byte
        this.at = behind
      } else if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09 && byte !== 0x0a) return byte
      else this.at++
    }
    return -1
  }

  /** Elasticsearch takes comments. Gives what stands behind the one that begins here; −1 when none does. */
  private commentEnd(): number {
    const { bytes, at, end } = this
    if (bytes[at + 1] === 0x2f) return end
    if (bytes[at + 1] !== 0x2a) return -1
    for (let star = at + 2; star + 1 < end; star++) if (bytes[star] === 0x2a && bytes[star + 1] === 0x2f) return star + 2
    return -1
  }

  private string(place: string): number {
    const { bytes, end } = this
    let at = this.at + 1
    let high = false
    this.start = at
    this.escaped = false
    for (; at < end; at++) {
      const byte = bytes[at] as number
      if (byte === 0x22) {
        this.stop = at
        this.at = at + 1
        if (high && !isUtf8(bytes.subarray(this.start, at))) return this.notUtf8(at)
        return Token.String
      }
      if (byte >= 0x80) high = true
      else if (byte < 0x20) {
        this.at = at
        const what = `Illegal unquoted character ((CTRL-CHAR, code ${byte})): has to be escaped using backslash to be included in string value`
        return this.fault(what, this.here() + (this.oldColumns ? 1 : 0))
      } else if (byte === 0x5c) {
        this.escaped = true
        at = this.escape(at + 1)
        if (at < 0) return Token.Fault
      }
    }
    this.at = end
    return this.cut(`Unexpected end-of-input ${place}`)
  }

  /** Checks the escape whose letter is at `at`; gives its last byte, −1 after a fault. */
  private escape(at: number): number {
    const { bytes, end } = this
    if (at >= end) {
      this.at = end
      this.cut('Unexpected end-of-input in character escape sequence')
      return -1
    }
    const letter = bytes[at] as number
    if (letter !== 0x75) {
      if ('"\\/bfnrt'.includes(String.fromCharCode(letter))) return at
      this.at = at
      this.fault(`Unrecognized character escape ${characterOf(letter)}`, this.here() + (this.oldColumns ? 1 : 0))
      return -1
    }
    for (let digit = at + 1; digit <= at + 4; digit++) {
      if (digit >= end) {
        this.at = end
        this.cut('Unexpected end-of-input in character escape sequence')
        return -1
      }
      const byte = bytes[digit] as number
      const lower = byte | 0x20
      if (!isDigit(byte) && !(lower >= 0x61 && lower <= 0x66)) {
        this.at = digit
        this.unexpected(byte, 'expected a hex-digit for character escape sequence', undefined)
        return -1
      }
    }
    return at + 4
  }

  private number(): number {
    const { bytes, end } = this
    const first = this.at
    let at = first
    if (bytes[at] === 0x2d) at++
    const whole = at
    if (bytes[at] === 0x49) return this.nonStandard(first, at)
    while (at < end && isDigit(bytes[at] as number)) at++
    if (at === whole) return this.digitMissing(at, 'expected digit (0-9) to follow minus sign, for valid numeric value')
    if (bytes[whole] === 0x30 && at > whole + 1)
      return this.fault('Invalid numeric value: Leading zeroes not allowed', whole - this.from + 2)
    if (at < end && bytes[at] === 0x2e) {
      const fraction = ++at
      while (at < end && isDigit(bytes[at] as number)) at++
      if (at === fraction) return this.digitMissing(at, 'Decimal point not followed by a digit')
    }
    if (at < end && ((bytes[at] as number) | 0x20) === 0x65) {
      at++
      if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++
      const exponent = at
      while (at < end && isDigit(bytes[at] as number)) at++
      if (at === exponent) return this.digitMissing(at, 'Exponent indicator not followed by a digit')
    }
    this.start = first
    this.stop = at
    this.escaped = false
    this.at = at
    return Token.Number
  }

  private digitMissing(at: number, what: string): number {
    this.at = at
    if (at >= this.end) return this.cut(`Unexpected end-of-input ${this.levels.length === 0 ? 'in null' : 'within/between Object entries'}`)
    return this.unexpected(this.bytes[at] as number, `in numeric value: ${what}`, undefined, ' ')
  }

  private literal(): number {
    const { bytes, end } = this
    const first = this.at
    let at = first
    while (at < end && at < first + 256 && isWord(bytes[at] as number)) at++
    const word = decoder.decode(bytes.subarray(first, at))
    this.start = first
    this.stop = at
    this.escaped = false
    this.at = at
    if (word === 'true' || word === 'false') return Token.Boolean
    if (word === 'null') return Token.Null
    if (word === 'NaN' || word === 'Infinity') return this.nonStandard(first, first)
    return this.fault(`Unrecognized token '${word}': was expecting ${validValue}`, at - this.from + (at < end ? 2 : 1))
  }

  private nonStandard(first: number, from: number): number {
    const { bytes, end } = this
    let at = from
    while (at < end && at < first + 32 && isWord(bytes[at] as number)) at++
    const word = decoder.decode(bytes.subarray(first, at))
    return this.fault(`Non-standard token '${word}': enable \`JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS\` to allow`, at - this.from + 1)
  }

  private notUtf8(end: number): number {
    const { bytes } = this
    let at = this.start
    while (at < end) {
      const lead = bytes[at] as number
      const more =
        lead < 0x80 ? 0 : lead >= 0xc0 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf8 ? 3 : -1
      const column = at - this.from + 2
      if (more < 0) return this.fault(`Invalid UTF-8 start byte 0x${lead.toString(16)}`, column)
      if (!isUtf8(bytes.subarray(at, Math.min(at + more + 1, end)))) {
        const middle = bytes[at + 1] as number
        return this.fault(`Invalid UTF-8 middle byte 0x${middle.toString(16)}`, column + 1)
      }
      at += more + 1
    }
    return this.fault('Invalid UTF-8', this.here())
  }

  private wrongClose(byte: number, level: Level | undefined): number {
    const closing = byte === 0x7d ? ']' : '}'
    const kind = level === undefined ? 'root' : level.isObject ? 'Object' : 'Array'
    const opened = this.place(level === undefined ? 0 : level.at - this.from + 1)
    return this.fault(
      `Unexpected close marker '${String.fromCharCode(byte)}': expected '${closing}' (for ${kind} starting at ${opened})`,
      this.here() + (this.oldColumns ? 1 : 0),
    )
  }

  private unclosed(level: Level): number {
    const kind = level.isObject ? 'Object' : 'Array'
    return this.cut(`Unexpected end-of-input: expected close marker for ${kind} (start marker at ${this.place(level.at - this.from + 1)})`)
  }

  private within(level: Level): number {
    return this.cut(`Unexpected end-of-input within/between ${level.isObject ? 'Object' : 'Array'} entries`)
  }

  private unexpected(byte: number, expectation: string, level: Level | undefined, glue = ': '): number {
    if (byte < 0)
      return this.cut(
        level === undefined || level.isObject ? 'Unexpected end-of-input within/between Object entries' : 'Unexpected end-of-input',
      )
    return this.fault(`Unexpected character (${characterOf(byte)})${glue}${expectation}`, this.here() + (this.oldColumns ? 1 : 0))
  }

  /** The column that comes next. */
  private here(): number {
    return this.at - this.from + 1
  }

  private cut(message: string): number {
    this.fault(message, this.end - this.from + 1)
    this.cutOff = true
    return Token.Fault
  }

  private fault(message: string, column: number): number {
    this.faulty = true
    this.message = message
    this.column = column
    this.cutOff = false
    return Token.Fault
  }
}

function characterOf(byte: number): string {
  if (byte < 0x20) return `(CTRL-CHAR, code ${byte})`
  return byte < 0x80 ? `'${String.fromCharCode(byte)}' (code ${byte})` : `code ${byte}`
}
