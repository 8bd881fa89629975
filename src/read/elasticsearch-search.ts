/**
 * The search API of Elasticsearch 7, 8, 9 and OpenSearch, as far as documents are counted and read back: cutover 3.6. Plain HTTP, no client:
 * those refuse servers that they do not like.
 *
 * Documents come as the bytes of their `_source`, never as `fields` or sort values, which are cut to milliseconds, and never parsed here: a
 * number of 19 digits stays that.
 */

import { BridgeError } from '../errors.ts'
import { eachElement, eachMember } from '../ingest/elasticsearch/object-members.ts'
import type { HttpClient, HttpResponse } from './http-client.ts'

/** A document as it is stored. */
export interface Hit {
  /** The index that it lies in: never a pattern or an alias. */
  readonly index: string
  readonly id: string
  /** JSON, byte for byte as it was sent; undefined where the index keeps no source. */
  readonly source: Uint8Array | undefined
}

/** `[fromMs, toMs)` of the time field. */
export interface MinuteRange {
  readonly fromMs: number
  readonly toMs: number
}

export interface DocumentCounts {
  /** All of them, exact. */
  readonly total: number
  /** By minute, keyed by its start in ms; minutes without any are left out. */
  readonly minutes: ReadonlyMap<number, number>
  /** There is no such index. */
  readonly absent: boolean
}

export interface TimeField {
  /** `date` keeps milliseconds to search by, `date_nanos` nanoseconds; other: it is no time, or of different types. */
  readonly type: 'date' | 'date_nanos' | 'other' | 'none'
  /** Indices behind a pattern or an alias. */
  readonly indices: readonly string[]
}

export interface ServerInfo {
  readonly distribution: 'elasticsearch' | 'opensearch'
  /** `7.17.29` */
  readonly version: string
}

export interface ElasticsearchSearch {
  /** For messages. */
  readonly name: string
  info(): Promise<ServerInfo>
  /** Of which type the time field is, and in which indices. */
  timeField(index: string): Promise<TimeField>
  /** Documents by minute of the time field. Only what a search sees: after a refresh. */
  counts(index: string, range: MinuteRange, filter?: object): Promise<DocumentCounts>
  /**
   * All documents of a range, ascending in time, page by page; each once, as they were when the first page was asked. By point in time and
   * `search_after`; by scroll where the server has no point in time.
   */
  documents(index: string, range: MinuteRange, pageSize?: number): AsyncGenerator<readonly Hit[], void, undefined>
  /** Documents of a range that a filter of the query language takes, ascending in time. @param size at most 10,000 */
  find(index: string, range: MinuteRange | undefined, filter: object | undefined, size: number): Promise<readonly Hit[]>
  /** Documents with these ids, in an index or behind a pattern. */
  byIds(index: string, ids: readonly string[]): Promise<readonly Hit[]>
  /** Ingest pipelines that an index has of its own: what it stores may not be what was sent. Empty where that is not told. */
  pipelines(index: string): Promise<readonly string[]>
  /** Makes what was written visible. It is a write of sorts: only when the user asked for it. */
  refresh(index: string): Promise<void>
}

export interface ElasticsearchOptions {
  /** Default: `@timestamp`. */
  readonly timeField?: string
}

/** `index.max_result_window` */
const maxPage = 10_000

/** Documents of a page; a page is one answer in memory. */
const defaultPage = 1000

/** How long a server keeps a search open between two pages. */
const keepAlive = '2m'

/** 400 and 404 are read here, 405 is what a server without points in time may say. */
const told = [400, 403, 404, 405]

interface Page {
  readonly hits: readonly Hit[]
  /** The sort values of the last hit as JSON, to be given back as they are: those of `date_nanos` are beyond what a number holds. */
  readonly after: string
  readonly pitId: string | undefined
  readonly scrollId: string | undefined
}

/** Bytes at a place of the piece as text. */
const textAt = (piece: Uint8Array, start: number, end: number): string => Buffer.from(piece.subarray(start, end)).toString()

const stringAt = (piece: Uint8Array, start: number, end: number): string => {
  const value: unknown = JSON.parse(textAt(piece, start, end))
  return typeof value === 'string' ? value : ''
}

/** The hits of an answer with their sources as bytes. */
function pageOf(body: Uint8Array): Page {
  const hits: Hit[] = []
  let after = ''
  let pitId: string | undefined
  let scrollId: string | undefined
  const hit = (start: number, end: number): void => {
    let index = ''
    let id = ''
    let source: Uint8Array | undefined
    eachMember(body, start, end, (name, from, to) => {
      if (name === '_index') index = stringAt(body, from, to)
      else if (name === '_id') id = stringAt(body, from, to)
      else if (name === '_source') source = body.subarray(from, to)
      else if (name === 'sort') after = textAt(body, from, to)
    })
    hits.push({ index, id, source })
  }
  eachMember(body, 0, body.length, (name, start, end) => {
    if (name === 'pit_id') pitId = stringAt(body, start, end)
    else if (name === '_scroll_id') scrollId = stringAt(body, start, end)
    else if (name === 'hits') {
      eachMember(body, start, end, (inner, from, to) => {
        if (inner === 'hits') eachElement(body, from, to, hit)
      })
    }
  })
  return { hits, after, pitId, scrollId }
}

