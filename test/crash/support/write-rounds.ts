/** Kill -9 under remote-write, again and again, with an endpoint that fails half of its requests; then everything is drained and compared. */

import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { stateFolder } from '../../emit/support/queues.ts'
import type { Books, Bridge } from './bridge.ts'
import { drained, expectBalanced } from './drained.ts'
import { type FaultySinkOf, startFaultySinkOf } from './faulty-sink.ts'
import { randomFrom } from './random.ts'
import { createVictim, expectGoodEnd, repeatsIn } from './rounds.ts'
import { startWriteLoad, type WriteLedger } from './write-load.ts'
import { type PointKey, pointsReader, type WrongPoint } from './writes.ts'

export interface WriteRow {
  readonly round: number
  readonly livedMs: number
  /** Samples acknowledged so far, and points that are whole by it. */
  readonly samples: number
  readonly points: number
  /** Different points that arrived so far, and arrivals of some that had come before. */
  readonly arrived: number
  readonly repeats: number
  /** Samples in the assembler when it was killed. */
  readonly held: number
}

/** Short waits for members: a shard is never behind by so much while the bridge is up. */
export const quickAssembler = [
  'translate.prometheus.assembler.window=4s',
  'translate.prometheus.assembler.reorder=2s',
  'ingest.prometheus.state.every=1s',
]

export interface WriteSink extends FaultySinkOf<PointKey> {
  readonly wrong: readonly WrongPoint[]
}

/** An endpoint that looks at every point. */
export async function startWriteSink(random: () => number = Math.random): Promise<WriteSink> {
  const wrong: WrongPoint[] = []
  const sink = await startFaultySinkOf(pointsReader(wrong), random)
  return Object.assign(sink, { wrong })
}

/** Waits until nothing is held and the queue is empty. */
export async function writesDrained(bridge: Bridge): Promise<readonly Books[]> {
  for (const end = Date.now() + 60_000; Date.now() < end && (await bridge.metric('otlp_bridge_held_items')) > 0; ) await delay(100)
  expect(await bridge.metric('otlp_bridge_held_items')).toBe(0)
  return drained(bridge)
}

export interface Verdict {
  readonly acked: number
  readonly missing: number
  /** Arrivals of points that had come before. */
  readonly repeats: number
}

/** Every acknowledged sample is at the endpoint, whole and right. */
export function expectAllWritten(ledger: WriteLedger, sink: WriteSink): Verdict {
  const missing = [...ledger.acked].filter((key) => !sink.has(key))
  const repeats = sink.repeats()
  expect(ledger.refusals).toEqual([])
  expect({ missing: missing.length, first: missing.slice(0, 5) }).toEqual({ missing: 0, first: [] })
  expect({ wrong: sink.wrong.length, first: sink.wrong.slice(0, 5) }).toEqual({ wrong: 0, first: [] })
  // Those that are the endpoint's own doing, and those whose request was sent twice, as its answer was lost.
  expect(repeats.unexplained).toBeLessThanOrEqual(ledger.resent.size)
  return { acked: ledger.acked.size, missing: missing.length, repeats: repeatsIn(repeats) }
}

/** Kills `rounds` times, checks, and prints the table. @param seed decides about the moments and the faults */
export async function writeKillRounds(rounds: number, seed: number, settings: readonly string[] = []): Promise<readonly WriteRow[]> {
  const random = randomFrom(seed)
  const sink = await startWriteSink(random)
  const rows: WriteRow[] = []
  const victim = createVictim({ state: stateFolder(), endpoint: sink.url, settings: [...quickAssembler, ...settings] }, sink)
  sink.mode = 'half'
  const load = startWriteLoad({ target: victim.target, senders: [1, 2, 1, 2] })
  const { ledger } = load
  const row = (round: number, livedMs: number, held: number): WriteRow => ({
    round,
    livedMs: Math.round(livedMs),
    samples: ledger.ackedSamples,
    points: ledger.acked.size,
    arrived: sink.unique,
    repeats: repeatsIn(sink.repeats()),
    held,
  })
  for (let round = 1; round <= rounds; round++) {
    await victim.round(
      // In the first round histograms are seen whole, and what they look like is saved: from then on they go as soon as they are complete.
      () => (round === 1 ? 7000 : 100 + random() * 3000),
      async (bridge, livedMs) => void rows.push(row(round, livedMs, await bridge.metric('otlp_bridge_held_items'))),
    )
  }
  const last = await victim.start()
  await load.stop()
  sink.mode = 'ok'
  await writesDrained(last)
  rows.push(row(rounds + 1, 0, 0))
  const books = await expectBalanced(last)
  console.log(`kill -9 under remote-write, ${rounds} times, seed ${seed}; the last row is after draining`)
  console.table(rows)
  console.log({
    answers: ledger.answers,
    resent: ledger.resent.size,
    repeats: sink.repeats(),
    wrong: sink.wrong.length,
    requests: sink.requests,
  })
  console.table(books)
  const { acked, missing, repeats } = expectAllWritten(ledger, sink)
  console.log({ rounds, acknowledged: acked, samples: ledger.ackedSamples, missing, repeats })
  await expectGoodEnd(last, books)
  return rows
}
