import { describe, expect, it, onTestFinished } from 'vitest'
import { connectRedis } from '../../../src/backfill/redis/connect.ts'
import { type HeldJob, type Jobs, openFeed, openJobs } from '../../../src/backfill/redis/jobs.ts'
import { createRedisLedger } from '../../../src/backfill/redis/ledger-redis.ts'
import { createWorkerLedger } from '../../../src/backfill/redis/worker-ledger.ts'
import { sleepFor } from '../../../src/backfill/sleep.ts'
import { numbersSource } from '../support/numbers-source.ts'
import { metaOf, runName } from '../support/runs.ts'
import { hasRedis, startRedis } from './support/redis-server.ts'

const open = async (isLocal: boolean) => {
  const server = await startRedis()
  const connection = await connectRedis(server.url)
  onTestFinished(() => connection.close())
  const { redis } = connection
  const ledger = createRedisLedger({ redis, meta: metaOf(), nowMs: Date.now })
  const { specs } = numbersSource({ slices: 2, perSlice: 10, perPage: 5 })
  await ledger.add(specs)
  const feed = await openFeed(redis, runName)
  onTestFinished(() => feed.close())
  await feed.add(
    specs.map(({ id }) => id),
    new Set(),
  )
  const jobs = await openJobs({ redis: connection.another(), run: runName, owner: 'me' })
  onTestFinished(() => jobs.close())
  const cannot: string[] = []
  const abort = new AbortController()
  const worker = (over: Jobs = jobs) =>
    createWorkerLedger({
      ledger,
      jobs: over,
      isLocal,
      abort: abort.signal,
      sleep: sleepFor,
      lookMs: 5,
      onCannotRead: (why) => cannot.push(why),
    })
  return { redis, ledger, specs, feed, jobs, cannot, abort, worker }
}

const take = async (ledger: ReturnType<typeof createWorkerLedger>) => {
  const taken = await ledger.take('me')
  if (taken === undefined) throw new Error('nothing to take')
  return taken.slice
}

const jobOf = async (redis: Awaited<ReturnType<typeof open>>['redis'], id: string) => {
  const key = `otlp-bridge:{${runName}}`
  const [delayed, completed, failed] = await Promise.all([
    redis.zscore(`${key}:delayed`, `slice-${id}`),
    redis.zscore(`${key}:completed`, `slice-${id}`),
    redis.zscore(`${key}:failed`, `slice-${id}`),
  ])
  // BullMQ keeps the time in the upper bits.
  return { delayedMs: delayed === null ? undefined : Math.round(Number(delayed) / 4096 - Date.now()), completed, failed }
}

describe.skipIf(!hasRedis)('createWorkerLedger', () => {
  it('settles the job with its slice: done, and at once another’s when it is given back', async () => {
    const { redis, worker, feed } = await open(false)
    const ledger = worker()
    const [first, second] = [await take(ledger), await take(ledger)]
    await ledger.end(first.id, first.epoch, 'done', '', '')
    expect((await jobOf(redis, first.id)).completed).not.toBeNull()
    await ledger.release(second.id, second.epoch, { intent: 'keep' })
    expect((await jobOf(redis, second.id)).delayedMs).toBeLessThan(50)
    expect(await take(ledger)).toMatchObject({ id: second.id, epoch: 2 })
    expect(await feed.waiting()).toBe(0)
  })

  it('tries a slice again later that failed for a passing reason, five times in all', async () => {
    const { redis, worker, ledger: kept, jobs } = await open(false)
    const ledger = worker()
    const slice = await take(ledger)
    await ledger.end(slice.id, slice.epoch, 'failed', 'pit_lost', 'cannot read: lost')
    expect(await kept.slices({ states: ['pending'] })).toHaveLength(2)
    const { delayedMs = 0 } = await jobOf(redis, slice.id)
    expect(delayedMs).toBeGreaterThan(8000)
    expect(delayedMs).toBeLessThanOrEqual(10_000)
    const lastTry = worker({
      ...jobs,
      async next(): Promise<HeldJob | undefined> {
        const job = await jobs.next()
        return job === undefined ? undefined : { ...job, isLast: true }
      },
    })
    const other = await take(lastTry)
    await lastTry.end(other.id, other.epoch, 'failed', 'pit_lost', 'cannot read: lost')
    expect(await kept.slices({ states: ['failed'] })).toMatchObject([{ id: other.id, reason: 'pit_lost' }])
  })

  it('leaves what is lost for good failed, and gives back what another machine may have', async () => {
    const network = await open(false)
    const one = network.worker()
    const slice = await take(one)
    await one.end(slice.id, slice.epoch, 'failed', 'vanished', 'gone')
    expect(await network.ledger.slices({ states: ['failed'] })).toMatchObject([{ id: slice.id, reason: 'vanished' }])
    expect(network.cannot).toEqual([])

    const local = await open(true)
    const other = local.worker()
    const file = await take(other)
    await other.end(file.id, file.epoch, 'failed', 'vanished', 'cannot open a.json')
    expect(await local.ledger.slices({ states: ['failed'] })).toEqual([])
    expect(local.cannot).toEqual(['cannot open a.json'])
  })

  it('waits for a job, and no longer than until it shall stop; a paused queue has none', async () => {
    const { worker, abort, feed } = await open(false)
    await feed.pause()
    const waiting = worker().take('me')
    abort.abort()
    expect(await waiting).toBeUndefined()
  })

  it('adds a slice to the queue once, and again only when its job is over', async () => {
    const { worker, feed, specs } = await open(false)
    const ids = specs.map(({ id }) => id)
    await feed.add(ids, new Set(ids))
    expect(await feed.waiting()).toBe(2)
    const ledger = worker()
    const slice = await take(ledger)
    await ledger.end(slice.id, slice.epoch, 'failed', 'corrupt', '')
    await feed.add(ids, new Set())
    expect(await feed.waiting()).toBe(1)
    await feed.add(ids, new Set(ids))
    expect(await feed.waiting()).toBe(2)
  })
})
