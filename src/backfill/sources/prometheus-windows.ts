/**
 * A slice of a Prometheus that is asked over HTTP: two hours of a share of its families. One family is asked for at a time, whole, so that classic
 * histograms come together; where it is too much at once, in shorter windows. Where it is going is all in the cursor, so that a slice that is gone on
 * with asks the same windows and cuts the same pages.
 */

import { BridgeError } from '../../errors.ts'
import { faultWord, sourceFault } from '../../read/patient-client.ts'
import { type ReadAnswer, type ReadRange, type ReadSeries, TooMuch, TornAnswer } from '../../read/prometheus-gather.ts'
import { familyOf } from '../../read/prometheus-tsdb/families.ts'
import type { Json, Page, TranslatedPage } from '../model.ts'
import type { SliceReader, SourceDeps } from '../source.ts'
import type { InfoTimeline } from './prometheus-info.ts'
import type { PrometheusPoints } from './prometheus-points.ts'
import { labelOf, labelsKey, type PageSeries, type StartState } from './prometheus-series.ts'
import { moveStarts } from './prometheus-starts.ts'

/** Names that belong together, by what is left of them without suffix. */
export interface FamilyNames {
  readonly family: string
  readonly names: readonly string[]
}

/** What is said of targets and scopes. */
export interface Infos {
  readonly targets: InfoTimeline
  readonly scopes: InfoTimeline
}

export interface WindowsOptions {
  readonly fromMs: number
  readonly toMs: number
  readonly cursor: Json | undefined
  readonly deps: Pick<SourceDeps, 'page' | 'distress' | 'sleep'>
  readonly points: PrometheusPoints
  /** For faults. */
  readonly where: string
  /** Families of the slice, by name. */
  families(abort: AbortSignal): Promise<readonly FamilyNames[]>
  infos(abort: AbortSignal): Promise<Infos>
  /** Throws TooMuch, TornAnswer, and what ends the slice. */
  read(names: readonly string[], range: ReadRange, abort: AbortSignal): Promise<ReadAnswer>
}

/** Samples of one answer: 32 bytes each. */
const mostSamples = 250_000
const mostBytes = 20 * 1024 * 1024
/** Of a millisecond, which cannot be cut. */
const mostOfOne = 2_000_000
const mostBytesOfOne = 128 * 1024 * 1024
/** So often an answer may break in a row. */
const mostTries = 6
const firstPauseMs = 500

/** `family`: the one that is read, or the first behind it; `at`, `width`: its window; `group`, `ms`: the last group that is out, or the first time of it that is not. */
interface Position {
  readonly family: string
  readonly at: number
  readonly width: number
  readonly group?: string
  readonly ms?: number
}

/** Series of one family that make one point a time. */
interface Group {
  readonly key: string
  readonly series: readonly ReadSeries[]
  readonly samples: number
}

const badCursor = (): BridgeError => sourceFault('source_error', 'cannot go on with a slice: its cursor is none of this source')

function positionOf(cursor: Json | undefined, fromMs: number, toMs: number): Position {
  if (cursor === undefined) return { family: '', at: fromMs, width: toMs - fromMs }
  const { family, at, width, group, ms } = (typeof cursor === 'object' && cursor !== null ? cursor : {}) as Record<string, unknown>
  if (typeof family !== 'string' || !Number.isSafeInteger(at) || !Number.isSafeInteger(width) || (width as number) < 1) throw badCursor()
  return {
    family,
    at: at as number,
    width: width as number,
    ...(typeof group === 'string' ? { group } : {}),
    ...(typeof ms === 'number' ? { ms } : {}),
  }
}

const groupKeyOf = ({ labels }: ReadSeries): string => {
  const name = labelOf(labels, '__name__')
  const family = familyOf(name)
  if (name.endsWith('_bucket')) return labelsKey(labels, 'le', family)
  return labelsKey(labels, name === family ? 'quantile' : '', family)
}

function groupsOf({ series }: ReadAnswer): readonly Group[] {
  const found = new Map<string, ReadSeries[]>()
  for (const one of series) {
    const key = groupKeyOf(one)
    const group = found.get(key)
    if (group === undefined) found.set(key, [one])
    else group.push(one)
  }
  return [...found]
    .map(([key, own]) => ({ key, series: own, samples: own.reduce((count, { samples }) => count + samples.count, 0) }))
    .sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : 0))
}

