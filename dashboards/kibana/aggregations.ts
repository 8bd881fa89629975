/** Aggregations of a visualisation (`visState.aggs`) → a question to logs: section 7.4. */

import { isThere } from '../filters/model.ts'
import type { Aggregate, Bucket, Metric, RangeBucket, Value } from '../logql/query.ts'
import type { Note, Status } from '../model.ts'
import { worse } from '../model.ts'
import type { IndexView } from './data-views.ts'
import { searchedQuery } from './searches.ts'
import { at, isTrue, type JsonObject, listOf, numberOf, objectOf, objectsOf, textOf, textsOf } from './value.ts'

export interface Aggregation {
  readonly id: string
  readonly type: string
  readonly schema: string
  readonly params: JsonObject
  /** As it stands in the source. */
  readonly json: JsonObject
}

/** Enabled aggregations of a state. */
export const aggregationsOf = (state: JsonObject): readonly Aggregation[] =>
  objectsOf(state.aggs)
    .filter((agg) => agg.enabled !== false)
    .map(aggregationOf)

const aggregationOf = (agg: JsonObject): Aggregation => ({
  id: textOf(agg.id) ?? '',
  type: textOf(agg.type) ?? '',
  schema: textOf(agg.schema) ?? '',
  params: objectOf(agg.params),
  json: agg,
})

const bucketTypes: ReadonlySet<string> = new Set([
  'date_histogram',
  'terms',
  'filters',
  'filter',
  'histogram',
  'range',
  'date_range',
  'ip_range',
  'ip_prefix',
  'significant_terms',
  'significant_text',
  'rare_terms',
  'multi_terms',
  'geohash_grid',
  'geotile_grid',
  'sampler',
  'diversified_sampler',
])

export const isBucket = ({ type }: Aggregation): boolean => bucketTypes.has(type)

/** What of an aggregation needs a word. */
export interface Remarks {
  floor: Status
  readonly notes: Note[]
}

export const remarks = (): Remarks => ({ floor: 'exact', notes: [] })

export function remark(to: Remarks, floor: Status, note: Note): void {
  to.floor = worse(to.floor, floor)
  to.notes.push(note)
}

const unsupported = (text: string, why: string): Value => ({ kind: 'unsupported', text, why })

/** Bands of a standard deviation: mean ± 2σ, as Kibana draws it. */
const band = (field: string, sign: '+' | '-'): Value => ({
  kind: 'arithmetic',
  op: sign,
  left: { kind: 'aggregate', op: 'avg', field },
  right: { kind: 'arithmetic', op: '*', left: { kind: 'number', value: 2 }, right: { kind: 'aggregate', op: 'stddev', field } },
})

const plain: ReadonlyMap<string, Aggregate['op']> = new Map([
  ['avg', 'avg'],
  ['sum', 'sum'],
  ['min', 'min'],
  ['max', 'max'],
  ['median', 'median'],
  ['cardinality', 'unique'],
])

const names: ReadonlyMap<string, string> = new Map([
  ['avg', 'Average'],
  ['sum', 'Sum of'],
  ['min', 'Min'],
  ['max', 'Max'],
  ['median', 'Median'],
  ['cardinality', 'Unique count of'],
])

/** Title of a metric, as Kibana makes it. */
export function titleOf({ type, params }: Aggregation): string {
  const label = textOf(params.customLabel)
  if (label !== undefined) return label
  const field = textOf(params.field) ?? ''
  if (type === 'count') return 'Count'
  const name = names.get(type)
  return name === undefined ? `${type} ${field}`.trim() : `${name} ${field}`
}

