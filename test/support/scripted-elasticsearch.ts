/**
 * Enough of Elasticsearch's search to go wrong on purpose: points in time that are lost, shards that fail, indices that vanish between two pages. What
 * goes right is tested with real nodes (test/interop/backfill-elasticsearch.interop.test.ts).
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { closeNow, listenLocally } from './local-server.ts'

export interface ScriptedDocument {
  readonly id: string
  /** Of the field that is sorted by; undefined: it has none. */
  readonly time: number | undefined
  /** JSON text of `_source`. */
  readonly source: string
}

export interface ScriptedCall {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Record<string, unknown>
  /** Searches for documents before this one. */
  readonly searches: number
}

export interface ScriptedAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface ScriptedElasticsearch {
  readonly url: string
  readonly calls: readonly ScriptedCall[]
  /** Points in time that are open. */
  readonly open: ReadonlySet<string>
  /** Forgets every point in time, as a node that is started again does. */
  forget(): void
  documents: readonly ScriptedDocument[]
  close(): Promise<void>
}

export interface Script {
  readonly index?: string
  readonly field: string
  readonly documents: readonly ScriptedDocument[]
  readonly mapping?: object
  /** What is answered instead; undefined: as always. */
  readonly answer?: (call: ScriptedCall, server: ScriptedElasticsearch) => ScriptedAnswer | undefined
  /** Order among documents of one time, per point in time: it is another in each. */
  readonly shuffle?: boolean
}

type Clause = Record<string, Record<string, unknown> & { filter?: Clause[]; must_not?: Clause[] }>

const missing: ScriptedAnswer = {
  status: 404,
  body: {
    error: { root_cause: [{ type: 'search_context_missing_exception', reason: 'No search context found for id [7]' }] },
    status: 404,
  },
}

/** What a node says of an index that is gone. */
export const indexNotFound = (index: string): ScriptedAnswer => ({
  status: 404,
  body: { error: { root_cause: [{ type: 'index_not_found_exception', reason: `no such index [${index}]` }] }, status: 404 },
})

function takes(document: ScriptedDocument, clause: Clause, field: string): boolean {
  const { bool, range, exists } = clause
  if (bool !== undefined) {
    const every = (bool.filter ?? []).every((one) => takes(document, one, field))
    return every && !(bool.must_not ?? []).some((one) => takes(document, one, field))
  }
  if (exists !== undefined) return document.time !== undefined
  if (range !== undefined) {
    const { gte, lt } = range[field] as { gte?: unknown; lt?: unknown }
    const { time } = document
    return time !== undefined && (gte === undefined || time >= Number(gte)) && (lt === undefined || time < Number(lt))
  }
  return true
}

const bodyOf = async (request: IncomingMessage): Promise<Record<string, unknown>> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

