/** Splitting a number of items over several keys, when only the sum is known. */

/**
 * Whole numbers in the proportion of `weights` that add up to `total`, by largest remainder; ties go to the first. None is larger than its weight when
 * `total` is not larger than their sum. @param total not negative @param weights not negative; all 0: everything goes to the first
 */
export function splitByRemainder(total: number, weights: readonly number[]): number[] {
  let sum = 0
  for (const weight of weights) sum += weight
  if (sum === total) return weights.slice()
  if (sum === 0) return weights.map((_, at) => (at === 0 ? total : 0))
  let left = total
  const parts: number[] = []
  const rests: number[] = []
  for (const weight of weights) {
    const exact = (total * weight) / sum
    const whole = Math.floor(exact)
    parts.push(whole)
    rests.push(exact - whole)
    left -= whole
  }
  const order = rests.map((_, at) => at).sort((a, b) => (rests[b] as number) - (rests[a] as number) || a - b)
  for (const at of order) {
    if (left <= 0) break
    parts[at] = (parts[at] as number) + 1
    left--
  }
  return parts
}
