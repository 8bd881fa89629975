/** What stands between the encoder of metrics and an endpoint counts, cuts, splits and rewrites its requests without loss. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutRequest } from '../../../src/otlp/cut.ts'
import { createInspector } from '../../../src/otlp/decode/inspect.ts'
import { encodeMetric, encodeResource, encodeScope, encodeTextAttributes } from '../../../src/otlp/encode/metric-parts.ts'
import { encodeMetrics } from '../../../src/otlp/encode/metrics.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'
import { requestToJson } from '../../../src/otlp/json/to-json.ts'
import { jsonToRequest } from '../../../src/otlp/json/to-proto.ts'
import { attributeTag, type EncodedExemplar, type ExponentialBody, MetricData, MetricPoints } from '../../../src/otlp/metrics.ts'
import { createSplitter } from '../../../src/otlp/split.ts'
import { arbitraryPoints, type PointsSpec, specToPlain, specToPoints } from '../../support/arbitrary-points.ts'
import { officialDecode, type Plain } from '../../support/official-otlp.ts'

const writer = new ReverseWriter()
const encode = (spec: PointsSpec): Uint8Array => encodeMetrics(specToPoints(spec), writer, 1000)
const decode = (request: Uint8Array): Plain => officialDecode(request, 'metrics')

const listOf = (plain: Plain, key: string): Plain[] => (plain[key] ?? []) as Plain[]

/** Every point with all that stands above it, as text, sorted. */
function flat(requests: readonly Uint8Array[]): string[] {
  return requests
    .flatMap((request) =>
      listOf(decode(request), 'resourceMetrics').flatMap(({ resource, ...inResource }) =>
        listOf(inResource, 'scopeMetrics').flatMap(({ metrics, ...scope }) =>
          (metrics as Plain[]).flatMap((metric) =>
            Object.entries(metric).flatMap(([kind, data]) => {
              const points = (data as Plain | string)['dataPoints' as never] as Plain[] | undefined
              const others = { ...metric, [kind]: { ...(data as Plain), dataPoints: [] } }
              return (points ?? []).map((point) => JSON.stringify([resource, scope, others, point]))
            }),
          ),
        ),
      ),
    )
    .sort()
}

/** Points of the only metric kind in a request. */
const flatPoints = (plain: Plain, key: string): Plain[] =>
  listOf(plain, 'resourceMetrics').flatMap((group) =>
    listOf(group, 'scopeMetrics').flatMap((scope) =>
      listOf(scope, 'metrics').flatMap((metric) => listOf(metric[key] as Plain, 'dataPoints')),
    ),
  )

const withService = (spec: PointsSpec): PointsSpec => ({
  ...spec,
  resources: spec.resources.map((attributes, i) => [...attributes, ['service.name', `service ${i}`]]),
})

describe('createInspector', () => {
  const limits = { maxItems: 1000, maxAttributes: 100, maxEvents: 100, maxDepth: 64, maxStringBytes: 100_000 }
  const inspect = createInspector('metrics', limits)

  it('counts points of every kind, by service', () => {
    fc.assert(
      fc.property(arbitraryPoints.map(withService), (spec) => {
        const { items, services, badIds } = inspect(encode(spec))
        expect(items).toBe(spec.points.length)
        expect(badIds).toBe(0)
        const counts = new Map<string, number>()
        for (const { resource } of spec.points) counts.set(`service ${resource}`, (counts.get(`service ${resource}`) ?? 0) + 1)
        expect(services).toEqual([...counts].map(([service, of]) => ({ service, items: of })))
      }),
      { numRuns: 50 },
    )
  })
})

describe('cutRequest', () => {
  it('cuts between metrics and between points of a large one, and loses and doubles no point', () => {
    fc.assert(
      fc.property(arbitraryPoints, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 500, max: 30_000 }), (spec, heaps, maxBytes) => {
        const request = encode(spec)
        const { slices, tooLarge } = cutRequest('metrics', request, { heaps, maxBytes })
        const requests = slices.map(({ data }) => data)
        expect(slices.reduce((sum, { items }) => sum + items, tooLarge)).toBe(spec.points.length)
        for (const { items, data } of slices) {
          expect(flat([data])).toHaveLength(items)
          expect(data.length).toBeLessThanOrEqual(maxBytes)
        }
        if (tooLarge === 0) expect(flat(requests)).toEqual(flat([request]))
      }),
      { numRuns: 150 },
    )
  })

  it.each([MetricData.Sum, MetricData.Gauge])(
    'gives every part of a large metric (data %i) all that is said of it, points in their order',
    (data) => {
      const points = new MetricPoints()
      const metric = encodeMetric({ name: 'up', description: 'is it', unit: 's', data, monotonic: true, metadata: [['a', 'b']] })
      const other = encodeMetric({ name: 'other', description: '', unit: '', data, monotonic: true, metadata: [] })
      const resource = encodeResource([['service.name', 'shop']])
      const scope = encodeScope('scope', '1', [], 'https://schema')
      for (let i = 0; i < 2002; i++) {
        const at = points.add(resource, scope, i === 0 || i === 2001 ? other : metric, undefined)
        points.timeLo[at] = i
      }
      const request = encodeMetrics(points, writer, 1000)
      const { slices, tooLarge } = cutRequest('metrics', request, { heaps: 3, maxBytes: 4000 })
      expect(tooLarge).toBe(0)
      expect(slices.length).toBeGreaterThan(5)
      expect(slices.length).toBeLessThan(Math.ceil((request.length / 4000) * 1.2))
      for (const slice of slices) expect(slice.data.length).toBeLessThanOrEqual(4000)
      const whole = decode(request)
      const [group] = listOf(whole, 'resourceMetrics')
      const [inScope] = listOf(group ?? {}, 'scopeMetrics')
      const [, named] = listOf(inScope ?? {}, 'metrics')
      const key = data === MetricData.Sum ? 'sum' : 'gauge'
      const found = slices.slice(1).flatMap((slice) => {
        const plain = decode(slice.data)
        const dataPoints = flatPoints(plain, key)
        const metricAgain = { ...named, [key]: { ...(named?.[key] as Plain), dataPoints } }
        expect(plain).toEqual({ resourceMetrics: [{ ...group, scopeMetrics: [{ ...inScope, metrics: [metricAgain] }] }] })
        return dataPoints
      })
      expect(flatPoints(decode(slices[0]?.data ?? new Uint8Array(0)), key)).toHaveLength(2)
      expect(found.map(({ timeUnixNano }) => timeUnixNano)).toEqual(Array.from({ length: 2000 }, (_, i) => `${i + 1}`))
    },
  )

  it('counts a point that no message can hold, and keeps its neighbours', () => {
    const points = new MetricPoints()
    const metric = encodeMetric({ name: 'up', description: '', unit: '', data: MetricData.Gauge, monotonic: false, metadata: [] })
    const resource = encodeResource([])
    const scope = encodeScope('scope', '', [], '')
    for (let i = 0; i < 3; i++) {
      const at = points.add(resource, scope, metric, undefined)
      const list = encodeTextAttributes([['key', 'x'.repeat(i === 1 ? 1000 : 100)]], attributeTag)
      points.attributes[at] = new DataView(list.buffer)
      points.attributesEnd[at] = list.length
    }
    const { slices, tooLarge } = cutRequest('metrics', encodeMetrics(points, writer, 1000), { heaps: 1, maxBytes: 500 })
    expect(tooLarge).toBe(1)
    expect(slices.map(({ items }) => items)).toEqual([2])
  })
})

