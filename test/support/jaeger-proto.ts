/** Jaeger's api_v2 by protobufjs: the messages as their .proto declares them, any batch with odd layouts, and what it says. */

import fc from 'fast-check'
import protobuf from 'protobufjs'
import { toSignedBigInt } from '../../src/otlp/time.ts'
import type { JaegerBatch } from '../../src/translate/jaeger/model.ts'
import { type PlainTag, plainBatch } from './jaeger-batches.ts'

const field = (type: string, id: number, rule?: string): object => (rule === undefined ? { type, id } : { type, id, rule })

const root = protobuf.Root.fromJSON({
  nested: {
    Moment: { fields: { seconds: field('int64', 1), nanos: field('int32', 2) } },
    KeyValue: {
      fields: {
        key: field('string', 1),
        vType: field('int32', 2),
        vStr: field('string', 3),
        vBool: field('bool', 4),
        vInt64: field('int64', 5),
        vFloat64: field('double', 6),
        vBinary: field('bytes', 7),
      },
    },
    Log: { fields: { timestamp: field('Moment', 1), fields: field('KeyValue', 2, 'repeated') } },
    SpanRef: { fields: { traceId: field('bytes', 1), spanId: field('bytes', 2), refType: field('int32', 3) } },
    Process: { fields: { serviceName: field('string', 1), tags: field('KeyValue', 2, 'repeated') } },
    Span: {
      fields: {
        traceId: field('bytes', 1),
        spanId: field('bytes', 2),
        operationName: field('string', 3),
        references: field('SpanRef', 4, 'repeated'),
        flags: field('uint32', 5),
        startTime: field('Moment', 6),
        duration: field('Moment', 7),
        tags: field('KeyValue', 8, 'repeated'),
        logs: field('Log', 9, 'repeated'),
        process: field('Process', 10),
        processId: field('string', 11),
        warnings: field('string', 12, 'repeated'),
      },
    },
    Batch: { fields: { spans: field('Span', 1, 'repeated'), process: field('Process', 2) } },
    PostSpansRequest: { fields: { batch: field('Batch', 1) } },
  },
} as protobuf.INamespace)

const typeOf = (name: string): protobuf.Type => root.lookupType(name)

/** A message by its fields in camelCase; numbers of 64 bits are bigints or strings. */
export function encodeJaeger(type: 'PostSpansRequest' | 'Batch' | 'Span' | 'KeyValue', message: object): Uint8Array {
  const found = typeOf(type)
  return found.encode(found.fromObject(JSON.parse(JSON.stringify(message, jsonValue)))).finish()
}

const jsonValue = (_name: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  const bytes = value as { type?: unknown; data?: number[] } | null
  return bytes?.type === 'Buffer' && bytes.data !== undefined ? Buffer.from(bytes.data).toString('base64') : value
}

// What protobufjs read, as plain values

interface PlainProcess {
  readonly serviceName: string
  readonly tags: readonly PlainTag[]
}

/** A batch with all that protobuf has beyond Thrift. */
export interface PlainProtoBatch {
  readonly process: PlainProcess | undefined
  readonly spans: readonly object[]
}

type Read = Record<string, unknown>

const bytesOf = (value: unknown): Buffer => Buffer.from((value as Uint8Array | undefined) ?? [])
const listOf = (value: unknown): readonly Read[] => (value ?? []) as readonly Read[]
const textOf = (value: unknown): string => (value as string | undefined) ?? ''

const clamp = (value: bigint): bigint => (value < -(2n ** 63n) ? -(2n ** 63n) : value >= 2n ** 64n ? 2n ** 64n - 1n : value)

const nanosOf = (value: unknown): bigint => {
  const { seconds = '0', nanos = 0 } = (value ?? {}) as { seconds?: string; nanos?: number }
  return clamp(BigInt(seconds) * 1_000_000_000n + BigInt(nanos))
}

/** Hex of an id; undefined when its width is wrong. */
const idOf = (value: unknown, fewest: number, most: number): string | undefined => {
  const bytes = bytesOf(value)
  if (bytes.length > 0 && (bytes.length < fewest || bytes.length > most)) return undefined
  return bytes.toString('hex').padStart(most * 2, '0')
}

