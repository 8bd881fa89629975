/** Random points of metrics, as the encoder takes them and as OTLP/JSON says the same, made independently of each other. */

import fc from 'fast-check'
import { encodeMetric, encodeResource, encodeScope, encodeTextAttributes, type MetricParts } from '../../src/otlp/encode/metric-parts.ts'
import {
  attributeTag,
  type Counts,
  type EncodedExemplar,
  type ExplicitBody,
  type ExponentialBody,
  MetricData,
  MetricPoints,
  noRecordedValue,
  type PointBody,
  type SummaryBody,
} from '../../src/otlp/metrics.ts'
import type { Plain } from './official-otlp.ts'

type Pairs = readonly (readonly [key: string, value: string])[]
type Words = readonly [hi: number, lo: number]

interface ScopeSpec {
  readonly name: string
  readonly version: string
  readonly attributes: Pairs
  readonly schemaUrl: string
}

interface ExemplarSpec {
  readonly time: Words
  readonly value: Words
  readonly traceId: Uint8Array
  readonly spanId: Uint8Array
  readonly attributes: Pairs
}

interface PointSpec {
  readonly resource: number
  readonly scope: number
  readonly metric: number
  readonly attributes: Pairs
  readonly time: Words
  readonly start: Words
  readonly value: Words
  readonly flags: number
  readonly bodies: Readonly<Record<PointBody['kind'], PointBody>>
  readonly exemplars: readonly ExemplarSpec[] | undefined
}

/** Points and all that they have in common, by place. */
export interface PointsSpec {
  readonly resources: readonly Pairs[]
  readonly scopes: readonly ScopeSpec[]
  readonly metrics: readonly MetricParts[]
  readonly points: readonly PointSpec[]
}

const two53 = 2 ** 53
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }).map((one) => one.toWellFormed()),
  fc.string({ minLength: 120, maxLength: 420 }),
)
const pairs: fc.Arbitrary<Pairs> = fc.array(fc.tuple(text, text), { maxLength: 5 })
const word = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const time: fc.Arbitrary<Words> = fc.oneof(fc.constant([0, 0] as const), fc.tuple(word, word))
const anyDouble = fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, 0.1))
const doubleWords: fc.Arbitrary<Words> = anyDouble.map(wordsOf)

const smallCount = fc.oneof(fc.nat(300), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, two53 - 1), fc.maxSafeNat())
const largeCount = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n))
const count = fc.oneof(smallCount, largeCount)
const counts = (length: number): fc.Arbitrary<Counts> => {
  const range = { minLength: length, maxLength: length }
  return fc.oneof(fc.array(smallCount, range), fc.array(largeCount, range))
}
const someCounts = fc.oneof(fc.constant(0), fc.nat(20)).chain(counts)
const int32 = fc.oneof(fc.constant(0), fc.integer({ min: -300, max: 300 }), word)

const explicit: fc.Arbitrary<ExplicitBody> = fc
  .oneof(fc.constant(-1), fc.nat(12))
  .chain((bounds) =>
    fc.record({
      kind: fc.constant('explicit' as const),
      count,
      hasSum: fc.boolean(),
      sum: doubleWords,
      bounds: fc.oneof(
        fc.array(fc.double({ noNaN: true }), { minLength: Math.max(0, bounds), maxLength: Math.max(0, bounds) }),
        fc.float64Array({ minLength: Math.max(0, bounds), maxLength: Math.max(0, bounds), noNaN: true }),
      ),
      counts: counts(bounds + 1),
    }),
  )
  .map(({ sum, ...body }) => ({ ...body, sumHi: sum[0], sumLo: sum[1] }))

const exponential: fc.Arbitrary<ExponentialBody> = fc
  .record({
    kind: fc.constant('exponential' as const),
    count,
    hasSum: fc.boolean(),
    sum: doubleWords,
    scale: int32,
    zeroCount: count,
    zeroThreshold: fc.oneof(fc.constant(0), fc.double({ min: 0, noNaN: true })),
    positiveOffset: int32,
    positiveCounts: someCounts,
    negativeOffset: int32,
    negativeCounts: someCounts,
  })
  .map(({ sum, ...body }) => ({ ...body, sumHi: sum[0], sumLo: sum[1] }))

const summary: fc.Arbitrary<SummaryBody> = fc
  .record({ count, sum: anyDouble, values: fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), anyDouble), { maxLength: 6 }) })
  .map(({ values, ...body }) => ({
    kind: 'summary',
    ...body,
    quantiles: values.map(([quantile]) => quantile),
    values: values.map(([, value]) => value),
  }))

const id = (bytes: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ minLength: bytes, maxLength: bytes }))

const exemplar: fc.Arbitrary<ExemplarSpec> = fc.record({ time, value: doubleWords, traceId: id(16), spanId: id(8), attributes: pairs })

