/** Fields inside of saved objects → their new names: every place of an object that names one, with the strings that hold JSON read and written again. */

import { isPattern, matches } from '../../src/translate/patterns.ts'
import { parseKql } from '../filters/kql.ts'
import { parseLucene } from '../filters/lucene.ts'
import type { FieldSpan } from '../filters/model.ts'
import { applyEdits } from '../text/edits.ts'
import { formulaFields } from './formula-fields.ts'
import { isObject, type Json, type JsonObject, objectOf, objectsOf, parseJson, textOf } from './value.ts'

export interface Renaming {
  /** New name of a field. */
  field(name: string): string
  /** Fields whose values differ → why. */
  readonly doubtful: ReadonlyMap<string, string>
  /** What was left as it is, in sentences. */
  readonly kept: Set<string>
}

/** Members that hold JSON as text. */
const holdsJson: ReadonlySet<string> = new Set([
  'panelsJSON',
  'optionsJSON',
  'visState',
  'uiStateJSON',
  'searchSourceJSON',
  'layerListJSON',
  'ignoreParentSettingsJSON',
  'fieldFormatMap',
  'fieldAttrs',
  'runtimeFieldMap',
  'fields',
])

/** Members that name a field. */
const namesField: ReadonlySet<string> = new Set([
  'field',
  'sourceField',
  'fieldName',
  'field_name',
  'terms_field',
  'pivot_id',
  'sortField',
  'geoField',
  'termField',
  'key',
  'metricField',
  'order_by',
])

/** Members that name several. */
const namesFields: ReadonlySet<string> = new Set([
  'columns',
  'secondaryFields',
  'fields',
  'terms_field',
  'tooltipProperties',
  'parentFieldName',
])

/** Members whose keys are fields. */
const keyedByField: ReadonlySet<string> = new Set(['fieldFormatMap', 'fieldAttrs', 'runtimeFieldMap'])

/** Clauses of the query DSL whose only key is a field. */
const clauses: ReadonlySet<string> = new Set([
  'term',
  'terms',
  'match',
  'match_phrase',
  'match_phrase_prefix',
  'match_bool_prefix',
  'range',
  'prefix',
  'wildcard',
  'regexp',
  'fuzzy',
  'geo_distance',
  'geo_bounding_box',
  'common',
  'intervals',
])

/** Members that name an index pattern. */
const namesIndex: ReadonlySet<string> = new Set(['index_pattern', 'series_index_pattern', 'default_index_pattern'])

/** Where Elasticsearch keeps logs that came by OTLP. */
export const otelIndices = 'logs-*.otel-*'

/** Whether a pattern reaches logs that came by OTLP. */
export const reachesOtel = (index: string): boolean =>
  index
    .split(',')
    .map((each) => each.trim())
    .some((each) => each === otelIndices || (!each.startsWith('-') && isPattern(each) && matches(each, 'logs-generic.otel-default')))

const renamedIndex = (index: string): string => (index === '' || reachesOtel(index) ? index : otelIndices)

const untouched = /^(?:___records___|@timestamp|_source|_id|_index|_score|_key|_term|_count|)$/

const maxDepth = 200

const rename = (name: string, renaming: Renaming): string => (untouched.test(name) ? name : renaming.field(name))

function editSpans(text: string, spans: readonly FieldSpan[], renaming: Renaming, written: (name: string) => string): string {
  const edits = spans.flatMap(({ start, end, name }) => {
    const to = rename(name, renaming)
    return to === name ? [] : [{ start, end, to: written(to) }]
  })
  return applyEdits(text, edits)
}

