import { describe, expect, it, onTestFinished } from 'vitest'
import type { PageRequest } from '../../src/backfill/model.ts'
import { createOtlpSink, type OtlpSinkOptions } from '../../src/backfill/otlp-sink.ts'
import type { Boundary, Delivered, Sink } from '../../src/backfill/sink.ts'
import { emitConfig } from '../../src/emit/config.ts'
import { BridgeError, isBridgeError } from '../../src/errors.ts'
import type { Signal } from '../../src/otlp/intake.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { type Answer, accept, type Sink as Endpoint, refuse, startSink } from '../emit/support/otlp-sink.ts'
import { idsIn, items, logsPage, metricsPage, tracesPage } from './support/otlp-requests.ts'

interface Started {
  readonly sink: Sink
  readonly boundaries: Boundary[]
  readonly distress: string[]
  readonly waits: number[]
  deliver(...requests: PageRequest[]): Promise<Delivered>
}

const never = new AbortController().signal

const start = async (emit: object, options: Partial<OtlpSinkOptions> = {}, build?: typeof fetch): Promise<Started> => {
  const boundaries: Boundary[] = []
  const distress: string[] = []
  const waits: number[] = []
  const sink = await createOtlpSink(
    { emit: emitConfig.parse(emit), ...options },
    {
      log: silentLog,
      metrics: createMetrics(),
      nowMs: Date.now,
      monotonicMs: () => 0,
      random: () => 0.5,
      instanceId: 'test',
      fetch: build ?? (async () => new Response('', { status: 404 })),
      sleep: async (ms) => void waits.push(ms),
      distress: (reason, ms) => void distress.push(`${reason} ${ms}`),
      boundary: (one) => void boundaries.push(one),
    },
  )
  onTestFinished(() => sink.close())
  return { sink, boundaries, distress, waits, deliver: (...requests) => sink.deliver('slice', 1, requests, never) }
}

const signalOf = (path: string): Signal => (path.endsWith('traces') ? 'traces' : path.endsWith('logs') ? 'logs' : 'metrics')

