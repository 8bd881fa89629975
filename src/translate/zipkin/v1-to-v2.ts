/**
 * A v1 span, in which annotations say what happened and on which host → v2 spans, one for each host (section 9 of
 * docs/mapping/zipkin.md). The stages are those of Zipkin's own converter, which the OpenTelemetry specification names
 * as the reference: core annotations, times, addresses and tags, finish.
 * @see zipkin2/v1/V1SpanConverter.java in openzipkin/zipkin
 */

import { isEmptyText, rekeyed, textOf, textToString, valueToString } from '../../otlp/attributes.ts'
import { createKey, sameKey } from '../../otlp/keys.ts'
import { type Key, type KeyValue, SpanKind, type Text } from '../../otlp/model.ts'
import { add, subtract, type Words } from '../../otlp/time.ts'
import { Role, Target, targetKeys } from './keys.ts'
import { noEndpoint, noName, type ZipkinAnnotation, type ZipkinEndpoint, type ZipkinSpan, type ZipkinV1Span } from './model.ts'

/** A v2 span while it is put together: what one host did. */
interface Part {
  /** The host; `noEndpoint` until one is seen. */
  local: ZipkinEndpoint
  remote: ZipkinEndpoint
  kind: number
  timestampHi: number
  timestampLo: number
  durationHi: number
  durationLo: number
  shared: boolean
  annotations: ZipkinAnnotation[]
  tags: readonly KeyValue[]
  /** `tags` while they are gathered one by one. */
  gathered: KeyValue[] | undefined
  localComponent: KeyValue | undefined
}

/** What one span's conversion knows. Core annotations without a time say who did something, but not when. */
interface Conversion {
  readonly source: ZipkinV1Span
  readonly first: Part
  /** All parts, the first among them. */
  readonly parts: Part[]
  cs: ZipkinAnnotation | undefined
  cr: ZipkinAnnotation | undefined
  sr: ZipkinAnnotation | undefined
  ss: ZipkinAnnotation | undefined
  ms: ZipkinAnnotation | undefined
  mr: ZipkinAnnotation | undefined
  ws: ZipkinAnnotation | undefined
  wr: ZipkinAnnotation | undefined
  /** Hosts of the core annotations, timed or not. */
  clientHost: ZipkinEndpoint | undefined
  serverHost: ZipkinEndpoint | undefined
  producerHost: ZipkinEndpoint | undefined
  consumerHost: ZipkinEndpoint | undefined
}

const words: Words = { hi: 0, lo: 0 }

function createPart(local: ZipkinEndpoint, kind: number): Part {
  return {
    local,
    remote: noEndpoint,
    kind,
    timestampHi: 0,
    timestampLo: 0,
    durationHi: 0,
    durationLo: 0,
    shared: false,
    annotations: [],
    tags: [],
    gathered: undefined,
    localComponent: undefined,
  }
}

/** One span for each host that took part; at least one. Never mutates. */
export function convertV1Span(source: ZipkinV1Span): readonly ZipkinSpan[] {
  const first = createPart(noEndpoint, SpanKind.Unspecified)
  const conversion: Conversion = {
    source,
    first,
    parts: [first],
    cs: undefined,
    cr: undefined,
    sr: undefined,
    ss: undefined,
    ms: undefined,
    mr: undefined,
    ws: undefined,
    wr: undefined,
    clientHost: undefined,
    serverHost: undefined,
    producerHost: undefined,
    consumerHost: undefined,
  }
  readAnnotations(conversion)
  inferStarts(conversion)
  timeRpc(conversion)
  timeMessaging(conversion)
  readTags(conversion)
  setAddresses(conversion)
  return finish(conversion)
}

/** The part of a host: hosts of one service name are one; no host is the first part. */
function partOf(conversion: Conversion, host: ZipkinEndpoint): Part {
  const { first, parts } = conversion
  if (host === noEndpoint || host === first.local) return first
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as Part
    if (part.local === noEndpoint) {
      part.local = host
      return part
    }
    if (sameKey(part.local.serviceName, host.serviceName)) return part
  }
  const part = createPart(host, SpanKind.Unspecified)
  parts.push(part)
  return part
}

/** Two ASCII letters in one number; 0 for every other text. */
function twoLetters(value: Text): number {
  if (typeof value === 'string') return value.length === 2 ? (value.charCodeAt(0) << 8) | value.charCodeAt(1) : 0
  const { source, start, end } = value
  return end - start === 2 ? ((source[start] as number) << 8) | (source[start + 1] as number) : 0
}

