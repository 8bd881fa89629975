/** Links into Jaeger, Zipkin, Kibana and Grafana's Explore: section 5.5 of the reference. Hosts that nothing is known of are not touched. */

import { parseKibanaFilter, parseKibanaQuery } from '../filters/kibana-filter.ts'
import { allOf, type Filter } from '../filters/model.ts'
import { logsOf } from '../logql/filter.ts'
import { type Note, type Status, worse } from '../model.ts'
import type { Context } from '../options.ts'
import { jaegerToTraceql, type SearchResult, wholeTraceId, zipkinToTraceql } from '../traceql/search.ts'
import { convertExplore, exploreLink, isExplore, type LinkQueries } from './explore.ts'
import { parseRison } from './rison.ts'
import { parameter, parametersOf, splitUrl, type UrlParts } from './url-parts.ts'

export interface RewrittenUrl {
  readonly after: string
  readonly status: Status
  readonly notes: readonly Note[]
}

export interface LinkOptions extends LinkQueries {
  readonly context: Context
}

type Old = 'jaeger' | 'zipkin'

const traceQuery = (query: string, limit?: number): Record<string, unknown> => ({
  queryType: 'traceql',
  query,
  ...(limit === undefined ? {} : { limit, tableType: 'traces' }),
})

/** Microseconds (Jaeger) or milliseconds (Zipkin) since 1970 as Explore has them; undefined: neither number nor placeholder. */
const timeOf = (text: string | undefined, divisor: number): string | undefined => {
  if (text === undefined || text === '') return undefined
  if (/^\d{1,17}$/.test(text)) return String(Math.floor(Number(text) / divisor))
  return text.includes('$') && divisor === 1 ? text : undefined
}

/** Whose page it is: by host, port or path. A relative path is ours to ask only where it says so. */
function ownerOf({ host, path }: UrlParts): Old | undefined {
  const name = `${host}${path}`
  if (/(?:^|[./-])jaeger/i.test(name) || /:16686$/.test(host)) return 'jaeger'
  if (/(?:^|[./-])zipkin/i.test(name) || /:9411$/.test(host)) return 'zipkin'
  return undefined
}

const manual = (url: string, text: string): RewrittenUrl => ({ after: url, status: 'manual', notes: [{ code: 'OBD-T-011', text }] })

const limitOf = (text: string | undefined, usual: number): number => (text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : usual)

function searchLink(
  options: LinkOptions,
  found: SearchResult,
  limit: number,
  from: string | undefined,
  to: string | undefined,
): RewrittenUrl {
  const range = from !== undefined && to !== undefined ? { from, to } : undefined
  const note: Note = { code: 'OBD-T-010', text: 'The link leads to Tempo in Explore.' }
  return {
    after: exploreLink(options.reference('tempo'), traceQuery(found.after, limit), range),
    status: found.status,
    notes: [note, ...found.notes],
  }
}

const traceLink = (options: LinkOptions, id: string): RewrittenUrl => ({
  after: exploreLink(options.reference('tempo'), traceQuery(wholeTraceId(id))),
  status: 'exact',
  notes: [{ code: 'OBD-T-010', text: 'The link leads to the trace in Explore.' }],
})

function ofJaeger(url: string, parts: UrlParts, options: LinkOptions): RewrittenUrl | undefined {
  const trace = /\/trace\/([^/]+)\/?$/.exec(parts.path)?.[1]
  if (trace !== undefined) return traceLink(options, trace)
  if (/\/dependencies\/?$/.test(parts.path))
    return manual(url, 'Explore has the graph of services as a query of Tempo; no link leads there by itself.')
  if (!/\/search\/?$/.test(parts.path)) return undefined
  const given = (name: string): string | undefined => parameter(parts, name)
  // Several `tag=k:v` are an older form of `tags`.
  const older = parts.parameters.flatMap(({ name, value }) => {
    const colon = value.indexOf(':')
    return name === 'tag' && colon > 0 ? [[value.slice(0, colon), value.slice(colon + 1)] as const] : []
  })
  const tags = given('tags') ?? (older.length === 0 ? undefined : JSON.stringify(Object.fromEntries(older)))
  const search = {
    service: given('service'),
    operation: given('operation'),
    tags,
    minDuration: given('minDuration'),
    maxDuration: given('maxDuration'),
  }
  const found = jaegerToTraceql(search, options.context.spans)
  const lookback = /^\d{1,4}[mhd]$/.test(given('lookback') ?? '') ? given('lookback') : undefined
  const from = timeOf(given('start'), 1000) ?? (lookback === undefined ? undefined : `now-${lookback}`)
  return searchLink(
    options,
    found,
    limitOf(given('limit'), 20),
    from,
    timeOf(given('end'), 1000) ?? (lookback === undefined ? undefined : 'now'),
  )
}

