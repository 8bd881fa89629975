/** A dashboard of Kibana with everything that its panels point at: section 8.1 of the reference. */

import type { Place } from './layout.ts'
import { inOrder, kibanaPlace } from './layout.ts'
import { type Reference, referencesOf, type SavedObject, type SavedObjects } from './saved-objects.ts'
import { at, isObject, isTrue, type Json, type JsonObject, listOf, membersOf, numberOf, objectOf, objectsOf, textOf } from './value.ts'

/** Most panels of a dashboard: section 1.6. */
export const maxPanels = 10_000

export interface KibanaPanel {
  /** `panelIndex`, or the place in the list where there is none. */
  readonly index: string
  /** `lens`, `visualization`, `search`, `map`, …; empty: nowhere said. */
  readonly type: string
  readonly place: Place
  /** Title to show; empty: hidden. */
  readonly title: string
  readonly isTitleHidden: boolean
  readonly description: string
  /** Attributes of the object, with the panel's own where it stands by value; undefined: the reference is to nothing in the source. */
  readonly attributes: JsonObject | undefined
  /** Id of the saved object; of a missing one, too. */
  readonly objectId: string | undefined
  readonly references: readonly Reference[]
  readonly config: JsonObject
  readonly timeRange: { readonly from: string; readonly to: string } | undefined
  /** As it stands in the source, for placeholders. */
  readonly original: JsonObject
  readonly where: string
  /** Id of its section. */
  readonly section: string | undefined
}

export interface Section {
  readonly id: string
  readonly title: string
  readonly y: number
  readonly isCollapsed: boolean
}

export interface KibanaDashboard {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  /** In reading order, those of sections behind one another. */
  readonly panels: readonly KibanaPanel[]
  readonly sections: readonly Section[]
  /** `{query, filter, …}` */
  readonly search: JsonObject
  readonly time: { readonly from: string; readonly to: string } | undefined
  /** Milliseconds; undefined: none or paused. */
  readonly refresh: number | undefined
  /** Control group: panels by id. */
  readonly controls: readonly (readonly [id: string, control: JsonObject])[]
  readonly references: readonly Reference[]
  readonly hidesTitles: boolean
  readonly where: string
  /** More panels than are read. */
  readonly isCut: boolean
}

const timeRangeOf = (value: Json | undefined): KibanaPanel['timeRange'] => {
  const { from, to } = objectOf(value)
  return textOf(from) === undefined ? undefined : { from: String(from), to: textOf(to) ?? 'now' }
}

/** The reference that a panel names: by its own name, by the name with its index before it. */
function referenceOf(panel: JsonObject, index: string, references: ReadonlyMap<string, Reference>): Reference | undefined {
  const name = textOf(panel.panelRefName)
  if (name === undefined) {
    // Kibana 8.8 and later leave the name out now and then.
    return [`${index}:panel_${index}`, `panel_${index}`, `${index}:savedObjectRef`]
      .map((each) => references.get(each))
      .find((each) => each !== undefined)
  }
  return references.get(`${index}:${name}`) ?? references.get(name)
}

/** References whose names start with the panel's index, without it, and behind them all others. */
function ownReferences(index: string, references: readonly Reference[]): readonly Reference[] {
  const prefix = `${index}:`
  const own = references.filter(({ name }) => name.startsWith(prefix)).map((each) => ({ ...each, name: each.name.slice(prefix.length) }))
  return own.length === 0 ? references : own
}

/** Kinds of objects that a panel without `type` may point at, and the type that it then has. */
const typeOfReference = (type: string): string => type

interface Reading {
  readonly objects: SavedObjects
  readonly references: readonly Reference[]
  readonly byName: ReadonlyMap<string, Reference>
  readonly hidesTitles: boolean
  /** An object that lies beside the source. */
  readonly beside: (type: string, id: string) => SavedObject | undefined
}

function readPanel(panel: JsonObject, position: number, where: string, section: string | undefined, reading: Reading): KibanaPanel {
  const index =
    textOf(panel.panelIndex) ??
    (numberOf(panel.panelIndex) ?? textOf(at(panel, 'gridData', 'i')) ?? textOf(panel.uid) ?? position).toString()
  const config = objectOf(panel.embeddableConfig ?? panel.config)
  const inline = config.attributes ?? (isObject(config.savedVis) ? config.savedVis : undefined)
  const reference = inline === undefined ? referenceOf(panel, index, reading.byName) : undefined
  const id = reference?.id ?? (inline === undefined ? (textOf(panel.id) ?? textOf(config.savedObjectId)) : undefined)
  const type = textOf(panel.type) ?? (reference === undefined ? '' : typeOfReference(reference.type))
  const object = id === undefined ? undefined : (reading.objects.find(type, id) ?? reading.beside(type, id))
  const attributes = isObject(inline) ? inline : object?.attributes
  const isTitleHidden = isTrue(config.hidePanelTitles) || isTrue(config.hide_title) || reading.hidesTitles
  const title = textOf(panel.title) ?? textOf(config.title) ?? textOf(attributes?.title) ?? object?.title ?? ''
  return {
    index,
    type,
    place: kibanaPlace(panel),
    title,
    isTitleHidden,
    description: textOf(config.description) ?? textOf(attributes?.description) ?? '',
    attributes: attributes ?? (id === undefined && Object.keys(config).length > 0 ? config : undefined),
    objectId: id,
    references: isObject(inline)
      ? [...referencesOf(inline.references), ...ownReferences(index, reading.references)]
      : (object?.references ?? []),
    config,
    timeRange: timeRangeOf(config.timeRange ?? config.time_range),
    original: panel,
    where,
    section,
  }
}

