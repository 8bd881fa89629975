import { readFileSync } from 'node:fs'
import { uncompressSync } from 'snappy'
import { describe, expect, it } from 'vitest'
import { defaultWriteLimits } from '../../../src/ingest/prometheus/decode-limits.ts'
import { decodeWriteV1 } from '../../../src/ingest/prometheus/decode-v1.ts'
import { decodeWriteV2 } from '../../../src/ingest/prometheus/decode-v2.ts'
import type { ExplicitBody, ExponentialBody } from '../../../src/otlp/metrics.ts'
import { fromDouble, toDouble, type Words } from '../../../src/otlp/time.ts'
import { type NativeHistogram, ResetHint, WriteRequest } from '../../../src/translate/prometheus/model.ts'
import {
  type NativeConverted,
  type NativeResult,
  nativeToBody,
  staleExplicit,
  staleExponential,
} from '../../../src/translate/prometheus/native.ts'
import { nativeOf, type Parts, readOtlp, readPrometheus } from '../../support/native-histograms.ts'
import { vectorFiles } from '../../support/shared.ts'

const exact = { floatHistograms: 'exact' } as const
const round = { floatHistograms: 'round' } as const

const convert = (parts: Parts): NativeResult => nativeToBody(nativeOf(parts), exact)

function exponential(result: NativeResult): ExponentialBody {
  if (result.body?.kind !== 'exponential') throw new Error(`no exponential body: ${'why' in result ? result.why : 'explicit'}`)
  return result.body
}

const words: Words = { hi: 0, lo: 0 }
const bitsOf = (value: number): Words => {
  fromDouble(value, words)
  return { ...words }
}

