/** Series that wait, through the engine: `rw1.typePolicy: hold` and `targetInfo.wait`. Nothing that was answered may be lost or overtaken. */

import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { nanos, type PlainPoint, type PlainSeries, stale } from '../../support/writing.ts'
import { countsOf, queueFull } from '../support/fakes.ts'
import { EngineBench, FakeStore } from '../support/write-engine.ts'

const hold = { rw1: { typePolicy: 'hold', metadataWait: 60_000 } }
const wait = { targetInfo: { wait: 5000 } }

const brief = (points: readonly PlainPoint[]): unknown[] =>
  points.map((one) => [one.metric, one.type, Number(BigInt(one.time_unix_nano) / 1_000_000n), one.value])

const heldOf = (bench: EngineBench): Record<string, number> => countsOf(bench.deps.metrics, 'otlp_bridge_held_items', 'where')

const counter = (bench: EngineBench, value: number, name = 'app_requests'): PlainSeries => ({
  labels: `${name}{job="j",instance="i"}`,
  samples: [[bench.nowMs, value]],
})

describe('createEngine with typePolicy: hold', () => {
  it('answers, and holds series of which nobody said a type until metadata says it', async () => {
    const bench = new EngineBench(hold)
    const start = bench.nowMs
    const receipt = await bench.write(1, [counter(bench, 1), { labels: 'up{job="j"}', samples: [[bench.nowMs, 1]] }])
    expect(receipt).toMatchObject({ items: 2, rejected: 0, samples: 2 })
    expect(brief(bench.points())).toEqual([['up', 'gauge', start, 1]])
    expect([heldOf(bench), bench.engine.held, bench.uneven()]).toEqual([{ metadata: 1 }, 1, []])
    await bench.after(15_000)
    await bench.write(1, [counter(bench, 2)])
    await bench.after(1000)
    expect([bench.points(), heldOf(bench), bench.state.news]).toEqual([[], { metadata: 2 }, 0])
    await bench.write(1, [], [{ family: 'app_requests', type: 1 }])
    await bench.engine.flush()
    expect(brief(bench.points())).toEqual([
      ['app_requests', 'sum', start, 1],
      ['app_requests', 'sum', start + 15_000, 2],
    ])
    expect([heldOf(bench), bench.engine.held, bench.uneven()]).toEqual([{}, 0, []])
    expect(bench.state.types.switches).toBe(0)
    await bench.write(1, [counter(bench, 3)])
    expect(brief(bench.points())).toEqual([['app_requests', 'sum', bench.nowMs, 3]])
  })

  it('takes a series for what its name says when the time is over', async () => {
    const bench = new EngineBench(hold)
    await bench.write(1, [counter(bench, 1), counter(bench, 5, 'other_total')])
    await bench.after(59_999)
    expect(bench.points()).toEqual([])
    await bench.after(1)
    expect(brief(bench.points()).map((one) => (one as unknown[]).slice(0, 2))).toEqual([
      ['app_requests', 'gauge'],
      ['other_total', 'sum'],
    ])
    expect([heldOf(bench), bench.uneven()]).toEqual([{}, []])
  })

  it('does not hold what remote-write 2.0 sends, nor what metadata knows', async () => {
    const bench = new EngineBench(hold)
    await bench.write(1, [], [{ family: 'app_requests', type: 1 }])
    await bench.write(1, [counter(bench, 1)])
    await bench.write(2, [{ ...counter(bench, 1, 'other'), type: 2 }, counter(bench, 1, 'third')])
    expect(bench.points().map((one) => one.metric)).toEqual(['app_requests', 'other', 'third'])
  })

  it('lets nothing of a stream overtake what came before it', async () => {
    const bench = new EngineBench(hold)
    for (let turn = 0; turn < 4; turn++) {
      await bench.write(1, [counter(bench, turn)])
      bench.nowMs += 1000
    }
    await bench.write(1, [], [{ family: 'app_requests', type: 1 }])
    // The next scrape is here before anybody has looked at what waits.
    await bench.write(1, [counter(bench, 4)])
    expect(bench.points()).toEqual([])
    bench.deps.fake.putError = queueFull()
    await expect(bench.engine.flush()).rejects.toThrow(/full/)
    bench.deps.fake.putError = undefined
    await bench.write(1, [counter(bench, 5)])
    await bench.after(1000)
    expect(bench.points().map((one) => one.value)).toEqual([0, 1, 2, 3, 4, 5])
    await bench.write(1, [counter(bench, 6)])
    expect(bench.points().map((one) => one.value)).toEqual([6])
    expect(bench.uneven()).toEqual([])
  })

  it('holds members of histograms, and puts them together afterwards', async () => {
    const bench = new EngineBench(hold)
    const labels = ['lat_bucket{le="1"}', 'lat_bucket{le="+Inf"}', 'lat_sum', 'lat_count']
    await bench.write(
      1,
      labels.map((one, at) => ({ labels: one, samples: [[bench.nowMs, at + 1]] })),
    )
    expect(heldOf(bench)).toEqual({ metadata: 4 })
    await bench.after(1000)
    await bench.write(1, [], [{ family: 'lat', type: 3 }])
    await bench.after(1000)
    expect([bench.points(), heldOf(bench), bench.uneven()]).toEqual([[], { assembler: 4 }, []])
    await bench.after(10_000)
    expect(bench.points()).toMatchObject([{ metric: 'lat', type: 'histogram', bucket_counts: ['1', '3'], sum: 3, count: '4' }])
    expect([heldOf(bench), bench.uneven()]).toEqual([{}, []])
  })

  it('holds a _created with its counter, exemplars, and the end of a series', async () => {
    const bench = new EngineBench(hold)
    const startMs = bench.nowMs - 50_000
    const at = bench.nowMs
    await bench.write(1, [{ labels: 'app_created', samples: [[at, startMs / 1000]] }])
    await bench.write(1, [
      { labels: 'app_total', samples: [[at, 1]] },
      { labels: 'app_total', exemplars: [{ labels: { trace_id: 'ab' }, value: 1, timeMs: at }] },
    ])
    await bench.write(1, [{ labels: 'app_total', exemplars: [{ labels: { trace_id: 'cd' }, value: 1, timeMs: at }] }])
    bench.nowMs += 1000
    const second = bench.nowMs
    await bench.write(1, [{ labels: 'app_total', samples: [[second, stale]] }])
    expect([heldOf(bench), bench.uneven()]).toEqual([{ metadata: 3 }, []])
    await bench.write(1, [], [{ family: 'app', type: 1 }])
    await bench.after(1000)
    const points = bench.points()
    expect(points.map(({ metric, time_unix_nano, value, flags }) => [metric, time_unix_nano, value, flags])).toEqual([
      ['app_total', nanos(at), 1, undefined],
      ['app_total', nanos(second), undefined, 1],
    ])
    expect(points[0]).toMatchObject({ exemplars: [{ filtered_attributes: { trace_id: 'ab' } }] })
    expect([heldOf(bench), bench.uneven()]).toEqual([{}, []])
  })

  it('takes a repeated request for one', async () => {
    const bench = new EngineBench(hold)
    const series = [counter(bench, 1)]
    await bench.write(1, series)
    await bench.write(1, series)
    await bench.after(60_000)
    expect(bench.points()).toHaveLength(1)
    expect(countsOf(bench.deps.metrics, 'otlp_bridge_consumed_items_total', 'reason')).toEqual({ duplicate: 1 })
    expect(bench.uneven()).toEqual([])
  })

  it('refuses at once what it can never take, and what waits is not refused for its order', async () => {
    const bench = new EngineBench({ ...hold, outOfOrder: 'reject', conflict: 'reject' })
    const receipt = await bench.write(1, [
      { labels: 'a', samples: [[-5, 1]] },
      { labels: 'b', samples: [[bench.nowMs + 700_000, 1]] },
      { labels: [['__name__', 'c']], samples: [[bench.nowMs, 1]] },
    ])
    expect(receipt).toMatchObject({ items: 1, rejected: 2 })
    await bench.write(1, [{ labels: 'c', samples: [[bench.nowMs - 10, 1]] }])
    await bench.after(60_000)
    expect(bench.points().map((one) => [one.metric, one.value])).toEqual([
      ['c', 1],
      ['c', 1],
    ])
    expect(bench.uneven()).toEqual([])
  })

  it('sends all that waits when it stops', async () => {
    const bench = new EngineBench(hold)
    await bench.write(1, [
      counter(bench, 1),
      { labels: 'lat_bucket{le="1"}', samples: [[bench.nowMs, 1]] },
      { labels: 'lat_count', samples: [[bench.nowMs, 1]] },
    ])
    await bench.engine.finish(1000)
    expect(bench.points().map((one) => one.metric)).toEqual(['app_requests', 'lat'])
    expect([heldOf(bench), bench.uneven()]).toEqual([{}, []])
  })

  it('counts as lost what neither the queue takes at the end nor a store keeps', async () => {
    const bench = new EngineBench(hold)
    await bench.write(1, [counter(bench, 1), { labels: 'lat_count', samples: [[bench.nowMs, 1]] }])
    bench.deps.fake.putError = queueFull()
    await bench.engine.finish(0)
    expect(countsOf(bench.deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ shutdown: 2 })
    expect([heldOf(bench), bench.uneven()]).toEqual([{}, []])
  })

  it('says that a request was not taken when it is not, and holds nothing of it', async () => {
    const bench = new EngineBench(hold)
    bench.deps.fake.putError = queueFull()
    await expect(bench.write(1, [counter(bench, 1), { labels: 'up', samples: [[bench.nowMs, 1]] }])).rejects.toThrow(/full/)
    expect([heldOf(bench), bench.uneven()]).toEqual([{}, []])
    bench.deps.fake.putError = undefined
    await bench.write(1, [counter(bench, 1)])
    await bench.after(60_000)
    expect(bench.points()).toHaveLength(1)
  })

  it('goes on with what can never be taken, and counts it', async () => {
    const bench = new EngineBench(hold)
    await bench.write(1, [counter(bench, 1)])
    bench.deps.fake.putError = new BridgeError('OB_SEND_PERMANENT', 'cannot send: 400')
    await bench.after(60_000)
    expect(countsOf(bench.deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ send_permanent: 1 })
    expect([heldOf(bench), bench.uneven()]).toEqual([{}, []])
    bench.deps.fake.putError = undefined
    bench.nowMs += 1
    await bench.write(1, [counter(bench, 2)])
    expect(bench.points()).toHaveLength(1)
  })
})

