import { describe, expect, it } from 'vitest'
import { grafanaDashboard, grafanaLibraryPanel, grafanaV2 } from '../../../dashboards/grafana/converter.ts'
import type { ConvertOptions } from '../../../dashboards/options.ts'
import { contextOf, type NamingTable } from '../../support/dashboards/grafana.ts'

const prometheus = { type: 'prometheus', uid: 'p' }

const convert = (dashboard: object, names: NamingTable = {}, options: Partial<ConvertOptions> = {}) => {
  const text = JSON.stringify(dashboard, undefined, 2)
  const converted = grafanaDashboard.convert({ path: 'd.json', text }, contextOf(names, options))
  const after = converted.files[0]?.text ?? ''
  return { ...converted, text, after, json: JSON.parse(after) }
}

/** A dashboard of one panel. */
const panelOf = (panel: object, rest: object = {}) => ({
  schemaVersion: 39,
  panels: [{ id: 1, title: 'One', type: 'timeseries', datasource: prometheus, ...panel }],
  ...rest,
})

const target = (expr: string, rest: object = {}) => ({ refId: 'A', expr, ...rest })
const podRenamed: NamingTable = { labels: { pod: 'k8s_pod_name' } }

describe('queries of panels', () => {
  it('are found in panels, in collapsed rows, and in the rows of old schemas, each once', () => {
    const { items } = convert({
      schemaVersion: 14,
      panels: [{ id: 1, type: 'row', collapsed: true, panels: [{ id: 2, datasource: prometheus, targets: [target('up2')] }] }],
      rows: [{ panels: [{ id: 3, datasource: 'Prometheus', targets: [target('up3'), { refId: 'B', expr: ' ' }, { refId: 'C' }] }] }],
    })
    expect(items.map(({ id, where }) => `${id} ${where}`)).toEqual([
      'panel/2/target/A $.panels[0].panels[0].targets[0].expr',
      'panel/3/target/A $.rows[0].panels[0].targets[0].expr',
    ])
  })

  it('have ids that are unique where panels and queries share theirs', () => {
    const panel = { id: 1, datasource: prometheus, targets: [target('a'), target('b'), { expr: 'c' }] }
    const { items } = convert({ schemaVersion: 39, panels: [panel, panel, { datasource: prometheus, targets: [target('d')] }] })
    expect(items.map((item) => item.id)).toEqual([
      'panel/1/target/A',
      'panel/1/target/A#2',
      'panel/1/target/C',
      'panel/1#2/target/A',
      'panel/1#2/target/A#2',
      'panel/1#2/target/C',
      'panel/panels[2]/target/A',
    ])
  })

  it('stay where their data source is not part of the migration, which is said; those of Grafana itself say nothing', () => {
    const { items, after, text } = convert(
      panelOf({
        datasource: { type: 'datasource', uid: '-- Mixed --' },
        targets: [
          { refId: 'A', rawSql: 'SELECT 1', datasource: { type: 'mysql', uid: 'm' } },
          { refId: 'B', type: 'math', expression: '$A * 2', datasource: { type: '__expr__', uid: '__expr__' } },
          { refId: 'C', expr: '{app="x"} |= "y"', datasource: { type: 'loki', uid: 'l' } },
          { refId: 'D', query: '{ .a = 1 }', queryType: 'traceql', datasource: { type: 'tempo', uid: 't' } },
        ],
      }),
    )
    expect(after).toBe(text)
    expect(items.map(({ status, notes }) => [status, notes.map((note) => note.code)])).toEqual([
      ['unchanged', ['OBD-G-003']],
      ['unchanged', []],
      ['unchanged', []],
      ['unchanged', []],
    ])
  })

  it('without a data source that anybody describes are read as PromQL, and somebody has to look', () => {
    const { items, json } = convert(panelOf({ datasource: null, targets: [target('rate(old_total[5m])'), target('{a="b"} |= "c"')] }), {
      metrics: { old_total: 'new_total' },
    })
    expect(json.panels[0].targets[0].expr).toBe('rate(new_total[5m])')
    expect(items.map(({ status, notes }) => [status, notes.at(-1)?.code])).toEqual([
      ['manual', 'OBD-G-001'],
      ['manual', 'OBD-G-001'],
    ])
  })

  it('that cannot be read stay, and are manual', () => {
    const { items, after, text } = convert(panelOf({ targets: [target('sum(rate(')] }), podRenamed)
    expect(after).toBe(text)
    expect(items[0]).toMatchObject({ status: 'manual', before: 'sum(rate(', after: 'sum(rate(' })
  })
})

