/** A run: slices out of the ledger, several at a time, until none is left or somebody says stop. */

import type { Logger } from '../telemetry/log.ts'
import { createGates } from './gates.ts'
import type { Ledger, Summary, Taken } from './ledger.ts'
import { createMemoryBudget } from './memory.ts'
import type { Pace, Windows } from './pacing.ts'
import { createTally, type Progress, type RunState } from './progress.ts'
import type { Sink } from './sink.ts'
import { runSlice, type SliceDeps, type SliceEnd } from './slice-run.ts'
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
  /** Several machines: the least time of which something is unfinished anywhere. */
  readonly othersMs?: () => number | undefined
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

/** Slices that fail for one of these reasons, one after the other, mean that the source as a whole cannot be read. */
const wholeSource: ReadonlySet<string> = new Set(['unauthorised', 'source_error'])
const mostInARow = 10
const tickMs = 1000

/** The work's outcome, or undefined when aborted before. Leaves nothing behind at the signal, which lives as long as the run. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const leave = (): void => resolve(undefined)
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}

/** Prepares a run over the pending slices of a ledger; planning and adding them is the caller's. Closes nothing that it was given. */
export function createRun(deps: RunDeps, options: RunOptions): Run {
  const { ledger, pace, windows, nowMs, monotonicMs, sleep } = deps
  const { order, slackMs = 30 * 60_000, graceMs = 10_000 } = options
  const parallel = Math.max(1, Math.min(256, options.parallel))
  const memory = createMemoryBudget(options.memoryBytes)
  const gates = createGates({ parallel, order, slackMs, pace, memory, othersMs: options.othersMs })
  const tally = createTally(monotonicMs)
  const soft = new AbortController()
  const hard = new AbortController()
  const startedMs = nowMs()
  const startedAt = monotonicMs()
  const ended = { done: 0, done_with_losses: 0, failed: 0 }
  let state: RunState = 'running'
  let end: RunEnd = 'complete'
  let error: Error | undefined
  let boundaryMs: number | undefined
  let inARow = 0
  let lastReason = ''
  /** Ends the wait of the loop: a slice has ended, or the run shall stop. */
  let wake = new AbortController()

  const changed = (): void => {
    wake.abort()
  }

  const stop = (why: RunEnd, cause: Error | undefined): void => {
    if (soft.signal.aborted) return
    end = why
    error = cause
    state = 'stopping'
    soft.abort()
    changed()
    void sleep(graceMs, hard.signal).then(() => hard.abort())
  }
  const onAbort = (): void => stop('interrupted', undefined)
  const onKill = (): void => {
    onAbort()
    hard.abort()
  }

  const progress = (): Progress => {
    const { slices, reason } = gates.allowed()
    const waitMs = state === 'running' ? windows.waitMs(nowMs()) : 0
    const held = reason === '' && order === 'time' && gates.size > 0 && gates.size < slices
    return {
      state: waitMs > 0 ? 'waiting' : state,
      waitingUntilMs: waitMs > 0 ? nowMs() + waitMs : undefined,
      startedMs,
      elapsedMs: monotonicMs() - startedAt,
      counts: tally.counts,
      perSecond: tally.perSecond(),
      phases: tally.phases,
      running: [...gates.views].map((view) => ({ ...view })),
      parallel: slices,
      parallelReason: held ? 'order' : reason,
      frontierMs: gates.frontierMs(),
      pace: pace.state(),
      ended: { ...ended },
      said: [...tally.lines],
    }
  }

  const sliceDeps: SliceDeps = {
    ...deps,
    gates,
    memory,
    tally,
    skipRefused: options.skipRefused === true,
    soft: soft.signal,
    hard: hard.signal,
    onRefused(ms) {
      boundaryMs = Math.max(boundaryMs ?? ms, ms)
    },
  }

  const onEnd = (one: SliceEnd): void => {
    if (one.kind === 'done' || one.kind === 'done_with_losses' || one.kind === 'failed') ended[one.kind]++
    if (one.ends !== undefined) stop(one.ends, one.error)
    inARow = one.kind !== 'failed' ? 0 : one.reason === lastReason ? inARow + 1 : 1
    lastReason = one.reason
    if (one.kind === 'failed' && wholeSource.has(one.reason) && inARow >= mostInARow) stop('source', one.error)
    changed()
  }

  /** Undefined: there is none that may begin now. A ledger that does not answer (a full disk) holds up no stop. */
  const take = async (beginsByMs: number | undefined): Promise<Taken | undefined> => {
    try {
      return await untilAborted(ledger.take(options.owner, { beginsByMs, endsAfterMs: boundaryMs }), hard.signal)
    } catch (cause) {
      stop('ledger', cause instanceof Error ? cause : new Error(String(cause)))
      return undefined
    }
  }

  const pause = async (ms: number): Promise<void> => {
    await sleep(ms, wake.signal)
    if (wake.signal.aborted) wake = new AbortController()
  }

  /** True while the time of day forbids it, after having waited for a while. */
  const closed = async (): Promise<boolean> => {
    const waitMs = windows.waitMs(nowMs())
    if (waitMs <= 0) return false
    await pause(Math.min(waitMs, tickMs))
    return true
  }

  const slices = async (): Promise<void> => {
    const running = new Set<Promise<void>>()
    while (!soft.signal.aborted) {
      if (await closed()) continue
      const isRoom = running.size < gates.allowed().slices
      const beginsByMs = gates.beginsByMs()
      const taken = isRoom ? await take(beginsByMs) : undefined
      if (taken !== undefined) {
        const one = runSlice(taken, sliceDeps)
          .then(onEnd, (cause: unknown) => stop('ledger', cause instanceof Error ? cause : new Error(String(cause))))
          .finally(() => running.delete(one))
        running.add(one)
        continue
      }
      // Where slices were held back, what held them may have ended while the ledger was asked: then it is asked again.
      if (running.size === 0 && beginsByMs === undefined) break
      await pause(tickMs)
    }
    await Promise.all(running)
  }

  const tick = async (over: AbortSignal): Promise<void> => {
    while (!over.aborted) {
      await sleep(tickMs, over)
      gates.changed()
      options.onProgress?.(progress())
    }
  }

  return {
    progress,
    async start() {
      if (options.abort.aborted) onAbort()
      options.abort.addEventListener('abort', onAbort, { once: true })
      options.kill?.addEventListener('abort', onKill, { once: true })
      const over = new AbortController()
      const ticks = tick(over.signal)
      try {
        await slices()
      } finally {
        state = 'ended'
        over.abort()
        hard.abort()
        options.abort.removeEventListener('abort', onAbort)
        options.kill?.removeEventListener('abort', onKill)
        await ticks
      }
      const summary = await ledger.summary().catch(() => undefined)
      return { end, error, summary, progress: progress() }
    },
  }
}

/** Runs all slices that are pending. See {@link createRun} for one that is looked at from elsewhere. */
export function runBackfill(deps: RunDeps, options: RunOptions): Promise<RunResult> {
  return createRun(deps, options).start()
}
