/** One destination's place in a disk queue, main thread's side: what waits in memory and on disk, what is under way. */

import { BridgeError } from '../../errors.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import { type Accounts, createAccounts, createDealOut, type Held } from './accounts.ts'
import { createDoorbell } from './doorbell.ts'
import { arrived, giveUp } from './forwarding.ts'
import { letGo, type Recycle, type TakeMemory } from './holders.ts'
import type { Outcomes } from './outcomes.ts'
import type { Fault, FoundSource } from './protocol.ts'
import type { OpenLane } from './put.ts'
import type { Lane, LaneOptions, QueuedBatch, TakeLimits } from './queue.ts'
import { createReader } from './reader.ts'
import type { PendingPut, StoredLane } from './round.ts'
import { createSource, oldestQueuedAt, type Source, windowRows } from './source.ts'
import { createTail } from './tail.ts'
import { asQueued, createWaiting, type Entry } from './waiting.ts'
import type { WorkerLink } from './worker-link.ts'
import type { Writer } from './writer.ts'

export interface DiskLaneOptions {
  readonly lane: LaneOptions
  readonly maxSize: number
  /** Bytes kept in memory. */
  readonly memoryTail: number
}

export interface DiskLaneDeps {
  readonly link: WorkerLink
  readonly writer: Writer
  readonly metrics: Metrics
  readonly outcomes: Outcomes | undefined
  readonly log: Logger
  readonly nowMs: () => number
  readonly recycle: Recycle | undefined
  readonly takeMemory: TakeMemory | undefined
  readonly onFault: (fault: Fault) => void
  /** What a reader is told during a fault. */
  readonly broken: () => Error
  /** Rows up to this id are about to be sent. */
  readonly raiseMark: (destination: string, id: number) => void
  readonly isFull: (lane: Pick<DiskLane, 'accounts' | 'staged' | 'forwardedBytes' | 'maxSize'>, bytes: number) => boolean
}

export interface DiskLane extends Lane, StoredLane, OpenLane {
  readonly destination: string
  /** They may change while it runs. */
  options: LaneOptions
  readonly accounts: Accounts
  /** Bytes that are never on disk (`ack: forwarded`). */
  readonly forwardedBytes: number
  /** A batch that is never on disk. */
  forward(entry: Entry): void
  /** Rows of another run that are for this destination. */
  found(source: FoundSource): void
  /**
   * The store is a new one. Returns what is in memory and has to be stored again; what is in neither is lost and counted.
   * @param saved ids of the batches that are in it
   */
  reconcile(saved: ReadonlySet<number>): PendingPut[]
  /** Dead letters of this destination, as the store counts them. */
  setDeadItems(items: number): void
  ring(): void
  /** Ends those who wait for the endpoint's word. */
  endForwarded(error: Error): void
  /** The lane goes, its rows stay in the store: they leave the books. Returns the items. */
  leave(): number
}

