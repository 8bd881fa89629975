/** What a mirror says of itself. */

import type { BreakerState } from '../emit/breaker.ts'
import type { DeadItem } from './outcome.ts'

/** An item that the old side refused for good while it took others of the request. */
export interface RefusedItem extends DeadItem {
  /** ms */
  readonly at: number
  /** Id of the request's envelope; `from` and `to` are places in its uncompressed body. */
  readonly envelope: string
}

/** A sender whose oldest request has been tried for longer than `laneStall`. */
export interface StalledLane {
  /** Address of the sender. */
  readonly from: string
  /** Since when, ms of the wall clock. */
  readonly sinceMs: number
  readonly tries: number
  readonly error: string
  /** Requests of it that wait behind that one, as far as they are in memory. */
  readonly behind: number
}

/** An old side as it is now, for the page. */
export interface MirrorStatus {
  /** `slow`: it answers, after more than a second, or what waits for it is older than half a minute. `off`: it gets nothing. */
  readonly state: 'up' | 'slow' | 'down' | 'off'
  /** The last failure that was not about one request alone; how many there were. */
  readonly lastError: { readonly at: number; readonly text: string; readonly count: number } | undefined
  readonly breaker: BreakerState
  readonly inFlight: number
  /** Waiting, those under way included. */
  readonly waiting: { readonly requests: number; readonly items: number; readonly bytes: number; readonly oldestMs: number | undefined }
  /** Time from the first byte out to the end of the answer, smoothed, ms. */
  readonly answerMs: number | undefined
  /** Nothing goes until somebody mends this. */
  readonly halted: string | undefined
  /** The last of them, oldest first. */
  readonly refused: readonly RefusedItem[]
  /** Oldest first, ten at most. */
  readonly stalled: readonly StalledLane[]
}
