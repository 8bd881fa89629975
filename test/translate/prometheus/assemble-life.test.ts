/** Groups on their way and back, those that are too many or too old, families that come and go. */

import { describe, expect, it } from 'vitest'
import { MetricPoints } from '../../../src/otlp/metrics.ts'
import { type Emission, FamilyKind, type KeepToken } from '../../../src/translate/prometheus/assembler.ts'
import { Bench, type Name, type PlainPoint, plainPoints, type Value } from '../../support/assembling.ts'

const t1 = 1_767_225_600_000
const t2 = t1 + 15_000

const members: Partial<Record<Name, Value>> = { 'le=1': 3, 'le=+Inf': 15, sum: 9.5, count: 15 }
const less: Partial<Record<Name, Value>> = { 'le=1': 3, 'le=+Inf': 15, sum: 9.5 }

/** A bench with a family whose layout is known. */
function known(options: ConstructorParameters<typeof Bench>[0] = {}): { bench: Bench; id: number } {
  const bench = new Bench(options)
  const id = bench.family()
  bench.addAll(id, t1 - 15_000, members)
  bench.after(10_000)
  bench.assembler.counts()
  return { bench, id }
}

function take(bench: Bench, all = false): { readonly emission: Emission; readonly points: PlainPoint[] } {
  const points = new MetricPoints()
  const emission = bench.assembler.take(bench.nowMs, points, all)
  if (emission === undefined) throw new Error('there is nothing')
  return { emission, points: plainPoints(points) }
}

const times = (points: readonly PlainPoint[]): number[] => points.map(({ timeMs }) => timeMs)

describe('emissions', () => {
  it('come back whole when they are rolled back', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, members)
    const first = take(bench)
    expect(bench.assembler.take(bench.nowMs, new MetricPoints())).toBeUndefined()
    bench.assembler.rollback(first.emission)
    expect(bench.assembler.dueInMs(bench.nowMs)).toBe(0)
    expect(bench.assembler.held).toBe(4)
    const second = take(bench)
    expect(second.points).toEqual(first.points)
    expect(second.emission).toMatchObject({ samples: 4, points: 1 })
    bench.assembler.commit(second.emission)
    expect(bench.assembler.held).toBe(0)
    expect(bench.assembler.counts().emitted).toEqual({ complete: 1, window: 0, evicted: 0, shutdown: 0 })
  })

  it('come back as they went when they were due by time', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, less)
    bench.nowMs += 10_000
    const first = take(bench)
    bench.assembler.rollback(first.emission)
    const second = take(bench)
    expect(second.points).toEqual(first.points)
    bench.assembler.commit(second.emission)
    expect(bench.assembler.counts()).toMatchObject({ emitted: { window: 1 }, incomplete: { count: 1 }, partial: 1 })
  })

  it('are settled once', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, members)
    const { emission } = take(bench)
    bench.assembler.commit(emission)
    bench.assembler.commit(emission)
    bench.assembler.rollback(emission)
    expect(bench.assembler.pending).toBe(0)
    expect(bench.assembler.counts().emitted.complete).toBe(1)
  })

  it('have what came in between when they are rolled back', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, less)
    bench.nowMs += 10_000
    const { emission } = take(bench)
    expect(bench.assembler.isPending(id, t1)).toBe(false)
    expect(bench.add(id, 'count', 16, t1)).toBe('held')
    expect(bench.assembler.isPending(id, t1)).toBe(true)
    bench.assembler.rollback(emission)
    const again = take(bench)
    expect(again.points).toMatchObject([{ count: 16, counts: [3, 13] }])
    expect(again.emission.samples).toBe(4)
  })

  it('leave what came in between late when they are committed, and the next one tells of it', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, less)
    bench.nowMs += 10_000
    const { emission } = take(bench)
    bench.add(id, 'count', 16, t1)
    const token: KeepToken = { open: 0 }
    bench.assembler.attach(id, t1, token)
    bench.assembler.commit(emission)
    expect(token.open).toBe(0)
    expect(bench.assembler.counts().late).toBe(1)
    expect(bench.assembler.held).toBe(1)
    const next = take(bench)
    expect(next.emission).toMatchObject({ samples: 1, points: 0, late: 1 })
    bench.assembler.rollback(next.emission)
    bench.assembler.commit(take(bench).emission)
    expect(bench.assembler.held).toBe(0)
    expect(bench.assembler.counts().late).toBe(0)
  })

  it('tell of the groups that requests before have members in', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, less)
    expect(bench.assembler.take(bench.nowMs, bench.points)).toBeUndefined()
    bench.addAll(id, t1, { count: 15 })
    bench.addAll(id, t2, members)
    const { emission, points } = take(bench)
    expect(times(points)).toEqual([t1, t2])
    const [a, b, c] = bench.key('f')
    expect(bench.assembler.emitted(emission)).toEqual([{ a, b, c, timeMs: t1 }])
  })

  it('take everything at the end, and say so', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, less)
    bench.addAll(bench.family('g'), t1, less)
    bench.add(bench.family('h'), 'count', 3, t1)
    const { emission, points } = take(bench, true)
    expect(points.map(({ metric }) => metric)).toEqual(['histogram', 'histogram', 'count gauge'])
    bench.assembler.commit(emission)
    expect(bench.assembler.take(bench.nowMs, bench.points, true)).toBeUndefined()
    expect(bench.assembler.counts().emitted).toEqual({ complete: 0, window: 0, evicted: 0, shutdown: 3 })
    // Nothing is concluded from what did not come in time.
    expect(bench.assembler.kindOf(bench.family('h'))).toBe(FamilyKind.Unknown)
  })

  it('do not take all groups that become due at once', () => {
    const bench = new Bench()
    for (let i = 0; i < 10_500; i++) bench.addAll(bench.family(`f${i}`), t1, { 'le=1': 1, count: 1 })
    bench.nowMs += 10_000
    const first = take(bench)
    expect(first.points).toHaveLength(10_000)
    expect(bench.assembler.dueInMs(bench.nowMs)).toBe(0)
    expect(take(bench).points).toHaveLength(500)
  })
})