/** Creates an empty lane. */
export function createDiskLane(options: DiskLaneOptions, deps: DiskLaneDeps): DiskLane {
  const { destination } = options.lane
  const { link, writer, metrics, log, recycle, outcomes } = deps
  const accounts = createAccounts(options.lane, { metrics, outcomes })
  const own = createSource()
  const sources: Source[] = [own]
  const forwarded = createWaiting()
  const underWay = new Map<number, Entry>()
  const tail = createTail(options.memoryTail, recycle)
  const damagedBatches = metrics.counter('otlp_bridge_queue_damaged_batches_total')
  /** In memory only, until they are stored in the new file: their data must not be dropped. */
  const repairing = new Set<Entry>()
  let deadItems = 0

  const totals = () => {
    let items = forwarded.items
    let bytes = forwarded.bytes
    for (const source of sources) {
      items += source.waiting.items + source.totals.items
      bytes += source.waiting.bytes + source.totals.bytes
    }
    return { items, bytes }
  }
  const anyWaiting = (): boolean => forwarded.size > 0 || sources.some((source) => source.waiting.size > 0 || source.more)
  const bell = createDoorbell(totals, anyWaiting)

  const lose = (batch: Held & { batches?: number }): void => {
    accounts.lose(batch, batch.batches ?? 1)
    accounts.lost(batch, 'dropped', 'damaged', batch.batches)
    damagedBatches.value += batch.batches ?? 1
  }

  const reader = createReader({
    destination,
    link,
    sources,
    own,
    forwarded,
    tail,
    onFault: deps.onFault,
    broken: deps.broken,
    takeMemory: deps.takeMemory,
    onMissing(missing) {
      if (missing.batches > 0) lose(missing)
      else accounts.carry({ ...missing, items: -missing.items, bytes: -missing.bytes }, -missing.batches)
    },
    onDamaged(entry) {
      underWay.delete(entry.id)
      lose(entry)
      log.error({ destination, id: entry.id, items: entry.items }, 'a batch in the queue is damaged and was set aside')
    },
  })

  const take = async (limits: TakeLimits): Promise<readonly QueuedBatch[]> => {
    for (;;) {
      const waiting = await reader.oldestLine()
      const taken = waiting.take(limits)
      if (taken.length === 0) return []
      for (const entry of taken) underWay.set(entry.id, entry)
      try {
        await reader.load(taken)
      } catch (error) {
        giveBack(taken)
        throw error
      }
      const good = taken.filter((entry) => entry.data !== undefined)
      if (good.length === 0) continue
      const highest = good[good.length - 1] as Entry
      if (highest.stored) deps.raiseMark(destination, highest.id)
      return good.map(asQueued)
    }
  }

  /** Entries that are under way, out of the batches handed back; each is under way once only. */
  const landed = (batches: readonly { readonly id: number }[]): Entry[] => {
    const entries: Entry[] = []
    for (const { id } of batches) {
      const entry = underWay.get(id)
      if (entry === undefined) continue
      underWay.delete(id)
      entries.push(entry)
    }
    return entries
  }

  const giveBack = (batches: readonly { readonly id: number }[], maybeSent = false): void => {
    for (const entry of landed(batches)) {
      if (maybeSent) entry.maybeSent = true
      if (!entry.stored) forwarded.add(entry)
      else {
        if (tail.isOver() && !repairing.has(entry)) tail.drop(entry, false)
        own.waiting.add(entry)
      }
    }
    bell.ring()
  }

  const gone = (entry: Entry, memoryIsFree: boolean): void => {
    accounts.remove(entry)
    tail.drop(entry, memoryIsFree)
  }

  const oldestMs = (): number | undefined => {
    let oldest = Math.min(oldestQueuedAt(sources), forwarded.oldest()?.queuedAtMs ?? Number.POSITIVE_INFINITY)
    for (const entry of underWay.values()) oldest = Math.min(oldest, entry.queuedAtMs)
    return Number.isFinite(oldest) ? Math.max(0, deps.nowMs() - oldest) : undefined
  }

  const again = (entry: Entry, data: Uint8Array): PendingPut => {
    repairing.add(entry)
    const values = [{ data, places: [{ lane, entry }] }]
    return { values, keep: undefined, bytes: entry.bytes, undo: undefined, waiter: undefined }
  }

  const lane: DiskLane = {
    destination,
    options: options.lane,
    accounts,
    get maxSize() {
      return lane.options.maxSize ?? options.maxSize
    },
    staged: 0,
    isFull: (bytes) => deps.isFull(lane, bytes),
    get forwardedBytes() {
      return forwarded.bytes
    },
    take,
    settle(batches, memoryIsFree = false, rejected = 0, how = '') {
      let stored = false
      let rest = rejected
      for (const entry of landed(batches)) {
        gone(entry, memoryIsFree)
        arrived(accounts, entry, Math.min(rest, entry.items), how)
        rest -= Math.min(rest, entry.items)
        if (!entry.stored) continue
        writer.remove(entry)
        stored = true
      }
      return stored ? writer.removed() : Promise.resolve()
    },
    release: giveBack,
    bury(batches, reason, message) {
      const ids: number[] = []
      for (const entry of landed(batches)) {
        gone(entry, false)
        if (entry.stored) {
          ids.push(entry.id)
          accounts.lost(entry, 'dead', reason)
          deadItems += entry.items
        } else giveUp(accounts, entry, reason, new BridgeError('OB_SEND_PERMANENT', `cannot forward data: ${message}`))
      }
      if (ids.length === 0) return Promise.resolve()
      writer.bury({ ids, reason, message, diedAtMs: deps.nowMs() })
      return writer.removed()
    },
    unload(batches, memoryIsFree) {
      for (const { id } of batches) {
        const entry = underWay.get(id)
        if (entry?.stored === true && entry.data !== undefined && !repairing.has(entry)) tail.drop(entry, memoryIsFree)
      }
    },
    async load(batches) {
      const wanted = batches.map(({ id }) => underWay.get(id)).filter((entry) => entry !== undefined)
      await reader.load(wanted)
      return wanted.length === batches.length && wanted.every(({ data }) => data !== undefined)
    },
    settleBut(batches, dead) {
      const entries = landed(batches)
      const rejected = dead.reduce((sum, { items }) => sum + items, 0)
      const ids: number[] = []
      const lossOf = createDealOut(dead)
      let rest = rejected
      for (const entry of entries) {
        gone(entry, false)
        if (entry.stored) {
          ids.push(entry.id)
          accounts.deliveredBut(entry, lossOf(entry.items))
        } else {
          arrived(accounts, entry, Math.min(rest, entry.items), dead[0]?.reason ?? '')
          rest -= Math.min(rest, entry.items)
        }
      }
      if (ids.length === 0) return Promise.resolve()
      deadItems += rejected
      writer.bury({ ids, reason: '', message: '', diedAtMs: deps.nowMs(), parts: dead })
      return writer.removed()
    },
    ready: (atLeast) => bell.ready(atLeast),
    waiting: totals,
    stats: () => ({
      batches: accounts.batches,
      items: accounts.items,
      bytes: accounts.bytes,
      maxBytes: lane.maxSize,
      oldestMs: oldestMs(),
      deadItems,
    }),
    stored(entry, isAgain) {
      if (isAgain) return void repairing.delete(entry)
      if (own.more || own.waiting.size >= windowRows) {
        letGo(entry, true, recycle)
        own.leaveOnDisk(entry)
        return
      }
      // A part that was staged is on disk only.
      if (entry.data !== undefined) tail.keep(entry)
      own.cursor = entry.id
      own.waiting.add(entry)
    },
    withdrawn: (entry) => accounts.withdraw(entry),
    dropped(entry, reason) {
      accounts.remove(entry)
      accounts.lost(entry, 'dropped', reason)
    },
    forward(entry) {
      forwarded.add(entry)
      bell.ring()
    },
    found({ owners, sums, oldestAtMs }) {
      const source = createSource(owners, oldestAtMs)
      let items = 0
      for (const sum of sums) {
        accounts.carry(sum, sum.batches)
        source.leaveOnDisk(sum, sum.batches)
        items += sum.items
      }
      sources.push(source)
      log.info({ destination, items }, 'found batches of an earlier or ended process in the queue')
      bell.ring()
    },
    reconcile(saved) {
      const puts: PendingPut[] = []
      for (const entry of underWay.values()) {
        if (entry.stored && !saved.has(entry.id) && entry.data !== undefined) puts.push(again(entry, entry.data))
      }
      for (const source of sources) {
        for (const entry of source.waiting.removeAll()) {
          if (saved.has(entry.id) || entry.data !== undefined) source.waiting.add(entry)
          else lose(entry)
          if (!saved.has(entry.id) && entry.data !== undefined) puts.push(again(entry, entry.data))
        }
      }
      return puts
    },
    setDeadItems(items) {
      deadItems = items
    },
    ring: () => bell.ring(),
    endForwarded(error) {
      for (const entry of [...forwarded.removeAll(), ...[...underWay.values()].filter((one) => !one.stored)]) {
        accounts.remove(entry)
        giveUp(accounts, entry, 'shutdown', error)
      }
    },
    leave: () => accounts.leave(),
  }
  return lane
}
