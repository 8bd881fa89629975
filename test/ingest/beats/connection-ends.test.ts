import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { compressedFrame, dataFrame, jsonFrame, windowFrame, windowOf } from '../../support/lumberjack.ts'
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
const closedBy = (): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_beats_connections_closed_total', 'reason')
const faults = (): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_beats_protocol_errors_total', 'reason')

describe('memory', () => {
  const large = (from: number): object[] => Array.from({ length: 200 }, (_, at) => ({ message: `${from + at} ${'x'.repeat(1000)}` }))

  it('lets the oldest window alone be read on, and tells the others that they are alive', async () => {
    start({ limits: { memory: 100_000 } })
    const other = open(shared)
    const [first, second] = [1, 1001].map((from) => windowOf(large(from), { compressed: false })) as [Buffer, Buffer]
    opened.connection.data(first.subarray(0, 150_000))
    other.connection.data(second.subarray(0, 1000))
    other.connection.data(second.subarray(1000, 50_000))
    expect([opened.wire.isPaused, other.wire.isPaused]).toEqual([false, true])
    await passed(10_000)
    expect(other.wire.acks).toEqual(Array(2).fill({ version: 2, sequence: 0 }))
    opened.connection.data(first.subarray(150_000))
    await passed()
    expect(opened.wire.finals).toEqual([200])
    await new Promise((resolve) => setImmediate(resolve))
    expect(other.wire.isPaused).toBe(false)
    other.connection.data(second.subarray(50_000))
    await passed()
    expect(other.wire.finals).toEqual([200])
    expect(linesOf(deps)).toHaveLength(400)
    other.connection.kill('test')
  })
})

describe('large windows', () => {
  const wide = (count: number, bytes: number): object[] =>
    Array.from({ length: count }, (_, at) => ({ message: `${at}`.padEnd(bytes, '.') }))

  it('become several parts that are committed together', async () => {
    opened.connection.data(windowOf(wide(10, 1_000_000), { compressed: false }))
    await passed()
    expect(opened.wire.finals).toEqual([10])
    expect(deps.fake.stagings).toHaveLength(1)
    expect(linesOf(deps)).toHaveLength(10)
  })

  it('are offered again whole when a part was not taken', async () => {
    deps.fake.putError = queueFull()
    opened.connection.data(windowOf(wide(10, 1_000_000), { compressed: false }))
    await passed(5000)
    expect(openBooks(deps.metrics)).toEqual([])
    deps.fake.putError = undefined
    await passed(2000)
    expect(opened.wire.finals).toEqual([10])
    expect(linesOf(deps)).toHaveLength(10)
  })

  it('are staged before they are complete when they do not fit into memory', async () => {
    const window = windowOf(wide(70, 1_000_000), { compressed: false })
    let most = 0
    for (let at = 0; at < window.length; at += 65_536) {
      opened.connection.data(window.subarray(at, at + 65_536))
      await passed()
      most = Math.max(most, deps.metrics.total('otlp_bridge_beats_window_bytes'))
    }
    expect(most).toBeLessThan(40 * 2 ** 20)
    expect(opened.wire.finals).toEqual([70])
    expect(deps.fake.stagings).toHaveLength(1)
    expect(linesOf(deps)).toHaveLength(70)
  })

  it('are let go of when their connection ends before they are complete', async () => {
    const window = windowOf(wide(70, 1_000_000), { compressed: false })
    opened.connection.data(window.subarray(0, 50_000_000))
    await passed()
    expect(deps.fake.stagings).toHaveLength(1)
    opened.connection.closed()
    await passed()
    expect(linesOf(deps)).toEqual([])
    expect(openBooks(deps.metrics)).toEqual([])
  })

  it('come again when they were staged in part and the queue took no more', async () => {
    const window = windowOf(wide(70, 1_000_000), { compressed: false })
    opened.connection.data(window.subarray(0, 50_000_000))
    await passed()
    deps.fake.putError = queueFull()
    opened.connection.data(window.subarray(50_000_000))
    await passed(1000)
    expect(opened.wire.finals).toEqual([])
    expect(opened.wire.isEnded).toBe(true)
    expect(linesOf(deps)).toEqual([])
  })
})

