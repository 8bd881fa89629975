import { closeSync, existsSync, openSync, readdirSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { noCounts } from '../../src/backfill/counts.ts'
import type { Counts, Ledger, PageAck, Taken } from '../../src/backfill/ledger.ts'
import { createFileLedger, type FileLedgerOptions } from '../../src/backfill/ledger-file.ts'
import type { SliceSpec } from '../../src/backfill/model.ts'
import { stateFolder } from '../emit/support/queues.ts'
import { metaOf, openLedger, runName } from './support/runs.ts'

const spec = (at: number, fromMs: number | undefined): SliceSpec => ({
  key: { at },
  group: `g${at}`,
  fromMs,
  toMs: fromMs === undefined ? undefined : fromMs + 1000,
  items: 10,
  bytes: 100,
})

/** A second each. */
const timed = (at: number): SliceSpec => spec(at, at * 1000)

const slices = (count: number, first = 0) => Array.from({ length: count }, (_, at) => ({ id: `s${first + at}`, spec: timed(first + at) }))

const some: Counts = { ...noCounts, read: 3, translated: 3, produced: 3, acked: 3, srcSum: 5n, ackSum: 5n, minMs: 1, maxMs: 9 }

const ack = (page: number, counts: Counts = some, dead: PageAck['dead'] = []): PageAck => ({ page, cursor: { page }, counts, dead })

const intent = (page: number) => ({ page, read: 3, produced: 3, sum: 5n, atMs: 1 })

const open = async (folder: string, options: Partial<FileLedgerOptions> = {}): Promise<Ledger> => {
  const ledger = await openLedger(folder, options)
  onTestFinished(() => ledger.close())
  return ledger
}

const taken = async (ledger: Ledger): Promise<Taken> => {
  const found = await ledger.take('me')
  if (found === undefined) throw new Error('nothing to take')
  return found
}

const message = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => '',
    (error: Error) => `${'code' in error ? error.code : ''} ${error.message}`,
  )

