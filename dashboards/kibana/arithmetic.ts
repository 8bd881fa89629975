/** Parsed arithmetic → the neutral value of a question to logs: the `bucket_script, formula, math` row of section 7.4. */

import type { Value } from '../logql/query.ts'
import type { BinaryOperator, Expression } from './expression.ts'

/** What names and calls of an expression stand for. */
export interface Meanings {
  /** Undefined: unknown. */
  name(name: string): Value | undefined
  /** Whether a name is the length of a bucket in milliseconds. */
  isInterval?(name: string): boolean
  /** Aggregations of formulas; undefined: none of them. */
  call(call: Extract<Expression, { readonly kind: 'call' }>, valueIn: (expression: Expression) => Value): Value | undefined
}

const unsupported = (text: string, why: string): Value => ({ kind: 'unsupported', text, why })

/** An expression as text, for messages. */
function shown(expression: Expression): string {
  switch (expression.kind) {
    case 'number':
      return String(expression.value)
    case 'text':
      return JSON.stringify(expression.value)
    case 'name':
      return expression.name
    case 'null':
      return 'null'
    case 'call':
      return `${expression.name}(…)`
    default:
      return '…'
  }
}

const isArithmetic = (op: BinaryOperator): op is '+' | '-' | '*' | '/' | '%' | '^' => ['+', '-', '*', '/', '%', '^'].includes(op)

const isComparison = (op: BinaryOperator): op is '>' | '>=' | '<' | '<=' | '==' | '!=' => ['>', '>=', '<', '<=', '==', '!='].includes(op)

/** `a && b && c` → its parts. */
function conjunctsOf(expression: Expression): readonly Expression[] {
  return expression.kind === 'binary' && expression.op === '&&'
    ? [...conjunctsOf(expression.left), ...conjunctsOf(expression.right)]
    : [expression]
}

const isNothing = (expression: Expression): boolean => expression.kind === 'null'

/** `x != null`: a value that is absent makes the result absent anyway. */
const isNullCheck = (expression: Expression): boolean =>
  expression.kind === 'binary' && expression.op === '!=' && expression.right.kind === 'null' && expression.left.kind === 'name'

/** `x > 0` with a name. */
function positiveName(expression: Expression): string | undefined {
  if (expression.kind !== 'binary' || expression.op !== '>' || expression.left.kind !== 'name') return undefined
  return expression.right.kind === 'number' && expression.right.value === 0 ? expression.left.name : undefined
}

const functions: ReadonlyMap<string, Extract<Value, { readonly kind: 'function' }>['name']> = new Map([
  ['abs', 'abs'],
  ['round', 'round'],
  ['floor', 'floor'],
  ['ceil', 'ceil'],
  ['sqrt', 'sqrt'],
  ['log', 'ln'],
  ['exp', 'exp'],
])

const spelledOut: ReadonlyMap<string, BinaryOperator> = new Map([
  ['add', '+'],
  ['subtract', '-'],
  ['multiply', '*'],
  ['divide', '/'],
  ['mod', '%'],
  ['pow', '^'],
  ['gt', '>'],
  ['gte', '>='],
  ['lt', '<'],
  ['lte', '<='],
  ['eq', '=='],
])

/** What came out, and what of the expression is only kept in part. */
export interface Arithmetic {
  readonly value: Value
  /** Clauses that say what differs. */
  readonly differs: readonly string[]
}

/** Builds the value. Whatever has no meaning becomes `unsupported` at its place. Depth is that of the parsed expression, which is limited. */
export function valueOfExpression(expression: Expression, meanings: Meanings): Arithmetic {
  const differs: string[] = []
  const positives = new Set<string>()

  const isInterval = (expression: Expression): boolean => expression.kind === 'name' && (meanings.isInterval?.(expression.name) ?? false)

  /** `x ÷ length of a bucket in ms`. */
  const perBucket = (left: Expression): Value => ({
    kind: 'arithmetic',
    op: '/',
    left: { kind: 'per', seconds: 1, of: valueIn(left) },
    right: { kind: 'number', value: 1000 },
  })

  function binary(op: BinaryOperator, left: Expression, right: Expression): Value {
    if (op === '/' && isInterval(right)) return perBucket(left)
    if (op === '/' && right.kind === 'binary' && right.op === '/' && isInterval(right.left)) {
      return { kind: 'arithmetic', op: '*', left: perBucket(left), right: valueIn(right.right) }
    }
    if (isArithmetic(op)) return { kind: 'arithmetic', op, left: valueIn(left), right: valueIn(right) }
    if (isComparison(op)) return { kind: 'compare', op, left: valueIn(left), right: valueIn(right) }
    return unsupported(op, `${op} is a condition`)
  }

  /** `c ? x : null`, where c only asks for values that are there, or above 0. */
  function choice(condition: Expression, then: Expression, otherwise: Expression): Value {
    const checks = conjunctsOf(condition)
    const isKnown = checks.every((check) => isNullCheck(check) || positiveName(check) !== undefined)
    const isZero = otherwise.kind === 'number' && otherwise.value === 0
    if (!isKnown || !(isNothing(otherwise) || isZero)) return unsupported(shown(condition), 'a condition chooses between two results')
    for (const check of checks) {
      const name = positiveName(check)
      if (name === undefined) continue
      if (meanings.name(name)?.kind === 'difference') positives.add(name)
      else differs.push(`where ${name} is not above 0 the old one shows nothing, and the new one what the arithmetic gives`)
    }
    if (isZero) differs.push('where the condition does not hold the old one shows 0, and the new one nothing')
    return valueIn(then)
  }

  function call(expression: Extract<Expression, { readonly kind: 'call' }>): Value {
    const found = meanings.call(expression, valueIn)
    if (found !== undefined) return found
    const { name, args } = expression
    const [first, second] = args
    const operator = spelledOut.get(name)
    if (operator !== undefined && first !== undefined && second !== undefined) return binary(operator, first, second)
    if (name === 'square' && first !== undefined)
      return { kind: 'arithmetic', op: '^', left: valueIn(first), right: { kind: 'number', value: 2 } }
    if (name === 'cube' && first !== undefined)
      return { kind: 'arithmetic', op: '^', left: valueIn(first), right: { kind: 'number', value: 3 } }
    if (name === 'defaults' && first !== undefined) {
      differs.push('a default stands for values that are absent in the old one only')
      return valueIn(first)
    }
    const fn = functions.get(name)
    if (
      fn !== undefined &&
      first !== undefined &&
      (args.length === 1 || (name === 'round' && second?.kind === 'number' && second.value === 0))
    ) {
      return { kind: 'function', name: fn, of: valueIn(first) }
    }
    return unsupported(shown(expression), `${name}() has no counterpart`)
  }

  function valueIn(expression: Expression): Value {
    switch (expression.kind) {
      case 'number':
        return { kind: 'number', value: expression.value }
      case 'name': {
        const value = meanings.name(expression.name)
        if (value === undefined) return unsupported(expression.name, `nothing is called ${expression.name}`)
        return value.kind === 'difference' && positives.has(expression.name) ? { ...value, positive: true } : value
      }
      case 'call':
        return call(expression)
      case 'binary':
        return binary(expression.op, expression.left, expression.right)
      case 'minus':
        return expression.of.kind === 'number'
          ? { kind: 'number', value: -expression.of.value }
          : { kind: 'arithmetic', op: '*', left: valueIn(expression.of), right: { kind: 'number', value: -1 } }
      case 'choice':
        return choice(expression.condition, expression.then, expression.else)
      default:
        return unsupported(shown(expression), 'it is no number')
    }
  }

  return { value: valueIn(expression), differs }
}
