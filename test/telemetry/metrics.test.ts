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

  it('sums the books of each format and destination and says by how much they are out', () => {
    const metrics = createMetrics()
    const books = metrics.books('zipkin-json', 'traces')
    books.received.value = 10
    books.refused('zero_id').value = 1
    books.dropped('cut').value = 1
    const { carried, delivered, queued, dead } = books.at('default')
    carried.value = 2
    delivered.value = 5
    queued.value = 3
    dead('permanent').value = 1
    expect(metrics.sums()).toEqual([
      {
        format: 'zipkin-json',
        signal: 'traces',
        destination: 'default',
        received: 10,
        carried: 2,
        delivered: 5,
        queued: 3,
        consumed: 0,
        dead: 1,
        dropped: 1,
        refused: 1,
        elsewhere: 0,
        balance: 1,
      },
    ])
  })

  it('keeps books of each destination: what is lost before the queue is lost for all, what is routed elsewhere for one', () => {
    const metrics = createMetrics()
    metrics.setDestinations(['new', 'old'])
    const books = metrics.books('zipkin-json', 'traces')
    books.received.value = 10
    books.dropped('cut').value = 1
    books.at('new').delivered.value = 9
    books.at('old').elsewhere.value = 4
    books.at('old').queued.value = 3
    books.at('old').dropped('endpoint_rejected').value = 2
    expect(metrics.sums()).toMatchObject([
      { destination: 'new', dropped: 1, elsewhere: 0, balance: 0 },
      { destination: 'old', dropped: 3, elsewhere: 4, queued: 3, balance: 0 },
    ])
    expect(metrics.total('otlp_bridge_dropped_items_total')).toBe(3)
  })

  it('has a line for a format whose items never came to a destination', () => {
    const metrics = createMetrics()
    metrics.books('zipkin-json', 'traces').received.value = 2
    metrics.books('zipkin-json', 'traces').refused('bad_id').value = 2
    expect(metrics.sums()).toMatchObject([{ destination: '', refused: 2, balance: 0 }])
  })

  it('begins the books of a destination that comes later where those of the others are', () => {
    const metrics = createMetrics()
    metrics.setDestinations(['a'])
    const books = metrics.books('zipkin-json', 'traces')
    books.received.value = 10
    books.at('a').delivered.value = 7
    // Three items are on their way to the queue: they come to both.
    metrics.setDestinations(['a', 'b'])
    expect(metrics.sums()).toMatchObject([
      { destination: 'a', balance: 3 },
      { destination: 'b', elsewhere: 7, balance: 3 },
    ])
    metrics.setDestinations(['b'])
    expect(metrics.sums().map((one) => one.destination)).toEqual(['b'])
  })
})
