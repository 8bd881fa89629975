/** Queries of Grafana's Elasticsearch and OpenSearch data sources → Loki, or Elasticsearch with OpenTelemetry's names: sections 5.4 and 7 of the reference. */

import { logTargets } from '../logql/aggregations.ts'
import type { LogTarget, LogTargets } from '../logql/query.ts'
import { worse } from '../model.ts'
import { readElasticsearchModel, textOf } from './elasticsearch-model.ts'
import { renameElasticsearchModel } from './elasticsearch-names.ts'
import { convertElasticsearchAnnotation, convertElasticsearchVariable } from './elasticsearch-parts.ts'
import { contextOf, failed, indexOf } from './elasticsearch-result.ts'
import type { Plain, TargetConverter, TargetRequest, TargetResult } from './target.ts'

/** What a report shows of a query that is more than its text. */
function shownModel(model: Plain): string {
  const query = textOf(model['query']) ?? ''
  const short = (list: unknown): string =>
    (Array.isArray(list) ? list : [])
      .flatMap((one) => {
        if (typeof one !== 'object' || one === null) return []
        const { type, field } = one as Record<string, unknown>
        return [`${textOf(type) ?? '?'}${field === undefined ? '' : `(${textOf(field) ?? ''})`}`]
      })
      .join(', ')
  const metrics = short(model['metrics'])
  const buckets = short(model['bucketAggs'])
  return [query === '' ? '*' : query, metrics, buckets === '' ? '' : `by ${buckets}`].filter((one) => one !== '').join(' | ')
}

/** Converts a target, a variable or an annotation. */
export const convertElasticsearchTarget: TargetConverter = (request) => {
  const { model, context, role } = request
  if (context.options.targets.logs.flavour === 'elasticsearch-otel') return renameElasticsearchModel(request)
  if (role === 'variable') return convertElasticsearchVariable(request)
  if (role === 'annotation') return convertElasticsearchAnnotation(request)
  const before = shownModel(model)
  const language = textOf(model['queryType'])
  if (language === 'PPL' || language === 'sql')
    return failed(textOf(model['query']) ?? before, 'unsupported', 'OBD-L-026', `${language} is not understood.`)
  if (model['luceneQueryType'] === 'Traces') return failed(before, 'unsupported', 'OBD-L-026', 'It asks for traces in an index.')
  if (model['editorType'] === 'code' && textOf(model['rawDSLQuery']) !== undefined) {
    return failed(textOf(model['rawDSLQuery']) ?? before, 'unsupported', 'OBD-L-026', 'A search written as JSON is not understood.')
  }
  const index = indexOf(request.datasource.index)
  const read = readElasticsearchModel(model, index)
  if ('code' in read) return failed(before, 'manual', read.code, read.text)
  const made = logTargets(read.query, contextOf(request))
  const status = worse(made.status, read.status)
  const notes = [...read.notes, ...made.notes]
  const base: TargetResult = {
    status,
    before,
    after: '',
    edits: [],
    notes,
    uses: made.uses,
    language: 'lucene',
    models: [],
    labels: new Map(),
    series: new Map(),
    factor: 1,
    transformations: [],
  }
  const usable = made.targets.filter((one) => one.expr !== '')
  if (read.status === 'unsupported' || usable.length === 0) return { ...base, status: 'unsupported' }
  // Some of several can be asked: the rest is named, and nothing is called done.
  const isPart = usable.length < made.targets.length
  return {
    ...base,
    ...(isPart ? { status: 'manual' as const } : {}),
    after: usable.map((one) => one.expr).join('\n'),
    afterLanguage: usable[0]?.language,
    models: usable.map((one) => targetModel(request, one, made, read.query.metrics.length > 1)),
    datasource: usable[0]?.language === 'promql' ? 'prometheus' : 'loki',
    labels: new Map(Object.entries(made.labels).filter(([field, label]) => field !== label)),
    series: columnsOf(request, made, usable),
    transformations: stepsOf(request.model, usable, made, read.query.metrics.length > 1),
    panelType: made.isLogs ? 'logs' : undefined,
    run: {
      shape: made.isLogs ? 'logs' : usable[0]?.type === 'instant' ? 'instant' : 'range',
      old: 'elasticsearch',
      new: usable[0]?.language === 'promql' ? 'prometheus' : 'loki',
      labels: made.labels,
      factor: 1,
      body: JSON.stringify({
        query: model['query'] ?? '',
        metrics: model['metrics'] ?? [],
        bucketAggs: model['bucketAggs'] ?? [],
        timeField: model['timeField'],
      }),
      index,
      step: stepOf(usable[0]?.step),
    },
  }
}

