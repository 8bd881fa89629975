/** What `target_info` says of each target over time, so that a point gets what was said when it was taken. Section 8.3 of the mapping of Prometheus. */

import { staleHi, staleLo } from '../../translate/prometheus/model.ts'
import { type LabelText, labelOf, labelsKey, type PageSeries } from './prometheus-series.ts'

/** What holds of a target from a time on. */
export interface InfoEntry {
  readonly fromMs: number
  /** Labels of its `target_info`; undefined: it is over. */
  readonly labels: readonly LabelText[] | undefined
}

export interface InfoTimeline {
  keyOf(labels: readonly LabelText[]): string
  /** Takes samples of a `target_info` series. In any order of series; samples ascending. Beyond the limit nothing more is taken. */
  add(series: PageSeries): void
  /** All that is known of a target, ascending in time. @param key as `keyOf` gives it */
  of(key: string): readonly InfoEntry[]
  /** What holds of a target at a time. */
  at(key: string, ms: number): readonly LabelText[] | undefined
  readonly size: number
  /** Entries that there was no room for. */
  readonly leftOut: number
}

/** Target, name and version of the scope of a series. */
export const scopeKeyOf = (labels: readonly LabelText[]): string =>
  `${targetKeyOf(labels)}\u0000${labelOf(labels, 'otel_scope_name')}\u0000${labelOf(labels, 'otel_scope_version')}`

/** Job and instance of a series. */
export const targetKeyOf = (labels: readonly LabelText[]): string => `${labelOf(labels, 'job')}\u0000${labelOf(labels, 'instance')}`

/** True for an end, and for the value 0, which says the same. */
const isOver = (hi: number, lo: number): boolean => (hi === staleHi && lo === staleLo) || ((hi & 0x7fffffff) | lo) === 0

interface Entry extends InfoEntry {
  readonly key: string | undefined
}

const nothing: readonly InfoEntry[] = []

/**
 * @param max entries: one a target, and one more for each change of its labels
 * @param keyOf what a series is found by: {@link targetKeyOf}, for `otel_scope_info` {@link scopeKeyOf}
 */
export function createInfoTimeline(max: number, keyOf = targetKeyOf): InfoTimeline {
  const targets = new Map<string, Entry[]>()
  let size = 0
  let leftOut = 0

  /** Puts an entry where its time belongs; at one time an end stands before a beginning. */
  const insert = (entries: Entry[], entry: Entry): void => {
    if (size >= max) {
      leftOut++
      return
    }
    let at = entries.length
    while (at > 0) {
      const before = entries[at - 1] as Entry
      if (before.fromMs < entry.fromMs || (before.fromMs === entry.fromMs && (before.labels === undefined || entry.labels !== undefined)))
        break
      at--
    }
    const before = entries[at - 1]
    // Told again: by the next chunk, say.
    if (before?.key === entry.key && (before?.labels === undefined) === (entry.labels === undefined)) return
    size++
    entries.splice(at, 0, entry)
  }

  return {
    keyOf,
    add({ labels, samples, from, to }) {
      const target = keyOf(labels)
      const key = labelsKey(labels, '', '')
      let entries = targets.get(target)
      if (entries === undefined) targets.set(target, (entries = []))
      let isOn = false
      for (let at = from; at < to; at++) {
        const over = isOver(samples.hi[at] as number, samples.lo[at] as number)
        if (over !== isOn) continue
        isOn = !over
        insert(entries, { fromMs: samples.ms[at] as number, labels: over ? undefined : labels, key })
      }
    },
    of: (key) => targets.get(key) ?? nothing,
    at(key, ms) {
      let current: Entry | undefined
      for (const entry of targets.get(key) ?? []) {
        if (entry.fromMs > ms) break
        // An older series that ends says nothing about the newer one.
        if (entry.labels !== undefined) current = entry
        else if (current?.key === entry.key) current = undefined
      }
      return current?.labels
    },
    get size() {
      return size
    },
    get leftOut() {
      return leftOut
    },
  }
}
