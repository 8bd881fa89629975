/**
 * An encoded request as a row of units, of which any can be made a request again: spans, log records, data points. On the bytes, as split.ts; see
 * survey.ts for the messages.
 */

import { type OpenMetric, openMetric } from './cut-metric.ts'
import { ProtoReader, WireType } from './decode/reader.ts'
import type { Signal } from './intake.ts'
import { addBounds, type Chosen, type Level, Rebuilt } from './rebuild.ts'
import { type Group, groupTag, itemTag, type Run, type Scope, Survey, scopeTag } from './survey.ts'

/** Units from the first number on, up to the second. */
export type UnitRange = readonly [from: number, to: number]

/** Units of one resource, which may come in several places of a request. */
export interface ResourceUnits {
  readonly ranges: readonly UnitRange[]
  readonly items: number
}

/** A request that was taken apart. */
export interface UnitRow {
  /** A unit is one item; a metric that cannot be read to its points is one unit, whatever it holds. */
  readonly units: number
  /** Spans, data points or log records. */
  readonly items: number
  itemsOf(unit: number): number
  /** Start of a span, time of a point, of a record the time that it has; ms, undefined where there is none. */
  timeMs(unit: number): number | undefined
  /** A request with these, in their order; in memory of its own. */
  build(ranges: readonly UnitRange[]): Uint8Array
  /** By equal resource, in the order in which they come first. */
  byResource(): readonly ResourceUnits[]
}

interface Entry {
  readonly group: Group
  readonly scope: Scope
  readonly run: Run
  /** Of a metric whose points can be told apart. */
  readonly metric: OpenMetric | undefined
  /** Its first unit. */
  readonly first: number
}

const fixed64 = (field: number): number => (field << 3) | WireType.Fixed64

/** Tags of times, the better one last. */
const timeTags: Readonly<Record<Signal, readonly number[]>> = {
  traces: [fixed64(7)],
  metrics: [fixed64(3)],
  logs: [fixed64(11), fixed64(1)],
}

/** The time in the message from `from` to `to`, tag and length included. */
function timeIn(data: Uint8Array, from: number, to: number, tags: readonly number[]): number | undefined {
  const reader = new ProtoReader(data)
  reader.at = from
  reader.end = to
  reader.varint32()
  reader.length()
  let best = -1
  let ms: number | undefined
  while (reader.at < to) {
    const tag = reader.varint32()
    const rank = tags.indexOf(tag)
    if (rank > best && to - reader.at >= 8) {
      const nanos = reader.view.getBigUint64(reader.at, true)
      if (nanos > 0n) {
        best = rank
        ms = Number(nanos / 1_000_000n)
      }
    }
    reader.skip(tag)
  }
  return ms
}

/** Takes a request apart. Throws OB_DECODE_PROTO when it cannot be read. */
export function openUnits(signal: Signal, data: Uint8Array): UnitRow {
  const survey = new Survey(signal, data)
  const entries: Entry[] = []
  /** The entry of each unit. */
  const owner: number[] = []
  /** Keys of resources, one a group. */
  const resources = new Map<Group, string>()
  let items = 0
  while (survey.next()) {
    if (!survey.isGroup) continue
    survey.enter()
    let key = ''
    for (let at = 0; at < survey.resources.length; at += 2)
      key += Buffer.from(data.subarray(survey.resources[at], survey.resources[at + 1])).toString('latin1')
    const group = survey.group(() => 0, false)
    resources.set(group, key)
    for (const scope of group.scopes) {
      for (const run of scope.runs) {
        if (run.items === 0) continue
        const metric = signal === 'metrics' ? openMetric(data, run) : undefined
        const readable = metric !== undefined && metric.points.length === run.items * 2 ? metric : undefined
        const place = entries.push({ group, scope, run, metric: readable, first: owner.length }) - 1
        const units = readable === undefined ? 1 : run.items
        for (let at = 0; at < units; at++) owner.push(place)
        items += run.items
      }
    }
  }

  const entryOf = (unit: number): Entry => entries[owner[unit] as number] as Entry
  const sizeOfEntry = ({ metric, run }: Entry): number => (metric === undefined ? 1 : run.items)

  const part = (rebuilt: Rebuilt, { group, scope, metric, first }: Entry, from: number, to: number): void => {
    if (metric === undefined) return
    const levels: readonly Level[] = [
      { tag: groupTag, head: group.head },
      { tag: scopeTag, head: scope.head },
      { tag: itemTag, head: metric.head },
      { tag: metric.dataTag, head: metric.dataHead },
    ]
    const points: number[] = []
    for (let unit = from; unit < to; unit++) {
      const at = (unit - first) * 2
      addBounds(points, metric.points[at] as number, metric.points[at + 1] as number)
    }
    rebuilt.nested(levels, points)
  }

  const addRange = (rebuilt: Rebuilt, from: number, to: number): void => {
    let open: { readonly group: Group; readonly scopes: (Chosen & { readonly items: number[] })[] } | undefined
    const flush = (): void => {
      if (open !== undefined) rebuilt.group(open.group, open.scopes)
      open = undefined
    }
    for (let unit = from; unit < to; ) {
      const entry = entryOf(unit)
      const end = Math.min(to, entry.first + sizeOfEntry(entry))
      if (unit > entry.first || end < entry.first + sizeOfEntry(entry)) {
        flush()
        part(rebuilt, entry, unit, end)
      } else {
        if (open?.group !== entry.group) {
          flush()
          open = { group: entry.group, scopes: [] }
        }
        let inner = open.scopes.at(-1)
        if (inner?.scope !== entry.scope) open.scopes.push((inner = { scope: entry.scope, items: [] }))
        addBounds(inner.items, entry.run.from, entry.run.to)
      }
      unit = end
    }
    flush()
  }

  return {
    units: owner.length,
    items,
    itemsOf(unit) {
      const entry = entryOf(unit)
      return entry.metric === undefined ? entry.run.items : 1
    },
    timeMs(unit) {
      const { metric, run, first } = entryOf(unit)
      if (metric !== undefined) {
        const at = (unit - first) * 2
        return timeIn(data, metric.points[at] as number, metric.points[at + 1] as number, timeTags.metrics)
      }
      return signal === 'metrics' ? undefined : timeIn(data, run.from, run.to, timeTags[signal])
    },
    build(ranges) {
      const rebuilt = new Rebuilt(data)
      for (const [from, to] of ranges) addRange(rebuilt, from, to)
      return rebuilt.bytes()
    },
    byResource() {
      const found = new Map<string, { ranges: [number, number][]; items: number }>()
      for (const entry of entries) {
        const key = resources.get(entry.group) ?? ''
        let one = found.get(key)
        if (one === undefined) found.set(key, (one = { ranges: [], items: 0 }))
        const end = entry.first + sizeOfEntry(entry)
        const last = one.ranges.at(-1)
        if (last?.[1] === entry.first) last[1] = end
        else one.ranges.push([entry.first, end])
        one.items += entry.run.items
      }
      return [...found.values()]
    },
  }
}
