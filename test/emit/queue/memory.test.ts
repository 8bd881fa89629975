import { describe, expect, it } from 'vitest'
import { createMemoryQueue, type MemoryQueueOptions } from '../../../src/emit/queue/memory.ts'
import type { QueuedBatch } from '../../../src/emit/queue/queue.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { batch, booksByDestination, countedPut, drain, laneOf, lanesNamed, numberOf, oneLane, onlyLane, range } from '../support/queues.ts'

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

  it('says of released batches that they may have been sent, where who had them said so', async () => {
    const { queue } = open()
    for (const number of range(0, 3)) await queue.put(batch(number))
    const taken = await queue.take({ maxItems: 1e9, maxBytes: 1e9 })
    queue.release(taken.slice(1, 2), true)
    queue.release([...taken.slice(0, 1), ...taken.slice(2)])
    queue.release(await queue.take({ maxItems: 1e9, maxBytes: 1e9 }))
    expect((await queue.take({ maxItems: 1e9, maxBytes: 1e9 })).map((one) => one.maybeSent)).toEqual([false, true, false])
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

describe('createMemoryQueue with several destinations', () => {
  const openSeveral = (names: readonly string[], options: Partial<MemoryQueueOptions> = {}) => {
    const metrics = createMetrics()
    const given: ArrayBufferLike[] = []
    const deps = { metrics, log: silentLog, nowMs: () => 0, recycle: (memory: ArrayBufferLike) => void given.push(memory) }
    const queue = createMemoryQueue({ lanes: lanesNamed(...names), maxSize: 10_000, ack: 'memory', ...options }, deps)
    return { queue, metrics, given, put: countedPut(queue, metrics), lane: (name: string) => laneOf(queue, name) }
  }

  it('gives each its own place over the same bytes, and the memory back with the last', async () => {
    const { put, lane, given } = openSeveral(['live', 'dead'])
    for (const number of range(0, 5)) await put(number)
    const [live] = await lane('live').take({ maxItems: 1, maxBytes: 1e9 })
    const [dead] = await lane('dead').take({ maxItems: 1, maxBytes: 1e9 })
    expect(live?.data).toBe(dead?.data)
    const memory = live?.data.buffer
    await lane('live').settle([live as QueuedBatch], true)
    expect(given).toEqual([])
    await lane('dead').settle([dead as QueuedBatch], true)
    expect(given).toEqual([memory])
    expect([await drain(lane('live')), await drain(lane('dead'))]).toEqual([range(1, 5), range(1, 5)])
    // Settled by somebody who cannot say that nobody reads them.
    expect(given).toHaveLength(1)
  })

  it('refuses for all, or drops for one, when that one is full', async () => {
    const refusing = openSeveral(['live', 'dead'])
    for (const number of range(0, 10)) await refusing.put(number)
    await drain(refusing.lane('live'))
    await expect(refusing.put(10)).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(refusing.queue.refusal([0])).toBeUndefined()

    const dropping = openSeveral(['live', 'dead?'])
    for (const number of range(0, 15)) {
      await dropping.put(number)
      expect(await drain(dropping.lane('live'))).toEqual([number])
    }
    expect(await drain(dropping.lane('dead'))).toEqual(range(0, 10))
    expect(booksByDestination(dropping.metrics)['dead']).toEqual({ received: 15, dropped: 5, balance: 10 })
  })

  it('keeps the lanes that stay, and drops what a lane holds that goes', async () => {
    const { queue, put, lane, metrics } = openSeveral(['a', 'b'])
    for (const number of range(0, 3)) await put(number)
    await queue.setLanes(lanesNamed('c', 'a'))
    await put(3)
    expect([await drain(lane('c')), await drain(lane('a'))]).toEqual([[3], range(0, 4)])
    expect(metrics.books('zipkin-json', 'traces').at('b').dropped('destination_removed').value).toBe(3)
    expect(booksByDestination(metrics)).toEqual({
      c: { received: 4, elsewhere: 3, balance: 1 },
      a: { received: 4, balance: 4 },
    })
  })

  it('answers with ack forwarded when all have it', async () => {
    const { put, lane } = openSeveral(['a', 'b'], { ack: 'forwarded' })
    const done = put(1)
    await drain(lane('a'))
    await drain(lane('b'))
    await done
    const refused = expect(put(2)).rejects.toMatchObject({ code: 'OB_SEND_PERMANENT' })
    await lane('b').bury(await lane('b').take({ maxItems: 1, maxBytes: 1 }), 'http_400', 'no')
    await refused
  })
})
