/**
 * Documents → OTLP log records: sections 5 and 6 of the mapping. Rows of leaves in, a row of {@link LogRecords} out; for most fields all that is
 * done is to push the same words under another key.
 */

import { slice } from '../../otlp/attributes.ts'
import { type LogRecords, LogWord } from '../../otlp/logs.ts'
import { type AnyValue, type KeyValue, type Text, ValueType } from '../../otlp/model.ts'
import { exceptionOf } from './apm-error.ts'
import type { DocumentIndex } from './document-index.ts'
import { isName, type LeafList, type Leaves } from './model.ts'
import { nestRows } from './nest.ts'
import { type FieldPlan, type Plans, planIn } from './plans.ts'
import { RecordAttributes } from './record-attributes.ts'
import { RecordRoles } from './record-roles.ts'
import { Marker, Role, Transform } from './rules.ts'
import type { Epoch } from './timestamps.ts'
import { transformed } from './transforms.ts'

/** What it does with documents that their owner should know of, by reason. */
export interface LogCounts {
  timestamp_invalid: number
  bigint_as_string: number
  key_conflict: number
  rename_collision: number
  field_dropped: number
}

/** Where `elasticsearch.index` stands. */
export type IndexAttribute = 'record' | 'resource' | 'none'

export interface LogTranslatorOptions {
  readonly body: 'message' | 'document'
  readonly nested: 'flat' | 'kvlist'
  readonly epoch: Epoch
  readonly indexAttribute: IndexAttribute
  readonly deriveServiceName: boolean
  /** Refuse documents of which the time cannot be read. */
  readonly strictTimestamp: boolean
  readonly maxResources: number
  /** Reads text that is a JSON object; undefined when it is none, or is not to be looked at. */
  readonly parseBody?: ((start: number, end: number) => readonly KeyValue[] | undefined) | undefined
}

/** What is known of a document beside itself. */
export interface DocumentContext {
  readonly index: DocumentIndex | undefined
  /** '' without one. A slice is of the piece. */
  readonly id: Text
  readonly pipeline: string
  /** Rows that are attributes under names of the carrier's. */
  readonly named: readonly NamedRow[]
}

export interface NamedRow {
  readonly name: string
  readonly row: number
}

const commonMethods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH'].map((method) => Buffer.from(method))

/** Rank of a service name that no field gives. */
const noService = 1000

export class LogTranslator {
  readonly counts: LogCounts = { timestamp_invalid: 0, bigint_as_string: 0, key_conflict: 0, rename_collision: 0, field_dropped: 0 }
  private readonly records: LogRecords
  private readonly leaves: Leaves
  private readonly options: LogTranslatorOptions
  private readonly attributes: RecordAttributes
  private readonly roles: RecordRoles
  /** Rows that have to wait until all others are there. */
  private readonly waiting: number[] = []
  private readonly waitingPlans: FieldPlan[] = []
  private waitingCount = 0
  private readonly members: number[] = []
  private markers = 0
  /** Where the record's row begins. */
  private at = 0
  private serviceRank = noService
  private serviceRow = 0

  constructor(records: LogRecords, leaves: Leaves, plans: Plans, options: LogTranslatorOptions) {
    this.records = records
    this.leaves = leaves
    this.options = options
    this.attributes = new RecordAttributes(records, leaves, plans)
    this.roles = new RecordRoles(records, leaves, this.attributes, options.epoch)
  }

  /** What fields the document in the leaves has: bits of `Marker`. To be called before {@link add}. */
  survey(): number {
    const { leaves } = this
    const { fields, count } = leaves
    let markers = 0
    for (let i = 0; i < count; i++) markers |= (fields[i] as { plan: FieldPlan }).plan.marker
    this.markers = markers
    return markers
  }

  /**
   * Appends a record of the document in the leaves. False, and nothing is appended, when its time cannot be read and that is not to be.
   * @param receivedHi, receivedLo nanoseconds at which it came
   */
  add(context: DocumentContext, receivedHi: number, receivedLo: number): boolean {
    const { leaves, markers, attributes, counts } = this
    const { fields, count } = leaves
    this.begin()
    for (let i = 0; i < count; i++) {
      let plan = (fields[i] as { plan: FieldPlan }).plan
      if (plan.shaped.length > 0) plan = planIn(plan, markers)
      if (plan.plain) attributes.put(plan, i)
      else this.special(plan, i)
    }
    if (this.waitingCount > 0) this.late()
    if (this.options.strictTimestamp && this.roles.invalidTimes > 0) {
      attributes.undo()
      return false
    }
    counts.timestamp_invalid += this.roles.invalidTimes
    counts.key_conflict += leaves.conflicts
    counts.bigint_as_string += leaves.digits
    this.finish(context, receivedHi, receivedLo)
    counts.rename_collision += attributes.collisions
    return true
  }

