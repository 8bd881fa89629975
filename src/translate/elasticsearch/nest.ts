/**
 * Fields as maps within maps, for bodies that are objects and `nested: kvlist`: what dots separate, spelt out or not, is nested again. Keys of
 * labels are kept in one piece, whatever dots they hold.
 */

import { keyValue } from '../../otlp/attributes.ts'
import { createKey } from '../../otlp/keys.ts'
import { type AnyValue, type KeyValue, ValueType } from '../../otlp/model.ts'
import type { Leaves } from './model.ts'
import { isVerbatim } from './names.ts'

/**
 * Maps within maps, at most: each is three messages deep in protobuf, and readers of it stop at a hundred. What is deeper keeps its dots. Lists within
 * them come on top of that.
 */
export const deepestNesting = 16

/** Longer paths keep all their dots: nobody's fields are called so, and each part of a path is looked up. */
export const longestPath = 1024

/** A map that grows. */
interface Branch {
  readonly names: string[]
  readonly values: (AnyValue | Branch)[]
  /** Branches below, by their names. */
  below: Map<string, Branch> | undefined
}

const createBranch = (): Branch => ({ names: [], values: [], below: undefined })

/** Values by dotted paths, no path twice. */
export interface Paths {
  readonly paths: readonly string[]
  readonly values: readonly AnyValue[]
}

/**
 * Nests values, in the order in which they are given. A value whose path is the beginning of another one stays, and the other keeps its dots beside
 * it: `host` and `host.name` are two members. Dots at the ends, and one after the other, separate nothing.
 * @param prefix what the paths are below: '' or a path, for what is to be kept in one piece
 */
export function nestPaths({ paths, values }: Paths, prefix: string): readonly KeyValue[] {
  const taken = new Set<string>()
  for (const path of paths) if (path.length <= longestPath) taken.add(path)
  const root = createBranch()
  for (let i = 0; i < paths.length; i++) {
    const path = paths[i] as string
    let branch = root
    let from = 0
    let depth = 1
    for (
      let dot = path.length <= longestPath ? path.indexOf('.', 1) : -1;
      dot > 0 && depth < deepestNesting;
      dot = path.indexOf('.', dot + 1), depth++
    ) {
      const next = path.charCodeAt(dot + 1)
      if (dot === from || Number.isNaN(next) || next === 0x2e) break
      const before = path.slice(0, dot)
      if (taken.has(before)) break
      branch = branchBelow(branch, path.slice(from, dot))
      from = dot + 1
      if (isVerbatim(prefix === '' ? before : `${prefix}.${before}`)) break
    }
    branch.names.push(path.slice(from))
    branch.values.push(values[i] as AnyValue)
  }
  return listOf(root)
}

function branchBelow(branch: Branch, name: string): Branch {
  branch.below ??= new Map()
  let found = branch.below.get(name)
  if (found === undefined) {
    found = createBranch()
    branch.below.set(name, found)
    branch.names.push(name)
    branch.values.push(found)
  }
  return found
}

function listOf({ names, values }: Branch): readonly KeyValue[] {
  return names.map((name, i) => {
    const one = values[i] as AnyValue | Branch
    const key = createKey(name)
    return 'names' in one ? keyValue(key, ValueType.KvList, 0, 0, listOf(one)) : keyValue(key, one.type, one.a, one.b, one.ref)
  })
}

/** Rows of a document as maps. @param prefix a path that all of them are below, which is left out; '' for the whole document */
export function nestRows(leaves: Leaves, source: Uint8Array, rows: readonly number[], prefix: string): readonly KeyValue[] {
  const skip = prefix === '' ? 0 : prefix.length + 1
  const paths = rows.map((row) => (leaves.fields[row] as { readonly path: string }).path.slice(skip))
  return nestPaths({ paths, values: rows.map((row) => leafValue(leaves, source, row)) }, prefix)
}

/** Attributes with dotted names as maps below their first names: `nested: kvlist`. */
export function nestAttributes(attributes: readonly KeyValue[]): readonly KeyValue[] {
  return nestPaths({ paths: attributes.map(({ key }) => key.text), values: attributes }, '')
}

const bareKey = createKey('')

/** The value of a row. */
export function leafValue(leaves: Leaves, source: Uint8Array, row: number): KeyValue {
  const type = leaves.types[row] as number
  const a = leaves.a[row] as number
  const b = leaves.b[row] as number
  switch (type) {
    case ValueType.Text:
      return keyValue(bareKey, type, a, b, source)
    case ValueType.Array:
    case ValueType.KvList:
      return keyValue(bareKey, type, 0, 0, leaves.lists[a] ?? null)
    default:
      return keyValue(bareKey, type, a, b, null)
  }
}
