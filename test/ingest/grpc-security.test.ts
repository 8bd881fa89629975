import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { credentials, status } from '@grpc/grpc-js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../src/ingest/adapter.ts'
import { startGrpc } from '../../src/ingest/grpc.ts'
import { createReceiver } from '../../src/ingest/receive.ts'
import { grpcLimits, grpcTimeouts, listenerAuth, listenerTls } from '../../src/ingest/schema.ts'
import { type Authority, type Certificate, type Certificates, createCertificates, hasOpenssl } from '../support/certificates.ts'
import { callFields, headers, hello, message } from '../support/http2-frames.ts'
import { countsOf, createFakeDeps, eventually, type FakeDeps, openBooks, openRaw, sumOf, toyTranslate } from './support/fakes.ts'
import { createClient, type GrpcClient, openHttp2 } from './support/grpc-client.ts'

const path = '/toy.Collector/Post'
const healthPath = '/grpc.health.v1.Health/Check'
const span = Buffer.from('s')

let deps: FakeDeps
let listener: Listener | undefined
const closers: (() => void)[] = []
beforeEach(() => {
  deps = createFakeDeps(Date.now)
})
afterEach(async () => {
  for (const close of closers.splice(0)) close()
  await listener?.stop(0)
  listener = undefined
  expect(openBooks(deps.metrics)).toEqual([])
})

async function start(knobs: { tls?: object; auth?: object; timeouts?: object }): Promise<string> {
  const receiver = createReceiver({ format: 'toy', transport: 'grpc', translate: toyTranslate }, deps)
  listener = await startGrpc(
    {
      section: 'ingest.toy.grpc',
      host: '127.0.0.1',
      port: 0,
      limits: grpcLimits.parse({}),
      timeouts: grpcTimeouts.parse(knobs.timeouts ?? {}),
      tls: knobs.tls === undefined ? undefined : listenerTls.parse(knobs.tls),
      auth: knobs.auth === undefined ? undefined : listenerAuth.parse(knobs.auth),
      bodies: [{ path, receiver }],
      trouble: () => undefined,
    },
    deps,
  )
  return listener.addresses[0] as string
}

const closedBy = (): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_connections_closed_total', 'reason')

const clientOf = (...options: Parameters<typeof createClient>): GrpcClient => {
  const client = createClient(...options)
  closers.push(client.close)
  return client
}

describe.skipIf(!hasOpenssl())('startGrpc over TLS', () => {
  let made: Certificates
  let authority: Authority
  let server: Certificate
  let good: Certificate
  let stranger: Certificate
  beforeAll(() => {
    made = createCertificates()
    authority = made.authority('authority')
    server = authority.issue('server')
    good = authority.issue('good')
    stranger = made.authority('other').issue('stranger')
  })
  afterAll(() => made?.remove())

  const secure = (own?: Certificate): ReturnType<typeof credentials.createSsl> => {
    const root = readFileSync(authority.cert)
    return own === undefined ? credentials.createSsl(root) : credentials.createSsl(root, readFileSync(own.key), readFileSync(own.cert))
  }

  it('serves the official client, and a message of megabytes', async () => {
    const address = await start({ tls: server })
    expect(address).toMatch(/^grpcs:/)
    const client = clientOf(address, {}, secure())
    expect(await client.call(path, span)).toMatchObject({ code: 0 })
    const bodies = Array.from({ length: 8 }, () => Buffer.alloc(3_000_000, 's'))
    const outcomes = await Promise.all(bodies.map((body) => client.call(path, body)))
    expect(outcomes.map(({ code }) => code)).toEqual(bodies.map(() => 0))
    expect(deps.fake.batches.map((one) => one.items)).toEqual([1, ...bodies.map(() => 3_000_000)])
  })

  it('lets in who shows a certificate of its authority, and nobody else', async () => {
    const address = await start({ tls: { ...server, clientCa: authority.cert } })
    expect(await clientOf(address, {}, secure(good)).call(path, span)).toMatchObject({ code: 0 })
    expect(await clientOf(address, {}, secure(stranger)).call(path, span)).toMatchObject({ code: status.UNAVAILABLE })
    expect(await clientOf(address, {}, secure()).call(path, span)).toMatchObject({ code: status.UNAVAILABLE })
    await eventually(() => Object.keys(closedBy()).length > 0)
    expect(deps.fake.batches.length).toBe(1)
  })

  it('counts a client that speaks no TLS, and one that does not speak HTTP/2 in it', async () => {
    const address = await start({ tls: server })
    const plain = await openRaw(address)
    plain.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await plain.closed()
    const { hostname, port } = new URL(address)
    const wrong = connect({ host: hostname, port: Number(port), ca: readFileSync(authority.cert), ALPNProtocols: ['http/1.1'] })
    closers.push(() => wrong.destroy())
    await new Promise((resolve) => wrong.once('error', resolve))
    await eventually(() => Object.values(closedBy()).reduce((sum, one) => sum + one, 0) === 2)
    expect(await clientOf(address, {}, secure()).call(path, span)).toMatchObject({ code: 0 })
  })

  it('serves a client that agrees on nothing but speaks HTTP/2, as some do', async () => {
    const address = await start({ tls: server })
    const { hostname, port } = new URL(address)
    const socket = connect({ host: hostname, port: Number(port), ca: readFileSync(authority.cert) })
    closers.push(() => socket.destroy())
    await new Promise((resolve) => socket.once('secureConnect', resolve))
    for (const byte of Buffer.concat([hello(), headers(1, callFields(path)), message(1, span)])) socket.write(Uint8Array.of(byte))
    await eventually(() => deps.fake.batches.length === 1)
  })

  it('closes handshakes that never end, after their time and when it stops', async () => {
    const address = await start({ tls: server, timeouts: { header: 80 } })
    const silent = await openRaw(address)
    expect(await silent.closed()).toBe('')
    expect(Object.values(closedBy())).toEqual([1])
    const half = await openRaw(address)
    half.send(Buffer.from('1603010200', 'hex'))
    const startedAt = Date.now()
    await listener?.stop(10_000)
    await half.closed()
    expect(Date.now() - startedAt).toBeLessThan(3000)
  })
})

