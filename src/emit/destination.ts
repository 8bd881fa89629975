/** One destination: a loop that takes from the queue, merges, sends with a bound on what is in flight, and settles. */

import PQueue from 'p-queue'
import { isBridgeError } from '../errors.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type BatcherOptions, createBatcher } from './batcher.ts'
import { createHealthWatch, type EmitHealth } from './health.ts'
import type { Lane, QueuedBatch } from './queue/queue.ts'
import { isStopping, type RetryPolicy, sleepUnlessAborted, withRetry } from './retry.ts'
import { isSendError, type OutgoingRequest, type PartialSuccess, SendError, type Sender, stoppingError } from './sender.ts'
import { worthSplitting } from './transport/classify.ts'
import type { WireRequest } from './transport/wire.ts'

export interface DestinationOptions {
  readonly name: string
  readonly concurrency: number
  readonly retry: RetryPolicy
  readonly batch: BatcherOptions
  /** True when what is left at the stop survives it: then the stop does not wait for a failing endpoint. */
  readonly queueSurvives: boolean
}

export interface DestinationDeps {
  readonly lane: Lane
  /** One try, its time limits included. */
  readonly transport: Sender<WireRequest>
  /** Puts the body together once for all tries: see encode.ts. */
  readonly encode: (send: Sender<WireRequest>) => Sender<OutgoingRequest>
  readonly metrics: Metrics
  readonly log: Logger
  readonly random: () => number
  readonly monotonicMs: () => number
  readonly sleep?: (ms: number, abort: AbortSignal) => Promise<void>
}

export interface Destination {
  health(): EmitHealth
  /** Sends what is in flight and what still can be sent, releases the rest, and resolves at the latest after the time given. */
  stop(deadlineMs: number): Promise<void>
  /** Takes nothing more, finishes what is under way within the time given, and releases the rest for another to send. */
  handOver(deadlineMs: number): Promise<void>
}

/** How often a stopping destination looks whether it is done. */
const drainPollMs = 5

/** A success after this long without one ends an outage; one of an endpoint that fails now and then does not. */
const recoveryMs = 2000

/** At most one line of a kind a minute: what is frequent is counted, not logged. */
const logEveryMs = 60_000

