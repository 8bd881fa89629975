/** A document as its leaves, one a row: what the decoder reads and the translator takes. Nesting and dots in names are the same here. */

import { type AnyValue, type KeyValue, ValueType } from '../../otlp/model.ts'
import type { Field } from './fields.ts'

export type LeafList = readonly AnyValue[] | readonly KeyValue[]

const noLists: LeafList[] = []

/**
 * The leaves of one document, in the order in which they stand in it. Used again for the next one. Null is left out, and so are empty lists and
 * objects unless they are wanted.
 */
export class Leaves {
  count = 0
  readonly fields: Field[] = []
  /** One of ValueType: Text, Bool, Int, Double as in `otlp/model.ts`, of which Text is `a` to `b` of the piece; Array and KvList: `lists[a]`. */
  types: Uint8Array = new Uint8Array(256)
  a: Int32Array = new Int32Array(256)
  b: Int32Array = new Int32Array(256)
  /** Where the number stands in the document as it was written, for times and levels: start and end. Only for Int and Double. */
  starts: Int32Array = new Int32Array(256)
  ends: Int32Array = new Int32Array(256)
  lists: LeafList[] = noLists
  /** Leaves that came twice, under whatever spelling: the last one counts. */
  conflicts = 0
  /** Numbers that neither int64 nor double holds: they are text, by their own digits. */
  digits = 0

  clear(): void {
    this.count = 0
    this.lists = noLists
    this.conflicts = 0
    this.digits = 0
  }

  /** Keeps a list. Returns its place. */
  list(values: LeafList): number {
    if (this.lists === noLists) this.lists = []
    return this.lists.push(values) - 1
  }

  /** Room for another row. */
  grow(): void {
    const size = this.types.length * 2
    const longer = (old: Int32Array): Int32Array => {
      const array = new Int32Array(size)
      array.set(old)
      return array
    }
    const types = new Uint8Array(size)
    types.set(this.types)
    this.types = types
    this.a = longer(this.a)
    this.b = longer(this.b)
    this.starts = longer(this.starts)
    this.ends = longer(this.ends)
  }
}

/** Whether a row can be a name: text that is not empty. */
export const isName = ({ types, a, b }: Leaves, row: number): boolean =>
  types[row] === ValueType.Text && (b[row] as number) > (a[row] as number)
