import { type Client, credentials, Metadata, makeGenericClientConstructor, type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { otlpEndpoints } from '../../../src/ingest/otlp/config.ts'
import { startOtlpGrpc } from '../../../src/ingest/otlp/grpc.ts'
import { createOtlpTranslators } from '../../../src/ingest/otlp/translators.ts'
import { officialEncode, type Plain } from '../../support/official-otlp.ts'
import { countsOf, createFakeDeps, type FakeDeps, openBooks, queueFull, quietPages } from '../support/fakes.ts'

let deps: FakeDeps
let listener: Listener | undefined
let client: Client | undefined

beforeEach(() => {
  deps = createFakeDeps()
})

afterEach(async () => {
  client?.close()
  await listener?.stop(0)
  listener = undefined
  expect(openBooks(deps.metrics)).toEqual([])
})

async function start(): Promise<Client> {
  const { grpc } = otlpEndpoints({})
  if (grpc === undefined) throw new Error('no endpoint')
  const translators = createOtlpTranslators({ limits: defaultDecodeLimits })
  listener = await startOtlpGrpc({ ...grpc, host: '127.0.0.1', port: 0 }, translators, quietPages, { ...deps, instanceId: 'us' })
  const { host } = new URL(listener.addresses[0]?.replace('grpc:', 'http:') ?? '')
  client = new (makeGenericClientConstructor({}, 'x'))(host, credentials.createInsecure())
  return client
}

const same = (bytes: Buffer): Buffer => bytes

/** Calls `Export` of a service; the answer's bytes. */
const send = (to: Client, service: string, message: Uint8Array, metadata: Record<string, string> = {}): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const headers = new Metadata()
    for (const [name, value] of Object.entries(metadata)) headers.set(name, value)
    to.makeUnaryRequest(
      `/opentelemetry.proto.collector.${service}/Export`,
      same,
      same,
      Buffer.from(message),
      headers,
      {},
      (error: ServiceError | null, answer?: Buffer) => (answer === undefined ? reject(error) : resolve(answer)),
    )
  })

const plain: Record<'traces' | 'metrics' | 'logs', Plain> = {
  traces: { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: '01'.repeat(16), spanId: '02'.repeat(8), name: 'a' }] }] }] },
  metrics: { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asInt: '-1' }] } }] }] }] },
  logs: { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'text' } }] }] }] },
}

describe('startOtlpGrpc', () => {
  it.each([
    ['traces', 'trace.v1.TraceService'],
    ['metrics', 'metrics.v1.MetricsService'],
    ['logs', 'logs.v1.LogsService'],
  ] as const)('queues %s as they came', async (signal, service) => {
    const request = Buffer.concat([officialEncode(plain[signal], signal), Uint8Array.of(0xf8, 0x07, 1)])
    expect(await send(await start(), service, request)).toEqual(Buffer.alloc(0))
    expect(deps.fake.batches).toMatchObject([{ format: 'otlp-proto', signal, items: 1, data: new Uint8Array(request) }])
    expect(countsOf(deps.metrics, 'otlp_bridge_received_requests_total', 'transport')).toEqual({ grpc: 1 })
  })

  it('takes an empty request and queues nothing', async () => {
    expect(await send(await start(), 'trace.v1.TraceService', Buffer.alloc(0))).toEqual(Buffer.alloc(0))
    expect(deps.fake.batches).toEqual([])
  })

  it('refuses what it cannot read', async () => {
    const request = officialEncode(plain.traces)
    const sent = send(await start(), 'trace.v1.TraceService', request.subarray(0, request.length - 1))
    await expect(sent).rejects.toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('cannot read protobuf') })
  })

  it('tells the sender to come back while the queue is full or broken', async () => {
    const to = await start()
    const request = officialEncode(plain.logs, 'logs')
    deps.fake.putError = queueFull()
    const full: ServiceError = await send(to, 'logs.v1.LogsService', request).catch((error) => error)
    expect(full.code).toBe(status.RESOURCE_EXHAUSTED)
    expect(String(full.metadata.get('grpc-status-details-bin')[0])).toContain('google.rpc.RetryInfo')
    deps.fake.putError = new BridgeError('OB_QUEUE_BROKEN', 'cannot queue data: no disk')
    await expect(send(to, 'logs.v1.LogsService', request)).rejects.toMatchObject({ code: status.UNAVAILABLE })
  })

  it('refuses what it has sent itself, and takes what other bridges sent', async () => {
    const to = await start()
    const request = officialEncode(plain.traces)
    await expect(send(to, 'trace.v1.TraceService', request, { 'x-otlp-bridge': 'us' })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
    })
    await send(to, 'trace.v1.TraceService', request, { 'x-otlp-bridge': 'them' })
    expect(deps.fake.batches.length).toBe(1)
  })

  it('has no other services', async () => {
    await expect(send(await start(), 'profiles.v1.ProfilesService', Buffer.alloc(0))).rejects.toMatchObject({ code: status.UNIMPLEMENTED })
  })
})
