/** A YAML file as an untyped tree, with the line and column of every key. The yaml library is loaded only when a file is given. */

import type { Node, Pair } from 'yaml'
import { interpolate, typedScalar } from './interpolate.ts'
import { emptySection, type Path, printPath, type Section } from './tree.ts'

export interface Place {
  readonly line: number
  readonly column: number
}

export interface YamlFault extends Partial<Place> {
  readonly path: Path
  readonly message: string
}

export interface YamlFile {
  readonly tree: Section
  /** By {@link printPath}: where the key stands. */
  readonly places: ReadonlyMap<string, Place>
  readonly faults: readonly YamlFault[]
}

/** More than any configuration has; stops aliases that unfold without end. */
const configurationNodes = 20_000

/** Parses, follows aliases and fills in `${env:…}`. All faults are gathered; never throws for what is in the text. @param maxNodes values that it may hold, aliases unfolded */
export async function readYaml(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  maxNodes = configurationNodes,
): Promise<YamlFile> {
  const { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } = await import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const places = new Map<string, Place>()
  const faults: YamlFault[] = []
  let nodes = 0

  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }

  const scalar = (value: unknown, plain: boolean, path: Path, place: Partial<Place>): unknown => {
    if (typeof value !== 'string' || !value.includes('$')) return value
    const { text: filled, unreadable } = interpolate(value, env)
    for (const one of unreadable) {
      faults.push({ path, message: `cannot read the reference ${one}: expected \${env:NAME} or \${env:NAME:-default}`, ...place })
    }
    return plain && filled !== value ? typedScalar(filled) : filled
  }

  const read = (node: unknown, path: Path): unknown => {
    if (++nodes > maxNodes) {
      if (nodes === maxNodes + 1) faults.push({ path, message: `cannot read the file: it unfolds to more than ${maxNodes} values` })
      return null
    }
    if (isAlias(node)) return read(node.resolve(document), path)
    if (isScalar(node)) return scalar(node.value, node.type === 'PLAIN', path, places.get(printPath(path)) ?? {})
    if (isSeq(node)) return node.items.map((one, at) => read(one, mark([...path, at], one)))
    if (isMap(node)) {
      const section = emptySection()
      for (const pair of node.items as Pair[]) {
        const key = isScalar(pair.key) ? String(pair.key.value) : String(pair.key)
        section[key] = read(pair.value, mark([...path, key], pair.key))
      }
      return section
    }
    return null
  }

  const mark = (path: Path, node: unknown): Path => {
    const range = (node as Node | null)?.range
    if (range != null) places.set(printPath(path), placeOf(range[0]))
    return path
  }

  for (const error of document.errors) faults.push({ path: [], message: error.message, ...placeOf(error.pos[0]) })
  if (faults.length > 0) return { tree: emptySection(), places, faults }
  const tree = read(document.contents, [])
  if (tree === null) return { tree: emptySection(), places, faults }
  if (typeof tree !== 'object' || Array.isArray(tree)) {
    faults.push({ path: [], message: 'cannot read the file: expected sections (key: value)', line: 1, column: 1 })
    return { tree: emptySection(), places, faults }
  }
  return { tree: tree as Section, places, faults }
}
