/** Any native histogram against a literal reading of both definitions. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ExplicitBody, ExponentialBody } from '../../../src/otlp/metrics.ts'
import { fromDouble } from '../../../src/otlp/time.ts'
import type { NativeHistogram } from '../../../src/translate/prometheus/model.ts'
import { nativeToBody } from '../../../src/translate/prometheus/native.ts'
import {
  type AnyNative,
  type AnySide,
  anyNative,
  asFloats,
  asIntegers,
  deltasOf,
  isOverflow,
  nativeOf,
  type Range,
  readOtlp,
  readPrometheus,
  receivedCount,
  sumOf,
} from '../../support/native-histograms.ts'

const exact = { floatHistograms: 'exact' } as const

/** Indexes from the first bucket to the last one that is kept, in the schema that is written. */
function denseSize(schema: number, { spans, counts }: AnySide): bigint {
  const kept = readPrometheus(schema, spans, counts).filter((one) => !isOverflow(one))
  const shift = BigInt(52 - Math.min(schema, 8))
  const first = kept[0]
  const last = kept.at(-1)
  return first === undefined || last === undefined ? 0n : ((last.upper - 1n) >> shift) - (first.lower >> shift) + 1n
}

const fits = (any: AnyNative): boolean =>
  denseSize(any.schema, any.positive) <= 16_384n && denseSize(any.schema, any.negative) <= 16_384n && receivedCount(any) < 2n ** 64n

/** Each range of Prometheus lies in one of OTLP, whose count is the sum of all that lie in it. */
function expectSame(received: readonly Range[], written: readonly Range[], sameResolution: boolean): void {
  const rest = new Map(written.map((one) => [one.upper, { ...one }]))
  for (const one of received.filter((each) => !isOverflow(each))) {
    const holder = written.find(({ lower, upper }) => lower <= one.lower && one.upper <= upper)
    expect(holder, `a bucket for ${one.lower} to ${one.upper}`).toBeDefined()
    if (holder === undefined) return
    if (sameResolution) expect({ lower: holder.lower, upper: holder.upper }).toEqual({ lower: one.lower, upper: one.upper })
    const left = rest.get(holder.upper) as { count: bigint }
    left.count -= one.count
  }
  expect([...rest.values()].filter(({ count }) => count !== 0n)).toEqual([])
}

function expectRight(any: AnyNative, histogram: NativeHistogram): void {
  const result = nativeToBody(histogram, exact)
  if (result.body === undefined) throw new Error(`${result.refused}: ${result.why}`)
  const body = result.body as ExponentialBody
  expect(result.stale).toBe(false)
  expect(body.kind).toBe('exponential')
  expect(body.scale).toBe(Math.min(any.schema, 8))
  const sum = { hi: 0, lo: 0 }
  fromDouble(any.sum, sum)
  expect([body.hasSum, body.sumHi, body.sumLo]).toEqual([true, sum.hi, sum.lo])
  expect([BigInt(body.zeroCount), body.zeroThreshold]).toEqual([any.zeroCount, any.zeroThreshold])
  let kept = any.zeroCount
  for (const side of ['positive', 'negative'] as const) {
    const received = readPrometheus(any.schema, any[side].spans, any[side].counts)
    const written = readOtlp(body, side)
    expectSame(received, written, any.schema <= 8)
    kept += sumOf(received.filter((one) => !isOverflow(one)).map(({ count }) => count))
    const counts = side === 'positive' ? body.positiveCounts : body.negativeCounts
    expect(BigInt(counts.length)).toBe(denseSize(any.schema, any[side]))
    expect(typeof counts[0] === 'bigint').toBe(counts.some((one) => one > Number.MAX_SAFE_INTEGER))
    if (counts.length === 0) expect(side === 'positive' ? body.positiveOffset : body.negativeOffset).toBe(0)
  }
  expect(BigInt(body.count)).toBe(kept)
  expect(typeof body.count).toBe(kept > Number.MAX_SAFE_INTEGER ? 'bigint' : 'number')
}

const ordinary = fc.integer({ min: -4, max: 8 })
const reserved = fc.oneof(fc.integer({ min: -9, max: -5 }), fc.integer({ min: 9, max: 52 }))

