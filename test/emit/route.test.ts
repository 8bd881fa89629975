import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Where } from '../../src/emit/destinations.ts'
import { createRouter, type RoutedDestination, unconditionalLanes } from '../../src/emit/route.ts'
import type { EncodedBatch, Signal } from '../../src/otlp/intake.ts'
import { type OfficialItem, officialItems, officialPoints, officialRequest, type PlainGroup } from '../support/official-requests.ts'

const to = (part: Partial<RoutedDestination> = {}): RoutedDestination => ({
  signals: undefined,
  where: undefined,
  otherwise: false,
  ...part,
})
const where = (attribute: string, listed: boolean, ...values: string[]): Where => ({ attribute, listed, values })
const tenant = (...values: string[]): RoutedDestination => to({ where: where('tenant', true, ...values) })
const text = (key: string, value: string) => ({ key, value: { stringValue: value } })
const span = (name: string, ...attributes: object[]) => ({ name, attributes })
const itemsOf = (signal: Signal, data: Uint8Array): number =>
  officialItems(signal, data).reduce((sum, one) => sum + officialPoints(signal, one), 0)
const batchOf = (signal: Signal, groups: readonly PlainGroup[]): EncodedBatch => {
  const data = officialRequest(signal, groups)
  return { format: 'otlp', signal, items: itemsOf(signal, data), data }
}

/** Names of spans, metrics or bodies of records by lanes. */
const byLanes = (destinations: readonly RoutedDestination[], batch: EncodedBatch): Record<string, unknown[]> => {
  const found: Record<string, unknown[]> = {}
  for (const { batch: part, lanes } of createRouter(destinations)(batch)) {
    const names = officialItems(batch.signal, part.data).map(({ item }) => item['name'] ?? item['severityText'])
    found[lanes.join()] = [...(found[lanes.join()] ?? []), ...names]
  }
  return found
}

const traces = (...resources: [attributes: object[], spans: object[]][]): EncodedBatch =>
  batchOf(
    'traces',
    resources.map(([attributes, items]) => ({ resource: { attributes }, scopes: [{ scope: { name: 's' }, items }] })),
  )

