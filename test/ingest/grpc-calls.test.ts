/** Calls while connections end, while we fail, and many at once. */

import { setTimeout as delay } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../src/ingest/adapter.ts'
import { startGrpc } from '../../src/ingest/grpc.ts'
import type { GrpcBody } from '../../src/ingest/grpc-method.ts'
import { createReceiver } from '../../src/ingest/receive.ts'
import { grpcLimits, grpcTimeouts } from '../../src/ingest/schema.ts'
import { Flag, FrameType } from '../../src/net/http2-frames.ts'
import { callFields, headers, hello, message, rawFrame } from '../support/http2-frames.ts'
import { countsOf, createFakeDeps, eventually, type FakeDeps, openBooks, sumOf, toyTranslate } from './support/fakes.ts'
import { createClient, type GrpcClient, openHttp2, type RawHttp2 } from './support/grpc-client.ts'

const path = '/toy.Collector/Post'
const watchPath = '/grpc.health.v1.Health/Watch'

let deps: FakeDeps
let listener: Listener | undefined
const closers: (() => void)[] = []
beforeEach(() => {
  deps = createFakeDeps()
})
afterEach(async () => {
  for (const close of closers.splice(0)) close()
  await listener?.stop(0)
  listener = undefined
  expect(openBooks(deps.metrics)).toEqual([])
})

async function start(knobs: { limits?: object; timeouts?: object; checkHead?: GrpcBody['checkHead'] } = {}): Promise<string> {
  const receiver = createReceiver({ format: 'toy', transport: 'grpc', translate: toyTranslate }, deps)
  listener = await startGrpc(
    {
      section: 'ingest.toy.grpc',
      host: '127.0.0.1',
      port: 0,
      limits: grpcLimits.parse(knobs.limits ?? {}),
      timeouts: grpcTimeouts.parse(knobs.timeouts ?? {}),
      bodies: [{ path, receiver, checkHead: knobs.checkHead }],
      trouble: () => undefined,
    },
    deps,
  )
  return listener.addresses[0] as string
}

const clientOf = (address: string): GrpcClient => {
  const client = createClient(address)
  closers.push(client.close)
  return client
}

const rawOf = async (address: string): Promise<RawHttp2> => {
  const raw = await openHttp2(address)
  closers.push(raw.destroy)
  return raw
}

const received = (): number => sumOf(deps.metrics, 'otlp_bridge_received_requests_total')
const closedBy = (): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_connections_closed_total', 'reason')
const spans = (count: number): Buffer => Buffer.alloc(count, 's')

/** Makes the intake wait until the function it gives is called. */
function gate(): () => void {
  let open = (): void => {}
  deps.fake.gate = new Promise((resolve) => {
    open = resolve
  })
  return open
}

describe('createGrpcServer, the end of a connection', () => {
  it('gives a client that does not answer its ping as long as any other: its call is served', async () => {
    const open = gate()
    const address = await start({ timeouts: { age: 60, header: 80, pong: 400 } })
    const raw = await rawOf(address)
    raw.send(hello(), headers(1, callFields(path)), message(1, spans(3)))
    await raw.until((frame) => frame.type === FrameType.GoAway)
    // Long enough for several looks at the connection.
    await delay(150)
    open()
    const frames = await raw.until((frame) => frame.id === 1 && (frame.flags & Flag.EndStream) !== 0)
    expect(frames.some((frame) => frame.id === 1 && frame.type === FrameType.Data)).toBe(true)
    expect(closedBy()).toEqual({})
    expect(deps.fake.batches.map((one) => one.items)).toEqual([3])
  })

  it('ends the watching of health when it stops, and does not wait out the deadline for it', async () => {
    const address = await start()
    const watching = clientOf(address).watch(watchPath, Buffer.alloc(0))
    await eventually(() => watching.replies.length === 1)
    const startedAt = Date.now()
    await listener?.stop(10_000)
    expect(Date.now() - startedAt).toBeLessThan(3000)
    expect(await watching.code).toBe(status.UNAVAILABLE)
  })

  it('ends it when the connection is old, too', async () => {
    const address = await start({ timeouts: { age: 60, header: 80 } })
    const watching = clientOf(address).watch(watchPath, Buffer.alloc(0))
    expect(await watching.code).toBe(status.UNAVAILABLE)
    expect(closedBy()).toEqual({})
  })

  it('counts the age of a connection from its own beginning, however long nobody was there', async () => {
    const address = await start({ timeouts: { age: 400, header: 80 } })
    const first = await rawOf(address)
    first.destroy()
    await delay(500)
    const raw = await rawOf(address)
    raw.send(hello(), headers(1, callFields(path)), message(1, spans(1)))
    await raw.until((frame) => frame.id === 1 && (frame.flags & Flag.EndStream) !== 0)
    await delay(100)
    expect(raw.frames().some((frame) => frame.type === FrameType.GoAway)).toBe(false)
  })
})

