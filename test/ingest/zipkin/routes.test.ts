import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import type { BodyTranslator, Listener } from '../../../src/ingest/adapter.ts'
import { zipkinConfig } from '../../../src/ingest/zipkin/config.ts'
import { startZipkin } from '../../../src/ingest/zipkin/routes.ts'
import { countsOf, createFakeDeps, type FakeDeps, openBooks, queueFull, quietPages, toyTranslate } from '../support/fakes.ts'

let deps: FakeDeps
let listener: Listener | undefined
let called: string[]

beforeEach(() => {
  deps = createFakeDeps()
  called = []
})

afterEach(async () => {
  await listener?.stop(0)
  listener = undefined
  expect(openBooks(deps.metrics)).toEqual([])
})

const named =
  (name: string, translate: BodyTranslator): BodyTranslator =>
  (body, at) => {
    called.push(name)
    return translate(body, at)
  }

async function start(config: object = {}, translate: BodyTranslator = toyTranslate, pages = quietPages): Promise<string> {
  listener = await startZipkin(
    zipkinConfig.parse({ host: '127.0.0.1', port: 0, ...config }),
    {
      v2Json: named('v2Json', translate),
      v1Json: named('v1Json', translate),
      v2Proto: named('v2Proto', translate),
      v1Thrift: named('v1Thrift', translate),
    },
    pages,
    deps,
  )
  return listener.addresses[0] as string
}

const post = (url: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers })

const failing =
  (code: 'OB_DECODE_JSON' | 'OB_DECODE_THRIFT' | 'OB_DECODE_PROTO', message: string): BodyTranslator =>
  () => {
    throw new BridgeError(code, message)
  }

