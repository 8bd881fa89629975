/** The way to an old Elasticsearch: a `_bulk` is delivered when each of its items is, and only those go again that may be taken later. */

import { gunzipSync } from 'node:zlib'
import type { LegacyAnswer } from '../ingest/mirror-door.ts'
import { type BulkAnswer, type BulkResults, createBulkAnswer, isLater, type Refusal } from './bulk-answer.ts'
import { bulkActions, plainBody, withAssignedId, withAssignedIds } from './bulk-lines.ts'
import { type ActionLines, actionsIn, decodedPieces } from './bulk-stream.ts'
import { createDeadLines, type DeadLines, maxNamed } from './dead-lines.ts'
import { type Errand, itemsOf, type OldSide } from './errand.ts'
import { outgoingHeaders, withoutEncoding } from './headers.ts'
import { headerIn, judgeHttp, type Outcome, type Tried } from './outcome.ts'
import {
  circumstances,
  createHttpLine,
  type HttpLine,
  type HttpOldSideOptions,
  judgeUnanswered,
  longAnswerBytes,
  piecesOf,
  shortAnswerBytes,
} from './send-http.ts'

export interface BulkOldSideOptions extends HttpOldSideOptions {
  readonly assignIds: boolean
}

/** What is known of a request between its tries. */
interface Memo {
  /** Sent on behalf of a client: its `filter_path` may hide what became of the items. */
  live: boolean
  rest: Rest | undefined
  /** Of each try. */
  readonly dead: DeadLines[]
  alreadyThere: number
  absorbed: number
  /** That of the last try, unless it is in the answer's body. */
  answer: BulkAnswer | undefined
}

/** What is left of a request of which some was taken. */
interface Rest {
  /** Places of its actions in the whole request, in order. */
  readonly numbers: readonly number[]
  /** Those of them that the old side would have twice. */
  readonly withoutId: number
  /** Their bytes; undefined: too many, they are read again. */
  readonly body: Uint8Array | undefined
}

/** A rest up to here is kept in memory. */
const maxRestBytes = 2 ** 20

/** Compressed answers, which are read when they are whole. */
const packedAnswerBytes = 16 * 2 ** 20

/** What we want to hear of each item. */
const filterPath = 'filter_path=took,errors,items.*.status,items.*.error,items.*._index,items.*._id'

/** Path and query with our own `filter_path`; everything else in the query stays. */
export function withFilterPath(target: string): string {
  const at = target.indexOf('?')
  if (at === -1) return `${target}?${filterPath}`
  const kept = target
    .slice(at + 1)
    .split('&')
    .filter((one) => one !== '' && !/^filter_path(=|$)/.test(one))
  return `${target.slice(0, at)}?${[...kept, filterPath].join('&')}`
}

const newline = new Uint8Array([0x0a])

/** As Elasticsearch wants it: the last line of a body may be without. */
const withLineEnd = (lines: Uint8Array): Uint8Array[] => (lines[lines.length - 1] === 0x0a ? [lines] : [lines, newline])

const isBulk = (target: string): boolean => /\/_bulk\/?(\?|$)/.test(target)
const isCreate = (target: string): boolean => /\/_create(\/|\?|$)|[?&]op_type=create(&|$)/.test(target)

const memoOf = (errand: Errand): Memo => {
  errand.memo ??= { live: false, rest: undefined, dead: [], alreadyThere: 0, absorbed: 0, answer: undefined } satisfies Memo
  return errand.memo as Memo
}

