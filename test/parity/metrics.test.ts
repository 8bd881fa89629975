import { describe, expect, it } from 'vitest'
import { createMetricsComparison } from '../../src/parity/metrics.ts'
import type { CompareDeps, CompareOptions, KeyResult } from '../../src/parity/model.ts'
import { prometheusTranslateConfig } from '../../src/translate/prometheus/config.ts'
import { type Script, type ScriptedSeries, scriptedPrometheus } from './scripted-prometheus.ts'
import { allKeys } from './scripted-run.ts'

const startMs = Date.UTC(2026, 10, 22, 11, 0)
const minutes = 10
const window = { fromMs: startMs, toMs: startMs + minutes * 60_000 }
const intervalMs = 15_000
const times = Array.from({ length: minutes * 4 }, (_, at) => startMs + 3_217 + at * intervalMs)
/** When a series ends that ends within the window. */
const endAt = 20

type Labels = Readonly<Record<string, string>>

const series = (name: string, labels: Labels, value: (at: number) => number): ScriptedSeries => ({
  labels: { __name__: name, job: 'node', instance: 'a:9100', ...labels },
  points: times.map((timeMs, at) => [timeMs, value(at)]),
})

const leaving = (one: ScriptedSeries): ScriptedSeries => ({ ...one, points: [...one.points.slice(0, endAt), [times[endAt] ?? 0, 'stale']] })

/** A job as a node_exporter would have it, and then some. */
const oldSeries = (seed: number): ScriptedSeries[] => [
  series('up', {}, () => 1),
  ...['/', '/cart'].flatMap((path) =>
    ['200', '500'].map((code) => series('http_requests_total', { path, code }, (at) => at * (3 + seed) + Number(code))),
  ),
  series('queue_jobs', {}, (at) => at * 7 + seed),
  series('temperature_celsius', { sensor: 'x' }, (at) => 20 + Math.sin(at + seed)),
  series('odd', {}, (at) => [Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-320][at % 4] ?? 0),
  ...['0.1', '0.5', '1', '+Inf'].map((le, at) => series('latency_seconds_bucket', { le }, (n) => n * (at + 1))),
  series('latency_seconds_sum', {}, (at) => at * 1.25),
  series('latency_seconds_count', {}, (at) => at * 4),
  series('http_requests_created', { path: '/', code: '200' }, () => startMs / 1000),
  leaving(series('leaving', {}, (at) => at)),
]

const metadata = {
  http_requests_total: { type: 'counter' },
  queue_jobs: { type: 'counter' },
  temperature_celsius: { type: 'gauge' },
  latency_seconds: { type: 'histogram' },
}

const external = { cluster: 'here' }

/** What the new side has of it by NoTranslation: external labels, bounds as Prometheus 3 writes them, nothing created. */
const passedOn = (all: readonly ScriptedSeries[]): ScriptedSeries[] =>
  all
    .filter(({ labels }) => labels['__name__'] !== 'http_requests_created')
    .map(({ labels, points }) => ({
      labels: { ...external, ...labels, ...(labels['le'] === '1' ? { le: '1.0' } : {}) },
      points,
    }))

const withSuffix = (one: ScriptedSeries): ScriptedSeries =>
  one.labels['__name__'] === 'queue_jobs' ? { ...one, labels: { ...one.labels, __name__: 'queue_jobs_total' } } : one

interface Asked extends Partial<CompareOptions> {
  readonly translate?: object
}

async function compare(
  old: Partial<Script>,
  other: Partial<Script>,
  { translate = {}, ...options }: Asked = {},
): Promise<readonly KeyResult[]> {
  const side = (which: 'old' | 'new', script: Script) => ({ side: which, kind: 'prometheus', http: scriptedPrometheus(script) })
  const deps: CompareDeps = {
    old: side('old', { metadata, external, closed: true, series: oldSeries(0), ...old }),
    new: side('new', { series: passedOn(oldSeries(0)), ...other }),
    books: undefined,
    options: { ...allKeys, settleMs: { old: 30_000, new: 30_000 }, ...options },
    config: { translate: { prometheus: prometheusTranslateConfig.parse(translate) }, parity: {} },
    nowMs: () => window.toMs + 600_000,
    sleep: async () => {},
    progress: () => {},
    signal: new AbortController().signal,
  }
  return createMetricsComparison(deps).compare(window)
}

