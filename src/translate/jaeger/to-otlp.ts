/**
 * Jaeger → OTLP traces. The rules are those of docs/mapping/jaeger.md; comments name only what is not obvious there.
 * Pure: no clock, no randomness; input is not changed, and tags that need no change are passed on as they are.
 */

import {
  arrayValue,
  bareValue,
  boolValue,
  keyValue,
  lastWins,
  textIs,
  textOf,
  textValue,
  toUint32,
  valueToString,
} from '../../otlp/attributes.ts'
import { createSpanGroups, type SpanGroups } from '../../otlp/batch.ts'
import { createKey } from '../../otlp/keys.ts'
import {
  type AnyValue,
  type Event,
  type KeyValue,
  type Link,
  noEvents,
  noLinks,
  type Span,
  SpanKind,
  type Text,
  type Traces,
  ValueType,
} from '../../otlp/model.ts'
import { add, multiply, toSignedBigInt, type Words } from '../../otlp/time.ts'
import { spanKindOf } from '../../otlp/words.ts'
import { createOutcome, type Outcome, type Translated } from '../outcome.ts'
import { eventOf } from './events.ts'
import { Role } from './keys.ts'
import type { JaegerBatch, JaegerProcess, JaegerSpan } from './model.ts'
import { processToResource } from './process.ts'
import { linksOf, parentOf } from './references.ts'
import { createStatusTags, decideStatus, type StatusTags } from './status.ts'

export interface JaegerTranslateOptions {
  /** Kind of a span without a usable `span.kind`. */
  readonly absentKind: number
  readonly httpStatusFallback: boolean
  /** Logs with event=error become `exception` events. */
  readonly mapExceptions: boolean
}

const warningsKey = createKey('@jaeger@warnings')
const debugKey = createKey('jaeger.debug')
const firehoseKey = createKey('jaeger.firehose')

const Flag = { Sampled: 1, Debug: 2, Firehose: 8 } as const

/** Everything one batch's translation carries from span to span. */
interface Context {
  readonly options: JaegerTranslateOptions
  readonly nanosPerTick: number
  readonly outcome: Outcome
  readonly status: StatusTags
  readonly start: Words
  readonly other: Words
  kind: number
  scopeName: KeyValue | undefined
  scopeVersion: KeyValue | undefined
  libraryName: KeyValue | undefined
  libraryVersion: KeyValue | undefined
  traceState: Text
  droppedAttributes: number
  droppedEvents: number
  droppedLinks: number
}

/** The spans of one batch, translated one by one. */
export interface JaegerTranslation {
  /** The next span; one without ids goes to `drops`. Never throws, never mutates. */
  add(source: JaegerSpan): void
  /** What was dropped and noticed. */
  outcome(): Pick<Translated<Traces>, 'drops' | 'notes'>
}

/** Who gets the spans of a translation. */
export interface SpanReceiver<T> {
  /** One for each distinct process, in the order in which they came first. */
  readonly resourceSpans: SpanGroups<T>[]
  /** What stands for a span from then on. */
  take(span: Span): T
}

/**
 * Jaeger `Batch` → OTLP traces, one ResourceSpans per distinct process, one ScopeSpans per scope, spans in input order.
 * Times: ticks → ns, exact, clamped to 0 … 2^64 − 1. Spans without ids go to `drops`. Never throws, never mutates.
 */
export function jaegerToTraces(batch: JaegerBatch, options: JaegerTranslateOptions): Translated<Traces> {
  const resourceSpans: SpanGroups[] = []
  const translation = createJaegerTranslation(batch, options, { resourceSpans, take: sameSpan })
  const { spans } = batch
  for (let i = 0; i < spans.length; i++) translation.add(spans[i] as JaegerSpan)
  return { data: { resourceSpans }, ...translation.outcome() }
}

const sameSpan = (span: Span): Span => span

