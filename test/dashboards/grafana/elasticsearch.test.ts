import { describe, expect, it } from 'vitest'
import { convertElasticsearchTarget } from '../../../dashboards/grafana/elasticsearch.ts'
import type { Plain, Role, TargetRequest } from '../../../dashboards/grafana/target.ts'
import { createFieldNaming } from '../../../dashboards/naming/fields.ts'
import type { Context } from '../../../dashboards/options.ts'
import { targetsSchema } from '../../../dashboards/targets.ts'
import { parses } from '../../support/dashboards/log-context.ts'

function convert(model: Plain, role: Role = 'panel', flavour: 'loki' | 'elasticsearch-otel' = 'loki') {
  const targets = targetsSchema.parse({ logs: { flavour } })
  const fields = createFieldNaming({ rules: { renames: 'default' }, flavour, indices: {} })
  const request: Pick<TargetRequest, 'role' | 'model' | 'datasource' | 'panel' | 'variables'> = {
    role,
    model: { refId: 'A', ...model },
    datasource: { type: 'elasticsearch' },
    panel: undefined,
    variables: [{ name: 'svc', kind: 'query', datasource: 'elasticsearch', values: [], many: true }],
  }
  // Only these parts of what converters are handed are read here.
  const context = { options: { targets }, fields } as unknown as Context
  const made = convertElasticsearchTarget({ ...request, context })
  for (const one of made.models) {
    const expr = one['expr']
    if (typeof expr === 'string' && made.afterLanguage === 'logql' && !parses(expr))
      throw new Error(`Grafana's grammar does not read ${expr}`)
  }
  return made
}

const over = (interval = 'auto') => ({ id: '2', type: 'date_histogram', field: '@timestamp', settings: { interval } })
const terms = (field: string, settings: Plain = {}) => ({
  id: '3',
  type: 'terms',
  field,
  settings: { size: '10', order: 'desc', orderBy: '_count', ...settings },
})
const count = { id: '1', type: 'count' }
const exprs = (made: ReturnType<typeof convert>) => made.models.map((one) => one['expr'])
const S = '{service_name=~".+"}'

