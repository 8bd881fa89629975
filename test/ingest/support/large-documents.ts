/** Bodies of `_bulk` that are large, compressed too. */

import { create, lines } from './elasticsearch.ts'

/** Text that does not shrink to nothing. */
export const filler = (bytes: number, seed: number): string => {
  let text = ''
  for (let state = seed + 1; text.length < bytes; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    text += state.toString(36)
  }
  return text.slice(0, bytes)
}

/** So many documents of so many bytes; their messages are their numbers. */
export const documents = (count: number, bytes: number): string =>
  Array.from({ length: count }, (_, at) => lines(create('logs'), { message: String(at), filler: filler(bytes, at) })).join('')

/** Messages of {@link documents}. */
export const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => String(at))
