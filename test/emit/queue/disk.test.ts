import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { openStoreForInspection } from '../../../src/emit/queue/dead-letters.ts'
import type { QueuedBatch } from '../../../src/emit/queue/queue.ts'
import { setAsideStore, storeFile } from '../../../src/emit/queue/store.ts'
import { batch, drain, numberOf, openDisk, range, stateFolder, until } from '../support/queues.ts'

const all = { maxItems: 1e9, maxBytes: 1e9 }

const flipIn = (file: string, marker: Uint8Array): void => {
  const bytes = readFileSync(file)
  const at = bytes.indexOf(marker)
  expect(at).toBeGreaterThan(0)
  bytes[at + 20] = (bytes[at + 20] ?? 0) ^ 0xff
  writeFileSync(file, bytes)
}

describe('createDiskQueue', () => {
  it('hands out the oldest first, one format at a time, and forgets what is settled', async () => {
    const { queue, metrics } = await openDisk(stateFolder())
    for (const number of range(0, 6)) await queue.put(batch(number, 100, number % 2 === 0 ? 'even' : 'odd'))
    const first = await queue.take(all)
    expect([first.map(numberOf), first.map((one) => one.maybeSent)]).toEqual([
      [0, 2, 4],
      [false, false, false],
    ])
    const second = await queue.take(all)
    expect(second.map(numberOf)).toEqual([1, 3, 5])
    await queue.settle([...first, ...second])
    expect(queue.stats()).toMatchObject({ batches: 0, items: 0, bytes: 0, oldestMs: undefined })
    expect(metrics.sums().map((one) => one.queued)).toEqual([0, 0])
  })

  it('respects the limits of a take but always gives one', async () => {
    const { queue } = await openDisk(stateFolder())
    for (const number of range(0, 4)) await queue.put(batch(number))
    expect((await queue.take({ maxItems: 2, maxBytes: 1e9 })).map(numberOf)).toEqual([0, 1])
    expect((await queue.take({ maxItems: 1e9, maxBytes: 1 })).map(numberOf)).toEqual([2])
  })

  it('gives released batches again, in their old place', async () => {
    const { queue } = await openDisk(stateFolder())
    for (const number of range(0, 4)) await queue.put(batch(number))
    const taken = await queue.take({ maxItems: 2, maxBytes: 1e9 })
    queue.release(taken)
    expect(await drain(queue)).toEqual([0, 1, 2, 3])
  })

  it('says of released batches that they may have been sent, where who had them said so', async () => {
    const { queue } = await openDisk(stateFolder(), { memoryTail: 150 })
    for (const number of range(0, 4)) await queue.put(batch(number))
    const taken = await queue.take(all)
    queue.release(taken.slice(1, 3), true)
    queue.release([...taken.slice(0, 1), ...taken.slice(3)])
    expect((await queue.take(all)).map((one) => one.maybeSent)).toEqual([false, true, true, false])
  })

  it('lets go of what is under way and not read now, and reads it again', async () => {
    const path = stateFolder()
    const { queue, metrics } = await openDisk(path, { memoryTail: 2 ** 20 })
    for (const number of range(0, 4)) await queue.put(batch(number))
    const taken = await queue.take({ maxItems: 3, maxBytes: 1e9 })
    queue.unload(taken, true)
    expect(taken.map(({ data }) => data as unknown)).toEqual([undefined, undefined, undefined])
    expect(queue.stats()).toMatchObject({ batches: 4, items: 4 })
    // Nobody else gets them meanwhile.
    expect((await queue.take(all)).map(numberOf)).toEqual([3])
    expect(await queue.load(taken.slice(1))).toBe(true)
    expect(taken.slice(1).map(numberOf)).toEqual([1, 2])
    await queue.settle(taken.slice(1))
    queue.release(taken.slice(0, 1))
    expect(await drain(queue)).toEqual([0])

    await queue.put(batch(7))
    const [last] = await queue.take(all)
    queue.unload([last as QueuedBatch], false)
    const db = new DatabaseSync(storeFile(path))
    db.exec('UPDATE batches SET crc = crc + 1')
    db.close()
    expect(await queue.load([last as QueuedBatch])).toBe(false)
    expect(queue.stats()).toMatchObject({ batches: 1 })
    expect(metrics.counter('otlp_bridge_queue_damaged_batches_total').value).toBe(1)
  })

  it('finds at the next start what was not settled, in order, and counts it as carried', async () => {
    const path = stateFolder()
    const before = await openDisk(path)
    for (const number of range(0, 5)) await before.queue.put(batch(number))
    const taken = await before.queue.take({ maxItems: 2, maxBytes: 1e9 })
    await before.queue.settle(taken.slice(0, 1))
    await before.queue.close()

    const { queue, metrics } = await openDisk(path)
    expect(metrics.sums()).toMatchObject([{ carried: 4, queued: 4, balance: 0 }])
    const found = await queue.take(all)
    expect(found.map((one) => [numberOf(one), one.maybeSent])).toEqual([
      [1, true],
      [2, false],
      [3, false],
      [4, false],
    ])
  })

  it('reads back from the disk what exceeds the memory tail', async () => {
    const { queue } = await openDisk(stateFolder(), { memoryTail: 5000 })
    for (const number of range(0, 50)) await queue.put(batch(number))
    expect(await drain(queue)).toEqual(range(0, 50))
  })

  it('keeps a copy of a batch that is a small view on a large buffer, and takes over one that is not', async () => {
    const { queue } = await openDisk(stateFolder())
    const one = batch(7, 100)
    const large = new Uint8Array(10_000)
    large.set(one.data, 50)
    await queue.put({ ...one, data: large.subarray(50, 150) })
    large.fill(0)
    const [taken] = await queue.take(all)
    expect(numberOf(taken as QueuedBatch)).toBe(7)
    expect(taken?.data.buffer.byteLength).toBe(100)
  })

  it('stores a value larger than what the threads share', async () => {
    const path = stateFolder()
    const { queue } = await openDisk(path, { memoryTail: 0 })
    await Promise.all([queue.put(batch(1, 5_000_000)), queue.put(batch(2)), queue.put(batch(3, 6_000_000))])
    expect(await drain(queue)).toEqual([1, 2, 3])
  })

  it('refuses with OB_QUEUE_FULL above maxSize, and takes again once there is room', async () => {
    const { queue, metrics } = await openDisk(stateFolder(), { maxSize: 2 ** 20 })
    const results = await Promise.allSettled(range(0, 30).map((number) => queue.put(batch(number, 50_000))))
    const refused = results.filter((one) => one.status === 'rejected')
    expect(refused.length).toBeGreaterThan(5)
    expect(refused[0]?.reason).toMatchObject({ code: 'OB_QUEUE_FULL', retryAfterSeconds: 5 })
    expect(queue.stats().bytes).toBeLessThanOrEqual(2 ** 20)
    expect(metrics.sums()[0]?.queued).toBe(30 - refused.length)
    await drain(queue)
    await queue.put(batch(99))
    expect(queue.refusal()).toBeUndefined()
  })

  it('buries with reason and message, and a retry from outside brings the letter back', async () => {
    const path = stateFolder()
    const { queue, metrics } = await openDisk(path)
    for (const number of range(0, 3)) await queue.put(batch(number))
    const [first, ...others] = await queue.take(all)
    await queue.bury([first as QueuedBatch], 'http_400', 'bad')
    queue.release(others)
    expect(metrics.sums()).toMatchObject([{ queued: 2, dead: 1 }])
    expect(queue.stats().deadItems).toBe(1)

    const store = openStoreForInspection(path)
    const [letter] = store.list()
    expect(letter).toMatchObject({ format: 'zipkin-json', signal: 'traces', items: 1, bytes: 1000, reason: 'http_400', message: 'bad' })
    expect(store.export(letter?.id ?? 0)).toEqual(batch(0).data)
    expect(store.waiting()).toMatchObject([{ format: 'zipkin-json', batches: 2, items: 2, bytes: 2000 }])
    expect([store.retry('all'), store.list()]).toEqual([1, []])
    store.close()
    await until(() => queue.stats().batches === 3)
    expect((await drain(queue)).sort()).toEqual([0, 1, 2])
    expect(metrics.sums()).toMatchObject([{ carried: 1, dead: 1, queued: 0 }])
  })

  it.each(['written', 'memory'] as const)('keeps with ack %s what was put, across a restart in order', async (ack) => {
    const path = stateFolder()
    const before = await openDisk(path, { ack })
    await Promise.all(range(0, 100).map((number) => before.queue.put(batch(number))))
    await before.queue.close()
    const { queue } = await openDisk(path)
    expect(await drain(queue)).toEqual(range(0, 100))
  })

  it('resolves with ack forwarded when the endpoint has it, and rejects when it is refused or the queue closes', async () => {
    const { queue, metrics } = await openDisk(stateFolder(), { ack: 'forwarded' })
    const puts = range(0, 3).map((number) => queue.put(batch(number)))
    const outcomes = Promise.allSettled(puts)
    const taken = await queue.take({ maxItems: 2, maxBytes: 1e9 })
    await queue.settle(taken.slice(0, 1))
    await queue.bury(taken.slice(1), 'http_400', 'bad')
    await queue.close()
    expect(await outcomes).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'OB_SEND_PERMANENT' } },
      { status: 'rejected', reason: { code: 'OB_STOPPING' } },
    ])
    expect(metrics.sums()).toMatchObject([{ queued: 0, dead: 0 }])
  })

  it('sets a value aside whose checksum does not hold, counts it, and gives its neighbours', async () => {
    const path = stateFolder()
    const before = await openDisk(path)
    for (const number of range(0, 5)) await before.queue.put(batch(number, 40_000))
    await before.queue.close()
    flipIn(storeFile(path), batch(2, 40_000).data.subarray(0, 1000))

    const { queue, metrics } = await openDisk(path)
    expect(await drain(queue)).toEqual([0, 1, 3, 4])
    expect(metrics.books('zipkin-json', 'traces').at('default').dropped('damaged').value).toBe(1)
    expect(metrics.counter('otlp_bridge_queue_damaged_batches_total').value).toBe(1)
    expect(metrics.sums()).toMatchObject([{ carried: 5, queued: 0, dropped: 1 }])
    const store = openStoreForInspection(path)
    expect(store.damaged()).toEqual({ batches: 1, items: 1 })
    store.close()
  })

  it('sets a file aside that is no database, and begins a new one', async () => {
    const path = stateFolder()
    writeFileSync(storeFile(path), Buffer.alloc(50_000, 'not a database '))
    const { queue, metrics } = await openDisk(path)
    expect(metrics.counter('otlp_bridge_queue_set_aside_files_total').value).toBe(1)
    expect(readdirSync(path).filter((name) => /^damaged-.*\.sqlite$/.test(name))).toHaveLength(1)
    await queue.put(batch(1))
    expect(await drain(queue)).toEqual([1])
  })

  it('sets a foreign database aside', async () => {
    const path = stateFolder()
    const foreign = new DatabaseSync(storeFile(path))
    foreign.exec('CREATE TABLE cats (name TEXT)')
    foreign.close()
    const { queue, metrics } = await openDisk(path)
    expect(metrics.counter('otlp_bridge_queue_set_aside_files_total').value).toBe(1)
    await queue.put(batch(1))
    expect(queue.stats().fault).toBeUndefined()
  })

  it('leaves a file of a newer layout alone, and says so', async () => {
    const path = stateFolder()
    const before = await openDisk(path)
    await before.queue.close()
    const file = new DatabaseSync(storeFile(path))
    file.exec('PRAGMA user_version = 99')
    file.close()
    const { queue } = await openDisk(path)
    await expect(queue.put(batch(1))).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    expect(queue.stats().fault).toMatch(/newer version/)
    expect(existsSync(storeFile(path))).toBe(true)
  })

  it('saves what can be read out of a file with a destroyed page, found while running', async () => {
    const path = stateFolder()
    const before = await openDisk(path)
    for (const number of range(0, 200)) await before.queue.put(batch(number, 3000))
    await before.queue.close()
    const bytes = readFileSync(storeFile(path))
    // A page in the middle: some rows are gone, the root and the others are not.
    bytes.fill(0xee, 16384 * 20, 16384 * 21)
    writeFileSync(storeFile(path), bytes)

    const { queue, metrics } = await openDisk(path)
    const found = await drain(queue)
    expect(found.length).toBeGreaterThan(150)
    expect(found.length).toBeLessThan(200)
    expect(metrics.counter('otlp_bridge_queue_set_aside_files_total').value).toBe(1)
    await queue.put(batch(500))
    expect(await drain(queue)).toEqual([500])
    expect(metrics.sums()[0]?.queued).toBe(0)
  })

  it('pages a backlog in that is larger than its window, and counts every batch', async () => {
    const path = stateFolder()
    const before = await openDisk(path, { ack: 'memory' })
    await Promise.all(range(0, 20_000).map((number) => before.queue.put(batch(number, 8))))
    await before.queue.close()
    const { queue, metrics } = await openDisk(path, { memoryTail: 2 ** 20 })
    expect(queue.waiting()).toEqual({ items: 20_000, bytes: 160_000 })
    await queue.put(batch(20_000, 8))
    expect(await drain(queue)).toEqual(range(0, 20_001))
    expect(metrics.sums()).toMatchObject([{ carried: 20_000, queued: 0, dropped: 0 }])
  })

  it('goes on after its window overflows while nothing is taken', async () => {
    const { queue } = await openDisk(stateFolder(), { ack: 'memory', memoryTail: 2 ** 20 })
    await Promise.all(range(0, 17_000).map((number) => queue.put(batch(number, 8))))
    expect(queue.stats()).toMatchObject({ batches: 17_000, bytes: 136_000 })
    await until(() => queue.waiting().items === 17_000)
    expect(await drain(queue)).toEqual(range(0, 17_000))
    await queue.put(batch(17_000, 8))
    await until(() => queue.waiting().items === 1)
    expect(await drain(queue)).toEqual([17_000])
  })

  it('two queues on one folder deliver what is theirs, and one takes over what the other leaves', async () => {
    const path = stateFolder()
    const a = await openDisk(path)
    const b = await openDisk(path)
    await Promise.all(range(0, 20).map((number) => (number % 2 === 0 ? a : b).queue.put(batch(number))))
    expect(await drain(a.queue)).toEqual(range(0, 10).map((one) => one * 2))
    await b.queue.close()
    await until(() => a.queue.waiting().items === 10)
    expect(await drain(a.queue)).toEqual(range(0, 10).map((one) => one * 2 + 1))
    expect(a.metrics.sums()).toMatchObject([{ carried: 10, queued: 0 }])
  })

  it('stores anew what it has in memory when another process has set the file aside', async () => {
    const path = stateFolder()
    const a = await openDisk(path)
    const b = await openDisk(path)
    await Promise.all([a.queue.put(batch(1)), b.queue.put(batch(2)), b.queue.put(batch(3))])
    const taken = await b.queue.take({ maxItems: 1, maxBytes: 1e9 })
    setAsideStore(path, Date.now())
    await Promise.all([a.queue.put(batch(4)), b.queue.put(batch(5))])
    const store = openStoreForInspection(path)
    await until(() => store.waiting()[0]?.batches === 5)
    store.close()
    await b.queue.settle(taken)
    expect(await drain(b.queue)).toEqual([2, 3, 5].slice(1))
    expect(new Set(await drain(a.queue))).toEqual(new Set([1, 4]))
    for (const one of [a, b]) expect(one.metrics.sums()).toMatchObject([{ queued: 0, dropped: 0 }])
  })

  it('says OB_STOPPING once it is closing', async () => {
    const { queue } = await openDisk(stateFolder())
    await queue.close()
    await expect(queue.put(batch(1))).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })
})
