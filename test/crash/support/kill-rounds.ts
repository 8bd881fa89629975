/** Kill -9 under load, again and again, with an endpoint that fails half of its requests; then everything is drained and compared. */

import { expect } from 'vitest'
import { stateFolder } from '../../emit/support/queues.ts'
import { drained, expectAllArrived, expectBalanced } from './drained.ts'
import { startFaultySink } from './faulty-sink.ts'
import { createLedger } from './ledger.ts'
import { startLoad } from './load.ts'
import { randomFrom } from './random.ts'
import { createVictim, expectGoodEnd, repeatsIn } from './rounds.ts'

export interface KillRow {
  readonly round: number
  readonly livedMs: number
  /** Acknowledged so far. */
  readonly acked: number
  /** Different spans that arrived so far. */
  readonly delivered: number
  readonly repeats: number
  /** Spans sent to the bridge and not answered when it was killed. */
  readonly unanswered: number
  /** Spans that the endpoint held unanswered when the bridge was killed. */
  readonly inFlight: number
}

/** Kills `rounds` times, checks, and prints the table. @param seed decides about the moments and the faults */
export async function killRounds(rounds: number, seed: number, settings: readonly string[] = []): Promise<readonly KillRow[]> {
  const random = randomFrom(seed)
  const sink = await startFaultySink(random)
  const ledger = createLedger()
  const rows: KillRow[] = []
  const victim = createVictim({ state: stateFolder(), endpoint: sink.url, settings }, sink)
  sink.mode = 'half'
  const load = startLoad({ target: victim.target, ledger, connections: 6, pauseMs: 15 })
  const row = (round: number, livedMs: number): KillRow => ({
    round,
    livedMs: Math.round(livedMs),
    acked: ledger.acked.size,
    delivered: sink.unique,
    repeats: repeatsIn(sink.repeats()),
    unanswered: ledger.open,
    inFlight: sink.spansOpen(),
  })
  for (let round = 1; round <= rounds; round++) {
    await victim.round(
      () => 50 + random() * 1200,
      (_bridge, livedMs) => void rows.push(row(round, livedMs)),
    )
  }
  await load.stop()
  sink.mode = 'ok'
  const last = await victim.start()
  await drained(last)
  rows.push(row(rounds + 1, 0))
  const books = await expectBalanced(last)
  const repeats = sink.repeats()
  console.log(`kill -9, ${rounds} times, seed ${seed}; the last row is after draining`)
  console.table(rows)
  console.log({ answers: ledger.answers, doubtful: ledger.doubtful.size, repeats, requests: sink.requests })
  console.table(books)
  expectAllArrived(ledger, sink)
  await expectGoodEnd(last, books)
  // What the endpoint took without confirming it, and per kill what four requests of 200 spans can hold.
  expect(repeats.afterKill).toBeLessThanOrEqual(rounds * 4 * 200)
  return rows
}
