/** Jaeger batches as plain values: what tests say a batch holds, its Thrift, and what a decoder read, to be compared. */

import fc from 'fast-check'
import { textToString, valueToString } from '../../src/otlp/attributes.ts'
import { type KeyValue, type Text, ValueType } from '../../src/otlp/model.ts'
import { toSignedBigInt } from '../../src/otlp/time.ts'
import type { JaegerBatch } from '../../src/translate/jaeger/model.ts'
import { bool, double, type Field, i32, i64, list, type Struct, string, struct, type TypeName, type Value } from './thrift-writer.ts'

/** Doubles are compared by their bits, bytes by their base64. */
export type PlainTag = readonly [key: string, kind: 'string' | 'double' | 'bool' | 'long' | 'binary', value: string]

export interface PlainReference {
  readonly refType: number
  readonly traceId: string
  readonly spanId: string
}

export interface PlainSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly operationName: string
  readonly flags: number
  readonly start: bigint
  readonly duration: bigint
  readonly references: readonly PlainReference[]
  readonly tags: readonly PlainTag[]
  readonly logs: readonly { readonly time: bigint; readonly fields: readonly PlainTag[] }[]
}

export interface PlainBatch {
  readonly process: { readonly serviceName: string; readonly tags: readonly PlainTag[] } | undefined
  readonly spans: readonly PlainSpan[]
  readonly seqNo: bigint | undefined
  readonly stats: readonly [bigint, bigint, bigint] | undefined
}

const hex64 = (value: bigint): string => BigInt.asUintN(64, value).toString(16).padStart(16, '0')
const hexWords = (...words: number[]): string => words.map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
const bitsOf = (value: number): string => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}

/** What a decoder read, as plain values. */
export function plainBatch(batch: JaegerBatch): PlainBatch {
  const { process, stats } = batch
  return {
    process: process === undefined ? undefined : { serviceName: text(process.serviceName), tags: process.tags.map(plainTag) },
    seqNo: batch.seqNo,
    stats: stats === undefined ? undefined : [stats.fullQueueDroppedSpans, stats.tooLargeDroppedSpans, stats.failedToEmitSpans],
    spans: batch.spans.map((span) => ({
      traceId: hexWords(span.trace0, span.trace1, span.trace2, span.trace3),
      spanId: hexWords(span.span0, span.span1),
      parentSpanId: hexWords(span.parent0, span.parent1),
      operationName: text(span.operationName),
      flags: span.flags,
      start: toSignedBigInt(span.startHi, span.startLo),
      duration: toSignedBigInt(span.durationHi, span.durationLo),
      references: span.references.map((one) => ({
        refType: one.refType,
        traceId: hexWords(one.trace0, one.trace1, one.trace2, one.trace3),
        spanId: hexWords(one.span0, one.span1),
      })),
      tags: span.tags.map(plainTag),
      logs: span.logs.map((log) => ({ time: toSignedBigInt(log.timeHi, log.timeLo), fields: log.fields.map(plainTag) })),
    })),
  }
}

const text = (value: Text): string => textToString(value)

function plainTag(tag: KeyValue): PlainTag {
  const key = tag.key.text
  switch (tag.type) {
    case ValueType.Text:
    case ValueType.String:
      return [key, 'string', valueToString(tag)]
    case ValueType.Double:
      return [key, 'double', hexWords(tag.a, tag.b)]
    case ValueType.Bool:
      return [key, 'bool', valueToString(tag)]
    case ValueType.Int:
      return [key, 'long', valueToString(tag)]
    case ValueType.Bytes:
      return [key, 'binary', valueToString(tag)]
    default:
      throw new Error(`BUG: tag ${key} of type ${tag.type}`)
  }
}

/** A batch, and one of the ways to write it: what must be read, and the Thrift it must be read from. */
export interface BatchCase {
  readonly plain: PlainBatch
  readonly struct: Struct
}

const extremes = [0n, 1n, -1n, 127n, 128n, -128n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]
const long = fc.oneof(fc.constantFrom(...extremes), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
const int = fc.oneof(fc.constantFrom(0, 1, 2, 3, 8, -1, 0x7fffffff, -0x80000000), fc.integer())
/** Lengths around 127 and 128, where a varint grows and the fast path ends, come often. */
const words = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 30 }).map((value) => value.toWellFormed()),
  fc.integer({ min: 120, max: 135 }).map((length) => 'k'.repeat(length)),
  fc.string({ unit: 'grapheme', minLength: 100, maxLength: 200 }).map((value) => value.toWellFormed()),
)
/** The library's compact writer loses the sign of −0 and the payload of NaN; neither is the reader's to mend. */
const number = fc.double().map((value) => (Object.is(value, -0) ? 0 : value))

