/** The circuit breaker of one endpoint: leaves it alone after failures in a row, and lets one request try it now and then. */

export interface BreakerOptions {
  readonly failures: number
  readonly cooldownMs: number
  readonly maxCooldownMs: number
  /** Monotonic milliseconds. */
  readonly monotonicMs: () => number
}

/**
 * `closed`: all is well. `open`: left alone. `due`: the time is over, one request may try. `trying`: one does; it is left alone
 * otherwise. `resting`: it asked for a pause and is well.
 */
export type BreakerState = 'closed' | 'open' | 'due' | 'trying' | 'resting'

export interface Breaker {
  state(): BreakerState
  /** Milliseconds until a request may try; 0 when one may now. */
  waitMs(): number
  /** Called before each request. In state `due` this is the one that tries. */
  begin(): void
  succeeded(): void
  /** @param pauseMs how long the endpoint asked to be left alone: that is not a failure. 0: it is one */
  failed(pauseMs?: number): void
  /** The request was given up for reasons of our own: it says nothing about the endpoint. */
  abandoned(): void
}

/** Creates a closed breaker. */
export function createBreaker(options: BreakerOptions): Breaker {
  const { monotonicMs } = options
  let failures = 0
  let open = false
  let trying = false
  let cooldownMs = options.cooldownMs
  let untilMs = Number.NEGATIVE_INFINITY

  const state = (): BreakerState => {
    if (trying) return 'trying'
    const waiting = monotonicMs() < untilMs
    if (open) return waiting ? 'open' : 'due'
    return waiting ? 'resting' : 'closed'
  }

  return {
    state,
    waitMs: () => Math.max(0, untilMs - monotonicMs()),
    begin() {
      if (state() === 'due') trying = true
    },
    succeeded() {
      failures = 0
      open = false
      trying = false
      cooldownMs = options.cooldownMs
      untilMs = Number.NEGATIVE_INFINITY
    },
    failed(pauseMs = 0) {
      if (pauseMs > 0) {
        // It answers, so it is not to be given up; when the pause is over it gets what is its share.
        failures = 0
        open = false
        trying = false
        untilMs = Math.max(untilMs, monotonicMs() + pauseMs)
        return
      }
      failures++
      // Requests that were under way when it opened fail too: they do not make the pause longer.
      if (open && !trying) return
      if (!open && failures < options.failures) return
      if (trying) cooldownMs = Math.min(cooldownMs * 2, options.maxCooldownMs)
      open = true
      trying = false
      untilMs = monotonicMs() + cooldownMs
    },
    abandoned() {
      trying = false
    },
  }
}
