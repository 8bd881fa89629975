/** The queue that lives in memory alone: nothing survives the process, and there are no dead letters to look at later. */

import { BridgeError } from '../../errors.ts'
import { type Accounts, createAccounts, exposeGauges, totalsOf } from './accounts.ts'
import { createDoorbell } from './doorbell.ts'
import { arrived, giveUp } from './forwarding.ts'
import { letGo } from './holders.ts'
import {
  type AdmittedBatch,
  deal,
  destinationNames,
  forwardDeal,
  fullAtTheDoor,
  fullLane,
  type OpenLane,
  reserveIn,
  stoppingError,
} from './put.ts'
import type { Lane, LaneOptions, Queue, QueueDeps, QueuedBatch, RoutedBatch } from './queue.ts'
import { createStagings } from './staging.ts'
import { asQueued, createWaiting, type Entry } from './waiting.ts'

export interface MemoryQueueOptions {
  /** Destinations, in their order; at least one. */
  readonly lanes: readonly LaneOptions[]
  /** Bytes each of them may hold; what several hold is in memory once. */
  readonly maxSize: number
  readonly ack: 'memory' | 'forwarded'
}

interface MemoryLane extends Lane, OpenLane {
  options: LaneOptions
  readonly accounts: Accounts
  add(entry: Entry): void
  /** What is left counts as dropped; senders that wait are told. */
  end(reason: 'shutdown' | 'destination_removed'): void
}

type LaneDeps = Pick<QueueDeps, 'metrics' | 'nowMs' | 'recycle' | 'outcomes'>

function createLane(options: LaneOptions, maxSize: number, { metrics, nowMs, recycle, outcomes }: LaneDeps): MemoryLane {
  const { destination } = options
  const waiting = createWaiting()
  const underWay = new Map<number, Entry>()
  const accounts = createAccounts(options, { metrics, outcomes })
  const bell = createDoorbell(
    () => waiting,
    () => waiting.size > 0,
  )

  const takeAway = (batches: readonly QueuedBatch[], memoryIsFree: boolean): Entry[] => {
    const gone: Entry[] = []
    for (const { id } of batches) {
      const entry = underWay.get(id)
      if (entry === undefined) continue
      underWay.delete(id)
      accounts.remove(entry)
      letGo(entry, memoryIsFree, recycle)
      gone.push(entry)
    }
    return gone
  }

  const oldestMs = (): number | undefined => {
    let oldest = waiting.oldest()?.queuedAtMs
    for (const entry of underWay.values()) if (oldest === undefined || entry.queuedAtMs < oldest) oldest = entry.queuedAtMs
    return oldest === undefined ? undefined : Math.max(0, nowMs() - oldest)
  }

  const lane: MemoryLane = {
    destination,
    options,
    accounts,
    staged: 0,
    get maxSize() {
      return Math.min(lane.options.maxSize ?? maxSize, maxSize)
    },
    isFull: (bytes) => accounts.bytes + lane.staged + bytes > lane.maxSize,
    add(entry) {
      waiting.add(entry)
      bell.ring()
    },
    async take(limits) {
      const taken = waiting.take(limits)
      for (const entry of taken) underWay.set(entry.id, entry)
      return taken.map(asQueued)
    },
    async settle(batches, memoryIsFree = false, rejected = 0, how = '') {
      let rest = rejected
      for (const entry of takeAway(batches, memoryIsFree)) {
        arrived(accounts, entry, Math.min(rest, entry.items), how)
        rest -= Math.min(rest, entry.items)
      }
    },
    // It is nowhere else.
    unload() {},
    load: async () => true,
    settleBut: (batches, dead) =>
      lane.settle(
        batches,
        false,
        dead.reduce((sum, { items }) => sum + items, 0),
        dead[0]?.reason,
      ),
    release(batches, maybeSent = false) {
      for (const { id } of batches) {
        const entry = underWay.get(id)
        if (entry === undefined) continue
        underWay.delete(id)
        if (maybeSent) entry.maybeSent = true
        waiting.add(entry)
      }
      bell.ring()
    },
    async bury(batches, reason, message) {
      const error = new BridgeError('OB_SEND_PERMANENT', `cannot forward data: ${message}`)
      for (const entry of takeAway(batches, false)) giveUp(accounts, entry, reason, error)
    },
    ready: (atLeast) => bell.ready(atLeast),
    waiting: () => ({ items: waiting.items, bytes: waiting.bytes }),
    stats: () => ({
      batches: accounts.batches,
      items: accounts.items,
      bytes: accounts.bytes,
      maxBytes: lane.maxSize,
      oldestMs: oldestMs(),
      deadItems: 0,
    }),
    end(reason) {
      const left = [...underWay.values(), ...waiting.removeAll()]
      underWay.clear()
      for (const entry of left) {
        accounts.remove(entry)
        letGo(entry, false, recycle)
        giveUp(accounts, entry, reason, stoppingError())
      }
    },
  }
  return lane
}

/**
 * Creates a memory queue. What is buried has no place to go: it counts as dropped, with the endpoint's reason
 * (`ack: forwarded`: the sender is told instead). What is left at `close` counts as dropped with reason `shutdown`, what a
 * lane holds that goes with `destination_removed`.
 */
export function createMemoryQueue(options: MemoryQueueOptions, deps: QueueDeps): Queue {
  const { maxSize, ack } = options
  const { metrics, nowMs } = deps
  let lanes: readonly MemoryLane[] = []
  let lastId = 0
  let closed = false

  const setLanes = (wanted: readonly LaneOptions[]): void => {
    const before = lanes
    lanes = wanted.map((one) => {
      const known = before.find(({ destination }) => destination === one.destination)
      if (known === undefined) return createLane(one, maxSize, deps)
      known.options = one
      return known
    })
    metrics.setDestinations(destinationNames(wanted))
    for (const lane of before) if (!lanes.includes(lane)) lane.end('destination_removed')
  }

  const refusalOf = (parts: readonly RoutedBatch[]): Error | undefined => (closed ? stoppingError() : fullLane(lanes, parts))

  const take = (parts: readonly (RoutedBatch | AdmittedBatch)[]): Promise<void> => {
    const dealt = deal(lanes, parts, { metrics, outcomes: deps.outcomes, nowMs: nowMs(), stored: false, nextId: () => ++lastId })
    const done = ack === 'memory' ? Promise.resolve() : forwardDeal(dealt)
    for (const { places } of dealt.batches) for (const { lane, entry } of places) lane.add(entry)
    if (ack === 'memory') dealt.tell?.()
    return done
  }

  const put = (parts: readonly RoutedBatch[]): Promise<void> => {
    const refused = refusalOf(parts)
    return refused === undefined ? take(parts) : Promise.reject(refused)
  }

  const stagings = createStagings<MemoryLane>({ lanes: () => lanes, refusal: refusalOf, reserve: reserveIn, take })

  setLanes(options.lanes)
  exposeGauges(metrics, () => lanes)
  return {
    get lanes() {
      return lanes
    },
    put,
    stage: stagings.begin,
    refusal: (which) => (closed ? stoppingError() : fullAtTheDoor(lanes, which)),
    setLanes: async (wanted) => setLanes(wanted),
    stats: () => ({ ...totalsOf(lanes), fault: undefined }),
    async close() {
      closed = true
      stagings.end(stoppingError())
      for (const lane of lanes) lane.end('shutdown')
    },
  }
}
