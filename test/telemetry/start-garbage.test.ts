import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { collectStartGarbage, lookEveryMs } from '../../src/telemetry/start-garbage.ts'

describe('collectStartGarbage', () => {
  const collect = () => vi.fn<(options: NodeJS.GCOptions) => void>()

  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('has everything collected once, when the start is over', () => {
    const gc = collect()
    collectStartGarbage(gc, () => 0)
    vi.advanceTimersByTime(lookEveryMs - 1)
    expect(gc).not.toHaveBeenCalled()
    vi.advanceTimersByTime(3_600_000)
    expect(gc.mock.calls).toEqual([[{ type: 'major', execution: 'sync', flavor: 'last-resort' }]])
  })

  it('waits until the thread is idle', () => {
    const gc = collect()
    let share = 0.8
    collectStartGarbage(gc, () => share)
    vi.advanceTimersByTime(lookEveryMs * 5)
    expect(gc).not.toHaveBeenCalled()
    share = 0.02
    vi.advanceTimersByTime(lookEveryMs)
    expect(gc).toHaveBeenCalledOnce()
  })

  it('leaves a thread alone that is busy from the beginning', () => {
    const gc = collect()
    const share = vi.fn(() => 1)
    collectStartGarbage(gc, share)
    vi.advanceTimersByTime(3_600_000)
    expect(gc).not.toHaveBeenCalled()
    expect(share.mock.calls.length).toBeLessThan(100)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('does nothing where collections cannot be asked for', () => {
    collectStartGarbage(undefined)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('takes a thread that does nothing for idle', async () => {
    vi.useRealTimers()
    const gc = collect()
    collectStartGarbage(gc)
    await vi.waitFor(() => expect(gc).toHaveBeenCalledOnce(), { timeout: 10_000 })
  })
})
