/**
 * Buckets of native histograms: sparse in spans, to the dense lists of OTLP. Section 6.1 of the mapping.
 *
 *     spans   offset 1, length 2 · offset 3, length 1          where buckets stand: the first offset is an index, later ones are gaps
 *     deltas  2, 1, −2                                          2, 3, 1: gaps do not reset the running value
 *     dense   index 1…6: 2, 3, 0, 0, 0, 1
 *
 * A bucket `i` of schema `s` counts what lies in (2^((i−1)·2^−s), 2^(i·2^−s)]. Nothing is allocated before {@link measure} knows the size.
 */

import type { Counts } from '../../otlp/metrics.ts'

/** Buckets of one dense list, at most: spans are sparse, and a message of 20 bytes may ask for 2^31. */
export const maxBuckets = 16_384

/** The finest schema that is written; finer ones are merged into it, as Prometheus does. */
export const finestSchema = 8

const int32Max = 0x7fffffff

/** One side of a histogram. Scratch: made once, filled by {@link measure}, then by {@link spread} or {@link spreadWide}. */
export interface Side {
  /** Index of the first bucket that is kept, in the schema that is written; 0 when none is. */
  first: number
  /** Buckets from the first that is kept to the last; gaps count. */
  size: number
  /** How many buckets are merged into one; 1: none are. A power of two, so that dividing by it is exact. */
  merge: number
  /** A new list each time. */
  counts: Counts
  /** Observations in all buckets, and in those that are kept. Exact below 2^53 only. */
  total: number
  kept: number
  /** The same of {@link spreadWide}. */
  wideTotal: bigint
  wideKept: bigint
  /** Why {@link measure} refuses. */
  why: string
}

export function createSide(): Side {
  return { first: 0, size: 0, merge: 1, counts: [], total: 0, kept: 0, wideTotal: 0n, wideKept: 0n, why: '' }
}

/** Reasons of {@link measure}. */
export type SpanFault = 'spans' | 'span_offset' | 'bucket_index' | 'too_many_buckets'

/**
 * Index in schema 8 of a bucket of schema 8 + k, `merge` being 2^k: upper bounds are inclusive, so bucket `i` is the part
 * ((i−1)/merge, i/merge] of its successor's range. Floats, because an index less one may not be an int32, and k may be over 31.
 */
const merged = (index: number, merge: number): number => Math.floor((index - 1) / merge) + 1

/**
 * Checks spans against the number of buckets that were sent, and finds where the kept ones begin and end. Buckets above the largest finite
 * double (only ±Inf is in them) are not kept. Undefined: all is well, and `first`, `size`, `merge` of `side` are set.
 */
export function measure(spans: ArrayLike<number>, listed: number, schema: number, side: Side): SpanFault | undefined {
  if (listed > maxBuckets) return fault(side, 'too_many_buckets', `${listed} buckets are more than ${maxBuckets}`)
  const merge = schema > finestSchema ? 2 ** (schema - finestSchema) : 1
  const largest = 2 ** (10 + Math.min(schema, finestSchema))
  let index = 0
  let seen = 0
  let first = 0
  let end = 0
  for (let at = 0; at + 1 < spans.length; at += 2) {
    const offset = spans[at] as number
    const length = spans[at + 1] as number
    if (offset < 0 && at > 0) return fault(side, 'span_offset', `span ${at / 2 + 1} goes back by ${-offset}`)
    index += offset
    if (length === 0) continue
    const before = seen
    seen += length
    if (seen > listed) break
    const last = index + length - 1
    // An offset is one less than the first index, and an int32 as well.
    if (index <= -int32Max - 1 || last > int32Max)
      return fault(side, 'bucket_index', `buckets ${index} to ${last} are not within the indexes of 32 bits`)
    const from = merge === 1 ? index : merged(index, merge)
    if (from <= largest) {
      const to = merge === 1 ? last : merged(last, merge)
      if (before === 0) first = from
      end = Math.min(to, largest) + 1
    }
    index = last + 1
  }
  if (seen !== listed)
    return fault(side, 'spans', `spans have ${seen > listed ? 'more buckets' : `${seen} buckets`}, and ${listed} were sent`)
  if (end - first > maxBuckets)
    return fault(side, 'too_many_buckets', `${end - first} buckets from the first to the last are more than ${maxBuckets}`)
  side.first = first
  side.size = end - first
  side.merge = merge
  return undefined
}

function fault(side: Side, reason: SpanFault, why: string): SpanFault {
  side.why = why
  return reason
}

/** How {@link spread} ended. `Negative`: a bucket has less than none; `Wide`: it seems so, but digits were lost, {@link spreadWide} has to do it. */
export const Spread = { Done: 0, Wide: 1, Negative: 2 } as const

/**
 * Makes the dense list of a measured side: whole numbers, `values` being deltas, or counts as floats have them. Observations of buckets that
 * are not kept are in `total`, not in `kept`. A `total` of 2^53 or more says that counts may have lost digits.
 */
export function spread(spans: ArrayLike<number>, values: readonly number[], deltas: boolean, side: Side): number {
  const { first, size, merge } = side
  const counts = new Array<number>(size).fill(0)
  let index = 0
  let read = 0
  let running = 0
  let total = 0
  let kept = 0
  for (let span = 0; span + 1 < spans.length; span += 2) {
    index += spans[span] as number
    const end = index + (spans[span + 1] as number)
    for (; index < end; index++) {
      const value = values[read++] as number
      running = deltas ? running + value : value
      // Sums are at the least as large as every running value: where those may have lost digits, the total tells.
      if (running < 0) return total > Number.MAX_SAFE_INTEGER ? Spread.Wide : Spread.Negative
      total += running
      const at = (merge === 1 ? index : merged(index, merge)) - first
      if (at < size) {
        counts[at] = (counts[at] as number) + running
        kept += running
      }
    }
  }
  side.counts = counts
  side.total = total
  side.kept = kept
  return Spread.Done
}

/** As {@link spread}, of counts of any size. Lists whose counts are all below 2^53 hold numbers. */
export function spreadWide(spans: ArrayLike<number>, values: readonly bigint[], side: Side): void {
  const { first, size, merge } = side
  const counts = new Array<bigint>(size).fill(0n)
  let index = 0
  let read = 0
  side.wideTotal = 0n
  side.wideKept = 0n
  for (let span = 0; span + 1 < spans.length; span += 2) {
    index += spans[span] as number
    const end = index + (spans[span + 1] as number)
    for (; index < end; index++) {
      const value = values[read++] as bigint
      side.wideTotal += value
      const at = (merge === 1 ? index : merged(index, merge)) - first
      if (at < size) {
        counts[at] = (counts[at] as bigint) + value
        side.wideKept += value
      }
    }
  }
  side.counts = counts.every((one) => one <= Number.MAX_SAFE_INTEGER) ? counts.map(Number) : counts
}

/** Counts of deltas of any size; undefined when one is below zero. */
export function countsOfDeltas(deltas: readonly number[] | readonly bigint[]): bigint[] | undefined {
  const counts: bigint[] = []
  let running = 0n
  for (const delta of deltas) {
    running += BigInt(delta)
    if (running < 0n) return undefined
    counts.push(running)
  }
  return counts
}
