/** The queue that lives in memory alone: nothing survives the process, and there are no dead letters to look at later. */

import { BridgeError } from '../../errors.ts'
import { ownsChunk } from '../../otlp/encode/chunks.ts'
import type { EncodedBatch } from '../../otlp/intake.ts'
import { createAccounts, exposeGauges } from './accounts.ts'
import { createDoorbell } from './doorbell.ts'
import type { Lane, LaneOptions, Queue, QueueDeps, QueuedBatch, QueueStats, RoutedBatch } from './queue.ts'
import { asQueued, createWaiting, type Entry, ownBytes } from './waiting.ts'

export interface MemoryQueueOptions {
  /** Destinations, in their order; at least one. */
  readonly lanes: readonly LaneOptions[]
  /** Bytes each of them may hold. */
  readonly maxSize: number
  readonly ack: 'memory' | 'forwarded'
}

/** After how many seconds a sender should come back to a full queue. */
const fullRetryAfterSeconds = 5

/**
 * Creates a memory queue. What is buried has no place to go: it counts as dropped, with the endpoint's reason
 * (`ack: forwarded`: the sender is told instead, and it counts nowhere here). What is left at `close` counts as dropped
 * with reason `shutdown`.
 */
export function createMemoryQueue(options: MemoryQueueOptions, deps: QueueDeps): Queue {
  const { maxSize, ack } = options
  const waiting = createWaiting()
  const underWay = new Map<number, Entry>()
  const accounts = createAccounts(deps.metrics)
  const bell = createDoorbell(
    () => waiting,
    () => waiting.size > 0,
  )
  let nextId = 1
  let closed = false

  const refusalOf = (bytes: number): BridgeError | undefined => {
    if (closed) return new BridgeError('OB_STOPPING', 'cannot queue data: the bridge is stopping', { retryAfterSeconds: 1 })
    if (accounts.bytes + bytes <= maxSize) return undefined
    return new BridgeError('OB_QUEUE_FULL', `cannot queue data: the queue is at queue.maxSize (${maxSize} bytes)`, {
      retryAfterSeconds: fullRetryAfterSeconds,
    })
  }

  const takeAway = (batches: readonly QueuedBatch[]): Entry[] => {
    const gone: Entry[] = []
    for (const { id } of batches) {
      const entry = underWay.get(id)
      if (entry === undefined) continue
      underWay.delete(id)
      accounts.remove(entry)
      gone.push(entry)
    }
    return gone
  }

  const oldestMs = (): number | undefined => {
    let oldest = waiting.oldest()?.queuedAtMs
    for (const entry of underWay.values()) if (oldest === undefined || entry.queuedAtMs < oldest) oldest = entry.queuedAtMs
    return oldest === undefined ? undefined : Math.max(0, deps.nowMs() - oldest)
  }

  const put = (batch: EncodedBatch): Promise<void> => {
    const refused = refusalOf(batch.data.byteLength)
    if (refused !== undefined) return Promise.reject(refused)
    const entry: Entry = {
      id: nextId++,
      format: batch.format,
      signal: batch.signal,
      items: batch.items,
      bytes: batch.data.byteLength,
      queuedAtMs: deps.nowMs(),
      maybeSent: false,
      data: ownBytes(batch.data),
      stored: false,
      forwarded: undefined,
    }
    accounts.add(entry)
    waiting.add(entry)
    const done = ack === 'memory' ? Promise.resolve() : new Promise<void>((resolve, reject) => void (entry.forwarded = { resolve, reject }))
    bell.ring()
    return done
  }

  const stats = (): QueueStats => ({
    batches: accounts.batches,
    items: accounts.items,
    bytes: accounts.bytes,
    maxBytes: maxSize,
    oldestMs: oldestMs(),
    deadItems: 0,
    fault: undefined,
  })

  const lane: Lane = {
    destination: options.lanes[0]?.destination ?? 'default',
    async take(limits) {
      const taken = waiting.take(limits)
      for (const entry of taken) underWay.set(entry.id, entry)
      return taken.map(asQueued)
    },
    async settle(batches, memoryIsFree = false) {
      for (const entry of takeAway(batches)) {
        entry.forwarded?.resolve()
        if (memoryIsFree && entry.data !== undefined && ownsChunk(entry.data)) deps.recycle?.(entry.data.buffer)
      }
    },
    release(batches) {
      for (const { id } of batches) {
        const entry = underWay.get(id)
        if (entry === undefined) continue
        underWay.delete(id)
        waiting.add(entry)
      }
      bell.ring()
    },
    async bury(batches, reason, message) {
      for (const entry of takeAway(batches)) {
        if (entry.forwarded === undefined) accounts.books(entry).dropped(reason).value += entry.items
        else entry.forwarded.reject(new BridgeError('OB_SEND_PERMANENT', `cannot forward data: ${message}`))
      }
    },
    ready: (atLeast) => bell.ready(atLeast),
    waiting: () => ({ items: waiting.items, bytes: waiting.bytes }),
    stats,
  }

  const queue: Queue = {
    lanes: [lane],
    put: (parts: readonly RoutedBatch[]) => Promise.all(parts.map(({ batch }) => put(batch))).then(() => undefined),
    refusal: () => refusalOf(0) ?? (accounts.bytes >= maxSize ? refusalOf(1) : undefined),
    async setLanes() {
      throw new Error('BUG: one lane')
    },
    stats,
    async close() {
      closed = true
      const left = [...underWay.values(), ...waiting.removeAll()]
      underWay.clear()
      for (const entry of left) {
        accounts.remove(entry)
        if (entry.forwarded === undefined) accounts.books(entry).dropped('shutdown').value += entry.items
        else entry.forwarded.reject(new BridgeError('OB_STOPPING', 'cannot forward data: the bridge is stopping', { retryAfterSeconds: 1 }))
      }
    },
  }
  exposeGauges(deps.metrics, stats)
  return queue
}
