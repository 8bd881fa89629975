/**
 * Kibana's query language. `not` binds more than `and`, that more than `or`, in any letters' case. A value without quotes goes on to the next of these
 * words, blanks included.
 */

import {
  allOf,
  anyOf,
  deepestFilter,
  everything,
  type FieldSpan,
  type Filter,
  leaf,
  mostLeaves,
  noneOf,
  type Parsed,
  parsedBy,
  SyntaxFault,
  type Test,
  type WildcardPiece,
} from './model.ts'
import { joinPieces, readEscape, readQuoted, valueTest, variableLength, wildcardTest } from './values.ts'

/** Signs behind a backslash that stand for another one. */
const controls = { t: '\t', r: '\r', n: '\n' } as const

interface Literal {
  readonly start: number
  readonly end: number
  readonly quoted: boolean
  readonly pieces: readonly WildcardPiece[]
}

const special = '\\():<>"*{}'
const isBlank = (sign: string | undefined): boolean => sign === ' ' || sign === '\t' || sign === '\n' || sign === '\r' || sign === '\u00a0'

const textOf = (literal: Literal): string => literal.pieces.map((one) => (typeof one === 'string' ? one : '*')).join('')
const hasSign = (literal: Literal): boolean => literal.pieces.some((one) => typeof one !== 'string')
const isStar = (literal: Literal): boolean => literal.pieces.length === 1 && typeof literal.pieces[0] === 'object'

/** Parses a query. `ok: false` for what is none, with the place of the fault. Takes time in proportion to its length. */
export function parseKql(text: string): Parsed {
  return parsedBy(text, () => {
    const parser = createParser(text)
    return { filter: parser.query(), fields: parser.fields }
  })
}

