/** Bounds on what one remote-write request may hold, and the refusal of one that holds more. */

import { BridgeError } from '../../errors.ts'

/**
 * Every one is checked before memory is spent on what is beyond it. Over a bound of the request, all of it is refused with OB_LIMIT_ITEMS;
 * over a bound of a series (`maxLabels`, `maxBuckets`) that series alone, by its `SeriesFault`.
 */
export interface WriteLimits {
  readonly maxSeries: number
  /** Samples, native histograms, exemplars and entries of metadata of 1.0, all together. */
  readonly maxSamples: number
  /** Native histograms: they are objects, and take more memory than samples do. */
  readonly maxHistograms: number
  /** Labels a series, and labels an exemplar; those beyond are not stored. */
  readonly maxLabels: number
  /** Labels of all series and exemplars, those beyond `maxLabels` too. */
  readonly maxRequestLabels: number
  /** Entries of the table of symbols. 2.0 only: 1.0 has two a label. */
  readonly maxSymbols: number
  /** Spans, deltas, counts and custom values of one native histogram, all together. */
  readonly maxBuckets: number
  /** The same over all native histograms. */
  readonly maxRequestBuckets: number
  /** Fields that are skipped because the messages do not have them: they take time, not memory. */
  readonly maxUnknownFields: number
}

/** Some 100 times what a sender puts into one request; the columns of a request that is at every bound take some 150 MiB. */
export const defaultWriteLimits: WriteLimits = {
  maxSeries: 200_000,
  maxSamples: 500_000,
  maxHistograms: 100_000,
  maxLabels: 1_000,
  maxRequestLabels: 2_000_000,
  maxSymbols: 1_000_000,
  maxBuckets: 16_384,
  maxRequestBuckets: 2_000_000,
  maxUnknownFields: 1_000_000,
}

/** @param at byte at which the first one too many stands */
export function tooMany(what: string, limit: number, at: number): never {
  throw new BridgeError('OB_LIMIT_ITEMS', `cannot read a remote-write request: more than ${limit} ${what}`, { place: `byte ${at}` })
}
