/** `graph` → timeseries, barchart or histogram: section 5.6 of the reference. */

import type { Plain } from '../target.ts'
import {
  calculations,
  commonOf,
  fixedColour,
  listAt,
  matcherOf,
  numberAt,
  plainAt,
  some,
  textAt,
  type Upgraded,
  unheard,
} from './values.ts'

const handled: ReadonlySet<string> = new Set([
  ...[
    'aliasColors',
    'bars',
    'dashes',
    'dashLength',
    'spaceLength',
    'fill',
    'fillGradient',
    'legend',
    'lines',
    'linewidth',
    'nullPointMode',
  ],
  ...[
    'percentage',
    'pointradius',
    'points',
    'renderer',
    'seriesOverrides',
    'stack',
    'steppedLine',
    'thresholds',
    'tooltip',
    'xaxis',
    'yaxes',
    'yaxis',
  ],
  ...['hiddenSeries', 'decimals', 'grid', 'x-axis', 'y-axis', 'y_formats', 'leftYAxisLabel', 'rightYAxisLabel'],
])

const drawStyle = (panel: Plain): string => (panel['bars'] === true ? 'bars' : panel['lines'] === false ? 'points' : 'line')

/** Settings of an axis, as members of a field's configuration. */
function axisOf(axis: Plain | undefined): { readonly custom: Plain; readonly field: Plain } {
  const base = numberAt(axis, 'logBase') ?? 1
  const label = textAt(axis, 'label')
  const unit = textAt(axis, 'format')
  return {
    custom: some({
      axisLabel: label === '' ? undefined : label,
      scaleDistribution: base === 1 ? undefined : { type: 'log', log: base },
    }),
    field: some({
      unit: unit === '' ? undefined : unit,
      min: numberAt(axis, 'min'),
      max: numberAt(axis, 'max'),
      decimals: numberAt(axis, 'decimals'),
    }),
  }
}

const colours: Readonly<Record<string, string>> = { critical: 'red', warning: 'orange', ok: 'green' }

/** Steps out of `> 80` and `< 10`, each with a colour of its own. */
function thresholdsOf(panel: Plain): { readonly thresholds: Plain; readonly style: Plain } | undefined {
  const rows = listAt(panel, 'thresholds')
    .flatMap((one) => {
      const value = numberAt(one, 'value')
      const own = textAt(one, 'fillColor') === '' ? textAt(one, 'lineColor') : textAt(one, 'fillColor')
      const colour = colours[textAt(one, 'colorMode')] ?? (own === '' ? 'red' : own)
      return value === undefined
        ? []
        : [{ value, colour, below: textAt(one, 'op') === 'lt', line: one['line'] === true, fill: one['fill'] === true }]
    })
    .toSorted((one, other) => one.value - other.value)
  const [first] = rows
  if (first === undefined) return undefined
  const steps = [{ color: first.below ? first.colour : 'transparent', value: null as number | null }]
  for (const [index, row] of rows.entries()) {
    const next = rows[index + 1]
    steps.push({ color: row.below ? (next?.below === true ? next.colour : 'transparent') : row.colour, value: row.value })
  }
  const line = rows.some((row) => row.line)
  const fill = rows.some((row) => row.fill)
  return { thresholds: { mode: 'absolute', steps }, style: { mode: line && fill ? 'line+area' : line ? 'line' : fill ? 'area' : 'off' } }
}

function legendOf(panel: Plain, lost: string[]): Plain {
  const legend = plainAt(panel, 'legend')
  const calcs = ['min', 'max', 'avg', 'current', 'total'].flatMap((key) =>
    legend[key] === true && legend['values'] === true ? [calculations[key] ?? key] : [],
  )
  for (const key of ['hideEmpty', 'hideZero']) if (legend[key] === true) lost.push(`legend.${key}`)
  const sort = textAt(legend, 'sort')
  const names: Readonly<Record<string, string>> = { min: 'Min', max: 'Max', avg: 'Mean', current: 'Last *', total: 'Total' }
  return some({
    calcs,
    displayMode: legend['alignAsTable'] === true ? 'table' : 'list',
    placement: legend['rightSide'] === true ? 'right' : 'bottom',
    showLegend: legend['show'] !== false,
    width: legend['rightSide'] === true ? numberAt(legend, 'sideWidth') : undefined,
    sortBy: names[sort],
    sortDesc: names[sort] === undefined ? undefined : legend['sortDesc'] === true,
  })
}