describe('createEngine with targetInfo.wait', () => {
  const info = (bench: EngineBench): PlainSeries => ({
    labels: 'target_info{job="j",instance="i",k8s_pod_name="p"}',
    samples: [[bench.nowMs, 1]],
  })

  it('holds the first data of a target until its target_info comes', async () => {
    const bench = new EngineBench(wait)
    await bench.write(2, [{ ...counter(bench, 1), type: 1 }])
    expect([bench.points(), heldOf(bench)]).toEqual([[], { target_info: 1 }])
    await bench.write(2, [info(bench)])
    await bench.engine.flush()
    expect(bench.points()).toMatchObject([{ metric: 'app_requests', resource: { k8s_pod_name: 'p' } }])
    expect([heldOf(bench), bench.uneven()]).toEqual([{}, []])
  })

  it('holds none whose target_info is in the same request, or when the time is over', async () => {
    const bench = new EngineBench(wait)
    await bench.write(1, [counter(bench, 1), info(bench)])
    expect(bench.points()).toHaveLength(1)
    const other = (): PlainSeries => ({ labels: 'up{job="k"}', samples: [[bench.nowMs, 1]] })
    await bench.write(1, [other()])
    expect(bench.points()).toEqual([])
    await bench.after(4999)
    expect(bench.points()).toEqual([])
    await bench.after(1)
    expect(bench.points()).toMatchObject([{ metric: 'up', resource: { 'service.name': 'k' } }])
    bench.nowMs += 1000
    await bench.write(1, [other(), { labels: 'second{job="k"}', samples: [[bench.nowMs, 1]] }])
    expect(bench.points()).toHaveLength(2)
    expect(bench.uneven()).toEqual([])
  })

  it('holds native histograms, and refuses at once those that can never be taken', async () => {
    const bench = new EngineBench(wait)
    const histogram = { count_int: '1', schema: 0, positive_spans: [{ offset: 1, length: 1 }], positive_deltas: ['1'] }
    const receipt = await bench.write(2, [
      { labels: 'n{job="j"}', histograms: [{ ...histogram, timestamp: String(bench.nowMs) }] },
      { labels: 'm{job="j"}', histograms: [{ ...histogram, reset_hint: 3, timestamp: String(bench.nowMs) }] },
    ])
    expect(receipt).toMatchObject({ items: 1, histograms: 1, rejected: 1 })
    expect(heldOf(bench)).toEqual({ target_info: 1 })
    await bench.after(5000)
    expect(bench.points()).toMatchObject([{ metric: 'n', type: 'exponentialHistogram' }])
    expect(bench.uneven()).toEqual([])
  })
})

