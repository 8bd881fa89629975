/** What points of metrics have in common, encoded once, when it is first met: lists of attributes, resources, scopes, metrics. */

import { attributeTag, type EncodedMetric, type EncodedResource, type EncodedScope } from '../metrics.ts'
import type { KeyValue } from '../model.ts'
import { writeAttributes as writeKeyValues } from './values.ts'
import { ReverseWriter } from './writer.ts'

/** A text attribute. Lone surrogates become U+FFFD. */
export type TextAttribute = readonly [key: string, value: string]

/** What is known of a metric when it is first met. */
export interface MetricParts {
  readonly name: string
  /** Empty text: none. */
  readonly description: string
  readonly unit: string
  /** One of `MetricData`. */
  readonly data: number
  /** Of sums; false for all others. */
  readonly monotonic: boolean
  readonly metadata: readonly TextAttribute[]
}

const resourceTag = 0x0a
const scopeAttributesTag = 0x1a
const metadataTag = 0x62

/** Room that a part seldom needs more of; the writer's chunk is shared by many of them, so that each is copied out of it. */
const expected = 1024

const writer = new ReverseWriter()

const begin = (): void => writer.begin(expected)

/** The bytes written, in memory of their own. */
const finish = (): Uint8Array => writer.finish().slice()

function writeText(text: string, tag: number): void {
  const before = writer.written()
  writer.string(text)
  writer.field(tag, before)
}

/** A text field that proto3 leaves out when empty. */
function writeName(text: string, tag: number): void {
  if (text !== '') writeText(text, tag)
}

function writeAttribute(key: string, value: string, tag: number): void {
  const before = writer.written()
  writeText(value, 0x0a)
  writer.field(0x12, before)
  writeName(key, 0x0a)
  writer.field(tag, before)
}

function writeAttributes(pairs: readonly TextAttribute[], tag: number): void {
  for (let i = pairs.length - 1; i >= 0; i--) {
    const [key, value] = pairs[i] as TextAttribute
    writeAttribute(key, value, tag)
  }
}

/**
 * A list of KeyValues, one after the other in the order given, each with this tag (below 128): `attributeTag` for those of points and
 * exemplars. An empty value stays a value. Keys that come twice are written twice.
 */
export function encodeTextAttributes(pairs: readonly TextAttribute[], tag: number): Uint8Array {
  begin()
  writeAttributes(pairs, tag)
  return finish()
}

/** The same for those that are copied at once: a view of memory that it shares with others, to be kept by nobody. */
export function passingTextAttributes(pairs: readonly TextAttribute[], tag: number): Uint8Array {
  begin()
  writeAttributes(pairs, tag)
  return writer.finish()
}

/** A list like that of {@link encodeTextAttributes}, of attributes of any type. */
export function encodeAttributes(attributes: readonly KeyValue[], tag: number): Uint8Array {
  begin()
  writeKeyValues(writer, attributes, tag)
  return finish()
}

/** A list with `attributeTag` and one more attribute at its end, in memory of its own. */
export function withAttribute(list: Uint8Array, key: string, value: string): Uint8Array {
  begin()
  writeAttribute(key, value, attributeTag)
  writer.raw(list, 0, list.length)
  return finish()
}

/** A resource with these attributes: `Resource { attributes 1 }`. */
export function encodeResource(attributes: readonly TextAttribute[]): EncodedResource {
  return { bytes: encodeTextAttributes(attributes, resourceTag), stamp: 0, place: 0 }
}

/** A resource with attributes of any type. */
export function resourceOf(attributes: readonly KeyValue[]): EncodedResource {
  return { bytes: encodeAttributes(attributes, resourceTag), stamp: 0, place: 0 }
}

/** A scope: `InstrumentationScope { name 1, version 2, attributes 3 }`, and the schema URL of its `ScopeMetrics`. Empty text: none. */
export function encodeScope(name: string, version: string, attributes: readonly TextAttribute[], schemaUrl: string): EncodedScope {
  begin()
  writeAttributes(attributes, scopeAttributesTag)
  writeName(version, 0x12)
  writeName(name, 0x0a)
  return { bytes: finish(), schemaUrl: new TextEncoder().encode(schemaUrl), stamp: 0, place: 0 }
}

/** A metric without its points: `Metric { name 1, description 2, unit 3, metadata 12 }`. */
export function encodeMetric({ name, description, unit, data, monotonic, metadata }: MetricParts): EncodedMetric {
  begin()
  writeAttributes(metadata, metadataTag)
  writeName(unit, 0x1a)
  writeName(description, 0x12)
  writeName(name, 0x0a)
  return { head: finish(), data, monotonic, stamp: 0, place: 0 }
}
