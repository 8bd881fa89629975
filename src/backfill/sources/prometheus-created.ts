/**
 * `…_created`: the starts of other series, in Unix seconds. Live they hold from when they came; here both are read together, so that each sample
 * gets the start that was said when it was taken. Section 7.4 of the mapping of Prometheus.
 */

import { type LabelText, labelOf, labelsKey, type PageSeries } from './prometheus-series.ts'
import { doubleOf } from './prometheus-starts.ts'

const suffix = '_created'

/** Suffixes of what has a start, and the label that tells members of one family apart. */
const told: readonly (readonly [suffix: string, without: string])[] = [
  ['_bucket', 'le'],
  ['_count', ''],
  ['_sum', ''],
  ['_total', ''],
]

export const isCreated = (labels: readonly LabelText[]): boolean => labelOf(labels, '__name__').endsWith(suffix)

export interface CreatedStarts {
  /** True when something of the page has its start from this series. */
  isUsed(series: PageSeries): boolean
  /** A start for each sample of a series: its own, that of `…_created`, or else that of `others`. Undefined: as the samples say. */
  starts(series: PageSeries, others: Float64Array | undefined): Float64Array | undefined
}

/** Finds out what the `…_created` series of a page are the starts of. */
export function createdStarts(page: readonly PageSeries[]): CreatedStarts {
  const byKey = new Map<string, PageSeries>()
  for (const series of page) {
    const name = labelOf(series.labels, '__name__')
    if (name.endsWith(suffix)) byKey.set(labelsKey(series.labels, '', name.slice(0, -suffix.length)), series)
  }
  const of = (series: PageSeries): PageSeries | undefined => {
    const name = labelOf(series.labels, '__name__')
    if (name.endsWith(suffix)) return undefined
    for (const [end, without] of told) {
      if (!name.endsWith(end)) continue
      const found = byKey.get(labelsKey(series.labels, without, name.slice(0, -end.length)))
      if (found !== undefined) return found
    }
    return byKey.get(labelsKey(series.labels, 'quantile', name))
  }
  const found = new Map<PageSeries, PageSeries>()
  const used = new Set<PageSeries>()
  for (const series of page) {
    const created = of(series)
    if (created === undefined) continue
    found.set(series, created)
    // A sum by itself is no family.
    if (!labelOf(series.labels, '__name__').endsWith('_sum')) used.add(created)
  }
  return {
    isUsed: (series) => used.has(series),
    starts(series, others) {
      const created = found.get(series)
      if (created === undefined) return others
      const { samples, from, to } = series
      const out = new Float64Array(to - from)
      let next = created.from
      let startMs = 0
      for (let at = from; at < to; at++) {
        const ms = samples.ms[at] as number
        for (; next < created.to && (created.samples.ms[next] as number) <= ms; next++) {
          const value = Math.round(doubleOf(created.samples.hi[next] as number, created.samples.lo[next] as number) * 1000)
          startMs = Number.isNaN(value) ? 0 : Math.max(value, 0)
        }
        out[at - from] = (samples.startMs[at] as number) || (startMs <= ms ? startMs : 0) || (others?.[at - from] ?? 0)
      }
      return out
    },
  }
}
