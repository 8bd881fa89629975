/**
 * What a run remembers: its slices, and how far each has come. Two are there: a file (SQLite), and Redis for several machines. What they promise is
 * in README.md; a slice's cursor, counts and intent change in one step, which is stored when the promise resolves. Every method rejects with OB_LEDGER
 * when that cannot be done.
 */

import type { Signal } from '../otlp/intake.ts'
import type { Json, Reasons, SliceSpec, SliceState } from './model.ts'

/** What makes a run this run; see `runId`. */
export interface RunMeta {
  readonly run: string
  readonly source: {
    readonly kind: string
    readonly name: string
    readonly identity: string
    readonly unit: string
    readonly approximate?: string | undefined
  }
  /** Filters and options of the source, without secrets. */
  readonly options: { readonly [name: string]: Json }
  /** Where it goes, without secrets: `http://tempo:4318`, `file:out`. */
  readonly destination: string
  /** Of the sections of the configuration that decide what an item becomes. */
  readonly mappingHash: string
  /** What is behind it: section `translate` where it is not as by default, by path. For telling what has changed. */
  readonly mapping?: { readonly [path: string]: Json } | undefined
  /** What `--since` and `--until` came to when the run was first started, ms: `7d` is no other moment an hour later. */
  readonly span?: { readonly sinceMs?: number | undefined; readonly untilMs?: number | undefined } | undefined
  /** `--until cutover`: the moment that was found, ms. */
  readonly cutoverMs?: number | undefined
  /** How large its pages are at the most; see `pageLimits`. Part of what makes a page the same again: kept for the life of the run. */
  readonly page: { readonly items: number; readonly bytes: number }
  readonly createdMs: number
  readonly planVersion: number
  readonly toolVersion: string
}

/** What a page, a slice or a run has done. Items, unless said otherwise; `read … skipped, srcSum` in items of the source, the others in OTLP items. */
export interface Counts {
  readonly read: number
  readonly translated: number
  readonly skipped: Reasons
  readonly produced: number
  readonly acked: number
  /** The destination refused them for good. */
  readonly rejected: Reasons
  /** In the dead letters. */
  readonly dead: Reasons
  /** Sent again after a crash: they may have arrived before. */
  readonly resent: number
  /** Sent again because the connection was lost before an answer. */
  readonly ambiguous: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Countable things that lose nothing: `pit_lost`. */
  readonly notes: Reasons
  /** mod 2^128 */
  readonly srcSum: bigint
  readonly ackSum: bigint
  readonly minMs: number | undefined
  readonly maxMs: number | undefined
  readonly readMs: number
  readonly translateMs: number
  readonly sendMs: number
}

export interface SliceRecord extends SliceSpec {
  readonly id: string
  /** Place in the list: in the order of the plan, those of later plans behind. Slices are *taken* by time, then by this; those without a time first. */
  readonly order: number
  readonly state: SliceState
  /** Of the last acknowledged page; undefined: none yet. */
  readonly cursor: Json | undefined
  /** Number of the next page. */
  readonly page: number
  readonly epoch: number
  readonly owner: string
  readonly attempts: number
  /** Why it failed, or what it lost: a word, and a sentence. */
  readonly reason: string
  readonly error: string
  readonly startedMs: number | undefined
  readonly endedMs: number | undefined
  readonly counts: Counts
}

/** A page that is about to be sent. It begins at the slice's cursor. One without OTLP items has none. */
export interface Intent {
  readonly page: number
  readonly read: number
  readonly produced: number
  readonly sum: bigint
  readonly atMs: number
  /** Where a sink that can be cut back has to be cut to: `--to-file`. */
  readonly sink?: Json | undefined
}

/** What is in the dead letters: an item of the source that could not be read, or a request that the destination refused. */
export interface DeadItem {
  readonly page: number
  readonly ordinal: number
  readonly reason: string
  readonly where: string
  readonly message: string
  /** Set: `raw` is a whole OTLP request, which can be sent again. Undefined: an item of the source as it was, of which 64 KiB are kept. */
  readonly signal: Signal | undefined
  /** OTLP items of a request; 1 for an item of the source. */
  readonly items: number
  readonly raw: Uint8Array | undefined
}

/** One that is kept. */
export interface DeadRecord extends DeadItem {
  readonly id: number
  readonly slice: string
  readonly group: string
}