  /** Appends a record of bytes that are no document: text, or bytes that are not UTF-8, as its body, and why in an attribute. */
  addRaw(
    body: string | Uint8Array,
    context: DocumentContext,
    attribute: string,
    why: string,
    receivedHi: number,
    receivedLo: number,
  ): void {
    const { records, options } = this
    this.markers = 0
    this.leaves.clear()
    this.begin()
    records.words[this.at + LogWord.BodyType] = typeof body === 'string' ? ValueType.String : ValueType.Bytes
    records.words[this.at + LogWord.BodyA] = records.attributes.ref(body)
    this.attributes.text(attribute, false, why)
    this.roles.finish(receivedHi, receivedLo)
    this.about(context)
    records.end(this.attributes.resource(options.maxResources), 0, 0)
  }

  private begin(): void {
    this.waitingCount = 0
    // Setting a length is a call out of compiled code.
    if (this.members.length > 0) this.members.length = 0
    this.serviceRank = noService
    this.at = this.records.begin()
    this.attributes.begin()
    this.roles.begin(this.at)
  }

  /** A field that is more than an attribute. */
  private special(plan: FieldPlan, row: number): void {
    const { rule } = plan
    if (rule.serviceRank >= 0 && rule.serviceRank < this.serviceRank && isName(this.leaves, row)) {
      this.serviceRank = rule.serviceRank
      this.serviceRow = row
    }
    switch (rule.role) {
      case Role.Attribute:
        this.changed(plan, row)
        return
      case Role.Ignored:
        return
      case Role.Dropped:
        this.counts.field_dropped++
        return
      case Role.CriFlag:
        if (!this.isCriFlag(row)) this.attributes.put(plan, row)
        return
      case Role.Exceptions:
      case Role.ApmException:
        this.wait(plan, row)
        return
      default:
        this.roles.offer(plan, row)
    }
  }

  /** An attribute that is not just what stands in the document. */
  private changed(plan: FieldPlan, row: number): void {
    if (plan.rule.inMessage) this.members.push(row)
    else if (plan.rule.transform === Transform.HttpMethod && this.isKnownMethod(row)) this.attributes.put(plan, row)
    else if (plan.rule.onlyWhenAbsent !== undefined || plan.also !== undefined || plan.rule.transform !== Transform.None) {
      this.wait(plan, row)
    } else this.attributes.put(plan, row)
  }

  private wait(plan: FieldPlan, row: number): void {
    const at = this.waitingCount++
    this.waiting[at] = row
    this.waitingPlans[at] = plan
  }

  /** Whether it is a method in capitals, as nearly all are. */
  private isKnownMethod(row: number): boolean {
    const { leaves, records } = this
    const start = leaves.a[row] as number
    const length = (leaves.b[row] as number) - start
    if (leaves.types[row] !== ValueType.Text || length < 3 || length > 6) return false
    for (const method of commonMethods) {
      if (method.length !== length) continue
      let i = 0
      while (i < length && records.source[start + i] === method[i]) i++
      if (i === length) return true
    }
    return false
  }

  private isCriFlag(row: number): boolean {
    const { leaves, records } = this
    const start = leaves.a[row] as number
    if (leaves.types[row] !== ValueType.Text || (leaves.b[row] as number) !== start + 1) return false
    return records.source[start] === 0x46 || records.source[start] === 0x50
  }

  private exceptions(plan: FieldPlan, row: number): void {
    const { leaves } = this
    const found =
      leaves.types[row] === ValueType.Array ? exceptionOf(leaves.lists[leaves.a[row] as number] as readonly AnyValue[]) : undefined
    if (found === undefined) {
      this.attributes.put(plan, row)
      return
    }
    let { whole } = found
    for (const [name, value] of [
      ['exception.type', found.type],
      ['exception.message', found.message],
      ['exception.stacktrace', found.stacktrace],
    ] as const) {
      if (value !== undefined && !this.attributes.text(name, false, value)) whole = false
    }
    if (!whole) this.attributes.put(plan, row)
  }

  /** Attributes that had to know all others. */
  private late(): void {
    for (let i = 0; i < this.waitingCount; i++) {
      const row = this.waiting[i] as number
      const plan = this.waitingPlans[i] as FieldPlan
      if (plan.rule.role !== Role.Attribute) {
        this.exceptions(plan, row)
        continue
      }
      if (plan.rule.transform !== Transform.None && this.transform(plan, row)) continue
      if (plan.rule.onlyWhenAbsent !== undefined && this.attributes.has(plan.target)) this.attributes.putOwn(plan, row)
      else this.attributes.put(plan, row)
      const { also } = plan
      if (also !== undefined && !this.attributes.has(also)) this.attributes.putAs(plan, also, row)
    }
  }

