/** Numbers of documents that became metrics → PromQL: the last paragraph of section 7.4. Each field is a gauge that is named by its path. */

import { backLabel, backName } from '../../src/translate/prometheus/back.ts'
import { MetricType } from '../../src/translate/prometheus/model.ts'
import { allOf } from '../filters/model.ts'
import { type Literal, type Normal, normalize } from '../filters/normalize.ts'
import { type Note, type Status, worse } from '../model.ts'
import type { LogScope, Use } from './aggregates.ts'
import { settle } from './filter.ts'
import type { Aggregate, LogContext, Value } from './query.ts'
import { luceneRegexToRe2 } from './regex.ts'
import { decimal, escapeRegex, hasVariable, partsOf, plainOf, quoteDouble } from './text.ts'
import { type Around, type Dialect, impossible, offsetOf, type Piece, piece } from './values.ts'

/** Attributes of the resource that Prometheus makes labels of in any case. */
const identifying: Readonly<Record<string, string>> = { 'service.name': 'job', 'service.instance.id': 'instance' }

export interface MetricScope extends LogScope {
  /** Fields that are grouped by. */
  readonly fields: readonly string[]
}

const isClassic = (name: string): boolean => /^[A-Za-z_:][A-Za-z0-9_:]*$/.test(name)
const labelName = (name: string): string => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quoteDouble(name))

/** Label of a field on a metric of documents, as if everything were promoted; undefined: nothing is left of its name. */
export function metricLabelOf(field: string, { fields, backend }: LogContext): string | undefined {
  const { attribute } = fields.field(field)
  const isResource = fields.isResource?.(field) ?? false
  if (isResource && Object.hasOwn(identifying, attribute)) return identifying[attribute]
  return backLabel(attribute, backend?.strategy ?? 'UnderscoreEscapingWithoutSuffixes')
}

