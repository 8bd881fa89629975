/** Two spans field by field: what is different, and which reader or rule explains it (cutover 3.4). */

import { isJson } from '../read/otlp-json.ts'
import { bareText, type CanonicalSpan, type Fields } from './canonical.ts'
import type { DifferenceClass, DifferenceKind } from './model.ts'

/** How a side was read; what it changed on the way is no difference. */
export type Reader =
  /** Zipkin's API. */
  | 'zipkin'
  /** `/api/traces?raw=true` */
  | 'jaeger-json'
  /** OTLP/JSON of api_v3, from the store of a Jaeger v2 in memory, or from Tempo. */
  | 'otlp'
  /** api_v3 over the model of Jaeger v1. */
  | 'jaeger-v1-model'

export interface FieldDifference {
  readonly class: DifferenceClass
  readonly kind: DifferenceKind
  readonly rule: string
  readonly path: string
  readonly expected: string | undefined
  readonly actual: string | undefined
}

export interface Readers {
  readonly old: Reader
  readonly new: Reader
}

interface Raw {
  readonly path: string
  readonly expected: string | undefined
  readonly actual: string | undefined
}

/** Attributes that Jaeger's model has for what OTLP has fields for, or makes of links. */
const shapeAttribute =
  /attributes\["(?:otel\.(?:status_code|status_description|scope\.(?:name|version)|library\.(?:name|version))|error|opentracing\.ref_type|span\.kind|internal\.span\.format|w3c\.tracestate)"\]$/

/** What Zipkin does not store of an endpoint that it cannot read. */
const endpointAttribute =
  /^attributes\["(?:network\.(?:local|peer)\.(?:address|port)|net\.(?:host|peer)\.(?:ip|port)|zipkin\.(?:local|remote)Endpoint\.\w+)"\]$/

