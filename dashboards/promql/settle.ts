/** What is put around a selector or the function over it: joins with `target_info`, and functions that take parts out of native histograms. */

import type { Expr } from './ast.ts'
import type { Around, Rewriting } from './rewriting.ts'
import { labelText, numberText } from './spelling.ts'
import { fateOf, type Value } from './value.ts'

const nativeRule = '§6.1 stored natively'
const joinRule = '§6.1 label of the resource'

/** `offset` and `@` behind the selector of an expression, as text: `target_info` has to be asked at the same time. */
export function modifiersOf(rewriting: Rewriting, expr: Expr): string {
  let inner: Expr = expr
  let text = ''
  for (;;) {
    if (inner.kind === 'modified') {
      if (inner.how !== 'other') text = rewriting.source({ start: inner.inner.end, end: inner.end }) + text
      inner = inner.inner
    } else if (inner.kind === 'call') {
      const arg: Expr | undefined = inner.args.find(({ kind }) => kind === 'matrix' || kind === 'modified' || kind === 'selector')
      if (arg === undefined) return text
      inner = arg
    } else return text
  }
}

/** Takes the part out of a native histogram that the old series was. @param linear whether the function over it leaves histograms histograms */
function takePart(rewriting: Rewriting, expr: Expr, value: Value, around: Around, linear: boolean): void {
  const { native } = value
  if (native === undefined) return
  value.native = undefined
  if (!linear) {
    const inner = expr.kind === 'call' ? `${expr.name}()` : 'it'
    rewriting.note('manual', 'OBD-P-011', `${inner} of a member of a histogram has no equal now that it is stored as one`)
    return
  }
  if (native.kind === 'bucket' && native.bound === undefined) {
    value.isHistogram = true
    return
  }
  if (native.kind !== 'bucket') {
    rewriting.changes.wrap(expr, `histogram_${native.kind}(`, ')', nativeRule)
    return
  }
  if (native.bound === Number.POSITIVE_INFINITY) {
    rewriting.changes.wrap(expr, 'histogram_count(', ')', nativeRule)
    return
  }
  const [open, close] = around.isFree ? ['', ''] : ['(', ')']
  // From below everything and not from 0: a bucket holds negative observations, too.
  const again = rewriting.changes.render(expr)
  const bound = numberText(native.bound ?? 0)
  rewriting.changes.wrap(expr, `${open}histogram_fraction(-Inf, ${bound}, `, `) * histogram_count(${again})${close}`, nativeRule)
  const text = `the bucket up to ${bound} is a share of the whole: the same where ${bound} is a bound of the histogram, as it was one of its buckets`
  // Prometheus 3 does not end a share at 0 where the bucket ends there.
  rewriting.note(native.bound === 0 ? 'approximate' : 'exact', 'OBD-P-011', text)
}

function addJoin(rewriting: Rewriting, expr: Expr, value: Value, around: Around, joins: boolean): void {
  const { join } = value
  if (join === undefined) return
  value.join = undefined
  const names = [...new Set([...join.labels.values()])]
  const label = [...join.labels.keys(), ...join.matchers].join(', ')
  if (!joins || fateOf(value, 'job').kind !== 'kept' || fateOf(value, 'instance').kind !== 'kept') {
    rewriting.note('manual', 'OBD-P-005', `${label} is on target_info alone, which cannot be joined here`, 'promote the attribute')
    return
  }
  const matchers = join.matchers.length > 0 ? `{${join.matchers.join(', ')}}` : ''
  const [open, close] = around.isFree ? ['', ''] : ['(', ')']
  const group = `group_left (${names.map(labelText).join(', ')})`
  const text = ` * on (job, instance) ${group} target_info${matchers}${modifiersOf(rewriting, expr)}${close}`
  rewriting.changes.wrap(expr, open, text, joinRule)
  value.fixed = new Map([...value.fixed, ...join.labels])
  rewriting.note(join.losesEmpty ? 'approximate' : 'exact', 'OBD-P-005', `${label} comes from target_info`, 'promote the attribute instead')
}

/** What has to be known of a function over a selector. */
export interface Over {
  /** Of histograms it makes histograms. */
  readonly linear: boolean
  /** Its result can be joined. */
  readonly joins: boolean
}

/** Finishes a selector, or the function over its range. */
export function settle(rewriting: Rewriting, expr: Expr, value: Value, around: Around, over: Over = { linear: true, joins: true }): Value {
  if (value.native === undefined && value.join === undefined) return value
  const hasPart = value.native?.kind === 'bucket' && value.native.bound !== undefined && value.join !== undefined
  takePart(rewriting, expr, value, hasPart ? { ...around, isFree: true } : around, over.linear)
  addJoin(rewriting, expr, value, around, over.joins)
  return value
}
