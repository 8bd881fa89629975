/** Names that a user writes in the configuration or the mapping file: as they are, or with `*` for any text, also none, and `?` for one character. */

/** True when a text is a pattern and not a plain name. */
export function isPattern(text: string): boolean {
  return text.includes('*') || text.includes('?')
}

/** Whether all of a name fits a pattern. Takes no longer than the product of both lengths, whatever either is. */
export function matches(pattern: string, name: string): boolean {
  let at = 0
  let place = 0
  let star = -1
  let resume = 0
  while (place < name.length) {
    if (pattern[at] === '*') {
      star = at++
      resume = place
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[place])) {
      at++
      place++
    } else if (star >= 0) {
      at = star + 1
      place = ++resume
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}
