/** Exports of Kibana → saved objects, whatever wrote them: sections 2 and 8.1 of the reference. */

import { BridgeError } from '../../src/errors.ts'
import { isObject, type Json, type JsonObject, listOf, objectOf, objectsOf, parseJson, textOf } from './value.ts'

export interface Reference {
  readonly name: string
  readonly type: string
  readonly id: string
}

export interface SavedObject {
  readonly type: string
  readonly id: string
  readonly title: string
  readonly attributes: JsonObject
  readonly references: readonly Reference[]
  /** Place in the source: `$[3]`, of lines as well. */
  readonly where: string
}

export interface SavedObjects {
  /** In the order of the source. */
  readonly list: readonly SavedObject[]
  /** @returns undefined: not in the source */
  find(type: string, id: string): SavedObject | undefined
  /** What is there and is no saved object: places. */
  readonly strange: readonly string[]
}

/** Longest text of a source, in UTF-16 units. */
const maxLength = 64 * 1024 * 1024

/** Most objects of a source. */
const maxObjects = 50_000

export function referencesOf(value: Json | undefined): readonly Reference[] {
  return objectsOf(value).map(({ name, type, id }) => ({ name: textOf(name) ?? '', type: textOf(type) ?? '', id: textOf(id) ?? '' }))
}

/** One object in any of the three spellings; undefined: it is none. */
function savedObject(value: Json, where: string): SavedObject | undefined {
  if (!isObject(value)) return undefined
  const type = textOf(value.type) ?? textOf(value._type)
  const id = textOf(value.id) ?? textOf(value._id)
  const attributes = value.attributes ?? value._source
  if (type === undefined || id === undefined || !isObject(attributes)) return undefined
  return { type, id, title: textOf(attributes.title) ?? '', attributes, references: referencesOf(value.references), where }
}

/** Values at the top of a source: those of a list, of `objects`, of lines, or the one there is. */
function valuesOf(text: string, path: string): readonly (readonly [string, Json | undefined])[] {
  const whole = parseJson(text, maxLength)
  if (whole !== undefined) {
    if (Array.isArray(whole)) return whole.map((value, index) => [`$[${index}]`, value as Json])
    const object = objectOf(whole)
    const inside = listOf(object.objects ?? object.saved_objects)
    if (inside.length > 0)
      return inside.map((value, index) => [`$.${object.objects === undefined ? 'saved_objects' : 'objects'}[${index}]`, value])
    return [['$', whole]]
  }
  const lines = text.split('\n')
  if (lines.length > maxObjects * 2) throw new BridgeError('OB_LIMIT_BODY', `cannot read ${path}: more than ${maxObjects * 2} lines`)
  const values: (readonly [string, Json | undefined])[] = []
  let index = 0
  for (const line of lines) {
    if (line.trim() === '') continue
    values.push([`$[${index++}]`, parseJson(line)])
  }
  return values
}

/** `{ exportedCount, … }` behind an export, which says what is missing. */
const isSummary = (value: Json | undefined): boolean =>
  isObject(value) && typeof value.exportedCount === 'number' && value.type === undefined

/** Reads a source. Throws OB_LIMIT_BODY for one that is too large and OB_DECODE_JSON for one without any object. */
export function readSavedObjects(source: string, path: string): SavedObjects {
  if (source.length > maxLength) throw new BridgeError('OB_LIMIT_BODY', `cannot read ${path}: longer than ${maxLength / 1024 / 1024} MiB`)
  const list: SavedObject[] = []
  const strange: string[] = []
  const byKey = new Map<string, SavedObject>()
  for (const [where, value] of valuesOf(source.startsWith('\uFEFF') ? source.slice(1) : source, path)) {
    if (isSummary(value)) continue
    const object = value === undefined ? undefined : savedObject(value, where)
    if (object === undefined) {
      strange.push(where)
      continue
    }
    if (list.length >= maxObjects) throw new BridgeError('OB_LIMIT_BODY', `cannot read ${path}: more than ${maxObjects} objects`)
    list.push(object)
    const key = `${object.type}\n${object.id}`
    if (!byKey.has(key)) byKey.set(key, object)
  }
  if (list.length === 0) throw new BridgeError('OB_DECODE_JSON', `cannot read ${path}: no saved object of Kibana in it`)
  return { list, strange, find: (type, id) => byKey.get(`${type}\n${id}`) }
}
