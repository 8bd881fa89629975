import { describe, expect, it, onTestFinished } from 'vitest'
import { createDiskQueue } from '../../../src/emit/queue/disk.ts'
import { createMemoryQueue } from '../../../src/emit/queue/memory.ts'
import { lockOwner } from '../../../src/emit/queue/owners.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { batch, booksByDestination, drain, laneOf, lanesNamed, openLanes, range, stateFolder, until } from '../support/queues.ts'
import { addAll, change, contentsOf, nothing, openStaging as open, query } from '../support/staging.ts'

describe('stage', () => {
  it.each(['durable', 'written', 'memory'] as const)(
    'with ack %s: nobody sees a part before the commit, then everybody all of them',
    async (ack) => {
      const path = stateFolder()
      const { queue, lane, metrics } = await open(path, ['default'], { ack })
      const staging = queue.stage()
      await addAll(staging, range(0, 20))
      await until(() => contentsOf(path).values === 20)
      expect(contentsOf(path)).toEqual({ rows: 0, values: 20, requests: 1 })
      expect([lane('default').waiting(), queue.stats().batches, metrics.sums()]).toEqual([{ items: 0, bytes: 0 }, 0, []])
      expect(await lane('default').take({ maxItems: 9, maxBytes: 1e9 })).toEqual([])
      await staging.commit()
      expect(contentsOf(path)).toEqual({ rows: 20, values: 20, requests: 0 })
      expect(metrics.sums()).toMatchObject([{ queued: 20 }])
      expect(await drain(lane('default'))).toEqual(range(0, 20))
      expect(contentsOf(path)).toEqual(nothing)
      expect(metrics.sums()).toMatchObject([{ queued: 0 }])
    },
  )

  it('puts what is small as if it were one batch, and leaves the store without a trace', async () => {
    const path = stateFolder()
    const { queue, lane } = await openLanes(path, ['default'])
    const staging = queue.stage()
    await addAll(staging, [1, 2], 400_000)
    await staging.commit()
    expect(query(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'stagings'")).toBe(0)
    expect(query(path, 'SELECT count(*) FROM batches')).toBe(2)
    expect(query(path, 'SELECT count(*) FROM shared')).toBe(0)
    expect(await drain(lane('default'))).toEqual([1, 2])
  })

  it('keeps the last parts in memory until the commit, and stores them with it', async () => {
    const path = stateFolder()
    const { queue, lane } = await open(path)
    const staging = queue.stage()
    await addAll(staging, [1, 2], 3000)
    await addAll(staging, [3, 4], 500)
    await until(() => contentsOf(path).values === 2)
    await staging.commit()
    expect(contentsOf(path)).toEqual({ rows: 4, values: 2, requests: 0 })
    expect(await drain(lane('default'))).toEqual([1, 2, 3, 4])
  })

  it('commits a request without parts', async () => {
    const { queue } = await open(stateFolder())
    await queue.stage().commit()
    expect(queue.stats().batches).toBe(0)
  })

  it('is as old as its commit', async () => {
    const { queue, lane, put } = await open(stateFolder())
    const staging = queue.stage()
    await addAll(staging, [10, 11])
    await put(1)
    const commit = staging.commit()
    await commit
    await put(2)
    expect(await drain(lane('default'))).toEqual([1, 10, 11, 2])
  })

  it('finds at the next start what was committed, and nothing of what was not', async () => {
    const path = stateFolder()
    const before = await open(path)
    const [whole, half] = [before.queue.stage(), before.queue.stage()]
    await addAll(whole, range(0, 5))
    await addAll(half, range(10, 15))
    await whole.commit()
    await before.queue.close()
    expect(contentsOf(path)).toEqual({ rows: 5, values: 5, requests: 0 })
    const { lane, metrics } = await open(path)
    expect(await drain(lane('default'))).toEqual(range(0, 5))
    expect(metrics.sums()).toMatchObject([{ carried: 5, queued: 0 }])
    expect(contentsOf(path)).toEqual(nothing)
  })

  it('removes what a killed run has staged, some at a time, and nothing of one that lives', async () => {
    const path = stateFolder()
    const before = await open(path)
    const [whole, half] = [before.queue.stage(), before.queue.stage()]
    await addAll(whole, range(0, 5))
    await whole.commit()
    await addAll(half, range(10, 310), 2500)
    await until(() => contentsOf(path).values === 305)
    const run = String(query(path, 'SELECT run FROM stagings'))
    const other = await open(path)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(contentsOf(path)).toEqual({ rows: 5, values: 305, requests: 1 })
    await before.queue.close()
    // As the kill would have left it: the run's request, and values that no row names.
    change(path, `INSERT INTO stagings (id, run) VALUES (77, '${run}')`)
    change(
      path,
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299)
       INSERT INTO shared SELECT ${2 ** 52} + 77 * 65536 + i, randomblob(20000) FROM n`,
    )
    await until(() => contentsOf(path).requests === 0)
    expect(query(path, `SELECT count(*) FROM shared WHERE id >= ${2 ** 52 + 77 * 65536}`)).toBe(0)
    await until(() => other.lane('default').waiting().items === 5)
    expect(await drain(other.lane('default'))).toEqual(range(0, 5))
    expect(lockOwner(path, run)).toBeDefined()
  })

  it('removes what is discarded, also what is on its way', async () => {
    const path = stateFolder()
    const { queue, lane } = await open(path)
    const [early, late] = [queue.stage(), queue.stage()]
    await addAll(early, range(0, 10))
    await until(() => contentsOf(path).values === 10)
    early.discard()
    await addAll(late, range(10, 20))
    late.discard()
    late.discard()
    await expect(late.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    await expect(addAll(early, [1])).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    await until(() => contentsOf(path).values === 0)
    expect(contentsOf(path)).toEqual(nothing)
    expect(lane('default').waiting().items).toBe(0)
  })

  it('does nothing when it is discarded after the commit', async () => {
    const { queue, lane } = await open(stateFolder())
    const staging = queue.stage()
    await addAll(staging, [1, 2])
    const commit = staging.commit()
    staging.discard()
    await commit
    staging.discard()
    expect(await drain(lane('default'))).toEqual([1, 2])
  })

  it('takes a value larger than what the threads share', async () => {
    const { queue, lane } = await open(stateFolder())
    const staging = queue.stage()
    await addAll(staging, [1, 2], 5_000_000)
    await staging.commit()
    expect(await drain(lane('default'))).toEqual([1, 2])
  })

  it('gives the memory of a part back once it is stored', async () => {
    const path = stateFolder()
    const given: ArrayBufferLike[] = []
    const queue = await createDiskQueue(
      { path, lanes: lanesNamed('default'), maxSize: 2 ** 30, ack: 'written', memoryTail: 2 ** 20, ballast: 0, heldPerRequest: 0 },
      { metrics: createMetrics(), log: silentLog, nowMs: Date.now, recycle: (memory) => void given.push(memory) },
    )
    onTestFinished(() => queue.close())
    const staging = queue.stage()
    const one = batch(1, 3000)
    await staging.add([{ batch: one, lanes: [0] }])
    await until(() => given.length === 1)
    expect(given[0]).toBe(one.data.buffer)
    await staging.commit()
    expect(await drain(laneOf(queue, 'default'))).toEqual([1])
  })

  it('buries a part, and its value goes', async () => {
    const path = stateFolder()
    const { queue, lane } = await open(path)
    const staging = queue.stage()
    await addAll(staging, [1, 2])
    await staging.commit()
    const taken = await lane('default').take({ maxItems: 1, maxBytes: 1e9 })
    await lane('default').bury(taken, 'http_400', 'bad')
    expect(query(path, 'SELECT length(data) FROM dead')).toBe(3000)
    expect(contentsOf(path)).toEqual({ rows: 1, values: 1, requests: 0 })
  })
})

describe('stage with several destinations', () => {
  it('stores a part once, for whom it is, and counts all of them with the commit', async () => {
    const path = stateFolder()
    const { queue, lane, metrics } = await open(path, ['a', 'b'])
    metrics.books('zipkin-json', 'traces').received.value += 8
    const staging = queue.stage()
    await addAll(staging, [1, 2], 3000, [0, 1])
    await addAll(staging, [3], 3000, [0])
    await addAll(staging, [4], 3000, [1])
    await staging.add([
      { batch: batch(5, 3000), lanes: [0] },
      { batch: batch(6, 3000), lanes: [1] },
    ])
    await addAll(staging, [7], 3000, [])
    await addAll(staging, [8], 100, [0, 1])
    expect(booksByDestination(metrics)).toEqual({ a: { received: 8, balance: 8 }, b: { received: 8, balance: 8 } })
    await staging.commit()
    expect(contentsOf(path)).toEqual({ rows: 10, values: 7, requests: 0 })
    expect(booksByDestination(metrics)).toEqual({
      a: { received: 8, queued: 5, elsewhere: 2, dropped: 1 },
      b: { received: 8, queued: 5, elsewhere: 2, dropped: 1 },
    })
    expect(await drain(lane('a'))).toEqual([1, 2, 3, 5, 8])
    expect(contentsOf(path)).toMatchObject({ rows: 5, values: 5 })
    expect(await drain(lane('b'))).toEqual([1, 2, 4, 6, 8])
    expect(contentsOf(path)).toEqual(nothing)
  })

  it('drops for a full destination that drops, as it was when the part came, and stores nothing for it alone', async () => {
    const path = stateFolder()
    const { queue, lane, metrics } = await open(path, ['a', 'b?'], { maxSize: 1_000_000 })
    const staging = queue.stage()
    await addAll(staging, [1, 2], 400_000, [1])
    await addAll(staging, [3], 400_000, [1])
    await addAll(staging, [4], 400_000, [0, 1])
    await until(() => contentsOf(path).values === 3)
    expect(await drain(lane('b'))).toEqual([])
    await staging.commit()
    expect(metrics.books('zipkin-json', 'traces').at('b').dropped('destination_full').value).toBe(2)
    expect(metrics.sums()).toMatchObject([{ queued: 1 }, { queued: 2 }])
    expect([await drain(lane('a')), await drain(lane('b'))]).toEqual([[4], [1, 2]])
    expect(contentsOf(path)).toEqual(nothing)
  })

  it('rejects what is for a destination that was removed meanwhile, and takes the rest of the world as it is', async () => {
    const path = stateFolder()
    const { queue, lane } = await open(path, ['a', 'b'])
    const [forBoth, forB, small] = [queue.stage(), queue.stage(), queue.stage()]
    await addAll(forBoth, [1, 2], 3000, [0, 1])
    await addAll(forB, [3, 4], 3000, [1])
    await addAll(small, [5], 100, [0])
    await queue.setLanes(lanesNamed('b'))
    await expect(forBoth.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN', retryAfterSeconds: 1 })
    await expect(small.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    await forB.commit()
    expect(queue.lanes).toHaveLength(1)
    expect(await drain(lane('b'))).toEqual([3, 4])
    await until(() => contentsOf(path).values === 0)
  })
})

describe('stage in a full queue', () => {
  it('rejects with OB_QUEUE_FULL, leaves nothing behind and gives the room back', async () => {
    const path = stateFolder()
    const { queue, lane, put, metrics } = await open(path, ['default'], { maxSize: 1_000_000 })
    const staging = queue.stage()
    await addAll(staging, [1, 2], 300_000)
    // What is staged has its room.
    await expect(put(3, 500_000)).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    await put(4, 300_000)
    await expect(addAll(staging, [5], 300_000)).rejects.toMatchObject({ code: 'OB_QUEUE_FULL', retryAfterSeconds: 5 })
    await expect(addAll(staging, [6], 10)).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    await expect(staging.commit()).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    staging.discard()
    await until(() => contentsOf(path).values === 0)
    // The file is empty a moment before the queue hears of it.
    let early = 0
    await until(async () => {
      try {
        await put(7, 600_000)
        return true
      } catch {
        early++
        return false
      }
    })
    expect(await drain(lane('default'))).toEqual([4, 7])
    expect(metrics.sums()).toMatchObject([{ received: 3 + early, refused: 1 + early, queued: 0 }])
  })

  it('is full by the file too', async () => {
    const path = stateFolder()
    const { queue, put } = await open(path, ['default'], { maxSize: 400_000 })
    change(path, "INSERT INTO damaged VALUES (1, '', '', 0, 0, 0, 0, randomblob(500000))")
    await put(1, 10)
    const staging = queue.stage()
    await expect(addAll(staging, range(2, 10))).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
  })

  it('commits what had its room, whoever has filled the queue since', async () => {
    const { queue, lane, put } = await open(stateFolder(), ['default'], { maxSize: 1_000_000 })
    const staging = queue.stage()
    await addAll(staging, [1, 2], 300_000)
    await put(3, 400_000)
    await expect(put(4, 10)).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    await staging.commit()
    expect(queue.stats()).toMatchObject({ batches: 3, bytes: 1_000_000 })
    expect(await drain(lane('default'))).toEqual([3, 1, 2])
    await put(5, 1_000_000)
  })

  it('has an end to its parts', async () => {
    const { queue } = await openLanes(stateFolder(), ['default'])
    const staging = queue.stage()
    const part = { batch: batch(1, 4), lanes: [0] }
    await staging.add(Array.from({ length: 2 ** 16 }, () => part))
    await expect(staging.add([part])).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
  })
})

describe('stage with ack forwarded', () => {
  it('answers when everybody has all of it, and says of each batch what was left out', async () => {
    const path = stateFolder()
    const { queue, lane, metrics } = await open(path, ['a', 'b'], { ack: 'forwarded' })
    const rejected: string[] = []
    const staging = queue.stage()
    for (const number of [1, 2, 3]) {
      const onRejected = (items: number): void => void rejected.push(`${number}: ${items}`)
      await staging.add([{ batch: { ...batch(number, 3000), onRejected }, lanes: [0, 1] }])
    }
    expect(lane('a').waiting().items).toBe(0)
    let answered = false
    const done = staging.commit().then(() => void (answered = true))
    await until(() => lane('a').waiting().items === 3)
    await lane('a').settle(await lane('a').take({ maxItems: 9, maxBytes: 1e9 }), false, 2)
    await new Promise((resolve) => setImmediate(resolve))
    expect(answered).toBe(false)
    await lane('b').settle(await lane('b').take({ maxItems: 9, maxBytes: 1e9 }), false, 1)
    await done
    expect(rejected).toEqual(['1: 1', '2: 1'])
    expect(metrics.sums()).toMatchObject([{ queued: 0 }, { queued: 0 }])
    expect(query(path, 'SELECT count(*) FROM batches')).toBe(0)
  })

  it('is bounded by the size of the queue', async () => {
    const { queue } = await open(stateFolder(), ['default'], { ack: 'forwarded', maxSize: 10_000 })
    const staging = queue.stage()
    await addAll(staging, [1, 2, 3])
    await expect(addAll(staging, [4])).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
  })
})

describe('stage in memory', () => {
  const openMemory = (names: readonly string[] = ['default'], maxSize = 10_000) => {
    const metrics = createMetrics()
    const queue = createMemoryQueue({ lanes: lanesNamed(...names), maxSize, ack: 'memory' }, { metrics, log: silentLog, nowMs: Date.now })
    onTestFinished(() => queue.close())
    return { queue, metrics, lane: (name: string) => laneOf(queue, name) }
  }

  it('takes all parts or none', async () => {
    const { queue, lane, metrics } = openMemory(['a', 'b?'])
    const [first, second] = [queue.stage(), queue.stage()]
    await addAll(first, [1, 2], 3000, [0, 1])
    expect(queue.stats().batches).toBe(0)
    await expect(addAll(second, [3], 5000, [0])).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    await expect(queue.put([{ batch: batch(4, 5000), lanes: [0] }])).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    await addAll(first, [5], 4000, [0, 1])
    await addAll(first, [6], 4000, [1])
    await first.commit()
    expect(metrics.books('zipkin-json', 'traces').at('b').dropped('destination_full').value).toBe(1)
    expect([await drain(lane('a')), await drain(lane('b'))]).toEqual([
      [1, 2, 5],
      [1, 2, 5],
    ])
  })

  it('is over when the queue closes', async () => {
    const { queue } = openMemory()
    const staging = queue.stage()
    await addAll(staging, [1])
    await queue.close()
    await expect(staging.commit()).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })
})
