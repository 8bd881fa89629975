/**
 * Spans in the form in which they are compared: OTLP/JSON with everything gone that means nothing (the order of attributes, how spans are grouped,
 * fields with their default), and every value as text with its type.
 */

import { hexId, isJson, type Json, listOf, type OtlpJsonSpan } from '../read/otlp-json.ts'

/** Values by path: `name`, `attributes["http.route"]`, `resource.attributes["host.name"]`, `status.code`. Attributes are `type:value`. */
export type Fields = ReadonlyMap<string, string>

export interface CanonicalSpan {
  /** 32 and 16 lower-case hex digits. */
  readonly traceId: string
  readonly spanId: string
  readonly kind: number
  /** Of the resource; empty without one. */
  readonly service: string
  readonly startNs: bigint
  readonly endNs: bigint
  /** Everything but ids, kind, times, events and links. */
  readonly fields: Fields
  /** By time, then by content. Times are `timeUnixNano`. */
  readonly events: readonly Fields[]
  readonly links: readonly Fields[]
}

const numberText = (value: unknown): string => (typeof value === 'number' && Object.is(value, -0) ? '-0' : String(value))

/** An AnyValue as text: `string:GET`, `int:200`, `array:[int:1, int:2]`. */
function valueText(value: unknown): string {
  if (!isJson(value)) return 'empty:'
  const [entry] = Object.entries(value)
  if (entry === undefined) return 'empty:'
  const [type, inner] = entry
  if (type === 'doubleValue') return `double:${typeof inner === 'number' ? numberText(inner) : numberText(Number(inner))}`
  if (type === 'arrayValue') {
    const values = isJson(inner) ? inner['values'] : undefined
    return `array:[${(Array.isArray(values) ? values : []).map(valueText).join(', ')}]`
  }
  if (type === 'kvlistValue') {
    const entries = listOf(isJson(inner) ? inner['values'] : undefined).map(
      (one) => `${JSON.stringify(String(one['key']))}: ${valueText(one['value'])}`,
    )
    return `kvlist:{${entries.sort().join(', ')}}`
  }
  return `${type.replace(/Value$/, '')}:${String(inner)}`
}

/** The value without its type. */
export const bareText = (text: string): string => text.slice(text.indexOf(':') + 1)

/** `attributes["http.route"]` */
export const attributePath = (key: string, owner = ''): string => `${owner}attributes[${JSON.stringify(key)}]`

function putAttributes(fields: Map<string, string>, owner: string, list: unknown): void {
  // Of a key given twice the last one counts.
  for (const { key, value } of listOf(list)) fields.set(attributePath(String(key), owner), valueText(value))
}

function put(fields: Map<string, string>, path: string, value: unknown): void {
  if (value === undefined || value === null || value === '' || value === 0 || value === '0') return
  fields.set(path, String(value))
}

const statusWords: Readonly<Record<string, number>> = { STATUS_CODE_UNSET: 0, STATUS_CODE_OK: 1, STATUS_CODE_ERROR: 2 }
const kindWords: Readonly<Record<string, number>> = {
  SPAN_KIND_UNSPECIFIED: 0,
  SPAN_KIND_INTERNAL: 1,
  SPAN_KIND_SERVER: 2,
  SPAN_KIND_CLIENT: 3,
  SPAN_KIND_PRODUCER: 4,
  SPAN_KIND_CONSUMER: 5,
}

/** Enums come as numbers, or as words from writers of plain protobuf JSON. */
const enumNumber = (value: unknown, words: Readonly<Record<string, number>>): number =>
  typeof value === 'string' ? (words[value] ?? Number(value)) : typeof value === 'number' ? value : 0

const nanos = (value: unknown): bigint =>
  (typeof value === 'string' && /^\d+$/.test(value)) || (typeof value === 'number' && Number.isInteger(value)) ? BigInt(value) : 0n

const contentOf = (fields: Fields): string => JSON.stringify([...fields].sort(([a], [b]) => (a < b ? -1 : 1)))

const eventOf = (event: Json): Fields => {
  const fields = new Map<string, string>([['timeUnixNano', nanos(event['timeUnixNano']).toString()]])
  put(fields, 'name', event['name'])
  put(fields, 'droppedAttributesCount', event['droppedAttributesCount'])
  putAttributes(fields, '', event['attributes'])
  return fields
}

const linkOf = (link: Json): Fields => {
  const fields = new Map<string, string>()
  fields.set('traceId', hexId(link['traceId'], 32))
  fields.set('spanId', hexId(link['spanId'], 16))
  for (const name of ['traceState', 'flags', 'droppedAttributesCount']) put(fields, name, link[name])
  putAttributes(fields, '', link['attributes'])
  return fields
}

const sorted = (list: readonly Fields[]): readonly Fields[] =>
  list
    .map((fields) => ({ fields, time: fields.get('timeUnixNano') ?? '', content: contentOf(fields) }))
    .sort((a, b) => a.time.length - b.time.length || (a.time < b.time ? -1 : a.time > b.time ? 1 : a.content < b.content ? -1 : 1))
    .map(({ fields }) => fields)

/** OTLP/JSON → canonical. Ids in hex or base64, enums as numbers or words. Never throws. */
export function canonicalSpan({ resource, scope, span }: OtlpJsonSpan): CanonicalSpan {
  const fields = new Map<string, string>()
  putAttributes(fields, 'resource.', resource['attributes'])
  put(fields, 'scope.name', scope['name'])
  put(fields, 'scope.version', scope['version'])
  putAttributes(fields, 'scope.', scope['attributes'])
  put(fields, 'parentSpanId', hexId(span['parentSpanId'], 16).replace(/^0+$/, ''))
  for (const name of ['traceState', 'flags', 'name', 'droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount'])
    put(fields, name, span[name])
  putAttributes(fields, '', span['attributes'])
  const status = isJson(span['status']) ? span['status'] : {}
  put(fields, 'status.code', enumNumber(status['code'], statusWords))
  put(fields, 'status.message', status['message'])
  const service = fields.get('resource.attributes["service.name"]')
  return {
    traceId: hexId(span['traceId'], 32),
    spanId: hexId(span['spanId'], 16),
    kind: enumNumber(span['kind'], kindWords),
    service: service === undefined ? '' : bareText(service),
    startNs: nanos(span['startTimeUnixNano']),
    endNs: nanos(span['endTimeUnixNano']),
    fields,
    events: sorted(listOf(span['events']).map(eventOf)),
    links: sorted(listOf(span['links']).map(linkOf)),
  }
}

/** Equal for spans that say the same. */
export function spanContent(span: CanonicalSpan): string {
  return JSON.stringify([
    span.traceId,
    span.spanId,
    span.kind,
    span.startNs.toString(),
    span.endNs.toString(),
    contentOf(span.fields),
    span.events.map(contentOf),
    span.links.map(contentOf),
  ])
}

/** What two sides have in common when they mean the same span. */
export const identityOf = ({ traceId, spanId, kind }: CanonicalSpan): string => `${traceId}/${spanId}/${kind}`
