/**
 * Takes an encoded request apart by an attribute of its resources, or of its spans and log records, on the bytes: nothing is decoded
 * that does not decide, and what is copied is copied as it stands, unknown fields included.
 *
 * ```proto
 * message Export<Signal>ServiceRequest { repeated Resource<Signal> resource_… = 1; }
 * message Resource<Signal> { Resource resource = 1; repeated Scope<Signal> scope_… = 2; … }
 * message Resource { repeated KeyValue attributes = 1; … }
 * message Scope<Signal> { InstrumentationScope scope = 1; repeated Span|Metric|LogRecord … = 2; … }
 * message Span { repeated KeyValue attributes = 9; … }     message LogRecord { repeated KeyValue attributes = 6; … }
 * message Metric { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; ExponentialHistogram … = 10; Summary summary = 11; … }
 * message Gauge { repeated NumberDataPoint data_points = 1; }                 // the others alike
 * message KeyValue { string key = 1; AnyValue value = 2; }
 * message AnyValue { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; … }
 * ```
 */

import { ProtoReader, WireType } from './decode/reader.ts'
import type { Signal } from './intake.ts'
import type { Words } from './time.ts'

/** The code of what has no such attribute. */
export const absent = 0

/** The code of a value that nobody named. */
export const unnamed = 1

/** Says what belongs together. */
export interface Classifier {
  /** Keys of the attributes that decide. */
  readonly keys: readonly string[]
  /** Per key: codes from 2 on of the values that somebody named, as text. */
  readonly values: readonly ReadonlyMap<string, number>[]
  /** The class, a small number from 0, of what has values with these codes, one per key. The array is used again. */
  classOf(codes: Readonly<Int32Array>): number
}

/** What is of one class; `data` is a request again. */
export interface Part {
  readonly class: number
  /** Spans, data points or log records. */
  readonly items: number
  readonly data: Uint8Array
}

/** Bytes of one class on their way into a request of their own. */
interface Output {
  readonly class: number
  items: number
  size: number
  readonly pieces: Uint8Array[]
}

/** A run of neighbouring items of one class: bytes `from` to `to` of the request, tags included. */
interface Run {
  readonly class: number
  readonly from: number
  to: number
}

/** One scope of a resource whose items go different ways. */
interface Scope {
  /** All fields but the items. */
  readonly head: readonly Uint8Array[]
  readonly runs: readonly Run[]
}

const bytesOf = (field: number): number => (field << 3) | WireType.Bytes
const groupTag = bytesOf(1)
const resourceTag = bytesOf(1)
const scopeTag = bytesOf(2)
const itemTag = bytesOf(2)
const pointsTags: ReadonlySet<number> = new Set([5, 7, 9, 10, 11].map(bytesOf))

const attributesTag: Readonly<Record<Signal, number>> = { traces: bytesOf(9), metrics: 0, logs: bytesOf(6) }

const sizeOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, one) => sum + one.byteLength, 0)

/** Tag and length of a field. */
function head(tag: number, length: number): Uint8Array {
  const bytes = [tag]
  let left = length
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left & 0x7f) | 0x80)
  bytes.push(left)
  return Uint8Array.from(bytes)
}

/** What is the same for all requests. */
interface Plan {
  readonly signal: Signal
  readonly classifier: Classifier
  readonly keys: readonly Uint8Array[]
  /** Bytes of the longest text that somebody named. */
  readonly longest: number
}

class Splitter {
  readonly #plan: Plan
  readonly #data: Buffer
  readonly #reader: ProtoReader
  readonly #ofResource: Int32Array
  readonly #ofItem: Int32Array
  readonly #outputs: Output[] = []
  #last: Output | undefined
  #words: Words = { hi: 0, lo: 0 }

  constructor(plan: Plan, data: Uint8Array) {
    this.#plan = plan
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    this.#reader = new ProtoReader(data)
    this.#ofResource = new Int32Array(plan.keys.length)
    this.#ofItem = new Int32Array(plan.keys.length)
  }

