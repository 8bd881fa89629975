/** What a run came to: made of its ledger alone, at any time, so that it can be asked for long after. */

import { imbalance } from './counts.ts'
import type { Ledger, RunMeta, Summary } from './ledger.ts'
import { losses } from './losses.ts'
import type { Json, Reasons, SliceState } from './model.ts'
import type { Progress } from './progress.ts'
import { hintOf } from './reason-hints.ts'

export interface ReportReason {
  readonly reason: string
  readonly items: number
  readonly hint?: string | undefined
}

/** A slice that did not come through whole. */
export interface ReportSlice {
  readonly id: string
  readonly group: string
  readonly key: { readonly [name: string]: Json }
  readonly state: SliceState
  readonly reason: string
  readonly error: string
}

/** `complete`: everything is accounted for and nothing lost · `losses`: slices failed or items were lost · `unfinished` */
export type ReportResult = 'complete' | 'losses' | 'unfinished'

/** `version` grows when a field changes its meaning. */
export interface BackfillReport {
  readonly version: 1
  readonly result: ReportResult
  readonly run: string
  readonly tool: string
  readonly source: RunMeta['source']
  readonly options: RunMeta['options']
  readonly destination: string
  readonly mappingHash: string
  /** ISO 8601 */
  readonly created: string
  readonly cutover: string | undefined
  readonly slices: Readonly<Record<SliceState, number>>
  readonly planned: number
  /** Of the source; `read = translated + Σ skipped`. */
  readonly read: number
  readonly translated: number
  readonly skipped: readonly ReportReason[]
  /** OTLP items; `produced = acknowledged + Σ rejected + Σ dead`, but for pages that are out. */
  readonly produced: number
  readonly acknowledged: number
  readonly rejected: readonly ReportReason[]
  readonly dead: readonly ReportReason[]
  readonly resent: number
  readonly ambiguous: number
  readonly duplicates: number
  readonly conflicts: number
  /** Why the data is not what was stored; undefined: it is. */
  readonly approximate: string | undefined
  /** Countable things that lose nothing. */
  readonly notes: Reasons
  readonly bytesIn: number
  readonly bytesOut: number
  /** Item times, ISO 8601. */
  readonly from: string | undefined
  readonly to: string | undefined
  readonly elapsedMs: number
  /** Summed over slices that run side by side. */
  readonly phasesMs: { readonly read: number; readonly translate: number; readonly send: number; readonly wait: number }
  readonly ratePerSecond: number
  /** Of the process that made this report, when it ran the run. */
  readonly thisStart?: { readonly elapsedMs: number; readonly acknowledged: number }
  readonly failures: readonly ReportReason[]
  /** The first of those that failed, lost something or do not match. */
  readonly trouble: readonly ReportSlice[]
  /** How many more there are. */
  readonly troubleMore: number
  /** Of `verify`: what came to the source since it was read, and what is gone. */
  readonly sourceGrew: number
  readonly sourceShrank: number
  /** L1 holds over all slices that are done. */
  readonly balanced: boolean
}

/** So many slices are named. */
const mostTrouble = 50

const pageSize = 500

const troubled: readonly SliceState[] = ['failed', 'mismatch', 'done_with_losses']

const reasonsOf = (reasons: Reasons): readonly ReportReason[] =>
  Object.entries(reasons)
    .map(([reason, items]) => ({ reason, items, hint: hintOf(reason) }))
    .sort((a, b) => b.items - a.items || (a.reason < b.reason ? -1 : 1))

/** Whether anything is missing at the destination that was read, or was not read at all. */
export function resultOf({ slices, counts }: Pick<Summary, 'slices' | 'counts'>): ReportResult {
  if (slices.pending + slices.running > 0) return 'unfinished'
  return slices.failed + slices.mismatch + slices.done_with_losses + losses(counts) === 0 ? 'complete' : 'losses'
}

const iso = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString())

/** What the verdicts of `verify` say of the source, out of the sentence that is kept with each. */
export const verdictPattern = /^source (grew|shrank) ([+−-])(\d+)/

/** @param start what was done since the process was started; undefined: it is only asked for */
export async function reportOf(ledger: Ledger, start?: Pick<Progress, 'elapsedMs' | 'counts' | 'phases'>): Promise<BackfillReport> {
  const { meta } = ledger
  const summary = await ledger.summary()
  const { counts } = summary
  const trouble: ReportSlice[] = []
  let [found, grew, shrank] = [0, 0, 0]
  let [startedMs, endedMs] = [Number.POSITIVE_INFINITY, 0]
  let after: number | undefined
  for (;;) {
    const page = await ledger.slices({ limit: pageSize, ...(after === undefined ? {} : { after }) })
    for (const slice of page) {
      startedMs = Math.min(startedMs, slice.startedMs ?? Number.POSITIVE_INFINITY)
      endedMs = Math.max(endedMs, slice.endedMs ?? 0)
      const [, way, , amount] = verdictPattern.exec(slice.error) ?? []
      if (way === 'grew') grew += Number(amount)
      if (way === 'shrank') shrank += Number(amount)
      if (!troubled.includes(slice.state)) continue
      found++
      if (trouble.length >= mostTrouble) continue
      const { id, group, key, state, reason, error } = slice
      trouble.push({ id, group, key, state, reason, error })
    }
    after = page.at(-1)?.order
    if (page.length < pageSize || after === undefined) break
  }
  const elapsedMs = endedMs > startedMs ? endedMs - startedMs : 0
  return {
    version: 1,
    result: resultOf(summary),
    run: meta.run,
    tool: meta.toolVersion,
    source: meta.source,
    options: meta.options,
    destination: meta.destination,
    mappingHash: meta.mappingHash,
    created: new Date(meta.createdMs).toISOString(),
    cutover: iso(meta.cutoverMs),
    slices: summary.slices,
    planned: summary.planned,
    read: counts.read,
    translated: counts.translated,
    skipped: reasonsOf(counts.skipped),
    produced: counts.produced,
    acknowledged: counts.acked,
    rejected: reasonsOf(counts.rejected),
    dead: reasonsOf(counts.dead),
    resent: counts.resent,
    ambiguous: counts.ambiguous,
    duplicates: counts.skipped['duplicate_in_source'] ?? 0,
    conflicts: (counts.skipped['conflict_in_source'] ?? 0) + (counts.notes['conflict_in_source'] ?? 0),
    approximate: meta.source.approximate,
    notes: counts.notes,
    bytesIn: counts.bytesIn,
    bytesOut: counts.bytesOut,
    from: iso(counts.minMs),
    to: iso(counts.maxMs),
    elapsedMs,
    phasesMs: { read: counts.readMs, translate: counts.translateMs, send: counts.sendMs, wait: start?.phases.wait ?? 0 },
    ratePerSecond: elapsedMs === 0 ? 0 : (counts.acked * 1000) / elapsedMs,
    ...(start === undefined ? {} : { thisStart: { elapsedMs: start.elapsedMs, acknowledged: start.counts.acked } }),
    failures: reasonsOf(summary.failures),
    trouble,
    troubleMore: found - trouble.length,
    sourceGrew: grew,
    sourceShrank: shrank,
    balanced: imbalance(counts) === undefined,
  }
}
