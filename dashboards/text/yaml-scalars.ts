/** Strings of YAML as they are written: offsets through escapes, folds and indentation, and the same style for what is new. */

import { isScalar, parseDocument } from 'yaml'
import { applyEdits, type TextEdit } from './edits.ts'
import type { YamlNode, YamlStyle } from './yaml-node.ts'
import { doubleQuoted, singleQuoted } from './yaml-write.ts'

/** What a scalar says, and where in its text each unit of it begins; one place more for its end. */
interface Decoded {
  readonly value: string
  readonly places: readonly number[]
}

interface Building {
  value: string
  readonly places: number[]
}

const put = (into: Building, text: string, at: number, step = 1): void => {
  for (let index = 0; index < text.length; index++) into.places.push(at + index * step)
  into.value += text
}

const escapes: Readonly<Record<string, string>> = {
  '0': '\0',
  a: '\x07',
  b: '\b',
  t: '\t',
  '\t': '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
  e: '\x1b',
  ' ': ' ',
  '"': '"',
  '/': '/',
  '\\': '\\',
  N: '\x85',
  _: '\xa0',
  L: '\u2028',
  P: '\u2029',
}

const hexDigits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

/** A line break and the white space around it: one space, or the empty lines that follow. Returns the place behind. */
function fold(raw: string, at: number, into: Building, trim: number): number {
  // White space in front of a break is not part of the string.
  while (into.value.length > trim && (into.value.endsWith(' ') || into.value.endsWith('\t'))) {
    into.value = into.value.slice(0, -1)
    into.places.pop()
  }
  const first = into.places.length === 0 ? at : (into.places.at(-1) ?? at) + 1
  let place = at
  let breaks = 0
  while (place < raw.length && /[ \t\r\n]/.test(raw[place] ?? '')) {
    if (raw[place] === '\n') breaks++
    place++
  }
  put(into, breaks === 1 ? ' ' : '\n'.repeat(breaks - 1), Math.min(first, at), 0)
  return place
}

/** Plain and quoted strings. @param raw with its quotes */
function decodeFlow(raw: string, style: YamlStyle): Decoded | undefined {
  const into: Building = { value: '', places: [] }
  const quoted = style !== 'plain'
  const end = quoted ? raw.length - 1 : raw.length
  let at = quoted ? 1 : 0
  /** What escapes made is no white space to be trimmed. */
  let firm = 0
  while (at < end) {
    const character = raw[at] ?? ''
    if (character === '\n' || (character === '\r' && raw[at + 1] === '\n')) {
      at = fold(raw, at, into, firm)
      continue
    }
    if (style === 'single' && character === "'") {
      put(into, "'", at)
      at += 2
    } else if (style === 'double' && character === '\\') {
      const next = raw[at + 1] ?? ''
      const digits = hexDigits[next]
      if (next === '\n' || next === '\r') return undefined
      if (digits === undefined) {
        const one = escapes[next]
        if (one === undefined) return undefined
        put(into, one, at)
        at += 2
      } else {
        const code = Number.parseInt(raw.slice(at + 2, at + 2 + digits), 16)
        if (!(code <= 0x10ffff)) return undefined
        put(into, String.fromCodePoint(code), at, 0)
        at += 2 + digits
      }
      firm = into.value.length
    } else {
      put(into, character, at)
      at++
    }
  }
  into.places.push(end)
  return into
}

/** The spaces that every line of a block has in front; undefined where it has no line with text. */
function blockIndent(lines: readonly string[]): number | undefined {
  const first = lines.find((line) => /[^ \r]/.test(line))
  return first === undefined ? undefined : (/^ */.exec(first)?.[0].length ?? 0)
}

/** Literal blocks. @param raw from the `|` on, without the last line break */
function decodeLiteral(raw: string): Decoded | undefined {
  const [header = '', ...lines] = raw.split('\n')
  if (/\d/.test(header.split('#')[0] ?? '')) return undefined
  const indent = blockIndent(lines)
  if (indent === undefined) return undefined
  const into: Building = { value: '', places: [] }
  let at = header.length + 1
  for (const [nth, line] of lines.entries()) {
    if (nth > 0) put(into, '\n', at - 1)
    const text = line.endsWith('\r') ? line.slice(0, -1) : line
    put(into, text.slice(indent), at + Math.min(indent, text.length))
    at += line.length + 1
  }
  into.places.push(raw.length)
  return into
}

