/** Negation-normal form: LogQL has no `not` over groups, so that it goes down to the leaves (De Morgan). */

import type { Filter, Leaf } from './model.ts'

/** A leaf, or its opposite. */
export interface Literal {
  readonly kind: 'literal'
  readonly leaf: Leaf
  readonly negated: boolean
  /** It was one of several conditions on one object of a list, and the pairing is lost. */
  readonly loosened: boolean
}

export type Normal =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | Literal
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Normal[] }

/** How a literal differs from others: leaves of the same words on the same field are one. */
const keyOf = ({ leaf, negated }: Literal): string => `${negated ? '-' : '+'}${leaf.field ?? ''}\u0000${JSON.stringify(leaf.test)}`

/** The values that a leaf compares a whole field with; undefined: it asks something else. */
function valuesOf({ test }: Leaf): readonly string[] | undefined {
  return test.op === 'term' ? test.values : undefined
}

/** Joins `f=a or f=b` (and `not f=a and not f=b`) into one leaf; drops what stands twice. */
function merge(parts: readonly Normal[], isOr: boolean): Normal[] {
  const kept: Normal[] = []
  const seen = new Set<string>()
  const places = new Map<string, number>()
  for (const part of parts) {
    if (part.kind !== 'literal') {
      kept.push(part)
      continue
    }
    const key = keyOf(part)
    if (seen.has(key)) continue
    seen.add(key)
    const range = part.negated === isOr && !part.loosened ? rangeInto(kept, part) : undefined
    if (range !== undefined) {
      kept[range.place] = range.joined
      continue
    }
    const values = part.negated !== isOr && part.leaf.field !== undefined && !part.loosened ? valuesOf(part.leaf) : undefined
    const field = part.leaf.field ?? ''
    const place = values === undefined ? undefined : places.get(field)
    const before = place === undefined ? undefined : kept[place]
    if (values !== undefined && place !== undefined && before?.kind === 'literal') {
      const all = [...new Set([...(valuesOf(before.leaf) ?? []), ...values])]
      kept[place] = {
        ...before,
        leaf: { ...before.leaf, test: { op: 'term', values: all }, text: `${before.leaf.text}, ${part.leaf.text}` },
      }
      continue
    }
    if (values !== undefined) places.set(field, kept.length)
    kept.push(part)
  }
  return kept
}

/** `f >= 1` and `f < 5` are one range; so are their opposites as alternatives. */
function rangeInto(kept: readonly Normal[], part: Literal): { readonly place: number; readonly joined: Literal } | undefined {
  const { test, field } = part.leaf
  if (test.op !== 'range' || field === undefined) return undefined
  // The other end stands right before it, where people write it.
  const place = kept.length - 1
  const before = kept[place]
  if (before?.kind !== 'literal' || before.negated !== part.negated || before.loosened || before.leaf.field !== field) return undefined
  const other = before.leaf.test
  if (other.op !== 'range' || (other.from !== undefined && test.from !== undefined) || (other.to !== undefined && test.to !== undefined))
    return undefined
  const joined = { op: 'range', from: other.from ?? test.from, to: other.to ?? test.to } as const
  return { place, joined: { ...before, leaf: { ...before.leaf, test: joined, text: `${before.leaf.text}, ${part.leaf.text}` } } }
}

function join(kind: 'and' | 'or', parts: readonly Normal[]): Normal {
  const neutral = kind === 'and' ? 'all' : 'none'
  const absorbing = kind === 'and' ? 'none' : 'all'
  if (parts.some((one) => one.kind === absorbing)) return { kind: absorbing }
  const flat = parts.flatMap((one) => (one.kind === kind ? one.parts : one.kind === neutral ? [] : [one]))
  const merged = merge(flat, kind === 'or')
  const [first] = merged
  return first === undefined ? { kind: neutral } : merged.length === 1 ? first : { kind, parts: merged }
}

/** The same filter with `not` only at leaves, groups flattened, and equal fields of alternatives as one leaf. Depth and size are the parsers' limits. */
export function normalize(filter: Filter): Normal {
  return walk(filter, false, false)
}

function walk(filter: Filter, negated: boolean, loosened: boolean): Normal {
  switch (filter.kind) {
    case 'all':
      return { kind: negated ? 'none' : 'all' }
    case 'none':
      return { kind: negated ? 'all' : 'none' }
    case 'not':
      return walk(filter.part, !negated, loosened)
    case 'nested':
      return walk(filter.part, negated, loosened || isSeveral(filter.part))
    case 'and':
    case 'or': {
      const kind = (filter.kind === 'and') !== negated ? 'and' : 'or'
      return join(
        kind,
        filter.parts.map((part) => walk(part, negated, loosened)),
      )
    }
    case 'leaf':
      return { kind: 'literal', leaf: filter, negated, loosened }
  }
}

/** Whether conditions of an object have to be paired: one alone has nothing to be paired with. */
const isSeveral = (filter: Filter): boolean => filter.kind === 'and' || filter.kind === 'or' || filter.kind === 'not'
