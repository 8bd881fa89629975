/** Hostile gRPC and HTTP/2: lengths, flags, compression, floods, slowness, other protocols. */

import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HpackDecoder } from '../../src/net/hpack.ts'
import { Flag, FrameType, Http2Code, preface } from '../../src/net/http2-frames.ts'
import { createClient, type GrpcClient, openHttp2, type RawHttp2 } from '../ingest/support/grpc-client.ts'
import { callFields, type Fields, type Frame, headers, hello, message, rawFrame } from '../support/http2-frames.ts'
import { encodeJaeger } from '../support/jaeger-proto.ts'
import { type Live, startLive } from './support/live.ts'
import { type Sink, startSink } from './support/sink.ts'
import { eventually, expectBooksToBalance, type Range, under } from './support/throw.ts'

const path = '/jaeger.api_v2.CollectorService/PostSpans'
const connections = 400

let live: Live
let sink: Sink
let range: Range
let client: GrpcClient
let address = ''

beforeAll(async () => {
  sink = await startSink()
  live = await startLive(sink.url, [
    'ingest.jaeger.grpc.timeouts.request=1500ms',
    'ingest.jaeger.grpc.timeouts.header=800ms',
    'ingest.jaeger.grpc.timeouts.ping=600ms',
    'ingest.jaeger.grpc.timeouts.pong=600ms',
    'ingest.jaeger.grpc.limits.pending=32MiB',
    `ingest.jaeger.grpc.limits.connections=${connections}`,
  ])
  range = { live, sink, sent: new Set() }
  address = `grpc://127.0.0.1:${live.ports.jaegerGrpc}`
  client = createClient(address)
}, 60_000)

afterAll(async () => {
  client?.close()
  const code = await live?.stop()
  await sink?.close()
  expect(code, live?.output().slice(-2000)).toBe(0)
}, 60_000)

let marks = 0
const spanOf = (name: string): object => ({ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), operationName: name })
const request = (...names: string[]): Uint8Array =>
  encodeJaeger('PostSpansRequest', { batch: { spans: names.map(spanOf), process: { serviceName: 'hostile' } } })

/** A good span over the official client, which keeps its connection through everything. */
const stillTakes = async (): Promise<void> => {
  const mark = `grpc mark ${++marks}`
  expect(await client.call(path, request(mark))).toMatchObject({ code: 0 })
  range.sent.add(mark)
}

const countOf = async (name: string, reason: string): Promise<number> => {
  let sum = 0
  for (const [series, value] of await live.metrics()) if (series.startsWith(name) && series.includes(`reason="${reason}"`)) sum += value
  return sum
}

/** `act` must leave the bridge as it was, and be counted under the reason. */
const survives = async (
  riseMiB: number,
  counter: 'refused_requests' | 'connections_closed',
  reason: string,
  act: () => Promise<void>,
): Promise<void> => {
  const name = `otlp_bridge_${counter}_total`
  const before = await countOf(name, reason)
  await under(range, riseMiB, act)
  await stillTakes()
  expect(await eventually(async () => (await countOf(name, reason)) > before), `counted as ${reason}`).toBe(true)
}

const fieldsOf = (frames: readonly Frame[], id: number): Record<string, string> => {
  const fields: Record<string, string> = {}
  for (const frame of frames) {
    if (frame.type !== FrameType.Headers || frame.id !== id) continue
    new HpackDecoder().decode(frame.payload, 0, frame.payload.length, (name, value) => {
      fields[name] = value
    })
  }
  return fields
}

const statusOf = async (raw: RawHttp2, id: number): Promise<string | undefined> => {
  const frames = await raw.until((frame) => frame.id === id && frame.type === FrameType.Headers && (frame.flags & Flag.EndStream) !== 0)
  return fieldsOf(frames, id)['grpc-status']
}

const goAwayOf = async (raw: RawHttp2): Promise<number | undefined> => {
  await raw.closed()
  return raw
    .frames()
    .find((frame) => frame.type === FrameType.GoAway)
    ?.payload.readUInt32BE(4)
}