describe('createRouter', () => {
  it('hands a batch on as it is where nothing has to be looked at', () => {
    const batch = traces([[text('tenant', 'a')], [span('one')]])
    expect(createRouter([to(), to()])(batch)).toEqual([{ batch, lanes: [0, 1] }])
    expect(createRouter([to(), to()])(batch)[0]?.batch).toBe(batch)
  })

  it('goes by signal without a look at the data', () => {
    const router = createRouter([to({ signals: ['traces'] }), to({ signals: ['metrics', 'traces'] }), to({ otherwise: true })])
    const rubbish = { format: 'otlp', items: 1, data: Buffer.from([0xff]) }
    expect(router({ ...rubbish, signal: 'traces' })[0]?.lanes).toEqual([0, 1])
    expect(router({ ...rubbish, signal: 'metrics' })[0]?.lanes).toEqual([1])
    expect(router({ ...rubbish, signal: 'logs' })[0]?.lanes).toEqual([2])
    expect(createRouter([to({ signals: ['traces'] })])({ ...rubbish, signal: 'logs' })[0]?.lanes).toEqual([])
  })

  it('parts resources by their attribute', () => {
    const batch = traces(
      [[text('tenant', 'a')], [span('a1'), span('a2')]],
      [[text('tenant', 'b')], [span('b1')]],
      [[text('tenant', 'c')], [span('c1')]],
      [[text('tenant', 'a')], [span('a3')]],
    )
    expect(byLanes([tenant('a'), tenant('b', 'c')], batch)).toEqual({ 0: ['a1', 'a2', 'a3'], 1: ['b1', 'c1'] })
    expect(byLanes([tenant('a'), tenant('a', 'b')], batch)).toEqual({ '0,1': ['a1', 'a2', 'a3'], 1: ['b1'], '': ['c1'] })
    expect(byLanes([tenant('a'), to({ otherwise: true })], batch)).toEqual({ 0: ['a1', 'a2', 'a3'], 1: ['b1', 'c1'] })
    expect(byLanes([to(), to({ where: where('tenant', false, 'a') })], batch)).toEqual({ 0: ['a1', 'a2', 'a3'], '0,1': ['b1', 'c1'] })
  })

  it('keeps the request itself when all of it goes one way', () => {
    const batch = traces([[text('tenant', 'a')], [span('a1')]], [[text('tenant', 'a')], [span('a2')]])
    expect(createRouter([tenant('a'), tenant('b')])(batch)[0]?.batch).toBe(batch)
  })

  it('lets spans decide where the resource has no such attribute, and counts them', () => {
    const batch = traces(
      [
        [text('service.name', 'x')],
        [span('a1', text('tenant', 'a')), span('b1', text('tenant', 'b')), span('none'), span('a2', text('tenant', 'a'))],
      ],
      [[text('tenant', 'b')], [span('b2', text('tenant', 'a'))]],
    )
    const destinations = [tenant('a'), tenant('b'), to({ where: where('tenant', false, 'a', 'b') })]
    expect(byLanes(destinations, batch)).toEqual({ 0: ['a1', 'a2'], 1: ['b1', 'b2'], 2: ['none'] })
    const parts = createRouter(destinations)(batch)
    expect(parts.map(({ batch: { items }, lanes }) => [lanes[0], items])).toEqual([
      [0, 2],
      [1, 2],
      [2, 1],
    ])
    for (const { batch: part } of parts) {
      expect(officialItems('traces', part.data)[0]?.scope).toEqual({ name: 's' })
      expect(part.data.byteLength).toBe(part.data.buffer.byteLength)
    }
  })

  it('keeps scopes without items, and fields that nobody knows', () => {
    const mixed = { items: [span('a1', text('tenant', 'a')), span('b1', text('tenant', 'b'))] }
    const { data } = batchOf('traces', [{ resource: {}, scopes: [mixed, { scope: { name: 'empty' }, items: [] }] }])
    const unknown = Buffer.from([0x9a, 0x06, 0x03, 0x66, 0x6f, 0x6f])
    const parts = createRouter([tenant('a'), tenant('b')])({
      format: 'otlp',
      signal: 'traces',
      items: 2,
      data: Buffer.concat([unknown, data, unknown]),
    })
    expect(parts).toHaveLength(2)
    const joined = Buffer.concat(parts.map(({ batch }) => batch.data))
    expect(joined.toString('latin1').split('empty')).toHaveLength(2)
    expect(joined.toString('latin1').split('foo')).toHaveLength(3)
  })

  it('lets log records decide, but not data points', () => {
    const logs = batchOf('logs', [
      { resource: {}, scopes: [{ items: [{ severityText: 'a1', attributes: [text('tenant', 'a')] }, { severityText: 'none' }] }] },
    ])
    expect(byLanes([tenant('a'), to({ otherwise: true })], logs)).toEqual({ 0: ['a1'], 1: ['none'] })
    const point = { attributes: [text('tenant', 'a')], asInt: 1 }
    const metrics = batchOf('metrics', [
      { resource: {}, scopes: [{ items: [{ name: 'm', gauge: { dataPoints: [point] } }] }] },
      { resource: { attributes: [text('tenant', 'a')] }, scopes: [{ items: [{ name: 'n', sum: { dataPoints: [point, point] } }] }] },
    ])
    expect(byLanes([tenant('a'), to({ otherwise: true })], metrics)).toEqual({ 0: ['n'], 1: ['m'] })
    expect(createRouter([tenant('a'), to({ otherwise: true })])(metrics).map(({ batch }) => batch.items)).toEqual([1, 2])
  })

  it('knows values that are not text by how they are written', () => {
    const of = (value: object): EncodedBatch => traces([[{ key: 'tenant', value }], [span('x')]])
    const lanes = (value: object, named: string) => createRouter([tenant(named), to({ otherwise: true })])(of(value))[0]?.lanes
    expect(lanes({ intValue: 42 }, '42')).toEqual([0])
    expect(lanes({ intValue: -7 }, '-7')).toEqual([0])
    expect(lanes({ intValue: '9007199254740993' }, '9007199254740993')).toEqual([0])
    expect(lanes({ doubleValue: 1.5 }, '1.5')).toEqual([0])
    expect(lanes({ boolValue: true }, 'true')).toEqual([0])
    expect(lanes({ boolValue: false }, 'false')).toEqual([0])
    expect(lanes({ stringValue: 'grün' }, 'grün')).toEqual([0])
    expect(lanes({ arrayValue: { values: [{ stringValue: 'a' }] } }, 'a')).toEqual([1])
    expect(lanes({}, 'a')).toEqual([1])
  })

  it('goes by several attributes at once', () => {
    const destinations = [to({ where: where('tenant', true, 'a') }), to({ where: where('env', true, 'prod') })]
    const batch = traces(
      [[text('tenant', 'a'), text('env', 'prod')], [span('both')]],
      [[text('env', 'prod')], [span('env'), span('span-tenant', text('tenant', 'a'))]],
      [[], [span('neither')]],
    )
    expect(byLanes(destinations, batch)).toEqual({ '0,1': ['both', 'span-tenant'], 1: ['env'], '': ['neither'] })
  })

  it('gives what it cannot read, whole, to otherwise, or to all that take the signal', () => {
    const good = traces([[text('tenant', 'a')], [span('x')]], [[text('tenant', 'b')], [span('y')]])
    const cut = { ...good, data: good.data.subarray(0, good.data.length - 3) }
    expect(createRouter([tenant('a'), tenant('b'), to({ otherwise: true })])(cut)).toEqual([{ batch: cut, lanes: [2] }])
    expect(createRouter([tenant('a'), tenant('b'), to({ signals: ['logs'] })])(cut)).toEqual([{ batch: cut, lanes: [0, 1] }])
  })

  it('never counts more or fewer items than came in', () => {
    const batch = { ...traces([[text('tenant', 'a')], [span('x'), span('y')]], [[text('tenant', 'b')], [span('z')]]), items: 5 }
    const parts = createRouter([tenant('a'), tenant('b')])(batch)
    expect(parts.map(({ batch: { items } }) => items)).toEqual([4, 1])
  })

  it('cut at any byte loses nothing and never throws', () => {
    const { data } = traces(
      [[text('service.name', 'x')], [span('a1', text('tenant', 'a')), span('b1', text('tenant', 'b'))]],
      [[text('tenant', 'b')], [span('b2')]],
    )
    const router = createRouter([tenant('a'), tenant('b')])
    for (let length = 0; length < data.length; length++) {
      const parts = router({ format: 'otlp', signal: 'traces', items: 3, data: data.subarray(0, length) })
      expect(parts.reduce((sum, { batch }) => sum + batch.items, 0)).toBe(3)
      expect(parts.every(({ batch }) => batch.data.length <= length)).toBe(true)
    }
  })
})

