/** What a run meets once in thousands of slices: an answer that comes a moment too late, a ledger that does not answer, a page that was there already. */

import { describe, expect, it } from 'vitest'
import type { Ledger } from '../../src/backfill/ledger.ts'
import type { Sink } from '../../src/backfill/sink.ts'
import { sleepFor } from '../../src/backfill/sleep.ts'
import { stateFolder } from '../emit/support/queues.ts'
import { numbersIn, numbersSource } from './support/numbers-source.ts'
import { openLedger, prepareRun, recordingSink, runAll, type TestRun } from './support/runs.ts'

const never = new Promise<never>(() => {})

describe('createRun', () => {
  it('does not take "none may begin now" for "none is left" when the slice that held the others back ends meanwhile', async () => {
    const ledger = await openLedger(stateFolder())
    // Of a day each: the second may begin when the first has ended.
    const source = numbersSource({ slices: 4, perSlice: 10, perPage: 5, stepMs: 8_640_000 })
    const late: Ledger = {
      ...ledger,
      async take(owner, wanted) {
        const taken = await ledger.take(owner, wanted)
        if (taken !== undefined) return taken
        while ((await ledger.summary()).slices.running > 0) await sleepFor(2, new AbortController().signal)
        await sleepFor(20, new AbortController().signal)
        return undefined
      },
    }
    const sink = recordingSink()
    const { end, summary } = await runAll({ source, sink, ledger: late, options: { order: 'time', parallel: 2 } })
    expect(end).toBe('complete')
    expect(summary?.slices).toMatchObject({ done: 4, pending: 0 })
    await ledger.close()
  })

  it('stops also while the ledger does not answer', async () => {
    const ledger = await openLedger(stateFolder())
    const abort = new AbortController()
    const stuck: Ledger = { ...ledger, take: () => never }
    const run = await prepareRun({
      source: numbersSource({ slices: 2, perSlice: 10, perPage: 5 }),
      sink: recordingSink(),
      ledger: stuck,
      options: { abort: abort.signal, graceMs: 5 },
    })
    const ended = run.start()
    setImmediate(() => abort.abort())
    expect((await ended).end).toBe('interrupted')
    await ledger.close()
  })

  /** Takes pages; one that comes again is refused in part, since newer entries of its stream are there by then. */
  const asLoki = (arrived: Set<number>, told: { ambiguous: number }): Sink => ({
    ...recordingSink(),
    async deliver(_slice, _page, requests) {
      const numbers = requests.flatMap(({ data }) => numbersIn(data))
      const old = told.ambiguous > 0 || numbers.some((one) => arrived.has(one)) ? numbers.slice(0, 2) : []
      for (const one of numbers) arrived.add(one)
      const rejected = old.length === 0 ? {} : { too_far_behind: old.length }
      const boundary = {
        destination: 'loki',
        reason: 'too_far_behind',
        refusedMs: undefined,
        takenMs: undefined,
        knob: 'raise it',
        said: 'entry too far behind',
      }
      return {
        acked: numbers.length - old.length,
        rejected,
        dead: [],
        ambiguous: told.ambiguous,
        bytesOut: 1,
        said: [],
        ...(old.length === 0 ? {} : { boundary }),
      }
    },
  })

  it('goes on when a page that was out before a stop is refused as behind itself, and says so', async () => {
    const folder = stateFolder()
    const arrived = new Set<number>()
    const shape = { slices: 2, perSlice: 20, perPage: 5 }
    const kill = new AbortController()
    const sink = asLoki(arrived, { ambiguous: 0 })
    const first: TestRun = {
      source: numbersSource(shape),
      ledger: await openLedger(folder),
      sink: {
        ...sink,
        async deliver(slice, page, requests, signal) {
          const answer = await sink.deliver(slice, page, requests, signal)
          if (page !== 1) return answer
          kill.abort()
          return never
        },
      },
      options: { kill: kill.signal, parallel: 1 },
    }
    await runAll(first)
    await first.ledger.close()
    const ledger = await openLedger(folder)
    const { end, summary } = await runAll({ source: numbersSource(shape), sink, ledger, options: { parallel: 1 } })
    expect(end).toBe('complete')
    expect(summary?.counts).toMatchObject({ read: 40, acked: 38, rejected: { refused_again: 2 }, resent: 5 })
    expect(summary?.slices).toMatchObject({ done: 1, done_with_losses: 1 })
    await ledger.close()
  })

  it('goes on likewise when the connection was lost before the answer', async () => {
    const ledger = await openLedger(stateFolder())
    const sink = asLoki(new Set(), { ambiguous: 5 })
    const { end, summary } = await runAll({ source: numbersSource({ slices: 1, perSlice: 5, perPage: 5 }), sink, ledger })
    expect(end).toBe('complete')
    expect(summary?.counts).toMatchObject({ acked: 3, rejected: { refused_again: 2 } })
    await ledger.close()
  })
})
