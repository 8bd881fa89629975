/** Carries renamed labels and series into everything of a panel that speaks of them: overrides, transformations, mappings, links, old kinds of legends. Section 5.1. */

import type { Note } from '../model.ts'
import type { TextDocument } from '../text/document.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import { patchText } from './patch.ts'
import type { PanelPlace, TransformationPlace } from './places.ts'
import { type Renames, renameField, renamePattern, renameTemplate } from './renames.ts'

/** A place that changed, or that nobody could change. */
export interface Followed {
  readonly node: Node
  readonly before: string
  readonly after: string
  readonly note: Note | undefined
}

const unsureNote = (name: string, why: string): Note => ({ code: 'OBD-G-006', text: `"${name}" ${why}.` })

/** Members of transformations' options that hold the name of a field, or a list of them. */
const nameMembers: ReadonlySet<string> = new Set([
  ...['byField', 'fieldName', 'field', 'columnField', 'rowField', 'valueField', 'keyField', 'names', 'fields', 'left', 'right', 'include'],
  ...['exclude', 'targetField', 'source', 'timeField', 'stringField', 'keepLabels', 'valueLabel', 'join', 'value', 'idField', 'mapField'],
  ...['baseField', 'lookupField', 'refField', 'parentId'],
])

/** Members whose keys are names of fields. */
const keyedMembers: ReadonlySet<string> = new Set(['excludeByName', 'indexByName', 'renameByName', 'includeByName', 'fields'])

/** Members that hold a regular expression over names of fields. */
const patternMembers: ReadonlySet<string> = new Set(['pattern', 'regex', 'excludePattern', 'includePattern'])

/** Depth of options that is looked at; Grafana's own are four deep at most. */
const deepest = 12

export interface Follower {
  name(node: Node | undefined, renames?: Renames): void
  pattern(node: Node | undefined, renames?: Renames): void
  template(node: Node | undefined): void
  keys(object: Node | undefined, renames?: Renames): void
}

/** Follows names in one panel; what it did goes to `done`. */
export function createFollower(document: TextDocument, all: Renames, done: Followed[]): Follower {
  const change = (node: Node, before: string, after: string, note?: Note): void => {
    if (before === after && note === undefined) return
    patchText(document, node, before, after)
    done.push({ node, before, after, note })
  }
  return {
    name(node, renames = all) {
      const text = textOf(node)
      if (node === undefined || text === undefined) return
      const why = renames.unsure.get(text)
      // A whole series as a name: its text has names in it.
      const after = text.includes('{') ? renamePattern(text, renames).text : renameField(text, renames)
      change(node, text, after, why === undefined ? undefined : unsureNote(text, why))
    },
    pattern(node, renames = all) {
      const text = textOf(node)
      if (node === undefined || text === undefined || text === '') return
      const { text: after, unclear } = renamePattern(text, renames)
      const [name] = unclear
      const reads = after === text && renames.series.size > 0 && !/^[/^]*\.\*[/$]*$/.test(text)
      const note: Note | undefined =
        name !== undefined
          ? unsureNote(name, renames.unsure.get(name) ?? 'is not sure')
          : reads
            ? { code: 'OBD-G-007', text: 'The pattern reads names of series, and some of them changed.' }
            : undefined
      change(node, text, after, note)
    },
    template(node) {
      const text = textOf(node)
      if (node !== undefined && text !== undefined) change(node, text, renameTemplate(text, all))
    },
    keys(object, renames = all) {
      for (const [key, child] of object?.kind === 'object' ? object.members : []) {
        const name = renameField(key, renames)
        const why = renames.unsure.get(key)
        if (why !== undefined) done.push({ node: child, before: key, after: key, note: unsureNote(key, why) })
        if (name === key || object === undefined || object.get(name) !== undefined) continue
        document.rename(object, child, name)
        done.push({ node: child, before: key, after: name, note: undefined })
      }
    },
  }
}

function followOptions(follower: Follower, options: Node, renames: Renames, depth: number): void {
  if (depth > deepest) return
  for (const [key, value] of options.members) {
    if (keyedMembers.has(key) && value.kind === 'object') {
      // Of a member whose key is renamed the value goes along as it is, so that what is inside comes first: groupBy has no names there.
      follower.keys(value, renames)
    } else if (nameMembers.has(key) && value.kind === 'string') follower.name(value, renames)
    else if (patternMembers.has(key) && value.kind === 'string') follower.pattern(value, renames)
    else if (value.kind === 'array')
      for (const item of value.items) {
        if (item.kind === 'string' && nameMembers.has(key)) follower.name(item, renames)
        else if (item.kind === 'object') followOptions(follower, item, renames, depth + 1)
      }
    else if (value.kind === 'object') followOptions(follower, value, renames, depth + 1)
  }
}