interface Failure {
  readonly reason?: unknown
  readonly type?: unknown
}

interface SearchAnswer {
  readonly timed_out?: unknown
  readonly _shards?: { readonly failed?: unknown; readonly failures?: readonly { readonly reason?: Failure }[] }
  readonly error?: string | (Failure & { readonly root_cause?: readonly Failure[] })
}

const wordsOf = (failure: Failure | undefined): string =>
  `${String(failure?.type ?? 'error')}: ${String(failure?.reason ?? '')}`.slice(0, 300)

/** Indices, aliases and patterns as a path. */
const pathOf = (index: string): string => index.split(',').map(encodeURIComponent).join(',')

/** @param http below which indices lie */
export function createElasticsearchSearch(http: HttpClient, { timeField = '@timestamp' }: ElasticsearchOptions = {}): ElasticsearchSearch {
  const fault = (path: string, cause: string): BridgeError => new BridgeError('OB_BACKEND', `cannot ask ${http.name}${path}: ${cause}`)

  const parsed = (path: string, { body }: HttpResponse): unknown => {
    try {
      return JSON.parse(Buffer.from(body).toString())
    } catch {
      throw fault(path, 'the answer is not JSON')
    }
  }

  const refused = (path: string, response: HttpResponse): BridgeError => {
    const { error } = parsed(path, response) as SearchAnswer
    const words = typeof error === 'string' ? error : wordsOf(error?.root_cause?.[0] ?? error)
    return fault(path, `status ${response.status} ${words}`)
  }

  const isMissing = ({ status, body }: HttpResponse): boolean =>
    status === 404 && /index_not_found|no such index/.test(Buffer.from(body.subarray(0, 2000)).toString())

  /** Half an answer is none: what a shard did not say would look lost. */
  const checkWhole = (path: string, response: HttpResponse): void => {
    const head = Buffer.from(response.body)
    if (response.status < 200 || response.status >= 300) throw refused(path, response)
    const at = head.indexOf('"hits"')
    if (at < 0) throw fault(path, `the answer has no hits: ${head.subarray(0, 160).toString()}`)
    const start = head.subarray(0, at).toString()
    if (/"timed_out"\s*:\s*true/.test(start)) throw fault(path, 'the search took too long, and only a part was answered')
    const failed = /"failed"\s*:\s*(\d+)/.exec(start)?.[1]
    if (failed !== undefined && failed !== '0') throw fault(path, `${failed} shards did not answer`)
  }

  const search = (path: string, body: object | string, query: readonly (readonly [string, string])[] = []): Promise<HttpResponse> =>
    http.send({ method: 'POST', path, query, body: typeof body === 'string' ? body : JSON.stringify(body), accept: told })

  const whole = [['allow_partial_search_results', 'false']] as const

  const within = ({ fromMs, toMs }: MinuteRange): object => ({
    range: { [timeField]: { gte: fromMs, lt: toMs, format: 'epoch_millis' } },
  })

  const sorted = (path: string, response: HttpResponse): Page => {
    checkWhole(path, response)
    return pageOf(response.body)
  }

  /** Opens a point in time; undefined where there is none to be had. */
  const openPit = async (index: string): Promise<string | undefined> => {
    const path = `/${pathOf(index)}/_pit`
    const response = await http.send({ method: 'POST', path, query: [['keep_alive', keepAlive]], accept: told })
    if (isMissing(response)) throw refused(path, response)
    if (response.status !== 200) return undefined
    const { id } = parsed(path, response) as { id?: unknown }
    return typeof id === 'string' ? id : undefined
  }

  async function* byPit(opened: string, range: MinuteRange, size: number): AsyncGenerator<readonly Hit[], void, undefined> {
    let pit = opened
    let after = ''
    for (;;) {
      const body = JSON.stringify({
        size,
        query: within(range),
        track_total_hits: false,
        pit: { id: pit, keep_alive: keepAlive },
        sort: [{ [timeField]: 'asc' }, { _shard_doc: 'asc' }],
      })
      // Given back as it came, digit for digit.
      const asked = after === '' ? body : `${body.slice(0, -1)},"search_after":${after}}`
      const page = sorted('/_search', await search('/_search', asked, whole))
      if (page.hits.length > 0) yield page.hits
      if (page.hits.length < size) return
      pit = page.pitId ?? pit
      after = page.after
    }
  }

  async function* byScroll(index: string, range: MinuteRange, size: number): AsyncGenerator<readonly Hit[], void, undefined> {
    const path = `/${pathOf(index)}/_search`
    // Not to count them is refused in a scroll.
    const body = { size, query: within(range), sort: [{ [timeField]: 'asc' }] }
    let page = sorted(path, await search(path, body, [['scroll', keepAlive], ...whole]))
    for (;;) {
      if (page.hits.length > 0) yield page.hits
      if (page.hits.length < size || page.scrollId === undefined) return
      const next: object = { scroll: keepAlive, scroll_id: page.scrollId }
      page = sorted('/_search/scroll', await search('/_search/scroll', next))
    }
  }

  return {
    name: http.name,
    async info() {
      const { version } = ((await http.json({ path: '/' })) ?? {}) as { version?: { number?: unknown; distribution?: unknown } }
      const distribution = version?.distribution === 'opensearch' ? 'opensearch' : 'elasticsearch'
      return { distribution, version: String(version?.number ?? '') }
    },
    async timeField(index) {
      const path = `/${pathOf(index)}/_field_caps`
      const response = await http.send({ path, query: [['fields', timeField]], accept: told })
      if (isMissing(response)) return { type: 'none', indices: [] }
      if (response.status !== 200) throw refused(path, response)
      const answer = parsed(path, response) as { indices?: readonly string[]; fields?: Record<string, Record<string, unknown>> }
      const types = Object.keys(answer.fields?.[timeField] ?? {}).filter((type) => type !== 'unmapped')
      const [type = 'none'] = types
      const known = types.length === 1 && (type === 'date' || type === 'date_nanos')
      return { type: known ? type : types.length === 0 ? 'none' : 'other', indices: [...(answer.indices ?? [])].sort() }
    },
    async counts(index, range, filter) {
      const path = `/${pathOf(index)}/_search`
      const body = {
        size: 0,
        track_total_hits: true,
        query: { bool: { filter: [within(range), ...(filter === undefined ? [] : [filter])] } },
        aggs: { minutes: { date_histogram: { field: timeField, fixed_interval: '1m', min_doc_count: 1 } } },
      }
      const response = await search(path, body, whole)
      if (isMissing(response)) return { total: 0, minutes: new Map(), absent: true }
      checkWhole(path, response)
      const answer = parsed(path, response) as {
        hits?: { total?: { value?: unknown } | number }
        aggregations?: { minutes?: { buckets?: readonly { key?: unknown; doc_count?: unknown }[] } }
      }
      const hits = answer.hits?.total
      const total = Number(typeof hits === 'object' ? hits.value : hits)
      const minutes = new Map<number, number>()
      let counted = 0
      for (const { key, doc_count } of answer.aggregations?.minutes?.buckets ?? []) {
        minutes.set(Number(key), Number(doc_count))
        counted += Number(doc_count)
      }
      // Nothing may look like none: what stands between may answer an error as a success.
      if (!Number.isSafeInteger(total) || !(counted >= total)) throw fault(path, 'the answer does not count what it found')
      return { total, minutes, absent: false }
    },
    async *documents(index, range, pageSize = defaultPage) {
      const size = Math.min(pageSize, maxPage)
      const pit = await openPit(index)
      // Both end by themselves after `keepAlive`: nothing is closed, which would be another verb than GET and POST.
      yield* pit === undefined ? byScroll(index, range, size) : byPit(pit, range, size)
    },
    async find(index, range, filter, size) {
      const path = `/${pathOf(index)}/_search`
      const filters = [...(range === undefined ? [] : [within(range)]), ...(filter === undefined ? [] : [filter])]
      const body = { size: Math.min(size, maxPage), query: { bool: { filter: filters } }, sort: [{ [timeField]: 'asc' }] }
      const response = await search(path, body, whole)
      if (isMissing(response)) return []
      return sorted(path, response).hits
    },
    async byIds(index, ids) {
      const path = `/${pathOf(index)}/_search`
      const found: Hit[] = []
      for (let at = 0; at < ids.length; at += defaultPage) {
        const values = ids.slice(at, at + defaultPage)
        // An id may be in several indices behind a pattern.
        const response = await search(path, { size: maxPage, query: { ids: { values } } }, whole)
        if (isMissing(response)) return found
        found.push(...sorted(path, response).hits)
      }
      return found
    },
    async pipelines(index) {
      const path = `/${pathOf(index)}/_settings/index.default_pipeline,index.final_pipeline`
      const response = await http.send({ path, query: [['flat_settings', 'true']], accept: [...told, 401] })
      if (response.status !== 200) return []
      const answer = parsed(path, response) as Record<string, { settings?: Record<string, unknown> }>
      const names = Object.values(answer).flatMap(({ settings = {} }) => Object.values(settings).map(String))
      return [...new Set(names)].filter((name) => name !== '_none')
    },
    async refresh(index) {
      await http.send({ method: 'POST', path: `/${pathOf(index)}/_refresh`, accept: [404] })
    },
  }
}
