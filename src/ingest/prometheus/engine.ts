/**
 * Requests of remote-write on their way from plain bytes to the queue, and what comes later of those that were answered before they could be
 * sent: histograms whose members come in several requests. Keeps the books of samples: each is sent, held, consumed or refused, once.
 */

import { performance } from 'node:perf_hooks'
import { BridgeError } from '../../errors.ts'
import { encodeMetrics } from '../../otlp/encode/metrics.ts'
import { createSizeGuess, ReverseWriter } from '../../otlp/encode/writer.ts'
import type { EncodedBatch, Holding, Kept } from '../../otlp/intake.ts'
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
import { createJournal } from './journal.ts'
import { decodeKeep, type EmittedGroup, encodeKeep, type Keep } from './keep.ts'
import type { WriteReceipt } from './remote-write.ts'
import type { Tally, WriteBody } from './write-body.ts'

/** Label of the books of everything that comes by remote-write. */
export const formatName = 'prometheus'

export interface EngineDeps extends Pick<AdapterDeps, 'intake' | 'metrics' | 'log' | 'nowMs' | 'chunks'> {
  readonly state: PrometheusState
  readonly limits: WriteLimits
  /** Where held samples are kept; undefined where the queue has no such place. */
  readonly holding: Holding | undefined
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
  recover(kept: readonly Kept[]): Promise<void>
  /** Samples in the assembler. */
  readonly held: number
}

const noBody = new Uint8Array(0)
const fullMessage = 'cannot take request: too many histograms wait for members (translate.prometheus.assembler.maxPending)'
const fullRetrySeconds = 5
const finishPauseMs = 100
const nothing: readonly never[] = []

const tally = (counts: ReadonlyMap<string, number>): Tally => (counts.size === 0 ? nothing : [...counts])

export function createEngine(deps: EngineDeps): Engine {
  const { state, intake, holding } = deps
  const { assembler } = state
  const request = new WriteRequest()
  const translator = createWriteTranslator(state)
  const writer = new ReverseWriter(deps.chunks)
  const size = createSizeGuess()
  const items = createItemBooks(formatName, deps, 'refused', 'metrics')
  const { books } = items
  const held = books.held('assembler')
  const journal = createJournal(holding ?? { release: () => {} })
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

  const groupsOf = (emission: Emission | undefined): readonly EmittedGroup[] => {
    if (emission === undefined) return nothing
    return assembler.emitted(emission).map(({ a, b, c, timeMs }): EmittedGroup => [a, b, c, timeMs])
  }

  const record = (keep: Omit<Keep, 'layout' | 'seed'>): Uint8Array => encodeKeep({ layout: 1, seed: state.hasher.seed, ...keep })

  /** Series with samples in groups that are incomplete still; each group waits for the token. */
  const waiting = ({ members }: WriteOutcome, token: KeepToken): number[] => {
    const series: number[] = []
    for (let at = 0; at < members.length; at += 3) {
      const family = members[at + 1] as number
      const timeMs = members[at + 2] as number
      if (!assembler.isPending(family, timeMs)) continue
      assembler.attach(family, timeMs, token)
      const one = members[at] as number
      if (series[series.length - 1] !== one) series.push(one)
    }
    return series
  }

  const keepOf = (outcome: WriteOutcome, version: 1 | 2, tenant: string, wire: Uint8Array): WriteBody['keep'] => {
    if (holding === undefined) return undefined
    const token: KeepToken = { open: 0 }
    const series = outcome.members.length === 0 ? nothing : waiting(outcome, token)
    if (series.length > 0) {
      return { token, data: record({ version, tenant, series, emitted: groupsOf(outcome.emission), body: wire }) }
    }
    // Members of what is sent now may stand in records of before: those must know.
    if (outcome.emission === undefined || journal.size === 0) return undefined
    return { token, data: record({ version, tenant, series, emitted: groupsOf(outcome.emission), body: noBody }) }
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

  const send = async (batch: EncodedBatch | undefined, keep: WriteBody['keep'], emission: Emission | undefined): Promise<void> => {
    if (keep !== undefined && holding !== undefined) journal.stored(await holding.put(batch, keep.data), keep.token)
    else if (batch !== undefined) await intake.put(batch)
    if (batch !== undefined) books.translated.value += batch.items
    if (emission === undefined) return
    assembler.commit(emission)
    journal.settle()
  }

  /** A put that failed: what was assembled waits again, unless it can never be taken. */
  const takeBack = (emission: Emission | undefined, error: BridgeError): void => {
    if (emission === undefined) return
    if (error.retry === 'never') {
      assembler.commit(emission)
      journal.settle()
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
      const known = asBridgeError(error)
      takeBack(emission, known)
      translator.forget(body.touched)
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
    keep: keepOf(outcome, version, tenant, wire),
  })

  const flush = async (all = false): Promise<void> => {
    const nowMs = deps.nowMs()
    due.clear()
    const emission = assembler.take(nowMs, due, all)
    counters.assembler()
    if (emission === undefined) return
    const data = encode(due, due.count * 200)
    bookEmission(emission, 1)
    const keep =
      journal.size === 0
        ? undefined
        : { token: { open: 0 }, data: record({ version: 1, tenant: '', series: nothing, emitted: groupsOf(emission), body: noBody }) }
    try {
      await send(emission.points === 0 ? undefined : batchOf(formatName, emission.points, data, 'metrics'), keep, emission)
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
    waiting(outcome, token)
    const again = { ...bodyOf(outcome, keep.version, keep.tenant, body, noBody), keep: undefined, received: 0 }
    const samples = outcome.receivedFloats + outcome.receivedHistograms
    const known = Math.min(left, samples)
    left -= known
    held.value -= known
    books.recovered.value += samples - known
    journal.stored(id, token)
    const emitted = groupsOf(again.emission)
    const marker =
      emitted.length === 0
        ? undefined
        : { token: { open: 0 }, data: record({ version: 1, tenant: '', series: nothing, emitted, body: noBody }) }
    await put({ ...again, keep: marker })
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
          if (holding !== undefined) {
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
    async recover(kept) {
      const records = kept.map(({ id, data }) => ({ id, keep: decodeKeep(data) }))
      // What was sent first: of the records before it, too.
      for (const { keep } of records) for (const [a, b, c, timeMs] of keep?.emitted ?? nothing) assembler.markEmitted(a, b, c, timeMs)
      for (const { id, keep } of records) {
        if (keep === undefined) {
          deps.log.error({ id }, 'a record of held samples cannot be read; what was in it is not known')
          journal.stored(id, { open: 0 })
        } else if (keep.body.length === 0) journal.stored(id, { open: 0 })
        else {
          try {
            await replay(id, keep)
          } catch (error) {
            // It stays in the store, and is tried again by the next run.
            deps.log.error({ id, error }, 'cannot take in held samples of an earlier run now')
            journal.stored(id, { open: 1 })
          }
        }
      }
      journal.settle()
    },
    get held() {
      return heldSamples
    },
  }
}
