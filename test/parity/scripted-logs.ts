/** Elasticsearch and Loki over lists in memory, as far as parity asks them. */

import type { HttpClient, HttpRequest } from '../../src/read/http-client.ts'

export interface ScriptedDocument {
  readonly index: string
  readonly id: string
  /** JSON. */
  readonly source: string
  /** As its `@timestamp` is indexed: milliseconds. */
  readonly atMs: number
}

export interface ScriptedEntry {
  readonly timeNs: bigint
  readonly line: string
  readonly labels: Readonly<Record<string, string>>
  readonly metadata: Readonly<Record<string, string>>
}

type Answer = (request: HttpRequest) => { readonly status: number; readonly body: string }

function client(answer: Answer): HttpClient & { readonly asked: HttpRequest[] } {
  const asked: HttpRequest[] = []
  const send = async (request: HttpRequest) => {
    asked.push(request)
    const { status, body } = answer(request)
    return { status, headers: new Headers(), body: Buffer.from(body) }
  }
  return {
    name: 'http://scripted',
    cost: { requests: 0, bytes: 0, seconds: 0 },
    asked,
    send,
    json: async (request) => JSON.parse(Buffer.from((await send(request)).body).toString()) as unknown,
  }
}

interface Filter {
  readonly range?: { readonly '@timestamp': { readonly gte: number; readonly lt: number } }
  readonly ids?: { readonly values: readonly string[] }
  readonly bool?: { readonly filter: readonly Filter[] }
}

const takes = (filter: Filter, { id, atMs }: ScriptedDocument): boolean => {
  const range = filter.range?.['@timestamp']
  if (range !== undefined) return atMs >= range.gte && atMs < range.lt
  if (filter.ids !== undefined) return filter.ids.values.includes(id)
  return (filter.bool?.filter ?? []).every((one) => takes(one, { id, atMs, index: '', source: '' }))
}

export interface ElasticsearchScript {
  readonly documents: readonly ScriptedDocument[]
  readonly pipeline?: string
}

export function scriptedElasticsearch({ documents, pipeline }: ElasticsearchScript): HttpClient & { readonly asked: HttpRequest[] } {
  return client(({ path, body = '{}' }) => {
    const [, names = '', verb = ''] = /^\/([^/]+)\/(\w+)/.exec(path) ?? []
    const fits = names.split(',').map((name) => new RegExp(`^${decodeURIComponent(name).replaceAll('*', '.*')}$`))
    const there = documents.filter(({ index }) => fits.some((one) => one.test(index)))
    const indices = [...new Set(there.map(({ index }) => index))]
    if (verb === '_field_caps') return { status: 200, body: JSON.stringify({ indices, fields: { '@timestamp': { date: {} } } }) }
    if (verb === '_settings') {
      const settings = pipeline === undefined ? {} : { 'index.default_pipeline': pipeline }
      return { status: 200, body: JSON.stringify(Object.fromEntries(indices.map((index) => [index, { settings }]))) }
    }
    if (verb !== '_search') throw new Error(`not scripted: ${path}`)
    if (indices.length === 0)
      return { status: 404, body: '{"error":{"type":"index_not_found_exception","reason":"no such index"},"status":404}' }
    const { size = 10, query = {}, aggs } = JSON.parse(body) as { size?: number; query?: Filter; aggs?: object }
    const found = there.filter((one) => takes(query, one)).sort((a, b) => a.atMs - b.atMs)
    const minutes = new Map<number, number>()
    for (const { atMs } of found)
      minutes.set(Math.floor(atMs / 60_000) * 60_000, (minutes.get(Math.floor(atMs / 60_000) * 60_000) ?? 0) + 1)
    const buckets = [...minutes].map(([key, doc_count]) => ({ key, doc_count }))
    const hits = found
      .slice(0, size)
      .map(
        ({ index, id, source, atMs }) =>
          `{"_index":${JSON.stringify(index)},"_id":${JSON.stringify(id)},"_source":${source},"sort":[${atMs}]}`,
      )
    const tail = aggs === undefined ? '' : `,"aggregations":${JSON.stringify({ minutes: { buckets } })}`
    const head = '{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0}'
    return { status: 200, body: `${head},"hits":{"total":{"value":${found.length},"relation":"eq"},"hits":[${hits.join(',')}]}${tail}}` }
  })
}

export function scriptedLoki(entries: readonly ScriptedEntry[]): HttpClient & { readonly asked: HttpRequest[] } {
  return client(({ query = [] }) => {
    const form = new Map(query.map(([key, value]) => [key, String(value)]))
    const asked = form.get('query') ?? ''
    const [startNs, endNs] = [BigInt(form.get('start') ?? 0), BigInt(form.get('end') ?? 0)]
    const inner = /^sum\(count_over_time\((.*)\[1m\] offset 1ms\)\)$/s.exec(asked)?.[1]
    const [, filter = ''] = /^\{[^}]*\}(.*)$/s.exec(inner ?? asked) ?? []
    const text = /\|= ("(?:[^"\\]|\\.)*")/.exec(filter)?.[1]
    const fields = [...filter.matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)].map(
      ([, name = '', value = '']) => [name, JSON.parse(value) as string] as const,
    )
    const fits = ({ line, metadata, labels }: ScriptedEntry): boolean =>
      text !== undefined
        ? line.includes(JSON.parse(text) as string)
        : fields.length === 0 || fields.some(([name, value]) => ({ ...labels, ...metadata })[name] === value)
    const found = entries.filter(fits)
    if (inner !== undefined) {
      const values: [number, string][] = []
      for (let at = startNs; at <= endNs; at += 60_000_000_000n) {
        const [from, to] = [at - 60_001_000_000n, at - 1_000_000n]
        const count = found.filter(({ timeNs }) => timeNs > from && timeNs <= to).length
        if (count > 0) values.push([Number(at / 1_000_000_000n), String(count)])
      }
      return { status: 200, body: JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [{ metric: {}, values }] } }) }
    }
    const limit = Number(form.get('limit'))
    const within = found.filter(({ timeNs }) => timeNs >= startNs && timeNs < endNs).sort((a, b) => (a.timeNs < b.timeNs ? -1 : 1))
    const result = within
      .slice(0, limit)
      .map(({ labels, timeNs, line, metadata }) => ({ stream: labels, values: [[String(timeNs), line, { structuredMetadata: metadata }]] }))
    return {
      status: 200,
      body: JSON.stringify({ status: 'success', data: { resultType: 'streams', encodingFlags: ['categorize-labels'], result } }),
    }
  })
}