describe('nativeToBody', () => {
  it.each([
    ['schemas −4 to 8', ordinary, false],
    ['schemas −9 to −5 and 9 to 52', reserved, false],
    ['schemas −4 to 8 with counts beyond 2^53', ordinary, true],
    ['schemas −9 to −5 and 9 to 52 with counts beyond 2^53', reserved, true],
  ])('keeps every boundary and count of integers: %s', (_name, schemas, large) => {
    fc.assert(
      fc.property(anyNative(schemas, large), (any) => {
        fc.pre(fits(any))
        expectRight(any, asIntegers(any))
      }),
      { numRuns: 400 },
    )
  })

  it('keeps every boundary and count of whole floats', () => {
    fc.assert(
      fc.property(anyNative(fc.oneof(ordinary, reserved), false), (any) => {
        fc.pre(fits(any))
        expectRight(any, asFloats(any))
      }),
      { numRuns: 400 },
    )
  })

  it('refuses what would make more than 16,384 buckets', () => {
    fc.assert(
      fc.property(anyNative(fc.integer({ min: -9, max: 52 }), false), fc.integer({ min: 16_380, max: 16_400 }), (any, gap) => {
        const spans = [...any.positive.spans, [gap, 1] as const]
        const positive = { spans, counts: [...any.positive.counts, 1n] }
        const larger = { ...any, positive }
        const index = spans.reduce((sum, [offset, length]) => sum + offset + length, 0)
        fc.pre(denseSize(any.schema, any.negative) <= 16_384n && index <= 2 ** 31)
        const result = nativeToBody(asIntegers(larger), exact)
        expect('refused' in result ? result.refused : 'taken').toBe(
          denseSize(any.schema, positive) <= 16_384n ? 'taken' : 'too_many_buckets',
        )
      }),
    )
  })

  it('keeps bounds and counts of custom buckets', () => {
    const bounds = fc.uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), {
      maxLength: 12,
      comparator: (a, b) => a === b,
    })
    const any = fc
      .record({ bounds: bounds.map((all) => all.sort((a, b) => a - b)), floats: fc.boolean(), sum: fc.double(), large: fc.boolean() })
      .chain((one) =>
        fc.record({
          one: fc.constant(one),
          counts: fc.array(one.large && !one.floats ? fc.bigInt({ min: 0n, max: 2n ** 54n }) : fc.bigInt({ min: 0n, max: 99n }), {
            minLength: one.bounds.length + 1,
            maxLength: one.bounds.length + 1,
          }),
          present: fc.array(fc.boolean(), { minLength: one.bounds.length + 1, maxLength: one.bounds.length + 1 }),
        }),
      )
    fc.assert(
      fc.property(any, ({ one: { bounds: customValues, floats, sum }, counts, present }) => {
        const spans: [number, number][] = []
        let gap = 0
        for (const there of present) {
          if (there) spans.push([gap, 1])
          gap = there ? 0 : gap + 1
        }
        const sent = counts.filter((_, i) => present[i])
        const all = { schema: -53, customValues, floats, sum, count: sumOf(sent), positiveSpans: spans }
        const histogram = floats
          ? nativeOf({ ...all, positiveCounts: sent.map(Number) })
          : nativeOf({ ...all, positiveDeltas: deltasOf(sent) })
        const { body } = nativeToBody(histogram, exact)
        const { kind, bounds: written, counts: buckets, count } = body as ExplicitBody
        expect(kind).toBe('explicit')
        expect(Array.from(written)).toEqual(customValues)
        expect(Array.from(buckets, BigInt)).toEqual(counts.map((value, i) => (present[i] === true ? value : 0n)))
        expect(BigInt(count)).toBe(sumOf(sent))
      }),
      { numRuns: 300 },
    )
  })

  it('never throws, and takes only what agrees with itself', () => {
    const int = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.integer(), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1))
    const uint = fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constantFrom(2 ** 32 - 1, 2 ** 31))
    const spans = fc.array(fc.tuple(int, uint), { maxLength: 5 })
    const deltas = fc.oneof(fc.array(fc.integer({ min: -9, max: 20 }), { maxLength: 9 }), fc.array(fc.bigInt(), { maxLength: 9 }))
    const parts = fc.record({
      schema: fc.oneof(fc.integer({ min: -60, max: 60 }), fc.constant(-53), int),
      count: fc.nat(100),
      sum: fc.double(),
      zeroCount: fc.nat(9),
      zeroThreshold: fc.double(),
      resetHint: fc.integer({ min: 0, max: 4 }),
      positiveSpans: spans,
      negativeSpans: fc.oneof(spans, fc.constant([])),
      positiveDeltas: deltas,
      negativeDeltas: fc.oneof(deltas, fc.constant([])),
      positiveCounts: fc.array(fc.double(), { maxLength: 9 }),
      negativeCounts: fc.array(fc.double(), { maxLength: 9 }),
      customValues: fc.array(fc.double(), { maxLength: 5 }),
      floats: fc.boolean(),
    })
    fc.assert(
      fc.property(parts, fc.constantFrom('exact', 'round', 'drop'), (one, floatHistograms) => {
        const result = nativeToBody(nativeOf(one), { floatHistograms })
        if (result.body === undefined) {
          expect(result.why).toMatch(/^[a-z]/)
          return
        }
        const { body } = result
        const lists = body.kind === 'explicit' ? [body.counts] : [body.positiveCounts, body.negativeCounts]
        const inBuckets = lists.flatMap((list) => Array.from(list, BigInt))
        expect(inBuckets.every((count) => count >= 0n)).toBe(true)
        expect(BigInt(body.count)).toBe(sumOf(inBuckets) + (body.kind === 'explicit' ? 0n : BigInt(body.zeroCount)))
      }),
      { numRuns: 1000 },
    )
  })
})
