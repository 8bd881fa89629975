/** Lens → panels: section 8.3. */

import type { Bucket, LogQuery } from '../logql/query.ts'
import { worse } from '../model.ts'
import { type Remarks, remark, remarks } from './aggregations.ts'
import { colourOf, isShared, paletteSteps } from './colours.ts'
import { type IndexViews, withAdHoc } from './data-views.ts'
import { columnBucket, columnMetric, columnTitle, isGroup, isTime, type LensLayer } from './lens-columns.ts'
import { esqlLayer } from './lens-esql.ts'
import { type Shown, shownBy } from './lens-visuals.ts'
import {
  type AnnotationQuery,
  type Asked,
  emptyPanel,
  type Layer,
  type NeutralPanel,
  type PartNote,
  type ReferenceLine,
  type SeriesStyle,
} from './model.ts'
import { type Reference, referencesOf } from './saved-objects.ts'
import { allDocuments, type Scope, type Searched, together } from './scope.ts'
import { searchedFilters, searchedQuery } from './searches.ts'
import { fieldStyle, formatStyle } from './units.ts'
import { at, isObject, isTrue, type JsonObject, membersOf, numberOf, objectOf, objectsOf, textOf, textsOf } from './value.ts'

function layerOf(id: string, layer: JsonObject, references: readonly Reference[], views: IndexViews): LensLayer {
  const columns = new Map(membersOf(layer.columns).flatMap(([key, column]) => (isObject(column) ? [[key, column] as const] : [])))
  const own = textOf(layer.indexPatternId)
  const view =
    own === undefined
      ? views.byReference(references, `indexpattern-datasource-layer-${id}`, 'indexpattern-datasource-current-indexpattern')
      : views.byId(own)
  const order = textsOf(layer.columnOrder)
  return { columns, order: order.length > 0 ? order : [...columns.keys()], view }
}

/** Operations whose numbers are in the unit of their field. */
const keepsUnit: ReadonlySet<string> = new Set(['sum', 'average', 'median', 'min', 'max', 'percentile', 'last_value', 'standard_deviation'])

function styleOf(id: string, layer: LensLayer, shown: Shown): SeriesStyle {
  const column = layer.columns.get(id)
  const format = formatStyle(at(column, 'params', 'format'))
  const field = textOf(column?.sourceField)
  const byField =
    field !== undefined && keepsUnit.has(textOf(column?.operationType) ?? '') ? (layer.view.formats.get(field) ?? fieldStyle(field)) : {}
  return { ...(format.unit === undefined ? byField : format), ...shown.styles.get(id) }
}

interface Reading {
  readonly scope: Scope
  readonly searched: Searched
  readonly where: string
}

/** A data layer: its metrics are what the visualisation shows of it. */
function dataLayer(id: string, layer: LensLayer, shown: Shown, reading: Reading): Layer {
  const { searched, where } = reading
  const shared: Remarks = remarks()
  const wanted = shown.metrics.get(id) ?? []
  const groups = (shown.groups.get(id) ?? []).filter((each) => layer.columns.has(each))
  const hidden = new Set<string>()
  const ordered = groups.toSorted((one, other) => Number(isTime(layer.columns.get(one))) - Number(isTime(layer.columns.get(other))))
  const buckets: readonly Bucket[] = ordered.map((each) => columnBucket(each, layer, wanted, hidden, shared))
  const ranges = new Set(wanted.map((each) => textOf(layer.columns.get(each)?.reducedTimeRange)))
  const [reduced] = ranges
  if (ranges.size > 1) remark(shared, 'unsupported', { code: 'OBD-K-010', text: 'Some of its metrics are over a time range of their own.' })
  const overTime = buckets.some(({ kind }) => kind === 'time')
  const asked: Asked[] = []
  const metrics = wanted.map((each) => {
    const own = remarks()
    const metric = columnMetric(each, layer, own)
    const column = layer.columns.get(each)
    asked.push({
      id: `${id}/${each}`,
      metrics: [each],
      where: `${where}.layers.${id}.columns.${each}`,
      title: columnTitle(column, each),
      before: JSON.stringify({
        index: layer.view.index,
        ...(searched.text === '' ? {} : { query: searched.text }),
        metric: shownColumn(column),
        ...(ordered.length === 0 ? {} : { groups: ordered.map((group) => shownColumn(layer.columns.get(group))) }),
      }),
      language: 'es-dsl',
      style: styleOf(each, layer, shown),
      floor: own.floor,
      notes: own.notes,
    })
    return metric
  })
  const windowed = metrics.some(({ value }) => value.kind === 'window')
  const floor = worse(searched.floor, shared.floor)
  const query: LogQuery | undefined =
    searched.filter === undefined || floor === 'unsupported'
      ? undefined
      : {
          index: layer.view.index,
          filter: searched.filter,
          metrics: [...metrics, ...[...hidden].map((each) => columnMetric(each, layer, remarks(), true))],
          buckets,
          shape: overTime || windowed ? 'range' : 'instant',
          ...(reduced === undefined ? {} : { interval: reduced }),
        }
  return {
    id,
    view: layer.view,
    query,
    asked: asked.map((each) => ({ ...each, floor: worse(each.floor, floor), notes: [...each.notes, ...searched.notes, ...shared.notes] })),
  }
}

