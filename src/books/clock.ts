/** The minute it is, by a clock that does not jump with the wall clock. */

import type { Logger } from '../telemetry/log.ts'

export interface BooksClockDeps {
  /** Wall clock, ms. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  readonly log: Logger
}

export interface BooksClock {
  /** Minutes since 1970, UTC. Cheap: asked for every request. */
  minute(): number
  /** Wall clock as the books see it. */
  nowMs(): number
  /** Looks at the wall clock and follows it when it differs by more than 2 s; to be called once a second. */
  check(): void
}

const tolerated = 2000

/** Creates the clock of the books: anchored now, and anew whenever the wall clock was set. Both anchors are logged. */
export function createBooksClock({ nowMs, monotonicMs, log }: BooksClockDeps): BooksClock {
  let wall = nowMs()
  let monotonic = monotonicMs()
  let current = Math.floor(wall / 60_000)
  let next = monotonic + (current + 1) * 60_000 - wall

  const now = (): number => wall + monotonicMs() - monotonic
  const turn = (at: number): void => {
    const ms = wall + at - monotonic
    current = Math.floor(ms / 60_000)
    next = at + (current + 1) * 60_000 - ms
  }

  return {
    minute() {
      const at = monotonicMs()
      if (at >= next) turn(at)
      return current
    },
    nowMs: now,
    check() {
      const before = now()
      const after = nowMs()
      if (Math.abs(after - before) <= tolerated) return
      log.warn({ before: new Date(before).toISOString(), after: new Date(after).toISOString() }, 'the clock was set: the books follow it')
      wall = after
      monotonic = monotonicMs()
      turn(monotonic)
    },
  }
}
