import { describe, expect, it } from 'vitest'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { createInheritance } from '../../src/workers/inheritance.ts'
import { countersOf, joinSeries, plainSeries } from '../../src/workers/series.ts'

interface Counts {
  readonly received?: number
  readonly carried?: number
  readonly delivered?: number
  readonly queued?: number
  readonly held?: number
  readonly recovered?: number
}

const worker = ({ received = 0, carried = 0, delivered = 0, queued = 0, held = 0, recovered = 0 }: Counts): Metrics => {
  const metrics = createMetrics()
  metrics.setDestinations(['default'])
  const books = metrics.books('zipkin-json', 'traces')
  books.received.value = received
  books.held('assembler').value = held
  books.recovered.value = recovered
  Object.assign(books.at('default').carried, { value: carried })
  Object.assign(books.at('default').delivered, { value: delivered })
  Object.assign(books.at('default').queued, { value: queued })
  return metrics
}

const create = (survives = true) => {
  const clock = { nowMs: 0 }
  const inheritance = createInheritance(survives, () => clock.nowMs)
  /** The books of a dead and a living worker. */
  const read = (dead: Metrics | undefined, living: Metrics) => {
    const parts = dead === undefined ? [] : [countersOf(plainSeries(dead.collect()))]
    const joined = joinSeries([...parts, plainSeries(living.collect())], ['default'])
    inheritance.correct(joined)
    return joined.sums()[0]
  }
  return { clock, inheritance, read }
}

describe('createInheritance', () => {
  it('lets what a dead worker had in the queue wait, until another has found it', () => {
    const { inheritance, read } = create()
    const dead = worker({ received: 100, delivered: 60, queued: 40 })
    read(undefined, worker({}))
    inheritance.died(dead.sums())
    expect(read(dead, worker({ received: 5, queued: 5 }))).toMatchObject({ received: 105, queued: 45, carried: 0, balance: 0 })
    expect(read(dead, worker({ received: 5, carried: 40, queued: 45 }))).toMatchObject({
      received: 105,
      queued: 45,
      carried: 0,
      balance: 0,
    })
    expect(read(dead, worker({ received: 5, carried: 40, delivered: 45 }))).toMatchObject({ delivered: 105, carried: 0, balance: 0 })
  })

  it('counts what was found beyond what the dead had told as carried', () => {
    const { inheritance, read } = create()
    const dead = worker({ received: 100, delivered: 60, queued: 40 })
    inheritance.died(dead.sums())
    expect(read(dead, worker({ carried: 55, queued: 55 }))).toMatchObject({ carried: 15, queued: 55, balance: 0 })
  })

  it('lets what a dead worker held be held, until the worker started in its place has found it', () => {
    const { clock, inheritance, read } = create()
    const dead = worker({ received: 100, delivered: 60, queued: 10, held: 30 })
    read(undefined, worker({}))
    inheritance.died(dead.sums())
    expect(read(dead, worker({}))).toMatchObject({ received: 100, queued: 10, held: 30, recovered: 0, balance: 0 })
    expect(read(dead, worker({ carried: 10, delivered: 10, recovered: 25, held: 25 }))).toMatchObject({
      held: 30,
      recovered: 0,
      carried: 0,
      balance: 0,
    })
    clock.nowMs = 60_000
    expect(read(dead, worker({ carried: 10, delivered: 35, recovered: 25 }))).toMatchObject({
      held: 0,
      elsewhere: 5,
      dropped: 0,
      balance: 0,
    })
  })

  it('closes the books over what nobody found, which is not a loss', () => {
    const { clock, inheritance, read } = create()
    const dead = worker({ received: 100, delivered: 60, queued: 40 })
    inheritance.died(dead.sums())
    expect(read(dead, worker({ carried: 30, delivered: 30 }))).toMatchObject({ queued: 10, balance: 0 })
    clock.nowMs = 60_000
    expect(read(dead, worker({ carried: 30, delivered: 30 }))).toMatchObject({ queued: 0, elsewhere: 10, dropped: 0, balance: 0 })
  })

  it('counts what a dead worker had in memory as lost', () => {
    const { inheritance, read } = create(false)
    const dead = worker({ received: 100, delivered: 60, queued: 40 })
    inheritance.died(dead.sums())
    expect(read(dead, worker({}))).toMatchObject({ received: 100, delivered: 60, dropped: 40, queued: 0, balance: 0 })
  })

  it('does not take for an estate what was carried before the death', () => {
    const { inheritance, read } = create()
    const living = worker({ carried: 500, delivered: 500 })
    expect(read(undefined, living)).toMatchObject({ carried: 500, balance: 0 })
    const dead = worker({ received: 10, queued: 10 })
    inheritance.died(dead.sums())
    expect(read(dead, living)).toMatchObject({ carried: 500, queued: 10, balance: 0 })
    expect(read(dead, worker({ carried: 510, delivered: 510 }))).toMatchObject({ carried: 500, delivered: 510, queued: 0, balance: 0 })
  })
})