describe('renamed labels', () => {
  const expr = 'sum by (pod) (m)'

  it('are followed into legends, overrides, transformations and links of the panel, and nothing else changes', () => {
    const { json, parts, text, after } = convert(
      panelOf({
        targets: [target(expr, { legendFormat: 'of {{ pod }} and {{node}}' })],
        links: [{ title: 'l', url: '/d/x?var-pod=${__field.labels.pod}' }],
        fieldConfig: {
          defaults: { displayName: '${__field.labels.pod}', links: [{ url: '/d/y?p=${__data.fields.pod}&q=${__data.fields["pod"]}' }] },
          overrides: [
            { matcher: { id: 'byName', options: 'pod' }, properties: [] },
            { matcher: { id: 'byRegexp', options: '/^pod$/' }, properties: [] },
            { matcher: { id: 'byName', options: 'podium' }, properties: [] },
          ],
        },
        transformations: [
          { id: 'joinByField', options: { byField: 'pod' } },
          { id: 'groupBy', options: { fields: { pod: { aggregations: [], operation: 'groupby' }, Value: {} } } },
          { id: 'organize', options: { excludeByName: { 'pod 2': true }, indexByName: { pod: 1 }, renameByName: { pod: 'Pod' } } },
          { id: 'sortBy', options: { sort: [{ field: 'Pod' }] } },
        ],
      }),
      podRenamed,
    )
    const [panel] = json.panels
    expect(panel.targets[0]).toEqual({ refId: 'A', expr: 'sum by (k8s_pod_name) (m)', legendFormat: 'of {{ k8s_pod_name }} and {{node}}' })
    expect(panel.links[0].url).toBe('/d/x?var-pod=${__field.labels.k8s_pod_name}')
    expect(panel.fieldConfig.defaults.displayName).toBe('${__field.labels.k8s_pod_name}')
    expect(panel.fieldConfig.defaults.links[0].url).toBe('/d/y?p=${__data.fields.k8s_pod_name}&q=${__data.fields["k8s_pod_name"]}')
    // Behind `organize` the column is called Pod.
    expect(panel.fieldConfig.overrides.map((one: { matcher: { options: string } }) => one.matcher.options)).toEqual([
      'pod',
      '/^pod$/',
      'podium',
    ])
    expect(panel.transformations.map((one: { options: unknown }) => one.options)).toEqual([
      { byField: 'k8s_pod_name' },
      { fields: { k8s_pod_name: { aggregations: [], operation: 'groupby' }, Value: {} } },
      { excludeByName: { 'k8s_pod_name 2': true }, indexByName: { k8s_pod_name: 1 }, renameByName: { k8s_pod_name: 'Pod' } },
      { sort: [{ field: 'Pod' }] },
    ])
    expect(parts.filter((part) => part.kind === 'label')).toHaveLength(6)
    expect(Object.keys(panel)).toEqual(Object.keys(JSON.parse(text).panels[0]))
    // Keys that are renamed keep their place and their value as it is written.
    expect(after.split('\n').filter((line, index) => line !== text.split('\n')[index])).toHaveLength(10)
    expect(after.split('\n')).toHaveLength(text.split('\n').length)
  })

  it('are followed into overrides where no transformation renames the column', () => {
    const overrides = [
      { matcher: { id: 'byName', options: 'pod' }, properties: [{ id: 'links', value: [{ url: '/x?${__field.labels["pod"]}' }] }] },
      { matcher: { id: 'byRegexp', options: '/^(pod|ns)$/' }, properties: [] },
      { matcher: { id: 'byNames', options: { names: ['pod', 'Value'] } }, properties: [] },
    ]
    const { json } = convert(panelOf({ type: 'table', targets: [target(expr)], fieldConfig: { defaults: {}, overrides } }), podRenamed)
    const after = json.panels[0].fieldConfig.overrides
    expect(after.map((one: { matcher: { options: unknown } }) => one.matcher.options)).toEqual([
      'k8s_pod_name',
      '/^(k8s_pod_name|ns)$/',
      { names: ['k8s_pod_name', 'Value'] },
    ])
    expect(after[0].properties[0].value[0].url).toBe('/x?${__field.labels["k8s_pod_name"]}')
  })

  it('are followed into series overrides, colours and styles of old panels', () => {
    const { json } = convert(
      panelOf({
        type: 'graph',
        targets: [target('up2')],
        aliasColors: { up2: 'red' },
        seriesOverrides: [{ alias: '/up2/', yaxis: 2 }, { alias: 'up2' }],
        styles: [{ pattern: 'pod' }],
      }),
      { metrics: { up2: 'up3' }, ...podRenamed },
    )
    const [panel] = json.panels
    expect(panel.aliasColors).toEqual({ up3: 'red' })
    expect(panel.seriesOverrides).toEqual([{ alias: '/up3/', yaxis: 2 }, { alias: 'up3' }])
  })

  it('that only one of two queries renames are not followed, which is said', () => {
    const { parts, json } = convert(
      panelOf({
        targets: [target('a{pod="x"}'), { refId: 'B', expr: '{app="x"}', legendFormat: '{{pod}}', datasource: { type: 'loki', uid: 'l' } }],
        fieldConfig: { defaults: {}, overrides: [{ matcher: { id: 'byName', options: 'pod' }, properties: [] }] },
      }),
      podRenamed,
    )
    expect(json.panels[0].fieldConfig.overrides[0].matcher.options).toBe('pod')
    expect(parts.find((part) => part.kind === 'label')).toMatchObject({ status: 'manual', notes: [{ code: 'OBD-G-006' }] })
  })
})

