/** What stands in something else: dashboards and rules in ConfigMaps, Secrets, lists and resources of Kubernetes. They are taken out, converted, and put back in place. */

import { differenceOf } from './text/difference.ts'
import type { TextDocument } from './text/document.ts'
import { parseJsonDocument } from './text/json.ts'
import { type Node, textOf } from './text/node.ts'
import { parseYamlDocuments } from './text/yaml.ts'

/** Something that stands in another file. */
export interface WrappedPart {
  /** Name within its wrapper: `nodes.json`; for ids and names of new files. */
  readonly name: string
  readonly node: Node
  readonly text: string
  /** Writes it back where it stood. */
  write(text: string): void
}

export interface Unwrapped {
  readonly document: TextDocument
  /** `metadata.name` of the first. */
  readonly title: string
  readonly parts: readonly WrappedPart[]
  /** What stands elsewhere, and where: URLs of dashboards, compressed ones. In words. */
  readonly elsewhere: readonly { readonly node: Node; readonly text: string }[]
}

const maxResources = 10_000

/** Bytes of a Secret as text; undefined: they are none. */
function fromBase64(text: string): string | undefined {
  const bytes = Buffer.from(text, 'base64')
  const decoded = bytes.toString('utf8')
  // What is no UTF-8 would not come back the same.
  return Buffer.from(decoded, 'utf8').equals(bytes) ? decoded : undefined
}

/** An object within a document, as a text of its own. */
function objectText(node: Node): string {
  return JSON.stringify(node.plain())
}

/** Takes apart a text of Kubernetes. Throws what the parsers throw. */
export function unwrap(text: string): Unwrapped {
  const isJson = /^\uFEFF?\s*[{[]/.test(text)
  const document = isJson ? parseJsonDocument(text) : parseYamlDocuments(text)
  const parts: WrappedPart[] = []
  const elsewhere: { node: Node; text: string }[] = []
  let title = ''

  const texts = (resource: Node, container: Node | undefined, base64: boolean): void => {
    for (const [key, node] of container?.members ?? []) {
      const value = textOf(node)
      if (value === undefined) continue
      const decoded = base64 ? fromBase64(value) : value
      if (decoded === undefined) continue
      const before = parts.length
      parts.push({
        name: key,
        node,
        text: decoded,
        write: (after) => {
          if (!base64) document.editText(node, differenceOf(decoded, after))
          else if (after !== decoded)
            document.editText(node, [{ start: 0, end: value.length, to: Buffer.from(after, 'utf8').toString('base64') }])
        },
      })
      if (before === 0 && title === '') title = textOf(resource.get('metadata')?.get('name')) ?? ''
    }
  }

  const object = (name: string, node: Node): void => {
    const before = objectText(node)
    parts.push({
      name,
      node,
      text: before,
      write: (after) => {
        if (after !== before) document.replace(node, parseJsonDocument(after).root.plain())
      },
    })
  }

  const visit = (resource: Node, depth: number): void => {
    if (parts.length >= maxResources) return
    const kind = textOf(resource.get('kind')) ?? ''
    const name = textOf(resource.get('metadata')?.get('name')) ?? ''
    if (title === '') title = name
    const spec = resource.get('spec')
    if (kind.endsWith('List') && depth === 0) {
      for (const item of resource.get('items')?.items ?? []) visit(item, depth + 1)
    } else if (kind === 'ConfigMap') texts(resource, resource.get('data'), false)
    else if (kind === 'Secret') {
      texts(resource, resource.get('stringData'), false)
      texts(resource, resource.get('data'), true)
    } else if (kind === 'GrafanaDashboard' || kind === 'GrafanaLibraryPanel') {
      const json = spec?.get('json')
      const value = textOf(json)
      if (json !== undefined && value !== undefined) {
        parts.push({ name: `${name}.json`, node: json, text: value, write: (after) => document.editText(json, differenceOf(value, after)) })
      }
      for (const key of ['gzipJson', 'url', 'grafanaCom', 'jsonnet', 'jsonnetLib', 'configMapRef', 'oci']) {
        const other = spec?.get(key)
        if (other !== undefined) elsewhere.push({ node: other, text: `the dashboard of ${name} is given by ${key}` })
      }
    } else if (kind === 'GrafanaManifest') {
      const template = spec?.get('template')
      if (template !== undefined) object(`${name}.json`, template)
    } else if (kind !== '') object(`${name === '' ? kind : name}.json`, resource)
  }

  for (const root of isJson ? [document.root] : document.root.items) visit(root, 0)
  return { document, title, parts, elsewhere }
}
