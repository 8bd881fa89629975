/** Filters and queries as Kibana keeps them: pills below the search bar, and `{ query, language }`. */

import { parseDsl } from './dsl.ts'
import { parseKql } from './kql.ts'
import { parseLucene } from './lucene.ts'
import { allOf, anyOf, everything, type Filter, isBetween, isOneOf, isThere, leaf, noneOf, type Parsed } from './model.ts'

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const own = (object: Json, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined)
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined

/** A pill, read. */
export type KibanaFilter =
  | {
      readonly ok: true
      /** `all` of one that is switched off. */
      readonly filter: Filter
      readonly disabled: boolean
      readonly negated: boolean
      /** The name that somebody gave it. */
      readonly alias: string | undefined
      /** It holds on all dashboards. */
      readonly pinned: boolean
      /** Index pattern (id) that it was made for. */
      readonly index: string | undefined
    }
  | { readonly ok: false; readonly why: string; readonly alias: string | undefined }

const deepestGroup = 20

/** Reads a pill of any version of Kibana: a query below `query`, or `range`, `exists`, `script`, … beside `meta`; groups (`combined`) too. */
export function parseKibanaFilter(value: unknown): KibanaFilter {
  return read(value, 0)
}

function read(value: unknown, depth: number): KibanaFilter {
  const object = isObject(value) ? value : {}
  const meta = isObject(own(object, 'meta')) ? (own(object, 'meta') as Json) : {}
  const alias = textOf(own(meta, 'alias'))
  if (!isObject(value)) return { ok: false, why: 'a filter is an object', alias }
  const state = own(object, '$state')
  const common = {
    disabled: own(meta, 'disabled') === true,
    negated: own(meta, 'negate') === true,
    alias,
    pinned: isObject(state) && own(state, 'store') === 'globalState',
    index: textOf(own(meta, 'index')),
  }
  if (common.disabled) return { ok: true, filter: everything, ...common }
  const filter = own(meta, 'type') === 'combined' ? combined(meta, depth) : single(object, meta)
  if (!('kind' in filter)) return { ok: false, why: filter.why, alias }
  return { ok: true, filter: common.negated ? noneOf(filter) : filter, ...common }
}

type Fault = { readonly why: string }

function combined(meta: Json, depth: number): Filter | Fault {
  if (depth > deepestGroup) return { why: `groups nested deeper than ${deepestGroup}` }
  const params = own(meta, 'params')
  const parts: Filter[] = []
  for (const one of Array.isArray(params) ? params : []) {
    const part = read(one, depth + 1)
    if (!part.ok) return { why: part.why }
    if (!part.disabled) parts.push(part.filter)
  }
  return own(meta, 'relation') === 'OR' && parts.length > 0 ? anyOf(parts) : allOf(parts)
}

/** Keys of a pill that hold a query of their own, in Kibana before 8. */
const bare = [
  'range',
  'exists',
  'missing',
  'script',
  'geo_bounding_box',
  'geo_polygon',
  'geo_shape',
  'geo_distance',
  'match_all',
  'bool',
  'terms',
  'term',
]

function single(object: Json, meta: Json): Filter | Fault {
  const query = own(object, 'query')
  if (isObject(query) && Object.keys(query).length > 0) return unwrap(parseDsl(query))
  const kind = bare.find((one) => own(object, one) !== undefined)
  if (kind !== undefined) return unwrap(parseDsl({ [kind]: own(object, kind) }))
  return byMeta(meta)
}

const unwrap = (parsed: Parsed): Filter | Fault => (parsed.ok ? parsed.filter : { why: parsed.why })

/** A pill of which only the description is left. */
function byMeta(meta: Json): Filter | Fault {
  const key = textOf(own(meta, 'key'))
  const params = own(meta, 'params')
  if (key === undefined) return { why: 'there is no query in it' }
  switch (own(meta, 'type')) {
    case 'exists':
      return isThere(key)
    case 'phrases':
      return isOneOf(
        key,
        (Array.isArray(params) ? params : []).flatMap((one) => textOf(one) ?? []),
      )
    case 'range': {
      const bounds = isObject(params) ? params : {}
      const low = textOf(own(bounds, 'gte')) ?? textOf(own(bounds, 'gt'))
      const high = textOf(own(bounds, 'lte')) ?? textOf(own(bounds, 'lt'))
      if (low === undefined && high === undefined) return { why: 'its range has no ends' }
      return isBetween(
        key,
        low === undefined ? undefined : { value: low, inclusive: own(bounds, 'gte') !== undefined },
        high === undefined ? undefined : { value: high, inclusive: own(bounds, 'lte') !== undefined },
        `${key}: ${low ?? '*'} to ${high ?? '*'}`,
      )
    }
    default: {
      const value = textOf(own(meta, 'value')) ?? (isObject(params) ? textOf(own(params, 'query')) : textOf(params))
      if (value === undefined) return { why: 'there is no query in it' }
      return leaf(key, { op: 'phrase', words: value, slop: 0, prefix: false }, `${key}: "${value}"`)
    }
  }
}

/**
 * Reads what stands in the search bar: `{ query, language }`, where `query` is a text or, before 6.3, an object of the query DSL; a bare text is
 * Lucene. Nothing at all holds for everything.
 */
export function parseKibanaQuery(value: unknown): Parsed {
  if (value === undefined || value === null) return { ok: true, filter: everything, fields: [] }
  if (typeof value === 'string') return parseLucene(value)
  if (!isObject(value)) return { ok: false, why: 'a query is a text or an object', at: 0 }
  const query = Object.hasOwn(value, 'query') ? own(value, 'query') : value
  if (query === undefined || query === null || query === '') return { ok: true, filter: everything, fields: [] }
  if (isObject(query)) return parseDsl(query)
  if (typeof query !== 'string') return { ok: false, why: 'a query is a text or an object', at: 0 }
  const language = own(value, 'language')
  if (language === 'kuery' || language === 'kql') return parseKql(query)
  if (language === undefined || language === 'lucene') return parseLucene(query)
  return { ok: false, why: `${String(language)} is a language that is not known`, at: 0 }
}
