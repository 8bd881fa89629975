/** One label group of a slice on its way into pages: of all its series the samples of the same times. */

import type { MergedSeries } from '../../read/prometheus-tsdb/merged-series.ts'
import type { Samples } from '../../read/prometheus-tsdb/samples.ts'
import type { NativeHistogram } from '../../translate/prometheus/model.ts'
import type { LabelText, PageSeries, StartState } from './prometheus-series.ts'
import { moveStarts } from './prometheus-starts.ts'

/** What a page is until it is full. */
export class PageDraft {
  readonly series: PageSeries[] = []
  /** Of all its series, one behind the other. */
  readonly samples: Samples
  items = 0
  /** About what it will be as OTLP. */
  bytes = 0
  /** By place in `skipReasons`. */
  readonly skips: number[] = []

  /** @param samples empty */
  constructor(samples: Samples) {
    this.samples = samples
  }
}

export interface PageLimits {
  readonly items: number
  readonly bytes: number
}

/** Decoded at once where samples are only passed by. */
const stride = 256
/** Of a point, beside its labels: times, value, frames. */
const pointBytes = 48

interface Member {
  readonly series: MergedSeries
  /** One array for all pages: what is known of it is looked up by it. */
  readonly labels: readonly LabelText[]
  readonly labelBytes: number
  /** Undefined where starts are not asked for. */
  readonly state: StartState | undefined
}

export interface GroupOptions {
  /** Samples before are looked at for starts alone. */
  readonly fromMs: number
  /** Samples up to it are in earlier pages. */
  readonly afterMs: number
  readonly withStarts: boolean
}

export class TsdbGroup {
  readonly key: number
  private readonly members: readonly Member[]

  constructor(key: number, series: readonly MergedSeries[], options: GroupOptions) {
    this.key = key
    this.members = series.map((one) => ({
      series: one,
      labels: one.labels,
      labelBytes: one.labels.reduce((sum, text) => sum + text.length + 4, 0),
      // Nothing before its first sample: it begins there.
      state: options.withStarts ? { startMs: -1, value: Number.NaN } : undefined,
    }))
    const unwanted: number[] = []
    for (const member of this.members) passBy(member, Math.max(options.afterMs, options.fromMs - 1), unwanted)
  }

  /**
   * Takes samples into a page: of as many whole times as there is room for, of one at least where it is empty. Returns the last time that was taken,
   * `done` when nothing is left, `full` when the page has no room for one.
   */
  take(page: PageDraft, limits: PageLimits): number | 'done' | 'full' {
    const { members } = this
    const room = Math.min(
      Math.floor((limits.items - page.items) / members.length),
      Math.floor((limits.bytes - page.bytes) / Math.max(1, this.weight())),
    )
    if (room < 1 && page.items > 0) return 'full'
    const most = Math.max(1, room)
    let upTo = Number.POSITIVE_INFINITY
    for (const { series } of members) if (series.fill(most)) upTo = Math.min(upTo, series.pending.ms[most - 1] as number)
    for (const member of members) takeSeries(member, upTo, page)
    return upTo === Number.POSITIVE_INFINITY ? 'done' : upTo
  }

  /** Nothing of it is looked at any more. */
  close(): void {
    for (const { series } of this.members) series.close()
  }

  /** Of one sample of each series, in bytes. */
  private weight(): number {
    let bytes = 0
    for (const { series, labelBytes } of this.members) {
      if (!series.fill(1)) continue
      bytes += labelBytes + pointBytes + bucketBytes(series.pending.natives[0])
    }
    return bytes
  }
}

function bucketBytes(native: NativeHistogram | undefined): number {
  if (native === undefined) return 0
  const { positiveDeltas, negativeDeltas, positiveCounts, negativeCounts, customValues } = native
  return 3 * (positiveDeltas.length + negativeDeltas.length + positiveCounts.length + negativeCounts.length) + 8 * customValues.length
}

/** Moves on behind a time. What was left out up to then was counted before. */
function passBy({ series, state }: Member, upToMs: number, unwanted: number[]): void {
  for (let more = true; more; ) {
    more = series.fill(stride)
    const { pending } = series
    const count = countUpTo(pending.ms, pending.count, upToMs)
    if (state !== undefined) moveStarts(state, { samples: pending, from: 0, to: count })
    const isPast = count < pending.count
    pending.drop(count)
    if (isPast) break
  }
  series.takeSkips(upToMs, unwanted)
}

function countUpTo(ms: Float64Array, count: number, upToMs: number): number {
  if (count === 0 || (ms[count - 1] as number) <= upToMs) return count
  let at = 0
  while ((ms[at] as number) <= upToMs) at++
  return at
}

function takeSeries({ series, labels, labelBytes, state }: Member, upToMs: number, page: PageDraft): void {
  const { pending } = series
  const count = countUpTo(pending.ms, pending.count, upToMs)
  if (count > 0) {
    const { samples } = page
    const from = samples.count
    samples.append(pending, 0, count)
    page.series.push({
      labels,
      samples,
      from,
      to: samples.count,
      before: state === undefined ? undefined : { startMs: state.startMs, value: state.value },
    })
    page.items += count
    page.bytes += count * (labelBytes + pointBytes)
    for (let at = from; at < samples.count; at++) page.bytes += bucketBytes(samples.natives[at])
    if (state !== undefined) moveStarts(state, { samples: pending, from: 0, to: count })
    pending.drop(count)
  }
  series.takeSkips(upToMs, page.skips)
}
