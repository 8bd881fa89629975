/**
 * Why OTLP looks as it does: for each field the rule that made it and the legacy field it came from, and what became of
 * the rest. Nothing is translated here a second time. The format's own translator runs, once for all spans and once for
 * each; what came out is compared with what went in, and a table of rules says which of them such a pair means.
 */

import type { Traces } from '../otlp/model.ts'
import { createLocator, type FieldKind, fieldsOf, type OtlpField, type PlacedSpan } from './explain-fields.ts'
import type { Note } from './outcome.ts'

/** A scalar of the legacy span: `tags[3] http.url`. */
export interface Leaf {
  readonly name: string
  /** For people. */
  readonly value: string
}

/** What rules say, by their id in the format's mapping page. */
export type Sentences = Readonly<Record<string, string>>

/**
 * A rule for fields of one kind: the legacy fields such a field comes from, undefined when the rule did not make it.
 * At most one rule of a kind fits a field.
 */
export interface Maker<Pair> {
  readonly rule: string
  readonly kind: FieldKind
  from(pair: Pair, field: OtlpField): readonly Leaf[] | undefined
}

/** `implied`: OTLP says the same without it; `lost`: it is gone. */
export type Fate = 'implied' | 'lost'

/** A rule for legacy fields that no field came from; undefined when it is not the reason. */
export interface Leaver<Source, L extends Leaf> {
  readonly rule: string
  fate(source: Source, leaf: L): Fate | undefined
}

/** The rules of a format. `Source` is a legacy span, `Pair` that with one of the spans it became. */
export interface RuleBook<Source, Pair, L extends Leaf> {
  readonly sentences: Sentences
  readonly makers: readonly Maker<Pair>[]
  readonly leavers: readonly Leaver<Source, L>[]
}

export interface ExplainedField {
  /** Below the request: `resourceSpans[0].scopeSpans[0].spans[2].attributes["http.url"]`. */
  readonly path: string
  readonly value: unknown
  /** Empty when no rule fits, several of them when they contradict each other: faults of ours, which tests look for. */
  readonly rules: readonly string[]
  readonly from: readonly string[]
}

export interface Leftover {
  readonly leaf: Leaf
  readonly rules: readonly string[]
  readonly fate: Fate
}

/** One legacy span: what it became, or why it became nothing. */
export interface ExplainedItem {
  /** Its place in the input, counted from 0. */
  readonly index: number
  readonly title: string
  readonly spans: readonly { readonly path: string; readonly fields: readonly ExplainedField[] }[]
  readonly leftovers: readonly Leftover[]
  readonly rejected: { readonly rule: string; readonly reason: string; readonly example: string } | undefined
}

export interface Explanation {
  readonly sentences: Sentences
  /** In the order of the input; made one by one as they are asked for. */
  readonly items: Iterable<ExplainedItem>
  /** Legacy fields of the request itself. */
  readonly leftovers: readonly Leftover[]
  readonly notes: readonly Note[]
  /** Items that were rejected, of how many. */
  readonly rejected: number
  readonly received: number
}

/** A legacy span with the spans it became when it was translated alone. */
export interface Explained<Source, Pair, L extends Leaf> {
  readonly source: Source
  readonly index: number
  readonly title: string
  /** Everything the legacy span says. */
  readonly leaves: readonly L[]
  readonly results: readonly { readonly placed: PlacedSpan; readonly pair: Pair }[]
}

/** Explains spans against the request that they are part of. */
export function createExplainer<Source, Pair, L extends Leaf>(
  book: RuleBook<Source, Pair, L>,
  whole: Traces,
): (one: Explained<Source, Pair, L>) => ExplainedItem {
  const locator = createLocator(whole)
  const makers = new Map<FieldKind, Maker<Pair>[]>()
  for (const maker of book.makers) {
    const found = makers.get(maker.kind)
    if (found === undefined) makers.set(maker.kind, [maker])
    else found.push(maker)
  }
  return ({ source, index, title, leaves, results }) => {
    const used = new Set<Leaf>()
    const spans = results.map(({ placed, pair }) => {
      const path = locator.locate(placed)
      const [above = ''] = path.split('.scopeSpans')
      const scope = path.slice(0, path.lastIndexOf('.spans'))
      const fields = fieldsOf(placed).map((field): ExplainedField => {
        const rules: string[] = []
        const from = new Set<Leaf>()
        for (const maker of makers.get(field.kind) ?? []) {
          const found = maker.from(pair, field)
          if (found === undefined) continue
          rules.push(maker.rule)
          for (const leaf of found) from.add(leaf)
        }
        for (const leaf of from) used.add(leaf)
        const owner = field.kind === 'resource.attribute' ? above : field.kind.startsWith('scope.') ? scope : path
        return { path: `${owner}.${field.path}`, value: field.value, rules, from: [...from].map(({ name }) => name) }
      })
      return { path, fields }
    })
    return { index, title, spans, rejected: undefined, leftovers: leftoversOf(book.leavers, source, leaves, used) }
  }
}

/** What nothing came from, with the reason. Without one it counts as lost. */
export function leftoversOf<Source, L extends Leaf>(
  leavers: readonly Leaver<Source, L>[],
  source: Source,
  leaves: readonly L[],
  used: ReadonlySet<Leaf>,
): readonly Leftover[] {
  const leftovers: Leftover[] = []
  for (const leaf of leaves) {
    if (used.has(leaf)) continue
    const rules: string[] = []
    let fate: Fate = 'implied'
    for (const leaver of leavers) {
      const found = leaver.fate(source, leaf)
      if (found === undefined) continue
      rules.push(leaver.rule)
      fate = found
    }
    leftovers.push({ leaf, rules, fate: rules.length === 0 ? 'lost' : fate })
  }
  return leftovers
}
