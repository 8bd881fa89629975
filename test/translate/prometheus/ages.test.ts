import { describe, expect, it } from 'vitest'
import { ageBucketOf, ageBuckets } from '../../../src/translate/prometheus/ages.ts'

describe('ageBucketOf', () => {
  it('tells seconds apart below two minutes, and takes the future for now', () => {
    expect([-5, 0, 1, 2, 127].map(ageBucketOf)).toEqual([0, 0, 1, 2, 127])
  })

  it('never puts an older age lower, and tells ages apart to a 64th', () => {
    let last = 0
    for (let age = 1; age < 2 ** 32; age = Math.ceil(age * 1.003)) {
      const bucket = ageBucketOf(age)
      expect(bucket).toBeGreaterThanOrEqual(last)
      expect(ageBucketOf(Math.min(age + Math.ceil(age / 64) + 1, 2 ** 32 - 1))).toBeGreaterThanOrEqual(bucket)
      if (age < 2 ** 31) expect(ageBucketOf(age + Math.ceil(age / 32))).toBeGreaterThan(bucket)
      last = bucket
    }
    expect(ageBucketOf(2 ** 32 - 1)).toBe(ageBuckets - 1)
  })
})
