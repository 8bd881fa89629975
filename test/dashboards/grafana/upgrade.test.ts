import { describe, expect, it } from 'vitest'
import { grafanaDashboard } from '../../../dashboards/grafana/converter.ts'
import { gridHeight, gridWidth, overlaps, placeRow, readingOrder } from '../../../dashboards/grafana/layout.ts'
import { upgradeGraph } from '../../../dashboards/grafana/upgrade/graph.ts'
import { upgradeHeatmap, upgradeMap, upgradePie, upgradeText } from '../../../dashboards/grafana/upgrade/others.ts'
import { upgradeSinglestat } from '../../../dashboards/grafana/upgrade/singlestat.ts'
import { upgradeTable } from '../../../dashboards/grafana/upgrade/table.ts'
import { contextOf } from '../../support/dashboards/grafana.ts'

const upgrade = (dashboard: object) => {
  const converted = grafanaDashboard.convert({ path: 'd.json', text: JSON.stringify(dashboard) }, contextOf({}, { upgradePanels: true }))
  return { ...converted, json: JSON.parse(converted.files[0]?.text ?? ''), text: converted.files[0]?.text ?? '' }
}

describe('upgradeGraph', () => {
  it('keeps lines, fill, stacking, axes, units, thresholds, colours and the legend', () => {
    const { panel, lost } = upgradeGraph({
      id: 1,
      title: 'g',
      type: 'graph',
      gridPos: { x: 0, y: 0, w: 12, h: 8 },
      targets: [{ refId: 'A', expr: 'm' }],
      lines: true,
      linewidth: 2,
      fill: 3,
      stack: true,
      percentage: true,
      steppedLine: true,
      nullPointMode: 'connected',
      aliasColors: { a: '#fff' },
      seriesOverrides: [
        { alias: '/b.*/', yaxis: 2, fill: 0, linewidth: 4, dashes: true },
        { alias: 'c', bars: true, color: 'red', zindex: 3 },
      ],
      thresholds: [
        { value: 90, op: 'gt', colorMode: 'critical', fill: true, line: true },
        { value: 10, op: 'lt', colorMode: 'warning', fill: true },
      ],
      yaxes: [
        { format: 'ms', min: '0', max: null, logBase: 10, label: 'L', show: true },
        { format: 'percent', min: null, max: 100, logBase: 1, show: true },
      ],
      legend: { show: true, alignAsTable: true, rightSide: true, values: true, avg: true, current: true, sort: 'avg', sortDesc: true },
      tooltip: { shared: false, sort: 2 },
      xaxis: { mode: 'time', show: true },
    })
    expect(lost).toEqual(['seriesOverrides.zindex'])
    expect(panel).toEqual({
      id: 1,
      title: 'g',
      type: 'timeseries',
      gridPos: { x: 0, y: 0, w: 12, h: 8 },
      targets: [{ refId: 'A', expr: 'm' }],
      fieldConfig: {
        defaults: {
          unit: 'ms',
          min: 0,
          custom: {
            drawStyle: 'line',
            lineInterpolation: 'stepAfter',
            barAlignment: 0,
            lineWidth: 2,
            fillOpacity: 30,
            gradientMode: 'none',
            spanNulls: true,
            showPoints: 'never',
            pointSize: 5,
            stacking: { group: 'A', mode: 'percent' },
            axisPlacement: 'auto',
            thresholdsStyle: { mode: 'line+area' },
            axisLabel: 'L',
            scaleDistribution: { type: 'log', log: 10 },
          },
          thresholds: {
            mode: 'absolute',
            steps: [
              { color: 'orange', value: null },
              { color: 'transparent', value: 10 },
              { color: 'red', value: 90 },
            ],
          },
        },
        overrides: [
          { matcher: { id: 'byName', options: 'a' }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: '#fff' } }] },
          {
            matcher: { id: 'byRegexp', options: '/b.*/' },
            properties: [
              { id: 'custom.axisPlacement', value: 'right' },
              { id: 'unit', value: 'percent' },
              { id: 'max', value: 100 },
              { id: 'custom.fillOpacity', value: 0 },
              { id: 'custom.lineWidth', value: 4 },
              { id: 'custom.lineStyle', value: { fill: 'dash', dash: [10, 10] } },
            ],
          },
          {
            matcher: { id: 'byName', options: 'c' },
            properties: [
              { id: 'custom.drawStyle', value: 'bars' },
              { id: 'color', value: { mode: 'fixed', fixedColor: 'red' } },
            ],
          },
        ],
      },
      options: {
        legend: {
          calcs: ['mean', 'lastNotNull'],
          displayMode: 'table',
          placement: 'right',
          showLegend: true,
          sortBy: 'Mean',
          sortDesc: true,
        },
        tooltip: { mode: 'single', sort: 'desc' },
      },
    })
  })

  it('is a bar chart of one value a series, or a histogram, where the axis says so', () => {
    expect(upgradeGraph({ type: 'graph', xaxis: { mode: 'series', values: ['total'] } }).panel).toMatchObject({
      type: 'barchart',
      transformations: [{ id: 'reduce', options: { reducers: ['sum'] } }],
    })
    expect(upgradeGraph({ type: 'graph', xaxis: { mode: 'histogram', buckets: 20 } }).panel).toMatchObject({
      type: 'histogram',
      options: { bucketCount: 20 },
    })
  })

  it('tells settings that it does not know', () => {
    expect(
      upgradeGraph({ type: 'graph', timeRegions: [{ op: 'time' }], nullPointMode: 'null as zero', legend: { hideZero: true } }).lost,
    ).toEqual(['timeRegions', 'nullPointMode: null as zero', 'legend.hideZero'])
  })
})

