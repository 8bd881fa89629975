/** Writes the difference of two values into a document: what is equal in both is not touched. */

import type { QueryEdit } from '../model.ts'
import type { TextDocument } from '../text/document.ts'
import type { TextEdit } from '../text/edits.ts'
import type { Node } from '../text/node.ts'

/** A text of which the changed parts are known: so that an expression keeps the escapes of what did not change. */
export interface KnownEdits {
  readonly before: string
  readonly after: string
  readonly edits: readonly Pick<QueryEdit, 'start' | 'end' | 'to'>[]
}

/** Members by name; of a name that stands twice the last. */
export function membersOf(node: Node): Map<string, Node> {
  const members = new Map<string, Node>()
  for (const [key, value] of node.members) members.set(key, value)
  return members
}

/** Whether a parsed value is an object: neither an array nor null. */
export const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The one edit that makes `after` of `before`, as short as it can be. */
export function editBetween(before: string, after: string): TextEdit {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start += 1
  let tail = 0
  while (tail < shorter - start && before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)) tail += 1
  return { start, end: before.length - tail, to: after.slice(start, after.length - tail) }
}

/** Changes a string's text. */
export function patchText(document: TextDocument, node: Node, before: string, after: string, known?: KnownEdits): void {
  if (before === after) return
  const fits = known !== undefined && known.edits.length > 0 && known.before === before && known.after === after
  document.editText(node, fits ? known.edits.map(({ start, end, to }) => ({ start, end, to })) : [editBetween(before, after)])
}

/** Makes `node` be `next`. Values are JSON; `undefined` members are none. Depth is that of the document, which has a limit. */
export function patchNode(document: TextDocument, node: Node, next: unknown, known?: KnownEdits): void {
  if (node.kind === 'object' && isPlain(next)) {
    const members = membersOf(node)
    for (const [key, child] of members) {
      const value = next[key]
      if (value === undefined) document.remove(node, child)
      else patchNode(document, child, value, known)
    }
    for (const [key, value] of Object.entries(next)) if (value !== undefined && !members.has(key)) document.insert(node, key, value)
    return
  }
  if (node.kind === 'array' && Array.isArray(next)) {
    const { items } = node
    items.forEach((item, index) => {
      if (index < next.length) patchNode(document, item, next[index], known)
      else document.remove(node, item)
    })
    for (const value of next.slice(items.length)) document.append(node, value)
    return
  }
  if (node.kind === 'string' && typeof next === 'string') {
    patchText(document, node, String(node.value), next, known)
    return
  }
  if (node.kind !== 'object' && node.kind !== 'array' && node.value === next) return
  document.replace(node, next)
}
