import { describe, expect, it } from 'vitest'
import { createInfoTimeline, scopeKeyOf } from '../../../src/backfill/sources/prometheus-info.ts'
import { noMetadata, parseMetadata } from '../../../src/backfill/sources/prometheus-metadata.ts'
import { createPrometheusPoints, type PagePart } from '../../../src/backfill/sources/prometheus-points.ts'
import type { PageSeries } from '../../../src/backfill/sources/prometheus-series.ts'
import { sorted } from '../../support/metrics-sink.ts'
import { type PageSample, seriesOf } from '../../support/prometheus-page.ts'
import {
  nanos,
  type PlainMetadata,
  type PlainPoint,
  pointsOf,
  stale,
  translateOptions,
  type Value,
  Writing,
} from '../../support/writing.ts'

const t0 = 1_700_000_000_000
const step = 15_000

const translatorOf = (options: object = {}, more: object = {}) =>
  createPrometheusPoints({ translate: translateOptions(options), metadata: noMetadata, version: '1.2.3', ...more })

const page = (series: readonly PageSeries[], more: Partial<PagePart> = {}): PagePart => ({ series, bytes: 0, where: 'here', ...more })

const pointsIn = (points: ReturnType<typeof translatorOf>, series: readonly PageSeries[], more: Partial<PagePart> = {}): PlainPoint[] =>
  pointsOf(points.translate(page(series, more)).requests.map(({ data }) => data)).sort((left, right) =>
    left.time_unix_nano < right.time_unix_nano ? -1 : left.time_unix_nano > right.time_unix_nano ? 1 : 0,
  )

/** The same series as scrapes that come one by one, each in a request. */
function live(
  list: readonly (readonly [labels: string, samples: readonly PageSample[]])[],
  options: object = {},
  metadata: readonly PlainMetadata[] = [],
): PlainPoint[] {
  const w = new Writing(options)
  const points: PlainPoint[] = []
  if (metadata.length > 0) w.write(1, [], metadata)
  const times = [...new Set(list.flatMap(([, samples]) => samples.map(([ms]) => ms)))].sort((left, right) => left - right)
  for (const ms of times) {
    w.nowMs = ms
    const scrape = list.flatMap(([labels, samples]) =>
      samples.filter(([at]) => at === ms).map(([, value]) => ({ labels, samples: [[ms, value as number] as const] })),
    )
    points.push(...w.write(1, scrape), ...w.after(11_000))
  }
  return [...points, ...w.after(60_000, true)]
}

const times = [0, 1, 2, 3, 4].map((i) => t0 + i * step)
const job = 'job="shop/api",instance="h:1"'
const values = (value: (at: number) => Value): PageSample[] => times.map((ms, at) => [ms, value(at)])
const series: readonly (readonly [string, readonly PageSample[]])[] = [
  [`up{${job}}`, values(() => 1)],
  [`http_requests_total{code="200",${job}}`, values((i) => i * 10)],
  [`http_requests_total{code="500",${job}}`, values((i) => (i === 3 ? stale : i))],
  [`temp_celsius{${job},otel_scope_name="lib",otel_scope_version="2"}`, values((i) => (i === 1 ? Number.NaN : -i))],
  ...['0.1', '1', '+Inf'].map((le, i) => [`lat_seconds_bucket{le="${le}",${job}}`, values((t) => (i + 1) * t)] as const),
  [`lat_seconds_count{${job}}`, values((t) => 3 * t)],
  [`lat_seconds_sum{${job}}`, values((t) => 1.5 * t)],
  ...['0.5', '0.9'].map((q, i) => [`rpc_seconds{quantile="${q}",${job}}`, values((t) => i + t)] as const),
  [`rpc_seconds_count{${job}}`, values((t) => t)],
  [`rpc_seconds_sum{${job}}`, values((t) => t / 2)],
  [`machine_count{${job}}`, values(() => 7)],
  [`pause_count{${job}}`, values((t) => t)],
  [`pause_sum{${job}}`, values((t) => t * 2)],
  [`job:rate5m_total{${job}}`, values(() => 0.5)],
  [`target_info{${job},region="eu"}`, values(() => 1)],
]

const timelineOf = (list: readonly (readonly [string, readonly PageSample[]])[]) => {
  const targets = createInfoTimeline(1000)
  for (const [labels, samples] of list) targets.add(seriesOf(labels, samples))
  return targets
}

