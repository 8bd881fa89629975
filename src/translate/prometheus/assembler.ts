/** What the assembler of classic histograms and summaries is told and asked: section 5 of the mapping. It is made in assemble.ts. */

import type { EncodedExemplar, EncodedMetric, EncodedResource, EncodedScope, MetricPoints } from '../../otlp/metrics.ts'

/** What a series is to its family. */
export const Member = { Bucket: 1, Sum: 2, Count: 3, Quantile: 4 } as const

/** What a family turns out to be. Unknown: a `_sum` or `_count` whose metadata is not known is held until it shows (h2 to h4). */
export const FamilyKind = { Unknown: 0, Histogram: 1, Summary: 2, Gauges: 3 } as const

/** How points of a family are written; the translator makes it when it meets the family, and again when names, types or `target_info` change. */
export interface FamilyOutput {
  readonly resource: EncodedResource
  readonly scope: EncodedScope
  /**
   * Attributes of all members but `le` and `quantile`: KeyValues with `attributeTag`, bytes `attributesStart` to `attributesEnd` of what this
   * views, as in `MetricPoints`; nobody writes to them any more. Many families may share one view.
   */
  readonly attributes: DataView
  readonly attributesStart: number
  readonly attributesEnd: number
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
  /**
   * What becomes of groups that lack something. derive: what can be told from the rest is, what has neither count nor `+Inf` is dropped; drop:
   * whatever is incomplete is dropped; passthrough: as derive, but what would be dropped is sent as series of their own.
   */
  readonly incomplete: 'derive' | 'drop' | 'passthrough'
  readonly late: 'drop' | 'reemit'
  readonly preferNative: boolean
  readonly stale: 'flag' | 'drop'
}

/**
 * How a sample of a member ended. `held`: it waits in a group, and is one of the samples of a later emission; the others are final.
 * `gauge`: it is no member, the caller sends it as a gauge itself. `refused`: its group has too many bounds or its family too many times at
 * once, or the bound is no number that a bucket or quantile can have. `full`: no room now, it may come again.
 */
export type MemberResult = 'held' | 'late' | 'shadowed' | 'gauge' | 'refused' | 'full'

/** Counts the groups that wait for members of what was kept with it: it may go when none does. */
export interface KeepToken {
  open: number
}

/** A group that was sent: the key of its family, and its time. */
export interface GroupKey {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly timeMs: number
}

/** Groups on their way out. `samples` is less than `points` only where members of a group that was sent before go one by one (`late: reemit`). */
export interface Emission {
  /** Samples that were held and are used up now. All but those below went into points. */
  readonly samples: number
  readonly points: number
  /** Of them, samples of groups too incomplete for a point, */
  readonly incomplete: number
  /** samples that came when their group was on its way out, or incomplete and older than what is remembered, */
  readonly late: number
  /** samples of families that turned out to come as native histograms too, */
  readonly shadowed: number
  /** and stale markers of histograms and summaries where they are not sent (`stale: drop`). */
  readonly stale: number
}

/** Names of the counters of section 14, without prefix: counts since the last time they were taken. */
export interface AssemblerCounts {
  readonly emitted: { complete: number; window: number; evicted: number; shutdown: number }
  /** By what was missing: count, inf, sum, bucket, quantile. A group counts once for each. */
  readonly incomplete: Record<string, number>
  /** Groups out of `emitted` that lacked a member which earlier ones had: many of them mean that members reach another bridge (section 5.4). */
  partial: number
  /** Samples. */
  late: number
  /** Buckets. */
  nonmonotonic: number
  /** Samples. */
  shadowed: number
}

/** A family turned out to be something: without metadata, by what came (h1 to h5), or because its values are none of a histogram. */
export interface Decision {
  readonly id: number
  /** One of {@link FamilyKind}; Unknown: what was a gauge so far may be a summary after all. */
  readonly kind: number
  readonly reason: 'bucket' | 'quantile' | 'pair' | 'lone' | 'fraction'
}