const Core = { cs: 0x6373, cr: 0x6372, sr: 0x7372, ss: 0x7373, ms: 0x6d73, mr: 0x6d72, ws: 0x7773, wr: 0x7772 } as const

/** Core annotations set the kind of their host's part; all others are its events. */
function readAnnotations(conversion: Conversion): void {
  const { annotations } = conversion.source
  for (let i = 0; i < annotations.length; i++) {
    const annotation = annotations[i] as ZipkinAnnotation
    const { endpoint } = annotation
    const part = partOf(conversion, endpoint)
    const core = endpoint === noEndpoint ? 0 : twoLetters(annotation.value)
    const timed = (annotation.timeHi | annotation.timeLo) !== 0
    switch (core) {
      case Core.cs:
        part.kind = SpanKind.Client
        conversion.clientHost = endpoint
        if (timed) conversion.cs = annotation
        break
      case Core.cr:
        part.kind = SpanKind.Client
        conversion.clientHost ??= endpoint
        if (timed) conversion.cr = annotation
        break
      case Core.sr:
        part.kind = SpanKind.Server
        conversion.serverHost = endpoint
        if (timed) conversion.sr = annotation
        break
      case Core.ss:
        part.kind = SpanKind.Server
        conversion.serverHost ??= endpoint
        if (timed) conversion.ss = annotation
        break
      case Core.ms:
        part.kind = SpanKind.Producer
        conversion.producerHost = endpoint
        if (timed) conversion.ms = annotation
        break
      case Core.mr:
        part.kind = SpanKind.Consumer
        conversion.consumerHost = endpoint
        if (timed) conversion.mr = annotation
        break
      case Core.ws:
        if (timed) conversion.ws = annotation
        break
      case Core.wr:
        if (timed) conversion.wr = annotation
        break
      default:
        part.annotations.push(annotation)
    }
  }
}

function hasTimestamp({ timestampHi, timestampLo }: ZipkinV1Span): boolean {
  return (timestampHi | timestampLo) !== 0
}

function hasDuration({ durationHi, durationLo }: ZipkinV1Span): boolean {
  return (durationHi | durationLo) !== 0
}

/** A span may have lost its first annotation: where the last one stands at its end, the first stood at its start. */
function inferStarts(conversion: Conversion): void {
  const { source, cr, ss } = conversion
  if (conversion.cs === undefined && cr !== undefined && endsSpan(cr, source)) conversion.cs = startOf(source, cr.endpoint)
  if (conversion.sr === undefined && ss !== undefined && endsSpan(ss, source)) conversion.sr = startOf(source, ss.endpoint)
}

function endsSpan(end: ZipkinAnnotation, source: ZipkinV1Span): boolean {
  if (!hasTimestamp(source) || !hasDuration(source)) return false
  add(source.timestampHi, source.timestampLo, source.durationHi, source.durationLo, words)
  return words.hi === end.timeHi && words.lo === end.timeLo
}

function startOf(source: ZipkinV1Span, endpoint: ZipkinEndpoint): ZipkinAnnotation {
  return { timeHi: source.timestampHi, timeLo: source.timestampLo, value: '', endpoint }
}

function timeRpc(conversion: Conversion): void {
  const { source, cs, cr, sr, ss } = conversion
  if (cs !== undefined && sr !== undefined) {
    // A shared span: its times are the client's, the server's are in the annotations.
    timeByPair(conversion, cs, cr)
    const client = partOf(conversion, cs.endpoint)
    let server: Part
    if (sameKey(cs.endpoint.serviceName, sr.endpoint.serviceName)) {
      // A service that calls itself has one part so far.
      client.kind = SpanKind.Client
      server = createPart(sr.endpoint, SpanKind.Server)
      conversion.parts.push(server)
    } else server = partOf(conversion, sr.endpoint)
    server.shared = true
    setStart(server, sr)
    if (ss !== undefined) setDuration(server, sr, ss)
    if (cr === undefined && !hasDuration(source)) {
      client.durationHi = 0
      client.durationLo = 0
    }
  } else if (cs !== undefined && cr !== undefined) timeByPair(conversion, cs, cr)
  else if (sr !== undefined && ss !== undefined) timeByPair(conversion, sr, ss)
  else timeIncomplete(conversion)
  // v1 has no flag for it: a server that continued its client's span reported no timestamp, or an end but no duration.
  if (cs === undefined && sr !== undefined && (!hasTimestamp(source) || (ss !== undefined && !hasDuration(source)))) {
    partOf(conversion, sr.endpoint).shared = true
  }
}

