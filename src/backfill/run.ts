/** A run: slices out of the ledger, several at a time, until none is left or somebody says stop. */

import type { Logger } from '../telemetry/log.ts'
import type { Ledger, Summary } from './ledger.ts'
import type { Pace, Windows } from './pacing.ts'
import type { Progress } from './progress.ts'
import type { Sink } from './sink.ts'
import type { Source } from './source.ts'

export interface RunDeps {
  readonly source: Source
  readonly ledger: Ledger
  readonly sink: Sink
  readonly pace: Pace
  readonly windows: Windows
  readonly log: Logger
  /** Wall clock, ms. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  /** Resolves after that time or when aborted, whichever is first; never rejects. */
  readonly sleep: (ms: number, abort: AbortSignal) => Promise<void>
}

export interface RunOptions {
  /** Who takes the slices: host and pid. */
  readonly owner: string
  /** Slices at a time, 1 to 256. */
  readonly parallel: number
  /** `time`: no slice begins, and no page goes out, more than `slackMs` later than the earliest one under way. */
  readonly order: 'time' | 'any'
  /** Default 30 minutes. */
  readonly slackMs?: number
  /** How long a page that is out may take after `abort`; default 10 s. Then its intent stays. */
  readonly graceMs?: number
  /** Bytes for pages; default 192 MiB. */
  readonly memoryBytes?: number
  /** Goes on behind what the destination refuses for its age, instead of stopping there. */
  readonly skipRefused?: boolean
  /** The first Ctrl-C: no new page. */
  readonly abort: AbortSignal
  /** The second: at once. */
  readonly kill?: AbortSignal
  /** At most once a second, and at the end. */
  readonly onProgress?: (progress: Progress) => void
}

/**
 * How it ended. `complete`: no slice is pending; `interrupted`: `abort`; `destination`: OB_DESTINATION; `refused`: the destination takes nothing so old
 * (`boundary`); `source`: one slice after the other could not be read for the same reason; `ledger`: it cannot be written.
 */
export type RunEnd = 'complete' | 'interrupted' | 'destination' | 'refused' | 'source' | 'ledger'

export interface RunResult {
  readonly end: RunEnd
  /** What ended it. */
  readonly error: Error | undefined
  /** Of the ledger; undefined where it cannot be read any more. */
  readonly summary: Summary | undefined
  readonly progress: Progress
}

export interface Run {
  /** Once. Never rejects but for faults of our own. */
  start(): Promise<RunResult>
  progress(): Progress
}