/** Transformations, with the names that the series have by the alias. */
function stepsOf(model: Plain, targets: readonly LogTarget[], made: LogTargets, hasSeveral: boolean): readonly Plain[] {
  const names = new Map(targets.map((one) => [one.legend, legendOf(model, one, made, hasSeveral)]))
  const renamed = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        (key === 'field' || key === 'fieldName') && typeof one === 'string' ? (names.get(one) ?? one) : renamed(one),
      ]),
    )
  }
  return made.afterSteps.map(({ id, options }) => ({ id, options: renamed(options) }))
}

function stepOf(step: string | undefined): number | undefined {
  const found = /^(\d+)(ms|[smhdw])$/.exec(step ?? '')
  const size = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[found?.[2] ?? '']
  return size === undefined ? undefined : Number(found?.[1]) * size
}

/** Keys of the old query that mean nothing to the new one. */
const oldKeys: ReadonlySet<string> = new Set([
  ...[
    'metrics',
    'bucketAggs',
    'query',
    'timeField',
    'alias',
    'queryType',
    'luceneQueryType',
    'isLogsQuery',
    'dsType',
    'format',
    'editorType',
    'rawDSLQuery',
  ],
  ...['bucketScriptFields', 'timeSrv', 'expr'],
])

function targetModel(request: TargetRequest, target: LogTarget, made: LogTargets, hasSeveral: boolean): Plain {
  const kept = Object.fromEntries(Object.entries(request.model).filter(([key]) => !oldKeys.has(key)))
  const legend = legendOf(request.model, target, made, hasSeveral)
  if (target.language === 'promql') {
    return {
      ...kept,
      editorMode: 'code',
      expr: target.expr,
      ...(legend === undefined ? {} : { legendFormat: legend }),
      ...(target.step === undefined ? {} : { interval: target.step }),
      range: target.type === 'range',
      instant: target.type === 'instant',
      ...(target.type === 'instant' ? { format: 'table' } : {}),
    }
  }
  return {
    ...kept,
    editorMode: 'code',
    expr: target.expr,
    queryType: target.type,
    ...(legend === undefined ? {} : { legendFormat: legend }),
    ...(target.step === undefined ? {} : { step: target.step }),
    ...(made.isLogs && made.limit !== undefined ? { maxLines: made.limit } : {}),
  }
}

/** The legend: the alias with its patterns, else what Grafana shows without one. */
function legendOf(model: Plain, target: LogTarget, { labels, isLogs }: LogTargets, hasSeveral: boolean): string | undefined {
  if (isLogs) return undefined
  const alias = textOf(model['alias'])?.trim() ?? ''
  if (alias === '') return usualLegend(target, labels)
  const metric = metricOf(model, target.metric)
  const title = (target.legend ?? '').replaceAll(/\s*\{\{[^}]*\}\}/g, '').trim()
  return alias.replaceAll(/\{\{\s*([^}]+?)\s*\}\}/g, (whole, name: string) => {
    if (name === 'metric') return hasSeveral || title !== '' ? title || (target.bucket ?? '') : (textOf(metric?.['type']) ?? '')
    if (name === 'field') return textOf(metric?.['field']) ?? ''
    const field = name.replace(/^term\s+/, '')
    if (Object.hasOwn(labels, field)) return `{{${labels[field]}}}`
    return name === 'filter' || name.startsWith('term ') ? (target.bucket ?? whole) : whole
  })
}

/** Names as the old data source gives them: the values of groups, then the number's name where there are several numbers. */
function usualLegend(target: LogTarget, labels: Readonly<Record<string, string>>): string | undefined {
  const groups = [
    ...(target.bucket === undefined ? [] : [target.bucket]),
    ...[...new Set(Object.values(labels))].map((one) => `{{${one}}}`),
  ]
  const title = (target.legend ?? '')
    .replaceAll(/\s*\{\{[^}]*\}\}/g, '')
    .replace(target.bucket ?? '\u0000', '')
    .trim()
  const all = [...groups, ...(title === '' ? [] : [title])]
  return all.length === 0 ? undefined : all.join(' ')
}

function metricOf(model: Plain, id: string): Plain | undefined {
  const metrics = Array.isArray(model['metrics']) ? (model['metrics'] as readonly unknown[]) : []
  return metrics.find((one): one is Plain => typeof one === 'object' && one !== null && textOf((one as Plain)['id']) === id.split('[')[0])
}

/** Columns of numbers in tables: `Count` is `Value #A`. */
function columnsOf({ model }: TargetRequest, made: LogTargets, usable: readonly LogTarget[]): ReadonlyMap<string, string> {
  const [only] = usable
  if (made.isLogs || only === undefined || only.type !== 'instant' || usable.length > 1) return new Map()
  const metric = metricOf(model, only.metric)
  const title = { count: 'Count', avg: 'Average', sum: 'Sum', max: 'Max', min: 'Min', cardinality: 'Unique Count' }[
    textOf(metric?.['type']) ?? 'count'
  ]
  if (title === undefined) return new Map()
  const refId = textOf(model['refId']) ?? 'A'
  return new Map([[title, `Value #${refId}`]])
}
