/** Selectors: names, labels and values of matchers, and what has to be joined. */

import type { MetricTarget } from '../naming/metrics.ts'
import type { Matcher, Selector } from './ast.ts'
import { boundMatcher } from './bounds.ts'
import type { Around, Rewriting } from './rewriting.ts'
import { alternativesOf, removeElement, renameMetrics } from './selector-names.ts'
import { labelText } from './spelling.ts'
import { encodeString } from './strings.ts'
import { fateOf, isMemberLabel, plainValue, type Value } from './value.ts'

const rule = '§6.1 label renamed'

/** Sums and counts have no bounds, although their histogram has. */
const isMember = ({ name }: Selector): boolean => /_(?:sum|count)$/.test(name?.name ?? '')

/** Whether series without the label meet a matcher. */
function meetsEmpty({ operator, value: { value } }: Matcher): boolean {
  if (operator === '=') return value === ''
  if (operator === '!=') return value !== ''
  // Of a pattern it is known only when it is plain; else it is said rather than not.
  const isPlain = alternativesOf(value) !== undefined
  return operator === '=~' ? !isPlain && !/^\.\+$/.test(value) : isPlain || value !== ''
}

/** Spells the value of a matcher as the new label does. */
function respell(rewriting: Rewriting, { label, operator, value }: Matcher, target: MetricTarget): void {
  if (target.value === undefined || rewriting.hasVariable(value) || rewriting.hasHole(value)) return
  const spell = (text: string): string => target.value?.(label.name, text) ?? text
  let to = value.value
  if (operator === '=' || operator === '!=') to = spell(value.value)
  else {
    const list = alternativesOf(value.value)
    if (list !== undefined) to = list.before + list.names.map(spell).join('|') + list.after
  }
  if (to !== value.value) {
    rewriting.changes.replace(value, encodeString(to, rewriting.masked.text.slice(value.start, value.end)), '§6.1 value respelled')
  }
}

/** The text of a matcher on `target_info`. */
const matcherText = (rewriting: Rewriting, to: string, { operator, value }: Matcher): string =>
  `${labelText(to)}${operator}${rewriting.source(value)}`

/** Rewrites a selector. @param of what one without a name asks for, in `info()` */
export function rewriteSelector(rewriting: Rewriting, selector: Selector, around: Around, of?: MetricTarget): Value {
  const { targets, isBucket } = renameMetrics(rewriting, selector, of)
  const [first] = targets
  const value: Value = {
    ...plainValue(),
    factor: first?.factor ?? 1,
    bounds: first?.bounds ?? first?.factor ?? 1,
    fates: [...new Set(targets.map((target) => target))].map((target) => (label: string) => target.label(label)),
    // Recorded buckets are known by their bounds alone.
    hasLe: (isBucket || (first?.factor === 1 && (first.bounds ?? 1) !== 1 && !isMember(selector))) && first?.native === undefined,
    native: first?.native === undefined ? undefined : { kind: first.native, bound: undefined },
    hasScope: rewriting.context.targets.scope_labels && !(selector.name?.name.includes(':') ?? false),
  }
  const places = new Map(selector.elements.map(({ start }, at) => [start, at]))
  const starts = new Set(selector.matchers.map(({ start }) => start))
  const joined = new Map<string, string>()
  const matchers: string[] = []
  const removed = new Set<number>()
  let losesEmpty = false
  for (const matcher of selector.matchers) {
    const { label } = matcher
    if (label.name === '__name__') continue
    if (rewriting.hasHole(label)) {
      if (!rewriting.context.naming.isIdentity)
        rewriting.note('manual', 'OBD-P-004', `a label is named by a variable: ${rewriting.source(label)}`)
      continue
    }
    rewriting.labels.add(label.name)
    if (label.name === 'le' && (isBucket || value.native !== undefined)) {
      const at = places.get(matcher.start) ?? -1
      const bound = boundMatcher(rewriting, matcher, value)
      if (bound === undefined || value.native === undefined) continue
      removeElement(rewriting, selector, at, removed, '§6.1 stored natively')
      removed.add(at)
      value.native = { ...value.native, bound }
      continue
    }
    if (isMemberLabel(label.name)) continue
    const fate = fateOf(value, label.name)
    if (fate.kind === 'kept') respellAll(rewriting, matcher, targets)
    else if (fate.kind === 'renamed') {
      rewriting.changes.replace(label, labelText(fate.to), rule)
      respellAll(rewriting, matcher, targets)
    } else if (fate.kind === 'resource') {
      const at = places.get(matcher.start) ?? -1
      removeElement(rewriting, selector, at, removed, '§6.1 label of the resource')
      removed.add(at)
      matchers.push(matcherText(rewriting, fate.to, matcher))
      losesEmpty ||= meetsEmpty(matcher)
    } else if (fate.kind === 'gone') {
      rewriting.note('manual', 'OBD-P-006', `label ${label.name} is nowhere any more: ${fate.why}`)
    } else rewriting.note('manual', 'OBD-P-003', `label ${label.name} is another one on some of the metrics that the selector meets`)
  }
  for (const element of selector.elements) {
    const isMatcher = starts.has(element.start)
    if (isMatcher || element.start === selector.name?.start || !rewriting.hasHole(element)) continue
    if (!rewriting.context.naming.isIdentity)
      rewriting.note('approximate', 'OBD-P-021', `matchers stand in a variable: ${rewriting.source(element)}`)
  }
  for (const label of around.wanted) {
    const fate = fateOf(value, label)
    if (fate.kind === 'resource') joined.set(label, fate.to)
  }
  // A selector needs something that it does not meet without: a name, or one matcher.
  const asks = selector.name !== undefined || selector.matchers.some((one) => !removed.has(places.get(one.start) ?? -1) && !meetsEmpty(one))
  if (!asks && matchers.length > 0)
    rewriting.note('manual', 'OBD-P-005', 'the query names no metric, and nothing else that is on its series')
  if (joined.size > 0 || matchers.length > 0) value.join = { labels: joined, matchers, losesEmpty }
  return value
}

function respellAll(rewriting: Rewriting, matcher: Matcher, targets: readonly MetricTarget[]): void {
  const [first] = targets
  if (first !== undefined) respell(rewriting, matcher, first)
}
