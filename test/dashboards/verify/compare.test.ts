import { describe, expect, it } from 'vitest'
import { type Point, readAnswer, type Series } from '../../../dashboards/verify/answers.ts'
import { type CompareOptions, compareSeries } from '../../../dashboards/verify/compare.ts'
import { compareFiring } from '../../../dashboards/verify/firing.ts'
import { fillQuery } from '../../../dashboards/verify/placeholders.ts'

const options: CompareOptions = { labels: {}, factor: 1, relative: 1e-6, named: false }
const series = (labels: Record<string, string>, ...points: Point[]): Series => ({
  labels: new Map(Object.entries(labels)),
  points: new Map(points.map((point, at) => [at * 15, point])),
})

describe('compareSeries', () => {
  it('pairs by labels, not by order, and forgets names', () => {
    const old = [series({ __name__: 'a_ms', job: 'x' }, 1, 2), series({ __name__: 'a_ms', job: 'y' }, 3, 4)]
    const next = [series({ __name__: 'a', job: 'y' }, 3, 4), series({ __name__: 'a', job: 'x' }, 1, 2)]
    expect(compareSeries(old, next, options)).toMatchObject({ verdict: 'same', text: '2 series, 4 points' })
  })

  it('knows labels that are called otherwise, and values of another unit', () => {
    const old = [series({ operation: 'get' }, 1000, 2000)]
    const next = [series({ span_name: 'get' }, 1, 2)]
    expect(compareSeries(old, next, { ...options, labels: { operation: 'span_name' }, factor: 0.001 }).verdict).toBe('same')
    expect(compareSeries(old, next, { ...options, labels: { operation: 'span_name' } }).verdict).toBe('different')
  })

  it('takes a new series that has more labels, when it is the only one', () => {
    const old = [series({ job: 'x' }, 1)]
    expect(compareSeries(old, [series({ job: 'x', otel_scope_name: 's' }, 1)], options).verdict).toBe('same')
    const two = [series({ job: 'x', a: '1' }, 1), series({ job: 'x', a: '2' }, 1)]
    expect(compareSeries(old, two, options)).toMatchObject({ verdict: 'different', text: expect.stringContaining('only old: {job="x"}') })
  })

  it.each([
    [[1], [1], 'same'],
    [[Number.NaN], [Number.NaN], 'same'],
    [[Number.POSITIVE_INFINITY], [Number.POSITIVE_INFINITY], 'same'],
    [[Number.NaN], [1], 'different'],
    [[0], [1e-10], 'same'],
    [[100], [100.05], 'close'],
    [[100], [102], 'different'],
    [['{"count":"1"}'], ['{"count":"1"}'], 'same'],
    [['{"count":"1"}'], ['{"count":"2"}'], 'different'],
    [['{"count":"1"}'], [1], 'different'],
  ] as [Point[], Point[], string][])('of %j and %j says %s', (old, next, verdict) => {
    expect(compareSeries([series({}, ...old)], [series({}, ...next)], options).verdict).toBe(verdict)
  })

  it('says which side has nothing', () => {
    const one = [series({ a: 'b' }, 1)]
    expect(
      [compareSeries([], [], options), compareSeries(one, [], options), compareSeries([], one, options)].map(({ verdict }) => verdict),
    ).toEqual(['empty-both', 'empty-new', 'empty-old'])
  })

  it('does not count what is late', () => {
    const old = [series({}, 1, 1, 1)]
    const next = [series({}, 1, 1, 9)]
    expect(compareSeries(old, next, options).verdict).toBe('different')
    expect(compareSeries(old, next, options, 30).verdict).toBe('same')
  })

  it('calls points that one side alone has gaps, and many of them a difference', () => {
    const old = [series({}, ...Array.from({ length: 200 }, () => 1))]
    const next = [series({}, ...Array.from({ length: 199 }, () => 1))]
    expect(compareSeries(old, next, options)).toMatchObject({
      verdict: 'close',
      text: expect.stringContaining('1 that one side alone has'),
    })
    expect(compareSeries(old, [series({}, 1, 1)], options).verdict).toBe('different')
  })

  it('does not guess when series cannot be told apart', () => {
    const twins = [series({ __name__: 'a', x: '1' }, 1), series({ __name__: 'b', x: '1' }, 2)]
    expect(compareSeries(twins, twins, options).verdict).toBe('not-run')
    expect(compareSeries(twins, twins, { ...options, named: true }).verdict).toBe('same')
  })
})

describe('compareFiring', () => {
  it('compares when a rule was true, not its value', () => {
    const old = [series({ job: 'x' }, 5, 6)]
    expect(compareFiring(old, [series({ job: 'x' }, 0.005, 0.006)], options, 1e9).verdict).toBe('same')
    expect(compareFiring(old, [series({ job: 'x' }, 5)], options, 1e9)).toMatchObject({
      verdict: 'different',
      text: 'true at 1 points on both sides, 1 missed, 0 extra',
    })
    expect(compareFiring([], [], options, 1e9).verdict).toBe('not-proven')
  })
})

describe('fillQuery', () => {
  const window = { start: 0, end: 3600, step: 15 }
  it.each([
    ['rate(x[$__rate_interval])', 'rate(x[60s])'],
    ['increase(x[$__range])', 'increase(x[3600s])'],
    ['x{job="$job"}', 'x{job="api"}'],
    ['x{job=~"${job:regex}"}', 'x{job=~"api"}'],
    ['x{job=~"[[many]]"}', 'x{job=~"(a\\\\.b|c)"}'],
    ['x{job=~"$all"}', 'x{job=~".*"}'],
    ['x{job=~"a$"}', 'x{job=~"a$"}'],
  ])('makes of %s: %s', (text, expected) => {
    const values = new Map([
      ['job', ['api']],
      ['many', ['a.b', 'c']],
      ['all', ['$__all']],
    ])
    expect(fillQuery(text, values, window)).toEqual({ text: expected })
  })

  it('names a variable whose value nobody knows', () => {
    expect(fillQuery('x{job="$job"}', new Map([['job', []]]), window)).toEqual({ missing: 'job' })
  })
})

describe('readAnswer', () => {
  it('reads numbers and histograms, over time and at once', () => {
    const read = readAnswer(
      '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[15,"1"],[30,"NaN"],[45,"+Inf"]],"histograms":[[60,{"count":"1"}]]}]}}',
    )
    expect(read).toEqual({
      series: [
        {
          labels: new Map([['a', 'b']]),
          points: new Map<number, Point>([
            [15, 1],
            [30, Number.NaN],
            [45, Number.POSITIVE_INFINITY],
            [60, '{"count":"1"}'],
          ]),
        },
      ],
    })
    expect(readAnswer('{"status":"success","data":{"resultType":"scalar","result":[15,"2"]}}')).toEqual({
      series: [{ labels: new Map(), points: new Map([[15, 2]]) }],
    })
  })

  it.each([['<html>'], ['[]'], ['{"status":"error","error":"bad"}'], ['{"status":"success","data":{"resultType":"streams","result":[]}}']])(
    'says why %s is none',
    (text) => {
      expect(readAnswer(text)).toHaveProperty('error')
    },
  )
})
