import { createRequire } from 'node:module'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { otlpEndpoints } from '../../../src/ingest/otlp/config.ts'
import { startOtlpHttp } from '../../../src/ingest/otlp/http.ts'
import { createOtlpTranslators } from '../../../src/ingest/otlp/translators.ts'
import { decodeStatusMessage } from '../../../src/otlp/decode/response.ts'
import { officialDecode, officialEncode, type Plain } from '../../support/official-otlp.ts'
import { countsOf, createFakeDeps, type FakeDeps, openBooks, openRaw, queueFull } from '../support/fakes.ts'

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

async function start(config: object = {}): Promise<string> {
  const { http } = otlpEndpoints({})
  if (http === undefined) throw new Error('no endpoint')
  const translators = createOtlpTranslators({ limits: defaultDecodeLimits })
  listener = await startOtlpHttp({ ...http, host: '127.0.0.1', port: 0, ...config }, translators, { ...deps, instanceId: 'us' })
  return listener.addresses[0] as string
}

const protobuf = { 'content-type': 'application/x-protobuf' }
const json = { 'content-type': 'application/json' }

const post = (url: string, body: string | Uint8Array, headers: Record<string, string> = protobuf): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers })

const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }
const plain: Record<'traces' | 'metrics' | 'logs', Plain> = {
  traces: { resourceSpans: [{ resource, scopeSpans: [{ spans: [{ traceId: '01'.repeat(16), spanId: '02'.repeat(8), name: 'a' }] }] }] },
  metrics: {
    resourceMetrics: [
      { resource, scopeMetrics: [{ metrics: [{ name: 'm', sum: { dataPoints: [{ asInt: '-1' }, { asDouble: 0.5 }] } }] }] },
    ],
  },
  logs: { resourceLogs: [{ resource, scopeLogs: [{ logRecords: [{ body: { stringValue: 'text' } }] }] }] },
}
const items = { traces: 1, metrics: 2, logs: 1 }
const signals = ['traces', 'metrics', 'logs'] as const

const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer())

