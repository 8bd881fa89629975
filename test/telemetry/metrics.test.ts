import { describe, expect, it } from 'vitest'
import { cappedValues, createMetrics } from '../../src/telemetry/metrics.ts'

describe('createMetrics', () => {
  it('gives the same cell for the same labels', () => {
    const metrics = createMetrics()
    const labels = { format: 'a', reason: 'b' }
    expect(metrics.counter('otlp_bridge_notes_total', { ...labels })).toBe(metrics.counter('otlp_bridge_notes_total', labels))
  })

  it('tells only so many values of a label apart that a sender chooses, and says when it is at the cap', () => {
    const metrics = createMetrics()
    const count = (service: string) => metrics.counter('otlp_bridge_clients_items_total', { format: 'f', service })
    for (let at = 0; at < cappedValues + 50; at++) count(`s${at}`).value++
    expect(metrics.collect().get('otlp_bridge_clients_items_total')).toHaveLength(cappedValues + 1)
    expect(count('other').value).toBe(50)
    expect(count('s3').value).toBe(1)
    expect(metrics.collect().get('otlp_bridge_cache_full')).toEqual([
      { labels: { cache: 'label service of otlp_bridge_clients_items_total' }, value: 1 },
    ])
  })

  it('sums the books of each format and says by how much they are out', () => {
    const metrics = createMetrics()
    const books = metrics.books('zipkin-json', 'traces')
    books.received.value = 10
    books.carried.value = 2
    books.delivered('default').value = 5
    books.queued.value = 3
    books.refused('zero_id').value = 1
    books.dropped('cut').value = 1
    books.dead('permanent').value = 1
    expect(metrics.sums()).toEqual([
      {
        format: 'zipkin-json',
        signal: 'traces',
        received: 10,
        carried: 2,
        delivered: 5,
        queued: 3,
        consumed: 0,
        dead: 1,
        dropped: 1,
        refused: 1,
        balance: 1,
      },
    ])
  })
})
