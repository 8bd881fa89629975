/** Variables and annotations of Grafana's Elasticsearch data source → Loki: section 5.4 of the reference. */

import { parseLucene } from '../filters/lucene.ts'
import { everything } from '../filters/model.ts'
import { logsOf } from '../logql/filter.ts'
import { type Note, type Status, worse } from '../model.ts'
import { textOf } from './elasticsearch-model.ts'
import { contextOf, failed, indexOf } from './elasticsearch-result.ts'
import type { Plain, TargetRequest, TargetResult } from './target.ts'

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

/** `{"find":"terms",…}` as a text, or as an object; undefined: neither. */
function questionOf(query: unknown): Plain | undefined {
  if (isPlain(query)) return query['find'] === undefined && typeof query['query'] === 'string' ? questionOf(query['query']) : query
  if (typeof query !== 'string' || query.length > 65_536) return undefined
  try {
    const parsed: unknown = JSON.parse(query)
    return isPlain(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

const base = {
  edits: [],
  language: 'lucene',
  labels: new Map(),
  series: new Map(),
  factor: 1,
  transformations: [],
} as const

/** Values of a field: by Loki where it is an index label, else a list of what is known. */
export function convertElasticsearchVariable(request: TargetRequest): TargetResult {
  const { model, context } = request
  const before = textOf(model['query']) ?? JSON.stringify(model['query'] ?? '')
  const question = questionOf(model['query'])
  if (question === undefined) return failed(before, 'manual', 'OBD-L-016', 'The variable is no JSON of the form {"find": …}.')
  const find = textOf(question['find'])
  if (find === 'fields') return failed(before, 'unsupported', 'OBD-L-028', 'It lists names of fields.')
  const field = textOf(question['field'])
  if (find !== 'terms' || field === undefined)
    return failed(before, 'unsupported', 'OBD-L-026', `It asks for ${find ?? 'nothing that is known'}.`)
  const index = indexOf(request.datasource.index)
  const parsed = parseLucene(textOf(question['query']) ?? '')
  if (!parsed.ok) return failed(before, 'manual', 'OBD-L-016', `Its query cannot be read: ${parsed.why}.`)
  const place = context.fields.field(field, index)
  const logs = logsOf(parsed.filter, contextOf(request), { index })
  const uses = { metrics: [], labels: [], fields: [...new Set([field, ...logs.uses.fields])] }
  if (place.where !== 'label') return listed(request, before, field, uses)
  const notes: Note[] = logs.notes.filter((one) => one.code !== 'OBD-L-010')
  const isEverywhere = logs.selector === '{service_name=~".+"}'
  let status: Status = worse('approximate', logs.status)
  notes.push({ code: 'OBD-L-027', text: 'All values of the label are listed, in the order of the alphabet.' })
  if (logs.stages !== '') {
    status = worse(status, 'approximate')
    notes.push({ code: 'OBD-L-027', text: 'The rest of the query does not hold for the list of values.' })
  }
  const after = isEverywhere ? `label_values(${place.name})` : `label_values(${logs.selector}, ${place.name})`
  return {
    ...base,
    status: status === 'unsupported' ? 'manual' : status,
    before,
    after,
    afterLanguage: 'logql',
    notes,
    uses,
    models: [{ ...withAll(model), query: after, ...(model['definition'] === undefined ? {} : { definition: after }) }],
    datasource: 'loki',
  }
}

/** `*` as the value of All is a wildcard of Lucene. */
function withAll(model: Plain): Plain {
  const all = textOf(model['allValue'])?.trim()
  return all === '*' || all === '_exists_' ? { ...model, allValue: '.+' } : model
}

const ownOfQueries: ReadonlySet<string> = new Set([
  'definition',
  'refresh',
  'regex',
  'sort',
  'datasource',
  'query',
  'type',
  'tagValuesQuery',
  'tagsQuery',
  'useTags',
])

/** A fixed list of the values that the dashboard remembers; a text box where it remembers none and All cannot be chosen. */
function listed(request: TargetRequest, before: string, field: string, uses: TargetResult['uses']): TargetResult {
  const { model } = request
  const own = Object.fromEntries(Object.entries(model).filter(([key]) => !ownOfQueries.has(key)))
  const values = valuesOf(model)
  const hasAll = model['includeAll'] === true
  const isList = values.length > 0 || hasAll
  const query = values.map((one) => one.replaceAll(/[,\\]/g, '\\$&')).join(',')
  const next: Plain = isList
    ? {
        ...own,
        type: 'custom',
        query,
        ...(hasAll
          ? { allValue: textOf(model['allValue']) === undefined || textOf(model['allValue']) === '*' ? '.+' : model['allValue'] }
          : {}),
      }
    : {
        ...Object.fromEntries(Object.entries(own).filter(([key]) => !['multi', 'includeAll', 'allValue', 'options'].includes(key))),
        type: 'textbox',
        query: '',
      }
  const what = isList ? 'a fixed list of the values that were known' : 'a text box'
  return {
    ...base,
    status: 'manual',
    before,
    after: query,
    afterLanguage: 'text',
    notes: [{ code: 'OBD-L-027', text: `Loki cannot list the values of ${field}: the variable is ${what} now.` }],
    uses,
    models: [next],
    datasource: 'loki',
  }
}

const mostValues = 500

/** Values that the dashboard was saved with. */
function valuesOf(model: Plain): string[] {
  const found = new Set<string>()
  const options = Array.isArray(model['options']) ? model['options'] : []
  const current = isPlain(model['current']) ? model['current']['value'] : undefined
  for (const one of [
    ...options.map((option) => (isPlain(option) ? option['value'] : undefined)),
    ...(Array.isArray(current) ? current : [current]),
  ]) {
    const text = textOf(one)
    if (text !== undefined && text !== '' && text !== '$__all' && found.size < mostValues) found.add(text)
  }
  return [...found]
}

/** Documents as marks on the time axis. */
export function convertElasticsearchAnnotation(request: TargetRequest): TargetResult {
  const { model, context } = request
  const target = isPlain(model['target']) ? model['target'] : {}
  const before = textOf(target['query']) ?? textOf(model['query']) ?? ''
  const index = indexOf(textOf(model['index']) ?? request.datasource.index)
  const parsed = before.trim() === '' ? ({ ok: true, filter: everything } as const) : parseLucene(before)
  if (!parsed.ok) return failed(before, 'manual', 'OBD-L-016', `The query cannot be read: ${parsed.why}.`)
  const logs = logsOf(parsed.filter, contextOf(request), { index })
  if (logs.status === 'unsupported')
    return { ...failed(before, 'unsupported', 'OBD-L-009', 'Its query cannot be asked.'), notes: logs.notes }
  const notes: Note[] = [...logs.notes]
  let status = worse(logs.status, 'unchanged')
  const member = (key: string): string | undefined => textOf(target[key]) ?? textOf(model[key])
  const formatOf = (field: string | undefined): string | undefined => {
    if (field === undefined || field === '') return undefined
    const place = context.fields.field(field, index)
    if (place.where === 'line' || place.where === 'time' || place.where === 'gone') return undefined
    return `{{${place.name}}}`
  }
  const timeField = member('timeField')
  if (timeField !== undefined && timeField !== '' && context.fields.field(timeField, index).where !== 'time') {
    status = worse(status, 'approximate')
    notes.push({ code: 'OBD-L-004', text: `Marks stand at the time of the record, not at ${timeField}.` })
  }
  if ((member('timeEndField') ?? '') !== '') {
    status = worse(status, 'approximate')
    notes.push({ code: 'OBD-L-004', text: 'Marks are points in time, not ranges.' })
  }
  const gone = new Set(['query', 'timeField', 'timeEndField', 'textField', 'tagsField', 'titleField', 'index', 'target', 'interval'])
  const kept = Object.fromEntries(Object.entries(model).filter(([key]) => !gone.has(key)))
  const text = formatOf(member('textField'))
  const title = formatOf(member('titleField'))
  const tags = member('tagsField')
  const tagKeys = tags === undefined || tags === '' ? undefined : context.fields.field(tags, index).name
  const expr = logs.text
  return {
    ...base,
    status,
    before,
    after: expr,
    afterLanguage: 'logql',
    notes,
    uses: logs.uses,
    models: [
      {
        ...kept,
        expr,
        target: { expr, queryType: 'range', refId: textOf(target['refId']) ?? 'Anno' },
        ...(text === undefined ? {} : { textFormat: text }),
        ...(title === undefined ? {} : { titleFormat: title }),
        ...(tagKeys === undefined ? {} : { tagKeys }),
      },
    ],
    datasource: 'loki',
    run: { shape: 'logs', old: 'elasticsearch', new: 'loki', labels: {}, factor: 1, index },
  }
}
