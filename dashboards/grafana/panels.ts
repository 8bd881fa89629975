/** Converts the queries of one panel, and carries what they changed into the rest of it. Sections 4, 5.1, 5.2 of the reference. */

import type { Note, Status } from '../model.ts'
import { worse } from '../model.ts'
import type { LegacyQuery } from '../rules/grafana-legacy.ts'
import { convertAlert } from './alerts.ts'
import { followPanel } from './follow.ts'
import { keptOriginal, placeholderText } from './placeholder.ts'
import { type PanelPlace, type QueryPlace, refIdAt } from './places.ts'
import { convertQuery } from './queries.ts'
import { type Resolved, resolveReference } from './references.ts'
import { joinRenames, legendLabels } from './renames.ts'
import { canScale, scalePanel } from './scale.ts'
import { itemOf, partOf, type Scope } from './scope.ts'
import type { Plain, TargetResult } from './target.ts'

/** A query of the panel and what became of it. */
interface Done {
  readonly place: QueryPlace
  readonly resolved: Resolved
  readonly result: TargetResult
}

function convertAll(scope: Scope, panel: PanelPlace, plain: Plain, scale: 'query' | 'panel'): Done[] {
  const { options } = scope.context
  const context = options.scale === scale ? scope.context : { ...scope.context, options: { ...options, scale } }
  return panel.queries.flatMap((place) => {
    const resolved = resolveReference(place.reference, scope.datasourceScope)
    const request = { role: place.role, model: place.model(), datasource: resolved, panel: plain, variables: scope.variables, context }
    const result = convertQuery(request, resolved.special)
    return result === undefined ? [] : [{ place, resolved, result }]
  })
}

/** The one factor of all queries; undefined: they differ, or the panel cannot be told. */
function commonFactor(done: readonly Done[], panel: PanelPlace): number | undefined {
  const [first] = done
  const factor = first?.result.factor ?? 1
  if (done.some(({ result }) => result.factor !== factor)) return undefined
  return factor === 1 || canScale(panel, factor) ? factor : undefined
}

const pluginOf = ({ resolved, result }: Done): string => result.datasource ?? resolved.type

/** Data sources of the panel and of its queries, after all queries are converted. */
function moveDatasources(scope: Scope, panel: PanelPlace, done: readonly Done[]): void {
  const { datasources, datasourceScope } = scope
  const moves = done
    .filter(({ result }) => result.models.length > 0)
    .map((one) => ({ ...one, to: datasources.assign(one.resolved, one.place.reference, pluginOf(one)) }))
  for (const { place, to } of moves) if (place.hasReference && !to.same) place.refer(to.type, to.uid)
  const inherits = moves.filter(({ place }) => !place.hasReference)
  if (new Set(inherits.map(({ to }) => `${to.type} ${to.uid}`)).size > 1) {
    for (const { place, to } of inherits) place.refer(to.type, to.uid)
    panel.refer('datasource', '-- Mixed --')
    return
  }
  const [inherited] = inherits
  if (inherited !== undefined) {
    if (!inherited.to.same) panel.refer(inherited.to.type, inherited.to.uid)
    return
  }
  const ofPanel = resolveReference(panel.reference, datasourceScope)
  if (ofPanel.special || panel.reference.form === 'none') return
  // All queries name their own: the panel's says only what a new query would be asked of.
  const plugins = new Set(moves.filter(({ resolved }) => resolved.type === ofPanel.type).map(pluginOf))
  if (plugins.size > 1) {
    panel.refer('datasource', '-- Mixed --')
    return
  }
  const [plugin = ofPanel.type] = plugins
  const to = datasources.assign(ofPanel, panel.reference, plugin)
  if (!to.same) panel.refer(to.type, to.uid)
}

function freeRefIds(panel: PanelPlace): () => string {
  const taken = new Set(panel.queries.map((query) => query.refId))
  let index = 0
  return () => {
    while (taken.has(refIdAt(index))) index += 1
    const refId = refIdAt(index)
    taken.add(refId)
    return refId
  }
}

function writeQueries(scope: Scope, panel: PanelPlace, done: readonly Done[]): void {
  const nextRefId = freeRefIds(panel)
  for (const { place, result, resolved } of done) {
    const [first, ...others] = result.models
    if (first === undefined) {
      if (!place.hidden) place.hide()
      continue
    }
    place.write(first, { before: result.before, after: result.after, edits: result.edits })
    if (others.length === 0) continue
    const to = scope.datasources.assign(resolved, place.reference, result.datasource ?? resolved.type)
    for (const model of others) panel.add(model, { refId: nextRefId(), hidden: place.hidden, type: to.type, uid: to.uid })
  }
}

function placeholder(scope: Scope, panel: PanelPlace, done: readonly Done[]): void {
  const queries = done.map(({ place, result }) => ({
    refId: place.refId,
    language: result.language,
    text: result.before,
    notes: result.notes,
  }))
  panel.toText(placeholderText(queries, scope.context.options.reportUrl), keptOriginal(panel.original()))
}

