/**
 * Cuts an encoded request into requests of limited size, by what belongs together: spans of one trace, metrics and log records of one
 * resource. See survey.ts for the messages.
 */

import { cutMetric } from './cut-metric.ts'
import type { ProtoReader } from './decode/reader.ts'
import type { Signal } from './intake.ts'
import { addBounds, type Chosen, headMost, Rebuilt, sizeOf } from './rebuild.ts'
import { type ClassOfItem, firstField, type Group, type Run, type Scope, Survey, traceIdTag } from './survey.ts'

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
  /** Spans, data points and log records that are larger than a slice by themselves: they are in none. */
  readonly tooLarge: number
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
  return hash >>> 0
}

/** The low 32 bits of a span's trace id, which are random in every format; 0 for one that has none. */
function traceWord(reader: ProtoReader, end: number): number {
  const stop = firstField(reader, end, traceIdTag)
  return stop - reader.at < 4 ? 0 : reader.view.getUint32(stop - 4)
}

/** Everything in the request, items by their heap. */
function groupsOf(survey: Survey, data: Uint8Array, heaps: number): readonly Group[] {
  const groups: Group[] = []
  let heap = 0
  const byTrace: ClassOfItem = (reader, end) => traceWord(reader, end) % heaps
  const byResource: ClassOfItem = () => heap
  const heapOf = survey.signal === 'traces' ? byTrace : byResource
  while (survey.next()) {
    if (!survey.isGroup) continue
    survey.enter()
    const [from, to] = survey.resources.slice(-2)
    heap = from === undefined || to === undefined ? 0 : hashOf(data, from, to) % heaps
    groups.push(survey.group(heapOf, false))
  }
  return groups
}

/** Whose all items are, and how many: the heap is undefined when there are none, -1 when they are of several. */
function ownerOf(groups: readonly Group[]): { readonly heap: number | undefined; readonly items: number } {
  let heap: number | undefined
  let items = 0
  for (const { scopes } of groups) {
    for (const { runs } of scopes) {
      for (const run of runs) {
        heap = heap === undefined || heap === run.class ? run.class : -1
        items += run.items
      }
    }
  }
  return { heap, items }
}

interface OpenScope extends Chosen {
  readonly items: number[]
}

interface OpenGroup {
  readonly group: Group
  readonly scopes: OpenScope[]
}

/** One slice as it grows. */
class SliceBuilder {
  readonly #data: Uint8Array
  readonly #heap: number
  readonly #groups: OpenGroup[] = []
  bytes = 0
  items = 0

  constructor(data: Uint8Array, heap: number) {
    this.#data = data
    this.#heap = heap
  }

  /** What one item more costs at the most. */
  cost(group: Group, scope: Scope, item: Run): number {
    const size = item.to - item.from
    const open = this.#groups.at(-1)
    if (open?.group !== group) return size + sizeOf(scope.head) + sizeOf(group.head) + 2 * headMost
    return open.scopes.at(-1)?.scope === scope ? size : size + sizeOf(scope.head) + headMost
  }

  /** @param cost as {@link cost} says */
  add(group: Group, scope: Scope, item: Run, cost: number): void {
    this.bytes += cost
    this.items += item.items
    let open = this.#groups.at(-1)
    if (open?.group !== group) this.#groups.push((open = { group, scopes: [] }))
    let inner = open.scopes.at(-1)
    if (inner?.scope !== scope) open.scopes.push((inner = { scope, items: [] }))
    addBounds(inner.items, item.from, item.to)
  }

  build(): Slice {
    const rebuilt = new Rebuilt(this.#data)
    for (const { group, scopes } of this.#groups) rebuilt.group(group, scopes)
    return { heap: this.#heap, items: this.items, data: rebuilt.bytes() }
  }
}

/**
 * Cuts a request. One slice whose `data` is the request itself when it is small enough and belongs together; otherwise slices with memory of
 * their own, in the order of heaps and of what is in the request; a metric larger than a slice is in several. Resources and scopes without an item are in none. Throws OB_DECODE_PROTO when it cannot be read.
 */
export function cutRequest(signal: Signal, data: Uint8Array, options: CutOptions): Cut {
  const groups = groupsOf(new Survey(signal, data), data, options.heaps)
  const { heap, items } = ownerOf(groups)
  if (heap === undefined) return { slices: [], tooLarge: 0 }
  if (heap >= 0 && data.length <= options.maxBytes) return { slices: [{ heap, items, data }], tooLarge: 0 }
  const building = new Map<number, SliceBuilder>()
  const done: Slice[] = []
  let tooLarge = 0
  for (const group of groups) {
    for (const scope of group.scopes) {
      for (const item of scope.runs) {
        let slice = building.get(item.class)
        if (slice === undefined) building.set(item.class, (slice = new SliceBuilder(data, item.class)))
        let cost = slice.cost(group, scope, item)
        if (slice.bytes > 0 && slice.bytes + cost > options.maxBytes) {
          done.push(slice.build())
          building.set(item.class, (slice = new SliceBuilder(data, item.class)))
          cost = slice.cost(group, scope, item)
        }
        if (slice.bytes > 0 || cost <= options.maxBytes) slice.add(group, scope, item, cost)
        else if (signal !== 'metrics') tooLarge += item.items
        else {
          const cut = cutMetric(data, group, scope, item, options.maxBytes)
          for (const part of cut.parts) done.push({ heap: item.class, ...part })
          tooLarge += cut.tooLarge
        }
      }
    }
  }
  for (const slice of building.values()) if (slice.items > 0) done.push(slice.build())
  return { slices: done.sort((a, b) => a.heap - b.heap), tooLarge }
}
