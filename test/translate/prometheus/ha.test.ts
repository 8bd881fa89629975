import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createElections } from '../../../src/translate/prometheus/ha.ts'

const timeoutMs = 30_000
const start = 1_767_225_600_000

describe('createElections', () => {
  it('elects the replica that is heard first, and none but it', () => {
    const elections = createElections({ timeoutMs })
    expect(elections.accept('t/prod', 'a', start)).toBe(true)
    expect(elections.accept('t/prod', 'b', start)).toBe(false)
    expect(elections.accept('t/prod', 'b', start + 29_999)).toBe(false)
    expect(elections.elected('t/prod', start)).toBe('a')
    expect(elections.counts).toEqual({ failovers: 0, unelected: 0 })
  })

  it('keeps it as long as it is heard', () => {
    const elections = createElections({ timeoutMs })
    for (let now = start; now < start + 300_000; now += 15_000) {
      expect(elections.accept('prod', 'a', now)).toBe(true)
      expect(elections.accept('prod', 'b', now + 14_000)).toBe(false)
    }
  })

  it('fails over after the timeout, and does not go back by itself', () => {
    const elections = createElections({ timeoutMs })
    elections.accept('prod', 'a', start)
    expect(elections.accept('prod', 'b', start + timeoutMs)).toBe(true)
    expect(elections.accept('prod', 'a', start + timeoutMs + 1)).toBe(false)
    expect(elections.counts.failovers).toBe(1)
  })

  it('takes the elected one back when it was silent and nobody took over', () => {
    const elections = createElections({ timeoutMs })
    elections.accept('prod', 'a', start)
    expect(elections.elected('prod', start + 2 * timeoutMs)).toBeUndefined()
    expect(elections.accept('prod', 'a', start + 2 * timeoutMs)).toBe(true)
    expect(elections.accept('prod', 'b', start + 2 * timeoutMs)).toBe(false)
    expect(elections.counts.failovers).toBe(0)
  })

  it('elects for each cluster by itself', () => {
    const elections = createElections({ timeoutMs })
    expect(elections.accept('one', 'a', start)).toBe(true)
    expect(elections.accept('two', 'b', start)).toBe(true)
    expect(elections.accept('one', 'b', start)).toBe(false)
    expect(elections.clusters).toBe(2)
    expect(elections.elected('three', start)).toBeUndefined()
  })

  it('counts silence anew when the clock was set back by a day', () => {
    const elections = createElections({ timeoutMs })
    elections.accept('prod', 'a', start)
    const back = start - 86_400_000
    expect(elections.accept('prod', 'b', back)).toBe(false)
    expect(elections.accept('prod', 'b', back + timeoutMs - 1)).toBe(false)
    expect(elections.accept('prod', 'b', back + timeoutMs)).toBe(true)
  })

  it('lets everything through beyond the most clusters, and says how much', () => {
    const elections = createElections({ timeoutMs, maxClusters: 2 })
    elections.accept('one', 'a', start)
    elections.accept('two', 'a', start)
    expect(elections.accept('three', 'a', start)).toBe(true)
    expect(elections.accept('three', 'b', start)).toBe(true)
    expect(elections.accept('one', 'b', start)).toBe(false)
    expect([elections.clusters, elections.counts.unelected]).toEqual([2, 2])
  })

  it('makes room by clusters that are silent', () => {
    const elections = createElections({ timeoutMs, maxClusters: 2 })
    elections.accept('one', 'a', start)
    elections.accept('two', 'a', start + 20_000)
    expect(elections.accept('three', 'a', start + timeoutMs)).toBe(true)
    expect(elections.accept('three', 'b', start + timeoutMs)).toBe(false)
    expect(elections.clusters).toBe(2)
    expect(elections.elected('two', start + timeoutMs)).toBe('a')
  })

  it('makes room after the clock was set back', () => {
    const elections = createElections({ timeoutMs, maxClusters: 1 })
    elections.accept('one', 'a', start - 86_400_000)
    elections.accept('two', 'a', start - 86_400_000) // full: looked for room now
    expect(elections.accept('three', 'a', start)).toBe(true)
    expect(elections.accept('three', 'b', start)).toBe(false)
    elections.accept('four', 'a', start)
    expect(elections.accept('five', 'a', start - 86_400_000)).toBe(true)
    expect(elections.clusters).toBe(1)
  })

  it('has no election by names of more than 1,024 characters', () => {
    const elections = createElections({ timeoutMs })
    const long = 'x'.repeat(1025)
    expect(elections.accept(long, 'a', start)).toBe(true)
    expect(elections.accept(long, 'b', start)).toBe(true)
    expect(elections.accept('prod', long, start)).toBe(true)
    expect(elections.accept('prod', 'a', start)).toBe(true)
    expect(elections.accept('prod', long, start)).toBe(false)
    expect(elections.accept('prod', long, start + timeoutMs)).toBe(true)
    expect(elections.elected('prod', start)).toBe('a')
    expect([elections.clusters, elections.counts.unelected]).toEqual([1, 4])
  })

  it('never forwards two replicas within the timeout, and never loses a cluster for longer', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 40_000 })), { maxLength: 50 })
    fc.assert(
      fc.property(steps, (heard) => {
        const elections = createElections({ timeoutMs })
        let now = start
        let last: { replica: string; at: number } | undefined
        for (const [replica, after] of heard) {
          now += after
          const accepted = elections.accept('prod', replica, now)
          const mayTake = last === undefined || last.replica === replica || now - last.at >= timeoutMs
          expect(accepted).toBe(mayTake)
          if (accepted) last = { replica, at: now }
        }
      }),
    )
  })
})
