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
  /** It is beyond the cap, and forgotten before the next document. */
  readonly loose: boolean
  /** Number of the document in which it came last, and its row there. Of the decoder. */
  stamp: number
  row: number
}

/** A name as it stands in a document, below a certain field. */
export interface Entry<Plan = unknown> {
  readonly field: Field<Plan>
  /** `name":` as little-endian words, the rest of the last one 0. Empty for names that are never expected: those with escapes, and of loose fields. */
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
  /** Called when the fields beyond the cap are forgotten, and when all are. */
  readonly onForget?: () => void
  readonly onRenew?: () => void
  /** Fields that are kept; default 16,384, some 10 MB. */
  readonly cap?: number
  /** Documents before their numbers begin again. */
  readonly stamps?: number
}

/** Names in a document; one for each listener. */
export interface FieldTable<Plan> {
  readonly root: Entry<Plan>
  /** The entry of a name below another one. @param escaped true when its bytes in the document are others than those of the name */
  find(parent: Entry<Plan>, name: string, escaped: boolean): Entry<Plan>
  /** Fields held, and the most. */
  readonly size: number
  readonly cap: number
  /** Called before each document: fields beyond the cap are forgotten. Returns the number of the document, for `Field.stamp`: never 0. */
  begin(): number
  /** Called when no document is under way: empties a full table, so that one sender of senseless names does not make all others slow. */
  renew(): void
}

const encoder = new TextEncoder()
const noWords = new Int32Array(0)
/** A name that is longer is not expected. */
const longestExpected = 128
/** Longer paths are not kept, or a table of senseless names would have gigabytes. */
const longestKept = 512
/** Beyond it a number is no small integer any more. */
const lastStamp = 0x3fff_ffff

/** Makes a {@link FieldTable}. */
export function createFieldTable<Plan>(options: FieldTableOptions<Plan>): FieldTable<Plan> {
  const { plan, onForget, onRenew, cap = 16_384, stamps = lastStamp } = options
  let stamp = 0
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
    const isLoose = fields.size >= cap || path.length > longestKept
    const field = { path, plan: plan(path, isLoose), loose: isLoose, stamp: 0, row: 0 }
    if (isLoose) loose.set(key, field)
    else fields.set(key, field)
    return field
  }

  const createRoot = (): Entry<Plan> => createEntry({ path: '', plan: plan('', false), loose: false, stamp: 0, row: 0 }, '', false)
  let root = createRoot()

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
      const entry = createEntry(field, name, !escaped && !field.loose)
      // As many spellings as fields, twice over; what is made beyond them is not found again.
      if (entries < cap * 2 && !field.loose) {
        entries++
        parent.below ??= new Map()
        parent.below.set(key, entry)
      }
      return entry
    },
    begin() {
      if (loose.size > 0) {
        loose = new Map()
        onForget?.()
      }
      if (stamp === stamps) {
        for (const field of fields.values()) field.stamp = 0
        stamp = 0
      }
      return ++stamp
    },
    renew() {
      if (fields.size < cap && entries < cap * 2) return
      fields = new Map()
      loose = new Map()
      entries = 0
      onRenew?.()
      root = createRoot()
    },
  }
}
