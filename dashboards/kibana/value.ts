/** Parsed JSON by others, read without trust: whatever is not of the kind asked for is as if it were absent. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

/** Deepest nesting of what is parsed: section 1.6 of the reference. */
export const maxDepth = 200

/** Largest text in a text that is parsed, in UTF-16 units. */
const maxInnerLength = 16 * 1024 * 1024

/** Whether brackets of a text that is taken for JSON nest deeper than `limit`. Linear; strings are passed over. */
export function isDeeper(text: string, limit = maxDepth): boolean {
  let depth = 0
  let inString = false
  for (let at = 0; at < text.length; at++) {
    const sign = text.charCodeAt(at)
    if (inString) {
      if (sign === 0x5c) at++
      else if (sign === 0x22) inString = false
    } else if (sign === 0x22) inString = true
    else if (sign === 0x7b || sign === 0x5b) {
      if (++depth > limit) return true
    } else if (sign === 0x7d || sign === 0x5d) depth--
  }
  return false
}

/** JSON, or undefined: none, too deep, or too long. `__proto__` is a key as any other. */
export function parseJson(text: string, maxLength = maxInnerLength): Json | undefined {
  if (text.length > maxLength || isDeeper(text)) return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined // the caller says what was to be there
  }
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const none: JsonObject = Object.freeze({})

/** An object; empty for anything else. A text that holds an object is parsed: Kibana writes both. */
export function objectOf(value: Json | undefined): JsonObject {
  if (isObject(value)) return value
  if (typeof value !== 'string' || !value.includes('{')) return none
  const parsed = parseJson(value)
  return isObject(parsed) ? parsed : none
}

const nothing: readonly Json[] = Object.freeze([])

/** A list; empty for anything else. A text that holds a list is parsed. */
export function listOf(value: Json | undefined): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[]
  if (typeof value !== 'string' || !value.includes('[')) return nothing
  const parsed = parseJson(value)
  return Array.isArray(parsed) ? (parsed as readonly Json[]) : nothing
}

/** Objects of a list. */
export const objectsOf = (value: Json | undefined): readonly JsonObject[] => listOf(value).filter(isObject)

/** Texts of a list. */
export const textsOf = (value: Json | undefined): readonly string[] => listOf(value).filter((each) => typeof each === 'string')

/** A text; undefined for anything else and for the empty one. */
export const textOf = (value: Json | undefined): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** A finite number, or a text that is one. */
export function numberOf(value: Json | undefined): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}

/** True for `true`, 1 and "true": TSVB writes switches as numbers. */
export const isTrue = (value: Json | undefined): boolean => value === true || value === 1 || value === 'true'

/** A member below members: `at(o, 'a', 'b')`. */
export function at(value: Json | undefined, ...keys: readonly string[]): Json | undefined {
  let here = value
  for (const key of keys) {
    const object = objectOf(here)
    here = Object.hasOwn(object, key) ? object[key] : undefined
  }
  return here
}

/** Members of an object in their order. */
export const membersOf = (value: Json | undefined): readonly (readonly [string, Json])[] =>
  Object.entries(objectOf(value)).filter((entry): entry is [string, Json] => entry[1] !== undefined)
