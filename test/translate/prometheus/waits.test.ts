import { describe, expect, it } from 'vitest'
import { createWaits } from '../../../src/translate/prometheus/waits.ts'
import { type PlainSeries, Writing } from '../../support/writing.ts'

describe('createWaits', () => {
  it('knows what of a stream waits, for what, and who came first', () => {
    const waits = createWaits(0, 10)
    expect([waits.of(16), waits.isFirst(16, 5)]).toEqual([undefined, true])
    waits.add(16, 'metadata', 1)
    waits.add(16, 'target_info', 4)
    waits.add(16, 'target_info', 4)
    waits.add(32, 'target_info', 4)
    expect([waits.of(16), waits.of(32)]).toEqual(['metadata', 'target_info'])
    expect([waits.isFirst(16, 1), waits.isFirst(16, 4), waits.isFirst(32, 4)]).toEqual([true, false, true])
    waits.done(16, 9)
    waits.done(16, 4)
    waits.done(16, 1)
    expect([waits.of(16), waits.isFirst(16, 4)]).toEqual(['target_info', true])
    waits.done(16, 4)
    waits.done(16, 4)
    waits.done(99, 1)
    expect([waits.of(16), waits.of(32)]).toEqual([undefined, 'target_info'])
    waits.forget(32)
    expect(waits.of(32)).toBeUndefined()
  })

  it('lets a target wait from its first data on, once', () => {
    const waits = createWaits(1000, 2)
    expect([waits.target('a', 50), waits.target('a', 700), waits.target('a', 5000)]).toEqual([1050, 1050, 1050])
    // The clock was set back.
    expect(waits.target('a', 10)).toBe(1010)
    waits.target('b', 60)
    waits.target('c', 60)
    expect([waits.target('b', 9000), waits.target('a', 9000)]).toEqual([1060, 10_000])
    expect(waits.target('x'.repeat(1025), 50)).toBe(0)
  })

  it('lets none wait where nobody asked for it', () => expect(createWaits(0, 2).target('a', 50)).toBe(0))
})

describe('createWriteTranslator with series that wait', () => {
  const one = (w: Writing, labels: string, value = 1): PlainSeries => ({ labels, samples: [[w.nowMs, value]] })
  const hold = { rw1: { typePolicy: 'hold', metadataWait: 1000 } }

  it('puts nothing aside unless it may', () => {
    const w = new Writing(hold)
    expect(w.outcome(1, [one(w, 'a')]).points.count).toBe(1)
    const later = w.outcome(1, [one(w, 'b')], [], { mayWait: true })
    expect([later.points.count, later.samples, later.waits]).toEqual([
      0,
      1,
      [{ series: 0, place: later.waits[0]?.place, items: 1, untilMs: w.nowMs + 1000, where: 'metadata' }],
    ])
    // What was sent once does not wait any more.
    w.nowMs++
    expect(w.outcome(1, [one(w, 'a')], [], { mayWait: true }).points.count).toBe(1)
  })

  it('sends what would wait where there is no room, and counts it', () => {
    const w = new Writing(hold)
    const outcome = w.outcome(1, [one(w, 'a'), one(w, 'up')], [], { mayWait: true, isFull: true })
    expect([outcome.points.count, outcome.hurried, outcome.waits]).toEqual([2, 1, []])
  })

  it('puts it aside again while it has to wait, and no longer', () => {
    const w = new Writing(hold)
    w.outcome(1, [one(w, 'a')], [], { mayWait: true })
    const again = { mayWait: true, only: [0], again: 'waited', sinceMs: w.nowMs, turn: 0 } as const
    w.nowMs += 999
    w.request.seriesCount = 1
    expect(w.outcome(1, [one(w, 'a')], [], again).waits).toHaveLength(1)
    w.nowMs += 1
    const outcome = w.outcome(1, [one(w, 'a')], [], again)
    expect([outcome.waits, outcome.points.count]).toEqual([[], 1])
  })

  it('says when something was learnt', () => {
    const w = new Writing({ ...hold, targetInfo: { wait: 1000 } })
    w.outcome(1, [one(w, 'a{job="j"}')], [], { mayWait: true })
    expect(w.state.news).toBe(0)
    w.write(1, [], [{ family: 'a', type: 1 }])
    expect(w.state.news).toBe(1)
    w.write(1, [one(w, 'target_info{job="j",x="1"}')])
    expect(w.state.news).toBe(2)
    w.nowMs++
    w.write(1, [one(w, 'target_info{job="j",x="2"}')])
    expect(w.state.news).toBe(2)
  })

  it('does not count what waited as a switch of types', () => {
    const w = new Writing(hold)
    w.outcome(1, [one(w, 'a')], [], { mayWait: true })
    w.write(1, [], [{ family: 'a', type: 1 }])
    w.outcome(1, [one(w, 'a')], [], { mayWait: true, only: [0], again: 'waited', sinceMs: w.nowMs, turn: 0 })
    expect(w.state.types.switches).toBe(0)
  })
})
