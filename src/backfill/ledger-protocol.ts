/** What is asked of the one who writes a ledger file, in whichever thread it lives. Everything can be cloned. */

import type { ErrorCode } from '../errors.ts'
import type { DeadRecord, Intent, Release, RunMeta, SliceRecord, Step, Summary, Taken, Wanted } from './ledger.ts'
import type { SliceSpec, SliceState } from './model.ts'

export interface NewSlice {
  readonly id: string
  readonly spec: SliceSpec
}

/** A slice with what is out of it. */
export interface MirroredSlice {
  readonly record: SliceRecord
  readonly intent: Intent | undefined
}

/** Changes something: grouped with others into one transaction. */
export type WriteRequest =
  /** `whole`: parts of the plan that are all there with these slices. */
  | { readonly kind: 'add'; readonly slices: readonly NewSlice[]; readonly whole: readonly string[] }
  | { readonly kind: 'take'; readonly owner: string; readonly wanted: Wanted }
  | { readonly kind: 'commit'; readonly id: string; readonly epoch: number; readonly step: Step }
  | {
      readonly kind: 'end'
      readonly id: string
      readonly epoch: number
      readonly state: 'done' | 'done_with_losses' | 'failed'
      readonly reason: string
      readonly error: string
    }
  | { readonly kind: 'release'; readonly id: string; readonly epoch: number; readonly how: Release }
  | { readonly kind: 'verified'; readonly id: string; readonly state: 'verified' | 'mismatch'; readonly error: string }
  | { readonly kind: 'retry'; readonly states: readonly SliceState[]; readonly reason: string | undefined }
  | { readonly kind: 'removeDead'; readonly ids: readonly number[] }
  /** As they are elsewhere: over those that are here. `gone`: dead letters that are not there any more. */
  | {
      readonly kind: 'mirror'
      readonly slices: readonly MirroredSlice[]
      readonly dead: readonly DeadRecord[]
      readonly gone: readonly number[]
    }

export interface SliceFilter {
  readonly states?: readonly SliceState[]
  readonly after?: number
  readonly limit?: number
}

export interface DeadFilter {
  readonly slice?: string
  readonly after?: number
  readonly limit?: number
}

export type ReadRequest =
  | { readonly kind: 'planned' }
  | { readonly kind: 'summary' }
  | { readonly kind: 'slices'; readonly filter: SliceFilter }
  | { readonly kind: 'dead'; readonly filter: DeadFilter }
  | { readonly kind: 'mirrored'; readonly filter: SliceFilter }

export type LedgerRequest = WriteRequest | ReadRequest

/** What each request is answered with. */
export interface Answers {
  readonly add: number
  readonly planned: readonly string[]
  readonly take: Taken | undefined
  readonly commit: undefined
  readonly end: undefined
  readonly release: undefined
  readonly verified: undefined
  readonly retry: number
  readonly removeDead: undefined
  readonly mirror: undefined
  readonly summary: Summary
  readonly slices: readonly SliceRecord[]
  readonly dead: readonly DeadRecord[]
  readonly mirrored: readonly MirroredSlice[]
}

export type Answer = Answers[keyof Answers]

/** What went wrong. `damaged`: the file cannot be believed. */
export interface LedgerFault {
  readonly code: ErrorCode
  readonly message: string
  readonly damaged: boolean
}

export type Outcome = { readonly answer: Answer } | { readonly fault: LedgerFault }

/** What the writer is made with. */
export interface ServiceOptions {
  readonly file: string
  /** Read only: another process may be writing. */
  readonly readOnly: boolean
  /** Written when the file is new; undefined: the run must be there. */
  readonly create: RunMeta | undefined
  readonly rebuilt: boolean
  /** Bytes of dead letters that are kept. */
  readonly deadBytes: number
  /** Least time between two flushes, ms. */
  readonly flushMs: number
}

/** What was found when it was opened. */
export interface Opened {
  readonly meta: RunMeta
  readonly rebuilt: boolean
}

/** From the writer. Outcomes come in the order of the requests of their kind (writes, reads), by number. */
export type ServiceMessage =
  | { readonly kind: 'opened'; readonly opened: Opened }
  | { readonly kind: 'failed'; readonly fault: LedgerFault }
  | { readonly kind: 'done'; readonly number: number; readonly outcome: Outcome }
  /** It cannot be written now, and is tried again; undefined: it can. */
  | { readonly kind: 'trouble'; readonly message: string | undefined }