const zero = (bytes: number): string => '00'.repeat(bytes)

const tagOf = (tag: Read): PlainTag => {
  const key = textOf(tag['key'])
  const known = (tag['vType'] as number | undefined) ?? 0
  const names = ['vStr', 'vBool', 'vInt64', 'vFloat64', 'vBinary']
  const vType = known >= 0 && known <= 4 ? known : names.findIndex((name) => tag[name] !== undefined)
  switch (vType) {
    case 0:
      return [key, 'string', textOf(tag['vStr'])]
    case 1:
      return [key, 'bool', String((tag['vBool'] as boolean | undefined) ?? false)]
    case 2:
      return [key, 'long', String(tag['vInt64'] ?? 0)]
    case 3: {
      const bits = Buffer.alloc(8)
      bits.writeDoubleBE((tag['vFloat64'] as number | undefined) ?? 0)
      return [key, 'double', bits.toString('hex')]
    }
    default:
      return [key, 'binary', bytesOf(tag['vBinary']).toString('base64')]
  }
}

const processOf = (value: unknown): PlainProcess | undefined => {
  if (value === undefined) return undefined
  const one = value as Read
  return { serviceName: textOf(one['serviceName']), tags: listOf(one['tags']).map(tagOf) }
}

const spanOf = (span: Read): object => {
  const traceId = idOf(span['traceId'], 8, 16)
  const spanId = idOf(span['spanId'], 1, 8)
  return {
    traceId: traceId ?? zero(16),
    spanId: spanId ?? zero(8),
    invalid: traceId === undefined ? 'trace_id_width' : spanId === undefined ? 'span_id_width' : undefined,
    operationName: textOf(span['operationName']),
    flags: ((span['flags'] as number | undefined) ?? 0) | 0,
    start: nanosOf(span['startTime']),
    duration: nanosOf(span['duration']),
    references: listOf(span['references']).map((one) => {
      const trace = idOf(one['traceId'], 8, 16)
      const parent = idOf(one['spanId'], 1, 8)
      return {
        refType: (one['refType'] as number | undefined) ?? 0,
        traceId: trace === undefined || parent === undefined ? zero(16) : trace,
        spanId: parent ?? zero(8),
      }
    }),
    tags: listOf(span['tags']).map(tagOf),
    logs: listOf(span['logs']).map((log) => ({ time: nanosOf(log['timestamp']), fields: listOf(log['fields']).map(tagOf) })),
    process: processOf(span['process']),
    warnings: (span['warnings'] ?? []) as readonly string[],
  }
}

/** What protobufjs finds in the bytes. Throws what it throws. */
export function officialBatch(type: 'PostSpansRequest' | 'Span', bytes: Uint8Array): PlainProtoBatch {
  const found = typeOf(type)
  const read = found.toObject(found.decode(bytes), { longs: String, defaults: false }) as Read
  if (type === 'Span') return { process: undefined, spans: [spanOf(read)] }
  const batch = (read['batch'] ?? {}) as Read
  return { process: processOf(batch['process']), spans: listOf(batch['spans']).map(spanOf) }
}

/** What our decoder found. A parent it has taken for what it is stands among the references again. */
export function plainProtoBatch(batch: JaegerBatch): PlainProtoBatch {
  const plain = plainBatch(batch)
  const processes = batch.spans.map(({ process }) =>
    process === undefined ? undefined : plainBatch({ ...batch, process, spans: [] }).process,
  )
  return {
    process: plain.process,
    spans: plain.spans.map(({ parentSpanId, ...span }, i) => ({
      ...span,
      start: toSignedBigInt(batch.spans[i]?.startHi ?? 0, batch.spans[i]?.startLo ?? 0),
      references: /[^0]/.test(parentSpanId) ? [{ refType: 0, traceId: span.traceId, spanId: parentSpanId }] : span.references,
      invalid: batch.spans[i]?.invalid,
      process: processes[i],
      warnings: (batch.spans[i]?.warnings ?? []).map((one) =>
        typeof one === 'string' ? one : Buffer.from(one.source).toString('utf8', one.start, one.end),
      ),
    })),
  }
}

// Any batch, in any layout

const varint = (value: bigint): number[] => {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}

