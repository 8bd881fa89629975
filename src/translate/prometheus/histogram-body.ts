/** Cumulative buckets → a histogram's counts: the arithmetic of section 5.3 of the mapping. */

import type { Counts } from '../../otlp/metrics.ts'

/** Doubles from here on are no uint64. */
const beyondUint64 = 2 ** 64
const beyondExact = 2 ** 53

/** A number of observations: whole, not negative, and one that OTLP can say. */
export const isCount = (value: number): boolean => value >= 0 && value < beyondUint64 && Math.floor(value) === value

/** What came out of {@link countBuckets}; used again for the next. */
export interface Counted {
  /** At least the last bucket. */
  count: number | bigint
  /** One more than there are bounds; empty when no bucket is known. */
  counts: Counts
  /** Buckets that were less than the one before them, and raised to it. */
  raised: number
}

const noCounts: readonly number[] = []

/**
 * @param cumulative buckets by ascending bound, without `+Inf`: `size` of them, each {@link isCount}
 * @param total the count or `+Inf`, whichever is more
 * @param hasBuckets false: neither bounds nor `+Inf` are known, so that there is a count alone
 */
export function countBuckets(cumulative: Float64Array, size: number, total: number, hasBuckets: boolean, out: Counted): void {
  out.raised = 0
  if (total >= beyondExact || (size > 0 && (cumulative[size - 1] as number) >= beyondExact)) {
    countLarge(cumulative, size, total, hasBuckets, out)
    return
  }
  const counts: number[] = []
  let before = 0
  for (let i = 0; i < size; i++) {
    const now = cumulative[i] as number
    if (now < before) {
      out.raised++
      counts.push(0)
    } else {
      counts.push(now - before)
      before = now
    }
  }
  if (before >= beyondExact) {
    countLarge(cumulative, size, total, hasBuckets, out)
    return
  }
  const count = Math.max(total, before)
  out.count = count
  if (hasBuckets) counts.push(count - before)
  out.counts = hasBuckets ? counts : noCounts
}

/** The same, exact for what doubles are not. */
function countLarge(cumulative: Float64Array, size: number, total: number, hasBuckets: boolean, out: Counted): void {
  const counts: bigint[] = []
  let before = 0n
  out.raised = 0
  for (let i = 0; i < size; i++) {
    const now = BigInt(cumulative[i] as number)
    if (now < before) {
      out.raised++
      counts.push(0n)
    } else {
      counts.push(now - before)
      before = now
    }
  }
  const whole = BigInt(total)
  const count = whole < before ? before : whole
  out.count = count
  if (hasBuckets) counts.push(count - before)
  out.counts = hasBuckets ? counts : noCounts
}
