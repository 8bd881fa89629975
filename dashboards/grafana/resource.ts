/**
 * Reads a dashboard of schema 2 (`dashboard.grafana.app/v2…`): elements, variables and annotations as resources. Layouts (grid, auto grid, rows, tabs) only name the
 * elements, so that they stay as they are. Both forms are read: v2beta1 and later (`group`, `datasource.name`), and v2alpha1 (the plugin is the `kind`).
 */

import { BridgeError } from '../../src/errors.ts'
import { maxPanels } from '../limits.ts'
import type { TextDocument } from '../text/document.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import { linksOf, plainOf, setMember } from './classic.ts'
import { isPlain, type KnownEdits, patchNode } from './patch.ts'
import {
  type AnnotationPlace,
  createNames,
  type DashboardPlace,
  type PanelPlace,
  type QueryPlace,
  refIdAt,
  type VariablePlace,
} from './places.ts'
import { type Reference, readReference } from './references.ts'
import type { Plain } from './target.ts'

/** What a resource's query is: `kind` is the plugin in v2alpha1, `DataQuery` with the plugin as `group` later. */
const isGrouped = (query: Node | undefined): boolean => textOf(query?.get('kind')) === 'DataQuery' || query?.get('group') !== undefined

/** @param holder what holds the query: v2alpha1 names the data source there */
function referenceOf(query: Node | undefined, holder: Node): Reference {
  if (isGrouped(query)) {
    const type = textOf(query?.get('group'))
    return { form: 'object', type: type === '' ? undefined : type, uid: textOf(query?.get('datasource')?.get('name')) }
  }
  const kind = textOf(query?.get('kind'))
  const said = readReference(holder.get('datasource'))
  return { form: 'object', type: said.type ?? (kind === '' ? undefined : kind), uid: said.uid }
}

function writeReference(document: TextDocument, query: Node | undefined, holder: Node, type: string, uid: string): void {
  if (query === undefined) return
  if (isGrouped(query)) {
    setMember(document, query, 'group', type)
    if (uid !== '') setMember(document, query, 'datasource', { name: uid })
    return
  }
  setMember(document, query, 'kind', type)
  setMember(document, holder, 'datasource', uid === '' ? { type } : { type, uid })
}

const without = (model: Plain, keys: readonly string[]): Plain =>
  Object.fromEntries(Object.entries(model).filter(([key]) => !keys.includes(key)))

/** Writes a query's members where they are. */
function writeSpec(document: TextDocument, query: Node | undefined, next: Plain, known: KnownEdits | undefined): void {
  const spec = query?.get('spec')
  if (spec?.kind === 'object') patchNode(document, spec, next, known)
  else if (query !== undefined) setMember(document, query, 'spec', next)
}

function queryPlace(document: TextDocument, element: Node, id: string, title: string, refId: string): QueryPlace {
  const spec = element.get('spec') ?? element
  const query = spec.get('query')
  return {
    role: 'panel',
    id,
    title,
    node: query?.get('spec') ?? spec,
    refId,
    hidden: spec.get('hidden')?.value === true,
    reference: referenceOf(query, spec),
    hasReference: true,
    model: () => (query?.get('spec')?.kind === 'object' ? plainOf(query.get('spec') as Node) : {}),
    write: (next, known) => writeSpec(document, query, without(next, ['refId', 'hide', 'datasource']), known),
    hide: () => setMember(document, spec, 'hidden', true),
    refer: (type, uid) => writeReference(document, query, spec, type, uid),
  }
}

/** The plugin of a panel, and where it stands. */
function vizOf(spec: Node): { readonly config: Node | undefined; readonly key: 'group' | 'kind' } {
  const config = spec.get('vizConfig')
  return { config, key: config?.get('group') === undefined ? 'kind' : 'group' }
}

