/** A parsed value that knows where it stands, whatever the file's syntax: JSON, YAML, or JSON in a text of either. */

export type NodeKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null'

export interface Node {
  readonly kind: NodeKind
  /** Of a scalar; decoded. Numbers beyond 2^53 are as near as a number gets: their text is not touched. Undefined of objects and arrays. */
  readonly value: string | number | boolean | null | undefined
  /** `$.panels[4].targets[0].expr`; keys that are no identifiers as `["a.b"]`. */
  readonly path: string
  /** Elements of an array; empty of others. */
  readonly items: readonly Node[]
  /** Members of an object in their order; of a key that stands twice both. Empty of others. */
  readonly members: readonly (readonly [key: string, value: Node])[]
  /** Value of a member, the last of that name; undefined: none, or no object. */
  get(key: string): Node | undefined
  /** The value without places. Objects have no prototype, so that `__proto__` is a key as any other. */
  plain(): unknown
}

/** The text of a string; undefined: it is none. */
export const textOf = (node: Node | undefined): string | undefined => (node?.kind === 'string' ? (node.value as string) : undefined)
