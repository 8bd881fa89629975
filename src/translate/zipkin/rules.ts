/**
 * Which OTLP fields each rule of docs/mapping/zipkin.md makes. The rules look at both sides of a translation and decide
 * nothing themselves; what they leave out is in `left-out.ts`.
 */

import { textToString, valueToString } from '../../otlp/attributes.ts'
import { type KeyValue, SpanKind, StatusCode, type Text, ValueType } from '../../otlp/model.ts'
import { toBigInt } from '../../otlp/time.ts'
import type { Leaf, Maker, RuleBook } from '../explain.ts'
import type { FieldKind, OtlpField } from '../explain-fields.ts'
import {
  addressText,
  endpointLeaf,
  isAddress,
  isKept,
  leafOfAttribute,
  ofKind,
  one,
  tagOf,
  type ZipkinLeaf,
  type ZipkinPair,
  type ZipkinSource,
} from './leaves.ts'
import { leavers } from './left-out.ts'
import { type ZipkinRule, zipkinSentences } from './sentences.ts'

type Claim = readonly (Leaf | undefined)[]
interface Ruling {
  readonly rule: ZipkinRule
  readonly from: Claim
}

/** Rules of one kind of field, of which `ruling` says the one that fits. */
const makersOf = (
  kind: FieldKind,
  rules: readonly ZipkinRule[],
  ruling: (pair: ZipkinPair, field: OtlpField) => Ruling | undefined,
): readonly Maker<ZipkinPair>[] =>
  rules.map((rule) => ({
    rule,
    kind,
    from(pair, field) {
      const found = ruling(pair, field)
      return found?.rule === rule ? found.from.filter((leaf) => leaf !== undefined) : undefined
    },
  }))

// Ids

const idRules = { json: 'Z-I1', proto: 'Z-I8', thrift: 'Z-I9' } as const
const allIdRules = ['Z-I1', 'Z-I8', 'Z-I9', 'Z-F3'] as const

const isSplit = ({ part, span }: ZipkinPair): boolean => part.span0 !== span.span0 || part.span1 !== span.span1

const ids: readonly Maker<ZipkinPair>[] = [
  ...makersOf('traceId', allIdRules, ({ source }) => ({ rule: idRules[source.encoding], from: [one(source, 'traceId')] })),
  ...makersOf('spanId', allIdRules, (pair) => ({
    rule: isSplit(pair) ? 'Z-F3' : idRules[pair.source.encoding],
    from: [one(pair.source, 'spanId')],
  })),
  ...makersOf('parentSpanId', allIdRules, (pair) =>
    isSplit(pair)
      ? { rule: 'Z-F3', from: [one(pair.source, 'spanId')] }
      : { rule: idRules[pair.source.encoding], from: [one(pair.source, 'parentId')] },
  ),
]

// Times

const micros = (hi: number, lo: number): bigint => toBigInt(hi, lo)
const latest = toBigInt(-1, -1)

/** Core annotations of v1 that tell when a span of a kind began and ended. */
const coreOfKind = new Map<number, readonly string[]>([
  [SpanKind.Client, ['cs', 'cr']],
  [SpanKind.Server, ['sr', 'ss']],
  [SpanKind.Producer, ['ms', 'ws']],
  [SpanKind.Consumer, ['wr', 'mr']],
])

/** Leaves of core annotations of the part's kind at one of the times, in µs. */
function coreTimes({ source, part }: ZipkinPair, ...times: readonly bigint[]): readonly ZipkinLeaf[] {
  const words = coreOfKind.get(part.kind) ?? []
  return ofKind(source, 'annotationTime').filter((leaf) => {
    const annotation = source.span.annotations[leaf.index]
    return annotation !== undefined && words.includes(textToString(annotation.value)) && times.some((time) => String(time) === leaf.value)
  })
}

const hasCore = ({ span }: ZipkinSource, word: string): boolean =>
  span.annotations.some(({ value, timeHi, timeLo }) => (timeHi | timeLo) !== 0 && textToString(value) === word)

/** Which rule of v1 gave times, or the mark of a shared span. */
function v1Rule({ source, part }: ZipkinPair): ZipkinRule {
  if (part.kind === SpanKind.Producer || part.kind === SpanKind.Consumer) return 'Z-9.7'
  return hasCore(source, 'cs') && hasCore(source, 'sr') ? 'Z-9.4' : 'Z-9.5'
}

