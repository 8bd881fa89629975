/** JSON text → values with places. Strict as RFC 8259, but for a byte order mark, which may stand in front. */

import { BridgeError } from '../../src/errors.ts'
import { maxDepth, maxTextLength, maxValues } from '../limits.ts'
import { JsonNode, type JsonScalar } from './json-node.ts'
import { lineAndColumn } from './place.ts'

const numberToken = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/** What a string holds up to its closing quote: no control characters, and only the escapes that there are. */
const escapeToken = /\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/y

const quote = 0x22
const backslash = 0x5c

/**
 * Scans a text; without recursion, in time linear to it. Of a key that stands twice both are kept.
 * @throws BridgeError OB_DECODE_JSON with line and column, OB_LIMIT_BODY, OB_LIMIT_DEPTH, OB_LIMIT_ITEMS
 */
export function scanJson(text: string): JsonNode {
  if (text.length > maxTextLength) throw new BridgeError('OB_LIMIT_BODY', 'cannot read JSON: it is larger than 64 MiB')
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0
  let values = 0
  let depth = 0

  const fail = (expected: string): never => {
    const found = at >= text.length ? 'the end' : JSON.stringify(text.slice(at, at + 12))
    throw new BridgeError('OB_DECODE_JSON', `cannot read JSON: expected ${expected} at ${lineAndColumn(text, at)}, found ${found}`, {
      place: String(at),
    })
  }

  const skip = (): number => {
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) at++
      else return code
    }
  }

  /** From the opening quote; afterwards `at` is behind the closing one. */
  const string = (): string => {
    const start = at++
    let escaped = false
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === quote) break
      if (code === backslash) {
        escapeToken.lastIndex = at
        if (!escapeToken.test(text)) fail('an escape of JSON')
        at = escapeToken.lastIndex
        escaped = true
      } else if (code >= 0x20) at++
      // Not a number behind the end.
      else fail(at >= text.length ? 'a closing quote' : 'an escape in place of a control character')
    }
    at++
    return escaped ? (JSON.parse(text.slice(start, at)) as string) : text.slice(start + 1, at - 1)
  }

  const word = (expected: string, value: boolean | null): boolean | null => {
    if (!text.startsWith(expected, at)) fail('a value')
    at += expected.length
    return value
  }

  const number = (): number => {
    numberToken.lastIndex = at
    const found = numberToken.exec(text)
    if (found === null) return fail('a value')
    at = numberToken.lastIndex
    return Number(found[0])
  }

  /** A value; of a container its opening only, and it is the open one then. */
  const value = (parent: JsonNode | undefined, step: string | number): JsonNode => {
    if (++values > maxValues) throw new BridgeError('OB_LIMIT_ITEMS', `cannot read JSON: it has more than ${maxValues} values`)
    const code = skip()
    const start = at
    if (code === 0x7b || code === 0x5b) {
      if (++depth > maxDepth) throw new BridgeError('OB_LIMIT_DEPTH', `cannot read JSON: it is nested deeper than ${maxDepth}`)
      at++
      return new JsonNode(code === 0x7b ? 'object' : 'array', undefined, parent, step, start, -1)
    }
    let scalar: JsonScalar
    let kind: 'string' | 'boolean' | 'null' | 'number' = 'number'
    if (code === quote) {
      scalar = string()
      kind = 'string'
    } else if (code === 0x74 || code === 0x66) {
      scalar = code === 0x74 ? word('true', true) : word('false', false)
      kind = 'boolean'
    } else if (code === 0x6e) {
      scalar = word('null', null)
      kind = 'null'
    } else scalar = number()
    return new JsonNode(kind, scalar, parent, step, start, at)
  }

  const root = value(undefined, '')
  let open: JsonNode | undefined = root.end === -1 ? root : undefined
  /** Whether the open container has just been opened, or a comma was met. */
  let first = true
  while (open !== undefined) {
    const closing: number = open.kind === 'object' ? 0x7d : 0x5d
    let code = skip()
    if (code === closing) {
      at++
      open.end = at
      depth--
      open = open.parent
      first = false
      continue
    }
    if (!first) {
      if (code !== 0x2c) fail(open.kind === 'object' ? '"," or "}"' : '"," or "]"')
      at++
      code = skip()
    }
    let child: JsonNode
    if (open.kind === 'object') {
      if (code !== quote) fail('a key')
      const start = at
      const key = string()
      const keyEnd = at
      if (skip() !== 0x3a) fail('":"')
      at++
      child = value(open, key)
      open.entries.push({ key, start, keyEnd, value: child })
    } else {
      child = value(open, open.items.length)
      open.items.push(child)
    }
    first = child.end === -1
    if (first) open = child
  }
  skip()
  if (at < text.length) fail('the end')
  return root
}
