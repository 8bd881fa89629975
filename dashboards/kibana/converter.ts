/** Converter of Kibana's saved objects: dashboards of Grafana, or the same objects with fields renamed. Sections 2 and 8. */

import type { Converted, Item, Note } from '../model.ts'
import type { Context } from '../options.ts'
import type { Converter, Source } from '../registry.ts'
import { type ConvertedDashboard, convertDashboard } from './convert-dashboard.ts'
import { type KibanaDashboard, maxPanels, readDashboard } from './dashboard.ts'
import { dataViewsOf, type IndexViews } from './data-views.ts'
import { convertNames } from './renamed.ts'
import { readSavedObjects, type SavedObject, type SavedObjects } from './saved-objects.ts'
import { uidOf } from './uids.ts'

/** Types that a dashboard can show. */
const shown: ReadonlySet<string> = new Set(['visualization', 'lens', 'search', 'map', 'links', 'canvas-workpad'])

/** Types that are read for others, and say nothing themselves. */
const supporting: ReadonlySet<string> = new Set(['index-pattern', 'tag'])

/** Objects that Beats keep in a folder each lie beside: `visualization/<id>.json`. */
function besideOf(context: Context): (type: string, id: string) => SavedObject | undefined {
  return (type, id) => {
    if (type === '' || !/^[\w.-]{1,200}$/.test(id) || !/^[\w-]{1,50}$/.test(type)) return undefined
    const text = context.beside(`../${type}/${id}.json`)
    if (text === undefined) return undefined
    try {
      return readSavedObjects(text, `${type}/${id}.json`).find(type, id)
    } catch {
      return undefined // no saved object: the reference leads nowhere then
    }
  }
}

/** Ids of everything that a dashboard, or something on it, refers to. */
function reached(objects: SavedObjects, dashboards: readonly KibanaDashboard[]): ReadonlySet<string> {
  const ids = new Set<string>()
  for (const { panels } of dashboards) for (const { objectId } of panels) if (objectId !== undefined) ids.add(objectId)
  for (const { type, references, attributes } of objects.list) {
    if (type === 'dashboard') continue
    for (const reference of references) if (reference.type === 'search') ids.add(reference.id)
    if (typeof attributes.savedSearchId === 'string') ids.add(attributes.savedSearchId)
  }
  return ids
}

/** A dashboard of what is on none, in the order of the source, two beside each other. */
function looseDashboard(loose: readonly SavedObject[], path: string): SavedObject {
  const [first] = loose
  const title = loose.length === 1 && first !== undefined ? first.title : `Objects on no dashboard: ${path.split('/').at(-1) ?? path}`
  return {
    type: 'dashboard',
    id: loose.length === 1 && first !== undefined ? first.id : `loose ${loose.map(({ type, id }) => `${type}/${id}`).join(' ')}`,
    title,
    attributes: {
      title,
      panelsJSON: loose.slice(0, maxPanels).map(({ type, id }, index) => ({
        type,
        id,
        panelIndex: String(index + 1),
        gridData: { x: (index % 2) * 24, y: Math.floor(index / 2) * 15, w: 24, h: 15, i: String(index + 1) },
      })),
    },
    references: [],
    where: '$',
  }
}

/** Data views that the export lists fields of are known better than by their names. */
function knowing(context: Context, views: IndexViews): Context {
  const { fields } = context
  return {
    ...context,
    fields: {
      field: (name, index) => fields.field(name, index),
      isText: (name, index) => views.byIndex(index).texts.get(name) ?? fields.isText(name, index),
      selectorOf: (index) => fields.selectorOf(index),
      areMetrics: (index) => fields.areMetrics(index),
      fieldsOf: (index) => fields.fieldsOf(index) ?? views.byIndex(index).fields,
    },
  }
}

/** `a/b.ndjson` → `a/b`. */
const baseOf = (path: string): string => path.replace(/\.[A-Za-z0-9]{1,10}$/, '')

function strangeNotes(objects: SavedObjects): readonly Note[] {
  const notes: Note[] = []
  const others = new Map<string, number>()
  for (const { type } of objects.list)
    if (!shown.has(type) && !supporting.has(type) && type !== 'dashboard') others.set(type, (others.get(type) ?? 0) + 1)
  for (const [type, count] of others) notes.push({ code: 'OBD-K-019', text: `${count} of the type ${JSON.stringify(type)}.` })
  if (objects.strange.length > 0) notes.push({ code: 'OBD-K-019', text: `No saved objects: ${objects.strange.slice(0, 20).join(', ')}.` })
  return notes
}