const isOwnStart = ({ source: { span }, part }: ZipkinPair): boolean =>
  span.timestampHi === part.timestampHi && span.timestampLo === part.timestampLo
const isOwnDuration = ({ source: { span }, part }: ZipkinPair): boolean =>
  span.durationHi === part.durationHi && span.durationLo === part.durationLo

/** Annotations with the earliest and the latest time, which stand for times that are missing. */
function annotatedAt({ source, part }: ZipkinPair, nanos: bigint): readonly ZipkinLeaf[] {
  const annotations = part.annotations.filter(({ timeHi, timeLo }) => micros(timeHi, timeLo) * 1000n === nanos)
  return annotations.slice(0, 1).flatMap((annotation) => ofKind(source, 'annotationTime', source.places.get(annotation) ?? -2))
}

function startRuling(pair: ZipkinPair): Ruling | undefined {
  const { source, part, span } = pair
  const out = toBigInt(span.startHi, span.startLo)
  const exact = micros(part.timestampHi, part.timestampLo)
  if (exact === 0n) {
    const annotated = annotatedAt(pair, out)
    return { rule: 'Z-T4', from: annotated.length > 0 ? annotated : [one(source, 'duration')] }
  }
  const from = isOwnStart(pair) ? [one(source, 'timestamp')] : coreTimes(pair, exact)
  if (exact * 1000n !== out) return out === latest ? { rule: 'Z-T7', from } : undefined
  return { rule: isOwnStart(pair) ? 'Z-T1' : v1Rule(pair), from }
}

function endRuling(pair: ZipkinPair): Ruling | undefined {
  const { source, part, span } = pair
  const out = toBigInt(span.endHi, span.endLo)
  const start = micros(part.timestampHi, part.timestampLo)
  const duration = micros(part.durationHi, part.durationLo)
  if (start === 0n) return { rule: 'Z-T4', from: duration === 0n ? annotatedAt(pair, out) : [one(source, 'duration')] }
  const own = isOwnStart(pair) && isOwnDuration(pair)
  const from = own ? [one(source, 'timestamp'), one(source, 'duration')] : coreTimes(pair, start, start + duration)
  if ((start + duration) * 1000n !== out) return out === latest ? { rule: 'Z-T7', from } : undefined
  if (duration === 0n) return { rule: 'Z-T3', from: isOwnStart(pair) ? [one(source, 'timestamp')] : coreTimes(pair, start) }
  return { rule: own ? 'Z-T2' : v1Rule(pair), from }
}

const times: readonly Maker<ZipkinPair>[] = [
  ...makersOf('startTimeUnixNano', ['Z-T1', 'Z-T4', 'Z-T7', 'Z-9.4', 'Z-9.5', 'Z-9.7'], startRuling),
  ...makersOf('endTimeUnixNano', ['Z-T2', 'Z-T3', 'Z-T4', 'Z-T7', 'Z-9.4', 'Z-9.5', 'Z-9.7'], endRuling),
]

// Kind

/** The words that set the kind of a part in v1, on its own host. */
function coreKinds({ source, part }: ZipkinPair): readonly ZipkinLeaf[] {
  const words = new Map<number, readonly string[]>([
    [SpanKind.Client, ['cs', 'cr']],
    [SpanKind.Server, ['sr', 'ss']],
    [SpanKind.Producer, ['ms']],
    [SpanKind.Consumer, ['mr']],
  ]).get(part.kind)
  return ofKind(source, 'annotationValue').filter((leaf) => {
    const annotation = source.span.annotations[leaf.index]
    const service = annotation?.endpoint.serviceName.text
    const here = service === part.localEndpoint.serviceName.text || annotation?.endpoint === part.localEndpoint
    // A service named by lc alone is on no annotation.
    return words?.includes(leaf.value) === true && (here || service === '')
  })
}

function kindRuling(pair: ZipkinPair): Ruling {
  const { source, part } = pair
  if (part.kind !== SpanKind.Unspecified) {
    if (source.span.version === 2) return { rule: 'Z-K1', from: [one(source, 'kind')] }
    const core = coreKinds(pair)
    const address = ofKind(source, 'endpoint').filter((leaf) => leaf.endpoint?.part === 'ca')
    return core.length > 0 ? { rule: 'Z-9.2', from: core } : { rule: 'Z-9.8', from: address.slice(0, 1) }
  }
  const tag = tagOf(pair, 'span.kind')
  return tag !== undefined && !isKept(pair, tag) ? { rule: 'Z-K5', from: [tag] } : { rule: 'Z-K2', from: [] }
}

