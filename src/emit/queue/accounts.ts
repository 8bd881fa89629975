/** One lane's side of the books: what it holds, in total and per format and signal, and what became of what left it. */

import type { Cell, DestinationBooks, MetricName, Metrics } from '../../telemetry/metrics.ts'
import type { Cargo, LeftBatch, Outcomes } from './outcomes.ts'
import type { DeadPart, Lane, LaneOptions, LaneStats } from './queue.ts'

export interface Held {
  readonly format: string
  readonly signal: Cargo
  readonly items: number
  readonly bytes: number
}

/** What leaves a lane. */
export type Leaving = Held & LeftBatch

export interface Accounts {
  /** True for the lane of a mirror: it has books of its own, in items, requests and bytes. */
  readonly isMirror: boolean
  /** A batch came in: `queued` goes up. */
  add(batch: Held): void
  /** A batch that came in is not taken in the end. */
  withdraw(batch: Held): void
  /** Batches of an earlier or another run were found: `carried` and `queued` go up. */
  carry(found: Held, batches: number): void
  /** A batch that was no longer held is again: `queued` goes up. */
  hold(batch: Held): void
  /** A batch is no longer held: `queued` goes down. */
  remove(batch: Held): void
  /** Batches whose bytes are gone: `queued` goes down; the caller says where they count instead. */
  lose(batch: Held, batches: number): void
  /** What is held stays in the store and leaves these books. Returns its items. */
  leave(): number
  /** A batch came in and is not taken: counts it as dropped, or takes that back. Nobody is told. */
  turnAway(batch: Held, reason: string, sign: 1 | -1): void
  /** A batch came in and is somebody else's from now on. */
  handOn(batch: Held): void
  /** A batch went to the dead letters or is lost: counts it, and tells. @param batches that it stands for */
  lost(batch: Leaving, outcome: 'dead' | 'dropped', reason: string, batches?: number): void
  /** The other side has a batch, but for so many items of it: counts it for a mirror (a destination does so itself), and tells. */
  delivered(batch: Leaving, rejected: number, how: string): void
  /** The other side has a batch, but for what went to the dead letters of it: counts both, and tells of both. */
  deliveredBut(batch: Leaving, dead: readonly { readonly items: number; readonly reason: string }[]): void
  /** As `lost` and `delivered`, without telling: somebody will. */
  countDelivered(batch: Held, rejected: number, how: string): void
  countLost(batch: Held, outcome: 'dead' | 'dropped', reason: string, batches?: number): void
  tell(batch: LeftBatch, outcome: 'delivered' | 'dead' | 'dropped', reason: string, rejected: number): void
  books(batch: Pick<Held, 'format' | 'signal'>): DestinationBooks
  readonly batches: number
  readonly items: number
  readonly bytes: number
}

export interface AccountsDeps {
  readonly metrics: Metrics
  readonly outcomes?: Outcomes | undefined
}

const mirrorCounters = ['otlp_bridge_mirror_requests_total', 'otlp_bridge_mirror_bytes_total'] as const satisfies MetricName[]

/** Counts requests and bytes of a mirror beside the items, which are in its books. */
export function countMirrored(metrics: Metrics, destination: string, batch: Held, outcome: string, reason: string, batches: number): void {
  const labels = { format: batch.format, destination, outcome, reason }
  for (const name of mirrorCounters)
    metrics.counter(name, labels).value += name === mirrorCounters[0] ? batches : Math.sign(batches) * batch.bytes
}

