/** What was answered arrives, and in order, whatever it waits for, fails, or dies. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PlainSeries } from '../../support/writing.ts'
import { queueFull } from '../support/fakes.ts'
import { EngineBench, FakeStore } from '../support/write-engine.ts'

const names = ['a', 'b_total', 'c{job="j"}', 'd{job="k"}', 'e_count'] as const

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('write' as const), version: fc.constantFrom<1 | 2>(1, 2), streams: fc.subarray([...names]) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('learn' as const),
      family: fc.constantFrom('a', 'b_total', 'c', 'e_count'),
      type: fc.constantFrom(1, 2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('target' as const), job: fc.constantFrom('j', 'k') }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(250, 1000, 6000, 21_000) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'open' as const, 'fail' as const, 'refuse' as const, 'crash' as const) }),
  },
)

const options = fc.record({
  rw1: fc.record({ typePolicy: fc.constantFrom('hold', 'heuristic'), metadataWait: fc.constant(20_000) }),
  targetInfo: fc.record({ wait: fc.constantFrom(0, 5000) }),
  streams: fc.record({ max: fc.constant(1000) }),
})

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

async function live(settings: object, steps: readonly Step[], store: FakeStore | undefined): Promise<void> {
  let bench = new EngineBench(settings, { store })
  const answered = new Set<string>()
  const sent: string[] = []
  let isOpen = true
  let isCalm = true
  let value = 0
  let underWay: Promise<unknown>[] = []
  let flushing: Promise<void> | undefined
  const collect = (): void => {
    for (const { metric, resource, value: one } of bench.points()) sent.push(`${metric} ${resource['service.name'] ?? ''} ${one}`)
  }
  const settle = async (error?: Error): Promise<void> => {
    bench.open(error)
    isOpen = true
    await Promise.all(underWay.splice(0))
    await flushing
  }
  const write = async (
    version: 1 | 2,
    series: readonly PlainSeries[],
    keys: readonly string[],
    metadata: { family: string; type: number }[] = [],
  ) => {
    const put = bench.write(version, series, metadata).then(
      () => {
        for (const key of keys) answered.add(key)
      },
      () => {},
    )
    underWay.push(put)
    if (isOpen) await Promise.all(underWay.splice(0))
  }
  for (const one of steps) {
    if (one.do === 'write') {
      bench.nowMs += 100
      value++
      const series = one.streams.map((labels): PlainSeries => ({ labels, samples: [[bench.nowMs, value]] }))
      const keys = one.streams.map((labels) => `${labels.split('{')[0]} ${/job="(.)"/.exec(labels)?.[1] ?? ''} ${value}`)
      await write(one.version, series, keys)
    } else if (one.do === 'learn') await write(1, [], [], [{ family: one.family, type: one.type }])
    else if (one.do === 'target') await write(1, [{ labels: `target_info{job="${one.job}"}`, samples: [[bench.nowMs, 1]] }], [])
    else if (one.do === 'pass') {
      if (flushing !== undefined) bench.nowMs += one.ms
      else {
        flushing = bench
          .after(one.ms)
          .catch(() => {})
          .finally(() => {
            flushing = undefined
          })
      }
      if (isOpen) await flushing
    } else if (one.do === 'close') {
      bench.close()
      isOpen = false
    } else if (one.do === 'open') await settle()
    else if (one.do === 'refuse') await settle(queueFull())
    else if (one.do === 'fail') bench.deps.fake.putError = bench.deps.fake.putError === undefined ? queueFull() : undefined
    else if (store !== undefined) {
      isCalm = false
      collect()
      isOpen = true
      underWay = []
      flushing = undefined
      bench = new EngineBench(settings, { store, nowMs: bench.nowMs })
      await bench.recover(store)
    }
  }
  await settle()
  bench.deps.fake.putError = undefined
  await bench.engine.flush(true)
  collect()
  expect([...answered].filter((one) => !sent.includes(one))).toEqual([])
  if (!isCalm) return
  // Once, and in order; members of summaries that are none are sent by the assembler, which has an order of its own.
  const own = sent.filter((one) => !one.startsWith('e_'))
  expect(own.length).toBe(new Set(own).size)
  const last = new Map<string, number>()
  for (const one of own) {
    const [metric = '', job = '', number = ''] = one.split(' ')
    expect(Number(number)).toBeGreaterThan(last.get(`${metric} ${job}`) ?? 0)
    last.set(`${metric} ${job}`, Number(number))
  }
}

describe('createEngine', () => {
  it('sends all that was answered, once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { maxLength: 25 }), (settings, steps) => live(settings, steps, undefined)),
      { numRuns: 300 },
    )
  }, 60_000)

  it('sends all that was answered, whatever dies', async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { maxLength: 25 }), (settings, steps) => live(settings, steps, new FakeStore())),
      { numRuns: 300 },
    )
  }, 60_000)
})