/** What families are known to look like: plain JSON. `families` has {@link savedFamilyWords} numbers a family, `layouts` those they point to. */
export interface SavedLayouts {
  readonly version: 1
  readonly layouts: readonly { readonly bounds: readonly number[]; readonly has: number }[]
  readonly families: readonly number[]
}

/** Numbers of a family in {@link SavedLayouts}: three words of its key, its kind, its layout, and the last two times that were sent (0: none). */
export const savedFamilyWords = 7

export interface Assembler {
  /** Finds or makes the family of a key. Retain it at once: one that nobody retains goes after some minutes, and its id is used again. */
  family(a: number, b: number, c: number): number
  /** The family of a key; −1: there is none. */
  known(a: number, b: number, c: number): number
  retain(id: number): void
  /** Some minutes after the last reference is let go of, and no earlier than its last group, a family is forgotten. */
  release(id: number): void
  /** Says how a family is written and what metadata says it is (or Unknown); again whenever either changes. Before the first `add`. */
  describe(id: number, kind: number, output: FamilyOutput): void
  /** One of {@link FamilyKind}. */
  kindOf(id: number): number
  /**
   * One sample of a member. Members of a family that turned out to be gauges may be added on and on: it is then known when it is none any more.
   *
   * @param bound `le` or `quantile`; of no meaning for the others
   * @param timeMs whole, not negative
   * @param valueHi words of the double; the stale marker is known by them
   * @param startMs 0: not known
   * @param nowMs any clock; where it goes back, time stands still
   */
  add(
    id: number,
    member: number,
    bound: number,
    timeMs: number,
    valueHi: number,
    valueLo: number,
    startMs: number,
    nowMs: number,
  ): MemberResult
  /** Attaches an exemplar of a bucket to the group that waits at this time (undefined: at the newest). False: there is none, or it has too many. */
  exemplar(id: number, timeMs: number | undefined, exemplar: EncodedExemplar): boolean
  /** A native histogram of this family was received. Makes the family. Does nothing without `preferNative`. */
  nativeSeen(a: number, b: number, c: number, nowMs: number): void
  /**
   * Appends the points of all groups that are complete or due. To be followed by exactly one of `commit` and `rollback`; `points` may be used
   * again before that. Undefined: there is nothing. Costs nothing when nothing is due.
   *
   * @param all all that wait, to be called until it returns undefined (at most some ten thousand groups come at once)
   */
  take(nowMs: number, points: MetricPoints, all?: boolean): Emission | undefined
  /** What was taken is safe. */
  commit(emission: Emission): void
  /** It is not: its groups wait again, and are due. */
  rollback(emission: Emission): void
  /**
   * Groups of an emission that members of earlier requests are in, so that those who kept these requests must know. Not those of which all
   * members came since the take before. To be read before commit or rollback.
   */
  emitted(emission: Emission): readonly GroupKey[]
  /** A group was sent by an earlier run: members of it are late. */
  markEmitted(a: number, b: number, c: number, timeMs: number): void
  /** True while a group waits, or has members that came while it was on its way out. */
  isPending(id: number, timeMs: number): boolean
  /** The group waits for this token: it counts the group, once, until the group is committed. Does nothing where `isPending` is false. */
  attach(id: number, timeMs: number, token: KeepToken): void
  /**
   * Nobody can add anything now. Time stands still until two windows after the last such call: those who were turned away come again by then, and
   * what waits for them is not sent without them.
   */
  standStill(nowMs: number): void
  /** ms until something is due; 0: now; Infinity: nothing waits. */
  dueInMs(nowMs: number): number
  /** Groups that wait. */
  readonly pending: number
  /** Samples in groups: received with `held` and not yet committed. */
  readonly held: number
  /** Families. */
  readonly families: number
  /** Bytes of the attributes of all that {@link Assembler.describe} gave. */
  readonly outputBytes: number
  /** Takes the counters: they begin at 0 again. */
  counts(): AssemblerCounts
  /** Takes what was decided since the last time; bounded, the oldest go. */
  decisions(): readonly Decision[]
  exportLayouts(): SavedLayouts
  /** Families out of {@link exportLayouts}; what is damaged is left out. To be called before the first `add`. Returns how many were taken. */
  importLayouts(saved: unknown): number
}
