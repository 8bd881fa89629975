/** Search bars, filters and saved searches of Kibana → filters: last sentences of section 7.2, and 8.1. */

import { parseKibanaFilter, parseKibanaQuery } from '../filters/kibana-filter.ts'
import { parseKql } from '../filters/kql.ts'
import { parseLucene } from '../filters/lucene.ts'
import type { Parsed } from '../filters/model.ts'
import type { Language, Note } from '../model.ts'
import { allDocuments, type Searched, together } from './scope.ts'
import { at, isObject, isTrue, type Json, type JsonObject, objectOf, objectsOf, textOf } from './value.ts'

/** Most filters of one search. */
const maxFilters = 1000

const readable = (parsed: Parsed, text: string): Searched => {
  if (parsed.ok) {
    return { filter: parsed.filter, floor: 'exact', notes: [], text }
  }
  const note: Note = {
    code: 'OBD-K-003',
    text: `The filter ${JSON.stringify(text.slice(0, 200))} cannot be read: ${parsed.why}, at ${parsed.at}.`,
  }
  return { filter: undefined, floor: 'unsupported', notes: [note], text }
}

/** Language of a query as its report names it. */
export const languageOf = (language: Json | undefined): Language =>
  language === 'kuery' ? 'kql' : language === 'lucene' ? 'lucene' : 'es-dsl'

/** A text in a language: `kuery` or `lucene`, which is the default of old objects. */
export function searchedText(text: string, language: Json | undefined): Searched {
  if (text.trim() === '' || text.trim() === '*') return allDocuments
  if (language === 'esql' || language === 'sql') {
    return { filter: undefined, floor: 'unsupported', notes: [{ code: 'OBD-K-003', text: `A query in ${language} is no filter.` }], text }
  }
  return readable(language === 'kuery' ? parseKql(text) : parseLucene(text), text)
}

/** What stands in a search bar: `{query, language}`, where `query` may be an object of the JSON query DSL; a bare text is Lucene. */
export function searchedQuery(query: Json | undefined): Searched {
  if (typeof query === 'string') return searchedText(query, 'lucene')
  if (!isObject(query)) return allDocuments
  const inner = query.query
  if (typeof inner === 'string') return searchedText(inner, query.language ?? 'lucene')
  const dsl = isObject(inner) ? inner : query
  if (Object.keys(dsl).length === 0 || (dsl === query && inner === undefined && query.language !== undefined)) return allDocuments
  if (textOf(at(dsl, 'query_string', 'query'))?.trim() === '*') return allDocuments
  return readable(parseKibanaQuery(query), JSON.stringify(dsl))
}

/** What a filter of Kibana says, in a few words. */
function filterText(filter: JsonObject): string {
  const meta = objectOf(filter.meta)
  const alias = textOf(meta.alias)
  if (alias !== undefined) return alias
  const key = textOf(meta.key)
  const value = textOf(meta.value) ?? textOf(at(meta, 'params', 'query'))
  const plain = key === undefined ? JSON.stringify(filter.query ?? filter).slice(0, 300) : `${key}: ${value ?? textOf(meta.type) ?? ''}`
  return isTrue(meta.negate) ? `not ${plain}` : plain
}

/** Filters of a search; disabled ones are left out. */
export function searchedFilters(filters: Json | undefined): Searched {
  const list = objectsOf(filters)
  if (list.length > maxFilters) {
    return {
      filter: undefined,
      floor: 'unsupported',
      notes: [{ code: 'OBD-K-003', text: `There are more than ${maxFilters} filters.` }],
      text: '',
    }
  }
  const parts = list
    .filter((filter) => !isTrue(at(filter, 'meta', 'disabled')))
    .map((filter) => {
      const read = parseKibanaFilter(filter)
      const text = filterText(filter)
      if (!read.ok) return readable({ ...read, at: 0 }, text)
      return read.filter.kind === 'all' ? allDocuments : readable({ ...read, fields: [] }, text)
    })
  return together(...parts)
}

/** A search source: query and filters. */
export const searchedSource = (source: JsonObject): Searched =>
  together(searchedQuery(source.query), searchedFilters(source.filter ?? source.filters))

/** The search source of an object. */
export const sourceOf = (attributes: JsonObject): JsonObject => objectOf(at(attributes, 'kibanaSavedObjectMeta', 'searchSourceJSON'))
