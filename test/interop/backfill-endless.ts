/** An index of any size that takes no room: a scripted Elasticsearch makes up each document when it is asked for, one for each millisecond. */

import {
  type ScriptedAnswer,
  type ScriptedCall,
  type ScriptedElasticsearch,
  startScriptedElasticsearch,
} from '../support/scripted-elasticsearch.ts'

const field = '@timestamp'
const index = 'app-logs'
const startMs = Date.UTC(2026, 10, 1)

/** `[from, to)` of the documents that a query asks for, by their numbers. */
interface Range {
  readonly from: number
  readonly to: number
}

type Clause = Record<string, unknown>

function rangeOf(query: unknown, all: Range): Range {
  const { bool, range } = (query ?? {}) as {
    bool?: { filter?: Clause[]; must_not?: Clause[] }
    range?: Record<string, { gte?: unknown; lt?: unknown }>
  }
  // All of them have a time.
  if ((bool?.must_not ?? []).length > 0) return { from: 0, to: 0 }
  if (bool !== undefined) return (bool.filter ?? []).reduce<Range>((found, one) => rangeOf(one, found), all)
  const { gte, lt } = range?.[field] ?? {}
  return {
    from: Math.max(all.from, gte === undefined ? 0 : Number(gte) - startMs),
    to: Math.min(all.to, lt === undefined ? Number.POSITIVE_INFINITY : Number(lt) - startMs),
  }
}

const sizeOf = ({ from, to }: Range): number => Math.max(0, to - from)

const levels = ['info', 'warn', 'error', 'debug']

function hitOf(number: number): string {
  const time = new Date(startMs + number).toISOString()
  const random = Math.imul(number, 0x9e3779b1) >>> 0
  const trace = random.toString(16).padStart(8, '0').repeat(4)
  return `{"_index":"${index}","_id":"d${number}","_score":null,"_source":{"@timestamp":"${time}","message":"request ${number} took ${random % 900} ms for user ${trace.slice(0, 8)}","log":{"level":"${levels[random & 3]}"},"service":{"name":"shop-${random % 20}"},"host":{"name":"node-${random % 9}"},"http":{"request":{"method":"GET","bytes":${random % 1e6}},"response":{"status_code":200}},"trace":{"id":"${trace}"},"number":${number}},"sort":["${time}",${number}]}`
}

const shards = { total: 1, successful: 1, skipped: 0, failed: 0 }

function searched({ body }: ScriptedCall, all: Range): ScriptedAnswer {
  const {
    query,
    aggs,
    size = 0,
    search_after: after,
    pit,
  } = body as {
    query?: unknown
    aggs?: { times?: { date_histogram?: { fixed_interval?: string } } }
    size?: number
    search_after?: readonly [string, number]
    pit?: { id: string }
  }
  const range = rangeOf(query, all)
  if (aggs !== undefined) {
    const interval = Number.parseInt(aggs.times?.date_histogram?.fixed_interval ?? '0', 10)
    const buckets: { key: number; doc_count: number }[] = []
    for (let at = range.from; interval > 0 && at < range.to; ) {
      const key = Math.floor((startMs + at) / interval) * interval
      const end = Math.min(range.to, key + interval - startMs)
      buckets.push({ key, doc_count: end - at })
      at = end
    }
    const extremes =
      sizeOf(range) === 0
        ? { least: { value: null }, most: { value: null } }
        : { least: { value: startMs + range.from }, most: { value: startMs + range.to - 1 } }
    const hits = { total: { value: sizeOf(range), relation: 'eq' }, hits: [] }
    return { status: 200, body: { timed_out: false, _shards: shards, hits, aggregations: { ...extremes, times: { buckets } } } }
  }
  const from = after === undefined ? range.from : Math.max(range.from, after[1] + 1)
  const hits: string[] = []
  for (let number = from; number < Math.min(range.to, from + size); number++) hits.push(hitOf(number))
  const text = `{"pit_id":"${pit?.id}","took":1,"timed_out":false,"_shards":${JSON.stringify(shards)},"hits":{"max_score":null,"hits":[${hits.join(',')}]}}`
  return { status: 200, body: text }
}

/** Starts it. @param count documents */
export function startEndless(count: number): Promise<ScriptedElasticsearch> {
  const all = { from: 0, to: count }
  return startScriptedElasticsearch({
    index,
    field,
    documents: [],
    mapping: { properties: { [field]: { type: 'date' } } },
    answer(call) {
      if (call.path.startsWith('/_cat/'))
        return { status: 200, body: [{ index, status: 'open', 'docs.count': String(count), 'pri.store.size': String(count * 300) }] }
      if (call.path.endsWith('/_count')) return { status: 200, body: { count: sizeOf(rangeOf(call.body['query'], all)), _shards: shards } }
      return call.path.endsWith('_search') ? searched(call, all) : undefined
    },
  })
}
