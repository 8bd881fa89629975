/** What each visualisation of Lens shows of its layers, and how: section 8.3. */

import { colourOf } from './colours.ts'
import { isGroup, isTime, type LensLayer } from './lens-columns.ts'
import type { Display, PanelType, SeriesStyle } from './model.ts'
import { at, isTrue, type Json, type JsonObject, numberOf, objectOf, objectsOf, textOf, textsOf } from './value.ts'

export interface Shown {
  /** Layer → columns of numbers. */
  readonly metrics: ReadonlyMap<string, readonly string[]>
  /** Layer → columns of groups, outermost first. */
  readonly groups: ReadonlyMap<string, readonly string[]>
  /** Column → style. */
  readonly styles: ReadonlyMap<string, SeriesStyle>
  readonly display: Display
  /** @param hasTime whether there is an axis of time */
  type(hasTime: boolean): PanelType
  readonly palette: Json | undefined
}

type Layers = ReadonlyMap<string, LensLayer>

const legendOf = (legend: Json | undefined): Display['legend'] => {
  const { isVisible, position } = objectOf(legend)
  return isVisible === false ? 'hidden' : position === 'bottom' || position === 'top' ? 'bottom' : 'right'
}

const present = (...ids: readonly (Json | undefined)[]): readonly string[] => ids.flatMap((each) => textOf(each) ?? [])

const fixed = (type: PanelType) => (): PanelType => type

/** Layer that a visualisation with one layer shows. */
const layerId = (visualization: JsonObject, layers: Layers): string => textOf(visualization.layerId) ?? [...layers.keys()][0] ?? ''

function xy(visualization: JsonObject, layers: Layers): Shown {
  const metrics = new Map<string, readonly string[]>()
  const groups = new Map<string, readonly string[]>()
  const styles = new Map<string, SeriesStyle>()
  const data = objectsOf(visualization.layers).filter(({ layerType }) => layerType === undefined || layerType === 'data')
  const kinds = data.map(({ seriesType }) => textOf(seriesType) ?? textOf(visualization.preferredSeriesType) ?? 'line')
  const curve = textOf(visualization.curveType)
  for (const [position, layer] of data.entries()) {
    const id = textOf(layer.layerId) ?? ''
    const columns = layers.get(id)?.columns
    metrics.set(
      id,
      present(...textsOf(layer.accessors)).filter((each) => columns?.has(each) ?? false),
    )
    const collapsed = textOf(layer.collapseFn) !== undefined
    groups.set(id, present(...(collapsed ? [] : splitOf(layer)), layer.xAccessor))
    const kind = kinds[position] ?? 'line'
    for (const accessor of textsOf(layer.accessors)) {
      const config = objectsOf(layer.yConfig).find(({ forAccessor }) => forAccessor === accessor)
      const isSplit = splitOf(layer).length > 0
      styles.set(accessor, {
        color: isSplit ? undefined : colourOf(config?.color),
        axis: config?.axisMode === 'right' ? 'right' : 'left',
        draw: kind.startsWith('bar') ? 'bars' : 'line',
        fill: kind.startsWith('bar') ? 80 : kind.startsWith('area') ? 50 : 0,
        lineWidth: kind.startsWith('bar') ? 1 : 2,
        stack: kind.includes('percentage') ? 'percent' : kind.includes('stacked') ? 'normal' : 'none',
      })
    }
  }
  const [first = 'line'] = kinds
  const extent = objectOf(visualization.yLeftExtent)
  return {
    metrics,
    groups,
    styles,
    palette: undefined,
    type: (hasTime) => (hasTime ? 'timeseries' : 'barchart'),
    display: {
      legend: legendOf(visualization.legend),
      draw: first.startsWith('bar') ? 'bars' : 'line',
      fill: first.startsWith('bar') ? 80 : first.startsWith('area') ? 50 : 0,
      lineWidth: first.startsWith('bar') ? 1 : 2,
      stack: first.includes('percentage') ? 'percent' : first.includes('stacked') ? 'normal' : 'none',
      horizontal: first.includes('horizontal'),
      interpolation:
        curve === 'CURVE_MONOTONE_X' || curve === 'SMOOTH' ? 'smooth' : curve?.startsWith('CURVE_STEP') === true ? 'stepAfter' : 'linear',
      axisTitle: textOf(visualization.yTitle) ?? textOf(visualization.yLeftTitle),
      isLog: visualization.yLeftScale === 'log',
      min: extent.mode === 'custom' ? numberOf(extent.lowerBound) : undefined,
      max: extent.mode === 'custom' ? numberOf(extent.upperBound) : undefined,
      spanGaps: visualization.fittingFunction === 'Linear' || visualization.fittingFunction === 'Carry' ? true : undefined,
    },
  }
}