// Status

/** Which rule gave the status: by the tags that are gone. */
function statusRule(pair: ZipkinPair): 'Z-S1' | 'Z-S3' | 'Z-S4' {
  const code = tagOf(pair, 'otel.status_code')
  if (code !== undefined && !isKept(pair, code)) return 'Z-S1'
  const census = tagOf(pair, 'census.status_code')
  return census !== undefined && !isKept(pair, census) ? 'Z-S3' : 'Z-S4'
}

const codeKeys = { 'Z-S1': 'otel.status_code', 'Z-S3': 'census.status_code', 'Z-S4': 'error' } as const

/** The tag with the message: the first description that is gone, else `error`. */
function messageFrom(pair: ZipkinPair, rule: 'Z-S1' | 'Z-S3' | 'Z-S4'): Claim {
  const keys =
    rule === 'Z-S1' ? ['otel.status_description'] : rule === 'Z-S3' ? ['census.status_description', 'opencensus.status_description'] : []
  const used = keys.map((key) => tagOf(pair, key)).find((leaf) => leaf !== undefined && !isKept(pair, leaf))
  return [used ?? tagOf(pair, 'error')]
}

const status: readonly Maker<ZipkinPair>[] = [
  ...makersOf('status.code', ['Z-S1', 'Z-S3', 'Z-S4'], (pair) => {
    const rule = statusRule(pair)
    return { rule, from: [tagOf(pair, codeKeys[rule])] }
  }),
  ...makersOf('status.message', ['Z-S1', 'Z-S3', 'Z-S4'], (pair) => {
    const rule = statusRule(pair)
    return { rule, from: messageFrom(pair, rule) }
  }),
]

// Attributes

/** Tags that stay attributes for a reason of their own. */
const keptRules = new Map<string, ZipkinRule>([
  ['otel.status_description', 'Z-S1'],
  ['census.status_code', 'Z-S3'],
  ['census.status_description', 'Z-S3'],
  ['opencensus.status_description', 'Z-S3'],
  ['otel.scope.name', 'Z-G8'],
  ['otel.scope.version', 'Z-G8'],
  ['otel.library.name', 'Z-G8'],
  ['otel.library.version', 'Z-G8'],
  ['w3c.tracestate', 'Z-G9'],
  ['otel.dropped_attributes_count', 'Z-G10'],
  ['otel.dropped_events_count', 'Z-G10'],
  ['otel.dropped_links_count', 'Z-G10'],
  ['jaegerClient', 'Z-G12'],
])

const typeRules = new Map<number, readonly [json: ZipkinRule, thrift: ZipkinRule]>([
  [ValueType.Int, ['Z-V2', 'Z-V4']],
  [ValueType.Double, ['Z-V2', 'Z-V4']],
  [ValueType.Bool, ['Z-V2', 'Z-V5']],
  [ValueType.Bytes, ['Z-V6', 'Z-V6']],
])

function typeRule({ source }: ZipkinPair, tag: KeyValue): ZipkinRule {
  const rules = typeRules.get(tag.type)
  if (rules === undefined) return 'Z-G1'
  if (source.span.version === 2) return 'Z-G2'
  return rules[source.encoding === 'thrift' ? 1 : 0]
}

function keptRule(pair: ZipkinPair, tag: KeyValue): ZipkinRule {
  const { text } = tag.key
  if (text === 'error') {
    if (pair.ask([tag]).statusCode !== StatusCode.Error) return 'Z-S5'
    return pair.span.statusCode === StatusCode.Unset ? 'Z-S1' : statusRule(pair)
  }
  if (text === 'otel.status_code') return 'Z-S2'
  if (text === 'span.kind') return pair.part.kind === SpanKind.Unspecified ? 'Z-K5' : 'Z-K6'
  if (/^otlp\.link\.\d{1,9}$/.test(text)) return 'Z-G11'
  return keptRules.get(text) ?? typeRule(pair, tag)
}

type Side = 'local' | 'remote'

