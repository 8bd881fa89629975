/** OTLP through the whole program: in over both protocols and encodings, through the queue, out to an endpoint. */

import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { officialDecode, officialEncode, type Plain } from './support/official-otlp.ts'

let folder: string
const open: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pipeline-otlp-'))
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
  await rm(folder, { recursive: true })
})

const start = async (...set: string[]): Promise<Pipeline> => {
  const base = ['ingest.otlp.http.port=0', 'ingest.otlp.grpc.port=0', 'admin.port=0', `queue.path=${folder}/queue`, 'emit.batch.delay=5']
  const config = await loadBridgeConfig({ set: [...base, ...set] }, {})
  const pipeline = await startPipeline(config, { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random })
  open.push(() => pipeline.stop(1000))
  return pipeline
}

const addressOf = (pipeline: Pipeline, section: string): string =>
  pipeline.listeners.find((one) => one.section === section)?.addresses[0] ?? 'http://nothing.invalid'

interface Received {
  readonly path: string
  readonly type: string
  readonly body: Buffer
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

const serve = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const startSink = async (): Promise<{ url: string; received: Received[] }> => {
  const received: Received[] = []
  const url = await serve(async (request, response) => {
    received.push({ path: request.url ?? '', type: request.headers['content-type'] ?? '', body: await bodyOf(request) })
    response.writeHead(200).end()
  })
  return { url, received }
}

const plain: Record<'traces' | 'metrics' | 'logs', Plain> = {
  traces: {
    resourceSpans: [
      { scopeSpans: [{ spans: [{ traceId: '01'.repeat(16), spanId: '02'.repeat(8), startTimeUnixNano: '1700000000123456789' }] }] },
    ],
  },
  metrics: { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', sum: { dataPoints: [{ asInt: '-9007199254740993' }] } }] }] }] },
  logs: {
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { kvlistValue: { values: [{ key: 'k', value: { bytesValue: 'AQI=' } }] } } }] }] }],
  },
}
const signals = ['traces', 'metrics', 'logs'] as const
const services = { traces: 'trace.v1.TraceService', metrics: 'metrics.v1.MetricsService', logs: 'logs.v1.LogsService' }

/** With a field that OTLP does not know. */
const requestOf = (signal: (typeof signals)[number]): Buffer =>
  Buffer.concat([officialEncode(plain[signal], signal), Uint8Array.of(0xf8, 0x07, 1)])

const post = async (url: string, body: string | Uint8Array, type: string): Promise<number> =>
  (await fetch(url, { method: 'POST', body, headers: { 'content-type': type } })).status

const call = (address: string, path: string, message: Buffer): Promise<Buffer> => {
  const client = new (makeGenericClientConstructor({}, 'x'))(new URL(address.replace('grpc:', 'http:')).host, credentials.createInsecure())
  open.push(async () => client.close())
  const same = (bytes: Buffer): Buffer => bytes
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, message, (error, answer) => (answer === undefined ? reject(error) : resolve(answer)))
  })
}

describe('startPipeline', () => {
  it('starts OTLP only where it is named', async () => {
    expect((await start()).listeners.map((one) => one.section)).toEqual(['ingest.otlp.grpc', 'ingest.otlp.http', 'admin'])
    const config = await loadBridgeConfig({}, {})
    expect(Object.keys(config.ingest)).not.toContain('otlp')
  })

  it.each(signals)('carries %s in protobuf to the endpoint byte by byte, over HTTP and gRPC', async (signal) => {
    const sink = await startSink()
    const pipeline = await start(`emit.endpoint=${sink.url}`, 'emit.batch.maxItems=1')
    const request = requestOf(signal)
    expect(await post(`${addressOf(pipeline, 'ingest.otlp.http')}/v1/${signal}`, request, 'application/x-protobuf')).toBe(200)
    await call(addressOf(pipeline, 'ingest.otlp.grpc'), `/opentelemetry.proto.collector.${services[signal]}/Export`, request)
    await expect.poll(() => sink.received.length).toBe(2)
    for (const { path, body } of sink.received) expect([path, Buffer.compare(body, request)]).toEqual([`/v1/${signal}`, 0])
    await expect
      .poll(() => pipeline.metrics.sums().filter((one) => one.received > 0))
      .toMatchObject([{ format: 'otlp-proto', signal, received: 2, delivered: 2, balance: 0 }])
  })

  it.each(signals)('carries %s in JSON to an endpoint that wants JSON', async (signal) => {
    const sink = await startSink()
    const pipeline = await start(`emit.endpoint=${sink.url}`, 'emit.protocol=http/json')
    expect(await post(`${addressOf(pipeline, 'ingest.otlp.http')}/v1/${signal}`, JSON.stringify(plain[signal]), 'application/json')).toBe(
      200,
    )
    await expect.poll(() => sink.received.length).toBe(1)
    const [{ type = '', body = Buffer.alloc(0) } = {}] = sink.received
    expect([type, JSON.parse(body.toString())]).toEqual(['application/json', plain[signal]])
  })

  it.each(signals)('turns %s in JSON into protobuf', async (signal) => {
    const sink = await startSink()
    const pipeline = await start(`emit.endpoint=${sink.url}`)
    expect(await post(`${addressOf(pipeline, 'ingest.otlp.http')}/v1/${signal}`, JSON.stringify(plain[signal]), 'application/json')).toBe(
      200,
    )
    await expect.poll(() => sink.received.length).toBe(1)
    expect(officialDecode(sink.received[0]?.body ?? Buffer.alloc(0), signal)).toEqual(plain[signal])
  })

  it('ends a loop that leads through somebody else at its first round', async () => {
    let rounds = 0
    let back = ''
    const proxy = await serve(async (request, response) => {
      rounds++
      const headers = { 'content-type': 'application/x-protobuf', 'x-otlp-bridge': String(request.headers['x-otlp-bridge']) }
      const answer = await fetch(`${back}${request.url}`, { method: 'POST', body: await bodyOf(request), headers })
      response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()))
    })
    const pipeline = await start(`emit.endpoint=${proxy}`)
    back = addressOf(pipeline, 'ingest.otlp.http')
    expect(await post(`${back}/v1/traces`, requestOf('traces'), 'application/x-protobuf')).toBe(200)
    await expect
      .poll(() => pipeline.metrics.sums().find((one) => one.format === 'otlp-proto'))
      .toMatchObject({ received: 1, dead: 1, balance: 0 })
    expect(rounds).toBe(1)
  })
})