/** Creates what answers to `_bulk` and to single documents; other paths are judged as any request. */
export function createBulkOldSide(options: BulkOldSideOptions): OldSide & Pick<HttpLine, 'renew'> {
  const { rules } = options
  const line = createHttpLine(options)

  /** What was sent, action by action: of a rest just that. The lines are those that went out, the places those of what came in. */
  const actionsOf = async function* (errand: Errand): AsyncGenerator<readonly ActionLines[]> {
    const { rest } = memoOf(errand)
    const { head } = errand
    const assigns = options.assignIds && isBulk(head.target)
    let next = 0
    for await (const some of actionsIn(decodedPieces(headerIn(head.headers, 'content-encoding'), piecesOf(errand, false)))) {
      const wanted = rest === undefined ? some : some.filter(({ number }) => number === rest.numbers[next] && ++next > 0)
      yield assigns ? wanted.map((one) => ({ ...one, lines: withAssignedId(one.lines, one, head.id, one.number) })) : wanted
    }
  }

  const linesOf = async function* (errand: Errand): AsyncGenerator<Uint8Array> {
    for await (const some of actionsOf(errand)) {
      if (some.length > 0) yield Buffer.concat(some.flatMap(({ lines }) => withLineEnd(lines)))
    }
  }

  const exchange = async (errand: Errand, live: boolean): Promise<Tried> => {
    const { head } = errand
    const memo = memoOf(errand)
    memo.live = live
    memo.answer = undefined
    const bulk = isBulk(head.target)
    const headers = outgoingHeaders(head.headers, head.from, rules, live)
    const request = {
      method: head.method,
      target: bulk && !live ? withFilterPath(head.target) : head.target,
      keep: live ? longAnswerBytes : bulk ? packedAnswerBytes : shortAnswerBytes,
      reader: (status: number, answered: readonly string[]) => {
        if (live || !bulk || status !== 200 || headerIn(answered, 'content-encoding') !== undefined) return undefined
        const answer = createBulkAnswer()
        memo.answer = answer
        return answer.push
      },
    }
    if (memo.rest !== undefined)
      return line.send({ ...request, headers: withoutEncoding(headers), body: memo.rest.body ?? linesOf(errand) }, live)
    if (bulk && options.assignIds) {
      if (errand.more !== undefined) return line.send({ ...request, headers: withoutEncoding(headers), body: linesOf(errand) }, live)
      try {
        const body = withAssignedIds(await plainBody(headerIn(head.headers, 'content-encoding'), errand.body), head.id)
        return await line.send({ ...request, headers: withoutEncoding(headers), body }, live)
      } catch (error) {
        return { how: 'impossible', message: `no _id can be assigned: ${error instanceof Error ? error.message : String(error)}` }
      }
    }
    const body = errand.more === undefined ? errand.body : piecesOf(errand, true)
    return line.send({ ...request, headers, body, length: head.length }, live)
  }

  const notUnderstood = (why: string): Outcome => ({
    class: 'suspect',
    reason: 'old_not_understood',
    message: `the old side answered 200 with something else than the result of a _bulk: ${why}`,
    status: 200,
    waitMs: 0,
    // It may have taken some.
    ambiguous: true,
  })

  /** Of an answer in which something failed, or that has more items than we know: what is over, and what goes again. */
  const sortOut = async (errand: Errand, memo: Memo, results: BulkResults, again: boolean): Promise<Outcome> => {
    const numbers: number[] = []
    const dead = createDeadLines()
    let body: Uint8Array[] | undefined = []
    let bytes = 0
    let place = 0
    let worst = 0
    let withoutId = 0
    let there = 0
    const goesAgain = ({ number, hasId, lines }: ActionLines, status: number): void => {
      worst ||= status
      numbers.push(number)
      if (!hasId && !options.assignIds) withoutId++
      bytes += lines.length
      if (bytes > maxRestBytes) body = undefined
      else body?.push(...withLineEnd(new Uint8Array(lines)))
    }
    const isOver = (action: ActionLines, status: number, refusal: Refusal | undefined): void => {
      if (status < 300) return
      if (status === 409 && action.op === 'create') {
        there++
        return
      }
      // What was to be changed or deleted is not there: so be it.
      const changes = action.op === 'update' || action.op === 'delete'
      if (status === 404 && changes) return
      const { from, to, lines } = action
      const { index = '', id, error = '' } = refusal ?? {}
      dead.add({ index, id, status, error, from, to }, lines, !changes)
    }
    for await (const some of actionsOf(errand)) {
      for (const action of some) {
        const at = place++
        if (at >= results.count || results.statuses === undefined) continue
        const status = results.statuses[at] as number
        if (isLater(status)) goesAgain(action, status)
        else isOver(action, status, results.refusals.get(at))
      }
    }
    if (place !== results.count) return notUnderstood(`${results.count} items for ${place} actions`)
    if (dead.named.length > 0) memo.dead.push(dead)
    memo[again ? 'absorbed' : 'alreadyThere'] += there
    if (numbers.length === 0) return done(memo)
    memo.rest = { numbers, withoutId, body: body === undefined ? undefined : Buffer.concat(body) }
    const taken = place - numbers.length
    const message = `the old side took ${taken} of ${place} items; the first of the others was answered with ${worst}`
    return { class: 'transient', reason: `old_item_${worst}`, message, status: worst, waitMs: 0, ambiguous: false, progress: taken > 0 }
  }

  const done = ({ alreadyThere, absorbed, dead }: Memo): Outcome => ({
    class: 'delivered',
    ...(alreadyThere + absorbed === 0 ? {} : { repeats: { alreadyThere, absorbed } }),
    ...(dead.length === 0
      ? {}
      : { dead: dead.flatMap(({ named }) => named).slice(0, maxNamed), deadBodies: dead.flatMap((one) => one.bodies()) }),
  })

  const resultsOf = async (memo: Memo, answer: LegacyAnswer): Promise<BulkResults | undefined> => {
    if (memo.answer !== undefined) return memo.answer.end()
    const reader = createBulkAnswer()
    reader.push(await plainBody(headerIn(answer.headers, 'content-encoding'), answer.body))
    return reader.end()
  }

  const judgeBulk = async (errand: Errand, answer: LegacyAnswer): Promise<Outcome> => {
    const memo = memoOf(errand)
    try {
      const results = await resultsOf(memo, answer)
      if (results === undefined || results.count === 0) {
        // The client asked not to hear of items, and was told what it was told.
        if (memo.live && /filter_path=/.test(errand.head.target)) return done(memo)
        return notUnderstood('it has no items')
      }
      const expected = memo.rest?.numbers.length ?? itemsOf(errand)
      if (results.statuses === undefined && results.count === expected) return done(memo)
      return await sortOut(errand, memo, results, errand.history.tries > 1 || errand.history.ambiguous)
    } catch (error) {
      return notUnderstood(`it, or the request, cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  return {
    exchange,
    judge(errand, tried) {
      const unanswered = judgeUnanswered(tried)
      if (unanswered !== undefined || tried.how !== 'answered') return unanswered ?? { class: 'stopped' }
      const { answer } = tried
      const bulk = isBulk(errand.head.target)
      if (bulk && answer.status === 200) return judgeBulk(errand, answer)
      if (!bulk && answer.status === 409 && isCreate(errand.head.target)) {
        const { tries, ambiguous } = errand.history
        return { class: 'delivered', repeats: tries > 1 || ambiguous ? { absorbed: itemsOf(errand) } : { alreadyThere: itemsOf(errand) } }
      }
      return judgeHttp(answer, circumstances(errand, options.endpoint, rules, options.nowMs()))
    },
    doubles(errand) {
      if (options.assignIds || !isBulk(errand.head.target)) return options.assignIds ? 0 : itemsOf(errand)
      const memo = memoOf(errand)
      if (memo.rest !== undefined) return memo.rest.withoutId
      const encoding = headerIn(errand.head.headers, 'content-encoding')
      if (errand.more !== undefined) return itemsOf(errand)
      try {
        const body =
          encoding === undefined ? errand.body : encoding === 'gzip' ? gunzipSync(errand.body, { maxOutputLength: 2 ** 26 }) : undefined
        return body === undefined ? itemsOf(errand) : bulkActions(body).filter(({ hasId }) => !hasId).length
      } catch {
        // What cannot be read cannot be told apart either.
        return itemsOf(errand)
      }
    },
    renew: line.renew,
    close: line.close,
  }
}
