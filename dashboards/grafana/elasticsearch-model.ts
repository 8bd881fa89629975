/** A query of Grafana's Elasticsearch and OpenSearch data sources, as a neutral question to logs. Section 7.4 of the reference. */

import { parseLucene } from '../filters/lucene.ts'
import { everything, type Filter } from '../filters/model.ts'
import { valueOfExpression } from '../kibana/arithmetic.ts'
import { parseExpression } from '../kibana/expression.ts'
import type { Aggregate, Bucket, LogQuery, Metric, TermOrder, Value } from '../logql/query.ts'
import type { Note, Status } from '../model.ts'
import type { Plain } from './target.ts'

/** A query, read; `notes` with a status say what of it is not in the question. */
export interface ElasticsearchQuery {
  readonly query: LogQuery
  readonly status: Status
  readonly notes: readonly Note[]
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)
const listOf = (value: unknown): readonly Plain[] => (Array.isArray(value) ? value.filter(isPlain) : [])
export const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined
const settingsOf = (one: Plain): Plain => (isPlain(one['settings']) ? one['settings'] : {})

const numberIn = (value: unknown): number | undefined => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : typeof value === 'number' ? value : Number.NaN
  return Number.isFinite(number) ? number : undefined
}

/** Most metrics, buckets, filters or percentiles of a query. */
const mostParts = 200

const titles: Readonly<Record<string, string>> = {
  count: 'Count',
  avg: 'Average',
  sum: 'Sum',
  max: 'Max',
  min: 'Min',
  cardinality: 'Unique Count',
  rate: 'Rate',
  moving_avg: 'Moving Average',
  moving_fn: 'Moving Function',
  derivative: 'Derivative',
  serial_diff: 'Serial Difference',
  cumulative_sum: 'Cumulative Sum',
  bucket_script: 'Bucket Script',
}

const plainOps: Readonly<Record<string, Aggregate['op']>> = { avg: 'avg', sum: 'sum', max: 'max', min: 'min', cardinality: 'unique' }
const documentKinds: ReadonlySet<string> = new Set(['raw_data', 'raw_document', 'logs'])

/** Reads a model. Parts that are no objects are passed over, as Grafana does. */
export function readElasticsearchModel(model: Plain, index: string | undefined): ElasticsearchQuery | Note {
  const notes: Note[] = []
  let status: Status = 'exact'
  const say = (worst: Status, note: Note): void => {
    if (status !== 'unsupported' && (worst === 'unsupported' || status === 'exact' || worst === 'manual')) status = worst
    notes.push(note)
  }
  const text = textOf(model['query']) ?? ''
  const parsed = parseLucene(text, { defaultOperator: 'or' })
  if (!parsed.ok) return { code: 'OBD-L-016', text: `The query cannot be read: ${parsed.why} (at ${parsed.at}).` }
  const metrics = listOf(model['metrics']).slice(0, mostParts)
  const kinds = metrics.map((one) => textOf(one['type']) ?? '')
  const [kind = 'count'] = kinds
  const usual: Plain = { id: '1', type: 'count' }
  const isDocuments =
    documentKinds.has(kind) || model['isLogsQuery'] === true || ['Logs', 'RawData'].includes(String(model['luceneQueryType']))
  if (isDocuments) {
    const settings = settingsOf(metrics[0] ?? usual)
    const order = textOf(settings['order']) === 'asc' ? 'asc' : 'desc'
    const limit = numberIn(settings['size']) ?? numberIn(settings['limit']) ?? 500
    if (kind !== 'logs' && model['isLogsQuery'] !== true && model['luceneQueryType'] !== 'Logs') {
      say('approximate', { code: 'OBD-L-022', text: 'Documents are shown as lines.' })
    }
    if (order === 'asc')
      say('approximate', {
        code: 'OBD-L-040',
        text: 'The oldest documents come first; Loki is asked for the newest unless the panel says otherwise.',
      })
    return {
      query: {
        index,
        filter: parsed.filter,
        metrics: [],
        buckets: [],
        shape: 'logs',
        limit: Math.max(1, Math.trunc(limit)),
        sort: { direction: order },
      },
      status,
      notes,
    }
  }
  const read = readMetrics(metrics.length === 0 ? [usual] : metrics, say)
  const given = Array.isArray(model['bucketAggs']) ? listOf(model['bucketAggs']).slice(0, mostParts) : undefined
  const buckets = given === undefined ? [{ kind: 'time' } as const] : given.flatMap((one) => readBucket(one, say))
  const shape = buckets.some((one) => one.kind === 'time') ? 'range' : 'instant'
  return { query: { index, filter: parsed.filter, metrics: read, buckets, shape }, status, notes }
}

