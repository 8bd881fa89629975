/**
 * Conditions of ES|QL. What compares with an absent value is neither true nor false there, so that `f != "x"` and `NOT f == "x"` ask for the field as
 * well; full-text functions are true or false.
 */

import type { EsqlToken } from './esql-tokens.ts'
import { parseKql } from './kql.ts'
import { parseLucene } from './lucene.ts'
import {
  allOf,
  anyOf,
  type Bound,
  deepestFilter,
  everything,
  type Filter,
  isBetween,
  isOneOf,
  isThere,
  type Leaf,
  leaf,
  mostLeaves,
  noneOf,
  nothing,
  type Parsed,
  SyntaxFault,
} from './model.ts'
import { piecesOf, wildcardTest } from './values.ts'

/** A place in a list of tokens. */
export interface Reader {
  readonly tokens: readonly EsqlToken[]
  at: number
}

export const peek = ({ tokens, at }: Reader): EsqlToken => tokens[at] ?? (tokens.at(-1) as EsqlToken)
export const isWord = (token: EsqlToken, word: string): boolean => token.kind === 'name' && token.text.toUpperCase() === word
export const isSign = (token: EsqlToken, sign: string): boolean => token.kind === 'sign' && token.text === sign

export function take(reader: Reader, sign: string): boolean {
  if (!isSign(peek(reader), sign)) return false
  reader.at++
  return true
}

export function takeWord(reader: Reader, word: string): boolean {
  if (!isWord(peek(reader), word)) return false
  reader.at++
  return true
}

export const fail = (reader: Reader, why: string): never => {
  throw new SyntaxFault(why, peek(reader).at)
}

export function expect(reader: Reader, sign: string): void {
  if (!take(reader, sign)) fail(reader, `${sign} is missing`)
}

type Operand =
  | { readonly kind: 'field'; readonly name: string; readonly ignoreCase: boolean }
  | { readonly kind: 'value'; readonly value: string; readonly isNull: boolean }
  | { readonly kind: 'foreign'; readonly what: string }

const flipped: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=', '==': '==', '!=': '!=' }

