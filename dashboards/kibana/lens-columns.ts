/** Columns of a Lens layer → values and buckets of a question to logs: section 7.4. */

import { isThere } from '../filters/model.ts'
import type { Aggregate, Bucket, Metric, Value } from '../logql/query.ts'
import { worse } from '../model.ts'
import { type Remarks, remark, secondsOf, timeBucket } from './aggregations.ts'
import { valueOfExpression } from './arithmetic.ts'
import type { IndexView } from './data-views.ts'
import { type Expression, parseExpression } from './expression.ts'
import { searchedQuery, searchedText } from './searches.ts'
import { at, isTrue, type JsonObject, listOf, numberOf, objectOf, objectsOf, textOf, textsOf } from './value.ts'

export interface LensLayer {
  readonly columns: ReadonlyMap<string, JsonObject>
  /** Ids in the order in which groups nest. */
  readonly order: readonly string[]
  readonly view: IndexView
}

const maxDepth = 30

const unsupported = (text: string, why: string): Value => ({ kind: 'unsupported', text, why })

const plain: ReadonlyMap<string, Aggregate['op']> = new Map([
  ['sum', 'sum'],
  ['average', 'avg'],
  ['median', 'median'],
  ['min', 'min'],
  ['max', 'max'],
  ['unique_count', 'unique'],
  ['cardinality', 'unique'],
  ['standard_deviation', 'stddev'],
])

const windows: ReadonlyMap<string, Extract<Value, { readonly kind: 'window' }>['fn']> = new Map([
  ['cumulative_sum', 'cumulative_sum'],
  ['overall_average', 'overall_avg'],
  ['overall_sum', 'overall_sum'],
  ['overall_min', 'overall_min'],
  ['overall_max', 'overall_max'],
])

/** Filter and shift that a column hands on to what it is made of. */
interface Around {
  readonly filter: Aggregate['filter']
  readonly shift: string | undefined
}

const fixedTime = /^\d+[smhdwy]$/

/** `1w` as LogQL takes it; undefined with a remark: `previous`, months, dates. */
function shiftOf(text: string | undefined, to: Remarks): string | undefined {
  if (text === undefined) return undefined
  if (fixedTime.test(text)) return text
  remark(to, 'unsupported', { code: 'OBD-K-010', text: `The time shift ${text} is no fixed time.` })
  return undefined
}

function aroundOf(column: JsonObject, outer: Around, to: Remarks): Around {
  const shift = shiftOf(textOf(column.timeShift), to) ?? outer.shift
  if (column.filter === undefined) return { ...outer, shift }
  const searched = searchedQuery(column.filter)
  to.notes.push(...searched.notes)
  to.floor = worse(to.floor, searched.floor)
  if (searched.filter === undefined || searched.filter.kind === 'all') return { ...outer, shift }
  return { shift, filter: outer.filter === undefined ? searched.filter : { kind: 'and', parts: [outer.filter, searched.filter] } }
}

const aggregate = (
  op: Aggregate['op'],
  field: string | undefined,
  { filter, shift }: Around,
  more: Partial<Aggregate> = {},
): Aggregate => ({
  kind: 'aggregate',
  op,
  ...(field === undefined ? {} : { field }),
  ...(filter === undefined ? {} : { filter }),
  ...(shift === undefined ? {} : { shift }),
  ...more,
})

/** Documents that have a field. */
const countOf = (field: string | undefined, around: Around): Aggregate =>
  field === undefined || field === '___records___'
    ? aggregate('count', undefined, around)
    : aggregate('count', undefined, {
        ...around,
        filter: around.filter === undefined ? isThere(field) : { kind: 'and', parts: [around.filter, isThere(field)] },
      })

function isScript(field: string | undefined, layer: LensLayer, to: Remarks): boolean {
  if (field === undefined || !layer.view.scripts.has(field)) return false
  remark(to, 'unsupported', { code: 'OBD-K-013', text: `${field} is a script: ${(layer.view.scripts.get(field) ?? '').slice(0, 300)}` })
  return true
}

