import { describe, expect, it, onTestFinished } from 'vitest'
import { createPace } from '../../../src/backfill/pace.ts'
import { connectRedis } from '../../../src/backfill/redis/connect.ts'
import { keysOf } from '../../../src/backfill/redis/keys.ts'
import { createSharedPace, setSharedRate } from '../../../src/backfill/redis/shared-pace.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { runName } from '../support/runs.ts'
import { hasRedis, startRedis } from './support/redis-server.ts'

const open = async (rate: number | undefined, rateBytes?: number) => {
  const server = await startRedis()
  const connection = await connectRedis(server.url)
  onTestFinished(() => connection.close())
  const { redis } = connection
  await setSharedRate(redis, runName, rate, rateBytes)
  let slept = 0
  const sleep = async (ms: number): Promise<void> => {
    slept += ms
    // Redis has its own clock: what was lent is given back by hand.
    const key = keysOf(runName).rate
    await redis.hincrbyfloat(key, 'at', -ms)
  }
  const pace = () => {
    const own = createPace({}, { monotonicMs: () => performance.now(), nowMs: Date.now, sleep })
    return createSharedPace({ redis, run: runName, own, log: silentLog, sleep })
  }
  const rateNow = async (): Promise<number> => Number(await redis.hget(keysOf(runName).rate, 'r'))
  return { redis, pace, rateNow, slept: () => slept }
}

const never = new AbortController().signal

describe.skipIf(!hasRedis)('createSharedPace', () => {
  it('lets everything through while nothing holds it back', async () => {
    const { pace, slept } = await open(undefined)
    const one = pace()
    for (let at = 0; at < 20; at++) await one.take(1000, 1000, never)
    expect(slept()).toBe(0)
    expect(one.state().itemsPerSecond).toBeUndefined()
  })

  it('has one budget for all', async () => {
    const { pace, slept } = await open(1000)
    const [one, two] = [pace(), pace()]
    for (let at = 0; at < 5; at++) await Promise.all([one.take(500, 1, never), two.take(500, 1, never)])
    // 5,000 at 1,000 a second, the first second's worth at once; two wait at a time.
    expect(slept()).toBeGreaterThan(3000)
    expect(slept()).toBeLessThan(6000)
    expect(one.state()).toMatchObject({ itemsPerSecond: 1000, reason: 'the common rate' })
  })

  it('counts bytes as well', async () => {
    const { pace, slept } = await open(undefined, 10_000)
    const one = pace()
    for (let at = 0; at < 4; at++) await one.take(1, 10_000, never)
    expect(slept()).toBeGreaterThan(2500)
  })

  it('goes at half the pace for all when one of them is told to wait, once in five seconds', async () => {
    const { pace, rateNow } = await open(1000)
    const [one, two] = [pace(), pace()]
    await one.take(10, 1, never)
    one.distress('destination', 'http_429', 0)
    two.distress('destination', 'http_429', 0)
    await expect.poll(rateNow).toBe(500)
    await two.take(10, 1, never)
    expect(two.state()).toMatchObject({ itemsPerSecond: 500, reason: '429 of the destination' })
  })

  it('stops waiting when it shall stop', async () => {
    const { pace } = await open(10)
    const stop = new AbortController()
    const work = pace().take(1000, 1, stop.signal)
    stop.abort()
    await expect(work).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })
})
