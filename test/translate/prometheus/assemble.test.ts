import { describe, expect, it } from 'vitest'
import { MetricPoints } from '../../../src/otlp/metrics.ts'
import { type AssembleOptions, FamilyKind } from '../../../src/translate/prometheus/assembler.ts'
import {
  Bench,
  exemplarOf,
  first,
  knownFamily,
  type Members,
  type Name,
  plainPoints,
  pointOf,
  second,
  stale,
  type Value,
  without,
} from '../../support/assembling.ts'

const t1 = 1_767_225_600_000
const t2 = t1 + 15_000
const t3 = t2 + 15_000
const t4 = t3 + 15_000

const known = (options: Partial<AssembleOptions> = {}, members = first): { bench: Bench; id: number } =>
  knownFamily(t1 - 15_000, options, members)

describe('createAssembler', () => {
  it('waits for the window with the first group of a family, and sends the next ones as soon as they are complete', () => {
    const bench = new Bench()
    const id = bench.family()
    expect(bench.addAll(id, t1, first)).toEqual(['held'])
    expect(bench.after(9_999)).toEqual([])
    expect(bench.after(1)).toEqual([pointOf(t1)])
    bench.addAll(id, t2, second)
    expect(bench.after(0)).toEqual([pointOf(t2, { count: 17, sum: 11, counts: [4, 7, 2, 4] })])
    expect(bench.assembler.counts().emitted).toEqual({ complete: 1, window: 1, evicted: 0, shutdown: 0 })
  })

  it('knows a bound by its number', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { 'le=1e-1': 3, 'le=0.50': 10, 'le=1.0': 12, 'le=Infinity': 15, sum: 9.5, count: 15 })
    expect(bench.after(0)).toEqual([pointOf(t1)])
  })

  it('sends quantiles, sum and count as one summary', () => {
    const bench = new Bench()
    const id = bench.family()
    expect(bench.addAll(id, t1, { 'quantile=0.99': 0.2, 'quantile=0.5': 0.01, sum: 5.5, count: 120 })).toEqual(['held'])
    const summary = { metric: 'summary', family: 'f', timeMs: t1, count: 120, sum: 5.5, quantiles: [0.5, 0.99], values: [0.01, 0.2] }
    expect(bench.after(10_000)).toEqual([summary])
    bench.addAll(id, t2, { 'quantile=0.5': Number.NaN, 'quantile=0.99': Number.NaN, sum: 5.5, count: 120 })
    expect(bench.after(0)).toEqual([{ ...summary, timeMs: t2, values: [Number.NaN, Number.NaN] }])
  })

  it('starts with the earliest start of the members that have one', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, without(first, 'count', 'sum'))
    bench.add(id, 'count', 15, t1, t1 - 500)
    bench.add(id, 'sum', 9.5, t1, t1 - 700)
    expect(bench.after(0)).toEqual([pointOf(t1, { startMs: t1 - 700 })])
  })

  it('does not start after its time', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, without(first, 'count'))
    bench.add(id, 'count', 15, t1, t1 + 1)
    expect(bench.after(0)).toEqual([pointOf(t1)])
  })

  it('sends times of one family in order, those before a complete one after the reorder time', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, without(first, 'le=1'))
    bench.addAll(id, t2, second)
    expect(bench.after(0)).toEqual([])
    expect(bench.after(1_999)).toEqual([])
    expect(bench.after(1)).toEqual([
      pointOf(t1, { bounds: [0.1, 0.5], counts: [3, 7, 5] }),
      pointOf(t2, { count: 17, sum: 11, counts: [4, 7, 2, 4] }),
    ])
    expect(bench.assembler.counts()).toMatchObject({ emitted: { complete: 1, window: 1 }, incomplete: { bucket: 1 }, partial: 1 })
  })

  it('sends an older time at once when that completes it, and what waited for it', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, without(first, 'le=1'))
    bench.addAll(id, t2, second)
    bench.after(1_000)
    bench.add(id, 'le=1', 12, t1)
    expect(bench.after(0).map(({ timeMs }) => timeMs)).toEqual([t1, t2])
  })

  it('gives an older time that came after a complete one the reorder time, no window', () => {
    const { bench, id } = known()
    bench.addAll(id, t2, second)
    expect(bench.after(0)).toHaveLength(1)
    bench.nowMs += 1_000
    bench.addAll(id, t1, without(first, 'le=1'))
    expect(bench.after(1_999)).toEqual([])
    expect(bench.after(1)).toEqual([pointOf(t1, { bounds: [0.1, 0.5], counts: [3, 7, 5] })])
  })

  it('keeps the order of times that came the other way round, for a window at the most', () => {
    const bench = new Bench()
    const id = bench.family()
    bench.addAll(id, t2, second)
    bench.nowMs += 5
    bench.addAll(id, t1, first)
    expect(bench.after(9_995)).toEqual([])
    expect(bench.after(5).map(({ timeMs }) => timeMs)).toEqual([t1, t2])
  })

  it('has members late when their group was sent, and lets go of the group', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, first)
    bench.after(0)
    expect(bench.add(id, 'count', 15, t1)).toBe('late')
    expect(bench.assembler.counts().late).toBe(1)
    expect(bench.assembler.pending).toBe(0)
    expect(bench.assembler.held).toBe(0)
  })

  it('takes the last value when a member comes twice', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { ...first, count: 14 })
    bench.add(id, 'count', 15, t1)
    const points = new MetricPoints()
    const emission = bench.assembler.take(bench.nowMs, points)
    expect(plainPoints(points)).toEqual([pointOf(t1)])
    expect(emission).toMatchObject({ samples: 7, points: 1 })
  })
})

