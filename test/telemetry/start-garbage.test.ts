import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { collectAfterMs, collectStartGarbage } from '../../src/telemetry/start-garbage.ts'

describe('collectStartGarbage', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('has everything collected once, when the start is over', () => {
    const gc = vi.fn<(options: NodeJS.GCOptions) => void>()
    collectStartGarbage(gc)
    vi.advanceTimersByTime(collectAfterMs - 1)
    expect(gc).not.toHaveBeenCalled()
    vi.advanceTimersByTime(3_600_000)
    expect(gc.mock.calls).toEqual([[{ type: 'major', execution: 'sync', flavor: 'last-resort' }]])
  })

  it('does nothing where collections cannot be asked for', () => {
    collectStartGarbage(undefined)
    expect(vi.getTimerCount()).toBe(0)
  })
})
