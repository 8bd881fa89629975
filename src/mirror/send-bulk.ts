/** The way to an old Elasticsearch: a `_bulk` is delivered when each of its items is, and only those go again that may be taken later. */

import { gunzipSync } from 'node:zlib'
import type { LegacyAnswer } from '../ingest/mirror-door.ts'
import { type BulkAction, bulkActions, joinActions, plainBody, withAssignedIds } from './bulk-lines.ts'
import { createDeadLines, type DeadLines } from './dead-lines.ts'
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
} from './send-http.ts'

export interface BulkOldSideOptions extends HttpOldSideOptions {
  readonly assignIds: boolean
}

/** What is known of a request between its tries. */
interface Memo {
  /** Sent on behalf of a client: its `filter_path` may hide what became of the items. */
  live: boolean
  /** What is left of a request of which some was taken. */
  rest: { readonly body: Uint8Array; readonly actions: readonly BulkAction[] } | undefined
  readonly dead: DeadLines
  alreadyThere: number
  absorbed: number
}

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

const isBulk = (target: string): boolean => /\/_bulk\/?(\?|$)/.test(target)
const isCreate = (target: string): boolean => /\/_create(\/|\?|$)|[?&]op_type=create(&|$)/.test(target)

const noErrors = /"errors"\s*:\s*false/
const status = Buffer.from('"status":')

/**
 * How many items an answer has that says that none of them failed; undefined for any other answer. In a value the same text would stand with
 * backslashes. What comes first in an answer says whether there are errors.
 */
function itemsOfGood(body: Buffer): number | undefined {
  if (!noErrors.test(body.toString('latin1', 0, Math.min(body.length, 200)))) return undefined
  let count = 0
  for (let at = body.indexOf(status); at !== -1; at = body.indexOf(status, at + status.length)) count++
  return count
}

interface ItemResult {
  readonly status: number
  readonly index: string
  readonly id: string | undefined
  readonly error: string
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

function resultOf(item: unknown): ItemResult | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  const inner: unknown = Object.values(item)[0]
  if (typeof inner !== 'object' || inner === null || !('status' in inner) || typeof inner.status !== 'number') return undefined
  const error = 'error' in inner ? inner.error : undefined
  let said = textOf(error)
  if (typeof error === 'object' && error !== null) {
    said = `${'type' in error ? textOf(error.type) : ''}: ${'reason' in error ? textOf(error.reason) : ''}`
  }
  return {
    status: inner.status,
    index: '_index' in inner ? textOf(inner._index) : '',
    id: '_id' in inner && typeof inner._id === 'string' ? inner._id : undefined,
    error: said.slice(0, 512),
  }
}

/** Results of an answer, one an item; undefined when it is not such an answer. */
function resultsOf(body: Uint8Array): ItemResult[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString())
    if (typeof value !== 'object' || value === null || !('items' in value) || !Array.isArray(value.items)) return undefined
    const results: ItemResult[] = []
    for (const item of value.items) {
      const result = resultOf(item)
      if (result === undefined) return undefined
      results.push(result)
    }
    return results
  } catch {
    return undefined
  }
}

const memoOf = (errand: Errand): Memo => {
  errand.memo ??= { live: false, rest: undefined, dead: createDeadLines(), alreadyThere: 0, absorbed: 0 } satisfies Memo
  return errand.memo as Memo
}

