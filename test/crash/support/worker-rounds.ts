/** Kill -9 of workers, one after the other, under load that goes on: their siblings answer, and take over what they had queued. */

import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { stateFolder, until } from '../../emit/support/queues.ts'
import { type Bridge, startBridge } from './bridge.ts'
import { drained, expectAllArrived, expectBalanced } from './drained.ts'
import { startFaultySink } from './faulty-sink.ts'
import { createLedger } from './ledger.ts'
import { startLoad } from './load.ts'
import { randomFrom } from './random.ts'

export interface WorkerKillRow {
  readonly round: number
  readonly acked: number
  readonly delivered: number
  readonly repeats: number
  readonly answers: string
}

const neverLess = ['otlp_bridge_received_items_total', 'otlp_bridge_delivered_items_total', 'process_cpu_seconds_total'] as const

/** What must not go backwards, whoever dies. */
async function watchCounters(bridge: Bridge, before: Map<string, number>): Promise<void> {
  for (const name of neverLess) {
    const value = await bridge.metric(name)
    expect(value, name).toBeGreaterThanOrEqual(before.get(name) ?? 0)
    before.set(name, value)
  }
}

/** Kills one of two workers `rounds` times, drains, compares, prints the table. */
export async function workerKillRounds(rounds: number, seed: number): Promise<readonly WorkerKillRow[]> {
  const random = randomFrom(seed)
  const sink = await startFaultySink(random)
  const ledger = createLedger()
  const bridge = await startBridge({ state: stateFolder(), endpoint: sink.url, args: ['--workers', '2'] })
  const rows: WorkerKillRow[] = []
  const counters = new Map<string, number>()
  sink.mode = 'half'
  const load = startLoad({ target: () => bridge.ports, ledger, connections: 8, pauseMs: 15 })
  for (let round = 1; round <= rounds; round++) {
    await delay(500 + random() * 1000)
    await watchCounters(bridge, counters)
    const pids = await bridge.workers()
    expect(pids).toHaveLength(2)
    const victim = pids[Math.floor(random() * 2)] as number
    process.kill(victim, 'SIGKILL')
    sink.killed()
    // The clients of the other one do not notice.
    await until(async () => !(await bridge.readiness()).ready, 5000)
    const { reasons } = await bridge.readiness()
    expect(reasons.join()).toMatch(/^$|worker \d (is (down|starting)|has not answered)|failing/)
    await until(async () => (await bridge.workers()).length === 2, 20_000)
    await watchCounters(bridge, counters)
    expect(await bridge.workers()).not.toContain(victim)
    const { unconfirmed, afterKill, unexplained } = sink.repeats()
    const answers = JSON.stringify(ledger.answers)
    rows.push({ round, acked: ledger.acked.size, delivered: sink.unique, repeats: unconfirmed + afterKill + unexplained, answers })
    // Until the removals of the one and the adoption by the other are done, so that repeats can be told apart.
    await delay(1600)
  }
  await load.stop()
  sink.mode = 'ok'
  await drained(bridge)
  const books = await expectBalanced(bridge)
  await watchCounters(bridge, counters)
  console.log(`kill -9 of a worker, ${rounds} times, seed ${seed}`, { repeats: sink.repeats(), doubtful: ledger.doubtful.size })
  console.table(rows)
  console.table(books)
  expectAllArrived(ledger, sink)
  expect(books.reduce((sum, one) => sum + one.dropped + one.dead, 0)).toBe(0)
  expect(await bridge.metric('otlp_bridge_worker_restarts_total'), bridge.output()).toBe(rounds)
  const { code, tookMs } = await bridge.end()
  expect([code, tookMs < 10_000], bridge.output()).toEqual([0, true])
  return rows
}