/** Names that a transformation gives to fields: later ones, and overrides, speak of the new names. */
function without(renames: Renames, names: Iterable<string>): Renames {
  const labels = new Map(renames.labels)
  const series = new Map(renames.series)
  for (const name of names) {
    labels.delete(name)
    series.delete(name)
  }
  return { ...renames, labels, series }
}

/** Names that a transformation hides behind others. */
function renamedBy({ id, options }: TransformationPlace): string[] {
  if (id !== 'organize') return []
  return (options?.get('renameByName')?.members ?? []).flatMap(([key, value]) =>
    (textOf(value) ?? '') === '' || textOf(value) === key ? [] : [key],
  )
}

/** Follows names in transformations, in their order. Returns what is still called as the query calls it behind them. */
function followTransformations(follower: Follower, panel: PanelPlace, renames: Renames): Renames {
  let now = renames
  for (const transformation of panel.transformations) {
    if (transformation.options?.kind === 'object') followOptions(follower, transformation.options, now, 0)
    now = without(now, renamedBy(transformation))
  }
  return now
}

function followOverrides(follower: Follower, panel: PanelPlace, renames: Renames): void {
  const defaults = panel.fieldConfig?.get('defaults')
  follower.template(defaults?.get('displayName'))
  for (const override of panel.fieldConfig?.get('overrides')?.items ?? []) {
    const matcher = override.get('matcher')
    const options = matcher?.get('options')
    const id = textOf(matcher?.get('id')) ?? ''
    if (id === 'byName') follower.name(options, renames)
    else if (id === 'byNames') for (const name of options?.get('names')?.items ?? []) follower.name(name, renames)
    else if (id === 'byRegexp' || id === 'byRegexpOrNames')
      follower.pattern(options?.kind === 'object' ? options.get('pattern') : options, renames)
    for (const property of override.get('properties')?.items ?? [])
      if (textOf(property.get('id')) === 'displayName') follower.template(property.get('value'))
  }
}

/** `/regex/` or a name. */
function nameOrPattern(follower: Follower, node: Node | undefined): void {
  const text = textOf(node)
  if (text === undefined) return
  if (/^\/.*\/[a-z]*$/s.test(text)) follower.pattern(node)
  else follower.name(node)
}

/** `graph`, `singlestat`, `table-old`. */
function followOldKinds(follower: Follower, { node }: PanelPlace): void {
  for (const override of node.get('seriesOverrides')?.items ?? []) {
    nameOrPattern(follower, override.get('alias'))
    follower.name(override.get('fillBelowTo'))
  }
  follower.keys(node.get('aliasColors'))
  for (const style of node.get('styles')?.items ?? []) {
    nameOrPattern(follower, style.get('pattern'))
    follower.template(style.get('linkUrl'))
  }
  follower.name(node.get('tableColumn'))
  for (const column of node.get('columns')?.items ?? []) follower.name(column.get('value'))
}

/** Options of newer kinds that name fields. */
function followPanelOptions(follower: Follower, panel: PanelPlace, renames: Renames): void {
  const { options } = panel
  if (options === undefined) return
  for (const sort of options.get('sortBy')?.items ?? []) follower.name(sort.get('displayName'), renames)
  follower.name(options.get('xField'), renames)
  follower.name(options.get('colorByField'), renames)
  follower.template(options.get('displayLabels'))
  const fields = textOf(options.get('reduceOptions')?.get('fields'))
  if (fields !== undefined && fields !== '') nameOrPattern(follower, options.get('reduceOptions')?.get('fields'))
}

/** Follows all names of a panel. Links' URLs are not among them: whoever knows URLs follows them there. */
export function followPanel(document: TextDocument, panel: PanelPlace, renames: Renames): Followed[] {
  const done: Followed[] = []
  const follower = createFollower(document, renames, done)
  const behind = followTransformations(follower, panel, renames)
  followOverrides(follower, panel, behind)
  followPanelOptions(follower, panel, behind)
  followOldKinds(follower, panel)
  return done
}
