import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { backfillList } from '../../src/admin/api-backfill.ts'
import { createBackfillSource } from '../../src/admin/backfill.ts'
import { noCounts } from '../../src/backfill/counts.ts'
import type { Ledger, Taken } from '../../src/backfill/ledger.ts'
import { metaOf, openLedger, runName } from '../backfill/support/runs.ts'
import { stateFolder } from '../emit/support/queues.ts'

const counts = { ...noCounts, read: 10, translated: 10, produced: 10, acked: 10, srcSum: 5n, ackSum: 5n, minMs: 1000, maxMs: 9000 }

const taken = async (ledger: Ledger): Promise<Taken> => {
  const found = await ledger.take('me')
  if (found === undefined) throw new Error('nothing to take')
  return found
}

async function running() {
  const folder = stateFolder()
  const ledger = await openLedger(folder)
  onTestFinished(() => ledger.close())
  const slices = [0, 1, 2, 3].map((at) => ({
    id: `s${at}`,
    spec: { key: { at }, group: `index-${at}`, fromMs: at * 1000, toMs: at * 1000 + 1000, items: 10, bytes: 100 },
  }))
  await ledger.add(slices)
  return { folder, ledger }
}

describe('createBackfillSource', () => {
  it('shows a run while it goes on: slices, progress, rate, and what failed', async () => {
    const { folder, ledger } = await running()
    let nowMs = 1_000_000
    const source = createBackfillSource({ folder: () => folder, nowMs: () => nowMs })
    expect(source.some).toBe(true)
    const [before] = (await source.list()).items
    expect(before).toMatchObject({ run: runName, state: 'running', part: 0, slices: { pending: 4 }, planned: 40, acknowledged: 0 })
    expect(before?.perSecond).toBeUndefined()
    const one = await taken(ledger)
    await ledger.commit(one.slice.id, one.slice.epoch, { ack: { page: 0, cursor: { at: 1 }, counts, dead: [] } })
    await ledger.end(one.slice.id, one.slice.epoch, 'done', '', '')
    const two = await taken(ledger)
    await ledger.end(two.slice.id, two.slice.epoch, 'failed', 'vanished', 'cannot read index-1: no such index')
    nowMs += 5000
    const list = await source.list()
    expect(backfillList.safeParse(list).error).toBeUndefined()
    expect(list.items).toMatchObject([
      {
        state: 'running',
        part: 0.25,
        slices: { pending: 2, done: 1, failed: 1 },
        read: 10,
        acknowledged: 10,
        perSecond: 2,
        reached: new Date(9000).toISOString(),
        failures: { vanished: 1 },
        trouble: [{ group: 'index-1', reason: 'vanished', text: 'cannot read index-1: no such index' }],
      },
    ])
  })

  it('reads a ledger again only when it has changed, and not more often than every five seconds', async () => {
    const { folder, ledger } = await running()
    let nowMs = 1_000_000
    const source = createBackfillSource({ folder: () => folder, nowMs: () => nowMs })
    const [first] = (await source.list()).items
    const one = await taken(ledger)
    await ledger.commit(one.slice.id, one.slice.epoch, { ack: { page: 0, cursor: 1, counts, dead: [] } })
    nowMs += 1000
    expect((await source.list()).items[0]).toBe(first)
    nowMs += 5000
    const [second] = (await source.list()).items
    expect(second?.read).toBe(10)
    nowMs += 60_000
    expect((await source.list()).items[0]).toBe(second)
  })

  it('says of a run that nobody has that it was stopped', async () => {
    const { folder, ledger } = await running()
    await ledger.close()
    const source = createBackfillSource({ folder: () => folder, nowMs: () => 0 })
    expect((await source.list()).items).toMatchObject([{ state: 'stopped' }])
    // Left behind by a process that was killed.
    writeFileSync(join(folder, `${runName}.pid`), 'process 4194000\n')
    const dead = createBackfillSource({ folder: () => folder, nowMs: () => 0, isAlive: () => false })
    expect((await dead.list()).items).toMatchObject([{ state: 'stopped' }])
  })

  it('names a ledger that cannot be read, and shows the others', async () => {
    const { folder } = await running()
    writeFileSync(join(folder, 'ffffffffffffffff.db'), 'no database')
    const { items, faults } = await createBackfillSource({ folder: () => folder, nowMs: () => 0 }).list()
    expect(items).toHaveLength(1)
    expect(faults).toEqual([expect.stringContaining('ffffffffffffffff: cannot')])
  })

  it('has nothing where there is no folder', async () => {
    const source = createBackfillSource({ folder: () => join(stateFolder(), 'none'), nowMs: () => 0 })
    expect(source.some).toBe(false)
    expect(await source.list()).toMatchObject({ items: [], faults: [] })
  })

  it('names where the run ends when that is the cutover', async () => {
    const folder = stateFolder()
    const ledger = await openLedger(folder, { create: { ...metaOf(), cutoverMs: 86_400_000 } })
    onTestFinished(() => ledger.close())
    expect((await createBackfillSource({ folder: () => folder, nowMs: () => 0 }).list()).items[0]?.cutover).toBe('1970-01-02T00:00:00.000Z')
  })
})
