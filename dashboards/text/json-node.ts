/** A value of a JSON text, with the place of every token. */

import type { Node, NodeKind } from './node.ts'
import { memberPath } from './place.ts'

/** Objects of more members are looked up by a table. */
const fewMembers = 8

export type JsonScalar = string | number | boolean | null

export interface JsonMember {
  readonly key: string
  /** Of the key's opening quote. */
  readonly start: number
  /** Behind the key's closing quote. */
  readonly keyEnd: number
  readonly value: JsonNode
}

/** Its offsets are UTF-16 units of the text; `end` is behind the last one. */
export class JsonNode implements Node {
  readonly kind: NodeKind
  readonly value: JsonScalar | undefined
  readonly parent: JsonNode | undefined
  /** Key or index in the parent. */
  readonly step: string | number
  readonly start: number
  end: number
  readonly items: JsonNode[]
  readonly entries: JsonMember[]
  #members: readonly (readonly [string, JsonNode])[] | undefined
  #table: Map<string, JsonNode> | undefined

  constructor(
    kind: NodeKind,
    value: JsonScalar | undefined,
    parent: JsonNode | undefined,
    step: string | number,
    start: number,
    end: number,
  ) {
    this.kind = kind
    this.value = value
    this.parent = parent
    this.step = step
    this.start = start
    this.end = end
    this.items = kind === 'array' ? [] : none
    this.entries = kind === 'object' ? [] : none
  }

  get path(): string {
    if (this.parent === undefined) return '$'
    return `${this.parent.path}${typeof this.step === 'number' ? `[${this.step}]` : memberPath(this.step)}`
  }

  get members(): readonly (readonly [string, JsonNode])[] {
    this.#members ??= this.entries.map(({ key, value }) => [key, value] as const)
    return this.#members
  }

  get(key: string): JsonNode | undefined {
    const { entries } = this
    if (entries.length <= fewMembers) {
      for (let at = entries.length - 1; at >= 0; at--) {
        const entry = entries[at]
        if (entry?.key === key) return entry.value
      }
      return undefined
    }
    this.#table ??= new Map(entries.map((entry) => [entry.key, entry.value]))
    return this.#table.get(key)
  }

  plain(): unknown {
    if (this.kind === 'array') return this.items.map((item) => item.plain())
    if (this.kind !== 'object') return this.value
    const object: Record<string, unknown> = Object.create(null)
    for (const { key, value } of this.entries) object[key] = value.plain()
    return object
  }
}

/** Shared by all scalars; nothing is ever put in. */
const none: never[] = []
