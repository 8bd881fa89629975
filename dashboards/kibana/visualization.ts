/** Aggregation-based visualisations (`visState`) → panels: sections 7.4 and 8.3. */

import type { Bucket, LogQuery, Metric } from '../logql/query.ts'
import type { Note } from '../model.ts'
import { worse } from '../model.ts'
import { type Aggregation, aggregationsOf, bucketOf, isBucket, metricsOf, remark, remarks, titleOf } from './aggregations.ts'
import { rangeSteps } from './colours.ts'
import type { IndexView } from './data-views.ts'
import { type Asked, type Display, emptyPanel, type NeutralPanel, type PanelType, type ReferenceLine, type SeriesStyle } from './model.ts'
import type { Reference } from './saved-objects.ts'
import { type Scope, type Searched, together } from './scope.ts'
import { searchedSource, sourceOf } from './searches.ts'
import { fieldStyle } from './units.ts'
import { at, isTrue, type JsonObject, numberOf, objectOf, objectsOf, textOf } from './value.ts'

/** Most saved searches that start from one another. */
const maxSearches = 10

/** Search and index of an object, and of the saved search that it starts from. */
export function searchedObject(
  attributes: JsonObject,
  references: readonly Reference[],
  scope: Scope,
  depth = 0,
): { readonly searched: Searched; readonly view: IndexView; readonly missing: string | undefined } {
  const source = sourceOf(attributes)
  const named = textOf(source.indexRefName)
  const own =
    textOf(source.index) === undefined
      ? scope.views.byReference(references, ...(named === undefined ? [] : [named]), 'kibanaSavedObjectMeta.searchSourceJSON.index')
      : scope.views.byId(textOf(source.index))
  const searchId =
    references.find(({ name, type }) => name === (textOf(attributes.savedSearchRefName) ?? 'search_0') && type === 'search')?.id ??
    textOf(attributes.savedSearchId)
  if (searchId === undefined) return { searched: searchedSource(source), view: own, missing: undefined }
  const search = scope.objects.find('search', searchId)
  // Searches that start from each other lead nowhere.
  if (search === undefined || depth > maxSearches) return { searched: searchedSource(source), view: own, missing: searchId }
  const inner = searchedObject(search.attributes, search.references, scope, depth + 1)
  return {
    searched: together(inner.searched, searchedSource(source)),
    view: own.index === undefined ? inner.view : own,
    missing: undefined,
  }
}

const drawn: ReadonlyMap<string, Display['draw']> = new Map([
  ['line', 'line'],
  ['area', 'line'],
  ['histogram', 'bars'],
])

/** Panel of a type of visualisation, where there is a date axis and where there is none; undefined: none of these. */
function panelType(type: string, hasTime: boolean): PanelType | undefined {
  switch (type) {
    case 'line':
    case 'area':
    case 'histogram':
    case 'horizontal_bar':
      return hasTime ? 'timeseries' : 'barchart'
    case 'pie':
      return 'piechart'
    case 'metric':
      return 'stat'
    case 'gauge':
    case 'goal':
      return 'gauge'
    case 'table':
      return 'table'
    case 'tagcloud':
      return 'bargauge'
    case 'heatmap':
      return hasTime ? 'heatmap' : 'table'
    default:
      return undefined
  }
}

const geographic: ReadonlySet<string> = new Set(['tile_map', 'region_map'])

/** Interpolation of the first series. */
const interpolated: ReadonlyMap<string, Display['interpolation']> = new Map([
  ['cardinal', 'smooth'],
  ['step-after', 'stepAfter'],
  ['linear', 'linear'],
])

