/** Query variables of Prometheus: what they ask, taken apart and put together again. Section 5.4 of the reference. */

import type { Note, QueryEdit, Status } from '../model.ts'
import { worse } from '../model.ts'
import type { LabelTarget } from '../naming/metrics.ts'
import { rewritePromql } from '../promql/rewrite.ts'
import { isPlain } from './patch.ts'
import { promqlContext, textIn } from './prometheus.ts'
import { renamePattern } from './renames.ts'
import type { Plain, TargetRequest, TargetResult } from './target.ts'

/** A part of a variable's query, with its place. */
interface Part {
  readonly start: number
  readonly end: number
  readonly text: string
}

export type VariableQuery =
  | { readonly kind: 'label_values'; readonly selector: Part | undefined; readonly label: Part }
  | { readonly kind: 'label_names'; readonly selector: Part | undefined }
  | { readonly kind: 'metrics'; readonly pattern: Part }
  | { readonly kind: 'query_result'; readonly expr: Part }
  /** A selector or an expression: its series, as text. */
  | { readonly kind: 'series'; readonly expr: Part }

function part(text: string, start: number, end: number): Part {
  const inside = text.slice(start, end)
  const trimmed = inside.trim()
  const from = start + (inside.length - inside.trimStart().length)
  return { start: from, end: from + trimmed.length, text: trimmed }
}

/** The last comma that stands in no bracket and no string; -1: none. */
function lastComma(text: string): number {
  let depth = 0
  let found = -1
  for (let at = 0; at < text.length; at++) {
    const sign = text.charAt(at)
    if (sign === '"' || sign === "'" || sign === '`') {
      for (at += 1; at < text.length && text.charAt(at) !== sign; at++) if (sign !== '`' && text.charAt(at) === '\\') at += 1
    } else if (sign === '(' || sign === '{' || sign === '[') depth += 1
    else if (sign === ')' || sign === '}' || sign === ']') depth -= 1
    else if (sign === ',' && depth === 0) found = at
  }
  return found
}