type Bytes = readonly number[]

const tagged = (id: number, wire: number, payload: Bytes): Bytes => [...varint(BigInt((id << 3) | wire)), ...payload]
const delimited = (id: number, payload: Bytes): Bytes => tagged(id, 2, [...varint(BigInt(payload.length)), ...payload])

const long = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 127n, 128n, 16_383n, 16_384n, 2n ** 21n, 2n ** 31n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
)
/** Seconds of our time, of the ends of the range, and of none. */
const seconds = fc.oneof(
  { weight: 4, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 35n }) },
  fc.constantFrom(0n, 1n, -1n, 2n ** 28n - 1n, 2n ** 28n, 2n ** 32n - 1n, 2n ** 32n, 9_223_372_036n, 18_446_744_073n, 18_446_744_074n),
  long,
)
const nanos = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 999_999_999 }) }, fc.integer())
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 30 }).map((value) => value.toWellFormed()),
  fc.integer({ min: 120, max: 135 }).map((length) => 'k'.repeat(length)),
  fc.constantFrom('x'.repeat(300), 'y'.repeat(16_400)),
)
const keyText = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('a', 'key', 'http.url', 'error', 'span.kind', 'message') }, text)

/** Fields nobody knows: of every wire type, groups in groups, and known numbers with a wire type that is not theirs. */
const strange: fc.Arbitrary<Bytes> = fc.oneof(
  fc.tuple(fc.integer({ min: 20, max: 3000 }), long).map(([id, value]) => tagged(id, 0, varint(value))),
  fc.tuple(fc.integer({ min: 20, max: 3000 }), fc.array(fc.nat(255), { maxLength: 20 })).map(([id, bytes]) => delimited(id, bytes)),
  fc.constant(tagged(21, 1, [1, 2, 3, 4, 5, 6, 7, 8])),
  fc.constant(tagged(22, 5, [1, 2, 3, 4])),
  fc.constant([...tagged(23, 3, delimited(1, [1, 2])), ...tagged(24, 3, []), ...tagged(24, 4, []), ...tagged(23, 4, [])]),
  fc.integer({ min: 1, max: 12 }).map((id) => tagged(id, 5, [1, 2, 3, 4])),
)

/** The fields mostly in order, sometimes in another, with strange ones between and lengths that are longer than they need be. */
const laidOut = (fields: readonly fc.Arbitrary<readonly Bytes[]>[]): fc.Arbitrary<Bytes> =>
  fc.tuple(...fields).chain((parts) => {
    const usual = parts.flat()
    const odd = fc.array(strange, { maxLength: 3 }).chain((extra) => {
      const all = [...usual, ...extra]
      return fc
        .shuffledSubarray(
          all.map((_, i) => i),
          { minLength: all.length, maxLength: all.length },
        )
        .map((order) => order.flatMap((i) => all[i] ?? []))
    })
    return fc.oneof({ weight: 4, arbitrary: fc.constant(usual.flat()) }, { weight: 1, arbitrary: odd })
  })

/** None, one, or, as no serializer writes it, several of a field. */
const some = (one: fc.Arbitrary<Bytes>): fc.Arbitrary<readonly Bytes[]> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 6, arbitrary: one.map((it) => [it]) },
    { weight: 1, arbitrary: fc.array(one, { maxLength: 3 }) },
  )
const many = (one: fc.Arbitrary<Bytes>, most: number): fc.Arbitrary<readonly Bytes[]> => fc.array(one, { maxLength: most })

const textField = (id: number, of: fc.Arbitrary<string> = text): fc.Arbitrary<Bytes> =>
  of.map((value) => delimited(id, [...Buffer.from(value)]))
