/** Reads a classic dashboard (schema 6 to 42, the `spec` of a v1 resource too): where its queries stand, and how they are written back. */

import { BridgeError } from '../../src/errors.ts'
import { maxPanels } from '../limits.ts'
import type { TextDocument } from '../text/document.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import { isPlain, type KnownEdits, patchNode } from './patch.ts'
import {
  type AnnotationPlace,
  createNames,
  type DashboardPlace,
  type InputPlace,
  type PanelPlace,
  type QueryPlace,
  refIdAt,
  type VariablePlace,
} from './places.ts'
import { type Reference, readReference } from './references.ts'
import type { Plain, Role } from './target.ts'

/** Members of a target that say where it belongs, not what it asks. */
const ownMembers = ['refId', 'hide', 'datasource'] as const

/** From here on data sources are `{type, uid}`; before, a name. */
const objectReferences = 33

export const plainOf = (node: Node): Plain => {
  const value = node.plain()
  return isPlain(value) ? value : {}
}

/** Sets a member, whether it is there or not. */
export function setMember(document: TextDocument, object: Node, key: string, value: unknown, after?: string): void {
  const member = object.get(key)
  if (member === undefined) document.insert(object, key, value, after)
  else patchNode(document, member, value)
}

const numberOf = (node: Node | undefined): number | undefined => (node?.kind === 'number' ? (node.value as number) : undefined)

/** Writes a reference in the form that is there already; a new one as the schema has it. */
function writeReference(document: TextDocument, object: Node, asObject: boolean, type: string, uid: string): void {
  const node = object.get('datasource')
  const wantObject = node?.kind === 'object' || (node?.kind !== 'string' && asObject)
  setMember(document, object, 'datasource', wantObject ? { ...(node === undefined ? {} : plainIn(node)), type, uid } : uid)
}

const plainIn = (node: Node): Plain => (node.kind === 'object' ? plainOf(node) : {})

interface ReadOptions {
  readonly document: TextDocument
  readonly root: Node
  readonly asObject: boolean
}

function queryPlace(
  options: ReadOptions,
  role: Role,
  node: Node,
  place: { readonly id: string; readonly title: string; readonly refId: string; readonly reference: Reference },
): QueryPlace {
  const { document, asObject } = options
  const own = readReference(node.get('datasource'))
  return {
    ...place,
    role,
    node,
    hidden: node.get('hide')?.value === true && role === 'panel',
    hasReference: own.form !== 'none',
    model: () => plainOf(node),
    write(next: Plain, known?: KnownEdits) {
      const before = plainOf(node)
      const kept: Record<string, unknown> = { ...next }
      // A variable that asks nobody any more has no data source.
      const asks = role !== 'variable' || next['type'] === undefined || next['type'] === before['type']
      for (const key of role === 'panel' ? ownMembers : (['datasource'] as const)) kept[key] = asks ? before[key] : undefined
      patchNode(document, node, kept, known)
    },
    hide: () => setMember(document, node, 'hide', true),
    refer: (type, uid) => writeReference(document, node, asObject, type, uid),
  }
}

/** Links of a panel: its own, those of its fields, those of overrides. */
export function linksOf(panel: Node, fieldConfig: Node | undefined): Node[] {
  const lists = [panel.get('links'), fieldConfig?.get('defaults')?.get('links'), panel.get('options')?.get('dataLinks')]
  for (const override of fieldConfig?.get('overrides')?.items ?? [])
    for (const property of override.get('properties')?.items ?? [])
      if (textOf(property.get('id')) === 'links') lists.push(property.get('value'))
  return lists.flatMap((list) => (list?.kind === 'array' ? [list] : []))
}

