import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect as connectTls } from 'node:tls'
import { credentials, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import type { FormatContext } from '../../../src/ingest/format.ts'
import { zipkinConfig } from '../../../src/ingest/zipkin/config.ts'
import { zipkin } from '../../../src/ingest/zipkin/format.ts'
import { type ZipkinTranslateConfig, zipkinTranslateConfig } from '../../../src/translate/zipkin/config.ts'
import { createCertificates, hasOpenssl } from '../../support/certificates.ts'
import { encodeProto } from '../../support/zipkin-oracles.ts'
import { countsOf, createFakeDeps, type FakeDeps, openBooks, openRaw, quietPages } from '../support/fakes.ts'
import { createClient } from '../support/grpc-client.ts'

const report = '/zipkin.proto3.SpanService/Report'
const span = { traceId: Buffer.alloc(16, 1), id: Buffer.alloc(8, 2), name: 'get' }
const spans = encodeProto([span, span])

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(config: object): Promise<{ deps: FakeDeps; listeners: Listener[] }> {
  const deps = createFakeDeps()
  // What the endpoints do not ask for is not there.
  const context = {
    ...deps,
    pages: quietPages,
    translate: zipkinTranslateConfig.parse({}),
    semconv: 'stable',
  } as unknown as FormatContext<ZipkinTranslateConfig>
  const listeners: Listener[] = []
  for (const one of zipkin.endpoints(zipkinConfig.parse({ host: '127.0.0.1', port: 0, ...config }), context))
    listeners.push(await one.start())
  closers.push(() => Promise.all(listeners.map((one) => one.stop(0))))
  return { deps, listeners }
}

const clientOf = (address: string | undefined, ...more: Parameters<typeof createClient> extends [string, ...infer R] ? R : never) => {
  const client = createClient((address ?? '').replace(/^https?/, 'grpc'), ...more)
  closers.push(() => client.close())
  return client
}

const post = (address: string | undefined, body: Uint8Array, type: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(`${address}/api/v2/spans`, { method: 'POST', headers: { 'content-type': type } }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode ?? 0))
    })
    request.on('error', reject)
    request.end(body)
  })

