import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MetricPoints } from '../../../src/otlp/metrics.ts'
import { FamilyKind } from '../../../src/translate/prometheus/assembler.ts'
import { Bench, type Name, type PlainPoint, plainPoints, stale, type Value } from '../../support/assembling.ts'

const start = 1_767_225_600_000

interface Sample {
  readonly family: string
  readonly name: Name
  readonly value: Value
  readonly timeMs: number
}

/** A family, and which of its members each scrape has: bit by bit. */
interface Scraped {
  readonly isSummary: boolean
  readonly bounds: number
  /** Without one of count, +Inf or sum; 0: with all. */
  readonly lacks: number
  readonly scrapes: readonly { readonly missing: number; readonly ends: boolean }[]
  readonly isKnown: boolean
}

const scraped: fc.Arbitrary<Scraped> = fc.record({
  isSummary: fc.boolean(),
  bounds: fc.integer({ min: 0, max: 5 }),
  lacks: fc.integer({ min: 0, max: 3 }),
  scrapes: fc.array(fc.record({ missing: fc.constantFrom(0, 0, 0, 1, 2, 5), ends: fc.constantFrom(false, false, true) }), {
    minLength: 1,
    maxLength: 5,
  }),
  isKnown: fc.boolean(),
})

function namesOf({ isSummary, bounds, lacks }: Scraped): Name[] {
  const list = Array.from({ length: bounds }, (_, i): Name => (isSummary ? `quantile=0.${i + 1}` : `le=${i + 1}`))
  if (isSummary) return [...list, ...(lacks === 1 ? [] : (['sum'] as const)), 'count']
  return [
    ...list,
    ...(lacks === 1 ? [] : (['sum'] as const)),
    ...(lacks === 2 ? [] : (['count'] as const)),
    ...(lacks === 3 ? [] : (['le=+Inf'] as const)),
  ]
}

function samplesOf(family: string, one: Scraped): Sample[] {
  const names = namesOf(one)
  return one.scrapes.flatMap(({ missing, ends }, scrape) =>
    names
      .filter((_, i) => missing === 0 || i !== missing % names.length)
      .map((name, i) => ({ family, name, value: ends ? stale : 100 * scrape + i, timeMs: start + scrape * 15_000 })),
  )
}

const idOf = (bench: Bench, family: string, { isSummary }: Scraped): number =>
  bench.family(family, isSummary ? FamilyKind.Summary : FamilyKind.Histogram)

/** A bench that knows the layouts of the families that are known. */
function prepared(families: readonly Scraped[]): Bench {
  const bench = new Bench()
  families.forEach((one, i) => {
    if (!one.isKnown) return
    const id = idOf(bench, `f${i}`, one)
    for (const name of namesOf(one)) bench.add(id, name, 7, start - 15_000)
  })
  bench.after(10_000)
  bench.assembler.counts()
  return bench
}

interface Outcome {
  readonly points: readonly PlainPoint[]
  readonly samples: number
}

/** Sends the requests one after the other within a moment, then lets the window pass. */
function send(families: readonly Scraped[], requests: readonly (readonly Sample[])[]): Outcome {
  const bench = prepared(families)
  const found: PlainPoint[] = []
  let samples = 0
  const take = (): void => {
    const points = new MetricPoints()
    const emission = bench.assembler.take(bench.nowMs, points)
    if (emission === undefined) return
    found.push(...plainPoints(points))
    samples += emission.samples
    expect(emission.late).toBe(0)
    bench.assembler.commit(emission)
  }
  for (const request of requests) {
    for (const { family, name, value, timeMs } of request) {
      const one = families[Number(family.slice(1))] as Scraped
      expect(bench.add(idOf(bench, family, one), name, value, timeMs)).toBe('held')
    }
    take()
  }
  bench.nowMs += 10_000
  take()
  take()
  expect(bench.assembler.held).toBe(0)
  expect(bench.assembler.pending).toBe(0)
  const order = (point: PlainPoint): string => `${point.family} ${point.timeMs}`
  return { points: found.sort((left, right) => order(left).localeCompare(order(right))), samples }
}

describe('createAssembler', () => {
  it('gives the same points whatever the order of members and however they are spread over requests', () => {
    fc.assert(
      fc.property(
        fc.array(scraped, { minLength: 1, maxLength: 3 }).chain((families) => {
          const samples = families.flatMap((one, i) => samplesOf(`f${i}`, one))
          return fc.record({
            families: fc.constant(families),
            samples: fc.constant(samples),
            order: fc.shuffledSubarray([...samples.keys()], { minLength: samples.length, maxLength: samples.length }),
            cuts: fc.array(fc.nat(samples.length), { maxLength: 8 }),
          })
        }),
        ({ families, samples, order, cuts }) => {
          const shuffled = order.map((i) => samples[i] as Sample)
          const ends = [...new Set([0, ...cuts, samples.length])].sort((left, right) => left - right)
          const requests = ends.slice(1).map((end, i) => shuffled.slice(ends[i], end))
          const whole = send(families, [samples])
          expect(send(families, requests)).toEqual(whole)
          expect(whole.samples).toBe(samples.length)
          expect(new Set(whole.points.map(({ family, timeMs }) => `${family} ${timeMs}`)).size).toBe(whole.points.length)
        },
      ),
      { numRuns: 400 },
    )
  })
})
