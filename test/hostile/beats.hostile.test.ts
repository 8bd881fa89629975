/** Hostile bytes on the port of Beats, against a bridge in a process of its own. Section 10 of the mapping. */

import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  compressedFrame,
  connectLumberjack,
  dataFrame,
  jsonFrame,
  type LumberjackClient,
  rawCompressedFrame,
  windowFrame,
  windowOf,
} from '../support/lumberjack.ts'
import { type Live, startLive } from './support/live.ts'
import { type Sink, startSink } from './support/sink.ts'
import { eventually } from './support/throw.ts'

const mebi = 2 ** 20

/** What the mapping allows a hostile connection to take. */
const riseMiB = 16

let live: Live
let sink: Sink
const sent = new Set<string>()
let marks = 0
/** Resident memory of a bridge that has worked; while it is idle it gives some of it back, which is no rise when it is taken again. */
let usualBytes = 0

beforeAll(async () => {
  sink = await startSink()
  live = await startLive(sink.url)
  // What a first window loads is no rise.
  for (let i = 0; i < 20; i++) await stillServes(100)
  usualBytes = live.peakBytes()
})

afterAll(async () => {
  const code = await live?.stop()
  await sink?.close()
  expect(code, live?.output().slice(-2000)).toBe(0)
})

const connect = (): Promise<LumberjackClient> => connectLumberjack(live.ports.beats)
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** Another connection is served as ever. */
async function stillServes(events = 1): Promise<void> {
  expect(live.alive(), live.output().slice(-2000)).toBe(true)
  const client = await connect()
  const names = Array.from({ length: events }, () => `mark ${++marks}`)
  client.write(windowOf(names.map((message) => ({ message }))))
  await client.acknowledged(1)
  client.end()
  for (const name of names) sent.add(name)
}

const counted = async (name: string): Promise<number> => {
  let sum = 0
  for (const [series, value] of await live.metrics()) if (series.startsWith(`otlp_bridge_beats_${name}`)) sum += value
  return sum
}

/** Runs it; memory may rise by so much, and another connection must be served meanwhile. */
async function under(act: () => Promise<void>, limitMiB = riseMiB): Promise<void> {
  live.resetPeak()
  const before = Math.max(usualBytes, live.residentBytes())
  await act()
  await stillServes()
  const rise = (live.peakBytes() - before) / mebi
  expect(rise, `memory rose by ${rise.toFixed(1)} MiB from ${(before / mebi).toFixed(0)} MiB`).toBeLessThan(limitMiB)
}

const nested = (depth: number): Buffer => {
  let frame = jsonFrame(1, '{}')
  for (let i = 0; i < depth; i++) frame = compressedFrame(frame)
  return Buffer.concat([windowFrame(1), frame])
}

const emptyWindows = (): Buffer => {
  const plain = Buffer.alloc(128 * mebi)
  const one = windowFrame(0)
  plain.set(one)
  for (let filled = one.length; filled < plain.length; filled *= 2) plain.copyWithin(filled, 0, filled)
  return deflateSync(plain, { level: 9 })
}

