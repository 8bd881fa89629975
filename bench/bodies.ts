/** Request bodies and datagrams of every legacy format, made of seeded spans with the formats' own libraries. */

import { randomFrom } from '../test/crash/support/random.ts'
import { encodeJaeger } from '../test/support/jaeger-proto.ts'
import { officialEncode, type Plain } from '../test/support/official-otlp.ts'
import {
  bool,
  double,
  i32,
  i64,
  list,
  messageBytes,
  type Struct,
  string,
  struct,
  structBytes,
  type Value,
} from '../test/support/thrift-writer.ts'
import { encodeProto, encodeThrift, type ThriftStruct } from '../test/support/zipkin-oracles.ts'
import { createDice, pickServices, type SeedSpan, type SeedTag, seedSpans } from './seed.ts'

const hex = (id: bigint): string => id.toString(16).padStart(16, '0')
const idBytes = (...ids: bigint[]): Buffer => Buffer.from(ids.map(hex).join(''), 'hex')
const signed = (id: bigint): bigint => BigInt.asIntN(64, id)
const addressBytes = (dotted: string): Buffer => Buffer.from(dotted.split('.').map(Number))
const eventName = (fields: readonly SeedTag[]): string => String(fields[0]?.[1] ?? '')

const port = 8080
const remote = { ipv4: '10.20.9.9', port: 5432 }

// Zipkin v2

const zipkinTags = (span: SeedSpan): Record<string, string> => Object.fromEntries(span.tags.map(([key, value]) => [key, String(value)]))

const zipkinJsonV2 = (spans: readonly SeedSpan[]): Uint8Array =>
  Buffer.from(
    JSON.stringify(
      spans.map((span) => ({
        traceId: hex(span.traceHigh) + hex(span.traceLow),
        ...(span.parent === 0n ? {} : { parentId: hex(span.parent) }),
        id: hex(span.id),
        kind: span.kind,
        name: span.name,
        timestamp: span.startMicros,
        duration: span.durationMicros,
        localEndpoint: { serviceName: span.service, ipv4: span.address, port },
        remoteEndpoint: remote,
        annotations: span.events.map(({ timeMicros, fields }) => ({ timestamp: timeMicros, value: eventName(fields) })),
        tags: zipkinTags(span),
      })),
    ),
  )

const zipkinProto = (spans: readonly SeedSpan[]): Uint8Array =>
  encodeProto(
    spans.map((span) => ({
      traceId: idBytes(span.traceHigh, span.traceLow),
      ...(span.parent === 0n ? {} : { parentId: idBytes(span.parent) }),
      id: idBytes(span.id),
      kind: span.kind === 'CLIENT' ? 1 : 2,
      name: span.name,
      timestamp: span.startMicros,
      duration: span.durationMicros,
      localEndpoint: { serviceName: span.service, ipv4: addressBytes(span.address), port },
      remoteEndpoint: { ipv4: addressBytes(remote.ipv4), port: remote.port },
      annotations: span.events.map(({ timeMicros, fields }) => ({ timestamp: timeMicros, value: eventName(fields) })),
      tags: zipkinTags(span),
    })),
  )

// Zipkin v1

/** Annotations as v1 has them: the ends of the span say its kind. */
const v1Annotations = (span: SeedSpan): (readonly [timeMicros: number, value: string])[] => {
  const [first, last] = span.kind === 'CLIENT' ? ['cs', 'cr'] : ['sr', 'ss']
  return [
    [span.startMicros, first],
    [span.startMicros + span.durationMicros, last],
    ...span.events.map(({ timeMicros, fields }) => [timeMicros, eventName(fields)] as const),
  ]
}

const zipkinJsonV1 = (spans: readonly SeedSpan[]): Uint8Array =>
  Buffer.from(
    JSON.stringify(
      spans.map((span) => {
        const endpoint = { serviceName: span.service, ipv4: span.address, port }
        return {
          traceId: hex(span.traceHigh) + hex(span.traceLow),
          name: span.name,
          ...(span.parent === 0n ? {} : { parentId: hex(span.parent) }),
          id: hex(span.id),
          timestamp: span.startMicros,
          duration: span.durationMicros,
          annotations: v1Annotations(span).map(([timestamp, value]) => ({ timestamp, value, endpoint })),
          binaryAnnotations: span.tags.map(([key, value]) => ({ key, value: String(value), endpoint })),
        }
      }),
    ),
  )

const thriftString = 6

