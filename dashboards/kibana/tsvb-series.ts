/** Metrics of a series of TSVB → a value: section 7.4, and the TSVB row of 8.3. */

import type { Aggregate, Metric, Value } from '../logql/query.ts'
import { type Remarks, remark, secondsOf } from './aggregations.ts'
import { valueOfExpression } from './arithmetic.ts'
import { parseExpression } from './expression.ts'
import { type JsonObject, listOf, numberOf, objectsOf, textOf } from './value.ts'

export interface SeriesValue {
  readonly metrics: readonly Metric[]
  /** Values of groups become one. */
  readonly joined: 'sum' | 'avg' | 'min' | 'max' | undefined
}

const unsupported = (text: string, why: string): Value => ({ kind: 'unsupported', text, why })

const plain: ReadonlyMap<string, Aggregate['op']> = new Map([
  ['avg', 'avg'],
  ['sum', 'sum'],
  ['min', 'min'],
  ['max', 'max'],
  ['cardinality', 'unique'],
  ['std_deviation', 'stddev'],
  ['variance', 'variance'],
])

/** How metrics refer to one another: by id, of percentiles by `id[95]`. */
function referenced(
  metrics: readonly JsonObject[],
  reference: string | undefined,
): { readonly metric: JsonObject | undefined; readonly part: string | undefined } {
  const match = /^([^[\]]+)(?:\[([^[\]]*)\])?$/.exec(reference ?? '')
  return { metric: metrics.find(({ id }) => id === match?.[1]), part: match?.[2] }
}

/** Most metrics that a value is made of, each counted as often as it is referred to. */
const maxReferences = 300

/** What is being read: how much of the budget is left, and which metrics lead here. */
interface Reading {
  readonly budget: { left: number }
  readonly path: ReadonlySet<JsonObject>
}

