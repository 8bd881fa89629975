/** The search of a watch: its window, its filter, and what paths into its answer mean. Section 10.4 of the reference. */

import { parseDsl } from '../filters/dsl.ts'
import { allOf, everything, type Filter, isOneOf } from '../filters/model.ts'
import type { Aggregate } from '../logql/query.ts'
import type { Findings } from './alert-rule.ts'
import { secondsOf } from './durations.ts'
import { countOf, filterOf, type Question } from './log-pieces.ts'
import { isPlain, listOf, memberOf, numberOf, type Plain, plainOf, wordOf, wordsOf } from './plain.ts'

/** A search that was understood. */
export interface Search {
  readonly index: string
  /** The query without its range of time. */
  readonly clauses: readonly unknown[]
  /** Seconds that it looks at; undefined: no range of time. */
  readonly window: number | undefined
  /** Seconds by which the window's end lies back. */
  readonly offset: number
  readonly aggs: Plain
  /** A word on the range, where it is rounded or not plain. */
  readonly remark?: string | undefined
}

const now = /^(?:now|\{\{\{?\s*ctx\.(?:trigger\.(?:scheduled_time|triggered_time)|execution_time)\s*\}?\}\}\|\|)/

interface Moment {
  /** Seconds before now. */
  readonly ago: number
  readonly rounded: boolean
}

/** Seconds ago of `now-5m`, `now-1d/d`, `{{ctx.trigger.scheduled_time}}||-5m`; undefined: an absolute date, or no date. */
export function momentOf(text: unknown): Moment | undefined {
  const word = wordOf(text)?.replace(/\s+/g, '')
  const base = word === undefined ? undefined : now.exec(word)?.[0]
  if (word === undefined || base === undefined) return undefined
  const math = /^((?:[-+]\d+[smhHdw]){0,4})(\/[smhHdwMy])?$/.exec(word.slice(base.length))
  if (math === null) return undefined
  let ago = 0
  for (const [, sign, count] of (math[1] ?? '').matchAll(/([-+])(\d+[smhHdw])/g))
    ago += (sign === '-' ? 1 : -1) * (secondsOf((count ?? '').toLowerCase()) ?? 0)
  return { ago, rounded: math[2] !== undefined }
}

interface Times {
  from?: Moment
  to?: Moment
}

/** Whether a clause is a range of time; if so it goes into `times`. */
function takeRange(clause: unknown, times: Times): boolean {
  const range = memberOf(clause, 'range')
  if (!isPlain(range)) return false
  const [field] = Object.keys(range)
  const bounds = field === undefined ? undefined : memberOf(range, field)
  if (!isPlain(bounds)) return false
  const from = momentOf(memberOf(bounds, 'gte') ?? memberOf(bounds, 'gt') ?? memberOf(bounds, 'from'))
  const to = momentOf(memberOf(bounds, 'lte') ?? memberOf(bounds, 'lt') ?? memberOf(bounds, 'to'))
  if (from === undefined && to === undefined) return false
  if (from !== undefined && (times.from === undefined || from.ago < times.from.ago)) times.from = from
  if (to !== undefined && (times.to === undefined || to.ago > times.to.ago)) times.to = to
  return true
}

/** Clauses that all have to hold, without ranges of time. Only where a range holds for the whole it is taken out. */
function clausesOf(query: unknown, times: Times, depth = 0): unknown[] {
  if (!isPlain(query) || depth > 20) return query === undefined ? [] : [query]
  if (takeRange(query, times)) return []
  const bool = memberOf(query, 'bool')
  if (isPlain(bool) && Object.keys(query).length === 1) {
    const inner: unknown[] = []
    for (const key of ['must', 'filter']) {
      const value = memberOf(bool, key)
      for (const one of Array.isArray(value) ? value : value === undefined ? [] : [value]) inner.push(...clausesOf(one, times, depth + 1))
    }
    const others = Object.entries(bool).filter(([key]) => key !== 'must' && key !== 'filter')
    // With nothing but `should`, one of them has to hold; beside others it need not.
    if (others.length > 0) {
      const rest: Record<string, unknown> = Object.fromEntries(others)
      if (inner.length > 0 || memberOf(bool, 'must') !== undefined || memberOf(bool, 'filter') !== undefined) {
        const least = numberOf(rest['minimum_should_match'])
        if (least === undefined || least <= 0) delete rest['should']
      }
      if (Object.keys(rest).some((key) => key === 'should' || key === 'must_not')) inner.push({ bool: rest })
    }
    return inner
  }
  for (const [wrapper, key] of [
    ['constant_score', 'filter'],
    ['filtered', 'filter'],
  ] as const) {
    const wrapped = memberOf(query, wrapper)
    if (isPlain(wrapped) && Object.keys(query).length === 1)
      return [...clausesOf(memberOf(wrapped, key), times, depth + 1), ...clausesOf(memberOf(wrapped, 'query'), times, depth + 1)]
  }
  return [query]
}

/** A search input; undefined: it has no body that can be read, or is a stored template. */
export function readSearch(search: unknown): Search | undefined {
  const request = plainOf(memberOf(search, 'request'))
  const body = memberOf(request, 'body')
  if (!isPlain(body) || memberOf(request, 'template') !== undefined) return undefined
  const times: Times = {}
  const clauses = clausesOf(memberOf(body, 'query'), times)
  const { from, to } = times
  const offset = Math.max(0, to?.ago ?? 0)
  const window = from === undefined ? undefined : from.ago - offset
  return {
    index: wordsOf(memberOf(request, 'indices') ?? memberOf(request, 'index')).join(','),
    clauses,
    window: window !== undefined && window > 0 ? window : undefined,
    offset,
    aggs: plainOf(memberOf(body, 'aggs') ?? memberOf(body, 'aggregations')),
    ...(from?.rounded || to?.rounded ? { remark: 'the range of time is rounded to whole units; the window of the rule is not' } : {}),
  }
}

