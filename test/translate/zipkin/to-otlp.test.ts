import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { valueToString } from '../../../src/otlp/attributes.ts'
import { objectToAttributes, parseObject } from '../../../src/translate/zipkin/json-attributes.ts'
import { type PlainSpan, spanOf, translateJson } from '../../support/zipkin.ts'

/** The only span of a body of one. */
function one(more: object, config: object = {}): PlainSpan {
  const { spans, drops } = translateJson([spanOf(more)], 2, config)
  expect([spans.length, drops]).toEqual([1, []])
  return spans[0] as PlainSpan
}

const text = (stringValue: string): object => ({ stringValue })
const int = (value: number | string): object => ({ intValue: String(value) })
const attributesOf = (tags: object, config: object = {}): object => one({ tags }, config).attributes ?? {}

describe('ids', () => {
  it('Z-I6: drops a parent that is the span itself, and says so', () => {
    const { spans, notes } = translateJson([spanOf({ parentId: 'a2fb4a1d1a96d312' })])
    expect([spans[0]?.['parentSpanId'], notes]).toEqual([undefined, [{ reason: 'parent_is_itself', count: 1 }]])
  })

  it('Z-I10: keeps spans with equal ids', () => {
    expect(translateJson([spanOf(), spanOf()]).spans).toHaveLength(2)
  })

  it('Z-H6: rejects spans alone, by reason, first reason first', () => {
    const { spans, drops } = translateJson([{ traceId: '1' }, spanOf(), { traceId: '0', id: '1' }, { traceId: '1', id: '' }])
    expect(spans).toHaveLength(1)
    expect(drops).toEqual([
      { reason: 'span_id', count: 2, example: 'Missing : id', indexes: [0, 3] },
      { reason: 'trace_id', count: 1, example: 'traceId is all zeros', indexes: [2] },
    ])
  })
})

describe('kind', () => {
  it.each([
    [{ kind: 'CLIENT' }, 3, undefined],
    [{ kind: 'sErVeR' }, 2, undefined],
    [{ kind: 'PRODUCER' }, 4, undefined],
    [{ kind: 'CONSUMER' }, 5, undefined],
    [{}, 1, undefined],
    [{ kind: null }, 1, undefined],
    [{ kind: 'INTERNAL' }, 1, text('INTERNAL')],
    [{ kind: 'what' }, 1, text('what')],
    [{ kind: 'what', tags: { 'span.kind': 'client' } }, 3, text('what')],
    [{ kind: 'what', tags: { 'span.kind': 'else' } }, 1, text('else')],
    [{ tags: { 'span.kind': 'Producer' } }, 4, undefined],
    [{ tags: { 'span.kind': 'internal' } }, 1, undefined],
    [{ tags: { 'span.kind': 'other' } }, 1, text('other')],
    [{ kind: 'CLIENT', tags: { 'span.kind': 'client' } }, 3, undefined],
    [{ kind: 'CLIENT', tags: { 'span.kind': 'server' } }, 3, text('server')],
  ])('Z-K1 to Z-K6: %j', (more, kind, tag) => {
    const span = one(more)
    expect([span['kind'], span.attributes?.['span.kind']]).toEqual([kind, tag])
  })

  it('Z-K2: is left out where the option says so', () => {
    expect(one({}, { kind: { absent: 'unspecified' } })['kind']).toBeUndefined()
    expect(one({ kind: 'CLIENT' }, { kind: { absent: 'unspecified' } })['kind']).toBe(3)
  })
})

