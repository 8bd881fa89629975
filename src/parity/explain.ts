/** What is a fault here and what is not: `--accept` and `--deny` move differences between the classes (cutover 3.7). */

import { BridgeError } from '../errors.ts'
import { type Difference, type DifferenceClass, differenceClasses } from './model.ts'

export interface Judgement {
  /** Classes, kinds (`extra_new`) or rules (`Z-E5`) that are accepted. */
  readonly accept: ReadonlySet<string>
  /** The same, as faults. */
  readonly deny: ReadonlySet<string>
}

const kinds = ['missing_old', 'missing_new', 'extra_new', 'changed', 'unaccounted', 'mapping_changed']

/** What can be accepted: a class, a kind, or the id of a rule. Throws OB_CONFIG for words that are none. */
export function judgementOf(accept: readonly string[], deny: readonly string[]): Judgement {
  for (const [option, words] of [
    ['--accept', accept],
    ['--deny', deny],
  ] as const) {
    for (const word of words) {
      const isRule = /[A-Z0-9.§-]/.test(word)
      if (isRule || kinds.includes(word) || (differenceClasses as readonly string[]).includes(word)) continue
      throw new BridgeError('OB_CONFIG', `cannot use ${option} ${word}: it is no class, no kind and no rule of a difference`, {
        place: option,
      })
    }
  }
  return { accept: new Set(accept), deny: new Set(deny) }
}

const named = (words: ReadonlySet<string>, { class: name, kind, rule }: Difference): boolean =>
  words.has(name) || words.has(rule) || (name === 'unexplained' && words.has(kind))

/** The difference in the class that it counts in; `deny` wins. */
export function judged(difference: Difference, { accept, deny }: Judgement): Difference {
  const as = (name: DifferenceClass): Difference => (difference.class === name ? difference : { ...difference, class: name })
  if (named(deny, difference)) return as('unexplained')
  return named(accept, difference) ? as('accepted') : difference
}