describe('nativeToBody', () => {
  it('converts the worked example of the mapping', () => {
    const result = convert({ schema: 0, positiveSpans: [[1, 2], [3, 1]], positiveDeltas: [2, 1, -2], count: 6, sum: 18.5 }) // biome-ignore format: spans
    const sum = bitsOf(18.5)
    expect(result).toEqual({
      stale: false,
      body: {
        kind: 'exponential',
        count: 6,
        hasSum: true,
        sumHi: sum.hi,
        sumLo: sum.lo,
        scale: 0,
        zeroCount: 0,
        zeroThreshold: 0,
        positiveOffset: 0,
        positiveCounts: [2, 3, 0, 0, 0, 1],
        negativeOffset: 0,
        negativeCounts: [],
      },
    })
  })

  it('takes a histogram without anything: count 0 and no buckets', () => {
    const body = exponential(nativeToBody({ ...nativeOf({}), hasInts: false }, exact))
    expect([body.count, body.zeroCount, body.positiveCounts, body.negativeCounts]).toEqual([0, 0, [], []])
  })

  it('adds up offsets of empty spans, and does not begin or end with them', () => {
    const body = exponential(
      convert({ positiveSpans: [[-5, 0], [3, 0], [0, 2], [4_000_000, 0]], positiveDeltas: [1, 1], count: 3 }), // biome-ignore format: spans
    )
    expect([body.positiveOffset, body.positiveCounts]).toEqual([-3, [1, 2]])
  })

  it.each([
    [0, 1024],
    [8, 262_144],
    [-1, 512],
    [-4, 64],
    [-9, 2],
  ])('leaves out the overflow bucket of schema %i, above index %i', (schema, last) => {
    const parts = {
      schema,
      positiveSpans: [[last, 2]],
      positiveDeltas: [3, 1],
      negativeSpans: [[last + 1, 1]],
      negativeDeltas: [5],
    } as const
    const body = exponential(convert({ ...parts, count: 3 + 4 + 5 + 1, zeroCount: 1, sum: Infinity }))
    expect([body.positiveOffset, body.positiveCounts, body.negativeOffset, body.negativeCounts]).toEqual([last - 1, [3], 0, []])
    expect([body.count, body.zeroCount]).toEqual([4, 1])
  })

  it('merges two buckets of schema 9 into one of 8, below zero too', () => {
    const body = exponential(convert({ schema: 9, positiveSpans: [[-3, 7]], positiveDeltas: [1, 1, 1, 1, 1, 1, 1], count: 28 }))
    // Indexes by two: (−3 −2) (−1 0) (1 2) (3 4)
    expect([body.scale, body.positiveOffset, body.positiveCounts]).toEqual([8, -2, [1 + 2, 3 + 4, 5 + 6, 7]])
  })

  it('excludes observations of NaN from the count, when the sum says there are any', () => {
    const parts = { positiveSpans: [[0, 1]], positiveDeltas: [3], count: 5 } as const
    expect(exponential(convert({ ...parts, sum: Number.NaN })).count).toBe(3)
    expect(convert({ ...parts, sum: 1 })).toMatchObject({ refused: 'count_mismatch' })
    expect(convert({ ...parts, count: 2, sum: Number.NaN })).toMatchObject({ refused: 'count_mismatch' })
    expect(convert({ ...parts, count: 2n ** 64n - 1n, sum: Number.NaN })).toMatchObject({ body: { count: 3 } })
    expect(convert({ ...parts, count: 2n ** 64n - 1n })).toMatchObject({ refused: 'count_mismatch' })
  })

  it('keeps the bits of the sum', () => {
    const { body } = nativeToBody({ ...nativeOf({}), sumHi: 0x7ff00000, sumLo: 3 }, exact) as NativeConverted
    expect([body.sumHi, body.sumLo]).toEqual([0x7ff00000, 3])
  })

  it('ends the series at the stale marker, whatever else is there', () => {
    const stale = { sumHi: 0x7ff00000, sumLo: 2 }
    const odd = { ...nativeOf({ count: 9, positiveSpans: [[0, 5]] }), ...stale, hasFloats: true, resetHint: ResetHint.Gauge }
    expect(nativeToBody(odd, exact)).toEqual({ body: staleExponential, stale: true })
    expect(nativeToBody({ ...nativeOf({ schema: -53 }), ...stale }, exact)).toEqual({ body: staleExplicit, stale: true })
    expect(staleExponential).toMatchObject({ count: 0, hasSum: false, positiveCounts: [], negativeCounts: [] })
    expect(staleExplicit).toMatchObject({ count: 0, hasSum: false, bounds: [], counts: [] })
  })

  it('writes counts as bigints where one reaches 2^53', () => {
    const large = 2n ** 62n
    const positive: Parts = { positiveSpans: [[1, 3]], positiveDeltas: [large, large, -2n * large] }
    const body = exponential(convert({ ...positive, negativeSpans: [[1, 1]], negativeDeltas: [7], count: 3n * large + 7n }))
    expect([body.count, body.zeroCount, body.positiveCounts]).toEqual([3n * large + 7n, 0, [large, 2n * large, 0n]])
    expect(body.negativeCounts).toEqual([7])
    const sums: Parts = { zeroCount: 2n ** 53n - 1n, positiveSpans: [[1, 1]], positiveDeltas: [1] }
    expect(exponential(convert({ ...sums, count: 2n ** 53n }))).toMatchObject({
      count: 2n ** 53n,
      zeroCount: 2 ** 53 - 1,
      positiveCounts: [1],
    })
  })
})