/** Takes the query of a variable apart. */
export function parseVariableQuery(text: string): VariableQuery {
  const call = /^\s*(label_values|label_names|metrics|query_result)\s*\(/.exec(text)
  const end = text.trimEnd().length - 1
  if (call === null || text.charAt(end) !== ')') return { kind: 'series', expr: part(text, 0, text.length) }
  const start = call[0].length
  const inside = part(text, start, end)
  if (call[1] === 'metrics') return { kind: 'metrics', pattern: inside }
  if (call[1] === 'query_result') return { kind: 'query_result', expr: inside }
  if (call[1] === 'label_names') return { kind: 'label_names', selector: inside.text === '' ? undefined : inside }
  const comma = lastComma(text.slice(start, end))
  if (comma === -1) return { kind: 'label_values', selector: undefined, label: inside }
  return { kind: 'label_values', selector: part(text, start, start + comma), label: part(text, start + comma + 1, end) }
}

interface Outcome {
  readonly status: Status
  readonly edits: readonly QueryEdit[]
  readonly notes: readonly Note[]
  readonly metrics: readonly string[]
  readonly labels: readonly string[]
  /** Names in the text of series. */
  readonly renamed: { readonly labels: ReadonlyMap<string, string>; readonly series: ReadonlyMap<string, string> }
  /** The values that it offers are names of metrics. */
  readonly listsMetrics: boolean
}

const nothing: Outcome = {
  status: 'unchanged',
  edits: [],
  notes: [],
  metrics: [],
  labels: [],
  renamed: { labels: new Map(), series: new Map() },
  listsMetrics: false,
}

/** A label's name as the second argument of `label_values`. */
const labelText = (name: string): string =>
  /^[A-Za-z_]\w*$/.test(name) ? name : `"${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
const labelName = (text: string): string => (/^"(.*)"$/s.exec(text)?.[1] ?? text).replaceAll('\\"', '"')

function expression(request: TargetRequest, expr: Part, wanted: readonly string[]): Outcome {
  const result = rewritePromql(expr.text, promqlContext(request, 'variable', wanted))
  return {
    ...nothing,
    status: result.status,
    edits: result.edits.map((edit) => ({ ...edit, start: edit.start + expr.start, end: edit.end + expr.start })),
    notes: result.notes,
    metrics: result.uses.metrics,
    labels: result.uses.labels,
    renamed: { labels: result.labels, series: result.series },
  }
}

function labelTarget(request: TargetRequest, label: string, metrics: readonly string[]): LabelTarget {
  const naming = request.context.metrics
  const targets = metrics.map((name) => naming.metric(name).label(label))
  const [first] = targets
  if (first === undefined) return naming.label(label)
  const same = targets.every(
    (one) => one.kind === first.kind && (one.kind !== 'renamed' || (first.kind === 'renamed' && one.to === first.to)),
  )
  return same ? first : { kind: 'gone', why: 'the metrics of the selector do not agree on its new name' }
}

function labelValues(request: TargetRequest, query: Extract<VariableQuery, { kind: 'label_values' }>): Outcome {
  const { selector, label } = query
  const name = labelName(label.text)
  const inside = selector === undefined ? nothing : expression(request, selector, [])
  const labels = [...new Set([...inside.labels, name])]
  if (name === '__name__') return { ...inside, labels, listsMetrics: true }
  if (name.includes('$') || name.includes('[[')) return { ...inside, labels: inside.labels }
  const target = labelTarget(request, name, inside.metrics)
  const edit = (to: string): QueryEdit => ({ start: label.start, end: label.end, from: label.text, to, rule: '§5.4 label of a variable' })
  if (target.kind === 'renamed' && target.to !== name)
    return { ...inside, labels, status: worse(inside.status, 'exact'), edits: [...inside.edits, edit(labelText(target.to))] }
  if (target.kind === 'resource') return onTargetInfo(inside, query, labels, edit(labelText(target.to)))
  if (target.kind === 'gone') {
    const note: Note = { code: 'OBD-G-017', text: `The label "${name}" is not on the series any more: ${target.why}.` }
    return { ...inside, labels, status: worse(inside.status, 'manual'), notes: [...inside.notes, note] }
  }
  return { ...inside, labels }
}

/** The label is on `target_info` alone now: the metric of the selector makes place for it. */
function onTargetInfo(
  inside: Outcome,
  query: Extract<VariableQuery, { kind: 'label_values' }>,
  labels: readonly string[],
  label: QueryEdit,
): Outcome {
  const { selector } = query
  if (selector === undefined || /^[A-Za-z_:][\w:]*$/.test(selector.text)) {
    const from = selector?.text ?? ''
    const edit: QueryEdit =
      selector === undefined
        ? { start: label.start, end: label.start, from: '', to: 'target_info, ', rule: '§5.4 label of a resource' }
        : { start: selector.start, end: selector.end, from, to: 'target_info', rule: '§5.4 label of a resource' }
    // Any series had it before; now every resource that has it, whatever its metrics.
    const note: Note = {
      code: 'OBD-G-017',
      text: 'The label is on target_info alone now, which says of no metric whether the resource has it.',
    }
    return {
      ...inside,
      labels,
      status: selector === undefined ? 'exact' : 'approximate',
      edits: [edit, label],
      notes: selector === undefined ? [] : [note],
    }
  }
  const note: Note = {
    code: 'OBD-G-017',
    text: 'The label is on target_info alone now, and the selector asks for others as well.',
    suggestion: `label_values(target_info{…}, ${label.to})`,
  }
  return { ...inside, labels, status: 'manual', edits: [], notes: [...inside.notes, note] }
}

function metricNames(request: TargetRequest, pattern: Part): Outcome {
  const { metrics } = request.context
  if (metrics.isIdentity) return { ...nothing, listsMetrics: true }
  const known = metrics.known
  const literal = pattern.text.split('|').every((one) => /^[\w:]+$/.test(one))
  const names = literal ? pattern.text.split('|') : []
  if (names.length > 0) {
    const edits: QueryEdit[] = []
    let at = pattern.start
    for (const name of names) {
      const to = metrics.metric(name).name
      if (to !== undefined && to !== name)
        edits.push({ start: at, end: at + name.length, from: name, to, rule: '§5.4 metric of a variable' })
      at += name.length + 1
    }
    // A pattern is found anywhere in a name, so that it may fit others, too.
    const others = known === undefined || names.some((name) => [...known].some((one) => one !== name && one.includes(name)))
    const note: Note = { code: 'OBD-G-009', text: 'The pattern is looked for anywhere in names of metrics; other metrics may fit it, too.' }
    if (edits.length === 0) return { ...nothing, metrics: names, listsMetrics: true }
    return { ...nothing, status: others ? 'approximate' : 'exact', edits, notes: others ? [note] : [], metrics: names, listsMetrics: true }
  }
  const note: Note = { code: 'OBD-G-009', text: 'The pattern is over names of metrics, some of which changed.' }
  const moved = known === undefined || [...known].some((name) => metrics.metric(name).name !== name)
  return moved ? { ...nothing, status: 'manual', notes: [note], listsMetrics: true } : { ...nothing, listsMetrics: true }
}

function outcomeOf(request: TargetRequest, text: string): Outcome {
  const query = parseVariableQuery(text)
  switch (query.kind) {
    case 'label_values':
      return labelValues(request, query)
    case 'metrics':
      return metricNames(request, query.pattern)
    case 'label_names': {
      const inside = query.selector === undefined ? nothing : expression(request, query.selector, [])
      if (request.context.metrics.isIdentity) return inside
      const note: Note = { code: 'OBD-G-008', text: 'The variable offers names of labels; those that were renamed have their new names.' }
      return { ...inside, status: worse(inside.status, 'approximate'), notes: [...inside.notes, note] }
    }
    case 'query_result':
    case 'series':
      return expression(request, query.expr, [])
  }
}

/** The text of a variable's query, and where it stands. */
function queryText(model: Plain): { readonly text: string; readonly inObject: boolean } {
  const { query } = model
  if (typeof query === 'string') return { text: query, inObject: false }
  return {
    text: isPlain(query) ? (textIn(query, 'query') ?? textIn(query, 'expr') ?? '') : (textIn(model, 'definition') ?? ''),
    inObject: true,
  }
}

export const variableText = (model: Plain): string => queryText(model).text

function applied(text: string, edits: readonly QueryEdit[]): string {
  let out = ''
  let at = 0
  for (const { start, end, to } of edits.toSorted((one, other) => one.start - other.start)) {
    out += text.slice(at, start) + to
    at = end
  }
  return out + text.slice(at)
}

/** Values that are names of metrics are renamed with them. */
function renameValues(value: unknown, rename: (name: string) => string): unknown {
  if (typeof value === 'string') return rename(value)
  if (Array.isArray(value)) return value.map((one) => renameValues(one, rename))
  if (!isPlain(value)) return value
  const copy: Record<string, unknown> = { ...value }
  for (const key of ['text', 'value']) if (copy[key] !== undefined) copy[key] = renameValues(copy[key], rename)
  return copy
}

/** Rewrites a query variable. Its `regex` reads the text of series where the query gives series: names in it are renamed. */
export function convertPrometheusVariable(request: TargetRequest): TargetResult {
  const { model } = request
  const { text, inObject } = queryText(model)
  const outcome = outcomeOf(request, text)
  const after = applied(text, outcome.edits)
  const next: Record<string, unknown> = { ...model }
  const { query } = model
  if (!inObject) next['query'] = after
  else if (isPlain(query)) {
    const key = textIn(query, 'query') === undefined ? 'expr' : 'query'
    next['query'] = { ...query, [key]: after, ...renamedHints(query, text, after) }
  }
  if (model['definition'] === text) next['definition'] = after
  const regex = textIn(model, 'regex') ?? ''
  const { labels, series } = outcome.renamed
  let { status } = outcome
  const notes = [...outcome.notes]
  const kind = parseVariableQuery(text).kind
  if ((kind === 'series' || kind === 'query_result') && regex !== '' && (labels.size > 0 || series.size > 0 || after !== text)) {
    const { text: renamed } = renamePattern(regex, { labels, series: metricsOf(request, outcome), unsure: new Map() })
    next['regex'] = renamed
    notes.push({ code: 'OBD-G-009', text: `The regular expression ${regex} takes values out of the text of series.` })
    status = worse(status, 'approximate')
  }
  if (outcome.listsMetrics && !request.context.metrics.isIdentity) {
    const rename = (name: string): string => (name.startsWith('$__') ? name : (request.context.metrics.metric(name).name ?? name))
    for (const key of ['current', 'options']) if (model[key] !== undefined) next[key] = renameList(model[key], rename)
  }
  return {
    status,
    before: text,
    after,
    language: 'promql',
    edits: outcome.edits,
    notes,
    uses: { metrics: outcome.metrics, labels: outcome.labels, fields: [] },
    models: [next],
    labels,
    series,
    factor: 1,
    transformations: [],
  }
}

const renameList = (value: unknown, rename: (name: string) => string): unknown =>
  Array.isArray(value) ? value.map((one) => renameValues(one, rename)) : renameValues(value, rename)

/** Names of metrics as the text of series shows them. */
const metricsOf = ({ context }: TargetRequest, { metrics }: Outcome): Map<string, string> =>
  new Map(
    metrics.flatMap((name) => {
      const to = context.metrics.metric(name).name
      return to === undefined || to === name ? [] : [[name, to] as const]
    }),
  )

/** The editor keeps the parts beside the text. */
function renamedHints(query: Plain, before: string, after: string): Plain {
  if (before === after) return {}
  const old = parseVariableQuery(before)
  const now = parseVariableQuery(after)
  if (old.kind !== 'label_values' || now.kind !== 'label_values') return {}
  const hints: Record<string, unknown> = {}
  if (query['label'] === labelName(old.label.text)) hints['label'] = labelName(now.label.text)
  if (old.selector !== undefined && query['metric'] === old.selector.text) hints['metric'] = now.selector?.text ?? ''
  return hints
}
