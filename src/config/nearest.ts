/** Finds the known word that a misspelt one was probably meant to be. */

/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min((row[j - 1] ?? 0) + 1, (above[j] ?? 0) + 1, (above[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    before = above
    above = row
  }
  return above[b.length] ?? 0
}

const plain = (word: string): string => word.toLowerCase().replace(/[-_ ]/g, '')

/** The known word nearest to `word`, case and separators aside; undefined when none is near enough to be meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const wanted = plain(word)
  let best: string | undefined
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const one of known) {
    const distance = editDistance(wanted, plain(one))
    if (distance < least) [best, least] = [one, distance]
  }
  return best
}
