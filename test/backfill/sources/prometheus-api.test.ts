import { createServer } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import type { TranslatedPage } from '../../../src/backfill/model.ts'
import type { SourceDeps } from '../../../src/backfill/source.ts'
import { prometheusApi } from '../../../src/backfill/sources/prometheus-api.ts'
import { translateConfig } from '../../../src/ingest/index.ts'
import { silentLog } from '../../../src/telemetry/log.ts'
import { closeNow, listenLocally } from '../../support/local-server.ts'
import { nanos, pointsOf } from '../../support/writing.ts'

const t0 = Date.UTC(2026, 10, 7, 10)
const minute = 60_000
const abort = new AbortController().signal
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

type Answers = Readonly<Record<string, (form: URLSearchParams) => readonly [status: number, body: unknown]>>

async function serve(answers: Answers): Promise<{ url: string; asked: [string, URLSearchParams][] }> {
  const asked: [string, URLSearchParams][] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
      const form = request.method === 'POST' ? new URLSearchParams(text) : searchParams
      asked.push([pathname, form])
      const [status, body] = answers[pathname]?.(form) ?? [404, { status: 'error', error: 'no such page' }]
      response.statusCode = status
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  const port = await listenLocally(server)
  closing.push(() => closeNow(server))
  return { url: `http://127.0.0.1:${port}`, asked }
}

async function pagesOf(url: string, own: object = {}, more: Partial<SourceDeps> = {}): Promise<TranslatedPage[]> {
  const deps: SourceDeps = {
    filter: { sinceMs: t0, untilMs: t0 + 10 * minute, services: [], query: undefined },
    log: silentLog,
    nowMs: () => t0 + 60 * minute,
    monotonicMs: () => 0,
    translate: translateConfig.parse({}),
    translator: () => Promise.reject(new Error('not used')),
    page: { items: 1000, bytes: 1e6 },
    distress: () => {},
    sleep: () => Promise.resolve(),
    ...more,
  }
  const source = await prometheusApi.open(prometheusApi.options.parse({ url, shards: 1, ...own }), [], deps)
  closing.push(() => source.close())
  const pages: TranslatedPage[] = []
  for (const slice of (await source.plan(abort)).slices) {
    const reader = source.open(slice, undefined)
    for (;;) {
      const page = await reader.next(abort)
      if (page !== undefined) pages.push(page.translate())
      if (page === undefined || page.last) break
    }
  }
  return pages
}

const names = (...data: string[]): Answers => ({ '/api/v1/label/__name__/values': () => [200, { status: 'success', data }] })
const pointsIn = (pages: readonly TranslatedPage[]) => pointsOf(pages.flatMap(({ requests }) => requests.map(({ data }) => data)))

const matrix = (form: URLSearchParams): readonly [number, unknown] => {
  const isUp = form.get('query')?.includes('"up"') === true
  const result = isUp
    ? [
        { metric: { __name__: 'up', job: 'a' }, values: [0, 1, 2].map((at) => [(t0 + at * minute) / 1000, String(at)]) },
        { metric: { __name__: 'up', job: 'b' }, values: [[t0 / 1000, '+Inf']] },
      ]
    : []
  return [200, { status: 'success', data: { resultType: 'matrix', result } }]
}

describe('prometheusApi', () => {
  it('reads samples with their own times, and says types as the server does', async () => {
    const metadata = { status: 'success', data: { up: [{ type: 'gauge', help: 'Whether it is up.', unit: '' }] } }
    const { url } = await serve({ ...names('up'), '/api/v1/query': matrix, '/api/v1/metadata': () => [200, metadata] })
    const pages = await pagesOf(url, { externalLabels: ['cluster=c'] })
    const points = pointsIn(pages)
    expect(points.map(({ time_unix_nano, value }) => [time_unix_nano, value])).toEqual(
      expect.arrayContaining([
        [nanos(t0), 0],
        [nanos(t0 + minute), 1],
        [nanos(t0 + 2 * minute), 2],
        [nanos(t0), Number.POSITIVE_INFINITY],
      ]),
    )
    expect(points).toHaveLength(4)
    expect(points[0]).toMatchObject({
      description: 'Whether it is up.',
      attributes: { cluster: 'c' },
      metadata: { 'prometheus.type': 'gauge' },
    })
  })

  it('halves a question that takes too long, and waits for a server that is away', async () => {
    let late = 2
    let away = 2
    const { url, asked } = await serve({
      ...names('up'),
      '/api/v1/query': (form) => {
        if (form.get('query')?.includes('"up"') !== true) return matrix(form)
        if (late-- > 0) return [503, { status: 'error', errorType: 'timeout', error: 'query timed out in expression evaluation' }]
        if (away-- > 0) return [503, 'no upstream']
        return matrix(form)
      },
    })
    const pages = await pagesOf(url)
    expect(pages.reduce((count, { read }) => count + read, 0)).toBe(4)
    const ranges = asked
      .filter(([, form]) => form.get('query')?.includes('"up"'))
      .map(([, form]) => /\[(\d+)ms\]/.exec(form.get('query') ?? '')?.[1])
    expect(ranges.slice(0, 3)).toEqual(['600000', '300000', '150000'])
  })

  it('ends a slice of which only a part answers', async () => {
    const { url } = await serve({
      ...names('up'),
      '/api/v1/query': (form) => {
        const [status, body] = matrix(form)
        return [status, { ...(body as object), warnings: ['store 10.0.0.1 did not answer'] }]
      },
    })
    await expect(pagesOf(url)).rejects.toThrow(/^partial_results: /)
  })

  it('asks for graphs where it is told to, and calls that approximate', async () => {
    const { url, asked } = await serve({ ...names('up'), '/api/v1/query_range': matrix })
    const pages = await pagesOf(url, { step: '60s', metadata: 'none' })
    expect(pages.reduce((count, { read }) => count + read, 0)).toBe(4)
    expect(asked.some(([path]) => path === '/api/v1/query')).toBe(false)
    expect(asked.find(([, form]) => form.get('query')?.includes('"up"'))?.[1].get('step')).toBe('60.000')
  })
})
