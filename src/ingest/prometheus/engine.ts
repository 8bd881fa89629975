/**
 * Requests of remote-write on their way from plain bytes to the queue, and what comes later of those that were answered before they could be
 * sent: histograms whose members come in several requests. Keeps the books of samples: each is sent, held, consumed or refused, once.
 */

import { performance } from 'node:perf_hooks'
import { BridgeError } from '../../errors.ts'
import { encodeMetrics } from '../../otlp/encode/metrics.ts'
import { createSizeGuess, ReverseWriter } from '../../otlp/encode/writer.ts'
import type { EncodedBatch, Kept } from '../../otlp/intake.ts'
import { MetricPoints } from '../../otlp/metrics.ts'
import type { Emission, KeepToken } from '../../translate/prometheus/assembler.ts'
import { WriteRequest } from '../../translate/prometheus/model.ts'
import type { PrometheusState } from '../../translate/prometheus/state.ts'
import { createWriteTranslator } from '../../translate/prometheus/to-otlp.ts'
import type { WriteOutcome } from '../../translate/prometheus/write-outcome.ts'
import type { AdapterDeps } from '../adapter.ts'
import { asBridgeError, batchOf, createItemBooks, reasonOf } from '../receive.ts'
import { createWriteCounters } from './counters.ts'
import type { WriteLimits } from './decode-limits.ts'
import { decodeWriteV1 } from './decode-v1.ts'
import { decodeWriteV2 } from './decode-v2.ts'
import { decodeKeep, type Keep } from './keep.ts'
import { createKeeper, type Holdings, type Keeping } from './keeping.ts'
import type { WriteReceipt } from './remote-write.ts'
import type { Tally, WriteBody } from './write-body.ts'

/** Label of the books of everything that comes by remote-write. */
export const formatName = 'prometheus'

export interface EngineDeps extends Pick<AdapterDeps, 'intake' | 'metrics' | 'log' | 'nowMs' | 'chunks'> {
  readonly state: PrometheusState
  readonly limits: WriteLimits
  /** Where held samples are kept; undefined where the queue has no such place. */
  readonly holdings: Holdings | undefined
  /** Inflates what was kept. */
  readonly uncompress: (body: Uint8Array) => Uint8Array
}

export interface Engine {
  /** Decodes and translates; throws OB_DECODE_* and OB_LIMIT_*. @param wire the body as it came, copied when it has to be kept */
  translate(version: 1 | 2, body: Uint8Array, wire: Uint8Array, tenant: string): WriteBody
  /** Resolves when the sender may hear of success, of all or of a part; rejects with what the intake says, then nothing was written. */
  put(body: WriteBody): Promise<WriteReceipt>
  /** Sends what is due. @param all everything that waits, complete or not. Rejects with what the intake says; it waits on then. */
  flush(all?: boolean): Promise<void>
  /** Sends all that waits, complete or not, as far as there is time for it: what the queue keeps stays there, the rest is lost, and counted. */
  finish(deadlineMs: number): Promise<void>
  /** Takes in what an earlier run kept: once, before the first request. */
  recover(requests: readonly Kept[], sent: readonly Kept[]): Promise<void>
  /** Samples in the assembler. */
  readonly held: number
}

/** Thrown by `send` when the batch is stored and the request is not. */
class Unkept extends Error {
  constructor(cause: unknown) {
    super('a request could not be kept', { cause })
  }
}

const noBody = new Uint8Array(0)
const fullMessage = 'cannot take request: too many histograms wait for members (translate.prometheus.assembler.maxPending)'
const fullRetrySeconds = 5
const finishPauseMs = 100
const nothing: readonly never[] = []

const tally = (counts: ReadonlyMap<string, number>): Tally => (counts.size === 0 ? nothing : [...counts])

