import { afterEach, describe, expect, it } from 'vitest'
import type { SourceDeps } from '../../../src/backfill/source.ts'
import { zipkinApi } from '../../../src/backfill/sources/zipkin-api.ts'
import { closeNow } from '../../support/local-server.ts'
import { manyTraces, type QueryServer, type StoredSpan, serveZipkin } from '../support/query-servers.ts'
import { allPages, never, pagesOf, sourceDeps, spanIds, totals } from '../support/source-deps.ts'

const fromMs = Date.UTC(2026, 10, 7, 8, 30)
const toMs = Date.UTC(2026, 10, 7, 11, 20)
const servers: QueryServer[] = []

async function openAt(server: Promise<QueryServer>, options: Readonly<Record<string, unknown>> = {}, changes: Partial<SourceDeps> = {}) {
  const found = await server
  servers.push(found)
  const filter = { sinceMs: fromMs, untilMs: toMs, services: [], query: undefined }
  return zipkinApi.open({ url: found.url, ...options }, [], sourceDeps({ filter, ...changes }))
}

const ids = (spans: readonly StoredSpan[]): string[] => spans.map(({ trace, span }) => `${trace}/${span}`).sort()
const isIn = (start: number): boolean => start >= fromMs * 1000 && start < toMs * 1000

afterEach(async () => {
  for (const { server } of servers.splice(0)) await closeNow(server)
})

describe('zipkinApi', () => {
  const spans = manyTraces(1000, fromMs * 1000, (toMs - fromMs) * 1000)

  it('takes each span once through answers of five traces', async () => {
    const source = await openAt(serveZipkin(spans, 'span'), { limit: 5 })
    const pages = await allPages(source)
    const wanted = spans.filter(({ start }) => isIn(start))
    expect(spanIds(pages)).toEqual(ids(wanted))
    expect(totals(pages)).toMatchObject({ read: wanted.length, translated: wanted.length, skipped: {} })
  }, 60_000)

  it('takes each trace once, whole, where the store finds it by its own time alone', async () => {
    const source = await openAt(serveZipkin(spans, 'trace'), { limit: 5 })
    const beginnings = new Map<string, number>()
    for (const { trace, start } of spans) beginnings.set(trace, Math.min(start, beginnings.get(trace) ?? start))
    expect(spanIds(await allPages(source))).toEqual(ids(spans.filter(({ trace }) => isIn(beginnings.get(trace) ?? 0))))
  }, 60_000)

  it('gives a span without a time to the window of its trace, with the same bytes each time', async () => {
    const [first] = spans
    if (first === undefined) throw new Error('no span')
    const timeless = [first, { ...first, span: 'ffff000000000001', start: 0, duration: 0 }]
    const source = await openAt(serveZipkin(timeless, 'span'))
    const pages = await allPages(source)
    expect(spanIds(pages)).toEqual(ids(timeless))
    expect(await allPages(source)).toEqual(pages)
  })

  it('goes on at any page as if it had not stopped', async () => {
    const source = await openAt(serveZipkin(spans.slice(0, 600), 'span'), { limit: 40 }, { page: { items: 7, bytes: 4 * 2 ** 20 } })
    const slice = (await source.plan(never)).slices[1]
    if (slice === undefined) throw new Error('no slice')
    const whole = await pagesOf(source.open(slice, undefined))
    expect(whole.length).toBeGreaterThan(5)
    for (let at = 0; at < whole.length - 1; at += 3) {
      expect(await pagesOf(source.open(slice, whole[at]?.cursor))).toEqual(whole.slice(at + 1))
    }
    expect(await source.count(slice, true, never)).toEqual({ items: totals(whole).read, sum: totals(whole).sum })
  }, 60_000)

  it('takes a server that does not search for a wrong configuration, not for an empty history', async () => {
    const source = await openAt(serveZipkin([], 'span', false))
    await expect(source.plan(never)).rejects.toMatchObject({ code: 'OB_CONFIG', message: expect.stringContaining('SEARCH_ENABLED') })
    const empty = await openAt(serveZipkin([], 'span'))
    expect((await empty.plan(never)).slices.length).toBe(4)
  })
})
