/**
 * One Span of api_v2 as protobuf-JSON → the Jaeger model: a message of Jaeger's topic in Kafka with `encoding: json`.
 *
 *     Span  traceId base64  spanId base64  operationName  references  flags  startTime RFC 3339  duration  tags  logs
 *           process  warnings
 *     SpanRef   traceId  spanId  refType CHILD_OF | FOLLOWS_FROM
 *     KeyValue  key  vType STRING | BOOL | INT64 | FLOAT64 | BINARY  vStr  vBool  vInt64 (quoted)  vFloat64  vBinary base64
 *     Log       timestamp  fields
 *     Process   serviceName  tags
 *
 * Defaults are left out: no `vType` is STRING, no `refType` is CHILD_OF. The names of the .proto file (`trace_id`) and the
 * numbers of its enums are taken too, as protobuf-JSON wants it. A PostSpansRequest or a Batch of such spans is read likewise.
 * @see model.proto in jaegertracing/jaeger-idl
 */

import { keyValue } from '../../otlp/attributes.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { type Key, type KeyValue, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import { durationToNanos, timeToNanos } from '../../otlp/written-times.ts'
import { type JaegerLog, type JaegerProcess, type JaegerReference, type JaegerSpan, ReferenceType } from '../../translate/jaeger/model.ts'
import { isJsonObject, JsonNumber, type JsonObject, JsonReader, type JsonValue } from '../exact-json.ts'
import type { DecodeLimits } from '../limits.ts'
import { createJsonFindings, type JsonBatch, type JsonFindings, type JsonRejection, placeholder, type TagOrigins } from './json-findings.ts'
import { createJsonBounds, jsonLimitsOf } from './json-limits.ts'
import { base64Id, clampInto, int64Of, stringTag, type TagType, textOfJson, typedTag, untypedTag } from './json-values.ts'

/** Throws OB_DECODE_JSON and OB_LIMIT_*. */
export type JsonpbDecoder = (body: Uint8Array, origins?: TagOrigins) => JsonBatch

/** Types by name and by number, in the order of the enum: not that of Thrift. */
const types: readonly { readonly word: string; readonly type: TagType; readonly field: string }[] = [
  { word: 'STRING', type: 'string', field: 'vStr' },
  { word: 'BOOL', type: 'bool', field: 'vBool' },
  { word: 'INT64', type: 'int64', field: 'vInt64' },
  { word: 'FLOAT64', type: 'float64', field: 'vFloat64' },
  { word: 'BINARY', type: 'binary', field: 'vBinary' },
]

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** A field by either of its names; null is absent. */
function field(source: JsonObject, name: string): JsonValue | undefined {
  return source.get(name) ?? source.get(snakeCase(name)) ?? undefined
}

