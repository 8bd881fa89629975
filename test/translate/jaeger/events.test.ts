import { describe, expect, it } from 'vitest'
import { log, type PlainSpan, tag, tags, translateOne } from '../../support/jaeger-model.ts'

type Values = Parameters<typeof tags>[0]

const eventsOf = (logs: Parameters<typeof log>[], options = {}): PlainSpan['events'] =>
  translateOne({ logs: logs.map((one) => log(...one)) }, options).events

const eventOf = (values: Values, options = {}): PlainSpan['events'][0] | undefined => eventsOf([[5n, tags(values)]], options)[0]

describe('eventOf', () => {
  it.each<[string, Values, object]>([
    ['J-L1 takes the name from event', { event: 'paid', amount: 3 }, { name: 'paid', attributes: { amount: '3' } }],
    ['J-L2 takes the text of an event that is an int', { event: 7 }, { name: '7', attributes: {} }],
    ['J-L2 takes the text of an event that is a bool', { event: true }, { name: 'true', attributes: {} }],
    ['J-L2 takes the text of an event that is a double', { event: 0.5 }, { name: '0.5', attributes: {} }],
    ['J-L3 calls an event without a name log', { message: 'hello' }, { name: 'log', attributes: { message: 'hello' } }],
    ['J-L3 keeps an empty event', { event: '', a: 'b' }, { name: 'log', attributes: { event: '', a: 'b' } }],
    ['J-L4 calls an empty log log', {}, { name: 'log', attributes: {} }],
    [
      'J-L5 takes a count of dropped attributes',
      { 'otel.event.dropped_attributes_count': 3, event: 'e' },
      { droppedAttributesCount: 3, attributes: {} },
    ],
    [
      'J-L5 takes it under its other name, as digits',
      { 'otel.dropped_attributes_count': '4', event: 'e' },
      { droppedAttributesCount: 4, attributes: {} },
    ],
    [
      'J-L5 keeps a count that is none',
      { 'otel.dropped_attributes_count': -1, event: 'e' },
      { attributes: { 'otel.dropped_attributes_count': '-1' } },
    ],
    [
      'J-L6 keeps an error as it is',
      { event: 'error', 'error.kind': 'E', message: 'm', stack: 's' },
      { name: 'error', attributes: { 'error.kind': 'E', message: 'm', stack: 's' } },
    ],
  ])('%s', (_rule, values, expected) => {
    expect(eventOf(values)).toMatchObject(expected)
    if ('attributes' in expected) expect(eventOf(values)?.attributes).toEqual(expected.attributes)
  })

  it('J-L6 maps an error to an exception when told so', () => {
    const values = { event: 'error', 'error.kind': 'TypeError', message: 'm', stack: 's', more: 1 }
    const mapped = { 'exception.type': 'TypeError', 'exception.message': 'm', 'exception.stacktrace': 's', more: '1' }
    expect(eventOf(values, { mapExceptions: true })).toMatchObject({ name: 'exception' })
    expect(eventOf(values, { mapExceptions: true })?.attributes).toEqual(mapped)
    expect(eventOf({ event: 'retry', message: 'm' }, { mapExceptions: true })).toMatchObject({
      name: 'retry',
      attributes: { message: 'm' },
    })
    expect(eventOf({ message: 'm' }, { mapExceptions: true })).toMatchObject({ name: 'log', attributes: { message: 'm' } })
  })

  it('J-L7 lets the last of two equal fields win, in its own place', () => {
    const [event] = eventsOf([[5n, [tag('event', 'first'), tag('a', 1), tag('b', 2), tag('a', 3), tag('event', 'last')]]])
    expect(event).toMatchObject({ name: 'last' })
    expect(Object.entries(event?.attributes ?? {})).toEqual([
      ['b', '2'],
      ['a', '3'],
    ])
  })

  it('leaves out fields without a value', () => {
    expect(eventsOf([[5n, [tag('event', undefined), tag('a', undefined), tag('b', 1)]]])[0]).toMatchObject({
      name: 'log',
      attributes: { b: '1' },
    })
  })

  it('gives times in nanoseconds, 0 for negative ones and the largest for those that do not fit', () => {
    const times = eventsOf([
      [1_485_467_191_639_875n, []],
      [-5n, []],
      [0n, []],
      [2n ** 63n - 1n, []],
    ]).map((one) => one.timeUnixNano)
    expect(times).toEqual(['1485467191639875000', '0', '0', '18446744073709551615'])
  })

  it('keeps the order of logs', () => {
    expect(
      eventsOf([
        [9n, tags({ event: 'b' })],
        [1n, tags({ event: 'a' })],
        [9n, tags({ event: 'b' })],
      ]).map((one) => one.name),
    ).toEqual(['b', 'a', 'b'])
  })
})
