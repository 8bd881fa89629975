import { describe, expect, it } from 'vitest'
import { nanos, type PlainSeries } from '../../support/writing.ts'
import { countsOf, queueFull } from '../support/fakes.ts'
import { EngineBench, FakeStore } from '../support/write-engine.ts'

const one = (bench: EngineBench, labels: string, value = 1): PlainSeries => ({ labels, samples: [[bench.nowMs, value]] })
const members = (bench: EngineBench, labels: readonly string[]): PlainSeries[] =>
  labels.map((each) => ({ ...one(bench, each, 3), type: 3 }))
const histogram = ['h_bucket{le="1"}', 'h_bucket{le="+Inf"}', 'h_sum', 'h_count'] as const
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('createEngine', () => {
  it('puts what a request comes to as one batch, and nothing for nothing', async () => {
    const bench = new EngineBench()
    const receipt = await bench.write(2, [one(bench, 'a'), one(bench, 'b'), one(bench, '{x="1"}')])
    expect(receipt).toMatchObject({ items: 2, rejected: 1, samples: 2, histograms: 0, exemplars: 0, reasons: [{ reason: 'no_name' }] })
    expect(bench.deps.fake.batches).toMatchObject([{ format: 'prometheus', signal: 'metrics', items: 2 }])
    bench.points()
    for (const series of [[], [one(bench, 'a')]]) await bench.write(2, series)
    await bench.engine.flush()
    expect([bench.deps.fake.batches, bench.uneven()]).toEqual([[], []])
  })

  it('throws for what cannot be read, and goes on', async () => {
    const bench = new EngineBench()
    const broken = new Uint8Array([0x2a, 0xff])
    expect(() => bench.put(2, broken)).toThrow(/cannot read/)
    expect(bench.uneven()).toEqual([])
    await bench.write(2, [one(bench, 'a')])
    expect(bench.points()).toHaveLength(1)
  })

  it('takes a request that was not taken as if it had not come', async () => {
    const bench = new EngineBench()
    const series = [one(bench, 'a'), ...members(bench, histogram)]
    bench.deps.fake.putError = queueFull()
    await expect(bench.write(2, series)).rejects.toMatchObject({ code: 'OB_QUEUE_FULL' })
    expect(bench.uneven()).toEqual([])
    bench.deps.fake.putError = undefined
    await bench.write(2, series)
    expect(bench.points()).toMatchObject([{ metric: 'a' }])
    await bench.after(10_000)
    expect(bench.points()).toMatchObject([{ metric: 'h', count: '3' }])
    expect(bench.uneven()).toEqual([])
  })

  it('answers a repetition only when what it repeats is safe', async () => {
    const bench = new EngineBench()
    bench.close()
    const first = bench.write(2, [one(bench, 'a')])
    const second = bench.write(2, [one(bench, 'a')])
    let answered = false
    second.then(
      () => (answered = true),
      () => {},
    )
    await turn()
    expect(answered).toBe(false)
    const failures = Promise.allSettled([first, second])
    bench.open(queueFull())
    expect((await failures).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect([bench.points(), bench.uneven()]).toEqual([[], []])
    // It was told that it was not taken, and comes once more.
    await bench.write(2, [one(bench, 'a')])
    expect(bench.points()).toHaveLength(1)
  })

  it('answers a repetition at once when what it repeats is safe already', async () => {
    const bench = new EngineBench()
    await bench.write(2, [one(bench, 'a')])
    bench.close()
    const other = bench.write(2, [one(bench, 'b')])
    bench.open()
    await other
    expect(await bench.write(2, [one(bench, 'a')])).toMatchObject({ samples: 1, rejected: 0 })
  })

  it('tells the sender what an endpoint left out', async () => {
    const bench = new EngineBench()
    const { intake } = bench.deps
    const put = intake.put.bind(intake)
    Object.assign(intake, {
      put: async (batch: Parameters<typeof put>[0]) => {
        await put(batch)
        batch.onRejected?.(2)
      },
    })
    expect(await bench.write(2, [one(bench, 'a'), one(bench, 'b'), one(bench, 'c')])).toMatchObject({ samples: 1, rejected: 2, items: 1 })
  })

  it('notes starts that are later than their sample', async () => {
    const bench = new EngineBench()
    await bench.write(2, [{ labels: 'a', samples: [[bench.nowMs, 1, bench.nowMs + 1]], type: 1 }])
    expect(countsOf(bench.deps.metrics, 'otlp_bridge_notes_total', 'reason')).toEqual({ start_after_sample: 1 })
  })

  it('answers that it is full while the assembler has no room', async () => {
    const bench = new EngineBench({ assembler: { maxPending: 1 } })
    bench.close()
    const underWay = [1, 2, 3, 4].map((at) => bench.write(2, [{ ...one(bench, `h_count{n="${at}"}`), type: 3 }]))
    const last = underWay.pop()
    bench.open()
    await expect(last).rejects.toMatchObject({ code: 'OB_QUEUE_FULL', retryAfterSeconds: 5 })
    await Promise.allSettled(underWay)
    expect(bench.uneven()).toEqual([])
  })

  describe('with a store', () => {
    it('keeps requests of which members wait, and lets go of them when all is sent', async () => {
      const store = new FakeStore()
      const bench = new EngineBench({}, { store })
      await bench.write(2, [one(bench, 'a')])
      expect(store.records.size).toBe(0)
      for (const name of histogram) await bench.write(2, members(bench, [name]))
      expect(store.kept('requests')).toHaveLength(4)
      await bench.after(10_000)
      expect([store.kept('requests').length, store.kept('sent').length]).toEqual([0, 1])
      await bench.after(120_001)
      expect(store.records.size).toBe(0)
    })

    it('goes on in the next run with what was answered', async () => {
      const store = new FakeStore()
      const first = new EngineBench({}, { store })
      const at = first.nowMs
      await first.write(2, [...members(first, histogram.slice(0, 2)), one(first, 'plain')])
      expect(first.points()).toHaveLength(1)
      const second = new EngineBench({}, { store, nowMs: at + 1000 })
      await second.recover(store)
      expect([second.points(), second.engine.held, second.uneven()]).toEqual([[], 2, []])
      second.nowMs = at
      await second.write(2, members(second, histogram.slice(2)))
      await second.after(12_000)
      expect(second.points()).toMatchObject([{ metric: 'h', time_unix_nano: nanos(at), count: '3', sum: 3, explicit_bounds: [1] }])
      expect(second.uneven()).toEqual([])
    })

    it('makes no second point of what was sent before', async () => {
      const store = new FakeStore()
      const first = new EngineBench({}, { store })
      // An older request waits for something else, so that nothing can be let go of.
      await first.write(2, [{ ...one(first, 'other_count'), type: 3 }])
      await first.after(5000)
      const all = members(first, histogram)
      await first.write(2, all.slice(0, 2))
      await first.after(1000)
      await first.write(2, all.slice(2))
      await first.after(9000)
      expect(first.points().map((each) => each.metric)).toEqual(['other', 'h'])
      const second = new EngineBench({}, { store, nowMs: first.nowMs })
      await second.recover(store)
      await second.after(60_000)
      expect([second.points(), second.uneven()]).toEqual([[], []])
    })

    it('leaves aside a record that cannot be read, and one that cannot be put now', async () => {
      const store = new FakeStore()
      store.records.set(1, { name: 'requests', data: new Uint8Array([1, 2, 3]) })
      const first = new EngineBench({}, { store })
      store.records.set(2, { name: 'sent', data: new Uint8Array(0) })
      const other = new FakeStore()
      const writer = new EngineBench({ histograms: 'assemble' }, { store: other })
      await writer.write(2, members(writer, ['h_count']))
      const [kept] = other.kept('requests')
      store.records.set(3, { name: 'requests', data: kept?.data ?? new Uint8Array(0) })
      // Types have changed since: what were members are series of their own now, which cannot be put.
      const changed = new EngineBench({ histograms: 'passthrough' }, { store })
      changed.deps.fake.putError = queueFull()
      await changed.recover(store)
      expect(changed.deps.lines.join()).toMatch(/cannot be read.*cannot take in/)
      expect(store.kept('requests').map(({ id }) => id)).toEqual([3])
      expect(changed.uneven()).toEqual([])
      await first.engine.finish(0)
    })
  })
})
