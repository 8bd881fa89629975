/** Series as every Prometheus source reads them: labels, and samples in columns. */

import type { Samples } from '../../read/prometheus-tsdb/samples.ts'

/** A text of a label: a string, or its UTF-8. Strings are faster where they are used again. */
export type LabelText = string | Uint8Array

/** What is known of a cumulative series before its first sample here; for `startTime: true_reset` alone. See prometheus-starts.ts. */
export interface StartState {
  /** 0: not known. */
  startMs: number
  /** Value of the sample before, of histograms their count; NaN: there was none, or none that is known. */
  value: number
}

/** One series, and what of it belongs to a page. */
export interface PageSeries {
  /** Name, value, name, value, …, `__name__` among them, by name ascending; without external labels. Not changed while the page lives. */
  readonly labels: readonly LabelText[]
  /** Ascending in time, no time twice; `from` up to `to` are of the page. */
  readonly samples: Samples
  readonly from: number
  readonly to: number
  /** Left out: nothing is known of what was before. `beginsNow`: there was nothing. */
  readonly before?: StartState | 'beginsNow' | undefined
}

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

/** True when there is a native histogram among samples `from` to `to`. */
export function hasNatives({ samples: { natives }, from, to }: Pick<PageSeries, 'samples' | 'from' | 'to'>): boolean {
  for (let at = from; at < to; at++) if (natives[at] !== undefined) return true
  return false
}
