/** JSON as a document that is changed in place: what is not changed stays byte for byte, escapes and layout too. */

import { bracketEdits } from './bracket-edits.ts'
import { type ContainerChange, createChanges } from './changes.ts'
import type { TextDocument } from './document.ts'
import { applyEdits, type TextEdit } from './edits.ts'
import { JsonNode } from './json-node.ts'
import { scanJson } from './json-scan.ts'
import { escapeText, rawEdits, styleOf } from './json-strings.ts'
import { type JsonLayout, writeJson, writeKey } from './json-write.ts'
import type { Node } from './node.ts'

const childrenOf = (node: JsonNode): readonly JsonNode[] => (node.kind === 'object' ? node.entries.map(({ value }) => value) : node.items)

/** Where a child begins, with its key. */
const startsOf = (node: JsonNode): readonly number[] =>
  node.kind === 'object' ? node.entries.map(({ start }) => start) : node.items.map(({ start }) => start)

/** Longer lines have no indentation. */
const longestLine = 4096

/** White space in front of the first character of a line. */
function lineIndent(text: string, at: number): string {
  // Of lines without end, as in a file of one line, nobody looks for the beginning: it would be done for every change.
  const from = Math.max(0, at - longestLine)
  const found = text.slice(from, at).lastIndexOf('\n')
  if (found === -1 && from > 0) return ''
  const start = from + found + 1
  let end = start
  while (text[end] === ' ' || text[end] === '\t') end++
  return text.slice(start, end)
}

/** What stands between two places: white space. */
const gap = (text: string, start: number, end: number): string => text.slice(start, end)

/** The layout of a whole text, of the first containers that show one. */
function layoutOf(text: string, root: JsonNode): JsonLayout {
  const eol = /\r?\n/.exec(text)?.[0] ?? '\n'
  let indent: string | undefined
  let colon: string | undefined
  let comma: string | undefined
  const queue: JsonNode[] = [root]
  for (let at = 0; at < queue.length && at < 1000 && (indent === undefined || colon === undefined); at++) {
    const node = queue[at]
    if (node === undefined) break
    const starts = startsOf(node)
    const [start, second] = starts
    if (start === undefined) continue
    const before = gap(text, node.start + 1, start)
    if (before.includes('\n')) {
      const own = lineIndent(text, node.start)
      const inner = lineIndent(text, start)
      if (inner.length > own.length && inner.startsWith(own)) indent ??= inner.slice(own.length)
    } else if (second !== undefined) comma ??= `,${/\s*$/.exec(text.slice(start, second))?.[0] ?? ''}`
    const entry = node.entries[0]
    if (entry !== undefined) colon ??= gap(text, entry.keyEnd, entry.value.start)
    queue.push(...childrenOf(node).slice(0, 8))
  }
  if (comma?.includes('\n')) comma = undefined
  return {
    style: styleOf(text),
    indent,
    eol,
    colon: colon ?? (indent === undefined ? ':' : ': '),
    comma: comma ?? (colon === ':' ? ',' : ', '),
  }
}

/** Text that stands between the brackets of a container, and how its children are laid out. */
interface Inside {
  readonly layout: JsonLayout
  /** Between two children, without the comma. */
  readonly between: string
  readonly childIndent: string
  /** In front of the closing bracket, of a container that was empty. */
  readonly closing: string
}

function insideOf(text: string, node: JsonNode, whole: JsonLayout): Inside {
  const own = lineIndent(text, node.start)
  const first = startsOf(node)[0]
  if (first === undefined) {
    const childIndent = own + (whole.indent ?? '')
    const line = `${whole.eol}${childIndent}`
    return whole.indent === undefined
      ? { layout: whole, between: whole.comma.slice(1), childIndent: own, closing: '' }
      : { layout: whole, between: line, childIndent, closing: `${whole.eol}${own}` }
  }
  const before = gap(text, node.start + 1, first)
  const entry = node.entries[0]
  const colon = entry === undefined ? whole.colon : gap(text, entry.keyEnd, entry.value.start)
  if (before.includes('\n')) {
    const childIndent = lineIndent(text, first)
    const closing = `${whole.eol}${own}`
    return { layout: { ...whole, colon }, between: `${whole.eol}${childIndent}`, childIndent, closing }
  }
  return { layout: { ...whole, colon, indent: undefined }, between: whole.comma.slice(1), childIndent: own, closing: before }
}

