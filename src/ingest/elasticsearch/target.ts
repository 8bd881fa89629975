/** Paths and parameters of requests that bring documents. Sections 1 and 2.3 of the mapping. */

import { pathOf } from '../exchange.ts'
import { type ActionDefaults, ActionKind, type RequestFault } from './decode-action.ts'
import { notBoolean } from './es-errors.ts'

/** What is asked of the endpoint, by its path. */
export interface DocumentTarget {
  /** As the counter of requests names it. */
  readonly path: 'bulk' | 'doc' | 'create' | 'update' | 'delete'
  /** Of a single document: what is to be done with it, one of {@link ActionKind}; −1 of `_bulk`. */
  readonly kind: number
  /** Index, pipeline and routing by path and parameters; '' without. */
  readonly defaults: ActionDefaults
  /** The id of a single document; '' without one. */
  readonly id: string
  /** The path names a type, as those of 6.x and 7.x do: answers have one then. */
  readonly typed: boolean
  /** `?pretty`. */
  readonly pretty: boolean
  /** A parameter that cannot be: a `pretty` that is neither true nor false, a `pipeline` that is too long. */
  readonly fault: RequestFault | undefined
  /** `filter_path`; '' without. */
  readonly filter: string
  /** Parameters that mean nothing, here or in Elasticsearch. */
  readonly unknown: number
}

/** Parameters that are read here, or have no effect. */
const known: ReadonlySet<string> = new Set([
  'pretty',
  'filter_path',
  'pipeline',
  'routing',
  'op_type',
  'refresh',
  'wait_for_active_shards',
  'timeout',
  'master_timeout',
  'require_alias',
  'require_data_stream',
  'include_source_on_error',
  'list_executed_pipelines',
  'human',
  'error_trace',
  'type',
  'version',
  'version_type',
  'if_seq_no',
  'if_primary_term',
  'parent',
  'retry_on_conflict',
  'lang',
  'fields',
  '_source',
  '_source_includes',
  '_source_excludes',
  '_source_include',
  '_source_exclude',
  'source_content_type',
  'format',
])

/** Targets that are kept: clients send the same again and again. Longer ones are read each time. */
const mostKept = 500
const longestKept = 1024
/** Characters of the name of a pipeline that stands once in a request and in each of its records. */
const longestPipeline = 512
/** Parameters that are counted. */
const mostUnknown = 100

const noQuery = new URLSearchParams()

const decoded = (segment: string): string | undefined => {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

/** What a path says. */
interface Place {
  readonly path: DocumentTarget['path']
  readonly kind: number
  readonly index: string
  readonly id: string
  readonly typed: boolean
}

const bulk = (index: string, typed: boolean): Place => ({ path: 'bulk', kind: -1, index, id: '', typed })

const isWrite = (method: string): boolean => method === 'POST' || method === 'PUT'

function placeOf(method: string, segments: readonly string[]): Place | undefined {
  const [first = '', second = '', third = '', fourth = ''] = segments
  const { length } = segments
  if (length === 1) return first === '_bulk' && isWrite(method) ? bulk('', false) : undefined
  // Names that begin so are of the interface, whatever follows.
  if (length === 0 || first.startsWith('_')) return undefined
  if (second === '_bulk') return length === 2 && isWrite(method) ? bulk(first, false) : undefined
  const typed = !second.startsWith('_')
  if (third === '_bulk') return length === 3 && (typed || second === '_doc') && isWrite(method) ? bulk(first, true) : undefined
  const one = (path: DocumentTarget['path'], kind: number, id = third): Place => ({ path, kind, index: first, id, typed })
  if (second === '_create') return length === 3 && isWrite(method) ? one('create', ActionKind.Create) : undefined
  if (second === '_update') return length === 3 && method === 'POST' ? one('update', ActionKind.Update) : undefined
  if (second !== '_doc' && !typed) return undefined
  if (length === 2) return method === 'POST' ? one('doc', ActionKind.Index, '') : undefined
  if (length === 4 && typed && method === 'POST' && fourth === '_update') return one('update', ActionKind.Update)
  if (length === 4 && typed && isWrite(method) && fourth === '_create') return one('create', ActionKind.Create)
  if (length !== 3 || third.startsWith('_')) return undefined
  if (method === 'DELETE') return one('delete', ActionKind.Delete)
  return isWrite(method) ? one('doc', ActionKind.Index) : undefined
}

/** `?name`, `?name=true`; undefined for what is neither true nor false. */
const flagOf = (value: string | null): boolean | undefined => {
  if (value === null || value === 'false') return false
  return value === '' || value === 'true' ? true : undefined
}

const longPipeline: RequestFault = {
  status: 400,
  type: 'illegal_argument_exception',
  reason: `request [pipeline] is longer than ${longestPipeline} characters`,
}

function unknownOf(query: URLSearchParams): number {
  let unknown = 0
  for (const name of query.keys()) if (!known.has(name) && unknown < mostUnknown) unknown++
  return unknown
}

function read(method: string, url: string, prefix: string): DocumentTarget | undefined {
  const whole = pathOf(url)
  const mark = whole.indexOf('?')
  const path = mark < 0 ? whole : whole.slice(0, mark)
  if (prefix !== '' && !path.startsWith(`${prefix}/`)) return undefined
  const segments: string[] = []
  for (const part of path.slice(prefix.length).split('/')) {
    if (part === '') continue
    const segment = decoded(part)
    if (segment === undefined || segments.length === 4) return undefined
    segments.push(segment)
  }
  const place = placeOf(method, segments)
  if (place === undefined) return undefined
  const query = mark < 0 ? noQuery : new URLSearchParams(whole.slice(mark + 1))
  const pretty = flagOf(query.get('pretty'))
  const pipeline = query.get('pipeline') ?? ''
  const isCreate = place.kind === ActionKind.Index && query.get('op_type') === 'create'
  return {
    path: place.path,
    kind: isCreate ? ActionKind.Create : place.kind,
    defaults: { index: place.index, pipeline: pipeline === '_none' ? '' : pipeline, routing: query.get('routing') ?? '' },
    id: place.id,
    typed: place.typed,
    pretty: pretty === true,
    fault: pretty === undefined ? notBoolean(query.get('pretty') ?? '') : pipeline.length > longestPipeline ? longPipeline : undefined,
    filter: query.get('filter_path') ?? '',
    unknown: unknownOf(query),
  }
}

/**
 * Creates what tells requests that bring documents from all others. @param prefix path below which all is served, without a slash at its end
 * @returns undefined for requests that bring none
 */
export function createTargets(prefix: string): (method: string, url: string) => DocumentTarget | undefined {
  const kept = new Map<string, DocumentTarget>()
  return (method, url) => {
    if (method !== 'POST' && method !== 'PUT' && method !== 'DELETE') return undefined
    const key = `${method} ${url}`
    const found = kept.get(key)
    if (found !== undefined) return found
    const target = read(method, url, prefix)
    if (target !== undefined && url.length <= longestKept) {
      if (kept.size >= mostKept) kept.clear()
      kept.set(key, target)
    }
    return target
  }
}
