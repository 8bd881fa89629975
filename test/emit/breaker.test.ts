import { describe, expect, it } from 'vitest'
import { createBreaker } from '../../src/emit/breaker.ts'

const harness = () => {
  let nowMs = 0
  const breaker = createBreaker({ failures: 3, cooldownMs: 100, maxCooldownMs: 350, monotonicMs: () => nowMs })
  return {
    breaker,
    pass: (ms: number) => void (nowMs += ms),
    fail(times = 1) {
      for (let at = 0; at < times; at++) {
        breaker.begin()
        breaker.failed()
      }
    },
  }
}

describe('createBreaker', () => {
  it('opens after failures in a row, not before', () => {
    const { breaker, fail } = harness()
    fail(2)
    expect(breaker.state()).toBe('closed')
    fail()
    expect(breaker.state()).toBe('open')
    expect(breaker.waitMs()).toBe(100)
  })

  it('forgets failures at a success', () => {
    const { breaker, fail } = harness()
    fail(2)
    breaker.succeeded()
    fail(2)
    expect(breaker.state()).toBe('closed')
  })

  it('lets one try when the time is over, and closes when that works', () => {
    const { breaker, fail, pass } = harness()
    fail(3)
    pass(99)
    expect(breaker.state()).toBe('open')
    pass(1)
    expect(breaker.state()).toBe('due')
    breaker.begin()
    expect(breaker.state()).toBe('trying')
    breaker.succeeded()
    expect(breaker.state()).toBe('closed')
  })

  it('waits twice as long after each try that fails, up to the longest, and begins anew after a success', () => {
    const { breaker, fail, pass } = harness()
    fail(3)
    const waits: number[] = []
    for (let tries = 0; tries < 4; tries++) {
      waits.push(breaker.waitMs())
      pass(breaker.waitMs())
      fail()
    }
    expect(waits).toEqual([100, 200, 350, 350])
    pass(breaker.waitMs())
    breaker.begin()
    breaker.succeeded()
    fail(3)
    expect(breaker.waitMs()).toBe(100)
  })

  it('does not count what was under way when it opened', () => {
    const { breaker, fail, pass } = harness()
    fail(3)
    pass(50)
    breaker.failed()
    expect(breaker.waitMs()).toBe(50)
  })

  it('rests as long as the endpoint asked for, which is no failure', () => {
    const { breaker, fail, pass } = harness()
    fail(2)
    breaker.failed(1000)
    expect([breaker.state(), breaker.waitMs()]).toEqual(['resting', 1000])
    breaker.failed(10)
    expect(breaker.waitMs()).toBe(1000)
    pass(1000)
    expect(breaker.state()).toBe('closed')
    fail(2)
    expect(breaker.state()).toBe('closed')
  })

  it('is due again when the one that tried was given up', () => {
    const { breaker, fail, pass } = harness()
    fail(3)
    pass(100)
    breaker.begin()
    breaker.abandoned()
    expect(breaker.state()).toBe('due')
  })
})