const leaf: fc.Arbitrary<Value> = fc.oneof(
  fc.boolean().map(bool),
  fc.integer({ min: -128, max: 127 }).map((value): Value => ({ type: 'byte', value })),
  fc.integer({ min: -0x8000, max: 0x7fff }).map((value): Value => ({ type: 'i16', value })),
  int.map(i32),
  long.map(i64),
  number.map(double),
  words.map(string),
  fc.uint8Array({ maxLength: 20 }).map(string),
)

const leafNames = ['bool', 'byte', 'i16', 'i32', 'i64', 'double', 'string'] as const
const zeroOf = (type: TypeName): Value => {
  switch (type) {
    case 'bool':
      return bool(false)
    case 'i64':
      return i64(0n)
    case 'string':
      return string('')
    case 'byte':
    case 'i16':
    case 'i32':
    case 'double':
      return { type, value: 0 }
    default:
      return { type: 'struct', fields: [] }
  }
}

const fieldId = fc.oneof(fc.integer({ min: 12, max: 40 }), fc.integer({ min: -0x8000, max: -1 }), fc.integer({ min: 1000, max: 0x7fff }))

/** Values that no Jaeger field has: collections in collections, maps of maps, empty ones, more than 14 elements. */
const { value: anyValue } = fc.letrec<{ value: Value; struct: Value }>((tie) => ({
  struct: fc.array(fc.record({ id: fieldId, value: tie('value') }), { maxLength: 3 }).map((fields): Value => ({ type: 'struct', fields })),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom('list' as const, 'set' as const), fc.constantFrom(...leafNames), fc.nat(20))
      .map(([type, of, count]): Value => ({ type, of, items: Array.from({ length: count }, () => zeroOf(of)) })),
    fc.array(leaf, { maxLength: 1 }).map((items): Value => list(items[0]?.type ?? 'byte', items)),
    fc.array(tie('struct'), { maxLength: 3 }).map((items): Value => list('struct', items)),
    fc
      .array(
        fc.array(
          leaf.map((one) => list(one.type, [one, one])),
          { maxLength: 2 },
        ),
        { maxLength: 2 },
      )
      .map(
        (lists): Value =>
          list(
            'list',
            lists.map((items) => list('list', items)),
          ),
      ),
    fc.tuple(fc.constantFrom(...leafNames), fc.constantFrom(...leafNames), fc.nat(16)).map(
      ([keys, values, count]): Value => ({
        type: 'map',
        keys,
        values,
        entries: Array.from({ length: count }, () => [zeroOf(keys), zeroOf(values)] as const),
      }),
    ),
    fc
      .array(tie('struct'), { maxLength: 2 })
      .map((entries): Value => ({ type: 'map', keys: 'string', values: 'struct', entries: entries.map((one) => [string('k'), one]) })),
  ),
}))

/** The same, for tests of the readers alone. */
export const arbitraryValue: fc.Arbitrary<Value> = anyValue

/** Unknown fields: ids that the IDL does not use, and known ids with a type that is not the IDL's. */
const unknown = fc.array(fc.record({ id: fieldId, value: anyValue }), { maxLength: 2 })

/**
 * Fields in one of many layouts: mostly as generated code writes them, sometimes in another order and with unknown fields between.
 */
const laidOut = (fields: readonly (readonly [number, Value | undefined])[]): fc.Arbitrary<Struct> => {
  const usual = struct(fields)
  const other = unknown.chain((extra) => {
    const all: readonly Field[] = [...usual.fields, ...extra]
    return fc
      .shuffledSubarray(
        all.map((_, i) => i),
        { minLength: all.length, maxLength: all.length },
      )
      .map((order): Struct => ({ type: 'struct', fields: order.map((i) => all[i] as Field) }))
  })
  return fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other })
}

interface Case<T> {
  readonly plain: T
  readonly struct: Struct
}

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined, freq: 4 })

const tagCase: fc.Arbitrary<Case<PlainTag>> = fc
  .tuple(
    words,
    fc.oneof(
      words.map((value) => ({ kind: 'string' as const, vType: 0, id: 3, value: string(value), plain: value })),
      number.map((value) => ({ kind: 'double' as const, vType: 1, id: 4, value: double(value), plain: bitsOf(value) })),
      fc.boolean().map((value) => ({ kind: 'bool' as const, vType: 2, id: 5, value: bool(value), plain: String(value) })),
      long.map((value) => ({ kind: 'long' as const, vType: 3, id: 6, value: i64(value), plain: String(value) })),
      fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.uint8Array({ minLength: 120, maxLength: 140 })).map((value) => ({
        kind: 'binary' as const,
        vType: 4,
        id: 7,
        value: string(value),
        plain: Buffer.from(value).toString('base64'),
      })),
    ),
    // a value of another kind beside the one that vType names is to be forgotten
    optional(fc.constantFrom<readonly (readonly [number, Value])[]>([[3, string('other')]], [[6, i64(7n)]], [[5, bool(true)]])),
  )
  .chain(([key, one, beside]) => {
    const extra = (beside ?? []).filter(([id]) => id !== one.id)
    return laidOut([[1, string(key)], [2, i32(one.vType)], [one.id, one.value], ...extra]).map((layout) => ({
      plain: [key, one.kind, one.plain] as const,
      struct: layout,
    }))
  })

