import { describe, expect, it } from 'vitest'
import { SpanKind } from '../../../src/otlp/model.ts'
import { span, tag, tags, translate, translateOne } from '../../support/jaeger-model.ts'

const largest = '18446744073709551615'

describe('jaegerToTraces: ids', () => {
  it('takes signed ids as their bits', () => {
    expect(translateOne({ trace: -1n, id: -2n, parent: -(2n ** 63n) })).toMatchObject({
      traceId: '0000000000000000ffffffffffffffff',
      spanId: 'fffffffffffffffe',
      parentSpanId: '8000000000000000',
    })
  })

  it('drops spans without ids one by one and says which', () => {
    const { resources, drops } = translate([
      span({ name: 'a' }),
      span({ trace: 0n }),
      span({ id: 0n }),
      span({ name: 'b' }),
      span({ trace: 0n, id: 0n }),
      span({ invalid: 'span_id_width' }),
    ])
    expect(resources[0]?.scopes[0]?.spans.map((one) => one['name'])).toEqual(['a', 'b'])
    expect(drops).toEqual([
      { reason: 'trace_id_zero', count: 2, example: 'span 1: trace_id_zero', indexes: [1, 4] },
      { reason: 'span_id_zero', count: 1, example: 'span 2: span_id_zero', indexes: [2] },
      { reason: 'span_id_width', count: 1, example: 'span 5: span_id_width', indexes: [5] },
    ])
  })

  it('gives nothing for a batch of nothing', () => {
    expect(translate([])).toEqual({ resources: [], drops: [], notes: [] })
    expect(translate([span({ id: 0n })]).resources).toEqual([])
  })
})

describe('jaegerToTraces: kind', () => {
  it.each([
    ['client', SpanKind.Client],
    ['server', SpanKind.Server],
    ['producer', SpanKind.Producer],
    ['consumer', SpanKind.Consumer],
    ['internal', SpanKind.Internal],
    ['CLIENT', SpanKind.Client],
    ['Server', SpanKind.Server],
  ])('reads %s and takes the tag away', (word, kind) => {
    expect(translateOne({ tags: tags({ 'span.kind': word }) })).toMatchObject({ kind, attributes: {} })
  })

  it('keeps a word that it does not know', () => {
    expect(translateOne({ tags: tags({ 'span.kind': 'Broker' }) })).toMatchObject({
      kind: SpanKind.Internal,
      attributes: { 'span.kind': 'Broker' },
    })
  })

  it.each([3, true, ''])('keeps a span.kind that is %j', (value) => {
    expect(translateOne({ tags: tags({ 'span.kind': value }) }).attributes).toHaveProperty(['span.kind'])
  })

  it('has an option for spans that do not say', () => {
    expect(translateOne({})).toMatchObject({ kind: SpanKind.Internal })
    expect(translateOne({}, { absentKind: SpanKind.Unspecified })['kind']).toBeUndefined()
  })
})

describe('jaegerToTraces: times', () => {
  const timesOf = (start: bigint, duration: bigint): unknown => {
    const { startTimeUnixNano, endTimeUnixNano } = translateOne({ start, duration })
    return [startTimeUnixNano, endTimeUnixNano]
  }

  it.each<[string, bigint, bigint, string, string]>([
    ['microseconds exactly', 1_485_467_191_639_875n, 22_938n, '1485467191639875000', '1485467191662813000'],
    ['a duration of 0 as an end at the start', 5n, 0n, '5000', '5000'],
    ['a start of 0', 0n, 1n, '0', '1000'],
    ['the last start that fits', 18_446_744_073_709_551n, 0n, '18446744073709551000', '18446744073709551000'],
    ['a start that does not fit as the largest', 18_446_744_073_709_552n, 5n, largest, largest],
    ['the largest start', 2n ** 63n - 1n, 2n ** 63n - 1n, largest, largest],
    ['an end that does not fit as the largest', 18_446_744_073_709_551n, 1n, '18446744073709551000', largest],
    ['a duration that does not fit', 1n, 2n ** 63n - 1n, '1000', largest],
    ['a negative start as 0, the duration kept', -5n, 7n, '0', '7000'],
    ['a negative duration as 0', 5n, -1n, '5000', '5000'],
    ['the smallest of both', -(2n ** 63n), -(2n ** 63n), '0', '0'],
  ])('gives %s', (_what, start, duration, from, to) => {
    expect(timesOf(start, duration)).toEqual([from, to])
  })

  it('keeps ticks of one nanosecond', () => {
    const { resources } = translate([span({ start: 1_485_467_191_639_875_123n, duration: 1n })], {}, undefined, 1)
    expect(resources[0]?.scopes[0]?.spans[0]).toMatchObject({
      startTimeUnixNano: '1485467191639875123',
      endTimeUnixNano: '1485467191639875124',
    })
  })

  it('says in a warning what it replaced, after those that came with the span, and notes it', () => {
    const { resources, notes } = translate([span({ start: -5n, duration: -7n, warnings: ['clock skew'] })])
    expect(resources[0]?.scopes[0]?.spans[0]?.attributes['@jaeger@warnings']).toEqual({
      values: [
        { stringValue: 'clock skew' },
        { stringValue: expect.stringContaining('-5000') },
        { stringValue: expect.stringContaining('-7000') },
      ],
    })
    expect(notes).toEqual([
      { reason: 'negative_start_time', count: 1 },
      { reason: 'negative_duration', count: 1 },
    ])
  })

  it('has no warnings on a span that has none', () => {
    expect(translateOne({}).attributes).toEqual({})
  })
})

