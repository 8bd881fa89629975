/** What is to be changed in a document, before it becomes edits: kept by node, so that changes in any order come out well. */

import type { TextEdit } from './edits.ts'
import type { Node } from './node.ts'

/** A node that knows what it is in. */
export interface PlacedNode extends Node {
  readonly parent: PlacedNode | undefined
  /** Key or index in the parent. */
  readonly step: string | number
}

/** Something that is put in. `key` is undefined in arrays. */
export interface Added {
  readonly key: string | undefined
  value: unknown
  /** Index of the child that it stands behind; -1: in front of all. */
  readonly behind: number
}

/** What happens in one container. `added` is in order of `behind`. */
export interface ContainerChange<N> {
  readonly removed: Set<N>
  readonly added: Added[]
}

export interface Changes<N extends PlacedNode> {
  readonly texts: ReadonlyMap<N, readonly TextEdit[]>
  readonly values: ReadonlyMap<N, unknown>
  readonly containers: ReadonlyMap<N, ContainerChange<N>>
  /** Members with another name, by their value. */
  readonly keys: ReadonlyMap<N, string>
  /** Edits of a string add up. @param sameIsOne an edit that is there already is not taken twice */
  editText(node: N, edits: readonly TextEdit[], sameIsOne?: boolean): void
  replace(node: N, value: unknown): void
  insert(object: N, key: string, value: unknown, after: string | undefined): void
  append(array: N, value: unknown, after: number | undefined): void
  remove(parent: N, child: N): void
  rename(object: N, child: N, key: string): void
}

const fault = (node: Node, cause: string): Error => new Error(`cannot change ${node.path}: ${cause}`)

/** Collects changes; mistakes of the caller throw an Error. What is changed in a part that is replaced or removed later goes with it. */
export function createChanges<N extends PlacedNode>(childrenOf: (container: N) => readonly N[]): Changes<N> {
  const texts = new Map<N, readonly TextEdit[]>()
  const values = new Map<N, unknown>()
  const containers = new Map<N, ContainerChange<N>>()
  const keys = new Map<N, string>()

  const containerOf = (node: N): ContainerChange<N> => {
    let change = containers.get(node)
    if (change === undefined) containers.set(node, (change = { removed: new Set(), added: [] }))
    return change
  }

  /** A part that is gone cannot be changed any more: the change would be lost silently. */
  const check = (node: N): void => {
    for (let one: PlacedNode | undefined = node; one !== undefined; one = one.parent) {
      if (values.has(one as N)) throw fault(node, one === node ? 'it is replaced already' : `${one.path} is replaced already`)
      if (one.parent !== undefined && containers.get(one.parent as N)?.removed.has(one as N) === true)
        throw fault(node, `${one.path} is taken out already`)
    }
  }

  /** By what is in the node, not by all changes: a file of many changes would take the square of them. */
  const forget = (node: N): void => {
    const left: N[] = [node]
    for (let one = left.pop(); one !== undefined; one = left.pop()) {
      for (const map of [texts, values, containers, keys]) map.delete(one)
      left.push(...childrenOf(one))
    }
  }

  const add = (container: N, added: Added): void => {
    const { added: list } = containerOf(container)
    const at = list.findIndex(({ behind }) => behind > added.behind)
    list.splice(at === -1 ? list.length : at, 0, added)
  }

  return {
    texts,
    values,
    containers,
    keys,
    editText(node, edits, sameIsOne = false) {
      const text = node.value
      if (node.kind !== 'string' || typeof text !== 'string') throw fault(node, `it is no string but ${node.kind}`)
      check(node)
      const before = texts.get(node) ?? []
      const fresh = edits.filter(
        (edit) => !(sameIsOne && before.some(({ start, end, to }) => start === edit.start && end === edit.end && to === edit.to)),
      )
      const all = [...before, ...fresh].toSorted((one, other) => one.start - other.start || one.end - other.end)
      let at = 0
      for (const { start, end } of all) {
        if (start < at || end < start || end > text.length)
          throw fault(node, `an edit from ${start} to ${end} overlaps another one, or lies outside`)
        at = end
      }
      if (all.length > 0) texts.set(node, all)
    },
    replace(node, value) {
      if (!values.has(node)) check(node)
      const key = keys.get(node)
      forget(node)
      values.set(node, value)
      if (key !== undefined) keys.set(node, key)
    },
    insert(object, key, value, after) {
      if (object.kind !== 'object') throw fault(object, `it is no object but ${object.kind}`)
      check(object)
      const change = containerOf(object)
      const twin = change.added.find((one) => one.key === key)
      if (twin !== undefined) {
        twin.value = value
        return
      }
      const children = childrenOf(object)
      if (children.some((child) => child.step === key && !change.removed.has(child)))
        throw fault(object, `it has a member ${JSON.stringify(key)} already`)
      const earlier = change.added.findIndex((one) => one.key === after && after !== undefined)
      const added = change.added[earlier]
      if (added !== undefined) {
        change.added.splice(earlier + 1, 0, { key, value, behind: added.behind })
        return
      }
      const at = children.findLastIndex(({ step }) => step === after)
      add(object, { key, value, behind: after === undefined || at === -1 ? children.length - 1 : at })
    },
    append(array, value, after) {
      if (array.kind !== 'array') throw fault(array, `it is no array but ${array.kind}`)
      check(array)
      const last = array.items.length - 1
      add(array, { key: undefined, value, behind: after === undefined ? last : Math.max(-1, Math.min(last, after)) })
    },
    remove(parent, child) {
      if (!childrenOf(parent).includes(child)) throw fault(child, `it is not in ${parent.path}`)
      const change = containerOf(parent)
      if (change.removed.has(child)) return
      check(child)
      forget(child)
      change.removed.add(child)
    },
    rename(object, child, key) {
      if (object.kind !== 'object' || !childrenOf(object).includes(child)) throw fault(child, `it is no member of ${object.path}`)
      check(object)
      if (containers.get(object)?.removed.has(child) === true) throw fault(child, 'it is taken out already')
      keys.set(child, key)
    },
  }
}
