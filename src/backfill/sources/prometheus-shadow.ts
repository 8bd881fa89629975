/**
 * Histograms that were scraped in both forms: the classic one is left out while native ones come, as live. What is live "within ten minutes of
 * arrival" is here by the samples' own times, so that nothing of before the change of form is lost. Section 6.3 of the mapping of Prometheus.
 */

import { hasNatives, type LabelText, labelOf, labelsKey, type PageSeries } from './prometheus-series.ts'

/** Of a sample: it is left out, or it is sent apart from the native ones of its name. */
export const Mark = { Shadowed: 1, Apart: 2 } as const

/** For how long a native histogram stands for the classic form. */
const standsMs = 600_000

const members: readonly (readonly [suffix: string, without: string])[] = [
  ['_bucket', 'le'],
  ['_count', ''],
  ['_sum', ''],
]

/** A mark for each sample of those series that are the classic form of native ones of the page. Undefined: there are none. */
export function shadowedBy(page: readonly PageSeries[]): ReadonlyMap<PageSeries, Uint8Array> | undefined {
  const natives = new Map<string, number[]>()
  for (const series of page) {
    if (!hasNatives(series)) continue
    const { labels, samples, from, to } = series
    const key = labelsKey(labels, '', labelOf(labels, '__name__'))
    const times = natives.get(key) ?? []
    for (let at = from; at < to; at++) if (samples.natives[at] !== undefined) times.push(samples.ms[at] as number)
    natives.set(key, times)
  }
  if (natives.size === 0) return undefined
  const marks = new Map<PageSeries, Uint8Array>()
  for (const series of page) {
    const times = nativeTimes(natives, series.labels)
    if (times !== undefined && series.to > series.from) marks.set(series, marksOf(series, times))
  }
  return marks.size === 0 ? undefined : marks
}

function nativeTimes(natives: ReadonlyMap<string, number[]>, labels: readonly LabelText[]): number[] | undefined {
  const name = labelOf(labels, '__name__')
  for (const [suffix, without] of members) {
    if (name.endsWith(suffix)) return natives.get(labelsKey(labels, without, name.slice(0, -suffix.length)))
  }
  return undefined
}

function marksOf({ samples, from, to }: PageSeries, times: readonly number[]): Uint8Array {
  const marks = new Uint8Array(to - from)
  let next = 0
  let last = Number.NEGATIVE_INFINITY
  for (let at = from; at < to; at++) {
    const ms = samples.ms[at] as number
    while (next < times.length && (times[next] as number) <= ms) last = times[next++] as number
    marks[at - from] = ms - last < standsMs ? Mark.Shadowed : Mark.Apart
  }
  return marks
}
