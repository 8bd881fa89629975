/** Variables of a dashboard: the model that queries are told, and what becomes of each kind. Section 5.4 of the reference. */

import type { Note, Status } from '../model.ts'
import { variablesIn } from '../promql/mask.ts'
import { rewritePromql } from '../promql/rewrite.ts'
import { keepNative, keepOther, shownQuery } from './native.ts'
import { isPlain, patchNode } from './patch.ts'
import type { DashboardPlace, VariablePlace } from './places.ts'
import { promqlContext, promqlPlugins } from './prometheus.ts'
import { converterOf, guessPlugin } from './queries.ts'
import { type DatasourceScope, type Resolved, resolveReference } from './references.ts'
import { mentions } from './renames.ts'
import { itemOf, partOf, type Scope } from './scope.ts'
import type { Plain, TargetRequest, TargetResult, Variable } from './target.ts'
import { convertPrometheusVariable, variableText } from './variable-query.ts'

/** Most values of a variable that are looked at. */
const mostValues = 1000

/** Texts of `current`, which is a text, a list, or an object with either. */
function valuesOf(current: unknown): string[] {
  if (typeof current === 'string') return [current]
  if (Array.isArray(current)) return current.slice(0, mostValues).flatMap(valuesOf)
  return isPlain(current) ? valuesOf(current['value'] ?? current['text']) : []
}

/** What queries are told of the dashboard's variables. */
export const variablesOf = (dashboard: DashboardPlace, scope: DatasourceScope): Variable[] =>
  dashboard.variables.map((place) => {
    const model = place.model()
    const type = place.kind === 'query' ? resolveReference(place.reference, scope).type : ''
    return {
      name: place.name,
      kind: place.kind,
      datasource: type === '' ? undefined : type,
      values: valuesOf(model['current']),
      many: model['multi'] === true || model['includeAll'] === true,
    }
  })

function convert(request: TargetRequest, resolved: Resolved): TargetResult {
  const { type } = resolved
  if (resolved.special) return keepOther(request, true)
  if (promqlPlugins.has(type)) return convertPrometheusVariable(request)
  if (type === 'loki') return keepNative(request, 'logql')
  if (type === 'tempo') return keepNative(request, 'traceql')
  const converter = converterOf(request)
  if (converter !== undefined) return converter(request)
  if (type !== '') return keepOther(request, false)
  // Nothing says what is asked.
  const text = variableText(request.model)
  const looksLike =
    /^\s*(?:label_values|label_names|metrics|query_result)\s*\(/.test(text) || guessPlugin({ expr: text }, new Set()) === 'prometheus'
  const note: Note = {
    code: 'OBD-G-001',
    text: looksLike
      ? 'Nobody says what data source this is; the variable was read as one of prometheus.'
      : 'Nobody says what data source this is.',
    suggestion: '--datasource default=UID',
  }
  const result = looksLike ? convertPrometheusVariable(request) : keepOther(request, true)
  return { ...result, status: 'manual', notes: [...result.notes, note] }
}

/** Names that the queries of a dashboard read and that have another name now. */
export interface ChangedNames {
  readonly metrics: ReadonlySet<string>
  readonly labels: ReadonlySet<string>
}

function convertQueryVariable(scope: Scope, place: VariablePlace): void {
  const model = place.model()
  if (variableText(model).trim() === '' && !isPlain(model['query'])) return
  const resolved = resolveReference(place.reference, scope.datasourceScope)
  const { context, variables } = scope
  const result = convert({ role: 'variable', model, datasource: resolved, panel: undefined, variables, context }, resolved)
  scope.items.push(itemOf(place, { ...result, before: result.before === '' ? shownQuery(model) : result.before }))
  const [next] = result.models
  if (next === undefined) return
  place.write(next, { before: result.before, after: result.after, edits: result.edits })
  if (next['type'] !== undefined && next['type'] !== 'query') return
  const to = scope.datasources.assign(resolved, place.reference, result.datasource ?? resolved.type)
  if (!to.same) place.refer(to.type, to.uid)
}

/** Values written by hand: rewritten where all of it is one selector, else looked through for names that changed. */
function convertFixedVariable(scope: Scope, place: VariablePlace, changed: ChangedNames): void {
  const { context, document } = scope
  if (context.metrics.isIdentity) return
  const model = place.model()
  const members = ['query', 'allValue'] as const
  for (const key of members) {
    const text = model[key]
    const node = place.node.get(key)
    if (typeof text !== 'string' || text.trim() === '' || node === undefined) continue
    const names = [...changed.metrics, ...changed.labels].filter((name) => mentions(text, name))
    if (names.length === 0) continue
    const part = (status: Status, after: string, notes: readonly Note[]) =>
      scope.parts.push(
        partOf({
          kind: 'label',
          id: `${place.id}/${key}`,
          where: node.path,
          title: place.name,
          language: 'promql',
          status,
          before: text,
          after,
          notes,
        }),
      )
    const isSelector = place.kind === 'constant' && /^\s*(?:[A-Za-z_:][\w:]*\s*)?\{[^{}]*\}\s*$|^\s*[A-Za-z_:][\w:]*\s*$/.test(text)
    const result = isSelector ? rewritePromql(text, promqlContext(scope, 'variable', [])) : undefined
    if (result !== undefined && result.edits.length > 0 && (result.status === 'exact' || result.status === 'approximate')) {
      document.editText(
        node,
        result.edits.map(({ start, end, to }) => ({ start, end, to })),
      )
      for (const other of ['current', 'options'] as const) patchCopies(scope, place, other, text, result.after)
      part('approximate', result.after, [{ code: 'OBD-G-008', text: 'The constant was read as a selector.' }, ...result.notes])
      continue
    }
    part('manual', text, [{ code: 'OBD-G-008', text: `The values speak of ${names.slice(0, 5).join(', ')}, which changed.` }])
  }
}

/** The chosen value of a constant is its text once more. */
function patchCopies(scope: Scope, place: VariablePlace, key: string, before: string, after: string): void {
  const node = place.node.get(key)
  if (node === undefined) return
  const replaced = (value: unknown): unknown => {
    if (value === before) return after
    if (Array.isArray(value)) return value.map(replaced)
    if (!isPlain(value)) return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, replaced(one)]))
  }
  patchNode(scope.document, node, replaced(node.plain()))
}

