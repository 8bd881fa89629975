import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createOffsetTracker, type Ticket } from '../../src/net/kafka-offsets.ts'

type Step =
  | { readonly kind: 'add'; readonly gap: number }
  | { readonly kind: 'reach'; readonly gap: number }
  | { readonly kind: 'done' | 'abandon'; readonly which: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), gap: fc.nat(5) }),
  fc.record({ kind: fc.constant('reach' as const), gap: fc.nat(5) }),
  fc.record({ kind: fc.constantFrom('done' as const, 'done' as const, 'done' as const, 'abandon' as const), which: fc.nat(1000) }),
)

describe('createOffsetTracker', () => {
  it('never lets an offset be committed past a message that is not done, and lets everything before it', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(step, { maxLength: 200 }), (from, steps) => {
        const tracker = createOffsetTracker(from)
        const tickets: Ticket[] = []
        let next = from
        let last = tracker.committable
        for (const one of steps) {
          if (one.kind === 'add') {
            const offset = next + one.gap
            tickets.push(tracker.add(offset, 10))
            next = offset + 1
          } else if (one.kind === 'reach') {
            next += one.gap
            tracker.reached(next)
          } else {
            const ticket = tickets[one.which % Math.max(1, tickets.length)]
            if (ticket !== undefined) tracker[one.kind](ticket)
          }
          const open = tickets.filter((ticket) => !ticket.done)
          expect(tracker.committable).toBe(open[0]?.offset ?? next)
          expect(tracker.committable).toBeGreaterThanOrEqual(last)
          last = tracker.committable
          const underWay = open.filter((ticket) => !ticket.abandoned)
          expect([tracker.underWay, tracker.bytes]).toEqual([underWay.length, 10 * underWay.length])
        }
      }),
    )
  })

  it('stays small when many thousands pass through it in any order', () => {
    const tracker = createOffsetTracker(0)
    for (let block = 0; block < 50; block++) {
      const tickets = Array.from({ length: 2000 }, (_, at) => tracker.add(block * 2000 + at, 1))
      for (const ticket of tickets.reverse()) tracker.done(ticket)
      expect(tracker.committable).toBe((block + 1) * 2000)
    }
  })

  it('counts a message once, however often it is done', () => {
    const tracker = createOffsetTracker(5)
    const ticket = tracker.add(5, 7)
    tracker.done(ticket)
    tracker.done(ticket)
    tracker.abandon(ticket)
    expect([tracker.underWay, tracker.bytes, tracker.committable]).toEqual([0, 0, 6])
  })

  it('takes an offset out of order for a fault of ours', () => {
    const tracker = createOffsetTracker(5)
    tracker.add(7, 1)
    expect(() => tracker.add(7, 1)).toThrow(/BUG/)
  })
})