describe.each([true, false])('createFileLedger (in a thread: %s)', (thread) => {
  it('adds slices once, and hands them out by time, those without one first, then in the order of the plan', async () => {
    const ledger = await open(stateFolder(), { thread })
    const plan = [3, 1, 2].map((at) => ({ id: `s${at}`, spec: timed(at) }))
    expect(await ledger.add([...plan, { id: 'z', spec: spec(9, undefined) }, { id: 'a', spec: spec(8, undefined) }])).toBe(5)
    expect(await ledger.add(plan)).toBe(0)
    expect(await ledger.add([{ id: 's0', spec: timed(0) }])).toBe(1)
    const order: string[] = []
    for (let next = await ledger.take('me'); next !== undefined; next = await ledger.take('me')) order.push(next.slice.id)
    expect(order).toEqual(['z', 'a', 's0', 's1', 's2', 's3'])
    expect((await ledger.slices()).map(({ id }) => id)).toEqual(['s3', 's1', 's2', 'z', 'a', 's0'])
    expect(await ledger.slices({ after: 1, limit: 1, states: ['running'] })).toMatchObject([
      { id: 's1', ...timed(1), epoch: 1, owner: 'me', attempts: 1 },
    ])
  })

  it('hands out only what is wanted', async () => {
    const ledger = await open(stateFolder(), { thread })
    await ledger.add(slices(5))
    expect((await ledger.take('me', { skip: new Set(['s0']), beginsByMs: 1500 }))?.slice.id).toBe('s1')
    expect(await ledger.take('me', { skip: new Set(['s0']), beginsByMs: 1500 })).toBeUndefined()
    expect((await ledger.take('me', { endsAfterMs: 3000 }))?.slice.id).toBe('s3')
  })

  it('keeps cursor, counts and intent of one step together, also over a restart', async () => {
    const folder = stateFolder()
    const first = await open(folder, { thread })
    await first.add(slices(2))
    const { slice } = await taken(first)
    await first.commit(slice.id, 1, { intent: intent(0) })
    await first.commit(slice.id, 1, { ack: ack(0), intent: { ...intent(1), sink: { length: 7 } } })
    await first.close()
    const second = await open(folder, { thread })
    expect(await second.summary()).toMatchObject({ slices: { pending: 2, running: 0 }, counts: some, planned: 20 })
    const again = await taken(second)
    expect(again).toMatchObject({
      slice: { id: 's0', epoch: 2, attempts: 2, cursor: { page: 0 }, page: 1, counts: some },
      intent: { page: 1, sink: { length: 7 }, sum: 5n },
    })
    await second.commit(slice.id, 2, { intent: intent(1), resent: 3 })
    await second.commit(slice.id, 2, { ack: ack(1) })
    await second.end(slice.id, 2, 'done', '', '')
    expect((await second.summary()).counts).toMatchObject({ acked: 6, resent: 3, srcSum: 10n })
  })

  it('refuses the writes of one who was overtaken (I4)', async () => {
    const ledger = await open(stateFolder(), { thread })
    await ledger.add(slices(1))
    const { slice } = await taken(ledger)
    await ledger.commit(slice.id, 1, { intent: intent(0) })
    await ledger.release(slice.id, 1, { intent: 'keep' })
    expect(await message(ledger.commit(slice.id, 1, { ack: ack(0) }))).toMatch(/^OB_FENCED .*epoch 1/)
    const other = await ledger.take('other')
    expect(other).toMatchObject({ slice: { epoch: 2, owner: 'other' }, intent: { page: 0 } })
    expect(await message(ledger.commit(slice.id, 1, { ack: ack(0) }))).toMatch(/^OB_FENCED .*taken by other/)
    expect(await message(ledger.end(slice.id, 1, 'failed', 'x', ''))).toMatch(/^OB_FENCED/)
    expect(await message(ledger.release(slice.id, 1, { intent: 'drop' }))).toMatch(/^OB_FENCED/)
    expect((await ledger.summary()).counts).toEqual(noCounts)
    await ledger.commit(slice.id, 2, { ack: ack(0) })
    expect((await ledger.summary()).counts).toEqual(some)
  })

  it('does not let a slice be done with a page out, or with sums that do not add up (I6)', async () => {
    const ledger = await open(stateFolder(), { thread })
    await ledger.add(slices(4))
    const end = async (counts: Counts, out: boolean, state: 'done' | 'done_with_losses'): Promise<string> => {
      const { slice } = await taken(ledger)
      await ledger.commit(slice.id, 1, { ack: ack(0, counts), intent: out ? intent(1) : undefined })
      return message(ledger.end(slice.id, 1, state, '', ''))
    }
    expect(await end(some, true, 'done')).toContain('OB_INTERNAL BUG: slice s0 cannot be done: a page is out')
    expect(await end({ ...some, read: 4 }, false, 'done_with_losses')).toContain('read 4 ≠ translated 3 + skipped 0')
    expect(await end({ ...some, acked: 2 }, false, 'done_with_losses')).toContain('produced 3 ≠ acknowledged 2')
    expect(await end({ ...some, acked: 2, rejected: { bad: 1 }, ackSum: 0n }, false, 'done')).toContain('it has losses')
  })

  it('stores the others when one request of a group is refused', async () => {
    const ledger = await open(stateFolder(), { thread, flushMs: 20 })
    await ledger.add(slices(3))
    const all = await Promise.all([taken(ledger), taken(ledger), taken(ledger)])
    const results = await Promise.allSettled(all.map(({ slice }, at) => ledger.commit(slice.id, at === 1 ? 7 : 1, { ack: ack(0) })))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((await ledger.summary()).counts.acked).toBe(6)
  })

  it('gives failed slices back at their cursor, others at their beginning with all that they sent as resent', async () => {
    const ledger = await open(stateFolder(), { thread })
    await ledger.add(slices(2))
    for (const state of ['failed', 'done'] as const) {
      const { slice } = await taken(ledger)
      await ledger.commit(slice.id, 1, { ack: ack(0) })
      await ledger.end(slice.id, 1, state, state === 'failed' ? 'vanished' : '', 'a sentence')
    }
    expect(await ledger.summary()).toMatchObject({ failures: { vanished: 1 } })
    await ledger.verified('s1', 'mismatch', 'other items')
    expect(await ledger.retry({ states: ['failed'], reason: 'other' })).toBe(0)
    expect(await ledger.retry({ states: ['failed', 'mismatch'] })).toBe(2)
    expect(await ledger.slices()).toMatchObject([
      { state: 'pending', cursor: { page: 0 }, page: 1, epoch: 2, counts: some, reason: '' },
      { state: 'pending', cursor: undefined, page: 0, epoch: 2, counts: { ...noCounts, resent: 3 } },
    ])
    expect(await ledger.summary()).toMatchObject({ failures: {}, counts: { acked: 3, resent: 3 }, slices: { pending: 2 } })
  })

  it('keeps dead letters up to a number of bytes, counts those beyond, and makes acknowledged ones out of them', async () => {
    const ledger = await open(stateFolder(), { thread, deadBytes: 70_000 })
    await ledger.add(slices(1))
    const { slice } = await taken(ledger)
    const item = { page: 0, reason: 'invalid', where: 'here', message: 'no', items: 1 }
    const dead = [
      { ...item, ordinal: 0, signal: 'traces' as const, raw: new Uint8Array([1, 2, 3]) },
      { ...item, ordinal: 1, signal: undefined, raw: new Uint8Array(100_000) },
      { ...item, ordinal: 2, signal: undefined, raw: new Uint8Array(60_000) },
    ]
    await ledger.commit(slice.id, 1, { ack: ack(0, { ...some, acked: 2, dead: { invalid: 1 }, ackSum: 0n }, dead) })
    await ledger.end(slice.id, 1, 'done_with_losses', 'invalid', '')
    const kept = await ledger.dead({ slice: slice.id })
    expect(kept.map(({ ordinal, raw, signal, group }) => [ordinal, raw?.length, signal, group])).toEqual([
      [0, 3, 'traces', 'g0'],
      [1, 65_536, undefined, 'g0'],
    ])
    expect((await ledger.summary()).counts.notes).toEqual({ dead_letters_full: 1 })
    await ledger.removeDead(kept.map(({ id }) => id))
    expect(await ledger.dead()).toEqual([])
    expect(await ledger.slices()).toMatchObject([{ state: 'done', counts: { acked: 3, dead: {}, ackSum: 5n } }])
  })

  it('lets one process in at a time, and says who has it; a look is always possible', async () => {
    const folder = stateFolder()
    const ledger = await open(folder, { thread })
    await ledger.add(slices(2))
    expect(await message(openLedger(folder))).toContain(`process ${process.pid} has it`)
    const look = await createFileLedger({ folder, run: runName, mode: 'read', thread })
    await ledger.take('me')
    expect((await look.summary()).slices).toMatchObject({ running: 1, pending: 1 })
    expect(await message(look.take('me'))).toMatch(/^OB_LEDGER .*to be looked at/)
    await look.close()
    await ledger.close()
    expect(readdirSync(folder)).toEqual([`${runName}.db`, `${runName}.lock`])
  })
})

