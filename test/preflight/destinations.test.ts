import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkDestinations, checkQueryUrls } from '../../src/preflight/destinations.ts'
import type { HttpGet } from '../../src/preflight/http-get.ts'
import { subjectOf, told, worldOf } from './support/subject.ts'

const urlOf = (server: { address(): unknown }): string => {
  const at = server.address()
  return `http://127.0.0.1:${typeof at === 'object' && at !== null && 'port' in at ? at.port : 0}`
}

interface Received {
  readonly path: string
  readonly type: string
  readonly header: string
  readonly body: Buffer
}

/** An OTLP endpoint over HTTP that answers as it is told. */
async function endpoint(answer: (request: Received, response: ServerResponse) => void): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request: IncomingMessage, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece) => pieces.push(piece))
    request.on('end', () => {
      const one = {
        path: request.url ?? '',
        type: request.headers['content-type'] ?? '',
        header: request.headers['x-tenant']?.toString() ?? '',
        body: Buffer.concat(pieces),
      }
      received.push(one)
      answer(one, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { url: urlOf(server), received }
}

const ok = (_request: Received, response: ServerResponse): void => void response.writeHead(200).end()
const status =
  (code: number) =>
  (_request: Received, response: ServerResponse): void =>
    void response.writeHead(code).end()

/** A backend that has what was sent to the endpoint; from the given look on, and of the age given. */
const backendOf = (url: string, sent: readonly Received[], has: (trace: string, looks: number) => boolean): HttpGet => {
  let looks = 0
  return async (asked) => {
    const answer = (code: number, body: string) => ({ status: code, dateMs: undefined, body })
    if (asked === `${url}/api/services`) return answer(200, '{"data":[]}')
    const trace = asked.slice(`${url}/api/traces/`.length)
    const known = sent.some(({ body }) => body.toString('hex').includes(trace))
    return known && has(trace, looks++) ? answer(200, `{"data":[{"traceID":"${trace}"}]}`) : answer(404, '')
  }
}

describe('checkDestinations', () => {
  it.each([
    ['http/protobuf', 'application/x-protobuf'],
    ['http/json', 'application/json'],
  ])('sends a new and an old probe of each signal over %s, with the headers of the destination', async (protocol, type) => {
    const { url, received } = await endpoint(ok)
    const subject = subjectOf({ emit: { endpoint: url, protocol, headers: { 'x-tenant': 'ours' } } })
    expect(told(await checkDestinations(subject, worldOf()))).toEqual(
      ['traces', 'metrics', 'logs'].flatMap((signal) => [
        `ok default, ${signal}: ${url}/v1/${signal} (${protocol}) takes a probe`,
        `ok default, ${signal}: ${url}/v1/${signal} (${protocol}) takes data 24 h old`,
      ]),
    )
    expect(received.map(({ path }) => path)).toEqual(['traces', 'traces', 'metrics', 'metrics', 'logs', 'logs'].map((one) => `/v1/${one}`))
    expect(new Set(received.map((one) => `${one.type} ${one.header}`))).toEqual(new Set([`${type} ours`]))
  })

  it('sends them over gRPC', async () => {
    const paths: string[] = []
    const server = createHttp2()
    server.on('stream', (stream, headers) => {
      paths.push(String(headers[':path']))
      stream.resume()
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(Buffer.alloc(5))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const url = urlOf(server)
    const findings = await checkDestinations(subjectOf({ emit: { endpoint: url, protocol: 'grpc' } }), worldOf())
    expect(findings.map(({ level }) => level)).toEqual(Array(6).fill('ok'))
    const services = ['trace.v1.TraceService', 'metrics.v1.MetricsService', 'logs.v1.LogsService']
    expect(paths).toEqual(services.flatMap((one) => Array(2).fill(`/opentelemetry.proto.collector.${one}/Export`)))
  })

  it('sends nothing when it must not', async () => {
    const { url, received } = await endpoint(ok)
    expect(await checkDestinations(subjectOf({ emit: { endpoint: url } }, { send: false }), worldOf())).toEqual([])
    expect(received).toEqual([])
  })

  it.each([
    [401, 'emit.headers (authorization)'],
    [404, 'the path of emit.endpoint'],
    [429, 'nothing here: the endpoint asks to slow down'],
    [500, 'emit.endpoint, or whether it runs there'],
  ])('fails with the knob when traces are refused with %i, and does not repeat it for what nobody sends', async (code, knob) => {
    const { url, received } = await endpoint(status(code))
    const findings = await checkDestinations(subjectOf({ emit: { endpoint: url } }), worldOf())
    expect(findings).toEqual([
      { check: 'destination', about: 'default, traces', level: 'fail', remote: true, knob, seen: expect.stringContaining(`HTTP ${code}`) },
    ])
    expect(received).toHaveLength(1)
  })

  it('fails on a closed port, and guesses the other protocol by the port', async () => {
    const closed = await endpoint(ok)
    const findings = await checkDestinations(subjectOf({ emit: { endpoint: 'http://127.0.0.1:1' } }), worldOf())
    expect(findings).toMatchObject([
      { level: 'fail', remote: true, knob: 'emit.endpoint, or whether it runs there', seen: expect.stringContaining('ECONNREFUSED') },
    ])
    const grpc = await checkDestinations(subjectOf({ emit: { endpoint: closed.url, protocol: 'grpc' } }), worldOf())
    expect(grpc).toMatchObject([{ level: 'fail', knob: 'emit.protocol: http/protobuf, or the port in emit.endpoint' }])
  })

  it('does not wait for ever', async () => {
    const { url } = await endpoint(() => {})
    const findings = await checkDestinations(subjectOf({ emit: { endpoint: url } }, { timeoutMs: 100 }), worldOf())
    expect(findings).toMatchObject([
      { level: 'fail', seen: expect.stringContaining('no answer in time'), knob: 'emit.endpoint, emit.timeout' },
    ])
  })

  it('warns of signals that nothing brings, and fails when an OTLP listener does', async () => {
    const { url } = await endpoint((request, response) => void response.writeHead(request.path === '/v1/traces' ? 200 : 404).end())
    const levels = async (ingest: object, more: object = {}) =>
      (await checkDestinations(subjectOf({ emit: { endpoint: url }, ingest, ...more }), worldOf())).map(
        ({ level, about }) => `${level} ${about}`,
      )
    expect(await levels({})).toEqual(['ok default, traces', 'ok default, traces', 'warn default, metrics', 'warn default, logs'])
    expect(await levels({ prometheus: {} })).toEqual(['fail default, metrics'])
    expect(await levels({ elasticsearch: {} })).toEqual(['fail default, logs'])
    expect(await levels({ beats: {}, zipkin: {} })).toEqual(['ok default, traces', 'ok default, traces', 'fail default, logs'])
    const gauges = { translate: { elasticsearch: { metricsDocs: 'gauges' } } }
    expect(await levels({ zipkin: {}, beats: {} }, gauges)).toContain('fail default, metrics')
    expect(await levels({ otlp: {} })).toEqual(['ok default, traces', 'ok default, traces', 'fail default, metrics', 'fail default, logs'])
  })

  it('asks each destination for the signals that it takes, under its own name', async () => {
    const { url } = await endpoint(status(404))
    const destinations = [
      { name: 'one', endpoint: url, signals: ['traces'] },
      { name: 'two', endpoint: url, signals: ['logs'] },
    ]
    expect(
      (await checkDestinations(subjectOf({ emit: { destinations } }), worldOf())).map(
        ({ level, about, knob }) => `${level} ${about} → ${knob}`,
      ),
    ).toEqual([
      'fail one, traces → the path of emit.destinations[0].endpoint',
      'warn two, logs → nothing to do: no endpoint that is configured brings logs',
    ])
  })

  it('tells data that is rejected within a success, new or old', async () => {
    let requests = 0
    const { url } = await endpoint((_request, response) => {
      const rejects = requests++ === 1
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(rejects ? '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}' : '{}')
    })
    const findings = await checkDestinations(subjectOf({ emit: { endpoint: url, protocol: 'http/json' } }), worldOf())
    expect(findings[1]).toMatchObject({
      check: 'old data',
      level: 'warn',
      seen: `${url}/v1/traces takes the request but rejects data 24 h old: too old`,
    })
  })

  it('reads back what it sent, as soon as it is there', async () => {
    const { url, received } = await endpoint(status(200))
    const subject = subjectOf({ emit: { endpoint: url } }, { queryUrls: ['http://query'] })
    const get = backendOf('http://query', received, (_trace, looks) => looks > 2)
    const findings = await checkDestinations(subject, worldOf({ get }))
    expect(told(findings.filter(({ check }) => check === 'read back'))).toEqual([
      'ok default, traces: Jaeger at http://query has it',
      'ok default, traces, old: Jaeger at http://query has it',
    ])
  })

  it('says when what was taken cannot be found, or nobody can be asked', async () => {
    const { url, received } = await endpoint(status(200))
    const subject = subjectOf({ emit: { endpoint: url } }, { queryUrls: ['http://query'] })
    const get = backendOf('http://query', received, (trace) => received[0]?.body.toString('hex').includes(trace) === true)
    const findings = await checkDestinations(subject, worldOf({ get }))
    expect(told(findings.filter(({ check }) => check === 'read back'))).toEqual([
      'ok default, traces: Jaeger at http://query has it',
      'warn default, traces, old: Jaeger at http://query does not have it after 1 s, though the endpoint took it',
    ])
    const broken: HttpGet = async (asked) => {
      if (asked.endsWith('/api/services')) return { status: 200, dateMs: undefined, body: '{"data":[]}' }
      throw new Error('reset')
    }
    const blind = await checkDestinations(subject, worldOf({ get: broken }))
    expect(blind.filter(({ check }) => check === 'read back')).toMatchObject([
      { level: 'warn', seen: 'cannot ask Jaeger at http://query: reset' },
      { level: 'warn' },
    ])
  })

  it('shows no credentials', async () => {
    const findings = await checkDestinations(subjectOf({ emit: { endpoint: 'http://me:swordfish@127.0.0.1:1' } }), worldOf())
    expect(JSON.stringify(findings)).not.toContain('swordfish')
  })
})

describe('checkQueryUrls', () => {
  it('says at which of them nobody is known', async () => {
    const get: HttpGet = async (url) => ({ status: 200, dateMs: undefined, body: url === 'http://tempo/api/echo' ? 'echo' : '' })
    const findings = await checkQueryUrls(subjectOf({}, { queryUrls: ['http://tempo', 'http://page'] }), worldOf({ get }))
    expect(told(findings)).toEqual([
      'ok http://tempo: Tempo answers',
      'fail http://page: neither Jaeger, Tempo, Prometheus nor Loki answers there',
    ])
  })
})
