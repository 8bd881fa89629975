import { describe, expect, it } from 'vitest'
import { jaegerConfig, jaegerEndpoints } from '../../../src/ingest/jaeger/config.ts'

/** Endpoints that a section starts, with their ports. */
const started = (section: object): Record<string, number> => {
  const ports: Record<string, number> = {}
  for (const [name, one] of Object.entries(jaegerEndpoints(jaegerConfig.parse(section)))) if (one !== undefined) ports[name] = one.port
  return ports
}

describe('jaegerEndpoints', () => {
  it.each([
    ['nothing', {}, { http: 14268, grpc: 14250, compact: 6831, binary: 6832, zipkin: 5775, sampling: 5778, samplingGrpc: 5779 }],
    ['one', { compact: {} }, { compact: 6831 }],
    ['one over gRPC', { grpc: {} }, { grpc: 14250 }],
    ['one with a port', { http: { port: 1 }, compact: {} }, { http: 1, compact: 6831 }],
    [
      'one switched off',
      { compact: { enabled: false } },
      { http: 14268, grpc: 14250, binary: 6832, zipkin: 5775, sampling: 5778, samplingGrpc: 5779 },
    ],
    ['one on and one off', { http: {}, compact: { enabled: false } }, { http: 14268 }],
    [
      'the admin port',
      { health: {} },
      { http: 14268, grpc: 14250, compact: 6831, binary: 6832, zipkin: 5775, sampling: 5778, samplingGrpc: 5779, health: 14269 },
    ],
    ['the admin port, off', { http: {}, health: { enabled: false } }, { http: 14268 }],
  ])('starts what a section with %s means', (_name, section, want) => {
    expect(started(section)).toEqual(want)
  })
})
