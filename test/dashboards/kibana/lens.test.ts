import { describe, expect, it } from 'vitest'
import type { Converted } from '../../../dashboards/model.ts'
import { convertedObjects, object, type Plain, panelsOf } from '../../support/dashboards/kibana.ts'

const everyone = '{service_name=~".+"}'
const column = (operationType: string, more: Plain = {}): Plain => ({
  label: operationType,
  operationType,
  isBucketed: false,
  sourceField: '___records___',
  params: {},
  ...more,
})
const time = column('date_histogram', { isBucketed: true, sourceField: '@timestamp', params: { interval: '5m' } })
const terms = (field: string, more: Plain = {}): Plain =>
  column('terms', {
    isBucketed: true,
    sourceField: field,
    params: { size: 3, orderBy: { type: 'column', columnId: 'm' }, orderDirection: 'desc', ...more },
  })

const lens = (type: string, columns: Record<string, Plain>, visualization: Plain, state: Plain = {}): Converted =>
  convertedObjects([
    object(
      'lens',
      'l',
      {
        title: 'l',
        visualizationType: type,
        state: {
          datasourceStates: { formBased: { layers: { a: { columns, columnOrder: Object.keys(columns) } } } },
          visualization,
          query: { query: '', language: 'kuery' },
          filters: [],
          ...state,
        },
      },
      [{ type: 'index-pattern', id: 'dv', name: 'indexpattern-datasource-layer-a' }],
    ),
  ])

const xy = (columns: Record<string, Plain>, more: Plain = {}, seriesType = 'line'): Converted =>
  lens('lnsXY', columns, {
    layers: [{ layerId: 'a', layerType: 'data', seriesType, xAccessor: 'x', accessors: ['m'], ...more }],
    legend: { isVisible: true, position: 'right' },
  })
const formula = (text: string): Converted => xy({ x: time, m: column('formula', { params: { formula: text } }) })
const written = (converted: Converted): Plain => panelsOf(converted)[0] as Plain
const first = (converted: Converted): string | undefined => converted.items[0]?.after

