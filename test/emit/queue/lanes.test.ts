import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { openStoreForInspection } from '../../../src/emit/queue/dead-letters.ts'
import type { Lane, QueuedBatch } from '../../../src/emit/queue/queue.ts'
import { setAsideStore, storeFile } from '../../../src/emit/queue/store.ts'
import { batch, booksByDestination, drain, lanesNamed, numberOf, openLanes, range, stateFolder, until } from '../support/queues.ts'

const all = { maxItems: 1e9, maxBytes: 1e9 }

/** Rows and values of a store, looked at from outside. */
const counts = (path: string) => {
  const db = new DatabaseSync(storeFile(path), { readOnly: true })
  const count = (table: string): number => Number(db.prepare(`SELECT count(*) AS rows FROM ${table}`).get()?.['rows'])
  const found = { batches: count('batches'), shared: count('shared'), dead: count('dead') }
  db.close()
  return found
}

/** What the store takes on disk, once its log is in the file. */
const fileBytes = (path: string): number => {
  const db = new DatabaseSync(storeFile(path))
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  return statSync(storeFile(path)).size
}

const takeAll = async (lane: Lane): Promise<readonly QueuedBatch[]> => lane.take(all)

describe('createDiskQueue with several destinations', () => {
  it('gives each its own place: one that stands still holds nobody back, and misses nothing', async () => {
    const { put, lane, metrics } = await openLanes(stateFolder(), ['live', 'dead'])
    for (const number of range(0, 20)) await put(number)
    expect(await drain(lane('live'))).toEqual(range(0, 20))
    for (const number of range(20, 30)) await put(number)
    expect(await drain(lane('live'))).toEqual(range(20, 30))
    expect(lane('dead').waiting().items).toBe(30)
    expect(await drain(lane('dead'))).toEqual(range(0, 30))
    // Delivered is counted by who delivers.
    expect(booksByDestination(metrics)).toEqual({ live: { received: 30, balance: 30 }, dead: { received: 30, balance: 30 } })
  })

  it('stores what several get once, and removes it with the last of them', async () => {
    const [one, two] = [stateFolder(), stateFolder()]
    const single = await openLanes(one, ['a'])
    const double = await openLanes(two, ['a', 'b'])
    for (const number of range(0, 200)) await Promise.all([single.put(number, 30_000), double.put(number, 30_000)])
    expect(counts(one)).toMatchObject({ batches: 200, shared: 0 })
    expect(counts(two)).toMatchObject({ batches: 400, shared: 200 })
    expect(fileBytes(two)).toBeLessThan(fileBytes(one) * 1.05)

    await drain(double.lane('a'))
    expect(counts(two)).toMatchObject({ batches: 200, shared: 200 })
    await drain(double.lane('b'))
    expect(counts(two)).toMatchObject({ batches: 0, shared: 0 })
  })

  it('stores what one gets in its row', async () => {
    const path = stateFolder()
    const { put, lane, metrics } = await openLanes(path, ['a', 'b'])
    await put(0, 1000, [0])
    await put(1, 1000, [1])
    expect(counts(path)).toMatchObject({ batches: 2, shared: 0 })
    expect([await drain(lane('a')), await drain(lane('b'))]).toEqual([[0], [1]])
    expect(booksByDestination(metrics)).toMatchObject({ a: { received: 2, elsewhere: 1 }, b: { received: 2, elsewhere: 1 } })
  })

  it('takes all parts of a put or none, and counts what nobody takes', async () => {
    const path = stateFolder()
    const { queue, lane, metrics } = await openLanes(path, ['a', 'b'], { maxSize: 2 ** 20 })
    const parts = [
      { batch: batch(0), lanes: [0] },
      { batch: batch(1), lanes: [0, 1] },
      { batch: batch(2), lanes: [] },
    ]
    await queue.put(parts)
    expect([await drain(lane('a')), await drain(lane('b'))]).toEqual([[0, 1], [1]])
    expect(metrics.books('zipkin-json', 'traces').dropped('no_route').value).toBe(1)

    await expect(queue.put([...parts, { batch: batch(3, 2_000_000), lanes: [1] }])).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(queue.stats()).toMatchObject({ batches: 0, bytes: 0 })
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
    expect(metrics.books('zipkin-json', 'traces').dropped('no_route').value).toBe(1)
    expect(metrics.sums()).toMatchObject([{ elsewhere: 0 }, { elsewhere: 1 }])
  })

  it('finds at the next start what each had not settled, and says which may have been sent', async () => {
    const path = stateFolder()
    const before = await openLanes(path, ['a', 'b'])
    for (const number of range(0, 6)) await before.put(number)
    await before.lane('a').settle(await before.lane('a').take({ maxItems: 4, maxBytes: 1e9 }))
    await before.lane('b').take({ maxItems: 1, maxBytes: 1e9 })
    await before.queue.close()

    const { lane, metrics } = await openLanes(path, ['a', 'b'])
    expect(booksByDestination(metrics)).toEqual({ a: { carried: 2, queued: 2 }, b: { carried: 6, queued: 6 } })
    const [a, b] = [await takeAll(lane('a')), await takeAll(lane('b'))]
    expect(a.map((one) => [numberOf(one), one.maybeSent])).toEqual([
      [4, false],
      [5, false],
    ])
    expect(b.map((one) => [numberOf(one), one.maybeSent])).toEqual(range(0, 6).map((number) => [number, number === 0]))
    await Promise.all([lane('a').settle(a), lane('b').settle(b)])
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
  })

  it('reads a backlog back from the disk once for each', async () => {
    const { put, lane } = await openLanes(stateFolder(), ['a', 'b'], { memoryTail: 5000 })
    for (const number of range(0, 60)) await put(number)
    expect(await drain(lane('a'))).toEqual(range(0, 60))
    expect(await drain(lane('b'))).toEqual(range(0, 60))
  })

  it('pages the window of one in while the other is up to date', async () => {
    const path = stateFolder()
    const { queue, put, lane } = await openLanes(path, ['live', 'dead'], { ack: 'memory', memoryTail: 2 ** 20 })
    for (let from = 0; from < 18_000; from += 1000) {
      await Promise.all(range(from, from + 1000).map((number) => put(number, 8)))
      await until(() => lane('live').waiting().items === 1000)
      expect(await drain(lane('live'))).toEqual(range(from, from + 1000))
    }
    expect(lane('dead').stats()).toMatchObject({ batches: 18_000 })
    await queue.close()
    const after = await openLanes(path, ['live', 'dead'], { memoryTail: 2 ** 20 })
    expect(after.lane('live').waiting().items).toBe(0)
    expect(await drain(after.lane('dead'))).toEqual(range(0, 18_000))
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
  })

  it('buries for one destination; the letter says whose it is and a retry goes there alone', async () => {
    const path = stateFolder()
    const { put, lane, metrics } = await openLanes(path, ['a', 'b'])
    await put(0)
    await lane('b').bury(await takeAll(lane('b')), 'http_400', 'bad')
    expect(counts(path)).toEqual({ batches: 1, shared: 1, dead: 1 })
    expect([lane('a').stats().deadItems, lane('b').stats().deadItems]).toEqual([0, 1])
    await drain(lane('a'))
    expect(counts(path)).toEqual({ batches: 0, shared: 0, dead: 1 })

    const store = openStoreForInspection(path)
    expect(store.list()).toMatchObject([{ destination: 'b', reason: 'http_400' }])
    expect(store.export(store.list()[0]?.id ?? 0)).toEqual(batch(0).data)
    store.retry('all')
    store.close()
    await until(() => lane('b').waiting().items === 1)
    expect([await drain(lane('a')), await drain(lane('b'))]).toEqual([[], [0]])
    expect(booksByDestination(metrics)).toMatchObject({ b: { carried: 1, dead: 1 } })
  })

  it('sets a damaged value aside for each that waits for it', async () => {
    const path = stateFolder()
    const before = await openLanes(path, ['a', 'b'])
    for (const number of range(0, 3)) await before.put(number, 40_000)
    await before.queue.close()
    fileBytes(path)
    const bytes = readFileSync(storeFile(path))
    // Also where it stood before a page was split.
    const marker = batch(1, 40_000).data.subarray(0, 1000)
    for (let at = bytes.indexOf(marker); at !== -1; at = bytes.indexOf(marker, at)) bytes[at + 20] = (bytes[at + 20] ?? 0) ^ 0xff
    writeFileSync(storeFile(path), bytes)
    const { lane, metrics } = await openLanes(path, ['a', 'b'])
    expect([await drain(lane('a')), await drain(lane('b'))]).toEqual([
      [0, 2],
      [0, 2],
    ])
    expect(booksByDestination(metrics)).toMatchObject({ a: { carried: 3, dropped: 1 }, b: { carried: 3, dropped: 1 } })
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
  })

  it('stores anew what is in memory when the file was set aside, for each', async () => {
    const path = stateFolder()
    const { put, lane, metrics } = await openLanes(path, ['a', 'b'])
    for (const number of range(0, 4)) await put(number)
    const taken = await lane('a').take({ maxItems: 2, maxBytes: 1e9 })
    setAsideStore(path, Date.now())
    await put(4)
    await until(() => counts(path).batches === 10)
    await lane('a').settle(taken)
    expect([await drain(lane('a')), await drain(lane('b'))]).toEqual([range(2, 5), range(0, 5)])
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
    for (const one of metrics.sums()) expect(one).toMatchObject({ queued: 0, dropped: 0 })
  })

  it('saves shared values out of a file with a destroyed page', async () => {
    const path = stateFolder()
    const before = await openLanes(path, ['a', 'b'])
    for (const number of range(0, 200)) await before.put(number, 3000)
    await before.queue.close()
    fileBytes(path)
    const bytes = readFileSync(storeFile(path))
    bytes.fill(0xee, 16384 * 20, 16384 * 21)
    writeFileSync(storeFile(path), bytes)
    const { lane, metrics, queue } = await openLanes(path, ['a', 'b'])
    const [a, b] = [await drain(lane('a')), await drain(lane('b'))]
    expect(a.length).toBeGreaterThan(150)
    expect(a.length).toBeLessThan(200)
    expect(b.length).toBeGreaterThan(150)
    expect(metrics.counter('otlp_bridge_queue_set_aside_files_total').value).toBe(1)
    expect(queue.stats().batches).toBe(0)
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
  })

  it('takes over, destination by destination, what another process leaves', async () => {
    const path = stateFolder()
    const a = await openLanes(path, ['x', 'y'])
    const b = await openLanes(path, ['y', 'z'])
    await a.put(1)
    await b.put(2)
    await b.queue.close()
    await until(() => a.lane('y').waiting().items === 2)
    expect([await drain(a.lane('x')), (await drain(a.lane('y'))).sort()]).toEqual([[1], [1, 2]])
    await until(() => a.queue.stats().stranded?.length === 1)
    expect(a.queue.stats().stranded).toEqual([{ destination: 'z', batches: 1, items: 1 }])
  })

  it.each(['a', 'b'])('takes a store of layout 1 over in place for %s, the first destination', async (first) => {
    const path = stateFolder()
    const made = await openLanes(path, [''])
    for (const number of range(0, 10)) await made.put(number)
    const [one, ...others] = await takeAll(made.lane(''))
    await made.lane('').bury([one as QueuedBatch], 'http_400', 'bad')
    made.lane('').release(others)
    await made.queue.close()
    const old = new DatabaseSync(storeFile(path))
    old.exec(`ALTER TABLE owners DROP COLUMN destination; DROP INDEX dead_items; ALTER TABLE dead DROP COLUMN destination;
      DROP INDEX shared_by; DROP TABLE shared; CREATE INDEX dead_items ON dead (items); PRAGMA user_version = 1`)
    old.close()

    const { lane, put, metrics } = await openLanes(path, [first, 'other'])
    expect(metrics.counter('otlp_bridge_queue_set_aside_files_total').value).toBe(0)
    expect(booksByDestination(metrics)).toMatchObject({ [first]: { carried: 9, queued: 9 } })
    await put(10)
    expect(await drain(lane(first))).toEqual(range(1, 11))
    expect(await drain(lane('other'))).toEqual([10])
    const store = openStoreForInspection(path)
    expect(store.list()).toMatchObject([{ destination: '', reason: 'http_400' }])
    store.retry('all')
    store.close()
    await until(() => lane(first).waiting().items === 1)
    expect(await drain(lane(first))).toEqual([0])
  })

  it('saves what can be read out of a damaged store of layout 1', async () => {
    const path = stateFolder()
    const made = await openLanes(path, ['a'])
    for (const number of range(0, 200)) await made.put(number, 3000)
    await made.queue.close()
    const old = new DatabaseSync(storeFile(path))
    old.exec(`ALTER TABLE owners DROP COLUMN destination; DROP INDEX dead_items; ALTER TABLE dead DROP COLUMN destination;
      DROP INDEX shared_by; DROP TABLE shared; CREATE INDEX dead_items ON dead (items); PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)`)
    old.close()
    const bytes = readFileSync(storeFile(path))
    bytes.fill(0xee, 16384 * 20, 16384 * 21)
    writeFileSync(storeFile(path), bytes)
    const { lane, metrics } = await openLanes(path, ['a', 'b'])
    expect((await drain(lane('a'))).length).toBeGreaterThan(150)
    expect(metrics.counter('otlp_bridge_queue_set_aside_files_total').value).toBe(1)
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
  })
})

