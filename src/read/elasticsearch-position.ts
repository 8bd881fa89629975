/**
 * Where a reading stands, in a form that outlives every point in time: the last time value, and hashes of the ids already taken at exactly that value.
 * What the server itself calls a position means nothing in another context.
 */

import { type Hash64, HashSet64 } from './hash64.ts'

/** As it is stored. `t` is the JSON of a sort value: texts keep their quotation marks, numbers all digits. */
export interface StoredPosition {
  /** Undefined: documents that are in no order. */
  readonly t?: string
  /** Packed hashes of ids at `t`, 8 bytes each. */
  readonly ids?: string
  /** More ids than are stored: that many were taken at `t`, and are read again. */
  readonly n?: number
  /** Packed hashes of documents at `t`, to know duplicates by. */
  readonly seen?: string
}

/** Ids at one instant that are stored. */
export const mostStoredIds = 20_000

/** Ids at one instant that are remembered while a reading lasts: 4 MB. */
const mostKnownIds = 250_000

/** The end of what was read. */
export class Tail {
  t: string | undefined
  /** How many were taken at `t`. */
  count = 0
  private readonly ids = new HashSet64()

  constructor(stored: StoredPosition | undefined) {
    if (stored === undefined) return
    this.t = stored.t
    if (stored.ids !== undefined) this.ids.unpack(stored.ids)
    this.count = stored.n ?? this.ids.size
  }

  /** One more at `t`. */
  add(t: string | undefined, id: Hash64): void {
    if (t !== this.t) this.move(t)
    this.count++
    if (this.ids.size < mostKnownIds) this.ids.add(id)
  }

  private move(t: string | undefined): void {
    this.t = t
    this.count = 0
    this.ids.clear()
  }

  /** Whether the document with this id was taken. Only of documents at `t`. */
  has(id: Hash64): boolean {
    return this.ids.has(id)
  }

  /** False: some that were taken at `t` are not known any more. */
  get isWhole(): boolean {
    return this.ids.size >= this.count
  }

  copy(): Tail {
    const one = new Tail(undefined)
    one.t = this.t
    one.count = this.count
    one.ids.unpack(this.ids.pack())
    return one
  }

  stored(seen: HashSet64 | undefined): StoredPosition {
    const { t, count } = this
    const fits = this.isWhole && count <= mostStoredIds
    return {
      ...(t === undefined ? {} : { t }),
      ...(fits ? { ids: this.ids.pack() } : { n: count }),
      ...(seen === undefined || seen.size === 0 || seen.size > mostStoredIds ? {} : { seen: seen.pack() }),
    }
  }
}