const bomb = (): Buffer => gzipSync(Buffer.alloc(1_400_000_000 / 4))

describe('calls that are not to be taken', () => {
  it.each<[string, string, string, Fields, () => Uint8Array]>([
    ['a length of 2^32 − 1 with few bytes', '8', 'limit_body', [], () => rawFrame(FrameType.Data, 0, 1, '00ffffffff0a0b0c')],
    ['a length over the limit, sent whole', '8', 'limit_body', [], () => message(1, Buffer.alloc(5_000_000))],
    ['a compressed flag with identity', '13', 'decode_frame', [['grpc-encoding', 'identity']], () => message(1, request('x'), 1)],
    ['a compressed flag without encoding', '13', 'decode_frame', [], () => message(1, request('x'), 1)],
    ['an unknown encoding', '12', 'unsupported_encoding', [['grpc-encoding', 'snappy']], () => message(1, request('x'), 1)],
    [
      'zstd with a window of 2 GB',
      '12',
      'unsupported_encoding',
      [['grpc-encoding', 'zstd']],
      () => message(1, Buffer.from('28b52ffd00a8010000', 'hex'), 1),
    ],
    ['a gzip bomb', '8', 'limit_body', [['grpc-encoding', 'gzip']], () => message(1, bomb(), 1)],
    ['gzip cut short', '3', 'decode_encoding', [['grpc-encoding', 'gzip']], () => message(1, gzipSync(request('x')).subarray(0, 20), 1)],
    ['spans without end', '8', 'limit_items', [], () => message(1, tooManySpans())],
    ['logs without content', '3', 'limit_length', [], () => message(1, emptyLogs())],
    ['a message that is none', '3', 'decode_proto', [], () => message(1, Buffer.from('0a05ff', 'hex'))],
    ['groups in groups', '3', 'decode_proto', [], () => message(1, Buffer.alloc(20_000, 0x0b))],
  ])('%s', async (_name, status, reason, more, body) => {
    await survives(64, 'refused_requests', reason, async () => {
      const wire = body()
      const raw = await openHttp2(address)
      raw.send(hello(), headers(1, callFields(path, more)))
      for (let at = 0; at < wire.length && at < 6_000_000; at += 200_000) raw.send(wire.subarray(at, at + 200_000))
      expect(await statusOf(raw, 1)).toBe(status)
      raw.destroy()
    })
  })

  it('metadata of 1 MB', async () => {
    await survives(32, 'connections_closed', 'header_flood', async () => {
      const raw = await openHttp2(address)
      const block = headers(1, callFields(path, [['x-large', 'y'.repeat(1_000_000)]])).subarray(9)
      raw.send(hello(), rawFrame(FrameType.Headers, 0, 1, block.subarray(0, 16_000)))
      for (let at = 16_000; at < block.length; at += 16_000)
        raw.send(rawFrame(FrameType.Continuation, 0, 1, block.subarray(at, at + 16_000)))
      expect(await goAwayOf(raw)).toBe(Http2Code.EnhanceYourCalm)
    })
  })

  it('metadata of 20 kB', async () => {
    const raw = await openHttp2(address)
    const block = headers(1, callFields(path, [['x-large', 'y'.repeat(20_000)]])).subarray(9)
    raw.send(
      hello(),
      rawFrame(FrameType.Headers, 0, 1, block.subarray(0, 16_000)),
      rawFrame(FrameType.Continuation, Flag.EndHeaders, 1, block.subarray(16_000)),
    )
    expect(await statusOf(raw, 1)).toBe('8')
    raw.destroy()
    await stillTakes()
  })

  it('a bomb of indexed fields', async () => {
    await under(range, 32, async () => {
      const raw = await openHttp2(address)
      raw.send(hello(), headers(1, callFields('/x')))
      // A field of 4000 bytes into the table, then 16,000 times the one byte that means it.
      const name = Buffer.concat([Uint8Array.of(0x40, 0x01, 0x78, 0x7f, 0xa1, 0x1e), Buffer.alloc(4000, 0x79)])
      raw.send(rawFrame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, 3, Buffer.concat([name, Buffer.alloc(12_000, 0xbe)])))
      for (let id = 5; id < 205; id += 2)
        raw.send(rawFrame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, id, Buffer.alloc(16_000, 0xbe)))
      expect(await statusOf(raw, 203)).toBe('8')
      raw.destroy()
    })
    await stillTakes()
  })
})