describe('nativeToBody of floats', () => {
  const floats = (counts: readonly number[], more: Parts = {}): Parts => ({
    floats: true,
    positiveSpans: [[0, counts.length]],
    positiveCounts: counts,
    count: counts.reduce((sum, one) => sum + one, 0),
    ...more,
  })

  it('takes whole counts below 2^53', () => {
    const body = exponential(convert(floats([2, -0, 3], { zeroCount: 1, count: 6 })))
    expect([body.count, body.zeroCount, body.positiveCounts]).toEqual([6, 1, [2, 0, 3]])
    expect(exponential(convert(floats([2 ** 53 - 1]))).count).toBe(2 ** 53 - 1)
    expect(exponential(convert(floats([1], { zeroCount: -0, count: 1 }))).zeroCount).toBe(0)
  })

  it.each<[string, Parts, string]>([
    ['a part of an observation', floats([0.5, 1]), 'fraction'],
    ['a count that is none', floats([1], { count: 1.5 }), 'fraction'],
    ['a zero count that is none', floats([1], { zeroCount: 0.25 }), 'fraction'],
    ['2^53', floats([2 ** 53]), 'count_too_large'],
    ['less than none', floats([-1]), 'negative_count'],
    ['a negative count', floats([], { count: -1 }), 'negative_count'],
    ['NaN', floats([Number.NaN]), 'not_a_number'],
    ['Infinity', floats([Infinity]), 'not_a_number'],
    ['NaN in the zero bucket', floats([1], { zeroCount: Number.NaN, count: 1 }), 'not_a_number'],
    ['another count than the buckets have', floats([1, 2], { count: 4 }), 'count_mismatch'],
    ['a smaller count than the buckets have', floats([1, 2], { count: 2, sum: Number.NaN }), 'count_mismatch'],
  ])('refuses %s', (_name, parts, refused) => {
    expect(convert(parts)).toMatchObject({ body: undefined, refused, dropped: false })
  })

  it('rounds on request', () => {
    const body = exponential(nativeToBody(nativeOf(floats([0.4, 2.5, 3.6], { zeroCount: 0.5, count: 7.000001 })), round))
    expect([body.count, body.zeroCount, body.positiveCounts]).toEqual([8, 1, [0, 3, 4]])
  })

  it('rounds counts beyond 2^53 to the integer that the double is', () => {
    const body = exponential(nativeToBody(nativeOf(floats([2 ** 60, 1.5])), round))
    expect([body.count, body.positiveCounts]).toEqual([2n ** 60n + 2n, [2n ** 60n, 2n]])
    const upwards = nativeToBody(nativeOf(floats([2 ** 53 - 2, 0.5, 0.5])), round)
    expect(exponential(upwards)).toMatchObject({ count: 2n ** 53n, positiveCounts: [2 ** 53 - 2, 1, 1] })
    expect(nativeToBody(nativeOf(floats([2 ** 64])), round)).toMatchObject({ refused: 'count_too_large' })
    expect(nativeToBody(nativeOf(floats([1e308, 1e308], { count: 1e308 })), round)).toMatchObject({ body: undefined })
  })

  it('does not round what is no count, or has another one', () => {
    expect(nativeToBody(nativeOf(floats([Number.NaN])), round)).toMatchObject({ refused: 'not_a_number' })
    expect(nativeToBody(nativeOf(floats([-0.1])), round)).toMatchObject({ refused: 'negative_count' })
    expect(nativeToBody(nativeOf(floats([0.5, 0.5], { count: 1.1 })), round)).toMatchObject({ refused: 'count_mismatch' })
  })

  it('drops them on request, and then the sender is not told', () => {
    expect(nativeToBody(nativeOf(floats([1])), { floatHistograms: 'drop' })).toMatchObject({ refused: 'float', dropped: true })
  })
})

