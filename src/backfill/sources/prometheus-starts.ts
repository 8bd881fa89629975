/**
 * Start times of cumulative series out of their own values, `startTime: true_reset`: known from the series' first sample or from a value that
 * falls, and else not at all, so that no start is made up where a page begins. Section 12.4 of the mapping of Prometheus.
 */

import { type NativeHistogram, ResetHint, staleHi, staleLo } from '../../translate/prometheus/model.ts'
import type { PageSeries, StartState } from './prometheus-series.ts'

const two32 = 4_294_967_296
const bits = new DataView(new ArrayBuffer(8))

/** The double of two words. */
export const doubleOf = (hi: number, lo: number): number => {
  bits.setInt32(0, hi)
  bits.setInt32(4, lo)
  return bits.getFloat64(0)
}

/** The state in front of a series' first sample. */
export const stateOf = ({ before }: Pick<PageSeries, 'before'>): StartState =>
  before === undefined
    ? { startMs: 0, value: Number.NaN }
    : before === 'beginsNow'
      ? { startMs: -1, value: Number.NaN }
      : { startMs: before.startMs, value: before.value }

/** Moves a state on by one point. @param value of histograms the count */
function move(state: StartState, ms: number, value: number, reset: boolean): number {
  if (state.startMs === -1) state.startMs = ms
  else if (value < state.value || reset) state.startMs = ms - 1
  if (!Number.isNaN(value)) state.value = value
  return state.startMs
}

/** A marker ends the series; what comes after begins anew. */
function end(state: StartState): void {
  state.startMs = -1
  state.value = Number.NaN
}

/**
 * Moves a state over samples `from` to `to`.
 * @param starts where their starts go, from 0 on, 0: not known; undefined: nowhere
 */
export function moveStarts(
  state: StartState,
  { samples, from, to }: Pick<PageSeries, 'samples' | 'from' | 'to'>,
  starts?: Float64Array,
): void {
  for (let at = from; at < to; at++) {
    const hi = samples.hi[at] as number
    const lo = samples.lo[at] as number
    const native = samples.natives[at]
    let start = 0
    if (hi === staleHi && lo === staleLo) end(state)
    else if (native === undefined) start = move(state, samples.ms[at] as number, doubleOf(hi, lo), false)
    else start = move(state, native.timeMs, countOf(native), native.resetHint === ResetHint.Yes)
    if (starts !== undefined) starts[at - from] = (samples.startMs[at] as number) || start
  }
}

const countOf = ({ hasFloats, countFloat, countHi, countLo }: NativeHistogram): number =>
  hasFloats ? countFloat : (countHi >>> 0) * two32 + (countLo >>> 0)
