/**
 * Memory of a back-fill: ten times the history, and the process is no larger.
 *
 * `OTLP_BRIDGE_BACKFILL_ITEMS` (20,000): documents of the smaller history; with 1,000,000 the larger one takes 4 GB of disk for a while.
 */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BackfillReport } from '../../src/backfill/report.ts'
import { randomFrom } from '../crash/support/random.ts'
import { wantedItems } from './backfill-history.ts'
import { logDocument } from './backfill-load.ts'
import { runProgram } from './backfill-process.ts'
import { logKeys, startRecorder } from './backfill-recorder.ts'

const files = 10
const mostMb = 256

/** As elasticdump writes them. */
async function writeDocuments(path: string, first: number, count: number): Promise<void> {
  const stream = createWriteStream(path)
  const random = randomFrom(first + 1)
  const start = Date.UTC(2026, 10, 1)
  for (let from = first; from < first + count; ) {
    const lines: string[] = []
    for (const to = Math.min(from + 1000, first + count); from < to; from++) {
      const document = logDocument(from, start + from * 10, random)
      lines.push(JSON.stringify({ _index: 'app-logs', _id: `d${from}`, _source: document }))
    }
    if (!stream.write(`${lines.join('\n')}\n`)) await once(stream, 'drain')
  }
  stream.end()
  await once(stream, 'close')
}

describe('size of a back-fill', () => {
  it(
    `is the same for ten times the history, and ${mostMb} MiB at the most`,
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-history-'))
      try {
        for (let file = 0; file < files; file++) await writeDocuments(join(folder, `part-${file}.ndjson`), file * wantedItems, wantedItems)
        const run = async (name: string, pattern: string, items: number): Promise<number> => {
          const recorder = await startRecorder({ signal: 'logs', keysOf: logKeys, sample: { wanted: 0, items } })
          try {
            const words = ['backfill', 'files', join(folder, pattern), '--as', 'logs', '--json', '--set', `emit.endpoint=${recorder.url}`]
            const ended = await runProgram([...words, '--ledger', join(folder, `ledger-${name}`)], folder)
            expect(ended.code, ended.err).toBe(0)
            const report = JSON.parse(ended.out) as BackfillReport
            console.info(
              `${items} documents: peak RSS ${ended.peakMb.toFixed(0)} MiB, wall ${ended.seconds.toFixed(1)} s, CPU ${ended.cpuSeconds.toFixed(1)} s`,
            )
            expect(report).toMatchObject({ result: 'complete', read: items, acknowledged: items, skipped: [] })
            expect([recorder.counts.unique, recorder.counts.repeats, recorder.faults]).toEqual([items, 0, []])
            return ended.peakMb
          } finally {
            await recorder.close()
          }
        }
        const once = await run('small', 'part-0.ndjson', wantedItems)
        const tenfold = await run('large', 'part-*.ndjson', wantedItems * files)
        expect(tenfold).toBeLessThanOrEqual(mostMb)
        // A short run may end before the heap has come to its usual size.
        if (wantedItems >= 500_000) expect(tenfold).toBeLessThanOrEqual(once * 1.1)
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
    300_000 + wantedItems * 6,
  )
})
