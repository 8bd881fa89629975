/** References to data sources, in all forms in which dashboards of any age write them, and what plugin is behind them: section 5.2 of the reference. */

import type { KnownDatasource } from '../options.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import type { QueryDatasource } from './target.ts'

/** A reference as it is written. `none`: absent or null, which is the default data source, or the panel's. */
export interface Reference {
  readonly form: 'object' | 'text' | 'none'
  /** Plugin that it names itself. */
  readonly type: string | undefined
  /** uid, name, or a variable. */
  readonly uid: string | undefined
}

export const noReference: Reference = { form: 'none', type: undefined, uid: undefined }

/** Reads `datasource`. Of schema 2 (`{name}`, the plugin beside it as `group`) see `readGroup`. */
export function readReference(node: Node | undefined): Reference {
  if (node === undefined) return noReference
  if (node.kind === 'string') return { form: 'text', type: undefined, uid: String(node.value) }
  if (node.kind !== 'object') return noReference
  const uid = textOf(node.get('uid')) ?? textOf(node.get('name'))
  const type = textOf(node.get('type'))
  return uid === undefined && type === undefined ? noReference : { form: 'object', type: type === '' ? undefined : type, uid }
}

/** The same of a plain value. */
export function referenceFrom(value: unknown): Reference {
  if (typeof value === 'string') return { form: 'text', type: undefined, uid: value }
  if (typeof value !== 'object' || value === null) return noReference
  const { type, uid } = value as { readonly type?: unknown; readonly uid?: unknown }
  return {
    form: 'object',
    type: typeof type === 'string' && type !== '' ? type : undefined,
    uid: typeof uid === 'string' ? uid : undefined,
  }
}

/** Name of the variable that a whole text is: `$x`, `${x}`, `${x:raw}`, `[[x]]`; undefined: it is none. */
export function wholeVariable(text: string): string | undefined {
  const match = /^(?:\$(\w{1,256})|\$\{(\w{1,256})(?::[^{}]{0,64})?\}|\[\[(\w{1,256})(?::\w{0,64})?\]\])$/.exec(text)
  return match?.[1] ?? match?.[2] ?? match?.[3]
}

/** What is known of data sources around a query. */
export interface DatasourceScope {
  /** Variables that stand for a data source: name → plugin. */
  readonly variables: ReadonlyMap<string, string>
  /** `__inputs` of a shared export: name → plugin. */
  readonly inputs: ReadonlyMap<string, string>
  readonly known: readonly KnownDatasource[]
}

/** What a reference stands for. */
export interface Resolved extends QueryDatasource {
  /** Empty: nobody says. */
  readonly type: string
  /** The variable or input that it goes through. */
  readonly variable: string | undefined
  /** uid and name, for looking it up in what the user says. Of a default `default`. */
  readonly keys: readonly string[]
  /** Grafana's own: mixed, the results of another panel, annotations, expressions. */
  readonly special: boolean
}

const specialTypes = new Set(['datasource', 'grafana', '__expr__', 'dashboard', 'mixed'])
const specialUids = new Set(['-- Mixed --', '-- Dashboard --', '-- Grafana --', 'grafana', '__expr__', '-100', 'Expression'])

/** Whether a reference means several data sources, named by each query itself. */
export const isMixed = (reference: Reference): boolean => reference.uid === '-- Mixed --'

/** Finds the plugin behind a reference: what it says itself, then the variable or input, then provisioning. */
export function resolveReference(reference: Reference, scope: DatasourceScope): Resolved {
  const { type, uid } = reference
  const said = type ?? ''
  if (specialTypes.has(said) || (uid !== undefined && specialUids.has(uid)))
    return { type: said === '' ? 'datasource' : said, variable: undefined, keys: [], special: true }
  const variable = uid === undefined ? undefined : wholeVariable(uid)
  if (variable !== undefined) {
    const plugin = scope.variables.get(variable) ?? scope.inputs.get(variable) ?? ''
    return { type: said === '' ? plugin : said, variable, keys: [variable], special: false }
  }
  const isDefault = uid === undefined || uid === '' || uid === 'default'
  const found = isDefault
    ? said === ''
      ? scope.known.find((one) => one.isDefault)
      : undefined
    : (scope.known.find((one) => one.uid === uid) ?? scope.known.find((one) => one.name === uid))
  const keys = [...new Set([...(isDefault ? ['default'] : [uid]), ...(found === undefined ? [] : [found.uid, found.name])])].filter(
    (one) => one !== '',
  )
  return { type: said === '' ? (found?.type ?? '') : said, index: found?.index, variable: undefined, keys, special: false }
}