describe('times', () => {
  const absent = 'otel.zipkin.absentField.startTime'
  it.each([
    ['both', { timestamp: 5, duration: 7 }, '5000', '12000', false],
    ['no duration', { timestamp: 5, duration: null }, '5000', '5000', false],
    ['a negative duration', { timestamp: 5, duration: -7 }, '5000', '5000', false],
    ['neither', { timestamp: null, duration: null }, '1700000000000000000', '1700000000000000000', true],
    ['a duration', { timestamp: null, duration: 7 }, '1699999999999993000', '1700000000000000000', true],
    ['a negative start', { timestamp: -5, duration: 7 }, '1699999999999993000', '1700000000000000000', true],
    [
      'annotations',
      { timestamp: 0, duration: 0, annotations: [8, 5, 9].map((timestamp) => ({ timestamp, value: 'x' })) },
      '5000',
      '9000',
      true,
    ],
    [
      'annotations and a duration',
      { timestamp: 0, duration: 7, annotations: [8, 5].map((timestamp) => ({ timestamp, value: 'x' })) },
      '5000',
      '12000',
      true,
    ],
    ['too large a start', { timestamp: 2 ** 60, duration: 7 }, '18446744073709551615', '18446744073709551615', false],
  ])('Z-T1 to Z-T4, Z-T7: %s', (_name, more, start, end, inferred) => {
    const span = one(more)
    expect([span['startTimeUnixNano'], span['endTimeUnixNano'], span.attributes?.[absent]]).toEqual([
      start,
      end,
      inferred ? { boolValue: true } : undefined,
    ])
  })

  it('Z-T6, Z-A8: an annotation without a time takes the start, one without text is skipped', () => {
    const annotations = [
      { value: 'a' },
      { timestamp: 0, value: 'b' },
      { timestamp: -1, value: 'c' },
      { timestamp: 9, value: '' },
      { timestamp: 9 },
      { timestamp: 9, value: 'a' },
    ]
    expect(one({ timestamp: 5, annotations })['events']).toEqual([
      { timeUnixNano: '5000', name: 'a' },
      { timeUnixNano: '5000', name: 'b' },
      { timeUnixNano: '5000', name: 'c' },
      { timeUnixNano: '9000', name: 'a' },
    ])
  })
})

describe('endpoints', () => {
  it.each([
    [
      { ipv4: '10.0.0.1', port: 80 },
      { address: text('10.0.0.1'), port: int(80) },
    ],
    [
      { ipv4: '10.0.0.1', ipv6: '::1' },
      { address: text('10.0.0.1'), ipv6: text('::1') },
    ],
    [{ ipv6: '2001:DB8:0:0:0:0:0:1' }, { address: text('2001:db8::1') }],
    [{ ipv4: '2001:db8::1' }, { address: text('2001:db8::1') }],
    [
      { ipv4: '2001:db8::1', ipv6: '10.0.0.1' },
      { address: text('10.0.0.1'), ipv6: text('2001:db8::1') },
    ],
    [{ ipv6: '::ffff:10.0.0.1' }, { address: text('10.0.0.1') }],
    [{ ipv6: '::10.0.0.1' }, { address: text('10.0.0.1') }],
    [{ ipv6: '::1' }, { address: text('::1') }],
    [{ ipv6: '::' }, { address: text('::') }],
    [{ ipv6: '1:0:0:2:0:0:0:3' }, { address: text('1:0:0:2::3') }],
    [{ ipv6: '1::2::3' }, { ipv6: text('1::2::3') }],
    [{ ipv6: 'fe80::1%eth0' }, { ipv6: text('fe80::1%eth0') }],
    [{ ipv6: '1:2:3:4:5:6:7:8:9' }, { ipv6: text('1:2:3:4:5:6:7:8:9') }],
    [
      { ipv4: 'db.internal', ipv6: '::2:3' },
      { address: text('0.2.0.3'), ipv4: text('db.internal') },
    ],
    [{ ipv4: '010.0.0.1' }, { ipv4: text('010.0.0.1') }],
    [{ ipv4: '1.2.3.256' }, { ipv4: text('1.2.3.256') }],
    [{ ipv4: '1.2.3.4.' }, { ipv4: text('1.2.3.4.') }],
    [{ ipv4: '1.2.3' }, { ipv4: text('1.2.3') }],
    [{ port: 0 }, {}],
    [{ port: -1 }, {}],
    [{ port: '8080' }, { port: int(8080) }],
    [{ port: 65535 }, { port: int(65535) }],
    [{ port: 70000 }, { portText: int(70000) }],
    [{ ipv4: null, ipv6: '', port: null }, {}],
  ])('Z-E3 to Z-E12: %j', (endpoint, want) => {
    const { address, port, ipv4, ipv6, portText } = want as Record<string, object>
    const expected = (side: string, name: string): object =>
      Object.fromEntries(
        Object.entries({
          [`network.${side}.address`]: address,
          [`network.${side}.port`]: port,
          [`zipkin.${name}Endpoint.ipv4`]: ipv4,
          [`zipkin.${name}Endpoint.ipv6`]: ipv6,
          [`zipkin.${name}Endpoint.port`]: portText,
        }).filter(([, value]) => value !== undefined),
      )
    expect(one({ localEndpoint: endpoint }).attributes ?? {}).toEqual(expected('local', 'local'))
    expect(one({ remoteEndpoint: endpoint }).attributes ?? {}).toEqual(expected('peer', 'remote'))
  })

  it('Z-E5, Z-E13: names the peer unless a tag does', () => {
    const remoteEndpoint = { serviceName: 'Db', ipv4: '1.2.3.4', port: 5 }
    expect(one({ remoteEndpoint }, { semconv: { extra: true } }).attributes).toEqual({
      'peer.service': text('Db'),
      'service.peer.name': text('Db'),
      'network.peer.address': text('1.2.3.4'),
      'network.peer.port': int(5),
    })
    const tags = { 'peer.service': 'mine', 'network.peer.address': 'here', 'network.peer.port': '9' }
    expect(translateJson([spanOf({ remoteEndpoint, tags })]).notes).toEqual([{ reason: 'endpoint_overruled_by_tag', count: 3 }])
    expect(one({ remoteEndpoint, tags }).attributes).toEqual({
      'peer.service': text('mine'),
      'network.peer.address': text('here'),
      'network.peer.port': text('9'),
    })
  })
})

