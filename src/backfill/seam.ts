/**
 * Where history ends and live data begins: `--until cutover` (mapping §3.6). Items before the band are history, those behind it are live, and in the band
 * the bridge's own notes decide. A source with a seam is a source again: the engine knows nothing of it.
 *
 * ```
 *            T0 − g            T0            T0 + g
 *   ───────────┼────────────────┼───────────────┼──────────►  time of the item
 *   sent       │ sent, unless the bridge has it │ not sent        traces, logs
 *   sent, up to the first live point of its own stream; streams that never came live: up to T0      metrics
 * ```
 * What the bridge took of an older time than T0 − g (a client that was cut off) is left out as well, down to the least time that it noted.
 */

import type { Signal } from '../otlp/intake.ts'
import { eachIdentity } from '../otlp/seam-identity.ts'
import { openUnits, type UnitRange } from '../otlp/units.ts'
import type { Page, PageRequest, Reasons, TranslatedPage } from './model.ts'
import type { SeamIndex } from './seam-index.ts'
import type { SliceReader, Source } from './source.ts'

/** Where the history of one signal ends. */
export interface SignalCut {
  /** T0, ms: when the bridge first took anything of the formats that the source holds. */
  readonly firstMs: number
  /** g, ms. */
  readonly bandMs: number
  /** The least time of an item that the bridge took while it noted items; undefined: not known. */
  readonly leastMs: number | undefined
  /** T0 of services that came live later, or earlier, than the first: by `serviceHash`. */
  readonly services: ReadonlyMap<number, number>
  readonly index: SeamIndex
  /** The index has not all of what was taken: what it does not have is sent, and counted. */
  readonly isPartial: boolean
}

export type Cuts = Readonly<Partial<Record<Signal, SignalCut>>>

/** Why an item is left out; 0: it is not. Reasons are those of losses.ts. */
const reasons = ['', 'seam_duplicate', 'in_live', 'after_cutover'] as const
const [duplicate, live, after] = [1, 2, 3] as const

/** What became of the items of a request. */
class Judgement {
  readonly verdicts: Uint8Array
  readonly counts = [0, 0, 0, 0]
  seen = 0
  unproved = 0

  constructor(items: number) {
    this.verdicts = new Uint8Array(items)
  }

  add(verdict: number): void {
    if (this.seen < this.verdicts.length) this.verdicts[this.seen] = verdict
    this.seen++
    this.counts[verdict] = (this.counts[verdict] as number) + 1
  }
}

function judgeItems({ signal, items, data }: PageRequest, cut: SignalCut): Judgement {
  const { bandMs, index, services, leastMs = Number.POSITIVE_INFINITY } = cut
  const judged = new Judgement(items)
  eachIdentity(signal, data, (low, high, timeMs, service) => {
    const firstMs = services.get(service) ?? cut.firstMs
    if (timeMs >= firstMs + bandMs) judged.add(after)
    // Of an item without a time the index alone can say anything.
    else if (timeMs < firstMs - bandMs && timeMs < leastMs) judged.add(0)
    else if (index.has(low, high)) judged.add(duplicate)
    else {
      judged.add(0)
      if (cut.isPartial && !(timeMs < firstMs - bandMs)) judged.unproved++
    }
  })
  return judged
}

function judgePoints({ signal, items, data }: PageRequest, cut: SignalCut): Judgement {
  const { firstMs, index, isPartial, leastMs = Number.POSITIVE_INFINITY } = cut
  const judged = new Judgement(items)
  eachIdentity(signal, data, (low, high, timeMs) => {
    const streamMs = index.timeMs(low, high)
    if (streamMs === undefined) {
      judged.add(timeMs >= firstMs ? after : 0)
      if (isPartial && timeMs < firstMs && timeMs >= leastMs) judged.unproved++
    } else judged.add(timeMs >= streamMs ? live : 0)
  })
  return judged
}

/** The runs of units that stay. */
function kept(verdicts: Uint8Array): readonly UnitRange[] {
  const ranges: [number, number][] = []
  for (let at = 0; at < verdicts.length; at++) {
    if (verdicts[at] !== 0) continue
    const last = ranges.at(-1)
    if (last?.[1] === at) last[1] = at + 1
    else ranges.push([at, at + 1])
  }
  return ranges
}

