/**
 * Fields by their names as they stand in documents, made once: a name is looked for where the one before it says that it mostly comes, and
 * compared there as bytes, so that no string is made of names that are known.
 */

import { mapKey } from '../../otlp/map-key.ts'

/** A dotted path. Whatever the spelling, one path is one field; beyond the cap of a table it is one within a document. */
export interface Field<Plan = unknown> {
  readonly path: string
  /** What the translator made of the path. */
  readonly plan: Plan
  /** Number of the document in which it came last, and its row there. Of the decoder. */
  stamp: number
  row: number
}

/** A name as it stands in a document, below a certain field. */
export interface Entry<Plan = unknown> {
  readonly field: Field<Plan>
  /** `name":` as little-endian words, the rest of the last one 0. Empty for names that hold escapes, which are never expected. */
  readonly words: Int32Array
  /** Bytes in `words`. */
  readonly length: number
  /** Those of the last word that count. */
  readonly mask: number
  /** What came first in it, and what came behind it; each with a second guess. */
  child: Entry<Plan> | undefined
  child2: Entry<Plan> | undefined
  next: Entry<Plan> | undefined
  next2: Entry<Plan> | undefined
  /** By the name, for those that are not expected. */
  below: Map<string, Entry<Plan>> | undefined
}

export interface FieldTableOptions<Plan> {
  /** What a path means; called once for each. @param loose it is beyond the cap: nothing made of it is to be kept */
  readonly plan: (path: string, loose: boolean) => Plan
  /** Called when all fields are forgotten. */
  readonly onRenew?: () => void
  /** Fields that are kept; default 16,384, some 10 MB. */
  readonly cap?: number
}

/** Names in a document; one for each listener. */
export interface FieldTable<Plan> {
  readonly root: Entry<Plan>
  /** The entry of a name below another one. @param escaped true when its bytes in the document are others than those of the name */
  find(parent: Entry<Plan>, name: string, escaped: boolean): Entry<Plan>
  /** Fields held, and the most. */
  readonly size: number
  readonly cap: number
  /** Called before each document: fields beyond the cap are forgotten. */
  begin(): void
  /** Called when no document is under way: empties a full table, so that one sender of senseless names does not make all others slow. */
  renew(): void
}

const encoder = new TextEncoder()
const noWords = new Int32Array(0)
/** A name that is longer is not expected. */
const longestExpected = 128

/** Makes a {@link FieldTable}. */
export function createFieldTable<Plan>({ plan, onRenew, cap = 16_384 }: FieldTableOptions<Plan>): FieldTable<Plan> {
  let fields = new Map<string, Field<Plan>>()
  let entries = 0
  let loose = new Map<string, Field<Plan>>()

  const createEntry = (field: Field<Plan>, name: string, expected: boolean): Entry<Plan> => {
    const bytes = expected && name.length <= longestExpected ? encoder.encode(`${name}":`) : undefined
    const words = bytes === undefined ? noWords : new Int32Array((bytes.length + 3) >>> 2)
    if (bytes !== undefined) new Uint8Array(words.buffer).set(bytes)
    const length = bytes?.length ?? 0
    const rest = length & 3
    const mask = rest === 0 ? -1 : (1 << (rest * 8)) - 1
    return { field, words, length, mask, child: undefined, child2: undefined, next: undefined, next2: undefined, below: undefined }
  }

  const fieldOf = (path: string): Field<Plan> => {
    const key = mapKey(path)
    const found = fields.get(key) ?? loose.get(key)
    if (found !== undefined) return found
    const isLoose = fields.size >= cap
    const field = { path, plan: plan(path, isLoose), stamp: 0, row: 0 }
    if (isLoose) loose.set(key, field)
    else fields.set(key, field)
    return field
  }

  let root = createEntry({ path: '', plan: plan('', false), stamp: 0, row: 0 }, '', false)

  return {
    get root() {
      return root
    },
    get size() {
      return fields.size
    },
    cap,
    find(parent, name, escaped) {
      const key = mapKey(name)
      const found = parent.below?.get(key)
      if (found !== undefined) return found
      const { path } = parent.field
      const field = fieldOf(parent === root ? name : `${path}.${name}`)
      const entry = createEntry(field, name, !escaped)
      // As many spellings as fields, twice over; what is made beyond them is not found again.
      if (entries < cap * 2 && fields.size < cap) {
        entries++
        parent.below ??= new Map()
        parent.below.set(key, entry)
      }
      return entry
    },
    begin() {
      if (loose.size > 0) loose = new Map()
    },
    renew() {
      if (fields.size < cap && entries < cap * 2) return
      fields = new Map()
      entries = 0
      onRenew?.()
      root = createEntry({ path: '', plan: plan('', false), stamp: 0, row: 0 }, '', false)
    },
  }
}
