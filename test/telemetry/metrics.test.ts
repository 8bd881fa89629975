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
        recovered: 0,
        delivered: 5,
        queued: 3,
        consumed: 0,
        dead: 1,
        dropped: 1,
        refused: 1,
        elsewhere: 0,
        held: 0,
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

  it('counts what is held, and what was found held, in the books of every destination', () => {
    const metrics = createMetrics()
    metrics.setDestinations(['a', 'b'])
    const books = metrics.books('remote-write-2', 'metrics')
    books.received.value = 10
    books.recovered.value = 5
    books.held('assembler').value = 12
    books.consumed('assembled').value = 2
    books.at('a').delivered.value = 1
    expect(metrics.sums()).toMatchObject([
      { destination: 'a', received: 10, recovered: 5, held: 12, balance: 0 },
      { destination: 'b', held: 12, balance: 1 },
    ])
  })

  it('lets what is held come to a destination that is added meanwhile', () => {
    const metrics = createMetrics()
    metrics.setDestinations(['a'])
    const books = metrics.books('remote-write-2', 'metrics')
    const held = books.held('assembler')
    books.received.value = 10
    books.at('a').delivered.value = 7
    held.value = 3
    metrics.setDestinations(['a', 'b'])
    expect(metrics.sums()).toMatchObject([
      { destination: 'a', held: 3, balance: 0 },
      { destination: 'b', elsewhere: 7, held: 3, balance: 0 },
    ])
    // Three members become one point, which goes to both.
    held.value = 0
    books.consumed('assembled').value = 2
    for (const destination of ['a', 'b']) books.at(destination).queued.value++
    expect(metrics.sums()).toMatchObject([{ balance: 0 }, { balance: 0 }])
  })

  it('has no series of held items for a format that holds none', () => {
    const metrics = createMetrics()
    metrics.books('zipkin-json', 'traces').received.value = 1
    metrics.sums()
    const names = [...metrics.collect().keys()]
    expect(names.filter((name) => name.includes('held') || name.includes('recovered'))).toEqual([])
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

  it('keeps the books of mirrors apart from those of destinations', () => {
    const metrics = createMetrics()
    metrics.setDestinations(['default'])
    metrics.books('zipkin-json', 'traces').received.value = 4
    metrics.books('zipkin-json', 'traces').at('default').delivered.value = 4
    const before = metrics.sums()
    const [one, two] = ['mirror.zipkin', 'mirror.jaeger.zipkin'].map((name) => metrics.books('zipkin-json', 'legacy').at(name))
    for (const [mirror, items] of [
      [one, 3],
      [two, 5],
    ] as const) {
      if (mirror?.received === undefined) throw new Error('a mirror without books')
      mirror.received.value = items
      mirror.queued.value = items
    }
    metrics.setDestinations(['default', 'late'])
    expect(metrics.sums().slice(0, 1)).toEqual(before)
    expect(
      metrics.sums().map(({ signal, destination, received, queued, balance }) => [signal, destination, received, queued, balance]),
    ).toEqual([
      ['traces', 'default', 4, 0, 0],
      ['traces', 'late', 4, 0, 0],
      ['legacy', 'mirror.zipkin', 3, 3, 0],
      ['legacy', 'mirror.jaeger.zipkin', 5, 5, 0],
    ])
    expect([...metrics.collect()].filter(([, cells]) => cells.some(({ labels }) => labels['signal'] === 'legacy'))).toEqual([])
  })
})
