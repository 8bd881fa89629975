/** What happens to a body once it is here, whatever carried it: translate, keep the books, put. */

import { performance } from 'node:perf_hooks'
import { BridgeError, isBridgeError } from '../errors.ts'
import type { ServiceCount } from '../otlp/batch.ts'
import type { EncodedBatch, Signal } from '../otlp/intake.ts'
import { type Cell, cappedValues, type FormatBooks } from '../telemetry/metrics.ts'
import type { Drop, Note } from '../translate/outcome.ts'
import type { AdapterDeps, BodyTranslator, TranslatedBody } from './adapter.ts'
import { type Along, batchAlong, goesWithout, lossOf, reasonOf } from './legacy.ts'

export interface ReceiverOptions {
  /** Format label, as in `interface.md`. */
  readonly format: string
  /** What the items are; default: traces. */
  readonly signal?: Signal
  /** Transport label: `http`, `grpc` or `udp`. */
  readonly transport: string
  readonly translate: BodyTranslator
  /** Refuse the whole request when one item in it is bad, as the legacy server does. */
  readonly strict?: boolean
}

/** What became of one body. */
export interface Receipt {
  /** Items that are in the queue now. */
  readonly items: number
  /** Items that were refused one by one; the others of the same body are not touched by it. */
  readonly rejected: number
}

/** Counts since start, for pages that show them the way the legacy server does. */
export interface ReceiverTotals {
  requests: number
  refusedRequests: number
  bytes: number
  items: number
  lostItems: number
}

/** The way in for one wire encoding. */
export interface Receiver {
  readonly format: string
  /** What the items are; absent: traces. */
  readonly signal?: Signal | undefined
  readonly totals: ReceiverTotals
  /** Counts a request that came in: with its bytes on the wire, however it ends. */
  arrived(wireBytes: number): void
  /** Counts a request that was refused whole, items unknown. */
  refused(error: BridgeError): void
  /**
   * Decode, translate, encode: synchronous, so that `body` may be reused as soon as it returns. Counts a refusal; throws {@link BridgeError}.
   * @param wire the body as it came, where `body` was decompressed by the route itself; to be copied by whoever keeps it
   */
  translate(body: Uint8Array, wire?: Uint8Array): TranslatedBody
  /** Why nothing of a body will be taken although it could be read; undefined: something will, or nothing was in it. */
  fault?(body: TranslatedBody): BridgeError | undefined
  /**
   * Hands the items to the intake and resolves when the sender may hear of success. Rejects with OB_ALL_REJECTED when no
   * item was good, and with what the intake says; every item is in the books then.
   * @param along what goes with them; while it is not known nothing is put, and when it rejects nothing is taken
   */
  put(body: TranslatedBody, along?: Along | Promise<Along>): Promise<Receipt>
}

export { reasonOf } from './legacy.ts'

/** Any error as one of ours: what no table knows is our own fault. */
export function asBridgeError(error: unknown): BridgeError {
  if (isBridgeError(error)) return error
  const why = error instanceof Error ? error.message : String(error)
  return new BridgeError('OB_INTERNAL', `cannot take request: ${why}`, { cause: error })
}

/** Cells of one metric by their `reason`, kept so that the hot path does not build label keys. */
export function cellsByReason(make: (reason: string) => Cell): (reason: string) => Cell {
  const cells = new Map<string, Cell>()
  return (reason) => {
    let cell = cells.get(reason)
    if (cell === undefined) cells.set(reason, (cell = make(reason)))
    return cell
  }
}

/**
 * The books of one body's drops and notes, and the cells of whoever uses items up or holds them back; where the drops go (refused or
 * dropped) is the caller's to say. Cells count items: of n that become one, n − 1 are consumed.
 */
export function createItemBooks(format: string, deps: AdapterDeps, dropsAre: 'refused' | 'dropped', signal: Signal = 'traces') {
  const books: FormatBooks = deps.metrics.books(format, signal)
  const lost = cellsByReason((reason) => books[dropsAre](reason))
  const clients = new Map<string, Cell>()
  const noted = cellsByReason((reason) => deps.metrics.counter('otlp_bridge_notes_total', { format, reason }))
  return {
    books,
    lost,
    /** Items that became none of their own, by reason. */
    consumed: cellsByReason((reason) => books.consumed(reason)),
    /** Items that wait before the queue, by where: to be moved up and down. */
    held: cellsByReason((where) => books.held(where)),
    /** Counts drops as received and lost at once. Returns how many items they were. */
    drops(drops: readonly Drop[]): number {
      let sum = 0
      for (const drop of drops) {
        lost(drop.reason).value += drop.count
        sum += drop.count
      }
      books.received.value += sum
      return sum
    },
    /** Counts whose items they are; called once the queue has them. */
    clients(services: readonly ServiceCount[] | undefined): void {
      if (services === undefined) return
      for (const { service, items } of services) {
        let cell = clients.get(service)
        if (cell === undefined) {
          // The metric keeps its own cap; this is only a shorter way to its cells.
          if (clients.size > 2 * cappedValues) clients.clear()
          clients.set(service, (cell = deps.metrics.counter('otlp_bridge_clients_items_total', { format, service })))
        }
        cell.value += items
      }
    },
    notes(notes: readonly Note[]): void {
      for (const note of notes) noted(note.reason).value += note.count
    },
  }
}

/** The books of requests, whatever is in them: those that came in and those that were refused whole, items unknown. */
export function createRequestBooks(format: string, transport: string, { metrics }: Pick<AdapterDeps, 'metrics'>) {
  const labels = { format, transport }
  const requests = metrics.counter('otlp_bridge_received_requests_total', labels)
  const bytes = metrics.counter('otlp_bridge_received_bytes_total', labels)
  const refusals = cellsByReason((reason) => metrics.counter('otlp_bridge_refused_requests_total', { ...labels, reason }))
  return {
    /** @param wireBytes as they came, before decompression */
    arrived(wireBytes: number): void {
      requests.value++
      bytes.value += wireBytes
    },
    refused(error: BridgeError): void {
      refusals(reasonOf(error.code)).value++
    },
  }
}

