/** Attributes of the record under way: rows of leaves under the keys of their plans, each name once. */

import { keyValue } from '../../otlp/attributes.ts'
import { type AttributeColumns, ColumnType, type LogRecords, type LogResource } from '../../otlp/logs.ts'
import { type AnyValue, type KeyValue, type Text, ValueType } from '../../otlp/model.ts'
import type { Leaves } from './model.ts'
import { nestAttributes } from './nest.ts'
import { isCoreName } from './placement.ts'
import type { FieldPlan, Plans, Target } from './plans.ts'

export class RecordAttributes {
  /** Fields that kept their paths because their new names were taken. */
  collisions = 0
  private readonly records: LogRecords
  private readonly leaves: Leaves
  private readonly plans: Plans
  private readonly index: Target
  private readonly stream: readonly Target[]
  private stamp = 0
  /** Where those of the record begin, and those of its resource. */
  private from = 0
  private resourceFrom = 0

  constructor(records: LogRecords, leaves: Leaves, plans: Plans) {
    this.records = records
    this.leaves = leaves
    this.plans = plans
    this.index = plans.target('elasticsearch.index')
    this.stream = ['data_stream.type', 'data_stream.dataset', 'data_stream.namespace'].map(plans.target)
  }

  /** Begins a record. */
  begin(): void {
    this.stamp = this.plans.nextStamp()
    this.collisions = 0
    this.from = this.records.attributes.used
    this.resourceFrom = this.records.resourceAttributes.used
  }

  /** Forgets those of the record. */
  undo(): void {
    this.undoOwn()
    this.records.resourceAttributes.used = this.resourceFrom
  }

  /** Forgets those that are not the resource's. */
  undoOwn(): void {
    this.records.attributes.used = this.from
  }

  /** Whether the record has an attribute of that name. */
  has(target: Target): boolean {
    return target.stamp === this.stamp
  }

  /** The same by the name, for the few that the translator has of its own. */
  hasName(name: string): boolean {
    return this.has(this.plans.target(name))
  }

  /** Whether the document has a field that became an attribute `elasticsearch.index`: nobody but a bridge writes that. */
  hasIndex(): boolean {
    return this.index.stamp === this.stamp
  }

  /** Whether a field became one of the attributes that tell the data stream. */
  hasStream(): boolean {
    for (const target of this.stream) if (target.stamp === this.stamp) return true
    return false
  }

  private columnsOf(plan: FieldPlan): AttributeColumns {
    return plan.resource ? this.records.resourceAttributes : this.records.attributes
  }

  /** The row as an attribute under its new name. */
  put(plan: FieldPlan, row: number): void {
    const { target } = plan
    this.putAs(plan, target.stamp === this.stamp ? this.collide(plan, target, row) : target, row)
  }

  /** The row as an attribute under the path. */
  putOwn(plan: FieldPlan, row: number): void {
    const { own } = plan
    this.putAs(plan, own.stamp === this.stamp ? this.collide(plan, own, row) : own, row)
  }

  /** The row as an attribute under a name that is free. */
  putAs(plan: FieldPlan, target: Target, row: number): void {
    const { leaves } = this
    const columns = this.columnsOf(plan)
    this.claim(target, plan, columns.used)
    const type = leaves.types[row] as number
    if (type < ValueType.Array) {
      if (!plan.rule.list) columns.push(target.key, type, leaves.a[row] as number, leaves.b[row] as number)
      else columns.push(target.key, ValueType.Array, columns.ref([this.bare(row)]), 0)
      return
    }
    const list = leaves.lists[leaves.a[row] as number] as readonly AnyValue[]
    const only = list[0]
    if (type === ValueType.Array && plan.rule.scalar && list.length === 1 && only !== undefined) this.value(columns, target, only)
    else columns.push(target.key, type, columns.ref(list), 0)
  }

  private claim(target: Target, plan: FieldPlan | undefined, row: number): void {
    target.stamp = this.stamp
    target.row = row
    target.holder = plan
  }

  private value(columns: AttributeColumns, target: Target, value: AnyValue): void {
    const { type, a, b, ref } = value
    // Text within lists is of the same piece.
    if (type < ValueType.Bytes && type !== ValueType.String) columns.push(target.key, type, a, b)
    else columns.push(target.key, type, columns.ref(ref), 0)
  }

  /** A row as a value without a name. */
  private bare(row: number): KeyValue {
    const { leaves, records } = this
    const type = leaves.types[row] as number
    const { key } = this.plans.target('')
    return keyValue(key, type, leaves.a[row] as number, leaves.b[row] as number, type === ValueType.Text ? records.source : null)
  }

  /** Text as an attribute, unless there is one of that name: then false. Slices are of the piece. */
  text(name: string, resource: boolean, text: Text): boolean {
    const target = this.plans.target(name)
    if (target.stamp === this.stamp) return false
    const columns = resource ? this.records.resourceAttributes : this.records.attributes
    this.claim(target, undefined, columns.used)
    if (typeof text === 'string') columns.push(target.key, ValueType.String, columns.ref(text), 0)
    else columns.push(target.key, ValueType.Text, text.start, text.end)
    return true
  }

