/**
 * The messages of OTLP as a table: what the JSON transcoder and the inspection of requests walk along.
 * @see opentelemetry/proto/{common,resource,trace,metrics,logs,collector}/v1 (v1.9.0)
 */

import type { Signal } from './intake.ts'

/** How a field is written: its type in the `.proto`, ids apart because OTLP/JSON writes them as hex. */
export const Kind = {
  Message: 0,
  String: 1,
  Bool: 2,
  Bytes: 3,
  /** 16 bytes */
  TraceId: 4,
  /** 8 bytes */
  SpanId: 5,
  Double: 6,
  Fixed64: 7,
  Sfixed64: 8,
  Int64: 9,
  Uint64: 10,
  Uint32: 11,
  Sint32: 12,
  Fixed32: 13,
  Enum: 14,
} as const

/** One field of a message. */
export interface Field {
  readonly number: number
  /** As in OTLP/JSON: `startTimeUnixNano`. */
  readonly name: string
  /** As in the `.proto`: `start_time_unix_nano`. */
  readonly protoName: string
  /** One of {@link Kind}. */
  readonly kind: number
  readonly repeated: boolean
  /** Repeated numbers: one field with all of them, as proto3 writes it. */
  readonly packed: boolean
  /** Its default value counts as a value: members of a oneof and `optional` fields. */
  readonly presence: boolean
  /** Member of the message's oneof; no OTLP message has two. */
  readonly oneof: boolean
  /** Of {@link Kind}.Message. */
  readonly message: Message | undefined
  /** Of {@link Kind}.Enum: number by name. */
  readonly names: ReadonlyMap<string, number> | undefined
  /** `number << 3 | wire type`, as it is written (packed where it is). */
  readonly tag: number
  /** Place among the fields of its message. */
  readonly index: number
}

/** One message. */
export interface Message {
  /** Place in the table, for tables of its users. */
  readonly id: number
  readonly name: string
  /** In the order of the `.proto`. */
  readonly fields: readonly Field[]
  /** By field number; undefined where there is none. */
  readonly byNumber: readonly (Field | undefined)[]
  /** True for spans, data points and log records: what the books count. */
  readonly item: boolean
}

const kinds: Readonly<Record<string, number>> = {
  string: Kind.String,
  bool: Kind.Bool,
  bytes: Kind.Bytes,
  traceId: Kind.TraceId,
  spanId: Kind.SpanId,
  double: Kind.Double,
  fixed64: Kind.Fixed64,
  sfixed64: Kind.Sfixed64,
  int64: Kind.Int64,
  uint64: Kind.Uint64,
  uint32: Kind.Uint32,
  sint32: Kind.Sint32,
  fixed32: Kind.Fixed32,
}

const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((name) => ['', '2', '3', '4'].map((step) => name + step))

/** Names of enum values, numbered from 0. */
const enums: Readonly<Record<string, readonly string[]>> = {
  SpanKind: ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((name) => `SPAN_KIND_${name}`),
  StatusCode: ['UNSET', 'OK', 'ERROR'].map((name) => `STATUS_CODE_${name}`),
  AggregationTemporality: ['UNSPECIFIED', 'DELTA', 'CUMULATIVE'].map((name) => `AGGREGATION_TEMPORALITY_${name}`),
  SeverityNumber: ['UNSPECIFIED', ...severities].map((name) => `SEVERITY_NUMBER_${name}`),
}

