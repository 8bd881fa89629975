import { describe, expect, it } from 'vitest'
import type { Converted } from '../../../dashboards/model.ts'
import { convertedObjects, type Plain, panelsOf, visualization } from '../../support/dashboards/kibana.ts'

const everyone = '{service_name=~".+"}'
const max = (field: string): Plain => ({ id: 'm', type: 'max', field })
const series = (metrics: readonly Plain[], more: Plain = {}): Plain => ({
  id: 's',
  split_mode: 'everything',
  metrics,
  chart_type: 'line',
  formatter: 'number',
  ...more,
})

const panel = (params: Plain, all: readonly Plain[]): Converted =>
  convertedObjects([
    visualization('v', {
      type: 'metrics',
      params: { type: 'timeseries', index_pattern: 'logs-*', interval: '1m', time_field: '@timestamp', ...params, series: all },
      aggs: [],
    }),
  ])
const one = (metrics: readonly Plain[], more: Plain = {}, params: Plain = {}): Converted => panel(params, [series(metrics, more)])
const first = (converted: Converted): string | undefined => converted.items[0]?.after
const written = (converted: Converted): Plain => panelsOf(converted)[0] as Plain

describe('tsvbPanel', () => {
  it.each([
    ['timeseries', 'timeseries', 'range'],
    ['metric', 'stat', 'instant'],
    ['top_n', 'bargauge', 'instant'],
    ['gauge', 'gauge', 'instant'],
    ['table', 'table', 'instant'],
  ])('makes of %s a %s', (type, shown, queryType) => {
    const converted = one([{ id: 'm', type: 'avg', field: 'system.load.1' }], {}, { type })
    expect(written(converted)).toMatchObject({ type: shown, targets: [{ queryType }] })
    expect(converted.items[0]?.status).toBe('exact')
  })

  it('asks for the last bucket, or for the whole time range', () => {
    expect(first(one([{ id: 'm', type: 'avg', field: 'f' }], {}, { type: 'metric' }))).toContain('[1m]')
    expect(first(one([{ id: 'm', type: 'avg', field: 'f' }], {}, { type: 'metric', time_range_mode: 'entire_time_range' }))).toContain(
      '[$__range]',
    )
  })

  it('says so where the number depends on a width that both choose by themselves', () => {
    const { items } = one([{ id: 'm', type: 'count' }], {}, { type: 'metric', interval: 'auto' })
    expect(items).toMatchObject([
      { status: 'approximate', notes: expect.arrayContaining([expect.objectContaining({ code: 'OBD-K-017' })]) },
    ])
    expect(one([{ id: 'm', type: 'count' }], {}, { type: 'metric' }).items[0]?.status).toBe('exact')
  })

  it('writes the growth of a counter a second (by hand)', () => {
    const converted = one([
      max('system.network.in.bytes'),
      { id: 'd', type: 'derivative', field: 'm', unit: '1s' },
      { id: 'p', type: 'positive_only', field: 'd' },
    ])
    const of = (offset: string): string =>
      `max_over_time(${everyone}${offset} | system_network_in_bytes!="" | unwrap system_network_in_bytes | __error__=""${offset === '' ? ' [1m]' : ''}) by ()`
    expect(first(converted)).toBe(`(((${of('')}) - (${of(' [1m] offset 1m')})) >= 0) / 60`)
  })

  it('takes plain arithmetic out of scripts (by hand)', () => {
    const metrics = [
      { id: 'a', type: 'avg', field: 'used' },
      { id: 'b', type: 'avg', field: 'total' },
      {
        id: 'c',
        type: 'math',
        script: 'params.u / params.t',
        variables: [
          { name: 'u', field: 'a' },
          { name: 't', field: 'b' },
        ],
      },
    ]
    const of = (field: string): string => `avg_over_time(${everyone} | ${field}!="" | unwrap ${field} | __error__="" [1m]) by ()`
    expect(first(one(metrics))).toBe(`(${of('used')}) / (${of('total')})`)
  })

  it('takes a sum that is added up and taken apart again for a sum a unit of time', () => {
    const metrics = [
      { id: 'a', type: 'sum', field: 'f' },
      { id: 'b', type: 'cumulative_sum', field: 'a' },
      { id: 'c', type: 'derivative', field: 'b', unit: '10s' },
    ]
    const converted = one(metrics)
    expect(converted.items[0]?.status).toBe('exact')
    expect(first(converted)).toBe(`sum(rate(${everyone} | f!="" | unwrap f | __error__="" [1m])) * 10`)
  })

  it('refuses to compute with what Grafana computes behind the query', () => {
    const metrics = [
      { id: 'a', type: 'max', field: 'f' },
      { id: 'b', type: 'moving_average', field: 'a', window: 3 },
      { id: 'c', type: 'derivative', field: 'b' },
    ]
    expect(one(metrics).items[0]?.status).toBe('unsupported')
  })

  it('refuses scripts that decide', () => {
    const metrics = [
      { id: 'a', type: 'avg', field: 'f' },
      { id: 'c', type: 'calculation', script: 'params.a > 5 ? 1 : 2', variables: [{ name: 'a', field: 'a' }] },
    ]
    expect(one(metrics).items[0]).toMatchObject({ status: 'unsupported', after: undefined })
  })

  it('survives metrics that refer to each other in a circle', () => {
    const metrics = [
      { id: 'a', type: 'derivative', field: 'b' },
      { id: 'b', type: 'derivative', field: 'a' },
    ]
    expect(one(metrics).items[0]?.status).toBe('unsupported')
  })

  it('divides two filters (by hand)', () => {
    const metric = {
      id: 'm',
      type: 'filter_ratio',
      numerator: { query: 'status:500', language: 'lucene' },
      denominator: { query: '*', language: 'lucene' },
      metric_agg: 'count',
    }
    expect(first(one([metric]))).toBe(
      `(sum(count_over_time(${everyone} | status="500" [1m])) or vector(0)) / sum(count_over_time(${everyone} [1m]))`,
    )
  })

  it('gives each filter of a split a target with its label', () => {
    const split_filters = [
      { label: 'good', filter: { query: 'status:200', language: 'lucene' } },
      { label: 'bad', filter: { query: 'status:500', language: 'lucene' } },
    ]
    const converted = one([{ id: 'm', type: 'count' }], { split_mode: 'filters', split_filters })
    expect(converted.items).toHaveLength(1)
    expect(written(converted).targets).toMatchObject([{ legendFormat: 'good' }, { legendFormat: 'bad' }])
  })

  it('groups by terms, joins series, shifts and filters each series on its own', () => {
    const converted = one(
      [
        { id: 'm', type: 'count' },
        { type: 'series_agg', function: 'sum' },
      ],
      { split_mode: 'terms', terms_field: 'host.name', offset_time: '1d', filter: { query: 'a:b', language: 'lucene' }, label: 'all' },
    )
    expect(first(converted)).toMatch(/^sum\(sum by \(host_name\) \(count_over_time\(.*offset 1d.*\)\)\)$/)
    expect(first(converted)).toContain('a="b"')
    expect(written(converted).targets).toMatchObject([{ legendFormat: 'all' }])
  })

  it('gives percentiles a target each', () => {
    const converted = one([{ id: 'm', type: 'percentile', field: 'f', percentiles: [{ value: '50' }, { value: '95', mode: 'band' }] }])
    expect(first(converted)?.split('\n')).toHaveLength(2)
    expect(converted.items[0]?.status).toBe('approximate')
  })

  it('keeps colours, axes, stacking and units of series', () => {
    const all = [
      series([{ id: 'm', type: 'count' }], {
        color: '#68BC00',
        chart_type: 'bar',
        stacked: 'stacked',
        fill: 0.5,
        formatter: 'bytes',
        value_template: '{{value}}/s',
      }),
      series([{ id: 'n', type: 'count' }], { id: 't', separate_axis: 1, axis_position: 'right', formatter: 'percent' }),
    ]
    const { fieldConfig } = written(panel({ legend_position: 'bottom', axis_min: 0 }, all)) as {
      fieldConfig: { defaults: Plain; overrides: { matcher: Plain; properties: Plain[] }[] }
    }
    expect(fieldConfig.defaults).toMatchObject({ min: 0 })
    const [one, other] = fieldConfig.overrides
    expect(one?.properties).toEqual(
      expect.arrayContaining([
        { id: 'color', value: { mode: 'fixed', fixedColor: '#68bc00' } },
        { id: 'unit', value: 'binBps' },
        { id: 'custom.drawStyle', value: 'bars' },
        { id: 'custom.fillOpacity', value: 50 },
      ]),
    )
    expect(other?.properties).toEqual(
      expect.arrayContaining([
        { id: 'unit', value: 'percentunit' },
        { id: 'custom.axisPlacement', value: 'right' },
      ]),
    )
  })

  it('turns rules of colours into steps', () => {
    const gauge_color_rules = [
      { operator: 'gte', value: 0.7, gauge: '#ff0000' },
      { operator: 'gte', value: 0, gauge: '#00ff00' },
      { id: 'x' },
    ]
    expect(
      written(one([{ id: 'm', type: 'avg', field: 'f' }], { formatter: 'percent' }, { type: 'gauge', gauge_color_rules, gauge_max: '1' })),
    ).toMatchObject({
      fieldConfig: {
        defaults: {
          unit: 'percentunit',
          max: 1,
          thresholds: {
            steps: [
              { color: 'transparent', value: null },
              { color: '#00ff00', value: 0 },
              { color: '#ff0000', value: 0.7 },
            ],
          },
        },
      },
    })
  })

  it('makes annotations of the dashboard of those of a panel', () => {
    const annotations = [
      {
        id: 'a',
        index_pattern: 'logs-*',
        query_string: { query: 'deploy:*', language: 'lucene' },
        fields: 'version',
        template: '{{version}}',
        color: '#F00',
      },
    ]
    const converted = panel({ annotations }, [series([{ id: 'm', type: 'count' }])])
    expect(converted.items.map(({ kind, status }) => [kind, status])).toEqual([
      ['target', 'exact'],
      ['annotation', 'approximate'],
    ])
    const { annotations: written } = JSON.parse(converted.files[0]?.text ?? '') as { annotations: { list: Plain[] } }
    expect(written.list[1]).toMatchObject({ expr: expect.stringContaining('deploy!=""'), iconColor: '#f00' })
  })

  it('finds index patterns by reference, by pattern and by series', () => {
    const by = (params: Plain, more: Plain = {}): unknown =>
      JSON.parse(one([{ id: 'm', type: 'count' }], more, params).items[0]?.before ?? '').index
    expect(by({ index_pattern: { id: 'dv' } })).toBe('logs-*')
    expect(by({ index_pattern: 'other-*' })).toBe('other-*')
    expect(by({}, { override_index_pattern: 1, series_index_pattern: 'own-*' })).toBe('own-*')
    expect(by({ index_pattern: '', default_index_pattern: 'def-*' })).toBe('def-*')
  })

  it('says so where the time is another field', () => {
    expect(one([{ id: 'm', type: 'count' }], {}, { time_field: 'when' }).items).toMatchObject([
      { status: 'approximate', notes: expect.arrayContaining([expect.objectContaining({ code: 'OBD-K-024' })]) },
    ])
  })
})
