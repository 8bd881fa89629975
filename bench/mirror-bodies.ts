/** Requests of every legacy format over HTTP, whole as they go over the wire: what a mirror passes on. */

import { type Format, seededBodies, spansOf } from './bodies.ts'
import { documentBodies } from './documents.ts'
import { createRequests } from './write-fleet.ts'

/** A format as `bench/mirror.ts` drives it. */
export interface Driven {
  readonly name: string
  /** `zipkin`, `jaeger.http` */
  readonly endpoint: string
  readonly target: string
  readonly headers: readonly string[]
  /** Further settings of the bridge. */
  readonly settings: readonly string[]
  /** Items of a request of the usual size. */
  readonly usual: number
  /** Status of the old side that says yes. */
  readonly status: number
  /** The old side answers as Elasticsearch does to `_bulk`. */
  readonly perItem: boolean
  bodies(items: number, count: number): Uint8Array[]
}

const spans = (name: Format, endpoint: string, target: string, type: string, status = 202): Driven => ({
  name: name === 'jaeger-thrift-binary' ? 'jaeger-thrift-http' : name,
  endpoint,
  target,
  headers: [`Content-Type: ${type}`],
  settings: [],
  usual: spansOf(name),
  status,
  perItem: false,
  bodies: (items, count) => seededBodies(name, count, items),
})

const writes = (version: 1 | 2): Driven => ({
  name: `prom-rw${version}`,
  endpoint: 'prometheus',
  target: '/api/v1/write',
  headers: [
    `Content-Type: application/x-protobuf;proto=${version === 1 ? 'prometheus.WriteRequest' : 'io.prometheus.write.v2.Request'}`,
    'Content-Encoding: snappy',
    `X-Prometheus-Remote-Write-Version: ${version === 1 ? '0.1.0' : '2.0.0'}`,
  ],
  // The same requests are sent again and again: by default all but the first of each would be left out as duplicates.
  settings: ['translate.prometheus.duplicates=forward'],
  usual: 500,
  status: 204,
  perItem: false,
  bodies(items, count) {
    const requests = createRequests('fleet', version)
    const now = Date.now()
    return Array.from({ length: count }, (_, at) => requests.samples(at * items, (at + 1) * items, 1, now))
  },
})

export const drivenFormats: readonly Driven[] = [
  spans('zipkin-json-v2', 'zipkin', '/api/v2/spans', 'application/json'),
  spans('zipkin-proto', 'zipkin', '/api/v2/spans', 'application/x-protobuf'),
  spans('zipkin-thrift', 'zipkin', '/api/v1/spans', 'application/x-thrift'),
  spans('jaeger-thrift-binary', 'jaeger.http', '/api/traces?format=jaeger.thrift', 'application/x-thrift'),
  writes(1),
  writes(2),
  {
    name: 'es-bulk',
    endpoint: 'elasticsearch',
    target: '/_bulk',
    headers: ['Content-Type: application/x-ndjson'],
    settings: [],
    usual: 500,
    status: 200,
    perItem: true,
    bodies: (items, count) => documentBodies(items, count),
  },
]
