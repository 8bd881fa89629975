/**
 * What an OTLP endpoint must hold for what a client was seen to send: the rules of the mapping pages, written again in the shortest way and
 * only as far as these clients use them.
 */

import type { AnyValue, Attributes, SunkSpan } from './sink.ts'
import type { Recorded } from './tee.ts'
import { readBatch, readDatagram, type Struct, type Value } from './thrift-oracle.ts'

interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly name: string
  readonly kind?: 'CLIENT' | 'SERVER' | 'PRODUCER' | 'CONSUMER'
  readonly timestamp: number
  readonly duration: number
  readonly localEndpoint: { readonly serviceName: string; readonly ipv4?: string; readonly port?: number }
  readonly tags?: Readonly<Record<string, string>>
}

const text = (value: string): AnyValue => ({ stringValue: value })
const integer = (value: number | bigint): AnyValue => ({ intValue: String(value) })

const nothing = { scope: '', events: [], links: [], status: 0, statusMessage: '' } as const
const kinds = { CLIENT: 3, SERVER: 2, PRODUCER: 4, CONSUMER: 5 } as const

const nanos = (micros: number | bigint): string => String(BigInt(micros) * 1000n)

const fromZipkin = (span: ZipkinSpan): SunkSpan => {
  const attributes: Record<string, AnyValue> = {}
  for (const [key, value] of Object.entries(span.tags ?? {})) attributes[key] = text(value)
  const { serviceName, ipv4, port } = span.localEndpoint
  if (ipv4 !== undefined) attributes['network.local.address'] = text(ipv4)
  if (port !== undefined) attributes['network.local.port'] = integer(port)
  return {
    ...nothing,
    resource: { 'service.name': text(serviceName) },
    traceId: span.traceId.padStart(32, '0'),
    spanId: span.id.padStart(16, '0'),
    parentSpanId: span.parentId?.padStart(16, '0') ?? '',
    name: span.name,
    kind: span.kind === undefined ? 1 : kinds[span.kind],
    start: nanos(span.timestamp),
    end: nanos(span.timestamp + span.duration),
    flags: 0,
    attributes,
  }
}

/** The spans that recorded requests to `/api/v2/spans` carry. */
export function expectedOfZipkin(requests: readonly Recorded[]): SunkSpan[] {
  return requests.flatMap(({ body }) => (JSON.parse(body.toString()) as ZipkinSpan[]).map(fromZipkin))
}

const struct = (value: Value | undefined): Struct => {
  if (value instanceof Map) return value
  throw new Error('cannot read a batch: no struct where one must be')
}
const long = (value: Value | undefined): bigint => {
  if (typeof value === 'bigint') return value
  throw new Error('cannot read a batch: no i64 where one must be')
}
const structs = (value: Value | undefined): Struct[] => (Array.isArray(value) ? value.map(struct) : [])
const words = (value: Value | undefined): string => (Buffer.isBuffer(value) ? value.toString() : '')
const id = (value: Value | undefined): string => BigInt.asUintN(64, long(value)).toString(16).padStart(16, '0')

// Tag: 1 key, 2 vType, 3 vStr, 4 vDouble, 5 vBool, 6 vLong. No client here sends vBinary.
const tagValues: readonly ((tag: Struct) => AnyValue)[] = [
  (tag) => text(words(tag.get(3))),
  (tag) => ({ doubleValue: tag.get(4) }),
  (tag) => ({ boolValue: tag.get(5) }),
  (tag) => integer(long(tag.get(6))),
]

const tagsOf = (tags: readonly Struct[]): Record<string, AnyValue> => {
  const found: Record<string, AnyValue> = {}
  for (const tag of tags) {
    const value = tagValues[Number(tag.get(2))]
    if (value === undefined) throw new Error(`cannot read tag ${words(tag.get(1))}: vType ${String(tag.get(2))}`)
    found[words(tag.get(1))] = value(tag)
  }
  return found
}

const languages: Readonly<Record<string, string>> = { Go: 'go', Java: 'java', Node: 'nodejs', Python: 'python' }

const resourceOf = (process: Struct): Attributes => {
  const { hostname, 'client-uuid': uuid, ...tags } = tagsOf(structs(process.get(2)))
  const found: Record<string, AnyValue> = { 'service.name': text(words(process.get(1))), ...tags }
  if (hostname !== undefined) found['host.name'] = hostname
  if (uuid !== undefined) found['service.instance.id'] = uuid
  const [prefix = '', version = ''] = String(tags['jaeger.version']?.['stringValue']).split('-')
  found['telemetry.sdk.name'] = text('jaeger')
  found['telemetry.sdk.language'] = text(languages[prefix] ?? prefix)
  found['telemetry.sdk.version'] = text(version)
  return found
}

const eventOf = (log: Struct): SunkSpan['events'][number] => {
  const { event, ...attributes } = tagsOf(structs(log.get(2)))
  return { time: nanos(long(log.get(1))), name: String(event?.['stringValue'] ?? 'log'), attributes }
}

// Span: 1 traceIdLow, 2 traceIdHigh, 3 spanId, 4 parentSpanId, 5 operationName, 6 references, 7 flags, 8 startTime, 9 duration, 10 tags, 11 logs.
const fromJaeger = (span: Struct, resource: Attributes): SunkSpan => {
  const parent = id(span.get(4))
  const start = long(span.get(8))
  if (structs(span.get(6)).length > 0) throw new Error('cannot expect anything of references: no client here sends them')
  return {
    ...nothing,
    resource,
    traceId: id(span.get(2)) + id(span.get(1)),
    spanId: id(span.get(3)),
    parentSpanId: /^0+$/.test(parent) ? '' : parent,
    name: words(span.get(5)),
    kind: 1,
    start: nanos(start),
    end: nanos(start + long(span.get(9))),
    flags: Number(span.get(7)) & 1,
    attributes: tagsOf(structs(span.get(10))),
    events: structs(span.get(11)).map(eventOf),
  }
}

const ofBatch = (batch: Struct): SunkSpan[] => {
  const resource = resourceOf(struct(batch.get(1)))
  return structs(batch.get(2)).map((span) => fromJaeger(span, resource))
}

/** The spans that recorded requests to `/api/traces` carry. */
export function expectedOfJaegerHttp(requests: readonly Recorded[]): SunkSpan[] {
  return requests.flatMap(({ body }) => ofBatch(readBatch(body)))
}

/** The spans that datagrams to an agent carry. */
export function expectedOfJaegerUdp(datagrams: readonly Buffer[]): SunkSpan[] {
  return datagrams.flatMap((datagram) => ofBatch(readDatagram(datagram).batch))
}
