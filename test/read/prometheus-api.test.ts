import { describe, expect, it } from 'vitest'
import type { HttpClient, HttpRequest } from '../../src/read/http-client.ts'
import { createPrometheusApi, type StoredSeries } from '../../src/read/prometheus-api.ts'

type Answering = (form: URLSearchParams, request: HttpRequest) => { readonly status?: number; readonly body: unknown }

function server(answering: Answering) {
  const asked: { path: string; method: string; form: URLSearchParams }[] = []
  const http: HttpClient = {
    name: 'http://prometheus',
    cost: { requests: 0, bytes: 0, seconds: 0 },
    async send(request) {
      const form = new URLSearchParams(request.body ?? '')
      for (const [key, value] of request.query ?? []) form.append(key, String(value))
      asked.push({ path: request.path, method: request.method ?? 'GET', form })
      const { status = 200, body } = answering(form, request)
      return { status, headers: new Headers(), body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) }
    },
    json: async () => undefined,
  }
  return { api: createPrometheusApi(http), asked }
}

const success = (data: unknown, more: object = {}) => ({ body: { status: 'success', data, ...more } })
const failure = (status: number, errorType: string, error: string) => ({ status, body: { status: 'error', errorType, error } })
const hour = { startMs: 1_763_800_000_123, endMs: 1_763_800_000_123 + 3_600_000 }

async function all(pages: AsyncIterable<readonly StoredSeries[]>): Promise<StoredSeries[]> {
  const found: StoredSeries[] = []
  for await (const page of pages) found.push(...page)
  return found
}

describe('createPrometheusApi', () => {
  it('never takes a list that was cut for a whole one', async () => {
    const { api, asked } = server(() => success([{ __name__: 'up' }], { warnings: ['results truncated due to limit'] }))
    expect(await api.series(['{job="a"}'], hour, 1)).toEqual({ series: [{ __name__: 'up' }], truncated: true })
    expect(asked[0]?.form.getAll('match[]')).toEqual(['{job="a"}'])
    expect(asked[0]?.form.get('limit')).toBe('1')
    const { api: other } = server(() => success([{ __name__: 'up' }]))
    expect((await other.series(['{job="a"}'], hour, 1)).truncated).toBe(false)
  })

  it('reads [start, end) whether the server takes ranges as closed or as open', async () => {
    const { startMs, endMs } = hour
    const { api, asked } = server(() =>
      success({
        resultType: 'matrix',
        // One millisecond early, as Prometheus 2 gives it; the end it was not asked for.
        result: [
          {
            metric: { __name__: 'up' },
            values: [
              [(startMs - 1) / 1000, '0'],
              [startMs / 1000, '1'],
              [(endMs - 1) / 1000, '2'],
            ],
          },
        ],
      }),
    )
    const [series] = await all(api.stored('up', hour))
    expect(series?.times).toEqual([startMs, endMs - 1])
    expect(asked[0]?.form.get('query')).toBe('up[3600000ms]')
    expect(asked[0]?.form.get('time')).toBe(((endMs - 1) / 1000).toFixed(3))
  })

  it('keeps signs, infinities and the last bit of values', async () => {
    const texts = ['-0', 'NaN', '+Inf', '-Inf', '1e-320', '0.1', '1.7976931348623157e+308']
    const values = texts.map((text, at) => [hour.startMs / 1000 + at, text])
    const { api } = server(() => success({ resultType: 'matrix', result: [{ metric: {}, values }] }))
    const [series] = await all(api.stored('up', hour))
    expect(series?.values).toEqual([
      -0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1e-320,
      0.1,
      1.7976931348623157e308,
    ])
  })

  it('reads native histograms', async () => {
    const value = {
      count: '3',
      sum: '1.5',
      buckets: [
        [0, '0.5', '1', '2'],
        [3, '-0.1', '+Inf', '1'],
      ],
    }
    const { api } = server(() => success({ resultType: 'matrix', result: [{ metric: {}, histograms: [[hour.startMs / 1000, value]] }] }))
    const [series] = await all(api.stored('h', hour))
    expect(series?.histograms).toEqual([
      {
        timeMs: hour.startMs,
        count: 3,
        sum: 1.5,
        buckets: [
          [0, 0.5, 1, 2],
          [3, -0.1, Number.POSITIVE_INFINITY, 1],
        ],
      },
    ])
  })

  it('asks for an hour at most, and for half of it where that is too much', async () => {
    const lengths: number[] = []
    const { api } = server((form) => {
      const ms = Number(/\[(\d+)ms\]/.exec(form.get('query') ?? '')?.[1])
      lengths.push(ms / 60_000)
      if (ms > 1_800_000) return failure(422, 'execution', 'query processing would load too many samples into memory in query execution')
      return success({ resultType: 'matrix', result: [] })
    })
    await all(api.stored('up', { startMs: 0, endMs: 7_200_000 }))
    expect(lengths).toEqual([60, 30, 30, 30, 30])
  })

  it('says what the server says', async () => {
    const { api } = server(() => failure(400, 'bad_data', 'invalid parameter "query"'))
    await expect(api.instant('up{', 0)).rejects.toThrow('cannot ask http://prometheus/api/v1/query: bad_data: invalid parameter "query"')
    const { api: odd } = server(() => ({ status: 200, body: '<html>' }))
    await expect(odd.instant('up', 0)).rejects.toThrow('the answer is not JSON')
  })

  it('asks by GET from then on, where POST is not allowed', async () => {
    const { api, asked } = server((_form, { method }) =>
      method === 'POST' ? { status: 405, body: 'no' } : success({ resultType: 'vector', result: [] }),
    )
    await api.instant('up', 0)
    await api.instant('up', 0)
    expect(asked.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET'])
  })

  it('draws range queries to multiples of the step, 11,000 of them at most', async () => {
    const { api, asked } = server(() => success({ resultType: 'matrix', result: [] }))
    await api.queryRange('up', { startMs: 61_000, endMs: 119_000 + 60_000 }, 15_000)
    expect(Object.fromEntries(asked[0]?.form ?? [])).toEqual({ query: 'up', start: '75.000', end: '165.000', step: '15.000' })
    await expect(api.queryRange('up', { startMs: 0, endMs: 11_000_000 }, 1000)).rejects.toThrow('cannot ask for 11001 steps')
  })

  it('knows the labels that remote-write adds, where the server tells', async () => {
    const { api } = server(() => success({ yaml: 'global:\n  external_labels:\n    cluster: a\n    number: 5\n' }))
    expect(await api.externalLabels()).toEqual({ cluster: 'a', number: '5' })
    const { api: silent } = server(() => ({ status: 404, body: 'no' }))
    expect(await silent.externalLabels()).toEqual({})
  })

  it('takes the type that a target says, of several', async () => {
    const { api } = server(() => success({ foo: [{ type: 'unknown' }, { type: 'counter', help: 'h', unit: 's' }], bar: [] }))
    expect([...(await api.metadata())]).toEqual([['foo', { type: 'counter', help: 'h', unit: 's' }]])
  })
})
