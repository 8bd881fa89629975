/** Which tag keys mean something to the Zipkin translator, and the keys it writes itself. */

import { createKey } from '../../otlp/keys.ts'
import type { Key, KeyValue } from '../../otlp/model.ts'

/**
 * Roles of tag keys; see Key.role. Bits 0 to 7 are one of these, bit 8 is {@link numericBit}, bits 16 to 21 are a number
 * by which most keys differ: see {@link mayRepeat}. Roles from {@link Role.Target} on are keys that we set from fields: a
 * tag of that key wins.
 */
export const Role = {
  None: 0,
  Error: 1,
  SpanKind: 2,
  StatusCode: 3,
  StatusDescription: 4,
  CensusStatusCode: 5,
  CensusStatusDescription: 6,
  OpencensusStatusDescription: 7,
  ScopeName: 8,
  ScopeVersion: 9,
  LibraryName: 10,
  LibraryVersion: 11,
  TraceState: 12,
  DroppedAttributes: 13,
  DroppedEvents: 14,
  DroppedLinks: 15,
  Link: 16,
  Resource: 17,
  JaegerHostname: 18,
  JaegerVersion: 19,
  JaegerClient: 20,
  ServiceNameSource: 21,
  /** v1 only: `lc`, an attribute like any other in v2. */
  LocalComponent: 22,
  Target: 32,
} as const

/** Set in the role of keys whose values are numbers by convention (option `tags.types: semconv`). */
export const numericBit = 0x100

/** Keys set from fields. The place in this list is the bit in a mask of those seen. */
export const targetKeys = [
  createKey('peer.service'),
  createKey('service.peer.name'),
  createKey('network.local.address'),
  createKey('network.local.port'),
  createKey('network.peer.address'),
  createKey('network.peer.port'),
  createKey('zipkin.localEndpoint.ipv4'),
  createKey('zipkin.localEndpoint.ipv6'),
  createKey('zipkin.localEndpoint.port'),
  createKey('zipkin.remoteEndpoint.ipv4'),
  createKey('zipkin.remoteEndpoint.ipv6'),
  createKey('zipkin.remoteEndpoint.port'),
  createKey('zipkin.debug'),
  createKey('zipkin.shared'),
  createKey('otel.zipkin.absentField.startTime'),
  createKey('component'),
] as const

/** Places in {@link targetKeys}. */
export const Target = {
  PeerService: 0,
  ServicePeerName: 1,
  LocalAddress: 2,
  LocalPort: 3,
  PeerAddress: 4,
  PeerPort: 5,
  LocalIpv4: 6,
  LocalIpv6: 7,
  LocalPortText: 8,
  RemoteIpv4: 9,
  RemoteIpv6: 10,
  RemotePortText: 11,
  Debug: 12,
  Shared: 13,
  AbsentStartTime: 14,
  Component: 15,
} as const

export const spanKindKey = createKey('span.kind')
export const jaegerVersionKey = createKey('jaeger.version')

const roles = new Map<string, number>([
  ['error', Role.Error],
  ['span.kind', Role.SpanKind],
  ['otel.status_code', Role.StatusCode],
  ['otel.status_description', Role.StatusDescription],
  ['census.status_code', Role.CensusStatusCode],
  ['census.status_description', Role.CensusStatusDescription],
  ['opencensus.status_description', Role.OpencensusStatusDescription],
  ['otel.scope.name', Role.ScopeName],
  ['otel.scope.version', Role.ScopeVersion],
  ['otel.library.name', Role.LibraryName],
  ['otel.library.version', Role.LibraryVersion],
  ['w3c.tracestate', Role.TraceState],
  ['otel.dropped_attributes_count', Role.DroppedAttributes],
  ['otel.dropped_events_count', Role.DroppedEvents],
  ['otel.dropped_links_count', Role.DroppedLinks],
  ['jaeger.hostname', Role.JaegerHostname],
  ['jaeger.version', Role.JaegerVersion],
  ['jaegerClient', Role.JaegerClient],
  ['otlp.service.name.source', Role.ServiceNameSource],
  ['lc', Role.LocalComponent],
])
for (let i = 0; i < targetKeys.length; i++) roles.set((targetKeys[i] as { text: string }).text, Role.Target + i)

