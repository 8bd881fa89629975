/** Where converted queries are asked: which data source stands for an old one, and what becomes of variables and inputs that stand for data sources. Section 5.2. */

import type { Item, Note, Status } from '../model.ts'
import type { ConvertOptions } from '../options.ts'
import type { DashboardPlace } from './places.ts'
import type { Reference, Resolved } from './references.ts'

/** Plugins that come after others: what queries of the first become when nobody says otherwise. */
const usualHeirs: Readonly<Record<string, string>> = {
  prometheus: 'prometheus',
  elasticsearch: 'loki',
  'grafana-opensearch-datasource': 'loki',
  jaeger: 'tempo',
  zipkin: 'tempo',
  loki: 'loki',
  tempo: 'tempo',
}

const suffixes: Readonly<Record<string, string>> = { loki: '_logs', prometheus: '_metrics', tempo: '_traces' }

/** A data source as it is written. `same`: as it was. */
export interface Assigned {
  readonly type: string
  readonly uid: string
  readonly same: boolean
}

export interface Datasources {
  /** Where a query is asked that was asked at `from` and is one for the plugin `to` now. */
  assign(from: Resolved, reference: Reference, to: string): Assigned
  /** Where a query for a plugin is asked that nobody asked anywhere before: in a link. */
  of(plugin: string): { readonly type: string; readonly uid: string }
  /** Writes what became of variables and inputs, and says it. Called once, when everything is assigned. */
  finish(): readonly Item[]
}

const part = (place: string, title: string, status: Status, before: string, after: string, notes: readonly Note[]): Item => ({
  kind: 'datasource',
  id: `datasource/${place}`,
  where: '$',
  title,
  language: 'other',
  status,
  before,
  after,
  edits: [],
  notes,
  uses: { metrics: [], labels: [], fields: [] },
})

/** What the user says of an old data source, by any of its names, where it fits the plugin that is wanted. */
export function mappedTo(
  from: Pick<Resolved, 'keys' | 'type'>,
  to: string,
  { datasources }: Pick<ConvertOptions, 'datasources'>,
): string | undefined {
  const usual = from.type === '' || usualHeirs[from.type] === undefined ? to : usualHeirs[from.type]
  const named = [...from.keys, ...(from.type === '' ? [] : [from.type]), ...(to === from.type ? [] : [to])]
  for (const key of named) {
    const said = Object.hasOwn(datasources, key) ? datasources[key] : undefined
    if (said === undefined) continue
    const uid = typeof said === 'string' ? said : said.uid
    const type = typeof said === 'string' ? undefined : said.type
    if (type === to || (type === undefined && (to === usual || to === from.type || key === to))) return uid
  }
  return undefined
}

