/** Which query is converted by whom. A new plugin is one line in the table. */

import type { Note } from '../model.ts'
import { worse } from '../model.ts'
import { maskQuery } from '../promql/mask.ts'
import { parsePromql } from '../promql/parse.ts'
import { convertElasticsearchTarget } from './elasticsearch.ts'
import { asks, keepNative, keepOther, readsAs } from './native.ts'
import { convertPrometheusTarget, promqlPlugins, textIn } from './prometheus.ts'
import type { Plain, TargetConverter, TargetRequest, TargetResult } from './target.ts'
import { convertTraceTarget } from './traces.ts'

/** Converters of data sources that are left behind, by plugin. */
export const leftBehind: ReadonlyMap<string, TargetConverter> = new Map([
  ['elasticsearch', convertElasticsearchTarget],
  ['grafana-opensearch-datasource', convertElasticsearchTarget],
  ['jaeger', convertTraceTarget],
  ['zipkin', convertTraceTarget],
])

/** Who converts a query; undefined: its data source stays. */
export function converterOf({ datasource, context }: Pick<TargetRequest, 'datasource' | 'context'>): TargetConverter | undefined {
  if (datasource.type === 'jaeger' && context.options.targets.traces.flavour === 'jaeger') return undefined
  return leftBehind.get(datasource.type)
}

/** What a query without a plugin looks like; undefined: nothing that is known. */
export function guessPlugin(model: Plain, variables: ReadonlySet<string>): string | undefined {
  const expr = textIn(model, 'expr')
  if (expr !== undefined && expr.trim() !== '') {
    if (typeof parsePromql(maskQuery(expr, variables).text) !== 'string') return 'prometheus'
    return readsAs(expr, 'logql', variables) ? 'loki' : undefined
  }
  if (Array.isArray(model['bucketAggs']) && Array.isArray(model['metrics'])) return 'elasticsearch'
  return undefined
}

const assumed = (plugin: string): Note => ({
  code: 'OBD-G-001',
  text: `Nobody says what data source this is; the query was read as one for ${plugin}.`,
  suggestion: '--datasource default=UID, or the provisioning file of the data sources among the sources',
})

/**
 * Converts a query. Undefined: it asks nothing. Where the plugin is unknown it is taken for what it looks like, and the result is `manual`.
 * @param special the data source is one of Grafana's own
 */
export function convertQuery(request: TargetRequest, special: boolean): TargetResult | undefined {
  const { type } = request.datasource
  if (request.role === 'panel' && !asks(request.model, type)) return undefined
  if (special) return keepOther(request, true)
  if (promqlPlugins.has(type)) return convertPrometheusTarget(request)
  if (type === 'loki') return keepNative(request, 'logql')
  if (type === 'tempo') return keepNative(request, 'traceql')
  const converter = converterOf(request)
  if (converter !== undefined) return converter(request)
  if (type !== '') return keepOther(request, false)
  const plugin = guessPlugin(request.model, new Set(request.variables.map((one) => one.name)))
  if (plugin === undefined) {
    const kept = keepOther(request, false)
    return { ...kept, status: 'manual', notes: [{ ...assumed('nothing that is known'), code: 'OBD-G-001' }] }
  }
  const result = convertQuery({ ...request, datasource: { ...request.datasource, type: plugin } }, false)
  if (result === undefined) return undefined
  return {
    ...result,
    datasource: result.datasource ?? plugin,
    status: worse(result.status, 'manual'),
    notes: [...result.notes, assumed(plugin)],
  }
}
