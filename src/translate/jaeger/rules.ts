/**
 * Which OTLP fields each rule of docs/mapping/jaeger.md makes. The rules look at both sides of a translation and decide
 * nothing themselves; what they leave out is in `left-out.ts`.
 */

import { textToString, valueToString } from '../../otlp/attributes.ts'
import { type KeyValue, StatusCode, ValueType } from '../../otlp/model.ts'
import { toBigInt } from '../../otlp/time.ts'
import type { Leaf, Maker, RuleBook } from '../explain.ts'
import type { FieldKind, OtlpField } from '../explain-fields.ts'
import {
  droppedKeys,
  isKept,
  type JaegerLeaf,
  type JaegerPair,
  type JaegerSource,
  latestNanos,
  nanosOf,
  ofKind,
  referencesOfLinks,
  tagOf,
} from './leaves.ts'
import { leavers } from './left-out.ts'
import { type JaegerRule, jaegerSentences } from './sentences.ts'

type Claim = readonly (Leaf | undefined)[] | undefined | false

const maker = (rule: JaegerRule, kind: FieldKind, claim: (pair: JaegerPair, field: OtlpField) => Claim): Maker<JaegerPair> => ({
  rule,
  kind,
  from(pair, field) {
    const found = claim(pair, field)
    return found === undefined || found === false ? undefined : found.filter((leaf) => leaf !== undefined)
  },
})

const one = (source: JaegerSource, kind: JaegerLeaf['kind']): JaegerLeaf | undefined => ofKind(source, kind)[0]

// Ids

const idRules = { thrift: 'J-I1', proto: 'J-I2', json: 'J-I3' } as const
const ids = (['thrift', 'proto', 'json'] as const).flatMap((encoding) =>
  (['traceId', 'spanId'] as const).map((kind) =>
    maker(idRules[encoding], kind, ({ source }) => source.encoding === encoding && [one(source, kind)]),
  ),
)

/** The field, or the reference that named the parent. */
function parentFrom({ source, span }: JaegerPair): readonly (Leaf | undefined)[] {
  const { span: before } = source
  if (before.parent0 === span.parent0 && before.parent1 === span.parent1) return [one(source, 'parentSpanId')]
  const named = before.references
    .map((reference, i) => ({ reference, leaf: ofKind(source, 'reference', i)[0] }))
    .filter(
      ({ reference }) =>
        reference.span0 === span.parent0 &&
        reference.span1 === span.parent1 &&
        reference.trace2 === before.trace2 &&
        reference.trace3 === before.trace3,
    )
  return [(named.find(({ reference }) => reference.refType === 0) ?? named[0])?.leaf]
}

const linkFrom = (
  pair: JaegerPair,
  { index }: OtlpField,
): { readonly refType: number; readonly leaf: JaegerLeaf | undefined } | undefined => {
  const place = referencesOfLinks(pair).get(index)
  const reference = place === undefined ? undefined : pair.source.span.references[place]
  return reference === undefined ? undefined : { refType: reference.refType, leaf: ofKind(pair.source, 'reference', place)[0] }
}

const links: readonly Maker<JaegerPair>[] = [
  ...(['link.traceId', 'link.spanId'] as const).map((kind) => maker('J-I7', kind, (pair, field) => [linkFrom(pair, field)?.leaf])),
  maker('J-I7', 'link.attribute', (pair, field) => {
    const found = linkFrom(pair, field)
    return found !== undefined && found.refType >= 0 && found.refType <= 1 && [found.leaf]
  }),
  maker('J-I9', 'link.attribute', (pair, field) => {
    const found = linkFrom(pair, field)
    return found !== undefined && (found.refType < 0 || found.refType > 1) && [found.leaf]
  }),
]

// Times

type Span = JaegerPair['span']

/** What a time in ns came to be: as it was, raised to 0, or held to the latest there is. */
const fateOfTime = (exact: bigint, out: bigint): 'exact' | 'negative' | 'clamped' | undefined => {
  if (exact === out) return 'exact'
  if (exact < 0n) return out === 0n ? 'negative' : undefined
  return exact > latestNanos && out === latestNanos ? 'clamped' : undefined
}

