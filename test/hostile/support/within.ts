/** Something done to a bridge of its own, and the memory that it took. */

import { expect } from 'vitest'
import { type Live, startLive } from './live.ts'
import { startSink } from './sink.ts'
import type { Range } from './throw.ts'
import { expectWriteBooks } from './throw-write.ts'

const mebi = 2 ** 20

export interface Ground {
  /** Settings that every bridge has. */
  readonly settings?: readonly string[]
  /** Another sender is served as ever. */
  still(range: Range): Promise<unknown>
  /** How often that is done first: what is loaded with the first requests is not what is looked for. */
  readonly before: number
  /** Looks at the bridge when all is done. */
  check?(range: Range): Promise<void>
}

/** Runs against a bridge of its own; prints what it took. @param limitMiB by which memory may rise */
export type Within = (limitMiB: number, settings: readonly string[], act: (range: Range) => Promise<void>) => Promise<void>

export const createWithin =
  ({ settings: always = [], still, before: times, check }: Ground): Within =>
  async (limitMiB, settings, act) => {
    const sink = await startSink()
    const live = await startLive(sink.url, [...always, ...settings])
    const range: Range = { live, sink, sent: new Set() }
    try {
      for (let i = 0; i < times; i++) await still(range)
      live.resetPeak()
      const before = live.residentBytes()
      const startedAt = performance.now()
      await act(range)
      const tookMs = performance.now() - startedAt
      const rise = (live.peakBytes() - before) / mebi
      await still(range)
      await expectWriteBooks(range)
      console.log(`${expect.getState().currentTestName?.split(' > ').at(-1)}: ${Math.round(tookMs)} ms, ${Math.round(rise)} MiB`)
      await check?.(range)
      expect(rise).toBeLessThan(limitMiB)
      expect(await live.stop()).toBe(0)
    } finally {
      await live.stop()
      await sink.close()
    }
  }

/** Sum over all series of a metric. @param labels that they include */
export async function metricOf(live: Live, name: string, labels = ''): Promise<number> {
  let sum = 0
  for (const [series, value] of await live.metrics()) {
    if ((series === name || series.startsWith(`${name}{`)) && series.includes(labels)) sum += value
  }
  return sum
}