const closedCases: readonly (readonly [string, () => Buffer, string])[] = [
  ['1: a window of 4 G', () => hex('3257ffffffff'), 'window_limit'],
  ['2: an event of 4 GiB', () => hex('325700000001324a00000001ffffffff'), 'frame_limit'],
  ['3: an event of a negative length', () => hex('325700000001324a0000000180000000'), 'frame_limit'],
  ['4: 4 GiB of zlib', () => hex('3257000000013243ffffffff'), 'compressed_limit'],
  ['4: the same outside of a window', () => hex('3243ffffffff'), 'outside_window'],
  ['5: 2 G pairs', () => hex('3157000000013144000000017fffffff'), 'pairs_limit'],
  ['6: a key of 4 GiB', () => hex('31570000000131440000000100000001ffffffff'), 'frame_limit'],
  ['7: 128 KiB that are 22 M windows', () => Buffer.concat([windowFrame(1), rawCompressedFrame(emptyWindows())]), 'nested'],
  [
    '7: 13 MiB of one event in 67 KiB',
    () => Buffer.concat([windowFrame(1), compressedFrame(jsonFrame(1, Buffer.alloc(15 * mebi, 0x20)))]),
    'ratio',
  ],
  ['8: compressed frames 100 deep', () => nested(100), 'nested'],
  [
    '9: a window in a window',
    () => Buffer.concat([windowFrame(2), jsonFrame(1, '{}'), windowFrame(1), jsonFrame(1, '{}')]),
    'window_in_window',
  ],
  [
    '10: two events in a window of one',
    () => Buffer.concat([windowFrame(1), compressedFrame([jsonFrame(1, '{}'), jsonFrame(2, '{}')])]),
    'outside_window',
  ],
  ['11: an ack', () => hex('324100000001'), 'ack_from_client'],
  ['14: a zero', () => hex('00'), 'version'],
  ['14: version 3', () => hex('335700000001'), 'version'],
  ['14: an unknown type', () => hex('3200'), 'type'],
  ['14: a TLS client', () => hex('1603010200010001fc0303'), 'tls_on_plain_port'],
  ['14: an HTTP client', () => Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'http'],
  [
    '18: a preset dictionary',
    () => Buffer.concat([windowFrame(1), rawCompressedFrame(deflateSync('x', { dictionary: Buffer.from('abc') }))]),
    'zlib',
  ],
  ['18: gzip', () => Buffer.concat([windowFrame(1), rawCompressedFrame(gzipSync(jsonFrame(1, '{}')))]), 'zlib'],
  ['18: a bare stream', () => Buffer.concat([windowFrame(1), rawCompressedFrame(deflateRawSync(jsonFrame(1, '{}')))]), 'zlib'],
  ['zlib cut off', () => Buffer.concat([windowFrame(1), rawCompressedFrame(deflateSync(jsonFrame(1, '{}')).subarray(0, -3))]), 'zlib'],
  [
    'bytes behind zlib',
    () => Buffer.concat([windowFrame(1), rawCompressedFrame(Buffer.concat([deflateSync(jsonFrame(1, '{}')), hex('00')]))]),
    'trailing',
  ],
  ['pairs of no pair', () => hex('3157000000013144000000 0100000000'), 'empty_event'],
]

describe('what cannot be a stream', () => {
  it.each(closedCases)('%s: is closed, counted, and costs no memory', async (name, make, reason) => {
    const bytes = make()
    const before = await counted(`protocol_errors_total{reason="${reason}"}`)
    await under(
      async () => {
        const client = await connect()
        client.write(bytes)
        await client.closed()
        expect(client.finals).toEqual([])
        // An event may grow to what its limits allow before it is known that they do not.
      },
      name.includes('of one event') ? 64 : riseMiB,
    )
    expect(await counted(`protocol_errors_total{reason="${reason}"}`)).toBe(before + 1)
  })

  it('13: a good stream cut at every place gives no part of a window', async () => {
    const window = windowOf([{ message: 'cut 1' }, { message: 'cut 2' }])
    await under(async () => {
      for (let at = 0; at < window.length; at++) {
        const client = await connect()
        client.write(window.subarray(0, at))
        client.end()
        await client.closed()
        expect(client.acks).toEqual([])
      }
    })
    await stillServes()
    expect([...sink.bodies.keys()].filter((body) => body.startsWith('cut'))).toEqual([])
  })
})

