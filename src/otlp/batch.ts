/** Grouping of spans by scope below one resource, and who they come from. */

import { textToString, valueToString } from './attributes.ts'
import type { KeyValue, Span, Text, Traces } from './model.ts'
import { serviceName } from './semconv.ts'

/** Spans of one scope, in the order in which they came. */
export interface GrowingScope<T> {
  readonly scopeName: Text
  readonly scopeVersion: Text
  readonly spans: T[]
}

/** One ResourceSpans that grows: one ScopeSpans per distinct scope name and version, first seen first. `T`: what stands for a span. */
export interface SpanGroups<T = Span> {
  readonly attributes: readonly KeyValue[]
  readonly scopeSpans: readonly GrowingScope<T>[]
  add(span: T, scopeName: Text, scopeVersion: Text): void
}

function sameText(left: Text, right: Text): boolean {
  if (left === right) return true
  return textToString(left) === textToString(right)
}

export function createSpanGroups<T = Span>(attributes: readonly KeyValue[]): SpanGroups<T> {
  const scopeSpans: GrowingScope<T>[] = []
  const byName = new Map<string, GrowingScope<T>>()
  let last: GrowingScope<T> | undefined
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
export function countServices(traces: Traces | { readonly resourceSpans: readonly SpanGroups<unknown>[] }): readonly ServiceCount[] {
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
