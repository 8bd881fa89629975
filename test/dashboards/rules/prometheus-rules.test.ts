import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { ConvertOptions } from '../../../dashboards/options.ts'
import { prometheusRules } from '../../../dashboards/rules/prometheus-rules.ts'
import { convertContext } from '../../support/dashboards/context.ts'
import type { Setting } from '../../support/dashboards/promql.ts'
import { sharedFolder } from '../../support/shared.ts'

const setting: Setting = {
  mapping: {
    metrics: { a: { name: 'b' }, ms: { name: 's', factor: 0.001 } },
    labels: { pod: 'k8s_pod', dot: 'k8s.dot' },
  },
  targets: { strategy: 'NoTranslation' },
}

const convert = (text: string, options: Partial<ConvertOptions> = {}, how: Setting = setting) =>
  prometheusRules.convert({ path: 'rules.yaml', text }, convertContext(how, options))

const written = (text: string, options: Partial<ConvertOptions> = {}, how: Setting = setting): string =>
  convert(text, options, how).files[0]?.text ?? ''

const statuses = (text: string, how: Setting = setting) =>
  Object.fromEntries(
    convert(text, {}, how).items.map(({ title, status, notes }) => [title, [status, ...notes.map(({ code }) => code)].join(' ')]),
  )

describe('prometheusRules', () => {
  it('changes the words that have to, and no other byte', () => {
    const text = `# by hand
groups:
  - name: "g"   # odd
    interval: 30s
    rules:
      - alert: Slow
        expr: |
          # why
          sum by (pod) (a{pod!=""})
            > 5
        for: 5m
        labels: { severity: page, who: '{{ $labels.pod }}' }
        annotations:
          summary: "{{ $labels.pod }} and \\"{{ index $labels \\"dot\\" }}\\" {{ $value }}"
          more: >-
            {{ with query "sum(a{pod='x'})" }}{{ . | first | value }}{{ end }}
            {{ $labels.job }}
      - {record: 'x:y', expr: 'sum(ms) + 1'}
---
groups: []
`
    expect(written(text)).toBe(`# by hand
groups:
  - name: "g"   # odd
    interval: 30s
    rules:
      - alert: Slow
        expr: |
          # why
          sum by (k8s_pod) (b{k8s_pod!=""})
            > 5
        for: 5m
        labels: { severity: page, who: '{{ $labels.k8s_pod }}' }
        annotations:
          summary: "{{ $labels.k8s_pod }} and \\"{{ index $labels \\"k8s.dot\\" }}\\" {{ $value }}"
          more: >-
            {{ with query "sum(b{k8s_pod='x'})" }}{{ . | first | value }}{{ end }}
            {{ $labels.job }}
      - {record: 'x:y', expr: '(sum(s) * 1000) + 1'}
---
groups: []
`)
  })

  it('changes what an alias stands for once, at its anchor', () => {
    const text = `groups:
- name: g
  rules:
  - &r
    alert: A
    expr: &e a > 1
  - alert: B
    expr: *e
  - <<: *r
    alert: C
`
    expect(written(text)).toBe(text.replace('a > 1', 'b > 1'))
  })

  it.each([
    ['Mimir', 'namespace: team\ngroups:\n- name: g\n  source_tenants: [x]\n  rules:\n  - record: r:r\n    expr: a\n'],
    ['Thanos', 'groups:\n- name: g\n  partial_response_strategy: warn\n  rules:\n  - record: r:r\n    expr: a\n'],
    ['a ruler’s answer', 'team:\n- name: g\n  rules:\n  - record: r:r\n    expr: a\n'],
    [
      'the operator',
      'apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  groups:\n  - name: g\n    rules:\n    - record: r:r\n      expr: a\n',
    ],
    ['a single group', 'name: g\nrules:\n- record: r:r\n  expr: a\n'],
  ])('reads files of %s', (_, text) => {
    expect(written(text)).toBe(text.replace('expr: a', 'expr: b'))
    expect(convert(text).items).toHaveLength(1)
  })

  it('reads JSON, and leaves its layout', () => {
    const text = '{"groups":[ {"name":"g", "rules":[{"alert":"A","expr":"a{pod=\\"x\\"} > 1"}]} ]}\n'
    expect(written(text)).toBe('{"groups":[ {"name":"g", "rules":[{"alert":"A","expr":"b{k8s_pod=\\"x\\"} > 1"}]} ]}\n')
  })

  it('makes a file of an answer of the API', () => {
    const rule = {
      type: 'alerting',
      name: 'A',
      query: 'a > 1',
      duration: 300,
      keepFiringFor: 60,
      labels: { severity: 'page' },
      annotations: {},
      alerts: [],
      health: 'ok',
    }
    const text = JSON.stringify({
      status: 'success',
      data: { groups: [{ name: 'g', file: 'f', interval: 30, rules: [rule, { type: 'recording', name: 'r:r', query: 'sum(a)' }] }] },
    })
    const { files } = convert(text)
    expect(files[0]?.path).toBe('rules.rules.yaml')
    expect(parse(files[0]?.text ?? '')).toEqual({
      groups: [
        {
          name: 'g',
          interval: '30s',
          rules: [
            { alert: 'A', expr: 'b > 1', for: '300s', keep_firing_for: '60s', labels: { severity: 'page' } },
            { record: 'r:r', expr: 'sum(b)' },
          ],
        },
      ],
    })
  })

  it('pauses alerts that are not the same in every respect, where they stand, and only once', () => {
    const text = 'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: ms == 5 # c\n'
    const paused = 'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: ((s * 1000) == 5) and on () (vector(1) == 0) # c\n'
    expect(written(text)).toBe(paused)
    expect(written(paused)).toBe(paused)
    expect(written(text, { acceptApproximate: true })).toBe(text.replace('ms', '(s * 1000)'))
    expect(statuses(text)['A']).toContain('OBD-P-035')
  })

  it('leaves a rule as it was that is in doubt but needs no change', () => {
    const text = 'groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n  - alert: Broken\n    expr: sum(a\n'
    expect(written(text)).toBe(text)
    expect(statuses(text)).toEqual({ Down: 'unchanged OBD-P-008', Broken: 'manual OBD-P-001' })
  })

  it('tells rules that watch what goes', () => {
    const rules = [
      'prometheus_tsdb_compactions_failed_total > 0',
      'jaeger_collector_queue_length > 9',
      'prometheus_operator_ready < 1',
      'jaeger_x > a',
      'rate(jaeger_agent_reporter_batches_failures_total[1m]) > 1',
    ]
    const text = `groups:\n- name: g\n  rules:\n${rules.map((expr, at) => `  - alert: R${at}\n    expr: ${expr}\n`).join('')}`
    expect(statuses(text)).toEqual({ R0: 'manual OBD-P-030', R1: 'manual OBD-P-030', R2: 'unchanged', R3: 'exact', R4: 'unchanged' })
  })

  it('keeps names that the rules record, and warns of those that a backend would translate', () => {
    const text = 'groups:\n- name: g\n  rules:\n  - record: my_rate\n    expr: rate(x[5m])\n  - alert: A\n    expr: my_rate{pod="x"} > 1\n'
    const suffixes: Setting = { targets: { strategy: 'UnderscoreEscapingWithSuffixes' }, metadata: { x: 'counter', my_rate: 'counter' } }
    expect(written(text, {}, suffixes)).toBe(text.replace('rate(x[', 'rate(x_total['))
    expect(statuses(text, suffixes)).toEqual({ my_rate: 'approximate OBD-P-031', A: 'unchanged' })
  })

  it('follows bounds of another unit through what is recorded', () => {
    const text =
      'groups:\n- name: g\n  rules:\n  - record: h:p90\n    expr: histogram_quantile(0.9, h:rate)\n  - record: h:rate\n    expr: sum by (le) (rate(h_bucket[5m]))\n'
    const changed = written(text, {}, { mapping: { metrics: { h: { name: 'g', factor: 0.001, type: 'histogram' } } } })
    expect(changed).toBe(text.replace('h:rate)', 'h:rate) * 1000').replace('h_bucket', 'g_bucket'))
  })

  it('says when alerts lose a label, and joins those that their templates read', () => {
    const text =
      'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a > 1\n  - alert: B\n    expr: a > 1\n    annotations: { x: "{{ $labels.cluster }}" }\n'
    const moved: Setting = { translate: { resourceLabels: ['cluster'] } }
    expect(written(text, { acceptApproximate: true }, moved)).toContain(
      'expr: (a * on (job, instance) group_left (cluster) target_info) > 1',
    )
    expect(statuses(text, moved)).toEqual({ A: 'approximate OBD-P-033', B: 'exact OBD-P-005' })
  })

  it('leaves rules of Loki alone', () => {
    const text =
      'groups:\n- name: g\n  rules:\n  - alert: A\n    expr: sum(rate({pod="x"} |= "error" [5m])) > 1\n  - alert: B\n    expr: sum(rate({pod="x"}[5m])) > 1\n'
    expect(written(text)).toBe(text)
    expect(convert(text).items.map(({ language, status }) => [language, status])).toEqual([
      ['logql', 'unchanged'],
      ['logql', 'unchanged'],
    ])
  })

  it('writes alerts as Grafana manages them', () => {
    const text =
      'groups:\n- name: g\n  interval: 30s\n  rules:\n  - alert: A\n    expr: a > 1\n    for: 5m\n    labels: { who: "{{ $labels.pod }}" }\n  - alert: B\n    expr: ms == 5\n  - record: r:r\n    expr: a\n'
    const { files, notes } = convert(text, { rulesTo: 'grafana-alerts' })
    const { groups } = parse(files[0]?.text ?? '') as { groups: { name: string; interval: string; rules: Record<string, unknown>[] }[] }
    expect(groups[0]).toMatchObject({
      name: 'g',
      interval: '30s',
      rules: [
        {
          title: 'A',
          for: '5m',
          isPaused: false,
          noDataState: 'OK',
          execErrState: 'Error',
          labels: { who: '{{ $labels.k8s_pod }}' },
          data: [{ model: { expr: 'b > 1' } }, {}],
        },
        { title: 'B', isPaused: true, data: [{ model: { expr: '(s * 1000) == 5' } }, {}] },
      ],
    })
    expect(notes.map(({ code }) => code)).toContain('OBD-P-022')
  })

  it('writes no PromQL for Loki', () => {
    const { files, items } = convert('groups:\n- name: g\n  rules:\n  - alert: A\n    expr: a > 1\n', { rulesTo: 'loki-rules' })
    expect([files, items[0]?.status]).toEqual([[], 'unsupported'])
  })

  it('is harmless with names of objects and with rules that are none', () => {
    const text = 'groups:\n- name: __proto__\n  rules:\n  - alert: __proto__\n    expr: __proto__ > 1\n  - foo: 1\n  - null\n'
    expect(written(text)).toBe(text)
    expect(convert(text).notes.map(({ code }) => code)).toEqual(['OBD-P-001', 'OBD-P-001'])
  })
})

