/**
 * The rules of docs/mapping/jaeger.md as `translate --explain` names them: what each says, which OTLP fields it makes and
 * which Jaeger fields it leaves out. They look at both sides of a translation and decide nothing themselves.
 */

import { textToString, valueToString } from '../../otlp/attributes.ts'
import { type KeyValue, StatusCode, ValueType } from '../../otlp/model.ts'
import { toBigInt } from '../../otlp/time.ts'
import { statusCodeOf } from '../../otlp/words.ts'
import type { Fate, Leaf, Leaver, Maker, RuleBook } from '../explain.ts'
import type { FieldKind, OtlpField } from '../explain-fields.ts'
import {
  isKept,
  isOverwritten,
  type JaegerLeaf,
  type JaegerPair,
  type JaegerSource,
  latestNanos,
  nanosOf,
  ofKind,
  referencesOfLinks,
  tagOf,
} from './leaves.ts'

/** What the rules say, in the order of the mapping page. */
export const jaegerSentences = {
  'J-I1': 'Thrift ids are signed numbers: their bits are the id.',
  'J-I2': 'Ids in bytes; shorter ones are padded with zeros on the left. One of a wrong width costs its span.',
  'J-I3': 'Ids in hex (base64 in protobuf-JSON); shorter ones are padded with zeros on the left. One that cannot be read costs its span.',
  'J-I4': 'A span without a trace or span id is rejected: OTLP backends refuse the whole request for it.',
  'J-I5': 'The parent is parentSpanID, else the first CHILD_OF, else the first FOLLOWS_FROM of the same trace; never the span itself.',
  'J-I6': 'The reference that names the parent is no link besides.',
  'J-I7': 'Other references are links, with opentracing.ref_type = child_of or follows_from.',
  'J-I8': 'A reference without ids, or to the span itself, is left out.',
  'J-I9': 'A reference of an unknown type is a follows_from.',
  'J-N1': 'The operation name is the name.',
  'J-K1': 'The tag span.kind is the kind, in any case; an unknown word stays a tag.',
  'J-K2': 'Without span.kind the kind is INTERNAL, or what translate.jaeger.kind.absent says.',
  'J-T1': 'Microseconds × 1000, exact. The end is start and duration.',
  'J-T2': 'Nanoseconds as they are. The end is start and duration.',
  'J-T3': 'A negative time becomes 0; of a span, a warning says so.',
  'J-T4': 'A negative duration becomes 0, and a warning says so.',
  'J-T5': 'Without a duration the end is the start.',
  'J-T6': 'A time beyond 64 bits becomes the latest there is.',
  'J-F1': 'Bit 0 of the flags is the flag sampled.',
  'J-F2': 'Bit 1 of the flags is the attribute jaeger.debug, and the flag sampled.',
  'J-F3': 'Bit 3 of the flags is the attribute jaeger.firehose.',
  'J-F4': 'Other bits of the flags mean nothing and are left out.',
  'J-W1': 'Warnings are a list in @jaeger@warnings; ours are appended.',
  'J-G1': 'A tag is an attribute of the same type.',
  'J-G2': 'A binary tag is an attribute in bytes.',
  'J-G4': 'Of a key given twice the last one counts.',
  'J-G5': 'otel.scope.name and .version, or otel.library.*, are the instrumentation scope; a library.* that says something else stays.',
  'J-G6': 'w3c.tracestate is the trace state.',
  'J-G7': 'otel.dropped_…_count are the dropped counters; what is no number stays, 0 needs no field.',
  'J-G8': 'A tag whose type is unknown takes the value it has; without one it is left out.',
  'J-G10': 'internal.span.format and sampler.* stay.',
  'J-S1': 'error = true is ERROR; the message is otel.status_description, else http.status_message. It wins over otel.status_code.',
  'J-S2': 'error with another text is ERROR; the message is otel.status_description, else that text. The tag stays.',
  'J-S3': 'otel.status_code is the status, otel.status_description its message. What decides nothing stays; UNSET needs no field.',
  'J-S4': 'error = false, and an error that is neither text nor boolean, decides nothing and stays.',
  'J-S5':
    'Without error and otel.status_code: HTTP status from 500 on is ERROR, and 400 to 499 but for servers; the message is http.status_message.',
  'J-L1': 'The field event of a log is the name of the event.',
  'J-L2': 'An event of another type is the name as text.',
  'J-L3': 'A log without event, or with an empty one, is named log.',
  'J-L4': 'A log without fields is named log.',
  'J-L5': 'otel.event.dropped_attributes_count, or otel.dropped_attributes_count, above 0 is the counter of the event.',
  'J-L6': 'With translate.jaeger.logs.exceptions = map a log event=error is an exception event with exception.* attributes.',
  'J-L7': 'Of a field given twice the last one counts.',
  'J-P1': 'serviceName is service.name; a tag service.name counts only without it.',
  'J-P2': 'Without a service name it is unknown_service.',
  'J-P3': "OTLPResourceNoServiceName is the Collector's mark for none: unknown_service.",
  'J-P4': 'The process tag hostname is host.name, unless that is there.',
  'J-P5': 'The process tag ip stays.',
  'J-P6': 'jaeger.version stays, and says telemetry.sdk.* where nothing else does.',
  'J-P7': 'The process tag client-uuid is service.instance.id, unless that is there.',
  'J-P8': "A span's own process wins over that of its batch.",
  'J-U9': 'Sequence numbers and losses that clients report are metrics of the bridge, never span data.',
  'J-B1': 'What is not JSON, or not a span, is rejected.',
  'J-B6': 'A time that is no number costs its span; any other value that is not of its type stays as text.',
} as const satisfies Readonly<Record<string, string>>