describe('jaegerToTraces: flags', () => {
  it.each([
    [0, undefined, {}],
    [1, 1, {}],
    [2, 1, { 'jaeger.debug': true }],
    [3, 1, { 'jaeger.debug': true }],
    [8, undefined, { 'jaeger.firehose': true }],
    [9, 1, { 'jaeger.firehose': true }],
    [11, 1, { 'jaeger.debug': true, 'jaeger.firehose': true }],
    [4, undefined, {}],
    [0x7ffffff4, undefined, {}],
  ])('%i', (flags, expected, attributes) => {
    const out = translateOne({ flags })
    expect(out['flags']).toBe(expected)
    expect(out.attributes).toEqual(attributes)
  })

  it("says by the flag what a tag of the flag's name says otherwise, and says it once", () => {
    const { attributes } = translateOne({ flags: 10, tags: tags({ 'jaeger.debug': false, 'jaeger.firehose': 'x', a: 'b' }) })
    expect(attributes).toEqual({ a: 'b', 'jaeger.debug': true, 'jaeger.firehose': true })
  })
})

describe('jaegerToTraces: tags', () => {
  it('keeps the types, and i64 to the last digit', () => {
    const bytes = Uint8Array.of(0, 255)
    expect(
      translateOne({ tags: tags({ s: 'x', b: false, l: 2n ** 63n - 1n, n: -(2n ** 63n), d: 0.1, x: bytes, e: '' }) }).attributes,
    ).toEqual({
      s: 'x',
      b: false,
      l: '9223372036854775807',
      n: '-9223372036854775808',
      d: 0.1,
      x: 'AP8=',
      e: '',
    })
  })

  it('keeps internal.span.format and sampler.*', () => {
    const values = { 'internal.span.format': 'proto', 'sampler.type': 'const', 'sampler.param': true }
    expect(translateOne({ tags: tags(values) }).attributes).toEqual(values)
  })

  it.each([10, 47, 48, 49, 200])('lets the last of equal keys win in its own place, among %i tags', (count) => {
    const list = Array.from({ length: count - 2 }, (_, i) => tag(`key ${i}`, i))
    const { attributes } = translateOne({ tags: [tag('twice', 'first'), ...list, tag('twice', 'last')] })
    const keys = Object.keys(attributes)
    expect(keys).toHaveLength(count - 1)
    expect(keys.at(0)).toBe('key 0')
    expect(keys.at(-1)).toBe('twice')
    expect(attributes['twice']).toBe('last')
  })

  it('lets the last win where tags have an OTLP field of their own', () => {
    const twice = [tag('span.kind', 'client'), tag('error', true), tag('span.kind', 'server'), tag('error', false)]
    expect(translateOne({ tags: twice })).toMatchObject({ kind: SpanKind.Server, status: {}, attributes: { error: false } })
  })

  it('leaves out tags without a value', () => {
    expect(translateOne({ tags: [tag('a', undefined), tag('error', undefined), tag('b', 1)] })).toMatchObject({
      status: {},
      attributes: { b: '1' },
    })
  })

  it('puts w3c.tracestate in its field; an empty one is none, another type stays', () => {
    expect(translateOne({ tags: tags({ 'w3c.tracestate': 'a=b,c=d' }) })).toMatchObject({ traceState: 'a=b,c=d', attributes: {} })
    expect(translateOne({ tags: tags({ 'w3c.tracestate': 5 }) })).toMatchObject({ attributes: { 'w3c.tracestate': '5' } })
  })

  it('puts counts of what was dropped in their fields, from numbers and from digits', () => {
    const counts = { 'otel.dropped_attributes_count': 1, 'otel.dropped_events_count': '2', 'otel.dropped_links_count': 3 }
    expect(translateOne({ tags: tags(counts) })).toMatchObject({
      droppedAttributesCount: 1,
      droppedEventsCount: 2,
      droppedLinksCount: 3,
      attributes: {},
    })
  })

  it.each([-1, 2 ** 32, 'many', 0.5, true])('keeps %j, which is no count', (value) => {
    const out = translateOne({ tags: tags({ 'otel.dropped_attributes_count': value }) })
    expect(out['droppedAttributesCount']).toBeUndefined()
    expect(out.attributes).toHaveProperty(['otel.dropped_attributes_count'])
  })

  it('carries nothing over from one span to the next', () => {
    const full = {
      'span.kind': 'client',
      'w3c.tracestate': 'a=b',
      'otel.dropped_attributes_count': 1,
      'otel.dropped_events_count': 1,
      'otel.dropped_links_count': 1,
      'otel.scope.name': 'lib',
      error: true,
      'http.status_message': 'm',
    }
    const { resources } = translate([span({ name: 'full', tags: tags(full) }), span({ name: 'bare' })])
    const bare = resources[0]?.scopes.find((one) => one.spans[0]?.['name'] === 'bare')
    expect(bare?.scope).toEqual({})
    expect(bare?.spans).toEqual([
      {
        traceId: '00000000000000000000000000000abc',
        spanId: '0000000000000001',
        name: 'bare',
        kind: 1,
        startTimeUnixNano: '1000000',
        endTimeUnixNano: '1010000',
        status: {},
        attributes: {},
        links: [],
        events: [],
      },
    ])
  })
})

