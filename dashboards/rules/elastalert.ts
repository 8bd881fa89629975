/** Rules of ElastAlert and ElastAlert 2 → rules of Loki, Prometheus or Grafana. Section 10.3 of the reference. */

import { parseDsl } from '../filters/dsl.ts'
import { allOf, everything, type Filter } from '../filters/model.ts'
import type { Converted, Item } from '../model.ts'
import type { Context } from '../options.ts'
import type { Converter, Source } from '../registry.ts'
import { parseYamlDocuments } from '../text/yaml.ts'
import { type AlertRule, Findings } from './alert-rule.ts'
import { durationText, secondsOfDelta } from './durations.ts'
import { type ElastalertRule, readElastalert, shownRule } from './elastalert-read.ts'
import { elastalertTexts } from './elastalert-text.ts'
import { elastalertTypes } from './elastalert-types.ts'
import { exploreOf } from './explore.ts'
import { filterOf, LogPieces } from './log-pieces.ts'
import { aboutFile, convertedRules, type Outcome, titleOf } from './outcome.ts'
import { isPlain, isYes, listOf, memberOf, type Plain, plainOf, wordOf, wordsOf } from './plain.ts'
import { receiverPart, routeSketch } from './receivers.ts'

/** The documents of a YAML text; those that are no YAML are none. */
function documentsOf(text: string): readonly unknown[] {
  try {
    return parseYamlDocuments(text).root.items.map((node) => node.plain())
  } catch {
    return []
  }
}

const firstOf = (text: string): unknown => documentsOf(text)[0]

/** config.yaml of all rules: beside the rule or above its folder. */
function configOf(context: Context): Plain | undefined {
  for (const path of ['config.yaml', '../config.yaml', '../../config.yaml', 'config.yml', '../config.yml']) {
    const text = context.beside(path)
    const values = text === undefined ? undefined : firstOf(text)
    if (isPlain(values) && memberOf(values, 'type') === undefined) return values
  }
  return undefined
}

/** The document type that a clause asks for, and nothing else; undefined: it asks something else. */
function documentType(clause: unknown): string | undefined {
  const asked = (key: string): unknown => memberOf(memberOf(clause, key), '_type')
  const term = asked('term') ?? asked('match') ?? asked('match_phrase')
  return (
    wordOf(term) ??
    wordOf(memberOf(term, 'value')) ??
    wordOf(memberOf(term, 'query')) ??
    wordOf(memberOf(memberOf(clause, 'type'), 'value'))
  )
}

/** `- query: { query_string: … }`, as rules of old Elasticsearch have it. */
const unwrapped = (clause: unknown): unknown =>
  isPlain(clause) && Object.keys(clause).length === 1 && isPlain(memberOf(clause, 'query')) ? memberOf(clause, 'query') : clause

/** All clauses together. */
export function filterOfClauses(clauses: readonly unknown[], index: string, context: Context, findings: Findings): Filter {
  const parts: Filter[] = []
  for (const clause of clauses) {
    const type = documentType(clause)
    if (type === undefined) {
      parts.push(filterOf(parseDsl(unwrapped(clause)), 'a filter', findings))
      continue
    }
    const mapped = context.fields.selectorOf(index) !== undefined
    findings.note(
      'OBD-A-014',
      mapped
        ? `the filter on documents of type ${type} is left out: the selector of the mapping stands for ${index}`
        : `the filter on documents of type ${type} is left out: all documents of ${index} count`,
      mapped ? 'approximate' : 'manual',
    )
  }
  return parts.length === 0 ? everything : allOf(parts)
}

/** Indices in which ElastAlert itself writes. */
const ownIndex = /^elastalert(_(status|error|silence|past))?\*?$/

/** Keys that change when a rule fires, and that no query has. */
function noteOthers(rule: ElastalertRule, findings: Findings): void {
  const { all } = rule
  const has = (key: string): boolean => memberOf(all, key) !== undefined
  if (has('match_enhancements') || has('enhancements'))
    findings.note('OBD-A-009', 'enhancements are programs, which may change or drop a match', 'unsupported')
  if (has('limit_execution')) findings.note('OBD-A-025', 'the rule ran only at certain times (limit_execution)', 'approximate')
  if (has('scan_entire_timeframe')) findings.note('OBD-A-030', 'scan_entire_timeframe is what a query does anyway')
  if (isYes(memberOf(all, 'use_count_query')) || has('doc_type'))
    findings.note('OBD-A-014', 'use_count_query, use_terms_query and doc_type say how documents were counted: they need no counterpart')
  if (rule.realert > 0 || has('exponential_realert'))
    findings.note('OBD-A-004', `told again after ${durationText(rule.realert)} at the earliest (realert): repeat_interval of the route`)
  if (has('aggregation')) findings.note('OBD-A-016', 'alerts were gathered (aggregation): group_wait and group_by of the route')
  if (rule.runEveryFrom === 'default')
    findings.note('OBD-A-018', 'run_every is nowhere among the sources; 1m is taken', undefined, 'convert it together with config.yaml')
  for (const path of rule.missing) findings.note('OBD-A-019', `the import ${path} is not among the sources`, 'manual')
}

