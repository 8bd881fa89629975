/**
 * The planner's copy of the ledger in its file: written once a second, and put back into Redis when that has forgotten or fallen behind. What was sent in
 * between goes out again; the workers that sent it count it.
 */

import type { Redis } from 'ioredis'
import type { DeadRecord } from '../ledger.ts'
import type { FileLedger } from '../ledger-file.ts'
import { keysOf } from './keys.ts'
import type { RedisLedger } from './ledger-redis.ts'
import { type Row, wholeRecord } from './rows.ts'
import { letterFrom, letterOf } from './steps.ts'

export interface Mirror {
  /** Puts what only the file has into Redis, and what Redis is behind in. @param all the server is another than before: what is under way is fenced */
  restore(all: boolean): Promise<{ readonly put: number }>
  /** Copies what has changed since. */
  follow(): Promise<void>
}

const piece = 500
/** Letters may hold whole requests. */
const lettersPiece = 20

/** More than a slice is taken within a second: no epoch from before the loss comes again. */
const epochsLost = 1000

/** Of one run. One call at a time. */
export function createMirror({ file, ledger, redis }: { file: FileLedger; ledger: RedisLedger; redis: Redis }): Mirror {
  const keys = keysOf(ledger.meta.run)
  let changedUpTo = 0
  let lettersUpTo = 0

  const putBack = async (all: boolean): Promise<number> => {
    let put = 0
    let after = 0
    for (;;) {
      const kept = await file.mirrored({ after, limit: piece })
      const there = await ledger.rows(kept.map(({ record }) => record.id))
      for (const [at, { record, intent }] of kept.entries()) {
        after = record.order
        if (await putOne(record.id, { record, intent, stuck: 0 }, there[at], all)) put++
      }
      if (kept.length < piece) return put
    }
  }

  const putOne = async (
    id: string,
    kept: Pick<Row, 'record' | 'intent' | 'stuck'>,
    found: Row | undefined,
    all: boolean,
  ): Promise<boolean> => {
    let now = found
    for (;;) {
      const isAhead =
        now !== undefined &&
        (now.record.epoch > kept.record.epoch || (now.record.epoch === kept.record.epoch && now.record.page >= kept.record.page))
      if (isAhead && !(all && now?.record.state === 'running')) return false
      const from = isAhead && now !== undefined ? { ...now, record: wholeRecord(now) } : kept
      // Nobody can have anything of it, unless the server forgot what the file had not heard of yet.
      const isFirst = !all && now === undefined && kept.record.epoch === 0
      const state = from.record.state === 'running' ? 'pending' : from.record.state
      const record = { ...from.record, state, owner: '', epoch: from.record.epoch + (isFirst ? 0 : epochsLost) }
      const next = { record, intent: from.intent, stuck: 0 }
      if (await ledger.write(now, next, { whole: true, mark: isFirst ? '' : ledger.markOf(next) })) return true
      ;[now] = await ledger.rows([id])
    }
  }

  /** Those that Redis has not any more; their numbers stay theirs. */
  const putLetters = async (): Promise<void> => {
    let last = 0
    for (;;) {
      const some = await file.dead({ after: last, limit: lettersPiece })
      for (const letter of some) {
        last = letter.id
        if ((await redis.hexists(keys.dead, String(letter.id))) === 1) continue
        const text = letterOf(letter.slice, letter.group, letter)
        await redis
          .multi()
          .hset(keys.dead, letter.id, text)
          .zadd(keys.deadIds, letter.id, letter.id)
          .incrby(keys.deadBytes, text.length)
          .exec()
      }
      if (some.length < lettersPiece) break
    }
    if (Number(await redis.get(keys.deadSeq)) < last) await redis.set(keys.deadSeq, last)
  }

  const followLetters = async (): Promise<void> => {
    const gone = (await redis.smembers(keys.deadGone)).map(Number)
    if (gone.length > 0) {
      await file.mirror([], [], gone)
      await redis.srem(keys.deadGone, ...gone)
    }
    for (;;) {
      const ids = await redis.zrangebyscore(keys.deadIds, `(${lettersUpTo}`, '+inf', 'LIMIT', 0, lettersPiece)
      if (ids.length === 0) return
      const texts = await redis.hmget(keys.dead, ...ids)
      const letters = texts.flatMap((text, at): DeadRecord[] => (typeof text === 'string' ? [letterFrom(Number(ids[at]), text)] : []))
      await file.mirror([], letters, [])
      lettersUpTo = Number(ids.at(-1))
    }
  }

  return {
    async restore(all) {
      const put = await putBack(all)
      await putLetters()
      changedUpTo = 0
      lettersUpTo = 0
      return { put }
    },
    async follow() {
      for (;;) {
        const { ids, last } = await ledger.changedAfter(changedUpTo, piece)
        const rows = (await ledger.rows(ids)).filter((row) => row !== undefined)
        if (rows.length > 0)
          await file.mirror(
            rows.map((row) => ({ record: wholeRecord(row), intent: row.intent })),
            [],
            [],
          )
        changedUpTo = last
        if (ids.length < piece) break
      }
      await followLetters()
    },
  }
}
