/** One slice from its cursor to its end: the page protocol (3.3). */

import { BridgeError, type ErrorCode, isBridgeError } from '../errors.ts'
import type { Logger } from '../telemetry/log.ts'
import { addCounts, addReasons } from './counts.ts'
import type { Gates } from './gates.ts'
import type { Ledger, PageAck, Step, Taken } from './ledger.ts'
import { losses, mainLoss } from './losses.ts'
import type { MemoryBudget } from './memory.ts'
import type { Reasons } from './model.ts'
import type { Pace, Windows } from './pacing.ts'
import { checkPage, createAcks, emptyAck, joinAcks, type ReadyPage } from './page-ack.ts'
import type { Said, SlicePhase, SliceView, Tally } from './progress.ts'
import { type Delivered, refusedAgain, refusedBehind, refusedForAge, type Sink } from './sink.ts'
import { readSourceFault, type SliceReader, type Source } from './source.ts'

export interface SliceDeps {
  readonly source: Source
  readonly ledger: Ledger
  readonly sink: Sink
  readonly pace: Pace
  readonly windows: Windows
  readonly gates: Gates
  readonly memory: MemoryBudget
  readonly tally: Tally
  readonly log: Logger
  /** Wall clock, ms. */
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  readonly sleep: (ms: number, abort: AbortSignal) => Promise<void>
  readonly skipRefused: boolean
  /** No new page. */
  readonly soft: AbortSignal
  /** Let go of everything. */
  readonly hard: AbortSignal
  /** The destination takes nothing that ends at or before this time, ms. */
  readonly onRefused: (boundaryMs: number) => void
}

/**
 * How a slice was left. `released`: at its cursor, to be gone on with. `ends` set: the run cannot go on either, for that reason. Never rejects but for
 * faults of our own that even the ledger does not take.
 */
export interface SliceEnd {
  readonly kind: 'done' | 'done_with_losses' | 'failed' | 'released' | 'fenced'
  readonly reason: string
  readonly ends?: 'destination' | 'refused' | 'ledger' | undefined
  readonly error?: Error | undefined
}

/** An acknowledgement waits so long for the next intent, to go with it in one commit. */
const togetherMs = 20
/** Pages without anything to send are written down after that time at the latest. */
const unwrittenMs = 1000
/** A pause from which on the source should not hold anything open for us. */
const restAfterMs = 60_000
const closeWithinMs = 5000

const codeOf = (error: unknown): ErrorCode | undefined => (isBridgeError(error) ? error.code : undefined)

const stopping = (): BridgeError => new BridgeError('OB_STOPPING', 'cannot go on with the slice: the run is stopping')

/** What was thrown by the sink, so that it is not taken for the source's. */
class SinkFault extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** Stops the run without an acknowledgement: the page was refused for its age. */
class Refused extends Error {
  readonly nothingStored: boolean

  constructor(message: string, nothingStored: boolean) {
    super(message)
    this.nothingStored = nothingStored
  }
}

/** What became of a page that was sent before and may have arrived: it may stand in its own way. */
function afterAll(delivered: Delivered): Delivered {
  const { [refusedBehind]: behind = 0, ...rejected } = delivered.rejected
  if (behind === 0) return delivered
  const boundary = delivered.boundary?.reason === refusedBehind ? undefined : delivered.boundary
  return { ...delivered, rejected: { ...rejected, [refusedAgain]: behind }, boundary }
}