describe('createFileLedger', () => {
  const folderWith = async (count: number): Promise<string> => {
    const folder = stateFolder()
    const ledger = await openLedger(folder)
    await ledger.add(slices(count))
    const { slice } = await taken(ledger)
    await ledger.commit(slice.id, 1, { ack: ack(0), intent: intent(1) })
    await ledger.close()
    return folder
  }

  it('does not begin a run that it was not given, and refuses another plan version or another run', async () => {
    const folder = stateFolder()
    expect(await message(openLedger(folder, { create: undefined }))).toContain('there is none')
    expect(await message(createFileLedger({ folder, run: runName, mode: 'read' }))).toContain('there is none')
    expect(await message(createFileLedger({ folder, run: '../x', create: metaOf() }))).toContain('no id of a run')
    await (await openLedger(folder)).close()
    expect(await message(openLedger(folder, { create: { ...metaOf(), planVersion: 2 } }))).toContain('its plan is of version 1')
    await (await openLedger(folder)).close()
  })

  const damages: [string, (file: string) => void][] = [
    ['header', (file) => overwrite(file, 0, 100)],
    ['page', (file) => overwrite(file, 4096, 8192)],
    ['length', (file) => truncateSync(file, 5000)],
    ['no database at all', (file) => writeFileSync(file, 'hello'.repeat(500))],
    ['changed count', (file) => query(file, `UPDATE slices SET counts = replace(counts, '"acked":3', '"acked":4')`)],
    ['changed cursor', (file) => query(file, `UPDATE slices SET cursor = '{"page":7}' WHERE cursor IS NOT NULL`)],
    ['changed intent', (file) => query(file, 'UPDATE intents SET produced = 2')],
    ['no description', (file) => query(file, "DELETE FROM meta WHERE name = 'run'")],
  ]

  it.each(damages)('sets aside a ledger that cannot be read, and refuses the run until it is to be rebuilt (I7): %s', async (_, damage) => {
    const folder = await folderWith(200)
    damage(join(folder, `${runName}.db`))
    expect(await message(openLedger(folder, { create: undefined }))).toMatch(/^OB_LEDGER .*set aside as .*\.corrupt-/)
    expect(existsSync(join(folder, `${runName}.db`))).toBe(false)
    expect(await message(openLedger(folder))).toMatch(/^OB_LEDGER .*set aside as .*--rebuild/)
    const ledger = await open(folder, { rebuild: true })
    expect(ledger.rebuilt).toBe(true)
    await ledger.add(slices(1))
    await ledger.close()
    const later = await open(folder)
    expect([later.rebuilt, (await later.summary()).slices.pending]).toEqual([true, 1])
  })

  it('never dies of a byte that is changed: it reads what was there, or says that it cannot', async () => {
    const folder = await folderWith(5)
    const file = join(folder, `${runName}.db`)
    const whole = readFileSync(file)
    let found = 0
    for (let at = 7; at < whole.length; at += 397) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 0x41
      const into = stateFolder()
      writeFileSync(join(into, `${runName}.db`), bytes)
      const said = await message(
        openLedger(into).then(async (ledger) => {
          const { counts, slices: states } = await ledger.summary()
          await ledger.close()
          expect([counts, states.pending]).toEqual([some, 5])
        }),
      )
      if (said !== '') found++
      expect(said === '' || said.startsWith('OB_LEDGER')).toBe(true)
    }
    expect(found).toBeGreaterThan(5)
  })

  it('waits out a ledger that cannot be written, and tells of it', async () => {
    const folder = stateFolder()
    const told: (string | undefined)[] = []
    const ledger = await open(folder, { onTrouble: (what) => told.push(what) })
    await ledger.add(slices(1))
    const other = new DatabaseSync(join(folder, `${runName}.db`))
    other.exec('PRAGMA max_page_count = 1')
    other.exec('BEGIN IMMEDIATE')
    setTimeout(() => other.exec('ROLLBACK'), 1500)
    await ledger.take('me')
    other.close()
    expect(told.map((one) => one !== undefined)).toEqual([true, false])
  })
})

const overwrite = (file: string, from: number, to: number): void => {
  const fd = openSync(file, 'r+')
  writeSync(fd, Buffer.alloc(to - from, 0x5a), 0, to - from, from)
  closeSync(fd)
}

const query = (file: string, sql: string): void => {
  const db = new DatabaseSync(file)
  db.exec(sql)
  db.close()
}
