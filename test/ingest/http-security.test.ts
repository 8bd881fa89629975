import { copyFileSync, readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../src/ingest/adapter.ts'
import { replyText, startHttp } from '../../src/ingest/http.ts'
import { createReceiver } from '../../src/ingest/receive.ts'
import { httpLimits, httpTimeouts, listenerAuth, listenerTls } from '../../src/ingest/schema.ts'
import { type Authority, type Certificates, createCertificates, hasOpenssl } from '../support/certificates.ts'
import { countsOf, createFakeDeps, eventually, type FakeDeps, openBooks, openRaw, queueFull, sumOf, toyTranslate } from './support/fakes.ts'

let deps: FakeDeps
let listener: Listener | undefined
beforeEach(() => {
  deps = createFakeDeps(Date.now)
})
afterEach(async () => {
  await listener?.stop(0)
  listener = undefined
  expect(openBooks(deps.metrics)).toEqual([])
})

/** A server with one path for bodies, `/in`, a page, `/page`, and a health page, `/health`. */
async function start(knobs: { tls?: object; auth?: object; timeouts?: object }): Promise<string> {
  const receiver = createReceiver({ format: 'toy', transport: 'http', translate: toyTranslate }, deps)
  listener = await startHttp(
    {
      section: 'ingest.toy',
      host: '127.0.0.1',
      port: 0,
      limits: httpLimits.parse({}),
      timeouts: httpTimeouts.parse(knobs.timeouts ?? {}),
      tls: knobs.tls === undefined ? undefined : listenerTls.parse(knobs.tls),
      auth: knobs.auth === undefined ? undefined : listenerAuth.parse(knobs.auth),
      healthPaths: ['/health'],
      bodies: [
        {
          path: '/in',
          choose: () => receiver,
          accepted: (_request, response, receipt) => replyText(response, 202, `taken ${receipt.items}`),
          refused: (_request, response, error) => replyText(response, error.http, `toy ${error.code}`),
        },
      ],
      routes(app) {
        for (const path of ['/page', '/health']) app.get(path, (_request, reply) => void reply.send(`this is ${path}`))
      },
      notFound: (_request, reply) => replyText(reply.raw, 404, 'nothing'),
    },
    deps,
  )
  return listener.addresses[0] as string
}

const closedBy = (): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_connections_closed_total', 'reason')

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: IncomingMessage['headers']
}

/** One request; rejects when the connection fails. */
const ask = (url: string, options: RequestOptions = {}, body?: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const make = url.startsWith('https') ? httpsRequest : httpRequest
    const request = make(url, { method: body === undefined ? 'GET' : 'POST', ...options }, (answer) => {
      let text = ''
      answer.on('data', (piece) => {
        text += piece
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }))
    })
    request.on('error', reject)
    request.end(body)
  })