describe('tags', () => {
  it('lets the last of two equal tags count, few or many', () => {
    const many = Array.from({ length: 60 }, (_, i) => `"k${i}":"v"`).join(',')
    for (const tags of ['"a":"1","b":"2","a":"3"', `"a":"1",${many},"a":"3"`]) {
      const { spans } = translateJson(`[{"traceId":"1","id":"2","timestamp":1,"tags":{${tags}}}]`)
      expect(spans[0]?.attributes?.['a']).toEqual(text('3'))
    }
  })

  it('Z-G1: types tags as the option says', () => {
    const tags = {
      'http.status_code': '200',
      'x.port': '80',
      n: '007',
      i: '-5',
      f: '1.50',
      e: '1e3',
      t: 'true',
      big: '9223372036854775808',
      ok: '9223372036854775807',
      s: 'x',
    }
    expect(attributesOf(tags)).toEqual(Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, text(value)])))
    expect(attributesOf(tags, { tags: { types: 'semconv' } })).toMatchObject({
      'http.status_code': int(200),
      'x.port': int(80),
      i: text('-5'),
      t: text('true'),
    })
    expect(attributesOf(tags, { tags: { types: 'infer' } })).toEqual({
      'http.status_code': int(200),
      'x.port': int(80),
      n: text('007'),
      i: int(-5),
      f: { doubleValue: 1.5 },
      e: text('1e3'),
      t: { boolValue: true },
      big: text('9223372036854775808'),
      ok: int('9223372036854775807'),
      s: text('x'),
    })
  })

  it('Z-G8: makes a scope of the scope tags, by name and version', () => {
    const body = [
      { 'otel.scope.name': 'lib', 'otel.scope.version': '1', 'otel.library.name': 'lib', 'otel.library.version': '2' },
      { 'otel.library.name': 'lib', 'otel.library.version': '1' },
      { 'otel.library.name': 'lib' },
      {},
      { 'otel.scope.name': 'lib', 'otel.scope.version': '1' },
    ].map((tags) => spanOf({ tags }))
    const { resources } = translateJson(body)
    expect(resources.map(({ scopes }) => scopes.map(({ scope, spans }) => [scope, spans.length]))).toEqual([
      [
        [{ name: 'lib', version: '1' }, 3],
        [{ name: 'lib' }, 1],
        [{}, 1],
      ],
    ])
    expect(resources[0]?.scopes[0]?.spans[0]?.attributes).toEqual({ 'otel.library.version': text('2') })
  })

  it('Z-G9, Z-G10: trace state and counters', () => {
    const tags = {
      'w3c.tracestate': 'k=v',
      'otel.dropped_attributes_count': '3',
      'otel.dropped_events_count': '0',
      'otel.dropped_links_count': 'many',
    }
    expect(one({ tags })).toMatchObject({
      traceState: 'k=v',
      droppedAttributesCount: 3,
      attributes: { 'otel.dropped_links_count': text('many') },
    })
  })

  it('Z-G11: links in the order of their numbers; what is none stays a tag', () => {
    const id = '463ac35c9f6413ad48485a3953bb6124|a2fb4a1d1a96d312'
    const tags = {
      'otlp.link.10': `${id}||{}|0`,
      'otlp.link.2': `${id}|a=b|{"x":"|","n":null,"l":[1,"a"]}|7`,
      'otlp.link.3': `${id}||{}`,
      'otlp.link.4': `${id}||{]|0`,
      'otlp.link.5': '0|a2fb4a1d1a96d312||{}|0',
      'otlp.link.x': `${id}||{}|0`,
    }
    const span = one({ tags })
    expect(span['links']).toEqual([
      {
        traceId: '463ac35c9f6413ad48485a3953bb6124',
        spanId: 'a2fb4a1d1a96d312',
        traceState: 'a=b',
        attributes: { x: text('|'), l: { arrayValue: { values: [int(1), text('a')] } } },
        droppedAttributesCount: 7,
      },
      { traceId: '463ac35c9f6413ad48485a3953bb6124', spanId: 'a2fb4a1d1a96d312' },
    ])
    expect(Object.keys(span.attributes ?? {}).sort()).toEqual(['otlp.link.3', 'otlp.link.4', 'otlp.link.5', 'otlp.link.x'])
  })
})

