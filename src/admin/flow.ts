/** What flowed lately: rates over the last minute, and a day of minutes in memory for charts of a bridge that keeps no books. */

import type { SeriesMetric } from './api.ts'
import type { Counters } from './endpoints.ts'
import type { SeriesAnswer } from './sources.ts'

const minuteMs = 60_000
const day = 1440
/** Endpoints that are remembered; there are some ten. */
const maxEndpoints = 32

const lines = ['in', 'old', 'new', 'queue', 'age'] as const

type Line = (typeof lines)[number]

type History = Readonly<Record<Line, Float64Array>>

export interface Flow {
  /** Notes how things stand; keeps what it is given. To be called at least every 10 s for the charts, and before rates are read. */
  note(counters: ReadonlyMap<string, Counters>): void
  /** A minute, over the last minute. @param endpoint undefined: all of them */
  rate(endpoint: string | undefined, what: 'items' | 'bytes' | 'newItems' | 'oldItems'): number
  /** @param endpoint undefined: all of them @param minutes 1 to 1440 */
  series(endpoint: string | undefined, metric: SeriesMetric, minutes: number): SeriesAnswer
}

interface Sample {
  readonly atMs: number
  readonly counters: ReadonlyMap<string, Counters>
}

const emptyHistory = (): History => {
  const line = (): Float64Array => new Float64Array(day).fill(Number.NaN)
  return { in: line(), old: line(), new: line(), queue: line(), age: line() }
}

/** Counters only rise; one that fell belongs to a process that began anew. */
const growth = (now: number, before: number): number => Math.max(0, now - before)

/** @param nowMs wall clock: minutes are those of the clock on the wall */
export function createFlow(nowMs: () => number): Flow {
  const samples: Sample[] = []
  const histories = new Map<string, History>()
  let minute: number | undefined
  let firstMs: number | undefined
  let previous: ReadonlyMap<string, Counters> | undefined

  const historyOf = (endpoint: string): History | undefined => {
    let found = histories.get(endpoint)
    if (found === undefined && histories.size < maxEndpoints) histories.set(endpoint, (found = emptyHistory()))
    return found
  }

  /** Minutes that nobody looked at are unknown, not 0. */
  const turn = (to: number): void => {
    if (minute !== undefined && to > minute) {
      const from = Math.max(minute + 1, to - day + 1)
      for (const history of histories.values())
        for (const line of lines) for (let at = from; at <= to; at++) history[line][at % day] = Number.NaN
    }
    minute = to
  }

  const newest = (): Sample | undefined => samples.at(-1)

  return {
    note(counters) {
      const atMs = nowMs()
      const last = newest()
      firstMs ??= atMs
      if (last !== undefined && atMs < last.atMs) samples.length = 0
      turn(Math.floor(atMs / minuteMs))
      const slot = (minute ?? 0) % day
      for (const [endpoint, one] of counters) {
        const history = historyOf(endpoint)
        if (history === undefined) continue
        const before = previous?.get(endpoint)
        const add = (line: Line, by: number): void => {
          const value = history[line][slot] ?? Number.NaN
          history[line][slot] = (Number.isNaN(value) ? 0 : value) + by
        }
        // At the first look everything is what an earlier minute received, unless the bridge has just begun.
        add('in', growth(one.items, before?.items ?? (previous === undefined ? one.items : 0)))
        add('new', growth(one.newItems, before?.newItems ?? (previous === undefined ? one.newItems : 0)))
        add('old', growth(one.oldItems, before?.oldItems ?? (previous === undefined ? one.oldItems : 0)))
        history.queue[slot] = one.queueItems
        history.age[slot] = one.ageSeconds
      }
      previous = counters
      if (last !== undefined && atMs - last.atMs < 500) return
      samples.push({ atMs, counters })
      while (samples.length > 2 && (samples[1]?.atMs ?? atMs) <= atMs - minuteMs) samples.shift()
    },
    rate(endpoint, what) {
      const [oldest, last] = [samples[0], newest()]
      if (oldest === undefined || last === undefined || last.atMs <= oldest.atMs) return 0
      const names = endpoint === undefined ? [...last.counters.keys()] : [endpoint]
      const by = names.reduce((sum, name) => sum + growth(last.counters.get(name)?.[what] ?? 0, oldest.counters.get(name)?.[what] ?? 0), 0)
      // In the first minute nothing is made up: what came is what there was.
      return (by * minuteMs) / Math.max(minuteMs, last.atMs - oldest.atMs)
    },
    series(endpoint, metric, minutes) {
      // The minute under way is not over: it would look like a fall.
      const to = Math.floor(nowMs() / minuteMs) - 1
      const values = Array.from({ length: minutes }, (_, at): number | null => {
        const wanted = to - minutes + 1 + at
        if (minute === undefined || wanted > minute || wanted <= minute - day) return null
        let sum: number | null = null
        for (const [name, history] of histories) {
          if (endpoint !== undefined && name !== endpoint) continue
          const value = history[metric][wanted % day] ?? Number.NaN
          if (!Number.isNaN(value)) sum = metric === 'age' ? Math.max(sum ?? 0, value) : (sum ?? 0) + value
        }
        return sum
      })
      return { stepSeconds: 60, fromMs: (to - minutes + 1) * minuteMs, values, sinceMs: firstMs }
    },
  }
}