/** Value of a column. */
export function columnValue(
  id: string,
  layer: LensLayer,
  to: Remarks,
  outer: Around = { filter: undefined, shift: undefined },
  depth = 0,
): Value {
  const column = layer.columns.get(id)
  if (column === undefined) return unsupported(id, `the column ${id} is not there`)
  if (depth > maxDepth) return unsupported(id, 'columns refer to each other too deep')
  const around = aroundOf(column, outer, to)
  const params = objectOf(column.params)
  const field = textOf(column.sourceField)
  const type = textOf(column.operationType) ?? ''
  if (isScript(field, layer, to)) return unsupported(field ?? '', 'the field is a script')
  const inner = (): Value => {
    const [first] = textsOf(column.references)
    return first === undefined ? unsupported(type, 'it is of nothing') : columnValue(first, layer, to, around, depth + 1)
  }
  const value = ((): Value => {
    const op = plain.get(type)
    if (op !== undefined && field !== undefined) return aggregate(op, field, around)
    const window = windows.get(type)
    if (window !== undefined) return { kind: 'window', fn: window, of: inner() }
    switch (type) {
      case 'count':
        return countOf(field, around)
      case 'percentile':
        return aggregate('percentile', field, around, { percent: numberOf(params.percentile) ?? 95 })
      case 'percentile_rank':
        return aggregate('percentile_rank', field, around, { threshold: numberOf(params.value) ?? 0 })
      case 'last_value':
        return aggregate('last', field, around, {
          isText: column.dataType === 'string' || column.dataType === 'ip' || column.dataType === 'boolean',
        })
      case 'static_value':
        return { kind: 'number', value: numberOf(params.value) ?? 0 }
      case 'moving_average':
        return { kind: 'window', fn: 'moving_avg', size: numberOf(params.window) ?? 5, of: inner() }
      case 'differences':
        return { kind: 'difference', lag: 1, positive: false, of: inner() }
      case 'counter_rate':
        return counterRate(inner(), type)
      case 'normalize_by_unit':
        return { kind: 'per', seconds: secondsOf(textOf(params.unit)), of: inner() }
      case 'formula':
        return formulaValue(textOf(params.formula) ?? '', layer, to, around, depth)
      default:
        return unsupported(type, `${type === '' ? 'the column' : type} has no counterpart`)
    }
  })()
  const scale = textOf(column.timeScale)
  return scale === undefined ? value : { kind: 'per', seconds: secondsOf(scale), of: value }
}

const counterRate = (of: Value, text: string): Value =>
  of.kind === 'aggregate' ? { kind: 'counter_rate', of, perSeconds: 1 } : unsupported(text, 'it is the rate of no counter')

type Call = Extract<Expression, { readonly kind: 'call' }>

const nameOf = (expression: Expression | undefined): string | undefined =>
  expression?.kind === 'name' ? expression.name : expression?.kind === 'text' ? expression.value : undefined

/** A formula. */
function formulaValue(formula: string, layer: LensLayer, to: Remarks, outer: Around, depth: number): Value {
  const parsed = parseExpression(formula)
  if (!parsed.ok) {
    remark(to, 'unsupported', {
      code: 'OBD-K-016',
      text: `The formula ${JSON.stringify(formula.slice(0, 300))} cannot be read: ${parsed.why}, at ${parsed.at}.`,
    })
    return unsupported(formula, `the formula cannot be read: ${parsed.why}`)
  }

  function aroundCall({ named }: Call): Around {
    let { filter, shift } = outer
    for (const [key, language] of [
      ['kql', 'kuery'],
      ['lucene', 'lucene'],
    ] as const) {
      const text = named.get(key)
      if (text === undefined) continue
      const searched = searchedText(text, language)
      to.notes.push(...searched.notes)
      to.floor = worse(to.floor, searched.floor)
      if (searched.filter === undefined || searched.filter.kind === 'all') continue
      filter = filter === undefined ? searched.filter : { kind: 'and', parts: [filter, searched.filter] }
    }
    shift = shiftOf(named.get('shift'), to) ?? shift
    if (named.has('reducedTimeRange'))
      remark(to, 'unsupported', { code: 'OBD-K-010', text: 'A part of the formula is over a time range of its own.' })
    return { filter, shift }
  }

  function call(expression: Call, valueIn: (expression: Expression) => Value): Value | undefined {
    const { name, args, named } = expression
    const [first, second, third] = args
    const field = nameOf(first)
    if (isScript(field, layer, to)) return unsupported(name, 'the field is a script')
    const op = plain.get(name)
    // `min` and `max` of numbers are others than those of a field.
    if (op !== undefined && field !== undefined && (args.length === 1 || named.size > 0))
      return aggregate(op, field, aroundCall(expression))
    const window = windows.get(name)
    if (window !== undefined && first !== undefined) return { kind: 'window', fn: window, of: valueIn(first) }
    switch (name) {
      case 'count':
        return countOf(field, aroundCall(expression))
      case 'percentile':
        return field === undefined
          ? undefined
          : aggregate('percentile', field, aroundCall(expression), { percent: numberOf(named.get('percentile')) ?? 95 })
      case 'percentile_rank':
        return field === undefined
          ? undefined
          : aggregate('percentile_rank', field, aroundCall(expression), { threshold: numberOf(named.get('value')) ?? 0 })
      case 'last_value':
        return field === undefined ? undefined : aggregate('last', field, aroundCall(expression))
      case 'moving_average':
        return first === undefined
          ? undefined
          : { kind: 'window', fn: 'moving_avg', size: numberOf(named.get('window')) ?? 5, of: valueIn(first) }
      case 'differences':
        return first === undefined ? undefined : { kind: 'difference', lag: 1, positive: false, of: valueIn(first) }
      case 'counter_rate':
        return first === undefined ? undefined : counterRate(valueIn(first), name)
      case 'normalize_by_unit':
        return first === undefined ? undefined : { kind: 'per', seconds: secondsOf(named.get('unit')), of: valueIn(first) }
      case 'ifelse': {
        if (first === undefined || second === undefined || third === undefined) return undefined
        remark(to, 'approximate', { code: 'OBD-K-016', text: 'A choice is written as arithmetic with comparisons, which give 1 and 0.' })
        const condition = valueIn(first)
        return {
          kind: 'arithmetic',
          op: '+',
          left: { kind: 'arithmetic', op: '*', left: condition, right: valueIn(second) },
          right: {
            kind: 'arithmetic',
            op: '*',
            left: { kind: 'arithmetic', op: '-', left: { kind: 'number', value: 1 }, right: condition },
            right: valueIn(third),
          },
        }
      }
      default:
        return undefined
    }
  }

  if (depth > maxDepth) return unsupported(formula, 'columns refer to each other too deep')
  const { value, differs } = valueOfExpression(parsed.expression, { name: () => undefined, call })
  for (const text of new Set(differs)) remark(to, 'approximate', { code: 'OBD-K-016', text: `${formula}: ${text}.` })
  return value
}

