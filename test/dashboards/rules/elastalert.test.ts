import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { elastalertConverter, isElastalert } from '../../../dashboards/rules/elastalert.ts'
import { alertContext, alertIndices, faultsOf } from '../../support/dashboards/alerts.ts'
import { elastalertCases, elastalertSource } from '../../support/dashboards/elastalert-cases.ts'

const files = { 'bad.txt': 'eve\nmallory\n' }
const context = alertContext({ indices: alertIndices }, files)

const converted = (rule: Readonly<Record<string, unknown>>, beside: Readonly<Record<string, string>> = {}, options = {}) =>
  elastalertConverter.convert(
    { path: 'rules/case.yaml', text: JSON.stringify({ name: 'case', index: 'logs-*', ...rule }) },
    alertContext({ indices: alertIndices, ...options }, { ...files, ...beside }),
  )

const itemOf = (...given: Parameters<typeof converted>) => converted(...given).items[0]
const codesOf = (...given: Parameters<typeof converted>) => itemOf(...given)?.notes.map(({ code }) => code)
const ruleOf = (...given: Parameters<typeof converted>) => {
  const [file] = converted(...given).files
  return (parse(file?.text ?? '') as { groups: { interval: string; rules: Record<string, never>[] }[] }).groups[0]
}

const frequency = { type: 'frequency', num_events: 3, timeframe: { minutes: 10 } }

