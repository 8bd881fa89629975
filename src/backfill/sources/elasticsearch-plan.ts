/** Cuts indices into slices: by index, then by time, so that each has about 100,000 documents (mapping backfill.md §2.2, §2.6, §3.1). */

import { type ElasticsearchStore, rangeOf, type StoreIndex, type TimeField } from '../../read/elasticsearch-store.ts'
import type { Json, PlanGroup, SliceSpec } from '../model.ts'

/** What a slice's key says; all else follows from it and the options. */
export interface IndexSliceKey {
  readonly index: string
  /** Of the index: one of the same name that was made anew has other slices. */
  readonly uuid: string
  /** Of the window, ms; absent: all that have a time, or none (`undated`). */
  readonly from?: number
  readonly to?: number
  /** Documents without a time. */
  readonly undated?: true
  /** One part of several of a window that cannot be cut further. */
  readonly part?: number
  readonly parts?: number
}

/** What the documents of an index are found by. */
export interface IndexQuery {
  /** Documents are told apart in time by it; undefined: they cannot be. */
  readonly window: TimeField | undefined
  /** They are read in its order; undefined: in none. */
  readonly order: TimeField | undefined
  /** Of the user. */
  readonly filters: readonly object[]
  /** Documents have times that only a reader can make out: they are in no order, and none is left out before it is read. */
  readonly isTimeText?: boolean | undefined
}

export interface CutOptions {
  readonly sinceMs: number | undefined
  readonly untilMs: number | undefined
  /** Documents without a time are left out. */
  readonly skipUndated: boolean
  /** Documents of a slice: wanted, and at most. */
  readonly aim: number
  readonly most: number
}

const hourMs = 3_600_000

const intervalsMs = [1, 10, 100, 1000, 5000, 15_000, 60_000, 300_000, 900_000, hourMs, 6 * hourMs, 24 * hourMs, 240 * hourMs]

/** Buckets of one answer: old servers have a limit of 10,000. */
const mostBuckets = 2000

/** Documents that have all of these fields. */
const existing = (fields: readonly (TimeField | undefined)[]): object[] => {
  const names = new Set(fields.filter((one) => one !== undefined).map(({ name }) => name))
  return [...names].map((field) => ({ exists: { field } }))
}

/** The filters of a slice. */
export function sliceFilters(key: IndexSliceKey, { window, order, filters }: IndexQuery): readonly object[] {
  const timed = existing([window, order])
  if (key.undated === true) return timed.length === 0 ? filters : [{ bool: { must_not: [{ bool: { filter: timed } }] } }, ...filters]
  const range = window === undefined || (key.from === undefined && key.to === undefined) ? [] : [rangeOf(window, key.from, key.to)]
  return [...timed, ...range, ...filters]
}

/** The same as one query. */
export const sliceQuery = (key: IndexSliceKey, query: IndexQuery): object => ({ bool: { filter: sliceFilters(key, query) } })

interface Cut {
  readonly from: number
  readonly to: number
  readonly items: number
}

