/** Wakes those who wait for something to send. */

import type { WaitingTotals } from './queue.ts'

export interface Doorbell {
  /** Resolves when something waits, or when as much waits as asked for. */
  ready(atLeast?: WaitingTotals): Promise<void>
  /** Called whenever more waits than before. */
  ring(): void
}

interface Waiter {
  readonly atLeast: WaitingTotals | undefined
  readonly wake: () => void
}

/** @param waiting what waits now @param any true when something waits whose size is not known yet */
export function createDoorbell(waiting: () => WaitingTotals, any: () => boolean): Doorbell {
  let waiters: Waiter[] = []

  const satisfied = (atLeast: WaitingTotals | undefined): boolean => {
    if (atLeast === undefined) return any()
    const now = waiting()
    return now.items >= atLeast.items || now.bytes >= atLeast.bytes
  }

  return {
    ready(atLeast) {
      if (satisfied(atLeast)) return Promise.resolve()
      return new Promise((wake) => waiters.push({ atLeast, wake }))
    },
    ring() {
      if (waiters.length === 0) return
      const now = waiters
      waiters = []
      for (const waiter of now) {
        if (satisfied(waiter.atLeast)) waiter.wake()
        else waiters.push(waiter)
      }
    },
  }
}
