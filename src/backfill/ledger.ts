/**
 * What a run remembers: its slices, and how far each has come. Two are there: a file (SQLite), and Redis for several machines. What they promise is
 * in README.md; a slice's cursor, counts and intent change in one step, which is stored when the promise resolves.
 */

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
  /** `--until cutover`: the moment that was found, ms. */
  readonly cutoverMs?: number | undefined
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
  /** Slices are taken by it: time, then key. */
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

/** A page that is about to be sent. It begins at the slice's cursor. */
export interface Intent {
  readonly page: number
  readonly read: number
  readonly produced: number
  readonly sum: bigint
  readonly atMs: number
  /** Where a sink that can be cut back has to be cut to: `--to-file`. */
  readonly sink?: Json | undefined
}

/** An item for the dead letters. */
export interface DeadItem {
  readonly page: number
  readonly ordinal: number
  readonly reason: string
  readonly where: string
  readonly message: string
  /** At most 64 KiB. */
  readonly raw: Uint8Array | undefined
}

/** A page that was acknowledged: what it adds. */
export interface PageAck {
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

export interface Ledger {
  readonly meta: RunMeta
  /** Adds those that are not there yet; never changes those that are. Returns how many were added. */
  add(slices: readonly { readonly id: string; readonly spec: SliceSpec }[]): Promise<number>
  /** The first pending slice, with its epoch raised; undefined: none. @param skip ids that this owner does not want now */
  take(owner: string, skip?: ReadonlySet<string>): Promise<Taken | undefined>
  /** In one step: the page before is acknowledged, the next is intended. Rejects with OB_FENCED when the slice is another's by now. */
  commit(id: string, epoch: number, step: { readonly ack?: PageAck | undefined; readonly intent?: Intent | undefined }): Promise<void>
  /** Rejects with OB_FENCED, and with a BUG when the sums of a `done` slice do not add up. */
  end(id: string, epoch: number, state: 'done' | 'done_with_losses' | 'failed', reason: string, error: string): Promise<void>
  /** Gives a slice back at its cursor, without an intent. */
  release(id: string, epoch: number): Promise<void>
  /** What `verify` found. */
  verified(id: string, state: 'verified' | 'mismatch', error: string): Promise<void>
  /** Sets failed (and mismatched, done_with_losses where asked) slices to pending at their cursor. Returns how many. */
  retry(filter: { readonly states: readonly SliceState[]; readonly reason?: string | undefined }): Promise<number>
  summary(): Promise<Summary>
  /** In their order. @param after order of the last one seen */
  slices(filter?: {
    readonly states?: readonly SliceState[]
    readonly after?: number
    readonly limit?: number
  }): Promise<readonly SliceRecord[]>
  dead(filter?: {
    readonly slice?: string
    readonly after?: number
    readonly limit?: number
  }): Promise<readonly (DeadItem & { readonly id: number; readonly slice: string })[]>
  /** Lets go of dead letters that were sent. */
  removeDead(ids: readonly number[]): Promise<void>
  close(): Promise<void>
}
