import { describe, expect, it } from 'vitest'
import { createMemoryQueue, type MemoryQueueOptions } from '../../../src/emit/queue/memory.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { batch, drain, numberOf, oneLane, onlyLane, range } from '../support/queues.ts'

const open = (options: Partial<MemoryQueueOptions> = {}) => {
  const metrics = createMetrics()
  let now = 1_000_000
  const deps = { metrics, log: silentLog, nowMs: () => now }
  const queue = oneLane(createMemoryQueue({ lanes: onlyLane, maxSize: 10_000, ack: 'memory', ...options }, deps))
  return { queue, metrics, jump: (ms: number) => void (now += ms) }
}

describe('createMemoryQueue', () => {
  it('hands out the oldest line first, and released batches in their old place', async () => {
    const { queue } = open()
    for (const number of range(0, 6)) await queue.put(batch(number, 100, number < 3 ? 'a' : 'b'))
    const taken = await queue.take({ maxItems: 2, maxBytes: 1e9 })
    expect(taken.map(numberOf)).toEqual([0, 1])
    queue.release(taken)
    expect(await drain(queue)).toEqual(range(0, 6))
    expect(queue.stats()).toMatchObject({ batches: 0, bytes: 0 })
  })

  it('refuses above maxSize, the batches under way included', async () => {
    const { queue, metrics } = open()
    for (const number of range(0, 10)) await queue.put(batch(number))
    await queue.take({ maxItems: 5, maxBytes: 1e9 })
    await expect(queue.put(batch(10))).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(queue.refusal()).toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(metrics.sums()).toMatchObject([{ queued: 10 }])
  })

  it('settles, releases and buries a batch once only', async () => {
    const { queue, metrics } = open()
    await queue.put(batch(1))
    const taken = await queue.take({ maxItems: 1, maxBytes: 1 })
    await queue.settle(taken)
    await queue.bury(taken, 'http_400', '')
    queue.release(taken)
    expect(metrics.sums()).toMatchObject([{ queued: 0, dropped: 0, dead: 0 }])
    expect(queue.waiting()).toEqual({ items: 0, bytes: 0 })
  })

  it('never shows a negative age when the clock jumps back', async () => {
    const { queue, jump } = open()
    await queue.put(batch(1))
    jump(5000)
    expect(queue.stats().oldestMs).toBe(5000)
    jump(-86_400_000)
    expect(queue.stats().oldestMs).toBe(0)
  })

  it('wakes those who wait for enough only when there is enough', async () => {
    const { queue } = open()
    let woken = 0
    void queue.ready({ items: 3, bytes: 1e9 }).then(() => woken++)
    for (const number of range(0, 2)) await queue.put(batch(number, 100))
    await new Promise((resolve) => setImmediate(resolve))
    expect(woken).toBe(0)
    await queue.put(batch(2, 100))
    await new Promise((resolve) => setImmediate(resolve))
    expect(woken).toBe(1)
  })

  it('resolves and rejects with ack forwarded', async () => {
    const { queue } = open({ ack: 'forwarded' })
    const outcomes = Promise.allSettled(range(0, 3).map((number) => queue.put(batch(number))))
    const taken = await queue.take({ maxItems: 2, maxBytes: 1e9 })
    await queue.settle(taken.slice(0, 1))
    await queue.bury(taken.slice(1), 'http_400', 'bad')
    await queue.close()
    expect((await outcomes).map((one) => (one.status === 'rejected' ? one.reason.code : one.status))).toEqual([
      'fulfilled',
      'OB_SEND_PERMANENT',
      'OB_STOPPING',
    ])
  })
})
