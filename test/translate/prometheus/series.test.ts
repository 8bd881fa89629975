/** What a series is taken for, and what becomes of it when that changes. */

import { describe, expect, it } from 'vitest'
import { createUserMapping, userMappingSchema } from '../../../src/translate/prometheus/user-mapping.ts'
import { nanos, type PlainPoint, type PlainSeries, stale, type Value, Writing } from '../../support/writing.ts'

const one = (w: Writing, labels: string, value: Value = 1): PlainSeries => ({ labels, samples: [[w.nowMs, value]] })
const brief = (points: readonly PlainPoint[]): unknown[] => points.map(({ metric, type, value, unit }) => [metric, type, value, unit])

describe('createSeriesReader', () => {
  it('switches a stream when metadata says another type than its name, and keeps its order', () => {
    const w = new Writing()
    expect(brief(w.write(1, [one(w, 'requests{a="1"}')]))).toEqual([['requests', 'gauge', 1, '']])
    const outcome = w.outcome(1, [one(w, 'requests{a="1"}')], [{ family: 'requests', type: 1, unit: 'seconds', help: 'H' }])
    expect(outcome.consumed.get('duplicate')).toBe(1)
    w.nowMs += 1000
    const [point] = w.write(1, [one(w, 'requests{a="1"}', 2)])
    expect(point).toMatchObject({ metric: 'requests', type: 'sum', monotonic: true, unit: 's', description: 'H', value: 2 })
    expect(w.state.types.switches).toBe(1)
  })

  it('looks at all of them at most once a second, however often types change', () => {
    const w = new Writing()
    w.write(1, [one(w, 'a'), one(w, 'b')])
    const { generation } = w.state
    w.write(1, [], [{ family: 'a', type: 1 }])
    w.nowMs += 10
    w.write(1, [], [{ family: 'b', type: 1 }])
    expect(w.state.generation).toBe(generation + 2)
    w.nowMs += 1000
    expect(brief(w.write(1, [one(w, 'a'), one(w, 'b')])).map((each) => (each as unknown[])[1])).toEqual(['sum', 'sum'])
    expect(w.state.generation).toBe(generation + 4)
  })

  it('turns gauges into a histogram when metadata comes, with what waits already', () => {
    const w = new Writing({ types: {} })
    const members = (): PlainSeries[] => [one(w, 'h_count', 2), one(w, 'h_sum', 3)]
    w.write(1, members())
    w.write(1, [one(w, 'h_bucket{le="1"}', 1), one(w, 'h_bucket{le="+Inf"}', 2)], [{ family: 'h', type: 3 }])
    expect(w.after(10_000)).toMatchObject([{ metric: 'h', type: 'histogram', count: '2', sum: 3, bucket_counts: ['1', '1'] }])
  })

  it('takes a counter for a gauge again where a user says so', () => {
    const w = new Writing({ types: { 'x_*': 'gauge' } })
    expect(brief(w.write(2, [{ ...one(w, 'x_total'), type: 1 }]))).toEqual([['x_total', 'gauge', 1, '']])
  })

  it('takes members series by series where nothing is to be put together', () => {
    const w = new Writing({ histograms: 'passthrough' })
    const points = w.write(
      2,
      ['h_bucket{le="1",a="b"}', 'h_sum{a="b"}', 'h_count{a="b"}'].map((labels) => ({ ...one(w, labels), type: 3 })),
    )
    expect(points.map(({ metric, type, attributes, metadata }) => [metric, type, attributes, metadata])).toEqual([
      ['h_bucket', 'sum', { a: 'b', le: '1' }, { 'prometheus.type': 'histogram' }],
      ['h_sum', 'sum', { a: 'b' }, { 'prometheus.type': 'histogram' }],
      ['h_count', 'sum', { a: 'b' }, { 'prometheus.type': 'histogram' }],
    ])
    const summary = w.write(2, [{ ...one(w, 's{quantile="0.5"}'), type: 5 }])
    expect(summary).toMatchObject([{ metric: 's', type: 'gauge', attributes: { quantile: '0.5' } }])
    // Of these nobody says that they grow.
    expect(w.write(1, [one(w, 'machine_count'), one(w, 'lone_sum')])).toMatchObject([{ type: 'gauge' }, { type: 'gauge' }])
  })

  it('refuses a bound that is not a number, and takes one that is none for a gauge', () => {
    const w = new Writing()
    const outcome = w.outcome(1, [one(w, 'h_bucket{le="NaN"}'), one(w, 's{quantile="NaN"}'), one(w, 'h_bucket{le="x"}')])
    expect([[...outcome.refusals.values()].map(({ reason, count }) => [reason, count]), outcome.points.count]).toEqual([
      [['invalid_bound', 2]],
      outcome.points.count,
    ])
    expect(brief(w.pointsOf(outcome)).map((each) => (each as unknown[]).slice(0, 2))).toContainEqual(['h_bucket', 'gauge'])
  })

  it('reads labels about types without making them part of the stream', () => {
    const w = new Writing()
    const [point] = w.write(1, [one(w, 'lat{__type__="counter",__unit__="seconds",a="1"}')])
    expect(point).toMatchObject({ metric: 'lat', type: 'sum', unit: 's', attributes: { a: '1' } })
    expect(w.outcome(1, [one(w, 'lat{a="1"}')]).consumed.get('duplicate')).toBe(1)
  })

  it('takes names apart where it is asked to', () => {
    const w = new Writing({ names: 'strip' })
    const points = w.write(2, [
      { ...one(w, 'cpu_seconds_total'), type: 1, unit: 'seconds' },
      { ...one(w, 'mem_bytes'), type: 2, unit: 'bytes' },
    ])
    expect(brief(points)).toEqual([
      ['cpu', 'sum', 1, 's'],
      ['mem', 'gauge', 1, 'By'],
    ])
  })

  describe('with a factor', () => {
    const file = {
      metrics: [
        { match: 'lat_ms', metric: 'lat', unit: 's', factor: 0.001, labels: { old: 'new' } },
        { match: 'up_ms', metric: 'up.time', unit: 's', factor: 0.001 },
      ],
    }
    const mapping = createUserMapping(userMappingSchema.parse(file))
    const create = () => new Writing({ names: 'semconv' }, { mapping })

    it('multiplies values, not ends', () => {
      const w = create()
      expect(brief(w.write(2, [{ ...one(w, 'up_ms', 2500), type: 2 }]))).toEqual([['up.time', 'gauge', 2.5, 's']])
      w.nowMs++
      expect(w.write(2, [{ ...one(w, 'up_ms', stale), type: 2 }])).toMatchObject([{ metric: 'up.time', flags: 1 }])
    })

    it('multiplies bounds, sums and quantiles, not counts', () => {
      const w = create()
      const type = 3
      w.write(2, [
        { ...one(w, 'lat_ms_bucket{le="500",old="x"}', 1), type },
        { ...one(w, 'lat_ms_bucket{le="+Inf",old="x"}', 2), type },
        { ...one(w, 'lat_ms_sum{old="x"}', 900), type },
        { ...one(w, 'lat_ms_count{old="x"}', 2), type },
      ])
      expect(w.after(10_000)).toMatchObject([
        { metric: 'lat', unit: 's', attributes: { new: 'x' }, explicit_bounds: [0.5], bucket_counts: ['1', '1'], sum: 0.9, count: '2' },
      ])
      const s = create()
      s.write(2, [
        { ...one(s, 'lat_ms{quantile="0.5"}', 400), type: 5 },
        { ...one(s, 'lat_ms_sum', 900), type: 5 },
        { ...one(s, 'lat_ms_count', 2), type: 5 },
      ])
      expect(s.after(10_000)).toMatchObject([{ metric: 'lat', type: 'summary', sum: 0.9, count: '2', quantile_values: [{ value: 0.4 }] }])
    })
  })

  it('keeps long labels beside the others, up to a bound', () => {
    const w = new Writing()
    const long = Array.from({ length: 4 }, (_, at): [string, string] => [`l${at}`, 'v'.repeat(60_000)])
    const series: PlainSeries = { labels: [['__name__', 'a'], ...long], samples: [[w.nowMs, 1]] }
    for (let turn = 0; turn < 2; turn++) {
      const [point] = w.write(1, [{ ...series, samples: [[w.nowMs++, 1]] }])
      expect(Object.values(point?.attributes ?? {}).map((each) => String(each).length)).toEqual([60_000, 60_000, 60_000, 60_000])
    }
  })

  it('puts the start of before to the points of after a switch', () => {
    const w = new Writing()
    w.write(1, [one(w, 'x')], [])
    w.write(1, [one(w, 'x_created', 1_699_999_000)])
    w.nowMs += 2000
    w.write(1, [], [{ family: 'x', type: 1 }])
    w.nowMs += 2000
    expect(w.write(1, [one(w, 'x')])[0]?.['start_time_unix_nano']).toBe(nanos(1_699_999_000_000))
  })
})
