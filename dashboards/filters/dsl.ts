/** Elasticsearch's query DSL: JSON that was read already. What no filter of logs can ask becomes a leaf that says so; nothing is left out. */

import { parseLucene } from './lucene.ts'
import {
  allOf,
  anyOf,
  type Bound,
  deepestFilter,
  everything,
  type Filter,
  isOneOf,
  isThere,
  leaf,
  mostLeaves,
  noneOf,
  nothing,
  type Parsed,
  parsedBy,
  SyntaxFault,
  type Test,
} from './model.ts'
import { parseSimpleQuery } from './simple-query.ts'
import { isCidr, piecesOf, valueTest, wildcardTest } from './values.ts'

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const own = (object: Json, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined)
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value])

/** A scalar as it is indexed; undefined: it is none. */
function scalarOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

const longestSource = 300

/** A part of the query for reports, short. */
function sourceOf(kind: string, body: unknown): string {
  let text: string
  try {
    text = JSON.stringify({ [kind]: body })
  } catch {
    text = kind
  }
  return text.length > longestSource ? `${text.slice(0, longestSource)}…` : text
}

/** Why queries of a kind cannot be asked of logs. */
const foreign: ReadonlyMap<string, string> = new Map([
  ['script', 'a script'],
  ['script_score', 'a script'],
  ['more_like_this', 'documents that are like others'],
  ['mlt', 'documents that are like others'],
  ['has_child', 'a join of documents'],
  ['has_parent', 'a join of documents'],
  ['parent_id', 'a join of documents'],
  ['percolate', 'a stored query'],
  ['knn', 'a vector'],
  ['semantic', 'a vector'],
  ['sparse_vector', 'a vector'],
  ['text_expansion', 'a vector'],
  ['neural', 'a vector'],
  ['intervals', 'intervals of words'],
  ['pinned', 'pinned documents'],
  ['rank_feature', 'an order by features'],
  ['distance_feature', 'an order by distance'],
  ['terms_set', 'a number of terms that documents say themselves'],
  ['indices', 'other queries for other indices'],
  ['wrapper', 'a query in base64'],
])

/**
 * Reads a query: `{ "bool": … }`, or the whole body of a search (`{ "query": … }`). `ok: false` for what is none.
 * @param query plain data, whose objects have no prototype or the usual one
 */