describe('resources', () => {
  const named = (serviceName: string, tags: object = {}): object => spanOf({ localEndpoint: { serviceName }, tags })

  it('Z-E1, Z-E2: one for each service, first seen first', () => {
    const { resources } = translateJson([named('B'), named('a'), spanOf(), named('B'), named('unknown_service')])
    expect(resources.map(({ attributes, scopes }) => [attributes, scopes[0]?.spans.length])).toEqual([
      [{ 'service.name': text('B') }, 2],
      [{ 'service.name': text('a') }, 1],
      [{ 'service.name': text('unknown_service') }, 2],
    ])
  })

  it('Z-G5, Z-G6: lifts what describes the process, whatever the order of tags', () => {
    const { resources } = translateJson([
      named('a', { 'k8s.pod.name': 'p1', 'host.name': 'h', 'http.host': 'x' }),
      named('a', { 'host.name': 'h', 'k8s.pod.name': 'p1' }),
      named('a', { 'host.name': 'h', 'k8s.pod.name': 'p2' }),
      named('b', { 'host.name': 'h', 'k8s.pod.name': 'p2' }),
      named('a', { 'host.name': 'h', 'k8s.pod.name': 'p2' }),
    ])
    expect(
      resources.map(({ attributes, scopes }) => [Object.keys(attributes).length, attributes['k8s.pod.name'], scopes[0]?.spans.length]),
    ).toEqual([
      [3, text('p1'), 2],
      [3, text('p2'), 2],
      [3, text('p2'), 1],
    ])
    expect(resources[0]?.scopes[0]?.spans[0]?.attributes).toEqual({ 'http.host': text('x') })
  })

  it('Z-G5: keeps them on the span where the option says so', () => {
    const { resources } = translateJson([named('a', { 'host.name': 'h' })], 2, { resourceTags: 'keep' })
    expect(resources.map(({ attributes, scopes }) => [attributes, scopes[0]?.spans[0]?.attributes])).toEqual([
      [{ 'service.name': text('a') }, { 'host.name': text('h') }],
    ])
  })

  it('Z-G7: puts the service name where it came from', () => {
    const { resources } = translateJson([named('fn', { 'otlp.service.name.source': 'faas.name' })])
    expect(resources.map(({ attributes, scopes }) => [attributes, scopes[0]?.spans[0]?.attributes])).toEqual([
      [{ 'faas.name': text('fn') }, undefined],
    ])
  })

  it('Z-G12: knows Jaeger clients that report to Zipkin', () => {
    const { resources } = translateJson([
      named('a', { 'jaeger.hostname': 'h', 'jaeger.version': 'Go-2.30.0', jaegerClient: 'Go-2.30.0' }),
      named('a', { jaegerClient: 'custom', 'telemetry.sdk.name': 'mine' }),
    ])
    expect(resources.map(({ attributes }) => attributes)).toEqual([
      {
        'service.name': text('a'),
        'host.name': text('h'),
        'jaeger.version': text('Go-2.30.0'),
        'telemetry.sdk.name': text('jaeger'),
        'telemetry.sdk.language': text('go'),
        'telemetry.sdk.version': text('2.30.0'),
      },
      { 'service.name': text('a'), 'jaeger.version': text('custom'), 'telemetry.sdk.name': text('mine') },
    ])
  })
})

