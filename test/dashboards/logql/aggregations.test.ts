/** Section 7.4 of the reference, row by row. */

import { describe, expect, it } from 'vitest'
import type { Aggregate, Bucket, Metric, Value } from '../../../dashboards/logql/query.ts'
import { ask, fields, kql } from '../../support/dashboards/log-context.ts'

const of = (op: Aggregate['op'], field?: string, more: Partial<Aggregate> = {}): Aggregate => ({ kind: 'aggregate', op, field, ...more })
const metric = (value: Value, id = '1', label?: string): Metric => ({ id, label, value })
const time = (interval?: string): Bucket => ({ kind: 'time', interval })
const terms = (field: string, more: Partial<Extract<Bucket, { kind: 'terms' }>> = {}): Bucket => ({
  kind: 'terms',
  fields: [field],
  ...more,
})
const shop = kql('service.name: shop')
const S = '{service_name="shop"}'
const d = '| d!="" | unwrap d | __error__=""'

/** Expressions and statuses. */
const shown = (made: ReturnType<typeof ask>) => made.targets.map((one) => [one.expr, one.status])
const series = (value: Value, buckets: readonly Bucket[] = [time('5m')]) => ask({ filter: shop, metrics: [metric(value)], buckets })
const table = (value: Value, buckets: readonly Bucket[]) => ask({ filter: shop, metrics: [metric(value)], buckets, shape: 'instant' })

