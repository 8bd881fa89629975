/**
 * Memory of a back-fill: ten times the history, and the process is no larger. The source is a scripted one, for no disk holds it.
 *
 * `OTLP_BRIDGE_BACKFILL_ITEMS` (20,000): documents of the smaller history.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BackfillReport } from '../../src/backfill/report.ts'
import { startEndless } from './backfill-endless.ts'
import { wantedItems } from './backfill-history.ts'
import { runProgram } from './backfill-process.ts'
import { logKeys, startRecorder } from './backfill-recorder.ts'

const mostMb = 256

async function peakOf(items: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-history-'))
  const store = await startEndless(items)
  const recorder = await startRecorder({ signal: 'logs', keysOf: logKeys, sample: { wanted: 0, items } })
  try {
    const words = ['backfill', 'elasticsearch', '--url', store.url, '--index', 'app-logs', '--set', `emit.endpoint=${recorder.url}`]
    const ended = await runProgram([...words, '--json', '--ledger', join(folder, 'ledger')], folder)
    expect(ended.code, ended.err).toBe(0)
    const report = JSON.parse(ended.out) as BackfillReport
    console.info(
      `${items} documents: peak RSS ${ended.peakMb.toFixed(0)} MiB, wall ${ended.seconds.toFixed(1)} s, CPU ${ended.cpuSeconds.toFixed(1)} s, ${Math.round(items / ended.cpuSeconds)} items a CPU second`,
    )
    expect(report).toMatchObject({ result: 'complete', read: items, acknowledged: items, skipped: [] })
    expect([recorder.counts.unique, recorder.counts.repeats, recorder.faults]).toEqual([items, 0, []])
    return ended.peakMb
  } finally {
    await recorder.close()
    await store.close()
    await rm(folder, { recursive: true, force: true })
  }
}

describe('size of a back-fill', () => {
  it(
    `is the same for ten times the history, and ${mostMb} MiB at the most`,
    async () => {
      const once = await peakOf(wantedItems)
      const tenfold = await peakOf(wantedItems * 10)
      expect(Math.max(once, tenfold)).toBeLessThanOrEqual(mostMb)
      // A short run may end before the heap has come to its usual size.
      if (wantedItems >= 500_000) expect(tenfold).toBeLessThanOrEqual(once * 1.1)
    },
    300_000 + wantedItems * 6,
  )
})
