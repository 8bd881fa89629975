/** YAML text → values with places. Anchors, aliases and merge keys are followed, tags are passed over; nothing unfolds without end. */

import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Pair,
  Parser,
  type Scalar,
  type Node as YamlLibraryNode,
} from 'yaml'
import { BridgeError } from '../../src/errors.ts'
import { maxDepth, maxTextLength, maxValues } from '../limits.ts'
import { lineAndColumn } from './place.ts'
import { YamlNode, type YamlPlace, type YamlScalar, type YamlStyle } from './yaml-node.ts'

/** Tokens of a text, white space and punctuation included. They cost far more memory than values of JSON. */
const maxTokens = 2_000_000

export interface YamlReadOptions {
  /** `1.1` is what Python reads: `yes` and `on` are true. Default `1.2`. */
  readonly version?: '1.1' | '1.2'
}

const tooDeep = () => new BridgeError('OB_LIMIT_DEPTH', `cannot read YAML: it is nested deeper than ${maxDepth}`)
const tooMany = () => new BridgeError('OB_LIMIT_ITEMS', `cannot read YAML: it stands for more than ${maxValues} values`)

function* tokensOf(text: string): Generator<CST.Token> {
  const parser = new Parser()
  let tokens = 0
  for (const lexeme of new Lexer().lex(text)) {
    if (++tokens > maxTokens) throw new BridgeError('OB_LIMIT_ITEMS', `cannot read YAML: it has more than ${maxTokens} tokens`)
    yield* parser.next(lexeme)
    // The library follows what is nested by recursion later on.
    if (parser.stack.length > maxDepth + 4) throw tooDeep()
  }
  yield* parser.end()
}

function documentsOf(text: string, options: YamlReadOptions): readonly Document.Parsed[] {
  const composer = new Composer({
    keepSourceTokens: true,
    uniqueKeys: false,
    prettyErrors: false,
    strict: false,
    logLevel: 'silent',
    version: options.version ?? '1.2',
  })
  const documents = Array.from(composer.compose(tokensOf(text)))
  for (const { errors } of documents) {
    const error = errors[0]
    if (error !== undefined) {
      const at = Math.min(error.pos[0], text.length)
      throw new BridgeError('OB_DECODE_YAML', `cannot read YAML: ${error.message} at ${lineAndColumn(text, at)}`, { place: String(at) })
    }
  }
  return documents
}

const styles: Readonly<Record<string, YamlStyle>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
}

/** Types of JSON only: of what other schemas know (dates, bytes) the text. */
function scalarValue(scalar: Scalar): YamlScalar {
  const { value } = scalar
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') return Number(value)
  return scalar.source ?? String(value)
}

const kindOf = (value: YamlScalar): 'string' | 'number' | 'boolean' | 'null' =>
  value === null ? 'null' : (typeof value as 'string' | 'number' | 'boolean')

/** Of a key that is no scalar its text. */
const keyText = (key: unknown, text: string): string => {
  if (isScalar(key)) return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
  const range = (key as YamlLibraryNode | null)?.range
  return range === undefined || range === null ? '' : text.slice(range[0], range[1])
}

/** Where tokens in front of a value end, white space and comments not counted. */
function leadOf(tokens: readonly CST.SourceToken[] | undefined, standard: number): number {
  let lead = standard
  for (const { type, offset, source } of tokens ?? [])
    if (type !== 'space' && type !== 'newline' && type !== 'comment' && type !== 'comma') lead = offset + source.length
  return lead
}

/** The first of the tokens in front of a key or a value that is more than white space. */
function firstOf(tokens: readonly CST.SourceToken[] | undefined, standard: number): number {
  for (const { type, offset } of tokens ?? [])
    if (type !== 'space' && type !== 'newline' && type !== 'comment' && type !== 'comma') return offset
  return standard
}

/**
 * All documents of a text, as children of one node. Duplicate keys are kept.
 * @throws BridgeError OB_DECODE_YAML with line and column, OB_LIMIT_BODY, OB_LIMIT_DEPTH, OB_LIMIT_ITEMS
 */
