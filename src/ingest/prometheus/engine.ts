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
import type { Note } from '../../translate/outcome.ts'
import type { Emission, KeepToken } from '../../translate/prometheus/assembler.ts'
import { WriteRequest } from '../../translate/prometheus/model.ts'
import type { PrometheusState } from '../../translate/prometheus/state.ts'
import { createWriteTranslator } from '../../translate/prometheus/to-otlp.ts'
import type { WaitsFor } from '../../translate/prometheus/waits.ts'
import type { WriteOutcome } from '../../translate/prometheus/write-outcome.ts'
import type { AdapterDeps } from '../adapter.ts'
import { type Along, batchAlong, goesWithout, LegacyRefusal, lossOf, reasonOf } from '../legacy.ts'
import { asBridgeError } from '../receive.ts'
import { createWriteCounters } from './counters.ts'
import { decodeWrite } from './decode.ts'
import type { WriteLimits } from './decode-limits.ts'
import { countJobs } from './jobs.ts'
import { decodeKeep, type Keep } from './keep.ts'
import { createKeeper, type Holdings, type Keeping } from './keeping.ts'
import type { WriteReceipt } from './remote-write.ts'
import { createWaitingRoom, type Look, samplesOf, type Waiter, waitingColumns } from './waiting-room.ts'
import type { Tally, WaitingPart, WriteBody } from './write-body.ts'
import { createWriteBooks, formatName } from './write-books.ts'

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
  /**
   * Resolves when the sender may hear of success, of all or of a part; rejects with what the intake says, then nothing was written.
   * @param along what goes with it: while it is not known nothing is put, and when it rejects nothing is taken
   */
  put(body: WriteBody, along?: Along | Promise<Along>): Promise<WriteReceipt>
  /** Sends what is due. @param all everything that waits, complete or not. Rejects with what the intake says; it waits on then. */
  flush(all?: boolean): Promise<void>
  /** The queue takes nothing now: members that histograms wait for are turned away, and are waited for longer. */
  turnedAway(): void
  /**
   * Sends what is due, as far as there is time for it. What the queue keeps stays there; where it keeps nothing, all that waits is sent, complete or
   * not, and what it does not take then is lost, and counted.
   */
  finish(deadlineMs: number): Promise<void>
  /** Takes in what an earlier run kept: once, before the first request. */
  recover(requests: readonly Kept[], sent: readonly Kept[]): Promise<void>
  /** Samples in the assembler, and those that wait. */
  readonly held: number
}

/** Thrown by `send` when the batch is stored and the request is not. */
class Unkept extends Error {
  constructor(cause: unknown) {
    super('a request could not be kept', { cause })
  }
}

const noBody = new Uint8Array(0)
const alone: Along = {}
const fullMessage = 'cannot take request: too many histograms wait for members (translate.prometheus.assembler.maxPending)'
const fullRetrySeconds = 5
const staysMessage = 'samples that wait for others stay in the queue until the next start'
const finishPauseMs = 100
const nothing: readonly never[] = []
const nobody: ReadonlySet<number> = new Set()
const done = Promise.resolve()

const tally = (counts: ReadonlyMap<string, number>): Tally => (counts.size === 0 ? nothing : [...counts])