describe('nativeToBody with custom buckets', () => {
  const custom = (more: Parts): Parts => ({ schema: -53, customValues: [0.1, 0.5, 1], ...more })
  const explicit = (parts: Parts): ExplicitBody => (convert(parts) as NativeConverted).body as ExplicitBody

  it('begins at the index that the first span says', () => {
    const body = explicit(custom({ positiveSpans: [[1, 2]], positiveDeltas: [4, 1], count: 9, sum: 4.5 }))
    expect(body).toMatchObject({ kind: 'explicit', count: 9, hasSum: true, bounds: [0.1, 0.5, 1], counts: [0, 4, 5, 0] })
    expect(toDouble(body.sumHi, body.sumLo)).toBe(4.5)
  })

  it('keeps bounds when there is no observation', () => {
    expect(explicit(custom({}))).toMatchObject({ count: 0, bounds: [0.1, 0.5, 1], counts: [0, 0, 0, 0] })
  })

  it('takes a single bucket without bounds', () => {
    const parts = { schema: -53, positiveSpans: [[0, 1]], positiveDeltas: [7], count: 7 } as const
    expect(explicit(parts)).toMatchObject({ count: 7, bounds: [], counts: [7] })
  })

  it.each<[string, Parts, string]>([
    ['bounds that do not ascend', custom({ customValues: [1, 1] }), 'custom_values'],
    ['a bound of NaN', custom({ customValues: [Number.NaN] }), 'custom_values'],
    ['a last bound of +Inf', custom({ customValues: [1, Infinity] }), 'custom_values'],
    ['a first bound of −Inf', custom({ customValues: [-Infinity, 1] }), 'custom_values'],
    ['a span past the last bucket', custom({ positiveSpans: [[3, 2]], positiveDeltas: [1, 0], count: 2 }), 'custom_buckets'],
    ['an empty span past the last bucket', custom({ positiveSpans: [[5, 0]] }), 'custom_buckets'],
    ['span lengths beyond 2^32', custom({ positiveSpans: [[0, 2 ** 32 - 1]], positiveDeltas: [1], count: 1 }), 'custom_buckets'],
    ['a span that goes back', custom({ positiveSpans: [[-1, 1]], positiveDeltas: [1], count: 1 }), 'span_offset'],
    ['a span without its counts', custom({ positiveSpans: [[0, 2]], positiveDeltas: [1], count: 1 }), 'spans'],
    ['counts without a span', custom({ positiveDeltas: [1], count: 1 }), 'spans'],
    ['less than no observations', custom({ positiveSpans: [[0, 1]], positiveDeltas: [-1] }), 'negative_count'],
    ['a zero bucket', custom({ zeroCount: 1, count: 1 }), 'custom_buckets'],
    ['a zero threshold', custom({ zeroThreshold: 1 }), 'custom_buckets'],
    ['a negative side', custom({ negativeSpans: [[0, 0]] }), 'custom_buckets'],
    ['negative buckets', custom({ negativeDeltas: [1] }), 'custom_buckets'],
    ['a gauge', custom({ resetHint: ResetHint.Gauge }), 'gauge'],
    ['16,384 bounds', custom({ customValues: Array.from({ length: 16_384 }, (_, i) => i) }), 'too_many_buckets'],
  ])('refuses %s', (_name, parts, refused) => {
    expect(convert(parts)).toMatchObject({ body: undefined, refused, dropped: false })
  })
})

