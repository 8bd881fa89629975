/** Grouping of spans by scope below one resource, and who they come from. */

import { textToString, valueToString } from './attributes.ts'
import type { KeyValue, ResourceSpans, ScopeSpans, Span, Text, Traces } from './model.ts'
import { serviceName } from './semconv.ts'

/** One ResourceSpans that grows: one ScopeSpans per distinct scope name and version, first seen first. */
export interface SpanGroups extends ResourceSpans {
  add(span: Span, scopeName: Text, scopeVersion: Text): void
}

interface GrowingScope extends ScopeSpans {
  readonly spans: Span[]
}

function sameText(left: Text, right: Text): boolean {
  if (left === right) return true
  return textToString(left) === textToString(right)
}

export function createSpanGroups(attributes: readonly KeyValue[]): SpanGroups {
  const scopeSpans: GrowingScope[] = []
  const byName = new Map<string, GrowingScope>()
  let last: GrowingScope | undefined
  return {
    attributes,
    scopeSpans,
    add(span, scopeName, scopeVersion) {
      if (last === undefined || !sameText(last.scopeName, scopeName) || !sameText(last.scopeVersion, scopeVersion)) {
        const name = textToString(scopeName)
        const key = `${name.length} ${name}${textToString(scopeVersion)}`
        last = byName.get(key)
        if (last === undefined) {
          last = { scopeName, scopeVersion, spans: [] }
          scopeSpans.push(last)
          byName.set(key, last)
        }
      }
      last.spans.push(span)
    },
  }
}

/** How many spans a service has in a request. */
export interface ServiceCount {
  readonly service: string
  readonly items: number
}

/** Longest service name that is told apart: it becomes a label. */
export const longestService = 128

/** Spans by `service.name`, which translators write as the first attribute of a resource; a service may come twice. */
export function countServices(traces: Traces): readonly ServiceCount[] {
  const counts: ServiceCount[] = []
  for (const { attributes, scopeSpans } of traces.resourceSpans) {
    const first = attributes[0]
    if (first === undefined || first.key !== serviceName) continue
    let items = 0
    for (const scope of scopeSpans) items += scope.spans.length
    counts.push({ service: valueToString(first).slice(0, longestService), items })
  }
  return counts
}
