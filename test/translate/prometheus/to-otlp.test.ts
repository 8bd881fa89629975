import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeriesFault } from '../../../src/translate/prometheus/model.ts'
import { arbitraryMetadata, arbitraryOptions, arbitrarySeries, countOf } from '../../support/arbitrary-writes.ts'
import { sorted } from '../../support/metrics-sink.ts'
import { nanos, type PlainPoint, type PlainSeries, Writing, writeBody } from '../../support/writing.ts'

const text = fc.string({ minLength: 1, maxLength: 8 })
const label = fc.tuple(
  fc.oneof(text, fc.constantFrom('job', 'instance', 'otel_scope_name', 'otel_scope_x', 'le', 'cluster')),
  fc.oneof(text, fc.constantFrom('a/b', 'h:1', '1')),
)
const labelsOfSeries = fc.uniqueArray(label, { selector: ([name]) => name, maxLength: 7 })
const metric = fc.constantFrom('up', 'x_total', 'weird name.é', 'a:b')

const identityOf = ({ metric: name, type, unit, resource, attributes, scope, metadata }: PlainPoint): unknown => ({
  name,
  type,
  unit,
  resource,
  attributes,
  scope,
  metadata,
})

describe('createWriteTranslator', () => {
  it('gives a series one identity, by 1.0 and by 2.0, with its labels in any order, met for the first time or again', () => {
    fc.assert(
      fc.property(metric, labelsOfSeries, fc.infiniteStream(fc.nat()), (name, others, numbers) => {
        const labels: [string, string][] = [['__name__', name], ...others.filter(([one]) => !one.startsWith('__'))]
        const mixed = labels.map((one) => [numbers.next().value, one] as const).sort((left, right) => left[0] - right[0])
        const w = new Writing()
        const send = (version: 1 | 2, own: readonly (readonly [string, string])[]): unknown => {
          w.nowMs++
          const points = w.write(version, [{ labels: own, samples: [[w.nowMs, 1]] }])
          expect(points).toHaveLength(1)
          return identityOf(points[0] as PlainPoint)
        }
        const order = mixed.map(([, one]) => one)
        const first = send(1, labels)
        expect([send(2, labels), send(1, order), send(2, order), send(2, [...order, ['empty', '']])]).toEqual([first, first, first, first])
        expect(w.state.streams.count).toBe(1)
        // Nobody else's memory gives another.
        const alone = new Writing().write(2, [{ labels: order, samples: [[w.nowMs, 1]] }])
        expect(alone.map(identityOf)).toEqual([first])
      }),
      { numRuns: 200 },
    )
  })

  it('lets every sample end in exactly one way', () => {
    fc.assert(
      fc.property(
        arbitraryOptions,
        fc.array(fc.tuple(fc.constantFrom<1 | 2>(1, 2), arbitrarySeries, arbitraryMetadata, fc.constantFrom(0, 900, 20_000)), {
          maxLength: 8,
        }),
        (options, requests) => {
          const w = new Writing(options)
          let held = 0
          for (const [version, series, metadata, passedMs] of requests) {
            w.nowMs += passedMs
            const outcome = w.outcome(version, series, metadata)
            const { floats, histograms } = countOf(series)
            expect([outcome.receivedFloats, outcome.receivedHistograms]).toEqual([floats, histograms])
            const sum = (counts: Iterable<number>): number => [...counts].reduce((all, one) => all + one, 0)
            const refused = sum([...outcome.refusals.values()].map(({ count }) => count))
            const own = outcome.points.count - (outcome.emission?.points ?? 0)
            const ends = own + outcome.held + sum(outcome.consumed.values()) + sum(outcome.dropped.values()) + refused + outcome.full
            expect(ends).toBe(floats + histograms)
            expect(outcome.samples + outcome.histograms).toBe(floats + histograms - refused - outcome.full)
            held += outcome.held - (outcome.emission?.samples ?? 0)
            expect(w.state.assembler.held).toBe(held)
          }
          w.after(100_000, true)
          for (let turn = 0; turn < 3; turn++) w.after(0, true)
          expect(w.state.assembler.held).toBe(0)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('writes the same whatever is forgotten in between', () => {
    const streams = 40
    const few = new Writing({ streams: { max: 3 } })
    const all = new Writing()
    for (let turn = 0; turn < 4; turn++) {
      const series = Array.from(
        { length: streams },
        (_, at): PlainSeries => ({ labels: `m${at % 7}{job="j${at % 3}",n="${at}"}`, samples: [[all.nowMs, at]], type: 1 + (at % 2) }),
      )
      expect(sorted(few.write(2, series))).toEqual(sorted(all.write(2, series)))
      all.nowMs += 1000
      few.nowMs += 1000
    }
    expect([few.state.streams.count, few.state.streams.evicted > 0]).toEqual([3, true])
    expect(few.state.outputs.sources.size).toBeLessThanOrEqual(3)
    expect(few.state.outputs.metrics.size).toBeLessThanOrEqual(3)
  })

  it('puts histograms together whose members are forgotten while they wait', () => {
    const few = new Writing({ streams: { max: 2 } })
    const bounds = ['1', '2', '+Inf']
    for (let turn = 0; turn < 3; turn++) {
      const at = few.nowMs
      const points: PlainPoint[] = []
      for (const labels of [...bounds.map((le) => `h_bucket{le="${le}"}`), 'h_sum', 'h_count']) {
        points.push(...few.write(2, [{ labels, samples: [[at, 4]], type: 3 }]))
        few.write(2, [{ labels: 'noise', samples: [[few.nowMs++, 1]] }])
      }
      points.push(...few.after(15_000, true))
      expect(points.filter((one) => one.metric === 'h')).toMatchObject([
        { count: '4', explicit_bounds: [1, 2], bucket_counts: ['4', '0', '0'], time_unix_nano: nanos(at) },
      ])
    }
  })

  it('refuses a series that is bad, and takes the others', () => {
    const w = new Writing()
    const at = w.nowMs
    const outcome = w.outcome(2, [
      { labels: 'a', samples: [[at, 1]] },
      { labels: 'b', samples: [[at, 1]], histograms: [{ timestamp: String(at) }, { timestamp: String(at) }] },
      {
        labels: '{x="1"}',
        samples: [
          [at, 1],
          [at + 1, 2],
        ],
      },
      { labels: 'c', samples: [[at, 1]] },
    ])
    expect([...outcome.refusals.values()]).toEqual([
      { reason: 'samples_and_histograms', count: 3, times: 1, example: 'series 1 {__name__="b"}: it has samples and histograms' },
      { reason: 'no_name', count: 2, times: 1, example: 'series 2 {x="1"}: it has no metric name (label __name__)' },
    ])
    expect([outcome.samples, outcome.histograms, w.pointsOf(outcome).map((one) => one.metric)]).toEqual([2, 0, ['a', 'c']])
  })

  it('refuses a series of which a decoder left something out, though what is there is known', () => {
    const w = new Writing()
    const series: PlainSeries[] = [{ labels: 'a{x="1"}', samples: [[w.nowMs, 1]] }]
    w.write(1, series)
    for (const [fault, reason] of [
      [SeriesFault.TooManyLabels, 'too_many_labels'],
      [SeriesFault.TooManyBuckets, 'histogram_too_many_buckets'],
    ] as const) {
      w.decode(1, writeBody(1, series))
      w.request.seriesFault[0] = fault
      const outcome = w.translator.translate(w.request, { tenant: '', nowMs: w.nowMs })
      expect([[...outcome.refusals.keys()], outcome.points.count]).toEqual([[reason], 0])
    }
  })

  it('keeps tenants apart, and may say which one it was', () => {
    const w = new Writing({ tenantAttribute: 'tenant' })
    const series: PlainSeries[] = [{ labels: 'a', samples: [[w.nowMs, 1]] }]
    const tenants = ['', 'one', 'two'].map((tenant) => {
      w.tenant = tenant
      return w.write(1, series).map((one) => one.resource)
    })
    expect(tenants).toEqual([[{}], [{ tenant: 'one' }], [{ tenant: 'two' }]])
    w.tenant = 'one'
    expect(w.outcome(1, series).consumed.get('duplicate')).toBe(1)
    w.write(1, [], [{ family: 'a', type: 1 }])
    w.nowMs += 1000
    const later: PlainSeries[] = [{ labels: 'a', samples: [[w.nowMs, 1]] }]
    expect(w.write(1, later)).toMatchObject([{ type: 'sum' }])
    w.tenant = 'two'
    expect(w.write(1, later)).toMatchObject([{ type: 'gauge' }])
  })

  it('merges series of the same labels', () => {
    const w = new Writing()
    const at = w.nowMs
    const points = w.write(2, [
      { labels: 'a{x="1",y="2"}', samples: [[at - 1, 1]] },
      {
        labels: 'a{y="2",x="1"}',
        samples: [
          [at, 2],
          [at - 1, 1],
        ],
      },
    ])
    expect(points.map(({ value }) => value)).toEqual([1, 2])
    expect(w.state.streams.count).toBe(1)
  })

  it('learns from a series that has nothing but metadata', () => {
    const w = new Writing()
    const outcome = w.outcome(2, [{ labels: 'a_bucket{le="1"}', type: 3, help: 'H', unit: 'seconds' }])
    expect([outcome.refusals.size, outcome.samples, outcome.points.count]).toEqual([0, 0, 0])
    expect(w.state.types.said('', 'a')).toBe(3)
    expect(w.outcome(2, [{ labels: '{le="1"}', type: 3 }]).refusals.size).toBe(0)
  })

  it('goes on after a request that it failed on', () => {
    const w = new Writing()
    w.decode(
      1,
      writeBody(1, [
        { labels: 'x_created', samples: [[w.nowMs, 1]] },
        { labels: 'a', samples: [[w.nowMs, 1]] },
      ]),
    )
    const { seriesLabels } = w.request
    // Out of step with itself: nobody could read it.
    w.request.seriesLabels = new Proxy(seriesLabels, {
      get(target, key) {
        if (key === '1') throw new Error('broken')
        return Reflect.get(target, key)
      },
    })
    expect(() => w.translator.translate(w.request, { tenant: '', nowMs: w.nowMs })).toThrow('broken')
    w.request.seriesLabels = seriesLabels
    expect(w.write(1, [{ labels: 'b', samples: [[w.nowMs, 1]] }])).toMatchObject([{ metric: 'b' }])
  })

  it('takes a request of nothing', () => {
    const w = new Writing()
    for (const version of [1, 2] as const) {
      const outcome = w.outcome(version, [])
      expect([outcome.receivedFloats, outcome.points.count, outcome.emission]).toEqual([0, 0, undefined])
    }
  })
})
