import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addSum,
  canonicalJson,
  createIdentitySum,
  hash128,
  runId,
  sliceId,
  subtractSum,
  sumFromHex,
  sumToHex,
} from '../../src/backfill/identity.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** As it is printed elsewhere: the four words in their order. */
const words = (text: string): string => {
  const hex = sumToHex(hash128(bytes(text)))
  return [24, 16, 8, 0].map((at) => hex.slice(at, at + 8)).join('')
}

describe('hash128', () => {
  it.each([
    ['', '00000000000000000000000000000000'],
    ['The quick brown fox jumps over the lazy dog', '2f1583c3ecee2c675d7bf66ce5e91d2c'],
    ["I will not buy this tobacconist's, it is scratched.", '9b5b7ba2ef3f7866889adeaf00f3f98e'],
  ])('is MurmurHash3 of 128 bits for 32-bit machines: %j', (text, expected) => {
    expect(words(text)).toBe(expected)
  })

  it('tells apart every length and every changed byte', () => {
    const seen = new Set<bigint>()
    for (let length = 0; length < 70; length++) {
      seen.add(hash128(new Uint8Array(length)))
      for (let at = 0; at < length; at++) seen.add(hash128(new Uint8Array(length).fill(1, at, at + 1)))
    }
    expect(seen.size).toBe(70 + (69 * 70) / 2)
  })
})

describe('createIdentitySum', () => {
  const part = fc.oneof(fc.string(), fc.uint8Array({ maxLength: 40 }), fc.double())
  const item = fc.array(part, { maxLength: 6 })

  const sumOf = (items: readonly (readonly (string | Uint8Array | number)[])[]): bigint => {
    const sum = createIdentitySum()
    for (const parts of items) {
      for (const one of parts) {
        if (typeof one === 'string') sum.text(one)
        else if (typeof one === 'number') sum.number(one)
        else sum.bytes(one)
      }
      sum.item()
    }
    return sum.value()
  }

  it('does not depend on order, and can be taken together and apart', () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 30 }), fc.array(item, { maxLength: 30 }), (a, b) => {
        const both = sumOf([...a, ...b])
        expect(sumOf([...b, ...a].reverse())).toBe(both)
        expect(addSum(sumOf(a), sumOf(b))).toBe(both)
        expect(subtractSum(both, sumOf(a))).toBe(sumOf(b))
      }),
      { numRuns: 50 },
    )
  })

  it('takes a part of other bytes as it takes the part alone', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 9 }), fc.nat(5), (parts, offset) => {
        const [alone, within] = [createIdentitySum(), createIdentitySum()]
        for (const part of parts) {
          const bytes = new Uint8Array(offset + part.length)
          bytes.set(part, offset)
          alone.bytes(part)
          within.part(new DataView(bytes.buffer), offset, bytes.length)
        }
        for (const sum of [alone, within]) sum.item()
        expect(within.value()).toBe(alone.value())
      }),
    )
  })

  it('is the sum of the hashes mod 2^128, also over millions', () => {
    const sum = createIdentitySum()
    for (let at = 0; at < 1_100_000; at++) sum.item()
    sum.number(1)
    sum.item()
    const buffer = new Uint8Array(8)
    new DataView(buffer.buffer).setFloat64(0, 1, true)
    expect(sum.value()).toBe(hash128(buffer))
    expect(sum.items).toBe(1_100_001)
    let expected = 0n
    const many = createIdentitySum()
    for (let at = 0; at < 2000; at++) {
      many.number(at)
      many.item()
      new DataView(buffer.buffer).setFloat64(0, at, true)
      expected = addSum(expected, hash128(buffer))
    }
    expect(many.value()).toBe(expected)
    many.clear()
    expect(many.value()).toBe(0n)
  })

  it('keeps the parts of an identity apart', () => {
    expect(sumOf([['ab', 'c']])).not.toBe(sumOf([['a', 'bc']]))
    expect(sumOf([['a'.repeat(5000)]])).not.toBe(sumOf([['a'.repeat(5001)]]))
  })
})

describe('sumFromHex', () => {
  it('reads what sumToHex wrote, and nothing else', () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (sum) => sumFromHex(sumToHex(sum)) === sum))
    for (const wrong of ['', '12', 'g'.repeat(32), '0'.repeat(33)]) expect(() => sumFromHex(wrong)).toThrow('cannot read a sum')
  })
})

describe('canonicalJson', () => {
  it('sorts keys at every level, and leaves out what is undefined', () => {
    const value = { b: [{ z: 1, a: null }], a: 'x"y', c: undefined as unknown as null }
    expect(canonicalJson(value)).toBe('{"a":"x\\"y","b":[{"a":null,"z":1}]}')
  })

  it('is the same for any order of keys, and can be parsed', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = canonicalJson(value as never)
        expect(canonicalJson(JSON.parse(text))).toBe(text)
      }),
      { numRuns: 100 },
    )
  })

  it('refuses what is no JSON', () => {
    expect(() => canonicalJson(Number.NaN)).toThrow('not a number of JSON')
    let deep: readonly unknown[] = []
    for (let at = 0; at < 70; at++) deep = [deep]
    expect(() => canonicalJson(deep as never)).toThrow('deeper than 64')
  })
})

describe('sliceId', () => {
  it('is made of kind, identity, key and plan version alone, for ever the same', () => {
    const source = { kind: 'jaeger-es', identity: 'uuid' }
    const key = { index: 'jaeger-span-2026-11-07', from: 1762473600000, to: 1762477200000 }
    expect(sliceId(source, key, 1)).toBe('bf96dd90c5e4f7ca')
    expect(sliceId(source, { to: key.to, from: key.from, index: key.index }, 1)).toBe(sliceId(source, key, 1))
    const others = [sliceId(source, key, 2), sliceId({ ...source, kind: 'x' }, key, 1), sliceId({ ...source, identity: 'x' }, key, 1)]
    expect(new Set([...others, sliceId(source, { ...key, to: 1 }, 1), sliceId(source, key, 1)]).size).toBe(5)
  })
})

describe('runId', () => {
  it('changes with source, options, destination and mapping', () => {
    const base = { source: { kind: 'k', identity: 'i' }, options: { since: 1 }, destination: 'd', mappingHash: 'm' }
    const ids = [base, { ...base, options: { since: 2 } }, { ...base, destination: 'e' }, { ...base, mappingHash: 'n' }].map(runId)
    expect(new Set(ids).size).toBe(4)
    expect(ids[0]).toMatch(/^[0-9a-f]{16}$/)
  })
})