describe('convertElasticsearchTarget', () => {
  it('makes a series of a count over time', () => {
    const made = convert({
      query: 'log.level:error AND NOT service.name:batch',
      metrics: [count],
      bucketAggs: [over('1m')],
      alias: '',
      timeField: '@timestamp',
    })
    expect(made).toMatchObject({ status: 'exact', datasource: 'loki', language: 'lucene', afterLanguage: 'logql' })
    expect(made.models).toEqual([
      {
        refId: 'A',
        editorMode: 'code',
        expr: 'sum(count_over_time({service_name!="batch", service_name=~".+"} | severity_text=~"(?i)error" [1m])) or vector(0)',
        queryType: 'range',
        legendFormat: 'Count',
        step: '1m',
      },
    ])
    expect(made.run).toMatchObject({ shape: 'range', old: 'elasticsearch', new: 'loki', step: 60 })
  })

  it('makes a table of terms without time, with the names of its columns', () => {
    const made = convert({ query: '', metrics: [count], bucketAggs: [terms('service.name')] })
    expect(exprs(made)).toEqual([`topk(10, sum by (service_name) (count_over_time(${S} [$__range])))`])
    expect([...made.labels, ...made.series]).toEqual([
      ['service.name', 'service_name'],
      ['Count', 'Value #A'],
    ])
    expect(made.models[0]).toMatchObject({ queryType: 'instant' })
  })

  it('follows the alias', () => {
    const made = convert({
      metrics: [{ id: '1', type: 'avg', field: 'd' }],
      bucketAggs: [terms('service.name'), over()],
      alias: '{{service.name}}: {{metric}} of {{field}} {{term service.name}} $svc',
    })
    expect(made.models[0]?.['legendFormat']).toBe('{{service_name}}: avg of d {{service_name}} $svc')
  })

  it('makes a target of each metric, percentile and statistic', () => {
    const made = convert({
      metrics: [
        { id: '1', type: 'percentiles', field: 'd', settings: { percents: ['50', '99.9'] } },
        { id: '4', type: 'extended_stats', field: 'd', meta: { max: true, std_deviation_bounds_upper: true, avg: false } },
        { id: '5', type: 'cardinality', field: 'u' },
      ],
      bucketAggs: [over()],
    })
    expect(made.models.map((one) => one['legendFormat'])).toEqual(['p50.0 d', 'p99.9 d', 'Max d', 'Std Dev Upper d', 'Unique Count u'])
    expect(made.status).toBe('exact')
  })

  it('makes pipelines of what they read, and does not show what is hidden', () => {
    const made = convert({
      metrics: [
        { id: '1', type: 'sum', field: 'b', hide: true },
        { id: '2', type: 'count', hide: true },
        {
          id: '5',
          type: 'bucket_script',
          pipelineVariables: [
            { name: 'x', pipelineAgg: '1' },
            { name: 'y', pipelineAgg: '2' },
          ],
          settings: { script: 'params.x / params.y * 8' },
        },
        { id: '6', type: 'derivative', pipelineAgg: '1', settings: { unit: '1s' } },
      ],
      bucketAggs: [over('10s')],
    })
    expect(exprs(made)).toEqual([
      `(sum(sum_over_time(${S} | b!="" | unwrap b | __error__="" [10s])) / sum(count_over_time(${S} [10s]))) * 8`,
      `(sum(sum_over_time(${S} | b!="" | unwrap b | __error__="" [10s])) - sum(sum_over_time(${S} [10s] offset 10s | b!="" | unwrap b | __error__=""))) / 10`,
    ])
  })

  it('ends for pipelines that read each other', () => {
    const made = convert({
      metrics: [
        { id: '1', type: 'derivative', pipelineAgg: '2' },
        { id: '2', type: 'derivative', pipelineAgg: '1' },
      ],
      bucketAggs: [over()],
    })
    expect(made.status).toBe('unsupported')
  })

  it('leaves moving averages to Grafana', () => {
    const made = convert({
      metrics: [
        { id: '1', type: 'count', hide: true },
        { id: '2', type: 'moving_avg', pipelineAgg: '1', settings: { window: 3 } },
      ],
      bucketAggs: [over()],
      alias: 'avg',
    })
    expect(made.status).toBe('approximate')
    expect(made.transformations).toMatchObject([{ id: 'calculateField', options: { window: { field: 'avg', windowSize: 3 } } }])
  })

  it('makes filters one target each', () => {
    const filters = [
      { query: 'a:1', label: '' },
      { query: 'b:2', label: 'second' },
    ]
    const made = convert({ metrics: [count], bucketAggs: [{ id: '3', type: 'filters', settings: { filters } }, over()] })
    expect(made.models.map((one) => one['legendFormat'])).toEqual(['a:1', 'second'])
  })

  it('shows documents as logs', () => {
    const made = convert({ query: 'a:1', metrics: [{ id: '1', type: 'logs', settings: { limit: '100' } }], bucketAggs: [] })
    expect(made).toMatchObject({ status: 'exact', panelType: 'logs', models: [{ expr: `${S} | a="1"`, maxLines: 100 }] })
    expect(convert({ metrics: [{ id: '1', type: 'raw_data' }], bucketAggs: [] })).toMatchObject({
      status: 'approximate',
      panelType: 'logs',
    })
  })

  it('takes variables', () => {
    expect(exprs(convert({ query: 'service.name:$svc AND a:[[svc]]', metrics: [{ id: '1', type: 'sum', field: 'd' }] }))).toEqual([
      'sum(sum_over_time({service_name=~`${svc:regex}`} | d!="" | a=~`${svc:regex}` | unwrap d | __error__="" [$__interval]))',
    ])
  })

  it.each<readonly [string, Plain, string]>([
    ['PPL', { query: 'source=x', queryType: 'PPL' }, 'unsupported'],
    ['a query that Lucene refuses', { query: 'a/b', metrics: [count] }, 'manual'],
    ['geometry', { metrics: [count], bucketAggs: [{ id: '3', type: 'geohash_grid', field: 'g' }] }, 'unsupported'],
    ['a script', { metrics: [{ id: '1', type: 'avg', field: 'd', settings: { script: 'Math.log(_value)' } }] }, 'unsupported'],
    ['another metric', { metrics: [{ id: '1', type: 'boxplot', field: 'd' }] }, 'unsupported'],
    [
      'a filter that cannot be read',
      { metrics: [count], bucketAggs: [{ type: 'filters', settings: { filters: [{ query: '(' }] } }, over()] },
      'unsupported',
    ],
    ['nothing at all', {}, 'exact'],
    ['shapes that are none', { query: 5, metrics: 'x', bucketAggs: [null, 7] }, 'approximate'],
  ])('says what becomes of %s', (_, model, status) => {
    expect(convert(model).status).toBe(status)
  })

  it('scales by a script that is arithmetic', () => {
    expect(exprs(convert({ metrics: [{ id: '1', type: 'sum', field: 'd', settings: { script: { inline: '_value * 0.001' } } }] }))).toEqual(
      [`sum(sum_over_time(${S} | d!="" | unwrap d | __error__="" [$__interval])) * 0.001`],
    )
  })
})