const tooManySpans = (): Uint8Array => {
  const spans = Buffer.alloc(2 * 150_000)
  for (let at = 0; at < spans.length; at += 2) spans[at] = 0x0a
  return Buffer.concat([Uint8Array.of(0x0a, 0xe0, 0xa7, 0x12), spans])
}

const emptyLogs = (): Uint8Array => {
  const logs = Buffer.alloc(2 * 9000)
  for (let at = 0; at < logs.length; at += 2) logs[at] = 0x4a
  const batch = Buffer.concat(Array.from({ length: 200 }, () => Buffer.concat([Uint8Array.of(0x0a, 0xd0, 0x8c, 0x01), logs])))
  const length = batch.length
  return Buffer.concat([
    Uint8Array.of(0x0a, (length & 0x7f) | 0x80, ((length >>> 7) & 0x7f) | 0x80, ((length >>> 14) & 0x7f) | 0x80, length >>> 21),
    batch,
  ])
}

describe('floods', () => {
  it('100,000 streams opened and reset, over as many connections as it takes', async () => {
    await survives(48, 'connections_closed', 'flood', async () => {
      const reset = (id: number): Buffer => Buffer.concat([headers(id, callFields(path)), rawFrame(FrameType.RstStream, 0, id, '00000008')])
      for (let sent = 0; sent < 100_000; ) {
        const raw = await openHttp2(address)
        raw.send(hello())
        for (let id = 1; id < 4000; id += 200, sent += 100) raw.send(...Array.from({ length: 100 }, (_, i) => reset(id + 2 * i)))
        expect(await goAwayOf(raw)).toBe(Http2Code.EnhanceYourCalm)
      }
    })
  })

  it.each<[string, string, number, () => Buffer[]]>([
    [
      'CONTINUATION',
      'header_flood',
      Http2Code.EnhanceYourCalm,
      () => [
        rawFrame(FrameType.Headers, 0, 1, headers(1, callFields(path)).subarray(9)),
        ...Array.from({ length: 10_000 }, () => rawFrame(FrameType.Continuation, 0, 1)),
      ],
    ],
    [
      'pings',
      'flood',
      Http2Code.EnhanceYourCalm,
      () => Array.from({ length: 100_000 }, () => rawFrame(FrameType.Ping, 0, 0, '0102030405060708')),
    ],
    [
      'settings',
      'flood',
      Http2Code.EnhanceYourCalm,
      () => Array.from({ length: 100_000 }, () => rawFrame(FrameType.Settings, 0, 0, '000400000001')),
    ],
    [
      'empty DATA',
      'flood',
      Http2Code.EnhanceYourCalm,
      () => [headers(1, callFields(path)), ...Array.from({ length: 100_000 }, () => rawFrame(FrameType.Data, 0, 1))],
    ],
    [
      'priorities',
      'flood',
      Http2Code.EnhanceYourCalm,
      () => Array.from({ length: 100_000 }, () => rawFrame(FrameType.Priority, 0, 1, '0000000010')),
    ],
  ])('%s', async (_name, reason, code, frames) => {
    await survives(48, 'connections_closed', reason, async () => {
      const raw = await openHttp2(address)
      raw.send(hello())
      raw.send(...frames())
      expect(await goAwayOf(raw)).toBe(code)
    })
  })

  it('calls by the thousand, none of which is finished', async () => {
    await under(range, 64, async () => {
      const raws = await Promise.all(Array.from({ length: 20 }, () => openHttp2(address)))
      for (const raw of raws) {
        raw.send(hello())
        // Each declares a message of 1 MB and sends 20 kB of it.
        for (let id = 1; id < 201; id += 2) {
          raw.send(
            headers(id, callFields(path)),
            rawFrame(FrameType.Data, 0, id, Buffer.concat([Buffer.from('00000f4240', 'hex'), Buffer.alloc(16_000)])),
          )
        }
      }
      for (const raw of raws) await statusOf(raw, 199)
      for (const raw of raws) raw.destroy()
    })
    expect(await countOf('otlp_bridge_refused_requests_total', 'limit_pending')).toBeGreaterThan(0)
    expect(await eventually(async () => (await countOf('otlp_bridge_refused_requests_total', 'cut_off')) > 0)).toBe(true)
    await stillTakes()
  })
})