/** Starts a destination. It runs until stopped; no failure of the endpoint or the queue ends it. */
export function startDestination(options: DestinationOptions, deps: DestinationDeps): Destination {
  const { lane, metrics, log, monotonicMs } = deps
  const { name } = options
  const sleep = deps.sleep ?? sleepUnlessAborted
  const own = { destination: name }
  const flying = new PQueue({ concurrency: options.concurrency })
  const cut = new AbortController()
  const stopping = new AbortController()
  const leaving = new AbortController()
  let recovered = new AbortController()
  let askedToWait = false
  let lastSuccessMs = Number.NEGATIVE_INFINITY
  const watch = createHealthWatch({ destination: name, lane, monotonicMs, inFlight: () => flying.pending })
  const repeated = metrics.counter('otlp_bridge_repeated_items_total', own)
  /** What ended tries that were under way: the endpoint may have the request. */
  const cutOff = new WeakSet<Error>()
  const logged = new Map<string, number>()

  const rarely = (kind: string, say: () => void): void => {
    const last = logged.get(kind)
    if (last !== undefined && monotonicMs() - last < logEveryMs) return
    logged.set(kind, monotonicMs())
    say()
  }

  const observed: Sender<WireRequest> = async (request, abort) => {
    const count = (outcome: string): void => {
      metrics.counter('otlp_bridge_sent_requests_total', { signal: request.signal, ...own, outcome }).value++
    }
    try {
      await deps.transport(request, abort)
    } catch (error) {
      if (isSendError(error)) {
        count(error.failure)
        watch.failed(error)
      } else if (isStopping(error)) cutOff.add(error)
      throw error
    }
    count('sent')
    watch.succeeded()
    // The endpoint is back: those who wait to try again are older than what would be sent next.
    const now = monotonicMs()
    if (now - lastSuccessMs > recoveryMs) {
      recovered.abort()
      recovered = new AbortController()
    }
    lastSuccessMs = now
    metrics.counter('otlp_bridge_sent_bytes_total', { signal: request.signal, ...own }).value += request.bytes
  }

  const onRetry = (request: WireRequest, error: SendError, waitMs: number): void => {
    request.onRepeat()
    askedToWait = error.retryAfterSeconds > 0
    metrics.counter('otlp_bridge_retries_total', { ...own, reason: error.reason }).value++
    if (error.mayHaveArrived) repeated.value += request.items
    rarely(`retry ${error.reason}`, () => log.warn({ ...own, reason: error.reason, waitMs }, `${error.message}; trying again`))
  }

  const retrySleep = async (ms: number, abort: AbortSignal): Promise<void> => {
    // Called right after `onRetry`: a wait that the endpoint asked for is kept to the end.
    const ends = askedToWait ? [abort, leaving.signal] : [abort, leaving.signal, recovered.signal]
    if (leaving.signal.aborted) throw stoppingError()
    if (!options.queueSurvives) {
      await sleep(ms, AbortSignal.any(ends))
      if (leaving.signal.aborted) throw stoppingError()
      return
    }
    // A stopping bridge does not wait for an endpoint that fails: what is on disk is sent after the next start.
    await sleep(ms, AbortSignal.any([...ends, stopping.signal]))
    if (leaving.signal.aborted) throw stoppingError()
    if (stopping.signal.aborted) {
      cut.abort()
      throw stoppingError()
    }
  }

  // The queue holds the batch; around it, from the outside in: encode once, repeat, observe, send.
  const send = deps.encode(
    withRetry(observed, {
      policy: options.retry,
      random: deps.random,
      monotonicMs,
      sleep: retrySleep,
      onRetry,
    }),
  )

  const onPartialSuccess = (batches: readonly QueuedBatch[], items: number, partial: PartialSuccess): number => {
    const rejected = Math.min(partial.rejectedItems, items)
    const { format, signal } = batches[0] as QueuedBatch
    if (rejected > 0) {
      metrics.books(format, signal).at(name).dropped('endpoint_rejected').value += rejected
      metrics.counter('otlp_bridge_rejected_items_total', { format, signal, ...own }).value += rejected
    }
    rarely('partial success', () =>
      log.warn({ ...own, rejected }, `the endpoint took a request but not all of it: ${partial.message || 'it gave no reason'}`),
    )
    return rejected
  }

  const refuse = async (batches: readonly QueuedBatch[], error: SendError): Promise<void> => {
    if (batches.length > 1 && worthSplitting(error)) {
      const half = batches.length >> 1
      await deliver(batches.slice(0, half))
      await deliver(batches.slice(half))
      return
    }
    let items = 0
    for (const batch of batches) items += batch.items
    rarely(`refused ${error.reason}`, () => log.error({ ...own, reason: error.reason, items }, `${error.message}; to the dead letters`))
    await lane.bury(batches, error.reason, error.message)
    watch.moved()
  }

  const deliver = async (batches: readonly QueuedBatch[]): Promise<void> => {
    const first = batches[0]
    if (first === undefined) return
    if (cut.signal.aborted) return lane.release(batches)
    const { signal } = first
    // Somebody has moved a mirror's rows to this destination.
    if (signal === 'legacy') return lane.bury(batches, 'not_otlp', 'cannot send a request of a mirror: it is not OTLP')
    let items = 0
    let bytes = 0
    let rejected = 0
    let repeats = false
    for (const batch of batches) {
      items += batch.items
      bytes += batch.data.byteLength
    }
    const startedMs = monotonicMs()
    try {
      await send(
        {
          signal,
          parts: batches.map((batch) => batch.data),
          bytes,
          items,
          onRepeat: () => void (repeats = true),
          onPartialSuccess: (partial) => void (rejected = onPartialSuccess(batches, items, partial)),
        },
        cut.signal,
      )
    } catch (error) {
      if (isStopping(error)) return lane.release(batches, cutOff.has(error))
      if (isSendError(error)) return refuse(batches, error)
      // A fault of ours, such as a batch that cannot be written as JSON: it must not block the others.
      const message = error instanceof Error ? error.message : String(error)
      const reason = isBridgeError(error) ? error.code.slice(3).toLowerCase() : 'internal'
      // Status 400: one of several merged batches may be the culprit, so they are tried apart.
      return refuse(batches, new SendError('permanent', reason, `cannot prepare request: ${message}`, { status: 400, cause: error }))
    }
    metrics.books(first.format, first.signal).at(name).delivered.value += items - rejected
    metrics.histogram('otlp_bridge_stage_seconds', { stage: 'send', format: first.format }).observe((monotonicMs() - startedMs) / 1000)
    watch.moved()
    // Not awaited: the next request need not wait for the removal to be stored, and it never rejects.
    // After a failed try a dying connection may still hold the memory.
    void lane.settle(batches, !repeats, rejected)
  }

  const over = AbortSignal.any([cut.signal, leaving.signal])
  const batcher = createBatcher(options.batch, { lane, abort: over, monotonicMs, sleep })

  const round = async (): Promise<void> => {
    await flying.onSizeLessThan(1)
    let batches: readonly QueuedBatch[]
    try {
      batches = await batcher.next()
    } catch (error) {
      rarely('take', () => log.error({ ...own }, `cannot read the queue: ${error instanceof Error ? error.message : String(error)}`))
      return sleep(1000, over)
    }
    if (batches.length === 0) return
    for (const batch of batches) if (batch.maybeSent) repeated.value += batch.items
    void flying.add(async () => {
      try {
        await deliver(batches)
      } catch (error) {
        // Only a fault of ours comes here; nothing may be lost by it.
        log.error({ ...own }, `BUG: cannot deliver: ${error instanceof Error ? error.stack : String(error)}`)
        lane.release(batches)
      }
    })
  }

  const loop = async (): Promise<void> => {
    while (!over.aborted) {
      await round()
    }
  }
  const running = loop()

  return {
    health: watch.health,
    async stop(deadlineMs) {
      stopping.abort()
      batcher.hurry()
      const timer = setTimeout(() => cut.abort(), deadlineMs)
      // Every batch counts until it is settled or buried: also one that the loop has in hand between the queue and its sending.
      while (!cut.signal.aborted && lane.stats().batches > 0) await sleepUnlessAborted(drainPollMs, cut.signal)
      cut.abort()
      await running
      await flying.onIdle()
      clearTimeout(timer)
    },
    async handOver(deadlineMs) {
      leaving.abort()
      const timer = setTimeout(() => cut.abort(), deadlineMs)
      await running
      await flying.onIdle()
      clearTimeout(timer)
      cut.abort()
    },
  }
}
