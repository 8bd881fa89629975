/**
 * Documents → OTLP log records: sections 5 and 6 of the mapping. Rows of leaves in, a row of {@link LogRecords} out; for most fields all that is
 * done is to push the same words under another key.
 */

import { keyValue } from '../../otlp/attributes.ts'
import { type AttributeColumns, ColumnType, type LogRecords, type LogResource, LogWord } from '../../otlp/logs.ts'
import { type AnyValue, type KeyValue, type Text, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import { exceptionOf } from './apm-error.ts'
import type { DocumentIndex } from './document-index.ts'
import type { Leaves } from './model.ts'
import { nestRows } from './nest.ts'
import { type FieldPlan, type Plans, planIn, type Target } from './plans.ts'
import { Marker, Role, Transform } from './rules.ts'
import { severityOf, severityOfCode } from './severity.ts'
import { type Epoch, readTime } from './timestamps.ts'
import { readSpanId, readTraceFlags, readTraceId } from './trace-ids.ts'
import { transformed } from './transforms.ts'

/** What it does with documents that their owner should know of, by reason. */
export interface LogCounts {
  timestamp_invalid: number
  bigint_as_string: number
  key_conflict: number
  rename_collision: number
  field_dropped: number
}

export interface LogTranslatorOptions {
  readonly body: 'message' | 'document'
  readonly nested: 'flat' | 'kvlist'
  readonly epoch: Epoch
  readonly indexAttribute: 'record' | 'resource' | 'none'
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

const roles = 32
const free = 127

export class LogTranslator {
  readonly counts: LogCounts = { timestamp_invalid: 0, bigint_as_string: 0, key_conflict: 0, rename_collision: 0, field_dropped: 0 }
  private readonly records: LogRecords
  private readonly leaves: Leaves
  private readonly options: LogTranslatorOptions
  private readonly plans: Plans
  private readonly words: Words = { hi: 0, lo: 0 }
  private readonly trace = new Int32Array(4)
  private readonly span = new Int32Array(2)
  /** By role: rank of the field that has it, its row, and its plan. */
  private readonly ranks = new Int8Array(roles)
  private readonly rows = new Int32Array(roles)
  private readonly holders: (FieldPlan | undefined)[] = new Array<FieldPlan | undefined>(roles).fill(undefined)
  /** Rows that have to wait until all others are there. */
  private readonly waiting: number[] = []
  private readonly waitingPlans: FieldPlan[] = []
  private readonly members: number[] = []
  private stamp = 0
  private markers = 0
  /** Where the record's row begins. */
  private at = 0
  private serviceRank = free
  private serviceRow = 0

  constructor(records: LogRecords, leaves: Leaves, plans: Plans, options: LogTranslatorOptions) {
    this.records = records
    this.leaves = leaves
    this.plans = plans
    this.options = options
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
    const { leaves, records, markers } = this
    const { fields, count } = leaves
    const from = records.resourceAttributes.used
    const invalid = this.counts.timestamp_invalid
    this.begin()
    for (let i = 0; i < count; i++) {
      let plan = (fields[i] as { plan: FieldPlan }).plan
      if (plan.shaped.length > 0) plan = planIn(plan, markers)
      if (plan.plain) this.attribute(plan, i)
      else this.special(plan, i)
    }
    if (this.waiting.length > 0) this.late()
    if (this.options.strictTimestamp && this.counts.timestamp_invalid > invalid) {
      this.counts.timestamp_invalid = invalid
      records.attributes.used = records.words[this.at + LogWord.From] as number
      records.resourceAttributes.used = from
      return false
    }
    this.counts.key_conflict += leaves.conflicts
    this.counts.bigint_as_string += leaves.digits
    this.finish(context, from, receivedHi, receivedLo)
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
    const { records } = this
    const from = records.resourceAttributes.used
    this.markers = 0
    this.leaves.clear()
    this.begin()
    records.words[this.at + LogWord.BodyType] = typeof body === 'string' ? ValueType.String : ValueType.Bytes
    records.words[this.at + LogWord.BodyA] = records.attributes.ref(body)
    this.text(this.plans.target(attribute), undefined, false, why)
    this.finishTimes(receivedHi, receivedLo)
    this.about(context)
    records.end(this.resource(from), 0, 0)
  }

  private begin(): void {
    this.stamp = (this.stamp + 1) | 0
    this.plans.begin()
    this.ranks.fill(free)
    this.waiting.length = 0
    this.members.length = 0
    this.serviceRank = free
    this.at = this.records.begin()
  }

  // --- attributes ----------------------------------------------------------------------------------------------------

  private columnsOf(plan: FieldPlan): AttributeColumns {
    return plan.resource ? this.records.resourceAttributes : this.records.attributes
  }

  /** The row as an attribute under its new name. */
  private attribute(plan: FieldPlan, row: number): void {
    const { target } = plan
    this.put(plan, target.stamp === this.stamp ? this.collide(plan) : target, row)
  }

  /** The row as an attribute under the path. */
  private ownAttribute(plan: FieldPlan, row: number): void {
    const { own } = plan
    this.put(plan, own.stamp === this.stamp ? this.collide(plan) : own, row)
  }

  private put(plan: FieldPlan, target: Target, row: number): void {
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

  /** Text that is not of the piece, as an attribute; false when the document has one of that name. */
  private text(target: Target, plan: FieldPlan | undefined, resource: boolean, text: string): boolean {
    if (target.stamp === this.stamp) return false
    const columns = resource ? this.records.resourceAttributes : this.records.attributes
    this.claim(target, plan, columns.used)
    columns.push(target.key, ValueType.String, columns.ref(text), 0)
    return true
  }

  /**
   * Two fields want one name: the one whose path it is has it, the other keeps its own path. Returns the name for the field that came second.
   */
  private collide(plan: FieldPlan): Target {
    const { target, own } = plan
    const holder = target.holder
    if (holder !== undefined && holder.own !== target && target === own && holder.own.stamp !== this.stamp) {
      // What has it was renamed to it.
      if (holder.rule.onlyWhenAbsent === undefined) this.counts.rename_collision++
      this.columnsOf(holder).keys[target.row] = holder.own.key
      this.claim(holder.own, holder, target.row)
      return target
    }
    if (target !== own && plan.rule.onlyWhenAbsent === undefined) this.counts.rename_collision++
    return own
  }

  // --- fields that are more --------------------------------------------------------------------------------------------

  private special(plan: FieldPlan, row: number): void {
    const { rule } = plan
    if (rule.serviceRank >= 0 && rule.serviceRank < this.serviceRank && this.leaves.types[row] === ValueType.Text) {
      this.serviceRank = rule.serviceRank
      this.serviceRow = row
    }
    switch (rule.role) {
      case Role.Attribute:
        this.late1(plan, row)
        return
      case Role.Ignored:
        return
      case Role.Dropped:
        this.counts.field_dropped++
        return
      case Role.Time:
        this.time(plan, row)
        return
      case Role.CriFlag:
        if (!this.isCriFlag(row)) this.attribute(plan, row)
        return
      case Role.Exceptions:
      case Role.ApmException:
        this.exceptions(plan, row)
        return
      default:
        if (this.fits(plan, row)) this.take(plan, row)
        else this.attribute(plan, row)
    }
  }

  private late1(plan: FieldPlan, row: number): void {
    if (plan.inMessage) this.members.push(row)
    else if (plan.rule.transform === Transform.HttpMethod && this.isKnownMethod(row)) this.attribute(plan, row)
    else if (plan.rule.onlyWhenAbsent !== undefined || plan.also !== undefined || plan.rule.transform !== Transform.None) {
      this.waiting.push(row)
      this.waitingPlans[this.waiting.length - 1] = plan
    } else this.attribute(plan, row)
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

  /** Whether the value can be what the role is. Its words are in `words`, `trace` or `span` then. */
  private fits({ rule }: FieldPlan, row: number): boolean {
    const { leaves, records } = this
    const type = leaves.types[row] as number
    const a = leaves.a[row] as number
    const b = leaves.b[row] as number
    switch (rule.role) {
      case Role.Body:
        return true
      case Role.Observed:
        return this.readTime(row)
      case Role.TraceId:
        return type === ValueType.Text && readTraceId(records.source, a, b, this.trace)
      case Role.SpanId:
      case Role.TransactionId:
        return type === ValueType.Text && readSpanId(records.source, a, b, this.span)
      case Role.TraceFlags:
        return this.flags(row) >= 0
      case Role.EventName:
      case Role.ScopeName:
        return type === ValueType.Text && b > a
      case Role.SeverityText:
        return (type === ValueType.Text && b > a) || this.code(rule.scale, row) > 0
      case Role.SeverityNumber:
      case Role.LevelValue:
        return this.code(rule.scale, row) > 0
      default:
        return false
    }
  }

  /** The field has its role, unless one that goes before it has. */
  private take(plan: FieldPlan, row: number): void {
    const { rule } = plan
    const { role } = rule
    const before = this.ranks[role] as number
    if (before <= rule.rank) {
      this.attribute(plan, row)
      return
    }
    if (before !== free) {
      const holder = this.holders[role] as FieldPlan
      if (!holder.rule.keep) this.attribute(holder, this.rows[role] as number)
    }
    this.ranks[role] = rule.rank
    this.rows[role] = row
    this.holders[role] = plan
    this.store(role, row)
    if (rule.keep) this.attribute(plan, row)
  }

  private store(role: number, row: number): void {
    const { leaves, records, at, words } = this
    const record = records.words
    switch (role) {
      case Role.Observed:
        record[at + LogWord.ObservedHi] = words.hi
        record[at + LogWord.ObservedLo] = words.lo
        return
      case Role.TraceId:
        record.set(this.trace, at + LogWord.Trace0)
        return
      case Role.SpanId:
        record.set(this.span, at + LogWord.Span0)
        return
      case Role.TransactionId:
        if (this.ranks[Role.SpanId] === free) record.set(this.span, at + LogWord.Span0)
        return
      case Role.TraceFlags:
        record[at + LogWord.Flags] = this.flags(row)
        return
      case Role.EventName:
        record[at + LogWord.EventNameStart] = leaves.a[row] as number
        record[at + LogWord.EventNameEnd] = leaves.b[row] as number
        return
      default:
    }
  }

  private time(plan: FieldPlan, row: number): void {
    const { rule } = plan
    const readable = this.readTime(row)
    if (rule.rank === 0) {
      if (readable) {
        this.takeTime(plan, row)
        return
      }
      // What says it is the time and is not is no reason to take another one.
      this.counts.timestamp_invalid++
      if ((this.ranks[Role.Time] as number) !== free) this.attribute(this.holders[Role.Time] as FieldPlan, this.rows[Role.Time] as number)
      this.ranks[Role.Time] = 0
      this.holders[Role.Time] = undefined
      this.setTime(0, 0)
      this.ownAttribute(plan, row)
      return
    }
    if (readable && rule.rank < (this.ranks[Role.Time] as number)) this.takeTime(plan, row)
    else this.attribute(plan, row)
  }

  private takeTime(plan: FieldPlan, row: number): void {
    const { hi, lo } = this.words
    if ((this.ranks[Role.Time] as number) !== free) this.attribute(this.holders[Role.Time] as FieldPlan, this.rows[Role.Time] as number)
    this.ranks[Role.Time] = plan.rule.rank
    this.rows[Role.Time] = row
    this.holders[Role.Time] = plan
    this.setTime(hi, lo)
    // Of a list the first one is the time; the others are not to be lost.
    if (this.leaves.types[row] === ValueType.Array && (this.leaves.lists[this.leaves.a[row] as number] as readonly AnyValue[]).length > 1) {
      this.ownAttribute(plan, row)
    }
  }

  private setTime(hi: number, lo: number): void {
    this.records.words[this.at + LogWord.TimeHi] = hi
    this.records.words[this.at + LogWord.TimeLo] = lo
  }

  /** Nanoseconds of a row into `words`. */
  private readTime(row: number): boolean {
    const { leaves, records, words } = this
    const { epoch } = this.options
    switch (leaves.types[row]) {
      case ValueType.Text:
        return readTime(records.source, leaves.a[row] as number, leaves.b[row] as number, false, epoch, words)
      case ValueType.Int:
      case ValueType.Double:
        return readTime(records.source, leaves.starts[row] as number, leaves.ends[row] as number, true, epoch, words)
      case ValueType.Array: {
        const first = (leaves.lists[leaves.a[row] as number] as readonly AnyValue[])[0]
        return first?.type === ValueType.Text && readTime(records.source, first.a, first.b, false, epoch, words)
      }
      default:
        return false
    }
  }

  /** Severity by a number that stands in a row, or text of digits; 0 when it is none of its scale. */
  private code(scale: number, row: number): number {
    const { leaves, records } = this
    const type = leaves.types[row]
    if (type === ValueType.Int) return leaves.a[row] === 0 ? severityOfCode(leaves.b[row] as number, scale) : 0
    const start = leaves.a[row] as number
    const end = leaves.b[row] as number
    if (type !== ValueType.Text || end === start || end - start > 5) return 0
    let code = 0
    for (let at = start; at < end; at++) {
      const digit = (records.source[at] as number) - 0x30
      if (digit < 0 || digit > 9) return 0
      code = code * 10 + digit
    }
    return severityOfCode(code, scale)
  }

  /** W3C flags of a row; −1 when it has none. */
  private flags(row: number): number {
    const { leaves, records } = this
    const type = leaves.types[row]
    const a = leaves.a[row] as number
    const b = leaves.b[row] as number
    if (type === ValueType.Int) return a === 0 && b >= 0 && b < 256 ? b : -1
    return type === ValueType.Text ? readTraceFlags(records.source, a, b) : -1
  }

  private isCriFlag(row: number): boolean {
    const { leaves, records } = this
    const start = leaves.a[row] as number
    if (leaves.types[row] !== ValueType.Text || (leaves.b[row] as number) !== start + 1) return false
    return records.source[start] === 0x46 || records.source[start] === 0x50
  }

  private exceptions(plan: FieldPlan, row: number): void {
    const { leaves, records } = this
    const found =
      leaves.types[row] === ValueType.Array ? exceptionOf(leaves.lists[leaves.a[row] as number] as readonly AnyValue[]) : undefined
    if (found === undefined) {
      this.attribute(plan, row)
      return
    }
    let whole = found.whole
    const add = (name: string, value: Text | undefined): void => {
      if (value === undefined) return
      const target = this.plans.target(name)
      if (target.stamp === this.stamp) whole = false
      else if (typeof value === 'string') this.text(target, undefined, false, value)
      else {
        this.claim(target, undefined, records.attributes.used)
        records.attributes.push(target.key, ValueType.Text, value.start, value.end)
      }
    }
    add('exception.type', found.type)
    add('exception.message', found.message)
    add('exception.stacktrace', found.stacktrace)
    if (!whole) this.attribute(plan, row)
  }

  // --- when all fields are there ---------------------------------------------------------------------------------------

  private late(): void {
    for (let i = 0; i < this.waiting.length; i++) {
      const row = this.waiting[i] as number
      const plan = this.waitingPlans[i] as FieldPlan
      if (plan.rule.transform !== Transform.None && this.transform(plan, row)) continue
      if (plan.rule.onlyWhenAbsent !== undefined && plan.target.stamp === this.stamp) this.ownAttribute(plan, row)
      else this.attribute(plan, row)
      const { also } = plan
      if (also !== undefined && also.stamp !== this.stamp) this.put(plan, also, row)
    }
  }

  /** True when it has put what comes of the row; false when the row is to be put as it is. */
  private transform(plan: FieldPlan, row: number): boolean {
    const { leaves, records } = this
    const result = transformed({ rule: plan.rule, leaves, row, source: records.source })
    if (result === undefined) return false
    if (result === 'own') {
      this.ownAttribute(plan, row)
      return true
    }
    for (const { name, value, resource } of result) {
      const target = this.plans.target(name)
      const columns = resource ? records.resourceAttributes : records.attributes
      if (target.stamp === this.stamp) {
        // Somebody has said it himself: what came is kept as it came.
        this.ownAttribute(plan, row)
        continue
      }
      this.claim(target, plan, columns.used)
      this.value(columns, target, value)
    }
    return true
  }

  private finish(context: DocumentContext, from: number, receivedHi: number, receivedLo: number): void {
    const { records, options } = this
    this.finishTimes(receivedHi, receivedLo)
    this.finishSeverity()
    this.finishBody()
    this.about(context)
    if (options.deriveServiceName && this.serviceRank !== free) this.deriveServiceName()
    if (options.nested === 'kvlist') this.nest()
    let nameStart = 0
    let nameEnd = 0
    if (this.ranks[Role.ScopeName] !== free) {
      const row = this.rows[Role.ScopeName] as number
      nameStart = this.leaves.a[row] as number
      nameEnd = this.leaves.b[row] as number
    }
    records.end(this.resource(from), nameStart, nameEnd)
  }

  private finishTimes(receivedHi: number, receivedLo: number): void {
    const { at } = this
    const { words } = this.records
    if (this.ranks[Role.Observed] === free) {
      words[at + LogWord.ObservedHi] = receivedHi
      words[at + LogWord.ObservedLo] = receivedLo
    } else if (this.ranks[Role.Time] === free) {
      this.setTime(words[at + LogWord.ObservedHi] as number, words[at + LogWord.ObservedLo] as number)
    }
  }

  private finishSeverity(): void {
    const { at, leaves, records, ranks, rows, holders } = this
    const { words } = records
    if (ranks[Role.SeverityText] !== free) {
      const row = rows[Role.SeverityText] as number
      const { scale } = (holders[Role.SeverityText] as FieldPlan).rule
      const isText = leaves.types[row] === ValueType.Text
      const start = (isText ? leaves.a[row] : leaves.starts[row]) as number
      const end = (isText ? leaves.b[row] : leaves.ends[row]) as number
      words[at + LogWord.SeverityTextStart] = start
      words[at + LogWord.SeverityTextEnd] = end
      const word = isText ? severityOf(records.source, start, end) : 0
      words[at + LogWord.Severity] = word > 0 ? word : this.code(scale, row)
    }
    for (const role of severityNumbers) {
      if (ranks[role] === free) continue
      const row = rows[role] as number
      const plan = holders[role] as FieldPlan
      if (words[at + LogWord.Severity] === 0) words[at + LogWord.Severity] = this.code(plan.rule.scale, row)
      // Beside a word the number is still something that was said; logback's says nothing that the word does not.
      if (role === Role.SeverityNumber && ranks[Role.SeverityText] !== free && !plan.rule.keep) this.attribute(plan, row)
    }
  }

  private finishBody(): void {
    const { at, leaves, records, ranks } = this
    const { words } = records
    const isObject = this.members.length > 0 && ranks[Role.Body] !== 0
    if (isObject) {
      if (ranks[Role.Body] !== free) {
        const holder = this.holders[Role.Body] as FieldPlan
        if (!holder.rule.keep) this.attribute(holder, this.rows[Role.Body] as number)
      }
      this.listBody(nestRows(leaves, records.source, this.members, 'message'))
      return
    }
    for (let i = 0; i < this.members.length; i++) {
      const row = this.members[i] as number
      this.attribute(planIn((leaves.fields[row] as { plan: FieldPlan }).plan, this.markers), row)
    }
    if (ranks[Role.Body] === free) {
      if (this.options.body === 'document') this.documentBody()
      return
    }
    const row = this.rows[Role.Body] as number
    const { rule } = this.holders[Role.Body] as FieldPlan
    const type = leaves.types[row] as number
    const a = leaves.a[row] as number
    let b = leaves.b[row] as number
    words[at + LogWord.BodyType] = type
    if (type >= ValueType.Array) {
      words[at + LogWord.BodyA] = records.attributes.ref(leaves.lists[a] ?? [])
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

  private listBody(list: readonly KeyValue[]): void {
    const { at, records } = this
    records.words[at + LogWord.BodyType] = ValueType.KvList
    records.words[at + LogWord.BodyA] = records.attributes.ref(list)
  }

  /** The whole document as the body; its fields are no attributes then. */
  private documentBody(): void {
    const { leaves, records, at } = this
    const all: number[] = []
    for (let i = 0; i < leaves.count; i++) all.push(i)
    this.listBody(nestRows(leaves, records.source, all, ''))
    records.attributes.used = records.words[at + LogWord.From] as number
  }

  /** What is known of the document beside itself. */
  private about({ index, id, pipeline, named }: DocumentContext): void {
    const { attributes } = this.records
    if (index !== undefined) {
      const prepared = (this.markers & Marker.DataStream) === 0 ? index.withStream : index.alone
      if (prepared.length > 0) attributes.push(undefined, ColumnType.Prepared, attributes.ref(prepared), 0)
      if (this.options.indexAttribute === 'resource') this.text(this.plans.target('elasticsearch.index'), undefined, true, index.name)
    }
    if (id !== '') {
      const target = this.plans.target('elasticsearch.document.id')
      if (typeof id === 'string') this.text(target, undefined, false, id)
      else if (target.stamp !== this.stamp) {
        this.claim(target, undefined, attributes.used)
        attributes.push(target.key, ValueType.Text, id.start, id.end)
      }
    }
    if (pipeline !== '') this.text(this.plans.target('elasticsearch.pipeline'), undefined, false, pipeline)
    for (let i = 0; i < named.length; i++) {
      const { name, row } = named[i] as NamedRow
      const target = this.plans.target(name)
      const plan = (this.leaves.fields[row] as { plan: FieldPlan }).plan
      if (target.stamp !== this.stamp) this.put(plan, target, row)
    }
  }

  private deriveServiceName(): void {
    const target = this.plans.target('service.name')
    if (target.stamp === this.stamp) return
    const { leaves, records, serviceRow } = this
    this.claim(target, undefined, records.resourceAttributes.used)
    records.resourceAttributes.push(target.key, ValueType.Text, leaves.a[serviceRow] as number, leaves.b[serviceRow] as number)
  }

  private nest(): void {
    // Set by the listener's options, never on the hot path: see nest.ts.
    this.options
  }

  /** The resource with the attributes from a row on; beyond the most there may be it keeps what tells who it is. */
  private resource(from: number): LogResource {
    const { records, options } = this
    const found = records.resource(from, options.maxResources)
    if (found !== undefined) return found
    this.reduce(from)
    return records.resource(from, Number.POSITIVE_INFINITY) as LogResource
  }

  private reduce(from: number): void {
    const { attributes, resourceAttributes: columns } = this.records
    let kept = from
    for (let row = from; row < columns.used; row++) {
      const key = columns.keys[row] as Target['key']
      const type = columns.types[row] as number
      const a = columns.a[row] as number
      const b = columns.b[row] as number
      if (isCore(key.text)) {
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

const severityNumbers = [Role.SeverityNumber, Role.LevelValue] as const

const isCore = (name: string): boolean => name.startsWith('service.') || name.startsWith('k8s.') || name === 'host.name'