describe('startGrpc with credentials', () => {
  const auth = { basic: [{ user: 'me', password: 'secret' }], bearer: ['token-1'], apiKey: { keys: ['key-1'] } }
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`

  it.each<[string, Record<string, string>, number]>([
    ['a user', { authorization: basic('me:secret') }, status.OK],
    ['a token', { authorization: 'Bearer token-1' }, status.OK],
    ['a key', { 'x-api-key': 'key-1' }, status.OK],
    ['a key beside a wrong token', { 'x-api-key': 'key-1', authorization: 'Bearer token-2' }, status.OK],
    ['nothing', {}, status.UNAUTHENTICATED],
    ['a wrong password', { authorization: basic('me:Secret') }, status.UNAUTHENTICATED],
    ['a token with more behind it', { authorization: 'Bearer token-11' }, status.UNAUTHENTICATED],
    ['a token as a user', { authorization: 'Basic token-1' }, status.UNAUTHENTICATED],
    ['no more than the scheme', { authorization: 'Bearer' }, status.UNAUTHENTICATED],
  ])('answers a client that shows %s', async (_what, metadata, code) => {
    const client = clientOf(await start({ auth }))
    expect(await client.call(path, span, metadata)).toMatchObject({ code })
    expect(deps.fake.batches.length).toBe(code === status.OK ? 1 : 0)
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual(code === status.OK ? {} : { auth: 1 })
    expect(sumOf(deps.metrics, 'otlp_bridge_received_requests_total')).toBe(1)
  })

  it('tells who has none nothing but that, before a byte of the message is taken', async () => {
    const raw = await openHttp2(await start({ auth }))
    closers.push(raw.destroy)
    raw.send(hello(), headers(1, callFields(path)))
    const frames = await raw.until((frame) => frame.id === 1)
    expect(Buffer.concat(frames.map((frame) => frame.payload)).toString('latin1')).toContain('it brings no credentials')
    expect(sumOf(deps.metrics, 'otlp_bridge_received_bytes_total')).toBe(0)
  })

  it('leaves health open, unless told otherwise', async () => {
    expect(await clientOf(await start({ auth })).call(healthPath, Buffer.alloc(0))).toMatchObject({ code: 0 })
    await listener?.stop(0)
    const closed = await start({ auth: { ...auth, except: [] } })
    expect(await clientOf(closed).call(healthPath, Buffer.alloc(0))).toMatchObject({ code: status.UNAUTHENTICATED })
  })
})