describe('status', () => {
  it.each([
    [{ 'otel.status_code': 'OK' }, { code: 1 }, []],
    [{ 'otel.status_code': 'status_code_error' }, { code: 2 }, []],
    [{ 'otel.status_code': '2', 'otel.status_description': 'd' }, { code: 2, message: 'd' }, []],
    [{ 'otel.status_code': 2 }, { code: 2 }, []],
    [{ 'otel.status_code': 'ERROR', error: 'boom' }, { code: 2, message: 'boom' }, ['error']],
    [{ 'otel.status_code': 'ERROR', error: 'true' }, { code: 2 }, []],
    [{ 'otel.status_code': 'OK', error: 'boom' }, { code: 1 }, ['error']],
    [{ 'otel.status_code': 'UNSET', error: 'true' }, undefined, ['error']],
    [{ 'otel.status_code': 'UNSET', 'otel.status_description': 'd' }, undefined, ['otel.status_description']],
    [{ 'otel.status_code': 'what' }, undefined, ['otel.status_code']],
    [{ 'otel.status_code': 'what', error: '' }, { code: 2 }, ['otel.status_code']],
    [{ 'otel.status_description': 'd' }, undefined, ['otel.status_description']],
    [{ 'census.status_code': '0', 'census.status_description': 'd' }, { code: 1, message: 'd' }, []],
    [{ 'census.status_code': '5', 'opencensus.status_description': 'd' }, { code: 2, message: 'd' }, []],
    [{ 'census.status_code': 'x', error: 'e' }, { code: 2, message: 'e' }, ['census.status_code', 'error']],
    [{ error: 'TRUE' }, { code: 2 }, []],
    [{ error: true }, { code: 2 }, []],
    [{ error: false }, undefined, ['error']],
    [{ error: 'False' }, undefined, ['error']],
    [{ error: 'boom' }, { code: 2, message: 'boom' }, ['error']],
    [{ 'http.status_code': '500' }, undefined, ['http.status_code']],
  ])('Z-S1 to Z-S6: %j', (tags, status, kept) => {
    const span = one({ tags })
    expect([span['status'], Object.keys(span.attributes ?? {}).sort()]).toEqual([status, kept])
  })
})