describe.skipIf(!hasOpenssl())('startHttp over TLS', () => {
  let made: Certificates
  let authority: Authority
  let ca: Buffer
  beforeAll(() => {
    made = createCertificates()
    authority = made.authority('our-ca')
    for (const name of ['one', 'two', 'client']) authority.issue(name, 30)
    authority.issue('old', -1)
    made.authority('other-ca').issue('stranger')
    ca = readFileSync(authority.cert)
  })
  afterAll(() => made.remove())

  const pair = (name: string): { cert: string; key: string } => ({ cert: `${made.folder}/${name}.pem`, key: `${made.folder}/${name}.key` })
  const shown = (name: string): { cert: Buffer; key: Buffer } => ({
    cert: readFileSync(pair(name).cert),
    key: readFileSync(pair(name).key),
  })

  /** How a handshake ends that the server may refuse: over TLS 1.3 the client hears of it only when it reads. */
  const handshake = (address: string, options: ConnectionOptions = {}): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(address).port), ca, ...options })
      socket.on('secureConnect', () => socket.write('GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))
      socket.on('data', (piece) => resolve(piece.toString().split('\r\n', 1)[0] ?? ''))
      socket.on('error', (error) => resolve('code' in error ? String(error.code) : error.message))
      socket.on('close', () => resolve('closed'))
    })

  it('prints https, and takes bodies and pages over HTTP/1.1', async () => {
    const address = await start({ tls: pair('one') })
    expect(address).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect(await ask(`${address}/in`, { ca }, 'sss')).toMatchObject({ status: 202, text: 'taken 3' })
    expect(await ask(`${address}/page`, { ca })).toMatchObject({ status: 200, text: 'this is /page' })
    expect(await handshake(address, { ALPNProtocols: ['h2'] })).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
    expect(await handshake(address, { ALPNProtocols: ['h2', 'http/1.1'] })).toBe('HTTP/1.1 200 OK')
    expect(closedBy()).toEqual({ tls_application_protocol: 1 })
  })

  it('counts what does not become secure, by reason, and answers it in no other protocol', async () => {
    const address = await start({ tls: { ...pair('one'), minVersion: 'TLSv1.3' }, timeouts: { header: '200ms' } })
    const plain = await openRaw(address)
    plain.send('POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\ns')
    expect(await plain.closed()).not.toContain('HTTP/')
    const noise = await openRaw(address)
    noise.send(new Uint8Array(64).fill(0x99))
    await noise.closed()
    const silent = await openRaw(address)
    expect(await silent.closed()).toBe('')
    const cut = await openRaw(address)
    cut.send(new Uint8Array([0x16, 3, 1, 2]))
    cut.destroy()
    expect(await handshake(address, { maxVersion: 'TLSv1.2' })).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
    expect(await handshake(address, { ca: shown('stranger').cert })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_connections_closed_total') >= 5)
    expect(closedBy()).toMatchObject({ tls_plain_http: 1, tls_handshake_timeout: 1, tls_cut_off: 1, tls_version: 1 })
    expect(await ask(`${address}/page`, { ca })).toMatchObject({ status: 200 })
  })

  it('refuses clients without a certificate of ours at the handshake', async () => {
    const address = await start({ tls: { ...pair('one'), clientCa: authority.cert } })
    expect(await handshake(address, shown('client'))).toBe('HTTP/1.1 200 OK')
    expect(await handshake(address)).toMatch(/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|ECONNRESET|closed/)
    await eventually(() => closedBy()['tls_client_certificate_missing'] === 1)
    for (const name of ['stranger', 'old']) expect(await handshake(address, shown(name))).toMatch(/ECONNRESET|closed|EPIPE/)
    await eventually(() => closedBy()['tls_client_certificate'] === 2)
    expect(await handshake(address, { ...shown('stranger'), maxVersion: 'TLSv1.2' })).toMatch(/ECONNRESET|closed|EPIPE/)
    await eventually(() => closedBy()['tls_client_certificate'] === 3)
    expect(sumOf(deps.metrics, 'otlp_bridge_received_requests_total')).toBe(0)
  })

  it('lets clients without a certificate in where it only asks, and strangers in no case', async () => {
    const address = await start({ tls: { ...pair('one'), clientCa: authority.cert, clientAuth: 'request' } })
    expect(await handshake(address)).toBe('HTTP/1.1 200 OK')
    expect(await handshake(address, shown('client'))).toBe('HTTP/1.1 200 OK')
    expect(await handshake(address, shown('stranger'))).toMatch(/ECONNRESET|closed|EPIPE/)
    await eventually(() => closedBy()['tls_client_certificate'] === 1)
  })

  it('serves new files to new connections while the open ones live on', async () => {
    const served = { cert: `${made.folder}/served.pem`, key: `${made.folder}/served.key` }
    const put = (name: string): void => {
      copyFileSync(pair(name).cert, served.cert)
      copyFileSync(pair(name).key, served.key)
    }
    put('one')
    const address = await start({ tls: { ...served, reload: '100ms' } })
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca })
    const subject = async (options: RequestOptions): Promise<string> => {
      let name = ''
      const make = new Promise<void>((resolve, reject) => {
        const request = httpsRequest(`${address}/page`, options, (answer) => {
          name = (answer.socket as TLSSocket).getPeerCertificate().subject.CN as string
          answer.resume()
          answer.on('end', resolve)
        })
        request.on('error', reject)
        request.end()
      })
      await make
      return name
    }
    expect(await subject({ agent })).toBe('one')
    put('two')
    await expect.poll(() => subject({ ca, agent: false }), { timeout: 5000, interval: 50 }).toBe('two')
    expect(await subject({ agent })).toBe('one')
    expect(listener?.trouble?.()).toEqual([])
    copyFileSync(pair('one').key, served.key)
    await expect.poll(() => listener?.trouble?.() ?? [], { timeout: 5000, interval: 20 }).toHaveLength(1)
    expect(await subject({ ca, agent: false })).toBe('two')
    agent.destroy()
  })

  it('says when the certificate it serves has expired', async () => {
    await start({ tls: pair('old') })
    expect(listener?.trouble?.()).toEqual([expect.stringContaining('certificate old expired')])
  })

  it('does not start on a wrong key, and leaves nothing behind', async () => {
    await expect(start({ tls: { cert: pair('one').cert, key: pair('two').key } })).rejects.toMatchObject({
      code: 'OB_CONFIG',
      place: 'ingest.toy.tls.key',
    })
  })

  it('stops at once with connections that said nothing, secure ones and half-open ones', async () => {
    const address = await start({ tls: pair('one') })
    const half = await openRaw(address)
    const idle = connect({ host: '127.0.0.1', port: Number(new URL(address).port), ca })
    await new Promise((resolve) => idle.once('secureConnect', resolve))
    const ends = [half.closed(), new Promise((resolve) => idle.once('close', resolve))]
    const startedMs = Date.now()
    await listener?.stop(60_000)
    await Promise.all(ends)
    expect(Date.now() - startedMs).toBeLessThan(5000)
  })

  it('answers what is under way when it stops', async () => {
    const address = await start({ tls: pair('one') })
    let open = (): void => {}
    deps.fake.gate = new Promise((resolve) => {
      open = resolve
    })
    const answer = ask(`${address}/in`, { ca, agent: false }, 's')
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_received_requests_total') === 1)
    const stopped = listener?.stop(5000)
    open()
    expect(await answer).toMatchObject({ status: 202, headers: { connection: 'close' } })
    await stopped
  })
})

