/** The queue's side of the books: what it holds, in total and per format and signal. */

import type { Signal } from '../../otlp/intake.ts'
import type { FormatBooks, Metrics } from '../../telemetry/metrics.ts'

export interface Held {
  readonly format: string
  readonly signal: Signal
  readonly items: number
  readonly bytes: number
}

export interface Accounts {
  /** A batch came in: `queued` goes up. */
  add(batch: Held): void
  /** Batches of an earlier or another run were found: `carried` and `queued` go up. */
  carry(found: Held, batches: number): void
  /** A batch is no longer held: `queued` goes down. */
  remove(batch: Held): void
  /** Batches whose bytes are gone: `queued` goes down; the caller says where they count instead. */
  lose(batch: Held, batches: number): void
  books(batch: Held): FormatBooks
  readonly batches: number
  readonly items: number
  readonly bytes: number
}

/** Creates the accounts of one queue; the cells of the books are looked up once per format and signal. */
export function createAccounts(metrics: Metrics): Accounts {
  const known = new Map<string, FormatBooks>()
  let batches = 0
  let items = 0
  let bytes = 0

  const books = (batch: Held): FormatBooks => {
    const key = `${batch.format}\n${batch.signal}`
    let found = known.get(key)
    if (found === undefined) known.set(key, (found = metrics.books(batch.format, batch.signal)))
    return found
  }

  return {
    add(batch) {
      batches++
      items += batch.items
      bytes += batch.bytes
      books(batch).queued.value += batch.items
    },
    carry(found, count) {
      batches += count
      items += found.items
      bytes += found.bytes
      const own = books(found)
      own.carried.value += found.items
      own.queued.value += found.items
    },
    remove(batch) {
      batches--
      items -= batch.items
      bytes -= batch.bytes
      books(batch).queued.value -= batch.items
    },
    lose(batch, count) {
      batches -= count
      items -= batch.items
      bytes -= batch.bytes
      books(batch).queued.value -= batch.items
    },
    books,
    get batches() {
      return batches
    },
    get items() {
      return items
    },
    get bytes() {
      return bytes
    },
  }
}

/** Keeps the gauges of a queue up to date: read before every scrape. */
export function exposeGauges(
  metrics: Metrics,
  stats: () => { batches: number; bytes: number; oldestMs: number | undefined; deadItems: number },
): void {
  const bytes = metrics.gauge('otlp_bridge_queue_bytes')
  const batches = metrics.gauge('otlp_bridge_queue_batches')
  const oldest = metrics.gauge('otlp_bridge_queue_oldest_age_seconds')
  const dead = metrics.gauge('otlp_bridge_queue_dead_items')
  metrics.onCollect(() => {
    const now = stats()
    bytes.value = now.bytes
    batches.value = now.batches
    oldest.value = (now.oldestMs ?? 0) / 1000
    dead.value = now.deadItems
  })
}