/** What of a column decides about its numbers. */
function shownColumn(column: JsonObject | undefined): JsonObject {
  const { operationType, sourceField, params, filter, timeShift, timeScale, reducedTimeRange } = column ?? {}
  const entries = Object.entries({ operationType, sourceField, params, filter, timeShift, timeScale, reducedTimeRange })
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** Lines of reference layers that are constants; others are named. */
function referenceLines(layers: readonly JsonObject[], data: ReadonlyMap<string, LensLayer>, parts: PartNote[]): readonly ReferenceLine[] {
  const lines: ReferenceLine[] = []
  for (const layer of layers) {
    if (layer.layerType !== 'referenceLine') continue
    const id = textOf(layer.layerId) ?? ''
    for (const accessor of textsOf(layer.accessors)) {
      const column = data.get(id)?.columns.get(accessor)
      const config = objectsOf(layer.yConfig).find(({ forAccessor }) => forAccessor === accessor)
      // Exports now and then leave the column of a constant out.
      const value =
        numberOf(at(column, 'params', 'value')) ??
        (column?.operationType === 'formula' ? numberOf(at(column, 'params', 'formula')) : undefined)
      if (value !== undefined) lines.push({ title: columnTitle(column, 'Reference line'), value, color: colourOf(config?.color) })
      else {
        parts.push({
          kind: 'panel',
          id: `reference/${id}/${accessor}`,
          title: columnTitle(column, accessor),
          status: 'unsupported',
          before: JSON.stringify(column ?? layer),
          after: undefined,
          notes: [
            {
              code: 'OBD-K-007',
              text:
                column === undefined
                  ? 'The reference line has no value in the export.'
                  : 'A reference line that is no constant is left out.',
            },
          ],
        })
      }
    }
  }
  return lines
}

/** Annotation layers: those by a query become annotations of the dashboard, those by hand are named. */
function annotationsOf(
  layers: readonly JsonObject[],
  references: readonly Reference[],
  reading: Reading,
  views: IndexViews,
  parts: PartNote[],
): readonly AnnotationQuery[] {
  const found: AnnotationQuery[] = []
  for (const layer of layers) {
    if (layer.layerType !== 'annotations') continue
    const layerId = textOf(layer.layerId) ?? ''
    const own = textOf(layer.indexPatternId)
    const view =
      own === undefined
        ? views.byReference(references, `xy-visualization-layer-${layerId}`, `indexpattern-datasource-layer-${layerId}`)
        : views.byId(own)
    for (const [position, annotation] of objectsOf(layer.annotations).slice(0, 100).entries()) {
      const id = textOf(annotation.id) ?? String(position)
      const name = textOf(annotation.label) ?? 'Event'
      if (annotation.type !== 'query') {
        parts.push({
          kind: 'annotation',
          id: `annotation/${id}`,
          title: name,
          status: 'unsupported',
          before: JSON.stringify(annotation.key ?? annotation),
          after: undefined,
          notes: [{ code: 'OBD-K-018', text: 'A dated mark lives in Grafana itself, not in a dashboard: add it there.' }],
        })
        continue
      }
      const around = isTrue(layer.ignoreGlobalFilters) ? allDocuments : reading.searched
      const searched = together(around, searchedQuery(annotation.filter))
      found.push({
        id,
        name,
        color: colourOf(annotation.color),
        query:
          searched.filter === undefined
            ? undefined
            : { index: view.index, filter: searched.filter, metrics: [], buckets: [], shape: 'logs', limit: 100 },
        asked: {
          id: `annotation/${layerId}/${id}`,
          metrics: [],
          where: `${reading.where}.visualization.layers.${layerId}.annotations[${position}]`,
          title: name,
          before: JSON.stringify({ index: view.index, query: searched.text }),
          language: 'kql',
          style: {},
          floor: worse(searched.floor, 'approximate'),
          notes: [
            ...searched.notes,
            { code: 'OBD-K-018', text: 'Each document is an annotation of the dashboard, over all of its panels.' },
          ],
        },
      })
    }
  }
  return found
}

/** A Lens panel; undefined: of a kind of visualisation that is not known. */
export function lensPanel(attributes: JsonObject, references: readonly Reference[], scope: Scope, where: string): NeutralPanel | undefined {
  const state = objectOf(attributes.state)
  const visualization = objectOf(state.visualization)
  const views = withAdHoc(scope.views, objectOf(state.adHocDataViews))
  const all = [...references, ...referencesOf(state.internalReferences)]
  const sources = objectOf(state.datasourceStates)
  const text = membersOf(at(sources, 'textBased', 'layers'))
  const form = membersOf(at(sources.formBased ?? sources.indexpattern, 'layers'))
  const layers = new Map(form.map(([id, layer]) => [id, layerOf(id, objectOf(layer), all, views)] as const))
  const reading: Reading = {
    scope,
    searched: together(scope.around, searchedQuery(state.query), searchedFilters(state.filters)),
    where: `${where}.state`,
  }
  const parts: PartNote[] = []
  const visuals = objectsOf(visualization.layers)
  const shown = shownBy(textOf(attributes.visualizationType) ?? '', visualization, layers)
  if (shown === undefined) return undefined
  const made: Layer[] = []
  for (const [id, layer] of layers) if ((shown.metrics.get(id)?.length ?? 0) > 0) made.push(dataLayer(id, layer, shown, reading))
  for (const [id, layer] of text) made.push(esqlLayer(id, objectOf(layer), state, scope, `${reading.where}.datasourceStates.textBased`))
  if (isShared(shown.palette)) {
    parts.push({
      kind: 'panel',
      id: 'palette',
      title: textOf(attributes.title) ?? '',
      status: 'approximate',
      before: JSON.stringify(shown.palette),
      after: undefined,
      notes: [{ code: 'OBD-K-007', text: 'Colours change at shares of the largest value in the old panel.' }],
    })
  }
  const first = made[0]?.asked[0]?.style
  const steps = paletteSteps(shown.palette)
  return {
    ...emptyPanel,
    type: shown.type(made.some(({ query }) => query?.buckets.some(({ kind }) => kind === 'time'))),
    layers: made,
    display: {
      ...shown.display,
      ...(steps === undefined ? {} : { steps, colour: shown.display.colour ?? 'value' }),
      ...(first?.unit === undefined ? {} : { unit: first.unit, decimals: first.decimals }),
      columns: titlesOf(layers, shown),
    },
    lines: referenceLines(visuals, layers, parts),
    annotations: annotationsOf(visuals, all, reading, views, parts),
    parts,
  }
}

/** Titles that groups have: field → the label that somebody gave. */
function titlesOf(layers: ReadonlyMap<string, LensLayer>, shown: Shown): ReadonlyMap<string, string> {
  const titles = new Map<string, string>()
  for (const [id, groups] of shown.groups) {
    for (const group of groups) {
      const column = layers.get(id)?.columns.get(group)
      const field = textOf(column?.sourceField)
      if (field !== undefined && isTrue(column?.customLabel) && isGroup(column)) titles.set(field, columnTitle(column, group))
    }
  }
  return titles
}
