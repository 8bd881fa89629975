import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openStoreForInspection } from '../../../src/emit/queue/dead-letters.ts'
import { createDiskQueue, type DiskQueueOptions } from '../../../src/emit/queue/disk.ts'
import type { Parcel, Queue, QueuedBatch } from '../../../src/emit/queue/queue.ts'
import { salvageStore, storeFile } from '../../../src/emit/queue/store.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { recordOutcomes } from '../support/mirrored.ts'
import { batch, drain, laneOf, lanesNamed, range, stateFolder, until } from '../support/queues.ts'
import { query } from '../support/staging.ts'

const text = new TextEncoder()

const limits = { maxItems: 1000, maxBytes: 1e7 }

const mirrorLane = { destination: 'mirror.zipkin', whenFull: 'refuse', mirror: true } as const

interface Lab {
  readonly queue: Queue
  readonly lines: string[]
}

const open = async (path: string, options: Partial<DiskQueueOptions> = {}): Promise<Lab> => {
  const { lines, outcomes } = recordOutcomes()
  const queue = await createDiskQueue(
    {
      path,
      lanes: [...lanesNamed('default'), mirrorLane],
      maxSize: 2 ** 30,
      ack: 'durable',
      memoryTail: 2 ** 20,
      ballast: 0,
      adoptEveryMs: 100,
      ...options,
    },
    { metrics: createMetrics(), log: silentLog, nowMs: Date.now, outcomes },
  )
  onTestFinished(() => queue.close())
  return { queue, lines }
}

const accounted = (number: number, bytes = 200): Parcel => ({ ...batch(number, bytes), account: text.encode(`a${number}`) })

const put = (queue: Queue, number: number, lanes: readonly number[] = [0], bytes = 200): Promise<void> => {
  const isMirror = lanes.some((at) => queue.lanes[at]?.destination === mirrorLane.destination)
  return queue.put([{ batch: { ...accounted(number, bytes), signal: isMirror ? 'legacy' : 'traces' }, lanes }])
}

const accountsIn = (path: string): unknown => query(path, 'SELECT count(*) FROM accounts')