/** As {@link jaegerToTraces}, for spans that are not there all at once. */
export function createJaegerTranslation<T>(
  batch: Pick<JaegerBatch, 'nanosPerTick' | 'process'>,
  options: JaegerTranslateOptions,
  receiver: SpanReceiver<T>,
): JaegerTranslation {
  const context: Context = {
    options,
    nanosPerTick: batch.nanosPerTick,
    outcome: createOutcome(),
    status: createStatusTags(),
    start: { hi: 0, lo: 0 },
    other: { hi: 0, lo: 0 },
    kind: 0,
    scopeName: undefined,
    scopeVersion: undefined,
    libraryName: undefined,
    libraryVersion: undefined,
    traceState: '',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  }
  const resources = new Map<JaegerProcess | undefined, SpanGroups<T>>()
  const canonical = new Map<string, SpanGroups<T>>()
  let process: JaegerProcess | undefined
  let groups: SpanGroups<T> | undefined
  let index = -1
  return {
    add(source) {
      index++
      const problem = problemOf(source)
      if (problem !== undefined) {
        context.outcome.drop(problem, index, `span ${index}: ${problem}`)
        return
      }
      const own = source.process ?? batch.process
      if (groups === undefined || own !== process) {
        process = own
        groups = resources.get(own)
        if (groups === undefined) {
          groups = groupsOf(own, canonical, receiver.resourceSpans)
          resources.set(own, groups)
        }
      }
      const span = receiver.take(spanOf(source, context))
      const scoped = (context.scopeName ?? context.libraryName ?? context.scopeVersion ?? context.libraryVersion) !== undefined
      if (scoped) groups.add(span, textOrEmpty(context.scopeName), textOrEmpty(context.scopeVersion))
      else groups.add(span, '', '')
    },
    outcome: () => ({ drops: context.outcome.drops(), notes: context.outcome.notes() }),
  }
}

function problemOf(span: JaegerSpan): string | undefined {
  if (span.invalid !== undefined) return span.invalid
  if ((span.trace0 | span.trace1 | span.trace2 | span.trace3) === 0) return 'trace_id_zero'
  if ((span.span0 | span.span1) === 0) return 'span_id_zero'
  return undefined
}

/** The groups of a process; processes of equal content share them, whatever the order of their tags. */
function groupsOf<T>(process: JaegerProcess | undefined, canonical: Map<string, SpanGroups<T>>, all: SpanGroups<T>[]): SpanGroups<T> {
  const attributes = processToResource(process)
  const parts = attributes.map((one) => {
    // A text is the same text whether it was read as a string or as a slice of the body.
    const type = one.type === ValueType.Text ? ValueType.String : one.type
    return JSON.stringify([one.key.text, type, valueToString(one)])
  })
  const key = parts.sort().join()
  let groups = canonical.get(key)
  if (groups === undefined) {
    groups = createSpanGroups<T>(attributes)
    canonical.set(key, groups)
    all.push(groups)
  }
  return groups
}

function textOrEmpty(value: KeyValue | undefined): Text {
  return value === undefined ? '' : (textOf(value) ?? valueToString(value))
}

/** Adds an attribute of ours. A tag that has its name gives way: keys must be unique, and ours is what the span's own fields say. */
function pushOwn(attributes: KeyValue[], own: KeyValue): void {
  const at = attributes.findIndex((one) => one.key.text === own.key.text)
  if (at >= 0) attributes.splice(at, 1)
  attributes.push(own)
}