const splitOf = (layer: JsonObject): readonly string[] => {
  const many = textsOf(layer.splitAccessors)
  return many.length > 0 ? many : present(layer.splitAccessor)
}

function metric(visualization: JsonObject, layers: Layers): Shown {
  const id = layerId(visualization, layers)
  const max = textOf(visualization.maxAccessor)
  const style: SeriesStyle = { color: colourOf(visualization.color) }
  const main = present(visualization.metricAccessor ?? visualization.accessor)
  return {
    metrics: new Map([[id, present(...main, visualization.secondaryMetricAccessor, visualization.maxAccessor)]]),
    groups: new Map([[id, present(visualization.breakdownByAccessor)]]),
    styles: new Map(main.map((each) => [each, style])),
    palette: visualization.palette,
    type: fixed(max === undefined ? 'stat' : 'gauge'),
    display: {
      reducer: 'lastNotNull',
      trend: textOf(visualization.trendlineLayerId) !== undefined,
      colour: visualization.palette === undefined && visualization.color === undefined ? 'none' : 'background',
    },
  }
}

function datatable(visualization: JsonObject, layers: Layers): Shown {
  const id = layerId(visualization, layers)
  const columns = layers.get(id)?.columns
  const visible = objectsOf(visualization.columns).filter(({ hidden }) => !isTrue(hidden))
  const ids = visible.flatMap(({ columnId }) => textOf(columnId) ?? [])
  const listed = ids.filter((each) => columns?.has(each) ?? false)
  // Groups that are hidden still make rows.
  const order = layers.get(id)?.order ?? []
  const rows = order.filter((each) => isGroup(columns?.get(each)))
  const transposed = visible.find(({ isTransposed }) => isTrue(isTransposed))
  const sorting = objectOf(visualization.sorting)
  const sorted = columns?.get(textOf(sorting.columnId) ?? '')
  const coloured = visible.find(({ colorMode }) => colorMode === 'cell' || colorMode === 'text')
  return {
    metrics: new Map([[id, listed.filter((each) => !isGroup(columns?.get(each)))]]),
    groups: new Map([[id, rows]]),
    styles: new Map(),
    palette: coloured?.palette,
    type: fixed('table'),
    display: {
      colour: coloured === undefined ? undefined : coloured.colorMode === 'cell' ? 'background' : 'value',
      transpose: transposed === undefined ? undefined : textOf(columns?.get(textOf(transposed.columnId) ?? '')?.sourceField),
      ...(sorted === undefined || (sorting.direction !== 'asc' && sorting.direction !== 'desc')
        ? {}
        : { sort: { column: textOf(sorted.label) ?? '', desc: sorting.direction === 'desc' } }),
    },
  }
}

