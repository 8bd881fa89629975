/** Where a batch came in when it does not say so itself: by the name of its mirror, or the usual endpoint of its format. */

import type { EncodedBatch } from '../otlp/intake.ts'

const byPrefix: readonly (readonly [prefix: string, endpoint: string])[] = [
  ['zipkin', 'zipkin'],
  ['jaeger-thrift-compact', 'jaeger.compact'],
  ['jaeger-thrift-binary', 'jaeger.http'],
  ['jaeger-proto', 'jaeger.grpc'],
  ['jaeger', 'jaeger.http'],
  ['remote-write', 'prometheus'],
  ['prometheus', 'prometheus'],
  ['es-', 'elasticsearch'],
  ['beats', 'beats'],
  ['otlp', 'otlp'],
]

/** `jaeger-proto` → `jaeger.grpc`, named as the mirrors do: without `ingest.`; a format that nobody knows is its own endpoint. */
export function endpointOf(format: string): string {
  return byPrefix.find(([prefix]) => format.startsWith(prefix))?.[1] ?? format
}

const mirrorPrefix = 'mirror.'

/** `zipkin` → `mirror.zipkin`: what the old side of an endpoint is called among the destinations. */
export const mirrorOf = (endpoint: string): string => mirrorPrefix + endpoint

/** Whether a destination is the old side of an endpoint. */
export const isMirror = (destination: string): boolean => destination.startsWith(mirrorPrefix)

/** `mirror.zipkin` → `zipkin`; undefined for what is no mirror. */
export const endpointOfMirror = (destination: string): string | undefined =>
  isMirror(destination) ? destination.slice(mirrorPrefix.length) : undefined

/** What the batch says, else its mirror, else its format. */
export function endpointOfBatch({ endpoint, envelope, format }: Pick<EncodedBatch, 'endpoint' | 'envelope' | 'format'>): string {
  return endpoint ?? (envelope === undefined ? undefined : endpointOfMirror(envelope.mirror)) ?? endpointOf(format)
}