describe('startZipkin', () => {
  it.each([
    ['/api/v2/spans', undefined, 'v2Json', 'zipkin-json'],
    ['/api/v2/spans', 'application/json', 'v2Json', 'zipkin-json'],
    ['/api/v2/spans', 'text/plain', 'v2Json', 'zipkin-json'],
    ['/api/v2/spans', 'weird', 'v2Json', 'zipkin-json'],
    ['/api/v2/spans', 'application/x-protobuf', 'v2Proto', 'zipkin-proto'],
    ['/api/v2/spans', 'Application/X-Protobuf; charset=utf-8', 'v2Proto', 'zipkin-proto'],
    ['/api/v2/spans', 'application/protobuf', 'v2Proto', 'zipkin-proto'],
    ['/api/v1/spans', 'application/json', 'v1Json', 'zipkin-json'],
    ['/api/v1/spans', 'application/x-thrift', 'v1Thrift', 'zipkin-thrift'],
    ['/api/v1/spans', 'application/vnd.apache.thrift.binary', 'v1Thrift', 'zipkin-thrift'],
  ])('Z-H1 to Z-H3: reads %s with %j by %s', async (path, type, translator, format) => {
    const answer = await post(`${await start()}${path}`, Buffer.from('ss'), type === undefined ? {} : { 'content-type': type })
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([202, '0', ''])
    expect(called).toEqual([translator])
    expect(deps.fake.batches).toMatchObject([{ format, signal: 'traces', items: 2, data: new Uint8Array([7, 7]) }])
  })

  it.each(['', '[]', '[ ]'])('Z-H5: takes an empty list: %j', async (body) => {
    expect((await post(`${await start()}/api/v2/spans`, body)).status).toBe(202)
    expect(deps.fake.batches).toEqual([])
  })

  it('Z-H5: takes an empty list in gzip, as the reporters send on closing', async () => {
    expect((await post(`${await start()}/api/v2/spans`, gzipSync('[]'), { 'content-encoding': 'gzip' })).status).toBe(202)
  })

  it('Z-H6: forwards the good spans and says how many were not', async () => {
    const answer = await post(`${await start()}/api/v2/spans`, 'sxsx')
    expect([answer.status, answer.headers.get('x-otlp-bridge-rejected-spans')]).toEqual([202, '2'])
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ bad_id: 2 })
    expect(deps.fake.batches[0]?.items).toBe(2)
  })

  it('Z-H6: answers 400 with the first reason when every span is bad', async () => {
    const answer = await post(`${await start()}/api/v2/spans`, 'xx')
    expect([answer.status, await answer.text()]).toEqual([400, 'traceId is all zeros reading List<Span> from json'])
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ bad_id: 2 })
  })

  it('Z-H6: refuses the whole request for one bad span when strict', async () => {
    const answer = await post(`${await start({ strict: true })}/api/v2/spans`, 'sxs')
    expect(answer.status).toBe(400)
    expect(deps.fake.batches).toEqual([])
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_items_total', 'reason')).toEqual({ bad_id: 1, strict: 2 })
  })

  it.each([
    ['{', '/api/v2/spans', 'application/json', 'Expected a JSON_V2 encoded list\n'],
    ['hello', '/api/v1/spans', 'application/json', 'Expected a JSON_V1 encoded list\n'],
    ['hello', '/api/v1/spans', 'application/x-thrift', 'Expected a THRIFT encoded list\n'],
    ['hello', '/api/v2/spans', 'application/x-protobuf', 'Expected a PROTO3 encoded list\n'],
  ])('Z-H7: says what it expected in place of %j', async (body, path, type, want) => {
    const answer = await post(`${await start({}, failing('OB_DECODE_JSON', 'cannot'))}${path}`, body, { 'content-type': type })
    expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([400, want, 'text/plain; charset=utf-8'])
  })

  it.each([
    ['[{"traceId":"', 'unexpected end of input at byte 13', /^End of input.* reading List<Span> from json$/],
    ['[{"a"}]', 'expected a colon at byte 5', /^Malformed.* reading List<Span> from json$/],
  ])('Z-H7: begins and ends the text for %j as Zipkin does', async (body, message, want) => {
    const answer = await post(`${await start({}, failing('OB_DECODE_JSON', message))}/api/v2/spans`, body)
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(want)])
  })

  it('Z-H7: words a cut-off Thrift list as Zipkin does', async () => {
    const translate = failing('OB_DECODE_THRIFT', 'cannot read list: 1 bytes remain at byte 5')
    const answer = await post(`${await start({}, translate)}/api/v1/spans`, Buffer.from([0x0c, 0]), {
      'content-type': 'application/x-thrift',
    })
    expect(await answer.text()).toMatch(/^Truncated.* reading List<Span> from TBinary$/)
  })

  it.each([
    ['/api/v2/spans', '[{"binaryAnnotations":[]}]', 'Expected a JSON_V2 encoded list, but received: JSON_V1\n'],
    ['/api/v1/spans', '[{"localEndpoint":{}}]', 'Expected a JSON_V1 encoded list, but received: JSON_V2\n'],
    ['/api/v1/spans', '[{"tags":{}}]', 'Expected a JSON_V1 encoded list, but received: JSON_V2\n'],
  ])('Z-H8: refuses the other version at %s only when strict', async (path, body, want) => {
    const strict = await post(`${await start({ strict: true })}${path}`, body)
    expect([strict.status, await strict.text()]).toEqual([400, want])
    await listener?.stop(0)
    expect((await post(`${await start()}${path}`, body)).status).toBe(202)
  })

  it('Z-H9: words bad gzip as Zipkin does', async () => {
    const answer = await post(`${await start()}/api/v2/spans`, 'ss', { 'content-encoding': 'gzip' })
    expect([answer.status, await answer.text()]).toEqual([400, 'Cannot gunzip spans'])
  })

  it('Z-H10: answers 413 and names the limit', async () => {
    const answer = await post(`${await start({ limits: { body: 10 } })}/api/v2/spans`, gzipSync('s'.repeat(11)), {
      'content-encoding': 'gzip',
    })
    expect([answer.status, await answer.text()]).toEqual([413, expect.stringContaining('ingest.zipkin.limits.body')])
  })

  it('Z-H11: answers 503 with Retry-After while the queue takes nothing', async () => {
    deps.fake.refuseWith = queueFull()
    const answer = await post(`${await start()}/api/v2/spans`, 'ss')
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '7'])
  })

  it('Z-H14: tells its health as Zipkin does', async () => {
    const answer = await fetch(`${await start()}/health`)
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { status: 'UP', zipkin: { status: 'UP', details: { OtlpBridge: { status: 'UP' } } } },
    ])
    expect((await fetch(`${listener?.addresses[0]}/actuator/health`)).headers.get('content-type')).toContain(
      'application/vnd.spring-boot.actuator.v2+json',
    )
  })

  it('Z-H14: is DOWN with a reason when something is wrong', async () => {
    const answer = await fetch(`${await start({}, toyTranslate, { ...quietPages, trouble: () => 'the endpoint refuses' })}/health`)
    expect([answer.status, await answer.json()]).toEqual([
      503,
      {
        status: 'DOWN',
        zipkin: { status: 'DOWN', details: { OtlpBridge: { status: 'DOWN', details: { error: 'the endpoint refuses' } } } },
      },
    ])
  })

  it('Z-H15: serves info and metrics under Zipkin names', async () => {
    const address = await start()
    await post(`${address}/api/v2/spans`, 'sxs')
    await post(`${address}/api/v2/spans`, '!')
    expect(await (await fetch(`${address}/metrics`)).json()).toEqual({
      'counter.zipkin_collector.messages.http': 2,
      'counter.zipkin_collector.messages_dropped.http': 1,
      'counter.zipkin_collector.bytes.http': 4,
      'counter.zipkin_collector.spans.http': 3,
      'counter.zipkin_collector.spans_dropped.http': 1,
    })
    expect(await (await fetch(`${address}/info`)).json()).toEqual({
      zipkin: { version: expect.any(String) },
      'otlp-bridge': { version: '0.0.0-test' },
    })
    expect(await (await fetch(`${address}/prometheus`)).text()).toBe('up 1\n')
  })

  it.each([
    '/api/v2/services',
    '/api/v2/traces?limit=1',
    '/api/v2/trace/abc',
    '/api/v2/spans?serviceName=a',
    '/api/v1/services',
    '/zipkin/',
    '/config.json',
  ])('Z-H16: answers GET %s with where to look instead', async (path) => {
    const answer = await fetch(`${await start({ newBackend: 'https://traces.example' })}${path}`)
    expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('https://traces.example')])
  })

  it('Z-H16: names the endpoint when no new back end is configured', async () => {
    expect(await (await fetch(`${await start()}/api/v2/services`)).text()).toContain('http://collector:4318')
  })

  it('Z-H17: answers pre-flight requests as Zipkin does', async () => {
    const answer = await fetch(`${await start()}/api/v2/spans`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://shop.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
    expect([answer.status, Object.fromEntries(answer.headers)]).toEqual([
      200,
      expect.objectContaining({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET,POST',
        'access-control-allow-headers': 'content-type,x-grpc-web',
        'access-control-max-age': '0',
      }),
    ])
  })

  it('Z-H17: lets the posting page read the answer', async () => {
    const address = await start({ cors: { origins: ['https://shop.example'] } })
    const originOf = async (origin: string): Promise<string | null> =>
      (await post(`${address}/api/v2/spans`, 's', { origin })).headers.get('access-control-allow-origin')
    expect(await originOf('https://shop.example')).toBe('https://shop.example')
    expect(await originOf('https://other.example')).toBe(null)
  })

  it.each([
    ['POST', '/nothing'],
    ['POST', '/api/v2/spans/'],
    ['PUT', '/api/v2/spans'],
    ['DELETE', '/api/v2/spans'],
    ['HEAD', '/api/v2/spans'],
    ['OPTIONS', '/api/v2/spans'],
    ['POST', '/health'],
  ])('Z-H1: answers %s %s with 404', async (method, path) => {
    const answer = await fetch(`${await start()}${path}`, { method, headers: { 'content-type': 'no type' } })
    expect([answer.status, await answer.text()]).toEqual([404, method === 'HEAD' ? '' : '404 Not Found'])
  })

  it('Z-H18: says at / what it is', async () => {
    const answer = await fetch(await start())
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('otlp-bridge')])
  })
})

