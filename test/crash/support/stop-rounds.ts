/** SIGTERM under load, again and again: nothing that was acknowledged may be lost, and nothing confirmed may be sent again. */

import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { stateFolder } from '../../emit/support/queues.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { drained, expectAllArrived, expectBalanced } from './drained.ts'
import { startFaultySink } from './faulty-sink.ts'
import { createLedger } from './ledger.ts'
import { startLoad } from './load.ts'

/** Stops `rounds` times under load with a slow endpoint, every second time one that fails. Prints what it saw. */
export async function gracefulStops(rounds: number): Promise<void> {
  const sink = await startFaultySink()
  const ledger = createLedger()
  const state = stateFolder()
  const rows: object[] = []
  let bridge: Bridge | undefined
  const load = startLoad({ target: () => bridge?.ports, ledger })
  for (let round = 1; round <= rounds; round++) {
    sink.delayMs = 100
    sink.mode = round % 2 === 0 ? 'half' : 'ok'
    const started = await startBridge({ state, endpoint: sink.url })
    bridge = started
    await delay(1000)
    const ending = started.end()
    // Clients go on for a moment: those who come too late are told so.
    await delay(100)
    bridge = undefined
    const { code, tookMs } = await ending
    sink.killed()
    expect(code, started.output()).toBe(0)
    expect(tookMs).toBeLessThan(20_000)
    rows.push({
      round,
      tookMs: Math.round(tookMs),
      acked: ledger.acked.size,
      delivered: sink.unique,
      repeats: JSON.stringify(sink.repeats()),
    })
  }
  await load.stop()
  sink.mode = 'ok'
  sink.delayMs = 0
  const last = await startBridge({ state, endpoint: sink.url })
  await drained(last)
  const books = await expectBalanced(last)
  console.log(`SIGTERM under load, ${rounds} times:`, ledger.answers)
  console.table(rows)
  console.table(books)
  expectAllArrived(ledger, sink)
  expect(ledger.acked.size).toBeGreaterThan(rounds * 100)
  // On a busy machine an answer may be under way when the time for what is being sent is over: that is sent again, and nothing else.
  expect(sink.repeats().afterKill).toBeLessThan(rounds * 500)
  expect((await last.end()).code).toBe(0)
}
