/** What an explanation leaves open, and the fields that OTLP/JSON has, found without it. */

import type { ExplainedItem } from '../../src/translate/explain.ts'

/** Fields with no rule or several, and what was left out for no rule or several. */
export function faultsOf({ index, spans, leftovers, rejected }: ExplainedItem): string[] {
  const fields = spans.flatMap((span) => span.fields)
  return [
    ...fields.filter(({ rules }) => rules.length !== 1).map(({ path, rules, value }) => `${path} = ${JSON.stringify(value)}: [${rules}]`),
    ...leftovers
      .filter(({ rules }) => rules.length !== 1)
      .map(({ leaf, rules }) => `span ${index}, ${leaf.name} = ${leaf.value}: [${rules}]`),
    ...(rejected !== undefined && rejected.rule === '' ? [`span ${index} rejected: ${rejected.reason}`] : []),
  ]
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Paths of all leaves of an OTLP/JSON request; an attribute is one, whatever its value. */
export function pathsOf(request: unknown): string[] {
  const walk = (value: Json, path: string): string[] => {
    if (Array.isArray(value)) {
      if (!path.endsWith('attributes')) return value.flatMap((one, i) => walk(one, `${path}[${i}]`))
      return value.map((one: { key: string }) => `${path}[${JSON.stringify(one.key)}]`)
    }
    if (value === null || typeof value !== 'object') return [path]
    return Object.entries(value).flatMap(([name, one]) => walk(one, path === '' ? name : `${path}.${name}`))
  }
  return walk(request as Json, '')
}
