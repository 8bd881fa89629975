import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { jsonFrame, windowFrame, windowOf } from '../../support/lumberjack.ts'
import { countsOf, createFakeDeps, type FakeDeps, openBooks, queueFull, sumOf } from '../support/fakes.ts'
import { createShared, linesOf, type Opened, open } from './support.ts'

let deps: FakeDeps
let shared: ReturnType<typeof createShared>
let opened: Opened
const start = (knobs: object = {}, members?: Uint8Array): void => {
  shared = createShared(deps, knobs)
  opened = open(shared, members)
}
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
  deps = createFakeDeps()
  start()
})
afterEach(() => {
  opened.connection.kill('test')
  vi.useRealTimers()
  expect(openBooks(deps.metrics)).toEqual([])
  expect(deps.metrics.total('otlp_bridge_beats_pending_windows')).toBe(0)
  expect(deps.metrics.total('otlp_bridge_beats_window_bytes')).toBe(0)
})

const passed = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
const events = (count: number, from = 1): object[] => Array.from({ length: count }, (_, at) => ({ message: `event ${from + at}` }))
const messages = (): string[] =>
  linesOf(deps).map((line) => (line.startsWith('raw:') ? line : (JSON.parse(line) as { message: string }).message))
const named = (count: number, from = 1): string[] => events(count, from).map((one) => (one as { message: string }).message)

describe('acks', () => {
  it('acknowledges a window once the queue has it, and not before', async () => {
    let letGo = (): void => {}
    deps.fake.gate = new Promise((resolve) => {
      letGo = resolve
    })
    opened.connection.data(windowOf(events(3)))
    await passed(1000)
    expect(opened.wire.acks).toEqual([])
    letGo()
    await passed()
    expect(opened.wire.acks).toEqual([{ version: 2, sequence: 3 }])
    expect(messages()).toEqual(named(3))
  })

  it('acknowledges the highest number, not the count', async () => {
    opened.connection.data(windowOf(events(3), { from: 1 }))
    opened.connection.data(windowOf(events(2), { from: 4 }))
    await passed()
    expect(opened.wire.finals).toEqual([3, 5])
  })

  it('counts on over the end of the numbers', async () => {
    const frames = [2 ** 32 - 2, 2 ** 32 - 1, 1].map((sequence) => jsonFrame(sequence, { message: 'm' }))
    opened.connection.data(Buffer.concat([windowFrame(3), ...frames]))
    await passed()
    expect(opened.wire.finals).toEqual([1])
    expect(sumOf(deps.metrics, 'otlp_bridge_beats_sequence_odd_total')).toBe(0)
  })

  it('takes numbers that fall and repeat, and counts them', async () => {
    const frames = [5, 3, 3, 4].map((sequence) => jsonFrame(sequence, { message: 'm' }))
    opened.connection.data(Buffer.concat([windowFrame(4), ...frames]))
    await passed()
    expect(opened.wire.finals).toEqual([5])
    expect(sumOf(deps.metrics, 'otlp_bridge_beats_sequence_odd_total')).toBe(2)
  })

  it('answers in the version of the window', async () => {
    opened.connection.data(windowOf([{ line: 'one' }], { version: 1 }))
    opened.connection.data(windowOf(events(1), { compressed: false }))
    opened.connection.data(windowOf([{ line: 'two' }], { version: 1, compressed: false }))
    await passed()
    expect(opened.wire.acks).toEqual([1, 2, 1].map((version) => ({ version, sequence: 1 })))
    expect(messages()).toEqual(['one', 'event 1', 'two'])
  })

  it('answers windows of no event with 0, once for all that come together', async () => {
    const empty = windowFrame(0)
    opened.connection.data(empty)
    opened.connection.data(Buffer.concat([empty, empty, empty]))
    opened.connection.data(Buffer.concat([windowFrame(0, 1), windowOf(events(1))]))
    await passed()
    expect(opened.wire.acks.map(({ version, sequence }) => [version, sequence])).toEqual([
      [2, 0],
      [2, 0],
      [1, 0],
      [2, 1],
    ])
  })

  it('says nothing while nothing is pending', async () => {
    opened.connection.data(windowOf(events(1)))
    await passed(50_000)
    expect(opened.wire.acks).toHaveLength(1)
  })
})