describe('lensPanel', () => {
  it.each([
    ['lnsMetric', { layerId: 'a', metricAccessor: 'm' }, 'stat'],
    ['lnsMetric', { layerId: 'a', metricAccessor: 'm', maxAccessor: 'n' }, 'gauge'],
    ['lnsLegacyMetric', { layerId: 'a', accessor: 'm' }, 'stat'],
    ['lnsDatatable', { layerId: 'a', columns: [{ columnId: 'g' }, { columnId: 'm' }] }, 'table'],
    ['lnsPie', { shape: 'donut', layers: [{ layerId: 'a', primaryGroups: ['g'], metrics: ['m'] }] }, 'piechart'],
    ['lnsPie', { shape: 'treemap', layers: [{ layerId: 'a', primaryGroups: ['g'], metrics: ['m'] }] }, 'bargauge'],
    ['lnsTagcloud', { layerId: 'a', tagAccessor: 'g', valueAccessor: 'm' }, 'bargauge'],
    ['lnsGauge', { layerId: 'a', metricAccessor: 'm' }, 'gauge'],
    ['lnsHeatmap', { layerId: 'a', xAccessor: 'x', yAccessor: 'g', valueAccessor: 'm' }, 'heatmap'],
    ['lnsHeatmap', { layerId: 'a', xAccessor: 'g', valueAccessor: 'm' }, 'table'],
    ['lnsChoropleth', { layerId: 'a', regionAccessor: 'g', valueAccessor: 'm' }, 'geomap'],
  ])('makes of %s %j a %s', (type, visualization, panel) => {
    const columns = { g: terms('host.name'), x: time, m: column('count'), n: column('count') }
    expect(written(lens(type, columns, visualization)).type).toBe(panel)
  })

  it.each([
    ['line', { drawStyle: 'line', fillOpacity: 0, stacking: { mode: 'none' } }],
    ['area_stacked', { drawStyle: 'line', fillOpacity: 50, stacking: { mode: 'normal' } }],
    ['bar_percentage_stacked', { drawStyle: 'bars', fillOpacity: 80, stacking: { mode: 'percent' } }],
  ])('draws %s', (seriesType, custom) => {
    expect(written(xy({ x: time, m: column('count') }, {}, seriesType))).toMatchObject({
      type: 'timeseries',
      fieldConfig: { defaults: { custom } },
    })
  })

  it('draws bars of words without an axis of time', () => {
    expect(written(xy({ x: terms('host.name'), m: column('count') }, {}, 'bar')).type).toBe('barchart')
  })

  it.each([
    ['sum', { sourceField: 'f' }, `sum(sum_over_time(${everyone} | f!="" | unwrap f | __error__="" [5m]))`],
    [
      'percentile',
      { sourceField: 'f', params: { percentile: 99 } },
      `quantile_over_time(0.99, ${everyone} | f!="" | unwrap f | __error__="" [5m]) by ()`,
    ],
    ['unique_count', { sourceField: 'f' }, `count(sum by (f) (count_over_time(${everyone} | f!="" [5m])))`],
    [
      'count',
      { filter: { query: 'a : 1', language: 'kuery' }, timeShift: '1d' },
      `sum(count_over_time(${everyone} | a="1" [5m] offset 1d)) or vector(0)`,
    ],
  ])('asks %s %j (by hand)', (operation, more, expected) => {
    expect(first(xy({ x: time, m: column(operation, more) }))).toBe(expected)
  })

  it('reads formulas with filters and shifts of their own (by hand)', () => {
    expect(first(formula("100 * count(kql='a : 1') / count()"))).toBe(
      `(100 * (sum(count_over_time(${everyone} | a="1" [5m])) or vector(0))) / sum(count_over_time(${everyone} [5m]))`,
    )
    expect(first(formula("count() - count(shift='1w')"))).toContain('offset 1w')
    expect(first(formula("average('a.b', lucene='c:d')"))).toContain('c="d"')
  })

  it.each([
    'count(',
    'nothing(f)',
    "count(kql='a : (')",
    'count(shift=previous)',
    'sum(f, reducedTimeRange=1h)',
    'moving_average(count()) + 1',
  ])('does not write %s', (text) => {
    expect(formula(text).items[0]).toMatchObject({ status: 'unsupported', after: undefined })
  })

  it('draws constants of reference layers as lines', () => {
    const columns = { x: time, m: column('count') }
    const converted = convertedObjects([
      object(
        'lens',
        'l',
        {
          title: 'l',
          visualizationType: 'lnsXY',
          state: {
            datasourceStates: {
              formBased: {
                layers: {
                  a: { columns, columnOrder: ['x', 'm'] },
                  r: { columns: { s: column('static_value', { params: { value: 7 } }) }, columnOrder: ['s'] },
                },
              },
            },
            visualization: {
              layers: [
                { layerId: 'a', layerType: 'data', seriesType: 'line', xAccessor: 'x', accessors: ['m'] },
                { layerId: 'r', layerType: 'referenceLine', accessors: ['s'], yConfig: [{ forAccessor: 's', color: '#bd271e' }] },
              ],
            },
          },
        },
        [{ type: 'index-pattern', id: 'dv', name: 'indexpattern-datasource-layer-a' }],
      ),
    ])
    expect(converted.items).toHaveLength(1)
    expect(written(converted)).toMatchObject({
      fieldConfig: {
        defaults: {
          custom: { thresholdsStyle: { mode: 'line' } },
          thresholds: { steps: [{ value: null }, { value: 7, color: '#bd271e' }] },
        },
      },
    })
  })

  it('keeps a failing column of a table as a hidden query', () => {
    const converted = lens(
      'lnsDatatable',
      { g: terms('url.path'), m: column('count'), t: column('last_value', { sourceField: 'f', dataType: 'string' }) },
      { layerId: 'a', columns: [{ columnId: 'g' }, { columnId: 'm' }, { columnId: 't' }] },
    )
    expect(converted.items.map(({ status }) => status)).toEqual(['approximate', 'unsupported'])
    expect(written(converted).targets).toMatchObject([
      { refId: 'A' },
      { hide: true, expr: '', otlpBridge: { query: expect.stringContaining('last_value') } },
    ])
  })

  it('keeps units and colours of columns', () => {
    const columns = { m: column('average', { sourceField: 'f', params: { format: { id: 'percent', params: { decimals: 1 } } } }) }
    const palette = {
      name: 'custom',
      params: {
        rangeType: 'number',
        stops: [
          { color: '#209280', stop: 1 },
          { color: '#cc5642', stop: 5 },
        ],
      },
    }
    expect(written(lens('lnsMetric', columns, { layerId: 'a', metricAccessor: 'm', palette }))).toMatchObject({
      fieldConfig: {
        defaults: {
          unit: 'percentunit',
          decimals: 1,
          thresholds: {
            steps: [
              { color: '#209280', value: null },
              { color: '#cc5642', value: 1 },
            ],
          },
        },
      },
    })
  })

  it('reads plain ES|QL, and nothing else of it', () => {
    const text = (esql: string): Converted =>
      lens(
        'lnsXY',
        {},
        { layers: [{ layerId: 'q', layerType: 'data', seriesType: 'bar', xAccessor: 't', accessors: ['c'] }] },
        {
          datasourceStates: { textBased: { layers: { q: { query: { esql } } } } },
          query: { esql },
        },
      )
    const plain = text('FROM logs-* | WHERE status == "500" | STATS c = COUNT(*) BY host.name')
    expect(plain.items).toMatchObject([{ language: 'esql', after: expect.stringContaining('sum by (host_name)') }])
    expect(plain.items[0]?.after).toContain('status="500"')
    expect(text('FROM logs-* | ENRICH x').items).toMatchObject([{ status: 'unsupported', after: undefined }])
  })
})
