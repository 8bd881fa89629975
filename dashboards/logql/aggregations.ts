/** Questions to documents → queries of Loki, or of Prometheus where the documents became metrics: section 7.4 of the reference. */

import { allOf } from '../filters/model.ts'
import { type Note, type Status, type Uses, worse } from '../model.ts'
import { createLogDialect } from './aggregates.ts'
import { documentTargets } from './documents.ts'
import { durationText, type Interval, intervalOf } from './duration.ts'
import { type Groups, groupsOf } from './groups.ts'
import { createMetricDialect, metricLabelOf } from './metric-documents.ts'
import type { AfterStep, Bucket, LogContext, LogQuery, LogTarget, LogTargets, Metric, Value } from './query.ts'
import { type Split, splitsOf } from './splits.ts'
import { decimal } from './text.ts'
import { type Piece, valueText } from './values.ts'

/** Whether the answer is documents: by the shape, or because a metric is one. */
function documentsOf(query: LogQuery): Note | 'shape' | undefined {
  if (query.shape === 'logs') return 'shape'
  const shown = query.metrics.filter((one) => one.hidden !== true)
  const isDocuments = ({ value }: Metric): boolean => value.kind === 'aggregate' && value.op === 'documents'
  const isText = ({ value }: Metric): boolean => value.kind === 'aggregate' && value.op === 'last' && value.isText === true
  if (shown.length === 0 || !shown.every((one) => isDocuments(one) || isText(one))) return undefined
  return shown.some(isText)
    ? { code: 'OBD-L-022', text: 'The latest text is shown as a line.' }
    : { code: 'OBD-L-022', text: 'Documents are shown as lines.' }
}

/**
 * Queries of a question. Each metric that is shown becomes a target, several where filters, ranges or percentiles ask for it. A target without `expr`
 * cannot be asked; its notes say why.
 */
export function logTargets(query: LogQuery, context: LogContext): LogTargets {
  const areMetrics = query.index !== undefined && context.fields.areMetrics(query.index)
  const documents = areMetrics ? undefined : documentsOf(query)
  if (documents === 'shape') return documentTargets(query, context)
  if (documents !== undefined) {
    const fields = query.metrics.flatMap(({ value }) => (value.kind === 'aggregate' && value.field !== undefined ? [value.field] : []))
    return documentTargets({ ...query, columns: query.columns ?? fields, limit: query.limit }, context, documents)
  }
  return numberTargets(query, context, areMetrics)
}

interface Plan {
  readonly query: LogQuery
  readonly context: LogContext
  readonly areMetrics: boolean
  readonly groups: Groups
  readonly interval: Interval
  /** Metrics that are shown. */
  readonly shown: readonly Metric[]
}

function numberTargets(query: LogQuery, context: LogContext, areMetrics: boolean): LogTargets {
  const groups = groupsOf(query, context, areMetrics ? (field) => metricLabelOf(field, context) : undefined)
  const time = query.buckets.find((one): one is Extract<Bucket, { kind: 'time' }> => one.kind === 'time')
  const fallback = query.shape === 'range' ? '$__interval' : '$__range'
  const interval = intervalOf(query.interval ?? (query.shape === 'range' ? time?.interval : undefined), fallback)
  const shown = query.metrics.filter((one) => one.hidden !== true)
  const fields = new Set<string>(Object.keys(groups.shown))
  const metrics = new Set<string>()
  const use = (uses: Uses): void => {
    for (const one of uses.fields) fields.add(one)
    for (const one of uses.metrics) metrics.add(one)
  }
  const plan: Plan = { query, context, areMetrics, groups, interval, shown }
  const found = splitsOf(query.buckets)
  const isFault = 'code' in found
  const common: Note[] = [...groups.notes, ...(isFault ? [found] : [])]
  if (interval.isCalendar || time?.calendar === true)
    common.push({ code: 'OBD-L-018', text: `Buckets of ${time?.interval ?? interval.text} are those of a calendar.` })
  const base = [
    groups.status,
    ...(isFault ? (['unsupported'] as const) : []),
    ...(interval.isCalendar || time?.calendar === true ? (['approximate'] as const) : []),
  ].reduce<Status>(worse, 'exact')
  const steps: AfterStep[] = []
  const targets: LogTarget[] = []
  for (const metric of shown) {
    for (const split of isFault ? [{ label: undefined, filter: query.filter } satisfies Split] : found) {
      for (const one of targetsOfMetric(plan, metric, split, base, common, use)) {
        targets.push(one.target)
        for (const step of one.steps) if (!steps.some((other) => JSON.stringify(other) === JSON.stringify(step))) steps.push(step)
      }
    }
  }
  const notes = [...new Map(targets.flatMap((one) => one.notes).map((note) => [`${note.code} ${note.text}`, note])).values()]
  if (groups.terms?.order?.by === 'key' && query.shape === 'instant' && !context.alert) {
    const label = groups.labels[0] ?? ''
    steps.push({ id: 'sortBy', options: { fields: {}, sort: [{ field: label, desc: groups.terms.order.direction === 'desc' }] } })
    if (groups.terms.size !== undefined) steps.push({ id: 'limit', options: { limitField: groups.terms.size } })
  }
  return {
    targets,
    status: targets.reduce<Status>((sum, one) => worse(sum, one.status), targets.length === 0 ? base : 'exact'),
    notes: targets.length === 0 ? common : notes,
    uses: { metrics: [...metrics], labels: [], fields: [...fields] },
    afterSteps: steps,
    labels: groups.shown,
    isLogs: false,
  }
}

