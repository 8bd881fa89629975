import { describe, expect, it } from 'vitest'
import type { Counters } from '../../src/admin/endpoints.ts'
import { createFlow } from '../../src/admin/flow.ts'

const minuteMs = 60_000

const setUp = () => {
  let ms = 1_000 * minuteMs
  const flow = createFlow(() => ms)
  const counters = (items: number, part: Partial<Counters> = {}): ReadonlyMap<string, Counters> =>
    new Map([
      [
        'zipkin',
        { items, bytes: items * 10, newItems: items, oldItems: 0, queueItems: 0, ageSeconds: 0, formats: new Set<string>(), ...part },
      ],
    ])
  return { flow, note: (items: number, part?: Partial<Counters>) => flow.note(counters(items, part)), pass: (by: number) => (ms += by) }
}

describe('createFlow', () => {
  it('knows the rate over the last minute, and makes nothing up in the first', () => {
    const { flow, note, pass } = setUp()
    expect(flow.rate('zipkin', 'items')).toBe(0)
    note(100)
    pass(10_000)
    note(160)
    expect(flow.rate('zipkin', 'items')).toBe(60)
    for (let at = 0; at < 12; at++) {
      pass(10_000)
      note(160 + (at + 1) * 20)
    }
    expect(flow.rate('zipkin', 'items')).toBe(120)
    expect(flow.rate('zipkin', 'bytes')).toBe(1200)
    expect(flow.rate(undefined, 'items')).toBe(120)
    expect(flow.rate('absent', 'items')).toBe(0)
  })

  it('gives each minute what came in it, and null to those that nobody saw', () => {
    const { flow, note, pass } = setUp()
    note(50)
    pass(minuteMs / 2)
    note(70, { queueItems: 9, ageSeconds: 4 })
    pass(minuteMs / 2)
    note(75)
    pass(5 * minuteMs)
    note(80)
    pass(minuteMs)
    const { values, fromMs, sinceMs, stepSeconds } = flow.series('zipkin', 'in', 10)
    expect(values).toEqual([null, null, null, 20, 5, null, null, null, null, 5])
    expect([fromMs, sinceMs, stepSeconds]).toEqual([997 * minuteMs, 1_000 * minuteMs, 60])
    expect(flow.series(undefined, 'queue', 10).values[3]).toBe(9)
    expect(flow.series('absent', 'in', 3).values).toEqual([null, null, null])
  })

  it('counts nothing twice when it is asked twice within a moment', () => {
    const { flow, note, pass } = setUp()
    note(0)
    pass(1000)
    note(10)
    pass(10)
    note(10)
    pass(10)
    note(12)
    pass(minuteMs)
    expect(flow.series('zipkin', 'in', 1).values).toEqual([12])
  })

  it('takes a counter that fell for one that began anew', () => {
    const { flow, note, pass } = setUp()
    note(100)
    pass(1000)
    note(3)
    pass(minuteMs)
    note(9)
    expect(flow.series('zipkin', 'in', 1).values).toEqual([0])
    expect(flow.rate('zipkin', 'items')).toBeGreaterThanOrEqual(0)
  })

  it('forgets after a day', () => {
    const { flow, note, pass } = setUp()
    note(0)
    pass(1)
    note(5)
    pass(1439 * minuteMs)
    note(5)
    expect(flow.series('zipkin', 'in', 1440).values[1]).toBe(5)
    pass(2 * minuteMs)
    note(5)
    expect(flow.series('zipkin', 'in', 1440).values.filter((value) => value === 5)).toEqual([])
  })
})
