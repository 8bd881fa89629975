/** Kibana's rules over numbers: metric threshold, inventory threshold, custom threshold. Section 10.5 of the reference. */

import { parseKql } from '../filters/kql.ts'
import { allOf, everything, type Filter } from '../filters/model.ts'
import type { Aggregate, Value } from '../logql/query.ts'
import type { Findings } from './alert-rule.ts'
import { durationText } from './durations.ts'
import {
  comparedBy,
  indexOf,
  type KindConverter,
  type KindInput,
  type KindRule,
  numbersOf,
  refuse,
  searchConfigurationFilter,
  windowOf,
  zeroFits,
} from './kibana-rules-common.ts'
import { both, countOf, filterOf, orZero, type Question } from './log-pieces.ts'
import { bracketed } from './outcome.ts'
import { isPlain, listOf, memberOf, numberText, wordOf, wordsOf } from './plain.ts'
import { readScript, type Script } from './watcher-script.ts'

/** A number by the name of its aggregation; undefined: not known. */
function numberBy(type: unknown, field: unknown): Value | undefined {
  if (type === 'count') return countOf
  const name = wordOf(field)
  if (name === undefined) return undefined
  const ops: ReadonlyMap<unknown, Aggregate> = new Map<unknown, Aggregate>([
    ['avg', { kind: 'aggregate', op: 'avg', field: name }],
    ['min', { kind: 'aggregate', op: 'min', field: name }],
    ['max', { kind: 'aggregate', op: 'max', field: name }],
    ['sum', { kind: 'aggregate', op: 'sum', field: name }],
    ['cardinality', { kind: 'aggregate', op: 'unique', field: name }],
    ['p95', { kind: 'aggregate', op: 'percentile', field: name, percent: 95 }],
    ['p99', { kind: 'aggregate', op: 'percentile', field: name, percent: 99 }],
    ['last_value', { kind: 'aggregate', op: 'last', field: name }],
  ])
  if (type === 'rate') return { kind: 'counter_rate', of: { kind: 'aggregate', op: 'max', field: name }, perSeconds: 1 }
  return ops.get(type)
}

/** One condition of a rule. */
interface Criterion {
  readonly window: number
  readonly metrics: readonly { readonly name: string; readonly value: Value; readonly filter: Filter }[]
  /** Over the names of the metrics. */
  readonly equation: Script
  readonly comparator: unknown
  readonly threshold: readonly number[]
  readonly warning: { readonly comparator: unknown; readonly threshold: readonly number[] } | undefined
}

function criterionOf(value: unknown, findings: Findings): Criterion | undefined {
  const window = windowOf(value, 'timeSize', 'timeUnit')
  if (window === undefined) return refuse(findings, 'the window (timeSize, timeUnit) is not understood')
  const listed = listOf(memberOf(value, 'metrics') ?? memberOf(value, 'customMetrics'))
  const given = listed.length > 0 ? listed : [{ name: 'A', aggType: memberOf(value, 'aggType') ?? 'avg', field: memberOf(value, 'metric') }]
  const metrics = given.flatMap((one) => {
    const made = numberBy(memberOf(one, 'aggType') ?? 'count', memberOf(one, 'field'))
    const kql = wordOf(memberOf(one, 'filter'))
    const filter = kql === undefined || kql.trim() === '' ? everything : filterOf(parseKql(kql), 'a filter', findings)
    return made === undefined ? [] : [{ name: wordOf(memberOf(one, 'name')) ?? 'A', value: made, filter }]
  })
  if (metrics.length !== given.length) return refuse(findings, 'a metric (aggType, field) is not understood')
  const text = wordOf(memberOf(value, 'equation')) ?? metrics.map(({ name }) => name).join(' + ')
  const equation = readScript(text)
  if (equation === undefined) return refuse(findings, `the equation is not understood: ${text.slice(0, 200)}`)
  const warning = numbersOf(memberOf(value, 'warningThreshold'))
  return {
    window,
    metrics,
    equation,
    comparator: memberOf(value, 'comparator'),
    threshold: numbersOf(memberOf(value, 'threshold')),
    warning:
      warning.length === 0
        ? undefined
        : { comparator: memberOf(value, 'warningComparator') ?? memberOf(value, 'comparator'), threshold: warning },
  }
}

/** Everything that the rule's conditions have in common. */
interface Common {
  readonly index: string | undefined
  readonly filter: Filter
  readonly by: readonly string[]
}

