/** Which rule of docs/mapping/zipkin.md leaves a Zipkin field out of OTLP, and whether anything is lost by it. */

import { textToString } from '../../otlp/attributes.ts'
import { SpanKind, StatusCode } from '../../otlp/model.ts'
import { toBigInt } from '../../otlp/time.ts'
import type { Fate, Leaver } from '../explain.ts'
import { endpointText, ofKind, one, type ZipkinLeaf, type ZipkinLeafKind, type ZipkinSource } from './leaves.ts'
import type { ZipkinRule } from './sentences.ts'

type Left = Leaver<ZipkinSource, ZipkinLeaf>

const leaver = (
  rule: ZipkinRule,
  kind: ZipkinLeafKind,
  fate: (source: ZipkinSource, leaf: ZipkinLeaf) => Fate | undefined | false,
): Left => ({
  rule,
  fate: (source, leaf) => (leaf.kind === kind ? fate(source, leaf) || undefined : undefined),
})

const keyOf = ({ tag }: ZipkinLeaf): string => tag?.key.text ?? ''

/** True when a later tag of the same part has the same key. */
function isOverwritten({ parts }: ZipkinSource, { tag }: ZipkinLeaf): boolean {
  return parts.some(({ tags }) => {
    const place = tag === undefined ? -1 : tags.indexOf(tag)
    return place >= 0 && tags.slice(place + 1).some(({ key }) => key.text === tag?.key.text)
  })
}

/** Tags that are gone because what they say is said, or needs no field. */
const impliedTags = (rule: ZipkinRule, keys: readonly string[]): Left =>
  leaver(rule, 'tag', (source, leaf) => keys.includes(keyOf(leaf)) && !isOverwritten(source, leaf) && 'implied')

/** A time in µs that is the start or the end of a span that came out. */
function isSaid({ results }: ZipkinSource, { value }: ZipkinLeaf): boolean {
  const nanos = BigInt(value) * 1000n
  return results.some(({ startHi, startLo, endHi, endLo }) => toBigInt(startHi, startLo) === nanos || toBigInt(endHi, endLo) === nanos)
}

const timeFate = (source: ZipkinSource, leaf: ZipkinLeaf): Fate => (isSaid(source, leaf) ? 'implied' : 'lost')

const cores = new Set(['cs', 'cr', 'sr', 'ss', 'ms', 'mr', 'ws', 'wr'])
const isMessage = (word: string): boolean => /[mw]/.test(word)

/** The core word of an annotation of v1; undefined for every other annotation. */
function coreOf({ span }: ZipkinSource, { index }: ZipkinLeaf): string | undefined {
  const annotation = span.annotations[index]
  const word = annotation === undefined ? '' : textToString(annotation.value)
  return span.version === 1 && cores.has(word) ? word : undefined
}

const isEmpty = ({ span }: ZipkinSource, { index }: ZipkinLeaf): boolean => {
  const annotation = span.annotations[index]
  return annotation !== undefined && textToString(annotation.value) === ''
}

/** True when an endpoint of a span that came out has this text: only a tag can have kept it away. */
function isOnSpan({ parts }: ZipkinSource, { endpoint, value }: ZipkinLeaf): boolean {
  return (
    endpoint !== undefined &&
    parts.some(({ localEndpoint, remoteEndpoint }) => {
      const sides = endpoint.part === 'local' || endpoint.part === 'host' ? [localEndpoint] : [remoteEndpoint]
      return sides.some((side) => endpointText(side, endpoint.field) === value && side.serviceName.text === endpoint.service)
    })
  )
}

const isAddressPart = ({ endpoint }: ZipkinLeaf): boolean => ['ca', 'sa', 'ma'].includes(endpoint?.part ?? '')
const isLocalName = ({ endpoint }: ZipkinLeaf): boolean =>
  endpoint?.field === 'serviceName' && (endpoint.part === 'local' || endpoint.part === 'host')

/** The text stands in the endpoint of a host as well, as Finagle's `ca` does on the server. */
const isSaidByHost = (source: ZipkinSource, leaf: ZipkinLeaf): boolean =>
  ofKind(source, 'endpoint').some(
    (other) => other.endpoint?.part === 'host' && other.endpoint.field === leaf.endpoint?.field && other.value === leaf.value,
  )

