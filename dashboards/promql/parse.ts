/** PromQL → {@link Expr}, by the grammar of Prometheus' own editor. */

import type { SyntaxNode, Tree } from '@lezer/common'
import { parser } from '@prometheus-io/lezer-promql'
import type { Aggregate, Binary, Call, Expr, Matcher, MatchOperator, Name, Names, Selector, Span, StringLiteral } from './ast.ts'
import { decodeString } from './strings.ts'

/** Expressions inside each other, and operators in a row. */
const deepest = 400

/** UTF-16 units of a query. */
export const longestQuery = 64 * 1024

/** Why a text is not taken for an expression. */
export type ParseFault = 'syntax' | 'depth' | 'length'

/** Thrown inside, never out. */
class Fault extends Error {
  readonly fault: ParseFault

  constructor(fault: ParseFault) {
    super(fault)
    this.fault = fault
  }
}

/** Deeper than this not even the tree is looked at. */
function check(tree: Tree): void {
  let depth = 0
  const cursor = tree.cursor()
  for (;;) {
    if (cursor.type.isError) throw new Fault('syntax')
    if (cursor.firstChild()) {
      if (++depth > deepest * 3) throw new Fault('depth')
      continue
    }
    while (!cursor.nextSibling()) {
      if (!cursor.parent()) return
      depth--
    }
  }
}

const childrenOf = (node: SyntaxNode): SyntaxNode[] => {
  const children: SyntaxNode[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) if (child.name !== 'LineComment') children.push(child)
  return children
}

const spanOf = ({ from, to }: SyntaxNode): Span => ({ start: from, end: to })

const units: Readonly<Record<string, number>> = { y: 31_536_000, w: 604_800, d: 86_400, h: 3600, m: 60, s: 1, ms: 0.001 }

/** Seconds of a duration, or a number as it is; NaN: neither, as sums of durations are. */
export function numberOf(text: string): number {
  const plain = text.replaceAll('_', '').trim()
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(plain) || /^0x[0-9a-f]+$/i.test(plain)) return Number(plain)
  if (/^[+-]?inf$/i.test(plain)) return plain.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (!/^(?:\d+(?:ms|[ywdhms]))+$/.test(plain)) return Number.NaN
  let seconds = 0
  for (const [, amount, unit = 's'] of plain.matchAll(/(\d+)(ms|[ywdhms])/g)) seconds += Number(amount) * (units[unit] ?? Number.NaN)
  return seconds
}

/** Builds expressions of nodes of one text. */
class Builder {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  slice({ from, to }: SyntaxNode): string {
    return this.text.slice(from, to)
  }

  string(node: SyntaxNode): StringLiteral {
    const value = decodeString(this.slice(node))
    if (value === undefined) throw new Fault('syntax')
    return { kind: 'string', ...spanOf(node), value }
  }

  /** Of `LabelName`, `QuotedLabelName`, `Identifier`. */
  name(node: SyntaxNode): Name {
    if (node.name !== 'QuotedLabelName') return { ...spanOf(node), name: this.slice(node), isQuoted: false }
    const literal = this.string(node.firstChild ?? node)
    return { ...spanOf(node), name: literal.value, isQuoted: true }
  }

  names(node: SyntaxNode): Names {
    return { ...spanOf(node), names: childrenOf(node).map((child) => this.name(child)) }
  }

  matcher(node: SyntaxNode): Matcher {
    const [label, operator, value] = childrenOf(node)
    if (label === undefined || operator === undefined || value === undefined) throw new Fault('syntax')
    return {
      ...spanOf(node),
      label: this.name(label),
      operator: this.slice(operator) as MatchOperator,
      operatorAt: spanOf(operator),
      value: this.string(value),
    }
  }

  selector(node: SyntaxNode): Selector {
    let name: Name | undefined
    let braces: Span | undefined
    const matchers: Matcher[] = []
    const elements: Span[] = []
    for (const child of childrenOf(node)) {
      if (child.name === 'Identifier') name = this.name(child)
      if (child.name !== 'LabelMatchers') continue
      braces = spanOf(child)
      for (const element of childrenOf(child)) {
        elements.push(spanOf(element))
        if (element.name === 'QuotedLabelName') {
          if (name !== undefined && !isBlank(name.name) && !isBlank(this.name(element).name)) throw new Fault('syntax')
          name ??= this.name(element)
        } else matchers.push(this.matcher(element))
      }
    }
    return { kind: 'selector', ...spanOf(node), name, matchers, braces, elements }
  }

  args(node: SyntaxNode, depth: number): Expr[] {
    return childrenOf(node).map((child) => this.expr(child, depth))
  }

  call(node: SyntaxNode, depth: number): Call {
    const [name, body] = childrenOf(node)
    if (name === undefined || body === undefined) throw new Fault('syntax')
    return { kind: 'call', ...spanOf(node), name: this.slice(name), nameAt: spanOf(name), args: this.args(body, depth) }
  }

