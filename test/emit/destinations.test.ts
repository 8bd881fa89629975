import { describe, expect, it } from 'vitest'
import { emitConfig } from '../../src/emit/config.ts'
import { type DestinationConfig, destinationsOf, endpointNames, signalUrls } from '../../src/emit/destinations.ts'

const of = (emit: object): readonly DestinationConfig[] => destinationsOf(emitConfig.parse(emit))
const first = (emit: object): DestinationConfig => of(emit)[0] as DestinationConfig
const faults = (emit: object): string[] =>
  (emitConfig.safeParse(emit).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)

describe('destinationsOf', () => {
  it('is the one destination where no list is given, with every default', () => {
    expect(of({})).toEqual([
      {
        name: 'default',
        endpoints: [{ url: 'http://localhost:4318', urls: signalUrls({ endpoint: 'http://localhost:4318' }), headers: {} }],
        balance: 'spread',
        protocol: 'http/protobuf',
        compression: 'none',
        compressionLevel: 1,
        timeoutMs: 10_000,
        retry: { initialIntervalMs: 1000, maxIntervalMs: 30_000, maxElapsedMs: undefined },
        batch: { delayMs: 200, maxItems: 8192, maxBytes: 4 * 2 ** 20 },
        concurrency: 4,
        breaker: { failures: 3, cooldownMs: 5000, maxCooldownMs: 60_000 },
        keepAlive: { timeMs: 60_000, timeoutMs: 10_000 },
        tls: {},
        signals: undefined,
        where: undefined,
        otherwise: false,
        whenFull: 'refuse',
        section: 'emit',
      },
    ])
  })

  it.each([
    [{}, 'http://localhost:4317', 'http://localhost:4317'],
    [{ endpoint: 'http://a:4317' }, 'http://a:4317', 'http://a:4317'],
    [{ endpoint: 'https://a' }, 'https://a', 'https://a'],
    [{ endpoint: 'a:4317' }, 'https://a:4317', 'https://a:4317'],
    [{ endpoint: 'a:4317', insecure: true }, 'http://a:4317', 'http://a:4317'],
    [{ endpoint: 'https://a:1', insecure: true }, 'https://a:1', 'https://a:1'],
    [{ endpoint: '[::1]:4317', insecure: true }, 'http://[::1]:4317', 'http://[::1]:4317'],
    [{ endpoint: 'http://a:4317', tracesEndpoint: 'b:2' }, 'https://b:2', 'http://a:4317'],
  ])('grpc with %o sends traces to %s, logs to %s', (emit, traces, logs) => {
    expect(first({ protocol: 'grpc', ...emit }).endpoints[0]?.urls).toMatchObject({ traces, logs })
  })

  it('takes several endpoints as URLs and as sections, in place of endpoint', () => {
    const { endpoints } = first({
      endpoint: 'http://unused:1',
      headers: { 'X-Tenant': 'a', Token: 't' },
      endpoints: ['http://a:1', { url: 'http://b:1', tracesUrl: 'http://b:2/x', headers: { 'x-tenant': 'b' } }],
    })
    expect(endpoints).toEqual([
      { url: 'http://a:1', urls: signalUrls({ endpoint: 'http://a:1' }), headers: { 'x-tenant': 'a', token: 't' } },
      {
        url: 'http://b:1',
        urls: signalUrls({ endpoint: 'http://b:1', tracesEndpoint: 'http://b:2/x' }),
        headers: { 'x-tenant': 'b', token: 't' },
      },
    ])
  })

  it('gives each destination what it sets, and the rest from emit', () => {
    const emit = {
      endpoint: 'http://shared:4318',
      tracesEndpoint: 'http://traces:1/x',
      headers: { token: 'secret' },
      timeout: '3s',
      retry: { maxInterval: '9s' },
      destinations: [
        { name: 'plain' },
        {
          name: 'own',
          endpoint: 'own:4317',
          protocol: 'grpc',
          headers: {},
          retry: { initialInterval: '2s' },
          signals: ['logs'],
          where: { attribute: 'tenant', notIn: ['a', 7, true] },
          whenFull: 'drop',
        },
        { name: 'rest', otherwise: true },
      ],
    }
    const [plain, own, rest] = of(emit)
    expect(plain).toMatchObject({
      name: 'plain',
      endpoints: [{ urls: { traces: 'http://traces:1/x', logs: 'http://shared:4318/v1/logs' }, headers: { token: 'secret' } }],
      timeoutMs: 3000,
      otherwise: false,
      whenFull: 'refuse',
      section: 'emit.destinations[0]',
    })
    expect(own).toMatchObject({
      endpoints: [{ urls: { traces: 'https://own:4317', logs: 'https://own:4317' }, headers: {} }],
      timeoutMs: 3000,
      retry: { initialIntervalMs: 2000, maxIntervalMs: 9000 },
      signals: ['logs'],
      where: { attribute: 'tenant', listed: false, values: ['a', '7', 'true'] },
      whenFull: 'drop',
    })
    expect(rest).toMatchObject({ otherwise: true })
    expect(endpointNames(emitConfig.parse(emit))).toBe('http://traces:1/x, own:4317')
  })

  it('knows the default endpoint of each protocol', () => {
    const [http, grpc] = of({ destinations: [{ name: 'a' }, { name: 'b', protocol: 'grpc' }] })
    expect(http?.endpoints[0]?.url).toBe('http://localhost:4318')
    expect(grpc?.endpoints[0]?.url).toBe('http://localhost:4317')
  })
})

