/** Where a batch came in when it does not say so itself: the usual endpoint of its format. */

import type { EncodedBatch } from '../otlp/intake.ts'

const byPrefix: readonly (readonly [prefix: string, endpoint: string])[] = [
  ['zipkin', 'zipkin'],
  ['jaeger-thrift-compact', 'jaeger.compact'],
  ['jaeger-thrift-binary', 'jaeger.http'],
  ['jaeger-proto', 'jaeger.grpc'],
  ['jaeger', 'jaeger.http'],
  ['remote-write', 'prometheus'],
  ['prometheus', 'prometheus'],
  ['es-bulk', 'elasticsearch'],
  ['beats', 'beats'],
  ['otlp', 'otlp'],
]

/** `jaeger-proto` → `jaeger.grpc`; a format that nobody knows is its own endpoint. */
export function endpointOf(format: string): string {
  return byPrefix.find(([prefix]) => format.startsWith(prefix))?.[1] ?? format
}

/** What the batch says, else its mirror, else its format. */
export function endpointOfBatch({ endpoint, envelope, format }: Pick<EncodedBatch, 'endpoint' | 'envelope' | 'format'>): string {
  if (endpoint !== undefined) return endpoint
  if (envelope?.mirror.startsWith('mirror.')) return envelope.mirror.slice('mirror.'.length)
  return endpointOf(format)
}
