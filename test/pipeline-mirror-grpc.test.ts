/** `PostSpans` with an old collector: the message as it came, and whose status the client gets. */

import { createHash } from 'node:crypto'
import {
  Client,
  credentials,
  type Metadata,
  Metadata as MetadataOf,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { createClient, gzipOptions, targetOf } from './ingest/support/grpc-client.ts'
import { type OldSide, startOldSide } from './support/old-side.ts'

const postSpans = '/jaeger.api_v2.CollectorService/PostSpans'
const strategy = '/jaeger.api_v2.SamplingManager/GetSamplingStrategy'

type Reply = { readonly code?: number; readonly details?: string; readonly message?: Buffer; readonly trailers?: Record<string, string> }

let sink: OldSide
let old: Server
let port: number
let heard: { readonly message: Buffer; readonly metadata: Metadata }[]
let reply: Reply
const open: (() => Promise<unknown> | unknown)[] = []

const same = (bytes: Buffer): Buffer => bytes

beforeEach(async () => {
  sink = await startOldSide()
  sink.answer = (_heard, response) => response.writeHead(200).end()
  heard = []
  reply = {}
  old = new Server()
  const method = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  })
  const take = ({ request, metadata }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>): void => {
    heard.push({ message: request, metadata })
    const trailers = new MetadataOf()
    for (const [name, value] of Object.entries(reply.trailers ?? {})) trailers.set(name, value)
    if (reply.code === undefined) done(null, reply.message ?? Buffer.alloc(0), trailers)
    else done({ code: reply.code, details: reply.details ?? '', metadata: trailers })
  }
  old.addService({ one: method(postSpans), two: method(strategy) }, { one: take, two: take })
  port = await new Promise<number>((resolve, reject) => {
    old.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)))
  })
  open.push(sink.stop, () => old.forceShutdown())
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const start = async (...own: string[]): Promise<Pipeline> => {
  const base = ['admin.enabled=false', 'queue.type=memory', 'emit.batch.delay=5', `emit.endpoint=${sink.url}`]
  const set = [...base, 'ingest.jaeger.grpc.port=0', `mirror.jaeger.grpc.url=http://127.0.0.1:${port}`, ...own]
  const deps = { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random }
  const pipeline = await startPipeline(await loadBridgeConfig({ set }, {}), deps)
  open.push(() => pipeline.stop(500))
  return pipeline
}

const client = (pipeline: Pipeline, options = {}) => {
  const one = createClient(
    targetOf(pipeline.listeners.find(({ section }) => section === 'ingest.jaeger.grpc')?.addresses[0] ?? ''),
    options,
  )
  open.push(() => one.close())
  return one
}

// PostSpansRequest { batch { spans { trace_id, span_id, operation_name: "op" } process { service_name: "s" } } }
const span = Buffer.from('0a100000000000000000000000000000000112080000000000000002' + '1a026f70', 'hex')
const batch = Buffer.concat([Buffer.from([0x0a, span.length]), span, Buffer.from('12030a0173', 'hex')])
const message = Buffer.concat([Buffer.from([0x0a, batch.length]), batch])
const large = Buffer.concat(Array.from({ length: 3000 }, () => message))

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('PostSpans with a mirror', () => {
  it.each([
    ['plain', {}, message],
    ['compressed', gzipOptions, large],
  ])('goes on as it came: %s', async (_name, options, body) => {
    const pipeline = await start()
    const outcome = await client(pipeline, options).call(postSpans, body, { 'x-tenant': 'one' })
    expect(outcome.code).toBe(0)
    await expect.poll(() => heard.map((one) => hash(one.message)), { timeout: 5000 }).toEqual([hash(body)])
    const metadata = heard[0]?.metadata.getMap() ?? {}
    expect(metadata).toMatchObject({ 'x-tenant': 'one', via: expect.stringMatching(/^1\.1 otlp-bridge-[0-9a-f]{8}$/) })
    await expect.poll(() => sink.heard.length).toBeGreaterThan(0)
  })

  it('gives the old answer: success with what comes along', async () => {
    reply = { trailers: { 'x-own': 'yes' } }
    const pipeline = await start('mirror.jaeger.grpc.phase=shadow')
    const address = targetOf(pipeline.listeners.find(({ section }) => section === 'ingest.jaeger.grpc')?.addresses[0] ?? '')
    const one = new Client(address, credentials.createInsecure())
    open.push(() => one.close())
    const status = await new Promise<{ code: number; metadata: Metadata }>((resolve) => {
      one.makeUnaryRequest(postSpans, same, same, message, () => {}).on('status', resolve)
    })
    expect([status.code, status.metadata.getMap()]).toMatchObject([0, { 'x-own': 'yes' }])
    await expect
      .poll(() => pipeline.metrics.sums().find(({ format }) => format === 'jaeger-proto'))
      .toMatchObject({ received: 1, delivered: 1 })
  })

  it('gives the old answer: a refusal, its message and details; the new side gets nothing', async () => {
    reply = { code: 3, details: 'not your tenant – sorry', trailers: { 'x-own': 'no' } }
    const pipeline = await start('mirror.jaeger.grpc.phase=shadow')
    const outcome = await client(pipeline).call(postSpans, message)
    expect(outcome).toMatchObject({ code: 3, message: 'not your tenant – sorry' })
    expect(outcome.trailers.getMap()).toMatchObject({ 'x-own': 'no' })
    expect(pipeline.metrics.sums().find(({ format }) => format === 'jaeger-proto')).toMatchObject({ received: 1, refused: 1, balance: 0 })
  })

  it('answers itself when the old side is down', async () => {
    old.forceShutdown()
    const pipeline = await start('mirror.jaeger.grpc.phase=shadow')
    expect((await client(pipeline).call(postSpans, message)).code).toBe(0)
  })

  it('fails when the old side is down and the configuration wants its answer', async () => {
    old.forceShutdown()
    const pipeline = await start('mirror.jaeger.grpc.phase=shadow', 'mirror.jaeger.grpc.legacy.fallback=fail')
    expect((await client(pipeline).call(postSpans, message)).code).toBe(14)
  })

  it('refuses what went out here', async () => {
    const pipeline = await start()
    const one = client(pipeline)
    await one.call(postSpans, message)
    await expect.poll(() => heard.length).toBe(1)
    const via = String(heard[0]?.metadata.get('via')[0])
    expect((await one.call(postSpans, message, { via })).code).toBe(9)
  })

  it('asks the old collector for sampling strategies, and has its own when that is down', async () => {
    reply = { message: Buffer.from('theirs') }
    const pipeline = await start()
    const one = client(pipeline)
    expect((await one.call(strategy, Buffer.from('0a0173', 'hex'))).reply?.toString()).toBe('theirs')
    old.forceShutdown()
    expect((await one.call(strategy, Buffer.from('0a0173', 'hex'))).reply?.toString()).not.toBe('theirs')
  })
})
