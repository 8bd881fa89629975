/** TSVB (`visState.type: metrics`), all kinds of panels → panels: section 8.3. */

import type { Filter } from '../filters/model.ts'
import type { Bucket, LogQuery, Value } from '../logql/query.ts'
import type { Note, Status } from '../model.ts'
import { worse } from '../model.ts'
import { atLeast, patternOf, type Remarks, remark, remarks, timeBucket } from './aggregations.ts'
import { colourOf, ruleSteps } from './colours.ts'
import type { IndexView } from './data-views.ts'
import {
  type AnnotationQuery,
  type Asked,
  type Display,
  emptyPanel,
  type Layer,
  type NeutralPanel,
  type PanelType,
  type SeriesStyle,
} from './model.ts'
import type { Reference } from './saved-objects.ts'
import { type Scope, type Searched, together } from './scope.ts'
import { languageOf, searchedQuery } from './searches.ts'
import { seriesValue } from './tsvb-series.ts'
import { tsvbStyle } from './units.ts'
import { isObject, isTrue, type Json, type JsonObject, listOf, numberOf, objectOf, objectsOf, textOf } from './value.ts'

/** Most series of a panel. */
const maxSeries = 500

const panelTypes: ReadonlyMap<string, PanelType> = new Map([
  ['timeseries', 'timeseries'],
  ['metric', 'stat'],
  ['top_n', 'bargauge'],
  ['gauge', 'gauge'],
  ['table', 'table'],
])

/** A filter of TSVB: `{query, language}`, or a text of Lucene of old. */
const filterOf = (value: Json | undefined): Searched => searchedQuery(value)

/** Index of a panel or a series: a pattern, `{id}` of a data view, or the default. */
function viewOf(settings: JsonObject, prefix: '' | 'series_', references: readonly Reference[], scope: Scope): IndexView | undefined {
  const value = settings[`${prefix}index_pattern`]
  const named = textOf(settings[`${prefix}index_pattern_ref_name`])
  if (named !== undefined) return scope.views.byReference(references, named)
  if (isObject(value)) return scope.views.byId(textOf(value.id))
  const text = textOf(value) ?? (prefix === '' ? textOf(settings.default_index_pattern) : undefined)
  if (text !== undefined) return scope.views.byIndex(text)
  return prefix === '' ? scope.views.fallback : undefined
}

/** Groups of a series. */
function bucketsOf(series: JsonObject, id: string, to: Remarks): readonly Bucket[] {
  switch (series.split_mode) {
    case 'terms': {
      const single = textOf(series.terms_field)
      const fields = single === undefined ? listOf(series.terms_field).flatMap((each) => textOf(each) ?? []) : [single]
      if (fields.length === 0) return []
      const by = textOf(series.terms_order_by) ?? '_count'
      return [
        {
          kind: 'terms',
          fields,
          size: numberOf(series.terms_size) ?? 10,
          order: {
            by: by === '_count' ? 'count' : by === '_key' || by === '_term' ? 'key' : { metric: id },
            direction: series.terms_direction === 'asc' ? 'asc' : 'desc',
          },
          include: patternOf(series.terms_include),
          exclude: patternOf(series.terms_exclude),
        },
      ]
    }
    case 'filters': {
      const filters = objectsOf(series.split_filters)
        .slice(0, 1000)
        .map((each) => {
          const searched = filterOf(each.filter)
          to.notes.push(...searched.notes)
          to.floor = worse(to.floor, searched.floor)
          const label = textOf(each.label) ?? (searched.text === '' ? 'All' : searched.text)
          return { label, filter: searched.filter ?? ({ kind: 'none' } as const) }
        })
      return [{ kind: 'filters', filters }]
    }
    default:
      return []
  }
}

