/** Numbers made of lines: section 7.4 of the reference, row by row. */

import { allOf, type Filter, isBetween } from '../filters/model.ts'
import { type Note, type Uses, worse } from '../model.ts'
import type { Interval } from './duration.ts'
import { type Logs, logsOf } from './filter.ts'
import type { Aggregate, LogContext } from './query.ts'
import { decimal } from './text.ts'
import { type Around, type Dialect, impossible, noted, offsetOf, type Piece, piece } from './values.ts'

/** What all numbers of a target share. */
export interface LogScope {
  readonly index: string | undefined
  readonly filter: Filter
  /** Fields that have to be there: those of groups. */
  readonly present: readonly string[]
  /** Labels of groups. */
  readonly groups: readonly string[]
  /** Stages behind those of the filter: computed groups. */
  readonly stages: string
  readonly interval: Interval
  /** The query's own shift. */
  readonly shift: string | undefined
  readonly context: LogContext
}

/** Collects fields that queries name. */
export type Use = (uses: Uses) => void

const overTime: Readonly<Record<string, string>> = {
  avg: 'avg_over_time',
  min: 'min_over_time',
  max: 'max_over_time',
  stddev: 'stddev_over_time',
  variance: 'stdvar_over_time',
  last: 'last_over_time',
}

/** ` by (a, b)`, or nothing. */
const by = (groups: readonly string[]): string => (groups.length === 0 ? '' : ` by (${groups.join(', ')})`)

/** `sum by (a) (…)` */
const summed = (groups: readonly string[], text: string, fn = 'sum'): string =>
  groups.length === 0 ? `${fn}(${text})` : `${fn}${by(groups)} (${text})`

/** LogQL for numbers of lines. Fields below an `unwrap` have to be there: Loki divides averages by the number of all lines otherwise (measured on 3.7). */
export function createLogDialect(scope: LogScope, use: Use): Dialect {
  const { context, groups, index, interval } = scope

  function logs(filter: Filter, present: readonly string[]): Logs {
    const found = logsOf(filter, context, { index, present: [...scope.present, ...present] })
    use(found.uses)
    return found
  }

  /** `S … [i] offset o` */
  const window = (text: string, offset: string): string => `${text} [${interval.text}]${offset === '' ? '' : ` offset ${offset}`}`

  function aggregate(one: Aggregate, around: Around): Piece {
    const { op, field } = one
    if (op === 'documents') return impossible('OBD-L-022', 'Documents are no number.')
    if (op === 'last' && one.isText === true) return impossible('OBD-L-022', `The latest ${field ?? 'value'} is text.`)
    const filter = allOf([scope.filter, ...(one.filter === undefined ? [] : [one.filter])])
    const shifts = [...around.shifts, ...(one.shift === undefined ? [] : [one.shift]), ...(scope.shift === undefined ? [] : [scope.shift])]
    const offset = offsetOf(shifts)
    if (offset === undefined) return impossible('OBD-L-021', `It looks back by ${shifts.join(' and ')}, which cannot be written.`)
    const found = write(one, filter, offset, around)
    return found
  }

  function finish(text: string, from: readonly Logs[], isAtom = true): Piece {
    const notes: Note[] = from.flatMap((one) => one.notes)
    const status = from.reduce<Piece['status']>((sum, one) => worse(sum, one.status), 'exact')
    return piece(status === 'unsupported' ? '' : text, isAtom, { status, notes })
  }

  function counted(filter: Filter, present: readonly string[], offset: string, fn = 'count_over_time'): readonly [string, Logs] {
    const found = logs(filter, present)
    return [summed(groups, `${fn}(${window(found.text + scope.stages, offset)})`), found]
  }

  function unwrapped(filter: Filter, field: string, offset: string): readonly [string, Logs] | Piece {
    const place = context.fields.field(field, index)
    if (place.where === 'line' || place.where === 'time' || place.where === 'gone') {
      return impossible('OBD-L-014', `There is no number in ${field}.`)
    }
    const found = logs(filter, [field])
    const unwrap = `${scope.stages} | unwrap ${place.name} | __error__=""`
    // Grafana's grammar knows an offset behind stages and an unwrap only where the range stands before them; Loki reads both.
    return [offset === '' ? window(found.text + unwrap, '') : `${window(found.selector, offset)}${found.stages}${unwrap}`, found]
  }

  function write(one: Aggregate, filter: Filter, offset: string, around: Around): Piece {
    const { op, field } = one
    if (op === 'count' || (op === 'rate' && field === undefined)) {
      const [text, from] = counted(filter, field === undefined ? [] : [field], offset, op === 'count' ? 'count_over_time' : 'rate')
      const isZero = around.zero && groups.length === 0 && !context.alert
      return finish(isZero ? `${text} or vector(0)` : text, [from], !isZero)
    }
    if (field === undefined) return impossible('OBD-L-025', `${op} names no field.`)
    if (op === 'unique') return unique(filter, field, offset)
    if (op === 'percentile_rank') {
      const threshold = decimal(one.threshold ?? 0) ?? '0'
      const below = isBetween(field, undefined, { value: threshold, inclusive: true }, `${field} <= ${threshold}`)
      const [part, fromPart] = counted(allOf([filter, below]), [], offset)
      const [all, fromAll] = counted(filter, [field], offset)
      return finish(`100 * ${part} / ${all}`, [fromPart, fromAll], false)
    }
    const source = unwrapped(filter, field, offset)
    if ('text' in source) return source
    const [text, from] = source
    if (op === 'sum' || op === 'rate') return finish(summed(groups, `${op === 'sum' ? 'sum_over_time' : 'rate'}(${text})`), [from])
    const suffix = groups.length === 0 ? ' by ()' : by(groups)
    if (op === 'median' || op === 'percentile') {
      const quantile = op === 'median' ? 0.5 : Number(((one.percent ?? 50) / 100).toPrecision(12))
      return finish(`quantile_over_time(${decimal(quantile) ?? 0.5}, ${text})${suffix}`, [from], false)
    }
    return finish(`${overTime[op] ?? 'avg_over_time'}(${text})${suffix}`, [from], false)
  }

  function unique(filter: Filter, field: string, offset: string): Piece {
    const place = context.fields.field(field, index)
    if (place.where === 'line' || place.where === 'time' || place.where === 'gone') {
      return impossible('OBD-L-014', `Values of ${field} cannot be counted.`)
    }
    const found = logs(filter, [field])
    const inner = summed(
      [...groups.filter((one) => one !== place.name), place.name],
      `count_over_time(${window(found.text + scope.stages, offset)})`,
    )
    const counts = finish(summed(groups, inner, 'count'), [found])
    return noted(counts, 'exact', 'OBD-L-019', `Values of ${field} are counted as series.`)
  }

  return { interval, alert: context.alert, aggregate }
}