/** The filter of a search. */
export function searchFilter(search: Search, findings: Findings): Filter {
  const parts = search.clauses.map((clause) => filterOf(parseDsl(clause), 'the query', findings))
  return parts.length === 0 ? everything : allOf(parts)
}

/** What a path means. */
export interface Meaning {
  readonly question: Omit<Question, 'index' | 'window' | 'offset'>
  /** Whether nothing is 0 rather than no value. */
  readonly isZero: boolean
  /** Whether the path is of a list of buckets' first: only the largest is meant. */
  readonly first: boolean
}

const metricOps: ReadonlyMap<string, Aggregate['op']> = new Map([
  ['avg', 'avg'],
  ['min', 'min'],
  ['max', 'max'],
  ['sum', 'sum'],
  ['value_count', 'count'],
  ['cardinality', 'unique'],
  ['percentiles', 'percentile'],
])

const subAggs = (agg: unknown): Plain => plainOf(memberOf(agg, 'aggs') ?? memberOf(agg, 'aggregations'))

/** Value of a metric aggregation: `{avg: {field}}` and the rest of the path, `value` or `values.95.0`. */
function metricMeaning(agg: unknown, rest: readonly string[]): Aggregate | undefined {
  for (const [kind, op] of metricOps) {
    const body = memberOf(agg, kind)
    if (!isPlain(body)) continue
    const field = wordOf(memberOf(body, 'field'))
    if (field === undefined || memberOf(body, 'script') !== undefined) return undefined
    if (op === 'percentile') {
      const percent = rest[0] === 'values' ? numberOf(rest.slice(1).join('.')) : undefined
      return percent === undefined ? undefined : { kind: 'aggregate', op, field, percent }
    }
    return rest.length === 1 && rest[0] === 'value' ? { kind: 'aggregate', op, field } : undefined
  }
  return undefined
}

/**
 * What a path below `aggregations` means: `a.value`, `a.values.95.0`, `f.doc_count`, `f.a.value`, `filters.buckets.x.doc_count`, `terms.buckets.0.doc_count`, and, of
 * buckets, `terms.buckets` with a path within each. Undefined: something else.
 */
export function meaningOf(aggs: Plain, path: readonly string[], findings: Findings, inside: readonly string[] = []): Meaning | undefined {
  const filters: Filter[] = []
  const by: string[] = []
  let first = false
  let level = aggs
  let at = 0
  for (let depth = 0; depth < 20; depth++) {
    const name = path[at]
    if (name === '_count' || name === 'doc_count')
      return at === path.length - 1
        ? { question: { filter: allOf(filters), value: countOf, by }, isZero: by.length === 0, first }
        : undefined
    const agg = name === undefined ? undefined : memberOf(level, name)
    if (agg === undefined) return undefined
    at++
    const metric = metricMeaning(agg, path.slice(at))
    if (metric !== undefined) {
      const zero = metric.op === 'count' || metric.op === 'unique' || metric.op === 'sum'
      return { question: { filter: allOf(filters), value: metric, by }, isZero: zero && by.length === 0, first }
    }
    const filter = memberOf(agg, 'filter')
    const named = memberOf(memberOf(agg, 'filters'), 'filters')
    const terms = memberOf(agg, 'terms')
    if (isPlain(filter)) filters.push(filterOf(parseDsl(filter), 'a filter of an aggregation', findings))
    else if (isPlain(named) && path[at] === 'buckets' && memberOf(named, path[at + 1] ?? '') !== undefined) {
      filters.push(filterOf(parseDsl(memberOf(named, path[at + 1] ?? '')), 'a filter of an aggregation', findings))
      at += 2
    } else if (isPlain(terms) && wordOf(memberOf(terms, 'field')) !== undefined && path[at] === 'buckets') {
      const field = wordOf(memberOf(terms, 'field')) as string
      by.push(field)
      const { include } = terms
      if (Array.isArray(include)) filters.push(isOneOf(field, wordsOf(include)))
      else if (include !== undefined || memberOf(terms, 'exclude') !== undefined)
        findings.note('OBD-A-012', `include and exclude of the terms of ${field} are left out`, 'manual')
      const least = numberOf(memberOf(terms, 'min_doc_count'))
      if (least !== undefined && least > 1)
        findings.note('OBD-A-012', `min_doc_count ${least} of the terms of ${field} is left out`, 'approximate')
      if (Object.keys(subAggs(agg)).some((key) => memberOf(memberOf(subAggs(agg), key), 'bucket_selector') !== undefined)) {
        findings.note('OBD-A-009', 'buckets are chosen by a script (bucket_selector)', 'unsupported')
        return undefined
      }
      at++
      if (/^\d+$/.test(path[at] ?? '')) {
        // Only of the largest by what is asked it is the same to ask for any.
        const order = memberOf(terms, 'order')
        const asked = path[at + 1] ?? ''
        const isLargest =
          asked === 'doc_count' ? order === undefined || memberOf(order, '_count') === 'desc' : memberOf(order, asked) === 'desc'
        if (path[at] !== '0' || !isLargest) return undefined
        first = true
        at++
      } else if (at === path.length) {
        if (inside.length === 0) return undefined
        path = [...path, ...inside]
      } else return undefined
    } else return undefined
    level = subAggs(agg)
  }
  return undefined
}

/** Inputs of a chain by name, in order. */
export const chainInputs = (chain: unknown): readonly (readonly [string, unknown])[] =>
  listOf(memberOf(chain, 'inputs')).flatMap((one) => (isPlain(one) ? Object.entries(one) : []))
