/**
 * Groups: the members of one family at one time. Columns, as there are up to hundreds of thousands at once; places are used again.
 * Groups of a family are linked in order of time.
 */

import type { EncodedExemplar } from '../../otlp/metrics.ts'
import type { KeepToken } from './assembler.ts'
import { Chain } from './chain.ts'
import { bytes, doubles, ints } from './columns.ts'
import { type Layout, type Layouts, maxBounds } from './layout.ts'
import { hiWord, Slots } from './slots.ts'

/** Where a group is. Out: on its way, with an emission. Sent: kept for corrections (`late: reemit`). */
export const GroupState = { Free: 0, Waiting: 1, Out: 2, Sent: 3 } as const

/** Why a group is sent before it is complete. None: it is not, or not before it is complete. */
export const Force = { None: 0, Window: 1, Evicted: 2, Shutdown: 3 } as const

/** Bits of `flags`. */
export const GroupFlag = {
  /** It is in the list of those that may be sent. */
  Ready: 1,
  /** Something of it is not in its layout. */
  Grown: 2,
  /** A member is stale. */
  Stale: 4,
  /** Older than the times that are remembered as sent: it may have been sent, so it is sent only if it is complete. */
  Doubtful: 8,
  /** Its family's layout knows of it. */
  Learnt: 16,
  /** It was on its way and came back. */
  Returned: 32,
  /** It was sent, and a correction came. */
  Again: 64,
} as const

/** Members with bounds that are not in the group's layout. */
export interface Extra {
  readonly bounds: number[]
  /** Words of their values, two and two, high word first. */
  readonly words: number[]
}

const initial = 256

export class Groups {
  /** Groups in use, in whatever state. */
  live = 0
  family = new Int32Array(initial)
  state = new Uint8Array(initial)
  flags = new Uint8Array(initial)
  force = new Uint8Array(initial)
  timeMs = new Float64Array(initial)
  /** When the first member came. */
  firstMs = new Float64Array(initial)
  /** Least of the members' start times; 0: none has one. */
  startMs = new Float64Array(initial)
  /** When it is sent because a later one of its family was complete. Of those in `soon`. */
  soonMs = new Float64Array(initial)
  /** The first of its slots. */
  base = new Int32Array(initial)
  /** Members present that its layout wants. */
  present = new Int32Array(initial)
  /** Samples, repeated ones too, that are not in an emission that was committed. */
  received = new Int32Array(initial)
  /** Samples that came while it was on its way. */
  between = new Int32Array(initial)
  /** Slot that is likely next. */
  cursor = new Int32Array(initial)
  /** The take before which its first member came. */
  born = new Int32Array(initial)
  /** The family's next group in time; of free ones, the next free one. */
  next = new Int32Array(initial)
  layouts: Layout[] = []
  extras: (Extra | undefined)[] = []
  tokens: (KeepToken[] | undefined)[] = []
  readonly exemplars: (EncodedExemplar[] | undefined)[] = []
  /** Bytes of the labels of all exemplars. */
  exemplarBytes = 0
  readonly slots = new Slots()
  /** Those that wait for their window to end, oldest first. */
  readonly aging = new Chain()
  /** Those of which a later one was complete, first due first. */
  readonly soon = new Chain()
  /** Those that are kept for corrections, oldest first. */
  readonly kept = new Chain()
  private free = -1
  private end = 0
  private readonly known: Layouts

  constructor(known: Layouts) {
    this.known = known
    this.aging.ensure(initial)
    this.soon.ensure(initial)
    this.kept.ensure(initial)
  }

  /** A new group, waiting, of this layout. */
  open(family: number, timeMs: number, nowMs: number, layout: Layout): number {
    let group = this.free
    if (group >= 0) this.free = this.next[group] as number
    else {
      group = this.end++
      if (group === this.family.length) this.grow()
    }
    this.live++
    this.family[group] = family
    this.state[group] = GroupState.Waiting
    this.flags[group] = 0
    this.force[group] = Force.None
    this.timeMs[group] = timeMs
    this.firstMs[group] = nowMs
    this.startMs[group] = 0
    this.base[group] = this.slots.take(layout.slots)
    this.present[group] = 0
    this.received[group] = 0
    this.between[group] = 0
    this.cursor[group] = 0
    this.layouts[group] = this.known.retain(layout)
    this.extras[group] = undefined
    this.tokens[group] = undefined
    this.exemplars[group] = undefined
    return group
  }

  /** It must be out of its family's list. */
  close(group: number): void {
    this.aging.remove(group)
    this.soon.remove(group)
    const layout = this.layouts[group] as Layout
    this.slots.give(this.base[group] as number, layout.slots)
    this.known.release(layout)
    this.state[group] = GroupState.Free
    this.extras[group] = undefined
    this.tokens[group] = undefined
    this.dropExemplars(group)
    this.next[group] = this.free
    this.free = group
    this.live--
  }