const attributeAt = /attributes\[/

/** A value of JSON as {@link saysTheSame} compares it: like `valueText`, without types. */
function plainText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plainText).join(', ')}]`
  if (!isJson(value)) return value === null ? '' : String(value)
  return `{${Object.entries(value)
    .map(([key, one]) => `${JSON.stringify(key)}: ${plainText(one)}`)
    .sort()
    .join(', ')}}`
}

/** Whether JSON text holds what a list or map does. How a Jaeger shows bytes is its own. */
function saysTheSame(text: string, typed: string): boolean {
  if (typed.startsWith('bytes:')) return true
  if (typed.startsWith('int:')) return text === bareText(typed)
  // Numbers beyond what JSON.parse keeps stay as they are written.
  const whole = text.replace(/(?<=^|[[{,:]\s*)-?\d{16,}(?=\s*[\]},])/g, '"$&"')
  try {
    const withoutTypes = (one: string): string => one.replace(/\b(?:string|int|double|bool|bytes|array|kvlist|empty):/g, '')
    return withoutTypes(plainText(JSON.parse(whole))) === withoutTypes(typed)
  } catch {
    return false
  }
}

/** The rule by which a reader, not a fault, makes this difference; undefined when none does. */
function readerRule(
  { path, expected, actual }: Raw,
  readers: Readers,
): { readonly class: DifferenceClass; readonly rule: string } | undefined {
  const reader = (rule: string) => ({ class: 'reader' as const, rule })
  const both = expected !== undefined && actual !== undefined
  // Jaeger says here what it found odd, and gives a span without duration one of a nanosecond.
  if (path === 'attributes["@jaeger@warnings"]' && (expected === undefined || actual === undefined)) return reader('jaeger-warnings')
  // Jaeger's collectors note here how a span came to them.
  if (/^attributes\["(?:@jaeger@format|internal\.span\.format)"\]$/.test(path) && readers.old === 'jaeger-json')
    return reader('jaeger-format')
  if (readers.old === 'zipkin' && expected === undefined && endpointAttribute.test(path)) return reader('zipkin-endpoint')
  if (readers.old === 'zipkin' && both) {
    const named = path === 'name' || /attributes\["(?:service\.name|peer\.service)"\]$/.test(path)
    if (named && expected === expected.toLowerCase() && expected === actual.toLowerCase()) return { class: 'mapped', rule: 'Z-N1' }
    // Zipkin stores text; a JSON number or boolean in a tag is one on the new side.
    if (
      attributeAt.test(path) &&
      expected.startsWith('string:') &&
      /^(?:int|double|bool):/.test(actual) &&
      bareText(expected) === bareText(actual)
    )
      return { class: 'mapped', rule: 'Z-G2' }
  }
  const shapes = [readers.old, readers.new]
  for (const one of ['jaeger-json', 'jaeger-v1-model'] as const) {
    if (!shapes.includes(one)) continue
    const rule = one === 'jaeger-json' ? 'jaeger-shape' : one
    if (
      path === 'flags' ||
      /dropped\w+Count$/.test(path) ||
      path === 'traceState' ||
      path === 'links.traceState' ||
      path === 'links.flags'
    ) {
      const [lost, kept] = readers.new === one ? [actual, expected] : [expected, actual]
      if (lost === undefined && kept !== undefined) return reader(rule)
    }
    if (shapeAttribute.test(path) && !both) return reader(rule)
    if (path.startsWith('links.attributes[')) return reader(rule)
    // Lists and maps are JSON text there, and so are numbers beyond 2^53.
    if (both && attributeAt.test(path)) {
      const [text, typed] = readers.new === one ? [actual, expected] : [expected, actual]
      if (text.startsWith('string:') && /^(?:array|kvlist|bytes|int):/.test(typed) && saysTheSame(bareText(text), typed))
        return reader(rule)
    }
  }
  return undefined
}

const isTime = /(?:UnixNano|^start|^end)$/

function classified(raw: Raw, readers: Readers): FieldDifference {
  const { path, expected, actual } = raw
  const kind: DifferenceKind = expected === undefined ? 'extra_new' : actual === undefined ? 'missing_new' : 'changed'
  const micros = readers.old === 'jaeger-json' || readers.new === 'jaeger-json' || readers.old === 'zipkin'
  if (isTime.test(path) && micros && expected !== undefined && actual !== undefined) {
    const [a, b] = [BigInt(expected), BigInt(actual)]
    // Start and duration are cut one by one: the end may be two off.
    const cut = readers.old === 'jaeger-json' || readers.new === 'jaeger-json'
    if (a / 1000n === b / 1000n || (cut && path === 'end' && (a - b) ** 2n <= 2000n ** 2n))
      return { ...raw, class: 'precision', kind, rule: 'us' }
  }
  const rule = readerRule(raw, readers)
  return rule === undefined ? { ...raw, class: 'unexplained', kind, rule: '' } : { ...raw, ...rule, kind }
}

function fieldsDiffer(prefix: string, expected: Fields, actual: Fields, found: Raw[]): void {
  for (const [path, value] of expected) {
    const other = actual.get(path)
    if (other !== value) found.push({ path: prefix + path, expected: value, actual: other })
  }
  for (const [path, value] of actual) if (!expected.has(path)) found.push({ path: prefix + path, expected: undefined, actual: value })
}

const contentOf = (fields: Fields): string => JSON.stringify([...fields].sort(([a], [b]) => (a < b ? -1 : 1)))

/** A list against a list: equal members go, the others are paired by their name and order. */
function listsDiffer(prefix: 'events' | 'links', expected: readonly Fields[], actual: readonly Fields[], found: Raw[]): void {
  const left = new Map<string, Fields[]>()
  for (const one of actual) {
    const content = contentOf(one)
    const same = left.get(content)
    if (same === undefined) left.set(content, [one])
    else same.push(one)
  }
  const unmatched = expected.filter((one) => left.get(contentOf(one))?.pop() === undefined)
  const rest = [...left.values()].flat()
  const nameOf = (one: Fields): string => one.get('name') ?? `${one.get('traceId') ?? ''}/${one.get('spanId') ?? ''}`
  const describe = (one: Fields): string => bareText(nameOf(one)) || nameOf(one)
  const pair = (one: Fields, same: (other: Fields) => boolean): boolean => {
    const at = rest.findIndex(same)
    const [other] = at < 0 ? [] : rest.splice(at, 1)
    if (other !== undefined) fieldsDiffer(`${prefix}.`, one, other, found)
    return other !== undefined
  }
  const nameless = unmatched.filter((one) => !pair(one, (other) => nameOf(other) === nameOf(one)))
  const alone = nameless.filter((one) => !pair(one, (other) => other.get('timeUnixNano') === one.get('timeUnixNano')))
  for (const one of alone) found.push({ path: prefix, expected: describe(one), actual: undefined })
  for (const one of rest) found.push({ path: prefix, expected: undefined, actual: describe(one) })
}

/**
 * What the new span has otherwise than expected. Ids are not compared: the two were found to be the same span.
 * @param expected what translation makes of the old side's span, or of what the client sent
 */
export function compareSpans(expected: CanonicalSpan, actual: CanonicalSpan, readers: Readers): readonly FieldDifference[] {
  const found: Raw[] = []
  const scalar = (path: string, a: string, b: string): void => {
    if (a !== b) found.push({ path, expected: a, actual: b })
  }
  scalar('kind', String(expected.kind), String(actual.kind))
  scalar('start', expected.startNs.toString(), actual.startNs.toString())
  scalar('end', expected.endNs.toString(), actual.endNs.toString())
  fieldsDiffer('', expected.fields, actual.fields, found)
  listsDiffer('events', expected.events, actual.events, found)
  listsDiffer('links', expected.links, actual.links, found)
  return found.map((raw) => classified(raw, readers))
}
