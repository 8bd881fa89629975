/** One request on its way to the old side, with what is known of its tries. */

import type { QueuedBatch } from '../emit/queue/queue.ts'
import type { EnvelopeHead, OpenedEnvelope } from './envelope.ts'
import type { Outcome, Tried } from './outcome.ts'

/** What stays known of a request between its tries. */
export interface History {
  tries: number
  /** Tries that the old side answered with 500. */
  suspects: number
  /** An earlier try may have arrived. */
  ambiguous: boolean
  /** The old side has some of it: `memo` knows which, and who begins anew does not. */
  partly: boolean
  /** When the first try began, monotonic ms; undefined before. */
  firstTryMs: number | undefined
  /** Why the last try failed. */
  lastError: string | undefined
}

export interface Errand {
  /** Its place in the queue; of several parts the first. */
  readonly batch: QueuedBatch
  readonly head: EnvelopeHead
  /** Body, or the first part of it; a view of the batch's memory. */
  readonly body: Uint8Array
  /** All that is under way of it. */
  readonly parts: QueuedBatch[]
  /** Of a body in several parts: part number `at` (from 1); undefined after the last. Rejects when the queue cannot be read. */
  readonly more: ((at: number) => Promise<OpenedEnvelope | undefined>) | undefined
  /**
   * Of a body in several parts: nobody needs this one for now; it is let go of, and `more` reads it again.
   * @param memoryIsFree none of it is on its way to a socket any more
   */
  readonly sent?: ((at: number, memoryIsFree: boolean) => void) | undefined
  readonly history: History
  /** What the sender keeps between tries. */
  memo: unknown
}

export function newHistory(ambiguous: boolean): History {
  return { tries: 0, suspects: 0, ambiguous, partly: false, firstTryMs: undefined, lastError: undefined }
}

/** Items of all parts that are under way. */
export function itemsOf(errand: Errand): number {
  let items = 0
  for (const part of errand.parts) items += part.items
  return items
}

/** What a protocol does with a request. Nothing here rejects. */
export interface OldSide {
  /** One try. @param live on behalf of a client that waits: its query and headers go as they are, and its answer is kept whole */
  exchange(errand: Errand, live: boolean): Promise<Tried>
  /** What it means. May keep in `errand.memo` what is left to send. */
  judge(errand: Errand, tried: Tried): Outcome | Promise<Outcome>
  /** Items that the old side has twice when it has this errand already and gets it again. Default: all of them. */
  doubles?(errand: Errand): number
  /** A connection of a sender is gone. */
  closed?(lane: string): void
  /** Cuts everything under way: those tries end as `stopped`. */
  close(): Promise<void>
}
