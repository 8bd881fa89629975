import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  add,
  compare,
  fromBigInt,
  fromDouble,
  fromNumber,
  multiply,
  subtract,
  toBigInt,
  toDouble,
  toSignedBigInt,
  type Words,
} from '../../src/otlp/time.ts'

const u64 = fc.bigInt({ min: 0n, max: 0xffffffffffffffffn })
const limit = 0xffffffffffffffffn
const out: Words = { hi: 0, lo: 0 }
const wordsOf = (value: bigint): [number, number] => {
  const words = { hi: 0, lo: 0 }
  fromBigInt(value, words)
  return [words.hi, words.lo]
}
const clamp = (value: bigint): bigint => (value < 0n ? 0n : value > limit ? limit : value)

describe('time words', () => {
  it('multiply exactly and clamp', () => {
    fc.assert(
      fc.property(u64, fc.constantFrom(1, 1000, 1_000_000), (value, factor) => {
        multiply(...wordsOf(value), factor, out)
        expect(toBigInt(out.hi, out.lo)).toBe(clamp(value * BigInt(factor)))
      }),
      { numRuns: 2000 },
    )
  })

  it('add and subtract exactly and clamp', () => {
    fc.assert(
      fc.property(u64, u64, (left, right) => {
        add(...wordsOf(left), ...wordsOf(right), out)
        expect(toBigInt(out.hi, out.lo)).toBe(clamp(left + right))
        subtract(...wordsOf(left), ...wordsOf(right), out)
        expect(toBigInt(out.hi, out.lo)).toBe(clamp(left - right))
        expect(Math.sign(compare(...wordsOf(left), ...wordsOf(right)))).toBe(left < right ? -1 : left > right ? 1 : 0)
      }),
      { numRuns: 2000 },
    )
  })

  it('go to and from bigints, numbers and doubles without losing a bit', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.nat(Number.MAX_SAFE_INTEGER),
        fc.double(),
        (big, whole, double) => {
          expect(toSignedBigInt(...wordsOf(big))).toBe(big)
          fromNumber(whole, out)
          expect(toBigInt(out.hi, out.lo)).toBe(BigInt(whole))
          fromDouble(double, out)
          expect(toDouble(out.hi, out.lo)).toBe(double)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
