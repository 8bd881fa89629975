import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AdaptivePace, createPace, floorRate, type OwnLoad, type PaceOptions } from '../../src/backfill/pace.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

const never = new AbortController().signal
const quick = { items: 100, bytes: 1000, readMs: 5, translateMs: 1, sendMs: 5 }
const minute = 60_000

/** A pace on a clock of its own: waiting is what moves it. */
const start = (options: PaceOptions = {}, own?: () => OwnLoad) => {
  const clock = { ms: 1000 }
  const metrics = createMetrics()
  const pace = createPace(options, {
    monotonicMs: () => clock.ms,
    nowMs: () => 1_800_000_000_000 + clock.ms,
    sleep: async (ms, abort) => {
      if (!abort.aborted) clock.ms += ms
    },
    metrics,
    ...(own === undefined ? {} : { own }),
  })
  return { clock, pace, metrics }
}

/** Sends pages for so long, each taking some time; gives how many items went. */
const run = async (
  { clock, pace }: { readonly clock: { ms: number }; readonly pace: AdaptivePace },
  forMs: number,
  page: Partial<typeof quick> & { readonly tookMs?: number } = {},
): Promise<number> => {
  const { tookMs = 10, ...times } = page
  const one = { ...quick, ...times }
  const end = clock.ms + forMs
  let sent = 0
  while (clock.ms < end) {
    await pace.take(one.items, one.bytes, never)
    clock.ms += tookMs
    pace.observed(one)
    sent += one.items
  }
  return sent
}