  /** True when it has put what comes of the row; false when the row is to be put as it is. */
  private transform(plan: FieldPlan, row: number): boolean {
    const { leaves, records } = this
    const result = transformed({ rule: plan.rule, leaves, row, source: records.source })
    if (result === undefined) return false
    if (result === 'own') {
      this.attributes.putOwn(plan, row)
      return true
    }
    // Where somebody has said it himself, what came is kept as it came.
    for (const { name } of result) if (this.attributes.hasName(name)) return false
    for (const { name, value, resource } of result) this.attributes.replace(plan, name, resource, value)
    return true
  }

  private finish(context: DocumentContext, receivedHi: number, receivedLo: number): void {
    const { records, options, leaves } = this
    this.roles.finish(receivedHi, receivedLo)
    this.finishBody()
    this.about(context)
    if (options.deriveServiceName && this.serviceRank !== noService) {
      const row = this.serviceRow
      this.attributes.text('service.name', true, slice(records.source, leaves.a[row] as number, leaves.b[row] as number))
    }
    // It may move some of its own to the record.
    const resource = this.attributes.resource(options.maxResources)
    if (options.nested === 'kvlist') this.attributes.nest()
    const scope = this.roles.row(Role.ScopeName)
    const nameStart = scope < 0 ? 0 : (leaves.a[scope] as number)
    const nameEnd = scope < 0 ? 0 : (leaves.b[scope] as number)
    records.end(resource, nameStart, nameEnd)
  }

  private finishBody(): void {
    const { at, leaves, records, roles } = this
    const { words } = records
    const row = roles.row(Role.Body)
    if (this.members.length > 0 && roles.rank(Role.Body) !== 0) {
      // An object `message` goes before all but a text of that name.
      if (row >= 0 && !roles.holder(Role.Body).rule.keep) this.attributes.put(roles.holder(Role.Body), row)
      this.listBody(nestRows(leaves, records.source, this.members, 'message'))
      return
    }
    for (let i = 0; i < this.members.length; i++) {
      const member = this.members[i] as number
      this.attributes.put(planIn((leaves.fields[member] as { plan: FieldPlan }).plan, this.markers), member)
    }
    if (row < 0) {
      if (this.options.body === 'document') this.documentBody()
      return
    }
    const { rule } = roles.holder(Role.Body)
    const type = leaves.types[row] as number
    const a = leaves.a[row] as number
    let b = leaves.b[row] as number
    words[at + LogWord.BodyType] = type
    if (type >= ValueType.Array) {
      this.wholeBody(type, leaves.lists[a] ?? [])
      return
    }
    if (type === ValueType.Text) {
      if (rule.transform === Transform.TrailingNewline && b > a && records.source[b - 1] === 0x0a) b--
      const parsed = this.options.parseBody?.(a, b)
      if (parsed !== undefined) {
        this.listBody(parsed)
        return
      }
    }
    words[at + LogWord.BodyA] = a
    words[at + LogWord.BodyB] = b
  }

  /** A list or an object; a list of one text is that text. */
  private wholeBody(type: number, list: LeafList): void {
    const { at, records } = this
    const [only] = list
    const isText = type === ValueType.Array && list.length === 1 && only?.type === ValueType.Text
    records.words[at + LogWord.BodyType] = isText ? ValueType.Text : type
    records.words[at + LogWord.BodyA] = isText ? only.a : records.attributes.ref(list)
    if (isText) records.words[at + LogWord.BodyB] = only.b
  }

  private listBody(list: readonly KeyValue[]): void {
    const { at, records } = this
    records.words[at + LogWord.BodyType] = ValueType.KvList
    records.words[at + LogWord.BodyA] = records.attributes.ref(list)
  }

  /** The whole document as the body; its fields are no attributes then. */
  private documentBody(): void {
    const { leaves, records } = this
    const all: number[] = []
    for (let i = 0; i < leaves.count; i++) {
      const { role } = (leaves.fields[i] as { plan: FieldPlan }).plan.rule
      if (role !== Role.Dropped && role !== Role.Ignored) all.push(i)
    }
    this.listBody(nestRows(leaves, records.source, all, ''))
    this.attributes.undoOwn()
  }

  /** What is known of the document beside itself. */
  private about({ index, id, pipeline, named }: DocumentContext): void {
    const { attributes } = this
    if (index !== undefined) {
      const hasStream = (this.markers & Marker.DataStream) !== 0 || attributes.hasStream()
      if (!attributes.hasIndex()) attributes.prepared(hasStream ? index.alone : index.withStream)
      else if (!hasStream) attributes.prepared(index.stream)
      if (this.options.indexAttribute === 'resource') attributes.text('elasticsearch.index', true, index.name)
    }
    if (id !== '') attributes.text('elasticsearch.document.id', false, id)
    if (pipeline !== '') attributes.text('elasticsearch.pipeline', false, pipeline)
    for (let i = 0; i < named.length; i++) {
      const { name, row } = named[i] as NamedRow
      attributes.text(name, false, slice(this.records.source, this.leaves.a[row] as number, this.leaves.b[row] as number))
    }
  }
}
