/** Random Traces in the model of src/otlp, for properties of the encoders and decoders. */

import fc from 'fast-check'
import { createKey } from '../../src/otlp/keys.ts'
import {
  type AnyValue,
  type Event,
  type KeyValue,
  type Link,
  type ResourceSpans,
  type Span,
  type Text,
  type Traces,
  ValueType,
} from '../../src/otlp/model.ts'

const word = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const idWord = word.map((value) => (value === 0 ? 1 : value))
const unicode = fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.toWellFormed())

/** A slice somewhere inside a larger body, so that what stands around it must not leak. */
export const sliceOf = (bytes: Uint8Array, before: number, after: number): Exclude<Text, string> => {
  const source = new Uint8Array(before + bytes.length + after).fill(0xc3)
  source.set(bytes, before)
  return { source, start: before, end: before + bytes.length }
}

const sliceText = fc
  .tuple(fc.oneof(unicode, fc.string({ maxLength: 300 })), fc.nat(6), fc.nat(6))
  .map(([text, before, after]) => sliceOf(new TextEncoder().encode(text), before, after))
const text: fc.Arbitrary<Text> = fc.oneof(fc.string({ maxLength: 30 }), unicode, sliceText)

const key = fc.oneof(fc.string({ maxLength: 20 }), unicode, fc.string({ minLength: 120, maxLength: 200 })).map((name) => createKey(name))

const scalar: fc.Arbitrary<AnyValue> = fc.oneof(
  unicode.map((value) => ({ type: ValueType.String, a: 0, b: 0, ref: value })),
  sliceText.map(({ source, start, end }) => ({ type: ValueType.Text, a: start, b: end, ref: source })),
  fc.boolean().map((value) => ({ type: ValueType.Bool, a: value ? 1 : 0, b: 0, ref: null })),
  fc.tuple(fc.oneof(fc.constant(0), word), word).map(([a, b]) => ({ type: ValueType.Int, a, b, ref: null })),
  fc
    .tuple(fc.integer({ min: -0x80000000, max: 0x7fefffff }), word)
    .map(([a, b]) => ({ type: ValueType.Double, a: a < 0 ? a & 0x7fefffff : a, b, ref: null })),
  fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.nat(4)).map(([bytes, before]) => {
    const { source, start, end } = sliceOf(bytes, before, 2)
    return { type: ValueType.Bytes, a: start, b: end, ref: source }
  }),
  fc.constant({ type: ValueType.Empty, a: 0, b: 0, ref: null }),
)

const { value: anyValue } = fc.letrec<{ value: AnyValue; attribute: KeyValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }).map((ref) => ({ type: ValueType.Array, a: 0, b: 0, ref })),
    fc.array(tie('attribute'), { maxLength: 4 }).map((ref) => ({ type: ValueType.KvList, a: 0, b: 0, ref })),
  ),
  attribute: fc.tuple(key, tie('value')).map(([name, value]) => ({ key: name, ...value })),
}))

const attributes = fc.array(
  fc.tuple(key, anyValue).map(([name, value]): KeyValue => ({ key: name, ...value })),
  { maxLength: 6 },
)
const count = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 0xffffffff }))
const flags = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 0xffff }))

const event: fc.Arbitrary<Event> = fc.record({ timeHi: word, timeLo: word, name: text, attributes, droppedAttributesCount: count })

const link: fc.Arbitrary<Link> = fc.record({
  trace0: idWord,
  trace1: word,
  trace2: word,
  trace3: word,
  span0: idWord,
  span1: word,
  traceState: text,
  attributes,
  droppedAttributesCount: count,
  flags,
})

export const arbitrarySpan: fc.Arbitrary<Span> = fc.record({
  trace0: idWord,
  trace1: word,
  trace2: word,
  trace3: word,
  span0: idWord,
  span1: word,
  parent0: fc.oneof(fc.constant(0), word),
  parent1: fc.oneof(fc.constant(0), word),
  traceState: text,
  flags,
  name: text,
  kind: fc.nat(5),
  startHi: word,
  startLo: word,
  endHi: word,
  endLo: word,
  attributes,
  droppedAttributesCount: count,
  events: fc.array(event, { maxLength: 3 }),
  droppedEventsCount: count,
  links: fc.array(link, { maxLength: 3 }),
  droppedLinksCount: count,
  statusCode: fc.nat(2),
  statusMessage: text,
})

const resourceSpans: fc.Arbitrary<ResourceSpans> = fc.record({
  attributes,
  scopeSpans: fc.array(fc.record({ scopeName: text, scopeVersion: text, spans: fc.array(arbitrarySpan, { maxLength: 3 }) }), {
    maxLength: 2,
  }),
})

export const arbitraryTraces: fc.Arbitrary<Traces> = fc.record({ resourceSpans: fc.array(resourceSpans, { maxLength: 3 }) })
