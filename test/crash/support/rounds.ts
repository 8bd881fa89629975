/** A bridge that is killed and started again on what it left, and load that goes wherever it is. */

import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Books, type Bridge, type BridgeOptions, type BridgePorts, startBridge } from './bridge.ts'
import type { Repeats } from './faulty-sink.ts'

export interface Victim {
  /** Where load is to go; nowhere while it is down. */
  target(): BridgePorts | undefined
  /** Starts it to stay. */
  start(): Promise<Bridge>
  /** Starts it and kills it. @param livesMs asked when it is up @param look sees it, with how long it lived, just before its end */
  round(livesMs: () => number, look: (bridge: Bridge, livedMs: number) => Promise<void> | void): Promise<void>
}

/** @param sink told of each kill */
export function createVictim(options: BridgeOptions, sink: { killed(): void }): Victim {
  let bridge: Bridge | undefined
  const start = async (): Promise<Bridge> => {
    const started = await startBridge(options)
    bridge = started
    return started
  }
  return {
    target: () => bridge?.ports,
    start,
    async round(livesMs, look) {
      const started = await start()
      const livedMs = livesMs()
      await delay(livedMs)
      await look(started, livedMs)
      bridge = undefined
      expect(started.alive(), started.output()).toBe(true)
      await started.end('SIGKILL')
      sink.killed()
    },
  }
}

/** Arrivals of what had come before, whatever the reason. */
export const repeatsIn = ({ unconfirmed, afterKill, unexplained }: Repeats): number => unconfirmed + afterKill + unexplained

/** Nothing was let go of, and it ends by itself. */
export async function expectGoodEnd(bridge: Bridge, books: readonly Books[]): Promise<void> {
  expect(books.reduce((sum, one) => sum + one.dropped + one.dead, 0)).toBe(0)
  expect((await bridge.end()).code).toBe(0)
}
