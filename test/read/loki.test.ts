import { describe, expect, it } from 'vitest'
import type { HttpClient, HttpRequest } from '../../src/read/http-client.ts'
import { createLokiApi, type LokiEntry } from '../../src/read/loki.ts'

interface Stored {
  readonly timeNs: bigint
  readonly line: string
}

interface Asked {
  /** `max_entries_limit_per_query` */
  readonly most?: number
}

/** Loki over a list: pages ascending in time, later of two with one time first. */
function loki(stored: readonly Stored[], { most = 5000 }: Asked = {}) {
  const asked: HttpRequest[] = []
  const answer = (request: HttpRequest): { status: number; body: string } => {
    asked.push(request)
    const form = new Map((request.query ?? []).map(([key, value]) => [key, String(value)]))
    const limit = Number(form.get('limit'))
    if (limit > most) {
      return { status: 400, body: `max entries limit per query exceeded, limit > max_entries_limit_per_query (${limit} > ${most})` }
    }
    const [start, end] = [BigInt(form.get('start') ?? 0), BigInt(form.get('end') ?? 0)]
    const found = stored.filter(({ timeNs }) => timeNs >= start && timeNs < end).toSorted((a, b) => (a.timeNs < b.timeNs ? -1 : 1))
    const values = found.slice(0, limit).map(({ timeNs, line }) => [String(timeNs), line, { structuredMetadata: { a: line } }])
    return {
      status: 200,
      body: JSON.stringify({ status: 'success', data: { result: [{ stream: { service_name: 's' }, values: values.reverse() }] } }),
    }
  }
  const http: HttpClient = {
    name: 'http://loki',
    cost: { requests: 0, bytes: 0, seconds: 0 },
    async send(request) {
      const { status, body } = answer(request)
      return { status, headers: new Headers(), body: Buffer.from(body) }
    },
    json: async (request) => JSON.parse(answer(request).body) as unknown,
  }
  return { api: createLokiApi(http), asked }
}

async function all(pages: AsyncIterable<readonly LokiEntry[]>): Promise<LokiEntry[]> {
  const found: LokiEntry[] = []
  for await (const page of pages) found.push(...page)
  return found
}

const range = { startNs: 0n, endNs: 1_000_000n }
const lines = (times: readonly number[]): Stored[] => times.map((time, at) => ({ timeNs: BigInt(time), line: `line ${at}` }))

describe('createLokiApi', () => {
  it('gives every entry once, though pages end in the midst of one time', async () => {
    const stored = lines([1, 2, 2, 2, 3, 3, 4, 5, 5, 6])
    const { api, asked } = loki(stored, { most: 4 })
    const found = await all(api.entries('{a="b"}', range))
    expect(found.map(({ line }) => line).sort()).toEqual(stored.map(({ line }) => line).sort())
    expect(found.map(({ timeNs }) => Number(timeNs))).toEqual([1, 2, 2, 2, 3, 3, 4, 5, 5, 6])
    // Each page overlaps by the last time of the one before, but those that were cut at a time of their own.
    const starts = asked.map(({ query = [] }) => query.find(([key]) => key === 'start')?.[1])
    expect(starts).toEqual(['0', '0', '2', '3', '5'])
  })

  it('asks in the smaller pages that the server allows, from then on', async () => {
    const { api, asked } = loki(lines([1, 2, 3]), { most: 2 })
    expect(await all(api.entries('{a="b"}', range))).toHaveLength(3)
    expect(asked.map(({ query = [] }) => query.find(([key]) => key === 'limit')?.[1])).toEqual([5000, 2, 2, 2])
  })

  it('gives up where one nanosecond has more entries than a page, rather than lose some', async () => {
    const { api } = loki(lines([7, 7, 7]), { most: 2 })
    await expect(all(api.entries('{a="b"}', range))).rejects.toThrow('more than 2 entries have the time 7 ns')
  })

  it('tells labels and structured metadata apart', async () => {
    const { api, asked } = loki(lines([7]))
    expect(await all(api.entries('{a="b"}', range))).toEqual([
      { timeNs: 7n, line: 'line 0', labels: { service_name: 's' }, metadata: { a: 'line 0' } },
    ])
    expect(asked[0]?.headers).toEqual({ 'x-loki-response-encoding-flags': 'categorize-labels' })
  })

  it('counts minutes by their start, with an offset of 1 ms', async () => {
    const asked: HttpRequest[] = []
    const http: HttpClient = {
      name: 'http://loki',
      cost: { requests: 0, bytes: 0, seconds: 0 },
      async send(request) {
        asked.push(request)
        const values = [
          [60, '3'],
          [180, '1'],
          [240, '9'],
        ]
        return {
          status: 200,
          headers: new Headers(),
          body: Buffer.from(JSON.stringify({ status: 'success', data: { result: [{ metric: {}, values }] } })),
        }
      },
      json: async () => undefined,
    }
    const counts = await createLokiApi(http).counts('{a="b"}', 0, 180_000)
    expect([...counts]).toEqual([
      [0, 3],
      [120_000, 1],
    ])
    expect(Object.fromEntries(asked[0]?.query ?? [])).toEqual({
      query: 'sum(count_over_time({a="b"}[1m] offset 1ms))',
      start: '60000000000',
      end: '180000000000',
      step: '60',
    })
  })

  it('asks for the last millisecond without its first nanosecond, which the minute before has', async () => {
    const { api } = loki(lines([59_999_000_000, 59_999_000_001, 59_999_999_999, 60_000_000_000]))
    expect(await api.edge('{a="b"}', 60_000)).toBe(2)
  })

  it('says what Loki says', async () => {
    const http: HttpClient = {
      name: 'http://loki',
      cost: { requests: 0, bytes: 0, seconds: 0 },
      send: async () => ({ status: 400, headers: new Headers(), body: Buffer.from('parse error at line 1') }),
      json: async () => undefined,
    }
    await expect(createLokiApi(http).counts('{', 0, 60_000)).rejects.toThrow(
      'cannot ask http://loki/loki/api/v1/query_range: status 400 parse error at line 1',
    )
  })
})
