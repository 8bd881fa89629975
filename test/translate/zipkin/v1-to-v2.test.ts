import { describe, expect, it } from 'vitest'
import { type PlainSpan, translateJson } from '../../support/zipkin.ts'

const fe = { serviceName: 'fe', ipv4: '10.0.0.1', port: 80 }
const be = { serviceName: 'be', ipv4: '10.0.0.2', port: 90 }
const nobody = {}

type Annotation = readonly [value: string, timestamp: number, endpoint?: object]

/** A v1 span; `all` are its annotations, `tags` its binary annotations. */
function convert(all: readonly Annotation[], more: object = {}, tags: readonly object[] = []): readonly string[] {
  const annotations = all.map(([value, timestamp, endpoint]) =>
    endpoint === undefined ? { value, timestamp } : { value, timestamp, endpoint },
  )
  const { resources, drops } = translateJson([{ traceId: '1', id: '2', name: 'get', annotations, binaryAnnotations: tags, ...more }], 1)
  expect(drops).toEqual([])
  return resources.flatMap(({ attributes, scopes }) =>
    scopes.flatMap(({ spans }) =>
      spans.map((span) => `${(attributes['service.name'] as { stringValue: string }).stringValue}: ${describeSpan(span)}`),
    ),
  )
}

const kinds = ['', 'internal', 'server', 'client', 'producer', 'consumer']

/** `kind start+duration shared (events) ->peer@address {tags}`, times in µs. */
function describeSpan(span: PlainSpan): string {
  const nanos = (name: string): bigint => BigInt(String(span[name] ?? 0))
  const start = nanos('startTimeUnixNano')
  const attributes = { ...span.attributes } as Record<string, { stringValue?: string; boolValue?: boolean; intValue?: string }>
  const take = (key: string): string | undefined => {
    const value = attributes[key]
    delete attributes[key]
    return value === undefined ? undefined : String(Object.values(value)[0])
  }
  const inferred = take('otel.zipkin.absentField.startTime') !== undefined
  const parts = [kinds[Number(span['kind'])], inferred ? 'no time' : `${start / 1000n}+${(nanos('endTimeUnixNano') - start) / 1000n}`]
  if (take('zipkin.shared') !== undefined) parts.push('shared')
  const events = (span['events'] ?? []) as { name: string }[]
  if (events.length > 0) parts.push(`(${events.map(({ name }) => name).join(' ')})`)
  take('network.local.address')
  take('network.local.port')
  const peer = take('peer.service')
  const address = take('network.peer.address')
  take('network.peer.port')
  if (peer !== undefined || address !== undefined) parts.push(`->${peer ?? ''}@${address ?? ''}`)
  const tags = Object.keys(attributes)
    .sort()
    .map((key) => `${key}=${String(Object.values(attributes[key] ?? {})[0])}`)
  if (tags.length > 0) parts.push(`{${tags.join(' ')}}`)
  return parts.join(' ')
}

const times = { timestamp: 10, duration: 90 }