describe('streams that cannot be read', () => {
  const good = windowOf(events(2))
  it.each([
    ['a new window in an unfinished one', [windowFrame(2), jsonFrame(1, '{}'), windowFrame(1), jsonFrame(1, '{}')], 'window_in_window'],
    ['more events than the window', [windowFrame(1), compressedFrame([jsonFrame(1, '{}'), jsonFrame(2, '{}')])], 'outside_window'],
    ['compressed frames cut off', [windowFrame(2), compressedFrame(jsonFrame(1, '{"a":1}').subarray(0, -1))], 'cut_frame'],
    ['compressed frames in compressed frames', [windowFrame(1), compressedFrame([compressedFrame([jsonFrame(1, '{}')])])], 'nested'],
    ['a window in compressed frames', [windowFrame(1), compressedFrame([windowFrame(0), jsonFrame(1, '{}')])], 'nested'],
    ['version 1 in compressed frames of version 2', [windowFrame(1), compressedFrame([dataFrame(1, [['line', 'l']])])], 'version_mixed'],
    ['an ack', [Buffer.from('2A\0\0\0\x01', 'latin1')], 'ack_from_client'],
  ])('end with %s, nothing of it taken or acknowledged', async (_name, frames, reason) => {
    opened.connection.data(Buffer.concat([good, ...frames, good]))
    await passed()
    // What came whole before it is not lost for it.
    expect(opened.wire.finals).toEqual([2])
    expect(messages()).toEqual(named(2))
    expect(faults()).toEqual({ [reason]: 1 })
    expect(closedBy()).toEqual({ protocol: 1 })
    expect([opened.wire.isEnded, opened.wire.isDestroyed]).toEqual([true, false])
    await passed(1000)
    expect(opened.wire.isDestroyed).toBe(true)
  })

  it('are told once a minute and peer', async () => {
    for (let i = 0; i < 5; i++) {
      const { connection } = open(shared)
      connection.data(Buffer.from('GET / HTTP/1.1\r\n'))
    }
    expect(deps.lines).toEqual(['a connection of a Beat was closed; what was not acknowledged comes again'])
    expect(faults()).toEqual({ http: 5 })
  })

  it('keep what waits waiting', async () => {
    deps.fake.refuseWith = queueFull()
    opened.connection.data(Buffer.concat([good, Buffer.of(0)]))
    await passed(10_000)
    expect(opened.wire.acks).toHaveLength(2)
    expect(opened.wire.isEnded).toBe(false)
    deps.fake.refuseWith = undefined
    await passed(2000)
    expect(opened.wire.finals).toEqual([2])
    expect(opened.wire.isEnded).toBe(true)
  })

  it('do not count what their unfinished window held', async () => {
    opened.connection.data(Buffer.concat([windowFrame(3), jsonFrame(1, '{}'), jsonFrame(2, '{}')]))
    opened.connection.closed()
    await passed()
    expect(linesOf(deps)).toEqual([])
    expect(sumOf(deps.metrics, 'otlp_bridge_received_items_total')).toBe(0)
  })

  it('are cut at every place, and never give a part of a window', async () => {
    const stream = Buffer.concat([windowOf(events(2)), windowOf(events(3, 3), { compressed: false })])
    const first = windowOf(events(2)).length
    for (let at = 0; at <= stream.length; at++) {
      deps = createFakeDeps()
      start()
      opened.connection.data(stream.subarray(0, at))
      opened.connection.ended()
      await passed()
      const whole = at === stream.length ? 5 : at >= first ? 2 : 0
      expect(messages()).toEqual(named(whole))
      expect(opened.wire.finals).toEqual(whole === 5 ? [2, 3] : whole === 2 ? [2] : [])
      expect(opened.wire.isEnded).toBe(true)
    }
  })
})

describe('time', () => {
  it('closes a connection on which nothing comes after a minute', async () => {
    opened.connection.data(windowOf(events(1)))
    await passed(59_999)
    opened.connection.look()
    expect(opened.wire.isEnded).toBe(false)
    await passed(1)
    opened.connection.look()
    expect([opened.wire.isEnded, closedBy()]).toEqual([true, { idle: 1 }])
  })

  it.each([
    ['a window', windowFrame(2)],
    ['a frame', Buffer.from('2')],
    ['compressed frames', Buffer.concat([windowFrame(1), compressedFrame([jsonFrame(1, '{}')]).subarray(0, 9)])],
  ])('closes a connection where %s has begun and nothing comes for half a minute', async (_name, bytes) => {
    opened.connection.data(bytes)
    await passed(29_999)
    opened.connection.look()
    expect(opened.wire.isEnded).toBe(false)
    await passed(1)
    opened.connection.look()
    expect([opened.wire.isEnded, closedBy()]).toEqual([true, { progress_timeout: 1 }])
  })

  it('closes nothing that waits for the queue', async () => {
    deps.fake.refuseWith = queueFull()
    opened.connection.data(Buffer.concat([windowOf(events(1)), windowFrame(2)]))
    await passed(3_600_000)
    opened.connection.look()
    expect(opened.wire.isEnded).toBe(false)
    deps.fake.refuseWith = undefined
    await passed(2000)
    opened.connection.look()
    expect(opened.wire.isEnded).toBe(false)
    await passed(30_000)
    opened.connection.look()
    expect(closedBy()).toEqual({ progress_timeout: 1 })
  })

  it('destroys a connection whose client reads no acks', async () => {
    opened.wire.unsent = 64 * 1024 + 1
    opened.connection.data(windowFrame(0))
    expect([opened.wire.isDestroyed, closedBy()]).toEqual([true, { slow_reader: 1 }])
  })
})

describe('an end', () => {
  it('that the client announces leaves time for its ack', async () => {
    opened.connection.data(windowOf(events(2)))
    opened.connection.ended()
    await passed()
    expect(opened.wire.finals).toEqual([2])
    expect(opened.wire.isEnded).toBe(true)
  })

  it('that the client announces while the queue takes nothing is the end', async () => {
    deps.fake.refuseWith = queueFull()
    opened.connection.data(windowOf(events(2)))
    opened.connection.ended()
    await passed(3000)
    expect([opened.wire.isEnded, opened.wire.finals]).toEqual([true, []])
    expect(closedBy()).toEqual({ client: 1 })
  })

  it('of ours stores and acknowledges what is complete, and forgets what is not', async () => {
    let letGo = (): void => {}
    deps.fake.gate = new Promise((resolve) => {
      letGo = resolve
    })
    opened.connection.data(Buffer.concat([windowOf(events(2)), windowFrame(2), jsonFrame(1, '{"message":"half"}')]))
    opened.connection.stop()
    opened.connection.data(jsonFrame(2, '{"message":"other half"}'))
    await passed(1000)
    expect(closedBy()).toEqual({})
    expect(opened.wire.isEnded).toBe(false)
    letGo()
    await passed()
    expect([opened.wire.finals, opened.wire.isEnded]).toEqual([[2], true])
    expect(messages()).toEqual(named(2))
    expect(closedBy()).toEqual({ stopping: 1 })
  })

  it('of ours closes at once what has nothing to store', () => {
    opened.connection.data(Buffer.concat([windowFrame(2), jsonFrame(1, '{}')]))
    opened.connection.stop()
    expect(opened.wire.isEnded).toBe(true)
  })
})