/** Value of one metric. Shapes that refer in a circle end as `unsupported`. */
function metricValue(metric: JsonObject, metrics: readonly JsonObject[], to: Remarks, reading: Reading, part?: string): Value {
  const type = textOf(metric.type) ?? ''
  const field = textOf(metric.field)
  if (reading.path.has(metric)) return unsupported(type, 'metrics refer to each other in a circle')
  if (--reading.budget.left < 0) return unsupported(type, `it is made of more than ${maxReferences} metrics`)
  const inner: Reading = { budget: reading.budget, path: new Set([...reading.path, metric]) }
  const op = plain.get(type)
  if (op !== undefined && field !== undefined) return { kind: 'aggregate', op, field }
  const of = (): Value => {
    const { metric: found, part: ofPart } = referenced(metrics, field)
    return found === undefined
      ? unsupported(type, `the metric ${field ?? ''} that it is of is not there`)
      : metricValue(found, metrics, to, inner, ofPart)
  }
  switch (type) {
    case 'count':
      return { kind: 'aggregate', op: 'count' }
    case 'value_count':
      return field === undefined ? unsupported(type, 'it names no field') : { kind: 'aggregate', op: 'count', field }
    case 'sum_of_squares':
      return unsupported(type, 'sums of squares have no counterpart')
    case 'percentile':
    case 'percentile_rank': {
      if (field === undefined) return unsupported(type, 'it names no field')
      const wanted = numberOf(part) ?? (type === 'percentile' ? percentsOf(metric)[0] : thresholdsOf(metric)[0])
      if (wanted === undefined) return unsupported(type, 'it names no value')
      return type === 'percentile'
        ? { kind: 'aggregate', op: 'percentile', field, percent: wanted }
        : { kind: 'aggregate', op: 'percentile_rank', field, threshold: wanted }
    }
    case 'top_hit': {
      if (field === undefined) return unsupported(type, 'it names no field')
      if (metric.order !== undefined && metric.order !== 'desc') return unsupported(type, 'the first document is asked for, not the last')
      const orderBy = textOf(metric.order_by)
      if (orderBy !== undefined && orderBy !== '@timestamp' && orderBy !== 'timestamp')
        return unsupported(type, `documents are ordered by ${orderBy}`)
      const size = numberOf(metric.size) ?? 1
      if (size !== 1)
        remark(to, 'approximate', {
          code: 'OBD-K-010',
          text: `${field} is of the last ${size} documents in the old panel, and of the last one in the new.`,
        })
      return { kind: 'aggregate', op: 'last', field, isText: metric.agg_with === 'noop' || metric.agg_with === 'concat' }
    }
    case 'derivative': {
      const seconds = textOf(metric.unit) === undefined ? undefined : secondsOf(textOf(metric.unit))
      return { kind: 'difference', lag: 1, positive: false, ...(seconds === undefined ? {} : { perSeconds: seconds }), of: of() }
    }
    case 'positive_only': {
      const inner = of()
      if (inner.kind === 'difference') return { ...inner, positive: true }
      remark(to, 'approximate', { code: 'OBD-K-010', text: 'Values below 0 are left out in the old panel only.' })
      return inner
    }
    case 'positive_rate':
      return field === undefined
        ? unsupported(type, 'it names no field')
        : {
            kind: 'difference',
            lag: 1,
            positive: true,
            perSeconds: secondsOf(textOf(metric.unit)),
            of: { kind: 'aggregate', op: 'max', field },
          }
    case 'serial_diff':
      return { kind: 'difference', lag: numberOf(metric.lag) ?? 1, positive: false, of: of() }
    case 'moving_average':
      if (metric.model_type !== undefined && metric.model_type !== '' && metric.model_type !== 'simple') {
        remark(to, 'approximate', { code: 'OBD-K-010', text: 'The moving average has weights in the old panel.' })
      }
      return { kind: 'window', fn: 'moving_avg', size: numberOf(metric.window) ?? 5, of: of() }
    case 'cumulative_sum':
      return { kind: 'window', fn: 'cumulative_sum', of: of() }
    case 'avg_bucket':
    case 'sum_bucket':
    case 'min_bucket':
    case 'max_bucket':
      return { kind: 'window', fn: `overall_${type.slice(0, 3)}` as 'overall_avg', of: of() }
    case 'math':
    case 'calculation':
      return scripted(metric, metrics, to, inner)
    case 'filter_ratio':
      return unsupported(type, 'its filters cannot be read')
    case 'static':
      return { kind: 'number', value: numberOf(metric.value) ?? 0 }
    default:
      return unsupported(type, `${type === '' ? 'the metric' : type} has no counterpart`)
  }
}

const percentsOf = (metric: JsonObject): readonly number[] => objectsOf(metric.percentiles).flatMap(({ value }) => numberOf(value) ?? [])

const thresholdsOf = (metric: JsonObject): readonly number[] =>
  metric.values === undefined
    ? [numberOf(metric.value)].filter((each) => each !== undefined)
    : listOf(metric.values).flatMap((each) => numberOf(each) ?? [])

/** `math` (TSVB's own) and `calculation` (a bucket script, taken when it is plain arithmetic). */
function scripted(metric: JsonObject, metrics: readonly JsonObject[], to: Remarks, reading: Reading): Value {
  const script = textOf(metric.script) ?? ''
  const parsed = parseExpression(script)
  if (!parsed.ok) {
    remark(to, 'unsupported', {
      code: 'OBD-K-011',
      text: `The script ${JSON.stringify(script.slice(0, 300))} is no plain arithmetic: ${parsed.why}.`,
    })
    return unsupported(script, `its script is not understood: ${parsed.why}`)
  }
  const variables = new Map<string, { readonly metric: JsonObject; readonly part: string | undefined }>()
  for (const { name, field } of objectsOf(metric.variables)) {
    const { metric: found, part } = referenced(metrics, textOf(field))
    const key = textOf(name)
    if (found !== undefined && key !== undefined) variables.set(key, { metric: found, part })
  }
  const { value, differs } = valueOfExpression(parsed.expression, {
    name(name) {
      const found = variables.get(name.startsWith('params.') ? name.slice(7) : name)
      return found === undefined ? undefined : metricValue(found.metric, metrics, to, reading, found.part)
    },
    isInterval: (name) => name === 'params._interval' || name === '_interval',
    call: () => undefined,
  })
  for (const text of new Set(differs)) remark(to, 'approximate', { code: 'OBD-K-011', text: `${script}: ${text}.` })
  return value
}