type Say = (status: Status, note: Note) => void

interface Reading {
  readonly byId: ReadonlyMap<string, Plain>
  readonly say: Say
  /** How many values may still be made: pipelines read each other. */
  left: number
}

const mostValues = 2000
const deepestPipeline = 10

function readMetrics(metrics: readonly Plain[], say: Say): Metric[] {
  const reading: Reading = { byId: new Map(metrics.map((one) => [textOf(one['id']) ?? '', one])), say, left: mostValues }
  return metrics.flatMap((one) => metricsOf(one, reading))
}

/** Value of a metric that others are made of. */
function valueOfMetric(one: Plain, reading: Reading, depth: number): Value {
  const { say } = reading
  const type = textOf(one['type']) ?? ''
  const field = textOf(one['field'])
  const settings = settingsOf(one)
  if (depth > deepestPipeline || reading.left-- <= 0) return { kind: 'unsupported', text: type, why: 'pipelines are nested too deep' }
  const of = (): Value => reference(textOf(one['pipelineAgg']) ?? field ?? '', reading, depth)
  switch (type) {
    case 'count':
      return { kind: 'aggregate', op: 'count' }
    case 'rate': {
      const seconds: Record<string, number> = {
        second: 1,
        minute: 60,
        hour: 3600,
        day: 86_400,
        week: 604_800,
        month: 2_592_000,
        year: 31_536_000,
      }
      const inner: Aggregate =
        field === undefined || settings['mode'] === 'value_count'
          ? { kind: 'aggregate', op: 'count', field }
          : { kind: 'aggregate', op: 'sum', field }
      return { kind: 'per', seconds: seconds[textOf(settings['unit']) ?? 'second'] ?? 1, of: inner }
    }
    case 'derivative':
      return { kind: 'difference', lag: 1, positive: false, perSeconds: unitSeconds(textOf(settings['unit'])), of: of() }
    case 'serial_diff':
      return { kind: 'difference', lag: Math.max(1, Math.trunc(numberIn(settings['lag']) ?? 1)), positive: false, of: of() }
    case 'moving_avg':
    case 'moving_fn': {
      const script = textOf(settings['script']) ?? ''
      if (type === 'moving_fn' && script !== '' && !/unweightedAvg/.test(script))
        return { kind: 'unsupported', text: type, why: 'a script computes it' }
      if (!['', 'simple'].includes(textOf(settings['model']) ?? ''))
        say('approximate', { code: 'OBD-L-021', text: 'A weighted moving average becomes a plain one.' })
      return { kind: 'window', fn: 'moving_avg', size: numberIn(settings['window']) ?? 5, of: of() }
    }
    case 'cumulative_sum':
      return { kind: 'window', fn: 'cumulative_sum', of: of() }
    case 'bucket_script':
      return bucketScript(one, reading, depth)
    case 'top_metrics':
      return topMetrics(settings)
    default: {
      const op = plainOps[type]
      if (op === undefined) return { kind: 'unsupported', text: type || 'a metric', why: 'it is none that is known' }
      return scripted({ kind: 'aggregate', op, field }, settings, say)
    }
  }
}

function unitSeconds(unit: string | undefined): number | undefined {
  const found = /^(\d*)(ms|[smhd])$/.exec(unit ?? '')
  const size = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }[found?.[2] ?? '']
  return size === undefined ? undefined : Number(found?.[1] || 1) * size
}

/** `_value * 0.001`: the one script that is arithmetic. */
function scripted(value: Aggregate, settings: Plain, say: Say): Value {
  const inline = isPlain(settings['script']) ? textOf(settings['script']['inline']) : textOf(settings['script'])
  if (settings['missing'] !== undefined && settings['missing'] !== null && settings['missing'] !== '') {
    say('approximate', {
      code: 'OBD-L-025',
      text: `Documents without ${value.field ?? 'the field'} counted as ${String(settings['missing'])}; they are left out.`,
    })
  }
  if (inline === undefined || inline.trim() === '') return value
  const found = /^\s*_value\s*([*/])\s*(\d+(?:\.\d+)?)\s*$/.exec(inline)
  if (found === null || value.op === 'unique')
    return { kind: 'unsupported', text: inline.slice(0, 200), why: 'a script computes the value' }
  return { kind: 'arithmetic', op: found[1] === '/' ? '/' : '*', left: value, right: { kind: 'number', value: Number(found[2]) } }
}

