import { describe, expect, it } from 'vitest'
import { convertKibana } from '../../../dashboards/kibana/converter.ts'
import type { Converted } from '../../../dashboards/model.ts'
import {
  convertedObjects,
  dashboard,
  dataView,
  kibanaContext,
  layoutFaults,
  ndjson,
  object,
  type Plain,
  panelsOf,
  visualization,
} from '../../support/dashboards/kibana.ts'

const everyone = '{service_name=~".+"}'

const agg = (id: string, type: string, schema: string, params: Plain = {}): Plain => ({ id, enabled: true, type, schema, params })
const count = agg('1', 'count', 'metric')
const overTime = agg('2', 'date_histogram', 'segment', { field: '@timestamp', interval: 'auto' })
const byHost = (schema = 'group', more: Plain = {}): Plain =>
  agg('3', 'terms', schema, { field: 'host.name', size: 5, orderBy: '1', order: 'desc', ...more })

/** A dashboard with one visualisation by aggregations. */
const oneVisual = (type: string, aggs: readonly Plain[], params: Plain = {}, source: Plain = {}): Converted =>
  convertedObjects([visualization('v', { type, params, aggs }, source)])

const [at, expr] = [
  (converted: Converted) => panelsOf(converted)[0] as Plain,
  (converted: Converted) => converted.items.map(({ after }) => after),
]
const statuses = (converted: Converted): readonly string[] => converted.items.map(({ status }) => status)
const optionsOf = (converted: Converted): Plain => at(converted).options as Plain
const defaultsOf = (converted: Converted): Plain => (at(converted).fieldConfig as { defaults: Plain }).defaults

