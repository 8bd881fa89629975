/** How the old side has been doing: what health, page and breaker know of it. */

import { type Breaker, createBreaker } from '../emit/breaker.ts'
import type { Outcome } from './outcome.ts'

export interface WatchOptions {
  readonly failures: number
  readonly openMs: number
  readonly maxOpenMs: number
  readonly monotonicMs: () => number
  readonly nowMs: () => number
}

export interface Watch {
  readonly breaker: Breaker
  /** Counts a try that has ended. */
  heard(outcome: Outcome, tookMs: number): void
  /** Milliseconds until something may be sent; 0: now. Undefined: a try is under way that everything waits for. */
  waitMs(): number | undefined
  /** Since when it has been failing without a success, monotonic ms. */
  readonly failingSinceMs: number | undefined
  /** What keeps everything back until somebody mends it. */
  readonly halted: string | undefined
  readonly lastError: { readonly at: number; readonly text: string; readonly count: number } | undefined
  /** Smoothed, ms. */
  readonly answerMs: number | undefined
}

/** Of each new answer's time so much goes into the smoothed one. */
const weight = 0.1

/** Creates it, with nothing known. */
export function createWatch(options: WatchOptions): Watch {
  const { monotonicMs, nowMs } = options
  const breaker = createBreaker({
    failures: options.failures,
    cooldownMs: options.openMs,
    maxCooldownMs: Math.max(options.openMs, options.maxOpenMs),
    monotonicMs,
  })
  let failingSinceMs: number | undefined
  let halted: { readonly message: string; readonly untilMs: number } | undefined
  let lastError: Watch['lastError']
  let answerMs: number | undefined

  const failed = (text: string): void => {
    failingSinceMs ??= monotonicMs()
    lastError = { at: nowMs(), text, count: (lastError?.count ?? 0) + 1 }
  }
  const well = (): void => {
    failingSinceMs = undefined
    halted = undefined
    breaker.succeeded()
  }

  return {
    breaker,
    heard(outcome, tookMs) {
      if (outcome.class === 'stopped') return breaker.abandoned()
      if (outcome.class === 'delivered') answerMs = answerMs === undefined ? tookMs : answerMs + weight * (tookMs - answerMs)
      if (outcome.class === 'delivered' || outcome.class === 'poison') return well()
      if (outcome.class === 'halt') {
        failed(outcome.message)
        breaker.abandoned()
        halted = { message: outcome.message, untilMs: monotonicMs() + options.maxOpenMs }
        return
      }
      if (outcome.progress === true) return well()
      failed(outcome.message)
      breaker.failed(outcome.waitMs)
    },
    waitMs() {
      if (breaker.state() === 'trying') return undefined
      const wait = breaker.waitMs()
      return halted === undefined ? wait : Math.max(wait, halted.untilMs - monotonicMs())
    },
    get failingSinceMs() {
      return failingSinceMs
    },
    get halted() {
      return halted?.message
    },
    get lastError() {
      return lastError
    },
    get answerMs() {
      return answerMs
    },
  }
}
