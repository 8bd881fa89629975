/** What is known of the result of an expression after the rewriting: its scale, its labels, and what is still to be done around it. */

import type { LabelTarget } from '../naming/metrics.ts'

/** The fate of a label of a result: as of a metric, or another on one side than on the next. */
export type Fate = LabelTarget | { readonly kind: 'differs' }

/** Matchers that have to be on `target_info`, and labels that have to come from there. */
export interface Join {
  /** Old label → its name there. */
  readonly labels: ReadonlyMap<string, string>
  /** As text. */
  readonly matchers: readonly string[]
  /** A matcher was taken off that may be met by series without `target_info`. */
  readonly losesEmpty: boolean
}

export interface NativeMember {
  readonly kind: 'bucket' | 'sum' | 'count'
  /** The bound that a matcher asks for, scaled; undefined: none. */
  readonly bound: number | undefined
}

export interface Value {
  /** New value = old value × factor. */
  factor: number
  /** The same of the bounds of buckets. */
  bounds: number
  /** Of each metric below: what became of its labels. Those of numbers: none. */
  fates: readonly ((label: string) => LabelTarget)[]
  /** Labels that the query makes or fetches itself, old → new. */
  fixed: ReadonlyMap<string, string>
  join?: Join | undefined
  native?: NativeMember | undefined
  /** It is buckets, which show their bounds in `le`. */
  hasLe: boolean
  /** Samples are native histograms where they were buckets. */
  isHistogram: boolean
  /** The only labels that it has, by old name; undefined: unknown. */
  only: ReadonlySet<string> | undefined
  isConstant: boolean
  /** It has the labels of the scope, where the backend shows them. */
  hasScope: boolean
}

export const nothing: ReadonlyMap<string, string> = new Map()

export const plainValue = (): Value => ({
  factor: 1,
  bounds: 1,
  fates: [],
  fixed: nothing,
  hasLe: false,
  isHistogram: false,
  only: undefined,
  isConstant: false,
  hasScope: false,
})

/** A number: it has no labels and keeps its scale. */
export const constant = (): Value => ({ ...plainValue(), only: new Set(), isConstant: true })

const kept: Fate = { kind: 'kept' }

/** Labels that say which member of a histogram or summary a series is, and never move. */
export const isMemberLabel = (label: string): boolean => label === 'le' || label === 'quantile' || label === '__name__'

const sameFate = (one: Fate, other: Fate): boolean => one.kind === other.kind && (!('to' in one) || !('to' in other) || one.to === other.to)

/** What became of a label of a result. */
export function fateOf(value: Value, label: string): Fate {
  if (isMemberLabel(label)) return kept
  const fixed = value.fixed.get(label)
  if (fixed !== undefined) return fixed === label ? kept : { kind: 'renamed', to: fixed }
  let found: Fate | undefined
  for (const fate of value.fates) {
    const one = fate(label)
    if (found === undefined) found = one
    else if (!sameFate(found, one)) return { kind: 'differs' }
  }
  return found ?? kept
}

/** Metrics of both, each once. */
export function unite(one: Value['fates'], other: Value['fates']): Value['fates'] {
  if (one.length === 0 || one === other) return other
  if (other.length === 0) return one
  // More than any query asks for: the rewriting refuses it at its end.
  return one.length > 300 ? one : [...new Set([...one, ...other])]
}

/** Factors that are one but for what a division loses. */
export const sameFactor = (one: number, other: number): boolean => Math.abs(one - other) <= 1e-12 * Math.max(Math.abs(one), Math.abs(other))

export const tidyFactor = (factor: number): number => (sameFactor(factor, 1) ? 1 : factor)
