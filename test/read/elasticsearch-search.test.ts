import { describe, expect, it } from 'vitest'
import { createElasticsearchSearch, type Hit } from '../../src/read/elasticsearch-search.ts'
import type { HttpClient, HttpRequest } from '../../src/read/http-client.ts'

type Answering = (request: HttpRequest) => { readonly status?: number; readonly body: string }

function server(answering: Answering) {
  const asked: HttpRequest[] = []
  const http: HttpClient = {
    name: 'http://elastic',
    cost: { requests: 0, bytes: 0, seconds: 0 },
    async send(request) {
      asked.push(request)
      const { status = 200, body } = answering(request)
      return { status, headers: new Headers(), body: Buffer.from(body) }
    },
    async json(request) {
      return JSON.parse(answering(request).body) as unknown
    },
  }
  return { search: createElasticsearchSearch(http), asked }
}

const range = { fromMs: 60_000, toMs: 180_000 }
const shards = '"timed_out":false,"_shards":{"total":1,"successful":1,"failed":0}'
const hit = (id: string, source = '{}', sort = '[1]'): string => `{"_index":"a","_id":"${id}","_source":${source},"sort":${sort}}`
const page = (hits: readonly string[], more = ''): string => `{${more}${shards},"hits":{"total":{"value":9},"hits":[${hits.join(',')}]}}`

async function all(pages: AsyncIterable<readonly Hit[]>): Promise<string[]> {
  const found: string[] = []
  for await (const some of pages) found.push(...some.map(({ id }) => id))
  return found
}

describe('createElasticsearchSearch', () => {
  it('counts by minute, exactly', async () => {
    const buckets = [
      { key: 60_000, doc_count: 2 },
      { key: 120_000, doc_count: 1 },
    ]
    const { search, asked } = server(() => ({
      body: `{${shards},"hits":{"total":{"value":3,"relation":"eq"},"hits":[]},"aggregations":{"minutes":{"buckets":${JSON.stringify(buckets)}}}}`,
    }))
    expect(await search.counts('app', range)).toEqual({
      total: 3,
      minutes: new Map([
        [60_000, 2],
        [120_000, 1],
      ]),
      absent: false,
    })
    const body = JSON.parse(asked[0]?.body ?? '') as { track_total_hits: boolean; size: number }
    expect(body).toMatchObject({ size: 0, track_total_hits: true })
  })

  it('gives sources as the bytes that they are, digits of numbers and all', async () => {
    const source = '{"n":9007199254740993, "f":1.0,"t":"2026-11-22T11:00:00.123456789Z","s":"a \\"hits\\" \\u00e9"}'
    const { search } = server(() => ({ body: page([hit('1', source)]) }))
    const [found] = await search.find('app', range, undefined, 10)
    expect(Buffer.from(found?.source ?? []).toString()).toBe(source)
    expect(found).toMatchObject({ index: 'a', id: '1' })
  })

  it('goes on after the last sort values, given back digit for digit, by point in time', async () => {
    const after = '[1763809200123456789,4294967298]'
    const { search, asked } = server(({ path, body = '' }) => {
      if (path.endsWith('/_pit')) return { body: '{"id":"p1"}' }
      return {
        body: body.includes('search_after')
          ? page([hit('3')], '"pit_id":"p2",')
          : page([hit('1'), hit('2', '{}', after)], '"pit_id":"p2",'),
      }
    })
    expect(await all(search.documents('app-*', range, 2))).toEqual(['1', '2', '3'])
    expect(asked.map(({ path }) => path)).toEqual(['/app-*/_pit', '/_search', '/_search'])
    expect(asked[2]?.body).toContain(`"search_after":${after}`)
    expect(asked[2]?.body).toContain('"id":"p2"')
  })

  it('goes on by scroll where there is no point in time', async () => {
    const { search, asked } = server(({ path }) => {
      if (path.endsWith('/_pit')) return { status: 405, body: '{"error":"Incorrect HTTP method"}' }
      return {
        body: path === '/_search/scroll' ? page([hit('3')], '"_scroll_id":"s2",') : page([hit('1'), hit('2')], '"_scroll_id":"s1",'),
      }
    })
    expect(await all(search.documents('app', range, 2))).toEqual(['1', '2', '3'])
    expect(asked[2]?.body).toBe('{"scroll":"2m","scroll_id":"s1"}')
    expect(asked[1]?.body).not.toContain('track_total_hits')
  })

  it('says that an index is not there, and does not take it for an empty one', async () => {
    const body = '{"error":{"root_cause":[{"type":"index_not_found_exception","reason":"no such index [x]"}]},"status":404}'
    const { search } = server(() => ({ status: 404, body }))
    expect((await search.counts('x', range)).absent).toBe(true)
    expect(await search.timeField('x')).toEqual({ type: 'none', indices: [] })
    await expect(all(search.documents('x', range))).rejects.toThrow('index_not_found_exception')
  })

  it('refuses half an answer', async () => {
    const { search } = server(() => ({ body: '{"timed_out":false,"_shards":{"total":2,"failed":1},"hits":{"hits":[]}}' }))
    await expect(search.counts('app', range)).rejects.toThrow('1 shards did not answer')
    const { search: late } = server(() => ({ body: '{"timed_out":true,"_shards":{"total":2,"failed":0},"hits":{"hits":[]}}' }))
    await expect(late.find('app', range, undefined, 1)).rejects.toThrow('the search took too long')
  })

  it('says what the server says', async () => {
    const body = '{"error":{"root_cause":[{"type":"illegal_argument_exception","reason":"Result window is too large"}]},"status":400}'
    const { search } = server(() => ({ status: 400, body }))
    await expect(search.find('app', range, undefined, 10)).rejects.toThrow(
      'cannot ask http://elastic/app/_search: status 400 illegal_argument_exception: Result window is too large',
    )
  })

  it('knows of which type the times are, and which indices are behind a name', async () => {
    const caps = (types: object) => JSON.stringify({ indices: ['b', 'a'], fields: { '@timestamp': types } })
    expect(await server(() => ({ body: caps({ date_nanos: {}, unmapped: {} }) })).search.timeField('app')).toEqual({
      type: 'date_nanos',
      indices: ['a', 'b'],
    })
    expect((await server(() => ({ body: caps({ date: {}, keyword: {} }) })).search.timeField('app')).type).toBe('other')
  })

  it('knows pipelines of an index, and OpenSearch from Elasticsearch', async () => {
    const settings = { a: { settings: { 'index.default_pipeline': 'geo', 'index.final_pipeline': '_none' } } }
    expect(await server(() => ({ body: JSON.stringify(settings) })).search.pipelines('a')).toEqual(['geo'])
    expect(await server(() => ({ status: 403, body: '{}' })).search.pipelines('a')).toEqual([])
    const version = { number: '2.11.0', distribution: 'opensearch' }
    expect(await server(() => ({ body: JSON.stringify({ version }) })).search.info()).toEqual({
      distribution: 'opensearch',
      version: '2.11.0',
    })
  })
})
