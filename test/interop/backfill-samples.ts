/**
 * Samples of Prometheus as keys: of a dump by promtool, and of OTLP metrics turned back into the series that they were made of. The way back is
 * written here once more, from the mapping's words and for its options as by default, and uses nothing of the translator.
 */

import { isJson, type Json, listOf } from '../../src/read/otlp-json.ts'
import { type Bucket, type DumpedHistogram, parseDump } from '../read/support/tsdb-dump.ts'
import { officialDecode } from '../support/official-otlp.ts'
import type { ItemKey } from './backfill-keys.ts'

export type SampleValue = number | DumpedHistogram

/** One sample: its series as text, when, what. */
export type OnSample = (series: string, ms: number, value: SampleValue) => void

/** Bounds are numbers: Prometheus 3 writes `1.0`. */
const isBound = (name: string): boolean => name === 'le' || name === 'quantile'

/** Labels in the order of their names; bounds as numbers. */
function seriesText(labels: Readonly<Record<string, string>>): string {
  const names = Object.keys(labels).sort()
  return JSON.stringify(
    names.map((name) => {
      const value = labels[name] ?? ''
      return [name, isBound(name) ? String(Number(value.replace('+Inf', 'Infinity'))) : value]
    }),
  )
}

const number = Buffer.alloc(8)

/** NaNs are one, as they are in a dump; zeros have their sign. */
function addNumber(key: ItemKey, value: number): void {
  number.writeDoubleLE(Number.isNaN(value) ? Number.NaN : value)
  key.bytes(number)
}

/** Bounds to ten digits, since they are worked out in two ways; counts and sums exactly. */
export function sampleKey(key: ItemKey, series: string, ms: number, value: SampleValue): void {
  key.begin()
  key.text(series)
  addNumber(key, ms)
  if (typeof value === 'number') addNumber(key, value)
  else {
    addNumber(key, value.count)
    addNumber(key, value.sum)
    for (const { lower, upper, count } of value.buckets) {
      key.text(`${lower.toPrecision(10)} ${upper.toPrecision(10)}`)
      addNumber(key, count)
    }
  }
  key.end()
}

/** Whole lines of `promtool tsdb dump`. */
export function samplesOfDump(lines: string, onSample: OnSample): void {
  for (const [labels, samples] of parseDump(lines)) {
    const series = seriesText(JSON.parse(labels) as Record<string, string>)
    for (const [ms, value] of samples) onSample(series, ms, value)
  }
}

const attributesOf = (list: unknown): Record<string, string> =>
  Object.fromEntries(
    listOf(list).map(({ key, value }) => [String(key), String(isJson(value) ? (value['stringValue'] ?? JSON.stringify(value)) : value)]),
  )

/** `job` and `instance`; what else a resource says comes from `target_info`. */
function targetOf(resource: unknown): Record<string, string> {
  const attributes = attributesOf(isJson(resource) ? resource['attributes'] : [])
  const { 'service.name': name, 'service.namespace': space, 'service.instance.id': instance } = attributes
  return {
    ...(name === undefined ? {} : { job: space === undefined ? name : `${space}/${name}` }),
    ...(instance === undefined ? {} : { instance }),
  }
}

const numberOf = (value: unknown): number => Number(value ?? 0)
const listOfNumbers = (value: unknown): number[] => (Array.isArray(value) ? value.map(Number) : [])

const bound = (scale: number, index: number): number => {
  const exponent = index * 2 ** -scale
  return exponent === 1024 ? Number.MAX_VALUE : 2 ** exponent
}

function sideOf(side: unknown, scale: number): Bucket[] {
  if (!isJson(side)) return []
  const offset = numberOf(side['offset'])
  return listOfNumbers(side['bucketCounts']).flatMap((count, at) =>
    count === 0 ? [] : [{ lower: bound(scale, offset + at), upper: bound(scale, offset + at + 1), count }],
  )
}

/** An exponential histogram as promtool shows it. */
function nativeOf(point: Json): DumpedHistogram {
  const scale = numberOf(point['scale'])
  const [zero, threshold] = [numberOf(point['zeroCount']), numberOf(point['zeroThreshold'])]
  const negative = sideOf(point['negative'], scale).map(({ lower, upper, count }) => ({ lower: -upper, upper: -lower, count }))
  return {
    count: numberOf(point['count']),
    sum: numberOf(point['sum']),
    buckets: [
      ...negative.reverse(),
      ...(zero === 0 ? [] : [{ lower: -threshold, upper: threshold, count: zero }]),
      ...sideOf(point['positive'], scale),
    ],
  }
}

const isStale = (point: Json): boolean => (numberOf(point['flags']) & 1) === 1

/** Every sample that the points of a request stand for. Returns how many points there are. */
export function samplesOfRequest(body: Uint8Array, onSample: OnSample): number {
  let points = 0
  const request = officialDecode(body, 'metrics') as Json
  for (const { resource, scopeMetrics } of listOf(request['resourceMetrics'])) {
    const target = targetOf(resource)
    for (const { metrics } of listOf(scopeMetrics))
      for (const metric of listOf(metrics)) points += samplesOfMetric(metric, target, onSample)
  }
  return points
}

function samplesOfMetric(metric: Json, target: Record<string, string>, onSample: OnSample): number {
  const name = String(metric['name'])
  let count = 0
  const pointsOf = (kind: string): readonly Json[] => {
    const points = listOf(isJson(metric[kind]) ? metric[kind]['dataPoints'] : undefined)
    count += points.length
    return points
  }
  const labelsOf = (point: Json): Record<string, string> => ({ ...target, ...attributesOf(point['attributes']) })
  const msOf = (point: Json): number => Number(BigInt(String(point['timeUnixNano'])) / 1_000_000n)
  const emit = (labels: Record<string, string>, of: string, point: Json, value: SampleValue): void =>
    onSample(seriesText({ ...labels, __name__: of }), msOf(point), value)

  for (const point of [...pointsOf('gauge'), ...pointsOf('sum')])
    emit(labelsOf(point), name, point, isStale(point) ? Number.NaN : Number(point['asDouble'] ?? point['asInt']))

  for (const point of pointsOf('exponentialHistogram'))
    emit(labelsOf(point), name, point, isStale(point) ? { count: 0, sum: Number.NaN, buckets: [] } : nativeOf(point))

  for (const point of pointsOf('histogram')) {
    const [labels, stale] = [labelsOf(point), isStale(point)]
    const bounds = [...listOfNumbers(point['explicitBounds']), Number.POSITIVE_INFINITY]
    let sum = 0
    for (const [at, count] of listOfNumbers(point['bucketCounts']).entries()) {
      sum += count
      emit({ ...labels, le: String(bounds[at]) }, `${name}_bucket`, point, stale ? Number.NaN : sum)
    }
    emit(labels, `${name}_count`, point, stale ? Number.NaN : numberOf(point['count']))
    if (stale || point['sum'] !== undefined) emit(labels, `${name}_sum`, point, stale ? Number.NaN : Number(point['sum']))
  }

  for (const point of pointsOf('summary')) {
    const [labels, stale] = [labelsOf(point), isStale(point)]
    for (const { quantile, value } of listOf(point['quantileValues']))
      emit({ ...labels, quantile: String(numberOf(quantile)) }, name, point, stale ? Number.NaN : numberOf(value))
    emit(labels, `${name}_count`, point, stale ? Number.NaN : numberOf(point['count']))
    emit(labels, `${name}_sum`, point, stale ? Number.NaN : numberOf(point['sum']))
  }
  return count
}