/** Stores what it takes; a request with one of `bad` is refused whole. */
const atomic = (bad: ReadonlySet<number>, stored: number[], answer: Answer): Answer => {
  return (response, received) => {
    const ids = idsIn(signalOf(received.path), received.body)
    if (ids.some((id) => bad.has(id))) {
      answer(response, received)
      return
    }
    stored.push(...ids)
    accept(response, received)
  }
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((all, one) => all + one, 0)
const deadItems = ({ dead }: Delivered): number => dead.reduce((all, one) => all + one.items, 0)
const sorted = (ids: readonly number[]): number[] => [...ids].sort((a, b) => a - b)
const without = (count: number, bad: ReadonlySet<number>): number[] =>
  items(count)
    .map(({ id }) => id)
    .filter((id) => !bad.has(id))

describe('createOtlpSink', () => {
  it('sends a page and says that all of it is there', async () => {
    const endpoint = await startSink()
    const { deliver, sink } = await start({ endpoint: endpoint.url })
    const page = tracesPage(items(10))
    expect(await deliver(page)).toMatchObject({ acked: 10, rejected: {}, dead: [], ambiguous: 0, bytesOut: page.data.length, said: [] })
    expect(endpoint.received.map(({ path }) => path)).toEqual(['/v1/traces'])
    expect(sink.name).toBe(endpoint.url)
  })

  it.each(['traces', 'metrics', 'logs'] as const)(
    'cuts %s by emit.batch, the same page always alike, in the order of the page',
    async (signal) => {
      const endpoint = await startSink()
      const { deliver } = await start({ endpoint: endpoint.url, batch: { maxItems: 30 } })
      const page =
        signal === 'traces' ? tracesPage(items(100)) : signal === 'logs' ? logsPage({ a: items(100) }) : metricsPage(items(100), 45)
      expect((await deliver(page)).acked).toBe(100)
      const first = endpoint.received.splice(0).map(({ body }) => body)
      expect((await deliver(page)).acked).toBe(100)
      expect(endpoint.received.map(({ body }) => body)).toEqual(first)
      expect(first.every((body) => idsIn(signal, body).length <= 30)).toBe(true)
      expect(first.flatMap((body) => idsIn(signal, body))).toEqual(items(100).map(({ id }) => id))
    },
  )

  it('frees memory that nobody else has when all of it was taken, and no other', async () => {
    const endpoint = await startSink()
    const { deliver } = await start({ endpoint: endpoint.url })
    const pageOf = (owned: boolean): PageRequest => {
      const page = tracesPage(items(2000))
      const data = Buffer.allocUnsafeSlow(page.data.length)
      data.set(page.data)
      return { ...page, data, owned }
    }
    const [own, shared, refused] = [pageOf(true), pageOf(false), pageOf(true)]
    const { length } = own.data
    expect(length).toBeGreaterThan(16 * 1024)
    expect((await deliver(own)).acked).toBe(2000)
    await deliver(shared)
    endpoint.answer = refuse(400, 'no')
    expect((await deliver(refused)).acked).toBe(0)
    const repeated = pageOf(true)
    endpoint.answer = (response, received) => {
      endpoint.answer = accept
      refuse(503, 'later')(response, received)
    }
    expect((await deliver(repeated)).acked).toBe(2000)
    expect([own, shared, refused, repeated].map(({ data }) => data.length)).toEqual([0, length, length, length])
  })

  it('joins small requests of a page', async () => {
    const endpoint = await startSink()
    const { deliver } = await start({ endpoint: endpoint.url })
    expect((await deliver(tracesPage(items(3)), tracesPage(items(4)))).acked).toBe(7)
    expect(endpoint.received.length).toBe(1)
  })

  it('finds one bad point of 2,000 with at most 24 requests, wherever it is', async () => {
    for (const at of [0, 1, 777, 1000, 1998, 1999]) {
      const bad = new Set([at])
      const stored: number[] = []
      const endpoint = await startSink(atomic(bad, stored, refuse(400, 'duplicate sample for timestamp 5; overrides not allowed')))
      const { deliver, boundaries } = await start({ endpoint: endpoint.url })
      const told = await deliver(metricsPage(items(2000)))
      expect(told).toMatchObject({ acked: 1999, rejected: { duplicate_sample: 1 }, dead: [], ambiguous: 0 })
      expect(sorted(stored)).toEqual(without(2000, bad))
      expect(endpoint.received.length, `bad at ${at}`).toBeLessThanOrEqual(24)
      expect(boundaries).toEqual([])
    }
  })

  it('finds several, in spans and records as well', async () => {
    const bad = new Set([3, 4, 99, 150])
    for (const [page, text] of [
      [tracesPage(items(200)), 'out of order'],
      [logsPage({ a: items(200) }), 'out of order'],
    ] as const) {
      const stored: number[] = []
      const endpoint = await startSink(atomic(bad, stored, refuse(400, text)))
      const { deliver } = await start({ endpoint: endpoint.url })
      expect(await deliver(page)).toMatchObject({ acked: 196, rejected: { out_of_order: 4 }, dead: [] })
      expect(sorted(stored)).toEqual(without(200, bad))
    }
  })

  it('gives up after 200 requests a page: what is left is dead, and all is accounted for', async () => {
    const bad = new Set(items(2000).flatMap(({ id }) => (id % 4 === 0 ? [id] : [])))
    const stored: number[] = []
    const endpoint = await startSink(atomic(bad, stored, refuse(400, 'duplicate sample for timestamp 5')))
    const { deliver } = await start({ endpoint: endpoint.url })
    const told = await deliver(metricsPage(items(2000)))
    expect(endpoint.received.length).toBe(201)
    expect(told.acked).toBe(stored.length)
    expect(told.acked + sum(told.rejected) + deadItems(told)).toBe(2000)
    const dead = told.dead.flatMap(({ data }) => idsIn('metrics', data))
    expect(dead.length).toBe(deadItems(told))
    expect(dead.length).toBeGreaterThan(1000)
  })

  it('tells what is refused for its age, and asks for nothing older', async () => {
    const page = items(64)
    const bad = new Set(page.slice(0, 40).map(({ id }) => id))
    const stored: number[] = []
    const endpoint = await startSink(atomic(bad, stored, refuse(400, 'out of bounds\nout of bounds')))
    const { deliver, boundaries } = await start({ endpoint: endpoint.url })
    // Newest first: the first that is refused stands for all that are older.
    const told = await deliver(metricsPage([...page].reverse(), 8))
    const asked = endpoint.received.length
    expect(told).toMatchObject({ acked: 24, rejected: { out_of_bounds: 40 } })
    expect(sorted(stored)).toEqual(page.slice(40).map(({ id }) => id))
    expect(asked).toBeLessThan(16)
    // Once, however often it is met.
    await deliver(metricsPage(page.slice(0, 8), 8))
    expect(boundaries).toEqual([told.boundary])
    expect(told.boundary).toMatchObject({ destination: 'default', reason: 'out_of_bounds', refusedMs: page[39]?.ms })
    expect(told.boundary?.knob).toContain('out_of_order_time_window')
  })

  it('sends nothing again that a partial destination stored, and counts by its text', async () => {
    const text =
      "entry with timestamp x ignored, reason: 'entry too far behind, entry timestamp is: 2026-11-22T01:50:13Z, oldest acceptable timestamp is: 2026-11-22T03:50:13Z',\n" +
      'user \'fake\', total ignored: 2 out of 9 for stream: {service_name="a"}'
    const endpoint = await startSink(refuse(400, text))
    const { deliver, boundaries } = await start({ endpoint: endpoint.url })
    const old = Date.parse('2026-11-22T00:00:00Z')
    expect(await deliver(logsPage({ a: items(10, old) }))).toMatchObject({
      acked: 7,
      rejected: { too_far_behind: 2, invalid: 1 },
      dead: [],
    })
    expect(endpoint.received.length).toBe(1)
    expect(boundaries).toMatchObject([{ reason: 'too_far_behind', refusedMs: old + 9000, takenMs: Date.parse('2026-11-22T03:50:13Z') }])
  })

  it('sends a Loki one request for each stream, since it tells of one only', async () => {
    const endpoint = await startSink()
    const { deliver } = await start({ endpoint: `${endpoint.url}/otlp` }, {}, async () => new Response('{"version":"3"}'))
    expect((await deliver(logsPage({ a: items(3), b: items(2), c: items(1) }))).acked).toBe(6)
    expect(endpoint.received.map(({ body }) => idsIn('logs', body).length).sort()).toEqual([1, 2, 3])
  })

  it('asks again what a destination is while it gets no answer', async () => {
    const endpoint = await startSink()
    let asked = 0
    const { deliver } = await start({ endpoint: `${endpoint.url}/otlp` }, {}, async () => {
      if (++asked < 3) throw new Error('no answer')
      return new Response('{"version":"3"}')
    })
    const page = logsPage({ a: items(3), b: items(2) })
    for (let at = 0; at < 4; at++) expect((await deliver(page)).acked).toBe(5)
    expect(asked).toBe(3)
    expect(endpoint.received.map(({ body }) => idsIn('logs', body).length).sort()).toEqual([2, 2, 3, 3, 5, 5])
  })

  it('has no more requests under way than emit.concurrency, whoever asks', async () => {
    let inside = 0
    let most = 0
    const endpoint = await startSink((response, received) => {
      most = Math.max(most, ++inside)
      setImmediate(() => {
        inside--
        accept(response, received)
      })
    })
    const { deliver } = await start({ endpoint: endpoint.url, concurrency: 2 })
    await Promise.all(Array.from({ length: 12 }, () => deliver(tracesPage(items(1)))))
    expect(endpoint.received.length).toBe(12)
    expect(most).toBeLessThanOrEqual(2)
  })

  it('takes an unknown destination for atomic only when an item can be sent twice, and else buries the page', async () => {
    const bad = new Set([5])
    const stored: number[] = []
    const endpoint = await startSink(atomic(bad, stored, refuse(400, 'do not like it')))
    const { deliver } = await start({ endpoint: endpoint.url })
    const first = await deliver(tracesPage(items(10)))
    expect(first).toMatchObject({ acked: 0, rejected: {}, dead: [{ reason: 'http_400', items: 10, signal: 'traces' }] })
    expect((await deliver(tracesPage([{ id: 20, ms: 1 }]))).acked).toBe(1)
    expect(await deliver(tracesPage(items(10)))).toMatchObject({ acked: 9, rejected: { http_400: 1 }, dead: [], ambiguous: 1 })
    expect(sorted(stored)).toEqual(sorted([20, 20, 0, 1, 2, 3, 4, 6, 7, 8, 9]))
  })

  it('counts what a partial success leaves out, with the reason in its words', async () => {
    const { encodePartial } = { encodePartial: Buffer.from([0x0a, 0x11, 0x08, 0x03, 0x12, 0x0d, ...Buffer.from('out of order!')]) }
    const endpoint = await startSink((response) => void response.setHeader('content-type', 'application/x-protobuf').end(encodePartial))
    const { deliver } = await start({ endpoint: endpoint.url })
    expect(await deliver(tracesPage(items(10)))).toMatchObject({ acked: 7, rejected: { out_of_order: 3 }, said: ['out of order!'] })
  })

  it('sends the same bytes again for ever while it may pass, tells the pace, and waits as it is told', async () => {
    const answers = [
      refuse(429, '', { 'retry-after': '7' }),
      refuse(503),
      refuse(502),
      refuse(504),
      refuse(408),
      ...Array<Answer>(20).fill(refuse(503)),
    ]
    const endpoint = await startSink((response, received) => (answers.shift() ?? accept)(response, received))
    const { deliver, distress, waits } = await start({ endpoint: endpoint.url })
    const told = await deliver(tracesPage(items(10)))
    // A gateway that gave up may have passed the request on.
    expect(told).toMatchObject({ acked: 10, ambiguous: 20, rejected: {}, dead: [] })
    expect(new Set(endpoint.received.map(({ body }) => body.toString('hex'))).size).toBe(1)
    expect(distress.slice(0, 3)).toEqual(['http_429 7000', 'http_503 0', 'http_502 0'])
    expect(waits[0]).toBeGreaterThanOrEqual(7000)
  })

  it('counts a connection lost after the request was written as ambiguous', async () => {
    let closes = 3
    const endpoint = await startSink((response, received) => {
      if (closes-- > 0) response.socket?.destroy()
      else accept(response, received)
    })
    const { deliver, distress } = await start({ endpoint: endpoint.url })
    expect(await deliver(tracesPage(items(10)))).toMatchObject({ acked: 10, ambiguous: 30 })
    expect(distress).toEqual(Array(3).fill('connection 0'))
  })

  it('halves what is too large, remembers it, and refuses a single item', async () => {
    const limit = 4000
    const endpoint = await startSink((response, received) => (received.body.length > limit ? refuse(413) : accept)(response, received))
    const { deliver } = await start({ endpoint: endpoint.url })
    expect(await deliver(tracesPage(items(200)))).toMatchObject({ acked: 200, rejected: {} })
    endpoint.received.length = 0
    expect((await deliver(tracesPage(items(200)))).acked).toBe(200)
    expect(endpoint.received.every(({ body }) => body.length <= limit)).toBe(true)
    const tiny = await startSink(refuse(413, 'no'))
    const { deliver: other } = await start({ endpoint: tiny.url })
    expect(await other(tracesPage(items(3)))).toMatchObject({ acked: 0, rejected: { too_large: 3 } })
  })

  it('isolates an item on which a destination fails for ever, as soon as others pass', async () => {
    const bad = new Set([6])
    const stored: number[] = []
    const endpoint = await startSink(atomic(bad, stored, refuse(500, '2 observations found in buckets, but the Count field is 5')))
    const { deliver, waits } = await start({ endpoint: endpoint.url })
    const told = await deliver(metricsPage(items(64)))
    expect(told).toMatchObject({ acked: 63, rejected: { destination_error: 1 }, dead: [] })
    expect(sorted(stored)).toEqual(without(64, bad))
    expect(waits.length).toBe(5)
  })

  it('waits for a destination that fails on everything, and loses nothing by it', async () => {
    const endpoint = await startSink(refuse(500, 'no space left on device'))
    const { deliver, waits, sink } = await start({ endpoint: endpoint.url }, { program: 'prometheus' })
    const stop = new AbortController()
    let asked = 0
    endpoint.answer = (response, received) => {
      if (++asked > 60) endpoint.answer = accept
      refuse(500, 'no space left on device')(response, received)
    }
    expect(await deliver(metricsPage(items(32)))).toMatchObject({ acked: 32, rejected: {}, dead: [] })
    expect(waits.length).toBeGreaterThan(6)
    stop.abort()
    await expect(sink.deliver('s', 1, [metricsPage(items(1))], stop.signal)).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })

  it.each([401, 403, 404, 301, 415])('ends the run on %s', async (status) => {
    const endpoint = await startSink(refuse(status, 'go away'))
    const { deliver } = await start({ endpoint: endpoint.url })
    const error: unknown = await deliver(tracesPage(items(2))).catch((one: unknown) => one)
    expect(isBridgeError(error) && error.code).toBe('OB_DESTINATION')
    expect(error instanceof BridgeError && error.message).toContain(String(status))
  })

  it('does not wait for a destination that is down when another one ends the run', { timeout: 5000 }, async () => {
    const shut = await startSink(refuse(401, 'go away'))
    const down = await startSink(refuse(503))
    const destinations = [
      { name: 'a', endpoint: down.url },
      { name: 'b', endpoint: shut.url },
    ]
    const { deliver } = await start({ destinations })
    await expect(deliver(tracesPage(items(2)))).rejects.toMatchObject({ code: 'OB_DESTINATION' })
  })

  it('gives each destination its own, and counts as lost what one of them lost', async () => {
    const refusing = await startSink(atomic(new Set([1]), [], refuse(400, 'out of order')))
    const taking = await startSink()
    const destinations = [
      { name: 'a', endpoint: refusing.url, signals: ['traces'] },
      { name: 'b', endpoint: taking.url, signals: ['traces', 'logs'] },
    ]
    const { deliver } = await start({ destinations })
    expect(await deliver(tracesPage(items(4)), logsPage({ a: items(5) }), metricsPage(items(2)))).toMatchObject({
      acked: 8,
      rejected: { out_of_order: 1, no_destination: 2 },
      said: [expect.stringContaining('a: ')],
    })
    const ids = (one: Endpoint): number[] => one.received.flatMap(({ path, body }) => idsIn(signalOf(path), body))
    expect(ids(taking).length).toBe(9)
  })

  it('stops in the middle of waiting', async () => {
    const endpoint = await startSink(refuse(503))
    const { sink } = await start({ endpoint: endpoint.url })
    const stop = new AbortController()
    endpoint.answer = (response, received) => {
      stop.abort()
      refuse(503)(response, received)
    }
    await expect(sink.deliver('s', 1, [tracesPage(items(1))], stop.signal)).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })
})