/** Folded blocks: lines are joined, but for those that are indented further and for empty ones. */
function decodeFolded(raw: string): Decoded | undefined {
  const [header = '', ...lines] = raw.split('\n')
  if (/\d/.test(header.split('#')[0] ?? '')) return undefined
  const indent = blockIndent(lines)
  if (indent === undefined) return undefined
  const into: Building = { value: '', places: [] }
  let at = header.length + 1
  let joint = ''
  let jointAt = at
  let further = false
  for (const line of lines) {
    const text = (line.endsWith('\r') ? line.slice(0, -1) : line).slice(indent)
    const start = at + Math.min(indent, line.length)
    if (text === '') joint = joint === '\n' || joint === '' ? `${joint}\n` : joint === ' ' ? '\n' : `${joint}\n`
    else {
      const more = text.startsWith(' ') || text.startsWith('\t')
      if (more && joint === ' ') joint = '\n'
      else if (more && !further && joint.startsWith('\n') && into.value !== '') joint += '\n'
      put(into, joint, jointAt, 0)
      put(into, text, start)
      jointAt = start + text.length
      joint = more ? '\n' : ' '
      further = more
    }
    at += line.length + 1
  }
  into.places.push(raw.length)
  return into
}

function decode(raw: string, style: YamlStyle): Decoded | undefined {
  if (style === 'literal') return decodeLiteral(raw)
  return style === 'folded' ? decodeFolded(raw) : decodeFlow(raw, style)
}

/** Whether a scalar, standing where the old one stands, says a text and is a string. */
function says(raw: string, wanted: string, node: YamlNode, eol: string): boolean {
  const { column, inFlow } = node.place
  const front = inFlow ? '{k: ' : `${' '.repeat(column)}k: `
  const document = parseDocument(`${front}${raw}${inFlow ? '}' : eol}`, { prettyErrors: false, logLevel: 'silent', strict: false })
  if (document.errors.length > 0) return false
  const value: unknown = document.get('k', true)
  return isScalar(value) && value.value === wanted
}

/** New text as it stands within a scalar of a style; undefined: it cannot. */
function encode(text: string, style: YamlStyle, indent: string, eol: string): string | undefined {
  const lines = /[\r\n]/.test(text)
  if (style === 'double') return doubleQuoted(text).slice(1, -1)
  if (style === 'literal') return text.replaceAll('\n', `${eol}${indent}`)
  if (lines) return undefined
  return style === 'single' ? text.replaceAll("'", "''") : text
}

/** A text as a block of the old one's indentation. */
function literal(text: string, indent: string, eol: string): string {
  const chomp = !text.endsWith('\n') ? '-' : text.endsWith('\n\n') ? '+' : ''
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
  return `|${chomp}${eol}${lines.map((line) => (line === '' ? '' : indent + line)).join(eol)}`
}

/**
 * Edits of a string's content → edits of the text that it stands in. Style, quotes and folds of what stays are kept; where the new text cannot
 * stand in them, the scalar is written anew: a block as a literal block, others in quotes.
 */
export function scalarEdits(text: string, node: YamlNode, edits: readonly TextEdit[], eol: string): TextEdit[] {
  const { start, end, inFlow } = node.place
  const style = node.style ?? 'plain'
  const raw = text.slice(start, end)
  const before = String(node.value)
  const wanted = applyEdits(before, edits)
  const decoded = decode(raw, style)
  const block = style === 'literal' || style === 'folded'
  const lines = raw.split('\n').slice(1)
  const indent = ' '.repeat(blockIndent(lines) ?? node.place.column + 2)
  // What a block says behind its last line is made of the chomping, which no edit reaches.
  const same = decoded !== undefined && (block ? before.startsWith(decoded.value) : before === decoded.value)
  if (same) {
    const within: TextEdit[] = []
    for (const edit of edits) {
      const to = encode(edit.to, style, indent, eol)
      const [from, until] = [decoded.places[edit.start], decoded.places[edit.end]]
      if (to === undefined || from === undefined || until === undefined) break
      within.push({ start: from, end: Math.max(from, until), to })
    }
    if (within.length === edits.length && says(applyEdits(raw, within), wanted, node, eol)) {
      return within.map((edit) => ({ start: start + edit.start, end: start + edit.end, to: edit.to }))
    }
  }
  const forms = [
    ...(block && !inFlow ? [literal(wanted, indent, eol)] : []),
    ...(style === 'plain' || style === 'single' ? [singleQuoted(wanted)] : []),
  ]
  const form = forms.find((one) => one !== undefined && says(one, wanted, node, eol))
  return [{ start, end, to: form ?? doubleQuoted(wanted) }]
}
