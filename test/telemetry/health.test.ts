import { describe, expect, it } from 'vitest'
import { createBooksCheck, createHealth } from '../../src/telemetry/health.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

describe('createHealth', () => {
  it('gathers the reasons of all parts, also of one whose check fails', () => {
    const health = createHealth()
    health.watch('queue', () => 'the disk is full')
    health.watch('destination', () => undefined)
    health.watch('books', () => ['one', 'two'])
    health.watch('broken', () => {
      throw new Error('no answer')
    })
    expect(health.reasons()).toEqual([
      { part: 'queue', reason: 'the disk is full' },
      { part: 'books', reason: 'one' },
      { part: 'books', reason: 'two' },
      { part: 'broken', reason: 'cannot ask: no answer' },
    ])
  })
})

describe('createBooksCheck', () => {
  it('tells of a difference only when it stays', () => {
    const metrics = createMetrics()
    const books = metrics.books('zipkin-json', 'traces')
    let now = 0
    const check = createBooksCheck(metrics.sums, () => now)

    books.received.value = 10
    expect(check()).toEqual([])
    now = 9000
    books.at('default').delivered.value = 10
    expect(check()).toEqual([])

    books.received.value = 13
    check()
    now = 19_500
    expect(check()).toEqual(['the books of zipkin-json traces do not balance: 3 items are not accounted for'])
  })

  it('tells of one destination although another has no difference', () => {
    const metrics = createMetrics()
    metrics.setDestinations(['a', 'b'])
    let now = 0
    const check = createBooksCheck(metrics.sums, () => now)
    const books = metrics.books('zipkin-json', 'traces')
    books.received.value = 2
    books.at('b').delivered.value = 2
    check()
    now = 10_000
    expect(check()).toEqual(['the books of zipkin-json traces do not balance: 2 items are not accounted for'])
  })
})
