/** What a Zipkin span says, field by field, and what became of it: the two sides that `rules.ts` compares. */

import { isEmptyText, textToString, valueToString } from '../../otlp/attributes.ts'
import { spanIdToHex, traceIdToHex } from '../../otlp/ids.ts'
import { type KeyValue, type Span, SpanKind, ValueType } from '../../otlp/model.ts'
import { toBigInt } from '../../otlp/time.ts'
import type { Leaf } from '../explain.ts'
import { addressOfBytes, Family, formatIpv4, parseAddress } from './addresses.ts'
import type { ZipkinTranslateConfig } from './config.ts'
import { noEndpoint, type ZipkinAnnotation, type ZipkinEndpoint, type ZipkinSpan, type ZipkinV1Span } from './model.ts'

/** How ids came: the rules differ, the model does not. */
export type ZipkinEncoding = 'json' | 'proto' | 'thrift'

export type ZipkinLeafKind =
  | 'traceId'
  | 'spanId'
  | 'parentId'
  | 'name'
  | 'kind'
  | 'timestamp'
  | 'duration'
  | 'endpoint'
  | 'annotationTime'
  | 'annotationValue'
  | 'tag'
  | 'debug'
  | 'shared'

/** What an endpoint is to its span: v2 says it itself, in v1 it is a host of annotations, or an address annotation. */
export type EndpointPart = 'local' | 'remote' | 'host' | 'ca' | 'sa' | 'ma'
export type EndpointField = 'serviceName' | 'ipv4' | 'ipv6' | 'port'

export interface EndpointLeaf {
  readonly part: EndpointPart
  readonly field: EndpointField
  /** The service of the endpoint, by which v1 tells hosts apart. */
  readonly service: string
}

export interface ZipkinLeaf extends Leaf {
  readonly kind: ZipkinLeafKind
  /** Place of the annotation; −1 for all others. */
  readonly index: number
  readonly tag: KeyValue | undefined
  readonly endpoint: EndpointLeaf | undefined
}

/** A span before translation, by its leaves. */
export interface ZipkinSource {
  readonly span: ZipkinSpan | ZipkinV1Span
  /** What v1 becomes first; of v2 the span itself. */
  readonly parts: readonly ZipkinSpan[]
  readonly encoding: ZipkinEncoding
  readonly config: ZipkinTranslateConfig
  readonly leaves: readonly ZipkinLeaf[]
  readonly byTag: ReadonlyMap<KeyValue, ZipkinLeaf>
  readonly places: ReadonlyMap<ZipkinAnnotation, number>
  /** What the parts became, in their order; filled when they are translated. */
  readonly results: Span[]
}

/** A part with what it became. */
export interface ZipkinPair {
  readonly source: ZipkinSource
  readonly part: ZipkinSpan
  readonly resource: readonly KeyValue[]
  readonly span: Span
  /** What the translator makes of the part if it has these tags and no others. */
  ask(tags: readonly KeyValue[]): Span
}

const kindWords = new Map<number, string>([
  [SpanKind.Client, 'CLIENT'],
  [SpanKind.Server, 'SERVER'],
  [SpanKind.Producer, 'PRODUCER'],
  [SpanKind.Consumer, 'CONSUMER'],
])

/** A field of an endpoint as text; '' when it says nothing. */
export function endpointText(endpoint: ZipkinEndpoint, field: EndpointField): string {
  switch (field) {
    case 'serviceName':
      return endpoint.serviceName.text
    case 'ipv4':
      return endpoint.ipv4Word !== 0 ? formatIpv4(endpoint.ipv4Word) : textToString(endpoint.ipv4)
    case 'ipv6':
      return endpoint.ipv6Bytes === undefined ? textToString(endpoint.ipv6) : textToString(addressOfBytes(endpoint.ipv6Bytes).text)
    default:
      return endpoint.port > 0 ? String(endpoint.port) : ''
  }
}

/** The text of an address as it is written out; the text itself when it is none. */
export function addressText(text: string): string {
  const { family, text: canonical } = parseAddress(text)
  return family === Family.None ? text : textToString(canonical)
}

export const isAddress = (text: string): boolean => parseAddress(text).family !== Family.None

const readable = (tag: KeyValue): string => (tag.type === ValueType.Bytes ? `base64 ${valueToString(tag)}` : valueToString(tag))

