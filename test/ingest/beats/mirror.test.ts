import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { beatsConfig } from '../../../src/ingest/beats/config.ts'
import { startBeats } from '../../../src/ingest/beats/server.ts'
import { createAckGate } from '../../../src/ingest/beats/through.ts'
import type { MirrorState } from '../../../src/ingest/mirror-door.ts'
import type { Seen } from '../../../src/ingest/observe.ts'
import { createTunnel } from '../../../src/mirror/tunnel.ts'
import {
  compressedFrame,
  connectLumberjack,
  dataFrame,
  jsonFrame,
  type LumberjackClient,
  windowFrame,
  windowOf,
} from '../../support/lumberjack.ts'
import { createFakeMirror, type FakeMirror } from '../support/fake-mirror.ts'
import { countsOf, createFakeDeps, eventually, type FakeDeps, openBooks, queueFull } from '../support/fakes.ts'
import { createFakeBatcher, linesOf } from './support.ts'

let deps: FakeDeps
let listener: Listener
let mirror: FakeMirror
let clients: LumberjackClient[]
let seen: Seen[]

beforeEach(() => {
  deps = createFakeDeps(Date.now)
  clients = []
  seen = []
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  await listener.stop(1000)
  expect(openBooks(deps.metrics)).toEqual([])
})

async function start(state: Partial<MirrorState> = {}, tunnel?: string): Promise<LumberjackClient> {
  mirror = createFakeMirror('beats', state)
  const door = tunnel === undefined ? mirror.door : { ...mirror.door, tunnel: createTunnel({ url: tunnel, timeoutMs: 1000 }) }
  const observer = { wants: () => true, see: (one: Seen) => void seen.push({ ...one, body: one.body.slice() }) }
  const config = beatsConfig.parse({ host: '127.0.0.1', port: 0 })
  listener = await startBeats(config, { ...deps, batcher: createFakeBatcher(), mirrors: () => door, observer })
  return connect()
}

async function connect(): Promise<LumberjackClient> {
  const client = await connectLumberjack(Number(new URL(listener.addresses[0] as string).port))
  clients.push(client)
  return client
}

const beat = { '@metadata': { beat: 'filebeat', type: '_doc', version: '7.17.29' } }
const events = (count: number, filler = ''): object[] =>
  Array.from({ length: count }, (_, at) => ({ ...beat, message: `event ${at}`, filler }))

describe('a mirrored window', () => {
  it('is put with its events as they came', async () => {
    const client = await start()
    const payloads = ['{ "message" : "a" , "x":1.0}', '{"message":"b\\u00e9"}', '{"message":"c"}']
    client.write(Buffer.concat([windowFrame(3), compressedFrame(payloads.map((one, at) => jsonFrame(at + 1, one)))]))
    await client.acknowledged(1)
    expect(linesOf(deps)).toHaveLength(3)
    const [batch] = deps.fake.batches
    expect([deps.fake.batches.length, batch?.items, batch?.envelope?.items, batch?.client]).toEqual([
      1,
      3,
      3,
      { address: '127.0.0.1', userAgent: undefined },
    ])
    const [{ head, body } = { head: undefined, body: Buffer.alloc(0) }] = mirror.wrapped
    expect([body.toString(), head?.kind, head?.address]).toEqual([payloads.join(''), 'beats', '127.0.0.1'])
    expect(head?.connection).not.toBe('')
  })

  it('goes by the name of its Beat where its events name no index', async () => {
    const client = await start()
    client.write(windowOf(events(2)))
    await client.acknowledged(1)
    expect(deps.fake.batches.map(({ keys, client: who }) => [keys, who?.userAgent])).toEqual([
      [[{ service: 'filebeat', items: 2 }], 'filebeat/7.17.29'],
    ])
    expect(seen.map(({ endpoint, items, body }) => [endpoint, items, body.toString().split('\n').length])).toEqual([['beats', 2, 3]])
  })

  it('of version 1 becomes JSON', async () => {
    const client = await start()
    client.write(
      Buffer.concat([
        windowFrame(1, 1),
        dataFrame(1, [
          ['line', 'a"b'],
          ['host', 'h'],
        ]),
      ]),
    )
    await client.acknowledged(1)
    expect(mirror.wrapped[0]?.body.toString()).toBe('{"@version":"1","message":"a\\"b","host":"h"}')
  })

  it('of some MiB goes in parts, each with the lengths of its events', async () => {
    const client = await start()
    const all = events(600, 'x'.repeat(10_000))
    client.write(windowOf(all))
    await client.acknowledged(1)
    expect(mirror.wrapped.length).toBeGreaterThan(4)
    expect(Buffer.concat(mirror.wrapped.map(({ body }) => body)).toString()).toBe(all.map((one) => JSON.stringify(one)).join(''))
    expect(mirror.wrapped.map(({ last }) => last)).toEqual(mirror.wrapped.map((_one, at) => at === mirror.wrapped.length - 1))
    expect(mirror.wrapped.reduce((sum, { items }) => sum + items, 0)).toBe(600)
    expect(deps.fake.stagings.map(({ state }) => state)).toEqual(['committed'])
  })

  it('too large for memory is staged as it comes', async () => {
    const client = await start()
    const all = events(900, 'x'.repeat(40_000))
    client.write(windowOf(all, { compressed: false }))
    await client.acknowledged(1)
    expect(linesOf(deps)).toHaveLength(900)
    expect(deps.fake.stagings.map(({ state }) => state)).toEqual(['committed'])
    const sent = deps.fake.batches.flatMap(({ envelope }) => (envelope === undefined ? [] : [envelope.data]))
    expect(Buffer.concat(sent).toString()).toBe(all.map((one) => JSON.stringify(one)).join(''))
    expect(mirror.wrapped.map(({ part }) => part)).toEqual(mirror.wrapped.map((_one, at) => at))
    expect(mirror.wrapped.at(-1)?.last).toBe(true)
  })

  it('is acknowledged when both sides have it, and not before', async () => {
    const client = await start()
    deps.fake.refuseWith = queueFull()
    client.write(windowOf(events(2)))
    await eventually(() => deps.metrics.total('otlp_bridge_beats_pending_windows') === 1)
    expect(client.finals).toEqual([])
    deps.fake.refuseWith = undefined
    await client.acknowledged(1)
    expect(deps.fake.batches.map(({ items, envelope }) => [items, envelope?.items])).toEqual([[2, 2]])
  })

  it('goes to the old side alone where the new one may go without', async () => {
    const client = await start({ new: 'optional' })
    let isFirst = true
    Object.defineProperty(deps.fake, 'putError', {
      get: () => {
        const error = isFirst ? queueFull() : undefined
        isFirst = false
        return error
      },
    })
    client.write(windowOf(events(2)))
    await client.acknowledged(1)
    expect(deps.fake.batches.map(({ items, envelope }) => [items, envelope?.items])).toEqual([[0, 2]])
    expect(countsOf(deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ shed_full: 2 })
  })

  it('has no part for an old side that gets nothing', async () => {
    const client = await start({ old: 'off' })
    client.write(windowOf(events(2)))
    await client.acknowledged(1)
    expect([mirror.wrapped, deps.fake.batches.map(({ envelope }) => envelope)]).toEqual([[], [undefined]])
  })
})