describe('createPace', () => {
  it('holds nobody back while nothing is wrong', async () => {
    const one = start()
    expect(await run(one, 10_000)).toBe(100_000)
    expect(one.pace.state()).toEqual({ itemsPerSecond: undefined, reason: '', pausedUntilMs: undefined })
    expect(one.pace.parallel(4)).toBe(4)
  })

  it('keeps to the rate that the user allows, whatever the size of pages', async () => {
    for (const items of [1, 99, 2000]) {
      const one = start({ rate: 500 })
      const sent = await run(one, 60_000, { items, tookMs: 0 })
      expect(sent).toBeLessThanOrEqual(500 * 61 + items)
      expect(sent).toBeGreaterThanOrEqual(500 * 59)
      expect(one.pace.state()).toMatchObject({ itemsPerSecond: 500, reason: '--rate' })
      expect(one.pace.parallel(4)).toBe(4)
    }
  })

  it('keeps to the bytes that the user allows', async () => {
    const one = start({ rateBytes: 10_000 })
    const sent = await run(one, 60_000, { items: 1, bytes: 700, tookMs: 1 })
    expect(sent * 700).toBeLessThanOrEqual(10_000 * 61 + 700)
    expect(sent * 700).toBeGreaterThanOrEqual(10_000 * 59)
  })

  it('halves after a distress, at most once in 5 s, holds for what it was told, and grows by 5 % then', async () => {
    const one = start({ rate: 20_000 })
    await run(one, 30_000)
    const rate = (): number => one.pace.state().itemsPerSecond ?? 0
    one.pace.distress('destination', 'http_429', 20_000)
    const halved = rate()
    // A hundred items in 10 ms: that is what goes through.
    expect(halved).toBeGreaterThan(4500)
    expect(halved).toBeLessThanOrEqual(5000)
    one.clock.ms += 4000
    one.pace.distress('destination', 'http_429', 0)
    expect(rate()).toBe(halved)
    expect(one.pace.state().reason).toBe('429 of the destination')
    await run(one, 14_000)
    expect(rate()).toBe(halved)
    await run(one, 3000)
    expect(rate()).toBeGreaterThanOrEqual(Math.floor(halved * 1.05))
    expect(rate()).toBeLessThanOrEqual(Math.ceil(halved * 1.05 ** 4))
    await run(one, 60_000)
    expect(one.pace.state()).toMatchObject({ reason: expect.stringMatching(/^(429 of the destination|--rate)$/) })
  })

  it('grows by 100 a second from far below, and forgets a limit that nothing comes near', async () => {
    const one = start()
    await run(one, 10_000)
    for (let at = 0; at < 20; at++) {
      one.pace.distress('source', '503', 0)
      one.clock.ms += 5000
    }
    expect(one.pace.state()).toMatchObject({ itemsPerSecond: floorRate, reason: '503 of the source' })
    expect(one.pace.parallel(4)).toBe(1)
    // The first page of 100 items at 10 a second needs its time; then it comes through.
    await run(one, 6000)
    const before = one.pace.state().itemsPerSecond ?? 0
    await run(one, 5000)
    expect((one.pace.state().itemsPerSecond ?? 0) - before).toBeGreaterThanOrEqual(400)
    await run(one, 300_000)
    expect(one.pace.state()).toMatchObject({ itemsPerSecond: undefined, reason: '' })
    expect(one.pace.parallel(4)).toBe(4)
  })

  it('does not grow while nothing comes through', async () => {
    const one = start()
    await run(one, 5000)
    one.pace.distress('destination', 'connection', 0)
    const { itemsPerSecond } = one.pace.state()
    one.clock.ms += 120_000
    await one.pace.take(10, 10, never)
    one.clock.ms += 5000
    expect(one.pace.state().itemsPerSecond).toBe(itemsPerSecond)
  })

  it('pauses after ten minutes of distress at the least rate, each time for longer, and begins anew after a success', () => {
    const { clock, pace } = start()
    const pauses: number[] = []
    for (const end = clock.ms + 600 * minute; clock.ms < end; clock.ms += 10_000) {
      if (pace.pausedMs() > 0) continue
      pace.distress('destination', 'http_503', 0)
      if (pace.pausedMs() > 0) pauses.push(pace.pausedMs() / minute)
    }
    expect(pauses.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
    while (pace.pausedMs() > 0) clock.ms += 1000
    pace.distress('destination', 'http_503', 0)
    expect(pace.state()).toEqual({
      itemsPerSecond: floorRate,
      reason: 'pause: 503 of the destination',
      pausedUntilMs: 1_800_000_000_000 + clock.ms + 60 * minute,
    })
    clock.ms += 61 * minute
    pace.observed(quick)
    pace.distress('destination', 'http_503', 0)
    expect(pace.pausedMs()).toBe(minute)
  })

  it('lets nobody send in a pause', async () => {
    const { clock, pace } = start()
    while (pace.pausedMs() === 0) {
      pace.distress('source', '429', 0)
      clock.ms += 10_000
    }
    const end = clock.ms + pace.pausedMs()
    await pace.take(1, 1, never)
    expect(clock.ms).toBeGreaterThanOrEqual(end)
  })

  it('goes slower while the source is slower than it was, says so, and takes it as it is after a minute', async () => {
    const one = start()
    await run(one, 10_000, { readMs: 50 })
    await run(one, 2000, { readMs: 120 })
    expect(one.pace.state().reason).toBe('source slow (×2.4)')
    await run(one, 30_000, { readMs: 120 })
    const least = one.pace.state().itemsPerSecond ?? 0
    expect(least).toBeGreaterThan(2000)
    expect(least).toBeLessThan(3000)
    expect(one.pace.parallel(4)).toBeLessThan(4)
    await run(one, 200_000, { readMs: 120 })
    expect(one.pace.state().itemsPerSecond ?? Number.POSITIVE_INFINITY).toBeGreaterThan(9000)
  })

  it('holds between 1.3 and 2 times, and grows again when it is as it was', async () => {
    const one = start()
    await run(one, 10_000, { sendMs: 100 })
    await run(one, 3000, { sendMs: 250 })
    expect(one.pace.state().reason).toBe('destination slow (×2.5)')
    await run(one, 1000, { sendMs: 150 })
    const held = one.pace.state().itemsPerSecond
    await run(one, 5000, { sendMs: 150 })
    expect(one.pace.state().itemsPerSecond).toBe(held)
    await run(one, 5000, { sendMs: 100 })
    expect(one.pace.state().itemsPerSecond).toBeGreaterThan(held ?? 0)
  })

  it('takes no notice of what is fast anyway', async () => {
    const one = start()
    await run(one, 5000, { readMs: 1 })
    await run(one, 5000, { readMs: 19 })
    expect(one.pace.state().itemsPerSecond).toBeUndefined()
  })

  it('gives way to others in its process', async () => {
    let load: OwnLoad = { loopDelayMs: 10, heapShare: 0.5 }
    const one = start({}, () => load)
    await run(one, 5000)
    load = { loopDelayMs: 140, heapShare: 0.9 }
    await run(one, 3000)
    expect(one.pace.state().reason).toBe('event loop 140 ms')
    expect(one.pace.parallel(8)).toBeLessThanOrEqual(4)
  })

  it('serves in the order of asking, and rejects those who are told to stop', async () => {
    const { pace } = start({ rate: 100 })
    const stop = new AbortController()
    const done: number[] = []
    const turns = [1, 2, 3].map((id) => pace.take(150, 1, never).then(() => void done.push(id)))
    const late = pace.take(1, 1, stop.signal)
    stop.abort()
    await expect(late).rejects.toMatchObject({ code: 'OB_STOPPING' })
    await Promise.all(turns)
    expect(done).toEqual([1, 2, 3])
    await expect(pace.take(1, 1, stop.signal)).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })

  it('shows the limit in force, and no other', async () => {
    const one = start({ rate: 1000 })
    await run(one, 5000)
    const limit = (reason: string): number => one.metrics.gauge('otlp_bridge_backfill_rate_limit', { reason }).value
    expect(limit('rate')).toBe(1000)
    one.pace.distress('source', '429', 0)
    expect([limit('rate'), limit('source_distress')]).toEqual([0, one.pace.state().itemsPerSecond])
    one.pace.close()
    expect(limit('source_distress')).toBe(0)
  })

  it('never lets more through than the rate in force, whatever happens', async () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant('page' as const), items: fc.integer({ min: 1, max: 3000 }), ms: fc.integer({ min: 0, max: 400 }) }),
      fc.record({ kind: fc.constant('distress' as const), items: fc.constant(0), ms: fc.integer({ min: 0, max: 20_000 }) }),
      fc.record({ kind: fc.constant('silence' as const), items: fc.constant(0), ms: fc.integer({ min: 0, max: 300_000 }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5000 }), fc.array(event, { maxLength: 60 }), async (rate, events) => {
        const { clock, pace } = start({ rate })
        const sent: { readonly ms: number; readonly items: number }[] = []
        for (const { kind, items, ms } of events) {
          if (kind === 'distress') pace.distress('source', '429', ms)
          else if (kind === 'silence') clock.ms += ms
          else {
            await pace.take(items, 1, never)
            sent.push({ ms: clock.ms, items })
            pace.observed({ ...quick, readMs: ms, items })
          }
          const now = pace.state().itemsPerSecond ?? 0
          expect(now).toBeLessThanOrEqual(rate)
          expect(now).toBeGreaterThanOrEqual(Math.min(floorRate, rate))
        }
        for (const [at, first] of sent.entries()) {
          let all = 0
          for (const { ms, items } of sent.slice(at)) {
            all += items
            expect(all).toBeLessThanOrEqual((rate * (ms - first.ms)) / 1000 + rate + items + 1)
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})