function topMetrics(settings: Plain): Value {
  const fields = Array.isArray(settings['metrics']) ? settings['metrics'].filter((one): one is string => typeof one === 'string') : []
  const by = textOf(settings['orderBy']) ?? '@timestamp'
  const [field] = fields
  if (field === undefined || fields.length > 1) return { kind: 'unsupported', text: 'top_metrics', why: 'it shows several fields at once' }
  if (by !== '@timestamp' || settings['order'] === 'asc')
    return { kind: 'unsupported', text: `top_metrics by ${by}`, why: 'only the latest value can be found' }
  return { kind: 'aggregate', op: 'last', field }
}

function bucketScript(one: Plain, reading: Reading, depth: number): Value {
  const { say } = reading
  const settings = settingsOf(one)
  const script = isPlain(settings['script'])
    ? textOf(settings['script']['inline'])
    : (textOf(settings['script']) ?? textOf(one['inlineScript']))
  const variables = new Map(
    listOf(one['pipelineVariables']).map((variable) => [textOf(variable['name']) ?? '', textOf(variable['pipelineAgg']) ?? '']),
  )
  const parsed = parseExpression(script ?? '')
  if (!parsed.ok) return { kind: 'unsupported', text: (script ?? '').slice(0, 200), why: 'the script is more than arithmetic' }
  const { value, differs } = valueOfExpression(parsed.expression, {
    name(name) {
      const id = variables.get(name.replace(/^params\./, ''))
      if (id === undefined) return undefined
      return reference(id, reading, depth)
    },
    call: () => undefined,
  })
  for (const text of differs) say('approximate', { code: 'OBD-L-025', text: `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}.` })
  return value
}

/** Value of the metric that an id names; `3[95.0]` is a percentile of one. */
function reference(id: string, reading: Reading, depth: number): Value {
  const { byId } = reading
  const [base = '', part] = id.split(/[[\]]/)
  const source = byId.get(base)
  if (source === undefined) return { kind: 'unsupported', text: id, why: 'there is no such metric' }
  if (part !== undefined && textOf(source['type']) === 'percentiles') {
    return { kind: 'aggregate', op: 'percentile', field: textOf(source['field']), percent: Number(part) || 50 }
  }
  const statistic = part === undefined ? undefined : statistics(textOf(source['field']), 2)[part]
  return statistic?.[1] ?? valueOfMetric(source, reading, depth + 1)
}

function metricsOf(one: Plain, reading: Reading): Metric[] {
  const { byId, say } = reading
  const id = textOf(one['id']) ?? ''
  const type = textOf(one['type']) ?? ''
  const field = textOf(one['field'])
  const hidden = one['hide'] === true
  const settings = settingsOf(one)
  const named = (title: string): string => (field === undefined ? title : `${title} ${field}`)
  if (type === 'percentiles') {
    const percents = (Array.isArray(settings['percents']) ? settings['percents'] : ['25', '50', '75', '95', '99']).slice(0, mostParts)
    return percents.flatMap((percent) => {
      const number = numberIn(percent)
      if (number === undefined) return []
      const value: Value = scripted({ kind: 'aggregate', op: 'percentile', field, percent: number }, settings, say)
      return [
        {
          id: `${id}[${Number.isInteger(number) ? number.toFixed(1) : number}]`,
          label: named(`p${Number.isInteger(number) ? number.toFixed(1) : number}`),
          hidden,
          value,
        },
      ]
    })
  }
  if (type === 'extended_stats') {
    const meta = isPlain(one['meta']) ? one['meta'] : {}
    const sigma = numberIn(settings['sigma']) ?? 2
    return Object.entries(statistics(field, sigma)).flatMap(([name, [title, value]]) =>
      meta[name] === true ? [{ id: `${id}[${name}]`, label: named(title), hidden, value }] : [],
    )
  }
  const isPipeline = ['derivative', 'serial_diff', 'moving_avg', 'moving_fn', 'cumulative_sum'].includes(type)
  const source = isPipeline ? byId.get((textOf(one['pipelineAgg']) ?? field ?? '').split('[')[0] ?? '') : undefined
  const sourceTitle =
    source === undefined
      ? ''
      : [titles[textOf(source['type']) ?? ''], textOf(source['field'])].filter((word) => word !== undefined).join(' ')
  const label = isPipeline ? `${titles[type] ?? type} ${sourceTitle}`.trim() : type === 'count' ? 'Count' : named(titles[type] ?? type)
  return [{ id, label, hidden, value: valueOfMetric(one, reading, 0) }]
}

