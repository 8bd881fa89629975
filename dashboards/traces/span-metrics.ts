/** Metrics that somebody makes of spans, by who makes them: section 9.3 of the reference. A {@link MetricNaming} in front of another one, which knows these names only. */

import type { LabelTarget, MetricNaming, MetricTarget } from '../naming/metrics.ts'
import type { Targets } from '../targets.ts'

type Producer = Exclude<Targets['spanmetrics'], 'keep'>

interface Names {
  readonly calls: string
  /** Without `_bucket`, `_sum`, `_count`. */
  readonly duration: string
  /** Seconds of its unit. */
  readonly seconds: number
  readonly service: string
  readonly operation: string
}

const producers: Readonly<Record<Producer, Names>> = {
  processor: { calls: 'calls_total', duration: 'latency', seconds: 0.001, service: 'service_name', operation: 'operation' },
  connector: {
    calls: 'traces_span_metrics_calls_total',
    duration: 'traces_span_metrics_duration_milliseconds',
    seconds: 0.001,
    service: 'service_name',
    operation: 'span_name',
  },
  'connector-seconds': {
    calls: 'traces_span_metrics_calls_total',
    duration: 'traces_span_metrics_duration_seconds',
    seconds: 1,
    service: 'service_name',
    operation: 'span_name',
  },
  tempo: {
    calls: 'traces_spanmetrics_calls_total',
    duration: 'traces_spanmetrics_latency',
    seconds: 1,
    service: 'service',
    operation: 'span_name',
  },
}

/** Names of calls and of durations that any of them, or an older version, is known to write; with seconds of the unit. */
const calls: ReadonlySet<string> = new Set([
  'calls',
  'calls_total',
  'traces_span_metrics_calls_total',
  'traces_spanmetrics_calls_total',
  'traces_span_metrics_calls',
])
const durations: ReadonlyMap<string, number> = new Map([
  ['latency', 0.001],
  ['duration', 0.001],
  ['duration_milliseconds', 0.001],
  ['duration_seconds', 1],
  ['traces_span_metrics_duration', 0.001],
  ['traces_span_metrics_duration_milliseconds', 0.001],
  ['traces_span_metrics_duration_seconds', 1],
  ['traces_spanmetrics_latency', 1],
])

const members = /^(.*?)(_bucket|_sum|_count)?$/

const serviceLabels: ReadonlySet<string> = new Set(['service_name', 'service'])
const operationLabels: ReadonlySet<string> = new Set(['operation', 'span_name'])

const labelOf = (name: string, { service, operation }: Names): LabelTarget => {
  const to = serviceLabels.has(name) ? service : operationLabels.has(name) ? operation : name
  return to === name ? { kind: 'kept' } : { kind: 'renamed', to }
}

function targetOf(name: string, to: Names): MetricTarget | undefined {
  const label = (one: string): LabelTarget => labelOf(one, to)
  if (calls.has(name)) return { name: to.calls, factor: 1, label, guessed: false }
  const [, base = '', member = ''] = members.exec(name) ?? []
  const seconds = durations.get(base)
  if (seconds === undefined || member === '') return undefined
  // Counts count, whatever the unit.
  return { name: `${to.duration}${member}`, factor: member === '_count' ? 1 : seconds / to.seconds, label, guessed: false }
}

/**
 * Names of span metrics as `spanmetrics` says, all others as `inner` does.
 * @param spanmetrics who makes them now; `keep`: `inner` alone decides
 */
export function withSpanMetrics(inner: MetricNaming, spanmetrics: Targets['spanmetrics']): MetricNaming {
  if (spanmetrics === 'keep') return inner
  const to = producers[spanmetrics]
  return {
    metric: (name) => targetOf(name, to) ?? inner.metric(name),
    label: (name) => inner.label(name),
    known: inner.known,
    isIdentity: false,
  }
}

/** Names that a query for calls or durations of spans has to use. */
export const spanMetricNames = (spanmetrics: Targets['spanmetrics']): Names => producers[spanmetrics === 'keep' ? 'connector' : spanmetrics]
