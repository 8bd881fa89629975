/** Which metrics a selector asks for, and what they are called now. */

import type { MetricTarget } from '../naming/metrics.ts'
import type { Matcher, Selector } from './ast.ts'
import type { Rewriting } from './rewriting.ts'
import { isClassicName, quote, regexText } from './spelling.ts'
import { encodeString } from './strings.ts'

/** Names that one pattern may stand for in a rewritten query. */
const mostNames = 200

/** Metrics of a selector. `suffix` is where the old name matters: of buckets. */
export interface SelectedMetrics {
  readonly targets: readonly MetricTarget[]
  readonly isBucket: boolean
}

const scraper = /^(?:up|ALERTS|ALERTS_FOR_STATE|scrape_.*)$/s

/** Says what has to be said of a metric. */
function tell(rewriting: Rewriting, name: string, target: MetricTarget): void {
  if (scraper.test(name)) {
    const suggestion = name === 'up' ? 'absent_over_time(target_info{…}[5m])' : undefined
    // What the scraper says of a target is sent as any other series; alerts are evaluated where the rules are, and those go with them.
    const status = name.startsWith('ALERTS') ? 'manual' : 'unchanged'
    rewriting.note(status, 'OBD-P-008', `${name} is there only as long as the old Prometheus scrapes and sends it`, suggestion)
  }
  if (target.name === undefined)
    rewriting.note('manual', 'OBD-P-007', `there is no ${name} any more: ${target.why ?? 'nothing is left of it'}`)
  if (target.guessed) rewriting.note('approximate', 'OBD-P-009', `nobody says of which type ${name} is; it was taken by its name`)
}

const oldName = (rewriting: Rewriting, name: string, target: MetricTarget): string => {
  const to = target.name ?? name
  if (to !== name) rewriting.series.set(name, to)
  return to
}

const ruleOf = '§6.1 metric renamed'

/** Takes an element out of braces, and the comma that goes with it. */
export function removeElement(rewriting: Rewriting, selector: Selector, at: number, removed: ReadonlySet<number>, rule: string): void {
  const { elements, braces } = selector
  const element = elements[at]
  if (element === undefined || braces === undefined) return
  const next = elements[at + 1]
  const text = rewriting.masked.text
  // They are taken out from left to right.
  const follows = removed.size < at
  // The first that stays takes the comma behind it along, all others that before.
  if (!follows && next !== undefined) rewriting.changes.replace({ start: element.start, end: next.start }, '', rule)
  else if (follows) {
    const from = elements[at - 1]?.end ?? element.start
    rewriting.changes.replace({ start: from, end: element.end }, '', rule)
  } else {
    const comma = /^\s*,/.exec(text.slice(element.end, Math.min(braces.end, element.end + 1000)))
    rewriting.changes.replace({ start: element.start, end: element.end + (comma?.[0].length ?? 0) }, '', rule)
  }
}

/** Writes a new name in the place of the old one. */
function rename(rewriting: Rewriting, selector: Selector, to: string): void {
  const { name, braces, elements } = selector
  if (name === undefined || name.name === to) return
  const { changes, masked } = rewriting
  if (!name.isQuoted && isClassicName(to)) {
    changes.replace(name, to, ruleOf)
    return
  }
  if (name.isQuoted) {
    const hoists = !isClassicName(name.name) && isClassicName(to) && braces !== undefined && elements[0]?.start === name.start
    if (!hoists) {
      changes.replace(name, encodeString(to, masked.text.slice(name.start, name.end)), ruleOf)
      return
    }
    const next = elements[1]
    changes.replace({ start: braces.start, end: braces.start }, to, ruleOf)
    if (next === undefined && /^\s*$/.test(masked.text.slice(braces.start + 1, name.start) + masked.text.slice(name.end, braces.end - 1))) {
      changes.replace({ start: braces.start, end: braces.end }, '', ruleOf)
      return
    }
    const comma = /^\s{0,100},(?: (?=\S))?/.exec(masked.text.slice(name.end, name.end + 102))
    changes.replace({ start: name.start, end: name.end + (comma?.[0].length ?? 0) }, '', ruleOf)
    return
  }
  rewriting.note('exact', 'OBD-P-020', `${to} is written in quotes`)
  if (braces === undefined) {
    changes.replace(name, `{${quote(to)}}`, ruleOf)
    return
  }
  changes.replace(name, '', ruleOf)
  changes.replace({ start: braces.start, end: braces.start + 1 }, `{${quote(to)}${elements.length > 0 ? ', ' : ''}`, ruleOf)
}

/** Names that a pattern is only a list of; undefined: it is more than that. */
export function alternativesOf(
  pattern: string,
): { readonly names: readonly string[]; readonly before: string; readonly after: string } | undefined {
  const found = /^(\^?\(?(?:\?:)?)([a-zA-Z0-9_:|.+-]*?)(\)?\$?)$/s.exec(pattern)
  const [, before = '', list = '', after = ''] = found ?? []
  if (found === null || before.includes('(') !== after.includes(')')) return undefined
  const names = list.split('|')
  return names.every((name) => name !== '' && /^[a-zA-Z0-9_:-]+$/.test(name)) ? { names, before, after } : undefined
}