describe('layouts', () => {
  it('grow by a new bound, and wait for the window with the group that has it', () => {
    const { bench, id } = known()
    const more = { ...first, 'le=0.7': 11 }
    bench.addAll(id, t1, more)
    expect(bench.after(9_999)).toEqual([])
    const grown = { bounds: [0.1, 0.5, 0.7, 1], counts: [3, 7, 1, 1, 3] }
    expect(bench.after(1)).toEqual([pointOf(t1, grown)])
    bench.addAll(id, t2, more)
    expect(bench.after(0)).toEqual([pointOf(t2, grown)])
    bench.addAll(id, t3, first)
    expect(bench.after(0)).toEqual([])
  })

  it('complete what waited when they grow', () => {
    const { bench, id } = known()
    const more = { ...first, 'le=0.7': 11 }
    bench.addAll(id, t1, more)
    bench.after(5_000)
    bench.addAll(id, t2, more)
    expect(bench.after(5_000).map(({ timeMs }) => timeMs)).toEqual([t1, t2])
  })

  it('grow by a member that was late, so that the next group waits for it', () => {
    const { bench, id } = known({}, without(first, 'le=0.5'))
    bench.addAll(id, t1, without(first, 'le=0.5'))
    expect(bench.after(0)).toHaveLength(1)
    expect(bench.add(id, 'le=0.5', 10, t1)).toBe('late')
    bench.addAll(id, t2, without(first, 'le=0.5'))
    expect(bench.after(0)).toEqual([])
    bench.add(id, 'le=0.5', 10, t2)
    expect(bench.after(0)).toEqual([pointOf(t2)])
  })

  it('shrink when a bound is missing in three groups', () => {
    const { bench, id } = known()
    const less = without(first, 'le=0.5')
    for (const timeMs of [t1, t2, t3]) {
      bench.addAll(id, timeMs, less)
      expect(bench.after(0)).toEqual([])
      expect(bench.after(10_000)).toEqual([pointOf(timeMs, { bounds: [0.1, 1], counts: [3, 9, 3] })])
    }
    bench.addAll(id, t4, less)
    expect(bench.after(0)).toHaveLength(1)
    expect(bench.assembler.counts()).toMatchObject({ incomplete: { bucket: 3 }, partial: 3 })
  })

  it('do not shrink when the three are not in a row', () => {
    const { bench, id } = known()
    const less = without(first, 'le=0.5')
    for (const members of [less, less, first, less, less]) {
      bench.addAll(id, (bench.nowMs += 15_000), members)
      bench.after(10_000)
    }
    bench.addAll(id, (bench.nowMs += 15_000), less)
    expect(bench.after(0)).toEqual([])
  })

  it('do not shrink by a bound that was there in between, whatever else was missing then', () => {
    const { bench, id } = known()
    const less = without(first, 'le=0.5')
    for (const members of [less, less, without(first, 'sum'), less, less]) {
      bench.addAll(id, (bench.nowMs += 15_000), members)
      bench.after(10_000)
    }
    bench.addAll(id, (bench.nowMs += 15_000), less)
    expect(bench.after(0)).toEqual([])
  })

  it('shrink at once when buckets go stale alone', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { ...first, 'le=0.5': stale })
    const less = { bounds: [0.1, 1], counts: [3, 9, 3] }
    expect(bench.after(0)).toEqual([pointOf(t1, less)])
    bench.addAll(id, t2, without(first, 'le=0.5'))
    expect(bench.after(0)).toEqual([pointOf(t2, less)])
    expect(bench.assembler.counts().incomplete).toEqual({})
  })

  it('do not grow by a bound that has gone stale', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { ...first, 'le=0.7': stale })
    expect(bench.after(10_000)).toEqual([pointOf(t1)])
    bench.addAll(id, t2, first)
    expect(bench.after(0)).toEqual([pointOf(t2)])
  })

  it('survive a restart', () => {
    const { bench } = known()
    const saved: unknown = JSON.parse(JSON.stringify(bench.assembler.exportLayouts()))
    const next = new Bench()
    expect(next.assembler.importLayouts(saved)).toBe(1)
    const id = next.family()
    expect(next.assembler.kindOf(id)).toBe(FamilyKind.Histogram)
    next.addAll(id, t1, first)
    expect(next.after(0)).toEqual([pointOf(t1)])
    // What the run before has sent is known, too.
    expect(next.add(id, 'count', 15, t1 - 15_000)).toBe('late')
  })

  it('survive a restart with the last two times, and with what is no histogram', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, first)
    bench.after(0)
    bench.addAll(bench.family('g'), t1, { ...first, count: 0.5 })
    bench.after(10_000)
    const next = new Bench()
    expect(next.assembler.importLayouts(bench.assembler.exportLayouts())).toBe(2)
    expect([t1 - 15_000, t1, t2].map((timeMs) => next.add(next.family(), 'count', 15, timeMs))).toEqual(['late', 'late', 'held'])
    next.family('g', FamilyKind.Histogram)
    expect(next.addAll(next.family('g'), t2, first)).toEqual(['gauge'])
  })

  it.each([
    ['nothing', undefined],
    ['another version', { version: 2, layouts: [], families: [] }],
    ['bounds in disorder', { version: 1, layouts: [{ bounds: [2, 1], has: 7 }], families: [1, 2, 3, 1, 0, 0, 0] }],
    ['bounds that are no numbers', { version: 1, layouts: [{ bounds: ['1'], has: 7 }], families: [1, 2, 3, 1, 0, 0, 0] }],
    ['a layout that is not there', { version: 1, layouts: [], families: [1, 2, 3, 1, 0, 0, 0] }],
    ['a row cut short', { version: 1, layouts: [{ bounds: [], has: 7 }], families: [1, 2, 3] }],
    ['words of no family', { version: 1, layouts: [{ bounds: [], has: 7 }], families: [1.5, 'x', 3, 1, 0, 0, 0] }],
  ])('leave out what is damaged: %s', (_, saved) => {
    const bench = new Bench()
    expect(bench.assembler.importLayouts(saved)).toBe(0)
    expect(bench.assembler.families).toBe(0)
  })
})

