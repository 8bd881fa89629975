/**
 * A row of Jaeger's table `traces` → a span of api_v2, the form that the collector takes over gRPC (mapping/backfill.md 2.12, jaeger.md): every type
 * of a tag and every bit of a number stays as it is.
 *
 *     trace_id blob  span_id, span_hash, parent_id bigint  operation_name  flags int  start_time, duration bigint µs
 *     tags list<keyvalue>  logs list<log{ts, fields}>  refs list<span_ref{ref_type, trace_id, span_id}>  process{service_name, tags}
 *     keyvalue{key, value_type, value_string, value_bool, value_long, value_double, value_binary}
 *
 * Warnings stand among the tags, as `$$span.warning.1`. Old writers left the parent in `parent_id` instead of `refs`.
 */

import type { ReverseWriter } from '../../otlp/encode/writer.ts'
import type { CqlRow, Long64 } from './cassandra-store.ts'

interface KeyValueType {
  readonly key?: string | null
  readonly value_type?: string | null
  readonly value_string?: string | null
  readonly value_bool?: boolean | null
  readonly value_long?: Long64 | null
  readonly value_double?: number | null
  readonly value_binary?: Uint8Array | null
}

interface ReferenceType {
  readonly ref_type?: string | null
  readonly trace_id?: Uint8Array | null
  readonly span_id?: Long64 | null
}

interface LogType {
  readonly ts?: Long64 | null
  readonly fields?: readonly KeyValueType[] | null
}

interface ProcessType {
  readonly service_name?: string | null
  readonly tags?: readonly KeyValueType[] | null
}

/** A row as the driver gives it; old schemas lack some. */
export interface JaegerRow extends CqlRow {
  readonly trace_id?: Uint8Array | null
  readonly span_id?: Long64 | null
  readonly span_hash?: Long64 | null
  readonly parent_id?: Long64 | null
  readonly operation_name?: string | null
  readonly flags?: number | null
  readonly start_time?: Long64 | null
  readonly duration?: Long64 | null
  readonly tags?: readonly KeyValueType[] | null
  readonly logs?: readonly LogType[] | null
  readonly refs?: readonly ReferenceType[] | null
  readonly process?: ProcessType | null
}

const warningPrefix = '$$span.warning.'
const noBytes = new Uint8Array(0)

const isZero = (value: Long64 | null | undefined): boolean => value === undefined || value === null || (value.high | value.low) === 0

/** As a number; what is beyond 2^53 loses its last digits. */
export const numberOf = ({ high, low }: Long64): number => high * 4294967296 + (low >>> 0)

function writeText(writer: ReverseWriter, tag: number, text: string): void {
  const before = writer.written()
  writer.string(text)
  writer.field(tag, before)
}

function writeBytes(writer: ReverseWriter, tag: number, bytes: Uint8Array): void {
  const before = writer.written()
  writer.block(bytes)
  writer.field(tag, before)
}

/** Eight bytes, the highest first: how ids travel. */
function writeId(writer: ReverseWriter, tag: number, { high, low }: Long64): void {
  writer.ensure(10)
  writer.idWord(low)
  writer.idWord(high)
  writer.byte(8)
  writer.byte(tag)
}

/** µs as a Timestamp or a Duration. */
function writeMicros(writer: ReverseWriter, tag: number, micros: Long64): void {
  const value = numberOf(micros)
  let seconds = Math.floor(value / 1e6)
  let rest = value - seconds * 1e6
  if (!Number.isSafeInteger(value)) {
    const whole = (BigInt(micros.high) << 32n) | BigInt(micros.low >>> 0)
    rest = Number(((whole % 1_000_000n) + 1_000_000n) % 1_000_000n)
    seconds = Number((whole - BigInt(rest)) / 1_000_000n)
  }
  const before = writer.written()
  writer.ensure(24)
  if (rest !== 0) {
    writer.varint(rest * 1000)
    writer.byte(0x10)
  }
  if (seconds !== 0) {
    writer.varint64(Math.floor(seconds / 4294967296), seconds | 0)
    writer.byte(0x08)
  }
  writer.field(tag, before)
}

