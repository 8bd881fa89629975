/** One rate for all workers: what a page needs is leased from a budget in Redis; distress of one slows down all. On top of each worker's own pace. */

import type { Redis } from 'ioredis'
import { BridgeError } from '../../errors.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { AdaptivePace } from '../pace.ts'
import { keysOf } from './keys.ts'
import { lease, runScript, slowDown } from './scripts.ts'

export interface SharedPaceDeps {
  readonly redis: Redis
  readonly run: string
  /** Of this worker: how its source and its way to the destination do. */
  readonly own: AdaptivePace
  readonly log: Logger
  readonly sleep: (ms: number, abort: AbortSignal) => Promise<void>
}

const holdMs = 5000

const stopping = (): BridgeError => new BridgeError('OB_STOPPING', 'cannot send a page: the run is stopping', { retryAfterSeconds: 1 })

/** Sets the ceilings of a run: `--rate`, `--rate-bytes`; undefined: as fast as can be. What distress has made of it begins anew. */
export async function setSharedRate(redis: Redis, run: string, rate: number | undefined, rateBytes: number | undefined): Promise<void> {
  const { rate: key } = keysOf(run)
  const all = redis.multi().del(key)
  if (rate !== undefined) all.hset(key, { r: rate, top: rate })
  if (rateBytes !== undefined) all.hset(key, { b: rateBytes })
  await all.exec()
}

/** A pace of all workers of a run. Pages of a worker are served one after the other; leases are a tenth of a second's worth at the most. */
export function createSharedPace({ redis, run, own, log, sleep }: SharedPaceDeps): AdaptivePace {
  const keys = [keysOf(run).rate]
  let tail: Promise<unknown> = Promise.resolve()
  let rate: number | undefined
  let why = ''

  const inTurn = async (items: number, bytes: number, abort: AbortSignal): Promise<void> => {
    let [someItems, someBytes] = [items, bytes]
    for (;;) {
      if (abort.aborted) throw stopping()
      const answer = (await runScript(redis, lease, keys, [someItems, someBytes])) as readonly [number, number, number, number]
      const [gotItems, gotBytes, present, waitMs] = answer
      someItems -= gotItems
      someBytes -= gotBytes
      rate = present < 0 ? undefined : present
      if (rate === undefined) why = ''
      if (someItems <= 0 && someBytes <= 0) return
      if (waitMs > 0) await sleep(waitMs, abort)
    }
  }

  return {
    async take(items, bytes, abort) {
      await own.take(items, bytes, abort)
      const turn = tail.then(() => inTurn(items, bytes, abort))
      tail = turn.catch(() => {})
      await turn
    },
    observed: (page) => own.observed(page),
    distress(side, reason, retryAfterMs) {
      own.distress(side, reason, retryAfterMs)
      why = `${reason.replace(/^(?:http|grpc)_/, '').replaceAll('_', ' ')} of the ${side}`
      runScript(redis, slowDown, keys, [Math.max(retryAfterMs, holdMs), why]).catch((error: unknown) =>
        log.debug({ error }, 'the common rate could not be lowered'),
      )
    },
    parallel: (most) => own.parallel(most),
    state() {
      const mine = own.state()
      if (rate === undefined || (mine.itemsPerSecond !== undefined && mine.itemsPerSecond < rate)) return mine
      return { ...mine, itemsPerSecond: rate, reason: mine.reason === '' ? (why === '' ? 'the common rate' : why) : mine.reason }
    },
    pausedMs: () => own.pausedMs(),
    close: () => own.close(),
  }
}
