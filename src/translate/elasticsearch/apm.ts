/**
 * Transactions and spans of Elastic APM → OTLP spans: section 7 of the mapping. Documents are read as Elasticsearch keeps them and as APM Server
 * sends them: since 8.2 that is `event.duration` in ns, often without `processor.event`, of which an ingest pipeline makes the rest.
 */

import { sliceToString } from '../../otlp/attributes.ts'
import { countServices, type ServiceCount, type SpanGroups } from '../../otlp/batch.ts'
import {
  type AnyValue,
  type KeyValue,
  noEvents,
  noLinks,
  SpanKind,
  StatusCode,
  type Text,
  type Traces,
  ValueType,
} from '../../otlp/model.ts'
import { add, compare, subtract, type Words } from '../../otlp/time.ts'
import { spanKindOf } from '../../otlp/words.ts'
import { type ApmLinks, linksOf } from './apm-links.ts'
import { DocumentParts } from './document-parts.ts'
import { LeafAttributes } from './leaf-attributes.ts'
import type { Leaves } from './model.ts'
import { nestAttributes } from './nest.ts'
import { isCoreName } from './placement.ts'
import type { Plans } from './plans.ts'
import { createResourceGroups } from './resource-groups.ts'
import type { Epoch } from './timestamps.ts'
import type { DocumentContext, IndexAttribute, LogCounts } from './to-otlp.ts'

export interface ApmOptions {
  readonly nested: 'flat' | 'kvlist'
  readonly epoch: Epoch
  readonly indexAttribute: IndexAttribute
  readonly deriveServiceName: boolean
  readonly maxResources: number
}

/** Spans of one request. */
export interface TakenSpans {
  readonly traces: Traces
  readonly spans: number
  readonly services: readonly ServiceCount[]
}

/** Fields that a span is made of. */
const Part = {
  Event: 0,
  Trace: 1,
  Span: 2,
  Transaction: 3,
  Parent: 4,
  Time: 5,
  Micros: 6,
  SpanName: 7,
  TransactionName: 8,
  SpanDuration: 9,
  TransactionDuration: 10,
  EventDuration: 11,
  Kind: 12,
  SpanType: 13,
  TransactionType: 14,
  Outcome: 15,
  Links: 16,
  Logger: 17,
} as const

const parts: ReadonlyMap<string, number> = new Map([
  ['processor.event', Part.Event],
  ['trace.id', Part.Trace],
  ['span.id', Part.Span],
  ['transaction.id', Part.Transaction],
  ['parent.id', Part.Parent],
  ['@timestamp', Part.Time],
  ['timestamp.us', Part.Micros],
  ['span.name', Part.SpanName],
  ['transaction.name', Part.TransactionName],
  ['span.duration.us', Part.SpanDuration],
  ['transaction.duration.us', Part.TransactionDuration],
  ['event.duration', Part.EventDuration],
  ['span.kind', Part.Kind],
  ['span.type', Part.SpanType],
  ['transaction.type', Part.TransactionType],
  ['event.outcome', Part.Outcome],
  ['span.links', Part.Links],
  ['log.logger', Part.Logger],
])

const transactionKinds: ReadonlyMap<string, number> = new Map([
  ['request', SpanKind.Server],
  ['messaging', SpanKind.Consumer],
])

const spanKinds: ReadonlyMap<string, number> = new Map([
  ['db', SpanKind.Client],
  ['external', SpanKind.Client],
  ['messaging', SpanKind.Producer],
])

const nanosPerMicro = 1000
const nanosPerMilli = 1_000_000

/** Spans of documents, gathered for one request. */
export class ApmSpans {
  readonly counts: LogCounts
  /** Spans that gathered. */
  count = 0
  private readonly options: ApmOptions
  private readonly parts = new DocumentParts(parts)
  private readonly fields: LeafAttributes
  private readonly groups = createResourceGroups()
  private readonly trace = new Int32Array(4)
  private readonly span = new Int32Array(2)
  private readonly parent = new Int32Array(2)
  private readonly start: Words = { hi: 0, lo: 0 }
  private readonly finish: Words = { hi: 0, lo: 0 }
  private readonly other: Words = { hi: 0, lo: 0 }
  private readonly distance: Words = { hi: 0, lo: 0 }