  split(): readonly Output[] {
    const reader = this.#reader
    const outer = reader.end
    const early: Uint8Array[] = []
    while (reader.at < outer) {
      const from = reader.at
      const tag = reader.varint32()
      if (tag === groupTag) {
        const end = reader.length()
        reader.end = end
        this.#group(from, end)
        reader.end = outer
        reader.at = end
        continue
      }
      this.#notField(tag, 1)
      reader.skip(tag)
      // A field that nobody knows goes with what stands before it.
      if (this.#last === undefined) early.push(this.#data.subarray(from, reader.at))
      else this.#add(this.#last.class, from, reader.at, 0)
    }
    const [first] = this.#outputs
    if (first !== undefined) {
      first.pieces.unshift(...early)
      first.size += sizeOf(early)
    }
    return this.#outputs
  }

  /** A field that we know comes with another wire type: this is not a request. */
  #notField(tag: number, field: number): void {
    if (tag >>> 3 === field || tag >>> 3 === 0) this.#reader.fail(`field ${tag >>> 3} with wire type ${tag & 7}`)
  }

  #output(ofClass: number): Output {
    if (this.#last?.class === ofClass) return this.#last
    let found = this.#outputs.find((one) => one.class === ofClass)
    if (found === undefined) this.#outputs.push((found = { class: ofClass, items: 0, size: 0, pieces: [] }))
    this.#last = found
    return found
  }

  /** Bytes as they stand. */
  #add(ofClass: number, from: number, to: number, items: number): void {
    const output = this.#output(ofClass)
    output.items += items
    output.size += to - from
    const before = output.pieces.at(-1)
    const follows =
      before !== undefined && before.buffer === this.#data.buffer && before.byteOffset + before.byteLength === this.#data.byteOffset + from
    if (follows) output.pieces[output.pieces.length - 1] = this.#data.subarray(before.byteOffset - this.#data.byteOffset, to)
    else output.pieces.push(this.#data.subarray(from, to))
  }

