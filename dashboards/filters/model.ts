/**
 * A filter of documents, whatever language it was written in: KQL, Lucene, the JSON query DSL, ES|QL or Kibana's filter objects. Names are those of
 * the documents. Values may hold Grafana's variables (`$service`, `${service:lucene}`), as text.
 */

export interface And {
  readonly kind: 'and'
  readonly parts: readonly Filter[]
}

export interface Or {
  readonly kind: 'or'
  readonly parts: readonly Filter[]
}

export interface Not {
  readonly kind: 'not'
  readonly part: Filter
}

/** Parts that have to hold for one and the same object of a list. */
export interface Nested {
  readonly kind: 'nested'
  readonly path: string
  readonly part: Filter
}

/** An end of a range. The value is as it was written: a number, a date, date arithmetic (`now-15m`), an address, a word. */
export interface Bound {
  readonly value: string
  readonly inclusive: boolean
}

/** What a leaf asks of its field. */
export type Test =
  /** One of these values, whole. Of analysed text each is a phrase. */
  | { readonly op: 'term'; readonly values: readonly string[] }
  /** Analysed words: any of them, or all. */
  | { readonly op: 'match'; readonly words: string; readonly all: boolean }
  /** Analysed words in this order, with at most `slop` others between. `prefix`: the last one may go on. */
  | { readonly op: 'phrase'; readonly words: string; readonly slop: number; readonly prefix: boolean }
  | { readonly op: 'prefix'; readonly text: string; readonly ignoreCase: boolean }
  /** `pieces` with anything between them (`any`) or exactly one character (`one`). */
  | { readonly op: 'wildcard'; readonly pieces: readonly WildcardPiece[]; readonly ignoreCase: boolean }
  /** Lucene's syntax of regular expressions, always anchored. */
  | { readonly op: 'regex'; readonly pattern: string; readonly ignoreCase: boolean }
  | { readonly op: 'range'; readonly from: Bound | undefined; readonly to: Bound | undefined }
  | { readonly op: 'exists' }
  /** `10.0.0.0/8`, `2001:db8::/32` */
  | { readonly op: 'cidr'; readonly block: string }
  | { readonly op: 'fuzzy'; readonly text: string }
  /** Understood, but nothing that a filter of logs could ask: scripts, geometry, joins. `what` names it. */
  | { readonly op: 'unsupported'; readonly what: string }

/** Text of a wildcard, or one of its signs. */
export type WildcardPiece = string | { readonly sign: 'any' | 'one' }

export interface Leaf {
  readonly kind: 'leaf'
  /** Undefined: any field. With `*` in it, of KQL and Lucene, and `isPattern`: all fields that fit. */
  readonly field: string | undefined
  readonly isPattern: boolean
  readonly test: Test
  /** The whole value is compared, also of a text that is analysed: ES|QL. */
  readonly isWhole?: boolean | undefined
  /** As it stands in the source. */
  readonly text: string
}

/** `all`: every document; `none`: no document. */
export type Filter = { readonly kind: 'all' } | { readonly kind: 'none' } | And | Or | Not | Nested | Leaf

export const everything: Filter = { kind: 'all' }
export const nothing: Filter = { kind: 'none' }

/** Where a field's name stands in a query, for renaming it in place. Offsets are UTF-16 units; `name` is decoded. */
export interface FieldSpan {
  readonly start: number
  readonly end: number
  readonly name: string
}

/** What a parser says: the filter, or why there is none. */
export type Parsed =
  | { readonly ok: true; readonly filter: Filter; readonly fields: readonly FieldSpan[] }
  | { readonly ok: false; readonly why: string; readonly at: number }

/** Thrown inside of parsers, and caught by their exports. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault'
  readonly at: number
  constructor(why: string, at: number) {
    super(why)
    this.at = at
  }
}

/** What a parser gives, with its faults as an answer. */
export function parsedBy(text: string, parse: () => { readonly filter: Filter; readonly fields: readonly FieldSpan[] }): Parsed {
  if (text.length > longestQuery) return { ok: false, why: `longer than ${longestQuery} characters`, at: longestQuery }
  try {
    return { ok: true, ...parse() }
  } catch (error) {
    if (error instanceof SyntaxFault) return { ok: false, why: error.message, at: error.at }
    throw error
  }
}

/** Longest query, in UTF-16 units. */
export const longestQuery = 65_536

/** Deepest nesting of groups. */
export const deepestFilter = 200

/** Most leaves of a filter. */
export const mostLeaves = 10_000

/** All of them hold. Drops `all`, gives `none` for one, flattens. */
export function allOf(parts: readonly Filter[]): Filter {
  const kept: Filter[] = []
  for (const part of parts) {
    if (part.kind === 'none') return nothing
    if (part.kind === 'and') kept.push(...part.parts)
    else if (part.kind !== 'all') kept.push(part)
  }
  return kept.length === 0 ? everything : kept.length === 1 ? (kept[0] as Filter) : { kind: 'and', parts: kept }
}

/** One of them holds. Drops `none`, gives `all` for one, flattens. */
export function anyOf(parts: readonly Filter[]): Filter {
  const kept: Filter[] = []
  for (const part of parts) {
    if (part.kind === 'all') return everything
    if (part.kind === 'or') kept.push(...part.parts)
    else if (part.kind !== 'none') kept.push(part)
  }
  return kept.length === 0 ? nothing : kept.length === 1 ? (kept[0] as Filter) : { kind: 'or', parts: kept }
}

/** It does not hold. */
export function noneOf(part: Filter): Filter {
  if (part.kind === 'all') return nothing
  if (part.kind === 'none') return everything
  return part.kind === 'not' ? part.part : { kind: 'not', part }
}

/** A leaf of one field. */
export const leaf = (field: string | undefined, test: Test, text: string): Leaf => ({
  kind: 'leaf',
  field,
  isPattern: field?.includes('*') ?? false,
  test,
  text,
})

/** `f` is one of these values. */
export const isOneOf = (field: string, values: readonly string[], text = `${field}: ${values.join(' or ')}`): Leaf =>
  leaf(field, { op: 'term', values }, text)

/** `f` is there. */
export const isThere = (field: string, text = `${field}: *`): Leaf => leaf(field, { op: 'exists' }, text)

/** `f` lies between two bounds, either of which may be open. */
export const isBetween = (field: string, from: Bound | undefined, to: Bound | undefined, text = field): Leaf =>
  leaf(field, { op: 'range', from, to }, text)