const endpoints: readonly Left[] = [
  leaver('Z-G7', 'endpoint', (source, leaf) => isLocalName(leaf) && isOnSpan(source, leaf) && 'lost'),
  leaver('Z-E13', 'endpoint', (source, leaf) => !isLocalName(leaf) && isOnSpan(source, leaf) && 'lost'),
  leaver('Z-9.1', 'endpoint', (source, leaf) => leaf.endpoint?.part === 'host' && !isOnSpan(source, leaf) && 'lost'),
  leaver(
    'Z-9.8',
    'endpoint',
    (source, leaf) => isAddressPart(leaf) && !isOnSpan(source, leaf) && (isSaidByHost(source, leaf) ? 'implied' : 'lost'),
  ),
]

const annotations: readonly Left[] = [
  leaver('Z-A8', 'annotationTime', (source, leaf) => isEmpty(source, leaf) && 'lost'),
  leaver('Z-9.7', 'annotationTime', (source, leaf) => isMessage(coreOf(source, leaf) ?? '') && timeFate(source, leaf)),
  leaver('Z-9.5', 'annotationTime', (source, leaf) => {
    const core = coreOf(source, leaf)
    return core !== undefined && !isMessage(core) && timeFate(source, leaf)
  }),
  leaver('Z-9.7', 'annotationValue', (source, leaf) => coreOf(source, leaf)?.startsWith('w') === true && 'implied'),
  leaver('Z-9.2', 'annotationValue', (source, leaf) => coreOf(source, leaf)?.startsWith('w') === false && 'lost'),
]

/** A span that means to be shared and whose kind says that it is not. */
const isClients = ({ parts }: ZipkinSource): boolean => parts.every(({ kind }) => kind === SpanKind.Client)

const hasTag = (source: ZipkinSource, key: string): boolean => ofKind(source, 'tag').some((leaf) => keyOf(leaf) === key)

/** An error that says no more than the status does. */
const errorRule = (source: ZipkinSource): ZipkinRule =>
  hasTag(source, 'otel.status_code') &&
  source.results.every(({ attributes }) => attributes.every(({ key }) => key.text !== 'otel.status_code'))
    ? 'Z-S1'
    : 'Z-S3'

const tags: readonly Left[] = [
  leaver('Z-G1', 'tag', (source, leaf) => keyOf(leaf) !== 'lc' && isOverwritten(source, leaf) && 'lost'),
  impliedTags('Z-K6', ['span.kind']),
  impliedTags('Z-G7', ['otlp.service.name.source']),
  impliedTags('Z-G8', ['otel.scope.name', 'otel.scope.version', 'otel.library.name', 'otel.library.version']),
  impliedTags('Z-G9', ['w3c.tracestate']),
  impliedTags('Z-G10', ['otel.dropped_attributes_count', 'otel.dropped_events_count', 'otel.dropped_links_count']),
  impliedTags('Z-G12', ['jaeger.hostname', 'jaeger.version', 'jaegerClient']),
  impliedTags('Z-S1', ['otel.status_code', 'otel.status_description']),
  impliedTags('Z-S3', ['census.status_code', 'census.status_description', 'opencensus.status_description']),
  ...(['Z-S1', 'Z-S3'] as const).map((rule) =>
    leaver(
      rule,
      'tag',
      (source, leaf) =>
        keyOf(leaf) === 'error' &&
        !isOverwritten(source, leaf) &&
        errorRule(source) === rule &&
        source.results.some(({ statusCode }) => statusCode === StatusCode.Error) &&
        'implied',
    ),
  ),
  leaver('Z-9.9', 'tag', (source, leaf) => source.span.version === 1 && keyOf(leaf) === 'lc' && (leaf.value === '' ? 'implied' : 'lost')),
]

export const leavers: readonly Left[] = [
  leaver('Z-I6', 'parentId', (source, leaf) => leaf.value === one(source, 'spanId')?.value && 'lost'),
  leaver('Z-F3', 'parentId', (source, leaf) => leaf.value !== one(source, 'spanId')?.value && 'lost'),
  leaver('Z-K4', 'kind', () => 'lost'),
  leaver('Z-9.5', 'timestamp', timeFate),
  leaver('Z-9.5', 'duration', () => 'lost'),
  leaver('Z-F2', 'shared', (source) => isClients(source) && 'implied'),
  leaver('Z-E13', 'shared', (source) => !isClients(source) && 'lost'),
  ...endpoints,
  ...annotations,
  ...tags,
]
