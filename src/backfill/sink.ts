/** Where pages go: an OTLP endpoint, or files. */

import type { Signal } from '../otlp/intake.ts'
import type { Json, PageRequest, Reasons } from './model.ts'

/** Reason of what was refused for being too old (or too new): with it the run tells of the knob, and stops or goes on from there. */
export const refusedForAge = 'too_old'

/**
 * Reason of what was refused because newer items of its own stream are there. Those of a page that goes out a second time may be its own: then it is
 * counted as {@link refusedAgain}, and says nothing of what the destination takes.
 */
export const refusedBehind = 'too_far_behind'
export const refusedAgain = 'refused_again'

/** A request that nobody will take as it is. */
export interface DeadRequest {
  readonly reason: string
  readonly message: string
  readonly signal: Signal
  /** OTLP items. */
  readonly items: number
  /** A whole `Export<Signal>ServiceRequest`. */
  readonly data: Uint8Array
}

/** A limit of age that a page met. */
export interface Boundary {
  readonly destination: string
  /** `out_of_bounds`, `too_far_behind`: one of the reasons in `rejected`. */
  readonly reason: string
  /** The newest item that was refused for it, ms; undefined when its time is not known. */
  readonly refusedMs: number | undefined
  /** The oldest that was taken, or would be by the destination's own words; undefined when nobody knows. */
  readonly takenMs: number | undefined
  /** The setting of the destination that decides, in a sentence. */
  readonly knob: string
  /** What the destination said. */
  readonly said: string
}

/** What became of a page. */
export interface Delivered {
  /** OTLP items. `acked + Σ rejected + Σ dead` are all that were sent. */
  readonly acked: number
  /** Refused by the endpoint for good, by reason ({@link refusedForAge} is one); what is in `dead` is not among them. */
  readonly rejected: Reasons
  readonly dead: readonly DeadRequest[]
  readonly ambiguous: number
  readonly bytesOut: number
  /** Sentences of the endpoint, the first of each kind. */
  readonly said: readonly string[]
  /** Set when some of it was refused for its age, under whatever reason. */
  readonly boundary?: Boundary | undefined
}

export interface Sink {
  /** `http://tempo:4318` */
  readonly name: string
  /** What an intent has to remember so that {@link Sink.restore} can take back a page. */
  position(slice: string): Json | undefined
  /**
   * Takes back what was written of a page that was not acknowledged. True: nothing of it is there any more, so that nothing is repeated.
   * @param position of its intent; null: the slice begins anew, all that was ever written of it is taken back
   */
  restore(slice: string, position: Json | undefined): Promise<boolean>
  /**
   * Resolves when all of it is there, or refused for good. Tries for ever what can be waited out. Rejects with OB_STOPPING when aborted (nothing more is
   * known of the page then), and with OB_DESTINATION for what ends the run: no such path, not allowed.
   */
  deliver(slice: string, page: number, requests: readonly PageRequest[], abort: AbortSignal): Promise<Delivered>
  /** The slice has no more pages. */
  finish(slice: string): Promise<void>
  close(): Promise<void>
}
