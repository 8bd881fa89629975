/** Repeats what failed for a passing reason. */

import { BridgeError } from '../errors.ts'
import { isSendError, SendError, type Sender, stoppingError } from './sender.ts'

export interface RetryPolicy {
  readonly initialIntervalMs: number
  readonly maxIntervalMs: number
  /** Undefined: without end. */
  readonly maxElapsedMs: number | undefined
}

export interface RetryDeps<T> {
  readonly policy: RetryPolicy
  /** 0 ≤ x < 1 */
  readonly random: () => number
  /** Monotonic milliseconds: a clock jump must not end or prolong a wait. */
  readonly monotonicMs: () => number
  /** Resolves after the time, or at once when aborted. */
  readonly sleep: (ms: number, abort: AbortSignal) => Promise<void>
  /** Called after each failed attempt that will be repeated. */
  readonly onRetry: (item: T, error: SendError, waitMs: number) => void
}

/** The wait before repeat number `attempt` (from 0): doubling, with ±50 % jitter, never below what the endpoint asked for. */
export function backoffMs(policy: RetryPolicy, attempt: number, retryAfterSeconds: number, random: number): number {
  const base = Math.min(policy.maxIntervalMs, policy.initialIntervalMs * 2 ** Math.min(attempt, 30))
  const jittered = Math.min(policy.maxIntervalMs, Math.round(base * (0.5 + random)))
  // A little on top of Retry-After, so that those told the same second do not all come in it.
  return retryAfterSeconds > 0 ? Math.max(jittered, Math.round(retryAfterSeconds * 1000 + random * policy.initialIntervalMs)) : jittered
}

/**
 * A sender that repeats transient and throttled failures until they succeed, without end unless `maxElapsedMs` is set:
 * then the last failure becomes a permanent one with reason `retry_exhausted`. Never sleeps past that end.
 * Rejects with OB_STOPPING when aborted while waiting.
 */
export function withRetry<T>(send: Sender<T>, deps: RetryDeps<T>): Sender<T> {
  const { policy } = deps
  return async (item, abort) => {
    const startedMs = deps.monotonicMs()
    for (let attempt = 0; ; attempt++) {
      try {
        return await send(item, abort)
      } catch (error) {
        if (!isSendError(error) || error.failure === 'permanent') throw error
        const waitMs = backoffMs(policy, attempt, error.retryAfterSeconds, deps.random())
        const elapsedMs = deps.monotonicMs() - startedMs
        if (policy.maxElapsedMs !== undefined && elapsedMs + waitMs > policy.maxElapsedMs) {
          const message = `cannot deliver within ${policy.maxElapsedMs} ms (emit.retry.maxElapsed): ${error.message}`
          throw new SendError('permanent', 'retry_exhausted', message, { status: error.status, cause: error })
        }
        deps.onRetry(item, error, waitMs)
        await deps.sleep(waitMs, abort)
        if (abort.aborted) throw stoppingError()
      }
    }
  }
}

/** A real sleep that an abort ends early; never rejects. */
export function sleepUnlessAborted(ms: number, abort: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (abort.aborted) return resolve()
    const timer = setTimeout(finish, ms)
    function finish(): void {
      clearTimeout(timer)
      abort.removeEventListener('abort', finish)
      resolve()
    }
    abort.addEventListener('abort', finish)
  })
}

/** True for the error of an aborted send. */
export function isStopping(error: unknown): error is BridgeError {
  return error instanceof BridgeError && error.code === 'OB_STOPPING'
}
