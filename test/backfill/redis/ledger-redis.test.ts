import { describe, expect, it, onTestFinished } from 'vitest'
import { noCounts } from '../../../src/backfill/counts.ts'
import type { Counts, PageAck } from '../../../src/backfill/ledger.ts'
import type { SliceSpec } from '../../../src/backfill/model.ts'
import { connectRedis } from '../../../src/backfill/redis/connect.ts'
import { createRedisLedger, type RedisLedger, type RedisLedgerOptions } from '../../../src/backfill/redis/ledger-redis.ts'
import { numbersSource } from '../support/numbers-source.ts'
import { lawOne, metaOf, recordingSink, runAll } from '../support/runs.ts'
import { hasRedis, startRedis } from './support/redis-server.ts'

const spec = (at: number, fromMs: number | undefined): SliceSpec => ({
  key: { at },
  group: `g${at}`,
  fromMs,
  toMs: fromMs === undefined ? undefined : fromMs + 1000,
  items: 10,
  bytes: 100,
})

const slices = (count: number) => Array.from({ length: count }, (_, at) => ({ id: `s${at}`, spec: spec(at, at * 1000) }))

/** Sums beyond what a number holds. */
const large = 2n ** 127n + 1n
const some: Counts = { ...noCounts, read: 3, translated: 3, produced: 3, acked: 3, srcSum: large, ackSum: large, minMs: 1, maxMs: 9 }

const ack = (page: number, counts: Counts = some, dead: PageAck['dead'] = []): PageAck => ({ page, cursor: { page }, counts, dead })

const intent = (page: number) => ({ page, read: 3, produced: 3, sum: large, atMs: 1, sink: undefined })

const message = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => '',
    (error: Error) => `${'code' in error ? error.code : ''} ${error.message}`,
  )

const open = async (options: Partial<RedisLedgerOptions> = {}) => {
  const server = await startRedis()
  const connection = await connectRedis(server.url)
  onTestFinished(() => connection.close())
  const another = (): RedisLedger => createRedisLedger({ redis: connection.redis, meta: metaOf(), nowMs: () => 7, lostMs: 5, ...options })
  return { ledger: another(), another, redis: connection.redis }
}

