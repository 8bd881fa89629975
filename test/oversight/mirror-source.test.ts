import { describe, expect, it } from 'vitest'
import type { RunningCutover } from '../../src/cutover/state.ts'
import { mirrorConfig } from '../../src/mirror/config.ts'
import type { Mirror } from '../../src/mirror/mirror.ts'
import type { MirrorStatus } from '../../src/mirror/status.ts'
import { createDayCounts } from '../../src/oversight/day-counts.ts'
import { createMirrorSource, createRates } from '../../src/oversight/mirror-source.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

const status: MirrorStatus = {
  state: 'up',
  lastError: undefined,
  breaker: 'closed',
  inFlight: 0,
  waiting: { requests: 0, items: 0, bytes: 0, oldestMs: undefined },
  answerMs: 2,
  halted: undefined,
  refused: [],
  stalled: [],
}

const config = mirrorConfig.parse({ zipkin: { url: 'http://ana:secret@old:9411/z' } })

function sourceOf(own: Partial<MirrorStatus> | undefined, lane = { items: 0, bytes: 0 }) {
  let nowMs = 1_000_000
  let delivered = 0
  let bytes = lane.bytes
  const mirrors = own === undefined ? [] : [{ endpoint: 'zipkin', status: () => ({ ...status, ...own }) } as Mirror]
  const metrics = createMetrics()
  const source = createMirrorSource({
    cutover: {} as RunningCutover,
    mirrors: () => mirrors,
    config: () => config,
    lane: () => ({ batches: 1, items: lane.items, bytes, maxBytes: 1000, oldestMs: undefined, deadItems: 3 }),
    delivered: () => delivered,
    metrics,
    nowMs: () => nowMs,
  })
  return {
    source,
    metrics,
    later(ms: number, items: number, more = 0) {
      nowMs += ms
      delivered += items
      bytes += more
      return source.status('zipkin')
    },
  }
}

describe('createMirrorSource', () => {
  it('shows the address without credentials, and nothing of endpoints without an old side', () => {
    const { source } = sourceOf({})
    expect(source.url('zipkin')).not.toContain('secret')
    expect(source.url('zipkin')).toContain('old:9411/z')
    expect(source.url('prometheus')).toBeUndefined()
    expect(source.status('prometheus')).toBeUndefined()
  })

  it('tells the rate of the last minute, and when the queue will be full', () => {
    const { later } = sourceOf({}, { items: 5, bytes: 100 })
    expect(later(0, 0)).toMatchObject({ deliveredPerMinute: 0, timeToFullSeconds: null, queueItems: 5, deadItems: 3 })
    expect(later(30_000, 50, 150)).toMatchObject({ deliveredPerMinute: 100, timeToFullSeconds: 150 })
    later(60_000, 0)
    expect(later(60_000, 0)).toMatchObject({ deliveredPerMinute: 0, timeToFullSeconds: null })
  })

  it('says why nothing goes there', () => {
    const { source } = sourceOf({ state: 'down', breaker: 'open', halted: 'it refuses our credentials' })
    expect(source.status('zipkin')).toMatchObject({ state: 'down', breaker: 'open', lastError: { text: 'it refuses our credentials' } })
  })

  it('goes by the counts where the old sides are in other processes', () => {
    const { source, metrics } = sourceOf(undefined)
    expect(source.status('zipkin')).toMatchObject({ state: 'up', breaker: 'closed' })
    metrics.gauge('otlp_bridge_mirror_breaker_open', { destination: 'mirror.zipkin' }).value = 1
    expect(source.status('zipkin')).toMatchObject({ state: 'down', breaker: 'open' })
  })
})

describe('createRates', () => {
  it('never goes below 0 when a number begins anew', () => {
    let nowMs = 5000
    const rates = createRates(() => nowMs)
    rates.note('x', 100)
    nowMs += 10_000
    expect(rates.note('x', 5)).toBe(0)
  })
})

describe('createDayCounts', () => {
  it('forgets what was counted more than a day ago', () => {
    const hour = 3_600_000
    let nowMs = 100 * hour
    const days = createDayCounts(() => nowMs)
    expect(days.growth('query', 7)).toBe(7)
    nowMs += 23 * hour
    expect(days.growth('query', 9)).toBe(9)
    nowMs += 3 * hour
    // Those of the last look before may have come an hour ago, or a day.
    expect(days.growth('query', 9)).toBe(2)
    nowMs += 22 * hour
    expect(days.growth('query', 12)).toBe(3)
  })
})