const zipkinThriftSpan = (span: SeedSpan): ThriftStruct => {
  const host: ThriftStruct = [
    [1, 'I32', addressBytes(span.address).readInt32BE()],
    [2, 'I16', port],
    [3, 'String', span.service],
  ]
  const parent: ThriftStruct = span.parent === 0n ? [] : [[5, 'I64', span.parent]]
  const annotations = v1Annotations(span).map(
    ([time, value]): ThriftStruct => [
      [1, 'I64', BigInt(time)],
      [2, 'String', value],
      [3, 'Struct', host],
    ],
  )
  const tags = span.tags.map(
    ([key, value]): ThriftStruct => [
      [1, 'String', key],
      [2, 'String', Buffer.from(String(value))],
      [3, 'I32', thriftString],
      [4, 'Struct', host],
    ],
  )
  return [
    [1, 'I64', span.traceLow],
    [3, 'String', span.name],
    [4, 'I64', span.id],
    ...parent,
    [6, 'List', annotations],
    [8, 'List', tags],
    [10, 'I64', BigInt(span.startMicros)],
    [11, 'I64', BigInt(span.durationMicros)],
    [12, 'I64', span.traceHigh],
  ]
}

const zipkinThrift = (spans: readonly SeedSpan[]): Uint8Array => encodeThrift(spans.map(zipkinThriftSpan), 'binary')

// Jaeger

/** vType, and which field holds the value. */
const jaegerValue = (value: SeedTag[1]): readonly [vType: number, id: number, value: Value] => {
  if (typeof value === 'string') return [0, 3, string(value)]
  if (typeof value === 'number') return [1, 4, double(value)]
  return typeof value === 'boolean' ? [2, 5, bool(value)] : [3, 6, i64(value)]
}

const jaegerTags = (tags: readonly SeedTag[]): Value =>
  list(
    'struct',
    tags.map(([key, content]) => {
      const [vType, id, value] = jaegerValue(content)
      return struct([
        [1, string(key)],
        [2, i32(vType)],
        [id, value],
      ])
    }),
  )

const jaegerSpan = (span: SeedSpan): Struct =>
  struct([
    [1, i64(signed(span.traceLow))],
    [2, i64(signed(span.traceHigh))],
    [3, i64(signed(span.id))],
    [4, i64(signed(span.parent))],
    [5, string(span.name)],
    [7, i32(1)],
    [8, i64(BigInt(span.startMicros))],
    [9, i64(BigInt(span.durationMicros))],
    [10, jaegerTags([...span.tags, ['span.kind', span.kind.toLowerCase()]])],
    [
      11,
      list(
        'struct',
        span.events.map(({ timeMicros, fields }) =>
          struct([
            [1, i64(BigInt(timeMicros))],
            [2, jaegerTags(fields)],
          ]),
        ),
      ),
    ],
  ])

const processTags: readonly SeedTag[] = [
  ['hostname', 'orders-7d9f6c'],
  ['ip', '10.20.1.7'],
  ['jaeger.version', 'Java-1.8.1'],
  ['k8s.namespace.name', 'shop'],
]

const jaegerBatch = (spans: readonly SeedSpan[]): Struct => {
  const process = struct([
    [1, string(spans[0]?.service ?? '')],
    [2, jaegerTags(processTags)],
  ])
  return struct([
    [1, process],
    [2, list('struct', spans.map(jaegerSpan))],
  ])
}

// Jaeger, api_v2

const vType = (value: SeedTag[1]): object => {
  if (typeof value === 'string') return { vStr: value }
  if (typeof value === 'boolean') return { vType: 1, vBool: value }
  return typeof value === 'number' ? { vType: 3, vFloat64: value } : { vType: 2, vInt64: value }
}

const protoTags = (tags: readonly SeedTag[]): object[] => tags.map(([key, value]) => ({ key, ...vType(value) }))

const moment = (micros: number): object => ({ seconds: Math.floor(micros / 1_000_000), nanos: (micros % 1_000_000) * 1000 })

const protoSpan = (span: SeedSpan): object => ({
  traceId: idBytes(span.traceHigh, span.traceLow),
  spanId: idBytes(span.id),
  operationName: span.name,
  references: span.parent === 0n ? [] : [{ traceId: idBytes(span.traceHigh, span.traceLow), spanId: idBytes(span.parent) }],
  flags: 1,
  startTime: moment(span.startMicros),
  duration: moment(span.durationMicros),
  tags: protoTags([...span.tags, ['span.kind', span.kind.toLowerCase()]]),
  logs: span.events.map(({ timeMicros, fields }) => ({ timestamp: moment(timeMicros), fields: protoTags(fields) })),
})