/** `number name type`; `[]` behind a type: repeated, `?`: optional, `|`: member of the oneof. */
const table: Readonly<Record<string, string>> = {
  ExportTraceServiceRequest: '1 resource_spans ResourceSpans[]',
  ResourceSpans: '1 resource Resource, 2 scope_spans ScopeSpans[], 3 schema_url string',
  ScopeSpans: '1 scope InstrumentationScope, 2 spans Span[], 3 schema_url string',
  Span:
    '1 trace_id traceId, 2 span_id spanId, 3 trace_state string, 4 parent_span_id spanId, 16 flags fixed32, 5 name string, 6 kind SpanKind, ' +
    '7 start_time_unix_nano fixed64, 8 end_time_unix_nano fixed64, 9 attributes KeyValue[], 10 dropped_attributes_count uint32, ' +
    '11 events Event[], 12 dropped_events_count uint32, 13 links Link[], 14 dropped_links_count uint32, 15 status Status',
  Event: '1 time_unix_nano fixed64, 2 name string, 3 attributes KeyValue[], 4 dropped_attributes_count uint32',
  Link:
    '1 trace_id traceId, 2 span_id spanId, 3 trace_state string, 4 attributes KeyValue[], 5 dropped_attributes_count uint32, ' +
    '6 flags fixed32',
  Status: '2 message string, 3 code StatusCode',

  ExportMetricsServiceRequest: '1 resource_metrics ResourceMetrics[]',
  ResourceMetrics: '1 resource Resource, 2 scope_metrics ScopeMetrics[], 3 schema_url string',
  ScopeMetrics: '1 scope InstrumentationScope, 2 metrics Metric[], 3 schema_url string',
  Metric:
    '1 name string, 2 description string, 3 unit string, 5 gauge Gauge|, 7 sum Sum|, 9 histogram Histogram|, ' +
    '10 exponential_histogram ExponentialHistogram|, 11 summary Summary|, 12 metadata KeyValue[]',
  Gauge: '1 data_points NumberDataPoint[]',
  Sum: '1 data_points NumberDataPoint[], 2 aggregation_temporality AggregationTemporality, 3 is_monotonic bool',
  Histogram: '1 data_points HistogramDataPoint[], 2 aggregation_temporality AggregationTemporality',
  ExponentialHistogram: '1 data_points ExponentialHistogramDataPoint[], 2 aggregation_temporality AggregationTemporality',
  Summary: '1 data_points SummaryDataPoint[]',
  NumberDataPoint:
    '7 attributes KeyValue[], 2 start_time_unix_nano fixed64, 3 time_unix_nano fixed64, 4 as_double double|, 6 as_int sfixed64|, ' +
    '5 exemplars Exemplar[], 8 flags uint32',
  HistogramDataPoint:
    '9 attributes KeyValue[], 2 start_time_unix_nano fixed64, 3 time_unix_nano fixed64, 4 count fixed64, 5 sum double?, ' +
    '6 bucket_counts fixed64[], 7 explicit_bounds double[], 8 exemplars Exemplar[], 10 flags uint32, 11 min double?, 12 max double?',
  ExponentialHistogramDataPoint:
    '1 attributes KeyValue[], 2 start_time_unix_nano fixed64, 3 time_unix_nano fixed64, 4 count fixed64, 5 sum double?, 6 scale sint32, ' +
    '7 zero_count fixed64, 8 positive Buckets, 9 negative Buckets, 10 flags uint32, 11 exemplars Exemplar[], 12 min double?, ' +
    '13 max double?, 14 zero_threshold double',
  Buckets: '1 offset sint32, 2 bucket_counts uint64[]',
  SummaryDataPoint:
    '7 attributes KeyValue[], 2 start_time_unix_nano fixed64, 3 time_unix_nano fixed64, 4 count fixed64, 5 sum double, ' +
    '6 quantile_values ValueAtQuantile[], 8 flags uint32',
  ValueAtQuantile: '1 quantile double, 2 value double',
  Exemplar:
    '7 filtered_attributes KeyValue[], 2 time_unix_nano fixed64, 3 as_double double|, 6 as_int sfixed64|, 4 span_id spanId, 5 trace_id traceId',

  ExportLogsServiceRequest: '1 resource_logs ResourceLogs[]',
  ResourceLogs: '1 resource Resource, 2 scope_logs ScopeLogs[], 3 schema_url string',
  ScopeLogs: '1 scope InstrumentationScope, 2 log_records LogRecord[], 3 schema_url string',
  LogRecord:
    '1 time_unix_nano fixed64, 11 observed_time_unix_nano fixed64, 2 severity_number SeverityNumber, 3 severity_text string, 5 body AnyValue, ' +
    '6 attributes KeyValue[], 7 dropped_attributes_count uint32, 8 flags fixed32, 9 trace_id traceId, 10 span_id spanId, 12 event_name string',

  Resource: '1 attributes KeyValue[], 2 dropped_attributes_count uint32, 3 entity_refs EntityRef[]',
  EntityRef: '1 schema_url string, 2 type string, 3 id_keys string[], 4 description_keys string[]',
  InstrumentationScope: '1 name string, 2 version string, 3 attributes KeyValue[], 4 dropped_attributes_count uint32',
  KeyValue: '1 key string, 2 value AnyValue',
  AnyValue:
    '1 string_value string|, 2 bool_value bool|, 3 int_value int64|, 4 double_value double|, 5 array_value ArrayValue|, ' +
    '6 kvlist_value KeyValueList|, 7 bytes_value bytes|',
  ArrayValue: '1 values AnyValue[]',
  KeyValueList: '1 values KeyValue[]',
}

