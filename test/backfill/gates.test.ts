import { describe, expect, it } from 'vitest'
import { createGates, type GatesOptions } from '../../src/backfill/gates.ts'
import { createMemoryBudget } from '../../src/backfill/memory.ts'
import { unpaced } from '../../src/backfill/pacing.ts'
import type { SliceView } from '../../src/backfill/progress.ts'

const never = new AbortController().signal

const view = (id: string, fromMs: number | undefined): SliceView => ({
  id,
  group: id,
  fromMs,
  planned: 0,
  readBefore: 0,
  phase: 'read',
  phaseSinceMs: 0,
  positionMs: fromMs,
  pages: 0,
  read: 0,
})

const gatesOf = (options: Partial<GatesOptions> = {}) =>
  createGates({ parallel: 4, order: 'time', slackMs: 100, pace: unpaced, memory: createMemoryBudget(), ...options })

/** Whether it has resolved by now. */
const settled = async (work: Promise<void>): Promise<boolean> => {
  let is = false
  void work.then(() => {
    is = true
  })
  await Promise.resolve()
  await Promise.resolve()
  return is
}

describe('createGates', () => {
  it('holds a page that is further ahead than the slack, until the earliest has come closer', async () => {
    const gates = gatesOf()
    const [slow, fast] = [view('slow', 0), view('fast', 0)]
    gates.enter(slow)
    gates.enter(fast)
    expect(await settled(gates.turn(fast, 100, never))).toBe(true)
    const held = gates.turn(fast, 101, never)
    expect(await settled(held)).toBe(false)
    expect(gates.frontierMs()).toBe(0)
    slow.positionMs = 1
    gates.changed()
    expect(await settled(held)).toBe(true)
  })

  it('does not let two that have both come to a gap wait for each other', async () => {
    const gates = gatesOf()
    const [a, b] = [view('a', 0), view('b', 0)]
    gates.enter(a)
    gates.enter(b)
    const first = gates.turn(a, 1000, never)
    expect(await settled(first)).toBe(false)
    expect(await settled(gates.turn(b, 1050, never))).toBe(true)
    expect(await settled(first)).toBe(true)
  })

  it('goes on when the slice that held the others back is gone, and when aborted', async () => {
    const gates = gatesOf()
    const [slow, fast] = [view('slow', 0), view('fast', 500)]
    gates.enter(slow)
    gates.enter(fast)
    const held = gates.turn(fast, 500, never)
    const abort = new AbortController()
    const given = gates.turn(fast, 600, abort.signal)
    expect([await settled(held), await settled(given)]).toEqual([false, false])
    abort.abort()
    expect([await settled(held), await settled(given)]).toEqual([false, true])
    gates.leave(slow)
    expect(await settled(held)).toBe(true)
  })

  it('lets the earliest send when fewer may than are under way', async () => {
    let allowed = 2
    const gates = gatesOf({ slackMs: 10_000, pace: { ...unpaced, parallel: () => allowed } })
    const views = [view('late', 30), view('early', 10), view('middle', 20)]
    for (const one of views) gates.enter(one)
    const [late, early, middle] = views.map((one) => gates.turn(one, one.fromMs, never)) as [Promise<void>, Promise<void>, Promise<void>]
    expect(await Promise.all([settled(late), settled(early), settled(middle)])).toEqual([false, true, true])
    expect(gates.allowed()).toEqual({ slices: 2, reason: 'pace' })
    allowed = 3
    gates.changed()
    expect(await settled(late)).toBe(true)
  })

  it('takes slices in any order where the destination does not mind, and where there is no time', async () => {
    const gates = gatesOf({ order: 'any' })
    const [a, b] = [view('a', 0), view('b', 1_000_000)]
    gates.enter(a)
    gates.enter(b)
    expect(await settled(gates.turn(b, 2_000_000, never))).toBe(true)
    expect(gates.beginsByMs()).toBeUndefined()
    const timeless = gatesOf()
    timeless.enter(view('c', undefined))
    expect(timeless.beginsByMs()).toBeUndefined()
    const d = view('d', undefined)
    timeless.enter(d)
    expect(await settled(timeless.turn(d, undefined, never))).toBe(true)
  })

  it('says up to where a slice may begin', () => {
    const gates = gatesOf()
    gates.enter(view('a', 50))
    gates.enter(view('b', 20))
    expect(gates.beginsByMs()).toBe(120)
  })

  it('never stops all of them, whatever their times and however few may go', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const parallel = 1 + (seed % 4)
      const gates = gatesOf({ parallel: 8, slackMs: seed % 50, pace: { ...unpaced, parallel: () => parallel } })
      const views = Array.from({ length: 1 + (seed % 7) }, (_, at) => view(String(at), (seed * 7919 * (at + 1)) % 300))
      for (const one of views) gates.enter(one)
      const turns = views.map((one, at) => gates.turn(one, (one.fromMs ?? 0) + ((seed * 31 * (at + 3)) % 400), never))
      expect(await Promise.all(turns.map(settled))).toContain(true)
    }
  })
})
