import { describe, expect, it } from 'vitest'
import { emitFromEnv, parseHeaders } from '../../src/emit/otel-env.ts'

const P = 'OTEL_EXPORTER_OTLP_'

describe('emitFromEnv', () => {
  it('is empty without variables, and with empty ones', () => {
    expect(emitFromEnv({})).toEqual({ config: {}, faults: [] })
    expect(emitFromEnv({ [`${P}ENDPOINT`]: '', [`${P}TIMEOUT`]: ' ' })).toEqual({ config: {}, faults: [] })
  })

  it('reads all of them', () => {
    const env = {
      [`${P}ENDPOINT`]: 'http://a:4318',
      [`${P}TRACES_ENDPOINT`]: 'https://b/own',
      [`${P}HEADERS`]: 'api-key=x%20y,Tenant=1',
      [`${P}COMPRESSION`]: 'gzip',
      [`${P}TIMEOUT`]: '5000',
      [`${P}PROTOCOL`]: 'http/json',
      [`${P}CERTIFICATE`]: '/etc/ca.pem',
      [`${P}CLIENT_CERTIFICATE`]: '/etc/own.pem',
      [`${P}CLIENT_KEY`]: '/etc/own.key',
      [`${P}INSECURE`]: 'TRUE',
    }
    expect(emitFromEnv(env)).toEqual({
      config: {
        endpoint: 'http://a:4318',
        tracesEndpoint: 'https://b/own',
        headers: { 'api-key': 'x y', tenant: '1' },
        compression: 'gzip',
        timeout: 5000,
        protocol: 'http/json',
        insecure: true,
        tls: { ca: '/etc/ca.pem', cert: '/etc/own.pem', key: '/etc/own.key' },
      },
      faults: [],
    })
  })

  it('lets the variant for traces win', () => {
    const env = {
      [`${P}TIMEOUT`]: '1',
      [`${P}TRACES_TIMEOUT`]: '2',
      [`${P}HEADERS`]: 'a=1,b=1',
      [`${P}TRACES_HEADERS`]: 'b=2',
      [`${P}COMPRESSION`]: 'gzip',
      [`${P}TRACES_COMPRESSION`]: 'none',
      [`${P}PROTOCOL`]: 'grpc',
      [`${P}TRACES_PROTOCOL`]: 'http/protobuf',
      [`${P}CERTIFICATE`]: 'general.pem',
      [`${P}TRACES_CERTIFICATE`]: 'own.pem',
      [`${P}CLIENT_KEY`]: 'general.key',
      [`${P}TRACES_CLIENT_KEY`]: 'own.key',
      [`${P}TRACES_CLIENT_CERTIFICATE`]: 'client.pem',
    }
    expect(emitFromEnv(env).config).toEqual({
      timeout: 2,
      headers: { a: '1', b: '2' },
      compression: 'none',
      protocol: 'http/protobuf',
      tls: { ca: 'own.pem', cert: 'client.pem', key: 'own.key' },
    })
  })

  it('takes host and port for grpc, and where it is not said that it is not', () => {
    const bare = { [`${P}ENDPOINT`]: 'collector:4317' }
    expect(emitFromEnv({ ...bare, [`${P}PROTOCOL`]: 'grpc' }).config).toEqual({ endpoint: 'collector:4317', protocol: 'grpc' })
    expect(emitFromEnv(bare).config).toEqual({ endpoint: 'collector:4317' })
    expect(emitFromEnv({ ...bare, [`${P}PROTOCOL`]: 'http/protobuf' }).faults).toMatchObject([{ name: `${P}ENDPOINT` }])
  })

  it('names every fault at once, without the value of headers', () => {
    const env = {
      [`${P}ENDPOINT`]: 'localhost',
      [`${P}INSECURE`]: 'perhaps',
      [`${P}TIMEOUT`]: '5s',
      [`${P}PROTOCOL`]: 'udp',
      [`${P}TRACES_COMPRESSION`]: 'zip',
      [`${P}HEADERS`]: 'secret',
    }
    const { config, faults } = emitFromEnv(env)
    expect(config).toEqual({})
    const names = ['ENDPOINT', 'INSECURE', 'PROTOCOL', 'TRACES_COMPRESSION', 'TIMEOUT', 'HEADERS']
    expect(faults.map((one) => one.name).sort()).toEqual(names.map((name) => P + name).sort())
    expect(JSON.stringify(faults)).not.toContain('secret')
  })
})

describe('parseHeaders', () => {
  it.each([
    ['a=1', { a: '1' }],
    [' a = 1 , , b=x=y ', { a: '1', b: 'x=y' }],
    ['Authorization=Basic%20eA==', { authorization: 'Basic eA==' }],
    ['a', undefined],
    ['=1', undefined],
    ['a b=1', undefined],
    ['a=%zz', undefined],
  ])('%s', (text, expected) => {
    expect(parseHeaders(text)).toEqual(expected)
  })
})