/** Time before which nothing of a signal can be left out. */
function safeBeforeMs({ firstMs, bandMs, leastMs = Number.POSITIVE_INFINITY, services, index }: SignalCut, signal: Signal): number {
  if (signal === 'metrics') return Math.min(firstMs, index.leastMs ?? Number.POSITIVE_INFINITY)
  let least = firstMs
  for (const one of services.values()) least = Math.min(least, one)
  return Math.min(least - bandMs, leastMs)
}

/** Items of the source, by share, where a point is made of several. The sum of the parts is never more than the whole. */
function sharesOf(counts: readonly number[], produced: number, translated: number): Reasons {
  const found: Record<string, number> = {}
  let items = 0
  let taken = 0
  for (const [at, count] of counts.entries()) {
    const reason = reasons[at]
    if (reason === undefined || reason === '' || count === 0) continue
    items += count
    const upTo = produced === 0 ? 0 : Math.round((translated * items) / produced)
    if (upTo > taken) found[reason] = upTo - taken
    taken = upTo
  }
  return found
}

/** Leaves out of a page what is live. A page that is history as a whole comes back as it is. Same page and same notes, same result. */
export type SeamFilter = (page: TranslatedPage) => TranslatedPage

/** A signal without a cut passes. */
export function createSeamFilter(cuts: Cuts): SeamFilter {
  const safe = new Map<Signal, number>()
  for (const signal of ['traces', 'metrics', 'logs'] as const) {
    const cut = cuts[signal]
    if (cut !== undefined) safe.set(signal, safeBeforeMs(cut, signal))
  }
  return (page) => {
    const { maxMs } = page
    const requests: PageRequest[] = []
    const counts = [0, 0, 0, 0]
    let produced = 0
    let unproved = 0
    for (const request of page.requests) {
      const { signal, items, data } = request
      produced += items
      const cut = cuts[signal]
      if (cut === undefined || items === 0 || (maxMs !== undefined && maxMs < (safe.get(signal) ?? 0))) {
        requests.push(request)
        continue
      }
      const judged = signal === 'metrics' ? judgePoints(request, cut) : judgeItems(request, cut)
      const left = judged.counts[0] as number
      if (left === judged.seen) {
        unproved += judged.unproved
        requests.push(request)
        continue
      }
      const row = left === 0 ? undefined : openUnits(signal, data)
      // Points that cannot be told apart go as they are.
      if (judged.seen !== items || (row !== undefined && row.units !== items)) {
        unproved += items
        requests.push(request)
        continue
      }
      unproved += judged.unproved
      for (const [at, count] of judged.counts.entries()) counts[at] = (counts[at] as number) + count
      if (row !== undefined) requests.push({ signal, items: left, data: row.build(kept(judged.verdicts)) })
    }
    const out = (counts[duplicate] as number) + (counts[live] as number) + (counts[after] as number)
    const notes = unproved === 0 ? page.notes : { ...page.notes, seam_unproved: (page.notes?.['seam_unproved'] ?? 0) + unproved }
    if (out === 0) return unproved === 0 ? page : { ...page, notes }
    const shares = sharesOf(counts, produced, page.translated)
    const skipped: Record<string, number> = { ...page.skipped }
    let translated = page.translated
    for (const [reason, items] of Object.entries(shares)) {
      skipped[reason] = (skipped[reason] ?? 0) + items
      translated -= items
    }
    return { ...page, requests, skipped, translated, notes }
  }
}

/** The source, of which pages come without what is live. */
export function withSeam(source: Source, filter: SeamFilter): Source {
  const pageOf = (page: Page): Page => ({ cursor: page.cursor, last: page.last, translate: () => filter(page.translate()) })
  const readerOf = (reader: SliceReader): SliceReader => ({
    async next(abort) {
      const page = await reader.next(abort)
      return page && pageOf(page)
    },
    rest: () => reader.rest(),
    close: () => reader.close(),
  })
  return {
    ...source,
    plan: (abort) => source.plan(abort),
    open: (slice, cursor) => readerOf(source.open(slice, cursor)),
    count: (slice, deep, abort) => source.count(slice, deep, abort),
    close: () => source.close(),
  }
}
