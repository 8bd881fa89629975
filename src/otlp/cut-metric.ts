/** Cuts a metric that is larger than a message between its points: each part is the metric again, with its resource and scope. */

import { ProtoReader } from './decode/reader.ts'
import { addBounds, headMost, type Level, Rebuilt, sizeOf } from './rebuild.ts'
import { type Group, groupTag, itemTag, pointsTags, pointTag, type Run, type Scope, scopeTag } from './survey.ts'

/** A request with points of one metric. */
export interface MetricPart {
  /** Data points. */
  readonly items: number
  readonly data: Uint8Array
}

export interface CutMetric {
  readonly parts: readonly MetricPart[]
  /** Points that are larger than a part by themselves: they are in none. */
  readonly tooLarge: number
}

/** Bounds of what a metric is made of. */
export interface OpenMetric {
  /** Its fields but the data. */
  readonly head: number[]
  readonly dataTag: number
  /** Fields of the data but the points. */
  readonly dataHead: number[]
  /** Each point by itself. */
  readonly points: number[]
}

/** The metric `item` of a request. Undefined when it has no data, or data that comes in pieces: what readers make of those is not for us to say. */
export function openMetric(data: Uint8Array, { from, to }: Run): OpenMetric | undefined {
  const reader = new ProtoReader(data)
  const head: number[] = []
  const dataHead: number[] = []
  const points: number[] = []
  let dataTag = 0
  reader.at = from
  reader.end = to
  reader.varint32()
  reader.length()
  while (reader.at < to) {
    const at = reader.at
    const tag = reader.varint32()
    if (!pointsTags.has(tag)) {
      reader.skip(tag)
      addBounds(head, at, reader.at)
      continue
    }
    if (dataTag !== 0) return undefined
    dataTag = tag
    const stop = reader.length()
    reader.end = stop
    while (reader.at < stop) {
      const pointAt = reader.at
      const inner = reader.varint32()
      reader.skip(inner)
      if (inner === pointTag) points.push(pointAt, reader.at)
      else addBounds(dataHead, pointAt, reader.at)
    }
    reader.end = to
  }
  return dataTag === 0 ? undefined : { head, dataTag, dataHead, points }
}

/** Cuts the metric `item` of a request into parts below `maxBytes`. Points keep their order. */
export function cutMetric(data: Uint8Array, group: Group, scope: Scope, item: Run, maxBytes: number): CutMetric {
  const metric = openMetric(data, item)
  if (metric === undefined) return { parts: [], tooLarge: item.items }
  const levels: readonly Level[] = [
    { tag: groupTag, head: group.head },
    { tag: scopeTag, head: scope.head },
    { tag: itemTag, head: metric.head },
    { tag: metric.dataTag, head: metric.dataHead },
  ]
  const room = maxBytes - levels.reduce((sum, { head }) => sum + headMost + sizeOf(head), 0)
  const parts: MetricPart[] = []
  let tooLarge = 0
  let chosen: number[] = []
  let bytes = 0
  let items = 0
  const finish = (): void => {
    if (items === 0) return
    const rebuilt = new Rebuilt(data)
    rebuilt.nested(levels, chosen)
    parts.push({ items, data: rebuilt.bytes() })
    chosen = []
    bytes = 0
    items = 0
  }
  const { points } = metric
  for (let at = 0; at < points.length; at += 2) {
    const [from, to] = [points[at] as number, points[at + 1] as number]
    if (to - from > room) {
      tooLarge++
      continue
    }
    if (bytes + to - from > room) finish()
    addBounds(chosen, from, to)
    bytes += to - from
    items++
  }
  finish()
  return { parts, tooLarge }
}
