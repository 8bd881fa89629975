/**
 * A bulk request from its first byte to its answer. What is small is read, translated and put at once; of what is large each piece is, while the
 * rest of it waits in the socket, and all of them become the queue's together.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { BridgeError, isBridgeError } from '../../errors.ts'
import type { Envelope, Client as Sender } from '../../otlp/intake.ts'
import type { HistogramCell } from '../../telemetry/metrics.ts'
import type { DocumentPart } from '../documents.ts'
import type { Asked, LegacyAnswer } from '../mirror-door.ts'
import type { Observer } from '../observe.ts'
import { asBridgeError } from '../receive.ts'
import type { Client } from './admission.ts'
import { headersFor } from './answers.ts'
import type { BodyLines, LineReader } from './body-lines.ts'
import { type BulkMeans, BulkRun, type OldSide } from './bulk.ts'
import type { BulkBooks } from './bulk-books.ts'
import { BulkResults } from './bulk-results.ts'
import { ActionReader, type RequestFault } from './decode-action.ts'
import type { Delivery, LargeDelivery } from './delivery.ts'
import type { Head } from './documents-door.ts'
import type { GeneratedIds, SequenceNumbers } from './generated-ids.ts'
import { isForSeven } from './media-type.ts'
import { isTaken, passAnswer, readVerdict } from './old-answer.ts'
import { askedBytes, type OldRequest } from './old-side.ts'
import { BulkReply, sendBulkReply } from './reply-bulk.ts'
import { shapeOf } from './reply-shapes.ts'
import { showPiece } from './seen.ts'
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
  readonly observer?: Observer | undefined
  readonly nowMs: () => number
}

/** What is known of a request before its body is read. */
export interface BulkRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: DocumentTarget
  readonly head: Head
  /** How long it waits for room. */
  readonly client: Client
  /** Who sent it. */
  readonly sender: Sender
  /** Undefined while nothing goes to an old backend. */
  readonly old: OldRequest | undefined
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
/** Encoded bytes of a body that are kept while the old side is asked about it; of one that is more the bridge gives the answer. */
const mostHeld = 16 * 1024 * 1024

const answered: Outcome = { how: 'answered' }

/** Tells a client that waits for the old backend's answer that it got ours. */
export const ownAnswer: Readonly<Record<string, string>> = { 'x-otlp-bridge-answer': 'bridge' }

/** The old backend gave no answer, and ours is not wanted instead. */
export function noAnswer({ why, slow = false }: Extract<Asked, { how: 'none' }>): BridgeError {
  return new BridgeError(slow ? 'OB_MIRROR_SLOW' : 'OB_MIRROR_DOWN', `cannot get the old backend's answer: ${why}`, {
    retryAfterSeconds: 5,
  })
}

