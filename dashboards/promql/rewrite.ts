/** PromQL as it was → as it has to be asked now: section 6 of the reference. */

import { type Note, noUses, type QueryEdit, type Status, type Uses, worse } from '../model.ts'
import { applyEdits } from '../text/edits.ts'
import { rewriteAggregate } from './aggregates.ts'
import type { Expr } from './ast.ts'
import { rewriteBinary } from './binaries.ts'
import { rewriteCall, type Visit } from './calls.ts'
import type { PromqlContext, PromqlResult } from './context.ts'
import { maskQuery } from './mask.ts'
import { longestQuery, type ParseFault, parsePromql } from './parse.ts'
import { isRecorded, recordedNaming } from './recording.ts'
import { type Around, Rewriting } from './rewriting.ts'
import { rewriteSelector } from './selectors.ts'
import { settle } from './settle.ts'
import { numberText } from './spelling.ts'
import { oldOrNew } from './transition.ts'
import { constant, fateOf, tidyFactor, type Value } from './value.ts'

function rewriteExpr(rewriting: Rewriting, expr: Expr, around: Around, visit: Visit): Value {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return constant()
    case 'selector':
      return rewriteSelector(rewriting, expr, around)
    case 'matrix':
      return visit(expr.inner, around)
    case 'modified':
      return visit(expr.inner, around)
    case 'subquery':
      return visit(expr.inner, { wanted: around.wanted, isFree: false })
    case 'paren':
      return visit(expr.inner, { wanted: around.wanted, isFree: true })
    case 'unary':
      return visit(expr.inner, { wanted: around.wanted, isFree: false })
    case 'call':
      return rewriteCall(rewriting, expr, around, visit)
    case 'aggregate':
      return rewriteAggregate(rewriting, expr, around, visit)
    case 'binary':
      return rewriteBinary(rewriting, expr, around, visit)
  }
}

/** Whether an expression is a selector over whose range or time something else stands: that settles it. */
const isOpen = (parent: Expr | undefined): boolean =>
  parent !== undefined && (parent.kind === 'matrix' || parent.kind === 'modified' || parent.kind === 'call')

function visitor(rewriting: Rewriting): (expr: Expr, around: Around) => Value {
  const visit = (expr: Expr, around: Around, parent: Expr | undefined): Value => {
    const value = rewriteExpr(rewriting, expr, around, (child, next) => visit(child, next, expr))
    if ((expr.kind === 'selector' || expr.kind === 'modified') && !isOpen(parent)) settle(rewriting, expr, value, around)
    if (expr.kind === 'selector' && rewriting.hasHole(expr) && expr.name !== undefined && expr.braces === undefined) return value
    return value
  }
  return (expr, around) => visit(expr, around, undefined)
}

const refused = (text: string, fault: ParseFault): PromqlResult => {
  const note: Note =
    fault === 'syntax'
      ? { code: 'OBD-P-001', text: 'the query is no PromQL that the grammar knows' }
      : {
          code: 'OBD-P-002',
          text: fault === 'length' ? `the query is longer than ${longestQuery / 1024} KiB` : 'the query is nested too deeply',
        }
  return {
    status: 'manual',
    after: text,
    edits: [],
    notes: [note],
    uses: noUses,
    factor: 1,
    bounds: 1,
    labels: new Map(),
    series: new Map(),
    lost: [],
  }
}

/** Gives the root of a query its old scale, or leaves it to the panel. @returns the factor that is left */
function rootScale(rewriting: Rewriting, root: Expr, value: Value): number {
  const { factor } = value
  if (factor === 1) return 1
  const { scale, role } = rewriting.context
  if (scale === 'panel' && role === 'panel') {
    rewriting.note('exact', 'OBD-P-014', `values are ${numberText(factor)} times what they were: the panel shows the new unit`)
    return factor
  }
  rewriting.restore(root, value, true)
  rewriting.note('exact', 'OBD-P-014', `values are multiplied by ${numberText(factor)} now, and brought back by the query`)
  return 1
}

/** Labels of the result that have other names. */
function renamedLabels(rewriting: Rewriting, value: Value): Map<string, string> {
  const labels = new Map<string, string>()
  for (const label of new Set([...rewriting.labels, ...(rewriting.context.wanted ?? [])])) {
    const fate = fateOf(value, label)
    if (fate.kind === 'renamed') labels.set(label, fate.to)
  }
  return labels
}