function pie(visualization: JsonObject, layers: Layers): Shown {
  const [layer = {}] = objectsOf(visualization.layers)
  const id = textOf(layer.layerId) ?? layerId(visualization, layers)
  const metrics = textsOf(layer.metrics)
  const groups = [...textsOf(layer.primaryGroups ?? layer.groups), ...textsOf(layer.secondaryGroups)]
  const shape = textOf(visualization.shape) ?? 'pie'
  const round = shape === 'pie' || shape === 'donut'
  return {
    metrics: new Map([[id, metrics.length > 0 ? metrics : present(layer.metric)]]),
    groups: new Map([[id, groups]]),
    styles: new Map(),
    palette: undefined,
    type: fixed(round ? 'piechart' : 'bargauge'),
    display: {
      donut: shape === 'donut',
      reducer: 'lastNotNull',
      legend: layer.legendDisplay === 'hide' ? 'hidden' : layer.legendPosition === 'bottom' ? 'bottom' : 'right',
    },
  }
}

function heatmap(visualization: JsonObject, layers: Layers): Shown {
  const id = layerId(visualization, layers)
  const x = layers.get(id)?.columns.get(textOf(visualization.xAccessor) ?? '')
  return {
    metrics: new Map([[id, present(visualization.valueAccessor)]]),
    groups: new Map([[id, present(visualization.yAccessor, visualization.xAccessor)]]),
    styles: new Map(),
    palette: visualization.palette,
    type: () => (isTime(x) ? 'heatmap' : 'table'),
    display: { legend: legendOf(visualization.legend), colour: 'background' },
  }
}

function gauge(visualization: JsonObject, layers: Layers): Shown {
  const id = layerId(visualization, layers)
  const columns = layers.get(id)?.columns
  const constant = (accessor: Json | undefined): number | undefined => {
    const column = columns?.get(textOf(accessor) ?? '')
    return column?.operationType === 'static_value' ? numberOf(at(column, 'params', 'value')) : undefined
  }
  const queried = [visualization.minAccessor, visualization.maxAccessor, visualization.goalAccessor].filter(
    (each) => textOf(each) !== undefined && constant(each) === undefined,
  )
  const goal = constant(visualization.goalAccessor)
  return {
    metrics: new Map([[id, present(visualization.metricAccessor, ...queried)]]),
    groups: new Map(),
    styles: new Map(),
    palette: visualization.palette,
    type: fixed('gauge'),
    display: {
      reducer: 'lastNotNull',
      min: constant(visualization.minAccessor),
      max: constant(visualization.maxAccessor),
      ...(goal === undefined
        ? {}
        : {
            steps: [
              { color: 'green', value: null },
              { color: 'red', value: goal },
            ],
            colour: 'value' as const,
          }),
    },
  }
}

function tags(visualization: JsonObject, layers: Layers): Shown {
  const id = layerId(visualization, layers)
  return {
    metrics: new Map([[id, present(visualization.valueAccessor)]]),
    groups: new Map([[id, present(visualization.tagAccessor)]]),
    styles: new Map(),
    palette: undefined,
    type: fixed('bargauge'),
    display: { reducer: 'lastNotNull', horizontal: true, colour: 'value' },
  }
}

function region(visualization: JsonObject, layers: Layers): Shown {
  const id = layerId(visualization, layers)
  return {
    metrics: new Map([[id, present(visualization.valueAccessor)]]),
    groups: new Map([[id, present(visualization.regionAccessor)]]),
    styles: new Map(),
    palette: undefined,
    type: fixed('geomap'),
    display: { reducer: 'lastNotNull' },
  }
}

/** What a visualisation shows; undefined: it is not known. */
export function shownBy(type: string, visualization: JsonObject, layers: Layers): Shown | undefined {
  switch (type) {
    case 'lnsXY':
      return xy(visualization, layers)
    case 'lnsMetric':
    case 'lnsMetricNew':
    case 'lnsLegacyMetric':
      return metric(visualization, layers)
    case 'lnsDatatable':
      return datatable(visualization, layers)
    case 'lnsPie':
      return pie(visualization, layers)
    case 'lnsHeatmap':
      return heatmap(visualization, layers)
    case 'lnsGauge':
      return gauge(visualization, layers)
    case 'lnsTagcloud':
      return tags(visualization, layers)
    case 'lnsChoropleth':
      return region(visualization, layers)
    default:
      return undefined
  }
}