describe('nativeToBody of what contradicts itself', () => {
  const one = { positiveSpans: [[0, 1]], positiveDeltas: [1], count: 1 } as const

  it.each<[string, Parts, string]>([
    ['schema 100', { ...one, schema: 100 }, 'schema'],
    ['schema 53', { ...one, schema: 53 }, 'schema'],
    ['schema −10', { ...one, schema: -10 }, 'schema'],
    ['a gauge', { ...one, resetHint: ResetHint.Gauge }, 'gauge'],
    ['more buckets than were sent', { ...one, positiveSpans: [[0, 2]] }, 'spans'],
    ['fewer buckets than were sent', { ...one, negativeDeltas: [1] }, 'spans'],
    ['lengths that add up beyond 2^32', { ...one, positiveSpans: [[0, 2 ** 32 - 1], [0, 2]] }, 'spans'], // biome-ignore format: spans
    ['a later span that goes back', { ...one, positiveSpans: [[0, 1], [-1, 0]] }, 'span_offset'], // biome-ignore format: spans
    ['2^31 buckets by two', { ...one, positiveSpans: [[-(2 ** 30), 1], [2 ** 30, 1]], positiveDeltas: [1, 0], count: 2 }, 'too_many_buckets'], // biome-ignore format: spans
    [
      'more buckets than a list may have',
      { schema: 52, positiveSpans: [[0, 16_385]], positiveDeltas: new Array<number>(16_385).fill(0) },
      'too_many_buckets',
    ],
    ['an index below those of 32 bits', { ...one, positiveSpans: [[-(2 ** 31), 1]] }, 'bucket_index'],
    ['an index above those of 32 bits', { ...one, positiveSpans: [[2 ** 31 - 1, 0], [1, 1]] }, 'bucket_index'], // biome-ignore format: spans
    ['a bucket with less than nothing', { ...one, positiveSpans: [[0, 2]], positiveDeltas: [1, -2] }, 'negative_count'],
    ['the same on the negative side', { ...one, negativeSpans: [[0, 1]], negativeDeltas: [-1] }, 'negative_count'],
    ['the same beyond 2^53', { ...one, positiveSpans: [[0, 2]], positiveDeltas: [2n ** 60n, -(2n ** 61n)] }, 'negative_count'],
    ['a count of fewer than the buckets have', { ...one, count: 0 }, 'count_mismatch'],
    ['a count of more', { ...one, count: 2 }, 'count_mismatch'],
    ['another count beyond 2^53', { ...one, positiveDeltas: [2n ** 60n], count: 2n ** 60n + 1n }, 'count_mismatch'],
    ['counts that add up beyond 2^64', { ...one, positiveSpans: [[0, 2]], positiveDeltas: [2n ** 63n, 0n], count: 0 }, 'count_mismatch'],
    ['bounds of its own', { ...one, customValues: [1] }, 'custom_values'],
    ['a zero threshold of NaN', { ...one, zeroThreshold: Number.NaN }, 'zero_threshold'],
    ['a negative zero threshold', { ...one, zeroThreshold: -1 }, 'zero_threshold'],
  ])('refuses %s', (_name, parts, refused) => {
    expect(convert(parts)).toMatchObject({ body: undefined, refused, dropped: false })
  })

  it('takes 16,384 buckets from the first to the last', () => {
    const spans = (gap: number): Parts => ({ schema: 8, positiveSpans: [[0, 1], [gap, 1]], positiveDeltas: [1, 0], count: 2 }) // biome-ignore format: spans
    expect(exponential(convert(spans(16_382))).positiveCounts).toHaveLength(16_384)
    expect(convert(spans(16_383))).toMatchObject({ refused: 'too_many_buckets' })
  })

  it('refuses integers beside floats', () => {
    expect(nativeToBody({ ...nativeOf(one), hasFloats: true }, exact)).toMatchObject({ refused: 'mixed_counts' })
  })

  it('drops gauge histograms silently on request', () => {
    const gauge = nativeOf({ ...one, resetHint: ResetHint.Gauge })
    expect(nativeToBody(gauge, { ...exact, gaugeHistogram: 'drop' })).toMatchObject({ refused: 'gauge', dropped: true })
  })

  it.each([ResetHint.Unknown, ResetHint.Yes, ResetHint.No, 4])('does not look at reset hint %i', (resetHint) => {
    expect(convert({ ...one, resetHint })).toMatchObject({ body: { count: 1 } })
  })
})

/** Native histograms of a recorded request, 1.0 or 2.0. */
function histogramsOf(file: string, version: 1 | 2): NativeHistogram[] {
  const request = new WriteRequest()
  const body = uncompressSync(readFileSync(file), { asBuffer: true }) as Buffer
  if (version === 1) decodeWriteV1(body, defaultWriteLimits, request)
  else decodeWriteV2(body, defaultWriteLimits, request)
  return request.histograms
}

const files = vectorFiles('prometheus').filter((file) => /\/(08|09|10|11)-.*\.bin$/.test(file))
const real = vectorFiles('prometheus/real').filter((file) => file.endsWith('.bin') && /histograms|second/.test(file))

