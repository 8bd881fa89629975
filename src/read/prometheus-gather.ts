/** Series that are gathered out of an answer: parts of one come one after the other, are cut to the range, and are put in order where they overlap. */

import { staleHi, staleLo } from '../translate/prometheus/model.ts'
import { Samples } from './prometheus-tsdb/samples.ts'

/** One series of an answer. */
export interface ReadSeries {
  /** Name, value, name, value, …, by name. */
  readonly labels: readonly string[]
  /** Ascending, no time twice. */
  readonly samples: Samples
}

/** All that an answer has of the range. */
export interface ReadAnswer {
  readonly series: readonly ReadSeries[]
  /** Samples of all series. */
  readonly samples: number
  /** As they came over the wire. */
  readonly bytes: number
  /** Samples that were there twice: the same, and with another value (the first one counts). */
  readonly duplicates: number
  readonly conflicts: number
}

/** `[fromMs, toMs)`, whole milliseconds, and what may be taken at once. */
export interface ReadRange {
  readonly fromMs: number
  readonly toMs: number
  readonly maxSamples: number
  readonly maxBytes: number
}

/** There is more in the range than may be taken at once: it is to be asked for in parts. */
export class TooMuch extends Error {}

/** An answer that ended too early, or is damaged: nothing of it is used. */
export class TornAnswer extends Error {}

/** Labels of a series, and a native histogram, take as much memory as so many samples. */
const labelsAsSamples = 16
const nativeAsSamples = 31

const sameLabels = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((text, at) => text === right[at])

export class SeriesGather {
  private readonly range: ReadRange
  private readonly list: ReadSeries[] = []
  private readonly disordered = new Set<ReadSeries>()
  private current: ReadSeries | undefined
  private samples = 0
  private weight = 0
  private duplicates = 0
  private conflicts = 0

  constructor(range: ReadRange) {
    this.range = range
  }

  /** What follows is of this series. Throws {@link TooMuch}. */
  begin(labels: readonly string[]): void {
    if (this.current !== undefined && sameLabels(this.current.labels, labels)) return
    this.end()
    this.current = { labels, samples: new Samples() }
    this.list.push(this.current)
    this.weigh(labelsAsSamples)
  }

  /** Adds samples that ascend. Those beyond the range are left out. */
  add(from: Samples): void {
    const { fromMs, toMs } = this.range
    const own = this.current?.samples
    if (own === undefined) throw new TornAnswer('samples without a series')
    let first = 0
    let last = from.count
    while (first < last && (from.ms[first] as number) < fromMs) first++
    while (last > first && (from.ms[last - 1] as number) >= toMs) last--
    if (first === last) return
    if (own.count > 0 && (from.ms[first] as number) <= (own.ms[own.count - 1] as number)) this.disordered.add(this.current as ReadSeries)
    own.append(from, first, last)
    this.samples += last - first
    let natives = 0
    for (let at = first; at < last; at++) if (from.natives[at] !== undefined) natives++
    this.weigh(last - first + natives * nativeAsSamples)
  }

  /** @param bytes as they came over the wire */
  answer(bytes: number): ReadAnswer {
    this.end()
    return {
      series: this.list.filter(({ samples }) => samples.count > 0),
      samples: this.samples,
      bytes,
      duplicates: this.duplicates,
      conflicts: this.conflicts,
    }
  }

  private weigh(weight: number): void {
    this.weight += weight
    if (this.weight > this.range.maxSamples) throw new TooMuch(`more than ${this.range.maxSamples} samples`)
  }

  private end(): void {
    if (this.current !== undefined && this.disordered.delete(this.current)) this.order(this.current.samples)
  }

  /** Sorts by time; of equal times the first stays. */
  private order(samples: Samples): void {
    const places = Array.from({ length: samples.count }, (_, at) => at)
    places.sort((left, right) => (samples.ms[left] as number) - (samples.ms[right] as number) || left - right)
    const copy = new Samples()
    for (const at of places) {
      const last = copy.count - 1
      const ms = samples.ms[at] as number
      if (last >= 0 && copy.ms[last] === ms) {
        const isSame = copy.hi[last] === samples.hi[at] && copy.lo[last] === samples.lo[at]
        if (isSame) this.duplicates++
        else this.conflicts++
        continue
      }
      copy.push(ms, samples.hi[at] as number, samples.lo[at] as number, samples.startMs[at] as number, samples.natives[at])
    }
    this.samples -= samples.count - copy.count
    samples.clear()
    samples.append(copy, 0, copy.count)
  }
}

/** True for the marker of a series' end. */
export const isStale = (samples: Samples, at: number): boolean => samples.hi[at] === staleHi && samples.lo[at] === staleLo