function styleOf(series: JsonObject): SeriesStyle {
  const kind = textOf(series.chart_type)
  const fill = numberOf(series.fill)
  const stacked = textOf(series.stacked)
  return {
    ...tsvbStyle(series.formatter, series.value_template),
    color: series.split_mode === 'terms' || series.split_mode === 'filters' ? undefined : colourOf(series.color),
    axis: isTrue(series.separate_axis ?? series.seperate_axis) && series.axis_position === 'right' ? 'right' : 'left',
    draw: kind === 'bar' ? 'bars' : 'line',
    fill: fill === undefined ? undefined : Math.max(0, Math.min(100, Math.round(fill * 100))),
    lineWidth: numberOf(series.line_width),
    stack: stacked === 'percent' ? 'percent' : stacked === 'stacked' || stacked === 'stacked_within_series' ? 'normal' : 'none',
    hiddenInLegend: series.hide_in_legend === undefined ? undefined : isTrue(series.hide_in_legend),
  }
}

interface Reading {
  readonly params: JsonObject
  readonly references: readonly Reference[]
  readonly scope: Scope
  readonly type: string
  /** Over time, the whole time range as one, or its last bucket. */
  readonly shape: 'range' | 'whole' | 'last'
  readonly where: string
  readonly panelFilter: Searched
  readonly ignoresAround: boolean
}

/** Filters of a `filter_ratio`; those that cannot be read make the whole unsupported. */
const ratioFilters =
  (to: Remarks) =>
  (metric: JsonObject): { numerator: Filter | undefined; denominator: Filter | undefined } | undefined => {
    const [numerator, denominator] = [filterOf(metric.numerator), filterOf(metric.denominator)]
    to.notes.push(...numerator.notes, ...denominator.notes)
    to.floor = worse(to.floor, worse(numerator.floor, denominator.floor))
    if (numerator.filter === undefined || denominator.filter === undefined) return undefined
    return { numerator: numerator.filter, denominator: denominator.filter }
  }

function layerOf(series: JsonObject, position: number, reading: Reading): Layer {
  const { params, references, scope, type, shape, where, panelFilter } = reading
  const id = textOf(series.id) ?? String(position)
  const to = remarks()
  const style = styleOf(series)
  const label = textOf(series.label)
  const own = isTrue(series.override_index_pattern) ? viewOf(series, 'series_', references, scope) : undefined
  const view = own ?? viewOf(params, '', references, scope)
  const around = reading.ignoresAround || isTrue(series.ignore_global_filter) ? [] : [scope.around]
  const searched = together(...around, panelFilter, filterOf(series.filter))
  to.notes.push(...searched.notes)
  to.floor = worse(to.floor, searched.floor)
  const groups = bucketsOf(series, id, to)
  // A table has its own groups, the same for all series.
  const pivot = textOf(params.pivot_id)
  const pivots: readonly Bucket[] =
    type === 'table' && pivot !== undefined ? [{ kind: 'terms', fields: [pivot], size: numberOf(params.pivot_rows) ?? 10 }] : []
  const { metrics, joined } = seriesValue(series, id, label, ratioFilters(to), to)
  const time = timeBucket(textOf(isTrue(series.override_index_pattern) ? series.series_interval : params.interval))
  const offset = textOf(series.offset_time)
  if (offset !== undefined && !/^\d+[smhdw]$/.test(offset))
    remark(to, 'unsupported', { code: 'OBD-K-010', text: `The offset ${offset} is no fixed time.` })
  const windows = metrics.some(({ value }) => value.kind === 'window')
  if (shape === 'last' && !windows) {
    if (params.drop_last_bucket === 0) {
      remark(to, 'approximate', {
        code: 'OBD-K-017',
        text: 'The last bucket of the old panel is not over yet; that of the new one is whole.',
      })
    } else if (time.interval === undefined && metrics.some(({ value }) => growsWithBucket(value))) {
      remark(to, 'approximate', {
        code: 'OBD-K-017',
        text: 'The number is of one bucket, and Kibana and Grafana choose its width each by itself.',
      })
    }
  }
  const isAsked = searched.filter !== undefined && to.floor !== 'unsupported'
  const isOverTime = shape === 'range'
  const query: LogQuery | undefined =
    isAsked && searched.filter !== undefined
      ? {
          index: view?.index,
          filter: searched.filter,
          metrics,
          buckets: isOverTime || windows ? [...pivots, ...groups, time] : [...pivots, ...groups],
          shape: isOverTime || windows ? 'range' : 'instant',
          // The last bucket is asked for alone: one number, and the first groups are those of it.
          ...(shape === 'last' && !windows ? { interval: time.interval ?? '$__interval' } : {}),
          ...(offset === undefined ? {} : { shift: offset }),
        }
      : undefined
  const asked: Asked = {
    id: `series/${id}`,
    metrics: metrics.map((each) => each.id),
    where: `${where}.series[${position}]`,
    title: label ?? titleOf(series),
    before: JSON.stringify({
      index: view?.index,
      ...(searched.text === '' ? {} : { query: searched.text }),
      metrics: series.metrics,
      ...(series.split_mode === undefined || series.split_mode === 'everything' ? {} : { split: splitOf(series) }),
      ...(offset === undefined ? {} : { offset }),
    }),
    language: languageOf(undefined),
    style,
    joined,
    floor: to.floor,
    notes: to.notes,
  }
  return {
    id,
    query,
    asked: [asked],
    view,
    timeField: textOf(series.series_time_field) ?? textOf(params.time_field) ?? textOf(params.default_timefield),
  }
}

