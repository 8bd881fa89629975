/** Names of members, found by their bytes: serializers write them in one order, so that each is first compared with what came behind its predecessor. */

import { sliceToString } from '../otlp/attributes.ts'
import { type JsonScanner, wordOf } from './json-scan.ts'

/** Given for every name that is none of those known. */
export const unknownName = -1

/** The names of one kind of object. They are at least two characters of ASCII, none of which JSON escapes. */
export class JsonNames {
  private readonly names: readonly string[]
  /** Bytes of a name's text after the opening quote, with closing quote and colon. */
  private readonly lengths: Int32Array
  /** Where the words of that text begin in `words`; the last may overlap the one before. */
  private readonly offsets: Int32Array
  private readonly words: Int32Array
  /** The name that came behind each one the last time; the last slot is for the first of an object. */
  private readonly followers: Int32Array

  constructor(names: readonly string[]) {
    this.names = names
    const texts = names.map((name) => `${name}":`)
    const all = texts.map((text) =>
      Array.from({ length: Math.ceil(text.length / 4) }, (_, i) => wordOf(text.slice(Math.min(i * 4, text.length - 4)))),
    )
    this.lengths = Int32Array.from(texts, (text) => text.length)
    this.offsets = Int32Array.from(all, (_, i) => all.slice(0, i).flat().length)
    this.words = Int32Array.from(all.flat())
    this.followers = Int32Array.from({ length: names.length + 1 }, (_, i) => (i + 1) % (names.length + 1))
  }

  /**
   * Takes a name and its colon: `at` is at the opening quote. Its place among the names, or {@link unknownName}, with the scanner's `start`,
   * `stop` and `escaped`: a name that held escapes is not looked for. @param before what it gave for the member before; −1 at the beginning
   */
  read(scanner: JsonScanner, before: number): number {
    const slot = before < 0 ? this.names.length : before
    const expected = this.followers[slot] as number
    if (expected < this.names.length && this.isAt(scanner, expected)) return expected
    return this.look(scanner, slot)
  }

  private isAt(scanner: JsonScanner, name: number): boolean {
    const start = scanner.at + 1
    const length = this.lengths[name] as number
    if (start + length > scanner.end) return false
    const { view } = scanner
    const { words } = this
    let word = this.offsets[name] as number
    const last = start + length - 4
    for (let at = start; at < last; at += 4) if (view.getInt32(at, true) !== words[word++]) return false
    if (view.getInt32(last, true) !== words[word]) return false
    scanner.at = start + length
    return true
  }

  private look(scanner: JsonScanner, slot: number): number {
    for (let name = 0; name < this.names.length; name++) {
      if (!this.isAt(scanner, name)) continue
      this.followers[slot] = name
      return name
    }
    // With escapes, with space before its colon, near the end of the body, or none that we know.
    scanner.string()
    const { start, stop, escaped } = scanner
    scanner.colon()
    return escaped || stop - start > 64 ? unknownName : this.names.indexOf(sliceToString(scanner.bytes, start, stop))
  }
}