describe('a lane that is full', () => {
  it('refuses the sender for all destinations with whenFull refuse, and takes again once there is room', async () => {
    const { put, lane, queue } = await openLanes(stateFolder(), ['live', 'dead'], { maxSize: 2 ** 20 })
    for (const number of range(0, 20)) await put(number, 50_000)
    await drain(lane('live'))
    await expect(put(20, 50_000)).rejects.toMatchObject({ code: 'OB_QUEUE_FULL', message: expect.stringContaining('destination dead') })
    await put(21, 50_000, [0])
    expect(queue.refusal()).toBeUndefined()
    await put(22, 48_000)
    await put(23, 500)
    expect(queue.lanes.map((one) => one.stats().batches)).toEqual([3, 22])
    await drain(lane('dead'))
    await put(24, 50_000)
    expect((await drain(lane('live'))).at(-1)).toBe(24)
  })

  it('drops for itself alone with whenFull drop, and counts it', async () => {
    const { put, lane, queue, metrics } = await openLanes(stateFolder(), ['live', 'dead?'], { maxSize: 2 ** 20 })
    const seen: number[] = []
    for (const number of range(0, 40)) {
      await put(number, 50_000)
      seen.push(...(await drain(lane('live'))))
    }
    expect(seen).toEqual(range(0, 40))
    expect(queue.refusal()).toBeUndefined()
    expect(await drain(lane('dead'))).toEqual(range(0, 20))
    expect(metrics.books('zipkin-json', 'traces').at('dead').dropped('destination_full').value).toBe(20)
    expect(metrics.sums()).toMatchObject([
      { destination: 'live', dropped: 0 },
      { destination: 'dead', dropped: 20 },
    ])
    await put(40)
    expect(await drain(lane('dead'))).toEqual([40])
  })

  it('asks at the door only for those that get everything', async () => {
    const { put, queue } = await openLanes(stateFolder(), ['a', 'b'], { maxSize: 2 ** 20 })
    await put(0, 2 ** 20, [1])
    expect(queue.refusal()).toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(queue.refusal([0])).toBeUndefined()
    expect(queue.refusal([1])).toMatchObject({ code: 'OB_QUEUE_FULL' })
  })
})

