/** Aggregations: `sum by (…) (…)`. */

import type { Aggregate, Names } from './ast.ts'
import type { Visit } from './calls.ts'
import { aggregationScale } from './functions.ts'
import { namesOf, renameLabelString, renameLabels } from './labels.ts'
import { type Around, lastBit, type Rewriting } from './rewriting.ts'
import { constant, tidyFactor, type Value } from './value.ts'

const scopeLabels = ['otel_scope_name', 'otel_scope_version']
const none: ReadonlySet<string> = new Set()

/** Aggregations that give series of their operand. */
const selects: ReadonlySet<string> = new Set(['topk', 'bottomk', 'limitk', 'limit_ratio'])

function wantedOf(rewriting: Rewriting, { op, modifier }: Aggregate, wanted: ReadonlySet<string>): ReadonlySet<string> {
  const names = modifier === undefined ? [] : namesOf(rewriting, modifier.labels)
  if (selects.has(op)) return modifier?.kind === 'by' ? new Set([...wanted, ...names]) : wanted
  if (modifier === undefined) return none
  return modifier.kind === 'by' ? new Set(names) : new Set([...wanted].filter((label) => !names.includes(label)))
}

/** Takes `le` out of a grouping of native histograms. */
function dropLe(rewriting: Rewriting, aggregate: Aggregate): void {
  const { modifier, body, op } = aggregate
  const rule = '§6.1 stored natively'
  const at = modifier?.labels.names.findIndex(({ name }) => name === 'le') ?? -1
  if (modifier?.kind !== 'by' || at < 0 || (op !== 'sum' && op !== 'avg')) {
    rewriting.note(
      'manual',
      'OBD-P-011',
      `${op}${modifier === undefined ? '' : ` ${modifier.kind} (…)`} of buckets has no equal for native histograms`,
    )
    return
  }
  const { names } = modifier.labels
  const name = names[at]
  const next = names[at + 1]
  const previous = names[at - 1]
  if (name === undefined) return
  if (names.length === 1) {
    // One blank goes with it: `sum by (le) (x)` is `sum(x)`, and so is `sum(x) by (le)`.
    const isBehind = modifier.at.start >= body.end
    const start = isBehind ? body.end : aggregate.opAt.end
    const end = isBehind ? modifier.at.end : body.start
    const between = rewriting.source({ start, end })
    // A comment between is kept.
    if (between.includes('#')) rewriting.changes.replace(modifier.at, 'by ()', rule)
    else rewriting.changes.replace({ start, end }, '', rule)
  } else if (next !== undefined) rewriting.changes.replace({ start: name.start, end: next.start }, '', rule)
  else if (previous !== undefined) rewriting.changes.replace({ start: previous.end, end: name.end }, '', rule)
}

/** Adds the labels of the scope to what `without` takes away. */
function addScope(rewriting: Rewriting, labels: Names): void {
  const missing = scopeLabels.filter((label) => !labels.names.some(({ name }) => name === label))
  if (missing.length === 0) return
  const last = labels.names.at(-1)
  const text = missing.join(', ')
  rewriting.changes.insert(last?.end ?? labels.start + 1, last === undefined ? text : `, ${text}`, '§6.1 new label')
  rewriting.note('exact', 'OBD-P-019', `without () takes away ${text}, too`)
}

export function rewriteAggregate(rewriting: Rewriting, aggregate: Aggregate, around: Around, visit: Visit): Value {
  const { op, modifier, args } = aggregate
  const isVariable = rewriting.hasHole(aggregate.opAt)
  const operand = args.at(-1)
  if (operand === undefined) return constant()
  if (op.startsWith('count')) rewriting.asksForPresence = true
  const value = visit(operand, { wanted: wantedOf(rewriting, aggregate, around.wanted), isFree: true })
  for (const parameter of args.slice(0, -1)) {
    if (op === 'count_values' && parameter.kind === 'string') continue
    rewriting.restore(parameter, visit(parameter, { wanted: none, isFree: true }), true)
  }
  const wasHistogram = value.isHistogram
  if (modifier !== undefined) {
    renameLabels(rewriting, modifier.labels, value, modifier.kind === 'without')
    if (modifier.kind === 'without' && value.hasScope) addScope(rewriting, modifier.labels)
  }
  if (wasHistogram) dropLe(rewriting, aggregate)
  const names = modifier === undefined ? [] : namesOf(rewriting, modifier.labels)
  if (!selects.has(op) && modifier?.kind !== 'without') {
    value.only = new Set(names)
    value.hasScope = names.some((name) => scopeLabels.includes(name))
  } else if (modifier?.kind === 'without') value.hasScope = false
  const [label] = args
  if (op === 'count_values' && label?.kind === 'string') {
    renameLabelString(rewriting, label, value)
    value.fixed = new Map([...value.fixed, [label.value, label.value]])
  }
  if (isVariable) {
    rewriting.restore(operand, value, true)
    if (rewriting.changes.count > 0) {
      rewriting.note('approximate', 'OBD-P-004', `a function stands in a variable: ${rewriting.source(aggregate.opAt)}`)
    }
    return value
  }
  const scale = aggregationScale(op)
  if (scale === 'restore') {
    if (value.factor !== 1) rewriting.note('approximate', 'OBD-P-014', lastBit)
    rewriting.restore(operand, value, true)
  }
  if (scale === 'one') value.factor = 1
  else if (scale === 'square') value.factor = tidyFactor(value.factor * value.factor)
  value.isConstant = false
  return value
}
