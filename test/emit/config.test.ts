import { describe, expect, it } from 'vitest'
import { emitConfig, queueConfig, queueSettings } from '../../src/emit/config.ts'

describe('emitConfig', () => {
  it('has a default for everything', () => {
    expect(emitConfig.parse({})).toMatchObject({
      endpoint: 'http://localhost:4318',
      protocol: 'http/protobuf',
      retry: { initialInterval: 1000, maxInterval: 30_000 },
      batch: { delay: 200, maxItems: 8192, maxBytes: 4 * 2 ** 20 },
      destination: 'default',
    })
  })

  it('takes a certificate and its key only together', () => {
    const pathOf = (tls: object) => emitConfig.safeParse({ tls }).error?.issues.map((issue) => issue.path.join('.'))
    expect(pathOf({ cert: 'own.pem' })).toEqual(['tls.key'])
    expect(pathOf({ key: 'own.key' })).toEqual(['tls.cert'])
    expect(pathOf({ cert: 'own.pem', key: 'own.key' })).toBeUndefined()
    expect(pathOf({ ca: 'ca.pem' })).toBeUndefined()
  })

  it.each([
    { tls: { ca: '-----BEGIN CERTIFICATE-----\nMIIB' } },
    { tls: { ca: '' } },
    { endpoint: 'localhost:4318' },
    { endpoint: 'localhost' },
    { headers: { authorization: 'a\r\nb: c' } },
    { headers: { 'not a name': 'x' } },
    { endpoint: 'ftp://a' },
    { retry: { initialInterval: '2m', maxInterval: '1m' } },
    { concurrency: 0 },
  ])('refuses %o', (part) => {
    expect(emitConfig.safeParse(part).success).toBe(false)
  })
})

describe('queueConfig', () => {
  it.each([
    [{}, { type: 'disk', ack: 'durable', maxSize: 10 * 2 ** 30 }],
    [{ type: 'memory' }, { type: 'memory', ack: 'memory', maxSize: 256 * 2 ** 20 }],
    [
      { type: 'memory', ack: 'forwarded', maxSize: '64MiB' },
      { ack: 'forwarded', maxSize: 64 * 2 ** 20 },
    ],
    [{ ack: 'written' }, { type: 'disk', ack: 'written' }],
  ])('%o becomes %o', (part, settings) => {
    expect(queueSettings(queueConfig.parse(part))).toMatchObject(settings)
  })

  it.each(['durable', 'written'])('refuses ack %s for a memory queue', (ack) => {
    expect(queueConfig.safeParse({ type: 'memory', ack }).error?.issues[0]?.path).toEqual(['ack'])
  })
})