/** Attributes that the translator writes of endpoints. */
const endpointKeys = new Map<string, { readonly rule: ZipkinRule; readonly side: Side; readonly what: 'service' | 'address' | 'port' }>([
  ['peer.service', { rule: 'Z-E5', side: 'remote', what: 'service' }],
  ['service.peer.name', { rule: 'Z-E5', side: 'remote', what: 'service' }],
  ['network.local.address', { rule: 'Z-E3', side: 'local', what: 'address' }],
  ['net.host.ip', { rule: 'Z-E3', side: 'local', what: 'address' }],
  ['network.local.port', { rule: 'Z-E4', side: 'local', what: 'port' }],
  ['net.host.port', { rule: 'Z-E4', side: 'local', what: 'port' }],
  ['network.peer.address', { rule: 'Z-E6', side: 'remote', what: 'address' }],
  ['net.peer.ip', { rule: 'Z-E6', side: 'remote', what: 'address' }],
  ['network.peer.port', { rule: 'Z-E7', side: 'remote', what: 'port' }],
  ['net.peer.port', { rule: 'Z-E7', side: 'remote', what: 'port' }],
])

/** The address field that has the text of an attribute; of two equal ones that of the preferred family. */
function addressLeaf(pair: ZipkinPair, side: Side, text: string, preferred: 'ipv4' | 'ipv6'): ZipkinLeaf | undefined {
  const other = preferred === 'ipv4' ? 'ipv6' : 'ipv4'
  const found = [endpointLeaf(pair, side, preferred), endpointLeaf(pair, side, other)]
  return found.find((leaf) => leaf !== undefined && (addressText(leaf.value) === text || leaf.value === text))
}

/** `zipkin.localEndpoint.ipv6` and its like: what no attribute of today is for. */
function oddEndpoint(pair: ZipkinPair, attribute: KeyValue): Ruling | undefined {
  const [, where, field] = /^zipkin\.(local|remote)Endpoint\.(ipv4|ipv6|port)$/.exec(attribute.key.text) ?? []
  if (where === undefined || field === undefined) return undefined
  const side = where === 'local' ? 'local' : 'remote'
  if (field === 'port') return { rule: 'Z-E12', from: [endpointLeaf(pair, side, 'port')] }
  const leaf = addressLeaf(pair, side, valueToString(attribute), field === 'ipv4' ? 'ipv4' : 'ipv6')
  return { rule: leaf !== undefined && isAddress(leaf.value) ? 'Z-E8' : 'Z-E9', from: [leaf] }
}

function sharedRuling(pair: ZipkinPair): Ruling {
  const { source } = pair
  if (source.span.version === 2) return { rule: 'Z-F2', from: [one(source, 'shared')] }
  const rule = v1Rule(pair)
  return { rule: rule === 'Z-9.5' ? 'Z-9.6' : rule, from: coreKinds(pair) }
}

/** The tag `lc` of a part; it has another key now. */
function componentLeaf({ source }: ZipkinPair, value: string): ZipkinLeaf | undefined {
  return ofKind(source, 'tag').findLast(({ tag }) => tag?.key.text === 'lc' && valueToString(tag) === value)
}

function writtenRuling(pair: ZipkinPair, attribute: KeyValue): Ruling | undefined {
  const { source } = pair
  const { text } = attribute.key
  const endpoint = endpointKeys.get(text)
  if (endpoint !== undefined) {
    const { rule, side, what } = endpoint
    if (what === 'address') return { rule, from: [addressLeaf(pair, side, valueToString(attribute), 'ipv4')] }
    return { rule, from: [endpointLeaf(pair, side, what === 'port' ? 'port' : 'serviceName')] }
  }
  switch (text) {
    case 'zipkin.debug':
      return { rule: 'Z-F1', from: [one(source, 'debug')] }
    case 'zipkin.shared':
      return sharedRuling(pair)
    case 'otel.zipkin.absentField.startTime':
      return { rule: 'Z-T4', from: [] }
    case 'span.kind':
      return { rule: 'Z-K4', from: [one(source, 'kind')] }
    case 'component':
      return { rule: 'Z-9.9', from: [componentLeaf(pair, valueToString(attribute))] }
    default:
      return oddEndpoint(pair, attribute)
  }
}

function attributeRuling(pair: ZipkinPair, { attribute }: OtlpField): Ruling | undefined {
  if (attribute === undefined) return undefined
  const leaf = leafOfAttribute(pair, attribute)
  if (leaf?.tag === undefined) return writtenRuling(pair, attribute)
  return { rule: keptRule(pair, leaf.tag), from: [leaf] }
}