/** Rule Z-G6. */
const resourcePrefixes = [
  'k8s.',
  'cloud.',
  'container.',
  'host.',
  'os.',
  'process.',
  'telemetry.',
  'deployment.',
  'device.',
  'webengine.',
  'aws.ecs.',
  'aws.eks.',
  'aws.log.',
]
for (const text of [
  'service.namespace',
  'service.version',
  'service.instance.id',
  'faas.name',
  'faas.version',
  'faas.instance',
  'faas.id',
  'opencensus.starttime',
  'opencensus.exporterversion',
  'opencensus.resourcetype',
]) {
  roles.set(text, Role.Resource)
}

/** Keys whose values the semantic conventions (old names and new) say are numbers. */
const numericKeys = new Set([
  'http.status_code',
  'http.response.status_code',
  'http.request_content_length',
  'http.request_content_length_uncompressed',
  'http.response_content_length',
  'http.response_content_length_uncompressed',
  'http.request.body.size',
  'http.response.body.size',
  'http.resend_count',
  'http.request.resend_count',
  'rpc.grpc.status_code',
  'rpc.jsonrpc.error_code',
  'rpc.message.id',
  'rpc.message.compressed_size',
  'rpc.message.uncompressed_size',
  'messaging.message_payload_size_bytes',
  'messaging.message_payload_compressed_size_bytes',
  'messaging.message.body.size',
  'messaging.message.envelope.size',
  'messaging.batch.message_count',
  'messaging.kafka.partition',
  'messaging.kafka.message.offset',
  'db.redis.database_index',
  'db.response.returned_rows',
  'thread.id',
  'code.lineno',
  'code.line.number',
  'process.pid',
  'process.parent_pid',
  'net.peer.port',
  'net.host.port',
  'net.sock.peer.port',
  'net.sock.host.port',
])

const markShift = 16

/** How many numbers keys are told apart by; see {@link createZipkinRoles}. */
export const marks = 64

/** A number below {@link marks} that most keys differ by. */
export function keyMark(key: Key): number {
  return (key.role >>> markShift) & (marks - 1)
}

/** False when all tags have different keys; true when two may have the same. Cheaper than comparing them pair by pair. */
export function mayRepeat(tags: readonly KeyValue[]): boolean {
  let seen = 0
  let other = 0
  for (let i = 0; i < tags.length; i++) {
    const mark = keyMark((tags[i] as KeyValue).key)
    const bit = 1 << (mark & 31)
    if (mark < 32) {
      if ((seen & bit) !== 0) return true
      seen |= bit
    } else {
      if ((other & bit) !== 0) return true
      other |= bit
    }
  }
  return false
}

/**
 * The roles of tag keys, for `createKeyTable`. Keys are numbered as they come, 0 to 63 and again from 0: the few dozen
 * keys of an honest sender all differ in that number.
 */
export function createZipkinRoles(): (text: string) => number {
  let next = 0
  return (text) => zipkinRoleOf(text) | ((next++ & (marks - 1)) << markShift)
}

/** What a tag key means to the translator: bits 0 to 8 of its role. */
export function zipkinRoleOf(text: string): number {
  const numeric = numericKeys.has(text) || text.endsWith('.port') ? numericBit : 0
  const known = roles.get(text)
  if (known !== undefined) return known | numeric
  for (const prefix of resourcePrefixes) if (text.startsWith(prefix)) return Role.Resource | numeric
  return (/^otlp\.link\.\d{1,9}$/.test(text) ? Role.Link : Role.None) | numeric
}