/** Creates the decoder; `keys` is made with `jaegerRoleOf` and kept between messages. */
export function createJsonpbDecoder(keys: KeyTable, limits: DecodeLimits): JsonpbDecoder {
  const { maxAttributes, maxEvents } = limits
  const jsonLimits = jsonLimitsOf(limits)
  const bounds = createJsonBounds(keys, limits)
  const trace = new Int32Array(4)
  const id = new Int32Array(2)

  const text = (value: JsonValue | undefined): string => (value === undefined ? '' : textOfJson(value ?? ''))

  /** Whichever value field is set, where the type is not one that we know. */
  const anyValue = (key: Key, source: JsonObject): KeyValue => {
    for (const one of types) {
      const value = field(source, one.field)
      const read = value === undefined ? undefined : (typedTag(key, one.type, value, 'base64') ?? untypedTag(key, value))
      if (read !== undefined) return read
    }
    return keyValue(key, ValueType.Empty, 0, 0, null)
  }

  const tag = (source: JsonValue, findings: JsonFindings): KeyValue | undefined => {
    if (!isJsonObject(source)) {
      findings.note('tag_unreadable')
      return undefined
    }
    const key = bounds.key(text(field(source, 'key')))
    const vType = field(source, 'vType') ?? 'STRING'
    const named = types.find(({ word }, number) => vType === word || (vType instanceof JsonNumber && vType.text === `${number}`))
    if (named === undefined) return anyValue(key, source)
    const value = field(source, named.field)
    const read = typedTag(key, named.type, value, 'base64')
    if (read !== undefined) return read
    findings.note('value_of_another_type')
    const asText = stringTag(key, text(value))
    findings.origin(asText, 'J-B6', '')
    return asText
  }

  const tags = (value: JsonValue | undefined, findings: JsonFindings, what: string): readonly KeyValue[] =>
    bounds.list(value, maxAttributes, what).flatMap((one) => tag(one, findings) ?? [])

  const process = (source: JsonObject, findings: JsonFindings): JaegerProcess => ({
    serviceName: text(field(source, 'serviceName')),
    tags: tags(field(source, 'tags'), findings, 'process tags'),
  })

  const reference = (source: JsonValue, findings: JsonFindings): JaegerReference[] => {
    if (
      !isJsonObject(source) ||
      base64Id(field(source, 'traceId'), trace) === 'unreadable' ||
      base64Id(field(source, 'spanId'), id) === 'unreadable'
    ) {
      findings.note('reference_unreadable')
      return []
    }
    const type = field(source, 'refType')
    const childOf = type === undefined || type === 'CHILD_OF' || (type instanceof JsonNumber && type.text === '0')
    const [trace0 = 0, trace1 = 0, trace2 = 0, trace3 = 0] = trace
    const [span0 = 0, span1 = 0] = id
    return [{ refType: childOf ? ReferenceType.ChildOf : ReferenceType.FollowsFrom, trace0, trace1, trace2, trace3, span0, span1 }]
  }

  const log = (source: JsonValue, findings: JsonFindings): JaegerLog[] => {
    if (!isJsonObject(source)) {
      findings.note('log_unreadable')
      return []
    }
    const time: Words = { hi: 0, lo: 0 }
    const written = field(source, 'timestamp')
    const nanos = typeof written === 'string' ? timeToNanos(written) : undefined
    if (nanos !== undefined) clampInto(nanos, time)
    else if (written !== undefined) findings.note('log_time_unreadable')
    return [{ timeHi: time.hi, timeLo: time.lo, fields: tags(field(source, 'fields'), findings, 'log fields') }]
  }

  /** @param batchProcess what a span without a process of its own belongs to */
  const span = (source: JsonValue, index: number, at: number, findings: JsonFindings, batchProcess?: JaegerProcess): JaegerSpan => {
    if (!isJsonObject(source)) return placeholder(findings.reject('not_a_span', index, at, 'it is no object'))
    let invalid: JsonRejection | undefined
    if (base64Id(field(source, 'traceId'), trace) === 'unreadable') {
      invalid = findings.reject('trace_id_unreadable', index, at, 'traceId is not 1 to 16 bytes in base64')
    }
    const [trace0 = 0, trace1 = 0, trace2 = 0, trace3 = 0] = trace
    if (base64Id(field(source, 'spanId'), id) === 'unreadable') {
      invalid ??= findings.reject('span_id_unreadable', index, at, 'spanId is not 1 to 8 bytes in base64')
    }
    const [span0 = 0, span1 = 0] = id
    const nanos = (name: string, read: (text: string) => bigint | undefined): Words => {
      const out: Words = { hi: 0, lo: 0 }
      const value = field(source, name)
      if (value === undefined) return out
      const found = typeof value === 'string' ? read(value) : undefined
      if (found === undefined) invalid ??= findings.reject('time_unreadable', index, at, `${name} cannot be read`)
      else clampInto(found, out)
      return out
    }
    const start = nanos('startTime', timeToNanos)
    const duration = nanos('duration', durationToNanos)
    if (invalid !== undefined) return placeholder(invalid)
    const flags = field(source, 'flags')
    const bits = flags === undefined ? 0n : int64Of(flags)
    if (bits === undefined) findings.note('flags_unreadable')
    const own = field(source, 'process')
    return {
      trace0,
      trace1,
      trace2,
      trace3,
      span0,
      span1,
      parent0: 0,
      parent1: 0,
      operationName: text(field(source, 'operationName')),
      references: bounds.list(field(source, 'references'), maxEvents, 'references').flatMap((one) => reference(one, findings)),
      flags: Number(BigInt.asIntN(32, bits ?? 0n)),
      startHi: start.hi,
      startLo: start.lo,
      durationHi: duration.hi,
      durationLo: duration.lo,
      tags: tags(field(source, 'tags'), findings, 'tags'),
      logs: bounds.list(field(source, 'logs'), maxEvents, 'logs').flatMap((one) => log(one, findings)),
      process: isJsonObject(own) ? process(own, findings) : batchProcess,
      warnings: bounds.list(field(source, 'warnings'), maxEvents, 'warnings').map(textOfJson),
      invalid: undefined,
    }
  }

  return (body, origins) => {
    keys.renew()
    const reader = new JsonReader(body, jsonLimits)
    if (reader.kind() !== 'object') reader.fail('a span is expected')
    const { at } = reader
    const document = reader.value() as JsonObject
    reader.finish()
    const findings = createJsonFindings(origins)
    const inner = field(document, 'batch')
    const batch = isJsonObject(inner) ? inner : document
    if (batch === document && !document.has('spans')) return findings.batch([span(document, 0, at, findings)], 1)
    const shared = field(batch, 'process')
    const batchProcess = isJsonObject(shared) ? process(shared, findings) : undefined
    const list = bounds.list(field(batch, 'spans'), limits.maxItems, 'spans')
    return findings.batch(
      list.map((one, index) => span(one, index, at, findings, batchProcess)),
      1,
    )
  }
}
