/** Saved objects of Kibana for tests, what converters of them are handed, and a walker of their queries that shares no code with the conversion. */

import { convertKibana } from '../../../dashboards/kibana/converter.ts'
import type { Converted, Item } from '../../../dashboards/model.ts'
import { createFieldNaming } from '../../../dashboards/naming/fields.ts'
import type { Context, ConvertOptions } from '../../../dashboards/options.ts'
import { alertContext, faultsOf } from './alerts.ts'

export type Plain = Record<string, unknown>

/** A context with real names of fields. */
export function kibanaContext(options: Partial<ConvertOptions> = {}): Context {
  const context = alertContext(options)
  const flavour = options.to === 'kibana' ? 'elasticsearch-otel' : 'loki'
  return { ...context, fields: createFieldNaming({ rules: { renames: 'default' }, flavour, indices: context.options.indices }) }
}

/** A saved object. */
export const object = (type: string, id: string, attributes: Plain, references: readonly Plain[] = []): Plain => ({
  type,
  id,
  attributes,
  references,
})

export const dataView = (title = 'logs-*', more: Plain = {}): Plain =>
  object('index-pattern', 'dv', { title, timeFieldName: '@timestamp', ...more })

const search = 'kibanaSavedObjectMeta.searchSourceJSON.index'

/** A visualisation by aggregations over the data view. */
export const visualization = (id: string, state: Plain, source: Plain = {}): Plain =>
  object(
    'visualization',
    id,
    {
      title: id,
      visState: JSON.stringify({ title: id, ...state }),
      kibanaSavedObjectMeta: {
        searchSourceJSON: JSON.stringify({ indexRefName: search, filter: [], query: { query: '', language: 'kuery' }, ...source }),
      },
    },
    [{ name: search, type: 'index-pattern', id: 'dv' }],
  )

/** A dashboard of objects, one below the other. */
export const dashboard = (panels: readonly Plain[], attributes: Plain = {}, references: readonly Plain[] = []): Plain =>
  object(
    'dashboard',
    'board',
    {
      title: 'Board',
      panelsJSON: JSON.stringify(
        panels.map(({ type, id, panel = {} }, index) => ({
          type,
          panelIndex: String(index),
          gridData: { x: 0, y: index * 10, w: 48, h: 10, i: String(index) },
          embeddableConfig: {},
          ...(id === undefined ? {} : { panelRefName: `panel_${index}` }),
          ...(panel as Plain),
        })),
      ),
      ...attributes,
    },
    [...panels.flatMap(({ type, id }, index) => (id === undefined ? [] : [{ name: `panel_${index}`, type, id }])), ...references],
  )

/** Objects as an export writes them. */
export const ndjson = (...objects: readonly Plain[]): string => `${objects.map((each) => JSON.stringify(each)).join('\n')}\n`

/** Objects, with a dashboard of all that can stand on one, converted. */
export function convertedObjects(
  objects: readonly Plain[],
  options: Partial<ConvertOptions> = {},
  attributes: Plain = {},
  references: readonly Plain[] = [],
): Converted {
  const shown = objects.filter(({ type }) => type !== 'index-pattern' && type !== 'search-only')
  return convertKibana(
    { path: 'in.ndjson', text: ndjson(dataView(), ...objects, dashboard(shown, attributes, references)) },
    kibanaContext(options),
  )
}

/** Panels of the first file. */
export const panelsOf = (converted: Converted): readonly Plain[] =>
  (JSON.parse(converted.files[0]?.text ?? '{}') as { panels: Plain[] }).panels

/** Grafana's variables in a query replaced by what they stand for, as a grammar wants it. */
export const unmasked = (expr: string): string =>
  expr
    .replaceAll('($__interval_ms / 1000)', '60')
    .replaceAll('$__interval_ms', '60000')
    .replaceAll(/\$__(?:rate_)?interval/g, '1m')
    .replaceAll('$__range_s', '3600')
    .replaceAll('$__range', '1h')
    .replaceAll(/\$\{\w+:regex\}/g, 'x')
    .replaceAll(/\$\{\w+\}/g, '1')

/** Queries of items that their grammar does not understand. */
export const faultyQueries = (items: readonly Item[]): readonly string[] =>
  items
    .filter(({ kind }) => kind !== 'variable')
    .flatMap(({ after, afterLanguage }) => (after ?? '').split('\n').map((expr) => ({ expr, afterLanguage })))
    .filter(({ expr, afterLanguage }) => expr !== '' && faultsOf(afterLanguage, unmasked(expr)).length > 0)
    .map(({ expr }) => expr)

