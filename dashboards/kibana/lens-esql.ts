/** ES|QL in Lens and Discover → a question to logs: the `textBased` row of section 8.3. */

import { parseEsql } from '../filters/esql.ts'
import { allOf } from '../filters/model.ts'
import { type Note, type Status, worse } from '../model.ts'
import type { Asked, Layer } from './model.ts'
import { type Scope, together } from './scope.ts'
import { searchedFilters } from './searches.ts'
import { at, type JsonObject, textOf } from './value.ts'

/** A layer with a query of its own; one query of the source. Filters around it hold for it, too. */
export function esqlLayer(id: string, layer: JsonObject, state: JsonObject, scope: Scope, where: string): Layer {
  const text = textOf(at(layer, 'query', 'esql')) ?? textOf(at(state, 'query', 'esql')) ?? ''
  const parsed = parseEsql(text)
  const around = together(scope.around, searchedFilters(state.filters))
  const notes: Note[] = [...around.notes]
  let floor: Status = around.floor
  if (!parsed.ok) {
    notes.push({ code: 'OBD-K-003', text: `The query of ES|QL cannot be read: ${parsed.why}, at ${parsed.at}.` })
    floor = 'unsupported'
  } else {
    for (const remark of parsed.remarks) notes.push({ code: 'OBD-K-010', text: `In ES|QL: ${remark}.` })
    if (parsed.remarks.length > 0) floor = worse(floor, 'approximate')
  }
  const asked: Asked = {
    id: `${id}/esql`,
    metrics: [],
    where: `${where}.layers.${id}.query.esql`,
    title: parsed.ok ? parsed.query.metrics.map(({ label, id: name }) => label ?? name).join(', ') : 'ES|QL',
    before: text,
    language: 'esql',
    style: {},
    floor,
    notes,
  }
  const query =
    parsed.ok && around.filter !== undefined ? { ...parsed.query, filter: allOf([around.filter, parsed.query.filter]) } : undefined
  return { id, query, asked: [asked] }
}
