import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Subject } from '../../src/preflight/finding.ts'
import { httpGet } from '../../src/preflight/http-get.ts'
import { checkMirrors } from '../../src/preflight/mirrors.ts'
import { createCertificates, hasOpenssl } from '../support/certificates.ts'
import { subjectOf, told, worldOf } from './support/subject.ts'

interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** An old backend. @param answer by path */
async function oldSide(answer: (asked: Asked, response: ServerResponse) => void) {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(pieces) }
      asked.push(one)
      answer(one, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const at = server.address()
  const port = typeof at === 'object' && at !== null ? at.port : 0
  return { url: `http://127.0.0.1:${port}`, port, asked }
}

const answers =
  (status: number, body = '', headers: Readonly<Record<string, string>> = {}) =>
  (_asked: Asked, response: ServerResponse): void =>
    void response.writeHead(status, headers).end(body)

const world = worldOf({ get: httpGet })
const check = (mirror: object, more: Partial<Subject> = {}) => checkMirrors(subjectOf({ mirror }, { timeoutMs: 1000, ...more }), world)

/** A port that nobody has. */
async function freePort(): Promise<number> {
  const server = createTcpServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof at === 'object' && at !== null ? at.port : 0
}

describe('checkMirrors', () => {
  it('finds nothing without mirrors', async () => {
    expect(await checkMirrors(subjectOf({}), world)).toEqual([])
  })

  it.each([
    ['dual', 'fail'],
    ['new-only', 'warn'],
  ])('says in phase %s that nobody is there, as a %s', async (phase, level) => {
    const port = await freePort()
    const [found] = await check({ zipkin: { url: `http://ana:secret@127.0.0.1:${port}`, phase } })
    expect(found).toMatchObject({ check: 'old side', about: 'mirror.zipkin', level, remote: true })
    expect(found?.seen).toMatch(/^cannot reach http:\/\/.*@?127\.0\.0\.1:\d+.*: connect ECONNREFUSED/)
    expect(found?.seen).not.toContain('secret')
    expect(found?.knob).toBe('mirror.zipkin.url, or whether it runs there')
  })

  it('says so, too, when there is no answer in time', async () => {
    const { url } = await oldSide(() => {})
    expect(await check({ zipkin: { url } }, { timeoutMs: 50 })).toMatchObject([{ level: 'fail', remote: true }])
  })

  describe('of Zipkin', () => {
    it.each([
      ['is up', 200, '{"status":"UP"}', 'ok', 'is a Zipkin, and up'],
      ['is not well', 503, '{"status":"DOWN"}', 'warn', 'is a Zipkin that says it is not well (HTTP 503)'],
      ['is something else', 200, '<html>', 'warn', 'answers 200 to /api/v2/services: it may not be a Zipkin, or only its collector'],
      ['sends elsewhere', 302, '', 'fail', 'answers 302: it sends elsewhere, which is not followed'],
    ])('says that it %s', async (_name, status, body, level, seen) => {
      const { url } = await oldSide(answers(status, body))
      expect(told(await check({ zipkin: { url } }))).toEqual([`${level} mirror.zipkin: ${url} ${seen}`])
    })

    it('asks for services where there is no health, below the path of the URL', async () => {
      const { url, asked } = await oldSide((one, response) =>
        one.url === '/old/api/v2/services' ? response.end('["shop"]') : response.writeHead(404).end(),
      )
      expect(told(await check({ zipkin: { url: `${url}/old/` } }))).toEqual([`ok mirror.zipkin: ${url}/old/ is a Zipkin`])
      expect(asked.map((one) => `${one.method} ${one.url}`)).toEqual(['GET /old/health', 'GET /old/api/v2/services'])
    })
  })

  describe('of credentials', () => {
    it.each([
      ['pass', 'ok', /those of each client go on/, undefined],
      ['none', 'fail', /wants credentials \(HTTP 401\)$/, 'mirror.elasticsearch.auth: pass or own'],
      ['own', 'fail', /refuses our credentials \(HTTP 401\)$/, 'mirror.elasticsearch.credentials'],
    ])('with auth: %s and a 401: %s', async (auth, level, seen, knob) => {
      const { url, asked } = await oldSide(answers(401))
      const credentials = auth === 'own' ? { bearer: 'wrong' } : {}
      const [found] = await check({ elasticsearch: { url, auth, credentials } })
      expect(found).toMatchObject({ level, seen: expect.stringMatching(seen) })
      expect(found?.knob).toBe(knob)
      expect(asked[0]?.headers.authorization).toBe(auth === 'own' ? 'Bearer wrong' : undefined)
    })

    it('sends our own', async () => {
      const { url } = await oldSide(({ headers }, response) =>
        headers.authorization === `Basic ${Buffer.from('ana:pw').toString('base64')}`
          ? response.end('{"name":"es","version":{"number":"7.17.29"}}')
          : response.writeHead(401).end(),
      )
      const own = { url, auth: 'own', credentials: { username: 'ana', password: 'pw' } }
      expect(told(await check({ elasticsearch: own }))).toEqual([`ok mirror.elasticsearch: ${url} is an Elasticsearch 7.17.29`])
    })
  })

  it('knows Elasticsearch by its word, and another bridge', async () => {
    const bridge = await oldSide(answers(200, '{"name":"otlp-bridge","cluster_name":"otlp-bridge","version":{"number":"8.19.0"}}'))
    expect(await check({ elasticsearch: { url: bridge.url } })).toMatchObject([
      { level: 'fail', seen: `${bridge.url} is a bridge, not an old cluster`, knob: 'mirror.elasticsearch.url' },
    ])
    const other = await oldSide(answers(200, 'hello'))
    expect(await check({ elasticsearch: { url: other.url } })).toMatchObject([
      { level: 'warn', seen: expect.stringContaining('not Elasticsearch') },
    ])
  })

  describe('of remote-write', () => {
    const isTwo = ({ headers }: Asked): boolean => headers['content-type']?.includes('v2.Request') === true

    it('sends an empty request of each version, and no data', async () => {
      const { url, asked } = await oldSide((one, response) =>
        response.writeHead(204, isTwo(one) ? { 'X-Prometheus-Remote-Write-Samples-Written': '0' } : {}).end(),
      )
      expect(told(await check({ prometheus: { url } }))).toEqual([
        `ok mirror.prometheus: ${url}/api/v1/write takes remote-write`,
        `ok mirror.prometheus: ${url}/api/v1/write takes version 2 of it, too`,
      ])
      expect(asked.map(({ method, url: path, body }) => [method, path, [...body]])).toEqual([
        ['POST', '/api/v1/write', [0]],
        ['POST', '/api/v1/write', [0]],
      ])
      expect(asked.map(({ headers }) => headers['x-prometheus-remote-write-version'])).toEqual(['0.1.0', '2.0.0'])
    })

    it.each([
      ['refuses version 2', 415, 'answers 415 to version 2 of it: what senders of that version bring would become dead letters'],
      [
        'does not know it',
        204,
        'takes a request of version 2 without saying what it wrote: it may not know that version, and lose what it is sent',
      ],
    ])('warns when the old server %s', async (_name, status, seen) => {
      const { url } = await oldSide((one, response) => response.writeHead(isTwo(one) ? status : 204).end())
      const [one, two] = await check({ prometheus: { url } })
      expect(one).toMatchObject({ level: 'ok' })
      expect(two).toMatchObject({
        level: 'warn',
        seen: `${url}/api/v1/write ${seen}`,
        knob: expect.stringContaining('protobuf_message: prometheus.WriteRequest'),
      })
    })

    it.each([
      [404, 'fail', 'answers 404: it takes no remote-write there', '--web.enable-remote-write-receiver'],
      [500, 'warn', 'answers 500 to an empty request: broken', 'mirror.prometheus.url'],
    ])('says that it answers %i', async (status, level, seen, knob) => {
      const { url } = await oldSide(answers(status, 'broken'))
      expect(await check({ prometheus: { url } })).toMatchObject([
        { level, seen: `${url}/api/v1/write ${seen}`, knob: expect.stringContaining(knob) },
      ])
    })
  })

  describe('of protocols that say nothing', () => {
    it.each([['jaeger.http'], ['jaeger.grpc'], ['beats']])('tries a connection: %s', async (endpoint) => {
      const connections: string[] = []
      const server = createTcpServer((socket) => {
        connections.push('one')
        socket.destroy()
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void server.close())
      const at = server.address()
      const port = typeof at === 'object' && at !== null ? at.port : 0
      const mirror =
        endpoint === 'beats'
          ? { beats: { url: `tcp://127.0.0.1:${port}` } }
          : { jaeger: { [endpoint.replace('jaeger.', '')]: { url: `http://127.0.0.1:${port}` } } }
      expect(await check(mirror)).toMatchObject([
        { level: 'ok', about: `mirror.${endpoint}`, seen: expect.stringContaining('takes connections') },
      ])
      await expect.poll(() => connections.length).toBe(1)
      const free = await freePort()
      const gone = JSON.parse(JSON.stringify(mirror).replace(String(port), String(free))) as object
      expect(await check(gone)).toMatchObject([{ level: 'fail', seen: expect.stringContaining('ECONNREFUSED'), remote: true }])
    })

    it('says that nobody can know of an agent', async () => {
      const [found] = await check({ jaeger: { compact: { url: 'udp://127.0.0.1:6831' } } })
      expect(found).toMatchObject({
        level: 'warn',
        seen: 'nobody can know whether an agent listens at udp://127.0.0.1:6831: datagrams are not answered',
        knob: 'ss -lun on that host; or mirror.jaeger.compact.via: http, with the URL of a collector',
      })
    })

    it('asks the collector when datagrams go on over HTTP', async () => {
      const { url } = await oldSide(answers(404))
      expect(await check({ jaeger: { compact: { url, via: 'http' } } })).toMatchObject([{ level: 'ok' }])
    })

    it.skipIf(!hasOpenssl())('shakes hands with TLS, and names the authority that is missing', async () => {
      const certificates = createCertificates()
      onTestFinished(() => certificates.remove())
      const authority = certificates.authority('old')
      const leaf = authority.issue('logstash')
      const server = createTlsServer({ cert: readFileSync(leaf.cert), key: readFileSync(leaf.key) }, (socket) => socket.destroy())
      server.on('tlsClientError', () => {})
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void server.close())
      const at = server.address()
      const url = `tls://127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`
      expect(await check({ beats: { url, tls: { ca: authority.cert } } })).toMatchObject([{ level: 'ok' }])
      expect(await check({ beats: { url } })).toMatchObject([{ level: 'fail', seen: expect.stringMatching(/cannot reach .*certificate/) }])
      expect(await check({ beats: { url, tls: { ca: '/nowhere.pem' } } })).toMatchObject([
        { check: 'certificate', about: 'mirror.beats.tls.ca', level: 'fail' },
      ])
    })
  })
})