  /** One resource with all it holds; the field begins at `from`, its value at the reader. */
  #group(from: number, end: number): void {
    const reader = this.#reader
    const start = reader.at
    this.#ofResource.fill(absent)
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag !== resourceTag) {
        this.#notField(tag, 1)
        reader.skip(tag)
        continue
      }
      const stop = reader.length()
      this.#attributes(this.#ofResource, resourceTag, stop)
    }
    reader.at = start
    if (this.#plan.signal === 'metrics' || !this.#ofResource.includes(absent)) {
      this.#add(this.#plan.classifier.classOf(this.#ofResource), from, end, this.#count(end))
      return
    }
    this.#byItems(from, end)
  }

  /** The items of a resource, counted. */
  #count(end: number): number {
    const reader = this.#reader
    let items = 0
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag !== scopeTag) {
        this.#notField(tag, 2)
        reader.skip(tag)
        continue
      }
      const stop = reader.length()
      reader.end = stop
      while (reader.at < stop) {
        const inner = reader.varint32()
        if (inner === itemTag) {
          const itemEnd = reader.length()
          items += this.#plan.signal === 'metrics' ? this.#points(itemEnd) : 1
          reader.at = itemEnd
        } else {
          this.#notField(inner, 2)
          reader.skip(inner)
        }
      }
      reader.end = end
    }
    return items
  }

  /** The data points of a metric. */
  #points(end: number): number {
    const reader = this.#reader
    const outer = reader.end
    let points = 0
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      if (!pointsTags.has(tag)) {
        reader.skip(tag)
        continue
      }
      const stop = reader.length()
      reader.end = stop
      while (reader.at < stop) {
        const inner = reader.varint32()
        if (inner === groupTag) points++
        reader.skip(inner)
      }
      reader.end = end
    }
    reader.end = outer
    return points
  }

  /** A resource that leaves it to its spans or records. */
  #byItems(from: number, end: number): void {
    const reader = this.#reader
    const resourceHead: Uint8Array[] = []
    const scopes: Scope[] = []
    const counts = new Map<number, number>()
    while (reader.at < end) {
      const fieldAt = reader.at
      const tag = reader.varint32()
      if (tag !== scopeTag) {
        this.#notField(tag, 2)
        reader.skip(tag)
        resourceHead.push(this.#data.subarray(fieldAt, reader.at))
        continue
      }
      const stop = reader.length()
      reader.end = stop
      scopes.push(this.#scope(stop, counts))
      reader.end = end
    }
    const own = this.#plan.classifier.classOf(this.#ofResource)
    const [first] = counts
    if (counts.size < 2) {
      this.#add(first?.[0] ?? own, from, end, first?.[1] ?? 0)
      return
    }
    // A scope without items stays with the first.
    for (const [ofClass, items] of counts) this.#rebuild(ofClass, items, ofClass === first?.[0], resourceHead, scopes)
  }

  #scope(stop: number, counts: Map<number, number>): Scope {
    const reader = this.#reader
    const scopeHead: Uint8Array[] = []
    const runs: Run[] = []
    let run: Run | undefined
    while (reader.at < stop) {
      const from = reader.at
      const tag = reader.varint32()
      if (tag !== itemTag) {
        this.#notField(tag, 2)
        reader.skip(tag)
        scopeHead.push(this.#data.subarray(from, reader.at))
        continue
      }
      const end = reader.length()
      this.#ofItem.set(this.#ofResource)
      this.#attributes(this.#ofItem, attributesTag[this.#plan.signal], end)
      const ofClass = this.#plan.classifier.classOf(this.#ofItem)
      counts.set(ofClass, (counts.get(ofClass) ?? 0) + 1)
      if (run?.class === ofClass && run.to === from) run.to = end
      else runs.push((run = { class: ofClass, from, to: end }))
    }
    return { head: scopeHead, runs }
  }

  /** The resource again, with those of its scopes and items that are of one class. */
  #rebuild(ofClass: number, items: number, withEmpty: boolean, resourceHead: readonly Uint8Array[], scopes: readonly Scope[]): void {
    const inner: Uint8Array[] = [...resourceHead]
    for (const scope of scopes) {
      const chosen = scope.runs.filter((run) => run.class === ofClass)
      if (chosen.length === 0 && !(withEmpty && scope.runs.length === 0)) continue
      const pieces = [...scope.head, ...chosen.map(({ from, to }) => this.#data.subarray(from, to))]
      inner.push(head(scopeTag, sizeOf(pieces)), ...pieces)
    }
    const output = this.#output(ofClass)
    const pieces = [head(groupTag, sizeOf(inner)), ...inner]
    output.items += items
    output.size += sizeOf(pieces)
    output.pieces.push(...pieces)
  }

  /** Fills in codes that are still absent, out of the attributes of the message that ends at `end`; the reader stands behind it then. */
  #attributes(codes: Int32Array, tag: number, end: number): void {
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
      if (tag === bytesOf(1)) {
        const stop = reader.length()
        key = this.#keyAt(reader.at, stop)
        if (key < 0) break
        reader.at = stop
      } else if (tag === bytesOf(2)) {
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
      if (tag === bytesOf(1)) {
        const stop = reader.length()
        text = stop - reader.at > this.#plan.longest ? undefined : this.#data.toString('utf8', reader.at, stop)
        reader.at = stop
      } else if (tag === 0x10) text = reader.varint32() === 0 ? 'false' : 'true'
      else if (tag === 0x18) {
        reader.varint64(words)
        text = String((BigInt(words.hi) << 32n) | BigInt(words.lo >>> 0))
      } else if (tag === 0x21) {
        text = String(reader.view.getFloat64(reader.at, true))
        reader.skip(tag)
      } else reader.skip(tag)
      code = text === undefined ? unnamed : (this.#plan.classifier.values[key]?.get(text) ?? unnamed)
    }
    return code
  }
}

/**
 * Creates the splitter of one signal's requests. It gives one part whose `data` is the request itself when all of it is of one class;
 * otherwise parts with memory of their own, whose concatenation says what the request said. A resource that has the attribute decides
 * for all it holds; for traces and logs, where it has none, each span or record decides for itself, and comes with its resource and
 * scope. Of an attribute that stands twice the first counts. An empty request has no parts. Throws OB_DECODE_PROTO when it cannot be read.
 */
export function createSplitter(signal: Signal, classifier: Classifier): (request: Uint8Array) => readonly Part[] {
  let longest = 0
  for (const values of classifier.values) for (const text of values.keys()) longest = Math.max(longest, Buffer.byteLength(text))
  const plan: Plan = { signal, classifier, keys: classifier.keys.map((key) => Buffer.from(key)), longest }
  return (request) => {
    const outputs = new Splitter(plan, request).split()
    const [only] = outputs
    if (only !== undefined && outputs.length === 1) return [{ class: only.class, items: only.items, data: request }]
    return outputs.map((output) => {
      const data = new Uint8Array(output.size)
      let at = 0
      for (const piece of output.pieces) {
        data.set(piece, at)
        at += piece.byteLength
      }
      return { class: output.class, items: output.items, data }
    })
  }
}