/** A page that was acknowledged: what it adds. Pages without OTLP items before it may be in it. */
export interface PageAck {
  /** Its number; the slice's next is one more. */
  readonly page: number
  readonly cursor: Json
  readonly counts: Counts
  readonly dead: readonly DeadItem[]
}

/** A slice that is now this owner's. */
export interface Taken {
  readonly slice: SliceRecord
  /** Was out when the one before stopped: its items count as resent. */
  readonly intent: Intent | undefined
}

export interface Summary {
  readonly slices: Readonly<Record<SliceState, number>>
  /** Items of the plan, by estimate, and of slices that are done. */
  readonly planned: number
  readonly counts: Counts
  /** Slices that failed, by reason. */
  readonly failures: Reasons
}

/** One step of a slice. */
export interface Step {
  readonly ack?: PageAck | undefined
  /** Takes the place of one that is still there. */
  readonly intent?: Intent | undefined
  /** OTLP items of the intent that is there and may have arrived before a stop: they go out again now. Added to `counts.resent`. */
  readonly resent?: number | undefined
}

/** Which slice may be taken. */
export interface Wanted {
  /** Ids that this owner does not want now; a handful. */
  readonly skip?: ReadonlySet<string> | undefined
  /** Only slices that begin at or before it, and those without a time; undefined: any. */
  readonly beginsByMs?: number | undefined
  /** Only slices that end behind it, and those without a time; undefined: any. */
  readonly endsAfterMs?: number | undefined
}

/** How a slice is given back. */
export interface Release {
  /** `keep`: its page may have arrived. `drop`: nothing of it was sent, or all of it was taken back. */
  readonly intent: 'keep' | 'drop'
  /** Why it waits: `destination_refuses_old`. */
  readonly reason?: string | undefined
  readonly error?: string | undefined
}

/** What plans are stored in. */
export interface PlanLedger {
  readonly meta: RunMeta
  /**
   * Adds those that are not there yet; never changes those that are. Returns how many were added.
   * @param whole parts of the plan of which these are all slices: both are stored in one step, or nothing is
   */
  add(slices: readonly { readonly id: string; readonly spec: SliceSpec }[], whole?: readonly string[]): Promise<number>
  /** Parts that were stored as whole. */
  planned(): Promise<ReadonlySet<string>>
}

export interface Ledger {
  readonly meta: RunMeta
  /** The one before could not be read: nobody knows what was sent, so that everything counts as sent again. */
  readonly rebuilt: boolean
  /** Adds those that are not there yet; never changes those that are. Returns how many were added. */
  add(slices: readonly { readonly id: string; readonly spec: SliceSpec }[]): Promise<number>
  /** The first pending slice by time that is wanted, with its epoch raised; undefined: none. Its intent stays until the next step. */
  take(owner: string, wanted?: Wanted): Promise<Taken | undefined>
  /** In one step: the page before is acknowledged, the next is intended. Rejects with OB_FENCED when the slice is another's by now. */
  commit(id: string, epoch: number, step: Step): Promise<void>
  /** Rejects with OB_FENCED; with OB_INTERNAL and "BUG" when a `done` slice has an intent or its sums do not add up. A failed one keeps its intent. */
  end(id: string, epoch: number, state: 'done' | 'done_with_losses' | 'failed', reason: string, error: string): Promise<void>
  /** Gives a slice back at its cursor. Rejects with OB_FENCED. */
  release(id: string, epoch: number, how: Release): Promise<void>
  /** What `verify` found. */
  verified(id: string, state: 'verified' | 'mismatch', error: string): Promise<void>
  /**
   * Sets failed slices to pending at their cursor; those in `mismatch`, `done_with_losses`, `done`, `verified`, where asked for, to their beginning:
   * counts start anew, and everything that they acknowledged is in `resent`. Their dead letters go. Returns how many.
   */
  retry(filter: { readonly states: readonly SliceState[]; readonly reason?: string | undefined }): Promise<number>
  summary(): Promise<Summary>
  /** In their order. @param after order of the last one seen */
  slices(filter?: {
    readonly states?: readonly SliceState[]
    readonly after?: number
    readonly limit?: number
  }): Promise<readonly SliceRecord[]>
  dead(filter?: { readonly slice?: string; readonly after?: number; readonly limit?: number }): Promise<readonly DeadRecord[]>
  /** Lets go of requests that were sent after all: `dead` becomes `acked`, and a slice that has no loss left becomes `done`. */
  removeDead(ids: readonly number[]): Promise<void>
  close(): Promise<void>
}
