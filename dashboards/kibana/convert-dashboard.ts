/** One dashboard of Kibana → one of Grafana, with everything that a report says of it. */

import { maskSecrets, withoutSecrets } from '../grafana/placeholder.ts'
import { logContextOf } from '../logql/context.ts'
import type { LogContext } from '../logql/query.ts'
import { type Item, type Note, noUses } from '../model.ts'
import type { Context } from '../options.ts'
import {
  type Control,
  type ControlResult,
  controlParts,
  controlResults,
  controlsFilter,
  groupControls,
  inputControls,
  isControlled,
  queryVariables,
} from './controls.ts'
import type { KibanaDashboard, KibanaPanel } from './dashboard.ts'
import type { IndexViews } from './data-views.ts'
import { datasourcesOf } from './datasources.ts'
import { drilldownsOf } from './drilldowns.ts'
import { emptyPanel, type NeutralPanel, type PartNote } from './model.ts'
import { neutralPanel, stateOf } from './panels.ts'
import type { SavedObjects } from './saved-objects.ts'
import { allDocuments, type Scope, together } from './scope.ts'
import { searchedFilters, searchedQuery } from './searches.ts'
import { annotationTarget, panelTargets } from './targets.ts'
import { uidOf } from './uids.ts'
import { objectsOf } from './value.ts'
import { type NewAnnotation, ownTime, type Placed, placedPanels, writeDashboard } from './write-dashboard.ts'
import { type Plain, writePanel } from './write-panel.ts'

export interface ConvertedDashboard {
  readonly uid: string
  readonly title: string
  readonly json: Plain
  readonly items: readonly Item[]
  readonly parts: readonly Item[]
  readonly notes: readonly Note[]
}

const isInputControl = ({ type, attributes }: KibanaPanel): boolean =>
  type === 'visualization' && attributes !== undefined && stateOf(attributes).type === 'input_control_vis'

/** A part of the report. */
const partOf = (part: PartNote, where: string): Item => ({
  kind: part.kind,
  id: part.id,
  where,
  title: part.title,
  language: part.kind === 'link' ? 'url' : 'other',
  status: part.status,
  before: withoutSecrets(part.before),
  after: part.after,
  edits: [],
  notes: part.notes,
  uses: noUses,
})

/** What a report shows must not hold what a placeholder must not. */
const masked = (item: Item): Item => ({
  ...item,
  before: maskedText(item.before),
  notes: item.notes.map((note) => ({ ...note, text: withoutSecrets(note.text) })),
})

function maskedText(text: string): string {
  if (!text.startsWith('{')) return withoutSecrets(text)
  try {
    return JSON.stringify(maskSecrets(JSON.parse(text)))
  } catch {
    return withoutSecrets(text) // a text that only looks like JSON
  }
}

const controlItem = ({ control, status, notes, after, language }: ControlResult, id: string): Item => ({
  kind: 'variable',
  id: `${id}/control/${control.id}`,
  where: control.where,
  title: control.title,
  language,
  afterLanguage: after === undefined ? undefined : 'other',
  status,
  before: JSON.stringify(control.json),
  after,
  edits: [],
  notes,
  uses: { ...noUses, fields: control.field === undefined ? [] : [control.field] },
})

