import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { guardEveryMs, guardedFrom, guardSize, leastGarbage, type ProcessSize } from '../../src/telemetry/size-guard.ts'

const mib = 2 ** 20

describe('guardSize', () => {
  const gc = vi.fn<(options: NodeJS.GCOptions) => void>()
  let now: ProcessSize = { rss: 0, used: 0 }
  const look = (rss: number, used: number): void => {
    now = { rss, used }
    vi.advanceTimersByTime(guardEveryMs)
  }

  beforeEach(() => {
    vi.useFakeTimers()
    gc.mockReset()
  })
  afterEach(() => void vi.useRealTimers())

  it('leaves a small process to the engine, however much garbage there is', () => {
    guardSize(gc, () => now)
    look(guardedFrom - 1, 10 * mib)
    look(guardedFrom - 1, 190 * mib)
    expect(gc).not.toHaveBeenCalled()
  })

  it('collects in a large one when enough has come since the last collection, and not before', () => {
    guardSize(gc, () => now)
    look(guardedFrom, 100 * mib)
    look(guardedFrom, 100 * mib + leastGarbage - 1)
    expect(gc).not.toHaveBeenCalled()
    gc.mockImplementation(() => void (now = { rss: guardedFrom, used: 90 * mib }))
    look(guardedFrom, 100 * mib + leastGarbage)
    expect(gc.mock.calls).toEqual([[{ type: 'major', execution: 'sync' }]])
    // What is live is no garbage, though the process stays as large.
    for (let round = 0; round < 50; round++) look(guardedFrom + 50 * mib, 90 * mib + leastGarbage - 1)
    expect(gc).toHaveBeenCalledOnce()
  })

  it('counts from what the engine has left over itself', () => {
    guardSize(gc, () => now)
    look(guardedFrom, 100 * mib)
    look(guardedFrom, 40 * mib)
    look(guardedFrom, 40 * mib + leastGarbage)
    expect(gc).toHaveBeenCalledOnce()
  })

  it('ends, and does nothing where collections cannot be asked for', () => {
    guardSize(gc, () => now)()
    guardSize(undefined, () => now)()
    expect(vi.getTimerCount()).toBe(0)
  })
})
