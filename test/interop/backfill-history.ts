/** What is shown of each source of history: killed five times, every item is there, what is repeated is told, and a sample is what the source has. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { BackfillReport } from '../../src/backfill/report.ts'
import { runKilled, runProgram } from './backfill-process.ts'
import type { Recorder } from './backfill-recorder.ts'

/** How many items a source is filled with: `OTLP_BRIDGE_BACKFILL_ITEMS`. */
export const wantedItems = Number(process.env['OTLP_BRIDGE_BACKFILL_ITEMS'] ?? 20_000)

/** How many are compared field by field, about. */
export const sampleSize = 1100

const kills = 5
/** Slices at a time: of each of them a kill may cost a page. */
const parallel = 4
const mostMb = 256

/** Long enough for so many items on a busy machine. */
export const historyTimeout = 300_000 + wantedItems * 3

export interface HistoryRun {
  /** Of the table of figures. */
  readonly name: string
  /** `backfill <words>` */
  readonly words: readonly string[]
  readonly recorder: Recorder
  /** OTLP items that should come, as far as is known before. */
  readonly items: number
  /** The most OTLP items of a page; 2,000 unless items of the source hold several. */
  readonly pageItems?: number
}

export interface HistoryOutcome {
  readonly report: BackfillReport & { readonly end: string }
  readonly seed: number
}

/**
 * Runs, kills, goes on, verifies; says the figures on the console. Fails unless the last start says `complete` with exit code 0, `verify --deep` says so
 * of every slice, what came more than once is in the report, and no process was larger than it may be.
 */
export async function showHistory({ name, words, recorder, items, pageItems = 2000 }: HistoryRun): Promise<HistoryOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-history-'))
  const own = ['--ledger', join(folder, 'ledger')]
  try {
    const command = ['backfill', ...words, ...own, '--set', `emit.endpoint=${recorder.url}`, '--json']
    const run = await runKilled({ words: command, folder, recorder, items, kills })
    const said = `seed ${run.seed}\n${run.last.err}\n${run.last.out}`
    expect(run.last.code, said).toBe(0)
    const report = JSON.parse(run.last.out) as HistoryOutcome['report']

    const verify = await runProgram(['backfill', 'verify', '--deep', '--json', ...own], folder)
    const verified = verify.code === 0 ? (JSON.parse(verify.out) as { slices: number; verdicts: Record<string, number> }) : undefined

    const repeats = recorder.arrived - report.acknowledged
    const cpu = run.starts.reduce((sum, one) => sum + one.cpuSeconds, 0)
    const wall = run.starts.reduce((sum, one) => sum + one.seconds, 0)
    const peak = Math.max(...run.starts.map((one) => one.peakMb))
    console.info(
      [
        `history of ${name}: ${report.read} read, ${report.acknowledged} OTLP items; seed ${run.seed}`,
        `  kills ${run.kills}, resent ${report.resent}, came again ${repeats}`,
        `  wall ${wall.toFixed(1)} s, CPU ${cpu.toFixed(1)} s, ${Math.round(report.read / cpu)} items of the source a CPU second, starts among it`,
        `  peak RSS ${run.starts.map((one) => one.peakMb.toFixed(0)).join(', ')} MiB; verify ${verify.peakMb.toFixed(0)} MiB`,
        `  verify --deep: exit code ${verify.code}, ${JSON.stringify(verified?.verdicts)}, ${verify.seconds.toFixed(1)} s, CPU ${verify.cpuSeconds.toFixed(1)} s`,
        `  skipped ${JSON.stringify(report.skipped.map(({ reason, items: count }) => [reason, count]))} notes ${JSON.stringify(report.notes)}`,
      ].join('\n'),
    )

    expect(recorder.faults).toEqual([])
    expect(run.kills, 'it should be killed before it ends').toBe(kills)
    expect(report).toMatchObject({ end: 'complete', result: 'complete', balanced: true, rejected: [], dead: [], ambiguous: 0 })
    expect(report.acknowledged).toBe(report.produced)
    // Nobody knows of a page that was out whether it had arrived: what is told may be more than what came, and never less.
    expect(repeats).toBeGreaterThanOrEqual(0)
    expect(repeats).toBeLessThanOrEqual(report.resent)
    expect(report.resent).toBeLessThanOrEqual(run.kills * parallel * pageItems)
    expect(verify.code, `${verify.out}\n${verify.err}`).toBe(0)
    expect(verified?.verdicts).toMatchObject({ complete: verified?.slices })
    expect(Math.max(peak, verify.peakMb)).toBeLessThanOrEqual(mostMb)
    return { report, seed: run.seed }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
