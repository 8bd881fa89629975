/** One request to one destination, with the live emitter's own links: again and again while it may pass, until it is taken or refused for good. */

import type { DestinationConfig } from '../emit/destinations.ts'
import { backoffMs, isStopping, sleepUnlessAborted, withRetry } from '../emit/retry.ts'
import { isSendError, type OutgoingRequest, type PartialSuccess, SendError, type Sender, stoppingError } from '../emit/sender.ts'
import type { Sending } from '../emit/sending.ts'
import { worthSplitting } from '../emit/transport/classify.ts'
import type { WireRequest } from '../emit/transport/wire.ts'
import { BridgeError, isBridgeError } from '../errors.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Batch, Tally } from './lane-model.ts'

/** Taken, perhaps not all of it; or refused for good. */
export type Answer =
  | { readonly taken: true; readonly partial: PartialSuccess | undefined }
  | {
      readonly taken: false
      readonly error: SendError
      /** It is the destination that fails, always alike; whether on this request alone is for others to say. */
      readonly failing: boolean
    }

export interface AttemptDeps {
  readonly log: Logger
  readonly metrics: Metrics
  readonly monotonicMs: () => number
  /** 0 ≤ x < 1 */
  readonly random: () => number
  readonly sleep?: ((ms: number, abort: AbortSignal) => Promise<void>) | undefined
  /** The destination asks for less. @param retryAfterMs 0: it did not say */
  readonly distress: (reason: string, retryAfterMs: number) => void
  /** How long nobody is to be asked, ms: added to each wait before a repeat. */
  readonly pausedMs?: (() => number) | undefined
}

export interface Attempt {
  /**
   * Sends until the destination has it or refuses it; what is lost on the way is sent again, in the same bytes. Rejects with OB_STOPPING when aborted, and
   * with OB_DESTINATION for a refusal that has nothing to do with the data.
   * @param failures how often the same fault of the destination (HTTP 500) is borne before it counts as an answer
   */
  send(batch: Batch, tally: Tally, abort: AbortSignal, failures: number): Promise<Answer>
  /** Waits as before the repeat number `attempt`, from 0. */
  wait(attempt: number, abort: AbortSignal): Promise<void>
  /** Requests that were taken. */
  successes(): number
}

/** Passing, though the specification of OTLP does not list them: a time-out and a request too early. */
const passing: ReadonlySet<number> = new Set([408, 425])

/** Faults of the destination that are about how it is asked. */
const unasked: ReadonlySet<number> = new Set([501, 505, 511])

/** At most one line of a kind a minute: what is frequent is counted, not logged. */
const logEveryMs = 60_000

/** Numbers apart: ids and times in a text do not make it another one. */
const sameText = (text: string): string => text.replace(/[0-9a-f]*\d[0-9a-f]*/gi, '#')

/** Lets so many in at a time, first come, first served. */
function createGate(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let inside = 0
  return async (work) => {
    if (inside < most) inside++
    else await new Promise<void>((go) => waiting.push(go))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) inside--
      else next()
    }
  }
}

/** A destination's way to be asked. */
export function createAttempt(config: DestinationConfig, sending: Sending, deps: AttemptDeps): Attempt {
  const { log, metrics } = deps
  const sleep = deps.sleep ?? sleepUnlessAborted
  const own = { destination: config.name }
  const policy = { ...config.retry, maxElapsedMs: undefined }
  const logged = new Map<string, number>()
  // Time spent waiting for a connection must not count as time without an answer.
  const gate = createGate(config.concurrency)
  let successes = 0

  const rarely = (kind: string, fields: object, text: string): void => {
    const last = logged.get(kind)
    if (last !== undefined && deps.monotonicMs() - last < logEveryMs) return
    logged.set(kind, deps.monotonicMs())
    log.warn({ ...own, ...fields }, text)
  }

  const observed: Sender<WireRequest> = async (request, abort) => {
    const count = (outcome: string): void => {
      metrics.counter('otlp_bridge_backfill_requests_total', { signal: request.signal, ...own, outcome }).value++
    }
    try {
      await gate(() => sending.transport(request, abort))
    } catch (error) {
      if (isSendError(error)) count(error.failure)
      throw error
    }
    count('sent')
  }

  const pause = async (ms: number, abort: AbortSignal): Promise<void> => {
    await sleep(Math.max(ms, deps.pausedMs?.() ?? 0), abort)
    if (abort.aborted) throw stoppingError()
  }

  const distressed = (error: SendError): void => {
    deps.distress(error.reason, error.retryAfterSeconds * 1000)
    rarely(`retry ${error.reason}`, { reason: error.reason }, `${error.message}; trying again`)
  }

  const encoded: Sender<OutgoingRequest> = sending.encode(
    withRetry(observed, {
      policy,
      random: deps.random,
      monotonicMs: deps.monotonicMs,
      sleep: pause,
      onRetry(request, error) {
        request.onRepeat(error.mayHaveArrived)
        distressed(error)
      },
    }),
  )

  const once = async (batch: Batch, tally: Tally, abort: AbortSignal): Promise<Answer> => {
    let partial: PartialSuccess | undefined
    try {
      await encoded(
        {
          signal: batch.signal,
          parts: batch.parts,
          bytes: batch.bytes,
          items: batch.items,
          onRepeat: (mayHaveArrived) => {
            tally.failedTries++
            if (mayHaveArrived === true) tally.ambiguous += batch.items
          },
          onPartialSuccess: (one) => void (partial = one),
        },
        abort,
      )
    } catch (error) {
      if (isSendError(error)) return { taken: false, error, failing: false }
      if (isStopping(error) || abort.aborted) throw error
      // A fault of ours, such as bytes that cannot be written as JSON: some of it may be fine.
      const message = error instanceof Error ? error.message : String(error)
      const reason = isBridgeError(error) ? error.code.slice(3).toLowerCase() : 'internal'
      const fault = new SendError('permanent', reason, `cannot prepare request: ${message}`, { status: 400, cause: error })
      return { taken: false, error: fault, failing: false }
    }
    successes++
    tally.bytesOut += batch.bytes
    return { taken: true, partial }
  }

  const wait = (attempt: number, abort: AbortSignal): Promise<void> => pause(backoffMs(policy, attempt, 0, deps.random()), abort)

  return {
    successes: () => successes,
    wait,
    async send(batch, tally, abort, failures) {
      let text = ''
      let same = 0
      for (let tries = 0; ; tries++) {
        const answer = await once(batch, tally, abort)
        if (answer.taken) return answer
        tally.failedTries++
        const { error } = answer
        const { status } = error
        if (passing.has(status) || (status >= 500 && !unasked.has(status))) {
          const now = sameText(error.message)
          same = now === text ? same + 1 : 1
          text = now
          if (status >= 500 && same >= failures) return { taken: false, error, failing: true }
          distressed(error)
          await wait(tries, abort)
          continue
        }
        if (worthSplitting(error)) return answer
        const message = `cannot deliver to ${config.name}: ${error.message}`
        throw new BridgeError('OB_DESTINATION', message, { place: config.section, cause: error })
      }
    },
  }
}
