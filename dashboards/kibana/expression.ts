/**
 * Arithmetic as Kibana writes it: formulas of Lens (`100 * count(kql='a : 1') / count()`), TSVB's `math` and `calculation`
 * (`params.n > 0 ? params.a / params.n : null`). Parsed, never run.
 */

export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'null' }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[]; readonly named: ReadonlyMap<string, string> }
  | { readonly kind: 'binary'; readonly op: BinaryOperator; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'minus'; readonly of: Expression }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'choice'; readonly condition: Expression; readonly then: Expression; readonly else: Expression }

export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '^' | '>' | '>=' | '<' | '<=' | '==' | '!=' | '&&' | '||'

export type ParsedExpression =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly why: string; readonly at: number }

const maxLength = 64 * 1024
const maxDepth = 100

interface Token {
  readonly kind: 'number' | 'text' | 'name' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

const signs = ['===', '!==', '&&', '||', '>=', '<=', '==', '!=', '+', '-', '*', '/', '%', '^', '>', '<', '(', ')', ',', '=', '?', ':', '!']

class Unreadable extends Error {
  readonly at: number
  constructor(why: string, at: number) {
    super(why)
    this.at = at
  }
}

/** A text in quotes from `start` on; a backslash takes the next sign as it is. */
function quoted(source: string, start: number): { readonly text: string; readonly end: number } {
  const quote = source[start]
  let text = ''
  for (let at = start + 1; at < source.length; at++) {
    const sign = source[at]
    if (sign === '\\' && at + 1 < source.length) text += source[++at] === 'n' ? '\n' : source[at]
    else if (sign === quote) return { text, end: at + 1 }
    else text += sign
  }
  throw new Unreadable('a quote is not closed', start)
}

const numberAt = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const nameAt = /[\p{L}_@$][\p{L}\p{N}_@$.]*/uy

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < source.length) {
    const sign = source[at] ?? ''
    if (sign.trim() === '') {
      at++
      continue
    }
    if (sign === '"' || sign === "'") {
      const { text, end } = quoted(source, at)
      tokens.push({ kind: 'text', text, at })
      at = end
      continue
    }
    numberAt.lastIndex = at
    const number = numberAt.exec(source)
    nameAt.lastIndex = at
    const name = number === null ? nameAt.exec(source) : null
    const found = number ?? name
    if (found !== null) {
      tokens.push({ kind: number === null ? 'name' : 'number', text: found[0], at })
      at += found[0].length
      continue
    }
    const start = at
    const operator = signs.find((each) => source.startsWith(each, start))
    if (operator === undefined) throw new Unreadable(`${JSON.stringify(sign)} is not understood`, at)
    tokens.push({ kind: 'sign', text: operator, at })
    at += operator.length
  }
  tokens.push({ kind: 'end', text: '', at })
  return tokens
}

/** From loosest to tightest; `^` binds to the right, before these. */
const levels: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!=', '===', '!=='],
  ['>', '>=', '<', '<='],
  ['+', '-'],
  ['*', '/', '%'],
]

const spelled = (text: string): BinaryOperator => (text === '===' ? '==' : text === '!==' ? '!=' : text) as BinaryOperator

class Reader {
  private readonly tokens: readonly Token[]
  private position = 0
  private depth = 0

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens
  }

  private get token(): Token {
    return this.tokens[this.position] ?? { kind: 'end', text: '', at: 0 }
  }

  private isSign(text: string): boolean {
    return this.token.kind === 'sign' && this.token.text === text
  }

  private take(text: string): void {
    if (!this.isSign(text)) throw new Unreadable(`expected ${JSON.stringify(text)}`, this.token.at)
    this.position++
  }

  whole(): Expression {
    const expression = this.choice()
    if (this.token.kind !== 'end') throw new Unreadable(`${JSON.stringify(this.token.text)} is not expected`, this.token.at)
    return expression
  }

  private choice(): Expression {
    if (++this.depth > maxDepth) throw new Unreadable('it nests too deep', this.token.at)
    const condition = this.level(0)
    let result = condition
    if (this.isSign('?')) {
      this.position++
      const then = this.choice()
      this.take(':')
      result = { kind: 'choice', condition, then, else: this.choice() }
    }
    this.depth--
    return result
  }

  private level(index: number): Expression {
    const operators = levels[index]
    if (operators === undefined) return this.unary()
    let left = this.level(index + 1)
    while (this.token.kind === 'sign' && operators.includes(this.token.text)) {
      const op = spelled(this.token.text)
      this.position++
      left = { kind: 'binary', op, left, right: this.level(index + 1) }
    }
    return left
  }

  private unary(): Expression {
    if (++this.depth > maxDepth) throw new Unreadable('it nests too deep', this.token.at)
    let result: Expression
    if (this.isSign('-')) {
      this.position++
      result = { kind: 'minus', of: this.unary() }
    } else if (this.isSign('+')) {
      this.position++
      result = this.unary()
    } else if (this.isSign('!')) {
      this.position++
      result = { kind: 'not', of: this.unary() }
    } else {
      result = this.primary()
      if (this.isSign('^')) {
        this.position++
        result = { kind: 'binary', op: '^', left: result, right: this.unary() }
      }
    }
    this.depth--
    return result
  }

  private primary(): Expression {
    const { kind, text, at } = this.token
    if (kind === 'number') {
      this.position++
      return { kind: 'number', value: Number(text) }
    }
    if (kind === 'text') {
      this.position++
      return { kind: 'text', value: text }
    }
    if (kind === 'name') {
      this.position++
      if (this.isSign('(')) return this.call(text)
      return text === 'null' ? { kind: 'null' } : { kind: 'name', name: text }
    }
    if (this.isSign('(')) {
      this.position++
      const inside = this.choice()
      this.take(')')
      return inside
    }
    throw new Unreadable(kind === 'end' ? 'it ends too early' : `${JSON.stringify(text)} is not expected`, at)
  }

  private plainValue(key: string): string {
    const { kind, text, at } = this.token
    if (kind === 'sign' || kind === 'end') throw new Unreadable(`${key} has no value`, at)
    this.position++
    return text
  }

  private call(name: string): Expression {
    this.take('(')
    const args: Expression[] = []
    const named = new Map<string, string>()
    while (!this.isSign(')')) {
      if (args.length + named.size > 0) this.take(',')
      const next = this.tokens[this.position + 1]
      if (this.token.kind === 'name' && next?.kind === 'sign' && next.text === '=') {
        const key = this.token.text
        this.position += 2
        named.set(key, this.plainValue(key))
      } else args.push(this.choice())
    }
    this.take(')')
    return { kind: 'call', name, args, named }
  }
}

/** Parses a formula or a script. Never throws; limits: 64 KiB, 100 levels. */
export function parseExpression(source: string): ParsedExpression {
  if (source.length > maxLength) return { ok: false, why: 'it is longer than 64 KiB', at: 0 }
  try {
    return { ok: true, expression: new Reader(tokensOf(source)).whole() }
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, why: error.message, at: error.at }
    throw error
  }
}