export async function startScriptedElasticsearch(script: Script): Promise<ScriptedElasticsearch> {
  const { index = 'spans', field } = script
  const calls: ScriptedCall[] = []
  const pits = new Map<string, number>()
  let opened = 0
  let searches = 0

  const hits = (call: ScriptedCall): ScriptedAnswer => {
    const {
      pit,
      size,
      query,
      search_after: after,
      sort,
    } = call.body as {
      pit?: { id: string }
      size: number
      query?: Clause
      search_after?: readonly number[]
      sort?: readonly object[]
    }
    const number = pits.get(pit?.id ?? '')
    if (pit !== undefined && number === undefined) return missing
    const byTime = (sort ?? []).length > 1
    const chosen = server.documents
      .map((one, at) => ({ one, doc: script.shuffle === true ? (at * 7919 + (number ?? 0) * 104_729) % 1_000_003 : at }))
      .filter(({ one }) => takes(one, query ?? {}, field))
      .sort((a, b) => (byTime ? (a.one.time ?? 0) - (b.one.time ?? 0) : 0) || a.doc - b.doc)
      .map(({ one, doc }) => ({ one, values: byTime ? [one.time ?? 0, doc] : [doc] }))
      .filter(({ values }) => {
        if (after === undefined) return true
        const at = values.findIndex((value, i) => value !== after[i])
        return at >= 0 && (values[at] as number) > (after[at] as number)
      })
      .slice(0, size)
    const list = chosen.map(
      ({ one, values }) => `{"_index":"${index}","_id":"${one.id}","_score":null,"_source":${one.source},"sort":${JSON.stringify(values)}}`,
    )
    const shards = '"_shards":{"total":1,"successful":1,"skipped":0,"failed":0}'
    return { status: 200, body: `{"pit_id":"${pit?.id}","took":1,"timed_out":false,${shards},"hits":{"max_score":null,"hits":[${list}]}}` }
  }

  const aggregated = ({ body }: ScriptedCall): ScriptedAnswer => {
    const { query, aggs = {} } = body as {
      query?: Clause
      aggs?: Record<string, Record<string, { interval?: number; fixed_interval?: string }>>
    }
    const times = server.documents.filter((one) => takes(one, query ?? {}, field)).map(({ time }) => time ?? 0)
    const values = times.length === 0 ? { least: { value: null }, most: { value: null } } : undefined
    const { times: histogram } = aggs
    const interval = histogram?.['histogram']?.interval ?? Number.parseInt(histogram?.['date_histogram']?.fixed_interval ?? '0', 10)
    const counts = new Map<number, number>()
    if (interval > 0) for (const time of times) counts.set(Math.floor(time / interval), (counts.get(Math.floor(time / interval)) ?? 0) + 1)
    const buckets = [...counts].sort((a, b) => a[0] - b[0]).map(([key, doc_count]) => ({ key: key * interval, doc_count }))
    const extremes = values ?? {
      least: { value: times.reduce((a, b) => Math.min(a, b)) },
      most: { value: times.reduce((a, b) => Math.max(a, b)) },
    }
    const found = { timed_out: false, _shards: { total: 1, successful: 1, skipped: 0, failed: 0 }, hits: { hits: [] } }
    return { status: 200, body: { ...found, aggregations: { ...extremes, times: { buckets } } } }
  }

  const usual = (call: ScriptedCall): ScriptedAnswer => {
    const { method, path, body } = call
    if (path === '/') return { status: 200, body: { cluster_uuid: 'scripted', version: { number: '8.19.0' } } }
    if (method === 'DELETE') return { status: 200, body: { succeeded: pits.delete(String(body['id'])) } }
    if (path.endsWith('/_pit')) {
      const id = `pit-${++opened}`
      pits.set(id, opened)
      return { status: 200, body: { id } }
    }
    if (path.startsWith('/_resolve/')) return { status: 200, body: { indices: [{ name: index, attributes: ['open'] }] } }
    if (path.startsWith('/_cat/')) return { status: 200, body: [{ index, status: 'open', 'docs.count': '1', 'pri.store.size': '1000' }] }
    if (path.endsWith('/_settings'))
      return { status: 200, body: { [index]: { settings: { 'index.uuid': 'uuid', 'index.number_of_shards': '1' } } } }
    if (path.endsWith('/_mapping')) return { status: 200, body: { [index]: { mappings: script.mapping ?? {} } } }
    if (path.endsWith('/_count')) {
      const count = server.documents.filter((one) => takes(one, body['query'] as Clause, field)).length
      return { status: 200, body: { count, _shards: { total: 1, successful: 1, skipped: 0, failed: 0 } } }
    }
    return body['aggs'] !== undefined ? aggregated(call) : hits(call)
  }

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://scripted')
    const path = url.pathname
    const body = await bodyOf(request)
    const call: ScriptedCall = { method: request.method ?? '', path, query: url.searchParams, body, searches }
    calls.push(call)
    // What a probe asks is no search for documents.
    if (path.endsWith('_search') && body['aggs'] === undefined && body['size'] !== 0) searches++
    if (path.endsWith('/_pit') && path !== '/_pit') call.body['index'] = path.split('/')[1]
    const { status, body: answer, headers = {} } = script.answer?.(call, server) ?? usual(call)
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
  }

  // A fault of this script ends what asks, instead of being waited out for ever.
  const http = createServer(
    (request, response) => void serve(request, response).catch((error: unknown) => response.writeHead(501).end(String(error))),
  )
  const port = await listenLocally(http)
  const server: ScriptedElasticsearch = {
    url: `http://127.0.0.1:${port}`,
    calls,
    get open() {
      return new Set(pits.keys())
    },
    forget: () => pits.clear(),
    documents: script.documents,
    close: () => closeNow(http),
  }
  return server
}
