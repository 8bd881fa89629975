/** L1, L2, L4 over random sources, destinations and power cuts: the ledger is copied in the middle, and somebody else goes on with the copy. */

import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/backfill/ledger.ts'
import { sourceFault } from '../../src/backfill/source.ts'
import { stateFolder } from '../emit/support/queues.ts'
import { numbersSource } from './support/numbers-source.ts'
import { lawOne, openLedger, recordingSink, runAll, runName } from './support/runs.ts'

const copyLedger = (from: string): string => {
  const into = stateFolder()
  for (const end of ['.db', '.db-wal']) {
    const name = `${runName}${end}`
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(into, name))
  }
  return into
}

interface Life {
  readonly folder: string
  readonly arrived: Map<number, number>
}

const shape = fc.record({
  slices: fc.integer({ min: 1, max: 5 }),
  perSlice: fc.integer({ min: 1, max: 40 }),
  perPage: fc.integer({ min: 1, max: 12 }),
  parallel: fc.integer({ min: 1, max: 4 }),
  order: fc.constantFrom('time' as const, 'any' as const),
  skipEvery: fc.constantFrom(0, 3, 1),
  skipReason: fc.constantFrom('not_a_span', 'corrupt'),
  silentEnd: fc.boolean(),
  refuseEvery: fc.constantFrom(0, 7),
  failAt: fc.option(fc.integer({ min: 1, max: 20 })),
  crashes: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 4 }),
})

type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never

/** One life of the process: to its end, or to a power cut after so many events. Undefined: it came to its end. */
const live = async (what: Shape, { folder, arrived }: Life, crashAfter: number, fails: { left: number }): Promise<Life | undefined> => {
  const kill = new AbortController()
  let left = crashAfter
  let next: Life | undefined
  const event = (): void => {
    if (--left !== 0) return
    next = { folder: copyLedger(folder), arrived: new Map(arrived) }
    kill.abort()
  }
  const source = numbersSource({
    ...what,
    onRead() {
      event()
      if (what.failAt !== null && --fails.left === 0) throw sourceFault('pit_lost', 'cannot read on: lost')
    },
  })
  const sink = recordingSink({
    arrived,
    refuses: (number) => (what.refuseEvery > 0 && number % what.refuseEvery === 0 ? 'bad' : undefined),
    async before() {
      event()
      await new Promise((resolve) => setImmediate(resolve))
      if (kill.signal.aborted) await new Promise(() => {})
    },
    after: () => {
      event()
    },
  })
  const ledger = await openLedger(folder)
  const options = { parallel: what.parallel, order: what.order, kill: kill.signal }
  await runAll({ source, sink, ledger, options })
  if (next === undefined && (await ledger.retry({ states: ['failed'] })) > 0) await runAll({ source, sink, ledger, options })
  await ledger.close()
  return next
}

const check = async (what: Shape, ledger: Ledger, arrived: ReadonlyMap<number, number>): Promise<void> => {
  const { counts, slices } = await ledger.summary()
  expect(lawOne(counts)).toEqual([0, 0])
  for (const slice of await ledger.slices()) expect(lawOne(slice.counts)).toEqual([0, 0])
  const total = what.slices * what.perSlice
  const all = Array.from({ length: total }, (_, at) => at)
  const sent = all.filter((one) => what.skipEvery === 0 || one % what.skipEvery !== 0)
  const taken = sent.filter((one) => what.refuseEvery === 0 || one % what.refuseEvery !== 0)
  expect([...arrived.keys()].sort((a, b) => a - b)).toEqual(taken)
  expect(counts).toMatchObject({ read: total, translated: sent.length, produced: sent.length, acked: taken.length })
  expect(slices.done + slices.done_with_losses).toBe(what.slices)
  const extra = [...arrived.values()].reduce((sum, one) => sum + one - 1, 0)
  expect(counts.resent).toBeGreaterThanOrEqual(extra)
  expect(counts.resent).toBeLessThanOrEqual(what.crashes.length * what.parallel * what.perPage)
}

describe('a run that is cut off', () => {
  it('loses nothing, and repeats at most one page of each slice, which it counts', { timeout: 120_000 }, async () => {
    let cuts = 0
    await fc.assert(
      fc.asyncProperty(shape, async (what) => {
        const fails = { left: what.failAt ?? 0 }
        let life: Life = { folder: stateFolder(), arrived: new Map() }
        for (const crashAfter of what.crashes) {
          const next = await live(what, life, crashAfter, fails)
          if (next === undefined) break
          cuts++
          life = next
        }
        await live(what, life, 0, fails)
        const ledger = await openLedger(life.folder)
        await check(what, ledger, life.arrived)
        await ledger.close()
      }),
      { numRuns: Number(process.env['OTLP_BRIDGE_PROPERTY_RUNS'] ?? 60), endOnFailure: true },
    )
    expect(cuts).toBeGreaterThan(20)
  })
})
