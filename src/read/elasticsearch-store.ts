/** What there is in an Elasticsearch or OpenSearch: its indices, their fields, how many documents when. Reads only. */

import { searchWhole } from './elasticsearch-ask.ts'
import { type PatientClient, sourceFault } from './patient-client.ts'

export interface StoreInfo {
  readonly distribution: 'elasticsearch' | 'opensearch'
  /** `7.17.29`; empty where it may not be asked. */
  readonly version: string
  readonly major: number
  readonly minor: number
  /** Empty where it is not told. */
  readonly clusterUuid: string
}

/** An index that documents lie in; never an alias. */
export interface StoreIndex {
  readonly name: string
  /** The stream whose backing index it is. */
  readonly dataStream: string | undefined
  readonly uuid: string
  readonly isClosed: boolean
  /** Of the cold or the frozen tier, or a snapshot that is searched: reading it is dear. */
  readonly isCold: boolean
  readonly shards: number
  /** Of its primary shards; 0: not known. */
  readonly bytes: number
  /** Of its primary shards, nested ones included. */
  readonly luceneDocuments: number
  readonly createdMs: number | undefined
  readonly settings: Readonly<Record<string, unknown>>
}

/** A field that orders documents in time. */
export interface TimeField {
  readonly name: string
  /** `number`: a long of ms or µs · `keyword`: text that is kept whole */
  readonly kind: 'date' | 'date_nanos' | 'number' | 'keyword'
  /** Of a `number`, how many make a ms: 1 or 1000. */
  readonly perMs: 1 | 1000
}

export interface TimeBounds {
  readonly total: number
  readonly minMs: number | undefined
  readonly maxMs: number | undefined
}

export interface ElasticsearchStore {
  readonly client: PatientClient
  readonly sleep: (ms: number) => Promise<void>
  info(abort: AbortSignal): Promise<StoreInfo>
  /**
   * The indices behind names, patterns, aliases and data streams, each once, by name. Hidden ones and those of the system only by their own name, or as
   * part of a data stream. Empty: there is none. @param withHidden patterns match hidden ones, too
   */
  indices(expression: string, abort: AbortSignal, withHidden?: boolean): Promise<readonly StoreIndex[]>
  /** The `mappings` of an index; `{}` where it has none. */
  mapping(index: string, abort: AbortSignal): Promise<Readonly<Record<string, unknown>>>
  count(index: string, query: object, abort: AbortSignal): Promise<number>
  bounds(index: string, query: object, field: TimeField, abort: AbortSignal): Promise<TimeBounds>
  /** Documents by interval, keyed by its start in ms, ascending; empty ones left out. */
  histogram(
    index: string,
    query: object,
    field: TimeField,
    intervalMs: number,
    abort: AbortSignal,
  ): Promise<readonly (readonly [number, number])[]>
  /** Some documents, parsed. @param size at most 1,000 */
  sample(index: string, query: object, source: readonly string[], size: number, abort: AbortSignal): Promise<readonly unknown[]>
}

/** How long a list of indices in a path may be: servers take lines of 4 KiB. */
const longestNames = 2500

/** Names as a path. */
export const indexPath = (index: string): string => index.split(',').map(encodeURIComponent).join(',')

function* batches(names: readonly string[]): Generator<readonly string[]> {
  let batch: string[] = []
  let length = 0
  for (const name of names) {
    const size = encodeURIComponent(name).length + 1
    if (batch.length > 0 && length + size > longestNames) {
      yield batch
      batch = []
      length = 0
    }
    batch.push(name)
    length += size
  }
  if (batch.length > 0) yield batch
}

interface Resolved {
  readonly indices?: readonly { readonly name?: unknown; readonly attributes?: readonly string[]; readonly data_stream?: unknown }[]
  readonly aliases?: readonly { readonly indices?: readonly string[] }[]
  readonly data_streams?: readonly { readonly name?: unknown; readonly backing_indices?: readonly string[] | string }[]
}

const numberOf = (value: unknown): number => {
  const number = Number(value)
  return Number.isFinite(number) ? number : 0
}

/** The part of a range query that a field of this kind understands. @param fromMs included @param toMs not */
export function rangeOf(field: TimeField, fromMs: number | undefined, toMs: number | undefined): object {
  const factor = field.kind === 'number' ? field.perMs : 1
  return {
    range: {
      [field.name]: {
        ...(fromMs === undefined ? {} : { gte: fromMs * factor }),
        ...(toMs === undefined ? {} : { lt: toMs * factor }),
        ...(field.kind === 'number' ? {} : { format: 'epoch_millis' }),
      },
    },
  }
}

