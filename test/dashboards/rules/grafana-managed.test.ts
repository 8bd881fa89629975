import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { ConvertOptions } from '../../../dashboards/options.ts'
import { grafanaRulesConverter } from '../../../dashboards/rules/grafana-managed.ts'
import { alertContext, faultsOf, samples } from '../../support/dashboards/alerts.ts'
import { namingOf } from '../../support/dashboards/grafana.ts'

const metrics = namingOf({
  metrics: { old_total: 'new_total', latency_ms: { name: 'latency_seconds', factor: 0.001 } },
  labels: { svc: 'service_name' },
})
const known = [
  { uid: 'prom', name: 'Prom', type: 'prometheus', isDefault: true },
  { uid: 'es', name: 'ES', type: 'elasticsearch', isDefault: false },
]

const convert = (text: string, options: Partial<ConvertOptions> = {}, renamed = true) => {
  const context = alertContext(options)
  return grafanaRulesConverter.convert({ path: 'rules.yaml', text }, { ...context, known, ...(renamed ? { metrics } : {}) })
}

const rule = (query: string, more = '') => `apiVersion: 1
groups:
  - orgId: 1 # one
    name: g
    folder: F
    interval: 1m
    rules:
      - uid: u1
        title: T
        condition: C
        data:
          - refId: A
            relativeTimeRange: { from: 600, to: 0 }
${query}
          - refId: C
            datasourceUid: __expr__
            model: { refId: C, type: threshold, expression: old_total }
        noDataState: NoData
${more}`

const promql = (expr: string) =>
  rule(`            datasourceUid: prom
            model:
              expr: ${expr}
              refId: A`)

const es = (more: string, interval = '1m') => `            datasourceUid: es
            model:
              refId: A
              query: 'status:500'
              timeField: '@timestamp'
              metrics: [{ id: '1', type: count }]
              bucketAggs: [${more}{ id: '2', type: date_histogram, field: '@timestamp', settings: { interval: ${interval} } }]`

const hosts = "{ id: '3', type: terms, field: host.name, settings: { size: '0' } }, "

