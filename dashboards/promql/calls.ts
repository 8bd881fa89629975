/** Calls of functions. */

import type { Call, Expr, Span, StringLiteral } from './ast.ts'
import { functionRow } from './functions.ts'
import { renameLabelString } from './labels.ts'
import { numberOf } from './parse.ts'
import { type Around, lastBit, type Rewriting } from './rewriting.ts'
import { rewriteSelector } from './selectors.ts'
import { settle } from './settle.ts'
import { divisionText, numberText } from './spelling.ts'
import { constant, fateOf, nothing, plainValue, tidyFactor, type Value } from './value.ts'

export type Visit = (expr: Expr, around: Around) => Value

const none: ReadonlySet<string> = new Set()

const isRange = (expr: Expr | undefined): boolean => expr?.kind === 'matrix' || (expr?.kind === 'modified' && isRange(expr.inner))

/** The range of a matrix, under `offset` and the like. */
function rangeOf(expr: Expr): Span | undefined {
  if (expr.kind === 'matrix') return expr.range
  return expr.kind === 'modified' ? rangeOf(expr.inner) : undefined
}

const isSelector = (expr: Expr): boolean => (expr.kind === 'modified' ? isSelector(expr.inner) : expr.kind === 'selector')

/** Labels that are wanted of an operand. */
function wantedOf(call: Call, wanted: ReadonlySet<string>): ReadonlySet<string> {
  const strings = call.args.filter((arg): arg is StringLiteral => arg.kind === 'string').map(({ value }) => value)
  switch (call.name.toLowerCase()) {
    case 'absent':
    case 'absent_over_time':
    case 'scalar':
      return none
    case 'label_replace': {
      const [made, , from] = strings
      return new Set([...[...wanted].filter((label) => label !== made), ...(from === undefined || from === '' ? [] : [from])])
    }
    case 'label_join': {
      const [made, , ...from] = strings
      return new Set([...[...wanted].filter((label) => label !== made), ...from])
    }
    case 'sort_by_label':
    case 'sort_by_label_desc':
      return new Set([...wanted, ...strings])
    default:
      return wanted
  }
}

/** Says when a range is too short for the interval of exports. */
function checkRange(rewriting: Rewriting, range: Span): void {
  const { exportInterval } = rewriting.context
  if (exportInterval === undefined || rewriting.hasHole(range)) return
  const text = rewriting.source(range)
  const seconds = numberOf(text)
  if (seconds < 4 * exportInterval) {
    rewriting.note('approximate', 'OBD-P-010', `[${text}] holds fewer than four exports, one every ${exportInterval} s`, '$__rate_interval')
  }
}

/** Seconds of a range as an expression; undefined: there is no such. */
function secondsText(rewriting: Rewriting, range: Span): string | undefined {
  const text = rewriting.source(range).trim()
  if (!rewriting.hasHole(range)) {
    const seconds = numberOf(text)
    return Number.isFinite(seconds) && seconds > 0 ? numberText(seconds) : undefined
  }
  const name = /^\$\{?(__rate_interval|__interval|__range)\}?$/.exec(text)?.[1]
  return name === undefined ? undefined : `($${name}_ms / 1000)`
}

/** `rate(x[r])` of deltas is their sum over `r`, in seconds. */
function rewriteDelta(rewriting: Rewriting, call: Call, range: Span, around: Around): void {
  const rule = '§6.1 deltas'
  const name = call.name.toLowerCase()
  if (name === 'increase') rewriting.changes.replace(call.nameAt, 'sum_over_time', rule)
  else if (name === 'rate') {
    const seconds = secondsText(rewriting, range)
    if (seconds === undefined) {
      rewriting.note('manual', 'OBD-P-018', 'the length of the range is not known')
      return
    }
    rewriting.changes.replace(call.nameAt, 'sum_over_time', rule)
    const [open, close] = around.isFree ? ['', ''] : ['(', ')']
    rewriting.changes.wrap(call, open, ` / ${seconds}${close}`, rule)
  } else {
    rewriting.note('manual', 'OBD-P-018', `${name}() of deltas has no equal`)
    return
  }
  rewriting.note('exact', 'OBD-P-018', `${name}() is a sum of deltas`)
}

/** Whether a selector under an expression asks for what is stored as deltas. */
function isDelta(rewriting: Rewriting, expr: Expr): boolean {
  if (!rewriting.context.targets.deltas) return false
  if (expr.kind === 'modified' || expr.kind === 'matrix') return isDelta(rewriting, expr.inner)
  return (
    expr.kind === 'selector' &&
    expr.name !== undefined &&
    !rewriting.hasHole(expr.name) &&
    rewriting.metric(expr.name.name).isDelta === true
  )
}

/** Labels that a function makes of others, or reads. */
function rewriteLabels(rewriting: Rewriting, call: Call, value: Value): void {
  const name = call.name.toLowerCase()
  if (!/^(?:label_replace|label_join|sort_by_label(?:_desc)?)$/.test(name)) return
  const strings = call.args.filter((arg): arg is StringLiteral => arg.kind === 'string')
  const [first, second, third] = strings
  if (name.startsWith('sort')) {
    for (const literal of strings) renameLabelString(rewriting, literal, value)
    return
  }
  if (first === undefined || second === undefined) return
  const from = name === 'label_join' ? strings.slice(2) : third === undefined ? [] : [third]
  for (const literal of from) {
    renameLabelString(rewriting, literal, value)
    const fate = fateOf(value, literal.value)
    if (fate.kind === 'gone') rewriting.note('manual', 'OBD-P-006', `label ${literal.value} is nowhere any more: ${fate.why}`)
  }
  renameLabelString(rewriting, first, value)
  const made = fateOf(value, first.value)
  value.fixed = new Map([...value.fixed, [first.value, made.kind === 'renamed' ? made.to : first.value]])
  if (value.only !== undefined) value.only = new Set([...value.only, first.value])
}

