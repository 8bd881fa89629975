import { describe, expect, it } from 'vitest'
import type { QueuedBatch } from '../../src/emit/queue/queue.ts'
import { type Errand, newHistory } from '../../src/mirror/errand.ts'
import { createOrder, laneName } from '../../src/mirror/order.ts'
import { createSenders } from '../../src/mirror/senders.ts'

let ids = 0
const errand = (from: string, lane: string, more: { readonly seq?: number; readonly beside?: readonly number[] } = {}): Errand => {
  const id = ++ids
  const batch: QueuedBatch = {
    id,
    format: 'prometheus',
    signal: 'legacy',
    items: 1,
    data: new Uint8Array(0),
    queuedAtMs: 0,
    maybeSent: false,
  }
  const head = { id: String(id), at: 0, kind: 'http' as const, method: 'POST', target: '/', headers: [], from, lane, ...more }
  return { batch, head, body: batch.data, parts: [batch], more: undefined, history: newHistory(false), memo: undefined }
}

/** Requests as they come over connections, answered or not before the next. */
const createComing = () => {
  const senders = createSenders()
  return {
    come: (from: string, connection: string): Errand => errand(from, laneName(connection), senders.came(from, connection)),
    answered: senders.answered,
    closed: senders.closed,
  }
}

describe('createOrder, by sender', () => {
  it('lets nothing overtake what was answered before it came, whatever connections both took', () => {
    const order = createOrder('sender')
    const { come, answered } = createComing()
    const first = come('10.0.0.1', 'a')
    answered('10.0.0.1', 'a')
    const second = come('10.0.0.1', 'b')
    for (const one of [first, second]) order.add(one)
    expect(order.next()).toBe(first)
    expect([order.startable, order.next()]).toEqual([false, undefined])
    order.again(first)
    expect(order.next()).toBeUndefined()
    order.due(first)
    expect(order.next()).toBe(first)
    order.done(first)
    expect(order.next()).toBe(second)
  })

  it('sends at once what was under way at once, and other senders beside', () => {
    const order = createOrder('sender')
    const { come, answered } = createComing()
    const together = [come('10.0.0.1', 'a'), come('10.0.0.1', 'b'), come('10.0.0.1', 'c')]
    answered('10.0.0.1', 'b')
    // After b, and beside a and c.
    const later = come('10.0.0.1', 'b')
    const other = come('10.0.0.2', 'd')
    for (const one of [...together, later, other]) order.add(one)
    const started = [order.next(), order.next(), order.next(), order.next()]
    expect(new Set(started)).toEqual(new Set([...together, other]))
    expect(order.next()).toBeUndefined()
    const [first, second] = together
    if (first === undefined || second === undefined) throw new Error('not there')
    order.done(first)
    expect(order.next()).toBeUndefined()
    order.done(second)
    expect(order.next()).toBe(later)
  })

  it('sends what an earlier run received one by one, before all that came since', () => {
    const order = createOrder('sender')
    const earlier = [errand('10.0.0.1', 'other.a', { seq: 1, beside: [] }), errand('10.0.0.1', 'other.b', { seq: 2, beside: [1] })]
    const { come } = createComing()
    const since = come('10.0.0.1', 'a')
    for (const one of [...earlier, since]) order.add(one)
    for (const one of [...earlier, since]) {
      expect(order.next()).toBe(one)
      expect(order.next()).toBeUndefined()
      order.done(one)
    }
    expect(order.startable).toBe(false)
  })

  it('says that a sender has something waiting', () => {
    const order = createOrder('sender')
    const { come } = createComing()
    const one = come('10.0.0.1', 'a')
    order.add(one)
    expect(order.holds(laneName('b'), '10.0.0.1')).toBe(true)
    expect(order.holds(laneName('b'), '10.0.0.2')).toBe(false)
    order.done(order.next() ?? one)
    expect(order.holds(laneName('b'), '10.0.0.1')).toBe(false)
  })
})

describe('createSenders', () => {
  it('takes the next request of a connection, and its end, for an answer of the one before', () => {
    const { came, closed } = createSenders()
    expect(came('x', 'a')).toEqual({ seq: 1, beside: [] })
    expect(came('x', 'a')).toEqual({ seq: 2, beside: [] })
    expect(came('x', 'b')).toEqual({ seq: 3, beside: [2] })
    closed('a')
    expect(came('x', 'c')).toEqual({ seq: 4, beside: [3] })
    expect(came('y', 'd')).toEqual({ seq: 5, beside: [] })
  })

  it('names as many as may be under way, and no more', () => {
    const { came } = createSenders()
    for (let at = 0; at < 100; at++) came('x', `c${at}`)
    expect(came('x', 'last').beside).toHaveLength(64)
  })
})
