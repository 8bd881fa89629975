/** Data views (index patterns) of an export: which index they stand for, which of their fields are scripts, how numbers are written. */

import type { Reference, SavedObjects } from './saved-objects.ts'
import { formatsOf, type NumberStyle } from './units.ts'
import { isTrue, type JsonObject, membersOf, objectOf, objectsOf, textOf, textsOf } from './value.ts'

export interface IndexView {
  /** Pattern of indices; undefined: the view is not in the export and its id does not tell. */
  readonly index: string | undefined
  readonly id: string | undefined
  readonly timeField: string
  readonly formats: ReadonlyMap<string, NumberStyle>
  /** Fields that are scripts → their text. */
  readonly scripts: ReadonlyMap<string, string>
  /** Names of its fields; undefined: the export does not list them. */
  readonly fields: readonly string[] | undefined
  /** Fields whose types are listed → whether they are analysed text. */
  readonly texts: ReadonlyMap<string, boolean>
}

const noView: IndexView = {
  index: undefined,
  id: undefined,
  timeField: '@timestamp',
  formats: new Map(),
  scripts: new Map(),
  fields: undefined,
  texts: new Map(),
}

const generated = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:-|$)/i

/** A pattern that stands where a view's id stands, as Beats and Kibana 5 do. */
export const namedView = (id: string | undefined): IndexView =>
  id === undefined || id === '' || generated.test(id) ? { ...noView, id } : { ...noView, id, index: id }

function viewOf(id: string, attributes: JsonObject): IndexView {
  const scripts = new Map<string, string>()
  for (const [field, { script }] of membersOf(attributes.runtimeFieldMap).map(([field, value]) => [field, objectOf(value)] as const)) {
    scripts.set(field, textOf(objectOf(script).source) ?? '')
  }
  const listed = objectsOf(attributes.fields)
  const texts = new Map<string, boolean>()
  for (const field of listed) {
    const name = textOf(field.name)
    const types = textsOf(field.esTypes)
    if (name !== undefined && types.length > 0) texts.set(name, types.includes('text') || types.includes('match_only_text'))
    if (name !== undefined && isTrue(field.scripted)) scripts.set(name, textOf(field.script) ?? '')
  }
  return {
    index: textOf(attributes.title),
    id,
    timeField: textOf(attributes.timeFieldName) ?? '@timestamp',
    formats: formatsOf(attributes.fieldFormatMap),
    scripts,
    fields: listed.length === 0 ? undefined : listed.flatMap(({ name }) => textOf(name) ?? []),
    texts,
  }
}

export interface IndexViews {
  /** By id; of one that is not there what its id tells. */
  byId(id: string | undefined): IndexView
  /** By the pattern. */
  byIndex(index: string | undefined): IndexView
  /** By the name of a reference. */
  byReference(references: readonly Reference[], ...names: readonly string[]): IndexView
  /** The default one of the export's configuration. */
  readonly fallback: IndexView
}

/** @param adHoc data views that an object carries itself */
export function dataViewsOf(objects: SavedObjects): IndexViews {
  const views = new Map<string, IndexView>()
  const byTitle = new Map<string, IndexView>()
  let fallback: IndexView = noView
  for (const { type, id, attributes } of objects.list) {
    if (type !== 'index-pattern') continue
    const view = viewOf(id, attributes)
    views.set(id, view)
    if (view.index !== undefined) byTitle.set(view.index, view)
  }
  const byId = (id: string | undefined): IndexView => views.get(id ?? '') ?? namedView(id)
  for (const { type, attributes } of objects.list) {
    if (type === 'config') fallback = byId(textOf(attributes.defaultIndex))
  }
  return {
    byId,
    byIndex: (index) => byTitle.get(index ?? '') ?? (index === undefined || index === '' ? fallback : { ...noView, index }),
    byReference(references, ...names) {
      for (const name of names) {
        const found = references.find((each) => each.name === name)
        if (found !== undefined) return byId(found.id)
      }
      return noView
    },
    fallback,
  }
}

/** Data views that an object carries itself (`adHocDataViews`), over those of the export. */
export function withAdHoc(views: IndexViews, adHoc: JsonObject): IndexViews {
  const own = new Map(
    membersOf(adHoc).map(([id, spec]) => {
      const object = objectOf(spec)
      return [
        id,
        viewOf(id, { ...object, title: object.title ?? '', fieldFormatMap: object.fieldFormats, runtimeFieldMap: object.runtimeFieldMap }),
      ] as const
    }),
  )
  if (own.size === 0) return views
  const byId = (id: string | undefined): IndexView => own.get(id ?? '') ?? views.byId(id)
  return {
    ...views,
    byId,
    byReference(references, ...names) {
      for (const name of names) {
        const found = references.find((each) => each.name === name)
        if (found !== undefined) return byId(found.id)
      }
      return views.byReference(references, ...names)
    },
  }
}
