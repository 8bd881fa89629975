/** A request of remote-write between its translation and the queue. */

import type { Emission } from '../../translate/prometheus/assembler.ts'
import type { TranslatedBody } from '../adapter.ts'
import type { Keeping } from './keeping.ts'
import type { WriteReceipt } from './remote-write.ts'
import type { Waiter, WaitingColumns } from './waiting-room.ts'

/** Counts by word. */
export type Tally = readonly (readonly [word: string, count: number])[]

/** Series of a request that wait. */
export interface WaitingPart {
  readonly waiting: WaitingColumns
  readonly waiter: Omit<Waiter, 'record'>
  /** What was known when they were told to wait. */
  readonly news: number
}

/** A request that was translated and waits to be put: what is needed of its outcome, which is used again for the next. */
export interface WriteBody extends TranslatedBody {
  readonly tenant: string
  readonly receipt: WriteReceipt
  readonly consumed: Tally
  /** Left out because an option says so. */
  readonly dropped: Tally
  /** Float samples and native histograms in the request. */
  readonly kinds: { readonly floats: number; readonly histograms: number }
  readonly outOfOrder: number
  readonly exemplarResults: Tally
  readonly histogramsRefused: Tally
  readonly held: number
  readonly emission: Emission | undefined
  readonly touched: Int32Array
  /** Samples, members of histograms, that there is no room for now: nothing of the request is taken then. */
  readonly full: number
  /** What of it waits to be looked at later; undefined: nothing. */
  readonly waiting: WaitingPart | undefined
  /** Puts of what it repeats, as far as nobody knows how they end: it is written when all of them are. */
  readonly after: readonly Promise<unknown>[]
  /** What has to be kept with it; undefined when nothing of it waits. */
  readonly keep: Keeping | undefined
}
