/** Converts a dashboard, whichever schema writes it: variables, annotations, panels, links, data sources. Section 5 of the reference. */

import type { Item } from '../model.ts'
import type { Context } from '../options.ts'
import type { LegacyRule } from '../rules/grafana-legacy.ts'
import type { TextDocument } from '../text/document.ts'
import { createDatasources } from './datasources.ts'
import { createRewriter, followDashboardLinks, followPanelLinks } from './links.ts'
import { convertPanel } from './panels.ts'
import type { AnnotationPlace, DashboardPlace } from './places.ts'
import { convertQuery } from './queries.ts'
import { type DatasourceScope, resolveReference } from './references.ts'
import { joinRenames } from './renames.ts'
import { itemOf, type Scope } from './scope.ts'
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
  convertFixedVariables(scope, changedNames(scope.items, context))
  followDashboardLinks(scope, rewrite)
  scope.parts.push(...scope.datasources.finish())
  const values = Object.fromEntries(scope.variables.map((one) => [one.name, one.values]))
  return { items: scope.items, parts: scope.parts, rules: scope.rules, variables: values }
}