/** A pattern that can be tried on names without taking long: text, `.*` and `.+`, classes, groups that are not repeated. */
function simplePattern(pattern: string): RegExp | undefined {
  if (pattern.length > 1000 || /\)[*+?{]|\\[^.\w]|\\[pP1-9kxuQCzA]|\(\?[^:]|[*+?}][*+?{]|\{/.test(pattern)) return undefined
  if ((pattern.match(/[*+]/g) ?? []).length > 3) return undefined
  try {
    return new RegExp(`^(?:${pattern})$`)
  } catch {
    return undefined
  }
}

const sameLabels = (targets: readonly MetricTarget[]): boolean =>
  targets.every(({ native, bounds, factor }) => {
    const [first] = targets
    return first !== undefined && native === first.native && factor === first.factor && (bounds ?? 1) === (first.bounds ?? 1)
  })

/** Of a pattern on names. */
function byPattern(rewriting: Rewriting, matcher: Matcher): SelectedMetrics {
  const { naming } = rewriting.context
  const { value } = matcher
  const pattern = value.value
  const isOfBuckets = /_bucket\$?\)?\$?$/.test(pattern)
  const unknown = (why: string): SelectedMetrics => {
    if (!naming.isIdentity)
      rewriting.note('manual', 'OBD-P-003', `${matcher.label.name}${matcher.operator}${JSON.stringify(pattern)}: ${why}`)
    return { targets: [{ name: undefined, factor: 1, label: (label) => naming.label(label), guessed: false }], isBucket: isOfBuckets }
  }
  if (rewriting.hasVariable(value) || rewriting.hasHole(value)) return unknown('a variable stands in it')
  if (matcher.operator === '!=' || matcher.operator === '!~') return unknown('it says what is not meant')
  const list = alternativesOf(pattern)
  let names = list?.names
  if (names === undefined) {
    const tried = naming.known === undefined ? undefined : simplePattern(pattern)
    if (tried === undefined || naming.known === undefined) return unknown('it is not known what it meets')
    names = [...naming.known].filter((name) => tried.test(name))
    if (names.length === 0) return unknown('it meets no metric that is known')
  }
  const targets = names.map((name) => {
    const target = rewriting.metric(name)
    tell(rewriting, name, target)
    return target
  })
  if (!sameLabels(targets)) {
    rewriting.note(
      'manual',
      'OBD-P-015',
      `${JSON.stringify(pattern)} meets metrics that are multiplied by different factors, or stored differently`,
    )
    return { targets: targets.map((target) => ({ ...target, factor: 1, bounds: 1, native: undefined })), isBucket: isOfBuckets }
  }
  const changed = names.some((name, at) => (targets[at]?.name ?? name) !== name)
  const isBucket = names.every((name) => name.endsWith('_bucket'))
  if (!changed) return { targets, isBucket }
  const renamed = names.map((name, at) => oldName(rewriting, name, targets[at] ?? { ...unnamed, name }))
  if (list === undefined) {
    if (names.length > mostNames) return unknown(`it meets ${names.length} metrics, and some have other names now`)
    rewriting.note('approximate', 'OBD-P-003', `${JSON.stringify(pattern)} became the list of the metrics that are known to meet it`)
  }
  const text = `${list?.before ?? ''}${[...new Set(renamed)].map(regexText).join('|')}${list?.after ?? ''}`
  rewriting.changes.replace(value, encodeString(text, rewriting.masked.text.slice(value.start, value.end)), ruleOf)
  return { targets, isBucket }
}

const unnamed = { factor: 1, label: () => ({ kind: 'kept' }) as const, guessed: false }

/** Finds the metrics of a selector and renames them in it. @param of what a selector without any name asks, in `info()` */
export function renameMetrics(rewriting: Rewriting, selector: Selector, of: MetricTarget | undefined): SelectedMetrics {
  const { naming } = rewriting.context
  const { name } = selector
  const byMatcher = selector.matchers.filter(({ label }) => label.name === '__name__')
  const anyMetric: MetricTarget = { name: undefined, factor: 1, label: (label) => naming.label(label), guessed: false }
  if (name !== undefined) {
    if (rewriting.hasHole(name)) {
      if (!naming.isIdentity) {
        rewriting.note('manual', 'OBD-P-004', `the metric is named by a variable: ${rewriting.source(name)}`)
      }
      return { targets: [anyMetric], isBucket: name.name.endsWith('_bucket') }
    }
    const target = rewriting.metric(name.name)
    tell(rewriting, name.name, target)
    if (target.name !== undefined) rename(rewriting, selector, oldName(rewriting, name.name, target))
    return { targets: [target], isBucket: name.name.endsWith('_bucket') }
  }
  const [first, ...more] = byMatcher
  if (first === undefined || more.length > 0) {
    if (of !== undefined && first === undefined) return { targets: [of], isBucket: false }
    if (!naming.isIdentity) rewriting.note('approximate', 'OBD-P-003', 'the query asks for metrics of any name')
    return { targets: [anyMetric], isBucket: false }
  }
  if (first.operator !== '=') return byPattern(rewriting, first)
  const wanted = first.value.value
  if (rewriting.hasVariable(first.value) || rewriting.hasHole(first.value)) {
    if (!naming.isIdentity) rewriting.note('manual', 'OBD-P-004', `the metric is named by a variable: ${wanted}`)
    return { targets: [anyMetric], isBucket: false }
  }
  const target = rewriting.metric(wanted)
  tell(rewriting, wanted, target)
  if (target.name !== undefined && target.name !== wanted) {
    const text = encodeString(oldName(rewriting, wanted, target), rewriting.masked.text.slice(first.value.start, first.value.end))
    rewriting.changes.replace(first.value, text, ruleOf)
  }
  return { targets: [target], isBucket: wanted.endsWith('_bucket') }
}
