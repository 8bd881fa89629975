/** Lucene's regular expressions → RE2. Both match whole values; what Lucene has beyond (`~ & @ < >` and `#`) RE2 has not. */

import { escapeRegex } from './text.ts'

/** A translated pattern, or why there is none. */
export type Re2 = { readonly ok: true; readonly pattern: string } | { readonly ok: false; readonly why: string }

/** RE2 refuses more repetitions. */
const mostRepeats = 1000

/** Translates a pattern in one pass. */
export function luceneRegexToRe2(pattern: string): Re2 {
  let out = ''
  /** What a repetition may follow. */
  let hasAtom = false
  let depth = 0
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern[at] as string
    switch (sign) {
      case '\\': {
        const next = pattern[++at]
        if (next === undefined) return { ok: false, why: 'it ends with a backslash' }
        out += /[dDwWsS]/.test(next) ? `\\${next}` : escapeRegex(next)
        hasAtom = true
        break
      }
      case '"': {
        const end = pattern.indexOf('"', at + 1)
        if (end < 0) return { ok: false, why: 'a quotation mark is missing' }
        out += `(?:${escapeRegex(pattern.slice(at + 1, end))})`
        at = end
        hasAtom = true
        break
      }
      case '[': {
        const end = classEnd(pattern, at)
        if (end < 0) return { ok: false, why: 'a [ is not closed' }
        out += classOf(pattern.slice(at + 1, end))
        at = end
        hasAtom = true
        break
      }
      case '(':
        if (pattern[at + 1] === '?') return { ok: false, why: 'groups have no options there' }
        depth++
        out += '('
        hasAtom = false
        break
      case ')':
        if (--depth < 0) return { ok: false, why: 'a ) is too much' }
        out += ')'
        hasAtom = true
        break
      case '|':
        out += '|'
        hasAtom = false
        break
      case '*':
      case '+':
      case '?':
        if (!hasAtom) return { ok: false, why: `${sign} repeats nothing` }
        out += sign
        hasAtom = false
        break
      case '{': {
        const end = pattern.indexOf('}', at)
        const counts = end < 0 ? undefined : /^(\d{1,4})(,(\d{0,4}))?$/.exec(pattern.slice(at + 1, end))
        if (!hasAtom || counts === undefined || counts === null) return { ok: false, why: 'a repetition in braces is not understood' }
        if (Number(counts[1]) > mostRepeats || Number(counts[3] ?? 0) > mostRepeats)
          return { ok: false, why: 'it repeats more than 1,000 times' }
        out += pattern.slice(at, end + 1)
        at = end
        hasAtom = false
        break
      }
      case '~':
      case '&':
      case '@':
      case '<':
      case '#':
        return { ok: false, why: `RE2 has nothing like the operator ${sign}` }
      case '^':
      case '$':
      case ']':
      case '}':
        // They are signs as any other in Lucene.
        out += `\\${sign}`
        hasAtom = true
        break
      default:
        out += sign
        hasAtom = true
    }
  }
  if (depth > 0) return { ok: false, why: 'a ( is not closed' }
  return { ok: true, pattern: out }
}

function classEnd(pattern: string, start: number): number {
  let at = start + 1
  if (pattern[at] === '^') at++
  // A bracket that comes first is itself in RE2; Lucene has to have it escaped.
  for (; at < pattern.length; at++) {
    if (pattern[at] === '\\') at++
    else if (pattern[at] === ']') return at
  }
  return -1
}

function classOf(inner: string): string {
  const negated = inner.startsWith('^')
  let out = ''
  const body = negated ? inner.slice(1) : inner
  for (let at = 0; at < body.length; at++) {
    const sign = body[at] as string
    if (sign === '\\') {
      const next = body[++at] ?? ''
      out += /[dDwWsS]/.test(next) ? `\\${next}` : /[A-Za-z0-9]/.test(next) ? next : `\\${next}`
    } else if (sign === '[' || sign === '^' || sign === '"') out += sign === '"' ? '"' : `\\${sign}`
    else out += sign
  }
  // Nothing at all cannot be written as a class.
  if (out === '') return negated ? '(?s:.)' : '[^\\x{0}-\\x{10FFFF}]'
  return `[${negated ? '^' : ''}${out}]`
}
