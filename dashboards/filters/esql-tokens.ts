/** Words and signs of ES|QL. */

import { SyntaxFault } from './model.ts'

export interface EsqlToken {
  readonly kind: 'name' | 'text' | 'number' | 'sign' | 'end'
  /** Decoded; of a name in backticks without them. */
  readonly text: string
  readonly at: number
}

const signs = ['==', '!=', '<=', '>=', '=~', '(', ')', ',', '|', '=', '<', '>', '+', '-', '*', '/', '%', ':', '?', '[', ']']
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

/** Splits a text, without comments. Throws `SyntaxFault`. Takes time in proportion to its length. */
export function tokensOf(source: string): EsqlToken[] {
  const tokens: EsqlToken[] = []
  let at = 0
  const push = (kind: EsqlToken['kind'], text: string, start: number): void => {
    tokens.push({ kind, text, at: start })
  }
  while (at < source.length) {
    const sign = source[at] as string
    const start = at
    if (/\s/.test(sign)) at++
    else if (source.startsWith('//', at)) {
      const end = source.indexOf('\n', at)
      at = end < 0 ? source.length : end
    } else if (source.startsWith('/*', at)) {
      const end = source.indexOf('*/', at + 2)
      if (end < 0) throw new SyntaxFault('a comment is not closed', at)
      at = end + 2
    } else if (source.startsWith('"""', at)) {
      const end = source.indexOf('"""', at + 3)
      if (end < 0) throw new SyntaxFault('a text is not closed', at)
      push('text', source.slice(at + 3, end), start)
      at = end + 3
    } else if (sign === '"') {
      let text = ''
      at++
      while (at < source.length && source[at] !== '"') {
        if (source[at] === '\\') {
          at++
          text += escapes[source[at] ?? ''] ?? source[at] ?? ''
        } else text += source[at]
        at++
      }
      if (at >= source.length) throw new SyntaxFault('a text is not closed', start)
      at++
      push('text', text, start)
    } else if (sign === '`' || /[A-Za-z_@$]/.test(sign)) {
      at = nameEnd(source, at)
      push('name', source.slice(start, at).replaceAll('`', ''), start)
    } else if (/[0-9]/.test(sign)) {
      while (at < source.length && /[0-9.eE]/.test(source[at] as string)) at++
      push('number', source.slice(start, at), start)
    } else {
      const found = signs.find((one) => source.startsWith(one, at))
      if (found === undefined) throw new SyntaxFault(`${sign} is not expected here`, at)
      at += found.length
      push('sign', found, start)
    }
  }
  push('end', '', source.length)
  return tokens
}

/** `@timestamp`, `a.b-c`, `` `a b`.c ``, `logs-*`: names of fields and of indices. */
function nameEnd(source: string, start: number): number {
  let at = start
  while (at < source.length) {
    if (source[at] === '`') {
      const end = source.indexOf('`', at + 1)
      if (end < 0) throw new SyntaxFault('a name is not closed', at)
      at = end + 1
    } else if (/[\p{L}\p{N}_.@$]/u.test(source[at] as string)) at++
    else break
  }
  return at
}
