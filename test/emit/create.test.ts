import { describe, expect, it, onTestFinished } from 'vitest'
import { emitConfig, queueConfig } from '../../src/emit/config.ts'
import { createEmit, type Emit } from '../../src/emit/create.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { type Answer, accept, refuse, startSink } from './support/otlp-sink.ts'
import { batch, range, stateFolder, until } from './support/queues.ts'

interface Bridge {
  readonly emit: Emit
  readonly metrics: Metrics
  put(number: number): Promise<void>
}

const start = async (endpoint: string, emitPart: object = {}, queuePart: object = { type: 'memory' }): Promise<Bridge> => {
  const metrics = createMetrics()
  const emit = await createEmit({
    emit: emitConfig.parse({ endpoint, retry: { initialInterval: 5, maxInterval: 20 }, batch: { delay: 5 }, ...emitPart }),
    queue: queueConfig.parse(queuePart),
    metrics,
    log: silentLog,
    nowMs: Date.now,
    random: () => 0.5,
    instanceId: 'test-instance',
    toJson: (signal, data) => JSON.stringify({ signal, size: data.length }),
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

const numbersIn = (bodies: readonly { body: Buffer }[]): number[] =>
  bodies.flatMap(({ body }) => range(0, body.length / 100).map((at) => body.readUInt32BE(at * 100)))

/** One partial success, then plain ones. */
const partialOnce = (rejected: number): Answer => {
  let first = true
  return (response) => {
    const body = first ? Buffer.from([0x0a, 7, 0x08, rejected, 0x12, 3, 0x62, 0x61, 0x64]) : Buffer.alloc(0)
    first = false
    response.setHeader('content-type', 'application/x-protobuf').end(body)
  }
}

describe('createEmit', () => {
  it('keeps beside what it routes, in a queue on disk', async () => {
    const sink = await startSink()
    const path = stateFolder()
    const destinations = [
      { name: 'a', endpoint: sink.url, signals: ['traces'] },
      { name: 'b', endpoint: sink.url, signals: ['logs'] },
    ]
    const parts = [
      { endpoint: undefined, destinations },
      { type: 'disk', path, ballast: 0 },
    ] as const
    const before = await start(sink.url, ...parts)
    const holding = before.emit.intake.holding?.('assembler')
    const ids = [await holding?.put(batch(1, 100), new Uint8Array([1])), await holding?.put(undefined, new Uint8Array([2]))]
    expect(ids[1]).toBeGreaterThan(ids[0] ?? Number.POSITIVE_INFINITY)
    await before.emit.stop(2000)
    expect(numbersIn(sink.received)).toEqual([1])
    const after = await start(sink.url, ...parts)
    const kept = await after.emit.intake.holding?.('assembler')?.recover()
    expect(kept?.map(({ data }) => [...data])).toEqual([[1], [2]])
  })

  it.each([
    ['memory', { type: 'memory' }],
    ['disk with ack forwarded', { type: 'disk', ack: 'forwarded', ballast: 0 }],
  ])('has no place to keep things with a queue of type %s', async (_, queue) => {
    const { emit } = await start('http://127.0.0.1:1', {}, { ...queue, path: stateFolder() })
    expect(emit.intake.holding?.('assembler')).toBeUndefined()
  })

  it('delivers what is put, merged, as protobuf, and says who it is', async () => {
    const sink = await startSink()
    const { put, emit, metrics } = await start(sink.url, { headers: { authorization: 'Bearer x' } })
    await Promise.all(range(0, 50).map(put))
    await emit.stop(2000)
    expect(numbersIn(sink.received)).toEqual(range(0, 50))
    expect(sink.received.length).toBeLessThan(10)
    expect(sink.received[0]).toMatchObject({
      path: '/v1/traces',
      headers: { 'content-type': 'application/x-protobuf', authorization: 'Bearer x', 'x-otlp-bridge': 'test-instance' },
    })
    expect(books(metrics)).toMatchObject({ delivered: 50, queued: 0, balance: 0 })
  })

  it.each([
    ['gzip', { compression: 'gzip' }],
    ['two batches a request', { batch: { maxItems: 2 } }],
    ['one request at a time', { concurrency: 1, batch: { maxItems: 3 } }],
  ])('delivers everything with %s', async (_, part) => {
    const sink = await startSink()
    const { put, emit } = await start(sink.url, part)
    await Promise.all(range(0, 20).map(put))
    await emit.stop(2000)
    expect(numbersIn(sink.received).sort((a, b) => a - b)).toEqual(range(0, 20))
  })

  it('sends JSON made by the encoder it was handed', async () => {
    const sink = await startSink()
    const { put, emit } = await start(sink.url, { protocol: 'http/json' })
    await put(1)
    await emit.stop(2000)
    expect(sink.received[0]?.headers['content-type']).toBe('application/json')
    expect(JSON.parse(String(sink.received[0]?.body))).toEqual({ signal: 'traces', size: 100 })
  })

  it.each([429, 502, 503, 504])('repeats a %s until it is taken', async (status) => {
    let left = 3
    const sink = await startSink((response, one) => (left-- > 0 ? refuse(status) : accept)(response, one))
    const { put, emit, metrics } = await start(sink.url)
    await put(1)
    await until(() => books(metrics)?.delivered === 1)
    expect(sink.received).toHaveLength(4)
    expect(metrics.counter('otlp_bridge_retries_total', { destination: 'default', reason: `http_${status}` }).value).toBe(3)
    const repeated = metrics.counter('otlp_bridge_repeated_items_total', { destination: 'default' }).value
    expect(repeated).toBe(status === 502 || status === 504 ? 3 : 0)
    await emit.stop(1000)
  })

  it('repeats after a broken connection and counts that it may have arrived', async () => {
    let broken = true
    const sink = await startSink((response, one) => {
      if (!broken) return accept(response, one)
      broken = false
      response.destroy()
    })
    const { put, metrics } = await start(sink.url)
    await put(1)
    await until(() => books(metrics)?.delivered === 1)
    expect(metrics.counter('otlp_bridge_repeated_items_total', { destination: 'default' }).value).toBe(1)
  })

  it('repeats after a time-out', async () => {
    let silent = true
    const sink = await startSink((response, one) => {
      if (!silent) accept(response, one)
      silent = false
    })
    const { put, metrics } = await start(sink.url, { timeout: 100 })
    await put(1)
    await until(() => books(metrics)?.delivered === 1)
    expect(metrics.counter('otlp_bridge_retries_total', { destination: 'default', reason: 'timeout' }).value).toBe(1)
  })

  it('counts what a partial success rejects as dropped, the rest as delivered', async () => {
    const sink = await startSink(partialOnce(2))
    const { put, emit, metrics } = await start(sink.url, { batch: { delay: 50 } })
    await Promise.all(range(0, 5).map(put))
    await emit.stop(2000)
    expect(books(metrics)).toMatchObject({ delivered: 3, dropped: 2, queued: 0, balance: 0 })
    expect(metrics.books('zipkin-json', 'traces').at('default').dropped('endpoint_rejected').value).toBe(2)
  })

  it('finds the one batch the endpoint refuses; its neighbours arrive, it goes to the dead letters', async () => {
    const sink = await startSink((response, one) => {
      const poisoned = numbersIn([one]).includes(13)
      return (poisoned ? refuse(400, 'unlucky') : accept)(response, one)
    })
    const path = stateFolder()
    const { put, emit, metrics } = await start(sink.url, { batch: { delay: 50 } }, { type: 'disk', path, ballast: 0 })
    await Promise.all(range(0, 30).map(put))
    await until(() => books(metrics)?.queued === 0)
    expect(books(metrics)).toMatchObject({ delivered: 29, dead: 1, balance: 0 })
    expect(metrics.books('zipkin-json', 'traces').at('default').dead('http_400').value).toBe(1)
    expect(emit.queue.stats().deadItems).toBe(1)
    expect(emit.health().ok).toBe(true)
  })

  it('does not take a refused token apart batch by batch, and turns red', async () => {
    const sink = await startSink(refuse(401, 'who are you'))
    const { put, emit, metrics } = await start(sink.url, { batch: { delay: 50 } })
    await Promise.all(range(0, 8).map(put))
    await until(() => books(metrics)?.queued === 0)
    expect(sink.received.length).toBeLessThan(3)
    expect(emit.health()).toMatchObject({ ok: false, reasons: [expect.stringMatching(/refuses everything.*401: who are you/)] })
    sink.answer = accept
    await put(9)
    await until(() => emit.health().ok)
  })

  it('does not follow a redirect', async () => {
    const sink = await startSink(refuse(307, '', { location: 'http://127.0.0.1:1/' }))
    const { put, metrics } = await start(sink.url)
    await put(1)
    await until(() => books(metrics)?.dropped === 1)
    expect(metrics.books('zipkin-json', 'traces').at('default').dropped('http_307').value).toBe(1)
  })

  it('reads no more of an answer than it needs', async () => {
    const sink = await startSink((response) => {
      response.writeHead(400, { 'content-type': 'text/plain' })
      response.write('x'.repeat(1_000_000))
      // And never an end.
    })
    const { put, metrics } = await start(sink.url)
    await put(1)
    await until(() => books(metrics)?.dropped === 1)
  })

  it('keeps on disk what a failing endpoint does not take, and the next start delivers it', async () => {
    const sink = await startSink(refuse(503))
    const path = stateFolder()
    const before = await start(sink.url, {}, { type: 'disk', path, ballast: 0 })
    await Promise.all(range(0, 10).map(before.put))
    const startedMs = performance.now()
    await before.emit.stop(5000)
    expect(performance.now() - startedMs).toBeLessThan(3000)
    expect(books(before.metrics)).toMatchObject({ delivered: 0, queued: 10, balance: 0 })

    sink.answer = accept
    sink.received.length = 0
    const after = await start(sink.url, {}, { type: 'disk', path, ballast: 0 })
    await until(() => books(after.metrics)?.delivered === 10)
    expect(numbersIn(sink.received)).toEqual(range(0, 10))
    expect(books(after.metrics)).toMatchObject({ carried: 10, queued: 0, balance: 0 })
  })

  it('with ack forwarded tells the sender what the endpoint said', async () => {
    const sink = await startSink()
    const { put, metrics } = await start(sink.url, {}, { type: 'memory', ack: 'forwarded' })
    await put(1)
    expect(sink.received).toHaveLength(1)
    sink.answer = refuse(400, 'no')
    await expect(put(2)).rejects.toMatchObject({ code: 'OB_SEND_PERMANENT' })
    expect(books(metrics)).toMatchObject({ delivered: 1, queued: 0, dead: 0, dropped: 0 })
  })

  it('drops and counts what a memory queue still holds at the end of the time', async () => {
    const sink = await startSink(refuse(503))
    const { put, emit, metrics } = await start(sink.url)
    await put(1)
    await emit.stop(100)
    expect(books(metrics)).toMatchObject({ dropped: 1, queued: 0, balance: 0 })
    expect(metrics.books('zipkin-json', 'traces').at('default').dropped('shutdown').value).toBe(1)
  })
})