function ofZipkin(url: string, parts: UrlParts, options: LinkOptions): RewrittenUrl | undefined {
  const trace = /\/traces\/([^/]+)\/?$/.exec(parts.path)?.[1]
  if (trace !== undefined) return traceLink(options, trace)
  if (/\/dependency\/?$/.test(parts.path))
    return manual(url, 'Explore has the graph of services as a query of Tempo; no link leads there by itself.')
  const given = (name: string): string | undefined => parameter(parts, name)
  const names = ['serviceName', 'spanName', 'remoteServiceName', 'annotationQuery', 'minDuration', 'maxDuration'] as const
  if (!names.some((name) => given(name) !== undefined)) return undefined
  const found = zipkinToTraceql(Object.fromEntries(names.map((name) => [name, given(name)])), options.context.spans)
  const to = timeOf(given('endTs'), 1)
  const millis = /^\d{1,12}$/.test(given('lookback') ?? '') ? Number(given('lookback')) : undefined
  const from = to !== undefined && /^\d+$/.test(to) && millis !== undefined ? String(Number(to) - millis) : undefined
  return searchLink(options, found, limitOf(given('limit'), 10), from, from === undefined ? undefined : to)
}

type State = Readonly<Record<string, unknown>>
const stateOf = (value: unknown): State => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as State) : {})

/** `/app/discover#/?_g=(…)&_a=(…)`, also of 5 and 6 (`/app/kibana#/discover`). */
const isDiscover = ({ path, fragment }: UrlParts): boolean =>
  /\/app\/(?:discover|data-explorer\/discover)\/?$/.test(path) || (/\/app\/kibana\/?$/.test(path) && /^\/?discover/.test(fragment))

function ofKibana(url: string, parts: UrlParts, options: LinkOptions): RewrittenUrl {
  const mark = parts.fragment.indexOf('?')
  const inside = mark < 0 ? [] : parametersOf(parts.fragment.slice(mark + 1))
  const given = (name: string): string | undefined => [...inside, ...parts.parameters].find((one) => one.name === name)?.value
  let app: State
  let global: State
  try {
    app = stateOf(parseRison(given('_a') ?? '()'))
    global = stateOf(parseRison(given('_g') ?? '()'))
  } catch (error) {
    return manual(url, `Its state cannot be read: ${error instanceof Error ? error.message : String(error)}.`)
  }
  if (/discover\/?view\//.test(`discover${parts.fragment}`)) return manual(url, 'It shows a saved search, which the link only names.')
  const filters: Filter[] = []
  const notes: Note[] = [{ code: 'OBD-T-015', text: 'The link leads to Loki in Explore.' }]
  const query = parseKibanaQuery(app.query ?? { query: '', language: 'kuery' })
  if (!query.ok) return manual(url, `Its query cannot be read: ${query.why}.`)
  filters.push(query.filter)
  for (const pill of [app.filters, global.filters].flatMap((one) => (Array.isArray(one) ? one : []))) {
    const read = parseKibanaFilter(pill)
    if (!read.ok) return manual(url, `One of its filters cannot be read: ${read.why}.`)
    filters.push(read.filter)
  }
  const { context } = options
  const logContext = {
    fields: context.fields,
    metrics: context.metrics,
    variables: [],
    flavour: context.options.targets.logs.flavour,
    alert: false,
  } as const
  if (logContext.flavour !== 'loki') return manual(url, 'Kibana stays, with other names of fields: change them in the link.')
  const index = typeof app.index === 'string' && !/^[0-9a-f-]{30,}$/.test(app.index) ? app.index : undefined
  const logs = logsOf(allOf(filters), logContext, { index })
  if (logs.status === 'unsupported')
    return { ...manual(url, 'What it filters by cannot be asked of Loki.'), notes: [...notes, ...logs.notes] }
  const time = stateOf(global.time)
  const range =
    typeof time.from === 'string' && typeof time.to === 'string' ? { from: exploreTime(time.from), to: exploreTime(time.to) } : undefined
  return {
    after: exploreLink(options.reference('loki'), { expr: logs.text, queryType: 'range' }, range),
    status: worse('approximate', logs.status),
    notes: [...notes, ...logs.notes],
  }
}

/** `now-15m` as it is, an instant as milliseconds since 1970. */
const exploreTime = (text: string): string => (/^\d{4}-/.test(text) && !Number.isNaN(Date.parse(text)) ? String(Date.parse(text)) : text)

/** Rewrites a URL that it knows; undefined: nothing to do with it. Placeholders of Grafana stay as they are. */
export function createLinkRewriter(options: LinkOptions): (url: string) => RewrittenUrl | undefined {
  return (url) => {
    const parts = splitUrl(url)
    if (parts === undefined) return undefined
    if (isExplore(parts.path) && parts.parameters.length > 0) return convertExplore(url, parts, options)
    if (isDiscover(parts)) return ofKibana(url, parts, options)
    const owner = options.context.options.targets.traces.flavour === 'jaeger' ? undefined : ownerOf(parts)
    if (owner === 'jaeger') return ofJaeger(url, parts, options)
    if (owner === 'zipkin') return ofZipkin(url, parts, options)
    return undefined
  }
}
