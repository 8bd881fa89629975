/**
 * Documents that are like one before them: those of one sender differ in nothing but their values. What stands between the values is compared with the
 * document that was read before, in words of four bytes; names are not looked for, and nothing is called for a token. Whatever is otherwise is read as
 * any other document is: both ways give the same leaves, and a test holds them together.
 */

import { ValueType } from '../../otlp/model.ts'
import type { Field } from '../../translate/elasticsearch/fields.ts'
import type { Leaves } from '../../translate/elasticsearch/model.ts'
import type { JsonScanner } from '../json-scan.ts'

/** Takes the number at the scanner into a row of the leaves. Throws where it is none. */
export type TakeNumber = (row: number) => void

/** What documents of one form have in common, and where it stands. */
interface Shape {
  readonly fields: readonly Field[]
  /** Bool, Text, or Int for any number, by leaf. */
  readonly kinds: Uint8Array
  /** Where what stands before each value begins and how long it is, and behind the last one; in the bytes of the document that it was first. */
  readonly from: Int32Array
  readonly length: Int32Array
}

/** More forms at a time are not expected to come again soon. */
const mostShapes = 4
/** So many documents in a row that are like none: nobody is looked for in this piece any more. */
const mostMisses = 32
/** Most leaves; others take their time anyway. */
const mostLeaves = 256

const Quote = 0x22
const Minus = 0x2d
const True = 0x65757274
const Fals = 0x736c6166

/** The forms of a piece. */
export class DocumentShapes {
  private readonly scanner: JsonScanner
  private readonly leaves: Leaves
  private readonly takeNumber: TakeNumber
  private shapes: Shape[] = []
  private misses = 0
  /** Whose fields are in the leaves. */
  private current: Shape | undefined

  constructor(scanner: JsonScanner, leaves: Leaves, takeNumber: TakeNumber) {
    this.scanner = scanner
    this.leaves = leaves
    this.takeNumber = takeNumber
  }

  /** Forgets all: other bytes come. */
  clear(): void {
    this.shapes = []
    this.misses = 0
    this.current = undefined
  }

  /** Reads the document from `start` to `end`, if it is like one before; false, and the leaves are of no use, where it is not. No byte is changed. */
  read(start: number, end: number): boolean {
    const { shapes } = this
    for (let i = 0; i < shapes.length; i++) {
      const shape = shapes[i] as Shape
      if (!this.like(shape, start, end)) continue
      if (i > 0) {
        shapes[i] = shapes[i - 1] as Shape
        shapes[i - 1] = shape
      }
      this.misses = 0
      return true
    }
    // Whoever reads it instead leaves other fields behind.
    this.current = undefined
    return false
  }

  /** Remembers the document from `start` to `end`, which is in the leaves: read as any other, and no text of it had escapes. */
  learn(start: number, end: number): void {
    if (this.misses >= mostMisses) return
    if (++this.misses === mostMisses) {
      this.shapes = []
      return
    }
    const { leaves } = this
    const { count, types, fields, a, b, starts, ends } = leaves
    if (count === 0 || count > mostLeaves || leaves.conflicts > 0 || leaves.digits > 0) return
    const kinds = new Uint8Array(count)
    const from = new Int32Array(count + 1)
    const length = new Int32Array(count + 1)
    let at = start
    for (let i = 0; i < count; i++) {
      const type = types[i] as number
      if ((fields[i] as Field).loose || type >= ValueType.Array) return
      const isText = type === ValueType.Text
      const value = isText ? (a[i] as number) - 1 : (starts[i] as number)
      kinds[i] = type === ValueType.Double ? ValueType.Int : type
      from[i] = at
      length[i] = value - at
      at = isText ? (b[i] as number) + 1 : (ends[i] as number)
    }
    from[count] = at
    length[count] = end - at
    if (this.shapes.length === mostShapes) this.shapes.pop()
    this.shapes.unshift({ fields: fields.slice(0, count), kinds, from, length })
  }

  private like(shape: Shape, start: number, end: number): boolean {
    const { scanner, leaves } = this
    const { view, bytes } = scanner
    const { kinds, from, length } = shape
    const { types, a, b } = leaves
    const count = kinds.length
    // A form that was tried before may have counted some.
    leaves.digits = 0
    let at = start
    for (let i = 0; i <= count; i++) {
      const first = from[i] as number
      const gap = length[i] as number
      const next = at + gap
      if (next > end) return false
      const whole = gap - 3
      let k = 0
      for (; k < whole; k += 4) if (view.getInt32(first + k, true) !== view.getInt32(at + k, true)) return false
      for (; k < gap; k++) if (bytes[first + k] !== bytes[at + k]) return false
      at = next
      if (i === count) break
      const kind = kinds[i] as number
      if (at + 4 > end) return false
      if (kind === ValueType.Text) {
        if (bytes[at] !== Quote) return false
        const stop = scanner.plainEnd(at + 1)
        if (stop < 0) return false
        types[i] = ValueType.Text
        a[i] = at + 1
        b[i] = stop
        at = stop + 1
      } else if (kind === ValueType.Bool) {
        const word = view.getInt32(at, true)
        const isTrue = word === True
        if (!isTrue && (word !== Fals || bytes[at + 4] !== 0x65)) return false
        types[i] = ValueType.Bool
        a[i] = isTrue ? 1 : 0
        b[i] = 0
        leaves.starts[i] = at
        at += isTrue ? 4 : 5
        leaves.ends[i] = at
      } else {
        const byte = bytes[at] as number
        if (byte !== Minus && (byte < 0x30 || byte > 0x39)) return false
        scanner.at = at
        this.takeNumber(i)
        at = scanner.at
      }
    }
    if (at !== end) return false
    leaves.count = count
    if (this.current !== shape) {
      const { fields } = shape
      for (let i = 0; i < count; i++) leaves.fields[i] = fields[i] as Field
      this.current = shape
    }
    return true
  }
}
