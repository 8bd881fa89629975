/** What became of a page's samples, counted. */

import type { Emission } from '../../translate/prometheus/assembler.ts'
import type { Consumed, WriteOutcome } from '../../translate/prometheus/write-outcome.ts'
import type { PageRequest, SourceFault, TranslatedPage } from '../model.ts'
import type { SampleSum } from './prometheus-sample-sum.ts'
import type { PageSeries } from './prometheus-series.ts'

/** Samples that say something about others: used up, and not lost. */
const takenUp: ReadonlySet<Consumed> = new Set<Consumed>(['target_info', 'scope_info', 'created', 'start'])

const incomplete = 'a histogram without _count and without the bucket +Inf, or a summary without _count'

/** Counts of one page. */
export class PageTally {
  minMs = Number.POSITIVE_INFINITY
  maxMs = Number.NEGATIVE_INFINITY
  private read = 0
  private readonly skipped = new Map<string, number>()
  private readonly faults: SourceFault[] = []
  private readonly requests: PageRequest[] = []
  private readonly where: string

  constructor(where: string) {
    this.where = where
  }

  /** All samples of a series; their identities go into `sum`. */
  series(series: PageSeries, sum: SampleSum): void {
    const { samples, from, to } = series
    if (from === to) return
    this.read += to - from
    sum.series(series)
    const { ms } = samples
    const first = ms[from] as number
    const last = ms[to - 1] as number
    if (first < this.minMs) this.minMs = first
    if (last > this.maxMs) this.maxMs = last
  }

  skip(reason: string, count: number): void {
    if (count > 0) this.skipped.set(reason, (this.skipped.get(reason) ?? 0) + count)
  }

  emitted({ incomplete: lost, late, shadowed, stale }: Emission): void {
    this.skip('late', late)
    this.skip('shadowed', shadowed)
    this.skip('stale', stale)
    if (lost === 0) return
    this.skip('histogram_incomplete', lost)
    this.faults.push({ reason: 'histogram_incomplete', where: this.where, message: incomplete })
  }

  took({ consumed, refusals, dropped, full }: WriteOutcome): void {
    for (const [reason, count] of consumed) if (!takenUp.has(reason)) this.skip(reason, count)
    for (const [reason, count] of dropped) this.skip(reason, count)
    this.skip('no_room', full)
    for (const { reason, count, example } of refusals.values()) {
      this.skip(reason, count)
      this.faults.push({ reason, where: this.where, message: example })
    }
  }

  add(data: Uint8Array, items: number): void {
    if (items > 0) this.requests.push({ signal: 'metrics', items, data })
  }

  result(bytes: number, sum: SampleSum): TranslatedPage {
    let lost = 0
    for (const count of this.skipped.values()) lost += count
    return {
      read: this.read,
      bytes,
      skipped: Object.fromEntries(this.skipped),
      faults: this.faults,
      translated: this.read - lost,
      requests: this.requests,
      sum: sum.take(),
      minMs: this.read === 0 ? undefined : this.minMs,
      maxMs: this.read === 0 ? undefined : this.maxMs,
    }
  }
}
