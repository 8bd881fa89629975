/** One destination of a back-fill: what is done with its refusals (mapping §3.3). */

import type { DestinationConfig } from '../emit/destinations.ts'
import type { SendError } from '../emit/sender.ts'
import type { Sending } from '../emit/sending.ts'
import type { Signal } from '../otlp/intake.ts'
import type { UnitRow } from '../otlp/units.ts'
import { type AttemptDeps, createAttempt } from './attempt.ts'
import { type BatchLimits, batchesOf, byResource, cutBatch, rowOf } from './batches.ts'
import { isolate } from './isolate.ts'
import { type Batch, batchOf, dataOf, emptyTally, maxIsolation, reject, type Tally, tooOld } from './lane-model.ts'
import type { PageRequest } from './model.ts'
import { classifyRejection, type DestinationKind, ignoredIn, isTooLarge, oldestAcceptable, type Rejection } from './rejections.ts'

/** What is known of a destination before it has refused anything. */
export interface Known {
  /** `loki` */
  readonly program: string
  readonly kind: DestinationKind
  /** Its refusals tell of one stream only. */
  readonly byStream: boolean
}

export interface LaneDeps extends AttemptDeps {
  /** Asked before the first request of a signal, and again while it gives undefined: nobody can say now. */
  readonly known: (signal: Signal) => Promise<Known | undefined>
}

export interface BackfillLane {
  /** Resolves when all of it is there or refused for good; the order of the requests is kept. Rejects as `Sink.deliver`. */
  deliver(requests: readonly PageRequest[], tally: Tally, abort: AbortSignal): Promise<void>
}

/** The same fault this often is no accident. */
const failures = 5

/** While a destination fails on everything a trial may cost this much. */
const trialRequests = 40

const nothingKnown: Known = { program: 'other', kind: 'unknown', byStream: false }