const startOf = ({ startHi, startLo }: Span): bigint => toBigInt(startHi, startLo)
const fateOfStart = ({ source, span }: JaegerPair): string | undefined =>
  fateOfTime(nanosOf(source.span.startHi, source.span.startLo, source), startOf(span))
const fateOfEvent = ({ source, span }: JaegerPair, { index }: OtlpField): string | undefined => {
  const [log, event] = [source.span.logs[index], span.events[index]]
  return log && event && fateOfTime(nanosOf(log.timeHi, log.timeLo, source), toBigInt(event.timeHi, event.timeLo))
}
const fateOfEnd = ({ source, span }: JaegerPair): string | undefined => {
  const duration = nanosOf(source.span.durationHi, source.span.durationLo, source)
  const end = toBigInt(span.endHi, span.endLo)
  if (duration < 0n) return end === startOf(span) ? 'negative' : undefined
  if (duration === 0n) return end === startOf(span) ? 'none' : undefined
  return fateOfTime(startOf(span) + duration, end)
}

const startFrom = ({ source }: JaegerPair): Claim => [one(source, 'startTime')]
const endFrom = ({ source }: JaegerPair): Claim => [one(source, 'startTime'), one(source, 'duration')]
const eventFrom = ({ source }: JaegerPair, { index }: OtlpField): Claim => ofKind(source, 'logTime', index)

const exactRules: readonly Maker<JaegerPair>[] = ([1000, 1] as const).flatMap((ticks) => {
  const rule = ticks === 1000 ? 'J-T1' : 'J-T2'
  const fits = ({ source }: JaegerPair): boolean => source.nanosPerTick === ticks
  return [
    maker(rule, 'startTimeUnixNano', (pair) => fits(pair) && fateOfStart(pair) === 'exact' && startFrom(pair)),
    maker(rule, 'endTimeUnixNano', (pair) => fits(pair) && fateOfEnd(pair) === 'exact' && endFrom(pair)),
    maker(rule, 'event.timeUnixNano', (pair, field) => fits(pair) && fateOfEvent(pair, field) === 'exact' && eventFrom(pair, field)),
  ]
})

const times: readonly Maker<JaegerPair>[] = [
  ...exactRules,
  maker('J-T3', 'startTimeUnixNano', (pair) => fateOfStart(pair) === 'negative' && startFrom(pair)),
  maker('J-T3', 'event.timeUnixNano', (pair, field) => fateOfEvent(pair, field) === 'negative' && eventFrom(pair, field)),
  maker('J-T4', 'endTimeUnixNano', (pair) => fateOfEnd(pair) === 'negative' && endFrom(pair)),
  maker('J-T5', 'endTimeUnixNano', (pair) => fateOfEnd(pair) === 'none' && endFrom(pair)),
  maker('J-T6', 'startTimeUnixNano', (pair) => fateOfStart(pair) === 'clamped' && startFrom(pair)),
  maker('J-T6', 'endTimeUnixNano', (pair) => fateOfEnd(pair) === 'clamped' && endFrom(pair)),
  maker('J-T6', 'event.timeUnixNano', (pair, field) => fateOfEvent(pair, field) === 'clamped' && eventFrom(pair, field)),
]

// Status

/** Which rule gave the status: the translator is asked what `error` does by itself. */
function statusRule(pair: JaegerPair): 'J-S1' | 'J-S2' | 'J-S3' | 'J-S5' | undefined {
  if (pair.span.statusCode === StatusCode.Unset) return undefined
  const error = tagOf(pair.source, 'error')
  if (error?.tag !== undefined) {
    if (!isKept(pair, error)) return 'J-S1'
    if (pair.ask([error.tag]).statusCode === StatusCode.Error) return 'J-S2'
  }
  const code = tagOf(pair.source, 'otel.status_code')
  return code !== undefined && !isKept(pair, code) ? 'J-S3' : 'J-S5'
}

const httpCodeOf = (source: JaegerSource): JaegerLeaf | undefined =>
  tagOf(source, 'http.status_code') ?? tagOf(source, 'http.response.status_code')

