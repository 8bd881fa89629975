/** The fields of one translated span, as OTLP/JSON names them: what an explanation has to account for. */

import { tracesToPlain } from '../otlp/encode/json.ts'
import type { Event, KeyValue, Link, ResourceSpans, ScopeSpans, Span, Traces } from '../otlp/model.ts'

/** What a field is, whatever its place: rules are found by it. */
export type FieldKind =
  | 'resource.attribute'
  | 'scope.name'
  | 'scope.version'
  | 'traceId'
  | 'spanId'
  | 'parentSpanId'
  | 'traceState'
  | 'flags'
  | 'name'
  | 'kind'
  | 'startTimeUnixNano'
  | 'endTimeUnixNano'
  | 'attribute'
  | 'droppedAttributesCount'
  | 'droppedEventsCount'
  | 'droppedLinksCount'
  | 'event.timeUnixNano'
  | 'event.name'
  | 'event.attribute'
  | 'event.droppedAttributesCount'
  | 'link.traceId'
  | 'link.spanId'
  | 'link.traceState'
  | 'link.attribute'
  | 'link.droppedAttributesCount'
  | 'status.code'
  | 'status.message'

/** A field that is on the wire: those with default values are not. */
export interface OtlpField {
  readonly kind: FieldKind
  /** Below the span, `events[0].name`; `resource.` and `scope.` stand for those the span is under. */
  readonly path: string
  /** As in OTLP/JSON; of an attribute the value inside `stringValue` and its like. */
  readonly value: unknown
  /** The attribute itself, which is the tag's own object where nothing was changed. */
  readonly attribute: KeyValue | undefined
  /** Place of the event or link; −1 for all others. */
  readonly index: number
}

/** One span with what it is under. */
export interface PlacedSpan {
  readonly resource: readonly KeyValue[]
  readonly scope: ScopeSpans
  readonly span: Span
}

type Plain = Readonly<Record<string, unknown>>

const listIn = (owner: Plain, name: string): readonly Plain[] => (owner[name] as readonly Plain[] | undefined) ?? []

/** Every span of a request, resource by resource. */
export function placedSpans({ resourceSpans }: Traces): readonly PlacedSpan[] {
  return resourceSpans.flatMap(({ attributes, scopeSpans }: ResourceSpans) =>
    scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ resource: attributes, scope, span }))),
  )
}

/** Resource, scope and span as OTLP/JSON. */
export function plainOf({ resource, scope, span }: PlacedSpan): { readonly resource: Plain; readonly scope: Plain; readonly span: Plain } {
  const alone = { resourceSpans: [{ attributes: resource, scopeSpans: [{ ...scope, spans: [span] }] }] }
  const [only] = listIn(tracesToPlain(alone), 'resourceSpans')
  const [scoped] = listIn(only ?? {}, 'scopeSpans')
  const [plain] = listIn(scoped ?? {}, 'spans')
  return { resource: (only?.['resource'] ?? {}) as Plain, scope: (scoped?.['scope'] ?? {}) as Plain, span: plain ?? {} }
}

/** All fields of a span, its resource's and scope's first. */
export function fieldsOf(placed: PlacedSpan): readonly OtlpField[] {
  const plain = plainOf(placed)
  const fields: OtlpField[] = []
  const scalar = (kind: FieldKind, path: string, value: unknown, index = -1): void => {
    if (value !== undefined) fields.push({ kind, path, value, attribute: undefined, index })
  }
  const attributes = (kind: FieldKind, path: string, owner: Plain, list: readonly KeyValue[], index = -1): void => {
    listIn(owner, 'attributes').forEach(({ key, value }, i) => {
      const [inner] = Object.values(value as Plain)
      fields.push({ kind, path: `${path}[${JSON.stringify(key)}]`, value: inner ?? null, attribute: list[i], index })
    })
  }
  attributes('resource.attribute', 'resource.attributes', plain.resource, placed.resource)
  scalar('scope.name', 'scope.name', plain.scope['name'])
  scalar('scope.version', 'scope.version', plain.scope['version'])
  const { span } = plain
  for (const kind of ['traceId', 'spanId', 'parentSpanId', 'traceState', 'flags', 'name', 'kind'] as const) scalar(kind, kind, span[kind])
  scalar('startTimeUnixNano', 'startTimeUnixNano', span['startTimeUnixNano'])
  scalar('endTimeUnixNano', 'endTimeUnixNano', span['endTimeUnixNano'])
  attributes('attribute', 'attributes', span, placed.span.attributes)
  listIn(span, 'events').forEach((event, i) => {
    const path = `events[${i}]`
    scalar('event.timeUnixNano', `${path}.timeUnixNano`, event['timeUnixNano'], i)
    scalar('event.name', `${path}.name`, event['name'], i)
    attributes('event.attribute', `${path}.attributes`, event, (placed.span.events[i] as Event).attributes, i)
    scalar('event.droppedAttributesCount', `${path}.droppedAttributesCount`, event['droppedAttributesCount'], i)
  })
  listIn(span, 'links').forEach((link, i) => {
    const path = `links[${i}]`
    for (const name of ['traceId', 'spanId', 'traceState'] as const) scalar(`link.${name}`, `${path}.${name}`, link[name], i)
    attributes('link.attribute', `${path}.attributes`, link, (placed.span.links[i] as Link).attributes, i)
    scalar('link.droppedAttributesCount', `${path}.droppedAttributesCount`, link['droppedAttributesCount'], i)
  })
  for (const kind of ['droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount'] as const) scalar(kind, kind, span[kind])
  const status = (span['status'] ?? {}) as Plain
  scalar('status.code', 'status.code', status['code'])
  scalar('status.message', 'status.message', status['message'])
  return fields
}

/** Finds spans translated one by one in the request as a whole. */
export interface Locator {
  /** `resourceSpans[0].scopeSpans[0].spans[2]`. Throws when no such span is left in the request: the two would disagree. */
  locate(placed: PlacedSpan): string
}

const contentOf = (placed: PlacedSpan): string => {
  const { resource, scope, span } = plainOf(placed)
  const attributes = listIn(resource, 'attributes').map((one) => JSON.stringify(one))
  return JSON.stringify([attributes.sort(), scope, span])
}

/** Each span of the request is found once, equal ones in their order. */
export function createLocator(whole: Traces): Locator {
  const paths = new Map<string, string[]>()
  whole.resourceSpans.forEach(({ attributes, scopeSpans }, r) => {
    scopeSpans.forEach((scope, s) => {
      scope.spans.forEach((span, i) => {
        const content = contentOf({ resource: attributes, scope, span })
        const path = `resourceSpans[${r}].scopeSpans[${s}].spans[${i}]`
        const found = paths.get(content)
        if (found === undefined) paths.set(content, [path])
        else found.push(path)
      })
    })
  })
  return {
    locate(placed) {
      const path = paths.get(contentOf(placed))?.shift()
      if (path === undefined) throw new Error('BUG: a span explained by itself is not in the request')
      return path
    },
  }
}