/** Creates what takes bulk requests of one listener. */
export function createBulkExchanges(deps: BulkExchangeDeps) {
  const { means, lines, delivery, books, major, monotonicMs } = deps
  const { batcher, errors } = means
  const spareReaders: ActionReader[] = []
  const spares: BulkResults[] = []

  return ({ request, response, target, head, client, sender, old }: BulkRequest, startedAt: number, rejectAll: boolean): BulkExchange => {
    const mirrored = old === undefined ? undefined : { tap: old.tap, wholeBytes: old.asks ? askedBytes : 0 }
    const body: BodyLines = lines.read(request, response, head.encoding, head.length, mirrored)
    const results = spares.pop() ?? new BulkResults()
    const writes = old?.state.old === 'required'
    const optional = old?.state.new === 'optional'
    let oldSide: OldSide = { writes }
    let reader: ActionReader | undefined
    let run: BulkRun | undefined
    let large: LargeDelivery | undefined
    /** Actions whose bytes went into envelopes. */
    let wrapped = 0
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
      const isFirst = run === undefined
      let start = isRest ? next.from : body.start
      if (run === undefined) {
        reader ??= spareReaders.pop() ?? new ActionReader(major)
        run = new BulkRun(means, reader, results, target.defaults, rejectAll, oldSide)
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
        if (isFirst && deps.observer !== undefined) showPiece(deps.observer, request, sender, deps.nowMs, piece, parts, results.failed)
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

    /** Envelopes of what came of a large body, beside the parts of it. */
    const envelopes = (last: boolean): readonly Envelope[] => {
      const made = old?.parts(results.count - wrapped, results.names[0], last) ?? []
      if (made.length > 0) wrapped = results.count
      return made
    }

    const held: DocumentPart[] = []
    let heldBytes = 0
    const mayAsk = old?.asks === true

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
          return held.length === 0 ? parts : [...held.splice(0), ...parts]
        }
        // What the old side is asked about is kept until it has said what it took.
        if (mayAsk && body.last && large === undefined && !own.rejectsAll && heldBytes < mostHeld) {
          held.push(...parts)
          for (const { data } of parts) heldBytes += data.byteLength
          continue
        }
        if (large === undefined && !own.rejectsAll) {
          // The first piece may be held as it came, and not have gone by the tap.
          if (body.whole !== undefined) old?.tap.data(body.whole)
          large = delivery.begin(sender, optional)
        }
        if (!isMore) body.keep(next.from, next.skip)
        collectYoung()
        if (own.rejectsAll) {
          old?.tap.clear()
          continue
        }
        const error = await large?.add([...held.splice(0), ...parts], client, envelopes(false))
        if (error !== undefined) return failed(error)
      }
    }

    /** The envelope of a body that is one piece; undefined when it has none. */
    const wrapWhole = (forClient: boolean): Envelope | undefined => {
      if (old === undefined) return undefined
      const { whole } = body
      pieces ??= whole === undefined ? old.tap.rest() : [whole]
      return old.wrap(pieces, results.count, results.names[0], forClient)
    }
    let pieces: readonly Uint8Array[] | undefined

    const hand = async (parts: readonly DocumentPart[], own: BulkRun, asked: Envelope | undefined): Promise<BridgeError | undefined> => {
      if (own.rejectsAll) return undefined
      if (large !== undefined) return (await large.add(parts, client, envelopes(true))) ?? large.commit(own.tally)
      const envelope = asked ?? wrapWhole(false)
      body.close()
      old?.tap.clear()
      return delivery.deliver(parts, own.tally, client, { envelope, sender, optional })
    }

    const reply = async (): Promise<void> => {
      const { pretty, filter, typed } = target
      const headers = old?.asks === true ? { ...headersFor(request), ...ownAnswer } : headersFor(request)
      const isTyped = typed || major < 8 || isForSeven(headersFor(request)['content-type'])
      const shape = shapeOf({ pretty, filter, short: deps.shortItems, typed: isTyped, writes })
      const tookMs = Math.max(0, Math.floor(monotonicMs() - startedAt))
      books.results(results)
      if (deps.isDraining()) response.shouldKeepAlive = false
      await sendBulkReply(response, 200, headers, new BulkReply(results, shape, tookMs, deps))
    }

    /** All has been delivered, and the sender may hear of it. */
    const settle = (own: BulkRun): void => {
      own.commit()
      const passed = own.tally.consumed.get('not_translatable') ?? 0
      if (passed > 0) old?.count('write_not_translated', passed)
    }

    /** Translates the body once more, without what the old side did not take. */
    const translateTaken = (statuses: readonly number[]): readonly DocumentPart[] => {
      run?.discard()
      results.clear()
      run = undefined
      next = { from: 0, skip: false }
      isMore = false
      oldSide = {
        writes,
        refusedWith: (place) => {
          const status = statuses[place] ?? 0
          return isTaken(status) ? undefined : status
        },
      }
      const all: DocumentPart[] = []
      do all.push(...(translate() ?? []))
      while (isMore)
      letGoOfReader()
      return all
    }

    /** What the old side took goes to the new one, then the client gets its answer. Rows 6 to 9, and 12. */
    const follow = async (answer: LegacyAnswer, parts: readonly DocumentPart[], own: OldRequest): Promise<Outcome> => {
      let taken = parts
      if (answer.status >= 200 && answer.status < 300) {
        const verdict = readVerdict(answer, results.count)
        if (verdict.how === 'unknown') own.count('unknown_outcome', results.count)
        else if (verdict.how === 'each' && !verdict.statuses.every(isTaken)) taken = translateTaken(verdict.statuses)
      } else if (answer.status >= 500 || answer.status === 429 || !own.state.keepRefused) {
        const { tally } = run as BulkRun
        books.offered(tally)
        books.lost(tally, `old_${answer.status}`)
        if (deps.isDraining()) response.shouldKeepAlive = false
        passAnswer(response, answer)
        return answered
      }
      body.close()
      const last = run as BulkRun
      const error = await delivery.deliver(taken, last.tally, client, { sender, optional, answered: true })
      if (error !== undefined) return failed(error)
      settle(last)
      if (deps.isDraining()) response.shouldKeepAlive = false
      passAnswer(response, answer)
      return answered
    }

    /** Asks the old side. An envelope: it gave no answer, and is to have this later; undefined: it was not asked. */
    const ask = async (parts: readonly DocumentPart[]): Promise<Outcome | Envelope | undefined> => {
      if (old?.asks !== true || large !== undefined || rejectAll) return undefined
      const envelope = wrapWhole(true)
      const asking = envelope === undefined ? undefined : old.ask(envelope)
      if (envelope === undefined || asking === undefined) return undefined
      const asked = await asking
      if (asked.how === 'answered') return follow(asked.answer, parts, old)
      if (asked.fallback === 'fail') return failed(noAnswer(asked))
      old.count('answered_by_bridge', 1)
      return envelope
    }

    /** A body that we cannot read, and the old side perhaps can: it is asked, and its answer is the one that counts. */
    const askUnread = async (): Promise<Outcome | undefined> => {
      if (old?.asks !== true || old.state.undecodable !== 'mirror' || large !== undefined || !body.last) return undefined
      const { whole } = body
      const envelope = old.wrap(whole === undefined ? old.tap.rest() : [whole], 0, results.names[0], true)
      const asked = envelope === undefined ? undefined : await old.ask(envelope)
      if (asked?.how !== 'answered') return undefined
      old.count('undecodable', 1)
      passAnswer(response, asked.answer)
      return answered
    }

    return {
      get wireBytes() {
        return body.wireBytes
      },
      async run() {
        try {
          const parts = await readPieces()
          if ('how' in parts) return (parts.how === 'fault' ? await askUnread() : undefined) ?? parts
          const asked = await ask(parts)
          if (asked !== undefined && 'how' in asked) return asked
          const own = run as BulkRun
          const error = await hand(parts, own, asked)
          body.close()
          if (error !== undefined) return failed(error)
          settle(own)
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
        old?.tap.clear()
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
        old?.tap.clear()
        results.clear()
        if (spares.length < sparesKept) spares.push(results)
      },
    }
  }
}
