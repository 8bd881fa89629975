/** What tells one mapping from another: a report of another one says nothing about this one. */

import { createHash } from 'node:crypto'

/** @param config of which section `translate` counts, defaults included. 16 hex digits */
export function mappingHashOf({ translate }: { readonly translate: object }): string {
  return createHash('sha256').update(JSON.stringify(translate)).digest('hex').slice(0, 16)
}
