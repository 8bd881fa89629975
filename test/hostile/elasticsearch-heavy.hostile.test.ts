/** Documents that are made to take memory, each request against a bridge of its own: memory that was freed would hide what the next one takes. */

import { describe, expect, it } from 'vitest'
import { heavyBulks } from './support/bulk-heavy.ts'
import { startLive } from './support/live.ts'
import { startSink } from './support/sink.ts'
import type { Range } from './support/throw.ts'
import { stillBulks, throwBulk } from './support/throw-bulk.ts'
import { expectWriteBooks } from './support/throw-write.ts'

/** What a large request may take: its pieces, a line of 16 MiB in the making, and what the collector leaves lying about meanwhile. */
const heavyMiB = 128

describe('documents that take memory', () => {
  it.each(heavyBulks)(
    '$name',
    async (one) => {
      const sink = await startSink()
      const live = await startLive(sink.url, one.settings)
      const range: Range = { live, sink, sent: new Set() }
      try {
        // What is loaded with the first request is not what is looked for.
        await stillBulks(range)
        const { tookMs, riseMiB } = await throwBulk(range, { riseMiB: heavyMiB, ...one })
        console.log(`${one.name}: ${Math.round(tookMs)} ms, ${Math.round(riseMiB)} MiB`)
        await expectWriteBooks(range)
        expect(await live.stop()).toBe(0)
      } finally {
        await live.stop()
        await sink.close()
      }
    },
    180_000,
  )
})
