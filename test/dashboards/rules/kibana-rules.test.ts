import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { kibanaRulesConverter } from '../../../dashboards/rules/kibana-rules.ts'
import { isKibanaRule } from '../../../dashboards/rules/kibana-rules-read.ts'
import { alertContext, alertIndices, faultsOf } from '../../support/dashboards/alerts.ts'
import { type KibanaCase, kibanaCases, kibanaSource } from '../../support/dashboards/kibana-rule-cases.ts'

const context = (options = {}) => alertContext({ indices: alertIndices, ...options })
const caseOf = (name: string) => kibanaCases.find((one) => one.name === name) as KibanaCase
const query = caseOf('es query in KQL')
const converted = (one: KibanaCase, options = {}) => kibanaRulesConverter.convert(kibanaSource(one), context(options))
const rulesOf = (one: KibanaCase, options = {}) =>
  (parse(converted(one, options).files[0]?.text ?? '') as { groups: { name: string; interval: string; rules: Record<string, never>[] }[] })
    .groups

describe('kibanaRulesConverter', () => {
  it.each(kibanaCases)('converts $name', (one) => {
    const [item] = converted(one).items
    expect(item).toMatchObject({ status: one.status, after: one.exprs.length === 0 ? undefined : one.exprs.join('\n') })
    for (const expr of one.exprs) expect(faultsOf(item?.afterLanguage, expr)).toEqual([])
  })

  it('takes answers of the API', () => {
    const rule = {
      id: 'a',
      name: 'n',
      rule_type_id: query.type,
      params: query.params,
      schedule: { interval: '5m' },
      enabled: true,
      mute_all: false,
      alert_delay: { active: 3 },
      tags: ['t'],
      actions: [],
    }
    for (const value of [rule, [rule], { data: [rule], total: 1 }]) {
      const made = kibanaRulesConverter.convert({ path: 'x.json', text: JSON.stringify(value, undefined, 2) }, context())
      expect(made.items).toHaveLength(1)
      expect(parse(made.files[0]?.text ?? '')).toMatchObject({
        groups: [{ interval: '5m', rules: [{ alert: 'n', for: '15m', labels: { tags: 't' } }] }],
      })
    }
  })

  it('gives further rules their own names and labels', () => {
    expect(rulesOf(caseOf('custom threshold'))[0]?.rules.map(({ alert }) => alert)).toEqual([
      'custom threshold',
      'custom threshold (group disappeared)',
      'custom threshold (no data)',
    ])
    expect(rulesOf(caseOf('custom threshold with two conditions and a warning'))[0]?.rules.map(({ labels }) => labels)).toEqual([
      { severity: 'critical' },
      { severity: 'warning' },
    ])
  })

  it('finds the data view in the file, and says when it is not there', () => {
    const searchConfiguration = { query: { query: '', language: 'kuery' }, indexRefName: 'ref' }
    const one = { ...query, params: { ...query.params, searchConfiguration } }
    const view = { id: 'dv', type: 'index-pattern', attributes: { title: 'logs-*' } }
    const text = kibanaSource({ ...one, objects: [view] }).text.replace(
      '"references":[]',
      '"references":[{"name":"ref","id":"dv","type":"index-pattern"}]',
    )
    expect(kibanaRulesConverter.convert({ path: 'r.ndjson', text }, context()).items[0]).toMatchObject({
      status: 'exact',
      after: 'sum(count_over_time({app="shop"} [5m])) > 100',
    })
    const [lost] = converted({
      ...query,
      params: { ...query.params, searchConfiguration: { ...searchConfiguration, index: 'gone' } },
    }).items
    expect(lost).toMatchObject({ status: 'manual' })
    expect(lost?.notes.map(({ code }) => code)).toContain('OBD-A-023')
  })

  it('takes filters beside the query', () => {
    const filter = [
      { meta: { negate: true, disabled: false }, query: { match_phrase: { user: 'batch' } } },
      { meta: { disabled: true }, query: { match_phrase: { user: 'x' } } },
    ]
    const searchConfiguration = { query: { query: 'status: 500', language: 'kuery' }, index: 'logs-*', filter }
    expect(converted({ ...query, params: { ...query.params, searchConfiguration } }).items[0]?.after).toBe(
      'sum(count_over_time({app="shop"} | status="500" | user!="batch" [5m])) > 100',
    )
  })

  it('names metrics of spans by who makes them', () => {
    const one = caseOf('duration of transactions')
    const { targets } = context().options
    const [item] = converted(one, { targets: { ...targets, spanmetrics: 'tempo' } }).items
    expect(item?.after).toBe(
      'histogram_quantile(0.95, sum by (le, service) (rate(traces_spanmetrics_latency_bucket{service="cart", span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"}[5m]))) > 1.5',
    )
    expect(faultsOf('promql', item?.after ?? '')).toEqual([])
  })

  it('pauses what is disabled or muted, without calling it worse', () => {
    for (const rule of [{ enabled: false }, { muteAll: true }]) {
      const made = converted({ ...query, rule })
      expect(made.items[0]?.status).toBe('exact')
      expect(made.files.map(({ path }) => path)).toEqual(['rules.loki.paused.yaml'])
    }
    expect(converted({ ...query, rule: { snoozeSchedule: [{}] } }).files.map(({ path }) => path)).toEqual(['rules.loki.yaml'])
  })

  it('makes annotations of messages, and names receivers', () => {
    const actions = [
      {
        group: 'g',
        actionRef: 'a0',
        actionTypeId: '.slack',
        params: { message: '{{rule.name}} is {{context.value}} at {{context.date}}', url: 'https://hooks.test/x' },
      },
    ]
    const made = converted({ ...query, rule: { actions, throttle: '1h' } })
    expect(parse(made.files[0]?.text ?? '').groups[0].rules[0]).toMatchObject({
      labels: { kibana_actions: '.slack' },
      annotations: { summary: query.name, description: `${query.name} is {{ $value }} at [context.date]` },
    })
    expect(made.parts[0]).toMatchObject({
      kind: 'receiver',
      before: '.slack (not copied: url)',
      after: expect.stringContaining('repeat_interval: 1h'),
    })
  })

  it('never shows a secret', () => {
    const secret = 'hunter2'
    const rule = {
      apiKey: secret,
      actions: [
        { actionTypeId: '.webhook', params: { body: `password=${secret}`, headers: { authorization: secret } } },
        { actionTypeId: '.email', params: { to: [secret], message: `https://u:${secret}@x.test` } },
      ],
    }
    const params = { ...query.params, apiToken: secret }
    expect(
      JSON.stringify(converted({ ...query, params, rule, objects: [{ type: 'action', id: 'c', attributes: { secrets: secret } }] })),
    ).not.toContain(secret)
  })

  it('converts inventory and metric thresholds', () => {
    const criteria = [{ metric: 'system.cpu.total.pct', aggType: 'avg', comparator: '>', threshold: [0.9], timeSize: 5, timeUnit: 'm' }]
    const metric: KibanaCase = {
      name: 'm',
      type: 'metrics.alert.threshold',
      params: { criteria, groupBy: 'host.name', filterQueryText: 'host.name: web*' },
      status: 'exact',
      exprs: [],
    }
    const [item] = converted(metric, { indices: { ...alertIndices, 'metrics-*,metricbeat-*': alertIndices['logs-*'] } }).items
    expect(item?.after).toContain('unwrap system_cpu_total_pct')
    expect(item?.after).toMatch(/by \(host_name\) > 0\.9$/)
    const host: KibanaCase = {
      name: 'h',
      type: 'metrics.alert.inventory.threshold',
      params: { nodeType: 'host', criteria: [{ metric: 'cpu', comparator: '>', threshold: [90], timeSize: 5, timeUnit: 'm' }] },
      status: 'approximate',
      exprs: [],
    }
    const [second] = converted(host).items
    expect(second?.status).toBe('approximate')
    expect(second?.after).toMatch(/unwrap system_cpu_total_norm_pct .* > 0\.9$/)
    expect(converted({ ...host, params: { ...host.params, nodeType: 'awsEC2' } }).items[0]?.status).toBe('unsupported')
  })

  it.each([
    ['nothing', ''],
    ['broken lines', '{"type":"alert"\n{"id":"x","type":"alert","attributes":{"alertTypeId":".es-query"}}\n'],
    ['deep', '['.repeat(100_000)],
    [
      'strange values',
      '{"id":1,"type":"alert","attributes":{"alertTypeId":"observability.rules.custom_threshold","params":{"criteria":[{"metrics":[null]},7]},"schedule":7,"actions":{},"tags":{}}}',
    ],
    ['prototypes', '{"id":"x","type":"alert","attributes":{"alertTypeId":"__proto__","params":{"__proto__":{}},"__proto__":{"name":1}}}'],
  ])('survives hostile files: %s', (_name, text) => {
    const made = kibanaRulesConverter.convert({ path: 'r.ndjson', text }, context())
    expect(made.notes.length).toBeGreaterThan(0)
  })
})

describe('isKibanaRule', () => {
  it('knows saved rules and those of the API', () => {
    expect(isKibanaRule({ type: 'alert', attributes: { alertTypeId: 'x' } })).toBe(true)
    expect(isKibanaRule({ rule_type_id: 'x' })).toBe(true)
    expect(isKibanaRule({ type: 'dashboard', attributes: {} })).toBe(false)
  })
})
