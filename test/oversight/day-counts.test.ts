import { describe, expect, it } from 'vitest'
import { createDayCounts } from '../../src/oversight/day-counts.ts'

const hour = 3_600_000

describe('createDayCounts', () => {
  const setUp = () => {
    let now = 100 * hour
    const { growth } = createDayCounts(() => now)
    return (hours: number, total: number): number => {
      now = (100 + hours) * hour
      return growth('a', total)
    }
  }

  it('gives what a counter grew by within a day', () => {
    const at = setUp()
    expect(at(0, 2)).toBe(2)
    expect(at(1, 5)).toBe(5)
    expect(at(24, 6)).toBe(6)
    expect(at(25, 6)).toBe(4)
    expect(at(26, 6)).toBe(1)
  })

  it('rather counts too much than too little when nobody looked for a day', () => {
    const at = setUp()
    expect(at(0, 2)).toBe(2)
    expect(at(30, 7)).toBe(5)
    expect(at(40, 7)).toBe(5)
    expect(at(56, 7)).toBe(0)
  })
})