/** Reads a condition up to what is none. `uses` gets the names of fields. */
export function readCondition(reader: Reader, uses: Set<string>): Filter {
  let leaves = 0
  let depth = 0

  function count<T>(one: T): T {
    if (++leaves > mostLeaves) fail(reader, `more than ${mostLeaves} conditions`)
    return one
  }

  function nest(parse: () => Filter): Filter {
    if (++depth > deepestFilter) fail(reader, `nested deeper than ${deepestFilter}`)
    const filter = parse()
    depth--
    return filter
  }

  function or(negated: boolean): Filter {
    const parts = [and(negated)]
    while (takeWord(reader, 'OR')) parts.push(and(negated))
    return negated ? allOf(parts) : anyOf(parts)
  }

  function and(negated: boolean): Filter {
    const parts = [not(negated)]
    while (takeWord(reader, 'AND')) parts.push(not(negated))
    return negated ? anyOf(parts) : allOf(parts)
  }

  function not(negated: boolean): Filter {
    if (takeWord(reader, 'NOT')) return nest(() => not(!negated))
    if (isSign(peek(reader), '(')) {
      reader.at++
      const inner = nest(() => or(negated))
      expect(reader, ')')
      return inner
    }
    return predicate(negated)
  }

  /** A leaf of a field, or its opposite among the documents that have the field. */
  const about = (given: Leaf, negated: boolean): Filter => {
    const one: Leaf = { ...given, isWhole: true }
    if (one.field !== undefined) uses.add(one.field)
    count(one)
    return negated ? allOf([noneOf(one), ...(one.field === undefined ? [] : [isThere(one.field)])]) : one
  }

  const foreign = (what: string, text: string): Filter => count(leaf(undefined, { op: 'unsupported', what }, text))

  function predicate(negated: boolean): Filter {
    const start = peek(reader)
    if (start.kind === 'name' && isSign(reader.tokens[reader.at + 1] ?? start, '(')) {
      const full = fullText(start.text.toUpperCase(), negated)
      if (full !== undefined) return full
    }
    const left = operand()
    if (takeWord(reader, 'IS')) {
      const isNot = takeWord(reader, 'NOT')
      if (!takeWord(reader, 'NULL')) fail(reader, 'NULL is missing')
      if (left.kind !== 'field') return foreign('a computed value', 'IS NULL')
      uses.add(left.name)
      const there = count(isThere(left.name))
      return isNot !== negated ? there : noneOf(there)
    }
    const opposite = takeWord(reader, 'NOT') !== negated
    if (takeWord(reader, 'IN')) return inList(left, opposite)
    if (takeWord(reader, 'LIKE')) return pattern(left, opposite, 'LIKE')
    if (takeWord(reader, 'RLIKE')) return pattern(left, opposite, 'RLIKE')
    if (take(reader, ':')) {
      const right = operand()
      if (left.kind !== 'field' || right.kind !== 'value') return foreign('a computed value', ':')
      uses.add(left.name)
      const one = count(leaf(left.name, { op: 'match', words: right.value, all: false }, `${left.name}: ${right.value}`))
      return opposite ? noneOf(one) : one
    }
    return comparison(left, opposite)
  }

  function comparison(left: Operand, negated: boolean): Filter {
    const sign = peek(reader)
    if (sign.kind !== 'sign' || flipped[sign.text] === undefined) {
      if (left.kind === 'value' && (left.value === 'true' || left.value === 'false'))
        return (left.value === 'true') !== negated ? everything : nothing
      if (left.kind === 'field') return about(isOneOf(left.name, ['true']), negated)
      return foreign(left.kind === 'foreign' ? left.what : 'a value alone', left.kind === 'foreign' ? left.what : '')
    }
    reader.at++
    const right = operand()
    if (left.kind === 'value' && right.kind === 'field') return compare(right, flipped[sign.text] ?? '==', left, negated)
    if (left.kind === 'field') return compare(left, sign.text, right, negated)
    return foreign(left.kind === 'foreign' ? left.what : 'a computed value', sign.text)
  }

  function compare(field: Extract<Operand, { kind: 'field' }>, op: string, right: Operand, negated: boolean): Filter {
    const text = `${field.name} ${op} ${right.kind === 'value' ? right.value : '…'}`
    if (right.kind !== 'value') return foreign(right.kind === 'foreign' ? right.what : 'two fields of a document', text)
    if (right.isNull) return nothing
    if (op === '==' || op === '!=') {
      const test = field.ignoreCase
        ? ({ op: 'wildcard', pieces: [right.value], ignoreCase: true } as const)
        : ({ op: 'term', values: [right.value] } as const)
      return about(leaf(field.name, test, text), (op === '!=') !== negated)
    }
    const bound: Bound = { value: right.value, inclusive: op.endsWith('=') }
    return about(isBetween(field.name, op.startsWith('>') ? bound : undefined, op.startsWith('<') ? bound : undefined, text), negated)
  }

  function inList(left: Operand, negated: boolean): Filter {
    expect(reader, '(')
    const values: Operand[] = []
    do values.push(operand())
    while (take(reader, ','))
    expect(reader, ')')
    if (left.kind !== 'field' || !values.every((one) => one.kind === 'value')) return foreign('a computed value', 'IN')
    const texts = values.flatMap((one) => (one.kind === 'value' && !one.isNull ? [one.value] : []))
    return about(isOneOf(left.name, texts, `${left.name} IN (${texts.join(', ')})`), negated)
  }

  function pattern(left: Operand, negated: boolean, word: string): Filter {
    const several = take(reader, '(')
    const values: string[] = []
    do {
      const one = peek(reader)
      if (one.kind !== 'text') fail(reader, `a pattern is missing behind ${word}`)
      values.push(one.text)
      reader.at++
    } while (several && take(reader, ','))
    if (several) expect(reader, ')')
    if (left.kind !== 'field') return foreign('a computed value', word)
    const all = values.map((value) =>
      leaf(
        left.name,
        word === 'LIKE' ? wildcardTest(piecesOf(value), left.ignoreCase) : { op: 'regex', pattern: value, ignoreCase: left.ignoreCase },
        `${left.name} ${word} ${value}`,
      ),
    )
    return negated ? allOf(all.map((one) => about(one, true))) : anyOf(all.map((one) => about(one, false)))
  }

  /** Functions that are conditions themselves; undefined: it is none of them. */
  function fullText(name: string, negated: boolean): Filter | undefined {
    if (!['MATCH', 'MATCH_PHRASE', 'QSTR', 'KQL', 'CIDR_MATCH', 'STARTS_WITH', 'ENDS_WITH'].includes(name)) return undefined
    reader.at += 2
    const args: Operand[] = []
    if (!isSign(peek(reader), ')')) {
      do args.push(operand())
      while (take(reader, ','))
    }
    expect(reader, ')')
    const [first, second] = args
    if (name === 'QSTR' || name === 'KQL') {
      const text = first?.kind === 'value' ? first.value : ''
      const parsed: Parsed = name === 'KQL' ? parseKql(text) : parseLucene(text)
      if (!parsed.ok) return fail(reader, `${parsed.why}, in ${name}`)
      for (const one of parsed.fields) uses.add(one.name)
      return negated ? noneOf(parsed.filter) : parsed.filter
    }
    if (first?.kind !== 'field' || second?.kind !== 'value') return foreign('a computed value', name)
    const field = first.name
    const text = `${name}(${field}, ${second.value})`
    uses.add(field)
    if (name === 'MATCH' || name === 'MATCH_PHRASE') {
      const test =
        name === 'MATCH'
          ? ({ op: 'match', words: second.value, all: false } as const)
          : ({ op: 'phrase', words: second.value, slop: 0, prefix: false } as const)
      const one = count(leaf(field, test, text))
      return negated ? noneOf(one) : one
    }
    if (name === 'CIDR_MATCH') {
      const blocks = args.slice(1).flatMap((one) => (one.kind === 'value' ? [leaf(field, { op: 'cidr', block: one.value }, text)] : []))
      return negated ? allOf(blocks.map((one) => about(one, true))) : anyOf(blocks.map((one) => about(one, false)))
    }
    const isStart = name === 'STARTS_WITH'
    const test = isStart
      ? ({ op: 'prefix', text: second.value, ignoreCase: first.ignoreCase } as const)
      : ({ op: 'wildcard', pieces: [{ sign: 'any' }, second.value], ignoreCase: first.ignoreCase } as const)
    return about(leaf(field, test, text), negated)
  }

  function operand(): Operand {
    const token = peek(reader)
    if (token.kind === 'text') {
      reader.at++
      return cast({ kind: 'value', value: token.text, isNull: false })
    }
    if (isSign(token, '-') || token.kind === 'number') {
      const minus = take(reader, '-') ? '-' : ''
      const number = peek(reader)
      if (number.kind !== 'number') fail(reader, 'a number is missing')
      reader.at++
      return computed({ kind: 'value', value: minus + number.text, isNull: false })
    }
    if (isSign(token, '?')) {
      reader.at += 2
      return { kind: 'value', value: 'now', isNull: false }
    }
    if (token.kind !== 'name') return fail(reader, `${token.text === '' ? 'the end' : token.text} is not expected here`)
    reader.at++
    const word = token.text.toUpperCase()
    if (isSign(peek(reader), '(')) return called(word)
    if (word === 'NULL') return { kind: 'value', value: '', isNull: true }
    if (word === 'TRUE' || word === 'FALSE') return { kind: 'value', value: word.toLowerCase(), isNull: false }
    return computed(cast({ kind: 'field', name: token.text, ignoreCase: false }))
  }

  /** `f::keyword` */
  function cast(one: Operand): Operand {
    if (isSign(peek(reader), ':') && isSign(reader.tokens[reader.at + 1] ?? peek(reader), ':')) reader.at += 3
    return one
  }

  function called(word: string): Operand {
    expect(reader, '(')
    if (word === 'NOW') {
      expect(reader, ')')
      return computed({ kind: 'value', value: 'now', isNull: false })
    }
    if (['TO_LOWER', 'TO_UPPER', 'TO_STRING', 'TO_DATETIME', 'TO_IP', 'TO_LONG', 'TO_INTEGER', 'TO_DOUBLE'].includes(word)) {
      if (++depth > deepestFilter) fail(reader, `nested deeper than ${deepestFilter}`)
      const inner = operand()
      depth--
      expect(reader, ')')
      return inner.kind === 'field' && /LOWER|UPPER/.test(word) ? { ...inner, ignoreCase: true } : inner
    }
    let open = 1
    while (open > 0) {
      const token = peek(reader)
      if (token.kind === 'end') fail(reader, 'a bracket is not closed')
      if (isSign(token, '(')) open++
      if (isSign(token, ')')) open--
      reader.at++
    }
    return { kind: 'foreign', what: `the function ${word}` }
  }

  /** Arithmetic: of the current time it is a time, of all else it is none of ours. */
  function computed(one: Operand): Operand {
    let found = one
    while (['+', '-', '*', '/', '%'].some((sign) => isSign(peek(reader), sign))) {
      reader.at++
      const next = peek(reader)
      if (next.kind !== 'number' && next.kind !== 'name' && next.kind !== 'text') return fail(reader, 'a value is missing')
      reader.at++
      // `1 hour`
      if (
        next.kind === 'number' &&
        peek(reader).kind === 'name' &&
        /^[a-z]+$/i.test(peek(reader).text) &&
        !/^(and|or)$/i.test(peek(reader).text)
      )
        reader.at++
      found = found.kind === 'value' && found.value.startsWith('now') ? found : { kind: 'foreign', what: 'a computed value' }
    }
    return found
  }

  return or(false)
}
