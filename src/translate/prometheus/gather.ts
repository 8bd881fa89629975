/** The members of a group that have a value, in order: what points are made of. */

import { type Extra, GroupFlag, type Groups } from './group.ts'
import { Has, type Layout, maxBounds } from './layout.ts'
import { staleHi, staleLo } from './model.ts'

/** Used again for the next group. */
export interface Gathered {
  /** Bounds with a value. */
  size: number
  /** What they are: those of the layout where all of it is there, else to be copied. */
  bounds: Float64Array
  /** Every bound of the layout has a value, and no others. */
  isWhole: boolean
  /** Values by bound, ascending. */
  readonly values: Float64Array
  hasInf: boolean
  inf: number
  hasCount: boolean
  count: number
  hasSum: boolean
  /** The slot of the sum. */
  sumSlot: number
}

export const createGathered = (): Gathered => ({
  size: 0,
  bounds: new Float64Array(0),
  isWhole: false,
  values: new Float64Array(maxBounds + 1),
  hasInf: false,
  inf: 0,
  hasCount: false,
  count: 0,
  hasSum: false,
  sumSlot: 0,
})

const partBounds = new Float64Array(maxBounds + 1)
const double = new DataView(new ArrayBuffer(8))

/** Members that are stale have no value. */
export function gather(groups: Groups, group: number, out: Gathered): void {
  const { slots } = groups
  const { doubles } = slots
  const layout = groups.layouts[group] as Layout
  const base = groups.base[group] as number
  const inf = base + layout.size
  const { values } = out
  out.sumSlot = inf + 2
  if (!groups.is(group, GroupFlag.Stale) && groups.isComplete(group)) {
    for (let slot = 0; slot < layout.size; slot++) values[slot] = doubles[base + slot] as number
    out.size = layout.size
    out.bounds = layout.bounds
    out.isWhole = true
    out.hasInf = (layout.has & Has.Inf) !== 0
    out.hasCount = (layout.has & Has.Count) !== 0
    out.hasSum = (layout.has & Has.Sum) !== 0
  } else {
    const hasValue = (slot: number): boolean => !slots.isEmpty(slot) && !slots.isStale(slot)
    let size = 0
    for (let slot = 0; slot < layout.size; slot++) {
      if (!hasValue(base + slot)) continue
      partBounds[size] = layout.bounds[slot] as number
      values[size++] = doubles[base + slot] as number
    }
    const extra = groups.extras[group]
    out.isWhole = size === layout.size && extra === undefined
    out.size = extra === undefined ? size : gatherExtra(extra, values, size)
    out.bounds = out.isWhole ? layout.bounds : partBounds
    out.hasInf = hasValue(inf)
    out.hasCount = hasValue(inf + 1)
    out.hasSum = hasValue(inf + 2)
  }
  out.inf = doubles[inf] as number
  out.count = doubles[inf + 1] as number
}

/** Puts members that are not in the layout where they belong. */
function gatherExtra({ bounds, words }: Extra, values: Float64Array, known: number): number {
  let size = known
  for (let i = 0; i < bounds.length; i++) {
    const hi = words[2 * i] as number
    const lo = words[2 * i + 1] as number
    if (hi === staleHi && lo === staleLo) continue
    const bound = bounds[i] as number
    let at = size++
    for (; at > 0 && (partBounds[at - 1] as number) > bound; at--) {
      partBounds[at] = partBounds[at - 1] as number
      values[at] = values[at - 1] as number
    }
    partBounds[at] = bound
    double.setInt32(0, hi)
    double.setInt32(4, lo)
    values[at] = double.getFloat64(0)
  }
  return size
}