/** Everything a span says. */
function leavesOf(span: ZipkinSpan | ZipkinV1Span): ZipkinLeaf[] {
  const leaves: ZipkinLeaf[] = []
  const add = (kind: ZipkinLeafKind, name: string, value: string, index = -1, tag?: KeyValue, endpoint?: EndpointLeaf): void => {
    leaves.push({ kind, name, value, index, tag, endpoint })
  }
  const seen = new Set<string>()
  const endpoint = (part: EndpointPart, name: string, one: ZipkinEndpoint | undefined): void => {
    if (one === undefined || one === noEndpoint) return
    const service = one.serviceName.text
    for (const field of ['serviceName', 'ipv4', 'ipv6', 'port'] as const) {
      const value = endpointText(one, field)
      // In v1 every annotation repeats its host.
      const content = JSON.stringify([part, service, field, value])
      if (value === '' || seen.has(content)) continue
      seen.add(content)
      add('endpoint', `${name}.${field}`, value, -1, undefined, { part, field, service })
    }
  }
  add('traceId', 'traceId', traceIdToHex(span.trace0, span.trace1, span.trace2, span.trace3))
  add('spanId', 'id', spanIdToHex(span.span0, span.span1))
  if ((span.parent0 | span.parent1) !== 0) add('parentId', 'parentId', spanIdToHex(span.parent0, span.parent1))
  if (!isEmptyText(span.name)) add('name', 'name', textToString(span.name))
  if ((span.timestampHi | span.timestampLo) !== 0) add('timestamp', 'timestamp', toBigInt(span.timestampHi, span.timestampLo).toString())
  if ((span.durationHi | span.durationLo) !== 0) add('duration', 'duration', toBigInt(span.durationHi, span.durationLo).toString())
  if (span.version === 2) {
    const kind = kindWords.get(span.kind) ?? textToString(span.kindWord)
    if (kind !== '') add('kind', 'kind', kind)
    endpoint('local', 'localEndpoint', span.localEndpoint)
    endpoint('remote', 'remoteEndpoint', span.remoteEndpoint)
    if (span.shared) add('shared', 'shared', 'true')
  }
  if (span.debug) add('debug', 'debug', 'true')
  span.annotations.forEach((one, i) => {
    const { timeHi, timeLo, value } = one
    if ((timeHi | timeLo) !== 0) add('annotationTime', `annotations[${i}].timestamp`, toBigInt(timeHi, timeLo).toString(), i)
    if (!isEmptyText(value)) add('annotationValue', `annotations[${i}].value`, textToString(value), i)
    endpoint('host', `annotations[${i}].endpoint`, one.endpoint)
  })
  const list = span.version === 1 ? 'binaryAnnotations' : 'tags'
  span.tags.forEach((tag, i) => {
    add('tag', `${list}[${i}] ${tag.key.text}`, readable(tag), -1, tag)
    if (span.version === 1) endpoint('host', `${list}[${i}].endpoint`, span.tagEndpoints[i])
  })
  if (span.version === 1) {
    endpoint('ca', 'ca', span.clientAddress)
    endpoint('sa', 'sa', span.serverAddress)
    endpoint('ma', 'ma', span.messageAddress)
  }
  return leaves
}

export function sourceOf(
  span: ZipkinSpan | ZipkinV1Span,
  parts: readonly ZipkinSpan[],
  encoding: ZipkinEncoding,
  config: ZipkinTranslateConfig,
): ZipkinSource {
  const leaves = leavesOf(span)
  const byTag = new Map<KeyValue, ZipkinLeaf>()
  for (const leaf of leaves) if (leaf.tag !== undefined) byTag.set(leaf.tag, leaf)
  const places = new Map(span.annotations.map((one, i) => [one, i]))
  return { span, parts, encoding, config, leaves, byTag, places, results: [] }
}

export const ofKind = ({ leaves }: ZipkinSource, kind: ZipkinLeafKind, index = -1): readonly ZipkinLeaf[] =>
  leaves.filter((leaf) => leaf.kind === kind && (index < 0 || leaf.index === index))

export const one = (source: ZipkinSource, kind: ZipkinLeafKind): ZipkinLeaf | undefined => ofKind(source, kind)[0]

/** The tag of a key that counts for the part, which is the last one. */
export function tagOf({ source, part }: ZipkinPair, key: string): ZipkinLeaf | undefined {
  const tag = part.tags.findLast((other) => other.key.text === key)
  return tag === undefined ? undefined : source.byTag.get(tag)
}

/** The tag that an attribute is: itself, or with another type (option `tags.types`). Undefined for what the translator wrote. */
export function leafOfAttribute({ source, part }: ZipkinPair, attribute: KeyValue): ZipkinLeaf | undefined {
  const same = source.byTag.get(attribute)
  if (same !== undefined) return same
  const tag = part.tags.findLast((other) => other.key === attribute.key)
  return tag === undefined ? undefined : source.byTag.get(tag)
}

/** True when the tag is an attribute of the span. */
export const isKept = (pair: ZipkinPair, leaf: ZipkinLeaf): boolean =>
  pair.span.attributes.some((attribute) => leafOfAttribute(pair, attribute) === leaf)

/** A field of the endpoint of a part, by its text. */
export function endpointLeaf({ source, part }: ZipkinPair, side: 'local' | 'remote', field: EndpointField): ZipkinLeaf | undefined {
  const endpoint = side === 'local' ? part.localEndpoint : part.remoteEndpoint
  const text = endpointText(endpoint, field)
  if (text === '') return undefined
  const fitting = ofKind(source, 'endpoint').filter((leaf) => leaf.endpoint?.field === field && leaf.value === text)
  const parts = side === 'local' ? ['local', 'host', 'ca'] : remoteParts(source, endpoint)
  for (const wanted of parts) {
    const found = fitting.filter((leaf) => leaf.endpoint?.part === wanted)
    const same = found.find((leaf) => leaf.endpoint?.service === endpoint.serviceName.text)
    if (same !== undefined || found[0] !== undefined) return same ?? found[0]
  }
  return undefined
}

/** Which address annotation a remote endpoint is; a copy without its name can only be the client's. */
function remoteParts({ span }: ZipkinSource, endpoint: ZipkinEndpoint): readonly EndpointPart[] {
  if (span.version === 2) return ['remote']
  if (endpoint === span.serverAddress) return ['sa']
  return endpoint === span.messageAddress ? ['ma'] : ['ca']
}
