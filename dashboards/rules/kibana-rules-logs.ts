/** Kibana's rules over documents: Elasticsearch query, index threshold, log threshold. Section 10.5 of the reference. */

import { parseDsl } from '../filters/dsl.ts'
import { parseKql } from '../filters/kql.ts'
import { allOf, everything, type Filter, isBetween, isOneOf, leaf, noneOf } from '../filters/model.ts'
import type { Aggregate } from '../logql/query.ts'
import { parseJsonDocument } from '../text/json.ts'
import type { Findings } from './alert-rule.ts'
import {
  comparedBy,
  indexOf,
  type KindConverter,
  type KindInput,
  type KindRule,
  numbersOf,
  refuse,
  searchConfigurationFilter,
  windowOf,
  zeroFits,
} from './kibana-rules-common.ts'
import { esqlOf, esqlRule } from './kibana-rules-esql.ts'
import { countOf, filterOf, type Question } from './log-pieces.ts'
import { bracketed } from './outcome.ts'
import { isPlain, listOf, memberOf, numberOf, wordOf, wordsOf } from './plain.ts'

/** `aggType` of a field; undefined: not known. */
function aggregateOf(type: unknown, field: unknown): Aggregate | undefined {
  if (type === undefined || type === 'count') return countOf
  const name = wordOf(field)
  return name !== undefined && (type === 'avg' || type === 'min' || type === 'max' || type === 'sum')
    ? { kind: 'aggregate', op: type, field: name }
    : undefined
}

/** A count or another number over a window, grouped or not, compared. */
function thresholdRule(input: KindInput, index: string | undefined, filter: Filter): readonly KindRule[] | undefined {
  const { rule, pieces, findings } = input
  const { params } = rule
  const window = windowOf(params, 'timeWindowSize', 'timeWindowUnit')
  if (window === undefined) return refuse(findings, 'the window (timeWindowSize, timeWindowUnit) is not understood')
  const value = aggregateOf(memberOf(params, 'aggType'), memberOf(params, 'aggField'))
  if (value === undefined) return refuse(findings, 'aggType and aggField are not understood')
  const by = memberOf(params, 'groupBy') === 'top' ? wordsOf(memberOf(params, 'termField')) : []
  const size = numberOf(memberOf(params, 'termSize'))
  if (by.length > 0 && size !== undefined)
    findings.note('OBD-A-030', `all values of ${by.join(', ')} are looked at, not only the ${size} with most documents`)
  const expr = pieces.ask({ index, filter, value, by, window })
  if (expr === undefined) return undefined
  const isZero = by.length === 0 && (value.op === 'count' || value.op === 'sum')
  const made = comparedBy(expr, memberOf(params, 'thresholdComparator') ?? '>', numbersOf(memberOf(params, 'threshold')), isZero)
  return made === undefined ? refuse(findings, 'the comparison with the threshold is not understood') : [{ expr: made }]
}

/** A query of the DSL in a text: `{"query": {…}}`. */
function dslFilter(text: string | undefined, findings: Findings): Filter | undefined {
  if (text === undefined) return undefined
  try {
    const body = parseJsonDocument(text).root.plain()
    return filterOf(parseDsl(memberOf(body, 'query')), 'the query', findings)
  } catch {
    return undefined
  }
}

/** `.es-query` */
export const esQuery: KindConverter = (input) => {
  const { rule, findings } = input
  const { params } = rule
  const type = memberOf(params, 'searchType') ?? 'esQuery'
  if (memberOf(params, 'excludeHitsFromPreviousRun') !== false)
    findings.note('OBD-A-030', 'documents that an earlier run had matched did not count again; the query counts all of its window')
  if (type === 'esqlQuery') return esqlRule(esqlOf(params), input)
  if (type === 'searchSource') {
    const configuration = memberOf(params, 'searchConfiguration')
    const view = memberOf(configuration, 'index') ?? memberOf(configuration, 'indexRefName')
    return thresholdRule(input, indexOf(view, input), searchConfigurationFilter(configuration, findings))
  }
  const filter = dslFilter(wordOf(memberOf(params, 'esQuery')), findings)
  if (filter === undefined) return refuse(findings, 'the query (esQuery) is not understood')
  return thresholdRule(input, wordsOf(memberOf(params, 'index')).join(',') || undefined, filter)
}

/** `.index-threshold` */
export const indexThreshold: KindConverter = (input) => {
  const { rule, findings } = input
  const kql = wordOf(memberOf(rule.params, 'filterKuery'))
  const filter = kql === undefined || kql.trim() === '' ? everything : filterOf(parseKql(kql), 'the filter', findings)
  return thresholdRule(input, wordsOf(memberOf(rule.params, 'index')).join(',') || undefined, filter)
}

