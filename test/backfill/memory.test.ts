import { describe, expect, it } from 'vitest'
import { createMemoryBudget, largestFilePage, largestPage, memoryBudget, pageLimits } from '../../src/backfill/memory.ts'

describe('pageLimits', () => {
  it('gives whole pages to a few slices, and smaller ones to many', () => {
    expect(pageLimits(1)).toEqual(largestPage)
    expect(pageLimits(4)).toEqual(largestPage)
    const many = pageLimits(32)
    expect(many.bytes).toBeLessThan(largestPage.bytes)
    expect(many.bytes * (8 + 6 * 32)).toBeLessThanOrEqual(memoryBudget)
    expect(pageLimits(10_000).bytes).toBe(256 * 1024)
    expect(pageLimits(4, memoryBudget, largestFilePage)).toEqual({ items: largestFilePage, bytes: largestPage.bytes })
  })
})

describe('createMemoryBudget', () => {
  it('lets all slices go until pages turn out large, and some again when they are small', () => {
    const budget = createMemoryBudget(100)
    expect(budget.slots(8)).toBe(8)
    budget.measured(1, 10)
    expect(budget.slots(8)).toBe(3)
    budget.measured(1, 1000)
    expect(budget.slots(8)).toBe(1)
    for (let at = 0; at < 1000; at++) budget.measured(1, 1)
    expect(budget.slots(8)).toBe(8)
  })
})
