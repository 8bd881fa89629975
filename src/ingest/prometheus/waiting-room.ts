/**
 * Requests that were answered and of which series wait: for metadata (`rw1.typePolicy: hold`), or for the `target_info` of their target. They are
 * looked at again when their time is over, or when something was learnt: always from the oldest on, so that nothing of a stream overtakes what
 * came before it.
 */

import type { KeepToken } from '../../translate/prometheus/assembler.ts'
import type { WaitingSeries, WaitsFor } from '../../translate/prometheus/waits.ts'

/** Bytes of the bodies, and samples in them, that may wait. Beyond it the oldest go first, as what they are taken for by then. */
export const roomBytes = 64 * 1024 * 1024
export const roomSamples = 2_000_000
/** New ones come in for a while longer, so that the oldest can go first. */
const grace = 1.25

/** A look at all of them costs as much as taking them in: what was learnt is heeded so often at most. */
const newsMs = 1000

/** Samples by what they wait for. */
export type WaitingSamples = Readonly<Record<WaitsFor, number>>

/** Series of a request that wait, in ascending order. There may be millions, so that they stand in columns. */
export interface WaitingColumns {
  readonly series: Int32Array
  /** Places of their rows. */
  readonly places: Int32Array
  readonly samples: WaitingSamples
  /** When the first of them need not wait any longer, ms. */
  readonly untilMs: number
}

/** A request with series that wait. */
export interface Waiter {
  readonly version: 1 | 2
  readonly tenant: string
  /** The body as it came, compressed. */
  readonly body: Uint8Array
  /** When it came, ms. */
  readonly sinceMs: number
  /** `turn` of its outcome then. */
  readonly turn: number
  /** What is kept of it in the queue, where it has such a place. */
  readonly record: { readonly id: number; readonly token: KeepToken } | undefined
}

interface Guest extends Waiter {
  waiting: WaitingColumns
  /** What was known when it was looked at last. */
  news: number
}

/** What a look at a request comes to. */
export interface Looked {
  /** What of it waits still; undefined: nothing. */
  readonly rest: WaitingColumns | undefined
  /** Resolves when the others are stored. They are the room's no longer, however that ends. */
  readonly sent: Promise<void>
}

export type Look = (waiter: Waiter, waiting: WaitingColumns, how: LookOptions) => Looked

export interface LookOptions {
  readonly nowMs: number
  readonly mayWait: boolean
  /** There is no more room: it goes on. */
  readonly isFull: boolean
}

export interface WaitingRoom {
  readonly size: number
  readonly bytes: number
  readonly samples: number
  /** No new ones may come in. */
  readonly isFull: boolean
  add(waiter: Waiter, waiting: WaitingColumns, news: number): void
  /** Looks at those whose time has come. @param all that of all has come. Rejects when what is sent is not stored; goes on from there the next time. */
  flush(all: boolean): Promise<void>
}

export interface WaitingRoomOptions {
  readonly nowMs: () => number
  /** Another number whenever something was learnt. */
  readonly news: () => number
  /** The longest that anything waits, ms. */
  readonly longestMs: number
  readonly look: Look
  readonly maxBytes?: number
  readonly maxSamples?: number
}

export const samplesOf = ({ samples }: Pick<WaitingColumns, 'samples'>): number => samples.metadata + samples.target_info

/** The columns of what waits; undefined: nothing does. */
export function waitingColumns(waits: readonly WaitingSeries[]): WaitingColumns | undefined {
  if (waits.length === 0) return undefined
  const inOrder = [...waits].sort((left, right) => left.series - right.series)
  const samples = { metadata: 0, target_info: 0 }
  let untilMs = Number.POSITIVE_INFINITY
  for (const one of inOrder) {
    samples[one.where] += one.items
    untilMs = Math.min(untilMs, one.untilMs)
  }
  return {
    series: Int32Array.from(inOrder, (one) => one.series),
    places: Int32Array.from(inOrder, (one) => one.place),
    samples,
    untilMs,
  }
}

export function createWaitingRoom(options: WaitingRoomOptions): WaitingRoom {
  const { maxBytes = roomBytes, maxSamples = roomSamples, longestMs } = options
  // In the order in which they came.
  const guests = new Set<Guest>()
  let bytes = 0
  let samples = 0
  /** Whether all have been looked at since. */
  let heeded = options.news()
  let heededMs = Number.NEGATIVE_INFINITY
  let underWay: Promise<void> | undefined

  const isBeyond = (share: number): boolean => bytes > maxBytes * share || samples > maxSamples * share

  const lookAt = async (guest: Guest, how: LookOptions): Promise<void> => {
    const news = options.news()
    const { rest, sent } = options.look(guest, guest.waiting, how)
    samples -= samplesOf(guest.waiting) - (rest === undefined ? 0 : samplesOf(rest))
    if (rest === undefined) {
      guests.delete(guest)
      bytes -= guest.body.length
    } else {
      guest.waiting = rest
      guest.news = news
    }
    await sent
  }

  /** Goes through all of them. Ends early when something is learnt meanwhile: the oldest may have waited for it. */
  const pass = async (all: boolean): Promise<void> => {
    const news = options.news()
    const startedMs = options.nowMs()
    for (const guest of guests) {
      if (!all && options.news() !== news) return
      const isFull = isBeyond(1)
      // It takes a while, and requests come in between: whoever is told the time must not be told an earlier one than before.
      const nowMs = options.nowMs()
      // The clock may have been set back.
      const isOver = all || nowMs >= guest.sinceMs + longestMs || nowMs < guest.sinceMs
      if (!isOver && !isFull && guest.news === news && nowMs < guest.waiting.untilMs) continue
      await lookAt(guest, { nowMs, mayWait: !isOver, isFull })
    }
    heeded = news
    heededMs = startedMs
  }

  const isDue = (): boolean => {
    const nowMs = options.nowMs()
    if (isBeyond(1)) return true
    if (options.news() !== heeded && !(nowMs - heededMs < newsMs)) return true
    for (const { waiting, sinceMs } of guests) if (nowMs >= waiting.untilMs || nowMs < sinceMs) return true
    return false
  }

  return {
    get size() {
      return guests.size
    },
    get bytes() {
      return bytes
    },
    get samples() {
      return samples
    },
    get isFull() {
      return isBeyond(grace)
    },
    add(waiter, waiting, news) {
      guests.add({ ...waiter, waiting, news })
      bytes += waiter.body.length
      samples += samplesOf(waiting)
    },
    async flush(all) {
      // One at a time: whoever stops waits for the one under way, and begins anew.
      while (underWay !== undefined) await underWay.catch(() => {})
      if (guests.size === 0 || !(all || isDue())) return
      underWay = pass(all)
      try {
        await underWay
      } finally {
        underWay = undefined
      }
    },
  }
}
