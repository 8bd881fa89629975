/**
 * One span as Jaeger's UI and its Elasticsearch storage write it → the Jaeger model. The two share their names:
 *
 *     Span  traceID  spanID  parentSpanID  operationName  references  startTime µs  duration µs  tags  logs  flags  warnings
 *           process, or processID into the trace's `processes`   (Elasticsearch: tag)
 *     SpanRef  refType CHILD_OF | FOLLOWS_FROM  traceID  spanID
 *     Tag      key  type string | bool | int64 | float64 | binary  value
 *     Log      timestamp µs  fields
 *     Process  serviceName  tags   (Elasticsearch: tag)
 *
 * Lists may be null. Where they differ (binary in base64 or hex, tags as fields) a {@link JsonDialect} says how.
 * @see internal/uimodel/model.go and internal/storage/elasticsearch/dbmodel/model.go in jaegertracing/jaeger
 */

import { keyValue } from '../../otlp/attributes.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { type KeyValue, noAttributes, type Text, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import { type JaegerLog, type JaegerProcess, type JaegerReference, type JaegerSpan, ReferenceType } from '../../translate/jaeger/model.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../exact-json.ts'
import type { DecodeLimits } from '../limits.ts'
import { type JsonFindings, type JsonRejection, placeholder } from './json-findings.ts'
import { createJsonBounds, type JsonBounds } from './json-limits.ts'
import { hexId, int64Of, stringTag, type TagType, textOfJson, ticksOf, typedTag, untypedTag } from './json-values.ts'

/** Where UI JSON and Elasticsearch documents differ. */
export interface JsonDialect {
  readonly binary: 'base64' | 'hex'
  /** The key that a member of `tag` and `process.tag` stands for; undefined: there are no tags as fields. */
  readonly fieldKey: ((stored: string) => string) | undefined
}

/** A span and the name of its process, to be looked up when the processes are known. */
export interface JsonSpan {
  readonly span: JaegerSpan
  readonly processId: string | undefined
}

export interface JsonSpanReader {
  /** @param index its place among all spans @param at its first byte, for messages */
  span(source: JsonValue, index: number, at: number, findings: JsonFindings): JsonSpan
  process(source: JsonObject, findings: JsonFindings): JaegerProcess
  readonly bounds: JsonBounds
}

const noReferences: readonly JaegerReference[] = []
const noLogs: readonly JaegerLog[] = []
const noWarnings: readonly Text[] = []

const tagTypes: ReadonlySet<string> = new Set<TagType>(['string', 'bool', 'int64', 'float64', 'binary'])
const isTagType = (type: JsonValue): type is TagType => typeof type === 'string' && tagTypes.has(type)

