import { describe, expect, it } from 'vitest'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { countersOf, joinSeries, plainSeries } from '../../src/workers/series.ts'

const format = 'zipkin-json'

const worker = (received: number, queued: number) => {
  const metrics = createMetrics()
  const books = metrics.books(format, 'traces')
  books.received.value = received
  books.at('default').queued.value = queued
  books.at('default').delivered.value = received - queued
  metrics.gauge('otlp_bridge_queue_oldest_age_seconds', { destination: 'default' }).value = queued
  metrics.gauge('otlp_bridge_queue_dead_items', { destination: 'default' }).value = 7
  metrics.histogram('otlp_bridge_stage_seconds', { stage: 'send', format }).observe(0.003)
  // What the channel between two processes does to it.
  return structuredClone(plainSeries(metrics.collect()))
}

describe('joinSeries', () => {
  it('sums counters, gauges and histograms of several processes', () => {
    const joined = joinSeries([worker(10, 3), worker(20, 4)], ['default'])
    expect(joined.sums()).toMatchObject([{ format, destination: 'default', received: 30, delivered: 23, queued: 7, balance: 0 }])
    const histogram = joined.histogram('otlp_bridge_stage_seconds', { stage: 'send', format })
    expect([histogram.sum, histogram.counts.filter((count) => count > 0)]).toEqual([0.006, [2]])
  })

  it('takes the worst age, and what all see in one store only once', () => {
    const joined = joinSeries([worker(10, 3), worker(20, 4)], ['default'])
    const gauge = (name: 'otlp_bridge_queue_oldest_age_seconds' | 'otlp_bridge_queue_dead_items') =>
      joined.gauge(name, { destination: 'default' }).value
    expect([gauge('otlp_bridge_queue_oldest_age_seconds'), gauge('otlp_bridge_queue_dead_items')]).toEqual([4, 7])
  })

  it('adds up the books of mirrors', () => {
    const mirroring = (queued: number) => {
      const metrics = createMetrics()
      const books = metrics.books(format, 'legacy').at('mirror.zipkin')
      if (books.received !== undefined) books.received.value = 10
      books.queued.value = queued
      books.delivered.value = 10 - queued
      return structuredClone(plainSeries(metrics.collect()))
    }
    const joined = joinSeries([mirroring(3), mirroring(4), countersOf(mirroring(0))], ['default'])
    expect(joined.sums()).toMatchObject([
      { format, signal: 'legacy', destination: 'mirror.zipkin', received: 30, queued: 7, delivered: 23, balance: 0 },
    ])
    // What the one that died had queued.
    joined.books(format, 'legacy').at('mirror.zipkin').dropped('worker_killed').value += 2
    expect(joined.sums()).toMatchObject([{ dropped: 2, balance: -2 }])
  })

  it('keeps at most as many names of senders as one process does', () => {
    const many = (prefix: string) => {
      const metrics = createMetrics()
      for (let n = 0; n < 80; n++) metrics.counter('otlp_bridge_clients_items_total', { format, service: `${prefix}${n}` }).value = 1
      return plainSeries(metrics.collect())
    }
    const cells =
      joinSeries([many('a'), many('b')], [])
        .collect()
        .get('otlp_bridge_clients_items_total') ?? []
    expect(cells).toHaveLength(101)
    expect(cells.find(({ labels }) => labels['service'] === 'other')).toMatchObject({ value: 60 })
  })
})

describe('countersOf', () => {
  it('keeps what never goes down', () => {
    const kept = countersOf(worker(10, 3)).map(([name]) => name)
    expect(kept).toContain('otlp_bridge_received_items_total')
    expect(kept).toContain('otlp_bridge_stage_seconds')
    expect(kept).not.toContain('otlp_bridge_queue_items')
  })
})
