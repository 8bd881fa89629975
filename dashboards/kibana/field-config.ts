/** How numbers and series look: field options and overrides of a Grafana panel. */

import type { Display, NeutralPanel, SeriesStyle, Step } from './model.ts'
import type { Written } from './targets.ts'

type Plain = Readonly<Record<string, unknown>>

/** Without members that are undefined. */
export const defined = (object: Plain): Plain => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))

const modeOf = (stack: SeriesStyle['stack']): Plain => ({ group: 'A', mode: stack ?? 'none' })

/** Steps of thresholds; lines of the panel are steps as well. */
function stepsOf({ display, lines }: NeutralPanel): readonly Step[] {
  const drawn = lines.map(({ value, color }) => ({ color: color ?? 'red', value }))
  const steps = [...(display.steps ?? []), ...drawn].toSorted(
    (one, other) => (one.value ?? Number.NEGATIVE_INFINITY) - (other.value ?? Number.NEGATIVE_INFINITY),
  )
  return steps[0]?.value === null ? steps : [{ color: lines.length > 0 ? 'transparent' : 'green', value: null }, ...steps]
}

/** Settings of graphs. */
const graph = (style: Display & SeriesStyle, hasLines: boolean): Plain =>
  defined({
    drawStyle: style.draw ?? 'line',
    fillOpacity: style.fill ?? 0,
    lineWidth: style.lineWidth ?? 1,
    lineInterpolation: style.interpolation ?? 'linear',
    showPoints: 'auto',
    spanNulls: style.spanGaps ?? false,
    stacking: modeOf(style.stack),
    axisPlacement: style.axis === 'right' ? 'right' : 'auto',
    axisLabel: style.axisTitle ?? '',
    scaleDistribution: style.isLog === true ? { type: 'log', log: 10 } : { type: 'linear' },
    thresholdsStyle: { mode: hasLines ? 'line' : 'off' },
  })

function defaultsOf(panel: NeutralPanel): Plain {
  const { type, display, lines } = panel
  const coloured = display.colour !== undefined && display.colour !== 'none'
  const byStep = coloured && display.steps !== undefined
  const custom: Plain | undefined =
    type === 'timeseries'
      ? graph(display, lines.length > 0)
      : type === 'barchart'
        ? { fillOpacity: 80, lineWidth: 1, thresholdsStyle: { mode: lines.length > 0 ? 'line' : 'off' } }
        : type === 'table'
          ? { cellOptions: { type: byStep ? (display.colour === 'background' ? 'color-background' : 'color-text') : 'auto' } }
          : undefined
  return defined({
    color: {
      mode:
        type === 'table' || type === 'stat' || type === 'gauge' || type === 'bargauge'
          ? byStep
            ? 'thresholds'
            : 'palette-classic'
          : 'palette-classic',
    },
    custom,
    unit: display.unit,
    decimals: display.decimals,
    min: display.min,
    max: display.max,
    thresholds: display.steps === undefined && lines.length === 0 ? undefined : { mode: 'absolute', steps: stepsOf(panel) },
  })
}

/** Where the style of a query is another than its panel's. */
function overrideOf({ refId, asked: { style } }: Written, panel: NeutralPanel): Plain | undefined {
  const { display, type } = panel
  const isGraph = type === 'timeseries'
  const properties: Plain[] = []
  const add = (id: string, value: unknown): void => void properties.push({ id, value })
  if (style.color !== undefined) add('color', { mode: 'fixed', fixedColor: style.color })
  if (style.unit !== undefined && style.unit !== display.unit) add('unit', style.unit)
  if (style.decimals !== undefined && style.decimals !== display.decimals) add('decimals', style.decimals)
  if (isGraph) {
    if (style.draw !== undefined && style.draw !== (display.draw ?? 'line')) add('custom.drawStyle', style.draw)
    if (style.fill !== undefined && style.fill !== (display.fill ?? 0)) add('custom.fillOpacity', style.fill)
    if (style.lineWidth !== undefined && style.lineWidth !== (display.lineWidth ?? 1)) add('custom.lineWidth', style.lineWidth)
    if (style.stack !== undefined && style.stack !== (display.stack ?? 'none')) add('custom.stacking', modeOf(style.stack))
    if (style.axis === 'right') add('custom.axisPlacement', 'right')
    if (style.hiddenInLegend === true) add('custom.hideFrom', { legend: true, tooltip: false, viz: false })
  }
  return properties.length === 0 ? undefined : { matcher: { id: 'byFrameRefID', options: refId }, properties }
}

