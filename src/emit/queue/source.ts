/** One run's rows as the main thread reads them: a window of them in memory, the rest counted and paged in by id. */

import type { Held } from './accounts.ts'
import type { Row } from './protocol.ts'
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
  /** Number the worker knows it by. */
  readonly number: number
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

/** Creates an empty source. */
export function createSource(number: number): Source {
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
    number,
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
        const entry: Entry = { ...row, data: undefined, stored: true, forwarded: undefined }
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

/** When the oldest waiting batch of these sources was queued; for what is not paged in yet, `foundAtMs`. Infinity when there is none. */
export function oldestQueuedAt(sources: readonly Source[], foundAtMs: number): number {
  let oldest = Number.POSITIVE_INFINITY
  for (const { number, waiting, more } of sources) {
    oldest = Math.min(oldest, waiting.oldest()?.queuedAtMs ?? Number.POSITIVE_INFINITY)
    if (number !== 0 && waiting.size === 0 && more) oldest = Math.min(oldest, foundAtMs)
  }
  return oldest
}
