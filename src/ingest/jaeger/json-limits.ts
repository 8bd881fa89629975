/** What one JSON document may hold, checked as it is read. */

import { BridgeError } from '../../errors.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import type { Key } from '../../otlp/model.ts'
import { isJsonList, type JsonLimits, type JsonValue } from '../exact-json.ts'
import type { DecodeLimits } from '../limits.ts'

/** Different keys of one document beyond those in the key table. */
const maxLooseKeys = 100_000

/** Values of one span: a tag has four, so this is well beyond all tags, fields and references together that a span may have. */
const maxValues = 1_000_000

export const jsonLimitsOf = (limits: DecodeLimits): JsonLimits => ({
  maxDepth: limits.maxDepth,
  maxStringBytes: limits.maxStringBytes,
  maxValues,
})

/** Bounds that need a count. Everything throws OB_LIMIT_* for the whole document. */
export interface JsonBounds {
  /** The elements of a list; none for null, for what is absent and for what is no list. */
  list(value: JsonValue | undefined, limit: number, what: string): readonly JsonValue[]
  key(text: string): Key
  /** Before span number `count`, counted from 1, is read. */
  spans(count: number): void
}

export function createJsonBounds(keys: KeyTable, limits: DecodeLimits): JsonBounds {
  const check = (count: number, limit: number, what: string): void => {
    if (count > limit) throw new BridgeError('OB_LIMIT_LENGTH', `cannot read spans: ${count} ${what} > limit ${limit}`)
  }
  return {
    list(value, limit, what) {
      if (!isJsonList(value)) return []
      check(value.length, limit, what)
      return value
    },
    key(text) {
      const key = keys.ofText(text)
      if (keys.loose > maxLooseKeys) check(keys.loose, maxLooseKeys, 'different keys')
      return key
    },
    spans(count) {
      if (count > limits.maxItems) throw new BridgeError('OB_LIMIT_ITEMS', `cannot read spans: more than the limit of ${limits.maxItems}`)
    },
  }
}