function containerEdits(text: string, node: JsonNode, { removed, added }: ContainerChange<JsonNode>, whole: JsonLayout): TextEdit[] {
  const { layout, between, childIndent, closing } = insideOf(text, node, whole)
  const starts = startsOf(node)
  const lines = between.includes('\n')
  return bracketEdits({
    start: node.start,
    end: node.end,
    children: childrenOf(node).map((child, at) => ({ start: starts[at] ?? child.start, end: child.end, stays: !removed.has(child) })),
    added: added.map(({ behind, key, value }) => ({
      behind,
      text: `${key === undefined ? '' : writeKey(key, layout)}${writeJson(value, layout, childIndent)}`,
    })),
    between,
    padding: [lines ? between : closing, closing],
  })
}

/** The layout of a value in the place of another one. */
function replacementOf(text: string, node: JsonNode, value: unknown, whole: JsonLayout): string {
  const { parent } = node
  const first = parent === undefined ? undefined : startsOf(parent)[0]
  const oneLine = parent !== undefined && first !== undefined && !gap(text, parent.start + 1, first).includes('\n')
  // A container that had lines keeps them, whatever it stands in.
  const lines = node.kind === 'object' || node.kind === 'array' ? gap(text, node.start, node.end).includes('\n') : false
  const layout = oneLine && !lines ? { ...whole, indent: undefined } : whole
  return writeJson(value, layout, lineIndent(text, node.start))
}

/**
 * Reads JSON (64 MiB, depth 200, a byte order mark in front is taken and kept). Offsets of {@link TextDocument.editText} are of the decoded
 * string. Nodes of other documents, overlapping edits and changes of what is gone already throw an Error: mistakes of the caller.
 * @throws BridgeError OB_DECODE_JSON, OB_LIMIT_BODY, OB_LIMIT_DEPTH, OB_LIMIT_ITEMS
 */
export function parseJsonDocument(text: string): TextDocument {
  const root = scanJson(text)
  const changes = createChanges<JsonNode>(childrenOf)
  let layout: JsonLayout | undefined

  const own = (node: Node): JsonNode => {
    let top = node instanceof JsonNode ? node : undefined
    while (top?.parent !== undefined) top = top.parent
    if (top !== root) throw new Error(`cannot change ${node.path}: it is of another document`)
    return node as JsonNode
  }

  const edits = (): TextEdit[] => {
    if (changes.texts.size + changes.values.size + changes.containers.size + changes.keys.size === 0) return []
    layout ??= layoutOf(text, root)
    const all: TextEdit[] = []
    for (const [node, list] of changes.texts) all.push(...rawEdits(text, node.start, node.end, list, layout.style))
    for (const [node, value] of changes.values) all.push({ start: node.start, end: node.end, to: replacementOf(text, node, value, layout) })
    for (const [node, key] of changes.keys) {
      const entry = node.parent?.entries.find(({ value }) => value === node)
      if (entry !== undefined) all.push({ start: entry.start + 1, end: entry.keyEnd - 1, to: escapeText(key, layout.style) })
    }
    for (const [node, change] of changes.containers) all.push(...containerEdits(text, node, change, layout))
    return all.toSorted((one, other) => one.start - other.start || one.end - other.end)
  }

  return {
    text,
    root,
    editText: (node, list) => changes.editText(own(node), list),
    replace: (node, value) => changes.replace(own(node), value),
    insert: (object, key, value, after) => changes.insert(own(object), key, value, after),
    append: (array, value, after) => changes.append(own(array), value, after),
    remove: (parent, child) => changes.remove(own(parent), own(child)),
    rename: (object, child, key) => changes.rename(own(object), own(child), key),
    edits,
    toString: () => applyEdits(text, edits()),
  }
}