const metric: fc.Arbitrary<MetricParts> = fc
  .record({
    name: text,
    description: text,
    unit: text,
    data: fc.constantFrom(...Object.values(MetricData)),
    monotonic: fc.boolean(),
    metadata: pairs,
  })
  .map((parts) => ({ ...parts, monotonic: parts.monotonic && parts.data === MetricData.Sum }))

const scope: fc.Arbitrary<ScopeSpec> = fc.record({ name: text, version: text, attributes: pairs, schemaUrl: text })

/** Up to 60 points of up to 4 resources, 3 scopes and 7 metrics, in any order. */
export const arbitraryPoints: fc.Arbitrary<PointsSpec> = fc.record({
  resources: fc.array(pairs, { minLength: 4, maxLength: 4 }),
  scopes: fc.array(scope, { minLength: 3, maxLength: 3 }),
  metrics: fc.array(metric, { minLength: 7, maxLength: 7 }),
  points: fc.array(
    fc.record({
      resource: fc.nat(3),
      scope: fc.nat(2),
      metric: fc.nat(6),
      attributes: pairs,
      time,
      start: time,
      value: doubleWords,
      flags: fc.oneof(fc.constantFrom(0, noRecordedValue), fc.nat(255)),
      bodies: fc.record({ explicit, exponential, summary }),
      exemplars: fc.oneof(fc.constant(undefined), fc.array(exemplar, { maxLength: 3 })),
    }),
    { maxLength: 60 },
  ),
})

/** Words of a double's bits. */
export function wordsOf(value: number): Words {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return [view.getInt32(0), view.getInt32(4)]
}

const bodyKinds: Readonly<Record<number, PointBody['kind'] | undefined>> = {
  [MetricData.Histogram]: 'explicit',
  [MetricData.ExponentialHistogram]: 'exponential',
  [MetricData.Summary]: 'summary',
}

const bodyOf = (point: PointSpec, { data }: MetricParts): PointBody | undefined => {
  const kind = bodyKinds[data]
  return kind === undefined ? undefined : point.bodies[kind]
}

/** As the encoder takes them, attributes of all points in one piece of memory. @param points is emptied and filled */
export function specToPoints(spec: PointsSpec, points = new MetricPoints()): MetricPoints {
  const resources = spec.resources.map(encodeResource)
  const scopes = spec.scopes.map(({ name, version, attributes, schemaUrl }) => encodeScope(name, version, attributes, schemaUrl))
  const metrics = spec.metrics.map(encodeMetric)
  const lists = spec.points.map(({ attributes }) => encodeTextAttributes(attributes, attributeTag))
  const arena = Buffer.concat(lists)
  const view = new DataView(arena.buffer, arena.byteOffset, arena.byteLength)
  let used = 0
  points.clear()
  for (const [index, point] of spec.points.entries()) {
    const [resource, scopeOf, metricOf, parts] = [
      resources[point.resource],
      scopes[point.scope],
      metrics[point.metric],
      spec.metrics[point.metric],
    ]
    if (resource === undefined || scopeOf === undefined || metricOf === undefined || parts === undefined) throw new Error('no such place')
    const at = points.add(resource, scopeOf, metricOf, bodyOf(point, parts))
    points.attributes[at] = view
    points.attributesStart[at] = used
    used += lists[index]?.length ?? 0
    points.attributesEnd[at] = used
    points.timeHi[at] = point.time[0]
    points.timeLo[at] = point.time[1]
    points.startHi[at] = point.start[0]
    points.startLo[at] = point.start[1]
    points.valueHi[at] = point.value[0]
    points.valueLo[at] = point.value[1]
    points.flags[at] = point.flags
    points.exemplars[at] = point.exemplars?.map(
      ({ time: [timeHi, timeLo], value: [valueHi, valueLo], traceId, spanId, attributes }): EncodedExemplar => {
        return { timeHi, timeLo, valueHi, valueLo, traceId, spanId, attributes: encodeTextAttributes(attributes, attributeTag) }
      },
    )
  }
  return points
}

const uint64 = ([hi, lo]: Words): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
const jsonDouble = (value: number): number | string => (Number.isFinite(value) ? value : String(value))

function wordsToDouble([hi, lo]: Words): number | string {
  const view = new DataView(new ArrayBuffer(8))
  view.setInt32(0, hi)
  view.setInt32(4, lo)
  return jsonDouble(view.getFloat64(0))
}

const isDefault = (value: unknown): boolean =>
  value === undefined || value === '' || value === 0n || Object.is(value, 0) || (Array.isArray(value) && value.length === 0)

