import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createShare, fmix64, xxh64 } from '../../src/cutover/decide.ts'

const mask64 = (1n << 64n) - 1n

/** MurmurHash3's finaliser as its author wrote it. */
function slowly(key: bigint): bigint {
  let k = key
  k ^= k >> 33n
  k = (k * 0xff51afd7ed558ccdn) & mask64
  k ^= k >> 33n
  k = (k * 0xc4ceb9fe1a85ec53n) & mask64
  return k ^ (k >> 33n)
}

describe('fmix64', () => {
  it('gives what 64-bit arithmetic gives', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, mask64), (key) => {
        const word = { hi: Number(key >> 32n), lo: Number(key & 0xffffffffn) }
        fmix64(word)
        expect((BigInt(word.hi) << 32n) | BigInt(word.lo)).toBe(slowly(key))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('xxh64', () => {
  it.each([
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
  ])('of %j is what the specification says', (text, hash) => {
    expect(xxh64(Buffer.from(text))).toBe(hash)
  })
})

const randomWord = fc.nat({ max: 0xffffffff })

describe('createShare', () => {
  it('keeps in a larger share whatever it keeps in a smaller one', () => {
    const portion = fc.nat({ max: 10_000 }).map((n) => n / 10_000)
    fc.assert(
      fc.property(portion, portion, randomWord, randomWord, fc.string(), (one, other, hi, lo, text) => {
        const [less, more] = [createShare(Math.min(one, other)), createShare(Math.max(one, other))]
        if (less.trace(hi, lo)) expect(more.trace(hi, lo)).toBe(true)
        if (less.text(text)) expect(more.text(text)).toBe(true)
      }),
    )
  })

  it('keeps nothing at 0 and all at 1', () => {
    fc.assert(
      fc.property(randomWord, randomWord, fc.string(), (hi, lo, text) => {
        expect(createShare(0).trace(hi, lo)).toBe(false)
        expect(createShare(0).text(text)).toBe(false)
        expect(createShare(1).trace(hi, lo)).toBe(true)
        expect(createShare(1, 'raw').trace(hi, lo)).toBe(true)
        expect(createShare(1).text(text)).toBe(true)
      }),
    )
  })

  /** Ids as random as those of clients, the same in every run. */
  function* ids(count: number): Generator<[number, number]> {
    const word = { hi: 0, lo: 0 }
    for (let at = 1; at <= count; at++) {
      word.hi = Math.imul(at, 0x9e3779b1) >>> 0
      word.lo = Math.imul(at, 0x85ebca77) >>> 0
      fmix64(word)
      yield [word.hi, word.lo]
    }
  }

  const kept = (share: ReturnType<typeof createShare>, sampler: number): number => {
    let all = 0
    let within = 0
    for (const [hi, lo] of ids(400_000)) {
      // A Jaeger client keeps a trace whose low 63 bits lie below rate × 2^63.
      if ((hi & 0x7fffffff) >= sampler * 2 ** 31) continue
      all++
      if (share.trace(hi, lo)) within++
    }
    return within / all
  }

  it.each([1, 0.01, 0.001])('keeps half behind a Jaeger sampler of %d', (rate) => {
    expect(Math.abs(kept(createShare(0.5), rate) - 0.5)).toBeLessThan(rate === 0.001 ? 0.08 : 0.03)
  })

  it('keeps nothing of raw ids behind a Jaeger sampler of 0.001: why mixing is the default', () => {
    expect(kept(createShare(0.5, 'raw'), 0.001)).toBe(0)
  })
})
