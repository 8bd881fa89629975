/** Random JSON of Zipkin spans in which the special tags, words and oddities come often. */

import fc from 'fast-check'

const text = fc.constantFrom('', 'true', 'false', 'x', 'OK', 'UNSET', 'ERROR', 'client', 'SERVER', '0', '5', 'a|b')

const link = fc.constantFrom('1|2|s=1|{"a":1}|3', '1|2|||', 'nonsense')

/** An object of some of the keys. */
const some = (keys: readonly string[], value: fc.Arbitrary<unknown>, maxKeys = 6): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .uniqueArray(fc.constantFrom(...keys), { maxLength: maxKeys })
    .chain((chosen) => fc.record(Object.fromEntries(chosen.map((key) => [key, value]))))

const tagKeys = [
  'error',
  'span.kind',
  'otel.status_code',
  'otel.status_description',
  'census.status_code',
  'census.status_description',
  'opencensus.status_description',
  'otel.scope.name',
  'otel.scope.version',
  'otel.library.name',
  'otel.library.version',
  'w3c.tracestate',
  'otel.dropped_attributes_count',
  'otel.dropped_events_count',
  'otel.dropped_links_count',
  'k8s.pod.name',
  'host.name',
  'telemetry.sdk.name',
  'jaeger.hostname',
  'jaeger.version',
  'jaegerClient',
  'otlp.service.name.source',
  'peer.service',
  'network.peer.address',
  'zipkin.shared',
  'http.status_code',
  'lc',
  'plain',
]

const tags = fc
  .tuple(some(tagKeys, fc.oneof(text, fc.constantFrom(7, true, 1.5))), some(['otlp.link.0', 'otlp.link.7'], link, 2))
  .map(([left, right]) => ({ ...left, ...right }))

const endpoint = fc.record(
  {
    serviceName: fc.constantFrom('', 'shop', 'cart'),
    ipv4: fc.constantFrom('10.0.0.1', '10.0.0.2', 'db.internal', '::1'),
    ipv6: fc.constantFrom('2001:db8::1', '::ffff:10.0.0.1', 'nowhere'),
    port: fc.constantFrom(0, 80, 70000),
  },
  { requiredKeys: [] },
)

const time = fc.constantFrom(0, 1, 1472470996199000, 1472470996199100, '18446744073710000')

const value = fc.constantFrom('', 'note', 'a|b', 'n|{"a":1}|2', '"n":{"a":1}', '{"n":{"a":1}}', '{"event":"n","a":1}', '{"a":1}', '[1]')

const identity = {
  traceId: fc.constantFrom('1', 'abc', 'not hex'),
  id: fc.constantFrom('1', '2', '0'),
  parentId: fc.constantFrom(undefined, '1', '3'),
  name: fc.constantFrom(undefined, 'get'),
  timestamp: fc.option(time, { nil: undefined }),
  duration: fc.constantFrom(undefined, 0, 100, 1000),
  debug: fc.constantFrom(undefined, true),
}

/** A v2 span, now and then something that is none. */
export const v2Span: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      ...identity,
      kind: fc.constantFrom(undefined, 'CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER', 'ODD'),
      localEndpoint: fc.option(endpoint, { nil: undefined }),
      remoteEndpoint: fc.option(endpoint, { nil: undefined }),
      annotations: fc.array(fc.record({ timestamp: fc.option(time, { nil: undefined }), value }), { maxLength: 3 }),
      tags,
      shared: fc.constantFrom(undefined, true),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(7, 'span') },
)

const host = fc.option(endpoint, { nil: undefined })
const core = fc.constantFrom('cs', 'cr', 'sr', 'ss', 'ms', 'mr', 'ws', 'wr')

/** A v1 span. */
export const v1Span: fc.Arbitrary<unknown> = fc.record({
  ...identity,
  annotations: fc.array(fc.record({ timestamp: time, value: fc.oneof({ weight: 3, arbitrary: core }, value), endpoint: host }), {
    maxLength: 6,
  }),
  binaryAnnotations: fc.array(
    fc.oneof(
      fc.record({ key: fc.constantFrom(...tagKeys), value: text, endpoint: host }),
      fc.record({ key: fc.constantFrom('sa', 'ca', 'ma'), value: fc.constant(true), endpoint }),
    ),
    { maxLength: 6 },
  ),
})

/** The body of a request. */
export const bodyOf = (spans: readonly unknown[]): Uint8Array => new TextEncoder().encode(JSON.stringify(spans))
