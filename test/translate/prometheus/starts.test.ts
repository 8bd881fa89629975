/** Options `startTime` and `zeroSample` on streams: section 7.4 of the mapping. The decisions alone are in start-time.test.ts. */

import { describe, expect, it } from 'vitest'
import { createStarts } from '../../../src/translate/prometheus/starts.ts'
import { nanos, type PlainSeries, stale, type Value, Writing } from '../../support/writing.ts'

const counter = (w: Writing, value: Value, startMs = 0): PlainSeries => ({
  labels: 'x_total{job="j"}',
  samples: [[w.nowMs, value, startMs]],
  type: 1,
})

/** Value and start of each point, ms since the beginning; one sample every second. */
function run(options: object, values: readonly Value[]): unknown[] {
  const w = new Writing(options)
  const first = w.nowMs
  return values.map((value) => {
    const [point] = w.write(2, [counter(w, value)])
    w.nowMs += 1000
    if (point === undefined) return undefined
    const start = point['start_time_unix_nano'] as string | undefined
    return [point.flags === 1 ? stale : point.value, start === undefined ? undefined : Number(BigInt(start) / 1_000_000n) - first]
  })
}

describe('createStarts', () => {
  it('is nothing where no option asks for it', () => {
    expect(createStarts(new Writing().state)).toBeUndefined()
    expect(createStarts(new Writing({ zeroSample: 'start' }).state)).toBeDefined()
  })

  it.each<[object, readonly Value[], unknown[]]>([
    [
      {},
      [5, 6, 1],
      [
        [5, undefined],
        [6, undefined],
        [1, undefined],
      ],
    ],
    [
      { startTime: 'true_reset' },
      [5, 6, 1, 2],
      [
        [5, 0],
        [6, 0],
        [1, 1999],
        [2, 1999],
      ],
    ],
    [{ startTime: 'first_seen' }, [5, 6, 7], [undefined, [6, 0], [7, 0]]],
    [{ startTime: 'first_seen', firstSeen: { subtract: true } }, [5, 6, 8], [undefined, [1, 0], [3, 0]]],
    [{ zeroSample: 'start' }, [0, 6, 7], [undefined, [6, 0], [7, 0]]],
    [
      { zeroSample: 'start' },
      [5, 6],
      [
        [5, undefined],
        [6, undefined],
      ],
    ],
    [
      { startTime: 'true_reset' },
      [5, stale, 2],
      [
        [5, 0],
        [stale, 0],
        [2, 2000],
      ],
    ],
  ])('%j of %j', (options, values, wanted) => expect(run(options, values)).toEqual(wanted))

  it('takes what the sender says before anything else', () => {
    const w = new Writing({ startTime: 'true_reset' })
    const startMs = w.nowMs - 7000
    expect(w.write(2, [counter(w, 1, startMs)])[0]?.['start_time_unix_nano']).toBe(nanos(startMs))
  })

  it('takes the start of the process of the same target', () => {
    const w = new Writing({ startTime: 'process_start' })
    const startMs = w.nowMs - 60_000
    const started: PlainSeries = { labels: 'process_start_time_seconds{job="j"}', samples: [[w.nowMs, startMs / 1000]] }
    const other: PlainSeries = { ...counter(w, 1), labels: 'x_total{job="k"}' }
    const points = w.write(2, [started, counter(w, 1), other])
    expect(points.map((one) => [one.metric, one.resource['service.name'], one['start_time_unix_nano']])).toEqual([
      ['process_start_time_seconds', 'j', undefined],
      ['x_total', 'j', nanos(startMs)],
      ['x_total', 'k', undefined],
    ])
  })

  it('goes on from what a row says, and forgets with it', () => {
    const w = new Writing({ startTime: 'true_reset' })
    const first = w.nowMs
    w.write(2, [counter(w, 5)])
    expect(w.state.starts.size).toBe(1)
    w.state.starts.clear()
    w.nowMs += 1000
    expect(w.write(2, [counter(w, 6)])[0]?.['start_time_unix_nano']).toBe(nanos(first))
    for (const place of [...w.state.streams.places()]) w.state.streams.remove(place)
    expect(w.state.starts.size).toBe(0)
  })

  it('counts histograms by their count', () => {
    const w = new Writing({ startTime: 'true_reset' })
    const first = w.nowMs
    const native = (count: number) => ({
      labels: 'n',
      histograms: [
        {
          count_int: String(count),
          schema: 0,
          positive_spans: [{ offset: 0, length: 1 }],
          positive_deltas: [String(count)],
          timestamp: String(w.nowMs),
        },
      ],
    })
    const starts = [5, 6, 2].map((count) => {
      const [point] = w.write(2, [native(count)])
      w.nowMs += 1000
      return point?.['start_time_unix_nano']
    })
    expect(starts).toEqual([nanos(first), nanos(first), nanos(first + 1999)])
  })
})
