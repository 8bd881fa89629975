/** Kibana's APM rules → metrics of spans. Sections 9.3 and 10.5 of the reference. Always approximate: APM counted transactions, and these count spans. */

import { spanMetricNames } from '../traces/span-metrics.ts'
import { durationText } from './durations.ts'
import { type KindConverter, type KindInput, refuse, windowOf } from './kibana-rules-common.ts'
import { compared } from './outcome.ts'
import { memberOf, numberOf, numberText, wordOf, wordsOf } from './plain.ts'

const labelText = (value: string): string => `"${value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`

interface Spans {
  readonly calls: string
  readonly duration: string
  readonly seconds: number
  /** Matchers without braces. */
  readonly matchers: readonly string[]
  readonly by: readonly string[]
  readonly window: number
}

function spansOf(input: KindInput): Spans | undefined {
  const { rule, findings, context, pieces } = input
  const { params } = rule
  const window = windowOf(params, 'windowSize', 'windowUnit')
  if (window === undefined) return refuse(findings, 'the window (windowSize, windowUnit) is not understood')
  const { spanmetrics } = context.options.targets
  const names = spanMetricNames(spanmetrics)
  const groups: ReadonlyMap<string, string> = new Map([
    ['service.name', names.service],
    ['service.environment', 'deployment_environment'],
    ['transaction.name', names.operation],
  ])
  const matchers: string[] = []
  const given = (key: string, label: string): void => {
    const value = wordOf(memberOf(params, key))
    if (value !== undefined && value !== '' && value !== 'ENVIRONMENT_ALL') matchers.push(`${label}=${labelText(value)}`)
  }
  given('serviceName', names.service)
  given('transactionName', names.operation)
  given('environment', 'deployment_environment')
  matchers.push('span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"')
  const wanted = wordsOf(memberOf(params, 'groupBy'))
  const by = (wanted.length === 0 ? ['service.name', 'service.environment'] : wanted).flatMap((one) => groups.get(one) ?? [])
  findings.note(
    'OBD-A-022',
    `spans of servers and consumers stand for transactions; names are those of ${spanmetrics === 'keep' ? 'the connector (nothing is said under targets: spanmetrics)' : spanmetrics}`,
    'approximate',
  )
  if (wordOf(memberOf(params, 'transactionType')) !== undefined)
    findings.note('OBD-A-022', `the type of transactions (${wordOf(memberOf(params, 'transactionType'))}) is left out`)
  if (wordOf(memberOf(params, 'environment')) !== undefined && memberOf(params, 'environment') !== 'ENVIRONMENT_ALL')
    findings.note('OBD-A-022', 'the environment has to be a dimension of the metrics of spans (deployment_environment)')
  if (memberOf(params, 'searchConfiguration') !== undefined)
    findings.note('OBD-A-022', 'the query (searchConfiguration) is left out', 'manual')
  pieces.lookback = Math.max(pieces.lookback, window)
  return { calls: names.calls, duration: names.duration, seconds: names.seconds, matchers, by: [...new Set(by)], window }
}

const selector = (name: string, matchers: readonly string[]): string => `${name}{${matchers.join(', ')}}`

const failed = 'status_code="STATUS_CODE_ERROR"'

/** `apm.transaction_error_rate`: percent of calls that failed. */
export const apmErrorShare: KindConverter = (input) => {
  const spans = spansOf(input)
  const threshold = numberOf(memberOf(input.rule.params, 'threshold'))
  if (spans === undefined) return undefined
  if (threshold === undefined) return refuse(input.findings, 'the threshold is missing')
  const sum = (matchers: readonly string[]): string =>
    `sum by (${spans.by.join(', ')}) (rate(${selector(spans.calls, matchers)}[${durationText(spans.window)}]))`
  const expr = `100 * ${sum([...spans.matchers, failed])} / ${sum(spans.matchers)}`
  return [{ expr: compared(expr, '>=', threshold), language: 'promql' }]
}

/** `apm.error_rate`: number of errors. */
export const apmErrors: KindConverter = (input) => {
  const spans = spansOf(input)
  const threshold = numberOf(memberOf(input.rule.params, 'threshold'))
  if (spans === undefined) return undefined
  if (threshold === undefined) return refuse(input.findings, 'the threshold is missing')
  input.findings.note('OBD-A-022', 'calls that failed stand for errors that were recorded', 'approximate')
  const expr = `sum by (${spans.by.join(', ')}) (increase(${selector(spans.calls, [...spans.matchers, failed])}[${durationText(spans.window)}]))`
  return [{ expr: compared(expr, '>=', threshold), language: 'promql' }]
}

/** `apm.transaction_duration`: mean or percentile, in milliseconds. */
export const apmDuration: KindConverter = (input) => {
  const spans = spansOf(input)
  const { params } = input.rule
  const threshold = numberOf(memberOf(params, 'threshold'))
  if (spans === undefined) return undefined
  if (threshold === undefined) return refuse(input.findings, 'the threshold is missing')
  const kind = wordOf(memberOf(params, 'aggregationType')) ?? 'avg'
  const range = durationText(spans.window)
  const rate = (member: string): string => `rate(${selector(`${spans.duration}${member}`, spans.matchers)}[${range}])`
  const quantile = kind === '95th' ? 0.95 : kind === '99th' ? 0.99 : undefined
  if (quantile === undefined && kind !== 'avg') return refuse(input.findings, `the aggregation ${kind} is not known`)
  const groups = spans.by.join(', ')
  const expr =
    quantile === undefined
      ? `sum by (${groups}) (${rate('_sum')}) / sum by (${groups}) (${rate('_count')})`
      : `histogram_quantile(${numberText(quantile)}, sum by (${['le', ...spans.by].join(', ')}) (${rate('_bucket')}))`
  const limit = Number((threshold * (0.001 / spans.seconds)).toPrecision(12))
  return [{ expr: compared(expr, '>', limit), language: 'promql' }]
}
