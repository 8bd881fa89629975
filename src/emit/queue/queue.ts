/**
 * The contract of every queue kind. Between `put` and the endpoint's confirmation an item is always in exactly one
 * place: waiting here, taken (under way) or among the dead letters. See README.md beside this file for the layouts.
 */

import type { EncodedBatch, Holding, HoldingOptions, Staging } from '../../otlp/intake.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Cargo, Outcomes } from './outcomes.ts'

/** One thing that is put: an {@link EncodedBatch}, or an envelope. The queue owns `data` from then on. */
export interface Parcel extends Pick<EncodedBatch, 'format' | 'items' | 'data' | 'account' | 'onRejected'> {
  readonly signal: Cargo
  /** Of an envelope: whose it is. */
  readonly mirror?: string | undefined
}

/** A batch as the queue hands it out. `id` grows with age: the oldest has the smallest. */
export interface QueuedBatch extends Omit<Parcel, 'mirror' | 'onRejected'> {
  readonly id: number
  readonly queuedAtMs: number
  /** True when an earlier run of this or another process may have sent it already, or whoever had it here before: a repeat is possible. */
  readonly maybeSent: boolean
}

/** A part of what was received, and which destinations it is for: places in the list of destinations. */
export interface RoutedBatch {
  readonly batch: Parcel
  readonly lanes: readonly number[]
}

export interface DeadLetter {
  readonly id: number
  /** Who refused it; empty for letters of before there were several destinations. */
  readonly destination: string
  readonly format: string
  readonly signal: Cargo
  readonly items: number
  readonly bytes: number
  readonly reason: string
  readonly message: string
  readonly queuedAtMs: number
  readonly diedAtMs: number
}

/** One destination's share of the queue. */
export interface LaneStats {
  /** Batches, items and bytes of this process, those under way included. Bytes that several lanes share count in each. */
  readonly batches: number
  readonly items: number
  readonly bytes: number
  readonly maxBytes: number
  /** Age of the oldest batch in milliseconds, never below 0; undefined when there is none. */
  readonly oldestMs: number | undefined
  readonly deadItems: number
}

/** What nobody sends. */
export interface Stranded {
  readonly destination: string
  readonly batches: number
  readonly items: number
}

/** The whole queue: sums over its lanes, those of mirrors included, the oldest of all. */
export interface QueueStats extends LaneStats {
  /** Why nothing can be stored now; undefined when all is well. */
  readonly fault: string | undefined
  /** What is stored for destinations that are not configured, and no other process sends. */
  readonly stranded?: readonly Stranded[]
}

/** What waits and is not under way. */
export interface WaitingTotals {
  readonly items: number
  readonly bytes: number
}

/** What every queue kind is handed. */
export interface QueueDeps {
  readonly metrics: Metrics
  readonly log: Logger
  /** Wall clock in milliseconds, for the times kept beside the data. */
  readonly nowMs: () => number
  /** Takes back the memory of what every lane is done with: `ChunkPool.give`. */
  readonly recycle?: (memory: ArrayBufferLike) => void
  /** Gives memory for what is read from the disk: `ChunkPool.take`. */
  readonly takeMemory?: (bytes: number) => ArrayBuffer
  /** Told of every batch that leaves a lane. */
  readonly outcomes?: Outcomes
}

/** What a queue is told of a destination. */
export interface LaneOptions {
  readonly destination: string
  /** When it is full: `refuse` tells the sender to come back, `drop` drops and counts for this destination alone. Read at each put. */
  readonly whenFull: 'refuse' | 'drop'
  /** Bytes that it may hold; default `queue.maxSize`, which is the most in memory. */
  readonly maxSize?: number | undefined
  /** With `ack: forwarded`: how long a sender waits for it, ms. Default: as long as it takes. */
  readonly forwardMs?: number | undefined
  /** True: it gets envelopes and no OTLP. Such lanes stand behind the others. */
  readonly mirror?: boolean | undefined
}

/** What the other side refused for good of batches that it took otherwise: a dead letter of its own. */
export interface DeadPart {
  /** The queue's from then on. Sent again, it is what the batches were. */
  readonly data: Uint8Array
  readonly items: number
  readonly reason: string
  readonly message: string
}

/** How much one `take` may give. */
export interface TakeLimits {
  readonly maxItems: number
  readonly maxBytes: number
}

