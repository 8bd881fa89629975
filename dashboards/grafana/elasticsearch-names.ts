/** Queries that stay with Elasticsearch, where documents have OpenTelemetry's names now: only names change, in place. Last paragraph of section 7. */

import { parseKql } from '../filters/kql.ts'
import { parseLucene } from '../filters/lucene.ts'
import type { FieldSpan } from '../filters/model.ts'
import { type Note, type QueryEdit, type Status, worse } from '../model.ts'
import type { FieldNaming } from '../naming/fields.ts'
import { applyEdits } from '../text/edits.ts'
import { textOf } from './elasticsearch-model.ts'
import type { Plain, TargetRequest, TargetResult } from './target.ts'

/** A query with other names. */
export interface Renamed {
  readonly after: string
  readonly edits: readonly QueryEdit[]
  readonly status: Status
  readonly notes: readonly Note[]
  readonly fields: readonly string[]
}

/** A name of a field as Lucene and KQL take it: what would be a sign of theirs has a backslash. */
const escapeName = (name: string): string => name.replaceAll(/[\\+!():^[\]"{}~?/\s]/g, '\\$&')

/** New name of a field; the same when it has none of its own. */
export function newName(field: string, fields: FieldNaming, say: (status: Status, note: Note) => void, index?: string): string {
  if (field === '' || field.startsWith('_')) return field
  if (field.includes('*')) {
    if (field !== '*') say('manual', { code: 'OBD-L-007', text: `Which fields fit ${field} is not known.` })
    return field
  }
  const place = fields.field(field, index)
  if (place.where === 'gone') {
    say('manual', { code: 'OBD-L-014', text: `${field} is left out by the mapping.` })
    return field
  }
  if (!place.certain)
    say('approximate', { code: 'OBD-L-015', text: `${field} is ${place.name} now: ${place.why ?? 'it depends on the document'}.` })
  return place.name
}

/**
 * Renames fields of a text in Lucene's syntax or KQL. A text that cannot be read is `manual` and stays.
 * @param index of the documents
 */
export function renameQueryFields(text: string, language: 'lucene' | 'kql', fields: FieldNaming, index?: string): Renamed {
  const notes: Note[] = []
  let status: Status = 'unchanged'
  const say = (worst: Status, note: Note): void => {
    status = worse(status, worst)
    notes.push(note)
  }
  const parsed = language === 'kql' ? parseKql(text) : parseLucene(text)
  if (!parsed.ok) {
    say('manual', { code: 'OBD-L-016', text: `The query cannot be read: ${parsed.why}.` })
    return { after: text, edits: [], status, notes, fields: [] }
  }
  const edits = parsed.fields.flatMap((span: FieldSpan): QueryEdit[] => {
    const to = newName(span.name, fields, say, index)
    const from = text.slice(span.start, span.end)
    const written = from.startsWith('"') ? JSON.stringify(to) : escapeName(to)
    return to === span.name ? [] : [{ start: span.start, end: span.end, from, to: written, rule: '§7 field renamed' }]
  })
  if (edits.length > 0) status = worse(status, 'exact')
  return { after: applyEdits(text, edits), edits, status, notes, fields: parsed.fields.map((one) => one.name) }
}

/** Keys of a model below which a text is the name of a field. */
const nameKeys: ReadonlySet<string> = new Set(['field', 'timeField', 'textField', 'tagsField', 'titleField', 'timeEndField'])

const deepest = 50

/** Converts a target, a variable or an annotation: the same model with other names. */
export function renameElasticsearchModel(request: TargetRequest): TargetResult {
  const { model, context, datasource } = request
  const { fields } = context
  const { index } = datasource
  const notes: Note[] = []
  const used = new Set<string>()
  const labels = new Map<string, string>()
  let status: Status = 'unchanged'
  let edits: readonly QueryEdit[] = []
  const say = (worst: Status, note: Note): void => {
    status = worse(status, worst)
    notes.push(note)
  }
  const rename = (field: string): string => {
    used.add(field)
    const to = newName(field, fields, say, index)
    if (to !== field) {
      labels.set(field, to)
      status = worse(status, 'exact')
    }
    return to
  }

  /** Numbers of metrics that pipelines read stand where fields do. */
  const isField = (text: string): boolean => text !== '' && !/^\d+(\[.*\])?$/.test(text) && text !== 'select field'

  function query(text: string, isWhole: boolean): string {
    const renamed = renameQueryFields(text, 'lucene', fields, index)
    for (const one of renamed.fields) used.add(one)
    status = worse(status, renamed.status)
    notes.push(...renamed.notes)
    if (isWhole) edits = renamed.edits
    return renamed.after
  }

  function walk(value: unknown, key: string, depth: number): unknown {
    if (depth > deepest) return value
    if (typeof value === 'string') {
      if (nameKeys.has(key)) return isField(value) ? rename(value) : value
      if (key === 'alias') return alias(value)
      if (key === 'query') return walkQuery(value, depth)
      return value
    }
    if (Array.isArray(value)) return value.map((one) => walk(one, key === 'metrics' && depth > 2 ? 'field' : key, depth + 1))
    if (typeof value !== 'object' || value === null) return value
    const after: Record<string, unknown> = Object.create(null) as Record<string, unknown>
    for (const [name, one] of Object.entries(value)) after[name] = walk(one, name, depth + 1)
    return after
  }

  /** Lucene's syntax; of variables JSON. */
  function walkQuery(text: string, depth: number): string {
    const trimmed = text.trim()
    if (!trimmed.startsWith('{')) return query(text, depth === 1)
    let object: unknown
    try {
      object = JSON.parse(trimmed)
    } catch {
      say('manual', { code: 'OBD-L-016', text: 'The variable is no JSON.' })
      return text
    }
    const before = JSON.stringify(object)
    const after = JSON.stringify(walk(object, '', depth + 1))
    return before === after ? text : after
  }

  const alias = (text: string): string =>
    text.replaceAll(/\{\{(\s*(?:term\s+)?)([^}\s]+)(\s*)\}\}/g, (whole, lead: string, name: string, tail: string) =>
      name === 'metric' || name === 'field' || (lead.trim() === '' && !name.includes('.')) ? whole : `{{${lead}${rename(name)}${tail}}}`,
    )

  const language = textOf(model['queryType'])
  const before = textOf(model['query']) ?? JSON.stringify(model['query'] ?? '')
  if (language === 'PPL' || language === 'sql' || textOf(model['rawDSLQuery']) !== undefined) {
    say('manual', { code: 'OBD-L-026', text: 'The query is not Lucene; names in it stay as they are.' })
  }
  const isForeign = notes.length > 0
  const next = isForeign ? model : (walk(model, '', 0) as Plain)
  return {
    status,
    before,
    after: textOf(next['query']) ?? JSON.stringify(next['query'] ?? ''),
    edits,
    notes,
    uses: { metrics: [], labels: [], fields: [...used] },
    language: 'lucene',
    models: [next],
    labels,
    series: new Map(),
    factor: 1,
    transformations: [],
    run: { shape: 'range', old: 'elasticsearch', new: 'elasticsearch', labels: Object.fromEntries(labels), factor: 1, index },
  }
}
