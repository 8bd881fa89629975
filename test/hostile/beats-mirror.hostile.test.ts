/** Windows on their way to both sides, one of them of 45 MB: the old Logstash has every event as it was sent, in order. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { inflateSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { connectLumberjack, windowOf } from '../support/lumberjack.ts'
import { startCountingSink } from './support/large-bodies.ts'
import { startLive } from './support/live.ts'
import { eventually } from './support/throw.ts'

/** Takes windows as a Logstash does: keeps the payload of each event, acknowledges each window with its last number. */
function takeWindows(socket: Socket, events: string[]): void {
  let rest: Buffer = Buffer.alloc(0)
  let left = 0

  const event = (bytes: Buffer, sequence: number): void => {
    events.push(bytes.toString())
    if (--left > 0) return
    const ack = Buffer.from('2A\0\0\0\0')
    ack.writeUInt32BE(sequence, 2)
    socket.write(ack)
  }
  /** What is left of bytes that hold frames. */
  const frames = (bytes: Buffer): Buffer => {
    let at = 0
    while (bytes.length - at >= 6) {
      const type = String.fromCharCode(bytes[at + 1] as number)
      const number = bytes.readUInt32BE(at + 2)
      if (type === 'W') {
        left = number
        at += 6
      } else if (type === 'C') {
        if (bytes.length - at < 6 + number) break
        frames(inflateSync(bytes.subarray(at + 6, at + 6 + number)))
        at += 6 + number
      } else {
        if (bytes.length - at < 10) break
        const end = at + 10 + bytes.readUInt32BE(at + 6)
        if (bytes.length < end) break
        event(bytes.subarray(at + 10, end), number)
        at = end
      }
    }
    return bytes.subarray(at)
  }
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    rest = Buffer.from(frames(Buffer.concat([rest, bytes])))
  })
}

const small = Array.from({ length: 3000 }, (_, at) => ({
  '@metadata': { beat: 'filebeat', version: '7.17.29' },
  message: `event ${at} ${'x'.repeat(at % 50 === 0 ? 40_000 : 200)}`,
}))
const large = Array.from({ length: 1500 }, (_, at) => ({ message: `large ${at} ${'y'.repeat(30_000)}` }))

it.each(['reframe', 'tunnel'])(
  'an old Logstash has every event: %s',
  async (mode) => {
    const events: string[] = []
    const old = createServer((socket) => takeWindows(socket, events)).listen(0, '127.0.0.1')
    await once(old, 'listening')
    const { port } = old.address() as AddressInfo
    const sink = await startCountingSink()
    const settings = [`mirror.beats.url=tcp://127.0.0.1:${port}`, `mirror.beats.mode=${mode}`]
    const live = await startLive(sink.url, ['queue.type=disk', 'queue.path=./queue', ...settings])
    try {
      const before = live.residentBytes() / 2 ** 20
      const client = await connectLumberjack(live.ports.beats)
      for (let at = 0; at < small.length; at += 1000) client.write(windowOf(small.slice(at, at + 1000)))
      await client.acknowledged(3)
      client.write(windowOf(large, { compressed: false }))
      await client.acknowledged(4)
      expect(await eventually(() => sink.records === 4500 && events.length >= 4500, 30_000), `${sink.records}, ${events.length}`).toBe(true)
      expect(client.finals).toEqual([1000, 1000, 1000, 1500])
      expect(events.join('\n') === [...small, ...large].map((one) => JSON.stringify(one)).join('\n')).toBe(true)
      const most = live.peakBytes() / 2 ** 20
      console.log(`${mode}: from ${Math.round(before)} to ${Math.round(most)} MiB`)
      client.destroy()
      expect(await live.stop()).toBe(0)
      expect(most - before).toBeLessThan(250)
    } finally {
      await live.stop()
      await sink.close()
      old.close()
    }
  },
  120_000,
)
