/** Which span of the old side is which of the new (cutover 3.4): by (trace, span, kind), and where that fails by what is left of it. */

import { createHash } from 'node:crypto'
import type { StoredSpan } from './backend.ts'
import { type CanonicalSpan, type Fields, identityOf, spanContent } from './canonical.ts'

/** All that one side has under one identity. */
export interface Stack {
  readonly identity: string
  readonly first: StoredSpan
  /** Copies, and pieces of one span that were reported apart. */
  readonly all: readonly StoredSpan[]
  /** Of `all`, how many say the same as another. */
  readonly repeats: number
  /** The pieces as one span. */
  readonly span: CanonicalSpan
  readonly pieces: number
}

export type Matched = 'exact' | 'cut_old' | 'cut_new' | 'kind'

export interface Pair {
  readonly old: Stack
  readonly new: Stack
  readonly by: Matched
}

export interface Pairs {
  readonly pairs: readonly Pair[]
  readonly onlyOld: readonly Stack[]
  readonly onlyNew: readonly Stack[]
  /** New spans that are pieces of a span the old side put together. */
  readonly pieces: readonly Stack[]
}

const union = (lists: readonly (readonly Fields[])[]): readonly Fields[] => {
  const seen = new Set<string>()
  return lists.flat().filter((one) => {
    const content = JSON.stringify([...one])
    if (seen.has(content)) return false
    seen.add(content)
    return true
  })
}

function joined(spans: readonly CanonicalSpan[]): CanonicalSpan | undefined {
  const [first] = spans
  if (first === undefined || spans.length === 1) return first
  const known = spans.filter(({ startNs }) => startNs > 0n)
  const startNs = known.map((one) => one.startNs).sort((a, b) => (a < b ? -1 : 1))[0] ?? 0n
  const longest = known.map((one) => one.endNs - one.startNs).sort((a, b) => (a > b ? -1 : 1))[0] ?? 0n
  return {
    ...first,
    startNs,
    endNs: startNs + longest,
    fields: new Map(spans.toReversed().flatMap(({ fields }) => [...fields])),
    events: union(spans.map(({ events }) => events)),
    links: union(spans.map(({ links }) => links)),
  }
}

/** The spans of a side by identity. */
export function stacksOf(spans: readonly StoredSpan[]): ReadonlyMap<string, Stack> {
  const lists = new Map<string, StoredSpan[]>()
  for (const one of spans) {
    const identity = identityOf(one.span)
    const list = lists.get(identity)
    if (list === undefined) lists.set(identity, [one])
    else list.push(one)
  }
  const stacks = new Map<string, Stack>()
  for (const [identity, all] of lists) {
    const [first] = all
    if (first === undefined) continue
    const distinct = all.length === 1 ? all : [...new Map(all.map((one) => [spanContent(one.span), one])).values()]
    const span = joined(distinct.map((one) => one.span)) ?? first.span
    stacks.set(identity, { identity, first, all, repeats: all.length - distinct.length, span, pieces: distinct.length })
  }
  return stacks
}

const lowId = ({ span: { traceId, spanId, kind } }: Stack): string => `${traceId.slice(16)}/${spanId}/${kind}`
const withoutKind = ({ span: { traceId, spanId } }: Stack): string => `${traceId}/${spanId}`
const isCut = ({ span: { traceId } }: Stack): boolean => traceId.startsWith('0000000000000000')

/** @param merges the old side puts pieces of a span together (Zipkin) */
export function pairUp(old: ReadonlyMap<string, Stack>, young: ReadonlyMap<string, Stack>, merges: boolean): Pairs {
  const pairs: Pair[] = []
  let onlyOld: Stack[] = []
  const leftNew = new Map(young)
  for (const [identity, stack] of old) {
    const other = leftNew.get(identity)
    if (other === undefined) onlyOld.push(stack)
    else {
      leftNew.delete(identity)
      pairs.push({ old: stack, new: other, by: 'exact' })
    }
  }
  const again = (keyOf: (stack: Stack) => string, by: (a: Stack, b: Stack) => Matched | undefined): void => {
    if (onlyOld.length === 0 || leftNew.size === 0) return
    const byKey = new Map<string, Stack>()
    for (const stack of leftNew.values()) byKey.set(keyOf(stack), stack)
    onlyOld = onlyOld.filter((stack) => {
      const other = byKey.get(keyOf(stack))
      const matched = other === undefined || !leftNew.has(other.identity) ? undefined : by(stack, other)
      if (other === undefined || matched === undefined) return true
      leftNew.delete(other.identity)
      pairs.push({ old: stack, new: other, by: matched })
      return false
    })
  }
  again(lowId, (a, b) => (isCut(a) && !isCut(b) ? 'cut_old' : isCut(b) && !isCut(a) ? 'cut_new' : undefined))
  again(withoutKind, () => 'kind')
  const pieces: Stack[] = []
  const onlyNew: Stack[] = []
  const wholes = new Set(merges ? pairs.map((pair) => withoutKind(pair.new)) : [])
  for (const stack of leftNew.values()) (wholes.has(withoutKind(stack)) ? pieces : onlyNew).push(stack)
  return { pairs, onlyOld, onlyNew, pieces }
}

/** A number that orders identities alike everywhere: the smallest are the sample. */
export const sampleOrder = (identity: string): string => createHash('sha256').update(identity).digest('hex').slice(0, 16)

/**
 * At most `most` of them, smallest hash first: one of each key, also where that makes more of them, then three of each key as far as that goes.
 * @param keyOf the key of an item
 */
export function sampleByKey<T>(items: readonly T[], most: number, keyOf: (item: T) => string, identity: (item: T) => string): readonly T[] {
  const ordered = items
    .map((item) => ({ item, order: sampleOrder(identity(item)), key: keyOf(item) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
  const seen = new Map<string, number>()
  const ranks: T[][] = [[], [], []]
  for (const { item, key } of ordered) {
    const rank = seen.get(key) ?? 0
    seen.set(key, rank + 1)
    ranks[rank === 0 ? 0 : rank < 3 ? 1 : 2]?.push(item)
  }
  return ranks.flat().slice(0, Math.max(most, seen.size))
}