describe('elastalertConverter', () => {
  it.each(elastalertCases)('converts $name', (one) => {
    const [item] = elastalertConverter.convert(elastalertSource(one), context).items
    expect(item).toMatchObject({ status: one.status, after: one.expr })
    expect(faultsOf(item?.afterLanguage, one.expr ?? 'vector(1)')).toEqual([])
  })

  it('writes an exact rule as one that is evaluated, and an approximate one as comments', () => {
    expect(converted(frequency).files.map(({ path }) => path)).toEqual(['rules/case.loki.yaml'])
    const [paused] = converted({ type: 'new_term', fields: 'user' }).files
    expect(paused?.path).toBe('rules/case.loki.paused.yaml')
    expect(parse(paused?.text ?? '')).toEqual({ groups: [] })
    const used = (paused?.text ?? '').replace(/^groups: \[\]$/m, '').replace(/^# (?=groups| {2})/gm, '')
    expect(parse(used)).toMatchObject({ groups: [{ name: 'case', rules: [{ alert: 'case' }] }] })
  })

  it('pauses nothing that is approximate when that is accepted, but what is manual', () => {
    const accept = { acceptApproximate: true }
    expect(converted({ type: 'new_term', fields: 'user' }, {}, accept).files[0]?.path).toBe('rules/case.loki.yaml')
    expect(converted({ type: 'blacklist', compare_key: 'u', blacklist: ['a', '!file x'] }, {}, accept).files[0]?.path).toBe(
      'rules/case.loki.paused.yaml',
    )
  })

  it('pauses what was switched off, without calling it worse', () => {
    const made = converted({ ...frequency, is_enabled: false })
    expect(made.items[0]).toMatchObject({ status: 'exact' })
    expect(made.files[0]?.path).toBe('rules/case.loki.paused.yaml')
  })

  it('writes nothing for what is unsupported, and says why', () => {
    const made = converted({ type: 'my.module.Rule' })
    expect(made.files).toEqual([])
    expect(made.items[0]).toMatchObject({ status: 'unsupported', after: undefined, notes: [{ code: 'OBD-A-009' }] })
  })

  it('takes the interval of the rule, else of config.yaml, else a minute', () => {
    expect(ruleOf({ ...frequency, run_every: { seconds: 30 } })?.interval).toBe('30s')
    expect(ruleOf(frequency, { '../config.yaml': 'run_every: {minutes: 5}\n' })?.interval).toBe('5m')
    expect(ruleOf(frequency)?.interval).toBe('1m')
    expect(codesOf(frequency)).toContain('OBD-A-018')
  })

  it('takes buffer_time and query_delay of config.yaml', () => {
    const config = { 'config.yaml': 'run_every: {minutes: 5}\nbuffer_time: {hours: 1}\nquery_delay: {minutes: 2}\n' }
    expect(
      itemOf({ type: 'metric_aggregation', metric_agg_key: 'took', metric_agg_type: 'max', max_threshold: 1 }, config)?.after,
    ).toContain('[1h]')
    expect(itemOf(frequency, config)?.after).toContain('[10m] offset 2m')
  })

  it('reads imports of imports; the rule wins, and filters of all hold', () => {
    const beside = {
      'base.yaml': 'import: more/common.yaml\nnum_events: 9\nfilter: [{term: {a: 1}}]\n',
      'more/common.yaml': 'import: ../base.yaml\ntimeframe: {minutes: 3}\nindex: logs-*\nfilter: [{term: {b: 2}}]\n',
    }
    const item = itemOf({ type: 'frequency', num_events: 4, import: 'base.yaml', filter: [{ term: { c: 3 } }] }, beside)
    expect(item?.after).toBe('sum(count_over_time({app="shop"} | b="2" | a="1" | c="3" [3m])) >= 4')
    expect(codesOf({ ...frequency, import: 'gone.yaml' })).toContain('OBD-A-019')
    expect(itemOf({ ...frequency, import: 'gone.yaml' })?.status).toBe('manual')
  })

  it.each([
    ['term', [{ term: { 'user.name': 'eve' } }], 'user_name="eve"'],
    ['an old query around it', [{ query: { query_string: { query: 'status: 500' } } }], 'status="500"'],
    ['query_string', [{ query_string: { query: 'status: [500 TO 599]' } }], 'status >= 500 | status <= 599'],
    ['bool', [{ bool: { must: [{ term: { a: 1 } }], must_not: [{ term: { b: 2 } }] } }], 'a="1" | b!="2"'],
    ['not', [{ not: { term: { a: 1 } } }], 'a!="1"'],
    ['or', [{ or: [{ term: { a: 1 } }, { term: { b: 2 } }] }], 'a="1" or b="2"'],
    ['terms', [{ terms: { a: [1, 2] } }], 'a=~"1|2"'],
  ])('takes filters: %s', (_name, filter, stage) => {
    expect(itemOf({ ...frequency, filter })?.after).toBe(`sum(count_over_time({app="shop"} | ${stage} [10m])) >= 3`)
  })

  it('says of a window that Loki refuses as it comes', () => {
    expect(itemOf({ ...frequency, timeframe: { days: 30 } })?.status).toBe('exact')
    expect(itemOf({ ...frequency, timeframe: { days: 31 } })?.status).toBe('manual')
    expect(codesOf({ ...frequency, timeframe: { days: 31 } })).toContain('OBD-A-007')
  })

  it('leaves out the type of documents, which somebody has to look at', () => {
    const filter = [{ term: { _type: 'login' } }, { type: { value: 'x' } }]
    expect(itemOf({ ...frequency, filter })).toMatchObject({
      status: 'approximate',
      after: 'sum(count_over_time({app="shop"} [10m])) >= 3',
    })
    expect(itemOf({ ...frequency, index: 'other-*', filter })?.status).toBe('manual')
  })

  it('asks for the index where the mapping names no streams', () => {
    const item = itemOf({ ...frequency, index: 'logstash-%Y.%m.%d,-logstash-old-*,remote:web-*' })
    expect(item?.after).toContain('elasticsearch_index=~"^logstash-.*"')
    expect(item?.after).toContain('elasticsearch_index=~"^web-.*"')
    expect(item?.after).toContain('elasticsearch_index!~"^logstash-old-.*"')
    expect(item).toMatchObject({ status: 'exact' })
    expect(itemOf({ ...frequency, index: 'perhaps-an-alias' })?.status).toBe('approximate')
    expect(itemOf({ ...frequency, index: '_all' })?.after).not.toContain('elasticsearch_index')
  })

  it('says of a rule on its own index that nobody will fill it', () => {
    expect(itemOf({ ...frequency, index: 'elastalert' })).toMatchObject({ status: 'manual' })
    expect(codesOf({ ...frequency, index: 'elastalert_status' })).toContain('OBD-A-031')
  })

  it('keeps labels and texts, with labels for fields', () => {
    const rule = ruleOf({
      ...frequency,
      query_key: 'host.name',
      owner: 'ops',
      priority: 2,
      alert: ['slack', { email: { email: 'a@b.test' } }],
      description: 'why {{ this }}',
      alert_subject: 'on {0}: {1}',
      alert_subject_args: ['host.name', 'message'],
      alert_text: 'host {} saw %(x)s and {{braces}} {kw}',
      alert_text_args: ['host.name'],
      alert_text_kw: { 'host.name': 'kw' },
    })?.rules[0]
    expect(rule).toMatchObject({
      for: '0s',
      labels: { elastalert_alert: 'slack,email', owner: 'ops', priority: '2' },
      annotations: {
        summary: 'on {{ $labels.host_name }}: [message]',
        description: 'why {{ "{{" }} this }}\n\nhost {{ $labels.host_name }} saw [x] and {braces} {{ $labels.host_name }}',
      },
    })
    expect(rule?.annotations).toMatchObject({
      logs_query: '{app="shop"}',
      logs_link: expect.stringMatching(/^\/explore\?schemaVersion=1&orgId=1&panes=/),
    })
  })

  it('reads Jinja without running it', () => {
    const rule = ruleOf({
      ...frequency,
      query_key: 'user',
      alert_text_type: 'alert_text_jinja',
      alert_text: '{{ user }} {{ _data["user"] | upper }} {% if x %}y{% endif %}',
    })
    expect(rule?.rules[0]?.['annotations']?.['description']).toBe('{{ $labels.user }} [_data["user"] | upper] {% if x %}y{% endif %}')
  })

  it('sketches a route, with what was gathered and how often it was told', () => {
    const [part] = converted({
      ...frequency,
      alert: 'slack',
      slack_webhook_url: 'https://hooks.test/T/B/x',
      realert: { hours: 4 },
      aggregation: { minutes: 30 },
    }).parts
    expect(part).toMatchObject({ kind: 'receiver', before: 'slack (not copied: slack_webhook_url)' })
    expect(parse(part?.after ?? '')).toMatchObject({
      route: {
        routes: [{ matchers: ['elastalert_alert=~"(.+,)?slack(,.+)?"'], receiver: 'slack', repeat_interval: '4h', group_wait: '30m' }],
      },
    })
  })

  it('never shows a secret', () => {
    const secret = 'hunter2'
    const made = converted({
      ...frequency,
      es_password: secret,
      es_username: secret,
      smtp_auth_file: secret,
      alert: [{ slack: { slack_webhook_url: `https://hooks.slack.test/services/${secret}` } }, 'pagerduty', 'http_post'],
      slack_webhook_url: `https://hooks.slack.test/services/${secret}`,
      pagerduty_service_key: secret,
      http_post_headers: { authorization: `Bearer ${secret}${secret}` },
      http_post_url: `https://u:${secret}@example.test/`,
      alert_text: `see https://u:${secret}@example.test/ and password=${secret} or https://hooks.slack.test/services/A/${secret}`,
      kibana_password: secret,
    })
    expect(JSON.stringify(made)).not.toContain(secret)
  })

  it('writes rules of Grafana, paused where they are approximate, and says which data source it took', () => {
    const made = converted({ type: 'new_term', fields: 'user' }, {}, { rulesTo: 'grafana-alerts' })
    const [file] = made.files
    expect(file?.path).toBe('rules/case.grafana.yaml')
    expect(parse(file?.text ?? '')).toMatchObject({
      apiVersion: 1,
      groups: [
        {
          interval: '1m',
          rules: [
            {
              title: 'case',
              condition: 'C',
              noDataState: 'OK',
              isPaused: true,
              data: [{ datasourceUid: 'loki' }, { datasourceUid: '__expr__' }],
            },
          ],
        },
      ],
    })
    expect(made.notes.map(({ code }) => code)).toContain('OBD-A-020')
    const mapped = converted(frequency, {}, { rulesTo: 'grafana-alerts', datasources: { loki: 'my-loki' } })
    expect(mapped.files[0]?.text).toContain('datasourceUid: my-loki')
  })

  it('does not write logs for Prometheus', () => {
    expect(converted(frequency, {}, { rulesTo: 'prometheus-rules' })).toMatchObject({ files: [], items: [{ status: 'unsupported' }] })
  })

  it('asks metrics for documents that became metrics', () => {
    const made = converted({
      type: 'metric_aggregation',
      index: 'metrics-own-1',
      metric_agg_key: 'a.b',
      metric_agg_type: 'max',
      max_threshold: 1,
    })
    expect(made.items[0]?.afterLanguage).toBe('promql')
    expect(made.files[0]?.path).toMatch(/^rules\/case\.prometheus/)
  })

  it('converts each document of a file, and is the same each time', () => {
    const text = ['one', 'two'].map((name) => JSON.stringify({ name, index: 'logs-*', ...frequency })).join('\n---\n')
    const run = () => elastalertConverter.convert({ path: 'a.yaml', text }, context)
    expect(run().items.map(({ id, where }) => [id, where])).toEqual([
      ['rule/one', '$[0]'],
      ['rule/two', '$[1]'],
    ])
    expect(run()).toEqual(run())
  })

  it.each([
    ['nothing', ''],
    [
      'a bomb',
      `a: &a [${'x,'.repeat(50)}]\n${Array.from({ length: 9 }, (_, at) => `${'bcdefghij'[at]}: &${'bcdefghij'[at]} [${`*${'abcdefghi'[at]},`.repeat(20)}]`).join('\n')}\ntype: any\n`,
    ],
    ['deep', `type: any\nfilter: ${'['.repeat(5000)}`],
    ['other kinds', 'type: [any]\nindex: {a: 1}\n'],
    ['strange values', 'type: frequency\nindex: logs-*\nnum_events: {}\ntimeframe: 5\nfilter: 7\nquery_key: {}\nalert: {}\nname: [1]\n'],
    [
      'prototypes',
      'type: any\n__proto__: {name: x}\nindex: logs-*\nconstructor: {prototype: 1}\nfilter: [{__proto__: {}}, null, [], "x"]\n',
    ],
  ])('survives hostile files: %s', (_name, text) => {
    const made = elastalertConverter.convert({ path: '../../etc/x.yaml', text }, context)
    for (const { path } of made.files) expect(path).not.toContain('..')
    expect(made.notes.length).toBeGreaterThan(0)
  })

  it('keeps paths and names from breaking out', () => {
    const made = converted({ ...frequency, name: 'x\n# y: {{ $labels }}"\n- alert: evil' })
    expect(parse(made.files[0]?.text ?? '').groups).toHaveLength(1)
    expect(parse(made.files[0]?.text ?? '').groups[0].rules).toHaveLength(1)
  })
})

describe('isElastalert', () => {
  it('knows rules of ElastAlert, and nothing else', () => {
    expect(isElastalert({ type: 'any', index: 'x' })).toBe(true)
    expect(isElastalert({ type: 'a.b.C', filter: [] })).toBe(true)
    expect(isElastalert({ type: 'dashboard', index: 'x' })).toBe(false)
    expect(isElastalert([])).toBe(false)
  })
})