/** Runs a slice that was taken. The reader is closed, and the slice is ended or released, when it resolves. */
export async function runSlice(taken: Taken, deps: SliceDeps): Promise<SliceEnd> {
  const { slice } = taken
  const { ledger, sink, tally, gates, monotonicMs, soft, hard } = deps
  const view: SliceView = {
    id: slice.id,
    group: slice.group,
    fromMs: slice.fromMs,
    planned: slice.items,
    readBefore: slice.counts.read,
    phase: 'read',
    phaseSinceMs: monotonicMs(),
    positionMs: slice.counts.maxMs ?? slice.fromMs,
    pages: 0,
    read: 0,
  }
  const acks = createAcks()
  let reader: SliceReader | undefined
  let counts = slice.counts
  let cursor = slice.cursor
  let number = slice.page
  /** Acknowledged, and not yet in the ledger. */
  let unwritten: PageAck | undefined
  let unwrittenSince = 0
  /** Was out when the one before stopped, and may have arrived. */
  let before = taken.intent
  /** It is in the ledger still. */
  let hasIntent = before !== undefined
  /** Nothing that was ever sent of the slice is there any more. */
  let isTakenBack = false
  /** The page that is read while another is out. */
  let coming: Promise<ReadyPage | undefined> | undefined
  let resting: Promise<void> | undefined
  const leaving = new AbortController()
  /** Ends the reading: the run stops, or the slice is left for another reason while its next page is on its way. */
  const noMore = AbortSignal.any([soft, leaving.signal])

  const enter = (phase: SlicePhase): void => {
    const now = monotonicMs()
    if (view.phase === 'wait') tally.waited(now - view.phaseSinceMs)
    view.phase = phase
    view.phaseSinceMs = now
  }

  const said = (side: Said['side'], message: string): void => tally.said({ side, atMs: deps.nowMs(), group: slice.group, message })

  /** What does not heed the signal is left behind. */
  const unlessHard = <T>(work: Promise<T>): Promise<T> => {
    if (hard.aborted) return Promise.race([work, Promise.reject(stopping())])
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(stopping())
      hard.addEventListener('abort', leave, { once: true })
      work.then(resolve, reject).finally(() => hard.removeEventListener('abort', leave))
    })
  }

  const commit = async (step: Step): Promise<void> => {
    const since = monotonicMs()
    const withAck: Step = { ...step, ack: unwritten }
    await unlessHard(ledger.commit(slice.id, slice.epoch, withAck))
    tally.committed(monotonicMs() - since)
    if (withAck.ack !== undefined || step.intent !== undefined) hasIntent = false
    unwritten = undefined
  }

  const note = (ack: PageAck): void => {
    if (unwritten === undefined) unwrittenSince = monotonicMs()
    unwritten = joinAcks(unwritten, ack)
    counts = addCounts(counts, ack.counts)
    cursor = ack.cursor
    number = ack.page + 1
    view.pages++
    view.read += ack.counts.read
    const { maxMs } = ack.counts
    if (maxMs !== undefined && maxMs > (view.positionMs ?? Number.NEGATIVE_INFINITY)) view.positionMs = maxMs
    tally.add(ack.counts)
    gates.changed()
  }

  /** Waits; an acknowledgement that has nothing to go with is written by itself after a while. */
  const meanwhile = async <T>(work: Promise<T>): Promise<T> => {
    if (unwritten !== undefined) {
      const over = new AbortController()
      const first = await Promise.race([work.then(() => true), deps.sleep(togetherMs, over.signal).then(() => false)]).finally(() =>
        over.abort(),
      )
      if (!first || monotonicMs() - unwrittenSince > unwrittenMs) await commit({})
    }
    return unlessHard(work)
  }

  const rest = async (reading: SliceReader): Promise<void> => {
    resting = reading
      .rest()
      .catch((error: unknown) => deps.log.debug({ group: slice.group, error }, 'the source could not let go of what it holds open'))
    await resting
  }

  const windowOpens = async (reading: SliceReader): Promise<void> => {
    let waitMs = deps.windows.waitMs(deps.nowMs())
    if (waitMs > 0) await rest(reading)
    for (; waitMs > 0 && !soft.aborted; waitMs = deps.windows.waitMs(deps.nowMs())) await deps.sleep(Math.min(waitMs, 60_000), soft)
  }

  const read = async (reading: SliceReader): Promise<ReadyPage | undefined> => {
    await windowOpens(reading)
    await resting
    if (noMore.aborted) throw stopping()
    const since = monotonicMs()
    const page = await reading.next(noMore)
    const readAt = monotonicMs()
    if (page === undefined) return undefined
    const translated = page.translate()
    const ready = checkPage(page, translated, readAt - since, monotonicMs() - readAt)
    deps.memory.measured(translated.bytes, ready.bytesOut)
    return ready
  }

  const readAhead = (reading: SliceReader, last: boolean): void => {
    coming = last ? undefined : read(reading)
    // Looked at later: a page is out.
    coming?.catch(() => {})
  }

  const maySend = async (ready: ReadyPage, reading: SliceReader): Promise<void> => {
    const over = new AbortController()
    // Of a long pause the source shall know: nothing is being read now.
    void deps.sleep(restAfterMs, over.signal).then(() => (over.signal.aborted ? undefined : rest(reading)))
    try {
      await windowOpens(reading)
      await gates.turn(view, ready.translated.minMs, soft)
      if (soft.aborted) throw stopping()
      await deps.pace.take(ready.produced, ready.bytesOut, soft)
    } finally {
      over.abort()
    }
  }

  /** What is known of the page from before a stop. */
  const repeated = (ready: ReadyPage): { readonly resent: number; readonly notes: Reasons } => {
    const notes = ready.translated.notes ?? {}
    if (before === undefined) return { resent: ledger.rebuilt && !isTakenBack ? ready.produced : 0, notes }
    const { produced, sum } = before
    before = undefined
    const same = sum === ready.translated.sum && produced === ready.produced
    return { resent: produced, notes: same ? notes : addReasons(notes, { source_changed: 1 }) }
  }

  /** A page that was out has nothing to send any more. */
  const vanished = (notes: Reasons): Reasons => {
    if (before === undefined) return notes
    before = undefined
    return addReasons(notes, { source_changed: 1 })
  }

  const deliver = async (ready: ReadyPage): Promise<Delivered> => {
    try {
      return await unlessHard(sink.deliver(slice.id, number, ready.translated.requests, hard))
    } catch (error) {
      throw new SinkFault(error)
    }
  }

  /** Nothing is acknowledged of a page that was refused for its age, unless such pages are to be left out: it goes out again when the knob was turned. */
  const tooOld = (ready: ReadyPage, delivered: Delivered): void => {
    const old = delivered.rejected[refusedForAge] ?? 0
    if (delivered.boundary === undefined && old === 0) return
    const { minMs, maxMs } = ready.translated
    const refusedMs = delivered.boundary?.refusedMs ?? (delivered.acked === 0 ? maxMs : minMs)
    if (refusedMs !== undefined) deps.onRefused(refusedMs)
    if (deps.skipRefused) return
    const when = refusedMs === undefined ? 'such age' : new Date(refusedMs).toISOString()
    const { said: why = delivered.said[0] ?? 'it gave no reason', knob = '' } = delivered.boundary ?? {}
    const sentence = `cannot fill in ${slice.group}: ${delivered.boundary?.destination ?? sink.name} takes nothing of ${when}: ${why}`
    throw new Refused(knob === '' ? sentence : `${sentence}; ${knob}`, delivered.acked === 0)
  }

  const send = async (ready: ReadyPage, reading: SliceReader): Promise<void> => {
    enter('wait')
    await meanwhile(maySend(ready, reading))
    const { resent, notes } = repeated(ready)
    enter('send')
    await commit({
      intent: {
        page: number,
        read: ready.translated.read,
        produced: ready.produced,
        sum: ready.translated.sum,
        atMs: deps.nowMs(),
        sink: sink.position(slice.id),
      },
      resent,
    })
    // In the ledger already; the slice's own acknowledgements do not hold it.
    if (resent > 0) tally.resent(resent)
    readAhead(reading, ready.page.last)
    const since = monotonicMs()
    const answer = await deliver(ready)
    const delivered = resent > 0 || answer.ambiguous > 0 ? afterAll(answer) : answer
    const sendMs = monotonicMs() - since
    for (const sentence of delivered.said) said('destination', sentence)
    tooOld(ready, delivered)
    note(acks.ack(ready, number, delivered, sendMs, notes))
    const { readMs, translateMs, produced: items, bytesOut: bytes } = ready
    deps.pace.observed({ items, bytes, readMs, translateMs, sendMs })
    enter('read')
  }

  const pages = async (reading: SliceReader): Promise<void> => {
    readAhead(reading, false)
    while (coming !== undefined) {
      const ready: ReadyPage | undefined = await meanwhile(coming)
      if (ready === undefined) return
      if (ready.produced > 0) await send(ready, reading)
      else {
        note(acks.ack(ready, number, undefined, 0, vanished(ready.translated.notes ?? {})))
        readAhead(reading, ready.page.last)
      }
    }
  }

  const finish = async (): Promise<SliceEnd> => {
    // Its page is not in the source any more.
    if (hasIntent) note(emptyAck(number, cursor ?? null, { source_changed: 1 }))
    if (unwritten !== undefined) await commit({})
    try {
      await unlessHard(sink.finish(slice.id))
    } catch (error) {
      throw new SinkFault(error)
    }
    const reason = losses(counts) > 0 || counts.srcSum !== counts.ackSum ? mainLoss(counts) : ''
    const kind = reason === '' ? 'done' : 'done_with_losses'
    await unlessHard(ledger.end(slice.id, slice.epoch, kind, reason, ''))
    return { kind, reason }
  }

  const release = async (intent: 'keep' | 'drop', why: { reason: string; error: string }): Promise<void> => {
    if (unwritten !== undefined) await commit({})
    await unlessHard(ledger.release(slice.id, slice.epoch, { intent, ...why }))
  }

  const fail = async (reason: string, error: unknown, side: Said['side']): Promise<SliceEnd> => {
    const { message } = readSourceFault(error)
    said(side, message)
    deps.log.warn({ group: slice.group, slice: slice.id, reason, error }, 'a slice failed')
    if (unwritten !== undefined) await commit({})
    await unlessHard(ledger.end(slice.id, slice.epoch, 'failed', reason, message))
    return { kind: 'failed', reason, error: error instanceof Error ? error : new Error(message) }
  }

  /** The slice stands in the ledger as it is known to stand, whatever happened. */
  const settle = async (thrown: unknown): Promise<SliceEnd> => {
    if (thrown instanceof Refused) {
      const reason = 'destination_refuses_old'
      said('destination', thrown.message)
      await release(thrown.nothingStored ? 'drop' : 'keep', { reason, error: thrown.message })
      return { kind: 'released', reason, ends: 'refused', error: new BridgeError('OB_DESTINATION', thrown.message) }
    }
    const error = thrown instanceof SinkFault ? thrown.cause : thrown
    const code = codeOf(error)
    if (code === 'OB_FENCED' || code === 'OB_LEDGER') throw error
    if (code === 'OB_STOPPING' && soft.aborted) {
      await release('keep', { reason: '', error: '' })
      return { kind: 'released', reason: '' }
    }
    if (thrown instanceof SinkFault) {
      if (code !== 'OB_DESTINATION') return fail('internal', error, 'destination')
      const wrong = error instanceof Error ? error : new Error(String(error))
      said('destination', wrong.message)
      await release('keep', { reason: '', error: wrong.message })
      return { kind: 'released', reason: '', ends: 'destination', error: wrong }
    }
    return fail(code === 'OB_INTERNAL' ? 'internal' : readSourceFault(error).reason, error, 'source')
  }

  /** The ledger itself says no. */
  const leave = (error: unknown): SliceEnd => {
    const code = codeOf(error)
    const known = error instanceof Error ? error : new Error(String(error))
    if (code === 'OB_FENCED') return { kind: 'fenced', reason: '', error: known }
    // The process ends: the next one finds the slice under way, and its intent.
    if (code === 'OB_STOPPING') return { kind: 'released', reason: '' }
    said('ledger', known.message)
    return { kind: 'released', reason: '', ends: 'ledger', error: known }
  }

  const close = async (reading: SliceReader): Promise<void> => {
    leaving.abort()
    const over = new AbortController()
    const read = coming?.catch(() => {}) ?? Promise.resolve()
    const closed = read
      .then(() => reading.close())
      .catch((error: unknown) => deps.log.debug({ group: slice.group, error }, 'a reader could not be closed'))
    await Promise.race([closed, deps.sleep(closeWithinMs, over.signal)])
    over.abort()
  }

  const restore = async (): Promise<void> => {
    try {
      if (before !== undefined) {
        if (await unlessHard(sink.restore(slice.id, before.sink))) before = undefined
      } else if (slice.cursor === undefined && sink.position(slice.id) !== undefined) {
        // A retry from the beginning: files would have it twice.
        isTakenBack = await unlessHard(sink.restore(slice.id, null))
      }
    } catch (error) {
      throw new SinkFault(error)
    }
  }

  gates.enter(view)
  try {
    await restore()
    reader = deps.source.open(slice, slice.cursor)
    await pages(reader)
    return await finish()
  } catch (error) {
    return await settle(error).catch(leave)
  } finally {
    enter('read')
    gates.leave(view)
    if (reader !== undefined) await close(reader)
  }
}
