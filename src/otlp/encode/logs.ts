/**
 * Log columns → protobuf `ExportLogsServiceRequest`, in one pass (see writer.ts). Two results concatenated are one request.
 *
 *     ExportLogsServiceRequest  resource_logs 1
 *     ResourceLogs    resource 1  scope_logs 2  schema_url 3       Resource  attributes 1  dropped_attributes_count 2
 *     ScopeLogs       scope 1  log_records 2  schema_url 3         InstrumentationScope  name 1  version 2
 *     LogRecord       time fixed64 1  severity_number 2  severity_text 3  body 5  attributes 6  dropped 7  flags fixed32 8
 *                     trace_id 9  span_id 10  observed_time fixed64 11  event_name 12
 */

import { type AttributeColumns, ColumnType, type LogRecords, type LogResource, LogWord, logWords } from '../logs.ts'
import { type AnyValue, type Key, type KeyValue, ValueType } from '../model.ts'
import { writeAnyValue, writeAttributes } from './values.ts'
import { ReverseWriter } from './writer.ts'

/** Encodes into `writer` and returns the request's bytes. @param expectedBytes see ReverseWriter.begin */
export function encodeLogs(records: LogRecords, writer: ReverseWriter, expectedBytes: number): Uint8Array {
  writer.begin(expectedBytes)
  const { resources } = records
  for (let i = resources.length - 1; i >= 0; i--) writeResourceLogs(writer, records, resources[i] as LogResource)
  return writer.finish()
}

/** Attributes of a record as they stand in it, for {@link ColumnType.Prepared}. */
export function prepareLogAttributes(attributes: readonly KeyValue[]): Uint8Array {
  // One for each would take 64 KiB each time.
  preparing ??= new ReverseWriter()
  preparing.begin(1024)
  writeAttributes(preparing, attributes, recordAttribute)
  return preparing.finish().slice()
}

let preparing: ReverseWriter | undefined

const recordAttribute = 0x32

function writeResourceLogs(writer: ReverseWriter, records: LogRecords, resource: LogResource): void {
  const before = writer.written()
  const { scopes, scopeCount } = resource
  for (let i = scopeCount - 1; i >= 0; i--) {
    const scope = scopes[i] as LogResource['scopes'][number]
    const beforeScope = writer.written()
    for (let row = scope.last; row >= 0; row = records.words[row * logWords + LogWord.Previous] as number) writeRecord(writer, records, row)
    if (scope.nameEnd > scope.nameStart) {
      const beforeName = writer.written()
      writeSlice(writer, records.source, scope.nameStart, scope.nameEnd, 0x0a)
      writer.field(0x0a, beforeName)
    }
    writer.field(0x12, beforeScope)
  }
  const beforeResource = writer.written()
  writeColumns(writer, records.source, records.resourceAttributes, resource.from, resource.to, 0x0a)
  writer.field(0x0a, beforeResource)
  writer.field(0x0a, before)
}