describe('a queue that takes nothing', () => {
  it('is waited for: 0 every five seconds, for as long as it takes, with three windows on the way', async () => {
    deps.fake.refuseWith = queueFull()
    const other = open(shared)
    other.connection.data(windowOf(events(1, 100), { version: 2 }))
    for (const from of [1, 11, 21]) opened.connection.data(windowOf(events(10, from)))
    for (const ms of [5000, ...Array<number>(18).fill(5000)]) {
      const before = [opened, other].map(({ wire }) => wire.acks.length)
      await passed(ms)
      for (const [at, { wire }] of [opened, other].entries()) {
        expect(wire.acks.slice(before[at])).toEqual([{ version: 2, sequence: 0 }])
        expect([wire.isEnded, wire.isDestroyed]).toEqual([false, false])
      }
    }
    expect(opened.wire.isPaused).toBe(true)
    expect(messages()).toEqual([])
    deps.fake.refuseWith = undefined
    await passed(2000)
    expect(opened.wire.finals).toEqual([10, 10, 10])
    expect(other.wire.finals).toEqual([1])
    expect(messages().filter((one) => one !== 'event 100')).toEqual(named(30))
    expect(opened.wire.isPaused).toBe(false)
    other.connection.kill('test')
  })

  it('is waited for where it is put itself that waits, as with ack: forwarded', async () => {
    let letGo = (): void => {}
    deps.fake.gate = new Promise((resolve) => {
      letGo = resolve
    })
    for (const from of [1, 2, 3]) opened.connection.data(windowOf(events(1, from)))
    await passed(95_000)
    expect(opened.wire.acks).toEqual(Array(19).fill({ version: 2, sequence: 0 }))
    letGo()
    await passed()
    expect(opened.wire.finals).toEqual([1, 1, 1])
    expect(messages()).toEqual(named(3))
  })

  it('is offered a window again when it refused it', async () => {
    deps.fake.putError = queueFull()
    opened.connection.data(windowOf(events(2)))
    await passed(20_000)
    expect(openBooks(deps.metrics)).toEqual([])
    deps.fake.putError = undefined
    await passed(2000)
    expect(opened.wire.finals).toEqual([2])
    expect(messages()).toEqual(named(2))
  })

  it('stops the reading when one further window is complete', async () => {
    deps.fake.refuseWith = queueFull()
    const windows = [1, 2, 3, 4].map((from) => windowOf(events(1, from), { compressed: false }))
    opened.connection.data(Buffer.concat(windows))
    await passed()
    expect(sumOf(deps.metrics, 'otlp_bridge_beats_windows_total')).toBe(2)
    expect(opened.wire.isPaused).toBe(true)
    deps.fake.refuseWith = undefined
    await passed(3000)
    expect(opened.wire.finals).toEqual([1, 1, 1, 1])
  })

  it('does not get a window whose client is gone', async () => {
    deps.fake.refuseWith = queueFull()
    opened.connection.data(windowOf(events(2)))
    await passed(1000)
    opened.connection.closed()
    deps.fake.refuseWith = undefined
    await passed(10_000)
    expect(messages()).toEqual([])
  })

  it('is told to health after a minute', async () => {
    deps.fake.refuseWith = queueFull()
    opened.connection.data(windowOf(events(2)))
    await passed(60_000)
    expect(shared.progress.trouble()).toEqual([])
    await passed(1000)
    expect(shared.progress.trouble()).toEqual(['ingest.beats: no window was stored for 61 s while 1 wait'])
    deps.fake.refuseWith = undefined
    await passed(2000)
    expect(shared.progress.trouble()).toEqual([])
  })

  it('that can never take a window costs it, and the client goes on', async () => {
    deps.fake.putError = new BridgeError('OB_SEND_PERMANENT', 'cannot')
    opened.connection.data(windowOf(events(2)))
    await passed()
    expect(opened.wire.finals).toEqual([2])
    expect(countsOf(deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ send_permanent: 2 })
  })
})