const coldTier = /^data_(cold|frozen)/

/** @param sleep rejects with OB_STOPPING */
export function createElasticsearchStore(client: PatientClient, sleep: (ms: number) => Promise<void>): ElasticsearchStore {
  let known: StoreInfo | undefined

  const object = async (path: string, query: readonly (readonly [string, string])[], accept: readonly number[], abort: AbortSignal) => {
    const read = await client.json({ path, query, accept }, abort)
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : undefined
  }

  const info = async (abort: AbortSignal): Promise<StoreInfo> => {
    if (known !== undefined) return known
    const read = await object('/', [], [403], abort)
    const { version = {}, cluster_uuid } = (read ?? {}) as {
      version?: { number?: unknown; distribution?: unknown }
      cluster_uuid?: unknown
    }
    const number = String(version.number ?? '')
    const [major = 0, minor = 0] = number.split('.').map(Number)
    known = {
      distribution: version.distribution === 'opensearch' ? 'opensearch' : 'elasticsearch',
      version: number,
      major: number === '' ? 8 : major,
      minor,
      clusterUuid: typeof cluster_uuid === 'string' && cluster_uuid !== '_na_' ? cluster_uuid : '',
    }
    return known
  }

  /** By name: the data stream that it belongs to, or none. */
  const resolve = async (expression: string, abort: AbortSignal, withHidden: boolean): Promise<Map<string, string | undefined>> => {
    const found = new Map<string, string | undefined>()
    const exact = new Set(expression.split(',').filter((part) => !/[*?<]/.test(part)))
    const add = (name: string): void => {
      if (!found.has(name) && (withHidden || !name.startsWith('.') || exact.has(name))) found.set(name, undefined)
    }
    const wildcards = withHidden ? 'open,closed,hidden' : 'open,closed'
    const path = indexPath(expression)
    const read = (await object(`/_resolve/index/${path}`, [['expand_wildcards', wildcards]], [400, 404, 405], abort)) as
      | Resolved
      | undefined
    if (read === undefined) {
      const cat = await client.json(
        {
          path: `/_cat/indices/${path}`,
          query: [
            ['format', 'json'],
            ['h', 'index'],
          ],
          accept: [404],
        },
        abort,
      )
      for (const row of Array.isArray(cat) ? cat : []) if (typeof row?.index === 'string') add(row.index)
      return found
    }
    for (const { name, backing_indices = [] } of read.data_streams ?? []) {
      for (const backing of [backing_indices].flat()) found.set(backing, String(name))
    }
    for (const { name, data_stream } of read.indices ?? []) {
      if (typeof data_stream === 'string') found.set(String(name), data_stream)
      else add(String(name))
    }
    // Members of an alias are meant by its name, whatever they are called.
    for (const { indices = [] } of read.aliases ?? []) for (const name of [indices].flat()) if (!found.has(name)) found.set(name, undefined)
    return found
  }

  interface CatRow {
    readonly status?: string
    readonly docs?: number
    readonly bytes?: number
  }

  const sizes = async (names: readonly string[], abort: AbortSignal): Promise<Map<string, CatRow>> => {
    const rows = new Map<string, CatRow>()
    const query = [
      ['format', 'json'],
      ['bytes', 'b'],
      ['expand_wildcards', 'all'],
      ['h', 'index,status,docs.count,pri.store.size'],
    ] as const
    for (const batch of batches(names)) {
      const read = await client.json({ path: `/_cat/indices/${indexPath(batch.join(','))}`, query, accept: [400, 403, 404] }, abort)
      for (const row of (Array.isArray(read) ? read : []) as Record<string, string>[]) {
        rows.set(String(row['index']), {
          status: row['status'] ?? '',
          docs: numberOf(row['docs.count']),
          bytes: numberOf(row['pri.store.size']),
        })
      }
    }
    return rows
  }

  const settings = async (names: readonly string[], abort: AbortSignal): Promise<Map<string, Record<string, unknown>>> => {
    const all = new Map<string, Record<string, unknown>>()
    const query = [
      ['flat_settings', 'true'],
      ['ignore_unavailable', 'true'],
      ['expand_wildcards', 'all'],
    ] as const
    for (const batch of batches(names)) {
      const read = await object(`/${indexPath(batch.join(','))}/_settings`, query, [403, 404], abort)
      for (const [name, one] of Object.entries(read ?? {})) {
        all.set(name, ((one as { settings?: Record<string, unknown> }).settings ?? {}) as Record<string, unknown>)
      }
    }
    return all
  }

  const search = (index: string, body: object, abort: AbortSignal) =>
    searchWhole(
      client,
      {
        method: 'POST',
        path: `/${indexPath(index)}/_search`,
        query: [
          ['allow_partial_search_results', 'false'],
          ['ignore_unavailable', 'false'],
        ],
        body: JSON.stringify(body),
      },
      index,
      sleep,
      abort,
    )

  const notCounted = (index: string) => sourceFault('source_error', `cannot read index ${index}: the answer does not count`, index)

  const count = async (index: string, query: object, abort: AbortSignal): Promise<number> => {
    const path = `/${indexPath(index)}/_count`
    const read = await searchWhole(client, { method: 'POST', path, body: JSON.stringify({ query }) }, index, sleep, abort)
    const found = read['count']
    if (typeof found !== 'number') throw notCounted(index)
    return found
  }

  return {
    client,
    sleep,
    info,
    count,
    async indices(expression, abort, withHidden = false) {
      const streams = await resolve(expression, abort, withHidden)
      const names = [...streams.keys()].sort()
      const [rows, set] = [await sizes(names, abort), await settings(names, abort)]
      return names.map((name): StoreIndex => {
        const own = set.get(name) ?? {}
        const row = rows.get(name)
        const tier = String(own['index.routing.allocation.include._tier_preference'] ?? '')
        return {
          name,
          dataStream: streams.get(name),
          uuid: String(own['index.uuid'] ?? ''),
          isClosed: row?.status === 'close' || own['index.verified_before_close'] === 'true',
          isCold: own['index.store.type'] === 'snapshot' || own['index.frozen'] === 'true' || coldTier.test(tier),
          shards: numberOf(own['index.number_of_shards'] ?? 1) || 1,
          bytes: row?.bytes ?? 0,
          luceneDocuments: row?.docs ?? 0,
          createdMs: numberOf(own['index.creation_date']) || undefined,
          settings: own,
        }
      })
    },
    async mapping(index, abort) {
      const read = await object(`/${indexPath(index)}/_mapping`, [], [], abort)
      const [one] = Object.values(read ?? {}) as { mappings?: Record<string, unknown> }[]
      const mappings = one?.mappings ?? {}
      // Up to version 6 there is a type in between.
      const inner = mappings['properties'] === undefined ? Object.values(mappings).find(isMapping) : undefined
      return inner ?? mappings
    },
    async bounds(index, query, field, abort) {
      const body = { size: 0, query, aggs: { least: { min: { field: field.name } }, most: { max: { field: field.name } } } }
      const read = await search(index, body, abort)
      const { least, most } = (read['aggregations'] ?? {}) as Record<string, { value?: unknown } | undefined>
      const ms = (value: unknown): number | undefined => (typeof value === 'number' ? Math.floor(value / field.perMs) : undefined)
      return { total: await count(index, query, abort), minMs: ms(least?.value), maxMs: ms(most?.value) }
    },
    async histogram(index, query, field, intervalMs, abort) {
      const { distribution, major, minor } = await info(abort)
      const isNew = distribution === 'opensearch' || major > 7 || (major === 7 && minor >= 2)
      const interval = { [isNew ? 'fixed_interval' : 'interval']: `${intervalMs}ms` }
      const times =
        field.kind === 'number'
          ? { histogram: { field: field.name, interval: intervalMs * field.perMs, min_doc_count: 1 } }
          : { date_histogram: { field: field.name, ...interval, min_doc_count: 1 } }
      const read = await search(index, { size: 0, query, aggs: { times } }, abort)
      const found = (read['aggregations'] as { times?: { buckets?: unknown } } | undefined)?.times?.buckets
      if (!Array.isArray(found)) throw notCounted(index)
      return found.map(({ key, doc_count }: { key: number; doc_count: number }) => [Math.floor(key / field.perMs), doc_count] as const)
    },
    async sample(index, query, source, size, abort) {
      const read = await search(index, { size, query, _source: source }, abort)
      const { hits } = (read['hits'] ?? {}) as { hits?: readonly { _source?: unknown }[] }
      return (hits ?? []).map((hit) => hit._source)
    },
  }
}

const isMapping = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && 'properties' in value
