/** Words of analysed text as regular expressions: letters' case is ignored, and a word ends where letters, digits and `_` do. */

import { escapeRegex } from './text.ts'

const word = /[\p{L}\p{N}_]+(?:[.'’][\p{L}\p{N}_]+)*/gu
/** Scripts without blanks between words: there is no edge to look for. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u

/** Words of a text, about as Elasticsearch's standard analyser finds them. */
export const wordsOf = (text: string): string[] => text.match(word) ?? []

const isAscii = (text: string): boolean => /^[\u0020-\u007e]*$/.test(text)

/** What stands before and behind words: RE2's `\b` knows ASCII only. */
function edges(words: readonly string[]): readonly [string, string] {
  if (words.some((one) => unspaced.test(one))) return ['', '']
  return words.every(isAscii) ? ['\\b', '\\b'] : ['(^|[^\\p{L}\\p{N}_])', '([^\\p{L}\\p{N}_]|$)']
}

/** One of the words, anywhere in a text. */
export function anyWord(words: readonly string[]): string {
  const [before, behind] = edges(words)
  const alternatives = words.map(escapeRegex)
  return `${before}${alternatives.length === 1 ? alternatives[0] : `(${alternatives.join('|')})`}${behind}`
}

/** The words in their order, with signs other than words between them. `prefix`: the last one may go on. */
export function phraseOf(words: readonly string[], prefix: boolean): string {
  const [before, behind] = edges(words)
  const between = words.every(isAscii) ? '\\W+' : '[^\\p{L}\\p{N}_]+'
  const joined = words.map(escapeRegex).join(unspaced.test(words.join('')) ? '[^\\p{L}\\p{N}_]*' : between)
  if (words.length === 1) return `${before}${joined}${prefix ? '' : behind}`
  return joined
}

/** The words as part of a whole value that is text. */
export function textValue(words: readonly string[], phrase: boolean): string {
  const ascii = words.every(isAscii)
  const noWord = ascii ? '\\W' : '[^\\p{L}\\p{N}_]'
  const inner = phrase
    ? words.map(escapeRegex).join(`${noWord}+`)
    : words.length === 1
      ? escapeRegex(words[0] ?? '')
      : `(${words.map(escapeRegex).join('|')})`
  if (unspaced.test(words.join(''))) return `(?i).*${inner}.*`
  return `(?i)(^|.*${noWord})${inner}(${noWord}.*|$)`
}