describe('events', () => {
  it('that are no JSON are kept as text, and acknowledged', async () => {
    const frames = ['{"message":"good"}', '{oops', '[1]', Buffer.from([0xff, 0xfe])].map((text, at) => jsonFrame(at + 1, text))
    opened.connection.data(Buffer.concat([windowFrame(4), ...frames]))
    await passed()
    expect(opened.wire.finals).toEqual([4])
    expect(messages().slice(0, 3)).toEqual(['good', 'raw:{oops', 'raw:[1]'])
    expect(sumOf(deps.metrics, 'otlp_bridge_beats_parse_kept_total')).toBe(3)
    expect(shared.batcher.why[0]).toMatch(/^beats\.parse_error: cannot read document/)
  })

  it('get what is to be added, but not when they are kept as text', async () => {
    start({}, Buffer.from('"network.peer.address":"192.0.2.1",'))
    opened.connection.data(Buffer.concat([windowFrame(2), jsonFrame(1, '{"a":1}'), jsonFrame(2, '{oops')]))
    await passed()
    expect(linesOf(deps)).toEqual(['{"network.peer.address":"192.0.2.1","a":1}', 'raw:{oops'])
  })

  it('with an id are taken once, when they are to be created', async () => {
    const created = (id: string, op = 'create'): object => ({ '@metadata': { _id: id, op_type: op }, message: id })
    const window = windowOf([created('a'), created('b'), created('a'), created('c', 'index')])
    opened.connection.data(window)
    await passed()
    opened.connection.data(window)
    await passed()
    expect(opened.wire.finals).toEqual([4, 4])
    expect(messages()).toEqual(['a', 'b', 'c', 'c'])
    expect(countsOf(deps.metrics, 'otlp_bridge_consumed_items_total', 'reason')).toEqual({ duplicate: 4 })
  })

  it('with an id come again when their window was not stored', async () => {
    const window = windowOf([{ '@metadata': { _id: 'a', op_type: 'create' }, message: 'a' }])
    deps.fake.refuseWith = queueFull()
    opened.connection.data(window)
    await passed()
    opened.connection.closed()
    await passed(3000)
    deps.fake.refuseWith = undefined
    const again = open(shared)
    again.connection.data(window)
    await passed()
    expect(again.wire.finals).toEqual([1])
    expect(messages()).toEqual(['a'])
    again.connection.kill('test')
  })

  it('are counted by their Beat', async () => {
    const event = '{"@timestamp":"2026-01-01T00:00:00Z","@metadata":{"beat":"filebeat","type":"_doc","version":"7.17.29"},"message":"m"}'
    opened.connection.data(Buffer.concat([windowFrame(2), jsonFrame(1, event), jsonFrame(2, event)]))
    opened.connection.data(windowOf(events(3)))
    await passed()
    expect(countsOf(deps.metrics, 'otlp_bridge_beats_events_total', 'beat')).toEqual({ filebeat: 2, '': 3 })
    expect(countsOf(deps.metrics, 'otlp_bridge_beats_events_total', 'version_major')).toEqual({ '7': 2, '': 3 })
  })

  it('that a translator fails on are kept', async () => {
    shared.batcher.add = () => {
      throw new TypeError('a bug')
    }
    opened.connection.data(windowOf(events(1)))
    await passed()
    expect(opened.wire.finals).toEqual([1])
    expect(linesOf(deps)).toEqual(['raw:{"message":"event 1"}'])
  })
})

describe('counters', () => {
  it('tell connections apart by what they do', async () => {
    const states = (): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_beats_connections', 'state')
    expect(states()).toEqual({ idle: 1 })
    deps.fake.refuseWith = queueFull()
    opened.connection.data(windowFrame(2))
    expect(states()).toEqual({ receiving: 1 })
    opened.connection.data(Buffer.concat([jsonFrame(1, '{}'), jsonFrame(2, '{}')]))
    expect(states()).toEqual({ waiting: 1 })
    deps.fake.refuseWith = undefined
    await passed(1000)
    expect(states()).toEqual({ idle: 1 })
    opened.connection.closed()
    expect(states()).toEqual({})
  })

  it('count frames, bytes, windows and acks', async () => {
    const window = windowOf(events(3))
    opened.connection.data(Buffer.concat([window, windowFrame(0)]))
    await passed()
    expect(countsOf(deps.metrics, 'otlp_bridge_beats_frames_total', 'type')).toEqual({ W: 2, C: 1, J: 3 })
    expect(countsOf(deps.metrics, 'otlp_bridge_beats_bytes_total', 'stage')).toEqual({
      wire: window.length + 6,
      inflated: events(3).length * (10 + JSON.stringify(events(1)[0]).length),
    })
    expect(countsOf(deps.metrics, 'otlp_bridge_beats_acks_total', 'kind')).toEqual({ final: 1, keepalive: 1 })
    expect(countsOf(deps.metrics, 'otlp_bridge_received_requests_total', 'transport')).toEqual({ tcp: 1 })
    expect(sumOf(deps.metrics, 'otlp_bridge_received_items_total')).toBe(3)
  })
})