export async function planIndex(
  store: ElasticsearchStore,
  index: StoreIndex,
  query: IndexQuery,
  options: CutOptions,
  abort: AbortSignal,
): Promise<{ readonly group: PlanGroup; readonly slices: readonly SliceSpec[] }> {
  const { aim, most, sinceMs, untilMs } = options
  const { window, order } = query
  const base = { index: index.name, uuid: index.uuid }
  const slices: SliceSpec[] = []
  const all = await store.count(index.name, { match_all: {} }, abort)
  const weight = all === 0 ? 0 : index.bytes / all
  const add = (key: IndexSliceKey, items: number, fromMs: number | undefined, toMs: number | undefined): void => {
    const own = Object.fromEntries(Object.entries(key)) as { [name: string]: Json }
    slices.push({ key: own, group: index.name, fromMs, toMs, items, bytes: Math.round(items * weight) })
  }

  const cut = async (from: number, to: number, items: number): Promise<readonly Cut[]> => {
    if (items <= aim || window === undefined) return [{ from, to, items }]
    if (to - from <= 1) return [{ from, to, items }]
    const interval = intervalsMs.find((ms) => (to - from) / ms <= mostBuckets) ?? to - from
    const inside = sliceQuery({ ...base, from, to }, query)
    const cuts: Cut[] = []
    let at = from
    let sum = 0
    const close = (end: number): void => {
      if (end > at) cuts.push({ from: at, to: end, items: sum })
      at = end
      sum = 0
    }
    for (const [start, count] of await store.histogram(index.name, inside, window, interval, abort)) {
      const begin = Math.max(start, from)
      if (sum > 0 && sum + count > aim * 1.25) close(begin)
      if (count > most) {
        const end = Math.min(start + interval, to)
        const [first, ...others] = await cut(begin, end, count)
        // What is before it has no documents.
        if (first !== undefined) cuts.push({ ...first, from: at }, ...others)
        at = end
        continue
      }
      sum += count
    }
    close(to)
    return cuts
  }

  let minMs: number | undefined
  let maxMs: number | undefined
  let dated = 0
  if (order !== undefined && window === undefined) {
    // A text: in order, but not in one that could be cut by time.
    dated = await store.count(index.name, sliceQuery(base, query), abort)
    if (dated > 0) add(base, dated, undefined, undefined)
  } else if (window !== undefined) {
    const range = { ...base, ...(sinceMs === undefined ? {} : { from: sinceMs }), ...(untilMs === undefined ? {} : { to: untilMs }) }
    const bounds = await store.bounds(index.name, sliceQuery(range, query), window, abort)
    dated = bounds.total
    ;({ minMs, maxMs } = bounds)
    if (dated > 0 && minMs !== undefined && maxMs !== undefined) {
      const from = Math.max(Math.floor(minMs / hourMs) * hourMs, sinceMs ?? Number.NEGATIVE_INFINITY)
      const to = Math.min((Math.floor(maxMs / hourMs) + 1) * hourMs, untilMs ?? Number.POSITIVE_INFINITY)
      for (const one of await cut(from, to, dated)) {
        const { name = '', kind = '' } = order ?? {}
        // µs within one ms; the same in every context, and equal documents stay together.
        const isFiner = kind === 'number' ? order?.perMs === 1000 : kind === 'date_nanos'
        const parts = one.items > most && isFiner && name !== '' ? Math.ceil(one.items / aim) : 1
        for (let part = 0; part < parts; part++) {
          const key = { ...base, from: one.from, to: one.to, ...(parts === 1 ? {} : { part, parts }) }
          add(key, Math.round(one.items / parts), one.from, one.to)
        }
      }
    }
  }
  const notes: string[] = []
  const undatedKey = { ...base, undated: true } as const
  const undated = await store.count(index.name, sliceQuery(undatedKey, query), abort)
  const skips = options.skipUndated && query.isTimeText !== true
  if (undated > 0) {
    if (skips) notes.push(`${undated} without a time are left out, as they are in no window of time`)
    else {
      if (query.isTimeText !== true) notes.push(`${undated} without a time`)
      add(undatedKey, undated, undefined, undefined)
    }
  }
  const items = dated + (skips ? 0 : undated)
  const group = {
    name: index.name,
    items,
    bytes: Math.round(items * weight),
    fromMs: minMs,
    toMs: maxMs === undefined ? undefined : maxMs + 1,
    note: notes.join('; '),
  }
  return { group, slices }
}

/** Midnight UTC of the date in an index's name, with or without separators; undefined without one. */
export function dateInName(name: string): number | undefined {
  const match = /(?:^|[^\d])(\d{4})([-._]?)(\d{2})\2(\d{2})(?:\2(\d{2}))?(?!\d)/.exec(name)
  if (match === null) return undefined
  const [, year, , month, day, hour = '0'] = match
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour) < 24 ? Number(hour) : 0)
  const isDate = new Date(ms).getUTCMonth() + 1 === Number(month) && Number(day) > 0
  return isDate ? ms : undefined
}

const dayMs = 24 * hourMs

/** Whether documents without a time are left out: those of an index whose date, if its name has one, is outside; of others whenever there are bounds. */
export function skipsUndated(name: string, sinceMs: number | undefined, untilMs: number | undefined): boolean {
  if (sinceMs === undefined && untilMs === undefined) return false
  const date = dateInName(name)
  if (date === undefined) return true
  return date + dayMs <= (sinceMs ?? Number.NEGATIVE_INFINITY) || date >= (untilMs ?? Number.POSITIVE_INFINITY)
}
