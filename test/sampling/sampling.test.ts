import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server as GrpcServer, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { samplingConfig } from '../../src/sampling/config.ts'
import { openStrategiesFile } from '../../src/sampling/file.ts'
import { createSampling, type Sampling } from '../../src/sampling/sampling.ts'
import { strategyToProto } from '../../src/sampling/wire.ts'
import type { Logger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { countsOf } from '../ingest/support/fakes.ts'

const lines: string[] = []
const line = (_fields: object, message: string): void => void lines.push(message)
const log: Logger = { trace: line, debug: line, info: line, warn: line, error: line }

let folder: string
let sampling: Sampling | undefined
let server: Server | undefined
let clockMs = 0
let metrics = createMetrics()

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sampling-'))
  lines.length = 0
  clockMs = 0
  metrics = createMetrics()
})

afterEach(() => {
  sampling?.stop()
  server?.close()
  server?.closeAllConnections()
  rmSync(folder, { recursive: true })
})

const fileOf = (text: string): string => {
  const path = join(folder, 'strategies.json')
  writeFileSync(path, text)
  return path
}

const open = async (section: object): Promise<Sampling> => {
  sampling = await createSampling(samplingConfig.parse(section), { log, metrics, monotonicMs: () => clockMs })
  return sampling
}

const half = '{"default_strategy":{"type":"probabilistic","param":0.5}}'
const rateIn = (json: string): number => JSON.parse(json).probabilisticSampling.samplingRate