describe('createGrpcServer, faults of ours', () => {
  it('costs the connection and nobody else, and stands in the log', async () => {
    const address = await start({
      checkHead(header) {
        if (header('x-fault') !== undefined) throw new TypeError('a fault')
        return undefined
      },
    })
    const client = clientOf(address)
    expect(await client.call(path, spans(1))).toMatchObject({ code: 0 })
    const raw = await rawOf(address)
    raw.send(hello(), headers(1, callFields(path, [['x-fault', '1']])), message(1, spans(1)))
    await raw.closed()
    expect(
      raw
        .frames()
        .find((frame) => frame.type === FrameType.GoAway)
        ?.payload.toString('latin1', 8),
    ).toBe('internal')
    expect(closedBy()).toEqual({ internal: 1 })
    expect(deps.lines).toContain('a fault of the bridge in a connection; the connection was closed')
    expect(await client.call(path, spans(1))).toMatchObject({ code: 0 })
  })
})

describe('createGrpcServer, many at once', () => {
  it('takes a thousand calls over one connection, as many at once as allowed', async () => {
    const client = clientOf(await start())
    const outcomes = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.call(path, spans(i % 7))))
    expect(outcomes.filter(({ code }) => code !== 0)).toEqual([])
    expect(received()).toBe(1000)
  })

  it('puts messages together whose pieces come mixed, one byte a frame', async () => {
    const raw = await rawOf(await start())
    const ids = Array.from({ length: 50 }, (_, i) => 2 * i + 1)
    const bodies = new Map(ids.map((id) => [id, message(id, spans(id)).subarray(9)]))
    raw.send(hello(), ...ids.map((id) => headers(id, callFields(path))))
    for (let at = 0; at < 200; at++) {
      const frames = ids.flatMap((id) => {
        const body = bodies.get(id)?.subarray(at, at + 1) ?? Buffer.alloc(0)
        const last = at === id + 4
        return body.length === 0 ? [] : [rawFrame(FrameType.Data, last ? Flag.EndStream : 0, id, body)]
      })
      raw.send(...frames)
    }
    await eventually(() => deps.fake.batches.length === 50)
    expect(deps.fake.batches.map((one) => one.items).sort((a, b) => a - b)).toEqual(ids)
    expect(closedBy()).toEqual({})
  })

  it('takes twenty messages of 4 MiB at once, some of them cut off, and gives all memory back', async () => {
    const address = await start({ limits: { pending: 24 * 1024 * 1024 } })
    const size = 4 * 1024 * 1024
    const clients = Array.from({ length: 4 }, () => clientOf(address))
    for (let round = 0; round < 3; round++) {
      const raw = await rawOf(address)
      raw.send(hello(), headers(1, callFields(path)), message(1, spans(900_000)).subarray(0, 500_000))
      const outcomes = await Promise.all(clients.map((client) => client.call(path, spans(size))))
      // As many as may be on their way at once are taken, the others are told to come back.
      expect(outcomes.every(({ code }) => code === status.OK || code === status.RESOURCE_EXHAUSTED)).toBe(true)
      raw.destroy()
    }
    await eventually(() => countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')['cut_off'] === 3)
    // Nothing is held back: as much as ever fits.
    const outcomes = await Promise.all(clients.map((client) => client.call(path, spans(size))))
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0])
  })
})