describe('unconditionalLanes', () => {
  it('are those that nothing is kept from', () => {
    expect(unconditionalLanes([to(), tenant('a'), to({ otherwise: true }), to({ signals: ['logs'] }), to()])).toEqual([0, 4])
  })
})

const value = fc.oneof(
  fc.constantFrom('a', 'b', 'c').map((stringValue) => ({ stringValue })),
  fc.integer({ min: 0, max: 2 }).map((intValue) => ({ intValue })),
  fc.boolean().map((boolValue) => ({ boolValue })),
)
const attribute = fc.record({ key: fc.constantFrom('tenant', 'env', 'service.name'), value })
const attributes = fc.uniqueArray(attribute, { maxLength: 3, selector: ({ key }) => key })
const points = fc.array(fc.record({ asInt: fc.nat(9), attributes }), { maxLength: 3 }).map((dataPoints) => ({ dataPoints }))
const item: Readonly<Record<Signal, fc.Arbitrary<object>>> = {
  traces: fc.record({ name: fc.string(), attributes, events: fc.array(fc.record({ name: fc.string(), attributes }), { maxLength: 2 }) }),
  logs: fc.record({ severityText: fc.string(), body: value, attributes }),
  metrics: fc.oneof(
    fc.record({ name: fc.string(), gauge: points }),
    fc.record({ name: fc.string(), sum: points }),
    fc.record({
      name: fc.string(),
      histogram: points.map(({ dataPoints }) => ({ dataPoints: dataPoints.map((one) => ({ attributes: one.attributes })) })),
    }),
  ),
}
const groups = (signal: Signal): fc.Arbitrary<PlainGroup[]> =>
  fc.array(
    fc.record({
      resource: fc.option(fc.record({ attributes }), { nil: undefined }),
      schemaUrl: fc.constantFrom('', 'https://schema'),
      scopes: fc.array(
        fc.record({
          scope: fc.option(fc.record({ name: fc.string() }), { nil: undefined }),
          items: fc.array(item[signal], { maxLength: 4 }),
        }),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 4 },
  )
const destination: fc.Arbitrary<RoutedDestination> = fc.record({
  signals: fc.constant(undefined),
  where: fc.option(
    fc.record({
      attribute: fc.constantFrom('tenant', 'env'),
      listed: fc.boolean(),
      values: fc.uniqueArray(fc.constantFrom('a', 'b', '1', 'true'), { minLength: 1 }),
    }),
    { nil: undefined },
  ),
  otherwise: fc.constant(false),
})

/** The same decision out of the decoded item. */
const lanesOf = (destinations: readonly RoutedDestination[], signal: Signal, { resource, item: found }: OfficialItem): string => {
  const textOf = (key: string, holder: Record<string, unknown> | undefined): string | undefined => {
    const all = (holder?.['attributes'] ?? []) as { key: string; value: Record<string, unknown> }[]
    const one = all.find((each) => each.key === key)
    return one === undefined ? undefined : String(Object.values(one.value)[0])
  }
  const matches = (rule: Where): boolean => {
    const own = textOf(rule.attribute, resource) ?? (signal === 'metrics' ? undefined : textOf(rule.attribute, found))
    return (own !== undefined && rule.values.includes(own)) === rule.listed
  }
  const chosen = [...destinations.keys()].filter((at) => {
    const one = destinations[at] as RoutedDestination
    return !one.otherwise && (one.where === undefined || matches(one.where))
  })
  return chosen.length > 0 ? chosen.join() : destinations.flatMap((one, at) => (one.otherwise ? [at] : [])).join()
}

describe.each(['traces', 'metrics', 'logs'] as const)('createRouter with %s', (signal) => {
  it('gives every item to exactly those whose rules it meets, unchanged, with its resource and scope', () => {
    fc.assert(
      fc.property(groups(signal), fc.array(destination, { minLength: 1, maxLength: 3 }), fc.boolean(), (plain, list, withOtherwise) => {
        const destinations = withOtherwise ? [...list, to({ otherwise: true })] : list
        const batch = batchOf(signal, plain)
        const expected = officialItems(signal, batch.data)
        if (expected.length === 0) return
        const parts = createRouter(destinations)(batch)
        const line = (one: OfficialItem, lanes: string): string => JSON.stringify([one, lanes])
        const found = parts.flatMap(({ batch: part, lanes }) => {
          const items = officialItems(signal, part.data)
          expect(part.items).toBe(items.reduce((sum, one) => sum + officialPoints(signal, one), 0))
          return items.map((one) => line(one, lanes.join()))
        })
        expect(found.toSorted()).toEqual(expected.map((one) => line(one, lanesOf(destinations, signal, one))).toSorted())
        const joined = officialItems(signal, Buffer.concat(parts.map(({ batch: part }) => part.data)))
        expect(joined.map((one) => line(one, '')).toSorted()).toEqual(expected.map((one) => line(one, '')).toSorted())
      }),
      { numRuns: 400 },
    )
  })
})