describe('families without metadata', () => {
  it('are summaries when sum and count come together and nothing else', () => {
    const bench = new Bench()
    const id = bench.family()
    bench.addAll(id, t1, { sum: 4, count: 3 })
    const summary = { metric: 'summary', family: 'f', timeMs: t1, count: 3, sum: 4, quantiles: [], values: [] }
    expect(bench.after(10_000)).toEqual([summary])
    expect(bench.assembler.decisions()).toEqual([{ id, kind: FamilyKind.Summary, reason: 'pair' }])
    bench.addAll(id, t2, { sum: 4, count: 3 })
    expect(bench.after(0)).toEqual([{ ...summary, timeMs: t2 }])
  })

  it('become histograms when a bucket comes after all', () => {
    const bench = new Bench()
    const id = bench.family()
    bench.addAll(id, t1, { sum: 4, count: 3 })
    bench.after(10_000)
    bench.assembler.decisions()
    bench.addAll(id, t2, first)
    expect(bench.assembler.decisions()).toEqual([{ id, kind: FamilyKind.Histogram, reason: 'bucket' }])
    expect(bench.after(10_000)).toEqual([pointOf(t2)])
  })

  it('wait for their buckets again when they become histograms', () => {
    const bench = new Bench()
    const id = bench.family()
    bench.addAll(id, t1, { sum: 4, count: 3 })
    bench.after(10_000)
    bench.addAll(id, t3, { 'le=0.1': 3 })
    bench.addAll(id, t2, { sum: 9.5, count: 15 })
    expect(bench.after(5_000)).toEqual([])
    bench.addAll(id, t2, without(first, 'sum', 'count'))
    expect(bench.after(5_000)).toEqual([pointOf(t2)])
  })

  it('are no gauges while the other half of another time waits', () => {
    const bench = new Bench()
    const id = bench.family()
    bench.add(id, 'count', 3, t1)
    bench.nowMs += 5_000
    bench.addAll(id, t2, { sum: 4, count: 3 })
    expect(bench.after(5_000)).toMatchObject([{ metric: 'count gauge', timeMs: t1 }])
    expect(bench.after(5_000)).toMatchObject([{ metric: 'summary', timeMs: t2 }])
  })

  it.each(['count', 'sum'] as const)('are gauges when %s comes alone', (member) => {
    const bench = new Bench()
    const id = bench.family()
    expect(bench.add(id, member, 7.5, t1)).toBe('held')
    expect(bench.after(10_000)).toEqual([{ metric: `${member} gauge`, family: 'f', timeMs: t1, value: 7.5 }])
    expect(bench.assembler.decisions()).toEqual([{ id, kind: FamilyKind.Gauges, reason: 'lone' }])
    expect(bench.add(id, member, 8, t2)).toBe('gauge')
  })

  it('are looked at again when the other half comes, or a bucket', () => {
    const bench = new Bench()
    const id = bench.family()
    bench.add(id, 'count', 7, t1)
    bench.after(10_000)
    bench.assembler.decisions()
    // The other half of what was sent as a gauge is one, too.
    expect(bench.add(id, 'sum', 3, t1)).toBe('gauge')
    expect(bench.add(id, 'count', 8, t2)).toBe('gauge')
    expect(bench.add(id, 'sum', 4, t2)).toBe('held')
    expect(bench.after(10_000)).toEqual([{ metric: 'sum gauge', family: 'f', timeMs: t2, value: 4 }])
    bench.addAll(id, t3, { count: 9, sum: 5 })
    expect(bench.after(10_000)).toMatchObject([{ metric: 'summary', timeMs: t3, count: 9, sum: 5 }])
    const other = bench.family('g')
    bench.add(other, 'count', 7, t1)
    bench.after(10_000)
    bench.addAll(other, t2, first)
    expect(bench.after(10_000)).toEqual([pointOf(t2, { family: 'g' })])
  })

  it('stay gauges when the halves never come together', () => {
    const bench = new Bench()
    const id = bench.family()
    for (let round = 0; round < 6; round++) {
      bench.add(id, round % 2 === 0 ? 'sum' : 'count', 1, t1 + round)
      bench.after(10_000)
    }
    expect(bench.add(id, 'sum', 1, t2)).toBe('gauge')
    expect(bench.add(id, 'count', 1, t2)).toBe('gauge')
  })

  it('are what metadata says when it comes', () => {
    const bench = new Bench()
    const id = bench.family()
    bench.addAll(id, t1, { sum: 4, count: 3 })
    bench.family('f', FamilyKind.Histogram)
    expect(bench.after(10_000)).toMatchObject([{ metric: 'histogram', count: 3, sum: 4, bounds: [], counts: [] }])
    expect(bench.assembler.decisions()).toEqual([])
  })

  it.each([
    ['a fraction', { ...first, 'le=0.5': 0.25 }],
    ['less than nothing', { ...first, 'le=0.1': -1 }],
    ['no number', { ...first, count: Number.NaN }],
    ['without end', { ...first, 'le=+Inf': Number.POSITIVE_INFINITY }],
  ] as readonly (readonly [string, Members])[])('are no histograms when a count is %s', (_, members) => {
    const { bench, id } = known()
    bench.addAll(id, t1, members)
    bench.addAll(id, t2, { count: 3 })
    const value = (name: Name): Value | undefined => members[name]
    expect(bench.after(0)).toEqual([
      { metric: 'bucket gauge', family: 'f', timeMs: t1, le: '0.1', value: value('le=0.1') },
      { metric: 'bucket gauge', family: 'f', timeMs: t1, le: '0.5', value: value('le=0.5') },
      { metric: 'bucket gauge', family: 'f', timeMs: t1, le: '1', value: value('le=1') },
      { metric: 'bucket gauge', family: 'f', timeMs: t1, le: '+Inf', value: value('le=+Inf') },
      { metric: 'count gauge', family: 'f', timeMs: t1, value: value('count') },
      { metric: 'sum gauge', family: 'f', timeMs: t1, value: 9.5 },
      { metric: 'count gauge', family: 'f', timeMs: t2, value: 3 },
    ])
    expect(bench.assembler.decisions()).toEqual([{ id, kind: FamilyKind.Gauges, reason: 'fraction' }])
    expect(bench.addAll(id, t3, first)).toEqual(['gauge'])
    bench.family('f', FamilyKind.Histogram)
    expect(bench.addAll(id, t4, first)).toEqual(['gauge'])
  })

  it('have quantiles among their gauges', () => {
    const bench = new Bench()
    const id = bench.family('f', FamilyKind.Summary)
    bench.addAll(id, t1, { 'quantile=0.9': 1.5, count: 0.5, sum: stale })
    expect(bench.after(10_000)).toEqual([
      { metric: 'count gauge', family: 'f', timeMs: t1, value: 0.5 },
      { metric: 'sum gauge', family: 'f', timeMs: t1, flags: 1 },
      { metric: 'quantile gauge', family: 'f', timeMs: t1, quantile: '0.9', value: 1.5 },
    ])
  })

  it('have quantiles of histograms, and buckets of summaries, sent as gauges', () => {
    const { bench, id } = known()
    expect(bench.add(id, 'quantile=0.5', 1, t1)).toBe('gauge')
    const other = bench.family('g', FamilyKind.Summary)
    expect(bench.add(other, 'le=1', 1, t1)).toBe('gauge')
  })
})

