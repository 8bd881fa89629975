/** What real destinations make of history, and whether the sink's counts are what they have: mapping/backfill.md §3.3 and §5. */

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { PageRequest } from '../../src/backfill/model.ts'
import { createOtlpSink } from '../../src/backfill/otlp-sink.ts'
import type { Delivered } from '../../src/backfill/sink.ts'
import { emitConfig } from '../../src/emit/config.ts'
import { jsonToRequest } from '../../src/otlp/json/to-proto.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { type Item, items, logsPage, metricsPage, tracesPage } from '../backfill/support/otlp-requests.ts'
import { hasLoki, startLoki } from './loki-peer.ts'
import { type JaegerPorts, type Peer, present, startJaeger } from './peers.ts'
import { type Prometheus, startPrometheus } from './prometheus-peers.ts'
import { until } from './wait.ts'

const hourMs = 3_600_000

interface Sending {
  readonly metrics: Metrics
  deliver(...requests: PageRequest[]): Promise<Delivered>
}

const start = async (emit: object): Promise<Sending> => {
  const metrics = createMetrics()
  const sink = await createOtlpSink(
    { emit: emitConfig.parse(emit) },
    {
      log: silentLog,
      metrics,
      nowMs: Date.now,
      monotonicMs: () => performance.now(),
      random: Math.random,
      instanceId: 'interop',
      distress: () => {},
    },
  )
  onTestFinished(() => sink.close())
  return { metrics, deliver: (...requests) => sink.deliver('s', 0, requests, new AbortController().signal) }
}

const requestsOf = ({ metrics }: Sending): number => metrics.total('otlp_bridge_backfill_requests_total')

/** Numbered items at these times. */
const numbered = (times: readonly number[]): Item[] => times.map((ms, id) => ({ id, ms }))