const ack = (sequence: number): Buffer => {
  const bytes = Buffer.from('2A\0\0\0\0')
  bytes.writeUInt32BE(sequence, 2)
  return bytes
}

describe('createAckGate', () => {
  const open = (): { gate: ReturnType<typeof createAckGate>; passed: number[] } => {
    const passed: number[] = []
    return { gate: createAckGate((frame) => void passed.push(Buffer.from(frame).readUInt32BE(2))), passed }
  }

  it('holds an ack until the new queue has the window', () => {
    const { gate, passed } = open()
    gate.data(Buffer.concat([ack(0), ack(3), ack(5)]))
    expect(passed).toEqual([0])
    gate.stored(5)
    expect(passed).toEqual([0, 3, 5])
  })

  it('passes acks of a window that the new queue had first, whatever cuts them', () => {
    const { gate, passed } = open()
    gate.stored(2)
    for (const byte of Buffer.concat([ack(1), ack(2), ack(1)])) gate.data(Buffer.of(byte))
    expect(passed).toEqual([1, 2])
    gate.stored(2)
    expect(passed).toEqual([1, 2, 1])
  })

  it('knows what is no ack', () => {
    expect(open().gate.data(Buffer.from('HTTP/1.1 400'))).toBe(false)
  })
})

describe('a window that is passed through', () => {
  let server: Server
  let sockets: Socket[]
  let got: Buffer
  afterEach(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  const startOld = async (onData: (socket: Socket) => void): Promise<string> => {
    sockets = []
    got = Buffer.alloc(0)
    server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        got = Buffer.concat([got, bytes])
        onData(socket)
      })
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    return `tcp://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`
  }

  it('reaches the old side byte for byte, and is acknowledged by it', async () => {
    const window = windowOf(events(3))
    const url = await startOld((socket) => void (got.length === window.length && socket.write(ack(3))))
    const client = await start({}, url)
    client.write(window)
    await client.acknowledged(1)
    expect([client.finals, got.equals(window), linesOf(deps).length]).toEqual([[3], true, 3])
    expect(deps.fake.batches.map(({ envelope }) => envelope)).toEqual([undefined])
  })

  it('is not acknowledged before the new queue has it', async () => {
    const url = await startOld((socket) => void socket.write(ack(3)))
    const client = await start({}, url)
    deps.fake.refuseWith = queueFull()
    client.write(windowOf(events(3)))
    await eventually(() => deps.metrics.total('otlp_bridge_beats_pending_windows') === 1 && got.length > 0)
    expect(client.finals).toEqual([])
    deps.fake.refuseWith = undefined
    await client.acknowledged(1)
    expect(client.finals).toEqual([3])
  })

  it('is not acknowledged by the bridge', async () => {
    const url = await startOld(() => {})
    const client = await start({}, url)
    client.write(windowOf(events(3)))
    await eventually(() => linesOf(deps).length === 3)
    expect(client.finals).toEqual([])
  })

  it('ends with the connection to the old side, and with none', async () => {
    const url = await startOld((socket) => socket.destroy())
    const client = await start({}, url)
    client.write(windowOf(events(1)))
    await client.closed()
    server.close()
    await eventually(() => !server.listening)
    const next = await connect()
    next.write(windowOf(events(1)))
    await next.closed()
    expect([client.finals, next.finals]).toEqual([[], []])
  })
})
