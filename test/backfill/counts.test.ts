import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addCounts,
  addReasons,
  countsFromJson,
  countsToJson,
  imbalance,
  noCounts,
  subtractCounts,
  sumReasons,
} from '../../src/backfill/counts.ts'
import type { Counts } from '../../src/backfill/ledger.ts'
import { losses, mainLoss } from '../../src/backfill/losses.ts'

const number = fc.integer({ min: 0, max: 1_000_000 })
const reasons = fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'toString'), fc.integer({ min: 1, max: 1000 }))
const sum = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })

const counts: fc.Arbitrary<Counts> = fc.record({
  read: number,
  translated: number,
  skipped: reasons,
  produced: number,
  acked: number,
  rejected: reasons,
  dead: reasons,
  resent: number,
  ambiguous: number,
  bytesIn: number,
  bytesOut: number,
  notes: reasons,
  srcSum: sum,
  ackSum: sum,
  minMs: fc.option(number, { nil: undefined }),
  maxMs: fc.option(number, { nil: undefined }),
  readMs: number,
  translateMs: number,
  sendMs: number,
})

const timeless = (one: Counts): Counts => ({ ...one, minMs: undefined, maxMs: undefined })

describe('addCounts', () => {
  it('adds in any order, and subtractCounts takes it away again', () => {
    fc.assert(
      fc.property(counts, counts, (a, b) => {
        const both = addCounts(a, b)
        expect(both.srcSum).toBe(addCounts(b, a).srcSum)
        expect(sumReasons(both.skipped)).toBe(sumReasons(a.skipped) + sumReasons(b.skipped))
        expect(timeless(subtractCounts(both, b))).toEqual(timeless(a))
        expect(addCounts(noCounts, a)).toEqual(a)
      }),
    )
  })
})

describe('addReasons', () => {
  it('keeps a hundred words apart, and counts the others as one', () => {
    let all = {}
    for (let at = 0; at < 150; at++) all = addReasons(all, { [`word ${at}`]: 2 })
    expect(Object.keys(all)).toHaveLength(101)
    expect(all).toMatchObject({ other: 100 })
    expect(sumReasons(all)).toBe(300)
  })
})

describe('countsFromJson', () => {
  it('reads what countsToJson wrote', () => {
    fc.assert(fc.property(counts, (one) => void expect(countsFromJson(countsToJson(one))).toEqual(one)))
  })
})

describe('imbalance', () => {
  it('says what does not add up', () => {
    expect(
      imbalance({ ...noCounts, read: 3, translated: 1, skipped: { a: 2 }, produced: 4, acked: 1, rejected: { b: 2 }, dead: { c: 1 } }),
    ).toBeUndefined()
    expect(imbalance({ ...noCounts, read: 1 })).toBe('read 1 ≠ translated 0 + skipped 0')
    expect(imbalance({ ...noCounts, produced: 1 })).toBe('produced 1 ≠ acknowledged 0 + rejected 0 + dead 0')
  })
})

describe('losses', () => {
  it('counts what was refused, died or was skipped by damage, and names the largest part', () => {
    const some = { skipped: { not_a_span: 50, corrupt: 3 }, rejected: { invalid: 4 }, dead: { poison: 2 } }
    expect([losses(some), mainLoss(some)]).toEqual([9, 'invalid'])
    expect(losses({ skipped: { duplicate_in_source: 7 }, rejected: {}, dead: {} })).toBe(0)
    expect(mainLoss({ skipped: { tombstone: 1 }, rejected: {}, dead: {} })).toBe('unknown')
  })
})
