/** Plugins that became panels of Grafana's own, and the heatmap before 9: section 5.6 of the reference. All of them approximately. */

import type { Plain } from '../target.ts'
import { calculations, commonOf, fixedColour, listAt, numberAt, plainAt, some, stepsOf, textAt, type Upgraded, unheard } from './values.ts'

const pie: ReadonlySet<string> = new Set([
  'aliasColors',
  'format',
  'legend',
  'legendType',
  'pieType',
  'valueName',
  'decimals',
  'fontSize',
  'nullPointMode',
])

/** `grafana-piechart-panel` → piechart. */
export function upgradePie(panel: Plain): Upgraded {
  const lost = unheard(panel, pie)
  const place = textAt(panel, 'legendType')
  const legend = plainAt(panel, 'legend')
  const unit = textAt(panel, 'format')
  const values = [...(legend['values'] === true ? ['value'] : []), ...(legend['percentage'] === true ? ['percent'] : [])]
  return {
    panel: {
      ...commonOf(panel),
      type: 'piechart',
      fieldConfig: {
        defaults: some({ unit: unit === '' ? undefined : unit, decimals: numberAt(panel, 'decimals') }),
        overrides: Object.entries(plainAt(panel, 'aliasColors')).map(([alias, colour]) => ({
          matcher: { id: 'byName', options: alias },
          properties: [fixedColour(String(colour))],
        })),
      },
      options: {
        pieType: textAt(panel, 'pieType') === 'donut' ? 'donut' : 'pie',
        reduceOptions: { calcs: [calculations[textAt(panel, 'valueName')] ?? 'lastNotNull'], fields: '', values: false },
        displayLabels: place === 'On graph' ? ['name', ...values] : [],
        legend: {
          showLegend: legend['show'] !== false && place !== 'On graph',
          displayMode: values.length > 0 ? 'table' : 'list',
          placement: place === 'Right side' ? 'right' : 'bottom',
          values,
        },
      },
    },
    lost,
  }
}

const map: ReadonlySet<string> = new Set([
  ...[
    'mapCenter',
    'mapCenterLatitude',
    'mapCenterLongitude',
    'initialZoom',
    'locationData',
    'thresholds',
    'colors',
    'tableQueryOptions',
    'decimals',
  ],
  ...['unitSingular', 'unitPlural', 'valueName', 'circleMinSize', 'circleMaxSize', 'esMetric', 'esGeoPoint'],
])

/** `grafana-worldmap-panel` → geomap. */
export function upgradeMap(panel: Plain): Upgraded {
  const lost = unheard(panel, map)
  const places = textAt(panel, 'locationData')
  const table = plainAt(panel, 'tableQueryOptions')
  const isGeohash = places === 'geohash' || textAt(table, 'queryType') === 'geohash'
  const location =
    places === 'table' && !isGeohash
      ? { mode: 'coords', latitude: textAt(table, 'latitudeField'), longitude: textAt(table, 'longitudeField') }
      : isGeohash
        ? { mode: 'geohash', geohash: textAt(table, 'geohashField') === '' ? textAt(panel, 'esGeoPoint') : textAt(table, 'geohashField') }
        : { mode: 'lookup', gazetteer: places === 'states' ? 'public/gazetteer/usa-states.json' : 'public/gazetteer/countries.json' }
  if (!['table', 'geohash', 'countries', 'states'].includes(places)) lost.push(`locationData: ${places.slice(0, 64)}`)
  const values = textAt(panel, 'thresholds')
    .split(',')
    .flatMap((one) => (one.trim() === '' || !Number.isFinite(Number(one)) ? [] : [Number(one)]))
  const colours = Array.isArray(panel['colors']) ? panel['colors'].map(String) : []
  const size = { min: numberAt(panel, 'circleMinSize') ?? 2, max: numberAt(panel, 'circleMaxSize') ?? 30, fixed: 5 }
  return {
    panel: {
      ...commonOf(panel),
      type: 'geomap',
      fieldConfig: {
        defaults: some({
          decimals: numberAt(panel, 'decimals'),
          color: { mode: 'thresholds' },
          thresholds: { mode: 'absolute', steps: stepsOf(values, colours) },
        }),
        overrides: [],
      },
      options: {
        view: {
          id: 'coords',
          lat: numberAt(panel, 'mapCenterLatitude') ?? 0,
          lon: numberAt(panel, 'mapCenterLongitude') ?? 0,
          zoom: numberAt(panel, 'initialZoom') ?? 1,
        },
        basemap: { type: 'default', name: 'Layer 0' },
        layers: [
          {
            type: 'markers',
            name: 'Markers',
            location,
            config: { style: { size: { ...size, field: 'Value' }, color: { field: 'Value', fixed: 'dark-green' }, opacity: 0.4 } },
          },
        ],
      },
    },
    lost,
  }
}

