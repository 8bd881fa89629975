/**
 * Lucene's classic query syntax, as `query_string` of Elasticsearch and Grafana's data source read it. There is no precedence of `AND` over `OR`:
 * each clause is required, optional or prohibited, by the operators on both sides of it.
 */

import {
  allOf,
  anyOf,
  type Bound,
  deepestFilter,
  everything,
  type FieldSpan,
  type Filter,
  isThere,
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

export interface LuceneOptions {
  /** Of clauses with nothing between them; default `or`. */
  readonly defaultOperator?: 'and' | 'or' | undefined
  /** Fields of words without one; undefined: any field. */
  readonly defaultFields?: readonly string[] | undefined
}

interface Clause {
  readonly filter: Filter
  occur: 'must' | 'should' | 'not'
}

interface Word {
  readonly start: number
  readonly end: number
  readonly pieces: readonly WildcardPiece[]
}

const blanks = ' \t\n\r\u3000'
const notInTerms = `${blanks}!():^[]"{}~/`

/** Parses a query. `ok: false` for what is none, with the place of the fault. Takes time in proportion to its length. */
export function parseLucene(text: string, options: LuceneOptions = {}): Parsed {
  return parsedBy(text, () => {
    const parser = createParser(text, options)
    return { filter: parser.query(), fields: parser.fields }
  })
}

function filterOf(clauses: readonly Clause[]): Filter {
  const of = (occur: Clause['occur']): Filter[] => clauses.filter((one) => one.occur === occur).map((one) => one.filter)
  const must = of('must')
  const should = of('should')
  const not = of('not').map(noneOf)
  // Optional clauses beside required ones only change the order of results.
  return allOf([...must, ...(must.length === 0 && should.length > 0 ? [anyOf(should)] : []), ...not])
}

function createParser(text: string, { defaultOperator = 'or', defaultFields }: LuceneOptions) {
  let at = 0
  let depth = 0
  let leaves = 0
  const fields: FieldSpan[] = []

  const fail = (why: string, where = at): never => {
    throw new SyntaxFault(why, where)
  }
  const isBlank = (place: number): boolean => place < text.length && blanks.includes(text[place] as string)
  const skip = (): void => {
    while (isBlank(at)) at++
  }
  const endsWord = (place: number): boolean => place >= text.length || isBlank(place) || '()'.includes(text[place] as string)

  function conjunction(): 'and' | 'or' | undefined {
    skip()
    if (text.startsWith('&&', at)) {
      at += 2
      return 'and'
    }
    if (text.startsWith('||', at)) {
      at += 2
      return 'or'
    }
    if (text.startsWith('AND', at) && endsWord(at + 3)) {
      at += 3
      return 'and'
    }
    if (text.startsWith('OR', at) && endsWord(at + 2)) {
      at += 2
      return 'or'
    }
    return undefined
  }

  function modifier(): 'must' | 'not' | undefined {
    skip()
    const sign = text[at]
    if (sign === '+') {
      at++
      return 'must'
    }
    if (sign === '-' || sign === '!') {
      at++
      return 'not'
    }
    if (text.startsWith('NOT', at) && endsWord(at + 3)) {
      at += 3
      return 'not'
    }
    return undefined
  }

  function clauses(field: string | undefined): Filter {
    if (++depth > deepestFilter) fail(`nested deeper than ${deepestFilter}`)
    const all: Clause[] = []
    for (;;) {
      const joined = conjunction()
      if (joined !== undefined && all.length === 0) fail('an operator without something before it')
      const mod = modifier()
      skip()
      if (at >= text.length || text[at] === ')') {
        if (joined !== undefined || mod !== undefined) fail('something is missing behind an operator')
        break
      }
      const last = all.at(-1)
      if (last !== undefined && last.occur !== 'not') {
        if (joined === 'and') last.occur = 'must'
        else if (joined === 'or' && defaultOperator === 'and') last.occur = 'should'
      }
      const filter = clause(field)
      const required = defaultOperator === 'or' ? mod === 'must' || joined === 'and' : joined !== 'or' || mod === 'must'
      all.push({ filter, occur: mod === 'not' ? 'not' : required ? 'must' : 'should' })
    }
    depth--
    if (all.length === 0) fail('there is nothing between brackets')
    return filterOf(all)
  }

  function escaped(): string {
    const read = readEscape(text, at)
    at = read.end
    return read.value
  }

  /** A term with its wildcards; undefined: none begins here. */
  function word(): Word | undefined {
    const start = at
    const pieces: WildcardPiece[] = []
    let value = ''
    while (at < text.length) {
      const variable = variableLength(text, at)
      const sign = text[at] as string
      if (variable > 0) {
        value += text.slice(at, at + variable)
        at += variable
      } else if (sign === '\\') value += escaped()
      else if (sign === '*' || sign === '?') {
        pieces.push(value, { sign: sign === '*' ? 'any' : 'one' })
        value = ''
        at++
      } else if (notInTerms.includes(sign) || (at === start && (sign === '+' || sign === '-'))) break
      else {
        value += sign
        at++
      }
    }
    if (at === start) return undefined
    return { start, end: at, pieces: joinPieces([...pieces, value]) }
  }

  const plain = (one: Word): string =>
    one.pieces.map((piece) => (typeof piece === 'string' ? piece : piece.sign === 'any' ? '*' : '?')).join('')
  const hasSign = (one: Word): boolean => one.pieces.some((piece) => typeof piece !== 'string')

  function quoted(): string {
    const read = readQuoted(text, at)
    at = read.end
    return read.value
  }

  /** `~2`, `~`: the number, or 0 where there is none; undefined: no tilde. */
  function tilde(): number | undefined {
    if (text[at] !== '~') return undefined
    at++
    const start = at
    while (/[0-9.]/.test(text[at] ?? '')) at++
    return start === at ? 2 : Number(text.slice(start, at))
  }

  function boost(): void {
    if (text[at] !== '^') return
    at++
    const start = at
    while (/[0-9.]/.test(text[at] ?? '')) at++
    if (start === at) fail('a number is missing behind ^')
  }

  function make(field: string | undefined, test: Test, start: number): Filter {
    if (++leaves > mostLeaves) fail(`more than ${mostLeaves} conditions`)
    const source = text.slice(start, at)
    if (field === '*') return test.op === 'exists' ? everything : leaf(undefined, test, source)
    if (field !== undefined) return leaf(field, test, source)
    if (test.op === 'exists') return everything
    if (defaultFields !== undefined) return anyOf(defaultFields.map((one) => leaf(one, test, source)))
    return leaf(undefined, test, source)
  }

  function boundOf(): string {
    skip()
    if (text[at] === '"') return quoted()
    let value = ''
    const start = at
    while (at < text.length && !blanks.includes(text[at] as string)) {
      const variable = variableLength(text, at)
      if (variable > 0) {
        value += text.slice(at, at + variable)
        at += variable
      } else if (']}'.includes(text[at] as string)) break
      else if (text[at] === '\\') value += escaped()
      else value += text[at++]
    }
    if (at === start) fail('an end of a range is missing')
    return value
  }

  function range(): Test {
    const opens = text[at] as string
    at++
    const low = boundOf()
    skip()
    if (text.startsWith('TO', at) && isBlank(at + 2)) at += 2
    const high = boundOf()
    skip()
    const closes = text[at]
    if (closes !== ']' && closes !== '}') fail('a range is not closed')
    at++
    const bound = (value: string, inclusive: boolean): Bound | undefined => (value === '*' ? undefined : { value, inclusive })
    return rangeTest(bound(low, opens === '['), bound(high, closes === ']'))
  }

  const rangeTest = (from: Bound | undefined, to: Bound | undefined): Test =>
    from === undefined && to === undefined ? { op: 'exists' } : { op: 'range', from, to }

  function regex(): string {
    const start = at++
    let pattern = ''
    for (;;) {
      const sign = text[at]
      if (sign === undefined) return fail('a regular expression is not closed; a slash that opens none has to be escaped', start)
      if (sign === '/') break
      if (sign === '\\' && text[at + 1] === '/') {
        pattern += '/'
        at += 2
      } else if (sign === '\\' && at + 1 < text.length) {
        pattern += text.slice(at, at + 2)
        at += 2
      } else {
        pattern += sign
        at++
      }
    }
    at++
    return pattern
  }

  /** `>10`, `>=10` behind a colon: Elasticsearch's own. */
  function comparison(field: string | undefined, start: number): Filter | undefined {
    const sign = text[at]
    if (field === undefined || (sign !== '>' && sign !== '<')) return undefined
    const inclusive = text[at + 1] === '='
    at += inclusive ? 2 : 1
    const value = text[at] === '"' ? quoted() : boundOfTerm()
    const bound = { value, inclusive }
    return make(field, rangeTest(sign === '>' ? bound : undefined, sign === '<' ? bound : undefined), start)
  }

  function boundOfTerm(): string {
    // A number below 0 begins with a sign that terms do not begin with.
    const minus = text[at] === '-' ? '-' : ''
    at += minus.length
    const value = word()
    return value === undefined ? fail('a value is missing') : minus + plain(value)
  }

  function term(field: string | undefined, start: number): Filter {
    const sign = text[at]
    if (sign === '"') {
      const words = quoted()
      const slop = tilde()
      boost()
      return field === '_exists_' ? isThere(words, text.slice(start, at)) : make(field, valueTest(words, true, slop ?? 0), start)
    }
    if ((sign === '[' && variableLength(text, at) === 0) || sign === '{') {
      const test = range()
      boost()
      return make(field, test, start)
    }
    if (sign === '/') {
      const pattern = regex()
      boost()
      return make(field, { op: 'regex', pattern, ignoreCase: false }, start)
    }
    const compared = comparison(field, start)
    if (compared !== undefined) {
      boost()
      return compared
    }
    // `f:-1` is what Elasticsearch refuses and people write.
    const minus = field !== undefined && sign === '-' && /[0-9]/.test(text[at + 1] ?? '') ? '-' : ''
    at += minus.length
    const found = word()
    if (found === undefined) return fail(sign === undefined ? 'something is missing at the end' : `${sign} is not expected here`)
    const fuzzy = tilde()
    boost()
    if (field === '_exists_') {
      fields.push({ start: found.start, end: found.end, name: plain(found) })
      return isThere(plain(found), text.slice(start, at))
    }
    if (fuzzy !== undefined && fuzzy !== 0) return make(field, { op: 'fuzzy', text: plain(found) }, start)
    return make(field, hasSign(found) ? wildcardTest(found.pieces) : valueTest(minus + plain(found), false), start)
  }

  function clause(field: string | undefined): Filter {
    const start = at
    if (text[at] === '(') return group(field)
    if (!'"[{/'.includes(text[at] as string) || variableLength(text, at) > 0) {
      const first = word()
      if (first !== undefined && text[at] === ':') {
        const name = plain(first)
        at++
        skip()
        if (name !== '*' && name !== '_exists_') fields.push({ start: first.start, end: first.end, name })
        return text[at] === '(' ? group(name) : term(name, start)
      }
      at = start
    }
    return term(field, start)
  }

  function group(field: string | undefined): Filter {
    at++
    const inner = clauses(field)
    skip()
    if (text[at] !== ')') fail('a bracket is not closed')
    at++
    boost()
    return inner
  }

  return {
    fields,
    query(): Filter {
      skip()
      if (at === text.length) return everything
      const filter = clauses(undefined)
      if (at < text.length) fail(`${text[at]} is not expected here`)
      return filter
    },
  }
}
