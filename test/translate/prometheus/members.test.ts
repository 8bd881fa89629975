/** Members of classic histograms and summaries on their way to the assembler, and those that turn out to be none: section 5 of the mapping. */

import { describe, expect, it } from 'vitest'
import { nanos, type PlainPoint, type PlainSeries, stale, type Value, Writing, writeBody } from '../../support/writing.ts'

const brief = (points: readonly PlainPoint[]): unknown[] => points.map((one) => [one.metric, one.type, one.value])

const histogram = (w: Writing, values: Readonly<Record<string, Value>>, type = 3, more: Partial<PlainSeries> = {}): PlainSeries[] =>
  Object.entries(values).map(([name, value]) => ({
    labels: name.startsWith('le=') ? `h_bucket{le="${name.slice(3)}"}` : `h_${name}`,
    samples: [[w.nowMs, value]],
    type,
    ...more,
  }))

/** Writes the same again and again, every 15 s. */
function rounds(w: Writing, count: number, make: (turn: number) => PlainSeries[], version: 1 | 2 = 2): PlainPoint[] {
  const all: PlainPoint[] = []
  for (let turn = 0; turn < count; turn++) {
    all.push(...w.write(version, make(turn)))
    all.push(...w.after(15_000))
  }
  return all
}

describe('createMemberWriter', () => {
  it('puts one point together out of several requests, whatever way the bounds are written', () => {
    const w = new Writing()
    const at = w.nowMs
    const all = histogram(w, { 'le=1': 1, 'le=2.0': 2, 'le=+Inf': 4, count: 4, sum: 9 })
    for (const one of all) expect(w.write(2, [one])).toEqual([])
    w.write(2, histogram(w, { 'le=1.0': 1, 'le=2e0': 2, 'le=Inf': 4 }))
    expect(w.after(10_000)).toMatchObject([
      {
        metric: 'h',
        type: 'histogram',
        time_unix_nano: nanos(at),
        count: '4',
        sum: 9,
        explicit_bounds: [1, 2],
        bucket_counts: ['1', '1', '2'],
      },
    ])
  })

  it('counts members as written, and as held', () => {
    const w = new Writing()
    const outcome = w.outcome(2, histogram(w, { 'le=1': 1, count: 4, sum: 9 }))
    expect([outcome.samples, outcome.held, outcome.points.count, outcome.members.length]).toEqual([3, 3, 0, 9])
    const again = w.outcome(2, histogram(w, { 'le=1': 1, count: 5 }))
    expect([again.samples, again.held, again.consumed]).toEqual([2, 1, new Map([['duplicate', 1]])])
  })

  it('takes a count that stays alone for a gauge', () => {
    const w = new Writing()
    const points = rounds(w, 8, (turn) => [{ labels: 'kube_count{job="a"}', samples: [[w.nowMs, turn]] }], 1)
    expect(brief(points)).toEqual(Array.from({ length: 8 }, (_, turn) => ['kube_count', 'gauge', turn]))
    // It is known by now, and does not wait.
    expect(brief(w.write(1, [{ labels: 'kube_count{job="a"}', samples: [[w.nowMs, 9]] }]))).toEqual([['kube_count', 'gauge', 9]])
  })

  it('takes it for a summary once its other half is there', () => {
    const w = new Writing()
    const count = (): PlainSeries => ({ labels: 'x_count', samples: [[w.nowMs, 3]] })
    rounds(w, 6, () => [count()], 1)
    const points = rounds(w, 4, () => [count(), { labels: 'x_sum', samples: [[w.nowMs, 7]] }], 1)
    expect(points.at(-1)).toMatchObject({ metric: 'x', type: 'summary', count: '3', sum: 7 })
  })

  it('takes a histogram whose values are not whole for gauges, declared or not, and goes on doing so', () => {
    const values = { 'le=1': 0.5, 'le=+Inf': 1.5, count: 1.5, sum: 1.5 }
    for (const type of [3, 0]) {
      const w = new Writing()
      const points = rounds(w, 4, () => histogram(w, values, type))
      expect(brief(points).sort()).toEqual(
        Array.from({ length: 4 }, () => [
          ['h_bucket', 'gauge', 0.5],
          ['h_bucket', 'gauge', 1.5],
          ['h_count', 'gauge', 1.5],
          ['h_sum', 'gauge', 1.5],
        ])
          .flat()
          .sort(),
      )
      const les = points.filter((one) => one.metric === 'h_bucket').map((one) => one.attributes['le'])
      expect(new Set(les)).toEqual(new Set(['1', '+Inf']))
      // Whole numbers make it no histogram again, though all series are looked at anew.
      w.write(1, [], [{ family: 'h', type, help: 'another' }])
      w.nowMs += 2000
      expect(brief(w.write(2, histogram(w, { 'le=1': 1, 'le=+Inf': 2, count: 2, sum: 2 }, type)))).toHaveLength(4)
    }
  })

  it('takes the rest of a series for a gauge when a part of it was a duplicate', () => {
    const w = new Writing()
    rounds(w, 3, () => histogram(w, { 'le=1': 0.5, 'le=+Inf': 1.5, count: 1.5 }))
    const before = w.nowMs
    w.write(2, histogram(w, { count: 1.5 }))
    w.nowMs += 1000
    const outcome = w.outcome(2, [
      {
        labels: 'h_count',
        type: 3,
        samples: [
          [before, 1.5],
          [w.nowMs, 2.5],
        ],
      },
    ])
    expect([outcome.samples, outcome.points.count + (outcome.consumed.get('duplicate') ?? 0)]).toEqual([2, 2])
  })

  it('refuses times as those of other samples', () => {
    const w = new Writing()
    const outcome = w.outcome(2, [
      {
        labels: 'h_count',
        type: 3,
        samples: [
          [-1, 1],
          [w.nowMs + 700_000, 1],
          [w.nowMs, 1],
        ],
      },
    ])
    expect([[...outcome.refusals.keys()], outcome.held]).toEqual([['negative_timestamp', 'too_far_in_future'], 1])
  })

  it('refuses buckets of too many times at once', () => {
    const w = new Writing()
    const samples = Array.from({ length: 5000 }, (_, at) => [w.nowMs - at * 1000, 1] as const)
    const outcome = w.outcome(2, [{ labels: 'h_bucket{le="1"}', type: 3, samples }])
    const refused = outcome.refusals.get('histogram_member')?.count ?? 0
    expect([refused > 0, refused + outcome.held]).toEqual([true, 5000])
  })

  it('tells the earliest start of its members', () => {
    const w = new Writing()
    const at = w.nowMs
    w.write(2, [
      ...histogram(w, { 'le=+Inf': 1 }, 3, { createdMs: at - 500 }),
      ...histogram(w, { count: 1 }, 3, { createdMs: at - 900 }),
      ...histogram(w, { sum: 1 }, 3, { createdMs: at + 900 }),
    ])
    expect(w.after(10_000)[0]?.['start_time_unix_nano']).toBe(nanos(at - 900))
  })

  it.each<[string, number, unknown]>([
    ['true_reset', 3, undefined],
    ['first_seen', 3, undefined],
  ])('gives a start by option %s', (startTime) => {
    const w = new Writing({ startTime })
    const values = (count: number) => ({ 'le=+Inf': count, count, sum: count })
    const first = w.nowMs
    const points = rounds(w, 3, (turn) => histogram(w, values(turn < 2 ? turn + 5 : 1)))
    const starts = points.map((one) => one['start_time_unix_nano'])
    if (startTime === 'true_reset') expect(starts).toEqual([nanos(first), nanos(first), nanos(first + 30_000 - 1)])
    else expect(starts).toEqual([nanos(first), nanos(first + 30_000 - 1)])
  })

  it('ends with a marker of its count, and begins anew', () => {
    const w = new Writing()
    const values = { 'le=1': 1, 'le=+Inf': 2, count: 2, sum: 2 }
    rounds(w, 2, () => histogram(w, values, 3, { createdMs: w.nowMs - 500 }))
    const end = histogram(w, { 'le=1': stale, 'le=+Inf': stale, count: stale, sum: stale })
    const points = [...w.write(2, end), ...w.after(10_000)]
    expect(points).toMatchObject([{ metric: 'h', flags: 1, count: '0', explicit_bounds: [1], bucket_counts: ['0', '0'] }])
    expect(points[0]).not.toHaveProperty('sum')
  })

  it('leaves out markers where they are not wanted', () => {
    const w = new Writing({ stale: 'drop' })
    w.write(2, histogram(w, { count: stale, 'le=+Inf': stale }))
    expect(w.after(10_000)).toEqual([])
    expect(w.state.assembler.held).toBe(0)
  })

  it('refuses more at once than there is ever room for, and says when there is none for now', () => {
    const w = new Writing({ assembler: { maxPending: 1 } })
    const counts = (from: number, number: number) =>
      Array.from({ length: number }, (_, at): PlainSeries => ({ labels: `h_count{n="${from + at}"}`, type: 3, samples: [[w.nowMs, 1]] }))
    expect(w.outcome(2, counts(0, 8)).refusals.get('histogram_member')?.count).toBe(6)
    // Those on their way take room until they have arrived.
    const results = [8, 9, 10, 11].map((from) => {
      w.decode(2, writeBody(2, counts(from, 1)))
      const { samples, full } = w.translator.translate(w.request, { tenant: '', nowMs: w.nowMs })
      return [samples, full]
    })
    expect(results.at(-1)).toEqual([0, 1])
    expect(results.map(([samples = 0, full = 0]) => samples + full)).toEqual([1, 1, 1, 1])
  })
})