const items = new Set(['Span', 'NumberDataPoint', 'HistogramDataPoint', 'ExponentialHistogramDataPoint', 'SummaryDataPoint', 'LogRecord'])

/** Wire type that a kind is written with, one value at a time. */
export function wireTypeOf(kind: number): number {
  switch (kind) {
    case Kind.Bool:
    case Kind.Int64:
    case Kind.Uint64:
    case Kind.Uint32:
    case Kind.Sint32:
    case Kind.Enum:
      return 0
    case Kind.Double:
    case Kind.Fixed64:
    case Kind.Sfixed64:
      return 1
    case Kind.Fixed32:
      return 5
    default:
      return 2
  }
}

const camelCase = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())

function compile(): ReadonlyMap<string, Message> {
  const messages = new Map<string, { -readonly [K in keyof Message]: Message[K] }>()
  for (const name of Object.keys(table)) {
    messages.set(name, { id: messages.size, name, fields: [], byNumber: [], item: items.has(name) })
  }
  const fieldOf = (text: string, index: number): Field => {
    const [, digits = '', protoName = '', type = '', mark] = /^(\d+) (\w+) (\w+)(\[\]|\?|\|)?$/.exec(text) ?? []
    const number = Number(digits)
    const repeated = mark === '[]'
    const kind = kinds[type] ?? (enums[type] === undefined ? Kind.Message : Kind.Enum)
    const wireType = wireTypeOf(kind)
    const packed = repeated && wireType !== 2
    const message = messages.get(type)
    if (kind === Kind.Message && message === undefined) throw new Error(`BUG: no type ${type}`)
    return {
      number,
      name: camelCase(protoName),
      protoName,
      kind,
      repeated,
      packed,
      presence: mark === '?' || mark === '|',
      oneof: mark === '|',
      message,
      names: kind === Kind.Enum ? new Map(enums[type]?.map((name, value) => [name, value])) : undefined,
      tag: (number << 3) | (packed ? 2 : wireType),
      index,
    }
  }
  for (const message of messages.values()) {
    message.fields = (table[message.name] ?? '').split(', ').map(fieldOf)
    const byNumber = new Array<Field | undefined>(Math.max(...message.fields.map((field) => field.number)) + 1).fill(undefined)
    for (const field of message.fields) byNumber[field.number] = field
    message.byNumber = byNumber
  }
  return messages
}

let compiled: ReadonlyMap<string, Message> | undefined

/** Every message; the table is made when it is first asked for. */
export function allMessages(): readonly Message[] {
  compiled ??= compile()
  return [...compiled.values()]
}

/** A message by its name in the `.proto`. */
export function messageOf(name: string): Message {
  compiled ??= compile()
  const found = compiled.get(name)
  if (found === undefined) throw new Error(`BUG: no message ${name}`)
  return found
}

const requests: Readonly<Record<Signal, string>> = {
  traces: 'ExportTraceServiceRequest',
  metrics: 'ExportMetricsServiceRequest',
  logs: 'ExportLogsServiceRequest',
}

/** The request of a signal. Its field 1 holds a list of `Resource…`, each with its resource in field 1. */
export function requestOf(signal: Signal): Message {
  return messageOf(requests[signal])
}
