/**
 * Fields of a document as attributes of whatever is no log record: names, places and values by the rules of names.ts, as lists of KeyValue. The
 * same rules as in to-otlp.ts, which makes rows of columns of them.
 */

import { arrayValue, rekeyed, textValue } from '../../otlp/attributes.ts'
import type { AnyValue, KeyValue, Text } from '../../otlp/model.ts'
import { ValueType } from '../../otlp/model.ts'
import { serviceName } from '../../otlp/semconv.ts'
import { isName, type Leaves } from './model.ts'
import { leafValue } from './nest.ts'
import { type FieldPlan, type Plans, planIn, type Target } from './plans.ts'
import { Marker, Role, Transform } from './rules.ts'
import type { DocumentContext, IndexAttribute, LogCounts } from './to-otlp.ts'
import { transformed } from './transforms.ts'

/** Which field of a document goes which way: by its path, before the rules. */
export interface FieldChoice {
  /** Rows that are used up: no attributes are made of them. */
  readonly used: Uint8Array
  /** Labels lose what stands before their names. */
  readonly bareLabels: boolean
}

/** Lower than every rank of `FieldRule.serviceRank`, so that the first one counts. */
const noRank = Number.POSITIVE_INFINITY

/** Attributes of one document at a time. Lists are made anew for each. */
export class LeafAttributes {
  readonly counts: LogCounts = { timestamp_invalid: 0, bigint_as_string: 0, key_conflict: 0, rename_collision: 0, field_dropped: 0 }
  attributes: KeyValue[] = []
  resource: KeyValue[] = []
  private readonly plans: Plans
  private leaves: Leaves | undefined
  private source: Uint8Array = new Uint8Array(0)
  private markers = 0
  private stamp = 0
  private serviceRank = noRank
  private serviceRow = 0
  private readonly waiting: number[] = []

  constructor(plans: Plans) {
    this.plans = plans
  }

  /** Takes all fields of a document that are not used up. @param markers bits of `Marker` that it has */
  fill(leaves: Leaves, source: Uint8Array, markers: number, choice: FieldChoice): void {
    this.stamp = this.plans.nextStamp()
    this.attributes = []
    this.resource = []
    this.leaves = leaves
    this.source = source
    this.markers = markers
    this.serviceRank = noRank
    this.waiting.length = 0
    this.counts.key_conflict += leaves.conflicts
    this.counts.bigint_as_string += leaves.digits
    const { used } = choice
    for (let row = 0; row < leaves.count; row++) if (used[row] === 0) this.take(row, choice)
    for (const row of this.waiting) this.late(row)
    this.leaves = undefined
  }

  /** Adds an attribute that is no field; false when the document has one of that name. */
  add(name: string, value: AnyValue, resource: boolean): boolean {
    const target = this.plans.target(name)
    if (target.stamp === this.stamp) return false
    this.push(target, undefined, value, resource)
    return true
  }

  /** The same of text. */
  addText(name: string, text: Text, resource: boolean): boolean {
    const target = this.plans.target(name)
    if (target.stamp === this.stamp) return false
    this.push(target, undefined, textValue(target.key, text), resource)
    return true
  }

  /**
   * What is known of the document beside itself, but for its own id. To be called after `fill`.
   * @param leaves, markers as there @param indexAttribute where `elasticsearch.index` stands
   */
  addContext(leaves: Leaves, markers: number, { index, pipeline, named }: DocumentContext, indexAttribute: IndexAttribute): void {
    if (index !== undefined) {
      if (indexAttribute !== 'none') this.addText('elasticsearch.index', index.name, indexAttribute === 'resource')
      const { dataStream } = index
      if (dataStream !== undefined && (markers & Marker.DataStream) === 0) {
        this.addText('data_stream.type', dataStream.type, false)
        this.addText('data_stream.dataset', dataStream.dataset, false)
        this.addText('data_stream.namespace', dataStream.namespace, false)
      }
    }
    if (pipeline !== '') this.addText('elasticsearch.pipeline', pipeline, false)
    for (const { name, row } of named) this.add(name, leafValue(leaves, this.source, row), false)
  }

  /** Gives the resource a `service.name` out of what stands in for it, where the document has none. To be called after `fill`. */
  deriveServiceName(leaves: Leaves): void {
    if (this.serviceRank !== noRank) this.add('service.name', leafValue(leaves, this.source, this.serviceRow), true)
  }

