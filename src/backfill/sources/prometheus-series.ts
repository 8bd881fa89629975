/** Series as every Prometheus source reads them: labels, and samples in columns. */

import type { NativeHistogram } from '../../translate/prometheus/model.ts'

/** A text of a label: a string, or its UTF-8. */
export type LabelText = string | Uint8Array

/** Float samples in columns, ascending in time, no time twice. Used again for the next series; arrays are longer than what is in them. */
export class FloatColumns {
  count = 0
  /** Milliseconds since the epoch. */
  ms: Float64Array<ArrayBuffer>
  /** Words of the double: bits, as they were stored. */
  hi: Int32Array<ArrayBuffer>
  lo: Int32Array<ArrayBuffer>
  /** Start timestamps, ms; 0: none. */
  startMs: Float64Array<ArrayBuffer>

  constructor(capacity = 256) {
    this.ms = new Float64Array(capacity)
    this.hi = new Int32Array(capacity)
    this.lo = new Int32Array(capacity)
    this.startMs = new Float64Array(capacity)
  }

  clear(): void {
    this.count = 0
  }

  add(ms: number, hi: number, lo: number, startMs = 0): void {
    const at = this.count
    if (at === this.ms.length) this.grow(at * 2)
    this.ms[at] = ms
    this.hi[at] = hi
    this.lo[at] = lo
    this.startMs[at] = startMs
    this.count = at + 1
  }

  /** Makes room for so many samples in all. */
  ensure(count: number): void {
    if (count > this.ms.length) this.grow(Math.max(count, this.ms.length * 2))
  }

  private grow(size: number): void {
    const larger = new FloatColumns(size)
    larger.ms.set(this.ms)
    larger.hi.set(this.hi)
    larger.lo.set(this.lo)
    larger.startMs.set(this.startMs)
    this.ms = larger.ms
    this.hi = larger.hi
    this.lo = larger.lo
    this.startMs = larger.startMs
  }
}

/** What is known of a cumulative series before its first sample here; for `startTime: true_reset` alone. See prometheus-starts.ts. */
export interface StartState {
  /** 0: not known. */
  startMs: number
  /** Value of the sample before, of histograms their count; NaN: there was none, or none that is known. */
  value: number
}

/** One series, and what of it belongs to a page. */
export interface PageSeries {
  /** Name, value, name, value, …, `__name__` among them, by name ascending; without external labels. */
  readonly labels: readonly LabelText[]
  /** Its float samples: `from` up to `to` of these columns. */
  readonly floats: FloatColumns
  readonly from: number
  readonly to: number
  /** Its native histograms in the page, ascending in time. */
  readonly histograms: readonly NativeHistogram[]
  /** Left out: nothing is known of what was before. `beginsNow`: there was nothing. */
  readonly before?: StartState | 'beginsNow' | undefined
}

/** What all that have no samples of their own share. */
export const noFloats = new FloatColumns(0)

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A label's text as a string; what is no UTF-8 has U+FFFD in it, and is refused where it is translated. */
export const labelString = (text: LabelText): string => (typeof text === 'string' ? text : decoder.decode(text))

/** The value of a label; '' when it has none. */
export function labelOf(labels: readonly LabelText[], name: string): string {
  for (let at = 0; at < labels.length; at += 2) {
    if (labelString(labels[at] as LabelText) === name) return labelString(labels[at + 1] as LabelText)
  }
  return ''
}

/**
 * Labels but those named, as one text that no other labels have.
 * @param name put in the place of `__name__`
 */
export function labelsKey(labels: readonly LabelText[], without: string, name: string): string {
  let key = name
  for (let at = 0; at < labels.length; at += 2) {
    const label = labelString(labels[at] as LabelText)
    if (label === '__name__' || label === without) continue
    const value = labelString(labels[at + 1] as LabelText)
    if (value !== '') key += `\u0000${label}\u0001${value}`
  }
  return key
}
