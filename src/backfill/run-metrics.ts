/** A run in numbers for whoever scrapes it (mapping backfill.md §6); rates and requests are counted where they happen. */

import type { Metrics } from '../telemetry/metrics.ts'
import type { Summary } from './ledger.ts'
import type { Progress } from './progress.ts'

/** Sets the cells to where the run is. Counters only grow: `progress` counts since the start of the process. */
export function publishRun(metrics: Metrics, source: string, progress: Progress, summary: Summary | undefined): void {
  const { counts, phases } = progress
  const items = (result: string, count: number, reason = ''): void => {
    metrics.counter('otlp_bridge_backfill_items_total', { source, result, reason }).value = count
  }
  items('read', counts.read)
  items('translated', counts.translated)
  items('produced', counts.produced)
  items('acknowledged', counts.acked)
  items('ambiguous', counts.ambiguous)
  for (const result of ['skipped', 'rejected', 'dead'] as const) {
    for (const [reason, count] of Object.entries(counts[result])) items(result, count, reason)
  }
  metrics.counter('otlp_bridge_backfill_bytes_total', { source, direction: 'in' }).value = counts.bytesIn
  metrics.counter('otlp_bridge_backfill_bytes_total', { source, direction: 'out' }).value = counts.bytesOut
  metrics.counter('otlp_bridge_backfill_resent_items_total', { source }).value = counts.resent
  for (const [phase, ms] of Object.entries(phases)) {
    metrics.counter('otlp_bridge_backfill_page_seconds_total', { source, phase }).value = ms / 1000
  }
  if (progress.frontierMs !== undefined)
    metrics.gauge('otlp_bridge_backfill_frontier_seconds', { source }).value = progress.frontierMs / 1000
  for (const [state, count] of Object.entries(summary?.slices ?? {})) {
    metrics.gauge('otlp_bridge_backfill_slices', { source, state }).value = count
  }
}
