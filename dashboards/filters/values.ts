/** Values as they are written in queries: wildcards, blocks of addresses, variables of Grafana. */

import { SyntaxFault, type Test, type WildcardPiece } from './model.ts'

/** `${name}`, `${name:format}`, `[[name]]`, `[[name:format]]`, `$name` at a place of a text; 0: none is there. Length in UTF-16 units. */
export function variableLength(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first !== 0x24 && first !== 0x5b) return 0
  const braced = first === 0x24 && text[at + 1] === '{'
  const bracketed = first === 0x5b && text[at + 1] === '['
  if (first === 0x5b && !bracketed) return 0
  let end = at + (braced || bracketed ? 2 : 1)
  const start = end
  while (end < text.length && /[A-Za-z0-9_]/.test(text[end] as string)) end++
  if (end === start || /[0-9]/.test(text[start] as string)) return 0
  if (!braced && !bracketed) return end - at
  // A path (`${x.y}`) and a format (`:raw`, `:date:iso`).
  while (end < text.length && end - start < 256 && /[A-Za-z0-9_.:-]/.test(text[end] as string)) end++
  if (braced) return text[end] === '}' ? end + 1 - at : 0
  return text[end] === ']' && text[end + 1] === ']' ? end + 2 - at : 0
}

const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

/** Whether a text is an address of IPv4 or IPv6. */
export function isAddress(text: string): boolean {
  const parts = v4.exec(text)
  if (parts !== null) return parts.slice(1).every((one) => Number(one) < 256)
  return text.length <= 45 && text.includes(':') && /^[0-9A-Fa-f:]*(\d+\.\d+\.\d+\.\d+)?$/.test(text) && text.split(':').length >= 3
}

/** Whether a text is a block of addresses: `10.0.0.0/8`. */
export function isCidr(text: string): boolean {
  const slash = text.indexOf('/')
  if (slash < 0 || !/^\d{1,3}$/.test(text.slice(slash + 1))) return false
  const address = text.slice(0, slash)
  return isAddress(address) && Number(text.slice(slash + 1)) <= (address.includes(':') ? 128 : 32)
}

/** Pieces of a wildcard joined: adjacent texts become one, several `*` in a row one. */
export function joinPieces(pieces: readonly WildcardPiece[]): WildcardPiece[] {
  const joined: WildcardPiece[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (typeof piece === 'string') {
      if (piece === '') continue
      if (typeof last === 'string') joined[joined.length - 1] = last + piece
      else joined.push(piece)
    } else if (piece.sign === 'any' && typeof last === 'object' && last.sign === 'any') continue
    else joined.push(piece)
  }
  return joined
}

/** A pattern of the query DSL: `*`, `?`, and a backslash before what is none. */
export function piecesOf(pattern: string): WildcardPiece[] {
  const pieces: WildcardPiece[] = []
  let text = ''
  const flush = (): void => {
    if (text !== '') pieces.push(text)
    text = ''
  }
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern[at] as string
    if (sign === '\\' && at + 1 < pattern.length) text += pattern[++at]
    else if (sign === '*' || sign === '?') {
      flush()
      pieces.push({ sign: sign === '*' ? 'any' : 'one' })
    } else text += sign
  }
  flush()
  return joinPieces(pieces)
}

/** What a wildcard asks: `*` alone is that the field is there. */
export function wildcardTest(pieces: readonly WildcardPiece[], ignoreCase = false): Test {
  const joined = joinPieces(pieces)
  const [first] = joined
  if (joined.length === 1 && typeof first === 'object' && first.sign === 'any') return { op: 'exists' }
  return { op: 'wildcard', pieces: joined, ignoreCase }
}

/** What a value asks that stands behind a colon: in quotes a phrase, else words; a block of addresses in either. */
export function valueTest(text: string, quoted: boolean, slop = 0): Test {
  if (isCidr(text)) return { op: 'cidr', block: text }
  return quoted ? { op: 'phrase', words: text, slop, prefix: false } : { op: 'match', words: text, all: false }
}

/** A text that was read, and where what stands behind it begins. */
export interface ReadText {
  readonly value: string
  readonly end: number
}

/**
 * What a backslash at a place and the signs behind it stand for, in KQL and Lucene: a code (`\u0041`), or the sign itself.
 * @param controls signs that stand for another one: `{ n: newline }`. Throws `SyntaxFault` at the end of the text.
 */
export function readEscape(text: string, at: number, controls: Readonly<Record<string, string>> = {}): ReadText {
  const next = text[at + 1]
  if (next === undefined) throw new SyntaxFault('a backslash at the end', at)
  const code = text.slice(at + 2, at + 6)
  if (next === 'u' && /^[0-9A-Fa-f]{4}$/.test(code)) return { value: String.fromCharCode(Number.parseInt(code, 16)), end: at + 6 }
  return { value: controls[next] ?? next, end: at + 2 }
}

/** A text in quotation marks; the first of them stands at the place. Throws `SyntaxFault` when the second is missing. @param controls as of {@link readEscape} */
export function readQuoted(text: string, at: number, controls?: Readonly<Record<string, string>>): ReadText {
  let value = ''
  for (let end = at + 1; ; ) {
    const sign = text[end]
    if (sign === undefined) throw new SyntaxFault('a quotation mark is missing', at)
    if (sign === '"') return { value, end: end + 1 }
    const read = sign === '\\' ? readEscape(text, end, controls) : { value: sign, end: end + 1 }
    value += read.value
    end = read.end
  }
}
