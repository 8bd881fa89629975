/** Tags of a search in Jaeger's forms: logfmt, `k=v "k 2"="v 2"`, or a JSON object of texts. */

/** Most tags of a search. */
const mostTags = 100

export interface ReadTags {
  readonly tags: readonly (readonly [key: string, value: string])[]
  /** Why some of the text is none; undefined: all of it was read. */
  readonly fault: string | undefined
}

/** A word, or a text in quotes with Go's escapes, from `at` on. */
function readWord(text: string, at: number): { readonly value: string; readonly end: number } | undefined {
  if (text[at] !== '"') {
    let end = at
    while (end < text.length && !/[\s="]/.test(text[end] as string)) end++
    return { value: text.slice(at, end), end }
  }
  let value = ''
  for (let place = at + 1; place < text.length; place++) {
    const sign = text[place] as string
    if (sign === '"') return { value, end: place + 1 }
    if (sign !== '\\') value += sign
    else {
      const next = text[++place] ?? ''
      value += next === 'n' ? '\n' : next === 't' ? '\t' : next === 'r' ? '\r' : next
    }
  }
  return undefined
}

function readJson(text: string): ReadTags {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { tags: [], fault: 'it is no JSON object' }
    const tags = Object.entries(value).slice(0, mostTags)
    const bad = tags.find(([, one]) => typeof one === 'object')
    if (bad !== undefined) return { tags: [], fault: `the value of ${bad[0]} is no text` }
    return { tags: tags.map(([key, one]) => [key, String(one)] as const), fault: undefined }
  } catch {
    return { tags: [], fault: 'it is no whole JSON object' }
  }
}

/** Reads tags. A key without a value has the value `true`, as in Jaeger's own form. */
export function readTags(text: string): ReadTags {
  const all = text.trim()
  if (all.startsWith('{')) return readJson(all)
  const tags: (readonly [string, string])[] = []
  let at = 0
  while (at < all.length) {
    if (/\s/.test(all[at] as string)) {
      at++
      continue
    }
    const key = readWord(all, at)
    if (key === undefined) return { tags, fault: 'a quote is not closed' }
    if (key.value === '') return { tags, fault: `expected a key at ${at}` }
    at = key.end
    if (all[at] !== '=') {
      tags.push([key.value, 'true'])
    } else {
      const value = readWord(all, at + 1)
      if (value === undefined) return { tags, fault: 'a quote is not closed' }
      tags.push([key.value, value.value])
      at = value.end
      if (at < all.length && !/\s/.test(all[at] as string)) return { tags, fault: `expected a space at ${at}` }
    }
    if (tags.length > mostTags) return { tags: tags.slice(0, mostTags), fault: `it has more than ${mostTags} tags` }
  }
  return { tags, fault: undefined }
}
