/**
 * Zipkin → OTLP traces. The rules are those of docs/mapping/zipkin.md; comments name only what is not obvious there.
 * Pure: no clock, no randomness; input is not changed, and tags that need no change are passed on as they are.
 */

import { boolValue, isEmptyText, textValue } from '../../otlp/attributes.ts'
import type { Key } from '../../otlp/model.ts'
import { type Event, type KeyValue, noEvents, noLinks, type Span, SpanKind, StatusCode, type Traces } from '../../otlp/model.ts'
import { add, compare, millisToNanos, multiply, subtract, type Words } from '../../otlp/time.ts'
import { createOutcome, type Outcome, type Translated } from '../outcome.ts'
import { eventOf } from './annotations.ts'
import type { ZipkinTranslateConfig } from './config.ts'
import { localSide, overruled, pushEndpoint, pushPeer, remoteSide } from './endpoints.ts'
import { spanKindKey, Target, targetKeys } from './keys.ts'
import { noEndpoint, type RejectedSpan, type ZipkinAnnotation, type ZipkinSpan, type ZipkinSpans, type ZipkinV1Span } from './model.ts'
import { applyNames, type SemconvNames } from './names.ts'
import { createResources, type Resources } from './resource.ts'
import { serverSpanId } from './shared-spans.ts'
import { readTags } from './tags.ts'
import { convertV1Span } from './v1-to-v2.ts'

/** What one request's translation carries from span to span. */
interface Context {
  readonly config: ZipkinTranslateConfig
  readonly names: SemconvNames
  readonly resources: Resources
  readonly outcome: Outcome
  /** Time of receipt in ns. */
  readonly now: Words
  /** Times in ns while they are computed. */
  readonly start: Words
  readonly finish: Words
  readonly other: Words
  spans: number
}

/** What came out of a list of spans. */
export interface TranslatedSpans extends Translated<Traces> {
  /** Spans in `data`: a v1 span may have become two. */
  readonly spans: number
}

/**
 * Zipkin spans → OTLP traces: one ResourceSpans per distinct resource, one ScopeSpans per scope, spans in input order.
 * Times: µs → ns, exact, clamped to 2^64 − 1. Rejected spans become drops. Never throws, never mutates.
 * @param receivedAtMs wall clock at receipt, for spans that carry no time at all
 */
export function zipkinToTraces(
  decoded: ZipkinSpans,
  config: ZipkinTranslateConfig,
  receivedAtMs: number,
  names: SemconvNames = 'stable',
): TranslatedSpans {
  const outcome = createOutcome()
  const context: Context = {
    config,
    names,
    resources: createResources(),
    outcome,
    now: { hi: 0, lo: 0 },
    start: { hi: 0, lo: 0 },
    finish: { hi: 0, lo: 0 },
    other: { hi: 0, lo: 0 },
    spans: 0,
  }
  millisToNanos(Math.max(0, Math.trunc(receivedAtMs)), context.now)
  const { spans, rejected, notes } = decoded
  for (let i = 0; i < spans.length; i++) {
    const span = spans[i] as ZipkinSpan | ZipkinV1Span
    if (span.version === 2) addSpan(span, context)
    else {
      const parts = convertV1Span(span)
      for (let j = 0; j < parts.length; j++) addSpan(parts[j] as ZipkinSpan, context)
    }
  }
  for (let i = 0; i < rejected.length; i++) {
    const { reason, index, text } = rejected[i] as RejectedSpan
    outcome.drop(reason, index, text)
  }
  for (let i = 0; i < notes.otherVersion; i++) outcome.note('other_version')
  for (let i = 0; i < notes.unreadableFields; i++) outcome.note('unreadable_field')
  return { data: { resourceSpans: context.resources.all }, drops: outcome.drops(), notes: outcome.notes(), spans: context.spans }
}

