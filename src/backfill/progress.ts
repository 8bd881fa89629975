/** What a run shows of itself while it goes: counts since it was started, phases, slices under way, what was said. Bounded whatever the history. */

import { addCounts, noCounts } from './counts.ts'
import type { Counts } from './ledger.ts'
import type { PaceState } from './pacing.ts'

/** What a slice is doing: reading (and translating) with nothing out, a page is out, or it waits for rate, order, memory or time of day. */
export type SlicePhase = 'read' | 'send' | 'wait'

/** A slice that is under way. */
export interface RunningSlice {
  readonly id: string
  readonly group: string
  readonly phase: SlicePhase
  /** Since when, monotonic ms. */
  readonly phaseSinceMs: number
  /** Time of the last item that was acknowledged; before that where the slice begins. Undefined: not known. */
  readonly positionMs: number | undefined
  /** Pages and items (of the source) acknowledged since it was taken. */
  readonly pages: number
  readonly read: number
  /** Items of the slice as planned, and of all that is acknowledged; for a share. */
  readonly planned: number
  readonly readBefore: number
}

/** A sentence, and whose it is. */
export interface Said {
  readonly side: 'source' | 'destination' | 'ledger'
  /** Wall clock, ms. */
  readonly atMs: number
  readonly group: string
  readonly message: string
}

export type RunState = 'running' | 'waiting' | 'stopping' | 'ended'

export interface Progress {
  readonly state: RunState
  /** Wall clock, ms: `--only` lets it go on then. */
  readonly waitingUntilMs: number | undefined
  /** Wall clock and monotonic, ms. */
  readonly startedMs: number
  readonly elapsedMs: number
  /** Since this start. Of the whole run: `Ledger.summary()`. */
  readonly counts: Counts
  /** Items of the source a second, over the last ten seconds. */
  readonly perSecond: number
  /** Sums over all slices, ms. `wait`: for rate, order, memory, time of day; `commit`: for the ledger. */
  readonly phases: {
    readonly read: number
    readonly translate: number
    readonly send: number
    readonly wait: number
    readonly commit: number
  }
  readonly running: readonly RunningSlice[]
  /** Slices that may be under way now, and why not more: `memory`, `pace`, `order`; empty: --parallel. */
  readonly parallel: number
  readonly parallelReason: string
  /** Nothing of before it is unfinished, among what is under way, ms; undefined: nothing has a time. */
  readonly frontierMs: number | undefined
  readonly pace: PaceState
  /** Slices that ended since the start. */
  readonly ended: { readonly done: number; readonly done_with_losses: number; readonly failed: number }
  /** The last ten. */
  readonly said: readonly Said[]
}

/** What a slice tells of itself; read by the progress and by the gates. */
export interface SliceView {
  readonly id: string
  readonly group: string
  readonly fromMs: number | undefined
  readonly planned: number
  readonly readBefore: number
  phase: SlicePhase
  phaseSinceMs: number
  positionMs: number | undefined
  pages: number
  read: number
}

export interface Tally {
  add(counts: Counts): void
  /** OTLP items that go out again. */
  resent(items: number): void
  waited(ms: number): void
  committed(ms: number): void
  said(one: Said): void
  readonly counts: Counts
  readonly phases: Progress['phases']
  readonly lines: readonly Said[]
  perSecond(): number
}

const windowMs = 10_000
const mostSaid = 10

/** Counts since the start. */
export function createTally(monotonicMs: () => number): Tally {
  let counts = noCounts
  let wait = 0
  let commit = 0
  const lines: Said[] = []
  const started = monotonicMs()
  /** Items at moments, one a second at most. */
  const marks: { at: number; items: number }[] = [{ at: started, items: 0 }]

  return {
    add(more) {
      counts = addCounts(counts, more)
      const at = monotonicMs()
      if (at - (marks.at(-1)?.at ?? 0) < 1000) return
      marks.push({ at, items: counts.read })
      while ((marks[1]?.at ?? at) < at - windowMs) marks.shift()
    },
    resent(items) {
      counts = { ...counts, resent: counts.resent + items }
    },
    waited(ms) {
      wait += ms
    },
    committed(ms) {
      commit += ms
    },
    said(one) {
      const message = one.message.slice(0, 1000)
      if (lines.at(-1)?.message === message) lines.pop()
      lines.push({ ...one, message })
      if (lines.length > mostSaid) lines.shift()
    },
    get counts() {
      return counts
    },
    get phases() {
      return { read: counts.readMs, translate: counts.translateMs, send: counts.sendMs, wait, commit }
    },
    lines,
    perSecond() {
      const at = monotonicMs()
      const from = marks.find((one) => one.at >= at - windowMs - 1000) ?? marks.at(-1)
      if (from === undefined || at <= from.at) return 0
      return ((counts.read - from.items) * 1000) / (at - from.at)
    },
  }
}
