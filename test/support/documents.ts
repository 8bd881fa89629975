/** Documents of Elasticsearch for tests: JSON → leaves with the plans of the default rules; values as plain JavaScript. */

import { DocumentDecoder } from '../../src/ingest/elasticsearch/decode-document.ts'
import { valueToString } from '../../src/otlp/attributes.ts'
import { type AnyValue, type KeyValue, ValueType } from '../../src/otlp/model.ts'
import { toDouble, toSignedBigInt } from '../../src/otlp/time.ts'
import { createFieldTable } from '../../src/translate/elasticsearch/fields.ts'
import { Leaves } from '../../src/translate/elasticsearch/model.ts'
import { type FieldOptions, ruleOf } from '../../src/translate/elasticsearch/names.ts'
import { createPlans, type FieldPlan, type Plans } from '../../src/translate/elasticsearch/plans.ts'
import type { DocumentContext } from '../../src/translate/elasticsearch/to-otlp.ts'

const limits = { maxFields: 10_000, maxListValues: 10_000, maxDepth: 100, maxBytes: 16 << 20 }

export interface ReadDocument {
  readonly leaves: Leaves
  readonly source: Uint8Array
  /** Markers of the document's fields. */
  readonly markers: number
}

export interface DocumentReader {
  readonly plans: Plans
  /** Reads a document; its leaves are gone with the next one. Text is JSON, everything else is made into it. */
  read(document: unknown): ReadDocument
}

/** A reader of documents by the rules as they are without a mapping file of the user's. */
export function createDocumentReader(options: Partial<FieldOptions> = {}): DocumentReader {
  const plans = createPlans((path) => ruleOf(path, { renames: 'default', ...options }))
  const table = createFieldTable<FieldPlan>({ plan: plans.plan, onForget: plans.forget, onRenew: plans.renew })
  const leaves = new Leaves()
  const decoder = new DocumentDecoder(table, leaves, limits, { keepEmpty: false })
  return {
    plans,
    read(document) {
      const source = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document))
      decoder.open(source)
      if (!decoder.read(0, source.length)) throw new Error('not an object')
      let markers = 0
      for (let row = 0; row < leaves.count; row++) markers |= (leaves.fields[row] as { plan: FieldPlan }).plan.marker
      return { leaves, source, markers }
    },
  }
}

/** A document that nothing is known of beside itself. */
export const noContext: DocumentContext = { index: undefined, id: '', pipeline: '', named: [] }

/** A value as plain JavaScript: integers are bigints, so that they are told apart from doubles. */
export function plainValue(value: AnyValue): unknown {
  switch (value.type) {
    case ValueType.Bool:
      return value.a === 1
    case ValueType.Int:
      return toSignedBigInt(value.a, value.b)
    case ValueType.Double:
      return toDouble(value.a, value.b)
    case ValueType.Array:
      return (value.ref as readonly AnyValue[]).map(plainValue)
    case ValueType.KvList:
      return plainAttributes(value.ref as readonly KeyValue[])
    case ValueType.Empty:
      return null
    default:
      return valueToString(value)
  }
}

/** Attributes as an object; one that comes twice is an error. */
export function plainAttributes(attributes: readonly KeyValue[]): Record<string, unknown> {
  const result: Record<string, unknown> = Object.create(null)
  for (const one of attributes) {
    if (one.key.text in result) throw new Error(`attribute ${one.key.text} comes twice`)
    result[one.key.text] = plainValue(one)
  }
  return { ...result }
}
