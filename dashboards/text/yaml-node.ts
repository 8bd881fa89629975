/** A value of a YAML text, with its place. What an alias stands for is seen through it, and changed where its anchor is. */

import type { Node, NodeKind } from './node.ts'
import { memberPath } from './place.ts'

export type YamlStyle = 'plain' | 'single' | 'double' | 'literal' | 'folded'
export type YamlScalar = string | number | boolean | null

export interface YamlEntry {
  readonly key: string
  /** Whether it is `<<`, which brings the members of other maps in. */
  readonly merges: boolean
}

const pathOf = (parent: Node | undefined, step: string | number): string =>
  parent === undefined ? '$' : `${parent.path}${typeof step === 'number' ? `[${step}]` : memberPath(step)}`

/** Where a value stands; offsets are UTF-16 units of the text. */
export interface YamlPlace {
  /** First character, behind anchor and tag. */
  readonly start: number
  /** Behind the last character; the line break that ends a block scalar is not in it. */
  readonly end: number
  /** Of the key or the dash that it stands behind; of the value itself where there is none. */
  readonly itemStart: number
  /** Behind the colon, the dash, the anchor or the tag: what is replaced begins there. */
  readonly lead: number
  /** Column of `itemStart`. */
  readonly column: number
  /** Whether brackets are around it. */
  readonly inFlow: boolean
}

/** A value as it stands in the text. Of an alias `target` is what it stands for. */
export class YamlNode implements Node {
  readonly kind: NodeKind
  readonly value: YamlScalar | undefined
  readonly parent: YamlNode | undefined
  readonly step: string | number
  readonly place: YamlPlace
  /** Of a scalar. */
  readonly style: YamlStyle | undefined
  /** Whether a collection has brackets. */
  readonly flow: boolean
  readonly target: YamlNode | undefined
  /** What stands in the text within it: none of an alias. */
  readonly children: YamlNode[] = []
  /** Of a map: keys of `children`. */
  readonly entries: YamlEntry[] = []
  /** Values that it stands for, itself included. */
  size = 1
  /** Several documents: their index is in the path. */
  readonly #steps: boolean
  #members: readonly (readonly [string, Node])[] | undefined

  constructor(options: {
    readonly kind: NodeKind
    readonly value?: YamlScalar | undefined
    readonly parent: YamlNode | undefined
    readonly step: string | number
    readonly place: YamlPlace
    readonly style?: YamlStyle | undefined
    readonly flow?: boolean
    readonly target?: YamlNode | undefined
    readonly steps?: boolean
  }) {
    this.kind = options.kind
    this.value = options.value
    this.parent = options.parent
    this.step = options.step
    this.place = options.place
    this.style = options.style
    this.flow = options.flow ?? false
    this.target = options.target
    this.#steps = options.steps ?? true
  }

  get path(): string {
    return this.#steps ? pathOf(this.parent, this.step) : '$'
  }

  get items(): readonly Node[] {
    if (this.target !== undefined) return this.target.items.map((item, at) => new YamlView(item, this, at))
    return this.kind === 'array' ? this.children : []
  }

  get members(): readonly (readonly [string, Node])[] {
    this.#members ??=
      this.target === undefined
        ? withMerged(this)
        : this.target.members.map(([key, member]) => [key, new YamlView(member, this, key)] as const)
    return this.#members
  }

  get(key: string): Node | undefined {
    return this.members.findLast(([name]) => name === key)?.[1]
  }

  plain(): unknown {
    return plainOf(this)
  }
}

/** A value that is seen through an alias. */
export class YamlView implements Node {
  readonly of: Node
  readonly parent: Node
  readonly step: string | number

  constructor(of: Node, parent: Node, step: string | number) {
    this.of = of
    this.parent = parent
    this.step = step
  }

  get kind(): NodeKind {
    return this.of.kind
  }

  get value(): YamlScalar | undefined {
    return this.of.value
  }

  get path(): string {
    return pathOf(this.parent, this.step)
  }

  get items(): readonly Node[] {
    return this.of.items.map((item, at) => new YamlView(item, this, at))
  }

  get members(): readonly (readonly [string, Node])[] {
    return this.of.members.map(([key, member]) => [key, new YamlView(member, this, key)] as const)
  }

  get(key: string): Node | undefined {
    const found = this.of.get(key)
    return found === undefined ? undefined : new YamlView(found, this, key)
  }

  plain(): unknown {
    return plainOf(this)
  }
}

/** Where a value stands in the text: that of an anchor for what is seen through an alias. The alias itself is its own place. */
export function canonical(node: Node): YamlNode | undefined {
  let one = node
  while (one instanceof YamlView) one = one.of
  return one instanceof YamlNode ? one : undefined
}

/** Own members, then those that `<<` brings in and that are not there yet. */
function withMerged(map: YamlNode): readonly (readonly [string, Node])[] {
  const own: (readonly [string, Node])[] = []
  const merged: YamlNode[] = []
  for (const [at, child] of map.children.entries()) {
    const entry = map.entries[at]
    if (entry === undefined) continue
    if (entry.merges && child.kind !== 'string') merged.push(child)
    else own.push([entry.key, child])
  }
  if (merged.length === 0) return own
  const known = new Set(own.map(([key]) => key))
  const take = (from: Node): void => {
    if (from.kind === 'array') for (const item of from.items) take(item)
    for (const [key, member] of from.members) {
      if (known.has(key)) continue
      known.add(key)
      own.push([key, new YamlView(member, map, key)])
    }
  }
  for (const one of merged) take(one)
  return own
}

function plainOf(node: Node): unknown {
  if (node.kind === 'array') return node.items.map((item) => item.plain())
  if (node.kind !== 'object') return node.value
  const object: Record<string, unknown> = Object.create(null)
  for (const [key, member] of node.members) object[key] = member.plain()
  return object
}
