import { describe, expect, it } from 'vitest'
import { metricNamingOf, readMetadata } from '../../../dashboards/naming/metrics-config.ts'
import { promqlContext, type Setting } from '../../support/dashboards/promql.ts'

const naming = (setting: Setting = {}) => promqlContext(setting).naming

describe('createMetricNaming', () => {
  it('keeps everything by default, and says so', () => {
    const names = naming()
    expect(names.isIdentity).toBe(true)
    for (const name of ['foo_total', 'foo', 'h_bucket', 'h_sum', 'h_count', 'job:x:rate', 'target_info', 'a__b']) {
      expect(names.metric(name)).toMatchObject({ name, factor: 1, guessed: false })
    }
    expect(names.label('pod')).toEqual({ kind: 'kept' })
  })

  // What Prometheus shows of metrics of known types: section 12.1 of the mapping.
  it.each([
    ['UnderscoreEscapingWithSuffixes', 'requests_no_suffix', 'requests_no_suffix_total'],
    ['UnderscoreEscapingWithoutSuffixes', 'requests_no_suffix', 'requests_no_suffix'],
    ['NoUTF8EscapingWithSuffixes', 'requests_no_suffix', 'requests_no_suffix_total'],
    ['NoTranslation', 'requests_no_suffix', 'requests_no_suffix'],
    ['UnderscoreEscapingWithSuffixes', 'a__b', 'a_b'],
    ['UnderscoreEscapingWithSuffixes', '_lead_metric', 'lead_metric'],
    ['NoTranslation', '_lead_metric', '_lead_metric'],
  ])('%s: %s is %s', (strategy, old, name) => {
    expect(
      naming({ targets: { strategy }, metadata: { requests_no_suffix: 'counter', a__b: 'gauge', _lead_metric: 'gauge' } }).metric(old).name,
    ).toBe(name)
  })

  it('says what became of labels', () => {
    const names = naming({
      mapping: { labels: { a: 'b', gone: null }, metrics: { m: { labels: { a: 'c' } } } },
      translate: { resourceLabels: { pod: 'k8s.pod.name' } },
    })
    expect(names.metric('x').label('a')).toEqual({ kind: 'renamed', to: 'b' })
    expect(names.metric('m').label('a')).toEqual({ kind: 'renamed', to: 'c' })
    expect(names.metric('x').label('pod')).toEqual({ kind: 'resource', to: 'k8s_pod_name' })
    expect(names.metric('x:y').label('pod')).toEqual({ kind: 'renamed', to: 'k8s_pod_name' })
    expect(names.metric('x').label('gone').kind).toBe('gone')
    for (const label of ['job', 'instance', 'other']) expect(names.metric('x').label(label)).toEqual({ kind: 'kept' })
    expect([...(names.moved ?? [])].sort()).toEqual(['a', 'gone', 'pod'])
    expect(names.isIdentity).toBe(false)
  })

  it('gives labels of the resource back that the backend promotes', () => {
    const names = naming({ translate: { resourceLabels: { pod: 'k8s.pod.name' } }, targets: { promoted: ['k8s.pod.name'] } })
    expect(names.metric('x').label('pod')).toEqual({ kind: 'renamed', to: 'k8s_pod_name' })
  })

  it('gives labels of target_info their dots where the bridge does', () => {
    expect(
      naming({ translate: { targetInfo: { dotted: true } }, targets: { strategy: 'NoTranslation' } })
        .metric('target_info')
        .label('k8s_pod_name'),
    ).toEqual({
      kind: 'renamed',
      to: 'k8s.pod.name',
    })
    expect(naming().metric('target_info').label('k8s_pod_name')).toEqual({ kind: 'kept' })
  })

  it('scales values, sums and bounds, and not counts', () => {
    const names = naming({ mapping: { metrics: { ms: { name: 's', factor: 0.001 }, h: { name: 'g', factor: 0.001, type: 'histogram' } } } })
    expect(names.metric('ms')).toMatchObject({ name: 's', factor: 0.001 })
    expect(names.metric('h_sum')).toMatchObject({ name: 'g_sum', factor: 0.001 })
    expect(names.metric('h_count')).toMatchObject({ name: 'g_count', factor: 1 })
    expect(names.metric('h_bucket')).toMatchObject({ name: 'g_bucket', factor: 1, bounds: 0.001 })
  })

  it('knows members of what is stored natively', () => {
    const names = naming({ targets: { native_histograms: true }, metadata: { h: 'histogram', s: 'summary' } })
    expect(names.metric('h_bucket')).toMatchObject({ name: 'h', native: 'bucket' })
    expect(names.metric('h_sum')).toMatchObject({ name: 'h', native: 'sum' })
    expect(names.metric('s_sum').native).toBeUndefined()
    expect(names.metric('who_knows_count')).toMatchObject({ native: undefined, guessed: true })
  })

  it('says when a name depends on a type that nobody said', () => {
    const names = naming({ targets: { strategy: 'UnderscoreEscapingWithSuffixes' }, metadata: { g: 'gauge' } })
    expect([names.metric('x').guessed, names.metric('g').guessed, names.metric('x_total').guessed]).toEqual([true, false, false])
  })

  it('gives the same answer in any order of questions', () => {
    const setting: Setting = { targets: { strategy: 'UnderscoreEscapingWithSuffixes' } }
    const all = ['h_count', 'h_bucket', 'h_sum', 'h', 'h_total']
    const ask = (order: readonly string[]) => {
      const names = naming(setting)
      const answers = new Map(order.map((name) => [name, names.metric(name).name]))
      return all.map((name) => answers.get(name))
    }
    expect(ask(all)).toEqual(ask(all.toReversed()))
  })
})

describe('readMetadata', () => {
  it('takes the last type that is known, and survives what is no metadata', () => {
    const said = readMetadata({
      status: 'success',
      data: { a: [{ type: 'counter' }, { type: 'gauge', unit: 's' }, { type: 'unknown' }], b: 'x', c: [null] },
    })
    expect([...said]).toEqual([['a', { type: 'gauge', help: '', unit: 's' }]])
    for (const none of [null, 3, [], { data: [] }]) expect(readMetadata(none).size).toBe(0)
  })
})

describe('metricNamingOf', () => {
  it('knows names of series that metadata speaks of', () => {
    const { naming: names } = promqlContext({ metadata: { h: 'histogram', c: 'counter' } })
    expect([...(names.known ?? [])]).toEqual(['h', 'h_bucket', 'h_sum', 'h_count', 'c', 'c_total'])
    expect(metricNamingOf).toBeTypeOf('function')
    expect(naming().known).toBeUndefined()
  })
})