describe('startOtlpHttp', () => {
  it.each(signals)('queues %s in protobuf as they came', async (signal) => {
    const request = Buffer.concat([officialEncode(plain[signal], signal), Uint8Array.of(0xf8, 0x07, 1)])
    const answer = await post(`${await start()}/v1/${signal}`, request)
    expect([answer.status, answer.headers.get('content-type'), (await bytesOf(answer)).length]).toEqual([200, 'application/x-protobuf', 0])
    expect(deps.fake.batches).toMatchObject([{ format: 'otlp-proto', signal, items: items[signal], data: new Uint8Array(request) }])
    expect(deps.metrics.sums()).toContainEqual(
      expect.objectContaining({ format: 'otlp-proto', signal, received: items[signal], balance: 0 }),
    )
    expect(countsOf(deps.metrics, 'otlp_bridge_clients_items_total', 'service')).toEqual({ shop: items[signal] })
  })

  it.each(signals)('queues %s in JSON as protobuf', async (signal) => {
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    const answer = await post(`${await start()}/v1/${signal}`, JSON.stringify(plain[signal]), headers)
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([200, 'application/json', '{}'])
    const [batch] = deps.fake.batches
    expect(batch).toMatchObject({ format: 'otlp-json', signal, items: items[signal] })
    expect(officialDecode(batch?.data ?? new Uint8Array(0), signal)).toEqual(plain[signal])
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
  ] as const)('takes bodies compressed with %s', async (encoding, compress) => {
    const large = { resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: 5000 }, (_, i) => ({ name: `span ${i * 7919}` })) }] }] }
    const url = `${await start()}/v1/traces`
    for (const one of [plain.traces, large]) {
      const request = officialEncode(one)
      expect((await post(url, compress(request), { ...protobuf, 'content-encoding': encoding })).status).toBe(200)
      expect(Buffer.compare(deps.fake.batches.at(-1)?.data ?? new Uint8Array(0), request)).toBe(0)
    }
    expect((await post(url, Buffer.from('no such stream'), { ...protobuf, 'content-encoding': encoding })).status).toBe(400)
  })

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('holds bombs of %s to the limits', async (encoding, compress) => {
    const { http } = otlpEndpoints({})
    const url = `${await start({ limits: { ...http?.limits, body: 2_000_000 } })}/v1/traces`
    const bomb = compress(Buffer.alloc(50_000_000))
    expect((await post(url, bomb, { ...protobuf, 'content-encoding': encoding })).status).toBe(413)
    expect((await post(url, compress(Buffer.alloc(1_500_000)), { ...protobuf, 'content-encoding': encoding })).status).toBe(413)
  })

  it('refuses a zstd stream that is cut off or asks for a large window', async () => {
    const url = `${await start()}/v1/traces`
    const whole = zstdCompressSync(officialEncode(plain.traces))
    const headers = { ...protobuf, 'content-encoding': 'zstd' }
    expect((await post(url, whole.subarray(0, whole.length - 4), headers)).status).toBe(400)
    // Frame header: magic, no single segment, window descriptor 2^31; a raw block that never comes.
    expect((await post(url, Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0, 0), headers)).status).toBe(400)
  })

  it('takes an empty request and queues nothing', async () => {
    const url = await start()
    expect((await post(`${url}/v1/traces`, '')).status).toBe(200)
    expect((await post(`${url}/v1/logs`, '{}', json)).status).toBe(200)
    expect(deps.fake.batches).toEqual([])
  })

  it('answers what it cannot read with a Status in the encoding of the request', async () => {
    const url = `${await start()}/v1/traces`
    const request = officialEncode(plain.traces)
    const answer = await post(url, request.subarray(0, request.length - 1))
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/x-protobuf'])
    const body = await bytesOf(answer)
    expect(decodeStatusMessage(body)).toMatch(/^cannot read protobuf: .* at byte \d+$/)
    expect([...body.subarray(0, 2)]).toEqual([0x08, 3])

    const other = await post(url, '{"resourceSpans":[{"resource":5}]}', json)
    expect([other.status, other.headers.get('content-type')]).toEqual([400, 'application/json'])
    expect(await other.json()).toEqual({ code: 3, message: 'cannot read JSON: expected { at byte 30 in $.resourceSpans[0].resource' })
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ decode_proto: 1, decode_json: 1 })
  })

  it.each([['text/plain'], ['weird'], ['__proto__'], ['']])('refuses the content type %j', async (type) => {
    const answer = await post(`${await start()}/v1/traces`, Buffer.from('x'), { 'content-type': type })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([415, 'text/plain; charset=utf-8'])
    expect(await answer.text()).toContain('neither application/x-protobuf nor application/json')
  })

  it('refuses an encoding it does not have with 415', async () => {
    const answer = await post(`${await start()}/v1/traces`, Buffer.from('x'), { ...json, 'content-encoding': 'br' })
    expect([answer.status, await answer.json()]).toEqual([
      415,
      { code: 12, message: expect.stringContaining('neither gzip, deflate nor zstd') },
    ])
  })

  it('refuses a body that is too large with 413', async () => {
    const { http } = otlpEndpoints({})
    const url = await start({ limits: { ...http?.limits, compressedBody: 100 } })
    expect((await post(`${url}/v1/traces`, Buffer.alloc(101))).status).toBe(413)
  })

  it('tells the sender to come back while the queue is full, before it reads and after', async () => {
    const url = `${await start()}/v1/metrics`
    const request = officialEncode(plain.metrics, 'metrics')
    for (const when of ['refuseWith', 'putError'] as const) {
      deps.fake[when] = queueFull()
      const answer = await post(url, request)
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '7'])
      expect(decodeStatusMessage(await bytesOf(answer))).toContain('cannot queue data')
      deps.fake[when] = undefined
    }
    deps.fake.putError = new BridgeError('OB_QUEUE_BROKEN', 'cannot queue data: no disk')
    expect((await post(url, request)).status).toBe(503)
  })

  it('refuses what it has sent itself, and takes what other bridges sent', async () => {
    const url = `${await start()}/v1/traces`
    const request = officialEncode(plain.traces)
    for (const id of ['us', 'them, us']) {
      const answer = await post(url, request, { ...protobuf, 'x-otlp-bridge': id })
      expect([answer.status, (await bytesOf(answer))[1]]).toEqual([508, 9])
    }
    expect((await post(url, request, { ...protobuf, 'x-otlp-bridge': 'them' })).status).toBe(200)
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ loop: 2 })
  })

  it('says 405 for other methods and 404 for other paths', async () => {
    const url = await start()
    const answer = await fetch(`${url}/v1/traces`)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    expect((await fetch(`${url}/v1/traces?x=1`, { method: 'PUT' })).status).toBe(405)
    expect((await post(`${url}/v1/profiles`, '')).status).toBe(404)
    expect((await fetch(url)).status).toBe(404)
  })

  it('lets no page send unless its origin is named', async () => {
    const ask = (url: string, origin: string): Promise<Response> =>
      fetch(`${url}/v1/traces`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type,x-team' },
      })
    const closed = await ask(await start(), 'https://shop.example')
    expect([closed.status, closed.headers.get('access-control-allow-origin')]).toEqual([405, null])
    await listener?.stop(0)
    const url = await start({ cors: { origins: ['https://shop.example'] } })
    const open = await ask(url, 'https://shop.example')
    expect([open.status, open.headers.get('access-control-allow-origin'), open.headers.get('access-control-allow-headers')]).toEqual([
      200,
      'https://shop.example',
      'content-type,x-team',
    ])
    expect((await ask(url, 'https://other.example')).status).toBe(405)
    const sent = await post(`${url}/v1/traces`, '{}', { ...json, origin: 'https://shop.example' })
    expect([sent.status, sent.headers.get('access-control-allow-origin')]).toEqual([200, 'https://shop.example'])
    const refused = await post(`${url}/v1/traces`, '[]', { ...json, origin: 'https://shop.example' })
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([400, 'https://shop.example'])
  })

  it('keeps nothing of a connection whose requests come one after the other', async () => {
    const url = await start()
    const raw = await openRaw(url)
    const request = (body: Uint8Array): Buffer =>
      Buffer.concat([
        Buffer.from(
          `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`,
        ),
        body,
      ])
    const bodies = ['a', 'b', 'c'].map((name) =>
      officialEncode({ resourceSpans: [{ scopeSpans: [{ spans: [{ name: name.repeat(50) }] }] }] }),
    )
    raw.send(Buffer.concat(bodies.map(request)))
    await expect.poll(() => deps.fake.batches.length).toBe(3)
    deps.fake.batches.forEach(({ data }, i) => {
      expect(Buffer.compare(data, bodies[i] ?? new Uint8Array(0))).toBe(0)
    })
    raw.destroy()
  })
})