describe('grafanaRulesConverter', () => {
  it.each(samples('grafana-alerts').filter(({ text }) => !text.includes('bucketAggs')))(
    'leaves $path byte for byte as it is',
    ({ path, text }) => {
      const made = grafanaRulesConverter.convert({ path, text }, alertContext())
      expect(made.files).toEqual([{ path, text }])
      expect(new Set(made.items.map(({ status }) => status))).toEqual(new Set(['unchanged']))
      expect(made.items).toHaveLength(text.match(/^ +(- )?title:/gm)?.length ?? 0)
    },
  )

  it('rewrites expressions where they stand, and nothing else', () => {
    const text = promql('\'rate(old_total{svc="a"}[5m]) > 1\' # why')
    const made = convert(text)
    expect(made.files[0]?.text).toBe(text.replace('rate(old_total{svc="a"}', 'rate(new_total{service_name="a"}'))
    expect(made.items[0]).toMatchObject({
      id: 'rule/u1',
      title: 'T',
      status: 'exact',
      language: 'promql',
      before: 'rate(old_total{svc="a"}[5m]) > 1',
    })
  })

  it('keeps the scale at the root, so that conditions stay right', () => {
    const [item] = convert(promql('avg(latency_ms)')).items
    expect(item?.after).toMatch(/avg\(latency_seconds\) (\/ 0\.001|\* 1000)/)
  })

  it('follows labels into annotations', () => {
    const text = `${promql('sum by (svc) (old_total)')}        annotations: { summary: '{{ $labels.svc }} and svc' }\n`
    expect(convert(text).files[0]?.text).toContain("summary: '{{ $labels.service_name }} and svc'")
  })

  it.each([
    [
      'provisioning as JSON',
      {
        apiVersion: 1,
        groups: [
          {
            rules: [{ uid: 'u', title: 't', condition: 'A', data: [{ refId: 'A', datasourceUid: 'prom', model: { expr: 'old_total' } }] }],
          },
        ],
      },
    ],
    [
      'the API',
      [
        {
          uid: 'u',
          title: 't',
          condition: 'A',
          ruleGroup: 'g',
          data: [{ refId: 'A', datasourceUid: 'prom', model: { expr: 'old_total' } }],
        },
      ],
    ],
    [
      'the ruler',
      {
        F: [
          {
            name: 'g',
            rules: [
              {
                for: '1m',
                labels: {},
                annotations: {},
                grafana_alert: {
                  title: 't',
                  uid: 'u',
                  condition: 'A',
                  data: [{ refId: 'A', datasourceUid: 'prom', model: { expr: 'old_total' } }],
                },
              },
            ],
          },
        ],
      },
    ],
    [
      'the operator',
      {
        kind: 'GrafanaAlertRuleGroup',
        spec: {
          rules: [{ uid: 'u', title: 't', condition: 'A', data: [{ refId: 'A', datasourceUid: 'prom', model: { expr: 'old_total' } }] }],
        },
      },
    ],
  ])('reads %s', (_name, value) => {
    const text = JSON.stringify(value, undefined, 3)
    const made = convert(text)
    expect(made.items).toMatchObject([{ id: 'rule/u', status: 'exact' }])
    expect(made.files[0]?.text).toBe(text.replace('old_total', 'new_total'))
  })

  it('moves data sources by the mapping, in both places', () => {
    const text = rule(`            datasourceUid: prom
            model: { expr: up2, datasource: { type: prometheus, uid: prom } }`)
    const made = convert(text, { datasources: { prom: 'mimir' } })
    expect(parse(made.files[0]?.text ?? '').groups[0].rules[0].data[0]).toMatchObject({
      datasourceUid: 'mimir',
      model: { datasource: { type: 'prometheus', uid: 'mimir' } },
    })
    expect(made.parts).toMatchObject([{ kind: 'datasource', before: 'prom', after: 'mimir' }])
  })

  it('makes a query of Loki out of one of Elasticsearch, over the same documents', () => {
    const made = convert(
      rule(
        es(hosts),
        '        annotations: { summary: \'x {{ $labels.host.name }} {{ index $labels "host.name" }} {{ $labels.host }}\' }\n',
      ),
      {
        datasources: { es: 'loki-1' },
      },
    )
    const [data] = parse(made.files[0]?.text ?? '').groups[0].rules[0].data
    expect(data).toMatchObject({
      datasourceUid: 'loki-1',
      // Ten points of a minute each.
      relativeTimeRange: { from: 540, to: 0 },
      model: {
        refId: 'A',
        queryType: 'range',
        step: '1m',
        expr: expect.stringMatching(/^sum by \(host_name\) \(count_over_time\(.*\| status="500".*\[1m\]\)\)$/),
      },
    })
    expect(data.model).not.toHaveProperty('bucketAggs')
    expect(faultsOf('logql', data.model.expr)).toEqual([])
    expect(made.files[0]?.text).toContain('x {{ $labels.host_name }} {{ index $labels "host_name" }} {{ $labels.host }}')
    expect(made.items[0]?.notes.map(({ code }) => code)).toContain('OBD-A-017')
    expect(made.items[0]).toMatchObject({ language: 'lucene', afterLanguage: 'logql' })
  })

  it('counts nothing as 0 where nothing is grouped, and asks once where a bucket is the whole range', () => {
    const made = convert(rule(es('', '10m')))
    const [data] = parse(made.files[0]?.text ?? '').groups[0].rules[0].data
    expect(data.model).toMatchObject({ queryType: 'instant', expr: expect.stringMatching(/\[10m\]\)\) or vector\(0\)$/) })
    expect(data.relativeTimeRange).toEqual({ from: 600, to: 0 })
    expect(made.items[0]?.notes.map(({ code }) => code)).not.toContain('OBD-A-017')
  })

  it('pauses what is approximate, unless that is accepted', () => {
    const text = rule(es("{ id: '3', type: terms, field: host.name, settings: { size: '3' } }, "))
    expect(convert(text).files[0]?.text).toContain('isPaused: true')
    expect(convert(text, { acceptApproximate: true }).files[0]?.text).not.toContain('isPaused')
    const running = `${text}        isPaused: false\n`
    expect(convert(running).files[0]?.text).toContain('isPaused: true')
  })

  it('keeps what cannot be converted, paused', () => {
    const made = convert(
      rule(
        es(hosts)
          .replace('type: count', "type: avg, field: x, settings: { script: 'doc' }")
          .replace('host.name', 'x')
          .replace('terms', 'geohash_grid'),
      ),
    )
    expect(made.items[0]?.status).toBe('unsupported')
    expect(made.files[0]?.text).toContain('isPaused: true')
    expect(made.files[0]?.text).toContain('geohash_grid')
  })

  it('is the same when it is converted again', () => {
    for (const text of [rule(es(hosts)), promql('rate(old_total[5m]) > 1')]) {
      const once = convert(text).files[0]?.text ?? ''
      const twice = convert(once)
      expect(twice.files[0]?.text).toBe(once)
      expect(twice.items.every(({ status }) => status === 'unchanged' || status === 'manual' || status === 'approximate')).toBe(true)
    }
  })

  it('reports on Terraform, and writes nothing', () => {
    const text = `resource "grafana_rule_group" "g" {
  name = "g"
  rule {
    name = "one \\"x\\""
    data {
      model = jsonencode({ expr = "rate(old_total{svc=\\"a\\"}[5m])" })
    }
  }
  rule {
    name = "two"
    data { model = "{\\"expr\\":\\"sum(other_total)\\",\\"refId\\":\\"A\\"}" }
  }
}
`
    const made = convert(text)
    expect(made.files).toEqual([])
    expect(made.items).toMatchObject([
      { id: 'rule/one "x"', where: 'line 3', status: 'manual', after: 'rate(new_total{service_name="a"}[5m])' },
      { id: 'rule/two', status: 'unchanged', after: 'sum(other_total)' },
    ])
  })

  it('leaves queries of others alone, and says what it does not know', () => {
    const sql = rule("            datasourceUid: pg\n            model: { rawSql: 'select 1', datasource: { type: postgres, uid: pg } }")
    expect(convert(sql)).toMatchObject({ files: [{ text: sql }], items: [{ status: 'unchanged' }] })
    const unknown = rule('            datasourceUid: x\n            model: { foo: 1 }')
    expect(convert(unknown)).toMatchObject({ files: [{ text: unknown }], items: [{ status: 'manual' }] })
  })
})
