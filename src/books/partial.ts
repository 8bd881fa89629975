/** Batches that leave in parts, each with the account of the whole: whose items each part holds is settled so that the parts add up. */

import { splitByRemainder } from './remainder.ts'

/** Wholes of which parts are still to come. */
const remembered = 4096

/** What each key has of a part. @param whole tells wholes apart: side, destination and account */
export type PartSplitter = (whole: string, weights: readonly number[], items: number) => readonly number[]

/**
 * Creates the splitter. In proportion for each part, never more for a key than it has left; the last part gets the rest, so the sums of all parts are
 * exact. Two wholes that look alike share what is left, which comes to the same sums.
 */
export function createPartSplitter(): PartSplitter {
  const open = new Map<string, number[]>()
  return (whole, weights, items) => {
    const parts = weights.map(() => 0)
    let rest = items
    while (rest > 0) {
      const left = open.get(whole) ?? weights.slice()
      open.delete(whole)
      const available = left.reduce((sum, one) => sum + one, 0)
      if (available === 0) {
        // Nothing was said of whose it is.
        parts[0] = (parts[0] ?? 0) + rest
        break
      }
      const taken = splitByRemainder(Math.min(rest, available), left)
      for (let at = 0; at < parts.length; at++) {
        parts[at] = (parts[at] as number) + (taken[at] as number)
        left[at] = (left[at] as number) - (taken[at] as number)
      }
      if (rest < available) {
        if (open.size >= remembered) open.delete(open.keys().next().value as string)
        open.set(whole, left)
      }
      rest -= Math.min(rest, available)
    }
    return parts
  }
}
