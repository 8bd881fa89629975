import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toBigInt, type Words } from '../../../src/otlp/time.ts'
import { scaledDecimal } from '../../../src/translate/elasticsearch/scaled-decimal.ts'

const words: Words = { hi: 0, lo: 0 }

const read = (text: string, power: number): bigint | undefined => {
  const source = Buffer.from(`9.${text}9`)
  return scaledDecimal(source, 2, source.length - 1, power, words) ? toBigInt(words.hi, words.lo) : undefined
}

describe('scaledDecimal', () => {
  it.each([
    ['0', 3, 0n],
    ['3781', 3, 3_781_000n],
    ['3781.5', 3, 3_781_500n],
    ['32592.9814', 3, 32_592_981n],
    ['0.0001', 3, 0n],
    ['0.5', 0, 0n],
    ['000012', 3, 12_000n],
    ['9007199254740993', 3, 9_007_199_254_740_993_000n],
    ['18446744073709551615', 0, 18_446_744_073_709_551_615n],
    ['1.5E3', 3, 1_500_000n],
    ['1500e-3', 3, 1500n],
    ['12e-9', 3, 0n],
    ['0e99', 3, 0n],
  ])('reads %s times 10^%i', (text, power, expected) => {
    expect(read(text, power)).toBe(expected)
  })

  it('refuses everything else', () => {
    for (const text of ['', '-1', '1.', '.5', '1e', '1e999', 'x', '1 ', '18446744073709551616', '1e20', '0x1'])
      expect(read(text, 0), text).toBeUndefined()
    expect(read('18446744073709552', 3)).toBeUndefined()
  })

  it('is exact', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 12n), fc.nat(999_999), fc.integer({ min: 0, max: 6 }), (whole, fraction, power) => {
        const digits = String(fraction).padStart(6, '0')
        expect(read(`${whole}.${digits}`, power)).toBe((whole * 1_000_000n + BigInt(fraction)) / 10n ** BigInt(6 - power))
      }),
    )
  })
})