const stacking = (panel: Plain): Plain => ({
  group: 'A',
  mode: panel['stack'] === true ? (panel['percentage'] === true ? 'percent' : 'normal') : 'none',
})

const dashesOf = (one: Plain, panel: Plain): Plain => ({
  fill: 'dash',
  dash: [
    numberAt(one, 'dashLength') ?? numberAt(panel, 'dashLength') ?? 10,
    numberAt(one, 'spaceLength') ?? numberAt(panel, 'spaceLength') ?? 10,
  ],
})

const property = (id: string, value: unknown): Plain => ({ id, value })

/** Properties of one series override. */
function propertiesOf(one: Plain, panel: Plain, lost: string[]): Plain[] {
  const made: Plain[] = []
  const right = axisOf(listAt(panel, 'yaxes')[1])
  for (const [key, value] of Object.entries(one)) {
    if (key === 'alias' || key === '$$hashKey' || key === 'dashLength' || key === 'spaceLength') continue
    if (key === 'color' && typeof value === 'string') made.push(fixedColour(value))
    else if (key === 'yaxis') {
      if (value !== 2) continue
      made.push(property('custom.axisPlacement', 'right'))
      for (const [id, setting] of Object.entries(right.field)) made.push(property(id, setting))
      for (const [id, setting] of Object.entries(right.custom)) made.push(property(`custom.${id}`, setting))
    } else if (key === 'fill') made.push(property('custom.fillOpacity', (numberAt(one, key) ?? 0) * 10))
    else if (key === 'linewidth') made.push(property('custom.lineWidth', numberAt(one, key) ?? 1))
    else if (key === 'pointradius') made.push(property('custom.pointSize', (numberAt(one, key) ?? 2) * 2 + 1))
    else if (key === 'bars') made.push(property('custom.drawStyle', value === true ? 'bars' : drawStyle({ ...panel, bars: false })))
    else if (key === 'lines') {
      if (one['bars'] === true) continue
      made.push(
        value === true
          ? property('custom.drawStyle', 'line')
          : one['points'] === true
            ? property('custom.drawStyle', 'points')
            : property('custom.lineWidth', 0),
      )
    } else if (key === 'points') made.push(property('custom.showPoints', value === true ? 'always' : 'never'))
    else if (key === 'stack')
      made.push(property('custom.stacking', { group: typeof value === 'string' ? value : 'A', mode: value === false ? 'none' : 'normal' }))
    else if (key === 'dashes') made.push(property('custom.lineStyle', value === true ? dashesOf(one, panel) : { fill: 'solid' }))
    else if (key === 'steppedLine') made.push(property('custom.lineInterpolation', value === true ? 'stepAfter' : 'linear'))
    else if (key === 'nullPointMode') made.push(property('custom.spanNulls', value === 'connected'))
    else if (key === 'transform' && (value === 'negative-Y' || value === 'constant')) made.push(property('custom.transform', value))
    else if (key === 'fillBelowTo' && typeof value === 'string') made.push(property('custom.fillBelowTo', value))
    else if (key === 'legend') made.push(property('custom.hideFrom', { legend: value === false, tooltip: false, viz: false }))
    else if (key === 'hiddenSeries') made.push(property('custom.hideFrom', { legend: false, tooltip: false, viz: value === true }))
    else if (key === 'hideTooltip') made.push(property('custom.hideFrom', { legend: false, tooltip: value === true, viz: false }))
    else lost.push(`seriesOverrides.${key}`)
  }
  return made
}

