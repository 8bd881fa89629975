/**
 * Series that wait before it is looked at what they are: for metadata (`rw1.typePolicy: hold`), or for the `target_info` of their target
 * (`targetInfo.wait`). What waits is with whoever has the requests; here is only who waits, so that nothing of a stream overtakes what came before it.
 */

export type WaitsFor = 'metadata' | 'target_info'

/** A series has to wait. */
export interface Wait {
  /** ms; looked at again then, or when something is learnt. */
  readonly untilMs: number
  readonly where: WaitsFor
}

/** One that does, with the place of its row. */
export interface WaitingSeries extends Wait {
  /** Its place in the request. */
  readonly series: number
  readonly place: number
  /** Float samples and native histograms; 0: it has exemplars only. */
  readonly items: number
}

export interface Waits {
  /** Why a stream waits; undefined: nothing of it does. */
  of(place: number): WaitsFor | undefined
  /** Something of a stream waits. @param turn a number of its request, larger than those before */
  add(place: number, where: WaitsFor, turn: number): void
  /** It waits no longer. */
  done(place: number, turn: number): void
  /** True unless something of the stream waits that came before. */
  isFirst(place: number, turn: number): boolean
  /** The row is gone: nobody knows any more what it was. */
  forget(place: number): void
  /** Until when the first data of a target waits, ms: so long after it came first. @param key see `targetKey` */
  target(key: string, nowMs: number): number
}

/** After how long it is looked again at what waits for nothing but others of its stream. */
export const behindMs = 1000

/** Units of UTF-16 of a target's key; one with more does not wait. */
const longestKey = 1024

/** @param waitMs `targetInfo.wait` @param maxTargets that are remembered; the oldest go, and wait once more */
export function createWaits(waitMs: number, maxTargets: number): Waits {
  // Turns by stream, in order: times two, and 1 for those that wait for target_info. There may be as many as there are streams.
  const streams = new Map<number, number[]>()
  // In the order in which they came.
  const targets = new Map<string, number>()
  return {
    of(place) {
      const first = streams.get(place)?.[0]
      return first === undefined ? undefined : first % 2 === 0 ? 'metadata' : 'target_info'
    },
    add(place, where, turn) {
      const own = 2 * turn + (where === 'metadata' ? 0 : 1)
      const found = streams.get(place)
      if (found === undefined) streams.set(place, [own])
      else found.push(own)
    },
    done(place, turn) {
      const found = streams.get(place)
      const at = found?.findIndex((one) => Math.floor(one / 2) === turn) ?? -1
      if (found === undefined || at < 0) return
      if (found.length === 1) streams.delete(place)
      else found.splice(at, 1)
    },
    isFirst(place, turn) {
      const first = streams.get(place)?.[0]
      return first === undefined || Math.floor(first / 2) >= turn
    },
    forget: (place) => void streams.delete(place),
    target(key, nowMs) {
      if (waitMs === 0 || key.length > longestKey) return 0
      const known = targets.get(key)
      // The clock may have been set back.
      if (known !== undefined) return Math.min(known, nowMs + waitMs)
      targets.set(key, nowMs + waitMs)
      for (const oldest of targets.keys()) {
        if (targets.size <= maxTargets) break
        targets.delete(oldest)
      }
      return nowMs + waitMs
    },
  }
}
