/** What a group gives that is not whole, and one that has ended. */

import { describe, expect, it } from 'vitest'
import type { AssembleOptions } from '../../../src/translate/prometheus/assembler.ts'
import { type Bench, first, knownFamily, type Members, pointOf, stale, without } from '../../support/assembling.ts'

const t1 = 1_767_225_600_000
const t2 = t1 + 15_000

const known = (options: Partial<AssembleOptions> = {}, members = first): { bench: Bench; id: number } =>
  knownFamily(t1 - 15_000, options, members)

describe('partial sets', () => {
  const partial: readonly (readonly [string, Members, Record<string, unknown> | undefined, Record<string, number>])[] = [
    ['no count: as +Inf', without(first, 'count'), {}, { count: 1 }],
    ['no +Inf: as the count', without(first, 'le=+Inf'), {}, { inf: 1 }],
    ['neither', without(first, 'count', 'le=+Inf'), undefined, { count: 1, inf: 1 }],
    ['no sum: none', without(first, 'sum'), { sum: undefined }, { sum: 1 }],
    ['an interior bound missing', without(first, 'le=0.5'), { bounds: [0.1, 1], counts: [3, 9, 3] }, { bucket: 1 }],
    ['count and sum alone: no buckets', { sum: 9.5, count: 15 }, { bounds: [], counts: [] }, { bucket: 1, inf: 1 }],
    ['count alone', { count: 15 }, { bounds: [], counts: [], sum: undefined }, { bucket: 1, inf: 1, sum: 1 }],
    ['+Inf alone: one bucket', { 'le=+Inf': 15 }, { bounds: [], counts: [15], sum: undefined }, { bucket: 1, count: 1, sum: 1 }],
    ['sum alone: nothing, as its count would be a guess', { sum: 9.5 }, undefined, { bucket: 1, count: 1, inf: 1 }],
  ]

  it.each(partial)('%s', (_, members, expected, missing) => {
    const { bench, id } = known()
    bench.addAll(id, t1, members)
    expect(bench.after(9_999)).toEqual([])
    expect(bench.after(1)).toEqual(expected === undefined ? [] : [pointOf(t1, expected)])
    expect(bench.assembler.counts().incomplete).toEqual(missing)
    expect(bench.assembler.held).toBe(0)
  })

  it.each(partial)('are dropped with `incomplete: drop`: %s', (_, members) => {
    const { bench, id } = known({ incomplete: 'drop' })
    bench.addAll(id, t1, members)
    bench.nowMs += 10_000
    const emission = bench.assembler.take(bench.nowMs, bench.points)
    const samples = Object.keys(members).length
    expect(emission).toMatchObject({ samples, points: 0, incomplete: samples })
  })

  it('without count and +Inf are series of their own with `incomplete: passthrough`', () => {
    const { bench, id } = known({ incomplete: 'passthrough' })
    bench.addAll(id, t1, { 'le=0.1': 3, 'le=0.7': 11, sum: 9.5 })
    expect(bench.after(10_000)).toEqual([
      { metric: 'bucket sum', family: 'f', timeMs: t1, le: '0.1', value: 3 },
      { metric: 'sum sum', family: 'f', timeMs: t1, value: 9.5 },
      { metric: 'bucket sum', family: 'f', timeMs: t1, le: '0.7', value: 11 },
    ])
  })

  it.each([
    ['no sum: 0', { 'quantile=0.5': 1, count: 3 }, { sum: 0 }, { sum: 1 }],
    ['a quantile missing', { sum: 4, count: 3 }, { quantiles: [], values: [] }, { quantile: 1 }],
    ['no count: nothing', { 'quantile=0.5': 1, sum: 4 }, undefined, { count: 1 }],
  ] as const)('of summaries: %s', (_, members, expected, missing) => {
    const { bench, id } = known({}, { 'quantile=0.5': 1, sum: 4, count: 3 })
    bench.addAll(id, t1, members)
    const whole = { metric: 'summary', family: 'f', timeMs: t1, count: 3, sum: 4, quantiles: [0.5], values: [1] }
    expect(bench.after(10_000)).toEqual(expected === undefined ? [] : [{ ...whole, ...expected }])
    expect(bench.assembler.counts().incomplete).toEqual(missing)
  })

  it('raise a bucket that is less than the one before it', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { ...first, 'le=0.5': 2 })
    expect(bench.after(0)).toEqual([pointOf(t1, { counts: [3, 0, 9, 3] })])
    expect(bench.assembler.counts().nonmonotonic).toBe(1)
  })

  it('have a count that is no less than +Inf and the buckets', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { ...first, count: 14 })
    bench.addAll(id, t2, { ...first, 'le=1': 20 })
    expect(bench.after(0)).toEqual([pointOf(t1), pointOf(t2, { count: 20, counts: [3, 7, 10, 0] })])
  })

  it('are exact beyond 2^53', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { 'le=0.1': 3, 'le=0.5': 2 ** 53, 'le=1': 2 ** 63, 'le=+Inf': 2 ** 63, sum: 1, count: 2 ** 63 })
    const counts = [3n, 2n ** 53n - 3n, 2n ** 63n - 2n ** 53n, 0n]
    expect(bench.after(0)).toEqual([pointOf(t1, { count: 2n ** 63n, sum: 1, counts })])
  })
})

describe('stale markers', () => {
  const end: Members = Object.fromEntries(Object.keys(first).map((name) => [name, stale]))
  const ended = { metric: 'histogram', family: 'f', timeMs: t1, flags: 1, count: 0, bounds: [0.1, 0.5, 1], counts: [0, 0, 0, 0] }

  it('end a histogram with one point that keeps its bounds', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, end)
    expect(bench.after(0)).toEqual([ended])
    bench.addAll(id, t2, first)
    expect(bench.after(0)).toEqual([pointOf(t2)])
  })

  it('of the count alone, or of +Inf without a count, are enough', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { count: stale, 'le=+Inf': 15 })
    bench.addAll(id, t2, { 'le=+Inf': stale })
    expect(bench.after(10_000)).toEqual([ended, { ...ended, timeMs: t2 }])
  })

  it('of a member that is not the count do not end it', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { ...first, sum: stale, 'le=+Inf': stale })
    expect(bench.after(0)).toEqual([pointOf(t1, { sum: undefined })])
  })

  it('of buckets alone make no point', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { 'le=0.5': stale })
    expect(bench.after(10_000)).toEqual([])
    bench.addAll(id, t2, without(first, 'le=0.5'))
    expect(bench.after(0)).toHaveLength(1)
  })

  it('end a summary with its quantiles at 0', () => {
    const { bench, id } = known({}, { 'quantile=0.5': 1, sum: 4, count: 3 })
    bench.addAll(id, t1, { 'quantile=0.5': stale, sum: stale, count: stale })
    expect(bench.after(0)).toEqual([
      { metric: 'summary', family: 'f', timeMs: t1, flags: 1, count: 0, sum: 0, quantiles: [0.5], values: [0] },
    ])
  })

  it('make no point with `stale: drop`', () => {
    const { bench, id } = known({ stale: 'drop' })
    bench.addAll(id, t1, end)
    expect(bench.assembler.take(bench.nowMs, bench.points)).toMatchObject({ samples: 6, points: 0, stale: 6 })
  })
})
