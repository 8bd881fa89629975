/**
 * Configuration of the Jaeger UI → correlations of Grafana: sections 2 and 5.5 of the reference. What is written is the part of a data source's provisioning; where
 * the data source itself is provisioned nobody here knows.
 */

import { stringify } from 'yaml'
import { BridgeError } from '../../src/errors.ts'
import type { Code } from '../codes.ts'
import { type Converted, type Item, noUses, type Status } from '../model.ts'
import type { Converter } from '../registry.ts'
import { parseJsonDocument } from '../text/json.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import { attributeExpression } from '../traceql/text.ts'

/** Most patterns of a file. */
const mostPatterns = 1000

const part = (kind: Item['kind'], node: Node, title: string, status: Status, code: Code, text: string, after?: string): Item => ({
  ...{ kind, title, status, after },
  id: `${kind}/${node.path}`,
  where: node.path,
  language: 'text',
  before: JSON.stringify(node.plain()).slice(0, 4096),
  edits: [],
  notes: [{ code, text }],
  uses: noUses,
})

interface Correlation {
  readonly label: string
  readonly description: string
  readonly type: 'external'
  readonly config: {
    readonly field: string
    readonly target: { readonly url: string }
    readonly transformations?: readonly { readonly type: string; readonly field: string; readonly mapValue: string }[]
  }
}

/** Fields of a trace in Grafana, by the name that patterns of the type `traces` have for them. */
const traceFields: ReadonlyMap<string, string> = new Map([
  ['traceID', 'traceID'],
  ['traceName', 'traceName'],
  ['duration', 'traceDuration'],
  ['startTime', 'startTime'],
])

const hole = /#\{([^{}|]{1,256})(?:\s*\|[^{}]{0,256})?\}/g

/** Keys of a pattern: one, or a list. */
const keysOf = (node: Node): string[] => {
  const key = node.get('key')
  if (key?.kind === 'array') return key.items.flatMap((one) => textOf(one) ?? [])
  const text = textOf(key)
  return text === undefined ? [] : [text]
}

function correlationOf(node: Node): Correlation | string {
  const type = textOf(node.get('type')) ?? ''
  const url = textOf(node.get('url'))
  if (url === undefined || url === '') return 'it has no URL'
  if (/\/\/[^/@\s]*@/.test(url)) return 'its URL holds a user name'
  if (/#\{[^{}]*\|/.test(url)) return 'its URL formats values, which correlations do not'
  const scope = type === 'process' ? 'resource' : type === 'tags' ? 'span' : type === 'logs' ? 'event' : undefined
  if (type !== 'traces' && scope === undefined) return `its type "${type.slice(0, 64)}" is not known`
  const keys = keysOf(node)
  const nameOf = (key: string): string => (scope === undefined ? (traceFields.get(key) ?? key) : attributeExpression(scope, key))
  const field = type === 'traces' ? 'traceID' : keys[0] === undefined ? undefined : nameOf(keys[0])
  if (field === undefined) return 'it names no tag'
  const label = (textOf(node.get('text')) ?? field).replace(hole, (_all, key: string) => key)
  return {
    label,
    description: `Link pattern of the Jaeger UI, ${type}${keys.length === 0 ? '' : ` ${keys.join(', ')}`}`,
    type: 'external',
    // `$` before a brace is a placeholder of Grafana's; provisioning reads `$` as a variable of the environment, `$$` as itself.
    config: {
      field,
      target: { url: url.replace(hole, (_all, key: string) => `$\${__data.fields["${nameOf(key).replaceAll('"', '\\"')}"]}`) },
    },
  }
}

const header = [
  '# Correlations made of link patterns of the Jaeger UI. They belong to the data source of Tempo in the',
  '# provisioning of Grafana: put them below it (datasources[].correlations), or leave its name here as it is there.',
  '',
].join('\n')

export const jaegerUi: Converter = {
  kind: 'jaeger-ui',
  convert(source, context): Converted {
    const { root } = parseJsonDocument(source.text)
    if (root.kind !== 'object') throw new BridgeError('OB_DECODE_JSON', `cannot convert ${source.path}: it is no object but ${root.kind}`)
    const parts: Item[] = []
    const correlations: Correlation[] = []
    for (const node of root.get('linkPatterns')?.items.slice(0, mostPatterns) ?? []) {
      const found = correlationOf(node)
      const title = textOf(node.get('text')) ?? ''
      if (typeof found === 'string')
        parts.push(part('link', node, title, 'manual', 'OBD-T-013', `The pattern cannot become a correlation: ${found}.`))
      else {
        correlations.push(found)
        parts.push(part('link', node, title, 'approximate', 'OBD-T-013', 'The pattern became a correlation.', found.config.target.url))
      }
    }
    for (const key of ['menu', 'monitor', 'dependencies', 'archiveEnabled', 'tracking', 'search', 'criticalPathEnabled']) {
      const node = root.get(key)
      if (node !== undefined) parts.push(part('layout', node, key, 'unsupported', 'OBD-T-012', `"${key}" belongs to the Jaeger UI.`))
    }
    const name = Object.values(context.options.datasources).length === 0 ? 'Tempo' : (uidOf(context.options.datasources) ?? 'Tempo')
    const text = `${header}${stringify({ apiVersion: 1, datasources: [{ name, type: 'tempo', correlations }] })}`
    const path = source.path.replace(/\.json$/i, '').concat('.correlations.yaml')
    return {
      kind: 'jaeger-ui',
      title: source.path,
      uid: '',
      tags: [],
      files: correlations.length === 0 ? [] : [{ path, text }],
      items: [],
      parts,
      notes: [],
    }
  },
}

/** What the options call the data source of traces. */
function uidOf(
  datasources: Readonly<Record<string, string | { readonly uid: string; readonly type?: string | undefined }>>,
): string | undefined {
  const found = datasources.jaeger ?? datasources.zipkin
  return typeof found === 'string' ? found : found?.uid
}
