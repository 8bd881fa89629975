import { describe, expect, it } from 'vitest'
import type { KeyValue } from '../../../src/otlp/model.ts'
import { span, tag, tags, translate } from '../../support/jaeger-model.ts'

type Values = Parameters<typeof tags>[0]

const resourceOf = (serviceName: string, values: Values): unknown =>
  translate([span()], {}, { serviceName, tags: tags(values) }).resources[0]?.attributes

const marker = 'OTLPResourceNoServiceName'

describe('processToResource', () => {
  it.each<[string, string, Values, object]>([
    ['J-P1 the service name', 'svc', {}, { 'service.name': 'svc' }],
    ['J-P1 wins over a tag', 'svc', { 'service.name': 'tag' }, { 'service.name': 'svc' }],
    ['J-P1 the tag is the fallback', '', { 'service.name': 'tag' }, { 'service.name': 'tag' }],
    ['J-P1 an empty tag is no fallback', '', { 'service.name': '' }, { 'service.name': 'unknown_service' }],
    ['J-P2 an empty name', '', { a: 1 }, { 'service.name': 'unknown_service', a: '1' }],
    ["J-P3 the Collector's marker, tags kept", marker, { a: 1 }, { 'service.name': 'unknown_service', a: '1' }],
    ['J-P3 the marker with a tag', marker, { 'service.name': 'tag' }, { 'service.name': 'tag' }],
    ['J-P3 a name that only begins like it', `${marker}s`, {}, { 'service.name': `${marker}s` }],
    ['J-P4 hostname', 'svc', { hostname: 'h' }, { 'service.name': 'svc', 'host.name': 'h' }],
    [
      'J-P4 hostname beside host.name',
      'svc',
      { hostname: 'h', 'host.name': 'n' },
      { 'service.name': 'svc', hostname: 'h', 'host.name': 'n' },
    ],
    ['J-P5 ip as text', 'svc', { ip: '10.0.0.1' }, { 'service.name': 'svc', ip: '10.0.0.1' }],
    ['J-P5 ip as a number', 'svc', { ip: 167772161 }, { 'service.name': 'svc', ip: '167772161' }],
    ['J-P7 client-uuid', 'svc', { 'client-uuid': 'u' }, { 'service.name': 'svc', 'service.instance.id': 'u' }],
    [
      'J-P7 client-uuid beside service.instance.id',
      'svc',
      { 'client-uuid': 'u', 'service.instance.id': 'i' },
      { 'service.name': 'svc', 'client-uuid': 'u', 'service.instance.id': 'i' },
    ],
  ])('%s', (_rule, name, values, expected) => {
    expect(resourceOf(name, values)).toEqual(expected)
  })

  it('J-P2 calls a batch without a process unknown_service', () => {
    expect(translate([span()]).resources[0]?.attributes).toEqual({ 'service.name': 'unknown_service' })
  })

  it.each([
    ['Go-2.30.0', 'go', '2.30.0'],
    ['Java-1.8.1', 'java', '1.8.1'],
    ['Node-3.19.0', 'nodejs', '3.19.0'],
    ['Python-4.8.0', 'python', '4.8.0'],
    ['C++-0.9.0', 'cpp', '0.9.0'],
    ['CSharp-1.0.3', 'dotnet', '1.0.3'],
    ['PHP-1.4', 'php', '1.4'],
    ['Ruby-1.2-rc-3', 'ruby', '1.2-rc-3'],
    ['Rust-0.1', undefined, 'Rust-0.1'],
    ['1.2.3', undefined, '1.2.3'],
    ['-1', undefined, '-1'],
  ])('J-P6 reads jaeger.version %s', (version, language, number) => {
    expect(resourceOf('svc', { 'jaeger.version': version })).toEqual({
      'service.name': 'svc',
      'jaeger.version': version,
      'telemetry.sdk.name': 'jaeger',
      ...(language === undefined ? {} : { 'telemetry.sdk.language': language }),
      'telemetry.sdk.version': number,
    })
  })

  it('J-P6 leaves telemetry.sdk.* of the sender alone', () => {
    const values = { 'telemetry.sdk.name': 'opentelemetry', 'jaeger.version': 'Go-2.30.0' }
    expect(resourceOf('svc', values)).toEqual({ 'service.name': 'svc', ...values })
  })

  it('lets the last of two equal tags win', () => {
    const twice = [tag('a', 1), tag('hostname', 'first'), tag('a', 2), tag('hostname', 'last')]
    expect(translate([span()], {}, { serviceName: 'svc', tags: twice }).resources[0]?.attributes).toEqual({
      'service.name': 'svc',
      a: '2',
      'host.name': 'last',
    })
  })
})

describe('grouping by process', () => {
  const process = (serviceName: string, list: readonly KeyValue[] = []) => ({ serviceName, tags: list })
  const namesOf = (spans: Parameters<typeof translate>[0], own?: Parameters<typeof translate>[2]): unknown =>
    translate(spans, {}, own).resources.map(({ attributes, scopes }) => [
      attributes['service.name'],
      scopes.flatMap((one) => one.spans.map((each) => each['name'])),
    ])

  it("J-P8 prefers a span's own process to that of the batch", () => {
    expect(namesOf([span({ name: 'a' }), span({ name: 'b', process: process('own') }), span({ name: 'c' })], process('batch'))).toEqual([
      ['batch', ['a', 'c']],
      ['own', ['b']],
    ])
  })

  it('J-P8 groups equal processes whatever the order of their tags, first seen first', () => {
    const one = process('svc', [tag('a', 1), tag('b', 'x')])
    const same = process('svc', [tag('b', 'x'), tag('a', 1)])
    const other = process('svc', [tag('a', 2), tag('b', 'x')])
    expect(
      namesOf([
        span({ name: '1', process: one }),
        span({ name: '2', process: other }),
        span({ name: '3', process: same }),
        span({ name: '4', process: { ...one } }),
      ]),
    ).toEqual([
      ['svc', ['1', '3', '4']],
      ['svc', ['2']],
    ])
  })

  it('J-P8 keeps processes apart that differ in the type of a tag only', () => {
    expect(
      translate([span({ process: process('svc', [tag('a', 1)]) }), span({ process: process('svc', [tag('a', '1')]) })]).resources,
    ).toHaveLength(2)
  })

  it('is not misled by separators in tags', () => {
    const tricky = process('svc', [tag('a', 'x\u0001b\u00002\u0000y')])
    const plain = process('svc', [tag('a', 'x'), tag('b', 'y')])
    expect(translate([span({ process: tricky }), span({ process: plain })]).resources).toHaveLength(2)
  })
})
