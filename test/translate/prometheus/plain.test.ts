/** Points of series that stand for themselves: sections 6 and 7 of the mapping. */

import { describe, expect, it } from 'vitest'
import { bitsOf } from '../../support/remote-write.ts'
import { nanos, type PlainPoint, type PlainSample, stale, type Value, Writing } from '../../support/writing.ts'

const brief = (points: readonly PlainPoint[]): unknown[] =>
  points.map((one) => [Number(BigInt(one.time_unix_nano) / 1_000_000n), one.flags === 1 ? stale : one.value])

const write = (w: Writing, samples: readonly PlainSample[], labels = 'x{job="j"}') => w.write(2, [{ labels, samples, type: 1 }])
const outcome = (w: Writing, samples: readonly PlainSample[], type = 1) => w.outcome(2, [{ labels: 'x{job="j"}', samples, type }])

const native = (timeMs: number, more: object = {}): object => ({
  count_int: '3',
  sum: bitsOf(6),
  schema: 0,
  positive_spans: [{ offset: 1, length: 1 }],
  positive_deltas: ['3'],
  timestamp: String(timeMs),
  ...more,
})
const custom = { schema: -53, custom_values: [bitsOf(1)], positive_spans: [{ offset: 0, length: 1 }] }
const staleSum = { sum: 0x7ff0000000000002n.toString(), count_int: '0', positive_spans: [], positive_deltas: [] }

