import { describe, expect, it } from 'vitest'
import { findLoop, plannedAddresses } from '../src/loop.ts'

const own = [
  { section: 'ingest.zipkin', addresses: ['http://127.0.0.1:9411', 'http://[::1]:9411'] },
  { section: 'ingest.jaeger.compact', addresses: ['udp://127.0.0.1:6831'] },
  { section: 'admin', addresses: ['http://0.0.0.0:8899'] },
  { section: 'ingest.jaeger.grpc', addresses: ['grpc://127.0.0.1:14250', 'grpc://[::1]:14250'] },
  { section: 'ingest.otlp.http', addresses: ['https://127.0.0.1:4319', 'https://[::1]:4319'] },
]

describe('findLoop', () => {
  it.each([
    ['http://127.0.0.1:9411', 'ingest.zipkin'],
    ['http://localhost:9411/v1/traces', 'ingest.zipkin'],
    ['http://[::1]:9411', 'ingest.zipkin'],
    ['http://127.0.0.1:8899', 'admin'],
    ['http://localhost:8899', 'admin'],
    ['http://localhost:14250', 'ingest.jaeger.grpc'],
    ['https://localhost:4319', 'ingest.otlp.http'],
    ['http://[::1]:4319', 'ingest.otlp.http'],
    ['udp://localhost:6831', 'ingest.jaeger.compact'],
    ['tcp://127.0.0.1:9411', 'ingest.zipkin'],
  ])('finds that %s is our own %s', async (endpoint, section) => {
    expect((await findLoop(endpoint, own))?.section).toBe(section)
  })

  it.each([
    'http://localhost:4318',
    'http://192.0.2.7:9411',
    'http://127.0.0.1:6831',
    'udp://127.0.0.1:9411',
    'udp://[::1]:6831',
    'http://name.invalid:9411',
  ])('lets %s pass', async (endpoint) => {
    expect(await findLoop(endpoint, own)).toBeUndefined()
  })
})

describe('plannedAddresses', () => {
  it('finds every section with a fixed port that is not switched off', () => {
    const found = plannedAddresses({
      ingest: {
        zipkin: { host: 'localhost', port: 9411, tls: { cert: 'a', key: 'b' } },
        jaeger: {
          http: { host: '::', port: 14268 },
          compact: { host: 'x', port: 1, receiveBuffer: 5 },
          health: { host: 'x', port: 2, enabled: false },
        },
      },
      admin: { host: '0.0.0.0', port: 0 },
    })
    expect(found).toEqual([
      { section: 'ingest.zipkin', addresses: ['https://127.0.0.1:9411', 'https://[::1]:9411'] },
      { section: 'ingest.jaeger.http', addresses: ['http://[::]:14268'] },
      { section: 'ingest.jaeger.compact', addresses: ['udp://x:1'] },
    ])
  })
})
