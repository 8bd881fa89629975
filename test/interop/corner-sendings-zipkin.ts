/** Zipkin spans made for one rule of the mapping each, where the vectors have none. */

import type { Receivers } from './paths.ts'
import type { Sending } from './vector-sendings.ts'

type Json = Readonly<Record<string, unknown>>

const began = 1_700_000_000_000_000
const annotated = (value: unknown): Json => ({ annotations: [{ timestamp: began + 1, value }] })
const tagged = (tags: Json): Json => ({ tags })
const local = (endpoint: Json): Json => ({ localEndpoint: { serviceName: 'corner', ...endpoint } })
const remote = (endpoint: Json): Json => ({ remoteEndpoint: endpoint })

/** What each has besides ids, a name, a time, a duration and a local service. */
const corners: Readonly<Record<string, Json>> = {
  'a parent that is itself': { parentId: '00000000000000aa' },
  'a malformed parent': { parentId: 'BADID' },
  'a kind in lower case': { kind: 'client' },
  'an unknown kind': { kind: 'WORKER' },
  'an unknown kind beside a tag span.kind': { kind: 'WORKER', ...tagged({ 'span.kind': 'odd' }) },
  'no kind but a tag span.kind': tagged({ 'span.kind': 'PRODUCER' }),
  'no kind but an unknown tag span.kind': tagged({ 'span.kind': 'worker' }),
  'a kind and the same tag': { kind: 'SERVER', ...tagged({ 'span.kind': 'server' }) },
  'a kind and another tag': { kind: 'SERVER', ...tagged({ 'span.kind': 'client' }) },
  'a duration of 0': { duration: 0 },
  'no duration': { duration: undefined },
  'no timestamp but annotations': {
    timestamp: undefined,
    duration: undefined,
    annotations: [
      { timestamp: began + 5, value: 'later' },
      { timestamp: began + 2, value: 'first' },
    ],
  },
  'an annotation without a time': { annotations: [{ value: 'timeless' }] },
  'a timestamp beyond 64 bits of nanoseconds': { timestamp: 2 ** 55 },
  'a service in capitals': local({ serviceName: 'Corner' }),
  'a remote service alone': remote({ serviceName: 'Db' }),
  'a remote service and a tag peer.service': { ...remote({ serviceName: 'Db' }), ...tagged({ 'peer.service': 'explicit' }) },
  'a remote host name': remote({ ipv4: 'db.internal' }),
  'an address of version 6 in the field of version 4': remote({ ipv4: '2001:DB8::1' }),
  'an address of version 4 in the field of version 6': remote({ ipv6: '10.0.0.9' }),
  'a mapped address': remote({ ipv6: '::ffff:10.0.0.9' }),
  'a compatible address': remote({ ipv6: '::10.0.0.9' }),
  'the loopback of version 6': local({ ipv6: '::1' }),
  'a port of 0': remote({ ipv4: '10.0.0.9', port: 0 }),
  'a negative port': remote({ ipv4: '10.0.0.9', port: -1 }),
  'a port beyond 65535': remote({ ipv4: '10.0.0.9', port: 70000 }),
  'a tag where the address goes': { ...remote({ ipv4: '10.0.0.9' }), ...tagged({ 'network.peer.address': 'mine' }) },
  'a tag true': tagged({ k: true }),
  'a tag that is an object': tagged({ k: { a: [1] } }),
  'tags of the process': tagged({
    'service.version': '1',
    'k8s.pod.name': 'p',
    'http.host': 'h',
    'service.instance.id': 'i',
    'os.type': 'linux',
  }),
  'a tag that says where the service name was': tagged({ 'otlp.service.name.source': 'faas.name' }),
  'a scope': tagged({ 'otel.scope.name': 's', 'otel.scope.version': '1' }),
  'a scope by its old names': tagged({ 'otel.library.name': 's', 'otel.library.version': '1' }),
  'a scope by both names that differ': tagged({
    'otel.scope.name': 's',
    'otel.scope.version': '1',
    'otel.library.name': 's',
    'otel.library.version': '2',
  }),
  'a trace state': tagged({ 'w3c.tracestate': 'a=1' }),
  'dropped counts': tagged({ 'otel.dropped_attributes_count': '3', 'otel.dropped_events_count': '4', 'otel.dropped_links_count': '0' }),
  'a dropped count that is none': tagged({ 'otel.dropped_attributes_count': 'some' }),
  'links with a gap': tagged({
    'otlp.link.0': '463ac35c9f6413ad48485a3953bb6124|a2fb4a1d1a96d399|st=1|{"a":1}|1',
    'otlp.link.2': '463ac35c9f6413ad48485a3953bb6124|a2fb4a1d1a96d398||{}|0',
  }),
  'a Jaeger client': tagged({ 'jaeger.hostname': 'h', 'jaeger.version': 'Java-1.8.1' }),
  'status OK': tagged({ 'otel.status_code': 'OK' }),
  'status Error': tagged({ 'otel.status_code': 'Error', 'otel.status_description': 'why' }),
  'status STATUS_CODE_ERROR': tagged({ 'otel.status_code': 'STATUS_CODE_ERROR', 'otel.status_description': 'why' }),
  'status STATUS_CODE_OK beside error': tagged({ 'otel.status_code': 'STATUS_CODE_OK', error: 'but' }),
  'status 2': tagged({ 'otel.status_code': '2' }),
  'status ERROR, its text in error': tagged({ 'otel.status_code': 'ERROR', error: 'why' }),
  'status unreadable': tagged({ 'otel.status_code': 'PERHAPS' }),
  'status of OpenCensus': tagged({ 'census.status_code': '14', 'census.status_description': 'gone' }),
  'status 0 of OpenCensus': tagged({ 'census.status_code': '0' }),
  'error true': tagged({ error: 'true' }),
  'error with text': tagged({ error: 'boom' }),
  'HTTP 500 alone': tagged({ 'http.status_code': '500' }),
  'an annotation of the exporter': annotated('name|{"a":"x","n":1,"l":[1,"b"],"o":{"p":1}}|2'),
  'an annotation with two bars': annotated('a|b|c'),
  'an annotation in the form of the Python SDK': annotated('{"name":{"k":"v"}}'),
  'an annotation of other JSON': annotated('[1,2]'),
  'an empty annotation': annotated(''),
  'an annotation null': annotated(null),
  'debug false, shared false': { debug: false, shared: false },
  'shared of a client': { kind: 'CLIENT', shared: true },
  'a field of no version': { unknown: 1 },
}

const traceIdOf = (index: number): string => (0xc0ffee000000 + index).toString(16).padStart(32, '0')

export const zipkinCornerSendings: readonly Sending[] = Object.entries(corners).map(([name, corner], index) => ({
  name,
  origin: 'zipkin-v2',
  async send(receivers: readonly Receivers[]) {
    const traceId = traceIdOf(index)
    const span = {
      traceId,
      id: '00000000000000aa',
      name: 'op',
      timestamp: began,
      duration: 100,
      localEndpoint: { serviceName: 'corner' },
      ...corner,
    }
    const taken: boolean[] = []
    for (const { zipkin } of receivers) {
      const url = `http://127.0.0.1:${zipkin}/api/v2/spans`
      const reply = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([span]) })
      await reply.arrayBuffer()
      taken.push(reply.ok)
    }
    return { traceIds: [traceId], spans: 1, accepted: taken[0] === true ? 1 : 0 }
  },
}))
