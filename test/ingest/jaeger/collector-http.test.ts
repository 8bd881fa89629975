import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { parseMediaType, startJaegerHttp } from '../../../src/ingest/jaeger/collector-http.ts'
import { jaegerConfig, jaegerEndpoints } from '../../../src/ingest/jaeger/config.ts'
import { countsOf, createFakeDeps, type FakeDeps, openBooks, openRaw, queueFull, quietSampling, toyTranslate } from '../support/fakes.ts'

let deps: FakeDeps
let listener: Listener | undefined

beforeEach(() => {
  deps = createFakeDeps()
})

afterEach(async () => {
  await listener?.stop(0)
  listener = undefined
  expect(openBooks(deps.metrics)).toEqual([])
})

async function start(): Promise<string> {
  const { http } = jaegerEndpoints(jaegerConfig.parse({ http: { host: '127.0.0.1', port: 0 } }))
  if (http === undefined) throw new Error('the endpoint is off')
  listener = await startJaegerHttp(http, toyTranslate, quietSampling, deps)
  return listener.addresses[0] as string
}

const thrift = { 'content-type': 'application/x-thrift' }

const post = (url: string, body: string | Uint8Array, headers: Record<string, string> = thrift): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers })

describe('startJaegerHttp', () => {
  it.each([
    ['/api/traces', 'application/x-thrift'],
    ['/api/traces?format=jaeger.thrift', 'application/vnd.apache.thrift.binary'],
    ['/api/traces', 'Application/X-Thrift; charset=utf-8'],
  ])('J-H1: takes a batch at %s as %s', async (path, type) => {
    const answer = await post(`${await start()}${path}`, 'ss', { 'content-type': type })
    expect([answer.status, await answer.text()]).toEqual([202, ''])
    expect(deps.fake.batches.map(({ format, items }) => [format, items])).toEqual([['jaeger-thrift-binary', 2]])
  })

  it.each([
    ['text/<b>', 'Cannot parse content type: mime: expected token after slash\n'],
    ['application/json', 'Unsupported content type: application/json\n'],
    ["a&b'c", 'Unsupported content type: a&amp;b&#39;c\n'],
    ['weird', 'Unsupported content type: weird\n'],
  ])('J-H2: refuses the content type %s in Jaeger words', async (type, want) => {
    const answer = await post(`${await start()}/api/traces`, 'ss', { 'content-type': type })
    expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([400, want, 'text/plain; charset=utf-8'])
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ unsupported_type: 1 })
  })

  it('J-H2: refuses a request without a content type', async () => {
    const socket = await openRaw(await start())
    socket.send('POST /api/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\ns')
    expect(await socket.until('media type')).toContain('Cannot parse content type: mime: no media type')
    socket.destroy()
  })

  it('J-H3: refuses a body it cannot read', async () => {
    const answer = await post(`${await start()}/api/traces`, '!')
    expect([answer.status, await answer.text()]).toEqual([400, 'Unable to process request body: cannot read span: no JSON at byte 1\n'])
  })

  it('J-H4: asks to come back while the queue takes nothing', async () => {
    deps.fake.refuseWith = queueFull()
    const answer = await post(`${await start()}/api/traces`, 's')
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
      503,
      '7',
      'Cannot submit Jaeger batch: cannot queue data: full\n',
    ])
  })

  it.each([
    ['GET', '/api/traces', 405],
    ['PUT', '/api/traces', 405],
    ['POST', '/api/sampling', 405],
    ['POST', '/api/traces/', 404],
    ['GET', '/', 404],
    ['GET', '/api/sampling?service=a', 200],
    ['GET', '/api/sampling', 400],
    ['GET', '/api/baggageRestrictions?service=a', 200],
  ])('J-H5: answers %s %s with %d', async (method, path, status) => {
    expect((await fetch(`${await start()}${path}`, { method, headers: { 'content-type': 'no type' } })).status).toBe(status)
  })

  it('J-H6: takes gzip', async () => {
    expect((await post(`${await start()}/api/traces`, gzipSync('ss'), { ...thrift, 'content-encoding': 'gzip' })).status).toBe(202)
    expect(deps.fake.batches[0]?.items).toBe(2)
  })

  it('says how many spans of a batch were not taken', async () => {
    const answer = await post(`${await start()}/api/traces`, 'sx')
    expect([answer.status, answer.headers.get('x-otlp-bridge-rejected-spans')]).toEqual([202, '1'])
  })
})

describe('parseMediaType', () => {
  it.each([
    ['application/x-thrift', { type: 'application/x-thrift' }],
    ['A/B; c=d; e="f;g"', { type: 'a/b' }],
    ['a/b;', { type: 'a/b' }],
    ['', { fault: 'mime: no media type' }],
    [' ', { fault: 'mime: no media type' }],
    ['a b', { fault: 'mime: expected slash after first token' }],
    ['a/', { fault: 'mime: expected token after slash' }],
    ['a/b c', { fault: 'mime: unexpected content after media subtype' }],
    ['a/b; c', { fault: 'mime: invalid media parameter' }],
    ['a/b; c=1; C=2', { fault: 'mime: duplicate parameter name' }],
  ])('reads %j as Go does', (header, want) => {
    expect(parseMediaType(header)).toEqual(want)
  })
})
