import { afterEach, describe, expect, it } from 'vitest'
import type { SourceDeps } from '../../../src/backfill/source.ts'
import { jaegerQuery } from '../../../src/backfill/sources/jaeger-query.ts'
import { closeNow } from '../../support/local-server.ts'
import { manyTraces, type QueryServer, type StoredSpan, serveJaeger } from '../support/query-servers.ts'
import { allPages, never, pagesOf, sourceDeps, spanIds, totals } from '../support/source-deps.ts'

const fromMs = Date.UTC(2026, 10, 7, 8, 30)
const toMs = Date.UTC(2026, 10, 7, 11, 20)
const filter = { sinceMs: fromMs, untilMs: toMs, services: [], query: undefined }
const servers: QueryServer[] = []

async function openAt(server: Promise<QueryServer>, options: Readonly<Record<string, unknown>> = {}, changes: Partial<SourceDeps> = {}) {
  const found = await server
  servers.push(found)
  const source = await jaegerQuery.open({ url: found.url, ...options }, [], sourceDeps({ filter, ...changes }))
  return { source, server: found }
}

const ids = (spans: readonly StoredSpan[]): string[] => spans.map(({ trace, span }) => `${trace}/${span}`).sort()
const within = ({ start }: StoredSpan): boolean => start >= fromMs * 1000 && start < toMs * 1000

afterEach(async () => {
  for (const { server } of servers.splice(0)) await closeNow(server)
})

describe('jaegerQuery', () => {
  const spans = manyTraces(1000, fromMs * 1000, (toMs - fromMs) * 1000)

  it('takes each span once through answers of five traces, over services, hours and windows', async () => {
    const { source, server } = await openAt(serveJaeger(spans), { limit: 5 })
    const pages = await allPages(source)
    expect(spanIds(pages)).toEqual(ids(spans.filter(within)))
    expect(totals(pages)).toMatchObject({ read: spans.filter(within).length, translated: spans.filter(within).length, skipped: {} })
    expect(source.approximate).toContain('adjusted')
    expect(server.asked.every(({ searchParams }) => searchParams.get('limit') !== '10000')).toBe(true)
  }, 60_000)

  it('goes on at any page as if it had not stopped', async () => {
    const { source } = await openAt(serveJaeger(spans.slice(0, 600)), { limit: 40 }, { page: { items: 7, bytes: 4 * 2 ** 20 } })
    const { slices } = await source.plan(never)
    const slice = slices[1]
    if (slice === undefined) throw new Error('no slice')
    const whole = await pagesOf(source.open(slice, undefined))
    expect(whole.length).toBeGreaterThan(5)
    for (let at = 0; at < whole.length - 1; at += 3) {
      const rest = await pagesOf(source.open(slice, whole[at]?.cursor))
      expect(rest).toEqual(whole.slice(at + 1))
    }
  }, 60_000)

  it('reads a millisecond with more traces than the limit by durations', async () => {
    const dense = Array.from(
      { length: 24_000 },
      (_, at): StoredSpan => ({
        trace: (at + 1).toString(16).padStart(32, '0'),
        span: (at + 1).toString(16).padStart(16, '0'),
        service: 'busy',
        operation: at < 2000 ? 'a' : 'b',
        start: fromMs * 1000 + 5_000_123,
        duration: at,
      }),
    )
    const { source, server } = await openAt(
      serveJaeger(dense),
      { limit: 20_000 },
      { filter: { ...filter, sinceMs: fromMs + 4999, untilMs: fromMs + 5001 } },
    )
    const pages = await allPages(source)
    expect(totals(pages)).toMatchObject({ read: dense.length, items: dense.length })
    expect(new Set(spanIds(pages)).size).toBe(dense.length)
    expect(server.asked.some(({ searchParams }) => searchParams.has('maxDuration'))).toBe(true)
  }, 60_000)

  it('fails a slice rather than take a full answer that cannot be narrowed', async () => {
    const full = JSON.stringify({ data: Array.from({ length: 20_000 }, (_, at) => ({ traceID: `${at}`, spans: [], processes: {} })) })
    const { source } = await openAt(
      serveJaeger(spans.slice(0, 3), ({ pathname }) => (pathname === '/api/traces' ? { body: full } : undefined)),
      { limit: 20_000 },
      { filter: { ...filter, sinceMs: fromMs + 4999, untilMs: fromMs + 5001 } },
    )
    await expect(allPages(source)).rejects.toMatchObject({ code: 'OB_SOURCE', message: expect.stringMatching(/^truncated: /) })
  }, 60_000)

  it('fails a slice whose answer keeps saying that it has an error', async () => {
    const { source } = await openAt(
      serveJaeger(spans.slice(0, 3), ({ pathname }) =>
        pathname === '/api/traces' ? { body: { data: null, errors: [{ code: 500, msg: 'shard 3 is away' }] } } : undefined,
      ),
    )
    await expect(allPages(source)).rejects.toMatchObject({
      code: 'OB_SOURCE',
      message: expect.stringMatching(/^partial_results: .*shard 3 is away/),
    })
  })

  it('refuses an answer that is none of Jaeger’s, and one that is cut off', async () => {
    const page = await openAt(
      serveJaeger(spans.slice(0, 3), ({ pathname }) => (pathname === '/api/traces' ? { body: '<html>' } : undefined)),
    )
    await expect(allPages(page.source)).rejects.toMatchObject({ code: 'OB_SOURCE' })
    const cut = await openAt(
      serveJaeger(spans.slice(0, 3), ({ pathname }) =>
        pathname === '/api/traces' ? { body: '{"data":[{"traceID":"a","spans":[]}' } : undefined,
      ),
    )
    await expect(allPages(cut.source)).rejects.toMatchObject({ code: 'OB_SOURCE' })
  })

  it('takes the third version where it is served, and calls its spans as they were stored', async () => {
    const nano = (ms: number): string => `${ms}000123`
    const span = (id: string, ms: number) => ({
      traceId: id.padStart(32, '0'),
      spanId: id.padStart(16, '0'),
      name: 'n',
      kind: 2,
      startTimeUnixNano: nano(ms),
      endTimeUnixNano: nano(ms + 1),
    })
    const resource = (name: string, list: readonly object[]) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: name } }] },
      scopeSpans: [{ scope: { name: 'lib' }, spans: list }],
    })
    const pieces = [
      { result: { resourceSpans: [resource('one', [span('a', fromMs + 5), span('b', fromMs - 5)])] } },
      { result: { resourceSpans: [resource('two', [span('c', fromMs + 6)]), resource('one', [span('d', fromMs + 7)])] } },
    ]
    const { source } = await openAt(
      serveJaeger([], ({ pathname, searchParams }) => {
        if (pathname === '/api/services') return { body: { data: ['one'] } }
        if (pathname === '/api/v3/services') return { body: { services: ['one'] } }
        const isHere = (searchParams.get('query.start_time_min') ?? '') <= new Date(fromMs + 5).toISOString()
        return pathname === '/api/v3/traces' ? { body: isHere ? pieces.map((one) => JSON.stringify(one)).join('\n') : '' } : undefined
      }),
    )
    const pages = await allPages(source)
    expect(source.approximate).toBeUndefined()
    expect(spanIds(pages)).toEqual(['a', 'd'].map((id) => `${id.padStart(32, '0')}/${id.padStart(16, '0')}`))
  })

  it('wants to know since when', async () => {
    const { source } = await openAt(serveJaeger([]), {}, { filter: { ...filter, sinceMs: undefined } })
    await expect(source.plan(never)).rejects.toMatchObject({ code: 'OB_CONFIG', place: '--since' })
  })
})