describe('variables', () => {
  const variable = (query: unknown, rest: object = {}) => ({
    schemaVersion: 39,
    templating: { list: [{ name: 'v', type: 'query', datasource: prometheus, query, ...rest }] },
    panels: [],
  })
  const names: NamingTable = {
    metrics: { m: 'n', m2: 'n2' },
    labels: { pod: 'k8s_pod_name', zone: 'resource:cloud_zone', lost: 'gone:dropped' },
  }

  it.each([
    ['label_values(m{pod="$x"}, pod)', 'label_values(n{k8s_pod_name="$x"}, k8s_pod_name)', 'exact'],
    ['label_values(pod)', 'label_values(k8s_pod_name)', 'exact'],
    ['label_values( m , other )', 'label_values( n , other )', 'exact'],
    ['label_values(k{a=",)"}, pod)', 'label_values(k{a=",)"}, k8s_pod_name)', 'exact'],
    ['label_values(zone)', 'label_values(target_info, cloud_zone)', 'exact'],
    ['label_values(m, zone)', 'label_values(target_info, cloud_zone)', 'approximate'],
    ['label_values(m{a="b"}, zone)', 'label_values(m{a="b"}, zone)', 'manual'],
    ['label_values(m, lost)', 'label_values(n, lost)', 'manual'],
    ['query_result(topk(5, m))', 'query_result(topk(5, n))', 'exact'],
    ['metrics(m)', 'metrics(n)', 'approximate'],
    ['metrics(x.*)', 'metrics(x.*)', 'manual'],
    ['label_values(k, other)', 'label_values(k, other)', 'unchanged'],
  ])('%s → %s: %s', (before, after, status) => {
    const { json, items } = convert(variable(before, { definition: before }), names)
    expect(json.templating.list[0].query).toBe(after)
    expect(json.templating.list[0].definition).toBe(after)
    expect(items.map((item) => item.status)).toEqual([status])
    expect(items[0]).toMatchObject({ id: 'variable/v', where: '$.templating.list[0].query', before, after })
  })

  it('with an object as query change inside it', () => {
    const { json } = convert(variable({ query: 'label_values(m,pod)', qryType: 1, refId: 'V', label: 'pod', metric: 'm' }), names)
    expect(json.templating.list[0].query).toEqual({
      query: 'label_values(n,k8s_pod_name)',
      qryType: 1,
      refId: 'V',
      label: 'k8s_pod_name',
      metric: 'n',
    })
  })

  it('that read the text of series have names in their regular expression renamed', () => {
    const { json, items } = convert(variable('m{pod!=""}', { regex: '/.*m\\{.*pod="([^"]+)".*/' }), names)
    expect(json.templating.list[0].regex).toBe('/.*n\\{.*k8s_pod_name="([^"]+)".*/')
    expect(items[0]?.status).toBe('approximate')
  })

  it('that list metrics have their chosen value renamed', () => {
    const { json } = convert(
      variable('metrics(m)', { current: { text: 'm2', value: 'm2' }, options: [{ text: 'All', value: '$__all' }] }),
      names,
    )
    expect(json.templating.list[0].current).toEqual({ text: 'n2', value: 'n2' })
    expect(json.templating.list[0].options).toEqual([{ text: 'All', value: '$__all' }])
  })

  it('written by hand that hold names are rewritten where they are one selector, else told', () => {
    const { json, parts } = convert(
      {
        schemaVersion: 39,
        templating: {
          list: [
            { name: 'c', type: 'constant', query: 'm{pod="x"}' },
            { name: 'l', type: 'custom', query: 'pod, other' },
          ],
        },
        panels: [{ id: 1, datasource: prometheus, targets: [target('sum by (pod) (m)')] }],
      },
      names,
    )
    expect(json.templating.list.map((one: { query: string }) => one.query)).toEqual(['n{k8s_pod_name="x"}', 'pod, other'])
    expect(parts.filter((part) => part.id.startsWith('variable/')).map(({ id, status }) => [id, status])).toEqual([
      ['variable/c/query', 'approximate'],
      ['variable/l/query', 'manual'],
    ])
  })

  it('of Elasticsearch that have no list any more are told where panels are repeated by them', () => {
    const elastic = { type: 'elasticsearch', uid: 'e' }
    const list = [{ name: 'user', type: 'query', datasource: elastic, query: '{"find":"terms","field":"user.name"}' }]
    const { parts, json } = convert({
      schemaVersion: 39,
      templating: { list },
      panels: [{ id: 1, type: 'row', repeat: 'user', panels: [] }],
    })
    expect(json.templating.list[0]).toMatchObject({ name: 'user', type: 'textbox' })
    expect(json.templating.list[0].datasource).toBeUndefined()
    expect(parts.map((part) => part.notes[0]?.code)).toContain('OBD-G-021')
  })

  it('have the keys of saved filters renamed', () => {
    const { json } = convert(
      {
        schemaVersion: 39,
        templating: { list: [{ name: 'f', type: 'adhoc', datasource: prometheus, filters: [{ key: 'pod', operator: '=', value: 'a' }] }] },
        panels: [],
      },
      names,
    )
    expect(json.templating.list[0].filters).toEqual([{ key: 'k8s_pod_name', operator: '=', value: 'a' }])
  })

  it('that need each other are told', () => {
    const list = [
      { name: 'a', type: 'query', datasource: prometheus, query: 'label_values(m{x="$b"}, x)' },
      { name: 'b', type: 'query', datasource: prometheus, query: 'label_values(m{y="${a}"}, y)' },
    ]
    const { parts } = convert({ schemaVersion: 39, templating: { list }, panels: [] })
    expect(parts).toMatchObject([{ status: 'manual', before: '$a → $b → $a', notes: [{ code: 'OBD-G-016' }] }])
  })
})

