/** Plain batches as Jaeger's own components write them in JSON: the UI's, Elasticsearch's, protobuf's. Shares nothing with the decoders. */

import type { PlainBatch, PlainReference, PlainSpan, PlainTag } from './jaeger-batches.ts'

/** A number of any size as a JSON number. The compiler does not know `rawJSON` yet. */
const number = (value: bigint | string): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(value))

const doubleOf = (bits: string): number => Buffer.from(bits, 'hex').readDoubleBE()

/** As Go's strconv writes what JSON has no number for. */
const double = (value: number): unknown => {
  if (Number.isFinite(value)) return Object.is(value, -0) ? number('-0.0') : value
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

const typeNames = { string: 'string', double: 'float64', bool: 'bool', long: 'int64', binary: 'binary' } as const

/** Integers that a double holds are numbers, others text: what the query API does for browsers. */
const uiTag = ([key, kind, value]: PlainTag): unknown => ({
  key,
  type: typeNames[kind],
  value:
    kind === 'double'
      ? double(doubleOf(value))
      : kind === 'bool'
        ? value === 'true'
        : kind === 'long' && Number.isSafeInteger(Number(value))
          ? Number(value)
          : value,
})

const hexOf = (base64: string): string => Buffer.from(base64, 'base64').toString('hex')

/** @param typed false: every value is text, as Jaeger 1 writes it */
const esTag =
  (typed: boolean) =>
  ([key, kind, value]: PlainTag): unknown => {
    const text = kind === 'binary' ? hexOf(value) : kind === 'double' ? String(double(doubleOf(value))) : value
    if (!typed) return { key, type: typeNames[kind], value: text }
    const own = kind === 'long' ? number(value) : kind === 'bool' ? value === 'true' : kind === 'double' ? double(doubleOf(value)) : text
    return { key, type: typeNames[kind], value: own }
  }

const reference = ({ refType, traceId, spanId }: PlainReference): unknown => ({
  refType: refType === 0 ? 'CHILD_OF' : 'FOLLOWS_FROM',
  traceID: traceId,
  spanID: spanId,
})

/** Empty lists are null now and then, as Go writes nil slices. */
const listOf = <T>(list: readonly T[], make: (one: T) => unknown): unknown => (list.length === 0 ? null : list.map(make))

const spanBody = (span: PlainSpan, tag: (one: PlainTag) => unknown): Record<string, unknown> => ({
  traceID: span.traceId.replace(/^0{16}(?=.{16}$)/, ''),
  spanID: span.spanId,
  parentSpanID: span.parentSpanId,
  flags: span.flags,
  operationName: span.operationName,
  references: listOf(span.references, reference),
  startTime: number(span.start),
  duration: number(span.duration),
  tags: listOf(span.tags, tag),
  logs: listOf(span.logs, ({ time, fields }) => ({ timestamp: number(time), fields: listOf(fields, tag) })),
})

const processOf = ({ process }: PlainBatch, tag: (one: PlainTag) => unknown): unknown =>
  process === undefined ? undefined : { serviceName: process.serviceName, tags: listOf(process.tags, tag) }

export type UiShape = 'envelope' | 'trace' | 'traces' | 'spans'

/** UI JSON in one of its shapes. */
export function uiJson(batch: PlainBatch, shape: UiShape): string {
  const process = processOf(batch, uiTag)
  const spans = batch.spans.map((span) => spanBody(span, uiTag))
  if (shape === 'spans') return JSON.stringify(spans.map((span) => ({ ...span, process })))
  const trace = { spans: spans.map((span) => ({ ...span, processID: 'p1' })), processes: process === undefined ? null : { p1: process } }
  if (shape === 'trace') return JSON.stringify({ traceID: 'ab', ...trace, warnings: null }, undefined, 2)
  return JSON.stringify(shape === 'traces' ? [trace] : { data: [trace], total: 0, limit: 0, offset: 0, errors: null })
}

/** Elasticsearch's documents, one a line. @param hits wrapped as a search gives them */
export function esLines(batch: PlainBatch, typed: boolean, hits: boolean): string {
  const tag = esTag(typed)
  return batch.spans
    .map((span) => ({ ...spanBody(span, tag), startTimeMillis: number(span.start / 1000n), process: processOf(batch, tag) }))
    .map((source) => JSON.stringify(hits ? { _index: 'jaeger-span-2025-11-21', _id: 'x', _source: source } : source))
    .join('\n')
}

const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64')

const pbTag = ([key, kind, value]: PlainTag): unknown => {
  switch (kind) {
    case 'string':
      return value === '' ? { key } : { key, vStr: value }
    case 'bool':
      return { key, vType: 'BOOL', ...(value === 'true' ? { vBool: true } : {}) }
    case 'long':
      return { key, vType: 'INT64', ...(value === '0' ? {} : { vInt64: value }) }
    case 'double': {
      const read = doubleOf(value)
      const written = Number.isNaN(read) ? 'NaN' : read === Infinity ? 'Infinity' : read === -Infinity ? '-Infinity' : read
      return { key, vType: 'FLOAT64', ...(Object.is(written, 0) ? {} : { vFloat64: Object.is(written, -0) ? number('-0') : written }) }
    }
    default:
      return { key, vType: 'BINARY', ...(value === '' ? {} : { vBinary: value }) }
  }
}

/** RFC 3339 with as many digits as are needed, by JavaScript's own calendar. */
const timeText = (nanos: bigint): string => {
  const seconds = nanos / 1_000_000_000n - (nanos % 1_000_000_000n < 0n ? 1n : 0n)
  const fraction = String(nanos - seconds * 1_000_000_000n).padStart(9, '0')
  return new Date(Number(seconds) * 1000)
    .toISOString()
    .replace(/\.000Z$/, fraction === '000000000' ? 'Z' : `.${fraction.replace(/0+$/, '')}Z`)
}

const durationText = (nanos: bigint, form: 'seconds' | 'nanos'): string => {
  if (form === 'nanos') return `${nanos}ns`
  const size = nanos < 0n ? -nanos : nanos
  return `${nanos < 0n ? '-' : ''}${size / 1_000_000_000n}.${String(size % 1_000_000_000n).padStart(9, '0')}s`
}

/** A span as protobuf-JSON; its times are ns. `parentSpanId` is not part of it. */
export function jsonpbSpan(batch: PlainBatch, span: PlainSpan, form: 'seconds' | 'nanos'): string {
  return JSON.stringify({
    traceId: base64(span.traceId),
    spanId: base64(span.spanId),
    operationName: span.operationName === '' ? undefined : span.operationName,
    flags: span.flags === 0 ? undefined : span.flags >>> 0,
    references: span.references.map(({ refType, traceId, spanId }) => ({
      traceId: base64(traceId),
      spanId: base64(spanId),
      ...(refType === 0 ? {} : { refType: 'FOLLOWS_FROM' }),
    })),
    startTime: timeText(span.start),
    duration: durationText(span.duration, form),
    tags: span.tags.map(pbTag),
    logs: span.logs.map(({ time, fields }) => ({ timestamp: timeText(time), fields: fields.map(pbTag) })),
    process: processOf(batch, pbTag),
  })
}