export function parseDsl(query: unknown): Parsed {
  let leaves = 0

  function count<T>(value: T): T {
    if (++leaves > mostLeaves) throw new SyntaxFault(`more than ${mostLeaves} conditions`, 0)
    return value
  }

  function read(value: unknown, depth: number): Filter {
    if (depth > deepestFilter) throw new SyntaxFault(`nested deeper than ${deepestFilter}`, 0)
    if (Array.isArray(value)) return allOf(value.map((one) => read(one, depth + 1)))
    if (!isObject(value)) throw new SyntaxFault('a query is an object', 0)
    const kinds = Object.keys(value).filter((key) => !key.startsWith('_') && key !== 'boost')
    return allOf(kinds.map((kind) => one(kind, own(value, kind), depth)))
  }

  const many = (value: unknown, depth: number): Filter[] => listOf(value).map((item) => read(item, depth + 1))

  /** `{ field: … }`, beside options that begin with `_` or are named. */
  function fieldOf(body: unknown, kind: string): readonly [string, unknown] {
    const entry = isObject(body)
      ? Object.entries(body).find(([key]) => !['boost', '_name', '_cache', '_cache_key', 'execution'].includes(key))
      : undefined
    if (entry === undefined) throw new SyntaxFault(`${kind} names no field`, 0)
    return entry
  }

  /** A test of one field, whose value stands in the short or the long form. */
  function simple(kind: string, body: unknown, key: string, test: (value: string, options: Json) => Test): Filter {
    const [field, inner] = fieldOf(body, kind)
    const options = isObject(inner) ? inner : {}
    const value = scalarOf(isObject(inner) ? (own(inner, key) ?? own(inner, 'value') ?? own(inner, kind)) : inner)
    if (value === undefined) throw new SyntaxFault(`${kind} of ${field} has no value`, 0)
    return count(leaf(field, test(value, options), sourceOf(kind, body)))
  }

  const ignoresCase = (options: Json): boolean => own(options, 'case_insensitive') === true

  function matchTest(words: string, options: Json): Test {
    const type = own(options, 'type')
    if (type === 'phrase' || type === 'phrase_prefix') return phraseTest(words, options, type === 'phrase_prefix')
    if (own(options, 'fuzziness') !== undefined && own(options, 'fuzziness') !== 0) return { op: 'fuzzy', text: words }
    const least = own(options, 'minimum_should_match')
    const all = String(own(options, 'operator')).toLowerCase() === 'and' || least === '100%'
    if (!all && least !== undefined && !['0', '1'].includes(String(least)))
      return { op: 'unsupported', what: 'a number of words of several' }
    return isCidr(words) ? { op: 'cidr', block: words } : { op: 'match', words, all }
  }

  const phraseTest = (words: string, options: Json, prefix = false): Test => ({
    op: 'phrase',
    words,
    slop: Number(own(options, 'slop') ?? 0) || 0,
    prefix,
  })

  function multiMatch(body: unknown): Filter {
    if (!isObject(body)) throw new SyntaxFault('multi_match is an object', 0)
    const words = scalarOf(own(body, 'query'))
    if (words === undefined) throw new SyntaxFault('multi_match has no query', 0)
    const source = sourceOf('multi_match', body)
    const fields = fieldNames(own(body, 'fields'))
    if (own(body, 'type') === 'cross_fields' && String(own(body, 'operator')).toLowerCase() === 'and') {
      return count(leaf(undefined, { op: 'unsupported', what: 'words that may stand in different fields' }, source))
    }
    const test = matchTest(words, body)
    return fields === undefined ? count(leaf(undefined, test, source)) : anyOf(fields.map((field) => count(leaf(field, test, source))))
  }

  /** Names without boosts; undefined: any field. */
  function fieldNames(value: unknown): readonly string[] | undefined {
    const names = listOf(value).filter((item): item is string => typeof item === 'string')
    const bare = names.map((name) => name.replace(/\^[0-9.]+$/, ''))
    return bare.length === 0 || bare.includes('*') ? undefined : bare
  }

  function queryString(kind: string, body: unknown): Filter {
    const options = isObject(body) ? body : {}
    const text = scalarOf(isObject(body) ? own(body, 'query') : body)
    if (text === undefined) throw new SyntaxFault(`${kind} has no query`, 0)
    const fields = fieldNames(own(options, 'fields') ?? own(options, 'default_field'))
    const operator = String(own(options, 'default_operator')).toLowerCase() === 'and' ? 'and' : 'or'
    const parse = kind === 'query_string' ? parseLucene : parseSimpleQuery
    const parsed = parse(text, { defaultOperator: operator, defaultFields: fields })
    if (!parsed.ok) throw new SyntaxFault(`${parsed.why}, in ${kind}`, parsed.at)
    return parsed.filter
  }

  function range(body: unknown): Filter {
    const [field, inner] = fieldOf(body, 'range')
    if (!isObject(inner)) throw new SyntaxFault(`range of ${field} has no ends`, 0)
    const bound = (names: readonly (readonly [string, boolean])[]): Bound | undefined => {
      for (const [name, inclusive] of names) {
        const value = scalarOf(own(inner, name))
        if (value !== undefined) return { value, inclusive }
      }
      return undefined
    }
    const from = bound([
      ['gte', true],
      ['gt', false],
      ['ge', true],
      ['from', own(inner, 'include_lower') !== false],
    ])
    const to = bound([
      ['lte', true],
      ['lt', false],
      ['le', true],
      ['to', own(inner, 'include_upper') !== false],
    ])
    const source = sourceOf('range', body)
    if (from === undefined && to === undefined) return count(isThere(field, source))
    return count(leaf(field, { op: 'range', from, to }, source))
  }

  function terms(body: unknown): Filter {
    const [field, inner] = fieldOf(body, 'terms')
    const source = sourceOf('terms', body)
    if (!Array.isArray(inner)) return count(leaf(field, { op: 'unsupported', what: 'terms that stand in another document' }, source))
    const values = inner.map(scalarOf)
    if (values.includes(undefined)) throw new SyntaxFault(`terms of ${field} are not all values`, 0)
    return values.length === 0 ? nothing : count(isOneOf(field, values as string[], source))
  }

  function bool(body: unknown, depth: number): Filter {
    if (!isObject(body)) throw new SyntaxFault('bool is an object', 0)
    const required = [...many(own(body, 'must'), depth), ...many(own(body, 'filter'), depth)]
    const should = many(own(body, 'should'), depth)
    const not = many(own(body, 'must_not'), depth).map(noneOf)
    const least = leastOf(own(body, 'minimum_should_match') ?? own(body, 'minimum_number_should_match'), should.length, required.length)
    const optional =
      should.length === 0 || least === 0
        ? everything
        : least === 1
          ? anyOf(should)
          : least !== undefined && least >= should.length
            ? allOf(should)
            : count(
                leaf(
                  undefined,
                  { op: 'unsupported', what: `${least ?? 'some'} of ${should.length} conditions` },
                  sourceOf('should', own(body, 'should')),
                ),
              )
    return allOf([...required, optional, ...not])
  }

  function one(kind: string, body: unknown, depth: number): Filter {
    switch (kind) {
      case 'match_all':
        return everything
      case 'match_none':
        return nothing
      case 'bool':
        return bool(body, depth)
      case 'term':
        return simple(kind, body, 'value', (value, options) =>
          isCidr(value)
            ? { op: 'cidr', block: value }
            : ignoresCase(options)
              ? { op: 'wildcard', pieces: [value], ignoreCase: true }
              : { op: 'term', values: [value] },
        )
      case 'terms':
      case 'in':
        return terms(body)
      case 'match':
        return simple(kind, body, 'query', matchTest)
      case 'text':
        return simple(kind, body, 'query', matchTest)
      case 'match_phrase':
        return simple(kind, body, 'query', (value, options) => (isCidr(value) ? valueTest(value, true) : phraseTest(value, options)))
      case 'match_phrase_prefix':
      case 'match_bool_prefix':
        return simple(kind, body, 'query', (value, options) => phraseTest(value, options, true))
      case 'multi_match':
        return multiMatch(body)
      case 'query_string':
      case 'simple_query_string':
        return queryString(kind, body)
      case 'range':
        return range(body)
      case 'exists':
        return count(isThere(named(kind, body), sourceOf(kind, body)))
      case 'missing':
        return noneOf(count(isThere(named(kind, body), sourceOf(kind, body))))
      case 'prefix':
        return simple(kind, body, 'value', (text, options) => ({ op: 'prefix', text, ignoreCase: ignoresCase(options) }))
      case 'wildcard':
        return simple(kind, body, 'wildcard', (value, options) => wildcardTest(piecesOf(value), ignoresCase(options)))
      case 'regexp':
        return simple(kind, body, 'value', (pattern, options) => ({ op: 'regex', pattern, ignoreCase: ignoresCase(options) }))
      case 'fuzzy':
        return simple(kind, body, 'value', (text) => ({ op: 'fuzzy', text }))
      case 'ids':
        return count(isOneOf('_id', listOf(isObject(body) ? own(body, 'values') : []).map(String), sourceOf(kind, body)))
      case 'type':
        return count(isOneOf('_type', [String(isObject(body) ? own(body, 'value') : body)], sourceOf(kind, body)))
      default:
        return compound(kind, body, depth)
    }
  }

  function named(kind: string, body: unknown): string {
    const field = isObject(body) ? scalarOf(own(body, 'field')) : undefined
    if (field === undefined) throw new SyntaxFault(`${kind} names no field`, 0)
    return field
  }

  function compound(kind: string, body: unknown, depth: number): Filter {
    const options = isObject(body) ? body : {}
    switch (kind) {
      case 'query':
      case 'fquery':
        return read(kind === 'fquery' ? own(options, 'query') : body, depth + 1)
      case 'constant_score':
      case 'filtered':
      case 'function_score':
        return allOf([...many(own(options, 'query'), depth), ...many(own(options, 'filter'), depth)])
      case 'boosting':
        return allOf(many(own(options, 'positive'), depth))
      case 'dis_max':
        return anyOf(many(own(options, 'queries'), depth))
      case 'and':
        return allOf(many(own(options, 'filters') ?? body, depth))
      case 'or':
        return anyOf(many(own(options, 'filters') ?? body, depth))
      case 'not':
        return noneOf(read(own(options, 'filter') ?? own(options, 'query') ?? body, depth + 1))
      case 'nested':
        return {
          kind: 'nested',
          path: String(own(options, 'path') ?? ''),
          part: allOf([...many(own(options, 'query'), depth), ...many(own(options, 'filter'), depth)]),
        }
      default: {
        const what =
          kind.startsWith('geo_') || kind === 'shape' ? 'geometry' : kind.startsWith('span_') ? 'places of words' : foreign.get(kind)
        return count(leaf(undefined, { op: 'unsupported', what: what ?? `the query ${kind}` }, sourceOf(kind, body)))
      }
    }
  }

  return parsedBy('', () => ({ filter: query === undefined || query === null ? everything : read(query, 0), fields: [] }))
}

/** How many optional conditions have to hold; undefined: it depends on how many there are. */
function leastOf(value: unknown, should: number, required: number): number | undefined {
  if (value === undefined || value === null) return required > 0 ? 0 : 1
  const text = String(value).trim()
  const number = Number(text.replace('%', ''))
  // Combinations (`3<90%`) depend on the number of conditions.
  if (!Number.isFinite(number)) return undefined
  const many = text.endsWith('%') ? Math.trunc((should * Math.abs(number)) / 100) : Math.abs(Math.trunc(number))
  const least = number < 0 || Object.is(number, -0) ? should - many : many
  return Math.max(required > 0 ? 0 : Math.min(1, should), Math.min(least, should + 1))
}