/** Ratio of two filters: `filter_ratio`, whose filters were read already. */
export type RatioFilters = (
  metric: JsonObject,
) => { readonly numerator: Aggregate['filter']; readonly denominator: Aggregate['filter'] } | undefined

function ratioOf(metric: JsonObject, filters: RatioFilters): Value {
  const read = filters(metric)
  const field = textOf(metric.field)
  const op = plain.get(textOf(metric.metric_agg) ?? 'count') ?? 'count'
  if (read === undefined) return unsupported('filter_ratio', 'its filters cannot be read')
  const side = (filter: Aggregate['filter']): Value => ({
    kind: 'aggregate',
    op,
    ...(op === 'count' ? {} : { field }),
    ...(filter === undefined ? {} : { filter }),
  })
  return { kind: 'arithmetic', op: '/', left: side(read.numerator), right: side(read.denominator) }
}

/** Value of a series: that of its last metric, which the others only lead to; percentiles give one metric each. */
export function seriesValue(series: JsonObject, id: string, label: string | undefined, filters: RatioFilters, to: Remarks): SeriesValue {
  const all = objectsOf(series.metrics).slice(0, 100)
  let joined: SeriesValue['joined']
  let isOverall = false
  const metrics = all.filter((metric) => {
    if (metric.type !== 'series_agg') return true
    const fn = textOf(metric.function) ?? 'sum'
    if (fn === 'sum' || fn === 'min' || fn === 'max') joined = fn
    else if (fn === 'mean') joined = 'avg'
    else if (fn.startsWith('overall_')) {
      joined = fn === 'overall_avg' ? 'avg' : fn === 'overall_min' ? 'min' : fn === 'overall_max' ? 'max' : 'sum'
      isOverall = true
    } else remark(to, 'unsupported', { code: 'OBD-K-010', text: `Series are joined by ${fn}, which has no counterpart.` })
    return false
  })
  const last = metrics.at(-1)
  if (last === undefined) return { metrics: [{ id, label, value: unsupported('', 'there is no metric') }], joined }
  const field = textOf(last.field)
  const many = last.type === 'percentile' ? percentsOf(last) : last.type === 'percentile_rank' ? thresholdsOf(last) : []
  if (field !== undefined && many.length > 0) {
    const bands = objectsOf(last.percentiles).filter(({ mode }) => mode === 'band')
    if (bands.length > 0) remark(to, 'approximate', { code: 'OBD-K-007', text: 'Bands between percentiles are drawn as lines.' })
    return {
      metrics: many.slice(0, 100).map((each) => ({
        id: many.length === 1 ? id : `${id}.${each}`,
        label: many.length === 1 ? label : `${label ?? textOf(last.type) ?? ''} (${each})`,
        value:
          last.type === 'percentile'
            ? ({ kind: 'aggregate', op: 'percentile', field, percent: each } as const)
            : ({ kind: 'aggregate', op: 'percentile_rank', field, threshold: each } as const),
      })),
      joined,
    }
  }
  if (last.type === 'std_deviation' && last.mode === 'band')
    remark(to, 'approximate', { code: 'OBD-K-007', text: 'The band of the standard deviation is drawn as its width.' })
  const value =
    last.type === 'filter_ratio'
      ? ratioOf(last, filters)
      : metricValue(last, metrics, to, { budget: { left: maxReferences }, path: new Set() })
  return { metrics: [{ id, label, value: isOverall ? { kind: 'window', fn: 'overall_sum', of: value } : value }], joined }
}
