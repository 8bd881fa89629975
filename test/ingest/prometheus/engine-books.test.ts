/** The books of remote-write are even at every moment, whatever comes, whatever is configured, whatever fails. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryMetadata, arbitraryOptions, arbitrarySeries, countOf } from '../../support/arbitrary-writes.ts'
import type { PlainMetadata, PlainSeries } from '../../support/writing.ts'
import { queueFull, sumOf } from '../support/fakes.ts'
import { EngineBench, FakeStore } from '../support/write-engine.ts'

type Step =
  | { readonly do: 'write'; readonly version: 1 | 2; readonly series: readonly PlainSeries[]; readonly metadata: readonly PlainMetadata[] }
  | { readonly do: 'again' }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'fail' | 'crash' | 'close' | 'open' | 'refuse' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      version: fc.constantFrom<1 | 2>(1, 2),
      series: arbitrarySeries,
      metadata: arbitraryMetadata,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(0, 250, 3000, 12_000, 61_000) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('fail' as const, 'close' as const, 'open' as const, 'refuse' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
)

const isFull = (error: unknown): void => expect(error).toMatchObject({ code: 'OB_QUEUE_FULL' })

/** Puts a request and compares what its sender is told with what is in it. */
async function send(bench: EngineBench, version: 1 | 2, series: readonly PlainSeries[], metadata: readonly PlainMetadata[]): Promise<void> {
  const { floats, histograms } = countOf(series)
  const before = sumOf(bench.deps.metrics, 'otlp_bridge_received_items_total')
  const answer = bench.write(version, series, metadata)
  expect(sumOf(bench.deps.metrics, 'otlp_bridge_received_items_total') - before).toBe(floats + histograms)
  try {
    const { samples, histograms: written, reasons } = await answer
    const refused = reasons.reduce((sum, one) => sum + one.count, 0)
    expect(samples + written + refused).toBe(floats + histograms)
    expect([samples <= floats, written <= histograms]).toEqual([true, true])
  } catch (error) {
    isFull(error)
  }
}

async function live(options: object, steps: readonly Step[], store: FakeStore | undefined): Promise<void> {
  let bench = new EngineBench(options, { store })
  let last: Extract<Step, { do: 'write' }> | undefined
  let isOpen = true
  let flushing: Promise<void> | undefined
  const underWay: Promise<void>[] = []
  const settle = async (error?: Error): Promise<void> => {
    bench.open(error)
    isOpen = true
    await Promise.all(underWay.splice(0))
    await flushing
  }
  for (const one of steps) {
    if (one.do === 'fail') bench.deps.fake.putError = bench.deps.fake.putError === undefined ? queueFull() : undefined
    else if (one.do === 'close') {
      bench.close()
      isOpen = false
    } else if (one.do === 'open') await settle()
    else if (one.do === 'refuse') await settle(queueFull())
    else if (one.do === 'pass') {
      // One at a time, as the clock has it.
      if (flushing !== undefined) bench.nowMs += one.ms
      else {
        flushing = bench
          .after(one.ms)
          .catch(isFull)
          .finally(() => {
            flushing = undefined
          })
      }
      if (isOpen) await flushing
    } else if (one.do === 'crash') {
      if (store === undefined) continue
      // What was under way ends with the process.
      underWay.length = 0
      flushing = undefined
      isOpen = true
      bench = new EngineBench(options, { store, nowMs: bench.nowMs })
      await bench.recover(store)
    } else {
      if (one.do === 'write') last = one
      if (last === undefined) continue
      underWay.push(send(bench, last.version, last.series, last.metadata))
      if (isOpen) await Promise.all(underWay.splice(0))
    }
    // What has failed at once is known now.
    if (!isOpen) await new Promise((resolve) => setImmediate(resolve))
    expect(bench.uneven()).toEqual([])
  }
  await settle()
  bench.deps.fake.putError = undefined
  await bench.engine.flush(true)
  expect([bench.uneven(), bench.engine.held, sumOf(bench.deps.metrics, 'otlp_bridge_held_items')]).toEqual([[], 0, 0])
}

describe('createEngine', () => {
  it('loses no sample out of its books', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryOptions, fc.array(step, { maxLength: 14 }), (options, steps) => live(options, steps, undefined)),
      { numRuns: 300 },
    )
  }, 60_000)

  it('loses none with a store and runs that die', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryOptions, fc.array(step, { maxLength: 14 }), (options, steps) => live(options, steps, new FakeStore())),
      { numRuns: 300 },
    )
  }, 60_000)
})
