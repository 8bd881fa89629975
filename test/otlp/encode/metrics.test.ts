import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeMetric, encodeResource, encodeScope, encodeTextAttributes } from '../../../src/otlp/encode/metric-parts.ts'
import { encodeMetrics } from '../../../src/otlp/encode/metrics.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'
import {
  attributeTag,
  type ExplicitBody,
  type ExponentialBody,
  MetricData,
  MetricPoints,
  noRecordedValue,
  type PointBody,
} from '../../../src/otlp/metrics.ts'
import { arbitraryPoints, specToPlain, specToPoints, wordsOf } from '../../support/arbitrary-points.ts'
import { officialDecode, type Plain } from '../../support/official-otlp.ts'

const decode = (bytes: Uint8Array): Plain => officialDecode(bytes, 'metrics')

const resource = encodeResource([['service.name', 'shop']])
const scope = encodeScope('otlp-bridge', '1', [], '')
const metricOf = (data: number) => encodeMetric({ name: 'm', description: '', unit: '', data, monotonic: false, metadata: [] })

/** A request with one point, which `change` fills in. */
function onePoint(data: number, body: PointBody | undefined, change: (points: MetricPoints, at: number) => void = () => {}): Uint8Array {
  const points = new MetricPoints()
  change(points, points.add(resource, scope, metricOf(data), body))
  return encodeMetrics(points, new ReverseWriter(), 100)
}

const pointIn = (request: Uint8Array, data: string): Plain =>
  (decode(request) as { resourceMetrics: [{ scopeMetrics: [{ metrics: [Record<string, { dataPoints: [Plain] }>] }] }] }).resourceMetrics[0]
    .scopeMetrics[0].metrics[0][data]?.dataPoints[0] ?? {}

const explicitBody: ExplicitBody = { kind: 'explicit', count: 3, hasSum: true, sumHi: 0, sumLo: 0, bounds: [1, 2], counts: [1, 2, 0] }
const exponentialBody: ExponentialBody = {
  kind: 'exponential',
  count: 8,
  hasSum: true,
  sumHi: 0,
  sumLo: 0,
  scale: 0,
  zeroCount: 0,
  zeroThreshold: 0,
  positiveOffset: 0,
  positiveCounts: [2, 3, 0, 0, 0, 1],
  negativeOffset: -3,
  negativeCounts: [2],
}