  aggregate(node: SyntaxNode, depth: number): Aggregate {
    const children = childrenOf(node)
    const op = children.find(({ name }) => name === 'AggregateOp')
    const body = children.find(({ name }) => name === 'FunctionCallBody')
    const modifier = children.find(({ name }) => name === 'AggregateModifier')
    if (op === undefined || body === undefined) throw new Fault('syntax')
    const [keyword, labels] = modifier === undefined ? [] : childrenOf(modifier)
    return {
      kind: 'aggregate',
      ...spanOf(node),
      op: this.slice(op).toLowerCase(),
      opAt: spanOf(op),
      modifier:
        modifier === undefined || keyword === undefined || labels === undefined
          ? undefined
          : { kind: keyword.name === 'By' ? 'by' : 'without', at: spanOf(modifier), labels: this.names(labels) },
      body: spanOf(body),
      args: this.args(body, depth),
    }
  }

  matching(node: SyntaxNode): Binary['matching'] {
    const [keyword, labels, group, include] = childrenOf(node)
    if (keyword === undefined || labels === undefined) throw new Fault('syntax')
    return {
      ...spanOf(node),
      kind: keyword.name === 'On' ? 'on' : 'ignoring',
      labels: this.names(labels),
      group: group === undefined ? undefined : group.name === 'GroupLeft' ? 'left' : 'right',
      include: include === undefined ? undefined : this.names(include),
    }
  }

  binary(node: SyntaxNode, depth: number): Binary {
    const children = childrenOf(node)
    const [left, op] = children
    const right = children.at(-1)
    if (left === undefined || op === undefined || right === undefined || children.length < 3) throw new Fault('syntax')
    const matching = children.find(({ name }) => name === 'MatchingModifierClause')
    return {
      kind: 'binary',
      ...spanOf(node),
      op: this.slice(op).toLowerCase(),
      opAt: spanOf(op),
      isBool: children.some(({ name }) => name === 'BoolModifier'),
      left: this.expr(left, depth),
      right: this.expr(right, depth),
      matching: matching === undefined ? undefined : this.matching(matching),
    }
  }

  expr(node: SyntaxNode, above: number): Expr {
    const depth = above + 1
    if (depth > deepest) throw new Fault('depth')
    const span = spanOf(node)
    const inner = (): Expr => {
      const child = childrenOf(node).find(({ name }) => name !== 'UnaryOp')
      if (child === undefined) throw new Fault('syntax')
      return this.expr(child, depth)
    }
    switch (node.name) {
      case 'VectorSelector':
        return this.selector(node)
      case 'MatrixSelector':
      case 'SubqueryExpr': {
        const range = childrenOf(node)[1]
        if (range === undefined) throw new Fault('syntax')
        return { kind: node.name === 'MatrixSelector' ? 'matrix' : 'subquery', ...span, inner: inner(), range: spanOf(range) }
      }
      case 'OffsetExpr':
        return { kind: 'modified', ...span, inner: inner(), how: 'offset' }
      case 'StepInvariantExpr':
        return { kind: 'modified', ...span, inner: inner(), how: 'at' }
      case 'AnchoredExpr':
      case 'SmoothedExpr':
        return { kind: 'modified', ...span, inner: inner(), how: 'other' }
      case 'FunctionCall':
        return this.call(node, depth)
      case 'AggregateExpr':
        return this.aggregate(node, depth)
      case 'BinaryExpr':
        return this.binary(node, depth)
      case 'UnaryExpr':
        return { kind: 'unary', ...span, inner: inner() }
      case 'ParenExpr':
        return { kind: 'paren', ...span, inner: inner() }
      case 'NumberDurationLiteral':
        return { kind: 'number', ...span, value: numberOf(this.slice(node)) }
      case 'StringLiteral':
        return this.string(node)
      default:
        throw new Fault('syntax')
    }
  }
}

const strict = parser.configure({ strict: true })

/** Without mending, which takes long for what is no query at all. */
function parseStrictly(text: string): Tree {
  try {
    return strict.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault('syntax')
    throw error
  }
}

/** The mask of matchers in a variable. */
const isBlank = (text: string): boolean => /^_*$/.test(text)

/** Parses a text without variables. Linear; what the grammar mends is a fault, and an empty text is one, too. */
export function parsePromql(text: string): Expr | ParseFault {
  if (text.length > longestQuery) return 'length'
  try {
    const tree = parseStrictly(text)
    check(tree)
    const [root, more] = childrenOf(tree.topNode)
    if (root === undefined || more !== undefined) return 'syntax'
    return new Builder(text).expr(root, 0)
  } catch (error) {
    if (error instanceof Fault) return error.fault
    throw error
  }
}
