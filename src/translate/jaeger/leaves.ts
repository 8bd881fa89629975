/** What a Jaeger span says, field by field, and what became of it: the two sides that `rules.ts` compares. */

import { isEmptyText, textToString, valueToString } from '../../otlp/attributes.ts'
import { spanIdToHex, traceIdToHex } from '../../otlp/ids.ts'
import { type KeyValue, type Link, type Span, ValueType } from '../../otlp/model.ts'
import { toBigInt, toSignedBigInt } from '../../otlp/time.ts'
import type { Leaf } from '../explain.ts'
import type { JaegerProcess, JaegerReference, JaegerSpan } from './model.ts'
import type { JaegerTranslateOptions } from './to-otlp.ts'

/** How ids and times came: the rules differ, the model does not. */
export type JaegerEncoding = 'thrift' | 'proto' | 'json'

export type JaegerLeafKind =
  | 'traceId'
  | 'spanId'
  | 'parentSpanId'
  | 'operationName'
  | 'startTime'
  | 'duration'
  | 'sampled'
  | 'debug'
  | 'firehose'
  | 'otherFlags'
  | 'reference'
  | 'warning'
  | 'tag'
  | 'logTime'
  | 'logField'
  | 'serviceName'
  | 'processTag'
  | 'batchProcess'

/** Where a JSON form has a tag, and the rule by which it was read, where that is not what tags are otherwise. */
export type JaegerOrigins = ReadonlyMap<KeyValue, { readonly name: string; readonly rule: 'J-B6' | 'J-B8' }>

export interface JaegerLeaf extends Leaf {
  readonly kind: JaegerLeafKind
  /** Of references and warnings their place, of log times and fields that of their log. */
  readonly index: number
  readonly tag: KeyValue | undefined
}

/** A span before translation, by its leaves. */
export interface JaegerSource {
  readonly span: JaegerSpan
  readonly process: JaegerProcess | undefined
  readonly nanosPerTick: number
  readonly encoding: JaegerEncoding
  readonly options: JaegerTranslateOptions
  readonly leaves: readonly JaegerLeaf[]
  /** Leaves of tags, process tags and log fields by the tag's object, which the translator passes on. */
  readonly byTag: ReadonlyMap<KeyValue, JaegerLeaf>
  readonly origins: JaegerOrigins
}

/** A span with what it became. */
export interface JaegerPair {
  readonly source: JaegerSource
  readonly resource: readonly KeyValue[]
  readonly span: Span
  /** What the translator makes of the span if it has these tags and no others. */
  ask(tags: readonly KeyValue[]): Span
}

const readable = (tag: KeyValue): string =>
  tag.type === ValueType.Bytes ? `base64 ${valueToString(tag)}` : tag.type === ValueType.Empty ? '(no value)' : valueToString(tag)

const referenceText = (one: JaegerReference): string => {
  const type = one.refType === 0 ? 'CHILD_OF' : one.refType === 1 ? 'FOLLOWS_FROM' : `type ${one.refType}`
  return `${type} ${traceIdToHex(one.trace0, one.trace1, one.trace2, one.trace3)} ${spanIdToHex(one.span0, one.span1)}`
}

/** Everything a span says, its process included. @param batchProcess of the batch, where the span has one of its own */
export function leavesOf(
  span: JaegerSpan,
  process: JaegerProcess | undefined,
  batchProcess: JaegerProcess | undefined,
  origins: JaegerOrigins,
): JaegerLeaf[] {
  const leaves: JaegerLeaf[] = []
  const add = (kind: JaegerLeafKind, name: string, value: string, index = -1, tag?: KeyValue): void => {
    leaves.push({ kind, name, value, index, tag })
  }
  const nameOf = (tag: KeyValue, place: string): string => origins.get(tag)?.name || place
  const tags = (kind: JaegerLeafKind, name: string, list: readonly KeyValue[], index = -1): void => {
    for (const [i, tag] of list.entries()) add(kind, nameOf(tag, `${name}[${i}] ${tag.key.text}`), readable(tag), index, tag)
  }
  add('traceId', 'traceId', traceIdToHex(span.trace0, span.trace1, span.trace2, span.trace3))
  add('spanId', 'spanId', spanIdToHex(span.span0, span.span1))
  if ((span.parent0 | span.parent1) !== 0) add('parentSpanId', 'parentSpanId', spanIdToHex(span.parent0, span.parent1))
  if (!isEmptyText(span.operationName)) add('operationName', 'operationName', textToString(span.operationName))
  for (const [i, one] of span.references.entries()) add('reference', `references[${i}]`, referenceText(one), i)
  if ((span.flags & 1) !== 0) add('sampled', 'flags bit 0', 'sampled')
  if ((span.flags & 2) !== 0) add('debug', 'flags bit 1', 'debug')
  if ((span.flags & 8) !== 0) add('firehose', 'flags bit 3', 'firehose')
  const others = span.flags & ~11
  if (others !== 0) add('otherFlags', 'flags, other bits', `0x${(others >>> 0).toString(16)}`)
  add('startTime', 'startTime', toSignedBigInt(span.startHi, span.startLo).toString())
  add('duration', 'duration', toSignedBigInt(span.durationHi, span.durationLo).toString())
  tags('tag', 'tags', span.tags)
  span.logs.forEach((log, i) => {
    add('logTime', `logs[${i}].timestamp`, toSignedBigInt(log.timeHi, log.timeLo).toString(), i)
    tags('logField', `logs[${i}].fields`, log.fields, i)
  })
  for (const [i, one] of span.warnings.entries()) add('warning', `warnings[${i}]`, textToString(one), i)
  if (process !== undefined) {
    if (!isEmptyText(process.serviceName)) add('serviceName', 'process.serviceName', textToString(process.serviceName))
    tags('processTag', 'process.tags', process.tags)
  }
  if (batchProcess !== undefined) add('batchProcess', 'process of the batch', textToString(batchProcess.serviceName))
  return leaves
}