export function readYamlNodes(text: string, options: YamlReadOptions = {}): YamlNode {
  if (text.length > maxTextLength) throw new BridgeError('OB_LIMIT_BODY', 'cannot read YAML: it is larger than 64 MiB')
  const documents = documentsOf(text, options)
  const place: YamlPlace = { start: 0, end: text.length, itemStart: 0, lead: 0, column: 0, inFlow: false }
  const root = new YamlNode({ kind: 'array', parent: undefined, step: '', place })
  let values = 0

  const columnOf = (at: number): number => at - (text.lastIndexOf('\n', at - 1) + 1)

  const unresolved = (name: string, at: number) =>
    new BridgeError('OB_DECODE_YAML', `cannot read YAML: no anchor ${name} is known at ${lineAndColumn(text, at)}`, { place: String(at) })

  /** Reads one document. Anchors are known by what stands in front; one that is still open would unfold without end. */
  const readDocument = (document: Document.Parsed, step: number, steps: boolean): YamlNode => {
    const anchors = new Map<string, YamlNode | undefined>()

    const read = (
      node: YamlLibraryNode | null | undefined,
      parent: YamlNode,
      at: string | number,
      where: Pick<YamlPlace, 'itemStart' | 'lead' | 'inFlow'>,
      depth: number,
    ): YamlNode => {
      if (depth > maxDepth) throw tooDeep()
      if (++values > maxValues) throw tooMany()
      const range = node?.range ?? [where.lead, where.lead, where.lead]
      const start = range[0]
      const blockScalar = isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED')
      let end = range[1]
      if (blockScalar && text[end - 1] === '\n') end -= text[end - 2] === '\r' ? 2 : 1
      // An empty value is where its colon is, not where the library looked for it.
      const isEmpty = start === end && isScalar(node)
      const place = (to: number): YamlPlace => ({
        start: isEmpty ? where.lead : start,
        end: isEmpty ? where.lead : to,
        column: columnOf(where.itemStart),
        ...where,
      })
      const shared = { parent, step: at, ...(depth === 0 && !steps ? { steps: false } : {}) }
      if (node === null || node === undefined) return new YamlNode({ ...shared, kind: 'null', value: null, place: place(end) })
      if (isAlias(node)) {
        const target = anchors.get(node.source)
        if (target === undefined) throw unresolved(node.source, start)
        const alias = new YamlNode({ ...shared, kind: target.kind, value: target.value, target, place: place(end) })
        alias.size = target.size
        return alias
      }
      const { anchor } = node as { readonly anchor?: string }
      if (anchor !== undefined) anchors.set(anchor, undefined)
      let result: YamlNode
      if (isScalar(node)) {
        const value = scalarValue(node)
        result = new YamlNode({ ...shared, kind: kindOf(value), value, place: place(end), style: styles[node.type ?? 'PLAIN'] ?? 'plain' })
      } else result = readCollection(node, shared, place, where.inFlow, end, depth)
      if (result.size > maxValues) throw tooMany()
      if (anchor !== undefined) anchors.set(anchor, result)
      return result
    }

    const readCollection = (
      node: YamlLibraryNode,
      shared: { readonly parent: YamlNode; readonly step: string | number },
      place: (end: number) => YamlPlace,
      inFlow: boolean,
      rangeEnd: number,
      depth: number,
    ): YamlNode => {
      if (!isMap(node) && !isSeq(node)) throw new BridgeError('OB_DECODE_YAML', 'cannot read YAML: a value of no known kind')
      const flow = node.flow === true
      const pending = { start: node.range?.[0] ?? 0, end: rangeEnd }
      // Its end is known when its children are: the library counts comments and lines behind it in.
      const placeNow = { ...place(pending.end) }
      const made = new YamlNode({ ...shared, kind: isMap(node) ? 'object' : 'array', place: placeNow, flow })
      const source = node.srcToken as { readonly items?: readonly CST.CollectionItem[] } | undefined
      const within = inFlow || flow
      const add = (child: YamlNode): void => {
        made.children.push(child)
        made.size += child.size
      }
      for (const [at, item] of node.items.entries()) {
        const token = source?.items?.[at]
        if (isMap(node)) {
          const pair = item as Pair<YamlLibraryNode | null, YamlLibraryNode | null>
          const { key, value } = pair
          const keyStart = key?.range?.[0] ?? value?.range?.[0] ?? pending.start
          const itemStart = firstOf(token?.start, keyStart)
          const lead = leadOf(token?.sep, key?.range?.[1] ?? keyStart)
          const name = keyText(key, text)
          made.entries.push({ key: name, merges: name === '<<' && isScalar(key) && key.type === 'PLAIN' })
          add(read(value, made, name, { itemStart, lead, inFlow: within }, depth + 1))
        } else {
          const value = item as YamlLibraryNode | null
          const valueStart = value?.range?.[0] ?? pending.start
          const itemStart = firstOf(token?.start, valueStart)
          add(read(value, made, at, { itemStart, lead: leadOf(token?.start, valueStart), inFlow: within }, depth + 1))
        }
      }
      const last = made.children.at(-1)
      if (!flow && last !== undefined) Object.assign(placeNow, { end: last.place.end })
      return made
    }

    const start = document.contents?.range?.[0] ?? document.range[0]
    return read(document.contents, root, step, { itemStart: start, lead: start, inFlow: false }, 0)
  }

  for (const [at, document] of documents.entries()) {
    const child = readDocument(document, at, documents.length > 1)
    root.children.push(child)
    root.size += child.size
    if (root.size > maxValues) throw tooMany()
  }
  return root
}