/** Whether a number is larger where its bucket of time is longer. */
function growsWithBucket(value: Value): boolean {
  switch (value.kind) {
    case 'aggregate':
      return value.op === 'count' || value.op === 'sum' || value.op === 'unique'
    case 'difference':
      return value.perSeconds === undefined
    case 'arithmetic':
    case 'compare':
      return growsWithBucket(value.left) !== growsWithBucket(value.right)
    case 'function':
    case 'window':
      return growsWithBucket(value.of)
    default:
      return false
  }
}

const splitOf = (series: JsonObject): JsonObject =>
  series.split_mode === 'terms'
    ? { terms: series.terms_field ?? null, size: series.terms_size ?? 10 }
    : { [String(series.split_mode)]: series.split_filters ?? null }

/** Title of a series without a label: its last metric. */
function titleOf(series: JsonObject): string {
  const last = objectsOf(series.metrics)
    .filter(({ type }) => type !== 'series_agg')
    .at(-1)
  return [textOf(last?.type) ?? 'series', textOf(last?.type) === 'count' ? undefined : textOf(last?.field)]
    .filter((each) => each !== undefined)
    .join(' of ')
}

function displayOf(params: JsonObject, type: string): Display {
  const rules = params.gauge_color_rules ?? params.bar_color_rules ?? params.background_color_rules
  const { steps, isBackground } = ruleSteps(type === 'gauge' ? params.gauge_color_rules : type === 'top_n' ? params.bar_color_rules : rules)
  const legend =
    params.show_legend !== undefined && !isTrue(params.show_legend) ? 'hidden' : params.legend_position === 'bottom' ? 'bottom' : 'right'
  const common: Display = { reducer: 'lastNotNull', steps, colour: steps === undefined ? 'none' : isBackground ? 'background' : 'value' }
  if (type === 'timeseries') {
    return {
      legend,
      isLog: params.axis_scale === 'log',
      min: numberOf(params.axis_min),
      max: numberOf(params.axis_max),
      draw: 'line',
    }
  }
  if (type === 'gauge') return { ...common, min: 0, max: numberOf(params.gauge_max) }
  return common
}

