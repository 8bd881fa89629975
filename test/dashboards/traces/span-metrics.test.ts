import { describe, expect, it } from 'vitest'
import type { MetricNaming } from '../../../dashboards/naming/metrics.ts'
import { withSpanMetrics } from '../../../dashboards/traces/span-metrics.ts'

const same: MetricNaming = {
  metric: (name) => ({ name, factor: 1, label: () => ({ kind: 'kept' }), guessed: false }),
  label: () => ({ kind: 'kept' }),
  known: undefined,
  isIdentity: true,
}

describe('withSpanMetrics', () => {
  it('is the naming itself when nothing is said', () => {
    expect(withSpanMetrics(same, 'keep')).toBe(same)
  })

  it.each([
    ['tempo', 'latency_bucket', 'traces_spanmetrics_latency_bucket', 0.001],
    ['tempo', 'latency_count', 'traces_spanmetrics_latency_count', 1],
    ['tempo', 'calls_total', 'traces_spanmetrics_calls_total', 1],
    ['connector', 'latency_sum', 'traces_span_metrics_duration_milliseconds_sum', 1],
    ['connector-seconds', 'duration_milliseconds_bucket', 'traces_span_metrics_duration_seconds_bucket', 0.001],
    ['processor', 'traces_spanmetrics_latency_bucket', 'latency_bucket', 1000],
    ['tempo', 'traces_spanmetrics_latency_sum', 'traces_spanmetrics_latency_sum', 1],
    ['tempo', 'http_requests_total', 'http_requests_total', 1],
    // Not a member of a histogram: somebody else's metric.
    ['tempo', 'latency', 'latency', 1],
  ] as const)('for %s calls %s %s, %f times', (to, name, expected, factor) => {
    const target = withSpanMetrics(same, to).metric(name)
    expect([target.name, target.factor]).toEqual([expected, factor])
  })

  it('renames labels of these metrics alone', () => {
    const naming = withSpanMetrics(same, 'tempo')
    expect(naming.metric('latency_bucket').label('operation')).toEqual({ kind: 'renamed', to: 'span_name' })
    expect(naming.metric('latency_bucket').label('service_name')).toEqual({ kind: 'renamed', to: 'service' })
    expect(naming.metric('latency_bucket').label('span_kind')).toEqual({ kind: 'kept' })
    expect(naming.metric('other_total').label('operation')).toEqual({ kind: 'kept' })
    expect(naming.label('operation')).toEqual({ kind: 'kept' })
  })
})