/** One criterion of a log threshold; undefined: its comparator is not known. */
function criterion(value: unknown): Filter | undefined {
  const field = wordOf(memberOf(value, 'field'))
  const [text] = wordsOf(memberOf(value, 'value'))
  const comparator = wordOf(memberOf(value, 'comparator'))
  if (field === undefined || text === undefined || comparator === undefined) return undefined
  const shown = `${field} ${comparator} ${text}`
  const bound = (inclusive: boolean) => ({ value: text, inclusive })
  switch (comparator) {
    case 'equals':
      return isOneOf(field, [text], shown)
    case 'does not equal':
      return noneOf(isOneOf(field, [text], shown))
    case 'matches':
      return leaf(field, { op: 'match', words: text, all: false }, shown)
    case 'does not match':
      return noneOf(leaf(field, { op: 'match', words: text, all: false }, shown))
    case 'matches phrase':
      return leaf(field, { op: 'phrase', words: text, slop: 0, prefix: false }, shown)
    case 'does not match phrase':
      return noneOf(leaf(field, { op: 'phrase', words: text, slop: 0, prefix: false }, shown))
    case 'more than':
      return isBetween(field, bound(false), undefined, shown)
    case 'more than or equals':
      return isBetween(field, bound(true), undefined, shown)
    case 'less than':
      return isBetween(field, undefined, bound(false), shown)
    case 'less than or equals':
      return isBetween(field, undefined, bound(true), shown)
    default:
      return undefined
  }
}

/** Criteria of a list, which all have to hold. */
function criteria(list: readonly unknown[], findings: Findings): Filter | undefined {
  const parts = list.map(criterion)
  if (parts.some((one) => one === undefined)) return refuse(findings, 'a criterion is not understood')
  return allOf(parts as Filter[])
}

/** Indices of the default log view. */
const defaultLogs = 'logs-*,filebeat-*'

function logsIndex(view: unknown, input: KindInput): string | undefined {
  const id = wordOf(memberOf(view, 'logViewId'))
  if (id === undefined || id === 'default') return defaultLogs
  const object = input.file.objects.get(`infrastructure-monitoring-log-view:${id}`)
  const indices = memberOf(memberOf(object, 'logIndices'), 'indexName')
  return (
    wordOf(indices) ??
    indexOf(
      memberOf(memberOf(object, 'logIndices'), 'indexPatternId') ?? memberOf(memberOf(object, 'logIndices'), 'dataViewId') ?? id,
      input,
    )
  )
}

/** `logs.alert.document.count` */
export const logThreshold: KindConverter = (input) => {
  const { rule, pieces, findings } = input
  const { params } = rule
  const window = windowOf(params, 'timeSize', 'timeUnit')
  if (window === undefined) return refuse(findings, 'the window (timeSize, timeUnit) is not understood')
  const limit = memberOf(params, 'count')
  const comparator = memberOf(limit, 'comparator')
  const threshold = numbersOf(memberOf(limit, 'value'))
  const index = logsIndex(memberOf(params, 'logView'), input)
  const by = wordsOf(memberOf(params, 'groupBy'))
  const list = listOf(memberOf(params, 'criteria'))
  const ask = (filter: Filter): string | undefined => pieces.count({ index, filter, by, window } satisfies Omit<Question, 'value'>)
  const isRatio = Array.isArray(list[0])
  const [first, second] = isRatio
    ? [criteria(listOf(list[0]), findings), criteria(listOf(list[1]), findings)]
    : [criteria(list.filter(isPlain), findings)]
  if (first === undefined) return undefined
  const numerator = ask(first)
  if (numerator === undefined) return undefined
  const zero = zeroFits(comparator, threshold)
  if (by.length > 0 && zero) findings.note('OBD-A-008', `a ${by.join(', ')} without any document is not told of`, 'approximate')
  let expr = numerator
  if (isRatio) {
    const denominator = second === undefined ? undefined : ask(second)
    if (denominator === undefined) return undefined
    // Where nothing matches the first list there is no series, and the share is 0.
    expr = `${bracketed(zero ? `${numerator} or 0 * ${denominator}` : numerator)} / ${bracketed(denominator)}`
  }
  const made = comparedBy(expr, comparator, threshold, by.length === 0 && !isRatio)
  return made === undefined ? refuse(findings, 'the comparison is not understood') : [{ expr: made }]
}