describe('accounts in a disk queue', () => {
  it('make no table for batches that have none', async () => {
    const path = stateFolder()
    const { queue } = await open(path)
    await queue.put([{ batch: batch(1), lanes: [0] }])
    expect(query(path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'accounts%'")).toBe(0)
  })

  it.each(['durable', 'memory'] as const)('come back after a restart, and go with their rows (ack %s)', async (ack) => {
    const path = stateFolder()
    const before = await open(path, { ack })
    await Promise.all(range(0, 6).map((number) => put(before.queue, number)))
    await put(before.queue, 10, [1])
    await before.queue.put([{ batch: batch(20), lanes: [0] }])
    await before.queue.close()
    expect([before.lines, accountsIn(path)]).toEqual([[], 7])
    const { queue, lines } = await open(path, { ack })
    expect(await drain(laneOf(queue, 'default'))).toEqual([...range(0, 6), 20])
    expect(lines).toEqual([...range(0, 6).map((number) => `default traces delivered 1 a${number}`), 'default traces delivered 1'])
    await drain(laneOf(queue, 'mirror.zipkin'))
    expect(lines.at(-1)).toBe('mirror.zipkin legacy delivered 1 a10')
    expect(accountsIn(path)).toBe(0)
  })

  it('belong to each of several rows of one value', async () => {
    const path = stateFolder()
    const lanes = lanesNamed('a', 'b')
    const before = await open(path, { lanes })
    await put(before.queue, 1, [0, 1])
    await put(before.queue, 2, [1])
    await drain(laneOf(before.queue, 'a'))
    await before.queue.close()
    const { queue, lines } = await open(path, { lanes })
    await drain(laneOf(queue, 'b'))
    expect(lines).toEqual(['b traces delivered 1 a1', 'b traces delivered 1 a2'])
    expect(accountsIn(path)).toBe(0)
  })

  it('are paged in with rows that memory has no place for', async () => {
    const path = stateFolder()
    const { queue, lines } = await open(path, { memoryTail: 0, ack: 'written' })
    await Promise.all(range(0, 17_000).map((number) => put(queue, number, [0], 5)))
    const lane = laneOf(queue, 'default')
    while ((await drain(lane)).length > 0) await lane.ready({ items: 0, bytes: 0 })
    expect(lines.length).toBe(17_000)
    expect(new Set(lines).size).toBe(17_000)
    expect(lines.at(-1)).toBe('default traces delivered 1 a16999')
  })

  it('come with the parts of a staged request', async () => {
    const path = stateFolder()
    const before = await open(path, { heldPerRequest: 2000 })
    const staging = before.queue.stage()
    for (const number of range(0, 8)) await staging.add([{ batch: accounted(number, number < 6 ? 3000 : 100), lanes: [0] }])
    await staging.commit()
    await before.queue.close()
    const { queue, lines } = await open(path)
    await drain(laneOf(queue, 'default'))
    expect(lines).toEqual(range(0, 8).map((number) => `default traces delivered 1 a${number}`))
    expect(accountsIn(path)).toBe(0)
  })

  it('stay with dead letters, and come back with them', async () => {
    const path = stateFolder()
    const { queue, lines } = await open(path)
    for (const number of [1, 2, 3]) await put(queue, number, [1])
    const lane = laneOf(queue, 'mirror.zipkin')
    await lane.bury(await lane.take(limits), 'old_400', 'no')
    expect(lines).toEqual([1, 2, 3].map((number) => `mirror.zipkin legacy dead 1 old_400 a${number}`))
    const store = openStoreForInspection(path)
    const [first, second] = store.list().map(({ id }) => id)
    store.retry([first ?? 0])
    store.drop([second ?? 0])
    expect(accountsIn(path)).toBe(2)
    store.close()
    await until(() => lane.waiting().items > 0)
    await drain(lane)
    expect(lines.at(-1)).toBe('mirror.zipkin legacy delivered 1 a1')
    expect(accountsIn(path)).toBe(1)
  })

  it('stay with what was refused of a batch: it is dead, the rest delivered, each once', async () => {
    const path = stateFolder()
    const { queue, lines } = await open(path)
    for (const number of [1, 2])
      await queue.put([{ batch: { ...accounted(number, 100), items: 5, signal: 'legacy' as const }, lanes: [1] }])
    const lane = laneOf(queue, 'mirror.zipkin')
    const dead = (items: number, reason: string, text: string) => ({ items, reason, message: `no: ${text}`, data: Buffer.from(text) })
    await lane.settleBut(await lane.take(limits), [dead(2, 'old_400', 'two'), dead(4, 'old_404', 'four')])
    expect(lines).toEqual([
      'mirror.zipkin legacy dead 2 old_400 a1',
      'mirror.zipkin legacy dead 3 old_404 a1',
      'mirror.zipkin legacy delivered 0 a1',
      'mirror.zipkin legacy dead 1 old_404 a2',
      'mirror.zipkin legacy delivered 4 a2',
    ])
    expect(lane.stats()).toMatchObject({ batches: 0, items: 0, bytes: 0, deadItems: 6 })
    const store = openStoreForInspection(path)
    const letters = store.list()
    expect(letters).toMatchObject([
      { destination: 'mirror.zipkin', signal: 'legacy', items: 2, bytes: 3, reason: 'old_400', message: 'no: two' },
      { destination: 'mirror.zipkin', signal: 'legacy', items: 4, bytes: 4, reason: 'old_404', message: 'no: four' },
    ])
    expect(store.show(letters[0]?.id ?? 0)).toMatchObject({ intact: true })
    expect(store.waiting()).toEqual([])
    store.retry([letters[0]?.id ?? 0])
    store.close()
    await until(() => lane.waiting().items > 0)
    const [again] = await lane.take(limits)
    expect(Buffer.from(again?.data ?? []).toString()).toBe('two')
    await lane.settle([again as QueuedBatch])
    expect(lines.at(-1)).toBe('mirror.zipkin legacy delivered 2 a1')
  })

  it('are copied out of a file that is set aside', async () => {
    const [path, other] = [stateFolder(), stateFolder()]
    const { queue } = await open(path)
    for (const number of [1, 2]) await put(queue, number)
    const lane = laneOf(queue, 'default')
    await lane.bury(await lane.take({ ...limits, maxItems: 1 }), 'http_400', 'no')
    await queue.close()
    const fresh = await open(other)
    await fresh.queue.close()
    const to = new DatabaseSync(storeFile(other))
    salvageStore(storeFile(path), to)
    to.close()
    expect(accountsIn(other)).toBe(2)
    const { queue: again, lines } = await open(other)
    await drain(laneOf(again, 'default'))
    expect(lines).toEqual(['default traces delivered 1 a2'])
  })

  it('of a killed run are taken over with its rows, those of a mirror too', async () => {
    const path = stateFolder()
    const theirs = await open(path)
    for (const number of range(0, 3)) await put(theirs.queue, number, [1])
    await put(theirs.queue, 5)
    await theirs.queue.close()
    // As if it had been killed: its owners are held by a run whose lock nobody has.
    const db = new DatabaseSync(storeFile(path))
    db.exec("UPDATE owners SET run = '00000000-0000-4000-8000-000000000000'")
    db.close()
    const { queue, lines } = await open(path)
    expect(await drain(laneOf(queue, 'mirror.zipkin'))).toEqual(range(0, 3))
    expect(await drain(laneOf(queue, 'default'))).toEqual([5])
    expect(lines).toEqual([...range(0, 3).map((number) => `mirror.zipkin legacy delivered 1 a${number}`), 'default traces delivered 1 a5'])
  })
})

describe('what left the queue', () => {
  it('is told once for damaged batches, and for those of a lane that goes or a queue that closes', async () => {
    const path = stateFolder()
    const before = await open(path, { memoryTail: 0 })
    for (const number of [1, 2]) await put(before.queue, number)
    const db = new DatabaseSync(storeFile(path))
    db.exec("UPDATE batches SET data = x'00ff' WHERE id = (SELECT min(id) FROM batches)")
    db.close()
    expect(await drain(laneOf(before.queue, 'default'))).toEqual([2])
    expect(before.lines).toEqual(['default traces dropped 1 damaged a1', 'default traces delivered 1 a2'])
    expect(accountsIn(path)).toBe(0)
  })

  it('is nothing that was not taken', async () => {
    const { queue, lines } = await open(stateFolder(), { maxSize: 2 ** 20, lanes: lanesNamed('a', 'b?') })
    await put(queue, 1, [0, 1], 900_000)
    lines.length = 0
    // The one that drops is full, too, but the whole is refused.
    await expect(put(queue, 2, [0, 1], 900_000)).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(lines).toEqual([])
    await put(queue, 3, [1], 900_000)
    expect(lines).toEqual(['b traces dropped 1 destination_full a3'])
  })
})
