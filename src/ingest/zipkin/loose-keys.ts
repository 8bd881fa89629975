/** Bound on the memory that distinct tag keys of one request take. */

import { BridgeError } from '../../errors.ts'
import type { KeyTable } from '../../otlp/keys.ts'

/** Different keys beyond those in the key table: no honest request has so many, and each costs much more than its bytes. */
const maxLooseKeys = 100_000

/** Called after each span. Throws OB_LIMIT_LENGTH. @param at place in the body */
export function checkKeys(keys: KeyTable, at: number): void {
  if (keys.loose > maxLooseKeys) {
    throw new BridgeError('OB_LIMIT_LENGTH', `cannot read spans: more than ${maxLooseKeys} different tag keys`, { place: `byte ${at}` })
  }
}