/** PromQL for numbers in documents. Counts of documents do not exist there. */
export function createMetricDialect(scope: MetricScope, use: Use): Dialect {
  const { context, interval, index } = scope
  const { strategy, promoted } = context.backend ?? { strategy: 'UnderscoreEscapingWithoutSuffixes' as const, promoted: [] }
  const notes: Note[] = []
  let status: Status = 'exact'
  const say = (worst: Status, code: Note['code'], text: string, suggestion?: string): void => {
    status = worse(status, worst)
    notes.push({ code, text, suggestion })
  }

  /** The label of a field. */
  function labelOf(field: string): string | undefined {
    const place = context.fields.field(field, index)
    const { attribute } = place
    const isResource = context.fields.isResource?.(field) ?? false
    if (place.where === 'gone' || place.where === 'time' || place.where === 'line') {
      say('manual', 'OBD-L-014', `${field} is no label of the metric.`)
      return undefined
    }
    if (isResource && !Object.hasOwn(identifying, attribute) && !promoted.includes(attribute)) {
      say(
        'manual',
        'OBD-L-042',
        `${field} is an attribute of the resource, which the backend keeps apart.`,
        `Promote ${attribute} (promote_resource_attributes), and say so in targets.metrics.promoted.`,
      )
    }
    return metricLabelOf(field, context)
  }

  function matcher({ leaf, negated, loosened }: Literal): string | undefined {
    const { field, test, text, isPattern } = leaf
    if (field === undefined || isPattern || field.startsWith('_')) {
      if (field !== '_index') say('manual', 'OBD-L-008', `"${text}" is left out: metrics have no such label.`)
      return undefined
    }
    if (context.fields.field(field, index).where === 'time') {
      say('approximate', 'OBD-L-004', `"${text}" is left to the time range.`)
      return undefined
    }
    if (loosened) say('approximate', 'OBD-L-006', `"${text}" is one of several conditions on an object of a list.`)
    const found = test.op === 'exists' && measured.has(field) ? undefined : labelOf(field)
    if (found === undefined) return undefined
    const label = labelName(found)
    const values =
      test.op === 'term'
        ? test.values
        : test.op === 'match'
          ? [test.words.trim()]
          : test.op === 'phrase' && !test.prefix
            ? [test.words]
            : undefined
    if (values !== undefined) return equal(label, values, negated)
    if (test.op === 'exists') return `${label}${negated ? '=' : '!='}""`
    if (test.op === 'prefix') return `${label}${negated ? '!~' : '=~'}${quoteDouble(`${escapeRegex(test.text)}.*`)}`
    if (test.op === 'wildcard') {
      const body = test.pieces.map((one) => (typeof one === 'string' ? escapeRegex(one) : one.sign === 'any' ? '.*' : '.')).join('')
      return `${label}${negated ? '!~' : '=~'}${quoteDouble(`${test.ignoreCase ? '(?i)' : ''}${body}`)}`
    }
    if (test.op === 'regex') {
      const re2 = luceneRegexToRe2(test.pattern)
      if (re2.ok) return `${label}${negated ? '!~' : '=~'}${quoteDouble(re2.pattern)}`
    }
    say('unsupported', 'OBD-L-009', `"${text}" cannot be asked of a label.`)
    return undefined
  }

  function equal(label: string, values: readonly string[], negated: boolean): string {
    const parts = values.map((one) => partsOf(one, context.variables))
    const [first = []] = parts
    const isMulti = parts.some((one) => one.some((part) => typeof part === 'object' && part.multi))
    if (parts.length === 1 && !isMulti) return `${label}${negated ? '!=' : '='}${quoteDouble(plainOf(first))}`
    const body = parts
      .map((one) => one.map((part) => (typeof part === 'string' ? escapeRegex(part) : `\${${part.name}:regex}`)).join(''))
      .join('|')
    const text = parts.some(hasVariable) ? `"${body.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : quoteDouble(body)
    return `${label}${negated ? '!~' : '=~'}${text}`
  }

  function matchers(normal: Normal): string[] {
    switch (normal.kind) {
      case 'all':
        return []
      case 'none':
        return ['__name__=""']
      case 'literal':
        return [matcher(normal) ?? ''].filter((one) => one !== '')
      case 'and':
        return normal.parts.flatMap(matchers)
      case 'or':
        say('unsupported', 'OBD-L-009', 'Alternatives on several labels are no selector of metrics.')
        return []
    }
  }

  const measured = new Set<string>()

  function selector(field: string, one: Aggregate): string | undefined {
    measured.add(field)
    const place = context.fields.field(field, index)
    const name = backName(place.attribute, '', MetricType.Gauge, strategy)
    if (name === undefined || place.where === 'gone') return undefined
    use({ metrics: [place.attribute], labels: [], fields: [field] })
    const filter = allOf([scope.filter, ...(one.filter === undefined ? [] : [one.filter])])
    const all = [...(isClassic(name) ? [] : [quoteDouble(name)]), ...new Set(matchers(normalize(settle(filter, context, index))))]
    return `${isClassic(name) ? name : ''}${all.length === 0 ? '' : `{${all.join(', ')}}`}`
  }

  const groups = (): string[] => scope.fields.flatMap((field) => labelOf(field) ?? []).map(labelName)
  const grouped = (fn: string, labels: readonly string[], text: string): string =>
    labels.length === 0 ? `${fn}(${text})` : `${fn} by (${labels.join(', ')}) (${text})`

  function write(make: () => string | undefined, why: string): Piece {
    notes.length = 0
    status = worse('exact', 'unchanged')
    const text = make()
    if (text === undefined) return impossible('OBD-L-023', why)
    return piece(status === 'unsupported' ? '' : text, true, { status, notes: [...notes] })
  }

  const offset = (one: Aggregate, around: Around): string | undefined => {
    const shifts = [...around.shifts, ...(one.shift === undefined ? [] : [one.shift]), ...(scope.shift === undefined ? [] : [scope.shift])]
    const sum = offsetOf(shifts)
    return sum === undefined ? undefined : sum === '' ? '' : ` offset ${sum}`
  }

  function aggregate(one: Aggregate, around: Around): Piece {
    const { field, op } = one
    const fn = functions[op]
    if (op === 'count' || op === 'rate' || op === 'documents')
      return impossible('OBD-L-023', 'The number of documents is not known any more.')
    if (field === undefined) return impossible('OBD-L-023', `${op} names no field.`)
    if (one.isText === true) return impossible('OBD-L-023', `${field} is text, and no metric.`)
    return write(() => {
      const back = offset(one, around)
      if (op === 'unique') {
        say('unsupported', 'OBD-L-023', `Different values of ${field} cannot be counted in metrics.`)
        return ''
      }
      const from = selector(field, one)
      if (from === undefined || back === undefined) return undefined
      const labels = groups()
      const window = `${from}[${interval.text}]${back}`
      if (op === 'median' || op === 'percentile') {
        const quantile = decimal(op === 'median' ? 0.5 : Number(((one.percent ?? 50) / 100).toPrecision(12))) ?? '0.5'
        say('approximate', 'OBD-L-041', `The quantile of ${field} is one of quantiles.`)
        const inner = `quantile_over_time(${quantile}, ${window})`
        return labels.length === 0 ? `quantile(${quantile}, ${inner})` : `quantile by (${labels.join(', ')}) (${quantile}, ${inner})`
      }
      if (fn === undefined) {
        say('unsupported', 'OBD-L-023', `${op} of ${field} has no counterpart in metrics.`)
        return ''
      }
      return grouped(fn[0], labels, `${fn[1]}(${window})`)
    }, `${field} is no metric.`)
  }

  /** The largest value of a counter, and how it grew: a rate. */
  function special(value: Value, around: Around): Piece | undefined {
    const of = value.kind === 'difference' || value.kind === 'counter_rate' ? value.of : undefined
    if (of === undefined || of.kind !== 'aggregate' || of.field === undefined) return undefined
    if (value.kind === 'difference' && (!value.positive || value.lag !== 1 || !['max', 'sum', 'avg', 'last'].includes(of.op)))
      return undefined
    const { field } = of
    const seconds = value.kind === 'difference' || value.kind === 'counter_rate' ? value.perSeconds : undefined
    return write(() => {
      const from = selector(field, of)
      const back = offset(of, around)
      if (from === undefined || back === undefined) return undefined
      say('approximate', 'OBD-L-041', `${field} is taken for a counter that grows.`)
      const window = interval.ms === undefined && interval.text === '$__interval' ? '$__rate_interval' : interval.text
      const fn = of.op === 'sum' ? 'sum' : of.op === 'avg' ? 'avg' : 'max'
      const text = grouped(
        fn,
        groups(),
        `${seconds === undefined ? 'increase' : 'rate'}(${from}[${seconds === undefined ? interval.text : window}]${back})`,
      )
      return seconds === undefined || seconds === 1 ? text : `${text} * ${decimal(seconds) ?? 1}`
    }, `${field} is no metric.`)
  }

  return { interval, alert: context.alert, aggregate, special }
}

const functions: Readonly<Partial<Record<Aggregate['op'], readonly [string, string]>>> = {
  avg: ['avg', 'avg_over_time'],
  min: ['min', 'min_over_time'],
  max: ['max', 'max_over_time'],
  sum: ['sum', 'sum_over_time'],
  last: ['max', 'last_over_time'],
}
