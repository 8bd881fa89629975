/** Jaeger references → parent and links (docs/mapping/jaeger.md, "References"). */

import { keyValue } from '../../otlp/attributes.ts'
import { type KeyValue, type Link, noLinks, ValueType } from '../../otlp/model.ts'
import { opentracingRefType } from '../../otlp/semconv.ts'
import type { Words } from '../../otlp/time.ts'
import type { Outcome } from '../outcome.ts'
import { type JaegerReference, type JaegerSpan, ReferenceType } from './model.ts'

const childOf: readonly KeyValue[] = [keyValue(opentracingRefType, ValueType.String, 0, 0, 'child_of')]
const followsFrom: readonly KeyValue[] = [keyValue(opentracingRefType, ValueType.String, 0, 0, 'follows_from')]

function sameTrace(span: JaegerSpan, reference: JaegerReference): boolean {
  return (
    span.trace3 === reference.trace3 &&
    span.trace2 === reference.trace2 &&
    span.trace1 === reference.trace1 &&
    span.trace0 === reference.trace0
  )
}

function isZero(reference: JaegerReference): boolean {
  const trace = reference.trace0 | reference.trace1 | reference.trace2 | reference.trace3
  return trace === 0 || (reference.span0 | reference.span1) === 0
}

function isItself(span: JaegerSpan, reference: JaegerReference): boolean {
  return reference.span0 === span.span0 && reference.span1 === span.span1 && sameTrace(span, reference)
}

/** The parent by references alone, into `out` (zero: none): the first CHILD_OF in the same trace, else the first FOLLOWS_FROM. */
export function parentOf(span: JaegerSpan, out: Words): void {
  out.hi = 0
  out.lo = 0
  let found = false
  for (const reference of span.references) {
    if (isZero(reference) || !sameTrace(span, reference) || isItself(span, reference)) continue
    const child = reference.refType === ReferenceType.ChildOf
    if (!child && found) continue
    out.hi = reference.span0
    out.lo = reference.span1
    if (child) return
    found = true
  }
}

/** Every reference but the one that is the parent: the first CHILD_OF with equal trace and span id. */
export function linksOf(span: JaegerSpan, parent0: number, parent1: number, outcome: Outcome): readonly Link[] {
  let links: Link[] | undefined
  let parentSeen = false
  for (const reference of span.references) {
    if (isZero(reference)) {
      outcome.note('reference_id_zero')
      continue
    }
    if (isItself(span, reference)) {
      outcome.note('reference_to_itself')
      continue
    }
    const child = reference.refType === ReferenceType.ChildOf
    if (child && !parentSeen && reference.span0 === parent0 && reference.span1 === parent1 && sameTrace(span, reference)) {
      parentSeen = true
      continue
    }
    links ??= []
    links.push({
      trace0: reference.trace0,
      trace1: reference.trace1,
      trace2: reference.trace2,
      trace3: reference.trace3,
      span0: reference.span0,
      span1: reference.span1,
      traceState: '',
      attributes: child ? childOf : followsFrom,
      droppedAttributesCount: 0,
      flags: 0,
    })
  }
  return links ?? noLinks
}