describe('upgradeSinglestat', () => {
  it('becomes a stat with reducer, thresholds, mappings and unit', () => {
    const { panel, lost } = upgradeSinglestat({
      type: 'singlestat',
      valueName: 'total',
      format: 'none',
      postfix: ' req',
      thresholds: '80,90',
      colors: ['g', 'o', 'r'],
      colorBackground: true,
      sparkline: { show: true },
      valueMaps: [
        { value: 'null', text: 'N/A' },
        { value: '1', text: 'up' },
      ],
      tableColumn: 'a.b',
    })
    expect(lost).toEqual([])
    expect(panel).toMatchObject({
      type: 'stat',
      fieldConfig: {
        defaults: {
          unit: 'suffix:req',
          mappings: [
            { type: 'special', options: { match: 'null', result: { text: 'N/A' } } },
            { type: 'value', options: { '1': { text: 'up' } } },
          ],
          thresholds: {
            steps: [
              { color: 'g', value: null },
              { color: 'o', value: 80 },
              { color: 'r', value: 90 },
            ],
          },
        },
      },
      options: { colorMode: 'background', graphMode: 'area', reduceOptions: { calcs: ['sum'], fields: '/^a\\.b$/' } },
    })
  })

  it.each([
    ['avg', 'mean'],
    ['current', 'lastNotNull'],
    ['max', 'max'],
  ])('reduces by %s as %s', (valueName, calc) => {
    expect(upgradeSinglestat({ valueName }).panel).toMatchObject({ options: { reduceOptions: { calcs: [calc] } } })
  })

  it('becomes a gauge where it showed one', () => {
    expect(
      upgradeSinglestat({
        gauge: { show: true, minValue: 5, maxValue: 50, thresholdLabels: true },
        rangeMaps: [{ from: '1', to: '2', text: 'x' }],
        mappingType: 2,
      }).panel,
    ).toMatchObject({
      type: 'gauge',
      fieldConfig: { defaults: { min: 5, max: 50, mappings: [{ type: 'range', options: { from: 1, to: 2, result: { text: 'x' } } }] } },
      options: { showThresholdLabels: true },
    })
  })

  it('says which of two texts around the number is lost', () => {
    expect(upgradeSinglestat({ format: 'bytes', prefix: 'a', postfix: 'b' }).lost).toEqual(['prefix: a', 'postfix: b'])
  })
})

describe('upgradeTable', () => {
  it('makes overrides of styles, and transformations of the transform', () => {
    const { panel, lost } = upgradeTable({
      type: 'table-old',
      transform: 'timeseries_aggregations',
      columns: [
        { text: 'Avg', value: 'avg' },
        { text: 'Max', value: 'max' },
      ],
      styles: [
        { pattern: 'Time', type: 'date', dateFormat: 'YYYY', alias: 'When' },
        { pattern: '/^v/', type: 'number', unit: 'ms', decimals: 2, colorMode: 'value', thresholds: ['1', '2'], colors: ['a', 'b', 'c'] },
        { pattern: 'id', type: 'hidden' },
        { pattern: 'host', type: 'string', link: true, linkUrl: '/d/x?var-h=${__cell}', linkTooltip: 'open' },
      ],
    })
    expect(lost).toEqual([])
    expect(panel).toMatchObject({
      type: 'table',
      transformations: [{ id: 'reduce', options: { reducers: ['mean', 'max'] } }],
      fieldConfig: {
        overrides: [
          { matcher: { options: 'host' }, properties: [{ id: 'links', value: [{ url: '/d/x?var-h=${__value.text}', title: 'open' }] }] },
          { matcher: { options: 'id' }, properties: [{ id: 'custom.hideFrom' }, { id: 'custom.hidden', value: true }] },
          {
            matcher: { id: 'byRegexp', options: '/^v/' },
            properties: [
              { id: 'unit', value: 'ms' },
              { id: 'decimals', value: 2 },
              { id: 'thresholds' },
              { id: 'custom.cellOptions', value: { type: 'color-text' } },
            ],
          },
          {
            matcher: { id: 'byName', options: 'Time' },
            properties: [
              { id: 'displayName', value: 'When' },
              { id: 'unit', value: 'time: YYYY' },
            ],
          },
        ],
      },
    })
    expect(upgradeTable({ transform: 'timeseries_to_rows' }).panel).toMatchObject({ transformations: [{ id: 'seriesToRows' }] })
    expect(upgradeTable({ transform: 'json' }).lost).toEqual(['transform: json'])
  })
})