const postSpans = (spans: readonly SeedSpan[]): Uint8Array =>
  encodeJaeger('PostSpansRequest', {
    batch: {
      spans: spans.map(protoSpan),
      process: { serviceName: spans[0]?.service ?? '', tags: protoTags(processTags) },
    },
  })

// OTLP

const otlpAttributes = (tags: readonly SeedTag[]): Plain[] =>
  tags.map(([key, content]) => {
    if (typeof content === 'string') return { key, value: { stringValue: content } }
    if (typeof content === 'boolean') return { key, value: { boolValue: content } }
    if (typeof content === 'number') return { key, value: { doubleValue: content } }
    return { key, value: { intValue: String(content) } }
  })

const nanos = (micros: number): string => `${micros}000`

const otlpSpan = (span: SeedSpan): Plain => ({
  traceId: hex(span.traceHigh) + hex(span.traceLow),
  spanId: hex(span.id),
  ...(span.parent === 0n ? {} : { parentSpanId: hex(span.parent) }),
  flags: 257,
  name: span.name,
  kind: span.kind === 'CLIENT' ? 3 : 2,
  startTimeUnixNano: nanos(span.startMicros),
  endTimeUnixNano: nanos(span.startMicros + span.durationMicros),
  attributes: otlpAttributes(span.tags),
  events: span.events.map(({ timeMicros, fields }) => ({
    timeUnixNano: nanos(timeMicros),
    name: eventName(fields),
    attributes: otlpAttributes(fields.slice(1)),
  })),
  status: {},
})

const otlpRequest = (spans: readonly SeedSpan[]): Plain => ({
  resourceSpans: [...new Set(spans.map((span) => span.service))].map((service) => {
    const own = spans.filter((span) => span.service === service)
    const tags: SeedTag[] = [
      ['service.name', service],
      ['telemetry.sdk.language', 'java'],
      ['telemetry.sdk.name', 'opentelemetry'],
      ['telemetry.sdk.version', '1.57.0'],
      ['host.name', 'orders-7d9f6c'],
    ]
    const scope = { name: 'io.opentelemetry.tomcat-10.0', version: '2.22.0' }
    return { resource: { attributes: otlpAttributes(tags) }, scopeSpans: [{ scope, spans: own.map(otlpSpan) }] }
  }),
})

interface Recipe {
  /** A datagram holds fewer than a request: most clients keep it below 65 000 bytes. */
  readonly spans: number
  readonly services: number
  readonly encode: (spans: readonly SeedSpan[]) => Uint8Array
}

const recipes = {
  'zipkin-json-v2': { spans: 100, services: 3, encode: zipkinJsonV2 },
  'zipkin-json-v1': { spans: 100, services: 3, encode: zipkinJsonV1 },
  'zipkin-proto': { spans: 100, services: 3, encode: zipkinProto },
  'zipkin-thrift': { spans: 100, services: 3, encode: zipkinThrift },
  'jaeger-thrift-binary': { spans: 100, services: 1, encode: (spans) => structBytes(jaegerBatch(spans), 'binary') },
  'jaeger-proto': { spans: 100, services: 1, encode: postSpans },
  'jaeger-thrift-compact': {
    spans: 40,
    services: 1,
    encode: (spans) => messageBytes('emitBatch', struct([[1, jaegerBatch(spans)]]), 'compact'),
  },
  'otlp-proto': { spans: 100, services: 3, encode: (spans) => officialEncode(otlpRequest(spans)) },
  'otlp-json': { spans: 100, services: 3, encode: (spans) => Buffer.from(JSON.stringify(otlpRequest(spans))) },
} as const satisfies Readonly<Record<string, Recipe>>

/** `jaeger-thrift-compact` is a datagram as an agent gets it, all others are request bodies. */
export type Format = keyof typeof recipes

export const formats = Object.keys(recipes) as readonly Format[]

/** Spans in each body of a format. */
export const spansOf = (format: Format): number => recipes[format].spans

/** Different bodies of a format, the same ones every time. @param spans in each; by default as many as are usual */
export function seededBodies(format: Format, count: number, spans: number = recipes[format].spans): Uint8Array[] {
  const { services, encode } = recipes[format]
  const dice = createDice(randomFrom(1))
  return Array.from({ length: count }, () => encode(seedSpans(dice, spans, pickServices(dice, services))))
}
