/** Small values of remembered state as lines of JSON, in pieces. */

/** A piece is ended behind the line that makes it so long. */
const pieceBytes = 131_072

/** A longer line is not written: with what may stand before it, it has to fit into a piece. */
const maxLineBytes = 3.5 * 2 ** 20

/** Gives the values in pieces of whole lines. Values may come and go between two pieces as far as the iterable bears it (a Map does). */
export function* saveLines(values: Iterable<unknown>): Generator<Uint8Array, void, undefined> {
  let lines: string[] = []
  let bytes = 0
  for (const value of values) {
    const line = JSON.stringify(value)
    if (line === undefined) continue
    const length = Buffer.byteLength(line) + 1
    if (length > maxLineBytes) continue
    lines.push(line, '\n')
    bytes += length
    if (bytes < pieceBytes) continue
    yield Buffer.from(lines.join(''))
    lines = []
    bytes = 0
  }
  if (lines.length > 0) yield Buffer.from(lines.join(''))
}

/** Reads the lines of a piece. Returns how many could not be read, or were refused by `take`, which throws then. */
export function loadLines(piece: Uint8Array, take: (value: unknown) => void): number {
  let faults = 0
  for (const line of Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString().split('\n')) {
    if (line === '') continue
    try {
      take(JSON.parse(line))
    } catch {
      // The other lines are as good as they were.
      faults++
    }
  }
  return faults
}
