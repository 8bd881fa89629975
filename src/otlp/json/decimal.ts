/** 64-bit integers between decimal text and two int32 words, without bigints. */

import type { Words } from '../time.ts'

const two32 = 4294967296
/** Digits done at a time: 32 bits times this stay exact in a double. */
const step = 6
const stepFactor = 1_000_000

const factors = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]

/**
 * Unsigned words of the digits from `start` to `end` of `bytes`. False when one is no digit, there is none, or the number
 * is 2^64 or more; `out` is then unspecified.
 */
export function digitsToWords(bytes: Uint8Array, start: number, end: number, out: Words): boolean {
  if (start >= end) return false
  let hi = 0
  let lo = 0
  for (let at = start; at < end; ) {
    const stop = Math.min(end, at + step)
    const factor = factors[stop - at] as number
    let chunk = 0
    for (; at < stop; at++) {
      const digit = (bytes[at] as number) - 0x30
      if (digit < 0 || digit > 9) return false
      chunk = chunk * 10 + digit
    }
    const low = lo * factor + chunk
    const carry = Math.floor(low / two32)
    lo = low - carry * two32
    hi = hi * factor + carry
    if (hi >= two32) return false
  }
  out.hi = hi | 0
  out.lo = lo | 0
  return true
}

/** Most bytes that {@link writeDecimal} writes, a sign included. */
export const longestDecimal = 20

/** Writes the decimal digits of a uint64 so that they end before `end`. Returns where they begin. */
export function writeUnsigned(hi: number, lo: number, bytes: Uint8Array, end: number): number {
  let high = hi >>> 0
  let low = lo >>> 0
  let at = end
  while (high !== 0) {
    const quotient = Math.floor(high / stepFactor)
    const rest = (high - quotient * stepFactor) * two32 + low
    high = quotient
    low = Math.floor(rest / stepFactor)
    let digits = rest - low * stepFactor
    for (let i = 0; i < step; i++) {
      const tens = (digits / 10) | 0
      bytes[--at] = 0x30 + digits - tens * 10
      digits = tens
    }
  }
  do {
    const tens = Math.floor(low / 10)
    bytes[--at] = 0x30 + low - tens * 10
    low = tens
  } while (low !== 0)
  return at
}

/** The same for an int64. */
export function writeSigned(hi: number, lo: number, bytes: Uint8Array, end: number): number {
  if (hi >= 0) return writeUnsigned(hi, lo, bytes, end)
  const negatedLo = -lo | 0
  const at = writeUnsigned((~hi + (negatedLo === 0 ? 1 : 0)) | 0, negatedLo, bytes, end) - 1
  bytes[at] = 0x2d
  return at
}
