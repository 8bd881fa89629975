/** Numbers of OTLP/JSON, which may stand in quotes or not: exact 64-bit integers as two words, doubles. */

import { fromDouble, type Words } from '../time.ts'
import type { JsonCursor } from './cursor.ts'
import { digitsToWords } from './decimal.ts'

const Quote = 0x22
const Minus = 0x2d

/** Digits that a double holds exactly whatever they are, and powers of ten that are exact doubles. */
const exactDigits = 15
const powers = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)

const decimal = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/

/** Longer numbers are not looked at. */
const longestNumber = 1000

/** Takes a number or a string; its text is where the cursor says. */
function token(cursor: JsonCursor): void {
  if (cursor.peek() === Quote) cursor.string()
  else cursor.number()
}

/** `1.5e3` → `1500`: the digits of a whole number that is written another way, or undefined when it is not whole. */
function wholeDigits(text: string): string | undefined {
  const [, , whole = '', fraction = '', exponent = '0'] = (text.length <= longestNumber && decimal.exec(text)) || []
  if (whole === '') return undefined
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return '0'
  const shift = Number(exponent) - fraction.length
  if (shift >= 0) return digits.length + shift > 20 ? undefined : digits + '0'.repeat(shift)
  const kept = digits.slice(0, shift)
  return kept.length > 0 && /^0+$/.test(digits.slice(shift)) ? kept : undefined
}

/** Takes an integer. Returns true when it is negative; `out` is its magnitude. Fails for what is not whole or 2^64 or more. */
function magnitude(cursor: JsonCursor, out: Words): boolean {
  const at = cursor.at
  token(cursor)
  const { source, start, stop } = cursor
  const negative = source[start] === Minus
  if (digitsToWords(source, negative ? start + 1 : start, stop, out)) return negative
  const digits = wholeDigits(cursor.text())
  if (digits === undefined || !digitsToWords(Buffer.from(digits), 0, digits.length, out)) {
    cursor.at = at
    cursor.fail('expected a whole number')
  }
  return negative
}

function outOfRange(cursor: JsonCursor, range: string): never {
  return cursor.fail(`number is not in the range of ${range}`)
}

/** Takes a uint64. */
export function readUint64(cursor: JsonCursor, out: Words): void {
  if (magnitude(cursor, out) && (out.hi | out.lo) !== 0) outOfRange(cursor, 'uint64')
}

/** Takes an int64. */
export function readInt64(cursor: JsonCursor, out: Words): void {
  if (!magnitude(cursor, out)) {
    if (out.hi < 0) outOfRange(cursor, 'int64')
    return
  }
  if (out.hi < 0 && (out.hi !== -0x80000000 || out.lo !== 0)) outOfRange(cursor, 'int64')
  out.lo = -out.lo | 0
  out.hi = (~out.hi + (out.lo === 0 ? 1 : 0)) | 0
}

/** Takes a uint32. */
export function readUint32(cursor: JsonCursor, words: Words): number {
  const negative = magnitude(cursor, words)
  if (words.hi !== 0 || (negative && words.lo !== 0)) outOfRange(cursor, 'uint32')
  return words.lo >>> 0
}

/** Takes an int32. */
export function readInt32(cursor: JsonCursor, words: Words): number {
  const negative = magnitude(cursor, words)
  const low = words.lo >>> 0
  if (words.hi !== 0 || low > (negative ? 0x80000000 : 0x7fffffff)) outOfRange(cursor, 'int32')
  return negative ? -low | 0 : low
}

/** The double of plain digits with at most one point among them, exactly rounded; undefined for everything longer or else. */
function shortDouble(bytes: Uint8Array, start: number, end: number): number | undefined {
  const first = bytes[start] === Minus ? start + 1 : start
  if (end - first > exactDigits) return undefined
  let value = 0
  let point = end
  for (let at = first; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30
    if (digit >= 0 && digit <= 9) value = value * 10 + digit
    else if (digit === -2 && point === end) point = at + 1
    else return undefined
  }
  // One division of two exact doubles is rounded once, as parsing the whole would be.
  const result = value / (powers[end - point] as number)
  return first === start ? result : -result
}

const named: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/** Takes a double into the words of its bits: a number, `"NaN"`, `"Infinity"`, `"-Infinity"`, or a number in quotes. */
export function readDouble(cursor: JsonCursor, out: Words): void {
  const at = cursor.at
  const quoted = cursor.peek() === Quote
  token(cursor)
  let value = quoted ? undefined : shortDouble(cursor.source, cursor.start, cursor.stop)
  if (value === undefined) {
    const text = cursor.text()
    value = quoted && Object.hasOwn(named, text) ? named[text] : finite(text)
  }
  if (value === undefined) {
    cursor.at = at
    cursor.fail('expected a number that a double can hold')
  }
  fromDouble(value, out)
}

function finite(text: string): number | undefined {
  if (!decimal.test(text) && !/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}