describe('startHttp with credentials', () => {
  const good = { authorization: 'Bearer t' }

  it('refuses a body before it reads it, in the words of the protocol, and counts it', async () => {
    const address = await start({ auth: { bearer: ['t'] } })
    const socket = await openRaw(address)
    socket.send('POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n')
    const said = await socket.until('OB_AUTH')
    expect(said).toMatch(/^HTTP\/1\.1 401 /)
    expect(said.toLowerCase()).toContain('www-authenticate: bearer realm="otlp-bridge"')
    expect(said).toContain('toy OB_AUTH')
    socket.destroy()
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ auth: 1 })
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_credentials_total', 'reason')).toEqual({ missing: 1 })
    expect(sumOf(deps.metrics, 'otlp_bridge_received_bytes_total')).toBe(0)
  })

  it('does not ask for a body that waits for its leave', async () => {
    const address = await start({ auth: { bearer: ['t'] } })
    const socket = await openRaw(address)
    socket.send('POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n')
    expect(await socket.closed()).toMatch(/^HTTP\/1\.1 401 /)
  })

  it('takes bodies and pages from those it knows', async () => {
    const address = await start({ auth: { bearer: ['t'] } })
    expect(await ask(`${address}/in`, { headers: good }, 'ss')).toMatchObject({ status: 202, text: 'taken 2' })
    expect(await ask(`${address}/page`, { headers: good })).toMatchObject({ status: 200 })
  })

  it.each(['/page', '/absent', '/in', '/page?x=/health', '//health', '/health/', '/%68ealth', '/health;x', 'http://x/page'])(
    'shows a stranger nothing of %s',
    async (path) => {
      const address = await start({ auth: { bearer: ['t'] } })
      const socket = await openRaw(address)
      socket.send(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      const said = await socket.closed()
      expect(said).toMatch(/^HTTP\/1\.1 401 /)
      expect(said).not.toContain('this is')
      expect(said.toLowerCase()).toContain('www-authenticate')
    },
  )

  it.each(['/in?x', '/%69n', '/in/', 'http://x/in'])('takes no body of a stranger at %s', async (path) => {
    const address = await start({ auth: { bearer: ['t'] } })
    const socket = await openRaw(address)
    socket.send(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\ns`)
    expect(await socket.closed()).toMatch(/^HTTP\/1\.1 401 /)
    expect(deps.fake.batches).toEqual([])
  })

  it('leaves health open, with a query too', async () => {
    const address = await start({ auth: { bearer: ['t'] } })
    expect(await ask(`${address}/health?verbose`)).toMatchObject({ status: 200, text: 'this is /health' })
    await listener?.stop(0)
    const closed = await start({ auth: { bearer: ['t'], except: ['/page'] } })
    expect([(await ask(`${closed}/health`)).status, (await ask(`${closed}/page`)).status]).toEqual([401, 200])
  })

  it('says 401, not that the queue is full, to those it does not know', async () => {
    const address = await start({ auth: { bearer: ['t'] } })
    deps.fake.refuseWith = queueFull()
    expect((await ask(`${address}/in`, {}, 's')).status).toBe(401)
    expect((await ask(`${address}/in`, { headers: good }, 's')).status).toBe(503)
  })

  it('keeps the connection for the next try', async () => {
    const address = await start({ auth: { bearer: ['t'] } })
    const socket = await openRaw(address)
    socket.send('GET /page HTTP/1.1\r\nHost: x\r\n\r\n')
    await socket.until('credentials')
    socket.send('GET /page HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\nConnection: close\r\n\r\n')
    expect(await socket.closed()).toContain('this is /page')
  })
})