describe('annotations', () => {
  const event = (value: string, config: object = {}): unknown =>
    (one({ timestamp: 5, annotations: [{ timestamp: 6, value }] }, config)['events'] as unknown[])[0]
  const plain = (name: string): object => ({ timeUnixNano: '6000', name })

  it.each([
    'text',
    'a|b',
    'a|b|c',
    'a|{}',
    'a|{}|x',
    'a|{]|1',
    'a|[1]|1',
    '|{}|1',
    'a|{}|4294967296',
    '{',
    '{}',
    '{"x":1}',
    '{"event":1}',
    '{"event":""}',
    '"name"',
    '"name":1',
    '"a":{},"b":{}',
    '[1]',
    '5',
    `{"a":${'['.repeat(5000)}`,
    `${'[{"a":'.repeat(2000)}`,
  ])('Z-A1, Z-A3, Z-A7: %s is a name', (value) => {
    expect(event(value)).toEqual(plain(value))
  })

  it.each([
    ['a|{"k":"v"}|3', { name: 'a', attributes: { k: text('v') }, droppedAttributesCount: 3 }],
    ['a|b|{"k":"|"}|0', { name: 'a|b', attributes: { k: text('|') } }],
    ['"ev":{"k":true}', { name: 'ev', attributes: { k: { boolValue: true } } }],
    ['{"ev":{"k":1.0,"d":1.5,"n":null}}', { name: 'ev', attributes: { k: int(1), d: { doubleValue: 1.5 } } }],
    ['{"event":{"k":1}}', { name: 'event', attributes: { k: int(1) } }],
    [
      '{"a":[1,"x",null],"event":"e","o":{"p":[{}]},"l":[[1]]}',
      { name: 'e', attributes: { a: { arrayValue: { values: [int(1), text('x')] } }, o: text('{"p":[{}]}'), l: text('[[1]]') } },
    ],
    [
      '{"ev":{"big":9223372036854775807,"huge":1e300,"o":{"big":12345678901234567890}}}',
      {
        name: 'ev',
        attributes: { big: int('9223372036854775807'), huge: { doubleValue: 1e300 }, o: text('{"big":12345678901234567890}') },
      },
    ],
    ['{"ev":{"constructor":"x"}}', { name: 'ev', attributes: { constructor: text('x') } }],
  ])('Z-A2, Z-A4 to Z-A6: %s has attributes', (value, want) => {
    const found = JSON.parse(JSON.stringify(event(value))) as { attributes?: { a?: { arrayValue?: { values: unknown[] } } } }
    // An empty value in a list: OTLP/JSON writes it as an empty object.
    const list = found.attributes?.a?.arrayValue
    if (list !== undefined) list.values = list.values.filter((entry) => Object.keys(entry as object).length > 0)
    expect(found).toEqual(JSON.parse(JSON.stringify({ timeUnixNano: '6000', ...want })))
    expect(event(value, { annotations: { decode: false } })).toEqual(plain(value))
  })
})

describe('flags and identity', () => {
  it('Z-F1, Z-F2: debug and shared', () => {
    expect(one({ debug: true, shared: true, kind: 'SERVER' })).toMatchObject({
      flags: 1,
      attributes: { 'zipkin.debug': { boolValue: true }, 'zipkin.shared': { boolValue: true } },
    })
    expect(one({ shared: true, kind: 'CLIENT' }).attributes).toBeUndefined()
  })

  it('Z-F3: gives the server half an id of its own where the option says so', () => {
    const traceId = '463ac35c9f6413ad48485a3953bb6124'
    const id = 'a2fb4a1d1a96d312'
    const want = createHash('sha256')
      .update(Buffer.from(traceId + id, 'hex'))
      .update('server')
      .digest('hex')
      .slice(0, 16)
    const halves = [
      spanOf({ kind: 'CLIENT', parentId: '1' }),
      spanOf({ kind: 'SERVER', shared: true, parentId: '1' }),
      spanOf({ kind: 'SERVER', parentId: '1' }),
    ]
    const ids = (config: object): unknown[] => translateJson(halves, 2, config).spans.map((span) => [span['spanId'], span['parentSpanId']])
    expect(ids({ sharedSpans: 'split' })).toEqual([
      [id, '0000000000000001'],
      [want, id],
      [id, '0000000000000001'],
    ])
    expect(new Set(ids({}).map(String)).size).toBe(1)
  })
})

describe('objectToAttributes', () => {
  it('takes keys that mean something to JavaScript for keys', () => {
    const object = parseObject('{"__proto__":"a","constructor":{"b":1},"toString":null}')
    expect(objectToAttributes(object ?? {}).map((one) => [one.key.text, valueToString(one)])).toEqual([
      ['__proto__', 'a'],
      ['constructor', '{"b":1}'],
    ])
  })
})
