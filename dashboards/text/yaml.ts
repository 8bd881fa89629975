/** YAML as a document that is changed in place: comments, anchors, styles and layout of what is not changed stay byte for byte. */

import { bracketEdits } from './bracket-edits.ts'
import { type ContainerChange, createChanges } from './changes.ts'
import type { TextDocument } from './document.ts'
import { applyEdits, type TextEdit } from './edits.ts'
import type { Node } from './node.ts'
import { canonical, type YamlNode } from './yaml-node.ts'
import { readYamlNodes, type YamlReadOptions } from './yaml-read.ts'
import { scalarEdits } from './yaml-scalars.ts'
import { type YamlLayout, yamlBehindColon, yamlBehindDash, yamlFlow, yamlKey, yamlLines } from './yaml-write.ts'

const childrenOf = (node: YamlNode): readonly YamlNode[] => node.children

/** An edit, and how deep the part is that it changes: what is put in at one place stands with its own first. */
interface DeepEdit extends TextEdit {
  readonly depth: number
}

function depthOf(node: YamlNode): number {
  let depth = 0
  for (let one = node.parent; one !== undefined; one = one.parent) depth++
  return depth
}

/** Where the line ends that a place is in, in front of its break. */
function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  if (end === -1) return text.length
  return end > at && text[end - 1] === '\r' ? end - 1 : end
}

const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1

const isBlank = (text: string): boolean => /^[ \t]*$/.test(text)

function layoutOf(text: string, root: YamlNode): Omit<YamlLayout, 'blocks'> {
  let step: number | undefined
  let dash: number | undefined
  const queue = [...root.children]
  for (let at = 0; at < queue.length && at < 1000 && (step === undefined || dash === undefined); at++) {
    const node = queue[at]
    const child = node?.children[0]
    if (node === undefined || child === undefined || node.flow) continue
    const within = child.place.column - node.place.column
    if (node.parent !== root && typeof node.step === 'string') {
      if (node.kind === 'object' && within > 0) step ??= within
      if (node.kind === 'array') dash ??= within
    }
    queue.push(...node.children.slice(0, 8))
  }
  return { eol: /\r?\n/.exec(text)?.[0] ?? '\n', step: step ?? 2, dash: dash ?? step ?? 2 }
}

/**
 * Reads YAML (64 MiB, depth 200), all documents of it: the root is the array of them, paths of a single one begin with `$`. Aliases show what they
 * stand for; what is changed below one is changed at its anchor, once, while replacing the alias itself leaves the anchor alone.
 * Nodes of other documents, overlapping edits and changes of what is gone already throw an Error: mistakes of the caller.
 * @throws BridgeError OB_DECODE_YAML, OB_LIMIT_BODY, OB_LIMIT_DEPTH, OB_LIMIT_ITEMS
 */
