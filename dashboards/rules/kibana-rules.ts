/** Rules of Kibana → rules of Loki, Prometheus or Grafana. Section 10.5 of the reference. */

import type { Converted, Item, Note } from '../model.ts'
import type { Context } from '../options.ts'
import type { Converter, Source } from '../registry.ts'
import { Findings } from './alert-rule.ts'
import { durationText } from './durations.ts'
import { apmDuration, apmErrorShare, apmErrors } from './kibana-rules-apm.ts'
import type { KindConverter } from './kibana-rules-common.ts'
import { esQuery, indexThreshold, logThreshold } from './kibana-rules-logs.ts'
import { customThreshold, inventoryThreshold, metricThreshold } from './kibana-rules-metrics.ts'
import { type KibanaFile, type KibanaRule, readKibanaRules } from './kibana-rules-read.ts'
import { burnRate, monitorStatus, monitorTls } from './kibana-rules-slo.ts'
import { LogPieces } from './log-pieces.ts'
import { annotationOf, literalText } from './mustache.ts'
import { aboutFile, convertedRules, type Outcome } from './outcome.ts'
import { isSecretKey, maskSecrets, receiverPart, routeSketch } from './receivers.ts'

const kinds: ReadonlyMap<string, KindConverter> = new Map([
  ['.es-query', esQuery],
  ['.index-threshold', indexThreshold],
  ['logs.alert.document.count', logThreshold],
  ['metrics.alert.threshold', metricThreshold],
  ['metrics.alert.inventory.threshold', inventoryThreshold],
  ['observability.rules.custom_threshold', customThreshold],
  ['apm.error_rate', apmErrors],
  ['apm.transaction_duration', apmDuration],
  ['apm.transaction_error_rate', apmErrorShare],
  ['slo.rules.burnRate', burnRate],
  ['xpack.uptime.alerts.monitorStatus', monitorStatus],
  ['xpack.synthetics.alerts.monitorStatus', monitorStatus],
  ['xpack.uptime.alerts.tls', monitorTls],
  ['xpack.uptime.alerts.tlsCertificate', monitorTls],
  ['xpack.synthetics.alerts.tls', monitorTls],
])

/** Why a kind has no counterpart. */
function refusal(type: string): string {
  if (type.startsWith('siem.')) return `${type}: rules of security go by way of Sigma, whose tools write Loki rules`
  if (/^(xpack\.ml|apm\.anomaly|xpack\.uptime\.alerts\.durationAnomaly)/.test(type)) return `${type}: machine learning decides`
  if (/geo/.test(type)) return `${type}: places decide`
  if (/^(monitoring_|xpack\.monitoring)/.test(type)) return `${type}: watches Elasticsearch itself`
  return `${type} is a kind of rule that is not known`
}

/** What a rule says when it fires. */
function annotationsOf(rule: KibanaRule, labels: ReadonlyMap<string, string>, findings: Findings): Record<string, string> {
  const resolve = (path: string): string | undefined => {
    if (path === 'context.value' || path === 'context.matchingDocuments' || path === 'context.hits.total') return '{{ $value }}'
    if (path === 'rule.name' || path === 'alertName' || path === 'context.title') return literalText(rule.name)
    if (path === 'context.group' || path === 'alert.id')
      return [...labels.values()].map((label) => `{{ $labels.${label} }}`).join(', ') || undefined
    const grouped = /^(?:context\.)?(?:groupByKeys|grouping)\.(.+)$/.exec(path)?.[1] ?? path.replace(/^context\./, '')
    const label = labels.get(grouped)
    return label === undefined ? undefined : `{{ $labels.${label} }}`
  }
  const message = rule.actions.find((action) => action.message !== undefined)?.message
  if (message === undefined) return { summary: literalText(rule.name) }
  const { text, lost } = annotationOf(maskSecrets(message), resolve)
  if (lost.length > 0) findings.note('OBD-A-005', `the text names ${lost.join(', ')}, which no label of the alert holds`)
  return { summary: literalText(rule.name), description: text }
}

