import { describe, expect, it } from 'vitest'
import { type PlainExemplar, type PlainPoint, type PlainSeries, Writing } from '../../support/writing.ts'

/** A histogram at a time, with one observation in each bucket. */
const histogram = (at: number): PlainSeries[] => [
  { labels: 'h_bucket{le="1"}', samples: [[at, 1]] },
  { labels: 'h_bucket{le="5"}', samples: [[at, 2]] },
  { labels: 'h_bucket{le="+Inf"}', samples: [[at, 3]] },
  { labels: 'h_count', samples: [[at, 3]] },
  { labels: 'h_sum', samples: [[at, 9]] },
]

const exemplar = (value: number, timeMs: number): PlainExemplar => ({ labels: { who: 'test' }, value, timeMs })

/** What is looked at: values of the exemplars of a point, in order. */
const values = (points: readonly PlainPoint[]): unknown[] =>
  points.map((point) => ((point['exemplars'] ?? []) as { value: unknown }[]).map(({ value }) => value))

/** A writer that knows the histogram: from now on groups go as soon as they are complete. */
function settled(): Writing {
  const w = new Writing()
  w.write(1, histogram(w.nowMs))
  w.after(15_000)
  return w
}

describe('exemplars that come in a request of their own', () => {
  it('go with the next point of their histogram, when theirs is gone', () => {
    const w = settled()
    const first = w.nowMs
    expect(values(w.write(1, histogram(first)))).toEqual([[]])
    expect(w.write(1, [{ labels: 'h_bucket{le="5"}', exemplars: [exemplar(4, first)] }])).toEqual([])
    w.nowMs += 1000
    expect(values(w.write(1, histogram(w.nowMs)))).toEqual([[4]])
    w.nowMs += 1000
    expect(values(w.write(1, histogram(w.nowMs)))).toEqual([[]])
  })

  it('go with the next sample of their counter, also when its labels were looked at again in between', () => {
    const w = new Writing()
    const counter = (value: number): PlainSeries[] => [{ labels: 'c_total', samples: [[w.nowMs, value]] }]
    w.write(1, counter(1))
    w.write(1, [{ labels: 'c_total', exemplars: [exemplar(1, w.nowMs)] }])
    // Metadata gives it another help text: its row is read anew.
    w.nowMs += 5000
    w.write(1, [], [{ family: 'c_total', type: 1, help: 'other' }])
    w.nowMs += 5000
    expect(values(w.write(1, counter(2)))).toEqual([[1]])
  })

  it('also of a histogram', () => {
    const w = settled()
    w.write(1, histogram(w.nowMs))
    w.write(1, [{ labels: 'h_bucket{le="5"}', exemplars: [exemplar(4, w.nowMs)] }])
    w.nowMs += 5000
    w.write(1, [], [{ family: 'h', type: 3, help: 'other' }])
    w.nowMs += 5000
    expect(values([...w.write(1, histogram(w.nowMs)), ...w.after(15_000)])).toEqual([[4]])
  })
})

describe('exemplars of a histogram', () => {
  it('are told to whoever keeps the request until the histogram is sent', () => {
    const w = settled()
    const at = w.nowMs
    w.write(1, histogram(at).slice(0, 2))
    // The request of the exemplar is another one than those of the samples: it is kept as long as they are.
    const { members } = w.outcome(1, [
      { labels: 'up', samples: [[at, 1]] },
      { labels: 'h_bucket{le="5"}', exemplars: [exemplar(4, at)] },
    ])
    expect([members[0], members[2]]).toEqual([1, at])
    expect(values(w.write(1, histogram(at).slice(2)))).toEqual([[4]])
  })

  it('stand in the order of its buckets, and of their times within one', () => {
    const w = settled()
    const at = w.nowMs
    const exemplars: PlainSeries[] = [
      { labels: 'h_bucket{le="+Inf"}', exemplars: [exemplar(7, at)] },
      { labels: 'h_bucket{le="5"}', exemplars: [exemplar(3, at), exemplar(4, at - 500)] },
      { labels: 'h_bucket{le="1"}', exemplars: [exemplar(0.5, at)] },
    ]
    expect(values(w.write(1, [...histogram(at), ...exemplars]))).toEqual([[0.5, 4, 3, 7]])
  })
})
