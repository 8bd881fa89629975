/**
 * The second path of the comparison of logs (cutover 3.4, C-P1), which knows no name and makes no translation: every scalar of the stored document
 * must be found in the entry, once each; its time and its index must be the entry's. A translator that loses something alike in the bridge and in
 * the command is found here, and nowhere else.
 */

import { isJsonList, isJsonObject, JsonNumber, JsonReader, type JsonValue } from '../ingest/exact-json.ts'
import { normalized } from './census-text.ts'
import type { StoredEntry } from './logs-store.ts'

export interface UnaccountedLeaf {
  /** Path in the document, without places in lists. */
  readonly path: string
  readonly value: string
}

const limits = { maxDepth: 200, maxStringBytes: 128 * 1024 * 1024, maxValues: 10_000_000 }

/** Values of lists and maps that are looked into, in the entry. */
const longestJson = 1024 * 1024

interface Leaf {
  readonly path: string
  readonly text: string
}

function walk(value: JsonValue, path: string, into: Leaf[]): void {
  if (isJsonObject(value)) {
    for (const [key, inner] of value) walk(inner, path === '' ? key : `${path}.${key}`, into)
  } else if (isJsonList(value)) for (const inner of value) walk(inner, path, into)
  else if (value !== null && value !== '') into.push({ path, text: value instanceof JsonNumber ? value.text : String(value) })
}

function leavesOf(bytes: Uint8Array): Leaf[] {
  const leaves: Leaf[] = []
  walk(new JsonReader(bytes, limits).value(), '', leaves)
  return leaves
}

/** Values of the entry, each as often as it is there. */
function holdings({ line, fields }: StoredEntry): Map<string, number> {
  const held = new Map<string, number>()
  const add = (text: string): void => {
    const value = normalized(text)
    held.set(value, (held.get(value) ?? 0) + 1)
  }
  for (const text of [line, ...fields.values()]) {
    add(text)
    if (!/^[[{]/.test(text) || text.length > longestJson) continue
    try {
      for (const leaf of leavesOf(Buffer.from(text))) add(leaf.text)
    } catch {
      // It only begins like JSON: it is itself and nothing more.
    }
  }
  return held
}

/** Words of levels and the numbers of OpenTelemetry that they are. Others are a matter of rules. */
const levels: ReadonlyMap<string, string> = new Map([
  ['trace', '1'],
  ['debug', '5'],
  ['info', '9'],
  ['warn', '13'],
  ['warning', '13'],
  ['error', '17'],
  ['fatal', '21'],
])

/** Nanoseconds of a time that is written with them; undefined for all that is read by rules. */
function timeOf(text: string): bigint | undefined {
  const [, seconds, fraction = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text) ?? []
  const ms = seconds === undefined ? Number.NaN : Date.parse(`${seconds}Z`)
  return Number.isNaN(ms) ? undefined : BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}

export interface CensusOptions {
  /** Whether a rule changes what stands at a path, or takes it away. */
  readonly isRuled: (path: string) => boolean
  readonly index: string
  readonly indexField: string
}

/** What of a document is found nowhere in its entry. @param source JSON as it is stored on the old side */
export function logCensus(source: Uint8Array, entry: StoredEntry, { isRuled, index, indexField }: CensusOptions): UnaccountedLeaf[] {
  const held = holdings(entry)
  const left: UnaccountedLeaf[] = []
  const there = entry.fields.get(indexField)
  if (there !== undefined && there !== index) left.push({ path: '_index', value: index })
  for (const { path, text } of leavesOf(source)) {
    if (path === '@timestamp') {
      const time = timeOf(text)
      if (time !== undefined && time !== entry.timeNs) left.push({ path, value: text })
      continue
    }
    const number = /(^|\.)(level|severity)$/i.test(path) ? levels.get(text.toLowerCase()) : undefined
    const severity = entry.fields.get('severity_number')
    if (number !== undefined && severity !== undefined && severity !== number) left.push({ path, value: text })
    const value = normalized(text)
    const many = held.get(value) ?? 0
    if (many > 0) held.set(value, many - 1)
    else if (path === 'message' ? !entry.line.includes(text) : !isRuled(path)) left.push({ path, value: text })
  }
  return left
}
