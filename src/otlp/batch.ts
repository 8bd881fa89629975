/** Grouping of spans by scope below one resource. */

import { textToString } from './attributes.ts'
import type { KeyValue, ResourceSpans, ScopeSpans, Span, Text } from './model.ts'

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
