/**
 * One series out of all blocks that have it. Prometheus defines no winner where two blocks have another value for one time; what its own reader
 * takes is taken here: it stays with the block that it reads from, as long as no other one has an earlier sample, and on a tie goes over to the other.
 */

import type { NativeHistogram } from '../../translate/prometheus/model.ts'
import { type BlockSeries, type Reading, type Skips, skipReasons } from './block-series.ts'
import type { Samples } from './samples.ts'

/** A series that is being read. */
export class MergedSeries {
  /** Name, value, name, value, … by name. */
  readonly labels: readonly string[]
  /** What is decoded and not taken yet, ascending in time. */
  readonly pending: Samples
  readonly skips: Skips
  private readonly sources: readonly BlockSeries[]
  private readonly heap: BlockSeries[] = []
  private current: BlockSeries | undefined
  private hasBegun = false
  private lastMs = Number.NEGATIVE_INFINITY
  private lastHi = 0
  private lastLo = 0
  private lastNative: NativeHistogram | undefined
  private readonly reading: Pick<Reading, 'onFault' | 'pool'>
  private isAtEnd = false

  /** @param sources by the blocks' `minMs`; where that is equal the later ULID first */
  constructor(labels: readonly string[], sources: readonly BlockSeries[], skips: Skips, reading: Pick<Reading, 'onFault' | 'pool'>) {
    this.labels = labels
    this.sources = sources
    this.skips = skips
    this.reading = reading
    this.pending = reading.pool.take()
  }

  /** Decodes until so many samples are pending, or all are. Returns false when there are fewer. */
  fill(count: number): boolean {
    const [only] = this.sources
    while (this.pending.count < count) {
      if (this.isAtEnd) return false
      if (this.sources.length === 1 && only !== undefined ? this.takeChunk(only) : this.takeOne()) continue
      this.isAtEnd = true
    }
    return true
  }

  /** Nothing of it is looked at any more. */
  close(): void {
    this.reading.pool.give(this.pending)
    for (const source of this.sources) source.close()
  }

  /** Counts what was left out up to a time, by reason; it is counted once. @param into by place in `skipReasons` */
  takeSkips(upToMs: number, into: number[]): void {
    const { ms, reason } = this.skips
    let kept = 0
    for (let at = 0; at < ms.length; at++) {
      if ((ms[at] as number) <= upToMs) into[reason[at] as number] = (into[reason[at] as number] ?? 0) + 1
      else {
        ms[kept] = ms[at] as number
        reason[kept++] = reason[at] as number
      }
    }
    ms.length = reason.length = kept
  }

  private takeChunk(source: BlockSeries): boolean {
    if (!source.more()) return false
    const { current } = source
    // Chunks of a series follow one another; of two that touch the second begins at the time at which the first ended.
    if (source.ms <= this.lastMs) {
      this.leaveOut(source)
      return true
    }
    this.pending.append(current, source.at, current.count)
    const last = current.count - 1
    this.lastMs = current.ms[last] as number
    this.lastHi = current.hi[last] as number
    this.lastLo = current.lo[last] as number
    this.lastNative = current.natives[last]
    source.at = current.count
    return true
  }

  private takeOne(): boolean {
    if (!this.hasBegun) {
      this.hasBegun = true
      this.current = this.sources[0]
      for (const one of this.sources.slice(1)) if (one.more()) this.push(one)
    }
    const { heap } = this
    for (;;) {
      let { current } = this
      if (current === undefined) return false
      if (!current.more()) {
        current = this.pop()
        this.current = current
        if (current === undefined) return false
        if (current.ms !== this.lastMs) return this.emit(current)
        this.leaveOut(current)
        continue
      }
      if (current.ms === this.lastMs) {
        this.leaveOut(current)
        continue
      }
      const top = heap[0]
      if (top === undefined || current.ms < top.ms) return this.emit(current)
      this.push(current)
      current = this.pop() as BlockSeries
      this.current = current
      if (current.ms !== this.lastMs) return this.emit(current)
      this.leaveOut(current)
    }
  }

  private emit(source: BlockSeries): true {
    const { current, at } = source
    this.pending.append(current, at, at + 1)
    this.lastMs = current.ms[at] as number
    this.lastHi = current.hi[at] as number
    this.lastLo = current.lo[at] as number
    this.lastNative = current.natives[at]
    source.at = at + 1
    return true
  }

  /** The next sample of a block, of a time that was given already. */
  private leaveOut(source: BlockSeries): void {
    const { current, at } = source
    const ms = current.ms[at] as number
    source.at = at + 1
    const isSame =
      ms === this.lastMs &&
      current.hi[at] === this.lastHi &&
      current.lo[at] === this.lastLo &&
      sameHistogram(current.natives[at], this.lastNative)
    this.skips.add(ms, isSame ? 'duplicate_in_source' : 'conflict_in_source')
    if (isSame) return
    const where = this.describe()
    this.reading.onFault({
      reason: 'conflict_in_source',
      where,
      message: `${where} has two values for ${new Date(ms).toISOString()} in two blocks`,
    })
  }

  private describe(): string {
    const parts: string[] = []
    for (let at = 0; at < this.labels.length; at += 2) parts.push(`${this.labels[at]}=${JSON.stringify(this.labels[at + 1])}`)
    return `{${parts.join(', ')}}`
  }

  // A binary heap by time, sifted as Go's `container/heap` does: which of two equal ones is on top depends on it.

  private push(one: BlockSeries): void {
    const { heap } = this
    heap.push(one)
    let at = heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!(one.ms < (heap[parent] as BlockSeries).ms)) break
      heap[at] = heap[parent] as BlockSeries
      heap[parent] = one
      at = parent
    }
  }

  private pop(): BlockSeries | undefined {
    const { heap } = this
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return top
    heap[0] = last
    for (let at = 0; ; ) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = child + 1
      if (right < heap.length && (heap[right] as BlockSeries).ms < (heap[child] as BlockSeries).ms) child = right
      if (!((heap[child] as BlockSeries).ms < last.ms)) break
      heap[at] = heap[child] as BlockSeries
      heap[child] = last
      at = child
    }
    return top
  }
}

const counted = ['countHi', 'countLo', 'countFloat', 'zeroCountHi', 'zeroCountLo', 'zeroCountFloat', 'schema', 'zeroThreshold'] as const
const listed = [
  'positiveSpans',
  'negativeSpans',
  'positiveDeltas',
  'negativeDeltas',
  'positiveCounts',
  'negativeCounts',
  'customValues',
] as const

/** True for two floats, too. Sums are looked at elsewhere. */
function sameHistogram(left: NativeHistogram | undefined, right: NativeHistogram | undefined): boolean {
  if (left === undefined || right === undefined) return left === right
  if (left.hasFloats !== right.hasFloats) return false
  for (const name of counted) if (!Object.is(left[name], right[name])) return false
  for (const name of listed) {
    const [one, other] = [left[name], right[name]]
    if (one.length !== other.length) return false
    for (let at = 0; at < one.length; at++) if (!Object.is(one[at], other[at])) return false
  }
  return true
}

/** Names of counts as `takeSkips` gives them; those of 0 are left out. */
export function skipsByReason(counts: readonly number[]): Readonly<Record<string, number>> {
  const named: Record<string, number> = {}
  for (let at = 0; at < skipReasons.length; at++) {
    const count = counts[at] ?? 0
    if (count > 0) named[skipReasons[at] as string] = count
  }
  return named
}
