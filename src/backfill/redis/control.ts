/** What the planner of a run tells its workers, and they tell it; all of it in Redis, none of it secret. */

import type { Redis } from 'ioredis'
import { z } from 'zod'
import { BridgeError } from '../../errors.ts'
import type { RunMeta } from '../ledger.ts'
import { keyPrefix, keysOf, queueName, runsKey } from './keys.ts'

/** `open`: slices are handed out · `paused`: pages that are out are waited for, nothing else · `closed`: nothing is left to do. */
export type RunControlState = 'open' | 'paused' | 'closed'

export interface Control {
  readonly state: RunControlState
  readonly order: 'time' | 'any'
  readonly slackMs: number
  /** `--only`, as it was written; empty: at any time. */
  readonly only: string
  readonly skipRefused: boolean
}

/** What a worker tells of itself, once a second. */
export interface WorkerNote {
  readonly name: string
  /** Wall clock of the worker, ms. */
  readonly atMs: number
  /** `working`, `waiting`, `cannot read: …`, `stopped: …` */
  readonly state: string
  readonly slices: number
  readonly perSecond: number
  readonly rate: number | undefined
  readonly reason: string
  /** The last sentence of a source or a destination. */
  readonly said:
    | { readonly side: 'source' | 'destination' | 'ledger'; readonly atMs: number; readonly group: string; readonly message: string }
    | undefined
  readonly phases: {
    readonly read: number
    readonly translate: number
    readonly send: number
    readonly wait: number
    readonly commit: number
  }
  /** The destination takes nothing so old: ends the run. */
  readonly refused: string | undefined
}

const controlSchema = z.object({
  state: z.enum(['open', 'paused', 'closed']),
  order: z.enum(['time', 'any']),
  slackMs: z.coerce.number(),
  only: z.string(),
  skipRefused: z.enum(['yes', 'no']).transform((word) => word === 'yes'),
})

/** A worker that has not told anything for so long is taken for gone. */
export const silentMs = 10_000

export async function putControl(redis: Redis, run: string, control: Control): Promise<void> {
  const { state, order, slackMs, only, skipRefused } = control
  const { control: key } = keysOf(run)
  await redis.persist(key)
  await redis.hset(key, { state, order, slackMs: String(slackMs), only, skipRefused: skipRefused ? 'yes' : 'no' })
}

/** Undefined: Redis knows nothing of the run (any more). */
export async function readControl(redis: Redis, run: string): Promise<Control | undefined> {
  const found = controlSchema.safeParse(await redis.hgetall(keysOf(run).control))
  return found.success ? found.data : undefined
}

export async function putMeta(redis: Redis, meta: RunMeta): Promise<void> {
  await redis.multi().set(keysOf(meta.run).meta, JSON.stringify(meta)).sadd(runsKey, meta.run).exec()
}

/** Undefined: there is no such run. */
export async function readMeta(redis: Redis, run: string): Promise<RunMeta | undefined> {
  const text = await redis.get(keysOf(run).meta)
  return text === null ? undefined : (JSON.parse(text) as RunMeta)
}

/** The run by the first digits of its id; without them the only one, or the last one begun. Rejects with OB_CONFIG. */
export async function findRun(redis: Redis, prefix: string | undefined, name: string): Promise<RunMeta> {
  const runs = (await redis.smembers(runsKey)).filter((run) => prefix === undefined || run.startsWith(prefix))
  const fault = (cause: string): BridgeError =>
    new BridgeError('OB_CONFIG', `cannot find the run${prefix === undefined ? '' : ` ${prefix}`} in ${name}: ${cause}`, { place: '--run' })
  const metas = (await Promise.all(runs.map((run) => readMeta(redis, run)))).filter((meta) => meta !== undefined)
  const [last] = metas.sort((a, b) => b.createdMs - a.createdMs)
  if (last === undefined) throw fault('there is none; `backfill SOURCE … --workers` begins one')
  if (prefix !== undefined && metas.length > 1) throw fault(`${metas.length} begin so; give more digits`)
  if (prefix !== undefined || metas.length === 1) return last
  const open: RunMeta[] = []
  for (const meta of metas) if ((await readControl(redis, meta.run))?.state !== 'closed') open.push(meta)
  return open[0] ?? last
}

export async function tellWorker(redis: Redis, run: string, note: WorkerNote): Promise<void> {
  await redis.hset(keysOf(run).workers, note.name, JSON.stringify(note))
}

/** Workers as they told of themselves last, silent ones too. */
export async function readWorkers(redis: Redis, run: string): Promise<readonly WorkerNote[]> {
  return (await redis.hvals(keysOf(run).workers)).map((text) => JSON.parse(text) as WorkerNote)
}

/** The least time of which something is unfinished; undefined: nothing has a time. */
export async function readFrontier(redis: Redis, run: string): Promise<number | undefined> {
  const [, score] = await redis.zrange(keysOf(run).open, 0, 0, 'WITHSCORES')
  return score === undefined ? undefined : Number(score)
}

/** Positions of slices under way: they only go on. Those that are finished stay away. */
export async function tellPositions(redis: Redis, run: string, positions: readonly (readonly [id: string, ms: number])[]): Promise<void> {
  if (positions.length === 0) return
  const { open } = keysOf(run)
  const many = redis.pipeline()
  for (const [id, ms] of positions) many.zadd(open, 'XX', 'GT', ms, id)
  await many.exec()
}

/** How long a run that was removed says that it is closed, to workers that have not heard of it yet. */
const closedSeconds = 60

/** Removes everything of a run; for a minute it is known to be closed. */
export async function cleanRun(redis: Redis, run: string, control: Control): Promise<void> {
  await redis.srem(runsKey, run)
  const pattern = `${keyPrefix}:${queueName(run).replaceAll(/[{}]/g, '\\$&')}:*`
  let cursor = '0'
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 500)
    if (keys.length > 0) await redis.unlink(...keys)
    cursor = next
  } while (cursor !== '0')
  await putControl(redis, run, { ...control, state: 'closed' })
  await redis.expire(keysOf(run).control, closedSeconds)
}