/** One destination's own place in the queue: no lane waits for another. */
export interface Lane {
  readonly destination: string
  /**
   * The oldest waiting batches of one format and signal, up to the limits but at least one; empty when nothing waits. Envelopes of any format come together, oldest first.
   * They stay in the queue, marked as under way, until `settle`, `release` or `bury`. Rejects with OB_QUEUE_BROKEN
   * when they cannot be read now; nothing is under way then.
   */
  take(limits: TakeLimits): Promise<readonly QueuedBatch[]>
  /**
   * The endpoint has them: remove. Resolves when the removal is stored; never rejects, a removal that fails is tried again.
   * @param rejected items of these that the endpoint left out
   * @param memoryIsFree nobody reads their data any more: it is used again once all lanes are done with it. Default: false
   * @param how what `Outcomes` is told; of a mirror's lane also what is counted: `sent` where nobody confirms, the reason of what was rejected
   */
  settle(batches: readonly QueuedBatch[], memoryIsFree?: boolean, rejected?: number, how?: string): Promise<void>
  /**
   * As `settle`, for batches of which the other side refused some items for good: those become dead letters in one transaction with the removal, with
   * format, times and account of the first batch. `Outcomes` is told of each batch twice: of what was delivered, and of what is dead. A queue that has
   * no dead letters (memory, `ack: forwarded`) settles them with so many items rejected, the first part's reason being how. Never rejects.
   * @param dead with no more items than the batches together
   */
  settleBut(batches: readonly QueuedBatch[], dead: readonly DeadPart[]): Promise<void>
  /**
   * Nobody reads the data of these, which stay under way, for a while: what has it on disk lets go of the memory. It must not be read before `load`.
   * @param memoryIsFree none of it is on its way to a socket or a thread any more
   */
  unload(batches: readonly QueuedBatch[], memoryIsFree: boolean): void
  /** Gives them their data again. False: some of it is damaged, was set aside, and is under way no more. Rejects as `take` does. */
  load(batches: readonly QueuedBatch[]): Promise<boolean>
  /**
   * Not sent, or nobody knows: they wait again, in their old place.
   * @param maybeSent they come out again as {@link QueuedBatch.maybeSent}. Default: false, which leaves that as it was
   */
  release(batches: readonly QueuedBatch[], maybeSent?: boolean): void
  /** Refused for good: to the dead letters, in one transaction with the removal. Never rejects. */
  bury(batches: readonly QueuedBatch[], reason: string, message: string): Promise<void>
  /** Resolves when something may be waiting; with `atLeast`, when so many items or bytes wait. */
  ready(atLeast?: WaitingTotals): Promise<void>
  waiting(): WaitingTotals
  stats(): LaneStats
}

/** As {@link Holding}, of what is routed already. */
export interface QueueHolding extends Pick<Holding, 'release' | 'recover'> {
  /** As `Queue.put` and `Holding.put`. @param parts empty: nothing to send yet */
  put(parts: readonly RoutedBatch[], keep: Uint8Array): Promise<number>
}

/** As {@link Staging}, of what is routed already. */
export interface QueueStaging extends Pick<Staging, 'commit' | 'discard'> {
  /** As `Staging.add`. @param parts of one batch, by where they go; their memory is the queue's, as with `Queue.put` */
  add(parts: readonly RoutedBatch[]): Promise<void>
}

export interface Queue {
  /** In the order of the destinations; {@link RoutedBatch.lanes} are places in it. */
  readonly lanes: readonly Lane[]
  /**
   * Takes all parts or none, in one transaction. Resolves when `queue.ack` is satisfied for all; rejects with
   * OB_QUEUE_FULL, OB_QUEUE_BROKEN or OB_STOPPING, then nothing was taken. A part without a lane counts as dropped
   * (`no_route`). The parts own their memory: no two share a buffer.
   */
  put(parts: readonly RoutedBatch[]): Promise<void>
  /** Begins a request of several parts. */
  stage(): QueueStaging
  /** For one who keeps things beside the batches, under a name of its own; undefined where nothing outlives the process. */
  holding?(name: string, options?: HoldingOptions): QueueHolding
  /** What `put` would reject with now, asked at the door; undefined when it would take. @param lanes those that get everything; default all */
  refusal(lanes?: readonly number[]): Error | undefined
  /**
   * Replaces the list of lanes, at once for the next `put`. Lanes of a name that stays are the same objects with the same
   * batches; what a lane that goes still holds stays stored for its name (in memory: dropped). Resolves when that is done.
   */
  setLanes(lanes: readonly LaneOptions[]): Promise<void>
  stats(): QueueStats
  /** Flushes and closes; what is under way counts as waiting for the next start. */
  close(): Promise<void>
}
