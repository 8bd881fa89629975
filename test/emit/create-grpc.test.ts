import { performance } from 'node:perf_hooks'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { emitConfig, queueConfig } from '../../src/emit/config.ts'
import { createEmit, type Emit } from '../../src/emit/create.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { startGrpcSink } from './support/grpc-sink.ts'
import { accept, refuse, startSink } from './support/otlp-sink.ts'
import { batch, range, until } from './support/queues.ts'

interface Bridge {
  readonly emit: Emit
  readonly metrics: Metrics
  put(number: number): Promise<void>
}

const start = async (emitPart: object): Promise<Bridge> => {
  const metrics = createMetrics()
  const emit = await createEmit({
    emit: emitConfig.parse({ retry: { initialInterval: 5, maxInterval: 20 }, batch: { delay: 5 }, ...emitPart }),
    queue: queueConfig.parse({ type: 'memory' }),
    metrics,
    log: silentLog,
    nowMs: Date.now,
    random: () => 0.5,
    instanceId: 'test-instance',
  })
  onTestFinished(() => emit.stop(200))
  return {
    emit,
    metrics,
    put: (number) => {
      metrics.books('zipkin-json', 'traces').received.value++
      return emit.intake.put(batch(number, 100))
    },
  }
}

const books = (metrics: Metrics) => metrics.sums()[0]
const own = { destination: 'default' }
const numbersIn = (bodies: readonly { body: Buffer }[]): number[] =>
  bodies.flatMap(({ body }) => range(0, body.length / 100).map((at) => body.readUInt32BE(at * 100)))

/** Makes the monotonic clock jump, so that a failing endpoint has been failing for long. */
const later = (ms: number): void => {
  const now = performance.now.bind(performance)
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + ms)
  onTestFinished(() => spy.mockRestore())
}

describe('createEmit over gRPC', () => {
  it.each(['none', 'gzip'])('delivers what is put, merged, with compression %s', async (compression) => {
    const sink = await startGrpcSink()
    const { put, emit, metrics } = await start({ protocol: 'grpc', endpoint: sink.url, compression })
    await Promise.all(range(0, 50).map(put))
    await emit.stop(2000)
    expect(numbersIn(sink.received).sort((a, b) => a - b)).toEqual(range(0, 50))
    expect(sink.received.length).toBeLessThan(10)
    expect(books(metrics)).toMatchObject({ delivered: 50, queued: 0, balance: 0 })
  })

  it('repeats what is unavailable until it is taken', async () => {
    let left = 3
    const sink = await startGrpcSink()
    sink.answer = () => (left-- > 0 ? { code: 14 } : {})
    const { put, metrics } = await start({ protocol: 'grpc', endpoint: sink.url })
    await put(1)
    await until(() => books(metrics)?.delivered === 1)
    expect(metrics.counter('otlp_bridge_retries_total', { ...own, reason: 'grpc_unavailable' }).value).toBe(3)
    expect(metrics.counter('otlp_bridge_repeated_items_total', own).value).toBe(0)
  })

  it('finds the one batch the endpoint refuses; its neighbours arrive', async () => {
    const sink = await startGrpcSink()
    sink.answer = (one) => (numbersIn([one]).includes(13) ? { code: 3, details: 'unlucky' } : {})
    const { put, metrics, emit } = await start({ protocol: 'grpc', endpoint: sink.url, batch: { delay: 50 } })
    await Promise.all(range(0, 30).map(put))
    await until(() => books(metrics)?.queued === 0)
    expect(books(metrics)).toMatchObject({ delivered: 29, balance: 0 })
    expect(emit.health().ok).toBe(true)
  })

  it('turns red for an endpoint that refuses our token, and for one that does not know a signal', async () => {
    const sink = await startGrpcSink()
    sink.answer = () => ({ code: 16, details: 'who are you' })
    const { put, metrics, emit } = await start({ protocol: 'grpc', endpoint: sink.url })
    await put(1)
    await until(() => books(metrics)?.queued === 0)
    expect(emit.health().reasons).toEqual([expect.stringMatching(/refuses everything.*gRPC UNAUTHENTICATED: who are you/)])
  })

  it.each(['http/protobuf', 'grpc'])('turns red for an endpoint that never answers over %s', async (protocol) => {
    const http = await startSink(() => {
      // Never.
    })
    const grpc = await startGrpcSink()
    grpc.answer = () => undefined
    const { put, emit, metrics } = await start({ protocol, endpoint: protocol === 'grpc' ? grpc.url : http.url, timeout: 30 })
    await put(1)
    await until(() => metrics.counter('otlp_bridge_retries_total', { ...own, reason: 'timeout' }).value >= 2)
    later(6000)
    expect(emit.health().reasons).toEqual([expect.stringMatching(/failing since \d+ s: .*no answer within 30 ms/)])
    expect(metrics.counter('otlp_bridge_sent_requests_total', { signal: 'traces', ...own, outcome: 'transient' }).value).toBeGreaterThan(1)
  })
})

describe('createEmit with several endpoints', () => {
  it('loses nothing when one goes, and is red with its name while others take its share', async () => {
    const [a, b] = [await startSink(), await startSink()]
    const bridge = await start({ endpoints: [a.url, b.url], breaker: { failures: 2, cooldown: 60_000 }, batch: { maxItems: 1 } })
    await Promise.all(range(0, 10).map(bridge.put))
    await until(() => books(bridge.metrics)?.delivered === 10)
    expect(a.received.length).toBeGreaterThan(0)
    expect(b.received.length).toBeGreaterThan(0)
    a.answer = refuse(503)
    await Promise.all(range(10, 40).map(bridge.put))
    await until(() => books(bridge.metrics)?.delivered === 40)
    expect(books(bridge.metrics)).toMatchObject({ queued: 0, dropped: 0, balance: 0 })
    expect(bridge.emit.health().reasons).toEqual([expect.stringContaining(`endpoint ${a.url} of destination default is left alone`)])
    expect(bridge.metrics.counter('otlp_bridge_retries_total', { ...own, reason: 'http_503' }).value).toBe(0)
  })

  it('wakes all that wait when the first comes back after all were gone', async () => {
    const [a, b] = [await startSink(refuse(503)), await startSink(refuse(503))]
    // Whoever is not woken waits for a minute or more.
    const retry = { initialInterval: 120_000, maxInterval: 120_000 }
    const breaker = { failures: 1, cooldown: 20, maxCooldown: 20 }
    const bridge = await start({ endpoints: [a.url, b.url], retry, breaker, concurrency: 2, batch: { delay: 5, maxItems: 1 } })
    await bridge.put(1)
    await until(() => a.received.length + b.received.length === 2)
    a.answer = accept
    b.answer = accept
    later(30_000)
    await bridge.put(2)
    await until(() => books(bridge.metrics)?.delivered === 2)
  })
})