interface ExpectedPoint {
  readonly count: string
  readonly sum: number
  readonly scale?: number
  readonly zero_count?: string
  readonly zero_threshold?: number
  readonly positive?: { readonly offset: number; readonly bucket_counts: readonly string[] }
  readonly negative?: { readonly offset: number; readonly bucket_counts: readonly string[] }
  readonly explicit_bounds?: readonly number[]
  readonly bucket_counts?: readonly string[]
}

const strings = (counts: Iterable<number | bigint>): string[] => Array.from(counts, String)

function pointOf(body: ExponentialBody | ExplicitBody): ExpectedPoint {
  const common = { count: String(body.count), sum: toDouble(body.sumHi, body.sumLo) }
  if (body.kind === 'explicit') return { ...common, explicit_bounds: Array.from(body.bounds), bucket_counts: strings(body.counts) }
  return {
    ...common,
    scale: body.scale,
    zero_count: String(body.zeroCount),
    zero_threshold: body.zeroThreshold,
    ...(body.positiveCounts.length > 0 && { positive: { offset: body.positiveOffset, bucket_counts: strings(body.positiveCounts) } }),
    ...(body.negativeCounts.length > 0 && { negative: { offset: body.negativeOffset, bucket_counts: strings(body.negativeCounts) } }),
  }
}

describe.runIf(files.length > 0)('nativeToBody of the shared vectors', () => {
  it.each(files)('%s', (file) => {
    const { expected_otlp: expected } = JSON.parse(readFileSync(file.replace(/bin$/, 'json'), 'utf8')) as {
      expected_otlp: { points: (ExpectedPoint & { attributes: unknown; time_unix_nano: unknown; start_time_unix_nano: unknown })[] }[]
    }
    const [histogram, ...others] = histogramsOf(file, 2)
    expect(others).toEqual([])
    const { body } = nativeToBody(histogram as NativeHistogram, exact) as NativeConverted
    const { attributes: _a, time_unix_nano: _t, start_time_unix_nano: _s, ...point } = expected[0]?.points[0] ?? ({} as never)
    expect(pointOf(body)).toEqual(point)
  })

  it('refuses the gauge histogram', () => {
    const [file] = vectorFiles('prometheus').filter((one) => /\/12-.*\.bin$/.test(one))
    const results = histogramsOf(file as string, 2).map((one) => nativeToBody(one, exact))
    expect(results).toMatchObject([{ refused: 'gauge', dropped: false }])
  })

  it.each(real)('%s reads the same in both definitions', (file) => {
    const histograms = histogramsOf(file, file.includes('rw1') ? 1 : 2)
    expect(histograms.length).toBeGreaterThan(0)
    for (const histogram of histograms) {
      const result = nativeToBody(histogram, exact)
      if (histogram.sumHi === 0x7ff00000 && histogram.sumLo === 2) {
        expect(result).toEqual({ body: staleExponential, stale: true })
        continue
      }
      const body = exponential(result)
      const spans = Array.from({ length: histogram.positiveSpans.length / 2 }, (_, i) => [
        histogram.positiveSpans[2 * i] as number,
        histogram.positiveSpans[2 * i + 1] as number,
      ]) as [number, number][]
      let running = 0n
      const counts = Array.from<number | bigint, bigint>(histogram.positiveDeltas, (delta) => (running += BigInt(delta)))
      const present = (all: ReturnType<typeof readOtlp>) => all.filter(({ count }) => count > 0n)
      expect(present(readOtlp(body, 'positive'))).toEqual(present(readPrometheus(histogram.schema, spans, counts)))
      expect([body.count, body.scale, body.zeroThreshold]).toEqual([histogram.countLo, histogram.schema, histogram.zeroThreshold])
      expect([body.sumHi, body.sumLo, body.zeroCount]).toEqual([histogram.sumHi, histogram.sumLo, histogram.zeroCountLo])
    }
  })
})
