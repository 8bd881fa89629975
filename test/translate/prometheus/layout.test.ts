import { describe, expect, it } from 'vitest'
import { createLayouts, Has, Layout } from '../../../src/translate/prometheus/layout.ts'

describe('createLayouts', () => {
  it('gives the same layout for the same bounds and members', () => {
    const layouts = createLayouts()
    const one = layouts.retain(layouts.of([0.1, 1], Has.Count))
    expect(layouts.of(Float64Array.of(0.1, 1), Has.Count)).toBe(one)
    expect(layouts.of([0.1, 1], Has.Inf)).not.toBe(one)
    expect(layouts.of([0.1, 2], Has.Count)).not.toBe(one)
  })

  it('keeps its bounds when those it was made of change', () => {
    const bounds = [0.1, 1]
    const layout = createLayouts().of(bounds, Has.Count)
    bounds[0] = 7
    expect([...layout.bounds]).toEqual([0.1, 1])
  })

  it('forgets layouts that nobody uses', () => {
    const layouts = createLayouts()
    const one = layouts.retain(layouts.of([1], Has.Count))
    layouts.retain(layouts.of([1], Has.Count))
    layouts.release(one)
    expect(layouts.count).toBe(1)
    layouts.release(one)
    expect(layouts.count).toBe(0)
    layouts.release(layouts.retain(layouts.none))
    expect(layouts.of([1], Has.Count)).not.toBe(one)
  })
})

describe('Layout', () => {
  const layout = new Layout('', Float64Array.of(-1, 0, 0.5, 2, 10), Has.Count | Has.Sum)

  it('finds the slot of a bound, guessed or not', () => {
    const slots = [-1, 0, 0.5, 2, 10].map((bound, i) => [layout.slotOf(bound, i), layout.slotOf(bound, 0), layout.slotOf(bound, 99)])
    expect(slots).toEqual([0, 1, 2, 3, 4].map((i) => [i, i, i]))
    expect([-2, -0.5, 1, 11].map((bound) => layout.slotOf(bound, 1))).toEqual([-1, -1, -1, -1])
    expect(layout.slotOf(-0, 0)).toBe(1)
  })

  it('wants its bounds and what it has behind them', () => {
    expect(Array.from({ length: layout.slots }, (_, slot) => layout.wants(slot))).toEqual([true, true, true, true, true, false, true, true])
    expect(layout.wanted).toBe(7)
  })

  it('wants what cannot be had when there is no count to be had', () => {
    expect(new Layout('', Float64Array.of(1), Has.Sum).wanted).toBe(-1)
    expect(new Layout('', Float64Array.of(1), Has.Inf).wanted).toBe(2)
  })
})