describe('encodeMetrics', () => {
  it('writes what protobufjs with the official messages reads back, grouped, whatever the guess of the size', () => {
    const writer = new ReverseWriter()
    const points = new MetricPoints()
    fc.assert(
      fc.property(arbitraryPoints, fc.nat(40_000), (spec, guess) => {
        expect(decode(encodeMetrics(specToPoints(spec, points), writer, guess))).toEqual(specToPlain(spec))
      }),
      { numRuns: 300 },
    )
  })

  it('keeps earlier messages of the same chunk untouched', () => {
    const writer = new ReverseWriter()
    fc.assert(
      fc.property(fc.array(arbitraryPoints, { minLength: 2, maxLength: 4 }), (many) => {
        const encoded = many.map((spec) => encodeMetrics(specToPoints(spec), writer, 100))
        encoded.forEach((bytes, i) => {
          const alone = encodeMetrics(specToPoints(many[i] as (typeof many)[0]), new ReverseWriter(), 100)
          expect(Buffer.compare(bytes, alone)).toBe(0)
        })
      }),
      { numRuns: 30 },
    )
  })

  it('gives requests that concatenate to one request', () => {
    const writer = new ReverseWriter()
    fc.assert(
      fc.property(arbitraryPoints, arbitraryPoints, (first, second) => {
        const both = [first, second].map((spec) => encodeMetrics(specToPoints(spec), writer, 50))
        const groups = [first, second].flatMap((spec) => (specToPlain(spec)['resourceMetrics'] ?? []) as Plain[])
        expect(decode(Buffer.concat(both))).toEqual(groups.length === 0 ? {} : { resourceMetrics: groups })
      }),
      { numRuns: 30 },
    )
  })

  it('gives no bytes for no points', () => {
    expect(encodeMetrics(new MetricPoints(), new ReverseWriter(), 100_000)).toEqual(new Uint8Array(0))
  })

  it('writes a value of zero, and none where no value was recorded', () => {
    expect(pointIn(onePoint(MetricData.Gauge, undefined), 'gauge')).toEqual({ asDouble: 0 })
    const stale = onePoint(MetricData.Gauge, undefined, (points, at) => {
      points.flags[at] = noRecordedValue
      points.valueHi[at] = 0x7ff00000
      points.valueLo[at] = 2
    })
    expect(pointIn(stale, 'gauge')).toEqual({ flags: 1 })
  })

  it('writes a sum of zero where there is a sum, and none where there is none', () => {
    expect(pointIn(onePoint(MetricData.Histogram, explicitBody), 'histogram')).toMatchObject({ sum: 0 })
    expect(pointIn(onePoint(MetricData.Histogram, { ...explicitBody, hasSum: false }), 'histogram')).not.toHaveProperty('sum')
    expect(pointIn(onePoint(MetricData.ExponentialHistogram, exponentialBody), 'exponentialHistogram')).toMatchObject({ sum: 0 })
  })

  it('keeps the bounds and counts of zero of a histogram that has ended', () => {
    const body: ExplicitBody = { ...explicitBody, count: 0, hasSum: false, counts: [0, 0, 0] }
    const stale = onePoint(MetricData.Histogram, body, (points, at) => {
      points.flags[at] = noRecordedValue
    })
    expect(pointIn(stale, 'histogram')).toEqual({ flags: 1, explicitBounds: [1, 2], bucketCounts: ['0', '0', '0'] })
  })

  it('leaves out sides of an exponential histogram that have no buckets', () => {
    const body: ExponentialBody = { ...exponentialBody, count: 0, hasSum: false, positiveCounts: [], negativeOffset: 0, negativeCounts: [] }
    expect(pointIn(onePoint(MetricData.ExponentialHistogram, body), 'exponentialHistogram')).toEqual({})
  })

  it.each([
    ['the stale marker', 0x7ff00000, 2],
    ['a quiet NaN with a payload', 0x7ff80dea, 0x12345678],
    ['a negative NaN', -1, -1],
  ])('keeps the bits of %s, as value, sum and value of an exemplar', (_, hi, lo) => {
    const bits = Buffer.alloc(8)
    bits.writeInt32LE(lo, 0)
    bits.writeInt32LE(hi, 4)
    const exemplar = {
      timeHi: 0,
      timeLo: 0,
      valueHi: hi,
      valueLo: lo,
      traceId: new Uint8Array(0),
      spanId: new Uint8Array(0),
      attributes: new Uint8Array(0),
    }
    const number = onePoint(MetricData.Gauge, undefined, (points, at) => {
      points.valueHi[at] = hi
      points.valueLo[at] = lo
      points.exemplars[at] = [exemplar]
    })
    const histogram = onePoint(MetricData.Histogram, { ...explicitBody, sumHi: hi, sumLo: lo })
    expect(Buffer.from(number).toString('latin1').split(bits.toString('latin1'))).toHaveLength(3)
    expect(Buffer.from(histogram).includes(bits)).toBe(true)
  })

  it('gives every attribute the tag of its point, whatever its length', () => {
    const pairs = [0, 1, 100, 130, 17_000].map((length, i): [string, string] => [`k${i}`, 'v'.repeat(length)])
    const list = encodeTextAttributes(pairs, attributeTag)
    const put = (points: MetricPoints, at: number): void => {
      points.attributes[at] = new DataView(list.buffer)
      points.attributesEnd[at] = list.length
    }
    const attributes = pairs.map(([key, value]) => ({ key, value: { stringValue: value } }))
    expect(pointIn(onePoint(MetricData.Histogram, explicitBody, put), 'histogram')['attributes']).toEqual(attributes)
    expect(pointIn(onePoint(MetricData.ExponentialHistogram, exponentialBody, put), 'exponentialHistogram')['attributes']).toEqual(
      attributes,
    )
    expect(pointIn(onePoint(MetricData.Sum, undefined, put), 'sum')['attributes']).toEqual(attributes)
  })

  it('writes the same wherever in the message its chunk ends', () => {
    const [hi, lo] = [-1, -1]
    const list = encodeTextAttributes([['key', 'value']], attributeTag)
    const exemplar = {
      timeHi: hi,
      timeLo: lo,
      valueHi: hi,
      valueLo: lo,
      traceId: new Uint8Array(16).fill(1),
      spanId: new Uint8Array(8).fill(2),
      attributes: list,
    }
    const large = 2n ** 64n - 1n
    const points = new MetricPoints()
    const add = (data: number, body: PointBody | undefined): void => {
      const at = points.add(resource, encodeScope('s', '', [], 'https://schema'), metricOf(data), body)
      points.attributes[at] = new DataView(list.buffer)
      points.attributesEnd[at] = list.length
      for (const column of [points.timeHi, points.timeLo, points.startHi, points.startLo, points.valueHi, points.valueLo]) column[at] = -1
      points.flags[at] = 0xfe
      points.exemplars[at] = [exemplar]
    }
    const sum = { count: large, hasSum: true, sumHi: hi, sumLo: lo }
    const sides = { positiveOffset: hi, positiveCounts: [large, large], negativeOffset: -0x80000000, negativeCounts: [large] }
    add(MetricData.Sum, undefined)
    add(MetricData.Histogram, { kind: 'explicit', ...sum, bounds: [1], counts: [large, large] })
    add(MetricData.ExponentialHistogram, { kind: 'exponential', ...sum, scale: -0x80000000, zeroCount: large, zeroThreshold: 1, ...sides })
    add(MetricData.Summary, { kind: 'summary', count: large, sum: 1, quantiles: [0.5], values: [2] })
    const whole = Buffer.from(encodeMetrics(points, new ReverseWriter(), 10_000))
    for (let left = 0; left <= whole.length; left++) {
      const writer = new ReverseWriter()
      for (const used of [30_000, 30_000, 65_536 - 60_000 - left]) {
        writer.begin(0)
        writer.block(new Uint8Array(used))
        writer.finish()
      }
      expect(writer.at).toBe(left)
      expect(Buffer.compare(encodeMetrics(points, writer, 0), whole), `${left}`).toBe(0)
    }
  })

  it('grows past its chunk for many points', () => {
    const points = new MetricPoints()
    const metrics = Array.from({ length: 1500 }, (_, i) =>
      encodeMetric({ name: `m${i}`, description: '', unit: '', data: MetricData.Gauge, monotonic: false, metadata: [] }),
    )
    for (let i = 0; i < 20_000; i++) {
      const at = points.add(resource, scope, metrics[i % metrics.length] as (typeof metrics)[0], undefined)
      const [hi, lo] = wordsOf(i)
      points.valueHi[at] = hi
      points.valueLo[at] = lo
    }
    const plain = decode(encodeMetrics(points, new ReverseWriter(), 10)) as {
      resourceMetrics: [{ scopeMetrics: [{ metrics: { name: string; gauge: { dataPoints: { asDouble: number }[] } }[] }] }]
    }
    const found = plain.resourceMetrics[0].scopeMetrics[0].metrics
    expect(found.map(({ name }) => name)).toEqual(Array.from(metrics, (_, i) => `m${i}`))
    expect(found.map(({ gauge }) => gauge.dataPoints.map(({ asDouble }) => asDouble))).toEqual(
      Array.from(metrics, (_, i) => Array.from({ length: Math.ceil((20_000 - i) / 1500) }, (_, k) => i + k * 1500)),
    )
  })

  it('refuses a body that is none of its metric, and works on afterwards', () => {
    expect(() => onePoint(MetricData.Histogram, undefined)).toThrow('BUG')
    expect(() => onePoint(MetricData.Summary, explicitBody)).toThrow('BUG')
    expect(pointIn(onePoint(MetricData.Gauge, undefined), 'gauge')).toEqual({ asDouble: 0 })
  })
})

describe('MetricPoints', () => {
  it('forgets what a cleared request was about', () => {
    const points = new MetricPoints()
    const metric = metricOf(MetricData.Histogram)
    const at = points.add(resource, scope, metric, explicitBody)
    points.exemplars[at] = []
    points.flags[at] = noRecordedValue
    points.clear()
    for (const column of [points.resources, points.scopes, points.metrics, points.bodies, points.exemplars]) {
      for (const kept of [resource, scope, metric, explicitBody]) expect(column).not.toContain(kept)
    }
    points.add(resource, scope, metricOf(MetricData.Gauge), undefined)
    expect(pointIn(encodeMetrics(points, new ReverseWriter(), 100), 'gauge')).toEqual({ asDouble: 0 })
  })

  it('does not keep the memory of an extraordinary request', () => {
    const points = new MetricPoints()
    const metric = metricOf(MetricData.Gauge)
    for (let i = 0; i < 300_000; i++) points.add(resource, scope, metric, undefined)
    expect(points.count).toBe(300_000)
    points.clear()
    expect(points.count).toBe(0)
    expect(points.timeHi.length).toBeLessThan(10_000)
    expect(points.metrics.length).toBeLessThan(10_000)
  })
})