describe('annotations', () => {
  it('are converted where they have a query, with their formats; those of Grafana are none', () => {
    const list = [
      {
        builtIn: 1,
        datasource: { type: 'grafana', uid: '-- Grafana --' },
        name: 'Annotations & Alerts',
        type: 'dashboard',
        target: { type: 'dashboard' },
      },
      { name: 'deploys', datasource: prometheus, expr: 'changes(m{pod="a"}[5m]) > 0', titleFormat: '{{pod}} came', tagKeys: 'pod, zone' },
      { name: 'new', datasource: prometheus, target: { expr: 'm', refId: 'Anno' } },
    ]
    const { json, items } = convert({ schemaVersion: 39, annotations: { list }, panels: [] }, { metrics: { m: 'n' }, ...podRenamed })
    expect(items.map(({ id, where, status }) => [id, where, status])).toEqual([
      ['annotation/deploys', '$.annotations.list[1].expr', 'exact'],
      ['annotation/new', '$.annotations.list[2].target.expr', 'exact'],
    ])
    expect(json.annotations.list[1]).toMatchObject({
      expr: 'changes(n{k8s_pod_name="a"}[5m]) > 0',
      titleFormat: '{{k8s_pod_name}} came',
      tagKeys: 'k8s_pod_name, zone',
    })
    expect(json.annotations.list[2].target).toEqual({ expr: 'n', refId: 'Anno' })
  })
})

