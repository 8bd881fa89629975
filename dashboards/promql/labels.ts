/** Labels in groupings, in matching, and in strings that functions take for labels. */

import type { Names, StringLiteral } from './ast.ts'
import type { Rewriting } from './rewriting.ts'
import { labelText } from './spelling.ts'
import { encodeString } from './strings.ts'
import { fateOf, type Value } from './value.ts'

const rule = '§6.1 label renamed'

/** Names of a list, without variables. */
export const namesOf = (rewriting: Rewriting, labels: Names): string[] =>
  labels.names.filter((name) => !rewriting.hasHole(name)).map(({ name }) => name)

/**
 * Renames the labels of a list. @param optional labels that are not there do no harm: `without`, `ignoring`
 * @param others further values whose labels it names, too: the other side of an operator
 */
export function renameLabels(rewriting: Rewriting, labels: Names, value: Value, optional: boolean, other?: Value): void {
  for (const name of labels.names) {
    if (rewriting.hasHole(name)) {
      if (!rewriting.context.naming.isIdentity)
        rewriting.note('manual', 'OBD-P-004', `a label is named by a variable: ${rewriting.source(name)}`)
      continue
    }
    rewriting.labels.add(name.name)
    const here = fateOf(value, name.name)
    const there = other === undefined || other.isConstant ? here : fateOf(other, name.name)
    const hereTo = here.kind === 'renamed' ? here.to : name.name
    const thereTo = there.kind === 'renamed' ? there.to : name.name
    if (here.kind === 'differs' || there.kind === 'differs' || (hereTo !== thereTo && !optional)) {
      rewriting.note('manual', 'OBD-P-013', `label ${name.name} has another name on some of the series than on others`)
      continue
    }
    if (!optional) {
      for (const fate of [here, there]) {
        if (fate.kind === 'gone') rewriting.note('manual', 'OBD-P-006', `label ${name.name} is nowhere any more: ${fate.why}`)
        if (fate.kind === 'resource') rewriting.note('manual', 'OBD-P-005', `${name.name} is on target_info alone`, 'promote the attribute')
      }
    }
    const all = [...new Set([hereTo, thereTo])]
    if (all.length > 1 || all[0] !== name.name) rewriting.changes.replace(name, all.map(labelText).join(', '), rule)
  }
}

/** Renames the label that a string names. */
export function renameLabelString(rewriting: Rewriting, literal: StringLiteral, value: Value): void {
  const label = literal.value
  if (label === '') return
  if (rewriting.hasVariable(literal) || rewriting.hasHole(literal)) {
    if (!rewriting.context.naming.isIdentity) rewriting.note('manual', 'OBD-P-004', `a label is named by a variable: ${label}`)
    return
  }
  rewriting.labels.add(label)
  const fate = fateOf(value, label)
  if (fate.kind === 'renamed') {
    const text = encodeString(fate.to, rewriting.masked.text.slice(literal.start, literal.end))
    rewriting.changes.replace(literal, text, rule)
  } else if (fate.kind === 'differs')
    rewriting.note('manual', 'OBD-P-013', `label ${label} has another name on some of the series than on others`)
}
