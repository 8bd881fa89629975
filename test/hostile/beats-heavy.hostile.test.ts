/** Windows of Beats that are made to take memory, each against a bridge of its own, and recordings that are damaged. */

import { readFileSync } from 'node:fs'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compressedFrame, connectLumberjack, dataFrame, jsonFrame, windowFrame, windowOf } from '../support/lumberjack.ts'
import { mutated } from '../support/mutate.ts'
import { vectorFiles } from '../support/shared.ts'
import { eventually, type Range } from './support/throw.ts'
import { createWithin } from './support/within.ts'

const mebi = 2 ** 20

let marks = 0

/** Another connection is served as ever. */
async function stillServes({ live }: Range): Promise<void> {
  expect(live.alive(), live.output().slice(-2000)).toBe(true)
  const client = await connectLumberjack(live.ports.beats)
  client.write(windowOf([{ message: `mark of Beats ${++marks}` }]))
  await client.acknowledged(1)
  client.end()
}

const within = createWithin({ still: stillServes, before: 20 })

async function counted({ live }: Range, name: string): Promise<number> {
  let sum = 0
  for (const [series, value] of await live.metrics()) if (series.startsWith(`otlp_bridge_beats_${name}`)) sum += value
  return sum
}

const onDisk = ['queue.type=disk', 'queue.path=./queue']
const filler = (bytes: number): string => 'some words of it; '.repeat(Math.ceil(bytes / 18)).slice(0, bytes)

describe('windows that take memory', () => {
  it('65,536 events of 2 kB in one window, compressed: 128 MiB', async () => {
    await within(220, onDisk, async (setting) => {
      const client = await connectLumberjack(setting.live.ports.beats)
      const text = filler(1900)
      client.write(windowFrame(65_536))
      for (let from = 0; from < 65_536; from += 8192) {
        client.write(
          compressedFrame(
            Array.from({ length: 8192 }, (_, at) => jsonFrame(from + at + 1, { message: 'of a large window', n: from + at, text })),
          ),
        )
      }
      await client.acknowledged(1)
      expect(client.finals).toEqual([65_536])
      client.end()
      expect(await eventually(() => setting.sink.bodies.get('of a large window') === 65_536, 60_000)).toBe(true)
    })
  }, 180_000)

  it('an event of 15 MB in each of eight windows, plain', async () => {
    await within(300, onDisk, async (setting) => {
      const client = await connectLumberjack(setting.live.ports.beats)
      const text = filler(15_000_000)
      for (let at = 0; at < 8; at++) {
        client.write(windowOf([{ message: 'a large event', text }], { compressed: false }))
        await client.acknowledged(at + 1)
      }
      client.end()
      expect(await eventually(() => setting.sink.bodies.get('a large event') === 8, 60_000)).toBe(true)
    })
  }, 180_000)

  it('50 connections with 12 MB of an event each, which does not end', async () => {
    await within(450, ['ingest.beats.limits.memory=128MiB', 'ingest.beats.progressTimeout=3s'], async (setting) => {
      const sockets: net.Socket[] = []
      const begun = Buffer.concat([windowFrame(2), jsonFrame(1, { text: filler(15_000_000) }).subarray(0, 12_000_000)])
      for (let i = 0; i < 50; i++) {
        const socket = net.connect(setting.live.ports.beats, '127.0.0.1')
        socket.on('error', () => {})
        socket.resume()
        socket.write(begun)
        sockets.push(socket)
      }
      await delay(2000)
      const held = await counted(setting, 'window_bytes')
      console.log(`held ${Math.round(held / mebi)} MiB`)
      expect(held / mebi).toBeLessThan(128 + 32 + 16)
      // Whoever brings nothing more is closed, one after the other has its turn, and others are served in the end.
      expect(await eventually(() => sockets.filter((one) => one.destroyed).length > 0, 20_000)).toBe(true)
      for (const socket of sockets) socket.destroy()
      expect(await eventually(async () => (await counted(setting, 'window_bytes')) === 0, 10_000)).toBe(true)
    })
  }, 180_000)

  it('300 connections with a window of 2,048 events at once', async () => {
    // Windows may have 256 MiB, and take as much again on their way to the disk and from there.
    await within(700, onDisk, async (setting) => {
      const window = windowOf(Array.from({ length: 2048 }, (_, at) => ({ message: 'of 300', at, text: filler(300) })))
      const clients = await Promise.all(Array.from({ length: 300 }, () => connectLumberjack(setting.live.ports.beats)))
      for (const client of clients) client.write(window)
      await Promise.all(clients.map((client) => client.acknowledged(1)))
      expect(clients.every(({ finals }) => finals.length === 1 && finals[0] === 2048)).toBe(true)
      for (const client of clients) client.end()
      expect(await eventually(() => setting.sink.bodies.get('of 300') === 300 * 2048, 120_000)).toBe(true)
    })
  }, 240_000)

  it('65,536 pairs in an event of version 1, and 65,536 fields in one of version 2', async () => {
    await within(160, [], async (setting) => {
      const client = await connectLumberjack(setting.live.ports.beats)
      const pairs = Array.from({ length: 65_535 }, (_, at) => [`key${at}`, 'v'] as const)
      client.write(Buffer.concat([windowFrame(1, 1), dataFrame(1, [['line', 'pairs'], ...pairs])]))
      await client.acknowledged(1)
      client.write(windowOf([Object.fromEntries(pairs)]))
      await client.acknowledged(2)
      client.end()
      // More fields than an event may have: they are kept as text.
      expect(await counted(setting, 'parse_kept_total')).toBe(2)
    })
  })
})