function panelPlace(
  document: TextDocument,
  element: Node,
  names: (wanted: string) => string,
  name: string,
  given: ReadonlyMap<Node, number>,
): PanelPlace {
  const spec = element.get('spec') ?? element
  const number = spec.get('id')
  const id = names(number?.kind === 'number' ? `panel/${number.value}` : `panel/${name}`)
  const title = textOf(spec.get('title')) ?? ''
  const { config, key } = vizOf(spec)
  const viz = config?.get('spec')
  const data = spec.get('data')?.get('spec')
  const list = data?.get('queries')
  const refIds = createNames()
  const queries = (list?.items ?? []).flatMap((one, index) => {
    if (one.kind !== 'object') return []
    const refId = textOf(one.get('spec')?.get('refId')) ?? refIdAt(index)
    return [queryPlace(document, one, `${id}/target/${refIds(refId)}`, title, refId)]
  })
  const transformations = data?.get('transformations')
  const fieldConfig = viz?.get('fieldConfig')
  const library = spec.get('libraryPanel')
  const grouped = list?.items.some((one) => isGrouped(one.get('spec')?.get('query'))) ?? key === 'group'
  const resourceOf = (one: Plain): Plain =>
    key === 'group' ? { kind: 'Transformation', group: one['id'], spec: without(one, ['id']) } : { kind: one['id'], spec: one }
  return {
    id,
    title,
    type: textOf(config?.get(key)) ?? '',
    node: element,
    reference: { form: 'none', type: undefined, uid: undefined },
    queries,
    fieldConfig,
    options: viz?.get('options'),
    transformations: (transformations?.items ?? []).map((one) => ({
      id: textOf(one.get('group')) ?? textOf(one.get('spec')?.get('id')) ?? textOf(one.get('kind')) ?? '',
      options: one.get('spec')?.get('options'),
    })),
    links: [...(spec.get('links')?.kind === 'array' ? [spec.get('links') as Node] : []), ...linksOf(viz ?? spec, fieldConfig)],
    alert: undefined,
    library: library === undefined ? undefined : { uid: textOf(library.get('uid')) ?? '', name: textOf(library.get('name')) ?? '' },
    plain: () => ({
      type: textOf(config?.get(key)) ?? '',
      title,
      fieldConfig: fieldConfig?.plain(),
      options: viz?.get('options')?.plain(),
      transformations: transformations?.items.map((one) => one.get('spec')?.plain()),
      links: spec.get('links')?.plain(),
    }),
    original: () => plainOf(element),
    refer: () => undefined,
    add(model, query) {
      if (list === undefined) return
      const asked = grouped
        ? {
            kind: 'DataQuery',
            group: query.type,
            version: 'v0',
            ...(query.uid === '' ? {} : { datasource: { name: query.uid } }),
            spec: model,
          }
        : { kind: query.type, spec: model }
      const holder = grouped ? {} : { datasource: { type: query.type, uid: query.uid } }
      document.append(list, { kind: 'PanelQuery', spec: { query: asked, ...holder, refId: query.refId, hidden: query.hidden } })
    },
    transform(before) {
      if (before.length === 0 || data === undefined) return
      if (transformations?.kind === 'array') for (const one of before) document.append(transformations, resourceOf(one), -1)
      else setMember(document, data, 'transformations', before.map(resourceOf))
    },
    setType(type) {
      if (config !== undefined) setMember(document, config, key, type)
    },
    toText(content, original) {
      const kept = plainOf(spec)
      const options = { mode: 'markdown', content, otlpBridge: { original } }
      const view = { options, fieldConfig: { defaults: {}, overrides: [] } }
      document.replace(element, {
        kind: 'Panel',
        spec: {
          id: kept['id'] ?? given.get(spec),
          title: kept['title'],
          description: kept['description'],
          links: [],
          data: { kind: 'QueryGroup', spec: { queries: [], transformations: [], queryOptions: {} } },
          vizConfig:
            key === 'group'
              ? { kind: 'VizConfig', group: 'text', version: '', spec: view }
              : { kind: 'text', spec: { pluginVersion: '', ...view } },
          transparent: kept['transparent'],
        },
      })
    },
  }
}

const textMembers = ['name', 'current', 'query', 'label', 'hide', 'skipUrlSync', 'description'] as const
const listMembers = [...textMembers, 'options', 'multi', 'includeAll', 'allValue', 'allowCustomValue'] as const

/** The members that a kind of variable has. */
const only = (model: Plain, keys: readonly string[]): Plain =>
  Object.fromEntries(Object.entries(model).filter(([key]) => keys.includes(key)))

const variableKinds: Readonly<Record<string, string>> = {
  QueryVariable: 'query',
  DatasourceVariable: 'datasource',
  CustomVariable: 'custom',
  ConstantVariable: 'constant',
  TextVariable: 'textbox',
  IntervalVariable: 'interval',
  AdhocVariable: 'adhoc',
  GroupByVariable: 'groupby',
  SwitchVariable: 'switch',
}

/** A query as a classic variable has it: older ones were a text, and are kept as one in an object. */
function classicQuery(query: Node | undefined): unknown {
  const value = query?.get('spec')?.plain()
  return isPlain(value) && typeof value['__legacyStringValue'] === 'string' ? value['__legacyStringValue'] : value
}