export function createEngine(deps: EngineDeps): Engine {
  const { state, intake } = deps
  const { assembler } = state
  const request = new WriteRequest()
  const translator = createWriteTranslator(state)
  const writer = new ReverseWriter(deps.chunks)
  const size = createSizeGuess()
  const books = createWriteBooks(deps)
  const keeper = deps.holdings === undefined ? undefined : createKeeper(state, deps.holdings, intake, deps.nowMs)
  const counters = createWriteCounters(deps.metrics, state)
  const due = new MetricPoints()
  const { typePolicy, metadataWait } = state.options.rw1
  const longestMs = Math.max(typePolicy === 'hold' ? metadataWait : 0, state.options.targetInfo.wait)
  /** What could not be put when its time had come; tried before anything else. */
  let stuck: (() => Promise<void>) | undefined
  /** Puts of which nobody knows yet how they end. */
  const underWay = new Set<Promise<unknown>>()

  const decode = (version: 1 | 2, body: Uint8Array): void => decodeWrite(version, body, deps.limits, request)

  const encode = (points: MetricPoints, sourceBytes: number): Uint8Array => {
    if (points.count === 0) return noBody
    const data = encodeMetrics(points, writer, size.expected(sourceBytes))
    size.learn(sourceBytes, data.length)
    return data
  }

  /** Undefined for no points, unless the request goes to the old side: the queue takes no empty batch. */
  const batchFor = (points: number, data: Uint8Array, keys?: WriteBody['services'], along: Along = alone): EncodedBatch | undefined => {
    if (points === 0 && along.envelope === undefined) return undefined
    return batchAlong(formatName, 'metrics', points, data, keys, along)
  }

  /** Of samples that have waited: the requests that they came in went to the old side then. */
  const lateBatch = (points: number, data: Uint8Array, keys: WriteBody['services']): EncodedBatch | undefined => {
    const batch = batchFor(points, data, keys)
    return batch && { ...batch, late: true }
  }

  const receiptOf = (outcome: WriteOutcome): WriteReceipt => {
    const reasons = outcome.refusals.size === 0 ? nothing : [...outcome.refusals.values()]
    let rejected = 0
    for (const { count, times } of reasons) rejected += count > 0 ? count : times
    const { samples, histograms, exemplars } = outcome
    return { items: samples + histograms, rejected, samples, histograms, exemplars, reasons }
  }

  /**
   * Resolves with the id under which the request is kept, where it is. Rejects when the batch was not stored, or the request that has to be kept:
   * of the latter nobody may hear of success, but the batch is sent.
   */
  const send = async (
    batch: EncodedBatch | undefined,
    keep: Keeping | undefined,
    emission: Emission | undefined,
  ): Promise<number | undefined> => {
    let fault: unknown
    let record: number | undefined
    if (keep === undefined || keeper === undefined) await (batch === undefined ? undefined : intake.put(batch))
    else {
      const stored = await keeper.put(batch, keep)
      if (stored.batch.status === 'rejected') throw stored.batch.reason
      if (stored.request.status === 'rejected') fault = stored.request.reason
      else if (keep.request !== undefined) record = stored.request.value
    }
    if (batch !== undefined && batch.items > 0) books.translated(batch.items)
    if (emission !== undefined) assembler.commit(emission)
    keeper?.settle()
    if (fault !== undefined) throw new Unkept(fault)
    return record
  }

  /** A put that failed: what was assembled waits again, unless it can never be taken. */
  const takeBack = (emission: Emission | undefined, error: BridgeError): void => {
    if (emission === undefined) return
    // Members of it came in other requests, which the old backend has not refused.
    if (error.retry === 'never' && !(error instanceof LegacyRefusal)) {
      assembler.commit(emission)
      keeper?.settle()
      books.refused(reasonOf(error.code), emission.points)
      return
    }
    books.emission(emission, -1)
    assembler.rollback(emission)
  }

  /** Series that were to wait do not: their request comes again. */
  const turnAway = ({ waiting: columns, waiter }: WaitingPart, keep: Keeping | undefined, reason: string): void => {
    books.columns(columns, -1)
    books.refused(reason, samplesOf(columns))
    for (const place of columns.places) state.waits.done(place, waiter.turn)
    if (keep?.request !== undefined) keep.request.token.open--
  }

  /** @param kept the record of an earlier run */
  const store = async (body: WriteBody, kept?: Waiter['record'], sent: Along | Promise<Along> = alone): Promise<WriteReceipt> => {
    books.request(body)
    const { emission, receipt, waiting: part, keep } = body
    let rejected = 0
    let along = alone
    try {
      along = sent instanceof Promise ? await sent : sent
      if (body.full > 0) throw new BridgeError('OB_QUEUE_FULL', fullMessage, { retryAfterSeconds: fullRetrySeconds })
      const batch = batchFor(body.items, body.data, body.services, along)
      const id = await send(batch && { ...batch, onRejected: (count) => void (rejected = count) }, keep, emission)
      if (part !== undefined) {
        const record = id === undefined || keep?.request === undefined ? kept : { id, token: keep.request.token }
        room.add({ ...part.waiter, record }, part.waiting, part.news)
      }
    } catch (error) {
      translator.forget(body.touched)
      // What could be sent was; what waits comes again.
      const known = asBridgeError(error instanceof Unkept ? error.cause : error)
      const isShed = goesWithout(known, along)
      const reason = isShed ? 'shed_full' : lossOf(known)
      if (part !== undefined) turnAway(part, keep, reason)
      if (error instanceof Unkept) throw known
      takeBack(emission, known)
      books.refused(reason, body.items - (emission?.points ?? 0) + body.full)
      if (!isShed) throw known
      // The old side has it, or gets it alone.
      if (along.envelope !== undefined) await intake.put(batchAlong(formatName, 'metrics', 0, noBody, undefined, along))
    }
    for (const other of body.after) await other
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

  const put = async (body: WriteBody, along?: Along | Promise<Along>): Promise<WriteReceipt> => {
    const stored = store(body, undefined, along)
    underWay.add(stored)
    try {
      const receipt = await stored
      counters.request(body, receipt)
      return receipt
    } catch (error) {
      counters.request(body, undefined)
      throw error
    } finally {
      underWay.delete(stored)
    }
  }

  const notesOf = ({ startsAfter, hurried }: WriteOutcome): readonly Note[] => {
    if (startsAfter === 0 && hurried === 0) return nothing
    return [
      { reason: 'start_after_sample', count: startsAfter },
      { reason: 'no_room_to_wait', count: hurried },
    ].filter(({ count }) => count > 0)
  }

  const bodyOf = (outcome: WriteOutcome, tenant: string, source: Uint8Array, keep: Keeping | undefined): WriteBody => ({
    received: outcome.receivedFloats + outcome.receivedHistograms,
    items: outcome.points.count,
    data: encode(outcome.points, source.length),
    drops: nothing,
    notes: notesOf(outcome),
    services: countJobs(outcome.points),
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
    waiting: undefined,
    after: outcome.consumed.has('duplicate') ? [...underWay] : nothing,
    keep,
  })

  /** @param body compressed, not to be written to any more */
  const partOf = (outcome: WriteOutcome, waiter: Omit<Waiter, 'record'>, news: number): WaitingPart | undefined => {
    const columns = waitingColumns(outcome.waits)
    return columns === undefined ? undefined : { waiting: columns, waiter, news }
  }

  const flush = async (all = false): Promise<void> => {
    if (stuck !== undefined) await stuck()
    const before = room.size + books.held
    if (room.size > 0) await room.flush(all)
    const nowMs = deps.nowMs()
    due.clear()
    const emission = assembler.take(nowMs, due, all)
    counters.assembler()
    if (emission === undefined) {
      keeper?.settle()
      // Some may have waited for room in the assembler.
      if (all && room.size > 0 && room.size + books.held < before) await flush(true)
      return
    }
    const data = encode(due, due.count * 200)
    books.emission(emission, 1)
    try {
      await send(lateBatch(emission.points, data, countJobs(due)), keeper?.ofEmission(emission), emission)
    } catch (error) {
      const known = asBridgeError(error)
      takeBack(emission, known)
      if (known.retry !== 'never') throw known
      deps.log.error({ points: emission.points, error: known.message }, 'histograms that were put together cannot be taken')
    }
    if (all) await flush(true)
  }

  /**
   * A request that waits, looked at again: what need not wait any longer is sent. It was answered for, so that nothing is given back: what cannot be
   * put is put later.
   */
  const look: Look = (waiter, columns, how) => {
    const { version, tenant, sinceMs, turn, record } = waiter
    const only = Array.from(columns.series)
    const leave = (stays: ReadonlySet<number>): void => {
      for (let at = 0; at < only.length; at++) if (!stays.has(only[at] as number)) state.waits.done(columns.places[at] as number, turn)
      if (stays.size > 0 || record === undefined) return
      record.token.open--
      keeper?.settle()
    }
    let body: Uint8Array
    let outcome: WriteOutcome
    try {
      body = deps.uncompress(waiter.body)
      decode(version, body)
      outcome = translator.translate(request, { tenant, only, again: 'waited', sinceMs, turn, ...how })
    } catch (error) {
      // It was read before: a fault of ours, which must not keep the others waiting.
      deps.log.error({ error }, 'a request that has waited cannot be read')
      books.columns(columns, -1)
      books.dropped('internal', samplesOf(columns))
      leave(nobody)
      return { rest: undefined, sent: done }
    }
    request.body = noBody
    const rest = waitingColumns(outcome.waits)
    const { emission } = outcome
    if (rest?.series.length === columns.series.length && emission === undefined) return { rest, sent: done }
    const stays = new Set(rest?.series)
    const pending = new Set(record === undefined ? nothing : keeper?.waiting(outcome, record.token))
    const isDone = (one: number): boolean => !stays.has(one) && !pending.has(one)
    const told = record === undefined ? undefined : ([record.id, ...only.filter(isDone)] as const)
    const translated = bodyOf(outcome, tenant, body, keeper?.ofEmission(emission, told))
    books.columns(columns, -1)
    if (rest !== undefined) books.columns(rest, 1)
    books.waited(translated)
    const where = columns.samples.metadata > 0 ? 'metadata' : 'target_info'
    const sent = release(translated, where, () => leave(stays))
    return { rest, sent }
  }

  /** Puts what has waited, now or later: its points count as waiting until then. @param after called once it is stored */
  const release = async (body: WriteBody, where: WaitsFor, after: () => void): Promise<void> => {
    const { emission } = body
    const points = body.items - (emission?.points ?? 0)
    try {
      await send(lateBatch(body.items, body.data, body.services), body.keep, emission)
      stuck = undefined
      after()
    } catch (error) {
      const known = asBridgeError(error)
      if (known.retry === 'never') {
        stuck = undefined
        books.dropped(reasonOf(known.code), points)
        takeBack(emission, known)
        deps.log.error({ points, error: known.message }, 'samples that have waited cannot be taken')
        after()
        return
      }
      books.waits(where, points)
      if (emission !== undefined) books.emission(emission, -1)
      stuck = () => {
        books.waits(where, -points)
        if (emission !== undefined) books.emission(emission, 1)
        return release(body, where, after)
      }
      throw known
    }
  }

  const room = createWaitingRoom({ nowMs: deps.nowMs, news: () => state.news, longestMs, look })

  /** One record of an earlier run: its samples wait again, or are sent where they turn out to be no members now. */
  const replay = async (id: number, keep: Keep, done: ReadonlySet<number>): Promise<void> => {
    const { version, tenant } = keep
    const body = deps.uncompress(keep.body)
    decode(version, body)
    const nowMs = deps.nowMs()
    const only = keep.series.filter((one) => one < request.seriesCount && !done.has(one))
    const outcome = translator.translate(request, { tenant, nowMs, only, again: 'recovered', mayWait: longestMs > 0, isFull: room.isFull })
    request.body = noBody
    const token: KeepToken = { open: 0 }
    keeper?.waiting(outcome, token)
    const { emission } = outcome
    const again = bodyOf(outcome, tenant, body, emission === undefined ? undefined : keeper?.ofEmission(emission))
    const part = partOf(outcome, { version, tenant, body: new Uint8Array(keep.body), sinceMs: nowMs, turn: outcome.turn }, state.news)
    if (part !== undefined) token.open++
    books.recovered(again.received)
    await store({ ...again, received: 0, waiting: part }, { id, token })
    keeper?.recovered(id, token)
  }

  return {
    translate(version, body, wire, tenant) {
      decode(version, body)
      const nowMs = deps.nowMs()
      const mayWait = longestMs > 0
      const outcome = translator.translate(request, { tenant, nowMs, mayWait, isFull: mayWait && room.isFull })
      // Up to 128 MiB that nobody needs any more.
      request.body = noBody
      const translated = bodyOf(outcome, tenant, body, keeper?.of(outcome, version, tenant, wire))
      if (outcome.waits.length === 0) return translated
      return {
        ...translated,
        waiting: partOf(outcome, { version, tenant, body: new Uint8Array(wire), sinceMs: nowMs, turn: outcome.turn }, state.news),
      }
    },
    put,
    flush,
    turnedAway: () => assembler.standStill(deps.nowMs()),
    async finish(deadlineMs) {
      const endMs = performance.now() + deadlineMs
      for (;;) {
        try {
          // What is kept goes on waiting after the next start: members of it may be with their senders still, and would come too late.
          await flush(keeper === undefined)
          if (books.held > 0 && keeper !== undefined) deps.log.info({ samples: books.held }, staysMessage)
          return
        } catch (error) {
          if (performance.now() + finishPauseMs < endMs && asBridgeError(error).code !== 'OB_STOPPING') {
            await new Promise((resolve) => setTimeout(resolve, finishPauseMs))
            continue
          }
          const samples = books.held
          if (samples === 0) return
          if (keeper !== undefined) {
            deps.log.info({ samples }, staysMessage)
            return
          }
          deps.log.error({ samples, error }, 'samples that waited for others are lost: the queue did not take them')
          books.lost('shutdown')
          return
        }
      }
    },
    async recover(requests, sent) {
      const done = new Map<number, Set<number>>()
      // First what was sent: members of it that wait in requests are late.
      for (const { id, data } of sent) {
        const head = decodeKeep(data)
        for (const [a, b, c, timeMs] of head?.sent ?? nothing) assembler.markEmitted(a, b, c, timeMs)
        for (const [record, ...series] of head?.done ?? nothing) done.set(record, new Set([...(done.get(record) ?? nothing), ...series]))
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
          await replay(id, keep, done.get(id) ?? nobody)
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
      return books.held
    },
  }
}
