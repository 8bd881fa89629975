import { expect, it, onTestFinished } from 'vitest'
import { createDiskQueue } from '../../../src/emit/queue/disk.ts'
import { createChunkPool } from '../../../src/otlp/encode/chunks.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { batch, numberOf, oneLane, onlyLane, stateFolder } from '../support/queues.ts'

it('reads values back into memory that it is given, and gives it back when they are delivered', async () => {
  const pool = createChunkPool()
  const taken: number[] = []
  const queue = oneLane(
    await createDiskQueue(
      { path: stateFolder(), lanes: onlyLane, maxSize: 2 ** 30, ack: 'durable', memoryTail: 0, ballast: 0 },
      {
        metrics: createMetrics(),
        log: silentLog,
        nowMs: Date.now,
        recycle: pool.give,
        takeMemory(bytes) {
          taken.push(bytes)
          return pool.take(bytes)
        },
      },
    ),
  )
  onTestFinished(() => queue.close())
  for (let number = 0; number < 3; number++) await queue.put(batch(number, 200_000))
  const first = await queue.take({ maxItems: 1, maxBytes: 2 ** 20 })
  expect(first.map(numberOf)).toEqual([0])
  expect(taken).toEqual([200_000])
  const [{ data } = batch(9)] = first
  expect(Buffer.from(data).equals(Buffer.from(batch(0, 200_000).data))).toBe(true)
  expect(pool.keptBytes).toBe(0)
  await queue.settle(first, true)
  const { keptBytes } = pool
  expect(keptBytes).toBeGreaterThanOrEqual(200_000)
  // The next one has the same memory.
  const second = await queue.take({ maxItems: 1, maxBytes: 2 ** 20 })
  expect([second.map(numberOf), pool.keptBytes]).toEqual([[1], 0])
  queue.release(second)
  expect((await queue.take({ maxItems: 2, maxBytes: 2 ** 20 })).map(numberOf)).toEqual([1, 2])
})
