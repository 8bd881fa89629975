/** Fields that are parts of the record: time, severity, ids, names. Of several fields for one role the one with the lowest rank that can be used has it. */

import { valueToString } from '../../otlp/attributes.ts'
import { type LogRecords, LogWord } from '../../otlp/logs.ts'
import { type AnyValue, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import type { LeafList, Leaves } from './model.ts'
import type { FieldPlan } from './plans.ts'
import type { RecordAttributes } from './record-attributes.ts'
import { Role } from './rules.ts'
import { severityOf, severityOfCode } from './severity.ts'
import { type Epoch, readTime } from './timestamps.ts'
import { readSpanId, readTraceFlags, readTraceId } from './trace-ids.ts'

const roles = 32
const free = 127
/** Rank of `log` among the bodies. */
const logRank = 1

export class RecordRoles {
  /** 1 when `@timestamp` of the document could not be read. */
  invalidTimes = 0
  private readonly records: LogRecords
  private readonly leaves: Leaves
  private readonly attributes: RecordAttributes
  private readonly epoch: Epoch
  private readonly words: Words = { hi: 0, lo: 0 }
  private readonly trace = new Int32Array(4)
  private readonly span = new Int32Array(2)
  /** By role: rank of the field that has it, its row, and its plan. */
  private readonly ranks = new Int8Array(roles)
  private readonly rows = new Int32Array(roles)
  private readonly holders: (FieldPlan | undefined)[] = new Array<FieldPlan | undefined>(roles).fill(undefined)
  /** Where the record's row begins. */
  private at = 0

  constructor(records: LogRecords, leaves: Leaves, attributes: RecordAttributes, epoch: Epoch) {
    this.records = records
    this.leaves = leaves
    this.attributes = attributes
    this.epoch = epoch
  }

  /** Begins a record whose row is at `at`. */
  begin(at: number): void {
    this.at = at
    this.invalidTimes = 0
    const { ranks } = this
    for (let i = 0; i < roles; i++) ranks[i] = free
  }

  /** Row of the field that has a role; −1 when none has. */
  row(role: number): number {
    return this.ranks[role] === free ? -1 : (this.rows[role] as number)
  }

  /** Rank of the field that has a role; larger than every rank when none has. */
  rank(role: number): number {
    return this.ranks[role] as number
  }

  /** The field that has a role. */
  holder(role: number): FieldPlan {
    return this.holders[role] as FieldPlan
  }

  /** A field that can have a role has it, is an attribute, or both. */
  offer(plan: FieldPlan, row: number): void {
    if (plan.rule.role === Role.Time) this.time(plan, row)
    else if (this.fits(plan, row)) this.take(plan, row)
    else this.attributes.put(plan, row)
  }

  /** Times and severity, when all fields are there. @param receivedHi, receivedLo nanoseconds at which the document came */
  finish(receivedHi: number, receivedLo: number): void {
    this.finishTimes(receivedHi, receivedLo)
    this.finishSeverity()
  }

  /** Whether the value can be what the role is. Its words are in `words`, `trace` or `span` then. */
  private fits({ rule }: FieldPlan, row: number): boolean {
    const { leaves, records } = this
    const type = leaves.types[row] as number
    const a = leaves.a[row] as number
    const b = leaves.b[row] as number
    switch (rule.role) {
      case Role.Body:
        // `log` is an object in other documents, and where it is a number that is no text of an event.
        return rule.rank !== logRank || type === ValueType.Text
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
      this.attributes.put(plan, row)
      return
    }
    if (before !== free) {
      const holder = this.holders[role] as FieldPlan
      if (!holder.rule.keep) this.attributes.put(holder, this.rows[role] as number)
    }
    this.ranks[role] = rule.rank
    this.rows[role] = row
    this.holders[role] = plan
    this.store(role, row)
    if (rule.keep) this.attributes.put(plan, row)
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
      this.invalidTimes++
      this.untakeTime()
      this.ranks[Role.Time] = 0
      this.setTime(0, 0)
      this.attributes.putOwn(plan, row)
      return
    }
    if (readable && rule.rank < (this.ranks[Role.Time] as number)) this.takeTime(plan, row)
    else this.attributes.put(plan, row)
  }

  private takeTime(plan: FieldPlan, row: number): void {
    const { hi, lo } = this.words
    this.untakeTime()
    this.ranks[Role.Time] = plan.rule.rank
    this.rows[Role.Time] = row
    this.holders[Role.Time] = plan
    this.setTime(hi, lo)
    if (this.isLongList(row)) this.attributes.putOwn(plan, row)
  }

  /** The field that was the time is an attribute. */
  private untakeTime(): void {
    const row = this.rows[Role.Time] as number
    if (this.ranks[Role.Time] !== free && !this.isLongList(row)) this.attributes.put(this.holders[Role.Time] as FieldPlan, row)
  }

  /** Of a list the first one is the time; the others are not to be lost. */
  private isLongList(row: number): boolean {
    const { types, lists, a } = this.leaves
    return types[row] === ValueType.Array && (lists[a[row] as number] as LeafList).length > 1
  }

  private setTime(hi: number, lo: number): void {
    this.records.words[this.at + LogWord.TimeHi] = hi
    this.records.words[this.at + LogWord.TimeLo] = lo
  }

  /** Nanoseconds of a row into `words`. */
  private readTime(row: number): boolean {
    const { leaves, records, words, epoch } = this
    switch (leaves.types[row]) {
      case ValueType.Text:
        return readTime(records.source, leaves.a[row] as number, leaves.b[row] as number, false, epoch, words)
      case ValueType.Int:
      case ValueType.Double:
        return readTime(records.source, leaves.starts[row] as number, leaves.ends[row] as number, true, epoch, words)
      case ValueType.Array: {
        const first = (leaves.lists[leaves.a[row] as number] as readonly AnyValue[])[0]
        if (first?.type === ValueType.Text) return readTime(records.source, first.a, first.b, false, epoch, words)
        if (first?.type !== ValueType.Int && first?.type !== ValueType.Double) return false
        const digits = Buffer.from(valueToString(first))
        return readTime(digits, 0, digits.length, true, epoch, words)
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
      if (role === Role.SeverityNumber && ranks[Role.SeverityText] !== free && !plan.rule.keep) this.attributes.put(plan, row)
    }
  }
}

const severityNumbers = [Role.SeverityNumber, Role.LevelValue] as const
