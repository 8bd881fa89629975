/** History out of real Prometheus servers: what was pushed into them comes back through remote-read, as chunks and as samples, and through the query API. */

import { compressSync } from 'snappy'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TranslatedPage } from '../../src/backfill/model.ts'
import type { Source, SourceDeps } from '../../src/backfill/source.ts'
import { prometheusApi } from '../../src/backfill/sources/prometheus-api.ts'
import { createInfoTimeline } from '../../src/backfill/sources/prometheus-info.ts'
import { noMetadata } from '../../src/backfill/sources/prometheus-metadata.ts'
import { createPrometheusPoints } from '../../src/backfill/sources/prometheus-points.ts'
import { prometheusRemoteRead } from '../../src/backfill/sources/prometheus-remote-read.ts'
import type { PageSeries } from '../../src/backfill/sources/prometheus-series.ts'
import { translateConfig } from '../../src/ingest/index.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { sorted } from '../support/metrics-sink.ts'
import { type PageSample, seriesOf } from '../support/prometheus-page.ts'
import { type PlainPoint, pointsOf, stale, writeBody } from '../support/writing.ts'
import { present } from './peers.ts'
import { type Prometheus, startPrometheus } from './prometheus-peers.ts'

const step = 15_000
const count = 150
/** Within what a head takes without a window for what is out of order. */
const t0 = Math.floor((Date.now() - 45 * 60_000) / 1000) * 1000
const untilMs = t0 + count * step
const times = Array.from({ length: count }, (_, at) => t0 + at * step)
const target = 'job="shop/api",instance="h:1"'

type Row = readonly [labels: string, samples: readonly PageSample[]]
const row = (labels: string, value: (at: number) => PageSample[1]): Row => [labels, times.map((ms, at) => [ms, value(at)] as const)]

const floats: readonly Row[] = [
  row(`temp{${target}}`, (at) => (at === 5 ? Number.NaN : at === 9 ? Number.POSITIVE_INFINITY : Math.sin(at) * 1e-7)),
  row(`requests_total{code="200",${target}}`, (at) => (at * 7) % 300),
  row(`gone{${target}}`, (at) => (at % 50 === 49 ? stale : at)),
  ...['0.1', '1', '+Inf'].map((le, bucket) => row(`lat_bucket{le="${le}",${target}}`, (at) => at * (bucket + 1))),
  row(`lat_count{${target}}`, (at) => at * 3),
  row(`lat_sum{${target}}`, (at) => at * 1.25),
  row(`target_info{${target},region="eu"}`, () => 1),
  ...Array.from({ length: 40 }, (_, one) => row(`many{${target},n="${one}"}`, (at) => at * one)),
]

const nativeAt = (at: number) => ({
  schema: 3,
  count: 8 + 3 * at,
  sum: 2.5 * at,
  zeroCount: 1,
  zeroThreshold: 0.001,
  positiveSpans: [
    [0, 2],
    [3, 1],
  ] as const,
  positiveDeltas: [1 + at, 1, 0],
  negativeSpans: [[1, 1]] as const,
  negativeDeltas: [2],
})
const natives: Row = row(`native{${target}}`, (at) => nativeAt(at))

async function push(prometheus: Prometheus): Promise<void> {
  const histograms = times.map((ms, at) => {
    const { schema, zeroThreshold } = nativeAt(at)
    const view = new DataView(new ArrayBuffer(8))
    const bits = (value: number): string => {
      view.setFloat64(0, value)
      return view.getBigUint64(0).toString()
    }
    return {
      count_int: String(8 + 3 * at),
      sum: bits(2.5 * at),
      schema,
      zero_threshold: bits(zeroThreshold),
      zero_count_int: '1',
      positive_spans: [
        { offset: 0, length: 2 },
        { offset: 3, length: 1 },
      ],
      positive_deltas: [String(1 + at), '1', '0'],
      negative_spans: [{ offset: 1, length: 1 }],
      negative_deltas: ['2'],
      timestamp: String(ms),
    }
  })
  const series = [
    ...floats.map(([labels, samples]) => ({ labels, samples: samples.map(([ms, value]) => [ms, value as number] as const) })),
    { labels: natives[0], histograms },
  ]
  const body = compressSync(Buffer.from(writeBody(1, series)))
  const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' }
  const answer = await fetch(`${prometheus.url}/api/v1/write`, { method: 'POST', headers, body: new Uint8Array(body) })
  if (!answer.ok) throw new Error(`cannot push: ${answer.status} ${await answer.text()}`)
}

