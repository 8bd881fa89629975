/** What a back-fill is made of: a run, its slices, their pages; see README.md for the laws. */

import type { Signal } from '../otlp/intake.ts'

/** What can be written as canonical JSON: keys, cursors. Numbers are safe integers; longer ones are texts. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Counts by a word for the reason. */
export type Reasons = Readonly<Record<string, number>>

/** A part of a source that is read in one fixed order. Its id is made of its key alone: any machine computes the same. */
export interface SliceSpec {
  /** What it is of the source: `{ index: 'jaeger-span-2026-11-07', from: 1762473600000, to: 1762477200000 }`. */
  readonly key: { readonly [name: string]: Json }
  /** The row of the plan that it belongs to: an index, a service, a block, a file, a partition. */
  readonly group: string
  /** Item times are in `[fromMs, toMs)`; undefined where the source cannot tell. Slices run in this order. */
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
  /** Items as far as known before; 0: not known. */
  readonly items: number
  readonly bytes: number
}

/** A row of the plan. */
export interface PlanGroup {
  readonly name: string
  readonly items: number
  /** Of the source; 0: not known. */
  readonly bytes: number
  readonly fromMs: number | undefined
  readonly toMs: number | undefined
  /** What somebody should know: `closed, cannot be read`. Empty: nothing. */
  readonly note: string
  /** True: it was asked for and none of it can be read, so that no slice stands for it. `note` says why. */
  readonly isUnreadable?: true
}

/** What there is. */
export interface Plan {
  readonly groups: readonly PlanGroup[]
  readonly slices: readonly SliceSpec[]
  /** Sentences for the whole: what is left out and why. */
  readonly notes: readonly string[]
}

/** One OTLP request's worth of a page. */
export interface PageRequest {
  readonly signal: Signal
  /** Spans, data points or log records. */
  readonly items: number
  /** A whole `Export<Signal>ServiceRequest`. */
  readonly data: Uint8Array
  /** Its memory is nobody else's: who was the last to need it may free it. */
  readonly owned?: boolean | undefined
}

/** An item of the source that could not be read or translated. */
export interface SourceFault {
  /** `not_a_span` */
  readonly reason: string
  /** Where it stands: `_index/_id`, `file:line`, `topic/partition/offset`. */
  readonly where: string
  readonly message: string
  /** What it is, for the dead letters; at most 64 KiB are kept. */
  readonly raw?: Uint8Array | undefined
}

/** A page, translated. The same cursor, source and options give the same bytes again. */
export interface TranslatedPage {
  /** Items that belong to the slice, `skipped` included. */
  readonly read: number
  /** Bytes that were read of the source. */
  readonly bytes: number
  /** Items left out, by reason; `faults` are among them. `read = translated + Σ skipped`. Reasons that lose something are in losses.ts. */
  readonly skipped: Reasons
  /** Worth a line each; the first twenty of a reason are enough. Those with `raw` go to the dead letters. */
  readonly faults: readonly SourceFault[]
  /** Items of the source that are in `requests`, or were taken up by them (buckets of a histogram). */
  readonly translated: number
  readonly requests: readonly PageRequest[]
  /** Σ mod 2^128 over the 128-bit hash of each translated item's identity in the source; see `identity.ts`. */
  readonly sum: bigint
  readonly minMs: number | undefined
  readonly maxMs: number | undefined
  /** Other countable things that happened: `pit_lost`. */
  readonly notes?: Reasons | undefined
}

/** Where a page ends. */
export interface Page {
  /** The position behind it; a page of the same slice read from here is the next one. At most 1 MiB as JSON. */
  readonly cursor: Json
  /** Nothing comes behind it. */
  readonly last: boolean
  /** Turns what was read into OTLP. Called once, synchronous; apart, so that both are timed. */
  translate(): TranslatedPage
}

/** `interrupted` is not a state: a slice that was under way is `pending` with a cursor. */
export type SliceState = 'pending' | 'running' | 'done' | 'done_with_losses' | 'failed' | 'verified' | 'mismatch'