/** A panel's look with what all of its queries have in common. */
export function withCommon(display: Display, written: readonly Written[]): Display {
  const common: Record<string, unknown> = {}
  for (const key of ['unit', 'decimals', 'draw', 'fill', 'lineWidth', 'stack'] as const) {
    const values = new Set(written.map(({ asked }) => asked.style[key]))
    const [value] = values
    if (values.size === 1 && value !== undefined) common[key] = value
  }
  return { ...display, ...common }
}

/** Field options of a panel. */
export function fieldConfig(panel: NeutralPanel, written: readonly Written[]): Plain {
  return { defaults: defaultsOf(panel), overrides: written.flatMap((each) => overrideOf(each, panel) ?? []) }
}

const legendOf = (legend: Display['legend']): Plain => ({
  showLegend: legend !== 'hidden',
  displayMode: 'list',
  placement: legend === 'bottom' ? 'bottom' : 'right',
  calcs: [],
})

const reduced = ({ reducer }: Display, values = false): Plain => ({ calcs: [reducer ?? 'lastNotNull'], fields: '', values })

/** Options of a panel by its type. */
export function panelOptions({ type, display }: NeutralPanel): Plain {
  const colour = display.colour ?? 'none'
  switch (type) {
    case 'timeseries':
      return { legend: legendOf(display.legend), tooltip: { mode: 'multi', sort: 'desc' } }
    case 'barchart':
      return {
        legend: legendOf(display.legend),
        orientation: display.horizontal === true ? 'horizontal' : 'vertical',
        stacking: display.stack ?? 'none',
        showValue: 'auto',
        tooltip: { mode: 'multi', sort: 'desc' },
      }
    case 'stat':
      return {
        reduceOptions: reduced(display),
        graphMode: display.trend === true ? 'area' : 'none',
        colorMode: colour,
        justifyMode: 'auto',
        orientation: 'auto',
        textMode: 'auto',
      }
    case 'gauge':
      return { reduceOptions: reduced(display), showThresholdLabels: false, showThresholdMarkers: true, orientation: 'auto' }
    case 'bargauge':
      return { reduceOptions: reduced(display), orientation: 'horizontal', displayMode: 'basic', showUnfilled: true, valueMode: 'color' }
    case 'piechart':
      return {
        reduceOptions: reduced(display),
        pieType: display.donut === true ? 'donut' : 'pie',
        legend: { ...legendOf(display.legend), values: ['value', 'percent'] },
        tooltip: { mode: 'single', sort: 'none' },
      }
    case 'heatmap':
      return {
        calculate: false,
        yAxis: { axisPlacement: 'left' },
        color: { mode: 'scheme', scheme: 'Oranges', steps: 64 },
        legend: { show: display.legend !== 'hidden' },
        tooltip: { mode: 'single' },
      }
    case 'table':
      return {
        showHeader: true,
        cellHeight: 'sm',
        ...(display.sort === undefined ? {} : { sortBy: [{ displayName: display.sort.column, desc: display.sort.desc }] }),
      }
    case 'logs':
      return {
        showTime: true,
        wrapLogMessage: false,
        enableLogDetails: true,
        dedupStrategy: 'none',
        sortOrder: display.sort?.desc === false ? 'Ascending' : 'Descending',
      }
    default:
      return {}
  }
}