describe('visualisations by aggregations', () => {
  it.each([
    ['line', 'timeseries', [count, overTime]],
    ['area', 'timeseries', [count, overTime]],
    ['histogram', 'timeseries', [count, overTime]],
    ['histogram', 'barchart', [count, byHost('segment')]],
    ['horizontal_bar', 'barchart', [count, byHost('segment')]],
    ['pie', 'piechart', [count, byHost('segment')]],
    ['metric', 'stat', [count]],
    ['gauge', 'gauge', [count]],
    ['goal', 'gauge', [count]],
    ['table', 'table', [count, byHost('bucket')]],
    ['tagcloud', 'bargauge', [count, byHost('segment')]],
    ['heatmap', 'heatmap', [count, overTime]],
    ['heatmap', 'table', [count, byHost('segment')]],
  ] as const)('makes of %s a %s', (type, panel, aggs) => {
    const converted = oneVisual(type, aggs)
    expect(at(converted).type).toBe(panel)
    expect(converted.items).toHaveLength(1)
    expect(statuses(converted)).not.toContain('unsupported')
  })

  it('counts documents in buckets of time, with nothing as 0 (by hand)', () => {
    const converted = oneVisual('histogram', [count, overTime])
    expect(expr(converted)).toEqual([`sum(count_over_time(${everyone} [$__interval])) or vector(0)`])
    expect(statuses(converted)).toEqual(['exact'])
  })

  it('asks tables for the first terms over the whole time range (by hand)', () => {
    const converted = oneVisual('table', [count, byHost('bucket')])
    expect(expr(converted)).toEqual([`topk(5, sum by (host_name) (count_over_time(${everyone} | host_name!="" [$__range])))`])
    expect(at(converted).targets).toMatchObject([{ queryType: 'instant' }])
  })

  it('joins query, filter and saved search with AND (by hand)', () => {
    const search = object(
      'search',
      's',
      {
        title: 's',
        kibanaSavedObjectMeta: {
          searchSourceJSON: JSON.stringify({ query: { query: 'event.module:nginx', language: 'lucene' }, filter: [], indexRefName: 'i' }),
        },
      },
      [{ name: 'i', type: 'index-pattern', id: 'dv' }],
    )
    const panel = object(
      'visualization',
      'v',
      {
        title: 'v',
        visState: { type: 'metric', params: {}, aggs: [count] },
        savedSearchRefName: 'search_0',
        kibanaSavedObjectMeta: {
          searchSourceJSON: {
            query: { query: 'not url.path : "/health"', language: 'kuery' },
            filter: [
              { meta: { negate: true, disabled: false, key: 'host.name' }, query: { match_phrase: { 'host.name': 'a' } } },
              { meta: { disabled: true }, query: { match_phrase: { 'host.name': 'b' } } },
            ],
          },
        },
      },
      [{ name: 'search_0', type: 'search', id: 's' }],
    )
    const text = ndjson(dataView(), search, panel, dashboard([{ type: 'visualization', id: 'v' }]))
    const converted = convertKibana({ path: 'x.ndjson', text }, kibanaContext())
    const [item] = converted.items
    expect(item?.after).toContain('event_module="nginx"')
    expect(item?.after).toContain('url_path!="/health"')
    expect(item?.after).toContain('host_name!="a"')
    expect(item?.after).not.toContain('"b"')
    expect(item?.before).toContain('"index":"logs-*"')
  })

  it('gives percentiles a target each, and stays one query', () => {
    const converted = oneVisual('line', [agg('1', 'percentiles', 'metric', { field: 'event.duration', percents: [50, 95] }), overTime])
    expect(converted.items).toHaveLength(1)
    expect(at(converted).targets).toMatchObject([
      { expr: expect.stringContaining('quantile_over_time(0.5, ') },
      { expr: expect.stringContaining('quantile_over_time(0.95, ') },
    ])
  })

  it('writes bands of a standard deviation as mean plus and minus two', () => {
    const [after] = expr(oneVisual('line', [agg('1', 'std_dev', 'metric', { field: 'event.duration' }), overTime]))
    expect(after?.split('\n')).toHaveLength(2)
    expect(after).toContain('2 * ')
  })

  it('says so where charts are split, and still groups by the field', () => {
    const converted = oneVisual('pie', [
      count,
      byHost('split'),
      agg('4', 'terms', 'segment', { field: 'url.path', size: 3, orderBy: '1', order: 'desc' }),
    ])
    expect(converted.items[0]).toMatchObject({
      status: 'approximate',
      notes: expect.arrayContaining([expect.objectContaining({ code: 'OBD-K-006' })]),
    })
    expect(converted.items[0]?.after).toContain('by (host_name, url_path)')
  })

  it('keeps maps as a placeholder with the old panel in it', () => {
    const converted = oneVisual('tile_map', [count, agg('2', 'geohash_grid', 'segment', { field: 'geo.location' })])
    expect(statuses(converted)).toEqual(['unsupported'])
    expect(at(converted)).toMatchObject({
      type: 'text',
      title: 'v',
      options: { content: expect.stringContaining('OBD-K-002'), otlpBridge: { original: { panel: { panelIndex: '0' } } } },
    })
  })

  it('keeps stacking, axis, legend, threshold and titles of columns', () => {
    const params = {
      addLegend: true,
      legendPosition: 'bottom',
      seriesParams: [{ type: 'area', mode: 'stacked', interpolate: 'cardinal', lineWidth: 3 }],
      valueAxes: [{ scale: { type: 'log', setYExtents: true, min: 1, max: 9 }, title: { text: 'Hits' } }],
      thresholdLine: { show: true, value: 5, color: '#ff0000' },
    }
    const converted = oneVisual('area', [count, overTime], params)
    expect(defaultsOf(converted)).toMatchObject({
      min: 1,
      max: 9,
      custom: {
        fillOpacity: 50,
        lineWidth: 3,
        lineInterpolation: 'smooth',
        stacking: { mode: 'normal' },
        axisLabel: 'Hits',
        scaleDistribution: { type: 'log' },
        thresholdsStyle: { mode: 'line' },
      },
      thresholds: {
        steps: [
          { color: 'transparent', value: null },
          { color: '#ff0000', value: 5 },
        ],
      },
    })
    expect(optionsOf(converted)).toMatchObject({ legend: { placement: 'bottom' } })
    const table = oneVisual('table', [count, byHost('bucket', { customLabel: 'Machine' })])
    expect(JSON.stringify(at(table).transformations)).toContain('"host_name":"Machine"')
  })

  it('does not ask for fields that are scripts', () => {
    const view = dataView('logs-*', { fields: JSON.stringify([{ name: 'late', scripted: true, script: 'doc[0]' }]) })
    const text = ndjson(
      view,
      visualization('v', { type: 'metric', params: {}, aggs: [agg('1', 'sum', 'metric', { field: 'late' })] }),
      dashboard([{ type: 'visualization', id: 'v' }]),
    )
    const { items } = convertKibana({ path: 'x.ndjson', text }, kibanaContext())
    expect(items).toMatchObject([
      { status: 'unsupported', notes: expect.arrayContaining([expect.objectContaining({ code: 'OBD-K-013' })]) },
    ])
  })

  it('asks nothing when a filter cannot be read', () => {
    const converted = oneVisual('metric', [count], {}, { query: { query: 'a : (b', language: 'kuery' } })
    expect(converted.items[0]).toMatchObject({ status: 'unsupported', after: undefined })
    expect(converted.items[0]?.notes[0]?.code).toBe('OBD-K-003')
  })
})