interface Made {
  readonly target: LogTarget
  readonly steps: readonly AfterStep[]
}

function targetsOfMetric(
  plan: Plan,
  metric: Metric,
  split: Split,
  base: Status,
  common: readonly Note[],
  use: (uses: Uses) => void,
): Made[] {
  const { query, context, areMetrics, groups } = plan
  const interval = split.window === undefined ? plan.interval : fixed(split.window.length)
  const back = split.window === undefined || split.window.back === 0 ? [] : [durationText(split.window.back)]
  const filter = allOf([query.filter, groups.filter, split.filter])
  const scope = {
    index: query.index,
    filter,
    present: groups.present,
    groups: groups.labels,
    stages: groups.stages,
    interval,
    shift: query.shift,
    context,
  }
  const dialect = areMetrics ? createMetricDialect({ ...scope, fields: Object.keys(groups.shown) }, use) : createLogDialect(scope, use)
  const value = valueText(metric.value, dialect, { shifts: back, zero: true })
  const made = value.isNumber && value.text !== '' ? { ...value, text: `vector(${value.text})` } : value
  const notes: Note[] = [...common, ...made.notes]
  let status = worse(base, made.status)
  if (split.window !== undefined) {
    status = worse(status, 'approximate')
    notes.push({
      code: 'OBD-L-037',
      text: `${split.label ?? 'A range'} looks back by ${durationText(split.window.back + split.window.length)}.`,
    })
  }
  const legend = legendOf(plan, metric, split)
  const isManual = made.afterSteps.length > 0 && groups.labels.length > 0
  if (isManual) {
    status = worse(status, 'manual')
    notes.push({ code: 'OBD-L-021', text: 'Grafana computes it for one series; here are several.' })
  }
  const ranked = rank(plan, metric, made)
  if (ranked.note !== undefined) {
    status = worse(status, 'approximate')
    notes.push(ranked.note)
  }
  const target = (expr: string, legend: string | undefined, worst: Status, more: readonly Note[]): LogTarget => ({
    metric: metric.id,
    bucket: split.label,
    language: areMetrics ? 'promql' : 'logql',
    expr: worst === 'unsupported' ? '' : expr,
    type: query.shape === 'range' ? 'range' : 'instant',
    legend,
    step: query.shape === 'range' && interval.ms !== undefined ? interval.text : undefined,
    hidden: false,
    status: worst,
    notes: more,
  })
  const name = legend ?? (made.afterSteps.length > 0 ? (metric.label ?? metric.id) : undefined)
  const steps = isManual ? [] : made.afterSteps.map((step) => named(step, name ?? metric.id, plan.shown.length === 1))
  const all: Made[] = [{ target: target(ranked.text, name, status, notes), steps }]
  if (ranked.other !== undefined && status !== 'unsupported') {
    const note: Note = { code: 'OBD-L-030', text: 'What is not among the first groups is a difference.' }
    all.push({
      target: {
        ...target(ranked.other(ungroupedOf(plan, scope, metric.value, use)), 'Other', worse(status, 'approximate'), [...notes, note]),
      },
      steps: [],
    })
  }
  return all
}