describe('what is odd, and taken', () => {
  it('12: bytes 10 ms apart', async () => {
    const client = await connect()
    for (const byte of windowOf([{ message: 'slow' }])) {
      client.write(Buffer.of(byte))
      await delay(10)
    }
    await client.acknowledged(1)
    client.destroy()
    expect(await eventually(() => sink.bodies.get('slow') === 1)).toBe(true)
    sent.add('slow')
  })

  it('17: no UTF-8, 10,000 deep, odd keys and types', async () => {
    const odd = [
      Buffer.from([0x7b, 0x22, 0xff, 0xfe]),
      `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
      '{"__proto__":{"x":1},"message":"odd proto"}',
      '{"message":"odd 1","message":"odd twice"}',
      '{"@metadata":"text","message":"odd metadata"}',
      '{"@timestamp":1700000000000,"message":"odd time"}',
    ]
    const before = await counted('parse_kept_total')
    await under(async () => {
      const client = await connect()
      client.write(Buffer.concat([windowFrame(odd.length), ...odd.map((text, at) => jsonFrame(at + 1, text))]))
      await client.acknowledged(1)
      client.end()
    })
    expect(await counted('parse_kept_total')).toBe(before + 2)
    const wanted = ['odd proto', 'odd twice', 'odd metadata', 'odd time']
    expect(await eventually(() => wanted.every((one) => sink.bodies.get(one) === 1))).toBe(true)
  })

  it('19: numbers from 0, and over the last one', async () => {
    const client = await connect()
    const window = (...sequences: number[]): Buffer =>
      Buffer.concat([windowFrame(sequences.length), ...sequences.map((sequence) => jsonFrame(sequence, '{"message":"numbers"}'))])
    client.write(window(0))
    client.write(window(2 ** 32 - 1))
    client.write(window(2 ** 32 - 1, 0, 1))
    expect(await eventually(() => client.acks.length === 3)).toBe(true)
    expect(client.acks.map(({ sequence }) => sequence)).toEqual([0, 2 ** 32 - 1, 1])
    client.end()
  })

  it('v1 of many pairs', async () => {
    const pairs = Array.from({ length: 9000 }, (_, at) => [`key${at}`, 'v'] as const)
    await under(async () => {
      const client = await connect()
      client.write(Buffer.concat([windowFrame(1, 1), dataFrame(1, [['line', 'pairs'], ...pairs])]))
      await client.acknowledged(1)
      client.end()
    }, 32)
    expect(await eventually(() => sink.bodies.get('pairs') === 1)).toBe(true)
  })
})

describe('connections', () => {
  it('15: a client that never reads is closed', async () => {
    const before = await counted('connections_closed_total{reason="slow_reader"}')
    const socket = net.connect(live.ports.beats, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    const many = Buffer.concat(Array.from({ length: 5000 }, () => windowOf([{ message: 'unread' }], { compressed: false })))
    while (!socket.destroyed) {
      await Promise.race([closed, new Promise<void>((resolve) => void socket.write(many, () => resolve()))])
    }
    await stillServes()
    expect(await counted('connections_closed_total{reason="slow_reader"}')).toBe(before + 1)
  }, 180_000)

  it('16: 4,096 that say nothing, 1,000 of them with half a frame', async () => {
    const sockets: net.Socket[] = []
    live.resetPeak()
    const before = live.residentBytes()
    for (let i = 0; i < 4080; i++) {
      const socket = net.connect({ port: live.ports.beats, host: '127.0.0.1', localAddress: `127.0.1.${Math.floor(i / 500)}` })
      socket.on('error', () => {})
      await new Promise((resolve) => socket.once('connect', resolve))
      if (i % 4 === 0) socket.write(Buffer.concat([windowFrame(2), jsonFrame(1, { message: 'x'.repeat(200) }).subarray(0, 150)]))
      sockets.push(socket)
    }
    await stillServes()
    const rise = (live.peakBytes() - before) / mebi
    expect(rise).toBeLessThan(64)
    for (const socket of sockets) socket.destroy()
    expect(await eventually(async () => (await counted('connections{state="idle"}')) === 0)).toBe(true)
  }, 120_000)

  it('of one address are 512', async () => {
    const sockets: net.Socket[] = []
    let refused = 0
    for (let i = 0; i < 530; i++) {
      const socket = net.connect({ port: live.ports.beats, host: '127.0.0.1', localAddress: '127.0.2.1' })
      socket.on('error', () => {})
      socket.on('close', () => refused++)
      await new Promise((resolve) => socket.once('connect', resolve))
      sockets.push(socket)
    }
    expect(await eventually(() => refused === 18)).toBe(true)
    await stillServes()
    for (const socket of sockets) socket.destroy()
  })
})

describe('after all of it', () => {
  it('everything good arrived once, and the books balance', async () => {
    const arrived = (): boolean => [...sent].every((name) => sink.bodies.get(name) === 1)
    await eventually(arrived)
    expect([...sent].filter((name) => sink.bodies.get(name) !== 1)).toEqual([])
    await eventually(async () => (await live.books()).every((one) => one.queued === 0 && one.balance === 0))
    const books = (await live.books()).filter(({ format }) => format === 'beats')
    expect(books).toMatchObject([{ queued: 0, balance: 0, dropped: 0, refused: 0, delivered: sink.count() }])
    expect(sink.faults).toEqual([])
    expect(await counted('pending_windows')).toBe(0)
    expect(await counted('window_bytes')).toBe(0)
  })
})