function spanOf(span: JaegerSpan, context: Context): Span {
  const attributes = attributesOf(span, context)
  const { options, status, start, other, outcome } = context
  const kind = context.kind === SpanKind.Unspecified ? options.absentKind : context.kind
  decideStatus(status, kind, options.httpStatusFallback)
  if (status.error !== undefined && status.keepError) attributes.push(status.error)
  if (status.code !== undefined && status.keepCode) attributes.push(status.code)
  if (status.description !== undefined && status.keepDescription) attributes.push(status.description)

  let flags = span.flags & Flag.Sampled
  if (span.flags > Flag.Sampled) {
    if ((span.flags & Flag.Debug) !== 0) {
      flags = 1
      pushOwn(attributes, boolValue(debugKey, true))
    }
    if ((span.flags & Flag.Firehose) !== 0) pushOwn(attributes, boolValue(firehoseKey, true))
  }

  let startWarning: string | undefined
  let durationWarning: string | undefined
  if (span.startHi < 0) {
    startWarning = `negative start time ${nanos(span.startHi, span.startLo, context)} ns replaced by 0`
    start.hi = 0
    start.lo = 0
    outcome.note('negative_start_time')
  } else multiply(span.startHi, span.startLo, context.nanosPerTick, start)
  if (span.durationHi < 0) {
    durationWarning = `negative duration ${nanos(span.durationHi, span.durationLo, context)} ns replaced by 0`
    other.hi = start.hi
    other.lo = start.lo
    outcome.note('negative_duration')
  } else {
    multiply(span.durationHi, span.durationLo, context.nanosPerTick, other)
    add(start.hi, start.lo, other.hi, other.lo, other)
  }
  if (startWarning !== undefined || durationWarning !== undefined || span.warnings.length > 0) {
    pushOwn(attributes, warningsOf(span.warnings, startWarning, durationWarning))
  }
  const startHi = start.hi
  const startLo = start.lo
  const endHi = other.hi
  const endLo = other.lo

  let parent0 = span.parent0
  let parent1 = span.parent1
  let links: readonly Link[] = noLinks
  if ((parent0 | parent1) !== 0 && parent0 === span.span0 && parent1 === span.span1) {
    parent0 = 0
    parent1 = 0
    outcome.note('parent_is_itself')
  }
  if (span.references.length > 0) {
    if ((parent0 | parent1) === 0) {
      parentOf(span, other)
      parent0 = other.hi
      parent1 = other.lo
    }
    links = linksOf(span, parent0, parent1, outcome)
  }

  return {
    trace0: span.trace0,
    trace1: span.trace1,
    trace2: span.trace2,
    trace3: span.trace3,
    span0: span.span0,
    span1: span.span1,
    parent0,
    parent1,
    traceState: context.traceState,
    flags,
    name: span.operationName,
    kind,
    startHi,
    startLo,
    endHi,
    endLo,
    attributes,
    droppedAttributesCount: context.droppedAttributes,
    events: eventsOf(span, context),
    droppedEventsCount: context.droppedEvents,
    links,
    droppedLinksCount: context.droppedLinks,
    statusCode: status.statusCode,
    statusMessage: status.statusMessage,
  }
}

function nanos(hi: number, lo: number, context: Context): string {
  return (toSignedBigInt(hi, lo) * BigInt(context.nanosPerTick)).toString()
}

function warningsOf(warnings: readonly Text[], startWarning: string | undefined, durationWarning: string | undefined): KeyValue {
  const values: AnyValue[] = []
  for (const warning of warnings) values.push(bareValue(textValue(warningsKey, warning)))
  for (const warning of [startWarning, durationWarning]) {
    if (warning !== undefined) values.push(bareValue(keyValue(warningsKey, ValueType.String, 0, 0, warning)))
  }
  return arrayValue(warningsKey, values)
}

function eventsOf(span: JaegerSpan, context: Context): readonly Event[] {
  const { logs } = span
  if (logs.length === 0) return noEvents
  const events: Event[] = []
  for (let i = 0; i < logs.length; i++) {
    const log = logs[i]
    if (log !== undefined) events.push(eventOf(log, context.nanosPerTick, context.options.mapExceptions, context.other))
  }
  return events
}

