import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type MirrorBench, startMirror } from './bench-lane.ts'

interface Call {
  readonly raw: readonly string[]
  readonly body: Buffer
}

type Step = 'cut' | { readonly code: number; readonly message?: string; readonly body?: Buffer } | { readonly http: number }

let server: Http2Server
let url: string
let calls: Call[]
let steps: Step[]
let bench: MirrorBench | undefined
const sessions = new Set<ServerHttp2Session>()

beforeEach(async () => {
  calls = []
  steps = [{ code: 0 }]
  server = createServer()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => undefined)
  })
  server.on('stream', (stream, _headers, _flags, raw: unknown) => {
    const chunks: Buffer[] = []
    stream.on('error', () => undefined)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      calls.push({ raw: raw as string[], body: Buffer.concat(chunks) })
      const step = (steps.length > 1 ? steps.shift() : steps[0]) as Step
      if (step === 'cut') return stream.session?.destroy()
      if ('http' in step) {
        stream.respond({ ':status': step.http }, { endStream: true })
        return
      }
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-head': 'h' }, { waitForTrailers: true })
      const { code, message, body } = step
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'grpc-status': String(code), ...(message === undefined ? {} : { 'grpc-message': message }), 'x-tail': 't' }),
      )
      stream.end(body ?? Buffer.alloc(5))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  await bench?.close()
  bench = undefined
  for (const session of sessions) session.destroy()
  await new Promise<void>((resolve) => server.close(() => resolve()))
})

const start = async (): Promise<MirrorBench> => {
  const quick = { retry: { initial: '1ms', max: '4ms' }, breaker: { failures: 1000, open: '1ms' } }
  bench = await startMirror('jaeger.grpc', { jaeger: { grpc: { url, ...quick } } })
  return bench
}

const body = Buffer.from([1, 0, 0, 0, 3, 7, 8, 9])
const head = {
  kind: 'grpc',
  target: '/jaeger.api_v2.CollectorService/PostSpans',
  headers: [
    'content-type',
    'application/grpc',
    'grpc-encoding',
    'gzip',
    'x-twice',
    '1',
    'user-agent',
    'grpc-go/1.2',
    'x-twice',
    '2',
    'a-bin',
    'AAE=',
  ],
} as const

describe('createGrpcOldSide', () => {
  it('passes the message with its prefix, and metadata in its order', async () => {
    const { put, gone, left } = await start()
    await put(body, head)
    await gone(1)
    expect(left).toMatchObject([{ what: 'settled' }])
    expect(calls[0]?.body).toEqual(body)
    const { raw = [] } = calls[0] ?? {}
    expect(raw).toEqual(expect.arrayContaining([':path', head.target, 'te', 'trailers']))
    expect(raw.slice(raw.indexOf('content-type'))).toEqual([...head.headers, 'via', '1.1 otlp-bridge-0a1b2c3d'])
  })

  it.each<[string, Step]>([
    ['UNAVAILABLE', { code: 14 }],
    ['RESOURCE_EXHAUSTED', { code: 8 }],
    ['UNKNOWN', { code: 2 }],
    ['HTTP 503', { http: 503 }],
    ['a connection that breaks', 'cut'],
  ])('sends again after %s', async (_name, step) => {
    steps = [step, { code: 0 }]
    const { put, gone, left } = await start()
    await put(body, head)
    await gone(1)
    expect(left).toMatchObject([{ what: 'settled' }])
    expect(calls).toHaveLength(2)
  })

  it.each<[string, Step, string, number]>([
    ['INVALID_ARGUMENT', { code: 3, message: 'no%20spans' }, 'old_invalid_argument', 1],
    ['UNIMPLEMENTED', { code: 12 }, 'old_unimplemented', 1],
    ['UNAUTHENTICATED', { code: 16 }, 'old_auth', 1],
    ['INTERNAL', { code: 13 }, 'old_internal', 8],
  ])('puts what is answered with %s to the dead letters', async (_name, step, reason, tries) => {
    steps = [step]
    const { put, gone, left } = await start()
    await put(body, head)
    await gone(1)
    expect(left).toMatchObject([{ what: 'buried', reason }])
    expect(calls).toHaveLength(tries)
    if (reason === 'old_invalid_argument') expect(left[0]?.message).toContain('INVALID_ARGUMENT (gRPC 3): no spans')
  })

  it('gives a client that waits status, message, metadata and trailers', async () => {
    steps = [{ code: 0, body: Buffer.from([0, 0, 0, 0, 2, 10, 0]) }]
    const { mirror, envelope } = await start()
    const asked = await mirror.ask({ mirror: 'mirror.jaeger.grpc', format: 'jaeger-grpc', items: 1, data: envelope(body, head) })
    if (asked.how !== 'answered') throw new Error(asked.why)
    const { status, headers, trailers, body: message } = asked.answer
    expect(status).toBe(0)
    expect([...message]).toEqual([10, 0])
    expect(headers).toEqual(expect.arrayContaining(['content-type', 'application/grpc', 'x-head', 'h']))
    expect(trailers).toEqual(['x-tail', 't'])
  })

  it('waits for one that is not there', async () => {
    const port = Number(new URL(url).port)
    await new Promise<void>((resolve) => server.close(() => resolve()))
    const { put, mirror, gone } = await start()
    await put(body, head)
    await expect.poll(() => mirror.status().lastError?.text).toMatch(/cannot reach the old side: .*ECONNREFUSED/)
    server.listen(port, '127.0.0.1')
    await gone(1)
  })
})
