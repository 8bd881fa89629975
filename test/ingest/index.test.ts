import { createSocket } from 'node:dgram'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Endpoint } from '../../src/ingest/endpoints.ts'
import {
  createFileTranslator,
  everyEndpoint,
  fileFormats,
  ingestConfig,
  planIngest,
  startIngest,
  translateConfig,
} from '../../src/ingest/index.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import {
  countsOf,
  createFakeDeps,
  eventually,
  type FakeDeps,
  noUserMapping,
  openBooks,
  quietPages,
  quietSampling,
  sumOf,
} from './support/fakes.ts'

let deps: FakeDeps
let endpoints: readonly Endpoint[] = []

beforeEach(() => {
  deps = createFakeDeps()
})

afterEach(async () => {
  await Promise.all(endpoints.map(({ listener }) => listener.stop(100)))
  endpoints = []
  expect(openBooks(deps.metrics)).toEqual([])
})

const anyPort = { port: 0, host: '127.0.0.1' }

async function start(section: object): Promise<Record<string, string>> {
  endpoints = await startIngest(ingestConfig.parse(section), {
    ...deps,
    pages: quietPages,
    sampling: quietSampling,
    translate: translateConfig.parse({}),
    userMapping: noUserMapping,
  })
  return Object.fromEntries(endpoints.map(({ name, listener }) => [name, listener.addresses[0] as string]))
}

const post = async (url: string, body: string | Uint8Array, type = 'application/json', headers: Record<string, string> = {}) => {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': type, ...headers } })
  return [answer.status, await answer.text()] as const
}

async function send(address: string, datagram: Uint8Array): Promise<void> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) =>
    socket.send(datagram, Number(new URL(address.replace('udp', 'http')).port), '127.0.0.1', () => resolve()),
  )
  socket.close()
}

const span = (id: string): object => ({
  traceId: '00000000000000000000000000000abc',
  id,
  name: 'get',
  timestamp: 1_472_470_996_199_000,
  duration: 5,
})

const jaegerAll = { http: anyPort, compact: anyPort, binary: anyPort, zipkin: anyPort, health: anyPort }

describe('everyEndpoint', () => {
  it('means the legacy ports', () => {
    expect(everyEndpoint()).toMatchObject({ zipkin: { host: 'localhost', port: 9411 }, jaeger: {} })
  })
})