describe('markEmitted', () => {
  it('has members of what an earlier run sent late', () => {
    const bench = new Bench()
    bench.assembler.markEmitted(...bench.key('f'), t1)
    const id = bench.family()
    expect(bench.addAll(id, t1, members)).toEqual(['late'])
    expect(bench.addAll(id, t2, members)).toEqual(['held'])
  })

  it('removes a group that waits', () => {
    const bench = new Bench()
    const id = bench.family()
    const token: KeepToken = { open: 0 }
    bench.addAll(id, t1, members)
    bench.assembler.attach(id, t1, token)
    bench.assembler.markEmitted(...bench.key('f'), t1)
    expect(token.open).toBe(0)
    expect(bench.assembler.held).toBe(0)
    expect(bench.after(10_000)).toEqual([])
  })
})

describe('attach', () => {
  it('counts a group once for each token until it is committed', () => {
    const { bench, id } = known()
    const tokens: KeepToken[] = [{ open: 0 }, { open: 0 }]
    bench.addAll(id, t1, less)
    bench.addAll(id, t2, less)
    for (const token of tokens) {
      bench.assembler.attach(id, t1, token)
      bench.assembler.attach(id, t1, token)
      bench.assembler.attach(id, t2, token)
      bench.assembler.attach(id, t2 + 1, token)
    }
    expect(tokens).toEqual([{ open: 2 }, { open: 2 }])
    bench.addAll(id, t1, { count: 15 })
    const { emission } = take(bench)
    expect(tokens).toEqual([{ open: 2 }, { open: 2 }])
    bench.assembler.commit(emission)
    expect(tokens).toEqual([{ open: 1 }, { open: 1 }])
  })

  it('lets go of what gave no point, too', () => {
    const { bench, id } = known()
    const token: KeepToken = { open: 0 }
    bench.addAll(id, t1, { 'le=1': 3 })
    bench.assembler.attach(id, t1, token)
    expect(bench.after(10_000)).toEqual([])
    expect(token.open).toBe(0)
  })
})

describe('dueInMs', () => {
  it('says when the next group is due', () => {
    const { bench, id } = known()
    const due = (): number => bench.assembler.dueInMs(bench.nowMs)
    expect(due()).toBe(Number.POSITIVE_INFINITY)
    bench.addAll(id, t1, less)
    expect(due()).toBe(10_000)
    bench.nowMs += 3_000
    expect(due()).toBe(7_000)
    bench.addAll(id, t2, members)
    expect(due()).toBe(0)
    bench.after(0)
    expect(due()).toBe(2_000)
  })

  it('does not mind a clock that goes back', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, less)
    bench.nowMs += 3_000
    expect(bench.assembler.dueInMs(bench.nowMs)).toBe(7_000)
    bench.nowMs -= 86_400_000
    expect(bench.assembler.dueInMs(bench.nowMs)).toBe(7_000)
    expect(times(bench.after(7_000))).toEqual([t1])
  })
})

describe('time', () => {
  it('does not run faster when it is told forth and back', () => {
    const bench = new Bench()
    bench.addAll(bench.family('f', FamilyKind.Histogram), t1, { 'le=1': 3, count: 4 })
    for (let i = 0; i < 20; i++) {
      expect(bench.after(2_000)).toEqual([])
      expect(bench.after(-2_000)).toEqual([])
    }
    expect(bench.after(9_900)).toEqual([])
    expect(times(bench.after(200))).toEqual([t1])
  })
})