describe.skipIf(!present('prometheus-3'))('Prometheus 3', () => {
  let plain: Prometheus
  let patient: Prometheus
  const config = (storage: object) => ({ global: { scrape_interval: '1h' }, ...storage })
  const flags = ['--web.enable-otlp-receiver', '--storage.tsdb.retention.time=10y']

  beforeAll(async () => {
    plain = await startPrometheus({ major: 3, config: () => config({}), flags })
    patient = await startPrometheus({
      major: 3,
      config: () => config({ storage: { tsdb: { out_of_order_time_window: '60d' } } }),
      flags,
    })
  }, 60_000)
  afterAll(async () => {
    await Promise.all([plain?.stop(), patient?.stop()])
  })

  const endpoint = (one: Prometheus): object => ({ endpoint: `http://127.0.0.1:${one.port}/api/v1/otlp`, batch: { maxItems: 100_000 } })

  /** Samples that it has of all series of this name, times in ms. */
  const samples = async (one: Prometheus, name: string, atMs: number, range: string): Promise<number> => {
    const series = await one.query(`{__name__=~"${name}.*"}[${range}]`, atMs / 1000)
    return series.reduce((all, { values = [] }) => all + values.length, 0)
  }

  it.each([0, 999, 1999])('finds one bad point of 2,000 (at %d) with at most 24 requests, and has all the others', async (bad) => {
    const sending = await start(endpoint(plain))
    const now = Date.now() - 5000
    const name = `one${bad}_`
    // A hundred points of twenty series each, a second apart; one comes from tomorrow.
    const page = items(2000, 0).map(({ id }) => ({ id, ms: now - 100_000 + (id % 100) * 1000 + (id === bad ? 24 * hourMs : 0) }))
    const told = await sending.deliver(metricsPage(page, 100, name))
    expect(told).toMatchObject({ acked: 1999, rejected: { too_new: 1 }, dead: [], ambiguous: 0 })
    expect(requestsOf(sending)).toBeLessThanOrEqual(24)
    expect(await samples(plain, name, Date.now(), '1h')).toBe(1999)
  })

  it('refuses what is old, names the knob, and keeps what is not', async () => {
    const sending = await start(endpoint(plain))
    const now = Date.now() - 5000
    await sending.deliver(metricsPage(numbered([now]), 100, 'head_'))
    const times = [
      ...Array.from({ length: 50 }, (_, at) => now - 48 * hourMs + at * 60_000),
      ...Array.from({ length: 50 }, (_, at) => now - 50_000 + at * 1000),
    ]
    const told = await sending.deliver(metricsPage(numbered(times), 100, 'mixed_'))
    expect(told.acked).toBe(await samples(plain, 'mixed_', Date.now(), '72h'))
    expect(told).toMatchObject({ acked: 50, rejected: { out_of_bounds: 50 } })
    expect(told.boundary).toMatchObject({ reason: 'out_of_bounds', refusedMs: times[49] })
    expect(told.boundary?.knob).toContain('out_of_order_time_window')
  })

  it('takes the same with an out-of-order window, also twice', async () => {
    const sending = await start(endpoint(patient))
    const now = Date.now() - 5000
    await sending.deliver(metricsPage(numbered([now]), 100, 'head_'))
    const times = Array.from({ length: 500 }, (_, at) => now - 48 * hourMs + at * 60_000)
    for (let round = 0; round < 2; round++)
      expect(await sending.deliver(metricsPage(numbered(times), 100, 'old_'))).toMatchObject({ acked: 500, rejected: {}, dead: [] })
    expect(await samples(patient, 'old_', Date.now(), '72h')).toBe(500)
  })

  it('says what other value is there already', async () => {
    const sending = await start(endpoint(plain))
    const now = Date.now() - 5000
    const page = items(10, now - 10_000)
    expect((await sending.deliver(metricsPage(page, 1, 'same_'))).acked).toBe(10)
    expect((await sending.deliver(metricsPage(page, 1, 'same_'))).acked).toBe(10)
    const other = page.map(({ id, ms }) => ({ id: id === 4 ? 99 : id, ms }))
    expect(await sending.deliver(metricsPage(other, 1, 'same_'))).toMatchObject({ acked: 9, rejected: { duplicate_sample: 1 } })
    // Of one series only the last sample can be sent again.
    expect((await sending.deliver(metricsPage(page, 100, 'row_'))).acked).toBe(10)
    expect(await sending.deliver(metricsPage(page, 100, 'row_'))).toMatchObject({ acked: 1, rejected: { out_of_order: 9 } })
  })

  it('finds a histogram on which it fails with 500, and has all the others', async () => {
    const sending = await start({ ...endpoint(plain), retry: { initialInterval: 5, maxInterval: 20 } })
    const now = Date.now() - 5000
    const bad = {
      resourceMetrics: [
        {
          scopeMetrics: [
            {
              metrics: [
                {
                  name: 'bad_histogram',
                  exponentialHistogram: {
                    aggregationTemporality: 2,
                    // Two in buckets, five in all.
                    dataPoints: [
                      { timeUnixNano: `${now}000000`, count: '5', sum: 1, scale: 2, positive: { offset: 0, bucketCounts: ['1', '1'] } },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
    }
    const pages = [
      metricsPage(items(30, now), 1, 'before_'),
      { signal: 'metrics', items: 1, data: jsonToRequest('metrics', Buffer.from(JSON.stringify(bad)), 64) },
    ] as const
    const told = await sending.deliver(...pages, metricsPage(items(30, now), 1, 'behind_'))
    expect(told).toMatchObject({ acked: 60, rejected: { destination_error: 1 }, dead: [] })
    expect(
      (await samples(plain, 'before_', Date.now() + 60_000, '1h')) + (await samples(plain, 'behind_', Date.now() + 60_000, '1h')),
    ).toBe(60)
  })

  it('ends the run where nothing takes OTLP', async () => {
    const sending = await start({ endpoint: `http://127.0.0.1:${plain.port}/nowhere` })
    await expect(sending.deliver(metricsPage(items(1, Date.now())))).rejects.toMatchObject({ code: 'OB_DESTINATION' })
  })
})

describe.skipIf(!hasLoki())('Loki', () => {
  let loki: Peer<{ readonly http: number }>
  beforeAll(async () => {
    loki = await startLoki()
  }, 60_000)
  afterAll(() => loki?.stop())

  const endpoint = (): object => ({ endpoint: `http://127.0.0.1:${loki.ports.http}/otlp` })

  /** Lines of these streams, all of them, as texts. */
  const lines = async (prefix: string): Promise<string[]> => {
    const query = new URLSearchParams({
      query: `{service_name=~"${prefix}.*"}`,
      start: `${Date.now() - 72 * hourMs}000000`,
      end: `${Date.now() + 72 * hourMs}000000`,
      limit: '5000',
    })
    const answer = (await (await fetch(`http://127.0.0.1:${loki.ports.http}/loki/api/v1/query_range?${query}`)).json()) as {
      data: { result: { values: [string, string][] }[] }
    }
    return answer.data.result.flatMap(({ values }) => values.map(([, line]) => line))
  }

  const flush = (): Promise<Response> => fetch(`http://127.0.0.1:${loki.ports.http}/flush`, { method: 'POST' })

  it('counts what is too far behind in several streams of one page as Loki does, and sends nothing twice', async () => {
    const sending = await start(endpoint())
    const now = Date.now() - 10_000
    // An hour is borne; streams are as new as their newest line.
    await sending.deliver(
      logsPage({ far_a: [{ id: 9000, ms: now }], far_b: [{ id: 9001, ms: now }], far_c: [{ id: 9002, ms: now - 5 * hourMs }] }),
    )
    const old = now - 3 * hourMs
    const page = logsPage({
      far_a: [...items(20, old), ...items(10, now - 9000).map(({ id, ms }) => ({ id: id + 100, ms }))],
      far_b: [...items(7, old).map(({ id, ms }) => ({ id: id + 200, ms })), { id: 300, ms: now - 500 }],
      far_c: items(5, old).map(({ id, ms }) => ({ id: id + 400, ms })),
    })
    const told = await sending.deliver(page)
    expect(told).toMatchObject({ acked: 16, rejected: { too_far_behind: 27 }, dead: [], ambiguous: 0 })
    expect(told.boundary).toMatchObject({ reason: 'too_far_behind', refusedMs: old + 19_000 })
    await flush()
    const kept = await until('all lines that were acknowledged', async () => {
      const all = await lines('far_')
      return all.length >= 16 + 3 ? all : undefined
    })
    expect(kept.length).toBe(16 + 3)
    expect(new Set(kept).size).toBe(kept.length)
  })

  it('counts lines that it finds invalid beside those that are too far behind', async () => {
    const sending = await start(endpoint())
    const now = Date.now() - 10_000
    await sending.deliver(logsPage({ odd: [{ id: 1, ms: now }] }))
    const future = now + 48 * hourMs
    expect(
      await sending.deliver(
        logsPage({
          odd: [
            { id: 2, ms: future },
            { id: 3, ms: future },
            { id: 4, ms: now },
          ],
        }),
      ),
    ).toMatchObject({
      acked: 1,
      rejected: { too_new: 2 },
    })
    const mixed = [
      { id: 5, ms: future },
      { id: 6, ms: now - 3 * hourMs },
      { id: 7, ms: now },
    ]
    expect(await sending.deliver(logsPage({ odd: mixed }))).toMatchObject({ acked: 1, rejected: { too_far_behind: 1, invalid: 1 } })
    await flush()
    const kept = await until('lines', async () => {
      const all = await lines('odd')
      return all.length >= 3 ? all : undefined
    })
    expect(kept.sort()).toEqual(['1', '4', '7'])
  })
})

describe.skipIf(!present('jaeger-v2'))('Jaeger v2', () => {
  let jaeger: Peer<JaegerPorts>
  beforeAll(async () => {
    jaeger = await startJaeger()
  }, 60_000)
  afterAll(() => jaeger?.stop())

  it.each(['http/protobuf', 'grpc'])('takes spans of a year ago over %s', async (protocol) => {
    const port = protocol === 'grpc' ? jaeger.ports.otlpGrpc : jaeger.ports.otlpHttp
    const sending = await start({ protocol, endpoint: `http://127.0.0.1:${port}` })
    const from = Date.now() - 365 * 24 * hourMs
    const page = items(50, from).map(({ id, ms }) => ({ id: id + (protocol === 'grpc' ? 1000 : 0), ms }))
    expect(await sending.deliver(tracesPage(page))).toMatchObject({ acked: 50, rejected: {}, dead: [] })
    const id = ((page[49]?.id ?? 0) + 1).toString(16).padStart(32, '0')
    await until('the trace', async () => ((await fetch(`http://127.0.0.1:${jaeger.ports.query}/api/traces/${id}`)).ok ? true : undefined))
  })
})
