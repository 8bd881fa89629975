/** A panel of Kibana, whatever its kind → a panel without its product: section 8.3. */

import type { Note } from '../model.ts'
import type { KibanaPanel } from './dashboard.ts'
import { searchPanel } from './discover.ts'
import { lensPanel } from './lens.ts'
import { emptyPanel, type NeutralPanel } from './model.ts'
import { emptyPlaceholder, imagePanel, linksPanel, mapPanel, markdownPanel, placeholderPanel } from './others.ts'
import type { Scope } from './scope.ts'
import { timelionPanel } from './timelion.ts'
import { tsvbPanel } from './tsvb.ts'
import { at, isObject, type Json, type JsonObject, objectOf, textOf } from './value.ts'
import { visualizationPanel } from './visualization.ts'

/** State of a visualisation: `visState` as text or not, or one that stands in the panel (`savedVis`). */
export function stateOf(attributes: JsonObject): JsonObject {
  if (attributes.visState !== undefined) return objectOf(attributes.visState)
  const data = objectOf(attributes.data)
  return { type: attributes.type ?? null, params: attributes.params ?? {}, title: attributes.title ?? '', aggs: data.aggs ?? [] }
}

/** Attributes of a visualisation that stands in its panel, in the shape of saved ones. */
const savedShape = (attributes: JsonObject): JsonObject =>
  attributes.visState === undefined && isObject(attributes.data)
    ? {
        ...attributes,
        kibanaSavedObjectMeta: { searchSourceJSON: at(attributes, 'data', 'searchSource') ?? {} },
        ...(textOf(at(attributes, 'data', 'savedSearchId')) === undefined
          ? {}
          : { savedSearchId: at(attributes, 'data', 'savedSearchId') ?? null }),
      }
    : attributes

const asText = (value: Json | undefined): string => (typeof value === 'string' ? value : JSON.stringify(value ?? null))

function visualization(panel: KibanaPanel, attributes: JsonObject, scope: Scope, id: string, where: string): NeutralPanel {
  const state = stateOf(attributes)
  const type = textOf(state.type) ?? ''
  const original: Json = { panel: panel.original, attributes }
  switch (type) {
    case 'markdown':
      return markdownPanel(textOf(at(state, 'params', 'markdown')) ?? '', id, panel.title)
    case 'metrics':
      return { ...tsvbPanel(state, panel.references, scope, where), original }
    case 'timelion':
      return timelionPanel(state, scope, where, panel.title, original)
    case 'vega':
      return placeholderPanel(
        { language: 'vega', text: asText(at(state, 'params', 'spec')), what: 'vega' },
        where,
        panel.title,
        { code: 'OBD-K-009', text: 'Vega is a program that draws by itself; it is kept as text.' },
        original,
      )
    default: {
      const made = visualizationPanel(state, savedShape(attributes), panel.references, scope, where)
      const note: Note = { code: 'OBD-K-002', text: `A visualisation of the kind ${JSON.stringify(type)} is not known.` }
      return made === undefined
        ? placeholderPanel({ language: 'other', text: JSON.stringify(state), what: type }, where, panel.title, note, original)
        : { ...made, original }
    }
  }
}

const missing = (panel: KibanaPanel, where: string): NeutralPanel => {
  const id = panel.objectId ?? ''
  const note: Note = { code: 'OBD-K-001', text: `The ${panel.type === '' ? 'object' : panel.type} ${id} is not in the source.` }
  const placeholder = placeholderPanel(
    { language: 'other', text: `${panel.type} ${id}`.trim(), what: 'missing' },
    where,
    panel.title,
    note,
    panel.original,
  )
  return {
    ...placeholder,
    layers: placeholder.layers.map((layer) => ({ ...layer, asked: layer.asked.map((each) => ({ ...each, floor: 'manual' as const })) })),
  }
}

/** Converts a panel. `id`: of the panel in the report. */
export function neutralPanel(panel: KibanaPanel, scope: Scope, id: string): NeutralPanel {
  const { attributes, config } = panel
  const where = panel.where
  if (attributes === undefined) return missing(panel, where)
  const original: Json = { panel: panel.original, attributes }
  const unknown = (what: string): NeutralPanel =>
    placeholderPanel(
      { language: 'other', text: JSON.stringify(attributes), what },
      where,
      panel.title,
      { code: 'OBD-K-002', text: `A panel of the kind ${JSON.stringify(panel.type)} has no counterpart.` },
      original,
    )
  switch (panel.type) {
    case 'visualization':
      return visualization(panel, attributes, scope, id, where)
    case 'lens': {
      const made = lensPanel(attributes, panel.references, scope, where)
      return made === undefined ? unknown('lens') : { ...made, original }
    }
    case 'search':
    case 'discover_session':
      return { ...searchPanel(attributes, panel.references, config, scope, where), original }
    case 'map':
      return mapPanel(attributes, where, original)
    case 'links':
      return linksPanel(attributes, panel.references, id, panel.title)
    case 'markdown':
    case 'DASHBOARD_MARKDOWN':
      return markdownPanel(textOf(config.content) ?? textOf(attributes.content) ?? '', id, panel.title)
    case 'image':
    case 'image_embeddable':
      return (
        imagePanel(config, id, panel.title) ??
        emptyPlaceholder('image', id, panel.title, original, 'The picture was uploaded to Kibana, and is not in the export.')
      )
    case 'canvas-workpad':
      return placeholderPanel(
        { language: 'other', text: JSON.stringify(attributes), what: 'canvas' },
        where,
        panel.title,
        { code: 'OBD-K-009', text: 'Canvas is a program that draws by itself; it is kept as text.' },
        original,
      )
    case 'LOG_STREAM_EMBEDDABLE':
      return {
        ...searchPanel(
          { title: panel.title, kibanaSavedObjectMeta: { searchSourceJSON: { query: config.query ?? attributes.query ?? null } } },
          [],
          {},
          scope,
          where,
        ),
        original,
      }
    case '':
      return Object.keys(attributes).length === 0 ? { ...emptyPanel, text: '' } : unknown('')
    default:
      return unknown(panel.type)
  }
}
