/** Strings of JSON as they are written: offsets through escapes, and escaping new text as the file does it. */

import type { TextEdit } from './edits.ts'

/** How a file escapes what need not be. */
export interface JsonStyle {
  /** `<`, `>` and `&` as `\u003c`, as Go writes them. */
  readonly html: boolean
  /** All but ASCII as `\u…`, as Python writes it. */
  readonly ascii: boolean
  /** `/` as `\/`, as PHP does. */
  readonly slash: boolean
  /** Digits of `\u…` in upper case. */
  readonly upper: boolean
}

/** The style of a text, of the escapes in it. */
export function styleOf(text: string): JsonStyle {
  return {
    html: /\\u00(?:3[ce]|26)/i.test(text),
    ascii: /\\u(?!00[0-7])[\dA-Fa-f]{4}/.test(text) && !/[^\p{ASCII}\uFEFF\u2028\u2029]/u.test(text),
    slash: /\\\//.test(text) && !/[^\\]\//.test(text),
    upper: /\\u[\dA-F]*[A-F]/.test(text),
  }
}

const unicode = (character: string, { upper }: JsonStyle): string => {
  const digits = character.charCodeAt(0).toString(16).padStart(4, '0')
  return `\\u${upper ? digits.toUpperCase() : digits}`
}

/** Text as it stands between the quotes. */
export function escapeText(text: string, style: JsonStyle): string {
  let escaped = JSON.stringify(text).slice(1, -1)
  if (style.html) escaped = escaped.replace(/[<>&\u2028\u2029]/g, (character) => unicode(character, style))
  // Without the flag `u`: each half of a pair is escaped by itself.
  if (style.ascii) escaped = escaped.replace(/[^\0-\x7f]/g, (character) => unicode(character, style))
  if (style.slash) escaped = escaped.replaceAll('/', '\\/')
  return escaped
}

/** Units of the text that one unit of the string takes. */
function lengthAt(text: string, at: number): number {
  if (text.charCodeAt(at) !== 0x5c) return 1
  return text.charCodeAt(at + 1) === 0x75 ? 6 : 2
}

/**
 * Edits of a string's content → edits of the text that it stands in.
 * @param start of the opening quote
 * @param end behind the closing quote
 * @param edits in order, offsets of the content
 */
export function rawEdits(text: string, start: number, end: number, edits: readonly TextEdit[], style: JsonStyle): TextEdit[] {
  const escapes = text.indexOf('\\', start)
  const direct = escapes === -1 || escapes >= end
  let raw = start + 1
  let decoded = 0
  const place = (offset: number): number => {
    if (direct) return start + 1 + offset
    while (decoded < offset) {
      raw += lengthAt(text, raw)
      decoded++
    }
    return raw
  }
  return edits.map((edit) => {
    const from = place(edit.start)
    return { start: from, end: place(edit.end), to: escapeText(edit.to, style) }
  })
}