/** Labels that series of the result had, and have no more. */
function lostLabels({ context }: Rewriting, value: Value): string[] {
  if (value.fates.length === 0) return []
  const could = [...(context.naming.moved ?? [])].filter((label) => value.only?.has(label) !== false)
  return could.filter((label) => ['resource', 'gone'].includes(fateOf(value, label).kind))
}

interface Rewritten {
  readonly status: Status
  readonly after: string
  readonly edits: readonly QueryEdit[]
}

/** Metrics in the labels of one result. */
const mostMetrics = 300

/** Everything in one text. */
function finish(rewriting: Rewriting, text: string): Rewritten {
  if (rewriting.givesUp) return { status: worse(rewriting.said, 'manual'), after: text, edits: [] }
  const edits = rewriting.changes.edits()
  const after = applyEdits(text, edits)
  // What is written is read once more: it never is no query.
  if (edits.length > 0 && typeof parsePromql(maskQuery(after, rewriting.context.variables).text) === 'string') {
    rewriting.note('manual', 'OBD-P-001', 'the rewritten query could not be read again, and was left as it was')
    return { status: worse(rewriting.status, 'manual'), after: text, edits: [] }
  }
  return { status: rewriting.status, after, edits }
}

/**
 * Rewrites a query. Only the places change that have to; a query that is not understood stays as it is and is `manual`. Never throws for what stands in it.
 * Takes time in proportion to its length.
 */
export function rewritePromql(text: string, context: PromqlContext): PromqlResult {
  return context.transition === 'recording' ? withRecorded(text, context) : rewritten(text, context)
}

/** A query whose old names are recorded stays; of others what is not recorded is rewritten. */
function withRecorded(text: string, context: PromqlContext): PromqlResult {
  const plain = rewritten(text, context)
  const { metrics } = plain.uses
  if (plain.edits.length === 0 || plain.status === 'manual') return plain
  const note: Note = { code: 'OBD-P-016', text: 'recording rules make the old names of the new' }
  const isOfBuckets = metrics.some((name) => name.endsWith('_bucket'))
  if (isRecorded(context.naming, metrics) && !isOfBuckets) {
    const notes = plain.notes.filter(({ code }) => code === 'OBD-P-009' || code === 'OBD-P-010')
    const status = notes.length > 0 ? 'approximate' : 'exact'
    return {
      ...plain,
      status,
      after: text,
      edits: [],
      notes: [note, ...notes],
      factor: 1,
      bounds: 1,
      labels: new Map(),
      series: new Map(),
      lost: [],
    }
  }
  const mixed = rewritten(text, { ...context, naming: recordedNaming(context.naming) })
  return { ...mixed, notes: [...mixed.notes, note] }
}

function rewritten(text: string, context: PromqlContext): PromqlResult {
  if (text.length > longestQuery) return refused(text, 'length')
  const masked = maskQuery(text, context.variables)
  const tree = parsePromql(masked.text)
  if (typeof tree === 'string') return refused(text, tree)
  const rewriting = new Rewriting(masked, context)
  const value = visitor(rewriting)(tree, { wanted: new Set(context.wanted), isFree: true })
  if (value.fates.length > mostMetrics) return refused(text, 'depth')
  // A bare selector over a range has nothing around it that could settle it.
  settle(rewriting, tree, value, { wanted: new Set(), isFree: true }, { linear: false, joins: false })
  if (value.isHistogram) {
    const status = context.role === 'panel' ? 'approximate' : 'manual'
    rewriting.note(status, 'OBD-P-011', 'the result is one native histogram where it was a series for each bucket')
  }
  const bounds = value.hasLe && value.only?.has('le') !== false ? tidyFactor(value.bounds) : 1
  if (bounds !== 1) {
    rewriting.note('approximate', 'OBD-P-012', 'the result shows bounds of buckets, and these have the new unit')
  }
  const factor = rootScale(rewriting, tree, value)
  const finished = finish(rewriting, text)
  const labels = renamedLabels(rewriting, value)
  const both = context.transition === 'old-or-new' ? oldOrNew(text, tree, finished, { rewriting, value, factor, labels }) : finished
  const uses: Uses = { metrics: [...rewriting.metrics], labels: [...rewriting.labels].filter((label) => label !== '__name__'), fields: [] }
  return {
    ...both,
    status: worse(both.status, rewriting.said),
    notes: rewriting.notes,
    uses,
    factor,
    bounds,
    labels,
    series: rewriting.series,
    lost: lostLabels(rewriting, value),
  }
}
