/** A file that is read as values and changed as text: what is not changed stays byte for byte. */

import type { TextEdit } from './edits.ts'
import type { Node } from './node.ts'

export interface TextDocument {
  readonly text: string
  readonly root: Node
  /** Replaces parts of a string. Offsets are of the decoded string; escapes, quotes and blocks around them stay. Calls for one node add up; overlapping edits throw. */
  editText(node: Node, edits: readonly TextEdit[]): void
  /** Replaces a value by another one, laid out as its surroundings are. */
  replace(node: Node, value: unknown): void
  /** Adds a member behind the member `after`, or as the last. */
  insert(object: Node, key: string, value: unknown, after?: string): void
  /** Adds an element behind element `after`, or as the last. */
  append(array: Node, value: unknown, after?: number): void
  /** Takes a member or an element out. */
  remove(parent: Node, child: Node): void
  /** Gives a member another name; its place and its value stay. */
  rename(object: Node, child: Node, key: string): void
  /** All changes so far, as edits of `text`, in order. */
  edits(): readonly TextEdit[]
  /** The text with all changes. */
  toString(): string
}