describe('ingest.zipkin.grpc', () => {
  it('speaks gRPC and HTTP/1.1 on one port', async () => {
    const { deps, listeners } = await start({ grpc: {} })
    const [address] = listeners.map((one) => one.addresses[0])
    expect(listeners.length).toBe(1)
    const client = clientOf(address)
    expect(await client.call(report, spans)).toMatchObject({ code: status.OK, reply: Buffer.alloc(0) })
    expect(await post(address, spans, 'application/x-protobuf')).toBe(202)
    expect(await post(address, Buffer.alloc(300_000, ' '), 'application/json')).toBe(202)
    expect(await client.call(report, Buffer.from('ff', 'hex'))).toMatchObject({ code: status.INVALID_ARGUMENT })
    expect((await client.call('/grpc.health.v1.Health/Check', new Uint8Array(0))).reply?.toString('hex')).toBe('0801')
    expect(countsOf(deps.metrics, 'otlp_bridge_received_requests_total', 'transport')).toEqual({ grpc: 2, http: 2 })
    expect(deps.fake.batches.map((one) => [one.format, one.items])).toEqual([
      ['zipkin-proto', 2],
      ['zipkin-proto', 2],
    ])
    expect(openBooks(deps.metrics)).toEqual([])
  })

  it('knows HTTP/2 in whatever pieces it comes', async () => {
    const { listeners } = await start({ grpc: {} })
    const raw = await openRaw(listeners[0]?.addresses[0] ?? '')
    for (const piece of ['P', 'R', 'I * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\0\0\0\x04\0\0\0\0\0']) {
      raw.send(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    // The answer to our SETTINGS: a frame of SETTINGS with the flag ACK.
    expect(await raw.until('\x04\x01\0\0\0\0')).toContain('\x04\x01\0\0\0\0')
    raw.destroy()
  })

  it('takes HTTP/1 in whatever pieces it comes', async () => {
    const { listeners } = await start({ grpc: {} })
    const raw = await openRaw(listeners[0]?.addresses[0] ?? '')
    for (const piece of ['P', 'OST /api/v2/spans HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[', ']']) {
      raw.send(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await raw.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 202 /)
    raw.send('GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    expect(await raw.closed()).toMatch(/"status":"UP"/)
  })

  it('speaks gRPC on a port of its own', async () => {
    const { listeners } = await start({ grpc: { port: 0 } })
    const [http, grpc] = listeners.map((one) => one.addresses[0])
    expect(await clientOf(grpc).call(report, spans)).toMatchObject({ code: status.OK })
    expect(await clientOf(http).call(report, spans)).toMatchObject({ code: status.UNAVAILABLE })
  })

  it('is off unless it is named', async () => {
    for (const config of [{}, { grpc: { enabled: false } }]) {
      const { listeners } = await start(config)
      expect(listeners.length).toBe(1)
      expect(await clientOf(listeners[0]?.addresses[0]).call(report, spans)).toMatchObject({ code: status.UNAVAILABLE })
    }
  })

  it('refuses a whole request for one bad span when strict', async () => {
    const { deps, listeners } = await start({ strict: true, grpc: {} })
    const bad = encodeProto([span, { ...span, id: Buffer.alloc(0) }])
    expect(await clientOf(listeners[0]?.addresses[0]).call(report, bad)).toMatchObject({ code: status.INVALID_ARGUMENT })
    expect(deps.fake.batches).toEqual([])
  })

  it('asks for the credentials that HTTP asks for', async () => {
    const { listeners } = await start({ grpc: {}, auth: { bearer: ['secret'] } })
    const [address] = listeners.map((one) => one.addresses[0])
    const client = clientOf(address)
    expect(await client.call(report, spans)).toMatchObject({ code: status.UNAUTHENTICATED })
    expect(await client.call(report, spans, { authorization: 'Bearer secret' })).toMatchObject({ code: status.OK })
    expect((await client.call('/grpc.health.v1.Health/Check', new Uint8Array(0))).code).toBe(status.OK)
    expect(await post(address, spans, 'application/x-protobuf')).toBe(401)
  })

  it('ends gRPC connections with those of HTTP', async () => {
    const { listeners } = await start({ grpc: {} })
    const client = clientOf(listeners[0]?.addresses[0])
    await client.call(report, spans)
    await listeners[0]?.stop(5000)
    expect(await client.call(report, spans)).toMatchObject({ code: status.UNAVAILABLE })
  })
})

describe.skipIf(!hasOpenssl())('ingest.zipkin.grpc over TLS', () => {
  it.each([{ grpc: {} }, { grpc: { port: 0 } }])('speaks what was agreed on: %j', async (config) => {
    const made = createCertificates()
    closers.push(() => made.remove())
    const authority = made.authority('authority')
    const { listeners } = await start({ ...config, tls: authority.issue('server') })
    const ca = readFileSync(authority.cert)
    const grpc = listeners.at(-1)?.addresses[0]?.replace(/^(https|grpcs)/, 'grpc')
    expect(await clientOf(grpc, {}, credentials.createSsl(ca)).call(report, spans)).toMatchObject({ code: status.OK })
    expect(await clientOf(grpc, {}, credentials.createSsl()).call(report, spans)).toMatchObject({ code: status.UNAVAILABLE })
    const { port, hostname } = new URL(listeners[0]?.addresses[0] ?? '')
    const answer = await new Promise<string>((resolve) => {
      const socket = connectTls({ host: hostname, port: Number(port), ca, ALPNProtocols: ['http/1.1'] }, () => {
        socket.end('GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      })
      let text = ''
      socket.on('data', (piece) => {
        text += piece.toString()
      })
      socket.on('close', () => resolve(text))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
  })
})