/** Metrics that are made of an aggregation; several of percentiles and bands. Parents of pipelines are looked up in `all`. */
export function metricsOf(agg: Aggregation, all: readonly Aggregation[], view: IndexView, to: Remarks, depth = 0): readonly Metric[] {
  const title = titleOf(agg)
  const one = (value: Value): readonly Metric[] => [{ id: agg.id, label: title, value }]
  const field = textOf(agg.params.field)
  if (depth > 10) return one(unsupported(agg.type, 'aggregations refer to each other too deep'))
  if (field !== undefined && view.scripts.has(field)) {
    remark(to, 'unsupported', { code: 'OBD-K-013', text: `${field} is a script: ${(view.scripts.get(field) ?? '').slice(0, 300)}` })
    return one(unsupported(field, 'the field is a script'))
  }
  const op = plain.get(agg.type)
  if (op !== undefined && field !== undefined) return one({ kind: 'aggregate', op, field })
  switch (agg.type) {
    case 'count':
      return one({ kind: 'aggregate', op: 'count' })
    case 'value_count':
      return one(field === undefined ? { kind: 'aggregate', op: 'count' } : { kind: 'aggregate', op: 'count', filter: isThere(field) })
    case 'std_dev':
      if (field === undefined) break
      return [
        { id: `${agg.id}.lower`, label: `Lower ${title}`, value: band(field, '-') },
        { id: `${agg.id}.upper`, label: `Upper ${title}`, value: band(field, '+') },
      ]
    case 'percentiles':
    case 'single_percentile': {
      if (field === undefined) break
      const percents = agg.type === 'percentiles' ? listOf(agg.params.percents) : [agg.params.percentile ?? 50]
      return percents.slice(0, 100).flatMap((each) => {
        const percent = numberOf(each)
        return percent === undefined
          ? []
          : [
              {
                id: `${agg.id}.${percent}`,
                label: `${percent}th percentile of ${textOf(agg.params.customLabel) ?? field}`,
                value: { kind: 'aggregate', op: 'percentile', field, percent } as const,
              },
            ]
      })
    }
    case 'percentile_ranks':
    case 'single_percentile_rank': {
      if (field === undefined) break
      const values = agg.type === 'percentile_ranks' ? listOf(agg.params.values) : [agg.params.value ?? null]
      return values.slice(0, 100).flatMap((each) => {
        const threshold = numberOf(each)
        return threshold === undefined
          ? []
          : [
              {
                id: `${agg.id}.${threshold}`,
                label: `Percentile rank ${threshold} of ${textOf(agg.params.customLabel) ?? field}`,
                value: { kind: 'aggregate', op: 'percentile_rank', field, threshold } as const,
              },
            ]
      })
    }
    case 'top_hits':
    case 'top_metrics': {
      if (field === undefined) break
      const isConcat = agg.params.aggregate === 'concat' || agg.params.aggregate === undefined
      const isLatest = (textOf(agg.params.sortOrder) ?? textOf(at(agg.params, 'sortOrder', 'value')) ?? 'desc') === 'desc'
      if (!isLatest) return one(unsupported(agg.type, 'the first document is asked for, not the last'))
      if ((numberOf(agg.params.size) ?? 1) !== 1)
        remark(to, 'approximate', {
          code: 'OBD-K-010',
          text: `${title} is of the last ${String(agg.params.size)} documents in the old panel, and of the last one in the new.`,
        })
      return one({ kind: 'aggregate', op: 'last', field, isText: isConcat && agg.type === 'top_hits' && agg.params.size === undefined })
    }
    case 'rate':
      return one(
        field === undefined
          ? { kind: 'aggregate', op: 'rate' }
          : { kind: 'per', seconds: secondsOf(textOf(agg.params.unit)), of: { kind: 'aggregate', op: 'sum', field } },
      )
    case 'filtered_metric': {
      const inner = innerOf(agg.params.customMetric, all, view, to, depth)
      const searched = searchedQuery(at(agg.params, 'customBucket', 'params', 'filter'))
      to.notes.push(...searched.notes)
      to.floor = worse(to.floor, searched.floor)
      if (inner?.kind !== 'aggregate' || searched.filter === undefined)
        return one(unsupported(agg.type, 'its filter or its metric cannot be read'))
      return one({ ...inner, filter: searched.filter })
    }
    case 'derivative':
    case 'serial_diff':
    case 'moving_avg':
    case 'moving_fn':
    case 'cumulative_sum':
      return one(pipelineOf(agg, all, view, to, depth))
    case 'avg_bucket':
    case 'min_bucket':
    case 'max_bucket':
    case 'sum_bucket': {
      const inner = innerOf(agg.params.customMetric, all, view, to, depth)
      const over = textOf(at(agg.params, 'customBucket', 'type'))
      if (inner === undefined || over !== 'date_histogram') return one(unsupported(agg.type, `it is over buckets of ${over ?? 'nothing'}`))
      const fn =
        agg.type === 'avg_bucket'
          ? 'overall_avg'
          : agg.type === 'min_bucket'
            ? 'overall_min'
            : agg.type === 'max_bucket'
              ? 'overall_max'
              : 'overall_sum'
      return one({ kind: 'window', fn, of: inner })
    }
    default:
  }
  return one(unsupported(agg.type, field === undefined ? `${agg.type} names no field` : `${agg.type} has no counterpart`))
}