function writeTag(writer: ReverseWriter, tag: number, one: KeyValueType): void {
  const before = writer.written()
  writer.ensure(24)
  switch (one.value_type) {
    case 'bool':
      writer.byte(one.value_bool === true ? 1 : 0)
      writer.byte(0x20)
      writer.byte(1)
      writer.byte(0x10)
      break
    case 'int64':
      writer.varint64(one.value_long?.high ?? 0, one.value_long?.low ?? 0)
      writer.byte(0x28)
      writer.byte(2)
      writer.byte(0x10)
      break
    case 'float64':
      writer.double(one.value_double ?? 0)
      writer.byte(0x31)
      writer.byte(3)
      writer.byte(0x10)
      break
    case 'binary':
      writeBytes(writer, 0x3a, one.value_binary ?? noBytes)
      writer.ensure(2)
      writer.byte(4)
      writer.byte(0x10)
      break
    default:
      // A type that nobody knows: what stands there as text.
      writeText(writer, 0x1a, one.value_string ?? '')
  }
  writeText(writer, 0x0a, one.key ?? '')
  writer.field(tag, before)
}

/** Tags backwards, as the writer wants them. */
function writeTags(writer: ReverseWriter, tag: number, list: readonly KeyValueType[] | null | undefined): void {
  for (let i = (list?.length ?? 0) - 1; i >= 0; i--) writeTag(writer, tag, list?.[i] as KeyValueType)
}

const isWarning = ({ key }: KeyValueType): boolean => key?.startsWith(warningPrefix) === true

function writeReference(writer: ReverseWriter, type: number, trace: Uint8Array, span: Long64): void {
  const before = writer.written()
  writer.ensure(2)
  if (type !== 0) {
    writer.byte(type)
    writer.byte(0x18)
  }
  writeId(writer, 0x12, span)
  writeBytes(writer, 0x0a, trace)
  writer.field(0x22, before)
}

const refTypes: Readonly<Record<string, number>> = { 'child-of': 0, 'follows-from': 1 }
/** None of api_v2: what comes of it is for the translator to say. */
const unknownType = 2
const zero: Long64 = { high: 0, low: 0 }

const isParent = ({ trace_id, span_id }: ReferenceType, trace: Uint8Array, parent: Long64): boolean =>
  span_id?.high === parent.high && span_id.low === parent.low && Buffer.compare(trace_id ?? noBytes, trace) === 0

function writeReferences(writer: ReverseWriter, row: JaegerRow, trace: Uint8Array): void {
  const refs = row.refs ?? []
  for (let i = refs.length - 1; i >= 0; i--) {
    const { ref_type, trace_id, span_id } = refs[i] as ReferenceType
    writeReference(writer, refTypes[ref_type ?? ''] ?? unknownType, trace_id ?? noBytes, span_id ?? zero)
  }
  const parent = row.parent_id
  if (parent === undefined || parent === null || isZero(parent) || refs.some((one) => isParent(one, trace, parent))) return
  writeReference(writer, 0, trace, parent)
}

/** The span as an element of a batch, tag and length included. Fields are written from the last to the first. */
export function writeSpan(writer: ReverseWriter, row: JaegerRow): Uint8Array {
  const trace = row.trace_id ?? noBytes
  const tags = row.tags ?? []
  const warnings = tags.some(isWarning) ? tags.filter(isWarning) : undefined
  writer.begin(1024)
  for (let i = (warnings?.length ?? 0) - 1; i >= 0; i--) writeText(writer, 0x62, warnings?.[i]?.value_string ?? '')
  if (row.process !== undefined && row.process !== null) {
    const before = writer.written()
    writeTags(writer, 0x12, row.process.tags)
    writeText(writer, 0x0a, row.process.service_name ?? '')
    writer.field(0x52, before)
  }
  const logs = row.logs ?? []
  for (let i = logs.length - 1; i >= 0; i--) {
    const { ts, fields } = logs[i] as LogType
    const before = writer.written()
    writeTags(writer, 0x12, fields)
    writeMicros(writer, 0x0a, ts ?? zero)
    writer.field(0x4a, before)
  }
  writeTags(writer, 0x42, warnings === undefined ? tags : tags.filter((one) => !isWarning(one)))
  writeMicros(writer, 0x3a, row.duration ?? zero)
  writeMicros(writer, 0x32, row.start_time ?? zero)
  if (typeof row.flags === 'number' && row.flags !== 0) {
    writer.ensure(11)
    writer.varint(row.flags >>> 0)
    writer.byte(0x28)
  }
  writeReferences(writer, row, trace)
  writeText(writer, 0x1a, row.operation_name ?? '')
  writeId(writer, 0x12, row.span_id ?? zero)
  writeBytes(writer, 0x0a, trace)
  writer.field(0x0a, 0)
  return writer.finish()
}
