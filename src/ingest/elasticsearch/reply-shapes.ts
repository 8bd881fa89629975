/**
 * How items of a bulk answer look, by what a client asked for: which members `filter_path` leaves, whether they are indented, whether they have a
 * `_type`. Made once for each form that is asked for: what is written of it then are bytes with gaps.
 */

import { takenStatus } from './bulk-results.ts'
import { ActionKind, actionNames } from './decode-action.ts'
import type { ItemError } from './es-errors.ts'
import { filterOf, type PathFilter } from './filter-path.ts'
import { prettyJson } from './pretty.ts'

/** What fills a gap. */
export const Gap = {
  /** Name of the index, with quotes. */
  Index: 0,
  /** The id, with quotes; null without one when it failed too early. */
  Id: 1,
  /** The id as part of a text. */
  IdText: 2,
  /** `_seq_no`. */
  Sequence: 3,
  /** Number of the item's error. */
  Number: 4,
} as const

/** Bytes, or one of {@link Gap}. */
export type Piece = Uint8Array | number

export interface ReplyOptions {
  /** `filter_path`, '' without. */
  readonly filter: string
  readonly pretty: boolean
  /** Leave out what nobody reads: `_version`, `_shards`, `_seq_no`, `_primary_term`. */
  readonly short: boolean
  /** Every item has a `_type`: the version that clients are told is below 8, or the path names a type. */
  readonly typed: boolean
  /** `update` and `delete` are carried out by the old backend. */
  readonly writes?: boolean | undefined
}

/** A form of answer. */
export interface ReplyShape {
  readonly options: ReplyOptions
  /** An item that was taken; undefined when nothing of it is left. @param kind one of `ActionKind` */
  taken(kind: number, typed: boolean): readonly Piece[] | undefined
  /** An item that failed. */
  failed(kind: number, typed: boolean, error: ItemError): readonly Piece[] | undefined
  /** What stands before the first item. @param hasItems false: it is the whole answer */
  head(tookMs: number, hasErrors: boolean, hasItems: boolean): Uint8Array
  readonly between: Uint8Array
  readonly tail: Uint8Array
}

type Json = string | number | boolean | null | { readonly [name: string]: Json | undefined } | readonly Json[]

/** Texts that stand for something else until the JSON is written: nothing in a template is anybody's but ours. */
const marker = /"\0(\d+)\0"/

/** Collects what stands in gaps of a template. */
class Gaps {
  readonly pieces: (readonly Piece[])[] = []

  /** A text for the template; in its place come these pieces, quotes and all. */
  put(...pieces: readonly Piece[]): string {
    return `\0${this.pieces.push(pieces) - 1}\0`
  }
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text)
const inner = (text: string): Uint8Array => bytesOf(JSON.stringify(text).slice(1, -1))
const quote = bytesOf('"')
const encodedMarker = new RegExp(marker.source.replaceAll('\\0', '\\\\u0000'))

/** A template and its gaps as pieces, bytes next to each other joined. */
function piecesOf(template: Json, gaps: Gaps, pretty: boolean): readonly Piece[] {
  // An item stands four blanks deep in an indented answer.
  const text = pretty ? prettyJson(template).trimEnd().replaceAll('\n', '\n    ') : JSON.stringify(template)
  const pieces: Piece[] = []
  const put = (piece: Piece): void => {
    const last = pieces.at(-1)
    if (typeof piece === 'object' && typeof last === 'object') pieces[pieces.length - 1] = Buffer.concat([last, piece])
    else pieces.push(piece)
  }
  for (const [place, part] of text.split(encodedMarker).entries()) {
    if (place % 2 === 0) {
      if (part !== '') put(bytesOf(part))
    } else for (const piece of gaps.pieces[Number(part)] ?? []) put(piece)
  }
  return pieces
}

/** What a filter leaves of a template. Undefined when that is nothing. */
function filtered(value: Json | undefined, path: readonly string[], filter: PathFilter | undefined): Json | undefined {
  if (filter === undefined || value === undefined) return value
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return filter.keeps(path) ? value : undefined
  const members = Object.entries(value)
    .map(([name, one]) => [name, filtered(one, [...path, name], filter)] as const)
    .filter(([, one]) => one !== undefined)
  return members.length === 0 ? undefined : Object.fromEntries(members)
}

/** Errors that are kept for a form. */
const maxErrors = 500
const maxShapes = 32
const shapes = new Map<string, ReplyShape>()

