/** `@metadata` of documents that Beats send: what it says of where a document was to go, and the names under which the rest of it stays. Section 8 of the mapping of Beats. */

import { ValueType } from '../../otlp/model.ts'
import type { Leaves } from '../../translate/elasticsearch/model.ts'
import { type FieldOptions, ruleOf } from '../../translate/elasticsearch/names.ts'
import { type FieldRule, Role } from '../../translate/elasticsearch/rules.ts'

const prefix = '@metadata.'
const plain: FieldOptions = { renames: 'none' }

/** Fields that are taken out; what is not attributes under names of their own. */
const used = new Set(['raw_index', 'index', 'pipeline', '_id', 'id', 'op_type', 'type'])
const named: ReadonlyMap<string, string> = new Map([
  ['beat', 'beats.beat'],
  ['version', 'beats.version'],
])

/** The rule of a path of `@metadata`; undefined for every other path. */
export function metadataRule(path: string): FieldRule | undefined {
  if (!path.startsWith(prefix)) return undefined
  const rest = path.slice(prefix.length)
  const rule = ruleOf(path, plain)
  if (used.has(rest)) return { ...rule, role: Role.Ignored, marker: 0 }
  return { ...rule, role: Role.Attribute, resource: false, name: named.get(rest) ?? `beats.metadata.${rest}` }
}

/** Texts of `@metadata` in the document that the leaves hold. */
export interface Metadata {
  /** Looks through the leaves. */
  read(): void
  /** Row of a text; −1 when the document has none. */
  row(name: 'raw_index' | 'index' | 'pipeline' | '_id' | 'id' | 'op_type' | 'type' | 'beat' | 'version'): number
}

/** Makes a reader over leaves that are used again and again. */
export function createMetadata(leaves: Leaves): Metadata {
  const rows = new Map<string, number>()
  return {
    read() {
      rows.clear()
      const { fields, types, count } = leaves
      for (let i = 0; i < count; i++) {
        const { path } = fields[i] as { path: string }
        if (path.startsWith(prefix) && types[i] === ValueType.Text) rows.set(path.slice(prefix.length), i)
      }
    },
    row: (name) => rows.get(name) ?? -1,
  }
}