describe('other protocols and slowness', () => {
  it.each<[string, string | Buffer, RegExp]>([
    ['HTTP/1', 'POST /api/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]', /^HTTP\/1\.1 400 /],
    ['HTTP/1 with an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a preface with a wrong end', Buffer.concat([preface.subarray(0, 23), Buffer.from('x')]), /^HTTP\/1\.1 400 /],
  ])('%s is told what this port speaks', async (_name, bytes, want) => {
    await survives(16, 'connections_closed', 'not_http2', async () => {
      const raw = await openHttp2(address)
      raw.send(Buffer.from(bytes as string))
      expect((await raw.closed()).toString('latin1')).toMatch(want)
    })
  })

  it('TLS is closed', async () => {
    await survives(16, 'connections_closed', 'not_plain', async () => {
      const raw = await openHttp2(address)
      raw.send(Buffer.from('16030102000100', 'hex'))
      await raw.closed()
    })
  })

  it('a body of a byte at a time is cut off, the connection is not', async () => {
    await survives(16, 'refused_requests', 'cut_off', async () => {
      const raw = await openHttp2(address)
      raw.send(hello(), headers(1, callFields(path)), rawFrame(FrameType.Data, 0, 1, '00000000ff'))
      const slow = setInterval(() => raw.send(rawFrame(FrameType.Data, 0, 1, '00')), 100)
      expect(await statusOf(raw, 1)).toBe('14')
      clearInterval(slow)
      raw.send(headers(3, callFields(path)), message(3, request()))
      expect(await statusOf(raw, 3)).toBe('0')
      raw.destroy()
    })
  })

  it.each<[string, string, () => Buffer]>([
    ['say nothing', 'header_timeout', () => Buffer.alloc(0)],
    ['greet and say nothing more', 'ping_timeout', () => hello()],
    ['stop within their metadata', 'header_timeout', () => Buffer.concat([hello(), headers(1, callFields(path), 0)])],
  ])('connections that %s are closed', async (_name, reason, first) => {
    await survives(48, 'connections_closed', reason, async () => {
      const sockets: Socket[] = []
      let open = 0
      for (let i = 0; i < connections - 50; i++) {
        const socket = connect(live.ports.jaegerGrpc, '127.0.0.1')
        sockets.push(socket)
        open++
        socket.on('error', () => {})
        // Nobody reads, nobody answers pings.
        socket.resume()
        socket.on('close', () => {
          open--
        })
        socket.write(first())
      }
      expect(await eventually(() => open === 0, 8000)).toBe(true)
    })
  })

  it('answers that nobody takes', async () => {
    await under(range, 32, async () => {
      const raw = await openHttp2(address)
      // A window of 0: no answer can be sent.
      raw.send(hello([[4, 0]]))
      for (let id = 1; id < 201; id += 2) raw.send(headers(id, callFields(path)), message(id, request()))
      await delay(300)
      raw.destroy()
    })
    await stillTakes()
  })
})

describe('the end', () => {
  it('has balanced books and lost no good span', () => expectBooksToBalance(range))
})