describe('ack forwarded with several destinations', () => {
  it('answers when all have it', async () => {
    const { put, lane, metrics } = await openLanes(stateFolder(), ['a', 'b'], { ack: 'forwarded' })
    let answered = false
    const done = put(1).then(() => void (answered = true))
    await lane('a').settle(await takeAll(lane('a')))
    await new Promise((resolve) => setImmediate(resolve))
    expect(answered).toBe(false)
    await lane('b').settle(await takeAll(lane('b')))
    await done
    expect(metrics.sums()).toMatchObject([{ queued: 0 }, { queued: 0 }])
  })

  it('says no when one refuses for good; what the other gets of it does not open its books', async () => {
    const { put, lane, metrics } = await openLanes(stateFolder(), ['a', 'b', 'c'], { ack: 'forwarded' })
    const delivered = async (name: string): Promise<void> => {
      await lane(name).settle(await takeAll(lane(name)))
      metrics.books('zipkin-json', 'traces').at(name).delivered.value++
    }
    const outcome = expect(put(1, 1000, [0, 1])).rejects.toMatchObject({ code: 'OB_SEND_PERMANENT' })
    await delivered('a')
    await lane('b').bury(await takeAll(lane('b')), 'http_400', 'bad')
    await outcome
    expect(booksByDestination(metrics)).toEqual({
      a: { received: 1, carried: 1, delivered: 1, refused: 1 },
      b: { received: 1, refused: 1 },
      c: { received: 1, refused: 1 },
    })
    const second = expect(put(2)).rejects.toMatchObject({ code: 'OB_SEND_PERMANENT' })
    await lane('b').bury(await takeAll(lane('b')), 'http_400', 'bad')
    await second
    await lane('c').bury(await takeAll(lane('c')), 'http_400', 'bad')
    await delivered('a')
    expect(metrics.sums().map((one) => one.balance)).toEqual([0, 0, 0])
  })

  it('rejects once when the bridge stops', async () => {
    const { put, queue, lane, metrics } = await openLanes(stateFolder(), ['a', 'b'], { ack: 'forwarded' })
    const outcome = expect(put(1)).rejects.toMatchObject({ code: 'OB_STOPPING' })
    await lane('a').take(all)
    await queue.close()
    await outcome
    expect(metrics.sums().map((one) => one.balance)).toEqual([0, 0])
  })
})