const samples = join(sharedFolder, 'samples/prometheus-rules')
if (!existsSync(samples)) console.warn(`SKIPPED: ${samples} is absent`)

describe.skipIf(!existsSync(samples))('prometheusRules with the samples', () => {
  const files = existsSync(samples) ? readdirSync(samples) : []

  it.each(files)('leaves %s as it is while names stay', (file) => {
    const text = readFileSync(join(samples, file), 'utf8')
    const { files: output, items } = convert(text, {}, {})
    expect(output[0]?.text).toBe(text)
    // One that knows nothing of the converter counts the same.
    expect(items).toHaveLength(text.match(/^\s*(?:- )?expr:/gm)?.length ?? -1)
    expect(items.every(({ notes }) => notes.every(({ code }) => code !== 'OBD-P-001'))).toBe(true)
  })

  it.each(files)('changes in %s nothing but the label that is renamed', (file) => {
    const text = readFileSync(join(samples, file), 'utf8')
    const renamed: Setting = { mapping: { labels: { cluster: 'k8s_cluster' } } }
    const changed = written(text, { acceptApproximate: true }, renamed)
    expect(changed.replaceAll('k8s_cluster', 'cluster')).toBe(text)
    expect(written(changed, {}, renamed)).toBe(changed)
  })
})
