/** Operators between two expressions. */

import type { Binary } from './ast.ts'
import type { Visit } from './calls.ts'
import { namesOf, renameLabels } from './labels.ts'
import { type Around, lastBit, type Rewriting } from './rewriting.ts'
import { labelText } from './spelling.ts'
import { type Fate, fateOf, sameFactor, tidyFactor, unite, type Value } from './value.ts'

const scopeLabels = ['otel_scope_name', 'otel_scope_version']
const comparisons: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>='])

/** Labels that each side has to have. */
function wantedOf(
  rewriting: Rewriting,
  { matching }: Binary,
  wanted: ReadonlySet<string>,
): readonly [ReadonlySet<string>, ReadonlySet<string>] {
  if (matching === undefined) return [wanted, wanted]
  const names = namesOf(rewriting, matching.labels)
  const include = matching.include === undefined ? [] : namesOf(rewriting, matching.include)
  const on = matching.kind === 'on' ? names : []
  const usual = new Set([...[...wanted].filter((label) => matching.kind === 'on' || !names.includes(label)), ...on])
  const many = new Set([...wanted].filter((label) => !include.includes(label)).concat(on))
  const one = new Set([...on, ...include])
  if (matching.group === 'left') return [many, one]
  if (matching.group === 'right') return [one, many]
  return matching.kind === 'on' ? [new Set(on), new Set(on)] : [usual, usual]
}

const nameOf = (fate: Fate, label: string): string | undefined =>
  fate.kind === 'kept' ? label : fate.kind === 'renamed' ? fate.to : undefined

/** Whether a label was fetched or made under its new name. */
const has = (value: Value, name: string | undefined): boolean => name !== undefined && [...value.fixed.values()].includes(name)

/** Labels by which both sides were the same, and are not now. */
function clashes(rewriting: Rewriting, left: Value, right: Value): { names: Set<string>; labels: string[] } {
  const names = new Set<string>()
  const labels: string[] = []
  const { moved } = rewriting.context.naming
  const asked = new Set([...(moved ?? []), ...(left.only ?? []), ...(right.only ?? []), ...rewriting.labels])
  for (const label of asked) {
    if (left.only?.has(label) === false || right.only?.has(label) === false) continue
    const one = nameOf(fateOf(left, label), label)
    const other = nameOf(fateOf(right, label), label)
    if (one === other || (one === undefined && has(left, other)) || (other === undefined && has(right, one))) continue
    labels.push(label)
    for (const name of [one, other]) if (name !== undefined) names.add(name)
  }
  if (left.hasScope !== right.hasScope) for (const name of scopeLabels) names.add(name)
  return { names, labels }
}

/** Series meet by all their labels, or by all but some: what one side has lost or gained must not keep them apart. */
function meetAgain(rewriting: Rewriting, binary: Binary, left: Value, right: Value): void {
  if (left.isConstant || right.isConstant || left.fates.length === 0 || right.fates.length === 0) return
  const { names, labels } = clashes(rewriting, left, right)
  const { matching } = binary
  const known = new Set(matching === undefined ? [] : namesOf(rewriting, matching.labels))
  const missing = [...names].filter((name) => !known.has(name))
  const unheard = labels.filter((label) => !known.has(label))
  if (unheard.length === 0 && (left.hasScope === right.hasScope || missing.length === 0)) return
  const rule = '§6.1 matching'
  const list = missing.map(labelText).join(', ')
  if (matching === undefined) {
    const isBool = binary.isBool
    const at = isBool ? boolEnd(rewriting, binary) : binary.opAt.end
    rewriting.changes.insert(at, ` ignoring (${list})`, rule)
  } else {
    const last = matching.labels.names.at(-1)
    rewriting.changes.insert(last?.end ?? matching.labels.start + 1, last === undefined ? list : `, ${list}`, rule)
  }
  const text = `${unheard.join(', ')} has another name on one side than on the other, and is left out of the matching`
  if (unheard.length > 0) rewriting.note('approximate', 'OBD-P-013', text)
  else rewriting.note('exact', 'OBD-P-019', `one side has ${list}, the other has not`)
}

