/** Rewritten queries against the engine of Prometheus (`promtool test rules`): old series and new ones side by side, and the same numbers of both. */

import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { prometheusRules } from '../../dashboards/rules/prometheus-rules.ts'
import { convertContext } from '../support/dashboards/context.ts'
import { promqlRewriter, type Setting } from '../support/dashboards/promql.ts'
import { sharedFolder } from '../support/shared.ts'
import { binaries } from './peers.ts'

const run = promisify(execFile)

const promtool = existsSync(binaries)
  ? readdirSync(binaries)
      .filter((name) => name.startsWith('promtool-'))
      .map((name) => join(binaries, name))[0]
  : undefined
if (promtool === undefined) console.warn(`SKIPPED: no promtool in ${binaries}, rewritten queries were not evaluated`)

/** Runs promtool over files of this name and text. */
async function withTool(files: Readonly<Record<string, string>>, args: (folder: string) => string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'promtool-'))
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    try {
      const { stdout, stderr } = await run(promtool ?? '', args(folder), { maxBuffer: 16 * 1024 * 1024 })
      return `ok\n${stdout}${stderr}`
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
      return `failed\n${stdout}${stderr}`
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Series {
  readonly series: string
  readonly values: string
}

/** Compares queries: as many series, and no two that differ. */
async function compare(series: readonly Series[], queries: readonly (readonly [before: string, after: string])[]): Promise<string> {
  const check = (before: string, after: string) => [
    // A query that gives nothing on both sides would prove nothing.
    { expr: `count(${before}) > bool 0`, eval_time: '20m', exp_samples: [{ labels: '{}', value: 1 }] },
    { expr: `count(${before}) == bool count(${after})`, eval_time: '20m', exp_samples: [{ labels: '{}', value: 1 }] },
    {
      expr: `max(abs((${before}) - (${after})) / (abs(${before}) + 1)) < bool 1e-9`,
      eval_time: '20m',
      exp_samples: [{ labels: '{}', value: 1 }],
    },
  ]
  const test = {
    rule_files: [],
    evaluation_interval: '1m',
    tests: [{ interval: '1m', input_series: series, promql_expr_test: queries.flatMap(([before, after]) => check(before, after)) }],
  }
  return withTool({ 'test.json': JSON.stringify(test) }, (folder) => ['test', 'rules', join(folder, 'test.json')])
}

const times = (of: number, factor: number): number => Number((of * factor).toPrecision(12))

/** A gauge and a histogram in milliseconds and in seconds, on two pods. */
const scaledSeries: Series[] = ['a', 'b'].flatMap((pod, at) => {
  const ramp = (start: number, step: number): string => `${start}+${step}x30`
  const up = at + 1
  const buckets = (name: string, bounds: readonly string[]): Series[] =>
    bounds.map((le, place) => ({ series: `${name}_bucket{pod="${pod}",le="${le}"}`, values: ramp(place * 3, up * (place + 1) * 5) }))
  return [
    { series: `ms{pod="${pod}"}`, values: ramp(100 * up, 17 * up) },
    { series: `s{pod="${pod}"}`, values: ramp(times(100 * up, 0.001), times(17 * up, 0.001)) },
    { series: `kb{pod="${pod}"}`, values: ramp(3, up) },
    { series: `by{pod="${pod}"}`, values: ramp(3000, 1000 * up) },
    ...buckets('h_ms', ['100', '250', '1000', '+Inf']),
    ...buckets('h_s', ['0.1', '0.25', '1', '+Inf']),
    { series: `h_ms_sum{pod="${pod}"}`, values: ramp(500, 900 * up) },
    { series: `h_s_sum{pod="${pod}"}`, values: ramp(0.5, times(900 * up, 0.001)) },
    { series: `h_ms_count{pod="${pod}"}`, values: ramp(9, up * 20) },
    { series: `h_s_count{pod="${pod}"}`, values: ramp(9, up * 20) },
  ]
})

const scaled: Setting = {
  mapping: {
    metrics: {
      ms: { name: 's', factor: 0.001 },
      kb: { name: 'by', factor: 1000 },
      h_ms: { name: 'h_s', factor: 0.001, type: 'histogram' },
    },
  },
}

const scaledQueries = [
  ...['ms', '-ms', 'ms > 250', '250 < ms', 'ms > bool 250', 'ms * 8 / 60', 'ms ^ 2', 'sqrt(ms)', 'ln(ms + ms)', 'round(ms)'],
  ...['clamp(ms, 150, 500)', 'abs(ms)', 'sgn(ms)', 'scalar(ms{pod="a"}) + ms', 'ms + kb', 'ms - kb * 2', 'ms * kb', 'ms / kb'],
  ...['ms + ms > 900', 'ms and kb', 'ms unless kb > 9999', 'ms or kb', 'ms > ms / 2', '2 ^ (ms / 100)', 'ms atan2 kb'],
  ...[
    'sum(ms)',
    'avg by (pod) (ms)',
    'stddev(ms)',
    'stdvar(ms)',
    'quantile(0.3, ms)',
    'topk(1, ms)',
    'count(ms)',
    'group(ms)',
    'max(ms) - min(ms)',
  ],
  ...[
    'rate(ms[5m])',
    'irate(ms[5m])',
    'increase(ms[5m])',
    'delta(ms[5m])',
    'idelta(ms[5m])',
    'deriv(ms[5m])',
    'predict_linear(ms[5m], 600)',
  ],
  ...[
    'avg_over_time(ms[5m])',
    'min_over_time(ms[5m])',
    'sum_over_time(ms[5m])',
    'last_over_time(ms[5m])',
    'quantile_over_time(0.4, ms[5m])',
  ],
  ...[
    'stddev_over_time(ms[5m])',
    'stdvar_over_time(ms[5m])',
    'count_over_time(ms[5m])',
    'changes(ms[5m])',
    'resets(ms[5m])',
    'timestamp(ms)',
  ],
  ...['max_over_time((ms + ms)[10m:1m])', 'label_replace(ms, "x", "$1", "pod", "(.*)")', 'ms offset 5m', 'avg(ms) / avg(ms offset 5m)'],
  ...['histogram_quantile(0.7, rate(h_ms_bucket[5m]))', 'histogram_quantile(0.7, sum by (le) (rate(h_ms_bucket[5m]))) > 50'],
  ...[
    'sum(rate(h_ms_sum[5m])) / sum(rate(h_ms_count[5m]))',
    'rate(h_ms_bucket{le="250"}[5m]) / ignoring (le) rate(h_ms_bucket{le="+Inf"}[5m])',
  ],
  ...['sum(h_ms_bucket{le="1000"})', 'sum(rate(h_ms_bucket{le=~"100|250"}[5m]))', 'sum(ms) or vector(0)', 'absent(nothing) * sum(ms)'],
]

const native: Setting = { targets: { native_histograms: true }, metadata: { m: 'histogram' } }

/** A histogram as series of buckets, and the same as one native histogram with bounds of its own. */
const nativeSeries: Series[] = ['a', 'b'].flatMap((pod, at) => {
  const step = [2, 3, 4, 1].map((count) => count * (at + 1))
  let sum = 0
  const cumulative = step.map((count) => (sum += count))
  const buckets = ['0.1', '0.5', '1', '+Inf'].map((le, place) => {
    const name = `m_bucket{pod="${pod}",le="${le}"}`
    return { series: name, values: `${cumulative[place]}+${cumulative[place]}x30` }
  })
  const histogram = `{{schema:-53 sum:${4 * (at + 1)} count:${sum} custom_values:[0.1 0.5 1] buckets:[${step.join(' ')}]}}`
  return [
    ...buckets,
    { series: `m_sum{pod="${pod}"}`, values: `${4 * (at + 1)}+${4 * (at + 1)}x30` },
    { series: `m_count{pod="${pod}"}`, values: `${sum}+${sum}x30` },
    { series: `m{pod="${pod}"}`, values: `${histogram}+${histogram}x30` },
  ]
})

/** One with negative bounds: what is below 0 is in its buckets, too. */
const negativeSeries: Series[] = [
  ...['-10', '0', '10', '+Inf'].map((le, place) => ({ series: `n_bucket{le="${le}"}`, values: `${[2, 5, 9, 10][place]}x30` })),
  { series: 'n', values: '{{schema:-53 sum:4 count:10 custom_values:[-10 0 10] buckets:[2 3 4 1]}}x30' },
]

const nativeQueries = [
  'histogram_quantile(0.9, sum by (le, pod) (rate(m_bucket[5m])))',
  'histogram_quantile(0.5, sum by (le) (rate(m_bucket[5m])))',
  'histogram_quantile(0.5, rate(m_bucket{pod="a"}[5m]))',
  'rate(m_count[5m])',
  'sum(rate(m_sum[5m])) / sum(rate(m_count[5m]))',
  'increase(m_count[10m] offset 2m)',
  'm_count',
  'm_sum - 1',
  'sum by (pod) (rate(m_bucket{le="0.5"}[5m])) / sum by (pod) (rate(m_count[5m]))',
  '1 - sum(rate(m_bucket{le="0.1"}[5m])) / sum(rate(m_bucket{le="+Inf"}[5m]))',
]

/** `cluster` on each series, and on `target_info` alone, under another name of the metric so that both can stand in one store. */
const joinedSeries: Series[] = ['x', 'y'].flatMap((cluster, at) => [
  { series: `old{job="j",instance="${at}",cluster="${cluster}",code="200"}`, values: `${at}+${at + 1}x30` },
  { series: `new{job="j",instance="${at}",code="200"}`, values: `${at}+${at + 1}x30` },
  { series: `target_info{job="j",instance="${at}",cluster="${cluster}"}`, values: '1x30' },
])

const joinedQueries = [
  'sum by (cluster) (rate(old[5m]))',
  'sum(rate(old{cluster="x"}[5m]))',
  'sum by (cluster) (old{cluster!="x"})',
  'sum by (code) (max_over_time(old{cluster=~"x|y"}[10m:1m]))',
  'sum by (cluster) (rate(old[5m] offset 5m)) / sum by (cluster) (rate(old[5m]))',
  'sum(old{cluster="x"}) > 3',
]

describe.skipIf(promtool === undefined)('rewritten queries in Prometheus', () => {
  const both = (setting: Setting, queries: readonly string[]) => {
    const rewrite = promqlRewriter(setting)
    return queries.map((query): readonly [string, string] => {
      const { after, status } = rewrite(query)
      if (status === 'manual') throw new Error(`cannot compare ${query}: it is manual`)
      return [query, after]
    })
  }

  it('gives the numbers of the old unit', async () => {
    expect(await compare(scaledSeries, both(scaled, scaledQueries))).toMatch(/^ok/)
  })

  it('gives of native histograms what buckets gave', async () => {
    expect(await compare(nativeSeries, both(native, nativeQueries))).toMatch(/^ok/)
    const negative: Setting = { targets: { native_histograms: true }, metadata: { n: 'histogram' } }
    expect(await compare(negativeSeries, both(negative, ['sum(n_bucket{le="10"})', 'sum(n_bucket{le="-10"})']))).toMatch(/^ok/)
  })

  it('finds labels of the resource again', async () => {
    const setting: Setting = { translate: { resourceLabels: ['cluster'] }, mapping: { metrics: { old: { name: 'new' } } } }
    expect(await compare(joinedSeries, both(setting, joinedQueries))).toMatch(/^ok/)
  })

  it('can tell a difference', async () => {
    expect(await compare(scaledSeries, [['ms', 's * 100']])).toMatch(/^failed/)
    expect(await compare(scaledSeries, [['ms', 'ms{pod="a"}']])).toMatch(/^failed/)
  })
})

const samples = join(sharedFolder, 'samples/prometheus-rules')

describe.skipIf(promtool === undefined || !existsSync(samples))('rule files in promtool', () => {
  const settings: readonly (readonly [string, Setting])[] = [
    ['as they are', {}],
    [
      'with other names and scales',
      {
        mapping: {
          metrics: { '*_seconds_total': { factor: 1000 }, 'node_*': { name: 'other.node' } },
          labels: { cluster: 'k8s.cluster.name' },
        },
        targets: { strategy: 'NoTranslation' },
      },
    ],
    ['with labels of the resource', { translate: { resourceLabels: ['cluster', 'namespace'] } }],
  ]
  for (const [name, setting] of settings) {
    it(`are taken ${name}`, async () => {
      for (const file of readdirSync(samples)) {
        const source = { path: file, text: readFileSync(join(samples, file), 'utf8') }
        const [output] = prometheusRules.convert(source, convertContext(setting)).files
        let text = output?.text ?? ''
        // promtool knows no resources of Kubernetes: their `spec` is the file.
        const spec = /^spec:\n([\s\S]*)$/m.exec(text)
        if (spec?.[1] !== undefined) text = spec[1].replace(/^ {2}/gm, '')
        const said = await withTool({ 'rules.yaml': text }, (folder) => ['check', 'rules', '--lint=none', join(folder, 'rules.yaml')])
        expect(said, `${file}: ${said}`).toMatch(/^ok/)
      }
    })
  }
})