const parsed = (value: unknown): unknown => (typeof value === 'string' ? JSON.parse(value) : value)

const asked: Readonly<Record<string, (state: Plain) => number>> = {
  markdown: () => 0,
  input_control_vis: (state) => ((state.params as Plain).controls as unknown[]).length,
  metrics: (state) => {
    const params = state.params as Plain
    const shown = (params.series as Plain[]).filter((series) => !series.hidden).length
    return shown + (params.type === 'timeseries' ? ((params.annotations ?? []) as unknown[]).length : 0)
  },
  vega: () => 1,
  timelion: () => 1,
}

const buckets =
  /^(date_histogram|terms|filters?|histogram|(date_|ip_)?range|significant_terms|geohash_grid|geotile_grid|multi_terms|rare_terms)$/

/** Number of queries that an object on a dashboard asks. */
function queriesOf(type: string, attributes: Plain | undefined): number {
  if (attributes === undefined) return 1
  if (type === 'visualization') {
    const state = parsed(attributes.visState) as Plain
    const count = asked[String(state.type)]
    return count === undefined
      ? (state.aggs as Plain[]).filter(({ type: agg, enabled }) => enabled !== false && !buckets.test(String(agg))).length
      : count(state)
  }
  if (type !== 'lens') return 1
  const { visualization: visual, datasourceStates } = attributes.state as { visualization: Plain; datasourceStates: Plain }
  const layers = ((datasourceStates.formBased ?? datasourceStates.indexpattern) as Plain).layers as Record<
    string,
    { columns: Record<string, Plain> }
  >
  const text = JSON.stringify({
    ...visual,
    layers: ((visual.layers ?? []) as Plain[]).filter((layer) => layer.layerType !== 'referenceLine'),
  })
  return Object.values(layers)
    .flatMap(({ columns }) => Object.entries(columns))
    .filter(([id, column]) => column.isBucketed === false && text.includes(JSON.stringify(id))).length
}

/** Counts queries of an export: panels of dashboards, objects on none, controls. */
export function countQueries(text: string): number {
  const whole = text.startsWith('[')
    ? (JSON.parse(text) as Plain[])
    : text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Plain]))
  const objects = whole
    .map(
      (each): Plain => ({
        type: each.type ?? each._type,
        id: each.id ?? each._id,
        attributes: each.attributes ?? each._source,
        references: each.references ?? [],
      }),
    )
    .filter(({ attributes }) => attributes !== undefined)
  const find = (type: unknown, id: unknown): Plain | undefined =>
    objects.find((each) => each.type === type && each.id === id)?.attributes as Plain | undefined
  const used = new Set<unknown>()
  let count = 0
  for (const { type, attributes, references } of objects) {
    const links = references as Plain[]
    for (const link of links) if (link.type === 'search') used.add(link.id)
    if (type !== 'dashboard') continue
    for (const panel of parsed((attributes as Plain).panelsJSON) as Plain[]) {
      const link = links.find(
        ({ name }) => name === panel.panelRefName || name === `${String(panel.panelIndex)}:${String(panel.panelRefName)}`,
      )
      const [kind, id] = [panel.type ?? link?.type, link?.id ?? panel.id]
      used.add(id)
      count += queriesOf(String(kind), find(kind, id))
    }
    const group = (attributes as Plain).controlGroupInput as Plain | undefined
    if (group !== undefined) count += Object.keys(parsed(group.panelsJSON) as Plain).length
  }
  for (const { type, id, attributes } of objects) {
    if (!used.has(id) && (type === 'visualization' || type === 'lens' || type === 'search'))
      count += queriesOf(String(type), attributes as Plain)
  }
  return count
}

/** Whether no two places overlap, and panels stand in reading order. */
export function layoutFaults(panels: readonly Plain[]): readonly string[] {
  const faults: string[] = []
  const places = panels.map(({ gridPos }) => gridPos as { x: number; y: number; w: number; h: number })
  for (const [index, one] of places.entries()) {
    if (one.x < 0 || one.x + one.w > 24 || one.w < 1 || one.h < 1) faults.push(`${index} is outside`)
    for (const [other, two] of places.slice(0, index).entries()) {
      if (one.x < two.x + two.w && two.x < one.x + one.w && one.y < two.y + two.h && two.y < one.y + one.h)
        faults.push(`${other} and ${index} overlap`)
      if (two.y > one.y || (two.y === one.y && two.x > one.x)) faults.push(`${index} stands before ${other}`)
    }
  }
  return faults
}