function boolEnd(rewriting: Rewriting, { opAt, right }: Binary): number {
  const between = rewriting.masked.text.slice(opAt.end, right.start)
  const at = /^(?:\s|#[^\n]*\n)*bool/i.exec(between)
  return opAt.end + (at?.[0].length ?? 0)
}

/** The scale of the result; operands that have to are given their old one. */
function scale(rewriting: Rewriting, binary: Binary, left: Value, right: Value): number {
  const { op, isBool } = binary
  const both = (): void => {
    rewriting.restore(binary.left, left)
    rewriting.restore(binary.right, right)
  }
  switch (op) {
    case '*':
      return tidyFactor(left.factor * right.factor)
    case '/':
      return tidyFactor(left.factor / right.factor)
    case 'and':
    case 'unless':
      return left.factor
    case '+':
    case '-':
    case 'or':
      if (!sameFactor(left.factor, right.factor)) both()
      return left.factor
    default:
      if (comparisons.has(op) && sameFactor(left.factor, right.factor)) return isBool ? 1 : left.isConstant ? right.factor : left.factor
      if ((left.factor !== 1 || right.factor !== 1) && ['==', '!=', '%'].includes(op)) rewriting.note('approximate', 'OBD-P-014', lastBit)
      both()
      return 1
  }
}

/** Buckets that are stored natively, on one side or both. */
function histograms(rewriting: Rewriting, { op }: Binary, left: Value, right: Value): boolean {
  if (!left.isHistogram && !right.isHistogram) return false
  const isScaled = (op === '*' && (left.isConstant || right.isConstant)) || (op === '/' && right.isConstant)
  const isSum = (op === '+' || op === '-') && left.isHistogram && right.isHistogram && sameFactor(left.bounds, right.bounds)
  const isSet = op === 'and' || op === 'unless' || (op === 'or' && left.isHistogram && right.isHistogram)
  if (!isScaled && !isSum && !isSet) rewriting.note('manual', 'OBD-P-011', `${op} between buckets has no equal for native histograms`)
  return op === 'and' || op === 'unless' ? left.isHistogram : true
}

export function rewriteBinary(rewriting: Rewriting, binary: Binary, around: Around, visit: Visit): Value {
  const { matching, op } = binary
  const [leftWanted, rightWanted] = wantedOf(rewriting, binary, around.wanted)
  const left = visit(binary.left, { wanted: leftWanted, isFree: false })
  const right = visit(binary.right, { wanted: rightWanted, isFree: false })
  if (matching !== undefined) {
    const isIgnoring = matching.kind === 'ignoring'
    renameLabels(rewriting, matching.labels, left, isIgnoring, right)
    if (!isIgnoring && (left.isHistogram || right.isHistogram) && namesOf(rewriting, matching.labels).includes('le')) {
      rewriting.note('manual', 'OBD-P-011', 'buckets of two histograms are matched one by one, which has no equal')
    }
    if (matching.include !== undefined) renameLabels(rewriting, matching.include, matching.group === 'right' ? left : right, false)
  }
  if (matching?.kind !== 'on' && op !== 'or') meetAgain(rewriting, binary, left, right)
  const isHistogram = histograms(rewriting, binary, left, right)
  const factor = scale(rewriting, binary, left, right)
  const isRight = matching?.group === 'right' || left.isConstant
  const [main, other] = isRight ? [right, left] : [left, right]
  const value: Value = { ...main, factor, isHistogram, join: undefined, native: undefined, isConstant: left.isConstant && right.isConstant }
  value.bounds = main.isHistogram ? main.bounds : other.isHistogram ? other.bounds : main.bounds
  if (op === 'or') {
    value.fates = unite(left.fates, right.fates)
    value.only = left.only === undefined || right.only === undefined ? undefined : new Set([...left.only, ...right.only])
    value.fixed = new Map([...left.fixed].filter(([label, to]) => right.fixed.get(label) === to || right.only?.has(label) === false))
    value.hasScope = left.hasScope || right.hasScope
  } else if (matching !== undefined && !comparisons.has(op) && op !== 'and' && op !== 'unless') {
    if (matching.kind === 'on' && matching.group === undefined) value.only = new Set(namesOf(rewriting, matching.labels))
    if (matching.include !== undefined) {
      const fetched = namesOf(rewriting, matching.include).map((label): [string, string] => [
        label,
        nameOf(fateOf(other, label), label) ?? label,
      ])
      value.fixed = new Map([...value.fixed, ...fetched])
      if (value.only !== undefined) value.only = new Set([...value.only, ...fetched.map(([label]) => label)])
    }
  } else if (matching?.include !== undefined) {
    const fetched = namesOf(rewriting, matching.include).map((label): [string, string] => [
      label,
      nameOf(fateOf(other, label), label) ?? label,
    ])
    value.fixed = new Map([...value.fixed, ...fetched])
  }
  return value
}
