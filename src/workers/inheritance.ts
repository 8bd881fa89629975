/**
 * The books of workers that ended. What one had in the queue is found there by another, who counts it as carried: in the books of the
 * whole bridge it was received once, and waits until then.
 */

import type { BooksSums, Metrics } from '../telemetry/metrics.ts'
import { booksKey } from './series.ts'

/** Siblings look for the rows of the dead every five seconds, and a worker that is started looks at once. */
const foundWithinMs = 10_000

export interface Inheritance {
  /** A worker ended. @param sums its books as far as it had told them */
  died(sums: readonly BooksSums[]): void
  /** Corrects the joined books of all workers, living and dead. */
  correct(joined: Metrics): void
}

/** As {@link Estate}, of what was held; found by the worker that is started next. */
interface HeldEstate extends Omit<Estate, 'destination' | 'carried'> {
  recovered: number
}

interface Estate {
  readonly format: string
  readonly signal: string
  readonly destination: string
  /** Items of the dead that nobody has found yet. */
  waiting: number
  /** Items found: received and carried at once, so carried too much. */
  found: number
  /** Items that were not found: see {@link createInheritance}. */
  unknown: number
  carried: number
  sinceMs: number
}

/**
 * Starts with nobody dead. Of a worker that was killed the last moment's counts are lost: what it had told as waiting and nobody finds was
 * confirmed by the endpoint, or never acknowledged to the sender, so it counts as `elsewhere`, not as lost.
 * @param survives false for a queue in memory: what a dead worker had in it is lost, and counted so
 */
export function createInheritance(survives: boolean, nowMs: () => number): Inheritance {
  const estates = new Map<string, Estate>()
  /** What the dead held before the queue, which is for every destination. */
  const held = new Map<string, HeldEstate>()

  const heldOf = ({ format, signal }: BooksSums): HeldEstate => {
    const key = booksKey({ format, signal, destination: '' })
    let found = held.get(key)
    if (found === undefined) held.set(key, (found = { format, signal, waiting: 0, found: 0, unknown: 0, recovered: 0, sinceMs: 0 }))
    return found
  }

  const estateOf = (sums: BooksSums): Estate => {
    const key = booksKey(sums)
    let found = estates.get(key)
    if (found === undefined) {
      const { format, signal, destination } = sums
      estates.set(key, (found = { format, signal, destination, waiting: 0, found: 0, unknown: 0, carried: 0, sinceMs: 0 }))
    }
    return found
  }

  const correctHeld = (joined: Metrics, all: readonly BooksSums[]): void => {
    for (const sums of all) {
      // The same in every destination's line: after the first there is no difference.
      const known = heldOf(sums)
      const found = Math.min(known.waiting, Math.max(0, sums.recovered - known.recovered))
      known.found += found
      known.waiting -= found
      known.recovered = sums.recovered
    }
    for (const estate of held.values()) {
      const { format, signal } = estate
      if (estate.waiting > 0 && (!survives || nowMs() - estate.sinceMs > foundWithinMs)) {
        estate.unknown += estate.waiting
        estate.waiting = 0
      }
      if (estate.waiting + estate.found + estate.unknown === 0) continue
      const books = joined.books(format, signal)
      books.held('ended_worker').value += estate.waiting
      books.recovered.value -= estate.found
      if (!survives) books.dropped('worker_killed').value += estate.unknown
      else
        for (const sums of all)
          if (sums.format === format && sums.signal === signal) books.at(sums.destination).elsewhere.value += estate.unknown
    }
  }

  return {
    died(sums) {
      for (const one of new Map(sums.map((sum) => [`${sum.format}\n${sum.signal}`, sum])).values()) {
        if (one.held <= 0) continue
        const estate = heldOf(one)
        estate.waiting += one.held
        estate.sinceMs = nowMs()
      }
      for (const one of sums) {
        const left = one.queued + one.balance
        if (left <= 0) continue
        const estate = estateOf(one)
        estate.waiting += left
        estate.sinceMs = nowMs()
      }
    },
    correct(joined) {
      const all = joined.sums()
      correctHeld(joined, all)
      for (const sums of all) {
        const known = estates.get(booksKey(sums))
        if (known !== undefined) {
          const found = Math.min(known.waiting, Math.max(0, sums.carried - known.carried))
          known.found += found
          known.waiting -= found
        }
        // Watched from the beginning: only what is carried after a death can be its estate.
        estateOf(sums).carried = sums.carried
      }
      for (const estate of estates.values()) {
        if (estate.waiting > 0 && (!survives || nowMs() - estate.sinceMs > foundWithinMs)) {
          estate.unknown += estate.waiting
          estate.waiting = 0
        }
        if (estate.waiting + estate.found + estate.unknown === 0) continue
        const books = joined.books(estate.format, estate.signal).at(estate.destination)
        books.queued.value += estate.waiting
        books.carried.value -= estate.found
        if (survives) books.elsewhere.value += estate.unknown
        else books.dropped('worker_killed').value += estate.unknown
      }
    },
  }
}
