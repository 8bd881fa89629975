/**
 * Rows of streams as they are stored: pieces that can each be read alone, so that one that is lost costs its own rows only. What a row says
 * about labels (words 10 to 15) is not stored: it is looked at again when the stream is seen next.
 *
 *     piece   magic, version, the seed of the hashes (4), rows in this piece, rows there were when the saving began; then the rows
 *     row     hash (3), time (2), value (2), start (2), seen (1): 40 bytes
 *
 * All are int32 words in the byte order of the machine; the file of a machine with the other order is none of ours.
 * Whether a piece is as it was written is for the file to say that it stands in.
 */

import type { Seed } from './hash.ts'
import { Row, type Streams } from './streams.ts'

/** Rows of a full piece, which is 640 KiB and takes less than a millisecond to make. */
export const rowsPerPiece = 16_384

/** Version of the form. A new one gets a new number and reads the old. */
export const rowsVersion = 1

const magic = 0x4f425277
const headWords = 8
const storedWords = 10
const seedAt = 2
const rowsAt = 6
const totalAt = 7

/**
 * Gives all rows, in pieces, each valid until the next is asked for. Rows may come, go and change in between: a row is stored as it is at
 * that moment, one that came meanwhile perhaps not.
 */
export function* saveRows(streams: Streams, seed: Seed): Generator<Uint8Array, void, undefined> {
  const piece = new Int32Array(headWords + Math.min(rowsPerPiece, Math.max(streams.count, 1)) * storedWords)
  const room = (piece.length - headWords) / storedWords
  piece.set([magic, rowsVersion, ...seed, 0, streams.count])
  let rows = 0
  let to = headWords
  const take = (): Uint8Array => {
    piece[rowsAt] = rows
    rows = 0
    const bytes = new Uint8Array(piece.buffer, 0, to * 4)
    to = headWords
    return bytes
  }
  for (const at of streams.places()) {
    const { words } = streams
    for (let word = 0; word < storedWords; word++) piece[to + word] = words[at + word] as number
    to += storedWords
    if (++rows === room) yield take()
  }
  if (rows > 0) yield take()
}

/** The words of a piece; undefined when it is none of ours, or of a newer version. */
function wordsOf(piece: Uint8Array): Int32Array | undefined {
  if (piece.length < headWords * 4) return undefined
  const whole = piece.length & ~3
  const aligned = (piece.byteOffset & 3) === 0 ? piece : piece.slice()
  const words = new Int32Array(aligned.buffer, aligned.byteOffset, whole / 4)
  return words[0] === magic && words[1] === rowsVersion ? words : undefined
}

/** The seed that the hashes of a piece were made with: those to be found in it have to be made with the same. Undefined: not a piece of ours. */
export function seedOfRows(piece: Uint8Array): Seed | undefined {
  const words = wordsOf(piece)
  if (words === undefined) return undefined
  return [words[seedAt] as number, words[seedAt + 1] as number, words[seedAt + 2] as number, words[seedAt + 3] as number]
}

/**
 * Adds the rows of a piece; those that are there already stay as they are. Nothing in a piece is believed but words: one that is none of ours or
 * was made with another seed adds nothing, one that is cut adds the rows that are whole. When there are too many the least recently seen go.
 * @param nowSeconds rows seen later than that were seen now
 * @returns how many rows were added
 */
export function loadRows(piece: Uint8Array, streams: Streams, seed: Seed, nowSeconds: number): number {
  const from = wordsOf(piece)
  if (from === undefined || seed.some((word, at) => from[seedAt + at] !== word)) return 0
  const rows = Math.min(from[rowsAt] as number, Math.floor((from.length - headWords) / storedWords))
  if (streams.count === 0) streams.reserve(from[totalAt] as number)
  let added = 0
  for (let row = 0; row < rows; row++) {
    const start = headWords + row * storedWords
    const a = from[start] as number
    const b = from[start + 1] as number
    const c = from[start + 2] as number
    if (streams.find(a, b, c) >= 0) continue
    const at = streams.insert(a, b, c, nowSeconds)
    const { words } = streams
    for (let word = Row.TimeHi; word <= Row.StartLo; word++) words[at + word] = from[start + word] as number
    words[at + Row.Seen] = Math.min((from[start + Row.Seen] as number) >>> 0, nowSeconds)
    added++
  }
  return added
}