/** Annotations: documents that are drawn over the time axis. */
function annotationsOf(params: JsonObject, references: readonly Reference[], scope: Scope, where: string): readonly AnnotationQuery[] {
  return objectsOf(params.annotations)
    .filter(({ hidden }) => !isTrue(hidden))
    .slice(0, 100)
    .map((annotation, position) => {
      const id = textOf(annotation.id) ?? String(position)
      const view = viewOf({ ...annotation, index_pattern_ref_name: annotation.index_pattern_ref_name ?? null }, '', references, scope)
      const searched = together(
        ...(isTrue(annotation.ignore_global_filters) ? [] : [scope.around]),
        filterOf(annotation.query_string ?? annotation.query),
      )
      const fields = (textOf(annotation.fields) ?? '')
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== '')
      const template = textOf(annotation.template)
      return {
        id,
        name: template ?? 'Annotations',
        color: colourOf(annotation.color),
        query:
          searched.filter === undefined
            ? undefined
            : {
                index: view?.index,
                filter: searched.filter,
                metrics: [],
                buckets: [],
                shape: 'logs',
                limit: 100,
                ...(fields.length === 0 ? {} : { columns: fields }),
              },
        asked: {
          id: `annotation/${id}`,
          metrics: [],
          where: `${where}.annotations[${position}]`,
          title: template ?? 'Annotations',
          before: JSON.stringify({ index: view?.index, query: searched.text, fields: annotation.fields ?? null }),
          language: 'lucene',
          style: {},
          floor: worse(searched.floor, 'approximate') as Status,
          notes: [
            ...searched.notes,
            { code: 'OBD-K-018', text: 'Each document is an annotation of the dashboard, over all of its panels.' } as Note,
          ],
        },
      }
    })
}

/** A panel of TSVB. `markdown` has templates that cannot be run: its queries are listed, and a placeholder stands in its place. */
export function tsvbPanel(state: JsonObject, references: readonly Reference[], scope: Scope, where: string): NeutralPanel {
  const params = objectOf(state.params)
  const type = textOf(params.type) ?? 'timeseries'
  const mode = textOf(params.time_range_mode)
  const shape = type === 'timeseries' ? 'range' : mode === 'entire_time_range' ? 'whole' : 'last'
  const shown = panelTypes.get(type)
  const reading: Reading = {
    params,
    references,
    scope,
    type,
    shape,
    where: `${where}.params`,
    panelFilter: filterOf(params.filter),
    ignoresAround: isTrue(params.ignore_global_filter),
  }
  const series = objectsOf(params.series).filter(({ hidden }) => !isTrue(hidden))
  const layers = series.slice(0, maxSeries).map((each, position) => layerOf(each, position, reading))
  const isText = shown === undefined
  const note: Note = {
    code: isText ? 'OBD-K-011' : 'OBD-K-007',
    text: isText
      ? `TSVB's ${type} is a template over its series (${(textOf(params.markdown) ?? '').slice(0, 200)}), which is not run.`
      : '',
  }
  const mixed = new Set(layers.map((layer) => layer.asked[0]?.style.stack))
  return {
    ...emptyPanel,
    type: shown ?? 'text',
    layers: isText
      ? layers.map((layer) => ({
          ...layer,
          query: undefined,
          asked: layer.asked.map((each) => ({ ...each, floor: 'unsupported' as const, notes: [...each.notes, note] })),
        }))
      : layers,
    display: { ...displayOf(params, type), stack: mixed.size === 1 ? [...mixed][0] : undefined },
    annotations: type === 'timeseries' ? annotationsOf(params, references, scope, `${where}.params`) : [],
    parts:
      series.length > maxSeries
        ? [
            {
              kind: 'panel',
              id: 'series',
              title: textOf(state.title) ?? '',
              status: 'manual',
              before: `${series.length} series`,
              after: `${maxSeries} series`,
              notes: [{ code: 'OBD-K-014', text: `The panel has ${series.length} series; the first ${maxSeries} are converted.` }],
            },
          ]
        : [],
    isPlaceholder: isText,
    notes: isText ? [note] : [],
    minInterval: atLeast(textOf(params.interval)),
  }
}
