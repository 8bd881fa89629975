/** First parts of paths of Elasticsearch's API by what they ask for, as the handshake and the mirror both read them. */

/** Documents are asked for; below an index, too. */
export const searchPaths: readonly string[] = [
  '_search',
  '_search_shards',
  '_async_search',
  '_msearch',
  '_count',
  '_mget',
  '_field_caps',
  '_knn_search',
  '_sql',
  '_eql',
  '_query',
  '_pit',
  '_source',
  '_explain',
  '_termvectors',
  '_mtermvectors',
  '_terms_enum',
  '_validate',
  '_rank_eval',
]

/** Documents that a search finds are changed. */
export const byQueryPaths: readonly string[] = ['_update_by_query', '_delete_by_query', '_reindex']

/** What was sent is to be there for searches, or on disk. */
export const syncPaths: ReadonlySet<string> = new Set(['_refresh', '_flush', '_forcemerge'])

/** What a Beat or a Logstash says of itself. */
export const isMonitoring = (segments: readonly string[]): boolean => {
  const [first, second, third] = segments
  if (segments.length === 2) return first === '_monitoring' && (second === 'bulk' || second === '_bulk')
  return segments.length === 3 && first === '_xpack' && second === 'monitoring' && third === '_bulk'
}
