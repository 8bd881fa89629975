/** Kill -9 under load, again and again, with an endpoint that fails half of its requests; then everything is drained and compared. */

import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { stateFolder } from '../../emit/support/queues.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { drained, expectAllArrived, expectBalanced } from './drained.ts'
import { startFaultySink } from './faulty-sink.ts'
import { createLedger } from './ledger.ts'
import { startLoad } from './load.ts'
import { randomFrom } from './random.ts'

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
  const state = stateFolder()
  const rows: KillRow[] = []
  let bridge: Bridge | undefined
  sink.mode = 'half'
  const load = startLoad({ target: () => bridge?.ports, ledger, connections: 6, pauseMs: 15 })
  const row = (round: number, livedMs: number): KillRow => {
    const { unconfirmed, afterKill, unexplained } = sink.repeats()
    return {
      round,
      livedMs: Math.round(livedMs),
      acked: ledger.acked.size,
      delivered: sink.unique,
      repeats: unconfirmed + afterKill + unexplained,
      unanswered: ledger.open,
      inFlight: sink.spansOpen(),
    }
  }
  for (let round = 1; round <= rounds; round++) {
    const started = await startBridge({ state, endpoint: sink.url, settings })
    bridge = started
    const livedMs = 50 + random() * 1200
    await delay(livedMs)
    rows.push(row(round, livedMs))
    bridge = undefined
    expect(started.alive(), started.output()).toBe(true)
    await started.end('SIGKILL')
    sink.killed()
  }
  await load.stop()
  sink.mode = 'ok'
  const last = await startBridge({ state, endpoint: sink.url, settings })
  await drained(last)
  rows.push(row(rounds + 1, 0))
  const books = await expectBalanced(last)
  const repeats = sink.repeats()
  console.log(`kill -9, ${rounds} times, seed ${seed}; the last row is after draining`)
  console.table(rows)
  console.log({ answers: ledger.answers, doubtful: ledger.doubtful.size, repeats, requests: sink.requests })
  console.table(books)
  expectAllArrived(ledger, sink)
  expect(books.reduce((sum, one) => sum + one.dropped + one.dead, 0)).toBe(0)
  expect((await last.end()).code).toBe(0)
  // What the endpoint took without confirming it, and per kill what four requests of 200 spans can hold.
  expect(repeats.afterKill).toBeLessThanOrEqual(rounds * 4 * 200)
  return rows
}
