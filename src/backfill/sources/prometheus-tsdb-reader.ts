/**
 * A slice of a folder of blocks, read page by page: families by name, label groups by hash, ascending times in each. A page ends behind a whole time
 * of a group, so that classic histograms and summaries are put together exactly.
 */

import { setImmediate } from 'node:timers/promises'
import { BridgeError } from '../../errors.ts'
import type { Block } from '../../read/prometheus-tsdb/block.ts'
import { type Reading, type SkipReason, skipReasons, type TsdbFault } from '../../read/prometheus-tsdb/block-series.ts'
import {
  type Family,
  type FamilyGroups,
  groupFamily,
  listFamilies,
  openGroup,
  type SeriesFilter,
} from '../../read/prometheus-tsdb/families.ts'
import { tsdbError } from '../../read/prometheus-tsdb/faults.ts'
import { SamplesPool } from '../../read/prometheus-tsdb/samples.ts'
import type { Json, SourceFault } from '../model.ts'
import { createInfoTimeline, type InfoTimeline, scopeKeyOf } from './prometheus-info.ts'
import { PageDraft, type PageLimits, TsdbGroup } from './prometheus-tsdb-group.ts'
import { isOfShard, type TsdbSlice } from './prometheus-tsdb-plan.ts'

/** Where a page ends: family, key of the label group, time of its last sample; null: the group is through. */
export interface TsdbCursor {
  readonly [name: string]: Json
  readonly f: string
  readonly g: number
  readonly t: number | null
}

export interface TsdbPage {
  readonly draft: PageDraft
  readonly cursor: TsdbCursor
  readonly last: boolean
  readonly faults: readonly SourceFault[]
  readonly targets: InfoTimeline | undefined
  readonly scopes: InfoTimeline | undefined
}

export interface TsdbReaderOptions {
  readonly slice: TsdbSlice
  /** Of the slice. */
  readonly blocks: readonly Block[]
  /** Those that end before they begin: for what was before the window. */
  readonly before: readonly Block[]
  readonly after: TsdbCursor | undefined
  readonly limits: PageLimits
  readonly filter: SeriesFilter
  /** `startTime: true_reset` */
  readonly withStarts: boolean
  /** Samples that `meta.json` says are in the slice; undefined where it says nothing of just these. */
  readonly expected: number | undefined
  /** Entries of `target_info` and `otel_scope_info`; 0: none are read. */
  readonly maxTargets: number
  readonly monotonicMs: () => number
}

/** Faults of a kind that are told, of a slice. */
const toldFaults = 20
/** How long others may wait for their turn. */
const turnMs = 15
/** Samples of a target that are held at once: those of two hours and more. */
const targetStride = 16_384
/** Behind all label groups. */
const lastKey = 2 ** 52

/** The cursor that was stored. Throws OB_SOURCE for what is none. */
export function readTsdbCursor(cursor: Json | undefined): TsdbCursor | undefined {
  if (cursor === undefined) return undefined
  const { f, g, t } = (typeof cursor === 'object' && cursor !== null ? cursor : {}) as Partial<Record<string, Json>>
  if (typeof f !== 'string' || typeof g !== 'number' || (t !== null && typeof t !== 'number')) {
    throw tsdbError('source_error', 'cannot go on with a slice: its cursor is none of this source')
  }
  return { f, g, t }
}

export class TsdbReader {
  private readonly options: TsdbReaderOptions
  private readonly reading: Reading
  private readonly pool = new SamplesPool()
  private readonly withBefore: readonly Block[]
  private families: readonly Family[] | undefined
  private family = 0
  private groups: FamilyGroups | undefined
  /** Place behind the group that is open. */
  private place = 0
  private group: TsdbGroup | undefined
  private cursor: TsdbCursor
  private targets: InfoTimeline | undefined
  private scopes: InfoTimeline | undefined
  private readonly told = new Map<string, number>()
  private faults: SourceFault[] = []
  /** Damaged entries of the family, and those with more than their block, until a page has something of it. */
  private damaged = 0
  private outside = 0
  private isAtEnd = false
  private found = 0
  private turnSinceMs = 0

  constructor(options: TsdbReaderOptions) {
    this.options = options
    const { slice, withStarts, after } = options
    this.withBefore = withStarts ? [...options.blocks, ...options.before] : options.blocks
    this.reading = {
      fromMs: slice.fromMs,
      toMs: slice.toMs,
      before: withStarts,
      pool: this.pool,
      onFault: (fault) => this.tell(fault),
    }
    this.cursor = after ?? { f: '', g: 0, t: null }
  }

  /** The next page; undefined when nothing is left. Rejects with OB_SOURCE, and with OB_STOPPING when aborted. */
  async next(abort: AbortSignal): Promise<TsdbPage | undefined> {
    if (this.isAtEnd) return undefined
    this.turnSinceMs = this.options.monotonicMs()
    const page = new PageDraft(this.pool.take())
    if (this.families === undefined) {
      await this.readTargets(abort)
      this.begin()
    }
    for (;;) {
      await this.turn(abort)
      this.group ??= await this.nextGroup(page, abort)
      const { group } = this
      const family = this.families?.[this.family]
      if (group === undefined || family === undefined) {
        this.isAtEnd = true
        break
      }
      const upTo = group.take(page, this.options.limits)
      if (upTo === 'full') break
      this.countDamaged(page)
      this.cursor = { f: family.name, g: group.key, t: upTo === 'done' ? null : upTo }
      if (upTo !== 'done') break
      group.close()
      this.group = undefined
    }
    this.found += page.items + page.skips.reduce((sum, one) => sum + (one ?? 0), 0)
    if (this.isAtEnd) this.compareWithMeta()
    const { faults, targets, scopes } = this
    this.faults = []
    if (this.isAtEnd && page.items === 0 && page.skips.length === 0 && faults.length === 0) return undefined
    return { draft: page, cursor: this.cursor, last: this.isAtEnd, faults, targets, scopes }
  }

