/**
 * Cuts an encoded request into requests of limited size, by what belongs together: spans of one trace, metrics and log records of one
 * resource. On the bytes: what is copied is copied as it stands. See split.ts for the messages.
 */

import { ProtoReader, WireType } from './decode/reader.ts'
import type { Signal } from './intake.ts'

export interface CutOptions {
  /** Into how many heaps it is dealt; what belongs together comes to one heap. */
  readonly heaps: number
  /** Bytes of one slice. */
  readonly maxBytes: number
}

/** A request again. */
export interface Slice {
  readonly heap: number
  /** Spans, data points or log records. */
  readonly items: number
  readonly data: Uint8Array
}

export interface Cut {
  readonly slices: readonly Slice[]
  /** Items that are larger than a slice by themselves: they are in none. */
  readonly tooLarge: number
}

/** A span, metric or log record: bytes `from` to `to` of the request, tag included. */
interface Item {
  readonly heap: number
  readonly from: number
  readonly to: number
  readonly items: number
}

interface Scope {
  /** All fields but the items. */
  readonly head: readonly Uint8Array[]
  readonly headBytes: number
  readonly items: readonly Item[]
}

interface Group {
  readonly head: readonly Uint8Array[]
  readonly headBytes: number
  readonly scopes: readonly Scope[]
}

const bytesOf = (field: number): number => (field << 3) | WireType.Bytes
const groupTag = bytesOf(1)
const resourceTag = bytesOf(1)
const scopeTag = bytesOf(2)
const itemTag = bytesOf(2)
const traceIdTag = bytesOf(1)
const pointTag = bytesOf(1)
const pointsTags: ReadonlySet<number> = new Set([5, 7, 9, 10, 11].map(bytesOf))

/** The most that tag and length of a field take. */
const headMost = 6

const sizeOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, one) => sum + one.byteLength, 0)

/** Tag and length of a field. */
function head(tag: number, length: number): Uint8Array {
  const bytes = [tag]
  let left = length
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left & 0x7f) | 0x80)
  bytes.push(left)
  return Uint8Array.from(bytes)
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
  return hash >>> 0
}

/** Reads the bounds of everything. Unlike with items, what has none of them belongs to nobody and is left out. */
class Surveyor {
  readonly #signal: Signal
  readonly #heaps: number
  readonly #data: Uint8Array
  readonly #reader: ProtoReader
  /** The heap of all items so far; -1 when there are several, -2 when there is none. */
  only = -2
  items = 0

  constructor(signal: Signal, data: Uint8Array, heaps: number) {
    this.#signal = signal
    this.#heaps = heaps
    this.#data = data
    this.#reader = new ProtoReader(data)
  }

  groups(): readonly Group[] {
    const reader = this.#reader
    const outer = reader.end
    const groups: Group[] = []
    while (reader.at < outer) {
      const tag = reader.varint32()
      if (tag !== groupTag) {
        this.#check(tag, 1)
        reader.skip(tag)
        continue
      }
      const end = reader.length()
      reader.end = end
      groups.push(this.#group(end))
      reader.end = outer
    }
    return groups
  }

  #check(tag: number, field: number): void {
    if (tag >>> 3 === field || tag >>> 3 === 0) this.#reader.fail(`field ${tag >>> 3} with wire type ${tag & 7}`)
  }

  #group(end: number): Group {
    const reader = this.#reader
    const pieces: Uint8Array[] = []
    const scopesAt: number[] = []
    let heap = 0
    while (reader.at < end) {
      const from = reader.at
      const tag = reader.varint32()
      if (tag === scopeTag) {
        const stop = reader.length()
        scopesAt.push(reader.at, stop)
        reader.at = stop
        continue
      }
      this.#check(tag, 2)
      reader.skip(tag)
      if (tag === resourceTag) heap = hashOf(this.#data, from, reader.at) % this.#heaps
      pieces.push(this.#data.subarray(from, reader.at))
    }
    const scopes: Scope[] = []
    for (let at = 0; at < scopesAt.length; at += 2) scopes.push(this.#scope(scopesAt[at] as number, scopesAt[at + 1] as number, heap))
    reader.at = end
    reader.end = end
    return { head: pieces, headBytes: sizeOf(pieces), scopes }
  }

  #scope(start: number, stop: number, groupHeap: number): Scope {
    const reader = this.#reader
    const pieces: Uint8Array[] = []
    const found: Item[] = []
    reader.at = start
    reader.end = stop
    while (reader.at < stop) {
      const from = reader.at
      const tag = reader.varint32()
      if (tag !== itemTag) {
        this.#check(tag, 2)
        reader.skip(tag)
        pieces.push(this.#data.subarray(from, reader.at))
        continue
      }
      const end = reader.length()
      const heap = this.#signal === 'traces' ? this.#traceHeap(end) : groupHeap
      const items = this.#signal === 'metrics' ? this.#points(end) : 1
      reader.at = end
      reader.end = stop
      this.items += items
      this.only = this.only === -2 || this.only === heap ? heap : -1
      found.push({ heap, from, to: end, items })
    }
    return { head: pieces, headBytes: sizeOf(pieces), items: found }
  }

  /** By the low 32 bits of the trace id, which are random in every format. */
  #traceHeap(end: number): number {
    const reader = this.#reader
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag !== traceIdTag) {
        reader.skip(tag)
        continue
      }
      const stop = reader.length()
      return stop - reader.at < 4 ? 0 : reader.view.getUint32(stop - 4) % this.#heaps
    }
    return 0
  }

  /** The data points of a metric. */
  #points(end: number): number {
    const reader = this.#reader
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
    return points
  }
}