const heat: ReadonlySet<string> = new Set([
  ...[
    'cards',
    'color',
    'dataFormat',
    'heatmap',
    'hideZeroBuckets',
    'highlightCards',
    'legend',
    'reverseYBuckets',
    'tooltip',
    'tooltipDecimals',
  ],
  ...['xAxis', 'xBucketNumber', 'xBucketSize', 'yAxis', 'yBucketBound', 'yBucketNumber', 'yBucketSize'],
])

const bucketsOf = (panel: Plain, axis: 'x' | 'y'): Plain => {
  const size = textAt(panel, `${axis}BucketSize`)
  const count = numberAt(panel, `${axis}BucketNumber`)
  return size !== '' ? { mode: 'size', value: size } : count === undefined ? { mode: 'count' } : { mode: 'count', value: String(count) }
}

/** The heatmap before Grafana 9, which had its settings beside `options`. */
export function upgradeHeatmap(panel: Plain): Upgraded {
  const lost = unheard(panel, heat)
  const yAxis = plainAt(panel, 'yAxis')
  const colour = plainAt(panel, 'color')
  const calculate = textAt(panel, 'dataFormat') !== 'tsbuckets'
  const bound = textAt(panel, 'yBucketBound')
  const unit = textAt(yAxis, 'format')
  const log = numberAt(yAxis, 'logBase') ?? 1
  const scheme = textAt(colour, 'colorScheme').replace(/^interpolate/, '')
  return {
    panel: {
      ...commonOf(panel),
      type: 'heatmap',
      fieldConfig: { defaults: { custom: { scaleDistribution: { type: 'linear' } } }, overrides: [] },
      options: some({
        calculate,
        calculation: calculate
          ? {
              xBuckets: bucketsOf(panel, 'x'),
              yBuckets: { ...bucketsOf(panel, 'y'), scale: log === 1 ? { type: 'linear' } : { type: 'log', log } },
            }
          : undefined,
        rowsFrame: calculate ? undefined : { layout: bound === 'upper' ? 'le' : bound === 'lower' ? 'ge' : 'auto' },
        color: some({
          mode: textAt(colour, 'mode') === 'opacity' ? 'opacity' : 'scheme',
          scheme: scheme === '' ? 'Oranges' : scheme,
          fill: textAt(colour, 'cardColor') === '' ? 'dark-orange' : textAt(colour, 'cardColor'),
          exponent: numberAt(colour, 'exponent') ?? 0.5,
          min: numberAt(colour, 'min'),
          max: numberAt(colour, 'max'),
          steps: 64,
          reverse: false,
        }),
        cellGap: numberAt(plainAt(panel, 'cards'), 'cardPadding') ?? 1,
        filterValues: panel['hideZeroBuckets'] === true ? { le: 1e-9 } : {},
        yAxis: some({
          axisPlacement: yAxis['show'] === false ? 'hidden' : 'left',
          unit: unit === '' ? undefined : unit,
          decimals: numberAt(yAxis, 'decimals'),
          min: textAt(yAxis, 'min') === '' ? undefined : textAt(yAxis, 'min'),
          max: textAt(yAxis, 'max') === '' ? undefined : textAt(yAxis, 'max'),
          reverse: panel['reverseYBuckets'] === true,
        }),
        legend: { show: plainAt(panel, 'legend')['show'] === true },
        tooltip: {
          mode: plainAt(panel, 'tooltip')['show'] === false ? 'none' : 'single',
          yHistogram: plainAt(panel, 'tooltip')['showHistogram'] === true,
        },
        exemplars: { color: 'rgba(255,0,255,0.7)' },
      }),
    },
    lost,
  }
}

/** The text panel of Grafana 6's trials. */
export function upgradeText(panel: Plain): Upgraded {
  const options = plainAt(panel, 'options')
  const mode = textAt(options, 'mode') === '' ? textAt(panel, 'mode') : textAt(options, 'mode')
  const content = textAt(options, 'content') === '' ? textAt(panel, 'content') : textAt(options, 'content')
  const known = mode === 'html' || mode === 'code' ? mode : 'markdown'
  return {
    panel: { ...commonOf(panel), type: 'text', options: { mode: known, content } },
    lost: listAt(panel, 'angular').length > 0 ? ['angular'] : [],
  }
}
