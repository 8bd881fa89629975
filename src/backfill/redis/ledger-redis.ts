/**
 * The ledger of a run in Redis, for several machines: the same promises as the file's (../README.md). Each write is one script, which compares the tag of
 * the write before it; what it writes are whole values, so that one that is sent twice is done once.
 */

import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { BridgeError, isBridgeError } from '../../errors.ts'
import { addCounts, addReasons, noCounts } from '../counts.ts'
import type { DeadItem, DeadRecord, Ledger, RunMeta, SliceRecord, Summary, Taken } from '../ledger.ts'
import type { Reasons, SliceState } from '../model.ts'
import { keysOf } from './keys.ts'
import { fields, intentToJson, openPlace, type Row, recordToJson, rowOf, specToJson, todoPlace, wholeRecord } from './rows.ts'
import { addResent, dropDead, runScript, writeSlice } from './scripts.ts'
import { ended, type Held, letterFrom, letterOf, newSlice, released, retried, revived, stepped, taken, verifiedAs } from './steps.ts'

export interface RedisLedgerOptions {
  readonly redis: Redis
  readonly meta: RunMeta
  readonly nowMs: () => number
  /** Waits between two looks while Redis has forgotten the run, ms; default 250. */
  readonly lostMs?: number
  /** Bytes of dead letters in Redis; default 64 MiB. The mirror takes no more than its own share of them. */
  readonly deadBytes?: number
}

/** What a write may change beside the record. */
export interface WriteMore {
  readonly dead?: readonly string[]
  readonly mark?: string
  /** Writes the spec as well: the slice is new, or was lost. */
  readonly whole?: boolean
  readonly lettersGone?: boolean
}

export interface RedisLedger extends Ledger {
  /** This slice, whoever has it; undefined when it is finished, was given up now, or is not there. */
  takeOne(id: string, owner: string): Promise<Taken | undefined>
  rows(ids: readonly string[]): Promise<readonly (Row | undefined)[]>
  /** Writes a slice over `before`; undefined: it was not there. False when somebody else has written it meanwhile. */
  write(before: Row | undefined, next: Held, more?: WriteMore): Promise<boolean>
  /** Slices that were changed behind `after`, and the number to go on from. */
  changedAfter(after: number, limit: number): Promise<{ readonly ids: readonly string[]; readonly last: number }>
  /** Tells of slices that this process was done with lately and that were put back since: what it had sent of them goes out again. */
  tellPast(): Promise<void>
  /** What is told of a slice that was put back from the mirror. */
  readonly markOf: (held: Held) => string
}

const unfinished: ReadonlySet<SliceState> = new Set(['pending', 'running'])

const pieceOf = 500

/** A write that somebody else was in the way of is tried again so often. */
const mostTries = 50

/** Slices that a process was done with are remembered until the mirror surely has them. */
const pastMs = 60_000
const mostPast = 1000

interface Mine {
  row: Row
  /** Of the slice when it was taken: another one says that it was put back since. */
  readonly mark: string
}

