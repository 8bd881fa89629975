/**
 * The only clock arithmetic: 64-bit times as two int32 words (see model.ts). Results are passed through a
 * {@link Words} object that the caller keeps, so that nothing is allocated per item.
 */

/** A 64-bit integer as two int32 words. */
export interface Words {
  hi: number
  lo: number
}

const two32 = 4294967296

/** uint64 of two words. */
export function toBigInt(hi: number, lo: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
}

/** int64 of two words. */
export function toSignedBigInt(hi: number, lo: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo >>> 0)
}

/** Words of a bigint, modulo 2^64. */
export function fromBigInt(value: bigint, out: Words): void {
  out.hi = Number(BigInt.asIntN(32, value >> 32n))
  out.lo = Number(BigInt.asIntN(32, value))
}

/** Words of a whole number 0 ≤ value < 2^53. */
export function fromNumber(value: number, out: Words): void {
  out.hi = (value / two32) | 0
  out.lo = value | 0
}

/** out = left × factor, unsigned, clamped to 2^64 − 1; exact. `factor` is at most 1,000,000 (ms → ns). */
export function multiply(hi: number, lo: number, factor: number, out: Words): void {
  const low = (lo >>> 0) * factor
  const high = (hi >>> 0) * factor + Math.floor(low / two32)
  if (high >= two32) {
    out.hi = -1
    out.lo = -1
  } else {
    out.hi = high | 0
    out.lo = low | 0
  }
}

const nanosPerMilli = 1_000_000

/** out = milliseconds × 10⁶, for a whole number 0 ≤ millis < 2^53; clamped to 2^64 − 1. */
export function millisToNanos(millis: number, out: Words): void {
  multiply((millis / two32) | 0, millis | 0, nanosPerMilli, out)
}

/**
 * out = seconds × 10⁹ + nanos, both whole numbers of either sign, the sum clamped to −2^63 … 2^64 − 1. What lies below 2^63 are
 * the words of an int64; from there on the high word goes up to 2^32 − 1, so that it is negative for negative sums only.
 */
export function secondsToNanos(seconds: number, nanos: number, out: Words): void {
  if (seconds >= 0 && seconds < two32 && nanos >= 0) {
    // 10⁹ is 1,953,125 × 2^9: the first product stays below 2^53.
    const scaled = seconds * 1_953_125
    const high = Math.floor(scaled / 0x800000)
    const low = (scaled - high * 0x800000) * 512 + nanos
    out.hi = low >= two32 ? (high + 1) | 0 : high | 0
    out.lo = low | 0
    return
  }
  const sum = BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
  const clamped = sum < -(2n ** 63n) ? -(2n ** 63n) : sum >= 2n ** 64n ? 2n ** 64n - 1n : sum
  out.hi = Number(clamped >> 32n)
  out.lo = Number(BigInt.asIntN(32, clamped))
}

/** out = left + right, unsigned, clamped to 2^64 − 1. */
export function add(hi: number, lo: number, hi2: number, lo2: number, out: Words): void {
  const low = (lo >>> 0) + (lo2 >>> 0)
  const high = (hi >>> 0) + (hi2 >>> 0) + (low >= two32 ? 1 : 0)
  if (high >= two32) {
    out.hi = -1
    out.lo = -1
  } else {
    out.hi = high | 0
    out.lo = low | 0
  }
}

/** out = left − right, unsigned, clamped to 0. */
export function subtract(hi: number, lo: number, hi2: number, lo2: number, out: Words): void {
  const low = (lo >>> 0) - (lo2 >>> 0)
  const high = (hi >>> 0) - (hi2 >>> 0) - (low < 0 ? 1 : 0)
  if (high < 0) {
    out.hi = 0
    out.lo = 0
  } else {
    out.hi = high | 0
    out.lo = low | 0
  }
}

/** Unsigned order: negative, 0 or positive. */
export function compare(hi: number, lo: number, hi2: number, lo2: number): number {
  return hi !== hi2 ? (hi >>> 0) - (hi2 >>> 0) : (lo >>> 0) - (lo2 >>> 0)
}

const scratch = new DataView(new ArrayBuffer(8))

/** The double whose IEEE 754 bits are the two words. */
export function toDouble(hi: number, lo: number): number {
  scratch.setInt32(0, hi)
  scratch.setInt32(4, lo)
  return scratch.getFloat64(0)
}

/** Words of a double's IEEE 754 bits. */
export function fromDouble(value: number, out: Words): void {
  scratch.setFloat64(0, value)
  out.hi = scratch.getInt32(0)
  out.lo = scratch.getInt32(4)
}