/** A collector whose answers are set by the test; counts what it is asked. */
async function collector(): Promise<{ url: string; asked: string[]; answer: { status: number; body: string } }> {
  const asked: string[] = []
  const answer = { status: 200, body: '{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.25}}' }
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(answer.status).end(answer.body)
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/api/sampling`, asked, answer }
}

describe('openStrategiesFile', () => {
  const options = (file: string) => ({ file, defaultProbability: 0.001, reloadIntervalMs: 0 })

  it('J-M6: reads it again when it changed, and keeps the strategies when it cannot be read', async () => {
    const path = fileOf(half)
    const file = await openStrategiesFile(options(path), log)
    writeFileSync(path, '"nonsense"')
    await file.reload()
    expect(file.strategies.fallback.probabilisticSampling).toEqual({ samplingRate: 0.5 })
    expect(file.trouble).toContain('the file is a string, not an object')
    writeFileSync(path, '{"default_strategy":{"type":"probabilistic","param":0.75}}')
    await file.reload()
    expect([file.strategies.fallback.probabilisticSampling, file.trouble]).toEqual([{ samplingRate: 0.75 }, undefined])
    rmSync(path)
    await file.reload()
    expect(file.strategies.fallback.probabilisticSampling).toEqual({ samplingRate: 0.75 })
    expect(file.trouble).toContain('ENOENT')
  })

  it.each([
    ['"nonsense"', 'the file is a string'],
    ['{', 'not JSON'],
  ])('J-M14: does not start with %s', async (text, why) => {
    await expect(openStrategiesFile(options(fileOf(text)), log)).rejects.toMatchObject({
      code: 'OB_CONFIG',
      place: 'sampling.file',
      message: expect.stringContaining(why),
    })
  })

  it('reads a URL, for which 503 means the defaults', async () => {
    const { url, answer } = await collector()
    answer.body = half
    const file = await openStrategiesFile(options(url), log)
    expect(file.strategies.fallback.probabilisticSampling).toEqual({ samplingRate: 0.5 })
    answer.status = 503
    await file.reload()
    expect(file.strategies.fallback.probabilisticSampling).toEqual({ samplingRate: 0.001 })
    answer.status = 500
    await file.reload()
    expect(file.trouble).toContain('HTTP 500')
  })
})

describe('createSampling', () => {
  it('answers out of the file, and the log says once what a service was told', async () => {
    const { lookup } = await open({ file: fileOf(half) })
    const answer = await lookup('checkout')
    expect(rateIn(answer.json)).toBe(0.5)
    expect(Buffer.from(answer.proto)).toEqual(
      Buffer.from(strategyToProto({ strategyType: 'PROBABILISTIC', probabilisticSampling: { samplingRate: 0.5 } })),
    )
    await lookup('checkout')
    expect(lines.filter((one) => one.startsWith('a service got'))).toHaveLength(1)
    expect(countsOf(metrics, 'otlp_bridge_sampling_answers_total', 'source')).toEqual({ file_default: 2 })
  })

  it('J-M15: asks the old collector once for many, keeps the answer, and gives the old one while it fails', async () => {
    const { url, asked, answer } = await collector()
    const { lookup, trouble } = await open({ upstream: url, cache: '1m' })
    const answers = await Promise.all([lookup('a b'), lookup('a b'), lookup('a b')])
    expect(answers.map(({ json }) => rateIn(json))).toEqual([0.25, 0.25, 0.25])
    expect(asked).toEqual(['/api/sampling?service=a+b'])
    clockMs = 59_999
    await lookup('a b')
    expect(asked).toHaveLength(1)
    clockMs = 60_000
    answer.status = 500
    expect(rateIn((await lookup('a b')).json)).toBe(0.25)
    expect([asked.length, trouble()]).toEqual([2, [expect.stringContaining('HTTP 500')]])
    await expect(lookup('new')).rejects.toThrow('HTTP 500')
    answer.status = 200
    expect(rateIn((await lookup('a b')).json)).toBe(0.25)
    expect(trouble()).toEqual([])
    expect(countsOf(metrics, 'otlp_bridge_sampling_answers_total', 'source')).toEqual({ upstream: 3, upstream_stale: 1, none: 1 })
  })

  it('asks about 256 services at once and no more', async () => {
    const waiting: (() => void)[] = []
    server = createServer((_request, response) => void waiting.push(() => response.end('{"strategyType":"PROBABILISTIC"}')))
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const { lookup } = await open({ upstream: `http://127.0.0.1:${port}`, timeout: '10s' })
    const asking = Array.from({ length: 256 }, (_, i) => lookup(`service ${i}`))
    await expect(lookup('one more')).rejects.toThrow('256 questions wait for an answer already')
    // Who asks for the same waits for the same answer.
    asking.push(lookup('service 0'))
    while (waiting.length < 256) await new Promise((resolve) => setImmediate(resolve))
    for (const answer of waiting.splice(0)) answer()
    expect((await Promise.allSettled(asking)).filter((one) => one.status === 'rejected')).toEqual([])
    const again = lookup('one more')
    while (waiting.length < 1) await new Promise((resolve) => setImmediate(resolve))
    waiting[0]?.()
    expect((await again).json).toContain('PROBABILISTIC')
  })

  it('falls back to the file where the old collector does not answer', async () => {
    const { lookup } = await open({ upstream: 'http://127.0.0.1:9/api/sampling', file: fileOf(half), timeout: '1s' })
    expect(rateIn((await lookup('s')).json)).toBe(0.5)
  })

  it.each(['not json', '{"strategyType":"ADAPTIVE"}', '[]'])('does not take %s for a strategy', async (body) => {
    const { url, answer } = await collector()
    answer.body = body
    const { lookup } = await open({ upstream: url })
    if (body === '[]') expect(JSON.parse((await lookup('s')).json)).toEqual({ strategyType: 'PROBABILISTIC' })
    else await expect(lookup('s')).rejects.toThrow('cannot ask')
  })

  it('asks over gRPC too', async () => {
    const grpc = new GrpcServer()
    const same = (bytes: Buffer): Buffer => bytes
    const method = '/jaeger.api_v2.SamplingManager/GetSamplingStrategy'
    let fail = false
    grpc.addService(
      {
        get: {
          path: method,
          requestStream: false,
          responseStream: false,
          requestSerialize: same,
          requestDeserialize: same,
          responseSerialize: same,
          responseDeserialize: same,
        },
      },
      {
        get(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
          if (fail) reply({ code: status.UNAVAILABLE, details: 'gone' })
          else
            reply(
              null,
              Buffer.from(
                strategyToProto({ strategyType: 'RATE_LIMITING', rateLimitingSampling: { maxTracesPerSecond: call.request.length } }),
              ),
            )
        },
      },
    )
    const port = await new Promise<number>((resolve, reject) =>
      grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) => (error ? reject(error) : resolve(at))),
    )
    try {
      const { lookup } = await open({ upstream: `grpc://127.0.0.1:${port}`, cache: '1ms' })
      expect(JSON.parse((await lookup('abc')).json)).toEqual({
        strategyType: 'RATE_LIMITING',
        rateLimitingSampling: { maxTracesPerSecond: 5 },
      })
      fail = true
      clockMs = 10
      expect(JSON.parse((await lookup('abc')).json)).toMatchObject({ strategyType: 'RATE_LIMITING' })
      await expect(lookup('other')).rejects.toThrow('UNAVAILABLE')
    } finally {
      grpc.forceShutdown()
    }
  })
})
