/** Scalars of Zipkin's JSON: times, ports, and tag values of any JSON type. */

import { boolValue, doubleValue, intValue, keyValue, sliceToString } from '../../otlp/attributes.ts'
import { hexToWords } from '../../otlp/ids.ts'
import { type Key, type KeyValue, ValueType } from '../../otlp/model.ts'
import { fromBigInt, fromNumber, type Words } from '../../otlp/time.ts'
import type { JsonScanner } from '../json-scan.ts'

const maxUint64 = 0xffffffffffffffffn

/**
 * A time or duration in microseconds (rule Z-T5): an integer, a decimal (its fraction is cut off) or either of them quoted.
 * Negative numbers and null give 0; more than 64 bits give the largest value. False when the value is something else,
 * which is skipped. @param first the value's first byte
 */
export function readMicros(scanner: JsonScanner, first: number, depth: number, out: Words): boolean {
  const { view, bytes, at, end } = scanner
  // The usual form: 16 digits (4 at a time), then a delimiter.
  if (at + 17 <= end) {
    const a = fourDigits(view.getInt32(at, true))
    const b = fourDigits(view.getInt32(at + 4, true))
    const c = fourDigits(view.getInt32(at + 8, true))
    const d = fourDigits(view.getInt32(at + 12, true))
    const after = bytes[at + 16] as number
    // The first digit of a number of 16 digits below 2^53 is at most 8 here; 9… goes the careful way.
    if ((a | b | c | d) >= 0 && a < 9000 && a > 999 && (after === 0x2c || after === 0x7d)) {
      scanner.at = at + 16
      fromNumber((a * 10000 + b) * 100000000 + (c * 10000 + d), out)
      return true
    }
  }
  if (first >= 0x30 && first <= 0x39) {
    let value = 0
    let next = at
    for (let byte = first; byte >= 0x30 && byte <= 0x39 && next - at < 9; byte = bytes[next] as number) {
      value = value * 10 + (byte - 0x30)
      next++
    }
    const after = bytes[next] as number
    if ((after === 0x2c || after === 0x7d) && first !== 0x30) {
      scanner.at = next
      out.hi = 0
      out.lo = value
      return true
    }
  }
  return readOddMicros(scanner, first, depth, out)
}

/** Number of the four digits in a little-endian word; negative when they are not all digits. */
function fourDigits(word: number): number {
  const digits = word - 0x30303030
  // Digits are 0 to 9 each: neither they nor they plus 6 reach the upper half of their bytes.
  if (((digits | (digits + 0x06060606)) & 0xf0f0f0f0) !== 0) return -1
  const pairs = Math.imul(digits, 10) + (digits >>> 8)
  return (pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff)
}

const numberText = /^\s*(-?)(\d+)(\.\d+)?([eE][+-]?\d+)?\s*$/

function readOddMicros(scanner: JsonScanner, first: number, depth: number, out: Words): boolean {
  out.hi = 0
  out.lo = 0
  if (first === 0x22) scanner.string()
  else if (first === 0x2d || (first >= 0x30 && first <= 0x39)) scanner.number()
  else if (first === 0x6e) return scanner.literal(first) < 0
  else {
    scanner.skip(first, depth)
    return false
  }
  if (scanner.stop - scanner.start > 400) return false
  return parseMicros(sliceToString(scanner.bytes, scanner.start, scanner.stop), out)
}

function parseMicros(text: string, out: Words): boolean {
  const match = numberText.exec(text)
  if (match === null) return text === ''
  const [, sign, whole = '', , exponent] = match
  if (sign === '-') return true
  if (exponent === undefined) fromBigInt(atMost64(BigInt(whole)), out)
  else {
    const value = Math.trunc(Number(text))
    fromBigInt(value < 2 ** 64 ? BigInt(value) : maxUint64, out)
  }
  return true
}

function atMost64(value: bigint): bigint {
  return value > maxUint64 ? maxUint64 : value
}

/** A port or other small integer, quoted or not; NaN when the value is something else. @param first the value's first byte */
export function readInteger(scanner: JsonScanner, first: number, depth: number): number {
  if (first === 0x22) scanner.string()
  else if (first === 0x2d || (first >= 0x30 && first <= 0x39)) scanner.number()
  else if (first === 0x6e) {
    scanner.literal(first)
    return 0
  } else {
    scanner.skip(first, depth)
    return Number.NaN
  }
  const { bytes, start, stop } = scanner
  if (stop - start > 10) return Math.trunc(Number(sliceToString(bytes, start, Math.min(stop, start + 400))))
  let value = 0
  for (let at = start; at < stop; at++) {
    const digit = (bytes[at] as number) - 0x30
    if (digit < 0 || digit > 9) return Math.trunc(Number(sliceToString(bytes, start, stop)))
    value = value * 10 + digit
  }
  return value
}

/** A value that is not a string as an attribute (Z-G2 to Z-G4); undefined for null. @param first the value's first byte */
export function readTypedValue(scanner: JsonScanner, key: Key, first: number, depth: number): KeyValue | undefined {
  switch (first) {
    case 0x74:
    case 0x66:
      return boolValue(key, scanner.literal(first) === 1)
    case 0x6e:
      scanner.literal(first)
      return undefined
    case 0x7b:
    case 0x5b: {
      const start = scanner.at
      scanner.skip(first, depth)
      return compactJson(key, scanner.bytes, start, scanner.at)
    }
    default:
      return scanner.number()
        ? integerOf(key, sliceToString(scanner.bytes, scanner.start, scanner.stop))
        : decimalOf(key, sliceToString(scanner.bytes, scanner.start, scanner.stop))
  }
}

function integerOf(key: Key, text: string): KeyValue {
  const value = Number(text)
  if (Number.isSafeInteger(value)) return intValue(key, value + 0)
  if (text.length > 20) return doubleValue(key, value)
  const exact = BigInt(text)
  return exact === BigInt.asIntN(64, exact) ? intValue(key, exact) : doubleValue(key, value)
}

function decimalOf(key: Key, text: string): KeyValue {
  const value = Number(text)
  return Number.isSafeInteger(value) ? intValue(key, value + 0) : doubleValue(key, value)
}

/** A JSON text without the white space between its tokens. */
function compactJson(key: Key, bytes: Uint8Array, start: number, end: number): KeyValue {
  const kept = new Uint8Array(end - start)
  let length = 0
  let inString = false
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (!inString && byte <= 0x20) continue
    kept[length++] = byte
    if (byte === 0x22) inString = !inString
    else if (byte === 0x5c && inString) kept[length++] = bytes[++at] as number
  }
  return length === end - start
    ? keyValue(key, ValueType.Text, start, end, bytes)
    : keyValue(key, ValueType.String, 0, 0, sliceToString(kept, 0, length))
}

/**
 * Words of the hex id that the scanner has just read, left-padded. 1: fine. 0: all zero. −1: empty, too long or not hex.
 */
export function readHex(scanner: JsonScanner, out: Int32Array): number {
  if (!hexToWords(scanner.bytes, scanner.start, scanner.stop, out)) return -1
  let any = 0
  for (let i = 0; i < out.length; i++) any |= out[i] as number
  return any === 0 ? 0 : 1
}