// Resource

const sdkKeys = ['telemetry.sdk.name', 'telemetry.sdk.language', 'telemetry.sdk.version']

function serviceRuling(pair: ZipkinPair, attribute: KeyValue): Ruling | undefined {
  const source = tagOf(pair, 'otlp.service.name.source')
  const service = endpointLeaf(pair, 'local', 'serviceName')
  const named = source !== undefined && source.value === attribute.key.text
  if (!named && attribute.key.text !== 'service.name') return undefined
  if (named) return { rule: 'Z-G7', from: [source, service ?? lcOf(pair)] }
  if (service !== undefined) return { rule: 'Z-E1', from: [service] }
  return lcOf(pair) === undefined ? { rule: 'Z-E2', from: [] } : { rule: 'Z-9.9', from: [lcOf(pair)] }
}

/** The tag `lc` that names the part's service. */
const lcOf = (pair: ZipkinPair): ZipkinLeaf | undefined => {
  const { text } = pair.part.localEndpoint.serviceName
  return text === '' ? undefined : componentLeaf(pair, text)
}

function resourceRuling(pair: ZipkinPair, { attribute }: OtlpField): Ruling | undefined {
  if (attribute === undefined) return undefined
  const { text } = attribute.key
  const leaf = leafOfAttribute(pair, attribute)
  if (leaf !== undefined) return { rule: text === 'jaeger.hostname' ? 'Z-G12' : 'Z-G5', from: [leaf] }
  const service = serviceRuling(pair, attribute)
  if (service !== undefined) return service
  if (text === 'host.name') return { rule: 'Z-G12', from: [tagOf(pair, 'jaeger.hostname')] }
  const version = tagOf(pair, 'jaeger.version') ?? tagOf(pair, 'jaegerClient')
  return text === 'jaeger.version' || sdkKeys.includes(text) ? { rule: 'Z-G12', from: [version] } : undefined
}

// Scope, counters, links

const scopeRuling =
  (part: 'name' | 'version') =>
  (pair: ZipkinPair): Ruling => ({
    rule: 'Z-G8',
    from: [tagOf(pair, `otel.scope.${part}`) ?? tagOf(pair, `otel.library.${part}`)],
  })

const tagRuling =
  (rule: ZipkinRule, key: string) =>
  (pair: ZipkinPair): Ruling => ({ rule, from: [tagOf(pair, key)] })

/** Tags that are links, in the order of their numbers. */
function linkLeaves(pair: ZipkinPair): readonly ZipkinLeaf[] {
  const numbered = pair.part.tags.flatMap((tag) => {
    const [, digits] = /^otlp\.link\.(\d{1,9})$/.exec(tag.key.text) ?? []
    const leaf = tagOf(pair, tag.key.text)
    return digits === undefined || leaf === undefined || leaf.tag !== tag || isKept(pair, leaf) ? [] : [{ number: Number(digits), leaf }]
  })
  return numbered.sort((left, right) => left.number - right.number).map(({ leaf }) => leaf)
}

const linkKinds = ['link.traceId', 'link.spanId', 'link.traceState', 'link.attribute', 'link.droppedAttributesCount'] as const

// Events

/** The annotation that an event comes from: those without text have none. */
function annotationOf(
  { source, part }: ZipkinPair,
  { index }: OtlpField,
): { readonly place: number; readonly text: string; timed: boolean } | undefined {
  const annotation = part.annotations.filter(({ value }) => textToString(value) !== '')[index]
  if (annotation === undefined) return undefined
  const { value, timeHi, timeLo } = annotation
  return { place: source.places.get(annotation) ?? -2, text: textToString(value), timed: (timeHi | timeLo) !== 0 }
}

/** Which form of an annotation gave an event its name; see annotations.ts. */
function formRule(text: string, name: Text): ZipkinRule {
  const said = textToString(name)
  if (said === text) {
    if (text.startsWith('{') || text.startsWith('"')) return 'Z-A7'
    return text.includes('|') ? 'Z-A3' : 'Z-A1'
  }
  if (text.startsWith(`${said}|{`)) return 'Z-A2'
  if (text.startsWith('"')) return 'Z-A4'
  return text
    .slice(1)
    .trimStart()
    .startsWith(`${JSON.stringify(said)}`) && isNested(text)
    ? 'Z-A5'
    : 'Z-A6'
}