function labelsOf(rule: ElastalertRule): Record<string, string> {
  const labels: Record<string, string> = {}
  if (rule.receivers.length > 0) labels['elastalert_alert'] = rule.receivers.map(({ name }) => name).join(',')
  const owner = wordOf(memberOf(rule.all, 'owner'))
  if (owner !== undefined) labels['owner'] = owner
  const [priority] = wordsOf(memberOf(rule.all, 'priority'))
  if (priority !== undefined) labels['priority'] = priority
  const category = wordOf(memberOf(rule.all, 'category'))
  if (category !== undefined) labels['category'] = category
  return labels
}

function outcomeOf(rule: ElastalertRule, where: string, context: Context): Outcome {
  const findings = new Findings()
  const pieces = new LogPieces(context, findings)
  const done = (rules: readonly AlertRule[]): Outcome => ({
    id: rule.name,
    where,
    title: rule.name,
    language: 'elastalert',
    before: shownRule(rule),
    rules,
    findings,
  })
  const convert = elastalertTypes.get(rule.type)
  if (convert === undefined) {
    findings.note(
      rule.type.includes('.') ? 'OBD-A-009' : 'OBD-A-010',
      `the type ${rule.type} is not one of ElastAlert's own`,
      'unsupported',
    )
    return done([])
  }
  if (rule.index === '') findings.note('OBD-A-018', 'the rule names no index', 'manual')
  if (ownIndex.test(rule.index) && context.fields.selectorOf(rule.index) === undefined)
    findings.note('OBD-A-031', `the rule asks ${rule.index}, which ElastAlert itself fills: nobody does after it is gone`, 'manual')
  noteOthers(rule, findings)
  const filterFrom = (clauses: readonly unknown[]): Filter => filterOfClauses(clauses, rule.index, context, findings)
  const filter = filterFrom(rule.filter)
  const expr = convert({ rule, filter, pieces, findings, beside: context.beside, filterFrom })
  if (expr === undefined || pieces.language === undefined) {
    if (findings.status !== 'unsupported') findings.note('OBD-A-010', 'no expression could be made', 'unsupported')
    return done([])
  }
  const { annotations, lost } = elastalertTexts(rule, pieces.labels)
  if (lost.length > 0) findings.note('OBD-A-005', `the text names ${lost.join(', ')}, which no label of the alert holds`)
  const explore =
    lost.length > 0 ? exploreOf({ index: rule.index, filter, by: [], window: rule.timeframe ?? rule.runEvery }, context, pieces) : {}
  return done([
    {
      name: rule.name,
      group: rule.name,
      interval: rule.runEvery,
      language: pieces.language,
      expr,
      holds: 0,
      labels: labelsOf(rule),
      annotations: { ...annotations, ...explore },
      paused: !rule.enabled,
      comments: rule.enabled ? [] : ['is_enabled was false'],
      lookback: pieces.lookback,
    },
  ])
}

function receiversPart(rule: ElastalertRule, where: string): readonly Item[] {
  if (rule.receivers.length === 0) return []
  const aggregation = memberOf(rule.all, 'aggregation')
  const sketch = routeSketch(
    rule.receivers,
    (name) => `elastalert_alert=~"(.+,)?${name.replace(/[^\w-]/g, '.')}(,.+)?"`,
    {
      repeat: rule.realert,
      wait: secondsOfDelta(aggregation),
      groupBy: aggregation === undefined ? [] : ['alertname', ...wordsOf(memberOf(rule.all, 'aggregation_key'))],
    },
    durationText,
  )
  return [receiverPart(`receiver/${rule.name}`, where, rule.name, rule.receivers, sketch, [])]
}

function convert(source: Source, context: Context): Converted {
  const config = configOf(context)
  const outcomes: Outcome[] = []
  const parts: Item[] = []
  const documents = documentsOf(source.text)
  documents.forEach((value, at) => {
    const where = documents.length === 1 ? '$' : `$[${at}]`
    const rule = readElastalert(value, config, context.beside, firstOf)
    if (rule === undefined) return
    const outcome = outcomeOf(rule, where, context)
    outcomes.push(rule.enabled ? outcome : switchedOff(outcome))
    parts.push(...receiversPart(rule, where))
  })
  const about = aboutFile(
    outcomes,
    'rule of ElastAlert',
    'a rule fires for as long as its window holds; ElastAlert told once for each match',
  )
  return convertedRules('elastalert', source, titleOf(source, outcomes), outcomes, parts, context, [about])
}

function switchedOff(outcome: Outcome): Outcome {
  outcome.findings.note('OBD-A-029', 'is_enabled was false: the new rule is paused')
  return outcome
}

/** ElastAlert and ElastAlert 2. */
export const elastalertConverter: Converter = { kind: 'elastalert', convert }

/** Whether a parsed YAML document is a rule of ElastAlert: it has `type`, and `index` or `filter`, or imports them. */
export const isElastalert = (value: unknown): boolean =>
  isPlain(value) &&
  typeof value['type'] === 'string' &&
  (elastalertTypes.has(value['type']) || value['type'].includes('.')) &&
  (value['index'] !== undefined ||
    value['filter'] !== undefined ||
    value['import'] !== undefined ||
    listOf(plainOf(value)['alert']).length > 0)
