/**
 * Families of classic histograms and summaries: what is known of each between its groups. Columns, some 220 bytes a family; ids are used again.
 * A family is forgotten when nothing refers to it: not at once, as what was sent of it must be known for a while, lest a late member make a
 * second, partial point.
 */

import { FamilyKind, type FamilyOutput } from './assembler.ts'
import { bytes, doubles, ints } from './columns.ts'
import type { Layout, Layouts } from './layout.ts'

/** Times that are remembered as sent: the newest. */
export const sentTimes = 8

/** Bits of `traits`. */
export const Trait = {
  /** It waits to be forgotten, if nothing refers to it by then. */
  Parting: 1,
  /** Its values are none of a histogram or summary. */
  Broken: 2,
  /** Among its groups were some that lacked members. */
  Streaks: 4,
  /** Has had quantiles. */
  Quantiles: 8,
  /** As a gauge it had `_sum`; it had `_count`. */
  LoneSum: 16,
  LoneCount: 32,
} as const

/** How long a family that nothing refers to is known, and how many of them. */
const partingMs = 600_000

const initial = 64

export class Families {
  count = 0
  a = new Int32Array(initial)
  b = new Int32Array(initial)
  c = new Int32Array(initial)
  refs = new Int32Array(initial)
  /** One of FamilyKind: what it is, and what metadata said. */
  kind = new Uint8Array(initial)
  given = new Uint8Array(initial)
  traits = new Uint8Array(initial)
  /** Groups that are still sent without a decision, although `_sum` or `_count` came alone. */
  trials = new Uint8Array(initial)
  /** When a native histogram of it was seen, whole seconds of the assembler's time and 1; 0: never. */
  nativeAt = new Int32Array(initial)
  /** Its first group in time, the one that was used last, and how many there are. −1: none. */
  first = new Int32Array(initial)
  hint = new Int32Array(initial)
  groups = new Int32Array(initial)
  /** The take in which it was looked at last. */
  looked = new Int32Array(initial)
  /** Time of the newest group that was complete; −1: none was. */
  completeMs = new Float64Array(initial)
  /** The newest times that were sent, in no order; −1: none. Older ones than `floorMs` are not known. */
  private sent = new Float64Array(initial * sentTimes)
  private floorMs = new Float64Array(initial)
  layouts: Layout[] = []
  readonly outputs: (FamilyOutput | undefined)[] = []
  /** Bytes of the attributes of all outputs. */
  outputBytes = 0
  /** How often in a row each member was missing: bounds, and the bits of `Has` as text. */
  readonly streaks = new Map<number, Map<number | string, number>>()
  /** Id and 1 by hash, open addressing; 0: empty. */
  private index = new Int32Array(initial * 2)
  private free = -1
  private end = 0
  private parting: number[] = []
  private partingSince: number[] = []
  private partingHead = 0
  private readonly known: Layouts
  private readonly mostParting: number

  /** @param mostParting families that may wait to be forgotten; the oldest go sooner */
  constructor(known: Layouts, mostParting: number) {
    this.known = known
    this.mostParting = mostParting
  }

  /** −1: there is none. */
  find(a: number, b: number, c: number): number {
    const { index } = this
    const mask = index.length - 1
    for (let at = a & mask; ; at = (at + 1) & mask) {
      const id = (index[at] as number) - 1
      if (id < 0 || (this.a[id] === a && this.b[id] === b && this.c[id] === c)) return id
    }
  }

  make(a: number, b: number, c: number, nowMs: number): number {
    let id = this.free
    if (id >= 0) this.free = this.first[id] as number
    else {
      id = this.end++
      if (id === this.a.length) this.grow()
    }
    this.count++
    this.a[id] = a
    this.b[id] = b
    this.c[id] = c
    this.refs[id] = 0
    this.kind[id] = FamilyKind.Unknown
    this.given[id] = FamilyKind.Unknown
    this.traits[id] = 0
    this.trials[id] = 0
    this.nativeAt[id] = 0
    this.first[id] = -1
    this.hint[id] = -1
    this.groups[id] = 0
    this.looked[id] = 0
    this.completeMs[id] = -1
    this.floorMs[id] = -1
    this.sent.fill(-1, id * sentTimes, (id + 1) * sentTimes)
    this.layouts[id] = this.known.retain(this.known.none)
    this.outputs[id] = undefined
    this.insert(id)
    this.part(id, nowMs)
    return id
  }

  has(id: number, trait: number): boolean {
    return ((this.traits[id] as number) & trait) !== 0
  }

  set(id: number, trait: number): void {
    this.traits[id] = (this.traits[id] as number) | trait
  }

  clear(id: number, trait: number): void {
    this.traits[id] = (this.traits[id] as number) & ~trait
  }

  setOutput(id: number, output: FamilyOutput | undefined): void {
    const before = this.outputs[id]
    if (before !== undefined) this.outputBytes -= before.attributesEnd - before.attributesStart
    if (output !== undefined) this.outputBytes += output.attributesEnd - output.attributesStart
    this.outputs[id] = output
  }