const codeFrom = {
  'J-S1': ({ source }: JaegerPair) => [tagOf(source, 'error')],
  'J-S2': ({ source }: JaegerPair) => [tagOf(source, 'error')],
  'J-S3': ({ source }: JaegerPair) => [tagOf(source, 'otel.status_code')],
  'J-S5': ({ source }: JaegerPair) => [httpCodeOf(source), tagOf(source, 'span.kind')],
} as const

function messageFrom(pair: JaegerPair, rule: string): readonly (Leaf | undefined)[] {
  const description = tagOf(pair.source, 'otel.status_description')
  if (description !== undefined && !isKept(pair, description)) return [description]
  return [tagOf(pair.source, rule === 'J-S2' ? 'error' : 'http.status_message')]
}

const status = (['J-S1', 'J-S2', 'J-S3', 'J-S5'] as const).flatMap((rule) => [
  maker(rule, 'status.code', (pair) => statusRule(pair) === rule && codeFrom[rule](pair)),
  maker(rule, 'status.message', (pair) => statusRule(pair) === rule && messageFrom(pair, rule)),
])

// Tags

/** Tags that stay attributes for a reason of their own. */
const keptRules = new Map<string, JaegerRule>([
  ['otel.status_code', 'J-S3'],
  ['otel.status_description', 'J-S3'],
  ['span.kind', 'J-K1'],
  ['otel.scope.name', 'J-G5'],
  ['otel.scope.version', 'J-G5'],
  ['otel.library.name', 'J-G5'],
  ['otel.library.version', 'J-G5'],
  ['w3c.tracestate', 'J-G6'],
  ['otel.dropped_attributes_count', 'J-G7'],
  ['otel.dropped_events_count', 'J-G7'],
  ['otel.dropped_links_count', 'J-G7'],
  ['internal.span.format', 'J-G10'],
  ['sampler.type', 'J-G10'],
  ['sampler.param', 'J-G10'],
])

const typeRule = ({ origins }: JaegerSource, tag: KeyValue): JaegerRule =>
  origins.get(tag)?.rule ?? (tag.type === ValueType.Bytes ? 'J-G2' : 'J-G1')

/** Why a tag is the attribute that it is; undefined when the attribute is not a tag as it was. */
function keptRule(pair: JaegerPair, { attribute }: OtlpField): { readonly rule: JaegerRule; readonly leaf: JaegerLeaf } | undefined {
  const leaf = attribute && pair.source.byTag.get(attribute)
  if (leaf === undefined || leaf.tag === undefined) return undefined
  if (leaf.tag.key.text === 'error') {
    const decides = pair.ask([leaf.tag]).statusCode === StatusCode.Error
    return { rule: decides ? 'J-S2' : 'J-S4', leaf }
  }
  return { rule: keptRules.get(leaf.tag.key.text) ?? typeRule(pair.source, leaf.tag), leaf }
}

/** An attribute that the translator wrote, by its key. */
const written = ({ source }: JaegerPair, { attribute }: OtlpField): string | undefined =>
  attribute === undefined || source.byTag.has(attribute) ? undefined : attribute.key.text

/** Times that our own warnings are about. */
const warnedTimes = ({ source }: JaegerPair): readonly (Leaf | undefined)[] => [
  source.span.startHi < 0 ? one(source, 'startTime') : undefined,
  source.span.durationHi < 0 ? one(source, 'duration') : undefined,
]

const attributes: readonly Maker<JaegerPair>[] = [
  ...[...new Set<JaegerRule>(['J-G1', 'J-G2', 'J-B6', 'J-B8', 'J-S2', 'J-S4', ...keptRules.values()])].map((rule) =>
    maker(rule, 'attribute', (pair, field) => {
      const found = keptRule(pair, field)
      return found?.rule === rule && [found.leaf]
    }),
  ),
  maker('J-W1', 'attribute', (pair, field) =>
    written(pair, field) === '@jaeger@warnings' ? [...ofKind(pair.source, 'warning'), ...warnedTimes(pair)] : undefined,
  ),
  maker('J-F2', 'attribute', (pair, field) => written(pair, field) === 'jaeger.debug' && [one(pair.source, 'debug')]),
  maker('J-F3', 'attribute', (pair, field) => written(pair, field) === 'jaeger.firehose' && [one(pair.source, 'firehose')]),
]

