/** In what order the samples of a page are translated: members of one histogram at one time together, others series by series. */

import type { LabelPlace, RequestFiller } from './prometheus-fill.ts'
import type { InfoTimeline } from './prometheus-info.ts'
import { labelOf, labelsKey, type PageSeries } from './prometheus-series.ts'
import { Mark } from './prometheus-shadow.ts'

/** A series on its way into a request. */
export interface Item {
  readonly series: PageSeries
  readonly name: string
  readonly place: LabelPlace
  /** Starts of its samples; undefined: those that they have. */
  readonly starts: Float64Array | undefined
  /** It has native histograms. */
  readonly isNative: boolean
  /** Undefined: all samples; else those with `Mark.Apart`. */
  readonly marks: Uint8Array | undefined
}

/** Times of one family that are put together at once; the assembler takes some more. */
const mostTimes = 1000

const suffixes = ['_bucket', '_count', '_sum'] as const

/** Where a page is cut, ascending, the first below everything: where what is said of targets changes, and where there are many times. */
export function edgesOf(
  {
    series,
    targets,
    scopes,
  }: { readonly series: readonly PageSeries[]; readonly targets?: InfoTimeline | undefined; readonly scopes?: InfoTimeline | undefined },
  minMs: number,
  maxMs: number,
): readonly number[] {
  const edges = new Set<number>([Number.NEGATIVE_INFINITY])
  for (const timeline of [targets, scopes]) {
    if (timeline === undefined || timeline.size === 0) continue
    const keys = new Set<string>()
    for (const { labels } of series) keys.add(timeline.keyOf(labels))
    for (const key of keys) for (const { fromMs } of timeline.of(key)) if (fromMs > minMs && fromMs <= maxMs) edges.add(fromMs)
  }
  for (const { samples, from, to, labels } of series) {
    if (to - from <= mostTimes || groupOf(labels) === undefined) continue
    for (let at = from + mostTimes; at < to; at += mostTimes) edges.add(samples.ms[at] as number)
  }
  return edges.size === 1 ? [...edges] : [...edges].sort((left, right) => left - right)
}

/** What a member of a histogram or summary belongs to, by its name alone; undefined: it is none. */
function groupOf(labels: PageSeries['labels']): string | undefined {
  const name = labelOf(labels, '__name__')
  for (const suffix of suffixes) {
    if (name.endsWith(suffix)) return labelsKey(labels, suffix === '_bucket' ? 'le' : '', name.slice(0, -suffix.length))
  }
  return labelOf(labels, 'quantile') === '' ? undefined : labelsKey(labels, 'quantile', name)
}

/** Writes the samples of `[fromMs, toMs)` as entries of a request. Native histograms come first: what comes beside them is known by then. */
export function entriesOf(items: readonly Item[], fromMs: number, toMs: number, filler: RequestFiller): void {
  const groups = new Map<string, Item[]>()
  const others: Item[] = []
  for (const item of items) {
    const key = item.isNative ? undefined : groupOf(item.series.labels)
    const group = key === undefined ? undefined : groups.get(key)
    if (key === undefined) others.push(item)
    else if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  for (const item of others) if (item.isNative) addMixed(item, fromMs, toMs, filler)
  for (const item of others) if (!item.isNative) addFloats(item, fromMs, toMs, filler)
  for (const group of groups.values()) {
    const [first] = group
    if (group.length === 1 && first !== undefined && first.marks === undefined) addFloats(first, fromMs, toMs, filler)
    else addGroup(group, fromMs, toMs, filler)
  }
}

/** The first place from `from` on whose time is not below `ms`. */
function placeOf({ samples, from, to }: PageSeries, ms: number): number {
  if (ms === Number.NEGATIVE_INFINITY) return from
  if (ms === Number.POSITIVE_INFINITY) return to
  let low = from
  let high = to
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((samples.ms[middle] as number) < ms) low = middle + 1
    else high = middle
  }
  return low
}

function addFloats({ series, place, starts }: Item, fromMs: number, toMs: number, filler: RequestFiller): void {
  const from = placeOf(series, fromMs)
  const to = placeOf(series, toMs)
  if (from === to) return
  filler.entry(place)
  filler.floats(series.samples, from, to, starts?.subarray(from - series.from, to - series.from))
}

/** A series with native histograms: an entry for each run of one kind, in order of time. */
function addMixed({ series, place, starts }: Item, fromMs: number, toMs: number, filler: RequestFiller): void {
  const { samples, from } = series
  const to = placeOf(series, toMs)
  for (let at = placeOf(series, fromMs); at < to; ) {
    filler.entry(place)
    const first = at
    for (let native = samples.natives[at]; native !== undefined && at < to; native = samples.natives[++at]) {
      filler.histogram(starts === undefined ? native : { ...native, startMs: starts[at - from] as number })
    }
    if (at > first) continue
    while (at < to && samples.natives[at] === undefined) at++
    filler.floats(samples, first, at, starts?.subarray(first - from, at - from))
  }
}

/** The members of a group, time by time: each sample is an entry. */
function addGroup(group: readonly Item[], fromMs: number, toMs: number, filler: RequestFiller): void {
  const count = group.length
  const at = group.map(({ series }) => placeOf(series, fromMs))
  const to = group.map(({ series }) => placeOf(series, toMs))
  for (;;) {
    let next = Number.POSITIVE_INFINITY
    for (let i = 0; i < count; i++) {
      const place = at[i] as number
      if (place >= (to[i] as number)) continue
      const ms = (group[i] as Item).series.samples.ms[place] as number
      if (ms < next) next = ms
    }
    if (next === Number.POSITIVE_INFINITY) return
    for (let i = 0; i < count; i++) {
      const place = at[i] as number
      const { series, marks, starts, place: labels } = group[i] as Item
      const { samples, from } = series
      if (place >= (to[i] as number) || samples.ms[place] !== next) continue
      at[i] = place + 1
      if (marks !== undefined && marks[place - from] !== Mark.Apart) continue
      filler.entry(labels)
      const startMs = (starts === undefined ? samples.startMs[place] : starts[place - from]) as number
      filler.sample(next, samples.hi[place] as number, samples.lo[place] as number, startMs)
    }
  }
}
