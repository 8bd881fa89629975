/** Converts a dashboard, whichever schema writes it: variables, annotations, panels, links, data sources. Section 5 of the reference. */

import type { Item, Note } from '../model.ts'
import type { Context } from '../options.ts'
import type { LegacyRule } from '../rules/grafana-legacy.ts'
import type { TextDocument } from '../text/document.ts'
import { textOf } from '../text/node.ts'
import { createDatasources } from './datasources.ts'
import { createRewriter, followDashboardLinks, followPanelLinks } from './links.ts'
import { convertPanel } from './panels.ts'
import type { AnnotationPlace, DashboardPlace } from './places.ts'
import { convertQuery } from './queries.ts'
import { type DatasourceScope, resolveReference } from './references.ts'
import { joinRenames } from './renames.ts'
import { itemOf, partOf, type Scope } from './scope.ts'
import { type ChangedNames, convertFixedVariables, convertVariables, variablesOf } from './variables.ts'

/** What a conversion of a dashboard says; the document has the changes. */
export interface ConvertedDashboard {
  readonly items: readonly Item[]
  readonly parts: readonly Item[]
  /** Alerts of panels, as rules of their own. */
  readonly rules: readonly LegacyRule[]
  /** Values of its variables, by name. */
  readonly variables: Readonly<Record<string, readonly string[]>>
}

/** Members of an annotation that hold its query: Loki's and Prometheus' own, and that of newer ones. */
function annotationAsks(place: AnnotationPlace): boolean {
  const model = place.model()
  const target = model['target']
  const texts = [
    model['expr'],
    model['query'],
    model['rawQuery'],
    ...(typeof target === 'object' && target !== null ? Object.values(target) : []),
  ]
  return texts.some((text) => (typeof text === 'string' && text.trim() !== '') || (typeof text === 'object' && text !== null))
}

function convertAnnotation(scope: Scope, place: AnnotationPlace): void {
  if (place.builtIn) return
  const resolved = resolveReference(place.reference, scope.datasourceScope)
  if (resolved.special || !annotationAsks(place)) return
  const { context, variables } = scope
  const result = convertQuery(
    { role: 'annotation', model: place.model(), datasource: resolved, panel: undefined, variables, context },
    false,
  )
  if (result === undefined) return
  scope.items.push(itemOf(place, result))
  const [next] = result.models
  if (next === undefined) return
  place.write(next, { before: result.before, after: result.after, edits: result.edits })
  const to = scope.datasources.assign(resolved, place.reference, result.datasource ?? resolved.type)
  if (!to.same) place.refer(to.type, to.uid)
}

/** Panels and rows that are repeated for the values of a variable that has no list of them any more. */
function tellRepeats(scope: Scope): void {
  const listless = new Set(
    scope.items.flatMap(({ kind, title, language, status }) =>
      kind === 'variable' && language !== 'promql' && (status === 'manual' || status === 'unsupported') ? [title] : [],
    ),
  )
  for (const { id, title, type, node } of scope.dashboard.panels) {
    const repeat = textOf(node.get('repeat'))
    if (repeat === undefined || !listless.has(repeat)) continue
    const note: Note = { code: 'OBD-G-021', text: `The panel is repeated by the variable "${repeat}".` }
    scope.parts.push(
      partOf({ kind: 'panel', id: `${id}/repeat`, where: node.path, title, status: 'manual', before: type, after: type, notes: [note] }),
    )
  }
}

/** Names that queries read, and that are called otherwise now. */
function changedNames(items: readonly Item[], context: Context): ChangedNames {
  const metrics = new Set<string>()
  const labels = new Set<string>()
  for (const { uses } of items) {
    for (const name of uses.metrics) if (context.metrics.metric(name).name !== name) metrics.add(name)
    for (const name of uses.labels) if (context.metrics.label(name).kind !== 'kept') labels.add(name)
  }
  return { metrics, labels }
}

/** Converts the dashboard at `place`, in its document. */
export function convertDashboard(document: TextDocument, dashboard: DashboardPlace, context: Context): ConvertedDashboard {
  const datasourceScope: DatasourceScope = {
    variables: new Map(dashboard.variables.flatMap((one) => (one.kind === 'datasource' ? [[one.name, one.plugin] as const] : []))),
    inputs: new Map(dashboard.inputs.map((one) => [one.name, one.plugin])),
    known: context.known,
  }
  const scope: Scope = {
    document,
    dashboard,
    context,
    datasourceScope,
    variables: variablesOf(dashboard, datasourceScope),
    datasources: createDatasources(dashboard, context.options),
    items: [],
    parts: [],
    rules: [],
  }
  const rewrite = createRewriter(scope)
  convertVariables(scope)
  for (const annotation of dashboard.annotations) convertAnnotation(scope, annotation)
  for (const panel of dashboard.panels) {
    const { replaced, results } = convertPanel(scope, panel)
    const renames = joinRenames(results.map(({ labels, series }) => ({ labels, series, keeps: new Set<string>() })))
    if (!replaced) followPanelLinks(scope, panel, renames, rewrite)
  }
  tellRepeats(scope)
  convertFixedVariables(scope, changedNames(scope.items, context))
  followDashboardLinks(scope, rewrite)
  scope.parts.push(...scope.datasources.finish())
  const values = Object.fromEntries(scope.variables.map((one) => [one.name, one.values]))
  return { items: scope.items, parts: scope.parts, rules: scope.rules, variables: values }
}
