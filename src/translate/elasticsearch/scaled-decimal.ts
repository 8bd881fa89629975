/** Decimal numbers as documents write them, times a power of ten, exact: µs and ms as nanoseconds. */

import { digitsToWords } from '../../otlp/json/decimal.ts'
import type { Words } from '../../otlp/time.ts'

const Point = 0x2e
/** Digits of 2^64 − 1. */
const mostDigits = 20
/** Longer numbers with an exponent are not looked at. */
const longestExponential = 40

const scratch = new Uint8Array(mostDigits)

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

/**
 * out = the number at bytes `start` to `end`, times 10^`power`; what is smaller than one is cut off. False when it is no decimal number, is
 * negative, or 2^64 and more; `out` is then unspecified. @param power 0 to 9
 */
export function scaledDecimal(bytes: Uint8Array, start: number, end: number, power: number, out: Words): boolean {
  let at = start
  while (at < end && bytes[at] === 0x30) at++
  const whole = at
  while (at < end && isDigit(bytes[at])) at++
  const point = at
  if (point === start) return false
  if (at < end && bytes[at] === Point) {
    at++
    const first = at
    while (at < end && isDigit(bytes[at])) at++
    if (at === first) return false
  }
  if (at < end) return scaledExponential(bytes, start, end, power, out)
  let length = point - whole
  if (length + power > mostDigits) return false
  for (let i = 0; i < length; i++) scratch[i] = bytes[whole + i] as number
  for (let i = 0; i < power; i++) {
    const from = point + 1 + i
    scratch[length++] = from < end ? (bytes[from] as number) : 0x30
  }
  if (length === 0) scratch[length++] = 0x30
  return digitsToWords(scratch, 0, length, out)
}

/** Numbers such as `1.5E3`: rare, so that strings will do. */
function scaledExponential(bytes: Uint8Array, start: number, end: number, power: number, out: Words): boolean {
  if (end - start > longestExponential) return false
  const text = String.fromCharCode(...bytes.subarray(start, end))
  const [, whole = '', fraction = '', exponent = ''] = /^(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,2})$/.exec(text) ?? []
  if (whole === '') return false
  const digits = whole + fraction
  const places = whole.length + Number(exponent) + power
  if (places > longestExponential * 2) return /^0+$/.test(digits) && digitsToWords(zero, 0, 1, out)
  const integer = places <= 0 ? '' : digits.padEnd(places, '0').slice(0, places)
  const plain = Buffer.from(integer.replace(/^0+(?=\d)/, '') || '0')
  return plain.length <= mostDigits && digitsToWords(plain, 0, plain.length, out)
}

const zero = new Uint8Array([0x30])