function variablePlace(document: TextDocument, element: Node, names: (wanted: string) => string): VariablePlace {
  const spec = element.get('spec') ?? element
  const name = textOf(spec.get('name')) ?? ''
  const kind = variableKinds[textOf(element.get('kind')) ?? ''] ?? ''
  const query = kind === 'query' ? spec.get('query') : undefined
  const own = kind === 'adhoc' || kind === 'groupby' ? element : query
  return {
    role: 'variable',
    id: names(`variable/${name}`),
    title: name,
    node: spec,
    refId: '',
    hidden: false,
    reference: referenceOf(own, kind === 'query' ? spec : element),
    hasReference: own !== undefined,
    name,
    kind,
    plugin: kind === 'datasource' ? (textOf(spec.get('pluginId')) ?? '') : '',
    model: () => ({ ...plainOf(spec), type: kind, ...(query === undefined ? {} : { query: classicQuery(query) }) }),
    write(next, known) {
      const type = typeof next['type'] === 'string' ? next['type'] : kind
      if (type !== kind) {
        const to = Object.entries(variableKinds).find(([, one]) => one === type)?.[0] ?? 'TextVariable'
        document.replace(element, { kind: to, spec: only(next, to === 'CustomVariable' ? listMembers : textMembers) })
        return
      }
      const value = next['query']
      if (query !== undefined)
        writeSpec(
          document,
          query,
          typeof value === 'string' ? { ...legacy(query), __legacyStringValue: value } : isPlain(value) ? value : {},
          known,
        )
      const { query: _, ...before } = plainOf(spec)
      for (const [key, one] of Object.entries(without(next, ['type', 'query', 'datasource'])))
        if (key in before) setMember(document, spec, key, one)
    },
    hide: () => undefined,
    refer: (type, uid) => writeReference(document, own, kind === 'query' ? spec : element, type, uid),
    setPlugin(type) {
      setMember(document, spec, 'pluginId', type)
      if (spec.get('current') !== undefined) setMember(document, spec, 'current', { text: '', value: '' })
    },
  }
}

const legacy = (query: Node): Plain => (query.get('spec')?.kind === 'object' ? plainOf(query.get('spec') as Node) : {})

function annotationPlace(document: TextDocument, element: Node, names: (wanted: string) => string): AnnotationPlace {
  const spec = element.get('spec') ?? element
  const name = textOf(spec.get('name')) ?? ''
  const query = spec.get('query')
  const options = spec.get('legacyOptions')
  const inOptions = (): Plain => (options?.kind === 'object' ? plainOf(options) : {})
  return {
    role: 'annotation',
    id: names(`annotation/${name}`),
    title: name,
    node: query?.get('spec') ?? spec,
    refId: '',
    hidden: false,
    reference: referenceOf(query, spec),
    hasReference: true,
    builtIn: spec.get('builtIn')?.value === true,
    model: () => ({ ...inOptions(), ...(query === undefined ? {} : legacy(query)), name }),
    write(next, known) {
      const beside = inOptions()
      writeSpec(document, query, without(next, ['name', 'datasource', ...Object.keys(beside)]), known)
      for (const [key, value] of Object.entries(next)) if (key in beside && options !== undefined) setMember(document, options, key, value)
    },
    hide: () => undefined,
    refer: (type, uid) => writeReference(document, query, spec, type, uid),
  }
}

/** Panels that have no id; Grafana loses them when it converts a dashboard. Gives ids that nobody has. */
export function giveIds(document: TextDocument, root: Node): ReadonlyMap<Node, number> {
  const elements = root.get('spec')?.get('elements')
  const members = (elements?.members ?? []).flatMap(([, element]) =>
    element.get('spec')?.kind === 'object' ? [element.get('spec') as Node] : [],
  )
  const taken = new Set(members.map((spec) => spec.get('id')?.value))
  const given = new Map<Node, number>()
  let next = 1
  for (const spec of members) {
    if (spec.get('id')?.kind === 'number') continue
    while (taken.has(next)) next += 1
    taken.add(next)
    setMember(document, spec, 'id', next)
    given.set(spec, next)
  }
  return given
}

/** @param root the whole resource
 * @param given ids of panels that had none */
export function readResource(document: TextDocument, root: Node, given: ReadonlyMap<Node, number> = new Map()): DashboardPlace {
  const spec = root.get('spec') ?? root
  const names = createNames()
  const elements = spec.get('elements')
  const found = (elements?.members ?? []).filter(([, element]) => element.kind === 'object')
  if (found.length > maxPanels) throw new BridgeError('OB_LIMIT_ITEMS', `cannot convert the dashboard: more than ${maxPanels} panels`)
  const variableNames = createNames()
  const annotationNames = createNames()
  const list = spec.get('variables')
  return {
    title: textOf(spec.get('title')) ?? '',
    uid: textOf(root.get('metadata')?.get('name')) ?? '',
    tags: (spec.get('tags')?.items ?? []).flatMap((one) => textOf(one) ?? []),
    schemaVersion: 0,
    panels: found.map(([name, element]) => panelPlace(document, element, names, name, given)),
    variables: (list?.items ?? []).map((one) => variablePlace(document, one, variableNames)),
    annotations: (spec.get('annotations')?.items ?? []).map((one) => annotationPlace(document, one, annotationNames)),
    links: spec.get('links')?.kind === 'array' ? spec.get('links') : undefined,
    inputs: [],
    addDatasourceVariable(name, plugin) {
      const variable = {
        kind: 'DatasourceVariable',
        spec: {
          name,
          pluginId: plugin,
          refresh: 'onDashboardLoad',
          regex: '',
          current: { text: '', value: '' },
          options: [],
          multi: false,
          includeAll: false,
          label: name,
          hide: 'dontHide',
          skipUrlSync: false,
          allowCustomValue: true,
        },
      }
      if (list?.kind === 'array') document.append(list, variable, -1)
      else setMember(document, spec, 'variables', [variable])
    },
  }
}