describe('setLanes', () => {
  it('keeps the place of those that stay, begins new ones, and leaves the rows of those that go', async () => {
    const path = stateFolder()
    const { queue, put, lane, metrics, lines } = await openLanes(path, ['a', 'b'])
    for (const number of range(0, 5)) await put(number)
    const [first] = await lane('a').take({ maxItems: 1, maxBytes: 1e9 })
    await lane('a').settle([first as QueuedBatch])
    metrics.books('zipkin-json', 'traces').at('a').delivered.value++
    const kept = lane('a')

    await queue.setLanes(lanesNamed('c', 'a'))
    expect(lane('a')).toBe(kept)
    await put(5)
    expect(await drain(lane('c'))).toEqual([5])
    expect(lines.some((line) => /was removed.*"b"/.test(line))).toBe(true)
    expect(queue.stats().stranded).toEqual([{ destination: 'b', batches: 5, items: 5 }])
    expect(booksByDestination(metrics)).toEqual({
      c: { received: 6, elsewhere: 5, balance: 1 },
      a: { received: 6, delivered: 1, queued: 5 },
    })

    await queue.setLanes(lanesNamed('b'))
    expect(await drain(lane('b'))).toEqual(range(0, 5))
    expect(queue.stats().stranded).toEqual([{ destination: 'a', batches: 5, items: 5 }])
    await queue.setLanes(lanesNamed('a', 'b'))
    expect(await drain(lane('a'))).toEqual(range(1, 6))
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
  })

  it('over a restart: rows of a destination that is gone stay, are said, and come back with it', async () => {
    const path = stateFolder()
    const before = await openLanes(path, ['a', 'b'])
    for (const number of range(0, 3)) await before.put(number)
    await before.queue.close()
    const without = await openLanes(path, ['a'])
    expect(without.queue.stats().stranded).toEqual([{ destination: 'b', batches: 3, items: 3 }])
    expect(without.lines.some((line) => /not configured/.test(line))).toBe(true)
    expect(await drain(without.lane('a'))).toEqual(range(0, 3))
    await without.queue.close()
    const after = await openLanes(path, ['a', 'b'])
    expect([await drain(after.lane('a')), await drain(after.lane('b'))]).toEqual([[], range(0, 3)])
  })

  it('loses nothing that is put while it changes', async () => {
    const path = stateFolder()
    const { queue, put, lane } = await openLanes(path, ['a', 'b'])
    const puts: Promise<void>[] = []
    let number = 0
    for (const names of [['a', 'c'], ['c', 'a'], ['a'], ['b', 'a']]) {
      for (let n = 0; n < 20; n++) puts.push(put(number++))
      const changing = queue.setLanes(lanesNamed(...names))
      for (let n = 0; n < 20; n++) puts.push(put(number++))
      await changing
    }
    await Promise.all(puts)
    await queue.setLanes(lanesNamed('a', 'b', 'c'))
    expect(await drain(lane('a'))).toEqual(range(0, number))
    // b was there for the first and the last, c from the first change on until the third.
    expect((await drain(lane('b'))).sort((one, other) => one - other)).toEqual([...range(0, 20), ...range(140, 160)])
    expect((await drain(lane('c'))).sort((one, other) => one - other)).toEqual(range(20, 100))
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
  })
})

describe('openStoreForInspection', () => {
  it('moves what waits for a destination to another, and drops it', async () => {
    const path = stateFolder()
    const before = await openLanes(path, ['a', 'old', 'older'])
    for (const number of range(0, 4)) await before.put(number)
    await before.queue.close()
    const { lane, queue } = await openLanes(path, ['a', 'new'])
    const store = openStoreForInspection(path)
    expect(store.waiting().map((row) => [row.destination, row.batches])).toEqual([
      ['a', 4],
      ['old', 4],
      ['older', 4],
    ])
    expect(store.move('old', 'new')).toBe(4)
    // A running bridge holds them.
    expect(store.move('a', 'new')).toBe(0)
    expect(store.dropWaiting('older')).toEqual({ batches: 4, items: 4 })
    await until(() => lane('new').waiting().items === 4)
    expect([await drain(lane('a')), await drain(lane('new'))]).toEqual([range(0, 4), range(0, 4)])
    expect(counts(path)).toMatchObject({ batches: 0, shared: 0 })
    await until(() => queue.stats().stranded?.length === 0)
    store.close()
  })
})
