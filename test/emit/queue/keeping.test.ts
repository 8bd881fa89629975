import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openStoreForInspection } from '../../../src/emit/queue/dead-letters.ts'
import type { DiskQueueOptions } from '../../../src/emit/queue/disk.ts'
import { lockOwner } from '../../../src/emit/queue/owners.ts'
import type { QueueHolding } from '../../../src/emit/queue/queue.ts'
import { setAsideStore, storeFile } from '../../../src/emit/queue/store.ts'
import type { Kept } from '../../../src/otlp/intake.ts'
import { batch, drain, type OpenLanes, openLanes, range, stateFolder, until } from '../support/queues.ts'

/** What is kept, with a number that can be told. */
const value = (number: number, bytes = 100): Uint8Array => batch(number, bytes).data

const numberIn = ({ data }: Kept): number => new DataView(data.buffer, data.byteOffset).getUint32(0)

/** All that is recovered, page by page. */
const recoverAll = async (holding: QueueHolding): Promise<number[]> => {
  const numbers: number[] = []
  for (;;) {
    const page = await holding.recover()
    if (page.length === 0) return numbers
    numbers.push(...page.map(numberIn))
  }
}

interface Opened extends OpenLanes {
  readonly holding: QueueHolding
  /** A batch and what is kept have the same number. */
  pair(number: number, bytes?: number): Promise<number>
}

const open = async (path: string, options: Partial<DiskQueueOptions> = {}, name = 'assembler'): Promise<Opened> => {
  const opened = await openLanes(path, ['default'], options)
  const holding = opened.queue.holding?.(name)
  if (holding === undefined) throw new Error('this queue does not keep')
  return {
    ...opened,
    holding,
    pair: (number, bytes = 100) => holding.put([{ batch: batch(number), lanes: [0] }], value(number, bytes)),
  }
}

const summaryOf = (path: string) => {
  const store = openStoreForInspection(path)
  try {
    return store.kept().map(({ oldestQueuedAtMs: _, ...rest }) => rest)
  } finally {
    store.close()
  }
}

/** So many values are kept in the store, of whomever. */
const keptRows = (path: string): number => summaryOf(path).reduce((sum, one) => sum + one.values, 0)

const tablesIn = (path: string): string[] => {
  const db = new DatabaseSync(storeFile(path))
  const rows = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
  db.close()
  return rows.map((row) => String(row['name']))
}