describe('startZipkin with credentials', () => {
  const auth = { bearer: ['t'], apiKey: { header: 'x-key', keys: ['k'] } }

  it('refuses strangers in its own form, also to web pages, and leaves both health paths open', async () => {
    const address = await start({ auth })
    const answer = await post(`${address}/api/v2/spans`, 'ss', { origin: 'http://page' })
    expect([answer.status, await answer.text()]).toEqual([401, 'cannot take the request: it brings no credentials'])
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="otlp-bridge", ApiKey realm="otlp-bridge", header="x-key"')
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    const open = await Promise.all(
      ['/health', '/actuator/health', '/metrics', '/info'].map(async (path) => (await fetch(address + path)).status),
    )
    expect(open).toEqual([200, 200, 401, 401])
    expect((await post(`${address}/api/v2/spans`, 'ss', { 'x-key': 'k' })).status).toBe(202)
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ auth: 1 })
  })

  it('tells a web page which headers it may send them in, without asking for them', async () => {
    const address = await start({ auth })
    const headers = { origin: 'http://page', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' }
    const answer = await fetch(`${address}/api/v2/spans`, { method: 'OPTIONS', headers })
    expect([answer.status, answer.headers.get('access-control-allow-headers')]).toEqual([
      200,
      'content-type,x-grpc-web,authorization,x-key',
    ])
  })
})
