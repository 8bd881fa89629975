/** Requests that wait for room in the queue before they are refused: a bounded number of them, and of the bytes they hold. */

import type { Intake } from '../../otlp/intake.ts'
import { asBridgeError } from '../receive.ts'

export interface HoldOptions {
  /** Says whether the queue has room. */
  readonly refusal: Intake['refusal']
  /** Requests that wait at once. */
  readonly requests: number
  /** Bytes they hold in memory, all together. */
  readonly bytes: number
  /** A clock that does not jump. */
  readonly nowMs: () => number
}

/**
 * Why waiting is over. `room`: it may be tried now (the queue has room, or is broken, or the bridge stops: it will say which); `over`: the time is;
 * `full`: too many wait already, so it did not; `gone`: so is the client.
 */
export type Waited = 'room' | 'over' | 'full' | 'gone'

export interface Waiting {
  readonly promise: Promise<Waited>
  /** The client is gone. */
  leave(): void
}

export interface Hold {
  /** Waits. Those that came first are let go first. @param bytes that the request holds in memory meanwhile; 0 while its body is in the socket */
  wait(bytes: number, forMs: number): Waiting
  /** Something was taken: another one may try at once. */
  taken(): void
  /** All that wait are told that the time is over, and so is everyone from now on. */
  close(): void
  readonly requests: number
  readonly bytes: number
}

/** How often it is looked whether there is room, and how many go on each time. */
const lookMs = 50
const atOnce = 4

interface Waiter {
  readonly bytes: number
  readonly untilMs: number
  done(how: Waited): void
}

const isFull = (refusal: Error | undefined): boolean => refusal !== undefined && asBridgeError(refusal).code === 'OB_QUEUE_FULL'

/** Creates the place where requests of one listener wait. */
export function createHold({ refusal, requests, bytes, nowMs }: HoldOptions): Hold {
  /** In the order in which they came. */
  const waiters = new Set<Waiter>()
  let held = 0
  let closed = false
  let timer: NodeJS.Timeout | undefined

  const letGo = (waiter: Waiter, how: Waited): void => {
    if (!waiters.delete(waiter)) return
    held -= waiter.bytes
    waiter.done(how)
  }

  const letGoOn = (count: number): void => {
    let left = count
    for (const waiter of waiters) {
      if (left-- === 0 || isFull(refusal())) return
      letGo(waiter, 'room')
    }
  }

  const look = (): void => {
    timer = undefined
    const now = nowMs()
    letGoOn(atOnce)
    for (const waiter of waiters) if (now >= waiter.untilMs) letGo(waiter, 'over')
    plan()
  }

  const plan = (): void => {
    if (timer === undefined && waiters.size > 0) timer = setTimeout(look, lookMs)
  }

  return {
    wait(own, forMs) {
      const at = (how: Waited): Waiting => ({ promise: Promise.resolve(how), leave() {} })
      if (closed || forMs <= 0) return at('over')
      if (waiters.size >= requests || held + own > bytes) return at('full')
      const { promise, resolve } = Promise.withResolvers<Waited>()
      const waiter: Waiter = { bytes: own, untilMs: nowMs() + forMs, done: resolve }
      waiters.add(waiter)
      held += own
      plan()
      return { promise, leave: () => letGo(waiter, 'gone') }
    },
    taken() {
      if (waiters.size > 0) letGoOn(1)
    },
    close() {
      closed = true
      clearTimeout(timer)
      for (const waiter of waiters) letGo(waiter, 'over')
    },
    get requests() {
      return waiters.size
    },
    get bytes() {
      return held
    },
  }
}