function statistics(field: string | undefined, sigma: number): Record<string, readonly [string, Value]> {
  const of = (op: Aggregate['op']): Aggregate => ({ kind: 'aggregate', op, field })
  const bound = (op: '+' | '-'): Value => ({
    kind: 'arithmetic',
    op,
    left: of('avg'),
    right: { kind: 'arithmetic', op: '*', left: { kind: 'number', value: sigma }, right: of('stddev') },
  })
  return {
    avg: ['Avg', of('avg')],
    min: ['Min', of('min')],
    max: ['Max', of('max')],
    sum: ['Sum', of('sum')],
    count: ['Count', of('count')],
    std_deviation: ['Std Dev', of('stddev')],
    variance: ['Variance', of('variance')],
    std_deviation_bounds_upper: ['Std Dev Upper', bound('+')],
    std_deviation_bounds_lower: ['Std Dev Lower', bound('-')],
  }
}

function readBucket(one: Plain, say: Say): Bucket[] {
  const type = textOf(one['type']) ?? ''
  const field = textOf(one['field'])
  const settings = settingsOf(one)
  switch (type) {
    case 'date_histogram': {
      const interval = textOf(settings['interval'])
      const offset = textOf(settings['offset'])
      if (offset !== undefined && !/^[+-]?0?[smhd]?$/.test(offset))
        say('approximate', { code: 'OBD-L-018', text: `Buckets are moved by ${offset}.` })
      const zone = textOf(settings['timeZone']) ?? 'utc'
      const isDay = /^\d*[dwMqy]$/.test(interval ?? '')
      return [{ kind: 'time', interval: interval === 'auto' ? undefined : interval, calendar: isDay && zone !== 'utc' }]
    }
    case 'terms':
      return field === undefined ? [] : [readTerms(field, settings, say)]
    case 'filters':
      return [{ kind: 'filters', filters: readFilters(settings, say) }]
    case 'histogram':
      return [{ kind: 'histogram', field: field ?? '', step: numberIn(settings['interval']) ?? 1000 }]
    case 'nested':
      say('approximate', { code: 'OBD-L-006', text: `Objects of ${field ?? 'a list'} are not counted one by one.` })
      return []
    default:
      return [{ kind: 'unsupported', what: type || 'a group', field }]
  }
}

function readTerms(field: string, settings: Plain, say: Say): Bucket {
  const size = numberIn(settings['size'])
  const orderBy = textOf(settings['orderBy']) ?? '_term'
  const direction = textOf(settings['order']) === 'asc' ? 'asc' : 'desc'
  const least = numberIn(settings['min_doc_count'])
  if (least !== undefined && least > 1)
    say('approximate', { code: 'OBD-L-020', text: `Groups with fewer than ${least} documents are shown, too.` })
  const by: TermOrder['by'] = orderBy === '_count' ? 'count' : orderBy === '_term' || orderBy === '_key' ? 'key' : { metric: orderBy }
  const missing = settings['missing']
  return {
    kind: 'terms',
    fields: [field],
    size: size === undefined || size <= 0 ? undefined : size,
    order: { by, direction },
    missing: missing !== undefined && missing !== null && missing !== '',
  }
}

function readFilters(settings: Plain, say: Say): { readonly label: string; readonly filter: Filter }[] {
  return listOf(settings['filters'])
    .slice(0, mostParts)
    .map((one) => {
      const text = textOf(one['query']) ?? '*'
      const parsed = parseLucene(text)
      if (!parsed.ok) say('unsupported', { code: 'OBD-L-016', text: `The filter "${text.slice(0, 200)}" cannot be read: ${parsed.why}.` })
      const label = textOf(one['label']) ?? ''
      return { label: label === '' ? text : label, filter: parsed.ok ? parsed.filter : everything }
    })
}