describe('library panels', () => {
  const panel = { id: 4, gridPos: { x: 0, y: 0, w: 1, h: 1 }, libraryPanel: { uid: 'lib', name: 'Shared' } }

  it('that are missing are named; those that come along are converted once', () => {
    const missing = convert({ schemaVersion: 39, panels: [panel] })
    expect(missing.parts).toMatchObject([{ kind: 'panel', status: 'manual', title: 'Shared', notes: [{ code: 'OBD-G-005' }] }])
    const model = { type: 'timeseries', datasource: prometheus, targets: [target('m')] }
    const there = convert(
      { __elements: { lib: { name: 'Shared', uid: 'lib', kind: 1, model } }, schemaVersion: 39, panels: [panel] },
      { metrics: { m: 'n' } },
    )
    expect(there.items.map(({ id, after }) => [id, after])).toEqual([['library/lib/target/A', 'n']])
    expect(there.parts.filter((part) => part.status === 'manual')).toEqual([])
  })

  it('are converted as files of their own', () => {
    const model = { type: 'timeseries', datasource: prometheus, targets: [target('m')] }
    const text = JSON.stringify({ result: { uid: 'lib', name: 'Shared', kind: 1, model } })
    const converted = grafanaLibraryPanel.convert({ path: 'l.json', text }, contextOf({ metrics: { m: 'n' } }))
    expect(converted).toMatchObject({ title: 'Shared', uid: 'lib' })
    expect(JSON.parse(converted.files[0]?.text ?? '').result.model.targets[0].expr).toBe('n')
  })
})

describe('dashboards of schema 2', () => {
  const query = (group: string, spec: object) => ({
    kind: 'PanelQuery',
    spec: { refId: 'A', hidden: false, query: { kind: 'DataQuery', group, version: 'v0', datasource: { name: 'p' }, spec } },
  })
  const element = (id: number | undefined, queries: object[], transformations: object[] = []) => ({
    kind: 'Panel',
    spec: {
      ...(id === undefined ? {} : { id }),
      title: 'T',
      links: [],
      data: { kind: 'QueryGroup', spec: { queries, transformations, queryOptions: {} } },
      vizConfig: {
        kind: 'VizConfig',
        group: 'timeseries',
        version: '12',
        spec: { options: {}, fieldConfig: { defaults: {}, overrides: [{ matcher: { id: 'byName', options: 'pod' }, properties: [] }] } },
      },
    },
  })
  const resource = (elements: object, rest: object = {}) => ({
    apiVersion: 'dashboard.grafana.app/v2beta1',
    kind: 'Dashboard',
    metadata: { name: 'uid1' },
    spec: { title: 'V2', elements, layout: { kind: 'GridLayout', spec: { items: [] } }, variables: [], annotations: [], ...rest },
  })
  const run = (value: object, names: NamingTable = {}) => {
    const text = JSON.stringify(value, undefined, 2)
    const converted = grafanaV2.convert({ path: 'v2.json', text }, contextOf(names))
    return { ...converted, text, after: converted.files[0]?.text ?? '', json: JSON.parse(converted.files[0]?.text ?? '') }
  }

  it('have queries, legends, overrides, variables and annotations converted in place', () => {
    const value = resource(
      { 'panel-1': element(1, [query('prometheus', { expr: 'sum by (pod) (m)', legendFormat: '{{pod}}' })]) },
      {
        variables: [
          {
            kind: 'QueryVariable',
            spec: {
              name: 'v',
              definition: 'label_values(m, pod)',
              query: {
                kind: 'DataQuery',
                group: 'prometheus',
                version: 'v0',
                datasource: { name: 'p' },
                spec: { __legacyStringValue: 'label_values(m, pod)' },
              },
            },
          },
        ],
        annotations: [
          {
            kind: 'AnnotationQuery',
            spec: { name: 'a', enable: true, query: { kind: 'DataQuery', group: 'prometheus', version: 'v0', spec: { expr: 'm' } } },
          },
        ],
      },
    )
    const { json, items, uid, title, text, after } = run(value, { metrics: { m: 'n' }, ...podRenamed })
    expect([uid, title]).toEqual(['uid1', 'V2'])
    expect(items.map(({ id, status }) => [id, status])).toEqual([
      ['variable/v', 'exact'],
      ['annotation/a', 'exact'],
      ['panel/1/target/A', 'exact'],
    ])
    expect(json.spec.elements['panel-1'].spec.data.spec.queries[0].spec.query.spec).toEqual({
      expr: 'sum by (k8s_pod_name) (n)',
      legendFormat: '{{k8s_pod_name}}',
    })
    expect(json.spec.elements['panel-1'].spec.vizConfig.spec.fieldConfig.overrides[0].matcher.options).toBe('k8s_pod_name')
    expect(json.spec.variables[0].spec).toMatchObject({
      definition: 'label_values(n, k8s_pod_name)',
      query: { spec: { __legacyStringValue: 'label_values(n, k8s_pod_name)' } },
    })
    expect(json.spec.annotations[0].spec.query.spec.expr).toBe('n')
    expect(run(value).after).toBe(text)
    expect(after.split('\n')).toHaveLength(text.split('\n').length)
  })

  it('get ids for panels that have none', () => {
    const { json, parts } = run(resource({ a: element(undefined, []), b: element(1, []), c: element(undefined, []) }))
    expect(Object.values(json.spec.elements).map((one) => (one as { spec: { id: number } }).spec.id)).toEqual([2, 1, 3])
    expect(parts.map((part) => part.notes[0]?.code)).toEqual(['OBD-G-015', 'OBD-G-015'])
  })

  it('ask Tempo by the plugin of the query, with a variable for the data source', () => {
    const { json, items } = run(resource({ a: element(1, [query('jaeger', { queryType: 'search', service: 'shop' })]) }))
    const asked = json.spec.elements.a.spec.data.spec.queries[0].spec.query
    expect(asked).toMatchObject({ group: 'tempo', datasource: { name: '${DS_TEMPO}' }, spec: { queryType: 'traceql' } })
    expect(json.spec.variables[0]).toMatchObject({ kind: 'DatasourceVariable', spec: { name: 'DS_TEMPO', pluginId: 'tempo' } })
    expect(items[0]?.afterLanguage).toBe('traceql')
  })
})

