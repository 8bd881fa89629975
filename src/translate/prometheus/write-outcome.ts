/** What became of one remote-write request. Used again for the next one. */

import { MetricPoints } from '../../otlp/metrics.ts'
import type { Emission } from './assembler.ts'
import type { WriteRequest } from './model.ts'
import { describeSeries, type Refusal } from './series-labels.ts'
import type { WaitingSeries } from './waits.ts'

/** What was refused for one reason. */
export interface Refused {
  readonly reason: string
  /** Samples and histograms; 0: only exemplars or metadata. */
  count: number
  /** Series or exemplars, for the sender. */
  times: number
  /** The first of them: names the series and says why. */
  readonly example: string
}

/** Why samples were used up without a point of their own. */
export type Consumed = 'duplicate' | 'target_info' | 'scope_info' | 'created' | 'late' | 'shadowed' | 'stale' | 'ha' | 'start' | 'no_state'

/**
 * Bytes that attributes and buckets of one request's points may take: each sample repeats the labels of its series, so that some megabytes can
 * ask for gigabytes.
 */
export const maxPointBytes = 128 * 1024 * 1024

/** Bytes of exemplars of one request. */
export const maxExemplarsBytes = 8 * 1024 * 1024

export class WriteOutcome {
  /** Points to send, those of assembled histograms among them. */
  readonly points = new MetricPoints()
  /** Float samples and native histograms in the request. */
  receivedFloats = 0
  receivedHistograms = 0
  /** Written, for the headers of 2.0: everything but what was refused. */
  samples = 0
  histograms = 0
  exemplars = 0
  /** Samples that wait in the assembler now. */
  held = 0
  readonly consumed = new Map<Consumed, number>()
  readonly refusals = new Map<string, Refused>()
  /** Left out because an option says so, by reason: lost on purpose. */
  readonly dropped = new Map<string, number>()
  /** Native histograms refused or dropped, by reason. */
  readonly histogramsRefused = new Map<string, number>()
  readonly exemplarResults = { attached: 0, held: 0, duplicate: 0, dropped: 0 }
  /** True when there was an exemplar in it. */
  exemplarsSeen = false
  outOfOrder = 0
  /** Starts that are later than their points, and were left out. */
  startsAfter = 0
  /** Samples that the assembler has no room for now. */
  full = 0
  /** Of {@link maxPointBytes} and {@link maxExemplarsBytes}, what is left. */
  room = maxPointBytes
  exemplarRoom = maxExemplarsBytes
  /** Points that the assembler gave, and the samples in them. */
  emission: Emission | undefined
  /** Places of streams whose last time was moved by this request. */
  touched = new Int32Array(1024)
  touchedCount = 0
  /** Samples that would have waited, had there been room. */
  hurried = 0
  /** A number of this request, larger than those before. */
  turn = 0
  /** Series that wait and were not looked at. What they have counts as written. */
  readonly waits: WaitingSeries[] = []
  /** Series with samples in the assembler, in order: the series, its family and its time, three by three. */
  readonly members: number[] = []

  clear(): void {
    this.points.clear()
    this.receivedFloats = 0
    this.receivedHistograms = 0
    this.samples = 0
    this.histograms = 0
    this.exemplars = 0
    this.held = 0
    this.consumed.clear()
    this.refusals.clear()
    this.dropped.clear()
    this.histogramsRefused.clear()
    this.exemplarResults.attached = 0
    this.exemplarResults.held = 0
    this.exemplarResults.duplicate = 0
    this.exemplarResults.dropped = 0
    this.exemplarsSeen = false
    this.outOfOrder = 0
    this.startsAfter = 0
    this.full = 0
    this.room = maxPointBytes
    this.exemplarRoom = maxExemplarsBytes
    this.emission = undefined
    this.touchedCount = 0
    this.hurried = 0
    this.waits.length = 0
    this.members.length = 0
  }

  consume(reason: Consumed, count = 1): void {
    this.consumed.set(reason, (this.consumed.get(reason) ?? 0) + count)
  }

  /** Refuses so many items of a series; the first of each reason is the example. */
  refuse({ reason, why }: Refusal, count: number, request: WriteRequest, series: number): void {
    const found = this.refusals.get(reason)
    if (found === undefined) {
      this.refusals.set(reason, { reason, count, times: 1, example: `series ${series} ${describeSeries(request, series)}: ${why}` })
    } else {
      found.count += count
      found.times++
    }
  }

  touch(place: number): void {
    if (this.touchedCount === this.touched.length) {
      const larger = new Int32Array(this.touched.length * 2)
      larger.set(this.touched)
      this.touched = larger
    }
    this.touched[this.touchedCount++] = place
  }
}
