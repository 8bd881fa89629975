/**
 * Where a request to the endpoint goes while there is an old Elasticsearch: a table, read from the top, the first row that fits holds. Section 1.3 of
 * the mapping. Here and not with the mirror, because ingest knows paths and never imports mirror.
 */

import { byQueryPaths, isMonitoring, searchPaths, syncPaths } from './api-paths.ts'

/** What is done with a request. */
export interface MirrorRoute {
  /**
   * `mirror`: it brings documents: both sides get it. `proxy`: it is passed to the old side, and its answer back. `admin`: the same, where that is
   * allowed. `refuse`: a path that means one thing here and another there.
   */
  readonly to: 'mirror' | 'proxy' | 'admin' | 'refuse'
  /** While the old side is gone or cannot be reached: the bridge answers as it does alone, or says where the data is now. */
  readonly absent: 'own' | 'elsewhere'
  /** It changes documents, and the new side cannot follow. */
  readonly write?: true
  /** What was set up there is kept here, too, so that the bridge can answer alone later. */
  readonly copy?: true
  /** Its answer names nodes that a client might go to, past the bridge. */
  readonly nodes?: true
}

type Segments = readonly string[]

interface Row {
  readonly name: string
  fits(method: string, segments: Segments): boolean
  readonly route: MirrorRoute
}

const mirror: MirrorRoute = { to: 'mirror', absent: 'own' }
const proxy: MirrorRoute = { to: 'proxy', absent: 'own' }
const search: MirrorRoute = { to: 'proxy', absent: 'elsewhere' }
const admin: MirrorRoute = { to: 'admin', absent: 'own' }

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD'
const isWrite = (method: string): boolean => method === 'POST' || method === 'PUT'
const isIndex = (segment: string | undefined): segment is string => segment !== undefined && segment !== '' && !segment.startsWith('_')
/** Where a type of 6.x and 7.x may stand. */
const isType = (segment: string | undefined): boolean => isIndex(segment) || segment === '_doc'

const byQuery = new Set(byQueryPaths)
const searches = new Set([...searchPaths, '_scroll', '_mapping', '_mappings', '_settings'])
const entries = new Set(['_template', '_index_template', '_component_template', '_data_stream', '_aliases', '_alias'])

const isBulk = (s: Segments): boolean =>
  (s.length === 1 && s[0] === '_bulk') ||
  (s.length === 2 && isIndex(s[0]) && s[1] === '_bulk') ||
  (s.length === 3 && isIndex(s[0]) && isType(s[1]) && s[2] === '_bulk')

function isDocument(method: string, s: Segments): boolean {
  const [index, second, third, fourth] = s
  if (!isIndex(index) || second === undefined) return false
  if (second === '_create') return s.length === 3 && isWrite(method)
  if (!isType(second)) return false
  if (s.length === 2) return method === 'POST'
  if (s.length === 3) return isWrite(method) && third?.startsWith('_') !== true
  return s.length === 4 && fourth === '_create' && isWrite(method)
}

function isChange(method: string, s: Segments): boolean {
  const [first = '', second, third, fourth] = s
  if (byQuery.has(first) && s.length === 1) return isWrite(method)
  if (!isIndex(first)) return false
  if (second !== undefined && byQuery.has(second)) return isWrite(method)
  if (second === '_update' && s.length === 3) return isWrite(method)
  if (s.length === 4 && fourth === '_update') return isWrite(method)
  return method === 'DELETE' && s.length === 3 && isType(second) && third !== undefined
}

const isAbout = (s: Segments): boolean => {
  const [first, second] = s
  if (s.length === 0) return true
  if (first === '_license' || first === '_xpack' || first === '_nodes' || first === '_cat') return true
  return first === '_cluster' && second === 'health'
}

/** Templates, policies, pipelines, data streams, aliases, indices. */
function isEntry(s: Segments): boolean {
  const [first = '', second] = s
  if (entries.has(first)) return true
  if (first === '_ilm') return second === 'policy'
  if (first === '_ingest') return second === 'pipeline'
  if (!isIndex(first)) return false
  return s.length === 1 || ((second === '_alias' || second === '_aliases') && s.length <= 3)
}

const isSearch = (s: Segments): boolean => {
  const [first = '', second = '', third = ''] = s
  return searches.has(first) || (isIndex(first) && (searches.has(second) || searches.has(third)))
}

/** Changes of the cluster itself. */
function isAdmin(s: Segments): boolean {
  const [first = '', second] = s
  if (first === '_snapshot' || first === '_security' || first === '_shutdown') return true
  if (first === '_xpack') return second === 'security'
  if (first === '_cluster') return second === 'settings'
  if (first === '_nodes') return s.includes('shutdown') || s.includes('_shutdown') || s.includes('reload_secure_settings')
  return first === '_tasks' && s.at(-1) === '_cancel'
}

/** The same where something on the way takes an escaped slash for one. */
const isAdminAnyhow = (s: Segments): boolean => isAdmin(s) || (s.some((one) => one.includes('/')) && isAdmin(apart(s)))

const apart = (s: Segments): Segments => s.flatMap((one) => one.split('/')).filter((one) => one !== '')

/** All of it; tests go through it row by row. */
export const mirrorRows: readonly Row[] = [
  {
    name: 'dot segments',
    fits: (_method, s) => apart(s).some((one) => one === '.' || one === '..'),
    route: { to: 'refuse', absent: 'own' },
  },
  { name: 'administration', fits: (method, s) => !isRead(method) && isAdminAnyhow(s), route: admin },
  { name: 'bulk', fits: (method, s) => isWrite(method) && isBulk(s), route: mirror },
  { name: 'monitoring', fits: (_method, s) => isMonitoring(s), route: proxy },
  { name: 'changes of documents', fits: isChange, route: { to: 'proxy', absent: 'own', write: true } },
  { name: 'searches and the like', fits: (_method, s) => isSearch(s), route: search },
  { name: 'one document', fits: isDocument, route: mirror },
  {
    name: 'nodes',
    fits: (method, s) => isRead(method) && s[0] === '_nodes',
    route: { to: 'proxy', absent: 'own', nodes: true },
  },
  { name: 'about the cluster', fits: (method, s) => isRead(method) && isAbout(s), route: proxy },
  { name: 'set-up', fits: (method, s) => !isRead(method) && isEntry(s), route: { to: 'proxy', absent: 'own', copy: true } },
  { name: 'set-up, read', fits: (method, s) => isRead(method) && isEntry(s), route: proxy },
  { name: 'one document, read', fits: (method, s) => isRead(method) && isIndex(s[0]) && isType(s[1]), route: search },
  { name: 'refresh', fits: (_method, s) => syncPaths.has(s[0] ?? '') || (isIndex(s[0]) && syncPaths.has(s[1] ?? '')), route: proxy },
]

/** Everything else. */
const other: MirrorRoute = proxy

/** @param segments of the path below the prefix, decoded, empty ones left out */
export function mirrorRouteOf(method: string, segments: Segments): MirrorRoute {
  return mirrorRows.find((row) => row.fits(method, segments))?.route ?? other
}
