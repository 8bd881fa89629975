/** One series in one block: its chunks decoded one after the other, without what was deleted. */

import type { Block } from './block.ts'
import { isDamage } from './faults.ts'
import type { SeriesEntry } from './index-file.ts'
import type { Samples, SamplesPool } from './samples.ts'
import { isDeleted } from './tombstones.ts'

/**
 * Why a stored sample is not among those that are given. The last three: one for all that were in a chunk or series, their number is not known.
 * `outside_of_block`: later or earlier than `meta.json` says that the block is.
 */
export const skipReasons = [
  'tombstone',
  'duplicate_in_source',
  'conflict_in_source',
  'corrupt_chunk',
  'corrupt_series',
  'outside_of_block',
] as const
export type SkipReason = (typeof skipReasons)[number]

/** What was left out of a series, in the order in which it was met. */
export class Skips {
  readonly ms: number[] = []
  /** Place in {@link skipReasons}. */
  readonly reason: number[] = []

  add(ms: number, reason: SkipReason): void {
    this.ms.push(ms)
    this.reason.push(skipReasons.indexOf(reason))
  }
}

/** Something that somebody should see. */
export interface TsdbFault {
  readonly reason: SkipReason
  /** `01M7…/chunks/000001:8`, or the series. */
  readonly where: string
  readonly message: string
}

export interface Reading {
  /** Samples before are left out; unless `before` is asked for, which gives those of one chunk earlier, too. */
  readonly fromMs: number
  readonly toMs: number
  readonly before: boolean
  readonly pool: SamplesPool
  readonly onFault: (fault: TsdbFault) => void
}

const iso = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`)

/** The samples of a block's series in a range. `current` holds what is decoded; `at` is the next of it. */
export class BlockSeries {
  readonly current: Samples
  at = 0
  private readonly block: Block
  private readonly intervals: readonly number[]
  private readonly chunks: readonly { readonly file: number; readonly offset: number; readonly minMs: number; readonly maxMs: number }[]
  private nextChunk = 0
  private readonly reading: Reading
  private readonly skips: Skips

  /** Keeps nothing of the entry. */
  constructor(block: Block, reference: number, entry: SeriesEntry, reading: Reading, skips: Skips) {
    this.current = reading.pool.take()
    this.block = block
    this.intervals = block.tombstones.get(reference) ?? []
    this.reading = reading
    this.skips = skips
    const chunks = []
    let earlier = -1
    for (let at = 0; at < entry.chunkCount; at++) {
      if ((entry.maxMs[at] as number) < reading.fromMs) earlier = at
      else if ((entry.minMs[at] as number) >= reading.toMs) break
      else chunks.push(chunkOf(entry, at))
    }
    if (reading.before && earlier >= 0) chunks.unshift(chunkOf(entry, earlier))
    this.chunks = chunks
  }

  /** True when `current` has a sample at `at`; decodes the next chunk for that where it must. */
  more(): boolean {
    while (this.at >= this.current.count) {
      if (this.nextChunk >= this.chunks.length) return false
      this.decode()
    }
    return true
  }

  /** Nothing of it is looked at any more. */
  close(): void {
    this.reading.pool.give(this.current)
  }

  /** Time of the next sample, which there is. */
  get ms(): number {
    return this.current.ms[this.at] as number
  }

  private decode(): void {
    const { block, current, reading } = this
    const chunk = this.chunks[this.nextChunk++]
    this.at = 0
    current.clear()
    if (chunk === undefined) return
    const { file, offset, minMs, maxMs } = chunk
    try {
      block.chunks.read(file, offset, minMs, maxMs, current)
    } catch (error) {
      current.clear()
      if (!isDamage(error)) throw error
      this.skips.add(Math.max(minMs, Math.min(reading.fromMs, maxMs)), 'corrupt_chunk')
      const where = `${block.meta.ulid}/chunks/${String(file + 1).padStart(6, '0')}:${offset}`
      reading.onFault({
        reason: 'corrupt_chunk',
        where,
        message: `${error.message}; its samples from ${iso(minMs)} to ${iso(maxMs)} are lost`,
      })
      return
    }
    const isWhole = minMs >= reading.fromMs && maxMs < reading.toMs
    if (!isWhole || this.intervals.length > 0) this.clip()
  }

  /** Leaves out what is not in the range, and what was deleted. */
  private clip(): void {
    const { current, intervals, skips } = this
    const { fromMs, toMs, before } = this.reading
    let kept = 0
    for (let at = 0; at < current.count; at++) {
      const ms = current.ms[at] as number
      if (ms >= toMs) break
      if (ms < fromMs && !before) continue
      if (intervals.length > 0 && isDeleted(intervals, ms)) {
        skips.add(ms, 'tombstone')
        continue
      }
      current.move(at, kept++)
    }
    current.cut(kept)
  }
}

const chunkOf = (entry: SeriesEntry, at: number) => ({
  file: entry.file[at] as number,
  offset: entry.offset[at] as number,
  minMs: entry.minMs[at] as number,
  maxMs: entry.maxMs[at] as number,
})
