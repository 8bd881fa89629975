import { describe, expect, it } from 'vitest'
import { createBatcher } from '../../src/emit/batcher.ts'
import { createMemoryQueue } from '../../src/emit/queue/memory.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { batch, numberOf, oneLane, onlyLane, range } from './support/queues.ts'

const setUp = (options: Partial<Parameters<typeof createBatcher>[0]> = {}) => {
  const queue = oneLane(
    createMemoryQueue({ lanes: onlyLane, maxSize: 1e9, ack: 'memory' }, { metrics: createMetrics(), log: silentLog, nowMs: () => 0 }),
  )
  const abort = new AbortController()
  let nowMs = 0
  const sleeps: { ms: number; end: () => void }[] = []
  const batcher = createBatcher(
    { delayMs: 200, maxItems: 5, maxBytes: 1e9, ...options },
    {
      lane: queue,
      abort: abort.signal,
      monotonicMs: () => nowMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          sleeps.push({ ms, end: resolve })
          signal.addEventListener('abort', () => resolve(), { once: true })
        }),
    },
  )
  const put = async (from: number, to: number): Promise<void> => {
    for (const number of range(from, to)) await queue.put(batch(number, 100))
  }
  return { queue, batcher, abort, sleeps, put, pass: (ms: number) => void (nowMs += ms) }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('createBatcher', () => {
  it('waits the delay for others to come, then takes what there is', async () => {
    const { batcher, sleeps, put } = setUp()
    const next = batcher.next()
    await put(0, 2)
    await settled()
    expect(sleeps.map((one) => one.ms)).toEqual([200])
    await put(2, 3)
    sleeps[0]?.end()
    expect((await next).map(numberOf)).toEqual([0, 1, 2])
  })

  it('does not wait when a request is full, and takes no more than fits', async () => {
    const { batcher, sleeps, put } = setUp()
    await put(0, 7)
    expect((await batcher.next()).map(numberOf)).toEqual(range(0, 5))
    expect(sleeps).toEqual([])
  })

  it('ends its wait as soon as a request is full', async () => {
    const { batcher, put } = setUp()
    await put(0, 1)
    const next = batcher.next()
    await settled()
    await put(1, 5)
    expect(await next).toHaveLength(5)
  })

  it('does not wait for what piled up while nobody asked', async () => {
    const { batcher, sleeps, put, pass } = setUp()
    await put(0, 5)
    await batcher.next()
    pass(500)
    await put(5, 6)
    expect((await batcher.next()).map(numberOf)).toEqual([5])
    expect(sleeps).toEqual([])
  })

  it('does not wait once told to hurry', async () => {
    const { batcher, put } = setUp()
    await put(0, 1)
    const next = batcher.next()
    await settled()
    batcher.hurry()
    expect(await next).toHaveLength(1)
  })

  it('ends with nothing when aborted', async () => {
    const { batcher, abort } = setUp()
    const next = batcher.next()
    abort.abort()
    expect(await next).toEqual([])
  })
})
