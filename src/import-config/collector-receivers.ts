/** Receivers of the OpenTelemetry Collector. */

import { isSection, type Section } from '../config/tree.ts'
import { sectionOf, tlsOf, typeOf } from './collector-sections.ts'
import { type Draft, readHostPort } from './draft.ts'
import { clientTls, listenerTls } from './tls.ts'

/** Protocols of the Jaeger receiver → endpoint, over TCP or not. */
const jaegerProtocols: Readonly<Record<string, readonly [key: string, tcp: boolean]>> = {
  grpc: ['ingest.jaeger.grpc', true],
  thrift_http: ['ingest.jaeger.http', true],
  thrift_compact: ['ingest.jaeger.compact', false],
  thrift_binary: ['ingest.jaeger.binary', false],
}

/** Encodings of the Kafka receiver → those of ours. */
const encodings: Readonly<Record<string, string>> = {
  otlp_proto: 'otlp-proto',
  otlp_json: 'otlp-json',
  jaeger_proto: 'jaeger-proto',
  jaeger_json: 'jaeger-json',
  zipkin_proto: 'zipkin-proto',
  zipkin_json: 'zipkin-json',
  zipkin_thrift: 'zipkin-thrift',
}

/** Carries one receiver over. */
export function carryReceiver(draft: Draft, name: string, section: Section): void {
  const from = `receivers.${name}`
  if (name.includes('/') && draft.has(keyOf(typeOf(name)))) {
    draft.missing(from, `one ${typeOf(name)} receiver is carried over: run another bridge for a second one`)
    return
  }
  switch (typeOf(name)) {
    case 'jaeger':
      carryJaeger(draft, from, section)
      return
    case 'zipkin':
      carryListener(draft, 'ingest.zipkin', from, section, true)
      if (section['parse_string_tags'] === true) draft.set('translate.zipkin.tags.parseTypes', true, `${from}.parse_string_tags`)
      return
    case 'prometheusremotewrite':
      carryListener(draft, 'ingest.prometheus', from, section, true)
      return
    case 'otlp': {
      const protocols = sectionOf(section['protocols'])
      for (const protocol of ['grpc', 'http'] as const) {
        if (protocol in protocols) {
          carryListener(draft, `ingest.otlp.${protocol}`, `${from}.protocols.${protocol}`, sectionOf(protocols[protocol]), true)
        } else draft.imply(`ingest.otlp.${protocol}.enabled`, false)
      }
      return
    }
    case 'nop':
      draft.needless(from, 'receives nothing')
      return
    case 'kafka':
      carryKafka(draft, from, section)
      return
    default:
      draft.missing(from, 'this receiver has no counterpart here')
      return
  }
}

const keyOf = (type: string): string => `ingest.${type === 'prometheusremotewrite' ? 'prometheus' : type}`

function carryJaeger(draft: Draft, from: string, section: Section): void {
  const protocols = sectionOf(section['protocols'])
  for (const [protocol, settings] of Object.entries(protocols)) {
    const [key, tcp] = jaegerProtocols[protocol] ?? []
    const here = `${from}.protocols.${protocol}`
    if (key === undefined) draft.missing(here, 'this protocol is not known here')
    else carryListener(draft, key, here, sectionOf(settings), tcp === true)
  }
  if (section['remote_sampling'] !== undefined) draft.missing(`${from}.remote_sampling`, 'see sampling.file and sampling.upstream')
}

