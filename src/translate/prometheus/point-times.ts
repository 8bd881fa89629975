/** Times of the points of a group. */

import type { MetricPoints } from '../../otlp/metrics.ts'
import { fromNumber, multiply, type Words } from '../../otlp/time.ts'
import type { Groups } from './group.ts'

const nanosPerMs = 1_000_000
const words: Words = { hi: 0, lo: 0 }

/** Sets the time of a point to that of its group, and the start, unless it is later than that. */
export function pointTimes(groups: Groups, group: number, points: MetricPoints, at: number): void {
  const timeMs = groups.timeMs[group] as number
  const startMs = groups.startMs[group] as number
  fromNumber(timeMs, words)
  multiply(words.hi, words.lo, nanosPerMs, words)
  points.timeHi[at] = words.hi
  points.timeLo[at] = words.lo
  if (startMs <= 0 || startMs > timeMs) return
  fromNumber(startMs, words)
  multiply(words.hi, words.lo, nanosPerMs, words)
  points.startHi[at] = words.hi
  points.startLo[at] = words.lo
}