/** A step for one series of several, or for the only one. */
function named({ id, options }: AfterStep, name: string, isOnly: boolean): AfterStep {
  if (id !== 'calculateField') return { id, options }
  const field: Record<string, unknown> = {}
  for (const key of ['window', 'cumulative']) {
    const inner = options[key]
    if (typeof inner === 'object' && inner !== null) field[key] = { field: name, ...inner }
  }
  const unary = options['unary']
  if (typeof unary === 'object' && unary !== null) field['unary'] = { fieldName: name, ...unary }
  return { id, options: { ...options, ...field, replaceFields: isOnly } }
}

/** The same number without groups. */
function ungroupedOf(plan: Plan, scope: Parameters<typeof createLogDialect>[0], value: Value, use: (uses: Uses) => void): string {
  const ungrouped = { ...scope, groups: [], stages: '' }
  const dialect = plan.areMetrics ? createMetricDialect({ ...ungrouped, fields: [] }, use) : createLogDialect(ungrouped, use)
  return valueText(value, dialect, { shifts: [], zero: false }).text
}

const fixed = (ms: number): Interval => ({ text: durationText(ms), ms, isCalendar: false })

/** The first groups of many. Over the whole time range Loki ranks them; over time it would rank at each step. */
function rank(
  { query, groups, shown, context }: Plan,
  metric: Metric,
  made: Piece,
): { readonly text: string; readonly note?: Note; readonly other?: (all: string) => string } {
  const { terms } = groups
  const size = terms?.size
  if (made.text === '' || context.alert) return { text: made.text }
  const cuts = query.buckets.filter((one) => one.kind === 'terms' && one.size !== undefined && one.size > 0).length
  if (terms === undefined || size === undefined || size <= 0) {
    return cuts === 0
      ? { text: made.text }
      : { text: made.text, note: { code: 'OBD-L-020', text: 'All groups are shown: each of several fields is cut off on its own.' } }
  }
  if (query.shape === 'range') {
    return { text: made.text, note: { code: 'OBD-L-020', text: `All groups are shown, not the first ${size}.` } }
  }
  const { by = 'count', direction = 'desc' } = terms.order ?? {}
  if (by === 'key') return { text: made.text }
  const isByMetric = typeof by === 'object' ? by.metric === metric.id : isCount(metric.value)
  if (!isByMetric || shown.length > 1) {
    return isByMetric
      ? {
          text: ranked(direction, size, made.text),
          note: { code: 'OBD-L-020', text: `The first ${size} are those of this number; other numbers have all groups.` },
        }
      : { text: made.text, note: { code: 'OBD-L-020', text: `All groups are shown, not the first ${size} by another number.` } }
  }
  const text = ranked(direction, size, made.text)
  const canSum = metric.value.kind === 'aggregate' && (metric.value.op === 'count' || metric.value.op === 'sum')
  return terms.other === true && canSum && direction === 'desc' ? { text, other: (all) => `${all} - sum(${text})` } : { text }
}

const isCount = (value: Value): boolean => value.kind === 'aggregate' && value.op === 'count'
const ranked = (direction: 'asc' | 'desc', size: number, text: string): string =>
  `${direction === 'asc' ? 'bottomk' : 'topk'}(${decimal(Math.trunc(size)) ?? size}, ${text})`

/** `errors {{host_name}}` */
function legendOf({ groups, shown }: Plan, metric: Metric, split: Split): string | undefined {
  const isNamed = metric.label !== undefined && (shown.length > 1 || (groups.labels.length === 0 && split.label === undefined))
  const parts = [
    ...(isNamed ? [metric.label ?? ''] : shown.length > 1 ? [metric.id] : []),
    ...(split.label === undefined ? [] : [split.label]),
    ...groups.labels.map((label) => `{{${label}}}`),
  ]
  return parts.length === 0 ? undefined : parts.join(' ')
}