function readAll(
  source: Source,
  objects: SavedObjects,
  context: Context,
): { readonly dashboards: readonly KibanaDashboard[]; readonly notes: readonly Note[] } {
  const beside = besideOf(context)
  const dashboards = objects.list.filter(({ type }) => type === 'dashboard').map((each) => readDashboard(each, objects, beside))
  const ids = reached(objects, dashboards)
  const loose = objects.list.filter(({ type, id }) => shown.has(type) && !ids.has(id))
  if (loose.length === 0) return { dashboards, notes: [] }
  const names = loose.slice(0, 20).map(({ title }) => JSON.stringify(title))
  return {
    dashboards: [...dashboards, readDashboard(looseDashboard(loose, source.path), objects, beside)],
    notes:
      dashboards.length === 0 && loose.length === 1
        ? []
        : [{ code: 'OBD-K-015', text: `${loose.length} objects are on no dashboard: ${names.join(', ')}.` }],
  }
}

/** Names of items must be one each: of panels with the same index the second gets a number. */
function unique(items: readonly Item[]): readonly Item[] {
  const counts = new Map<string, number>()
  return items.map((item) => {
    const count = (counts.get(item.id) ?? 0) + 1
    counts.set(item.id, count)
    return count === 1 ? item : { ...item, id: `${item.id}#${count}` }
  })
}

/** Converts saved objects. Throws `OB_DECODE_JSON` where there is none, and `OB_LIMIT_BODY` for too many. */
export function convertKibana(source: Source, given: Context): Converted {
  const objects = readSavedObjects(source.text, source.path)
  const views = dataViewsOf(objects)
  const context = knowing(given, views)
  const { dashboards, notes } = readAll(source, objects, context)
  const isMany = dashboards.length > 1
  const prefixOf = (dashboard: KibanaDashboard): string => (isMany ? `dashboard/${uidOf(dashboard.id)}` : '')
  const [first] = dashboards
  const common = {
    kind: 'kibana',
    title: first?.title ?? source.path,
    uid: first === undefined ? '' : uidOf(first.id),
    tags: [...new Set(dashboards.flatMap(({ tags }) => tags))],
  }
  if (given.options.to === 'kibana') {
    const renamed = convertNames(source, given, (other) => {
      const otherViews = dataViewsOf(other)
      const otherContext = knowing(given, otherViews)
      return readAll(source, other, otherContext).dashboards.map((dashboard) =>
        convertDashboard(dashboard, other, otherViews, otherContext, prefixOf(dashboard)),
      )
    })
    return {
      ...common,
      files: [{ path: source.path, text: renamed.text }],
      items: unique(renamed.items),
      parts: unique(renamed.parts),
      notes: [...strangeNotes(objects), ...renamed.notes],
    }
  }
  const converted: readonly ConvertedDashboard[] = dashboards.map((dashboard) =>
    convertDashboard(dashboard, objects, views, context, prefixOf(dashboard)),
  )
  const base = baseOf(source.path)
  const names = new Map<string, number>()
  const files = converted.map(({ uid, json }) => {
    const count = (names.get(uid) ?? 0) + 1
    names.set(uid, count)
    return {
      path: isMany ? `${base}/${uid}${count === 1 ? '' : `-${count}`}.json` : `${base}.json`,
      text: `${JSON.stringify(json, undefined, 2)}\n`,
    }
  })
  const elsewhere: readonly Note[] =
    given.options.targets.logs.flavour === 'elasticsearch-otel' ? [{ code: 'OBD-K-020', text: 'Queries are written for Loki.' }] : []
  return {
    ...common,
    files,
    items: unique(converted.flatMap(({ items }) => items)),
    parts: unique(converted.flatMap(({ parts }) => parts)),
    notes: [...notes, ...elsewhere, ...strangeNotes(objects), ...converted.flatMap((each) => each.notes)],
  }
}

/** Saved objects of Kibana 5 to 9. */
export const kibana: Converter = {
  kind: 'kibana',
  convert: convertKibana,
}
