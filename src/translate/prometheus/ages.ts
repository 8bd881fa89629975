/** Ages in few buckets: to the second below 128 s, above to a 64th of themselves. What is older is never in a lower bucket. */

const exact = 128
const exactBits = 7
const stepBits = 6

/** How many buckets there are, for ages up to 2^32 − 1 s. */
export const ageBuckets = exact + ((32 - exactBits) << stepBits)

/** The bucket of an age in whole seconds; 0 for what is not older than now. */
export function ageBucketOf(seconds: number): number {
  if (seconds < exact) return Math.max(seconds, 0)
  const exponent = 31 - Math.clz32(seconds)
  return exact + ((exponent - exactBits) << stepBits) + ((seconds >>> (exponent - stepBits)) & ((1 << stepBits) - 1))
}
