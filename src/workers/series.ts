/** Metrics of several processes as those of one: counters and histograms are summed, gauges by what they mean. */

import { metricTable } from '../telemetry/metric-table.ts'
import type { BooksSums, Cell, HistogramCell, MetricName, Metrics } from '../telemetry/metrics.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import type { PlainCell, PlainSeries } from './protocol.ts'

/** Gauges of which the sum over several processes means nothing. */
const notSummed: Readonly<Partial<Record<MetricName, (one: number, other: number) => number>>> = {
  otlp_bridge_queue_oldest_age_seconds: Math.max,
  // All workers look into one store, and each sees all of it.
  otlp_bridge_queue_dead_items: Math.max,
  otlp_bridge_queue_stranded_items: Math.max,
  otlp_bridge_queue_stored_bytes: Math.max,
  otlp_bridge_mirror_queue_oldest_age_seconds: Math.max,
  otlp_bridge_mirror_queue_dead_items: Math.max,
  otlp_bridge_cache_full: Math.max,
  otlp_bridge_tls_certificate_end_seconds: Math.min,
}

type Series = ReturnType<Metrics['collect']>

const isHistogram = (cell: PlainCell | Cell | HistogramCell): cell is Extract<PlainCell, { counts: readonly number[] }> => 'counts' in cell

/** Cells without their functions: what can be sent to another process. */
export function plainSeries(series: Series): PlainSeries {
  return [...series].map(([name, cells]) => [
    name,
    cells.map(
      (cell): PlainCell =>
        isHistogram(cell) ? { labels: cell.labels, counts: cell.counts, sum: cell.sum } : { labels: cell.labels, value: cell.value },
    ),
  ])
}

/** Only what never goes down: what stays of a process that has ended. */
export function countersOf(series: PlainSeries): PlainSeries {
  return series.filter(([name]) => metricTable[name].kind !== 'gauge')
}

const add = (into: Metrics, name: MetricName, cell: PlainCell, seen: Set<Cell>): void => {
  const labels = { ...cell.labels }
  if (isHistogram(cell)) {
    const target = into.histogram(name as 'otlp_bridge_stage_seconds', labels)
    for (const [at, count] of cell.counts.entries()) target.counts[at] = (target.counts[at] ?? 0) + count
    target.sum += cell.sum
    return
  }
  const { format, signal, destination } = labels
  // Books are known by having been opened.
  if (format !== undefined && signal !== undefined) {
    const books = into.books(format, signal)
    if (destination !== undefined) books.at(destination)
  }
  const target = into.counter(name as 'otlp_bridge_received_items_total', labels)
  const merge = notSummed[name]
  target.value = merge === undefined ? target.value + cell.value : seen.has(target) ? merge(target.value, cell.value) : cell.value
  seen.add(target)
}

/** Joins the series of several processes. @param destinations those whose books are kept */
export function joinSeries(parts: readonly PlainSeries[], destinations: readonly string[]): Metrics {
  const joined = createMetrics()
  const seen = new Set<Cell>()
  for (const part of parts) for (const [name, cells] of part) for (const cell of cells) add(joined, name, cell, seen)
  if (destinations.length > 0) joined.setDestinations(destinations)
  return joined
}

/** Books by format, signal and destination. */
export const booksKey = ({ format, signal, destination }: Pick<BooksSums, 'format' | 'signal' | 'destination'>): string =>
  `${format}\n${signal}\n${destination}`