  /** A value in the place of a field, under a name that is free. */
  replace(plan: FieldPlan, name: string, resource: boolean, value: AnyValue): void {
    const target = this.plans.target(name)
    const columns = resource ? this.records.resourceAttributes : this.records.attributes
    this.claim(target, plan, columns.used)
    this.value(columns, target, value)
  }

  /** Attributes that are encoded already. */
  prepared(bytes: Uint8Array): void {
    const { attributes } = this.records
    if (bytes.length > 0) attributes.push(undefined, ColumnType.Prepared, attributes.ref(bytes), 0)
  }

  /**
   * A name that a field wants is taken. The field whose path it is has it, and every other one its own path. Returns the name for the field that
   * came second.
   */
  private collide(plan: FieldPlan, wanted: Target, row: number): Target {
    const { own } = plan
    const { holder } = wanted
    const loser = wanted === own ? holder : plan
    if (loser?.rule.onlyWhenAbsent === undefined && !this.isSame(holder ?? plan, wanted, row)) this.collisions++
    if (wanted !== own) return own.stamp === this.stamp ? this.giveBack(own) : own
    return this.giveBack(wanted)
  }

  /** A name is the path of a field that has come: what was renamed to it takes its own path instead, and so on. Returns the name. */
  private giveBack(name: Target): Target {
    let wanted = name
    let { holder, row } = wanted
    while (holder !== undefined && holder.own !== wanted) {
      const { own } = holder
      const { holder: next, row: nextRow } = own
      const isTaken = own.stamp === this.stamp
      this.columnsOf(holder).keys[row] = own.key
      this.claim(own, holder, row)
      if (!isTaken) break
      wanted = own
      holder = next
      row = nextRow
    }
    return name
  }

  /** Whether the attribute that has a name says the same as a row: no value is in the way of another one then. */
  private isSame(holder: FieldPlan, target: Target, row: number): boolean {
    const { leaves, records } = this
    const columns = this.columnsOf(holder)
    const type = columns.types[target.row] as number
    const a = columns.a[target.row] as number
    const b = columns.b[target.row] as number
    if (type !== leaves.types[row] || type >= ValueType.Bytes) return false
    if (type === ValueType.Text) return records.sameText(a, b, leaves.a[row] as number, leaves.b[row] as number)
    return a === leaves.a[row] && b === leaves.b[row]
  }

  /** Attributes with dotted names become maps; what is prepared stays behind them. */
  nest(): void {
    const { records, from } = this
    const { attributes: columns, source } = records
    const flat: KeyValue[] = []
    const prepared: number[] = []
    for (let row = from; row < columns.used; row++) {
      const type = columns.types[row] as number
      const a = columns.a[row] as number
      const key = columns.keys[row]
      if (key === undefined) prepared.push(a)
      else if (type === ValueType.Text) flat.push(keyValue(key, type, a, columns.b[row] as number, source))
      else if (hasRef(type)) {
        const ref = columns.refs[a] ?? null
        flat.push(keyValue(key, type, 0, ref instanceof Uint8Array ? ref.length : 0, ref))
      } else flat.push(keyValue(key, type, a, columns.b[row] as number, null))
    }
    columns.used = from
    for (const { key, type, a, b, ref } of nestAttributes(flat)) {
      if (hasRef(type)) columns.push(key, type, columns.ref(ref), 0)
      else columns.push(key, type, a, b)
    }
    for (const place of prepared) columns.push(undefined, ColumnType.Prepared, place, 0)
  }

  /** The resource of the record; beyond the most there may be it keeps what tells who it is. */
  resource(most: number): LogResource {
    const { records, resourceFrom } = this
    const found = records.resource(resourceFrom, most)
    if (found !== undefined) return found
    this.reduce(resourceFrom)
    return records.resource(resourceFrom, Number.POSITIVE_INFINITY) as LogResource
  }

  private reduce(from: number): void {
    const { attributes, resourceAttributes: columns } = this.records
    let kept = from
    for (let row = from; row < columns.used; row++) {
      const key = columns.keys[row] as Target['key']
      const type = columns.types[row] as number
      const a = columns.a[row] as number
      const b = columns.b[row] as number
      if (isCoreName(key.text)) {
        columns.keys[kept] = key
        columns.types[kept] = type
        columns.a[kept] = a
        columns.b[kept] = b
        kept++
      } else if (type === ValueType.String || type >= ValueType.Bytes)
        attributes.push(key, type, attributes.ref(columns.refs[a] ?? null), b)
      else attributes.push(key, type, a, b)
    }
    columns.used = kept
  }
}

/** Whether a column's `a` is a place in its `refs`. */
const hasRef = (type: number): boolean => type === ValueType.String || type >= ValueType.Bytes
