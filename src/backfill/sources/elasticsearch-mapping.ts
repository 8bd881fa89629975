/** What a mapping says of an index: which field is its time, and whether its documents are kept as they were sent. */

import type { TimeField } from '../../read/elasticsearch-store.ts'

/** `mappings` of an index. */
export type Mapping = Readonly<Record<string, unknown>>

interface Property {
  readonly type?: unknown
  readonly path?: unknown
  readonly doc_values?: unknown
  readonly store?: unknown
  readonly index?: unknown
  readonly properties?: Readonly<Record<string, Property>>
  readonly fields?: Readonly<Record<string, Property>>
}

const propertiesOf = (mapping: Mapping): Readonly<Record<string, Property>> => (mapping['properties'] ?? {}) as Record<string, Property>

/** The property of a path with dots; undefined where it is not mapped. */
function propertyAt(mapping: Mapping, path: string): Property | undefined {
  const find = (properties: Readonly<Record<string, Property>>, rest: string): Property | undefined => {
    const own = properties[rest]
    if (own !== undefined) return own
    for (let dot = rest.indexOf('.'); dot >= 0; dot = rest.indexOf('.', dot + 1)) {
      const inner = properties[rest.slice(0, dot)]?.properties
      const found = inner === undefined ? undefined : find(inner, rest.slice(dot + 1))
      if (found !== undefined) return found
    }
    return undefined
  }
  return find(propertiesOf(mapping), path)
}

/** Whether there is such a field at all. */
export const isMapped = (mapping: Mapping, name: string): boolean => propertyAt(mapping, name) !== undefined

const numbers: ReadonlySet<unknown> = new Set(['long', 'unsigned_long', 'double'])

/** How documents can be ordered by a field; undefined where they cannot. @param perMs of a number */
export function timeFieldOf(mapping: Mapping, name: string, perMs: 1 | 1000, depth = 0): TimeField | undefined {
  const property = propertyAt(mapping, name)
  if (property === undefined || property.doc_values === false) return undefined
  const { type } = property
  if (type === 'alias' && typeof property.path === 'string' && depth === 0) return timeFieldOf(mapping, property.path, perMs, 1)
  // One that is in no index of its own cannot be searched by.
  if (property.index === false) return undefined
  if (type === 'date' || type === 'date_nanos') return { name, kind: type, perMs: 1 }
  if (numbers.has(type)) return { name, kind: 'number', perMs }
  if (type === 'keyword') return { name, kind: 'keyword', perMs: 1 }
  const keyword = Object.entries(property.fields ?? {}).find(([, one]) => one.type === 'keyword' && one.doc_values !== false)
  return keyword === undefined ? undefined : { name: `${name}.${keyword[0]}`, kind: 'keyword', perMs: 1 }
}

export interface SourceState {
  /** False: documents are not kept. */
  readonly isKept: boolean
  /** They are made of fields again: keys are sorted, dots normalised. */
  readonly isSynthetic: boolean
  /** What is left out of them, as patterns. */
  readonly excludes: readonly string[]
  /** Empty: all. */
  readonly includes: readonly string[]
}

const textList = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

/** @param settings flat ones of the index */
export function sourceStateOf(mapping: Mapping, settings: Readonly<Record<string, unknown>>): SourceState {
  const source = (mapping['_source'] ?? {}) as { enabled?: unknown; mode?: unknown; includes?: unknown; excludes?: unknown }
  const mode = settings['index.mapping.source.mode'] ?? source.mode
  const synthetic = mode === 'synthetic' || (mode === undefined && /^(time_series|logsdb)$/.test(String(settings['index.mode'] ?? '')))
  return {
    isKept: source.enabled !== false && source.enabled !== 'false' && mode !== 'disabled',
    isSynthetic: synthetic,
    includes: textList(source.includes),
    excludes: textList(source.excludes),
  }
}

export interface LeafFields {
  /** Their values can be had without the document. */
  readonly docValues: readonly { readonly field: string; readonly format?: string }[]
  readonly stored: readonly string[]
  /** Nothing is left of them. */
  readonly lost: readonly string[]
}

/** Types that have no values for each document. */
const withoutValues: ReadonlySet<unknown> = new Set([
  'text',
  'match_only_text',
  'annotated_text',
  'search_as_you_type',
  'binary',
  'completion',
])

/** Every field that is mapped, by how its values can be had where documents are not kept. */
export function leafFields(mapping: Mapping): LeafFields {
  const docValues: { field: string; format?: string }[] = []
  const stored: string[] = []
  const lost: string[] = []
  const walk = (properties: Readonly<Record<string, Property>>, prefix: string): void => {
    for (const [key, property] of Object.entries(properties)) {
      const name = `${prefix}${key}`
      if (property.properties !== undefined) {
        walk(property.properties, `${name}.`)
        continue
      }
      const { type } = property
      if (type === undefined || type === 'alias' || type === 'object' || type === 'nested') continue
      if (!withoutValues.has(type) && property.doc_values !== false) {
        const isDate = type === 'date' || type === 'date_nanos'
        docValues.push(isDate ? { field: name, format: 'strict_date_optional_time_nanos' } : { field: name })
        continue
      }
      if (property.store === true) {
        stored.push(name)
        continue
      }
      const keyword = Object.entries(property.fields ?? {}).find(([, one]) => one.type === 'keyword' && one.doc_values !== false)
      if (keyword === undefined) lost.push(name)
      else docValues.push({ field: `${name}.${keyword[0]}` })
    }
  }
  walk(propertiesOf(mapping), '')
  return { docValues, stored, lost }
}
