import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPartSplitter } from '../../src/books/partial.ts'
import { splitByRemainder } from '../../src/books/remainder.ts'

const weights = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 8 })
const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0)

describe('splitByRemainder', () => {
  it('adds up, and gives nobody more than the weight', () => {
    fc.assert(
      fc.property(weights, fc.nat(400), (of, wanted) => {
        const total = Math.min(wanted, sum(of))
        const parts = splitByRemainder(total, of)
        expect(sum(parts)).toBe(total)
        for (const [at, part] of parts.entries()) expect(part).toBeLessThanOrEqual(of[at] as number)
      }),
    )
  })

  it('gives the rest to the largest remainders', () => {
    expect(splitByRemainder(10, [1, 1, 1])).toEqual([4, 3, 3])
    expect(splitByRemainder(1, [1, 5, 1])).toEqual([0, 1, 0])
    expect(splitByRemainder(3, [0, 0])).toEqual([3, 0])
  })
})

describe('createPartSplitter', () => {
  it('makes parts of a whole that add up to it, key by key, also of two wholes that look alike', () => {
    fc.assert(
      fc.property(
        weights,
        fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 2 }),
        (of, cuts, wholes) => {
          const split = createPartSplitter()
          const seen = of.map(() => 0)
          let rest = sum(of) * wholes
          for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
            const items = Math.min(cut, rest)
            if (items <= 0) break
            rest -= items
            for (const [at, part] of split('new a', of, items).entries()) seen[at] = (seen[at] as number) + part
          }
          expect(seen).toEqual(of.map((one) => one * wholes))
        },
      ),
    )
  })
})