describe('standStill', () => {
  it('waits two windows longer for those who were turned away', () => {
    const bench = new Bench()
    bench.addAll(bench.family('f', FamilyKind.Histogram), t1, { 'le=1': 3, count: 4 })
    expect(bench.after(8_000)).toEqual([])
    for (let i = 0; i < 100; i++) {
      bench.nowMs += 1_000
      bench.assembler.standStill(bench.nowMs)
    }
    expect(bench.after(20_900)).toEqual([])
    expect(times(bench.after(200))).toEqual([t1])
  })

  it('is not longer because the clock goes back by a day', () => {
    const bench = new Bench()
    bench.addAll(bench.family('f', FamilyKind.Histogram), t1, { 'le=1': 3, count: 4 })
    bench.assembler.standStill(bench.nowMs)
    expect(bench.after(-86_400_000)).toEqual([])
    expect(bench.after(29_900)).toEqual([])
    expect(times(bench.after(200))).toEqual([t1])
  })
})

describe('limits', () => {
  it('send the oldest group when there are too many', () => {
    const bench = new Bench({ maxPending: 3 })
    for (const name of ['a', 'b', 'c', 'd']) {
      bench.nowMs += 1
      bench.addAll(bench.family(name), t1, members)
    }
    expect(bench.assembler.pending).toBe(4)
    expect(bench.after(0)).toMatchObject([{ family: 'a' }])
    expect(bench.assembler.pending).toBe(3)
    expect(bench.assembler.counts().emitted.evicted).toBe(1)
  })

  it('have no room when twice as many are there', () => {
    const bench = new Bench({ maxPending: 3 })
    const add = (i: number): string => bench.add(bench.family(`f${i}`), 'le=1', 3, t1)
    for (let i = 0; i < 3; i++) add(i)
    bench.after(0)
    expect([3, 4, 5, 6, 7].map(add)).toEqual(['held', 'held', 'held', 'full', 'full'])
    bench.after(0)
    expect(add(7)).toBe('held')
  })

  it('refuse for good what one request brings beyond that: there would never be room', () => {
    const bench = new Bench({ maxPending: 3 })
    const results = Array.from({ length: 8 }, (_, i) => bench.add(bench.family(`f${i}`), 'le=1', 3, t1))
    expect(results).toEqual([...new Array<string>(6).fill('held'), 'refused', 'refused'])
  })

  it('send the oldest times of a family that has too many, those of one request together', () => {
    const { bench, id } = known()
    for (const name of Object.keys(members) as Name[]) {
      for (let i = 0; i < 1_100; i++) bench.add(id, name, members[name] as Value, t1 + i)
    }
    expect(times(bench.after(0))).toEqual(Array.from({ length: 1_100 }, (_, i) => t1 + i))
    const other = { 'le=+Inf': 15, sum: 9.5, count: 15 }
    for (let i = 0; i < 1_030; i++) bench.addAll(id, t2 + i, i % 2 === 0 ? less : other)
    expect(times(bench.after(0))).toEqual(Array.from({ length: 6 }, (_, i) => t2 + i))
    expect(bench.assembler.counts().emitted).toMatchObject({ complete: 1_100, evicted: 6 })
  })

  it('refuse times of one family without end', () => {
    const { bench, id } = known()
    const results = Array.from({ length: 4_098 }, (_, i) => bench.add(id, 'count', 3, t1 + i))
    expect(results.filter((one) => one === 'refused')).toHaveLength(2)
  })

  it('refuse bounds without end, and such that are none', () => {
    const { bench, id } = known()
    const results = Array.from({ length: 1_002 }, (_, i) => bench.add(id, `le=${i + 2}`, 3, t1))
    expect(results.filter((one) => one === 'refused')).toHaveLength(3)
    expect(bench.add(id, 'le=-Infinity', 3, t1)).toBe('refused')
    expect(bench.add(id, 'le=NaN', 3, t1)).toBe('refused')
    expect(bench.add(bench.family('s', FamilyKind.Summary), 'quantile=Infinity', 3, t1)).toBe('refused')
  })
})

describe('times that are too old to be remembered', () => {
  const busy = (): { bench: Bench; id: number } => {
    const { bench, id } = known()
    for (let i = 0; i < 20; i++) {
      bench.addAll(id, t1 + i, members)
      bench.after(0)
    }
    bench.assembler.counts()
    return { bench, id }
  }

  it('are sent when they are complete', () => {
    const { bench, id } = busy()
    bench.addAll(id, t1 - 1, members)
    expect(times(bench.after(0))).toEqual([t1 - 1])
  })

  it('are late when they are not, as the rest may have been sent', () => {
    const { bench, id } = busy()
    bench.addAll(id, t1, less)
    bench.nowMs += 10_000
    const { emission, points } = take(bench)
    expect(points).toEqual([])
    expect(emission).toMatchObject({ samples: 3, late: 3 })
    bench.assembler.commit(emission)
    expect(bench.assembler.counts().late).toBe(3)
  })
})

