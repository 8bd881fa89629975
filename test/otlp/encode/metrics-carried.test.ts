/** What stands between the encoder of metrics and an endpoint counts, cuts, splits and rewrites its requests without loss. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutRequest } from '../../../src/otlp/cut.ts'
import { createInspector } from '../../../src/otlp/decode/inspect.ts'
import { encodeResource } from '../../../src/otlp/encode/metric-parts.ts'
import { encodeMetrics } from '../../../src/otlp/encode/metrics.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'
import { requestToJson } from '../../../src/otlp/json/to-json.ts'
import { jsonToRequest } from '../../../src/otlp/json/to-proto.ts'
import { type EncodedExemplar, type ExponentialBody, MetricData, MetricPoints } from '../../../src/otlp/metrics.ts'
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
  it('cuts between metrics, and loses and doubles no point', () => {
    fc.assert(
      fc.property(arbitraryPoints, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 3000, max: 30_000 }), (spec, heaps, maxBytes) => {
        const request = encode(spec)
        const { slices, tooLarge } = cutRequest('metrics', request, { heaps, maxBytes })
        const requests = slices.map(({ data }) => data)
        expect(slices.reduce((sum, { items }) => sum + items, tooLarge)).toBe(spec.points.length)
        for (const { items, data } of slices) expect(flat([data])).toHaveLength(items)
        if (tooLarge === 0) expect(flat(requests)).toEqual(flat([request]))
      }),
      { numRuns: 50 },
    )
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
