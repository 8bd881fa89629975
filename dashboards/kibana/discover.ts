/** Saved searches (Discover) → panels of logs: section 8.3. */

import { worse } from '../model.ts'
import { esqlLayer } from './lens-esql.ts'
import { type Asked, emptyPanel, type NeutralPanel } from './model.ts'
import type { Reference } from './saved-objects.ts'
import { type Scope, together } from './scope.ts'
import { sourceOf } from './searches.ts'
import { at, type Json, type JsonObject, listOf, objectOf, textOf, textsOf } from './value.ts'
import { searchedObject } from './visualization.ts'

/** Most lines that a panel asks for. */
const maxLines = 1000

/** `[["@timestamp","desc"]]`, `["@timestamp","desc"]` of old: the first field. */
function sortOf(value: Json | undefined): { readonly field: string; readonly direction: 'asc' | 'desc' } | undefined {
  const list = listOf(value)
  const pair = Array.isArray(list[0]) ? listOf(list[0]) : list
  const field = textOf(pair[0])
  return field === undefined ? undefined : { field, direction: pair[1] === 'asc' ? 'asc' : 'desc' }
}

/** A panel of documents. The panel's own columns and order go before those of the search. */
export function searchPanel(
  attributes: JsonObject,
  references: readonly Reference[],
  config: JsonObject,
  scope: Scope,
  where: string,
): NeutralPanel {
  const source = sourceOf(attributes)
  const esql = textOf(at(source, 'query', 'esql'))
  if (esql !== undefined) {
    const layer = esqlLayer('search', { query: source.query ?? null }, {}, scope, where)
    const hasGroups = layer.query?.shape !== 'logs'
    return { ...emptyPanel, type: hasGroups ? 'table' : 'logs', layers: [layer] }
  }
  const { searched, view } = searchedObject(attributes, references, scope)
  const all = together(scope.around, searched)
  const listed = textsOf(config.columns).length > 0 ? textsOf(config.columns) : textsOf(attributes.columns)
  const columns = listed.filter((each) => each !== '_source' && each !== 'Document').slice(0, 100)
  const sort = sortOf(listOf(config.sort).length > 0 ? config.sort : attributes.sort)
  const byTime = sort === undefined || sort.field === view.timeField || sort.field === '@timestamp'
  const asked: Asked = {
    id: 'search',
    metrics: [],
    where,
    title: textOf(attributes.title) ?? '',
    before: JSON.stringify({
      index: view.index,
      ...(all.text === '' ? {} : { query: all.text }),
      columns: listed,
      ...(sort === undefined ? {} : { sort: [sort.field, sort.direction] }),
    }),
    language: languageOfSource(source),
    style: {},
    floor: worse(all.floor, 'approximate'),
    notes: [
      ...all.notes,
      { code: 'OBD-K-004', text: `The old panel is a table of documents; the new one shows at most ${maxLines} lines.` },
    ],
  }
  return {
    ...emptyPanel,
    type: 'logs',
    layers: [
      {
        id: 'search',
        view,
        query:
          all.filter === undefined
            ? undefined
            : {
                index: view.index,
                filter: all.filter,
                metrics: [],
                buckets: [],
                shape: 'logs',
                limit: maxLines,
                ...(columns.length === 0 ? {} : { columns }),
                ...(sort === undefined ? {} : { sort: { ...(byTime ? {} : { field: sort.field }), direction: sort.direction } }),
              },
        asked: [asked],
      },
    ],
    display: { sort: { column: '', desc: sort?.direction !== 'asc' } },
  }
}

const languageOfSource = (source: JsonObject): Asked['language'] => {
  const language = objectOf(source.query).language
  return language === 'kuery' ? 'kql' : language === 'lucene' ? 'lucene' : 'es-dsl'
}
