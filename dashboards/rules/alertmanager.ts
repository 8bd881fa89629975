/** Configurations of the Alertmanager: untouched, and looked through for labels that alerts have no more. Section 10.1 of the reference. */

import type { Converted, Item, Note, Status } from '../model.ts'
import type { Context } from '../options.ts'
import type { Converter, Source } from '../registry.ts'
import { type Node, textOf } from '../text/node.ts'
import { parseRuleDocument } from './prometheus-rules.ts'

/** Routes within routes. */
const deepest = 100
const mostUses = 10_000

interface LabelUse {
  readonly label: string
  readonly node: Node
  /** `group_by`, `matchers`, … */
  readonly place: string
}

/** The label of `a="b"`, `a=~'b'`, `"a.b"!=c`; undefined: it is no matcher. */
function matcherLabel(text: string): string | undefined {
  const found = /^\s*(?:"((?:[^"\\]|\\.){1,1024})"|([^\s"=!~{},]{1,1024}))\s*(?:=~|!~|!=|=)/.exec(text)
  return found?.[1] ?? found?.[2]
}

/** Labels of `{a="b",c="d"}` or of one matcher. */
function matcherLabels(text: string): string[] {
  const labels: string[] = []
  const inner = text.trim().replace(/^\{/, '').replace(/\}$/, '')
  for (const part of inner.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? []) {
    const label = matcherLabel(part)
    if (label !== undefined) labels.push(label)
  }
  return labels
}

/** Labels that a route, an inhibition, or one below them names. */
function usesOf(root: Node): LabelUse[] {
  const uses: LabelUse[] = []
  const add = (label: string | undefined, node: Node, place: string): void => {
    if (label !== undefined && uses.length < mostUses) uses.push({ label, node, place })
  }
  const walk = (node: Node, depth: number): void => {
    if (depth > deepest || node.kind !== 'object') return
    for (const [key, value] of node.members) {
      if (key === 'group_by' || key === 'equal') for (const item of value.items) add(textOf(item), item, key)
      else if (/^(?:source_|target_)?match(?:_re)?$/.test(key)) for (const [label, one] of value.members) add(label, one, key)
      else if (/^(?:source_|target_)?matchers$/.test(key)) {
        for (const item of value.kind === 'string' ? [value] : value.items)
          for (const label of matcherLabels(textOf(item) ?? '')) add(label, item, key)
      } else if (key === 'routes' || key === 'inhibit_rules') for (const item of value.items) walk(item, depth + 1)
      else if (key === 'route') walk(value, depth + 1)
    }
  }
  for (const document of root.kind === 'array' ? root.items : [root]) walk(document, 0)
  return uses
}

/** Labels that alerts have of themselves. */
const given: ReadonlySet<string> = new Set(['alertname', 'severity', 'alertstate', '...'])

function convertAlertmanager(source: Source, { metrics }: Context): Converted {
  const { root } = parseRuleDocument(source.text)
  const parts: Item[] = []
  const notes: Note[] = []
  for (const [at, { label, node, place }] of usesOf(root).entries()) {
    if (given.has(label)) continue
    const fate = metrics.label(label)
    if (fate.kind === 'kept') continue
    const status: Status = 'manual'
    const words =
      fate.kind === 'gone'
        ? `is nowhere any more: ${fate.why}`
        : fate.kind === 'resource'
          ? `is on target_info alone, as ${fate.to}`
          : `is ${fate.to} now`
    parts.push({
      kind: 'receiver',
      id: `label/${place}/${at}`,
      where: node.path,
      title: label,
      language: 'other',
      status,
      // The name alone: what stands around it may be a secret.
      before: label,
      after: label,
      edits: [],
      notes: [{ code: 'OBD-P-033', text: `${place} names the label ${label}, which ${words}, unless a rule sets it itself` }],
      uses: { metrics: [], labels: [label], fields: [] },
    })
  }
  if (parts.length > 0)
    notes.push({ code: 'OBD-P-033', text: `${parts.length} places name labels that alerts may have no more; the file is as it was` })
  return {
    kind: 'alertmanager',
    title: source.path,
    uid: source.path,
    tags: [],
    files: [{ path: source.path, text: source.text }],
    items: [],
    parts,
    notes,
  }
}

export const alertmanager: Converter = {
  kind: 'alertmanager',
  convert: convertAlertmanager,
}