/** Saved filters of an ad hoc variable: their keys are labels. */
function convertAdHoc(scope: Scope, place: VariablePlace): void {
  const resolved = resolveReference(place.reference, scope.datasourceScope)
  const to = resolved.type === 'elasticsearch' || resolved.type === 'grafana-opensearch-datasource' ? logsPlugin(scope) : resolved.type
  const rename = (key: string): string => {
    if (promqlPlugins.has(resolved.type)) {
      const target = scope.context.metrics.label(key)
      return target.kind === 'renamed' ? target.to : key
    }
    return to === resolved.type && to !== 'elasticsearch' ? key : scope.context.fields.field(key, resolved.index).name
  }
  for (const list of ['filters', 'baseFilters']) {
    for (const filter of place.node.get(list)?.items ?? []) {
      const node = filter.get('key')
      const key = typeof node?.value === 'string' ? node.value : undefined
      if (node === undefined || key === undefined) continue
      const after = rename(key)
      if (after === key) continue
      scope.document.replace(node, after)
      scope.parts.push(
        partOf({
          kind: 'label',
          id: `${place.id}/${node.path}`,
          where: node.path,
          title: place.name,
          status: 'exact',
          before: key,
          after,
          notes: [{ code: 'OBD-G-018', text: `"${key}" is "${after}" now.` }],
        }),
      )
    }
  }
  const assigned = scope.datasources.assign(resolved, place.reference, to)
  if (!assigned.same) place.refer(assigned.type, assigned.uid)
}

const logsPlugin = ({ context }: Scope): string => (context.options.targets.logs.flavour === 'loki' ? 'loki' : 'elasticsearch')

/** Text in which a variable asks for others. */
const asksWith = (model: Plain): string => JSON.stringify([model['query'] ?? '', model['regex'] ?? '', model['datasource'] ?? ''])

/** Variables that need each other: said, not mended. */
function circlesOf(scope: Scope): string[][] {
  const names = new Set(scope.dashboard.variables.map((one) => one.name))
  const needs = new Map(
    scope.dashboard.variables.map(
      (one) => [one.name, [...new Set(variablesIn(asksWith(one.model()), names).map((use) => use.name))]] as const,
    ),
  )
  const circles: string[][] = []
  const done = new Set<string>()
  for (const start of names) {
    if (done.has(start)) continue
    // Depth first, with the way here as a list: no recursion, whatever the number of variables.
    const way: string[] = [start]
    const left = [[...(needs.get(start) ?? [])]]
    while (way.length > 0) {
      const next = left.at(-1)?.pop()
      if (next === undefined) {
        done.add(way.pop() ?? '')
        left.pop()
      } else if (way.includes(next)) circles.push([...way.slice(way.indexOf(next)), next])
      else if (!done.has(next) && names.has(next)) {
        way.push(next)
        left.push([...(needs.get(next) ?? [])])
      }
    }
  }
  return circles
}

/** Converts all variables; those with values of their own need to know what changed, so that they come last. */
export function convertVariables(scope: Scope): void {
  for (const place of scope.dashboard.variables) {
    if (place.kind === 'query' || place.kind === '') convertQueryVariable(scope, place)
    else if (place.kind === 'adhoc' || place.kind === 'groupby') convertAdHoc(scope, place)
  }
  for (const circle of circlesOf(scope)) {
    const text = circle.map((name) => `$${name}`).join(' → ')
    const note: Note = { code: 'OBD-G-016', text: `${text}.` }
    scope.parts.push(
      partOf({
        kind: 'label',
        id: `variable/${circle[0]}/circle`,
        where: '$',
        title: circle[0] ?? '',
        status: 'manual',
        before: text,
        after: text,
        notes: [note],
      }),
    )
  }
}

/** Variables whose values are written by hand. */
export function convertFixedVariables(scope: Scope, changed: ChangedNames): void {
  for (const place of scope.dashboard.variables)
    if (['custom', 'constant', 'textbox'].includes(place.kind)) convertFixedVariable(scope, place, changed)
}