describe('createSplitter', () => {
  it('gives every point to the class of its resource', () => {
    const values = [new Map([0, 1, 2, 3].map((i) => [`service ${i}`, i + 2]))]
    const split = createSplitter('metrics', { keys: ['service.name'], values, classOf: (codes) => (codes[0] ?? 0) % 2 })
    fc.assert(
      fc.property(arbitraryPoints.map(withService), (spec) => {
        const request = encode(spec)
        const parts = split(request)
        expect(flat(parts.map(({ data }) => data))).toEqual(flat([request]))
        for (const part of parts) {
          expect(part.items).toBe(spec.points.filter(({ resource }) => resource % 2 === part.class).length)
          expect(flat([part.data])).toHaveLength(part.items)
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('requestToJson', () => {
  const json = (request: Uint8Array): unknown => JSON.parse(Buffer.from(requestToJson('metrics', request)).toString())

  it('says what the points said, and is read back as the same', () => {
    fc.assert(
      fc.property(arbitraryPoints, (spec) => {
        const request = encode(spec)
        expect(json(request)).toEqual(specToPlain(spec))
        expect(decode(jsonToRequest('metrics', requestToJson('metrics', request), 64))).toEqual(decode(request))
      }),
      { numRuns: 100 },
    )
  })

  it('writes 64-bit integers and what is no number in quotes, ids in hex, flags and the temporality as numbers', () => {
    const exemplar: EncodedExemplar = {
      timeHi: 0,
      timeLo: -1,
      valueHi: 0x7ff00000,
      valueLo: 0,
      traceId: Uint8Array.from({ length: 16 }, (_, i) => i * 17),
      spanId: Uint8Array.from({ length: 8 }, (_, i) => 255 - i),
      attributes: new Uint8Array(0),
    }
    const body: ExponentialBody = {
      kind: 'exponential',
      count: 2n ** 64n - 1n,
      hasSum: true,
      sumHi: 0x7ff80000,
      sumLo: 0,
      scale: -4,
      zeroCount: 2 ** 40,
      zeroThreshold: 1e-128,
      positiveOffset: -2,
      positiveCounts: [2n ** 64n - 2n, 0n],
      negativeOffset: 0,
      negativeCounts: [],
    }
    const points = new MetricPoints()
    const metric = { head: new Uint8Array(0), data: MetricData.ExponentialHistogram, monotonic: false, stamp: 0, place: 0 }
    const scope = { bytes: new Uint8Array(0), schemaUrl: new Uint8Array(0), stamp: 0, place: 0 }
    const at = points.add(encodeResource([]), scope, metric, body)
    points.flags[at] = 1
    points.timeHi[at] = -1
    points.exemplars[at] = [exemplar]
    expect(json(encodeMetrics(points, writer, 100))).toEqual({
      resourceMetrics: [
        {
          resource: {},
          scopeMetrics: [
            {
              scope: {},
              metrics: [
                {
                  exponentialHistogram: {
                    dataPoints: [
                      {
                        timeUnixNano: '18446744069414584320',
                        count: '18446744073709551615',
                        sum: 'NaN',
                        scale: -4,
                        zeroCount: '1099511627776',
                        positive: { offset: -2, bucketCounts: ['18446744073709551614', '0'] },
                        flags: 1,
                        exemplars: [
                          {
                            timeUnixNano: '4294967295',
                            asDouble: 'Infinity',
                            spanId: 'fffefdfcfbfaf9f8',
                            traceId: '00112233445566778899aabbccddeeff',
                          },
                        ],
                        zeroThreshold: 1e-128,
                      },
                    ],
                    aggregationTemporality: 2,
                  },
                },
              ],
            },
          ],
        },
      ],
    })
  })
})
