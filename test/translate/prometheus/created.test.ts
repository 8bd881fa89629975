/** `X_created`: section 7.4 of the mapping. */

import { describe, expect, it } from 'vitest'
import { createdName, createdRows } from '../../../src/translate/prometheus/created.ts'
import { addLabel, Hasher } from '../../../src/translate/prometheus/hash.ts'
import { createStreams } from '../../../src/translate/prometheus/streams.ts'
import { nanos, type PlainPoint, type PlainSeries, stale, Writing } from '../../support/writing.ts'

const startMs = 1_699_999_000_123
const seconds = startMs / 1000

const starts = (points: readonly PlainPoint[]): unknown[] => points.map((one) => [one.metric, one['start_time_unix_nano']])

describe('createdRows', () => {
  it('finds the streams of the same labels under the other names', () => {
    const hasher = new Hasher([5, 6, 7, 8])
    const streams = createStreams({ max: 100, maxBytes: 1000, onEvict: () => {} })
    const hashOf = (name: string, job: string) => {
      const hash = hasher.tenant('t')
      addLabel(hash, hasher.text('__name__'), hasher.text(name))
      addLabel(hash, hasher.text('job'), hasher.text(job))
      return hash
    }
    const places = ['x', 'x_total', 'x_count', 'x_sum'].map((name) => {
      const { a, b, c } = hashOf(name, 'j')
      return streams.insert(a, b, c, 1)
    })
    const told = createdName(hasher, 'x_created')
    expect([...createdRows(streams, hashOf('x_created', 'j'), told)]).toEqual(places.slice(0, 3))
    expect([...createdRows(streams, hashOf('x_created', 'k'), told)]).toEqual([])
  })
})

describe('createWriteTranslator with _created', () => {
  const counter = (w: Writing, name = 'x_total'): PlainSeries => ({ labels: `${name}{job="j"}`, samples: [[w.nowMs, 5]] })
  const created = (w: Writing): PlainSeries => ({ labels: 'x_created{job="j"}', samples: [[w.nowMs, seconds]] })

  it('gives the start from then on when it comes after its counter', () => {
    const w = new Writing()
    expect(starts(w.write(1, [counter(w)]))).toEqual([['x_total', undefined]])
    w.nowMs += 1000
    const outcome = w.outcome(1, [created(w)])
    expect([outcome.points.count, outcome.consumed]).toEqual([0, new Map([['created', 1]])])
    expect(starts(w.write(1, [counter(w)]))).toEqual([['x_total', nanos(startMs)]])
  })

  it('is looked for in the whole request, wherever in it the counter stands', () => {
    const w = new Writing()
    const outcome = w.outcome(1, [created(w), counter(w)])
    expect([outcome.receivedFloats, outcome.consumed.get('created')]).toEqual([2, 1])
    expect(starts(w.pointsOf(outcome))).toEqual([['x_total', undefined]])
    w.nowMs += 1000
    expect(starts(w.write(1, [created(w), counter(w)]))).toEqual([['x_total', nanos(startMs)]])
  })

  it('is a gauge while nothing is there that it could be the start of, and is used up once there is', () => {
    const w = new Writing()
    expect(starts(w.write(1, [created(w)]))).toEqual([['x_created', undefined]])
    w.nowMs += 1000
    w.write(1, [counter(w)])
    w.nowMs += 1000
    // It is known by now, and says the start; from the next on it says nothing else.
    expect(starts(w.write(1, [created(w)]))).toEqual([['x_created', undefined]])
    w.nowMs += 1000
    const outcome = w.outcome(1, [created(w)])
    expect([outcome.points.count, outcome.consumed.get('created')]).toEqual([0, 1])
    expect(starts(w.write(1, [counter(w)]))).toEqual([['x_total', nanos(startMs)]])
    expect(w.state.tells.size).toBe(0)
  })

  it('is used up from the first on where metadata knows its counter', () => {
    const w = new Writing()
    w.write(1, [], [{ family: 'x', type: 1 }])
    const outcome = w.outcome(1, [created(w)])
    expect([outcome.points.count, outcome.consumed.get('created')]).toEqual([0, 1])
  })

  it('gives histograms and summaries their start', () => {
    const w = new Writing()
    const members = (): PlainSeries[] => [
      { labels: 'x_bucket{job="j",le="1"}', samples: [[w.nowMs, 1]] },
      { labels: 'x_bucket{job="j",le="+Inf"}', samples: [[w.nowMs, 2]] },
      { labels: 'x_sum{job="j"}', samples: [[w.nowMs, 2]] },
      { labels: 'x_count{job="j"}', samples: [[w.nowMs, 2]] },
      created(w),
    ]
    w.write(1, members())
    expect(starts(w.after(10_000))).toEqual([['x', undefined]])
    expect(starts(w.write(1, members()))).toEqual([['x', nanos(startMs)]])
  })

  it('leaves out one that is later than its own time, or no time at all, and counts the first', () => {
    const w = new Writing()
    w.write(1, [counter(w)])
    const outcome = w.outcome(1, [{ labels: 'x_created{job="j"}', samples: [[w.nowMs, (w.nowMs + 1) / 1000]] }])
    expect(outcome.startsAfter).toBe(1)
    for (const value of [0, -1, Number.NaN, stale] as const) {
      expect(w.outcome(1, [{ labels: 'x_created{job="j"}', samples: [[w.nowMs, value]] }]).consumed.get('created')).toBe(1)
    }
    w.nowMs += 1000
    expect(starts(w.write(1, [counter(w)]))).toEqual([['x_total', undefined]])
  })

  it('is forwarded as well where it is kept', () => {
    const w = new Writing({ created: 'keep' })
    w.write(1, [counter(w)])
    for (let turn = 0; turn < 3; turn++) {
      w.nowMs += 1000
      expect(starts(w.write(1, [created(w)]))).toEqual([['x_created', undefined]])
    }
    expect(starts(w.write(1, [counter(w)]))).toEqual([['x_total', nanos(startMs)]])
  })
})
