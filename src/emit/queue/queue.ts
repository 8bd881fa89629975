/**
 * The contract of every queue kind. Between `put` and the endpoint's confirmation an item is always in exactly one
 * place: waiting here, taken (under way) or among the dead letters. See README.md beside this file for the layouts.
 */

import type { EncodedBatch, Signal } from '../../otlp/intake.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'

/** A batch as the queue hands it out. `id` grows with age: the oldest has the smallest. */
export interface QueuedBatch extends EncodedBatch {
  readonly id: number
  readonly queuedAtMs: number
  /** True when an earlier run of this or another process may have sent it already: a repeat is possible. */
  readonly maybeSent: boolean
}

/** A part of what was received, and which destinations it is for: places in the list of destinations. */
export interface RoutedBatch {
  readonly batch: EncodedBatch
  readonly lanes: readonly number[]
}

export interface DeadLetter {
  readonly id: number
  readonly format: string
  readonly signal: Signal
  readonly items: number
  readonly bytes: number
  readonly reason: string
  readonly message: string
  readonly queuedAtMs: number
  readonly diedAtMs: number
}

export interface QueueStats {
  /** Batches, items and bytes of this process, those under way included. */
  readonly batches: number
  readonly items: number
  readonly bytes: number
  readonly maxBytes: number
  /** Age of the oldest batch in milliseconds, never below 0; undefined when there is none. */
  readonly oldestMs: number | undefined
  readonly deadItems: number
  /** Why nothing can be stored now; undefined when all is well. */
  readonly fault: string | undefined
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
}

export interface Queue {
  /** Resolves when `queue.ack` is satisfied; rejects with OB_QUEUE_FULL, OB_QUEUE_BROKEN or OB_STOPPING, then nothing was taken. */
  put(batch: EncodedBatch): Promise<void>
  /** What `put` would reject with now, asked at the door; undefined when it would take. */
  refusal(): Error | undefined
  /**
   * The oldest waiting batches of one format and signal, up to the limits but at least one; empty when nothing waits.
   * They stay in the queue, marked as under way, until `settle`, `release` or `bury`. Rejects with OB_QUEUE_BROKEN
   * when they cannot be read now; nothing is under way then.
   */
  take(limits: { maxItems: number; maxBytes: number }): Promise<readonly QueuedBatch[]>
  /** The endpoint has them: remove. Resolves when the removal is stored; never rejects, a removal that fails is tried again. */
  settle(batches: readonly QueuedBatch[]): Promise<void>
  /** Not sent: they wait again, in their old place. */
  release(batches: readonly QueuedBatch[]): void
  /** Refused for good: to the dead letters, in one transaction with the removal. Never rejects. */
  bury(batches: readonly QueuedBatch[], reason: string, message: string): Promise<void>
  /** Resolves when something may be waiting; with `atLeast`, when so many items or bytes wait. */
  ready(atLeast?: WaitingTotals): Promise<void>
  waiting(): WaitingTotals
  stats(): QueueStats
  /** Flushes and closes; what is under way counts as waiting for the next start. */
  close(): Promise<void>
}
