/** Rows of one destination as the main thread reads them: a window of them in memory, the rest counted and paged in by id. */

import type { Held } from './accounts.ts'
import type { OwnerMark, Row } from './protocol.ts'
import type { WaitingTotals } from './queue.ts'
import { createWaiting, type Entry, type Waiting } from './waiting.ts'

/** At most so many rows of a source are indexed in memory: some 150 bytes each. */
export const windowRows = 16_384

export interface Unindexed {
  readonly format: string
  readonly signal: Held['signal']
  batches: number
  items: number
  bytes: number
}

export interface Source {
  /** Whose rows these are; undefined: what this run has put. */
  readonly owners: readonly OwnerMark[] | undefined
  /** When the oldest of them was queued, as far as it was not paged in. */
  readonly oldestAtMs: number
  readonly waiting: Waiting
  /** True while there may be rows on disk above `cursor` that are not in the window. */
  more: boolean
  cursor: number
  /** A page under way. */
  paging: Promise<void> | undefined
  /** What is on disk but not in the window. */
  readonly totals: WaitingTotals
  /** A stored batch that the window has no room for. */
  leaveOnDisk(batch: Held, batches?: number): void
  /** Rows that were paged in, in order; `last`: there are no more. Returns what should have been there and was not. */
  arrived(rows: readonly Row[], last: boolean): Unindexed[]
}

/**
 * Creates an empty source.
 * @param oldestAtMs of rows that are found in the store: when the oldest was queued
 */
export function createSource(owners?: readonly OwnerMark[], oldestAtMs = Number.POSITIVE_INFINITY): Source {
  const unindexed = new Map<string, Unindexed>()
  let items = 0
  let bytes = 0

  const count = (batch: Held, batches: number, sign: 1 | -1): void => {
    const key = `${batch.format}\n${batch.signal}`
    let line = unindexed.get(key)
    if (line === undefined) unindexed.set(key, (line = { format: batch.format, signal: batch.signal, batches: 0, items: 0, bytes: 0 }))
    line.batches += sign * batches
    line.items += sign * batch.items
    line.bytes += sign * batch.bytes
    items += sign * batch.items
    bytes += sign * batch.bytes
  }

  const source: Source = {
    owners,
    oldestAtMs,
    waiting: createWaiting(),
    more: false,
    cursor: 0,
    paging: undefined,
    totals: {
      get items() {
        return items
      },
      get bytes() {
        return bytes
      },
    },
    leaveOnDisk(batch, batches = 1) {
      source.more = true
      count(batch, batches, 1)
    },
    arrived(rows, last) {
      for (const row of rows) {
        // Out of a damaged page ids may come twice; what is left out here is missing in the end, and counted.
        if (row.id <= source.cursor) continue
        const entry: Entry = { ...row, data: undefined, holders: undefined, stored: true, forwarded: undefined }
        source.waiting.add(entry)
        source.cursor = row.id
        count(row, 1, -1)
      }
      if (!last) return []
      source.more = false
      const missing = [...unindexed.values()].filter((line) => line.batches !== 0)
      unindexed.clear()
      items = 0
      bytes = 0
      return missing
    },
  }
  return source
}

/** When the oldest waiting batch of these sources was queued, in milliseconds. Infinity when there is none. */
export function oldestQueuedAt(sources: readonly Source[]): number {
  let oldest = Number.POSITIVE_INFINITY
  for (const { oldestAtMs, waiting, more } of sources) {
    oldest = Math.min(oldest, waiting.oldest()?.queuedAtMs ?? Number.POSITIVE_INFINITY)
    if (waiting.size === 0 && more) oldest = Math.min(oldest, oldestAtMs)
  }
  return oldest
}
