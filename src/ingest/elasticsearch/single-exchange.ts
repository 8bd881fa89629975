/** A request that brings one document, without action lines: `_doc`, `_create`, `_update`, and the paths with types of 6.x and 7.x. */

import { BridgeError, isBridgeError } from '../../errors.ts'
import type { Envelope } from '../../otlp/intake.ts'
import { headersFor, sendFault, sendJson } from './answers.ts'
import type { BodyLines } from './body-lines.ts'
import { BulkRun } from './bulk.ts'
import { type BulkExchangeDeps, type BulkRequest, noAnswer, type Outcome, ownAnswer } from './bulk-exchange.ts'
import { BulkResults } from './bulk-results.ts'
import { type Action, ActionKind, ActionReader } from './decode-action.ts'
import { emptyBody } from './es-errors.ts'
import { itemReason } from './item-reason.ts'
import { isForSeven } from './media-type.ts'
import { isTaken, passAnswer } from './old-answer.ts'
import { askedBytes } from './old-side.ts'
import { showPiece } from './seen.ts'
import type { DocumentTarget } from './target.ts'

/** One document on its way in. */
export interface SingleExchange {
  run(): Promise<Outcome>
  readonly wireBytes: number
  close(): void
}

const answered: Outcome = { how: 'answered' }

const actionOf = ({ kind, defaults, typed }: DocumentTarget): Action => ({
  kind,
  index: defaults.index,
  hasIndex: true,
  type: typed ? '_doc' : '',
  pipeline: defaults.pipeline,
  routing: defaults.routing,
  opType: '',
  version: -3,
  versionType: 'internal',
  ifSeqNo: -2,
  ifPrimaryTerm: 0,
  retryOnConflict: 0,
  requireAlias: false,
  requireDataStream: false,
  listExecutedPipelines: false,
  extraKeys: [],
})

/** Whether anything but blanks stands there. */
function isBlank(piece: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = piece[at] as number
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return false
  }
  return true
}

/** Reads a body into one piece. Throws what `BodyLines.next` does, and OB_LIMIT_BODY for more than one document may have. */
async function readWhole(body: BodyLines, maxBytes: number): Promise<Buffer> {
  for (;;) {
    await body.next()
    if (body.last) return body.bytes.subarray(body.start, body.end)
    if (body.full) {
      throw new BridgeError('OB_LIMIT_BODY', `cannot take body: it is longer than ${maxBytes} bytes (ingest.elasticsearch.limits.document)`)
    }
    body.keep(body.start)
  }
}

/** Creates what takes single documents of one listener. */
export function createSingleExchanges(deps: BulkExchangeDeps & { readonly maxDocument: number }) {
  const { means, lines, delivery, books, major } = deps
  const { batcher } = means
  const actions = new ActionReader(major)

  return ({ request, response, target, head, client, sender, old }: BulkRequest): SingleExchange => {
    const mirrored = old === undefined ? undefined : { tap: old.tap, wholeBytes: old.asks ? askedBytes : 0 }
    const body = lines.read(request, response, head.encoding, head.length, mirrored)
    const results = new BulkResults()
    const run = new BulkRun(means, actions, results, target.defaults)
    const optional = old?.state.new === 'optional'
    const more = old?.asks === true ? ownAnswer : undefined

    const reply = (): void => {
      books.results(results)
      if (deps.isDraining()) response.shouldKeepAlive = false
      const { index } = target.defaults
      const error = results.errorAt(0)
      if (error !== undefined) {
        const reason = itemReason(error, target.id, results.numberAt(0))
        const fault = { status: error.status, type: error.type, reason: error.wrapped?.reason ?? reason }
        const causedBy = error.wrapped === undefined ? undefined : { type: error.wrapped.type, reason }
        sendFault(request, response, target, { ...fault, causedBy }, more)
        return
      }
      const answer = {
        _index: index,
        ...(target.typed || major < 8 || isForSeven(headersFor(request)['content-type']) ? { _type: '_doc' } : {}),
        _id: target.id === '' ? deps.ids.next() : target.id,
        _version: 1,
        result: 'created',
        _shards: { total: 1, successful: 1, failed: 0 },
        _seq_no: deps.sequences.claim(index, 1),
        _primary_term: 1,
      }
      sendJson(request, response, target, 201, answer, more)
    }

    /** The envelope of the request; undefined when it has none. The body may have come in pieces that were joined. */
    const wrap = (): Envelope | undefined => {
      // One that we refuse is the sender's to mend; the old side is to see it only where its word counts.
      if (old === undefined || (results.failed > 0 && old.state.undecodable === 'refuse')) return undefined
      const { whole } = body
      return old.wrap(whole === undefined ? old.tap.rest() : [whole], results.count, target.defaults.index, old.asks)
    }

    /** What the old side took goes to the new one, and its answer to the client. An envelope: it gave none. */
    const ask = async (parts: ReturnType<typeof batcher.take>, envelope: Envelope | undefined): Promise<Outcome | undefined> => {
      const asking = envelope === undefined || old?.asks !== true ? undefined : old.ask(envelope)
      if (old === undefined || asking === undefined) return undefined
      const asked = await asking
      if (asked.how === 'none') {
        if (asked.fallback === 'fail') return { how: 'error', error: noAnswer(asked) }
        old.count('answered_by_bridge', 1)
        return undefined
      }
      const { status } = asked.answer
      if (isTaken(status) || (status < 429 && old.state.keepRefused)) {
        const error = await delivery.deliver(parts, run.tally, client, { sender, optional, answered: isTaken(status) })
        if (error !== undefined) return { how: 'error', error }
        run.commit()
      } else {
        books.offered(run.tally)
        books.lost(run.tally, `old_${status}`)
      }
      if (deps.isDraining()) response.shouldKeepAlive = false
      passAnswer(response, asked.answer)
      return answered
    }

    const take = async (): Promise<Outcome> => {
      const piece = await readWhole(body, deps.maxDocument)
      const start = piece[0] === 0xef && piece[1] === 0xbb && piece[2] === 0xbf ? 3 : 0
      if (target.kind !== ActionKind.Delete && isBlank(piece, start, piece.length)) return { how: 'fault', fault: emptyBody }
      let parts: ReturnType<typeof batcher.take>
      try {
        run.one(actionOf(target), target.id, piece, start, piece.length)
        parts = batcher.take()
      } finally {
        batcher.clear()
        run.tally.noticed(batcher.notes())
      }
      for (const part of parts) run.tally.part(part)
      if (deps.observer !== undefined) showPiece(deps.observer, request, sender, deps.nowMs, piece, parts, results.failed)
      const envelope = wrap()
      body.close()
      const asked = await ask(parts, envelope)
      if (asked !== undefined) return asked
      const error = await delivery.deliver(parts, run.tally, client, { envelope, sender, optional })
      if (error !== undefined) return { how: 'error', error }
      run.commit()
      reply()
      return answered
    }

    return {
      get wireBytes() {
        return body.wireBytes
      },
      async run() {
        try {
          return await take()
        } catch (error) {
          if (isBridgeError(error)) return { how: 'error', error }
          throw error
        }
      },
      close() {
        run.discard()
        body.close()
        old?.tap.clear()
      },
    }
  }
}