/** True of `{"name":{…}}`. */
const isNested = (text: string): boolean => /^\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{/.test(text)

const formRules = ['Z-A1', 'Z-A2', 'Z-A3', 'Z-A4', 'Z-A5', 'Z-A6', 'Z-A7'] as const

function eventRuling(pair: ZipkinPair, field: OtlpField): Ruling | undefined {
  const found = annotationOf(pair, field)
  const event = pair.span.events[field.index]
  if (found === undefined || event === undefined) return undefined
  return { rule: formRule(found.text, event.name), from: ofKind(pair.source, 'annotationValue', found.place) }
}

function eventTimeRuling(pair: ZipkinPair, field: OtlpField): Ruling | undefined {
  const found = annotationOf(pair, field)
  const event = pair.span.events[field.index]
  if (found === undefined || event === undefined) return undefined
  const [leaf] = ofKind(pair.source, 'annotationTime', found.place)
  const out = toBigInt(event.timeHi, event.timeLo)
  if (leaf === undefined) return out === toBigInt(pair.span.startHi, pair.span.startLo) ? { rule: 'Z-T6', from: [] } : undefined
  if (BigInt(leaf.value) * 1000n === out) return { rule: 'Z-T6', from: [leaf] }
  return out === latest ? { rule: 'Z-T7', from: [leaf] } : undefined
}

const attributeRules: readonly ZipkinRule[] = [
  ...new Set<ZipkinRule>([
    ...keptRules.values(),
    ...[...endpointKeys.values()].map(({ rule }) => rule),
    ...[...typeRules.values()].flat(),
    ...(['Z-G1', 'Z-G2', 'Z-S2', 'Z-S4', 'Z-S5', 'Z-K4', 'Z-K5', 'Z-K6', 'Z-G11', 'Z-E8', 'Z-E9', 'Z-E12', 'Z-F1', 'Z-F2'] as const),
    ...(['Z-T4', 'Z-9.4', 'Z-9.6', 'Z-9.7', 'Z-9.9'] as const),
  ]),
]

export const zipkinRules: RuleBook<ZipkinSource, ZipkinPair, ZipkinLeaf> = {
  sentences: zipkinSentences,
  makers: [
    ...ids,
    ...times,
    ...status,
    ...makersOf('name', ['Z-N1'], ({ source }) => ({ rule: 'Z-N1', from: [one(source, 'name')] })),
    ...makersOf('kind', ['Z-K1', 'Z-K2', 'Z-K5', 'Z-9.2', 'Z-9.8'], kindRuling),
    ...makersOf('flags', ['Z-F1'], ({ source }) => ({ rule: 'Z-F1', from: [one(source, 'debug')] })),
    ...makersOf('scope.name', ['Z-G8'], scopeRuling('name')),
    ...makersOf('scope.version', ['Z-G8'], scopeRuling('version')),
    ...makersOf('traceState', ['Z-G9'], tagRuling('Z-G9', 'w3c.tracestate')),
    ...makersOf('droppedAttributesCount', ['Z-G10'], tagRuling('Z-G10', 'otel.dropped_attributes_count')),
    ...makersOf('droppedEventsCount', ['Z-G10'], tagRuling('Z-G10', 'otel.dropped_events_count')),
    ...makersOf('droppedLinksCount', ['Z-G10'], tagRuling('Z-G10', 'otel.dropped_links_count')),
    ...makersOf('attribute', attributeRules, attributeRuling),
    ...makersOf('resource.attribute', ['Z-G5', 'Z-G7', 'Z-G12', 'Z-E1', 'Z-E2', 'Z-9.9'], resourceRuling),
    ...makersOf('event.timeUnixNano', ['Z-T6', 'Z-T7'], eventTimeRuling),
    ...(['event.name', 'event.attribute', 'event.droppedAttributesCount'] as const).flatMap((kind) =>
      makersOf(kind, formRules, eventRuling),
    ),
    ...linkKinds.flatMap((kind) => makersOf(kind, ['Z-G11'], (pair, { index }) => ({ rule: 'Z-G11', from: [linkLeaves(pair)[index]] }))),
  ],
  leavers,
}

/** The rule behind each reason for which a span is rejected. */
export const zipkinRejections: Readonly<Record<string, ZipkinRule>> = {
  not_a_span: 'Z-H6',
  trace_id: 'Z-I4',
  span_id: 'Z-I4',
  parent_id: 'Z-I7',
}