describe('createEngine with a store and what waits', () => {
  it('gives what was answered and waited to the next run', async () => {
    const store = new FakeStore()
    const first = new EngineBench(hold, { store })
    await first.write(1, [counter(first, 1), { labels: 'up', samples: [[first.nowMs, 1]] }])
    expect(first.points().map((one) => one.metric)).toEqual(['up'])
    const second = new EngineBench(hold, { store, nowMs: first.nowMs + 100 })
    await second.recover(store)
    expect([second.points(), heldOf(second), second.uneven()]).toEqual([[], { metadata: 1 }, []])
    await second.write(1, [], [{ family: 'app_requests', type: 1 }])
    await second.after(1000)
    expect(brief(second.points())).toEqual([['app_requests', 'sum', first.nowMs, 1]])
    await second.after(200_000)
    expect([second.uneven(), store.records.size]).toEqual([[], 0])
  })

  it('sends nothing twice when it dies after some of it was sent', async () => {
    const store = new FakeStore()
    const first = new EngineBench(hold, { store })
    await first.write(1, [counter(first, 7, 'old')])
    await first.write(1, [counter(first, 1, 'a'), counter(first, 2, 'b')])
    await first.write(1, [], [{ family: 'a', type: 1 }])
    await first.after(1000)
    expect(first.points().map((one) => one.metric)).toEqual(['a'])
    const second = new EngineBench(hold, { store, nowMs: first.nowMs })
    await second.recover(store)
    await second.after(60_000)
    expect(second.points().map((one) => one.metric)).toEqual(['old', 'b'])
    expect(second.uneven()).toEqual([])
    // The same when all of it was sent, and could not be let go of because an older one waited.
    const third = new EngineBench(hold, { store, nowMs: second.nowMs })
    await third.recover(store)
    await third.after(60_000)
    expect(third.points()).toEqual([])
  })

  it('keeps members that have waited until their histogram is sent', async () => {
    const store = new FakeStore()
    const first = new EngineBench(hold, { store })
    const members = ['lat_bucket{le="1"}', 'lat_bucket{le="+Inf"}', 'lat_sum', 'lat_count']
    await first.write(
      1,
      members.map((labels): PlainSeries => ({ labels, samples: [[first.nowMs, 2]] })),
    )
    await first.write(1, [], [{ family: 'lat', type: 3 }])
    await first.after(1000)
    expect([first.points(), heldOf(first)]).toEqual([[], { assembler: 4 }])
    const second = new EngineBench(hold, { store, nowMs: first.nowMs })
    await second.write(1, [], [{ family: 'lat', type: 3 }])
    await second.recover(store)
    await second.after(10_000)
    expect(second.points()).toMatchObject([{ metric: 'lat', count: '2' }])
    expect([heldOf(second), second.uneven()]).toEqual([{}, []])
    await second.after(200_000)
    expect(store.records.size).toBe(0)
  })

  it('sends what was kept at once where the option is off by now', async () => {
    const store = new FakeStore()
    const first = new EngineBench(hold, { store })
    await first.write(1, [counter(first, 1)])
    const second = new EngineBench({}, { store, nowMs: first.nowMs })
    await second.recover(store)
    expect(second.points()).toHaveLength(1)
    expect(second.uneven()).toEqual([])
  })
})