  addExemplar(group: number, exemplar: EncodedExemplar): void {
    this.exemplarBytes += exemplar.attributes.length
    const known = this.exemplars[group]
    if (known === undefined) this.exemplars[group] = [exemplar]
    else known.push(exemplar)
  }

  dropExemplars(group: number): void {
    for (const { attributes } of this.exemplars[group] ?? []) this.exemplarBytes -= attributes.length
    this.exemplars[group] = undefined
  }

  /** Its members are all there that the layout wants, and no others. */
  isComplete(group: number): boolean {
    return this.present[group] === (this.layouts[group] as Layout).wanted && ((this.flags[group] as number) & GroupFlag.Grown) === 0
  }

  /** Its count, or without one its `+Inf`, is stale: the series have ended. */
  isEnd(group: number): boolean {
    if (!this.is(group, GroupFlag.Stale)) return false
    const inf = (this.base[group] as number) + (this.layouts[group] as Layout).size
    return this.slots.isStale(this.slots.isEmpty(inf + 1) ? inf : inf + 1)
  }

  /** True when a flag is set. */
  is(group: number, flag: number): boolean {
    return ((this.flags[group] as number) & flag) !== 0
  }

  set(group: number, flag: number): void {
    this.flags[group] = (this.flags[group] as number) | flag
  }

  clear(group: number, flag: number): void {
    this.flags[group] = (this.flags[group] as number) & ~flag
  }

  /**
   * Writes a value to a slot of its layout. Returns true when that makes the group complete.
   * What is there already is overwritten: the last one wins.
   */
  put(group: number, slot: number, hi: number, lo: number): boolean {
    const layout = this.layouts[group] as Layout
    const at = (this.base[group] as number) + slot
    const { slots } = this
    const fresh = slots.isEmpty(at)
    slots.set(at, hi, lo)
    if (!fresh) return false
    if (!layout.wants(slot)) {
      this.set(group, GroupFlag.Grown)
      return false
    }
    const present = (this.present[group] as number) + 1
    this.present[group] = present
    return present === layout.wanted && ((this.flags[group] as number) & GroupFlag.Grown) === 0
  }

  /** Keeps a member whose bound is not in the layout. False: there are too many. */
  putExtra(group: number, bound: number, hi: number, lo: number): boolean {
    let extra = this.extras[group]
    if (extra === undefined) this.extras[group] = extra = { bounds: [], words: [] }
    const { bounds, words } = extra
    let at = bounds.indexOf(bound)
    if (at < 0) {
      if (bounds.length + (this.layouts[group] as Layout).size >= maxBounds) return false
      at = bounds.length
      bounds.push(bound)
      words.push(0, 0)
    }
    words[2 * at] = hi
    words[2 * at + 1] = lo
    this.set(group, GroupFlag.Grown)
    return true
  }

  /** Moves its values to another layout. */
  rebase(group: number, layout: Layout): void {
    const before = this.layouts[group] as Layout
    if (before === layout) return
    const { slots } = this
    const from = this.base[group] as number
    const extra = this.extras[group]
    this.known.retain(layout)
    this.base[group] = slots.take(layout.slots)
    this.layouts[group] = layout
    this.present[group] = 0
    this.cursor[group] = 0
    this.extras[group] = undefined
    this.clear(group, GroupFlag.Grown)
    const { words } = slots
    for (let slot = 0; slot < before.slots; slot++) {
      if (slots.isEmpty(from + slot)) continue
      const at = 2 * (from + slot)
      const [hi, lo] = [words[at + hiWord] as number, words[at + 1 - hiWord] as number]
      if (slot >= before.size) this.put(group, layout.size + slot - before.size, hi, lo)
      else this.putBound(group, before.bounds[slot] as number, hi, lo)
    }
    extra?.bounds.forEach((bound, i) => {
      this.putBound(group, bound, extra.words[2 * i] as number, extra.words[2 * i + 1] as number)
    })
    slots.give(from, before.slots)
    this.known.release(before)
  }

  private putBound(group: number, bound: number, hi: number, lo: number): void {
    const slot = (this.layouts[group] as Layout).slotOf(bound, 0)
    if (slot < 0) this.putExtra(group, bound, hi, lo)
    else this.put(group, slot, hi, lo)
  }

  private grow(): void {
    const size = this.family.length * 2
    this.family = ints(this.family, size)
    this.base = ints(this.base, size)
    this.present = ints(this.present, size)
    this.received = ints(this.received, size)
    this.between = ints(this.between, size)
    this.cursor = ints(this.cursor, size)
    this.born = ints(this.born, size)
    this.next = ints(this.next, size)
    this.state = bytes(this.state, size)
    this.flags = bytes(this.flags, size)
    this.force = bytes(this.force, size)
    this.timeMs = doubles(this.timeMs, size)
    this.firstMs = doubles(this.firstMs, size)
    this.startMs = doubles(this.startMs, size)
    this.soonMs = doubles(this.soonMs, size)
    this.aging.ensure(size)
    this.soon.ensure(size)
    this.kept.ensure(size)
  }
}
