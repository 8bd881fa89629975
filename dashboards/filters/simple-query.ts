/** `simple_query_string`: `+` and, `|` or, `-` not, `"…"` phrases, `*` at the end of a word, brackets, `~`. Never fails: what makes no sense is left out, as there. */

import type { LuceneOptions } from './lucene.ts'
import {
  allOf,
  anyOf,
  deepestFilter,
  everything,
  type Filter,
  leaf,
  mostLeaves,
  noneOf,
  type Parsed,
  parsedBy,
  SyntaxFault,
  type Test,
} from './model.ts'
import { valueTest, variableLength, wildcardTest } from './values.ts'

/** Parses a query. Too long or too deep ones are `ok: false`. */
export function parseSimpleQuery(text: string, { defaultOperator = 'or', defaultFields }: LuceneOptions = {}): Parsed {
  let at = 0
  let leaves = 0

  const isBlank = (sign: string | undefined): boolean => sign === ' ' || sign === '\t' || sign === '\n' || sign === '\r'

  function make(test: Test, start: number): Filter {
    if (++leaves > mostLeaves) throw new SyntaxFault(`more than ${mostLeaves} conditions`, at)
    const source = text.slice(start, at)
    if (defaultFields === undefined) return leaf(undefined, test, source)
    return anyOf(defaultFields.map((field) => leaf(field, test, source)))
  }

  function tilde(): number | undefined {
    if (text[at] !== '~') return undefined
    const start = ++at
    while (/[0-9]/.test(text[at] ?? '')) at++
    return start === at ? undefined : Number(text.slice(start, at))
  }

  function phrase(): Filter | undefined {
    const start = at++
    let words = ''
    while (at < text.length && text[at] !== '"') {
      if (text[at] === '\\') at++
      words += text[at++] ?? ''
    }
    if (at++ >= text.length) return undefined
    const slop = tilde()
    return make(valueTest(words, true, slop ?? 0), start)
  }

  function word(): Filter | undefined {
    const start = at
    let value = ''
    while (at < text.length && !isBlank(text[at]) && !'+|()"~'.includes(text[at] as string)) {
      const variable = variableLength(text, at)
      if (variable > 0) {
        value += text.slice(at, at + variable)
        at += variable
        continue
      }
      if (text[at] === '\\') at++
      value += text[at++] ?? ''
    }
    const escapedStar = text[at - 2] === '\\'
    const fuzzy = tilde()
    if (value === '') return undefined
    if (value === '*') return everything
    if (fuzzy !== undefined && fuzzy > 0) return make({ op: 'fuzzy', text: value }, start)
    if (value.endsWith('*') && !escapedStar) return make(wildcardTest([value.slice(0, -1), { sign: 'any' }]), start)
    return make(valueTest(value, false), start)
  }

  /** Without precedence, from left to right, as Lucene's parser does it. */
  function group(depth: number): Filter {
    if (depth > deepestFilter) throw new SyntaxFault(`nested deeper than ${deepestFilter}`, at)
    let sum: Filter | undefined
    let joined: '+' | '|' | undefined
    let negated = false
    while (at < text.length) {
      const sign = text[at] as string
      if (isBlank(sign)) {
        at++
        continue
      }
      if (sign === ')') break
      if (sign === '+' || sign === '|') {
        joined = sign
        at++
        continue
      }
      if (sign === '~') {
        tilde()
        continue
      }
      if (sign === '-') {
        negated = !negated
        at++
        continue
      }
      const part = sign === '(' ? bracket(depth) : sign === '"' ? phrase() : word()
      if (part === undefined) continue
      const filter = negated ? noneOf(part) : part
      const isAnd = joined === '+' || (joined === undefined && defaultOperator === 'and')
      sum = sum === undefined ? filter : isAnd ? allOf([sum, filter]) : anyOf([sum, filter])
      joined = undefined
      negated = false
    }
    return sum ?? everything
  }

  function bracket(depth: number): Filter {
    at++
    const inner = group(depth + 1)
    if (text[at] === ')') at++
    return inner
  }

  return parsedBy(text, () => {
    let filter = group(0)
    // A bracket too much is nothing.
    while (at < text.length) {
      at++
      filter = allOf([filter, group(0)])
    }
    return { filter, fields: [] }
  })
}
