/**
 * The bounds of all that an encoded request holds, for those who take it apart on the bytes: nothing is decoded that does not decide.
 *
 * ```proto
 * message Export<Signal>ServiceRequest { repeated Resource<Signal> resource_… = 1; }
 * message Resource<Signal> { Resource resource = 1; repeated Scope<Signal> scope_… = 2; … }
 * message Scope<Signal> { InstrumentationScope scope = 1; repeated Span|Metric|LogRecord … = 2; … }
 * message Metric { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; ExponentialHistogram … = 10; Summary summary = 11; … }
 * message Gauge { repeated NumberDataPoint data_points = 1; }                 // the others alike
 * ```
 */

import { ProtoReader, WireType } from './decode/reader.ts'
import type { Signal } from './intake.ts'

/** Places in the request, two by two: where something begins, tag included, and where it ends. */
export type Bounds = readonly number[]

/** A span, metric or log record, or a run of neighbouring ones of one class: bytes `from` to `to` of the request, tags included. */
export interface Run {
  readonly class: number
  readonly from: number
  to: number
  /** Spans, data points or log records. */
  items: number
}

/** One scope of a group. */
export interface Scope {
  /** All fields but the items. */
  readonly head: Bounds
  readonly runs: readonly Run[]
}

/** One resource with all it holds. */
export interface Group {
  /** All fields but the scopes. */
  readonly head: Bounds
  readonly scopes: readonly Scope[]
}

/** The class, a small number from 0, of the item whose value is what the reader stands before, up to `end`. */
export type ClassOfItem = (reader: ProtoReader, end: number) => number

const bytesOf = (field: number): number => (field << 3) | WireType.Bytes

/** Tags, by what they mean in a request, a group, a scope; in a metric its data, and in that a point. */
export const groupTag = bytesOf(1)
export const scopeTag = bytesOf(2)
const resourceTag = bytesOf(1)
export const itemTag = bytesOf(2)
export const pointTag = bytesOf(1)
/** In a span. */
export const traceIdTag = bytesOf(1)
export const pointsTags: ReadonlySet<number> = new Set([5, 7, 9, 10, 11].map(bytesOf))

/** Puts the reader before the value of the first field with this tag in an item, as {@link ClassOfItem} gets it; gives its end, or -1 when there is none. */
export function firstField(reader: ProtoReader, end: number, wanted: number): number {
  reader.end = end
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag === wanted) return reader.length()
    reader.skip(tag)
  }
  return -1
}

/**
 * Goes through a request field by field, and into a group when told to. Throws OB_DECODE_PROTO where it is cut off, or where a field that
 * leads to the items has another wire type; what is in an item, a resource or an unknown field is for others to read.
 */
export class Survey {
  readonly signal: Signal
  readonly reader: ProtoReader
  readonly #end: number
  /** The field of the request that {@link next} found: its bounds, tag included, and whether it is a group. */
  from = 0
  to = 0
  isGroup = false
  /** Of the group last entered: all fields but the scopes, of them the resource (more than one are merged by readers), and the scopes. */
  head: number[] = []
  readonly resources: number[] = []
  readonly #scopes: number[] = []

  constructor(signal: Signal, data: Uint8Array) {
    this.signal = signal
    this.reader = new ProtoReader(data)
    this.#end = data.length
  }

  /** On to the next field of the request; false at its end. */
  next(): boolean {
    const reader = this.reader
    reader.at = this.to
    reader.end = this.#end
    if (reader.at >= this.#end) return false
    this.from = reader.at
    const tag = reader.varint32()
    this.isGroup = tag === groupTag
    if (!this.isGroup) this.#unlike(tag, 1)
    reader.skip(tag)
    this.to = reader.at
    return true
  }

  /** Into the group that was found: fills in what is said of it. */
  enter(): void {
    const reader = this.reader
    this.head = []
    this.resources.length = 0
    this.#scopes.length = 0
    this.value(this.from, this.to)
    while (reader.at < this.to) {
      const from = reader.at
      const tag = reader.varint32()
      if (tag !== scopeTag && tag !== resourceTag) {
        this.#unlike(tag, 1)
        this.#unlike(tag, 2)
      }
      reader.skip(tag)
      if (tag === scopeTag) this.#scopes.push(from, reader.at)
      else this.head.push(from, reader.at)
      if (tag === resourceTag) this.resources.push(from, reader.at)
    }
  }

  /** Items of the group entered. */
  count(): number {
    const reader = this.reader
    const points = this.signal === 'metrics'
    let items = 0
    for (let at = 0; at < this.#scopes.length; at += 2) {
      const stop = this.#scopes[at + 1] as number
      this.value(this.#scopes[at] as number, stop)
      while (reader.at < stop) {
        const tag = reader.varint32()
        if (tag !== itemTag) {
          this.#unlike(tag, 2)
          reader.skip(tag)
          continue
        }
        const end = reader.length()
        items += points ? this.#points(end) : 1
        reader.at = end
      }
    }
    return items
  }

  /** The group entered, its items by their class. @param joined neighbours of one class are one run; otherwise each item is one */
  group(classOf: ClassOfItem, joined: boolean): Group {
    const scopes: Scope[] = []
    for (let at = 0; at < this.#scopes.length; at += 2)
      scopes.push(this.#scope(this.#scopes[at] as number, this.#scopes[at + 1] as number, classOf, joined))
    return { head: this.head, scopes }
  }

  #scope(start: number, stop: number, classOf: ClassOfItem, joined: boolean): Scope {
    const reader = this.reader
    const head: number[] = []
    const runs: Run[] = []
    let run: Run | undefined
    this.value(start, stop)
    while (reader.at < stop) {
      const from = reader.at
      const tag = reader.varint32()
      if (tag !== itemTag) {
        this.#unlike(tag, 2)
        reader.skip(tag)
        head.push(from, reader.at)
        continue
      }
      const end = reader.length()
      const value = reader.at
      const ofClass = classOf(reader, end)
      reader.at = value
      reader.end = stop
      const items = this.signal === 'metrics' ? this.#points(end) : 1
      reader.at = end
      if (joined && run?.class === ofClass && run.to === from) {
        run.to = end
        run.items += items
      } else runs.push((run = { class: ofClass, from, to: end, items }))
    }
    return { head, runs }
  }

  /** The data points of a metric. */
  #points(end: number): number {
    const reader = this.reader
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
        if (inner === pointTag) points++
        reader.skip(inner)
      }
      reader.end = end
    }
    reader.end = outer
    return points
  }

  /** Puts the reader before the value of a field with these bounds, past tag and length; gives the end. */
  value(from: number, to: number): number {
    const reader = this.reader
    reader.at = from
    reader.end = to
    reader.varint32()
    return reader.length()
  }

  /** A field that we know comes with another wire type: this is not a request. */
  #unlike(tag: number, field: number): void {
    if (tag >>> 3 === field || tag >>> 3 === 0) this.reader.fail(`field ${tag >>> 3} with wire type ${tag & 7}`)
  }
}
