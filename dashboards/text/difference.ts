/** The difference of two texts as edits of whole lines: what a converted text is written back by, into the text that it stood in. */

import type { TextEdit } from './edits.ts'

/** Lines with their breaks. */
const linesOf = (text: string): string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? []

/**
 * Edits that make `after` of `before`; none where they are equal. Where both have as many lines between their common beginning and end each changed
 * line is an edit of its own, else all of it is one. Linear.
 */
export function differenceOf(before: string, after: string): readonly TextEdit[] {
  if (before === after) return []
  const [old, fresh] = [linesOf(before), linesOf(after)]
  let first = 0
  let start = 0
  while (first < old.length && first < fresh.length && old[first] === fresh[first]) {
    start += old[first]?.length ?? 0
    first++
  }
  let last = 0
  while (last < old.length - first && last < fresh.length - first && old[old.length - 1 - last] === fresh[fresh.length - 1 - last]) last++
  const [gone, come] = [old.slice(first, old.length - last), fresh.slice(first, fresh.length - last)]
  if (gone.length !== come.length) return [{ start, end: start + gone.join('').length, to: come.join('') }]
  const edits: TextEdit[] = []
  for (const [at, line] of gone.entries()) {
    const to = come[at] ?? ''
    if (line !== to) edits.push(within(line, to, start))
    start += line.length
  }
  return edits
}

/** The part of a line that changed; halves of a surrogate pair stay together. */
function within(before: string, after: string, offset: number): TextEdit {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  if (start > 0 && /[\ud800-\udbff]/.test(before[start - 1] ?? '')) start--
  let end = 0
  while (end < before.length - start && end < after.length - start && before[before.length - 1 - end] === after[after.length - 1 - end])
    end++
  if (end > 0 && /[\udc00-\udfff]/.test(before[before.length - end] ?? '')) end--
  return { start: offset + start, end: offset + before.length - end, to: after.slice(start, after.length - end) }
}