/** Labels of a query's results that are called as before. */
function keptLabels({ result, place }: Done): Set<string> {
  const model = place.model()
  const legend = typeof model['legendFormat'] === 'string' ? legendLabels(model['legendFormat']) : []
  return new Set([...result.uses.labels, ...legend].filter((label) => !result.labels.has(label)))
}

function follow(scope: Scope, panel: PanelPlace, done: readonly Done[]): Status {
  const renames = joinRenames(done.map((one) => ({ labels: one.result.labels, series: one.result.series, keeps: keptLabels(one) })))
  let status: Status = 'unchanged'
  for (const { node, before, after, note } of followPanel(scope.document, panel, renames)) {
    const notes: Note[] = note === undefined ? [] : [note]
    const one: Status = note === undefined ? 'exact' : note.code === 'OBD-G-007' ? 'approximate' : 'manual'
    status = worse(status, one)
    scope.parts.push(
      partOf({
        kind: 'label',
        id: `${panel.id}/name/${node.path}`,
        where: node.path,
        title: panel.title,
        status: one,
        before,
        after,
        notes,
      }),
    )
  }
  return status
}

/** A panel that stands in another file. */
function libraryPart(scope: Scope, panel: PanelPlace): void {
  const { library } = panel
  if (library === undefined || panel.queries.length > 0) return
  const here = scope.document.root.get('__elements')?.get(library.uid) !== undefined || scope.context.libraryPanels.has(library.uid)
  if (here) return
  const name = library.name === '' ? library.uid : library.name
  scope.parts.push(
    partOf({
      kind: 'panel',
      id: panel.id,
      where: panel.node.path,
      title: panel.title === '' ? name : panel.title,
      status: 'manual',
      before: library.uid,
      after: library.uid,
      notes: [
        { code: 'OBD-G-005', text: `The library panel "${name}" (${library.uid}) is not among the sources; its queries were not seen.` },
      ],
    }),
  )
}

/** What an alert can ask: queries as they are now, and where. */
function queriesOfAlert({ datasources }: Scope, done: readonly Done[]): Map<string, LegacyQuery> {
  const queries = new Map<string, LegacyQuery>()
  for (const { place, resolved, result } of done) {
    const [model] = result.models
    if (model === undefined) continue
    const { type, uid } = datasources.assign(resolved, place.reference, result.datasource ?? resolved.type)
    const { status, notes, before, after } = result
    queries.set(place.refId, { model, datasource: { type: type === '' ? resolved.type : type, uid }, status, notes, before, after })
  }
  return queries
}

/** What happened to a panel: whether it can be worked on further. */
export interface PanelOutcome {
  readonly replaced: boolean
  readonly results: readonly TargetResult[]
}

/** Converts one panel. */
export function convertPanel(scope: Scope, panel: PanelPlace): PanelOutcome {
  libraryPart(scope, panel)
  const plain = panel.plain()
  let done = convertAll(scope, panel, plain, scope.context.options.scale)
  let factor = commonFactor(done, panel)
  if (factor === undefined) {
    done = convertAll(scope, panel, plain, 'query')
    factor = 1
  }
  for (const { place, result } of done) scope.items.push(itemOf(place, result))
  if (panel.alert !== undefined) convertAlert(scope, panel, panel.alert, queriesOfAlert(scope, done))
  const results = done.map(({ result }) => result)
  let status = results.reduce<Status>((worst, result) => worse(worst, result.status), 'unchanged')
  // Expressions over queries that cannot be asked show nothing either.
  const asked = done.filter(({ resolved }) => resolved.type !== '__expr__')
  const failed = asked.length > 0 && asked.every(({ result }) => result.models.length === 0)
  if (failed) placeholder(scope, panel, done)
  else if (done.length > 0) {
    writeQueries(scope, panel, done)
    const steps = results.flatMap((result) => result.transformations)
    panel.transform(steps.filter((step, index) => steps.findIndex((one) => JSON.stringify(one) === JSON.stringify(step)) === index))
    const type = results.find((result) => result.panelType !== undefined)?.panelType
    if (type !== undefined && type !== panel.type) panel.setType(type)
    moveDatasources(scope, panel, done)
    status = worse(status, follow(scope, panel, done))
    if (factor !== 1) scope.parts.push(...scalePanel(scope.document, panel, factor))
  } else if (panel.reference.form !== 'none') moveDatasources(scope, panel, [])
  if (status !== 'unchanged') {
    const notes = results.flatMap((result) => (result.models.length === 0 ? result.notes.slice(0, 1) : []))
    const { id, title, type } = panel
    scope.parts.push(
      partOf({ kind: 'panel', id, where: panel.node.path, title, status, before: type, after: failed ? 'text' : type, notes }),
    )
  }
  return { replaced: failed, results }
}