describe('destinationFaults', () => {
  it.each(['http/protobuf', 'grpc'])('leaves what is no endpoint at all to its own key, for %s', (protocol) => {
    for (const endpoint of ['', ':::', 'a b:c', 'ftp://a']) {
      const { error } = emitConfig.safeParse({ protocol, endpoint, endpoints: undefined })
      expect(error?.issues.map(({ path, message }) => [path, message])).toEqual([
        [['endpoint'], 'expected an http:// or https:// URL, or host:port for grpc'],
      ])
    }
  })

  it.each([
    [{ endpoint: 'a:4318' }, 'endpoint: expected an http'],
    [{ protocol: 'grpc', endpoint: 'http://a:1/x' }, 'endpoint: expected host and port only'],
    [{ protocol: 'grpc', endpoints: ['a:1', { url: 'http://a:1/x' }] }, 'endpoints.1.url: expected host and port only'],
    [{ headers: { Host: 'x' } }, 'headers.Host: cannot set this header'],
    [{ protocol: 'grpc', headers: { 'grpc-timeout': '1' } }, 'headers.grpc-timeout: cannot set this header'],
    [{ protocol: 'grpc', headers: { tenant: 'ü' } }, 'headers.tenant: expected ASCII'],
    [{ compression: 'gzip', compressionLevel: 12 }, 'compressionLevel: expected 1 to 9'],
    [{ breaker: { cooldown: '2m' } }, 'breaker.cooldown: cooldown is longer'],
    [{ retry: { initialInterval: '2m', maxInterval: '1m' } }, 'retry.initialInterval: initialInterval is longer'],
    [
      { destinations: [{ name: 'a', retry: { initialInterval: '2m' } }] },
      'destinations.0.retry.initialInterval: initialInterval is longer',
    ],
    [{ destinations: [{ name: 'a' }, { name: 'a' }] }, 'destinations.1.name: another destination has this name'],
    [
      {
        destinations: [
          { name: 'a', otherwise: true },
          { name: 'b', otherwise: true },
        ],
      },
      'destinations.1.otherwise: emit.destinations[0] is it',
    ],
    [{ destinations: [{ name: 'a', otherwise: true, where: { attribute: 'x', in: ['y'] } }] }, 'destinations.0.otherwise: not with where'],
    [{ destinations: [{ name: 'a', where: { attribute: 'x' } }] }, 'destinations.0.where: expected the values'],
    [{ destinations: [{ name: 'a', where: { attribute: 'x', in: ['y'], notIn: ['z'] } }] }, 'destinations.0.where: expected the values'],
    [{ destinations: [{ name: 'a', where: { attribute: 'x', in: [] } }] }, 'destinations.0.where.in: '],
    [{ destinations: [{ name: 'a', endpoint: 'http://a', endpoints: ['http://b'] }] }, 'destinations.0.endpoint: endpoints is given too'],
    [{ destinations: [{ name: 'a', endpoints: ['http://b'], tracesEndpoint: 'http://c' }] }, 'destinations.0.tracesEndpoint: not with'],
    [{ destinations: [] }, 'destinations: '],
    [{ destinations: [{ signals: ['traces'] }] }, 'destinations.0.name: '],
    [{ destinations: [{ name: 'a', signals: [] }] }, 'destinations.0.signals: '],
  ])('finds in %o: %s', (emit, expected) => {
    expect(faults(emit)).toEqual([expect.stringContaining(expected)])
  })

  it('finds all of them at once', () => {
    expect(
      faults({
        destinations: [
          { name: 'a', endpoint: 'x:1' },
          { name: 'a', headers: { te: 'x' } },
        ],
      }),
    ).toHaveLength(3)
  })
})

describe('signalUrls', () => {
  it.each([
    ['http://a:4318', undefined, 'http://a:4318/v1/traces', 'http://a:4318/v1/logs'],
    ['http://a:4318/', undefined, 'http://a:4318/v1/traces', 'http://a:4318/v1/logs'],
    ['https://a/otlp/', undefined, 'https://a/otlp/v1/traces', 'https://a/otlp/v1/logs'],
    ['http://a', 'http://b/own?x=1', 'http://b/own?x=1', 'http://a/v1/logs'],
  ])('of %s and %s', (endpoint, tracesEndpoint, traces, logs) => {
    expect(signalUrls({ endpoint, tracesEndpoint })).toMatchObject({ traces, logs })
  })
})