/** A panel of controls: its place says where they went. */
const controlsPanel = (results: readonly ControlResult[]): NeutralPanel => ({
  ...emptyPanel,
  text:
    results.length === 0
      ? 'The controls that stood here have no counterpart.'
      : `The controls that stood here are variables at the top: ${results.map(({ control }) => control.title.replaceAll(/[\\`*_[\]<>&|]/g, ' ')).join(', ')}.`,
})

/** Converts a dashboard. `prefix`: of ids in the report, empty where the source has one dashboard. */
export function convertDashboard(
  dashboard: KibanaDashboard,
  objects: SavedObjects,
  views: IndexViews,
  context: Context,
  prefix: string,
): ConvertedDashboard {
  const items: Item[] = []
  const parts: Item[] = []
  const notes: Note[] = []
  const fields = context.fields
  const datasources = datasourcesOf(context.options)
  const filters = objectsOf(dashboard.search.filter)
  const inPanels = new Map<KibanaPanel, readonly Control[]>()
  for (const panel of dashboard.panels) {
    if (isInputControl(panel))
      inPanels.set(panel, inputControls(stateOf(panel.attributes ?? {}), panel.references, filters, views, panel.where))
  }
  const controls = [...groupControls(dashboard, views), ...[...inPanels.values()].flat()]
  const results = controlResults(controls, fields, ['DS_LOKI', 'DS_PROMETHEUS'])
  const own = together(searchedQuery(dashboard.search.query), searchedFilters(filters.filter((filter) => !isControlled(filter, controls))))
  const scope: Scope = {
    objects,
    views,
    around: together(own, { ...allDocuments, filter: controlsFilter(results) }),
    uidOf,
  }
  const logs: LogContext = { ...logContextOf(context, queryVariables(results)), flavour: 'loki' }
  for (const result of results) if (result.isItem) items.push(controlItem(result, prefix === '' ? 'dashboard' : prefix))
  parts.push(...controlParts(results, prefix === '' ? 'dashboard' : prefix).map((part) => partOf(part, dashboard.where)))
  const annotations: NewAnnotation[] = []
  const placed = dashboard.panels.map((panel): Placed => {
    const id = `${prefix === '' ? '' : `${prefix}/`}panel/${panel.index}`
    const ofPanel = inPanels.get(panel)
    const neutral =
      ofPanel === undefined ? neutralPanel(panel, scope, id) : controlsPanel(results.filter(({ control }) => ofPanel.includes(control)))
    const targets = panelTargets(neutral.layers, id, logs)
    items.push(...targets.items)
    parts.push(...neutral.parts.map((part) => partOf({ ...part, id: part.id.startsWith(id) ? part.id : `${id}/${part.id}` }, panel.where)))
    for (const annotation of neutral.annotations) {
      const { expr, item } = annotationTarget(annotation, id, logs)
      items.push(item)
      if (expr !== undefined)
        annotations.push({
          name: annotation.name,
          color: annotation.color,
          expr,
          datasource: datasources.of('logql', annotation.query?.index),
        })
    }
    const { links, parts: linkParts } = drilldownsOf(panel, id)
    parts.push(...linkParts.map((part) => partOf(part, panel.where)))
    const time = panel.timeRange === undefined ? undefined : ownTime(panel.timeRange)
    if (panel.timeRange !== undefined && time === undefined) {
      const text = `The panel's own time is ${panel.timeRange.from} to ${panel.timeRange.to}.`
      parts.push(
        partOf(
          {
            kind: 'panel',
            id: `${id}/time`,
            title: panel.title,
            status: 'manual',
            before: JSON.stringify(panel.timeRange),
            after: undefined,
            notes: [{ code: 'OBD-K-005', text }],
          },
          panel.where,
        ),
      )
    }
    return {
      place: panel.place,
      section: panel.section,
      write: (place, number) =>
        writePanel(
          neutral,
          {
            id: number,
            title: panel.isTitleHidden && neutral.layers.length > 0 && !neutral.isPlaceholder ? '' : panel.title,
            description: panel.description,
            place,
            timeFrom: time?.timeFrom,
            timeShift: time?.timeShift,
            links: links.map((link) => ({ ...link })),
            isTransparent: panel.isTitleHidden,
            reportUrl: context.options.reportUrl,
          },
          targets,
          datasources,
        ),
    }
  })
  const panels = placedPanels(placed, dashboard.sections)
  const hasQueries = results.some(({ variables }) => variables.some(({ type }) => type === 'query'))
  const variableDatasource = hasQueries ? datasources.of('logql', undefined) : undefined
  if (dashboard.isCut)
    notes.push({
      code: 'OBD-K-014',
      text: `The dashboard ${JSON.stringify(dashboard.title)} has more than 10,000 panels; the first ones are converted.`,
    })
  if (datasources.chosen.length > 0) {
    notes.push({
      code: 'OBD-K-021',
      text: `${JSON.stringify(dashboard.title)} asks ${datasources.chosen.map((each) => `\${DS_${each.toUpperCase()}}`).join(' and ')}.`,
    })
  }
  const json = writeDashboard({
    dashboard,
    filterText: withoutSecrets(own.text),
    panels,
    variables: results.flatMap(({ variables }) => variables),
    variableDatasource,
    annotations,
    chosen: datasources.chosen,
  })
  return { uid: uidOf(dashboard.id), title: dashboard.title, json, items: items.map(masked), parts: parts.map(masked), notes }
}