function writeRecord(writer: ReverseWriter, records: LogRecords, row: number): void {
  const { words, source, attributes } = records
  const at = row * logWords
  const before = writer.written()
  writeSlice(writer, source, words[at + LogWord.EventNameStart] as number, words[at + LogWord.EventNameEnd] as number, 0x62)
  writer.ensure(64)
  const observedHi = words[at + LogWord.ObservedHi] as number
  const observedLo = words[at + LogWord.ObservedLo] as number
  if ((observedHi | observedLo) !== 0) {
    writer.fixed64(observedHi, observedLo)
    writer.byte(0x59)
  }
  const span0 = words[at + LogWord.Span0] as number
  const span1 = words[at + LogWord.Span1] as number
  if ((span0 | span1) !== 0) {
    writer.idWord(span1)
    writer.idWord(span0)
    writer.byte(8)
    writer.byte(0x52)
  }
  const trace0 = words[at + LogWord.Trace0] as number
  const trace1 = words[at + LogWord.Trace1] as number
  const trace2 = words[at + LogWord.Trace2] as number
  const trace3 = words[at + LogWord.Trace3] as number
  if ((trace0 | trace1 | trace2 | trace3) !== 0) {
    writer.idWord(trace3)
    writer.idWord(trace2)
    writer.idWord(trace1)
    writer.idWord(trace0)
    writer.byte(16)
    writer.byte(0x4a)
  }
  const flags = words[at + LogWord.Flags] as number
  if (flags !== 0) {
    writer.fixed32(flags)
    writer.byte(0x45)
  }
  writeColumns(writer, source, attributes, words[at + LogWord.From] as number, words[at + LogWord.To] as number, recordAttribute)
  const bodyType = words[at + LogWord.BodyType] as number
  if (bodyType !== ValueType.Empty) {
    const beforeBody = writer.written()
    writeValue(writer, source, attributes, bodyType, words[at + LogWord.BodyA] as number, words[at + LogWord.BodyB] as number)
    writer.field(0x2a, beforeBody)
  }
  writeSlice(writer, source, words[at + LogWord.SeverityTextStart] as number, words[at + LogWord.SeverityTextEnd] as number, 0x1a)
  writer.ensure(24)
  const severity = words[at + LogWord.Severity] as number
  if (severity !== 0) {
    writer.byte(severity)
    writer.byte(0x10)
  }
  const timeHi = words[at + LogWord.TimeHi] as number
  const timeLo = words[at + LogWord.TimeLo] as number
  if ((timeHi | timeLo) !== 0) {
    writer.fixed64(timeHi, timeLo)
    writer.byte(0x09)
  }
  writer.field(0x12, before)
}

/** A text field of the source, left out when empty. */
function writeSlice(writer: ReverseWriter, source: Uint8Array, start: number, end: number, tag: number): void {
  if (end === start) return
  writer.ensure(end - start + 16)
  writer.slice(source, start, end)
  writer.varint(end - start)
  writer.byte(tag)
}

function writeColumns(writer: ReverseWriter, source: Uint8Array, columns: AttributeColumns, from: number, to: number, tag: number): void {
  const { keys, types, a, b, refs } = columns
  for (let row = to - 1; row >= from; row--) {
    const type = types[row] as number
    if (type === ColumnType.Prepared) {
      writer.block(refs[a[row] as number] as Uint8Array)
      continue
    }
    const key = keys[row] as Key
    if (type === ValueType.Text && writer.shortText(source, a[row] as number, b[row] as number, key.words, key.fieldBytes, tag, true))
      continue
    const before = writer.written()
    if (type === ValueType.Text) {
      const start = a[row] as number
      const length = (b[row] as number) - start
      writer.ensure(length + 24)
      writer.slice(source, start, start + length)
      writer.varint(length)
      writer.byte(0x0a)
    } else writeValue(writer, source, columns, type, a[row] as number, b[row] as number)
    writer.ensure(key.fieldBytes + 16)
    writer.varint(writer.written() - before)
    writer.byte(0x12)
    writer.words(key.words, key.fieldBytes)
    writer.varint(writer.written() - before)
    writer.byte(tag)
  }
}

/** The value of a row, or of a body. */
function writeValue(writer: ReverseWriter, source: Uint8Array, columns: AttributeColumns, type: number, a: number, b: number): void {
  switch (type) {
    case ValueType.Text:
      writer.ensure(b - a + 24)
      writer.slice(source, a, b)
      writer.varint(b - a)
      writer.byte(0x0a)
      return
    case ValueType.Int:
      writer.ensure(24)
      writer.varint64(a, b)
      writer.byte(0x18)
      return
    case ValueType.Bool:
      writer.ensure(24)
      writer.byte(a)
      writer.byte(0x10)
      return
    case ValueType.Double:
      writer.ensure(24)
      writer.fixed64(a, b)
      writer.byte(0x21)
      return
    case ValueType.Bytes: {
      const bytes = columns.refs[a] as Uint8Array
      writeAnyValue(writer, { type, a: 0, b: bytes.length, ref: bytes })
      return
    }
    case ValueType.Empty:
      return
    default:
      writeAnyValue(writer, { type, a: 0, b: 0, ref: columns.refs[a] as AnyValue['ref'] })
  }
}