/** The equation of a condition. `needZero`: a group in which a filtered count finds nothing has to be there, as 0. */
function equationOf(
  criterion: Criterion,
  common: Common,
  input: KindInput,
  needZero: boolean,
): { readonly expr: string; readonly isZero: boolean } | undefined {
  const { pieces, findings } = input
  const { window } = criterion
  const question = (filter: Filter): Omit<Question, 'value'> => ({ ...common, filter: allOf([common.filter, filter]), window })
  const several = criterion.metrics.length > 1
  const isCount = (value: Value): boolean =>
    value.kind === 'aggregate' && (value.op === 'count' || value.op === 'unique' || value.op === 'sum')
  const text = (script: Script): string | undefined => {
    if (script.kind === 'number') return numberText(script.value)
    if (script.kind === 'decimal') return text(script.of)
    if (script.kind === 'path') {
      const metric = script.parts.length === 1 ? criterion.metrics.find(({ name }) => name === script.parts[0]) : undefined
      if (metric === undefined) return refuse(findings, `the equation names ${script.parts.join('.')}, which is no metric of it`)
      const { value } = metric
      const isUnique = value.kind === 'aggregate' && value.op === 'unique' && value.field !== undefined
      const expr = isUnique ? pieces.unique(question(metric.filter), value.field) : pieces.ask({ ...question(metric.filter), value })
      if (expr === undefined || !several || !needZero || !isCount(value) || metric.filter.kind === 'all') return expr
      if (common.by.length === 0) return orZero(expr)
      const all = pieces.count(question(everything))
      return all === undefined ? undefined : `(${expr} or 0 * ${all})`
    }
    if (script.kind !== 'arithmetic') return refuse(findings, 'the equation compares; only + - * / are known')
    const left = text(script.left)
    const right = text(script.right)
    return left === undefined || right === undefined ? undefined : `${bracketed(left)} ${script.op} ${bracketed(right)}`
  }
  const expr = text(criterion.equation)
  const [metric] = criterion.metrics
  return expr === undefined
    ? undefined
    : { expr, isZero: !several && metric !== undefined && isCount(metric.value) && common.by.length === 0 }
}

/** Whether an equation is the share of two numbers: only then a missing numerator never fires a comparison that 0 does not fit. */
const isShare = ({ kind, ...rest }: Script): boolean => kind === 'arithmetic' && 'op' in rest && rest.op === '/'

/** Rules of a list of conditions, all of which have to hold. */
function thresholds(input: KindInput, common: Common, list: readonly unknown[]): readonly KindRule[] | undefined {
  const { findings, rule, pieces } = input
  const criteria = list.map((one) => criterionOf(one, findings))
  if (criteria.length === 0 || criteria.some((one) => one === undefined))
    return refuse(findings, 'the conditions (criteria) are not understood')
  const known = criteria as Criterion[]
  const all = (level: 'alert' | 'warning'): string | undefined => {
    const parts: string[] = []
    for (const one of known) {
      const limit = level === 'warning' && one.warning !== undefined ? one.warning : one
      const zero = zeroFits(limit.comparator, limit.threshold)
      const made = equationOf(one, common, input, zero || !isShare(one.equation))
      const expr = made === undefined ? undefined : comparedBy(made.expr, limit.comparator, limit.threshold, made.isZero)
      if (made !== undefined && expr === undefined) return refuse(findings, 'a comparison with a threshold is not understood')
      if (expr === undefined) return undefined
      if (zero && common.by.length > 0)
        findings.note('OBD-A-008', `a ${common.by.join(', ')} without any document is not told of by this comparison`, 'approximate')
      parts.push(expr)
    }
    return both(parts)
  }
  const main = all('alert')
  if (main === undefined) return undefined
  const hasWarning = known.some(({ warning }) => warning !== undefined)
  const rules: KindRule[] = [{ expr: main, ...(hasWarning ? { labels: { severity: 'critical' } } : {}) }]
  if (hasWarning) {
    const warning = all('warning')
    if (warning !== undefined) rules.push({ expr: warning, suffix: 'warning', labels: { severity: 'warning' } })
  }
  const window = Math.max(...known.map((one) => one.window))
  const count = (offset: number): string | undefined => pieces.ask({ ...common, value: countOf, window, offset })
  const grouped = common.by.length > 0
  if (grouped && memberOf(rule.params, 'alertOnGroupDisappear') === true) {
    const [now, before] = [count(0), count(window)]
    if (now !== undefined && before !== undefined)
      rules.push({ expr: `${before} unless ${now}`, suffix: 'group disappeared', labels: { reason: 'no_data' } })
    findings.note('OBD-A-008', `a group that was silent for more than ${durationText(2 * window)} is forgotten`)
  }
  if (memberOf(rule.params, 'alertOnNoData') === true) {
    const none = pieces.ask({ ...common, by: [], value: countOf, window })
    if (none !== undefined) rules.push({ expr: `${orZero(none)} == 0`, suffix: 'no data', labels: { reason: 'no_data' } })
  }
  if (rules.length > 1) findings.note('OBD-A-021', `${rules.length} rules: ${rules.map(({ suffix }) => suffix ?? 'threshold').join(', ')}`)
  return rules
}