const tags = (maxLength: number): fc.Arbitrary<readonly Case<PlainTag>[] | undefined> =>
  optional(
    fc.oneof(
      { weight: 6, arbitrary: fc.array(tagCase, { maxLength }) },
      { weight: 1, arbitrary: fc.array(tagCase, { minLength: 15, maxLength: 20 }) },
    ),
  )

const structs = (cases: readonly Case<unknown>[] | undefined): Value | undefined =>
  cases === undefined
    ? undefined
    : list(
        'struct',
        cases.map((one) => one.struct),
      )
const plains = <T>(cases: readonly Case<T>[] | undefined): readonly T[] => (cases ?? []).map((one) => one.plain)
const longOf = (value: bigint | undefined): Value | undefined => (value === undefined ? undefined : i64(value))

const referenceCase: fc.Arbitrary<Case<PlainReference>> = fc
  .tuple(optional(int), optional(long), optional(long), optional(long))
  .chain(([refType, low, high, span]) =>
    laidOut([
      [1, refType === undefined ? undefined : i32(refType)],
      [2, longOf(low)],
      [3, longOf(high)],
      [4, longOf(span)],
    ]).map((layout) => ({
      plain: { refType: refType ?? 0, traceId: hex64(high ?? 0n) + hex64(low ?? 0n), spanId: hex64(span ?? 0n) },
      struct: layout,
    })),
  )

const logCase: fc.Arbitrary<Case<PlainSpan['logs'][0]>> = fc.tuple(optional(long), tags(4)).chain(([time, fields]) =>
  laidOut([
    [1, longOf(time)],
    [2, structs(fields)],
  ]).map((layout) => ({ plain: { time: time ?? 0n, fields: plains(fields) }, struct: layout })),
)

const spanCase: fc.Arbitrary<Case<PlainSpan>> = fc
  .record({
    low: optional(long),
    high: optional(long),
    span: optional(long),
    parent: optional(long),
    name: optional(words),
    references: optional(fc.array(referenceCase, { maxLength: 3 })),
    flags: optional(int),
    start: optional(long),
    duration: optional(long),
    tags: tags(6),
    logs: optional(fc.array(logCase, { maxLength: 3 })),
  })
  .chain((one) =>
    laidOut([
      [1, longOf(one.low)],
      [2, longOf(one.high)],
      [3, longOf(one.span)],
      [4, longOf(one.parent)],
      [5, one.name === undefined ? undefined : string(one.name)],
      [6, structs(one.references)],
      [7, one.flags === undefined ? undefined : i32(one.flags)],
      [8, longOf(one.start)],
      [9, longOf(one.duration)],
      [10, structs(one.tags)],
      [11, structs(one.logs)],
    ]).map((layout) => ({
      plain: {
        traceId: hex64(one.high ?? 0n) + hex64(one.low ?? 0n),
        spanId: hex64(one.span ?? 0n),
        parentSpanId: hex64(one.parent ?? 0n),
        operationName: one.name ?? '',
        flags: one.flags ?? 0,
        start: one.start ?? 0n,
        duration: one.duration ?? 0n,
        references: plains(one.references),
        tags: plains(one.tags),
        logs: plains(one.logs),
      },
      struct: layout,
    })),
  )

const processCase: fc.Arbitrary<Case<NonNullable<PlainBatch['process']>>> = fc.tuple(optional(words), tags(5)).chain(([name, one]) =>
  laidOut([
    [1, name === undefined ? undefined : string(name)],
    [2, structs(one)],
  ]).map((layout) => ({ plain: { serviceName: name ?? '', tags: plains(one) }, struct: layout })),
)

/** Any batch that a client could send, and one that none would: every field optional but `spans`, without which it is no batch. */
export const arbitraryBatch: fc.Arbitrary<BatchCase> = fc
  .record({
    process: optional(processCase),
    spans: fc.oneof({ weight: 9, arbitrary: fc.array(spanCase, { maxLength: 3 }) }, { weight: 1, arbitrary: fc.constant([]) }),
    seqNo: optional(long),
    stats: optional(fc.tuple(optional(long), optional(long), optional(long))),
  })
  .chain(({ process, spans, seqNo, stats }) => {
    const counted = stats === undefined ? undefined : struct(stats.map((value, i) => [i + 1, longOf(value)] as const))
    return laidOut([
      [1, process?.struct],
      [2, structs(spans)],
      [3, longOf(seqNo)],
      [4, counted],
    ]).map((layout) => ({
      plain: {
        process: process?.plain,
        spans: plains(spans),
        seqNo,
        stats: stats === undefined ? undefined : ([stats[0] ?? 0n, stats[1] ?? 0n, stats[2] ?? 0n] as const),
      },
      struct: layout,
    }))
  })