async function wholeBody(errand: Errand): Promise<Uint8Array> {
  if (errand.more === undefined) return errand.body
  const pieces: Uint8Array[] = []
  for await (const piece of piecesOf(errand, false)) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Answers to `_bulk` and to single documents; other paths are judged as any request. */
export function createBulkOldSide(options: BulkOldSideOptions): OldSide & Pick<HttpLine, 'renew'> {
  const { rules } = options
  const line = createHttpLine(options)

  const plain = async (errand: Errand): Promise<Uint8Array> =>
    plainBody(headerIn(errand.head.headers, 'content-encoding'), await wholeBody(errand))

  const exchange = async (errand: Errand, live: boolean): Promise<Tried> => {
    const { head } = errand
    const memo = memoOf(errand)
    memo.live = live
    const bulk = isBulk(head.target)
    const headers = outgoingHeaders(head.headers, head.from, rules, live)
    const request = { method: head.method, target: bulk && !live ? withFilterPath(head.target) : head.target, keep: longAnswerBytes }
    if (memo.rest !== undefined) return line.send({ ...request, headers: withoutEncoding(headers), body: memo.rest.body }, live)
    if (bulk && options.assignIds) {
      try {
        const body = withAssignedIds(await plain(errand), head.id)
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

  /** Of an answer in which something failed: what is over, and what goes again. */
  const sortOut = (
    memo: Memo,
    body: Uint8Array,
    actions: readonly BulkAction[],
    results: readonly ItemResult[],
    again: boolean,
  ): Outcome => {
    const rest: BulkAction[] = []
    let worst = 0
    let taken = 0
    actions.forEach((action, at) => {
      const result = results[at] as ItemResult
      if (result.status === 429 || result.status >= 500) {
        rest.push(action)
        worst ||= result.status
        return
      }
      taken++
      if (result.status < 300) return
      if (result.status === 409 && action.op === 'create') {
        if (again) memo.absorbed++
        else memo.alreadyThere++
        return
      }
      // What was to be changed or deleted is not there: so be it.
      if (result.status === 404 && (action.op === 'update' || action.op === 'delete')) return
      const { from, to } = action
      const { index, id, error } = result
      const isItem = action.op !== 'update' && action.op !== 'delete'
      memo.dead.add({ index, id, status: result.status, error, from, to }, body.subarray(from, to), isItem)
    })
    if (rest.length === 0) return done(memo)
    memo.rest = { body: joinActions(body, rest), actions: rest }
    const message = `the old side took ${taken} of ${actions.length} items; the first of the others was answered with ${worst}`
    return { class: 'transient', reason: `old_item_${worst}`, message, status: worst, waitMs: 0, ambiguous: false, progress: taken > 0 }
  }

  const done = ({ alreadyThere, absorbed, dead }: Memo): Outcome => ({
    class: 'delivered',
    ...(alreadyThere + absorbed === 0 ? {} : { repeats: { alreadyThere, absorbed } }),
    ...(dead.named.length === 0 ? {} : { dead: dead.named, deadBodies: dead.bodies() }),
  })

  const judgeBulk = async (errand: Errand, answer: LegacyAnswer): Promise<Outcome> => {
    const memo = memoOf(errand)
    let body: Uint8Array
    try {
      body = await plainBody(headerIn(answer.headers, 'content-encoding'), answer.body)
    } catch (error) {
      return notUnderstood(error instanceof Error ? error.message : String(error))
    }
    const good = itemsOfGood(Buffer.from(body.buffer, body.byteOffset, body.length))
    const expected = memo.rest?.actions.length ?? itemsOf(errand)
    if (good !== undefined && good > 0 && good === expected) return done(memo)
    const results = resultsOf(body)
    if (results === undefined) {
      // The client asked not to hear of items, and was told what it was told.
      if (memo.live && /filter_path=/.test(errand.head.target)) return done(memo)
      return notUnderstood('it has no items')
    }
    // The original body: offsets of what goes a second and third time are those of the first.
    let original: Uint8Array
    let actions: readonly BulkAction[]
    try {
      original = await plain(errand)
      // With the ids that it was sent with: what goes again must have the same.
      if (options.assignIds && isBulk(errand.head.target)) original = withAssignedIds(original, errand.head.id)
      actions = memo.rest?.actions ?? bulkActions(original)
    } catch (error) {
      return notUnderstood(`and the request cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    }
    if (actions.length !== results.length) return notUnderstood(`${results.length} items for ${actions.length} actions`)
    return sortOut(memo, original, actions, results, errand.history.tries > 1 || errand.history.ambiguous)
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
        const { tries } = errand.history
        return { class: 'delivered', repeats: tries > 1 ? { absorbed: itemsOf(errand) } : { alreadyThere: itemsOf(errand) } }
      }
      return judgeHttp(answer, circumstances(errand, options.endpoint, rules, options.nowMs()))
    },
    doubles(errand) {
      if (options.assignIds || !isBulk(errand.head.target)) return options.assignIds ? 0 : itemsOf(errand)
      const memo = memoOf(errand)
      if (memo.rest !== undefined) return memo.rest.actions.filter(({ hasId }) => !hasId).length
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
