/** Says of a text what it is: section 2 of the conversion reference. Contents count; the name of a file only where contents leave it open. */

import { isBridgeError } from '../src/errors.ts'
import { kindsOfDocument } from './detect-document.ts'
import { type Kind, kinds, type Source } from './registry.ts'
import type { TextDocument } from './text/document.ts'
import { parseJsonDocument } from './text/json.ts'
import { type Node, textOf } from './text/node.ts'
import { parseYamlDocuments } from './text/yaml.ts'

/** What a text is. */
export interface Detected {
  /** Of an export of Kibana that holds dashboards and rules two; empty: it is nothing that is known. */
  readonly kinds: readonly Kind[]
  /** Its documents, where it is JSON or YAML. */
  readonly document?: TextDocument | undefined
  /** Why it could not be read, where its form was known. */
  readonly problem?: string | undefined
}

const none: Detected = { kinds: [] }

/** Lines that are looked at in a text of JSON lines. */
const linesLookedAt = 20_000

const wordsOf = (error: unknown): string => {
  if (isBridgeError(error)) return error.message
  throw error
}

/** JSON lines: each an object. Undefined: they are none. */
function kindsOfLines(text: string): readonly Kind[] | undefined {
  const found = new Set<Kind>()
  let objects = 0
  let at = 0
  for (let line = 0; at < text.length && line < linesLookedAt; line++) {
    let end = text.indexOf('\n', at)
    if (end === -1) end = text.length
    const one = text.slice(at, end).trim()
    at = end + 1
    if (one === '') continue
    if (!one.startsWith('{')) return objects === 0 ? undefined : [...found]
    let root: Node
    try {
      root = parseJsonDocument(one).root
    } catch (error) {
      wordsOf(error)
      // A line that is broken in an export is the converter's to tell.
      if (objects === 0) return undefined
      continue
    }
    objects++
    for (const kind of kindsOfDocument(root)) found.add(kind)
  }
  return objects === 0 ? undefined : [...found]
}

/** A watch with Mustache outside of strings is no JSON. */
const looksLikeWatch = (text: string): boolean =>
  /"trigger"\s*:/.test(text) &&
  /"(?:input|condition)"\s*:/.test(text) &&
  /"(?:actions|condition|transform)"\s*:/.test(text) &&
  text.includes('{{')

const traceLink = /^https?:\/\/\S+\/(?:zipkin\/|trace\/|traces\/|search\?\S*service=|api\/v2\/trace)\S*$/

function isLinks(text: string): boolean {
  const lines = text.split(/\r?\n/, 2000).filter((line) => line.trim() !== '')
  return lines.length > 0 && lines.every((line) => traceLink.test(line.trim()) || /^https?:\/\/\S+\/zipkin\/?\?\S+$/.test(line.trim()))
}

function ofJson(source: Source): Detected {
  const { text } = source
  try {
    const document = parseJsonDocument(text)
    return { kinds: kindsOfDocument(document.root), document }
  } catch (error) {
    const problem = wordsOf(error)
    const lines = kindsOfLines(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text)
    if (lines !== undefined && lines.length > 0) return { kinds: lines }
    if (looksLikeWatch(text)) return { kinds: ['watcher'] }
    const yaml = ofYaml(source)
    return yaml.kinds.length > 0 ? yaml : { kinds: [], problem }
  }
}

function ofYaml({ text }: Source): Detected {
  try {
    const document = parseYamlDocuments(text)
    const found = document.root.items.map(kindsOfDocument)
    // Documents of several kinds in one file are taken apart, as those of a list are.
    const all = [...new Set(found.flat())]
    const isResource = document.root.items.some(
      (node) => textOf(node.get('apiVersion')) !== undefined && textOf(node.get('kind')) !== undefined,
    )
    return { kinds: all.length > 1 && isResource ? ['kubernetes'] : all, document }
  } catch (error) {
    return { kinds: [], problem: wordsOf(error) }
  }
}

const isTemplate = (text: string): boolean =>
  /\{\{-?\s*(?:template|define|range|with|query|if)\b/.test(text) &&
  (/\bquery\s+"|\|\s*query\b|expr:\s*["'`]|args\s+"/.test(text) || text.includes('prom_content'))

/** What a text is. Never throws for what is in it. */
export function detect(source: Source): Detected {
  const { text, path } = source
  const start = /\S/.exec(text.charCodeAt(0) === 0xfeff ? text.slice(1, 4096) : text.slice(0, 4096))?.[0]
  if (start === undefined) return none
  if (/\.html?$/i.test(path) || (start === '<' && isTemplate(text))) return isTemplate(text) ? { kinds: ['console-template'] } : none
  if (start === '{' && /^\{\{/.test(text.trimStart())) return isTemplate(text) ? { kinds: ['console-template'] } : none
  if (start === '{' || start === '[') return ofJson(source)
  if (/\.tf$/i.test(path) || /^\s*resource\s+"grafana_/m.test(text)) {
    return /resource\s+"grafana_rule_group"/.test(text) ? { kinds: ['grafana-rules'] } : none
  }
  if (isLinks(text)) return { kinds: ['trace-links'] }
  return ofYaml(source)
}

/** The kind that counts for a command: of several that of its family. */
export function kindFor(detected: Detected, family: 'dashboards' | 'alerts'): Kind | undefined {
  return detected.kinds.find((kind) => kinds[kind].family === family) ?? detected.kinds[0]
}
