/** Queries of Grafana's Jaeger and Zipkin data sources → Tempo: sections 5.4 and 9 of the reference. */

import type { Code } from '../codes.ts'
import { type Note, noUses, type QueryResult, type Status } from '../model.ts'
import { jaegerToTraceql, wholeTraceId, zipkinToTraceql } from '../traceql/search.ts'
import type { Plain, TargetConverter, TargetRequest, TargetResult } from './target.ts'

/** Spans of a trace that a table of Tempo's lists. */
const spansShown = 3

/** What Grafana's Jaeger asks for when nobody says. */
const usualLimit = 20
const zipkinLimit = 10

const text = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '')
const note = (code: Code, words: string): Note => ({ code, text: words })

type Format = 'jaeger' | 'zipkin'

interface Made {
  readonly status: Status
  readonly before: string
  readonly after: string
  readonly notes: readonly Note[]
  readonly models: readonly Plain[]
  readonly uses?: QueryResult['uses']
  readonly isTraceql?: boolean
}

const result = (format: Format, { status, before, after, notes, models, uses = noUses, isTraceql = true }: Made): TargetResult => ({
  ...{ status, before, after, notes, uses, models },
  edits: [],
  language: format,
  afterLanguage: isTraceql ? 'traceql' : 'text',
  datasource: models.length === 0 ? undefined : 'tempo',
  labels: new Map(),
  series: new Map(),
  factor: 1,
  transformations: [],
  run: isTraceql && models.length > 0 ? { shape: 'traces', old: format, new: 'tempo', labels: {}, factor: 1 } : undefined,
})

/** Keys of the old query that mean nothing to Tempo. */
const oldKeys: ReadonlySet<string> = new Set([
  ...['service', 'operation', 'tags', 'minDuration', 'maxDuration', 'limit', 'query', 'queryType'],
  ...['serviceName', 'spanName', 'remoteServiceName', 'annotationQuery', 'lookback', 'endTs'],
])

const without = (model: Plain): Plain => Object.fromEntries(Object.entries(model).filter(([key]) => !oldKeys.has(key)))

const limitOf = (value: unknown, usual: number): number => {
  const limit = Math.trunc(Number(value))
  return Number.isFinite(limit) && limit > 0 ? Math.min(limit, 10_000) : usual
}

/** The words of a search as a report shows them: `service=s operation=o`. */
const wordsOf = (model: Plain, keys: readonly string[]): string =>
  keys.flatMap((key) => (text(model[key]).trim() === '' ? [] : [`${key}=${text(model[key])}`])).join(' ')

function searched(request: TargetRequest, format: Format): TargetResult {
  const { model, context } = request
  const keys =
    format === 'jaeger'
      ? ['service', 'operation', 'tags', 'minDuration', 'maxDuration', 'limit']
      : ['serviceName', 'spanName', 'remoteServiceName', 'annotationQuery', 'minDuration', 'maxDuration', 'limit']
  const asked = Object.fromEntries(keys.map((key) => [key, model[key] === undefined ? undefined : text(model[key])]))
  const found = format === 'jaeger' ? jaegerToTraceql(asked, context.spans) : zipkinToTraceql(asked, context.spans)
  const limit = limitOf(model.limit, format === 'jaeger' ? usualLimit : zipkinLimit)
  const next: Plain = { ...without(model), queryType: 'traceql', query: found.after, limit, spss: spansShown, tableType: 'traces' }
  return result(format, {
    status: found.status,
    before: wordsOf(model, keys),
    after: found.after,
    notes: [note('OBD-T-001', 'The search became TraceQL.'), ...found.notes],
    models: [next],
    uses: found.uses,
  })
}

function byId(request: TargetRequest, format: Format): TargetResult {
  const id = text(request.model.query)
  const after = wholeTraceId(id)
  return result(format, {
    status: 'exact',
    before: id,
    after,
    notes: [],
    models: [{ ...without(request.model), queryType: 'traceql', query: after }],
  })
}

/** A panel's query. */
export const convertTraceTarget: TargetConverter = (request) => {
  const format: Format = request.datasource.type === 'zipkin' ? 'zipkin' : 'jaeger'
  if (request.role === 'variable') return convertTraceVariable(request, format)
  const { model } = request
  const type = text(model.queryType)
  if (type === 'dependencyGraph') {
    return result(format, {
      status: 'approximate',
      before: 'dependencyGraph',
      after: 'serviceMap',
      notes: [note('OBD-T-007', 'The graph of dependencies became the service map of Tempo.')],
      models: [{ ...without(model), queryType: 'serviceMap' }],
      isTraceql: false,
    })
  }
  if (type === 'upload') {
    const notes = [note('OBD-T-008', 'The traces of this panel come out of a file.')]
    return result(format, { status: 'unsupported', before: 'upload', after: '', notes, models: [], isTraceql: false })
  }
  const isSearch =
    type === 'search' ||
    ['service', 'operation', 'tags', 'serviceName', 'spanName', 'annotationQuery'].some((key) => text(model[key]) !== '')
  if (isSearch) return searched(request, format)
  if (type === '' || type === 'traceID' || type === 'traceId') return byId(request, format)
  const notes = [note('OBD-T-014', `The query is of a type "${type.slice(0, 64)}".`)]
  return result(format, { status: 'manual', before: JSON.stringify(model), after: '', notes, models: [], isTraceql: false })
}

/** A list of services or of operations. The query is a word, or an object that has it. */
function convertTraceVariable(request: TargetRequest, format: Format): TargetResult {
  const { model } = request
  const query = model.query
  const asked = typeof query === 'object' && query !== null ? (query as Plain) : undefined
  const before = typeof query === 'string' ? query : JSON.stringify(query ?? '')
  const word = text(asked?.queryType ?? asked?.type ?? query).toLowerCase()
  const services = /^(services?|servicenames?|service_names?)(\(\))?$/.test(word)
  const operations = /^(operations?|spans?|spannames?)(\(.*\))?$/.test(word)
  if (!services && !operations) {
    const notes = [note('OBD-T-014', 'The list is neither one of services nor one of operations.')]
    return result(format, { status: 'manual', before, after: '', notes, models: [], isTraceql: false })
  }
  const label = services ? 'resource.service.name' : 'name'
  const definition = `label_values(${label})`
  // 1: values of a label, as Tempo's own editor of variables writes it.
  const next: Plain = {
    ...model,
    query: { label, refId: 'TempoDatasourceVariableQueryEditor-VariableQuery', stream: '', type: 1 },
    definition,
  }
  return result(format, {
    status: services ? 'exact' : 'approximate',
    before,
    after: definition,
    notes: services ? [] : [note('OBD-T-009', 'The list has the operations of all services.')],
    models: [next],
    isTraceql: false,
  })
}