/** `observability.rules.custom_threshold` */
export const customThreshold: KindConverter = (input) => {
  const { params } = input.rule
  const configuration = memberOf(params, 'searchConfiguration')
  const index = indexOf(memberOf(configuration, 'index') ?? memberOf(configuration, 'indexRefName'), input)
  const common = { index, filter: searchConfigurationFilter(configuration, input.findings), by: wordsOf(memberOf(params, 'groupBy')) }
  return thresholds(input, common, listOf(memberOf(params, 'criteria')))
}

/** Indices of the default source of metrics. */
const defaultMetrics = 'metrics-*,metricbeat-*'

const kqlFilter = (params: unknown, findings: Findings): Filter => {
  const kql = wordOf(memberOf(params, 'filterQueryText'))
  if (kql !== undefined && kql.trim() !== '') return filterOf(parseKql(kql), 'the filter', findings)
  if (wordOf(memberOf(params, 'filterQuery')) !== undefined && memberOf(params, 'filterQuery') !== '')
    findings.note('OBD-A-018', 'the filter stands only as a compiled query (filterQuery), which is left out', 'manual')
  return everything
}

/** `metrics.alert.threshold` */
export const metricThreshold: KindConverter = (input) => {
  const { params } = input.rule
  const common = { index: defaultMetrics, filter: kqlFilter(params, input.findings), by: wordsOf(memberOf(params, 'groupBy')) }
  return thresholds(input, common, listOf(memberOf(params, 'criteria')))
}

/** What the inventory calls by short names. `percent`: thresholds are in percent of it. */
const inventory: ReadonlyMap<string, { readonly type: string; readonly field: string; readonly percent: boolean }> = new Map([
  ['host cpu', { type: 'avg', field: 'system.cpu.total.norm.pct', percent: true }],
  ['host cpuV2', { type: 'avg', field: 'system.cpu.total.norm.pct', percent: true }],
  ['host memory', { type: 'avg', field: 'system.memory.actual.used.pct', percent: true }],
  ['host normalizedLoad1m', { type: 'avg', field: 'system.load.norm.1', percent: true }],
  ['pod cpu', { type: 'avg', field: 'kubernetes.pod.cpu.usage.node.pct', percent: true }],
  ['pod memory', { type: 'avg', field: 'kubernetes.pod.memory.usage.node.pct', percent: true }],
  ['container cpu', { type: 'avg', field: 'docker.cpu.total.pct', percent: true }],
  ['container memory', { type: 'avg', field: 'docker.memory.usage.pct', percent: true }],
])

const nodes: ReadonlyMap<string, string> = new Map([
  ['host', 'host.name'],
  ['pod', 'kubernetes.pod.name'],
  ['container', 'container.name'],
])

/** `metrics.alert.inventory.threshold` */
export const inventoryThreshold: KindConverter = (input) => {
  const { params } = input.rule
  const { findings } = input
  const node = wordOf(memberOf(params, 'nodeType')) ?? ''
  const by = nodes.get(node)
  if (by === undefined) return refuse(findings, `the kind of node ${node} is not known`, 'unsupported', 'OBD-A-010')
  const scaled = (value: unknown): unknown => (Array.isArray(value) ? numbersOf(value).map((one) => one / 100) : value)
  const list = listOf(memberOf(params, 'criteria')).map((one) => {
    const name = wordOf(memberOf(one, 'metric')) ?? ''
    const custom = memberOf(one, 'customMetric')
    if (name === 'custom' && isPlain(custom))
      return { ...(one as object), metrics: undefined, aggType: memberOf(custom, 'aggregation'), metric: memberOf(custom, 'field') }
    const known = inventory.get(`${node} ${name}`)
    if (known === undefined) return refuse(findings, `the metric ${name} of a ${node} is not known`, 'unsupported', 'OBD-A-010')
    return {
      ...(one as object),
      aggType: known.type,
      metric: known.field,
      ...(known.percent
        ? { threshold: scaled(memberOf(one, 'threshold')), warningThreshold: scaled(memberOf(one, 'warningThreshold')) }
        : {}),
    }
  })
  if (list.some((one) => one === undefined)) return undefined
  findings.note(
    'OBD-A-010',
    `what the inventory calls by short names is taken to be ${[...new Set(list.map((one) => wordOf(memberOf(one, 'metric'))))].join(', ')} of each ${by}`,
    'approximate',
  )
  return thresholds(input, { index: defaultMetrics, filter: kqlFilter(params, findings), by: [by] }, list)
}