function axisDisplay(type: string, params: JsonObject): Display {
  const [series] = objectsOf(params.seriesParams)
  const [axis] = objectsOf(params.valueAxes)
  const mode = textOf(series?.mode) ?? textOf(params.mode)
  const scaleMode = textOf(at(axis, 'scale', 'mode'))
  const kind = textOf(series?.type) ?? type
  return {
    draw: drawn.get(kind) ?? 'bars',
    fill: kind === 'area' ? 50 : kind === 'line' ? 0 : 80,
    lineWidth: numberOf(series?.lineWidth) ?? (kind === 'line' ? 2 : 1),
    interpolation:
      interpolated.get(textOf(series?.interpolate) ?? textOf(params.interpolate) ?? '') ??
      (isTrue(params.smoothLines) ? 'smooth' : 'linear'),
    stack: mode === 'percentage' || scaleMode === 'percentage' ? 'percent' : mode === 'stacked' ? 'normal' : 'none',
    horizontal: type === 'horizontal_bar',
    axisTitle: textOf(at(axis, 'title', 'text')),
    isLog: at(axis, 'scale', 'type') === 'log' || params.scale === 'log',
    min: isTrue(at(axis, 'scale', 'setYExtents')) ? numberOf(at(axis, 'scale', 'min')) : undefined,
    max: isTrue(at(axis, 'scale', 'setYExtents')) ? numberOf(at(axis, 'scale', 'max')) : undefined,
  }
}

function valueDisplay(type: string, params: JsonObject): Display {
  const settings = objectOf(type === 'metric' ? (params.metric ?? params.gauge) : params.gauge)
  const steps = rangeSteps(settings)
  const ranges = objectsOf(settings.colorsRange)
  const mode = textOf(settings.metricColorMode) ?? textOf(settings.gaugeColorMode)
  const colour = mode === 'Background' ? 'background' : mode === 'Labels' || isTrue(settings.useRanges) ? 'value' : 'none'
  return {
    steps,
    colour: steps === undefined ? 'none' : type === 'metric' ? colour : 'value',
    reducer: 'lastNotNull',
    ...(type === 'metric' ? {} : { min: numberOf(ranges[0]?.from), max: numberOf(ranges.at(-1)?.to) }),
  }
}

function displayOf(type: string, params: JsonObject, titles: ReadonlyMap<string, string>): Display {
  const legend =
    params.addLegend === false ? 'hidden' : params.legendPosition === 'bottom' || params.legendPosition === 'top' ? 'bottom' : 'right'
  switch (type) {
    case 'line':
    case 'area':
    case 'histogram':
    case 'horizontal_bar':
      return { ...axisDisplay(type, params), legend, columns: titles }
    case 'metric':
    case 'gauge':
    case 'goal':
      return { ...valueDisplay(type, params), columns: titles }
    case 'pie':
      return { donut: isTrue(params.isDonut), legend, columns: titles, reducer: 'lastNotNull' }
    default:
      return { legend, columns: titles, steps: rangeSteps(params), colour: 'value', reducer: 'lastNotNull' }
  }
}

/** A line over the graph. */
function linesOf(params: JsonObject): readonly ReferenceLine[] {
  const line = objectOf(params.thresholdLine)
  const value = numberOf(line.value)
  return isTrue(line.show) && value !== undefined ? [{ title: 'Threshold', value, color: textOf(line.color) }] : []
}

/** How the number of a metric is written: by the format of its field, for metrics that keep the field's unit. */
function styleOf({ type, params }: Aggregation, view: IndexView): SeriesStyle {
  const field = textOf(params.field)
  if (field === undefined || ['count', 'cardinality', 'value_count', 'percentile_ranks', 'rate'].includes(type)) return {}
  const own = view.formats.get(field)
  return own?.unit === undefined ? fieldStyle(field) : own
}

