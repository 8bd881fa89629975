/** Memory of windows that have begun, over all connections of a listener: who may read on when there is too much of it. */

/** A connection that holds windows. */
export interface Holder {
  /** It may read again. Called in a turn of its own. */
  wake(): void
}

export interface WindowMemory {
  /** A window has begun or waits on this connection; those that come first are the oldest. */
  begin(holder: Holder): void
  /** Its oldest window is done with. @param more it has another one */
  done(holder: Holder, more: boolean): void
  /** How much it holds now. */
  set(holder: Holder, bytes: number): void
  /** It holds nothing any more. */
  leave(holder: Holder): void
  /** Whether it may read on: there is room, or its window is the oldest. When not, it is woken later. */
  mayRead(holder: Holder): boolean
  /** All that is held now. */
  readonly bytes: number
}

/**
 * Creates the memory of a listener. @param limit in bytes; the oldest window may go over it by what one window may hold in memory
 * @param shown moved up and down with what is held
 */
export function createWindowMemory(limit: number, shown: { value: number } = { value: 0 }): WindowMemory {
  const held = new Map<Holder, number>()
  /** In the order in which their oldest windows began. */
  const order = new Set<Holder>()
  const asleep = new Set<Holder>()
  let total = 0
  let waking = false

  const first = (): Holder | undefined => order.values().next().value

  const wakeAll = (): void => {
    waking = false
    const all = [...asleep]
    asleep.clear()
    for (const holder of all) holder.wake()
  }
  const change = (): void => {
    if (waking || asleep.size === 0) return
    const oldest = first()
    if (total >= limit && (oldest === undefined || !asleep.has(oldest))) return
    waking = true
    setImmediate(wakeAll)
  }
  const set = (holder: Holder, bytes: number): void => {
    const before = held.get(holder) ?? 0
    if (before === bytes) return
    if (bytes === 0) held.delete(holder)
    else held.set(holder, bytes)
    total += bytes - before
    shown.value += bytes - before
    if (bytes < before) change()
  }

  return {
    begin(holder) {
      order.add(holder)
    },
    done(holder, more) {
      order.delete(holder)
      if (more) order.add(holder)
      change()
    },
    set,
    leave(holder) {
      order.delete(holder)
      asleep.delete(holder)
      set(holder, 0)
      change()
    },
    mayRead(holder) {
      if (total < limit || first() === holder) return true
      // Nobody has a window: what is held are frames that cannot grow into one without being the oldest.
      if (order.size === 0) return true
      asleep.add(holder)
      return false
    },
    get bytes() {
      return total
    },
  }
}