  setLayout(id: number, layout: Layout): void {
    const before = this.layouts[id] as Layout
    this.layouts[id] = this.known.retain(layout)
    this.known.release(before)
  }

  /** Remembers that a group was sent. */
  markSent(id: number, timeMs: number): void {
    const { sent } = this
    const from = id * sentTimes
    let least = from
    for (let at = from; at < from + sentTimes; at++) {
      if (sent[at] === timeMs) return
      if ((sent[at] as number) < (sent[least] as number)) least = at
    }
    const gone = Math.min(sent[least] as number, timeMs)
    if (timeMs > gone) sent[least] = timeMs
    if (gone > (this.floorMs[id] as number)) this.floorMs[id] = gone
  }

  wasSent(id: number, timeMs: number): boolean {
    const { sent } = this
    for (let at = id * sentTimes, to = at + sentTimes; at < to; at++) if (sent[at] === timeMs) return true
    return false
  }

  /** True when it is too long ago to know whether it was sent. */
  isBeyondMemory(id: number, timeMs: number): boolean {
    return timeMs <= (this.floorMs[id] as number)
  }

  /** The newest time that was sent before `before`; 0: none is known. */
  newestSent(id: number, before: number): number {
    let newest = 0
    for (let at = id * sentTimes, to = at + sentTimes; at < to; at++) {
      const time = this.sent[at] as number
      if (time < before && time > newest) newest = time
    }
    return newest
  }

  /** Lets a family go in some time, unless something refers to it by then. */
  part(id: number, nowMs: number): void {
    // Whoever comes to it again describes it again.
    if ((this.refs[id] as number) <= 0 && this.groups[id] === 0) this.setOutput(id, undefined)
    if (this.has(id, Trait.Parting)) return
    this.set(id, Trait.Parting)
    this.parting.push(id)
    this.partingSince.push(nowMs)
  }

  /** Forgets those whose time has come. */
  forget(nowMs: number): void {
    const { parting, partingSince } = this
    while (
      this.partingHead < parting.length &&
      (parting.length - this.partingHead > this.mostParting || (partingSince[this.partingHead] as number) + partingMs <= nowMs)
    ) {
      const id = parting[this.partingHead++] as number
      this.clear(id, Trait.Parting)
      if ((this.refs[id] as number) <= 0 && this.groups[id] === 0) this.remove(id)
    }
    if (this.partingHead > 1024 && this.partingHead * 2 > parting.length) {
      parting.splice(0, this.partingHead)
      partingSince.splice(0, this.partingHead)
      this.partingHead = 0
    }
  }

  /** Ids of all families. */
  *ids(): IterableIterator<number> {
    for (const id of this.index) if (id > 0) yield id - 1
  }

  private remove(id: number): void {
    this.erase(id)
    this.known.release(this.layouts[id] as Layout)
    this.layouts[id] = this.known.none
    this.setOutput(id, undefined)
    this.streaks.delete(id)
    this.first[id] = this.free
    this.free = id
    this.count--
  }

  private insert(id: number): void {
    if (this.count * 2 > this.index.length) {
      const before = this.index
      this.index = new Int32Array(before.length * 2)
      for (const one of before) if (one > 0 && one - 1 !== id) this.place(one - 1)
    }
    this.place(id)
  }

  private place(id: number): void {
    const { index } = this
    const mask = index.length - 1
    let at = (this.a[id] as number) & mask
    while (index[at] !== 0) at = (at + 1) & mask
    index[at] = id + 1
  }

  /** Takes it out of the index; what stands behind it moves up, so that no gap hides it. */
  private erase(id: number): void {
    const { index } = this
    const mask = index.length - 1
    let gap = (this.a[id] as number) & mask
    while (index[gap] !== id + 1) gap = (gap + 1) & mask
    for (let at = (gap + 1) & mask; index[at] !== 0; at = (at + 1) & mask) {
      const home = (this.a[(index[at] as number) - 1] as number) & mask
      if (((at - home) & mask) < ((at - gap) & mask)) continue
      index[gap] = index[at] as number
      gap = at
    }
    index[gap] = 0
  }

  private grow(): void {
    const size = this.a.length * 2
    this.a = ints(this.a, size)
    this.b = ints(this.b, size)
    this.c = ints(this.c, size)
    this.refs = ints(this.refs, size)
    this.kind = bytes(this.kind, size)
    this.given = bytes(this.given, size)
    this.traits = bytes(this.traits, size)
    this.trials = bytes(this.trials, size)
    this.nativeAt = ints(this.nativeAt, size)
    this.first = ints(this.first, size)
    this.hint = ints(this.hint, size)
    this.groups = ints(this.groups, size)
    this.looked = ints(this.looked, size)
    this.completeMs = doubles(this.completeMs, size)
    this.floorMs = doubles(this.floorMs, size)
    this.sent = doubles(this.sent, size * sentTimes)
  }
}