const unexplained = (results: readonly KeyResult[]) =>
  results.flatMap(({ differences }) =>
    differences.filter((one) => one.class === 'unexplained').map(({ kind, path, count }) => ({ kind, path, count })),
  )

const changed = (
  change: (one: ScriptedSeries) => ScriptedSeries | undefined,
  all = passedOn(oldSeries(0)),
): { series: ScriptedSeries[] } => ({
  series: all.flatMap((one) => change(one) ?? []),
})

const only = (name: string, change: (one: ScriptedSeries) => ScriptedSeries | undefined) =>
  changed((one) => (one.labels['__name__'] === name ? change(one) : one))

describe('createMetricsComparison', () => {
  it('finds nothing wrong where nothing is, twenty times', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const suffixed = seed % 2 === 1
      const there = passedOn(oldSeries(seed))
      const results = await compare({ series: oldSeries(seed) }, { series: suffixed ? there.map(withSuffix) : there })
      expect(unexplained(results)).toEqual([])
      const [result] = results
      expect(results).toHaveLength(1)
      expect(result?.key).toBe('node')
      expect(result?.counts.old).toBeGreaterThan(500)
      expect(result?.counts).toMatchObject({ new: result?.counts.old, expected: result?.counts.old })
      expect(result?.samples).toMatchObject({ unexplained: 0, explained: suffixed ? 2 : 1 })
    }
  })

  it('explains what is created, and names that the backend makes', async () => {
    const [result] = await compare({}, changed(withSuffix))
    expect(result?.differences.map((one) => [one.class, one.path])).toEqual([
      ['mapped', 'name queue_jobs'],
      ['created', 'series _created'],
    ])
  })

  it('explains what is created, of which the new side has the samples from before its type was told', async () => {
    const [first] = oldSeries(0).filter(({ labels }) => labels['__name__'] === 'http_requests_created')
    if (first === undefined) throw new Error('no such series')
    const early = { labels: { ...external, ...first.labels }, points: first.points.slice(0, 3) }
    const [result] = await compare({}, { series: [...passedOn(oldSeries(0)), early] })
    expect(result?.differences.map((one) => [one.class, one.path, one.rule])).toEqual([['created', 'series _created', '12.3 created']])
    expect(result?.counts.old).toBe(result?.counts.new)
  })

  it.each<[string, Partial<Script>, { kind: string; path: string; count: number }[]]>([
    [
      'a counter sent as gauge, where the backend names types',
      { metadata: { queue_jobs: { type: 'gauge' } } },
      [{ kind: 'changed', path: 'type of queue_jobs', count: 1 }],
    ],
    [
      'a factor of 1000',
      only('latency_seconds_sum', (one) => ({
        ...one,
        points: one.points.map(([timeMs, value]) => [timeMs, typeof value === 'number' ? value * 1000 : value]),
      })),
      [{ kind: 'changed', path: 'value of latency_seconds_sum × 1000', count: times.length - 1 }],
    ],
    [
      'a label that is lost',
      only('temperature_celsius', ({ labels: { sensor: _, ...labels }, points }) => ({ labels, points })),
      [{ kind: 'missing_new', path: 'labels["sensor"]', count: 1 }],
    ],
    [
      'a label that is lost, so that series become one',
      changed((one) => {
        const { code, ...labels } = one.labels
        return labels['__name__'] !== 'http_requests_total' ? one : code === '500' ? undefined : { ...one, labels }
      }),
      [{ kind: 'missing_new', path: 'labels["code"]', count: 4 }],
    ],
    [
      'a marker of an end that is lost',
      only('leaving', (one) => ({ ...one, points: one.points.filter(([, value]) => value !== 'stale') })),
      [{ kind: 'changed', path: 'end of series (stale_lost)', count: 1 }],
    ],
    [
      'a bucket that is missing',
      only('latency_seconds_bucket', (one) => (one.labels['le'] === '0.5' ? undefined : one)),
      [{ kind: 'missing_new', path: 'series latency_seconds_bucket{le="0.5"}', count: 1 }],
    ],
    [
      'a minute that the new side lost',
      changed((one) => ({ ...one, points: one.points.filter(([timeMs]) => new Date(timeMs).getUTCMinutes() !== 7) })),
      [{ kind: 'missing_new', path: 'samples at 11:07', count: 14 * 4 }],
    ],
    [
      'one sample',
      only('up', (one) => ({ ...one, points: one.points.filter(([timeMs]) => timeMs !== times[9]) })),
      [{ kind: 'missing_new', path: 'samples at 11:02', count: 1 }],
    ],
    [
      'a value that is a little off',
      only('temperature_celsius', (one) => ({
        ...one,
        points: one.points.map(([timeMs, value]) => [timeMs, typeof value === 'number' ? value * 1.00001 : value]),
      })),
      [{ kind: 'changed', path: 'value of temperature_celsius', count: times.length }],
    ],
    [
      'infinity that became a number, NaN that became 0',
      only('odd', (one) => ({
        ...one,
        points: one.points.map(([timeMs, value]) => [timeMs, typeof value === 'number' && !Number.isFinite(value) ? 0 : value]),
      })),
      [{ kind: 'changed', path: 'value of odd', count: times.length / 2 }],
    ],
    [
      'a metric of another name',
      only('temperature_celsius', (one) => ({ ...one, labels: { ...one.labels, __name__: 'temperature_celsiuss' } })),
      [
        { kind: 'missing_new', path: 'series temperature_celsius', count: 1 },
        { kind: 'extra_new', path: 'series temperature_celsiuss', count: 1 },
      ],
    ],
    [
      'all of it',
      { series: [] },
      [
        { kind: 'missing_new', path: 'series http_requests_total', count: 4 },
        ...['0.1', '0.5', '1', '+Inf'].map((le) => ({ kind: 'missing_new', path: `series latency_seconds_bucket{le="${le}"}`, count: 1 })),
        ...['latency_seconds_count', 'latency_seconds_sum', 'leaving', 'odd', 'queue_jobs', 'temperature_celsius', 'up'].map((name) => ({
          kind: 'missing_new',
          path: `series ${name}`,
          count: 1,
        })),
      ],
    ],
  ])('names %s', async (_what, other, expected) => {
    const found = unexplained(await compare({}, other))
    expect(found).toHaveLength(expected.length)
    expect(found).toEqual(expect.arrayContaining(expected))
  })

  it('names a counter sent as gauge by its name, where the backend makes names of types', async () => {
    const there = passedOn(oldSeries(0)).map(withSuffix)
    const gauge = there.map((one) =>
      one.labels['__name__'] === 'queue_jobs_total' ? { ...one, labels: { ...one.labels, __name__: 'queue_jobs' } } : one,
    )
    const tolerances = new Map([['strategy', 'UnderscoreEscapingWithSuffixes']])
    expect(unexplained(await compare({}, { series: there }, { tolerances }))).toEqual([])
    const [result] = await compare({}, { series: gauge }, { tolerances })
    expect(unexplained(result === undefined ? [] : [result])).toEqual([
      { kind: 'missing_new', path: 'series queue_jobs_total', count: 1 },
      { kind: 'extra_new', path: 'series queue_jobs', count: 1 },
    ])
    const extra = result?.differences.find((one) => one.kind === 'extra_new')
    expect(extra?.example.old).toBe('nearest: queue_jobs_total')
  })

  it('names a minute that the old side lost', async () => {
    const series = oldSeries(0).map((one) => ({ ...one, points: one.points.filter(([timeMs]) => new Date(timeMs).getUTCMinutes() !== 7) }))
    const [found] = unexplained(await compare({ series }, {}))
    expect(found).toMatchObject({ kind: 'missing_old', path: 'samples at 11:07' })
  })

  it('explains a difference in the last digits, and a zero before the first sample', async () => {
    const late = (all: ScriptedSeries[]) =>
      all.map((one) => (one.labels['__name__'] === 'queue_jobs' ? { ...one, points: one.points.slice(2) } : one))
    const zero = late(passedOn(oldSeries(0))).map((one): ScriptedSeries => {
      if (one.labels['__name__'] === 'queue_jobs') return { ...one, points: [[times[1] ?? 0, 0], ...one.points] }
      if (one.labels['__name__'] !== 'temperature_celsius') return one
      return { ...one, points: one.points.map(([timeMs, value]) => [timeMs, typeof value === 'number' ? value * (1 + 1e-12) : value]) }
    })
    const [result] = await compare({ series: late(oldSeries(0)) }, { series: zero })
    expect(unexplained(result === undefined ? [] : [result])).toEqual([])
    expect(result?.differences.map((one) => one.class).sort()).toEqual(['created', 'precision', 'zero_point'])
  })

  it('compares a classic histogram with the native one that it became, and names the bucket that is not so', async () => {
    const native = (third: number): ScriptedSeries[] => {
      const kept = passedOn(oldSeries(0)).filter(({ labels }) => !(labels['__name__'] ?? '').startsWith('latency_seconds'))
      const points = times.map((timeMs, at): ScriptedSeries['points'][number] => [
        timeMs,
        {
          count: String(at * 4),
          sum: String(at * 1.25),
          buckets: [
            [0, '-Inf', '0.1', String(at)],
            [0, '0.1', '0.5', String(at)],
            [0, '0.5', '1', String(at * third)],
            [0, '1', '+Inf', String(at * (2 - third))],
          ],
        },
      ])
      return [...kept, { labels: { __name__: 'latency_seconds', job: 'node', instance: 'a:9100', ...external }, points }]
    }
    const fine = await compare({}, { series: native(1) })
    expect(unexplained(fine)).toEqual([])
    expect(fine[0]?.differences.map((one) => one.rule)).toContain('12.3 native')
    expect(unexplained(await compare({}, { series: native(0) }))).toEqual([
      { kind: 'changed', path: 'histogram latency_seconds le="1"', count: times.length - 1 },
    ])
  })

  it('takes the factor of the mapping file for what it is', async () => {
    const old = { series: [series('lat_ms', {}, (at) => at)], metadata: { lat_ms: { type: 'gauge' } } }
    const file = new URL('metrics-mapping.yaml', import.meta.url).pathname
    const there = {
      series: [
        {
          ...series('lat.seconds', {}, (at) => at * 0.001),
          labels: { __name__: 'lat.seconds', job: 'node', instance: 'a:9100', ...external },
        },
      ],
    }
    const results = await compare(old, there, { translate: { names: 'semconv', mapping: file } })
    expect(unexplained(results)).toEqual([])
    expect(results[0]?.counts).toMatchObject({ old: times.length, new: times.length })
  })

  it('leaves the label of replicas out, and explains what another one wrote', async () => {
    const old = { external: { cluster: 'here', __replica__: 'a' } }
    const shifted = only('up', (one) => ({ ...one, points: one.points.map(([timeMs, value], at) => [timeMs + (at < 8 ? 500 : 0), value]) }))
    const results = await compare(old, shifted, { translate: { ha: { enabled: true } } })
    expect(unexplained(results)).toEqual([])
    expect(results[0]?.differences.find((one) => one.class === 'ha')).toMatchObject({ path: 'samples at 11:00', rule: '8.5' })
  })

  it('judges the keys that are asked for, by a selector when there is one', async () => {
    expect(await compare({}, {}, { keys: ['other*'] })).toEqual([])
    const [result] = await compare({}, {}, { match: 'http_requests_total{code="200"}' })
    expect(result?.samples).toMatchObject({ asked: 2, equal: 2 })
    expect(result?.differences).toEqual([])
  })

  it('compares answers to queries, the last two steps left out', async () => {
    const queries = ['# of the dashboards', 'queue_jobs => queue_jobs_total', 'up', 'temperature_celsius']
    const colder = changed((one) =>
      one.labels['__name__'] === 'temperature_celsius'
        ? { ...one, points: one.points.map(([timeMs, value]) => [timeMs, typeof value === 'number' ? value - 1 : value]) }
        : withSuffix(one),
    )
    const bare = { series: colder.series.map(({ labels: { cluster: _, ...labels }, points }) => ({ labels, points })) }
    const results = await compare({}, bare, { queries })
    expect(results.map(({ key }) => key)).toEqual(['queue_jobs', 'up', 'temperature_celsius'])
    expect(results[1]?.differences).toEqual([])
    expect(results[1]?.counts.old).toBe(results[1]?.counts.new)
    expect(unexplained(results.slice(2))).toEqual([{ kind: 'changed', path: 'value', count: results[2]?.counts.old }])
  })
})