  /** @param plans those that the fields of the leaves have */
  constructor(plans: Plans, options: ApmOptions) {
    this.options = options
    this.fields = new LeafAttributes(plans)
    this.counts = this.fields.counts
  }

  /**
   * Makes a span of the document in the leaves. False, and nothing is kept or counted, when it has no trace id, no span id, no duration or no time
   * that can be read: it is a log record then. Text of the span stays in `source`. @param markers bits of `Marker` that the document has
   */
  add(leaves: Leaves, source: Uint8Array, markers: number, context: DocumentContext): boolean {
    this.parts.open(leaves, source)
    const isTransaction = this.isTransaction()
    if (!this.ids(isTransaction) || !this.duration(isTransaction) || !this.times()) return false
    this.parentId()
    const name = this.takeText(isTransaction ? Part.TransactionName : Part.SpanName)
    const kind = this.kind(isTransaction)
    const scopeName = this.takeText(Part.Logger)
    const linked = this.links()
    const { fields } = this
    // Labels were attributes: they are attributes again.
    fields.fill(leaves, source, markers, { used: this.parts.used, bareLabels: true })
    if (linked !== undefined && linked.rest.length > 0) {
      fields.add('span.links', { type: ValueType.Array, a: 0, b: 0, ref: linked.rest }, false)
    }
    this.about(leaves, markers, context)
    const groups = this.resource()
    const { trace, span, parent, start, finish } = this
    groups.add(
      {
        trace0: trace[0] as number,
        trace1: trace[1] as number,
        trace2: trace[2] as number,
        trace3: trace[3] as number,
        span0: span[0] as number,
        span1: span[1] as number,
        parent0: parent[0] as number,
        parent1: parent[1] as number,
        traceState: '',
        flags: 0,
        name,
        kind,
        startHi: start.hi,
        startLo: start.lo,
        endHi: finish.hi,
        endLo: finish.lo,
        attributes: this.options.nested === 'kvlist' ? nestAttributes(fields.attributes) : fields.attributes,
        droppedAttributesCount: 0,
        events: noEvents,
        droppedEventsCount: 0,
        links: linked?.links ?? noLinks,
        droppedLinksCount: 0,
        // The word stays: success, unknown and nothing at all are the same here.
        statusCode: this.parts.isWord(Part.Outcome, 'failure') ? StatusCode.Error : StatusCode.Unset,
        statusMessage: '',
      },
      scopeName,
      '',
    )
    this.count++
    return true
  }

  /** What gathered. It is to be encoded before the text is gone. */
  take(): TakenSpans {
    const traces: Traces = { resourceSpans: this.groups.all }
    const taken = { traces, spans: this.count, services: countServices(traces) }
    this.clear()
    return taken
  }

  /** Forgets what gathered. */
  clear(): void {
    this.groups.clear()
    this.parts.close()
    this.count = 0
  }

  /** The text of a field, which is used up by it; '' when it is none. */
  private takeText(part: number): Text {
    const text = this.parts.text(part)
    if (text === undefined) return ''
    this.parts.use(part)
    return text
  }

  /** As the ingest pipeline of APM has it, where the document does not say. */
  private isTransaction(): boolean {
    const { parts } = this
    if (parts.isWord(Part.Event, 'transaction')) return true
    return !parts.isWord(Part.Event, 'span') && parts.row(Part.TransactionType) >= 0
  }

  /** `transaction.id` stays as an attribute, of transactions too: it is what joins a transaction and its spans. */
  private ids(isTransaction: boolean): boolean {
    const { parts, span, parent } = this
    if (!parts.traceId(Part.Trace, this.trace) || !parts.spanId(isTransaction ? Part.Transaction : Part.Span, span)) return false
    parts.use(Part.Trace)
    // The server writes that of transactions twice.
    if (!isTransaction || (parts.spanId(Part.Span, parent) && parent[0] === span[0] && parent[1] === span[1])) parts.use(Part.Span)
    return true
  }

  private parentId(): void {
    const { parts, parent } = this
    if (parts.spanId(Part.Parent, parent)) parts.use(Part.Parent)
    else parent.fill(0)
  }

