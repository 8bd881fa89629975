/** How fast a run goes, and when: what the engine asks for; the answers are in pace.ts and windows.ts (../../docs/backfill.md, mapping §3.5). */

/** Who has asked for less. */
export type Side = 'source' | 'destination'

/** A page that was read and sent. Times in ms; what was waited for in `take` is not in them. */
export interface PageTimes {
  readonly items: number
  readonly bytes: number
  readonly readMs: number
  readonly translateMs: number
  readonly sendMs: number
}

/** What somebody sees of it. */
export interface PaceState {
  /** Items a second that are allowed now; undefined: no limit is known yet. */
  readonly itemsPerSecond: number | undefined
  /** Why it is not more: `source slow (×2.4)`, `429 of the destination`, `--rate`. Empty: nothing holds it back. */
  readonly reason: string
  /** Wall clock, ms; set while it has stopped for minutes. */
  readonly pausedUntilMs: number | undefined
}

/** One budget for all slices of a process. */
export interface Pace {
  /** Resolves when a page of so many OTLP items, so many bytes of OTLP, may be sent. Rejects with OB_STOPPING when aborted. */
  take(items: number, bytes: number, abort: AbortSignal): Promise<void>
  /** A page came through. */
  observed(page: PageTimes): void
  /** A 429, a 503, a time-out, a circuit breaker. @param retryAfterMs 0: it did not say */
  distress(side: Side, reason: string, retryAfterMs: number): void
  /** How many slices should be under way now, out of `most`; at least 1. Asked before a slice is begun and after each page. */
  parallel(most: number): number
  state(): PaceState
  /** Stops its timers. */
  close(): void
}

/** `--only 22:00-06:00` */
export interface Windows {
  /** 0: go on; else how long to wait, ms. Asked before each page is read. */
  waitMs(nowMs: number): number
  /** As it was written: `22:00-06:00@Europe/Berlin`. */
  readonly text: string
}

/** As fast as both sides can. */
export const unpaced: Pace = {
  async take() {},
  observed() {},
  distress() {},
  parallel: (most) => most,
  state: () => ({ itemsPerSecond: undefined, reason: '', pausedUntilMs: undefined }),
  close() {},
}

/** At any time. */
export const always: Windows = { waitMs: () => 0, text: '' }