/** The form for what a request asked for. The last ones are kept. */
export function shapeOf(options: ReplyOptions): ReplyShape {
  const { filter, pretty, short, typed, writes = false } = options
  const key = `${pretty ? 1 : 0}${short ? 1 : 0}${typed ? 1 : 0}${writes ? 1 : 0}${filter}`
  const found = shapes.get(key)
  if (found !== undefined) return found
  const shape = createShape(options)
  if (shapes.size >= maxShapes) shapes.clear()
  shapes.set(key, shape)
  return shape
}

function createShape(options: ReplyOptions): ReplyShape {
  const { pretty } = options
  const filter = filterOf(options.filter)
  const keepsTook = filter === undefined || filter.keeps(['took'])
  const keepsErrors = filter === undefined || filter.keeps(['errors'])
  const colon = pretty ? ' : ' : ':'
  const taken = new Map<number, readonly Piece[] | undefined>()
  const failed = new Map<ItemError, Map<number, readonly Piece[] | undefined>>()

  const item = (kind: number, members: Json, gaps: Gaps): readonly Piece[] | undefined => {
    const action = actionNames[kind] as string
    const left = filtered({ [action]: members }, ['items'], filter)
    return left === undefined ? undefined : piecesOf(left, gaps, pretty)
  }
  /** What all items begin with. */
  const start = (typed: boolean, gaps: Gaps): { readonly [name: string]: Json | undefined } => ({
    _index: gaps.put(Gap.Index),
    _type: typed || options.typed ? '_doc' : undefined,
    _id: gaps.put(Gap.Id),
  })
  return {
    options,
    taken(kind, typed) {
      const key = kind * 2 + (typed ? 1 : 0)
      if (!taken.has(key)) {
        const gaps = new Gaps()
        const what = { result: resultOf(kind, options.writes === true), status: takenStatus(kind, options.writes === true) }
        taken.set(key, item(kind, takenMembers(start(typed, gaps), what, options.short, gaps), gaps))
      }
      return taken.get(key)
    },
    failed(kind, typed, error) {
      let forms = failed.get(error)
      if (forms === undefined) {
        if (failed.size >= maxErrors) failed.clear()
        failed.set(error, (forms = new Map()))
      }
      const key = kind * 2 + (typed ? 1 : 0)
      if (!forms.has(key)) {
        const gaps = new Gaps()
        const members = { ...start(typed, gaps), status: error.status, error: errorMembers(error, gaps) }
        forms.set(key, item(kind, members, gaps))
      }
      return forms.get(key)
    },
    head(tookMs, hasErrors, hasItems) {
      const members: string[] = []
      if (keepsTook) members.push(`"took"${colon}${tookMs}`)
      if (keepsErrors) members.push(`"errors"${colon}${hasErrors}`)
      if (hasItems) members.push(`"items"${colon}[${pretty ? '\n    ' : ''}`)
      if (!pretty) return bytesOf(`{${members.join(',')}${hasItems ? '' : '}'}`)
      if (members.length === 0) return bytesOf('{ }\n')
      return bytesOf(`{\n  ${members.join(',\n  ')}${hasItems ? '' : '\n}\n'}`)
    },
    between: bytesOf(pretty ? ',\n    ' : ','),
    tail: bytesOf(pretty ? '\n  ]\n}\n' : ']}'),
  }
}

const resultOf = (kind: number, writes: boolean): string =>
  writes && kind === ActionKind.Update ? 'updated' : writes && kind === ActionKind.Delete ? 'deleted' : 'created'

function takenMembers(
  start: { readonly [name: string]: Json | undefined },
  { result, status }: { readonly result: string; readonly status: number },
  short: boolean,
  gaps: Gaps,
): Json {
  if (short) return { ...start, result, status }
  return {
    ...start,
    _version: 1,
    result,
    _shards: { total: 1, successful: 1, failed: 0 },
    _seq_no: gaps.put(Gap.Sequence),
    _primary_term: 1,
    status,
  }
}

/** Members of an error, in Elasticsearch's order. */
function errorMembers(error: ItemError, gaps: Gaps): Json {
  const { between, after = '', place, wrapped } = error
  const text = (): string =>
    between === undefined
      ? gaps.put(quote, inner(error.reason), quote)
      : gaps.put(quote, inner(error.reason), between === 'id' ? Gap.IdText : Gap.Number, inner(after), quote)
  const named = place === undefined ? {} : { index_uuid: '_na_', shard: place === 'shard' ? '0' : undefined, index: gaps.put(Gap.Index) }
  if (wrapped === undefined) return { type: error.type, reason: text(), ...named }
  return { type: error.type, reason: wrapped.reason, caused_by: { type: wrapped.type, reason: text() } }
}
