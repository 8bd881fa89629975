import { createSocket, type Socket } from 'node:dgram'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type MirrorBench, startMirror } from './bench-lane.ts'
import { startScriptedServer } from './scripted-server.ts'

let bench: MirrorBench | undefined
let agent: Socket | undefined

afterEach(async () => {
  await bench?.close()
  bench = undefined
  agent?.close()
  agent = undefined
})

const quick = { retry: { initial: '1ms', max: '4ms' } }

const startAgent = async (): Promise<{ readonly port: number; readonly got: Buffer[] }> => {
  const socket = createSocket('udp4')
  agent = socket
  const got: Buffer[] = []
  socket.on('message', (message) => got.push(message))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return { port: (socket.address() as AddressInfo).port, got }
}

const skipped = (b: MirrorBench, reason: string): number =>
  b.metrics.counter('otlp_bridge_mirror_skipped_total', { destination: 'mirror.jaeger.compact', reason }).value

const group = (...datagrams: Uint8Array[]) => ({ body: Buffer.concat(datagrams), lengths: datagrams.map(({ length }) => length) })

describe('createUdpOldSide', () => {
  it('sends each datagram as it came, and nobody confirms it', async () => {
    const { port, got } = await startAgent()
    bench = await startMirror('jaeger.compact', { jaeger: { compact: { url: `udp://127.0.0.1:${port}`, ...quick } } })
    const datagrams = [0, 1, 2000, 65_000].map((length) => Buffer.alloc(length, length % 251))
    const { body, lengths } = group(...datagrams, Buffer.alloc(65_001))
    await bench.put(body, { kind: 'udp', lengths }, 5)
    await bench.gone(1)
    await expect.poll(() => got.length).toBe(4)
    expect(got.map((one, at) => one.equals(datagrams[at] as Buffer))).toEqual([true, true, true, true])
    expect(bench.left).toMatchObject([{ what: 'settled', reason: 'sent' }])
    expect(skipped(bench, 'too_large_old')).toBe(1)
  })

  it('counts what nobody listened for', async () => {
    const { port } = await startAgent()
    agent?.close()
    agent = undefined
    bench = await startMirror('jaeger.compact', { jaeger: { compact: { url: `udp://127.0.0.1:${port}`, ...quick } } })
    const b = bench
    for (let at = 0; at < 5; at++) {
      await b.put('x', { kind: 'udp', lengths: [1] })
      await b.gone(at + 1)
    }
    await expect.poll(() => skipped(b, 'old_unreachable')).toBeGreaterThan(0)
    expect(b.left.every(({ what, reason }) => what === 'settled' && reason === 'sent')).toBe(true)
  })
})

describe('createReframingOldSide', () => {
  it('posts the batch of each datagram to the old collector, and goes on where it stopped', async () => {
    const old = await startScriptedServer()
    old.script({ status: 202 }, { status: 503 }, { status: 202 })
    bench = await startMirror('jaeger.compact', { jaeger: { compact: { url: old.url, via: 'http', ...quick } } })
    // emitBatch(1: struct { 1: i32 = at })
    const datagram = (at: number) => Buffer.from([0x82, 0x81, 0, 9, ...Buffer.from('emitBatch'), 0x1c, 0x15, at * 2, 0, 0])
    const { body, lengths } = group(datagram(1), Buffer.from('noise'), datagram(2))
    await bench.put(body, { kind: 'udp', lengths }, 3)
    await bench.gone(1)
    expect(old.seen.map(({ body: got }) => got.toString('hex'))).toEqual(
      ['08000100000001', '08000100000002', '08000100000002'].map((one) => `${one}00`),
    )
    expect(old.seen[0]?.url).toBe('/api/traces?format=jaeger.thrift')
    expect(old.seen[0]?.rawHeaders).toEqual(
      expect.arrayContaining(['Content-Type', 'application/x-thrift', 'Via', '1.1 otlp-bridge-0a1b2c3d']),
    )
    expect(bench.left).toMatchObject([{ what: 'settled', reason: '' }])
    expect(skipped(bench, 'undecodable')).toBe(1)
    await bench.close()
    await old.close()
  })
})