describe('createPrometheusPoints', () => {
  it('gives series that are read the points that the same series give when they are received', () => {
    const targets = timelineOf(series.slice(-1))
    const own = pointsIn(
      translatorOf(),
      series.map(([labels, samples]) => seriesOf(labels, samples)),
      { targets },
    )
    expect(own.length).toBeGreaterThan(40)
    expect(sorted(own)).toEqual(sorted(live(series)))
  })

  it('knows types, helps and units out of a snapshot of metadata, as out of the metadata of remote-write', () => {
    const list = series.slice(1, 11)
    const metadata = parseMetadata(
      {
        status: 'success',
        data: {
          http_requests_total: [{ type: 'counter', help: 'All of them.', unit: '' }],
          temp_celsius: [
            { type: 'unknown', help: '', unit: '' },
            { type: 'gauge', help: 'Heat.', unit: 'celsius' },
          ],
          lat_seconds: [{ type: 'histogram', help: 'How long.', unit: 'seconds' }],
        },
      },
      'a test',
    )
    const said = [
      { family: 'http_requests_total', type: 1, help: 'All of them.' },
      { family: 'temp_celsius', type: 2, help: 'Heat.', unit: 'celsius' },
      { family: 'lat_seconds', type: 3, help: 'How long.', unit: 'seconds' },
    ]
    const own = pointsIn(
      translatorOf({}, { metadata }),
      list.map(([labels, samples]) => seriesOf(labels, samples)),
    )
    expect(sorted(own)).toEqual(sorted(live(list, {}, said)))
    expect(own.find(({ metric }) => metric === 'temp_celsius')).toMatchObject({ unit: 'Cel', description: 'Heat.' })
  })

  it('gives the same bytes for a page whatever it translated before, and the same points however pages are cut', () => {
    const whole = series.map(([labels, samples]) => seriesOf(labels, samples))
    const targets = timelineOf(series.slice(-1))
    const bytes = (points: ReturnType<typeof translatorOf>): string =>
      points
        .translate(page(whole, { targets }))
        .requests.map(({ data }) => Buffer.from(data).toString('hex'))
        .join()
    const points = translatorOf()
    const first = bytes(points)
    expect(bytes(points)).toBe(first)
    expect(bytes(translatorOf())).toBe(first)
    const cut = times.flatMap((_, at) =>
      pointsIn(
        points,
        whole.map((one) => ({ ...one, from: at, to: at + 1 })),
        { targets },
      ),
    )
    expect(sorted(cut)).toEqual(sorted(pointsIn(points, whole, { targets })))
  })

  it('counts all samples, tells why some are left out, and sums up who they were', () => {
    const result = translatorOf().translate(
      page([
        seriesOf('up{job="a"}', [
          [-5, 1],
          [t0, 1],
        ]),
        seriesOf('lat_bucket{le="x",job="a"}', [[t0, 1]]),
        seriesOf('odd_bucket{le="1",job="a"}', [[t0, 1]]),
        seriesOf('odd_sum{job="a"}', [[t0, 1]]),
        seriesOf('target_info{job="a"}', [[t0, 1]]),
        seriesOf('gauge_h{job="a"}', [[t0, { count: 1, positiveSpans: [[0, 1]], positiveDeltas: [1], resetHint: 3 }]]),
      ]),
    )
    expect(result).toMatchObject({
      read: 7,
      translated: 3,
      skipped: { negative_timestamp: 1, histogram_incomplete: 2, histogram_gauge: 1 },
      minMs: -5,
      maxMs: t0,
    })
    expect(result.faults.map(({ reason, where }) => [reason, where])).toEqual(
      expect.arrayContaining([
        ['negative_timestamp', 'here'],
        ['histogram_incomplete', 'here'],
        ['histogram_gauge', 'here'],
      ]),
    )
  })

  it('gives a sum that does not ask for order or pages, and that one bit of one sample changes', () => {
    const list = series.map(([labels, samples]) => seriesOf(labels, samples))
    const points = translatorOf()
    const sumOf = (own: readonly PageSeries[]): bigint => points.translate(page(own)).sum
    const whole = sumOf(list)
    expect(sumOf([...list].reverse())).toBe(whole)
    const halves = sumOf(list.map((one) => ({ ...one, to: 2 }))) + sumOf(list.map((one) => ({ ...one, from: 2 })))
    expect(BigInt.asUintN(128, halves)).toBe(whole)
    const bytes = list.map((one) => ({ ...one, labels: one.labels.map((text) => Buffer.from(text as string)) }))
    expect(sumOf(bytes)).toBe(whole)
    const other = list.map((one, at) =>
      at === 0
        ? {
            ...one,
            samples: seriesOf(
              'x',
              times.map((ms, i) => [ms, i === 4 ? 1 + Number.EPSILON : 1]),
            ).samples,
          }
        : one,
    )
    expect(sumOf(other)).not.toBe(whole)
  })

  it('takes for a target what was said of it when the sample was taken', () => {
    const targets = timelineOf([
      [
        'target_info{job="a",instance="i",v="1"}',
        [
          [times[1] as number, 1],
          [times[2] as number, stale],
        ],
      ],
      [
        'target_info{job="a",instance="i",v="2"}',
        [
          [times[2] as number, 1],
          [times[4] as number, 0],
        ],
      ],
    ])
    const points = pointsIn(
      translatorOf(),
      [
        seriesOf(
          'up{job="a",instance="i"}',
          times.map((ms) => [ms, 1]),
        ),
      ],
      { targets },
    )
    const said = points.map(({ time_unix_nano, resource }) => [time_unix_nano, resource['v']] as const).sort()
    expect(said).toEqual(times.map((ms, i) => [nanos(ms), [undefined, '1', '2', '2', undefined][i]]))
  })

  it('gives scopes the attributes that otel_scope_info says', () => {
    const scopes = createInfoTimeline(10, scopeKeyOf)
    scopes.add(seriesOf('otel_scope_info{job="a",otel_scope_name="lib",otel_scope_version="1",team="x"}', [[t0, 1]]))
    const [point] = pointsIn(translatorOf(), [seriesOf('up{job="a",otel_scope_name="lib",otel_scope_version="1"}', [[t0, 1]])], { scopes })
    expect(point?.['scope']).toMatchObject({ name: 'lib', version: '1', attributes: { team: 'x' } })
  })

  it('gives each sample the start that _created said when it was taken, and its own before that', () => {
    const created = (ms: number): number => ms / 1000
    const list = [
      seriesOf('app_total{job="a"}', [
        [times[0] as number, 5],
        [times[1] as number, 6],
        [times[2] as number, 1],
        [times[3] as number, 2, t0 + 1],
      ]),
      seriesOf('app_created{job="a"}', [
        [times[1] as number, created(t0 - 5000)],
        [times[2] as number, created((times[1] as number) + 7)],
        [times[3] as number, created((times[1] as number) + 7)],
      ]),
      seriesOf('alone_created{job="a"}', [[t0, 3]]),
    ]
    const points = pointsIn(translatorOf(), list)
    const starts = points.filter(({ metric }) => metric === 'app_total').map((one) => one['start_time_unix_nano'])
    expect(starts).toEqual([undefined, nanos(t0 - 5000), nanos((times[1] as number) + 7), nanos(t0 + 1)])
    expect(points.filter(({ metric }) => metric !== 'app_total').map(({ metric, type }) => [metric, type])).toEqual([
      ['alone_created', 'gauge'],
    ])
    expect(translatorOf().translate(page(list))).toMatchObject({ read: 8, translated: 8, skipped: {} })
  })

  it('leaves out the classic form while native histograms come, and nothing of it before', () => {
    const native = { count: 2, sum: 3, positiveSpans: [[0, 1]] as const, positiveDeltas: [2] }
    const list = [
      seriesOf('lat{job="a"}', [
        [times[2] as number, native],
        [times[3] as number, native],
      ]),
      ...['1', '+Inf'].map((le) =>
        seriesOf(
          `lat_bucket{le="${le}",job="a"}`,
          times.slice(0, 4).map((ms) => [ms, 2]),
        ),
      ),
      seriesOf(
        'lat_count{job="a"}',
        times.slice(0, 4).map((ms) => [ms, 2]),
      ),
      seriesOf(
        'lat_sum{job="a"}',
        times.slice(0, 4).map((ms) => [ms, 3]),
      ),
    ]
    const points = translatorOf()
    const types = pointsIn(points, list).map(({ type, time_unix_nano }) => [time_unix_nano, type] as const)
    const wanted = times.slice(0, 4).map((ms, i) => [nanos(ms), i < 2 ? 'histogram' : 'exponentialHistogram'] as const)
    expect([...types].sort()).toEqual([...wanted].sort())
    expect(points.translate(page(list))).toMatchObject({ read: 18, translated: 10, skipped: { shadowed: 8 } })
    expect(pointsIn(translatorOf({ preferNative: false }), list)).toHaveLength(6)
  })

  it('sends the end of a classic histogram in its shape, of a native one as one', () => {
    const list = [
      ...['1', '+Inf'].map((le) => seriesOf(`lat_bucket{le="${le}",job="a"}`, [[t0, stale]])),
      seriesOf('lat_count{job="a"}', [[t0, stale]]),
      seriesOf('lat_sum{job="a"}', [[t0, stale]]),
      seriesOf('nat{job="a"}', [
        [t0, { count: 1, positiveSpans: [[0, 1]], positiveDeltas: [1] }],
        [t0 + 1, stale],
      ]),
    ]
    const points = pointsIn(translatorOf(), list)
    expect(points.filter(({ flags }) => flags === 1).map(({ metric, type }) => [metric, type])).toEqual(
      expect.arrayContaining([
        ['lat', 'histogram'],
        ['nat', 'exponentialHistogram'],
      ]),
    )
    expect(points.find(({ metric }) => metric === 'lat')).toMatchObject({ explicit_bounds: [1] })
  })

  it('adds external labels where there are none of that name', () => {
    const points = translatorOf({}, { externalLabels: { cluster: 'c', zone: 'z' } })
    const [point] = pointsIn(points, [seriesOf('up{job="a",zone="own"}', [[t0, 1]])])
    expect(point?.attributes).toEqual({ cluster: 'c', zone: 'own' })
  })

  it('tells starts by values that fall, with true_reset, and makes none up where a page begins', () => {
    const samples = [5, 6, 1, 2, 0].map((value, i) => [times[i] as number, value] as const)
    const points = translatorOf({ startTime: 'true_reset' })
    const startsIn = (one: PageSeries): unknown[] => pointsIn(points, [one]).map((point) => point['start_time_unix_nano'])
    const [a, b] = [nanos((times[2] as number) - 1), nanos((times[4] as number) - 1)]
    expect(startsIn(seriesOf('x_total{job="a"}', samples))).toEqual([undefined, undefined, a, a, b])
    expect(startsIn(seriesOf('x_total{job="a"}', samples, 'beginsNow'))).toEqual([nanos(t0), nanos(t0), a, a, b])
    expect(startsIn(seriesOf('x_total{job="a"}', samples.slice(3), { startMs: 0, value: 9 }))[0]).toBe(nanos((times[3] as number) - 1))
    expect(startsIn(seriesOf('x_gauge{job="a"}', samples, 'beginsNow'))).toEqual([undefined, undefined, undefined, undefined, undefined])
    expect(translatorOf({ startTime: 'process_start' }).notes).toHaveLength(1)
  })

  it('puts thousands of times of one histogram together in one page', () => {
    const many = Array.from({ length: 5000 }, (_, i) => t0 + i * 1000)
    const list = ['lat_bucket{le="1"}', 'lat_bucket{le="+Inf"}', 'lat_count{}', 'lat_sum{}'].map((labels) =>
      seriesOf(
        labels,
        many.map((ms, i) => [ms, i]),
      ),
    )
    const result = translatorOf().translate(page(list))
    expect(result).toMatchObject({ read: 20_000, translated: 20_000, skipped: {} })
    expect(result.requests.reduce((count, { items }) => count + items, 0)).toBe(5000)
  })

  it('lets no two metrics have one name, in whatever pages they are', () => {
    const points = translatorOf({ names: 'strip' })
    expect(points.wantsNames).toBe(true)
    points.prepare(['jobs', 'jobs_total', 'alone_total'])
    const nameIn = (labels: string): string | undefined => pointsIn(points, [seriesOf(labels, [[t0, 1]])])[0]?.metric
    expect([nameIn('jobs_total{job="a"}'), nameIn('jobs{job="a"}'), nameIn('alone_total{job="a"}')]).toEqual([
      'jobs_total',
      'jobs',
      'alone',
    ])
    const list: [string, PageSample[]][] = [
      ['jobs{job="a"}', [[t0, 1]]],
      ['jobs_total{job="a"}', [[t0, 1]]],
      ['alone_total{job="a"}', [[t0, 1]]],
    ]
    expect(
      new Set(
        live([...list, ...list.map(([labels]): [string, PageSample[]] => [labels, [[t0 + step, 1]]])], { names: 'strip' })
          .slice(-3)
          .map(({ metric }) => metric),
      ),
    ).toEqual(new Set(['jobs', 'jobs_total', 'alone']))
  })
})
