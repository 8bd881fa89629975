/** Points of metrics as remote-write senders have them, for the encoder of metrics alone: what stands before it is measured with its format. */

import { createInspector } from '../src/otlp/decode/inspect.ts'
import { createChunkPool, ownsChunk } from '../src/otlp/encode/chunks.ts'
import { encodeMetric, encodeResource, encodeScope, encodeTextAttributes, type TextAttribute } from '../src/otlp/encode/metric-parts.ts'
import { encodeMetrics } from '../src/otlp/encode/metrics.ts'
import { createSizeGuess, ReverseWriter } from '../src/otlp/encode/writer.ts'
import { attributeTag, MetricData, MetricPoints, type PointBody } from '../src/otlp/metrics.ts'
import { randomFrom } from '../test/crash/support/random.ts'
import type { BenchCase } from './cases.ts'
import { createDice, type Dice } from './seed.ts'

interface Shape {
  readonly name: string
  readonly points: number
  readonly resources: number
  /** Of each resource, the same of all. */
  readonly metrics: number
  readonly data: readonly number[]
}

const numbers = [MetricData.Sum, MetricData.Gauge]

const shapes: readonly Shape[] = [
  { name: 'encode/points/500-of-60-metrics', points: 500, resources: 10, metrics: 6, data: numbers },
  { name: 'encode/points/500-of-400-metrics', points: 500, resources: 10, metrics: 40, data: numbers },
  { name: 'encode/points/100-histograms', points: 100, resources: 10, metrics: 6, data: [MetricData.Histogram] },
  { name: 'encode/points/100-exponential-histograms', points: 100, resources: 10, metrics: 6, data: [MetricData.ExponentialHistogram] },
  { name: 'encode/points/100-summaries', points: 100, resources: 10, metrics: 6, data: [MetricData.Summary] },
]

/** Names of the cases. */
export const pointCaseNames: readonly string[] = shapes.map(({ name }) => name)

/** So many different requests in turn that no branch predictor learns them by heart. */
const requestCount = 16

/** Eight labels, encoded some 175 bytes. */
const labels = (dice: Dice): TextAttribute[] => [
  ['namespace', dice.pick(['shop', 'billing', 'warehouse'])],
  ['pod', `orders-${dice.id().toString(36).slice(0, 10)}-x${dice.below(10)}`],
  ['container', 'orders'],
  ['method', dice.pick(['GET', 'POST', 'PUT'])],
  ['status', dice.pick(['200', '204', '404', '503'])],
  ['handler', dice.pick(['/v2/orders', '/v2/basket', '/v2/stock'])],
  ['node', `node-${dice.below(300)}`],
  ['zone', dice.pick(['a', 'b', 'c'])],
]

function bodyOf(data: number, dice: Dice): PointBody | undefined {
  const counts = (length: number): number[] => Array.from({ length }, () => dice.below(1000))
  const sum = { count: 1_000_000, hasSum: true, sumHi: 0x40590000, sumLo: dice.below(2 ** 31) }
  switch (data) {
    case MetricData.Histogram:
      return { kind: 'explicit', ...sum, bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10], counts: counts(12) }
    case MetricData.ExponentialHistogram:
      return {
        kind: 'exponential',
        ...sum,
        scale: 3,
        zeroCount: 4,
        zeroThreshold: 1e-128,
        positiveOffset: -40,
        positiveCounts: counts(60),
        negativeOffset: 0,
        negativeCounts: [],
      }
    case MetricData.Summary:
      return { kind: 'summary', count: 1_000_000, sum: dice.below(1000), quantiles: [0.5, 0.9, 0.99], values: [1, 2, 3] }
    default:
      return undefined
  }
}

function makePoints(shape: Shape, dice: Dice): MetricPoints {
  const resources = Array.from({ length: shape.resources }, (_, i) =>
    encodeResource([
      ['service.name', `shop/orders-${i}`],
      ['service.instance.id', `10.20.${i}.7:9100`],
    ]),
  )
  const scope = encodeScope('otlp-bridge', '0.1.0', [], '')
  const metrics = Array.from({ length: shape.metrics }, (_, i) =>
    encodeMetric({
      name: `http_server_requests_${i}_total`,
      description: 'How many requests were answered, by handler.',
      unit: '',
      data: shape.data[i % shape.data.length] as number,
      monotonic: true,
      metadata: [],
    }),
  )
  const points = new MetricPoints()
  const lists = Array.from({ length: shape.points }, () => encodeTextAttributes(labels(dice), attributeTag))
  // As streams keep them: one after the other in one piece of memory.
  const { buffer, byteOffset, byteLength } = Buffer.concat(lists)
  const view = new DataView(buffer, byteOffset, byteLength)
  let used = 0
  for (let i = 0; i < shape.points; i++) {
    const metric = dice.pick(metrics)
    const at = points.add(dice.pick(resources), scope, metric, bodyOf(metric.data, dice))
    points.attributes[at] = view
    points.attributesStart[at] = used
    used += (lists[i] as Uint8Array).length
    points.attributesEnd[at] = used
    points.timeHi[at] = 0x18e8_0000
    points.timeLo[at] = dice.below(2 ** 31)
    points.valueHi[at] = 0x4059_0000
    points.valueLo[at] = dice.below(2 ** 31)
  }
  return points
}

/** The cases. Throws when a point is not in what was encoded. */
export function createPointCases(): BenchCase[] {
  const inspect = createInspector('metrics', { maxItems: 10_000, maxAttributes: 100, maxEvents: 10, maxDepth: 10, maxStringBytes: 10_000 })
  return shapes.map((shape) => {
    const dice = createDice(randomFrom(7))
    const chunks = createChunkPool()
    const writer = new ReverseWriter(chunks)
    const guess = createSizeGuess()
    const source = shape.points * 100
    const encode = (points: MetricPoints): number => {
      const data = encodeMetrics(points, writer, guess.expected(source))
      guess.learn(source, data.length)
      // As emit does once a request was delivered.
      if (ownsChunk(data)) chunks.give(data.buffer)
      return data.length
    }
    const requests = Array.from({ length: requestCount }, () => makePoints(shape, dice))
    for (const points of requests) {
      const { items } = inspect(encodeMetrics(points, new ReverseWriter(), 1000))
      if (items !== shape.points) throw new Error(`cannot measure ${shape.name}: ${items} of ${shape.points} points are in the request`)
    }
    const bytesOut = requests.reduce((sum, points) => sum + encode(points), 0) / requests.length
    let next = 0
    return {
      name: shape.name,
      spans: shape.points,
      bytesIn: undefined,
      bytesOut,
      run() {
        const points = requests[next]
        if (points !== undefined) encode(points)
        next = next + 1 === requests.length ? 0 : next + 1
      },
    }
  })
}