describe.skipIf(!hasRedis)('createRedisLedger', () => {
  it('adds slices once, and hands them out by time, those without one first, each once', async () => {
    const { ledger, another } = await open()
    const plan = [...[3, 1, 2].map((at) => ({ id: `s${at}`, spec: spec(at, at * 1000) })), { id: 'z', spec: spec(9, undefined) }]
    expect(await ledger.add(plan)).toBe(4)
    expect(await ledger.add([...plan, { id: 's0', spec: spec(0, 0) }])).toBe(1)
    const other = another()
    const order: (string | undefined)[] = []
    for (const one of [ledger, other, ledger, other, ledger, other]) order.push((await one.take('me'))?.slice.id)
    expect(order).toEqual(['z', 's0', 's1', 's2', 's3', undefined])
    expect((await ledger.slices()).map(({ id }) => id)).toEqual(['s3', 's1', 's2', 'z', 's0'])
    expect(await ledger.slices({ after: 1, limit: 1, states: ['running'] })).toMatchObject([
      { id: 's1', epoch: 1, owner: 'me', startedMs: 7 },
    ])
  })

  it('keeps cursor, counts and intent of one step together, sums exact', async () => {
    const { ledger, another } = await open()
    await ledger.add(slices(1))
    const taken = await ledger.take('me')
    expect(taken).toMatchObject({ slice: { id: 's0', epoch: 1, cursor: undefined }, intent: undefined })
    await ledger.commit('s0', 1, { intent: intent(0) })
    await ledger.commit('s0', 1, { ack: ack(0), intent: intent(1) })
    const again = await another().takeOne('s0', 'other')
    expect(again).toMatchObject({ slice: { epoch: 2, cursor: { page: 0 }, page: 1, owner: 'other' }, intent: intent(1) })
    expect(again?.slice.counts).toEqual({ ...some, notes: { taken_over: 1 } })
  })

  it('refuses the writes of one who was overtaken (I4)', async () => {
    const { ledger, another } = await open()
    await ledger.add(slices(1))
    await ledger.take('me')
    await ledger.commit('s0', 1, { intent: intent(0) })
    const other = another()
    await other.takeOne('s0', 'other')
    expect(await message(ledger.commit('s0', 1, { ack: ack(0) }))).toMatch(/^OB_FENCED .*epoch 1: it is taken by other, epoch 2/)
    expect(await message(ledger.end('s0', 1, 'failed', 'x', ''))).toMatch(/^OB_FENCED/)
    expect(await message(ledger.release('s0', 1, { intent: 'drop' }))).toMatch(/^OB_FENCED/)
    await other.commit('s0', 2, { ack: ack(0), resent: 3 })
    expect((await ledger.summary()).counts).toEqual({ ...some, resent: 3, notes: { taken_over: 1 } })
  })

  it('gives a slice up that three took over without a page (poison), not one that gets on', async () => {
    const { ledger, another } = await open()
    await ledger.add(slices(1))
    await ledger.take('first')
    for (let at = 0; at < 4; at++) {
      const one = another()
      const taken = await one.takeOne('s0', `w${at}`)
      if (at < 2) await one.commit('s0', taken?.slice.epoch ?? 0, { ack: ack(at) })
    }
    expect(await another().takeOne('s0', 'last')).toBeUndefined()
    expect(await ledger.slices()).toMatchObject([{ state: 'failed', reason: 'poison' }])
    expect(await ledger.retry({ states: ['failed'], reason: 'poison' })).toBe(1)
    expect(await ledger.take('me')).toMatchObject({ slice: { page: 2, cursor: { page: 1 } } })
  })

  it('does not let a slice be done with a page out, or with sums that do not add up (I6)', async () => {
    const { ledger } = await open()
    await ledger.add(slices(3))
    const end = async (counts: Counts, out: boolean): Promise<string> => {
      const taken = await ledger.take('me')
      const id = taken?.slice.id ?? ''
      await ledger.commit(id, 1, { ack: ack(0, counts), intent: out ? intent(1) : undefined })
      return message(ledger.end(id, 1, 'done', '', ''))
    }
    expect(await end(some, true)).toContain('cannot be done: a page is out')
    expect(await end({ ...some, read: 4 }, false)).toContain('read 4')
    expect(await end(some, false)).toBe('')
  })

  it('keeps dead letters up to their bytes, counts those beyond, and lets go of those that were sent', async () => {
    const { ledger } = await open({ deadBytes: 900 })
    await ledger.add(slices(1))
    await ledger.take('me')
    const letter = {
      page: 0,
      ordinal: 0,
      reason: 'bad',
      where: 'w',
      message: 'm',
      signal: 'traces' as const,
      items: 3,
      raw: Buffer.alloc(300, 1),
    }
    const lost = { ...some, acked: 0, ackSum: 0n, dead: { bad: 3 } }
    await ledger.commit('s0', 1, { ack: ack(0, lost, [letter]) })
    await ledger.commit('s0', 1, { ack: ack(1, some, [{ ...letter, page: 1 }]) })
    await ledger.end('s0', 1, 'done_with_losses', 'bad', '')
    const dead = await ledger.dead()
    expect(dead).toEqual([{ ...letter, id: 1, slice: 's0', group: 'g0' }])
    expect((await ledger.summary()).counts.notes).toEqual({ dead_letters_full: 1 })
    await ledger.removeDead([1])
    expect(await ledger.dead()).toEqual([])
    expect(await ledger.slices()).toMatchObject([{ state: 'done', counts: { acked: 6, dead: {} } }])
  })

  it('runs under the engine as a file does', async () => {
    const { ledger } = await open()
    const source = numbersSource({ slices: 4, perSlice: 30, perPage: 7, skipEvery: 3 })
    const sink = recordingSink()
    await runAll({ source, sink, ledger })
    const { counts, slices: states } = await ledger.summary()
    expect(states.done).toBe(4)
    expect(lawOne(counts)).toEqual([0, 0])
    expect(counts).toMatchObject({ read: 120, acked: 80, resent: 0 })
    expect(sink.arrived.size).toBe(80)
  })

  it('says what makes a server unfit, without the password', async () => {
    const server = await startRedis(['--save', '', '--maxmemory-policy', 'allkeys-lru'])
    expect(await message(connectRedis(server.url))).toMatch(/^OB_CONFIG .*allkeys-lru.*noeviction/)
    await server.stop()
    const gone = await message(connectRedis(`redis://me:secret@127.0.0.1:${server.port}`, { withinMs: 300 }))
    expect(gone).toMatch(/^OB_LEDGER cannot reach redis:\/\/127/)
    expect(gone).not.toContain('secret')
  })
})