export function createDatasources(dashboard: DashboardPlace, options: ConvertOptions): Datasources {
  const plugins = new Map(dashboard.variables.filter((one) => one.kind === 'datasource').map((one) => [one.name, one.plugin] as const))
  const inputs = new Map(dashboard.inputs.map((one) => [one.name, one.plugin] as const))
  const taken = new Set([...dashboard.variables.map((one) => one.name), ...inputs.keys()])
  /** Variable or input → plugin → name of what stands for it now. */
  const heirs = new Map<string, Map<string, string>>()
  /** New variables: name → plugin. */
  const fresh = new Map<string, string>()
  const moves = new Map<string, Item>()

  const freshName = (wanted: string, plugin: string): string => {
    let name = wanted
    for (let count = 2; taken.has(name) && fresh.get(name) !== plugin && plugins.get(name) !== plugin; count += 1)
      name = `${wanted}_${count}`
    if (!taken.has(name)) fresh.set(name, plugin)
    taken.add(name)
    return name
  }

  const throughVariable = (variable: string, uid: string, to: string, known: boolean): Assigned => {
    if (!known) return { type: to, uid, same: false }
    let types = heirs.get(variable)
    if (types === undefined) heirs.set(variable, (types = new Map()))
    const there = types.get(to)
    if (there !== undefined) return { type: to, uid: there === variable ? uid : `\${${there}}`, same: false }
    const name = types.size === 0 ? variable : freshName(`${variable}${suffixes[to] ?? `_${to}`}`, to)
    types.set(to, name)
    return { type: to, uid: name === variable ? uid : `\${${name}}`, same: false }
  }

  return {
    of(plugin) {
      const before = Object.keys(usualHeirs).filter((old) => usualHeirs[old] === plugin)
      for (const type of [plugin, ...before]) {
        const uid = mappedTo({ keys: [], type }, plugin, options)
        if (uid !== undefined) return { type: plugin, uid }
      }
      const variable = [...plugins].find(([, one]) => one === plugin)?.[0]
      return { type: plugin, uid: `\${${variable ?? freshName(`DS_${plugin.toUpperCase()}`, plugin)}}` }
    },
    assign(from, reference, to) {
      const before = { type: reference.type ?? '', uid: reference.uid ?? '' }
      const done = (assigned: Assigned): Assigned => {
        const uid = reference.uid ?? ''
        const same = assigned.uid === uid && (reference.type === undefined ? from.type === assigned.type : reference.type === assigned.type)
        return { ...assigned, same: same || (reference.form === 'none' && assigned.uid === '') }
      }
      if (from.special) return { ...before, same: true }
      const mapped = mappedTo(from, to, options)
      if (mapped !== undefined) {
        const assigned = done({ type: to, uid: mapped, same: false })
        const key = `${from.keys.join(' ')} ${to}`
        if (!assigned.same && !moves.has(key))
          moves.set(
            key,
            part(
              `${from.keys[0] ?? 'default'}/${to}`,
              from.keys[0] ?? 'default',
              'exact',
              `${from.type} ${before.uid}`.trim(),
              `${to} ${mapped}`,
              [],
            ),
          )
        return assigned
      }
      if (from.variable !== undefined) {
        const known = plugins.has(from.variable) || inputs.has(from.variable)
        return done(throughVariable(from.variable, before.uid, to, known))
      }
      if (to === from.type || from.type === '') return { ...before, same: true }
      const name = freshName(`DS_${to.toUpperCase()}`, to)
      const key = `${from.keys.join(' ')} ${to}`
      if (!moves.has(key)) {
        const note: Note = {
          code: 'OBD-G-002',
          text: `Nobody says which ${to} data source comes after "${from.keys[0] ?? from.type}": the dashboard asks with the variable ${name}.`,
          suggestion: `--datasource ${from.keys[0] ?? from.type}=UID`,
        }
        moves.set(
          key,
          part(
            `${from.keys[0] ?? 'default'}/${to}`,
            from.keys[0] ?? 'default',
            'approximate',
            `${from.type} ${before.uid}`.trim(),
            `${to} \${${name}}`,
            [note],
          ),
        )
      }
      return done({ type: to, uid: `\${${name}}`, same: false })
    },
    finish() {
      const parts = [...moves.values()]
      for (const [name, types] of heirs) {
        const [main] = types.keys()
        const variable = dashboard.variables.find((one) => one.kind === 'datasource' && one.name === name)
        const input = dashboard.inputs.find((one) => one.name === name)
        const before = variable?.plugin ?? input?.plugin ?? ''
        if (main !== undefined && main !== before) {
          variable?.setPlugin(main)
          if (variable === undefined) input?.setPlugin(main)
          const regex = variable?.model()['regex']
          const filtered = typeof regex === 'string' && regex !== ''
          const note: Note = { code: 'OBD-G-002', text: `The variable offers only data sources whose names fit ${regex}.` }
          parts.push(part(`variable/${name}`, name, filtered ? 'manual' : 'exact', before, main, filtered ? [note] : []))
        }
      }
      // The last that is put in stands first.
      for (const [name, plugin] of [...fresh].reverse()) {
        dashboard.addDatasourceVariable(name, plugin)
        parts.push(part(`variable/${name}`, name, 'exact', '', plugin, []))
      }
      return parts
    },
  }
}