describe('startIngest', () => {
  it('starts what the section names, and stops it', async () => {
    expect(Object.keys(await start({ zipkin: anyPort, jaeger: jaegerAll }))).toEqual([
      'zipkin',
      'jaeger.http',
      'jaeger.compact',
      'jaeger.binary',
      'jaeger.zipkin',
      'jaeger.health',
    ])
    expect(endpoints.map(({ listener }) => listener.addresses[0]?.split(':')[0])).toEqual(['http', 'http', 'udp', 'udp', 'udp', 'http'])
  })

  it('stops what it had started when one port is taken', async () => {
    const { zipkin } = await start({ zipkin: anyPort })
    const taken = Number(new URL(zipkin as string).port)
    const failed = startIngest(ingestConfig.parse({ zipkin: anyPort, jaeger: { http: { ...anyPort, port: taken } } }), {
      ...deps,
      pages: quietPages,
      sampling: quietSampling,
      translate: translateConfig.parse({}),
      userMapping: noUserMapping,
    })
    await expect(failed).rejects.toMatchObject({ code: 'OB_LISTEN', place: 'ingest.jaeger.http.port' })
  })

  it('carries Zipkin JSON from the socket to the intake', async () => {
    const { zipkin } = await start({ zipkin: anyPort })
    const body = JSON.stringify([span('0000000000000001'), span('0000000000000002')])
    expect(await post(`${zipkin}/api/v2/spans`, gzipSync(body), 'application/json', { 'content-encoding': 'gzip' })).toEqual([202, ''])
    const [batch] = deps.fake.batches
    expect([batch?.format, batch?.items]).toEqual(['zipkin-json', 2])
    const { resourceSpans } = decodeTraces(batch?.data ?? new Uint8Array(0))
    expect(resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans))).toHaveLength(2)
  })

  it('gives a body that spans many pieces to the translator whole, and never the bytes of another', async () => {
    const { zipkin } = await start({ zipkin: anyPort })
    const bodies = Array.from({ length: 8 }, (_, n) =>
      JSON.stringify(Array.from({ length: 1500 }, (_, at) => ({ ...span((at + 1).toString(16)), name: `sender ${n}` }))),
    )
    for (const [status] of await Promise.all(bodies.map((body) => post(`${zipkin}/api/v2/spans`, body)))) expect(status).toBe(202)
    expect(deps.fake.batches.map((batch) => batch.items)).toEqual(new Array(8).fill(1500))
    for (const batch of deps.fake.batches) {
      const spans = decodeTraces(batch.data).resourceSpans.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans))
      expect(new Set(spans.map((one) => String(one.name))).size).toBe(1)
    }
  })

  it.each([
    ['a bracket 100,000 deep', '['.repeat(100_000), 400],
    ['an object', '{"traceId":"1","id":"2"}', 400],
    ['a cut-off list', '[{"traceId":"', 400],
    ['garbage behind the list', '[]x', 400],
    ['a trailing comma', '[{"traceId":"1","id":"2"},]', 400],
    ['a byte order mark', '\ufeff[]', undefined],
    ['every id zero', '[{"traceId":"0","id":"0"}]', 400],
    ['deep tags', `[{"traceId":"1","id":"2","tags":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}]`, 400],
    ['protobuf', '\n\u0003abc', 400],
  ])('answers Zipkin JSON that is %s', async (_name, body, want) => {
    const { zipkin } = await start({ zipkin: anyPort })
    const [status] = await post(`${zipkin}/api/v2/spans`, body)
    if (want === undefined) expect([202, 400]).toContain(status)
    else expect(status).toBe(want)
    expect(await post(`${zipkin}/api/v2/spans`, '[]')).toEqual([202, ''])
  })

  it('takes the good spans around a bad one', async () => {
    const { zipkin } = await start({ zipkin: anyPort })
    const answer = await fetch(`${zipkin}/api/v2/spans`, { method: 'POST', body: JSON.stringify([span('1'), span('not hex'), span('2')]) })
    expect([answer.status, answer.headers.get('x-otlp-bridge-rejected-spans')]).toEqual([202, '1'])
  })

  it('refuses a gzip bomb of spans with little memory', async () => {
    const { zipkin } = await start({ zipkin: anyPort })
    const bomb = gzipSync(Buffer.alloc(300 * 1024 * 1024, '[{"traceId":"1","id":"2"},'))
    const before = process.memoryUsage().rss
    const [status] = await post(`${zipkin}/api/v2/spans`, bomb, 'application/json', { 'content-encoding': 'gzip' })
    expect(status).toBe(413)
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024)
  })

  it('refuses more spans than the limit', async () => {
    const { zipkin } = await start({ zipkin: { ...anyPort, limits: { items: 10 } } })
    const [status] = await post(`${zipkin}/api/v2/spans`, JSON.stringify(Array.from({ length: 11 }, () => span('1'))))
    expect(status).toBe(413)
  })

  it.each([
    ['33 million spans declared in 8 bytes', '0f00020c02000000'],
    ['a compact list as large', '29fc80808010'],
    ['nothing', ''],
    ['a bare list', '0c00000000'],
    ['nesting through an unknown field', `${'0c0063'.repeat(10_000)}`],
    ['an unknown field type', '1100010000'],
    ['a negative string length', '0c00010b0001ffffffff'],
  ])('answers Jaeger Thrift with %s', async (_name, hex) => {
    const { 'jaeger.http': http } = await start({ jaeger: { http: anyPort } })
    const [status, text] = await post(`${http}/api/traces`, Buffer.from(hex, 'hex'), 'application/x-thrift')
    expect([status, text]).toEqual([400, expect.stringMatching(/^Unable to process request body: /)])
    expect(deps.fake.batches).toEqual([])
  })

  it.each([
    ['an empty emitZipkinBatch', '8281010f656d69745a69706b696e426174636819 0c 00'],
    ['no bytes', ''],
    ['one byte', '82'],
    ['binary nonsense', '80010004ffffffff'],
    ['a list that declares too much', '82810109656d69744261746368 1c 29 fc80808010'],
  ])('lives through a datagram with %s on every port', async (_name, hex) => {
    const addresses = await start({ jaeger: { compact: anyPort, binary: anyPort, zipkin: anyPort } })
    for (const address of Object.values(addresses)) await send(address, Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_received_requests_total') === 3)
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')['internal']).toBe(undefined)
    expect(deps.fake.batches).toEqual([])
  })
})

describe('planIngest', () => {
  const namesOf = (leads?: boolean): string[] =>
    planIngest(everyEndpoint(), {
      ...deps,
      pages: quietPages,
      sampling: quietSampling,
      translate: translateConfig.parse({}),
      userMapping: noUserMapping,
      leads,
    }).map(({ name }) => name)

  it('leaves endpoints that must be alone to the worker that leads', () => {
    expect(namesOf()).toContain('prometheus')
    expect(namesOf(true)).toEqual(namesOf())
    expect(namesOf(false)).toEqual(namesOf().filter((name) => name !== 'prometheus'))
  })
})

describe('createFileTranslator', () => {
  it('makes a translator of every format in the list', async () => {
    for (const format of fileFormats) {
      expect(await createFileTranslator(format, translateConfig.parse({}))).toBeTypeOf('function')
    }
  })

  it('tells v1 and v2 JSON apart', async () => {
    const translate = await createFileTranslator('zipkin-json', translateConfig.parse({}))
    const v1 = [{ traceId: '1', id: '2', name: 'a', annotations: [], binaryAnnotations: [{ key: 'k', value: 'v' }] }]
    for (const spans of [v1, [span('3')]]) expect(translate(Buffer.from(JSON.stringify(spans)), 0).items).toBe(1)
  })
})
