/** Fields of a document that something is made of, by their paths, and which of them are used up by that. For spans and data points. */

import { textIs, textOf } from '../../otlp/attributes.ts'
import { type AnyValue, type Text, ValueType } from '../../otlp/model.ts'
import { multiply, type Words } from '../../otlp/time.ts'
import type { Leaves } from './model.ts'
import type { FieldPlan } from './plans.ts'
import { Role } from './rules.ts'
import { scaledDecimal } from './scaled-decimal.ts'
import { type Epoch, readTime } from './timestamps.ts'
import { readSpanId, readTraceId } from './trace-ids.ts'

/** Marks for more rows than this are given back when a request is done. */
const keptRows = 65_536
const firstRows = 256

/** A document at a time. A part is a number; values of lists of one are those of the only one. */
export class DocumentParts {
  /** Per row: 1 when no attribute is to be made of it. */
  used = new Uint8Array(firstRows)
  leaves: Leaves | undefined
  source: Uint8Array = new Uint8Array(0)
  private readonly paths: ReadonlyMap<string, number>
  private readonly rows: Int32Array

  /** @param paths parts by the paths of their fields, from 0 on without gaps */
  constructor(paths: ReadonlyMap<string, number>) {
    this.paths = paths
    this.rows = new Int32Array(Math.max(...paths.values()) + 1)
  }

  /** Finds the parts of a document. Fields that the user leaves out are none. */
  open(leaves: Leaves, source: Uint8Array): void {
    const { fields, count } = leaves
    const { rows, paths } = this
    this.leaves = leaves
    this.source = source
    if (this.used.length < count) this.used = new Uint8Array(count * 2)
    this.used.fill(0, 0, count)
    rows.fill(-1)
    for (let row = 0; row < count; row++) {
      const { path, plan } = fields[row] as { readonly path: string; readonly plan: FieldPlan }
      const part = paths.get(path)
      if (part !== undefined && plan.rule.role !== Role.Dropped) rows[part] = row
    }
  }

  /** Lets go of the document. */
  close(): void {
    this.leaves = undefined
    this.source = new Uint8Array(0)
    if (this.used.length > keptRows) this.used = new Uint8Array(firstRows)
  }

  /** The row of a part; −1 without one. */
  row(part: number): number {
    return this.rows[part] as number
  }

  /** The value of a row. */
  at(row: number): AnyValue {
    const leaves = this.leaves as Leaves
    const type = leaves.types[row] as number
    const a = leaves.a[row] as number
    if (type < ValueType.Array) return { type, a, b: leaves.b[row] as number, ref: type === ValueType.Text ? this.source : null }
    const list = leaves.lists[a] as readonly AnyValue[]
    return type === ValueType.Array && list.length === 1 ? (list[0] as AnyValue) : { type, a: 0, b: 0, ref: list }
  }

  value(part: number): AnyValue | undefined {
    const row = this.row(part)
    return row < 0 ? undefined : this.at(row)
  }

  /** No attribute is made of the field, unless the user wants it under a name of his own. */
  use(part: number): void {
    const row = this.row(part)
    const { path, plan } = (this.leaves as Leaves).fields[row] as { readonly path: string; readonly plan: FieldPlan }
    if (plan.rule.name === path && !plan.resource) this.used[row] = 1
  }

  isWord(part: number, word: string): boolean {
    const value = this.value(part)
    return value !== undefined && textIs(value, word)
  }

  /** The text of a field; undefined when it is none. */
  text(part: number): Text | undefined {
    const value = this.value(part)
    return value === undefined ? undefined : textOf(value)
  }

  spanId(part: number, out: Int32Array): boolean {
    const value = this.value(part)
    return value?.type === ValueType.Text && readSpanId(value.ref as Uint8Array, value.a, value.b, out)
  }

  traceId(part: number, out: Int32Array): boolean {
    const value = this.value(part)
    return value?.type === ValueType.Text && readTraceId(value.ref as Uint8Array, value.a, value.b, out)
  }

  /** A number that is not negative, or text of one, times 10^`power`, exact. False when it is none; `out` is then unspecified. */
  number(part: number, power: number, out: Words): boolean {
    const row = this.row(part)
    const value = this.value(part)
    if (value?.type === ValueType.Int) {
      if (value.a < 0) return false
      multiply(value.a, value.b, 10 ** power, out)
      return true
    }
    if (value?.type === ValueType.Text) return scaledDecimal(value.ref as Uint8Array, value.a, value.b, power, out)
    const leaves = this.leaves as Leaves
    if (value?.type !== ValueType.Double || leaves.types[row] !== ValueType.Double) return false
    return scaledDecimal(this.source, leaves.starts[row] as number, leaves.ends[row] as number, power, out)
  }

  /** Nanoseconds of a time. False when it cannot be read; `out` is then unspecified. */
  time(part: number, epoch: Epoch, out: Words): boolean {
    const row = this.row(part)
    const value = this.value(part)
    if (value?.type === ValueType.Text) return readTime(value.ref as Uint8Array, value.a, value.b, false, epoch, out)
    const leaves = this.leaves as Leaves
    if (row < 0 || (leaves.types[row] !== ValueType.Int && leaves.types[row] !== ValueType.Double)) return false
    return readTime(this.source, leaves.starts[row] as number, leaves.ends[row] as number, true, epoch, out)
  }
}
