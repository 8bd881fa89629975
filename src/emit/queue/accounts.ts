/** One lane's side of the books: what it holds, in total and per format and signal. */

import type { Signal } from '../../otlp/intake.ts'
import type { DestinationBooks, Metrics } from '../../telemetry/metrics.ts'
import type { Lane, LaneStats } from './queue.ts'

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
  /** What is held stays in the store and leaves these books. Returns its items. */
  leave(): number
  books(batch: Pick<Held, 'format' | 'signal'>): DestinationBooks
  readonly batches: number
  readonly items: number
  readonly bytes: number
}

/** Creates the accounts of one lane; the cells of the books are looked up once per format and signal. */
export function createAccounts(metrics: Metrics, destination: string): Accounts {
  const known = new Map<string, DestinationBooks>()
  let batches = 0
  let items = 0
  let bytes = 0

  const books = ({ format, signal }: Pick<Held, 'format' | 'signal'>): DestinationBooks => {
    const key = `${format}\n${signal}`
    let found = known.get(key)
    if (found === undefined) known.set(key, (found = metrics.books(format, signal).at(destination)))
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
    leave() {
      const left = items
      for (const one of known.values()) {
        one.elsewhere.value += one.queued.value
        one.queued.value = 0
      }
      batches = 0
      items = 0
      bytes = 0
      return left
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

/** Sums over a queue's lanes, the oldest of all. */
export function totalsOf(lanes: readonly Pick<Lane, 'stats'>[]): LaneStats {
  const all = lanes.map((lane) => lane.stats())
  const sum = (what: 'batches' | 'items' | 'bytes' | 'maxBytes' | 'deadItems'): number => all.reduce((total, one) => total + one[what], 0)
  const oldest = all.flatMap(({ oldestMs }) => (oldestMs === undefined ? [] : [oldestMs]))
  return {
    batches: sum('batches'),
    items: sum('items'),
    bytes: sum('bytes'),
    maxBytes: sum('maxBytes'),
    oldestMs: oldest.length === 0 ? undefined : Math.max(...oldest),
    deadItems: sum('deadItems'),
  }
}

/** Keeps the gauges of a queue's lanes up to date: read before every scrape. Those of a lane that is gone go to 0. */
export function exposeGauges(metrics: Metrics, lanes: () => readonly Pick<Lane, 'destination' | 'stats'>[]): void {
  const destinations = new Set<string>()
  metrics.onCollect(() => {
    const present = lanes()
    for (const { destination } of present) destinations.add(destination)
    for (const destination of destinations) {
      const now = present.find((lane) => lane.destination === destination)?.stats()
      const gauge = (name: Parameters<Metrics['gauge']>[0], value: number | undefined): void => {
        metrics.gauge(name, { destination }).value = value ?? 0
      }
      gauge('otlp_bridge_queue_bytes', now?.bytes)
      gauge('otlp_bridge_queue_batches', now?.batches)
      gauge('otlp_bridge_queue_oldest_age_seconds', (now?.oldestMs ?? 0) / 1000)
      gauge('otlp_bridge_queue_dead_items', now?.deadItems)
    }
  })
}
