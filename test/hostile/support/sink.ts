/** An OTLP endpoint that confirms everything and remembers the names of the spans. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Signal } from '../../../src/otlp/intake.ts'
import { officialDecode } from '../../support/official-otlp.ts'

export interface Sink {
  /** For `emit.endpoint`. */
  readonly url: string
  /** How often a span of each name arrived. */
  readonly names: Map<string, number>
  /** How many data points of each metric arrived. */
  readonly points: Map<string, number>
  /** How many log records with each text as their body arrived. */
  readonly bodies: Map<string, number>
  /** Spans, data points and log records in all. */
  count(): number
  /** Bodies that the official messages could not decode. */
  readonly faults: string[]
  close(): Promise<void>
}

interface Points {
  readonly dataPoints?: readonly unknown[]
}

/** A metric: its name, and its points under what they are. */
type Metric = { readonly name?: string } & Readonly<Record<string, Points | string | undefined>>

interface LogRecord {
  readonly body?: { readonly stringValue?: string }
}

interface Decoded {
  readonly resourceSpans?: readonly { readonly scopeSpans?: readonly { readonly spans?: readonly { readonly name?: string }[] }[] }[]
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics?: readonly { readonly metrics?: readonly Metric[] }[]
  }[]
  readonly resourceLogs?: readonly { readonly scopeLogs?: readonly { readonly logRecords?: readonly LogRecord[] }[] }[]
}

const signalOf = (path = ''): Signal => (path.endsWith('/v1/metrics') ? 'metrics' : path.endsWith('/v1/logs') ? 'logs' : 'traces')

const pointsOf = (metric: Metric): number =>
  Object.values(metric).reduce<number>((sum, kind) => sum + (typeof kind === 'object' ? (kind.dataPoints?.length ?? 0) : 0), 0)

const addTo = (counts: Map<string, number>, name: string, count: number): void => void counts.set(name, (counts.get(name) ?? 0) + count)

/** Data points and log records; notes both. */
function othersIn({ resourceMetrics = [], resourceLogs = [] }: Decoded, points: Map<string, number>, bodies: Map<string, number>): number {
  let sum = 0
  for (const { scopeMetrics = [] } of resourceMetrics) {
    for (const { metrics = [] } of scopeMetrics) {
      for (const metric of metrics) {
        sum += pointsOf(metric)
        addTo(points, metric.name ?? '', pointsOf(metric))
      }
    }
  }
  for (const { scopeLogs = [] } of resourceLogs) {
    for (const { logRecords = [] } of scopeLogs) {
      sum += logRecords.length
      for (const { body } of logRecords) addTo(bodies, (body?.stringValue ?? '').slice(0, 100), 1)
    }
  }
  return sum
}

/** Starts it on a free port of 127.0.0.1. */
export async function startSink(): Promise<Sink> {
  const names = new Map<string, number>()
  const points = new Map<string, number>()
  const bodies = new Map<string, number>()
  const faults: string[] = []
  let others = 0
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      try {
        const decoded = officialDecode(Buffer.concat(parts), signalOf(request.url)) as Decoded
        others += othersIn(decoded, points, bodies)
        const { resourceSpans = [] } = decoded
        for (const { scopeSpans = [] } of resourceSpans) {
          for (const { spans = [] } of scopeSpans) for (const { name = '' } of spans) addTo(names, name, 1)
        }
      } catch (error) {
        faults.push(String(error))
      }
      response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    names,
    points,
    bodies,
    count: () => [...names.values()].reduce((sum, one) => sum + one, others),
    faults,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
