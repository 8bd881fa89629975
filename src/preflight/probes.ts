/** One small request for each signal, as protobuf and as JSON, recognisable by whoever finds it later. */

import type { Signal } from '../otlp/intake.ts'

/** What is sent, and by what it is found again. */
export interface Probe {
  readonly signal: Signal
  /** 32 hex digits: the trace id, and the value of the attribute `run` in every signal. */
  readonly run: string
  /** Nanoseconds since 1970 as text, as OTLP JSON wants it. */
  readonly timeUnixNano: string
  readonly proto: Uint8Array
  readonly json: string
}

/** `service.name` of everything that is sent. */
export const probeService = 'otlp-bridge-preflight'

/** Name of the span and of the metric. */
export const probeName = 'otlp_bridge_preflight'

/** A field of a message: number, name in JSON, value. */
type Field = readonly [number: number, name: string, value: Value]
type Message = readonly Field[]
type Value =
  | { readonly text: string }
  | { readonly hex: string }
  | { readonly fixed64: bigint }
  | { readonly double: number }
  | { readonly enumeration: number }
  | { readonly message: Message }
  /** A list with one message in it. */
  | { readonly list: Message }

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)])

const delimited = (field: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(varint((field << 3) | 2)), Buffer.from(varint(bytes.length)), bytes])

function eightBytes(field: number, write: (buffer: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(8)
  write(bytes)
  return Buffer.concat([Buffer.from(varint((field << 3) | 1)), bytes])
}

function fieldToProto([field, , value]: Field): Buffer {
  if ('text' in value) return delimited(field, Buffer.from(value.text))
  if ('hex' in value) return delimited(field, Buffer.from(value.hex, 'hex'))
  if ('fixed64' in value) return eightBytes(field, (buffer) => buffer.writeBigUInt64LE(value.fixed64))
  if ('double' in value) return eightBytes(field, (buffer) => buffer.writeDoubleLE(value.double))
  if ('enumeration' in value) return Buffer.from([...varint(field << 3), ...varint(value.enumeration)])
  return delimited(field, toProto('list' in value ? value.list : value.message))
}

const toProto = (message: Message): Buffer => Buffer.concat(message.map(fieldToProto))

function valueToJson(value: Value): unknown {
  if ('text' in value) return value.text
  if ('hex' in value) return value.hex
  if ('fixed64' in value) return String(value.fixed64)
  if ('double' in value) return value.double
  if ('enumeration' in value) return value.enumeration
  return 'list' in value ? [toJson(value.list)] : toJson(value.message)
}

const toJson = (message: Message): object => Object.fromEntries(message.map(([, name, value]) => [name, valueToJson(value)]))

// KeyValue { string key = 1; AnyValue value = 2; }  AnyValue { string string_value = 1; }
const textValue = (text: string): Message => [[1, 'stringValue', { text }]]
const attribute = (key: string, text: string): Message => [
  [1, 'key', { text: key }],
  [2, 'value', { message: textValue(text) }],
]

/** Resource…: resource 1, scope… 2; Scope…: scope 1, the item 2. The same numbers for all signals. */
const wrapped = (names: readonly [resources: string, scopes: string, items: string], item: Message): Message => [
  [
    1,
    names[0],
    {
      list: [
        [1, 'resource', { message: [[1, 'attributes', { list: attribute('service.name', probeService) }]] }],
        [
          2,
          names[1],
          {
            list: [
              [1, 'scope', { message: [[1, 'name', { text: 'otlp-bridge' }]] }],
              [2, names[2], { list: item }],
            ],
          },
        ],
      ],
    },
  ],
]

/** Makes a probe as large as is wanted. In protobuf alone: as JSON a list has to stand in one place. */
const padding = (field: number, bytes: number): Message =>
  bytes === 0 ? [] : [[field, 'attributes', { list: attribute('padding', 'x'.repeat(bytes)) }]]

const requests: Readonly<Record<Signal, (run: string, nanos: bigint, padded: number) => Message>> = {
  // Span { bytes trace_id = 1; bytes span_id = 2; string name = 5; SpanKind kind = 6; fixed64 start, end = 7, 8; KeyValue attributes = 9; }
  traces: (run, nanos, padded) =>
    wrapped(
      ['resourceSpans', 'scopeSpans', 'spans'],
      [
        [1, 'traceId', { hex: run }],
        [2, 'spanId', { hex: run.slice(16) }],
        [5, 'name', { text: probeName }],
        [6, 'kind', { enumeration: 1 }],
        [7, 'startTimeUnixNano', { fixed64: nanos }],
        [8, 'endTimeUnixNano', { fixed64: nanos + 1_000_000n }],
        [9, 'attributes', { list: attribute('run', run) }],
        ...padding(9, padded),
      ],
    ),
  // Metric { string name = 1; Gauge gauge = 5; }  Gauge { NumberDataPoint = 1; }  { fixed64 time = 3; double as_double = 4; KeyValue attributes = 7; }
  metrics: (run, nanos, padded) =>
    wrapped(
      ['resourceMetrics', 'scopeMetrics', 'metrics'],
      [
        [1, 'name', { text: probeName }],
        [
          5,
          'gauge',
          {
            message: [
              [
                1,
                'dataPoints',
                {
                  list: [
                    [3, 'timeUnixNano', { fixed64: nanos }],
                    [4, 'asDouble', { double: 1 }],
                    [7, 'attributes', { list: attribute('run', run) }],
                    ...padding(7, padded),
                  ],
                },
              ],
            ],
          },
        ],
      ],
    ),
  // LogRecord { fixed64 time = 1; SeverityNumber = 2; AnyValue body = 5; KeyValue attributes = 6; fixed64 observed_time = 11; }
  logs: (run, nanos, padded) =>
    wrapped(
      ['resourceLogs', 'scopeLogs', 'logRecords'],
      [
        [1, 'timeUnixNano', { fixed64: nanos }],
        [2, 'severityNumber', { enumeration: 9 }],
        [5, 'body', { message: textValue(`${probeName} run=${run}`) }],
        [6, 'attributes', { list: attribute('run', run) }],
        ...padding(6, padded),
        [11, 'observedTimeUnixNano', { fixed64: nanos }],
      ],
    ),
}

/** Makes a probe. @param run 32 hex digits, neither half zero @param padded so many bytes more, in protobuf alone */
export function makeProbe(signal: Signal, run: string, timeMs: number, padded = 0): Probe {
  const nanos = BigInt(Math.floor(timeMs)) * 1_000_000n
  const request = requests[signal](run, nanos, padded)
  return { signal, run, timeUnixNano: String(nanos), proto: toProto(request), json: JSON.stringify(toJson(request)) }
}