type RuleId = keyof typeof jaegerSentences
type Claim = readonly (Leaf | undefined)[] | undefined | false

const maker = (rule: RuleId, kind: FieldKind, claim: (pair: JaegerPair, field: OtlpField) => Claim): Maker<JaegerPair> => ({
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
const keptRules = new Map<string, RuleId>([
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

const typeRule = ({ type }: KeyValue): RuleId => (type === ValueType.Bytes ? 'J-G2' : 'J-G1')

/** Why a tag is the attribute that it is; undefined when the attribute is not a tag as it was. */
function keptRule(pair: JaegerPair, { attribute }: OtlpField): { readonly rule: RuleId; readonly leaf: JaegerLeaf } | undefined {
  const leaf = attribute && pair.source.byTag.get(attribute)
  if (leaf === undefined || leaf.tag === undefined) return undefined
  if (leaf.tag.key.text === 'error') {
    const decides = pair.ask([leaf.tag]).statusCode === StatusCode.Error
    return { rule: decides ? 'J-S2' : 'J-S4', leaf }
  }
  return { rule: keptRules.get(leaf.tag.key.text) ?? typeRule(leaf.tag), leaf }
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
  ...[...new Set<RuleId>(['J-G1', 'J-G2', 'J-S2', 'J-S4', ...keptRules.values()])].map((rule) =>
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
function nameRule(pair: JaegerPair, field: OtlpField): RuleId {
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

const droppedKeys = ['otel.event.dropped_attributes_count', 'otel.dropped_attributes_count']

/** The field that an attribute of an event is, unchanged or under another key. */
function fieldOf(
  { source }: JaegerPair,
  { attribute, index }: OtlpField,
): { readonly rule: RuleId; readonly leaf: JaegerLeaf } | undefined {
  if (attribute === undefined) return undefined
  const same = source.byTag.get(attribute)
  if (same?.tag !== undefined) {
    const key = same.tag.key.text
    return { rule: key === 'event' ? 'J-L3' : droppedKeys.includes(key) ? 'J-L5' : typeRule(same.tag), leaf: same }
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
  ...(['J-G1', 'J-G2', 'J-L3', 'J-L5', 'J-L6'] as const).map((rule) =>
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
function serviceRule({ source, resource }: JaegerPair): { readonly rule: RuleId; readonly leaf: JaegerLeaf | undefined } {
  const name = one(source, 'serviceName')
  const said = resource[0] === undefined ? '' : valueToString(resource[0])
  const tag = tagOf(source, 'service.name', 'processTag')
  if (name !== undefined && name.value !== noServiceMarker) return { rule: 'J-P1', leaf: name }
  if (tag !== undefined && tag.value !== '' && tag.value === said) return { rule: 'J-P1', leaf: tag }
  return name === undefined ? { rule: 'J-P2', leaf: undefined } : { rule: 'J-P3', leaf: name }
}

/** Process tags that stay for a reason of their own, and keys that others are given. */
const keptProcessRules = new Map<string, RuleId>([
  ['ip', 'J-P5'],
  ['hostname', 'J-P4'],
  ['client-uuid', 'J-P7'],
  ['jaeger.version', 'J-P6'],
])
const writtenProcessRules = new Map<string, { readonly rule: RuleId; readonly key: string }>([
  ['host.name', { rule: 'J-P4', key: 'hostname' }],
  ['service.instance.id', { rule: 'J-P7', key: 'client-uuid' }],
  ['telemetry.sdk.name', { rule: 'J-P6', key: 'jaeger.version' }],
  ['telemetry.sdk.language', { rule: 'J-P6', key: 'jaeger.version' }],
  ['telemetry.sdk.version', { rule: 'J-P6', key: 'jaeger.version' }],
])

function resourceRule(
  pair: JaegerPair,
  { attribute }: OtlpField,
): { readonly rule: RuleId; readonly leaf: JaegerLeaf | undefined } | undefined {
  if (attribute === undefined) return undefined
  const same = pair.source.byTag.get(attribute)
  if (same?.tag !== undefined) return { rule: keptProcessRules.get(same.tag.key.text) ?? typeRule(same.tag), leaf: same }
  if (attribute.key.text === 'service.name') return serviceRule(pair)
  const made = writtenProcessRules.get(attribute.key.text)
  return made === undefined ? undefined : { rule: made.rule, leaf: tagOf(pair.source, made.key, 'processTag') }
}

const resources = (['J-G1', 'J-G2', 'J-P1', 'J-P2', 'J-P3', 'J-P4', 'J-P5', 'J-P6', 'J-P7'] as const).map((rule) =>
  maker(rule, 'resource.attribute', (pair, field) => {
    const found = resourceRule(pair, field)
    return found?.rule === rule && [found.leaf]
  }),
)

// What is left out

const leaver = (
  rule: RuleId,
  kind: JaegerLeaf['kind'],
  fate: (source: JaegerSource, leaf: JaegerLeaf) => Fate | undefined,
): Leaver<JaegerSource, JaegerLeaf> => ({ rule, fate: (source, leaf) => (leaf.kind === kind ? fate(source, leaf) : undefined) })

/** True of the tag that counts for its key. */
const counts = (source: JaegerSource, leaf: JaegerLeaf): boolean => !isOverwritten(source, leaf) && leaf.tag?.type !== ValueType.Empty

const overwritten = (source: JaegerSource, leaf: JaegerLeaf): Fate | undefined => (isOverwritten(source, leaf) ? 'lost' : undefined)
const valueless = (source: JaegerSource, leaf: JaegerLeaf): Fate | undefined =>
  leaf.tag?.type === ValueType.Empty && !isOverwritten(source, leaf) ? 'lost' : undefined

const impliedTags = (rule: RuleId, keys: readonly string[]): Leaver<JaegerSource, JaegerLeaf> =>
  leaver(rule, 'tag', (source, leaf) => (counts(source, leaf) && keys.includes(leaf.tag?.key.text ?? '') ? 'implied' : undefined))

/** The reference says nothing that could be a link. */
const isHollow = ({ span }: JaegerSource, { index }: JaegerLeaf): boolean => {
  const it = span.references[index]
  if (it === undefined) return false
  const zero = (it.trace0 | it.trace1 | it.trace2 | it.trace3) === 0 || (it.span0 | it.span1) === 0
  return zero || (it.span0 === span.span0 && it.span1 === span.span1)
}

/** `otel.status_code` that is gone although something else decided. */
const overruled = (source: JaegerSource, leaf: JaegerLeaf): Fate | undefined => {
  if (!counts(source, leaf) || leaf.tag?.key.text !== 'otel.status_code') return undefined
  return tagOf(source, 'error') === undefined || statusCodeOf(leaf.value) !== StatusCode.Ok ? 'implied' : 'lost'
}

const leavers: readonly Leaver<JaegerSource, JaegerLeaf>[] = [
  leaver('J-I5', 'parentSpanId', () => 'lost'),
  leaver('J-I6', 'reference', (source, leaf) => (isHollow(source, leaf) ? undefined : 'implied')),
  leaver('J-I8', 'reference', (source, leaf) => (isHollow(source, leaf) ? 'lost' : undefined)),
  leaver('J-F4', 'otherFlags', () => 'lost'),
  leaver('J-G4', 'tag', overwritten),
  leaver('J-G4', 'processTag', overwritten),
  leaver('J-G8', 'tag', valueless),
  leaver('J-G8', 'processTag', valueless),
  leaver('J-G8', 'logField', valueless),
  impliedTags('J-G5', ['otel.scope.name', 'otel.scope.version', 'otel.library.name', 'otel.library.version']),
  impliedTags('J-G6', ['w3c.tracestate']),
  impliedTags('J-G7', ['otel.dropped_attributes_count', 'otel.dropped_events_count', 'otel.dropped_links_count']),
  impliedTags('J-S3', ['otel.status_description']),
  leaver('J-S3', 'tag', (source, leaf) => (overruled(source, leaf) === 'implied' ? 'implied' : undefined)),
  leaver('J-S1', 'tag', (source, leaf) => (overruled(source, leaf) === 'lost' ? 'lost' : undefined)),
  leaver('J-L7', 'logField', overwritten),
  leaver('J-L5', 'logField', (source, leaf) =>
    counts(source, leaf) && droppedKeys.includes(leaf.tag?.key.text ?? '') ? 'lost' : undefined,
  ),
  leaver('J-P1', 'processTag', (source, leaf) => {
    if (!counts(source, leaf) || leaf.tag?.key.text !== 'service.name') return undefined
    return leaf.value === '' || leaf.value === one(source, 'serviceName')?.value ? 'implied' : 'lost'
  }),
  leaver('J-P3', 'serviceName', () => 'implied'),
  leaver('J-P8', 'batchProcess', () => 'lost'),
]

export const jaegerRules: RuleBook<JaegerSource, JaegerPair, JaegerLeaf> = {
  sentences: jaegerSentences,
  makers: [...ids, ...fields, ...times, ...status, ...attributes, ...events, ...links, ...resources],
  leavers,
}

/** The rule behind each reason for which a span is rejected. */
export const jaegerRejections: Readonly<Record<string, RuleId>> = {
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
