/** Rules before and after, over the past: when they were true. Section 12 of the conversion reference. */

import type { Verified } from '../model.ts'
import type { Series } from './answers.ts'
import { type CompareOptions, seriesKey } from './compare.ts'

/** Times at which each alert was true. */
function firing(series: readonly Series[], renames: Readonly<Record<string, string>>): Map<string, Set<number>> {
  const all = new Map<string, Set<number>>()
  for (const { labels, points } of series) {
    const key = seriesKey(labels, renames, false)
    const times = all.get(key) ?? new Set<number>()
    for (const time of points.keys()) times.add(time)
    all.set(key, times)
  }
  return all
}

/** @param dropAfter as of `compareSeries` */
export function compareFiring(old: readonly Series[], next: readonly Series[], options: CompareOptions, dropAfter: number): Verified {
  const before = firing(old, options.labels)
  const after = firing(next, {})
  let both = 0
  let missed = 0
  let extra = 0
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(key) ?? new Set<number>(), after.get(key) ?? new Set<number>()]
    for (const time of was) if (time < dropAfter) is.has(time) ? both++ : missed++
    for (const time of is) if (time < dropAfter && !was.has(time)) extra++
  }
  if (both + missed + extra === 0) return { verdict: 'not-proven', text: 'it was never true on either side' }
  const text = `true at ${both} points on both sides, ${missed} missed, ${extra} extra`
  if (missed + extra === 0) return { verdict: 'same', text }
  return { verdict: missed + extra <= both / 100 ? 'close' : 'different', text, worst: (missed + extra) / Math.max(1, both + missed) }
}
