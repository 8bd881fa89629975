import { describe, expect, it } from 'vitest'
import type { HttpClient, HttpRequest } from '../../src/read/http-client.ts'
import { createJaegerApi } from '../../src/read/jaeger-query.ts'
import { createTempoApi } from '../../src/read/tempo.ts'
import { createZipkinApi } from '../../src/read/zipkin-api.ts'

/** A client whose answers are scripted. */
function client(answer: (path: string, query: URLSearchParams) => { readonly status?: number; readonly body: unknown }) {
  const asked: string[] = []
  const send = async (request: HttpRequest) => {
    const query = new URLSearchParams()
    for (const [key, value] of request.query ?? []) if (value !== undefined) query.append(key, String(value))
    asked.push(`${request.path}?${query}`)
    const { status = 200, body } = answer(request.path, query)
    if (status !== 200 && request.accept?.includes(status) !== true) throw new Error(`status ${status}`)
    return { status, headers: new Headers(), body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
  }
  const http: HttpClient = {
    name: 'http://backend.test',
    cost: { requests: 0, bytes: 0, seconds: 0 },
    send,
    json: async (request) => {
      const { status, body } = await send(request)
      return status === 200 ? JSON.parse(body.toString()) : undefined
    },
  }
  return { http, asked }
}

const gathered = async <T>(pages: AsyncIterable<readonly T[]>): Promise<readonly T[]> => {
  const all: T[] = []
  for await (const page of pages) all.push(...page)
  return all
}

const hourMs = 3_600_000
const baseMs = Date.parse('2026-11-22T10:00:00Z')

describe('createZipkinApi', () => {
  /** As with Elasticsearch storage: never more than 10,000, whole milliseconds, both ends in. */
  const zipkin = (times: readonly number[]) =>
    client((path, query) => {
      if (path !== '/api/v2/traces') return { body: [] }
      const end = Number(query.get('endTs'))
      const start = end - Number(query.get('lookback'))
      const limit = Math.min(Number(query.get('limit')), 10_000)
      const body = times
        .map((ms, at) => ({ ms, at }))
        .filter(({ ms }) => ms >= start && ms <= end)
        .slice(0, limit)
        .map(({ ms, at }) => [{ traceId: at.toString(16).padStart(16, '0'), id: '1', timestamp: ms * 1000 }])
      return { body }
    })

  it('gets all of 12,000 traces where one answer holds 10,000', async () => {
    const { http, asked } = zipkin(Array.from({ length: 12_000 }, (_, i) => baseMs + Math.floor((i * hourMs) / 12_000)))
    const traces = await gathered(createZipkinApi(http, { limit: 20_000 }).traces({ fromMs: baseMs, toMs: baseMs + hourMs }))
    expect(new Set(traces.map(([span]) => span?.traceId)).size).toBe(12_000)
    expect(asked.every((one) => one.includes('limit=9999'))).toBe(true)
    expect(asked.length).toBeLessThan(6)
  })

  it('asks a millisecond wider than the window', async () => {
    const { http } = zipkin([baseMs, baseMs + hourMs - 1])
    expect(await gathered(createZipkinApi(http).traces({ fromMs: baseMs, toMs: baseMs + hourMs }))).toHaveLength(2)
  })

  it('says so when one millisecond holds more than an answer may', async () => {
    const { http } = zipkin(Array.from({ length: 20 }, () => baseMs + 5))
    await expect(gathered(createZipkinApi(http, { limit: 10 }).traces({ fromMs: baseMs, toMs: baseMs + 1000 }))).rejects.toMatchObject({
      code: 'OB_BACKEND',
    })
  })

  it('asks for many ids 50 at once, and for one alone by its own path', async () => {
    const { http, asked } = client((path) => (path.startsWith('/api/v2/trace/') ? { status: 404, body: '' } : { body: [] }))
    const api = createZipkinApi(http)
    await api.byIds(Array.from({ length: 51 }, (_, i) => `${i}`.padStart(16, '0')))
    expect(asked.map((one) => one.split('?')[0])).toEqual(['/api/v2/traceMany', '/api/v2/trace/0000000000000050'])
  })

  it('rejects what is no list of traces', async () => {
    const { http } = client(() => ({ body: { error: 'x' } }))
    await expect(gathered(createZipkinApi(http).traces({ fromMs: baseMs, toMs: baseMs + 1000 }))).rejects.toMatchObject({
      code: 'OB_BACKEND',
    })
  })
})

describe('createJaegerApi', () => {
  const span = (id: number): object => ({ traceId: id.toString(16).padStart(32, '0'), spanId: '0000000000000001', name: 'x' })

  it('reads a trace that comes in pieces, one a line', async () => {
    const piece = (id: number): string => JSON.stringify({ result: { resourceSpans: [{ scopeSpans: [{ spans: [span(id)] }] }] } })
    const { http } = client(() => ({ body: `${piece(1)}\n${piece(1)}\n` }))
    expect(await createJaegerApi(http).byIdV3('1')).toHaveLength(2)
  })

  it('asks with µs and without merging, and halves a full page', async () => {
    const { http, asked } = client((path, query) => {
      const width = Number(query.get('end')) - Number(query.get('start'))
      return {
        body: { data: Array.from({ length: path === '/api/traces' && width > 1_000_000 ? 10 : 1 }, () => ({ traceID: '1', spans: [] })) },
      }
    })
    const traces = await gathered(createJaegerApi(http, { limit: 10 }).traces({ fromMs: baseMs, toMs: baseMs + 4000 }, 'a'))
    expect(traces).toHaveLength(4)
    expect(asked[0]).toBe(`/api/traces?service=a&start=${baseMs}000&end=${baseMs + 4000}000&limit=10&raw=true`)
  })

  it('takes ids that are not there for an answer, other errors for none', async () => {
    const missing = client(() => ({ body: { data: null, errors: [{ code: 404, msg: 'trace not found' }] } }))
    expect(await createJaegerApi(missing.http).byIds(['1', '2'])).toEqual([])
    const v2 = ['1', '2'].map((traceID) => ({ msg: 'trace not found', traceID }))
    const absent = client(() => ({ body: { data: [], total: 0, limit: 0, offset: 0, errors: v2 } }))
    expect(await createJaegerApi(absent.http).byIds(['1', '2'])).toEqual([])
    const unread = client(() => ({ body: { data: [], errors: [{ msg: 'trace storage is away', traceID: '1' }] } }))
    await expect(createJaegerApi(unread.http).byIds(['1'])).rejects.toMatchObject({ message: expect.stringContaining('is away') })
    const failing = client(() => ({ body: { data: null, errors: [{ code: 500, msg: 'out of order' }] } }))
    await expect(createJaegerApi(failing.http).byIds(['1', '2'])).rejects.toMatchObject({
      code: 'OB_BACKEND',
      message: expect.stringContaining('out of order'),
    })
  })

  it('knows a Jaeger without the third version', async () => {
    const { http, asked } = client(() => ({ status: 404, body: 'not found' }))
    const api = createJaegerApi(http)
    expect([await api.hasV3(), await api.hasV3()]).toEqual([false, false])
    expect(asked).toHaveLength(1)
    // Its page is what an old one answers paths with that it does not know.
    expect(await createJaegerApi(client(() => ({ body: '<!doctype html><title>Jaeger UI</title>' })).http).hasV3()).toBe(false)
  })
})

describe('createTempoApi', () => {
  it('pads ids of a search, in slices of an hour', async () => {
    const { http, asked } = client(() => ({ body: { traces: [{ traceID: 'abc' }] } }))
    expect(await gathered(createTempoApi(http).traceIds({ fromMs: baseMs, toMs: baseMs + 2 * hourMs }, 'a"b'))).toEqual([
      'abc'.padStart(32, '0'),
      'abc'.padStart(32, '0'),
    ])
    expect(new URLSearchParams(asked[0]?.split('?')[1]).get('q')).toBe('{ resource.service.name = "a\\"b" }')
  })

  it('judges nothing by a part of a trace', async () => {
    const { http } = client(() => ({ body: { trace: { resourceSpans: [] }, status: 'PARTIAL', message: 'too large' } }))
    await expect(createTempoApi(http).byId('1')).rejects.toMatchObject({ code: 'OB_BACKEND' })
  })
})
