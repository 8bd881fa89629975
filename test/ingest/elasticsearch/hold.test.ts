import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { createHold, type Hold, type Waited } from '../../../src/ingest/elasticsearch/hold.ts'
import { queueFull } from '../support/fakes.ts'

let refusal: Error | undefined
/** What those that waited were told, in order: `a room`. */
let told: string[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  refusal = queueFull()
  told = []
})

afterEach(() => {
  vi.useRealTimers()
})

const create = (requests = 10, bytes = 1000): Hold =>
  createHold({ refusal: () => refusal, requests, bytes, nowMs: () => performance.now() })

const enter = (hold: Hold, name: string, bytes = 0, forMs = 8000): (() => void) => {
  const { promise, leave } = hold.wait(bytes, forMs)
  void promise.then((how: Waited) => told.push(`${name} ${how}`))
  return leave
}

describe('createHold', () => {
  it('lets those that wait go on, in order, once there is room', async () => {
    const hold = create()
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) enter(hold, name)
    await vi.advanceTimersByTimeAsync(1000)
    expect([told, hold.requests]).toEqual([[], 6])
    refusal = undefined
    await vi.advanceTimersByTimeAsync(50)
    expect(told).toEqual(['a room', 'b room', 'c room', 'd room'])
    hold.taken()
    await vi.advanceTimersByTimeAsync(0)
    expect(told.slice(4)).toEqual(['e room'])
    await vi.advanceTimersByTimeAsync(50)
    expect([told.slice(5), hold.requests]).toEqual([['f room'], 0])
  })

  it('lets no more go on than there is room for', async () => {
    const hold = create()
    for (const name of ['a', 'b']) enter(hold, name)
    refusal = undefined
    hold.taken()
    refusal = queueFull()
    hold.taken()
    await vi.advanceTimersByTimeAsync(500)
    expect(told).toEqual(['a room'])
  })

  it('says when the time is over', async () => {
    const hold = create()
    enter(hold, 'short', 0, 1000)
    enter(hold, 'long', 0, 3000)
    await vi.advanceTimersByTimeAsync(999)
    expect(told).toEqual([])
    await vi.advanceTimersByTimeAsync(51)
    expect(told).toEqual(['short over'])
    await vi.advanceTimersByTimeAsync(2000)
    expect([told.slice(1), vi.getTimerCount()]).toEqual([['long over'], 0])
  })

  it('does not hold more than it may, of requests and of bytes', async () => {
    const hold = create(2, 100)
    enter(hold, 'a', 60)
    enter(hold, 'large', 60)
    const leave = enter(hold, 'b', 40)
    enter(hold, 'c', 0)
    await vi.advanceTimersByTimeAsync(0)
    expect([told, hold.requests, hold.bytes]).toEqual([['large full', 'c full'], 2, 100])
    leave()
    enter(hold, 'd', 40)
    await vi.advanceTimersByTimeAsync(0)
    expect([told.slice(2), hold.requests, hold.bytes]).toEqual([['b gone'], 2, 100])
  })

  it('lets all go on when the queue is broken: waiting is of no use then', async () => {
    const hold = create()
    enter(hold, 'a')
    refusal = new BridgeError('OB_QUEUE_BROKEN', 'cannot queue data: disk')
    await vi.advanceTimersByTimeAsync(50)
    expect(told).toEqual(['a room'])
  })

  it('holds nobody when it is closed, nor for no time', async () => {
    const hold = create()
    enter(hold, 'none', 0, 0)
    enter(hold, 'a')
    hold.close()
    enter(hold, 'b')
    await vi.advanceTimersByTimeAsync(0)
    expect([told, vi.getTimerCount()]).toEqual([['none over', 'a over', 'b over'], 0])
  })
})
