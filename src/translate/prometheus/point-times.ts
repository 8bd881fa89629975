/** Times of the points of a group. */

import type { MetricPoints } from '../../otlp/metrics.ts'
import { millisToNanos, type Words } from '../../otlp/time.ts'
import type { Groups } from './group.ts'

const words: Words = { hi: 0, lo: 0 }

/** Groups that are sent together have few times between them: the last one is remembered. */
let lastMs = 0
let lastHi = 0
let lastLo = 0

/** Sets the time of a point to that of its group, and the start, unless it is later than that. */
export function pointTimes(groups: Groups, group: number, points: MetricPoints, at: number): void {
  const timeMs = groups.timeMs[group] as number
  if (timeMs !== lastMs) {
    millisToNanos(timeMs, words)
    lastMs = timeMs
    lastHi = words.hi
    lastLo = words.lo
  }
  points.timeHi[at] = lastHi
  points.timeLo[at] = lastLo
  const startMs = groups.startMs[group] as number
  if (startMs <= 0 || startMs > timeMs) return
  millisToNanos(startMs, words)
  points.startHi[at] = words.hi
  points.startLo[at] = words.lo
}