/** The tag of either spelling whose text a scope has. */
const scopeFrom = (part: 'name' | 'version') => (pair: JaegerPair) => {
  const found = tagOf(pair.source, `otel.scope.${part}`) ?? tagOf(pair.source, `otel.library.${part}`)
  return [found]
}

const fields: readonly Maker<JaegerPair>[] = [
  maker('J-I5', 'parentSpanId', parentFrom),
  maker('J-N1', 'name', ({ source }) => [one(source, 'operationName')]),
  maker('J-K1', 'kind', (pair) => {
    const tag = tagOf(pair.source, 'span.kind')
    return tag !== undefined && !isKept(pair, tag) && [tag]
  }),
  maker('J-K2', 'kind', (pair) => {
    const tag = tagOf(pair.source, 'span.kind')
    return (tag === undefined || isKept(pair, tag)) && []
  }),
  maker('J-F1', 'flags', ({ source }) => {
    const bit = one(source, 'sampled')
    return bit !== undefined && [bit]
  }),
  maker('J-F2', 'flags', ({ source }) => one(source, 'sampled') === undefined && [one(source, 'debug')]),
  maker('J-G5', 'scope.name', scopeFrom('name')),
  maker('J-G5', 'scope.version', scopeFrom('version')),
  maker('J-G6', 'traceState', ({ source }) => [tagOf(source, 'w3c.tracestate')]),
  maker('J-G7', 'droppedAttributesCount', ({ source }) => [tagOf(source, 'otel.dropped_attributes_count')]),
  maker('J-G7', 'droppedEventsCount', ({ source }) => [tagOf(source, 'otel.dropped_events_count')]),
  maker('J-G7', 'droppedLinksCount', ({ source }) => [tagOf(source, 'otel.dropped_links_count')]),
]

// Logs

const eventName = ({ span }: JaegerPair, { index }: OtlpField): string => textToString(span.events[index]?.name ?? '')
const eventField = ({ source }: JaegerPair, { index }: OtlpField): JaegerLeaf | undefined => tagOf(source, 'event', 'logField', index)
const isText = (tag: KeyValue | undefined): boolean => tag?.type === ValueType.Text || tag?.type === ValueType.String

/** Which rule named an event. */
function nameRule(pair: JaegerPair, field: OtlpField): JaegerRule {
  const event = eventField(pair, field)
  if (event?.tag === undefined || event.value === '') return ofKind(pair.source, 'logField', field.index).length === 0 ? 'J-L4' : 'J-L3'
  if (eventName(pair, field) !== event.value) return 'J-L6'
  return isText(event.tag) ? 'J-L1' : 'J-L2'
}

/** What the shim's mapping calls the fields of an error. */
const exceptionKeys = new Map([
  ['exception.type', 'error.kind'],
  ['exception.message', 'message'],
  ['exception.stacktrace', 'stack'],
])

/** The field that an attribute of an event is, unchanged or under another key. */
function fieldOf(
  { source }: JaegerPair,
  { attribute, index }: OtlpField,
): { readonly rule: JaegerRule; readonly leaf: JaegerLeaf } | undefined {
  if (attribute === undefined) return undefined
  const same = source.byTag.get(attribute)
  if (same?.tag !== undefined) {
    const key = same.tag.key.text
    return { rule: key === 'event' ? 'J-L3' : droppedKeys.includes(key) ? 'J-L5' : typeRule(source, same.tag), leaf: same }
  }
  const renamed = tagOf(source, exceptionKeys.get(attribute.key.text) ?? '', 'logField', index)
  return renamed === undefined ? undefined : { rule: 'J-L6', leaf: renamed }
}