export function parseYamlDocuments(text: string, options: YamlReadOptions = {}): TextDocument {
  const root = readYamlNodes(text, options)
  const changes = createChanges<YamlNode>(childrenOf)
  let known: Omit<YamlLayout, 'blocks'> | undefined

  const own = (node: Node): YamlNode => {
    const one = canonical(node)
    let top = one
    while (top?.parent !== undefined) top = top.parent
    if (one === undefined || top !== root) throw new Error(`cannot change ${node.path}: it is of another document`)
    return one
  }

  /** For changes within: what an alias stands for. */
  const content = (node: Node): YamlNode => {
    const one = own(node)
    if (one === root) throw new Error('cannot change the documents of a file: only what is in them')
    return one.target ?? one
  }

  /** Writes what stands behind a key or a dash; or on its own, in brackets. */
  const written = (node: YamlNode, value: unknown, layout: YamlLayout): string => {
    const { inFlow, column } = node.place
    if (inFlow) return ` ${yamlFlow(value)}`
    if (node.parent === root) {
      const filled = typeof value === 'object' && value !== null && Object.keys(value).length > 0
      return filled ? yamlLines(value, 0, layout) : yamlBehindColon(value, 0, layout).trimStart()
    }
    return typeof node.step === 'number' ? yamlBehindDash(value, column, layout) : yamlBehindColon(value, column, layout)
  }

  const replacement = (node: YamlNode, value: unknown, layout: YamlLayout): DeepEdit => {
    const { start, end, lead, inFlow } = node.place
    const behind = text.slice(end, lineEnd(text, end))
    const to = written(node, value, { ...layout, blocks: isBlank(behind) })
    // Brackets, and documents: nothing stands in front that has to be kept away from.
    const tight = (inFlow && typeof node.step === 'number') || node.parent === root
    const from = tight ? Math.max(start, node.parent === root ? start : lead) : lead
    return { start: tight ? start : from, end, to: tight ? to.trimStart() : to, depth: depthOf(node) }
  }

  const flowEdits = (node: YamlNode, { removed, added }: ContainerChange<YamlNode>): DeepEdit[] => {
    const depth = depthOf(node)
    const { start, end } = node.place
    const first = node.children[0]
    const padding = first === undefined ? '' : /^[ ]*/.exec(text.slice(start + 1, first.place.itemStart))?.[0]
    return bracketEdits({
      start,
      end,
      children: node.children.map((child) => ({ start: child.place.itemStart, end: child.place.end, stays: !removed.has(child) })),
      added: added.map(({ behind, key, value }) => ({
        behind,
        text: key === undefined ? yamlFlow(value) : `${yamlKey(key)}: ${yamlFlow(value)}`,
      })),
      between: ' ',
      padding: [padding ?? '', padding ?? ''],
    }).map((edit) => ({ ...edit, depth }))
  }

  const blockEdits = (node: YamlNode, { removed, added }: ContainerChange<YamlNode>, layout: YamlLayout): DeepEdit[] => {
    const { children } = node
    const depth = depthOf(node)
    const kept = children.flatMap((child, at) => (removed.has(child) ? [] : [at]))
    const first = kept[0]
    if (first === undefined) {
      const all = added.map(({ key, value }) => [key ?? '', value] as const)
      return [replacement(node, node.kind === 'array' ? all.map(([, value]) => value) : nullObject(all), layout)]
    }
    const column = children[0]?.place.column ?? 0
    const lines = (at: number, blocks: boolean): string[] =>
      added
        .filter(({ behind }) => behind === at)
        .map(({ key, value }) =>
          key === undefined
            ? `-${yamlBehindDash(value, column, { ...layout, blocks })}`
            : `${yamlKey(key)}:${yamlBehindColon(value, column, { ...layout, blocks })}`,
        )
    const indent = `${layout.eol}${' '.repeat(column)}`
    const edits: DeepEdit[] = []
    let front = ''
    for (let at = -1; at < first; at++) for (const one of lines(at, true)) front += `${one}${indent}`
    const start = children[0]?.place.itemStart ?? 0
    let end = children[first]?.place.itemStart ?? start
    // Comments in front of the first that stays are its own, unless a dash stands in front of what goes.
    if (first > 0 && isBlank(text.slice(lineStart(text, start), start))) {
      const gone = children[first - 1]?.place.end ?? start
      end = Math.min(end, lineEnd(text, gone) + layout.eol.length + column)
      if (!isBlank(text.slice(lineStart(text, end), end)) || text.slice(lineStart(text, end), end).length !== column)
        end = children[first]?.place.itemStart ?? start
    }
    if (front !== '' || end > start) edits.push({ start, end, to: front, depth })
    for (const [nth, at] of kept.entries()) {
      const next = kept[nth + 1] ?? children.length
      const from = lineEnd(text, children[at]?.place.end ?? 0)
      const until = next - 1 > at ? lineEnd(text, children[next - 1]?.place.end ?? from) : from
      let put = ''
      for (let index = at; index < next; index++) for (const one of lines(index, true)) put += `${indent}${one}`
      if (put !== '' || until > from) edits.push({ start: from, end: until, to: put, depth })
    }
    return edits
  }

  const edits = (): readonly TextEdit[] => {
    if (changes.texts.size + changes.values.size + changes.containers.size === 0) return []
    known ??= layoutOf(text, root)
    const layout: YamlLayout = { ...known, blocks: true }
    const all: DeepEdit[] = []
    for (const [node, list] of changes.texts)
      all.push(...scalarEdits(text, node, list, layout.eol).map((edit) => ({ ...edit, depth: depthOf(node) })))
    for (const [node, value] of changes.values) all.push(replacement(node, value, layout))
    for (const [node, change] of changes.containers) {
      if (node.flow) all.push(...flowEdits(node, change))
      else all.push(...blockEdits(node, change, layout))
    }
    return all
      .toSorted((one, other) => one.start - other.start || one.end - other.end || other.depth - one.depth)
      .map(({ start, end, to }) => ({ start, end, to }))
  }

  return {
    text,
    root,
    editText: (node, list) => changes.editText(content(node), list, true),
    replace: (node, value) => changes.replace(own(node), value),
    insert: (object, key, value, after) => changes.insert(content(object), key, value, after),
    append: (array, value, after) => changes.append(content(array), value, after),
    remove: (parent, child) => changes.remove(content(parent), own(child)),
    rename(object, child, key) {
      // Keys have styles and anchors of their own: the member is written anew, in its place.
      const old = content(object).members.find(([, value]) => value === child)?.[0]
      changes.remove(content(object), own(child))
      changes.insert(content(object), key, child.plain(), old)
    },
    edits,
    toString: () => applyEdits(text, edits()),
  }
}

function nullObject(members: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object: Record<string, unknown> = Object.create(null)
  for (const [key, value] of members) object[key] = value
  return object
}
