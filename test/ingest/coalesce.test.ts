import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BridgeError } from '../../src/errors.ts'
import { createCoalescer } from '../../src/ingest/coalesce.ts'
import { createItemBooks } from '../../src/ingest/receive.ts'
import { countsOf, createFakeDeps, type FakeDeps, openBooks, queueFull } from './support/fakes.ts'

let deps: FakeDeps

beforeEach(() => {
  vi.useFakeTimers()
  deps = createFakeDeps()
})

afterEach(() => {
  vi.useRealTimers()
  expect(openBooks(deps.metrics)).toEqual([])
})

const create = (options: Partial<Parameters<typeof createCoalescer>[0]> = {}) =>
  createCoalescer(
    { format: 'toy', items: 10, bytes: 1000, delay: 50, hold: 3000, ...options },
    deps,
    createItemBooks('toy', deps, 'dropped'),
  )

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)

const itemsPut = (): readonly number[] => deps.fake.batches.map((batch) => batch.items)

describe('createCoalescer', () => {
  it('puts the bodies of several datagrams as one request after the delay', async () => {
    const coalescer = create()
    coalescer.add(2, bytes(2, 1))
    coalescer.add(3, bytes(3, 2))
    await vi.advanceTimersByTimeAsync(49)
    expect(deps.fake.batches).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(deps.fake.batches).toMatchObject([{ format: 'toy', signal: 'traces', items: 5, data: Uint8Array.of(1, 1, 2, 2, 2) }])
  })

  it('puts at once when enough items or bytes have come together', async () => {
    const coalescer = create()
    coalescer.add(9, bytes(1, 1))
    coalescer.add(1, bytes(1, 1))
    coalescer.add(1, bytes(1000, 1))
    await vi.advanceTimersByTimeAsync(0)
    expect(itemsPut()).toEqual([10, 1])
    await vi.advanceTimersByTimeAsync(1000)
    expect(itemsPut()).toEqual([10, 1])
  })

  it('keeps spans while the queue is full and puts them, oldest first, when it is not', async () => {
    const coalescer = create()
    deps.fake.refuseWith = queueFull()
    coalescer.add(10, bytes(10, 1))
    coalescer.add(11, bytes(10, 2))
    await vi.advanceTimersByTimeAsync(5000)
    expect(itemsPut()).toEqual([])
    deps.fake.refuseWith = undefined
    await vi.advanceTimersByTimeAsync(100)
    expect(itemsPut()).toEqual([10, 11])
  })

  it('keeps a batch that the queue refused at the last moment', async () => {
    const coalescer = create()
    deps.fake.putError = queueFull()
    coalescer.add(10, bytes(10, 1))
    await vi.advanceTimersByTimeAsync(0)
    expect(openBooks(deps.metrics)).toEqual([])
    deps.fake.putError = undefined
    await vi.advanceTimersByTimeAsync(100)
    expect(itemsPut()).toEqual([10])
    expect(countsOf(deps.metrics, 'otlp_bridge_received_items_total', 'format')).toEqual({ toy: 10 })
  })

  it('drops and counts what it cannot keep', async () => {
    const coalescer = create({ hold: 25 })
    deps.fake.refuseWith = queueFull()
    for (const items of [10, 11, 12]) coalescer.add(items, bytes(10, 1))
    expect(countsOf(deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ queue_full: 12 })
    deps.fake.refuseWith = undefined
    await vi.advanceTimersByTimeAsync(100)
    expect(itemsPut()).toEqual([10, 11])
    coalescer.add(13, bytes(10, 1))
    await vi.advanceTimersByTimeAsync(50)
    expect(itemsPut()).toEqual([10, 11, 13])
  })

  it('drops what the queue refuses for good', async () => {
    const coalescer = create()
    deps.fake.putError = new BridgeError('OB_SEND_PERMANENT', 'cannot forward')
    coalescer.add(10, bytes(10, 1))
    await vi.advanceTimersByTimeAsync(0)
    expect(countsOf(deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ send_permanent: 10 })
  })

  it('puts what is left when it stops', async () => {
    const coalescer = create()
    coalescer.add(4, bytes(4, 1))
    await coalescer.stop(1000)
    expect(itemsPut()).toEqual([4])
  })

  it('drops and counts what the queue does not take before the end of the stop', async () => {
    const coalescer = create()
    deps.fake.refuseWith = queueFull()
    coalescer.add(4, bytes(4, 1))
    const stopping = coalescer.stop(1000)
    await vi.advanceTimersByTimeAsync(1000)
    await stopping
    expect(countsOf(deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ queue_full: 4 })
  })
})