export function createEngine(deps: EngineDeps): Engine {
  const { state, intake } = deps
  const { assembler } = state
  const request = new WriteRequest()
  const translator = createWriteTranslator(state)
  const writer = new ReverseWriter(deps.chunks)
  const size = createSizeGuess()
  const items = createItemBooks(formatName, deps, 'refused', 'metrics')
  const { books } = items
  const held = books.held('assembler')
  const keeper = deps.holdings === undefined ? undefined : createKeeper(state, deps.holdings, intake, deps.nowMs)
  const counters = createWriteCounters(deps.metrics, state)
  const due = new MetricPoints()
  let heldSamples = 0
  /** What an endpoint before this one held, and left in the queue: the books know it. */
  let left = held.value

  const hold = (samples: number): void => {
    heldSamples += samples
    held.value += samples
  }

  const decode = (version: 1 | 2, body: Uint8Array): void => {
    if (version === 1) decodeWriteV1(body, deps.limits, request)
    else decodeWriteV2(body, deps.limits, request)
  }

  const encode = (points: MetricPoints, sourceBytes: number): Uint8Array => {
    if (points.count === 0) return noBody
    const data = encodeMetrics(points, writer, size.expected(sourceBytes))
    size.learn(sourceBytes, data.length)
    return data
  }

  const receiptOf = (outcome: WriteOutcome): WriteReceipt => {
    const reasons = outcome.refusals.size === 0 ? nothing : [...outcome.refusals.values()]
    let rejected = 0
    for (const { count, times } of reasons) rejected += count > 0 ? count : times
    const { samples, histograms, exemplars } = outcome
    return { items: samples + histograms, rejected, samples, histograms, exemplars, reasons }
  }

  /** What became of the samples of an emission: as many points as it has were sent, and count where batches do. */
  const bookEmission = (emission: Emission, sign: 1 | -1): void => {
    const { samples, points, incomplete, late, shadowed, stale } = emission
    hold(-sign * samples)
    const merged = samples - points - incomplete - late - shadowed - stale
    if (merged > 0) items.consumed('assembled').value += sign * merged
    if (late > 0) items.consumed('late').value += sign * late
    if (shadowed > 0) items.consumed('shadowed').value += sign * shadowed
    if (stale > 0) items.consumed('stale').value += sign * stale
    if (incomplete > 0) books.dropped('histogram_incomplete').value += sign * incomplete
  }

  /** Moves the books as if the queue took it. */
  const book = (body: WriteBody): void => {
    books.received.value += body.received
    for (const { reason, count } of body.receipt.reasons) items.lost(reason).value += count
    for (const [reason, count] of body.consumed) items.consumed(reason).value += count
    for (const [reason, count] of body.dropped) books.dropped(reason).value += count
    hold(body.held)
    if (body.emission !== undefined) bookEmission(body.emission, 1)
    counters.request(body)
  }

  /** Rejects when the batch was not stored, or the request that has to be kept: of the latter nobody may hear of success, but the batch is sent. */
  const send = async (batch: EncodedBatch | undefined, keep: Keeping | undefined, emission: Emission | undefined): Promise<void> => {
    let fault: unknown
    if (keep === undefined || keeper === undefined) await (batch === undefined ? undefined : intake.put(batch))
    else {
      const stored = await keeper.put(batch, keep)
      if (stored.batch.status === 'rejected') throw stored.batch.reason
      if (stored.request.status === 'rejected') fault = stored.request.reason
    }
    if (batch !== undefined) books.translated.value += batch.items
    if (emission !== undefined) assembler.commit(emission)
    keeper?.settle()
    if (fault !== undefined) throw new Unkept(fault)
  }

  /** A put that failed: what was assembled waits again, unless it can never be taken. */
  const takeBack = (emission: Emission | undefined, error: BridgeError): void => {
    if (emission === undefined) return
    if (error.retry === 'never') {
      assembler.commit(emission)
      keeper?.settle()
      return void (items.lost(reasonOf(error.code)).value += emission.points)
    }
    bookEmission(emission, -1)
    assembler.rollback(emission)
  }

  const put = async (body: WriteBody): Promise<WriteReceipt> => {
    book(body)
    const { emission, receipt } = body
    let rejected = 0
    try {
      if (body.full > 0) throw new BridgeError('OB_QUEUE_FULL', fullMessage, { retryAfterSeconds: fullRetrySeconds })
      const batch = { ...batchOf(formatName, body.items, body.data, 'metrics'), onRejected: (count: number) => void (rejected = count) }
      await send(body.items === 0 ? undefined : batch, body.keep, emission)
    } catch (error) {
      translator.forget(body.touched)
      // What could be sent was; what waits comes again.
      if (error instanceof Unkept) throw asBridgeError(error.cause)
      const known = asBridgeError(error)
      takeBack(emission, known)
      items.lost(reasonOf(known.code)).value += body.items - (emission?.points ?? 0) + body.full
      throw known
    }
    if (rejected === 0) return receipt
    const samples = Math.min(rejected, receipt.samples)
    const histograms = Math.min(rejected - samples, receipt.histograms)
    return {
      ...receipt,
      items: receipt.items - samples - histograms,
      rejected: receipt.rejected + rejected,
      samples: receipt.samples - samples,
      histograms: receipt.histograms - histograms,
      reasons: [
        ...receipt.reasons,
        { reason: 'endpoint_rejected', count: rejected, example: 'the endpoint took the request without them' },
      ],
    }
  }

  const bodyOf = (outcome: WriteOutcome, version: 1 | 2, tenant: string, source: Uint8Array, wire: Uint8Array): WriteBody => ({
    received: outcome.receivedFloats + outcome.receivedHistograms,
    items: outcome.points.count,
    data: encode(outcome.points, source.length),
    drops: nothing,
    notes: nothing,
    tenant,
    receipt: receiptOf(outcome),
    consumed: tally(outcome.consumed),
    dropped: tally(outcome.dropped),
    kinds: { floats: outcome.receivedFloats, histograms: outcome.receivedHistograms },
    outOfOrder: outcome.outOfOrder,
    exemplarResults: outcome.exemplarsSeen ? Object.entries(outcome.exemplarResults) : nothing,
    histogramsRefused: tally(outcome.histogramsRefused),
    held: outcome.held,
    emission: outcome.emission,
    touched: outcome.touched.slice(0, outcome.touchedCount),
    full: outcome.full,
    keep: keeper?.of(outcome, version, tenant, wire),
  })

  const flush = async (all = false): Promise<void> => {
    const nowMs = deps.nowMs()
    due.clear()
    const emission = assembler.take(nowMs, due, all)
    counters.assembler()
    if (emission === undefined) return void keeper?.settle()
    const data = encode(due, due.count * 200)
    bookEmission(emission, 1)
    try {
      await send(
        emission.points === 0 ? undefined : batchOf(formatName, emission.points, data, 'metrics'),
        keeper?.ofEmission(emission),
        emission,
      )
    } catch (error) {
      const known = asBridgeError(error)
      takeBack(emission, known)
      if (known.retry !== 'never') throw known
      deps.log.error({ points: emission.points, error: known.message }, 'histograms that were put together cannot be taken')
    }
    if (all) await flush(true)
  }

  /** One record of an earlier run: its samples wait again, or are sent where they turn out to be no members now. */
  const replay = async (id: number, keep: Keep): Promise<void> => {
    const body = deps.uncompress(keep.body)
    decode(keep.version, body)
    const series = keep.series.filter((one) => one < request.seriesCount)
    const outcome = translator.translate(request, { tenant: keep.tenant, nowMs: deps.nowMs(), only: series })
    const token: KeepToken = { open: 0 }
    keeper?.waiting(outcome, token)
    const { emission } = outcome
    const again = bodyOf(outcome, keep.version, keep.tenant, body, noBody)
    const known = Math.min(left, again.received)
    left -= known
    held.value -= known
    books.recovered.value += again.received - known
    await put({ ...again, received: 0, keep: emission === undefined ? undefined : keeper?.ofEmission(emission) })
    keeper?.recovered(id, token)
  }

  return {
    translate(version, body, wire, tenant) {
      decode(version, body)
      const translated = bodyOf(translator.translate(request, { tenant, nowMs: deps.nowMs() }), version, tenant, body, wire)
      // Up to 128 MiB that nobody needs any more.
      request.body = noBody
      return translated
    },
    put,
    flush,
    async finish(deadlineMs) {
      const endMs = performance.now() + deadlineMs
      for (;;) {
        try {
          await flush(true)
          return
        } catch (error) {
          if (performance.now() + finishPauseMs < endMs && asBridgeError(error).code !== 'OB_STOPPING') {
            await new Promise((resolve) => setTimeout(resolve, finishPauseMs))
            continue
          }
          if (heldSamples === 0) return
          if (keeper !== undefined) {
            deps.log.info({ samples: heldSamples }, 'samples that wait for others stay in the queue until the next start')
            return
          }
          deps.log.error({ samples: heldSamples, error }, 'samples that waited for others are lost: the queue did not take them')
          books.dropped('shutdown').value += heldSamples
          hold(-heldSamples)
          return
        }
      }
    },
    async recover(requests, sent) {
      // First what was sent: members of it that wait in requests are late.
      for (const { id, data } of sent) {
        for (const [a, b, c, timeMs] of decodeKeep(data)?.sent ?? nothing) assembler.markEmitted(a, b, c, timeMs)
        keeper?.recoveredSent(id)
      }
      for (const { id, data } of requests) {
        const keep = decodeKeep(data)
        if (keep === undefined) {
          deps.log.error({ id }, 'a record of held samples cannot be read; what was in it is not known')
          keeper?.recovered(id, { open: 0 })
          continue
        }
        try {
          await replay(id, keep)
        } catch (error) {
          // It stays in the store, and is tried again by the next run.
          deps.log.error({ id, error }, 'cannot take in held samples of an earlier run now')
          keeper?.recovered(id, { open: 1 })
        }
      }
      keeper?.settle()
      // Members that come late because their histogram was sent are late for nobody.
      assembler.counts()
    },
    get held() {
      return heldSamples
    },
  }
}