  /** The duration, into `finish`. */
  private duration(isTransaction: boolean): boolean {
    const { parts, finish, other } = this
    const micros = isTransaction ? Part.TransactionDuration : Part.SpanDuration
    if (!parts.number(micros, 3, finish)) {
      if (!parts.number(Part.EventDuration, 0, finish)) return false
      parts.use(Part.EventDuration)
      return true
    }
    parts.use(micros)
    // The other one is the same with more digits, unless somebody changed one of them.
    if (parts.number(Part.EventDuration, 0, other) && this.isCloseBehind(other, finish, nanosPerMicro)) {
      parts.use(Part.EventDuration)
      finish.hi = other.hi
      finish.lo = other.lo
    }
    return true
  }

  /** Whether `later` is `earlier`, or less than so many nanoseconds behind. */
  private isCloseBehind(later: Words, earlier: Words, nanos: number): boolean {
    if (compare(later.hi, later.lo, earlier.hi, earlier.lo) < 0) return false
    subtract(later.hi, later.lo, earlier.hi, earlier.lo, this.distance)
    return this.distance.hi === 0 && this.distance.lo >>> 0 < nanos
  }

  /** Start and end. `@timestamp` is the start where `timestamp.us` is not, and used up by that when it is the same with fewer digits. */
  private times(): boolean {
    const { parts, start, finish, other } = this
    const hasTime = parts.time(Part.Time, this.options.epoch, other)
    if (parts.number(Part.Micros, 3, start)) {
      parts.use(Part.Micros)
      if (hasTime && this.isCloseBehind(start, other, nanosPerMilli)) parts.use(Part.Time)
      else if (!hasTime && parts.row(Part.Time) >= 0) this.counts.timestamp_invalid++
    } else {
      if (!hasTime) return false
      parts.use(Part.Time)
      start.hi = other.hi
      start.lo = other.lo
    }
    add(start.hi, start.lo, finish.hi, finish.lo, finish)
    return true
  }

  private kind(isTransaction: boolean): number {
    const kind = spanKindOf(this.word(Part.Kind))
    if (kind !== SpanKind.Unspecified) {
      this.parts.use(Part.Kind)
      return kind
    }
    // Agents before 2019 wrote subtype and action behind it: `db.postgresql.query`.
    const [type = ''] = this.word(isTransaction ? Part.TransactionType : Part.SpanType).split('.', 1)
    return (isTransaction ? transactionKinds : spanKinds).get(type) ?? SpanKind.Internal
  }

  /** Short text of a field; '' when it is none. */
  private word(part: number): string {
    const value = this.parts.value(part)
    if (value?.type !== ValueType.Text) return ''
    return sliceToString(value.ref as Uint8Array, value.a, Math.min(value.b, value.a + 64))
  }

  private links(): ApmLinks | undefined {
    const { parts } = this
    const row = parts.row(Part.Links)
    const leaves = parts.leaves as Leaves
    if (row < 0 || leaves.types[row] !== ValueType.Array) return undefined
    const linked = linksOf(leaves.lists[leaves.a[row] as number] as readonly AnyValue[])
    if (linked.links.length === 0) return undefined
    parts.use(Part.Links)
    return linked
  }

  /** What is known of the document beside itself. */
  private about(leaves: Leaves, markers: number, context: DocumentContext): void {
    const { fields, options } = this
    fields.addContext(leaves, markers, context, options.indexAttribute)
    if (context.id !== '') fields.addText('elasticsearch.document.id', context.id, false)
    if (options.deriveServiceName) fields.deriveServiceName(leaves)
    fields.serviceFirst()
  }

  /** The group of the resource; beyond the most there may be it keeps what tells who it is, and the rest goes to the span. */
  private resource(): SpanGroups {
    const { fields, groups, options } = this
    const found = groups.find(fields.resource, options.maxResources)
    if (found !== undefined) return found
    const core: KeyValue[] = []
    for (const one of fields.resource) (isCoreName(one.key.text) ? core : fields.attributes).push(one)
    return groups.find(core, Number.POSITIVE_INFINITY) as SpanGroups
  }
}
