/**
 * Finds values in JSON without decoding them: members of an object, elements of a list. Brackets and texts are followed, nothing else is looked at:
 * what is no JSON may be found as well, and is for the decoder of documents to refuse.
 */

/** Bytes of a value. */
export interface Place {
  readonly start: number
  readonly end: number
}

/** Calls with each member of the object at bytes `start` to `end`. False when it is none, or does not end there. */
export function eachMember(
  piece: Uint8Array,
  start: number,
  end: number,
  visit: (name: string, valueStart: number, valueEnd: number) => void,
): boolean {
  let at = skipSpace(piece, start, end)
  if (at === end || piece[at] !== 0x7b) return false
  at = skipSpace(piece, at + 1, end)
  while (at < end && piece[at] === 0x22) {
    const nameEnd = endOfText(piece, at, end)
    const name = textOf(piece, at + 1, nameEnd - 1)
    at = skipSpace(piece, nameEnd, end)
    if (at === end || piece[at] !== 0x3a) return false
    const valueStart = skipSpace(piece, at + 1, end)
    const valueEnd = endOfValue(piece, valueStart, end)
    if (valueEnd === valueStart) return false
    visit(name, valueStart, valueEnd)
    at = skipSpace(piece, valueEnd, end)
    if (piece[at] !== 0x2c) break
    at = skipSpace(piece, at + 1, end)
  }
  return at < end && piece[at] === 0x7d && skipSpace(piece, at + 1, end) === end
}

/** Calls with each element of the list at bytes `start` to `end`. False when it is none, or does not end there. */
export function eachElement(piece: Uint8Array, start: number, end: number, visit: (valueStart: number, valueEnd: number) => void): boolean {
  let at = skipSpace(piece, start, end)
  if (at === end || piece[at] !== 0x5b) return false
  at = skipSpace(piece, at + 1, end)
  while (at < end && piece[at] !== 0x5d) {
    const valueEnd = endOfValue(piece, at, end)
    if (valueEnd === at) return false
    visit(at, valueEnd)
    at = skipSpace(piece, valueEnd, end)
    if (piece[at] !== 0x2c) break
    at = skipSpace(piece, at + 1, end)
  }
  return at < end && piece[at] === 0x5d && skipSpace(piece, at + 1, end) === end
}

/** The text of bytes, one character each: for names and words that are ASCII when they are what is looked for. */
export function textOf(piece: Uint8Array, start: number, end: number): string {
  return Buffer.from(piece.buffer, piece.byteOffset + start, Math.max(0, end - start)).toString('latin1')
}

/** The first byte that is no blank. */
export function skipSpace(piece: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end && (piece[at] === 0x20 || piece[at] === 0x09 || piece[at] === 0x0a || piece[at] === 0x0d)) at++
  return at
}

/** Behind the quotation mark that ends the text which begins at `from`. */
function endOfText(piece: Uint8Array, from: number, end: number): number {
  for (let at = from + 1; at < end; at++) {
    if (piece[at] === 0x5c) at++
    else if (piece[at] === 0x22) return at + 1
  }
  return end
}

/** Behind the value that begins at `from`: as far as brackets and texts go. The end, when they do not close. */
export function endOfValue(piece: Uint8Array, from: number, end: number): number {
  let depth = 0
  for (let at = from; at < end; ) {
    const byte = piece[at] as number
    if (byte === 0x22) {
      at = endOfText(piece, at, end)
      if (depth === 0) return at
      continue
    }
    if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === 0x5d) {
      // Of what is around a bare value.
      if (depth === 0) return at
      depth--
      if (depth === 0) return at + 1
    } else if (depth === 0 && (byte === 0x2c || byte <= 0x20)) return at
    at++
  }
  return end
}
