/** Which of the requests that are passed to the old backend ask it for data: as long as there are any, somebody still reads there. */

/** Requests of shippers and UIs that say nothing about data (`GET /`, `_license`, sampling, static files) are none. */
const queries = [
  /\/_(search|msearch|count|mget|sql|async_search|pit|eql|field_caps|terms_enum|termvectors|esql|query)\b/,
  /\/_doc\/[^/?]+/,
  /\/api\/v[23]\/(traces?|services|spans|dependencies|autocomplete|remoteServices|operations)\b/i,
  /\/api\/(traces|services|dependencies|operations|metrics)\b/,
  /\/api\/v1\/(query|query_range|query_exemplars|series|labels|label\/|read|metadata|targets|rules|alerts)\b/,
]

/** @param target path and query as received */
export function isQuery(target: string): boolean {
  const [path = ''] = target.split('?', 1)
  return queries.some((pattern) => pattern.test(path))
}
