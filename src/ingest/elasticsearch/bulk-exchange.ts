/**
 * A bulk request from its first byte to its answer. What is small is read, translated and put at once; of what is large each piece is, while the
 * rest of it waits in the socket, and all of them become the queue's together.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BridgeError, isBridgeError } from '../../errors.ts'
import type { HistogramCell } from '../../telemetry/metrics.ts'
import type { DocumentPart } from '../documents.ts'
import { asBridgeError } from '../receive.ts'
import type { Client } from './admission.ts'
import { headersFor } from './answers.ts'
import type { BodyLines, LineReader } from './body-lines.ts'
import { type BulkMeans, BulkRun } from './bulk.ts'
import type { BulkBooks } from './bulk-books.ts'
import { BulkResults } from './bulk-results.ts'
import { ActionReader, type RequestFault } from './decode-action.ts'
import type { Delivery, LargeDelivery } from './delivery.ts'
import type { Head } from './documents-door.ts'
import type { GeneratedIds, SequenceNumbers } from './generated-ids.ts'
import { isForSeven } from './media-type.ts'
import { BulkReply, sendBulkReply } from './reply-bulk.ts'
import { shapeOf } from './reply-shapes.ts'
import type { DocumentTarget } from './target.ts'

export interface BulkExchangeDeps {
  readonly means: BulkMeans
  readonly lines: LineReader
  readonly delivery: Delivery
  readonly books: BulkBooks
  readonly ids: GeneratedIds
  readonly sequences: SequenceNumbers
  /** First number of the version that clients are told. */
  readonly major: number
  readonly shortItems: boolean
  /** Seconds of translation, a piece. */
  readonly seconds: HistogramCell
  readonly monotonicMs: () => number
  /** The listener stops: answers end their connections. */
  readonly isDraining: () => boolean
}

/** How a request ended: it was answered, or is to be refused. */
export type Outcome =
  | { readonly how: 'answered' }
  /** The whole request is wrong. */
  | { readonly how: 'fault'; readonly fault: RequestFault }
  /** @param actions true when all actions were read, so that each item can be told */
  | { readonly how: 'error'; readonly error: BridgeError }

/** One bulk request. */
export interface BulkExchange {
  /** Reads the request and hands it on. */
  run(): Promise<Outcome>
  /** After an error that passes: answers with 429 for each item. False when its actions cannot be known any more: then it is to be refused. */
  rejectItems(): Promise<boolean>
  /** Bytes on the wire. */
  readonly wireBytes: number
  /** Lets go of everything; after the answer. */
  close(): void
}

/**
 * What a piece leaves behind is outside the heap (memory that the socket was read into, encoded requests), so that the engine sees little reason to
 * collect it. This takes a third of a millisecond, a piece takes ten.
 */
const collectYoung = (): void => void globalThis.gc?.({ type: 'minor', execution: 'sync' })

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
const sparesKept = 4

const answered: Outcome = { how: 'answered' }