function createParser(text: string) {
  let at = 0
  let depth = 0
  let leaves = 0
  const fields: FieldSpan[] = []

  const skip = (): void => {
    while (isBlank(text[at])) at++
  }

  const fail = (why: string, where = at): never => {
    throw new SyntaxFault(why, where)
  }

  /** Whether a word stands at a place, with a blank or a bracket behind it. */
  const wordAt = (word: string, place: number): boolean => {
    if (text.slice(place, place + word.length).toLowerCase() !== word) return false
    const next = text[place + word.length]
    return isBlank(next) || (word === 'not' ? next === '(' : next === undefined)
  }

  /** Takes `and` or `or`, if that is what comes. */
  function takeWord(word: 'and' | 'or'): boolean {
    const before = at
    skip()
    const next = text[at + word.length]
    if (text.slice(at, at + word.length).toLowerCase() === word && (next === undefined || isBlank(next) || next === '(' || next === '"')) {
      at += word.length
      return true
    }
    at = before
    return false
  }

  function nest<T>(parse: () => T): T {
    if (++depth > deepestFilter) fail(`nested deeper than ${deepestFilter}`)
    const parsed = parse()
    depth--
    return parsed
  }

  function escaped(): string {
    const read = readEscape(text, at, controls)
    at = read.end
    return read.value
  }

  function quoted(): Literal {
    const start = at
    const { value, end } = readQuoted(text, start, controls)
    at = end
    return { start, end, quoted: true, pieces: [value] }
  }

  function unquoted(): Literal | undefined {
    const start = at
    const pieces: WildcardPiece[] = []
    let value = ''
    let kept = 0
    let end = at
    for (;;) {
      const sign = text[at]
      if (sign === undefined) break
      const variable = variableLength(text, at)
      if (variable > 0) {
        value += text.slice(at, at + variable)
        at += variable
      } else if (sign === '\\') value += escaped()
      else if (sign === '*') {
        pieces.push(value, { sign: 'any' })
        value = ''
        at++
      } else if (special.includes(sign)) break
      else if (isBlank(sign)) {
        let word = at
        while (isBlank(text[word])) word++
        if (wordAt('and', word) || wordAt('or', word) || wordAt('not', word)) break
        value += sign
        at++
        continue
      } else {
        value += sign
        at++
      }
      kept = value.length
      end = at
    }
    at = end
    const all = joinPieces([...pieces, value.slice(0, kept)])
    return all.length === 0 ? undefined : { start, end, quoted: false, pieces: all }
  }

  const literal = (): Literal | undefined => (text[at] === '"' ? quoted() : unquoted())

  function testOf(value: Literal): Test {
    return hasSign(value) ? wildcardTest(value.pieces) : valueTest(textOf(value), value.quoted)
  }

  function make(field: Literal | undefined, prefix: string, test: Test, start: number): Filter {
    if (++leaves > mostLeaves) fail(`more than ${mostLeaves} conditions`)
    const source = text.slice(start, at).trim()
    if (field === undefined) return test.op === 'exists' ? everything : leaf(undefined, test, source)
    if (isStar(field)) return test.op === 'exists' ? everything : leaf(undefined, test, source)
    return leaf(prefix + textOf(field), test, source)
  }

  /** Values in brackets: `(a or b and not c)`. */
  function values(field: Literal, prefix: string, start: number): Filter {
    skip()
    if (text[at] === '(') {
      at++
      const inner = nest(() => valuesOr(field, prefix))
      skip()
      if (text[at] !== ')') fail('a bracket is not closed')
      at++
      return inner
    }
    const from = at
    const value = literal()
    if (value === undefined) return fail('a value is missing', from)
    return make(field, prefix, testOf(value), start)
  }

  function valuesOr(field: Literal, prefix: string): Filter {
    const parts = [valuesAnd(field, prefix)]
    while (takeWord('or')) parts.push(valuesAnd(field, prefix))
    return anyOf(parts)
  }

  function valuesAnd(field: Literal, prefix: string): Filter {
    const parts = [valuesNot(field, prefix)]
    while (takeWord('and')) parts.push(valuesNot(field, prefix))
    return allOf(parts)
  }

  function valuesNot(field: Literal, prefix: string): Filter {
    skip()
    if (wordAt('not', at)) {
      at += 3
      return noneOf(nest(() => valuesNot(field, prefix)))
    }
    return values(field, prefix, at)
  }

  function or(prefix: string): Filter {
    const parts = [and(prefix)]
    while (takeWord('or')) parts.push(and(prefix))
    return anyOf(parts)
  }

  function and(prefix: string): Filter {
    const parts = [not(prefix)]
    while (takeWord('and')) parts.push(not(prefix))
    return allOf(parts)
  }

  function not(prefix: string): Filter {
    skip()
    if (wordAt('not', at)) {
      at += 3
      return noneOf(nest(() => not(prefix)))
    }
    if (text[at] === '(') {
      at++
      const inner = nest(() => or(prefix))
      skip()
      if (text[at] !== ')') fail('a bracket is not closed')
      at++
      return inner
    }
    return expression(prefix)
  }

  function expression(prefix: string): Filter {
    const start = at
    const first = literal()
    if (first === undefined) return fail(text[at] === undefined ? 'something is missing at the end' : `${text[at]} is not expected here`)
    const behind = at
    skip()
    const sign = text[at]
    if (sign === ':') {
      at++
      fields.push({ start: first.start, end: first.end, name: textOf(first) })
      skip()
      if (text[at] === '{') {
        at++
        const path = prefix + textOf(first)
        const part = nest(() => or(`${path}.`))
        skip()
        if (text[at] !== '}') fail('a brace is not closed')
        at++
        return { kind: 'nested', path, part }
      }
      return values(first, prefix, start)
    }
    if (sign === '<' || sign === '>') {
      const inclusive = text[at + 1] === '='
      at += inclusive ? 2 : 1
      fields.push({ start: first.start, end: first.end, name: textOf(first) })
      skip()
      const value = literal()
      if (value === undefined) return fail('a value is missing')
      const bound = { value: textOf(value), inclusive }
      return make(first, prefix, { op: 'range', from: sign === '>' ? bound : undefined, to: sign === '<' ? bound : undefined }, start)
    }
    at = behind
    return make(undefined, prefix, testOf(first), start)
  }

  return {
    fields,
    query(): Filter {
      skip()
      if (at === text.length) return everything
      const filter = or('')
      skip()
      if (at < text.length) fail(`${text[at]} is not expected here`)
      return filter
    },
  }
}