const recordings = vectorFiles('beats')
  .filter((file) => file.endsWith('.client.bin'))
  .map((file) => new Uint8Array(readFileSync(file)))
const own = [
  windowOf([{ message: 'damaged 1', '@metadata': { beat: 'x', version: '8.1.0' } }, { message: 'damaged 2' }]),
  windowOf([{ message: 'damaged plain' }, { message: 'damaged too' }], { compressed: false }),
  windowOf([{ line: 'damaged pairs', host: 'h' }], { version: 1, compressed: false }),
]

describe('damaged streams', () => {
  it('are read as far as they can be; what is acknowledged arrives, and nothing else of a connection', async () => {
    await within(128, [], async (setting) => {
      const { live } = setting
      const outcome = { streams: 0, acknowledged: 0, windows: 0 }
      const all = [...own, ...recordings.filter((one) => one.length < 50_000)]
      const streams = fc.sample(mutated(all), { numRuns: 3000, seed: 7 })
      const before = { windows: await counted(setting, 'windows_total'), finals: await counted(setting, 'acks_total{kind="final"}') }
      const one = async (bytes: Uint8Array): Promise<void> => {
        const client = await connectLumberjack(live.ports.beats)
        client.write(bytes)
        client.end()
        await client.closed()
        outcome.streams++
        if (client.finals.length > 0) outcome.acknowledged++
        outcome.windows += client.finals.length
      }
      for (let at = 0; at < streams.length; at += 20) await Promise.all(streams.slice(at, at + 20).map(({ bytes }) => one(bytes)))
      await stillServes(setting)
      console.log('damaged streams', outcome)
      expect(outcome.streams).toBe(3000)
      expect(outcome.acknowledged).toBeGreaterThan(100)
      expect(await counted(setting, 'window_bytes')).toBe(0)
      expect(await counted(setting, 'pending_windows')).toBe(0)
      // One ack a window that was taken, and those of the mark.
      const finals = (await counted(setting, 'acks_total{kind="final"}')) - before.finals
      const windows = (await counted(setting, 'windows_total')) - before.windows
      expect(finals).toBeLessThanOrEqual(windows)
      expect(outcome.windows).toBeLessThanOrEqual(finals)
    })
  }, 240_000)
})