function innerOf(custom: unknown, all: readonly Aggregation[], view: IndexView, to: Remarks, depth: number): Value | undefined {
  const object = objectOf(custom as JsonObject)
  return textOf(object.type) === undefined ? undefined : metricsOf(aggregationOf(object), all, view, to, depth + 1)[0]?.value
}

function pipelineOf(agg: Aggregation, all: readonly Aggregation[], view: IndexView, to: Remarks, depth: number): Value {
  const parent = textOf(agg.params.metricAgg) ?? textOf(agg.params.buckets_path)
  const found = all.find(({ id }) => id === parent)
  const inner =
    parent === 'custom' || found === undefined
      ? innerOf(agg.params.customMetric, all, view, to, depth)
      : metricsOf(found, all, view, to, depth + 1)[0]?.value
  if (inner === undefined) return unsupported(agg.type, `the metric ${parent ?? ''} that it is of is not there`)
  if (agg.type === 'derivative') return { kind: 'difference', lag: 1, positive: false, of: inner }
  if (agg.type === 'serial_diff') return { kind: 'difference', lag: numberOf(agg.params.lag) ?? 1, positive: false, of: inner }
  if (agg.type === 'cumulative_sum') return { kind: 'window', fn: 'cumulative_sum', of: inner }
  return { kind: 'window', fn: 'moving_avg', size: numberOf(agg.params.window) ?? 5, of: inner }
}

const unitSeconds: ReadonlyMap<string, number> = new Map([
  ['second', 1],
  ['s', 1],
  ['minute', 60],
  ['m', 60],
  ['hour', 3600],
  ['h', 3600],
  ['day', 86_400],
  ['d', 86_400],
  ['week', 604_800],
  ['w', 604_800],
])

/** Seconds of a unit of time by its name or letter, 1 where it is none: `m`, `minute`, `10s`. */
export function secondsOf(unit: string | undefined): number {
  const match = /^(\d*)([a-z]+)$/i.exec(unit ?? 's')
  return Number(match?.[1] || 1) * (unitSeconds.get(match?.[2] ?? 's') ?? 1)
}

/** Width of buckets of time: fixed, by the calendar, or Kibana's choice. `auto` and what it does not know are undefined. */
export function timeBucket(interval: string | undefined): Extract<Bucket, { readonly kind: 'time' }> {
  if (interval === undefined || interval === '' || interval === 'auto' || interval.startsWith('>=')) return { kind: 'time' }
  const match = /^(\d*)\s*(ms|[smhdwMqy]|second|minute|hour|day|week|month|quarter|year)$/.exec(interval)
  if (match === null) return { kind: 'time' }
  const count = Number(match[1] || 1)
  const unit = match[2] ?? ''
  const letter = unit.length > 2 ? (unit === 'month' ? 'M' : (unit[0] ?? 's')) : unit
  if (letter === 'M') return { kind: 'time', interval: `${count * 30}d`, calendar: true }
  if (letter === 'q') return { kind: 'time', interval: `${count * 90}d`, calendar: true }
  if (letter === 'y') return { kind: 'time', interval: `${count * 365}d`, calendar: true }
  if (letter === 'w' || letter === 'd') return { kind: 'time', interval: `${count}${letter}`, calendar: true }
  return { kind: 'time', interval: `${count}${letter}` }
}

/** Buckets at least that wide: `>=1m` → `1m`. */
export const atLeast = (interval: string | undefined): string | undefined => /^>=\s*(\d+(?:ms|[smhdw]))$/.exec(interval ?? '')?.[1]

const bound = (value: unknown): number | string | undefined =>
  typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? (numberOf(value) ?? value) : undefined

