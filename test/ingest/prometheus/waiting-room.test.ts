import { describe, expect, it } from 'vitest'
import {
  createWaitingRoom,
  type LookOptions,
  type Waiter,
  type WaitingColumns,
  waitingColumns,
} from '../../../src/ingest/prometheus/waiting-room.ts'

const waiter = (tenant: string, sinceMs = 0, bytes = 10): Waiter => ({
  version: 1,
  tenant,
  body: new Uint8Array(bytes),
  sinceMs,
  turn: 0,
  record: undefined,
})

const columns = (untilMs: number, metadata = 1): WaitingColumns => ({
  series: Int32Array.of(0),
  places: Int32Array.of(16),
  samples: { metadata, target_info: 0 },
  untilMs,
})

/** A room in which those leave whose time is over, or whom somebody calls. */
function create(options: { maxBytes?: number; maxSamples?: number; longestMs?: number } = {}) {
  const clock = { nowMs: 0, news: 0 }
  const looks: string[] = []
  const called = new Set<string>()
  const how: LookOptions[] = []
  let sent: () => Promise<void> = async () => {}
  const room = createWaitingRoom({
    longestMs: 1000,
    ...options,
    nowMs: () => clock.nowMs,
    news: () => clock.news,
    look(one, waiting, told) {
      looks.push(one.tenant)
      how.push(told)
      const leaves = !told.mayWait || told.isFull || told.nowMs >= waiting.untilMs || called.has(one.tenant)
      return { rest: leaves ? undefined : waiting, sent: sent() }
    },
  })
  return {
    room,
    clock,
    called,
    how,
    looks: () => looks.splice(0),
    fail: (times: number) => {
      let left = times
      sent = async () => {
        if (left-- > 0) throw new Error('full')
      }
    },
    /** Each look waits for what is returned. */
    gate: (wait: () => Promise<void>) => void (sent = wait),
  }
}

describe('waitingColumns', () => {
  it('puts series in order, and sums up what they wait for', () => {
    expect(waitingColumns([])).toBeUndefined()
    const one = { untilMs: 50, where: 'metadata' } as const
    expect(
      waitingColumns([
        { ...one, series: 7, place: 1, items: 2 },
        { ...one, series: 3, place: 2, items: 0, untilMs: 40 },
        { ...one, series: 5, place: 3, items: 1, where: 'target_info' },
      ]),
    ).toEqual({
      series: Int32Array.of(3, 5, 7),
      places: Int32Array.of(2, 3, 1),
      samples: { metadata: 2, target_info: 1 },
      untilMs: 40,
    })
  })
})

describe('createWaitingRoom', () => {
  it('looks at nobody before there is a reason to', async () => {
    const { room, looks } = create()
    await room.flush(true)
    room.add(waiter('a'), columns(100), 0)
    await room.flush(false)
    expect([looks(), room.size, room.bytes, room.samples]).toEqual([[], 1, 10, 1])
  })

  it('lets those go whose time is over, and asks no others', async () => {
    const { room, clock, looks } = create()
    room.add(waiter('a'), columns(100), 0)
    room.add(waiter('b'), columns(50), 0)
    room.add(waiter('c'), columns(100), 0)
    clock.nowMs = 50
    await room.flush(false)
    expect([looks(), room.size, room.bytes, room.samples]).toEqual([['b'], 2, 20, 2])
    clock.nowMs = 100
    await room.flush(false)
    expect([looks(), room.size, room.samples]).toEqual([['a', 'c'], 0, 0])
  })

  it('asks all when something was learnt, from the oldest on, at most once a second', async () => {
    const { room, clock, looks, called } = create({ longestMs: 900_000 })
    for (const name of ['a', 'b', 'c']) room.add(waiter(name), columns(900_000), 0)
    called.add('b')
    clock.news++
    await room.flush(false)
    expect([looks(), room.size]).toEqual([['a', 'b', 'c'], 2])
    clock.news++
    clock.nowMs = 999
    await room.flush(false)
    expect(looks()).toEqual([])
    clock.nowMs = 1000
    await room.flush(false)
    expect(looks()).toEqual(['a', 'c'])
    clock.nowMs = 5000
    await room.flush(false)
    expect([looks(), room.size]).toEqual([[], 2])
  })

  it('begins anew with the oldest when something is learnt while it asks', async () => {
    const { room, clock, looks, gate, called } = create()
    for (const name of ['a', 'b']) room.add(waiter(name), columns(500), 0)
    clock.news = 1
    gate(async () => {
      if (clock.news === 1) called.add('a').add('b')
      clock.news = 2
    })
    await room.flush(false)
    // b must not be told before a is.
    expect(looks()).toEqual(['a'])
    gate(async () => {})
    await room.flush(false)
    expect([looks(), room.size]).toEqual([['a', 'b'], 0])
  })

  it('lets nobody wait longer than the longest, or when the clock is set back', async () => {
    const { room, clock, how } = create()
    room.add(waiter('a', 500), columns(9_000_000), 0)
    clock.nowMs = 1500
    clock.news++
    await room.flush(false)
    expect([room.size, how[0]]).toEqual([0, { nowMs: 1500, mayWait: false, isFull: false }])
    room.add(waiter('a', 500), columns(9_000_000), 1)
    clock.nowMs = 499
    await room.flush(false)
    expect([room.size, how[1]?.mayWait]).toEqual([0, false])
  })

  it('sends the oldest on when there are too many', async () => {
    const { room, looks, how } = create({ maxBytes: 30 })
    for (const name of ['a', 'b', 'c', 'd', 'e']) room.add(waiter(name), columns(500), 0)
    expect(room.isFull).toBe(true)
    await room.flush(false)
    expect([looks(), room.size, room.isFull, how.map(({ isFull }) => isFull)]).toEqual([['a', 'b'], 3, false, [true, true]])
    const samples = create({ maxSamples: 3 })
    for (const name of ['a', 'b']) samples.room.add(waiter(name), columns(500, 2), 0)
    expect(samples.room.isFull).toBe(true)
    await samples.room.flush(false)
    expect(samples.room.size).toBe(1)
  })

  it('goes on where it stopped when something could not be stored', async () => {
    const { room, looks, fail } = create()
    for (const name of ['a', 'b']) room.add(waiter(name), columns(500), 0)
    fail(1)
    await expect(room.flush(true)).rejects.toThrow('full')
    expect([looks(), room.size]).toEqual([['a'], 1])
    await room.flush(true)
    expect([looks(), room.size]).toEqual([['b'], 0])
  })

  it('asks one after another, whoever asks for it', async () => {
    const { room, looks, gate } = create()
    for (const name of ['a', 'b']) room.add(waiter(name), columns(500), 0)
    const { promise, resolve } = Promise.withResolvers<void>()
    gate(() => promise)
    const first = room.flush(true)
    const second = room.flush(true)
    await new Promise((done) => setImmediate(done))
    expect(looks()).toEqual(['a'])
    resolve()
    await Promise.all([first, second])
    expect([looks(), room.size]).toEqual([['b'], 0])
  })
})
