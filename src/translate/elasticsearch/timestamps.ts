/** Times of documents, out of their bytes: section 5.1 of the mapping. Exact to the nanosecond, without strings or dates on the way. */

import { digitsToWords } from '../../otlp/json/decimal.ts'
import { millisToNanos, secondsToNanos, type Words } from '../../otlp/time.ts'

/**
 * What a whole number is. auto: seconds below 10^11, milliseconds below 10^14, microseconds below 10^17, else nanoseconds; millis: milliseconds
 * whatever its size, as a `date` field of Elasticsearch reads it.
 */
export type Epoch = 'auto' | 'millis'

const Zero = 0x30
const Dash = 0x2d
const Plus = 0x2b
const Colon = 0x3a
const Point = 0x2e
const Comma = 0x2c

/** Seconds and nanoseconds of 2^64 − 1 ns: in July 2554. */
const lastSecond = 18_446_744_073
const lastNano = 709_551_615

/**
 * Reads a time: RFC 3339 and ISO 8601 dates with or without time of day, numbers, text of digits. False when it is none, lies before 1970, or
 * beyond what 64 bits of nanoseconds hold; `out` is then unspecified.
 *
 * Of dates: `T` or a blank before the time of day, which may end after hours or minutes; any number of digits behind `.` or `,`, of which nine
 * count; `Z`, `±hh:mm`, `±hhmm`, `±hh`, or no zone, which is UTC. As in Elasticsearch there is no 24:00 and no 60th second. Numbers with a fraction are
 * seconds (or by their size, from 10^11 on).
 * @param isNumber it stood in the document as a number
 */
export function readTime(bytes: Uint8Array, start: number, end: number, isNumber: boolean, epoch: Epoch, out: Words): boolean {
  return !isNumber && end - start >= 7 && bytes[start + 4] === Dash
    ? readDate(bytes, start, end, out)
    : readNumber(bytes, start, end, epoch, out)
}

/** Two digits, or −1. Both must be within the bytes. */
function pair(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] as number) - Zero
  const ones = (bytes[at + 1] as number) - Zero
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

const monthDays = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** The last date that was asked for: most documents are of one day. */
let knownDate = -1
let knownDays = -1

/** Days from 1970-01-01 to a date; −1 when there is no such day, or it is before. */
function daysOf(century: number, year: number, month: number, day: number): number {
  if (century < 0 || year < 0 || month < 1 || month > 12 || day < 1) return -1
  const date = ((century * 100 + year) * 100 + month) * 100 + day
  if (date === knownDate) return knownDays
  const full = century * 100 + year
  const leap = year === 0 ? century % 4 === 0 : year % 4 === 0
  if (full < 1970 || day > (monthDays[month] as number) || (month === 2 && day === 29 && !leap)) return -1
  // Years that begin in March, so that the leap day is their last.
  const shifted = month <= 2 ? full - 1 : full
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const days = shifted * 365 + Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400) + dayOfYear - 719_468
  knownDate = date
  knownDays = days
  return days
}

function readDate(bytes: Uint8Array, start: number, end: number, out: Words): boolean {
  const century = pair(bytes, start)
  const year = pair(bytes, start + 2)
  const month = pair(bytes, start + 5)
  if (end - start === 7) {
    const days = daysOf(century, year, month, 1)
    return days >= 0 && finish(days * 86_400, 0, out)
  }
  if (end - start < 10 || bytes[start + 7] !== Dash) return false
  const days = daysOf(century, year, month, pair(bytes, start + 8))
  if (days < 0) return false
  const midnight = days * 86_400
  let at = start + 10
  if (at === end) return finish(midnight, 0, out)
  const separator = bytes[at] as number
  if ((separator | 0x20) !== 0x74 && separator !== 0x20) return false
  // A date that ends in `T` is one to Elasticsearch.
  if (at + 1 === end) return separator !== 0x20 && finish(midnight, 0, out)
  if (end - at < 3) return false
  const hour = pair(bytes, at + 1)
  at += 3
  if (hour < 0 || hour > 23) return false
  let second = midnight + hour * 3600
  let nanos = 0
  if (end - at >= 3 && bytes[at] === Colon) {
    const minute = pair(bytes, at + 1)
    at += 3
    if (minute < 0 || minute > 59) return false
    second += minute * 60
    if (end - at >= 3 && bytes[at] === Colon) {
      const seconds = pair(bytes, at + 1)
      at += 3
      if (seconds < 0 || seconds > 59) return false
      second += seconds
      if (at < end && (bytes[at] === Point || bytes[at] === Comma)) {
        const first = ++at
        let scale = 100_000_000
        for (; at < end; at++) {
          const digit = (bytes[at] as number) - Zero
          if (digit < 0 || digit > 9) break
          nanos += digit * scale
          // From the tenth digit on nothing is added.
          scale = scale === 1 ? 0 : (scale / 10) | 0
        }
        if (at === first) return false
      }
    }
  }
  // `Z` in either case.
  if (at === end || (at + 1 === end && ((bytes[at] as number) | 0x20) === 0x7a)) return finish(second, nanos, out)
  const offset = offsetOf(bytes, at, end)
  return offset !== noOffset && finish(second - offset, nanos, out)
}

