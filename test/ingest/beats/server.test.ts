import { copyFileSync, readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { beatsConfig } from '../../../src/ingest/beats/config.ts'
import { startBeats } from '../../../src/ingest/beats/server.ts'
import { type Authority, type Certificates, createCertificates, hasOpenssl } from '../../support/certificates.ts'
import { connectLumberjack, type LumberjackClient, windowFrame, windowOf } from '../../support/lumberjack.ts'
import { countsOf, createFakeDeps, eventually, type FakeDeps, openBooks, queueFull, sumOf } from '../support/fakes.ts'
import { createFakeBatcher, linesOf, recordings } from './support.ts'

let deps: FakeDeps
let listener: Listener
let clients: LumberjackClient[]
beforeEach(() => {
  deps = createFakeDeps(Date.now)
  clients = []
})
afterEach(async () => {
  for (const client of clients) client.destroy()
  await listener.stop(1000)
  expect(openBooks(deps.metrics)).toEqual([])
  expect(deps.metrics.total('otlp_bridge_beats_connections')).toBe(0)
})

async function start(knobs: object = {}, before?: Listener): Promise<number> {
  const config = beatsConfig.parse({ host: '127.0.0.1', port: 0, ...knobs })
  listener = await startBeats(config, { ...deps, batcher: createFakeBatcher(), before: () => before })
  return portOf(listener)
}
const portOf = (of: Listener): number => Number(new URL(of.addresses[0] as string).port)

async function connect(port: number, secure?: Parameters<typeof connectLumberjack>[1]): Promise<LumberjackClient> {
  const client = await connectLumberjack(port, secure)
  clients.push(client)
  return client
}

const events = (count: number, from = 1): object[] => Array.from({ length: count }, (_, at) => ({ message: `event ${from + at}` }))
const closedBy = (): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_beats_connections_closed_total', 'reason')
const faults = (): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_beats_protocol_errors_total', 'reason')

describe('startBeats', () => {
  it.each(recordings().filter(({ name }) => /small|multi|running/.test(name)))('takes $name over a socket', async (one) => {
    const client = await connect(await start())
    client.write(one.client)
    await client.acknowledged(one.finals.length)
    expect(client.finals).toEqual(one.finals)
    expect(linesOf(deps)).toEqual(one.documents)
  })

  it('takes a good stream whose bytes come one at a time', async () => {
    const client = await connect(await start())
    for (const byte of windowOf(events(2))) {
      client.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.acknowledged(1)
    expect(linesOf(deps)).toHaveLength(2)
  })

  it('takes large windows, pipelined, of both versions and of running numbers', async () => {
    const client = await connect(await start())
    const wide = (from: number): object[] => events(2000, from).map((one) => ({ ...one, pad: 'x'.repeat(700) }))
    client.write(windowOf(wide(1)))
    client.write(windowOf(wide(2001), { from: 2001, compressed: false }))
    client.write(windowOf(wide(4001), { version: 1, from: 4001 }))
    await client.acknowledged(3)
    expect(client.finals).toEqual([2000, 4000, 6000])
    expect(client.acks.map(({ version }) => version)).toEqual([2, 2, 1])
    expect(linesOf(deps).map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(
      events(6000).map((one) => (one as { message: string }).message),
    )
  })

  it('acknowledges a window of a client that has said that nothing more comes', async () => {
    const client = await connect(await start())
    client.write(windowOf(events(2)))
    client.end()
    await client.closed()
    expect(client.finals).toEqual([2])
  })

  it('closes after what cannot be read, others unharmed', async () => {
    const port = await start()
    const [bad, good] = [await connect(port), await connect(port)]
    bad.write(Buffer.from('POST / HTTP/1.1\r\n\r\n'))
    await bad.closed()
    good.write(windowOf(events(1)))
    await good.acknowledged(1)
    expect(faults()).toEqual({ http: 1 })
    expect(bad.acks).toEqual([])
  })

  it('refuses more connections than it may have, and more of one address', async () => {
    const port = await start({ limits: { connections: 3, connectionsPerAddress: 2 } })
    const first = await connect(port)
    await connect(port)
    const third = await connect(port)
    await third.closed()
    expect(closedBy()).toEqual({ max_connections_per_address: 1 })
    first.destroy()
    await eventually(() => closedBy()['client'] === 1)
    const fourth = await connect(port)
    fourth.write(windowOf(events(1)))
    await fourth.acknowledged(1)
    await listener.stop(1000)
    const next = await start({ limits: { connections: 1 } })
    await connect(next)
    await (await connect(next)).closed()
    expect(closedBy()['max_connections']).toBe(1)
  })

  it('closes connections on which nothing comes', async () => {
    const port = await start({ clientInactivityTimeout: 200, progressTimeout: 100 })
    const [idle, stuck] = [await connect(port), await connect(port)]
    stuck.write(windowFrame(3))
    await Promise.all([idle.closed(), stuck.closed()])
    expect(closedBy()).toEqual({ idle: 1, progress_timeout: 1 })
  })

  it('keeps a client waiting while the queue is full, however long', async () => {
    const port = await start({ keepalive: 100, clientInactivityTimeout: 200 })
    deps.fake.refuseWith = queueFull()
    const client = await connect(port)
    client.write(windowOf(events(2)))
    await eventually(() => client.acks.length >= 4)
    deps.fake.refuseWith = undefined
    await client.acknowledged(1)
    expect(client.acks.slice(0, -1).every(({ sequence }) => sequence === 0)).toBe(true)
  })

  it('stops reading while the queue is full', async () => {
    const port = await start({ maxWindow: 100_000 })
    deps.fake.refuseWith = queueFull()
    const client = await connect(port)
    const window = windowOf(
      events(500).map((one) => ({ ...one, pad: 'x'.repeat(2000) })),
      { compressed: false },
    )
    for (let i = 0; i < 60; i++) client.write(window)
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_beats_windows_total') === 2)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(sumOf(deps.metrics, 'otlp_bridge_beats_bytes_total')).toBeLessThan(4 * window.length)
    deps.fake.refuseWith = undefined
    await client.acknowledged(60)
    expect(linesOf(deps)).toHaveLength(30_000)
  })

  it('stores and acknowledges what is complete when it stops, and lets nobody in', async () => {
    const port = await start()
    let letGo = (): void => {}
    deps.fake.gate = new Promise((resolve) => {
      letGo = resolve
    })
    const [complete, half] = [await connect(port), await connect(port)]
    complete.write(windowOf(events(2)))
    half.write(windowFrame(2))
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_beats_pending_windows') === 2)
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_beats_windows_total') === 1)
    const stopping = listener.stop(5000)
    await half.closed()
    await expect(connectLumberjack(port)).rejects.toThrow(/ECONNREFUSED/)
    letGo()
    await complete.closed()
    expect(complete.finals).toEqual([2])
    await stopping
  })

  it('closes what waits for too long when it stops, without an ack', async () => {
    const port = await start()
    deps.fake.refuseWith = queueFull()
    const client = await connect(port)
    client.write(windowOf(events(2)))
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_beats_windows_total') === 1)
    await listener.stop(100)
    await client.closed()
    expect(client.finals).toEqual([])
    expect(linesOf(deps)).toEqual([])
  })

  it('hands its socket to its successor', async () => {
    const port = await start()
    const old = listener
    const client = await connect(port)
    await start({ port, keepalive: 200 }, old)
    const stopping = old.stop(1000)
    const next = await connect(port)
    next.write(windowOf(events(1)))
    await next.acknowledged(1)
    await stopping
    await client.closed()
  })

  it('warns when it is open to the network without TLS', async () => {
    await start({ host: '0.0.0.0' })
    expect(deps.lines).toEqual(['ingest.beats is open to the network without TLS: anybody who reaches it can send, and read what is sent'])
  })

  it('adds the address of a sender where it is told to', async () => {
    const client = await connect(await start({ enrich: 'source' }))
    client.write(windowOf(events(1)))
    await client.acknowledged(1)
    expect(JSON.parse(linesOf(deps)[0] as string)).toEqual({ 'network.peer.address': '127.0.0.1', message: 'event 1' })
  })
})

describe.skipIf(!hasOpenssl())('startBeats over TLS', () => {
  let made: Certificates
  let authority: Authority
  let stranger: Authority
  const pem = (one: { cert: string; key: string }) => ({ cert: readFileSync(one.cert), key: readFileSync(one.key) })
  beforeAll(() => {
    made = createCertificates()
    authority = made.authority('authority')
    stranger = made.authority('stranger')
  })
  afterAll(() => made.remove())

  const trusting = () => ({ ca: readFileSync(authority.cert) })

  it('takes windows, and knows nothing of plain bytes', async () => {
    const server = authority.issue('server')
    const port = await start({ tls: server, handshakeTimeout: 300 })
    expect(listener.addresses[0]).toMatch(/^tls:/)
    const client = await connect(port, trusting())
    client.write(windowOf(events(3)))
    await client.acknowledged(1)
    const plain = await connect(port)
    plain.write(windowOf(events(1)))
    await plain.closed()
    const silent = await connect(port)
    await silent.closed()
    expect(closedBy()).toEqual({ tls_not_tls: 1, tls_handshake_timeout: 1 })
    expect(linesOf(deps)).toHaveLength(3)
  })

  it('tells that a TLS client is on a plain port', async () => {
    const port = await start()
    await expect(connect(port, trusting())).rejects.toThrow()
    await eventually(() => faults()['tls_on_plain_port'] === 1)
  })

  it('lets in who has a certificate, and says in events whose it is', async () => {
    const tls = { ...authority.issue('server2'), clientCa: authority.cert }
    const port = await start({ tls, enrich: ['source', 'tls'] })
    const client = await connect(port, { ...trusting(), ...pem(authority.issue('web-1')) })
    client.write(windowOf(events(1)))
    await client.acknowledged(1)
    expect(JSON.parse(linesOf(deps)[0] as string)).toMatchObject({
      'network.peer.address': '127.0.0.1',
      'tls.client.subject': 'CN=web-1',
    })
    for (const own of [{}, pem(stranger.issue('web-2'))]) {
      const refused = await connect(port, { ...trusting(), ...own }).catch(() => undefined)
      refused?.write(windowOf(events(1)))
      await refused?.closed()
    }
    await eventually(() => Object.values(closedBy()).reduce((sum, one) => sum + one, 0) === 2)
    expect(linesOf(deps)).toHaveLength(1)
  })

  it('lets in who has none where it may, but nobody with another', async () => {
    const tls = { ...authority.issue('server3'), clientCa: authority.cert, clientAuth: 'request' }
    const port = await start({ tls })
    const client = await connect(port, trusting())
    client.write(windowOf(events(1)))
    await client.acknowledged(1)
    const refused = await connect(port, { ...trusting(), ...pem(stranger.issue('web-3')) }).catch(() => undefined)
    await refused?.closed()
    await eventually(() => closedBy()['tls_client_certificate'] === 1)
  })

  it('serves new certificates to new connections, and tells of one that has expired', async () => {
    const server = authority.issue('server4')
    const port = await start({ tls: { ...server, reload: 100 } })
    const before = await connect(port, trusting())
    expect(listener.trouble?.()).toEqual([])
    const expired = authority.issue('expired', -1)
    copyFileSync(expired.cert, server.cert)
    copyFileSync(expired.key, server.key)
    await eventually(() => (listener.trouble?.() ?? []).length > 0)
    expect(listener.trouble?.()[0]).toMatch(/^ingest\.beats\.tls\.cert: certificate expired expired at/)
    await expect(connect(port, trusting())).rejects.toThrow(/expired/)
    before.write(windowOf(events(1)))
    await before.acknowledged(1)
  })
})
