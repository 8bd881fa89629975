import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Counted, countBuckets, isCount } from '../../../src/translate/prometheus/histogram-body.ts'

const count = (buckets: readonly number[], total: number, hasBuckets = true): Counted => {
  const out: Counted = { count: 0, counts: [], raised: 0 }
  countBuckets(Float64Array.from(buckets), buckets.length, total, hasBuckets, out)
  return out
}

/** The same by definition, in bigints. */
function slowly(buckets: readonly number[], total: number): { readonly count: bigint; readonly counts: bigint[] } {
  let most = 0n
  const raised = [...buckets, total].map((one) => {
    if (BigInt(one) > most) most = BigInt(one)
    return most
  })
  return { count: most, counts: raised.map((one, i) => one - (raised[i - 1] ?? 0n)) }
}

describe('countBuckets', () => {
  it.each([
    ['nothing but a count', [], 7, false, { count: 7, counts: [], raised: 0 }],
    ['+Inf alone', [], 7, true, { count: 7, counts: [7], raised: 0 }],
    ['ascending', [1, 1, 4], 9, true, { count: 9, counts: [1, 0, 3, 5], raised: 0 }],
    ['less than before', [3, 1, 2, 4], 4, true, { count: 4, counts: [3, 0, 0, 1, 0], raised: 2 }],
    ['more than the total', [3, 5], 4, true, { count: 5, counts: [3, 2, 0], raised: 0 }],
    ['large below the first', [2 ** 53, 1], 3, true, { count: 2n ** 53n, counts: [2n ** 53n, 0n, 0n], raised: 1 }],
    ['largest', [1], 2 ** 64 - 2048, true, { count: 2n ** 64n - 2048n, counts: [1n, 2n ** 64n - 2049n], raised: 0 }],
  ] as const)('%s', (_, buckets, total, hasBuckets, expected) => {
    expect(count(buckets, total, hasBuckets)).toEqual(expected)
  })

  it('gives counts that sum up to the count, and are what the definition says', () => {
    const value = fc.oneof(fc.nat(1000), fc.nat(1000), fc.integer({ min: 0, max: 2 ** 53 - 1 }), fc.bigInt(0n, 2n ** 63n).map(Number))
    fc.assert(
      fc.property(fc.array(value, { maxLength: 8 }), value, (buckets, total) => {
        const found = count(buckets, total)
        const expected = slowly(buckets, total)
        expect(BigInt(found.count)).toBe(expected.count)
        expect([...found.counts].map(BigInt)).toEqual(expected.counts)
      }),
    )
  })
})

describe('isCount', () => {
  it('takes whole numbers that OTLP can say', () => {
    expect([0, -0, 1, 2 ** 53, 2 ** 64 - 2048].map(isCount)).toEqual([true, true, true, true, true])
    expect([0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 64, 1e300].map(isCount)).toEqual([false, false, false, false, false, false])
  })
})
