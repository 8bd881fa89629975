/** JSON that exporters packed into text (annotations, links) → attributes. Called for such text only. */

import { arrayValue, boolValue, doubleValue, intValue, keyValue } from '../../otlp/attributes.ts'
import { createKey } from '../../otlp/keys.ts'
import { type AnyValue, type Key, type KeyValue, ValueType } from '../../otlp/model.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** A number that a double cannot hold, by its own text. Part of the language since ES2026; the compiler does not know it yet. */
interface RawJson {
  readonly rawJSON: string
}
const json = JSON as unknown as {
  parse(text: string, reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON(text: string): RawJson
  isRawJSON(value: unknown): value is RawJson
}

/** Parses a JSON object, with every number exact; undefined when the text is anything else. */
export function parseObject(text: string): JsonObject | undefined {
  let value: unknown
  try {
    value = json.parse(text, (_key, one, { source }) =>
      typeof one === 'number' && source !== undefined && !Number.isSafeInteger(one) && Number.isInteger(one) ? json.rawJSON(source) : one,
    )
  } catch {
    // Text that only looks like JSON is text.
    return undefined
  }
  return isObject(value) ? value : undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !json.isRawJSON(value)
}

/** An attribute for each key, null values skipped. @param except a key to leave out */
export function objectToAttributes(object: JsonObject, except?: string): KeyValue[] {
  const attributes: KeyValue[] = []
  for (const name of Object.keys(object)) {
    if (name === except) continue
    const value = toValue(createKey(name), object[name])
    if (value !== undefined) attributes.push(value)
  }
  return attributes
}

function toValue(key: Key, value: unknown): KeyValue | undefined {
  if (value === null || value === undefined) return undefined
  if (Array.isArray(value)) {
    const values: AnyValue[] = []
    for (const one of value) {
      const element = one === null ? keyValue(key, ValueType.Empty, 0, 0, null) : scalar(key, one)
      if (element === undefined) return keyValue(key, ValueType.String, 0, 0, JSON.stringify(value))
      values.push(element)
    }
    return arrayValue(key, values)
  }
  return scalar(key, value) ?? keyValue(key, ValueType.String, 0, 0, JSON.stringify(value))
}

function scalar(key: Key, value: unknown): KeyValue | undefined {
  switch (typeof value) {
    case 'string':
      return keyValue(key, ValueType.String, 0, 0, value)
    case 'boolean':
      return boolValue(key, value)
    case 'number':
      return Number.isSafeInteger(value) ? intValue(key, value + 0) : doubleValue(key, value)
    default:
      return json.isRawJSON(value) ? bigNumber(key, value.rawJSON) : undefined
  }
}

function bigNumber(key: Key, text: string): KeyValue {
  if (/^-?\d{1,19}$/.test(text)) {
    const exact = BigInt(text)
    if (exact === BigInt.asIntN(64, exact)) return intValue(key, exact)
  }
  return doubleValue(key, Number(text))
}