  /** Puts `service.name` first, as whoever counts by services expects it. */
  serviceFirst(): void {
    const { resource } = this
    const at = resource.findIndex(({ key }) => key.text === 'service.name')
    if (at < 0) return
    const [name] = resource.splice(at, 1) as [KeyValue]
    resource.unshift(rekeyed(serviceName, name))
  }

  private planOf(row: number): FieldPlan {
    const { plan } = (this.leaves as Leaves).fields[row] as { readonly plan: FieldPlan }
    return planIn(plan, this.markers)
  }

  private take(row: number, choice: FieldChoice): void {
    const plan = this.planOf(row)
    const { rule } = plan
    if (rule.serviceRank >= 0 && rule.serviceRank < this.serviceRank && isName(this.leaves as Leaves, row)) {
      this.serviceRank = rule.serviceRank
      this.serviceRow = row
    }
    if (rule.role === Role.Ignored) return
    if (rule.role === Role.Dropped) {
      this.counts.field_dropped++
      return
    }
    if (rule.onlyWhenAbsent !== undefined || plan.also !== undefined || rule.transform !== Transform.None) {
      this.waiting.push(row)
      return
    }
    if (!choice.bareLabels || plan.label === undefined) this.attribute(plan, row)
    else this.put(plan, this.free(plan, plan.label), this.valueOf(plan, row))
  }

  /** Fields that have to know what others there are. */
  private late(row: number): void {
    const plan = this.planOf(row)
    const { rule } = plan
    const leaves = this.leaves as Leaves
    const result = rule.transform === Transform.None ? undefined : transformed({ rule, leaves, row, source: this.source })
    if (result === 'own') {
      this.put(plan, this.free(plan, plan.own), this.valueOf(plan, row))
      return
    }
    if (result !== undefined) {
      // Where somebody has said it himself, what came is kept as it came.
      if (!result.some(({ name }) => this.plans.target(name).stamp === this.stamp)) {
        for (const { name, value, resource } of result) this.push(this.plans.target(name), plan, value, resource)
        return
      }
    }
    if (rule.onlyWhenAbsent !== undefined && plan.target.stamp === this.stamp) this.put(plan, plan.own, this.valueOf(plan, row))
    else this.attribute(plan, row)
    if (plan.also !== undefined && plan.also.stamp !== this.stamp) this.put(plan, plan.also, this.valueOf(plan, row))
  }

  private attribute(plan: FieldPlan, row: number): void {
    this.put(plan, this.free(plan, plan.target), this.valueOf(plan, row))
  }

  /**
   * The name for a field: the one it wants, or its own path where another field has that. A field that has somebody's path by a rename gives it
   * back, and takes its own.
   */
  private free(plan: FieldPlan, wanted: Target): Target {
    if (wanted.stamp !== this.stamp) return wanted
    const { holder } = wanted
    const isOwn = wanted === plan.own
    const loser = isOwn ? holder : plan
    if (loser?.rule.onlyWhenAbsent === undefined) this.counts.rename_collision++
    if (!isOwn) return this.free(plan, plan.own)
    if (holder === undefined || holder.own === wanted) return wanted
    const list = holder.resource ? this.resource : this.attributes
    const { row } = wanted
    const other = this.free(holder, holder.own)
    list[row] = rekeyed(other.key, list[row] as KeyValue)
    this.claim(other, holder, row)
    return wanted
  }

  private put(plan: FieldPlan, target: Target, value: AnyValue): void {
    this.push(target, plan, value, plan.resource)
  }

  private push(target: Target, plan: FieldPlan | undefined, value: AnyValue, resource: boolean): void {
    const list = resource ? this.resource : this.attributes
    this.claim(target, plan, list.length)
    list.push(rekeyed(target.key, value))
  }

  private claim(target: Target, plan: FieldPlan | undefined, row: number): void {
    target.stamp = this.stamp
    target.row = row
    target.holder = plan
  }

  /** The value of a row: a list, or one of a list, where the rule says so. */
  private valueOf({ target, rule }: FieldPlan, row: number): AnyValue {
    const value = leafValue(this.leaves as Leaves, this.source, row)
    if (value.type !== ValueType.Array) return rule.list ? arrayValue(target.key, [value]) : value
    const list = value.ref as readonly AnyValue[]
    return rule.scalar && list.length === 1 ? (list[0] as AnyValue) : value
  }
}
