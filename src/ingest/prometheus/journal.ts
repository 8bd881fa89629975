/** The records that are kept, and when they may go. */

import type { Holding } from '../../otlp/intake.ts'
import type { KeepToken } from '../../translate/prometheus/assembler.ts'

/** How long it is remembered what was sent: a request whose answer was lost, or 503, comes again within that time. */
export const sentForMs = 120_000

export interface Journal {
  /** A request was stored, with how many groups wait for members of it. */
  waits(id: number, token: KeepToken, nowMs: number): void
  /** What was sent was stored. */
  sent(id: number, nowMs: number): void
  /** Lets go of what may go. */
  settle(nowMs: number): void
}

interface Waiting {
  readonly id: number
  readonly token: KeepToken
  readonly storedMs: number
}

interface Sent {
  readonly id: number
  readonly storedMs: number
}

/** A list that is emptied from its head. */
function createLine<T>() {
  const all: T[] = []
  let head = 0
  return {
    push: (one: T) => void all.push(one),
    first: (): T | undefined => all[head],
    drop(): void {
      head++
      if (head < 64 && head < all.length) return
      all.splice(0, head)
      head = 0
    },
  }
}

/**
 * Requests go in the order in which they were stored, each when all before it are gone and nothing of it waits any more. What was sent goes after
 * {@link sentForMs}, and no earlier than every request that was stored before it: members of it are in those.
 */
export function createJournal(requests: Pick<Holding, 'release'>, sent: Pick<Holding, 'release'>): Journal {
  const waiting = createLine<Waiting>()
  const told = createLine<Sent>()

  const settleWaiting = (): void => {
    let last: number | undefined
    for (let one = waiting.first(); one !== undefined && one.token.open === 0; one = waiting.first()) {
      last = one.id
      waiting.drop()
    }
    if (last !== undefined) requests.release(last)
  }

  const settleSent = (nowMs: number): void => {
    const before = Math.min(nowMs - sentForMs, waiting.first()?.storedMs ?? Number.POSITIVE_INFINITY)
    let last: number | undefined
    for (let one = told.first(); one !== undefined && one.storedMs < before; one = told.first()) {
      last = one.id
      told.drop()
    }
    if (last !== undefined) sent.release(last)
  }

  return {
    waits: (id, token, nowMs) => waiting.push({ id, token, storedMs: nowMs }),
    sent: (id, nowMs) => told.push({ id, storedMs: nowMs }),
    settle(nowMs) {
      settleWaiting()
      settleSent(nowMs)
    },
  }
}