/** Tags as one label; `key:value` and `key=value` as labels of their own would be guessed. */
const labelsOf = (rule: KibanaRule): Record<string, string> => ({
  ...(rule.tags.length === 0 ? {} : { tags: rule.tags.join(',') }),
  ...(rule.actions.length === 0 ? {} : { kibana_actions: [...new Set(rule.actions.map(({ name }) => name))].join(',') }),
})

const shown = (rule: KibanaRule): string =>
  JSON.stringify(
    { rule_type_id: rule.type, params: rule.params },
    (key, value) => (isSecretKey(key) && typeof value === 'string' ? '***' : value),
    1,
  )

function outcomeOf(rule: KibanaRule, file: KibanaFile, context: Context): Outcome {
  const findings = new Findings()
  const pieces = new LogPieces(context, findings)
  const { enabled, muted, snoozed } = rule
  const kind = kinds.get(rule.type)
  if (kind === undefined)
    findings.note(/^(monitoring_|xpack\.monitoring)/.test(rule.type) ? 'OBD-A-031' : 'OBD-A-010', refusal(rule.type), 'unsupported')
  const made = kind?.({ rule, file, pieces, findings, context })
  if (!enabled) findings.note('OBD-A-029', 'the rule was disabled: the new one is paused')
  if (muted) findings.note('OBD-A-029', 'the rule was muted: the new one is paused')
  if (snoozed) findings.note('OBD-A-029', 'the rule is snoozed for some time: make a silence of it')
  if (rule.throttle !== undefined)
    findings.note('OBD-A-004', `told again after ${durationText(rule.throttle)} (throttle): repeat_interval of the route`)
  if (rule.delay > 1)
    findings.note('OBD-A-030', `${rule.delay} runs in a row (alertDelay) become for: ${durationText(rule.delay * rule.interval)}`)
  if (made === undefined && findings.status !== 'unsupported' && findings.status !== 'manual')
    findings.note('OBD-A-010', 'no expression could be made', 'unsupported')
  const annotations = annotationsOf(rule, pieces.labels, findings)
  return {
    id: rule.id,
    where: rule.where,
    title: rule.name,
    language: 'kibana-rule',
    before: shown(rule),
    findings,
    byHand: rule.type === 'slo.rules.burnRate',
    rules: (made ?? []).map(({ expr, suffix, labels = {}, language }) => ({
      name: suffix === undefined ? rule.name : `${rule.name} (${suffix})`,
      group: rule.name,
      interval: rule.interval,
      language: language ?? pieces.language ?? 'logql',
      expr,
      holds: rule.delay > 1 ? rule.delay * rule.interval : 0,
      labels: { ...labelsOf(rule), ...labels },
      annotations,
      paused: !enabled || muted,
      comments: [...(enabled ? [] : ['the rule was disabled']), ...(muted ? ['the rule was muted'] : [])],
      lookback: pieces.lookback,
    })),
  }
}

function receiverParts(rule: KibanaRule): readonly Item[] {
  if (rule.actions.length === 0) return []
  const unique = [...new Map(rule.actions.map((action) => [action.name, action])).values()]
  const sketch = routeSketch(
    unique,
    (name) => `kibana_actions=~"(.+,)?${name.replace(/[^\w-]/g, '.')}(,.+)?"`,
    { repeat: rule.throttle },
    durationText,
  )
  return [receiverPart(`receiver/${rule.id}`, `${rule.where}.actions`, rule.name, unique, sketch, [])]
}

function convert(source: Source, context: Context): Converted {
  const file = readKibanaRules(source.text)
  const outcomes = file.rules.map((rule) => outcomeOf(rule, file, context))
  const fires = 'a rule fires for as long as its condition holds; Kibana told as each of its actions said (notifyWhen)'
  const about: Note[] = [aboutFile(outcomes, 'rule of Kibana', fires)]
  for (const line of file.broken) about.push({ code: 'OBD-F-001', text: `line ${line} is no JSON` })
  return convertedRules('kibana-rules', source, source.path, outcomes, file.rules.flatMap(receiverParts), context, about)
}

/** Rules of Kibana 7 to 9. */
export const kibanaRulesConverter: Converter = { kind: 'kibana-rules', convert }
