/** A query before and after as pieces, with what changed told apart: for pages and for diffs. */

import type { ReportItem } from './model.ts'

export interface Piece {
  readonly text: string
  readonly changed: boolean
}

/** Pieces of both sides. Where the language changed all of it is new. */
export function piecesOf({ before, after, edits }: Pick<ReportItem, 'before' | 'after' | 'edits'>): { old: Piece[]; new: Piece[] } {
  const whole = (text: string, changed: boolean): Piece[] => (text === '' ? [] : [{ text, changed }])
  if (after === null) return { old: whole(before, true), new: [] }
  if (before === after) return { old: whole(before, false), new: whole(after, false) }
  const sorted = edits.toSorted((one, other) => one.start - other.start)
  const rebuilt: Piece[] = []
  const old: Piece[] = []
  let at = 0
  for (const { start, end, to } of sorted) {
    if (start < at || end > before.length) return byEnds(before, after)
    old.push(...whole(before.slice(at, start), false), ...whole(before.slice(start, end), true))
    rebuilt.push(...whole(before.slice(at, start), false), ...whole(to, true))
    at = end
  }
  old.push(...whole(before.slice(at), false))
  rebuilt.push(...whole(before.slice(at), false))
  const text = rebuilt.map((piece) => piece.text).join('')
  return sorted.length > 0 && text === after ? { old, new: rebuilt } : byEnds(before, after)
}

/** Without edits: common beginning and end in whole words. */
function byEnds(before: string, after: string): { old: Piece[]; new: Piece[] } {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  while (start > 0 && /\w/.test(before[start - 1] ?? '')) start--
  let end = 0
  const most = Math.min(before.length, after.length) - start
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end++
  while (end > 0 && /\w/.test(before[before.length - end] ?? '')) end--
  const cut = (text: string): Piece[] =>
    [
      { text: text.slice(0, start), changed: false },
      { text: text.slice(start, text.length - end), changed: true },
      { text: text.slice(text.length - end), changed: false },
    ].filter((piece) => piece.text !== '')
  return { old: cut(before), new: cut(after) }
}