/** Whether a column is a group rather than a number. */
export const isGroup = (column: JsonObject | undefined): boolean => isTrue(column?.isBucketed)

export const isTime = (column: JsonObject | undefined): boolean => column?.operationType === 'date_histogram'

/** Bucket of a column. An order by a column that is not shown is listed in `hidden`. */
export function columnBucket(id: string, layer: LensLayer, shown: readonly string[], hidden: Set<string>, to: Remarks): Bucket {
  const column = layer.columns.get(id) ?? {}
  const params = objectOf(column.params)
  const field = textOf(column.sourceField)
  if (isScript(field, layer, to)) return { kind: 'unsupported', what: `a script as ${field ?? ''}`, field }
  switch (column.operationType) {
    case 'date_histogram':
      if (field !== undefined && field !== layer.view.timeField && field !== '@timestamp')
        return { kind: 'unsupported', what: `date_histogram of ${field}`, field }
      return timeBucket(textOf(params.interval))
    case 'terms': {
      if (field === undefined) return { kind: 'unsupported', what: 'terms of no field' }
      const order = objectOf(params.orderBy)
      const by = textOf(order.type)
      const columnId = textOf(order.columnId)
      if (by === 'rare' || by === 'significant') return { kind: 'unsupported', what: `${by} terms`, field }
      if (by === 'custom')
        remark(to, 'approximate', {
          code: 'OBD-K-010',
          text: `${field} is ordered by a metric of its own in the old panel, and by its count in the new.`,
        })
      const isMetric = by === 'column' && columnId !== undefined && layer.columns.has(columnId) && !isGroup(layer.columns.get(columnId))
      if (isMetric && !shown.includes(columnId)) hidden.add(columnId)
      return {
        kind: 'terms',
        fields: [field, ...textsOf(params.secondaryFields)],
        size: numberOf(params.size) ?? 5,
        order: {
          by: isMetric ? { metric: columnId } : by === 'alphabetical' ? 'key' : 'count',
          direction: params.orderDirection === 'asc' ? 'asc' : 'desc',
        },
        other: isTrue(params.otherBucket),
        missing: isTrue(params.missingBucket),
        ...(listOf(params.include).length === 0 ? {} : { include: includeOf(params, 'include') }),
        ...(listOf(params.exclude).length === 0 ? {} : { exclude: includeOf(params, 'exclude') }),
      }
    }
    case 'filters': {
      const filters = objectsOf(params.filters)
        .slice(0, 1000)
        .map((each) => {
          const searched = searchedQuery(each.input)
          to.notes.push(...searched.notes)
          to.floor = worse(to.floor, searched.floor)
          return {
            label: textOf(each.label) ?? (searched.text === '' ? 'All' : searched.text),
            filter: searched.filter ?? ({ kind: 'none' } as const),
          }
        })
      return { kind: 'filters', filters }
    }
    case 'range': {
      if (field === undefined) return { kind: 'unsupported', what: 'ranges of no field' }
      if (params.type === 'histogram') {
        return { kind: 'unsupported', what: 'a histogram whose step is chosen by Kibana', field }
      }
      return {
        kind: 'ranges',
        field,
        ranges: objectsOf(params.ranges)
          .slice(0, 1000)
          .map((each) => ({ from: numberOf(each.from), to: numberOf(each.to), label: textOf(each.label) })),
      }
    }
    default:
      return { kind: 'unsupported', what: String(column.operationType ?? 'a group'), field }
  }
}

function includeOf(params: JsonObject, key: 'include' | 'exclude'): string | readonly string[] {
  const list = listOf(params[key])
    .map((each) => String(each))
    .slice(0, 1000)
  return isTrue(at(params, `${key}IsRegex`)) ? list.join('|') : list
}

/** Title of a column. */
export const columnTitle = (column: JsonObject | undefined, id: string): string =>
  textOf(column?.label) ?? textOf(column?.customLabel) ?? id

/** A metric for a column. */
export const columnMetric = (id: string, layer: LensLayer, to: Remarks, hidden = false): Metric => ({
  id,
  label: columnTitle(layer.columns.get(id), id),
  ...(hidden ? { hidden } : {}),
  value: columnValue(id, layer, to),
})
