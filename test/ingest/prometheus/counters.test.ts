import { describe, expect, it } from 'vitest'
import { type PlainSeries, stale } from '../../support/writing.ts'
import { countsOf, queueFull } from '../support/fakes.ts'
import { EngineBench } from '../support/write-engine.ts'

const counts = (bench: EngineBench, name: string, label: string): Record<string, number> =>
  countsOf(bench.deps.metrics, `otlp_bridge_prometheus_${name}`, label)

describe('createWriteCounters', () => {
  it('counts samples by what became of them, those of a request that was not taken as refused', async () => {
    const bench = new EngineBench()
    const series: PlainSeries[] = [
      {
        labels: 'a',
        samples: [
          [bench.nowMs, 1],
          [-1, 1],
        ],
      },
      { labels: 'n', histograms: [{ timestamp: String(bench.nowMs) }, { timestamp: String(bench.nowMs + 1), reset_hint: 3 }] },
    ]
    await bench.write(2, series)
    expect(counts(bench, 'samples_total', 'result')).toEqual({ written: 2, refused: 2 })
    expect(counts(bench, 'samples_total', 'kind')).toEqual({ float: 2, histogram: 2 })
    expect(Object.values(counts(bench, 'histogram_refused_total', 'reason'))).toEqual([1])
    bench.deps.fake.putError = queueFull()
    bench.nowMs += 1000
    await expect(bench.write(2, [{ labels: 'a', samples: [[bench.nowMs, 1]] }])).rejects.toThrow()
    expect(counts(bench, 'samples_total', 'result')).toEqual({ written: 2, refused: 3 })
  })

  it('counts what is older, exemplars, replicas, and by tenant', async () => {
    const bench = new EngineBench({ ha: { enabled: true } })
    bench.tenant = 'blue'
    const of = (replica: string, at: number): PlainSeries => ({
      labels: `a{cluster="c",__replica__="${replica}"}`,
      samples: [[at, 1]],
      exemplars: [{ labels: { trace_id: 'x' }, value: 1, timeMs: at }],
    })
    await bench.write(1, [of('1', bench.nowMs)])
    await bench.write(1, [of('1', bench.nowMs - 1)])
    await bench.write(1, [of('2', bench.nowMs)])
    expect(counts(bench, 'out_of_order_total', 'tenant')).toEqual({ blue: 1 })
    expect(counts(bench, 'ha_dropped_total', 'tenant')).toEqual({ blue: 1 })
    expect(counts(bench, 'exemplars_total', 'result')).toEqual({ attached: 2, dropped: 1 })
    expect(counts(bench, 'samples_total', 'tenant')).toEqual({ blue: 3 })
  })

  it('counts what the assembler and the state know', async () => {
    const bench = new EngineBench()
    const at = bench.nowMs
    await bench.write(2, [
      { labels: 'h_bucket{le="1"}', samples: [[at, 5]], type: 3 },
      { labels: 'h_bucket{le="2"}', samples: [[at, 3]], type: 3 },
      { labels: 'h_count', samples: [[at, 9]], type: 3 },
      { labels: 'i_bucket{le="1"}', samples: [[at, 5]], type: 3 },
      { labels: 'target_info{job="j",x="1"}', samples: [[at, 1]] },
      { labels: 'flips', samples: [[at, stale]] },
    ])
    bench.deps.metrics.collect()
    expect(counts(bench, 'assembler_pending', '')).toEqual({ '': 2 })
    expect(counts(bench, 'target_info_entries', '')).toEqual({ '': 1 })
    expect(counts(bench, 'streams', '')).toEqual({ '': 6 })
    await bench.write(1, [], [{ family: 'flips', type: 1 }])
    bench.nowMs += 2000
    await bench.write(1, [{ labels: 'flips', samples: [[bench.nowMs, 1]] }])
    await bench.after(10_000)
    await bench.write(2, [{ labels: 'h_count', samples: [[at, 10]], type: 3 }])
    await bench.after(1000)
    expect(counts(bench, 'assembler_emitted_total', 'how')).toEqual({ window: 1 })
    expect(counts(bench, 'assembler_incomplete_total', 'missing')).toMatchObject({ count: 1 })
    expect(counts(bench, 'assembler_nonmonotonic_total', '')).toEqual({ '': 1 })
    expect(counts(bench, 'assembler_late_total', '')).toEqual({ '': 1 })
    expect(counts(bench, 'type_switch_total', '')).toEqual({ '': 1 })
  })
})