describe('native histograms', () => {
  it('shadow the classic ones of their family for ten minutes', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, without(first, 'count'))
    bench.assembler.nativeSeen(...bench.key('f'), bench.nowMs)
    expect(bench.add(id, 'count', 15, t1)).toBe('shadowed')
    expect(bench.after(10_000)).toEqual([])
    expect(bench.assembler.counts().shadowed).toBe(6)
    bench.nowMs += 590_000
    bench.addAll(id, t2, first)
    expect(bench.after(0)).toEqual([pointOf(t2)])
  })

  it('shadow those that are not known yet', () => {
    const bench = new Bench()
    bench.assembler.nativeSeen(...bench.key('f'), bench.nowMs)
    expect(bench.addAll(bench.family(), t1, first)).toEqual(['shadowed'])
  })

  it('shadow nothing without `preferNative`', () => {
    const { bench, id } = known({ preferNative: false })
    bench.assembler.nativeSeen(...bench.key('f'), bench.nowMs)
    expect(bench.addAll(id, t1, first)).toEqual(['held'])
  })
})

describe('exemplars', () => {
  it('go with the group they belong to, each once', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, without(first, 'count'))
    expect(bench.assembler.exemplar(id, t1, exemplarOf(0.3))).toBe(true)
    expect(bench.assembler.exemplar(id, undefined, exemplarOf(0.4))).toBe(true)
    expect(bench.assembler.exemplar(id, t1, exemplarOf(0.3))).toBe(true)
    expect(bench.assembler.exemplar(id, t2, exemplarOf(0.3))).toBe(false)
    bench.add(id, 'count', 15, t1)
    expect(bench.after(0)).toEqual([pointOf(t1, { exemplars: [0.3, 0.4] })])
  })

  it('go with the bucket they are in when the family is none', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, { ...first, count: 0.5 })
    bench.assembler.exemplar(id, t1, exemplarOf(0.3))
    expect(bench.after(0).filter((one) => 'exemplars' in one)).toMatchObject([{ le: '0.5', exemplars: [0.3] }])
  })
})
