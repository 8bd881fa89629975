/** How every end-to-end test ends: nothing waits, the books balance, what was acknowledged has arrived. */

import { expect } from 'vitest'
import { until } from '../../emit/support/queues.ts'
import type { Books, Bridge } from './bridge.ts'
import type { FaultySink } from './faulty-sink.ts'
import { type Ledger, missing, takenAfterAll } from './ledger.ts'

/** Waits until the queue is empty; gives up when nothing has moved for as long as given. */
export async function drained(bridge: Bridge, stuckAfterMs = 20_000): Promise<readonly Books[]> {
  let books = await bridge.books()
  let left = Number.POSITIVE_INFINITY
  let movedMs = performance.now()
  await until(async () => {
    books = await bridge.books()
    const now = books.reduce((sum, one) => sum + one.queued, 0)
    if (now !== left) movedMs = performance.now()
    left = now
    if (performance.now() - movedMs > stuckAfterMs) throw new Error(`${left} spans stay in the queue:\n${bridge.output().slice(-2000)}`)
    return left === 0
  }, 600_000)
  return books
}

/** The books balance, line by line. */
export async function expectBalanced(bridge: Bridge): Promise<readonly Books[]> {
  const books = await bridge.books()
  expect(books.filter(({ balance }) => balance !== 0)).toEqual([])
  return books
}

/** Everything acknowledged has arrived, nothing refused has, every repeat has a reason, the sink read every body. */
export function expectAllArrived(ledger: Ledger, sink: FaultySink): void {
  expect(missing(ledger, sink)).toEqual([])
  expect(takenAfterAll(ledger, sink)).toEqual([])
  expect(sink.repeats()).toMatchObject({ unexplained: 0 })
  expect(sink.miscounted).toBe(0)
}
