/** OTLP values as the text that a log store makes of them: `AsString` of the Collector's pdata, which Loki and others write with. Pure. */

import type { PlainAttribute, PlainValue } from './logs-expected.ts'

/** As ES6 writes numbers, but for the sign of zero. */
const doubleText = (value: number | string): string => (Object.is(Number(value), -0) ? '-0' : String(value))

const isPlainCharacter = /[\u2028\u2029]/g

/** Text as Go's JSON has it, `<`, `>` and `&` unescaped. */
const jsonText = (text: string): string => JSON.stringify(text).replace(isPlainCharacter, (one) => `\\u${one.charCodeAt(0).toString(16)}`)

function json(value: PlainValue): string {
  if (value.stringValue !== undefined) return jsonText(value.stringValue)
  if (value.bytesValue !== undefined) return jsonText(value.bytesValue)
  if (value.boolValue !== undefined) return String(value.boolValue)
  if (value.intValue !== undefined) return String(value.intValue)
  if (value.doubleValue !== undefined) return doubleText(value.doubleValue)
  if (value.arrayValue !== undefined) return `[${(value.arrayValue.values ?? []).map(json).join(',')}]`
  if (value.kvlistValue !== undefined) return mapText(value.kvlistValue.values ?? [])
  return 'null'
}

/** Members by name, as Go sorts them; of one that comes twice the last one counts. */
function mapText(members: readonly PlainAttribute[]): string {
  const all = new Map(members.map(({ key = '', value = {} }) => [key, value]))
  const sorted = [...all].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `{${sorted.map(([key, value]) => `${jsonText(key)}:${json(value)}`).join(',')}}`
}

/** A value as text: lists and maps as JSON, bytes as base64, nothing as nothing. */
export function plainText(value: PlainValue | undefined): string {
  if (value === undefined) return ''
  if (value.stringValue !== undefined) return value.stringValue
  if (value.bytesValue !== undefined) return value.bytesValue
  const text = json(value)
  return text === 'null' ? '' : text
}

function sameParsed(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const [left, right] = [Object.entries(a), Object.entries(b)]
  return left.length === right.length && left.every(([key, value]) => sameParsed(value, (b as Record<string, unknown>)[key]))
}

/** Equal, or JSON of the same lists and maps written in another way. */
export function sameText(expected: string, found: string): boolean {
  if (expected === found) return true
  if (!/^[[{]/.test(expected) || !/^[[{]/.test(found)) return false
  try {
    return sameParsed(JSON.parse(expected), JSON.parse(found))
  } catch {
    // One of them is no JSON, and so not the other one.
    return false
  }
}