const events: readonly Maker<JaegerPair>[] = [
  ...(['J-L1', 'J-L2', 'J-L3', 'J-L4', 'J-L6'] as const).map((rule) =>
    maker(rule, 'event.name', (pair, field) => {
      const event = eventField(pair, field)
      return nameRule(pair, field) === rule && (event?.value === '' ? [] : [event])
    }),
  ),
  ...(['J-G1', 'J-G2', 'J-B6', 'J-L3', 'J-L5', 'J-L6'] as const).map((rule) =>
    maker(rule, 'event.attribute', (pair, field) => {
      const found = fieldOf(pair, field)
      return found?.rule === rule && [found.leaf]
    }),
  ),
  maker('J-L5', 'event.droppedAttributesCount', (pair, { index, value }) => [
    ofKind(pair.source, 'logField', index).findLast(
      ({ tag }) => tag && droppedKeys.includes(tag.key.text) && valueToString(tag) === `${value}`,
    ),
  ]),
]

// Process

const noServiceMarker = 'OTLPResourceNoServiceName'

/** Where `service.name` came from: its text is compared with what could have given it. */
function serviceRule({ source, resource }: JaegerPair): { readonly rule: JaegerRule; readonly leaf: JaegerLeaf | undefined } {
  const name = one(source, 'serviceName')
  const said = resource[0] === undefined ? '' : valueToString(resource[0])
  const tag = tagOf(source, 'service.name', 'processTag')
  if (name !== undefined && name.value !== noServiceMarker) return { rule: 'J-P1', leaf: name }
  if (tag !== undefined && tag.value !== '' && tag.value === said) return { rule: 'J-P1', leaf: tag }
  return name === undefined ? { rule: 'J-P2', leaf: undefined } : { rule: 'J-P3', leaf: name }
}

/** Process tags that stay for a reason of their own, and keys that others are given. */
const keptProcessRules = new Map<string, JaegerRule>([
  ['ip', 'J-P5'],
  ['hostname', 'J-P4'],
  ['client-uuid', 'J-P7'],
  ['jaeger.version', 'J-P6'],
])
const writtenProcessRules = new Map<string, { readonly rule: JaegerRule; readonly key: string }>([
  ['host.name', { rule: 'J-P4', key: 'hostname' }],
  ['service.instance.id', { rule: 'J-P7', key: 'client-uuid' }],
  ['telemetry.sdk.name', { rule: 'J-P6', key: 'jaeger.version' }],
  ['telemetry.sdk.language', { rule: 'J-P6', key: 'jaeger.version' }],
  ['telemetry.sdk.version', { rule: 'J-P6', key: 'jaeger.version' }],
])

function resourceRule(
  pair: JaegerPair,
  { attribute }: OtlpField,
): { readonly rule: JaegerRule; readonly leaf: JaegerLeaf | undefined } | undefined {
  if (attribute === undefined) return undefined
  const same = pair.source.byTag.get(attribute)
  if (same?.tag !== undefined) return { rule: keptProcessRules.get(same.tag.key.text) ?? typeRule(pair.source, same.tag), leaf: same }
  if (attribute.key.text === 'service.name') return serviceRule(pair)
  const made = writtenProcessRules.get(attribute.key.text)
  return made === undefined ? undefined : { rule: made.rule, leaf: tagOf(pair.source, made.key, 'processTag') }
}

const resources = (['J-G1', 'J-G2', 'J-B6', 'J-B8', 'J-P1', 'J-P2', 'J-P3', 'J-P4', 'J-P5', 'J-P6', 'J-P7'] as const).map((rule) =>
  maker(rule, 'resource.attribute', (pair, field) => {
    const found = resourceRule(pair, field)
    return found?.rule === rule && [found.leaf]
  }),
)

export const jaegerRules: RuleBook<JaegerSource, JaegerPair, JaegerLeaf> = {
  sentences: jaegerSentences,
  makers: [...ids, ...fields, ...times, ...status, ...attributes, ...events, ...links, ...resources],
  leavers,
}

/** The rule behind each reason for which a span is rejected. */
export const jaegerRejections: Readonly<Record<string, JaegerRule>> = {
  trace_id_zero: 'J-I4',
  span_id_zero: 'J-I4',
  trace_id_width: 'J-I2',
  span_id_width: 'J-I2',
  trace_id_unreadable: 'J-I3',
  span_id_unreadable: 'J-I3',
  time_unreadable: 'J-B6',
  not_json: 'J-B1',
  not_a_span: 'J-B1',
}