function addSpan(span: ZipkinSpan, context: Context): void {
  const { config, start, finish } = context
  const { localEndpoint, remoteEndpoint } = span
  const attributes: KeyValue[] = []
  const found = readTags(span.tags, span.kind, config, attributes)
  const taken = found === undefined ? 0 : found.taken

  pushEndpoint(attributes, localEndpoint, localSide, taken)
  if (remoteEndpoint !== noEndpoint) {
    pushEndpoint(attributes, remoteEndpoint, remoteSide, taken)
    pushPeer(attributes, remoteEndpoint, taken, config.semconv.extra)
  }
  if (taken !== 0) {
    const gone = overruled(localEndpoint, localSide, taken) + overruled(remoteEndpoint, remoteSide, taken)
    for (let i = 0; i < gone; i++) context.outcome.note('endpoint_overruled_by_tag')
  }
  applyNames(attributes, context.names)

  let { kind } = span
  if (kind === SpanKind.Unspecified) {
    if (found !== undefined) kind = found.kind
    if (span.kindWord !== '' && found?.keepsSpanKind !== true) attributes.push(textValue(spanKindKey, span.kindWord))
    if (kind === SpanKind.Unspecified && config.kind.absent === 'internal') kind = SpanKind.Internal
  }

  if (span.debug) pushFlag(attributes, taken, Target.Debug)
  const shared = span.shared && kind !== SpanKind.Client
  if (shared) pushFlag(attributes, taken, Target.Shared)

  if ((span.timestampHi | span.timestampLo) !== 0) {
    multiply(span.timestampHi, span.timestampLo, 1000, start)
    if ((span.durationHi | span.durationLo) === 0) {
      finish.hi = start.hi
      finish.lo = start.lo
    } else {
      multiply(span.durationHi, span.durationLo, 1000, finish)
      add(start.hi, start.lo, finish.hi, finish.lo, finish)
    }
  } else {
    inferTimes(span, context)
    pushFlag(attributes, taken, Target.AbsentStartTime)
  }
  const startHi = start.hi
  const startLo = start.lo

  let { span0, span1, parent0, parent1 } = span
  if (parent0 === span0 && parent1 === span1) {
    parent0 = 0
    parent1 = 0
    context.outcome.note('parent_is_itself')
  }
  if (config.sharedSpans === 'split' && shared && kind === SpanKind.Server) {
    parent0 = span0
    parent1 = span1
    serverSpanId(span, context.other)
    span0 = context.other.hi
    span1 = context.other.lo
  }

  const translated: Span = {
    trace0: span.trace0,
    trace1: span.trace1,
    trace2: span.trace2,
    trace3: span.trace3,
    span0,
    span1,
    parent0,
    parent1,
    traceState: found === undefined ? '' : found.traceState,
    flags: span.debug ? 1 : 0,
    name: span.name,
    kind,
    startHi,
    startLo,
    endHi: finish.hi,
    endLo: finish.lo,
    attributes,
    droppedAttributesCount: found === undefined ? 0 : found.droppedAttributes,
    events: span.annotations.length === 0 ? noEvents : eventsOf(span.annotations, startHi, startLo, context),
    droppedEventsCount: found === undefined ? 0 : found.droppedEvents,
    links: found === undefined ? noLinks : found.links,
    droppedLinksCount: found === undefined ? 0 : found.droppedLinks,
    statusCode: found?.status === undefined ? StatusCode.Unset : found.status.code,
    statusMessage: found?.status === undefined ? '' : found.status.message,
  }
  context.spans++
  const groups = context.resources.find(localEndpoint.serviceName, found?.resource)
  if (found === undefined) groups.add(translated, '', '')
  else groups.add(translated, found.scopeName, found.scopeVersion)
}

function pushFlag(attributes: KeyValue[], taken: number, target: number): void {
  if ((taken & (1 << target)) === 0) attributes.push(boolValue(targetKeys[target] as Key, true))
}

/** Rule Z-T4: a span without a timestamp begins with its earliest annotation, else ends at the time of receipt. */
function inferTimes(span: ZipkinSpan, context: Context): void {
  const { start, finish, other, now } = context
  const { annotations } = span
  let earliest: ZipkinAnnotation | undefined
  let latest: ZipkinAnnotation | undefined
  for (let i = 0; i < annotations.length; i++) {
    const one = annotations[i] as ZipkinAnnotation
    const { timeHi, timeLo } = one
    if ((timeHi | timeLo) === 0) continue
    if (earliest === undefined || compare(timeHi, timeLo, earliest.timeHi, earliest.timeLo) < 0) earliest = one
    if (latest === undefined || compare(timeHi, timeLo, latest.timeHi, latest.timeLo) > 0) latest = one
  }
  multiply(span.durationHi, span.durationLo, 1000, other)
  const hasDuration = (other.hi | other.lo) !== 0
  if (earliest === undefined || latest === undefined) {
    subtract(now.hi, now.lo, other.hi, other.lo, start)
    finish.hi = now.hi
    finish.lo = now.lo
    return
  }
  multiply(earliest.timeHi, earliest.timeLo, 1000, start)
  if (hasDuration) add(start.hi, start.lo, other.hi, other.lo, finish)
  else multiply(latest.timeHi, latest.timeLo, 1000, finish)
}

/** Annotations in their order; one without a time takes the span's start. */
function eventsOf(annotations: readonly ZipkinAnnotation[], startHi: number, startLo: number, context: Context): readonly Event[] {
  const { decode } = context.config.annotations
  const time = context.other
  const events = new Array<Event>(annotations.length)
  let count = 0
  for (let i = 0; i < annotations.length; i++) {
    const { value, timeHi, timeLo } = annotations[i] as ZipkinAnnotation
    if (isEmptyText(value)) continue
    if ((timeHi | timeLo) === 0) events[count++] = eventOf(value, startHi, startLo, decode)
    else {
      multiply(timeHi, timeLo, 1000, time)
      events[count++] = eventOf(value, time.hi, time.lo, decode)
    }
  }
  events.length = count
  return events
}