/** A query in KQL or Lucene; one that cannot be read stays. */
export function renamedQuery(text: string, language: Json | undefined, renaming: Renaming): string {
  if (text.trim() === '') return text
  const parsed = language === 'kuery' ? parseKql(text) : parseLucene(text)
  if (!parsed.ok) {
    renaming.kept.add(`The query ${JSON.stringify(text.slice(0, 200))} cannot be read: ${parsed.why}.`)
    return text
  }
  return editSpans(text, parsed.fields, renaming, (name) => name.replaceAll(/[\s:"\\(){}<>]/g, (sign) => `\\${sign}`))
}

function renamedFormula(formula: string, renaming: Renaming): string {
  const spans = formulaFields(formula)
  if (spans === undefined) {
    renaming.kept.add(`The formula ${JSON.stringify(formula.slice(0, 200))} cannot be read.`)
    return formula
  }
  return applyEdits(
    formula,
    spans.flatMap(({ start, end, text, kind }) => {
      const to = kind === 'field' ? rename(text, renaming) : renamedQuery(text, kind === 'kql' ? 'kuery' : 'lucene', renaming)
      if (to === text) return []
      return [
        {
          start,
          end,
          to: kind === 'field' && /^[\p{L}_@][\p{L}\p{N}_@.]*$/u.test(to) ? to : `'${to.replaceAll(/[\\']/g, (sign) => `\\${sign}`)}'`,
        },
      ]
    }),
  )
}

interface At {
  readonly type: string
  readonly depth: number
  /** Ids of a series' metrics, which stand where fields stand. */
  readonly ids: ReadonlySet<string>
  /** Inside of a query of the JSON query DSL. */
  readonly isDsl: boolean
  /** Member that this is the value of. */
  readonly key: string
}

const changed = (before: JsonObject, after: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.entries(after).every(([key, value]) => Object.hasOwn(before, key) && before[key] === value) &&
  Object.keys(before).length === Object.keys(after).length
    ? before
    : after

/** An object in which a member's key became another. */
const entriesOf = (entries: readonly (readonly [string, Json | undefined])[]): Record<string, Json | undefined> => {
  const object: Record<string, Json | undefined> = Object.create(null)
  for (const [key, value] of entries) object[key] = value
  return object
}

const isIdOf = (value: string, ids: ReadonlySet<string>): boolean => ids.has(value.replace(/\[[^\]]*\]$/, ''))

function member(key: string, value: Json, here: JsonObject, at: At, renaming: Renaming): Json {
  const inner: At = { ...at, depth: at.depth + 1, key }
  if (typeof value === 'string') {
    if (holdsJson.has(key) && /^\s*[[{]/.test(value)) {
      const parsed = parseJson(value)
      if (parsed === undefined) {
        renaming.kept.add(`${key} of a ${at.type} is no JSON.`)
        return value
      }
      const after = keyedByField.has(key) && isObject(parsed) ? byField(parsed, renaming) : walk(parsed, inner, renaming)
      return after === parsed ? value : JSON.stringify(after)
    }
    if (key === 'query' && typeof here.language === 'string') return renamedQuery(value, here.language, renaming)
    if (key === 'query' && at.key === 'query_string') return renamedQuery(value, 'lucene', renaming)
    if (key === 'query_string') return renamedQuery(value, 'lucene', renaming)
    if (key === 'formula') return renamedFormula(value, renaming)
    if (key === 'key' && at.key !== 'meta') return value
    if (key === 'name' && at.key === 'fields' && at.type === 'index-pattern') return rename(value, renaming)
    if (key === 'fields' && at.key === 'annotations') {
      return value
        .split(',')
        .map((each) => each.replace(/\S+/, (name) => rename(name, renaming)))
        .join(',')
    }
    if (key === 'field' && at.key === 'variables') return value
    if (namesIndex.has(key) || (key === 'title' && at.type === 'index-pattern' && at.key === 'attributes')) return renamedIndex(value)
    if (namesField.has(key) && !isIdOf(value, at.ids)) return rename(value, renaming)
    return value
  }
  if (keyedByField.has(key) && isObject(value)) return byField(value, renaming)
  if (namesFields.has(key) && Array.isArray(value))
    return list(value, (each) =>
      typeof each === 'string'
        ? rename(each.replace(/\^[\d.]+$/, ''), renaming) + (/\^[\d.]+$/.exec(each)?.[0] ?? '')
        : walk(each, inner, renaming),
    )
  if (key === 'sort' && Array.isArray(value)) return sorted(value, renaming)
  if (isObject(value) && clauses.has(key) && (at.isDsl || isFilterKey(at.key, here))) return byField(value, renaming)
  return walk(value, { ...inner, isDsl: at.isDsl || key === 'query' || key === 'bool' || key === 'filter' }, renaming)
}

/** Old filters have their clause beside `meta`. */
const isFilterKey = (_key: string, here: JsonObject): boolean => isObject(here.meta)

/** `[["f","desc"]]`, `["f","desc"]` of old. */
function sorted(value: readonly Json[], renaming: Renaming): Json {
  const isPair = typeof value[0] === 'string'
  return list(value, (each, index) => {
    if (isPair) return index === 0 && typeof each === 'string' ? rename(each, renaming) : each
    if (!Array.isArray(each)) return each
    return list(each as readonly Json[], (one, position) => (position === 0 && typeof one === 'string' ? rename(one, renaming) : one))
  })
}

function list(value: readonly Json[], of: (each: Json, index: number) => Json): Json {
  const after = value.map(of)
  return after.every((each, index) => each === value[index]) ? value : after
}

function byField(value: JsonObject, renaming: Renaming): JsonObject {
  const special = new Set(['boost', '_name', 'distance', 'ignore_unmapped'])
  return changed(
    value,
    entriesOf(Object.entries(value).map(([key, each]) => [special.has(key) ? key : rename(key, renaming), each] as const)),
  )
}

/** Walks a value. Values that do not change are the same afterwards, so that their text can stay. */
function walk(value: Json, at: At, renaming: Renaming): Json {
  if (at.depth > maxDepth) return value
  if (Array.isArray(value)) return list(value as readonly Json[], (each) => walk(each, { ...at, depth: at.depth + 1 }, renaming))
  if (!isObject(value)) return value
  const ids = value.metrics === undefined ? at.ids : new Set(objectsOf(value.metrics).flatMap(({ id }) => textOf(id) ?? []))
  const here = { ...at, ids }
  return changed(
    value,
    entriesOf(
      Object.entries(value).map(([key, each]) => [key, each === undefined ? undefined : member(key, each, value, here, renaming)] as const),
    ),
  )
}

/** Attributes of an object with fields renamed; members that did not change are the same values. */
export function renameAttributes(type: string, attributes: JsonObject, renaming: Renaming): JsonObject {
  const after = objectOf(walk(attributes, { type, depth: 0, ids: new Set(), isDsl: false, key: 'attributes' }, renaming))
  if (type === 'index-pattern' && textOf(attributes.timeFieldName) !== undefined)
    return { ...after, timeFieldName: attributes.timeFieldName }
  return after
}
