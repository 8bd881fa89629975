import { afterEach, describe, expect, it } from 'vitest'
import type { Json, TranslatedPage } from '../../../src/backfill/model.ts'
import type { Source, SourceDeps } from '../../../src/backfill/source.ts'
import { prometheusRemoteRead } from '../../../src/backfill/sources/prometheus-remote-read.ts'
import { translateConfig } from '../../../src/ingest/index.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { sorted } from '../../support/metrics-sink.ts'
import { found, frameOf, type ReadServer, type StoredSeries, startReadServer } from '../../support/remote-read.ts'
import { pointsOf, stale } from '../../support/writing.ts'

const t0 = Date.UTC(2026, 10, 7, 10)
const hour = 3_600_000

const depsOf = (more: Partial<SourceDeps> = {}): SourceDeps => ({
  filter: { sinceMs: t0, untilMs: t0 + 2 * hour, services: [], query: undefined },
  log: silentLog,
  nowMs: () => t0 + 3 * hour,
  monotonicMs: () => 0,
  translate: translateConfig.parse({}),
  translator: () => Promise.reject(new Error('not used')),
  page: { items: 100, bytes: 4 * 2 ** 20 },
  distress: () => {},
  sleep: () => Promise.resolve(),
  ...more,
})

const open = (server: ReadServer, own: object = {}, deps: Partial<SourceDeps> = {}): Promise<Source> =>
  prometheusRemoteRead.open(prometheusRemoteRead.options.parse({ url: server.url, shards: 1, ...own }), [], depsOf(deps))

const abort = new AbortController().signal

interface Read {
  readonly pages: readonly TranslatedPage[]
  readonly cursors: readonly Json[]
}

async function readAll(source: Source, cursor?: Json): Promise<Read> {
  const [slice] = (await source.plan(abort)).slices
  if (slice === undefined) throw new Error('no slice')
  const reader = source.open(slice, cursor)
  const pages: TranslatedPage[] = []
  const cursors: Json[] = []
  for (;;) {
    const page = await reader.next(abort)
    if (page === undefined) break
    pages.push(page.translate())
    cursors.push(JSON.parse(JSON.stringify(page.cursor)) as Json)
    if (page.last) break
  }
  await reader.close()
  return { pages, cursors }
}

const pointsIn = (pages: readonly TranslatedPage[]) => sorted(pointsOf(pages.flatMap(({ requests }) => requests.map(({ data }) => data))))
const bytesOf = (pages: readonly TranslatedPage[]): string[] =>
  pages.map(({ requests }) => requests.map(({ data }) => Buffer.from(data).toString('hex')).join())

const times = (count: number, step: number): number[] => Array.from({ length: count }, (_, at) => t0 + at * step)
const series = (name: string, labels: Record<string, string>, count = 240, step = 30_000): StoredSeries => ({
  labels: { __name__: name, job: 'api', instance: 'h:1', ...labels },
  samples: times(count, step).map((ms, at) => [ms, at === 77 ? stale : at] as const),
})
const store: readonly StoredSeries[] = [
  series('http_requests_total', { code: '200' }),
  series('http_requests_total', { code: '500' }),
  ...['0.1', '1', '+Inf'].map((le) => series('lat_bucket', { le }, 100)),
  series('lat_count', {}, 100),
  series('lat_sum', {}, 100),
  { ...series('target_info', { region: 'eu' }), samples: times(100, 30_000).map((ms, at) => [ms, at === 77 ? stale : 1] as const) },
  // Ends before the window, and begins in it.
  {
    labels: { __name__: 'old', job: 'api' },
    samples: [
      [t0 - 10, 1],
      [t0, 2],
      [t0 + 2 * hour - 1, 3],
      [t0 + 2 * hour, 4],
    ],
  },
]
const inWindow = store.flatMap(({ samples }) => samples).filter(([ms]) => ms >= t0 && ms < t0 + 2 * hour).length

const open_: (ReadServer | Source)[] = []
const kept = <T extends ReadServer | Source>(one: T): T => {
  open_.push(one)
  return one
}
afterEach(async () => {
  for (const one of open_.splice(0).reverse()) await one.close()
})

