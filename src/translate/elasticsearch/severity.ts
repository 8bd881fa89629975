/** Severities of documents, out of their bytes: section 5.3 of the mapping. */

import { Scale } from './rules.ts'

/** Words and the SeverityNumber that they stand for. */
const words: readonly (readonly [number, string])[] = [
  [1, 'trace trc finest verbose vrb silly t'],
  [5, 'debug dbg finer d'],
  [6, 'fine'],
  [7, 'config'],
  [9, 'info information informational inf i log'],
  [10, 'notice'],
  [13, 'warn warning wrn w'],
  [17, 'error err e severe failure eror'],
  [18, 'critical crit c dpanic'],
  [19, 'alert panic'],
  [21, 'fatal ftl f emergency emerg assert'],
]

const longestWord = 13

/** A word in lower case as a number. Letters are five bits of it, so that words up to six letters are told apart by it alone. */
const step = (hash: number, letter: number): number => ((hash << 5) | (hash >>> 27)) ^ letter

const slots = 512

/** Where a word is looked for first. */
const slotOf = (hash: number): number => (hash ^ (hash >>> 9) ^ (hash >>> 18)) & (slots - 1)

const hashes = new Int32Array(slots)
/** 0: nothing is here. */
const numbers = new Uint8Array(slots)
const texts = new Array<string>(slots).fill('')

for (const [number, list] of words) {
  for (const word of list.split(' ')) {
    let hash = word.length
    for (let i = 0; i < word.length; i++) hash = step(hash, word.charCodeAt(i))
    let slot = slotOf(hash)
    while (numbers[slot] !== 0) slot = (slot + 1) & (slots - 1)
    hashes[slot] = hash
    numbers[slot] = number
    texts[slot] = word
  }
}

const isBlank = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)

/** The bracket that closes `[`, `(`, `<` or `{`; 0 for every other byte. */
const closing = (byte: number): number => (byte === 0x5b ? 0x5d : byte === 0x28 ? 0x29 : byte === 0x3c ? 0x3e : byte === 0x7b ? 0x7d : 0)

const isLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a

/** The SeverityNumber of a word, in any case, with blanks and brackets around it; 0 when it is none of those known. */
export function severityOf(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return 0
  return isLetter(bytes[start] as number) && !isBlank(bytes[end - 1] as number)
    ? lookUp(bytes, start, end)
    : severityWithin(bytes, start, end)
}

function severityWithin(bytes: Uint8Array, start: number, end: number): number {
  let from = start
  let to = end
  for (;;) {
    while (from < to && isBlank(bytes[from] as number)) from++
    while (from < to && isBlank(bytes[to - 1] as number)) to--
    const close = from < to ? closing(bytes[from] as number) : 0
    if (close === 0 || to - from < 3 || bytes[to - 1] !== close) return lookUp(bytes, from, to)
    from++
    to--
  }
}

function lookUp(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  if (length === 0 || length > longestWord) return 0
  let hash = length
  for (let at = from; at < to; at++) {
    const letter = (bytes[at] as number) | 0x20
    if (letter < 0x61 || letter > 0x7a) return 0
    hash = step(hash, letter)
  }
  for (let slot = slotOf(hash); numbers[slot] !== 0; slot = (slot + 1) & (slots - 1)) {
    if (hashes[slot] === hash && sameWord(texts[slot] as string, bytes, from, length)) return numbers[slot] as number
  }
  return 0
}

function sameWord(word: string, bytes: Uint8Array, from: number, length: number): boolean {
  if (word.length !== length) return false
  for (let i = 0; i < length; i++) if (word.charCodeAt(i) !== ((bytes[from + i] as number) | 0x20)) return false
  return true
}

const ofSyslog = [21, 19, 18, 17, 13, 10, 9, 5]
const ofTens = [0, 1, 5, 9, 13, 17, 21]
const ofPython = [0, 5, 9, 13, 17, 18]
const ofLogback = [0, 5, 9, 13, 17]

/**
 * The SeverityNumber of a whole number, be it a number or text of digits in the document; 0 when it is no level of that scale, so that the field
 * stays an attribute.
 * @param scale one of `Scale` of rules.ts
 */
export function severityOfCode(code: number, scale: number): number {
  switch (scale) {
    case Scale.Syslog:
      return ofSyslog[code] ?? 0
    case Scale.Tens:
      return ofTens[code / 10] ?? 0
    case Scale.Python:
      return ofPython[code / 10] ?? 0
    case Scale.Logback:
      return code === 5000 ? 1 : (ofLogback[code / 10_000] ?? 0)
    default:
      return 0
  }
}
