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
  /** Spans, data points and log records in all. */
  count(): number
  /** Bodies that the official messages could not decode. */
  readonly faults: string[]
  close(): Promise<void>
}

interface Points {
  readonly dataPoints?: readonly unknown[]
}

interface Decoded {
  readonly resourceSpans?: readonly { readonly scopeSpans?: readonly { readonly spans?: readonly { readonly name?: string }[] }[] }[]
  readonly resourceMetrics?: readonly {
    readonly scopeMetrics?: readonly { readonly metrics?: readonly Readonly<Record<string, Points>>[] }[]
  }[]
  readonly resourceLogs?: readonly { readonly scopeLogs?: readonly { readonly logRecords?: readonly unknown[] }[] }[]
}

const signalOf = (path = ''): Signal => (path.endsWith('/v1/metrics') ? 'metrics' : path.endsWith('/v1/logs') ? 'logs' : 'traces')

/** Data points and log records. */
function othersIn({ resourceMetrics = [], resourceLogs = [] }: Decoded): number {
  const metrics = resourceMetrics.flatMap(({ scopeMetrics = [] }) => scopeMetrics.flatMap(({ metrics: all = [] }) => all))
  const points = metrics.flatMap((one) => Object.values(one).map((kind) => kind.dataPoints?.length ?? 0))
  const records = resourceLogs.flatMap(({ scopeLogs = [] }) => scopeLogs.map(({ logRecords = [] }) => logRecords.length))
  return [...points, ...records].reduce((sum, one) => sum + one, 0)
}

/** Starts it on a free port of 127.0.0.1. */
export async function startSink(): Promise<Sink> {
  const names = new Map<string, number>()
  const faults: string[] = []
  let others = 0
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      try {
        const decoded = officialDecode(Buffer.concat(parts), signalOf(request.url)) as Decoded
        others += othersIn(decoded)
        const { resourceSpans = [] } = decoded
        for (const { scopeSpans = [] } of resourceSpans) {
          for (const { spans = [] } of scopeSpans) for (const { name = '' } of spans) names.set(name, (names.get(name) ?? 0) + 1)
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
    count: () => [...names.values()].reduce((sum, one) => sum + one, others),
    faults,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