describe('prometheusRemoteRead', () => {
  it('reads all samples of a window, once, and nothing beyond it, from chunks and from samples alike', async () => {
    const server = kept(await startReadServer(() => store))
    const chunks = await readAll(kept(await open(server)))
    const samples = await readAll(kept(await open(server, { answers: 'samples' })))
    for (const { pages } of [chunks, samples]) {
      expect(pages.reduce((count, { read }) => count + read, 0)).toBe(inWindow)
      expect(pages.reduce((count, { translated }) => count + translated, 0)).toBe(inWindow)
      expect(pages.every(({ read }) => read <= 100)).toBe(true)
    }
    expect(server.queries.every(({ accepted }) => [0, 1].includes(accepted[0] ?? -1))).toBe(true)
    expect(bytesOf(samples.pages)).toEqual(bytesOf(chunks.pages))
    const points = pointsIn(chunks.pages)
    expect(points.filter(({ metric }) => metric === 'lat')).toHaveLength(100)
    expect(points.filter(({ metric }) => metric === 'lat').every((one) => (one['explicit_bounds'] as number[]).length === 2)).toBe(true)
    // Its target_info ends with sample 77, and begins again with the next.
    const regions = points.filter(({ metric }) => metric === 'http_requests_total').map(({ resource }) => resource['region'])
    expect(regions.filter((region) => region === undefined)).toHaveLength(2)
    expect(points.filter(({ flags }) => flags === 1)).toHaveLength(3)
    expect(points.filter(({ metric }) => metric === 'old').map((one) => one.value)).toEqual([2, 3])
  })

  it('goes on from any page as if it had never stopped', async () => {
    const server = kept(await startReadServer(() => store))
    const whole = await readAll(kept(await open(server)))
    expect(whole.pages.length).toBeGreaterThan(8)
    for (let at = 0; at < whole.cursors.length - 1; at++) {
      const rest = await readAll(kept(await open(server)), whole.cursors[at])
      expect(bytesOf(rest.pages)).toEqual(bytesOf(whole.pages.slice(at + 1)))
    }
  })

  it('counts again what it read, with the same sum', async () => {
    const server = kept(await startReadServer(() => store))
    const source = kept(await open(server))
    const { pages } = await readAll(source)
    const [slice] = (await source.plan(abort)).slices
    const sum = BigInt.asUintN(
      128,
      pages.reduce((all, one) => all + one.sum, 0n),
    )
    expect(slice === undefined ? undefined : await source.count(slice, true, abort)).toEqual({ items: inWindow, sum })
    expect(slice === undefined ? 0 : await source.count(slice, false, abort)).toBeUndefined()
  })

  it('uses no answer that is torn, damaged or followed by text: it asks again, for less', async () => {
    const [one] = found(store, { fromMs: t0, toMs: t0 + hour, matchers: [{ type: 0, name: 'code', value: '200' }], accepted: [] })
    const frame = frameOf(one as StoredSeries)
    const damaged = Buffer.from(frame)
    damaged[frame.length - 5] = (damaged[frame.length - 5] as number) ^ 1
    const oversize = Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]), frame])
    const wrongs = [
      ...[1, 3, 5, 6, 100, frame.length - 1].map((length) => frame.subarray(0, length)),
      damaged,
      oversize,
      Buffer.concat([frame, Buffer.from('upstream error: context deadline exceeded\n')]),
    ]
    const server = kept(await startReadServer(() => store))
    const wanted = pointsIn((await readAll(kept(await open(server)))).pages)
    for (const wrong of wrongs) {
      let left = 2
      const distress: string[] = []
      const bad = kept(
        await startReadServer(
          () => store,
          (query, response) => {
            if (!query.matchers.some(({ value }) => value === 'http_requests_total') || left-- <= 0) return false
            response.setHeader('content-type', 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse')
            response.end(wrong)
            return true
          },
        ),
      )
      const { pages } = await readAll(kept(await open(bad, {}, { distress: (reason) => distress.push(reason) })))
      expect(pointsIn(pages)).toEqual(wanted)
      expect(distress).toEqual(['torn_answer', 'torn_answer'])
      const asked = bad.queries.filter(({ matchers }) => matchers.some(({ value }) => value === 'http_requests_total'))
      expect(asked.slice(0, 3).map(({ fromMs, toMs }) => toMs + 1 - fromMs)).toEqual([2 * hour, 2 * hour, hour])
    }
  })

  it('takes a connection that breaks for a torn answer, and gives the slice up when it breaks each time', async () => {
    const bad = kept(
      await startReadServer(
        () => store,
        (query, response) => {
          if (query.matchers.some(({ value }) => value === 'target_info' || value === 'otel_scope_info')) return false
          response.setHeader('content-type', 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse')
          response.write(frameOf(store[0] as StoredSeries))
          setImmediate(() => response.destroy())
          return true
        },
      ),
    )
    const source = kept(await open(bad))
    await expect(readAll(source)).rejects.toMatchObject({
      code: 'OB_SOURCE',
      message: expect.stringMatching(/^truncated: cannot read http_requests /),
    })
  })

  it('asks for less when the server says that it is too much', async () => {
    const server = kept(
      await startReadServer(
        () => store,
        ({ fromMs, toMs }, response) => {
          if (toMs + 1 - fromMs <= hour / 2) return false
          response.statusCode = 400
          response.end('exceeded sample limit (50000000)')
          return true
        },
      ),
    )
    const { pages } = await readAll(kept(await open(server)))
    expect(pages.reduce((count, { read }) => count + read, 0)).toBe(inWindow)
  })

  it('asks for what a filter names, and for targets all the same', async () => {
    const server = kept(await startReadServer(() => store))
    const filter = { sinceMs: t0, untilMs: t0 + hour, services: ['api'], query: '{code=~"2.."}' }
    const { pages } = await readAll(kept(await open(server, {}, { filter })))
    expect(new Set(pointsIn(pages).map(({ attributes }) => attributes['code']))).toEqual(new Set(['200']))
    await expect(open(server, {}, { filter: { ...filter, query: '{code}' } })).rejects.toMatchObject({ code: 'OB_CONFIG' })
  })
})
