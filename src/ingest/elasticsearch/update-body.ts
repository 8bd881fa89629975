/** The line of an `update`: which part of it would be the document, were it to be made. Looked into only with `upsert: append`. */

import { eachMember, type Place, textOf } from './object-members.ts'

/**
 * Finds the document in `{"doc":{…},"doc_as_upsert":true}` or `{"upsert":{…}}`: `doc` when it is to be inserted, else `upsert`; undefined when the
 * line asks for neither, or is no such object. What is in the document is for its decoder to judge. Of keys that come twice the last one counts.
 */
export function upsertedDocument(piece: Uint8Array, start: number, end: number): Place | undefined {
  let doc: Place | undefined
  let upsert: Place | undefined
  let docAsUpsert = false
  const isWhole = eachMember(piece, start, end, (name, valueStart, valueEnd) => {
    const place = piece[valueStart] === 0x7b ? { start: valueStart, end: valueEnd } : undefined
    if (name === 'doc') doc = place
    else if (name === 'upsert') upsert = place
    // Elasticsearch takes the text of it as well.
    else if (name === 'doc_as_upsert') docAsUpsert = /^"?true"?$/.test(textOf(piece, valueStart, Math.min(valueEnd, valueStart + 7)))
  })
  if (!isWhole) return undefined
  return docAsUpsert && doc !== undefined ? doc : upsert
}