function panelPlace(options: ReadOptions, node: Node, names: (wanted: string) => string, where: string): PanelPlace {
  const { document, asObject } = options
  const number = numberOf(node.get('id'))
  const id = names(number === undefined ? `panel/${where}` : `panel/${number}`)
  const title = textOf(node.get('title')) ?? ''
  const reference = readReference(node.get('datasource'))
  const targets = node.get('targets')
  const refIds = createNames()
  const queries = (targets?.items ?? []).flatMap((target, index) => {
    if (target.kind !== 'object') return []
    const own = readReference(target.get('datasource'))
    const refId = textOf(target.get('refId')) ?? refIdAt(index)
    const place = { id: `${id}/target/${refIds(refId)}`, title, refId, reference: own.form === 'none' ? reference : own }
    return [queryPlace(options, 'panel', target, place)]
  })
  const fieldConfig = node.get('fieldConfig')
  const library = node.get('libraryPanel')
  const transformations = node.get('transformations')
  return {
    id,
    title,
    type: textOf(node.get('type')) ?? '',
    node,
    reference,
    queries,
    fieldConfig,
    options: node.get('options'),
    transformations: (transformations?.items ?? []).map((one) => ({ id: textOf(one.get('id')) ?? '', options: one.get('options') })),
    links: linksOf(node, fieldConfig),
    alert: node.get('alert')?.kind === 'object' ? node.get('alert') : undefined,
    library: library === undefined ? undefined : { uid: textOf(library.get('uid')) ?? '', name: textOf(library.get('name')) ?? '' },
    plain() {
      const { panels: _, ...rest } = plainOf(node)
      return rest
    },
    original() {
      const { panels: _, ...rest } = plainOf(node)
      return rest
    },
    refer: (type, uid) => writeReference(document, node, asObject, type, uid),
    add(model, query) {
      if (targets === undefined) return
      const datasource = asObject ? { type: query.type, uid: query.uid } : query.uid
      document.append(targets, { ...model, datasource, refId: query.refId, ...(query.hidden ? { hide: true } : {}) })
    },
    transform(before) {
      if (before.length === 0) return
      if (transformations?.kind === 'array') for (const one of before) document.append(transformations, one, -1)
      else setMember(document, node, 'transformations', before)
    },
    setType: (type) => setMember(document, node, 'type', type),
    toText(content, original) {
      const kept = plainOf(node)
      const place: Record<string, unknown> = {}
      for (const key of [
        'id',
        'title',
        'description',
        'gridPos',
        'span',
        'height',
        'transparent',
        'repeat',
        'repeatDirection',
        'maxPerRow',
      ])
        if (kept[key] !== undefined) place[key] = kept[key]
      const options = { mode: 'markdown', content, otlpBridge: { original } }
      // Before Grafana 7 a text panel had its text beside, not within, `options`.
      document.replace(node, { ...place, type: 'text', ...(asObject ? {} : { mode: 'markdown', content }), options })
    },
  }
}

/** Panels in the order in which they are read: those of rows, of collapsed rows, and of the whole dashboard. */
function panelsOf(options: ReadOptions): PanelPlace[] {
  const names = createNames()
  const found: PanelPlace[] = []
  const walk = (list: Node | undefined, where: string): void => {
    for (const [index, node] of (list?.items ?? []).entries()) {
      if (node.kind !== 'object') continue
      if (found.length >= maxPanels) throw new BridgeError('OB_LIMIT_ITEMS', `cannot convert the dashboard: more than ${maxPanels} panels`)
      const place = `${where}[${index}]`
      found.push(panelPlace(options, node, names, place))
      walk(node.get('panels'), `${place}.panels`)
    }
  }
  walk(options.root.get('panels'), 'panels')
  for (const [index, row] of (options.root.get('rows')?.items ?? []).entries()) walk(row.get('panels'), `rows[${index}].panels`)
  // A shared export brings its library panels along.
  for (const [uid, element] of options.root.get('__elements')?.members ?? []) {
    const model = element.get('model')
    if (model?.kind === 'object') found.push(panelPlace(options, model, () => names(`library/${uid}`), uid))
  }
  return found
}