/** Over a connection of the caller's, which it closes. Commands wait while Redis cannot be reached. */
export function createRedisLedger(options: RedisLedgerOptions): RedisLedger {
  const { redis, meta, nowMs, lostMs = 250, deadBytes = 64 * 2 ** 20 } = options
  const keys = keysOf(meta.run)
  /** Slices of this process, as they were last written: nobody else may write them. */
  const mine = new Map<string, Mine>()
  /** Slices that this process was done with lately, oldest first. */
  const past = new Map<string, Mine & { readonly atMs: number }>()
  let closed = false

  const trouble = (what: string, cause: unknown): BridgeError =>
    isBridgeError(cause)
      ? cause
      : new BridgeError('OB_LEDGER', `cannot ${what} the ledger in Redis: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        })

  const rows = async (ids: readonly string[]): Promise<readonly (Row | undefined)[]> => {
    if (ids.length === 0) return []
    const many = redis.pipeline()
    for (const id of ids) many.hmget(keys.slice(id), ...fields)
    const answers = (await many.exec()) ?? []
    return ids.map((id, at) => {
      const [error, values] = answers[at] ?? [new Error('no answer'), null]
      if (error !== null) throw trouble('read', error)
      return rowOf(id, values as (string | null)[])
    })
  }

  const row = async (id: string): Promise<Row | undefined> => {
    const [found] = await rows([id])
    return found
  }

  const send = async (before: Row | undefined, next: Held, more: WriteMore): Promise<{ answer: string; tag: string }> => {
    const tag = randomUUID()
    const { record, intent } = next
    const {
      slice,
      states,
      order,
      todo,
      open,
      changed,
      seq,
      dead,
      deadIds,
      deadSeq,
      deadBytes: deadUsed,
    } = { ...keys, slice: keys.slice(record.id) }
    const answer = await runScript(
      redis,
      writeSlice,
      [slice, states, order, todo, open, changed, seq, dead, deadIds, deadSeq, deadUsed],
      [
        record.id,
        before?.tag ?? '',
        before?.record.epoch ?? 0,
        tag,
        record.state,
        record.epoch,
        record.page,
        recordToJson(next),
        before !== undefined && intent === before.intent ? '=' : intentToJson(intent),
        openPlace(record),
        todoPlace(record),
        before === undefined || more.whole === true ? specToJson(record) : '',
        record.order,
        more.mark ?? '',
        deadBytes,
        more.lettersGone === true ? '1' : '',
        ...(more.dead ?? []),
      ],
    )
    return { answer: String(answer), tag }
  }

  const after = (before: Row | undefined, next: Held, tag: string, mark: string | undefined): Row => ({
    ...next,
    tag,
    mark: mark ?? before?.mark ?? '',
    aside: before?.aside ?? { resent: 0, full: 0 },
  })

  const markOf = ({ record, intent }: Held): string =>
    JSON.stringify({ id: randomUUID(), acked: record.counts.acked, out: intent?.produced ?? 0 })

  /** The slice was put back to where the mirror had it: what this process has sent behind that goes out again. */
  const tellResent = async ({ row: last, mark }: Mine, now: Row | undefined): Promise<void> => {
    if (now === undefined || now.mark === '' || now.mark === mark) return
    const { acked, out } = JSON.parse(now.mark) as { readonly acked: number; readonly out: number }
    const items = last.record.counts.acked + (last.intent?.produced ?? 0) - acked - out
    const { id } = last.record
    if (items > 0) await runScript(redis, addResent, [keys.slice(id), keys.changed, keys.seq], [id, now.mark, items])
  }

  const tellPast = async (): Promise<void> => {
    for (const [id, { atMs }] of past) if (nowMs() - atMs > pastMs || past.size > mostPast) past.delete(id)
    const known = [...past]
    const now = await rows(known.map(([id]) => id))
    for (const [at, [id, one]] of known.entries()) {
      const found = now[at]
      // Forgotten, and not put back yet: later.
      if (found === undefined || found.mark === one.mark || past.get(id) !== one) continue
      past.delete(id)
      await tellResent(one, found)
    }
  }

  const waitForRun = async (id: string): Promise<Row | undefined> => {
    for (;;) {
      const found = await row(id)
      if (found !== undefined || closed) return found
      await new Promise((resolve) => setTimeout(resolve, lostMs))
    }
  }

  /** Of a slice that this process has. Rejects with OB_FENCED when it has it no more. */
  const writeMine = async (id: string, epoch: number, step: (held: Held) => Held, more: WriteMore, keep: boolean): Promise<void> => {
    const known = mine.get(id)
    const before = known?.row ?? (await row(id))
    if (before === undefined) throw new BridgeError('OB_INTERNAL', `BUG: no slice ${id} in the ledger`)
    const next = step(before)
    const { answer, tag } = await send(before, next, more)
    if (answer === 'ok') {
      if (keep) mine.set(id, { row: after(before, next, tag, undefined), mark: known?.mark ?? before.mark })
      else {
        mine.delete(id)
        past.delete(id)
        past.set(id, { row: after(before, next, tag, undefined), mark: known?.mark ?? before.mark, atMs: nowMs() })
      }
      return
    }
    mine.delete(id)
    const now = answer === 'lost' ? await waitForRun(id) : await row(id)
    if (known !== undefined) await tellResent(known, now)
    await tellPast()
    const state = now === undefined ? 'gone' : now.record.state === 'running' ? `taken by ${now.record.owner}` : now.record.state
    throw new BridgeError('OB_FENCED', `cannot write slice ${id} with epoch ${epoch}: it is ${state}, epoch ${now?.record.epoch ?? 0}`)
  }

  const guarded = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw trouble(what, error)
    }
  }

  /** Of a slice that nobody has: again when somebody was faster. `step` returns undefined to leave it. */
  const change = async (id: string, step: (held: Row) => Held | undefined, more: WriteMore = {}): Promise<Row | undefined> => {
    for (let tries = 0; tries < mostTries; tries++) {
      const before = await row(id)
      if (before === undefined) return undefined
      const next = step(before)
      if (next === undefined) return undefined
      const { answer, tag } = await send(before, next, more)
      if (answer === 'ok') return after(before, next, tag, undefined)
    }
    throw new BridgeError('OB_LEDGER', `cannot write slice ${id}: others are in the way`)
  }

  const takeOne = async (id: string, owner: string): Promise<Taken | undefined> => {
    const now = await change(id, (held) => (unfinished.has(held.record.state) ? taken(held, owner, nowMs()) : undefined))
    if (now === undefined || now.record.state !== 'running') return undefined
    const before = past.get(id)
    past.delete(id)
    if (before !== undefined) await tellResent(before, now)
    mine.set(id, { row: now, mark: now.mark })
    return { slice: wholeRecord(now), intent: now.intent }
  }

  async function* inOrder(after = Number.NEGATIVE_INFINITY): AsyncGenerator<Row> {
    let from = after
    for (;;) {
      const ids = await redis.zrangebyscore(
        keys.order,
        from === Number.NEGATIVE_INFINITY ? '-inf' : `(${from}`,
        '+inf',
        'LIMIT',
        0,
        pieceOf,
      )
      for (const one of await rows(ids)) {
        if (one === undefined) continue
        yield one
        from = one.record.order
      }
      if (ids.length < pieceOf) return
    }
  }

  async function* letters(after: number, limit: number): AsyncGenerator<DeadRecord> {
    let from = after
    for (;;) {
      const ids = await redis.zrangebyscore(keys.deadIds, `(${from}`, '+inf', 'LIMIT', 0, Math.min(limit, 100))
      if (ids.length === 0) return
      const texts = await redis.hmget(keys.dead, ...ids)
      for (const [at, text] of texts.entries()) if (typeof text === 'string') yield letterFrom(Number(ids[at]), text)
      from = Number(ids.at(-1))
    }
  }

  const dropLetters = async (ids: readonly number[]): Promise<void> => {
    if (ids.length > 0) await runScript(redis, dropDead, [keys.dead, keys.deadIds, keys.deadBytes, keys.deadGone], ids)
  }

  const lettersOf = async (slice: string): Promise<number[]> => {
    const ids: number[] = []
    for await (const one of letters(0, 100)) if (one.slice === slice) ids.push(one.id)
    return ids
  }

  const dead = (items: readonly DeadItem[], held: Held): string[] => items.map((item) => letterOf(held.record.id, held.record.group, item))

  return {
    meta,
    rebuilt: false,
    markOf,
    rows: (ids) => guarded('read', () => rows(ids)),
    write: (before, next, more = {}) => guarded('write', async () => (await send(before, next, more)).answer === 'ok'),
    tellPast: () => guarded('read', tellPast),
    takeOne: (id, owner) => guarded('write', () => takeOne(id, owner)),
    changedAfter: (behind, limit) =>
      guarded('read', async () => {
        const found = await redis.zrangebyscore(keys.changed, `(${behind}`, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
        const ids = found.filter((_, at) => at % 2 === 0)
        return { ids, last: ids.length === 0 ? behind : Number(found.at(-1)) }
      }),
    add: (slices) =>
      guarded('write', async () => {
        let added = 0
        const [, last = '0'] = await redis.zrevrange(keys.order, 0, 0, 'WITHSCORES')
        let next = Number(last) + 1
        for (const { id, spec } of slices) {
          const { answer } = await send(undefined, newSlice(id, next, spec), {})
          if (answer !== 'ok') continue
          added++
          next++
        }
        return added
      }),
    take: (owner, wanted = {}) =>
      guarded('write', async () => {
        for (let at = 0; ; at += 100) {
          const ids = await redis.zrangebyscore(keys.todo, '-inf', wanted.beginsByMs ?? '+inf', 'LIMIT', at, 100)
          for (const one of await rows(ids)) {
            if (one === undefined || wanted.skip?.has(one.record.id) === true) continue
            if (wanted.endsAfterMs !== undefined && (one.record.toMs ?? Number.POSITIVE_INFINITY) <= wanted.endsAfterMs) continue
            const found = one.record.state === 'pending' ? await takeOne(one.record.id, owner) : undefined
            if (found !== undefined) return found
          }
          if (ids.length < 100) return undefined
        }
      }),
    commit: (id, epoch, step) =>
      guarded('write', () => {
        const known = mine.get(id)?.row
        const letters = step.ack === undefined || known === undefined ? [] : dead(step.ack.dead, known)
        return writeMine(id, epoch, (held) => stepped(held, epoch, step), { dead: letters }, true)
      }),
    end: (id, epoch, state, reason, error) =>
      guarded('write', () => writeMine(id, epoch, (held) => ended(held, epoch, state, reason, error, nowMs()), {}, false)),
    release: (id, epoch, how) => guarded('write', () => writeMine(id, epoch, (held) => released(held, epoch, how), {}, false)),
    verified: (id, state, error) => guarded('write', async () => void (await change(id, (held) => verifiedAs(held, state, error)))),
    retry: ({ states, reason }) =>
      guarded('write', async () => {
        let count = 0
        for await (const { record } of inOrder()) {
          const fits = (one: SliceRecord): boolean =>
            states.includes(one.state) && !unfinished.has(one.state) && (reason === undefined || one.reason === reason)
          if (!fits(record)) continue
          const isAnew = record.state !== 'failed'
          const done = await change(record.id, (held) => (fits(held.record) ? retried(held) : undefined), { lettersGone: isAnew })
          if (done === undefined) continue
          if (isAnew) await dropLetters(await lettersOf(record.id))
          count++
        }
        return count
      }),
    summary: () =>
      guarded('read', async (): Promise<Summary> => {
        const slices = { pending: 0, running: 0, done: 0, done_with_losses: 0, failed: 0, verified: 0, mismatch: 0 }
        let planned = 0
        let counts = noCounts
        let failures: Reasons = {}
        for await (const one of inOrder()) {
          const record = wholeRecord(one)
          slices[record.state]++
          planned += record.items
          counts = addCounts(counts, record.counts)
          if (record.state === 'failed') failures = addReasons(failures, { [record.reason]: 1 })
        }
        return { slices, planned, counts, failures }
      }),
    slices: ({ states, after: behind, limit = 1000 } = {}) =>
      guarded('read', async () => {
        const found: SliceRecord[] = []
        for await (const one of inOrder(behind ?? Number.NEGATIVE_INFINITY)) {
          if (states === undefined || states.includes(one.record.state)) found.push(wholeRecord(one))
          if (found.length >= limit) break
        }
        return found
      }),
    dead: ({ slice, after: behind = 0, limit = 100 } = {}) =>
      guarded('read', async () => {
        const found: DeadRecord[] = []
        for await (const one of letters(behind, limit)) {
          if (slice === undefined || one.slice === slice) found.push(one)
          if (found.length >= limit) break
        }
        return found
      }),
    removeDead: (ids) =>
      guarded('write', async () => {
        for (const id of ids) {
          const text = await redis.hget(keys.dead, String(id))
          if (text === null) continue
          const letter = letterFrom(id, text)
          await dropLetters([id])
          if (letter.signal !== undefined) await change(letter.slice, (held) => revived(held, letter))
        }
      }),
    async close() {
      closed = true
      mine.clear()
    },
  }
}