/** A visualisation by aggregations; undefined: of a type that is none of these. */
export function visualizationPanel(
  state: JsonObject,
  attributes: JsonObject,
  references: readonly Reference[],
  scope: Scope,
  where: string,
): NeutralPanel | undefined {
  const type = textOf(state.type) ?? ''
  const aggs = aggregationsOf(state)
  const isMap = geographic.has(type)
  const time = aggs.find((agg) => agg.type === 'date_histogram' && (agg.schema === 'segment' || type === 'heatmap'))
  const shown = panelType(type, time !== undefined)
  if (shown === undefined && !isMap) return undefined
  const params = objectOf(state.params)
  const { searched, view, missing } = searchedObject(attributes, references, scope)
  const all = together(scope.around, searched)
  const common: Note[] = [...all.notes]
  let floor = all.floor
  if (missing !== undefined) {
    common.push({ code: 'OBD-K-001', text: `The saved search ${missing} that it starts from is not in the source.` })
    floor = worse(floor, 'manual')
  }
  const metricAggs = aggs.filter((agg) => !isBucket(agg))
  const bucketAggs = aggs.filter(isBucket)
  const metrics: Metric[] = []
  const asked: Asked[] = []
  const shared = remarks()
  for (const agg of metricAggs) {
    const own = remarks()
    const made = metricsOf(agg, aggs, view, own)
    metrics.push(...made)
    // The radius of a dot is a query of its own that nothing shows.
    if (agg.schema === 'radius') remark(own, 'unsupported', { code: 'OBD-K-007', text: 'The size of dots has no counterpart.' })
    asked.push({
      id: `metric/${agg.id}`,
      metrics: made.map(({ id }) => id),
      where: `${where}.aggs[id=${agg.id}]`,
      title: titleOf(agg),
      before: JSON.stringify({
        index: view.index,
        ...(all.text === '' ? {} : { query: all.text }),
        metric: { type: agg.type, ...agg.params },
        ...(bucketAggs.length === 0 ? {} : { buckets: bucketAggs.map((each) => ({ type: each.type, ...each.params })) }),
      }),
      language: 'es-dsl',
      style: styleOf(agg, view),
      floor: own.floor,
      notes: own.notes,
    })
  }
  const buckets: Bucket[] = []
  const titles = new Map<string, string>()
  // Time stands innermost: groups are the series.
  for (const agg of bucketAggs.toSorted((one, other) => Number(one === time) - Number(other === time))) {
    const bucket = bucketOf(agg, metrics, view, shared)
    // A second axis of time cannot be drawn.
    if (bucket.kind === 'time' && agg !== time && shown !== 'table')
      remark(shared, 'approximate', { code: 'OBD-K-010', text: 'Groups by time are left out: time is the axis.' })
    else buckets.push(bucket)
    if (agg.schema === 'split') {
      remark(shared, 'approximate', {
        code: 'OBD-K-006',
        text: `One chart for each ${textOf(agg.params.field) ?? 'group'} in the old panel; all in one in the new.`,
      })
    }
    const title = textOf(agg.params.customLabel)
    const field = textOf(agg.params.field)
    if (title !== undefined && field !== undefined) titles.set(field, title)
  }
  if (isMap)
    remark(shared, 'unsupported', { code: 'OBD-K-002', text: 'A map of places by geohash needs latitude and longitude as labels.' })
  const isTable = shown === 'table' && type === 'table'
  const hasTime = time !== undefined && shown !== 'piechart' && shown !== 'barchart'
  const overTime = buckets.some(({ kind }) => kind === 'time')
  const isWindowed = metrics.some(({ value }) => value.kind === 'window')
  floor = worse(floor, shared.floor)
  const isAsked = all.filter !== undefined && shared.floor !== 'unsupported' && floor !== 'unsupported'
  const query: LogQuery | undefined =
    isAsked && all.filter !== undefined
      ? { index: view.index, filter: all.filter, metrics, buckets, shape: hasTime || overTime || isWindowed ? 'range' : 'instant' }
      : undefined
  const [first] = asked
  return {
    ...emptyPanel,
    type: shown ?? 'geomap',
    layers: [
      {
        id: '1',
        view,
        query,
        asked: asked.map((each) => ({ ...each, floor: worse(each.floor, floor), notes: [...each.notes, ...common, ...shared.notes] })),
      },
    ],
    display: {
      ...displayOf(type, params, titles),
      ...(isTable ? { sort: undefined } : {}),
      ...(first === undefined ? {} : pick(first.style)),
    },
    lines: shown === 'timeseries' ? linesOf(params) : [],
    minInterval: undefined,
  }
}

const pick = ({ unit, decimals }: SeriesStyle): Display => (unit === undefined ? {} : { unit, decimals })