const numberField = (id: number, of: fc.Arbitrary<bigint>): fc.Arbitrary<Bytes> => of.map((value) => tagged(id, 0, varint(value)))
const messageField = (id: number, of: fc.Arbitrary<Bytes>): fc.Arbitrary<Bytes> => of.map((bytes) => delimited(id, bytes))
const idField = (id: number, usual: number): fc.Arbitrary<Bytes> =>
  fc
    .oneof(
      { weight: 6, arbitrary: fc.uint8Array({ minLength: usual, maxLength: usual }) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
      { weight: 1, arbitrary: fc.constantFrom(new Uint8Array(usual), new Uint8Array(usual).fill(7)) },
    )
    .map((bytes) => delimited(id, [...bytes]))

const moment = laidOut([some(numberField(1, seconds)), some(numberField(2, nanos.map(BigInt)))])

const value = (vType: number): fc.Arbitrary<Bytes> =>
  [
    textField(3),
    numberField(4, fc.constantFrom(0n, 1n, 1n, 2n, 2n ** 40n)),
    numberField(5, long),
    fc.double().map((number) => {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(number)
      return tagged(6, 1, [...bytes])
    }),
    fc.uint8Array({ maxLength: 140 }).map((bytes) => delimited(7, [...bytes])),
  ][vType] ?? fc.constant([])

const plainTag = (vType: number): fc.Arbitrary<Bytes> =>
  laidOut([
    some(textField(1, keyText)),
    vType === 0 ? fc.constantFrom<readonly Bytes[]>([], [tagged(2, 0, [0])]) : fc.constant([tagged(2, 0, varint(BigInt(vType)))]),
    some(value(vType)),
    // of another type, to be forgotten
    fc.oneof({ weight: 6, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: value((vType + 1) % 5).map((one) => [one]) }),
  ])

/** v_type that says nothing: the value that is there counts. Never a zero, which protobufjs takes for absent. */
const oddTag = fc
  .tuple(
    fc.constantFrom(5n, 99n, -1n),
    fc.constantFrom<Bytes>(
      delimited(3, [0x78]),
      tagged(4, 0, [1]),
      tagged(5, 0, varint(-7n)),
      tagged(6, 1, [0, 0, 0, 0, 0, 0, 0, 0x40]),
      delimited(7, [1, 2]),
    ),
  )
  .chain(([vType, one]) => laidOut([fc.constant([delimited(1, [0x6b])]), fc.constant([tagged(2, 0, varint(vType))]), fc.constant([one])]))

const anyTag = fc.oneof({ weight: 12, arbitrary: fc.nat(4).chain(plainTag) }, { weight: 1, arbitrary: oddTag })

const log = laidOut([some(messageField(1, moment)), many(messageField(2, anyTag), 4)])
const reference = laidOut([some(idField(1, 16)), some(idField(2, 8)), some(numberField(3, fc.constantFrom(0n, 1n, 2n, -1n)))])
const process = laidOut([some(textField(1)), many(messageField(2, anyTag), 4)])

/** Any Span, as bytes. */
export const arbitrarySpan: fc.Arbitrary<Uint8Array> = laidOut([
  some(idField(1, 16)),
  some(idField(2, 8)),
  some(textField(3)),
  many(messageField(4, reference), 3),
  some(numberField(5, fc.constantFrom(0n, 1n, 3n, 9n, 2n ** 32n - 1n))),
  some(messageField(6, moment)),
  some(messageField(7, moment)),
  many(messageField(8, anyTag), 8),
  many(messageField(9, log), 3),
  some(messageField(10, process)),
  some(textField(11)),
  many(textField(12), 2),
]).map((bytes) => Uint8Array.from(bytes))

/** A Span whose first reference is to a span of its own trace: what nearly all have. */
const childSpan = fc
  .tuple(
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.uint8Array({ minLength: 8, maxLength: 8 }),
    fc.uint8Array({ minLength: 8, maxLength: 8 }),
    arbitrarySpan,
  )
  .map(([trace, id, parent, rest]) => {
    const own = [...delimited(1, [...trace]), ...delimited(2, [...id])]
    return [...own, ...delimited(4, [...delimited(1, [...trace]), ...delimited(2, [...parent])]), ...rest]
  })

const batch = laidOut([
  many(
    messageField(
      1,
      fc.oneof(
        arbitrarySpan.map((bytes) => [...bytes]),
        childSpan,
      ),
    ),
    3,
  ),
  some(messageField(2, process)),
])

/** Any PostSpansRequest, as bytes. */
export const arbitraryRequest: fc.Arbitrary<Uint8Array> = laidOut([some(messageField(1, batch))]).map((bytes) => Uint8Array.from(bytes))
