import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { EndpointStatus, Overview } from '../../src/admin/api.ts'
import { createEvents, type Events, maxStreams, maxUnsentBytes } from '../../src/admin/events.ts'

let events: Events | undefined
afterEach(() => events?.close())

const endpoint = (id: string, inPerMinute: number): EndpointStatus => ({
  id,
  formats: [],
  listening: 'http://127.0.0.1:9411',
  unit: 'spans',
  inPerMinute,
  bytesPerMinute: 0,
  received: 0,
  clients: 0,
  new: {
    state: 'up',
    acknowledges: true,
    deliveredPerMinute: 0,
    queueItems: 0,
    queueBytes: 0,
    oldestAgeSeconds: null,
    timeToFullSeconds: null,
    deadItems: 0,
    breaker: 'closed',
  },
})

const setUp = () => {
  let ms = 1_000_000
  let now: Overview = {
    at: 'now',
    instance: '',
    version: '',
    uptimeSeconds: 0,
    health: { state: 'ok', reasons: [] },
    endpoints: [endpoint('a', 1), endpoint('b', 2)],
    books: { balanced: true, rows: [] },
    deadItems: 0,
    queue: { items: 0, bytes: 0, maxBytes: 0, type: 'disk' },
    memoryBytes: 0,
  }
  const made = createEvents({ overview: async () => now, nowMs: () => ms })
  events = made
  const stream = (lastId?: string, unsent = 0) => {
    const written: string[] = []
    const state = { destroyed: false }
    const response = Object.assign(new EventEmitter(), {
      writableLength: unsent,
      writeHead: () => response,
      // Nothing leaves before the next turn, as with a response of node.
      write: (text: string) => {
        response.writableLength += text.length
        queueMicrotask(() => {
          response.writableLength -= text.length
        })
        return written.push(text) > 0
      },
      destroy: () => {
        state.destroyed = true
        response.emit('close')
      },
    })
    made.open(response as unknown as ServerResponse, {}, lastId)
    const found = (kind: string) =>
      written
        .join('')
        .split('\n\n')
        .filter((text) => text.includes(`event: ${kind}\n`))
        .map((text) => ({ id: /^id: (\d+)/m.exec(text)?.[1], data: JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '') }))
    return { written, state, found, leave: () => response.emit('close') }
  }
  return {
    events: made,
    stream,
    set: (part: Partial<Overview>) => {
      now = { ...now, ...part }
    },
    pass: (by: number) => {
      ms += by
    },
  }
}

describe('createEvents', () => {
  it('begins with everything and goes on with what is another than before', async () => {
    const { events, stream, set } = setUp()
    const { found, written } = stream()
    expect(written[0]).toBe('retry: 3000\n\n')
    await events.tick()
    expect(Object.keys(found('tick')[0]?.data.endpoints)).toEqual(['a', 'b'])
    set({ endpoints: [endpoint('a', 1), endpoint('b', 3)], deadItems: 7, health: { state: 'degraded', reasons: [] } })
    await events.tick()
    expect(found('tick')[1]?.data).toEqual({ at: 'now', endpoints: { b: { inPerMinute: 3 } }, deadItems: 7 })
    expect(found('health').map(({ data }) => data.state)).toEqual(['degraded'])
    expect(found('dead')).toHaveLength(1)
    await events.tick()
    expect(found('tick')[2]?.data).toEqual({ at: 'now', endpoints: {} })
  })

  it('keeps each event within 4 kB', async () => {
    const { events, stream, set } = setUp()
    set({ endpoints: Array.from({ length: 60 }, (_, at) => endpoint(`ingest.endpoint-${at}`, at)) })
    const { found, written } = stream()
    await events.tick()
    expect(found('tick').flatMap(({ data }) => Object.keys(data.endpoints))).toHaveLength(60)
    expect(Math.max(...written.map((text) => text.length))).toBeLessThan(4096)
  })

  it('tells those that come back what they missed, for five minutes', () => {
    const { events, stream, pass } = setUp()
    events.publish('change', { endpoint: 'zipkin' })
    pass(200_000)
    events.publish('change', { endpoint: 'prometheus' })
    events.publish('minute', { endpoint: 'zipkin' })
    const first = stream('1').found('change')
    expect(first.map(({ data }) => data.endpoint)).toEqual(['zipkin', 'prometheus'])
    expect(stream(first[1]?.id).found('change')).toEqual([])
    expect(stream(first[1]?.id).found('minute')).toHaveLength(1)
    expect(stream().found('change')).toEqual([])
    pass(200_000)
    events.publish('change', { endpoint: 'beats' })
    expect(
      stream('1')
        .found('change')
        .map(({ data }) => data.endpoint),
    ).toEqual(['prometheus', 'beats'])
  })

  it('tells those that come back no more than they can take at once: the latest', () => {
    const { events, stream, pass } = setUp()
    for (let at = 0; at < 240; at++) {
      pass(1000)
      events.publish('minute', { at, filler: 'x'.repeat(3000) })
    }
    const { state, found } = stream('1')
    expect(state.destroyed).toBe(false)
    const told = found('minute').map(({ data }) => data.at)
    expect(told.at(-1)).toBe(239)
    expect(told).toEqual(Array.from({ length: told.length }, (_, at) => 240 - told.length + at))
    expect(told.length).toBeGreaterThan(20)
  })

  it('says that it is still there, and gives up readers that do not read', async () => {
    const { events, stream } = setUp()
    const slow = stream(undefined, maxUnsentBytes + 1)
    const quick = stream()
    for (let at = 0; at < 15; at++) await events.tick()
    expect(quick.written).toContain(': still here\n\n')
    expect([slow.state.destroyed, quick.state.destroyed, events.streams]).toEqual([true, false, 1])
  })

  it('takes fifty streams, and the next when one has left', () => {
    const { stream } = setUp()
    const all = Array.from({ length: maxStreams }, () => stream())
    expect(() => stream()).toThrow(expect.objectContaining({ code: 'OB_ADMIN_BUSY' }))
    all[0]?.leave()
    stream()
  })
})