describe('documents that became metrics', () => {
  it('asks Prometheus for them (by hand)', () => {
    const indices = { 'logs-*': { as: 'metrics' as const, text_fields: [], keyword_fields: [] } }
    const converted = convertedObjects(
      [visualization('v', { type: 'line', params: {}, aggs: [agg('1', 'avg', 'metric', { field: 'system.load.1' }), overTime] })],
      { indices },
    )
    expect(expr(converted)).toEqual(['avg(avg_over_time(system_load_1[$__interval]))'])
    expect(at(converted)).toMatchObject({
      datasource: { type: 'prometheus', uid: '${DS_PROMETHEUS}' },
      targets: [{ range: true, instant: false }],
    })
  })
})

describe('objects that stand on a dashboard', () => {
  it('turns a saved search into lines with its columns', () => {
    const search = object(
      'search',
      's',
      {
        title: 'Errors',
        columns: ['log.level', 'message'],
        sort: [['@timestamp', 'asc']],
        kibanaSavedObjectMeta: {
          searchSourceJSON: JSON.stringify({ query: { query: 'host.name : a', language: 'kuery' }, filter: [], indexRefName: 'i' }),
        },
      },
      [{ name: 'i', type: 'index-pattern', id: 'dv' }],
    )
    const converted = convertedObjects([search])
    expect(at(converted)).toMatchObject({
      type: 'logs',
      title: 'Errors',
      options: { sortOrder: 'Ascending' },
      targets: [{ maxLines: 1000 }],
    })
    expect(expr(converted)).toEqual([`${everyone} | host_name="a" | line_format \`{{ .severity_text }} {{ __line__ }}\``])
    expect(statuses(converted)).toEqual(['approximate'])
  })

  it('turns Markdown into text and its links to dashboards', () => {
    const markdown = 'see [a](#/dashboard/other-1) and [b](/app/dashboards#/view/x?_g=(time:now)) and [c](/app/discover#/?x=1)'
    const converted = convertedObjects([visualization('m', { type: 'markdown', params: { markdown }, aggs: [] })])
    expect(converted.items).toEqual([])
    expect(optionsOf(converted).content).toBe('see [a](/d/other-1) and [b](/d/x) and [c](/app/discover#/?x=1)')
    expect(converted.parts.map(({ status }) => status)).toEqual(['exact', 'approximate', 'manual'])
  })

  it.each([
    ['vega', { type: 'vega', params: { spec: '{"url": "https://u:p@host/x"}' } }],
    [
      'a template of TSVB',
      { type: 'metrics', params: { type: 'markdown', markdown: '{{ a }}', series: [{ id: 's', metrics: [{ id: 'm', type: 'count' }] }] } },
    ],
    ['an unknown kind', { type: 'special', params: {}, aggs: [] }],
  ])('keeps %s as text, with nothing secret in it', (_name, state) => {
    const converted = convertedObjects([visualization('v', state)])
    expect(statuses(converted)).toEqual(['unsupported'])
    expect(at(converted).type).toBe('text')
    expect(converted.files[0]?.text).not.toContain('u:p@')
    expect(JSON.stringify(converted)).not.toContain('u:p@')
  })

  it.each(['ml_anomaly_swimlane', 'SLO_EMBEDDABLE', 'apm_map'])('keeps a panel of the kind %s as a placeholder', (type) => {
    const converted = convertKibana(
      { path: 'x.ndjson', text: ndjson(dashboard([{ type, panel: { embeddableConfig: { attributes: { a: 1 } } } }])) },
      kibanaContext(),
    )
    expect(statuses(converted)).toEqual(['unsupported'])
    expect(at(converted).type).toBe('text')
  })

  it('names an object that is not in the source', () => {
    const converted = convertKibana({ path: 'x.ndjson', text: ndjson(dashboard([{ type: 'lens', id: 'gone' }])) }, kibanaContext())
    expect(converted.items).toMatchObject([{ status: 'manual', notes: [{ code: 'OBD-K-001', text: expect.stringContaining('gone') }] }])
  })

  it('reads an object that lies in the folder beside', () => {
    const text = JSON.stringify(dashboard([{ type: 'visualization', id: 'v' }]))
    const context = {
      ...kibanaContext(),
      beside: (path: string) =>
        path === '../visualization/v.json' ? JSON.stringify(visualization('v', { type: 'metric', params: {}, aggs: [count] })) : undefined,
    }
    expect(statuses(convertKibana({ path: 'dashboard/board.json', text }, context))).toEqual(['exact'])
  })

  it('puts objects on no dashboard on one of their own', () => {
    const one = visualization('v', { type: 'metric', params: {}, aggs: [count] })
    const converted = convertKibana({ path: 'x.ndjson', text: ndjson(one) }, kibanaContext())
    expect(converted).toMatchObject({ uid: 'v', title: 'v' })
    expect(converted.files.map(({ path }) => path)).toEqual(['x.json'])
    const many = convertKibana({ path: 'x.ndjson', text: ndjson(dashboard([]), one, { ...one, id: 'w' }) }, kibanaContext())
    expect(many.files.map(({ path }) => path)).toEqual(['x/board.json', expect.stringMatching(/^x\/[0-9a-f]{32}\.json$/)])
    expect(many.notes.map(({ code }) => code)).toContain('OBD-K-015')
  })

  it('draws links and pictures as text, and drops what could run', () => {
    const links = {
      type: 'links',
      panel: {
        embeddableConfig: {
          attributes: {
            links: [
              { type: 'externalLink', label: 'out', destination: 'https://example.com' },
              { type: 'externalLink', label: 'bad', destination: 'javascript:alert(1)' },
              { type: 'dashboardLink', label: 'in', destination: 'd2' },
            ],
          },
        },
      },
    }
    const image = {
      type: 'image',
      panel: { embeddableConfig: { imageConfig: { src: { type: 'url', url: 'https://example.com/a.png' }, altText: '<b>' } } },
    }
    const converted = convertKibana({ path: 'x.ndjson', text: ndjson(dashboard([links, image])) }, kibanaContext())
    expect(panelsOf(converted)).toMatchObject([
      { options: { content: '- [out](https://example.com)\n- bad\n- [in](/d/d2)' } },
      { options: { content: '![&lt;b&gt;](https://example.com/a.png)' } },
    ])
  })
})

