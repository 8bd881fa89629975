import { describe, expect, it } from 'vitest'
import { convertKibana } from '../../../dashboards/kibana/converter.ts'
import { formulaFields } from '../../../dashboards/kibana/formula-fields.ts'
import { dashboard, dataView, kibanaContext, ndjson, object, type Plain, visualization } from '../../support/dashboards/kibana.ts'

const renamed = (...objects: readonly Plain[]): { readonly objects: readonly Plain[]; readonly statuses: readonly string[] } => {
  const { files, items } = convertKibana({ path: 'x.ndjson', text: ndjson(...objects) }, kibanaContext({ to: 'kibana' }))
  return {
    objects: (files[0]?.text ?? '').split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Plain])),
    statuses: items.map(({ status }) => status),
  }
}
const attributesOf = (each: Plain | undefined): Plain => (each?.attributes ?? {}) as Plain

describe('convertNames', () => {
  it('renames in queries, filters and aggregations, in strings of JSON as well', () => {
    const source = {
      query: { query: 'host.name : a and not (url.path : /x*)', language: 'kuery' },
      filter: [
        { meta: { key: 'host.name', type: 'phrase' }, query: { match_phrase: { 'host.name': 'a' } } },
        { meta: {}, range: { 'event.duration': { gte: 1 } } },
      ],
    }
    const visual = visualization(
      'v',
      { type: 'line', params: {}, aggs: [{ id: '1', type: 'avg', schema: 'metric', params: { field: 'event.duration' } }] },
      source,
    )
    const { objects, statuses } = renamed(dataView(), visual, dashboard([{ type: 'visualization', id: 'v' }]))
    const attributes = attributesOf(objects[1])
    expect(JSON.parse(String(attributes.visState))).toMatchObject({ aggs: [{ id: '1', params: { field: 'attributes.event.duration' } }] })
    expect(JSON.parse(String((attributes.kibanaSavedObjectMeta as Plain).searchSourceJSON))).toMatchObject({
      query: { query: 'resource.attributes.host.name : a and not (attributes.url.path : /x*)' },
      filter: [
        { meta: { key: 'resource.attributes.host.name' }, query: { match_phrase: { 'resource.attributes.host.name': 'a' } } },
        { range: { 'attributes.event.duration': { gte: 1 } } },
      ],
    })
    expect(statuses).toEqual(['exact'])
  })

  it('leaves ids of metrics in TSVB alone, where fields stand as well', () => {
    const series = {
      id: 's',
      split_mode: 'terms',
      terms_field: 'host.name',
      terms_order_by: 'm',
      metrics: [
        { id: 'm', type: 'max', field: 'f' },
        { id: 'd', type: 'derivative', field: 'm' },
        { id: 'c', type: 'math', script: 'params.a', variables: [{ name: 'a', field: 'd' }] },
      ],
    }
    const { objects } = renamed(
      visualization('v', { type: 'metrics', params: { type: 'timeseries', index_pattern: 'metricbeat-*', series: [series] } }),
    )
    const { params } = JSON.parse(String(attributesOf(objects[0]).visState)) as { params: Plain }
    expect(params).toMatchObject({
      index_pattern: 'logs-*.otel-*',
      series: [
        {
          terms_field: 'resource.attributes.host.name',
          metrics: [{ field: 'attributes.f' }, { field: 'm' }, { variables: [{ field: 'd' }] }],
        },
      ],
    })
  })

  it('renames in formulas and columns of Lens', () => {
    const columns = { m: { operationType: 'formula', isBucketed: false, params: { formula: 'sum(f.a) / count(kql=\'host.name : "x"\')' } } }
    const lens = object('lens', 'l', {
      title: 'l',
      visualizationType: 'lnsMetric',
      state: {
        datasourceStates: { formBased: { layers: { a: { columns, columnOrder: ['m'] } } } },
        visualization: { layerId: 'a', metricAccessor: 'm' },
      },
    })
    expect(JSON.stringify(attributesOf(renamed(lens).objects[0]))).toContain(
      'sum(attributes.f.a) / count(kql=\'resource.attributes.host.name : \\"x\\"\')',
    )
  })

  it('leaves lines without a field byte for byte', () => {
    const text = '{ "type" : "config" , "id":"1","attributes": {"a" : 1.0}}\n{"exportedCount":1}\n'
    const whole = `${text}${JSON.stringify(visualization('v', { type: 'markdown', params: { markdown: 'x' } }))}\n`
    expect(convertKibana({ path: 'x.ndjson', text: whole }, kibanaContext({ to: 'kibana' })).files[0]?.text).toBe(whole)
  })

  it('leaves what it cannot read, and says so', () => {
    const visual = visualization(
      'v',
      { type: 'metric', params: {}, aggs: [{ id: '1', type: 'count', schema: 'metric', params: {} }] },
      { query: { query: 'a : (', language: 'kuery' } },
    )
    const { files, items, notes } = convertKibana({ path: 'x.ndjson', text: ndjson(visual) }, kibanaContext({ to: 'kibana' }))
    expect(files[0]?.text).toBe(ndjson(visual))
    expect(items.map(({ status }) => status)).toEqual(['manual'])
    expect(notes.map(({ code }) => code)).toContain('OBD-K-023')
  })
})

describe('formulaFields', () => {
  it('finds fields, and filters in their quotes', () => {
    expect(formulaFields("100 * average('a b', kql='x : \\'y\\'') + max(c.d, shift='1w')")?.map(({ kind, text }) => [kind, text])).toEqual([
      ['field', 'a b'],
      ['kql', "x : 'y'"],
      ['field', 'c.d'],
    ])
  })
})