/** Creates a reader; `keys` is made with `jaegerRoleOf`. */
export function createJsonSpanReader(keys: KeyTable, limits: DecodeLimits, dialect: JsonDialect): JsonSpanReader {
  const { maxAttributes, maxEvents } = limits
  const bounds = createJsonBounds(keys, limits)
  const trace = new Int32Array(4)
  const id = new Int32Array(2)
  const words: Words = { hi: 0, lo: 0 }

  const text = (value: JsonValue | undefined): string => (value === undefined || value === null ? '' : textOfJson(value))

  const tag = (source: JsonValue, findings: JsonFindings): KeyValue | undefined => {
    if (!isJsonObject(source)) {
      findings.note('tag_unreadable')
      return undefined
    }
    const key = bounds.key(text(source.get('key')))
    const type = source.get('type') ?? 'string'
    const value = source.get('value')
    if (!isTagType(type)) return untypedTag(key, value ?? null) ?? keyValue(key, ValueType.Empty, 0, 0, null)
    const read = typedTag(key, type, value, dialect.binary)
    if (read !== undefined) return read
    // Without a type it is text by rule; with one, something went wrong where it was written.
    const asText = stringTag(key, text(value))
    if (source.has('type')) {
      findings.note('value_of_another_type')
      findings.origin(asText, 'J-B6', '')
    }
    return asText
  }

  /** @param fieldsOf where tags as fields stand: `tag` or `process.tag` */
  const tags = (source: JsonObject, findings: JsonFindings, what: string, fieldsOf: string): readonly KeyValue[] => {
    const list = bounds.list(source.get('tags'), maxAttributes, what)
    const fields = dialect.fieldKey === undefined ? undefined : source.get('tag')
    if (list.length === 0 && !isJsonObject(fields)) return noAttributes
    const read: KeyValue[] = []
    for (const one of list) {
      const found = tag(one, findings)
      if (found !== undefined) read.push(found)
    }
    if (dialect.fieldKey !== undefined && isJsonObject(fields)) {
      for (const [stored, value] of fields) {
        const found = untypedTag(bounds.key(dialect.fieldKey(stored)), value)
        if (found === undefined) {
          findings.note('null_tag')
          continue
        }
        findings.origin(found, 'J-B8', `${fieldsOf}.${stored}`)
        read.push(found)
      }
    }
    return read
  }

  const process = (source: JsonObject, findings: JsonFindings): JaegerProcess => ({
    serviceName: text(source.get('serviceName')),
    tags: tags(source, findings, 'process tags', 'process.tag'),
  })

  const reference = (source: JsonValue, findings: JsonFindings): JaegerReference | undefined => {
    if (!isJsonObject(source) || hexId(source.get('traceID'), trace) === 'unreadable' || hexId(source.get('spanID'), id) === 'unreadable') {
      findings.note('reference_unreadable')
      return undefined
    }
    const type = source.get('refType')
    const [trace0 = 0, trace1 = 0, trace2 = 0, trace3 = 0] = trace
    const [span0 = 0, span1 = 0] = id
    const childOf = type === undefined || type === 'CHILD_OF'
    return { refType: childOf ? ReferenceType.ChildOf : ReferenceType.FollowsFrom, trace0, trace1, trace2, trace3, span0, span1 }
  }

  const references = (source: JsonObject, findings: JsonFindings): readonly JaegerReference[] => {
    const list = bounds.list(source.get('references'), maxEvents, 'references')
    if (list.length === 0) return noReferences
    return list.flatMap((one) => reference(one, findings) ?? [])
  }

  const log = (source: JsonValue, findings: JsonFindings): JaegerLog | undefined => {
    if (!isJsonObject(source)) {
      findings.note('log_unreadable')
      return undefined
    }
    words.hi = 0
    words.lo = 0
    const time = source.get('timestamp') ?? null
    if (time !== null && !ticksOf(time, words)) findings.note('log_time_unreadable')
    const { hi, lo } = words
    const fields = bounds.list(source.get('fields'), maxAttributes, 'log fields').flatMap((one) => tag(one, findings) ?? [])
    return { timeHi: hi, timeLo: lo, fields }
  }

  const logs = (source: JsonObject, findings: JsonFindings): readonly JaegerLog[] => {
    const list = bounds.list(source.get('logs'), maxEvents, 'logs')
    return list.length === 0 ? noLogs : list.flatMap((one) => log(one, findings) ?? [])
  }

  const flagsOf = (value: JsonValue | undefined, findings: JsonFindings): number => {
    if (value === undefined || value === null) return 0
    const flags = int64Of(value)
    if (flags === undefined) findings.note('flags_unreadable')
    return flags === undefined ? 0 : Number(BigInt.asIntN(32, flags))
  }

  /** Ids of the parent's field; a reference may still name the parent when they cannot be read. */
  const readParent = (value: JsonValue | undefined, findings: JsonFindings): void => {
    if (hexId(value, id) === 'unreadable') findings.note('parent_id_unreadable')
  }

  const span = (source: JsonValue, index: number, at: number, findings: JsonFindings): JsonSpan => {
    if (!isJsonObject(source)) {
      return { span: placeholder(findings.reject('not_a_span', index, at, 'it is no object')), processId: undefined }
    }
    let invalid: JsonRejection | undefined
    if (hexId(source.get('traceID'), trace) === 'unreadable') {
      invalid = findings.reject('trace_id_unreadable', index, at, 'traceID is not 1 to 32 hex digits')
    }
    const [trace0 = 0, trace1 = 0, trace2 = 0, trace3 = 0] = trace
    if (hexId(source.get('spanID'), id) === 'unreadable') {
      invalid ??= findings.reject('span_id_unreadable', index, at, 'spanID is not 1 to 16 hex digits')
    }
    const [span0 = 0, span1 = 0] = id
    const ticks = (name: string): Words => {
      const value = source.get(name) ?? null
      if (value === null) return { hi: 0, lo: 0 }
      const read: Words = { hi: 0, lo: 0 }
      if (!ticksOf(value, read)) invalid ??= findings.reject('time_unreadable', index, at, `${name} is no number`)
      return read
    }
    const start = ticks('startTime')
    const duration = ticks('duration')
    if (invalid !== undefined) return { span: placeholder(invalid), processId: undefined }
    readParent(source.get('parentSpanID'), findings)
    const [parent0 = 0, parent1 = 0] = id
    const inline = source.get('process')
    const processId = source.get('processID')
    const warnings = bounds.list(source.get('warnings'), maxEvents, 'warnings')
    return {
      processId: isJsonObject(inline) || typeof processId !== 'string' ? undefined : processId,
      span: {
        trace0,
        trace1,
        trace2,
        trace3,
        span0,
        span1,
        parent0,
        parent1,
        operationName: text(source.get('operationName')),
        references: references(source, findings),
        flags: flagsOf(source.get('flags'), findings),
        startHi: start.hi,
        startLo: start.lo,
        durationHi: duration.hi,
        durationLo: duration.lo,
        tags: tags(source, findings, 'tags', 'tag'),
        logs: logs(source, findings),
        process: isJsonObject(inline) ? process(inline, findings) : undefined,
        warnings: warnings.length === 0 ? noWarnings : warnings.map(textOfJson),
        invalid: undefined,
      },
    }
  }

  return { span, process, bounds }
}