interface Serializer {
  serializeRequest(what: unknown): Uint8Array
}

const require = createRequire(import.meta.url)
const transformer = require('@opentelemetry/otlp-transformer') as Record<string, Serializer>

const sdkResource = { attributes: { 'service.name': 'shop', weights: [1, 2.5], odd: undefined }, asyncAttributesPending: false }
const scope = { name: 'lib', version: '1.0' }
const now: [number, number] = [1_700_000_000, 123_456_789]

const sdkSpan = {
  name: 'GET /',
  kind: 1,
  spanContext: () => ({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 }),
  parentSpanContext: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203332', traceFlags: 1, isRemote: true },
  startTime: now,
  endTime: [now[0] + 1, 5],
  status: { code: 2, message: 'late' },
  attributes: { s: 'é"\\\n', i: 5, big: 2 ** 40, d: 0.1, b: false, list: ['a', 'b'], bytes: Uint8Array.of(1, 2) },
  links: [{ context: { traceId: '0af7651916cd43dd8448eb211c80319d', spanId: 'b7ad6b7169203333', traceFlags: 0 }, attributes: { l: 1 } }],
  events: [{ name: 'exception', time: now, attributes: { 'exception.type': 'E' } }],
  duration: [1, 0],
  ended: true,
  resource: sdkResource,
  instrumentationScope: scope,
  droppedAttributesCount: 1,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
}

const metric = (name: string, dataPointType: number, value: unknown) => ({
  descriptor: { name, description: 'd', unit: 'ms', type: 'HISTOGRAM', valueType: 1, advice: {} },
  aggregationTemporality: 1,
  dataPointType,
  isMonotonic: true,
  dataPoints: [{ startTime: now, endTime: now, attributes: { route: '/' }, value }],
})

const sdkMetrics = {
  resource: sdkResource,
  scopeMetrics: [
    {
      scope,
      metrics: [
        metric('histogram', 0, { count: 3, sum: 6.5, min: 1, max: 3, buckets: { boundaries: [1, 2.5], counts: [1, 1, 1] } }),
        metric('exponential', 1, {
          count: 3,
          sum: 6.5,
          min: 1,
          max: 3,
          scale: -2,
          zeroCount: 1,
          positive: { offset: -3, bucketCounts: [1, 300] },
          negative: { offset: 0, bucketCounts: [] },
        }),
        metric('gauge', 2, 1.5),
        metric('sum', 3, 7),
      ],
    },
  ],
}

const sdkLog = {
  hrTime: now,
  hrTimeObserved: now,
  spanContext: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 },
  severityText: 'WARN',
  severityNumber: 13,
  eventName: 'event',
  body: { nested: ['a', { b: 1 }], none: null },
  resource: sdkResource,
  instrumentationScope: scope,
  attributes: { a: 1 },
  droppedAttributesCount: 2,
}

describe('what the JavaScript SDK sends', () => {
  it.each([
    ['traces', 'Trace', [sdkSpan], 1],
    ['metrics', 'Metrics', sdkMetrics, 4],
    ['logs', 'Logs', [sdkLog], 1],
  ] as const)('comes out the same from JSON and protobuf: %s', async (signal, name, what, count) => {
    const url = `${await start()}/v1/${signal}`
    const inJson = transformer[`Json${name}Serializer`]?.serializeRequest(what) ?? ''
    const inProto = transformer[`Protobuf${name}Serializer`]?.serializeRequest(what) ?? ''
    expect((await post(url, inJson, json)).status).toBe(200)
    expect((await post(url, inProto)).status).toBe(200)
    const [fromJson, fromProto] = deps.fake.batches
    expect([fromJson?.items, fromProto?.items]).toEqual([count, count])
    expect(Buffer.compare(fromProto?.data ?? new Uint8Array(0), Buffer.from(inProto))).toBe(0)
    const withoutDefaults = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (_, one) => (one === '' || one === 0 ? undefined : one)))
    expect(withoutDefaults(officialDecode(fromJson?.data ?? new Uint8Array(0), signal))).toEqual(
      withoutDefaults(officialDecode(fromProto?.data ?? new Uint8Array(0), signal)),
    )
  })
})