describe('alerts of panels', () => {
  const alert = {
    name: 'High',
    for: '5m',
    frequency: '1m',
    conditions: [
      {
        evaluator: { type: 'gt', params: [90] },
        operator: { type: 'and' },
        query: { params: ['A', '5m', 'now'] },
        reducer: { type: 'avg' },
      },
    ],
  }

  it('are one rule each, in a file beside the dashboard, with the query as it is now', () => {
    const { items, json, files } = convert(panelOf({ type: 'graph', alert, targets: [target('m')] }, { title: 'D', uid: 'u' }), {
      metrics: { m: 'n' },
    })
    expect(items.map(({ kind, id, where, status }) => [kind, id, where, status])).toEqual([
      ['target', 'panel/1/target/A', '$.panels[0].targets[0].expr', 'exact'],
      ['rule', 'panel/1/alert', '$.panels[0].alert', 'approximate'],
    ])
    expect(json.panels[0].alert).toEqual(alert)
    expect(files.map((file) => file.path)).toEqual(['d.json', 'd.alerts.grafana.yaml'])
    expect(files[1]?.text).toMatch(/expr: n\n/)
    expect(files[1]?.text).toMatch(/datasourceUid: p\n/)
  })

  it('whose data source is a variable are for somebody to finish', () => {
    const list = [{ name: 'ds', type: 'datasource', query: 'prometheus' }]
    const { items } = convert(
      panelOf({ alert, datasource: { type: 'prometheus', uid: '$ds' }, targets: [target('m')] }, { templating: { list } }),
    )
    expect(items[1]).toMatchObject({ status: 'manual' })
    expect(items[1]?.notes.map((note) => note.code)).toContain('OBD-A-020')
  })
})

describe('--to', () => {
  it('of a form that is not made of classic dashboards is told', () => {
    expect(convert(panelOf({}), {}, { to: 'grafana-v2' }).notes.map((note) => note.code)).toEqual(['OBD-G-022'])
    expect(convert(panelOf({})).notes).toEqual([])
  })
})