describe('logTargets', () => {
  it.each<readonly [string, Value, string, string]>([
    ['count', of('count'), `sum(count_over_time(${S} [5m])) or vector(0)`, `sum by (g) (count_over_time(${S} | g!="" [5m]))`],
    [
      'count of a field',
      of('count', 'd'),
      `sum(count_over_time(${S} | d!="" [5m])) or vector(0)`,
      `sum by (g) (count_over_time(${S} | g!="" | d!="" [5m]))`,
    ],
    ['sum', of('sum', 'd'), `sum(sum_over_time(${S} ${d} [5m]))`, `sum by (g) (sum_over_time(${S} | g!="" ${d} [5m]))`],
    ['avg', of('avg', 'd'), `avg_over_time(${S} ${d} [5m]) by ()`, `avg_over_time(${S} | g!="" ${d} [5m]) by (g)`],
    ['min', of('min', 'd'), `min_over_time(${S} ${d} [5m]) by ()`, `min_over_time(${S} | g!="" ${d} [5m]) by (g)`],
    ['max', of('max', 'd'), `max_over_time(${S} ${d} [5m]) by ()`, `max_over_time(${S} | g!="" ${d} [5m]) by (g)`],
    [
      'median',
      of('median', 'd'),
      `quantile_over_time(0.5, ${S} ${d} [5m]) by ()`,
      `quantile_over_time(0.5, ${S} | g!="" ${d} [5m]) by (g)`,
    ],
    [
      'percentile',
      of('percentile', 'd', { percent: 99.9 }),
      `quantile_over_time(0.999, ${S} ${d} [5m]) by ()`,
      `quantile_over_time(0.999, ${S} | g!="" ${d} [5m]) by (g)`,
    ],
    [
      'percentile_rank',
      of('percentile_rank', 'd', { threshold: 100 }),
      `100 * sum(count_over_time(${S} | d <= 100 [5m])) / sum(count_over_time(${S} | d!="" [5m]))`,
      `100 * sum by (g) (count_over_time(${S} | g!="" | d <= 100 [5m])) / sum by (g) (count_over_time(${S} | g!="" | d!="" [5m]))`,
    ],
    ['standard deviation', of('stddev', 'd'), `stddev_over_time(${S} ${d} [5m]) by ()`, `stddev_over_time(${S} | g!="" ${d} [5m]) by (g)`],
    ['variance', of('variance', 'd'), `stdvar_over_time(${S} ${d} [5m]) by ()`, `stdvar_over_time(${S} | g!="" ${d} [5m]) by (g)`],
    [
      'unique_count',
      of('unique', 'u'),
      `count(sum by (u) (count_over_time(${S} | u!="" [5m])))`,
      `count by (g) (sum by (g, u) (count_over_time(${S} | g!="" | u!="" [5m])))`,
    ],
    ['last_value', of('last', 'd'), `last_over_time(${S} ${d} [5m]) by ()`, `last_over_time(${S} | g!="" ${d} [5m]) by (g)`],
    ['rate', of('rate'), `sum(rate(${S} [5m])) or vector(0)`, `sum by (g) (rate(${S} | g!="" [5m]))`],
  ])('makes %s, ungrouped and grouped, exactly', (_, value, alone, grouped) => {
    expect(shown(series(value))).toEqual([[alone, 'exact']])
    expect(shown(series(value, [terms('g'), time('5m')]))).toEqual([[grouped, 'exact']])
  })

  it('takes the whole range for tables, and Grafana’s interval where none is fixed', () => {
    expect(shown(table(of('sum', 'd'), []))).toEqual([[`sum(sum_over_time(${S} ${d} [$__range]))`, 'exact']])
    expect(shown(series(of('sum', 'd'), [time()]))).toEqual([[`sum(sum_over_time(${S} ${d} [$__interval]))`, 'exact']])
    expect(shown(series(of('sum', 'd'), [time('>=1m')]))).toEqual([[`sum(sum_over_time(${S} ${d} [$__interval]))`, 'exact']])
    expect(series(of('count'), [time('90s')]).targets[0]?.step).toBe('90s')
  })

  it('calls buckets of a calendar approximate', () => {
    expect(shown(series(of('rate', 'd'), [time('1M')]))).toEqual([[`sum(rate(${S} ${d} [30d]))`, 'approximate']])
    expect(series(of('count'), [{ kind: 'time', interval: '1d', calendar: true }]).status).toBe('approximate')
  })

  it('shows documents, and the latest text, as lines', () => {
    const made = ask({ filter: shop, shape: 'logs', columns: ['log.level', 'message', '@timestamp'], limit: 50 })
    expect(made).toMatchObject({ isLogs: true, limit: 50, status: 'exact', labels: { 'log.level': 'severity_text' } })
    expect(made.targets[0]?.expr).toBe(`${S} | line_format \`{{ .severity_text }} {{ __line__ }}\``)
    const text = table(of('last', 'user_agent.name', { isText: true }), [])
    expect([text.isLogs, text.status, text.targets[0]?.expr]).toEqual([
      true,
      'approximate',
      `${S} | line_format \`{{ .user_agent_name }}\``,
    ])
    expect(series(of('documents')).isLogs).toBe(true)
    expect(ask({ shape: 'logs', sort: { field: 'f', direction: 'asc' } }).status).toBe('approximate')
    expect(ask({ shape: 'logs', limit: 9000 })).toMatchObject({ limit: 5000, status: 'approximate' })
  })

  it('makes a rate for a unit of time', () => {
    expect(shown(series({ kind: 'per', seconds: 60, of: of('count') }))).toEqual([[`(sum(rate(${S} [5m])) or vector(0)) * 60`, 'exact']])
    expect(shown(series({ kind: 'per', seconds: 1, of: of('avg', 'd') }))).toEqual([
      [`(avg_over_time(${S} ${d} [5m]) by ()) / 300`, 'exact'],
    ])
  })

  it('makes filters one target each', () => {
    const filters = [
      { label: 'errors', filter: kql('a: 1') },
      { label: 'rest', filter: kql('not a: 1') },
    ]
    const made = ask({ filter: shop, metrics: [metric(of('count'), 'c', 'Count')], buckets: [{ kind: 'filters', filters }, time('5m')] })
    expect(made.targets.map((one) => [one.expr, one.legend, one.bucket])).toEqual([
      [`sum(count_over_time(${S} | a="1" [5m])) or vector(0)`, 'errors', 'errors'],
      [`sum(count_over_time(${S} | a!="1" [5m])) or vector(0)`, 'rest', 'rest'],
    ])
  })

  it('filters one number of several', () => {
    expect(shown(series(of('avg', 'd', { filter: kql('a < 5') })))).toEqual([
      [`avg_over_time(${S} | d!="" | a < 5 | unwrap d | __error__="" [5m]) by ()`, 'exact'],
    ])
  })

  it('ranks groups of tables only', () => {
    const first = terms('g', { size: 5, order: { by: 'count', direction: 'desc' } })
    expect(shown(table(of('count'), [first]))).toEqual([[`topk(5, sum by (g) (count_over_time(${S} | g!="" [$__range])))`, 'exact']])
    expect(shown(table(of('count'), [terms('g', { size: 5, order: { by: 'count', direction: 'asc' } })]))).toEqual([
      [`bottomk(5, sum by (g) (count_over_time(${S} | g!="" [$__range])))`, 'exact'],
    ])
    expect(shown(table(of('avg', 'd'), [terms('g', { size: 5, order: { by: { metric: '1' }, direction: 'desc' } })]))).toEqual([
      [`topk(5, avg_over_time(${S} | g!="" ${d} [$__range]) by (g))`, 'exact'],
    ])
    const over = series(of('count'), [first, time('5m')])
    expect(shown(over)).toEqual([[`sum by (g) (count_over_time(${S} | g!="" [5m]))`, 'approximate']])
    expect(over.notes.map((one) => one.code)).toEqual(['OBD-L-020'])
    expect(table(of('avg', 'd'), [first]).status).toBe('approximate')
  })

  it('makes the others a difference', () => {
    const made = table(of('count'), [terms('g', { size: 2, other: true })])
    expect(made.targets.map((one) => [one.legend, one.status])).toEqual([
      ['{{g}}', 'exact'],
      ['Other', 'approximate'],
    ])
    const top = `topk(2, sum by (g) (count_over_time(${S} | g!="" [$__range])))`
    expect(made.targets[1]?.expr).toBe(`sum(count_over_time(${S} | g!="" [$__range])) - sum(${top})`)
  })

  it('keeps documents without the field only where they are a group', () => {
    expect(shown(table(of('sum', 'd'), [terms('g', { missing: true })]))).toEqual([
      [`sum by (g) (sum_over_time(${S} ${d} [$__range]))`, 'exact'],
    ])
  })

  it('orders by name with transformations', () => {
    const made = table(of('count'), [terms('g', { size: 3, order: { by: 'key', direction: 'asc' } })])
    expect(made.afterSteps.map((one) => one.id)).toEqual(['sortBy', 'limit'])
  })

  it('groups by several fields', () => {
    const made = table(of('count'), [{ kind: 'terms', fields: ['a', 'service.name'] }])
    expect(shown(made)).toEqual([[`sum by (a, service_name) (count_over_time(${S} | a!="" [$__range]))`, 'exact']])
    expect(made.labels).toEqual({ a: 'a', 'service.name': 'service_name' })
  })

  it('keeps and leaves out terms', () => {
    expect(shown(table(of('sum', 'd'), [terms('g', { include: 'a.*', exclude: ['ab'] })]))).toEqual([
      [`sum by (g) (sum_over_time(${S} | g!="" | g!="ab" | d!="" | g=~"^a.*" | unwrap d | __error__="" [$__range]))`, 'exact'],
    ])
  })

  it('makes steps of a number in a template', () => {
    const made = table(of('count'), [{ kind: 'histogram', field: 'd', step: 50 }])
    expect(shown(made)).toEqual([
      [
        `sum by (bucket) (count_over_time(${S} | d!="" | label_format bucket=\`{{ mulf (floor (divf .d 50)) 50 }}\` [$__range]))`,
        'approximate',
      ],
    ])
  })

  it('makes ranges one target each', () => {
    const made = table(of('sum', 'd'), [
      { kind: 'ranges', field: 's', ranges: [{ to: 5 }, { from: 5, to: 9, label: 'middle' }, { from: 9 }] },
    ])
    expect(made.targets.map((one) => [one.legend, one.expr.split('"} ')[1]])).toEqual([
      ['*-5', '| d!="" | s < 5 | unwrap d | __error__="" [$__range]))'],
      ['middle', '| d!="" | s >= 5 | s < 9 | unwrap d | __error__="" [$__range]))'],
      ['9-*', '| d!="" | s >= 9 | unwrap d | __error__="" [$__range]))'],
    ])
  })

  it('makes ranges of addresses', () => {
    const ranges = [{ from: '10.0.0.0/8' }, { from: '10.0.0.0', to: '10.0.1.0' }, { to: '10.0.0.0' }, { from: '11.0.0.0' }]
    const made = table(of('rate'), [{ kind: 'ranges', field: 'client.ip', ranges }])
    expect(made.targets.map((one) => /ip\("([^"]*)"\)/.exec(one.expr)?.[1])).toEqual([
      '10.0.0.0/8',
      '10.0.0.0-10.0.0.255',
      '0.0.0.0-9.255.255.255',
      '11.0.0.0-255.255.255.255',
    ])
  })

  it('makes ranges of dates look back', () => {
    const ranges = [{ from: 'now-1d' }, { from: 'now-2d', to: 'now-1d' }]
    expect(shown(table(of('sum', 'd'), [{ kind: 'date_ranges', ranges }]))).toEqual([
      [`sum(sum_over_time(${S} ${d} [1d]))`, 'approximate'],
      [`sum(sum_over_time(${S} [1d] offset 1d ${d}))`, 'approximate'],
    ])
    expect(table(of('count'), [{ kind: 'date_ranges', ranges: [{ from: '2020-01-01' }] }]).status).toBe('unsupported')
  })

  it('has nothing for geometry, significant and rare terms', () => {
    const made = table(of('count'), [{ kind: 'unsupported', what: 'geohash_grid', field: 'g' }])
    expect([made.status, made.targets[0]?.expr]).toEqual(['unsupported', ''])
    expect(made.notes.map((one) => one.code)).toContain('OBD-L-024')
  })

  it('makes derivatives and serial differences on each window', () => {
    const max = `max_over_time(${S} ${d} [5m]) by ()`
    const earlier = (offset: string) => `max_over_time(${S} [5m] offset ${offset} ${d}) by ()`
    const difference = { kind: 'difference', lag: 1, positive: false, of: of('max', 'd') } as const
    expect(shown(series(difference))).toEqual([[`(${max}) - (${earlier('5m')})`, 'exact']])
    expect(shown(series({ ...difference, lag: 12 }))).toEqual([[`(${max}) - (${earlier('1h')})`, 'exact']])
    expect(shown(series({ ...difference, positive: true, perSeconds: 1 }))).toEqual([
      [`(((${max}) - (${earlier('5m')})) >= 0) / 300`, 'exact'],
    ])
    expect(shown(series({ ...difference, perSeconds: 60 }, [time()]))[0]?.[0]).toContain('/ ($__interval_ms / 1000)) * 60')
    expect(series({ ...difference, lag: 2 }, [time()]).status).toBe('unsupported')
  })

  it('leaves windows of buckets to Grafana', () => {
    const made = ask({
      filter: shop,
      metrics: [metric({ kind: 'window', fn: 'moving_avg', size: 5, of: of('count') }, 'm', 'average')],
      buckets: [time('1h')],
    })
    expect(shown(made)).toEqual([[`sum(count_over_time(${S} [1h])) or vector(0)`, 'approximate']])
    expect(made.afterSteps).toEqual([
      {
        id: 'calculateField',
        options: {
          mode: 'windowFunctions',
          replaceFields: true,
          window: { field: 'average', reducer: 'mean', windowAlignment: 'trailing', windowSize: 5, windowSizeMode: 'fixed' },
        },
      },
    ])
    expect(series({ kind: 'window', fn: 'cumulative_sum', of: of('count') }, [terms('g'), time()]).status).toBe('manual')
    expect(ask({ metrics: [metric({ kind: 'window', fn: 'overall_max', of: of('count') })] }, { alert: true }).status).toBe('unsupported')
  })

  it('makes arithmetic of the pieces', () => {
    const ratio: Value = {
      kind: 'arithmetic',
      op: '*',
      left: { kind: 'number', value: 100 },
      right: { kind: 'arithmetic', op: '/', left: of('count', undefined, { filter: kql('a: 1') }), right: of('count') },
    }
    expect(shown(series(ratio))).toEqual([
      [`100 * ((sum(count_over_time(${S} | a="1" [5m])) or vector(0)) / sum(count_over_time(${S} [5m])))`, 'exact'],
    ])
    expect(shown(series({ kind: 'compare', op: '>', left: of('sum', 'd'), right: { kind: 'number', value: 1e21 } }))).toEqual([
      [`sum(sum_over_time(${S} ${d} [5m])) > bool 1000000000000000000000`, 'exact'],
    ])
    expect(shown(series({ kind: 'function', name: 'sqrt', of: of('sum', 'd') }))).toEqual([
      [`sum(sum_over_time(${S} ${d} [5m])) ^ 0.5`, 'exact'],
    ])
    expect(series({ kind: 'function', name: 'abs', of: of('sum', 'd') })).toMatchObject({
      status: 'approximate',
      afterSteps: [{ id: 'calculateField' }],
    })
    expect(
      series({ kind: 'arithmetic', op: '+', left: { kind: 'function', name: 'abs', of: of('count') }, right: of('count') }).status,
    ).toBe('unsupported')
  })

  it('looks back', () => {
    expect(shown(series(of('rate', 'd', { shift: '1w' })))).toEqual([[`sum(rate(${S} [5m] offset 1w ${d}))`, 'exact']])
    expect(
      shown(
        ask({ filter: shop, metrics: [metric(of('rate', undefined, { shift: '1d' }))], buckets: [terms('g'), time('5m')], shift: '1h' }),
      ),
    ).toEqual([[`sum by (g) (rate(${S} | g!="" [5m] offset 25h))`, 'exact']])
  })

  it('makes a constant of a number', () => {
    expect(shown(series({ kind: 'number', value: 3.5 }))).toEqual([['vector(3.5)', 'exact']])
  })

  it('has no rate of a counter in documents', () => {
    expect(series({ kind: 'counter_rate', perSeconds: 1, of: of('max', 'd') }).status).toBe('unsupported')
  })

  it('adds no zero to what a rule compares', () => {
    expect(shown(ask({ filter: shop, metrics: [metric(of('count'))], shape: 'instant', interval: '10m' }, { alert: true }))).toEqual([
      [`sum(count_over_time(${S} [10m]))`, 'exact'],
    ])
  })

  it('names series by their groups, and by the number where there are several', () => {
    const made = ask({
      metrics: [metric(of('count'), 'a', 'Requests'), metric(of('sum', 'd'), 'b', 'Bytes')],
      buckets: [terms('g'), time()],
    })
    expect(made.targets.map((one) => one.legend)).toEqual(['Requests {{g}}', 'Bytes {{g}}'])
    expect(ask({ metrics: [metric(of('count'), 'a', 'Requests')] }).targets[0]?.legend).toBe('Requests')
  })

  it('writes nothing for a filter that cannot be asked', () => {
    const made = ask({ filter: kql('f > abc'), metrics: [metric(of('count'))] })
    expect([made.status, made.targets[0]?.expr]).toEqual(['unsupported', ''])
  })

  it('lists the fields that were asked', () => {
    const made = ask({ filter: kql('a: 1 and not b: 2'), metrics: [metric(of('avg', 'd'))], buckets: [terms('g')] })
    expect([...made.uses.fields].sort()).toEqual(['a', 'b', 'd', 'g'])
  })
})

