/** Keys of maps that are made of what senders say. */

import { hash } from 'node:crypto'

/** V8 hashes strings beyond 16,383 characters by their length alone: as keys they would all be looked through, one by one. */
const longest = 4096

/** The text itself, or a digest of it when it is long. */
export function mapKey(text: string): string {
  return text.length <= longest ? text : `\u0000${text.length} ${hash('sha256', text, 'base64')}`
}
