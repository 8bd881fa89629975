import { describe, expect, it } from 'vitest'
import type { EncodedExemplar } from '../../../src/otlp/metrics.ts'
import { Row } from '../../../src/translate/prometheus/streams.ts'
import { type PlainSeries, Writing } from '../../support/writing.ts'

const none = new Uint8Array(0)
const exemplar = (valueLo: number): EncodedExemplar => ({
  timeHi: 0,
  timeLo: 0,
  valueHi: 0,
  valueLo,
  traceId: none,
  spanId: none,
  attributes: none,
})

const places = (w: Writing): number[] => [...w.state.streams.places()]

describe('createState', () => {
  it('lets go of all that streams use when they go', () => {
    const w = new Writing({ startTime: 'true_reset' })
    const at = w.nowMs
    const long: [string, string][] = [
      ['__name__', 'long'],
      ['a', 'v'.repeat(65_000)],
      ['b', 'v'.repeat(65_000)],
    ]
    w.write(1, [
      { labels: 'x_total{job="j"}', samples: [[at, 1]], exemplars: [{ labels: { a: 'b' }, value: 1 }] },
      { labels: 'x_created{job="j"}', samples: [[at, 1]] },
      { labels: 'lone_created{job="j"}', samples: [[at, 1]] },
      { labels: 'h_bucket{job="j",le="1"}', samples: [[at, 1]] },
      { labels: 'h_count{job="j"}', samples: [[at, 1]] },
      { labels: 'target_info{job="j"}', samples: [[at, 1]] },
      { labels: long, samples: [[at, 1]] },
    ])
    expect(w.state.outputs.sources.size).toBeGreaterThan(0)
    expect(w.state.createdNames.size).toBe(2)
    for (const place of places(w)) w.state.streams.remove(place)
    const { outputs, createdNames, starts, tells, gaugeFamilies } = w.state
    expect([outputs.sources.size, outputs.metrics.size, createdNames.size, starts.size, tells.size, gaugeFamilies.size]).toEqual([
      0, 0, 0, 0, 0, 0,
    ])
  })

  it('uses what a stream uses once, however often it is looked at', () => {
    const w = new Writing()
    const series = (): PlainSeries[] => [
      { labels: 'x{job="j"}', samples: [[w.nowMs, 1]] },
      { labels: 'h_bucket{job="j",le="1"}', samples: [[w.nowMs, 1]] },
      { labels: 'h_count{job="j"}', samples: [[w.nowMs, 1]] },
    ]
    for (let turn = 0; turn < 5; turn++) {
      w.write(1, series(), [{ family: 'x', type: 1 + (turn % 2), help: 'h'.repeat(turn) }])
      w.nowMs += 2000
    }
    expect([w.state.outputs.sources.size, w.state.outputs.metrics.size]).toEqual([1, 1])
    for (const place of places(w)) w.state.streams.remove(place)
    expect([w.state.outputs.sources.size, w.state.outputs.metrics.size]).toEqual([0, 0])
  })

  it('keeps exemplars for the next point, some of a stream', () => {
    const w = new Writing()
    w.write(1, [{ labels: 'x', samples: [[w.nowMs, 1]] }])
    const [place = -1] = places(w)
    for (let at = 0; at < 8; at++) expect(w.state.keepExemplar(place, exemplar(at))).toBe(true)
    expect(w.state.keepExemplar(place, exemplar(9))).toBe(false)
    expect(w.state.takeExemplars(place)).toHaveLength(8)
    expect(w.state.takeExemplars(place)).toEqual([])
  })

  it('puts off what makes all streams be looked at, to once a second', () => {
    const { state } = new Writing()
    const { generation } = state
    expect(generation & 1).toBe(1)
    state.outdated(5000)
    expect(state.generation).toBe(generation + 2)
    state.outdated(5500)
    state.renew(5999)
    expect(state.generation).toBe(generation + 2)
    state.renew(6000)
    expect(state.generation).toBe(generation + 4)
    state.renew(9000)
    expect(state.generation).toBe(generation + 4)
  })

  it('looks at a row again that says nothing any more', () => {
    const w = new Writing()
    const series = (): PlainSeries[] => [{ labels: 'x{a="1"}', samples: [[w.nowMs, 1]] }]
    const [first] = w.write(1, series())
    const [place = -1] = places(w)
    w.state.streams.words[place + Row.Generation] = 0
    w.nowMs++
    const [second] = w.write(1, series())
    expect(second).toEqual({ ...first, time_unix_nano: second?.time_unix_nano })
    expect(places(w)).toEqual([place])
  })
})