/** The first place in a sorted list whose key is not below `key`. */
function lowerBound<T>(list: readonly T[], keyOf: (one: T) => string, key: string): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keyOf(list[middle] as T) < key) low = middle + 1
    else high = middle
  }
  return low
}

const familyKey = ({ family }: FamilyNames): string => family
const groupKey = ({ key }: Group): string => key

/** The first place whose time is not below `ms`. */
function placeOf({ samples }: ReadSeries, ms: number): number {
  let low = 0
  let high = samples.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((samples.ms[middle] as number) < ms) low = middle + 1
    else high = middle
  }
  return low
}

/** The time before which so many samples of a group, from `ms` on, are at the most; later than the first of them. */
function cutOf({ series }: Group, ms: number, most: number): number {
  const times: number[] = []
  for (const one of series) for (let at = placeOf(one, ms); at < one.samples.count; at++) times.push(one.samples.ms[at] as number)
  times.sort((left, right) => left - right)
  if (times.length <= most) return Number.POSITIVE_INFINITY
  const cut = times[most] as number
  if (cut > (times[0] as number)) return cut
  return times.find((time) => time > cut) ?? Number.POSITIVE_INFINITY
}

/** Before the first sample of a page only what is in the same window is known. */
function before(series: ReadSeries, place: number): StartState | undefined {
  if (place === 0) return undefined
  const state: StartState = { startMs: 0, value: Number.NaN }
  moveStarts(state, { samples: series.samples, from: 0, to: place })
  return state.startMs === -1 ? { startMs: 0, value: Number.NaN } : state
}

const pagePart = (group: Group, fromMs: number, toMs: number): PageSeries[] =>
  group.series
    .map((one): PageSeries => {
      const from = placeOf(one, fromMs)
      return { labels: one.labels, samples: one.samples, from, to: placeOf(one, toMs), before: before(one, from) }
    })
    .filter(({ from, to }) => to > from)

/** What a page is being made of. */
interface Draft {
  readonly series: PageSeries[]
  samples: number
  bytes: number
  duplicates: number
  conflicts: number
}

