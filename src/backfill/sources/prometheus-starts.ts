/**
 * Start times of cumulative series out of their own values, `startTime: true_reset`: known from the series' first sample or from a value that
 * falls, and else not at all, so that no start is made up where a page begins. Section 12.4 of the mapping of Prometheus.
 */

import { type NativeHistogram, ResetHint, staleHi, staleLo } from '../../translate/prometheus/model.ts'
import type { FloatColumns, PageSeries, StartState } from './prometheus-series.ts'

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

/** Moves a state over samples `from` to `to`. @param out where their starts go, one after the other; undefined: nowhere */
export function moveFloats(state: StartState, floats: FloatColumns, from: number, to: number, out?: Float64Array, outAt = 0): void {
  for (let at = from; at < to; at++) {
    const hi = floats.hi[at] as number
    const lo = floats.lo[at] as number
    let start = 0
    if (hi === staleHi && lo === staleLo) end(state)
    else start = move(state, floats.ms[at] as number, doubleOf(hi, lo), false)
    const own = floats.startMs[at] as number
    if (out !== undefined) out[outAt + at - from] = own || start
  }
}

/** The same by one native histogram; returns its start, 0: not known. */
export function moveHistogram(state: StartState, one: NativeHistogram): number {
  if (one.sumHi === staleHi && one.sumLo === staleLo) {
    end(state)
    return one.startMs
  }
  const count = one.hasFloats ? one.countFloat : (one.countHi >>> 0) * two32 + (one.countLo >>> 0)
  const start = move(state, one.timeMs, count, one.resetHint === ResetHint.Yes)
  return one.startMs || start
}