describe('jaegerToTraces: scope', () => {
  const scopeOf = (values: Parameters<typeof tags>[0]): unknown => {
    const { resources } = translate([span({ tags: tags(values) })])
    const [first] = resources[0]?.scopes ?? []
    return [first?.scope, first?.spans[0]?.attributes]
  }

  it.each<[string, Parameters<typeof tags>[0], unknown]>([
    ['otel.scope.*', { 'otel.scope.name': 'n', 'otel.scope.version': 'v' }, [{ name: 'n', version: 'v' }, {}]],
    ['otel.library.* where that is absent', { 'otel.library.name': 'n', 'otel.library.version': 'v' }, [{ name: 'n', version: 'v' }, {}]],
    [
      'both when they agree',
      { 'otel.library.name': 'n', 'otel.scope.name': 'n', 'otel.scope.version': 'v', 'otel.library.version': 'v' },
      [{ name: 'n', version: 'v' }, {}],
    ],
    [
      'otel.scope.* when they differ, the library stays an attribute',
      { 'otel.library.name': 'old', 'otel.scope.name': 'n' },
      [{ name: 'n' }, { 'otel.library.name': 'old' }],
    ],
    ['a version without a name', { 'otel.scope.version': 'v' }, [{ version: 'v' }, {}]],
    ['nothing', {}, [{}, {}]],
  ])('%s', (_what, values, expected) => {
    expect(scopeOf(values)).toEqual(expected)
  })

  it('keeps scopes apart whose name and version read the same in a row', () => {
    const of = (name: string, version: string) => span({ tags: tags({ 'otel.scope.name': name, 'otel.scope.version': version }) })
    expect(translate([of('a', 'b'), of('a\u0000b', ''), of('', 'ab')]).resources[0]?.scopes).toHaveLength(3)
  })

  it('gathers spans by scope, first seen first, in input order', () => {
    const of = (name: string, scope: string) => span({ name, tags: scope === '' ? [] : tags({ 'otel.scope.name': scope }) })
    const { resources } = translate([of('1', 'a'), of('2', ''), of('3', 'b'), of('4', 'a'), of('5', '')])
    expect(resources[0]?.scopes.map(({ scope, spans }) => [scope, spans.map((one) => one['name'])])).toEqual([
      [{ name: 'a' }, ['1', '4']],
      [{}, ['2', '5']],
      [{ name: 'b' }, ['3']],
    ])
  })
})