describe('late: reemit', () => {
  it('sends the corrected point again', () => {
    const { bench, id } = known({ late: 'reemit' })
    bench.addAll(id, t1, less)
    expect(bench.after(10_000)).toMatchObject([{ timeMs: t1, count: 15, counts: [3, 12] }])
    expect(bench.add(id, 'le=1', 3, t1)).toBe('late')
    expect(bench.add(id, 'count', 17, t1)).toBe('held')
    expect(bench.add(id, 'le=2', 5, t1)).toBe('held')
    expect(bench.after(1_999)).toEqual([])
    bench.nowMs += 1
    const { emission, points } = take(bench)
    expect(points).toMatchObject([{ timeMs: t1, count: 17, bounds: [1, 2], counts: [3, 2, 12] }])
    expect(emission).toMatchObject({ samples: 2, points: 1 })
    bench.assembler.commit(emission)
    expect(bench.assembler.counts().late).toBe(3)
    expect(bench.assembler.held).toBe(0)
  })

  it('sends what came while it was on its way', () => {
    const { bench, id } = known({ late: 'reemit' })
    bench.addAll(id, t1, less)
    bench.nowMs += 10_000
    const { emission } = take(bench)
    bench.add(id, 'count', 17, t1)
    bench.assembler.commit(emission)
    expect(bench.after(2_000)).toMatchObject([{ timeMs: t1, count: 17 }])
    expect(bench.assembler.held).toBe(0)
  })

  it('does not hold up what comes after', () => {
    const { bench, id } = known({ late: 'reemit' })
    bench.addAll(id, t1, members)
    bench.after(0)
    bench.add(id, 'count', 17, t1)
    bench.addAll(id, t2, members)
    expect(times(bench.after(0))).toEqual([t2])
  })

  it('keeps so much and so long, no more', () => {
    const { bench, id } = known({ late: 'reemit', maxPending: 40 })
    for (let i = 0; i < 9; i++) {
      bench.addAll(id, t1 + i, members)
      bench.after(0)
    }
    bench.addAll(id, t1 + 9, members)
    bench.after(0)
    bench.after(0)
    expect(bench.add(id, 'count', 17, t1 - 15_000)).toBe('held') // its group is forgotten, and so is that it was sent
    expect(bench.add(id, 'count', 17, t1 + 9)).toBe('held')
    bench.after(700_000)
    expect(bench.add(id, 'count', 18, t1 + 8)).toBe('late')
  })
})

describe('families', () => {
  it('are forgotten some minutes after the last reference, and ids used again', () => {
    const { bench, id } = known()
    bench.addAll(id, t1, less)
    bench.assembler.release(id)
    bench.after(600_000)
    expect(bench.assembler.known(...bench.key('f'))).toBe(id)
    bench.after(600_000)
    expect(bench.assembler.known(...bench.key('f'))).toBe(-1)
    expect(bench.assembler.families).toBe(0)
    expect(bench.assembler.family(1, 2, 3)).toBe(id)
    expect(bench.assembler.kindOf(id)).toBe(FamilyKind.Unknown)
  })

  it('stay while somebody refers to them', () => {
    const { bench, id } = known()
    bench.after(600_000)
    bench.after(600_000)
    bench.assembler.release(id)
    bench.assembler.retain(id)
    bench.after(600_000)
    expect(bench.assembler.known(...bench.key('f'))).toBe(id)
  })

  it('that nobody refers to are bounded', () => {
    const bench = new Bench({ maxPending: 100 })
    for (let i = 0; i < 1_000; i++) {
      bench.assembler.family(i * 7919, i, -i)
      bench.after(0)
    }
    expect(bench.assembler.families).toBe(100)
    expect(bench.assembler.known(999 * 7919, 999, -999)).toBeGreaterThanOrEqual(0)
    expect(bench.assembler.known(0, 0, 0)).toBe(-1)
  })

  it('are found among many that come and go', () => {
    const bench = new Bench({ maxPending: 10 })
    const ids = new Map<number, number>()
    const key = (i: number): [number, number, number] => [(i % 17) * 3, i, i * 31]
    for (let round = 0; round < 2_000; round++) {
      const i = (round * 7919) % 500
      const id = ids.get(i)
      if (id === undefined) {
        const made = bench.assembler.family(...key(i))
        bench.assembler.retain(made)
        expect([...ids.values()]).not.toContain(made)
        ids.set(i, made)
      } else {
        expect(bench.assembler.known(...key(i))).toBe(id)
        bench.assembler.release(id)
        ids.delete(i)
      }
      bench.after(1_000_000)
    }
    expect(bench.assembler.families).toBe(ids.size)
  })
})