/**
 * Times the translation of bodies. What it throws is one of ours, and was counted; a fault of our own is told.
 * @param refused counts a request that was refused whole
 */
export function createTranslating(format: string, deps: Pick<AdapterDeps, 'metrics' | 'log'>, refused: (error: BridgeError) => void) {
  const seconds = deps.metrics.histogram('otlp_bridge_stage_seconds', { stage: 'translate', format })
  return <T>(translate: () => T): T => {
    const startedAt = performance.now()
    try {
      const translated = translate()
      seconds.observe((performance.now() - startedAt) / 1000)
      return translated
    } catch (error) {
      const known = asBridgeError(error)
      refused(known)
      if (known.code === 'OB_INTERNAL') deps.log.error({ format, error }, 'a translator failed on a body; the body was refused')
      throw known
    }
  }
}

/**
 * Creates the way in for one encoding over a transport whose sender waits for an answer. Items enter the books the moment
 * they are handed on or refused, not before.
 */
export function createReceiver(options: ReceiverOptions, deps: AdapterDeps): Receiver {
  const { format, transport, signal = 'traces' } = options
  const requests = createRequestBooks(format, transport, deps)
  const queueSeconds = deps.metrics.histogram('otlp_bridge_stage_seconds', { stage: 'queue', format })
  const items = createItemBooks(format, deps, 'refused', signal)
  const totals: ReceiverTotals = { requests: 0, refusedRequests: 0, bytes: 0, items: 0, lostItems: 0 }

  const refused = (error: BridgeError): void => {
    requests.refused(error)
    totals.refusedRequests++
  }

  const translating = createTranslating(format, deps, refused)

  const allRejected = (drops: readonly Drop[]): BridgeError =>
    new BridgeError('OB_ALL_REJECTED', drops[0]?.example ?? 'cannot take request: no item of it could be read')

  const isStrictlyRefused = (body: TranslatedBody): boolean => body.drops.length > 0 && options.strict === true

  /** All that was found in a body, as lost. Returns how many items it was. */
  const loseAll = (body: TranslatedBody, reason: string): number => {
    const rejected = items.drops(body.drops)
    items.books.received.value += body.items
    items.lost(reason).value += body.items
    totals.lostItems += rejected + body.items
    return rejected + body.items
  }

  /** What is known before the old side has answered is put at once; else nothing is, until it has. */
  const settled = async (body: TranslatedBody, along: Promise<Along>): Promise<Along> => {
    try {
      return await along
    } catch (error) {
      const known = asBridgeError(error)
      loseAll(body, lossOf(known))
      totals.refusedRequests++
      throw known
    }
  }

  /** The envelope, without items. */
  const putAlone = async (along: Along): Promise<void> => {
    try {
      await deps.intake.put(batchAlong(format, signal, 0, noBytes, undefined, along))
    } catch (error) {
      totals.refusedRequests++
      throw asBridgeError(error)
    }
  }

  /** A body of which the new side gets nothing. */
  const putNothing = async (body: TranslatedBody, along: Along, rejected: number): Promise<Receipt> => {
    if (rejected > 0 && along.lenient !== true) {
      totals.refusedRequests++
      throw allRejected(body.drops)
    }
    if (along.envelope !== undefined) await putAlone(along)
    return { items: 0, rejected }
  }

  /** What the queue did not take. */
  const notTaken = async (body: TranslatedBody, along: Along, rejected: number, error: BridgeError): Promise<Receipt> => {
    totals.lostItems += body.items
    if (!goesWithout(error, along)) {
      items.lost(reasonOf(error.code)).value += body.items
      totals.refusedRequests++
      throw error
    }
    items.books.dropped('shed_full').value += body.items
    if (along.envelope !== undefined) await putAlone(along)
    return { items: 0, rejected }
  }

  return {
    format,
    signal,
    totals,
    arrived(wireBytes) {
      requests.arrived(wireBytes)
      totals.requests++
      totals.bytes += wireBytes
    },
    refused,
    translate: (body) => translating(() => options.translate(body, deps.nowMs())),
    fault: (body) => (isStrictlyRefused(body) || (body.items === 0 && body.drops.length > 0) ? allRejected(body.drops) : undefined),
    async put(body, sent = alone) {
      items.notes(body.notes)
      totals.items += body.received
      const along = sent instanceof Promise ? await settled(body, sent) : sent
      if (isStrictlyRefused(body)) return putNothing(body, along, loseAll(body, 'strict'))
      let rejected = 0
      if (body.drops.length > 0) {
        rejected = items.drops(body.drops)
        totals.lostItems += rejected
      }
      if (body.items === 0) return putNothing(body, along, rejected)
      const startedAt = performance.now()
      // Counted now, because the queue counts its side as soon as it is called.
      items.books.received.value += body.items
      try {
        await deps.intake.put(batchAlong(format, signal, body.items, body.data, body.services, along))
      } catch (error) {
        return notTaken(body, along, rejected, asBridgeError(error))
      }
      items.books.translated.value += body.items
      items.clients(body.services)
      queueSeconds.observe((performance.now() - startedAt) / 1000)
      return { items: body.items, rejected }
    },
  }
}

const alone: Along = {}
const noBytes = new Uint8Array(0)

/** A batch for the intake, of traces unless said otherwise. */
export function batchOf(format: string, items: number, data: Uint8Array, signal: Signal = 'traces'): EncodedBatch {
  return { format, signal, items, data }
}
