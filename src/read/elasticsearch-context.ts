/**
 * How a server keeps an index as it is while it is read: a point in time, or a scroll. Which it knows is found out by asking once: proxies, licences
 * and compatibility modes make version numbers poor witnesses.
 */

import { askElasticsearch, type SearchFault, searchError, searchFaultOf } from './elasticsearch-ask.ts'
import { type ElasticsearchStore, indexPath } from './elasticsearch-store.ts'

/** `pit`: that of Elasticsearch ≥ 7.10; `opensearch`: that of OpenSearch ≥ 2.4; `scroll`: neither */
export type ContextKind = 'pit' | 'opensearch' | 'scroll'

/** What a server can do. */
export interface ReadingMode {
  readonly context: ContextKind
  /** Sorts by `_shard_doc`; without, each shard has a point in time of its own. */
  readonly hasShardDoc: boolean
}

/** How long a server keeps a context between two pages. */
export const keepAlive = '5m'

/** Closing is a courtesy: contexts end by themselves. */
const closeTries = 2

/** Opens a point in time. @param preference `_shards:2`; undefined: all */
async function openPit(
  store: ElasticsearchStore,
  kind: 'pit' | 'opensearch',
  index: string,
  preference: string | undefined,
  abort: AbortSignal,
): Promise<string | SearchFault> {
  const path = kind === 'pit' ? `/${indexPath(index)}/_pit` : `/${indexPath(index)}/_search/point_in_time`
  const answer = await askElasticsearch(
    store.client,
    {
      method: 'POST',
      path,
      query: [
        ['keep_alive', keepAlive],
        ['preference', preference],
        // OpenSearch leaves out shards that do not answer unless told not to.
        ['allow_partial_pit_creation', kind === 'opensearch' ? 'false' : undefined],
      ],
    },
    abort,
  )
  const fault = searchFaultOf(answer)
  if (fault !== undefined) return fault
  const read = JSON.parse(answer.body.toString()) as { id?: unknown; pit_id?: unknown }
  const id = kind === 'pit' ? read.id : read.pit_id
  return typeof id === 'string' ? id : { kind: 'unsupported', message: 'the answer names no point in time' }
}

/** Opens a point in time of a kind that is known to be there. Resolves with a fault that may pass. */
export const openContext = (
  store: ElasticsearchStore,
  kind: 'pit' | 'opensearch',
  index: string,
  shard: number | undefined,
  abort: AbortSignal,
): Promise<string | SearchFault> => openPit(store, kind, index, shard === undefined ? undefined : `_shards:${shard}`, abort)

/** Lets go of a context. Never rejects, but for a stop. */
export async function closeContext(store: ElasticsearchStore, kind: ContextKind, id: string): Promise<void> {
  const request =
    kind === 'pit'
      ? { path: '/_pit', body: { id } }
      : kind === 'opensearch'
        ? { path: '/_search/point_in_time', body: { pit_id: [id] } }
        : { path: '/_search/scroll', body: { scroll_id: [id] } }
  const limit = AbortSignal.timeout(5000)
  const { path, body } = request
  try {
    await store.client.send({ method: 'DELETE', path, body: JSON.stringify(body), accept: [400, 404], tries: closeTries }, limit)
  } catch {
    // It is over in five minutes anyway.
  }
}

/** Asks the server what it can do. @param index one that is there */
export async function probeMode(store: ElasticsearchStore, index: string, abort: AbortSignal): Promise<ReadingMode> {
  const { distribution, major } = await store.info(abort)
  // Up to version 6 what follows the index in a path may be a type of documents.
  if (distribution === 'elasticsearch' && major < 7) return { context: 'scroll', hasShardDoc: false }
  const kinds = distribution === 'opensearch' ? (['opensearch', 'pit'] as const) : (['pit', 'opensearch'] as const)
  for (const context of kinds) {
    const id = await openPit(store, context, index, undefined, abort)
    if (typeof id !== 'string') {
      if (id.kind === 'unsupported' || id.kind === 'refused') continue
      throw searchError(id, index)
    }
    const answer = await askElasticsearch(
      store.client,
      {
        method: 'POST',
        path: '/_search',
        body: JSON.stringify({ size: 0, pit: { id, keep_alive: '1m' }, sort: [{ _shard_doc: 'asc' }], track_total_hits: false }),
      },
      abort,
    )
    await closeContext(store, context, id)
    const fault = searchFaultOf(answer)
    return { context, hasShardDoc: fault === undefined }
  }
  return { context: 'scroll', hasShardDoc: false }
}