/** The span's own times where it has both, else those of the two annotations. */
function timeByPair(conversion: Conversion, begin: ZipkinAnnotation, end: ZipkinAnnotation | undefined): void {
  const { source } = conversion
  const part = partOf(conversion, begin.endpoint)
  if (hasTimestamp(source) && hasDuration(source)) setSourceTimes(part, source)
  else {
    setStart(part, begin)
    if (end !== undefined) setDuration(part, begin, end)
  }
}

function setSourceTimes(part: Part, source: ZipkinV1Span): void {
  part.timestampHi = source.timestampHi
  part.timestampLo = source.timestampLo
  part.durationHi = source.durationHi
  part.durationLo = source.durationLo
}

function setStart(part: Part, begin: ZipkinAnnotation): void {
  part.timestampHi = begin.timeHi
  part.timestampLo = begin.timeLo
}

/** An end before the begin is no duration. */
function setDuration(part: Part, begin: ZipkinAnnotation, end: ZipkinAnnotation): void {
  subtract(end.timeHi, end.timeLo, begin.timeHi, begin.timeLo, words)
  part.durationHi = words.hi
  part.durationLo = words.lo
}

function timeIncomplete(conversion: Conversion): void {
  const { source, first, parts, cs, cr, sr, ss } = conversion
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as Part
    if (part.kind === SpanKind.Client) {
      if (cs !== undefined) setStart(part, cs)
      if (cr !== undefined) part.annotations.push(cr)
    } else if (part.kind === SpanKind.Server) {
      if (sr !== undefined) setStart(part, sr)
      if (ss !== undefined) part.annotations.push(ss)
    }
  }
  if (hasTimestamp(source)) setSourceTimes(first, source)
}

function timeMessaging(conversion: Conversion): void {
  const { ms, mr, ws, wr } = conversion
  if (ms !== undefined && mr !== undefined) {
    const producer = partOf(conversion, ms.endpoint)
    let consumer: Part
    if (sameKey(ms.endpoint.serviceName, mr.endpoint.serviceName)) {
      producer.kind = SpanKind.Producer
      consumer = createPart(mr.endpoint, SpanKind.Consumer)
      conversion.parts.push(consumer)
    } else consumer = partOf(conversion, mr.endpoint)
    consumer.shared = true
    setStart(consumer, wr ?? mr)
    if (wr !== undefined) setDuration(consumer, wr, mr)
    setStart(producer, ms)
    producer.durationHi = 0
    producer.durationLo = 0
    if (ws !== undefined) setDuration(producer, ms, ws)
  } else if (ms !== undefined) timeByPair(conversion, ms, ws)
  else if (mr !== undefined) timeByPair(conversion, wr ?? mr, wr === undefined ? undefined : mr)
  else {
    if (ws !== undefined) partOf(conversion, ws.endpoint).annotations.push(ws)
    if (wr !== undefined) partOf(conversion, wr.endpoint).annotations.push(wr)
  }
}

function readTags(conversion: Conversion): void {
  const { tags, tagEndpoints } = conversion.source
  const { length } = tags
  if (length === 0) return
  const part = partOf(conversion, tagEndpoints[0] as ZipkinEndpoint)
  if (part === conversion.first && areOfOneHost(conversion)) {
    part.tags = tags
    return
  }
  for (let i = 0; i < length; i++) {
    const tag = tags[i] as KeyValue
    const owner = partOf(conversion, tagEndpoints[i] as ZipkinEndpoint)
    if ((tag.key.role & 0xff) === Role.LocalComponent) {
      const text = textOf(tag)
      if (text === undefined || !isEmptyText(text)) owner.localComponent = tag
      continue
    }
    owner.gathered ??= []
    owner.gathered.push(tag)
  }
}

/** True when all tags are the first part's, and none needs a look. */
function areOfOneHost(conversion: Conversion): boolean {
  const { source, first } = conversion
  const { tags, tagEndpoints } = source
  for (let i = 0; i < tags.length; i++) {
    const host = tagEndpoints[i]
    if (host !== first.local && host !== noEndpoint) return false
    if (((tags[i] as KeyValue).key.role & 0xff) === Role.LocalComponent) return false
  }
  return true
}

