import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createMismatchLog, createVersions, headFault, versionOf } from '../../../src/ingest/prometheus/negotiate.ts'

describe('versionOf', () => {
  it.each([
    [undefined, 1],
    ['', 1],
    ['  ', 1],
    ['application/x-protobuf', 1],
    ['Application/X-Protobuf', 1],
    ['application/x-protobuf;', 1],
    ['application/x-protobuf; charset=utf-8', 1],
    ['application/x-protobuf;proto=prometheus.WriteRequest', 1],
    ['application/x-protobuf; proto=prometheus.WriteRequest', 1],
    ['application/x-protobuf;proto=io.prometheus.write.v2.Request', 2],
    ['application/x-protobuf ; Proto = "io.prometheus.write.v2.Request" ', 2],
    ['application/x-protobuf;proto="io.prometheus.write.v2.Re\\quest"', 2],
    ['application/x-protobuf;charset="a;proto=b";proto=io.prometheus.write.v2.Request', 2],
    ['application/x-protobuf;proto=io.prometheus.write.v3.Request', undefined],
    ['application/x-protobuf;proto=PROMETHEUS.WriteRequest', undefined],
    ['application/x-protobuf;proto=', undefined],
    ['application/x-protobuf;proto', undefined],
    ['application/x-protobuf;proto="prometheus.WriteRequest', undefined],
    ['application/x-protobuf;proto=prometheus.WriteRequest;proto=io.prometheus.write.v2.Request', undefined],
    ['application/x-protobuf;proto=prometheus.WriteRequest x', undefined],
    ['application/x-protobuf,application/x-protobuf', undefined],
    ['application/protobuf', undefined],
    ['application/json', undefined],
    [';proto=prometheus.WriteRequest', undefined],
  ])('reads %j as %j', (header, version) => {
    expect(versionOf(header)).toBe(version)
  })

  it('takes no time to speak of for a header that almost fits', () => {
    const start = performance.now()
    expect(versionOf(`application/x-protobuf${';a="b'.repeat(4000)}`)).toBeUndefined()
    expect(versionOf(`application/x-protobuf;${' '.repeat(16_000)}!`)).toBeUndefined()
    expect(performance.now() - start).toBeLessThan(200)
  })
})

describe('createVersions', () => {
  it('gives the same, also for more headers than it keeps', () => {
    const versions = createVersions()
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 200; n++) {
        const good = `application/x-protobuf;proto=io.prometheus.write.v2.Request;n=${n}`
        expect([versions(good), versions(`text/${n}`), versions(undefined)]).toEqual([2, undefined, 1])
      }
    }
  })
})

describe('headFault', () => {
  it.each([undefined, '', 'snappy', 'Snappy', ' SNAPPY '])('lets Content-Encoding %j pass', (encoding) => {
    expect(headFault(1, encoding)).toBeUndefined()
  })

  it.each(['gzip', 'zstd', 'identity', 'deflate', 'snappy, snappy', 'snappy,gzip', 'x-snappy', 'snappy-framed'])(
    'refuses Content-Encoding %j',
    (encoding) => {
      expect(headFault(2, encoding)).toMatchObject({ code: 'OB_UNSUPPORTED_ENCODING' })
    },
  )

  it('speaks of the type first', () => {
    expect(headFault(undefined, 'gzip')).toMatchObject({ code: 'OB_UNSUPPORTED_TYPE' })
  })
})

describe('createMismatchLog', () => {
  const request = (version: string | undefined, remoteAddress: string): IncomingMessage =>
    ({ headers: { 'x-prometheus-remote-write-version': version }, socket: { remoteAddress } }) as unknown as IncomingMessage

  it('speaks up once for each sender whose header says another version, and never of more than a thousand', () => {
    const said: object[] = []
    const log = createMismatchLog({ warn: (fields) => void said.push(fields) })
    log(request('0.1.0', '10.0.0.1'), 1)
    log(request('1.0.0', '10.0.0.1'), 1)
    log(request('2.0.0', '10.0.0.1'), 2)
    log(request('2.0.0-rc.4', '10.0.0.1'), 2)
    log(request('20.0.0', '10.0.0.9'), 1)
    log(request(undefined, '10.0.0.1'), 2)
    expect(said).toHaveLength(1)
    log(request('2.0.0', '10.0.0.1'), 1)
    log(request('0.1.0', '10.0.0.1'), 2)
    expect(said).toHaveLength(2)
    for (let n = 0; n < 3000; n++) log(request('nonsense', `host-${n}`), 1)
    expect(said).toHaveLength(1000)
  })
})
