/** What a run shows while it goes: a bar on a terminal, a line every ten seconds elsewhere. All of it on stderr. */

import type { Ledger, Summary } from '../backfill/ledger.ts'
import type { Progress } from '../backfill/progress.ts'
import { createScreen, progressLine, progressLines } from '../backfill/progress-view.ts'
import type { Io } from './io.ts'

export interface RunScreen {
  /** Text that stays. */
  say(text: string): void
  /** Draws a last time. */
  end(): Promise<void>
}

/** Draws often enough for the eye; the ledger is asked once a second. */
const drawMs = 125
const askMs = 1000
const lineMs = 10_000

export interface ScreenOptions {
  readonly io: Io
  readonly source: string
  readonly ledger: Ledger
  readonly progress: () => Progress
  /** Of the terminal, now. */
  readonly columns: () => number
}

/** Begins at once. Nothing that goes wrong here ends the run. */
export function createRunScreen({ io, source, ledger, progress, columns }: ScreenOptions): RunScreen {
  const screen = createScreen(io.err)
  let summary: Summary | undefined
  let asking = false
  let ended = false
  let shown = 0

  const ask = async (): Promise<void> => {
    if (asking) return
    asking = true
    try {
      summary = await ledger.summary()
    } catch {
      // A ledger that cannot be read ends the run, which says so.
    } finally {
      asking = false
    }
  }
  /** What was said by either side since the last look. */
  const sayNew = (): void => {
    for (const { side, atMs, group, message } of progress().said.filter((one) => one.atMs > shown)) {
      shown = Math.max(shown, atMs)
      say(`${side}${group === '' ? '' : ` (${group})`}: ${message}\n`)
    }
  }
  const draw = (): void => {
    if (summary === undefined) return
    sayNew()
    const view = { source, summary, progress: progress() }
    if (io.terminal) screen.draw(progressLines(view, columns()))
  }
  const line = (): void => {
    if (summary !== undefined) io.err(`${progressLine({ source, summary, progress: progress() })}\n`)
  }
  const say = (text: string): void => (io.terminal ? screen.say(text) : io.err(text))

  const timers = [
    setInterval(() => void ask(), askMs),
    ...(io.terminal ? [setInterval(draw, drawMs)] : [setInterval(sayNew, askMs), setInterval(line, lineMs)]),
  ]
  void ask().then(() => {
    if (!ended) draw()
  })
  return {
    say,
    async end() {
      ended = true
      for (const timer of timers) clearInterval(timer)
      asking = false
      await ask()
      sayNew()
      if (io.terminal) draw()
      else line()
      screen.end()
    },
  }
}