describe('holding', () => {
  it('leaves a store alone in which nothing is kept', async () => {
    const path = stateFolder()
    const { holding, put, metrics } = await open(path)
    await put(1)
    expect(await holding.recover()).toEqual([])
    expect(tablesIn(path)).not.toContain('kept')
    expect(metrics.collect().has('otlp_bridge_queue_kept_bytes')).toBe(true)
  })

  it('stores a batch and what is kept with it, with ids that grow in the order of the calls', async () => {
    const path = stateFolder()
    const { holding, pair, lane, metrics } = await open(path)
    const ids = await Promise.all([pair(1), holding.put([], value(2)), pair(3), holding.put([], value(4))])
    expect(ids.toSorted((a, b) => a - b)).toEqual(ids)
    expect(new Set(ids).size).toBe(4)
    expect(await drain(lane('default'))).toEqual([1, 3])
    expect(summaryOf(path)).toEqual([{ name: 'assembler', running: true, values: 4, bytes: 400 }])
    metrics.collect()
    expect(metrics.gauge('otlp_bridge_queue_kept_bytes').value).toBe(400)
  })

  it.each(['durable', 'written', 'memory'] as const)('with ack %s gives the next run what was not let go of, oldest first', async (ack) => {
    const path = stateFolder()
    const before = await open(path, { ack })
    const ids: number[] = []
    for (const number of range(0, 20)) ids.push(await before.pair(number))
    before.holding.release(ids[4] as number)
    await before.queue.close()
    expect(summaryOf(path)).toEqual([{ name: 'assembler', running: false, values: 15, bytes: 1500 }])

    const after = await open(path, { ack })
    expect(await recoverAll(after.holding)).toEqual(range(5, 20))
    expect((await drain(after.lane('default'))).toSorted((a, b) => a - b)).toEqual(range(0, 20))
    const next = await after.pair(100)
    after.holding.release(next)
    await until(() => keptRows(path) === 0)
  })

  it('lets go of a part of what was recovered', async () => {
    const path = stateFolder()
    const before = await open(path)
    for (const number of range(0, 6)) await before.pair(number)
    await before.queue.close()
    const { holding, queue, pair } = await open(path)
    const page = await holding.recover()
    await pair(6)
    holding.release((page[2] as Kept).id)
    await until(() => keptRows(path) === 4)
    await queue.close()
    expect(await recoverAll((await open(path)).holding)).toEqual([3, 4, 5, 6])
  })

  it('gives what is large in pages', async () => {
    const path = stateFolder()
    const before = await open(path)
    for (const number of range(0, 9)) await before.holding.put([], value(number, 5_000_000))
    await before.queue.close()
    const { holding, metrics } = await open(path)
    const sizes: number[] = []
    const numbers: number[] = []
    for (;;) {
      const page = await holding.recover()
      if (page.length === 0) break
      sizes.push(page.length)
      numbers.push(...page.map(numberIn))
    }
    expect([sizes, numbers]).toEqual([[3, 3, 3], range(0, 9)])
    metrics.collect()
    expect(metrics.gauge('otlp_bridge_queue_kept_bytes').value).toBe(45_000_000)
  })

  it('keeps names apart', async () => {
    const path = stateFolder()
    const before = await open(path, {}, 'one')
    const other = before.queue.holding?.('other') as QueueHolding
    await before.pair(1)
    const id = await other.put([], value(2))
    await before.pair(3)
    other.release(id)
    await other.put([], value(4))
    await before.queue.close()
    const after = await open(path, {}, 'one')
    expect(await recoverAll(after.holding)).toEqual([1, 3])
    expect(await recoverAll(after.queue.holding?.('other') as QueueHolding)).toEqual([4])
  })

  it('gives whoever begins anew in the same process everything that is kept, but what was let go of', async () => {
    const path = stateFolder()
    const before = await open(path)
    for (const number of range(0, 4)) await before.pair(number)
    await before.queue.close()
    const { holding, pair, metrics, queue } = await open(path)
    const first = await holding.recover()
    holding.release((first[1] as Kept).id)
    for (const number of range(4, 7)) await pair(number)
    const again = queue.holding?.('assembler') as QueueHolding
    expect(await recoverAll(again)).toEqual([2, 3, 4, 5, 6])
    metrics.collect()
    expect(metrics.gauge('otlp_bridge_queue_kept_bytes').value).toBe(500)
    again.release(await pair(7))
    expect(await recoverAll(queue.holding?.('assembler') as QueueHolding)).toEqual([])
    metrics.collect()
    expect([keptRows(path), metrics.gauge('otlp_bridge_queue_kept_bytes').value]).toEqual([0, 0])
  })

  it('is one place for one name, and not there without a store', async () => {
    const path = stateFolder()
    const { queue, holding, pair } = await open(path)
    const id = await pair(1)
    queue.holding?.('assembler').release(id)
    await until(() => keptRows(path) === 0)
    expect(await recoverAll(holding)).toEqual([])
    expect((await openLanes(stateFolder(), ['default'], { ack: 'forwarded' })).queue.holding).toBeUndefined()
  })

  it('never gives what a living process keeps, and gives it when that process has ended', async () => {
    const path = stateFolder()
    const [a, b] = [await open(path), await open(path)]
    await a.pair(1)
    expect(await recoverAll(b.holding)).toEqual([])
    const id = await b.pair(2)
    await a.pair(3)
    b.holding.release(id)
    await until(() => keptRows(path) === 2)
    await a.queue.close()
    const c = await open(path)
    expect(await recoverAll(c.holding)).toEqual([1, 3])
    // Not twice.
    expect(await recoverAll((await open(path)).holding)).toEqual([])
    expect(await recoverAll(b.holding)).toEqual([])
  })

  it('waits for one who only looks whether a run has ended', async () => {
    const path = stateFolder()
    const before = await open(path)
    await before.pair(1)
    await before.queue.close()
    // As after a kill: the run did not say that it ends.
    const run = 'aaaaaaaa-0000-4000-8000-000000000000'
    const db = new DatabaseSync(storeFile(path))
    db.prepare('UPDATE keepers SET run = ?').run(run)
    db.close()
    const lock = lockOwner(path, run)
    const { holding } = await open(path)
    const recovered = recoverAll(holding)
    setTimeout(() => lock?.release(), 100)
    expect(await recovered).toEqual([1])
  })

  it('keeps the mark of a killed run for whoever takes its batches over', async () => {
    const path = stateFolder()
    const [a, b] = [await open(path, { adoptEveryMs: 60_000 }), await open(path, { adoptEveryMs: 60_000 })]
    await a.pair(1)
    const run = 'bbbbbbbb-0000-4000-8000-000000000000'
    const db = new DatabaseSync(storeFile(path))
    db.exec(
      `UPDATE keepers SET run = '${run}'; INSERT INTO owners (born, run, mark, destination) VALUES ('${run}', '${run}', 0, 'elsewhere')`,
    )
    db.close()
    writeFileSync(join(path, 'owners', `${run}.mark`), Buffer.alloc(16))
    expect(await recoverAll(b.holding)).toEqual([1])
    expect(existsSync(join(path, 'owners', `${run}.mark`))).toBe(true)
  })

  it('refuses with OB_QUEUE_FULL above a quarter of maxSize, leaving nothing behind, and takes again once let go', async () => {
    const path = stateFolder()
    const { holding, pair, queue, metrics, lane } = await open(path, { maxSize: 2 ** 20 })
    const ids = [await pair(1, 100_000), await pair(2, 100_000)]
    await expect(pair(3, 100_000)).rejects.toMatchObject({ code: 'OB_QUEUE_FULL', retryAfterSeconds: 5 })
    expect([queue.stats().batches, keptRows(path)]).toEqual([2, 2])
    expect(queue.refusal()).toBeUndefined()
    holding.release(ids[0] as number)
    await pair(4, 100_000)
    expect(await drain(lane('default'))).toEqual([1, 2, 4])
    await until(() => keptRows(path) === 2)
    expect(metrics.sums()).toMatchObject([{ queued: 0, dropped: 0 }])
  })

  it('keeps nothing of what a full lane refuses', async () => {
    const path = stateFolder()
    const { holding, put } = await open(path, { maxSize: 2 ** 22 })
    for (const number of range(0, 4)) await put(number, 900_000)
    const parts = [{ batch: batch(99, 900_000), lanes: [0] }]
    await expect(holding.put(parts, value(99))).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(tablesIn(path)).not.toContain('kept')
    await holding.put([], value(100))
    expect(keptRows(path)).toBe(1)
  })

  it('rejects with OB_STOPPING once the queue closes, and leaves to the next run what is kept', async () => {
    const path = stateFolder()
    const { queue, pair, holding } = await open(path)
    await pair(1)
    await queue.close()
    await expect(pair(2)).rejects.toMatchObject({ code: 'OB_STOPPING' })
    await expect(holding.recover()).rejects.toMatchObject({ code: 'OB_STOPPING' })
    expect(await recoverAll((await open(path)).holding)).toEqual([1])
  })

  it('sets a value aside whose checksum does not hold, counts it, and gives its neighbours', async () => {
    const path = stateFolder()
    const before = await open(path)
    for (const number of range(0, 5)) await before.holding.put([], value(number, 40_000))
    await before.queue.close()
    const bytes = readFileSync(storeFile(path))
    const at = bytes.indexOf(value(2, 40_000).subarray(0, 1000))
    expect(at).toBeGreaterThan(0)
    bytes[at + 20] = (bytes[at + 20] ?? 0) ^ 0xff
    writeFileSync(storeFile(path), bytes)

    const { holding, metrics, lines } = await open(path)
    expect(await recoverAll(holding)).toEqual([0, 1, 3, 4])
    expect(metrics.counter('otlp_bridge_queue_damaged_batches_total').value).toBe(1)
    expect(lines.some((line) => line.includes('damaged'))).toBe(true)
    const store = openStoreForInspection(path)
    expect(store.damaged()).toEqual({ batches: 1, items: 0 })
    store.close()
  })

  it('saves what is kept out of a file with a destroyed page', async () => {
    const path = stateFolder()
    const before = await open(path)
    for (const number of range(0, 200)) await before.pair(number, 3000)
    await before.queue.close()
    const bytes = readFileSync(storeFile(path))
    // The pages of batches and of what is kept take turns: one of each kind goes, and neither root.
    bytes.fill(0xee, 16384 * 20, 16384 * 22)
    writeFileSync(storeFile(path), bytes)
    const { holding, metrics, lane, pair } = await open(path)
    const [batches, kept] = [await drain(lane('default')), await recoverAll(holding)]
    expect(metrics.counter('otlp_bridge_queue_set_aside_files_total').value).toBe(1)
    expect(readdirSync(path).some((name) => name.startsWith('damaged-'))).toBe(true)
    expect(batches.length + kept.length).toBeLessThan(400)
    expect(Math.min(batches.length, kept.length)).toBeGreaterThan(150)
    await pair(500)
    expect(await drain(lane('default'))).toEqual([500])
  })

  it('goes on when another process has set the file aside: what comes then is kept in the new one', async () => {
    const path = stateFolder()
    const [a, b] = [await open(path), await open(path)]
    await Promise.all([a.pair(1), b.pair(2)])
    setAsideStore(path, Date.now())
    const ids = await Promise.all([a.pair(3), b.pair(4)])
    // What was kept only in the old file is not in the new one; who kept it still has it in memory.
    expect(keptRows(path)).toBe(2)
    a.holding.release(ids[0] as number)
    await until(() => keptRows(path) === 1)
    expect((await drain(a.lane('default'))).toSorted()).toEqual([1, 3])
  })

  it('hands a store to a version that knows nothing of it, and back', async () => {
    const path = stateFolder()
    const before = await open(path)
    await before.pair(1)
    await before.queue.close()
    const db = new DatabaseSync(storeFile(path))
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 })
    db.close()
    // One that puts and takes batches only.
    const other = await openLanes(path, ['default'])
    expect(await drain(other.lane('default'))).toEqual([1])
    await other.queue.close()
    expect(await recoverAll((await open(path)).holding)).toEqual([1])
  })

  it('holds its promises in whatever order things are put, let go of and left to the next run', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), withBatch: fc.boolean(), bytes: fc.integer({ min: 4, max: 30_000 }) }),
      fc.record({ kind: fc.constant('release' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant('restart' as const) }),
    )
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 15 }),
      fc.constantFrom('written' as const, 'memory' as const),
      async (steps, ack) => {
        const path = stateFolder()
        let now = await open(path, { ack })
        let number = 0
        let held: { number: number; id: number }[] = []
        const batches: number[] = []
        for (const one of steps) {
          if (one.kind === 'put') {
            const parts = one.withBatch ? [{ batch: batch(number), lanes: [0] }] : []
            held.push({ number, id: await now.holding.put(parts, value(number, one.bytes)) })
            if (one.withBatch) batches.push(number)
            number++
          } else if (one.kind === 'release') {
            const gone = held.splice(0, Math.floor(one.share * held.length))
            const last = gone[gone.length - 1]
            if (last !== undefined) now.holding.release(last.id)
          } else {
            await now.queue.close()
            now = await open(path, { ack })
            const found: { number: number; id: number }[] = []
            for (;;) {
              const page = await now.holding.recover()
              if (page.length === 0) break
              found.push(...page.map((kept) => ({ id: kept.id, number: numberIn(kept) })))
            }
            expect(found.map((kept) => kept.number)).toEqual(held.map((kept) => kept.number))
            held = found
          }
        }
        await now.queue.close()
        now = await open(path)
        expect((await drain(now.lane('default'))).toSorted((a, b) => a - b)).toEqual(batches)
        await now.queue.close()
        expect(keptRows(path)).toBe(held.length)
      },
    )
    await fc.assert(property, { numRuns: 8 })
  }, 30_000)
})