describe('logTargets of documents that became metrics', () => {
  const index = 'metricbeat-*'
  const m = (value: Value, buckets: readonly Bucket[] = [time()], filter = 'event.module: system') =>
    shown(ask({ index, filter: kql(filter), metrics: [metric(value)], buckets }))

  it('asks gauges that are named by their paths', () => {
    expect(fields.areMetrics('metricbeat-7.17')).toBe(true)
    const of = (op: Aggregate['op']): Value => ({ kind: 'aggregate', op, field: 'system.cpu.total.pct' })
    const name = 'system_cpu_total_pct{event_module="system"}[$__interval]'
    expect(m(of('avg'))).toEqual([[`avg(avg_over_time(${name}))`, 'exact']])
    expect(m(of('max'), [terms('host.name'), time()])).toEqual([[`max by (host_name) (max_over_time(${name}))`, 'exact']])
    expect(m(of('last'))).toEqual([[`max(last_over_time(${name}))`, 'exact']])
    expect(m(of('percentile'))[0]?.[1]).toBe('approximate')
    expect(m(of('unique'))[0]?.[1]).toBe('unsupported')
  })

  it('has no number of documents', () => {
    expect(m(of('count'))).toEqual([['', 'unsupported']])
  })

  it('takes the growth of a counter as its rate', () => {
    const grown = {
      kind: 'difference',
      lag: 1,
      positive: true,
      of: { kind: 'aggregate', op: 'max', field: 'system.network.in.bytes' },
    } as const
    expect(m({ ...grown, perSeconds: 1 }, [terms('host.name'), time()], '*')).toEqual([
      ['max by (host_name) (rate(system_network_in_bytes[$__rate_interval]))', 'approximate'],
    ])
    expect(m({ ...grown, perSeconds: 60 }, [time('1m')], '*')).toEqual([['max(rate(system_network_in_bytes[1m])) * 60', 'approximate']])
  })

  it('says what has to be promoted', () => {
    const made = ask({ index, metrics: [metric(of('avg', 'system.load.1'))], buckets: [terms('cloud.region'), time()] })
    expect(made.status).toBe('manual')
    expect(made.notes.map((one) => one.code)).toContain('OBD-L-042')
    expect(
      ask({ index, metrics: [metric(of('avg', 'system.load.1'))], buckets: [terms('service.name'), time()] }).targets[0]?.expr,
    ).toContain('by (job)')
  })

  it('has no alternatives of several labels', () => {
    expect(m(of('avg', 'a'), [time()], 'b: 1 or c: 2')[0]?.[1]).toBe('unsupported')
    expect(m(of('avg', 'a'), [time()], 'b: 1 or b: "2.x"')).toEqual([['avg(avg_over_time(a{b=~"1|2\\\\.x"}[$__interval]))', 'exact']])
  })
})