/** The tags that stay attributes; what has a field of its own in OTLP is left in `context`. */
function attributesOf(span: JaegerSpan, context: Context): KeyValue[] {
  const { status } = context
  context.kind = SpanKind.Unspecified
  context.traceState = ''
  context.droppedAttributes = 0
  context.droppedEvents = 0
  context.droppedLinks = 0
  context.scopeName = undefined
  context.scopeVersion = undefined
  context.libraryName = undefined
  context.libraryVersion = undefined
  status.error = undefined
  status.code = undefined
  status.description = undefined
  status.httpCode = undefined
  status.httpResponseCode = undefined
  status.httpMessage = undefined
  const tags = lastWins(span.tags)
  // A list that grows by itself gets room for 17, then 41.
  const attributes = new Array<KeyValue>(tags.length)
  let kept = 0
  for (let i = 0; i < tags.length; i++) {
    const tag = tags[i] as KeyValue
    if (tag.type === ValueType.Empty) continue
    if (tag.key.role === Role.None || !consume(tag, context)) attributes[kept++] = tag
  }
  attributes.length = kept
  if ((context.libraryName ?? context.libraryVersion) !== undefined) decideScope(attributes, context)
  return attributes
}

/** Takes a tag that may have an OTLP field of its own; false when it stays an attribute. */
function consume(tag: KeyValue, context: Context): boolean {
  const { status } = context
  switch (tag.key.role) {
    case Role.SpanKind:
      context.kind = kindOf(tag)
      return context.kind !== SpanKind.Unspecified
    case Role.Error:
      status.error = tag
      return true
    case Role.StatusCode:
      status.code = tag
      return true
    case Role.StatusDescription:
      status.description = tag
      return true
    case Role.HttpStatusCode:
      status.httpCode = tag
      return false
    case Role.HttpResponseStatusCode:
      status.httpResponseCode = tag
      return false
    case Role.HttpStatusMessage:
      status.httpMessage = tag
      return false
    case Role.ScopeName:
      context.scopeName = tag
      return true
    case Role.ScopeVersion:
      context.scopeVersion = tag
      return true
    case Role.LibraryName:
      context.libraryName = tag
      return true
    case Role.LibraryVersion:
      context.libraryVersion = tag
      return true
    case Role.TraceState: {
      const state = textOf(tag)
      if (state === undefined) return false
      context.traceState = state
      return true
    }
    case Role.DroppedAttributes: {
      const count = toUint32(tag)
      if (count >= 0) context.droppedAttributes = count
      return count >= 0
    }
    case Role.DroppedEvents: {
      const count = toUint32(tag)
      if (count >= 0) context.droppedEvents = count
      return count >= 0
    }
    case Role.DroppedLinks: {
      const count = toUint32(tag)
      if (count >= 0) context.droppedLinks = count
      return count >= 0
    }
    default:
      return false
  }
}

/** `otel.library.*` is the old spelling of `otel.scope.*`: used where that is absent, an attribute where it says something else. */
function decideScope(attributes: KeyValue[], context: Context): void {
  const { scopeName, scopeVersion, libraryName, libraryVersion } = context
  if (scopeName === undefined && scopeVersion === undefined) {
    context.scopeName = libraryName
    context.scopeVersion = libraryVersion
    return
  }
  const same = valueOrEmpty(scopeName) === valueOrEmpty(libraryName) && valueOrEmpty(scopeVersion) === valueOrEmpty(libraryVersion)
  if (same) return
  if (libraryName !== undefined) attributes.push(libraryName)
  if (libraryVersion !== undefined) attributes.push(libraryVersion)
}

function valueOrEmpty(value: KeyValue | undefined): string {
  return value === undefined ? '' : valueToString(value)
}

/** Any case; SpanKind.Unspecified when the word is unknown. */
function kindOf(tag: KeyValue): number {
  // As clients write the two that nearly all spans are.
  if (textIs(tag, 'server')) return SpanKind.Server
  if (textIs(tag, 'client')) return SpanKind.Client
  if (tag.type !== ValueType.Text && tag.type !== ValueType.String) return SpanKind.Unspecified
  return spanKindOf(valueToString(tag))
}