const abort = new AbortController().signal

const deps: SourceDeps = {
  filter: { sinceMs: t0, untilMs, services: [], query: undefined },
  log: silentLog,
  nowMs: Date.now,
  monotonicMs: () => performance.now(),
  translate: translateConfig.parse({}),
  translator: () => Promise.reject(new Error('not used')),
  page: { items: 500, bytes: 4 * 2 ** 20 },
  distress: () => {},
  sleep: () => Promise.resolve(),
}

async function pagesOf(source: Source): Promise<TranslatedPage[]> {
  const pages: TranslatedPage[] = []
  for (const slice of (await source.plan(abort)).slices) {
    const reader = source.open(slice, undefined)
    for (;;) {
      const page = await reader.next(abort)
      if (page !== undefined) pages.push(page.translate())
      if (page === undefined || page.last) break
    }
    await reader.close()
  }
  await source.close()
  return pages
}

const pointsIn = (pages: readonly TranslatedPage[]): PlainPoint[] =>
  pointsOf(pages.flatMap(({ requests }) => requests.map(({ data }) => data)))
const readOf = (pages: readonly TranslatedPage[]): number => pages.reduce((all, { read }) => all + read, 0)

/** What the rows are, translated without any server between. */
function wantedOf(rows: readonly Row[]): PlainPoint[] {
  const targets = createInfoTimeline(10)
  for (const [labels, samples] of floats.filter(([name]) => name.startsWith('target_info'))) targets.add(seriesOf(labels, samples))
  const points = createPrometheusPoints({ translate: deps.translate.prometheus, metadata: noMetadata })
  const series: PageSeries[] = rows.map(([labels, samples]) => seriesOf(labels, samples))
  return pointsIn([points.translate({ series, targets, bytes: 0, where: 'here' })])
}

const isReal = ([, value]: PageSample): boolean => value !== stale

for (const major of [2, 3] as const) {
  describe.skipIf(!present(`prometheus-${major}`))(`history of Prometheus ${major}`, () => {
    let prometheus: Prometheus

    beforeAll(async () => {
      prometheus = await startPrometheus({
        major,
        config: () => ({ global: {} }),
        features: ['native-histograms'],
        flags: ['--web.enable-remote-write-receiver'],
      })
      await push(prometheus)
    }, 60_000)

    afterAll(() => prometheus?.stop())

    it.each(['chunks', 'samples'] as const)('comes back through remote-read as it was pushed: %s', async (answers) => {
      const options = prometheusRemoteRead.options.parse({ url: prometheus.url, answers, metadata: 'none', shards: 2 })
      const pages = await pagesOf(await prometheusRemoteRead.open(options, [], deps))
      // As samples Prometheus 2 tells of no native histograms, and does not say so: chunks are the default.
      const rows = major === 2 && answers === 'samples' ? floats : [...floats, natives]
      expect(readOf(pages)).toBe(rows.length * count)
      expect(sorted(pointsIn(pages))).toEqual(sorted(wantedOf(rows)))
    })

    it('comes back through the query API, but for markers of staleness', async () => {
      const options = prometheusApi.options.parse({ url: prometheus.url, metadata: 'none' })
      const pages = await pagesOf(await prometheusApi.open(options, [], deps))
      const rows = [...floats, natives].map(([labels, samples]): Row => [labels, samples.filter(isReal)])
      expect(readOf(pages)).toBe(rows.reduce((all, [, samples]) => all + samples.length, 0))
      const [wanted, got] = [wantedOf(rows), pointsIn(pages)].map((points) => sorted(points))
      expect(got).toEqual(wanted)
    })

    it('counts the samples that the server counts', async () => {
      const counted = await prometheus.query(`sum(count_over_time({__name__="many"}[${count * step}ms]))`, (untilMs - 1) / 1000)
      const [, value] = counted[0]?.values?.[0] ?? [0, '']
      expect(Number(value)).toBe(40 * count)
    })
  })
}