export function createPrometheusWindows(options: WindowsOptions): SliceReader {
  const { fromMs, toMs, deps, points } = options
  let position: Position | undefined = positionOf(options.cursor, fromMs, toMs)
  let families: readonly FamilyNames[] | undefined
  let infos: Infos | undefined
  let window: { readonly toMs: number; readonly groups: readonly Group[]; readonly answer: ReadAnswer } | undefined

  /** Asks until an answer is whole: for less where it is too much, or breaks. */
  const fetch = async ({ names, family }: FamilyNames, abort: AbortSignal): Promise<NonNullable<typeof window>> => {
    for (let tries = 1; ; ) {
      const own = position as Position
      const to = Math.min(own.at + own.width, toMs)
      const isOne = to - own.at <= 1
      // What is out of a window already was cut by its width: it is asked for again as it is, though it may have grown.
      const isFresh = own.group === undefined && own.ms === undefined
      const maxSamples = isOne ? mostOfOne : isFresh ? mostSamples : 2 * mostSamples
      const maxBytes = isOne ? mostBytesOfOne : isFresh ? mostBytes : 2 * mostBytes
      const range = { fromMs: own.at, toMs: to, maxSamples, maxBytes }
      try {
        const answer = await options.read(names, range, abort)
        return { toMs: to, groups: groupsOf(answer), answer }
      } catch (error) {
        const place = `${family} ${new Date(own.at).toISOString()}`
        if (error instanceof TooMuch) {
          if (isOne)
            throw sourceFault('too_large', `cannot read ${place} of ${options.where}: ${error.message}; narrow it by --query`, place, error)
        } else if (error instanceof TornAnswer || faultWord(error) === 'partial_results') {
          const cause = (error as Error).message
          if (++tries > mostTries) {
            if (!(error instanceof TornAnswer)) throw error
            throw sourceFault('truncated', `cannot read ${place} of ${options.where}: ${cause}`, place, error)
          }
          deps.distress('torn_answer', 0)
          await deps.sleep(firstPauseMs * 2 ** (tries - 2))
        } else throw error
        const { group: _group, ms: _ms, ...rest } = own
        // What breaks once is asked for as it was: pages are cut alike then.
        const isLess = error instanceof TooMuch || tries > 2
        if (isFresh && !isOne && isLess) position = { ...rest, width: Math.ceil((to - own.at) / 2) }
        else if (error instanceof TooMuch) {
          throw sourceFault('too_large', `cannot read ${place} of ${options.where} again: it has grown`, place, error)
        }
      }
    }
  }

  const behindWindow = (own: Position, to: number, next: FamilyNames | undefined): Position | undefined => {
    if (to < toMs) return { family: own.family, at: to, width: Math.min(own.width, toMs - to) }
    return next === undefined ? undefined : { family: next.family, at: fromMs, width: toMs - fromMs }
  }

  /** Takes groups of the window until the page is full. True when there are no more in it. */
  const take = (own: Position, { groups }: NonNullable<typeof window>, draft: Draft): boolean => {
    const most = deps.page.items
    const from = own.group === undefined ? 0 : lowerBound(groups, groupKey, own.group)
    for (let at = from; at < groups.length; at++) {
      const group = groups[at] as Group
      const { group: done, ms } = position as Position
      if (group.key === done && ms === undefined) continue
      const begin = group.key === done && ms !== undefined ? ms : Number.NEGATIVE_INFINITY
      const left = begin === Number.NEGATIVE_INFINITY ? group.samples : Number.POSITIVE_INFINITY
      if (left <= most - draft.samples) {
        add(draft, pagePart(group, begin, Number.POSITIVE_INFINITY))
        position = { family: own.family, at: own.at, width: own.width, group: group.key }
        continue
      }
      if (draft.samples > 0) return false
      const cut = cutOf(group, begin, most)
      add(draft, pagePart(group, begin, cut))
      const isWhole = cut === Number.POSITIVE_INFINITY
      position = { family: own.family, at: own.at, width: own.width, group: group.key, ...(isWhole ? {} : { ms: cut }) }
      if (!isWhole) return false
    }
    return true
  }

  const add = (draft: Draft, series: readonly PageSeries[]): void => {
    for (const one of series) {
      draft.series.push(one)
      draft.samples += one.to - one.from
    }
  }

  const translated = (draft: Draft, own: Infos): TranslatedPage => {
    const result = points.translate({ series: draft.series, ...own, bytes: draft.bytes, where: options.where })
    const { duplicates, conflicts } = draft
    if (duplicates + conflicts === 0) return result
    const skipped = {
      ...result.skipped,
      ...(duplicates > 0 ? { duplicate_in_source: duplicates } : {}),
      ...(conflicts > 0 ? { conflict_in_source: conflicts } : {}),
    }
    return { ...result, read: result.read + duplicates + conflicts, skipped }
  }

  return {
    async next(abort) {
      if (position === undefined) return undefined
      families ??= await options.families(abort)
      infos ??= await options.infos(abort)
      const draft: Draft = { series: [], samples: 0, bytes: 0, duplicates: 0, conflicts: 0 }
      while (position !== undefined && draft.samples < deps.page.items) {
        if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read on: the run is stopping')
        const { family }: Position = position
        const place: number = lowerBound(families, familyKey, family)
        const current: FamilyNames | undefined = families[place]
        if (current === undefined) {
          position = undefined
          break
        }
        if (current.family !== position.family) {
          position = { family: current.family, at: fromMs, width: toMs - fromMs }
          window = undefined
        }
        if (window === undefined) {
          const isNew: boolean = position.group === undefined
          window = await fetch(current, abort)
          draft.bytes += window.answer.bytes
          if (isNew) {
            draft.duplicates += window.answer.duplicates
            draft.conflicts += window.answer.conflicts
          }
        }
        if (!take(position, window, draft)) break
        position = behindWindow(position, window.toMs, families[place + 1])
        window = undefined
      }
      const own = infos
      const cursor: Json = position === undefined ? { family: '\uffff', at: fromMs, width: 1 } : { ...position }
      return { cursor, last: position === undefined, translate: () => translated(draft, own) } satisfies Page
    },
    async rest() {
      window = undefined
    },
    async close() {
      window = undefined
      position = undefined
    },
  }
}
