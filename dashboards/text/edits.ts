/** Changes of a text. */

/** Offsets are UTF-16 units of the text before; `start === end`: something is put in. */
export interface TextEdit {
  readonly start: number
  readonly end: number
  readonly to: string
}

/** Applies edits that do not overlap, in any order; of several at one place the first stands first. Throws for edits that overlap or lie outside. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  let at = 0
  const pieces: string[] = []
  for (const { start, end, to } of edits.toSorted((one, other) => one.start - other.start)) {
    if (start < at || end < start || end > text.length)
      throw new Error(`cannot edit text: ${start} to ${end} overlaps another edit, or lies outside`)
    pieces.push(text.slice(at, start), to)
    at = end
  }
  pieces.push(text.slice(at))
  return pieces.join('')
}
