/** Classic histograms and summaries put together from series that come one by one: section 5 of the mapping. Pure: time is an argument. */

import type { EncodedExemplar, EncodedMetric, EncodedResource, EncodedScope, MetricPoints } from '../../otlp/metrics.ts'

/** What a series is to its family. */
export const Member = { Bucket: 1, Sum: 2, Count: 3, Quantile: 4 } as const

/** What a family turns out to be. Unknown: a `_sum` or `_count` whose metadata is not known is held until it shows (h2 to h4). */
export const FamilyKind = { Unknown: 0, Histogram: 1, Summary: 2, Gauges: 3 } as const

/** How points of a family are written; the translator makes it when it meets the family, and again when names, types or `target_info` change. */
export interface FamilyOutput {
  readonly resource: EncodedResource
  readonly scope: EncodedScope
  /** Attributes of all members but `le` and `quantile`: KeyValues with `attributeTag`. A copy of its own. */
  readonly attributes: Uint8Array
  /** The metric of the assembled point; by kind, as Unknown may become either. */
  metric(kind: number): EncodedMetric
  /** The metric of a member that is sent by itself: as a gauge (the family is none), or as a cumulative sum (`incomplete: passthrough`). */
  memberMetric(member: number, as: 'gauge' | 'sum'): EncodedMetric
}

export interface AssembleOptions {
  /** `assembler.window`, ms since the first member arrived. */
  readonly windowMs: number
  /** `assembler.reorder`, ms. */
  readonly reorderMs: number
  /** `assembler.max_pending`: groups. */
  readonly maxPending: number
  readonly incomplete: 'derive' | 'drop' | 'passthrough'
  readonly late: 'drop' | 'reemit'
  readonly preferNative: boolean
  readonly stale: 'flag' | 'drop'
}

/** How a sample of a member ended. `held`: it waits in a group; the others are final. */
export type MemberResult = 'held' | 'late' | 'shadowed' | 'gauge' | 'refused'

/** Names of the counters of section 14, without prefix: counts since the last time they were taken. */
export interface AssemblerCounts {
  readonly emitted: { complete: number; window: number; evicted: number; shutdown: number }
  readonly incomplete: Record<string, number>
  late: number
  nonmonotonic: number
  shadowed: number
}
