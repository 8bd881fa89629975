/** ES|QL in Lens and Discover → a question to logs: the `textBased` row of section 8.3. */

import type { Asked, Layer } from './model.ts'
import type { Scope } from './scope.ts'
import { at, type JsonObject, objectOf, textOf } from './value.ts'

/** A layer with a query of its own; one query of the source. */
export function esqlLayer(id: string, layer: JsonObject, state: JsonObject, scope: Scope, where: string): Layer {
  const text = textOf(at(layer, 'query', 'esql')) ?? textOf(at(state, 'query', 'esql')) ?? ''
  const asked: Asked = {
    id: `${id}/esql`,
    metrics: [],
    where: `${where}.layers.${id}.query.esql`,
    title: 'ES|QL',
    before: text,
    language: 'esql',
    style: {},
    floor: 'unsupported',
    notes: [{ code: 'OBD-K-003', text: 'The query of ES|QL cannot be read.' }],
  }
  void scope
  void objectOf
  return { id, query: undefined, asked: [asked] }
}