/** Without what proto3 leaves out: empty lists and texts, zeros. 64-bit integers become text. */
const present = (members: Readonly<Record<string, unknown>>): Plain => {
  const result: Plain = {}
  for (const [name, value] of Object.entries(members)) {
    if (!isDefault(value)) result[name] = typeof value === 'bigint' ? String(value) : value
  }
  return result
}

const plainAttributes = (list: Pairs): Plain[] => list.map(([key, value]) => present({ key, value: { stringValue: value } }))

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const plainExemplar = ({ time: at, value, traceId, spanId, attributes }: ExemplarSpec): Plain => ({
  ...present({
    filteredAttributes: plainAttributes(attributes),
    timeUnixNano: uint64(at),
    traceId: hex(traceId),
    spanId: hex(spanId),
  }),
  asDouble: wordsToDouble(value),
})

const plainBuckets = (offset: number, list: Counts): Plain | undefined =>
  offset === 0 && list.length === 0 ? undefined : present({ offset, bucketCounts: list.map(String) })

function plainBody(body: PointBody): Plain {
  if (body.kind === 'summary') {
    return present({
      count: BigInt(body.count),
      sum: jsonDouble(body.sum),
      quantileValues: Array.from(body.quantiles, (quantile, i) => present({ quantile, value: jsonDouble(body.values[i] ?? 0) })),
    })
  }
  const sum = body.hasSum ? { sum: wordsToDouble([body.sumHi, body.sumLo]) } : {}
  if (body.kind === 'explicit') {
    return {
      ...sum,
      ...present({
        count: BigInt(body.count),
        bucketCounts: body.counts.map(String),
        explicitBounds: Array.from(body.bounds, jsonDouble),
      }),
    }
  }
  return {
    ...sum,
    ...present({
      count: BigInt(body.count),
      scale: body.scale,
      zeroCount: BigInt(body.zeroCount),
      zeroThreshold: jsonDouble(body.zeroThreshold),
      positive: plainBuckets(body.positiveOffset, body.positiveCounts),
      negative: plainBuckets(body.negativeOffset, body.negativeCounts),
    }),
  }
}

function plainPoint(point: PointSpec, metricOf: MetricParts): Plain {
  const body = bodyOf(point, metricOf)
  const common = present({
    attributes: plainAttributes(point.attributes),
    startTimeUnixNano: uint64(point.start),
    timeUnixNano: uint64(point.time),
    flags: point.flags,
    exemplars: body?.kind === 'summary' ? undefined : point.exemplars?.map(plainExemplar),
  })
  if (body !== undefined) return { ...common, ...plainBody(body) }
  return (point.flags & noRecordedValue) === 0 ? { ...common, asDouble: wordsToDouble(point.value) } : common
}

const dataNames: Readonly<Record<number, string>> = {
  [MetricData.Gauge]: 'gauge',
  [MetricData.Sum]: 'sum',
  [MetricData.Histogram]: 'histogram',
  [MetricData.ExponentialHistogram]: 'exponentialHistogram',
  [MetricData.Summary]: 'summary',
}

function plainMetric(parts: MetricParts, points: readonly PointSpec[]): Plain {
  const { name, description, unit, data, monotonic, metadata } = parts
  const hasTemporality = data !== MetricData.Gauge && data !== MetricData.Summary
  return {
    ...present({ name, description, unit, metadata: plainAttributes(metadata) }),
    [dataNames[data] ?? '']: {
      dataPoints: points.map((point) => plainPoint(point, parts)),
      ...(hasTemporality ? { aggregationTemporality: 2 } : {}),
      ...(monotonic ? { isMonotonic: true } : {}),
    },
  }
}

/** Points by the place that they name, first named first. */
function by(points: readonly PointSpec[], of: 'resource' | 'scope' | 'metric'): [place: number, points: PointSpec[]][] {
  const found = new Map<number, PointSpec[]>()
  for (const point of points) found.set(point[of], [...(found.get(point[of]) ?? []), point])
  return [...found]
}

/** What the points say, as OTLP/JSON: what the encoder is to be compared with. */
export function specToPlain({ resources, scopes, metrics, points }: PointsSpec): Plain {
  const at = <T>(list: readonly T[], place: number): T => list[place] as T
  return present({
    resourceMetrics: by(points, 'resource').map(([resource, ofResource]) => ({
      resource: present({ attributes: plainAttributes(at(resources, resource)) }),
      scopeMetrics: by(ofResource, 'scope').map(([place, ofScope]) => {
        const { name, version, attributes, schemaUrl } = at(scopes, place)
        return {
          scope: present({ name, version, attributes: plainAttributes(attributes) }),
          metrics: by(ofScope, 'metric').map(([metricOf, ofMetric]) => plainMetric(at(metrics, metricOf), ofMetric)),
          ...present({ schemaUrl }),
        }
      }),
    })),
  })
}