describe('convertV1Span', () => {
  it.each<[string, readonly Annotation[], object, readonly string[]]>([
    [
      'a client',
      [
        ['cs', 10, fe],
        ['cr', 100, fe],
      ],
      {},
      ['fe: client 10+90'],
    ],
    [
      'a client with times of its own',
      [
        ['cs', 11, fe],
        ['cr', 99, fe],
      ],
      times,
      ['fe: client 10+90'],
    ],
    [
      'a server',
      [
        ['sr', 10, be],
        ['ss', 100, be],
      ],
      times,
      ['be: server 10+90'],
    ],
    [
      'a server that continues its client’s span',
      [
        ['sr', 10, be],
        ['ss', 100, be],
      ],
      {},
      ['be: server 10+90 shared'],
    ],
    [
      'a server with a timestamp but no duration',
      [
        ['sr', 12, be],
        ['ss', 100, be],
      ],
      { timestamp: 10 },
      ['be: server 12+88 shared'],
    ],
    [
      'client and server',
      [
        ['cs', 10, fe],
        ['sr', 30, be],
        ['ss', 60, be],
        ['cr', 100, fe],
      ],
      times,
      ['fe: client 10+90', 'be: server 30+30 shared'],
    ],
    [
      'client and server without times',
      [
        ['cs', 10, fe],
        ['sr', 30, be],
        ['ss', 60, be],
        ['cr', 100, fe],
      ],
      {},
      ['fe: client 10+90', 'be: server 30+30 shared'],
    ],
    [
      'a service that calls itself',
      [
        ['cs', 10, fe],
        ['sr', 30, fe],
        ['ss', 60, fe],
        ['cr', 100, fe],
      ],
      {},
      ['fe: client 10+90', 'fe: server 30+30 shared'],
    ],
    [
      'one way',
      [
        ['cs', 10, fe],
        ['sr', 30, be],
      ],
      {},
      ['fe: client 10+0', 'be: server 30+0 shared'],
    ],
    ['a client without an answer', [['cs', 10, fe]], {}, ['fe: client 10+0']],
    ['an answer without a call', [['cr', 100, fe]], {}, ['fe: client no time (cr)']],
    ['an answer at the end of a span', [['cr', 100, fe]], times, ['fe: client 10+90']],
    ['a server’s end at the end of a span', [['ss', 100, be]], times, ['be: server 10+90']],
    ['a server’s start alone', [['sr', 30, be]], {}, ['be: server 30+0 shared']],
    ['a server’s start and a timestamp', [['sr', 30, be]], { timestamp: 10 }, ['be: server 10+0']],
    [
      'an end before the begin',
      [
        ['cs', 100, fe],
        ['cr', 10, fe],
      ],
      {},
      ['fe: client 100+0'],
    ],
    [
      'a producer',
      [
        ['ms', 10, fe],
        ['ws', 15, fe],
      ],
      {},
      ['fe: producer 10+5'],
    ],
    [
      'a consumer',
      [
        ['wr', 10, be],
        ['mr', 25, be],
      ],
      {},
      ['be: consumer 10+15'],
    ],
    ['a consumer without a wire', [['mr', 25, be]], {}, ['be: consumer 25+0']],
    [
      'producer and consumer',
      [
        ['ms', 10, fe],
        ['ws', 15, fe],
        ['wr', 20, be],
        ['mr', 25, be],
      ],
      {},
      ['fe: producer 10+5', 'be: consumer 20+5 shared'],
    ],
    [
      'a service that sends to itself',
      [
        ['ms', 10, fe],
        ['mr', 25, fe],
      ],
      {},
      ['fe: producer 10+0', 'fe: consumer 25+0 shared'],
    ],
    [
      'wire annotations alone',
      [
        ['ws', 15, fe],
        ['wr', 20, be],
      ],
      {},
      ['fe: internal no time (ws)', 'be: internal no time (wr)'],
    ],
    [
      'events',
      [
        ['cs', 10, fe],
        ['a', 20, fe],
        ['b', 30, be],
        ['c', 40],
        ['cr', 100, fe],
      ],
      {},
      ['fe: client 10+90 (a c)', 'be: internal no time (b)'],
    ],
    [
      'core annotations without a host',
      [
        ['cs', 10],
        ['cr', 100],
      ],
      times,
      ['unknown_service: internal 10+90 (cs cr)'],
    ],
    [
      'core annotations of an empty host',
      [
        ['cs', 10, nobody],
        ['cr', 100, nobody],
      ],
      {},
      ['unknown_service: client 10+90'],
    ],
    [
      'core annotations without a time',
      [
        ['cs', 0, fe],
        ['cr', 0, fe],
      ],
      {},
      ['fe: client no time'],
    ],
    ['no annotation', [], times, ['unknown_service: internal 10+90']],
  ])('%s', (_name, annotations, more, want) => {
    expect(convert(annotations, more)).toEqual(want)
  })

  const tag = (key: string, value: unknown, endpoint?: object): object =>
    endpoint === undefined ? { key, value } : { key, value, endpoint }

  it.each<[string, readonly Annotation[], readonly object[], readonly string[]]>([
    [
      'tags go to their hosts',
      [
        ['cs', 10, fe],
        ['sr', 30, be],
      ],
      [tag('a', '1', fe), tag('a', '2', be), tag('b', '3')],
      ['fe: client 10+0 {a=1 b=3}', 'be: server 30+0 shared {a=2}'],
    ],
    ['the last of two equal tags counts', [['cs', 10, fe]], [tag('a', '1', fe), tag('a', '2', fe)], ['fe: client 10+0 {a=2}']],
    ['a server’s address', [['cs', 10, fe]], [tag('sa', true, be)], ['fe: client 10+0 ->be@10.0.0.2']],
    ['a server’s address as text', [['cs', 10, fe]], [tag('sa', 'true', be)], ['fe: client 10+0 ->be@10.0.0.2']],
    [
      'a tag that only looks like an address',
      [['cs', 10, fe]],
      [tag('sa', 'x', fe), tag('ca', false, fe)],
      ['fe: client 10+0 {ca=false sa=x}'],
    ],
    ['an address of nobody', [['cs', 10, fe]], [tag('sa', true)], ['fe: client 10+0']],
    ['a client’s address', [['sr', 10, be]], [tag('ca', true, fe)], ['be: server 10+0 shared ->fe@10.0.0.1']],
    ['a client’s address that is the server’s own', [['sr', 10, be]], [tag('ca', true, be)], ['be: server 10+0 shared']],
    [
      'a client’s address under the server’s name',
      [['sr', 10, be]],
      [tag('ca', true, { ...be, ipv4: '10.0.0.9' })],
      ['be: server 10+0 shared ->@10.0.0.9'],
    ],
    [
      'a broker’s address',
      [
        ['ms', 10, fe],
        ['mr', 20, be],
      ],
      [tag('ma', true, { serviceName: 'kafka' })],
      ['fe: producer 10+0 ->kafka@', 'be: consumer 20+0 shared ->kafka@'],
    ],
    ['both addresses and nothing else', [], [tag('ca', true, fe), tag('sa', true, be)], ['fe: internal no time ->be@10.0.0.2']],
    ['a server’s address and nothing else', [], [tag('sa', true, be)], ['unknown_service: internal no time ->be@10.0.0.2']],
    ['a client’s address and nothing else', [], [tag('ca', true, fe)], ['unknown_service: server no time ->fe@10.0.0.1']],
    ['a local component', [], [tag('lc', 'mine', fe), tag('a', 1, fe)], ['fe: internal no time {a=1 component=mine}']],
    ['a local component that says nothing', [], [tag('lc', '', fe)], ['fe: internal no time']],
    ['a local component that names the service', [], [tag('lc', 'mine')], ['mine: internal no time {component=mine}']],
    [
      'a local component beside a component',
      [],
      [tag('lc', 'mine', fe), tag('component', 'other', fe)],
      ['fe: internal no time {component=other lc=mine}'],
    ],
  ])('%s', (_name, annotations, tags, want) => {
    expect(convert(annotations, {}, tags)).toEqual(want)
  })

  it('copies debug to every part', () => {
    const { spans } = translateJson(
      [
        {
          traceId: '1',
          id: '2',
          debug: true,
          annotations: [
            { value: 'cs', timestamp: 10, endpoint: fe },
            { value: 'sr', timestamp: 20, endpoint: be },
          ],
        },
      ],
      1,
    )
    expect(spans.map((span) => span['flags'])).toEqual([1, 1])
  })

  it('counts what comes out', () => {
    const body = {
      traceId: '1',
      id: '2',
      annotations: [
        { value: 'cs', timestamp: 10, endpoint: fe },
        { value: 'sr', timestamp: 20, endpoint: be },
      ],
    }
    expect(translateJson([body, { traceId: '0' }], 1)).toMatchObject({ spans: [{}, {}], drops: [{ indexes: [1] }] })
  })
})