const rangesOf = (value: unknown): readonly RangeBucket[] =>
  objectsOf(value as JsonObject)
    .slice(0, 1000)
    .map(({ from, to, label }) => ({ from: bound(from), to: bound(to), label: textOf(label) }))

/** Buckets of an aggregation. `metricIds`: to which metric an order may refer. */
export function bucketOf(agg: Aggregation, metrics: readonly Metric[], view: IndexView, to: Remarks): Bucket {
  const { type, params } = agg
  const field = textOf(params.field)
  if (field !== undefined && view.scripts.has(field)) {
    remark(to, 'unsupported', { code: 'OBD-K-013', text: `${field} is a script: ${(view.scripts.get(field) ?? '').slice(0, 300)}` })
    return { kind: 'unsupported', what: `a script as ${field}`, field }
  }
  switch (type) {
    case 'date_histogram': {
      if (field !== undefined && field !== view.timeField && field !== '@timestamp')
        return { kind: 'unsupported', what: `date_histogram of ${field}`, field }
      const interval = textOf(params.interval) ?? textOf(params.fixed_interval) ?? textOf(params.calendar_interval)
      return timeBucket(interval === 'custom' ? textOf(params.customInterval) : interval)
    }
    case 'terms':
    case 'multi_terms': {
      const fields = type === 'terms' ? (field === undefined ? [] : [field]) : textsOf(params.fields)
      if (fields.length === 0) return { kind: 'unsupported', what: 'terms of no field' }
      const orderBy = textOf(params.orderBy) ?? '_count'
      const metric = metrics.find(({ id }) => id === orderBy || id.startsWith(`${orderBy}.`))
      const by =
        metric !== undefined ? { metric: metric.id } : orderBy === '_key' || orderBy === '_term' ? ('key' as const) : ('count' as const)
      if (orderBy === 'custom')
        remark(to, 'approximate', {
          code: 'OBD-K-010',
          text: `${fields.join(', ')} are ordered by a metric of their own in the old panel, and by their count in the new.`,
        })
      return {
        kind: 'terms',
        fields,
        size: numberOf(params.size) ?? 5,
        order: { by, direction: params.order === 'asc' ? 'asc' : 'desc' },
        other: isTrue(params.otherBucket),
        missing: isTrue(params.missingBucket),
        include: patternOf(params.include),
        exclude: patternOf(params.exclude),
      }
    }
    case 'filters': {
      const filters = objectsOf(params.filters)
        .slice(0, 1000)
        .map((each, index) => {
          const searched = searchedQuery(each.input)
          to.notes.push(...searched.notes)
          to.floor = worse(to.floor, searched.floor)
          return {
            label: textOf(each.label) ?? (searched.text === '' ? `filter ${index + 1}` : searched.text),
            filter: searched.filter ?? ({ kind: 'none' } as const),
          }
        })
      return { kind: 'filters', filters }
    }
    case 'histogram':
      return field === undefined || !((numberOf(params.interval) ?? 0) > 0)
        ? { kind: 'unsupported', what: 'a histogram whose step is chosen by Kibana', field }
        : { kind: 'histogram', field, step: numberOf(params.interval) ?? 1 }
    case 'range':
      return field === undefined ? { kind: 'unsupported', what: type } : { kind: 'ranges', field, ranges: rangesOf(params.ranges) }
    case 'ip_range': {
      const masks = objectsOf(at(params, 'ranges', 'mask')).map(({ mask }) => ({ from: textOf(mask), label: textOf(mask) }))
      const fromTo = rangesOf(at(params, 'ranges', 'fromTo'))
      return field === undefined
        ? { kind: 'unsupported', what: type }
        : { kind: 'ranges', field, ranges: params.ipRangeType === 'mask' ? masks : fromTo }
    }
    case 'date_range':
      return { kind: 'date_ranges', ranges: rangesOf(params.ranges) }
    default:
      return { kind: 'unsupported', what: type, field }
  }
}

/** A pattern of terms to take or to leave, as a text or as a list; undefined: none. */
export function patternOf(value: unknown): string | readonly string[] | undefined {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((each) => String(each)).slice(0, 1000)
  if (typeof value === 'object' && value !== null && 'pattern' in value) return textOf((value as JsonObject).pattern)
  return typeof value === 'string' && value !== '' ? value : undefined
}
