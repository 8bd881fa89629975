import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { inflateSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { laneName } from '../../src/mirror/order.ts'
import { type MirrorBench, startMirror } from './bench-lane.ts'

/** A Logstash: reads windows and answers with the acknowledgements it is told to. */
interface Window {
  readonly connection: number
  readonly compressed: boolean
  readonly events: readonly string[]
  /** Of its first event. */
  readonly first: number
}

/** Events of the window to acknowledge, a number as it is (`n5`), or `cut`: closes the connection then. */
type Step = readonly (number | `n${number}` | 'cut')[]

let server: Server
let url: string
let windows: Window[]
let steps: Step[]
let sockets: Set<Socket>
let bench: MirrorBench | undefined

const ack = (number: number): Buffer => {
  const frame = Buffer.from('2A\0\0\0\0', 'latin1')
  frame.writeUInt32BE(number, 2)
  return frame
}

function eventsIn(frames: Buffer): string[] {
  const events: string[] = []
  const first = frames.readUInt32BE(2)
  for (let at = 0; at < frames.length; ) {
    expect(frames.toString('latin1', at, at + 2)).toBe('2J')
    expect(frames.readUInt32BE(at + 2)).toBe(first + events.length)
    const length = frames.readUInt32BE(at + 6)
    events.push(frames.toString('utf8', at + 10, at + 10 + length))
    at += 10 + length
  }
  return events
}

interface Found {
  readonly events: string[]
  readonly first: number
  readonly compressed: boolean
  readonly rest: Buffer
}

/** The first window in the bytes, and what is behind it. */
function windowIn(bytes: Buffer): Found | undefined {
  if (bytes.length < 12) return undefined
  expect(bytes.toString('latin1', 0, 2)).toBe('2W')
  const count = bytes.readUInt32BE(2)
  if (bytes[7] === 0x43) {
    const length = bytes.readUInt32BE(8)
    if (bytes.length < 12 + length) return undefined
    const frames = inflateSync(bytes.subarray(12, 12 + length))
    const events = eventsIn(frames)
    expect(events).toHaveLength(count)
    return { events, first: frames.readUInt32BE(2), compressed: true, rest: bytes.subarray(12 + length) }
  }
  let at = 6
  for (let found = 0; found < count; found++) {
    if (bytes.length < at + 10 || bytes.length < at + 10 + bytes.readUInt32BE(at + 6)) return undefined
    at += 10 + bytes.readUInt32BE(at + 6)
  }
  return { events: eventsIn(bytes.subarray(6, at)), first: bytes.readUInt32BE(8), compressed: false, rest: bytes.subarray(at) }
}

beforeEach(async () => {
  windows = []
  steps = []
  sockets = new Set()
  let connections = 0
  server = createServer((socket) => {
    const connection = ++connections
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    let bytes = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      for (let found = windowIn(bytes); found !== undefined; found = windowIn(bytes)) {
        bytes = Buffer.from(found.rest)
        windows.push({ connection, compressed: found.compressed, events: found.events, first: found.first })
        for (const one of steps.shift() ?? [found.events.length]) {
          if (one === 'cut') socket.end()
          else socket.write(ack(typeof one === 'number' ? (one === 0 ? 0 : found.first - 1 + one) : Number(one.slice(1))))
        }
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  await bench?.close()
  bench = undefined
  for (const socket of sockets) socket.destroy()
  await new Promise<void>((resolve) => server.close(() => resolve()))
})

const start = async (more: Record<string, unknown> = {}): Promise<MirrorBench> => {
  const quick = { retry: { initial: '1ms', max: '4ms' }, breaker: { failures: 1000, open: '1ms' } }
  bench = await startMirror('beats', { beats: { url, ...quick, ...more } })
  return bench
}

const put = (b: MirrorBench, lane: string, ...events: string[]): Promise<void> =>
  b.put(events.join(''), { kind: 'beats', lane: laneName(lane), lengths: events.map((one) => Buffer.byteLength(one)) }, events.length)

describe('createBeatsOldSide', () => {
  it.each([
    ['compressed', 3, true],
    ['plain', 0, false],
  ] as const)(
    'sends windows of the events as they came, %s, on one connection for each of a client',
    async (_name, compression, compressed) => {
      const b = await start({ compression })
      await put(b, '1', '{"a": 1}', '{"é":2 }')
      await put(b, '1', '{"b":1}')
      await b.gone(2)
      await put(b, '2', '{"c":1}')
      await b.gone(3)
      expect(windows).toEqual([
        { connection: 1, compressed, events: ['{"a": 1}', '{"é":2 }'], first: 1 },
        { connection: 1, compressed, events: ['{"b":1}'], first: 3 },
        { connection: 2, compressed, events: ['{"c":1}'], first: 1 },
      ])
      expect(b.left.every(({ what }) => what === 'settled')).toBe(true)
    },
  )

  it('waits through signs of life, and takes partial acknowledgements for what they are', async () => {
    steps = [[0, 1, 1, 0, 99, 2, 3]]
    const b = await start()
    await put(b, '1', 'a', 'b', 'c')
    await b.gone(1)
    expect(windows).toHaveLength(1)
  })

  it('does not take a sign of life that repeats the last number for an acknowledgement of a window as long as the one before', async () => {
    steps = [[2], ['n2', 'n0', 'n2', 'cut'], ['n2', 1, 'n0', 2]]
    const b = await start()
    await put(b, '1', 'a', 'b')
    await b.gone(1)
    await put(b, '1', 'c', 'd')
    await b.gone(2)
    // The second window was not acknowledged before its connection was cut: it goes again.
    expect(windows.map(({ events, first }) => `${events.join('')} ${first}`)).toEqual(['ab 1', 'cd 3', 'cd 1'])
  })

  it('begins each window at 1 for an old side that acknowledges counts', async () => {
    steps = [['n2'], ['n2'], ['n2'], ['n2'], ['n1']]
    const b = await start({ timeout: '30ms' })
    for (const events of ['ab', 'cd', 'ef', 'g']) await put(b, '1', ...events)
    await b.gone(4)
    expect(windows.map(({ events, first }) => `${events.join('')} ${first}`)).toEqual(['ab 1', 'cd 3', 'cd 1', 'ef 1', 'g 1'])
  })

  it('sends again only what is behind the last acknowledgement, before the next window of the connection', async () => {
    steps = [[2, 'cut'], ['cut']]
    const b = await start()
    await put(b, '1', 'a', 'b', 'c', 'd')
    await put(b, '1', 'e')
    await b.gone(2)
    expect(windows.map(({ events }) => events.join(''))).toEqual(['abcd', 'cd', 'cd', 'e'])
    const possible = b.metrics.counter('otlp_bridge_mirror_repeats_total', { destination: 'mirror.beats', kind: 'repeat_possible' })
    expect(possible.value).toBe(4)
  })

  it('gives up a connection that says nothing', async () => {
    steps = [[1]]
    const b = await start({ timeout: '30ms' })
    await put(b, '1', 'a', 'b')
    await b.gone(1)
    expect(windows.map(({ events }) => events.join(''))).toEqual(['ab', 'b'])
    expect(b.mirror.status().lastError?.text).toMatch(/cannot reach the old side: no acknowledgement/)
  })

  it('sends a window that lies in several envelopes part by part, and no part twice', async () => {
    steps = [[2], [1, 'cut']]
    const b = await start()
    const head = (part: number, last: boolean, lengths: number[]) =>
      ({ kind: 'beats', id: 'large', lane: laneName('1'), part, last, lengths }) as const
    await b.put('ab', head(0, false, [1, 1]), 2)
    await b.put('cde', head(1, false, [1, 1, 1]), 3)
    await b.put('', head(2, true, []), 0)
    await b.gone(3)
    expect(windows.map(({ events }) => events.join(''))).toEqual(['ab', 'cde', 'de'])
    expect(b.left.every(({ what }) => what === 'settled')).toBe(true)
  })

  it('closes the connection of a client that is gone', async () => {
    const b = await start()
    await put(b, '1', 'a')
    await b.gone(1)
    expect(sockets.size).toBe(1)
    b.mirror.closed(laneName('1'))
    await expect.poll(() => sockets.size).toBe(0)
  })
})
