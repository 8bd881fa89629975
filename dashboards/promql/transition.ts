/** Old and new in one query, for panels whose range spans the cutover: section 6.3 of the reference. */

import type { QueryEdit, Status } from '../model.ts'
import type { Expr } from './ast.ts'
import type { Rewriting } from './rewriting.ts'
import { fateOf, type Value } from './value.ts'

interface Rewritten {
  readonly status: Status
  readonly after: string
  readonly edits: readonly QueryEdit[]
}

interface Result {
  readonly rewriting: Rewriting
  readonly value: Value
  readonly factor: number
  readonly labels: ReadonlyMap<string, string>
}

/** Why old and new cannot stand side by side; undefined: they can. */
function obstacle({ rewriting, value, factor, labels }: Result): string | undefined {
  const { role, naming } = rewriting.context
  if (role === 'variable') return 'values of variables are no series'
  if (factor !== 1) return 'the new series have another scale'
  if (labels.size > 0) return `labels have other names now: ${[...labels.keys()].join(', ')}`
  if (value.isHistogram) return 'the new series are native histograms'
  if (role === 'rule' && rewriting.asksForPresence) return 'an alert counts what is there, and would count both'
  for (const label of naming.moved ?? []) {
    if (value.only?.has(label) === false) continue
    if (fateOf(value, label).kind !== 'kept') return `${label} is another label, or none, on the new series`
  }
  if (value.hasScope) return 'the new series have labels of the scope'
  return undefined
}

const rule = '§6.3 old and new'

/** `(new) or (old)` where that can be; else the new query alone. A query that is both already stays. */
export function oldOrNew(text: string, tree: Expr, rewritten: Rewritten, result: Result): Rewritten {
  const { rewriting } = result
  if (rewritten.edits.length === 0 || rewritten.status === 'manual') return rewritten
  if (tree.kind === 'binary' && tree.op === 'or' && tree.matching === undefined) {
    const inner = (expr: Expr): string => rewriting.source(expr.kind === 'paren' ? expr.inner : expr)
    const changed = rewriting.changes.render(tree.right.kind === 'paren' ? tree.right.inner : tree.right)
    if (changed === inner(tree.left)) return { status: 'unchanged', after: text, edits: [] }
  }
  const why = obstacle(result)
  if (why !== undefined) {
    rewriting.note('approximate', 'OBD-P-017', why)
    return rewritten
  }
  rewriting.note('exact', 'OBD-P-016', 'the new series, and the old ones where there are none')
  // A comment at the end would swallow the parenthesis.
  const close = /#[^\n]*$/.test(text) ? '\n)' : ')'
  const edits: QueryEdit[] = [
    { start: 0, end: 0, from: '', to: '(', rule },
    ...rewritten.edits,
    { start: text.length, end: text.length, from: '', to: `${close} or (${text}${close}`, rule },
  ]
  return { status: rewritten.status, after: `(${rewritten.after}${close} or (${text}${close}`, edits }
}