function variablesOf(options: ReadOptions): VariablePlace[] {
  const { document } = options
  const names = createNames()
  return (options.root.get('templating')?.get('list')?.items ?? []).flatMap((node) => {
    if (node.kind !== 'object') return []
    const name = textOf(node.get('name')) ?? ''
    const kind = textOf(node.get('type')) ?? ''
    const place = { id: names(`variable/${name}`), title: name, refId: '', reference: readReference(node.get('datasource')) }
    const plugin = kind === 'datasource' ? (textOf(node.get('query')) ?? '') : ''
    return [
      {
        ...queryPlace(options, 'variable', node, place),
        name,
        kind,
        plugin,
        setPlugin(type: string) {
          setMember(document, node, 'query', type)
          // What was chosen is a data source of the plugin before.
          if (node.get('current') !== undefined) setMember(document, node, 'current', {})
          if ((node.get('options')?.items.length ?? 0) > 0) setMember(document, node, 'options', [])
        },
      },
    ]
  })
}

function annotationsOf(options: ReadOptions): AnnotationPlace[] {
  const names = createNames()
  return (options.root.get('annotations')?.get('list')?.items ?? []).flatMap((node) => {
    if (node.kind !== 'object') return []
    const name = textOf(node.get('name')) ?? ''
    const place = { id: names(`annotation/${name}`), title: name, refId: '', reference: readReference(node.get('datasource')) }
    const builtIn = numberOf(node.get('builtIn')) === 1 || node.get('builtIn')?.value === true
    return [{ ...queryPlace(options, 'annotation', node, place), builtIn }]
  })
}

function inputsOf({ document, root }: ReadOptions): InputPlace[] {
  return (root.get('__inputs')?.items ?? []).flatMap((node) => {
    const name = textOf(node.get('name'))
    if (name === undefined || textOf(node.get('type')) !== 'datasource') return []
    const plugin = textOf(node.get('pluginId')) ?? ''
    return [
      {
        name,
        plugin,
        setPlugin(type: string) {
          setMember(document, node, 'pluginId', type)
          if (node.get('pluginName') !== undefined) setMember(document, node, 'pluginName', type)
        },
      },
    ]
  })
}

/** @param root the object that has `panels` or `rows`: the whole file, `dashboard` of an answer, `spec` of a resource */
export function readClassic(document: TextDocument, root: Node, named?: { readonly uid: string }): DashboardPlace {
  const schemaVersion = numberOf(root.get('schemaVersion')) ?? 0
  const options: ReadOptions = { document, root, asObject: schemaVersion === 0 || schemaVersion >= objectReferences }
  return {
    title: textOf(root.get('title')) ?? '',
    uid: textOf(root.get('uid')) ?? named?.uid ?? '',
    tags: (root.get('tags')?.items ?? []).flatMap((one) => textOf(one) ?? []),
    schemaVersion,
    panels: panelsOf(options),
    variables: variablesOf(options),
    annotations: annotationsOf(options),
    links: root.get('links')?.kind === 'array' ? root.get('links') : undefined,
    inputs: inputsOf(options),
    addDatasourceVariable(name, plugin) {
      const variable = {
        name,
        type: 'datasource',
        label: name,
        query: plugin,
        regex: '',
        current: {},
        hide: 0,
        includeAll: false,
        multi: false,
        options: [],
        refresh: 1,
      }
      const templating = root.get('templating')
      const list = templating?.get('list')
      if (list?.kind === 'array') document.append(list, variable, -1)
      else if (templating?.kind === 'object') setMember(document, templating, 'list', [variable])
      else setMember(document, root, 'templating', { list: [variable] })
    },
  }
}

/** A library panel as the API and exports write it: `{uid, name, model}`. It has no variables of its own; a new data source is a variable that its dashboards need. */
export function readLibraryPanel(document: TextDocument, element: Node): DashboardPlace {
  const model = element.get('model') ?? element.get('spec') ?? element
  const uid = textOf(element.get('uid')) ?? textOf(element.get('metadata')?.get('name')) ?? ''
  const options: ReadOptions = { document, root: element, asObject: true }
  return {
    title: textOf(element.get('name')) ?? textOf(model.get('title')) ?? '',
    uid,
    tags: [],
    schemaVersion: objectReferences,
    panels: [panelPlace(options, model, () => `library/${uid}`, uid)],
    variables: [],
    annotations: [],
    links: undefined,
    inputs: [],
    addDatasourceVariable: () => undefined,
  }
}