/** Creates it; nothing is asked yet. */
export function createLane(config: DestinationConfig, sending: Sending, deps: LaneDeps): BackfillLane {
  const attempt = createAttempt(config, sending, deps)
  const limits = { maxItems: config.batch.maxItems, maxBytes: config.batch.maxBytes }
  const known = new Map<Signal, Promise<Known | undefined>>()
  /** An item that was taken, as a request of its own. */
  const samples = new Map<Signal, Batch>()
  /** Whether the sample was taken a second time as if nothing were. */
  const repeatable = new Map<Signal, boolean>()

  const knownOf = async (signal: Signal): Promise<Known> => {
    let one = known.get(signal)
    if (one === undefined) known.set(signal, (one = deps.known(signal)))
    const found = await one
    if (found !== undefined) return found
    if (known.get(signal) === one) known.delete(signal)
    return nothingKnown
  }

  /** The newest item that is too old by the destination's own words. */
  const newestRefused = (batch: Batch, limitMs: number | undefined): number | undefined => {
    if (limitMs === undefined) return undefined
    const row = rowOf(batch.signal, dataOf(batch))
    let newest: number | undefined
    for (let unit = 0; row !== undefined && unit < row.units; unit++) {
      const ms = row.timeMs(unit)
      if (ms === undefined || ms >= limitMs) continue
      if (newest === undefined || ms > newest) newest = ms
    }
    return newest
  }

  const aged = (batch: Batch, tally: Tally, found: Rejection, said: string, sentence: string): void => {
    if (!found.age) return
    const takenMs = oldestAcceptable(said)
    tooOld(tally, { reason: found.reason, refusedMs: newestRefused(batch, takenMs), takenMs, knob: found.knob, said: sentence })
  }

  const bury = (batch: Batch, tally: Tally, reason: string, message: string): void => {
    tally.dead.push({ signal: batch.signal, reason, message, items: batch.items, data: dataOf(batch) })
    if (!tally.said.has(reason)) tally.said.set(reason, message)
  }

  const remember = (batch: Batch): void => {
    if (samples.has(batch.signal)) return
    const row = rowOf(batch.signal, dataOf(batch))
    if (row === undefined || row.units === 0) return
    samples.set(batch.signal, batchOf(batch.signal, row.itemsOf(0), row.build([[0, 1]])))
  }

  const taken = (batch: Batch, tally: Tally, partial: { rejectedItems: number; message: string } | undefined): void => {
    const rejected = Math.min(partial?.rejectedItems ?? 0, batch.items)
    tally.acked += batch.items - rejected
    if (rejected === 0) {
      remember(batch)
      return
    }
    const message = partial?.message ?? ''
    const found = classifyRejection(message, 'rejected')
    reject(tally, found.reason, rejected, message === '' ? 'the endpoint took a request but not all of it, and gave no reason' : message)
    aged(batch, tally, found, message, message)
  }

  /** Sends an item again that is there already. True: it was taken as before. */
  const probe = async (signal: Signal, tally: Tally, abort: AbortSignal): Promise<boolean> => {
    const sample = samples.get(signal)
    if (sample === undefined) return false
    tally.ambiguous += sample.items
    const own = emptyTally()
    const answer = await attempt.send(sample, own, abort, 1)
    tally.bytesOut += own.bytesOut
    return answer.taken && answer.partial === undefined
  }

  const kindOf = async (signal: Signal, error: SendError, tally: Tally, abort: AbortSignal): Promise<DestinationKind> => {
    const { kind } = await knownOf(signal)
    if (kind !== 'unknown') return kind
    const told = classifyRejection(error.said === '' ? error.message : error.said, error.reason).kind
    if (told !== 'unknown') return told
    let again = repeatable.get(signal)
    if (again === undefined && samples.has(signal)) repeatable.set(signal, (again = await probe(signal, tally, abort)))
    return again === true ? 'atomic' : 'unknown'
  }

  /** Valid items are stored already: they are counted, not sent. */
  const count = (batch: Batch, error: SendError, tally: Tally): void => {
    const said = error.said === '' ? error.message : error.said
    const ignored = ignoredIn(said, batch.items)
    if (ignored === undefined) {
      bury(batch, tally, classifyRejection(said, error.reason).reason, error.message)
      return
    }
    for (const [reason, items] of Object.entries(ignored.reasons)) reject(tally, reason, items, error.message)
    tally.acked += batch.items - ignored.items
    aged(batch, tally, classifyRejection(said, error.reason), said, error.message)
  }

  /** Halves; a single item is refused. Smaller requests from now on. */
  const tooLarge = async (batch: Batch, error: SendError, tally: Tally, abort: AbortSignal): Promise<void> => {
    limits.maxBytes = Math.min(limits.maxBytes, Math.max(1, batch.bytes >> 1))
    const halves = cutBatch(batch, { maxItems: batch.items, maxBytes: limits.maxBytes })
    if (halves.length < 2) reject(tally, 'too_large', batch.items, error.message)
    else for (const half of halves) await settle(half, tally, abort)
  }

  /** A part of a request that was taken apart. */
  const sendPart = async (part: Batch, tally: Tally, abort: AbortSignal, patience: number): Promise<SendError | undefined> => {
    deps.metrics.counter('otlp_bridge_backfill_isolation_requests_total', { destination: config.name }).value++
    const answer = await attempt.send(part, tally, abort, patience)
    if (!answer.taken) return answer.error
    taken(part, tally, answer.partial)
    return undefined
  }

  /** Undefined for what cannot be taken apart. */
  const openRow = (batch: Batch): UnitRow | undefined => {
    const row = rowOf(batch.signal, dataOf(batch))
    return row === undefined || row.units === 0 || row.items !== batch.items ? undefined : row
  }

  const apart = async (batch: Batch, error: SendError, tally: Tally, abort: AbortSignal): Promise<void> => {
    const row = openRow(batch)
    if (row === undefined) bury(batch, tally, error.reason, error.message)
    else await isolate(batch.signal, row, error, tally, (part) => sendPart(part, tally, abort, failures))
  }

  /**
   * A destination that fails on this request. True when it is the request that it fails on; else nothing of it is counted, and it is to be sent again.
   * @param before requests that were taken when it failed first
   */
  const poisoned = async (batch: Batch, error: SendError, before: number, tally: Tally, abort: AbortSignal): Promise<boolean> => {
    const kind = await kindOf(batch.signal, error, tally, abort)
    const alive = attempt.successes() > before || (await probe(batch.signal, tally, abort))
    const row = kind === 'atomic' ? openRow(batch) : undefined
    if (row === undefined) {
      if (alive) bury(batch, tally, 'destination_error', error.message)
      return alive
    }
    // Where nothing else was ever taken, whether the destination is alive is seen from the parts.
    const isolation = alive ? tally.isolation : Math.min(trialRequests, tally.isolation)
    const trial: Tally = { ...emptyTally(), isolation }
    const offenders: Batch[] = []
    const send = (part: Batch): Promise<SendError | undefined> => sendPart(part, trial, abort, 1)
    await isolate(batch.signal, row, error, trial, send, { reason: 'destination_error', offenders })
    tally.ambiguous += trial.ambiguous
    tally.bytesOut += trial.bytesOut
    if (!alive && trial.acked === 0) return false
    tally.isolation -= isolation - trial.isolation
    tally.acked += trial.acked
    tally.dead.push(...trial.dead)
    for (const [reason, items] of Object.entries(trial.rejected)) reject(tally, reason, items, trial.said.get(reason) ?? '')
    // It may have come back only in the middle of this.
    for (const offender of offenders) {
      const last = await sendPart(offender, tally, abort, 2)
      if (last !== undefined) reject(tally, 'destination_error', offender.items, last.message)
    }
    return true
  }

  const settle = async (batch: Batch, tally: Tally, abort: AbortSignal): Promise<void> => {
    for (let round = 0; ; round++) {
      const before = attempt.successes()
      const answer = await attempt.send(batch, tally, abort, failures)
      if (answer.taken) return taken(batch, tally, answer.partial)
      const { error } = answer
      if (answer.failing) {
        if (await poisoned(batch, error, before, tally, abort)) return
        await attempt.wait(round + failures, abort)
        continue
      }
      const said = error.said === '' ? error.message : error.said
      if (isTooLarge(error.status, said)) return tooLarge(batch, error, tally, abort)
      const kind = await kindOf(batch.signal, error, tally, abort)
      if (kind === 'atomic') return apart(batch, error, tally, abort)
      if (kind === 'partial') return count(batch, error, tally)
      return bury(batch, tally, classifyRejection(said, error.reason).reason, error.message)
    }
  }

  /** Requests that are of different streams: their order does not matter. */
  const atOnce = async (batches: readonly Batch[], tally: Tally, abort: AbortSignal): Promise<void> => {
    let next = 0
    const work = async (): Promise<void> => {
      for (let batch = batches[next++]; batch !== undefined; batch = batches[next++]) await settle(batch, tally, abort)
    }
    const results = await Promise.allSettled(Array.from({ length: Math.min(config.concurrency, batches.length) }, work))
    for (const one of results) if (one.status === 'rejected') throw one.reason
  }

  return {
    async deliver(requests, tally, abort) {
      const now: BatchLimits = { ...limits }
      tally.isolation = maxIsolation
      for (const batch of batchesOf(requests, now)) {
        const { byStream } = await knownOf(batch.signal)
        if (byStream) await atOnce(byResource(batch), tally, abort)
        else await settle(batch, tally, abort)
      }
    },
  }
}
