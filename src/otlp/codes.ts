/**
 * The attributes of a resource, span or log record that decide which way it goes, on the bytes.
 *
 * ```proto
 * message Resource { repeated KeyValue attributes = 1; … }
 * message Span { repeated KeyValue attributes = 9; … }     message LogRecord { repeated KeyValue attributes = 6; … }
 * message KeyValue { string key = 1; AnyValue value = 2; }
 * message AnyValue { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; … }
 * ```
 */

import { type ProtoReader, WireType } from './decode/reader.ts'
import type { Words } from './time.ts'

/** The code of what has no such attribute. */
export const absent = 0

/** The code of a value that nobody named. */
export const unnamed = 1

/** Attributes that decide, and their values that somebody named. */
export interface Named {
  /** Keys of the attributes. */
  readonly keys: readonly string[]
  /** Per key: codes from 2 on of the values that somebody named, as text. */
  readonly values: readonly ReadonlyMap<string, number>[]
}

const bytesOf = (field: number): number => (field << 3) | WireType.Bytes
const keyTag = bytesOf(1)
const valueTag = bytesOf(2)
const stringTag = bytesOf(1)
const boolTag = (2 << 3) | WireType.Varint
const intTag = (3 << 3) | WireType.Varint
const doubleTag = (4 << 3) | WireType.Fixed64

/** Where the attributes are: tag of the field in each message. */
export const attributesTag = { resource: bytesOf(1), span: bytesOf(9), logRecord: bytesOf(6) } as const

/** What is the same for all requests. */
export interface CodePlan {
  readonly keys: readonly Uint8Array[]
  readonly values: Named['values']
  /** Bytes of the longest text that somebody named. */
  readonly longest: number
}

/** Prepares what {@link AttributeCodes} goes by. */
export function codePlan({ keys, values }: Named): CodePlan {
  let longest = 0
  for (const named of values) for (const text of named.keys()) longest = Math.max(longest, Buffer.byteLength(text))
  return { keys: keys.map((key) => Buffer.from(key)), values, longest }
}

/** Finds the codes of attributes in what a reader stands before. Throws OB_DECODE_PROTO when they cannot be read. */
export class AttributeCodes {
  readonly #plan: CodePlan
  readonly #reader: ProtoReader
  readonly #data: Buffer
  readonly #words: Words = { hi: 0, lo: 0 }

  constructor(plan: CodePlan, reader: ProtoReader) {
    this.#plan = plan
    this.#reader = reader
    this.#data = Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset, reader.bytes.byteLength)
  }

  /**
   * Fills in codes that are still absent, out of the attributes of the message that ends at `end`; the reader stands behind it then.
   * Of an attribute that stands twice the first counts. @param tag one of {@link attributesTag}
   */
  fill(codes: Int32Array, tag: number, end: number): void {
    const reader = this.#reader
    const outer = reader.end
    reader.end = end
    while (reader.at < end) {
      const found = reader.varint32()
      if (found === tag) this.#attribute(codes, reader.length())
      else reader.skip(found)
    }
    reader.end = outer
  }

  #attribute(codes: Int32Array, end: number): void {
    const reader = this.#reader
    const outer = reader.end
    let key = -1
    let valueAt = -1
    let valueEnd = 0
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag === keyTag) {
        const stop = reader.length()
        key = this.#keyAt(reader.at, stop)
        if (key < 0) break
        reader.at = stop
      } else if (tag === valueTag) {
        valueEnd = reader.length()
        valueAt = reader.at
        reader.at = valueEnd
      } else reader.skip(tag)
    }
    if (key >= 0 && valueAt >= 0 && codes[key] === absent) codes[key] = this.#value(key, valueAt, valueEnd)
    reader.end = outer
    reader.at = end
  }

  #keyAt(from: number, to: number): number {
    const { bytes } = this.#reader
    const { keys } = this.#plan
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as Uint8Array
      if (key.length !== to - from) continue
      let same = 0
      while (same < key.length && key[same] === bytes[from + same]) same++
      if (same === key.length) return at
    }
    return -1
  }

  /** The code of an AnyValue; one that is not set is absent, lists and bytes have no text. */
  #value(key: number, from: number, end: number): number {
    const reader = this.#reader
    const words = this.#words
    let code = absent
    reader.at = from
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      let text: string | undefined
      if (tag === stringTag) {
        const stop = reader.length()
        text = stop - reader.at > this.#plan.longest ? undefined : this.#data.toString('utf8', reader.at, stop)
        reader.at = stop
      } else if (tag === boolTag) text = reader.varint32() === 0 ? 'false' : 'true'
      else if (tag === intTag) {
        reader.varint64(words)
        text = String((BigInt(words.hi) << 32n) | BigInt(words.lo >>> 0))
      } else if (tag === doubleTag) {
        reader.skip(tag)
        text = String(reader.view.getFloat64(reader.at - 8, true))
      } else reader.skip(tag)
      code = text === undefined ? unnamed : (this.#plan.values[key]?.get(text) ?? unnamed)
    }
    return code
  }
}