describe('variables of Elasticsearch', () => {
  const variable = { type: 'query', name: 'svc', includeAll: true, allValue: '*', definition: 'x', refresh: 1 }

  it('lists values of index labels', () => {
    const made = convert({ ...variable, query: '{"find":"terms","field":"service.name","query":"kubernetes.namespace:shop"}' }, 'variable')
    expect(made).toMatchObject({ status: 'approximate', datasource: 'loki' })
    expect(made.models[0]).toMatchObject({
      type: 'query',
      query: 'label_values({k8s_namespace_name="shop"}, service_name)',
      allValue: '.+',
    })
    expect(convert({ ...variable, query: { find: 'terms', field: 'service.name' } }, 'variable').after).toBe('label_values(service_name)')
  })

  it('keeps the values that it knows of others', () => {
    const options = [{ value: '$__all' }, { value: 'a,b' }, { value: 'c' }]
    const made = convert({ ...variable, query: '{"find":"terms","field":"host.name"}', options }, 'variable')
    expect(made).toMatchObject({ status: 'manual', models: [{ type: 'custom', query: 'a\\,b,c', allValue: '.+' }] })
    expect(convert({ type: 'query', name: 'h', query: '{"find":"terms","field":"host.name"}' }, 'variable').models[0]).toMatchObject({
      type: 'textbox',
    })
  })

  it.each([
    ['lists of fields', '{"find":"fields","type":"keyword"}', 'unsupported'],
    ['other questions', '{"find":"x"}', 'unsupported'],
    ['what is no JSON', '{find', 'manual'],
    ['a query that cannot be read', '{"find":"terms","field":"f","query":"("}', 'manual'],
  ])('says what becomes of %s', (_, query, status) => {
    expect(convert({ ...variable, query }, 'variable')).toMatchObject({ status, models: [] })
  })
})

describe('annotations of Elasticsearch', () => {
  it('become those of Loki', () => {
    const made = convert(
      { name: 'deploys', query: 'event.kind:deploy', timeField: '@timestamp', textField: 'user.name', tagsField: 'tags', iconColor: 'red' },
      'annotation',
    )
    expect(made.status).toBe('exact')
    expect(made.models).toEqual([
      {
        refId: 'A',
        name: 'deploys',
        iconColor: 'red',
        expr: `${S} | event_kind="deploy"`,
        target: { expr: `${S} | event_kind="deploy"`, queryType: 'range', refId: 'Anno' },
        textFormat: '{{user_name}}',
        tagKeys: 'tags',
      },
    ])
    expect(convert({ target: { query: 'a:1' }, timeEndField: 'end' }, 'annotation').status).toBe('approximate')
    expect(convert({ query: 'a:[x TO y]' }, 'annotation')).toMatchObject({ status: 'unsupported', models: [] })
  })
})

describe('renameElasticsearchModel', () => {
  const otel = (model: Plain, role: Role = 'panel') => convert(model, role, 'elasticsearch-otel')
  const model = {
    query: '  log.level:error AND (NOT service.name:batch OR message:"a b")  ',
    metrics: [
      { id: '1', type: 'avg', field: 'event.duration' },
      { id: '4', type: 'derivative', field: '1', pipelineAgg: '1' },
    ],
    bucketAggs: [terms('kubernetes.pod.name.keyword'), over()],
    alias: '{{term service.name}} {{metric}}',
  }

  it('renames in place, and leaves everything else', () => {
    const made = otel(model)
    expect(made.status).toBe('exact')
    expect(made.models[0]).toEqual({
      refId: 'A',
      query: '  severity_text:error AND (NOT resource.attributes.service.name:batch OR body.text:"a b")  ',
      metrics: [
        { id: '1', type: 'avg', field: 'attributes.event.duration' },
        { id: '4', type: 'derivative', field: '1', pipelineAgg: '1' },
      ],
      bucketAggs: [{ ...terms('resource.attributes.k8s.pod.name') }, over()],
      alias: '{{term resource.attributes.service.name}} {{metric}}',
    })
    expect(made.edits).toHaveLength(3)
    expect(made.datasource).toBeUndefined()
  })

  it('changes nothing the second time', () => {
    const once = otel(model)
    const twice = otel(once.models[0] ?? {})
    expect(twice.status).toBe('unchanged')
    expect(twice.models).toEqual(once.models)
  })

  it('renames in variables and annotations', () => {
    expect(otel({ query: '{"find":"terms","field":"service.name","query":"log.level:error"}' }, 'variable').after).toBe(
      '{"find":"terms","field":"resource.attributes.service.name","query":"severity_text:error"}',
    )
    expect(otel({ query: 'host.name:x', textField: 'message' }, 'annotation').models[0]).toMatchObject({
      query: 'resource.attributes.host.name:x',
      textField: 'body.text',
    })
  })

  it('leaves what is no Lucene to somebody', () => {
    expect(otel({ query: 'source=x', queryType: 'PPL' })).toMatchObject({ status: 'manual', after: 'source=x' })
    expect(otel({ query: '(' })).toMatchObject({ status: 'manual', after: '(' })
  })
})