/** Creates the accounts of one lane; the cells of the books are looked up once per format and signal. */
export function createAccounts({ destination, mirror: isMirror = false }: LaneOptions, { metrics, outcomes }: AccountsDeps): Accounts {
  const known = new Map<string, DestinationBooks>()
  /** Requests and bytes of a mirror, looked up once: there are few. */
  const counted = new Map<string, readonly [Cell, Cell]>()
  let batches = 0
  let items = 0
  let bytes = 0

  let last: DestinationBooks | undefined
  let lastFormat = ''
  let lastSignal: Cargo = 'legacy'

  const books = ({ format, signal }: Pick<Held, 'format' | 'signal'>): DestinationBooks => {
    // Mostly it is the same as before.
    if (last !== undefined && format === lastFormat && signal === lastSignal) return last
    lastFormat = format
    lastSignal = signal
    last = look(format, signal)
    return last
  }

  const look = (format: string, signal: Cargo): DestinationBooks => {
    const key = isMirror ? format : `${format}\n${signal}`
    let found = known.get(key)
    if (found === undefined) known.set(key, (found = metrics.books(format, isMirror ? 'legacy' : signal).at(destination)))
    return found
  }

  const hold = (batch: Held, count: 1 | -1): void => {
    batches += count
    items += count * batch.items
    bytes += count * batch.bytes
    const own = books(batch)
    own.queued.value += count * batch.items
  }

  const beside = (batch: Held, outcome: string, reason: string, count: number): void => {
    if (!isMirror) return
    const key = `${batch.format}\n${outcome}\n${reason}`
    let cells = counted.get(key)
    if (cells === undefined) {
      const labels = { format: batch.format, destination, outcome, reason }
      cells = [metrics.counter(mirrorCounters[0], labels), metrics.counter(mirrorCounters[1], labels)]
      counted.set(key, cells)
    }
    cells[0].value += count
    cells[1].value += Math.sign(count) * batch.bytes
  }

  const receive = (batch: Held, count: 1 | -1): void => {
    const { received } = books(batch)
    if (received === undefined) return
    received.value += count * batch.items
    beside(batch, 'received', '', count)
  }

  const tell: Accounts['tell'] = (batch, outcome, reason, rejected) => outcomes?.left(destination, batch, outcome, reason, rejected)

  const countLost: Accounts['countLost'] = (batch, outcome, reason, count = 1) => {
    books(batch)[outcome](reason).value += batch.items
    beside(batch, outcome === 'dead' ? 'dead' : 'shed', reason, count)
  }

  const countDelivered: Accounts['countDelivered'] = (batch, rejected, how) => {
    if (!isMirror) return
    const own = books(batch)
    if (rejected > 0) own.dropped(how === '' ? 'rejected' : how).value += rejected
    const outcome = how === 'sent' ? 'sent' : 'delivered'
    const reason = how === 'sent' || rejected > 0 ? '' : how
    const delivered = outcome === 'delivered' && reason === '' ? own.delivered : mirrorCell(batch, outcome, reason)
    delivered.value += batch.items - rejected
    beside(batch, outcome, reason, 1)
  }

  const mirrorCell = ({ format }: Held, outcome: string, reason: string) =>
    metrics.counter('otlp_bridge_mirror_items_total', { format, destination, outcome, reason })

  return {
    isMirror,
    add(batch) {
      hold(batch, 1)
      receive(batch, 1)
    },
    withdraw(batch) {
      hold(batch, -1)
      receive(batch, -1)
    },
    carry(found, count) {
      batches += count
      items += found.items
      bytes += found.bytes
      const own = books(found)
      own.carried.value += found.items
      own.queued.value += found.items
    },
    hold: (batch) => hold(batch, 1),
    remove: (batch) => hold(batch, -1),
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
    turnAway(batch, reason, sign) {
      receive(batch, sign)
      books(batch).dropped(reason).value += sign * batch.items
      beside(batch, 'shed', reason, sign)
    },
    handOn(batch) {
      receive(batch, 1)
      books(batch).elsewhere.value += batch.items
    },
    lost(batch, outcome, reason, count) {
      countLost(batch, outcome, reason, count)
      tell(batch, outcome, reason, 0)
    },
    delivered(batch, rejected, how) {
      countDelivered(batch, rejected, how)
      tell(batch, 'delivered', how, rejected)
    },
    deliveredBut(batch, dead) {
      let items = batch.items
      for (const part of dead) {
        const own = { ...batch, items: part.items }
        items -= part.items
        // The request itself is among the delivered.
        countLost(own, 'dead', part.reason, 0)
        tell(own, 'dead', part.reason, 0)
      }
      const rest = { ...batch, items }
      countDelivered(rest, 0, '')
      tell(rest, 'delivered', '', 0)
    },
    countDelivered,
    countLost,
    tell,
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

/** Deals dead items out to the batches that they are of: from the first on, to each as many as it has. Gives what each batch lost. */
export function createDealOut(dead: readonly DeadPart[]): (items: number) => { readonly items: number; readonly reason: string }[] {
  const left = dead.map(({ items, reason }) => ({ items, reason }))
  return (items) => {
    const dealt: { items: number; reason: string }[] = []
    let room = items
    for (const part of left) {
      const some = Math.min(room, part.items)
      if (some === 0) continue
      part.items -= some
      room -= some
      dealt.push({ items: some, reason: part.reason })
    }
    return dealt
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

type Stated = Pick<Lane, 'destination' | 'stats'> & { readonly accounts: Pick<Accounts, 'isMirror'> }

/** Keeps the gauges of a queue's lanes up to date: read before every scrape. Those of a lane that is gone go to 0. */
export function exposeGauges(metrics: Metrics, lanes: () => readonly Stated[]): void {
  const destinations = new Map<string, boolean>()
  metrics.onCollect(() => {
    const present = lanes()
    for (const { destination, accounts } of present) destinations.set(destination, accounts.isMirror)
    for (const [destination, isMirror] of destinations) {
      const now = present.find((lane) => lane.destination === destination)?.stats()
      const gauge = (what: 'bytes' | 'batches' | 'oldest_age_seconds' | 'dead_items', value: number | undefined): void => {
        metrics.gauge(`otlp_bridge_${isMirror ? 'mirror_' : ''}queue_${what}`, { destination }).value = value ?? 0
      }
      gauge('bytes', now?.bytes)
      gauge('batches', now?.batches)
      gauge('oldest_age_seconds', (now?.oldestMs ?? 0) / 1000)
      gauge('dead_items', now?.deadItems)
    }
  })
}
