/** What the groups of a family look like. Thousands of families look alike and share one layout: layouts are immutable, and found by content. */

import { mapKey } from '../../otlp/map-key.ts'

/** Bits of {@link Layout.has}. */
export const Has = { Inf: 1, Count: 2, Sum: 4 } as const

/** Bounds, or quantiles, of a group. What a layout leaves of 1024 slots is for `+Inf`, count and sum. */
export const maxBounds = 1000

/** Members by slot: the bounds, ascending; then `+Inf`, the count, the sum, whether the layout has them or not. */
export class Layout {
  readonly key: string
  readonly bounds: Float64Array
  /** Bits of {@link Has}: which of the last three slots groups are expected to fill. */
  readonly has: number
  /** Bounds: the slot of `+Inf`; the count and the sum are behind it. */
  readonly size: number
  readonly slots: number
  /** Members of a complete group. −1: no group is ever known to be complete, as nothing is known or there is no count to be had. */
  readonly wanted: number
  /** Families and groups that use it. */
  refs = 0

  constructor(key: string, bounds: Float64Array, has: number) {
    this.key = key
    this.bounds = bounds
    this.has = has
    this.size = bounds.length
    this.slots = bounds.length + 3
    const counted = (has & (Has.Inf | Has.Count)) !== 0
    this.wanted = counted ? bounds.length + (has & 1) + ((has >> 1) & 1) + ((has >> 2) & 1) : -1
  }

  /** The slot of a bound; −1: there is none. @param guess a slot that is likely */
  slotOf(bound: number, guess: number): number {
    const { bounds, size } = this
    if (guess < size && bounds[guess] === bound) return guess
    let low = 0
    let high = size - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const found = bounds[middle] as number
      if (found === bound) return middle
      if (found < bound) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  /** True when a complete group has this slot filled. */
  wants(slot: number): boolean {
    return slot < this.size || (this.has & (1 << (slot - this.size))) !== 0
  }
}

export interface Layouts {
  /** Nothing is known yet. Never goes. */
  readonly none: Layout
  /** The layout of these bounds. It has no reference of its own yet. @param bounds finite, ascending, each once; copied */
  of(bounds: ArrayLike<number>, has: number): Layout
  retain(layout: Layout): Layout
  release(layout: Layout): void
  readonly count: number
}

export function createLayouts(): Layouts {
  const byKey = new Map<string, Layout>()
  const none = new Layout('', new Float64Array(0), 0)
  return {
    none,
    of(bounds, has) {
      const own = Float64Array.from(bounds)
      const key = mapKey(`${has}:${own.join()}`)
      const found = byKey.get(key)
      if (found !== undefined) return found
      const made = new Layout(key, own, has)
      byKey.set(key, made)
      return made
    },
    retain(layout) {
      layout.refs++
      return layout
    },
    release(layout) {
      if (--layout.refs <= 0 && layout !== none) byKey.delete(layout.key)
    },
    get count() {
      return byKey.size
    },
  }
}