describe('createPlainWriter', () => {
  describe('samples', () => {
    it('keep their bits: NaN, infinities, and -0', () => {
      const w = new Writing()
      const points = write(w, [
        [w.nowMs - 3, Number.NaN],
        [w.nowMs - 2, Number.NEGATIVE_INFINITY],
        [w.nowMs - 1, -0],
      ])
      expect(points.map(({ value, flags }) => [value, flags])).toEqual([
        [Number.NaN, undefined],
        [Number.NEGATIVE_INFINITY, undefined],
        [-0, undefined],
      ])
    })

    it('go in order of time, and those of one time in the order in which they came', () => {
      const w = new Writing()
      const at = w.nowMs
      const points = write(w, [
        [at, 3],
        [at - 2, 1],
        [at, 4],
        [at - 1, 2],
      ])
      expect(points.map(({ value }) => value)).toEqual([1, 2, 3, 4])
    })

    it.each<[string, number, string | undefined]>([
      ['of 1970', 0, undefined],
      ['of before 1970', -1, 'negative_timestamp'],
      ['of the far end of int64', 2 ** 53, 'too_far_in_future'],
      ['of the other end', -(2 ** 53), 'negative_timestamp'],
      ['of ten minutes from now', 1_700_000_600_000, undefined],
      ['of later', 1_700_000_600_001, 'too_far_in_future'],
    ])('%s', (_what, timeMs, reason) => {
      const w = new Writing()
      const result = outcome(w, [
        [timeMs, 1],
        [w.nowMs, 2],
      ])
      expect([...result.refusals.keys()]).toEqual(reason === undefined ? [] : [reason])
      expect([result.samples, result.points.count]).toEqual(reason === undefined ? [2, 2] : [1, 1])
    })

    it('are refused for times that OTLP cannot say, however far the future is allowed', () => {
      const w = new Writing({ maxFuture: Number.MAX_SAFE_INTEGER })
      expect(brief(write(w, [[18_446_744_073_709, 1]]))).toEqual([[18_446_744_073_709, 1]])
      expect([...outcome(w, [[18_446_744_073_710, 1]]).refusals.keys()]).toEqual(['too_far_in_future'])
    })
  })

  describe('duplicates and order', () => {
    const at = 1_700_000_000_000
    it('leaves out what comes again with the same bits, a NaN too', () => {
      const w = new Writing()
      for (const value of [5, Number.NaN] as const) {
        w.nowMs++
        expect(outcome(w, [[w.nowMs, value]]).points.count).toBe(1)
        const again = outcome(w, [[w.nowMs, value]])
        expect([again.points.count, again.samples, again.consumed]).toEqual([0, 1, new Map([['duplicate', 1]])])
      }
    })

    it('forwards another value of the same time, or refuses it', () => {
      const w = new Writing()
      write(w, [[at, 1]])
      expect(brief(write(w, [[at, 2]]))).toEqual([[at, 2]])
      const strict = new Writing({ conflict: 'reject' })
      write(strict, [[at, 1]])
      expect([...outcome(strict, [[at, 2]]).refusals.keys()]).toEqual(['conflict'])
      expect(outcome(strict, [[at, 1]]).consumed.get('duplicate')).toBe(1)
    })

    it('forwards what is older, or refuses it; the newest stays the newest', () => {
      const w = new Writing()
      write(w, [[at, 1]])
      const older = outcome(w, [[at - 1, 0]])
      expect([older.outOfOrder, older.points.count]).toEqual([1, 1])
      expect(outcome(w, [[at, 1]]).consumed.get('duplicate')).toBe(1)
      const strict = new Writing({ outOfOrder: 'reject' })
      write(strict, [[at, 1]])
      expect([...outcome(strict, [[at - 1, 0]]).refusals.keys()]).toEqual(['out_of_order'])
    })

    it('forwards everything where it is asked to', () => {
      const w = new Writing({ duplicates: 'forward' })
      write(w, [[at, 1]])
      expect(write(w, [[at, 1]])).toHaveLength(1)
    })

    it('forgets what a request that was not taken has moved', () => {
      const w = new Writing()
      const first = outcome(w, [[at, 1]])
      w.translator.forget(first.touched.slice(0, first.touchedCount))
      expect(brief(write(w, [[at, 1]]))).toEqual([[at, 1]])
    })

    it('takes nothing for a duplicate that an earlier run kept', () => {
      const w = new Writing()
      write(w, [[at, 1]])
      const again = w.outcome(2, [{ labels: 'x{job="j"}', samples: [[at, 1]], type: 1 }], [], { only: [0], again: 'recovered' })
      expect(again.points.count).toBe(1)
    })

    it('knows native histograms again', () => {
      const w = new Writing()
      const one = { labels: 'n', histograms: [native(at)] }
      expect(w.outcome(2, [one]).points.count).toBe(1)
      const again = w.outcome(2, [one])
      expect([again.points.count, again.histograms, again.consumed.get('duplicate')]).toEqual([0, 1, 1])
      expect(w.outcome(2, [{ labels: 'n', histograms: [native(at, { count_int: '4', positive_deltas: ['4'] })] }]).points.count).toBe(1)
    })

    it('puts native histograms in order of time', () => {
      const w = new Writing({ outOfOrder: 'reject' })
      const points = w.write(2, [{ labels: 'n', histograms: [native(at), native(at - 1000), native(at - 500)] }])
      expect(points.map((one) => one.time_unix_nano)).toEqual([at - 1000, at - 500, at].map(nanos))
    })
  })

  describe('stale markers', () => {
    const at = 1_700_000_000_000
    it.each([1, 2, 5, 6, 7, 0])('of type %i have the flag and no value', (type) => {
      const w = new Writing()
      const series = (value: Value, timeMs: number) => [{ labels: 'x{job="j"}', samples: [[timeMs, value] as const], type }]
      const [point] = w.write(2, series(1, at - 1))
      const [end] = w.write(2, series(stale, at))
      const { value: _value, flags: _flags, time_unix_nano: _time, ...identity } = point as PlainPoint
      expect(end).toEqual({ ...identity, time_unix_nano: nanos(at), flags: 1 })
    })

    it('end the start and the order of a stream', () => {
      const w = new Writing()
      write(w, [[at, 5, at - 1000]])
      write(w, [[at + 1, stale]])
      const result = outcome(w, [[at, 5]])
      expect([result.outOfOrder, result.consumed.size, result.points.count]).toEqual([0, 0, 1])
      expect(w.pointsOf(result)[0]).not.toHaveProperty('start_time_unix_nano')
    })

    it('end nothing when they are older than the newest', () => {
      const w = new Writing()
      write(w, [[at, 5]])
      expect(brief(write(w, [[at - 1, stale]]))).toEqual([[at - 1, stale]])
      expect(outcome(w, [[at, 5]]).consumed.get('duplicate')).toBe(1)
    })

    it('are left out where they are not wanted', () => {
      const w = new Writing({ stale: 'drop' })
      const result = w.outcome(2, [
        { labels: 'x', samples: [[at, stale]] },
        { labels: 'n', histograms: [native(at, staleSum)] },
      ])
      expect([result.points.count, result.samples, result.histograms, result.consumed]).toEqual([0, 1, 1, new Map([['stale', 2]])])
    })

    it.each([
      ['exponentialHistogram', {}],
      ['histogram', custom],
    ])('that come as floats end a %s', (type, shape) => {
      const w = new Writing()
      w.write(2, [{ labels: 'n{a="1"}', histograms: [native(at, shape)] }])
      const [end] = w.write(2, [{ labels: 'n{a="1"}', samples: [[at + 1, stale]] }])
      expect(end).toMatchObject({ metric: 'n', type, flags: 1, time_unix_nano: nanos(at + 1), attributes: { a: '1' } })
      // And as floats they begin again.
      expect(w.write(2, [{ labels: 'n{a="1"}', samples: [[at + 2, 7]] }])).toMatchObject([{ value: 7 }])
      expect(w.write(2, [{ labels: 'n{a="1"}', samples: [[at + 3, stale]] }])).toMatchObject([{ type: 'gauge', flags: 1 }])
    })

    it('of native histograms have a shape and nothing in it', () => {
      const w = new Writing()
      expect(w.write(2, [{ labels: 'n', histograms: [native(at, staleSum)] }])).toMatchObject([{ type: 'exponentialHistogram', flags: 1 }])
    })
  })

  describe('starts', () => {
    const at = 1_700_000_000_000
    const start = (w: Writing, type: number, more: object = {}) =>
      w.write(2, [{ labels: 'x{job="j"}', samples: [[at, 1, at - 500]], type, ...more }])[0]?.['start_time_unix_nano']

    it.each([
      [1, nanos(at - 500)],
      [6, nanos(at - 500)],
      [7, nanos(at - 500)],
      [2, undefined],
      [0, undefined],
    ])('of type %i: %s', (type, wanted) => expect(start(new Writing(), type)).toBe(wanted))

    it('of the sample win over that of the series, which is for all of it', () => {
      const samples: PlainSample[] = [
        [at - 1, 1],
        [at, 2, at - 500],
      ]
      const points = new Writing().write(2, [{ labels: 'x', samples, type: 1, createdMs: at - 900 }])
      expect(points.map((one) => one['start_time_unix_nano'])).toEqual([nanos(at - 900), nanos(at - 500)])
    })

    it('later than their sample are left out, and counted', () => {
      const w = new Writing()
      const result = outcome(w, [[at, 1, at + 1]])
      expect(result.startsAfter).toBe(1)
      expect(w.pointsOf(result)[0]).not.toHaveProperty('start_time_unix_nano')
    })

    it('of native histograms', () => {
      const points = new Writing().write(2, [{ labels: 'n', histograms: [native(at, { start_timestamp: String(at - 500) })] }])
      expect(points[0]?.['start_time_unix_nano']).toBe(nanos(at - 500))
    })
  })

  describe('native histograms', () => {
    const at = 1_700_000_000_000
    it('that cannot be said are refused one by one, and come again as the first time', () => {
      const w = new Writing()
      const series = [{ labels: 'n', histograms: [native(at - 1), native(at, { reset_hint: 3 })] }]
      for (let turn = 0; turn < 2; turn++) {
        const result = w.outcome(2, series)
        expect([...result.refusals.values()].map(({ reason, count }) => [reason.startsWith('histogram_'), count])).toEqual([[true, 1]])
        expect([result.histograms, [...result.histogramsRefused.values()]]).toEqual([1, [1]])
      }
    })

    it('that are to be dropped count as written', () => {
      const w = new Writing({ gaugehistogram: 'drop' })
      const result = w.outcome(2, [{ labels: 'n', histograms: [native(at, { reset_hint: 3 })] }])
      expect([result.histograms, result.points.count, result.refusals.size, [...result.dropped.values()]]).toEqual([1, 0, 0, [1]])
    })

    it('stand for the classic form of the same name', () => {
      const w = new Writing()
      w.write(2, [{ labels: 'n', histograms: [native(at)], type: 3 }])
      const result = w.outcome(2, [{ labels: 'n_count', samples: [[at, 3]], type: 3 }])
      expect([result.consumed, result.held]).toEqual([new Map([['shadowed', 1]]), 0])
    })
  })

  it('sends classic gauge histograms series by series, or drops them', () => {
    const series = [
      { labels: 'g_bucket{le="1"}', samples: [[1_700_000_000_000, 1] as const], type: 4 },
      { labels: 'g_gcount', samples: [[1_700_000_000_000, 1] as const], type: 4 },
    ]
    const points = new Writing().write(2, series)
    expect(points.map(({ metric, type, metadata }) => [metric, type, metadata])).toEqual([
      ['g_bucket', 'gauge', { 'prometheus.type': 'gaugehistogram' }],
      ['g_gcount', 'gauge', { 'prometheus.type': 'gaugehistogram' }],
    ])
    const dropped = new Writing({ gaugehistogram: 'drop' }).outcome(2, series)
    expect([dropped.points.count, dropped.samples, dropped.dropped]).toEqual([0, 2, new Map([['gaugehistogram', 2]])])
  })
})