/** Creates what takes bulk requests of one listener. */
export function createBulkExchanges(deps: BulkExchangeDeps) {
  const { means, lines, delivery, books, major, monotonicMs } = deps
  const { batcher, errors } = means
  const spareReaders: ActionReader[] = []
  const spares: BulkResults[] = []

  return (
    request: IncomingMessage,
    response: ServerResponse,
    target: DocumentTarget,
    head: Head,
    client: Client,
    startedAt: number,
    rejectAll: boolean,
  ): BulkExchange => {
    const body: BodyLines = lines.read(request, response, head.encoding, head.length)
    const results = spares.pop() ?? new BulkResults()
    let reader: ActionReader | undefined
    let run: BulkRun | undefined
    let large: LargeDelivery | undefined
    /** The body has been read to its end, and all actions in it are good. */
    let isRead = false

    /** Another request may have the reader. */
    const letGoOfReader = (): void => {
      if (reader !== undefined && spareReaders.length < sparesKept) spareReaders.push(reader)
      reader = undefined
    }

    /** Translates the piece that is there, or enough of it. Undefined at a fault. */
    const translate = (): readonly DocumentPart[] | undefined => {
      const from = monotonicMs()
      const piece = body.bytes.subarray(0, body.end)
      const isRest = isMore
      let start = isRest ? next.from : body.start
      if (run === undefined) {
        reader = spareReaders.pop() ?? new ActionReader(major)
        run = new BulkRun(means, reader, results, target.defaults, rejectAll)
        if (piece.subarray(start, start + 3).equals(byteOrderMark)) start += 3
      }
      try {
        const end = run.read(piece, start, body.last)
        next = { from: end, skip: false }
        isMore = run.more
        if (!body.last && !isMore && run.fault === undefined) {
          // What stands before a line in the piece makes it no longer than that.
          const isTooLong = end === start && body.full && !isRest
          if (isTooLong) run.tooLong()
          next = { from: end, skip: isTooLong }
        }
        if (run.fault !== undefined || (body.last && !isMore && !run.end())) return undefined
        const parts = batcher.take()
        for (const part of parts) run.tally.part(part)
        deps.seconds.observe((monotonicMs() - from) / 1000)
        return parts
      } finally {
        batcher.clear()
        run.tally.noticed(batcher.notes())
      }
    }
    let next = { from: 0, skip: false }
    /** The piece is not read to its end. */
    let isMore = false

    const failed = (error: BridgeError): Outcome => ({ how: 'error', error })

    const fault = (own: BulkRun): Outcome =>
      own.fault === undefined ? failed(asBridgeError(new Error('BUG: no fault'))) : { how: 'fault', fault: own.fault }

    /** Reads all pieces. Undefined when they are read, and all but the last handed on; else how it ended. */
    const readPieces = async (): Promise<readonly DocumentPart[] | Outcome> => {
      for (;;) {
        if (!isMore) await body.next()
        const parts = translate()
        const own = run as BulkRun
        if (parts === undefined) return fault(own)
        if (body.last && !isMore) {
          isRead = true
          letGoOfReader()
          return parts
        }
        if (!isMore) body.keep(next.from, next.skip)
        collectYoung()
        if (own.rejectsAll) continue
        large ??= delivery.begin()
        const error = await large.add(parts, client)
        if (error !== undefined) return failed(error)
      }
    }

    const hand = async (parts: readonly DocumentPart[], own: BulkRun): Promise<BridgeError | undefined> => {
      if (own.rejectsAll) return undefined
      if (large === undefined) return delivery.deliver(parts, own.tally, client)
      return (await large.add(parts, client)) ?? large.commit(own.tally)
    }

    const reply = async (): Promise<void> => {
      const { pretty, filter, typed } = target
      const headers = headersFor(request)
      const isTyped = typed || major < 8 || isForSeven(headers['content-type'])
      const shape = shapeOf({ pretty, filter, short: deps.shortItems, typed: isTyped })
      const tookMs = Math.max(0, Math.floor(monotonicMs() - startedAt))
      books.results(results)
      if (deps.isDraining()) response.shouldKeepAlive = false
      await sendBulkReply(response, 200, headers, new BulkReply(results, shape, tookMs, deps))
    }

    return {
      get wireBytes() {
        return body.wireBytes
      },
      async run() {
        try {
          const parts = await readPieces()
          if ('how' in parts) return parts
          body.close()
          const own = run as BulkRun
          const error = await hand(parts, own)
          if (error !== undefined) return failed(error)
          own.commit()
          await reply()
          return answered
        } catch (error) {
          if (isBridgeError(error)) return failed(error)
          throw error
        }
      },
      async rejectItems() {
        large?.discard()
        large = undefined
        if (run === undefined) return false
        run.rejectRest()
        if (!isRead) {
          const parts = await readPieces()
          if ('how' in parts) return false
          body.close()
        }
        results.failAll(errors.rejected)
        await reply()
        return true
      },
      close() {
        large?.discard()
        run?.discard()
        letGoOfReader()
        body.close()
        results.clear()
        if (spares.length < sparesKept) spares.push(results)
      },
    }
  }
}