/** The address annotations: who was at the other end. */
function setAddresses(conversion: Conversion): void {
  const { source, first, clientHost, serverHost, producerHost, consumerHost } = conversion
  const { clientAddress, serverAddress, messageAddress } = source
  if (clientAddress === undefined && serverAddress === undefined && messageAddress === undefined) return
  if (clientHost === undefined && serverHost === undefined && (clientAddress ?? serverAddress) !== undefined) {
    if (clientAddress !== undefined && serverAddress !== undefined) partOf(conversion, clientAddress).remote = serverAddress
    else if (serverAddress !== undefined) first.remote = serverAddress
    else if (clientAddress !== undefined) {
      first.kind = SpanKind.Server
      first.remote = clientAddress
    }
    return
  }
  if (clientAddress !== undefined && serverHost !== undefined && !sameEndpoint(clientAddress, serverHost)) {
    // Finagle names the server in the address of its client, which would link the service to itself.
    const nameless = sameKey(clientAddress.serviceName, serverHost.serviceName)
    partOf(conversion, serverHost).remote = nameless ? withName(clientAddress, noName) : clientAddress
  }
  if (serverAddress !== undefined && clientHost !== undefined) partOf(conversion, clientHost).remote = serverAddress
  if (messageAddress !== undefined) {
    if (producerHost !== undefined) partOf(conversion, producerHost).remote = messageAddress
    if (consumerHost !== undefined) partOf(conversion, consumerHost).remote = messageAddress
  }
}

function sameEndpoint(left: ZipkinEndpoint, right: ZipkinEndpoint): boolean {
  if (left === right) return true
  return (
    sameKey(left.serviceName, right.serviceName) &&
    left.port === right.port &&
    left.ipv4Word === right.ipv4Word &&
    textToString(left.ipv4) === textToString(right.ipv4) &&
    textToString(left.ipv6) === textToString(right.ipv6) &&
    textToString(left.ipv6Bytes ?? '') === textToString(right.ipv6Bytes ?? '')
  )
}

function withName(endpoint: ZipkinEndpoint, serviceName: Key): ZipkinEndpoint {
  const { ipv4, ipv6, ipv4Word, ipv6Bytes, port } = endpoint
  return { serviceName, ipv4, ipv6, ipv4Word, ipv6Bytes, port }
}

function finish(conversion: Conversion): readonly ZipkinSpan[] {
  const { source, parts } = conversion
  const spans: ZipkinSpan[] = []
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as Part
    if (part.gathered !== undefined) part.tags = part.gathered
    if (part.localComponent !== undefined) addComponent(conversion, part, part.localComponent)
    spans.push({
      version: 2,
      trace0: source.trace0,
      trace1: source.trace1,
      trace2: source.trace2,
      trace3: source.trace3,
      span0: source.span0,
      span1: source.span1,
      parent0: source.parent0,
      parent1: source.parent1,
      name: source.name,
      timestampHi: part.timestampHi,
      timestampLo: part.timestampLo,
      durationHi: part.durationHi,
      durationLo: part.durationLo,
      annotations: part.annotations,
      tags: part.tags,
      debug: source.debug,
      kind: part.kind,
      kindWord: '',
      localEndpoint: part.local,
      remoteEndpoint: part.remote,
      shared: part.shared,
    })
  }
  return spans
}

const componentRole = Role.Target + Target.Component

/** `lc` is the attribute `component` unless there is such a tag, and names the service where nothing else does. */
function addComponent(conversion: Conversion, part: Part, component: KeyValue): void {
  const taken = part.tags.some(({ key }) => (key.role & 0xff) === componentRole)
  part.tags = [...part.tags, taken ? component : rekeyed(targetKeys[Target.Component], component)]
  if (namesService(conversion.source)) return
  part.local = withName(part.local, createKey(valueToString(component)))
}

function namesService({ annotations, tagEndpoints, clientAddress, serverAddress, messageAddress }: ZipkinV1Span): boolean {
  return (
    annotations.some(({ endpoint }) => endpoint.serviceName !== noName) ||
    tagEndpoints.some(({ serviceName }) => serviceName !== noName) ||
    [clientAddress, serverAddress, messageAddress].some((one) => one !== undefined && one.serviceName !== noName)
  )
}