/** Controls of a dashboard: an object of panels by id (8.x, as text or not), or a list of them (9.x). */
function controlsOf(attributes: JsonObject): KibanaDashboard['controls'] {
  const group = objectOf(attributes.controlGroupInput)
  const panels = group.panelsJSON ?? group.controls ?? attributes.pinned_panels
  const list = Array.isArray(panels) || (typeof panels === 'string' && panels.trimStart().startsWith('['))
  if (list) return objectsOf(panels).map((control, index) => [textOf(control.id) ?? textOf(control.uid) ?? String(index), control] as const)
  return membersOf(panels)
    .filter((member): member is [string, JsonObject] => isObject(member[1]))
    .toSorted(([, one], [, other]) => (numberOf(one.order) ?? 0) - (numberOf(other.order) ?? 0))
}

/** Names of tags, as far as the source holds them. */
const tagsOf = (references: readonly Reference[], objects: SavedObjects): readonly string[] =>
  references.filter(({ type }) => type === 'tag').map(({ id }) => textOf(objects.find('tag', id)?.attributes.name) ?? id)

/** Reads a dashboard. References that lead nowhere stay as panels without attributes. */
export function readDashboard(
  object: SavedObject,
  objects: SavedObjects,
  beside: (type: string, id: string) => SavedObject | undefined = () => undefined,
): KibanaDashboard {
  const { attributes, references } = object
  const options = objectOf(attributes.optionsJSON ?? attributes.options)
  const hidesTitles = isTrue(options.hidePanelTitles) || isTrue(options.hide_panel_titles)
  const byName = new Map(references.map((each) => [each.name, each]))
  const reading: Reading = { objects, references, byName, hidesTitles, beside }
  const isText = typeof attributes.panelsJSON === 'string'
  const place = `${object.where}.${object.attributes.panelsJSON === undefined ? 'attributes.panels' : 'attributes.panelsJSON'}${isText ? '|$' : ''}`
  const panels: KibanaPanel[] = []
  const sections: Section[] = []
  const all = listOf(attributes.panelsJSON ?? attributes.panels)
  const sectionsBefore = objectsOf(attributes.sections)
  for (const [position, panel] of all.entries()) {
    if (!isObject(panel) || panels.length >= maxPanels) continue
    const inside = panel.panels
    if (Array.isArray(inside) && panel.type === undefined) {
      const id = textOf(panel.uid) ?? textOf(at(panel, 'grid', 'i')) ?? `section-${position}`
      sections.push({
        id,
        title: textOf(panel.title) ?? '',
        y: numberOf(at(panel, 'grid', 'y')) ?? 0,
        isCollapsed: isTrue(panel.collapsed),
      })
      for (const [number, each] of objectsOf(inside).entries()) {
        if (panels.length < maxPanels) panels.push(readPanel(each, number, `${place}[${position}].panels[${number}]`, id, reading))
      }
    } else panels.push(readPanel(panel, position, `${place}[${position}]`, textOf(at(panel, 'gridData', 'sectionId')), reading))
  }
  for (const section of sectionsBefore) {
    const id = textOf(at(section, 'gridData', 'i')) ?? textOf(section.id) ?? ''
    sections.push({
      id,
      title: textOf(section.title) ?? '',
      y: numberOf(at(section, 'gridData', 'y')) ?? 0,
      isCollapsed: isTrue(section.collapsed),
    })
  }
  const refresh = objectOf(attributes.refreshInterval ?? attributes.refresh_interval)
  const range = objectOf(attributes.time_range)
  const from = textOf(attributes.timeFrom) ?? textOf(range.from)
  const restores = isTrue(attributes.timeRestore) || textOf(range.from) !== undefined
  return {
    id: object.id,
    title: object.title,
    description: textOf(attributes.description) ?? '',
    tags: tagsOf(references, objects),
    panels: panels.toSorted((one, other) => inOrder(one.place, other.place)),
    sections: sections.toSorted((one, other) => one.y - other.y),
    search: objectOf(at(attributes, 'kibanaSavedObjectMeta', 'searchSourceJSON') ?? attributes.kibanaSavedObjectMeta),
    time: restores && from !== undefined ? { from, to: textOf(attributes.timeTo) ?? textOf(range.to) ?? 'now' } : undefined,
    refresh: isTrue(refresh.pause) || !((numberOf(refresh.value) ?? 0) > 0) ? undefined : numberOf(refresh.value),
    controls: controlsOf(attributes),
    references,
    hidesTitles,
    where: object.where,
    isCut: all.length > maxPanels,
  }
}