/** Makes a `graph` a panel of a newer kind. */
export function upgradeGraph(panel: Plain): Upgraded {
  const lost = unheard(panel, handled)
  const xaxis = plainAt(panel, 'xaxis')
  const mode = textAt(xaxis, 'mode')
  const [left, rightAxis] = listAt(panel, 'yaxes')
  const axis = axisOf(left)
  const nulls = textAt(panel, 'nullPointMode')
  if (nulls === 'null as zero' && panel['stack'] !== true) lost.push('nullPointMode: null as zero')
  const thresholds = thresholdsOf(panel)
  const tooltip = plainAt(panel, 'tooltip')
  const bars = panel['bars'] === true
  const custom = some({
    drawStyle: drawStyle(panel),
    lineInterpolation: panel['steppedLine'] === true ? 'stepAfter' : 'linear',
    barAlignment: 0,
    lineWidth: bars ? 1 : (numberAt(panel, 'linewidth') ?? 1),
    fillOpacity: bars ? 100 : Math.min(100, (numberAt(panel, 'fill') ?? 1) * 10),
    gradientMode: (numberAt(panel, 'fillGradient') ?? 0) > 0 ? 'opacity' : 'none',
    spanNulls: nulls === 'connected',
    showPoints: panel['points'] === true ? 'always' : 'never',
    pointSize: (numberAt(panel, 'pointradius') ?? 2) * 2 + 1,
    stacking: stacking(panel),
    axisPlacement: left?.['show'] === false ? 'hidden' : 'auto',
    lineStyle: panel['dashes'] === true ? dashesOf(panel, panel) : undefined,
    thresholdsStyle: thresholds?.style,
    ...axis.custom,
  })
  if (left?.['show'] === false && rightAxis?.['show'] !== true) lost.push('yaxes: hidden axis')
  const links = plainAt(panel, 'options')['dataLinks']
  const overrides = [
    ...Object.entries(plainAt(panel, 'aliasColors')).map(([alias, colour]) => ({
      matcher: { id: 'byName', options: alias },
      properties: [fixedColour(String(colour))],
    })),
    ...listAt(panel, 'seriesOverrides').map((one) => ({
      matcher: matcherOf(textAt(one, 'alias')),
      properties: propertiesOf(one, panel, lost),
    })),
  ].filter((one) => one.properties.length > 0)
  const defaults = some({
    ...axis.field,
    decimals: axis.field['decimals'] ?? numberAt(panel, 'decimals'),
    custom,
    thresholds: thresholds?.thresholds,
    links: Array.isArray(links) ? links : undefined,
  })
  const shared = {
    legend: legendOf(panel, lost),
    tooltip: {
      mode: tooltip['shared'] === false ? 'single' : 'multi',
      sort: ['none', 'asc', 'desc'][numberAt(tooltip, 'sort') ?? 0] ?? 'none',
    },
  }
  const fieldConfig = { defaults, overrides }
  const kept = commonOf(panel)
  if (mode === 'series') {
    const [value = ''] = Array.isArray(xaxis['values']) ? xaxis['values'].map(String) : []
    const reduce = { id: 'reduce', options: { mode: 'seriesToRows', reducers: [calculations[value] ?? 'sum'], includeTimeField: false } }
    const before = Array.isArray(kept['transformations']) ? kept['transformations'] : []
    const { drawStyle: _, showPoints: __, ...barCustom } = custom
    return {
      panel: {
        ...kept,
        type: 'barchart',
        fieldConfig: { ...fieldConfig, defaults: { ...defaults, custom: barCustom } },
        options: { ...shared, orientation: 'auto', showValue: 'auto' },
        transformations: [...before, reduce],
      },
      lost,
    }
  }
  if (mode === 'histogram') {
    const buckets = numberAt(xaxis, 'buckets')
    return {
      panel: {
        ...kept,
        type: 'histogram',
        fieldConfig: { defaults: some({ ...axis.field }), overrides },
        options: some({ ...shared, combine: true, bucketCount: buckets }),
      },
      lost,
    }
  }
  return { panel: { ...kept, type: 'timeseries', fieldConfig, options: shared }, lost }
}
