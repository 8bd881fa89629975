/** Kill -9 under senders of documents and Beats, again and again; then everything is drained and compared. */

import { expect } from 'vitest'
import { stateFolder } from '../../emit/support/queues.ts'
import { drained, expectBalanced } from './drained.ts'
import { type FaultySinkOf, startFaultySinkOf } from './faulty-sink.ts'
import { type LogKey, logsReading } from './logs.ts'
import { type LogsLedger, type LogsLoadOptions, startLogsLoad } from './logs-load.ts'
import { randomFrom } from './random.ts'
import { createVictim, expectGoodEnd, repeatsIn } from './rounds.ts'

export type LogsSink = FaultySinkOf<LogKey>

/** An endpoint that remembers every log record by its message. */
export const startLogsSink = (random: () => number = Math.random): Promise<LogsSink> => startFaultySinkOf(logsReading, random)

export interface LogsRow {
  readonly round: number
  readonly livedMs: number
  /** Documents acknowledged so far, and different ones that arrived. */
  readonly acked: number
  readonly arrived: number
  readonly repeats: number
}

/** How often large requests ended how, and those of which a part is there. */
export function largeOutcome(ledger: LogsLedger, sink: LogsSink): Record<string, number> & { readonly torn: number } {
  const counts: Record<string, number> & { torn: number } = { torn: 0 }
  for (const { keys, state } of ledger.large) {
    const there = keys.filter((key) => sink.has(key)).length
    const what = there === 0 ? 'none' : there === keys.length ? 'whole' : 'torn'
    const name = `${state}, ${what}`
    counts[name] = (counts[name] ?? 0) + 1
    if (what === 'torn') counts.torn++
  }
  return counts
}

/**
 * Everything that was acknowledged is at the endpoint, of no large request is there a part, and every repeat has a reason.
 * @param forwarded with that acknowledgement a request is sent while its sender waits: of one that was not answered some may be there
 */
export function expectAllLogs(ledger: LogsLedger, sink: LogsSink, forwarded = false): void {
  const missing = [...ledger.acked].filter((key) => !sink.has(key))
  expect({ missing: missing.length, first: missing.slice(0, 5) }).toEqual({ missing: 0, first: [] })
  expect(ledger.wrong).toEqual([])
  const large = largeOutcome(ledger, sink)
  const torn = forwarded ? (large['sent, torn'] ?? 0) + (large['refused, torn'] ?? 0) : 0
  expect(large.torn).toBe(torn)
  // What was refused, or never came to its end, was not taken.
  expect({ begun: large['begun, whole'] ?? 0, refused: forwarded ? 0 : (large['refused, whole'] ?? 0) }).toEqual({ begun: 0, refused: 0 })
  expect(sink.repeats().unexplained).toBeLessThanOrEqual(ledger.resent.size)
  expect(sink.miscounted).toBe(0)
}

/** Kills `rounds` times, checks, and prints the table. @param seed decides about the moments and the faults */
export async function logsKillRounds(
  rounds: number,
  seed: number,
  settings: readonly string[] = [],
  senders: Partial<LogsLoadOptions> = {},
): Promise<{ readonly rows: readonly LogsRow[]; readonly ledger: LogsLedger; readonly large: Record<string, number> }> {
  const random = randomFrom(seed)
  const sink = await startLogsSink(random)
  const rows: LogsRow[] = []
  const options = { state: stateFolder(), endpoint: sink.url, settings: ['emit.batch.maxItems=2000', ...settings] }
  const victim = createVictim(options, sink)
  sink.mode = 'half'
  const load = startLogsLoad({ target: victim.target, ...senders })
  const { ledger } = load
  const row = (round: number, livedMs: number): LogsRow => ({
    round,
    livedMs: Math.round(livedMs),
    acked: ledger.acked.size,
    arrived: sink.unique,
    repeats: repeatsIn(sink.repeats()),
  })
  for (let round = 1; round <= rounds; round++) {
    await victim.round(
      () => 100 + random() * 2000,
      (_bridge, livedMs) => void rows.push(row(round, livedMs)),
    )
  }
  const last = await victim.start()
  await load.stop()
  sink.mode = 'ok'
  const books = await drained(last)
  await expectBalanced(last)
  rows.push(row(rounds + 1, 0))
  const large = largeOutcome(ledger, sink)
  console.log(`kill -9 under documents and Beats, ${rounds} times, seed ${seed}; the last row is after draining`)
  console.table(rows)
  console.log({ answers: ledger.answers, resent: ledger.resent.size, repeats: sink.repeats(), large, requests: sink.requests })
  console.table(books)
  expectAllLogs(ledger, sink, settings.includes('queue.ack=forwarded'))
  expect(last.output()).not.toMatch(/set aside|"level":"?(error|50)/)
  await expectGoodEnd(last, books)
  return { rows, ledger, large }
}