export function sourceOf(
  span: JaegerSpan,
  batchProcess: JaegerProcess | undefined,
  nanosPerTick: number,
  encoding: JaegerEncoding,
  options: JaegerTranslateOptions,
  origins: JaegerOrigins,
): JaegerSource {
  const process = span.process ?? batchProcess
  const leaves = leavesOf(span, process, span.process === undefined ? undefined : batchProcess, origins)
  const byTag = new Map<KeyValue, JaegerLeaf>()
  for (const leaf of leaves) if (leaf.tag !== undefined) byTag.set(leaf.tag, leaf)
  return { span, process, nanosPerTick, encoding, options, leaves, byTag, origins }
}

/** Leaves of a kind, in order. */
export const ofKind = ({ leaves }: JaegerSource, kind: JaegerLeafKind, index = -1): readonly JaegerLeaf[] =>
  leaves.filter((leaf) => leaf.kind === kind && (index < 0 || leaf.index === index))

/** The tag of a key that counts, which is the last one; undefined without one, or where that has no value. */
export const tagOf = (source: JaegerSource, key: string, kind: JaegerLeafKind = 'tag', index = -1): JaegerLeaf | undefined => {
  const last = ofKind(source, kind, index).findLast(({ tag }) => tag?.key.text === key)
  return last?.tag?.type === ValueType.Empty ? undefined : last
}

/** True when a later tag of the same list has the same key. */
export const isOverwritten = (source: JaegerSource, leaf: JaegerLeaf): boolean => {
  const list = ofKind(source, leaf.kind, leaf.index)
  return list.slice(list.indexOf(leaf) + 1).some(({ tag }) => tag?.key.text === leaf.tag?.key.text)
}

/** True when a tag is an attribute of the span as it was. */
export const isKept = ({ span }: JaegerPair, leaf: JaegerLeaf): boolean => span.attributes.some((one) => one === leaf.tag)

/** Ticks in ns, exact; may be negative, or more than OTLP can say. */
export const nanosOf = (hi: number, lo: number, { nanosPerTick }: JaegerSource): bigint => toSignedBigInt(hi, lo) * BigInt(nanosPerTick)

/** Fields of a log that are the dropped counter of its event. */
export const droppedKeys: readonly string[] = ['otel.event.dropped_attributes_count', 'otel.dropped_attributes_count']

/** The largest time that OTLP can say. */
export const latestNanos = toBigInt(-1, -1)

const sameIds = (link: Link, one: JaegerReference): boolean =>
  link.trace0 === one.trace0 &&
  link.trace1 === one.trace1 &&
  link.trace2 === one.trace2 &&
  link.trace3 === one.trace3 &&
  link.span0 === one.span0 &&
  link.span1 === one.span1

/**
 * The reference that each link comes from, by its place. Both stand in one order, and of two equal references the first
 * is the parent and no link: so they are paired from behind.
 */
export function referencesOfLinks({ source, span }: JaegerPair): ReadonlyMap<number, number> {
  const { references } = source.span
  const found = new Map<number, number>()
  let at = references.length - 1
  for (let i = span.links.length - 1; i >= 0; i--) {
    const link = span.links[i] as Link
    while (at >= 0 && !sameIds(link, references[at] as JaegerReference)) at--
    if (at >= 0) found.set(i, at--)
  }
  return found
}
