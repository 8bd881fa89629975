/** Which rule of docs/mapping/jaeger.md leaves a Jaeger field out of OTLP, and whether anything is lost by it. */

import { StatusCode, ValueType } from '../../otlp/model.ts'
import { statusCodeOf } from '../../otlp/words.ts'
import type { Fate, Leaver } from '../explain.ts'
import { droppedKeys, isOverwritten, type JaegerLeaf, type JaegerSource, ofKind, tagOf } from './leaves.ts'
import type { JaegerRule } from './sentences.ts'

const leaver = (
  rule: JaegerRule,
  kind: JaegerLeaf['kind'],
  fate: (source: JaegerSource, leaf: JaegerLeaf) => Fate | undefined,
): Leaver<JaegerSource, JaegerLeaf> => ({ rule, fate: (source, leaf) => (leaf.kind === kind ? fate(source, leaf) : undefined) })

/** True of the tag that counts for its key. */
const counts = (source: JaegerSource, leaf: JaegerLeaf): boolean => !isOverwritten(source, leaf) && leaf.tag?.type !== ValueType.Empty

const overwritten = (source: JaegerSource, leaf: JaegerLeaf): Fate | undefined => (isOverwritten(source, leaf) ? 'lost' : undefined)
const valueless = (source: JaegerSource, leaf: JaegerLeaf): Fate | undefined =>
  leaf.tag?.type === ValueType.Empty && !isOverwritten(source, leaf) ? 'lost' : undefined

/** A tag that gave way to an attribute made out of a field of the span. */
const namedAsOurs = (leaf: JaegerLeaf, key: string, made: boolean): Fate | undefined =>
  made && leaf.tag?.key.text === key ? 'lost' : undefined

const impliedTags = (rule: JaegerRule, keys: readonly string[]): Leaver<JaegerSource, JaegerLeaf> =>
  leaver(rule, 'tag', (source, leaf) => (counts(source, leaf) && keys.includes(leaf.tag?.key.text ?? '') ? 'implied' : undefined))

/** The reference says nothing that could be a link. */
const isHollow = ({ span }: JaegerSource, { index }: JaegerLeaf): boolean => {
  const it = span.references[index]
  if (it === undefined) return false
  const zero = (it.trace0 | it.trace1 | it.trace2 | it.trace3) === 0 || (it.span0 | it.span1) === 0
  return zero || (it.span0 === span.span0 && it.span1 === span.span1)
}

/** `otel.status_code` that is gone although something else decided. */
const overruled = (source: JaegerSource, leaf: JaegerLeaf): Fate | undefined => {
  if (!counts(source, leaf) || leaf.tag?.key.text !== 'otel.status_code') return undefined
  return tagOf(source, 'error') === undefined || statusCodeOf(leaf.value) !== StatusCode.Ok ? 'implied' : 'lost'
}

export const leavers: readonly Leaver<JaegerSource, JaegerLeaf>[] = [
  leaver('J-I5', 'parentSpanId', () => 'lost'),
  leaver('J-I6', 'reference', (source, leaf) => (isHollow(source, leaf) ? undefined : 'implied')),
  leaver('J-I8', 'reference', (source, leaf) => (isHollow(source, leaf) ? 'lost' : undefined)),
  leaver('J-F4', 'otherFlags', () => 'lost'),
  leaver('J-G4', 'tag', overwritten),
  leaver('J-G4', 'processTag', overwritten),
  leaver('J-F2', 'tag', (source, leaf) => namedAsOurs(leaf, 'jaeger.debug', (source.span.flags & 2) !== 0)),
  leaver('J-F3', 'tag', (source, leaf) => namedAsOurs(leaf, 'jaeger.firehose', (source.span.flags & 8) !== 0)),
  leaver('J-G8', 'tag', valueless),
  leaver('J-G8', 'processTag', valueless),
  leaver('J-G8', 'logField', valueless),
  impliedTags('J-G5', ['otel.scope.name', 'otel.scope.version', 'otel.library.name', 'otel.library.version']),
  impliedTags('J-G6', ['w3c.tracestate']),
  impliedTags('J-G7', ['otel.dropped_attributes_count', 'otel.dropped_events_count', 'otel.dropped_links_count']),
  impliedTags('J-S3', ['otel.status_description']),
  leaver('J-S3', 'tag', (source, leaf) => (overruled(source, leaf) === 'implied' ? 'implied' : undefined)),
  leaver('J-S1', 'tag', (source, leaf) => (overruled(source, leaf) === 'lost' ? 'lost' : undefined)),
  leaver('J-L7', 'logField', overwritten),
  leaver('J-L5', 'logField', (source, leaf) =>
    counts(source, leaf) && droppedKeys.includes(leaf.tag?.key.text ?? '') ? 'lost' : undefined,
  ),
  leaver('J-P1', 'processTag', (source, leaf) => {
    if (!counts(source, leaf) || leaf.tag?.key.text !== 'service.name') return undefined
    return leaf.value === '' || leaf.value === ofKind(source, 'serviceName')[0]?.value ? 'implied' : 'lost'
  }),
  leaver('J-P3', 'serviceName', () => 'implied'),
  leaver('J-P8', 'batchProcess', () => 'lost'),
]
