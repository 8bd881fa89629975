/** An OTLP/HTTP endpoint for metrics, and what came to it in the shape of the golden files of remote-write. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { requestToJson } from '../../src/otlp/json/to-json.ts'

type Json = Readonly<Record<string, unknown>>

/** One metric of one resource and scope, as `expected_otlp` of the vectors has it. */
export interface GoldenMetric {
  readonly resource: Json
  readonly metric: string
  readonly type: string
  readonly unit: string
  readonly points: readonly Json[]
  readonly [field: string]: unknown
}

export interface MetricsSink {
  readonly url: string
  /** Bodies as they came. */
  readonly bodies: readonly Buffer[]
  /** All metrics, those of one identity joined, points in order of time. */
  metrics(): GoldenMetric[]
  close(): void
}

const values = (attributes: unknown): Json => {
  const all: Record<string, unknown> = {}
  for (const { key, value } of (attributes ?? []) as { key: string; value: { stringValue: string } }[]) all[key] = value.stringValue
  return all
}

const special: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}
const double = (value: unknown): number => (typeof value === 'string' ? (special[value] as number) : (value as number))

/** Undefined where there is none: a side without buckets has no offset that means anything. */
const buckets = (side: unknown): Json | undefined => {
  const { offset = 0, bucketCounts = [] } = (side ?? {}) as { offset?: number; bucketCounts?: readonly string[] }
  return bucketCounts.length === 0 ? undefined : { offset, bucket_counts: bucketCounts }
}

const datas = {
  gauge: 'gauge',
  sum: 'sum',
  histogram: 'histogram',
  exponentialHistogram: 'exponentialHistogram',
  summary: 'summary',
} as const

const exemplarOf = (one: Json): Json => ({
  time_unix_nano: one['timeUnixNano'],
  value: double(one['asDouble']),
  ...(one['traceId'] === undefined ? {} : { trace_id: one['traceId'] }),
  ...(one['spanId'] === undefined ? {} : { span_id: one['spanId'] }),
  ...(one['filteredAttributes'] === undefined ? {} : { filtered_attributes: values(one['filteredAttributes']) }),
})

function pointOf(data: keyof typeof datas, point: Json): Json {
  const golden: Record<string, unknown> = { attributes: values(point['attributes']), time_unix_nano: point['timeUnixNano'] }
  const put = (name: string, value: unknown): void => {
    if (value !== undefined) golden[name] = value
  }
  put('start_time_unix_nano', point['startTimeUnixNano'])
  put('flags', point['flags'])
  if (point['asDouble'] !== undefined) put('value', double(point['asDouble']))
  if (point['exemplars'] !== undefined) put('exemplars', (point['exemplars'] as Json[]).map(exemplarOf))
  if (data === 'gauge' || data === 'sum') return golden
  put('count', point['count'] ?? '0')
  if (point['sum'] !== undefined) put('sum', double(point['sum']))
  if (data === 'summary') {
    const quantiles = (point['quantileValues'] ?? []) as readonly Json[]
    put(
      'quantile_values',
      quantiles.map((one) => ({ quantile: one['quantile'] ?? 0, value: double(one['value'] ?? 0) })),
    )
    golden['sum'] ??= 0
  }
  if (data === 'histogram') {
    put('explicit_bounds', point['explicitBounds'] ?? [])
    put('bucket_counts', point['bucketCounts'] ?? [])
  }
  if (data === 'exponentialHistogram') {
    put('scale', point['scale'] ?? 0)
    put('zero_count', point['zeroCount'] ?? '0')
    put('zero_threshold', point['zeroThreshold'] ?? 0)
    put('positive', buckets(point['positive']))
    put('negative', buckets(point['negative']))
  }
  return golden
}

interface Identity {
  readonly key: string
  readonly head: Omit<GoldenMetric, 'points'>
}

function identityOf(resource: Json, scope: Json, schemaUrl: unknown, metric: Json, data: keyof typeof datas): Identity {
  const body = metric[data] as Json
  const scopeName = scope['name']
  const head = {
    resource: values(resource['attributes']),
    metric: metric['name'] as string,
    type: datas[data],
    unit: (metric['unit'] as string | undefined) ?? '',
    metadata: values(metric['metadata']),
    ...(metric['description'] === undefined ? {} : { description: metric['description'] }),
    ...(data === 'sum' ? { monotonic: body['isMonotonic'] ?? false } : {}),
    ...(body['aggregationTemporality'] === 2 ? { temporality: 'cumulative' } : {}),
    ...(scopeName === 'otlp-bridge'
      ? {}
      : {
          scope: {
            name: scopeName,
            version: scope['version'],
            ...(schemaUrl === undefined ? {} : { schema_url: schemaUrl }),
            ...(scope['attributes'] === undefined ? {} : { attributes: values(scope['attributes']) }),
          },
        }),
  }
  return { key: JSON.stringify(head), head }
}

/** Metrics out of encoded requests, in the shape of the golden files. */
export function goldenMetrics(bodies: readonly Uint8Array[]): GoldenMetric[] {
  const found = new Map<string, { head: Identity['head']; points: Json[] }>()
  for (const body of bodies) {
    const request = JSON.parse(requestToJson('metrics', body).toString()) as { resourceMetrics?: Json[] }
    for (const { resource, scopeMetrics } of (request.resourceMetrics ?? []) as { resource: Json; scopeMetrics: Json[] }[]) {
      for (const { scope, metrics, schemaUrl } of scopeMetrics as { scope: Json; metrics: Json[]; schemaUrl?: string }[]) {
        for (const metric of metrics) {
          const data = (Object.keys(datas) as (keyof typeof datas)[]).find((one) => metric[one] !== undefined)
          if (data === undefined) throw new Error(`a metric without data: ${JSON.stringify(metric)}`)
          const { key, head } = identityOf(resource, scope ?? {}, schemaUrl, metric, data)
          let entry = found.get(key)
          if (entry === undefined) found.set(key, (entry = { head, points: [] }))
          entry.points.push(...((metric[data] as Json)['dataPoints'] as Json[]).map((point) => pointOf(data, point)))
        }
      }
    }
  }
  return [...found.values()].map(({ head, points }) => ({ ...head, points: sorted(points) }) as unknown as GoldenMetric)
}

/** In an order of their own, so that lists can be compared. */
export function sorted<T>(items: readonly T[]): T[] {
  return [...items].sort((left, right) => (canonical(left) < canonical(right) ? -1 : 1))
}

/** The same text for the same content, whatever the order of keys. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one === 'number' && !Number.isFinite(one)) return String(one)
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return one
    return Object.fromEntries(Object.entries(one).sort(([left], [right]) => (left < right ? -1 : 1)))
  })
}

/** Starts a sink that takes everything. */
export async function startMetricsSink(): Promise<MetricsSink> {
  const bodies: Buffer[] = []
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    bodies.push(Buffer.concat(pieces))
    response.writeHead(200).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    metrics: () => goldenMetrics(bodies),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