function carryListener(draft: Draft, key: string, from: string, section: Section, tcp: boolean): void {
  const { endpoint } = section
  if (typeof endpoint !== 'string') draft.start(key, from)
  else if (endpoint.includes('${')) carryVariableAddress(draft, key, endpoint, `${from}.endpoint`)
  else draft.listen(key, endpoint, `${from}.endpoint`)
  if (!tcp) {
    if (section['socket_buffer_size'] !== undefined && Number(section['socket_buffer_size']) > 0) {
      draft.set(`${key}.receiveBuffer`, Number(section['socket_buffer_size']), `${from}.socket_buffer_size`)
    }
    for (const one of ['queue_size', 'max_packet_size', 'workers']) {
      if (section[one] !== undefined) draft.needless(`${from}.${one}`, 'see receiveBuffer and backlog of the port')
    }
    return
  }
  if (isSection(section['tls'])) {
    listenerTls(draft, key, tlsOf(section['tls']), `${from}.tls`)
  }
  if (section['auth'] !== undefined) draft.missing(`${from}.auth`, `give the same credentials in ${key}.auth`)
  const origins = sectionOf(section['cors'])['allowed_origins']
  if (Array.isArray(origins) && /zipkin$|http$/.test(key)) draft.set(`${key}.cors.origins`, origins, `${from}.cors.allowed_origins`)
  if (section['include_metadata'] === true) draft.missing(`${from}.include_metadata`, 'request headers are not carried on')
  const size = section['max_request_body_size']
  if (size !== undefined) draft.set(`${key}.limits.body`, Number(size), `${from}.max_request_body_size`)
  const mib = section['max_recv_msg_size_mib']
  if (mib !== undefined) draft.set(`${key}.limits.message`, `${Number(mib)}MiB`, `${from}.max_recv_msg_size_mib`)
}

const wholeVariable = /^\$\{(?:env:)?(\w+)(?::-(.*))?\}$/
const variableParts = /^(\$\{[^}]*\}|[^:[\]$]*)(?::(\$\{[^}]*\}|\d+))?$/

/** An address with variables in it. Host and port are two keys here: a variable that holds both cannot be carried over, but its default can. */
function carryVariableAddress(draft: Draft, key: string, endpoint: string, from: string): void {
  const [, name, fallback] = wholeVariable.exec(endpoint) ?? []
  const [, host, port] = variableParts.exec(endpoint) ?? []
  if (name !== undefined) {
    const read = fallback === undefined ? undefined : readHostPort(fallback)
    const why = `host and port are two keys here: set both by hand if ${name} is ever set`
    if (read === undefined) draft.missing(from, why)
    else draft.start(key, from, why)
    if (read !== undefined) draft.imply(`${key}.host`, read.host)
    if (read?.port !== undefined) draft.imply(`${key}.port`, read.port)
  } else if (host !== undefined) {
    draft.start(key, from)
    draft.imply(`${key}.host`, host === '' ? '0.0.0.0' : host)
    if (port !== undefined) draft.imply(`${key}.port`, /^\d+$/.test(port) ? Number(port) : port)
  } else draft.missing(from, `not a host and port: set ${key}.host and ${key}.port by hand`)
}

function carryKafka(draft: Draft, from: string, section: Section): void {
  const { brokers } = section
  draft.set('ingest.kafka.brokers', Array.isArray(brokers) ? brokers : [brokers ?? 'localhost:9092'], `${from}.brokers`)
  const traces = sectionOf(section['traces'])
  const topic = traces['topic'] ?? section['topic'] ?? 'otlp_spans'
  const encoding = String(traces['encoding'] ?? section['encoding'] ?? 'otlp_proto').replace(/^\$\{env:[^}]*:-([^}]*)\}$/, '$1')
  const known = encodings[encoding]
  const topics = (Array.isArray(topic) ? topic : [topic]).map((name) => ({ name, encoding: known }))
  if (known === undefined) draft.missing(`${from}.encoding`, `${encoding} is not known here: set ingest.kafka.topics by hand`)
  else draft.set('ingest.kafka.topics', topics, `${from}.topic`)
  draft.set('ingest.kafka.groupId', section['group_id'] ?? 'otel-collector', `${from}.group_id`)
  if (section['client_id'] !== undefined) draft.set('ingest.kafka.clientId', section['client_id'], `${from}.client_id`)
  draft.set('ingest.kafka.startFrom', section['initial_offset'] ?? 'latest', `${from}.initial_offset`)
  const auth = sectionOf(section['auth'])
  const tls = sectionOf(section['tls'] ?? auth['tls'])
  clientTls(draft, 'ingest.kafka', tlsOf(tls), `${from}.tls`)
  const sasl = sectionOf(auth['sasl'])
  if (typeof sasl['mechanism'] === 'string') {
    const { mechanism, username, password } = sasl
    draft.set('ingest.kafka.sasl', { mechanism: mechanism.toLowerCase(), username, password }, `${from}.auth.sasl`)
  }
}
