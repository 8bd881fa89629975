/** Milliseconds in rows of streams: two words, high word first. */

import { Row } from './streams.ts'

const two32 = 4294967296

/** @param at place of the high word */
export function msAt(words: Int32Array, at: number): number {
  return (words[at] as number) * two32 + ((words[at + 1] as number) >>> 0)
}

/** @param ms whole, 0 to 2^53 − 1 */
export function putMs(words: Int32Array, at: number, ms: number): void {
  words[at] = (ms / two32) | 0
  words[at + 1] = ms | 0
}

/** What comes next to a row is not compared with what was there before. */
export function forgetTime(words: Int32Array, place: number): void {
  words[place + Row.TimeHi] = 0
  words[place + Row.TimeLo] = 0
}