  /** Nobody looks at the page's samples any more: their memory is used again. */
  release({ draft }: TsdbPage): void {
    this.pool.give(draft.samples)
  }

  private begin(): void {
    const { after, slice, blocks } = this.options
    this.families = listFamilies(this.withBefore, (family) => isOfShard(slice, family) && (after === undefined || family >= after.f))
    for (const { index, meta } of blocks) {
      for (const note of index.notes) this.addFault({ reason: 'corrupt_index', where: `${meta.ulid}/index`, message: note })
    }
  }

  private async nextGroup(page: PageDraft, abort: AbortSignal): Promise<TsdbGroup | undefined> {
    const families = this.families ?? []
    const { after, filter, withStarts, slice } = this.options
    for (;;) {
      const family = families[this.family]
      if (family === undefined) return undefined
      const resumed = after !== undefined && after.f === family.name ? after : undefined
      if (this.groups === undefined) {
        this.groups = await this.steps(groupFamily(this.withBefore, family, this.reading, filter), abort)
        // Of a family that was begun before, they were counted then.
        this.damaged = resumed === undefined ? this.groups.damaged : 0
        this.outside = resumed === undefined ? this.groups.outside : 0
        this.place = resumed === undefined ? 0 : this.groups.find(resumed.t === null ? resumed.g + 1 : resumed.g)
      }
      const { groups } = this
      const from = this.place
      if (from >= groups.count) {
        this.groups = undefined
        this.family++
        if (this.damaged + this.outside > 0) {
          this.countDamaged(page)
          this.cursor = { f: family.name, g: lastKey, t: null }
        }
        continue
      }
      const key = groups.key(from)
      let to = from + 1
      while (to < groups.count && groups.key(to) === key) to++
      this.place = to
      const afterMs = resumed !== undefined && resumed.g === key && resumed.t !== null ? resumed.t : Number.NEGATIVE_INFINITY
      const series = openGroup(this.withBefore, groups, from, to, this.reading, afterMs)
      return new TsdbGroup(key, series, { fromMs: slice.fromMs, afterMs, withStarts })
    }
  }

  /** `target_info` and `otel_scope_info` of the window, and what they said last before it. */
  private async readTargets(abort: AbortSignal): Promise<void> {
    const { maxTargets, blocks, before, slice } = this.options
    if (maxTargets <= 0) return
    const all = [...blocks, ...before]
    const reading: Reading = { ...this.reading, before: true, onFault: () => {} }
    for (const name of ['target_info', 'otel_scope_info']) {
      const [family] = listFamilies(all, (one) => one === name)
      if (family === undefined) continue
      const timeline = name === 'target_info' ? createInfoTimeline(maxTargets) : createInfoTimeline(maxTargets, scopeKeyOf)
      if (name === 'target_info') this.targets = timeline
      else this.scopes = timeline
      const groups = await this.steps(groupFamily(all, family, reading), abort)
      for (let from = 0, to = 0; from < groups.count; from = to) {
        while (to < groups.count && groups.key(to) === groups.key(from)) to++
        await this.turn(abort)
        for (const series of openGroup(all, groups, from, to, reading)) {
          const { labels, pending } = series
          for (let more = true; more; ) {
            more = series.fill(targetStride)
            timeline.add({ labels, samples: pending, from: 0, to: pending.count })
            pending.drop(pending.count)
          }
          series.close()
        }
      }
      if (timeline.leftOut > 0) {
        const message = `${timeline.leftOut} entries of ${name} from ${new Date(slice.fromMs).toISOString()} on were left out: more than ${maxTargets}`
        this.addFault({ reason: 'too_many_targets', where: name, message })
      }
    }
  }

  private async steps<Result>(steps: Generator<void, Result>, abort: AbortSignal): Promise<Result> {
    for (;;) {
      const step = steps.next()
      if (step.done) return step.value
      await this.turn(abort)
    }
  }

  /** Lets others have their turn, when it is time. */
  private async turn(abort: AbortSignal): Promise<void> {
    if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read on: the run stops')
    if (this.options.monotonicMs() - this.turnSinceMs < turnMs) return
    await setImmediate()
    this.turnSinceMs = this.options.monotonicMs()
  }

  private countDamaged({ skips }: PageDraft): void {
    const add = (reason: SkipReason, count: number): void => {
      if (count > 0) skips[skipReasons.indexOf(reason)] = (skips[skipReasons.indexOf(reason)] ?? 0) + count
    }
    add('corrupt_series', this.damaged)
    add('outside_of_block', this.outside)
    this.damaged = this.outside = 0
  }

  /** A block that is read as a whole in one go has as many samples as it says. */
  private compareWithMeta(): void {
    const { expected, after, slice } = this.options
    if (expected === undefined || after !== undefined || expected === this.found) return
    const message = `meta.json says ${expected} samples, ${this.found} were found (a damaged chunk counts as one)`
    this.addFault({ reason: 'count_mismatch', where: slice.ulids.join(), message })
  }

  private tell({ reason, where, message }: TsdbFault): void {
    this.addFault({ reason, where, message })
  }

  private addFault(fault: SourceFault): void {
    const count = (this.told.get(fault.reason) ?? 0) + 1
    this.told.set(fault.reason, count)
    if (count <= toldFaults) this.faults.push(fault)
  }
}
