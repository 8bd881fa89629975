/**
 * The keys of Zipkin's JSON objects, found by their bytes. {@link readField} takes a key with its quotes and its colon in a
 * few comparisons where it stands as serializers write it, and as any other string where it does not.
 */

import { sliceToString } from '../../otlp/attributes.ts'
import { type JsonScanner, wordOf } from '../json-scan.ts'

/** Keys that the decoder knows, of spans, annotations, binary annotations and endpoints alike. */
export const Field = {
  Unknown: 0,
  TraceId: 1,
  Id: 2,
  ParentId: 3,
  Name: 4,
  Kind: 5,
  Timestamp: 6,
  Duration: 7,
  LocalEndpoint: 8,
  RemoteEndpoint: 9,
  Annotations: 10,
  Tags: 11,
  BinaryAnnotations: 12,
  Debug: 13,
  Shared: 14,
  Value: 15,
  Endpoint: 16,
  Key: 17,
  ServiceName: 18,
  Ipv4: 19,
  Ipv6: 20,
  Port: 21,
} as const

const fields: ReadonlyMap<string, number> = new Map(
  Object.entries(Field)
    .filter(([, field]) => field !== Field.Unknown)
    .map(([name, field]) => [name.charAt(0).toLowerCase() + name.slice(1), field]),
)

/** Words of a key's text after the opening quote, closing quote and colon included; the last may overlap the one before. */
const maxWords = 5
const longestText = 19

/** A factor that gives every first word a slot of its own; found by trying. */
const factor = 0xc5b2ea8b

const slots = 32
const slotOf = (word: number): number => Math.imul(word, factor) >>> 27

const slotFields = new Int32Array(slots)
/** Bytes of the text after the opening quote. */
const slotBytes = new Int32Array(slots)
const slotWords = new Int32Array(slots * maxWords)

for (const [name, field] of fields) {
  const text = `${name}":`
  const slot = slotOf(wordOf(text))
  if (slotFields[slot] !== 0) throw new Error(`BUG: the keys of fields ${slotFields[slot]} and ${field} share a slot`)
  slotFields[slot] = field
  slotBytes[slot] = text.length
  for (let i = 0; i * 4 < text.length; i++) slotWords[slot * maxWords + i] = wordOf(text.slice(Math.min(i * 4, text.length - 4)))
}

/** Takes a key and its colon: `at` is at the opening quote. Which field it is; Field.Unknown for all other keys. */
export function readField(scanner: JsonScanner): number {
  const start = scanner.at + 1
  if (start + longestText < scanner.end) {
    const { view } = scanner
    const first = view.getInt32(start, true)
    const slot = slotOf(first)
    if (first === slotWords[slot * maxWords]) {
      const bytes = slotBytes[slot] as number
      let word = slot * maxWords + 1
      let at = 4
      for (; at + 4 <= bytes; at += 4) if (view.getInt32(start + at, true) !== slotWords[word++]) return readKey(scanner)
      if (at === bytes || view.getInt32(start + bytes - 4, true) === slotWords[word]) {
        scanner.escaped = false
        scanner.at = start + bytes
        return slotFields[slot] as number
      }
    }
  }
  return readKey(scanner)
}

/** A key with escapes, with space before its colon, near the end of the body, or none that we know. */
function readKey(scanner: JsonScanner): number {
  scanner.string()
  const { start, stop } = scanner
  scanner.colon()
  return stop - start > longestText ? Field.Unknown : (fields.get(sliceToString(scanner.bytes, start, stop)) ?? Field.Unknown)
}
