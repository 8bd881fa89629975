/** Remote-write that is made to take memory, each request against a bridge of its own: memory that was freed would hide what the next one takes. */

import { describe, expect, it } from 'vitest'
import { startLive } from './support/live.ts'
import { startSink } from './support/sink.ts'
import type { Range } from './support/throw.ts'
import { expectWriteBooks, throwWrite } from './support/throw-write.ts'
import { heavyWrites } from './support/write-heavy.ts'

describe('remote-write that takes memory', () => {
  it.each(heavyWrites)('$name', async (one) => {
    const sink = await startSink()
    const live = await startLive(sink.url, ['translate.prometheus.assembler.window=1s', ...(one.settings ?? [])])
    const range: Range = { live, sink, sent: new Set() }
    try {
      const before = live.residentBytes()
      const tookMs = await throwWrite(range, one)
      const riseMiB = (live.peakBytes() - before) / 2 ** 20
      console.log(`${one.name}: ${Math.round(tookMs)} ms, ${Math.round(riseMiB)} MiB`)
      await expectWriteBooks(range)
      expect(await live.stop()).toBe(0)
    } finally {
      await live.stop()
      await sink.close()
    }
  })
})
