/** Queries that stay as they are: for Loki and Tempo, which are among the targets already, for Grafana itself, and for data sources that nobody migrates. */

import { parser as logqlParser } from '@grafana/lezer-logql'
import { parser as traceqlParser } from '@grafana/lezer-traceql'
import type { Tree } from '@lezer/common'
import { maxQueryLength } from '../limits.ts'
import type { Language, Note } from '../model.ts'
import { noUses } from '../model.ts'
import { maskQuery } from '../promql/mask.ts'
import { maskSecrets, withoutSecrets } from './placeholder.ts'
import { textIn } from './prometheus.ts'
import { type Plain, type TargetRequest, type TargetResult, unchangedTarget } from './target.ts'

/** Members of a target that ask nothing. */
const silent: ReadonlySet<string> = new Set([
  ...['refId', 'hide', 'datasource', 'key', 'queryType', 'errors', 'intervalFactor', 'step', 'format', 'legendFormat', 'interval'],
  ...['editorMode', 'range', 'instant', 'exemplar', 'resultFormat', 'legendLink', 'alias', 'timeField', 'limit', 'tableType', 'resolution'],
])

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  value === false ||
  (typeof value === 'string' && value.trim() === '') ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0)

const expressionPlugins: ReadonlySet<string> = new Set(['prometheus', 'loki'])

/** Kinds of queries of Jaeger and others that ask something by their kind alone. */
const asksByKind: ReadonlySet<string> = new Set(['dependencyGraph', 'serviceMap', 'upload', 'randomWalk', 'list', 'measurements'])

/** Whether a target asks anything: targets of rows, and those that were never filled in, do not. */
export function asks(model: Plain, plugin: string): boolean {
  if (expressionPlugins.has(plugin) || 'expr' in model) return !isEmpty(model['expr'])
  if (asksByKind.has(textIn(model, 'queryType') ?? '')) return true
  return Object.entries(model).some(([key, value]) => !silent.has(key) && !isEmpty(value))
}

/** The text of a query as a report shows it: the query language's text where there is one, else the model. Nothing secret stands in it. */
export function shownQuery(model: Plain): string {
  for (const key of ['expr', 'query', 'rawSql', 'rawQuery', 'expression', 'target', 'queryText', 'definition']) {
    const text = textIn(model, key)
    if (text !== undefined && text.trim() !== '') return withoutSecrets(text)
  }
  const rest: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(model)) if (!['refId', 'hide', 'datasource', 'key'].includes(key)) rest[key] = value
  return JSON.stringify(maskSecrets(rest))
}

const hasError = (tree: Tree): boolean => {
  const cursor = tree.cursor()
  do if (cursor.type.isError) return true
  while (cursor.next())
  return false
}

/** Whether the grammar reads a text. Grammars have gaps: false is no proof of anything. */
export function readsAs(text: string, language: 'logql' | 'traceql', variables: ReadonlySet<string>): boolean {
  if (text.length > maxQueryLength) return false
  const { text: masked } = maskQuery(text, variables, language)
  return !hasError((language === 'logql' ? logqlParser : traceqlParser).parse(masked))
}

/** Loki and Tempo: unchanged; read by their grammars, so that what cannot be read is said. */
export function keepNative(request: TargetRequest, language: 'logql' | 'traceql'): TargetResult {
  const before = shownQuery(request.model)
  const kept = unchangedTarget(request, before, language, noUses)
  const text = textIn(request.model, language === 'logql' ? 'expr' : 'query') ?? ''
  const kind = textIn(request.model, 'queryType') ?? ''
  const isText =
    text.trim() !== '' && (language === 'logql' || kind === '' || kind === 'traceql') && !/^[0-9a-fA-F]{1,32}$/.test(text.trim())
  if (!isText || readsAs(text, language, new Set(request.variables.map((one) => one.name)))) return kept
  const note: Note = { code: 'OBD-G-013', text: `The grammar of ${language === 'logql' ? 'LogQL' : 'TraceQL'} does not read the query.` }
  return { ...kept, notes: [note] }
}

const languages: Readonly<Record<string, Language>> = { elasticsearch: 'lucene', jaeger: 'jaeger', zipkin: 'zipkin' }

/** Anything else stays as it is. @param special Grafana's own */
export function keepOther(request: TargetRequest, special: boolean): TargetResult {
  const kept = unchangedTarget(request, shownQuery(request.model), languages[request.datasource.type] ?? 'other', noUses)
  if (special) return kept
  const { type } = request.datasource
  return { ...kept, notes: [{ code: 'OBD-G-003', text: `Queries for ${type === '' ? 'this data source' : type} are left as they are.` }] }
}