/** Bounds of `histogram_fraction` have the new scale. */
function scaleBounds(rewriting: Rewriting, call: Call, factor: number): void {
  if (factor === 1) return
  for (const bound of call.args.slice(0, 2)) {
    if (bound.kind === 'number' && !rewriting.hasHole(bound)) {
      if (Number.isFinite(bound.value)) rewriting.changes.replace(bound, numberText(bound.value * factor), '§6.2 bound scaled')
    } else rewriting.changes.wrap(bound, '(', `${divisionText(1 / factor)})`, '§6.2 bound scaled')
  }
}

export function rewriteCall(rewriting: Rewriting, call: Call, around: Around, visit: Visit): Value {
  const name = call.name.toLowerCase()
  const isVariable = rewriting.hasHole(call.nameAt)
  const row = functionRow(name)
  const at = row.operand ?? 0
  if (/^(?:count|absent|present|changes|resets)/.test(name)) rewriting.asksForPresence = true
  const wanted = wantedOf(call, around.wanted)
  let value = constant()
  for (const [place, arg] of call.args.entries()) {
    if (name === 'info' && place === 1 && arg.kind === 'selector') {
      rewriteSelector(rewriting, arg, { wanted: none, isFree: true }, rewriting.context.naming.metric('target_info'))
      continue
    }
    if (place !== at) {
      const other = visit(arg, { wanted: none, isFree: true })
      rewriting.restore(arg, other, true)
      continue
    }
    value = visit(arg, { wanted, isFree: true })
  }
  const operand = call.args[at]
  if (operand === undefined) return constant()
  const range = rangeOf(operand)
  if (range !== undefined) checkRange(rewriting, range)
  if (range !== undefined && isDelta(rewriting, operand)) {
    if (/^(?:rate|increase|irate|idelta|delta|deriv|resets|changes)$/.test(name))
      rewriteDelta(rewriting, call, range, { ...around, isFree: around.isFree && value.join === undefined })
  }
  const overSelector = isRange(operand) || ((name === 'timestamp' || name === 'start_timestamp') && isSelector(operand))
  const counts = /^(?:count_over_time|present_over_time|absent_over_time|timestamp|start_timestamp)$/.test(name)
  if (overSelector) {
    if (counts && value.native?.kind !== 'bucket') value.native = undefined
    const isLinear = row.linear === true || value.native === undefined
    settle(rewriting, call, value, around, { linear: isLinear, joins: !name.startsWith('absent') })
  } else {
    if (isSelector(operand) && (value.native !== undefined || value.join !== undefined)) {
      settle(rewriting, operand, value, { wanted, isFree: true })
      if (name.startsWith('absent'))
        rewriting.note('approximate', 'OBD-P-005', 'labels of what is absent are told by its matchers, which stand on target_info now')
    }
  }
  if (isVariable) {
    rewriting.restore(operand, value, true)
    if (rewriting.changes.count > 0)
      rewriting.note('approximate', 'OBD-P-004', `a function stands in a variable: ${rewriting.source(call.nameAt)}`)
    return value
  }
  rewriteLabels(rewriting, call, value)
  return scaleCall(rewriting, call, operand, value)
}

function scaleCall(rewriting: Rewriting, call: Call, operand: Expr, value: Value): Value {
  const name = call.name.toLowerCase()
  const row = functionRow(name)
  if (value.isHistogram && row.takesHistogram !== true && row.linear !== true && !name.startsWith('label_') && name !== 'info') {
    rewriting.note('manual', 'OBD-P-011', `${name}() of buckets has no equal for native histograms`)
  }
  if (row.takesHistogram === true) {
    if (name === 'histogram_fraction') scaleBounds(rewriting, call, tidyFactor(value.bounds))
    const bounds = tidyFactor(value.bounds)
    value.isHistogram = false
    value.hasLe = false
    value.factor = row.scale === 'bounds' ? bounds : row.scale === 'bounds squared' ? tidyFactor(bounds * bounds) : 1
    value.bounds = 1
    return value
  }
  if (name === 'scalar') return { ...constant(), isConstant: true, factor: value.factor }
  if (name === 'vector') return { ...plainValue(), only: none, fixed: nothing, factor: value.factor }
  if (name.startsWith('absent')) return { ...plainValue(), fates: value.fates, hasScope: false }
  if (row.scale === 'restore') {
    if (value.factor !== 1 && (name === 'ceil' || name === 'floor')) rewriting.note('approximate', 'OBD-P-014', lastBit)
    rewriting.restore(operand, value, true)
  }
  if (row.scale === 'one') value.factor = 1
  else if (row.scale === 'square') value.factor = tidyFactor(value.factor * value.factor)
  value.isConstant = call.args.length === 0 || (value.isConstant && name !== 'vector')
  return value
}