interface OpenScope {
  readonly scope: Scope
  readonly pieces: Uint8Array[]
  bytes: number
}

interface OpenGroup {
  readonly group: Group
  readonly scopes: OpenScope[]
}

/** One slice as it grows. */
class SliceBuilder {
  readonly #data: Uint8Array
  readonly #heap: number
  #groups: OpenGroup[] = []
  bytes = 0
  items = 0

  constructor(data: Uint8Array, heap: number) {
    this.#data = data
    this.#heap = heap
  }

  /** What one item more costs at the most. */
  cost(group: Group, scope: Scope, item: Item): number {
    const open = this.#groups.at(-1)
    if (open?.group !== group) return item.to - item.from + scope.headBytes + group.headBytes + 2 * headMost
    return open.scopes.at(-1)?.scope === scope ? item.to - item.from : item.to - item.from + scope.headBytes + headMost
  }

  add(group: Group, scope: Scope, item: Item): void {
    this.bytes += this.cost(group, scope, item)
    this.items += item.items
    let open = this.#groups.at(-1)
    if (open?.group !== group) this.#groups.push((open = { group, scopes: [] }))
    let inner = open.scopes.at(-1)
    if (inner?.scope !== scope) open.scopes.push((inner = { scope, pieces: [...scope.head], bytes: scope.headBytes }))
    inner.pieces.push(this.#data.subarray(item.from, item.to))
    inner.bytes += item.to - item.from
  }

  build(): Slice {
    const pieces: Uint8Array[] = []
    for (const { group, scopes } of this.#groups) {
      const inner: Uint8Array[] = [...group.head]
      for (const scope of scopes) inner.push(head(scopeTag, scope.bytes), ...scope.pieces)
      pieces.push(head(groupTag, sizeOf(inner)), ...inner)
    }
    const data = new Uint8Array(sizeOf(pieces))
    let at = 0
    for (const piece of pieces) {
      data.set(piece, at)
      at += piece.byteLength
    }
    return { heap: this.#heap, items: this.items, data }
  }
}

/**
 * Cuts a request. One slice whose `data` is the request itself when it is small enough and belongs together; otherwise slices with memory of
 * their own, in the order of heaps and of what is in the request. Resources and scopes without an item are in none. Throws OB_DECODE_PROTO when it cannot be read.
 */
export function cutRequest(signal: Signal, data: Uint8Array, options: CutOptions): Cut {
  const surveyor = new Surveyor(signal, data, options.heaps)
  const groups = surveyor.groups()
  const { only, items } = surveyor
  if (only === -2) return { slices: [], tooLarge: 0 }
  if (only >= 0 && data.length <= options.maxBytes) return { slices: [{ heap: only, items, data }], tooLarge: 0 }
  const building = new Map<number, SliceBuilder>()
  const done: Slice[] = []
  let tooLarge = 0
  for (const group of groups) {
    for (const scope of group.scopes) {
      for (const item of scope.items) {
        let slice = building.get(item.heap)
        if (slice === undefined) building.set(item.heap, (slice = new SliceBuilder(data, item.heap)))
        if (slice.bytes > 0 && slice.bytes + slice.cost(group, scope, item) > options.maxBytes) {
          done.push(slice.build())
          building.set(item.heap, (slice = new SliceBuilder(data, item.heap)))
        }
        if (slice.bytes === 0 && slice.cost(group, scope, item) > options.maxBytes) tooLarge += item.items
        else slice.add(group, scope, item)
      }
    }
  }
  for (const slice of building.values()) if (slice.items > 0) done.push(slice.build())
  return { slices: done.sort((a, b) => a.heap - b.heap), tooLarge }
}