describe('dashboards', () => {
  const visual = visualization('v', { type: 'metric', params: {}, aggs: [count] })

  it('keeps time, refresh, uid and the filter, which holds for all panels', () => {
    const source = { query: { query: 'service.name : "shop"', language: 'kuery' }, filter: [] }
    const converted = convertedObjects(
      [visual],
      {},
      {
        timeRestore: true,
        timeFrom: 'now-7d',
        timeTo: 'now',
        refreshInterval: { pause: false, value: 90_000 },
        kibanaSavedObjectMeta: { searchSourceJSON: JSON.stringify(source) },
      },
    )
    expect(JSON.parse(converted.files[0]?.text ?? '')).toMatchObject({
      uid: 'board',
      schemaVersion: 39,
      time: { from: 'now-7d', to: 'now' },
      refresh: '90s',
      description: 'Filter of the dashboard: service.name : "shop"',
    })
    expect(expr(converted)).toEqual(['sum(count_over_time({service_name="shop"} [$__range])) or vector(0)'])
  })

  it('takes the last fifteen minutes where no time is kept, and no refresh where it is paused', () => {
    const converted = convertedObjects(
      [visual],
      {},
      { timeRestore: false, timeFrom: 'now-7d', refreshInterval: { pause: true, value: 1000 } },
    )
    expect(JSON.parse(converted.files[0]?.text ?? '')).toMatchObject({ time: { from: 'now-15m', to: 'now' }, refresh: '' })
  })

  it('asks the data sources that the mapping names', () => {
    const converted = convertedObjects([visual], { datasources: { 'logs-*': { uid: 'L1', type: 'loki' } } })
    expect(at(converted).datasource).toEqual({ type: 'loki', uid: 'L1' })
    expect((JSON.parse(converted.files[0]?.text ?? '') as { templating: { list: Plain[] } }).templating.list).toEqual([])
  })

  it('makes variables of controls, which hold for all panels', () => {
    const group = {
      panelsJSON: JSON.stringify({
        a: { order: 0, type: 'optionsListControl', explicitInput: { fieldName: 'service.name', title: 'Service', selectedOptions: [] } },
        b: {
          order: 1,
          type: 'optionsListControl',
          explicitInput: { fieldName: 'url.path', title: 'Path', selectedOptions: ['/x'], singleSelect: true },
        },
        c: {
          order: 2,
          type: 'rangeSliderControl',
          explicitInput: { fieldName: 'http.response.status_code', title: 'Status', value: ['400', ''] },
        },
        d: { order: 3, type: 'timeSlider', explicitInput: {} },
      }),
    }
    const converted = convertedObjects([visual], {}, { controlGroupInput: group })
    expect(converted.items.map(({ kind, status }) => [kind, status])).toEqual([
      ['variable', 'exact'],
      ['variable', 'approximate'],
      ['variable', 'approximate'],
      ['target', 'exact'],
    ])
    const { list } = (JSON.parse(converted.files[0]?.text ?? '') as { templating: { list: Plain[] } }).templating
    expect(list.map(({ name, type }) => `${String(name)} ${String(type)}`)).toEqual([
      'DS_LOKI datasource',
      'service_name query',
      'url_path custom',
      'http_response_status_code_min textbox',
    ])
    expect(converted.items[3]?.after).toContain('service_name=~`${service_name:regex}`')
    expect(converted.items[3]?.after).toContain('http_response_status_code >= ${http_response_status_code_min}')
  })

  it('takes what a control selected out of the filters and into its variable', () => {
    const control = visualization('c', {
      type: 'input_control_vis',
      params: { controls: [{ id: '77', fieldName: 'host.name', label: 'Host', type: 'list', options: { multiselect: false } }] },
      aggs: [],
    })
    const filter = {
      meta: { controlledBy: '77', key: 'host.name', params: { query: 'web-1' }, disabled: false, negate: false },
      query: { match: { 'host.name': { query: 'web-1', type: 'phrase' } } },
    }
    const converted = convertedObjects(
      [control, visual],
      {},
      { kibanaSavedObjectMeta: { searchSourceJSON: JSON.stringify({ filter: [filter] }) } },
    )
    expect(converted.items[1]?.after).toBe(
      'sum(count_over_time({service_name=~".+"} | host_name=~`${host_name:regex}` [$__range])) or vector(0)',
    )
    expect((JSON.parse(converted.files[0]?.text ?? '') as { templating: { list: Plain[] } }).templating.list[1]).toMatchObject({
      name: 'host_name',
      current: { text: 'web-1', value: 'web-1' },
    })
  })

  it('carries a time of a panel where Grafana can say it', () => {
    const panels = [
      { type: 'visualization', id: 'v', panel: { embeddableConfig: { timeRange: { from: 'now-7d', to: 'now' } } } },
      { type: 'visualization', id: 'v', panel: { embeddableConfig: { timeRange: { from: 'now-2d', to: 'now-1d' } } } },
      { type: 'visualization', id: 'v', panel: { embeddableConfig: { timeRange: { from: 'now/d', to: 'now/d' } } } },
    ]
    const converted = convertKibana({ path: 'x.ndjson', text: ndjson(dataView(), visual, dashboard(panels)) }, kibanaContext())
    expect(panelsOf(converted).map(({ timeFrom, timeShift }) => [timeFrom, timeShift])).toEqual([
      ['7d', undefined],
      ['86400s', '1d'],
      [undefined, undefined],
    ])
    expect(converted.parts).toMatchObject([{ status: 'manual', notes: [{ code: 'OBD-K-005' }] }])
  })

  it('follows drilldowns', () => {
    const event = (config: Plain, factoryId: string): Plain => ({ eventId: 'e1', action: { name: 'go', factoryId, config } })
    const enhancements = {
      dynamicActions: {
        events: [
          event({ dashboardId: 'other', useCurrentDateRange: true, useCurrentFilters: true }, 'DASHBOARD_TO_DASHBOARD_DRILLDOWN'),
          event({ url: { template: 'https://x.test/?q={{event.value}}' } }, 'URL_DRILLDOWN'),
          event({ url: { template: 'https://x.test/?q={{rison context.panel.filters}}' } }, 'URL_DRILLDOWN'),
          event({ url: { template: 'javascript:alert(1)' } }, 'URL_DRILLDOWN'),
        ],
      },
    }
    const panels = [{ type: 'visualization', id: 'v', panel: { embeddableConfig: { enhancements } } }]
    const converted = convertKibana({ path: 'x.ndjson', text: ndjson(dataView(), visual, dashboard(panels)) }, kibanaContext())
    expect(defaultsOf(converted).links).toMatchObject([
      { url: '/d/other?${__url_time_range}&${__all_variables}' },
      { url: 'https://x.test/?q=${__value.raw}' },
      { url: 'https://x.test/?q={{rison context.panel.filters}}' },
    ])
    expect(converted.parts.map(({ status }) => status)).toEqual(['exact', 'exact', 'manual', 'manual'])
  })

  it('makes rows of sections', () => {
    const markdown = (y: number, more: Plain = {}): Plain => ({
      type: 'markdown',
      gridData: { x: 0, y, w: 48, h: 4, i: `${y}` },
      embeddableConfig: { content: `at ${y}` },
      ...more,
    })
    const attributes = {
      panelsJSON: JSON.stringify([
        markdown(0),
        {
          title: 'Inside',
          collapsed: true,
          grid: { y: 4, i: 's1' },
          panels: [{ type: 'markdown', grid: { x: 0, y: 0, w: 24, h: 5 }, config: { content: 'in' } }],
        },
        markdown(20),
      ]),
    }
    const text = ndjson(object('dashboard', 'board', { title: 'Board', ...attributes }))
    const panels = panelsOf(convertKibana({ path: 'x.ndjson', text }, kibanaContext()))
    expect(panels.map(({ type, title }) => [type, title])).toEqual([
      ['text', ''],
      ['row', 'Inside'],
      ['row', ''],
      ['text', ''],
    ])
    expect(panels[1]).toMatchObject({ collapsed: true, panels: [{ type: 'text', options: { content: 'in' } }] })
    expect(layoutFaults(panels)).toEqual([])
  })
})