const noOffset = 0x7fffffff

/** Seconds of `±hh:mm`, `±hhmm` or `±hh`. */
function offsetOf(bytes: Uint8Array, at: number, end: number): number {
  const sign = bytes[at]
  const length = end - at
  if ((sign !== Plus && sign !== Dash) || length < 3) return noOffset
  const hours = pair(bytes, at + 1)
  const colon = length === 6 && bytes[at + 3] === Colon
  const minutes = length === 3 ? 0 : length === 5 ? pair(bytes, at + 3) : colon ? pair(bytes, at + 4) : -1
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return noOffset
  const seconds = hours * 3600 + minutes * 60
  return sign === Dash ? -seconds : seconds
}

function finish(seconds: number, nanos: number, out: Words): boolean {
  if (seconds < 0 || seconds > lastSecond || (seconds === lastSecond && nanos > lastNano)) return false
  secondsToNanos(seconds, nanos, out)
  return true
}

/** Digits of the nanoseconds, put together from those of a number. */
const scratch = new Uint8Array(20)

/** How many digits nanoseconds have behind a number of so many digits: 9 for seconds, 6, 3, 0. */
const decimalsOf = (digits: number): number => (digits <= 11 ? 9 : digits <= 14 ? 6 : digits <= 17 ? 3 : 0)

function readNumber(bytes: Uint8Array, start: number, end: number, epoch: Epoch, out: Words): boolean {
  let at = start
  while (at < end && bytes[at] === Zero) at++
  const whole = at
  let value = 0
  while (at < end && isDigit(bytes[at] as number)) value = value * 10 + (bytes[at++] as number) - Zero
  const point = at
  if (at === end && point > start && point - whole <= 14) return readShort(value, point - whole <= 11 && epoch === 'auto', out)
  if (point === start) return isMinusZero(bytes, start, end) && finish(0, 0, out)
  const hasFraction = at < end && bytes[at] === Point
  if (hasFraction) {
    at++
    while (at < end && isDigit(bytes[at] as number)) at++
    if (at === point + 1) return false
  }
  if (at < end) return readExponent(bytes, start, end, epoch, out)
  const decimals = !hasFraction && epoch === 'millis' ? 6 : decimalsOf(point - whole)
  let length = point - whole
  if (length + decimals > scratch.length) return false
  for (let i = 0; i < length; i++) scratch[i] = bytes[whole + i] as number
  for (let i = 0; i < decimals; i++) {
    const from = point + 1 + i
    scratch[length++] = from < end ? (bytes[from] as number) : Zero
  }
  if (length === 0) return finish(0, 0, out)
  return digitsToWords(scratch, 0, length, out)
}

/** Milliseconds of 2^64 − 1 ns. */
const lastMilli = 18_446_744_073_709

/** A whole number of seconds or milliseconds, of at most 14 digits. */
function readShort(value: number, areSeconds: boolean, out: Words): boolean {
  if (areSeconds) return finish(value, 0, out)
  if (value > lastMilli) return false
  millisToNanos(value, out)
  return true
}

const isDigit = (byte: number): boolean => byte >= Zero && byte <= 0x39

function isMinusZero(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2 || bytes[start] !== Dash) return false
  for (let at = start + 1; at < end; at++) if (bytes[at] !== Zero) return false
  return true
}

/** Longer numbers are not looked at. */
const longestExponential = 64

/** Numbers such as `1.767323045123E12`, as some languages write large ones: rare, so that strings will do. */
function readExponent(bytes: Uint8Array, start: number, end: number, epoch: Epoch, out: Words): boolean {
  if (end - start > longestExponential) return false
  const text = String.fromCharCode(...bytes.subarray(start, end))
  const [, whole = '', fraction = '', exponent = ''] = /^(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,3})$/.exec(text) ?? []
  if (whole === '') return false
  const shift = Number(exponent)
  if (shift > 24 || shift < -longestExponential) return false
  const digits = `${'0'.repeat(longestExponential)}${whole}${fraction}${'0'.repeat(24)}`
  const point = longestExponential + whole.length + shift
  const rest = digits.slice(point).replace(/0+$/, '')
  const plain = Buffer.from(rest === '' ? digits.slice(0, point) : `${digits.slice(0, point)}.${rest}`)
  return readNumber(plain, 0, plain.length, epoch, out)
}
