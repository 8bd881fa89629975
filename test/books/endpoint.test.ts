import { describe, expect, it } from 'vitest'
import { endpointOf, endpointOfBatch, endpointOfMirror, mirrorOf } from '../../src/books/endpoint.ts'
import type { Envelope } from '../../src/otlp/intake.ts'

describe('endpointOf', () => {
  it.each([
    ['zipkin-json-v2', 'zipkin'],
    ['jaeger-thrift-compact', 'jaeger.compact'],
    ['jaeger-thrift-binary', 'jaeger.http'],
    ['jaeger-proto', 'jaeger.grpc'],
    ['jaeger', 'jaeger.http'],
    ['remote-write-2', 'prometheus'],
    ['es-bulk', 'elasticsearch'],
    ['beats', 'beats'],
    ['smoke', 'smoke'],
  ])('takes %s for one of %s', (format, endpoint) => {
    expect(endpointOf(format)).toBe(endpoint)
  })
})

describe('endpointOfMirror', () => {
  it('is undefined for destinations of the new side', () => {
    expect(['default', 'mirrors', mirrorOf('jaeger.http')].map(endpointOfMirror)).toEqual([undefined, undefined, 'jaeger.http'])
  })
})

describe('endpointOfBatch', () => {
  const envelope = { mirror: 'mirror.jaeger.compact' } as Envelope

  it('goes by what the batch says, then by its mirror, then by its format', () => {
    expect(endpointOfBatch({ endpoint: 'jaeger.binary', envelope, format: 'zipkin' })).toBe('jaeger.binary')
    expect(endpointOfBatch({ envelope, format: 'zipkin' })).toBe('jaeger.compact')
    expect(endpointOfBatch({ format: 'zipkin' })).toBe('zipkin')
  })
})