describe('plugins that became panels', () => {
  it('keep what both have', () => {
    expect(
      upgradePie({ pieType: 'donut', legendType: 'Right side', valueName: 'current', format: 'bytes', aliasColors: { a: 'red' } }).panel,
    ).toMatchObject({
      type: 'piechart',
      fieldConfig: { defaults: { unit: 'bytes' }, overrides: [{ matcher: { options: 'a' } }] },
      options: { pieType: 'donut', legend: { placement: 'right' } },
    })
    expect(
      upgradeMap({ locationData: 'table', tableQueryOptions: { latitudeField: 'lat', longitudeField: 'lon' }, initialZoom: 3 }).panel,
    ).toMatchObject({
      type: 'geomap',
      options: { view: { zoom: 3 }, layers: [{ location: { mode: 'coords', latitude: 'lat', longitude: 'lon' } }] },
    })
    expect(upgradeHeatmap({ dataFormat: 'tsbuckets', yAxis: { format: 's' }, yBucketBound: 'upper' }).panel).toMatchObject({
      options: { calculate: false, rowsFrame: { layout: 'le' }, yAxis: { unit: 's' } },
    })
    expect(upgradeText({ mode: 'html', content: '<b>x</b>' }).panel).toEqual({
      type: 'text',
      options: { mode: 'html', content: '<b>x</b>' },
    })
  })
})

describe('rows of old schemas', () => {
  const panel = (id: number, span: number, rest: object = {}) => ({ id, span, type: 'text', ...rest })

  it('become places: spans of 12, heights in lines, what is too wide below', () => {
    const { json, parts } = upgrade({
      schemaVersion: 14,
      rows: [
        { height: '250px', panels: [panel(1, 6), panel(2, 6), panel(3, 4)] },
        { height: 100, panels: [panel(4, 12, { height: '380px' })] },
      ],
      title: 't',
    })
    expect(Object.keys(json)).toEqual(['schemaVersion', 'panels', 'title'])
    expect(json.panels.map(({ id, gridPos, span }: { id: number; gridPos: object; span?: number }) => [id, gridPos, span])).toEqual([
      [1, { x: 0, y: 0, w: 12, h: 7 }, undefined],
      [2, { x: 12, y: 0, w: 12, h: 7 }, undefined],
      [3, { x: 0, y: 7, w: 8, h: 7 }, undefined],
      [4, { x: 0, y: 14, w: 24, h: 10 }, undefined],
    ])
    expect(parts).toMatchObject([{ kind: 'layout', status: 'exact' }])
  })

  it('are rows where one is closed, repeated or shows its title; a closed one holds its panels', () => {
    const { json, text } = upgrade({
      schemaVersion: 14,
      rows: [
        { title: 'a', collapse: true, repeat: 'x', panels: [panel(7, 12, { type: 'graph' })] },
        { title: 'b', panels: [panel(2, 12)] },
      ],
    })
    expect(json.panels).toMatchObject([
      {
        id: 8,
        type: 'row',
        title: 'a',
        collapsed: true,
        repeat: 'x',
        gridPos: { y: 0 },
        panels: [{ id: 7, type: 'timeseries', gridPos: { y: 1 } }],
      },
      { id: 9, type: 'row', title: 'b', collapsed: false, gridPos: { y: 1 }, panels: [] },
      { id: 2, gridPos: { y: 2 } },
    ])
    expect(upgrade(JSON.parse(text)).json).toEqual(json)
  })

  it('stay, as do old panels, where nobody asked', () => {
    const text = JSON.stringify({ schemaVersion: 14, rows: [{ panels: [{ id: 1, type: 'graph', span: 12 }] }] })
    expect(grafanaDashboard.convert({ path: 'd.json', text }, contextOf()).files[0]?.text).toBe(text)
  })
})

describe('layout', () => {
  it('knows widths and heights', () => {
    expect([gridWidth(4), gridWidth(12), gridWidth(0), gridWidth(40), gridWidth('6')]).toEqual([8, 24, 8, 24, 12])
    expect([gridHeight('250px'), gridHeight(38), gridHeight(39), gridHeight(undefined), gridHeight(-1)]).toEqual([7, 1, 2, 7, 7])
  })

  it('finds panels over each other, and outside', () => {
    const sound = placeRow(
      [
        { w: 12, h: 3 },
        { w: 12, h: 5 },
        { w: 24, h: 2 },
      ],
      0,
    )
    expect(overlaps(sound.places)).toEqual([])
    expect(sound.bottom).toBe(7)
    expect(readingOrder(sound.places)).toEqual([0, 1, 2])
    expect(
      overlaps([
        { x: 0, y: 0, w: 12, h: 4 },
        { x: 11, y: 3, w: 2, h: 2 },
        { x: 20, y: 0, w: 8, h: 1 },
      ]),
    ).toEqual([
      { one: 0, other: 1 },
      { one: 2, other: 2 },
    ])
  })
})
