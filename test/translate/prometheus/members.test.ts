import { describe, expect, it } from 'vitest'
import { Writing } from '../../support/writing.ts'

describe('members', () => {
  it('a lone count becomes a gauge after its trials', () => {
    const w = new Writing()
    const all: unknown[] = []
    for (let i = 0; i < 8; i++) {
      all.push(...w.write(1, [{ labels: 'kube_count{job="a"}', samples: [[w.nowMs, i]] }]).map((p) => [p.metric, p.type, p.value]))
      all.push(...w.after(15_000).map((p) => [p.metric, p.type, p.value]))
    }
    expect(all).toEqual(Array.from({ length: 8 }, (_, i) => ['kube_count', 'gauge', i]))
  })
  it('values that are not whole make a declared histogram gauges', () => {
    const w = new Writing()
    const all: unknown[] = []
    for (let i = 0; i < 4; i++) {
      const at = w.nowMs
      all.push(
        ...w
          .write(2, [
            { labels: 'h_bucket{le="1"}', samples: [[at, 0.5]], type: 3 },
            { labels: 'h_bucket{le="+Inf"}', samples: [[at, 1.5]], type: 3 },
            { labels: 'h_count', samples: [[at, 1.5]], type: 3 },
            { labels: 'h_sum', samples: [[at, 1.5]], type: 3 },
          ])
          .map((p) => [p.metric, p.type, p.value]),
      )
      all.push(...w.after(15_000).map((p) => [p.metric, p.type, p.value]))
    }
    expect(all.length).toBe(16)
  })
})
