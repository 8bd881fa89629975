/** Counters of section 14 of the mapping, out of what requests, the state and its assembler say. */

import { type Cell, cappedValues, type Metrics } from '../../telemetry/metrics.ts'
import type { PrometheusState } from '../../translate/prometheus/state.ts'
import { cellsByReason } from '../receive.ts'
import type { WriteReceipt } from './remote-write.ts'
import type { WriteBody } from './write-body.ts'

export interface WriteCounters {
  /** Counts what became of a request's samples. @param receipt undefined: it was not taken */
  request(body: WriteBody, receipt: Pick<WriteReceipt, 'samples' | 'histograms'> | undefined): void
  /** Takes over what the assembler has counted since the last time. */
  assembler(): void
}

interface TenantCells {
  readonly writtenFloats: Cell
  readonly refusedFloats: Cell
  readonly writtenHistograms: Cell
  readonly refusedHistograms: Cell
  readonly ha: Cell
  readonly outOfOrder: Cell
  readonly exemplars: (result: string) => Cell
  readonly histogramRefused: (reason: string) => Cell
}

const nothingWritten = { samples: 0, histograms: 0 }

export function createWriteCounters(metrics: Metrics, state: PrometheusState): WriteCounters {
  const tenants = new Map<string, TenantCells>()
  const emitted = cellsByReason((how) => metrics.counter('otlp_bridge_prometheus_assembler_emitted_total', { how }))
  const incomplete = cellsByReason((missing) => metrics.counter('otlp_bridge_prometheus_assembler_incomplete_total', { missing }))
  const late = metrics.counter('otlp_bridge_prometheus_assembler_late_total')
  const nonmonotonic = metrics.counter('otlp_bridge_prometheus_assembler_nonmonotonic_total')
  const shadowed = metrics.counter('otlp_bridge_prometheus_classic_shadowed_total')
  const pending = metrics.gauge('otlp_bridge_prometheus_assembler_pending')
  const streams = metrics.gauge('otlp_bridge_prometheus_streams')
  const evicted = metrics.counter('otlp_bridge_prometheus_streams_evicted_total')
  const targets = metrics.gauge('otlp_bridge_prometheus_target_info_entries')
  const switches = metrics.counter('otlp_bridge_prometheus_type_switch_total')

  const cellsOf = (tenant: string): TenantCells => {
    const samples = (kind: string, result: string): Cell =>
      metrics.counter('otlp_bridge_prometheus_samples_total', { kind, result, tenant })
    return {
      writtenFloats: samples('float', 'written'),
      refusedFloats: samples('float', 'refused'),
      writtenHistograms: samples('histogram', 'written'),
      refusedHistograms: samples('histogram', 'refused'),
      ha: metrics.counter('otlp_bridge_prometheus_ha_dropped_total', { tenant }),
      outOfOrder: metrics.counter('otlp_bridge_prometheus_out_of_order_total', { tenant }),
      exemplars: cellsByReason((result) => metrics.counter('otlp_bridge_prometheus_exemplars_total', { result, tenant })),
      histogramRefused: cellsByReason((reason) => metrics.counter('otlp_bridge_prometheus_histogram_refused_total', { reason, tenant })),
    }
  }

  metrics.onCollect(() => {
    pending.value = state.assembler.pending
    streams.value = state.streams.count
    evicted.value = state.streams.evicted
    targets.value = state.targets.size
    switches.value = state.types.switches
  })

  return {
    request({ tenant, kinds, consumed, outOfOrder, exemplarResults, histogramsRefused }, { samples, histograms } = nothingWritten) {
      let cells = tenants.get(tenant)
      if (cells === undefined) {
        // The metrics keep a cap of their own; this is only a shorter way to their cells.
        if (tenants.size > 2 * cappedValues) tenants.clear()
        tenants.set(tenant, (cells = cellsOf(tenant)))
      }
      cells.writtenFloats.value += samples
      cells.refusedFloats.value += kinds.floats - samples
      cells.writtenHistograms.value += histograms
      cells.refusedHistograms.value += kinds.histograms - histograms
      cells.outOfOrder.value += outOfOrder
      for (const [reason, count] of consumed) if (reason === 'ha') cells.ha.value += count
      for (const [result, count] of exemplarResults) cells.exemplars(result).value += count
      for (const [reason, count] of histogramsRefused) cells.histogramRefused(reason).value += count
    },
    assembler() {
      const counts = state.assembler.counts()
      for (const [how, count] of Object.entries(counts.emitted)) if (count > 0) emitted(how).value += count
      for (const [missing, count] of Object.entries(counts.incomplete)) if (count > 0) incomplete(missing).value += count
      late.value += counts.late
      nonmonotonic.value += counts.nonmonotonic
      shadowed.value += counts.shadowed
    },
  }
}
