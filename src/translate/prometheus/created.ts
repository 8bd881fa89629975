/** `X_created`: the start of streams that have the same labels under another name. Section 7.4 of the mapping. */

import { addLabel, type Hash, type Hasher, removeLabel } from './hash.ts'
import type { Streams } from './streams.ts'

/** What the hash of `X_created` has to be moved by to be that of a stream whose start it tells. */
export interface CreatedName {
  readonly moves: readonly Hash[]
}

/** @param name with the suffix */
export function createdName(hasher: Hasher, name: string): CreatedName {
  const base = name.slice(0, -'_created'.length)
  const label = hasher.text('__name__')
  const move = (to: string): Hash => {
    const hash = { a: 0, b: 0, c: 0 }
    removeLabel(hash, label, hasher.text(name))
    addLabel(hash, label, hasher.text(to))
    return hash
  }
  return { moves: [move(base), move(`${base}_total`), move(`${base}_count`)] }
}

/** Rows whose start a `_created` series tells; its own hash is what was found under. */
export function* createdRows(streams: Streams, hash: Hash, { moves }: CreatedName): Generator<number> {
  for (const { a, b, c } of moves) {
    const place = streams.find((hash.a + a) | 0, (hash.b + b) | 0, (hash.c + c) | 0)
    if (place >= 0) yield place
  }
}
